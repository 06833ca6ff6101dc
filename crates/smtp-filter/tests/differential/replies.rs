//! Reply lines, and what a server offers.

use common_metrics::Label as _;
use proptest::prelude::*;
use smtp_filter::protocol::ehlo::{Keyword, KeywordSet};
use smtp_filter::protocol::reply::{ReplyLine, reply_line};
use smtp_proto::response::parser::ResponseReceiver;
use smtp_proto::{EhloResponse, Error};

use super::{Leniency, config, damaged, damages, line_ending};

/// What both parsers can say about one line of a reply.
#[derive(Debug, PartialEq)]
struct Meaning {
    code: u16,
    enhanced: Option<[u16; 3]>,
    last: bool,
}

fn ours(line: &[u8]) -> Option<Meaning> {
    let ReplyLine { code, last, enhanced, .. } = reply_line(line);
    let enhanced = enhanced.map(|enhanced| [u16::from(enhanced.class), enhanced.subject, enhanced.detail]);
    Some(Meaning { code: code?.get(), enhanced, last })
}

fn theirs(line: &[u8]) -> Option<Meaning> {
    let mut receiver = ResponseReceiver::default();
    let mut rest = line.iter();
    let (response, last) = match receiver.parse(&mut rest) {
        Ok(response) => (response, true),
        // It wants the next line: give it a last one with nothing to say.
        Err(Error::NeedsMoreData { .. }) => (receiver.parse(&mut b"250 \n".iter()).ok()?, false),
        Err(_) => return None,
    };
    let enhanced = (response.esc[0] != 0).then(|| response.esc.map(u16::from));
    Some(Meaning { code: response.code, enhanced, last })
}

const LENIENCIES: &[Leniency] = &[
    Leniency {
        name: "any three digits are a code",
        example: b"650 Ok\r\n",
        applies: |line| !matches!(line, [b'1'..=b'5', ..]),
    },
    Leniency {
        name: "CRs behind the code are skipped",
        example: b"250\r-Ok\r\n",
        applies: |line| line.get(3) == Some(&b'\r') && line.get(4) != Some(&b'\n'),
    },
    Leniency {
        name: "an enhanced code need not agree with the code",
        example: b"250 5.1.1 Ok\r\n",
        applies: |line| class_digits(line).is_some_and(|class| line.get(..1) != Some(class)),
    },
    Leniency {
        name: "any three numbers are an enhanced code",
        example: b"350 3.0.0 Ok\r\n",
        applies: |line| class_digits(line).is_some_and(|class| !matches!(class, b"2" | b"4" | b"5")),
    },
    Leniency {
        name: "a number of an enhanced code is an octet at most",
        example: b"550 5.7.509 Ok\r\n",
        applies: |line| line.windows(3).skip(4).any(|digits| digits.iter().all(u8::is_ascii_digit)),
    },
    Leniency {
        name: "an enhanced code may lack a number",
        example: b"550 5.. Ok\r\n",
        applies: |line| {
            [&b".."[..], b". ", b".\r", b".\n"]
                .iter()
                .any(|pair| line.windows(2).any(|window| window == *pair))
        },
    },
];

/// The digits with which the text behind the code starts.
fn class_digits(line: &[u8]) -> Option<&[u8]> {
    let class = line.get(4..)?.split(|octet| !octet.is_ascii_digit()).next()?;
    (!class.is_empty()).then_some(class)
}

/// Where this parser is the lenient one: these lines have a meaning for clients, but `smtp-proto` gives up.
const STRICTNESSES: &[&[u8]] = &[b"250OK\r\n", b"250\tOK\r\n"];

/// Where this parser finds an enhanced code and `smtp-proto` does not: what stands behind or in front of it.
fn is_punctuated(line: &[u8]) -> bool {
    let behind = |line: &[u8]| {
        let code = line.iter().position(|octet| !octet.is_ascii_digit() && *octet != b'.');
        code.and_then(|at| line.get(at)).is_some_and(|octet| !b" \r\n".contains(octet))
    };
    line.get(4..).is_some_and(|text| {
        text.starts_with(b"#") || text.starts_with(b" ") || text.starts_with(b"\t") || behind(text)
    })
}

/// What a line means to `smtp-proto` and not here, for no reason that is known.
pub(crate) fn difference(line: &[u8]) -> Option<String> {
    let (theirs, ours) = (theirs(line), ours(line));
    let known = is_punctuated(line) || !Leniency::explaining(LENIENCIES, line).is_empty();
    let differs = theirs.is_some() && theirs != ours && !known;
    differs.then(|| format!("{}: {theirs:?} to smtp-proto, {ours:?} here", line.escape_ascii()))
}

#[test]
fn every_leniency_is_still_there() {
    for Leniency { name, example, applies } in LENIENCIES {
        let (theirs, ours) = (theirs(example), ours(example));
        assert!(theirs.is_some() && theirs != ours && applies(example), "{name}: {theirs:?}");
    }
    for line in STRICTNESSES {
        assert!(theirs(line).is_none() && ours(line).is_some(), "{}", line.escape_ascii());
    }
}

fn line() -> impl Strategy<Value = String> {
    let enhanced = prop_oneof![
        1 => Just(None),
        2 => (0..256_u16, 0..256_u16).prop_map(Some),
    ];
    (2..=5_u16, 0..100_u16, any::<bool>(), enhanced, "( [A-Za-z][A-Za-z0-9 .:<>@-]{0,20})?", line_ending())
        .prop_map(|(class, rest, last, enhanced, text, ending)| {
            let separator = if last { " " } else { "-" };
            let enhanced = match enhanced {
                Some((subject, detail)) if class != 3 => format!("{class}.{subject}.{detail}"),
                _ => String::new(),
            };
            let text = if enhanced.is_empty() { text.trim_start() } else { &text };
            format!("{class}{rest:02}{separator}{enhanced}{text}{ending}")
        })
}

/// The keywords that `smtp-proto` knows too.
const CAPABILITIES: &[(Keyword, u32)] = &[
    (Keyword::Pipelining, smtp_proto::EXT_PIPELINING),
    (Keyword::Size, smtp_proto::EXT_SIZE),
    (Keyword::Eightbitmime, smtp_proto::EXT_8BIT_MIME),
    (Keyword::Starttls, smtp_proto::EXT_START_TLS),
    (Keyword::Auth, smtp_proto::EXT_AUTH),
    (Keyword::Dsn, smtp_proto::EXT_DSN),
    (Keyword::Enhancedstatuscodes, smtp_proto::EXT_ENHANCED_STATUS_CODES),
    (Keyword::Chunking, smtp_proto::EXT_CHUNKING),
    (Keyword::Binarymime, smtp_proto::EXT_BINARY_MIME),
    (Keyword::Smtputf8, smtp_proto::EXT_SMTP_UTF8),
    (Keyword::Requiretls, smtp_proto::EXT_REQUIRE_TLS),
    (Keyword::Etrn, smtp_proto::EXT_ETRN),
    (Keyword::Atrn, smtp_proto::EXT_ATRN),
    (Keyword::Burl, smtp_proto::EXT_BURL),
    (Keyword::Deliverby, smtp_proto::EXT_DELIVER_BY),
    (Keyword::Futurerelease, smtp_proto::EXT_FUTURE_RELEASE),
    (Keyword::MtPriority, smtp_proto::EXT_MT_PRIORITY),
    (Keyword::Vrfy, smtp_proto::EXT_VRFY),
    (Keyword::Expn, smtp_proto::EXT_EXPN),
    (Keyword::Help, smtp_proto::EXT_HELP),
];

proptest! {
    #![proptest_config(config())]

    #[test]
    fn well_formed_lines_mean_the_same(line in line()) {
        let (theirs, ours) = (theirs(line.as_bytes()), ours(line.as_bytes()));
        prop_assert!(theirs.is_some(), "refused by smtp-proto");
        prop_assert_eq!(theirs, ours);
    }

    #[test]
    fn damaged_lines_mean_the_same_or_are_known(line in line(), damages in damages()) {
        prop_assert_eq!(difference(&damaged(line.as_bytes(), &damages)), None);
    }

    #[test]
    fn offers_are_the_same(
        offers in proptest::sample::subsequence(CAPABILITIES, 0..=CAPABILITIES.len()),
        (bits, ending) in (any::<u32>(), line_ending()),
    ) {
        let mut reply = format!("250{}mail.example.org{ending}", if offers.is_empty() { ' ' } else { '-' });
        let mut ours = KeywordSet::new();
        for (at, (keyword, _)) in offers.iter().enumerate() {
            let separator = if at + 1 == offers.len() { ' ' } else { '-' };
            let word = if bits >> (at % 32) & 1 == 1 { keyword.as_str().to_lowercase() } else { keyword.as_str().to_owned() };
            let parameter = if *keyword == Keyword::Size { " 1000" } else { "" };
            let line = format!("250{separator}{word}{parameter}{ending}");
            ours.insert(Keyword::of_reply_text(reply_line(line.as_bytes()).text));
            reply += &line;
        }
        let theirs = EhloResponse::parse(&mut reply.as_bytes().iter()).expect("well formed");
        for (keyword, bit) in CAPABILITIES {
            prop_assert_eq!(ours.contains(*keyword), theirs.has_capability(*bit), "{:?}", keyword);
        }
    }
}
