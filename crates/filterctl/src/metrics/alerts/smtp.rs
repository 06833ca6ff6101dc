//! Alerts about mails: whether they pass, and why not.

use smtp_filter::catalogue::{END_OF_DATA_LATENCY, REFUSALS, REJECTED_TRANSACTIONS, REPLIES, TRANSACTIONS};

use super::alert::{Alert, Limit, Severity};
use super::case::Case;
use super::forms::{rise, silence, silence_cases};
use super::series::{LISTENER, quantile, smtp};
use super::threshold::{
    SMTP_END_OF_DATA, SMTP_REFUSALS, SMTP_REJECTED_SHARE, SMTP_RISE, SMTP_STORAGE, SMTP_TEMPORARY_SHARE,
    SMTP_TRANSACTIONS,
};

/// What a server may refuse a mail at: the replies that are counted with a reason.
const CARRIES_MAIL: [&str; 6] = ["greeting", "MAIL", "RCPT", "DATA", "BDAT", "end_of_data"];

/// The alerts.
pub(super) fn alerts() -> Vec<Alert> {
    vec![rejected(), rising(), temporary(), storage(), end_of_data(), silent()]
}

fn rejected() -> Alert {
    let ended = smtp(&TRANSACTIONS).increase_by("15m", &[]);
    let rejected = smtp(&REJECTED_TRANSACTIONS).is("class", "5xx").increase_by("15m", &[]);
    let mails = |outcome| smtp(&TRANSACTIONS).is("outcome", outcome);
    let refused = |class| smtp(&REJECTED_TRANSACTIONS).is("stage", "rcpt_all").is("class", class);
    Alert::new(
        "SmtpRejectionsHigh",
        Severity::Page,
        "10m",
        format!("{rejected}\n  / {ended}"),
        Limit::Above(SMTP_REJECTED_SHARE),
    )
    .and(LISTENER, ended, Limit::AtLeast(SMTP_TRANSACTIONS))
    .tells(
        "{{ $value | humanizePercentage }} of the mails at {{ $labels.stat_prefix }} are rejected for good",
        "The server behind {{ $labels.stat_prefix }} answered 5xx to these mails, or to all their recipients: senders \
         give up and return them.",
    )
    .tested(vec![
        Case::fires(
            "half of the mails",
            "50%",
            [(mails("accepted"), "0+5x40"), (mails("rejected"), "0+5x40"), (refused("5xx"), "0+5x40")],
        ),
        Case::silent("all of a few mails", [(mails("rejected"), "0+1x40"), (refused("5xx"), "0+1x40")]),
        Case::silent(
            "one mail in ten",
            [(mails("accepted"), "0+9x40"), (mails("rejected"), "0+1x40"), (refused("5xx"), "0+1x40")],
        ),
        Case::silent(
            "greylisting only",
            [
                (mails("accepted"), "0+5x40"),
                (mails("rejected"), "0+50x40"),
                (refused("4xx"), "0+50x40"),
                (refused("5xx"), "0x40"),
            ],
        ),
    ])
}

fn rising() -> Alert {
    let refusals = smtp(&REFUSALS).none_of("reason", &["greylist"]);
    let policy = || smtp(&REFUSALS).is("reason", "policy");
    rise("SmtpRefusalsRising", &refusals, "reason", SMTP_RISE, SMTP_REFUSALS)
        .tells(
            "{{ $labels.stat_prefix }} refuses {{ $value | printf \"%.1f\" }} times as much as usual: {{ $labels.reason }}",
            "Refusals with the reason {{ $labels.reason }} have risen against the six hours before. Greylisting is left out.",
        )
        .tested(vec![
            Case::fires("ten times as many", "10.0", [(policy(), "0+1x390 400+10x60")])
                .label("reason", "policy")
                .at("7h"),
            Case::fires("a reason that never occurred", "290.0", [(policy(), "0x390 0+10x60")])
                .label("reason", "policy")
                .at("7h"),
            Case::silent("a few where there were none", [(policy(), "0x390 0+0.5x60")]).at("7h"),
            Case::silent("many as always", [(policy(), "0+10x480")]).at("7h"),
            Case::silent("greylisting", [(smtp(&REFUSALS).is("reason", "greylist"), "0+1x390 400+100x60")]).at("7h"),
        ])
}

fn temporary() -> Alert {
    let replies = smtp(&REPLIES).one_of("verb", &CARRIES_MAIL);
    let refused = replies.clone().is("class", "4xx").increase_by("15m", &[]);
    let greylisted = smtp(&REFUSALS).is("reason", "greylist").increase_by("15m", &[]);
    let others = format!("({refused}\n  - {greylisted})");
    let all = replies.increase_by("15m", &[]);
    let rcpt = |class| smtp(&REPLIES).is("verb", "RCPT").is("class", class);
    let greylist = || smtp(&REFUSALS).is("reason", "greylist");
    Alert::new(
        "SmtpTemporaryRefusalsHigh",
        Severity::Page,
        "10m",
        format!("{others}\n  / {all}"),
        Limit::Above(SMTP_TEMPORARY_SHARE),
    )
    .and(LISTENER, others, Limit::AtLeast(SMTP_REFUSALS))
    .tells(
        "{{ $labels.stat_prefix }} refuses {{ $value | humanizePercentage }} with 4xx",
        "The server behind {{ $labels.stat_prefix }} says \"not now\" to the connection, to MAIL, RCPT, DATA or the mail. \
         Senders keep such mails and try again: queues grow. Greylisting is left out.",
    )
    .tested(vec![
        Case::fires(
            "a third of the replies",
            "33.33%",
            [(rcpt("2xx"), "0+15x40"), (rcpt("4xx"), "0+15x40"), (greylist(), "0+5x40")],
        ),
        Case::silent("greylisting only", [(rcpt("2xx"), "0+5x40"), (rcpt("4xx"), "0+50x40"), (greylist(), "0+50x40")]),
        Case::silent("a few", [(rcpt("2xx"), "0+1x40"), (rcpt("4xx"), "0+1x40"), (greylist(), "0x40")]),
        Case::silent("few of many", [(rcpt("2xx"), "0+100x40"), (rcpt("4xx"), "0+2x40"), (greylist(), "0x40")]),
    ])
}

fn storage() -> Alert {
    let refusals = || smtp(&REFUSALS).is("reason", "storage");
    Alert::new(
        "SmtpStorageRefusals",
        Severity::Page,
        "5m",
        refusals().events_by("15m", &[]),
        Limit::Above(SMTP_STORAGE),
    )
    .tells(
        "The server behind {{ $labels.stat_prefix }} has no room for mail",
        "It refused {{ $value | printf \"%.0f\" }} times in 15 minutes because its storage is full (x.3.1). A single full \
         mailbox is another reason, mailbox_full.",
    )
    .tested(vec![
        Case::fires("two a minute", "30", [(refusals(), "0+2x40")]),
        Case::silent("one, once", [(refusals(), "0x20 1x20")]),
    ])
}

fn end_of_data() -> Alert {
    let latency = smtp(&END_OF_DATA_LATENCY);
    let mails = latency.clone().count().increase_by("15m", &[]);
    let bucket = |bound| smtp(&END_OF_DATA_LATENCY).buckets().is("le", bound);
    let count = || smtp(&END_OF_DATA_LATENCY).count();
    Alert::new(
        "SmtpEndOfDataSlow",
        Severity::Page,
        "15m",
        format!("{} / 1e6", quantile(0.95, &latency, "15m", &[])),
        Limit::Above(SMTP_END_OF_DATA),
    )
    .and(LISTENER, mails, Limit::AtLeast(SMTP_TRANSACTIONS))
    .tells(
        "Mails at {{ $labels.stat_prefix }} wait {{ $value | humanizeDuration }} for their final reply",
        "One mail in twenty waits longer than that, from its last octet to the reply. Clients that give up before it send \
         the mail again, so recipients get it twice.",
    )
    .tested(vec![
        Case::fires(
            "all mails between 30 and 60 s",
            "58.5s",
            [
                (bucket("30000000"), "0x60"),
                (bucket("60000000"), "0+10x60"),
                (bucket("+Inf"), "0+10x60"),
                (count(), "0+10x60"),
            ],
        )
        .at("40m"),
        Case::silent(
            "a few slow mails",
            [
                (bucket("30000000"), "0x60"),
                (bucket("60000000"), "0+1x60"),
                (bucket("+Inf"), "0+1x60"),
                (count(), "0+1x60"),
            ],
        )
        .at("40m"),
        Case::silent(
            "quick mails",
            [
                (bucket("1000000"), "0+10x60"),
                (bucket("30000000"), "0+10x60"),
                (bucket("+Inf"), "0+10x60"),
                (count(), "0+10x60"),
            ],
        )
        .at("40m"),
    ])
}

fn silent() -> Alert {
    let mails = || smtp(&TRANSACTIONS).is("outcome", "accepted");
    silence("SmtpSilence", &smtp(&TRANSACTIONS))
        .tells(
            "No mail passes {{ $labels.stat_prefix }}",
            "In the same half hour of yesterday {{ $value | printf \"%.0f\" }} mails ended there, now none does. Either nobody sends, \
             or mail takes another way, or the filter no longer sees it.",
        )
        .tested(silence_cases(mails))
}
