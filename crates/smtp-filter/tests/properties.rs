//! What holds for every conversation, however it is cut and however hostile.

#[path = "support/mod.rs"]
mod support;

use proptest::prelude::*;
use proptest::sample::select;
use session_driver::{Direction, Transport};
use session_test::play::play_cut;
use session_test::strategies::{conversation, ending, lengths, noise};
use session_test::{Conditions, Record};
use smtp_filter::SmtpLimits;

use support::{Setup, Smtp, play};

/// What clients say, sensible or not.
const CLIENT: &[&str] = &[
    "EHLO a\r\n",
    "HELO a\r\n",
    "LHLO a\r\n",
    "MAIL FROM:<a@b> SIZE=1\r\n",
    "mail from:<> PRDR\r\n",
    "RCPT TO:<c@d>\r\n",
    "RCPT TO:<c@d>\r\n",
    "DATA\r\n",
    "DATA\r\n",
    ".\r\n",
    "x\r\n.\r\n",
    "x\n.\n",
    "\r\r\n\0\r",
    "BDAT 3\r\nabc",
    "BDAT 3 LAST\r\nabc",
    "BDAT 0 LAST\r\n",
    "BDAT 9\r\nQUIT\r\n",
    "BDAT -1\r\n",
    "BURL a LAST\r\n",
    "RSET\r\n",
    "NOOP\r\n",
    "NOOP\n",
    "\r\n",
    "\n",
    "QUIT\r\n",
    "AUTH LOGIN\r\n",
    "AUTH GSSAPI\r\n",
    "\0\0\0\u{2}a\n",
    "AUTH PLAIN x\r\n",
    "*\r\n",
    "eA==\r\n",
    "STARTTLS\r\n",
    "X-ANONYMOUSTLS\r\n",
    "X-EXPS NTLM\r\n",
    "XCLIENT A=B\r\n",
    "TURN\r\n",
    "ETRN x\r\n",
    "\u{80}\u{1}\r\n",
    "PROXY TCP4 1 2 3 4\r\n",
    "GET / HTTP/1.1\r\n",
    "\u{16}\u{3}\u{1}",
    "a very long line that is longer than ",
];

/// What servers say, sensible or not.
const SERVER: &[&str] = &[
    "220 mx\r\n",
    "220-mx\r\n",
    "250 OK\r\n",
    "250 OK\r\n",
    "250 OK\r\n",
    "250-mx\r\n",
    "250 PIPELINING\r\n",
    "250\r\n",
    "354 go\r\n",
    "354 go\r\n",
    "353 wait\r\n",
    "334 x\r\n",
    "235 in\r\n",
    "\0\0\0\u{1}\n",
    "221 Bye\r\n",
    "421 4.4.2 timeout\r\n",
    "450 4.7.1 later\r\n",
    "452 full\r\n",
    "500 what\r\n",
    "501 no\r\n",
    "503 not now\r\n",
    "550 5.1.1 who\r\n",
    "521-\r\n",
    "454 no TLS\r\n",
    "what\r\n",
    "100 hm\r\n",
    "\n",
    "250-a very long line that is longer than ",
];

fn conditions() -> impl Strategy<Value = Conditions<Setup>> {
    let limits = select(vec![
        "{}",
        r#"{"max_command_line": 512, "max_reply_line": 512, "max_reply_octets": 1024,
            "max_pending_commands": 16, "max_undecided_octets": 512, "max_recipients_kept": 1}"#,
    ]);
    (limits, any::<bool>(), ending()).prop_map(|(limits, keep_identities, ends)| {
        let limits = serde_json::from_str::<SmtpLimits>(limits).expect("limits");
        Conditions { setup: Setup { limits, keep_identities }, transport: Transport::Plain, ends }
    })
}

/// Plausible lines of both sides, in any order; now and then a long stretch of one octet.
fn talk() -> impl Strategy<Value = Vec<Record>> {
    let client = select(CLIENT).prop_map(|line| (Direction::ToServer, latin_1(line)));
    let server = select(SERVER).prop_map(|line| (Direction::ToClient, latin_1(line)));
    let long =
        (any::<bool>(), select(b"x\n.\r0".as_slice()), 0..1_500_usize).prop_map(|(to_server, octet, len)| {
            let direction = if to_server { Direction::ToServer } else { Direction::ToClient };
            (direction, vec![octet; len])
        });
    conversation(prop_oneof![12 => client, 12 => server, 1 => long])
}

/// The octets that a text of characters below U+0100 stands for.
fn latin_1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')).collect()
}

proptest! {
    // `play` checks the sums of every conversation: one outcome for each transaction, one ending, every
    // request answered or not, every octet accounted for, and how much is kept.

    #[test]
    fn counts_do_not_depend_on_how_the_stream_is_cut(
        records in talk(),
        conditions in conditions(),
        lengths in lengths(40),
    ) {
        play_cut::<Smtp>(&records, &conditions, &lengths);
    }

    #[test]
    fn noise_neither_panics_nor_breaks_the_sums(
        records in noise(),
        conditions in conditions(),
        lengths in lengths(9),
    ) {
        play_cut::<Smtp>(&records, &conditions, &lengths);
    }

    #[test]
    fn whatever_is_said_once_opaque_changes_nothing(records in talk(), conditions in conditions()) {
        let seen = play(&records, &conditions);
        if let Some(opaque) = seen.events.iter().position(|event| event.starts_with("WentOpaque")) {
            prop_assert_eq!(opaque + 2, seen.events.len(), "only the ending follows: {:?}", seen.events);
        }
    }
}
