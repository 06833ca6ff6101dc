//! Envoy configurations. What is right is what `filterctl config` writes; each test breaks it in one place.

use std::fs;
use std::process::Command;

use crate::{assert_found, findings};

/// What `filterctl config` writes.
pub(crate) fn written(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_filterctl")).arg("config").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn smtp() -> String {
    written(&["smtp", "--for", "envoy", "--listener", "25", "--upstream", "mail.example.com"])
}

fn found(source: &str) -> Vec<String> {
    findings("envoy.yaml", source, None, None)
}

/// The text with one thing changed.
#[track_caller]
pub(crate) fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in {text}");
    text.replace(from, to)
}

/// The text without the lines that hold this.
fn without(text: &str, part: &str) -> String {
    assert!(text.contains(part), "{part} is not in {text}");
    text.lines().filter(|line| !line.contains(part)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_is_right_is_not_complained_about() {
    assert_found(&found(&smtp()), &[]);
    let ldap = written(&["ldap", "--for", "envoy", "--listener", "389", "--listener", "636"]);
    assert_found(&found(&ldap), &[]);
}

#[test]
fn parts_of_a_listener_are_looked_into() {
    let part = written(&["ldap", "--for", "envoy", "--listener", "389", "--part", "filter"]);
    assert_found(&found(&part), &[]);
    let mistaken = changed(&part, "root_id: ldap", "root_id: lapd");
    assert_found(&found(&mistaken), &["… error: [0].typed_config.config.root_id: …(did you mean `ldap`?)"]);
    let chain: String = mistaken.lines().map(|line| format!("  {line}\n")).collect();
    assert_found(
        &found(&format!("filters:\n{chain}")),
        &[
            "… error: filters[0].name: no tcp_proxy stands behind it",
            "… error: filters[0].typed_config.config.root_id: ",
        ],
    );
}

#[test]
fn a_mistake_inside_the_string_is_told_where_it_stands() {
    let source = changed(&smtp(), "\"reporter\": \"gateway\"", "\"reporter\": \"gatewya\"");
    let line = source.lines().position(|line| line.contains("gatewya")).unwrap() + 1;
    assert_found(
        &found(&source),
        &[&format!(
            "{line}:25 error: static_resources.listeners[0].filter_chains[0].filters[0].typed_config.config.configuration.value.\
             reporter: unknown variant `gatewya`…(did you mean `gateway`?)"
        )],
    );
    let source = changed(&smtp(), "\"stat_prefix\": \"relay\",", "\"stat_prefix\": \"relay\"");
    let found = found(&source);
    assert_found(
        &found,
        &[&format!("{line}:25 error: …not valid JSON: expected `,` or `}}`…in double quotes")],
    );
}

#[test]
fn which_filter_it_is_has_to_be_said() {
    for (from, to, expected) in [
        (
            "root_id: smtp",
            "root_id: smpt",
            "… error: …root_id: no filter of the suite has the root_id \"smpt\" (did you mean `smtp`?)",
        ),
        (
            "root_id: smtp",
            "root_id: relay",
            "… error: …root_id: no filter of the suite has the root_id \"relay\" (root_id: smtp)",
        ),
        ("root_id: smtp", "rootid: smtp", "… error: …config: no root_id…(root_id: smtp)"),
    ] {
        let found = found(&changed(&smtp(), from, to));
        let found: Vec<_> = found.into_iter().filter(|it| !it.contains("unknown field")).collect();
        assert_found(&found, &[expected]);
    }
    let found = found(&changed(&smtp(), "root_id:", "rootid:"));
    assert!(
        found.iter().any(|it| it.contains("unknown field `rootid` (did you mean `root_id`?)")),
        "{found:#?}"
    );
}

#[test]
fn a_plugin_of_somebody_else_is_none_of_ours() {
    let source = changed(&smtp(), "smtp", "other");
    assert_found(
        &found(&source),
        &["…:1 warning: there is no filter of the suite in it; …is another extension"],
    );
}

#[test]
fn the_order_of_filters_matters() {
    let source = smtp();
    let begin = source.find("            - name: relay-smtp").unwrap();
    let middle = source.find("            - name: envoy.filters.network.tcp_proxy").unwrap();
    let end = source.find("  clusters:").unwrap();
    let swapped = [&source[..begin], &source[middle..end], &source[begin..middle], &source[end..]].concat();
    assert_found(
        &found(&swapped),
        &["…filters[1].name: stands behind tcp_proxy…(put it in front of tcp_proxy)"],
    );
    let alone = [&source[..middle], &source[end..]].concat();
    assert_found(&found(&alone), &["…filters[0].name: no tcp_proxy stands behind it…"]);
    let http = changed(
        &source,
        "extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    );
    assert_found(&found(&http), &["…stands in a chain with an HTTP connection manager…"]);
}

#[test]
fn a_network_filter_among_http_filters_is_found() {
    let source = "\
static_resources:
  listeners:
    - filter_chains:
        - filters:
            - name: http
              typed_config:
                '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                http_filters:
                  - name: wasm
                    typed_config:
                      '@type': type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
                      config: {root_id: ldap}
";
    let found = found(source);
    assert!(
        found.iter().any(|it| it.contains("error: ") && it.contains("the ldap filter is a network filter")),
        "{found:#?}"
    );
}

#[test]
fn failure_policies_that_cost_connections_are_warned_of() {
    for (to, expected) in [
        (
            "failure_policy: FAIL_CLOSED",
            "… warning: …failure_policy: once the filter's VM has failed…(failure_policy: FAIL_RELOAD)",
        ),
        (
            "failure_policy: FAIL_RELAOD",
            "… error: …there is no failure_policy \"FAIL_RELAOD\" (did you mean `FAIL_RELOAD`?)",
        ),
        ("fail_open: true", "… warning: …fail_open is deprecated"),
        ("fail_opne: true", "… warning: …config: no failure_policy: once"),
    ] {
        let found = found(&changed(&smtp(), "failure_policy: FAIL_RELOAD", to));
        let found: Vec<_> = found.into_iter().filter(|it| !it.contains("unknown field")).collect();
        assert_found(&found, &[expected]);
    }
}

#[test]
fn capabilities_are_exactly_what_the_filter_needs() {
    assert_found(
        &found(&without(&smtp(), "proxy_get_property: {}")),
        &[
            "… error: …allowed_capabilities: the smtp filter needs proxy_get_property (add proxy_get_property: {})",
        ],
    );
    assert_found(
        &found(&changed(
            &smtp(),
            "proxy_log: {}",
            "proxy_log: {}\n                      proxy_http_call: {}",
        )),
        &["… warning: …proxy_http_call: the smtp filter does not need proxy_http_call (take it out)"],
    );
    assert_found(
        &found(&changed(&smtp(), "proxy_on_tick: {}", "proxy_on_tik: {}")),
        &[
            "… error: …needs proxy_on_tick…",
            "…the smtp filter does not need proxy_on_tik (did you mean `proxy_on_tick`?)",
        ],
    );
}

#[test]
fn metrics_need_their_rules() {
    assert_found(
        &found(&without(&smtp(), "tag_name: verb")),
        &[
            "… error: stats_config.stats_tags: no stats_tags rule for the labels verb: names of metrics will hold `___`",
        ],
    );
    let source = without(&smtp(), "tag_name:");
    assert_found(
        &found(&source),
        &["… error: stats_config.stats_tags: …stat_prefix, reporter, …more: names…"],
    );
    assert_found(
        &found(&changed(&smtp(), r"'(verb=\.=(.*?);\.;)'", r"'(verb=\.=(.*?);)'")),
        &["… warning: …regex: this is not the rule of the label `verb` (regex: '(verb=\\.=(.*?);\\.;)')"],
    );
    assert_found(
        &found(&changed(&smtp(), "prefix: wasmcustom.", "prefix: http.")),
        &["… warning: …no histogram_bucket_settings for wasmcustom.…"],
    );
    assert_found(
        &found(&changed(&smtp(), "120000000, 300000000, 600000000", "120000000")),
        &["… warning: …buckets: the buckets end at 120000000, not at 600000000…"],
    );
}

#[test]
fn listeners_share_neither_vm_nor_stat_prefix() {
    let two = written(&["smtp", "--for", "envoy", "--listener", "25", "--listener", "587"]);
    assert_found(&found(&two), &[]);
    assert_found(
        &found(&changed(&two, "vm_id: submission-smtp", "vm_id: relay-smtp")),
        &["… warning: …vm_id: the listeners `relay` and `submission` share the vm_id \"relay-smtp\"…"],
    );
    assert_found(
        &found(&changed(&two, "\"stat_prefix\": \"submission\"", "\"stat_prefix\": \"relay\"")),
        &["… warning: …stat_prefix: the listeners `relay` and `submission` share the stat_prefix \"relay\"…"],
    );
}

#[test]
fn directories_need_long_connections() {
    let ldap = written(&["ldap", "--for", "envoy", "--listener", "389"]);
    assert_found(
        &found(&without(&ldap, "idle_timeout: 0s")),
        &["… warning: …no idle_timeout: Envoy cuts connections"],
    );
}

#[test]
fn a_configuration_of_another_type_is_not_understood() {
    let block = "\"@type\": type.googleapis.com/google.protobuf.StringValue";
    let found = found(&changed(&smtp(), block, "\"@type\": type.googleapis.com/google.protobuf.Struct"));
    assert!(
        found[0].contains("error: ") && found[0].contains("a Struct reaches the module as protobuf"),
        "{found:#?}"
    );
}

#[test]
fn code_from_elsewhere_needs_a_checksum() {
    let local = "local:\n                        filename: /etc/envoy/smtp-filter.wasm";
    let remote = |sum: &str| {
        changed(
            &smtp(),
            local,
            &format!(
                "remote: {{http_uri: {{uri: 'https://h.example/smtp-filter.wasm', cluster: c, timeout: 1s}}{sum}}}"
            ),
        )
    };
    let right = "ab".repeat(32);
    assert_found(&found(&remote(&format!(", sha256: {right}"))), &[]);
    assert_found(&found(&remote("")), &["… error: …remote: no sha256…SHA256SUMS"]);
    assert_found(
        &found(&remote(&format!(", sha256: 'sha256:{}'", right.to_uppercase()))),
        &[&format!("… error: …sha256: this is no sha256 (write {right})")],
    );
}

#[test]
fn files_of_filters_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let source = smtp();
    let begin = source.find("              typed_config:\n                \"@type\": type.googleapis.com/envoy.extensions.filters.network.wasm").unwrap();
    let end = source.find("            - name: envoy.filters.network.tcp_proxy").unwrap();
    let discovery = "              config_discovery:\n                config_source: {path_config_source: {path: /etc/envoy/filters/smtp.yaml}}\n                \
                     type_urls: [type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm]\n";
    let bootstrap = [&source[..begin], discovery, &source[end..]].concat();
    let filter: String = source[begin..end].lines().map(|line| format!("{}\n", &line[10..])).collect();
    let filter = format!(
        "resources:\n  - \"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig\n    name: relay-smtp\n{filter}"
    );
    fs::create_dir(folder.path().join("filters")).unwrap();
    let (top, inner) = (folder.path().join("envoy.yaml"), folder.path().join("filters/smtp.yaml"));
    fs::write(&top, &bootstrap).unwrap();
    // The filter's file is on another machine: its listener's order is checked all the same.
    let check = |file| {
        let outcome = filterctl::validate::check_file(file, None, None).unwrap();
        outcome.findings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(check(&top), Vec::<String>::new());
    fs::write(&inner, &filter).unwrap();
    assert_eq!((check(&top), check(&inner)), (Vec::new(), Vec::new()));
    fs::write(&inner, changed(&filter, "\"reporter\"", "\"reproter\"")).unwrap();
    for file in [&top, &inner] {
        let found = check(file);
        assert!(found.len() == 1 && found[0].starts_with(&format!("{}:", inner.display())), "{found:#?}");
        assert!(found[0].contains("did you mean `reporter`?"), "{found:#?}");
    }
}

#[test]
fn names_of_protobuf_json_are_understood() {
    let json = r#"{
  "staticResources": {"listeners": [{"name": "a", "filterChains": [{"filters": [
    {"name": "smtp", "typedConfig": {
      "@type": "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm",
      "config": {"rootId": "smtp", "failurePolicy": "FAIL_CLOSED", "vmConfig": {"vmId": "x", "code": {"local": {"filename": "/x"}}},
        "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": "{\"levle\": 1}"}}}},
    {"name": "envoy.filters.network.tcp_proxy", "typedConfig": {
      "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"}}
  ]}]}]}}"#;
    assert_found(
        &findings("envoy.json", json, None, None),
        &[
            "2:3 error: …no stats_tags rule…",
            "2:3 warning: …no histogram_bucket_settings…",
            "5:37 warning: …failurePolicy: once",
            "6:101 error: …value.levle: unknown field",
        ]
        .map(|it| it.split_once(' ').map_or(it.to_owned(), |(_, rest)| format!("… {rest}")))
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>(),
    );
}
