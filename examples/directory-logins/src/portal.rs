//! The portal: logs users in, and does what else is due.

use std::sync::Arc;

use anyhow::{Context, Result};
use ldap3::{Scope, SearchOptions, ldap_escape};
use tokio::task::JoinSet;

use crate::line::{Line, Outcome, Query};
use crate::turn::{Attempt, Errand, Turn, uses_starttls};
use crate::{Server, Settings, SharedTally, Tally};

/// Everything is below this entry.
const ROOT: &str = "dc=example,dc=com";
/// Who logs in.
const PEOPLE: &str = "ou=people,dc=example,dc=com";
/// What they belong to.
const GROUPS: &str = "ou=groups,dc=example,dc=com";
/// On tape: whoever searches here has to wait for long.
const ARCHIVE: &str = "ou=archive,dc=example,dc=com";
/// Another server has what is here.
const BRANCH: &str = "ou=branch,dc=example,dc=com";
/// The portal's own account.
const ACCOUNT: (&str, &str) = ("cn=portal,ou=services,dc=example,dc=com", "portal-password");
/// The kiosk's account.
const KIOSK: (&str, &str) = ("cn=kiosk,ou=services,dc=example,dc=com", "kiosk-password");

/// A portal with its connections.
pub struct Portal {
    server: Server,
    tally: SharedTally,
    /// Bound as the portal, for searches and changes.
    pool: Vec<Option<Arc<Line>>>,
    /// For the binds of users, and how many it still serves.
    login_line: Option<(Line, u64)>,
    logins_per_connection: u64,
    starttls_share: f64,
    login_connections: u64,
    turns: u64,
    /// What goes on while others log in.
    background: JoinSet<()>,
}

impl Portal {
    /// Nothing is connected before the first turn.
    ///
    /// # Errors
    ///
    /// When the settings name a file that holds no certificate, or an address that is none.
    pub fn new(settings: &Settings) -> Result<Self> {
        Ok(Self {
            server: Server::new(settings)?,
            tally: SharedTally::default(),
            pool: (0..settings.pool).map(|_| None).collect(),
            login_line: None,
            logins_per_connection: settings.logins_per_connection,
            starttls_share: settings.starttls_share,
            login_connections: 0,
            turns: 0,
            background: JoinSet::new(),
        })
    }

    /// The next turn. What goes wrong is logged and counted: the portal goes on.
    pub async fn turn(&mut self) {
        self.turns += 1;
        // What has ended since the last turn is forgotten.
        while self.background.try_join_next().is_some() {}
        let Turn { attempt, errands } = Turn::number(self.turns);
        let over = if self.login_is_starttls() { " over TLS" } else { "" };
        let who = format!("login {} of {}{over}", self.turns, attempt.user);
        let login = self.log_in(attempt).await;
        self.note(&who, login);
        for errand in errands {
            if let Err(error) = self.run(errand).await {
                log::warn!("{errand:?}: {error:#}");
            }
        }
    }

    /// Counts and logs how a login ended.
    fn note(&self, who: &str, login: Result<Outcome>) {
        let mut tally = self.tally.lock();
        tally.logins_tried += 1;
        match login {
            Ok(outcome) if outcome.is_success() => {
                tally.logins_let_in += 1;
                log::info!("{who}: let in");
            }
            Ok(outcome) => {
                tally.logins_turned_away += 1;
                log::info!("{who}: turned away: result {} {}", outcome.code, outcome.text);
            }
            Err(error) => {
                tally.logins_failed += 1;
                log::warn!("{who}: failed: {error:#}");
            }
        }
    }

    /// Lets everything end, takes leave of the server and returns what was counted.
    pub async fn finish(mut self) -> Tally {
        while self.background.join_next().await.is_some() {}
        let login_line = self.login_line.take().map(|(line, _)| line);
        let pool = self.pool.drain(..).flatten().filter_map(Arc::into_inner);
        for line in login_line.into_iter().chain(pool) {
            take_leave(line).await;
        }
        self.tally.lock().clone()
    }

    /// Searches for the user and binds with the user's password: the usual two steps.
    async fn log_in(&mut self, attempt: Attempt) -> Result<Outcome> {
        let Attempt { user, password, policy } = attempt;
        let service = self.service_line().await?;
        let filter = format!("(&(objectClass=person)(uid={}))", ldap_escape(user));
        let query = Query { base: ROOT, scope: Scope::Subtree, filter: &filter, attributes: &["cn", "mail"] };
        let found = service.search(query, SearchOptions::new()).await?;
        let name = found.entries.first().map(|entry| entry.dn.clone());
        // Who is not there gets the same answer as who types a wrong password.
        let dn = name.unwrap_or_else(|| format!("uid={user},{PEOPLE}"));

        let (line, left) = self.login_line().await?;
        let outcome = line.bind(&dn, password, policy).await?;
        if outcome.is_success() {
            line.who_am_i().await?;
            let filter = format!("(member={})", ldap_escape(dn.as_str()));
            let groups = Query { base: GROUPS, scope: Scope::OneLevel, filter: &filter, attributes: &["cn"] };
            service.search_in_pages(groups, 4).await?;
        }
        if left > 1 {
            self.login_line = Some((line, left - 1));
        } else {
            take_leave(line).await;
        }
        Ok(outcome)
    }

    async fn run(&mut self, errand: Errand) -> Result<()> {
        match errand {
            Errand::Groups => {
                let everything =
                    Query { base: GROUPS, scope: Scope::OneLevel, filter: "(cn=*)", attributes: &["cn"] };
                let found = self.service_line().await?.search_in_pages(everything, 10).await?;
                log::info!("there are {} groups", found.entries.len());
            }
            Errand::Dashboard => dashboard(self.service_line().await?.as_ref()).await?,
            Errand::Registration => {
                let number = self.turns;
                register(self.service_line().await?.as_ref(), number).await?;
            }
            Errand::Suggestions => {
                let some = Query {
                    base: PEOPLE,
                    scope: Scope::OneLevel,
                    filter: "(uid=user1*)",
                    attributes: &["uid"],
                };
                // Neither do three thousand people have to be looked at for that, nor are there so few.
                self.service_line().await?.search(some, SearchOptions::new().sizelimit(20)).await?;
            }
            Errand::Elsewhere => {
                let line = self.service_line().await?;
                for base in [BRANCH, "ou=nowhere,dc=example,dc=com"] {
                    let query = Query { base, scope: Scope::Subtree, filter: "(cn=*)", attributes: &[] };
                    line.search(query, SearchOptions::new()).await?;
                }
            }
            Errand::Impatience => self.service_line().await?.search_and_abandon(archive()).await?,
            Errand::Report => {
                let line = self.service_line().await?;
                self.background.spawn(async move {
                    let everybody = Query {
                        base: PEOPLE,
                        scope: Scope::Subtree,
                        filter: "(objectClass=person)",
                        attributes: &["cn", "mail"],
                    };
                    match line.search(everybody, SearchOptions::new()).await {
                        Ok(found) => log::info!("the report covers {} people", found.entries.len()),
                        Err(error) => log::warn!("the report: {error:#}"),
                    }
                });
            }
            Errand::Archive => {
                let line = self.service_line().await?;
                self.background.spawn(async move {
                    if let Err(error) = line.search(archive(), SearchOptions::new().timelimit(1)).await {
                        log::warn!("the archive: {error:#}");
                    }
                });
            }
            Errand::External => {
                let line = Line::open(&self.server, false, &self.tally).await?;
                if !line.bind_external().await?.is_success() {
                    line.bind(ACCOUNT.0, ACCOUNT.1, false).await?;
                }
                line.unbind().await?;
            }
            Errand::Crawler => {
                let line = Line::open(&self.server, false, &self.tally).await?;
                line.bind("", "", false).await?;
                for (base, scope) in [("", Scope::Base), (PEOPLE, Scope::Subtree)] {
                    let query = Query { base, scope, filter: "(objectClass=*)", attributes: &["*"] };
                    line.search(query, SearchOptions::new()).await?;
                }
                line.hang_up().await;
            }
            Errand::Kiosk => {
                let (server, tally) = (self.server.clone(), self.tally.clone());
                self.background.spawn(async move {
                    if let Err(error) = kiosk(&server, &tally).await {
                        log::warn!("the kiosk: {error:#}");
                    }
                });
            }
        }
        Ok(())
    }

    /// One of the portal's own connections; a new one where there is none, or the one that was has ended.
    async fn service_line(&mut self) -> Result<Arc<Line>> {
        self.pool.rotate_left(1);
        let place = self.pool.first_mut().context("the pool is empty")?;
        if let Some(line) = place.as_ref().filter(|line| !line.is_closed()) {
            return Ok(Arc::clone(line));
        }
        let line = Line::open(&self.server, false, &self.tally).await?;
        line.bind(ACCOUNT.0, ACCOUNT.1, false).await?;
        Ok(Arc::clone(place.insert(Arc::new(line))))
    }

    /// The connection for the binds of users, and how many it still serves, this one included.
    async fn login_line(&mut self) -> Result<(Line, u64)> {
        if let Some((line, left)) = self.login_line.take().filter(|(line, _)| !line.is_closed()) {
            return Ok((line, left));
        }
        let starttls = uses_starttls(self.login_connections, self.starttls_share);
        self.login_connections += 1;
        let line = Line::open(&self.server, starttls, &self.tally).await?;
        Ok((line, self.logins_per_connection))
    }

    fn login_is_starttls(&self) -> bool {
        match &self.login_line {
            Some((line, _)) => line.is_starttls(),
            None => uses_starttls(self.login_connections, self.starttls_share),
        }
    }
}

fn archive() -> Query<'static> {
    Query { base: ARCHIVE, scope: Scope::Subtree, filter: "(uid=alice)", attributes: &["cn"] }
}

/// Everything that a dashboard shows, asked for at once.
async fn dashboard(line: &Line) -> Result<()> {
    let query = |filter| Query { base: ROOT, scope: Scope::Subtree, filter, attributes: &["cn"] };
    let search = |filter| line.search(query(filter), SearchOptions::new());
    let alice = format!("uid=alice,{PEOPLE}");
    let (first, second, third, fourth, fifth) = tokio::join!(
        search("(uid=alice)"),
        search("(cn=group 07)"),
        search("(uid=nobody)"),
        line.compare(&alice, "departmentNumber", "department 0"),
        line.who_am_i(),
    );
    for search in [first, second, third] {
        search?;
    }
    fourth.and(fifth)?;
    Ok(())
}

/// A new member comes, is looked at, and goes again.
async fn register(line: &Line, number: u64) -> Result<()> {
    let (dn, renamed) = (format!("uid=guest{number},{PEOPLE}"), format!("uid=former{number},{PEOPLE}"));
    let mail = format!("guest{number}@corp.example");
    line.add(&dn, &[("objectClass", "person"), ("cn", "A guest"), ("sn", "guest"), ("mail", &mail)]).await?;
    line.add(&dn, &[("objectClass", "person"), ("cn", "A guest")]).await?;
    line.replace(&dn, "description", "waits at the reception").await?;
    line.compare(&dn, "mail", &mail).await?;
    line.compare(&dn, "mail", "somebody@else.example").await?;
    line.rename(&dn, &format!("uid=former{number}")).await?;
    line.delete(&renamed).await?;
    Ok(())
}

async fn kiosk(server: &Server, tally: &SharedTally) -> Result<()> {
    let line = Line::open(server, false, tally).await?;
    line.bind(KIOSK.0, KIOSK.1, false).await?;
    line.wait_until_sent_away().await?;
    log::info!("the server has sent the kiosk away");
    Ok(())
}

async fn take_leave(line: Line) {
    if let Err(error) = line.unbind().await {
        log::warn!("taking leave: {error:#}");
    }
}
