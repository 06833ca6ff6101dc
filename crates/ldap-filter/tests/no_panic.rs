//! Whatever octets a peer sends, the protocol modules have an answer, and it keeps within those octets.

use ldap_filter::decode;
use ldap_filter::protocol::ber::{Cursor, Element, Header, HeaderError, Unreadable};
use ldap_filter::protocol::bind::BindRequest;
use ldap_filter::protocol::bind_failure::BindFailure;
use ldap_filter::protocol::control::Controls;
use ldap_filter::protocol::extended::ExtendedRequest;
use ldap_filter::protocol::filter_shape::FilterShape;
use ldap_filter::protocol::mechanism::Mechanism;
use ldap_filter::protocol::message::{HeadError, MessageHead, Trailer, abandoned};
use ldap_filter::protocol::operation::Answered;
use ldap_filter::protocol::result::{LdapResult, result_code};
use ldap_filter::protocol::search::{SearchKind, SearchParameters, SearchRequest};
use proptest::prelude::*;

/// Octets of any kind, and octets that look enough like LDAP to get deep into a decoder.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&[u8]] = &[
        b"\x30",
        b"\x30\x84\x00\x00\x00",
        b"\x30\x80",
        b"\x02\x01\x05",
        b"\x02\x04\xff\xff\xff\xff",
        b"\x02\x01\x03\x04\x00",
        b"\x04\x00",
        b"\x04\x03uid",
        b"\x04\x84\x00\x00\x00\x01a",
        b"\x04\xff",
        b"\x0a\x01\x02",
        b"\x0a\x02\x10\x00",
        b"\x01\x01\xff",
        b"\x60",
        b"\x61",
        b"\x63",
        b"\x42\x00",
        b"\x77",
        b"\x78",
        b"\x80\x00",
        b"\x80\x0b1.3.6.1.1.8",
        b"\x81\x01x",
        b"\x82\x01y",
        b"\x83",
        b"\x87\x03uid",
        b"\x88\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x89",
        b"\xa0",
        b"\xa0\x06",
        b"\xa1\x02",
        b"\xa2\x05\x87\x03uid",
        b"\xa3\x08\x04\x03uid\x04\x01a",
        b"\xa3\x08\x04\x06GSSAPI",
        b"\xa4\x0a\x04\x03uid\x30\x03\x80\x01a",
        b"\xa9\x06\x82\x01a\x83\x01v",
        b"\x04\x161.2.840.113556.1.4.319",
        b"\x04\x181.3.6.1.4.1.4203.1.9.1.1",
        b"\x04\x191.3.6.1.4.1.42.2.27.8.5.1",
        b"\x04\x07\x30\x05\x02\x01\x64\x04\x00",
        b", data 52e, v2580",
        b"\x05",
        b"\x0b",
        b"\x7f",
    ];
    let pieces = proptest::collection::vec(proptest::sample::select(PIECES), 0..24);
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), pieces.prop_map(|pieces| pieces.concat())]
}

/// Whether `part` is a piece of `whole`, by address: nothing else may be lent out.
fn is_within(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    part.start == part.end || (whole.start <= part.start && part.end <= whole.end)
}

/// Neither more than they are allowed to say, nor anything that could not be shown.
fn check_shape(shape: &FilterShape, max_depth: u32) {
    let text = shape.as_str();
    assert!(
        text.len() <= FilterShape::LONGEST && text.bytes().all(|octet| octet.is_ascii_graphic()),
        "{text}"
    );
    assert!(1 <= shape.depth() && shape.depth() <= shape.nodes());
    assert!(shape.depth() <= max_depth + u32::from(shape.is_too_deep()));
}

/// That rasn's opinion is only asked for what is then read the same.
fn agree<T: PartialEq + std::fmt::Debug>(typed_first: &Result<T, Unreadable>, light: &Result<T, Unreadable>) {
    assert_eq!(typed_first, light);
}

fn each_request(operation: &[u8], max_depth: u32) {
    let bind = BindRequest::decode(operation);
    if let Ok(bind) = bind {
        assert!(is_within(bind.name, operation));
        assert_eq!(bind.mechanism().is_some(), bind.kind() == ldap_filter::protocol::bind::BindKind::Sasl);
    }
    let typed_first = decode::bind(operation);
    assert!(typed_first.is_ok_and(|bind| is_within(bind.name, operation)) || typed_first.is_err());
    agree(&typed_first, &bind);

    let search = SearchRequest::decode(operation, max_depth);
    if let Ok(search) = search {
        check_shape(&search.filter, max_depth);
        assert_eq!(SearchParameters::decode(operation), Ok(search.parameters));
    }
    agree(&decode::search(operation, max_depth), &search);
    agree(&decode::extended(operation), &ExtendedRequest::decode(operation));
    let _ = abandoned(operation);
}

fn each_response(operation: &[u8], controls: &Controls) {
    for answered in Answered::ALL {
        let Ok(result) = LdapResult::decode(operation, *answered) else { continue };
        assert!(is_within(result.diagnostic, operation));
        assert!(is_within(result.response_name.unwrap_or_default(), operation));
        assert_eq!(result_code(operation), Ok(result.code));
        BindFailure::of(&result, controls);
    }
}

fn each_list_of_controls(list: &[u8]) -> Controls {
    let light = Controls::decode(list);
    agree(&decode::controls(list), &light);
    let controls = light.unwrap_or_default();
    SearchKind::of(&controls);
    controls
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn of_elements(octets in octets()) {
        match Header::parse(&octets) {
            Ok(header) => prop_assert!(header.header_len <= octets.len().min(Header::LONGEST)),
            Err(HeaderError::NeedMore(needed)) => {
                prop_assert!(octets.len() < needed && needed <= Header::LONGEST);
            }
            Err(_) => {}
        }
        let mut cursor = Cursor::new(&octets);
        let mut seen = 0;
        while let Ok(Element { contents, octets: whole, .. }) = cursor.element() {
            prop_assert!(is_within(contents, whole) && is_within(whole, &octets));
            seen += whole.len();
        }
        prop_assert_eq!(seen + cursor.rest().len(), octets.len());
    }

    #[test]
    fn of_messages(octets in octets()) {
        match MessageHead::parse(&octets) {
            Ok(head) => {
                prop_assert!(head.head_len <= octets.len().min(MessageHead::LONGEST));
                prop_assert!(head.head_len as u64 + head.op_len <= head.total);
                let Some(body) = head.body(&octets) else { return Ok(()) };
                prop_assert!(is_within(body.operation, &octets) && is_within(body.trailer, &octets));
                let trailer = Trailer::decode(body.trailer).unwrap_or_default();
                prop_assert!(is_within(trailer.controls, body.trailer));
                prop_assert!(is_within(trailer.response_name.unwrap_or_default(), body.trailer));
            }
            Err(HeadError::NeedMore(needed)) => {
                prop_assert!(octets.len() < needed && needed <= MessageHead::LONGEST);
            }
            Err(_) => {}
        }
    }

    /// What follows the head does not change what the head says, however little of it is there.
    #[test]
    fn of_heads_that_come_in_pieces(octets in octets()) {
        let whole = MessageHead::parse(&octets);
        for known in 0..octets.len().min(MessageHead::LONGEST) {
            let of_start = MessageHead::parse(&octets[..known]);
            prop_assert!(of_start == whole || matches!(of_start, Err(HeadError::NeedMore(_))), "{}", known);
        }
    }

    #[test]
    fn of_requests_and_responses(octets in octets(), max_depth in 1..=FilterShape::DEEPEST) {
        let controls = each_list_of_controls(&octets);
        each_request(&octets, max_depth);
        each_response(&octets, &controls);
        Mechanism::from_octets(&octets);
        if let Ok(filter) = Cursor::new(&octets).element()
            && let Ok(shape) = FilterShape::of(filter, max_depth)
        {
            check_shape(&shape, max_depth);
        }
    }
}
