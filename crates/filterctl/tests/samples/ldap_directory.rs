//! ldap-directory.yaml in front of slapd, which plays the Global Catalog as well.

use anyhow::{Result, ensure};
use envoy_runner::EnvoyBinary;
use real_peers::Peer;
use real_peers::directory::rules::{PASSWORD, PEOPLE, person};
use real_peers::directory::{Access, DirectoryServer, LdapUtils, Login, Protection, Search, Security};

use crate::Test;
use crate::running::Sample;

pub(crate) fn tests() -> Vec<Test> {
    vec![Test {
        name: "ldap-directory.yaml: LDAP, LDAPS, Global Catalog".to_owned(),
        peers: vec![Peer::Slapd, Peer::LdapUtils],
        run: Box::new(all_four_ports),
    }]
}

fn all_four_ports(envoy: &EnvoyBinary) -> Result<()> {
    let server = DirectoryServer::start()?;
    let tools = LdapUtils::find()?;
    let host = "directory.example.com";
    let servers = [
        ((host, 389), server.ldap()),
        ((host, 636), server.ldaps()),
        ((host, 3268), server.ldap()),
        ((host, 3269), server.ldaps()),
    ];
    let certificate = server.certificate()?;
    let running =
        Sample::new("ldap-directory.yaml", &[389, 636, 3268, 3269], &servers, &certificate)?.start(envoy)?;
    running.servers_are_healthy(&["ldap", "ldaps", "gc", "gcs"])?;

    let authority = running.certificates.authority()?;
    let search = Search::below(PEOPLE, "(uid=bob)");
    for (listener, security) in [
        ("ldap", Security::Plain),
        ("ldap", Security::StartTls(certificate)),
        ("ldaps", Security::Ldaps(authority.clone())),
        ("gc", Security::Plain),
        ("gcs", Security::Ldaps(authority.clone())),
    ] {
        let access = Access::to(running.address(listener)?)
            .simple(person("alice"), PASSWORD)
            .secured(security.clone());
        let report = tools.search(&access, &search, &[])?;
        ensure!((report.result(), report.entries()) == (Some(0), 1), "{listener}, {security:?}: {report:?}");
    }
    // What breaks where TLS ends in Envoy: the server never sees the client's certificate.
    let external = Login::Sasl {
        mechanism: "EXTERNAL",
        user: String::new(),
        password: String::new(),
        protection: Protection::None,
    };
    let access = Access::to(running.address("ldaps")?).login(external).secured(Security::Ldaps(authority));
    let report = tools.with_identity(server.client_identity()).who_am_i(&access, &[])?;
    ensure!(report.result() != Some(0), "EXTERNAL went through: {report:?}");

    running.counted(
        "ldap_binds_total{stat_prefix=ldap,reporter=gateway,outcome=succeeded,transport=plain} 1
         ldap_requests_total{stat_prefix=ldap,reporter=gateway,operation=search} 1
         ldap_start_tls_total{stat_prefix=ldap,outcome=accepted} 1
         ldap_connections_total{stat_prefix=ldap,visibility=starttls} 1
         ldap_binds_total{stat_prefix=ldaps,reporter=gateway,outcome=succeeded,transport=tls} 1
         ldap_requests_total{stat_prefix=ldaps,reporter=gateway,operation=search} 1
         ldap_binds_total{stat_prefix=global-catalog,reporter=gateway,outcome=succeeded,transport=plain} 1
         ldap_binds_total{stat_prefix=global-catalog-tls,reporter=gateway,outcome=succeeded,transport=tls} 1
         ldap_entries_total{stat_prefix=global-catalog} 1
         ldap_entries_total{stat_prefix=global-catalog-tls} 1",
    )?;
    running.idle_timeouts(&[("ldap", "0s"), ("ldaps", "0s"), ("gc", "0s"), ("gcs", "0s")])?;
    running.envoy.stop()?;
    Ok(())
}
