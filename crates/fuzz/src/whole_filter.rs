//! The whole filter on FakeEnvoy: configuration, both peers, the clock and host calls that fail.
//!
//! The oracles: octets arrive at the other peer unchanged and at once, the end of a stream too; Envoy sees one connection
//! opened and one closed; bytes by visibility add up to what passed; gauges are back at 0; the SDK has caught no panic; every
//! event in the log is one line of JSON, and says of people no more than the configuration allows.

use std::time::{Duration, SystemTime};

use envoy_sdk::{FilterStatus, Module, Status};
use envoy_sdk_test::{ConnectOptions, Connection, FakeEnvoy, HostCall, LogLevel, Passage};
use session_driver::{CloseCause, Direction, Transport};

use crate::passage::{Passing, Speaker, told};
use crate::script::Script;

/// When every connection opens, in seconds since the Unix epoch.
const OPENED: Duration = Duration::from_secs(1_700_000_000);

/// Configurations that change what a filter does with a connection.
const CONFIGURATIONS: [&str; 8] = [
    r#"{"reporter": "inbound"}"#,
    r#"{"reporter": "inbound", "level": "detailed", "events": {"enabled": true}}"#,
    r#"{"reporter": "inbound", "events": {"enabled": true, "identities": "full"}}"#,
    r#"{"reporter": "inbound", "events": {"enabled": true, "identities": "hmac", "per_second": 1}}"#,
    r#"{"reporter": "inbound", "events": {"enabled": true, "identities": "hmac", "sample": 0.5,
        "hmac_key": {"id": "k", "secret": "0123456789abcdef"}}}"#,
    r#"{"reporter": "inbound", "on_protocol_error": "close"}"#,
    r#"{"reporter": "inbound", "mode": "off"}"#,
    r#"{"level": "detailed"}"#,
];
const CLOSES: usize = 5;
const WITHOUT_IDENTITIES: [usize; 5] = [0, 1, 5, 6, 7];

/// Host calls that may fail once, for a filter that is to let octets pass all the same.
const FAULTS: [HostCall; 6] = [
    HostCall::GetBufferBytes,
    HostCall::GetCurrentTimeNanoseconds,
    HostCall::SetProperty,
    HostCall::GetProperty,
    HostCall::IncrementMetric,
    HostCall::RecordMetric,
];

/// Judges a module whose filter has this name. The first octet says which configuration, and whether a host call fails.
///
/// # Panics
/// When an oracle refuses what came of it.
pub fn judge<P: Speaker>(name: &str, module: fn() -> Module, data: &[u8]) {
    let Some((&first, data)) = data.split_first() else { return };
    let script = Script::read(data);
    let which = usize::from(first & 7);
    let fault = FAULTS.get(usize::from(first >> 3 & 15)).copied();
    let mut envoy = FakeEnvoy::new(module)
        .configure(CONFIGURATIONS[which])
        .unwrap_or_else(|refused| panic!("{}: {refused}", CONFIGURATIONS[which]));
    envoy.set_clock(SystemTime::UNIX_EPOCH + OPENED);
    let options = match script.choices.transport() {
        Transport::Tls => ConnectOptions::new().tls("TLSv1.3"),
        Transport::Mtls => ConnectOptions::new().mtls("TLSv1.3"),
        _ => ConnectOptions::new(),
    };
    let mut connection = envoy.connect_with(options);
    let passing = told::<P>(&script);
    let middle = passing.len() / 2;
    let mut passed = 0;
    for (at, one) in passing.iter().enumerate() {
        // The filter may have closed, where that is configured.
        if !connection.is_open() {
            break;
        }
        if let Some(fault) = fault.filter(|_| at == middle) {
            envoy.fail_next(fault, Status::INTERNAL_FAILURE);
        }
        passed += pass(&mut envoy, &mut connection, one);
        if which == CLOSES {
            envoy.advance(Duration::from_millis(2));
        } else if let Passing::Octets(_) = one {
            assert!(connection.is_open(), "the filter closes, and is not to");
        }
    }
    if connection.is_open() {
        close(&mut connection, script.choices.ends());
    }
    envoy.advance(Duration::from_millis(2));

    let stats = envoy.scrape();
    let sum = |metric: &str| stats.total(&format!("{name}_{metric}"), &[]);
    assert_eq!(stats.total("envoy_sdk_panics_total", &[]), 0, "a panic was caught");
    if fault.is_none() {
        assert_eq!(stats.total("envoy_sdk_errors_total", &[]), 0, "an error was caught");
        assert_eq!(
            [sum("connections_opened_total"), sum("connections_closed_total"), sum("connections_total")],
            [1; 3]
        );
        assert_eq!(sum("bytes_total"), passed, "bytes by visibility add up to what passed");
        for gauge in ["ldap_operations_in_flight", "ldap_persistent_searches"] {
            assert_eq!(stats.gauge_total(gauge, &[]), 0, "{gauge}");
        }
    }
    for line in envoy.messages(LogLevel::Info) {
        assert!(!line.contains(char::is_control), "a log line holds a control character: {line:?}");
        if line.starts_with('{') {
            let event: serde_json::Value = serde_json::from_str(&line).expect("an event is JSON");
            assert!(event["event"].is_string() && event["schema"].is_u64(), "{line}");
            for of_people in ["sender", "recipients", "identity", "name"] {
                assert!(
                    !WITHOUT_IDENTITIES.contains(&which)
                        || !event[of_people].as_str().is_some_and(|it| it.contains('@')),
                    "an event names somebody: {line}"
                );
            }
        }
    }
}

/// Lets something pass, and returns how many octets.
fn pass(envoy: &mut FakeEnvoy, connection: &mut Connection, one: &Passing) -> u64 {
    match one {
        Passing::Octets(record) => {
            envoy.set_clock(SystemTime::UNIX_EPOCH + OPENED + Duration::from_micros(record.at));
            let passage = match record.direction {
                Direction::ToServer => connection.client_sends(&record.octets),
                Direction::ToClient => connection.server_sends(&record.octets),
            };
            // What a filter that closes was looking at may be lost with the connection.
            if connection.is_open() || !passage.received.is_empty() {
                assert_eq!(passage.received, record.octets, "octets arrive unchanged and at once");
            }
            assert_eq!(passage.status, Some(FilterStatus::Continue));
            record.octets.len() as u64
        }
        Passing::HalfClose(direction, at) => {
            envoy.set_clock(SystemTime::UNIX_EPOCH + OPENED + Duration::from_micros(*at));
            let Passage { end_stream, received, .. } = match direction {
                Direction::ToServer => connection.client_ends(),
                Direction::ToClient => connection.server_ends(),
            };
            assert!(end_stream && received.is_empty(), "an end arrives at once, and nothing else");
            0
        }
    }
}

fn close(connection: &mut Connection, by: CloseCause) {
    match by {
        CloseCause::Client => connection.client_resets(),
        CloseCause::Server => connection.server_resets(),
        CloseCause::Local | CloseCause::Unknown => {}
    }
    // Behind a client's FIN nobody notices its RST.
    if connection.is_open() {
        connection.envoy_closes();
    }
}
