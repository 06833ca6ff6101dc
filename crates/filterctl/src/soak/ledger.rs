//! What the ends of all connections know, to be compared with what the filters have counted.

use std::collections::BTreeMap;

use envoy_runner::Scrape;
use serde::Serialize;

use super::conversation::Part;
use super::plan::Fault;
use crate::replay::Direction;

/// What has happened on connections, as their own ends know it.
///
/// What was seen to arrive has passed the filter for certain. What was under way when an end left may or may not have.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    /// Connections, by what went wrong.
    pub(super) connections: BTreeMap<Fault, u64>,
    /// Octets in each direction.
    octets: BTreeMap<Direction, Bounds>,
    /// Series, and what they must count.
    counts: BTreeMap<&'static str, Bounds>,
    /// What was not as it has to be, whatever goes wrong.
    pub(super) troubles: Vec<String>,
}

/// At least and at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Bounds {
    least: u64,
    most: u64,
}

impl Ledger {
    /// So many octets have arrived, or may have passed the filter.
    pub(super) fn octets(&mut self, direction: Direction, octets: usize, certain: bool) {
        self.octets.entry(direction).or_default().add(octets as u64, certain);
    }

    /// A part has passed whole, or may have.
    pub(super) fn part(&mut self, part: &Part, certain: bool) {
        for series in &part.counts {
            self.counts.entry(series).or_default().add(1, certain);
        }
    }

    /// A connection is over.
    pub(super) fn connection(&mut self, fault: Fault) {
        *self.connections.entry(fault).or_default() += 1;
    }

    /// How many connections are over.
    pub(super) fn all_connections(&self) -> u64 {
        self.connections.values().sum()
    }

    /// How many octets have arrived for certain.
    pub(super) fn octets_arrived(&self) -> u64 {
        self.octets.values().map(|bounds| bounds.least).sum()
    }

    /// Takes in what another one knows.
    pub(super) fn merge(&mut self, other: Self) {
        for (fault, count) in other.connections {
            *self.connections.entry(fault).or_default() += count;
        }
        for (direction, bounds) in other.octets {
            self.octets.entry(direction).or_default().merge(bounds);
        }
        for (series, bounds) in other.counts {
            self.counts.entry(series).or_default().merge(bounds);
        }
        self.troubles.extend(other.troubles);
    }

    /// What a filter has counted less or more of than can be: connections and octets of all its listeners, and of the one
    /// with the `stat_prefix` all of these series.
    pub(super) fn differences(
        &self,
        scrape: &Scrape,
        filter: &str,
        stat_prefix: &str,
        series: &[&'static str],
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut compare = |what: String, counted: f64, Bounds { least, most }: Bounds| {
            if !(least as f64..=most as f64).contains(&counted) {
                wrong.push(format!("{what} is {counted} instead of {least} to {most}"));
            }
        };
        let of =
            |metric: &str, labels: &[(&str, &str)]| scrape.counter(&format!("{filter}_{metric}"), labels);
        let all = self.all_connections();
        let exactly = Bounds { least: all, most: all };
        compare(format!("{filter}_connections_total"), of("connections_total", &[]), exactly);
        for (direction, flow) in [(Direction::ToServer, "to_server"), (Direction::ToClient, "to_client")] {
            let counted = of("bytes_total", &[("direction", flow)]);
            let bounds = self.octets.get(&direction).copied().unwrap_or_default();
            compare(format!("{filter}_bytes_total{{direction={flow}}}"), counted, bounds);
        }
        for series in series {
            let bounds = self.counts.get(series).copied().unwrap_or_default();
            compare((*series).to_owned(), value(scrape, series, stat_prefix), bounds);
        }
        wrong
    }
}

impl Bounds {
    fn add(&mut self, count: u64, certain: bool) {
        self.merge(Self { least: if certain { count } else { 0 }, most: count });
    }

    fn merge(&mut self, Self { least, most }: Self) {
        self.least += least;
        self.most += most;
    }
}

/// The sum over `name{label=value,…}` of one listener.
fn value(scrape: &Scrape, series: &str, stat_prefix: &str) -> f64 {
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.trim_end_matches('}').split(',').filter_map(|label| label.split_once('='));
    let labels: Vec<(&str, &str)> = labels.chain([("stat_prefix", stat_prefix)]).collect();
    scrape.counter(name, &labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAILS: &str = "smtp_mails_total{verb=MAIL}";

    fn scrape(mails: u32) -> Scrape {
        let text = format!(
            "smtp_mails_total{{verb=\"MAIL\",stat_prefix=\"calm\"}} {mails}\n\
             smtp_mails_total{{verb=\"MAIL\",stat_prefix=\"noise\"}} 100\n\
             smtp_connections_total{{}} 1\n\
             smtp_bytes_total{{direction=\"to_server\"}} 7\n"
        );
        Scrape::parse(&text).unwrap()
    }

    #[test]
    fn what_is_certain_has_to_be_counted_and_what_is_possible_may_be() {
        let mut ledger = Ledger::default();
        let part = Part { direction: Direction::ToServer, octets: b"1234567".to_vec(), counts: vec![MAILS] };
        ledger.octets(Direction::ToServer, 7, true);
        ledger.part(&part, true);
        ledger.connection(Fault::None);
        let mut other = Ledger::default();
        other.part(&part, false);
        ledger.merge(other);
        let differences =
            |ledger: &Ledger, mails| ledger.differences(&scrape(mails), "smtp", "calm", &[MAILS]);
        assert_eq!(differences(&ledger, 1), [""; 0]);
        assert_eq!(differences(&ledger, 2), [""; 0]);
        for wrong in [0, 3] {
            assert_eq!(differences(&ledger, wrong), [format!("{MAILS} is {wrong} instead of 1 to 2")]);
        }
        assert_eq!(ledger.octets_arrived(), 7);
        assert_eq!(
            differences(&Ledger::default(), 1),
            [
                "smtp_connections_total is 1 instead of 0 to 0".to_owned(),
                "smtp_bytes_total{direction=to_server} is 7 instead of 0 to 0".to_owned(),
                format!("{MAILS} is 1 instead of 0 to 0"),
            ]
        );
    }
}
