//! Real mail and directory servers and clients on loopback, for end-to-end tests and benchmarks.
//!
//! A filter that was only ever tried against a mock of its author's own making proves little. This crate
//! runs the programs that mail really passes through (Postfix, Exim, OpenSMTPD, Dovecot's LMTP server), the
//! directories that are really asked (OpenLDAP's slapd with MIT Kerberos, Samba as an Active Directory
//! controller), and the clients that really talk to them (swaks, Python's `smtplib`, lettre, nodemailer,
//! `smtp-source`; `ldapsearch` and its siblings, python-ldap, `ldap3`, two Java libraries), each with a
//! configuration of its own, on ports of its own, and asks them afterwards what *they* counted.
//!
//! ```no_run
//! use real_peers::mail::{Client, ClientOptions, Mail, MailServer, Server};
//!
//! # fn main() -> anyhow::Result<()> {
//! let postfix = MailServer::start(Server::Postfix)?;
//! let mail = Mail::new("app@client.test", ["alice@good.test", "nobody@good.test"], "hello");
//! let submission = Client::Smtplib.send(postfix.smtp(), &mail, &ClientOptions::default())?;
//! assert_eq!(submission.refusals, [550]);
//! let delivered = postfix.mailbox().wait_for(1)?;
//! assert!(delivered[0].carries(&mail.message));
//! assert_eq!(postfix.tally_when(|tally| tally.mails_accepted == 1)?.recipients_rejected, 1);
//! # Ok(())
//! # }
//! ```
//!
//! ```no_run
//! use real_peers::directory::rules::{PASSWORD, PEOPLE, person};
//! use real_peers::directory::{Access, DirectoryServer, LdapUtils, Search};
//!
//! # fn main() -> anyhow::Result<()> {
//! let slapd = DirectoryServer::start()?;
//! let alice = Access::to(slapd.ldap()).simple(person("alice"), PASSWORD);
//! let report = LdapUtils::find()?.search(&alice, &Search::below(PEOPLE, "(uid=bob)"), &[])?;
//! assert_eq!((report.result(), report.entries()), (Some(0), 1));
//! assert_eq!(slapd.tally_after(1)?.answers("search", 0), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # How the servers run
//! Nothing is installed into the system: [`Peer::install`] downloads Debian's packages through `apt-get` and
//! unpacks them below `target/peers/`. A started server gets a private root (hard links to the unpacked
//! files) with its own accounts, configuration, spool and log, and runs in it by `chroot`. So the packages
//! that exclude each other run side by side, hard-coded paths are no trouble, no account is made on this
//! machine and no system service is touched. All listeners are on 127.0.0.1; mail is accepted for
//! [`mail::rules::DOMAIN`] only, and delivered into the private root. When a server is dropped, or the
//! process that started it ends in any way, everything that runs in its root is ended and the root is removed
//! (see [`instance`]).
//!
//! `chroot` needs root. Without it the clients and the load tools still work, and the servers are reported as
//! [`Missing`], with the command that would make them available.
//!
//! # Layout
//! [`mail`] has the mail peers, [`directory`] those that speak LDAP; what is common stands beside them:
//! [`debian`] (where the programs come from), [`instance`] (the root that one runs in), [`Recorder`] (which
//! writes down what they say to each other).

pub mod browser;
pub mod cluster;
pub mod crates_io;
pub mod daemon;
pub mod debian;
pub mod directory;
pub mod go;
pub mod instance;
pub mod mail;
pub mod observability;
pub mod pypi;
pub mod release;

mod availability;
mod folders;
mod recorder;
mod script;
mod waiting;
mod wire;

pub use availability::{Availability, Missing, Peer, in_ci, install, install_all};
pub use folders::peers_folder;
pub use recorder::{Direction, RecordedFrame, Recorder, Recording};
pub use waiting::{DEADLINE, wait_until};
