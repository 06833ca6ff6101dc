//! `ldbsearch` and `ldbmodify`, Samba's own clients: they log in as Windows does.
//!
//! A session of theirs begins with a search of the root entry, anonymously. Then comes the bind by GSS-SPNEGO,
//! then two more searches of their own ([`LdbTools::SEARCHES_OF_THEIR_OWN`] in all), then what they were asked
//! for. They end it by closing the connection, without an unbind.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use super::{Protection, Scope, Search};
use crate::directory::kdc::Tickets;
use crate::directory::samba::SambaAd;
use crate::directory::samba::rules::{HOST, NETBIOS_DOMAIN, SERVICE_HOST};

/// How these tools log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LdbLogin {
    /// By a simple bind.
    Simple {
        /// The name to bind as.
        dn: String,
        /// Its password.
        password: String,
    },
    /// By GSS-SPNEGO with Kerberos tickets.
    Kerberos(Tickets),
    /// By GSS-SPNEGO with NTLM. Over LDAP, whoever agrees to sign with NTLM agrees to seal.
    Ntlm {
        /// The account's name in the domain.
        account: String,
        /// Its password.
        password: String,
    },
}

impl LdbLogin {
    /// NTLM with that account and password.
    #[must_use]
    pub fn ntlm(account: &str, password: &str) -> Self {
        Self::Ntlm { account: account.to_owned(), password: password.to_owned() }
    }
}

/// What one of the tools printed, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LdbReport {
    /// Whether it ended well.
    pub success: bool,
    /// Its standard output.
    pub output: String,
    /// Its standard error.
    pub errors: String,
}

impl LdbReport {
    /// Entries that a search printed.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.output.lines().filter(|line| line.starts_with("dn: ") || line.starts_with("dn:: ")).count()
    }

    /// References that a search printed.
    #[must_use]
    pub fn references(&self) -> usize {
        self.output.lines().filter(|line| line.starts_with("ref: ")).count()
    }

    /// The result code of what the server refused, if the tool named one.
    #[must_use]
    pub fn refusal(&self) -> Option<u32> {
        let (_, rest) = self.errors.split_once("LDAP error ")?;
        rest.split(' ').next()?.parse().ok()
    }
}

/// The tools, run in the root of a controller and with its configuration.
pub struct LdbTools<'a> {
    controller: &'a SambaAd,
}

impl<'a> LdbTools<'a> {
    /// How many searches they make before the first that they were asked for, one of them before the bind. That
    /// one is left out with a simple bind.
    pub const SEARCHES_OF_THEIR_OWN: u64 = 3;

    /// Those of that controller.
    #[must_use]
    pub fn of(controller: &'a SambaAd) -> Self {
        Self { controller }
    }

    /// Searches at `address`: the controller's, or one on 127.0.0.1 that leads there. `more` are further options
    /// of `ldbsearch`, such as `--show-deleted` or `--controls=dirsync:1:0:0`.
    ///
    /// # Errors
    /// When the tool cannot be started, or has no way to ask for that. What the server refuses is no error but
    /// part of the report.
    pub fn search(
        &self,
        address: SocketAddr,
        login: &LdbLogin,
        protection: Protection,
        search: &Search,
        more: &[&str],
    ) -> Result<LdbReport> {
        ensure!((search.size_limit, search.time_limit) == (0, 0), "ldbsearch sends no limits");
        let scope = match search.scope {
            Scope::Base => "base",
            Scope::One => "one",
            Scope::Subtree => "sub",
            Scope::Children => anyhow::bail!("ldbsearch has no such scope"),
        };
        let mut arguments: Vec<String> = ["-b", &search.base, "-s", scope].map(str::to_owned).into();
        if let Some(entries) = search.page_size {
            arguments.push(format!("--controls=paged_results:1:{entries}"));
        }
        if let Some(attribute) = &search.sort_by {
            arguments.push(format!("--controls=server_sort:1:0:{attribute}"));
        }
        arguments.extend(more.iter().map(|&argument| argument.to_owned()));
        arguments.push(search.filter.clone());
        arguments.extend(search.attributes.iter().cloned());
        self.run("/usr/bin/ldbsearch", address, login, protection, &arguments, "")
    }

    /// Makes the changes that the LDIF describes, at `address`.
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub fn modify(
        &self,
        address: SocketAddr,
        login: &LdbLogin,
        protection: Protection,
        ldif: &str,
    ) -> Result<LdbReport> {
        self.run("/usr/bin/ldbmodify", address, login, protection, &[], ldif)
    }

    fn run(
        &self,
        program: &str,
        address: SocketAddr,
        login: &LdbLogin,
        protection: Protection,
        arguments: &[String],
        input: &str,
    ) -> Result<LdbReport> {
        let wrapping = match protection {
            Protection::None => "plain",
            Protection::Integrity => "sign",
            Protection::Confidentiality => "seal",
        };
        let mut command = self.controller.instance().command(program, &["-d0", "-H", &self.url(address)?]);
        command
            .arg(format!("--option=client ldap sasl wrapping = {wrapping}"))
            .args(self.log_in(login)?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("starting {program}"))?;
        // A tool that could not connect does not read its input.
        let _ = child.stdin.take().context("it has no input")?.write_all(input.as_bytes());
        let output = child.wait_with_output()?;
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        Ok(LdbReport {
            success: output.status.success(),
            output: text(&output.stdout),
            errors: text(&output.stderr),
        })
    }

    /// By name: there are no tickets for addresses, and none for `localhost` in Samba's eyes.
    fn url(&self, address: SocketAddr) -> Result<String> {
        let host = match address.ip() {
            ip if ip == self.controller.ldap().ip() => HOST,
            IpAddr::V4(Ipv4Addr::LOCALHOST) => SERVICE_HOST,
            ip => anyhow::bail!("the controller's root has no name for {ip}"),
        };
        Ok(format!("ldap://{host}:{}", address.port()))
    }

    fn log_in(&self, login: &LdbLogin) -> Result<Vec<String>> {
        Ok(match login {
            LdbLogin::Simple { dn, password } => {
                vec![format!("--simple-bind-dn={dn}"), format!("--password={password}")]
            }
            LdbLogin::Kerberos(tickets) => {
                let cache = tickets
                    .cache
                    .strip_prefix(self.controller.root())
                    .context("tickets of another controller")?;
                vec![
                    "--use-kerberos=required".to_owned(),
                    format!("--use-krb5-ccache=FILE:/{}", cache.display()),
                ]
            }
            LdbLogin::Ntlm { account, password } => {
                vec![
                    "--use-kerberos=off".to_owned(),
                    format!("--user={NETBIOS_DOMAIN}\\{account}%{password}"),
                ]
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::LdbReport;

    #[test]
    fn a_report_is_read() {
        let found = LdbReport {
            output: "# record 1\ndn: CN=a\ncn: a\n\n# Referral\nref: ldap://b\n\n# returned 2 records\n"
                .to_owned(),
            ..LdbReport::default()
        };
        assert_eq!((found.entries(), found.references(), found.refusal()), (1, 1, None));
        let refused = "Failed to bind - LDAP error 49 LDAP_INVALID_CREDENTIALS -  <8009030C: …> <>\n";
        assert_eq!(LdbReport { errors: refused.to_owned(), ..LdbReport::default() }.refusal(), Some(49));
    }
}
