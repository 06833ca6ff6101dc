//! What an extension is configured with.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::workspace::Module;

/// The configuration of an extension, and the file that it came from.
#[derive(Debug)]
pub(super) struct Configuration {
    file: Option<PathBuf>,
    modified: Option<SystemTime>,
    text: Option<String>,
}

impl Configuration {
    /// The given file, else `config.json` in the module's folder, else none.
    pub(super) fn find(file: Option<&Path>, module: &Module) -> Result<Self> {
        let usual = module.folder.join("config.json");
        let file = file.map(Path::to_owned).or_else(|| usual.is_file().then_some(usual));
        let mut configuration = Self { file, modified: None, text: None };
        configuration.modified = configuration.modified();
        configuration.text = configuration.read()?;
        Ok(configuration)
    }

    /// As the module is to read it; `None` leaves everything to its defaults.
    pub(super) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Reads the file again if it has changed since the last time. One that is not there just now, because an editor
    /// is writing it, has not.
    pub(super) fn has_changed(&mut self) -> bool {
        let modified = self.modified();
        if modified.is_none() || modified == self.modified {
            return false;
        }
        let Ok(text) = self.read() else { return false };
        self.modified = modified;
        let has_changed = self.text != text;
        self.text = text;
        has_changed
    }

    fn read(&self) -> Result<Option<String>> {
        let read = |file: &PathBuf| {
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
        };
        self.file.as_ref().map(read).transpose()
    }

    fn modified(&self) -> Option<SystemTime> {
        fs::metadata(self.file.as_ref()?).ok()?.modified().ok()
    }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "config   {}", file.display()),
            None => f.write_str("config   none: --config FILE, or a config.json in the package's folder"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Writes the file, and sees to it that the change shows whatever the resolution of the file system's clock.
    fn write(file: &Path, text: &str, second: u64) {
        fs::write(file, text).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        fs::File::options().write(true).open(file).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn a_change_to_the_file_is_seen_once() {
        let folder = tempfile::tempdir().unwrap();
        let module = Module {
            name: "demo".to_owned(),
            package: "demo".to_owned(),
            folder: folder.path().to_owned(),
            kind: None,
            test_only: false,
        };
        let mut none = Configuration::find(None, &module).unwrap();
        assert!(none.text().is_none() && !none.has_changed());
        assert!(none.to_string().starts_with("config   none"), "{none}");

        let file = folder.path().join("config.json");
        write(&file, "{}", 1);
        let mut configuration = Configuration::find(None, &module).unwrap();
        assert!(!configuration.has_changed() && configuration.text() == Some("{}"));
        write(&file, "{}", 2);
        assert!(!configuration.has_changed(), "written, but not changed");
        write(&file, r#"{"a": 1}"#, 3);
        assert!(configuration.has_changed() && !configuration.has_changed());
        assert_eq!(configuration.text(), Some(r#"{"a": 1}"#));
        fs::remove_file(&file).unwrap();
        assert!(!configuration.has_changed(), "an editor may be writing it");

        let missing = Configuration::find(Some(Path::new("/no/such.json")), &module).unwrap_err();
        assert_eq!(missing.to_string(), "cannot read /no/such.json");
    }
}
