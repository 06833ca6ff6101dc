//! Alerts about directories.

use ldap_filter::catalogue::{
    ANOMALIES, BIND_FAILURES, BINDS, IN_FLIGHT, LIMIT_HITS, OPERATION_LATENCY, REQUESTS, RESPONSES, RESULTS,
    SEARCH_KINDS, SMUGGLED_CONNECTIONS, UNANSWERED, UNDECODED, UNSOLICITED,
};

use super::alert::{Alert, Limit, Severity};
use super::case::Case;
use super::forms::{Share, more_than, rise, rise_cases, silence, silence_cases, slow, slow_cases};
use super::series::{Series, by, ldap, sum};
use super::threshold::{
    self, ANOMALY_RISE, CLEAR_TEXT, INJECTIONS, LDAP_BIND_FAILED_SHARE, LDAP_BIND_FAILURES, LDAP_BIND_RISE,
    LDAP_BINDS, LDAP_DISCONNECTIONS, LDAP_ERROR_SHARE, LDAP_EXPIRED, LDAP_IN_FLIGHT, LDAP_LATENCY,
    LDAP_LIMITED_SHARE, LDAP_LOCKED, LDAP_OPERATIONS, LDAP_UNANSWERED_SHARE, LDAP_UNAVAILABLE_SHARE,
    LDAP_UNDECODED_SHARE,
};

/// Kinds of bind that show the password to whoever reads along. What could not be decoded may.
const SHOWS_PASSWORD: [&str; 2] = ["simple", "other"];
/// Results that mean that the server cannot answer now.
const NOT_NOW: [&str; 2] = ["busy", "unavailable"];
/// Reasons that the owner of an account can only learn from somebody else.
const EXPIRED: [&str; 3] = ["password_expired", "must_change_password", "account_expired"];

/// The alerts about binds.
pub(super) fn binds() -> Vec<Alert> {
    vec![failing(), failures_rising(), locked(), expired(), clear_text(), silent()]
}

/// The alerts about operations, and about how peers behave.
pub(super) fn operations() -> Vec<Alert> {
    vec![
        unavailable(),
        errors(),
        slow_operations(),
        unanswered(),
        in_flight(),
        limited(),
        disconnected(),
        injected(),
        undecoded(),
        anomalies(),
    ]
}

fn bind(outcome: &'static str) -> Series {
    ldap(&BINDS).is("kind", "simple").is("transport", "tls").is("outcome", outcome)
}

fn failure(reason: &'static str) -> Series {
    ldap(&BIND_FAILURES).is("reason", reason)
}

fn failing() -> Alert {
    Share::of(&ldap(&BINDS).is("outcome", "failed"), &ldap(&BINDS))
        .alert("LdapBindFailuresHigh", Severity::Page, LDAP_BIND_FAILED_SHARE, LDAP_BINDS)
        .tells(
            "{{ $value | humanizePercentage }} of the binds at {{ $labels.stat_prefix }} fail",
            "Most who try to log in through {{ $labels.stat_prefix }} cannot. The reasons say whether it is they or the directory.",
        )
        .tested(vec![
            Case::fires("four in five", "80%", [(bind("failed"), "0+8x40"), (bind("succeeded"), "0+2x40")]),
            Case::silent("all of a few", [(bind("failed"), "0+1x40"), (bind("succeeded"), "0x40")]),
            Case::silent("one in five", [(bind("failed"), "0+2x40"), (bind("succeeded"), "0+8x40")]),
        ])
}

fn failures_rising() -> Alert {
    rise("LdapBindFailuresRising", &ldap(&BIND_FAILURES), "reason", LDAP_BIND_RISE, LDAP_BIND_FAILURES)
        .tells(
            "{{ $value | printf \"%.1f\" }} times as many binds as usual fail at {{ $labels.stat_prefix }}: {{ $labels.reason }}",
            "Somebody tries passwords, an application has an old one, or something in the directory has changed.",
        )
        .tested(vec![
            Case::fires("ten times as many", "10.0", [(failure("wrong_password"), "0+1x390 400+10x60")])
                .label("reason", "wrong_password")
                .at("7h"),
            Case::silent("a few where there were none", [(failure("wrong_password"), "0x390 0+0.5x60")]).at("7h"),
            Case::silent("many as always", [(failure("wrong_password"), "0+10x480")]).at("7h"),
        ])
}

fn locked() -> Alert {
    let locked = || failure("account_locked");
    more_than(LDAP_LOCKED, "LdapAccountsLocked", Severity::Ticket, &locked(), "30m")
        .tells(
            "Locked accounts try to log in at {{ $labels.stat_prefix }}",
            "{{ $value | printf \"%.0f\" }} binds in half an hour were refused because the account is locked: passwords are being \
             guessed, or an application goes on with an old one.",
        )
        .tested(vec![
            Case::fires("one a minute", "30", [(locked(), "0+1x40")]),
            Case::silent("two", [(locked(), "0x20 2x20")]),
            Case::silent("wrong passwords", [(failure("wrong_password"), "0+1x40")]),
        ])
}

fn expired() -> Alert {
    let expired = ldap(&BIND_FAILURES).one_of("reason", &EXPIRED);
    more_than(LDAP_EXPIRED, "LdapCredentialsExpired", Severity::Ticket, &expired, "1h")
        .tells(
            "Expired passwords are used at {{ $labels.stat_prefix }}",
            "{{ $value | printf \"%.0f\" }} binds in an hour were refused because a password or an account has expired. An account of \
             a service is likely among them.",
        )
        .tested(vec![
            Case::fires("one a minute", "60", [(failure("password_expired"), "0+1x90")]).at("80m"),
            Case::silent("a few", [(failure("password_expired"), "0+0.1x90")]).at("80m"),
            Case::silent("disabled accounts", [(failure("account_disabled"), "0+1x90")]).at("80m"),
        ])
}

fn clear_text() -> Alert {
    // A sidecar beside its application hears clear text by nature.
    let readable = ldap(&BINDS).one_of("kind", &SHOWS_PASSWORD).is("transport", "plain");
    let bind =
        |kind, transport| ldap(&BINDS).is("kind", kind).is("outcome", "succeeded").is("transport", transport);
    let readable = readable.none_of("reporter", &["outbound"]);
    more_than(CLEAR_TEXT, "LdapCredentialsInClearText", Severity::Ticket, &readable, "1h")
        .tells(
            "{{ $value | printf \"%.0f\" }} binds at {{ $labels.stat_prefix }} in clear text",
            "Clients sent name and password on connections without TLS: whoever reads along on the network has them.",
        )
        .tested(vec![
            Case::fires("one, which is the first", "1", [(bind("simple", "plain"), "_x10 1x30")]),
            Case::fires("one that could not be decoded", "1", [(bind("other", "plain"), "_x10 1x30")]),
            Case::silent(
                "protected ones, and ones without a password",
                [
                    (bind("simple", "tls"), "0+5x40"),
                    (bind("sasl", "plain"), "0+5x40"),
                    (bind("anonymous", "plain"), "0+5x40"),
                ],
            ),
            Case::raw(
                "on the loopback of a client's sidecar",
                None,
                &[(
                    bind("simple", "plain").is("stat_prefix", "mx").is("reporter", "outbound").to_string(),
                    "0+5x40",
                )],
            ),
        ])
}

fn silent() -> Alert {
    silence("LdapBindSilence", &ldap(&REQUESTS).is("operation", "bind"))
        .tells(
            "Nobody logs in through {{ $labels.stat_prefix }}",
            "In the same half hour of yesterday {{ $value | printf \"%.0f\" }} binds came, now none does. Either clients cannot \
             connect, or they take another way, or the filter no longer sees them.",
        )
        .tested(silence_cases(|| ldap(&REQUESTS).is("operation", "bind")))
}

fn unavailable() -> Alert {
    let result = |result| ldap(&RESULTS).is("result", result);
    Share::of(&ldap(&RESULTS).one_of("result", &NOT_NOW), &ldap(&RESULTS))
        .alert("LdapDirectoryUnavailable", Severity::Page, LDAP_UNAVAILABLE_SHARE, LDAP_OPERATIONS)
        .tells(
            "The directory behind {{ $labels.stat_prefix }} is busy or unavailable",
            "It answers {{ $value | humanizePercentage }} of the operations with busy (51) or unavailable (52).",
        )
        .tested(vec![
            Case::fires("half of them", "50%", [(result("busy"), "0+5x40"), (result("success"), "0+5x40")]),
            Case::silent("all of a few", [(result("unavailable"), "0+1x40"), (result("success"), "0x40")]),
            Case::silent("one in a hundred", [(result("busy"), "0+1x40"), (result("success"), "0+99x40")]),
        ])
}

fn errors() -> Alert {
    let responses = |outcome| ldap(&RESPONSES).is("operation", "search").is("outcome", outcome);
    // Binds have alerts of their own.
    let all = ldap(&RESPONSES).none_of("operation", &["bind"]);
    let volume = all.increase_by("15m", &["operation"]);
    let errors = all.is("outcome", "error").increase_by("15m", &["operation"]);
    Alert::new(
        "LdapErrorsHigh",
        Severity::Ticket,
        "10m",
        format!("{errors}\n  / {volume}"),
        Limit::Above(LDAP_ERROR_SHARE),
    )
    .and(&by(&["operation"]), volume, Limit::AtLeast(LDAP_OPERATIONS))
    .tells(
        "{{ $value | humanizePercentage }} of the {{ $labels.operation }} operations at {{ $labels.stat_prefix }} fail",
        "noSuchObject, insufficientAccessRights and the like: the result codes say which. An application asks for what is \
         not there, or may no longer do what it did.",
    )
    .tested(vec![
        Case::fires("four in five", "80%", [(responses("error"), "0+8x40"), (responses("success"), "0+2x40")])
            .label("operation", "search"),
        Case::silent("all of a few", [(responses("error"), "0+1x40"), (responses("success"), "0x40")]),
        Case::silent("one in five", [(responses("error"), "0+2x40"), (responses("success"), "0+8x40")]),
    ])
}

fn slow_operations() -> Alert {
    slow("LdapOperationsSlow", &ldap(&OPERATION_LATENCY), &["operation"], LDAP_LATENCY, LDAP_OPERATIONS)
        .tells(
            "{{ $labels.stat_prefix }} answers {{ $labels.operation }} after {{ $value | humanizeDuration }}",
            "One operation in twenty takes longer than that. Persistent searches are left out.",
        )
        .tested(slow_cases(
            &|| ldap(&OPERATION_LATENCY).is("operation", "search"),
            Some(("operation", "search")),
        ))
}

fn unanswered() -> Alert {
    let requests = || ldap(&REQUESTS).is("operation", "search");
    let unanswered = || ldap(&UNANSWERED);
    Share::of(&unanswered(), &ldap(&REQUESTS))
        .alert("LdapOperationsUnanswered", Severity::Ticket, LDAP_UNANSWERED_SHARE, LDAP_OPERATIONS)
        .tells(
            "{{ $value | humanizePercentage }} of the operations at {{ $labels.stat_prefix }} are never answered",
            "The connection ended while the client waited: the directory or something before it gives up, or clients lose patience.",
        )
        .tested(vec![
            Case::fires("one in ten", "10%", [(unanswered(), "0+10x40"), (requests(), "0+100x40")]),
            Case::silent("all of a few", [(unanswered(), "0+1x40"), (requests(), "0+1x40")]),
            Case::silent("one in a thousand", [(unanswered(), "0+1x40"), (requests(), "0+1000x40")]),
        ])
}

fn in_flight() -> Alert {
    let gauge = || ldap(&IN_FLIGHT);
    let value = sum(&[], &gauge().to_string());
    let moving = ldap(&REQUESTS).increase_by("15m", &[]);
    let requests = || ldap(&REQUESTS).is("operation", "search");
    Alert::new("LdapOperationsInFlightHigh", Severity::Page, "10m", value, Limit::Above(LDAP_IN_FLIGHT))
        .and(super::series::LISTENER, moving, Limit::AtLeast(LDAP_OPERATIONS))
        .tells(
            "{{ $value | printf \"%.0f\" }} operations at {{ $labels.stat_prefix }} wait for their answer",
            "They come faster than the directory answers. Pools of connections run empty next.",
        )
        .tested(vec![
            Case::fires("a thousand", "1000", [(gauge(), "1000x40"), (requests(), "0+10x40")]),
            Case::silent("a hundred", [(gauge(), "100x40"), (requests(), "0+10x40")]),
            Case::silent("what a lost VM has left behind", [(gauge(), "1000x40"), (requests(), "50x40")]),
        ])
}

fn limited() -> Alert {
    let hits = || ldap(&LIMIT_HITS).is("limit", "size");
    let searches = || ldap(&SEARCH_KINDS).is("kind", "normal");
    Share::of(&ldap(&LIMIT_HITS), &ldap(&SEARCH_KINDS))
        .alert("LdapSearchesLimited", Severity::Ticket, LDAP_LIMITED_SHARE, LDAP_OPERATIONS)
        .tells(
            "{{ $value | humanizePercentage }} of the searches at {{ $labels.stat_prefix }} are cut short",
            "A limit of size, time or the administrator's ended them: applications work with a part of what they asked for.",
        )
        .tested(vec![
            Case::fires("one in ten", "10%", [(hits(), "0+1x40"), (searches(), "0+10x40")]),
            Case::silent("all of a few", [(hits(), "0+1x40"), (searches(), "0+1x40")]),
            Case::silent("one in a hundred", [(hits(), "0+1x40"), (searches(), "0+100x40")]),
        ])
}

fn disconnected() -> Alert {
    let notices = || ldap(&UNSOLICITED).is("notice", "disconnection");
    more_than(LDAP_DISCONNECTIONS, "LdapDisconnections", Severity::Ticket, &notices(), "15m")
        .tells(
            "The directory behind {{ $labels.stat_prefix }} disconnects its clients",
            "It sent {{ $value | printf \"%.0f\" }} notices of disconnection (RFC 4511, 4.4.1) in 15 minutes: it is stopping, overloaded, \
             or does not accept what clients send.",
        )
        .tested(vec![
            Case::fires("one a minute", "15", [(notices(), "0+1x40")]),
            Case::silent("one, once", [(notices(), "0x20 1x20")]),
        ])
}

fn injected() -> Alert {
    let connections = || ldap(&SMUGGLED_CONNECTIONS);
    more_than(INJECTIONS, "LdapStartTlsInjection", Severity::Page, &connections(), "1h")
        .tells(
            "Requests were injected behind StartTLS at {{ $labels.stat_prefix }}",
            "On {{ $value | printf \"%.0f\" }} connections octets stood between StartTLS and its answer. A server that keeps them runs \
             them inside TLS, as if the client had sent them there.",
        )
        .tested(vec![
            Case::fires("one connection", "1", [(connections(), "0x20 1x20")]),
            Case::silent("none", [(connections(), "0x40")]),
            Case::silent("one, two hours ago", [(connections(), "0x20 1x200")]).at("150m"),
        ])
}

fn undecoded() -> Alert {
    let undecoded = || ldap(&UNDECODED);
    let requests = || ldap(&REQUESTS).is("operation", "search");
    Share::of(&undecoded(), &ldap(&REQUESTS))
        .alert("LdapMessagesUndecoded", Severity::Ticket, LDAP_UNDECODED_SHARE, LDAP_OPERATIONS)
        .tells(
            "{{ $value | humanizePercentage }} of the messages at {{ $labels.stat_prefix }} cannot be understood",
            "Their envelopes are read and counted, their insides are not: scopes, kinds, names of extended operations and reasons \
             of failures are missing for them.",
        )
        .tested(vec![
            Case::fires("one in ten", "10%", [(undecoded(), "0+1x40"), (requests(), "0+10x40")]),
            Case::silent("all of a few", [(undecoded(), "0+1x40"), (requests(), "0+1x40")]),
            Case::silent("one in a thousand", [(undecoded(), "0+1x40"), (requests(), "0+1000x40")]),
        ])
}

fn anomalies() -> Alert {
    let others = ldap(&ANOMALIES).none_of("kind", &["request_during_start_tls"]);
    let anomaly = |kind| ldap(&ANOMALIES).is("kind", kind);
    rise("LdapAnomaliesRising", &others, "kind", ANOMALY_RISE, threshold::ANOMALIES)
        .tells(
            "{{ $value | printf \"%.1f\" }} times as many oddities as usual at {{ $labels.stat_prefix }}: {{ $labels.kind }}",
            "Peers do what RFC 4511 does not foresee, more than in the six hours before.",
        )
        .tested(rise_cases(&anomaly, "malformed_message", "request_during_start_tls"))
}
