//! What the command line says.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// A portal that logs its users in with a directory.
#[derive(Clone, Debug, Parser)]
#[command(version, about)]
pub struct Settings {
    /// The directory, or the Envoy in front of it.
    #[arg(long, value_name = "HOST:PORT")]
    pub ldap: String,

    /// How often somebody logs in, such as 1s or 200ms.
    #[arg(long, value_name = "DURATION", default_value = "250ms", value_parser = interval)]
    pub every: Duration,

    /// Ends after this long; without it, at Ctrl-C.
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub run_for: Option<Duration>,

    /// The share of connections for logins that use StartTLS: 0 to 1, or a percentage.
    #[arg(long, value_name = "SHARE", default_value = "0.3", value_parser = share)]
    pub starttls_share: f64,

    /// A PEM file whose certificates are trusted for StartTLS, instead of the system's.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// The name that the server's certificate must carry; the host of --ldap if not given.
    #[arg(long, value_name = "NAME")]
    pub tls_name: Option<String>,

    /// How many connections the portal keeps open for searches under its own account.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    pub pool: u8,

    /// How many logins one connection serves before a new one is made.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub logins_per_connection: u64,

    /// How long to wait for the server's answer.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = interval)]
    pub timeout: Duration,

    /// Also ends when standard input ends: for a program that starts this one, so that it never stays behind.
    #[arg(long)]
    pub until_stdin_ends: bool,

    /// Prints the final counts as one JSON document on standard output.
    #[arg(long)]
    pub json: bool,
}

/// A duration above zero.
fn interval(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be longer than 0s".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

/// `0.3` or `30%`.
fn share(text: &str) -> Result<f64, String> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    match number {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("must be a number from 0 to 1, or 0% to 100%".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Settings, clap::Error> {
        Settings::try_parse_from([&["directory-logins", "--ldap", "localhost:389"], arguments].concat())
    }

    #[test]
    fn defaults_are_those_of_the_readme() {
        let settings = parse(&[]).unwrap();
        assert_eq!((settings.every, settings.run_for), (Duration::from_millis(250), None));
        assert_eq!((settings.pool, settings.logins_per_connection), (2, 3));
    }

    #[test]
    fn what_cannot_be_is_refused_at_once() {
        assert_eq!(parse(&["--starttls-share", "25%"]).unwrap().starttls_share, 0.25);
        for bad in ["--starttls-share=1.1", "--starttls-share=NaN", "--every=0s", "--pool=0", "--every=soon"]
        {
            assert!(parse(&[bad]).is_err(), "{bad}");
        }
    }
}
