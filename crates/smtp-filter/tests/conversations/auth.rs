//! AUTH exchanges.

use session_driver::Transport;
use smtp_filter::SmtpLimits;

use crate::support::{Setup, greeted};

#[test]
fn login_takes_two_rounds_and_the_session_goes_on() {
    let seen = greeted(
        "C: AUTH LOGIN
         S: 334 VXNlcm5hbWU6
         C: dGVzdA==
         S: 334 UGFzc3dvcmQ6
         C: dGVzdA==
         S: 235 2.7.0 OK
         C: MAIL FROM:<a@b>
         S: 250 OK
         C: RSET
         S: 250 OK",
    )
    .over(Transport::Tls)
    .counts(
        "commands_total{verb=AUTH} 1
         commands_total{verb=other} 0
         replies_total{verb=AUTH,class=3xx} 1
         replies_total{verb=auth_data,class=3xx} 1
         replies_total{verb=auth_data,class=2xx} 1
         auth_total{outcome=succeeded,transport=tls} 1
         auth_mechanisms_total{mechanism=LOGIN,outcome=succeeded,transport=tls} 1
         transactions_total{outcome=reset} 1",
    );
    assert_eq!(seen.histogram("auth_round_latency_microseconds"), [1_000, 1_000, 1_000]);
    assert_eq!(seen.histogram("auth_duration_microseconds"), [5_000]);
}

#[test]
fn an_initial_response_takes_one() {
    greeted("C: AUTH PLAIN AHRlc3QAdGVzdA==\nS: 235 2.7.0 OK\nC: QUIT\nS: 221 Bye").counts(
        "auth_total{outcome=succeeded,transport=plain} 1
         replies_total{verb=QUIT,class=2xx} 1",
    );
    greeted(
        "C: auth xoauth2 dXNlcj0=\nS: 334 eyJzdGF0dXMiOiI0MDEi\nC:\nS: 535 5.7.8 no\nC: QUIT\nS: 221 Bye",
    )
    .counts(
        "auth_mechanisms_total{mechanism=XOAUTH2,outcome=failed,transport=plain} 1
         replies_total{verb=auth_data,class=5xx} 1
         replies_total{verb=QUIT,class=2xx} 1",
    );
}

#[test]
fn lines_within_the_exchange_are_no_verbs() {
    greeted("C: AUTH LOGIN\nS: 334 a\nC: QUIT\nS: 334 b\nC: MAIL FROM:<a@b>\nS: 535 no\nC: NOOP\nS: 250 OK")
        .counts(
            "commands_total{verb=QUIT} 0
         commands_total{verb=MAIL} 0
         transactions_started_total 0
         auth_total{outcome=failed,transport=plain} 1
         replies_total{verb=NOOP,class=2xx} 1
         connections_closed_total{ending=client} 1",
        );
}

#[test]
fn a_star_cancels() {
    greeted(
        "C: AUTH CRAM-MD5\nS: 334 PDE4OTYuNjk3MTcwOTUyQHg+\nC: *\nS: 501 5.7.0 cancelled\nC: NOOP\nS: 250 OK",
    )
    .counts(
        "auth_mechanisms_total{mechanism=CRAM-MD5,outcome=cancelled,transport=plain} 1
         replies_total{verb=NOOP,class=2xx} 1",
    );
}

#[test]
fn a_refused_auth_returns_to_commands() {
    greeted("C: AUTH GSSAPI\nC: NOOP\nS: 504 no\nS: 250 OK").over(Transport::Mtls).counts(
        "auth_total{outcome=failed,transport=mtls} 1
         replies_total{verb=NOOP,class=2xx} 1
         commands_total{verb=NOOP} 1",
    );
}

#[test]
fn lines_ahead_of_their_334_are_understood_in_order() {
    greeted("C: AUTH LOGIN\nC: dGVzdA==\nC: dGVzdA==\nC: NOOP\nS: 334 a\nS: 334 b\nS: 235 OK\nS: 250 OK")
        .counts(
            "commands_total{verb=NOOP} 1
         commands_total{verb=other} 0
         auth_total{outcome=succeeded,transport=plain} 1
         replies_total{verb=NOOP,class=2xx} 1",
        );
}

#[test]
fn long_tokens_are_within_the_limits() {
    let token = "x".repeat(12_000);
    greeted(&format!("C: X-EXPS GSSAPI\nS: 334 a\nC: {token}\nS: 235 OK")).counts(
        "commands_total{verb=X-EXPS} 1
         replies_total{verb=AUTH,class=3xx} 1
         auth_total{outcome=succeeded,transport=plain} 1",
    );
    greeted(&format!("C: AUTH GSSAPI\nS: 334 a\nC: {token}{token}\nS: 500 too long\nC: NOOP\nS: 250 OK"))
        .counts(
            "auth_total{outcome=failed,transport=plain} 1
         replies_total{verb=NOOP,class=2xx} 1
         anomalies_total{kind=command_line_too_long} 1",
        );
}

#[test]
fn too_much_behind_auth_loses_the_framing() {
    let limits: SmtpLimits = serde_json::from_str(r#"{"max_undecided_octets": 512}"#).expect("limits");
    greeted("C: AUTH LOGIN").client(&[b'x'; 1_000]).with(Setup::limited(limits)).counts(
        "auth_total{outcome=unfinished,transport=plain} 1
         unanswered_commands_total 1
         anomalies_total{kind=undecided_too_long} 1",
    );
}

#[test]
fn an_exchange_may_be_left_unfinished() {
    greeted("C: AUTH LOGIN\nS: 334 a")
        .counts("auth_total{outcome=unfinished,transport=plain} 1\nunanswered_commands_total 0");
    greeted("C: AUTH LOGIN\nS: 334 a\nC: b")
        .counts("auth_total{outcome=unfinished,transport=plain} 1\nunanswered_commands_total 1");
}

#[test]
fn nothing_of_an_exchange_is_reported() {
    let seen = greeted("C: AUTH PLAIN AHNlY3JldA==\nS: 334 go\nC: c2VjcmV0\nS: 235 OK")
        .with(Setup::with_identities())
        .play();
    let all = format!("{seen:?}");
    assert!(!all.contains("AHNlY3JldA") && !all.contains("c2VjcmV0"));
}

#[test]
fn a_security_layer_seals_what_follows() {
    let seen = greeted("C: AUTH GSSAPI\nS: 334 a\nC: b\nS: 235 OK")
        .client(b"\0\0\0\x09QUIT\r\nab\n")
        .server(b"\0\0\0\x05250\r\n")
        .counts("auth_total{outcome=succeeded,transport=plain} 1\ncommands_total{verb=QUIT} 0\nunmatched_replies_total 0");
    assert!(seen.events.iter().any(|event| event.contains("SaslSealed")), "{:?}", seen.events);
    // A server may leave it at a mechanism that could.
    greeted("C: AUTH GSSAPI\nS: 334 a\nC: b\nS: 235 OK\nC: NOOP\nS: 250 OK")
        .counts("replies_total{verb=NOOP,class=2xx} 1");
    // Without a mechanism that could, it is junk.
    greeted("C: NOOP").server(b"\0\0\0\x02ab\r\n").then("S: 250 OK").counts(
        "replies_total{verb=NOOP,class=2xx} 1
         anomalies_total{kind=reply_without_code} 1",
    );
    greeted("C: AUTH PLAIN a\nS: 235 OK").client(b"\0\0\0\x02ab\r\n").then("S: 500 what").counts(
        "commands_total{verb=other} 1
         anomalies_total{kind=binary_command} 1",
    );
}
