//! Samba as an Active Directory controller, and clients that log in as Windows does: what is signed is counted as if it
//! were plain, what is sealed is counted as sealed, and the controller's own log says how much there was of it.

use anyhow::{Result, ensure};
use envoy_runner::EnvoyBinary;
use real_peers::Peer;
use real_peers::directory::samba::{LdbLogin, LdbTools, SambaAd, SambaTally, rules};
use real_peers::directory::{Access, DirectoryClient, LdapUtils, Login, Protection, Request, Search};

use crate::Test;
use crate::counts::count;
use crate::relay::{Relay, unchanged};

pub(crate) fn tests() -> Vec<Test> {
    let controller = [Peer::SambaAd, Peer::LdbTools, Peer::Kdc];
    let mut tests = Vec::new();
    let mut with =
        |peer: Peer, what: String, run: fn(&EnvoyBinary, &SambaAd, Session) -> Result<()>, session| {
            let peers = controller.into_iter().chain([peer]).collect();
            let run = move |envoy: &EnvoyBinary| run(envoy, &SambaAd::start()?, session);
            tests.push(Test { name: format!("samba and {what}"), peers, run: Box::new(run) });
        };
    for session in [Session::Plain, Session::Signed, Session::Sealed] {
        let what = format!("{session:?}").to_lowercase();
        with(Peer::LdbTools, format!("ldbsearch: Kerberos, {what}"), ldbsearch_with_kerberos, session);
        with(Peer::LdapUtils, format!("ldapsearch: GSSAPI, {what}"), ldapsearch, session);
        with(Peer::PythonLdap, format!("python-ldap: GSSAPI, {what}"), python_ldap, session);
    }
    // Whoever agrees to sign with NTLM agrees to seal.
    with(Peer::LdbTools, "ldbsearch: NTLM, plain".to_owned(), ldbsearch_with_ntlm, Session::Plain);
    with(Peer::LdbTools, "ldbsearch: NTLM, sealed".to_owned(), ldbsearch_with_ntlm, Session::Sealed);
    tests
}

/// What a login leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Session {
    Plain,
    Signed,
    Sealed,
}

impl Session {
    fn protection(self) -> Protection {
        match self {
            Self::Plain => Protection::None,
            Self::Signed => Protection::Integrity,
            Self::Sealed => Protection::Confidentiality,
        }
    }

    /// As the controller's log says it.
    fn in_log(self) -> &'static str {
        match self {
            Self::Plain => "NONE",
            Self::Signed => "SIGN",
            Self::Sealed => "SEAL",
        }
    }
}

/// 300 entries or so, in pages of 100.
fn search() -> Search {
    Search::below(rules::PEOPLE, "(mail=contact1*)").attributes(["cn", "mail"]).in_pages_of(100)
}

fn kerberos(controller: &SambaAd) -> Result<LdbLogin> {
    Ok(LdbLogin::Kerberos(controller.tickets(rules::USERS[0])?))
}

fn ldbsearch_with_kerberos(envoy: &EnvoyBinary, controller: &SambaAd, session: Session) -> Result<()> {
    ldbsearch(envoy, controller, session, &kerberos(controller)?)
}

fn ldbsearch_with_ntlm(envoy: &EnvoyBinary, controller: &SambaAd, session: Session) -> Result<()> {
    ldbsearch(envoy, controller, session, &LdbLogin::ntlm(rules::USERS[0], rules::PASSWORD))
}

fn ldbsearch(envoy: &EnvoyBinary, controller: &SambaAd, session: Session, login: &LdbLogin) -> Result<()> {
    let (relay, entries) = unchanged(
        controller.ldap(),
        |server| Relay::before(envoy, server),
        |address, _| {
            let protection = session.protection();
            let report = LdbTools::of(controller).search(address, login, protection, &search(), &[])?;
            ensure!(report.success, "{report:?}");
            Ok(report.entries() as u64)
        },
    )?;
    // Each of its own searches brings one entry, and one of them goes before the bind.
    compare(&relay, &controller.tally_after(1)?, session, entries + LdbTools::SEARCHES_OF_THEIR_OWN, 1)
}

fn gssapi(controller: &SambaAd, session: Session) -> Result<Login> {
    Ok(Login::Gssapi { tickets: controller.tickets(rules::USERS[0])?, protection: session.protection() })
}

fn ldapsearch(envoy: &EnvoyBinary, controller: &SambaAd, session: Session) -> Result<()> {
    let login = gssapi(controller, session)?;
    let (relay, entries) = unchanged(
        controller.ldap(),
        |server| Relay::before(envoy, server),
        |address, _| {
            let report = LdapUtils::find()?.search(&Access::to(address).login(login), &search(), &[])?;
            ensure!(report.result() == Some(0), "{report:?}");
            Ok(report.entries() as u64)
        },
    )?;
    compare(&relay, &controller.tally_after(1)?, session, entries, 0)
}

fn python_ldap(envoy: &EnvoyBinary, controller: &SambaAd, session: Session) -> Result<()> {
    let login = gssapi(controller, session)?;
    let (relay, entries) = unchanged(
        controller.ldap(),
        |server| Relay::before(envoy, server),
        |address, _| {
            let access = Access::to(address).login(login);
            let dialogue = DirectoryClient::PythonLdap.run(&access, &[Request::Search(search())])?;
            ensure!(dialogue.answers.iter().all(|answer| answer.code == Some(0)), "{dialogue:?}");
            Ok(dialogue.answers.iter().map(|answer| answer.entries).sum())
        },
    )?;
    compare(&relay, &controller.tally_after(1)?, session, entries, 0)
}

/// What the filter has to have counted of one connection with that many entries, and searches before the bind.
fn compare(
    relay: &Relay,
    tally: &SambaTally,
    session: Session,
    entries: u64,
    before_bind: u64,
) -> Result<()> {
    let (all, under) = (tally.all_searches(), tally.searches_under(session.in_log()));
    ensure!(under == if session == Session::Plain { all } else { all - before_bind }, "{tally:?}");
    ensure!(entries > 300, "{entries} entries");
    let scrape = if session == Session::Sealed {
        relay.counted(&format!(
            "ldap_requests_total{{operation=search}} {before_bind}
             ldap_binds_total{{kind=sasl,outcome=succeeded,transport=plain}} 1
             ldap_sasl_buffers_total{{protection=signed}} 0
             ldap_anomalies_total 0
             ldap_connections_total{{visibility=sasl_sealed,transport=plain}} 1"
        ))?
    } else {
        relay.counted(&format!(
            "ldap_requests_total{{operation=search}} {all}
             ldap_operation_results_total{{operation=search}} {all}
             ldap_entries_total {entries}
             ldap_search_kinds_total{{kind=paged_first}} 1
             ldap_binds_total{{kind=sasl,outcome=succeeded,transport=plain}} 1
             ldap_sasl_buffers_total{{protection=sealed}} 0
             ldap_unmatched_responses_total 0
             ldap_unanswered_operations_total 0
             ldap_undecoded_messages_total 0
             ldap_anomalies_total 0
             ldap_connections_total{{visibility=parsed,transport=plain}} 1"
        ))?
    };
    let buffers = |protection| count(&scrape, &format!("ldap_sasl_buffers_total{{protection={protection}}}"));
    let (signed, sealed) = (buffers("signed"), buffers("sealed"));
    // A buffer for each request and at least one for its answers.
    let least = 2.0 * under as f64;
    match session {
        Session::Plain => ensure!((signed, sealed) == (0.0, 0.0), "{signed} signed, {sealed} sealed"),
        Session::Signed => ensure!(signed >= least, "{signed} signed buffers for {under} searches"),
        Session::Sealed => ensure!(sealed >= least, "{sealed} sealed buffers for {under} searches"),
    }
    Ok(())
}
