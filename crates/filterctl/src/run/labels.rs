//! The labels of an extension's metrics, read from the names of its statistics.
//!
//! Envoy makes labels of names only by rules that it is given when it starts, and a module says what it counts only once
//! Envoy runs: an extension that this tool does not know is started twice.

use std::collections::BTreeSet;

/// What stands between a label and its value, and behind the value, in a stat's name.
const IS: &str = "=.=";
const END: &str = ";.;";

/// What Envoy puts in front of what a module counts.
const PREFIX: &str = "wasmcustom.";

/// The names of all labels in the text of `/stats`.
pub(super) fn labels(stats: &str) -> BTreeSet<String> {
    let names = stats.lines().filter_map(|line| line.strip_prefix(PREFIX)?.split(": ").next());
    names.flat_map(labels_of).map(str::to_owned).collect()
}

/// The labels in one name: `filter.label=.=value;.;other=.=value;.;metric`.
fn labels_of(name: &str) -> impl Iterator<Item = &str> {
    let (_, rest) = name.split_once('.').unwrap_or_default();
    rest.split(END).filter_map(|part| part.split_once(IS)).map(|(label, _)| label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_in_the_names_of_modules_alone() {
        let stats = "\
http.web.rq_total: 3
odd.a=.=b;.;total: 1
wasmcustom.demo.ending=.=over;.;connections_total: 0
wasmcustom.demo.sender=.=client;.;ending=.=x;.;bytes_total: 5
wasmcustom.demo.plain_total: 7
wasmcustom.demo.verb=.=A;.;wait_microseconds: P0(nan,1) P25(nan,1.025)
wasmcustom.simple: 1
";
        let found = labels(stats);
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), ["ending", "sender", "verb"]);
    }
}
