//! Network filters, where the failure comes from a timer or an answer.

use envoy_sdk_test::ClosedBy;

use crate::failure::WAYS;
use crate::{answer, counted, start, total};

const ANSWERS: [&str; 4] = ["on_timer", "on_http_call_done", "on_grpc_call_done", "on_grpc_stream"];

#[test]
fn close_ends_the_connection() {
    for callback in ANSWERS {
        for (how, counter) in WAYS {
            let mut envoy = start("network", callback, how, "");
            let mut connection = envoy.connect();
            connection.client_sends("before");
            answer(&mut envoy);
            assert_eq!(counted(&envoy, counter, callback), (1, 1), "{how} in {callback}: {:#?}", envoy.log());
            assert_eq!(connection.closed_by(), Some(ClosedBy::Envoy), "{how} in {callback}");
            assert_eq!(connection.received_by_server(), b"before");
            assert_eq!(total(&envoy, "connections_closed_on_error"), 1);
        }
    }
}

#[test]
fn bypass_lets_the_connection_go_on() {
    for callback in ANSWERS {
        for (how, counter) in WAYS {
            let mut envoy = start("network", callback, how, r#", "bypass": true"#);
            let mut connection = envoy.connect();
            answer(&mut envoy);
            connection.client_sends("after");
            connection.server_sends("answer");
            connection.client_closes();
            assert_eq!(counted(&envoy, counter, callback), (1, 1), "{how} in {callback}: {:#?}", envoy.log());
            assert_eq!(connection.received_by_server(), b"after");
            assert_eq!(connection.received_by_client(), b"answer");
            assert_eq!(total(&envoy, "connections_bypassed"), 1);
        }
    }
}
