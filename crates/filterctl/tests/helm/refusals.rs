//! Wrong values are refused, by a message that names them.

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use crate::OfHelm;
use crate::helm::{Helm, values_file};

pub(crate) const TESTS: &[OfHelm] = &[
    ("wrong values are refused by name", wrong_values),
    ("what needs a newer Istio is refused", older_istio),
    ("near misses are taken", near_misses),
];

/// Values that are right.
fn right() -> Value {
    json!({"filters": [{
        "name": "relay",
        "filter": "smtp",
        "placement": "sidecar-inbound",
        "selector": {"app": "mail"},
        "listeners": [{"port": 587, "portName": "tcp-smtp"}],
        "source": {"oci": "registry.example.com/envoy-filters/smtp-filter:0.1.0"},
    }]})
}

/// The right values with the entry's fields changed; `null` takes one away.
fn with(changes: &Value) -> Value {
    let mut values = right();
    for (field, value) in changes.as_object().into_iter().flatten() {
        if let Some(entry) = values["filters"][0].as_object_mut() {
            match value {
                Value::Null => drop(entry.remove(field)),
                value => drop(entry.insert(field.clone(), value.clone())),
            }
        }
    }
    values
}

fn refused(helm: &Helm, values: &Value, more: &[&str], words: &[&str]) -> Result<()> {
    let said = helm.template(&values_file(values)?, more)?;
    if said.succeeded {
        bail!("it was taken: {values}");
    }
    for word in words {
        ensure!(said.stderr.contains(word), "{values} is refused without {word:?}: {}", said.stderr);
    }
    Ok(())
}

fn taken(helm: &Helm, values: &Value, more: &[&str]) -> Result<()> {
    let said = helm.template(&values_file(values)?, more)?;
    ensure!(said.succeeded, "{values} is refused: {}", said.stderr);
    Ok(())
}

fn wrong_values(helm: &Helm) -> Result<()> {
    let https = "https://downloads.example.com/smtp-filter.wasm";
    let cases: [(Value, &[&str]); 26] = [
        (json!({"config": {"levle": "detailed"}}), &["levle"]),
        (json!({"config": {"limits": {"max_reply_octets": 1}}}), &["max_reply_octets"]),
        (json!({"config": {"mode": false}}), &["mode"]),
        (json!({"filter": "ldap", "config": {"limits": {"max_reply_octets": 2048}}}), &["max_reply_octets"]),
        (json!({"filter": "ldap", "config": {"events": {"identities": "domain"}}}), &["identities", "ldap"]),
        (json!({"source": {"https": https}}), &["relay", "source.sha256", https]),
        (json!({"source": {"https": "http://plain.example/x.wasm"}}), &["http://plain.example/x.wasm"]),
        (json!({"source": {"https": https, "sha256": "ABC"}}), &["sha256"]),
        (json!({"source": {}}), &["source", "exactly one of"]),
        (json!({"source": {"oci": "a/b:1", "file": "/x.wasm"}}), &["oci and file"]),
        (json!({"source": {"file": "x.wasm"}}), &["x.wasm", "absolute path"]),
        (json!({"source": {"oci": https}}), &[https, "image reference"]),
        (json!({"listeners": [{"port": 587, "portName": "smtp"}]}), &["\"smtp\"", "587", "tcp-smtp"]),
        (json!({"listeners": [{"port": 25, "appProtocol": "http"}]}), &["\"http\"", "appProtocol"]),
        (json!({"listeners": []}), &["listeners"]),
        (json!({"listeners": [{}]}), &["port"]),
        (json!({"listeners": [{"port": 70000}]}), &["70", "65"]),
        (json!({"listeners": [{"port": 25}, {"port": 25}]}), &["listeners[1].port", "25"]),
        (json!({"placement": "ambient"}), &["placement", "sidecar-inbound"]),
        (json!({"selector": null}), &["selector", "namespaceWide"]),
        (
            json!({"selector": null, "targetRefs": [{"kind": "Gateway", "name": "g"}]}),
            &["targetRefs", "sidecar-inbound"],
        ),
        (json!({"vmId": "one"}), &["vmId", "EnvoyFilter", "WasmPlugin"]),
        (json!({"restrictCapabilities": true}), &["restrictCapabilities", "EnvoyFilter"]),
        (
            json!({"api": "EnvoyFilter", "imagePullSecret": "mine"}),
            &["imagePullSecret", "mine", "EnvoyFilter"],
        ),
        (json!({"external": {"hosts": ["mx.example"]}}), &["external", "sidecar-inbound"]),
        (json!({"name": "Mail_Relay"}), &["name"]),
    ];
    for (changes, words) in &cases {
        refused(helm, &with(changes), &[], words)?;
    }
    let mut twice = right();
    if let Some(filters) = twice["filters"].as_array_mut() {
        filters.push(filters[0].clone());
    }
    refused(helm, &twice, &[], &["filters[1].name", "\"relay\""])?;
    refused(helm, &json!({"filter": []}), &[], &["filter"])?;
    let threshold = json!({"monitoring": {"prometheusRule":
        {"enabled": true, "requireCrd": false, "thresholds": {"no_such_threshold": 1}}}});
    refused(helm, &threshold, &[], &["no_such_threshold"])
}

fn older_istio(helm: &Helm) -> Result<()> {
    let extension = with(&json!({"api": "TrafficExtension"}));
    // A cluster with an older Istio: it serves the one, not the other.
    let old = ["--api-versions", "extensions.istio.io/v1alpha1/WasmPlugin"];
    refused(helm, &extension, &old, &["TrafficExtension", "1.30", "WasmPlugin"])?;
    taken(helm, &extension, &[])?;
    taken(helm, &extension, &[&old[..], &["--set", "istio.skipApiCheck=true"]].concat())?;
    let both = ["--api-versions", "extensions.istio.io/v1alpha1/TrafficExtension"];
    taken(helm, &extension, &[&old[..], &both].concat())?;
    let version = |version: &str| format!("istio.version={version}");
    refused(helm, &extension, &["--set-string", &version("1.29")], &["TrafficExtension", "1.30", "1.29"])?;
    taken(helm, &extension, &["--set-string", &version("1.30")])?;
    refused(helm, &right(), &["--set-string", &version("1.19.4")], &["WasmPlugin", "1.20", "1.19.4"])?;
    let reload = with(&json!({"failStrategy": "FAIL_RELOAD"}));
    refused(helm, &reload, &["--set-string", &version("1.26")], &["FAIL_RELOAD", "1.27"])?;
    taken(helm, &reload, &["--set-string", &version("1.31")])
}

/// What looks like the mistakes above and is none.
fn near_misses(helm: &Helm) -> Result<()> {
    let sha256 = "a".repeat(64);
    for changes in [
        json!({}),
        json!({"config": {"mode": "off"}}),
        json!({"config": {"events": {"identities": "domain"}}}),
        json!({"source": {"https": "https://downloads.example.com/x.wasm", "sha256": sha256}}),
        json!({"source": {"oci": "oci://registry.example.com:5000/smtp-filter@sha256:0"}}),
        json!({"listeners": [{"port": 587, "portName": "smtp", "appProtocol": "tcp"}]}),
        json!({"listeners": [{"port": 465, "portName": "tls-smtps"}]}),
        json!({"listeners": [{"port": 25, "portName": "tcp"}, {"port": 587}]}),
        json!({"selector": null, "namespaceWide": true}),
        json!({"api": "EnvoyFilter", "vmId": "one", "restrictCapabilities": true}),
    ] {
        taken(helm, &with(&changes), &[])?;
    }
    // A chart that has this one below it hands down `global`.
    let mut below = right();
    below["global"] = json!({"imageRegistry": "registry.example.com"});
    taken(helm, &below, &[])
}
