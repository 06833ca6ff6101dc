//! Forms that many alerts have: a share, a number of what should not be, a rise, slowness, silence.

use super::alert::{Alert, Limit, Severity};
use super::case::Case;
use super::series::{LISTENER, Series, by, quantile};
use super::threshold::{Threshold, USUAL};

/// Some of a listener's things, and all of them.
pub(super) struct Share {
    /// Those that are told of, in 15 minutes, by listener: PromQL.
    pub(super) some: String,
    /// All, likewise.
    pub(super) all: String,
}

impl Share {
    /// The share of the series `some` in all those of `all`.
    pub(super) fn of(some: &Series, all: &Series) -> Self {
        Self { some: some.increase_by("15m", &[]), all: all.increase_by("15m", &[]) }
    }

    /// An alert for when the share is above `most`, where there are `enough` of all.
    pub(super) fn alert(
        self,
        name: &'static str,
        severity: Severity,
        most: Threshold,
        enough: Threshold,
    ) -> Alert {
        let Self { some, all } = self;
        Alert::new(name, severity, "10m", format!("{some}\n  / {all}"), Limit::Above(most)).and(
            LISTENER,
            all,
            Limit::AtLeast(enough),
        )
    }
}

/// An alert for when there is more of it in the window than `most`, by listener.
pub(super) fn more_than(
    most: Threshold,
    name: &'static str,
    severity: Severity,
    of: &Series,
    window: &str,
) -> Alert {
    Alert::new(name, severity, "0m", of.events_by(window, &[]), Limit::Above(most))
}

/// What is counted by `label` has risen, as a multiple of the mean of the six hours before, and is enough to be news.
pub(super) fn rise(
    name: &'static str,
    of: &Series,
    label: &'static str,
    times: Threshold,
    enough: Threshold,
) -> Alert {
    let now = of.events_by("30m", &[label]);
    let before = format!("sum by ({}) (increase({of}[6h] offset 30m)) / 12", by(&[label]));
    // What has no past yet is compared with one: it is enough that it be many.
    let usual = format!("(clamp_min({before}, 1) or {now} * 0 + 1)");
    Alert::new(name, Severity::Ticket, "10m", format!("{now}\n  / {usual}"), Limit::Above(times)).and(
        &by(&[label]),
        now,
        Limit::AtLeast(enough),
    )
}

/// Nothing is counted for half an hour, where there was enough at the same time of yesterday, and of last week if that is
/// known. Series that have gone altogether are silent too.
pub(super) fn silence(name: &'static str, of: &Series) -> Alert {
    let total = |offset: &str| format!("sum by ({LISTENER}) (increase({of}[30m]{offset}))");
    Alert::new(name, Severity::Page, "10m", total(" offset 1d"), Limit::AtLeast(USUAL))
        .unless(LISTENER, total(""), Limit::AboveZero)
        .unless(LISTENER, total(" offset 1w"), Limit::Below(USUAL))
}

/// How silence sounds, given what is usually heard.
pub(super) fn silence_cases(heard: impl Fn() -> Series) -> Vec<Case> {
    // Minutes: a day has 1440, a week 10080.
    vec![
        Case::fires("nothing, and a lot a day ago", "60", [(heard(), "0+2x600 1200x2000")]).at("1920m"),
        Case::fires("the series has gone", "60", [(heard(), "0+2x600")]).at("1920m"),
        Case::fires("nothing, and a lot a day and a week ago", "60", [(heard(), "0+2x9120 18240x2000")])
            .at("10560m"),
        Case::silent("as always", [(heard(), "0+2x3000")]).at("1920m"),
        Case::silent("little a day ago", [(heard(), "0+0.1x600 60x2000")]).at("1920m"),
        Case::silent("a holiday last week too", [(heard(), "0x6000 0+2x3120 6240x2000")]).at("10560m"),
    ]
}

/// Tests of an alert on anomalies: `kind` counts, `other` is somebody else's.
pub(super) fn rise_cases(
    anomaly: &dyn Fn(&'static str) -> Series,
    kind: &'static str,
    other: &'static str,
) -> Vec<Case> {
    vec![
        Case::fires("ten times as many", "10.0", [(anomaly(kind), "0+1x390 400+10x60")])
            .label("kind", kind)
            .at("7h"),
        Case::fires("one that never occurred", "40.0", [(anomaly(kind), "_x400 40x60")])
            .label("kind", kind)
            .at("7h"),
        Case::silent("a few that never occurred", [(anomaly(kind), "_x400 5x60")]).at("7h"),
        Case::silent("many as always", [(anomaly(kind), "0+10x480")]).at("7h"),
        Case::silent("another alert's", [(anomaly(other), "0+1x390 400+10x60")]).at("7h"),
    ]
}

/// The 95th percentile, in seconds, is above `most`, where there are `enough` of them.
pub(super) fn slow(
    name: &'static str,
    latency: &Series,
    labels: &[&str],
    most: Threshold,
    enough: Threshold,
) -> Alert {
    let value = format!("{} / 1e6", quantile(0.95, latency, "15m", labels));
    let volume = latency.clone().count().increase_by("15m", labels);
    Alert::new(name, Severity::Ticket, "15m", value, Limit::Above(most)).and(
        &by(labels),
        volume,
        Limit::AtLeast(enough),
    )
}

/// Tests of such an alert: all of them take 30 to 60 s, or all of them less than a millisecond.
pub(super) fn slow_cases(
    latency: &dyn Fn() -> Series,
    label: Option<(&'static str, &'static str)>,
) -> Vec<Case> {
    let bucket = |bound| latency().buckets().is("le", bound);
    let seen = |quick: &'static str, all: &'static str| {
        [
            (bucket("1000"), quick),
            (bucket("30000000"), quick),
            (bucket("60000000"), all),
            (bucket("+Inf"), all),
            (latency().count(), all),
        ]
    };
    let fires = Case::fires("all of them slow", "58.5s", seen("0x60", "0+100x60")).at("40m");
    vec![
        label.into_iter().fold(fires, |case, (name, value)| case.label(name, value)),
        Case::silent("a few slow ones", seen("0x60", "0+0.5x60")).at("40m"),
        Case::silent("quick ones", seen("0+100x60", "0+100x60")).at("40m"),
    ]
}
