//! Where a client connects to, as whom, and how it goes away.

use std::net::SocketAddr;

use serde::Serialize;

use crate::directory::kdc::Tickets;

/// How a connection is protected below LDAP. The octets are the only trusted certificate, as PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    #[default]
    Plain,
    /// By StartTLS (RFC 4511 section 4.14), before anything else.
    StartTls(Vec<u8>),
    /// By TLS from the first octet.
    Ldaps(Vec<u8>),
}

/// The layer that a SASL login puts over the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// None: authentication only (`maxssf=0`).
    #[default]
    None,
    /// Signed and readable (`minssf=1,maxssf=1`).
    Integrity,
    /// Sealed (`minssf=56`).
    Confidentiality,
}

/// How a client logs in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Login {
    /// No bind is sent at all.
    #[default]
    None,
    /// A simple bind without name and password.
    Anonymous,
    /// A simple bind with a name and no password (RFC 4513 section 5.1.2), which servers refuse or take for
    /// anonymous.
    Unauthenticated {
        /// The name.
        dn: String,
    },
    /// A simple bind.
    Simple {
        /// The name to bind as.
        dn: String,
        /// Its password.
        password: String,
    },
    /// SASL with a password.
    Sasl {
        /// The mechanism's registered name, such as `DIGEST-MD5`.
        mechanism: &'static str,
        /// The user's short name.
        user: String,
        /// The user's password.
        password: String,
        /// The layer afterwards, for mechanisms that have one.
        protection: Protection,
    },
    /// SASL GSSAPI with Kerberos tickets.
    Gssapi {
        /// Whose tickets. One dialogue has room for one user's.
        #[serde(skip)]
        tickets: Tickets,
        /// The layer afterwards.
        protection: Protection,
    },
}

/// How a client ends its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Farewell {
    /// With an unbind request (RFC 4511 section 4.3), as it should.
    #[default]
    Unbind,
    /// Without a word: its process ends, or it forgets the connection.
    Leave,
}

/// Where a client connects to, and as whom.
#[derive(Clone, Debug)]
pub struct Access {
    /// The server, or what stands in front of it. Clients name it `localhost`, which is also the host in the
    /// service's principal.
    pub address: SocketAddr,
    /// What protects the connection.
    pub security: Security,
    /// The login.
    pub login: Login,
    /// How the connection ends.
    pub farewell: Farewell,
}

impl Access {
    /// A plain connection without a login, that ends with an unbind.
    #[must_use]
    pub fn to(address: SocketAddr) -> Self {
        Self { address, security: Security::Plain, login: Login::None, farewell: Farewell::Unbind }
    }

    /// The same with a simple bind.
    #[must_use]
    pub fn simple(self, dn: impl Into<String>, password: impl Into<String>) -> Self {
        Self { login: Login::Simple { dn: dn.into(), password: password.into() }, ..self }
    }

    /// The same with another login.
    #[must_use]
    pub fn login(self, login: Login) -> Self {
        Self { login, ..self }
    }

    /// The same with other protection of the connection.
    #[must_use]
    pub fn secured(self, security: Security) -> Self {
        Self { security, ..self }
    }

    /// The same without an unbind at the end.
    #[must_use]
    pub fn leaving(self) -> Self {
        Self { farewell: Farewell::Leave, ..self }
    }
}
