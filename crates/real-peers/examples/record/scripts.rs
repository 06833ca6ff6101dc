//! The scripted client's part of the conversations that no real client would hold.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use real_peers::mail::conversation::Sent;
use real_peers::mail::rules::{GREYLISTED, MESSAGE_SIZE_LIMIT, UNKNOWN_USER};
use real_peers::mail::{Conversation, Mail};

const MAIL: &str = "MAIL FROM:<app@client.test>";
const RCPT: &str = "RCPT TO:<alice@good.test>";

fn introduced(server: SocketAddr) -> Result<Conversation> {
    let mut client = Conversation::greeted(server)?;
    client.command_expecting("EHLO app.client.test", 250)?;
    Ok(client)
}

/// One mail by DATA, and QUIT.
fn one_mail(mut client: Conversation) -> Result<Option<Sent>> {
    client.command_expecting(MAIL, 250)?;
    client.command_expecting(RCPT, 250)?;
    client.command_expecting("DATA", 354)?;
    client.message(&message())?;
    client.expect(250)?;
    client.quit().map(Some)
}

fn message() -> Vec<u8> {
    Mail::new("app@client.test", ["alice@good.test"], "hello\n.\n..two dots\nthe end").message
}

pub(crate) fn pipelining(server: SocketAddr) -> Result<Option<Sent>> {
    let mut client = introduced(server)?;
    client.pipeline([MAIL, RCPT, &format!("RCPT TO:<{UNKNOWN_USER}>"), "DATA"])?;
    client.expect_all([250, 250, 550, 354])?;
    client.message(&message())?;
    // A client that does not wait for the verdict on the first mail.
    client.pipeline(["RSET", MAIL, &format!("RCPT TO:<{GREYLISTED}>"), "DATA", "QUIT"])?;
    client.expect_all([250, 250, 250, 450, 554, 221])?;
    client.read_to_end()?;
    Ok(Some(client.sent().clone()))
}

pub(crate) fn auth_rounds(server: SocketAddr) -> Result<Option<Sent>> {
    let mut client = introduced(server)?;
    // base64 of tester@good.test and of a wrong password.
    client.command_expecting("AUTH LOGIN", 334)?;
    client.send(b"dGVzdGVyQGdvb2QudGVzdA==\r\n")?;
    client.expect(334)?;
    client.send(b"d3Jvbmc=\r\n")?;
    client.expect(535)?;
    // Cancelled.
    client.command_expecting("AUTH LOGIN", 334)?;
    client.send(b"*\r\n")?;
    client.expect(501)?;
    // base64 of NUL tester@good.test NUL secret.
    client.command_expecting("AUTH PLAIN", 334)?;
    client.send(b"AHRlc3RlckBnb29kLnRlc3QAc2VjcmV0\r\n")?;
    client.expect(235)?;
    client.quit().map(Some)
}

pub(crate) fn starttls_refused(server: SocketAddr) -> Result<Option<Sent>> {
    let mut client = introduced(server)?;
    client.command_expecting("STARTTLS", 454)?;
    one_mail(client)
}

pub(crate) fn xclient(server: SocketAddr) -> Result<Option<Sent>> {
    let mut client = introduced(server)?;
    client.command_expecting("XCLIENT ADDR=192.0.2.7 NAME=far.client.test", 220)?;
    client.command_expecting("EHLO far.client.test", 250)?;
    one_mail(client)
}

pub(crate) fn size_and_syntax(server: SocketAddr) -> Result<Option<Sent>> {
    let mut client = introduced(server)?;
    client.command_expecting(&format!("{MAIL} SIZE={}", MESSAGE_SIZE_LIMIT + 1), 552)?;
    client.command_expecting("MAIL FROM app@client.test", 501)?;
    client.command_expecting(RCPT, 503)?;
    client.command_expecting("NONSENSE", 500)?;
    client.quit().map(Some)
}

pub(crate) fn left_in_content(server: SocketAddr) -> Result<Option<Sent>> {
    let mut client = introduced(server)?;
    client.command_expecting(MAIL, 250)?;
    client.command_expecting(RCPT, 250)?;
    client.command_expecting("DATA", 354)?;
    client.send(b"Subject: cut off\r\n\r\nthe first lin")?;
    client.shutdown_write()?;
    ensure!(client.read_to_end()?.is_empty(), "the server had something to say");
    Ok(Some(client.sent().clone()))
}

fn behind_proxy(server: SocketAddr, header: &[u8]) -> Result<Option<Sent>> {
    let mut client = Conversation::connect(server)?;
    client.send(header)?;
    client.expect(220)?;
    client.command_expecting("EHLO app.client.test", 250)?;
    one_mail(client)
}

pub(crate) fn proxy_v1(server: SocketAddr) -> Result<Option<Sent>> {
    behind_proxy(server, b"PROXY TCP4 192.0.2.7 192.0.2.8 40000 25\r\n")
}

pub(crate) fn proxy_v2(server: SocketAddr) -> Result<Option<Sent>> {
    // Version 2, PROXY, TCP over IPv4, 12 octets of addresses: 192.0.2.7:40000 to 192.0.2.8:25.
    behind_proxy(server, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x08\x9c\x40\0\x19")
}

pub(crate) fn bdat_chunks(server: SocketAddr) -> Result<Option<Sent>> {
    let mut client = introduced(server)?;
    client.command_expecting(MAIL, 250)?;
    client.command_expecting(RCPT, 250)?;
    let message = message();
    let (first, second) = message.split_at(50);
    for (chunk, last) in [(first, false), (second, false), (&[][..], true)] {
        let reply = client.bdat(chunk, last)?;
        ensure!(reply.code == 250, "{reply}");
    }
    client.quit().map(Some)
}

pub(crate) fn starttls_breaks_off(server: SocketAddr) -> Result<Option<Sent>> {
    let mut client = introduced(server)?;
    client.command_expecting("STARTTLS", 220)?;
    ensure!(client.handshake().is_err(), "its TLS works after all");
    Ok(Some(client.sent().clone()))
}

pub(crate) fn lmtp_data(server: SocketAddr) -> Result<Option<Sent>> {
    let mut client = Conversation::greeted(server)?;
    client.command_expecting("LHLO app.client.test", 250)?;
    client.command_expecting(MAIL, 250)?;
    client.command_expecting(RCPT, 250)?;
    client.command_expecting(&format!("RCPT TO:<{UNKNOWN_USER}>"), 550)?;
    client.command_expecting(&format!("RCPT TO:<{GREYLISTED}>"), 250)?;
    client.command_expecting("RCPT TO:<bob@good.test>", 250)?;
    client.command_expecting("DATA", 354)?;
    client.message(&message())?;
    client.expect_all([250, 451, 250])?;
    client.quit().map(Some)
}
