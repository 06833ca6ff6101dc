//! Values for the Helm chart. What is right is what `filterctl config` writes; each test breaks it in one place.

use crate::envoy::{changed, written};
use crate::{assert_found, findings};

fn values() -> String {
    written(&[
        "smtp",
        "--for",
        "helm",
        "--listener",
        "25",
        "--selector",
        "app=postfix",
        "--level",
        "detailed",
    ])
}

fn found(source: &str) -> Vec<String> {
    findings("values.yaml", source, None, None)
}

#[test]
fn what_is_right_is_not_complained_about() {
    for api in ["WasmPlugin", "TrafficExtension", "EnvoyFilter"] {
        for placement in ["sidecar-inbound", "sidecar-outbound", "gateway", "egress"] {
            let arguments =
                ["ldap", "--for", "helm", "--api", api, "--placement", placement, "--listener", "389"];
            assert_found(&found(&written(&arguments)), &[]);
        }
    }
    assert_found(&found("filters: []\n"), &[]);
}

#[test]
fn each_mistake_is_told() {
    for (from, to, expected) in [
        (
            "level: detailed",
            "levle: detailed",
            "… error: filters[0].config.levle: unknown field…(did you mean `level`?)",
        ),
        ("level: detailed", "mode: off", "… error: filters[0].config.mode: …write mode: \"off\""),
        (
            "filter: smtp",
            "filter: smpt",
            "… error: filters[0].filter: \"smpt\" is not known here (did you mean `smtp`?)",
        ),
        (
            "placement: sidecar-inbound",
            "placement: sidecar",
            "… error: filters[0].placement: …did you mean `sidecar-inbound`?",
        ),
        (
            "failStrategy: FAIL_OPEN",
            "failStrategie: FAIL_OPEN",
            "… error: filters[0].failStrategie: unknown field…(did you mean `failStrategy`?)",
        ),
        (
            "port: 25",
            "port: 70000",
            "… error: filters[0].listeners[0].port: 70000 is greater than the maximum of 65535",
        ),
        ("port: 25", "port: \"25\"", "… error: filters[0].listeners[0].port: \"25\" is not of type"),
        ("  - name: relay\n    filter", "  - filter", "… error: filters[0]: name is missing"),
    ] {
        let found = found(&changed(&values(), from, to));
        assert_found(&found, &[expected]);
    }
}

#[test]
fn the_rules_of_the_chart_hold_here_too() {
    let https = changed(
        &values(),
        "oci: registry.example.com/envoy-filters/smtp-filter:0.1.0",
        "https: https://h.example/smtp-filter.wasm",
    );
    let found_there = found(&https);
    assert!(
        found_there.iter().any(|it| it.contains("error: filters[0].source") && it.contains("sha256")),
        "{found_there:#?}"
    );
    let both = changed(&values(), "    source:\n", "    source:\n      file: /etc/envoy/smtp-filter.wasm\n");
    assert!(found(&both).iter().any(|it| it.contains("error: filters[0].source")), "{:#?}", found(&both));
    let port = changed(&values(), "port: 25\n", "port: 25\n        portName: smtp\n");
    assert!(
        found(&port).iter().any(|it| it.contains("portName") && it.contains("tcp-smtp")),
        "{:#?}",
        found(&port)
    );
    let neither = changed(&values(), "    selector:\n      app: postfix\n", "");
    assert!(found(&neither).iter().any(|it| it.contains("selector")), "{:#?}", found(&neither));
    let two = values() + values().split_once("filters:\n").unwrap().1;
    assert!(
        found(&two).iter().any(|it| it.contains("filters[1].name: two filters are called \"relay\"")),
        "{:#?}",
        found(&two)
    );
}
