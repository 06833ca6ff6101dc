//! SMTP as scripts tell it.

#[path = "../../smtp-filter/tests/support/mod.rs"]
mod support;

use session_driver::Direction;
use smtp_filter::SmtpLimits;

pub(crate) use self::support::{Setup, Smtp};
use crate::passage::Speaker;
use crate::script::Choices;

/// What only a mail or a password holds.
const SECRET: &str = "hunter2";

/// What clients say, sensible or not; `#` stands for the argument.
pub(crate) const CLIENT: &[&[u8]] = &[
    b"EHLO a\r\n",
    b"MAIL FROM:<a@b> SIZE=1\r\n",
    b"RCPT TO:<c@d>\r\n",
    b"DATA\r\n",
    b"hunter2\r\n.\r\n",
    b"QUIT\r\n",
    b"RSET\r\n",
    b"BDAT # LAST\r\n",
    b"BDAT #\r\n",
    b"AUTH LOGIN\r\n",
    b"AUTH PLAIN hunter2\r\n",
    b"AUTH GSSAPI\r\n",
    b"hunter2==\r\n",
    b"*\r\n",
    b"STARTTLS\r\n",
    b"LHLO a\r\n",
    b"mail from:<> PRDR BODY=8BITMIME SMTPUTF8\r\n",
    b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n",
    b".\r\n",
    b"HELO a\r\n",
    b"NOOP\r\n",
    b"NOOP\n",
    b"\r\n",
    b"\n",
    b"x\n.\n",
    b"x\r\n.\r",
    b"\n.\r\n",
    b"\r\r\n\0\r",
    b"..\r\n",
    b"hunter2",
    b"\r",
    b".",
    b"BDAT 0 LAST\r\n",
    b"BDAT -1\r\n",
    b"BDAT 18446744073709551615\r\n",
    b"BDAT 4294967296 LAST\r\n",
    b"BURL imap://a LAST\r\n",
    b"\0\0\0#",
    b"X-ANONYMOUSTLS\r\n",
    b"X-EXPS NTLM\r\n",
    b"XCLIENT ADDR=1\r\n",
    b"XFORWARD NAME=x\r\n",
    b"TURN\r\n",
    b"ATRN x\r\n",
    b"ETRN x\r\n",
    b"VRFY x\r\n",
    b"XEXCH50 2 2\r\n",
    b"RCPT TO:<@x,@y:c@d> NOTIFY=NEVER ORCPT=rfc822;x\r\n",
    b"RCPT TO:<\"a b\"@[127.0.0.1]>\r\n",
    b"MAIL FROM:<a@b> SIZE=99999999999999999999999 AUTH=<>\r\n",
    b"MAIL FROM: a@b\r\n",
    b"\x80\x01\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c000000000000",
    b"GET / HTTP/1.1\r\n",
    b"\x16\x03\x01\x02\0\x01",
    b"RCPT TO:<#@d>\r\n",
    b"a very long line that is longer than ",
];

/// What servers say, sensible or not.
pub(crate) const SERVER: &[&[u8]] = &[
    b"220 mx\r\n",
    b"250 OK\r\n",
    b"354 go\r\n",
    b"250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
    b"550 5.1.1 who\r\n",
    b"451 4.7.1 later\r\n",
    b"334 x\r\n",
    b"235 in\r\n",
    b"535 no\r\n",
    b"221 bye\r\n",
    b"421 4.4.2 timeout\r\n",
    b"250-mx\r\n",
    b"250\r\n",
    b"220-mx\r\n",
    b"353 one by one\r\n",
    b"452 4.5.3 full\r\n",
    b"454 no TLS\r\n",
    b"500 what\r\n",
    b"501 no\r\n",
    b"503 not now\r\n",
    b"521-\r\n",
    b"552 5.3.4 big\r\n",
    b"\0\0\0#",
    b"what\r\n",
    b"100 hm\r\n",
    b"999 hm\r\n",
    b"\n",
    b"\r\n",
    b"250 2.0.0 OK\n",
    b"250-OK\r\n550 no\r\n",
    b"250",
    b"250-a very long line that is longer than ",
    b"\x16\x03\x01\x02\0\x01",
];

impl Speaker for Smtp {
    fn setup(choices: Choices) -> Setup {
        let limits = match choices.limits() {
            0 | 1 => SmtpLimits::default(),
            which => serde_json::from_str(LIMITS[usize::from(which & 1)]).expect("limits"),
        };
        Setup { limits, keep_identities: choices.identities() }
    }

    fn phrase(direction: Direction, which: u8, argument: u8) -> Vec<u8> {
        let phrases = match direction {
            Direction::ToServer => CLIENT,
            Direction::ToClient => SERVER,
        };
        let phrase = phrases[usize::from(which) % phrases.len()];
        match phrase {
            [0, 0, 0, b'#'] => [&[0, 0, 0, argument][..], &vec![b'x'; argument.into()]].concat(),
            _ => match phrase.split(|octet| *octet == b'#').collect::<Vec<_>>()[..] {
                [before, behind] => [before, argument.to_string().as_bytes(), behind].concat(),
                _ => phrase.to_vec(),
            },
        }
    }

    /// What the driver keeps, 16 octets for each command that waits, and what is remembered of people. What grows may
    /// take twice that, and three times while it is moved.
    fn most_memory(setup: &Setup) -> u64 {
        let Setup { limits, keep_identities } = setup;
        let lines = limits.max_command_line.get().max(limits.max_undecided_octets.get())
            + limits.max_reply_line.get();
        let pending = 3 * 16 * (limits.max_pending_commands.get() + 1);
        let named = limits.max_recipients_kept.get() + 2;
        let people = if *keep_identities { 2 * named * limits.max_command_line.get() } else { 0 };
        (3 * lines + pending + people + 2_048) as u64
    }

    const SECRETS: &'static [&'static str] = &[SECRET];
}

const LIMITS: [&str; 2] = [
    r#"{"max_command_line": 512, "max_reply_line": 512, "max_reply_octets": 1024,
        "max_pending_commands": 16, "max_undecided_octets": 512, "max_recipients_kept": 1}"#,
    r#"{"max_command_line": 600, "max_reply_line": 512, "max_reply_octets": 2048,
        "max_pending_commands": 64, "max_undecided_octets": 65536, "max_recipients_kept": 3}"#,
];
