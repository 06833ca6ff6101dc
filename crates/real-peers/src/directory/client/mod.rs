//! Real LDAP clients: what to ask for, and what they say came of it.

pub(crate) mod java;

mod access;
mod ldap3;
pub mod ldap_utils;
pub mod ldb_tools;
mod order;
mod python_ldap;
mod request;

use anyhow::{Context, Result, ensure};

use crate::availability::Peer;

pub use access::{Access, Farewell, Login, Protection, Security};
pub use ldap_utils::LdapUtils;
pub use request::{Answer, Dialogue, Request, Revocation, Scope, Search};

/// An LDAP library that holds a whole dialogue over one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DirectoryClient {
    /// python-ldap, over OpenLDAP's libldap and Cyrus SASL.
    PythonLdap,
    /// The Rust crate `ldap3`; linked into this crate.
    Ldap3,
    /// The UnboundID LDAP SDK for Java.
    UnboundId,
    /// JNDI, the LDAP client that Java brings along.
    Jndi,
}

impl DirectoryClient {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::PythonLdap, Self::Ldap3, Self::UnboundId, Self::Jndi];

    /// The name to show, such as `unboundid`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PythonLdap => "python-ldap",
            Self::Ldap3 => "ldap3",
            Self::UnboundId => "unboundid",
            Self::Jndi => "jndi",
        }
    }

    /// The peer, for asking whether it is available.
    #[must_use]
    pub fn peer(self) -> Peer {
        match self {
            Self::PythonLdap => Peer::PythonLdap,
            Self::Ldap3 => Peer::Ldap3,
            Self::UnboundId | Self::Jndi => Peer::JavaLdap,
        }
    }

    /// Whether the library can log in that way, here.
    #[must_use]
    pub fn can_login(self, login: &Login) -> bool {
        match login {
            Login::None | Login::Anonymous | Login::Unauthenticated { .. } | Login::Simple { .. } => true,
            Login::Gssapi { .. } => self != Self::Ldap3,
            Login::Sasl { mechanism, protection, .. } => match self {
                Self::PythonLdap => true,
                Self::Ldap3 => false,
                // Of DIGEST-MD5's ciphers Java prefers 3DES, which Cyrus SASL offers and, built with OpenSSL 3,
                // cannot do. JNDI can be told to take another.
                Self::UnboundId if *mechanism == "DIGEST-MD5" => *protection != Protection::Confidentiality,
                Self::UnboundId => {
                    matches!(*mechanism, "PLAIN" | "CRAM-MD5" | "SCRAM-SHA-1" | "SCRAM-SHA-256")
                }
                Self::Jndi => matches!(*mechanism, "PLAIN" | "CRAM-MD5" | "DIGEST-MD5"),
            },
        }
    }

    /// Whether the library can ask for that.
    #[must_use]
    pub fn can_ask(self, request: &Request) -> bool {
        let can_search = |search: &Search| {
            search.scope != Scope::Children || matches!(self, Self::PythonLdap | Self::UnboundId)
        };
        match request {
            Request::Bind { login } => self.can_login(login),
            Request::Search(search) => can_search(search),
            Request::SearchesAtOnce { searches } => searches.iter().all(can_search),
            // JNDI gives a search to its caller no sooner than its first entry or its end.
            Request::Watch { .. } => self != Self::Jndi,
            _ => true,
        }
    }

    /// Logs in, asks for one thing after another, and goes; over a connection of its own.
    ///
    /// # Errors
    /// When the client is missing, or did not run, or [cannot](Self::can_ask) do it; or the connection failed.
    /// A refusal is no error but part of the result. JNDI says success where an entry to delete was not there.
    pub fn run(self, access: &Access, requests: &[Request]) -> Result<Dialogue> {
        let place = self.peer().require()?;
        ensure!(self.can_login(&access.login), "{} has no such login: {:?}", self.name(), access.login);
        for request in requests {
            ensure!(self.can_ask(request), "{} has no such request: {request:?}", self.name());
        }
        match self {
            Self::PythonLdap => python_ldap::run(&place, access, requests),
            Self::Ldap3 => ldap3::run(access, requests),
            Self::UnboundId | Self::Jndi => java::talk(&place, self, access, requests),
        }
        .with_context(|| format!("asking with {}", self.name()))
    }
}
