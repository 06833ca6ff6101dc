//! Alerts about what carries the filters: the SDK, their VMs, Envoy, and Prometheus itself.

use common_metrics::{Labels, Metric};
use envoy_sdk::catalogue::{
    CONNECTIONS_BYPASSED, CONNECTIONS_CLOSED_ON_ERROR, ERRORS, FILTERS_REFUSED, PANICS, STATS_REFUSED,
    VM_STARTS,
};

use super::alert::{Alert, Limit, Severity};
use super::case::Case;
use super::recording::{ECDS_REJECTED, VM_RELOAD_FAILURES, VM_RELOADS};
use super::series::{Series, sdk, vm};
use super::threshold::{
    self, BYPASSED, CLOSED_ON_ERROR, FETCH_FAILURES, REFUSED, REJECTED, THRESHOLDS, Threshold, UNLABELLED,
    VERSIONS,
};
use crate::metrics::envoy;

/// The alerts on extensions that fail.
pub(super) fn extensions() -> Vec<Alert> {
    vec![panics(), errors(), bypassed(), closed(), refused(), stats_refused()]
}

/// The alerts on how modules and configurations reach Envoy, and metrics Prometheus.
pub(super) fn delivery() -> Vec<Alert> {
    vec![
        reloaded(),
        not_reloaded(),
        starts(),
        rejected(),
        not_fetched(),
        configuration_missing(),
        version_skew(),
        unlabelled(),
        thresholds(),
    ]
}

/// Series of the SDK about the SMTP filter.
fn of_smtp(metric: &impl Metric) -> Series {
    sdk(metric).is("extension", "smtp")
}

fn panics() -> Alert {
    let panics = || of_smtp(&PANICS).is("callback", "on_downstream_data");
    by_callback("EnvoyFilterPanicking", &sdk(&PANICS), threshold::PANICS)
        .tells(
            "The {{ $labels.extension }} extension panicked",
            "{{ $value | printf \"%.0f\" }} panics in an hour, in {{ $labels.callback }}. Each was caught and cost at most its own \
             connection. It is a defect: please report it with the line of the log.",
        )
        .tested(vec![
            Case::raw("one, which is the first", Some("1"), &[(panics().to_string(), "_x10 1x30")])
                .label("extension", "smtp")
                .label("callback", "on_downstream_data"),
            Case::raw("one, two hours ago", None, &[(panics().to_string(), "0x20 1x200")]).at("150m"),
        ])
}

fn errors() -> Alert {
    let errors = |callback| of_smtp(&ERRORS).is("callback", callback).to_string();
    by_callback("EnvoyFilterErrors", &sdk(&ERRORS).none_of("callback", &["configure"]), threshold::ERRORS)
        .tells(
            "The {{ $labels.extension }} extension returned errors",
            "{{ $value | printf \"%.0f\" }} errors in an hour, in {{ $labels.callback }}. Envoy's log has their texts.",
        )
        .tested(vec![
            Case::raw("one, which is the first", Some("1"), &[(errors("on_upstream_data"), "_x10 1x30")])
                .label("extension", "smtp")
                .label("callback", "on_upstream_data"),
            Case::raw("a refused configuration is another alert's", None, &[(errors("configure"), "_x10 1x30")]),
            Case::raw("one, two hours ago", None, &[(errors("drop"), "0x20 1x200")]).at("150m"),
        ])
}

fn bypassed() -> Alert {
    by_extension("EnvoyFilterConnectionsUnmeasured", Severity::Ticket, &CONNECTIONS_BYPASSED, "1h", BYPASSED)
        .tells(
            "{{ $value | printf \"%.0f\" }} connections went on without the {{ $labels.extension }} filter",
            "It failed on them, and was left out: octets pass, nothing is counted.",
        )
}

fn closed() -> Alert {
    by_extension(
        "EnvoyFilterClosingConnections",
        Severity::Page,
        &CONNECTIONS_CLOSED_ON_ERROR,
        "15m",
        CLOSED_ON_ERROR,
    )
    .tells(
        "The {{ $labels.extension }} filter costs connections",
        "{{ $value | printf \"%.0f\" }} connections in 15 minutes were closed because the filter failed on them. An observing filter \
         does so only with `on_internal_error: close`.",
    )
}

fn refused() -> Alert {
    by_extension("EnvoyFilterRefusingConnections", Severity::Page, &FILTERS_REFUSED, "15m", REFUSED).tells(
        "The {{ $labels.extension }} extension makes no more filters",
        "1,000 of them panicked in a row. New connections are closed or pass unmeasured, as the error policy says, until the \
         extension is configured anew.",
    )
}

fn stats_refused() -> Alert {
    by_extension("EnvoyFilterStatsRefused", Severity::Ticket, &STATS_REFUSED, "1h", threshold::STATS_REFUSED).tells(
        "Envoy refuses statistics of the {{ $labels.extension }} extension",
        "{{ $value | printf \"%.0f\" }} host calls in an hour. Metrics are missing or too low; a capability may be lacking.",
    )
}

fn by_callback(name: &'static str, of: &Series, most: Threshold) -> Alert {
    let value = format!("sum by (extension, callback) ({})", of.events("1h"));
    Alert::new(name, Severity::Ticket, "0m", value, Limit::Above(most))
}

fn by_extension<M>(name: &'static str, severity: Severity, metric: &M, window: &str, most: Threshold) -> Alert
where
    M: Metric,
    M::Labels: Labels,
{
    let value = format!("sum by (extension) ({})", sdk(metric).events(window));
    let of = || of_smtp(metric).to_string();
    Alert::new(name, severity, "0m", value, Limit::Above(most)).tested(vec![
        Case::raw("one, which is the first", Some("1"), &[(of(), "_x20 1x30")]).label("extension", "smtp"),
        Case::raw("one more", Some("1"), &[(of(), "3x80 4x30")]).label("extension", "smtp").at("90m"),
        Case::raw("none since long ago", None, &[(of(), "0x20 1x200")]).at("150m"),
    ])
}

fn reloaded() -> Alert {
    let value = format!("sum by (plugin) (increase({VM_RELOADS}[1h]))");
    let series = || "envoy_wasm_mail_smtp_vm_reload_success{instance=\"a:1\"}".to_owned();
    Alert::new("EnvoyFilterVmReloaded", Severity::Ticket, "0m", value, Limit::Above(threshold::VM_RELOADS))
        .tells(
            "VMs of {{ $labels.plugin }} were lost and made anew",
            "A trap ended {{ $value | printf \"%.0f\" }} VMs in an hour. All connections of each were closed, and what it counted of \
             open ones is lost.",
        )
        .tested(vec![
            Case::raw("one", Some("1"), &[(series(), "0x10 1x30")]).label("plugin", "mail_smtp"),
            Case::raw("one, two hours ago", None, &[(series(), "0x10 1x200")]).at("150m"),
        ])
}

fn not_reloaded() -> Alert {
    let value = format!("sum by (plugin) (increase({VM_RELOAD_FAILURES}[15m]))");
    let most = Limit::Above(threshold::VM_RELOAD_FAILURES);
    let series = || "envoy_wasm_mail_smtp_vm_reload_failure{instance=\"a:1\"}".to_owned();
    Alert::new("EnvoyFilterVmNotReloaded", Severity::Page, "0m", value, most)
        .tells(
            "A VM of {{ $labels.plugin }} is lost and cannot be made anew",
            "A trap ended it, and its module did not start again. With `FAIL_RELOAD` that worker closes its connections.",
        )
        .tested(vec![
            Case::raw("one", Some("1"), &[(series(), "0x20 1x30")]).label("plugin", "mail_smtp"),
            Case::raw("one, an hour ago", None, &[(series(), "0x10 1x200")]).at("80m"),
        ])
}

fn starts() -> Alert {
    let value = format!("sum by (extension, instance) ({})", vm(&VM_STARTS).increase("1h"));
    let series = || {
        let series =
            vm(&VM_STARTS).is("extension", "smtp").is("version", "0.1.0").is("panic", "unwind").to_string();
        series.replace('}', ", instance=\"a:1\"}")
    };
    Alert::new("EnvoyFilterVmStartsHigh", Severity::Ticket, "0m", value, Limit::Above(threshold::VM_STARTS))
        .tells(
            "The {{ $labels.extension }} extension starts over and over in {{ $labels.instance }}",
            "{{ $value | printf \"%.0f\" }} times in an hour: traps, or a control plane that sends changed configurations without end.",
        )
        .tested(vec![
            Case::raw("ten a minute", Some("600"), &[(series(), "0+10x90")])
                .label("extension", "smtp")
                .label("instance", "a:1")
                .at("80m"),
            Case::raw("three changes of configuration", None, &[(series(), "4x20 8x20 12x20 16x30")]).at("80m"),
        ])
}

fn rejected() -> Alert {
    let by_module = format!(
        "label_replace(sum by (extension) ({}), \"resource\", \"$1\", \"extension\", \"(.*)\")",
        sdk(&ERRORS).is("callback", "configure").events("1h")
    );
    let lds = envoy::LDS_REJECTED.name;
    let value = format!(
        "sum by (resource) (increase({ECDS_REJECTED}[1h]))\n  \
         or label_replace(sum(increase({lds}[1h])), \"resource\", \"listeners\", \"\", \"\")\n  \
         or sum by (resource) ({by_module})"
    );
    let ecds =
        || "envoy_extension_config_discovery_network_filter_smtp_config_fail{instance=\"a:1\"}".to_owned();
    let lds = || format!("{lds}{{instance=\"a:1\"}}");
    let configure = || of_smtp(&ERRORS).is("callback", "configure").to_string();
    Alert::new("EnvoyFilterConfigurationRejected", Severity::Ticket, "0m", value, Limit::Above(REJECTED))
        .tells(
            "A configuration was refused: {{ $labels.resource }}",
            "Refused {{ $value | printf \"%.0f\" }} times in an hour. What was in force before stays so; an Envoy that starts now has none.",
        )
        .tested(vec![
            Case::raw("by ECDS", Some("1"), &[(ecds(), "0x10 1x30")]).label("resource", "smtp"),
            Case::raw("a listener", Some("1"), &[(lds(), "0x10 1x30")]).label("resource", "listeners"),
            Case::raw("by the module", Some("1"), &[(configure(), "_x10 1x30")]).label("resource", "smtp"),
            Case::raw("none since long ago", None, &[(ecds(), "0x10 1x200"), (lds(), "1x210"), (configure(), "1x210")])
                .at("150m"),
        ])
}

fn not_fetched() -> Alert {
    total("EnvoyFilterModuleNotFetched", Severity::Ticket, envoy::FETCH_FAILURES.name, "1h", FETCH_FAILURES).tells(
        "Envoy cannot fetch a module",
        "{{ $value | printf \"%.0f\" }} modules were not fetched in an hour, after all tries. Listeners with them pass connections \
         unmeasured or close them, as the failure policy says.",
    )
}

fn configuration_missing() -> Alert {
    total(
        "EnvoyFilterConfigurationMissing",
        Severity::Page,
        envoy::CONFIGURATION_MISSING.name,
        "15m",
        threshold::CONFIGURATION_MISSING,
    )
    .tells(
        "Connections are closed because a filter has no configuration yet",
        "{{ $value | printf \"%.0f\" }} connections in 15 minutes. The configuration is to come by ECDS and has not come.",
    )
}

/// More of what Envoy counts than `most`, everywhere together.
fn total(name: &'static str, severity: Severity, metric: &str, window: &str, most: Threshold) -> Alert {
    let series = || format!("{metric}{{instance=\"a:1\"}}");
    Alert::new(name, severity, "0m", format!("sum(increase({metric}[{window}]))"), Limit::Above(most)).tested(
        vec![
            Case::raw("one", Some("1"), &[(series(), "0x20 1x30")]),
            Case::raw("none since long ago", None, &[(series(), "0x20 1x200")]).at("150m"),
        ],
    )
}

fn version_skew() -> Alert {
    let starts = vm(&VM_STARTS);
    let value = format!(
        "count by (extension) (count by (extension, instance) ({starts}))\n  \
         - max by (extension) (count by (extension, version) (count by (extension, version, instance) ({starts})))"
    );
    let at = |instance: &str, version: &str| {
        let series =
            vm(&VM_STARTS).is("extension", "smtp").is("version", version).is("panic", "unwind").to_string();
        series.replace('}', &format!(", instance=\"{instance}\"}}"))
    };
    Alert::new("EnvoyFilterVersionSkew", Severity::Ticket, "2h", value, Limit::Above(VERSIONS))
        .tells(
            "Not all Envoys have the same version of the {{ $labels.extension }} module",
            "{{ $value | printf \"%.0f\" }} of them lack the version that most have, for two hours now.",
        )
        .tested(vec![
            Case::raw(
                "two versions on three Envoys",
                Some("1"),
                &[
                    (at("a:1", "0.1.0"), "4x200"),
                    (at("b:1", "0.2.0"), "4x200"),
                    (at("c:1", "0.2.0"), "4x200"),
                ],
            )
            .label("extension", "smtp")
            .at("150m"),
            Case::raw(
                "all upgraded while they ran, and one restarted since",
                None,
                &[
                    (at("a:1", "0.1.0"), "4x200"),
                    (at("a:1", "0.2.0"), "4x200"),
                    (at("b:1", "0.2.0"), "4x200"),
                ],
            )
            .at("150m"),
            Case::raw(
                "an upgrade that takes an hour",
                None,
                &[
                    (at("a:1", "0.1.0"), "4x60 _x140"),
                    (at("b:1", "0.2.0"), "4x200"),
                    (at("a:1", "0.2.0"), "_x60 4x140"),
                ],
            )
            .at("150m"),
        ])
}

fn unlabelled() -> Alert {
    let value = "count by (instance) ({__name__=~\"(smtp|ldap|envoy_sdk)_.*___.*\"})".to_owned();
    let forgotten = "smtp_stat_prefix___mx___reporter___inbound___connections_opened_total{instance=\"a:1\"}";
    let labelled =
        "smtp_connections_opened_total{stat_prefix=\"mx\", reporter=\"inbound\", instance=\"a:1\"}";
    Alert::new("EnvoyFilterLabelsMissing", Severity::Ticket, "15m", value, Limit::Above(UNLABELLED))
        .tells(
            "{{ $labels.instance }} exports metrics without labels",
            "{{ $value | printf \"%.0f\" }} series hold their labels in their names (`___`): a tag rule is missing there. No other alert \
             and no dashboard sees those series.",
        )
        .tested(vec![
            Case::raw("one", Some("1"), &[(forgotten.to_owned(), "0x60")]).label("instance", "a:1"),
            Case::raw("none", None, &[(labelled.to_owned(), "0x60")]),
        ])
}

fn thresholds() -> Alert {
    let record = threshold::RECORD;
    let value = format!("{} - (count(count by (of) ({record}) == 1) or vector(0))", THRESHOLDS.len());
    Alert::new("EnvoyFilterThresholdsMissing", Severity::Ticket, "10m", value, Limit::AboveZero)
        .tells(
            "Prometheus lacks thresholds of these alerts",
            "{{ $value | printf \"%.0f\" }} thresholds are not there, or there twice. Alerts that compare with them never fire: load \
             thresholds.yaml, once.",
        )
        .tested(vec![
            Case::silent("all are there", []),
            Case::raw("one is there twice", Some("1"), &[(format!("{record}{{of=\"usual_min\", copy=\"2\"}}"), "20x60")]),
        ])
}
