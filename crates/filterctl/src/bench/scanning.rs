//! How fast mail behind DATA is scanned in Envoy's V8, compared with copying the same octets.
//!
//! The module of `crates/scanning-filter` measures itself while Envoy configures it; what it says is in Envoy's log.

use anyhow::{Context, Result, ensure};
use envoy_runner::{Bootstrap, Envoy, Listener, StartOptions, Upstream, WasmFilter};
use serde::{Deserialize, Serialize};

use super::ground::Ground;
use super::statistics::Spread;

/// The package of the module that measures.
const PACKAGE: &str = "scanning-filter";
/// Its filter.
const FILTER: &str = "scanning";
/// Octets of a round.
const OCTETS: u32 = 4 * 1024 * 1024;
/// Rounds that do not count: V8 compiles a function again once it has been called often.
const WARMING: usize = 2;
/// The thread, and what is said.
const FORMAT: &str = "%t %v";
/// What stands in front of what a round took.
const MEASURED: &str = "measured ";

/// How fast one kind of mail is scanned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scanning {
    /// What the mail consists of: `lines_of_text`.
    pub mail: String,
    /// Copying 1 KiB within the module's memory, in nanoseconds.
    pub copying_nanoseconds: Spread,
    /// Scanning 1 KiB, in nanoseconds.
    pub scanning_nanoseconds: Spread,
    /// Scanning as a multiple of copying, round by round.
    pub to_copying: Spread,
}

/// Lets the module measure so many rounds.
///
/// # Errors
/// When the module cannot be built, Envoy does not start, or the module says something else than it did when this was
/// written.
pub(super) fn measure(ground: &Ground, rounds: u32) -> Result<Vec<Scanning>> {
    let module = ground.build(PACKAGE)?;
    let rounds = rounds as usize + WARMING;
    // Nobody connects; the server need not be there.
    let listener = Listener::new(FILTER, Upstream::new("127.0.0.1", 1)).filter(
        WasmFilter::new(FILTER, &module.path)
            .configuration(format!(r#"{{"rounds": {rounds}, "octets": {OCTETS}}}"#)),
    );
    let options = StartOptions {
        component_log_level: Some("wasm:info".to_owned()),
        log_format: Some(FORMAT.to_owned()),
        ..StartOptions::default()
    };
    let folder = ground.folder(FILTER);
    let envoy = Envoy::start(&ground.binary, &Bootstrap::new().listener(listener), &folder, &options)?;
    let log = envoy.log()?;
    envoy.stop()?;
    read(&log).with_context(|| format!("Envoy's log in {}", folder.display()))
}

/// What one round took, per KiB.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Round {
    copying: f64,
    scanning: f64,
}

/// All kinds of mail, in the order in which the log tells of them. Envoy's main thread, whose the first line is, makes VMs
/// as well: only what its worker has measured counts.
fn read(log: &str) -> Result<Vec<Scanning>> {
    let main = log.lines().next().and_then(thread);
    let mut kinds: Vec<(&str, Vec<Round>)> = Vec::new();
    for line in log.lines().filter(|line| thread(line) != main) {
        let Some((_, said)) = line.split_once(MEASURED) else { continue };
        let (mail, round) = round(said).with_context(|| format!("a measurement of another form: {said}"))?;
        match kinds.iter_mut().find(|(name, _)| *name == mail) {
            Some((_, rounds)) => rounds.push(round),
            None => kinds.push((mail, vec![round])),
        }
    }
    ensure!(!kinds.is_empty(), "tells of no measurement");
    kinds.iter().map(|(mail, rounds)| Scanning::of(mail, rounds)).collect()
}

/// Which thread has said this line.
fn thread(line: &str) -> Option<&str> {
    line.split_once(' ').map(|(thread, _)| thread)
}

/// `lines_of_text: 1048576 octets, copied in 41000, scanned in 190000`.
fn round(said: &str) -> Option<(&str, Round)> {
    let (mail, numbers) = said.split_once(": ")?;
    let (octets, numbers) = numbers.split_once(" octets, copied in ")?;
    let (copied, scanned) = numbers.split_once(", scanned in ")?;
    let kibibytes = octets.parse::<f64>().ok()? / 1024.0;
    let per_kibibyte = |nanoseconds: &str| Some(nanoseconds.trim().parse::<f64>().ok()? / kibibytes);
    Some((mail, Round { copying: per_kibibyte(copied)?, scanning: per_kibibyte(scanned)? }))
}

impl Scanning {
    fn of(mail: &str, rounds: &[Round]) -> Result<Self> {
        let warm = rounds.get(WARMING..).unwrap_or_default();
        let spread = |of: fn(&Round) -> f64| {
            Spread::of(&warm.iter().map(of).collect::<Vec<_>>())
                .with_context(|| format!("{} rounds of {mail} tell nothing", rounds.len()))
        };
        Ok(Self {
            mail: mail.to_owned(),
            copying_nanoseconds: spread(|round| round.copying)?,
            scanning_nanoseconds: spread(|round| round.scanning)?,
            to_copying: spread(|round| round.scanning / round.copying)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_read_from_envoys_log() {
        let line = |kind: &str, copied: u32, scanned: u32| {
            format!(
                "22 wasm log scanning: measured {kind}: 2048 octets, copied in {copied}, scanned in {scanned}\n"
            )
        };
        let mut log =
            "11 starting\n11 measured lines_of_text: 2048 octets, copied in 1, scanned in 9\n".to_owned();
        for (copied, scanned) in [(900, 900), (900, 900), (100, 400), (200, 600), (100, 500)] {
            log += &line("lines_of_text", copied, scanned);
        }
        log += &line("bare_line_feeds", 1, 1).repeat(3);
        let [text, feeds] = &read(&log).unwrap()[..] else { panic!("not two kinds") };
        assert_eq!((text.mail.as_str(), feeds.mail.as_str()), ("lines_of_text", "bare_line_feeds"));
        assert_eq!((text.copying_nanoseconds.median, text.scanning_nanoseconds.median), (50.0, 250.0));
        assert_eq!((text.to_copying.median, text.to_copying.rounds), (4.0, 3));
        assert_eq!(feeds.to_copying.rounds, 1);
    }

    #[test]
    fn a_log_without_measurements_is_an_error() {
        let one = "measured x: 1024 octets, copied in 1, scanned in 1";
        let of_main = format!("11 {one}\n").repeat(9);
        for log in ["", "11 a\n22 measured x: many octets", &format!("11 a\n22 {one}"), &of_main] {
            assert!(read(log).is_err(), "{log}");
        }
    }
}
