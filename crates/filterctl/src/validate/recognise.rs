//! What a file is.

use serde::Serialize;

use super::document::{Content, Node};
use super::{envoy, filter_config, helm, istio};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A filter's own configuration.
    FilterConfig,
    /// An Envoy bootstrap, or a file of listeners or filters for it.
    Envoy,
    /// Resources of Istio's.
    Istio,
    /// Values for the Helm chart.
    Helm,
}

impl Kind {
    /// What these documents are; `None` if it is not clear. An empty file is a filter's configuration: all its defaults.
    pub fn of(documents: &[Node]) -> Option<Self> {
        let mut documents = documents.iter().filter(|document| document.content != Content::Null);
        let Some(first) = documents.next() else { return Some(Self::FilterConfig) };
        if istio::looks_like_one(first) {
            Some(Self::Istio)
        } else if envoy::looks_like_one(first) {
            Some(Self::Envoy)
        } else if helm::looks_like_one(first) {
            Some(Self::Helm)
        } else if first.fields().is_empty() && first.is_map() || filter_config::looks_like_one(first) {
            Some(Self::FilterConfig)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::document::parse;

    #[test]
    fn a_file_is_recognised() {
        for (text, kind) in [
            ("", Some(Kind::FilterConfig)),
            ("{}", Some(Kind::FilterConfig)),
            ("# nothing\n", Some(Kind::FilterConfig)),
            ("mode: observe\n", Some(Kind::FilterConfig)),
            (r#"{"events": {}}"#, Some(Kind::FilterConfig)),
            ("staticResources: {}\n", Some(Kind::Envoy)),
            ("admin: {}\nstatic_resources: {}\n", Some(Kind::Envoy)),
            ("resources: []\n", Some(Kind::Envoy)),
            ("---\n# first\n---\napiVersion: v1\nkind: Service\n", Some(Kind::Istio)),
            ("filters: []\n", Some(Kind::Helm)),
            ("monitoring: {}\n", Some(Kind::Helm)),
            ("levle: 1\n", None),
            ("- 1\n", None),
            ("text\n", None),
        ] {
            assert_eq!(Kind::of(&parse(text).unwrap()), kind, "{text}");
        }
    }
}
