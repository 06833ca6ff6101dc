//! Archives whose octets depend on nothing but what is in them: no owner, no order of a file system, no time of day.

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use std::io::{Read, Write};
use tar::{Builder, EntryType, Header, HeaderMode};

/// "Unknown" in the header of RFC 1952: which system wrote it says nothing about what is in it.
const UNKNOWN_SYSTEM: u8 = 255;
/// Whoever unpacks it may read it.
const MODE: u32 = 0o644;

/// A tar archive (ustar) of these files, each a path and its contents, in the order given. All carry `time`, in seconds
/// since 1970.
///
/// # Errors
/// When a path does not fit into a header.
pub(super) fn tar(files: &[(String, Vec<u8>)], time: u64) -> Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    builder.mode(HeaderMode::Deterministic);
    for (path, contents) in files {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(contents.len() as u64);
        header.set_mode(MODE);
        header.set_mtime(time);
        header.set_uid(0);
        header.set_gid(0);
        builder
            .append_data(&mut header, path, contents.as_slice())
            .with_context(|| format!("putting {path} into an archive"))?;
    }
    Ok(builder.into_inner()?)
}

/// Compresses (RFC 1952), without a name and without a time in the header.
///
/// # Errors
/// None in practice: it writes into memory.
pub(super) fn gzip(contents: &[u8]) -> Result<Vec<u8>> {
    let mut encoder =
        GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM).write(Vec::new(), Compression::best());
    encoder.write_all(contents)?;
    Ok(encoder.finish()?)
}

/// What [`gzip`] compressed; nothing above `limit` octets.
///
/// # Errors
/// When it is not gzip, or larger.
pub(super) fn gunzip(compressed: &[u8], limit: u64) -> Result<Vec<u8>> {
    let mut contents = Vec::new();
    let read = flate2::read::GzDecoder::new(compressed).take(limit + 1).read_to_end(&mut contents)?;
    anyhow::ensure!(read as u64 <= limit, "more than {limit} octets when unpacked");
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_holds_what_was_put_in_and_nothing_of_this_machine() {
        let long = format!("a/{}/{}", "b".repeat(90), "c".repeat(60));
        let files = [(long.clone(), b"one".to_vec()), ("plugin.wasm".to_owned(), vec![0; 1000])];
        let archive = tar(&files, 1_700_000_000).unwrap();
        let mut read = tar::Archive::new(archive.as_slice());
        let mut found = Vec::new();
        for entry in read.entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header().clone();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            assert_eq!((header.mtime().unwrap(), header.mode().unwrap()), (1_700_000_000, MODE));
            let path = entry.path().unwrap().display().to_string();
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents).unwrap();
            found.push((path, contents));
        }
        assert_eq!(found, files);
        assert_eq!(archive, tar(&files, 1_700_000_000).unwrap());
    }

    #[test]
    fn gzip_carries_no_time_and_a_bomb_is_refused() {
        let compressed = gzip(&[b'x'; 10_000]).unwrap();
        assert_eq!(&compressed[..10], &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, UNKNOWN_SYSTEM]);
        assert_eq!(gunzip(&compressed, 10_000).unwrap(), [b'x'; 10_000]);
        assert!(gunzip(&compressed, 9_999).unwrap_err().to_string().contains("more than 9999"));
        assert!(gunzip(b"no gzip", 10).is_err());
    }
}
