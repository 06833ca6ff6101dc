//! As whom the client acts.

use std::fmt;
use std::rc::Rc;

use crate::identity::Identity;
use crate::protocol::bind::{BindKind, BindRequest};
use crate::protocol::mechanism::Mechanism;

/// As whom a client acts: an [`Identity`] that is kept. A copy costs no allocation.
#[derive(Clone, Default)]
pub(super) enum Actor {
    #[default]
    Anonymous,
    Named(Option<Rc<[u8]>>),
    Sasl(Mechanism),
    Sicily,
    Unknown,
}

impl Actor {
    /// Whom a bind names. Of a name `longest` octets are kept; none at all with 0.
    // RFC 4513, 5.2.1.8: whom a SASL bind authorises is up to the mechanism; the name of the request says nothing.
    pub(super) fn named_by(request: &BindRequest<'_>, longest: usize) -> Self {
        match (request.kind(), request.mechanism()) {
            (BindKind::Anonymous, _) => Self::Anonymous,
            (BindKind::Simple | BindKind::Unauthenticated, _) => {
                Self::Named((longest > 0).then(|| request.name.get(..longest).unwrap_or(request.name).into()))
            }
            (BindKind::Sasl, mechanism) => Self::Sasl(mechanism.unwrap_or(Mechanism::Other)),
            (BindKind::Sicily, _) => Self::Sicily,
            (BindKind::Other, _) => Self::Unknown,
        }
    }

    pub(super) fn identity(&self) -> Identity<'_> {
        match self {
            Self::Anonymous => Identity::Anonymous,
            Self::Named(name) => Identity::Named(name.as_deref()),
            Self::Sasl(mechanism) => Identity::Sasl(*mechanism),
            Self::Sicily => Identity::Sicily,
            Self::Unknown => Identity::Unknown,
        }
    }
}

/// Prints everything but the name.
impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.identity().fmt(f)
    }
}
