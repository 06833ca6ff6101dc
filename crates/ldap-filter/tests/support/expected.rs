//! What a recorded conversation is expected to count, and the comparison with what was counted: natively here, and
//! by a real Envoy in filterctl's tests.

use std::collections::BTreeMap;

use common_metrics::Label as _;
use ldap_filter::protocol::control::Control;
use ldap_filter::protocol::extended::ExtendedName;
use ldap_filter::protocol::mechanism::Mechanism;
use ldap_filter::protocol::result_code::ResultCode;
use serde::Deserialize;
use session_test::Series;

/// What a recording is expected to count, messages inside integrity-only SASL buffers included. Operations have the
/// names of RFC 4511, controls and extended operations their OIDs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Expected {
    pub(crate) bind_anonymous: u64,
    pub(crate) bind_auth: BTreeMap<String, u64>,
    pub(crate) controls: BTreeMap<String, u64>,
    pub(crate) entries: u64,
    pub(crate) extended_request_oids: BTreeMap<String, u64>,
    pub(crate) max_pending: usize,
    #[serde(rename = "ops_with_signed_only_unwrapped")]
    pub(crate) operations: BTreeMap<String, u64>,
    pub(crate) references: u64,
    pub(crate) requests_without_response: BTreeMap<String, u64>,
    pub(crate) responses_without_request: u64,
    #[serde(rename = "results_with_signed_only_unwrapped")]
    pub(crate) results: BTreeMap<String, BTreeMap<String, u64>>,
    pub(crate) sasl_buffers: Buffers,
    /// Binding requests, not binds.
    pub(crate) sasl_mechanisms: BTreeMap<String, u64>,
    pub(crate) sasl_token_kinds: BTreeMap<String, u64>,
    pub(crate) search_scopes: BTreeMap<String, u64>,
    pub(crate) starttls_ok: u64,
    pub(crate) starttls_requested: u64,
    pub(crate) tls_from_start: bool,
    pub(crate) unsolicited: u64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct Buffers {
    c2s: u64,
    s2c: u64,
}

impl Expected {
    /// Whether nothing is sealed, as far as SASL goes.
    pub(crate) fn is_all_readable(&self) -> bool {
        self.sasl_token_kinds.keys().all(|kind| kind.ends_with("signed-only"))
    }
}

/// What was counted of a conversation.
#[derive(Debug)]
pub(crate) struct Counted {
    /// Every series that is not 0.
    pub(crate) series: Series,
    /// What no metric tells, where that is known.
    pub(crate) requests: Option<Requests>,
    /// Whether the session went opaque.
    pub(crate) opaque: bool,
}

/// What no metric tells about requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests {
    /// Bind requests by how the client proved who it is.
    pub(crate) binds: BTreeMap<String, u64>,
    /// Bind requests by SASL mechanism.
    pub(crate) mechanisms: BTreeMap<String, u64>,
    /// The most operations that waited at once.
    pub(crate) deepest: usize,
    /// Operations that ended without a final response.
    pub(crate) without_response: u64,
}

/// Compares everything that the expectation tells.
pub(crate) fn compare(expected: &Expected, counted: &Counted, name: &str) {
    let series = &counted.series;
    let value = |name: &str| series.value(name).unsigned_abs();
    let sum = |metric: &str| series.sum(metric).unsigned_abs();
    macro_rules! same {
        ($what:expr, $found:expr, $expected:expr) => {
            assert_eq!($found, $expected, "{name}: {}; {series:#?}", $what)
        };
    }
    let operation = |name: &str| expected.operations.get(name).copied().unwrap_or(0);

    for (request, label) in REQUESTS {
        same!(request, value(&format!("requests_total{{operation={label}}}")), operation(request));
    }
    for (response, label) in RESPONSES {
        let codes = expected.results.get(response);
        let mut by_label: BTreeMap<String, u64> = BTreeMap::new();
        for (code, count) in codes.into_iter().flatten() {
            let code = ResultCode(code.parse().expect("a result code"));
            *by_label.entry(code.label().as_str().to_owned()).or_default() += count;
        }
        same!(response, by_label.values().sum::<u64>(), operation(response));
        let mut found = results_of(series, label);
        if response == "extendedResp" && expected.unsolicited > 0 {
            // Unsolicited notifications answer nothing: the filter counts them apart, and without their codes.
            found.retain(|result, count| *count <= by_label.get(result).copied().unwrap_or(0));
            let answers = by_label.values().sum::<u64>() - expected.unsolicited;
            same!("answers to extended requests", found.values().sum::<u64>(), answers);
            continue;
        }
        same!(format!("results of {response}"), found, by_label);
    }
    same!("entries", sum("entries_total"), expected.entries);
    same!("entries", operation("searchResEntry"), expected.entries);
    same!("references", sum("references_total"), expected.references);
    same!("unsolicited", sum("unsolicited_notifications_total"), expected.unsolicited);
    same!("orphans", sum("unmatched_responses_total"), expected.responses_without_request);
    // Persistent searches that end without an answer are in no metric.
    let without = expected.requests_without_response.values().sum::<u64>();
    let fewest = sum("unanswered_operations_total") + sum("abandoned_operations_total");
    let most = fewest + value("search_kinds_total{kind=persistent}");
    assert!((fewest..=most).contains(&without), "{name}: {without} without response; {series:#?}");

    let scopes = counts(&expected.search_scopes, |name| match name {
        "baseObject" => "base".to_owned(),
        "singleLevel" => "one".to_owned(),
        "wholeSubtree" => "sub".to_owned(),
        other => panic!("scope {other}"),
    });
    same!("scopes", labelled(series, "search_scopes_total", "scope"), scopes);
    let controls = counts(&expected.controls, |oid| Control::of_oid(oid.as_bytes()).as_str().to_owned());
    let mut found = BTreeMap::new();
    for (name, count) in series.iter().filter(|(name, _)| name.starts_with("controls_total{control=")) {
        let control = name.trim_start_matches("controls_total{control=").split(',').next().expect("a value");
        *found.entry(control.to_owned()).or_default() += count.unsigned_abs();
    }
    same!("controls", found, controls);
    let extended = counts(&expected.extended_request_oids, |oid| {
        ExtendedName::of_oid(oid.as_bytes()).as_str().to_owned()
    });
    same!("extended", labelled(series, "extended_requests_total", "extended"), extended);
    let start_tls = value("extended_requests_total{extended=start_tls}");
    same!("StartTLS", start_tls, expected.starttls_requested);
    same!("StartTLS accepted", value("start_tls_total{outcome=accepted}"), expected.starttls_ok);

    let buffers = expected.sasl_buffers.c2s + expected.sasl_buffers.s2c;
    same!("SASL buffers", sum("sasl_buffers_total"), buffers);
    let signed = expected.sasl_token_kinds.iter().filter(|(kind, _)| kind.ends_with("signed-only"));
    let signed: u64 = signed.map(|(_, count)| count).sum();
    same!("signed buffers", value("sasl_buffers_total{protection=signed}"), signed);
    same!("opaque", counted.opaque, expected.starttls_ok > 0 || expected.tls_from_start);

    if let Some(Requests { binds, mechanisms, deepest, without_response }) = &counted.requests {
        let found = |kinds: &[&str]| kinds.iter().filter_map(|kind| binds.get(*kind)).sum::<u64>();
        let auth =
            |names: &[&str]| names.iter().filter_map(|name| expected.bind_auth.get(*name)).sum::<u64>();
        same!("anonymous binds", found(&["anonymous"]), expected.bind_anonymous);
        same!("simple binds", found(&["anonymous", "unauthenticated", "simple"]), auth(&["simple"]));
        same!("SASL binds", found(&["sasl"]), auth(&["sasl"]));
        same!("Sicily binds", found(&["sicily"]), auth(&["ntlmsspNegotiate", "ntlmsspAuth"]));
        let expected_mechanisms = counts(&expected.sasl_mechanisms, |name| {
            Mechanism::from_octets(name.as_bytes()).as_str().to_owned()
        });
        same!("mechanisms", *mechanisms, expected_mechanisms);
        same!("waiting at once", *deepest, expected.max_pending);
        same!("without response", *without_response, without);
    }
}

const REQUESTS: [(&str, &str); 10] = [
    ("bindRequest", "bind"),
    ("unbindRequest", "unbind"),
    ("searchRequest", "search"),
    ("modifyRequest", "modify"),
    ("addRequest", "add"),
    ("delRequest", "delete"),
    ("modDNRequest", "modify_dn"),
    ("compareRequest", "compare"),
    ("abandonRequest", "abandon"),
    ("extendedReq", "extended"),
];

const RESPONSES: [(&str, &str); 8] = [
    ("bindResponse", "bind"),
    ("searchResDone", "search"),
    ("modifyResponse", "modify"),
    ("addResponse", "add"),
    ("delResponse", "delete"),
    ("modDNResponse", "modify_dn"),
    ("compareResponse", "compare"),
    ("extendedResp", "extended"),
];

/// Final responses of one operation, by result.
pub(crate) fn results_of(series: &Series, operation: &str) -> BTreeMap<String, u64> {
    let of_operation = format!("operation_results_total{{operation={operation},result=");
    let results = series.iter().filter_map(|(name, count)| {
        let result = name.strip_prefix(&of_operation)?.strip_suffix('}')?;
        Some((result.to_owned(), count.unsigned_abs()))
    });
    results.collect()
}

/// Sums counts under other names.
fn counts(counts: &BTreeMap<String, u64>, rename: impl Fn(&str) -> String) -> BTreeMap<String, u64> {
    let mut renamed = BTreeMap::new();
    for (name, count) in counts {
        *renamed.entry(rename(name)).or_default() += count;
    }
    renamed
}

pub(crate) fn labelled(series: &Series, metric: &str, label: &str) -> BTreeMap<String, u64> {
    series.labelled(metric, label).into_iter().map(|(name, count)| (name, count.unsigned_abs())).collect()
}
