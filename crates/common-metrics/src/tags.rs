//! The rules that turn a stat name back into a metric with labels.

/// One entry of Envoy's `stats_config.stats_tags`: the regex's first group is cut out of the name,
/// its second is the label's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsTag {
    /// The label's name.
    pub tag_name: String,
    /// The rule; Istio generates the same one for each name in `extraStatTags`.
    pub regex: String,
}

/// The tag rules for these labels, each name once.
pub fn stats_tags<'a>(labels: impl IntoIterator<Item = &'a str>) -> Vec<StatsTag> {
    let mut tags: Vec<StatsTag> = Vec::new();
    for label in labels {
        if !tags.iter().any(|tag| tag.tag_name == label) {
            tags.push(StatsTag { tag_name: label.to_owned(), regex: format!(r"({label}=\.=(.*?);\.;)") });
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_rule_per_label_as_istio_writes_it() {
        let tags = stats_tags(["verb", "code", "verb"]);
        assert_eq!(tags.len(), 2);
        assert_eq!(tags.first().map(|tag| tag.regex.as_str()), Some(r"(verb=\.=(.*?);\.;)"));
    }
}
