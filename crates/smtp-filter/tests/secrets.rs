//! What a client or a server says in confidence is in no log line, statistic or filter state, wherever they put it and
//! under every setting.

#[path = "support/mod.rs"]
mod support;

use data_encoding::BASE64;
use envoy_sdk_test::FakeEnvoy;
use session_test::cutting::{coalesced, octet_by_octet};
use session_test::secrets::{Secret, every_setting, said, statistics};
use smtp_filter::module;
use support::{greeted, talk};

const SECRET: Secret = Secret("Hunter2-marked");

/// Where a secret can stand. `{}` is the secret, `{64}` the same in base64, `{plain}` a name and it as AUTH PLAIN has them.
const PLACES: &[(&str, &str)] = &[
    ("AUTH PLAIN at once", "C: AUTH PLAIN {plain}\nS: 235 2.7.0 ok"),
    ("AUTH PLAIN refused", "C: AUTH PLAIN {plain}\nS: 535 5.7.8 no"),
    ("AUTH PLAIN when asked", "C: AUTH PLAIN\nS: 334 \nC: {plain}\nS: 235 ok"),
    (
        "AUTH LOGIN",
        "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dXNlcg==\nS: 334 UGFzc3dvcmQ6\nC: {64}\nS: 235 ok",
    ),
    (
        "AUTH LOGIN, not in base64",
        "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: user\nS: 334 UGFzc3dvcmQ6\nC: {}\nS: 535 no",
    ),
    ("a token", "C: AUTH XOAUTH2 {64}\nS: 334 {64}\nC: \nS: 535 5.7.8 no"),
    ("AUTH with an unknown mechanism", "C: AUTH {} {64}\nS: 504 5.5.4 what?"),
    ("behind a cancelled AUTH", "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: *\nS: 501 ok\nC: {64}\nS: 500 what?"),
    (
        "AUTH in the middle of a mail",
        "C: MAIL FROM:<a@b.example>\nS: 250 ok\nC: AUTH PLAIN {plain}\nS: 503 no",
    ),
    ("AUTH sent ahead", "C: AUTH PLAIN {plain}\nC: {64}\nC: {}\nS: 535 no\nS: 500 what?\nS: 500 what?"),
    ("a line that is no command", "C: {}\nS: 500 5.5.1 what?"),
    ("a verb's argument", "C: NOOP {}\nS: 250 ok"),
    ("VRFY", "C: VRFY {}\nS: 252 perhaps"),
    ("EXPN", "C: EXPN {}\nS: 250 {}@b.example"),
    ("an unknown command's argument", "C: XCLIENT LOGIN={}\nS: 500 what?"),
    ("the greeting of a client", "C: EHLO {}\nS: 250 hello {}"),
    ("an unknown keyword", "C: EHLO c.example\nS: 250-mx\nS: 250 X-{}"),
    ("a parameter of MAIL", "C: MAIL FROM:<a@b.example> AUTH={} ENVID={}\nS: 250 ok"),
    (
        "a parameter of RCPT",
        "C: MAIL FROM:<a@b.example>\nS: 250 ok\nC: RCPT TO:<c@d.example> ORCPT=rfc822;{}\nS: 250 ok",
    ),
    ("a path that is none", "C: MAIL FROM:{}\nS: 501 5.1.7 what?"),
    ("text of a reply", "C: NOOP\nS: 250 {}"),
    (
        "text of a refusal",
        "C: MAIL FROM:<a@b.example>\nS: 250 ok\nC: RCPT TO:<c@d.example>\nS: 550 5.1.1 {} is unknown",
    ),
    ("a reply that is none", "C: NOOP\nS: {}"),
    ("a reply that nobody asked for", "S: 250 {}"),
    (
        "a body",
        "C: MAIL FROM:<a@b.example>\nS: 250 ok\nC: RCPT TO:<c@d.example>\nS: 250 ok\nC: DATA\nS: 354 go\n\
      C: Subject: {}\nC:\nC: {}\nC: ..{64}\nC: .\nS: 250 2.0.0 queued as {}",
    ),
    (
        "a body that is refused",
        "C: MAIL FROM:<a@b.example>\nS: 250 ok\nC: RCPT TO:<c@d.example>\nS: 250 ok\nC: DATA\n\
      S: 354 go\nC: {}\nC: .\nS: 554 5.7.1 {} looks like a password",
    ),
    (
        "a body that breaks off",
        "C: MAIL FROM:<a@b.example>\nS: 250 ok\nC: RCPT TO:<c@d.example>\nS: 250 ok\nC: DATA\n\
      S: 354 go\nC~ {}",
    ),
    (
        "a chunk",
        "C: MAIL FROM:<a@b.example>\nS: 250 ok\nC: RCPT TO:<c@d.example>\nS: 250 ok\nC: BDAT 14 LAST\nC~ {}\nS: 250 ok",
    ),
    ("a size of a chunk", "C: MAIL FROM:<a@b.example>\nS: 250 ok\nC: BDAT {} LAST\nS: 501 what?"),
    ("octets behind STARTTLS", "C: STARTTLS\nC: AUTH PLAIN {plain}\nS: 220 go on\nC~ {}"),
    ("STARTTLS refused", "C: STARTTLS\nC: AUTH PLAIN {plain}\nS: 454 later\nS: 535 no"),
    ("an endless line", "C~ AUTH PLAIN {long}\nC: {}\nS: 500 5.5.6 too long"),
    ("an endless reply", "C: NOOP\nS~ 250 {long}\nS: {}"),
    ("a PROXY header", "C: PROXY TCP4 {} 127.0.0.1 1 2"),
    ("what is no SMTP at all", "S~ \\x00\\x01{}\\xff\\r\\n"),
    ("an HTTP request", "C: POST / HTTP/1.1\nC: Authorization: Basic {64}"),
    (
        "a local part",
        "C: MAIL FROM:<{}@b.example>\nS: 250 ok\nC: RCPT TO:<{}@d.example>\nS: 250 ok\nC: DATA\nS: 354 go\nC: .\nS: 250 ok",
    ),
    (
        "an address without a domain",
        "C: MAIL FROM:<{}>\nS: 250 ok\nC: RCPT TO:<@{}>\nS: 250 ok\nC: DATA\nS: 354 go\nC: .\nS: 250 ok",
    ),
];

/// Places that `identities: full` shows, because that is what it is for.
const IDENTITIES: [&str; 3] = ["a local part", "an address without a domain", "a path that is none"];

fn filled(text: &str) -> String {
    let plain = BASE64.encode(format!("\0user\0{}", SECRET.0).as_bytes());
    let long = format!("{} ", SECRET.0).repeat(20_000);
    text.replace("{plain}", &plain)
        .replace("{64}", &BASE64.encode(SECRET.0.as_bytes()))
        .replace("{long}", &long)
        .replace("{}", SECRET.0)
}

#[test]
fn a_secret_is_said_nowhere() {
    let mut shown = 0;
    for setting in every_setting(&["off", "domain", "hmac", "full"]) {
        let mut envoy = FakeEnvoy::new(module).configure(setting.to_string()).expect("a setting");
        let full = setting["events"]["identities"] == "full";
        for (place, text) in PLACES {
            let text = filled(text);
            // At the start of a connection, or behind the greetings.
            for conversation in [talk(&text), greeted(&text)] {
                for cut in [coalesced, octet_by_octet] {
                    // An endless line cut into octets says nothing that it does not say whole.
                    let records = if text.len() > 10_000 {
                        conversation.records().to_vec()
                    } else {
                        cut(conversation.records())
                    };
                    let said = said(&mut envoy, "smtp", &records);
                    let is_said = SECRET.is_in(&said);
                    shown += usize::from(is_said);
                    let may_be = full && IDENTITIES.contains(place);
                    assert!(!is_said || may_be, "{place}, {setting}: {said}");
                }
            }
        }
        assert!(!SECRET.is_in(&statistics(&mut envoy)), "{setting}");
    }
    assert!(shown > 0, "a name that may be shown was found: this test can find what it looks for");
}
