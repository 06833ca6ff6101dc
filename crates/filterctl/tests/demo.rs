//! The demo as a user runs it: everything is built, installed and started by the one command.

use std::process::{Command, Output};

use serde_json::Value;

fn demo(filter: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_filterctl")).args(["demo", filter]).args(arguments).output().unwrap()
}

/// What a demo that goes well reports. Standard output holds the one document and nothing else.
fn report(filter: &str, arguments: &[&str]) -> Value {
    let output = demo(filter, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("equal: filter, server and application agree"), "{stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["filter"], filter);
    assert!(report["envoy"].as_str().unwrap().starts_with("1."));
    report
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
fn filter_server_and_application_count_the_same_mails() {
    let report = report("smtp", &["--for", "6s", "--every", "100ms", "--json"]);

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
fn filter_server_and_application_count_the_same_logins() {
    let report = report("ldap", &["--for", "6s", "--every", "50ms", "--json"]);

    // The comparison is what the command says; here the numbers themselves are compared once more.
    let (server, application) = (&report["server"]["clear"], &report["application"]["clear"]);
    for operation in ["bind", "search", "add", "modify", "compare", "delete", "extended", "abandon", "unbind"]
    {
        let requests = sum(&report, "ldap_requests_total", &[("operation", operation)]);
        assert!(requests > 0, "no {operation} in {report:#}");
        assert_eq!(requests, server["requests"][operation].as_u64().unwrap(), "{operation}");
        assert_eq!(requests, application["requests"][operation].as_u64().unwrap(), "{operation}");
    }
    for reason in ["wrong_password", "unknown_user"] {
        let failures = sum(&report, "ldap_bind_failures_total", &[("reason", reason)]);
        assert!(failures > 0, "nobody failed by {reason}");
        assert_eq!(failures, server["bind_failures"][reason].as_u64().unwrap(), "{reason}");
    }
    let entries = sum(&report, "ldap_entries_total", &[]);
    assert!(entries > 3_000, "there was no expensive search");
    assert_eq!(entries, application["entries"].as_u64().unwrap());
    for limit in ["size", "time"] {
        assert!(sum(&report, "ldap_search_limit_hits_total", &[("limit", limit)]) > 0, "{limit}");
    }
    assert!(sum(&report, "ldap_search_kinds_total", &[("kind", "paged_next")]) > 0);

    // What StartTLS hides is counted as hidden, and the two ends agree about it.
    let hidden = sum(&report, "ldap_connections_total", &[("visibility", "starttls")]);
    assert!(hidden > 0, "{report:#}");
    assert_eq!(hidden, report["application"]["starttls"]["connections"].as_u64().unwrap());
    let binds = |end: &str| report[end]["starttls"]["requests"]["bind"].as_u64().unwrap();
    assert!(binds("server") > 0);
    assert_eq!(binds("server"), binds("application"));

    // Histograms are final as well: one observation per answer.
    let answered = sum(&report, "ldap_responses_total", &[]);
    assert_eq!(sum(&report, "ldap_operation_latency_microseconds", &[]), answered);
}

#[test]
fn a_wrong_configuration_is_refused_at_once_with_the_field_s_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("filter.json");
    for (filter, configuration, field) in [
        ("smtp", "{\"levle\": \"detailed\"}", "levle"),
        ("smtp", "{\"level\": \"huge\"}", "level"),
        ("ldap", "{\"levle\": \"detailed\"}", "levle"),
    ] {
        std::fs::write(&file, configuration).unwrap();
        let output = demo(filter, &["--config", file.to_str().unwrap()]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("filter.json") && stderr.contains(field), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn what_is_no_envoy_is_refused_in_one_line() {
    let output = demo("ldap", &["--envoy", "/no/such/envoy"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.contains("/no/such/envoy"), "{stderr}");
}
