//! Directory servers, their clients, and what they counted.
//!
//! - [`DirectoryServer`]: OpenLDAP's slapd, running; [`rules`] says what its tree holds and how it answers.
//! - [`DirectoryTally`]: what its own log says it did.
//! - [`samba`]: Samba as an Active Directory domain controller, and its own client tools.
//! - [`Kdc`]: MIT Kerberos, for GSSAPI logins; [`Tickets`]: what a client logs in with.
//! - [`LdapUtils`]: `ldapsearch` and its siblings, with everything that they can do.
//! - [`DirectoryClient`]: LDAP libraries of other origins, behind one call.
//! - [`Conversation`]: a scripted client for what real ones would not send, octet by octet where needed.
//! - [`load`]: many operations quickly. [`message`]: requests as octets.
//! - [`tour`]: a round of everything, with the answers that it has to get.

mod ber;

pub mod client;
pub mod conversation;
pub mod kdc;
pub mod load;
pub mod message;
pub mod rules;
pub mod samba;
pub mod server;
pub mod tour;

pub use client::{
    Access, Answer, Dialogue, DirectoryClient, Farewell, LdapUtils, Login, Protection, Request, Revocation,
    Scope, Search, Security,
};
pub use conversation::Conversation;
pub use kdc::{Kdc, Tickets};
pub use server::{ClientIdentity, DirectoryOptions, DirectoryServer, DirectoryTally};
