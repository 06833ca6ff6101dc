//! What passes: good mails and logins, and what alerts are for.

use anyhow::Result;

use crate::both_ends::bridge::Bridge;
use crate::both_ends::everything;
use crate::both_ends::mail::{HELLO, QUIT};
use crate::both_ends::messages::{bind, bind_result, search, search_done};
use crate::both_ends::script::Script;
use crate::both_ends::wire::End;

/// The listener with the smtp-filter.
pub(crate) const MAIL: &str = "mail";
/// The listener with the ldap-filter.
pub(crate) const DIRECTORY: &str = "directory";

/// A client hello, as far as anybody reads it.
const CLIENT_HELLO: &[u8] = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00";

/// Plays one round.
pub(crate) fn play(bridge: &Bridge) -> Result<()> {
    refused_mails(bridge)?;
    encrypted_mail(bridge)?;
    everything::of_mail(bridge, MAIL)?;
    failed_logins(bridge)?;
    everything::of_a_directory(bridge, DIRECTORY)
}

/// A login fails; mails are greylisted, refused for a policy and for want of room; and an end of a mail that only some servers see.
fn refused_mails(bridge: &Bridge) -> Result<()> {
    let mut wire = bridge.open(MAIL)?;
    wire.talk(HELLO)?;
    wire.talk(
        "C: AUTH PLAIN AGFsaWNlAGd1ZXNz
         S: 535 5.7.8 no
         C: MAIL FROM:<alice@client.example>
         S: 250 2.1.0 sender is fine
         C: RCPT TO:<bob@mx.example>
         S: 451 4.7.1 greylisted
         C: RCPT TO:<carol@mx.example>
         S: 452 4.3.1 no room
         C: RSET
         S: 250 2.0.0 forgotten
         C: MAIL FROM:<alice@client.example>
         S: 250 2.1.0 sender is fine
         C: RCPT TO:<bob@mx.example>
         S: 250 2.1.5 recipient is fine
         C: DATA
         S: 354 go on",
    )?;
    wire.say(End::Client, b"Subject: two\n.\nMAIL FROM:<mallory@client.example>\r\n.\r\n")?;
    wire.talk("S: 554 5.7.1 refused")?;
    wire.talk(QUIT)?;
    wire.close(End::Server)
}

/// STARTTLS is accepted, with a command injected behind it, and the rest is out of sight.
fn encrypted_mail(bridge: &Bridge) -> Result<()> {
    let mut wire = bridge.open(MAIL)?;
    wire.talk(HELLO)?;
    wire.say(End::Client, b"STARTTLS\r\nNOOP\r\n")?;
    wire.talk("S: 220 2.0.0 go ahead")?;
    wire.say(End::Client, CLIENT_HELLO)?;
    wire.close(End::Client)
}

/// A wrong password, a locked account, and a directory that is busy.
fn failed_logins(bridge: &Bridge) -> Result<()> {
    let mut wire = bridge.open(DIRECTORY)?;
    wire.play(
        &Script::new()
            .asks(&bind(1, "cn=app,dc=example", "guess"))
            .answers(&bind_result(1, 49))
            .asks(&bind(2, "cn=app,dc=example", "guess"))
            .answers(&bind_result(2, 53))
            .asks(&search(3))
            .answers(&search_done(3, 51)),
    )?;
    wire.close(End::Client)
}
