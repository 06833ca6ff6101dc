//! Scenarios with HTTP and gRPC calls.

use serde_json::{Value, json};

use crate::scenario::{Deed, Oracle, fields};
use crate::{Answer, Scenario};

fn http_call(cluster: &str, milliseconds: u64) -> Value {
    json!({"http_call": {"cluster": cluster, "path": "/ask", "body": "who is it?", "milliseconds": milliseconds}})
}

fn grpc_call(cluster: &str, milliseconds: u64) -> Value {
    json!({"grpc_call": {"cluster": cluster, "message": "who is it?", "milliseconds": milliseconds}})
}

/// A new connection that waits for the answer to this, and then goes on.
fn gate(name: &'static str, rule: &'static str, call: &Value, done: &Value) -> Scenario {
    let script = json!({"rules": [
        {"on": "new_connection", "do": [call, "pause"]},
        {"on": "call_done", "do": done},
    ]});
    Scenario::network(name, rule, script).with_oracle(Oracle::Answers).connect()
}

/// A client that sends something, upon which this is called.
fn calling(name: &'static str, rule: &'static str, call: &Value) -> Scenario {
    let script = json!({"rules": [{"on": "downstream_data", "do": [call]}]});
    Scenario::network(name, rule, script).with_oracle(Oracle::Answers).connect().client_sends("a")
}

/// A client that sends something, upon which a gRPC stream is opened.
fn streaming(name: &'static str, rule: &'static str, actions: &Value) -> Scenario {
    let script = json!({"rules": [{"on": "downstream_data", "do": actions}]});
    Scenario::network(name, rule, script).with_oracle(Oracle::Answers).connect().client_sends("a")
}

const LONG: u64 = 60_000;

pub(crate) fn all() -> Vec<Scenario> {
    [http(), grpc_calls(), grpc_streams()].concat()
}

fn http() -> Vec<Scenario> {
    vec![
        gate(
            "calls-http-answered",
            "A new connection waits for an answer, and then everything that came meanwhile passes",
            &http_call("calls-http-answered", LONG),
            &json!(["continue_reading"]),
        )
        .client_sends("early")
        .oracle_answers(1, 200, &[("x-answer", "yes")], "a friend")
        .client_ends()
        .server_ends(),
        gate(
            "calls-http-refused-by-answer",
            "A connection is closed because of an answer",
            &http_call("calls-http-refused-by-answer", LONG),
            &json!(["close"]),
        )
        .oracle_answers(1, 403, &[], ""),
        calling(
            "calls-http-with-trailers",
            "An answer with trailers",
            &http_call("calls-http-with-trailers", LONG),
        )
        .oracle(
            1,
            Deed::Answers(Answer {
                status: 200,
                headers: fields(&[("x-answer", "yes")]),
                body: b"body".to_vec(),
                trailers: fields(&[("x-sum", "1")]),
            }),
        )
        .client_resets(),
        calling("calls-http-time-out", "Nobody answers in time: Envoy does, with 504", &http_call("calls-http-time-out", 100))
            .pass(100)
            .client_resets(),
        calling(
            "calls-http-broken-off",
            "An answer that breaks off is no answer",
            &http_call("calls-http-broken-off", LONG),
        )
        .oracle(1, Deed::BreaksOff)
        .client_resets(),
        Scenario::network(
            "calls-http-nobody-there",
            "Nobody listens: Envoy answers with 503",
            json!({"rules": [{"on": "downstream_data", "do": [http_call("calls-http-nobody-there", LONG)]}]}),
        )
        .differs_on_oldest("the body of the 503 says more about the failure")
        .with_oracle(Oracle::Refuses)
        .connect()
        .client_sends("a")
        .client_resets(),
        calling("calls-http-unknown-cluster", "An unknown cluster is refused at once", &http_call("nowhere", LONG)),
        calling(
            "calls-http-late-answer",
            "An answer that comes when its connection has gone is dropped",
            &http_call("calls-http-late-answer", LONG),
        )
        .client_resets()
        .oracle_answers(1, 200, &[], "too late"),
        calling(
            "calls-http-two",
            "Two calls, answered in the other order",
            &json!(http_call("calls-http-two", LONG)),
        )
        .client_sends("b")
        .oracle_answers(2, 200, &[], "second")
        .oracle_answers(1, 200, &[], "first")
        .client_resets(),
        Scenario::network(
            "calls-http-failing-in-answer",
            "An error in on_http_call_done closes the connection",
            json!({"rules": [
                {"on": "downstream_data", "do": [http_call("calls-http-failing-in-answer", LONG)]},
                {"on": "call_done", "do": [{"error": "as told"}]},
            ]}),
        )
        .with_oracle(Oracle::Answers)
        .connect()
        .client_sends("a")
        .oracle_answers(1, 200, &[], ""),
        Scenario::http(
            "calls-http-from-http-filter",
            "A request waits for an answer",
            json!({"rules": [
                {"on": "request_headers", "do": [http_call("calls-http-from-http-filter", LONG), "pause"]},
                {"on": "call_done", "do": ["continue_request"]},
            ]}),
        )
        .with_oracle(Oracle::Answers)
        .request("GET", "/", &[], true)
        .oracle_answers(1, 200, &[("x-answer", "yes")], "go on")
        .response(200, &[], true),
        Scenario::http(
            "calls-http-from-http-filter-denied",
            "A request is answered because of an answer",
            json!({"rules": [
                {"on": "request_headers", "do": [http_call("calls-http-from-http-filter-denied", LONG), "pause"]},
                {"on": "call_done", "do": [{"local_reply": {"status": 403, "body": "denied"}}]},
            ]}),
        )
        .with_oracle(Oracle::Answers)
        .request("POST", "/", &[], false)
        .oracle_answers(1, 403, &[], ""),
    ]
}

fn grpc_calls() -> Vec<Scenario> {
    vec![
        gate(
            "calls-grpc-answered",
            "A gRPC call with an answer",
            &grpc_call("calls-grpc-answered", LONG),
            &json!(["continue_reading"]),
        )
        .oracle(1, Deed::AnswersGrpc(b"a friend".to_vec()))
        .client_ends()
        .server_ends(),
        calling("calls-grpc-failed", "A gRPC call that fails", &grpc_call("calls-grpc-failed", LONG))
            .oracle(1, Deed::FailsGrpc(7, "you may not".to_owned()))
            .client_resets(),
        calling(
            "calls-grpc-time-out",
            "A gRPC call that nobody answers in time",
            &grpc_call("calls-grpc-time-out", 100),
        )
        .pass(100)
        .client_resets(),
        calling(
            "calls-grpc-cancelled-with-its-stream",
            "A gRPC call is cancelled when its connection goes",
            &grpc_call("calls-grpc-cancelled-with-its-stream", LONG),
        )
        .client_resets(),
        Scenario::network(
            "calls-grpc-cancelled",
            "A gRPC call that the extension cancels",
            json!({"rules": [
                {"on": "downstream_data", "nth": 1, "do": [grpc_call("calls-grpc-cancelled", LONG)]},
                {"on": "downstream_data", "nth": 2, "do": ["cancel_grpc_call"]},
            ]}),
        )
        .with_oracle(Oracle::Answers)
        .connect()
        .client_sends("a")
        .client_sends("b")
        .client_resets(),
        calling("calls-grpc-unknown-cluster", "An unknown cluster is refused", &grpc_call("nowhere", LONG)),
    ]
}

fn grpc_streams() -> Vec<Scenario> {
    vec![
        streaming(
            "streams-grpc-conversation",
            "A gRPC stream with messages in both directions",
            &json!([{"open_grpc_stream": "streams-grpc-conversation"}, {"send_grpc_message": "one"}]),
        )
        .oracle(1, Deed::AcceptsGrpc(fields(&[("x-answer", "yes")])))
        .oracle(1, Deed::SendsGrpc(b"two".to_vec()))
        .oracle(1, Deed::EndsGrpc(0, fields(&[("x-answer", "bye")])))
        .client_resets(),
        streaming(
            "streams-grpc-ended-by-the-extension",
            "A gRPC stream of which the extension ends its side",
            &json!([
                {"open_grpc_stream": "streams-grpc-ended-by-the-extension"}, {"send_grpc_message": "one"}, "end_grpc_stream",
            ]),
        )
        .oracle(1, Deed::SendsGrpc(b"two".to_vec()))
        .oracle(1, Deed::EndsGrpc(0, Vec::new()))
        .client_resets(),
        streaming(
            "streams-grpc-refused",
            "A gRPC stream that the server refuses",
            &json!([{"open_grpc_stream": "streams-grpc-refused"}, {"send_last_grpc_message": "one"}]),
        )
        .oracle(1, Deed::FailsGrpc(16, "who are you?".to_owned()))
        .client_resets(),
        streaming(
            "streams-grpc-cancelled-with-its-stream",
            "A gRPC stream is cancelled when its connection goes",
            &json!([{"open_grpc_stream": "streams-grpc-cancelled-with-its-stream"}, {"send_grpc_message": "one"}]),
        )
        .oracle(1, Deed::SendsGrpc(b"two".to_vec()))
        .client_resets(),
        streaming(
            "streams-grpc-cancelled",
            "A gRPC stream that the extension resets",
            &json!([
                {"open_grpc_stream": "streams-grpc-cancelled"}, {"send_grpc_message": "one"}, "cancel_grpc_stream",
            ]),
        )
        .client_resets(),
    ]
}
