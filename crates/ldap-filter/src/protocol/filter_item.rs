//! Filters that have no others inside.

use super::ber::{self, Element, Unreadable};

/// A filter that has no others inside, without the value that it looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// The attribute has a value that relates to the asserted one.
    Assertion {
        /// Its description (RFC 4512, 2.5).
        attribute: &'a [u8],
        /// How.
        relation: Relation,
    },
    /// The attribute has a value.
    Present {
        /// Its description.
        attribute: &'a [u8],
    },
    /// The attribute has a value with these pieces.
    Substrings {
        /// Its description.
        attribute: &'a [u8],
        /// How the value begins is given.
        has_initial: bool,
        /// How many pieces in between are.
        any: usize,
        /// How the value ends is given.
        has_final: bool,
    },
    /// A matching rule says so.
    Extensible {
        /// The description of the attribute; `None` for all that the rule can compare.
        attribute: Option<&'a [u8]>,
        /// The rule; `None` for the attribute's own rule for equality.
        rule: Option<&'a [u8]>,
        /// The attributes in the entry's name are compared, too.
        of_dn_too: bool,
    },
    /// A kind that RFC 4511 does not know.
    Unknown,
}

/// How a value relates to the asserted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// equalityMatch.
    Equal,
    /// greaterOrEqual.
    GreaterOrEqual,
    /// lessOrEqual.
    LessOrEqual,
    /// approxMatch.
    Approximate,
}

impl Relation {
    /// As RFC 4515, 3 writes it.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::GreaterOrEqual => ">=",
            Self::LessOrEqual => "<=",
            Self::Approximate => "~=",
        }
    }
}

impl<'a> Item<'a> {
    /// Reads a filter that is neither `and` nor `or` nor `not`.
    ///
    /// # Errors
    /// It contradicts its tag.
    pub fn decode(filter: Element<'a>) -> Result<Self, Unreadable> {
        match filter.tag {
            tags::EQUALITY_MATCH => Self::assertion(filter, Relation::Equal),
            tags::SUBSTRINGS => Self::substrings(filter),
            tags::GREATER_OR_EQUAL => Self::assertion(filter, Relation::GreaterOrEqual),
            tags::LESS_OR_EQUAL => Self::assertion(filter, Relation::LessOrEqual),
            tags::PRESENT => Ok(Self::Present { attribute: filter.contents }),
            tags::APPROX_MATCH => Self::assertion(filter, Relation::Approximate),
            tags::EXTENSIBLE_MATCH => Self::extensible(filter),
            _ => Ok(Self::Unknown),
        }
    }

    // RFC 4511, 4.1.6:
    //     AttributeValueAssertion ::= SEQUENCE {
    //          attributeDesc   AttributeDescription,
    //          assertionValue  AssertionValue }
    fn assertion(filter: Element<'a>, relation: Relation) -> Result<Self, Unreadable> {
        let mut fields = filter.inside();
        let attribute = fields.octet_string()?;
        fields.octet_string()?;
        Ok(Self::Assertion { attribute, relation })
    }

    // RFC 4511, 4.5.1:
    //     SubstringFilter ::= SEQUENCE {
    //          type           AttributeDescription,
    //          substrings     SEQUENCE SIZE (1..MAX) OF substring CHOICE {
    //               initial [0] AssertionValue,  -- can occur at most once
    //               any     [1] AssertionValue,
    //               final   [2] AssertionValue } -- can occur at most once
    fn substrings(filter: Element<'a>) -> Result<Self, Unreadable> {
        let mut fields = filter.inside();
        let attribute = fields.octet_string()?;
        let mut pieces = fields.sequence()?;
        let has_initial = pieces.optional(tags::INITIAL)?.is_some();
        let mut any: usize = 0;
        while pieces.optional(tags::ANY)?.is_some() {
            any = any.saturating_add(1);
        }
        let has_final = pieces.optional(tags::FINAL)?.is_some();
        let whole = pieces.is_empty();
        if whole { Ok(Self::Substrings { attribute, has_initial, any, has_final }) } else { Err(Unreadable) }
    }

    // RFC 4511, 4.5.1:
    //     MatchingRuleAssertion ::= SEQUENCE {
    //          matchingRule    [1] MatchingRuleId OPTIONAL,
    //          type            [2] AttributeDescription OPTIONAL,
    //          matchValue      [3] AssertionValue,
    //          dnAttributes    [4] BOOLEAN DEFAULT FALSE }
    fn extensible(filter: Element<'a>) -> Result<Self, Unreadable> {
        let mut fields = filter.inside();
        let rule = fields.optional(tags::MATCHING_RULE)?;
        let attribute = fields.optional(tags::TYPE)?;
        fields.expect(tags::MATCH_VALUE)?;
        let of_dn_too = fields.optional(tags::DN_ATTRIBUTES)?.and_then(ber::boolean) == Some(true);
        Ok(Self::Extensible { attribute, rule, of_dn_too })
    }
}

// RFC 4511, 4.5.1:
//     equalityMatch   [3] AttributeValueAssertion,
//     substrings      [4] SubstringFilter,
//     greaterOrEqual  [5] AttributeValueAssertion,
//     lessOrEqual     [6] AttributeValueAssertion,
//     present         [7] AttributeDescription,
//     approxMatch     [8] AttributeValueAssertion,
//     extensibleMatch [9] MatchingRuleAssertion,
//     ...  }
pub(super) mod tags {
    use super::ber::tag;

    pub(crate) const EQUALITY_MATCH: u8 = tag::constructed(3);
    pub(crate) const SUBSTRINGS: u8 = tag::constructed(4);
    pub(crate) const GREATER_OR_EQUAL: u8 = tag::constructed(5);
    pub(crate) const LESS_OR_EQUAL: u8 = tag::constructed(6);
    pub(crate) const PRESENT: u8 = tag::context(7);
    pub(crate) const APPROX_MATCH: u8 = tag::constructed(8);
    pub(crate) const EXTENSIBLE_MATCH: u8 = tag::constructed(9);

    pub(crate) const INITIAL: u8 = tag::context(0);
    pub(crate) const ANY: u8 = tag::context(1);
    pub(crate) const FINAL: u8 = tag::context(2);

    pub(crate) const MATCHING_RULE: u8 = tag::context(1);
    pub(crate) const TYPE: u8 = tag::context(2);
    pub(crate) const MATCH_VALUE: u8 = tag::context(3);
    pub(crate) const DN_ATTRIBUTES: u8 = tag::context(4);
}
