//! The whole filter on FakeEnvoy: through the real exports of the ABI, without an Envoy.

use std::time::Duration;

use envoy_sdk::{Status, TrafficDirection};
use envoy_sdk_test::{ConnectOptions, Connection, FakeEnvoy, HostCall, LogLevel};
use smtp_filter::module;

fn envoy(configuration: &str) -> FakeEnvoy {
    FakeEnvoy::new(module).configure(configuration).expect("the configuration is right")
}

/// Greeting, EHLO and one mail whose second recipient is refused.
fn mail(connection: &mut Connection, sender: &str, recipient: &str) {
    connection.server_sends("220 mx.good.test ESMTP\r\n");
    connection.client_sends("EHLO app.client.test\r\n");
    connection.server_sends("250-mx.good.test\r\n250 PIPELINING\r\n");
    connection.client_sends(format!(
        "MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nRCPT TO:<nobody@good.test>\r\nDATA\r\n"
    ));
    connection.server_sends("250 ok\r\n250 ok\r\n550 5.1.1 who?\r\n354 go on\r\n");
    connection.client_sends("Subject: x\r\n\r\nbody\r\n.\r\n");
    connection.server_sends("250 2.0.0 taken\r\n");
}

fn quit(connection: &mut Connection) {
    connection.client_sends("QUIT\r\n");
    connection.server_sends("221 bye\r\n");
    connection.client_closes();
}

#[test]
fn a_mail_is_counted_and_passes_unchanged() {
    let mut envoy = envoy(r#"{"stat_prefix": "mx", "reporter": "inbound"}"#);
    let mut connection = envoy.connect();
    mail(&mut connection, "a@client.test", "alice@good.test");
    quit(&mut connection);

    assert!(connection.received_by_server().ends_with(b"body\r\n.\r\nQUIT\r\n"));
    // Without waiting: what a connection has counted is there when it has ended.
    let stats = envoy.stats();
    let labels = |more: &[(&'static str, &'static str)]| {
        [&[("stat_prefix", "mx"), ("reporter", "inbound")], more].concat()
    };
    assert_eq!(stats.total("smtp_transactions_total", &labels(&[("outcome", "accepted")])), 1);
    assert_eq!(stats.total("smtp_recipients_total", &labels(&[("outcome", "rejected_5xx")])), 1);
    assert_eq!(stats.total("smtp_refusals_total", &labels(&[("reason", "unknown_user")])), 1);
    assert_eq!(stats.total("smtp_connections_closed_total", &labels(&[("ending", "quit")])), 1);
    assert_eq!(stats.total("smtp_connections_total", &labels(&[("visibility", "parsed")])), 1);
    let octets = connection.received_by_server().len() as u64;
    assert_eq!(stats.total("smtp_bytes_total", &labels(&[("direction", "to_server")])), octets);
    let state = connection.filter_state("smtp").expect("the summary for access logs");
    assert_eq!(state, b"transactions=1;accepted=1;rejected=0;last=accepted;visibility=parsed");
}

#[test]
fn key_counters_are_zero_before_the_first_connection() {
    let mut envoy = envoy(r#"{"reporter": "gateway"}"#);
    let name = "smtp.stat_prefix=.=default;.;reporter=.=gateway;.;outcome=.=rejected;.;transactions_total";
    assert!(envoy.scrape().defines(name));
    assert_eq!(envoy.scrape().counter(name), 0);
}

#[test]
fn the_reporter_comes_from_the_listener_unless_it_is_said() {
    let mut envoy = FakeEnvoy::new(module)
        .listener_direction(TrafficDirection::Outbound)
        .configure("")
        .expect("no configuration is one too");
    let mut connection = envoy.connect();
    quit(&mut connection);
    assert_eq!(envoy.scrape().total("smtp_connections_opened_total", &[("reporter", "outbound")]), 1);
}

#[test]
fn off_reads_nothing() {
    let mut envoy = envoy(r#"{"mode": "off"}"#);
    let mut connection = envoy.connect();
    mail(&mut connection, "a@client.test", "alice@good.test");
    quit(&mut connection);
    assert_eq!(envoy.count_calls(HostCall::GetBufferBytes), 1, "only the configuration was read");
    let stats = envoy.scrape();
    assert_eq!(stats.total("smtp_commands_total", &[]), 0);
    assert_eq!(stats.total("smtp_connections_total", &[("visibility", "off")]), 1);
    // Opened − closed = live, here too.
    let endings = ["smtp_connections_opened_total", "smtp_connections_closed_total"];
    assert_eq!(endings.map(|name| stats.total(name, &[])), [1, 1]);
    let sent = connection.received_by_server().len() + connection.received_by_client().len();
    assert_eq!(stats.total("smtp_bytes_total", &[("visibility", "off")]), sent as u64);
}

#[test]
fn how_the_connection_is_protected_is_known_with_the_clients_first_octets() {
    let mut envoy = envoy("{}");
    for (options, transport) in [
        (ConnectOptions::new(), "plain"),
        (ConnectOptions::new().tls("TLSv1.3"), "tls"),
        (ConnectOptions::new().mtls("TLSv1.3"), "mtls"),
    ] {
        let mut connection = envoy.connect_with(options);
        quit(&mut connection);
        assert_eq!(envoy.scrape().total("smtp_connections_total", &[("transport", transport)]), 1);
    }
}

#[test]
fn an_event_says_of_people_what_the_configuration_allows() {
    for (identities, sender, recipient) in [
        ("off", None, None),
        ("domain", Some("client.test"), Some("good.test")),
        ("full", Some("a@client.test"), Some("alice@good.test")),
    ] {
        let configuration = format!(r#"{{"events": {{"enabled": true, "identities": "{identities}"}}}}"#);
        let mut envoy = envoy(&configuration);
        let mut connection = envoy.connect_with(ConnectOptions::new().connection_id(77));
        mail(&mut connection, "A@client.test", "alice@good.test");
        let lines = envoy.messages(LogLevel::Info);
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        let event: serde_json::Value = serde_json::from_str(line).expect("one JSON object");
        assert_eq!((&event["event"], &event["outcome"]), (&"transaction".into(), &"accepted".into()));
        assert_eq!((&event["connection"], &event["transaction"]), (&77.into(), &1.into()));
        assert_eq!(event.get("sender").and_then(|value| value.as_str()), sender);
        assert_eq!(event["recipients"].get(0).and_then(|value| value.as_str()), recipient);
        assert_eq!(envoy.scrape().total("smtp_events_total", &[]), 1);
    }
}

#[test]
fn hashed_identities_are_equal_in_every_worker() {
    let configuration = r#"{"events": {"enabled": true, "identities": "hmac"}}"#;
    let mut senders = Vec::new();
    for _ in 0..2 {
        let mut envoy = envoy(configuration);
        for _ in 0..2 {
            mail(&mut envoy.connect(), "a@client.test", "alice@good.test");
        }
        let lines = envoy.messages(LogLevel::Info);
        let events: Vec<serde_json::Value> =
            lines.iter().map(|line| serde_json::from_str(line).expect("one JSON object")).collect();
        assert_eq!(events[0]["sender"], events[1]["sender"]);
        assert_eq!(events[0]["identity_key"], "random");
        senders.push(events[0]["sender"].clone());
    }
    assert_ne!(senders[0], senders[1], "another process has another key");
}

#[test]
fn lost_framing_is_logged_without_octets_and_closes_where_wanted() {
    for (policy, open) in [("passthrough", true), ("close", false)] {
        let mut envoy = envoy(&format!(
            r#"{{"on_protocol_error": "{policy}", "limits": {{"max_pending_commands": 16}}}}"#
        ));
        let mut connection = envoy.connect();
        connection.server_sends("220 mx\r\n");
        connection.client_sends("NOOP secret-of-a-peer\r\n".repeat(40));
        envoy.advance(Duration::from_millis(10));
        assert_eq!(connection.is_open(), open, "{policy}");
        let lines = envoy.messages(LogLevel::Warn);
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(line.contains("too_many_pending") && !line.contains("secret"), "{line}");
        assert!(line.ends_with(if open { "it goes on unmeasured" } else { "it is closed" }), "{line}");
        if open {
            connection.client_sends("NOOP more\r\n");
            quit(&mut connection);
            assert_eq!(envoy.scrape().total("smtp_connections_total", &[("visibility", "lost_sync")]), 1);
            assert!(envoy.scrape().total("smtp_bytes_total", &[("visibility", "lost_sync")]) >= 11);
        }
    }
}

#[test]
fn a_host_that_fails_costs_the_measurement_and_nothing_else() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.server_sends("220 mx\r\n");
    envoy.fail_next(HostCall::GetBufferBytes, Status::INTERNAL_FAILURE);
    connection.client_sends("EHLO app.client.test\r\n");
    connection.server_sends("250 mx\r\n");
    assert!(connection.is_open());
    assert_eq!(connection.received_by_server(), b"EHLO app.client.test\r\n");
    let stats = envoy.scrape();
    assert_eq!(stats.total("smtp_internal_errors_total", &[]), 1);
    assert_eq!(stats.total("smtp_connections_total", &[("visibility", "internal_error")]), 1);
    assert_eq!(stats.total("smtp_connections_closed_total", &[("ending", "unknown")]), 1);
    assert_eq!(stats.total("envoy_sdk_connections_bypassed_total", &[]), 1);
}

#[test]
fn without_leave_to_set_filter_state_everything_else_is_measured() {
    let mut envoy = envoy("{}");
    envoy.fail_always(HostCall::SetProperty, Status::INTERNAL_FAILURE);
    for _ in 0..2 {
        let mut connection = envoy.connect();
        mail(&mut connection, "a@client.test", "alice@good.test");
        quit(&mut connection);
    }
    assert_eq!(envoy.scrape().total("smtp_transactions_total", &[("outcome", "accepted")]), 2);
    assert_eq!(envoy.scrape().total("smtp_internal_errors_total", &[]), 0);
    assert_eq!(envoy.messages(LogLevel::Warn).len(), 1, "said once");
}

#[test]
fn a_clock_that_goes_back_is_counted_and_measures_nothing() {
    let mut envoy = envoy(r#"{"level": "detailed"}"#);
    let mut connection = envoy.connect();
    connection.server_sends("220 mx\r\n");
    connection.client_sends("NOOP\r\n");
    envoy.set_clock(envoy.now() - Duration::from_secs(3_600));
    connection.server_sends("250 ok\r\n");
    let stats = envoy.scrape();
    assert_eq!(stats.total("smtp_clock_anomalies_total", &[]), 1);
    assert!(stats.recorded("smtp_reply_latency_microseconds", &[("verb", "NOOP")]).is_empty());
    assert_eq!(stats.total("smtp_replies_total", &[("verb", "NOOP")]), 1);
}

#[test]
fn one_callback_reads_once_and_asks_the_time_once() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.server_sends("220 mx\r\n");
    connection.client_sends("NOOP\r\n");
    connection.server_sends("250 ok\r\n");
    let before = |envoy: &FakeEnvoy| {
        [HostCall::GetBufferBytes, HostCall::GetCurrentTimeNanoseconds].map(|call| envoy.count_calls(call))
    };
    let [reads, times] = before(&envoy);
    connection.client_sends("NOOP\r\nNOOP\r\nNOOP\r\nRSET\r\n");
    assert_eq!(before(&envoy), [reads + 1, times + 1]);
}

#[test]
fn a_wrong_configuration_is_refused_with_its_field() {
    let Err(refused) = FakeEnvoy::new(module).configure(r#"{"events": {"sample": 7}}"#) else {
        panic!("accepted")
    };
    assert!(refused.to_string().contains("events.sample: 7 is not between 0 and 1"), "{refused}");
    let mut lenient = envoy(r#"{"strict": false, "reporter": "inbound", "newer": {"x": 1}}"#);
    assert_eq!(lenient.scrape().total("smtp_config_fields_ignored_total", &[]), 1);
    assert!(lenient.messages(LogLevel::Warn).iter().any(|line| line.contains("unknown field `newer`")));
}
