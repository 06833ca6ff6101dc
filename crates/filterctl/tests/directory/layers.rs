//! Clients that log in by SASL, with every layer that comes of it: what is signed is counted as if it were plain, what
//! is sealed is counted as sealed, and both arrive unchanged.

use anyhow::{Result, ensure};
use envoy_runner::{EnvoyBinary, Scrape};
use real_peers::Peer;
use real_peers::directory::rules::{PASSWORD, USERS};
use real_peers::directory::tour::{self, go_round};
use real_peers::directory::{
    Access, DirectoryClient, DirectoryOptions, DirectoryServer, Kdc, Login, Protection,
};

use crate::Test;
use crate::agreement;
use crate::counts;
use crate::relay::{Relay, unchanged};

/// The mechanisms that need a password, with the layers that they have.
const WITH_PASSWORD: [(&str, Protection); 7] = [
    ("PLAIN", Protection::None),
    ("CRAM-MD5", Protection::None),
    ("SCRAM-SHA-1", Protection::None),
    ("SCRAM-SHA-256", Protection::None),
    ("DIGEST-MD5", Protection::None),
    ("DIGEST-MD5", Protection::Integrity),
    ("DIGEST-MD5", Protection::Confidentiality),
];

const LAYERS: [Protection; 3] = [Protection::None, Protection::Integrity, Protection::Confidentiality];

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for client in DirectoryClient::ALL {
        for (mechanism, protection) in WITH_PASSWORD {
            if client.can_login(&with_password(mechanism, protection)) {
                tests.push(Test {
                    name: format!("slapd and {}: {mechanism}, {}", client.name(), name(protection)),
                    peers: vec![Peer::Slapd, client.peer()],
                    run: Box::new(move |envoy| {
                        let server = DirectoryServer::start()?;
                        layered(envoy, client, &server, with_password(mechanism, protection))
                    }),
                });
            }
        }
        if client == DirectoryClient::Ldap3 {
            continue;
        }
        for protection in LAYERS {
            tests.push(Test {
                name: format!("slapd and {}: GSSAPI, {}", client.name(), name(protection)),
                peers: vec![Peer::Slapd, Peer::Kdc, client.peer()],
                run: Box::new(move |envoy| gssapi(envoy, client, protection)),
            });
        }
    }
    tests
}

fn name(protection: Protection) -> &'static str {
    match protection {
        Protection::None => "no layer",
        Protection::Integrity => "signed",
        Protection::Confidentiality => "sealed",
    }
}

fn with_password(mechanism: &'static str, protection: Protection) -> Login {
    Login::Sasl { mechanism, user: USERS[0].to_owned(), password: PASSWORD.to_owned(), protection }
}

fn gssapi(envoy: &EnvoyBinary, client: DirectoryClient, protection: Protection) -> Result<()> {
    let kdc = Kdc::start()?;
    let options = DirectoryOptions { keytab: Some(kdc.keytab()?), ..DirectoryOptions::default() };
    let server = DirectoryServer::start_with(&options)?;
    layered(envoy, client, &server, Login::Gssapi { tickets: kdc.tickets(USERS[0])?, protection })
}

fn layered(
    envoy: &EnvoyBinary,
    client: DirectoryClient,
    server: &DirectoryServer,
    login: Login,
) -> Result<()> {
    let (mechanism, protection) = match &login {
        Login::Sasl { mechanism, protection, .. } => (*mechanism, *protection),
        Login::Gssapi { protection, .. } => ("GSSAPI", *protection),
        _ => ("", Protection::None),
    };
    let (relay, _) = unchanged(
        server.ldap(),
        |server| Relay::before(envoy, server),
        |address, _| go_round(client, &Access::to(address).login(login), tour::searches()),
    )?;
    let tally = server.tally_after(1)?;
    let bind = format!(
        "ldap_bind_mechanisms_total{{mechanism={mechanism},outcome=succeeded,transport=plain}} 1
         ldap_binds_total{{kind=sasl,outcome=succeeded,transport=plain}} 1
         ldap_binds_total 1
         ldap_unfinished_binds_total 0
         ldap_requests_total{{operation=bind}} {}
         ldap_anomalies_total 0",
        tally.requests("bind")
    );
    if protection == Protection::Confidentiality {
        let scrape = relay.counted(&format!(
            "{bind}
             ldap_requests_total {}
             ldap_entries_total 0
             ldap_sasl_buffers_total{{protection=signed}} 0
             ldap_connections_total{{visibility=sasl_sealed,transport=plain}} 1",
            tally.requests("bind")
        ))?;
        ensure!(buffers(&scrape, "sealed") > tally.requests("search"), "too few sealed buffers");
        return Ok(());
    }
    let expected = agreement::series(&tally)?;
    let scrape = relay.counted(&format!(
        "{bind}
         {expected}
         ldap_sasl_buffers_total{{protection=sealed}} 0
         ldap_references_total 1
         ldap_search_kinds_total{{kind=paged_next}} 6
         ldap_connections_total{{visibility=parsed,transport=plain}} 1
         ldap_connections_closed_total{{ending=unbind}} 1"
    ))?;
    let signed = buffers(&scrape, "signed");
    if protection == Protection::Integrity {
        // Each request is a buffer of its own; answers may share one.
        ensure!(signed > tally.requests("search"), "{signed} signed buffers");
    } else {
        ensure!(signed == 0, "{signed} signed buffers");
    }
    Ok(())
}

fn buffers(scrape: &Scrape, protection: &str) -> u64 {
    counts::count(scrape, &format!("ldap_sasl_buffers_total{{protection={protection}}}")) as u64
}
