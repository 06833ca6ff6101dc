//! What client and server say in most of the tests.

/// Greeting and EHLO.
pub(crate) const HELLO: &str = "
    S: 220 mx.example ESMTP
    C: EHLO client.example
    S: 250-mx.example
    S: 250 PIPELINING";

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
