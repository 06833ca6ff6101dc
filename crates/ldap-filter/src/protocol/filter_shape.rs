//! What a search filter looks like, without what it looks for.

use std::fmt;

use super::ber::{Cursor, Element, Unreadable, tag};
use super::filter_item::Item;

/// The shape of a search filter (RFC 4511, 4.5.1.7), written as RFC 4515 writes filters: its kinds and the names of
/// its attributes; for values `?`.
///
/// ```text
/// (&(objectClass=?)(|(uid=?)(mail=?*)(member:1.2.840.113556.1.4.1941:=?))(!(pwdLastSet=*)))
/// ```
///
/// No octet of it is the peer's, but for names of attributes and matching rules that look like such. It is held in
/// place, so that making one allocates nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FilterShape {
    text: Text,
    /// Filters in the filter, itself included.
    nodes: u32,
    /// How deep they are nested: 1 for a filter without others inside.
    depth: u32,
    too_deep: bool,
}

impl FilterShape {
    /// Octets of the longest text. A longer one ends in `...`.
    pub const LONGEST: usize = Text::CAPACITY;
    /// The deepest nesting that can be asked for.
    pub const DEEPEST: u32 = STACK as u32;

    /// The shape as text, such as `(&(objectClass=*)(uid=?))`: printable ASCII, at most [`Self::LONGEST`] octets.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// How many filters it consists of, itself included; those below the deepest level are not counted.
    pub const fn nodes(&self) -> u32 {
        self.nodes
    }

    /// How deep they are nested: 1 for a filter without others inside; at most one more than the deepest level.
    pub const fn depth(&self) -> u32 {
        self.depth
    }

    /// Whether it was nested deeper than allowed. What is below is shown as `(...)`, and was not looked at.
    pub const fn is_too_deep(&self) -> bool {
        self.too_deep
    }

    /// The shape of a filter that is nested `max_depth` levels deep at most, itself included: 1 to
    /// [`Self::DEEPEST`]. Looks at every octet twice at most, and never recurses.
    ///
    /// # Errors
    /// It is no filter.
    pub fn of(filter: Element<'_>, max_depth: u32) -> Result<Self, Unreadable> {
        Self::of_items(filter, max_depth, |filter, writer| {
            writer.write(Item::decode(filter)?);
            Ok(())
        })
    }

    /// The same, with something else to read the filters that have no others inside: it is given each, and says to the
    /// writer what it is.
    ///
    /// # Errors
    /// It is no filter, or the reader says that one inside is none.
    pub fn of_items<F>(filter: Element<'_>, max_depth: u32, mut read: F) -> Result<Self, Unreadable>
    where
        F: FnMut(Element<'_>, &mut ItemWriter<'_>) -> Result<(), Unreadable>,
    {
        let max_depth = usize::try_from(max_depth).unwrap_or(STACK).clamp(1, STACK);
        // To make room for the deepest nesting costs more than to read a usual filter.
        match Self::in_room(&mut [Cursor::new(&[]); USUAL], filter, max_depth, &mut read)? {
            Some(shape) => Ok(shape),
            None => {
                Self::in_room(&mut [Cursor::new(&[]); STACK], filter, max_depth, &mut read)?.ok_or(Unreadable)
            }
        }
    }

    /// The same, in room for so many sets that are open at once; `None` if there are more.
    fn in_room<'f, F>(
        open: &mut [Cursor<'f>],
        filter: Element<'f>,
        max_depth: usize,
        read: &mut F,
    ) -> Result<Option<Self>, Unreadable>
    where
        F: FnMut(Element<'_>, &mut ItemWriter<'_>) -> Result<(), Unreadable>,
    {
        let mut shape = Self::default();
        // What is still to be read of the sets that are open, outermost first: `open[..level]`.
        let mut level: usize = 0;
        let mut next = Some(filter);
        loop {
            if let Some(filter) = next.take() {
                shape.nodes = shape.nodes.saturating_add(1);
                shape.depth = shape.depth.max(u32::try_from(level).unwrap_or(u32::MAX).saturating_add(1));
                if level >= max_depth {
                    shape.too_deep = true;
                    shape.text.push("(...)");
                } else if let Some(sign) = sign_of_set(filter)? {
                    let Some(place) = open.get_mut(level) else { return Ok(None) };
                    *place = filter.inside();
                    level = level.saturating_add(1);
                    shape.text.push("(");
                    shape.text.push(sign);
                } else {
                    read(filter, &mut ItemWriter { shape: &mut shape })?;
                }
            }
            let Some(innermost) = level.checked_sub(1) else { return Ok(Some(shape)) };
            let inside = open.get_mut(innermost).ok_or(Unreadable)?;
            if inside.is_empty() {
                shape.text.push(")");
                level = innermost;
            } else {
                next = Some(inside.element()?);
            }
        }
    }

    /// Writes a filter that has no others inside.
    fn write(&mut self, item: Item<'_>) {
        self.text.push("(");
        match item {
            Item::Assertion { attribute, relation } => {
                self.name(attribute);
                self.text.push(relation.sign());
                self.text.push("?");
            }
            Item::Present { attribute } => {
                self.name(attribute);
                self.text.push("=*");
            }
            Item::Substrings { attribute, has_initial, any, has_final } => {
                self.name(attribute);
                self.text.push(if has_initial { "=?*" } else { "=*" });
                (0..any).for_each(|_| self.text.push("?*"));
                if has_final {
                    self.text.push("?");
                }
            }
            // RFC 4515, 3:
            //     extensible = ( attr [dnattrs] [matchingrule] COLON EQUALS assertionvalue )
            //                  / ( [dnattrs] matchingrule COLON EQUALS assertionvalue )
            Item::Extensible { attribute, rule, of_dn_too } => {
                if let Some(attribute) = attribute {
                    self.name(attribute);
                }
                if of_dn_too {
                    self.text.push(":dn");
                }
                if let Some(rule) = rule {
                    self.text.push(":");
                    self.name(rule);
                }
                self.text.push(":=?");
            }
            Item::Unknown => self.text.push(UNKNOWN),
        }
        self.text.push(")");
    }

    /// Writes the name of an attribute or a matching rule, if it looks like one.
    fn name(&mut self, name: &[u8]) {
        self.text.push(plain_name(name).unwrap_or(UNKNOWN));
    }
}

/// Takes what a filter without others inside is.
#[derive(Debug)]
pub struct ItemWriter<'s> {
    shape: &'s mut FilterShape,
}

impl ItemWriter<'_> {
    /// It is this.
    pub fn write(&mut self, item: Item<'_>) {
        self.shape.write(item);
    }
}

// RFC 4511, 4.5.1:
//     and             [0] SET SIZE (1..MAX) OF filter Filter,
//     or              [1] SET SIZE (1..MAX) OF filter Filter,
//     not             [2] Filter,
// and RFC 4526: an empty `and` is true, an empty `or` false.
/// The sign of a filter that has others inside; `None` of one that has not.
fn sign_of_set(filter: Element<'_>) -> Result<Option<&'static str>, Unreadable> {
    Ok(Some(match filter.tag {
        AND => "&",
        OR => "|",
        NOT => {
            let mut inside = filter.inside();
            inside.element()?;
            if !inside.is_empty() {
                return Err(Unreadable);
            }
            "!"
        }
        _ => return Ok(None),
    }))
}

// RFC 4512, 2.5:
//     attributedescription = attributetype options
//     attributetype = oid
//     options = *( SEMI option )
//     option = 1*keychar
// where keychar is a letter, a digit or a hyphen; an oid is a descriptor of such, or a dotted number. Servers are
// seen to have underscores, too.
/// A name as it may be shown: one that consists of what names consist of. Longer than any in use is none: it could
/// be anything.
fn plain_name(name: &[u8]) -> Option<&str> {
    let is_plain = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.' | b';');
    let plain = (1..=LONGEST_NAME).contains(&name.len()) && name.iter().all(is_plain);
    if plain { std::str::from_utf8(name).ok() } else { None }
}

const LONGEST_NAME: usize = 64;
/// Stands for a name that does not look like one, and for a kind of filter that RFC 4511 does not know.
const UNKNOWN: &str = "<other>";
/// Sets that are open at once in nearly all filters.
const USUAL: usize = 8;
/// Most sets that can be open at once.
const STACK: usize = 100;

const AND: u8 = tag::constructed(0);
const OR: u8 = tag::constructed(1);
const NOT: u8 = tag::constructed(2);

impl Default for FilterShape {
    fn default() -> Self {
        Self {
            text: Text { octets: [0; Text::CAPACITY], filled: 0, full: false },
            nodes: 0,
            depth: 0,
            too_deep: false,
        }
    }
}

impl fmt::Debug for FilterShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterShape")
            .field("text", &self.as_str())
            .field("nodes", &self.nodes)
            .field("depth", &self.depth)
            .finish()
    }
}

/// ASCII text of bounded length. `filled <= CAPACITY`; what is behind is zero.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Text {
    octets: [u8; Text::CAPACITY],
    filled: u8,
    /// Something did not fit: the text ends in [`Text::CUT`], and nothing follows.
    full: bool,
}

impl Text {
    /// At most 255, see `filled`.
    const CAPACITY: usize = 228;
    const CUT: &str = "...";

    fn as_str(&self) -> &str {
        let octets = self.octets.get(..usize::from(self.filled)).unwrap_or_default();
        std::str::from_utf8(octets).unwrap_or_default()
    }

    /// Adds a piece whole, or the sign that it did not fit.
    fn push(&mut self, piece: &str) {
        if self.full {
            return;
        }
        let room = Self::CAPACITY.saturating_sub(Self::CUT.len());
        let start = usize::from(self.filled);
        self.full = start.saturating_add(piece.len()) > room;
        let piece = if self.full { Self::CUT } else { piece };
        let end = start.saturating_add(piece.len());
        let Some(place) = self.octets.get_mut(start..end) else { return };
        for (place, octet) in place.iter_mut().zip(piece.bytes()) {
            *place = octet;
        }
        self.filled = u8::try_from(end).unwrap_or(u8::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::super::filter_item::tags::*;
    use super::*;

    /// An element with a length as short as can be.
    fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
        let length = contents.len();
        let mut element = match length {
            0..0x80 => vec![tag, length as u8],
            0x80..0x1_0000 => vec![tag, 0x82, (length >> 8) as u8, length as u8],
            _ => vec![tag, 0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8],
        };
        element.extend(contents);
        element
    }

    fn set(tag: u8, filters: &[Vec<u8>]) -> Vec<u8> {
        element(tag, &filters.concat())
    }

    fn present(name: &[u8]) -> Vec<u8> {
        element(PRESENT, name)
    }

    fn assertion(tag: u8, name: &[u8]) -> Vec<u8> {
        element(tag, &[element(tag::OCTET_STRING, name), element(tag::OCTET_STRING, b"secret")].concat())
    }

    fn substrings(pieces: &[u8]) -> Vec<u8> {
        let pieces: Vec<_> = pieces.iter().map(|tag| element(*tag, b"secret")).collect();
        let name = element(tag::OCTET_STRING, b"mail");
        element(SUBSTRINGS, &[name, element(tag::SEQUENCE, &pieces.concat())].concat())
    }

    fn extensible(fields: &[(u8, &[u8])]) -> Vec<u8> {
        let fields: Vec<_> = fields.iter().map(|(tag, contents)| element(*tag, contents)).collect();
        element(EXTENSIBLE_MATCH, &fields.concat())
    }

    fn shape(filter: &[u8], max_depth: u32) -> Result<FilterShape, Unreadable> {
        FilterShape::of(Cursor::new(filter).element()?, max_depth)
    }

    fn text(filter: &[u8]) -> String {
        shape(filter, 32).unwrap().as_str().to_owned()
    }

    #[test]
    fn every_kind() {
        assert_eq!(text(&present(b"objectClass")), "(objectClass=*)");
        assert_eq!(text(&assertion(EQUALITY_MATCH, b"uid")), "(uid=?)");
        assert_eq!(text(&assertion(GREATER_OR_EQUAL, b"uidNumber")), "(uidNumber>=?)");
        assert_eq!(text(&assertion(LESS_OR_EQUAL, b"2.5.4.3")), "(2.5.4.3<=?)");
        assert_eq!(text(&assertion(APPROX_MATCH, b"cn;lang-de")), "(cn;lang-de~=?)");
        let uid = assertion(EQUALITY_MATCH, b"uid");
        assert_eq!(text(&set(AND, &[uid.clone(), present(b"mail")])), "(&(uid=?)(mail=*))");
        assert_eq!(text(&set(OR, &[uid.clone(), set(NOT, &[present(b"mail")])])), "(|(uid=?)(!(mail=*)))");
        assert_eq!(text(&set(AND, &[])), "(&)");
        assert_eq!(text(&set(OR, &[])), "(|)");
        assert_eq!(text(&element(0xaa, b"whatever")), "(<other>)");
    }

    #[test]
    fn substrings_show_where_the_stars_are() {
        assert_eq!(text(&substrings(&[INITIAL])), "(mail=?*)");
        assert_eq!(text(&substrings(&[ANY])), "(mail=*?*)");
        assert_eq!(text(&substrings(&[FINAL])), "(mail=*?)");
        assert_eq!(text(&substrings(&[INITIAL, ANY, ANY, FINAL])), "(mail=?*?*?*?)");
        assert_eq!(shape(&substrings(&[FINAL, INITIAL]), 32), Err(Unreadable));
        assert_eq!(shape(&substrings(&[INITIAL, INITIAL]), 32), Err(Unreadable));
    }

    #[test]
    fn matching_rules() {
        let in_chain = (MATCHING_RULE, &b"1.2.840.113556.1.4.1941"[..]);
        let (member, value, of_dn) =
            ((TYPE, &b"member"[..]), (MATCH_VALUE, &b"x"[..]), (DN_ATTRIBUTES, &[0xff]));
        assert_eq!(text(&extensible(&[in_chain, member, value])), "(member:1.2.840.113556.1.4.1941:=?)");
        assert_eq!(text(&extensible(&[member, value])), "(member:=?)");
        assert_eq!(text(&extensible(&[member, value, (DN_ATTRIBUTES, &[0])])), "(member:=?)");
        assert_eq!(
            text(&extensible(&[in_chain, value, (of_dn.0, of_dn.1)])),
            "(:dn:1.2.840.113556.1.4.1941:=?)"
        );
        assert_eq!(shape(&extensible(&[in_chain, member]), 32), Err(Unreadable));
    }

    #[test]
    fn names_that_could_be_anything_are_not_shown() {
        for name in [&b""[..], b"uid=x", b"a b", b"\xff", b"\"", b"\n", b"(", &[b'a'; 65]] {
            assert_eq!(text(&present(name)), "(<other>=*)", "{name:?}");
        }
        assert_eq!(text(&present(&[b'a'; 64])), format!("({}=*)", "a".repeat(64)));
    }

    #[test]
    fn nodes_and_depth() {
        let leaf = shape(&present(b"mail"), 32).unwrap();
        assert_eq!((leaf.nodes(), leaf.depth(), leaf.is_too_deep()), (1, 1, false));
        let filter = set(AND, &[present(b"a"), set(OR, &[present(b"b"), set(NOT, &[present(b"c")])])]);
        let shape = shape(&filter, 4).unwrap();
        assert_eq!((shape.nodes(), shape.depth(), shape.is_too_deep()), (6, 4, false));
    }

    #[test]
    fn what_is_too_deep_is_not_looked_at() {
        let broken = element(NOT, b"\xa3\x7f");
        let filter = set(AND, &[set(OR, &[broken, present(b"a")]), present(b"b")]);
        let shape = shape(&filter, 2).unwrap();
        assert_eq!(shape.as_str(), "(&(|(...)(...))(b=*))");
        assert_eq!((shape.nodes(), shape.depth(), shape.is_too_deep()), (5, 3, true));
    }

    #[test]
    fn every_nesting_has_its_shape() {
        let mut filter = present(b"a");
        for sets in 0..STACK {
            let shape = shape(&filter, FilterShape::DEEPEST).unwrap();
            let levels = u32::try_from(sets).unwrap() + 1;
            assert_eq!((shape.depth(), shape.nodes(), shape.is_too_deep()), (levels, levels, false));
            if sets <= 2 * USUAL {
                assert_eq!(shape.as_str(), format!("{}(a=*){}", "(!".repeat(sets), ")".repeat(sets)));
            }
            filter = set(NOT, &[filter]);
        }
    }

    #[test]
    fn ten_thousand_levels() {
        let mut filter = present(b"a");
        for _ in 0..10_000 {
            filter = element(NOT, &filter);
        }
        for max_depth in [0, 1, 32, FilterShape::DEEPEST, u32::MAX] {
            let shape = shape(&filter, max_depth).unwrap();
            let levels = max_depth.clamp(1, FilterShape::DEEPEST);
            assert_eq!((shape.depth(), shape.nodes()), (levels + 1, levels + 1));
            assert!(shape.is_too_deep());
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_piece() {
        let filter = set(OR, &vec![assertion(EQUALITY_MATCH, b"member"); 1_000]);
        let shape = shape(&filter, 32).unwrap();
        assert!(shape.as_str().starts_with("(|(member=?)(member=?)"));
        assert!(shape.as_str().ends_with("..."), "{shape:?}");
        assert!(shape.as_str().len() <= FilterShape::LONGEST);
        assert_eq!((shape.nodes(), shape.depth()), (1_001, 2));
    }

    #[test]
    fn a_text_may_fill_its_place() {
        for length in 0..=300 {
            let mut text = Text { octets: [0; Text::CAPACITY], filled: 0, full: false };
            (0..length).for_each(|_| text.push("a"));
            let expected = if length <= 225 { "a".repeat(length) } else { "a".repeat(225) + "..." };
            assert_eq!(text.as_str(), expected);
        }
    }

    #[test]
    fn what_is_none_is_unreadable() {
        let filters = [substrings(&[INITIAL, FINAL]), set(NOT, &[present(b"mail")])];
        let whole = filters.concat();
        for end in 0..=whole.len() {
            let ends_with_a_filter = [0, filters[0].len(), whole.len()].contains(&end);
            assert_eq!(shape(&element(AND, &whole[..end]), 32).is_ok(), ends_with_a_filter, "{end}");
        }
        assert_eq!(shape(&set(NOT, &[]), 32), Err(Unreadable));
        assert_eq!(shape(&set(NOT, &[present(b"a"), present(b"b")]), 32), Err(Unreadable));
        assert_eq!(shape(&element(EQUALITY_MATCH, &element(tag::OCTET_STRING, b"uid")), 32), Err(Unreadable));
    }
}
