//! What a fuzzer begins with: our own recordings, and conversations of well formed phrases.

use std::path::{Path, PathBuf};

use session_driver::Direction;
use session_test::{Record, Recordings};

use crate::ldap::Ldap;
use crate::passage::{Speaker, script_of, script_of_phrases};
use crate::script::{Choices, Script, Step};
use crate::smtp::{CLIENT, SERVER, Smtp};

/// Longest seed in octets: of a longer recording only the beginning is taken.
const LONGEST: usize = 4_096;

/// The seeds of a target. `more` is a folder of further recordings, in the form of our own, that are used where they are.
///
/// # Panics
/// When a recording cannot be read as one.
pub fn seeds(target: &str, more: Option<&Path>) -> Vec<Vec<u8>> {
    let protocol = target.split('-').next().unwrap_or_default();
    let recordings = recorded(protocol, more);
    let said = |direction: Direction| {
        let of_direction = recordings.iter().flatten().filter(move |record| record.direction == direction);
        of_direction.map(|record| record.octets.as_slice())
    };
    let everything = || said(Direction::ToServer).chain(said(Direction::ToClient));
    let mut seeds: Vec<Vec<u8>> = match target {
        "smtp-command" => {
            lines(said(Direction::ToServer)).chain(CLIENT.iter().map(|line| line.to_vec())).collect()
        }
        "smtp-reply" => {
            lines(said(Direction::ToClient)).chain(SERVER.iter().map(|line| line.to_vec())).collect()
        }
        "smtp-data" => {
            let mails = said(Direction::ToServer).filter(|octets| octets.ends_with(b"\r\n.\r\n"));
            mails.map(|mail| [b"\x20\x40\x80\xf0", mail].concat()).collect()
        }
        "broken-on-purpose" => vec![b"\0\0\0\0Hello\r\n".to_vec()],
        "smtp-session" => conversations(&recordings, SMTP, b""),
        "smtp-filter" => conversations(&recordings, SMTP, b"\x00"),
        "ldap-session" => conversations(&recordings, LDAP, b""),
        "ldap-filter" => conversations(&recordings, LDAP, b"\x00"),
        "ldap-layers" => (0..3).flat_map(|kind| conversations(&[], LDAP, &[kind])).collect(),
        "smtp-references" => {
            let commands = seeds("smtp-command", more).into_iter().map(|line| [vec![0], line].concat());
            let replies = seeds("smtp-reply", more).into_iter().map(|line| [vec![1], line].concat());
            let mails = seeds("smtp-data", more)
                .into_iter()
                .map(|mail| [&[2], mail.get(4..).unwrap_or_default()].concat());
            commands.chain(replies).chain(mails).collect()
        }
        "ldap-ber" | "ldap-message" | "ldap-references" => {
            everything().filter(|octets| octets.starts_with(b"\x30")).flat_map(first_message).collect()
        }
        "ldap-filter-shape" => (0..16).map(crate::ldap::nested_filter).collect(),
        "ldap-sasl" => (0..8)
            .map(|kind| {
                [&[0, 0][..], &crate::ldap::wrapped(kind, b"\x30\x05\x02\x01\x05\x42\0")[4..]].concat()
            })
            .collect(),
        "smtp-configuration" | "ldap-configuration" => {
            CONFIGURATIONS.iter().map(|json| json.as_bytes().to_vec()).collect()
        }
        "opening" => {
            // As long as a header gets that carries a certificate's name and more.
            let long =
                [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x01\x90".as_slice(), &[b'v'; 400], b"EHLO a\r\n"].concat();
            let openings = OPENINGS.iter().copied().chain([long.as_slice()]);
            openings.map(|octets| [b"\x00\x02", octets].concat()).collect()
        }
        "driver" => {
            vec![b"\x04\x05\x83\x08\x09hello\r\nok\ns5\r\nabcdew\r\nabcd.\r\ne3\r\nabcd\r\nabc.\n".to_vec()]
        }
        "stat-name" => vec![b"default".to_vec(), b"corp-relay_1".to_vec()],
        _ => Vec::new(),
    };
    for seed in &mut seeds {
        seed.truncate(LONGEST);
    }
    seeds.sort();
    seeds.dedup();
    seeds
}

/// The recorded conversations of a protocol.
fn recorded(protocol: &str, more: Option<&Path>) -> Vec<Vec<Record>> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../{protocol}-filter/recordings"));
    let mut conversations = Vec::new();
    for folder in [Some(own.as_path()), more].into_iter().flatten() {
        let Some(recordings) = Recordings::<serde_json::Value>::open(folder, protocol) else { continue };
        conversations.extend(recordings.captures().map(|(name, _)| recordings.records(name)));
    }
    conversations
}

fn lines<'o>(said: impl Iterator<Item = &'o [u8]>) -> impl Iterator<Item = Vec<u8>> {
    let all = said.flat_map(|octets| octets.split_inclusive(|octet| *octet == b'\n'));
    all.filter(|line| line.ends_with(b"\n")).map(<[u8]>::to_vec)
}

/// The first message of these octets, when it is all there.
fn first_message(octets: &[u8]) -> Option<Vec<u8>> {
    let total = ldap_filter::protocol::message::MessageHead::parse(octets).ok()?.total;
    octets.get(..usize::try_from(total).ok()?).map(<[u8]>::to_vec)
}

type Phrases = [(Direction, u8, u8)];

fn conversations(recordings: &[Vec<Record>], phrases: &[&Phrases], prefix: &[u8]) -> Vec<Vec<u8>> {
    let recorded = recordings.iter().map(|records| script_of(records));
    let told = || phrases.iter().map(|phrases| script_of_phrases(phrases.iter().copied()));
    // Under small limits too, with identities and events.
    let limited = told().zip([0x02, 0x0f].into_iter().cycle());
    let limited = limited.map(|(script, choices)| Script { choices: Choices(choices), ..script });
    recorded
        .chain(told())
        .chain(limited)
        .chain(floods())
        .map(|script| [prefix, &script.written()].concat())
        .collect()
}

/// One octet thousands of times, from either side, under each of the limits.
fn floods() -> impl Iterator<Item = Script> {
    let octets = [b'\n', b'x', 0x30, 0];
    octets.into_iter().flat_map(|octet| {
        Direction::BOTH.into_iter().flat_map(move |direction| {
            [0, 2, 3].map(|limits| {
                let run = Step::Run { direction, octet, times: 4_095 };
                Script { choices: Choices(limits), cuts: vec![64], steps: vec![run] }
            })
        })
    })
}

use Direction::{ToClient as S, ToServer as C};

/// Phrases by number: see [`CLIENT`] and [`SERVER`].
const SMTP: &[&Phrases] = &[
    // Greeting, EHLO, a mail with a recipient that is refused, QUIT.
    &[
        (S, 0, 0),
        (C, 0, 0),
        (S, 3, 0),
        (C, 1, 0),
        (C, 2, 0),
        (C, 2, 0),
        (C, 3, 0),
        (S, 1, 0),
        (S, 1, 0),
        (S, 4, 0),
        (S, 2, 0),
        (C, 4, 0),
        (S, 1, 0),
        (C, 5, 0),
        (S, 9, 0),
    ],
    // A mail in chunks, then one refused, RSET.
    &[
        (S, 0, 0),
        (C, 0, 0),
        (S, 3, 0),
        (C, 1, 0),
        (C, 2, 0),
        (C, 8, 7),
        (C, 29, 0),
        (C, 7, 7),
        (C, 29, 0),
        (S, 1, 0),
        (S, 1, 0),
        (S, 1, 0),
        (S, 1, 0),
        (C, 1, 0),
        (S, 5, 0),
        (C, 6, 0),
        (S, 1, 0),
    ],
    // AUTH in rounds, cancelled, again.
    &[
        (S, 0, 0),
        (C, 0, 0),
        (S, 1, 0),
        (C, 9, 0),
        (S, 6, 0),
        (C, 12, 0),
        (S, 6, 0),
        (C, 13, 0),
        (S, 18, 0),
        (C, 10, 0),
        (S, 7, 0),
    ],
    // STARTTLS refused, accepted.
    &[(S, 0, 0), (C, 0, 0), (S, 1, 0), (C, 14, 0), (S, 16, 0), (C, 14, 0), (S, 0, 0), (C, 55, 0), (S, 32, 0)],
    // LMTP: a reply for each recipient.
    &[
        (S, 0, 0),
        (C, 15, 0),
        (S, 1, 0),
        (C, 1, 0),
        (S, 1, 0),
        (C, 2, 0),
        (S, 1, 0),
        (C, 2, 0),
        (S, 1, 0),
        (C, 3, 0),
        (S, 2, 0),
        (C, 4, 0),
        (S, 1, 0),
        (S, 4, 0),
    ],
];

const LDAP: &[&Phrases] = &[
    // A bind, a search with entries, a modification, unbind.
    &[(C, 0, 1), (S, 0, 1), (C, 1, 2), (S, 2, 2), (S, 6, 2), (S, 1, 2), (C, 14, 3), (S, 9, 3), (C, 7, 4)],
    // Pages.
    &[(C, 8, 1), (S, 2, 1), (S, 17, 1), (C, 9, 2), (S, 2, 2), (S, 1, 2)],
    // SASL in rounds, then signed buffers.
    &[
        (C, 3, 1),
        (S, 5, 1),
        (C, 3, 2),
        (S, 0, 2),
        (C, 28, 3),
        (S, 21, 3),
        (C, 29, 0x24),
        (S, 22, 4),
        (C, 29, 0x35),
    ],
    // Outstanding, abandoned, cancelled; a persistent search.
    &[(C, 1, 1), (C, 1, 2), (C, 11, 3), (C, 5, 0x14), (C, 6, 0x25), (S, 4, 5), (S, 2, 3), (S, 14, 0)],
    // StartTLS.
    &[(C, 4, 1), (S, 4, 1), (C, 31, 0), (S, 24, 0)],
];

const CONFIGURATIONS: &[&str] = &[
    "",
    "{}",
    r#"{"stat_prefix":"corp-relay","reporter":"inbound","mode":"observe","level":"detailed","strict":true}"#,
    r#"{"on_internal_error":"close","on_protocol_error":"close","limits":{}}"#,
    r#"{"events":{"enabled":true,"sink":"log","log_level":"warn","sample":0.5,"per_second":10,"identities":"hmac",
        "hmac_key":{"id":"k1","secret":"0123456789abcdef"}}}"#,
    r#"{"limits":{"max_command_line":512,"max_reply_line":65536.0,"max_reply_octets":1024,"max_pending_commands":16,
        "max_undecided_octets":512,"max_recipients_kept":0}}"#,
    r#"{"limits":{"max_message_octets":65536,"max_decoded_octets":512,"max_pending_operations":8.0,"max_filter_depth":1,
        "max_undecided_octets":512,"max_identity_octets":16}}"#,
    r#"{"strict":false,"newer":{"field":[1,2,3]}}"#,
];

const OPENINGS: &[&[u8]] = &[
    b"EHLO a\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nEHLO a\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c123456789012EHLO a\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0PROXY UNKNOWN\r\n\x16\x03\x01",
    b"GET / HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n",
    b"\x30\x0c\x02\x01\x01",
];

// Every phrase of both protocols is reachable by its number.
const _: () = assert!(CLIENT.len() <= 96 && SERVER.len() <= 96);

/// Every phrase of both protocols, once: for tests.
pub fn every_phrase() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let of = |protocol: &'static str| {
        (0..=255_u8).flat_map(move |argument| {
            Direction::BOTH.into_iter().flat_map(move |direction| {
                (0..58_u8).map(move |which| {
                    let phrase = match protocol {
                        "smtp" => Smtp::phrase(direction, which, argument),
                        _ => Ldap::phrase(direction, which, argument),
                    };
                    (protocol, phrase)
                })
            })
        })
    };
    of("smtp").chain(of("ldap"))
}
