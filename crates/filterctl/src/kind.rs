//! The kinds of extension that there are.

use std::fmt;

use serde::Deserialize;

/// What kind of extension a module is, and thereby where Envoy runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Sees and changes HTTP requests and responses.
    Http,
    /// Sees and changes the octets of a TCP connection.
    Network,
    /// Is told of each request or connection when it is over.
    AccessLogger,
    /// Works by itself beside all traffic, once per Envoy.
    BackgroundService,
}

impl Kind {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Http, Self::Network, Self::AccessLogger, Self::BackgroundService];

    /// As it stands on the command line and in `[package.metadata.filterctl]`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Network => "network",
            Self::AccessLogger => "access-logger",
            Self::BackgroundService => "background-service",
        }
    }

    /// In a sentence.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Http => "an HTTP filter",
            Self::Network => "a network filter",
            Self::AccessLogger => "an access logger",
            Self::BackgroundService => "a background service",
        }
    }

    /// What it is for, in one line.
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Http => "sees and changes HTTP requests and responses",
            Self::Network => "sees and changes the octets of a TCP connection",
            Self::AccessLogger => "is told of each request or connection when it is over",
            Self::BackgroundService => "works by itself beside all traffic, once per Envoy",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    use super::*;

    #[test]
    fn the_command_line_and_the_manifest_use_the_same_words() {
        for kind in Kind::ALL {
            let in_manifest: StrDeserializer<'_, Error> = kind.as_str().into_deserializer();
            assert_eq!(Kind::deserialize(in_manifest), Ok(kind));
            assert_eq!(Kind::from_str(kind.as_str(), false), Ok(kind));
        }
        assert_eq!(Kind::value_variants(), Kind::ALL);
    }
}
