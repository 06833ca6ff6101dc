//! Answers that do not fit together are refused with what would be right; answers that do are always written the same.

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::{Test, config};

pub(crate) const TESTS: &[Test] = &[
    ("answers: mistakes are told with what would be right", mistakes),
    ("answers: the same answers are the same text", same),
    ("answers: a configuration file and options together", together),
    ("answers: written to a file", to_a_file),
    ("answers: the schema alone", schema),
];

/// Command lines, and what is said about them.
const MISTAKES: &[(&str, &str)] = &[
    ("smtp --for istio --listener 25 --source https://h.example/a.wasm", "needs --sha256"),
    ("smtp --for envoy --listener 25 --source oci://r.example/a:1", "--source /etc/envoy/smtp-filter.wasm"),
    ("smtp --for envoy --listener 25 --selector a=b", "--selector is for --for istio and --for helm"),
    ("smtp --for helm --listener 25 --upstream mail.example.com", "--upstream is for --for envoy"),
    ("smtp --for envoy --listener 25 --listener 127.0.0.1:25", "such as --listener relay-2=25"),
    ("smtp --for envoy --listener a=25 --listener b=25", "two listeners have the port 25"),
    ("smtp --for envoy", "--listener"),
    ("smtp --listener 25", "--for"),
    (
        "smtp --for envoy --listener 25 --reporter gatewya",
        "it is auto, inbound, outbound, gateway, unspecified",
    ),
    ("smtp --for envoy --listener 25 --level all", "it is summary, detailed"),
    ("smtp --for envoy --listener 25 --upstream submission=mail.example.com", "there are: relay"),
    (
        "smtp --for envoy --listener 25 --upstream a.example --upstream b.example",
        "say which listener each is behind",
    ),
    ("smtp --for helm --listener My_Relay=25", "such as --listener my-relay=25"),
    ("smtp --for envoy --listener mail:25", "0.0.0.0:25 or 25 would be right"),
    ("smtp --for envoy --listener 25 --source smtp.wasm", "/etc/envoy/smtp.wasm would be"),
    ("smtp --for istio --listener 25 --source http://h.example/a.wasm", "https:// would be right"),
    ("smtp --for istio --listener 25 --sha256 abc", "64 characters of 0-9 and a-f"),
    ("smtp --for envoy --listener 25 --tls 25", "--certificate"),
    ("smtp --for envoy --listener 25 --tls 465 --certificate /c --key /k", "there are: relay"),
    ("smtp --for envoy --part filter --listener 25 --listener 587", "name one --listener"),
    (
        "smtp --for istio --listener 25 --api EnvoyFilter --target-gateway x",
        "an EnvoyFilter takes --selector",
    ),
    ("smtp --for istio --listener 25 --selector app", "app=postfix"),
    ("gopher --for envoy --listener 70", "gopher"),
    ("", "which filter?"),
];

fn mistakes() -> Result<()> {
    for (line, right) in MISTAKES {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let output = Command::new(env!("CARGO_BIN_EXE_filterctl")).arg("config").args(&arguments).output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(2) && output.stdout.is_empty(), "{line}: {output:?}");
        ensure!(stderr.contains(right), "{line}: {stderr}");
    }
    Ok(())
}

fn same() -> Result<()> {
    for target in ["envoy", "istio", "helm"] {
        let arguments =
            ["ldap", "--for", target, "--listener", "389", "--listener", "gc=3268", "--level", "detailed"];
        ensure!(config(&arguments)? == config(&arguments)?, "{target}");
    }
    Ok(())
}

fn together() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("filter.yaml");
    fs::write(&file, "stat_prefix: corp\nlevel: summary\nevents: {enabled: true, identities: \"off\"}\n")?;
    let file = file.to_string_lossy();
    let base = ["smtp", "--for", "istio", "--config", &file, "--level", "detailed"];
    let one = config(&[&base[..], &["--listener", "25"]].concat())?;
    let plugin: Value = serde_saphyr::from_str(&one)?;
    let expected = serde_json::json!({
        "stat_prefix": "corp", "reporter": "inbound", "level": "detailed", "events": {"enabled": true, "identities": "off"},
    });
    ensure!(plugin["spec"]["pluginConfig"] == expected, "{one}");
    let two =
        config(&[&base[..], &["--listener", "25", "--listener", "587", "--stat-prefix", "x"]].concat())?;
    ensure!(two.contains("stat_prefix: x-relay") && two.contains("stat_prefix: x-submission"), "{two}");
    // What the filter would refuse is refused here, with its place.
    fs::write(file.as_ref(), "levle: summary\n")?;
    let error = config(&[&base[..], &["--listener", "25"]].concat()).unwrap_err().to_string();
    ensure!(
        error.contains("filter.yaml:1:1: error: levle: unknown field")
            && error.contains("did you mean `level`?"),
        "{error}"
    );
    Ok(())
}

fn to_a_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("values.yaml");
    let arguments = ["smtp", "--for", "helm", "--listener", "25"];
    let printed = config(&arguments)?;
    let nothing = config(&[&arguments[..], &["--output", &file.to_string_lossy()]].concat())?;
    ensure!(nothing.is_empty() && fs::read_to_string(file)? == printed, "{nothing}");
    Ok(())
}

fn schema() -> Result<()> {
    for filter in filterctl::filters::FILTERS {
        let schema: Value = serde_json::from_str(&config(&[filter.name, "--schema"])?)?;
        ensure!(schema == filter.schema(), "{schema}");
    }
    Ok(())
}
