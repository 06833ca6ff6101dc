//! A filter's own configuration. The filter itself is the judge: what is said is what it would say in Envoy's log.

use serde_json::Value;

use super::document::{Content, Node};
use super::report::{Place, Report, join};
use super::suggestion::{closest, did_you_mean, one_of};
use crate::filters::{FILTERS, Filter};

/// Most mistakes that are told of one configuration.
const MOST: usize = 50;

/// Checks a configuration: each mistake, not only the first.
pub(super) fn check(filter: &Filter, configuration: &Place<'_>, report: &mut Report) {
    let mut value = match configuration.node.json() {
        Value::Null => Value::Object(serde_json::Map::new()),
        value => value,
    };
    // Which the filter would take for the values of its fields, one after the other.
    if value.is_array() {
        report.error(configuration, "a configuration is an object, not a list").suggest("write { … }");
        return;
    }
    let schema = Schema::of(filter);
    for _ in 0..MOST {
        let Err(error) = filter.check(value.to_string().as_bytes()) else { break };
        let message = error.to_string();
        let (steps, reason) = split(&message, &value);
        let place = deepest(configuration, &steps);
        let suggestion = suggestion(&schema, &steps, reason, &place);
        let finding = report.error(&place, reason);
        finding.path = steps.iter().fold(configuration.path.clone(), |path, step| join(&path, step));
        finding.suggestion = suggestion;
        // Without what is wrong, the filter says what else is.
        if !remove(&mut value, &steps) {
            break;
        }
    }
    caution(configuration, report);
    words(&schema, &[], configuration, report);
}

/// Whether a document looks like a filter's configuration: it has a field that one knows.
pub(super) fn looks_like_one(document: &Node) -> bool {
    FILTERS.iter().any(|filter| {
        let schema = Schema::of(filter);
        let known: Vec<String> = schema.fields(&[]);
        document.fields().iter().any(|(key, _)| known.contains(&key.name))
    })
}

/// The filter that a configuration is for, where its fields tell: only one has limits of these names.
pub(super) fn filter_of(document: &Node) -> Option<&'static Filter> {
    let limits = document.get("limits")?;
    let knows = |filter: &&Filter| {
        let known = Schema::of(filter).fields(&["limits"]);
        limits.fields().iter().filter(|(key, _)| known.contains(&key.name)).count()
    };
    let best = FILTERS.iter().max_by_key(knows)?;
    let is_only = FILTERS.iter().filter(|filter| knows(filter) == knows(&best)).count() == 1;
    (is_only && knows(&best) > 0).then_some(best)
}

/// The path at the beginning of the filter's message, and the rest.
fn split<'a>(message: &'a str, value: &Value) -> (Vec<String>, &'a str) {
    let Some((path, reason)) = message.split_once(": ") else { return (Vec::new(), message) };
    let steps: Vec<String> = path.split('.').map(str::to_owned).collect();
    let mut at = Some(value);
    for step in &steps {
        at = at.and_then(|value| value.get(step));
    }
    if at.is_some() { (steps, reason) } else { (Vec::new(), message) }
}

fn remove(value: &mut Value, steps: &[String]) -> bool {
    let Some((last, parents)) = steps.split_last() else { return false };
    let parent = parents.iter().try_fold(value, |value, step| value.get_mut(step));
    parent.and_then(Value::as_object_mut).is_some_and(|fields| fields.remove(last).is_some())
}

/// The value at a path; where the path ends early, what is there.
fn deepest<'a>(configuration: &Place<'a>, steps: &[String]) -> Place<'a> {
    let mut place = configuration.clone();
    for step in steps {
        let Some(next) = place.get(step) else { break };
        place = next;
    }
    place
}

fn suggestion(schema: &Schema, steps: &[String], reason: &str, place: &Place<'_>) -> Option<String> {
    let (name, parents) = steps.split_last()?;
    if reason.starts_with("unknown field") {
        let parents: Vec<_> = parents.iter().map(String::as_str).collect();
        return Some(schema.instead_of(&parents, name));
    }
    if let Content::Word { text, .. } = &place.node.content {
        return Some(format!("YAML reads {text} without quotes as a boolean: write {name}: \"{text}\""));
    }
    let steps: Vec<_> = steps.iter().map(String::as_str).collect();
    let choices = schema.choices(&steps);
    if let (Some(wrong), false) = (place.text(), choices.is_empty()) {
        return Some(did_you_mean(wrong, choices.iter().map(String::as_str)));
    }
    if !choices.is_empty() && !matches!(place.node.content, Content::Text(_)) {
        return Some(one_of(choices.iter().map(String::as_str)));
    }
    let kind = schema.kind(&steps)?;
    match (&place.node.content, kind.as_str()) {
        (Content::Text(text), "boolean") => Some(match text.text.as_str() {
            "true" | "false" => format!("write {name}: {} without quotes", text.text),
            _ => format!("write {name}: true or {name}: false"),
        }),
        (Content::Text(text), "integer" | "number") if text.text.parse::<f64>().is_ok() => {
            Some(format!("write {name}: {} without quotes", text.text))
        }
        (Content::Number(number), "string") => {
            Some(format!("a number is no string: write {name}: \"{number}\""))
        }
        _ => None,
    }
}

/// What the filter accepts and somebody may still not want.
fn caution(configuration: &Place<'_>, report: &mut Report) {
    if let Some(strict) = configuration.get("strict")
        && strict.node.content == Content::Bool(false)
    {
        report
            .warning(&strict, "fields that the module does not know are ignored, not refused")
            .suggest("remove it once no older module runs: it is meant for rolling back");
    }
    let Some(events) = configuration.get("events") else { return };
    let is_enabled = events.node.get("enabled").is_some_and(|on| on.content == Content::Bool(true));
    let key = events.get("hmac_key");
    let identities = events.get("identities");
    match identities.as_ref().and_then(Place::text) {
        Some("hmac") if key.is_none() => {
            let place = identities.as_ref().unwrap_or(&events);
            report
                .warning(place, "no hmac_key: each Envoy makes a random key and loses it when it ends")
                .suggest(
                    "give hmac_key: {id, secret}, so that hashes can be compared between Envoys and later",
                );
        }
        Some("full") => {
            let place = identities.as_ref().unwrap_or(&events);
            report
                .warning(place, "events hold identities as they were sent, which can be a mistyped secret")
                .suggest("`hmac` tells identities apart without showing them");
        }
        _ => (),
    }
    if let Some(key) = key
        && identities.as_ref().and_then(Place::text) != Some("hmac")
    {
        report.warning(&key, "nothing uses the key").suggest("it is for identities: hmac");
    }
    if let Some(identities) = identities
        && !is_enabled
        && identities.text().is_some_and(|text| text != "off")
    {
        report
            .warning(&identities, "no events are written, so nobody sees identities")
            .suggest("set events.enabled: true");
    }
}

/// Words that YAML 1.1 takes for booleans, where a boolean is meant: other readers take them for strings.
fn words(schema: &Schema, steps: &[&str], place: &Place<'_>, report: &mut Report) {
    for (name, value) in place.fields() {
        let steps = [steps, &[name]].concat();
        if let Content::Word { text, means } = &value.node.content
            && schema.kind(&steps).as_deref() == Some("boolean")
        {
            report
                .warning(&value, format!("{text} is a boolean in YAML 1.1 only"))
                .suggest(format!("write {name}: {means}"));
        }
        words(schema, &steps, &value, report);
    }
}

/// The JSON Schema of a filter's configuration, for suggestions.
pub(crate) struct Schema(Value);

impl Schema {
    /// That of this filter.
    pub(crate) fn of(filter: &Filter) -> Self {
        Self(filter.schema())
    }

    /// What it says about the field at this path, references resolved.
    pub(crate) fn at(&self, steps: &[&str]) -> Option<&Value> {
        let mut at = self.resolve(&self.0)?;
        for step in steps {
            at = self.resolve(at.get("properties")?.get(step)?)?;
        }
        Some(at)
    }

    /// The names of the fields of the object at this path.
    pub(crate) fn fields(&self, steps: &[&str]) -> Vec<String> {
        let properties = self.at(steps).and_then(|at| at.get("properties")?.as_object());
        properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
    }

    /// The strings that are allowed at this path, where they are a list.
    pub(crate) fn choices(&self, steps: &[&str]) -> Vec<String> {
        let Some(at) = self.at(steps) else { return Vec::new() };
        let constants = at.get("oneOf").and_then(Value::as_array).into_iter().flatten();
        let constants = constants.filter_map(|one| one.get("const"));
        let list = at.get("enum").and_then(Value::as_array).into_iter().flatten();
        constants.chain(list).filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// The JSON type at this path.
    fn kind(&self, steps: &[&str]) -> Option<String> {
        self.at(steps)?.get("type")?.as_str().map(str::to_owned)
    }

    /// The field that was meant by an unknown one: here, or in another object.
    fn instead_of(&self, parents: &[&str], name: &str) -> String {
        let here = self.fields(parents);
        let places: [&[&str]; 3] = [&[], &["events"], &["limits"]];
        for place in places.into_iter().filter(|place| *place != parents) {
            if self.fields(place).iter().any(|field| field == name) {
                return match place {
                    [] => format!("`{name}` belongs to the top level"),
                    _ => format!("`{name}` belongs into `{}`", place.join(".")),
                };
            }
        }
        if closest(name, here.iter().map(String::as_str)).is_none() {
            for place in places.into_iter().filter(|place| *place != parents) {
                let fields = self.fields(place);
                if let Some(found) = closest(name, fields.iter().map(String::as_str)) {
                    let path = place.iter().fold(String::new(), |path, step| join(&path, step));
                    return format!("did you mean `{}`?", join(&path, found));
                }
            }
        }
        did_you_mean(name, here.iter().map(String::as_str))
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> Option<&'a Value> {
        if let Some(name) = value.get("$ref").and_then(Value::as_str) {
            return self.0.pointer(name.strip_prefix('#')?);
        }
        // Optional: what it is, or null.
        match value.get("anyOf").and_then(Value::as_array).and_then(|any| any.first()) {
            Some(first) => self.resolve(first),
            None => Some(value),
        }
    }
}
