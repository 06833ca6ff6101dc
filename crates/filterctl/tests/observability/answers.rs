//! Every expression gets an answer from a real Prometheus, or is known not to.

use anyhow::{Result, ensure};
use filterctl::metrics::alerts;
use filterctl::metrics::dashboards::{Variables, expressions};
use real_peers::observability::{Prometheus, Sample};
use real_peers::wait_until;

use crate::Test;
use crate::scene::{REPORTER, scene};

pub(crate) const TESTS: &[Test] = &[
    ("Prometheus: every panel of every dashboard shows something", dashboards),
    ("Prometheus: every recording rule records something", recordings),
    ("Prometheus: every part of every alert has something to measure", parts_of_alerts),
    ("Prometheus: every rule is healthy, and those alerts fire that should", rules),
];

/// Parts of alerts that have nothing to measure here, by alert and number from 1, and why.
const EMPTY_PARTS: &[(&str, usize, &str)] = &[
    ("SmtpSilence", 1, "looks a day back"),
    ("SmtpSilence", 3, "looks a week back"),
    ("LdapBindSilence", 1, "looks a day back"),
    ("LdapBindSilence", 3, "looks a week back"),
    ("EnvoyFilterVisibleShareFalling", 1, "looks a day back"),
    ("EnvoyFilterPanicking", 1, "nothing panics"),
    ("EnvoyFilterErrors", 1, "nothing fails"),
    ("EnvoyFilterStatsRefused", 1, "Envoy refuses nothing"),
    ("EnvoyFilterLabelsMissing", 1, "no tag rule is missing"),
];

/// An expression, where it is from, and why there may be nothing to see.
struct Asked {
    from: String,
    expression: String,
    expected_empty: Option<&'static str>,
}

fn dashboards() -> Result<()> {
    let asked = expressions(&Variables::everything(REPORTER)).into_iter().map(|expression| Asked {
        from: format!("{}: {}", expression.dashboard, expression.panel),
        expression: expression.expr,
        expected_empty: expression.expected_empty,
    });
    all_answered(asked.collect())
}

fn recordings() -> Result<()> {
    let asked = alerts::recordings().into_iter().map(|recording| Asked {
        from: recording.record.clone(),
        expression: recording.record,
        expected_empty: None,
    });
    all_answered(asked.collect())
}

fn parts_of_alerts() -> Result<()> {
    let mut asked = Vec::new();
    for alert in alerts::alerts() {
        for (number, part) in (1..).zip(alert.ingredients()) {
            let empty = EMPTY_PARTS.iter().find(|(name, part, _)| (*name, *part) == (alert.name, number));
            asked.push(Asked {
                from: format!("{}, part {number}", alert.name),
                expression: part.to_owned(),
                expected_empty: empty.map(|(_, _, reason)| *reason),
            });
        }
    }
    for (name, number, _) in EMPTY_PARTS {
        let from = format!("{name}, part {number}");
        ensure!(asked.iter().any(|asked| asked.from == from), "there is no {from}");
    }
    all_answered(asked)
}

/// Each has an answer with a number in it, unless it is expected to have none: then it has none.
fn all_answered(mut asked: Vec<Asked>) -> Result<()> {
    ensure!(!asked.is_empty());
    let prometheus = &scene()?.prometheus;
    let total = asked.len();
    let unexpected: Vec<Asked> = {
        let (empty, full): (Vec<_>, Vec<_>) =
            asked.into_iter().partition(|asked| asked.expected_empty.is_some());
        asked = full;
        empty
            .into_iter()
            .filter_map(|asked| is_answered(prometheus, &asked).map(|yes| yes.then_some(asked)).transpose())
            .collect::<Result<_>>()?
    };
    let unexpected: Vec<String> = unexpected
        .iter()
        .map(|Asked { from, expression, expected_empty }| {
            format!("{from}: {expression} has an answer, though {}", expected_empty.unwrap_or_default())
        })
        .collect();
    ensure!(unexpected.is_empty(), "{unexpected:#?}");
    // Recording rules follow what they record.
    let mut waiting = asked;
    let waited = wait_until("every expression to be answered", || {
        let mut still = Vec::new();
        for asked in waiting.drain(..) {
            if !is_answered(prometheus, &asked)? {
                still.push(asked);
            }
        }
        waiting = still;
        Ok(waiting.is_empty().then_some(()))
    });
    let silent: Vec<String> =
        waiting.iter().map(|Asked { from, expression, .. }| format!("{from}: {expression}")).collect();
    ensure!(waited.is_ok(), "{} of {total} are not answered: {silent:#?}", silent.len());
    Ok(())
}

fn is_answered(prometheus: &Prometheus, asked: &Asked) -> Result<bool> {
    Ok(prometheus.query(&asked.expression)?.iter().any(|Sample { value, .. }| value.is_finite()))
}

/// Alerts that what was played has to set off at once.
const FIRING: [&str; 4] = [
    "SmtpCredentialsInClearText",
    "SmtpMailSmuggling",
    "SmtpStarttlsInjection",
    "LdapCredentialsInClearText",
];

fn rules() -> Result<()> {
    let prometheus = &scene()?.prometheus;
    let expected = alerts::alerts().len() + alerts::recordings().len() + alerts::THRESHOLDS.len();
    wait_until("every rule to be evaluated", || {
        let rules = prometheus.rules()?;
        ensure!(rules.len() == expected, "{} rules instead of {expected}", rules.len());
        let ill: Vec<_> = rules.iter().filter(|rule| rule["health"] == "err").collect();
        ensure!(ill.is_empty(), "{ill:#?}");
        Ok(rules.iter().all(|rule| rule["health"] == "ok").then_some(()))
    })?;
    for alert in FIRING {
        let firing = format!("ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}}");
        prometheus.wait_for(&firing, |samples| !samples.is_empty())?;
    }
    let pages = prometheus
        .query("ALERTS{severity=\"page\", alertstate=\"firing\", alertname!=\"SmtpStarttlsInjection\"}")?;
    ensure!(pages.is_empty(), "{pages:#?}");
    Ok(())
}
