//! The whole filter on FakeEnvoy: through the real exports of the ABI, without an Envoy.

#[path = "support/mod.rs"]
mod support;

use std::time::Duration;

use envoy_sdk::{Status, TrafficDirection};
use envoy_sdk_test::{ConnectOptions, Connection, FakeEnvoy, HostCall, LogLevel};
use ldap_filter::module;
use serde_json::Value;

use support::messages::*;

fn envoy(configuration: &str) -> FakeEnvoy {
    FakeEnvoy::new(module).configure(configuration).expect("the configuration is right")
}

/// A bind, and one search that finds two.
fn look_up(connection: &mut Connection, name: &str) {
    connection.client_sends(bind(1, name, "hunter2").octets());
    connection.server_sends(bind_result(1, 0).octets());
    connection.client_sends(search(2).octets());
    connection.server_sends([entry(2, 40), entry(2, 40), search_done(2, 0)].map(|m| m.octets()).concat());
}

fn leave(connection: &mut Connection) {
    connection.client_sends(unbind(9).octets());
    connection.client_closes();
}

/// The events in the log, as JSON.
fn events(envoy: &mut FakeEnvoy) -> Vec<Value> {
    let lines = envoy.messages(LogLevel::Info);
    lines.iter().map(|line| serde_json::from_str(line).expect("one JSON object")).collect()
}

#[test]
fn operations_are_counted_and_pass_unchanged() {
    let mut envoy = envoy(r#"{"stat_prefix": "dc", "reporter": "inbound"}"#);
    let mut connection = envoy.connect();
    look_up(&mut connection, "cn=app");
    leave(&mut connection);

    let sent = [bind(1, "cn=app", "hunter2"), search(2), unbind(9)].map(|message| message.octets()).concat();
    assert_eq!(connection.received_by_server(), sent);
    // Without waiting: what a connection has counted is there when it has ended.
    let stats = envoy.stats();
    let labels = |more: &[(&'static str, &'static str)]| {
        [&[("stat_prefix", "dc"), ("reporter", "inbound")], more].concat()
    };
    assert_eq!(stats.total("ldap_requests_total", &labels(&[("operation", "search")])), 1);
    assert_eq!(stats.total("ldap_binds_total", &labels(&[("kind", "simple"), ("outcome", "succeeded")])), 1);
    assert_eq!(stats.total("ldap_entries_total", &labels(&[])), 2);
    assert_eq!(stats.total("ldap_connections_closed_total", &labels(&[("ending", "unbind")])), 1);
    assert_eq!(stats.total("ldap_connections_total", &labels(&[("visibility", "parsed")])), 1);
    assert_eq!(stats.total("ldap_bytes_total", &labels(&[("direction", "to_server")])), sent.len() as u64);
    let state = connection.filter_state("ldap").expect("the summary for access logs");
    assert_eq!(
        String::from_utf8_lossy(&state),
        "binds=1;failed_binds=0;operations=2;errors=0;last_result=success;identity=name;visibility=parsed"
    );
}

#[test]
fn gauges_are_what_is_open_now() {
    let mut envoy = envoy(r#"{"reporter": "inbound"}"#);
    let gauge = |envoy: &mut FakeEnvoy, name: &str| {
        envoy.scrape().gauge(&format!("ldap.stat_prefix=.=default;.;reporter=.=inbound;.;{name}"))
    };
    let mut connection = envoy.connect();
    connection.client_sends([search(1), search(2)].map(|message| message.octets()).concat());
    let notify = search(3).control("1.2.840.113556.1.4.528", b"");
    connection.client_sends(notify.octets());
    assert_eq!((gauge(&mut envoy, "operations_in_flight"), gauge(&mut envoy, "persistent_searches")), (2, 1));
    connection.server_sends(search_done(1, 0).octets());
    assert_eq!(gauge(&mut envoy, "operations_in_flight"), 1);
    connection.server_closes();
    assert_eq!((gauge(&mut envoy, "operations_in_flight"), gauge(&mut envoy, "persistent_searches")), (0, 0));
    assert_eq!(envoy.scrape().total("ldap_unanswered_operations_total", &[]), 1);
}

#[test]
fn key_counters_are_zero_before_the_first_connection() {
    let mut envoy = envoy(r#"{"reporter": "gateway"}"#);
    for counter in ["operation=.=search;.;requests_total", "reason=.=wrong_password;.;bind_failures_total"] {
        let name = format!("ldap.stat_prefix=.=default;.;reporter=.=gateway;.;{counter}");
        assert!(envoy.scrape().defines(&name), "{name}");
        assert_eq!(envoy.scrape().counter(&name), 0);
    }
}

#[test]
fn the_reporter_comes_from_the_listener_unless_it_is_said() {
    let mut envoy = FakeEnvoy::new(module)
        .listener_direction(TrafficDirection::Outbound)
        .configure("")
        .expect("no configuration is one too");
    let mut connection = envoy.connect();
    leave(&mut connection);
    assert_eq!(envoy.scrape().total("ldap_connections_opened_total", &[("reporter", "outbound")]), 1);
}

#[test]
fn off_reads_nothing() {
    let mut envoy = envoy(r#"{"mode": "off"}"#);
    let mut connection = envoy.connect();
    look_up(&mut connection, "cn=app");
    leave(&mut connection);
    assert_eq!(envoy.count_calls(HostCall::GetBufferBytes), 1, "only the configuration was read");
    let stats = envoy.scrape();
    assert_eq!(stats.total("ldap_requests_total", &[]), 0);
    assert_eq!(stats.total("ldap_connections_total", &[("visibility", "off")]), 1);
    // Opened − closed = live, here too.
    let endings = ["ldap_connections_opened_total", "ldap_connections_closed_total"];
    assert_eq!(endings.map(|name| stats.total(name, &[])), [1, 1]);
    let sent = connection.received_by_server().len() + connection.received_by_client().len();
    assert_eq!(stats.total("ldap_bytes_total", &[("visibility", "off")]), sent as u64);
}

#[test]
fn a_bind_says_how_the_connection_is_protected() {
    let mut envoy = envoy("{}");
    for (options, transport) in [
        (ConnectOptions::new(), "plain"),
        (ConnectOptions::new().tls("TLSv1.3"), "tls"),
        (ConnectOptions::new().mtls("TLSv1.3"), "mtls"),
    ] {
        let mut connection = envoy.connect_with(options);
        look_up(&mut connection, "cn=app");
        leave(&mut connection);
        let stats = envoy.scrape();
        assert_eq!(stats.total("ldap_binds_total", &[("transport", transport)]), 1);
        assert_eq!(stats.total("ldap_connections_total", &[("transport", transport)]), 1);
    }
}

#[test]
fn an_event_says_of_people_what_the_configuration_allows() {
    for (identities, said) in [("off", None), ("full", Some("uid=Alice,dc=example"))] {
        let mut envoy = envoy(&format!(r#"{{"events": {{"enabled": true, "identities": "{identities}"}}}}"#));
        let mut connection = envoy.connect_with(ConnectOptions::new().connection_id(77));
        look_up(&mut connection, "uid=Alice,dc=example");
        let events = events(&mut envoy);
        let [bound, bind, search] = events.as_slice() else { panic!("{events:#?}") };
        assert_eq!((&bound["event"], &bound["operation"]), (&"operation".into(), &"bind".into()));
        assert_eq!((&bind["event"], &bind["bind"]), (&"bind".into(), &"simple".into()));
        assert_eq!((&bind["outcome"], &bind["transport"]), (&"succeeded".into(), &"plain".into()));
        assert_eq!((&search["event"], &search["operation"]), (&"operation".into(), &"search".into()));
        assert_eq!((&search["number"], &search["connection"]), (&2.into(), &77.into()));
        assert_eq!((&search["scope"], &search["kind"]), (&"sub".into(), &"normal".into()));
        assert_eq!((&search["search_filter"], &search["attributes"]), (&"(uid=?)".into(), &2.into()));
        assert_eq!((&search["size_limit"], &search["time_limit"]), (&1000.into(), &30.into()));
        assert_eq!((&search["entries"], &search["result"]), (&2.into(), &"success".into()));
        for event in [bound, bind, search] {
            assert_eq!((&event["filter"], &event["authenticated"]), (&"ldap".into(), &"name".into()));
            assert_eq!(event.get("identity").and_then(Value::as_str), said);
            let printed = event.to_string();
            for secret in ["hunter2", "alice\"", "xxxx"] {
                assert!(!printed.contains(secret), "{printed}");
            }
        }
        assert_eq!(envoy.scrape().total("ldap_events_total", &[]), 3);
    }
}

#[test]
fn a_failed_bind_is_an_event_with_its_reason_and_without_the_servers_text() {
    let mut envoy = envoy(r#"{"events": {"enabled": true, "identities": "hmac"}}"#);
    let mut connection = envoy.connect();
    connection.client_sends(bind(1, "cn=app", "x").octets());
    let said = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data 775, v3839";
    connection.server_sends(result_saying(1, 0x61, 49, said).octets());
    let events = events(&mut envoy);
    let bind = events.last().expect("an event");
    assert_eq!((&bind["reason"], &bind["code"]), (&"account_locked".into(), &49.into()));
    assert_eq!(bind["identity"].as_str().map(str::len), Some(64), "{bind}");
    assert!(events.iter().all(|event| !event.to_string().contains("LdapErr")), "{events:#?}");
    let state = connection.filter_state("ldap").expect("a summary");
    assert!(state.starts_with(
        b"binds=1;failed_binds=1;operations=1;errors=1;last_result=invalidCredentials;identity=anonymous;"
    ));
}

#[test]
fn equal_names_hash_alike_however_they_are_written() {
    let mut envoy = envoy(r#"{"events": {"enabled": true, "identities": "hmac"}}"#);
    for name in ["uid=alice,dc=example", "UID=Alice, DC=example"] {
        look_up(&mut envoy.connect(), name);
    }
    let identities: Vec<String> =
        events(&mut envoy).iter().map(|event| event["identity"].to_string()).collect();
    assert_eq!(identities.len(), 6);
    assert!(identities.iter().all(|identity| *identity == identities[0]), "{identities:?}");
}

#[test]
fn access_logs_are_told_of_operations_once_a_second_and_at_the_end() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    let mut told = Vec::new();
    for (id, pause) in [(1, 0), (2, 400), (3, 500), (4, 100)] {
        envoy.advance(Duration::from_millis(pause));
        connection.client_sends(search(id).octets());
        connection.server_sends(search_done(id, 0).octets());
        told.push(connection.filter_state("ldap").expect("a summary"));
    }
    leave(&mut connection);
    told.push(connection.filter_state("ldap").expect("a summary"));
    for (state, operations) in told.iter().zip([1, 1, 1, 4, 4]) {
        let state = String::from_utf8_lossy(state);
        assert!(state.contains(&format!(";operations={operations};")), "{state}");
    }
}

#[test]
fn a_name_cannot_break_out_of_an_access_log() {
    let mut envoy = envoy(r#"{"events": {"identities": "full"}}"#);
    let mut connection = envoy.connect();
    look_up(&mut connection, "cn=a b;visibility=off\r\n\"");
    leave(&mut connection);
    let state = connection.filter_state("ldap").expect("a summary");
    assert_eq!(
        String::from_utf8_lossy(&state),
        "binds=1;failed_binds=0;operations=2;errors=0;last_result=success;identity=name:cn=a%20b%3Bvisibility=off%0D%0A%22;visibility=parsed"
    );
}

#[test]
fn the_summary_is_set_once_in_a_callback() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.client_sends((1..=5).flat_map(|id| search(id).octets()).collect::<Vec<_>>());
    let before = envoy.count_calls(HostCall::SetProperty);
    connection.server_sends((1..=5).flat_map(|id| search_done(id, 0).octets()).collect::<Vec<_>>());
    assert_eq!(envoy.count_calls(HostCall::SetProperty), before + 1);
}

#[test]
fn lost_framing_is_logged_without_octets_and_closes_where_wanted() {
    for (policy, open) in [("passthrough", true), ("close", false)] {
        let mut envoy = envoy(&format!(r#"{{"on_protocol_error": "{policy}"}}"#));
        let mut connection = envoy.connect();
        connection.client_sends(search(1).octets());
        connection.server_sends(b"\x30\x80secret-of-a-peer");
        envoy.advance(Duration::from_millis(10));
        assert_eq!(connection.is_open(), open, "{policy}");
        let lines = envoy.messages(LogLevel::Warn);
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(line.contains("indefinite_length") && !line.contains("secret"), "{line}");
        assert!(line.ends_with(if open { "it goes on unmeasured" } else { "it is closed" }), "{line}");
        if open {
            connection.client_sends(search(2).octets());
            leave(&mut connection);
            assert_eq!(envoy.scrape().total("ldap_connections_total", &[("visibility", "lost_sync")]), 1);
            assert_eq!(envoy.scrape().total("ldap_requests_total", &[]), 1);
        }
    }
}

#[test]
fn a_sealed_connection_is_said_to_be_one() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.client_sends(sasl(1, "GSSAPI", b"token").octets());
    connection.server_sends(bind_result(1, 0).octets());
    let token =
        [&[0, 0, 0, 60, 5, 4, 2, 0xff, 0, 0, 0, 28, 0, 0, 0, 0, 0, 0, 0, 1][..], &[0x30; 44]].concat();
    connection.client_sends(&token);
    let state = connection.filter_state("ldap").expect("a summary");
    assert!(
        state.ends_with(b"identity=sasl:GSSAPI;visibility=sasl_sealed"),
        "{}",
        String::from_utf8_lossy(&state)
    );
    connection.client_closes();
    let stats = envoy.scrape();
    assert_eq!(stats.total("ldap_connections_total", &[("visibility", "sasl_sealed")]), 1);
    assert_eq!(stats.total("ldap_sasl_buffers_total", &[("protection", "sealed")]), 1);
}

#[test]
fn a_host_that_fails_costs_the_measurement_and_nothing_else() {
    let mut envoy = envoy(r#"{"reporter": "inbound"}"#);
    let mut connection = envoy.connect();
    connection.client_sends([search(1), search(2)].map(|message| message.octets()).concat());
    envoy.fail_next(HostCall::GetBufferBytes, Status::INTERNAL_FAILURE);
    connection.server_sends(search_done(1, 0).octets());
    connection.server_sends(search_done(2, 0).octets());
    assert!(connection.is_open());
    let stats = envoy.scrape();
    assert_eq!(stats.total("ldap_internal_errors_total", &[]), 1);
    assert_eq!(stats.total("ldap_connections_total", &[("visibility", "internal_error")]), 1);
    assert_eq!(stats.total("ldap_connections_closed_total", &[("ending", "unknown")]), 1);
    let in_flight = "ldap.stat_prefix=.=default;.;reporter=.=inbound;.;operations_in_flight";
    assert_eq!(stats.gauge(in_flight), 0, "what was open is no longer counted as open");
    assert_eq!(stats.total("envoy_sdk_connections_bypassed_total", &[]), 1);
}

#[test]
fn a_clock_that_goes_back_is_counted_and_measures_nothing() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.client_sends(search(1).octets());
    envoy.set_clock(envoy.now() - Duration::from_secs(3_600));
    connection.server_sends(search_done(1, 0).octets());
    let stats = envoy.scrape();
    assert_eq!(stats.total("ldap_clock_anomalies_total", &[]), 1);
    assert!(stats.recorded("ldap_operation_latency_microseconds", &[("operation", "search")]).is_empty());
    assert_eq!(stats.total("ldap_responses_total", &[("operation", "search")]), 1);
}

#[test]
fn entries_are_not_read_from_envoy() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.client_sends(search(1).octets());
    let before = envoy.count_calls(HostCall::GetBufferBytes);
    connection.server_sends(entry(1, 1_000_000).octets());
    assert!(envoy.count_calls(HostCall::GetBufferBytes) <= before + 2);
    assert_eq!(envoy.scrape().total("ldap_entries_total", &[]), 1);
}

#[test]
fn a_wrong_configuration_is_refused_with_its_field() {
    for (configuration, said) in [
        (
            r#"{"limits": {"max_pending_operations": 7}}"#,
            "limits.max_pending_operations: 7 is not a whole number",
        ),
        (
            r#"{"events": {"identities": "domain"}}"#,
            "`domain` is for mail; ldap knows `off`, `hmac` and `full`",
        ),
    ] {
        let Err(refused) = FakeEnvoy::new(module).configure(configuration) else { panic!("accepted") };
        assert!(refused.to_string().contains(said), "{refused}");
    }
    let mut lenient = envoy(r#"{"strict": false, "reporter": "inbound", "newer": {"x": 1}}"#);
    assert_eq!(lenient.scrape().total("ldap_config_fields_ignored_total", &[]), 1);
    assert!(lenient.messages(LogLevel::Warn).iter().any(|line| line.contains("unknown field `newer`")));
}
