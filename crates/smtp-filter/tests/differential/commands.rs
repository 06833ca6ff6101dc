//! Command lines.

use proptest::prelude::*;
use smtp_filter::protocol::auth::{AuthArgument, Mechanism, auth};
use smtp_filter::protocol::bdat::{bdat, burl_is_last};
use smtp_filter::protocol::command::{CommandLine, command_line};
use smtp_filter::protocol::parameter::{Parameter, ParameterSet};
use smtp_filter::protocol::path::path;
use smtp_filter::protocol::verb::Verb;
use smtp_proto::Request;

use super::{Leniency, config, damaged, damages, in_any_case, line_ending};

/// What both parsers can say about a command.
#[derive(Debug, PartialEq)]
enum Meaning {
    Path { verb: Verb, address: String, parameters: ParameterSet, declared_size: Option<u64> },
    Chunk { octets: u64, last: bool },
    Url { last: bool },
    Auth { mechanism: Mechanism, initial_response: bool },
    Plain(Verb),
}

fn ours(line: &[u8]) -> Option<Meaning> {
    let CommandLine::Command(command) = command_line(line) else { return None };
    Some(match command.verb {
        Verb::Mail | Verb::Rcpt => {
            let path = path(command.argument)?;
            Meaning::Path {
                verb: command.verb,
                address: String::from_utf8_lossy(path.address).into_owned(),
                parameters: path.parameters,
                declared_size: path.declared_size,
            }
        }
        Verb::Bdat => {
            let chunk = bdat(command.argument)?;
            Meaning::Chunk { octets: chunk.octets, last: chunk.last }
        }
        Verb::Burl => Meaning::Url { last: burl_is_last(command.argument) },
        Verb::Auth => {
            let AuthArgument { mechanism, initial_response } = auth(command.argument);
            Meaning::Auth { mechanism, initial_response }
        }
        verb => Meaning::Plain(verb),
    })
}

fn theirs(line: &[u8]) -> Option<Meaning> {
    let request = Request::parse(&mut line.iter()).ok()?;
    let plain = |name: &str| Meaning::Plain(Verb::from_octets(name.as_bytes()));
    Some(match request {
        Request::Mail { ref from } => {
            let flags = |mask: u64| from.flags & mask != 0;
            use smtp_proto::*;
            let present = [
                (from.size != 0, Parameter::Size),
                (flags(MAIL_BODY_7BIT | MAIL_BODY_8BITMIME | MAIL_BODY_BINARYMIME), Parameter::Body),
                (flags(MAIL_SMTPUTF8), Parameter::Smtputf8),
                (from.env_id.is_some() || flags(MAIL_RET_FULL | MAIL_RET_HDRS), Parameter::Dsn),
                (flags(MAIL_REQUIRETLS), Parameter::Requiretls),
                (from.auth.is_some(), Parameter::Auth),
                (from.mt_priority != 0, Parameter::MtPriority),
                (from.hold_for != 0 || from.hold_until != 0, Parameter::Futurerelease),
                (flags(MAIL_BY_NOTIFY | MAIL_BY_RETURN), Parameter::Deliverby),
                (from.mtrk.is_some(), Parameter::Mtrk),
                (from.solicit.is_some(), Parameter::Solicit),
                (flags(MAIL_CONPERM), Parameter::Conperm),
                (from.trans_id.is_some(), Parameter::Transid),
            ];
            Meaning::Path {
                verb: Verb::Mail,
                address: from.address.to_string(),
                parameters: present
                    .into_iter()
                    .filter(|(is, _)| *is)
                    .map(|(_, parameter)| parameter)
                    .collect(),
                declared_size: (from.size != 0).then_some(from.size as u64),
            }
        }
        Request::Rcpt { ref to } => {
            use smtp_proto::*;
            let notify = RCPT_NOTIFY_SUCCESS | RCPT_NOTIFY_FAILURE | RCPT_NOTIFY_DELAY | RCPT_NOTIFY_NEVER;
            let present = [
                (to.orcpt.is_some() || to.flags & notify != 0, Parameter::Dsn),
                (to.flags & (RCPT_RRVS_REJECT | RCPT_RRVS_CONTINUE) != 0, Parameter::Rrvs),
                (to.flags & RCPT_CONNEG != 0, Parameter::Conperm),
            ];
            Meaning::Path {
                verb: Verb::Rcpt,
                address: to.address.to_string(),
                parameters: present
                    .into_iter()
                    .filter(|(is, _)| *is)
                    .map(|(_, parameter)| parameter)
                    .collect(),
                declared_size: None,
            }
        }
        Request::Bdat { chunk_size, is_last } => Meaning::Chunk { octets: chunk_size as u64, last: is_last },
        Request::Burl { is_last, .. } => Meaning::Url { last: is_last },
        Request::Auth { mechanism, ref initial_response } => Meaning::Auth {
            mechanism: MECHANISMS
                .iter()
                .find(|(bit, _)| *bit == mechanism)
                .map_or(Mechanism::Other, |(_, mechanism)| *mechanism),
            initial_response: !initial_response.is_empty(),
        },
        other => plain(other.name()),
    })
}

const MECHANISMS: &[(u64, Mechanism)] = &[
    (smtp_proto::AUTH_PLAIN, Mechanism::Plain),
    (smtp_proto::AUTH_LOGIN, Mechanism::Login),
    (smtp_proto::AUTH_CRAM_MD5, Mechanism::CramMd5),
    (smtp_proto::AUTH_DIGEST_MD5, Mechanism::DigestMd5),
    (smtp_proto::AUTH_SCRAM_SHA_1, Mechanism::ScramSha1),
    (smtp_proto::AUTH_SCRAM_SHA_1_PLUS, Mechanism::ScramSha1Plus),
    (smtp_proto::AUTH_SCRAM_SHA_256, Mechanism::ScramSha256),
    (smtp_proto::AUTH_SCRAM_SHA_256_PLUS, Mechanism::ScramSha256Plus),
    (smtp_proto::AUTH_NTLM, Mechanism::Ntlm),
    (smtp_proto::AUTH_GSSAPI, Mechanism::Gssapi),
    (smtp_proto::AUTH_GSS_SPNEGO, Mechanism::GssSpnego),
    (smtp_proto::AUTH_XOAUTH2, Mechanism::Xoauth2),
    (smtp_proto::AUTH_OAUTHBEARER, Mechanism::Oauthbearer),
    (smtp_proto::AUTH_EXTERNAL, Mechanism::External),
    (smtp_proto::AUTH_ANONYMOUS, Mechanism::Anonymous),
];

/// The line without its ending.
fn text(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn words(line: &[u8]) -> Vec<&[u8]> {
    text(line).split(|octet| b" \t".contains(octet)).filter(|word| !word.is_empty()).collect()
}

fn starts_with_verb(line: &[u8], verbs: &[&str]) -> bool {
    words(line)
        .first()
        .is_some_and(|word| verbs.iter().any(|verb| verb.as_bytes().eq_ignore_ascii_case(word)))
}

const LENIENCIES: &[Leniency] = &[
    Leniency {
        name: "skips CRs inside words",
        example: b"QU\rIT\r\n",
        applies: |line| text(line).contains(&b'\r'),
    },
    Leniency {
        name: "a form feed separates words",
        example: b"QUIT\x0cnow\r\n",
        applies: |line| line.contains(&b'\x0c'),
    },
    Leniency {
        name: "a number of more than 20 digits overflows and starts anew: SIZE and BDAT",
        example: b"MAIL FROM:<a@b> SIZE=18446744073709551616999\r\n",
        applies: |line| {
            let digits = text(line).split(|octet| !octet.is_ascii_digit()).map(<[u8]>::len);
            digits.max().unwrap_or(0) >= 20
        },
    },
    Leniency {
        name: "spaces behind punctuation inside a parameter are skipped",
        example: b"MAIL FROM:<a@b> SIZE= 5\r\n",
        applies: |line| {
            words(line).iter().skip(2).any(|word| word.last().is_some_and(|octet| b"=,;:-+<".contains(octet)))
        },
    },
    Leniency {
        name: "quotes and backslashes are not part of an address, and quoted text may be anything",
        example: b"RCPT TO:<\"a b\"@c>\r\n",
        applies: |line| line.contains(&b'"') || line.contains(&b'\\'),
    },
    Leniency {
        name: "the postmaster without domain is the null sender",
        example: b"RCPT TO:<Postmaster>\r\n",
        applies: |line| line.to_ascii_lowercase().windows(10).any(|word| word == b"postmaster"),
    },
    Leniency {
        name: "parameters may follow > directly",
        example: b"MAIL FROM:<a@b>SIZE=5\r\n",
        applies: |line| text(line).windows(2).any(|pair| pair[0] == b'>' && !b" \t".contains(&pair[1])),
    },
    Leniency {
        name: "a chunk's size may have junk behind it",
        example: b"BDAT 5 LAST now\r\n",
        applies: |line| starts_with_verb(line, &["BDAT", "BURL"]) && words(line).len() > 2,
    },
    Leniency {
        name: "a tab is part of a text",
        example: b"MAIL FROM:<a@b> ENVID=a\tSIZE=5\r\n",
        applies: |line| text(line).contains(&b'\t'),
    },
    Leniency {
        name: "a plus sign without two hexadecimal digits swallows the space behind it",
        example: b"MAIL FROM:<a@b> ENVID=a+ SIZE=5\r\n",
        applies: |line| {
            let ends = |pair: &[u8]| pair.len() < 2 || !pair.iter().all(u8::is_ascii_hexdigit);
            line.split(|octet| *octet == b'+').skip(1).any(|rest| ends(rest.get(..2).unwrap_or_default()))
        },
    },
    Leniency {
        name: "a source route without a mailbox is the null sender",
        example: b"MAIL FROM:<@a:>\r\n",
        applies: |line| {
            let spaces = |text: &[u8]| text.iter().all(|octet| b" \t".contains(octet));
            let mut routes =
                line.split(|octet| *octet == b'>').map(|path| path.rsplit(|octet| *octet == b':').next());
            line.windows(2).any(|pair| pair == b"<@") && routes.any(|mailbox| mailbox.is_some_and(spaces))
        },
    },
    Leniency {
        name: "one octet of any kind may stand between FROM or TO and its colon",
        example: b"MAIL FROM!:<a@b>\r\n",
        applies: |line| {
            let before_colon = text(line).split(|octet| *octet == b':').next().unwrap_or_default();
            starts_with_verb(line, &["MAIL", "RCPT"])
                && before_colon
                    .last()
                    .is_some_and(|octet| !octet.is_ascii_alphabetic() && !b" \t".contains(octet))
        },
    },
];

/// The meaning without what `smtp-proto` has no way to say: a parameter of value 0, a mechanism that it does
/// not know.
fn as_both_can_tell(meaning: Meaning) -> Meaning {
    match meaning {
        Meaning::Path { verb, address, parameters, declared_size } => {
            let told = |parameter: &Parameter| {
                !matches!(parameter, Parameter::MtPriority | Parameter::Futurerelease)
                    && (*parameter != Parameter::Size || declared_size != Some(0))
            };
            let parameters = parameters.iter().filter(told).collect();
            Meaning::Path {
                verb,
                address,
                parameters,
                declared_size: declared_size.filter(|size| *size != 0),
            }
        }
        Meaning::Auth { mechanism, initial_response } if !MECHANISMS.iter().any(|(_, m)| *m == mechanism) => {
            Meaning::Auth { mechanism: Mechanism::Other, initial_response }
        }
        meaning => meaning,
    }
}

fn compare(line: &[u8]) -> (Option<Meaning>, Option<Meaning>) {
    (theirs(line).map(as_both_can_tell), ours(line).map(as_both_can_tell))
}

/// What a line means to `smtp-proto` and not here, for no reason that is known.
pub(crate) fn difference(line: &[u8]) -> Option<String> {
    let (theirs, ours) = compare(line);
    let differs = theirs.is_some() && theirs != ours && Leniency::explaining(LENIENCIES, line).is_empty();
    differs.then(|| format!("{}: {theirs:?} to smtp-proto, {ours:?} here", line.escape_ascii()))
}

#[test]
fn every_leniency_is_still_there() {
    for Leniency { name, example, applies } in LENIENCIES {
        let (theirs, ours) = compare(example);
        assert!(theirs.is_some(), "{name}: refused by smtp-proto now");
        assert!(theirs != ours && applies(example), "{name}: no difference any more: {theirs:?}");
    }
}

fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,8}(\\.[a-z0-9]{1,8})?@[a-z0-9-]{1,10}(\\.[a-z]{1,5}){0,2}",
        1 => Just("\u{f6}\u{4e2d}@example.org".to_owned()),
        1 => Just("@a.example,@b.example:bob@example.org".to_owned()),
        1 => Just(String::new()),
    ]
}

fn parameters(of_mail: bool) -> impl Strategy<Value = String> {
    const OF_MAIL: &[&str] = &[
        "SIZE=12345",
        "SIZE=0",
        "size=18446744073709551614",
        "BODY=8BITMIME",
        "BODY=7BIT",
        "SMTPUTF8",
        "RET=HDRS",
        "ENVID=QQ314159",
        "REQUIRETLS",
        "AUTH=<>",
        "AUTH=e+3Dmc2@example.com",
        "BY=120;R",
        "BY=-120;NT",
        "MT-PRIORITY=3",
        "MT-PRIORITY=-3",
        "HOLDFOR=86400",
        "SOLICIT=net.example:ADV",
        "MTRK=abc:60",
        "TRANSID=<abc@example.org>",
        "CONPERM",
    ];
    const OF_RCPT: &[&str] = &[
        "NOTIFY=NEVER",
        "NOTIFY=SUCCESS,DELAY",
        "ORCPT=rfc822;bob@example.org",
        "CONNEG",
        "RRVS=2014-04-03T23:01:00Z",
        "RRVS=2014-04-03T23:01:00Z;C",
    ];
    let known = if of_mail { OF_MAIL } else { OF_RCPT };
    proptest::sample::subsequence(known, 0..=4)
        .prop_map(|chosen| chosen.iter().map(|parameter| format!(" {parameter}")).collect())
}

/// A command line as its RFC writes it.
fn line() -> impl Strategy<Value = String> {
    let mechanism = proptest::sample::select(Mechanism::ALL).prop_map(|mechanism| {
        use common_metrics::Label as _;
        mechanism.as_str()
    });
    let command = prop_oneof![
        3 => (in_any_case("MAIL FROM:"), address(), parameters(true))
            .prop_map(|(verb, address, parameters)| format!("{verb}<{address}>{parameters}")),
        3 => (in_any_case("RCPT TO:"), address(), parameters(false))
            .prop_map(|(verb, address, parameters)| format!("{verb}<{address}>{parameters}")),
        2 => (in_any_case("BDAT"), any::<u64>(), 0..20_u32, any::<bool>()).prop_map(|(verb, size, shift, last)| {
            format!("{verb} {}{}", (size >> 2) >> shift, if last { " LAST" } else { "" })
        }),
        1 => (in_any_case("BURL"), any::<bool>())
            .prop_map(|(verb, last)| format!("{verb} imap://a@b/c;uid=1{}", if last { " Last" } else { "" })),
        2 => (in_any_case("AUTH"), mechanism, "( [A-Za-z0-9+/]{4,12}=?| =)?")
            .prop_map(|(verb, mechanism, response)| format!("{verb} {mechanism}{response}")),
        2 => (proptest::sample::select(&["EHLO", "HELO", "LHLO", "VRFY", "EXPN", "ETRN", "NOOP", "HELP"][..]), "[a-z]{1,9}")
            .prop_map(|(verb, argument)| format!("{verb} {argument}")),
        1 => proptest::sample::select(&["DATA", "RSET", "QUIT", "STARTTLS", "NOOP", "HELP"][..])
            .prop_flat_map(in_any_case),
    ];
    (command, line_ending()).prop_map(|(command, ending)| command + ending)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn well_formed_lines_mean_the_same(line in line()) {
        let (theirs, ours) = compare(line.as_bytes());
        prop_assert!(theirs.is_some(), "refused by smtp-proto");
        prop_assert_eq!(theirs, ours);
    }

    #[test]
    fn damaged_lines_mean_the_same_or_are_known(line in line(), damages in damages()) {
        prop_assert_eq!(difference(&damaged(line.as_bytes(), &damages)), None);
    }
}
