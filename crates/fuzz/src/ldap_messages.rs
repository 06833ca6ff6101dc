//! LDAP messages, filters and SASL tokens.

use ldap_filter::decode;
use ldap_filter::protocol::ber::{Cursor, Element, Header, HeaderError, integer};
use ldap_filter::protocol::bind::BindRequest;
use ldap_filter::protocol::bind_failure::BindFailure;
use ldap_filter::protocol::control::{Controls, Paging};
use ldap_filter::protocol::extended::ExtendedRequest;
use ldap_filter::protocol::filter_shape::FilterShape;
use ldap_filter::protocol::message::{HeadError, MessageHead, MessageKind, Trailer, abandoned};
use ldap_filter::protocol::operation::Operation;
use ldap_filter::protocol::result::{LdapResult, result_code};
use ldap_filter::protocol::sasl::{Arrangement, NeedMore, Signed, Token};
use ldap_filter::protocol::search::{SearchParameters, SearchRequest};

use crate::differential::ldap;
use crate::smtp_lines::assert_within;

/// Judges what is made of BER: headers octet by octet against all of them at once, and elements against their sizes.
pub(crate) fn ber(data: &[u8]) {
    // A header asks for more until it has it, never for what it does not need.
    let mut given = 0;
    let grown = loop {
        match Header::parse(&data[..given]) {
            Err(HeaderError::NeedMore(wanted)) => {
                assert!(given < wanted && wanted <= Header::LONGEST, "{given} octets, {wanted} wanted");
                if wanted > data.len() {
                    break Header::parse(data);
                }
                given = wanted;
            }
            known => break known,
        }
    };
    assert_eq!(grown, Header::parse(data), "a header depends on what stands behind it");
    let mut cursor = Cursor::new(data);
    let mut left = data.len();
    while let Ok(Element { contents, .. }) = cursor.element() {
        assert_within(contents, data);
        assert!(cursor.rest().len() + contents.len() + 2 <= left, "an element is smaller than what it holds");
        left = cursor.rest().len();
    }
    // X.690, 8.3: two's complement.
    let number = i64::from_str_radix(&data.iter().map(|octet| format!("{octet:08b}")).collect::<String>(), 2);
    if data.len() < 8
        && let Ok(number) = number
    {
        let negative = data[0] >= 0x80;
        let number = if negative { number - (1_i64 << (8 * data.len())) } else { number };
        assert_eq!(integer(data), Some(number), "a number is what its octets say");
    }
    for read in [Cursor::integer, Cursor::enumerated] {
        let mut cursor = Cursor::new(data);
        let _number = read(&mut cursor);
    }
    let _ = (Cursor::new(data).boolean(), Cursor::new(data).octet_string(), Cursor::new(data).sequence());
    let _ = Cursor::new(data).integer_within(0..=0x7fff_ffff);
}

/// Judges what is made of a message: its head octet by octet, and every decoder of what stands inside.
pub(crate) fn message(data: &[u8]) {
    let mut given = 0;
    let head = loop {
        match MessageHead::parse(&data[..given]) {
            Err(HeadError::NeedMore(wanted)) if wanted <= data.len() => {
                assert!(given < wanted, "{given} octets, {wanted} wanted");
                given = wanted;
            }
            known => break known,
        }
    };
    if let Ok(head) = head {
        assert_eq!(MessageHead::parse(data), Ok(head), "a head depends on what stands behind it");
        if let Some(body) = head.body(data) {
            assert_within(body.operation, data);
            assert_within(body.trailer, data);
            operation(head.kind, body.operation);
            if let Ok(trailer) = Trailer::decode(body.trailer) {
                let lightly = Controls::decode(trailer.controls);
                if let (Ok(lightly), Ok(first)) = (lightly, decode::controls(trailer.controls)) {
                    assert_eq!(first.set, lightly.set, "both ways see the same controls");
                }
            }
        }
    }
}

/// Judges a message that is all there by three other decoders.
pub(crate) fn references(data: &[u8]) {
    let whole = MessageHead::parse(data).is_ok_and(|head| head.total == data.len() as u64);
    if whole && let Some(difference) = ldap::difference(data) {
        panic!("{difference}");
    }
}

fn operation(kind: MessageKind, octets: &[u8]) {
    // Each decoder has an answer for any octets; what it borrows, it borrows from them.
    if let Ok(bind) = BindRequest::decode(octets) {
        assert_within(bind.name, octets);
        let _ = (bind.kind(), bind.mechanism(), decode::bind(octets));
    }
    let _ =
        (ExtendedRequest::decode(octets), decode::extended(octets), abandoned(octets), result_code(octets));
    let _ = (SearchParameters::decode(octets), Paging::decode(octets));
    for depth in [1, 32, 100] {
        let lightly = SearchRequest::decode(octets, depth).ok();
        let first = decode::search(octets, depth).ok();
        if let (Some(lightly), Some(first)) = (&lightly, &first) {
            assert_eq!(lightly.filter.as_str(), first.filter.as_str(), "both ways see the same filter");
            assert_shape(&lightly.filter, octets, depth);
        }
    }
    if let MessageKind::Response(answered) = kind
        && let Ok(result) = LdapResult::decode(octets, answered)
    {
        assert_within(result.diagnostic, octets);
        assert_eq!(result_code(octets).ok(), Some(result.code), "a result's code is the same read alone");
        let _ = (result.code.label(), result.code.outcome());
        if answered.operation() == Operation::Bind {
            let _reason = BindFailure::of(&result, &Controls::default());
        }
    }
}

/// Judges what is made of a search filter: it is text of our own, bounded, whatever stands there.
pub(crate) fn filter(data: &[u8]) {
    let Ok(element) = Cursor::new(data).element() else { return };
    let (&max_depth, _) = data.split_last().unwrap_or((&1, &[]));
    let max_depth = u32::from(max_depth % 100) + 1;
    if let Ok(shape) = FilterShape::of(element, max_depth) {
        assert_shape(&shape, data, max_depth);
    }
}

fn assert_shape(shape: &FilterShape, octets: &[u8], max_depth: u32) {
    let text = shape.as_str();
    assert!(text.len() <= FilterShape::LONGEST, "{} octets of text", text.len());
    assert!(text.is_ascii() && !text.bytes().any(|octet| octet.is_ascii_control()), "{text:?}");
    // A filter is two octets at least.
    assert!(
        shape.nodes() as usize <= octets.len() / 2 + 1,
        "{} nodes in {} octets",
        shape.nodes(),
        octets.len()
    );
    assert!(shape.depth() <= shape.nodes().max(1));
    assert!(shape.depth() <= max_depth + u32::from(shape.is_too_deep()), "{} deep", shape.depth());
    let balance = text.bytes().try_fold(0_i32, |open, octet| match octet {
        b'(' => Some(open + 1),
        b')' => (open > 0).then_some(open - 1),
        _ => Some(open),
    });
    assert!(balance == Some(0) || text.ends_with("..."), "{text}");
}

/// Judges what is made of a token of a SASL security layer: the same octet by octet, and nothing of it stands outside.
/// The first two octets are the length that is claimed where it is longer.
pub(crate) fn sasl(data: &[u8]) {
    let Some(([high, low], token)) = data.split_first_chunk() else { return };
    let claimed = u32::from(u16::from_be_bytes([*high, *low]));
    for len in [token.len() as u32, claimed.max(token.len() as u32)] {
        let mut given = 0;
        let parsed = loop {
            match Token::parse(&token[..given], len) {
                Err(NeedMore(wanted)) => {
                    assert!(
                        given < wanted && wanted <= Token::LONGEST_HEAD && wanted <= len as usize,
                        "{wanted}"
                    );
                    if wanted > token.len() {
                        return;
                    }
                    given = wanted;
                }
                Ok(parsed) => break parsed,
            }
        };
        assert_eq!(Token::parse(token, len), Ok(parsed), "a token depends on what stands behind its head");
        if let Token::Signed(Signed { start, arrangement, family }) = parsed {
            let covered = match arrangement {
                Arrangement::InOrder { octets } => octets,
                Arrangement::Padded => 0,
                Arrangement::Rotated { tail, checksum } => {
                    assert!(tail > 0, "nothing is rotated");
                    tail.checked_add(checksum).expect("a token is short")
                }
            };
            assert!(u64::from(start) + u64::from(covered) <= u64::from(len), "outside of the token");
            let _next = Token::continued(family, len);
        }
    }
}
