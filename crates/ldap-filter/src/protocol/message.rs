//! The LDAPMessage: what stands in front of every operation (RFC 4511, 4.1.1).
//!
//! ```text
//! 30 84 00 00 00 42   02 01 05   63 84 00 00 00 39   ...          a0 1b ...
//! |-- total_len ---|  |- id --|  |- kind, op_len --|
//! |------------------- head_len -------------------| |- op_len -| |- controls -|
//! |---------------------------------- total ------------------------------------|
//! ```

use super::ber::{self, Cursor, Header, HeaderError, Unreadable, tag};
use super::operation::{Answered, Operation};

/// The ID that joins a request and its responses, as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub i64);

impl MessageId {
    /// RFC 4511, 4.4: of unsolicited notifications, and of no request.
    pub const UNSOLICITED: Self = Self(0);

    // RFC 4511, 4.1.1:
    //     MessageID ::= INTEGER (0 ..  maxInt)
    //     maxInt INTEGER ::= 2147483647 -- (2^^31 - 1) --
    /// Whether it is one that RFC 4511 allows.
    pub const fn is_in_range(self) -> bool {
        0 <= self.0 && self.0 <= i32::MAX as i64
    }
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A request; its operation is never [`Operation::Other`].
    Request(Operation),
    /// The final response of an operation.
    Response(Answered),
    /// SearchResultEntry.
    Entry,
    /// SearchResultReference.
    Reference,
    /// IntermediateResponse.
    Intermediate,
    /// RFC 4511 has no operation with this tag: it may be either side's.
    Unknown,
}

impl MessageKind {
    // RFC 4511, 4.2 to 4.13: the [APPLICATION] tags, with the form that each type has.
    /// Of an operation's tag.
    pub const fn of_tag(tag: u8) -> Self {
        match tag {
            0x60 => Self::Request(Operation::Bind),
            0x61 => Self::Response(Answered::Bind),
            0x42 => Self::Request(Operation::Unbind),
            0x63 => Self::Request(Operation::Search),
            0x64 => Self::Entry,
            0x65 => Self::Response(Answered::Search),
            0x66 => Self::Request(Operation::Modify),
            0x67 => Self::Response(Answered::Modify),
            0x68 => Self::Request(Operation::Add),
            0x69 => Self::Response(Answered::Add),
            0x4a => Self::Request(Operation::Delete),
            0x6b => Self::Response(Answered::Delete),
            0x6c => Self::Request(Operation::ModifyDn),
            0x6d => Self::Response(Answered::ModifyDn),
            0x6e => Self::Request(Operation::Compare),
            0x6f => Self::Response(Answered::Compare),
            0x50 => Self::Request(Operation::Abandon),
            0x73 => Self::Reference,
            0x77 => Self::Request(Operation::Extended),
            0x78 => Self::Response(Answered::Extended),
            0x79 => Self::Intermediate,
            _ => Self::Unknown,
        }
    }

    /// The operation that the message belongs to. An intermediate response does not say.
    pub const fn operation(self) -> Operation {
        match self {
            Self::Request(operation) => operation,
            Self::Response(answered) => answered.operation(),
            Self::Entry | Self::Reference => Operation::Search,
            Self::Intermediate | Self::Unknown => Operation::Other,
        }
    }
}

/// What the first octets of a message tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageHead {
    /// Its ID.
    pub id: MessageId,
    /// What it is.
    pub kind: MessageKind,
    /// Octets up to the contents of the operation: at most [`MessageHead::LONGEST`].
    pub head_len: usize,
    /// Octets of the operation's contents: `head_len + op_len <= total`.
    pub op_len: u64,
    /// Octets of the whole message.
    pub total: u64,
}

/// Why octets are no head of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// They are too few: so many are needed in all to know more. Always more than there are, at most
    /// [`MessageHead::LONGEST`].
    NeedMore(usize),
    /// It is a message, of so many octets, but what it has to begin with is not there or does not fit into it.
    Malformed {
        /// Octets of the whole message.
        total: u64,
    },
    /// The first octet is not that of an LDAPMessage: where it ends is not known.
    NotLdap,
    /// The length of the message is indefinite: where it ends is not known.
    Indefinite,
    /// The length of the message is longer than 8 octets, or the message than `u64::MAX`.
    TooLong,
}

impl MessageHead {
    /// Octets of the longest head: three headers, and an ID of 8 octets.
    pub const LONGEST: usize = 38;

    /// Reads the head of the message at the start of `octets`.
    ///
    /// # Errors
    /// See [`HeadError`].
    pub fn parse(octets: &[u8]) -> Result<Self, HeadError> {
        if octets.first().is_some_and(|first| *first != tag::SEQUENCE) {
            return Err(HeadError::NotLdap);
        }
        let message = Header::parse(octets).map_err(|error| match error {
            HeaderError::NeedMore(octets) => HeadError::NeedMore(octets),
            HeaderError::Indefinite => HeadError::Indefinite,
            HeaderError::TooLong => HeadError::TooLong,
            HeaderError::HighTag => HeadError::NotLdap,
        })?;
        let total = message.total();
        if total == u64::MAX {
            return Err(HeadError::TooLong);
        }
        let part = Part { octets, total };

        let id = part.header(message.header_len)?;
        if id.tag != tag::INTEGER {
            return Err(part.malformed());
        }
        let id_start = message.header_len.saturating_add(id.header_len);
        let id_len = match id.content_len {
            // An ID needs four octets; a longer integer than this is of no use to anybody.
            length @ 1..=8 => length as usize,
            _ => return Err(part.malformed()),
        };
        let id_end = id_start.saturating_add(id_len);
        let operation = part.header(id_end)?;
        let number = part.octets.get(id_start..id_end).and_then(ber::integer).ok_or(part.malformed())?;
        let head_len = id_end.saturating_add(operation.header_len);
        let op_len = operation.content_len;
        if op_len.saturating_add(head_len as u64) > total {
            return Err(part.malformed());
        }
        Ok(Self { id: MessageId(number), kind: MessageKind::of_tag(operation.tag), head_len, op_len, total })
    }

    /// The inside of the message that has this head; `None` when `message` is shorter than the head says.
    pub fn body(self, message: &[u8]) -> Option<Body<'_>> {
        let message = message.get(..usize::try_from(self.total).ok()?)?;
        let behind_head = message.get(self.head_len..)?;
        let (operation, trailer) = behind_head.split_at_checked(usize::try_from(self.op_len).ok()?)?;
        Some(Body { operation, trailer })
    }
}

/// What a message consists of behind its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body<'a> {
    /// The contents of the operation.
    pub operation: &'a [u8],
    /// What stands behind the operation; mostly nothing, see [`Trailer`].
    pub trailer: &'a [u8],
}

/// What stands behind an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trailer<'a> {
    /// The contents of the list of controls: empty when there is none.
    pub controls: &'a [u8],
    /// The `responseName` of an extended response, where Active Directory's notice of disconnection has it.
    pub response_name: Option<&'a [u8]>,
}

impl<'a> Trailer<'a> {
    // RFC 4511, 4.1.1:
    //     controls       [0] Controls OPTIONAL
    // and RFC 4511, 4: fields at the end of a sequence that one does not know are to be ignored. Active Directory
    // puts the [10] of its notice of disconnection here instead of into the operation.
    /// Reads what stands behind an operation.
    ///
    /// # Errors
    /// It does not consist of elements.
    pub fn decode(octets: &'a [u8]) -> Result<Self, Unreadable> {
        let mut trailer = Self::default();
        let mut fields = Cursor::new(octets);
        while !fields.is_empty() {
            let field = fields.element()?;
            match field.tag {
                CONTROLS => trailer.controls = field.contents,
                RESPONSE_NAME => trailer.response_name = Some(field.contents),
                _ => {}
            }
        }
        Ok(trailer)
    }
}

const CONTROLS: u8 = tag::constructed(0);
const RESPONSE_NAME: u8 = tag::context(10);

// RFC 4511, 4.11:
//     AbandonRequest ::= [APPLICATION 16] MessageID
/// The operation that the contents of an abandon request name.
///
/// # Errors
/// They name none.
pub fn abandoned(operation: &[u8]) -> Result<MessageId, Unreadable> {
    ber::integer(operation).map(MessageId).ok_or(Unreadable)
}

/// The octets that there are of a message whose length is known.
struct Part<'a> {
    octets: &'a [u8],
    total: u64,
}

impl Part<'_> {
    /// The header at this place in the message.
    fn header(&self, at: usize) -> Result<Header, HeadError> {
        // At most 28 in all, see `LONGEST`.
        let needed = |octets: usize| match at.saturating_add(octets) {
            needed if needed as u64 <= self.total => HeadError::NeedMore(needed),
            _ => self.malformed(),
        };
        let octets = self.octets.get(at..).ok_or(needed(2))?;
        Header::parse(octets).map_err(|error| match error {
            HeaderError::NeedMore(octets) => needed(octets),
            _ => self.malformed(),
        })
    }

    fn malformed(&self) -> HeadError {
        HeadError::Malformed { total: self.total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `unbind` with this ID.
    fn unbind(id: &[u8]) -> Vec<u8> {
        let operation = [&[tag::INTEGER, id.len() as u8], id, b"\x42\x00"].concat();
        [&[tag::SEQUENCE, operation.len() as u8], &operation[..]].concat()
    }

    #[test]
    fn in_the_shortest_form_and_in_microsofts() {
        let head = |head_len, op_len, total| {
            let kind = MessageKind::Request(Operation::Search);
            Ok(MessageHead { id: MessageId(5), kind, head_len, op_len, total })
        };
        assert_eq!(MessageHead::parse(b"\x30\x0a\x02\x01\x05\x63\x05.....rest"), head(7, 5, 12));
        assert_eq!(
            MessageHead::parse(b"\x30\x84\0\0\0\x0e\x02\x01\x05\x63\x84\0\0\0\x05....."),
            head(15, 5, 20)
        );
        assert_eq!(MessageHead::parse(b"\x30\x82\x01\x00\x02\x01\x05\x63\x81\x80"), head(10, 128, 260));
    }

    #[test]
    fn ids_that_nobody_should_send() {
        let id = |octets: &[u8]| MessageHead::parse(&unbind(octets)).map(|head| head.id);
        for (octets, number, in_range) in [
            (&b"\x00"[..], 0, true),
            (b"\x7f\xff\xff\xff", 0x7fff_ffff, true),
            (b"\x00\x00\x00\x05", 5, true),
            (b"\x00\x80\x00\x00\x00", 0x8000_0000, false),
            (b"\xff", -1, false),
            (b"\x80\x00\x00\x00\x00\x00\x00\x00", i64::MIN, false),
        ] {
            assert_eq!(id(octets), Ok(MessageId(number)), "{octets:?}");
            assert_eq!(MessageId(number).is_in_range(), in_range, "{number}");
        }
        assert_eq!(id(b""), Err(HeadError::Malformed { total: 6 }));
        assert_eq!(id(b"\0\0\0\0\0\0\0\0\x05"), Err(HeadError::Malformed { total: 15 }));
    }

    #[test]
    fn kinds() {
        let operation = |tag| MessageKind::of_tag(tag).operation();
        // RFC 4511: the numbers of the [APPLICATION] tags, request and response.
        for (request, response, answered) in [
            (0x60, 0x61, Answered::Bind),
            (0x63, 0x65, Answered::Search),
            (0x66, 0x67, Answered::Modify),
            (0x68, 0x69, Answered::Add),
            (0x4a, 0x6b, Answered::Delete),
            (0x6c, 0x6d, Answered::ModifyDn),
            (0x6e, 0x6f, Answered::Compare),
            (0x77, 0x78, Answered::Extended),
        ] {
            assert_eq!(MessageKind::of_tag(request), MessageKind::Request(answered.operation()));
            assert_eq!(MessageKind::of_tag(response), MessageKind::Response(answered));
            assert_eq!(
                (operation(request), operation(response)),
                (answered.operation(), answered.operation())
            );
            assert_eq!(answered.operation().answered(), Some(answered));
        }
        assert_eq!(MessageKind::of_tag(0x42), MessageKind::Request(Operation::Unbind));
        assert_eq!(MessageKind::of_tag(0x50), MessageKind::Request(Operation::Abandon));
        assert_eq!((MessageKind::of_tag(0x64), operation(0x64)), (MessageKind::Entry, Operation::Search));
        assert_eq!((MessageKind::of_tag(0x73), operation(0x73)), (MessageKind::Reference, Operation::Search));
        assert_eq!(
            (MessageKind::of_tag(0x79), operation(0x79)),
            (MessageKind::Intermediate, Operation::Other)
        );
        for tag in [0x62, 0x6a, 0x70, 0x7a, 0x04, 0x30, 0xa0] {
            assert_eq!((MessageKind::of_tag(tag), operation(tag)), (MessageKind::Unknown, Operation::Other));
        }
    }

    #[test]
    fn more_is_needed_up_to_the_operation_and_never_too_much() {
        let longest = [
            &b"\x30\x88\0\0\0\0\0\0\0\x20"[..],
            b"\x02\x88\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\x05",
            b"\x63\x88\0\0\0\0\0\0\0\x04",
        ]
        .concat();
        assert_eq!(longest.len(), MessageHead::LONGEST);
        for (whole, id) in [(&longest[..], 5), (b"\x30\x05\x02\x01\x01\x42\x00", 1)] {
            for end in 0..whole.len() {
                let Err(HeadError::NeedMore(needed)) = MessageHead::parse(&whole[..end]) else {
                    panic!("{end} octets of {whole:?} are enough");
                };
                assert!(end < needed && needed <= whole.len(), "{end}: {needed}");
            }
            assert_eq!(MessageHead::parse(whole).map(|head| head.id), Ok(MessageId(id)));
        }
    }

    #[test]
    fn what_contradicts_itself_still_has_an_end() {
        for (octets, total) in [
            (&b"\x30\x00"[..], 2),
            (b"\x30\x01\x02", 3),
            // The ID: another type, too long, of indefinite length.
            (b"\x30\x05\x04\x01\x05\x42\x00", 7),
            (b"\x30\x05\x02\x04\x05\x42\x00\x01", 7),
            (b"\x30\x05\x02\x80\x05\x42\x00", 7),
            // The operation: missing, too long, of indefinite length, with a tag of several octets.
            (b"\x30\x03\x02\x01\x05", 5),
            (b"\x30\x03\x02\x01\x05\x42\x00", 5),
            (b"\x30\x05\x02\x01\x05\x42\x01x", 7),
            (b"\x30\x0d\x02\x01\x05\x42\x88\xff\xff\xff\xff\xff\xff\xff\xff", 15),
            (b"\x30\x05\x02\x01\x05\x63\x80", 7),
            (b"\x30\x06\x02\x01\x05\x7f\x21\x00", 8),
        ] {
            assert_eq!(MessageHead::parse(octets), Err(HeadError::Malformed { total }), "{octets:?}");
        }
    }

    #[test]
    fn what_has_no_end_that_is_known() {
        assert_eq!(MessageHead::parse(b"\x16\x03\x01"), Err(HeadError::NotLdap));
        assert_eq!(MessageHead::parse(b"G"), Err(HeadError::NotLdap));
        assert_eq!(MessageHead::parse(b"\x3f\x01"), Err(HeadError::NotLdap));
        assert_eq!(MessageHead::parse(b"\x30\x80"), Err(HeadError::Indefinite));
        assert_eq!(MessageHead::parse(b"\x30\x89"), Err(HeadError::TooLong));
        assert_eq!(MessageHead::parse(b"\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff"), Err(HeadError::TooLong));
    }

    #[test]
    fn a_body_is_operation_and_trailer() {
        let message = b"\x30\x0b\x02\x01\x05\x4a\x02dc\xa0\x02\x30\x00next";
        let head = MessageHead::parse(message).unwrap();
        let body = head.body(message).unwrap();
        assert_eq!((body.operation, body.trailer), (&b"dc"[..], &b"\xa0\x02\x30\x00"[..]));
        assert_eq!(Trailer::decode(body.trailer).unwrap().controls, b"\x30\x00");
        assert_eq!(head.body(&message[..12]), None);
    }

    #[test]
    fn trailers() {
        assert_eq!(Trailer::decode(b""), Ok(Trailer::default()));
        assert_eq!(Trailer::decode(b"\x99\x01x"), Ok(Trailer::default()));
        let expected = Trailer { controls: b"c", response_name: Some(b"1.2") };
        assert_eq!(Trailer::decode(b"\x8a\x031.2\x99\x01x\xa0\x01c"), Ok(expected));
        for octets in [&b"\xa0"[..], b"\xa0\x02c", b"\xa0\x01cx", b"\xa0\x80\0\0"] {
            assert_eq!(Trailer::decode(octets), Err(Unreadable), "{octets:?}");
        }
    }

    #[test]
    fn the_notice_of_disconnection_of_active_directory() {
        let text = b"00000057: LdapErr: DSID-0C0C0095, comment: Error decoding ldap message, data 0, v4563\0";
        let operation = [&b"\x0a\x01\x02\x04\x00\x04\x56"[..], text].concat();
        let name = b"1.3.6.1.4.1.1466.20036";
        let message = [
            &b"\x30\x84\x00\x00\x00\x7e\x02\x01\x00\x78\x84\x00\x00\x00\x5d"[..],
            &operation,
            b"\x8a\x16",
            name,
        ]
        .concat();
        let head = MessageHead::parse(&message).unwrap();
        let kind = MessageKind::Response(Answered::Extended);
        assert_eq!((head.id, head.kind, head.total), (MessageId::UNSOLICITED, kind, message.len() as u64));
        let body = head.body(&message).unwrap();
        assert_eq!(body.operation, operation);
        assert_eq!(Trailer::decode(body.trailer).unwrap().response_name, Some(&name[..]));
    }

    #[test]
    fn what_is_abandoned() {
        assert_eq!(abandoned(b"\x05"), Ok(MessageId(5)));
        assert_eq!(abandoned(b"\x01\x00"), Ok(MessageId(256)));
        assert_eq!(abandoned(b""), Err(Unreadable));
        assert_eq!(abandoned(&[0; 9]), Err(Unreadable));
    }
}
