//! Values for the suite's Helm chart.

mod rules;

use std::path::Path;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::paths::{Location, LocationSegment};
use serde_json::Value;

use super::document::{Content, Node};
use super::filter_config;
use super::report::{Place, Report};
use super::suggestion::{did_you_mean, one_of};
use crate::filters::Filter;
use crate::helm as chart;

/// Whether a document is values of the chart.
pub(super) fn looks_like_one(document: &Node) -> bool {
    let filters = document.get("filters");
    filters.is_some_and(|filters| matches!(filters.content, Content::List(_)))
        || (document.get("monitoring").is_some_and(Node::is_map) && document.get("apiVersion").is_none())
}

/// Checks values against the chart's schema, and each filter's configuration as the filter would.
pub(super) fn check(file: &Path, document: &Node, report: &mut Report) {
    let top = Place::top(file, document);
    let mut judged = Vec::new();
    for entry in top.get("filters").iter().flat_map(Place::items) {
        let Some(config) = entry.get("config") else { continue };
        if let Some(filter) = entry.text_of("filter").and_then(Filter::named) {
            filter_config::check(filter, &config, report);
            judged.push(config.path.clone());
        }
    }
    against(&chart::schema(), &top, &judged, report);
    rules::check(&top, report);
}

/// What the schema says, but for what has been judged already.
fn against(schema: &Value, top: &Place<'_>, judged: &[String], report: &mut Report) {
    let Ok(validator) = jsonschema::draft7::new(schema) else { return };
    let value = match top.node.json() {
        Value::Null => Value::Object(serde_json::Map::new()),
        value => value,
    };
    for error in validator.iter_errors(&value) {
        let place = deepest(top, error.instance_path());
        if !judged.iter().any(|path| place.path.starts_with(path)) {
            tell(schema, &place, &error, report);
        }
    }
}

/// The value that an error is about.
fn deepest<'a>(top: &Place<'a>, path: &Location) -> Place<'a> {
    let mut place = top.clone();
    for segment in path {
        let next = match segment {
            LocationSegment::Property(name) => place.get(&name),
            LocationSegment::Index(index) => place.items().nth(index),
        };
        let Some(next) = next else { break };
        place = next;
    }
    place
}

fn tell(schema: &Value, place: &Place<'_>, error: &ValidationError<'_>, report: &mut Report) {
    // Where the keyword that is hurt stands.
    let keyword = error.schema_path().as_str();
    let around = keyword.rsplit_once('/').and_then(|(around, _)| schema.pointer(around));
    let name = place.path.rsplit('.').next().unwrap_or_default();
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => {
            let known = around.and_then(|around| around.get("properties")?.as_object());
            let known: Vec<&str> =
                known.map(|known| known.keys().map(String::as_str).collect()).unwrap_or_default();
            for wrong in unexpected {
                let place = place.get(wrong).unwrap_or_else(|| place.clone());
                report
                    .error(&place, format!("unknown field `{wrong}`"))
                    .suggest(did_you_mean(wrong, known.iter().copied()));
            }
        }
        Kind::Enum { options } => {
            let options: Vec<&str> =
                options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let suggestion = match place.text() {
                Some(wrong) => did_you_mean(wrong, options.iter().copied()),
                None => one_of(options.iter().copied()),
            };
            report.error(place, format!("{} is not known here", place.node.json())).suggest(suggestion);
        }
        Kind::Type { .. } => {
            let finding = report.error(place, error.to_string());
            if let Content::Word { text, .. } = &place.node.content {
                finding.suggest(format!(
                    "YAML reads {text} without quotes as a boolean: write {name}: \"{text}\""
                ));
            } else if let Content::Number(number) = &place.node.content {
                finding.suggest(format!("if a string is meant, write {name}: \"{number}\""));
            }
        }
        Kind::Required { property } => {
            let property = property.as_str().unwrap_or_default();
            let finding = report.error(place, format!("{property} is missing"));
            if let Some(why) = described(around, property) {
                finding.suggest(why);
            }
        }
        // One of these says what would be right.
        Kind::OneOfNotValid { context } | Kind::AnyOf { context } => {
            let reasons: Vec<String> = context.iter().flatten().map(ToString::to_string).collect();
            let what = around.and_then(|around| around.get("description")?.as_str());
            let suggestion = what.map_or_else(|| reasons.join(", or "), str::to_owned);
            report.error(place, "fits none of the forms that are possible here").suggest(suggestion);
        }
        Kind::OneOfMultipleValid { .. } | Kind::Not { .. } => {
            let what = around.and_then(|around| around.get("description")?.as_str());
            let finding = report.error(place, "holds fields that exclude each other");
            if let Some(what) = what {
                finding.suggest(what);
            }
        }
        Kind::Pattern { .. } | Kind::Constant { .. } | Kind::FalseSchema => {
            let what = around.and_then(|around| around.get("description")?.as_str());
            let finding = report.error(place, error.to_string());
            if let Some(what) = what {
                finding.suggest(what);
            }
        }
        _ => _ = report.error(place, error.to_string()),
    }
}

/// What a schema says about one of its fields.
fn described(around: Option<&Value>, property: &str) -> Option<String> {
    around?.get("properties")?.get(property)?.get("description")?.as_str().map(str::to_owned)
}
