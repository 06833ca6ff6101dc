//! How the client's leg is protected.

use anyhow::{Result, ensure};
use envoy_runner::{Listener, StartOptions, Upstream};
use filterctl::demo::smtp_server::{Certificate, Rules, SmtpServer};
use real_peers::mail::Conversation;
use serde_json::json;

use crate::Test;
use crate::bridge::{self, Bridge};
use crate::counts;
use crate::ground::Ground;
use crate::mail::{HELLO, MAIL, QUIT};
use crate::tls::Authority;
use crate::wire::{End, Wire};

pub(crate) const TESTS: &[Test] = &[
    ("transport: a listener that ends TLS", ended_here),
    ("transport: STARTTLS", starttls),
    ("transport: TLS that is not ended here", not_ended_here),
];

const AUTH: &str = "
    C: AUTH PLAIN AGFsaWNlAHNlY3JldA==
    S: 235 2.7.0 welcome";

fn ended_here(ground: &Ground) -> Result<()> {
    let authority = Authority::new()?;
    for (mutual, transport) in [(false, "tls"), (true, "mtls")] {
        let tls = authority.listener(&ground.folder, mutual)?;
        let filter = ground.smtp(&json!({"reporter": "gateway"}))?;
        let bridge = Bridge::start(ground, |upstream| {
            Ok(vec![Listener::new("mail", upstream.clone()).filter(filter).tls(tls)])
        })?;
        let socket = bridge.connect("mail")?;
        let client = authority.client(socket.try_clone()?, mutual)?;
        let mut wire = Wire::new(Box::new(client), socket, bridge.accept()?)?;
        wire.talk(HELLO)?;
        wire.talk(AUTH)?;
        wire.talk(MAIL)?;
        wire.talk(QUIT)?;
        wire.close(End::Server)?;
        bridge.counts(&format!(
            "smtp_connections_total{{visibility=parsed,transport={transport}}} 1
             smtp_connections_total 1
             smtp_auth_total{{outcome=succeeded,transport={transport}}} 1
             smtp_auth_total 1
             smtp_transactions_total{{outcome=accepted}} 1
             smtp_connections_closed_total{{ending=quit}} 1"
        ))?;
        bridge.envoy.stop()?;
    }
    Ok(())
}

fn starttls(ground: &Ground) -> Result<()> {
    let server = SmtpServer::start(Rules::default(), &Certificate::for_host("mx.example")?)?;
    let filter = ground.smtp(&json!({"reporter": "gateway"}))?;
    let upstream = Upstream::new("127.0.0.1", server.address().port());
    let listener = Listener::new("mail", upstream).filter(filter);
    let envoy = bridge::start(ground, &StartOptions::default(), vec![listener])?;
    let mut client = Conversation::greeted(envoy.address("mail")?)?;
    client.command_expecting("EHLO client.example", 250)?;
    client.starttls()?;
    client.command_expecting("EHLO client.example", 250)?;
    client.command_expecting("MAIL FROM:<alice@client.example>", 250)?;
    client.command_expecting("RCPT TO:<bob@mx.example>", 250)?;
    client.command_expecting("DATA", 354)?;
    client.message(b"Subject: lunch\r\n\r\nat noon\r\n")?;
    client.expect(250)?;
    client.quit()?;
    ensure!(server.tally().starttls.transactions_accepted == 1);
    let scrape = counts::wait(
        &envoy,
        "smtp_connections_total{visibility=starttls,transport=starttls} 1
         smtp_connections_total 1
         smtp_starttls_total{outcome=accepted} 1
         smtp_commands_total{verb=EHLO} 1
         smtp_commands_total{verb=STARTTLS} 1
         smtp_commands_total 2
         smtp_transactions_started_total 0
         smtp_anomalies_total 0
         smtp_smuggled_octets_total 0",
    )?;
    // What is not seen is counted as not seen, to the last octet.
    let tally = server.tally();
    for (direction, octets) in [("to_server", tally.octets_received), ("to_client", tally.octets_sent)] {
        let series = format!("smtp_bytes_total{{direction={direction}}}");
        ensure!(counts::count(&scrape, &series) == octets as f64, "{direction}: the server counted {octets}");
        let hidden = format!("smtp_bytes_total{{direction={direction},visibility=starttls}}");
        ensure!(counts::count(&scrape, &hidden) > 0.0, "{direction}");
    }
    envoy.stop()?;
    Ok(())
}

fn not_ended_here(ground: &Ground) -> Result<()> {
    /// The beginning of a TLS 1.2 handshake record with a client hello, as RFC 5246, sections 6.2.1 and 7.4 have it.
    const HELLO_RECORD: &[u8] = b"\x16\x03\x01\x00\x2a\x01\x00\x00\x26\x03\x03";
    let filter = ground.smtp(&json!({"reporter": "gateway"}))?;
    let bridge =
        Bridge::start(ground, |upstream| Ok(vec![Listener::new("mail", upstream.clone()).filter(filter)]))?;
    let mut wire = bridge.open("mail")?;
    wire.say(End::Client, HELLO_RECORD)?;
    wire.say(End::Client, &[7; 34])?;
    wire.say(End::Server, b"\x16\x03\x03\x00\x02\x02\x00")?;
    wire.close(End::Client)?;
    // The two octets that gave it away were looked at.
    bridge.counts(
        "smtp_connections_total{visibility=tls,transport=plain} 1
         smtp_connections_total 1
         smtp_bytes_total{direction=to_server,visibility=parsed} 2
         smtp_bytes_total{direction=to_server,visibility=tls} 43
         smtp_bytes_total{direction=to_client,visibility=tls} 7
         smtp_commands_total 0",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}
