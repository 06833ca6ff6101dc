//! What a client or a server says in confidence is in no log line, statistic or filter state, wherever they put it and
//! under every setting.

#[path = "support/mod.rs"]
mod support;

use envoy_sdk_test::FakeEnvoy;
use ldap_filter::module;
use session_driver::Direction::{self, ToClient, ToServer};
use session_test::Record;
use session_test::cutting::octet_by_octet;
use session_test::secrets::{Secret, every_setting, said, statistics};

use support::ber::{all, boolean, enumerated, integer, octet_string, sequence, tlv};
use support::messages::*;

const SECRET: Secret = Secret("Hunter2-marked");

type Said = (Direction, Vec<u8>);

fn client(message: &Message) -> Said {
    (ToServer, message.octets())
}

fn server(message: &Message) -> Said {
    (ToClient, message.octets())
}

/// A search whose base, filter and attributes are these.
fn search_of(base: &str, filter: &[u8], attribute: &str) -> Message {
    let attributes = sequence(&[octet_string(attribute)]);
    let parts = [octet_string(base), enumerated(2), enumerated(0), integer(0), integer(0), boolean(false)];
    Message::new(2, all(0x63, &[parts.concat(), filter.to_vec(), attributes]))
}

fn holds(attribute: &str, value: &str) -> Vec<u8> {
    tlv(0xa3, &[octet_string(attribute), octet_string(value)].concat())
}

/// Where a secret can stand.
fn places() -> Vec<(&'static str, Vec<Said>)> {
    let it = SECRET.0;
    let present = tlv(0x87, b"uid");
    let searched = |message: &Message| vec![client(message), server(&search_done(2, 0))];
    let changed = |message: &Message, tag| vec![client(message), server(&result(2, tag, 0))];
    let attribute =
        |name: &str, value: &str| sequence(&[octet_string(name), all(0x31, &[octet_string(value)])]);
    let extended_with = |name: &str, value: &str| {
        Message::new(2, all(0x77, &[tlv(0x80, name.as_bytes()), tlv(0x81, value.as_bytes())]))
    };
    let said_by_server = |tag, code| vec![client(&search(2)), server(&result_saying(2, tag, code, it))];
    vec![
        ("a password", vec![client(&bind(2, "cn=app", it)), server(&bind_result(2, 0))]),
        ("a wrong password", vec![client(&bind(2, "cn=app", it)), server(&bind_result(2, 49))]),
        ("a password nobody answers", vec![client(&bind(2, "cn=app", it))]),
        ("a password where a name belongs", vec![client(&bind(2, it, "")), server(&bind_result(2, 53))]),
        (
            "SASL PLAIN",
            vec![client(&sasl(2, "PLAIN", format!("\0app\0{it}").as_bytes())), server(&bind_result(2, 0))],
        ),
        (
            "a round of SASL",
            vec![
                client(&sasl(2, "GSSAPI", it.as_bytes())),
                server(&Message::new(
                    2,
                    all(
                        0x61,
                        &[enumerated(14), octet_string(""), octet_string(it), tlv(0x87, it.as_bytes())],
                    ),
                )),
                client(&sasl(3, "GSSAPI", it.as_bytes())),
                server(&bind_result(3, 0)),
            ],
        ),
        ("a mechanism", vec![client(&sasl(2, it, b"")), server(&bind_result(2, 7))]),
        ("a bind that is none", vec![(ToServer, Message::new(2, all(0x60, &[octet_string(it)])).octets())]),
        (
            "an unknown way to bind",
            vec![
                client(&Message::new(
                    2,
                    all(0x60, &[integer(3), octet_string("cn=app"), tlv(0x85, it.as_bytes())]),
                )),
                server(&bind_result(2, 7)),
            ],
        ),
        ("a search's base", searched(&search_of(it, &present, "cn"))),
        ("a search's value", searched(&search_of("dc=example", &holds("uid", it), "cn"))),
        (
            "a value among many",
            searched(&search_of(
                "dc=example",
                &all(
                    0xa0,
                    &[
                        present.clone(),
                        all(0xa1, &[holds("userPassword", it), all(0xa2, &[holds("sn", it)])]),
                    ],
                ),
                "cn",
            )),
        ),
        (
            "substrings",
            searched(&search_of(
                "dc=example",
                &all(
                    0xa4,
                    &[
                        octet_string("cn"),
                        sequence(&[
                            tlv(0x80, it.as_bytes()),
                            tlv(0x81, it.as_bytes()),
                            tlv(0x82, it.as_bytes()),
                        ]),
                    ],
                ),
                "cn",
            )),
        ),
        (
            "an extensible match",
            searched(&search_of(
                "dc=example",
                &all(0xa9, &[tlv(0x81, b"2.5.13.5"), tlv(0x82, b"cn"), tlv(0x83, it.as_bytes())]),
                "cn",
            )),
        ),
        ("an attribute that is asked for", searched(&search_of("dc=example", &present, it))),
        ("a filter that is none", searched(&search_of("dc=example", &tlv(0xbf, it.as_bytes()), "cn"))),
        (
            "an entry",
            vec![
                client(&search(2)),
                server(&Message::new(2, all(0x64, &[octet_string(it), sequence(&[attribute(it, it)])]))),
                server(&search_done(2, 0)),
            ],
        ),
        (
            "a reference",
            vec![
                client(&search(2)),
                server(&Message::new(2, all(0x73, &[octet_string(format!("ldap://{it}/"))]))),
                server(&search_done(2, 0)),
            ],
        ),
        (
            "a matched name",
            vec![
                client(&search(2)),
                server(&Message::new(2, all(0x65, &[enumerated(32), octet_string(it), octet_string(it)]))),
            ],
        ),
        ("a diagnostic message", said_by_server(0x65, 1)),
        (
            "a referral",
            vec![
                client(&search(2)),
                server(&Message::new(
                    2,
                    all(
                        0x65,
                        &[
                            enumerated(10),
                            octet_string(""),
                            octet_string(""),
                            all(0xa3, &[octet_string(format!("ldap://{it}/"))]),
                        ],
                    ),
                )),
            ],
        ),
        (
            "a reason that Active Directory gives",
            vec![
                client(&bind(2, "cn=app", "x")),
                server(&result_saying(
                    2,
                    0x61,
                    49,
                    &format!("80090308: LdapErr: DSID-0, comment: {it}, data {it}, v4f7c"),
                )),
            ],
        ),
        (
            "a change",
            changed(
                &Message::new(
                    2,
                    all(
                        0x66,
                        &[
                            octet_string(it),
                            sequence(&[sequence(&[enumerated(2), attribute("userPassword", it)])]),
                        ],
                    ),
                ),
                0x67,
            ),
        ),
        (
            "a new entry",
            changed(
                &Message::new(2, all(0x68, &[octet_string(it), sequence(&[attribute("userPassword", it)])])),
                0x69,
            ),
        ),
        (
            "a new name",
            changed(
                &Message::new(
                    2,
                    all(0x6c, &[octet_string(it), octet_string(it), boolean(true), tlv(0x80, it.as_bytes())]),
                ),
                0x6d,
            ),
        ),
        ("a deletion", changed(&Message::new(2, tlv(0x4a, it.as_bytes())), 0x6b)),
        (
            "a comparison",
            changed(
                &Message::new(
                    2,
                    all(
                        0x6e,
                        &[octet_string(it), sequence(&[octet_string("userPassword"), octet_string(it)])],
                    ),
                ),
                0x6f,
            ),
        ),
        (
            "a new password",
            vec![
                client(&extended_with(
                    "1.3.6.1.4.1.4203.1.11.1",
                    &String::from_utf8_lossy(&sequence(&[
                        tlv(0x80, b"uid=app"),
                        tlv(0x81, it.as_bytes()),
                        tlv(0x82, it.as_bytes()),
                    ])),
                )),
                server(&extended_result(2, 0)),
            ],
        ),
        ("an extended operation", vec![client(&extended_with(it, it)), server(&extended_result(2, 2))]),
        (
            "an answer's name",
            vec![
                client(&extended(2, WHO_AM_I)),
                server(&Message::new(
                    2,
                    all(
                        0x78,
                        &[
                            enumerated(0),
                            octet_string(""),
                            octet_string(it),
                            tlv(0x8a, it.as_bytes()),
                            tlv(0x8b, it.as_bytes()),
                        ],
                    ),
                )),
            ],
        ),
        (
            "an intermediate answer",
            vec![
                client(&search(2)),
                server(&Message::new(2, all(0x79, &[tlv(0x80, it.as_bytes()), tlv(0x81, it.as_bytes())]))),
                server(&search_done(2, 0)),
            ],
        ),
        ("a control", searched(&search(2).control(it, it.as_bytes()))),
        ("a control's value", searched(&search(2).control("1.2.840.113556.1.4.319", it.as_bytes()))),
        (
            "whose authority is used",
            searched(&search(2).control("2.16.840.1.113730.3.4.18", format!("dn:{it}").as_bytes())),
        ),
        ("an operation that is none", vec![(ToServer, Message::new(2, tlv(0x7e, it.as_bytes())).octets())]),
        ("an answer to nothing", vec![server(&result_saying(77, 0x65, 0, it))]),
        (
            "a notice of disconnection",
            vec![server(&Message::new(
                0,
                all(
                    0x78,
                    &[
                        enumerated(52),
                        octet_string(""),
                        octet_string(it),
                        tlv(0x8a, b"1.3.6.1.4.1.1466.20036"),
                    ],
                ),
            ))],
        ),
        (
            "octets behind StartTLS",
            vec![
                client(&extended(2, START_TLS)),
                (ToServer, it.as_bytes().to_vec()),
                server(&extended_result(2, 0)),
                (ToServer, it.as_bytes().to_vec()),
            ],
        ),
        (
            "what is no LDAP at all",
            vec![(ToServer, format!("PASS {it}\r\n").into_bytes()), (ToClient, it.as_bytes().to_vec())],
        ),
        (
            "a message of impossible length",
            vec![(ToServer, [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], it.as_bytes()].concat())],
        ),
        ("a PROXY header", vec![(ToServer, format!("PROXY TCP4 {it} 127.0.0.1 1 2\r\n").into_bytes())]),
    ]
}

/// Places that `identities: full` shows, because that is what it is for.
const IDENTITIES: [&str; 1] = ["a password where a name belongs"];

/// All that is said in one place, whole or behind a bind and a search.
fn records(said: &[Said], behind_a_bind: bool) -> Vec<Record> {
    let before = [client(&bind(1, "cn=app", "x")), server(&bind_result(1, 0))];
    let before = before.into_iter().filter(|_| behind_a_bind);
    let all = before.chain(said.iter().cloned()).enumerate();
    all.map(|(index, (direction, octets))| Record { direction, octets, at: 1000 * index as u64 }).collect()
}

#[test]
fn a_secret_is_said_nowhere() {
    let mut shown = 0;
    for setting in every_setting(&["off", "hmac", "full"]) {
        let mut envoy = FakeEnvoy::new(module).configure(setting.to_string()).expect("a setting");
        let full = setting["events"]["identities"] == "full";
        for (place, conversation) in places() {
            for behind_a_bind in [false, true] {
                let whole = records(&conversation, behind_a_bind);
                for records in [octet_by_octet(&whole), whole] {
                    let said = said(&mut envoy, "ldap", &records);
                    let is_said = SECRET.is_in(&said);
                    shown += usize::from(is_said);
                    let may_be = full && IDENTITIES.contains(&place);
                    assert!(!is_said || may_be, "{place}, {setting}: {said}");
                }
            }
        }
        assert!(!SECRET.is_in(&statistics(&mut envoy)), "{setting}");
    }
    assert!(shown > 0, "a name that may be shown was found: this test can find what it looks for");
}
