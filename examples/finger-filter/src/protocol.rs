//! Finger on the wire (RFC 1288): from octets to values. Pure functions that have an answer for whatever a peer sends.

use common_metrics::label;

label! {
    /// What a client asks for.
    pub enum Query: "query" {
        /// Who is logged in: an empty line.
        List = "list",
        /// One person.
        Person = "person",
        /// That the server asks another one: `person@host`.
        Forward = "forward",
    }
}

// RFC 1288, 2.3: {Q1} ::= [{W}|{W}{S}{U}]{C} and {Q2} ::= [{W}{S}][{U}]{H}{C}, where {W} is "/W" and {H} "@hostname".
/// Reads a query line, with or without its CR LF.
pub fn query(line: &[u8]) -> Query {
    let line = line.trim_ascii();
    let name = match line.split_first_chunk() {
        Some((b"/W" | b"/w", name)) => name.trim_ascii_start(),
        _ => line,
    };
    match name {
        [] => Query::List,
        name if name.contains(&b'@') => Query::Forward,
        _ => Query::Person,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_told_by_its_form() {
        for list in [b"\r\n".as_slice(), b"", b"/W\r\n", b"/W \r\n"] {
            assert_eq!(query(list), Query::List, "{list:?}");
        }
        for person in [b"alice\r\n".as_slice(), b"/W alice\r\n", b"/Walice\n", b"/alice", b"\xff"] {
            assert_eq!(query(person), Query::Person, "{person:?}");
        }
        assert_eq!(query(b"/W alice@other.example\r\n"), Query::Forward);
    }
}
