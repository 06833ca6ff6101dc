//! The load maker, against slapd: what it counts is what slapd counts.

use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use real_peers::Peer;
use real_peers::directory::load::DirectoryLoad;
use real_peers::directory::rules::{ADMIN_DN, ADMIN_PASSWORD, PASSWORD, STAFF, USERS, person, staff};
use real_peers::directory::{DirectoryServer, Scope, message};

use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    let slapd = [Peer::Slapd];
    vec![
        trial("slapd::load::pipelined_searches", &slapd, pipelined_searches),
        trial("slapd::load::binds", &slapd, binds),
        trial("slapd::load::connections", &slapd, connections),
        trial("slapd::load::stops_by_itself", &slapd, stops_by_itself),
        trial("slapd::load::refused_logins_are_errors", &slapd, refused_logins_are_errors),
    ]
}

fn one() -> Vec<u8> {
    message::search(&staff(7), Scope::Base, &message::present("objectClass"), &[])
}

fn pipelined_searches() -> Result<()> {
    let server = DirectoryServer::start()?;
    let all = message::search(STAFF, Scope::One, &message::present("objectClass"), &[]);
    let nobody = message::search("ou=nowhere", Scope::Base, &message::present("objectClass"), &[]);
    let load = DirectoryLoad {
        connections: 3,
        operations: 300,
        depth: 16,
        login: Some(message::bind(ADMIN_DN, ADMIN_PASSWORD)),
        work: vec![one(), all, nobody],
        ..DirectoryLoad::of(Vec::new())
    };
    let report = load.run(server.ldap())?;
    ensure!((report.requests, report.answered(), report.logins) == (900, 900, 3), "{report:?}");
    ensure!(report.results[&0] == 600 && report.results[&32] == 300, "{report:?}");
    ensure!(report.entries == 300 + 300 * 100, "{report:?}");
    ensure!(
        report.latencies.count() == 900 && report.latencies.quantile(0.5) <= report.latencies.quantile(1.0)
    );
    let tally = server.tally_after(3)?;
    ensure!(tally.entries == report.entries && tally.answers("search", 32) == 300, "{tally:?}");
    ensure!(tally.requests("unbind") == 3 && tally.answers("bind", 0) == 3, "{tally:?}");
    Ok(())
}

fn binds() -> Result<()> {
    let server = DirectoryServer::start()?;
    let work = USERS.map(|user| message::bind(&person(user), PASSWORD)).into();
    let load = DirectoryLoad { connections: 2, operations: 100, work, ..DirectoryLoad::of(Vec::new()) };
    let report = load.run(server.ldap())?;
    ensure!(report.results[&0] == 200, "{report:?}");
    ensure!(server.tally_after(2)?.logins["simple"] == 200);
    Ok(())
}

fn connections() -> Result<()> {
    let server = DirectoryServer::start()?;
    let load = DirectoryLoad {
        connections: 2,
        operations: 21,
        reconnect_after: Some(2),
        ..DirectoryLoad::of(one())
    };
    let report = load.run(server.ldap())?;
    ensure!((report.connections, report.entries) == (22, 42), "{report:?}");
    let tally = server.tally_after(22)?;
    ensure!(tally.connections == 22 && tally.requests("unbind") == 22 && tally.entries == 42, "{tally:?}");
    Ok(())
}

fn stops_by_itself() -> Result<()> {
    let server = DirectoryServer::start()?;
    let endless = DirectoryLoad { operations: u64::MAX, depth: 4, ..DirectoryLoad::of(one()) };
    let report = DirectoryLoad { at_most: Duration::from_millis(200), ..endless }.run(server.ldap())?;
    ensure!(report.requests > 0 && report.answered() == report.requests, "{report:?}");
    ensure!(server.tally_after(1)?.requests("search") == report.requests);
    Ok(())
}

fn refused_logins_are_errors() -> Result<()> {
    let server = DirectoryServer::start()?;
    let load = DirectoryLoad { login: Some(message::bind(ADMIN_DN, "wrong")), ..DirectoryLoad::of(one()) };
    ensure!(load.run(server.ldap()).is_err());
    Ok(())
}
