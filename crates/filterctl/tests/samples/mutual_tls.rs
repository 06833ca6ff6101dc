//! mutual-tls.yaml: who shows no certificate stays out; who comes in is Envoy to the server.

use std::io::{Read, Write};

use anyhow::{Context, Result, ensure};
use envoy_runner::EnvoyBinary;
use real_peers::Peer;
use real_peers::directory::rules::person;
use real_peers::directory::{Access, DirectoryServer, LdapUtils, Login, Protection, Security};
use real_peers::mail::{MailServer, Server};

use crate::Test;
use crate::running::{Running, Sample};

pub(crate) fn tests() -> Vec<Test> {
    vec![Test {
        name: "mutual-tls.yaml: certificates on both sides".to_owned(),
        peers: vec![Peer::Postfix, Peer::Slapd, Peer::LdapUtils],
        run: Box::new(both_sides),
    }]
}

fn both_sides(envoy: &EnvoyBinary) -> Result<()> {
    let (mail, directory) = (MailServer::start(Server::Postfix)?, DirectoryServer::start()?);
    let smtps = mail.smtps().context("the server has no listener for TLS from the start")?;
    let servers = [(("mail.example.com", 465), smtps), (("directory.example.com", 636), directory.ldaps())];
    let trusted = [mail.certificate()?, directory.certificate()?].concat();
    let sample = Sample::new("mutual-tls.yaml", &[465, 636], &servers, &trusted)?;
    sample.certificates.of_envoy(&directory.client_identity())?;
    let running = sample.start(envoy)?;
    running.servers_are_healthy(&["submissions", "ldaps"])?;

    greet(&running)?;
    // TLS 1.3 tells a client without a certificate after its side of the handshake is done.
    for listener in ["submissions", "ldaps"] {
        let refused = running
            .certificates
            .connect(running.address(listener)?, false)
            .and_then(|mut client| client.read_exact(&mut [0]).map_err(Into::into));
        ensure!(refused.is_err(), "{listener} let somebody in without a certificate");
    }

    // The danger that the sample warns of: whoever comes in may log in as Envoy.
    let external = Login::Sasl {
        mechanism: "EXTERNAL",
        user: String::new(),
        password: String::new(),
        protection: Protection::None,
    };
    let security = Security::Ldaps(running.certificates.authority()?);
    let access = Access::to(running.address("ldaps")?).login(external).secured(security);
    let tools = LdapUtils::find()?.with_identity(running.certificates.client());
    let report = tools.who_am_i(&access, &[])?;
    ensure!(report.result() == Some(0), "{report:?}");
    ensure!(format!("{report:?}").contains(&person("alice")), "not Envoy's identity: {report:?}");

    running.counted(
        "smtp_connections_closed_total{stat_prefix=submissions,reporter=gateway,ending=quit} 1
         smtp_connections_total{stat_prefix=submissions,transport=mtls,visibility=parsed} 1
         ldap_binds_total{stat_prefix=ldaps,reporter=gateway,outcome=succeeded,transport=mtls} 1
         ldap_connections_total{stat_prefix=ldaps,transport=mtls,visibility=parsed} 1",
    )?;
    running.idle_timeouts(&[("submissions", "900s"), ("ldaps", "0s")])?;
    running.envoy.stop()?;
    Ok(())
}

fn greet(running: &Running) -> Result<()> {
    let mut client = running.certificates.connect(running.address("submissions")?, true)?;
    client.write_all(b"QUIT\r\n")?;
    let mut said = Vec::new();
    client.read_to_end(&mut said)?;
    let said = String::from_utf8_lossy(&said);
    ensure!(said.starts_with("220 ") && said.contains("\r\n221 "), "{said}");
    Ok(())
}
