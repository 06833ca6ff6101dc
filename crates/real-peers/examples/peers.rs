//! Lists and installs the peers, and runs a server to try things out with.
//!
//! ```text
//! cargo run --package real-peers --example peers -- list
//! cargo run --package real-peers --example peers -- install
//! cargo run --package real-peers --example peers -- run postfix
//! cargo run --package real-peers --example peers -- run slapd
//! ```

use std::io::Read;

use anyhow::{Context, Result, bail};
use real_peers::directory::rules::{ADMIN_DN, ADMIN_PASSWORD, PASSWORD, USERS, person};
use real_peers::directory::{DirectoryOptions, DirectoryServer, Kdc};
use real_peers::mail::{MailServer, Server};
use real_peers::{Availability, Peer, install_all};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list"] => list(),
        ["install"] => {
            install_all()?;
            list();
        }
        ["run", "slapd"] => run_slapd()?,
        ["run", name] => run(name)?,
        _ => bail!("usage: peers list | install | run SERVER"),
    }
    Ok(())
}

fn list() {
    for peer in Peer::MAIL.into_iter().chain(Peer::DIRECTORY) {
        match peer.find() {
            Availability::Available(place) => println!("{:<14}{}", peer.name(), place.display()),
            Availability::Missing(missing) => {
                println!("{:<14}missing: {}; try: {}", peer.name(), missing.why, missing.install_command);
            }
        }
    }
}

/// With a KDC, and everything that a client needs for logging in.
fn run_slapd() -> Result<()> {
    for peer in [Peer::Slapd, Peer::Kdc] {
        peer.install()?;
    }
    let kdc = Kdc::start()?;
    let keytab = Some(kdc.keytab()?);
    let server = DirectoryServer::start_with(&DirectoryOptions { keytab, ..DirectoryOptions::default() })?;
    let tickets = kdc.tickets(USERS[0])?;
    println!("slapd listens on {}, with TLS on {}", server.ldap(), server.ldaps());
    println!("  behind the PROXY protocol on {}", server.ldap_behind_proxy());
    println!("  {ADMIN_DN} with {ADMIN_PASSWORD}, {} with {PASSWORD}", person(USERS[0]));
    println!("  KRB5_CONFIG={} KRB5CCNAME={}", tickets.config.display(), tickets.cache.display());
    println!("  in {}; press Enter to end it", server.root().display());
    std::io::stdin().read(&mut [0]).context("waiting for Enter")?;
    println!("{:#?}", server.tally());
    Ok(())
}

fn run(name: &str) -> Result<()> {
    let kind = Server::ALL
        .into_iter()
        .find(|server| server.peer().name() == name)
        .with_context(|| format!("no server is called {name}"))?;
    kind.peer().install()?;
    let server = MailServer::start(kind)?;
    println!("{name} listens on {}", server.smtp());
    if let Some(address) = server.smtp_behind_proxy() {
        println!("  behind the PROXY protocol on {address}");
    }
    println!("  in {}; press Enter to end it", server.root().display());
    std::io::stdin().read(&mut [0]).context("waiting for Enter")?;
    println!("{:#?}", server.tally());
    Ok(())
}
