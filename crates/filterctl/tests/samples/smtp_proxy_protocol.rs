//! smtp-proxy-protocol.yaml: Postfix and Exim see the client's address, not Envoy's.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use anyhow::{Context, Result, ensure};
use envoy_runner::EnvoyBinary;
use real_peers::mail::{Conversation, MailServer, Server, Tls};
use real_peers::{Peer, wait_until};
use socket2::{Domain, Socket, Type};

use crate::Test;
use crate::running::{Running, Sample};
use crate::smtp_relay::{arrived, send};

pub(crate) fn tests() -> Vec<Test> {
    vec![Test {
        name: "smtp-proxy-protocol.yaml: Postfix and Exim see the client's address".to_owned(),
        peers: vec![Peer::Postfix, Peer::Exim, Peer::Smtplib],
        run: Box::new(addresses_arrive),
    }]
}

/// What a load balancer sends in front of a connection: version 1 as text, version 2 as octets, both for TCP over IPv4.
const VERSION_1: &[u8] = b"PROXY TCP4 192.0.2.71 192.0.2.1 4711 25\r\n";
const VERSION_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x48\xc0\0\x02\x01\x12\x67\0\x19";
/// Of loopback, and neither Envoy's nor the servers' own.
const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 77);

fn addresses_arrive(envoy: &EnvoyBinary) -> Result<()> {
    let (postfix, exim) = (MailServer::start(Server::Postfix)?, MailServer::start(Server::Exim)?);
    let behind = |server: &MailServer| {
        server.smtp_behind_proxy().context("the server has no listener for the PROXY protocol")
    };
    let servers = [
        (("postfix.example.com", 10025), behind(&postfix)?),
        (("postfix.example.com", 10465), behind(&postfix)?),
        (("exim.example.com", 25), behind(&exim)?),
    ];
    let running = Sample::new("smtp-proxy-protocol.yaml", &[25, 2525, 465], &servers, b"")?.start(envoy)?;
    running.servers_are_healthy(&["postfix", "exim", "postfix_submissions"])?;

    for (header, client) in [(VERSION_1, "192.0.2.71"), (VERSION_2, "192.0.2.72")] {
        let mut conversation = Conversation::connect(running.address("relay")?)?;
        conversation.send(header)?;
        conversation.expect(220)?;
        conversation.quit()?;
        logged(&postfix, &format!("connect from unknown[{client}]"))?;
    }
    without_header(&running)?;

    from(CLIENT, running.address("exim")?)?;
    logged(&exim, &format!("SMTP connection from [{CLIENT}]"))?;
    arrived(&exim, &[send(&running, "exim", Tls::Never, true)?])?;

    let authority = running.certificates.authority()?;
    arrived(&postfix, &[send(&running, "submissions", Tls::FromTheStart(authority), true)?])?;
    running.counted(
        "smtp_connections_closed_total{stat_prefix=relay,reporter=gateway,ending=quit} 2
         smtp_connections_opened_total{stat_prefix=relay} 2
         smtp_connections_closed_total{stat_prefix=exim,ending=quit} 2
         smtp_transactions_total{stat_prefix=exim,outcome=accepted} 1
         smtp_transactions_total{stat_prefix=submissions,outcome=accepted} 1
         smtp_auth_total{stat_prefix=submissions,outcome=succeeded,transport=tls} 1
         smtp_proxy_headers_total 0
         smtp_anomalies_total 0",
    )?;
    running.idle_timeouts(&[("relay", "900s"), ("exim", "900s"), ("submissions", "900s")])?;
    running.envoy.stop()?;
    Ok(())
}

/// Who does not come from the load balancer does not come in.
fn without_header(running: &Running) -> Result<()> {
    let mut conversation = Conversation::connect(running.address("relay")?)?;
    conversation.send(b"EHLO app.client.test\r\n")?;
    // Envoy resets the connection or closes it; either way there is no greeting.
    let read = conversation.read_to_end().unwrap_or_default();
    ensure!(read.is_empty(), "answered without a header: {}", String::from_utf8_lossy(&read));
    Ok(())
}

fn logged(server: &MailServer, line: &str) -> Result<()> {
    wait_until("the server to log the client's address", || Ok(server.log().contains(line).then_some(())))
        .with_context(|| format!("not in its log: {line}\n{}", server.log()))
}

/// Greets and leaves, from an address of one's own.
fn from(client: Ipv4Addr, address: SocketAddr) -> Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((client, 0)).into())?;
    socket.connect(&address.into())?;
    let mut socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(real_peers::DEADLINE))?;
    let mut lines = BufReader::new(socket.try_clone()?).lines();
    let mut reply = |code: &str| -> Result<()> {
        let line = lines.next().context("closed")??;
        ensure!(line.starts_with(code), "{line}");
        Ok(())
    };
    reply("220")?;
    socket.write_all(b"QUIT\r\n")?;
    reply("221")
}
