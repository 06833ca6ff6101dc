//! What to ask a directory for, and what came of it.

use serde::{Deserialize, Serialize};

use super::access::Login;

/// What a search looks at, seen from its base (RFC 4511 section 4.5.1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The base alone.
    Base,
    /// What is directly below the base.
    One,
    /// The base and all below it.
    #[default]
    Subtree,
    /// All below the base, without it (an extension that OpenLDAP has).
    Children,
}

/// A search.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Search {
    /// Where it begins.
    pub base: String,
    /// How far it goes.
    pub scope: Scope,
    /// What it looks for (RFC 4515).
    pub filter: String,
    /// Which attributes to return; none means all.
    pub attributes: Vec<String>,
    /// The most entries that the client wants; 0 means no limit.
    pub size_limit: u32,
    /// The most seconds that the client wants to wait; 0 means no limit.
    pub time_limit: u32,
    /// Entries for each page, if it is to come in pages (RFC 2696); at least 1.
    pub page_size: Option<u32>,
    /// The attribute by which the server shall sort, if it shall (RFC 2891).
    pub sort_by: Option<String>,
}

impl Search {
    /// A search of the subtree below `base`.
    #[must_use]
    pub fn below(base: impl Into<String>, filter: impl Into<String>) -> Self {
        Self { base: base.into(), filter: filter.into(), ..Self::default() }
    }

    /// A search that reads the one entry `dn`.
    #[must_use]
    pub fn entry(dn: impl Into<String>) -> Self {
        Self { scope: Scope::Base, ..Self::below(dn, "(objectClass=*)") }
    }

    /// The same for these attributes only.
    #[must_use]
    pub fn attributes<const N: usize>(self, attributes: [&str; N]) -> Self {
        Self { attributes: attributes.map(str::to_owned).into(), ..self }
    }

    /// The same in pages of that many entries.
    #[must_use]
    pub fn in_pages_of(self, entries: u32) -> Self {
        Self { page_size: Some(entries), ..self }
    }

    /// The same, sorted by an attribute.
    #[must_use]
    pub fn sorted_by(self, attribute: impl Into<String>) -> Self {
        Self { sort_by: Some(attribute.into()), ..self }
    }

    /// The same, for at most that many entries.
    #[must_use]
    pub fn at_most(self, entries: u32) -> Self {
        Self { size_limit: entries, ..self }
    }
}

/// How a client gets rid of an operation that is still going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// An abandon request (RFC 4511 section 4.11): neither it nor the operation is answered.
    Abandon,
    /// A cancel operation (RFC 3909): both are answered.
    Cancel,
}

/// One thing to ask a server for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Request {
    /// Another login over the same connection.
    Bind {
        /// Which. [`Login::None`] asks for nothing.
        login: Login,
    },
    /// A search.
    Search(Search),
    /// Several searches, all of them requested before the first answer is read. One answer for each, in this
    /// order.
    SearchesAtOnce {
        /// Which; without pages.
        searches: Vec<Search>,
    },
    /// A search that stays open and tells of changes (RFC 4533, refreshAndPersist). Revoked as soon as it has
    /// brought what is there.
    Watch {
        /// Where it begins.
        base: String,
        /// How it ends.
        revocation: Revocation,
    },
    /// A comparison of an attribute with a value.
    Compare {
        /// The entry.
        dn: String,
        /// The attribute.
        attribute: String,
        /// The value.
        value: String,
    },
    /// An entry to add, with attributes and their values.
    Add {
        /// Its name.
        dn: String,
        /// Its attributes, each with at least one value.
        attributes: Vec<(String, Vec<String>)>,
    },
    /// An attribute to replace.
    Replace {
        /// The entry.
        dn: String,
        /// The attribute.
        attribute: String,
        /// Its new values.
        values: Vec<String>,
    },
    /// An entry to rename.
    Rename {
        /// The entry.
        dn: String,
        /// Its new first part; the old one is dropped.
        new_rdn: String,
    },
    /// An entry to delete.
    Delete {
        /// The entry.
        dn: String,
    },
    /// Who the server thinks the client is (RFC 4532).
    WhoAmI,
    /// A new password (RFC 3062).
    PasswordModify {
        /// Whose.
        dn: String,
        /// The present one.
        old: String,
        /// The new one.
        new: String,
    },
}

/// What a client says came of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// The result code (RFC 4511 section 4.1.9); of the last page when it came in pages. None for what is
    /// not answered: an abandoned search.
    pub code: Option<u32>,
    /// Entries received.
    pub entries: u64,
    /// References received.
    pub references: u64,
    /// Pages received, where it was asked for in pages.
    pub pages: u64,
    /// Who the server said the client is, such as `dn:cn=admin`; empty for nobody.
    pub identity: Option<String>,
}

impl Answer {
    /// An answer with nothing but its code.
    #[must_use]
    pub fn of(code: u32) -> Self {
        Self { code: Some(code), ..Self::default() }
    }

    /// A search's answer.
    #[must_use]
    pub fn found(code: u32, entries: u64) -> Self {
        Self { entries, ..Self::of(code) }
    }
}

/// What a client says came of a dialogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialogue {
    /// The result code of the login, if there was one.
    pub bind: Option<u32>,
    /// One for each request, in order (one for each search of [`Request::SearchesAtOnce`]); none after a
    /// failed login.
    pub answers: Vec<Answer>,
    /// Everything that the client printed, for the eyes of whoever reads a failed test.
    pub output: String,
}
