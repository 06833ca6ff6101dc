//! Conversations that have something for every metric of a filter.

use anyhow::Result;

use super::ber::{integer, tlv};
use super::bridge::Bridge;
use super::directory::{farewell, login, lookup};
use super::mail::{HELLO, MAIL, QUIT, REPORT};
use super::messages::{
    Message, START_TLS, bind_result, entry, extended, extended_result, sasl, search, search_done,
};
use super::sasl::sealed;
use super::script::Script;
use super::wire::End;

/// For SMTP.
pub(crate) fn of_mail(bridge: &Bridge, listener: &str) -> Result<()> {
    let mut wire = bridge.open(listener)?;
    // The greeting comes first here, so that nothing is ahead of its turn.
    wire.say(End::Client, b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 25\r\n")?;
    wire.talk(HELLO)?;
    wire.talk(
        "C: STARTTLS
         S: 454 4.7.0 not now
         C: AUTH PLAIN
         S: 334
         C: AGFsaWNlAHNlY3JldA==
         S: 235 2.7.0 welcome
         C: MAIL FROM:<alice@client.example> SIZE=100 BODY=8BITMIME
         S: 250 2.1.0 sender is fine
         C: RCPT TO:<nobody@mx.example>
         S: 550 5.1.1 no such user
         C: RSET
         S: 250 2.0.0 forgotten",
    )?;
    wire.talk(MAIL)?;
    wire.talk(REPORT)?;
    wire.talk(
        "S: 250 2.0.0 unasked
         C: NOOP",
    )?;
    wire.close(End::Client)?;

    let mut local = bridge.open(listener)?;
    local.talk(
        "S: 220 mx.example LMTP
         C: LHLO client.example
         S: 250 mx.example
         C: MAIL FROM:<alice@client.example>
         S: 250 2.1.0 sender is fine
         C: RCPT TO:<bob@mx.example>
         S: 250 2.1.5 recipient is fine
         C: RCPT TO:<carol@mx.example>
         S: 250 2.1.5 recipient is fine
         C: DATA
         S: 354 go on
         C: Subject: lunch
         C: .
         S: 250 2.0.0 bob has it
         S: 452 4.2.2 carol's mailbox is full",
    )?;
    local.talk(QUIT)?;
    local.close(End::Server)
}

/// For LDAP.
pub(crate) fn of_a_directory(bridge: &Bridge, listener: &str) -> Result<()> {
    const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
    let mut wire = bridge.open(listener)?;
    wire.say(End::Client, b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 389\r\n")?;
    wire.play(&login())?;
    wire.play(&lookup(2))?;
    wire.play(
        &Script::new()
            .asks(&search(3).control(PAGED_RESULTS, b"\x30\x05\x02\x01\x0a\x04\x00"))
            .answers(&entry(3, 200))
            .answers(&search_done(3, 4))
            .asks(&extended(4, START_TLS))
            .answers(&extended_result(4, 52))
            // No search that anybody could understand, and a number that no request has.
            .asks(&Message::new(-1, tlv(0x63, &integer(7))))
            .answers(&search_done(-1, 2))
            .asks(&search(6)),
    )?;
    wire.play(&farewell())?;
    wire.close(End::Client)?;

    let mut sealing = bridge.open(listener)?;
    sealing.play(
        &Script::new()
            .asks(&sasl(1, "GSSAPI", b"token"))
            .answers(&bind_result(1, 14))
            .asks(&sasl(2, "GSSAPI", b"another token"))
            .answers(&bind_result(2, 0))
            .says(End::Client, &sealed(100))
            .says(End::Server, &sealed(1_000)),
    )?;
    sealing.close(End::Server)
}
