//! The demo as a user runs it: everything is built, installed and started by the one command.

use std::process::{Command, Output};

use serde_json::Value;

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_filterctl")).args(["demo", "smtp"]).args(arguments).output().unwrap()
}

/// The sum of a metric over all series that have these labels; of a histogram its count.
fn sum(report: &Value, name: &str, labels: &[(&str, &str)]) -> u64 {
    let metrics = report["metrics"].as_array().unwrap();
    let found = metrics.iter().filter(|metric| {
        metric["name"] == name && labels.iter().all(|(label, value)| metric["labels"][label] == *value)
    });
    let value =
        |metric: &Value| metric["value"].as_f64().or_else(|| metric["value"]["count"].as_f64()).unwrap();
    found.map(value).sum::<f64>() as u64
}

#[test]
fn filter_server_and_application_count_the_same() {
    let output = demo(&["--for", "6s", "--every", "100ms", "--json"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("equal: filter, server and application agree"), "{stderr}");

    // Standard output holds the one document and nothing else.
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["filter"], "smtp");
    assert!(report["envoy"].as_str().unwrap().starts_with("1."));

    // The comparison is what the command says; here the numbers themselves are compared once more.
    let transactions = |outcome| sum(&report, "smtp_transactions_total", &[("outcome", outcome)]);
    let (server, application) = (&report["server"]["clear"], &report["application"]["clear"]);
    assert!(transactions("accepted") > 0 && transactions("rejected") > 0, "{report:#}");
    assert_eq!(transactions("accepted"), server["transactions_accepted"].as_u64().unwrap());
    assert_eq!(transactions("accepted"), application["mails_accepted"].as_u64().unwrap());
    assert_eq!(transactions("rejected"), application["mails_rejected"].as_u64().unwrap());
    let accepted = sum(&report, "smtp_recipients_total", &[("outcome", "accepted")]);
    let refused = sum(&report, "smtp_recipients_total", &[]) - accepted;
    assert!(refused > 0, "{report:#}");
    assert_eq!(refused, server["recipients_refused"].as_u64().unwrap());
    assert_eq!(refused, application["recipients_refused"].as_u64().unwrap());

    // What STARTTLS hides is counted as hidden.
    let hidden = sum(&report, "smtp_connections_total", &[("visibility", "starttls")]);
    assert!(hidden > 0, "{report:#}");
    assert_eq!(hidden, report["application"]["starttls"]["connections"].as_u64().unwrap());
    assert!(sum(&report, "smtp_bytes_total", &[("visibility", "starttls")]) > 0);

    // Histograms are final as well: one observation per greeting, and per mail that was answered.
    let greetings = sum(&report, "smtp_greetings_total", &[]);
    assert_eq!(sum(&report, "smtp_greeting_latency_microseconds", &[]), greetings);
    let answered = transactions("accepted") + transactions("rejected");
    assert_eq!(sum(&report, "smtp_transaction_duration_microseconds", &[]), answered);
}

#[test]
fn a_wrong_configuration_is_refused_at_once_with_the_field_s_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("filter.json");
    for (configuration, field) in [("{\"levle\": \"detailed\"}", "levle"), ("{\"level\": \"huge\"}", "level")]
    {
        std::fs::write(&file, configuration).unwrap();
        let output = demo(&["--config", file.to_str().unwrap()]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("filter.json") && stderr.contains(field), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn what_is_no_envoy_is_refused_in_one_line() {
    let output = demo(&["--envoy", "/no/such/envoy"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.contains("/no/such/envoy"), "{stderr}");
}
