//! Room on the disk: what a build does when there is none left reads like anything but that.

use std::path::Path;

/// What a whole run takes beneath `target` at most, in GB. Measured: 23 with incremental builds and everybody's debug
/// information, 11 with the environment that `.ci/run` sets.
const WHOLE_RUN: u64 = 25;

/// What to say where less is free at `folder` than a run from nothing takes. Not an error: much may be built already.
pub(super) fn shortage(folder: &Path) -> Option<String> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    message(folder, disk.f_bavail.saturating_mul(disk.f_frsize) / 1_000_000_000)
}

fn message(folder: &Path, free: u64) -> Option<String> {
    (free < WHOLE_RUN).then(|| {
        format!(
            "{free} GB are free at {}; a run from nothing takes up to {WHOLE_RUN} GB: should it end with `No space left on \
             device`, make room there (`cargo clean` removes what was built)",
            folder.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_disk_is_named() {
        let message = message(Path::new("/here"), 7).unwrap();
        assert!(message.starts_with("7 GB are free at /here; "), "{message}");
    }

    #[test]
    fn a_large_one_is_not() {
        assert_eq!(message(Path::new("/here"), WHOLE_RUN), None);
    }

    #[test]
    fn a_folder_that_is_not_there_says_nothing() {
        assert_eq!(shortage(Path::new("/not/there")), None);
    }
}
