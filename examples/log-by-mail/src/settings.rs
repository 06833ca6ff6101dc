//! What the command line says.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use lettre::Address;

/// An application that logs an error every second and mails it.
#[derive(Clone, Debug, Parser)]
#[command(version, about)]
pub struct Settings {
    /// The SMTP server, or the Envoy in front of it.
    #[arg(long, value_name = "HOST:PORT")]
    pub smtp: String,

    /// How often an error happens, such as 1s or 200ms.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = interval)]
    pub every: Duration,

    /// Ends after this long; without it, at Ctrl-C.
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub run_for: Option<Duration>,

    /// The share of connections that use STARTTLS: 0 to 1, or a percentage.
    #[arg(long, value_name = "SHARE", default_value = "0.3", value_parser = share)]
    pub starttls_share: f64,

    /// A PEM file whose certificates are trusted for STARTTLS, instead of the system's.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// The name that the server's certificate must carry; the host of --smtp if not given.
    #[arg(long, value_name = "NAME")]
    pub tls_name: Option<String>,

    /// The sender of every mail.
    #[arg(long, value_name = "ADDRESS", default_value = "app@shop.example")]
    pub from: Address,

    /// A recipient that the server accepts; may be repeated.
    #[arg(long, value_name = "ADDRESS", default_values = ["ops@mail.example", "audit@mail.example"])]
    pub to: Vec<Address>,

    /// A recipient that the server refuses; may be repeated.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_values = ["nobody@mail.example", "full@mail.example", "later@mail.example"]
    )]
    pub bad_to: Vec<Address>,

    /// Every n-th mail goes to a bad recipient only; 0 for never.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub bad_every: u64,

    /// Every n-th mail goes to all good recipients and a bad one; 0 for never.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub mixed_every: u64,

    /// Every n-th mail carries a stack trace of --huge-octets; 0 for never.
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub huge_every: u64,

    /// The size of a huge mail's body in octets.
    #[arg(long, value_name = "OCTETS", default_value_t = 200_000)]
    pub huge_octets: usize,

    /// How many mails one connection carries before a new one is made.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub mails_per_connection: u64,

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
        Settings::try_parse_from([&["log-by-mail", "--smtp", "localhost:25"], arguments].concat())
    }

    #[test]
    fn defaults_are_those_of_the_readme() {
        let settings = parse(&[]).unwrap();
        assert_eq!(settings.every, Duration::from_secs(1));
        assert_eq!(settings.run_for, None);
        assert_eq!((settings.to.len(), settings.bad_to.len()), (2, 3));
    }

    #[test]
    fn a_share_is_a_fraction_or_a_percentage() {
        assert_eq!(parse(&["--starttls-share", "25%"]).unwrap().starttls_share, 0.25);
        assert_eq!(parse(&["--starttls-share", "1"]).unwrap().starttls_share, 1.0);
        for bad in ["1.1", "-0.1", "half", "NaN", "101%"] {
            assert!(parse(&[&format!("--starttls-share={bad}")]).is_err(), "{bad}");
        }
    }

    #[test]
    fn intervals_and_addresses_are_checked_at_once() {
        for bad in [["--every", "0s"], ["--every", "soon"], ["--to", "not an address"]] {
            assert!(parse(&bad).is_err(), "{bad:?}");
        }
        assert!(parse(&["--mails-per-connection", "0"]).is_err());
    }
}
