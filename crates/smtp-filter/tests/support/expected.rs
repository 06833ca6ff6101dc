//! What a recorded conversation is expected to count, and the comparison with what was counted: natively here, and
//! by a real Envoy in filterctl's tests.

use std::collections::{BTreeMap, BTreeSet};

use common_metrics::Label as _;
use serde::Deserialize;
use session_test::Series;
use smtp_filter::event::Request;
use smtp_filter::protocol::code::ReplyCode;
use smtp_filter::protocol::ehlo::Keyword;
use smtp_filter::protocol::verb::Verb;

/// What a recording is expected to count. `(greeting)`, `(eod)` and `(auth)` stand for the requests that are no
/// commands, `BDAT LAST` for the last chunk and `BDAT?` for one without a size.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Expected {
    pub(crate) auth: Auth,
    pub(crate) blank_lines: u64,
    pub(crate) ehlo_keywords: Vec<String>,
    pub(crate) greeting: Option<String>,
    pub(crate) mail_from_accepted: u64,
    pub(crate) mails: Mails,
    pub(crate) pairs: BTreeMap<String, u64>,
    pub(crate) rcpt_accepted: u64,
    pub(crate) rcpt_rejected: u64,
    pub(crate) replies: BTreeMap<String, u64>,
    pub(crate) starttls: Starttls,
    pub(crate) tls_from_start: bool,
    pub(crate) unanswered: BTreeMap<String, u64>,
    pub(crate) unmatched_replies: u64,
    pub(crate) verbs: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Auth {
    pub(crate) attempts: u64,
    pub(crate) cancelled: u64,
    pub(crate) failed: BTreeMap<String, u64>,
    pub(crate) mechanisms: BTreeMap<String, u64>,
    pub(crate) ok: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Mails {
    pub(crate) bdat_mail_accepted: u64,
    pub(crate) bdat_mail_rejected: BTreeMap<String, u64>,
    pub(crate) content_accepted: u64,
    pub(crate) content_rejected: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Starttls {
    pub(crate) bytes_after_cmd_before_220: u64,
    pub(crate) cmd: u64,
    pub(crate) ok: u64,
    pub(crate) refused: BTreeMap<String, u64>,
}

/// What was counted of a conversation.
#[derive(Debug)]
pub(crate) struct Counted {
    /// Every series that is not 0.
    pub(crate) series: Series,
    /// How often each request was answered, by code (`MAIL 250`), where that is known: no metric tells it.
    pub(crate) pairs: Option<BTreeMap<String, u64>>,
    /// Whether the session went opaque.
    pub(crate) opaque: bool,
}

impl Counted {
    fn value(&self, series: &str) -> u64 {
        count(self.series.value(series))
    }

    fn sum(&self, metric: &str) -> u64 {
        count(self.series.sum(metric))
    }

    fn labelled(&self, metric: &str, label: &str) -> BTreeMap<String, u64> {
        self.series.labelled(metric, label).into_iter().map(|(value, n)| (value, count(n))).collect()
    }
}

fn count(value: i64) -> u64 {
    u64::try_from(value).expect("counters only rise")
}

/// Compares everything that the expectation tells.
pub(crate) fn compare(expected: &Expected, seen: &Counted, name: &str) {
    let value = |series: &str| seen.value(series);
    let sum = |metric: &str| seen.sum(metric);
    macro_rules! same {
        ($what:literal, $found:expr, $expected:expr) => {
            assert_eq!($found, $expected, "{name}: {}; {:#?}", $what, seen.series)
        };
    }

    same!("commands", seen.labelled("commands_total", "verb"), by(&expected.verbs, verb));
    same!("codes", seen.labelled("reply_codes_total", "code"), by(&expected.replies, code_label));
    let pairs = expected.pairs.iter().filter(|(pair, _)| !pair.starts_with("(greeting)"));
    let pairs: BTreeMap<String, u64> = pairs.map(|(pair, count)| (pair.clone(), *count)).collect();
    if let Some(found) = &seen.pairs {
        same!("pairs", *found, by(&pairs, pair));
    }
    same!(
        "unanswered",
        seen.labelled("unanswered_requests_total", "verb"),
        by(&expected.unanswered, request)
    );
    same!("unmatched", sum("unmatched_replies_total"), expected.unmatched_replies);
    let greeting =
        expected.greeting.as_ref().map(|code| format!("greetings_total{{class={}xx}}", &code[..1]));
    same!("greeting", greeting.map(|series| value(&series)), expected.greeting.as_ref().map(|_| 1));
    same!("keywords", keywords_seen(seen), keywords(&expected.ehlo_keywords));
    same!("blank lines", value("anomalies_total{kind=blank_line}"), expected.blank_lines);

    same!("accepted recipients", value("recipients_total{outcome=accepted}"), expected.rcpt_accepted);
    let refused =
        value("recipients_total{outcome=rejected_4xx}") + value("recipients_total{outcome=rejected_5xx}");
    same!("refused recipients", refused, expected.rcpt_rejected);
    same!("MAIL accepted", value("replies_total{verb=MAIL,class=2xx}"), expected.mail_from_accepted);
    same!(
        "mails by DATA",
        value("accepted_transactions_total{method=data}"),
        expected.mails.content_accepted
    );
    same!(
        "mails by BDAT",
        value("accepted_transactions_total{method=bdat}"),
        expected.mails.bdat_mail_accepted
    );
    let rejected = total(&expected.mails.content_rejected) + total(&expected.mails.bdat_mail_rejected);
    let whole = ["4xx", "5xx"]
        .map(|class| value(&format!("rejected_transactions_total{{stage=end_of_data,class={class}}}")));
    same!("mails rejected as a whole", whole.iter().sum::<u64>(), rejected);

    let auth = |outcome: &str| value(&format!("auth_total{{outcome={outcome},transport=plain}}"));
    same!("AUTH", sum("auth_total"), expected.auth.attempts);
    same!("AUTH succeeded", auth("succeeded"), expected.auth.ok);
    same!("AUTH cancelled", auth("cancelled"), expected.auth.cancelled);
    same!("AUTH failed", auth("failed"), total(&expected.auth.failed));
    for (mechanism, count) in &expected.auth.mechanisms {
        let of_mechanism = format!("auth_mechanisms_total{{mechanism={mechanism},");
        let series = seen.series.iter().filter(|(name, _)| name.starts_with(&of_mechanism));
        same!("AUTH mechanisms", series.map(|(_, n)| n).sum::<i64>(), i64::try_from(*count).expect("small"));
    }

    same!("STARTTLS", value("commands_total{verb=STARTTLS}"), expected.starttls.cmd);
    same!("STARTTLS accepted", value("starttls_total{outcome=accepted}"), expected.starttls.ok);
    same!("STARTTLS refused", value("starttls_total{outcome=refused}"), total(&expected.starttls.refused));
    same!("smuggled", sum("smuggled_octets_total"), expected.starttls.bytes_after_cmd_before_220);
    same!("opaque", seen.opaque, expected.starttls.ok > 0 || expected.tls_from_start);
}

fn total(counts: &BTreeMap<String, u64>) -> u64 {
    counts.values().sum()
}

/// Sums counts under other names.
fn by(counts: &BTreeMap<String, u64>, rename: impl Fn(&str) -> String) -> BTreeMap<String, u64> {
    let mut renamed = BTreeMap::new();
    for (name, count) in counts {
        *renamed.entry(rename(name)).or_default() += count;
    }
    renamed
}

fn verb(name: &str) -> String {
    Verb::from_octets(name.as_bytes()).as_str().to_owned()
}

fn request(name: &str) -> String {
    match name {
        "(eod)" => Request::EndOfData,
        "(auth)" => Request::AuthData,
        "BDAT LAST" | "BDAT?" => Request::Bdat,
        verb => Verb::from_octets(verb.as_bytes()).into(),
    }
    .as_str()
    .to_owned()
}

fn pair(pair: &str) -> String {
    let (asked, code) = pair.rsplit_once(' ').expect("a request and a code");
    format!("{} {code}", request(asked))
}

fn code_label(code: &str) -> String {
    let code = code.parse().ok().and_then(ReplyCode::new).expect("a code");
    code.label().as_str().to_owned()
}

fn keywords(names: &[String]) -> BTreeSet<String> {
    names.iter().map(|name| Keyword::of_reply_text(name.as_bytes()).as_str().to_owned()).collect()
}

fn keywords_seen(seen: &Counted) -> BTreeSet<String> {
    seen.labelled("ehlo_keywords_total", "keyword").into_keys().collect()
}
