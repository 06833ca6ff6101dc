//! What is said on one connection of a soak, and what it has to count.

use crate::replay::Direction;

/// Something that one end says, and the series to which it adds one each once it has passed.
///
/// A series is written as `name{label=value,…}`; labels that are not named are summed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) direction: Direction,
    pub(super) octets: Vec<u8>,
    pub(super) counts: Vec<&'static str>,
}

/// What is said on one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conversation {
    pub(super) parts: Vec<Part>,
}

impl Conversation {
    /// The client says this.
    pub(super) fn client(&mut self, octets: impl Into<Vec<u8>>, counts: &[&'static str]) -> &mut Self {
        self.says(Direction::ToServer, octets.into(), counts)
    }

    /// The server says this.
    pub(super) fn server(&mut self, octets: impl Into<Vec<u8>>, counts: &[&'static str]) -> &mut Self {
        self.says(Direction::ToClient, octets.into(), counts)
    }

    fn says(&mut self, direction: Direction, octets: Vec<u8>, counts: &[&'static str]) -> &mut Self {
        self.parts.push(Part { direction, octets, counts: counts.to_vec() });
        self
    }

    /// Puts what one end says without a word of the other in between into one part, as far as `joins` says so each time:
    /// what a pipelining client and its server do.
    pub(super) fn pipelined(self, mut joins: impl FnMut() -> bool) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        for part in self.parts {
            match parts.last_mut() {
                Some(last) if last.direction == part.direction && joins() => {
                    last.octets.extend(part.octets);
                    last.counts.extend(part.counts);
                }
                _ => parts.push(part),
            }
        }
        Self { parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_neighbours_of_one_direction_are_joined() {
        let mut conversation = Conversation::default();
        conversation.server("a", &["x"]).client("b", &[]).client("c", &["y"]).server("d", &[]);
        let joined = conversation.clone().pipelined(|| true);
        let octets: Vec<&[u8]> = joined.parts.iter().map(|part| &part.octets[..]).collect();
        assert_eq!(octets, [&b"a"[..], b"bc", b"d"]);
        assert_eq!(joined.parts[1].counts, ["y"]);
        assert_eq!(conversation.clone().pipelined(|| false), conversation);
    }
}
