//! What the filter does, told on an Envoy that is made up: no network, no time that passes by itself.

use std::time::Duration;

use demo_filter::metrics::METRICS;
use demo_filter::module;
use envoy_sdk_test::{FakeEnvoy, HttpRequest, HttpResponse, LogLevel};

const REQUESTS: &str = "demo_filter_requests_total";
const SLOW: &str = "demo_filter_slow_responses_total";
const LATENCY: &str = "demo_filter_response_latency_microseconds";

fn envoy(configuration: &str) -> FakeEnvoy {
    FakeEnvoy::new(module).configure(configuration).expect("a configuration that is taken")
}

#[test]
fn a_client_is_told_how_long_the_server_took() {
    let mut envoy = envoy("{}");
    let mut exchange = envoy.http_request(HttpRequest::get("/"));

    envoy.advance(Duration::from_millis(42));
    exchange.server_replies(HttpResponse::new(200).body("hello"));

    let response = exchange.received_by_client();
    assert_eq!((response.status(), &*response.body), (Some(200), &b"hello"[..]));
    assert_eq!(response.header("server-timing").as_deref(), Some("upstream;dur=42.0"));
    assert_eq!(envoy.stats().recorded(LATENCY, &[]), [42_000]);
    assert_eq!(envoy.stats().total(REQUESTS, &[("class", "2xx")]), 1);
    assert!(envoy.messages(LogLevel::Warn).is_empty());
}

#[test]
fn what_the_server_says_of_its_own_timing_stays() {
    let mut envoy = envoy("{}");
    let mut exchange = envoy.http_request(HttpRequest::get("/"));

    exchange.server_replies(HttpResponse::new(204).header("server-timing", "db;dur=1"));

    let headers = exchange.received_by_client().headers;
    let values: Vec<String> = headers.get_all("server-timing").map(|v| v.to_string()).collect();
    assert_eq!(values, ["db;dur=1", "upstream;dur=0.0"]);
}

#[test]
fn a_slow_response_is_logged_and_counted() {
    let mut envoy = envoy(r#"{"slow_after_milliseconds": 100, "server_timing": false}"#);
    let mut exchange = envoy.http_request(HttpRequest::get("/secret"));

    envoy.advance(Duration::from_millis(100));
    exchange.server_replies(HttpResponse::new(503));

    assert_eq!(envoy.messages(LogLevel::Warn), ["connection 1: 503 after 100 ms"]);
    assert_eq!(envoy.stats().total(SLOW, &[]), 1);
    assert_eq!(envoy.stats().total(REQUESTS, &[("class", "5xx")]), 1);
    assert_eq!(exchange.received_by_client().header("server-timing"), None, "nobody asked for it");
}

#[test]
fn a_request_without_a_response_counts_too() {
    let mut envoy = envoy("{}");
    let mut exchange = envoy.http_request(HttpRequest::get("/"));

    exchange.client_resets();

    assert_eq!(envoy.stats().total(REQUESTS, &[("class", "none")]), 1);
    assert!(envoy.stats().recorded(LATENCY, &[]).is_empty());
}

#[test]
fn a_mistaken_configuration_is_refused_with_its_field() {
    for (configuration, reason) in [
        (r#"{"slow_after_milliseconds": -1}"#, "slow_after_milliseconds: invalid value: integer `-1`"),
        (r#"{"slow": 1}"#, "slow: unknown field `slow`"),
    ] {
        let refused = FakeEnvoy::new(module).configure(configuration).unwrap_err();
        assert!(refused.to_string().contains(reason), "{refused}");
    }
}

#[test]
fn the_files_beside_the_code_fit_it() {
    envoy(include_str!("../config.json"));
    let sample = include_str!("../envoy.yaml");
    for label in METRICS.label_names() {
        assert!(sample.contains(&format!("tag_name: {label},")), "envoy.yaml has no rule for {label}");
    }
    assert_eq!(METRICS.violations(&[]), []);
}
