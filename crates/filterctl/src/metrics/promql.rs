//! Whether an expression speaks of what is declared: its metrics, their labels, and the values that those can have.

use std::collections::BTreeSet;

use promql_parser::label::{MatchOp, Matcher, Matchers};
use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};

use super::envoy::ENVOY_METRICS;
use super::families::Family;

/// Labels that Prometheus gives to what it scrapes.
const OF_PROMETHEUS: [&str; 4] = ["instance", "job", "namespace", "pod"];

/// The labels that a series can have where it stands in an expression.
type LabelNames = BTreeSet<String>;

/// What a name of a series, which no catalogue declares, stands for: such as a recording rule's. Its labels, or `None`.
pub(crate) type Declared<'a> = &'a dyn Fn(&str) -> Option<Vec<String>>;

/// Says what is wrong with an expression: what no catalogue, and not `declared`, knows. Variables have to be substituted.
pub(crate) fn check(expr: &str, declared: Declared<'_>) -> Result<(), String> {
    let parsed = parser::parse(expr).map_err(|error| format!("{expr}: {error}"))?;
    labels(&parsed, declared).map(|_| ()).map_err(|error| format!("{error}, in {expr}"))
}

fn labels(expr: &Expr, declared: Declared<'_>) -> Result<LabelNames, String> {
    match expr {
        Expr::VectorSelector(selector) => selected(selector, declared),
        Expr::MatrixSelector(matrix) => selected(&matrix.vs, declared),
        Expr::Subquery(subquery) => labels(&subquery.expr, declared),
        Expr::Paren(paren) => labels(&paren.expr, declared),
        Expr::Unary(unary) => labels(&unary.expr, declared),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(LabelNames::new()),
        Expr::Aggregate(aggregate) => {
            let inner = labels(&aggregate.expr, declared)?;
            match &aggregate.modifier {
                None => Ok(LabelNames::new()),
                Some(LabelModifier::Include(by)) => {
                    known(&by.labels, &inner)?;
                    Ok(by.labels.iter().cloned().collect())
                }
                Some(LabelModifier::Exclude(without)) => {
                    known(&without.labels, &inner)?;
                    Ok(inner.into_iter().filter(|label| !without.labels.contains(label)).collect())
                }
            }
        }
        Expr::Binary(binary) => {
            let left = labels(&binary.lhs, declared)?;
            let right = labels(&binary.rhs, declared)?;
            let both: LabelNames = left.union(&right).cloned().collect();
            if let Some(matching) = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref()) {
                known(&matching.labels().labels, &both)?;
            }
            Ok(both)
        }
        Expr::Call(call) => {
            let mut found = LabelNames::new();
            for argument in &call.args.args {
                found.extend(labels(argument, declared)?);
            }
            if call.func.name == "label_replace"
                && let Some(Expr::StringLiteral(new)) = call.args.args.get(1).map(AsRef::as_ref)
            {
                found.insert(new.val.clone());
            }
            Ok(found)
        }
        Expr::Extension(_) => Err("an extension of PromQL".to_owned()),
    }
}

fn known(names: &[String], labels: &LabelNames) -> Result<(), String> {
    match names.iter().find(|name| !labels.contains(*name)) {
        Some(name) => Err(format!("no label {name} there; there are {labels:?}")),
        None => Ok(()),
    }
}

/// The labels of the series that a selector finds; it may select by those alone, and by values that they can have.
fn selected(selector: &VectorSelector, declared: Declared<'_>) -> Result<LabelNames, String> {
    let Matchers { matchers, .. } = &selector.matchers;
    let name = match (&selector.name, matchers.iter().find(|matcher| matcher.name == "__name__")) {
        (Some(name), _) => name.clone(),
        (None, Some(matcher)) => matcher.value.clone(),
        (None, None) => return Err("a selector without a name".to_owned()),
    };
    let mut labels: LabelNames = OF_PROMETHEUS.iter().map(|&label| label.to_owned()).collect();
    labels.insert("__name__".to_owned());
    let alternatives: Vec<&str> =
        if selector.name.is_some() { vec![&name] } else { name.split('|').collect() };
    for name in alternatives {
        labels.extend(labels_of(name, matchers, declared)?);
    }
    let names: Vec<String> = matchers.iter().map(|matcher| matcher.name.clone()).collect();
    known(&names, &labels)?;
    Ok(labels)
}

fn labels_of(name: &str, matchers: &[Matcher], declared: Declared<'_>) -> Result<Vec<String>, String> {
    if let Some(metric) = ENVOY_METRICS.iter().find(|metric| metric.pattern.unwrap_or(metric.name) == name) {
        return Ok(metric.labels.iter().map(|&label| label.to_owned()).collect());
    }
    if let Some(labels) = declared(name) {
        return Ok(labels);
    }
    let (base, of_histogram) = ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|suffix| Some((name.strip_suffix(suffix)?, *suffix)))
        .filter(|(base, _)| Family::find(base).is_some())
        .unwrap_or((name, ""));
    let (family, metric) = Family::find(base).ok_or_else(|| format!("no metric {name}"))?;
    let is_histogram = metric.kind == common_metrics::Kind::Histogram;
    if is_histogram == of_histogram.is_empty() {
        return Err(format!("{name}: only histograms have buckets, a sum and a count, and nothing else"));
    }
    for matcher in matchers {
        let Some(dimension) = metric.dimensions.iter().find(|dimension| dimension.name == matcher.name)
        else {
            continue;
        };
        let values: Vec<&str> = match matcher.op {
            MatchOp::Equal | MatchOp::NotEqual => vec![&matcher.value],
            MatchOp::Re(_) | MatchOp::NotRe(_) => matcher.value.split('|').collect(),
        };
        if let Some(value) = values.iter().find(|value| !dimension.values.contains(value) && **value != ".*")
        {
            return Err(format!("{name}: {} is never {value}", dimension.name));
        }
    }
    let le = (of_histogram == "_bucket").then_some("le");
    Ok(family.labels_of(metric).into_iter().chain(le).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_is_declared_passes() {
        for expr in [
            "sum by (verb) (rate(smtp_commands_total{reporter=\"inbound\",verb=~\"MAIL|RCPT\"}[5m]))",
            "histogram_quantile(0.9, sum by (le) (rate(smtp_end_of_data_latency_microseconds_bucket[5m])))",
            "sum by (n) (increase(label_replace({__name__=~\"envoy_wasm_.+_vm_reload_success\"}, \"n\", \"$1\", \"__name__\", \"x(.+)\")[5m:]))",
            "sum(ldap_operations_in_flight) or vector(0)",
            "count by (pod) (envoy_sdk_vm_starts_total{panic=\"abort\"}) > 1",
            "sum without (verb) (my:rule)",
        ] {
            let rule = |name: &str| (name == "my:rule").then(|| vec!["verb".to_owned()]);
            assert_eq!(check(expr, &rule), Ok(()), "{expr}");
        }
    }

    #[test]
    fn what_is_not_is_named() {
        for (expr, wrong) in [
            ("sum(smtp_comands_total)", "no metric smtp_comands_total"),
            ("sum by (reason) (smtp_commands_total)", "no label reason"),
            ("sum by (verb) (sum by (pod) (smtp_commands_total))", "no label verb"),
            ("smtp_commands_total{code=\"250\"}", "no label code"),
            ("smtp_commands_total{verb=\"HELLO\"}", "verb is never HELLO"),
            ("smtp_commands_total{verb=~\"MAIL|HELLO\"}", "verb is never HELLO"),
            ("rate(smtp_message_bytes[5m])", "only histograms"),
            ("envoy_nonsense", "no metric envoy_nonsense"),
            ("sum(", "sum("),
        ] {
            let error = check(expr, &|_| None).unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
    }
}
