//! What other decoders accept and read differently.

use ldap_filter::protocol::ber::{Cursor, Element, tag};
use ldap_filter::protocol::message::MessageKind;

use super::Reference;

/// A kind of messages that a decoder reads differently, for a reason that is known.
pub(super) struct Difference {
    pub(super) reference: Reference,
    /// What it does.
    pub(super) name: &'static str,
    /// A message that shows it.
    pub(super) example: &'static [u8],
    /// Whether a message is of this kind.
    pub(super) applies: fn(&[u8]) -> bool,
}

impl Difference {
    /// The names of those differences that can explain what this decoder makes of these octets.
    pub(super) fn explaining(differences: &[Self], reference: Reference, octets: &[u8]) -> Vec<&'static str> {
        differences
            .iter()
            .filter(|difference| difference.reference == reference && (difference.applies)(octets))
            .map(|difference| difference.name)
            .collect()
    }
}

/// A search for `(a=*z)` and `(a=a*)` in one.
const OUT_OF_ORDER: &[u8] =
    b"\x30\x25\x02\x01\x05\x63\x20\x04\x00\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\
            \xa4\x0b\x04\x01a\x30\x06\x82\x01z\x80\x01a\x30\x00";

pub(super) const DIFFERENCES: &[Difference] = &[
    Difference {
        reference: Reference::Rasn,
        name: "a tag may be written in more octets than it needs",
        example: b"\x30\x06\x1f\x02\x01\x05\x42\x00",
        applies: has_long_tag,
    },
    Difference {
        reference: Reference::Rasn,
        name: "the pieces of a filter for substrings may come in any order",
        example: OUT_OF_ORDER,
        applies: |octets| any_inside(0, octets, &is_out_of_order),
    },
    Difference {
        reference: Reference::Rasn,
        name: "strings, numbers and operations may be constructed, of pieces, where RFC 4511, 5.1 and X.690, 8 forbid it",
        example: b"\x30\x0c\x02\x01\x05\x61\x07\x0a\x01\x31\x04\x00\x24\x00",
        applies: |octets| {
            any_element(octets, &|element| {
                matches!(element.tag, 0x21 | 0x22 | 0x24 | 0x2a | 0x62 | 0x6a | 0x70)
            })
        },
    },
    Difference {
        reference: Reference::LdapParser,
        name: "the pieces of a filter for substrings may come in any order",
        example: OUT_OF_ORDER,
        applies: |octets| any_inside(0, octets, &is_out_of_order),
    },
    Difference {
        reference: Reference::LdapParser,
        name: "what stands behind the fields that it knows may be anything",
        example: b"\x30\x08\x02\x01\x05\x42\x00\xa0\x01\xff",
        applies: |octets| !is_ber(octets),
    },
    Difference {
        reference: Reference::LdapParser,
        name: "an integer without contents is 0",
        example: b"\x30\x07\x02\x00\x77\x03\x80\x01x",
        applies: |octets| any_element(octets, &|element| is_number(element) && element.contents.is_empty()),
    },
    Difference {
        reference: Reference::LdapParser,
        name: "a list ends where something cannot be read, such as a string that is not UTF-8",
        example: b"\x30\x0e\x02\x01\x05\x42\x00\xa0\x07\x30\x05\x04\x03\x31\xff\x32",
        applies: |octets| {
            let is_no_selector =
                |around, element: Element<'_>| around == SELECTORS && element.tag != tag::OCTET_STRING;
            any_element(octets, &is_no_text)
                || any_inside(0, octets, &is_no_selector)
                || any_element(octets, &is_no_boolean)
                || any_inside(0, octets, &is_no_filter)
                || has_odd_control(octets)
        },
    },
    Difference {
        reference: Reference::LdapParser,
        name: "the class of a tag does not matter",
        example: b"\x30\x0d\x02\x01\x05\x60\x08\x02\x01\x03\x04\x00\x00\x01p",
        applies: |octets| any_inside(0, octets, &has_foreign_class),
    },
    Difference {
        reference: Reference::Ldap3Proto,
        name: "what stands behind the fields that it knows may be anything",
        example: b"\x30\x0a\x02\x01\x05\x77\x03\x80\x01x\x7e\xa0",
        applies: |octets| !is_ber(octets),
    },
    Difference {
        reference: Reference::Ldap3Proto,
        name: "whether an operation is primitive or constructed does not matter",
        example: b"\x30\x05\x02\x01\x05\x62\x00",
        applies: |octets| any_element(octets, &|element| matches!(element.tag, 0x62 | 0x6a | 0x70)),
    },
    Difference {
        reference: Reference::Ldap3Proto,
        name: "the class of a control's tag does not matter",
        example: b"\x30\x0d\x02\x01\x05\x42\x00\xa0\x06\xb0\x04\x04\x02\x31\x2e",
        applies: has_odd_control,
    },
    Difference {
        reference: Reference::Ldap3Proto,
        name: "an integer without contents is 0",
        example: b"\x30\x07\x02\x00\x77\x03\x80\x01x",
        applies: |octets| any_element(octets, &|element| is_number(element) && element.contents.is_empty()),
    },
    Difference {
        reference: Reference::Ldap3Proto,
        name: "integers are never negative",
        example: b"\x30\x06\x02\x01\x05\x50\x01\xeb",
        applies: |octets| {
            any_element(octets, &|element| {
                (is_number(element) || element.tag == 0x50)
                    && element.contents.first().is_some_and(|first| *first >= 0x80)
            })
        },
    },
    Difference {
        reference: Reference::Ldap3Proto,
        name: "an OID that is not UTF-8 is none",
        example: b"\x30\x10\x02\x01\x05\x78\x0b\x0a\x01\x00\x04\x00\x04\x00\x8a\x02\x31\xff",
        applies: |octets| any_element(octets, &is_no_text),
    },
];

/// Whether octets are elements, and constructed ones consist of such.
fn is_ber(octets: &[u8]) -> bool {
    let mut cursor = Cursor::new(octets);
    while !cursor.is_empty() {
        let Ok(element) = cursor.element() else { return false };
        if is_constructed(element) && !is_ber(element.contents) {
            return false;
        }
    }
    true
}

/// Whether one of the elements, or of those inside, has a tag of several octets (X.690, 8.1.2.4).
fn has_long_tag(octets: &[u8]) -> bool {
    let mut cursor = Cursor::new(octets);
    while let Ok(element) = cursor.element() {
        if is_constructed(element) && has_long_tag(element.contents) {
            return true;
        }
    }
    cursor.peek().is_some_and(|tag| tag & 0x1f == 0x1f)
}

/// Whether what stands among the controls of a message is none.
fn has_odd_control(message: &[u8]) -> bool {
    let mut cursor = Cursor::new(message);
    let Ok(mut fields) = cursor.sequence() else { return false };
    let lists = std::iter::from_fn(|| fields.element().ok()).filter(|field| field.tag == 0xa0);
    lists.into_iter().any(|list| {
        let mut controls = list.inside();
        std::iter::from_fn(|| controls.element().ok()).any(|control| control.tag != tag::SEQUENCE)
    })
}

/// Whether one of the elements, or of those inside, is like this.
fn any_element(octets: &[u8], is: &dyn Fn(Element<'_>) -> bool) -> bool {
    any_inside(0, octets, &|_, element| is(element))
}

/// The same; told is also the tag around it, or [`PIECES`] or [`SELECTORS`].
fn any_inside(around: u8, octets: &[u8], is: &dyn Fn(u8, Element<'_>) -> bool) -> bool {
    let mut cursor = Cursor::new(octets);
    while let Ok(element) = cursor.element() {
        let inside = match (around, element.tag) {
            (0xa4, tag::SEQUENCE) => PIECES,
            (0x63, tag::SEQUENCE) => SELECTORS,
            (_, tag) => tag,
        };
        if is(around, element) || is_constructed(element) && any_inside(inside, element.contents, is) {
            return true;
        }
    }
    false
}

/// Stands for the tag of the sequence inside a filter for substrings.
const PIECES: u8 = 0xff;
/// Stands for the tag of the sequence of attributes that a search asks for.
const SELECTORS: u8 = 0xfe;

/// A sequence of pieces whose first is not the first, or whose last not the last.
fn is_out_of_order(around: u8, element: Element<'_>) -> bool {
    let mut pieces = element.inside();
    let tags: Vec<_> = std::iter::from_fn(|| pieces.element().ok()).map(|piece| piece.tag).collect();
    let last = tags.len().saturating_sub(1);
    let is_wrong = |(at, tag): (usize, &u8)| *tag == 0x80 && at != 0 || *tag == 0x82 && at != last;
    around == 0xa4 && element.tag == tag::SEQUENCE && tags.iter().enumerate().any(is_wrong)
}

fn is_constructed(element: Element<'_>) -> bool {
    element.tag & 0x20 != 0
}

fn is_number(element: Element<'_>) -> bool {
    matches!(element.tag, tag::INTEGER | tag::ENUMERATED)
}

/// Something universal in a set of filters, or of controls, that is neither.
fn is_no_filter(around: u8, element: Element<'_>) -> bool {
    matches!(around, 0xa0 | 0xa1) && element.tag >> 6 == 0 && element.tag != tag::SEQUENCE
}

fn is_no_boolean(element: Element<'_>) -> bool {
    element.tag == tag::BOOLEAN && element.contents.len() != 1
}

fn is_no_text(element: Element<'_>) -> bool {
    !is_constructed(element) && std::str::from_utf8(element.contents).is_err()
}

/// One of a class that RFC 4511 does not have in this place.
fn has_foreign_class(around: u8, element: Element<'_>) -> bool {
    let of_context: &[u8] = match around {
        0x30 => &[0xa0],
        0x60 => &[0x80, 0xa3],
        0x61 => &[0xa3, 0x87],
        0x65 | 0x67 | 0x69 | 0x6b | 0x6d | 0x6f => &[0xa3],
        0x6c => &[0x80],
        0x77 | 0x79 => &[0x80, 0x81],
        0x78 => &[0xa3, 0x8a, 0x8b],
        0x63 | 0xa0 | 0xa1 | 0xa2 => &[0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0x87, 0xa8, 0xa9],
        0xa9 => &[0x81, 0x82, 0x83, 0x84],
        PIECES => &[0x80, 0x81, 0x82],
        _ => &[],
    };
    match element.tag >> 6 {
        0 => !matches!(element.tag, 0x01 | 0x02 | 0x04 | 0x0a | 0x30 | 0x31),
        1 => around != tag::SEQUENCE || MessageKind::of_tag(element.tag) == MessageKind::Unknown,
        2 => !of_context.contains(&element.tag),
        _ => true,
    }
}
