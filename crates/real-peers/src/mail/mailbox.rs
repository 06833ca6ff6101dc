//! What a server delivered.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::waiting::wait_until;

/// The folder that a server delivers into, as Maildirs.
#[derive(Clone, Debug)]
pub struct Mailbox {
    folder: PathBuf,
}

/// One delivered copy of a message. A message with three accepted recipients is delivered three times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The file's content, with CRLF line ends (Maildirs are kept with LF).
    pub octets: Vec<u8>,
}

impl Mailbox {
    pub(super) fn of(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// What was delivered so far, in no particular order.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn delivered(&self) -> Result<Vec<Delivered>> {
        let mut found = Vec::new();
        for mailbox in fs::read_dir(&self.folder)? {
            // A Maildir's delivery is complete when its file is moved to `new`.
            let Ok(files) = fs::read_dir(mailbox?.path().join("new")) else { continue };
            for file in files {
                found.push(Delivered { octets: with_crlf(&fs::read(file?.path())?) });
            }
        }
        Ok(found)
    }

    /// Waits until `count` copies were delivered, and returns all that are there then.
    ///
    /// # Errors
    /// When they do not come, or a file cannot be read.
    pub fn wait_for(&self, count: usize) -> Result<Vec<Delivered>> {
        wait_until(&format!("{count} delivered copies"), || {
            let delivered = self.delivered()?;
            Ok((delivered.len() >= count).then_some(delivered))
        })
    }
}

/// Header fields that a server puts in front of what it received (RFC 5321 section 4.4, and their relatives).
const TRACE: [&[u8]; 6] =
    [b"return-path:", b"received:", b"x-original-to:", b"delivered-to:", b"envelope-to:", b"delivery-date:"];

impl Delivered {
    /// Whether this is exactly the message that was sent, behind nothing but the server's trace header
    /// fields.
    #[must_use]
    pub fn carries(&self, sent: &[u8]) -> bool {
        self.octets.strip_suffix(sent).is_some_and(only_trace)
    }
}

/// Whether there is nothing but trace header fields, each with its continuation lines.
fn only_trace(header: &[u8]) -> bool {
    header.split_inclusive(|&octet| octet == b'\n').all(|line| {
        let name: Vec<u8> = line.iter().take(16).map(u8::to_ascii_lowercase).collect();
        line.starts_with(b" ") || line.starts_with(b"\t") || TRACE.iter().any(|field| name.starts_with(field))
    })
}

fn with_crlf(stored: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(stored.len() + stored.len() / 32);
    for &octet in stored {
        if octet == b'\n' && octets.last() != Some(&b'\r') {
            octets.push(b'\r');
        }
        octets.push(octet);
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(stored: &str) -> Delivered {
        Delivered { octets: with_crlf(stored.as_bytes()) }
    }

    #[test]
    fn trace_in_front_is_no_difference() {
        let one = delivered("Return-Path: <a@client.test>\nReceived: from x\n\tby y\nSubject: s\n\nhi\n");
        assert!(one.carries(b"Subject: s\r\n\r\nhi\r\n"));
    }

    #[test]
    fn any_other_octet_is_one() {
        assert!(!delivered("X-Spam: no\nSubject: s\n\nhi\n").carries(b"Subject: s\r\n\r\nhi\r\n"));
        assert!(!delivered("Subject: s\n\nhi!\n").carries(b"Subject: s\r\n\r\nhi\r\n"));
    }
}
