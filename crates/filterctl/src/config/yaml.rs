//! YAML with comments, written the same way each time. Values are read the same by YAML 1.1 and 1.2.

use std::fmt::Write;

use serde_json::Value;

/// Columns up to which a list or object is written in one line.
const WIDTH: usize = 110;

/// A value to be written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Yaml {
    /// A value in one line: a scalar, or a small list or object.
    Line(Value),
    /// An object in one line, its fields in this order.
    Fields(Vec<(&'static str, Value)>),
    /// A text of several lines, behind `|`.
    Block(String),
    /// A list, an item per line.
    List(Vec<Entry>),
    /// An object, a field per line.
    Map(Vec<(String, Entry)>),
}

/// A value with a comment above it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    comment: String,
    value: Yaml,
}

impl Yaml {
    /// An object without fields.
    pub(super) fn map() -> Self {
        Self::Map(Vec::new())
    }

    /// An object in one line.
    pub(super) fn fields<const N: usize>(fields: [(&'static str, Value); N]) -> Self {
        Self::Fields(fields.into())
    }

    /// A list of these.
    pub(super) fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(items.into_iter().map(Entry::from).collect())
    }

    /// The object with one more field.
    pub(super) fn with(self, name: &str, value: impl Into<Self>) -> Self {
        self.said("", name, value)
    }

    /// The object with one more field, if there is a value for it.
    pub(super) fn with_some(self, name: &str, value: Option<impl Into<Self>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The object with one more field, and what there is to say about it.
    pub(super) fn said(mut self, comment: &str, name: &str, value: impl Into<Self>) -> Self {
        if let Self::Map(fields) = &mut self {
            let entry = Entry { comment: comment.to_owned(), value: value.into() };
            fields.push((name.to_owned(), entry));
        }
        self
    }

    /// A value as it is, one field per line.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                Self::Map(fields.iter().map(|(name, value)| (name.clone(), Self::of(value).into())).collect())
            }
            Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
                Self::list(items.iter().map(Self::of))
            }
            _ => Self::Line(value.clone()),
        }
    }

    /// The text of a document.
    pub(super) fn document(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text
    }

    /// Writes what stands in lines of its own, indented so far.
    fn write(&self, text: &mut String, indent: usize) {
        let spaces = " ".repeat(indent);
        match self {
            Self::Line(value) => text.push_str(&format!("{spaces}{}\n", flow(value))),
            Self::Fields(fields) => text.push_str(&format!(
                "{spaces}{}\n",
                object(fields.iter().map(|(name, value)| (*name, value)))
            )),
            Self::Block(block) => {
                for line in block.lines() {
                    let line = format!("{spaces}{line}");
                    text.push_str(line.trim_end());
                    text.push('\n');
                }
            }
            Self::Map(fields) => {
                for (name, entry) in fields {
                    comment(text, &spaces, &entry.comment);
                    text.push_str(&format!("{spaces}{}:", scalar(name)));
                    entry.value.write_behind(text, indent);
                }
            }
            Self::List(items) => {
                for item in items {
                    comment(text, &spaces, &item.comment);
                    let mut item = item.clone();
                    // What there is to say about the first field stands above the dash.
                    if let Self::Map(fields) = &mut item.value
                        && let Some((_, first)) = fields.first_mut()
                    {
                        comment(text, &spaces, &std::mem::take(&mut first.comment));
                    }
                    let mut inside = String::new();
                    item.value.write(&mut inside, indent + 2);
                    // The first line of the item stands behind the dash, whatever comes first in it.
                    let body = inside.get(indent + 2..).unwrap_or_default();
                    text.push_str(&format!("{spaces}- {body}"));
                }
            }
        }
    }

    /// Writes a value behind its key.
    fn write_behind(&self, text: &mut String, indent: usize) {
        match self {
            Self::Line(value) => {
                let line = flow(value);
                let column = text.len() - text.rfind('\n').map_or(0, |end| end + 1);
                match value {
                    Value::Array(items) if column + line.len() > WIDTH => wrapped(text, items, indent + 2),
                    _ => text.push_str(&format!(" {line}\n")),
                }
            }
            Self::Fields(fields) => {
                text.push_str(&format!(" {}\n", object(fields.iter().map(|(name, value)| (*name, value)))));
            }
            Self::Block(block) => {
                text.push_str(if block.ends_with('\n') { " |\n" } else { " |-\n" });
                self.write(text, indent + 2);
            }
            Self::List(items) if items.is_empty() => text.push_str(" []\n"),
            Self::Map(fields) if fields.is_empty() => text.push_str(" {}\n"),
            _ => {
                text.push('\n');
                self.write(text, indent + 2);
            }
        }
    }
}

impl Entry {
    /// A value with a comment above it.
    pub(super) fn said(comment: &str, value: Yaml) -> Self {
        Self { comment: comment.to_owned(), value }
    }
}

impl From<Yaml> for Entry {
    fn from(value: Yaml) -> Self {
        Self { comment: String::new(), value }
    }
}

impl From<Value> for Yaml {
    fn from(value: Value) -> Self {
        Self::Line(value)
    }
}

impl From<&str> for Yaml {
    fn from(value: &str) -> Self {
        Self::Line(value.into())
    }
}

impl From<String> for Yaml {
    fn from(value: String) -> Self {
        Self::Line(value.into())
    }
}

/// Comments, each line behind a `#`.
pub(super) fn comment(text: &mut String, spaces: &str, comment: &str) {
    for line in comment.lines() {
        let line = format!("{spaces}# {line}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// A long list of scalars in lines of their own.
fn wrapped(text: &mut String, items: &[Value], indent: usize) {
    let spaces = " ".repeat(indent);
    text.push_str(&format!("\n{spaces}[\n"));
    let mut line = format!("{spaces} ");
    for item in items {
        let item = flow(item);
        if line.len() + item.len() + 2 > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = format!("{spaces} ");
        }
        let _ = write!(line, " {item},");
    }
    text.push_str(&format!("{line}\n{spaces}]\n"));
}

/// A value in one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => object(fields.iter().map(|(name, value)| (name.as_str(), value))),
        other => other.to_string(),
    }
}

fn object<'a>(fields: impl Iterator<Item = (&'a str, &'a Value)>) -> String {
    let fields = fields.map(|(name, value)| format!("{}: {}", scalar(name), flow(value)));
    format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
}

/// A string, in quotes where it would be read as something else without.
fn scalar(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else if text.contains('\\') && !text.contains(['\'', '\n']) {
        format!("'{text}'")
    } else {
        // A string of JSON is one of YAML.
        Value::from(text).to_string()
    }
}

/// Whether a string can stand without quotes, in a line and inside of `[]` and `{}`: an address, a duration in seconds, or
/// what begins with a letter or `/` and is neither a word nor a number of YAML.
fn is_plain(text: &str) -> bool {
    let is_duration = || text.strip_suffix('s').is_some_and(|number| number.parse::<f64>().is_ok());
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return is_duration() || text.parse::<std::net::Ipv4Addr>().is_ok();
    }
    const WORDS: [&str; 11] = ["y", "yes", "n", "no", "on", "off", "true", "false", "null", "inf", "nan"];
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let goes_on = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:".contains(c));
    begins && goes_on && !text.ends_with(':') && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validate::document;

    #[test]
    fn what_is_written_is_read_again() {
        let values = json!({
            "words": ["on", "off", "yes", "No", "null", "~", "", "true"],
            "numbers": ["25", "1e3", "0x10", "1_000", "-1", ".5", "1.2.3", "900s", "0.5s", "10.0.0.1", "1_0s", "infs"],
            "signs": ["a: b", "#", "- x", "@type", "*", "&a", "!x", "%", "`", "a #b", "{", "a\nb", "'", "\"", "\\."],
            "plain": ["a", "/etc/envoy/x.wasm", "oci://h:5/x:1", "0.0.0.0"],
            "nested": {"list": [{"a": 1, "b": [1.5, true, null]}, {}], "empty": [], "none": {}},
        });
        let text = Yaml::of(&values).document();
        assert_eq!(document::parse(&text).unwrap()[0].json(), values, "{text}");
    }

    #[test]
    fn comments_and_blocks_stand_where_they_belong() {
        let yaml = Yaml::map()
            .said("What it is\ncalled.", "name", "x")
            .with("empty", Yaml::map())
            .with(
                "list",
                Yaml::List(vec![Entry::said(
                    "An item.",
                    Yaml::map().with("a", json!(1)).said("Two.", "b", json!({"c": 2})),
                )]),
            )
            .with("text", Yaml::Block("{\n  \"d\": 3\n}\n".to_owned()));
        assert_eq!(
            yaml.document(),
            "# What it is\n# called.\nname: x\nempty: {}\nlist:\n  # An item.\n  - a: 1\n    # Two.\n    b: { c: 2 }\n\
             text: |\n  {\n    \"d\": 3\n  }\n"
        );
    }
}
