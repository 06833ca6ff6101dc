//! What the service does, told on an Envoy that is made up: no network, no time that passes by itself.

use std::time::Duration;

use demo_filter::metrics::METRICS;
use demo_filter::module;
use envoy_sdk_test::{FakeEnvoy, FakeHttpAnswer, LogLevel};

const PROBES: &str = "demo_filter_probes_total";
const HEALTHY: &str = "demo_filter_healthy";
const SECOND: Duration = Duration::from_secs(1);

/// An Envoy that probes the cluster `server` every second.
fn envoy() -> FakeEnvoy {
    let configuration = r#"{"cluster": "server", "path": "/health", "interval_milliseconds": 1000}"#;
    FakeEnvoy::new(module).cluster("server").configure(configuration).expect("a configuration that is taken")
}

#[test]
fn a_healthy_server_is_asked_again_and_again() {
    let mut envoy = envoy();
    for _ in 0..3 {
        envoy.advance(SECOND);
        let probe = envoy.http_call();
        let path = probe.headers.get(":path").and_then(|path| path.to_str());
        assert_eq!((probe.cluster.as_str(), path), ("server", Some("/health")));
        envoy.answer_http_call(&probe, FakeHttpAnswer::new(200));
    }
    assert_eq!(envoy.stats().total(PROBES, &[("result", "healthy")]), 3);
    assert_eq!(envoy.stats().gauge_total(HEALTHY, &[]), 1);
    assert_eq!(envoy.messages(LogLevel::Info), ["server is healthy: status 200"], "said once");
}

#[test]
fn a_server_that_falls_ill_and_recovers_is_logged_twice() {
    let mut envoy = envoy();
    for status in [200, 500, 503, 200] {
        envoy.advance(SECOND);
        let probe = envoy.http_call();
        envoy.answer_http_call(&probe, FakeHttpAnswer::new(status));
    }
    let said = envoy.messages(LogLevel::Info);
    assert_eq!(said[1..], ["server is not healthy: status 500", "server is healthy: status 200"]);
    assert_eq!(envoy.stats().total(PROBES, &[("result", "unhealthy")]), 2);
    assert_eq!(envoy.stats().gauge_total(HEALTHY, &[]), 1);
}

#[test]
fn an_answer_that_does_not_come_is_an_answer() {
    let mut envoy = envoy();
    envoy.advance(SECOND);
    envoy.advance(SECOND);
    assert_eq!(envoy.stats().total(PROBES, &[("result", "unhealthy")]), 1, "Envoy answers 504");
    assert_eq!(envoy.http_calls().len(), 1, "the next probe is on its way");
}

#[test]
fn a_cluster_that_is_not_there_does_not_end_the_service() {
    let configuration = r#"{"cluster": "nowhere", "interval_milliseconds": 1000}"#;
    let mut envoy = FakeEnvoy::new(module).configure(configuration).expect("taken");
    envoy.advance(3 * SECOND);
    assert_eq!(envoy.stats().total(PROBES, &[("result", "failed")]), 3);
    assert_eq!(envoy.stats().gauge_total(HEALTHY, &[]), 0);
    assert_eq!(envoy.messages(LogLevel::Warn).len(), 1, "said once");
}

#[test]
fn a_mistaken_configuration_is_refused_with_its_field() {
    for (configuration, reason) in [
        (r#"{"interval_milliseconds": 0}"#, "interval_milliseconds: invalid value: integer `0`"),
        (r#"{"claster": "x"}"#, "claster: unknown field `claster`"),
    ] {
        let refused = FakeEnvoy::new(module).configure(configuration).unwrap_err();
        assert!(refused.to_string().contains(reason), "{refused}");
    }
}

#[test]
fn the_files_beside_the_code_fit_it() {
    FakeEnvoy::new(module).configure(include_str!("../config.json")).expect("config.json is taken");
    let sample = include_str!("../envoy.yaml");
    for label in METRICS.label_names() {
        assert!(sample.contains(&format!("tag_name: {label},")), "envoy.yaml has no rule for {label}");
    }
    assert_eq!(METRICS.violations(&[]), []);
}
