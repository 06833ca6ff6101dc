//! Everything that slapd is configured for, asked for with OpenLDAP's own tools.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use real_peers::Peer;
use real_peers::directory::client::ldap_utils::{Tool, ToolReport};
use real_peers::directory::rules::{
    ADMIN_DN, ADMIN_PASSWORD, BRANCHES, EXPIRED, EXPIRING, GROUPS, LOCKED, MUST_CHANGE, PASSWORD, PEOPLE,
    STAFF, SUFFIX, person, staff,
};
use real_peers::directory::{
    Access, Conversation, DirectoryOptions, DirectoryServer, Kdc, LdapUtils, Login, Protection, Scope,
    Search, Security, message,
};

use crate::trial;

type Test = fn() -> Result<()>;

const TESTS: [(&str, Test); 13] = [
    ("binds", binds),
    ("password_policy", password_policy),
    ("searches", searches),
    ("limits", limits),
    ("pages", pages),
    ("virtual_list_view", virtual_list_view),
    ("changes", changes),
    ("compares", compares),
    ("extended_operations", extended_operations),
    ("password_modify", password_modify),
    ("start_tls_and_ldaps", start_tls_and_ldaps),
    ("sasl_passwords", sasl_passwords),
    ("sasl_external", sasl_external),
];

pub(crate) fn trials() -> Vec<Trial> {
    let peers = [Peer::Slapd, Peer::LdapUtils];
    let name = |test: &str| format!("slapd::ldap-utils::{test}");
    let mut trials: Vec<Trial> =
        TESTS.into_iter().map(|(test, run)| trial(&name(test), &peers, run)).collect();
    trials.push(trial("slapd::behind_proxy", &[Peer::Slapd], behind_proxy));
    trials.push(trial(&name("watches"), &peers, watches));
    trials.push(trial(&name("revokes"), &peers, revokes));
    trials.push(trial(&name("gssapi"), &[Peer::Slapd, Peer::Kdc, Peer::LdapUtils], gssapi));
    trials
}

fn started() -> Result<(DirectoryServer, LdapUtils)> {
    Ok((DirectoryServer::start()?, LdapUtils::find()?))
}

fn anonymous(server: &DirectoryServer) -> Access {
    Access::to(server.ldap()).login(Login::Anonymous)
}

fn admin(server: &DirectoryServer) -> Access {
    Access::to(server.ldap()).simple(ADMIN_DN, ADMIN_PASSWORD)
}

fn user(server: &DirectoryServer, name: &str) -> Access {
    Access::to(server.ldap()).simple(person(name), PASSWORD)
}

fn result(report: &ToolReport, code: u32) -> Result<()> {
    ensure!(report.result() == Some(code), "not {code}: {report:?}");
    Ok(())
}

fn is(server: &DirectoryServer, report: &ToolReport, who: &str) -> Result<()> {
    ensure!(report.output.trim() == who, "not {who}: {report:?}\n{}", server.log());
    result(report, 0)
}

fn binds() -> Result<()> {
    let (server, tools) = started()?;
    let base = anonymous(&server);
    is(&server, &tools.who_am_i(&base, &[])?, "anonymous")?;
    let alice = user(&server, "alice");
    is(&server, &tools.who_am_i(&alice, &[])?, &format!("dn:{}", person("alice")))?;
    result(&tools.who_am_i(&base.clone().simple(person("alice"), "wrong"), &[])?, 49)?;
    result(&tools.who_am_i(&base.clone().simple(person("nobody"), PASSWORD), &[])?, 49)?;
    result(&tools.who_am_i(&base.clone().simple("not a name", PASSWORD), &[])?, 34)?;
    result(&tools.who_am_i(&base.clone().login(Login::Unauthenticated { dn: person("alice") }), &[])?, 53)?;
    result(&tools.search(&base, &Search::entry(SUFFIX), &["-P", "2"])?, 2)?;
    let tally = server.tally_after(7)?;
    ensure!(tally.requests("bind") == 7 && tally.requests("unbind") == 7, "{tally:?}");
    ensure!((tally.answers("bind", 0), tally.answers("bind", 49)) == (2, 2), "{tally:?}");
    ensure!((tally.answers("bind", 34), tally.answers("bind", 53)) == (1, 1), "{tally:?}");
    ensure!(tally.answers("bind", 2) == 1 && tally.extended["WhoAmI"] == 2, "{tally:?}");
    // The one with a bad name is refused before its method is logged.
    ensure!((tally.binds["anonymous"], tally.binds["simple"]) == (2, 4), "{tally:?}");
    ensure!((tally.logins["anonymous"], tally.logins["simple"]) == (1, 1), "{tally:?}");
    Ok(())
}

fn password_policy() -> Result<()> {
    let (server, tools) = started()?;
    for (name, code, says) in [
        (LOCKED, 49, "Account locked"),
        (EXPIRED, 49, "Password expired"),
        (MUST_CHANGE, 0, "Password must be changed"),
        (EXPIRING, 0, "Password expires in"),
    ] {
        let report = tools.who_am_i(&user(&server, name), &["-e", "ppolicy"])?;
        result(&report, code)?;
        ensure!(report.errors.contains(says), "{report:?}");
    }
    // Who must change the password can do nothing else.
    result(&tools.search(&user(&server, MUST_CHANGE), &Search::entry(SUFFIX), &[])?, 50)
}

fn searches() -> Result<()> {
    let (server, tools) = started()?;
    let access = anonymous(&server);
    let found = |search: Search, code, entries, references| -> Result<()> {
        let report = tools.search(&access, &search, &[])?;
        result(&report, code)?;
        ensure!((report.entries(), report.references()) == (entries, references), "{search:?}: {report:?}");
        Ok(())
    };
    let scoped = |base: &str, scope| Search { scope, ..Search::below(base, "(objectClass=*)") };
    found(Search::below(STAFF, "(uid=staff00000*)"), 0, 10, 0)?;
    found(scoped(GROUPS, Scope::Base), 0, 1, 0)?;
    found(scoped(GROUPS, Scope::One), 0, 4, 0)?;
    found(scoped(GROUPS, Scope::Subtree), 0, 5, 0)?;
    found(scoped(GROUPS, Scope::Children), 0, 4, 0)?;
    found(scoped(BRANCHES, Scope::Subtree), 0, 1, 1)?;
    found(Search::below(GROUPS, format!("(member={})", person("bob"))), 0, 3, 0)?;
    found(scoped(&format!("ou=nowhere,{SUFFIX}"), Scope::Subtree), 32, 0, 0)?;
    let tally = server.tally_after(8)?;
    ensure!(tally.requests("search") == 8 && tally.entries == 28, "{tally:?}");
    ensure!((tally.answers("search", 0), tally.answers("search", 32)) == (7, 1), "{tally:?}");
    ensure!((tally.scopes["base"], tally.scopes["one"], tally.scopes["children"]) == (1, 1, 1), "{tally:?}");
    Ok(())
}

fn limits() -> Result<()> {
    let server =
        DirectoryServer::start_with(&DirectoryOptions { size_limit: 20, ..DirectoryOptions::default() })?;
    let tools = LdapUtils::find()?;
    let everyone = Search::below(STAFF, "(objectClass=person)");
    for (access, search, code, entries) in [
        (anonymous(&server), everyone.clone(), 4, 20),
        (anonymous(&server), everyone.clone().at_most(7), 4, 7),
        (admin(&server), everyone, 0, 100),
    ] {
        let report = tools.search(&access, &search, &[])?;
        result(&report, code)?;
        ensure!(report.entries() == entries, "{report:?}");
    }
    let tally = server.tally_after(3)?;
    ensure!((tally.answers("search", 4), tally.entries) == (2, 127), "{tally:?}");
    Ok(())
}

fn pages() -> Result<()> {
    let (server, tools) = started()?;
    let search = Search::below(STAFF, "(objectClass=person)").in_pages_of(30);
    let report = tools.search(&anonymous(&server), &search, &[])?;
    result(&report, 0)?;
    ensure!((report.searches(), report.entries()) == (4, 100), "{report:?}");
    let tally = server.tally_after(1)?;
    ensure!((tally.requests("search"), tally.entries) == (4, 100), "{tally:?}");
    Ok(())
}

fn virtual_list_view() -> Result<()> {
    let (server, tools) = started()?;
    let search = Search::below(STAFF, "(objectClass=person)").sorted_by("uidNumber").attributes(["uid"]);
    // The tenth, three before it and four after it; then window after window, until one begins behind the end: 76. Where slapd
    // has not put away the last window yet it says `busy` to the next one (51, as in `tour::go_round`).
    let (mut tries, mut searches, mut entries) = (0, 0, 0);
    loop {
        let report = tools.search(&anonymous(&server), &search, &["-E", "vlv=3/4/10/0"])?;
        ensure!(report.output.contains("vlvResult: pos=10 count=100"), "{report:?}");
        ensure!(report.entries() >= 8 && report.output.contains(&staff(6)), "{report:?}");
        tries += 1;
        searches += report.searches();
        entries += report.entries();
        if tries == 5 || report.result() != Some(51) {
            ensure!(report.entries() > 8, "{report:?}");
            break result(&report, 76)?;
        }
    }
    let tally = server.tally_after(tries)?;
    ensure!(tally.requests("search") == searches && tally.entries == entries, "{tally:?}");
    // OpenLDAP's schema has no order for names.
    result(&tools.search(&anonymous(&server), &search.sorted_by("cn"), &[])?, 18)
}

fn changes() -> Result<()> {
    let (server, tools) = started()?;
    let (zed, zod) = (person("zed"), person("zod"));
    let ldif = format!(
        "dn: {zed}\nchangetype: add\nobjectClass: inetOrgPerson\ncn: Zed\nsn: Zed\n\n\
         dn: {zed}\nchangetype: modify\nreplace: sn\nsn: Zod\n\n\
         dn: {zed}\nchangetype: modrdn\nnewrdn: uid=zod\ndeleteoldrdn: 1\n\n\
         dn: {zod}\nchangetype: delete\n"
    );
    result(&tools.modify(&admin(&server), &ldif)?, 0)?;
    result(&tools.modify(&admin(&server), &format!("dn: {zod}\nchangetype: delete\n"))?, 32)?;
    result(&tools.modify(&user(&server, "alice"), &ldif)?, 50)?;
    let own = format!("dn: {}\nchangetype: modify\nadd: description\ndescription: me\n", person("alice"));
    result(&tools.modify(&user(&server, "alice"), &own)?, 0)?;
    result(&tools.modify(&user(&server, "alice"), &own)?, 20)?;
    let tally = server.tally_after(5)?;
    for (operation, code) in
        [("add", 0), ("add", 50), ("modify_dn", 0), ("delete", 0), ("delete", 32), ("modify", 20)]
    {
        ensure!(tally.answers(operation, code) == 1, "{operation} {code}: {tally:?}");
    }
    ensure!(tally.answers("modify", 0) == 2, "{tally:?}");
    Ok(())
}

fn compares() -> Result<()> {
    let (server, tools) = started()?;
    let alice = person("alice");
    result(&tools.compare(&anonymous(&server), &alice, "sn", "Example")?, 6)?;
    result(&tools.compare(&anonymous(&server), &alice, "sn", "Other")?, 5)?;
    result(&tools.compare(&anonymous(&server), &person("nobody"), "sn", "Other")?, 32)?;
    let tally = server.tally_after(3)?;
    ensure!([6, 5, 32].map(|code| tally.answers("compare", code)) == [1, 1, 1], "{tally:?}");
    Ok(())
}

fn extended_operations() -> Result<()> {
    let (server, tools) = started()?;
    let dynamic = person("guest");
    let ldif =
        format!("dn: {dynamic}\nobjectClass: inetOrgPerson\nobjectClass: dynamicObject\ncn: g\nsn: g\n");
    result(&tools.run(Tool::Add, &admin(&server), &[], &ldif)?, 0)?;
    let report = tools.run(Tool::Exop, &admin(&server), &["refresh", &dynamic, "100"], "")?;
    ensure!(report.exit == 0 && report.output.contains("newttl=100"), "{report:?}");
    result(&tools.run(Tool::Exop, &admin(&server), &["cancel", "1"], "")?, 119)?;
    result(&tools.run(Tool::Exop, &admin(&server), &["1.2.3.4"], "")?, 2)?;
    let tally = server.tally_after(4)?;
    ensure!(["Refresh", "Cancel", "1.2.3.4"].map(|name| tally.extended[name]) == [1, 1, 1], "{tally:?}");
    ensure!([0, 119, 2].map(|code| tally.answers("extended", code)) == [1, 1, 1], "{tally:?}");
    Ok(())
}

fn password_modify() -> Result<()> {
    let (server, tools) = started()?;
    let bob = user(&server, "bob");
    result(&tools.change_password(&bob, "wrong", "Another-2026")?, 53)?;
    let short = tools.change_password(&bob, PASSWORD, "short")?;
    result(&short, 19)?;
    ensure!(short.output.contains("error=6") || short.errors.contains("error=6"), "{short:?}");
    result(&tools.change_password(&bob, PASSWORD, "Another-2026")?, 0)?;
    result(&tools.who_am_i(&bob, &[])?, 49)?;
    result(&tools.who_am_i(&bob.simple(person("bob"), "Another-2026"), &[])?, 0)?;
    let tally = server.tally_after(5)?;
    ensure!(tally.extended["PasswordModify"] == 3 && tally.answers("extended", 19) == 1, "{tally:?}");
    Ok(())
}

fn start_tls_and_ldaps() -> Result<()> {
    let (server, tools) = started()?;
    let who = format!("dn:{}", person("alice"));
    let trusted = server.certificate()?;
    let alice = user(&server, "alice").secured(Security::StartTls(trusted.clone()));
    is(&server, &tools.who_am_i(&alice, &[])?, &who)?;
    let alice = Access { address: server.ldaps(), ..alice.secured(Security::Ldaps(trusted)) };
    is(&server, &tools.who_am_i(&alice, &[])?, &who)?;
    // With a certificate that it does not trust, it goes no further.
    let other = DirectoryServer::start()?.certificate()?;
    let report = tools.who_am_i(&alice.secured(Security::Ldaps(other)), &[])?;
    ensure!(report.exit != 0 && report.result().is_none(), "{report:?}");
    let tally = server.tally_after(3)?;
    ensure!(tally.extended["StartTLS"] == 1 && tally.logins["simple"] == 2, "{tally:?}");
    ensure!(tally.extended["WhoAmI"] == 2, "{tally:?}");
    Ok(())
}

fn sasl(server: &DirectoryServer, mechanism: &'static str, password: &str, protection: Protection) -> Access {
    let login =
        Login::Sasl { mechanism, user: "alice".to_owned(), password: password.to_owned(), protection };
    Access::to(server.ldap()).login(login)
}

fn sasl_passwords() -> Result<()> {
    let (server, tools) = started()?;
    let who = format!("dn:{}", person("alice"));
    let mechanisms =
        ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"];
    for mechanism in mechanisms {
        let access = sasl(&server, mechanism, PASSWORD, Protection::None);
        is(&server, &tools.who_am_i(&access, &[])?, &who)?;
        result(&tools.who_am_i(&sasl(&server, mechanism, "wrong", Protection::None), &[])?, 49)?;
    }
    for protection in [Protection::Integrity, Protection::Confidentiality] {
        let access = sasl(&server, "DIGEST-MD5", PASSWORD, protection);
        is(&server, &tools.who_am_i(&access, &[])?, &who)?;
    }
    let tally = server.tally_after(16)?;
    for mechanism in mechanisms {
        let expected = if mechanism == "DIGEST-MD5" { 3 } else { 1 };
        ensure!(tally.logins[mechanism] == expected, "{mechanism}: {tally:?}");
    }
    ensure!(tally.answers("bind", 49) == 7 && tally.extended["WhoAmI"] == 9, "{tally:?}");
    Ok(())
}

fn sasl_external() -> Result<()> {
    let (server, tools) = started()?;
    let tools = tools.with_identity(server.client_identity());
    let access =
        sasl(&server, "EXTERNAL", "", Protection::None).secured(Security::StartTls(server.certificate()?));
    is(&server, &tools.who_am_i(&access, &[])?, &format!("dn:{}", person("alice")))?;
    ensure!(server.tally_after(1)?.logins["EXTERNAL"] == 1);
    Ok(())
}

fn gssapi() -> Result<()> {
    let kdc = Kdc::start()?;
    let keytab = Some(kdc.keytab()?);
    let server = DirectoryServer::start_with(&DirectoryOptions { keytab, ..DirectoryOptions::default() })?;
    let tools = LdapUtils::find()?;
    for (user, protection) in
        [("alice", Protection::None), ("bob", Protection::Integrity), ("carol", Protection::Confidentiality)]
    {
        let login = Login::Gssapi { tickets: kdc.tickets(user)?, protection };
        let access = Access::to(server.ldap()).login(login);
        is(&server, &tools.who_am_i(&access, &[])?, &format!("dn:{}", person(user)))?;
    }
    let tally = server.tally_after(3)?;
    ensure!(tally.logins["GSSAPI"] == 3 && tally.answers("bind", 14) >= 3, "{tally:?}");
    Ok(())
}

fn watches() -> Result<()> {
    let (server, tools) = started()?;
    let search = Search::below(PEOPLE, "(uid=*)").attributes(["sn"]);
    let watch = tools.watch(&anonymous(&server), &search, &[])?;
    let there = watch.refreshed()?.entries();
    ensure!(there == 8, "{there} entries");
    for sn in ["First", "Second"] {
        let ldif = format!("dn: {}\nchangetype: modify\nreplace: sn\nsn: {sn}\n", person("bob"));
        result(&tools.modify(&admin(&server), &ldif)?, 0)?;
    }
    watch.report_when(|report| report.entries() == there + 2)?;
    ensure!(!server.tally().complete, "it is over already");
    watch.interrupt()?;
    let tally = server.tally_after(3)?;
    // It was never answered.
    ensure!(tally.answers("search", 0) == 0, "{tally:?}");
    ensure!(tally.requests("unbind") == 3, "{tally:?}");
    Ok(())
}

/// Both are sent as soon as the first entry is there, and nothing is printed any more.
fn revokes() -> Result<()> {
    let (server, tools) = started()?;
    let search = Search::below(PEOPLE, "(uid=*)").attributes(["sn"]);
    for (how, says) in [("!cancel", "cancel got 0"), ("!abandon", "abandon got 0")] {
        let report = tools.search(&anonymous(&server), &search, &["-E", "sync=rp", "-e", how])?;
        ensure!(report.errors.contains(says), "{report:?}");
    }
    let tally = server.tally_after(2)?;
    ensure!(tally.extended["Cancel"] == 1 && tally.answers("extended", 0) == 1, "{tally:?}");
    ensure!(tally.answers("search", 118) == 1, "{tally:?}");
    // Whoever abandons leaves while entries are under way. That can reset the connection, and what the client sent last is
    // lost with it: both or none of it is seen.
    let farewells = (tally.requests("abandon"), tally.requests("unbind"));
    ensure!(matches!(farewells, (1, 2) | (0, 1)), "{tally:?}");
    Ok(())
}

/// The tools know nothing of the PROXY protocol: a scripted client sends its header.
fn behind_proxy() -> Result<()> {
    let server = DirectoryServer::start()?;
    let mut client = Conversation::connect(server.ldap_behind_proxy())?;
    // Version 2, PROXY, TCP over IPv4, 12 octets of addresses: 192.0.2.7:40000 to 192.0.2.8:389.
    client.send(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x08\x9c\x40\x01\x85")?;
    client.ask_expecting(&message::bind(&person("alice"), PASSWORD), 0)?;
    client.unbind()?;
    let tally = server.tally_after(1)?;
    ensure!(tally.logins["simple"] == 1 && server.log().contains("192.0.2.7"), "{}", server.log());
    Ok(())
}
