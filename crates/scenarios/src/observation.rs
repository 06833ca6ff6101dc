//! What was seen of a scenario, on whichever host, in the form of a golden file.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, bail};

use crate::scenario::Peer;

/// What was seen, step by step.
///
/// ```text
/// == client 1 sends "hello"
/// [host->vm] proxy_on_downstream_data(2, 5, 0)
/// [host<-vm] proxy_on_downstream_data return: 0
/// log: [info] five octets
/// server 1: "hello"
/// == statistics
/// scenario_counted_total{extension=network} 1
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// The start of the VM, then a section for each step.
    pub sections: Vec<Section>,
    /// What the access log says, a line per connection in the order of their ends.
    pub access_log: Vec<String>,
    /// By how much each statistic has changed since the start of the VM.
    pub statistics: Vec<String>,
}

/// What was seen of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// The step.
    pub heading: String,
    /// The calls between host and VM, as Envoy traces them, addresses as `*`.
    pub calls: Vec<String>,
    /// Lines of Envoy's log: `[level] text`.
    pub log: Vec<String>,
    /// What reached the peers.
    pub arrivals: BTreeMap<(usize, Peer), Arrival>,
}

/// What reached one end of a connection, or of an HTTP stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Envoy has connected: of servers of connections only.
    pub connected: bool,
    /// Headers, each as `name: value`.
    pub headers: Vec<String>,
    /// Octets; of an HTTP stream those of the body.
    pub octets: Vec<u8>,
    /// Trailers, each as `name: value`.
    pub trailers: Vec<String>,
    /// The end; of a connection whether in good order or by a reset.
    pub end: bool,
    /// The reset of an HTTP stream.
    pub reset: bool,
}

const ACCESS_LOG: &str = "access log";
const STATISTICS: &str = "statistics";

impl Arrival {
    /// What has arrived since `before`, which is a part of it.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let new = |all: &[String], before: &[String]| all[before.len()..].to_vec();
        Self {
            connected: self.connected && !before.connected,
            headers: new(&self.headers, &before.headers),
            octets: self.octets[before.octets.len()..].to_vec(),
            trailers: new(&self.trailers, &before.trailers),
            end: self.end && !before.end,
            reset: self.reset && !before.reset,
        }
    }

    /// Whether at least as much of everything is there as in `expected`.
    pub(crate) fn has(&self, expected: &Self) -> bool {
        self.connected >= expected.connected
            && self.headers.len() >= expected.headers.len()
            && self.octets.len() >= expected.octets.len()
            && self.trailers.len() >= expected.trailers.len()
            && self.end >= expected.end
            && self.reset >= expected.reset
    }

    /// Takes as much of everything as there is in `expected`, and leaves the rest.
    pub(crate) fn take(&mut self, expected: &Self) -> Self {
        let take = |flag: &mut bool, expected: bool| {
            let taken = *flag && expected;
            *flag &= !expected;
            taken
        };
        Self {
            connected: take(&mut self.connected, expected.connected),
            headers: self.headers.drain(..expected.headers.len()).collect(),
            octets: self.octets.drain(..expected.octets.len()).collect(),
            trailers: self.trailers.drain(..expected.trailers.len()).collect(),
            end: take(&mut self.end, expected.end),
            reset: take(&mut self.reset, expected.reset),
        }
    }

    /// Whether nothing has arrived.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Observation {
    /// Reads the text of a golden file.
    ///
    /// # Errors
    /// If it is not in the form in which [`Display`](fmt::Display) writes it.
    pub fn parse(text: &str) -> Result<Self> {
        let mut observation = Self::default();
        let mut place = "";
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some(heading) = line.strip_prefix("== ") {
                place = heading;
                if ![ACCESS_LOG, STATISTICS].contains(&heading) {
                    observation.sections.push(Section { heading: heading.to_owned(), ..Section::default() });
                }
                continue;
            }
            match place {
                ACCESS_LOG => observation.access_log.push(line.to_owned()),
                STATISTICS => observation.statistics.push(line.to_owned()),
                _ => {
                    let section = observation.sections.last_mut().context("a line before the first `==`")?;
                    section.take_line(line).with_context(|| line.to_owned())?;
                }
            }
        }
        Ok(observation)
    }

    /// Where the texts of the two differ first, with the lines around; `None` where they do not.
    pub fn difference(&self, other: &Self, names: [&str; 2]) -> Option<String> {
        let texts = [self.to_string(), other.to_string()];
        let [ours, theirs] = texts.each_ref().map(|text| text.lines().collect::<Vec<_>>());
        let same = ours.iter().zip(&theirs).take_while(|(ours, theirs)| ours == theirs).count();
        if same == ours.len() && same == theirs.len() {
            return None;
        }
        let shown = |lines: &[&str], sign: char| -> String {
            lines.iter().skip(same).take(LINES_SHOWN).map(|line| format!("{sign} {line}\n")).collect()
        };
        let step = ours[..same].iter().rfind(|line| line.starts_with("== ")).unwrap_or(&"");
        let before: String =
            ours[same.saturating_sub(3)..same].iter().map(|line| format!("  {line}\n")).collect();
        Some(format!(
            "--- {}\n+++ {}\n{step}, line {}\n{before}{}{}",
            names[0],
            names[1],
            same + 1,
            shown(&ours, '-'),
            shown(&theirs, '+')
        ))
    }
}

/// So many lines of each text are shown where they differ.
const LINES_SHOWN: usize = 12;

impl Section {
    fn take_line(&mut self, line: &str) -> Result<()> {
        if let Some(text) = line.strip_prefix("log: ") {
            self.log.push(text.to_owned());
        } else if line.starts_with('[') {
            self.calls.push(line.to_owned());
        } else {
            let (who, what) = line.split_once(": ").context("neither call, log nor arrival")?;
            let (peer, number) = who.split_once(' ').context("a peer has a number")?;
            let peer = match peer {
                "client" => Peer::Client,
                "server" => Peer::Server,
                "oracle" => Peer::Oracle,
                _ => bail!("neither client, server nor oracle"),
            };
            let number: usize = number.parse()?;
            let arrival = self.arrivals.entry((number - 1, peer)).or_default();
            match (what, what.split_once(' ')) {
                ("connected", _) => arrival.connected = true,
                ("end", _) => arrival.end = true,
                ("reset", _) => arrival.reset = true,
                (_, Some(("header", header))) => arrival.headers.push(header.to_owned()),
                (_, Some(("trailer", trailer))) => arrival.trailers.push(trailer.to_owned()),
                (quoted, _) => arrival.octets = unescaped(quoted)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for section in &self.sections {
            section.fmt(f)?;
        }
        for (heading, lines) in [(ACCESS_LOG, &self.access_log), (STATISTICS, &self.statistics)] {
            if !lines.is_empty() {
                writeln!(f, "== {heading}\n{}", lines.join("\n"))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "== {}", self.heading)?;
        for call in &self.calls {
            writeln!(f, "{call}")?;
        }
        for line in &self.log {
            writeln!(f, "log: {line}")?;
        }
        for ((number, peer), arrival) in &self.arrivals {
            let who = format!("{peer} {}", number + 1);
            if arrival.connected {
                writeln!(f, "{who}: connected")?;
            }
            for header in &arrival.headers {
                writeln!(f, "{who}: header {header}")?;
            }
            if !arrival.octets.is_empty() {
                writeln!(f, "{who}: \"{}\"", arrival.octets.escape_ascii())?;
            }
            for trailer in &arrival.trailers {
                writeln!(f, "{who}: trailer {trailer}")?;
            }
            if arrival.end {
                writeln!(f, "{who}: end")?;
            }
            if arrival.reset {
                writeln!(f, "{who}: reset")?;
            }
        }
        Ok(())
    }
}

/// Headers or trailers as both hosts show them: ordered by name, since the order of different names means nothing (RFC 9110,
/// section 5.3) and Envoy 1.36 sends another one; and values that are others in every run masked.
pub(crate) fn fields<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<String> {
    const VARYING: [&[u8]; 3] = [b"date", b"x-envoy-upstream-service-time", b"x-request-id"];
    let mut fields: Vec<(&[u8], &[u8])> = fields.collect();
    // The order of values of the same name stays.
    fields.sort_by_key(|(name, _)| *name);
    let shown = |(name, value): (&[u8], &[u8])| {
        let value = if VARYING.contains(&name) { "*".to_owned() } else { value.escape_ascii().to_string() };
        format!("{}: {value}", name.escape_ascii())
    };
    fields.into_iter().map(shown).collect()
}

/// Of a call-out's headers, what the extension has said. FakeEnvoy does not know what Envoy adds, and `:authority` is the
/// extension's in an HTTP call, Envoy's in a gRPC call.
pub(crate) fn of_extension(name: &[u8]) -> bool {
    let is_envoys = |name: &[u8]| name.starts_with(b"x-envoy-") || name.starts_with(b"x-forwarded-");
    name == b":path" || (name.starts_with(b"x-") && !is_envoys(name) && name != b"x-request-id")
}

/// Takes back what `escape_ascii` and two quotation marks have done.
fn unescaped(quoted: &str) -> Result<Vec<u8>> {
    let text = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).context("no quotes")?;
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'\\' {
            octets.push(octet);
            continue;
        }
        octets.push(match rest.next().context("nothing behind a backslash")? {
            b't' => b'\t',
            b'r' => b'\r',
            b'n' => b'\n',
            b'x' => {
                let digits = [rest.next(), rest.next()].map(Option::unwrap_or_default);
                u8::from_str_radix(std::str::from_utf8(&digits)?, 16)?
            }
            other => other,
        });
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
== start
[host->vm] _initialize()
[host<-vm] _initialize return: void
== client 1 sends \"a\\r\\n\\x00\\\"\\\\\"
[host->vm] proxy_on_downstream_data(2, 5, 0)
log: [info] five: octets
client 1: end
server 1: connected
server 1: \"a\\r\\n\\x00\\\"\\\\\"
server 1: end
== access log
-
== statistics
scenario_counted_total{extension=network} 1
";

    #[test]
    fn what_is_written_is_read_again() {
        let observation = Observation::parse(TEXT).unwrap();
        assert_eq!(observation.sections[1].arrivals[&(0, Peer::Server)].octets, b"a\r\n\0\"\\");
        assert_eq!(observation.sections.len(), 2);
        assert_eq!(observation.to_string(), TEXT);
        assert!(Observation::parse("== start\nnonsense").is_err());
    }

    #[test]
    fn the_first_difference_is_shown() {
        let observation = Observation::parse(TEXT).unwrap();
        assert_eq!(observation.difference(&observation, ["a", "b"]), None);
        let mut other = observation.clone();
        other.sections[1].log.clear();
        let difference = observation.difference(&other, ["golden", "seen"]).unwrap();
        assert!(difference.contains("- log: [info] five: octets\n"), "{difference}");
        assert!(difference.contains("+ client 1: end\n"), "{difference}");
        other.statistics.clear();
        assert!(observation.difference(&other, ["golden", "seen"]).is_some());
    }
}
