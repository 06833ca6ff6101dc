//! What client and server say in most of the tests of SMTP.

use super::everything;
use super::modules::Module;
use super::script::Script;
use super::subject::Subject;

/// The smtp-filter.
pub(crate) static SMTP: Subject = Subject {
    name: "smtp",
    module: Module::Smtp,
    largest: 300_000,
    opening: || Script::lines(HELLO),
    login: || Script::lines(AUTH),
    logged_in: "*_auth_total{outcome=succeeded}",
    exchange: || Script::lines(MAIL),
    exchanged: "*_transactions_total{outcome=accepted}",
    exchanged_detailed: "*_reply_codes_total{code=354}",
    poison: || Script::lines(REPORT),
    farewell: || Script::lines(QUIT),
    farewell_ending: "quit",
    silent: Some("*_greetings_missing_total"),
    limits: r#"{"max_pending_commands": 16}"#,
    upsetting: || b"NOOP\r\n".repeat(17),
    mistaken_limit: (
        r#"{"limits": {"max_command_line": 1}}"#,
        "limits.max_command_line: 1 is not a whole number from 512 to 65536",
    ),
    opening_events: 0,
    identity: "sender",
    everything: everything::of_mail,
};

/// Greeting and EHLO.
pub(crate) const HELLO: &str = "
    S: 220 mx.example ESMTP
    C: EHLO client.example
    S: 250-mx.example
    S: 250 PIPELINING";

/// A client logs in.
pub(crate) const AUTH: &str = "
    C: AUTH PLAIN AGFsaWNlAHNlY3JldA==
    S: 235 2.7.0 welcome";

/// A mail that is accepted.
pub(crate) const MAIL: &str = "
    C: MAIL FROM:<alice@client.example>
    S: 250 2.1.0 sender is fine
    C: RCPT TO:<bob@mx.example>
    S: 250 2.1.5 recipient is fine
    C: DATA
    S: 354 go on
    C: Subject: lunch
    C:
    C: ..at noon
    C: .
    S: 250 2.0.0 taken";

/// A mail with the null sender: a delivery report.
pub(crate) const REPORT: &str = "
    C: MAIL FROM:<>
    S: 250 2.1.0 sender is fine
    C: RCPT TO:<alice@client.example>
    S: 250 2.1.5 recipient is fine
    C: DATA
    S: 354 go on
    C: Subject: could not be delivered
    C:
    C: sorry
    C: .
    S: 250 2.0.0 taken";

/// The client says goodbye.
pub(crate) const QUIT: &str = "
    C: QUIT
    S: 221 2.0.0 bye";
