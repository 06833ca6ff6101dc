//! Mails behind DATA.

use proptest::prelude::*;
use smtp_filter::protocol::data::{DataScanner, Scanned};
use smtp_proto::request::receiver::DataReceiver;

use super::{Leniency, config};

/// How many octets of the stream are the mail; `None` when it does not end in there.
fn ours(stream: &[u8]) -> Option<usize> {
    let Scanned { consumed, ended } = DataScanner::new().scan(stream);
    ended.then_some(consumed)
}

fn theirs(stream: &[u8]) -> Option<usize> {
    let mut rest = stream.iter();
    let ended = DataReceiver::new().ingest(&mut rest, &mut Vec::new());
    ended.then(|| stream.len() - rest.as_slice().len())
}

fn has(stream: &[u8], octets: &[u8]) -> bool {
    stream.windows(octets.len()).any(|window| window == octets)
}

const LENIENCIES: &[Leniency] = &[
    Leniency {
        name: "a mail without lines does not end",
        example: b".\r\nQUIT\r\n",
        applies: |stream| stream.starts_with(b".\r"),
    },
    Leniency {
        name: "CRs between the final dot and CR LF are skipped",
        example: b"a\r\n.\r\r\nQUIT\r\n",
        applies: |stream| has(stream, b"\r\n.\r\r"),
    },
];

/// Where a mail ends to `smtp-proto` and not here, for no reason that is known.
pub(crate) fn difference(stream: &[u8]) -> Option<String> {
    let (theirs, ours) = (theirs(stream), ours(stream));
    let differs = theirs != ours && Leniency::explaining(LENIENCIES, stream).is_empty();
    differs.then(|| format!("{}: {theirs:?} to smtp-proto, {ours:?} here", stream.escape_ascii()))
}

#[test]
fn every_leniency_is_still_there() {
    for Leniency { name, example, applies } in LENIENCIES {
        assert!(theirs(example) != ours(example) && applies(example), "{name}: no difference any more");
    }
}

/// Lines, most of them as they should be, and what may or may not end them.
fn mail() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![Just(String::new()), Just(".".to_owned()), Just("..".to_owned()), "[a-z. ]{1,6}"];
    let ending = proptest::sample::select(&["\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", "\n\r", "\0"][..]);
    proptest::collection::vec((text, ending), 0..12)
        .prop_map(|lines| lines.into_iter().flat_map(|(text, ending)| (text + ending).into_bytes()).collect())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn mails_end_at_the_same_octet_or_the_difference_is_known(mail in mail()) {
        prop_assert_eq!(difference(&mail), None);
    }
}
