//! The conversations with Samba as a domain controller, and what each is to be.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use real_peers::directory::message::{self, SEARCH_ENTRY};
use real_peers::directory::samba::rules::{self, PEOPLE, REFUSALS, SUFFIX};
use real_peers::directory::samba::{LdbLogin, LdbTools, SambaAd, SambaTally, SessionKey};
use real_peers::directory::{Access, Conversation, LdapUtils, Login, Protection, Scope, Search, Security};
use real_peers::{Recorder, Recording};
use serde_json::{Value, json};

use super::dissection::Tshark;
use super::expectation::Expectation;
use super::layers;

/// A conversation to record.
struct Planned {
    client: &'static str,
    name: &'static str,
    talk: fn(&SambaAd, SocketAddr) -> Result<()>,
    /// The login that the controller has to have logged, if there is one.
    login: Option<&'static str>,
    /// Searches that it has to have logged, by the protection of the session.
    searches: &'static [(&'static str, u64)],
    /// Entries that are readable.
    entries: u64,
}

type Row = (
    &'static str,
    fn(&SambaAd, SocketAddr) -> Result<()>,
    Option<&'static str>,
    &'static [(&'static str, u64)],
    u64,
);

fn all() -> impl Iterator<Item = Planned> {
    [("ldbsearch", by_ldbsearch()), ("ldap-utils", by_ldap_utils()), ("script", by_script())]
        .into_iter()
        .flat_map(|(client, rows)| {
            rows.into_iter().map(move |(name, talk, login, searches, entries)| Planned {
                client,
                name,
                talk,
                login,
                searches,
                entries,
            })
        })
}

/// Of the three searches that `ldbsearch` makes by itself, the first stands before the bind; each finds one entry.
fn by_ldbsearch() -> Vec<Row> {
    use Protection::{Confidentiality, Integrity, None as Plain};
    const SIGNED: Option<&str> = Some("krb5 SIGN");
    const ONE_SIGNED: &[(&str, u64)] = &[("NONE", 1), ("SIGN", 3)];
    const ONE_SEALED: &[(&str, u64)] = &[("NONE", 1), ("SEAL", 3)];
    vec![
        (
            "simple-bind",
            |c, a| ldbsearch(c, a, &simple(), Plain),
            Some("simple bind NONE"),
            &[("NONE", 3)],
            3,
        ),
        ("kerberos-auth", |c, a| ldbsearch(c, a, &tickets(c)?, Plain), Some("krb5 NONE"), &[("NONE", 4)], 4),
        ("kerberos-signed", |c, a| ldbsearch(c, a, &tickets(c)?, Integrity), SIGNED, ONE_SIGNED, 4),
        (
            "kerberos-sealed",
            |c, a| ldbsearch(c, a, &tickets(c)?, Confidentiality),
            Some("krb5 SEAL"),
            ONE_SEALED,
            1,
        ),
        ("ntlm-auth", |c, a| ldbsearch(c, a, &ntlm(), Plain), Some("NTLMSSP NONE"), &[("NONE", 4)], 4),
        (
            "ntlm-signed-and-so-sealed",
            |c, a| ldbsearch(c, a, &ntlm(), Integrity),
            Some("NTLMSSP SEAL"),
            ONE_SEALED,
            1,
        ),
        (
            "ntlm-sealed",
            |c, a| ldbsearch(c, a, &ntlm(), Confidentiality),
            Some("NTLMSSP SEAL"),
            ONE_SEALED,
            1,
        ),
        ("ntlm-wrong-password", |c, a| refused(c, a, "alice", "wrong"), None, &[("NONE", 1)], 1),
        ("ntlm-locked", |c, a| refused(c, a, "locked", rules::PASSWORD), None, &[("NONE", 1)], 1),
        (
            "signed-pages",
            |c, a| signed(c, a, &contacts("contact1").in_pages_of(100), &[]),
            SIGNED,
            &[("NONE", 1), ("SIGN", 6)],
            314,
        ),
        (
            "signed-over-several-tokens",
            |c, a| signed(c, a, &contacts("contact").attributes(["1.1"]), &[]),
            SIGNED,
            ONE_SIGNED,
            1203,
        ),
        ("signed-active-directory-controls", active_directory_controls, SIGNED, ONE_SIGNED, 4),
        ("signed-dirsync", dirsync, SIGNED, ONE_SIGNED, 114),
        (
            "signed-sorted",
            |c, a| signed(c, a, &contacts("contact11").sorted_by("mail"), &[]),
            SIGNED,
            ONE_SIGNED,
            114,
        ),
        (
            "signed-reference",
            |c, a| signed(c, a, &Search::below(SUFFIX, "(cn=alice)"), &[]),
            SIGNED,
            ONE_SIGNED,
            4,
        ),
    ]
}

fn by_ldap_utils() -> Vec<Row> {
    use Protection::{Confidentiality, Integrity, None as Plain};
    use SessionKey::{Aes, Rc4};
    vec![
        ("gssapi-auth", |c, a| gssapi(c, a, Aes, Plain, &[]), Some("krb5 NONE"), &[("NONE", 1)], 1),
        ("gssapi-signed", |c, a| gssapi(c, a, Aes, Integrity, &[]), Some("krb5 SIGN"), &[("SIGN", 1)], 1),
        (
            "gssapi-signed-pages",
            |c, a| gssapi(c, a, Aes, Integrity, &["-E", "pr=1/noprompt"]),
            Some("krb5 SIGN"),
            &[("SIGN", 2)],
            1,
        ),
        (
            "gssapi-sealed",
            |c, a| gssapi(c, a, Aes, Confidentiality, &[]),
            Some("krb5 SEAL"),
            &[("SEAL", 1)],
            0,
        ),
        ("gssapi-rc4-signed", |c, a| gssapi(c, a, Rc4, Integrity, &[]), Some("krb5 SIGN"), &[("SIGN", 1)], 1),
        (
            "gssapi-rc4-sealed",
            |c, a| gssapi(c, a, Rc4, Confidentiality, &[]),
            Some("krb5 SEAL"),
            &[("SEAL", 1)],
            0,
        ),
        ("starttls", start_tls, Some("simple bind TLS"), &[("TLS", 1)], 0),
    ]
}

fn by_script() -> Vec<Row> {
    const SIMPLE: Option<&str> = Some("simple bind NONE");
    vec![
        ("refused-for-every-reason", refused_for_every_reason, None, &[], 0),
        ("notification-abandoned", notification, SIMPLE, &[("NONE", 2)], 3),
        ("unknown-critical-control", unknown_control, SIMPLE, &[], 0),
        ("unknown-extended-operation", unknown_extended, SIMPLE, &[], 0),
    ]
}

/// Records all of them, each with a controller of its own; calls `keep` with the name, the recording and what is
/// said of it.
pub(crate) fn record_all(
    tshark: &Tshark,
    mut keep: impl FnMut(String, &Recording, Value) -> Result<()>,
) -> Result<()> {
    for planned in all() {
        let name = format!("samba-{}-{}", planned.client, planned.name);
        let (recording, said) = record(&planned, tshark).with_context(|| format!("recording {name}"))?;
        keep(name, &recording, said)?;
    }
    Ok(())
}

fn record(planned: &Planned, tshark: &Tshark) -> Result<(Recording, Value)> {
    let controller = SambaAd::start()?;
    let recorder = Recorder::start(controller.ldap())?;
    (planned.talk)(&controller, recorder.address())?;
    let recording = recorder.finish()?;
    let tally = controller.tally_after(1)?;
    let opened = layers::open(&recording)?;
    let clear = tshark.dissect(&recording, false)?;
    let readable = tshark.dissect(&opened.recording, false)?;
    let expectation = Expectation::of(&clear, &readable, &opened.buffers)?;
    check(planned, &tally, &expectation)?;
    let said = json!({
        "client": planned.client,
        "server": "samba",
        "server_tally": tally,
        "status": "exact",
        "status_reason": "read by tshark; the controller's log agrees with it, where it is not sealed, and with the plan",
        "expected": expectation.to_json(),
    });
    Ok((recording, said))
}

/// What the controller logged is what was planned, and what tshark read.
fn check(planned: &Planned, tally: &SambaTally, expectation: &Expectation) -> Result<()> {
    let searches: BTreeMap<String, u64> =
        planned.searches.iter().map(|&(protection, count)| (protection.to_owned(), count)).collect();
    ensure!(tally.searches == searches, "planned {searches:?}, Samba logged {:?}", tally.searches);
    let logins: Vec<&str> = tally.logins.keys().map(String::as_str).collect();
    ensure!(planned.login.is_none_or(|login| logins == [login]), "Samba logged {logins:?}");
    ensure!(planned.login.is_some() || logins.is_empty(), "Samba logged {logins:?}");
    let visible = tally.searches_under("NONE") + tally.searches_under("SIGN");
    // Those that Samba answers otherwise, or not at all, are not in its log.
    let unlogged = u64::from(matches!(planned.name, "notification-abandoned" | "unknown-critical-control"));
    let read = expectation.readable("searchRequest");
    ensure!(read == visible + unlogged, "tshark read {read} searches, Samba logged {visible}");
    let entries = expectation.readable("searchResEntry");
    ensure!(entries == planned.entries, "planned {} entries, tshark read {entries}", planned.entries);
    Ok(())
}

fn tickets(controller: &SambaAd) -> Result<LdbLogin> {
    Ok(LdbLogin::Kerberos(controller.tickets(rules::USERS[0])?))
}

fn simple() -> LdbLogin {
    LdbLogin::Simple { dn: rules::principal(rules::USERS[0]), password: rules::PASSWORD.to_owned() }
}

fn ntlm() -> LdbLogin {
    LdbLogin::ntlm(rules::USERS[0], rules::PASSWORD)
}

fn contacts(begin: &str) -> Search {
    Search::below(PEOPLE, format!("(mail={begin}*)")).attributes(["mail"])
}

fn one() -> Search {
    Search::below(PEOPLE, "(&(objectClass=contact)(mail=contact12@example.test))").attributes(["cn", "mail"])
}

fn ldbsearch(
    controller: &SambaAd,
    address: SocketAddr,
    login: &LdbLogin,
    protection: Protection,
) -> Result<()> {
    let report = LdbTools::of(controller).search(address, login, protection, &one(), &[])?;
    ensure!((report.success, report.entries()) == (true, 1), "{report:?}");
    Ok(())
}

fn signed(controller: &SambaAd, address: SocketAddr, search: &Search, more: &[&str]) -> Result<()> {
    let login = tickets(controller)?;
    let report = LdbTools::of(controller).search(address, &login, Protection::Integrity, search, more)?;
    ensure!(report.success, "{report:?}");
    Ok(())
}

fn refused(controller: &SambaAd, address: SocketAddr, account: &str, password: &str) -> Result<()> {
    let login = LdbLogin::ntlm(account, password);
    let report = LdbTools::of(controller).search(address, &login, Protection::Integrity, &one(), &[])?;
    ensure!(report.refusal() == Some(49), "{report:?}");
    Ok(())
}

fn active_directory_controls(controller: &SambaAd, address: SocketAddr) -> Result<()> {
    let search = Search::below(SUFFIX, "(sAMAccountName=alice)").attributes(["nTSecurityDescriptor"]);
    signed(controller, address, &search, &["--extended-dn", "--show-deleted", "--controls=sd_flags:1:7"])
}

fn dirsync(controller: &SambaAd, address: SocketAddr) -> Result<()> {
    let login = LdbLogin::Kerberos(controller.tickets(rules::ADMINISTRATOR)?);
    let search = Search::below(SUFFIX, "(mail=contact11*)").attributes(["mail"]);
    let more = ["--controls=dirsync:1:0:1000000"];
    let report = LdbTools::of(controller).search(address, &login, Protection::Integrity, &search, &more)?;
    ensure!(report.success, "{report:?}");
    Ok(())
}

fn gssapi(
    controller: &SambaAd,
    address: SocketAddr,
    key: SessionKey,
    protection: Protection,
    more: &[&str],
) -> Result<()> {
    let tickets = controller.tickets_for(rules::USERS[0], key)?;
    let access = Access::to(address).login(Login::Gssapi { tickets, protection });
    let report = LdapUtils::find()?.search(&access, &one(), more)?;
    ensure!((report.result(), report.entries()) == (Some(0), 1), "{report:?}");
    Ok(())
}

fn start_tls(controller: &SambaAd, address: SocketAddr) -> Result<()> {
    let access = Access::to(address)
        .secured(Security::StartTls(controller.certificate()?))
        .simple(rules::principal(rules::USERS[0]), rules::PASSWORD);
    let report = LdapUtils::find()?.search(&access, &one(), &[])?;
    ensure!((report.result(), report.entries()) == (Some(0), 1), "{report:?}");
    Ok(())
}

fn logged_in(address: SocketAddr) -> Result<Conversation> {
    let mut client = Conversation::connect(address)?;
    client.ask_expecting(&message::bind(&rules::principal(rules::USERS[0]), rules::PASSWORD), 0)?;
    Ok(client)
}

fn refused_for_every_reason(_: &SambaAd, address: SocketAddr) -> Result<()> {
    let mut client = Conversation::connect(address)?;
    for refusal in REFUSALS {
        client.ask_expecting(&message::bind(&rules::principal(refusal.account), refusal.password), 49)?;
    }
    client.unbind().map(drop)
}

fn root_entry() -> Vec<u8> {
    message::search("", Scope::Base, &message::present("objectClass"), &["currentTime"])
}

fn notification(controller: &SambaAd, address: SocketAddr) -> Result<()> {
    const NOTIFICATION: &str = "1.2.840.113556.1.4.528";
    const ID: i32 = 100;
    let mut client = logged_in(address)?;
    let search = message::search(PEOPLE, Scope::One, &message::present("objectClass"), &["cn"]);
    client.send(&message::message_with_controls(
        ID,
        &search,
        &[message::control(NOTIFICATION, true, None)],
    ))?;
    client.ask_expecting(&root_entry(), 0)?;
    // By a connection of its own, which makes no search.
    let relay = Recorder::start(controller.ldap())?;
    let administrator =
        Access::to(relay.address()).simple(rules::principal(rules::ADMINISTRATOR), rules::PASSWORD);
    let ldif =
        format!("dn: CN=contact 5,{PEOPLE}\nchangetype: modify\nreplace: description\ndescription: new\n");
    let changed = LdapUtils::find()?.modify(&administrator, &ldif)?;
    ensure!(changed.result() == Some(0), "{changed:?}");
    let told = client.message()?;
    ensure!((told.id, told.operation) == (ID, SEARCH_ENTRY), "{told:?}");
    client.begin(&message::abandon(ID))?;
    client.ask_expecting(&root_entry(), 0)?;
    client.unbind().map(drop)
}

fn unknown_control(_: &SambaAd, address: SocketAddr) -> Result<()> {
    let mut client = logged_in(address)?;
    let search = message::search(PEOPLE, Scope::Subtree, &message::present("objectClass"), &[]);
    client.send(&message::message_with_controls(7, &search, &[message::control("1.2.3.4", true, None)]))?;
    ensure!(client.message()?.code == Some(12), "another result");
    client.unbind().map(drop)
}

fn unknown_extended(_: &SambaAd, address: SocketAddr) -> Result<()> {
    let mut client = logged_in(address)?;
    client.ask_expecting(&message::extended(message::WHO_AM_I, None), 2)?;
    client.unbind().map(drop)
}
