//! What a failure costs, in the callbacks that `boundary.rs` does not cover: HTTP filters, timers, answers to call-outs,
//! and everything that belongs to a plugin itself. Each callback fails in every way.

#[path = "../support/failure.rs"]
mod failure;

mod http;
mod network;
mod plugin;
mod saboteur;

use envoy_sdk_test::{FakeEnvoy, FakeGrpcEnd, FakeHttpAnswer};

/// Starts the saboteur of this kind, which fails as told.
fn start(kind: &str, callback: &str, how: &str, extra: &str) -> FakeEnvoy {
    let configuration = format!(r#"{{"in": "{callback}", "how": "{how}"{extra}}}"#);
    let bootstrap = FakeEnvoy::new(saboteur::module).root_id(kind).cluster("cluster");
    bootstrap.configure(configuration).expect("configured")
}

/// Lets happen what the saboteur waits for, whatever that is.
fn answer(envoy: &mut FakeEnvoy) {
    envoy.advance(std::time::Duration::from_millis(5));
    for call in envoy.http_calls() {
        envoy.answer_http_call(&call, FakeHttpAnswer::new(200));
    }
    for call in envoy.grpc_calls() {
        envoy.answer_grpc_call(&call, "answer");
    }
    for stream in envoy.grpc_streams() {
        envoy.end_grpc_stream(&stream, &FakeGrpcEnd::new(envoy_sdk::GrpcStatus::OK));
    }
}

/// How often this callback has failed, as counted by `counter`; and all failures of any kind.
fn counted(envoy: &FakeEnvoy, counter: &str, callback: &str) -> (u64, u64) {
    let stats = envoy.stats();
    let all = stats.total("envoy_sdk_errors_total", &[]) + stats.total("envoy_sdk_panics_total", &[]);
    (stats.total(counter, &[("callback", callback)]), all)
}

/// What the SDK's own counter says.
fn total(envoy: &FakeEnvoy, counter: &str) -> u64 {
    envoy.stats().total(&format!("envoy_sdk_{counter}_total"), &[])
}
