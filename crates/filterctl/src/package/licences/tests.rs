use std::path::PathBuf;

use super::*;

const LIST: &str = "[licenses]\nallow = [\"MIT\", \"Apache-2.0\", \"Unicode-3.0\"]\n";

fn component(name: &str, licence: &str, folder: PathBuf) -> Component {
    Component {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        origin: Origin::Registry { sha256: None },
        licence: licence.to_owned(),
        description: None,
        repository: None,
        folder,
        licence_file: None,
    }
}

fn with(components: impl IntoIterator<Item = Component>) -> Components {
    let linked = [("a-filter".to_owned(), components.into_iter().collect())].into();
    Components { linked, ..Components::default() }
}

#[test]
fn one_licence_of_a_choice_is_enough_and_each_of_a_conjunction_is_needed() {
    let allowed = Allowed::parse(LIST).unwrap();
    let check = |licence: &str| allowed.check(&component("x", licence, PathBuf::new()));
    for good in ["MIT", "Unlicense OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
        check(good).unwrap();
    }
    let error = check("GPL-3.0-only OR MPL-2.0").unwrap_err().to_string();
    assert_eq!(error, "x@1.0.0 is under GPL-3.0-only OR MPL-2.0, none of which deny.toml allows");
    assert!(check("MIT AND BSD-3-Clause").is_err());
    let error = check("").unwrap_err().to_string();
    assert_eq!(error, "x@1.0.0 declares no licence, so it cannot be released");
    assert!(check("whatever I like").unwrap_err().to_string().contains("no SPDX expression"));
}

#[test]
fn texts_come_from_the_packages_once_each_and_a_missing_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str, files: &[(&str, &str)]| {
        let place = folder.path().join(name);
        fs::create_dir(&place).unwrap();
        for (file, text) in files {
            fs::write(place.join(file), text).unwrap();
        }
        place
    };
    let one =
        component("one", "MIT", place("one", &[("LICENSE-MIT", "be nice \r\n"), ("lib.rs", "fn main() {}")]));
    let two = component("two", "MIT", place("two", &[("license.md", "\nbe nice\n"), ("NOTICE", "a notice")]));
    let three = component("three", "Apache-2.0", place("three", &[]));
    let allowed = Allowed::parse(LIST).unwrap();
    let found = Licences::gather(&with([one, two, three]), &allowed, None).unwrap();
    assert!(found.document.contains("### one@1.0.0, two@1.0.0\n\n````text\nbe nice\n````"));
    assert!(found.document.contains("### two@1.0.0\n\n````text\na notice\n````"));
    assert!(found.document.contains("### three@1.0.0") && found.document.contains("TERMS AND CONDITIONS"));
    assert!(found.document.contains("| one | 1.0.0 | MIT | crates.io |"));
    assert!(!found.document.contains("fn main"));

    // MIT's text names its author, whom nobody else can name.
    let without = component("four", "MIT", place("four", &[("README", "")]));
    let error = Licences::gather(&with([without]), &allowed, None).unwrap_err().to_string();
    assert_eq!(error, "four@1.0.0 is under MIT but brings no text of it: the release would lack a licence");
}

#[test]
fn a_list_that_names_no_licence_is_refused() {
    assert!(Allowed::parse("[licenses]\nallow = [\"my own\"]").is_err());
    assert!(Allowed::parse("[bans]").is_err());
}
