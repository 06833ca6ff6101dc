//! What somebody may have meant.

/// How alike two words are at least, of 0 to 1, before one is offered for the other.
const ALIKE: f64 = 0.75;

/// The word of these that is most like the wrong one; `None` when none is.
pub(super) fn closest<'a>(wrong: &str, right: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |word: &str| {
        let (wrong, word) = (simple(wrong), simple(word));
        strsim::jaro_winkler(&wrong, &word).max(strsim::normalized_damerau_levenshtein(&wrong, &word))
    };
    let scored = right.into_iter().map(|word| (likeness(word), word));
    let best = scored.filter(|(score, _)| *score >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, word)| word)
}

/// "Did you mean" that word; else all of them.
pub(super) fn did_you_mean<'a>(
    wrong: &str,
    right: impl IntoIterator<Item = &'a str, IntoIter: Clone>,
) -> String {
    let right = right.into_iter();
    match closest(wrong, right.clone()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => one_of(right),
    }
}

/// A list of what is possible.
pub(super) fn one_of<'a>(right: impl IntoIterator<Item = &'a str>) -> String {
    let right: Vec<_> = right.into_iter().map(|word| format!("`{word}`")).collect();
    match right.as_slice() {
        [] => "there is none".to_owned(),
        [only] => format!("it is {only}"),
        [rest @ .., last] => format!("it is {} or {last}", rest.join(", ")),
    }
}

/// `maxReplyLine`, `max-reply-line` and `max_reply_line` are one.
fn simple(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [&str; 5] = ["stat_prefix", "strict", "level", "limits", "events"];

    #[test]
    fn what_is_near_is_offered() {
        for (wrong, right) in
            [("levle", "level"), ("statPrefix", "stat_prefix"), ("event", "events"), ("LIMIT", "limits")]
        {
            assert_eq!(did_you_mean(wrong, FIELDS), format!("did you mean `{right}`?"));
        }
        assert_eq!(closest("reporter", FIELDS), None);
        assert_eq!(did_you_mean("on", ["observe", "off"]), "it is `observe` or `off`");
    }
}
