//! YAML and JSON as a tree in which every value knows where it stands.
//!
//! Values are read as Envoy, Kubernetes and Helm read them: what YAML 1.1 calls a boolean (`off`, `yes`) is one, although
//! YAML 1.2 disagrees. The word is kept, so that the trap can be explained.

use std::fmt;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde::Serialize;
use serde_json::{Map, Number, Value};

/// A place in a text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Position {
    /// The beginning of a text.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A text that is neither YAML nor JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Where reading ended.
    pub at: Position,
    /// What is wrong there.
    pub reason: String,
}

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub content: Content,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A word without quotes that YAML 1.1 takes for a boolean, such as `off`.
    Word {
        /// As it stands there.
        text: String,
        /// What it is read as.
        means: bool,
    },
    /// A number.
    Number(Number),
    /// A string.
    Text(Text),
    /// A list.
    List(Vec<Node>),
    /// An object; the order of its fields is kept.
    Map(Vec<(Key, Node)>),
}

/// A string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// What it says.
    pub text: String,
    /// How it is written.
    pub style: Style,
}

/// How a string is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In single quotes.
    Single,
    /// In double quotes.
    Double,
    /// As a block behind `|`.
    Literal,
    /// As a block behind `>`.
    Folded,
}

/// A field's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The name.
    pub name: String,
    /// Where it begins.
    pub at: Position,
}

impl Node {
    /// The field of this name; of several, the last.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.field(name).map(|(_, value)| value)
    }

    /// The field of this name with its key.
    pub fn field(&self, name: &str) -> Option<&(Key, Self)> {
        self.fields().iter().rev().find(|(key, _)| key.name == name)
    }

    /// Its fields; none of what is no object.
    pub fn fields(&self) -> &[(Key, Self)] {
        if let Content::Map(fields) = &self.content { fields } else { &[] }
    }

    /// Its items; none of what is no list.
    pub fn items(&self) -> &[Self] {
        if let Content::List(items) = &self.content { items } else { &[] }
    }

    /// What a string says.
    pub fn text(&self) -> Option<&str> {
        if let Content::Text(text) = &self.content { Some(&text.text) } else { None }
    }

    /// What a whole number that is not negative says, also written as a float, as protobuf's JSON allows.
    pub fn whole(&self) -> Option<u64> {
        let Content::Number(number) = &self.content else { return None };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let of_float =
            |float: f64| (float >= 0.0 && float.fract() == 0.0 && float < 9e15).then_some(float as u64);
        number.as_u64().or_else(|| number.as_f64().and_then(of_float))
    }

    /// Whether it is an object.
    pub fn is_map(&self) -> bool {
        matches!(self.content, Content::Map(_))
    }

    /// The same without positions.
    pub fn json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) | Content::Word { means: value, .. } => Value::Bool(*value),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.text.clone()),
            Content::List(items) => Value::Array(items.iter().map(Self::json).collect()),
            Content::Map(fields) => {
                let fields = fields.iter().map(|(key, value)| (key.name.clone(), value.json()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }

    /// Moves every position in it.
    pub(super) fn reposition(&mut self, map: &impl Fn(Position) -> Position) {
        self.at = map(self.at);
        match &mut self.content {
            Content::List(items) => items.iter_mut().for_each(|item| item.reposition(map)),
            Content::Map(fields) => {
                for (key, value) in fields {
                    key.at = map(key.at);
                    value.reposition(map);
                }
            }
            _ => (),
        }
    }
}

/// The documents of a text: YAML, of which JSON is a part. A text without any is one document that holds nothing.
///
/// # Errors
/// Where it is neither, and why.
pub fn parse(text: &str) -> Result<Vec<Node>, Malformed> {
    let looks_like_json = text.trim_start().starts_with(['{', '[']);
    let result = MarkedYaml::load_from_str(text);
    let documents = match result {
        Ok(documents) => documents.iter().map(|document| Reader::new(text).node(document)).collect(),
        // JSON may be indented with tabs, and may write what lies beyond 16 bits as two escapes: YAML may not.
        Err(error) if looks_like_json => match serde_json::from_str::<Value>(text) {
            Ok(value) => {
                let spaced = text.replace('\t', " ");
                match MarkedYaml::load_from_str(&spaced) {
                    Ok(documents) => {
                        documents.iter().map(|document| Reader::new(text).node(document)).collect()
                    }
                    Err(_) => vec![without_positions(value)],
                }
            }
            Err(json) if json.line() > 0 => {
                return Err(Malformed {
                    at: Position { line: json.line(), column: json.column().max(1) },
                    reason: without_position(&json.to_string()).to_owned(),
                });
            }
            Err(_) => return Err(malformed(&error)),
        },
        Err(error) => return Err(malformed(&error)),
    };
    Ok(if Vec::is_empty(&documents) { vec![without_positions(Value::Null)] } else { documents })
}

fn malformed(error: &saphyr::ScanError) -> Malformed {
    let at = error.marker();
    Malformed {
        at: Position { line: at.line().max(1), column: at.col() + 1 },
        reason: error.info().to_owned(),
    }
}

/// `serde_json`'s message without the place, which stands in front of it here.
pub(super) fn without_position(message: &str) -> &str {
    message.split_once(" at line ").map_or(message, |(reason, _)| reason)
}

fn without_positions(value: Value) -> Node {
    let content = match value {
        Value::Null => Content::Null,
        Value::Bool(value) => Content::Bool(value),
        Value::Number(number) => Content::Number(number),
        Value::String(text) => Content::Text(Text { text, style: Style::Double }),
        Value::Array(items) => Content::List(items.into_iter().map(without_positions).collect()),
        Value::Object(fields) => {
            let field = |(name, value)| (Key { name, at: Position::START }, without_positions(value));
            Content::Map(fields.into_iter().map(field).collect())
        }
    };
    Node { at: Position::START, content }
}

/// The boolean that YAML 1.1 makes of a word without quotes, beside `true` and `false`.
/// <https://yaml.org/type/bool.html>
fn boolean_of_yaml_1_1(word: &str) -> Option<bool> {
    match word {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Turns what the YAML library read into nodes.
struct Reader {
    /// The text, by character, which is what the library counts.
    characters: Vec<char>,
}

impl Reader {
    fn new(text: &str) -> Self {
        Self { characters: text.chars().collect() }
    }

    fn node(&self, yaml: &MarkedYaml<'_>) -> Node {
        let start = yaml.span.start;
        let at = Position { line: start.line().max(1), column: start.col() + 1 };
        Node { at, content: self.content(yaml, start.index()) }
    }

    fn content(&self, yaml: &MarkedYaml<'_>, start: usize) -> Content {
        match &yaml.data {
            YamlData::Sequence(items) => Content::List(items.iter().map(|item| self.node(item)).collect()),
            YamlData::Mapping(fields) => {
                let field = |(key, value): (&MarkedYaml<'_>, &MarkedYaml<'_>)| {
                    let name = key_name(&self.node(key));
                    (Key { name, at: self.node(key).at }, self.node(value))
                };
                Content::Map(fields.iter().map(field).collect())
            }
            YamlData::Tagged(_, node) => self.content(node, start),
            YamlData::Value(Scalar::Boolean(value)) => Content::Bool(*value),
            YamlData::Value(Scalar::Integer(value)) => Content::Number((*value).into()),
            YamlData::Value(Scalar::FloatingPoint(value)) => {
                Number::from_f64(value.into_inner()).map_or(Content::Null, Content::Number)
            }
            YamlData::Value(Scalar::String(text)) => self.text(text, start),
            YamlData::Representation(text, ..) => self.text(text, start),
            YamlData::Value(Scalar::Null) | YamlData::Alias(_) | YamlData::BadValue => Content::Null,
        }
    }

    fn text(&self, text: &str, start: usize) -> Content {
        let style = match self.characters.get(start) {
            Some('"') => Style::Double,
            Some('\'') => Style::Single,
            _ => self.block(start).unwrap_or(Style::Plain),
        };
        match boolean_of_yaml_1_1(text) {
            Some(means) if style == Style::Plain => Content::Word { text: text.to_owned(), means },
            _ => Content::Text(Text { text: text.to_owned(), style }),
        }
    }
}

impl Reader {
    /// The style of a block that begins here: below a line that ends in `|` or `>`, perhaps with how it is indented and
    /// chomped, and a comment.
    fn block(&self, start: usize) -> Option<Style> {
        let above = self.characters.get(..start)?;
        let (above, indent) = above.split_at(above.iter().rposition(|c| *c == '\n')?);
        let line: String = above
            .rsplit(|c| *c == '\n')
            .find(|line| !line.iter().all(|c| c.is_whitespace()))?
            .iter()
            .collect();
        let line = line.split(" #").next().unwrap_or_default();
        let header =
            line.split_whitespace().next_back().filter(|_| indent.iter().all(|c| c.is_whitespace()))?;
        let is_header = header.chars().skip(1).all(|c| c == '+' || c == '-' || c.is_ascii_digit());
        match header.chars().next().filter(|_| is_header)? {
            '|' => Some(Style::Literal),
            '>' => Some(Style::Folded),
            _ => None,
        }
    }
}

/// A field's name: `25:` and `on:` are names too.
fn key_name(key: &Node) -> String {
    match &key.content {
        Content::Text(text) => text.text.clone(),
        Content::Word { text, .. } => text.clone(),
        _ => key.json().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Node {
        let mut documents = parse(text).unwrap();
        assert_eq!(documents.len(), 1, "{text}");
        documents.remove(0)
    }

    #[test]
    fn every_value_knows_where_it_stands_and_how_it_is_written() {
        let text =
            "a: |\n  {\"x\": 1}\nb: >-\n  folded\n  text\nc: \"quo\\\"ted\"\nd: 'sing''le'\ne: plain\n";
        let document = only(text);
        for (name, line, column, style, says) in [
            ("a", 2, 3, Style::Literal, "{\"x\": 1}\n"),
            ("b", 4, 3, Style::Folded, "folded text"),
            ("c", 6, 4, Style::Double, "quo\"ted"),
            ("d", 7, 4, Style::Single, "sing'le"),
            ("e", 8, 4, Style::Plain, "plain"),
        ] {
            let (key, node) = document.field(name).unwrap();
            assert_eq!((key.at.column, node.at), (1, Position { line, column }), "{name}");
            assert_eq!(node.content, Content::Text(Text { text: says.to_owned(), style }), "{name}");
        }
    }

    #[test]
    fn words_are_booleans_only_without_quotes() {
        let document = only("- off\n- \"off\"\n- 'no'\n- true\n- |- # so\n\n  yes\n- >2\n  a\n-\n  on\n");
        assert_eq!(document.items()[0].content, Content::Word { text: "off".to_owned(), means: false });
        assert_eq!(document.json(), serde_json::json!([false, "off", "no", true, "\nyes", "a\n", true]));
    }

    #[test]
    fn aliases_are_resolved() {
        assert_eq!(only("a: &x {b: 1}\nc: *x\n").json(), serde_json::json!({"a": {"b": 1}, "c": {"b": 1}}));
    }

    #[test]
    fn json_that_is_no_yaml_is_read_too() {
        let document = only("{\n\t\"a\": 1,\n\t\"b\": [2.5, null]\n}");
        assert_eq!(document.field("b").unwrap().0.at, Position { line: 3, column: 2 });
        assert_eq!(only("{\"a\": \"\\ud83d\\ude00\"}").json(), serde_json::json!({"a": "\u{1f600}"}));
    }

    #[test]
    fn documents_are_told_apart_and_nothing_is_one() {
        assert_eq!(parse("a: 1\n---\nb: 2\n").unwrap().len(), 2);
        for nothing in ["", "# a comment\n", "---\n"] {
            assert_eq!(only(nothing).content, Content::Null, "{nothing:?}");
        }
    }

    #[test]
    fn what_is_neither_is_told_with_its_place() {
        for (text, line) in [("a: [1\n", 2), ("a: 1\na: 2\n", 2), ("{\"a\": 1,, }", 1)] {
            assert_eq!(parse(text).unwrap_err().at.line, line, "{text}");
        }
    }
}
