//! As whom a client acts.

use std::fmt;

use crate::protocol::mechanism::Mechanism;

/// As whom a client acts, as far as its binds tell (RFC 4513, 4). The names in it are the peer's, so printing
/// shows none.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Identity<'a> {
    /// Nobody: no bind yet, an anonymous one, or one that failed.
    #[default]
    Anonymous,
    /// The name of a simple bind, with or without a password; `None` where names are not kept.
    Named(Option<&'a [u8]>),
    /// Whom a SASL mechanism has proved: only it and the server know.
    Sasl(Mechanism),
    /// Whom NTLM has proved, by the Sicily forms of MS-ADTS, 5.1.1.1.3.
    Sicily,
    /// The bind could not be decoded.
    Unknown,
}

impl Identity<'_> {
    /// Its kind, as one word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Named(_) => "name",
            Self::Sasl(_) => "sasl",
            Self::Sicily => "sicily",
            Self::Unknown => "unknown",
        }
    }
}

/// Prints everything but the name.
impl fmt::Debug for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::Named(name) => write!(f, "Named(kept: {})", name.is_some()),
            Self::Sasl(mechanism) => write!(f, "Sasl({mechanism:?})"),
            Self::Sicily => f.write_str("Sicily"),
            Self::Unknown => f.write_str("Unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_shows_no_name() {
        assert_eq!(format!("{:?}", Identity::Named(Some(b"secret"))), "Named(kept: true)");
        assert_eq!(format!("{:?}", Identity::Sasl(Mechanism::Gssapi)), "Sasl(Gssapi)");
    }
}
