//! STARTTLS and its relatives.

use smtp_filter::SmtpLimits;

use crate::support::{Setup, greeted};

#[test]
fn after_220_both_directions_are_opaque() {
    let seen = greeted("C: STARTTLS\nS: 220 2.0.0 Ready")
        .client(b"\x16\x03\x01\x02\x00QUIT\r\n")
        .server(b"\x16\x03\x03\x00250 OK\r\n")
        .counts(
            "commands_total{verb=STARTTLS} 1
             commands_total{verb=QUIT} 0
             replies_total{verb=STARTTLS,class=2xx} 1
             starttls_total{outcome=accepted} 1
             smuggled_octets_total 0
             unmatched_replies_total 0",
        );
    let opaque = seen.events.iter().find(|event| event.starts_with("WentOpaque")).expect("opaque");
    assert!(opaque.contains("Starttls") && opaque.contains("anomaly: None"), "{opaque}");
}

#[test]
fn a_plaintext_421_may_still_follow() {
    greeted("C: STARTTLS\nS: 220 Ready\nS: 421 4.7.0 TLS failed").counts(
        "starttls_total{outcome=accepted} 1
         unmatched_replies_total 0
         closing_replies_total 0",
    );
}

#[test]
fn a_refused_starttls_stays_in_clear_text() {
    greeted("C: STARTTLS\nS: 454 4.3.0 Not now\nC: NOOP\nS: 250 OK").counts(
        "starttls_total{outcome=refused} 1
         replies_total{verb=STARTTLS,class=4xx} 1
         replies_total{verb=NOOP,class=2xx} 1",
    );
}

#[test]
fn what_stands_behind_starttls_before_its_220_is_injected() {
    greeted("C: STARTTLS\nC: MAIL FROM:<evil@b>\nC~ RSE\nS: 220 Ready").client(b"\x16\x03\x01").counts(
        "smuggled_octets_total 23
         smuggled_connections_total 1
         starttls_total{outcome=accepted} 1
         commands_total{verb=MAIL} 0
         transactions_started_total 0
         anomalies_total{kind=smuggled_behind_starttls} 1",
    );
}

#[test]
fn behind_a_refused_starttls_it_was_pipelined() {
    greeted("C: STARTTLS\nC: MAIL FROM:<a@b>\nC~ RSE\nS: 502 no\nS: 250 OK\nC~ T\\r\\n\nS: 250 OK").counts(
        "smuggled_octets_total 0
         starttls_total{outcome=refused} 1
         commands_total{verb=MAIL} 1
         commands_total{verb=RSET} 1
         transactions_total{outcome=reset} 1
         unmatched_replies_total 0",
    );
}

#[test]
fn too_much_behind_starttls_loses_the_framing() {
    let limits: SmtpLimits = serde_json::from_str(r#"{"max_undecided_octets": 512}"#).expect("limits");
    greeted("C: STARTTLS").client(&b"NOOP\r\n".repeat(200)).with(Setup::limited(limits)).counts(
        "smuggled_octets_total 512
         starttls_total{outcome=unanswered} 1
         unanswered_commands_total 1
         commands_total{verb=NOOP} 0
         anomalies_total{kind=smuggled_behind_starttls} 1
         anomalies_total{kind=undecided_too_long} 1",
    );
}

#[test]
fn exchange_has_a_verb_of_its_own() {
    greeted("C: X-ANONYMOUSTLS\nS: 220 Ready").client(b"\x16\x03\x01QUIT\r\n").counts(
        "commands_total{verb=X-ANONYMOUSTLS} 1
         replies_total{verb=STARTTLS,class=2xx} 1
         starttls_total{outcome=accepted} 1
         commands_total{verb=QUIT} 0",
    );
}

#[test]
fn an_unanswered_starttls_is_counted() {
    greeted("C: STARTTLS").counts("starttls_total{outcome=unanswered} 1\nunanswered_commands_total 1");
}

#[test]
fn a_transaction_that_starttls_interrupts_has_no_known_end() {
    greeted("C: MAIL FROM:<a@b>\nS: 250 OK\nC: STARTTLS\nS: 220 Ready")
        .counts("transactions_total{outcome=unknown} 1");
}
