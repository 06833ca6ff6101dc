//! Listeners, servers and sources of a module, as they are named on the command line.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use common_metrics::is_label_value;

/// Where clients connect: `25`, `relay=25`, `0.0.0.0:25`, `relay=[::]:25`, `587/1587`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listener {
    /// What it is called; part of names and labels.
    pub(super) name: Option<String>,
    /// The address of the machine.
    pub(super) address: IpAddr,
    /// The port: in Istio, the Service's.
    pub(super) port: u16,
    /// The port of the workload, where it is another than the Service's.
    pub(super) target: Option<u16>,
}

impl FromStr for Listener {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, place) = match text.split_once('=') {
            Some((name, place)) => (Some(name), place),
            None => (None, text),
        };
        if let Some(name) = name.filter(|name| !is_label_value(name)) {
            return Err(format!("{name:?} cannot be a name: use 1 to 64 of A-Z a-z 0-9 _ -"));
        }
        let (place, target) = match place.split_once('/') {
            Some((place, target)) => (place, Some(port(target)?)),
            None => (place, None),
        };
        let (address, number) = match place.rsplit_once(':') {
            Some((address, number)) => {
                let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
                let wrong = |_| format!("{address:?} is no IP address; 0.0.0.0:25 or 25 would be right");
                (bare.unwrap_or(address).parse().map_err(wrong)?, number)
            }
            None => (IpAddr::from(Ipv4Addr::UNSPECIFIED), place),
        };
        let listener = Self { name: name.map(str::to_owned), address, port: port(number)?, target };
        Ok(Self { target: listener.target.filter(|target| *target != listener.port), ..listener })
    }
}

fn port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("{text:?} is no port: 1 to 65535")),
        Ok(port) => Ok(port),
    }
}

/// What listeners on well-known ports are called, as the samples call them.
pub(super) fn usual_name(filter: &str, port: u16) -> Option<&'static str> {
    match (filter, port) {
        ("smtp", 25) => Some("relay"),
        ("smtp", 587) => Some("submission"),
        ("smtp", 465) => Some("submissions"),
        ("smtp", 24) => Some("lmtp"),
        ("ldap", 389) => Some("ldap"),
        ("ldap", 636) => Some("ldaps"),
        ("ldap", 3268) => Some("gc"),
        ("ldap", 3269) => Some("gcs"),
        _ => None,
    }
}

/// The server behind a listener: `mail.example.com`, `mail.example.com:25`, `relay=mail.example.com:25`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// The listener that it is behind; of all, if none is named.
    pub(super) listener: Option<String>,
    /// Its name or address.
    pub(super) host: String,
    /// Its port; that of the listener, if it is not said.
    pub(super) port: Option<u16>,
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (listener, place) = match text.split_once('=') {
            Some((listener, place)) => (Some(listener.to_owned()), place),
            None => (None, text),
        };
        let (host, number) = match (place.strip_prefix('['), place.rsplit_once(':')) {
            (Some(rest), _) => match rest.split_once(']') {
                Some((host, "")) => (host, None),
                Some((host, rest)) => (host, rest.strip_prefix(':')),
                None => return Err(format!("{place:?} has no `]`")),
            },
            (None, Some((host, number))) if !host.contains(':') => (host, Some(number)),
            (None, _) => (place, None),
        };
        let is_host =
            !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:".contains(c));
        if !is_host || host.starts_with('-') {
            return Err(format!("{host:?} is no host; mail.example.com:25 would be right"));
        }
        Ok(Self { listener, host: host.to_owned(), port: number.map(port).transpose()? })
    }
}

/// Where the module comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// An image or artifact in a registry, without `oci://`.
    Oci(String),
    /// A file on a web server, with `https://`.
    Https(String),
    /// A file beside Envoy: an absolute path.
    File(String),
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let right = "it begins with oci://, https:// or / (a file beside Envoy)";
        match text.split_once("://") {
            Some(("oci", image)) if image.contains('/') => Ok(Self::Oci(image.to_owned())),
            Some(("oci", image)) => Err(format!(
                "{image:?} is no image; oci://registry.example.com/envoy-filters/smtp-filter:0.1.0 would be"
            )),
            Some(("https", rest)) if rest.contains('/') => Ok(Self::Https(text.to_owned())),
            Some(("file", path)) if path.starts_with('/') => Ok(Self::File(path.to_owned())),
            Some(("http", _)) => {
                Err("a module is not fetched in clear text: https:// would be right".to_owned())
            }
            None if text.starts_with('/') => Ok(Self::File(text.to_owned())),
            None if text.ends_with(".wasm") => {
                Err(format!("{text:?} is no absolute path; /etc/envoy/{text} would be"))
            }
            _ => Err(format!("{text:?} is no source of a module: {right}")),
        }
    }
}

/// A checksum: 64 digits and letters a to f. A prefix `sha256:` and capitals are put right.
///
/// # Errors
/// What it looks like.
pub(super) fn sha256(text: &str) -> Result<String, String> {
    let sum = text.trim_start_matches("sha256:").to_ascii_lowercase();
    if sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(sum)
    } else {
        Err("a sha256 is 64 characters of 0-9 and a-f".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(text: &str) -> Result<(Option<String>, String, u16, Option<u16>), String> {
        let Listener { name, address, port, target } = text.parse()?;
        Ok((name, address.to_string(), port, target))
    }

    #[test]
    fn listeners_are_read() {
        let name = |name: &str| Some(name.to_owned());
        assert_eq!(listener("25"), Ok((None, "0.0.0.0".to_owned(), 25, None)));
        assert_eq!(listener("relay=127.0.0.1:2525"), Ok((name("relay"), "127.0.0.1".to_owned(), 2525, None)));
        assert_eq!(listener("a=[::]:25"), Ok((name("a"), "::".to_owned(), 25, None)));
        assert_eq!(listener("25/2525"), Ok((None, "0.0.0.0".to_owned(), 25, Some(2525))));
        assert_eq!(listener("25/25"), Ok((None, "0.0.0.0".to_owned(), 25, None)));
        for (bad, reason) in [
            ("0", "\"0\" is no port"),
            ("mail:25", "\"mail\" is no IP address"),
            ("a b=25", "\"a b\" cannot be a name"),
            ("", "\"\" is no port"),
            ("25/x", "\"x\" is no port"),
        ] {
            let error = listener(bad).unwrap_err();
            assert!(error.starts_with(reason), "{bad}: {error}");
        }
    }

    #[test]
    fn servers_are_read() {
        let server = |text: &str| text.parse::<Server>().map(|it| (it.listener, it.host, it.port));
        assert_eq!(server("mail.example.com"), Ok((None, "mail.example.com".to_owned(), None)));
        assert_eq!(server("a=10.0.0.1:25"), Ok((Some("a".to_owned()), "10.0.0.1".to_owned(), Some(25))));
        assert_eq!(server("[2001:db8::1]:389"), Ok((None, "2001:db8::1".to_owned(), Some(389))));
        assert_eq!(server("2001:db8::1"), Ok((None, "2001:db8::1".to_owned(), None)));
        for bad in ["", ":25", "a b:25", "mail:x", "[::1", "mail/25"] {
            assert!(server(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sources_are_read() {
        let source = |text: &str| text.parse::<Source>();
        assert_eq!(source("oci://r.example/a:1"), Ok(Source::Oci("r.example/a:1".to_owned())));
        assert_eq!(
            source("https://h.example/a.wasm"),
            Ok(Source::Https("https://h.example/a.wasm".to_owned()))
        );
        assert_eq!(source("file:///a.wasm"), Ok(Source::File("/a.wasm".to_owned())));
        assert_eq!(source("/a.wasm"), source("file:///a.wasm"));
        for (bad, right) in [
            ("http://h.example/a.wasm", "https:// would be right"),
            ("a.wasm", "/etc/envoy/a.wasm would be"),
            ("oci://smtp", "oci://registry.example.com/"),
            ("ftp://h/a", "oci://, https:// or /"),
        ] {
            let error = source(bad).unwrap_err();
            assert!(error.contains(right), "{bad}: {error}");
        }
        assert_eq!(sha256(&format!("sha256:{}", "A".repeat(64))), Ok("a".repeat(64)));
        assert!(sha256("abc").is_err());
    }
}
