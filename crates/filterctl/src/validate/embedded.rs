//! JSON inside a string of another document, with positions in that document.
//!
//! Whatever way the string is written, the characters that are no white space stand in the text around it in the same
//! order: so each is looked up there, past indentation, folding and escapes.

use std::collections::BTreeMap;
use std::str::Chars;

use super::document::{self, Malformed, Node, Position, Style, Text};

/// The JSON in a string that begins at `at` of `source`.
///
/// # Errors
/// When it is no JSON: where in `source`, and why.
pub(super) fn parse(source: &str, at: Position, text: &Text) -> Result<Node, Malformed> {
    let places = align(source, at, text);
    let outside = |inside: Position| places.range(..=inside).next_back().map_or(at, |(_, place)| *place);
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text.text) {
        let inside = Position { line: error.line(), column: error.column().max(1) };
        return Err(Malformed { at: outside(inside), reason: format!("not valid JSON: {error}") });
    }
    let documents =
        document::parse(&text.text).map_err(|error| Malformed { at: outside(error.at), ..error })?;
    let mut node =
        documents.into_iter().next().ok_or_else(|| Malformed { at, reason: "empty".to_owned() })?;
    node.reposition(&outside);
    Ok(node)
}

/// Where each character of the string stands outside; white space is left out.
fn align(source: &str, at: Position, text: &Text) -> BTreeMap<Position, Position> {
    let mut outside = Outside::new(source, at, text.style);
    let mut places = BTreeMap::new();
    let (mut line, mut column) = (1, 1);
    for character in text.text.chars() {
        if !character.is_whitespace() {
            match outside.next() {
                Some((place, found)) if found.is_none_or(|found| found == character) => {
                    places.insert(Position { line, column }, place);
                }
                // Not what was expected: what has been found so far still holds.
                _ => return places,
            }
        }
        if character == '\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
    places
}

/// The characters of a string as they are written, with their places; white space is left out.
struct Outside<'a> {
    rest: Chars<'a>,
    at: Position,
    style: Style,
}

impl<'a> Outside<'a> {
    fn new(source: &'a str, at: Position, style: Style) -> Self {
        // The quote in front; a block begins below its `|` or `>`.
        let opening = usize::from(matches!(style, Style::Single | Style::Double));
        let above: usize = source.split_inclusive('\n').take(at.line - 1).map(str::len).sum();
        let rest = source.get(above..).unwrap_or_default().chars();
        let mut outside = Self { rest, at: Position { line: at.line, column: 1 }, style };
        for _ in 1..at.column + opening {
            outside.step();
        }
        outside
    }

    fn step(&mut self) -> Option<char> {
        let character = self.rest.next()?;
        if character == '\n' {
            self.at = Position { line: self.at.line + 1, column: 1 };
        } else {
            self.at.column += 1;
        }
        Some(character)
    }

    /// The next character and its place; without the character where it is written by its number.
    fn next(&mut self) -> Option<(Position, Option<char>)> {
        loop {
            let place = self.at;
            let character = self.step()?;
            match (self.style, character) {
                (_, character) if character.is_whitespace() => (),
                (Style::Single, '\'') => {
                    // Written twice.
                    self.step();
                    return Some((place, Some('\'')));
                }
                (Style::Double, '\\') => match self.step()? {
                    'x' => return self.by_number(place, 2),
                    'u' => return self.by_number(place, 4),
                    'U' => return self.by_number(place, 8),
                    'n' | 't' | 'r' | 'N' | 'L' | 'P' | '_' | 'v' | 'f' => (),
                    other if other.is_whitespace() => (),
                    other => return Some((place, Some(other))),
                },
                _ => return Some((place, Some(character))),
            }
        }
    }

    fn by_number(&mut self, place: Position, digits: usize) -> Option<(Position, Option<char>)> {
        for _ in 0..digits {
            self.step()?;
        }
        Some((place, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::document::Content;

    /// Where the value of the innermost field called `b` stands.
    fn place_of_b(source: &str) -> Position {
        let document = document::parse(source).unwrap().remove(0);
        let string = document.get("value").unwrap();
        let Content::Text(text) = &string.content else { panic!("{string:?}") };
        let json = parse(source, string.at, text).unwrap();
        json.get("a").unwrap().field("b").unwrap().0.at
    }

    #[test]
    fn a_field_is_found_however_the_string_is_written() {
        for (source, line, column) in [
            ("value: '{\"a\": {\"b\": \"it''s\"}}'\n", 1, 16),
            ("value: \"{\\\"a\\\": {\\\"b\\\": 1}}\"\n", 1, 18),
            ("value: \"{\\u0022a\\\": {\\\"b\\\": 1}}\"\n", 1, 22),
            ("value: |\n  {\n    \"a\": {\n      \"b\": 1\n    }\n  }\n", 4, 7),
            ("value: >-\n  {\"a\":\n  {\"b\": 1}}\n", 3, 4),
            ("value: >-\n  {\"a\":\n\n    {\n\n  \"b\": 1}}\n", 6, 3),
            ("x: 1\nvalue: '{\"a\":\n  {\n  \"b\": 1}}'\n", 4, 3),
            ("{\"value\": \"{\\\"a\\\": {\\n\\\"b\\\": 1}}\"}", 1, 23),
        ] {
            assert_eq!(place_of_b(source), Position { line, column }, "{source}");
        }
    }

    #[test]
    fn what_is_no_json_is_told_where_it_stands() {
        let source = "value: |\n  {\n    \"a\" 1\n  }\n";
        let document = document::parse(source).unwrap().remove(0);
        let string = document.get("value").unwrap();
        let Content::Text(text) = &string.content else { panic!("{string:?}") };
        let error = parse(source, string.at, text).unwrap_err();
        assert_eq!(error.at.line, 3);
        assert!(error.reason.starts_with("not valid JSON: expected `:`"), "{}", error.reason);
    }
}
