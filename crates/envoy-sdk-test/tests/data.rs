//! Buffers, pauses and closes, as Envoy 1.36.2 and 1.40.0 have them.

mod support;

use std::time::Duration;

use envoy_sdk::FilterStatus;
use envoy_sdk_test::{FakeEnvoy, HostCall, LogLevel};

fn envoy(configuration: &str) -> FakeEnvoy {
    FakeEnvoy::new(support::module).configure(configuration).expect("configured")
}

#[test]
fn what_the_filter_changes_is_what_arrives() {
    let mut envoy = envoy(r#"{"client_end": "append:LAST"}"#);
    let mut connection = envoy.connect();
    assert_eq!(connection.client_sends("prepend:PRE").received, b"PREprepend:PRE");
    assert_eq!(connection.client_sends("drain:3 x").received, b"in:3 x");
    assert_eq!(connection.client_sends("replace:ALL").received, b"ALL");
    assert_eq!(connection.client_sends("drain:999").received, b"");
    assert_eq!(connection.server_sends("append:APP ").received, b"append:APP APP");
    let passage = connection.client_ends();
    assert_eq!((passage.received, passage.end_stream), (b"LAST".to_vec(), true));
}

#[test]
fn paused_octets_are_presented_again_with_the_next() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    let passage = connection.client_sends("pause ");
    assert_eq!((passage.status, passage.received), (Some(FilterStatus::StopIteration), vec![]));
    assert!(connection.holds_back_client());
    // The whole is read as one script: `pause x resume`.
    assert_eq!(connection.client_sends("x resume ").received, b"pause x resume ");
    assert_eq!(connection.client_sends("y").received, b"y");

    connection.server_sends("pause ");
    assert_eq!(connection.server_sends("drain:6 y ").received, b"", "pause is still in the script");
    assert_eq!(connection.server_sends("z").received, b"drain:6 y z".split_at(6).1, "and drained it is gone");
}

#[test]
fn the_other_direction_can_resume() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.client_sends("pause ");
    assert_eq!(connection.server_sends("resume ").received, b"resume ");
    assert_eq!(connection.received_by_server(), b"pause ");
    assert!(!connection.holds_back_client());
}

#[test]
fn resuming_lets_an_end_through_as_well() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    assert!(!connection.client_sends_last("pause ").end_stream);
    connection.server_sends("resume ");
    assert_eq!(connection.received_by_server(), b"pause ");
    connection.server_ends();
    assert!(!connection.is_open());
}

#[test]
fn envoy_stops_reading_where_too_much_is_held_back() {
    let bootstrap = FakeEnvoy::new(support::module).buffer_limit(10);
    let mut envoy = bootstrap.configure("{}").expect("configured");
    let mut connection = envoy.connect();
    assert_eq!(connection.client_sends("pause ").status, Some(FilterStatus::StopIteration));
    assert_eq!(connection.client_sends("too much").status, Some(FilterStatus::StopIteration));
    assert_eq!(connection.client_sends("unread ").status, None);
    assert_eq!(connection.client_ends().status, None);
    connection.server_sends("resume ");
    assert_eq!(
        connection.received_by_server(),
        b"pause too muchunread ",
        "the rest is read once there is room"
    );
}

#[test]
fn a_new_connection_can_wait() {
    let mut envoy = envoy(r#"{"new_connection": "pause", "downstream_close": "property:upstream.address"}"#);
    let mut connection = envoy.connect();
    assert_eq!(connection.client_sends("early").status, None, "Envoy does not read yet");
    connection.client_resets();
    assert!(connection.is_open(), "and so it cannot see a reset");
    drop(envoy);

    let mut envoy = self::envoy(r#"{"new_connection": "pause resume"}"#);
    let mut connection = envoy.connect();
    assert_eq!(connection.client_sends("x").received, b"x");
}

#[test]
fn close_loses_what_was_appended_and_close_after_flush_does_not() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    assert_eq!(connection.server_sends("append:BYE close ").received, b"");
    assert!(!connection.is_open());

    let mut connection = envoy.connect();
    assert_eq!(
        connection.server_sends("append:BYE close-after-flush ").received,
        b"append:BYE close-after-flush BYE"
    );
    assert!(connection.is_open());
    envoy.advance(Duration::from_millis(1));
    assert!(!connection.is_open());
    assert_eq!(envoy.tick_period(), None, "the timer is off while nothing is pending");
}

#[test]
fn a_deferred_close_of_a_connection_that_has_gone_is_nothing() {
    let mut envoy = envoy("{}");
    let mut gone = envoy.connect();
    gone.client_sends("close-after-flush");
    gone.client_resets();
    envoy.advance(Duration::from_millis(1));
    assert_eq!(envoy.count_calls(HostCall::CloseStream), 0);
    assert_eq!(envoy.messages(LogLevel::Warn), [""; 0]);
}

#[test]
fn filter_state_is_kept_for_the_access_log() {
    let mut envoy = envoy(r#"{"complete": "state:over property:key property:wasm.key"}"#);
    let mut connection = envoy.connect();
    connection.client_sends("state:begun");
    assert_eq!(connection.filter_state("key").as_deref(), Some(&b"begun"[..]));
    connection.client_closes();
    assert_eq!(connection.filter_state("key").as_deref(), Some(&b"over"[..]));
    assert_eq!(envoy.messages(LogLevel::Info), [r#"key = "over""#, "wasm.key = nothing"]);
}
