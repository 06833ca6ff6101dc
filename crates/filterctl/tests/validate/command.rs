//! The command: exit codes, output, JSON.

use std::fs;
use std::process::Command;

use serde_json::Value;

fn validate(arguments: &[&str], text: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file.yaml"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_filterctl"));
    let output =
        command.current_dir(folder.path()).args(["validate", "file.yaml"]).args(arguments).output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn findings_stand_in_lines_that_editors_understand() {
    let (code, stdout, stderr) = validate(&[], "levle: summary\nstrict: false\nmode: observe\n");
    assert_eq!((code, stderr.as_str()), (Some(1), "filterctl: file.yaml: 1 error and 1 warning\n"));
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{stdout}");
    assert!(lines[0].starts_with("file.yaml:1:1: error: levle: unknown field `levle`"), "{stdout}");
    assert_eq!(lines[1], "    did you mean `level`?");
}

#[test]
fn warnings_do_not_fail() {
    let (code, stdout, stderr) = validate(&[], "strict: false\n");
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(
        stdout.ends_with("file.yaml: a valid configuration for the smtp filter, with warnings\n"),
        "{stdout}"
    );
}

#[test]
fn the_same_as_json() {
    let (code, stdout, _) = validate(&["--json", "--filter", "ldap"], "levle: summary\n");
    let answer: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(code, Some(1));
    assert_eq!((&answer["kind"], &answer["filter"]), (&"filter-config".into(), &"ldap".into()));
    let finding = &answer["findings"][0];
    assert_eq!(
        (&finding["line"], &finding["column"], &finding["path"]),
        (&1.into(), &1.into(), &"levle".into())
    );
    assert_eq!(
        (&finding["severity"], &finding["suggestion"]),
        (&"error".into(), &"did you mean `level`?".into())
    );
    let (code, stdout, _) = validate(&["--json"], "");
    let answer: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &answer["errors"], &answer["warnings"]), (Some(0), &0.into(), &0.into()));
}

#[test]
fn what_cannot_be_recognised_has_to_be_said() {
    let (code, _, stderr) = validate(&[], "levle: 1\n");
    assert_eq!((code, stderr.lines().count()), (Some(2), 1), "{stderr}");
    assert!(stderr.contains("say so with --as filter-config, envoy, istio or helm"), "{stderr}");
    let (code, stdout, _) = validate(&["--as", "filter-config"], "levle: 1\n");
    assert!(code == Some(1) && stdout.contains("did you mean `level`?"), "{stdout}");
}
