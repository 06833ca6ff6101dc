//! Resources for Istio. What is right is what `filterctl config` writes; each test breaks it in one place.

use crate::envoy::{changed, written};
use crate::{assert_found, findings};

fn plugin() -> String {
    written(&["smtp", "--for", "istio", "--listener", "25", "--selector", "app=postfix"])
}

fn found(source: &str) -> Vec<String> {
    findings("istio.yaml", source, None, None)
}

#[test]
fn what_is_right_is_not_complained_about() {
    for api in ["WasmPlugin", "TrafficExtension", "EnvoyFilter"] {
        for placement in ["sidecar-inbound", "sidecar-outbound", "gateway", "egress"] {
            let listeners = ["--listener", "25", "--listener", "587/1587"];
            let arguments = ["smtp", "--for", "istio", "--api", api, "--placement", placement];
            assert_found(&found(&written(&[&arguments[..], &listeners].concat())), &[]);
        }
    }
}

#[test]
fn each_mistake_is_told() {
    for (from, to, expected) in [
        (
            "type: NETWORK",
            "type: HTTP",
            "… error: spec.type: the smtp filter is a network filter (type: NETWORK)",
        ),
        (
            "  type: NETWORK\n",
            "",
            "… error: spec: no type: Istio takes the module for an HTTP filter (type: NETWORK)",
        ),
        (
            "pluginName: smtp",
            "pluginName: smpt",
            "… error: spec.pluginName: no filter of the suite is called \"smpt\"…(did you mean `smtp`?)",
        ),
        (
            "failStrategy: FAIL_OPEN",
            "failStrategy: FAIL_CLOSE",
            "… warning: spec.failStrategy: when the module cannot be fetched…",
        ),
        (
            "failStrategy: FAIL_OPEN",
            "failStrategy: FAIL_RELOAD",
            "… warning: spec.failStrategy: a module that cannot be fetched…",
        ),
        (
            "failStrategy: FAIL_OPEN",
            "failStrategy: FAIL_OPNE",
            "… error: spec.failStrategy: \"FAIL_OPNE\" is not known here (did you mean `FAIL_OPEN`?)",
        ),
        (
            "  failStrategy: FAIL_OPEN\n",
            "",
            "… warning: spec: no failStrategy: when…(failStrategy: FAIL_OPEN)",
        ),
        ("mode: SERVER", "mode: SERVR", "… error: spec.match[0].mode: \"SERVR\"…(did you mean `SERVER`?)"),
        ("{ number: 25 }", "{ number: 0 }", "… error: spec.match[0].ports[0].number: a port is a number"),
        ("ports:", "prots:", "… warning: spec.match[0]: no ports: it also goes in front of HTTP"),
        ("match:", "matches:", "…"),
        (
            "v1alpha1",
            "v1",
            "… error: apiVersion: a WasmPlugin is of another version (apiVersion: extensions.istio.io/v1alpha1)",
        ),
        (
            "oci://registry",
            "ftp://registry",
            "… error: spec.url: \"ftp://registry…\" is no source of a module",
        ),
        (
            "oci://registry.example.com/envoy-filters/smtp-filter:0.1.0",
            "https://h.example/smtp-filter.wasm",
            "… error: spec.url: no sha256…",
        ),
        (
            "reporter: inbound",
            "reporter: off",
            "… error: spec.pluginConfig.reporter: invalid type…write reporter: \"off\"",
        ),
        ("kind: WasmPlugin", "kind: WasmPlugn", "…"),
    ] {
        let found = found(&changed(&plugin(), from, to));
        assert!(!found.is_empty(), "{from} → {to}");
        assert_found(&found[..1], &[expected]);
        assert!(found.len() == 1 || expected == "…", "{found:#?}");
    }
}

#[test]
fn what_excludes_each_other_or_does_nothing_is_told() {
    let refs = "spec:\n  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: x}]";
    assert_found(
        &found(&changed(&plugin(), "spec:", refs)),
        &["… error: spec.targetRefs: selector and targetRefs exclude each other"],
    );
    assert_found(&found(&changed(&plugin(), "spec:", "spec:\n  phase: AUTHN")), &["… warning: spec.phase: "]);
    assert_found(
        &found(&changed(&plugin(), "spec:", "spec:\n  verificationKey: x")),
        &["… warning: spec.verificationKey: nothing reads it"],
    );
    assert_found(
        &found(&changed(&plugin(), "selector:", "selectro:")),
        &["…neither selector nor…", "…did you mean `selector`?"],
    );
}

#[test]
fn fields_of_one_kind_in_the_other_are_told_their_place() {
    let extension = written(&["ldap", "--for", "istio", "--listener", "389", "--api", "TrafficExtension"]);
    assert_found(
        &found(&changed(&extension, "spec:", "spec:\n  failStrategy: FAIL_OPEN")),
        &[
            "… error: spec.failStrategy: unknown field…(`failStrategy` belongs into `spec.wasm` of a TrafficExtension)",
        ],
    );
    assert_found(
        &found(&changed(&extension, "  wasm:", "  wasm:\n    priority: 1")),
        &[
            "… error: spec.wasm.priority: unknown field…(`priority` belongs into `spec` of a TrafficExtension)",
        ],
    );
}

#[test]
fn gateways_have_to_say_that_they_are() {
    let gateway = written(&["smtp", "--for", "istio", "--listener", "25", "--placement", "gateway"]);
    assert_found(
        &found(&changed(&gateway, "    reporter: gateway\n", "")),
        &["… warning: spec.pluginConfig: in a gateway the filter cannot tell…(reporter: gateway)"],
    );
}

#[test]
fn resources_do_not_share_a_stat_prefix() {
    let two = written(&["smtp", "--for", "istio", "--listener", "25", "--listener", "587"]);
    assert_found(
        &found(&changed(&two, "stat_prefix: submission", "stat_prefix: relay")),
        &["… warning: spec.pluginConfig.stat_prefix: relay and submission share the stat_prefix \"relay\""],
    );
}

#[test]
fn envoy_filters_are_looked_into() {
    let filter = written(&[
        "smtp",
        "--for",
        "istio",
        "--listener",
        "25",
        "--api",
        "EnvoyFilter",
        "--namespace",
        "mail",
    ]);
    for (from, to, expected) in [
        (
            "INSERT_BEFORE",
            "INSERT_AFTER",
            "… error: …operation: the filter has to stand in front of tcp_proxy",
        ),
        ("portNumber: 25", "portNumbr: 25", "… warning: …listener: no portNumber"),
        (
            "FAIL_OPEN",
            "FAIL_CLOSED",
            "… warning: …failure_policy: once the filter's VM has failed…(failure_policy: FAIL_OPEN)",
        ),
        (
            "          name: envoy-filters/mail/relay\n          config_discovery",
            "          name: other\n          config_discovery",
            "… error: …name: no EXTENSION_CONFIG of this EnvoyFilter has this name",
        ),
        (
            "\"reporter\": \"inbound\"",
            "\"reporter\": \"inbund\"",
            "… error: …value.reporter: unknown variant `inbund`…(did you mean `inbound`?)",
        ),
        (
            "name: envoy.filters.network.tcp_proxy",
            "name: envoy.filters.network.tcp",
            "… warning: …not bound to tcp_proxy",
        ),
        ("workloadSelector:", "selector:", "… warning: spec: no workloadSelector"),
        ("proxy_on_tick: {}\n", "\n", "… error: …the smtp filter needs proxy_on_tick"),
    ] {
        let found = found(&changed(&filter, from, to));
        assert_found(&found, &[expected]);
    }
}

#[test]
fn a_port_on_which_istio_waits_for_the_client_is_warned_of() {
    let service = |port: u16, name: &str, more: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nspec:\n  ports:\n    - name: {name}\n      port: {port}\n{more}"
        )
    };
    assert_found(
        &found(&service(587, "smtp", "")),
        &[
            "5:7 warning: spec.ports[0].name: Istio waits here…(name the port tcp-smtp, or set appProtocol: tcp)",
        ],
    );
    for right in [
        service(25, "smtp", ""),
        service(587, "tcp-smtp", ""),
        service(587, "smtp", "      appProtocol: tcp\n"),
    ] {
        assert_found(&found(&right), &[]);
    }
}

#[test]
fn other_documents_of_a_file_are_left_alone() {
    let source = format!("apiVersion: v1\nkind: ConfigMap\ndata: {{}}\n---\n{}---\n", plugin());
    assert_found(&found(&source), &[]);
    assert_found(&found("apiVersion: v1\nkind: ConfigMap\n"), &[]);
    let other = "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nspec: {pluginName: other}\n";
    assert_found(&found(other), &["1:1 warning: there is no filter of the suite in it"]);
}
