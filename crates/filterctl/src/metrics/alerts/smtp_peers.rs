//! Alerts about how the peers of SMTP behave: greetings, logins, injected commands, oddities.

use session_driver::CONNECTIONS_OPENED;
use smtp_filter::catalogue::{
    ANOMALIES, AUTH, CLOSING_REPLIES, COMMANDS, GREETING_LATENCY, GREETINGS_MISSING, REPLY_LATENCY,
    SMUGGLED_CONNECTIONS, UNANSWERED,
};

use super::alert::{Alert, Severity};
use super::case::Case;
use super::forms::{Share, more_than, rise, rise_cases, slow, slow_cases};
use super::series::{Series, smtp};
use super::threshold::{
    self, ANOMALY_RISE, CLEAR_TEXT, INJECTIONS, SMTP_AUTH, SMTP_AUTH_FAILED_SHARE, SMTP_CLOSING_SHARE,
    SMTP_COMMANDS, SMTP_CONNECTIONS, SMTP_GREETING, SMTP_NO_GREETING_SHARE, SMTP_REPLY,
    SMTP_UNANSWERED_SHARE, SMUGGLING,
};

/// Ends of a mail that some servers see and others do not.
const SMUGGLED_MAIL: [&str; 2] = ["bare_lf_end_of_data", "bare_cr_end_of_data"];

/// The alerts.
pub(super) fn alerts() -> Vec<Alert> {
    vec![
        no_greeting(),
        closing(),
        unanswered(),
        slow_greeting(),
        slow_replies(),
        clear_text(),
        failed_logins(),
        injected(),
        smuggled(),
        anomalies(),
    ]
}

fn connections() -> Series {
    smtp(&CONNECTIONS_OPENED)
}

fn no_greeting() -> Alert {
    let missing = || smtp(&GREETINGS_MISSING);
    Share::of(&missing(), &connections())
        .alert("SmtpGreetingMissing", Severity::Page, SMTP_NO_GREETING_SHARE, SMTP_CONNECTIONS)
        .tells(
            "{{ $value | humanizePercentage }} of the connections to {{ $labels.stat_prefix }} end before the server says anything",
            "SMTP servers speak first. These did not, so no client could send mail on those connections.",
        )
        .tested(vec![
            Case::fires("half of them", "50%", [(missing(), "0+5x40"), (connections(), "0+10x40")]),
            Case::silent("all of a few", [(missing(), "0+1x40"), (connections(), "0+1x40")]),
            Case::silent("one in ten", [(missing(), "0+1x40"), (connections(), "0+10x40")]),
        ])
}

fn closing() -> Alert {
    let replies = || smtp(&CLOSING_REPLIES);
    Share::of(&replies(), &connections())
        .alert("SmtpServerClosing", Severity::Ticket, SMTP_CLOSING_SHARE, SMTP_CONNECTIONS)
        .tells(
            "The server behind {{ $labels.stat_prefix }} closes connections with 421",
            "{{ $value | humanizePercentage }} of the connections got 421: the server is overloaded, is stopping, or limits the rate.",
        )
        .tested(vec![
            Case::fires("every second one", "50%", [(replies(), "0+5x40"), (connections(), "0+10x40")]),
            Case::silent("every one of a few", [(replies(), "0+1x40"), (connections(), "0+1x40")]),
            Case::silent("one in twenty", [(replies(), "0+1x40"), (connections(), "0+20x40")]),
        ])
}

fn unanswered() -> Alert {
    let commands = || smtp(&COMMANDS).is("verb", "MAIL");
    let unanswered = || smtp(&UNANSWERED);
    Share::of(&unanswered(), &smtp(&COMMANDS))
        .alert("SmtpCommandsUnanswered", Severity::Ticket, SMTP_UNANSWERED_SHARE, SMTP_COMMANDS)
        .tells(
            "{{ $value | humanizePercentage }} of the commands at {{ $labels.stat_prefix }} are never answered",
            "The connection ended while the client waited: the server or something before it gives up, or clients lose patience.",
        )
        .tested(vec![
            Case::fires("one in ten", "10%", [(unanswered(), "0+10x40"), (commands(), "0+100x40")]),
            Case::silent("all of a few", [(unanswered(), "0+1x40"), (commands(), "0+1x40")]),
            Case::silent("one in a thousand", [(unanswered(), "0+1x40"), (commands(), "0+1000x40")]),
        ])
}

fn slow_greeting() -> Alert {
    slow("SmtpGreetingSlow", &smtp(&GREETING_LATENCY), &[], SMTP_GREETING, SMTP_CONNECTIONS)
        .tells(
            "The server behind {{ $labels.stat_prefix }} greets after {{ $value | humanizeDuration }}",
            "One connection in twenty waits longer than that for the first reply.",
        )
        .tested(slow_cases(&|| smtp(&GREETING_LATENCY), None))
}

fn slow_replies() -> Alert {
    slow("SmtpRepliesSlow", &smtp(&REPLY_LATENCY), &["verb"], SMTP_REPLY, SMTP_COMMANDS)
        .tells(
            "{{ $labels.stat_prefix }} answers {{ $labels.verb }} after {{ $value | humanizeDuration }}",
            "One reply in twenty takes longer than that. Measured where the filter's level is `detailed`.",
        )
        .tested(slow_cases(&|| smtp(&REPLY_LATENCY).is("verb", "RCPT"), Some(("verb", "RCPT"))))
}

fn clear_text() -> Alert {
    // A sidecar beside its application hears clear text by nature.
    let logins = smtp(&AUTH).is("transport", "plain").none_of("reporter", &["outbound"]);
    let login = |transport| smtp(&AUTH).is("outcome", "succeeded").is("transport", transport);
    more_than(CLEAR_TEXT, "SmtpCredentialsInClearText", Severity::Ticket, &logins, "1h")
        .tells(
            "{{ $value | printf \"%.0f\" }} logins at {{ $labels.stat_prefix }} in clear text",
            "Clients used AUTH on connections without TLS: whoever reads along on the network has those passwords.",
        )
        .tested(vec![
            Case::fires("one, which is the first", "1", [(login("plain"), "_x10 1x30")]),
            Case::silent("protected ones", [(login("tls"), "0+5x40"), (login("mtls"), "0+5x40")]),
            Case::raw(
                "on the loopback of a client's sidecar",
                None,
                &[(
                    login("plain").is("stat_prefix", "mx").is("reporter", "outbound").to_string(),
                    "0+5x40",
                )],
            ),
        ])
}

fn failed_logins() -> Alert {
    let login = |outcome| smtp(&AUTH).is("outcome", outcome).is("transport", "tls");
    Share::of(&smtp(&AUTH).is("outcome", "failed"), &smtp(&AUTH))
        .alert("SmtpAuthFailuresHigh", Severity::Ticket, SMTP_AUTH_FAILED_SHARE, SMTP_AUTH)
        .tells(
            "{{ $value | humanizePercentage }} of the logins at {{ $labels.stat_prefix }} fail",
            "Somebody tries passwords, an application has an old one, or the server cannot check them.",
        )
        .tested(vec![
            Case::fires("four in five", "80%", [(login("failed"), "0+8x40"), (login("succeeded"), "0+2x40")]),
            Case::silent("all of a few", [(login("failed"), "0+1x40"), (login("succeeded"), "0x40")]),
            Case::silent("one in five", [(login("failed"), "0+2x40"), (login("succeeded"), "0+8x40")]),
        ])
}

fn injected() -> Alert {
    let connections = || smtp(&SMUGGLED_CONNECTIONS);
    more_than(INJECTIONS, "SmtpStarttlsInjection", Severity::Page, &connections(), "1h")
        .tells(
            "Commands were injected behind STARTTLS at {{ $labels.stat_prefix }}",
            "On {{ $value | printf \"%.0f\" }} connections octets stood between STARTTLS and its reply (CVE-2011-0411). A server \
             that keeps them runs them inside TLS, as if the client had sent them there.",
        )
        .tested(vec![
            Case::fires("one connection", "1", [(connections(), "0x20 1x20")]),
            Case::silent("none", [(connections(), "0x40")]),
            Case::silent("one, two hours ago", [(connections(), "0x20 1x200")]).at("150m"),
        ])
}

fn smuggled() -> Alert {
    let ends = smtp(&ANOMALIES).one_of("kind", &SMUGGLED_MAIL);
    let anomaly = |kind| smtp(&ANOMALIES).is("kind", kind);
    more_than(SMUGGLING, "SmtpMailSmuggling", Severity::Ticket, &ends, "1h")
        .tells(
            "Mails at {{ $labels.stat_prefix }} hold ends that only some servers see",
            "A dot alone on a line whose line ends are not CR LF came {{ $value | printf \"%.0f\" }} times (CVE-2023-51764). A server \
             that takes it for the end reads what follows as a second mail, with a sender of the attacker's choice.",
        )
        .tested(vec![
            Case::fires("one, which is the first", "1", [(anomaly("bare_lf_end_of_data"), "_x10 1x30")]),
            Case::silent("other oddities", [(anomaly("bare_lf"), "0+5x40")]),
        ])
}

fn anomalies() -> Alert {
    let others =
        smtp(&ANOMALIES).none_of("kind", &[&SMUGGLED_MAIL[..], &["smuggled_behind_starttls"]].concat());
    let anomaly = |kind| smtp(&ANOMALIES).is("kind", kind);
    rise("SmtpAnomaliesRising", &others, "kind", ANOMALY_RISE, threshold::ANOMALIES)
        .tells(
            "{{ $value | printf \"%.1f\" }} times as many oddities as usual at {{ $labels.stat_prefix }}: {{ $labels.kind }}",
            "Peers do what RFC 5321 does not foresee, more than in the six hours before.",
        )
        .tested(rise_cases(&anomaly, "nul", "bare_lf_end_of_data"))
}
