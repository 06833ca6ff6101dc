//! Mistakes as a user meets them: one clear line, and an exit code that says which kind of mistake it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn filterctl(arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_filterctl")).args(arguments).output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The one line that is said about a failure.
fn failure(arguments: &[&str]) -> String {
    let Said { code, stdout, stderr } = filterctl(arguments);
    assert_eq!(code, Some(1), "{arguments:?}: {stderr}");
    assert_eq!((stdout.as_str(), stderr.lines().count()), ("", 1), "{arguments:?}: {stderr}");
    stderr.strip_prefix("filterctl: ").unwrap_or_else(|| panic!("{stderr}")).trim_end().to_owned()
}

fn file(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn a_valid_configuration_is_said_to_be_one() {
    let folder = tempfile::tempdir().unwrap();
    for content in ["{}", "", r#"{"level": "detailed", "events": {"enabled": true}}"#] {
        let file = file(folder.path(), "filter.json", content);
        let path = file.to_str().unwrap();
        for (filter, options) in
            [("smtp", &[][..]), ("smtp", &["--filter", "smtp"]), ("ldap", &["--filter", "ldap"])]
        {
            let Said { code, stdout, stderr } = filterctl(&[&["validate", path], options].concat());
            assert_eq!((code, stderr.as_str()), (Some(0), ""));
            assert_eq!(stdout, format!("{path}: a valid configuration for the {filter} filter\n"));
        }
    }
}

#[test]
fn what_cannot_be_validated_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "filter.json", r#"{"limits": {"max_reply_line": true}}"#);
    let path = path.to_str().unwrap();
    let Said { code, stdout, stderr } = filterctl(&["validate", path]);
    assert_eq!((code, stderr), (Some(1), format!("filterctl: {path}: 1 error\n")));
    let place = format!("{path}:1:13: error: ");
    assert!(
        stdout.starts_with(&format!("{place}limits.max_reply_line: invalid type: boolean `true`")),
        "{stdout}"
    );
    let said = failure(&["validate", path, "--filter", "ldpa"]);
    assert!(said.starts_with("no filter is called \"ldpa\"; there are: ") && said.contains("smtp"), "{said}");
    let said = failure(&["validate", "/no/such/file.json"]);
    assert!(said.starts_with("cannot read /no/such/file.json: No such file"), "{said}");
}

#[test]
fn a_wrong_command_line_has_an_exit_code_of_its_own() {
    for arguments in [
        &["validate"][..],
        &["validate", "--no-such-option"],
        &["run", "smtp"],
        &["run", "ldap"],
        &["replay", "smtp"],
        &["replay", "ldap"],
        &["demo", "gopher"],
        &["frobnicate"],
    ] {
        let Said { code, stderr, .. } = filterctl(arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(stderr.contains("Usage: filterctl"), "{stderr}");
    }
}

#[test]
fn each_filter_has_its_subcommands() {
    for (command, words) in [
        ("demo", ["small SMTP server", "small directory"]),
        ("run", ["The smtp-filter before a mail server", "The ldap-filter before a directory"]),
        ("replay", ["through the smtp-filter", "through the ldap-filter"]),
    ] {
        let Said { stdout, .. } = filterctl(&[command, "--help"]);
        assert!(words.iter().all(|part| stdout.contains(part)), "{stdout}");
    }
}

#[test]
fn a_wrong_value_is_told_with_those_that_are_right() {
    for (arguments, right) in [
        (["new", "demo", "--kind", "tcp"], "http, network, access-logger, background-service"),
        (["run", "demo", "--listen", "here"], "ADDRESS:PORT, such as 127.0.0.1:2525, or a port alone"),
    ] {
        let Said { code, stderr, .. } = filterctl(&arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(stderr.contains(right), "{stderr}");
    }
}

#[test]
fn a_mistaken_configuration_stops_a_command_before_anything_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let config = file(folder.path(), "filter.json", r#"{"levle": "detailed"}"#);
    let recording = file(folder.path(), "talk.jsonl", r#"{"dir":"s2c","hex":"320d0a","ts":0}"#);
    let (config, recording) = (config.to_str().unwrap(), recording.to_str().unwrap());
    for arguments in [
        ["run", "smtp", "--listen", "0", "--upstream", "127.0.0.1:9", "--config", config].as_slice(),
        &["run", "ldap", "--listen", "0", "--upstream", "127.0.0.1:9", "--config", config],
        &["replay", "smtp", recording, "--config", config],
        &["replay", "ldap", recording, "--config", config],
    ] {
        let said = failure(arguments);
        assert!(said.contains("filter.json") && said.contains("levle: unknown field `levle`"), "{said}");
    }
}

#[test]
fn a_name_that_cannot_be_one_is_refused_with_one_that_can() {
    for (path, reason) in [
        ("Demo", "\"Demo\" cannot be the name of a project: 'D' is none of a-z, 0-9, - and _; demo would do"),
        ("/nowhere/2d", "/nowhere/2d: \"2d\" cannot be the name of a project: it begins with '2'"),
        ("..", ".. does not end in a name; ../my-filter would do"),
    ] {
        let Said { code, stderr, .. } = filterctl(&["new", path, "--kind", "http"]);
        assert_eq!((code, stderr.lines().count()), (Some(2), 1), "{stderr}");
        assert!(stderr.starts_with(&format!("filterctl: {reason}")), "{stderr}");
    }
    assert!(!Path::new("/nowhere").exists());
}

#[test]
fn what_cannot_be_run_is_told() {
    let said = failure(&["run", "no-such-module"]);
    assert!(
        said.starts_with("there is no module \"no-such-module\"; in /") && said.contains("smtp"),
        "{said}"
    );
    let Said { code, stderr, .. } = filterctl(&["run"]);
    assert_eq!((code, stderr.lines().count()), (Some(2), 1), "{stderr}");
    assert!(stderr.starts_with("filterctl: which extension? The current folder belongs to none"), "{stderr}");
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let said = failure(&["run", "panic-on-demand", "--upstream", &address]);
    assert!(said.contains("no server answers there"), "{said}");
    let said = failure(&["run", "panic-on-demand", "--config", "/no/such.json"]);
    assert!(said.starts_with("cannot read /no/such.json: No such file"), "{said}");
}

#[test]
fn an_envoy_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let recording = file(folder.path(), "talk.jsonl", r#"{"dir":"s2c","hex":"320d0a","ts":0}"#);
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = server.local_addr().unwrap().to_string();
    for arguments in [
        ["run", "smtp", "--listen", "0", "--upstream", &upstream, "--envoy", "/nonexistent"].as_slice(),
        &["replay", "smtp", recording.to_str().unwrap(), "--envoy", "/nonexistent"],
    ] {
        let said = failure(arguments);
        assert!(said.starts_with("/nonexistent is not a usable Envoy: "), "{said}");
    }
}

#[test]
fn a_file_that_is_no_envoy_is_named() {
    let said = failure(&["demo", "smtp", "--envoy", "/bin/true"]);
    assert!(said.starts_with("/bin/true is not a usable Envoy: its --version says "), "{said}");
}
