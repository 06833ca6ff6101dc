//! BER as LDAP uses it: definite lengths, tags of one octet (RFC 4511, 5.1; X.690, 8).
//!
//! [`Header`] is what stands in front of a value, readable from the first octets of something much longer.
//! [`Cursor`] walks over elements that are all there. Nothing here recurses, allocates or copies.

use std::ops::RangeInclusive;

/// The tags of universal types that LDAP is made of.
pub mod tag {
    /// BOOLEAN.
    pub const BOOLEAN: u8 = 0x01;
    /// INTEGER.
    pub const INTEGER: u8 = 0x02;
    /// OCTET STRING.
    pub const OCTET_STRING: u8 = 0x04;
    /// ENUMERATED.
    pub const ENUMERATED: u8 = 0x0a;
    /// SEQUENCE and SEQUENCE OF.
    pub const SEQUENCE: u8 = 0x30;
    /// SET and SET OF.
    pub const SET: u8 = 0x31;

    /// `[number]` of a primitive type, IMPLICIT. The number is 0 to 30.
    pub const fn context(number: u8) -> u8 {
        0x80 | number
    }

    /// `[number]` of a constructed type, or EXPLICIT. The number is 0 to 30.
    pub const fn constructed(number: u8) -> u8 {
        0xa0 | number
    }
}

/// What stands in front of a value: its tag and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Class, form and number, as they stand in the one octet of the tag.
    pub tag: u8,
    /// Octets of the header itself: 2 to 10.
    pub header_len: usize,
    /// Octets of the value, as claimed.
    pub content_len: u64,
}

/// Why octets are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// They are too few: so many are needed in all to know more. Always more than there are, at most 10.
    NeedMore(usize),
    /// The length is indefinite, which RFC 4511, 5.1 forbids.
    Indefinite,
    /// The length itself is more than 8 octets long, leading zeros included, or has the form that X.690, 8.1.3.5
    /// reserves.
    TooLong,
    /// The tag is more than one octet long. LDAP has none such.
    HighTag,
}

impl Header {
    /// Octets of the longest header.
    pub const LONGEST: usize = 10;

    /// Reads the header at the start of `octets`. Its length may be written in more octets than it needs, as
    /// Microsoft's always is (`84 00 00 00 05`).
    ///
    /// # Errors
    /// See [`HeaderError`].
    pub fn parse(octets: &[u8]) -> Result<Self, HeaderError> {
        let Some((&tag, behind_tag)) = octets.split_first() else { return Err(HeaderError::NeedMore(2)) };
        // X.690, 8.1.2.4: the number 31 stands for one in the octets that follow.
        if tag & 0x1f == 0x1f {
            return Err(HeaderError::HighTag);
        }
        let Some((&first, behind_first)) = behind_tag.split_first() else {
            return Err(HeaderError::NeedMore(2));
        };
        // X.690, 8.1.3.4 to 8.1.3.6.
        let count = match first {
            0x00..=0x7f => return Ok(Self { tag, header_len: 2, content_len: u64::from(first) }),
            0x80 => return Err(HeaderError::Indefinite),
            0x81..=0x88 => usize::from(first & 0x7f),
            0x89..=0xff => return Err(HeaderError::TooLong),
        };
        let header_len = count.saturating_add(2);
        let Some(length) = behind_first.get(..count) else { return Err(HeaderError::NeedMore(header_len)) };
        let content_len = length.iter().fold(0_u64, |sum, octet| sum.wrapping_shl(8) | u64::from(*octet));
        Ok(Self { tag, header_len, content_len })
    }

    /// Octets of header and value together; `u64::MAX` when they are more.
    pub const fn total(self) -> u64 {
        // At most 10.
        self.content_len.saturating_add(self.header_len as u64)
    }
}

/// The octets are not the element that has to stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// One element: a tag with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Class, form and number.
    pub tag: u8,
    /// The value.
    pub contents: &'a [u8],
    /// All of it: header and value.
    pub octets: &'a [u8],
}

impl<'a> Element<'a> {
    /// The elements inside, of a constructed one.
    pub const fn inside(self) -> Cursor<'a> {
        Cursor::new(self.contents)
    }
}

/// Reads elements one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor<'a> {
    /// What has not been read.
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Over `octets`, from the first.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// What has not been read.
    pub const fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    pub const fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next element, if there is one.
    pub fn peek(self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element. After an error the cursor stands where it stood.
    ///
    /// # Errors
    /// There is none, or it is not all there.
    pub fn element(&mut self) -> Result<Element<'a>, Unreadable> {
        let header = Header::parse(self.rest).map_err(|_| Unreadable)?;
        let length = usize::try_from(header.total()).map_err(|_| Unreadable)?;
        let (octets, rest) = self.rest.split_at_checked(length).ok_or(Unreadable)?;
        let contents = octets.get(header.header_len..).ok_or(Unreadable)?;
        self.rest = rest;
        Ok(Element { tag: header.tag, contents, octets })
    }

    /// The contents of the next element, which has to have this tag.
    ///
    /// # Errors
    /// It has another, there is none, or it is not all there.
    pub fn expect(&mut self, tag: u8) -> Result<&'a [u8], Unreadable> {
        self.optional(tag)?.ok_or(Unreadable)
    }

    /// The contents of the next element, if it has this tag; else nothing is read.
    ///
    /// # Errors
    /// It has this tag and is not all there.
    pub fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Unreadable> {
        if self.peek() != Some(tag) {
            return Ok(None);
        }
        self.element().map(|element| Some(element.contents))
    }

    /// An INTEGER.
    ///
    /// # Errors
    /// The next element is none, or one that an `i64` does not hold.
    pub fn integer(&mut self) -> Result<i64, Unreadable> {
        integer(self.expect(tag::INTEGER)?).ok_or(Unreadable)
    }

    /// An INTEGER of this range.
    ///
    /// # Errors
    /// The next element is none, or outside the range.
    pub fn integer_within(&mut self, range: RangeInclusive<u32>) -> Result<u32, Unreadable> {
        within(self.integer()?, range)
    }

    /// An ENUMERATED.
    ///
    /// # Errors
    /// The next element is none, or one that an `i64` does not hold.
    pub fn enumerated(&mut self) -> Result<i64, Unreadable> {
        integer(self.expect(tag::ENUMERATED)?).ok_or(Unreadable)
    }

    /// A BOOLEAN.
    ///
    /// # Errors
    /// The next element is none.
    pub fn boolean(&mut self) -> Result<bool, Unreadable> {
        boolean(self.expect(tag::BOOLEAN)?).ok_or(Unreadable)
    }

    /// An OCTET STRING.
    ///
    /// # Errors
    /// The next element is none.
    pub fn octet_string(&mut self) -> Result<&'a [u8], Unreadable> {
        self.expect(tag::OCTET_STRING)
    }

    /// A SEQUENCE: a cursor over what is inside.
    ///
    /// # Errors
    /// The next element is none.
    pub fn sequence(&mut self) -> Result<Self, Unreadable> {
        self.expect(tag::SEQUENCE).map(Self::new)
    }
}

fn within(number: i64, range: RangeInclusive<u32>) -> Result<u32, Unreadable> {
    u32::try_from(number).ok().filter(|number| range.contains(number)).ok_or(Unreadable)
}

/// The number in the contents of an INTEGER or ENUMERATED, whose leading octets may say nothing (X.690, 8.3.2
/// forbids that; peers do it). `None` without contents, and for more than 8 octets.
pub fn integer(contents: &[u8]) -> Option<i64> {
    let (first, _) = contents.split_first()?;
    if contents.len() > 8 {
        return None;
    }
    // X.690, 8.3.3: two's complement.
    let sign: i64 = if *first < 0x80 { 0 } else { -1 };
    Some(contents.iter().fold(sign, |number, octet| number.wrapping_shl(8) | i64::from(*octet)))
}

/// The truth in the contents of a BOOLEAN: anything but zero (X.690, 8.2.2), for RFC 4511, 5.1 asks for FF and
/// not all peers listen. `None` when there is not exactly one octet.
pub fn boolean(contents: &[u8]) -> Option<bool> {
    match contents {
        [octet] => Some(*octet != 0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(tag: u8, header_len: usize, content_len: u64) -> Result<Header, HeaderError> {
        Ok(Header { tag, header_len, content_len })
    }

    #[test]
    fn every_form_of_length() {
        assert_eq!(Header::parse(b"\x30\x00"), header(0x30, 2, 0));
        assert_eq!(Header::parse(b"\x30\x7frest"), header(0x30, 2, 127));
        assert_eq!(Header::parse(b"\x04\x81\x80"), header(0x04, 3, 128));
        assert_eq!(Header::parse(b"\x04\x82\x01\x00"), header(0x04, 4, 256));
        assert_eq!(Header::parse(b"\x63\x84\x00\x00\x00\x05"), header(0x63, 6, 5));
        assert_eq!(Header::parse(b"\x30\x84\xff\xff\xff\xff"), header(0x30, 6, 0xffff_ffff));
        assert_eq!(Header::parse(b"\x30\x88\0\0\0\0\0\0\0\x05"), header(0x30, 10, 5));
        let longest = Header::parse(b"\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff");
        assert_eq!(longest, header(0x30, Header::LONGEST, u64::MAX));
        assert_eq!(longest.map(Header::total), Ok(u64::MAX));
        assert_eq!(Header::parse(b"\x30\x84\x00\x00\x00\x05").map(Header::total), Ok(11));
    }

    #[test]
    fn what_is_no_length() {
        assert_eq!(Header::parse(b"\x30\x80"), Err(HeaderError::Indefinite));
        assert_eq!(Header::parse(b"\x30\x89"), Err(HeaderError::TooLong));
        assert_eq!(Header::parse(b"\x30\xff"), Err(HeaderError::TooLong));
        assert_eq!(Header::parse(b"\x1f"), Err(HeaderError::HighTag));
        assert_eq!(Header::parse(b"\x7f\x81\x00\x00"), Err(HeaderError::HighTag));
    }

    #[test]
    fn more_is_needed_until_the_last_octet_of_the_length() {
        for whole in [&b"\x30\x05"[..], b"\x30\x81\x05", b"\x30\x84\0\0\0\x05", b"\x30\x88\0\0\0\0\0\0\0\x05"]
        {
            for end in 0..whole.len() {
                let needed = if end < 2 { 2 } else { whole.len() };
                assert_eq!(
                    Header::parse(&whole[..end]),
                    Err(HeaderError::NeedMore(needed)),
                    "{whole:?} {end}"
                );
            }
            assert_eq!(Header::parse(whole), header(0x30, whole.len(), 5));
        }
    }

    #[test]
    fn integers_of_every_width() {
        for (contents, number) in [
            (&b"\x00"[..], Some(0)),
            (b"\x7f", Some(127)),
            (b"\x80", Some(-128)),
            (b"\xff", Some(-1)),
            (b"\x00\x80", Some(128)),
            (b"\x7f\xff\xff\xff", Some(0x7fff_ffff)),
            (b"\x00\x80\x00\x00\x00", Some(0x8000_0000)),
            (b"\x00\x00\x00\x05", Some(5)),
            (b"\x7f\xff\xff\xff\xff\xff\xff\xff", Some(i64::MAX)),
            (b"\x80\x00\x00\x00\x00\x00\x00\x00", Some(i64::MIN)),
            (b"", None),
            (b"\x00\x00\x00\x00\x00\x00\x00\x00\x05", None),
        ] {
            assert_eq!(integer(contents), number, "{contents:?}");
        }
    }

    #[test]
    fn booleans_are_true_unless_zero() {
        assert_eq!(boolean(b"\x00"), Some(false));
        assert_eq!(boolean(b"\xff"), Some(true));
        assert_eq!(boolean(b"\x01"), Some(true));
        assert_eq!(boolean(b""), None);
        assert_eq!(boolean(b"\x00\x00"), None);
    }

    #[test]
    fn a_cursor_reads_one_element_behind_the_other() {
        let mut cursor =
            Cursor::new(b"\x30\x06\x02\x01\x07\x01\x01\xff\x04\x84\x00\x00\x00\x02hi\x0a\x01\x02");
        let mut inside = cursor.sequence().unwrap();
        assert_eq!((inside.integer(), inside.boolean(), inside.is_empty()), (Ok(7), Ok(true), true));
        assert_eq!(cursor.optional(tag::ENUMERATED), Ok(None));
        assert_eq!(cursor.octet_string(), Ok(&b"hi"[..]));
        assert_eq!(cursor.peek(), Some(tag::ENUMERATED));
        assert_eq!((cursor.enumerated(), cursor.is_empty(), cursor.peek()), (Ok(2), true, None));
        assert_eq!((cursor.element(), cursor.optional(tag::ENUMERATED)), (Err(Unreadable), Ok(None)));
    }

    #[test]
    fn a_cursor_stays_in_front_of_what_it_cannot_read() {
        for octets in
            [&b"\x04"[..], b"\x04\x02h", b"\x04\x80hi\0\0", b"\x04\x88\xff\xff\xff\xff\xff\xff\xff\xffhi"]
        {
            let mut cursor = Cursor::new(octets);
            assert_eq!(cursor.element(), Err(Unreadable));
            assert_eq!(cursor.optional(tag::OCTET_STRING), Err(Unreadable));
            assert_eq!(cursor.expect(tag::BOOLEAN), Err(Unreadable));
            assert_eq!(cursor.rest(), octets);
        }
    }

    #[test]
    fn numbers_outside_a_range_are_none() {
        let within = |octets| Cursor::new(octets).integer_within(1..=300);
        assert_eq!(within(b"\x02\x01\x01"), Ok(1));
        assert_eq!(within(b"\x02\x02\x01\x2c"), Ok(300));
        assert_eq!(within(b"\x02\x01\x00"), Err(Unreadable));
        assert_eq!(within(b"\x02\x02\x01\x2d"), Err(Unreadable));
        assert_eq!(within(b"\x02\x05\x01\x00\x00\x00\x01"), Err(Unreadable));
    }
}
