//! `filterctl replay` through a real Envoy.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

const CONVERSATION: [(&str, &str); 14] = [
    ("s2c", "220 mail.example ESMTP\r\n"),
    ("c2s", "EHLO client\r\n"),
    ("s2c", "250-mail.example\r\n250-PIPELINING\r\n"),
    ("s2c", "250 SIZE 1000\r\n"),
    (
        "c2s",
        "MAIL FROM:<a@b.example>\r\nRCPT TO:<ops@mail.example>\r\nRCPT TO:<nobody@mail.example>\r\nDATA\r\n",
    ),
    ("s2c", "250 2.1.0 ok\r\n"),
    ("s2c", "250 2.1.5 ok\r\n550 5.1.1 no such user\r\n354 go on\r\n"),
    ("c2s", "Subject: hi\r\n\r\n..dot\r\n"),
    ("c2s", "."),
    ("c2s", "\r"),
    ("c2s", "\n"),
    ("s2c", "250 2.0.0 taken\r\n"),
    ("c2s", "QUIT\r\n"),
    ("s2c", "221 2.0.0 bye\r\n"),
];

/// A bind as cn=x with the password y, refused, a search for it in dc=x, which finds one entry, and an unbind:
/// RFC 4511, sections 4.2, 4.5 and 4.3. Some lengths are written as Active Directory does.
const LOGIN: [(&str, &[u8]); 7] = [
    ("c2s", b"\x30\x11\x02\x01\x01\x60\x0c\x02\x01\x03\x04\x04cn=x"),
    ("c2s", b"\x80\x01y"),
    ("s2c", b"\x30\x84\x00\x00\x00\x10\x02\x01\x01\x61\x84\x00\x00\x00\x07\x0a\x01\x31\x04\x00\x04\x00"),
    (
        "c2s",
        b"\x30\x25\x02\x01\x02\x63\x20\x04\x04dc=x\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\
          \xa3\x07\x04\x02cn\x04\x01x\x30\x00",
    ),
    ("s2c", b"\x30\x12\x02\x01\x02\x64\x0d\x04\x09cn=x,dc=x\x30\x00"),
    ("s2c", b"\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x00\x04\x00\x04\x00"),
    ("c2s", b"\x30\x05\x02\x01\x03\x42\x00"),
];

fn replay(filter: &str, file: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_filterctl"));
    command.args(["replay", filter]).arg(file).args(arguments).output().unwrap()
}

/// Writes a recording.
fn write<'a>(file: &Path, talk: impl IntoIterator<Item = (&'a str, &'a [u8])>) {
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let line = |(dir, octets): (&str, &[u8])| json!({"dir": dir, "hex": hex(octets)}).to_string();
    let lines: Vec<String> = talk.into_iter().map(line).collect();
    std::fs::write(file, lines.join("\n")).unwrap();
}

/// Plays a recording and returns the report, after asserting that every octet arrived.
fn report(filter: &str, file: &Path) -> Value {
    let output = replay(filter, file, &["--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let played = report["conversations"][0]["played"].as_array().unwrap();
    let cuttings: Vec<&Value> = played.iter().map(|one| &one["cutting"]).collect();
    assert_eq!(cuttings, ["as_recorded", "octet_by_octet", "coalesced"]);
    assert!(played.iter().all(|one| one["unchanged"] == true), "{report:#}");
    report
}

/// What a metric counted in each cutting.
fn counted(report: &Value, name: &str, labels: &Value) -> Value {
    let comparison = report["comparison"].as_array().unwrap();
    let found = comparison.iter().find(|one| one["name"] == name && one["labels"] == *labels);
    found.map(|one| one["values"].clone()).unwrap_or_default()
}

/// The same number in each cutting.
fn each(number: f64) -> Value {
    json!({"as_recorded": number, "octet_by_octet": number, "coalesced": number})
}

#[test]
fn a_conversation_arrives_unchanged_and_counts_the_same_however_it_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.jsonl");
    write(&file, CONVERSATION.map(|(dir, text)| (dir, text.as_bytes())));
    let report = report("smtp", &file);
    for (name, labels, number) in [
        ("smtp_transactions_total", json!({"outcome": "accepted"}), 1.0),
        ("smtp_commands_total", json!({"verb": "RCPT"}), 2.0),
        ("smtp_recipients_total", json!({"outcome": "rejected_5xx"}), 1.0),
        ("smtp_end_of_data_latency_microseconds_count", json!({}), 1.0),
    ] {
        assert_eq!(counted(&report, name, &labels), each(number), "{name}");
    }

    // For people there is a table instead.
    let text = replay("smtp", &file, &[]);
    let text = String::from_utf8_lossy(&text.stdout);
    assert!(
        text.contains("as recorded: unchanged; octet by octet: unchanged; coalesced: unchanged"),
        "{text}"
    );
    assert!(text.contains("smtp_commands_total{verb=\"RCPT\"}"), "{text}");
}

#[test]
fn a_login_counts_the_same_however_it_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("login.jsonl");
    write(&file, LOGIN);
    let report = report("ldap", &file);
    for (name, labels, number) in [
        ("ldap_requests_total", json!({"operation": "bind"}), 1.0),
        ("ldap_requests_total", json!({"operation": "search"}), 1.0),
        ("ldap_results_total", json!({"result": "invalidCredentials"}), 1.0),
        ("ldap_results_total", json!({"result": "success"}), 1.0),
        ("ldap_bind_failures_total", json!({"reason": "invalid_credentials"}), 1.0),
        ("ldap_search_scopes_total", json!({"scope": "sub"}), 1.0),
        ("ldap_entries_total", json!({}), 1.0),
        ("ldap_connections_closed_total", json!({"ending": "unbind"}), 1.0),
        ("ldap_operation_latency_microseconds_count", json!({"operation": "search"}), 1.0),
    ] {
        assert_eq!(counted(&report, name, &labels), each(number), "{name} {labels}: {report:#}");
    }
}

#[test]
fn a_signed_session_with_active_directory_counts_the_same_however_it_is_cut() {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ldap-filter/recordings/ldap");
    let report = report("ldap", &recordings.join("samba-ldap-utils-gssapi-signed.jsonl"));
    let searches = counted(&report, "ldap_requests_total", &json!({"operation": "search"}));
    assert!(searches["as_recorded"].as_f64().is_some_and(|searches| searches >= 1.0), "{report:#}");
    assert_eq!(searches, each(searches["as_recorded"].as_f64().unwrap()));
    let signed = counted(&report, "ldap_sasl_buffers_total", &json!({"protection": "signed"}));
    assert!(signed["as_recorded"].as_f64().is_some_and(|signed| signed >= 2.0), "{report:#}");
    assert_eq!(signed, each(signed["as_recorded"].as_f64().unwrap()));
}

#[test]
fn what_cannot_be_read_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "220 mail.example\r\n").unwrap();
    let Output { status, stderr, .. } = replay("ldap", &file, &[]);
    let stderr = String::from_utf8_lossy(&stderr);
    assert_eq!((status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.contains("notes.txt") && stderr.contains("pcap"), "{stderr}");
}
