//! Distinguished names, as far as this directory needs them: RFC 4514 without escapes.

/// A name as its parts, the root first: what is below an entry begins with the entry's parts. Parts are in lower
/// case, because every attribute here ignores it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(Vec<String>);

impl Name {
    /// Reads `uid=alice, ou=people, dc=example, dc=com`.
    pub(super) fn parse(text: &str) -> Self {
        let parts = text.split(',').map(|part| part.trim().to_lowercase());
        Self(parts.filter(|part| !part.is_empty()).rev().collect())
    }

    /// The empty name: of the server itself.
    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is this one or below it.
    pub(super) fn is_within(&self, above: &Self) -> bool {
        self.0.starts_with(&above.0)
    }

    /// How many parts it is below this one, if it is.
    pub(super) fn depth_below(&self, above: &Self) -> Option<usize> {
        self.is_within(above).then(|| self.0.len() - above.0.len())
    }

    /// The one above.
    pub(super) fn parent(&self) -> Self {
        let above = self.0.len().saturating_sub(1);
        Self(self.0.iter().take(above).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_and_spaces() {
        let people = Name::parse("ou=people,dc=example,dc=com");
        let alice = Name::parse("UID=Alice, OU=People, DC=example, DC=com");
        assert_eq!(alice, Name::parse("uid=alice,ou=people,dc=example,dc=com"));
        assert_eq!(alice.parent(), people);
        assert_eq!((alice.depth_below(&people), people.depth_below(&alice)), (Some(1), None));
        assert!(Name::parse("").is_root() && alice.is_within(&Name::parse("")));
    }
}
