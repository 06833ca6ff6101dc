//! Every client asks slapd for everything that it can, and hears what slapd says that it answered.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use real_peers::Peer;
use real_peers::directory::rules::{
    ADMIN_DN, ADMIN_PASSWORD, LOCKED, PASSWORD, STAFF, SUFFIX, USERS, person,
};
use real_peers::directory::tour::{self, go_round};
use real_peers::directory::{
    Access, Answer, DirectoryClient, DirectoryOptions, DirectoryServer, Kdc, Login, Protection, Request,
    Search, Security,
};

use crate::trial;

/// A client in the way that it is told to use in one test.
type Test = fn(DirectoryClient) -> Result<()>;

const TESTS: [(&str, Test); 9] = [
    ("operations", operations),
    ("searches", searches),
    ("watches", watches),
    ("logins", logins),
    ("logins_one_after_another", logins_one_after_another),
    ("start_tls", start_tls),
    ("ldaps", ldaps),
    ("sasl", sasl),
    ("leaves_without_unbind", leaves_without_unbind),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for client in DirectoryClient::ALL {
        let peers = [Peer::Slapd, client.peer()];
        for (name, test) in TESTS {
            let name = format!("slapd::{}::{name}", client.name());
            trials.push(trial(&name, &peers, move || test(client)));
        }
        let name = format!("slapd::{}::gssapi", client.name());
        trials.push(trial(&name, &[Peer::Slapd, Peer::Kdc, client.peer()], move || gssapi(client)));
    }
    trials
}

fn as_admin(server: &DirectoryServer) -> Access {
    Access::to(server.ldap()).simple(ADMIN_DN, ADMIN_PASSWORD)
}

fn operations(client: DirectoryClient) -> Result<()> {
    let server = DirectoryServer::start()?;
    let requests = go_round(client, &as_admin(&server), tour::operations())?;
    let tally = server.tally_after(1)?;
    ensure!(tally.connections == 1 && tally.requests("unbind") == 1, "{tally:?}");
    ensure!((tally.answers("add", 0), tally.answers("add", 68)) == (1, 1), "{tally:?}");
    ensure!(tally.answers("compare", 6) == 2 && tally.answers("compare", 5) == 1, "{tally:?}");
    ensure!((tally.answers("delete", 0), tally.answers("delete", 66)) == (1, 1), "{tally:?}");
    ensure!(tally.extended["WhoAmI"] == 1 && tally.extended["PasswordModify"] == 2, "{tally:?}");
    let asked: u64 = tally.operations.values().sum();
    // Besides what was asked for: the login and the unbind.
    ensure!(asked == requests.len() as u64 + 2, "{tally:?}");
    Ok(())
}

fn searches(client: DirectoryClient) -> Result<()> {
    let server = DirectoryServer::start()?;
    let requests = go_round(client, &as_admin(&server), tour::searches())?;
    let tally = server.tally_after(1)?;
    // Two in four pages each, and of the last request four at once.
    ensure!(tally.requests("search") == requests.len() as u64 + 2 * 3 + 3, "{tally:?}");
    ensure!(tally.answers("search", 4) == 2 && tally.answers("search", 32) == 1, "{tally:?}");
    let children = tally.scopes.get("children").copied().unwrap_or(0);
    ensure!(tally.entries == 100 + 7 + 1 + 100 + children + 11 + 300 + 204, "{tally:?}");
    ensure!(children == u64::from(requests.len() == tour::searches().len()), "{tally:?}");
    Ok(())
}

fn watches(client: DirectoryClient) -> Result<()> {
    let server = DirectoryServer::start()?;
    let asked = go_round(client, &as_admin(&server), tour::watches())?.len();
    let tally = server.tally_after(1)?;
    let watched = u64::from(asked == 3);
    ensure!(tally.requests("abandon") == watched, "{tally:?}");
    ensure!(tally.extended.get("Cancel").copied().unwrap_or(0) == watched, "{tally:?}");
    ensure!(tally.answers("search", 118) == watched, "{tally:?}");
    Ok(())
}

fn logins(client: DirectoryClient) -> Result<()> {
    let server = DirectoryServer::start()?;
    let user = |name: &str, password: &str| Login::Simple { dn: person(name), password: password.to_owned() };
    let expected = [
        (Login::None, None, Some("")),
        (Login::Anonymous, Some(0), Some("")),
        (user(USERS[0], PASSWORD), Some(0), Some(USERS[0])),
        (user(USERS[0], "wrong"), Some(49), None),
        (user("nobody", PASSWORD), Some(49), None),
        (user(LOCKED, PASSWORD), Some(49), None),
        (Login::Unauthenticated { dn: person(USERS[0]) }, Some(53), None),
    ];
    for (login, code, identity) in &expected {
        let access = Access::to(server.ldap()).login(login.clone());
        let dialogue = client.run(&access, &[Request::WhoAmI])?;
        ensure!(dialogue.bind == *code, "{login:?}: {dialogue:?}");
        let identity = identity.map(|user| match user {
            "" => String::new(),
            user => format!("dn:{}", person(user)),
        });
        let told = dialogue.answers.into_iter().next().and_then(|answer| answer.identity);
        ensure!(told == identity, "{login:?}: {told:?} instead of {identity:?}");
    }
    let tally = server.tally_after(expected.len() as u64)?;
    ensure!(tally.connections == expected.len() as u64, "{tally:?}");
    ensure!(tally.answers("bind", 49) == 3 && tally.answers("bind", 53) == 1, "{tally:?}");
    ensure!(tally.answers("bind", 0) == 2 && tally.extended["WhoAmI"] == 3, "{tally:?}");
    Ok(())
}

/// As a pool does: many logins over one connection, also after one that failed.
fn logins_one_after_another(client: DirectoryClient) -> Result<()> {
    let server = DirectoryServer::start()?;
    let login = |name: &str, password: &str| Request::Bind {
        login: Login::Simple { dn: person(name), password: password.to_owned() },
    };
    let told = |name| Answer { identity: Some(format!("dn:{}", person(name))), ..Answer::of(0) };
    let search = Request::Search(Search::entry(SUFFIX));
    let exchanges = [
        (search.clone(), Answer::found(0, 1)),
        (login(USERS[0], PASSWORD), Answer::of(0)),
        (Request::WhoAmI, told(USERS[0])),
        (search, Answer::found(0, 1)),
        (login(USERS[1], PASSWORD), Answer::of(0)),
        (Request::WhoAmI, told(USERS[1])),
        (login(USERS[2], "wrong"), Answer::of(49)),
        (login(USERS[2], PASSWORD), Answer::of(0)),
        (Request::WhoAmI, told(USERS[2])),
    ];
    let exchanges = exchanges.map(|(request, answer)| (request, vec![answer])).into();
    go_round(client, &as_admin(&server), exchanges)?;
    let tally = server.tally_after(1)?;
    ensure!(tally.answers("bind", 0) == 4 && tally.answers("bind", 49) == 1, "{tally:?}");
    ensure!(tally.connections == 1, "{tally:?}");
    Ok(())
}

fn start_tls(client: DirectoryClient) -> Result<()> {
    let server = DirectoryServer::start()?;
    protected(client, &server, as_admin(&server).secured(Security::StartTls(server.certificate()?)))?;
    let tally = server.tally_after(2)?;
    ensure!(tally.extended["StartTLS"] == 2, "{tally:?}");
    Ok(())
}

fn ldaps(client: DirectoryClient) -> Result<()> {
    let server = DirectoryServer::start()?;
    let access = Access::to(server.ldaps()).simple(ADMIN_DN, ADMIN_PASSWORD);
    protected(client, &server, access.secured(Security::Ldaps(server.certificate()?)))
}

/// A dialogue over TLS, and none with a server that shows another certificate than the trusted one.
fn protected(client: DirectoryClient, server: &DirectoryServer, access: Access) -> Result<()> {
    let search = Request::Search(Search::below(STAFF, "(uid=*)"));
    let dialogue = client.run(&access, std::slice::from_ref(&search))?;
    ensure!(
        (dialogue.bind, dialogue.answers.as_slice()) == (Some(0), &[Answer::found(0, 100)]),
        "{dialogue:?}"
    );
    let tally = server.tally_after(1)?;
    ensure!(tally.tls == 1 && tally.answers("bind", 0) == 1 && tally.entries == 100, "{tally:?}");

    let stranger = DirectoryServer::start()?;
    let security = match access.security {
        Security::Ldaps(_) => Security::Ldaps(stranger.certificate()?),
        _ => Security::StartTls(stranger.certificate()?),
    };
    let distrusted = client.run(&Access { security, ..access }, &[search]);
    ensure!(distrusted.is_err(), "talked to a server that it must not trust: {distrusted:?}");
    ensure!(server.tally_after(2)?.answers("bind", 0) == 1, "logged in at a server that it must not trust");
    Ok(())
}

fn sasl(client: DirectoryClient) -> Result<()> {
    let server = DirectoryServer::start()?;
    let mut logins = 0;
    for (mechanism, protection) in [
        ("PLAIN", Protection::None),
        ("CRAM-MD5", Protection::None),
        ("SCRAM-SHA-1", Protection::None),
        ("SCRAM-SHA-256", Protection::None),
        ("DIGEST-MD5", Protection::None),
        ("DIGEST-MD5", Protection::Integrity),
        ("DIGEST-MD5", Protection::Confidentiality),
    ] {
        let login = |password: &str| Login::Sasl {
            mechanism,
            user: USERS[0].to_owned(),
            password: password.to_owned(),
            protection,
        };
        if !client.can_login(&login(PASSWORD)) {
            continue;
        }
        let access = Access::to(server.ldap()).login(login(PASSWORD));
        let requests = [Request::WhoAmI, Request::Search(Search::below(STAFF, "(uid=*)"))];
        let dialogue = client.run(&access, &requests)?;
        let told = Answer { identity: Some(format!("dn:{}", person(USERS[0]))), ..Answer::of(0) };
        ensure!(dialogue.bind == Some(0), "{mechanism} {protection:?}: {dialogue:?}");
        ensure!(
            dialogue.answers == [told, Answer::found(0, 100)],
            "{mechanism} {protection:?}: {dialogue:?}"
        );
        let refused = client.run(&access.login(login("wrong")), &[])?;
        ensure!(refused.bind == Some(49), "{mechanism} {protection:?}: {refused:?}");
        logins += 1;
    }
    let tally = server.tally_after(2 * logins)?;
    ensure!(tally.logins.values().sum::<u64>() == logins, "{tally:?}");
    ensure!(tally.answers("bind", 49) == logins && tally.entries == 100 * logins, "{tally:?}");
    Ok(())
}

fn gssapi(client: DirectoryClient) -> Result<()> {
    let kdc = Kdc::start()?;
    let keytab = Some(kdc.keytab()?);
    let server = DirectoryServer::start_with(&DirectoryOptions { keytab, ..DirectoryOptions::default() })?;
    let mut logins = 0;
    for protection in [Protection::None, Protection::Integrity, Protection::Confidentiality] {
        let login = Login::Gssapi { tickets: kdc.tickets(USERS[1])?, protection };
        if !client.can_login(&login) {
            continue;
        }
        let requests = [Request::WhoAmI, Request::Search(Search::below(STAFF, "(uid=*)"))];
        let dialogue = client.run(&Access::to(server.ldap()).login(login), &requests)?;
        let told = Answer { identity: Some(format!("dn:{}", person(USERS[1]))), ..Answer::of(0) };
        ensure!(dialogue.bind == Some(0), "{protection:?}: {dialogue:?}");
        ensure!(dialogue.answers == [told, Answer::found(0, 100)], "{protection:?}: {dialogue:?}");
        logins += 1;
    }
    let tally = server.tally_when(|tally| tally.connections == logins && tally.complete)?;
    ensure!(tally.logins.get("GSSAPI").copied().unwrap_or(0) == logins, "{tally:?}");
    Ok(())
}

fn leaves_without_unbind(client: DirectoryClient) -> Result<()> {
    let server = DirectoryServer::start()?;
    let access = as_admin(&server).leaving();
    let dialogue = client.run(&access, &[Request::Search(Search::entry(SUFFIX))])?;
    ensure!(dialogue.answers == [Answer::found(0, 1)], "{dialogue:?}");
    let tally = server.tally_after(1)?;
    ensure!(tally.requests("unbind") == 0 && tally.requests("search") == 1, "{tally:?}");
    Ok(())
}
