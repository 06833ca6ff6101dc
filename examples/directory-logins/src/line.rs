//! One connection to the directory, which counts what is said on it.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, Result};
use ldap3::controls::{Control, ControlType, MakeCritical, PagedResults, RawControl};
use ldap3::exop::WhoAmI;
use ldap3::result::{LdapError, LdapResult, SearchResult};
use ldap3::{Ldap, Mod, Scope, SearchEntry, SearchOptions};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::Server;
use crate::tally::{Leg, SharedTally, count};

/// The password policy control (draft-behera-ldap-password-policy-10): asks for the reason of a refusal.
const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// The result code of a referral: RFC 4511, section 4.1.10.
const REFERRAL: u32 = 10;

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The result code: RFC 4511, section 4.1.9.
    pub code: u32,
    /// What the server says about it.
    pub text: String,
}

impl Outcome {
    /// Whether the result code is `success`.
    pub fn is_success(&self) -> bool {
        self.code == 0
    }
}

/// What a search brought.
#[derive(Debug)]
pub struct Found {
    /// The entries.
    pub entries: Vec<SearchEntry>,
    /// How it ended.
    pub outcome: Outcome,
    /// For the next page; empty behind the last one.
    cookie: Vec<u8>,
}

/// Which entries a search asks for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Where it begins.
    pub base: &'a str,
    /// How far it looks.
    pub scope: Scope,
    /// What it looks for: RFC 4515.
    pub filter: &'a str,
    /// What it wants to see of each entry.
    pub attributes: &'a [&'a str],
}

/// A connection. Operations take `&self`: several can be under way.
#[derive(Debug)]
pub struct Line {
    ldap: Ldap,
    driver: JoinHandle<()>,
    starttls: bool,
    tally: SharedTally,
    patience: Duration,
}

impl Line {
    /// Connects, if so asked with StartTLS.
    ///
    /// # Errors
    ///
    /// When the server does not answer, or its certificate is not trusted.
    pub async fn open(server: &Server, starttls: bool, tally: &SharedTally) -> Result<Self> {
        let (ldap, driver) = server.connect(starttls).await?;
        let line = Self { ldap, driver, starttls, tally: tally.clone(), patience: server.patience };
        if starttls {
            // The library has done that, in clear text.
            let mut tally = line.tally.lock();
            count(&mut tally.clear.requests, "extended");
            count(&mut tally.clear.results, "success");
        }
        line.leg(|leg| leg.connections += 1);
        Ok(line)
    }

    /// Whether it uses StartTLS.
    pub fn is_starttls(&self) -> bool {
        self.starttls
    }

    /// Whether it can no longer be used.
    pub fn is_closed(&self) -> bool {
        self.driver.is_finished()
    }

    /// Binds by name and password; both empty for anonymous. With `policy` the reason of a refusal is asked for.
    pub async fn bind(&self, dn: &str, password: &str, policy: bool) -> Result<Outcome> {
        let kind = match (dn, password) {
            ("", "") => "anonymous",
            (_, "") => "unauthenticated",
            _ => "simple",
        };
        let mut ldap = self.request("bind");
        if policy {
            ldap.with_controls(RawControl { ctype: PASSWORD_POLICY.to_owned(), crit: false, val: None });
        }
        let outcome = self.answered(ldap.simple_bind(dn, password).await)?;
        self.count_bind(kind, &outcome);
        Ok(outcome)
    }

    /// Binds by what the transport says about the client: RFC 4422, appendix A.
    pub async fn bind_external(&self) -> Result<Outcome> {
        let outcome = self.answered(self.request("bind").sasl_external_bind().await)?;
        self.count_bind("sasl", &outcome);
        Ok(outcome)
    }

    /// Searches, with these limits.
    pub async fn search(&self, query: Query<'_>, limits: SearchOptions) -> Result<Found> {
        let mut ldap = self.request("search");
        ldap.with_search_options(limits);
        let found = ldap.search(query.base, query.scope, query.filter, query.attributes).await;
        self.found(found)
    }

    /// Searches in pages of so many entries (RFC 2696), and returns all of them.
    pub async fn search_in_pages(&self, query: Query<'_>, size: i32) -> Result<Found> {
        let mut entries = Vec::new();
        let mut cookie = Vec::new();
        loop {
            let mut ldap = self.request("search");
            ldap.with_controls(RawControl::from(PagedResults { size, cookie }.critical()));
            let page = ldap.search(query.base, query.scope, query.filter, query.attributes).await;
            let mut page = self.found(page)?;
            entries.append(&mut page.entries);
            if page.cookie.is_empty() || !page.outcome.is_success() {
                return Ok(Found { entries, ..page });
            }
            cookie = page.cookie;
        }
    }

    /// Begins a search and loses patience at once.
    pub async fn search_and_abandon(&self, query: Query<'_>) -> Result<()> {
        let mut ldap = self.request("search");
        let attributes = query.attributes.to_vec();
        let mut search = ldap.streaming_search(query.base, query.scope, query.filter, attributes).await?;
        let id = search.ldap_handle().last_id();
        self.request("abandon").abandon(id).await?;
        self.leg(|leg| leg.abandoned += 1);
        Ok(())
    }

    /// Asks who the server thinks the client is: RFC 4532.
    pub async fn who_am_i(&self) -> Result<Outcome> {
        let answer = self.request("extended").extended(WhoAmI).await;
        self.answered(answer.map(|answer| answer.1))
    }

    /// Whether the attribute has this value: `compareTrue` or `compareFalse`.
    pub async fn compare(&self, dn: &str, attribute: &str, value: &str) -> Result<Outcome> {
        let answer = self.request("compare").compare(dn, attribute, value).await;
        self.answered(answer.map(|answer| answer.0))
    }

    /// Adds an entry.
    pub async fn add(&self, dn: &str, attributes: &[(&str, &str)]) -> Result<Outcome> {
        let attributes = attributes.iter().map(|(name, value)| (*name, HashSet::from([*value]))).collect();
        self.answered(self.request("add").add(dn, attributes).await)
    }

    /// Replaces the values of an attribute by this one.
    pub async fn replace(&self, dn: &str, attribute: &str, value: &str) -> Result<Outcome> {
        let change = vec![Mod::Replace(attribute, HashSet::from([value]))];
        self.answered(self.request("modify").modify(dn, change).await)
    }

    /// Gives an entry another name below the same one.
    pub async fn rename(&self, dn: &str, rdn: &str) -> Result<Outcome> {
        self.answered(self.request("modify_dn").modifydn(dn, rdn, true, None).await)
    }

    /// Deletes an entry.
    pub async fn delete(&self, dn: &str) -> Result<Outcome> {
        self.answered(self.request("delete").delete(dn).await)
    }

    /// Takes leave and waits until the connection has ended.
    pub async fn unbind(self) -> Result<()> {
        let sent = self.request("unbind").unbind().await;
        let Self { ldap, driver, starttls, tally, patience } = self;
        drop(ldap);
        timeout(patience, driver).await.context("the server keeps the connection open")??;
        count(&mut tally.lock().leg(starttls).endings, "unbind");
        Ok(sent?)
    }

    /// Closes the connection without a word.
    pub async fn hang_up(self) {
        self.driver.abort();
        // It was aborted: what it has to say is no news. Afterwards the connection is closed.
        let _ = self.driver.await;
        count(&mut self.tally.lock().leg(self.starttls).endings, "client");
    }

    /// Says nothing until the server ends the connection.
    pub async fn wait_until_sent_away(mut self) -> Result<()> {
        timeout(self.patience, &mut self.driver).await.context("the server has patience")??;
        self.leg(|leg| count(&mut leg.endings, "server"));
        Ok(())
    }

    /// A handle for one request, which is counted.
    fn request(&self, operation: &str) -> Ldap {
        self.leg(|leg| count(&mut leg.requests, operation));
        let mut ldap = self.ldap.clone();
        ldap.with_timeout(self.patience);
        ldap
    }

    fn answered(&self, answer: Result<LdapResult, LdapError>) -> Result<Outcome> {
        match answer {
            Ok(LdapResult { rc: code, text, .. }) => {
                self.leg(|leg| count(&mut leg.results, result_name(code)));
                Ok(Outcome { code, text })
            }
            Err(error) => {
                self.leg(|leg| leg.failed += 1);
                Err(error.into())
            }
        }
    }

    fn found(&self, answer: Result<SearchResult, LdapError>) -> Result<Found> {
        let (mut entries, mut cookie) = (Vec::new(), Vec::new());
        let outcome = self.answered(answer.map(|SearchResult(items, result)| {
            for Control(kind, raw) in &result.ctrls {
                if matches!(kind, Some(ControlType::PagedResults)) {
                    cookie = raw.parse::<PagedResults>().cookie;
                }
            }
            self.leg(|leg| {
                // The library takes references out of what was found and puts them where a referral's addresses are.
                if result.rc != REFERRAL {
                    leg.references += result.refs.len() as u64;
                }
                leg.entries += items.len() as u64;
            });
            entries = items.into_iter().map(SearchEntry::construct).collect();
            result
        }))?;
        Ok(Found { entries, outcome, cookie })
    }

    fn count_bind(&self, kind: &str, outcome: &Outcome) {
        self.leg(|leg| {
            let binds = if outcome.is_success() { &mut leg.binds_succeeded } else { &mut leg.binds_failed };
            count(binds, kind);
        });
    }

    fn leg(&self, change: impl FnOnce(&mut Leg)) {
        change(self.tally.lock().leg(self.starttls));
    }
}

/// The name of a result code in RFC 4511; `other` for those that a portal need not know.
fn result_name(code: u32) -> &'static str {
    match code {
        0 => "success",
        1 => "operationsError",
        2 => "protocolError",
        3 => "timeLimitExceeded",
        4 => "sizeLimitExceeded",
        5 => "compareFalse",
        6 => "compareTrue",
        7 => "authMethodNotSupported",
        8 => "strongerAuthRequired",
        10 => "referral",
        11 => "adminLimitExceeded",
        12 => "unavailableCriticalExtension",
        16 => "noSuchAttribute",
        20 => "attributeOrValueExists",
        32 => "noSuchObject",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        66 => "notAllowedOnNonLeaf",
        68 => "entryAlreadyExists",
        _ => "other",
    }
}
