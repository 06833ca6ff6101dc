//! `ldapsearch` and its siblings, from Debian's `ldap-utils`, run where they lie.
//!
//! Each call is a connection of its own: bind, one or a few operations, unbind. They can ask for nearly
//! everything that LDAP has; what there is no method for, [`LdapUtils::run`] passes on.

mod report;
mod trusted;
mod watch;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::{Access, Farewell, Login, Protection, Scope, Search, Security};
use crate::availability::Peer;
use crate::debian::Program;
use crate::directory::server::ClientIdentity;
use trusted::TrustedFile;

pub use report::ToolReport;
pub use watch::Watch;

/// A program of `ldap-utils`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tool {
    /// `ldapsearch`.
    Search,
    /// `ldapmodify`: changes, as LDIF on standard input.
    Modify,
    /// `ldapadd`: entries, as LDIF on standard input.
    Add,
    /// `ldapdelete`.
    Delete,
    /// `ldapmodrdn`.
    ModRdn,
    /// `ldapcompare`; its result codes are 6 for true and 5 for false.
    Compare,
    /// `ldapwhoami`.
    WhoAmI,
    /// `ldappasswd`.
    Passwd,
    /// `ldapexop`: `whoami`, `cancel ID`, `refresh DN SECONDS`, or an object identifier.
    Exop,
}

impl Tool {
    fn program(self) -> &'static str {
        match self {
            Self::Search => "usr/bin/ldapsearch",
            Self::Modify => "usr/bin/ldapmodify",
            Self::Add => "usr/bin/ldapadd",
            Self::Delete => "usr/bin/ldapdelete",
            Self::ModRdn => "usr/bin/ldapmodrdn",
            Self::Compare => "usr/bin/ldapcompare",
            Self::WhoAmI => "usr/bin/ldapwhoami",
            Self::Passwd => "usr/bin/ldappasswd",
            Self::Exop => "usr/bin/ldapexop",
        }
    }
}

/// The tools.
pub struct LdapUtils {
    program: Program,
    /// Cyrus SASL's mechanisms.
    mechanisms: PathBuf,
    identity: Option<ClientIdentity>,
}

impl LdapUtils {
    /// Finds the tools.
    ///
    /// # Errors
    /// When they are missing; the text says what to do.
    pub fn find() -> Result<Self> {
        let program = Program::of(&Peer::LdapUtils.require()?)?;
        let mechanisms = program.libraries().join("sasl2");
        Ok(Self { program, mechanisms, identity: None })
    }

    /// The same, showing a certificate wherever TLS is used. SASL EXTERNAL logs in with it.
    #[must_use]
    pub fn with_identity(self, identity: ClientIdentity) -> Self {
        Self { identity: Some(identity), ..self }
    }

    /// Searches. `more` are further options of `ldapsearch`, such as `-E` with a control.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn search(&self, access: &Access, search: &Search, more: &[&str]) -> Result<ToolReport> {
        self.run(Tool::Search, access, &strings(&search_arguments(search, more)), "")
    }

    /// Starts a search that stays open and tells of changes (RFC 4533, refreshAndPersist).
    ///
    /// # Errors
    /// When `ldapsearch` cannot be started.
    pub fn watch(&self, access: &Access, search: &Search, more: &[&str]) -> Result<Watch> {
        // With any of the options that say what to do about an interrupt, it unbinds then.
        let more = [&["-E", "sync=rp", "-e", "ignore"], more].concat();
        let (command, trusted) =
            self.command(Tool::Search, access, &strings(&search_arguments(search, &more)))?;
        Watch::start(command, trusted)
    }

    /// Makes the changes that the LDIF describes (`changetype:` add, modify, modrdn, delete), in one
    /// connection; stops at the first that is refused.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn modify(&self, access: &Access, ldif: &str) -> Result<ToolReport> {
        self.run(Tool::Modify, access, &[], ldif)
    }

    /// Compares an attribute of an entry with a value: 6 is true, 5 is false.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn compare(&self, access: &Access, dn: &str, attribute: &str, value: &str) -> Result<ToolReport> {
        self.run(Tool::Compare, access, &[dn, &format!("{attribute}:{value}")], "")
    }

    /// Asks who the server thinks the client is. `more` are further options, such as `-e ppolicy`.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn who_am_i(&self, access: &Access, more: &[&str]) -> Result<ToolReport> {
        self.run(Tool::WhoAmI, access, more, "")
    }

    /// Changes the password of whoever logs in.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn change_password(&self, access: &Access, old: &str, new: &str) -> Result<ToolReport> {
        self.run(Tool::Passwd, access, &["-e", "ppolicy", "-a", old, "-s", new], "")
    }

    /// Runs a tool to its end, with `input` on its standard input.
    ///
    /// # Errors
    /// When it cannot be started, ends by a signal, or cannot log in that way. What the server refuses is no
    /// error but part of the report, and so is a connection that fails.
    pub fn run(&self, tool: Tool, access: &Access, arguments: &[&str], input: &str) -> Result<ToolReport> {
        // The certificate's file has to last until the tool ends.
        let (mut command, _trusted) = self.command(tool, access, arguments)?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", tool.program()))?;
        // A tool that could not connect does not read its input.
        let _ = child.stdin.take().context("it has no input")?.write_all(input.as_bytes());
        ToolReport::of(&child.wait_with_output()?).with_context(|| format!("running {}", tool.program()))
    }

    fn command(
        &self,
        tool: Tool,
        access: &Access,
        arguments: &[&str],
    ) -> Result<(Command, Option<TrustedFile>)> {
        ensure!(access.farewell == Farewell::Unbind, "ldap-utils always unbind");
        let mut command = self.program.command(tool.program());
        // No configuration of whoever runs the tests; and where the environment says what to do, the
        // machine's own configuration says nothing.
        command.env_clear().env("LC_ALL", "C").env("HOME", "/nonexistent").env("SASL_PATH", &self.mechanisms);
        let trusted = self.reach(&mut command, access)?;
        log_in(&mut command, &access.login)?;
        command.args(arguments);
        Ok((command, trusted))
    }

    /// Where to connect, and what protects the connection.
    fn reach(&self, command: &mut Command, access: &Access) -> Result<Option<TrustedFile>> {
        let port = access.address.port();
        if let (Some(identity), false) = (&self.identity, access.security == Security::Plain) {
            command.env("LDAPTLS_CERT", &identity.certificate).env("LDAPTLS_KEY", &identity.key);
        }
        // OpenLDAP's library looks for this machine's own name in the certificate of `localhost`.
        let (url, pem) = match &access.security {
            Security::Plain => (format!("ldap://localhost:{port}"), None),
            Security::StartTls(pem) => (format!("ldap://127.0.0.1:{port}"), Some(pem)),
            Security::Ldaps(pem) => (format!("ldaps://127.0.0.1:{port}"), Some(pem)),
        };
        command.arg("-H").arg(url);
        if let Security::StartTls(_) = access.security {
            command.arg("-ZZ");
        }
        let Some(pem) = pem else { return Ok(None) };
        let trusted = TrustedFile::with(pem)?;
        command.env("LDAPTLS_CACERT", trusted.path());
        Ok(Some(trusted))
    }
}

fn log_in(command: &mut Command, login: &Login) -> Result<()> {
    match login {
        Login::None => bail!("ldap-utils always bind"),
        Login::Anonymous => {
            command.arg("-x");
        }
        Login::Unauthenticated { dn } => {
            command.args(["-x", "-D", dn]);
        }
        Login::Simple { dn, password } => {
            command.args(["-x", "-D", dn, "-w", password]);
        }
        Login::Sasl { mechanism, user, password, protection } => {
            let properties = properties(*protection, matches!(*mechanism, "PLAIN" | "LOGIN"));
            // Quietly, without looking up the host's name.
            command.args(["-Q", "-N", "-Y", mechanism, "-O", properties]);
            // It has the name from the certificate, and would ask to act as another.
            if *mechanism != "EXTERNAL" {
                command.args(["-U", user, "-w", password]);
            }
        }
        Login::Gssapi { tickets, protection } => {
            command.args(["-Q", "-N", "-Y", "GSSAPI", "-O", properties(*protection, false)]);
            command.env("KRB5_CONFIG", &tickets.config).env("KRB5CCNAME", &tickets.cache);
        }
    }
    Ok(())
}

/// Security properties, as `-O` takes them. Without any, mechanisms that show the password are not used.
fn properties(protection: Protection, shows_password: bool) -> &'static str {
    match protection {
        Protection::None if shows_password => "none",
        Protection::None => "maxssf=0",
        Protection::Integrity => "minssf=1,maxssf=1",
        Protection::Confidentiality => "minssf=56",
    }
}

fn search_arguments(search: &Search, more: &[&str]) -> Vec<String> {
    let scope = match search.scope {
        Scope::Base => "base",
        Scope::One => "one",
        Scope::Subtree => "sub",
        Scope::Children => "children",
    };
    let mut arguments: Vec<String> =
        ["-b", &search.base, "-s", scope, "-o", "ldif-wrap=no"].map(str::to_owned).into();
    let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    if search.size_limit > 0 {
        option("-z", search.size_limit.to_string());
    }
    if search.time_limit > 0 {
        option("-l", search.time_limit.to_string());
    }
    if let Some(entries) = search.page_size {
        option("-E", format!("pr={entries}/noprompt"));
    }
    if let Some(attribute) = &search.sort_by {
        option("-E", format!("sss={attribute}"));
    }
    arguments.extend(more.iter().map(|&argument| argument.to_owned()));
    arguments.push(search.filter.clone());
    arguments.extend(search.attributes.iter().cloned());
    arguments
}

fn strings(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}
