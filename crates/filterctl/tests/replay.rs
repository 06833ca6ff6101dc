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

fn replay(file: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_filterctl"));
    command.args(["replay", "smtp"]).arg(file).args(arguments).output().unwrap()
}

#[test]
fn a_conversation_arrives_unchanged_and_counts_the_same_however_it_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.jsonl");
    let hex = |text: &str| text.bytes().map(|octet| format!("{octet:02x}")).collect::<String>();
    let lines = CONVERSATION.map(|(dir, text)| json!({"dir": dir, "hex": hex(text)}).to_string());
    std::fs::write(&file, lines.join("\n")).unwrap();

    let output = replay(&file, &["--json"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let played = report["conversations"][0]["played"].as_array().unwrap();
    let cuttings: Vec<&Value> = played.iter().map(|one| &one["cutting"]).collect();
    assert_eq!(cuttings, ["as_recorded", "octet_by_octet", "coalesced"]);
    assert!(played.iter().all(|one| one["unchanged"] == true), "{report:#}");

    let counted = |name: &str, labels: Value| {
        let comparison = report["comparison"].as_array().unwrap();
        let found = comparison.iter().find(|one| one["name"] == name && one["labels"] == labels);
        found.map(|one| one["values"].clone()).unwrap_or_default()
    };
    let each = |number: f64| json!({"as_recorded": number, "octet_by_octet": number, "coalesced": number});
    assert_eq!(counted("smtp_transactions_total", json!({"outcome": "accepted"})), each(1.0));
    assert_eq!(counted("smtp_commands_total", json!({"verb": "RCPT"})), each(2.0));
    assert_eq!(counted("smtp_recipients_total", json!({"outcome": "rejected_5xx"})), each(1.0));
    assert_eq!(counted("smtp_end_of_data_latency_microseconds_count", json!({})), each(1.0));

    // For people there is a table instead.
    let text = replay(&file, &[]);
    let text = String::from_utf8_lossy(&text.stdout);
    assert!(
        text.contains("as recorded: unchanged; octet by octet: unchanged; coalesced: unchanged"),
        "{text}"
    );
    assert!(text.contains("smtp_commands_total{verb=\"RCPT\"}"), "{text}");
}

#[test]
fn what_cannot_be_read_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "220 mail.example\r\n").unwrap();
    let Output { status, stderr, .. } = replay(&file, &[]);
    let stderr = String::from_utf8_lossy(&stderr);
    assert_eq!((status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.contains("notes.txt") && stderr.contains("pcap"), "{stderr}");
}
