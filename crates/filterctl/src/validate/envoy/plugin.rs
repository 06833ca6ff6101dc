//! The `PluginConfig` of a filter: which module, under which name, with which policy, rights and configuration.

use super::super::document::{Content, Node};
use super::super::report::{Place, Report};
use super::super::suggestion::{closest, did_you_mean, one_of};
use super::super::{embedded, filter_config};
use super::Remark;
use crate::filters::{FILTERS, Filter};

/// Fields of `envoy.extensions.wasm.v3.PluginConfig`.
const PLUGIN_FIELDS: [&str; 9] = [
    "name",
    "root_id",
    "vm_config",
    "configuration",
    "fail_open",
    "failure_policy",
    "reload_config",
    "capability_restriction_config",
    "allow_on_headers_stop_iteration",
];
/// Fields of `envoy.extensions.wasm.v3.VmConfig`.
const VM_FIELDS: [&str; 7] = [
    "vm_id",
    "runtime",
    "code",
    "configuration",
    "allow_precompiled",
    "nack_on_code_cache_miss",
    "environment_variables",
];
/// Values of `failure_policy`.
const POLICIES: [&str; 4] = ["FAIL_RELOAD", "FAIL_OPEN", "FAIL_CLOSED", "UNSPECIFIED"];

/// Where a plugin's configuration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Where {
    /// In a configuration that Envoy reads itself.
    PlainEnvoy,
    /// In an `EnvoyFilter`, which Istio's control plane and agent change on its way.
    Istio,
}

impl Where {
    fn policy(self) -> &'static str {
        match self {
            Self::PlainEnvoy => "FAIL_RELOAD",
            Self::Istio => "FAIL_OPEN",
        }
    }
}

/// What is compared with other plugins.
pub(in super::super) struct Checked {
    pub(in super::super) vm_id: Option<Remark>,
    pub(in super::super) stat_prefix: Remark,
}

/// The filter of the suite that this is: by root id, else by the module's file name, else by the name of the plugin or
/// of its entry in the chain.
pub(in super::super) fn filter_of(config: &Place<'_>, entry: &str) -> Option<&'static Filter> {
    let root = config.proto("root_id");
    let root = root.as_ref().and_then(Place::text).unwrap_or_default();
    let known = Filter::named(root);
    let code = module_of(config).unwrap_or_default();
    let by_module = || FILTERS.iter().find(|filter| code.contains(filter.package));
    let by_name = || {
        let name = config.text_of("name").unwrap_or_default();
        // Of a module whose name says nothing, and a root id that is another's, nothing is known.
        let is_said = root.is_empty() || closest(root, FILTERS.iter().map(|filter| filter.name)).is_some();
        FILTERS.iter().find(|filter| is_said && [entry, name].iter().any(|name| has_word(name, filter.name)))
    };
    known.or_else(by_module).or_else(by_name)
}

fn has_word(name: &str, word: &str) -> bool {
    name.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part == word)
}

/// Where the module comes from.
fn module_of(config: &Place<'_>) -> Option<String> {
    let code = config.proto("vm_config")?.get("code")?;
    let local = code.find(&["local", "filename"]);
    let remote = || code.get("remote")?.proto("http_uri")?.get("uri");
    local.or_else(remote)?.text().map(str::to_owned)
}

/// Checks a plugin of this filter.
pub(in super::super) fn check(
    filter: &'static Filter,
    here: Where,
    source: &str,
    config: &Place<'_>,
    report: &mut Report,
) -> Checked {
    unknown_fields(config, &PLUGIN_FIELDS, report);
    root_id(filter, config, report);
    failure_policy(here, config, report);
    capabilities(filter, config, report);
    let vm = config.proto("vm_config");
    let vm_id = vm.as_ref().map(|vm| {
        unknown_fields(vm, &VM_FIELDS, report);
        code(here, vm, report);
        let vm_id = vm.proto("vm_id");
        let value = vm_id.as_ref().and_then(Place::text).unwrap_or_default();
        Remark::new(value, vm_id.as_ref().unwrap_or(vm))
    });
    if vm.is_none() {
        report.error(config, "no vm_config: no module is named").suggest("set vm_config.code.local.filename");
    }
    let stat_prefix = configuration(filter, here, source, config, report);
    Checked { vm_id, stat_prefix }
}

fn unknown_fields(place: &Place<'_>, known: &[&str], report: &mut Report) {
    for (name, field) in place.fields() {
        let is_known = |known: &str| known == name || super::camel_case(known) == name;
        if !known.iter().any(|known| is_known(known)) {
            report
                .error(&field, format!("unknown field `{name}`"))
                .suggest(did_you_mean(name, known.iter().copied()));
        }
    }
}

fn root_id(filter: &Filter, config: &Place<'_>, report: &mut Report) {
    let names = || FILTERS.iter().map(|filter| filter.name);
    match config.proto("root_id") {
        Some(root) if root.text() == Some(filter.name) => (),
        Some(root) => {
            let wrong = root.node.json();
            let suggestion = match root.text() {
                Some(wrong) if closest(wrong, names()).is_none() => format!("root_id: {}", filter.name),
                Some(wrong) => did_you_mean(wrong, names().collect::<Vec<_>>()),
                None => one_of(names()),
            };
            report
                .error(&root, format!("no filter of the suite has the root_id {wrong}"))
                .suggest(suggestion);
        }
        None => report
            .error(config, "no root_id: the module does not know which filter is meant")
            .suggest(format!("root_id: {}", filter.name)),
    }
}

fn failure_policy(here: Where, config: &Place<'_>, report: &mut Report) {
    let right = format!("failure_policy: {}", here.policy());
    if let Some(open) = config.proto("fail_open") {
        report.warning(&open, "fail_open is deprecated").suggest(right);
        return;
    }
    let closed = "once the filter's VM has failed, every new connection of the listener is closed";
    match config.proto("failure_policy") {
        None => report.warning(config, format!("no failure_policy: {closed}")).suggest(right),
        Some(policy) => match policy.text() {
            Some("FAIL_RELOAD" | "FAIL_OPEN") => (),
            Some("FAIL_CLOSED" | "UNSPECIFIED") => report.warning(&policy, closed).suggest(right),
            wrong => report
                .error(&policy, format!("there is no failure_policy {}", policy.node.json()))
                .suggest(did_you_mean(wrong.unwrap_or_default(), POLICIES)),
        },
    }
}

fn capabilities(filter: &Filter, config: &Place<'_>, report: &mut Report) {
    let Some(restriction) = config.proto("capability_restriction_config") else { return };
    let Some(allowed) = restriction.proto("allowed_capabilities") else { return };
    let granted: Vec<&str> = allowed.node.fields().iter().map(|(key, _)| key.name.as_str()).collect();
    // An empty map restricts nothing.
    if granted.is_empty() {
        return;
    }
    let lacking: Vec<_> =
        filter.capabilities.iter().copied().filter(|name| !granted.contains(name)).collect();
    for (name, place) in allowed.fields() {
        if filter.capabilities.contains(&name) {
            continue;
        }
        let finding = report.warning(&place, format!("the {} filter does not need {name}", filter.name));
        match closest(name, lacking.iter().copied()) {
            Some(meant) => finding.suggest(format!("did you mean `{meant}`?")),
            None => finding.suggest("take it out"),
        }
    }
    if !lacking.is_empty() {
        report.error(&allowed, format!("the {} filter needs {}", filter.name, lacking.join(", "))).suggest(
            format!(
                "add {}",
                lacking.iter().map(|name| format!("{name}: {{}}")).collect::<Vec<_>>().join(", ")
            ),
        );
    }
}

fn code(here: Where, vm: &Place<'_>, report: &mut Report) {
    let Some(code) = vm.get("code") else {
        report.error(vm, "no code: no module is named").suggest("set code.local.filename");
        return;
    };
    let Some(remote) = code.get("remote") else { return };
    match remote.get("sha256") {
        // Istio's own word for a checksum that is not known.
        Some(sum) if here == Where::Istio && sum.text() == Some("nil") => {
            let uri = remote.proto("http_uri").and_then(|it| it.get("uri"));
            if uri.is_some_and(|uri| uri.text().is_some_and(|uri| uri.starts_with("https://"))) {
                report
                    .error(&sum, "no checksum: whatever the server sends would run")
                    .suggest("that of the module is in SHA256SUMS of the release");
            }
        }
        None => report
            .error(&remote, "no sha256: Envoy refuses a module from elsewhere without it")
            .suggest("the sha256 of the module is in SHA256SUMS of the release"),
        Some(sum) => sha256(&sum, report),
    }
}

/// A checksum: 64 digits and letters a to f.
pub(in super::super) fn sha256(sum: &Place<'_>, report: &mut Report) {
    let is_right = |text: &str| {
        text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let text = sum.text().unwrap_or_default();
    if is_right(text) {
        return;
    }
    let simple = text.trim().trim_start_matches("sha256:").to_lowercase();
    let suggestion = match &sum.node.content {
        Content::Number(_) => "put it in quotes: YAML reads it as a number".to_owned(),
        _ if is_right(&simple) => format!("write {simple}"),
        _ => "it is 64 characters of 0-9 and a-f, without a prefix".to_owned(),
    };
    report.error(sum, "this is no sha256").suggest(suggestion);
}

/// Checks the filter's own configuration; returns its `stat_prefix`.
fn configuration(
    filter: &'static Filter,
    here: Where,
    source: &str,
    config: &Place<'_>,
    report: &mut Report,
) -> Remark {
    let Some(configuration) = config.get("configuration") else { return Remark::new("default", config) };
    let kind = configuration.text_of("@type").unwrap_or_default();
    let value = configuration.get("value");
    let place = value.as_ref().unwrap_or(&configuration);
    let is_struct = kind.ends_with("google.protobuf.Struct");
    if is_struct && here == Where::PlainEnvoy {
        report
            .error(&configuration, "a Struct reaches the module as protobuf, which it cannot read")
            .suggest("use type.googleapis.com/google.protobuf.StringValue with JSON text as value");
    } else if !is_struct && !kind.ends_with("google.protobuf.StringValue") {
        let finding =
            report.error(&configuration, format!("a configuration of the type {kind:?} is not understood"));
        finding.suggest("use type.googleapis.com/google.protobuf.StringValue with JSON text as value");
        return Remark::new("default", place);
    }
    if is_struct {
        filter_config::check(filter, place, report);
        return stat_prefix(place);
    }
    let Content::Text(text) = &place.node.content else {
        if value.is_some() {
            report
                .error(place, "the value of a StringValue is a string")
                .suggest("write the JSON behind `value: |`");
        }
        return Remark::new("default", place);
    };
    if text.text.trim().is_empty() {
        return Remark::new("default", place);
    }
    match embedded::parse(source, place.node.at, text) {
        Ok(json) => {
            let inside = Inside { node: &json, outer: place };
            let inside = inside.place();
            filter_config::check(filter, &inside, report);
            stat_prefix(&inside)
        }
        Err(error) => {
            let mut at = place.clone();
            at.at = error.at;
            report.error(&at, error.reason).suggest(
                "the configuration is JSON: names and strings in double quotes, no comma behind the last",
            );
            Remark::new("default", place)
        }
    }
}

/// JSON in a string, called as the string is.
struct Inside<'a> {
    node: &'a Node,
    outer: &'a Place<'a>,
}

impl<'a> Inside<'a> {
    fn place(&self) -> Place<'a> {
        Place { file: self.outer.file, node: self.node, at: self.node.at, path: self.outer.path.clone() }
    }
}

/// The `stat_prefix` of a filter's configuration.
pub(in super::super) fn stat_prefix(configuration: &Place<'_>) -> Remark {
    match configuration.get("stat_prefix") {
        Some(place) => Remark::new(place.text().unwrap_or("default"), &place),
        None => Remark::new("default", configuration),
    }
}
