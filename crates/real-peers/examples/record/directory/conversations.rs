//! The conversations with slapd, and what each is to be.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use real_peers::directory::client::ldap_utils::{Tool, ToolReport};
use real_peers::directory::rules::{
    ADMIN_DN, ADMIN_PASSWORD, EXPIRED, EXPIRING, GROUPS, LOCKED, MUST_CHANGE, PASSWORD, PEOPLE, STAFF,
    SUFFIX, person,
};
use real_peers::directory::{
    Access, Conversation, DirectoryClient, DirectoryServer, Kdc, LdapUtils, Login, Protection, Request,
    Revocation, Scope, Search, Security, message,
};

/// What a client's part has at hand.
pub(crate) struct Peers {
    /// The recorder in front of the server.
    pub(crate) address: SocketAddr,
    pub(crate) server: DirectoryServer,
    pub(crate) kdc: Kdc,
    pub(crate) tools: LdapUtils,
}

/// A conversation to record.
pub(crate) struct Planned {
    pub(crate) name: &'static str,
    pub(crate) client_name: &'static str,
    /// Whether it talks to the listener that speaks TLS from the first octet.
    pub(crate) ldaps: bool,
    pub(crate) client: fn(&Peers) -> Result<()>,
    /// Results that slapd has to have logged, each as often as it stands here.
    pub(crate) results: &'static [&'static str],
    /// Entries that slapd has to have logged; those of searches that were never answered it does not log.
    pub(crate) entries: u64,
}

impl Planned {
    const fn new(
        name: &'static str,
        client: fn(&Peers) -> Result<()>,
        results: &'static [&'static str],
        entries: u64,
    ) -> Self {
        Self { name, client_name: "ldap-utils", ldaps: false, client, results, entries }
    }

    const fn by(self, client_name: &'static str) -> Self {
        Self { client_name, ..self }
    }
}

pub(crate) fn all() -> Vec<Planned> {
    [plain(), long_running(), protected(), by_others()].into_iter().flatten().collect()
}

fn plain() -> Vec<Planned> {
    vec![
        Planned::new("simple-bind-search-unbind", simple_search, &["bind 0", "search 0"], 1),
        Planned::new("anonymous-with-a-reference", anonymous_search, &["bind 0", "search 0"], 11),
        Planned::new("wrong-password", wrong_password, &["bind 49"], 0),
        Planned::new("bind-without-password", without_password, &["bind 53"], 0),
        Planned::new("policy-locked", |p| policy(p, LOCKED, 49), &["bind 49"], 0),
        Planned::new("policy-expired", |p| policy(p, EXPIRED, 49), &["bind 49"], 0),
        Planned::new("policy-must-change", |p| policy(p, MUST_CHANGE, 0), &["bind 0", "extended 0"], 0),
        Planned::new("policy-expiring", |p| policy(p, EXPIRING, 0), &["bind 0", "extended 0"], 0),
        Planned::new("pages", pages, &["bind 0", "search 0", "search 0", "search 0", "search 0"], 100),
        Planned::new("size-limit", size_limit, &["bind 0", "search 4"], 7),
        Planned::new("no-such-object", no_such_object, &["bind 0", "search 32"], 0),
        Planned::new("sorted-and-viewed", viewed, &["bind 0", "search 0", "search 76"], 10),
        Planned::new(
            "add-modify-rename-delete",
            changes,
            &["bind 0", "add 0", "modify 0", "modify_dn 0", "delete 0", "delete 32"],
            0,
        ),
        Planned::new("not-allowed", not_allowed, &["bind 0", "modify 50"], 0),
        Planned::new("compare-true", |p| compares(p, "Example", 6), &["bind 0", "compare 6"], 0),
        Planned::new("compare-false", |p| compares(p, "Other", 5), &["bind 0", "compare 5"], 0),
        Planned::new("password-too-short", |p| password(p, "short", 19), &["bind 0", "extended 19"], 0),
        Planned::new("password-modify", |p| password(p, "Another-2026", 0), &["bind 0", "extended 0"], 0),
        Planned::new("unknown-extended-operation", unknown_extended, &["bind 0", "extended 2"], 0),
    ]
}

fn long_running() -> Vec<Planned> {
    const CANCELLED: &[&str] = &["bind 0", "search 118", "extended 0"];
    vec![
        Planned::new("sync-refresh-only", refresh_only, &["bind 0", "search 0"], 9),
        Planned::new("sync-persistent", persistent, &["bind 0"], 0),
        Planned::new("sync-cancelled", |p| revoked(p, Revocation::Cancel), CANCELLED, 0).by("python-ldap"),
        Planned::new("sync-abandoned", |p| revoked(p, Revocation::Abandon), &["bind 0"], 0).by("python-ldap"),
    ]
}

fn protected() -> Vec<Planned> {
    const TWO_ROUNDS: &[&str] = &["bind 14", "bind 0", "search 0"];
    const FOUR_ROUNDS: &[&str] = &["bind 14", "bind 14", "bind 0", "search 0"];
    use Protection::{Confidentiality, Integrity, None};
    let sasl = |name, client, results| Planned::new(name, client, results, 4);
    vec![
        Planned::new("starttls", start_tls, &["extended 0", "bind 0", "search 0"], 4),
        Planned { ldaps: true, ..Planned::new("ldaps", ldaps, &["bind 0", "search 0"], 4) },
        sasl("sasl-plain", |p| with_password(p, "PLAIN", None), &["bind 0", "search 0"]),
        sasl("sasl-cram-md5", |p| with_password(p, "CRAM-MD5", None), TWO_ROUNDS),
        sasl("sasl-scram-sha-256", |p| with_password(p, "SCRAM-SHA-256", None), TWO_ROUNDS),
        sasl("sasl-digest-md5-auth", |p| with_password(p, "DIGEST-MD5", None), TWO_ROUNDS),
        sasl("sasl-digest-md5-integrity", |p| with_password(p, "DIGEST-MD5", Integrity), TWO_ROUNDS),
        sasl("sasl-digest-md5-sealed", |p| with_password(p, "DIGEST-MD5", Confidentiality), TWO_ROUNDS),
        sasl("sasl-gssapi-auth", |p| with_tickets(p, None, &[]), FOUR_ROUNDS),
        sasl("sasl-gssapi-integrity", |p| with_tickets(p, Integrity, &[]), FOUR_ROUNDS),
        Planned::new(
            "sasl-gssapi-integrity-pages",
            |p| with_tickets(p, Integrity, &["-E", "pr=2/noprompt"]),
            &["bind 14", "bind 14", "bind 0", "search 0", "search 0"],
            4,
        ),
        sasl("sasl-gssapi-sealed", |p| with_tickets(p, Confidentiality, &[]), FOUR_ROUNDS),
    ]
}

fn by_others() -> Vec<Planned> {
    const DIALOGUE: &[&str] =
        &["bind 0", "search 0", "search 0", "search 32", "compare 6", "bind 49", "bind 0", "extended 0"];
    vec![
        Planned::new("dialogue", |p| dialogue(p, DirectoryClient::PythonLdap), DIALOGUE, 5).by("python-ldap"),
        Planned::new("dialogue", |p| dialogue(p, DirectoryClient::Ldap3), DIALOGUE, 5).by("ldap3"),
        Planned::new("dialogue", |p| dialogue(p, DirectoryClient::UnboundId), DIALOGUE, 5).by("unboundid"),
        Planned::new("pipelined-and-abandoned", pipelined, &["bind 0", "search 0"], 1).by("script"),
        Planned::new("disconnected-by-server", disconnected, &["bind 0"], 0).by("script"),
    ]
}

fn access(peers: &Peers) -> Access {
    Access::to(peers.address).login(Login::Anonymous)
}

fn admin(peers: &Peers) -> Access {
    access(peers).simple(ADMIN_DN, ADMIN_PASSWORD)
}

fn result(report: &ToolReport, code: u32) -> Result<()> {
    ensure!(report.result() == Some(code), "not {code}: {report:?}");
    Ok(())
}

fn groups() -> Search {
    Search { scope: Scope::One, ..Search::below(GROUPS, "(objectClass=groupOfNames)") }
}

fn simple_search(peers: &Peers) -> Result<()> {
    let access = access(peers).simple(person("alice"), PASSWORD);
    result(&peers.tools.search(&access, &Search::below(PEOPLE, "(&(objectClass=person)(uid=bob))"), &[])?, 0)
}

fn anonymous_search(peers: &Peers) -> Result<()> {
    let filter = "(|(objectClass=groupOfNames)(uid=*e)(ou=*))";
    result(
        &peers.tools.search(&access(peers), &Search::below(SUFFIX, filter).attributes(["ou", "cn"]), &[])?,
        0,
    )
}

fn wrong_password(peers: &Peers) -> Result<()> {
    result(&peers.tools.who_am_i(&access(peers).simple(person("alice"), "wrong"), &[])?, 49)
}

fn without_password(peers: &Peers) -> Result<()> {
    let login = Login::Unauthenticated { dn: person("alice") };
    result(&peers.tools.who_am_i(&access(peers).login(login), &[])?, 53)
}

fn policy(peers: &Peers, name: &str, code: u32) -> Result<()> {
    result(&peers.tools.who_am_i(&access(peers).simple(person(name), PASSWORD), &["-e", "ppolicy"])?, code)
}

fn pages(peers: &Peers) -> Result<()> {
    let search = Search::below(STAFF, "(objectClass=person)").attributes(["uid"]).in_pages_of(30);
    result(&peers.tools.search(&access(peers), &search, &[])?, 0)
}

fn size_limit(peers: &Peers) -> Result<()> {
    let search = Search::below(STAFF, "(objectClass=person)").attributes(["uid"]).at_most(7);
    result(&peers.tools.search(&access(peers), &search, &[])?, 4)
}

fn no_such_object(peers: &Peers) -> Result<()> {
    let search = Search::below(format!("ou=nowhere,{SUFFIX}"), "(objectClass=*)");
    result(&peers.tools.search(&access(peers), &search, &[])?, 32)
}

/// One window of 16 entries, from which the next one would begin behind the last of all.
fn viewed(peers: &Peers) -> Result<()> {
    let search = Search::below(STAFF, "(uid=staff00000*)").sorted_by("uidNumber").attributes(["uid"]);
    result(&peers.tools.search(&access(peers), &search, &["-E", "vlv=5/10/6/0"])?, 76)
}

fn changes(peers: &Peers) -> Result<()> {
    let (zed, zod) = (person("zed"), person("zod"));
    let ldif = format!(
        "dn: {zed}\nchangetype: add\nobjectClass: inetOrgPerson\ncn: Zed\nsn: Zed\n\n\
         dn: {zed}\nchangetype: modify\nreplace: sn\nsn: Zod\n-\nadd: description\ndescription: changed\n\n\
         dn: {zed}\nchangetype: modrdn\nnewrdn: uid=zod\ndeleteoldrdn: 1\n\n\
         dn: {zod}\nchangetype: delete\n\ndn: {zod}\nchangetype: delete\n"
    );
    result(&peers.tools.modify(&admin(peers), &ldif)?, 32)
}

fn not_allowed(peers: &Peers) -> Result<()> {
    let ldif = format!("dn: {}\nchangetype: modify\nreplace: sn\nsn: Mine\n", person("bob"));
    result(&peers.tools.modify(&access(peers).simple(person("alice"), PASSWORD), &ldif)?, 50)
}

fn compares(peers: &Peers, value: &str, code: u32) -> Result<()> {
    result(&peers.tools.compare(&access(peers), &person("alice"), "sn", value)?, code)
}

fn password(peers: &Peers, new: &str, code: u32) -> Result<()> {
    let access = access(peers).simple(person("bob"), PASSWORD);
    result(&peers.tools.change_password(&access, PASSWORD, new)?, code)
}

fn unknown_extended(peers: &Peers) -> Result<()> {
    result(&peers.tools.run(Tool::Exop, &access(peers), &["1.2.3.4"], "")?, 2)
}

fn refresh_only(peers: &Peers) -> Result<()> {
    let search = Search::below(PEOPLE, "(objectClass=*)").attributes(["uid"]);
    result(&peers.tools.search(&access(peers), &search, &["-E", "sync=ro"])?, 0)
}

/// Two changes come in through other connections; then the client unbinds.
fn persistent(peers: &Peers) -> Result<()> {
    let search = Search::below(PEOPLE, "(objectClass=*)").attributes(["uid"]);
    let watch = peers.tools.watch(&access(peers), &search, &[])?;
    let there = watch.refreshed()?.entries();
    let direct = Access::to(peers.server.ldap()).simple(ADMIN_DN, ADMIN_PASSWORD);
    let ldif = format!(
        "dn: {0}\nchangetype: modify\nreplace: sn\nsn: Changed\n\ndn: {0}\nchangetype: delete\n",
        person("dave")
    );
    result(&peers.tools.modify(&direct, &ldif)?, 0)?;
    watch.report_when(|report| report.entries() == there + 2)?;
    watch.interrupt().map(drop)
}

/// Revoked when everything that is there has come. One that is cancelled before may be answered twice by slapd.
fn revoked(peers: &Peers, revocation: Revocation) -> Result<()> {
    let watch = Request::Watch { base: PEOPLE.to_owned(), revocation };
    DirectoryClient::PythonLdap.run(&access(peers), &[watch]).map(drop)
}

fn start_tls(peers: &Peers) -> Result<()> {
    let access = access(peers).simple(person("alice"), PASSWORD);
    let access = access.secured(Security::StartTls(peers.server.certificate()?));
    result(&peers.tools.search(&access, &groups(), &[])?, 0)
}

fn ldaps(peers: &Peers) -> Result<()> {
    let access = access(peers).simple(person("alice"), PASSWORD);
    let access = access.secured(Security::Ldaps(peers.server.certificate()?));
    result(&peers.tools.search(&access, &groups(), &[])?, 0)
}

fn with_password(peers: &Peers, mechanism: &'static str, protection: Protection) -> Result<()> {
    let (user, password) = ("alice".to_owned(), PASSWORD.to_owned());
    let access = access(peers).login(Login::Sasl { mechanism, user, password, protection });
    result(&peers.tools.search(&access, &groups(), &[])?, 0)
}

fn with_tickets(peers: &Peers, protection: Protection, more: &[&str]) -> Result<()> {
    let access = access(peers).login(Login::Gssapi { tickets: peers.kdc.tickets("alice")?, protection });
    result(&peers.tools.search(&access, &groups(), more)?, 0)
}

fn dialogue(peers: &Peers, client: DirectoryClient) -> Result<()> {
    let login = |password: &str| Request::Bind {
        login: Login::Simple { dn: person("carol"), password: password.to_owned() },
    };
    let nowhere = Search::below(format!("ou=nowhere,{SUFFIX}"), "(objectClass=*)");
    let requests = [
        Request::SearchesAtOnce { searches: vec![groups(), Search::entry(person("bob")), nowhere] },
        Request::Compare { dn: person("bob"), attribute: "sn".to_owned(), value: "Example".to_owned() },
        login("wrong"),
        login(PASSWORD),
        Request::WhoAmI,
    ];
    let access = access(peers).simple(person("alice"), PASSWORD);
    let dialogue = client.run(&access, &requests)?;
    ensure!(dialogue.answers.len() == 7, "{dialogue:?}");
    Ok(())
}

/// Requests that do not wait for each other, the last of them for something that is over.
fn pipelined(peers: &Peers) -> Result<()> {
    let mut client = Conversation::connect(peers.address)?;
    let search = message::search(&person("alice"), Scope::Base, &message::present("objectClass"), &["uid"]);
    client.pipeline(&[message::bind("", ""), search])?;
    client.result_of(1)?;
    client.result_of(2)?;
    client.pipeline(&[message::abandon(2), message::unbind()])?;
    client.read_to_end().map(drop)
}

/// An operation that there is none of: slapd says why, and closes.
fn disconnected(peers: &Peers) -> Result<()> {
    let mut client = Conversation::connect(peers.address)?;
    client.ask_expecting(&message::bind("", ""), 0)?;
    // [APPLICATION 30], constructed, empty.
    client.begin(&[0x7E, 0x00])?;
    let notice = client.message()?;
    ensure!(notice.id == 0, "{notice:?}");
    client.read_to_end().map(drop)
}
