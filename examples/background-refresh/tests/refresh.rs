//! How the service keeps the document fresh, on an Envoy that is made up.

use std::time::Duration;

use background_refresh::{DOCUMENT, DOCUMENT_KEY, module};
use envoy_sdk_test::{FakeEnvoy, FakeHttpAnswer, LogLevel};

const INTERVAL: Duration = Duration::from_secs(5);

/// An Envoy in which the service has just asked for the first time.
fn envoy() -> FakeEnvoy {
    let mut envoy = FakeEnvoy::new(module)
        .root_id("background-refresh")
        .cluster("upstream")
        .configure(include_str!("../config.json"))
        .expect("config.json is taken");
    envoy.advance(Duration::from_millis(1));
    envoy
}

fn document(envoy: &FakeEnvoy) -> Option<String> {
    envoy.shared_data(DOCUMENT_KEY).map(|document| String::from_utf8_lossy(&document).into_owned())
}

fn count(envoy: &FakeEnvoy, outcome: &str) -> u64 {
    envoy.stats().total("document_refreshes_total", &[("outcome", outcome)])
}

#[test]
fn the_document_is_fetched_at_once_and_then_again_and_again() {
    let mut envoy = envoy();
    for edition in ["first", "second", "third"] {
        let call = envoy.http_call();
        assert_eq!((&*call.cluster, call.timeout), ("upstream", Some(INTERVAL)));
        assert_eq!(call.headers.get(":path").map(|path| path.to_string()).as_deref(), Some("/document.json"));
        envoy.answer_http_call(&call, FakeHttpAnswer::new(200).body(edition));
        assert_eq!(document(&envoy).as_deref(), Some(edition));
        envoy.advance(INTERVAL);
    }
    assert_eq!(count(&envoy, "stored"), 3);
}

#[test]
fn a_failure_costs_one_attempt_and_not_the_document() {
    let failures: [fn(&mut FakeEnvoy); 5] = [
        |envoy| envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(404).body("not it")),
        |envoy| envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(200).body(vec![b'x'; 65_537])),
        |envoy| envoy.refuse_http_call(&envoy.http_call()),
        |envoy| envoy.fail_http_call(&envoy.http_call()),
        // The time-out: the next attempt begins at the same moment.
        |envoy| envoy.advance(INTERVAL),
    ];
    for fails in failures {
        let mut envoy = envoy();
        envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(200).body("good"));
        envoy.advance(INTERVAL);
        fails(&mut envoy);
        assert_eq!((document(&envoy).as_deref(), count(&envoy, "failed")), (Some("good"), 1));
        assert_eq!(envoy.messages(LogLevel::Warn).len(), 1);
        if envoy.http_calls().is_empty() {
            envoy.advance(INTERVAL);
        }
        envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(200).body("better"));
        assert_eq!(document(&envoy).as_deref(), Some("better"));
    }
}

#[test]
fn a_cluster_that_cannot_be_asked_is_asked_again() {
    let mut envoy = FakeEnvoy::new(module)
        .cluster_without_hosts("upstream")
        .configure(include_str!("../config.json"))
        .expect("config.json is taken");
    envoy.advance(2 * INTERVAL);
    assert_eq!((document(&envoy), count(&envoy, "failed")), (None, 2));
}

#[test]
fn what_another_service_has_stored_meanwhile_stays() {
    let mut envoy = envoy();
    envoy.set_shared_data(DOCUMENT_KEY, "of another worker");
    envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(200).body("too late"));
    assert_eq!((document(&envoy).as_deref(), count(&envoy, "outdated")), (Some("of another worker"), 1));

    envoy.advance(INTERVAL);
    envoy.set_shared_data(DOCUMENT_KEY, "of another worker again");
    envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(200).body("too late again"));
    assert_eq!(count(&envoy, "outdated"), 2);

    envoy.advance(INTERVAL);
    envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(200).body("in time"));
    assert_eq!((document(&envoy).as_deref(), count(&envoy, "stored")), (Some("in time"), 1));
}

#[test]
fn a_mistaken_configuration_is_refused_with_its_field() {
    for (configuration, reason) in [
        ("{}", "missing field `cluster`"),
        (r#"{"cluster": "c", "path": "x", "interval_seconds": 1}"#, "path: must begin with /"),
        (
            r#"{"cluster": "c", "path": "/", "interval_seconds": 0}"#,
            "interval_seconds: invalid value: integer `0`",
        ),
    ] {
        let refused = FakeEnvoy::new(module).configure(configuration).unwrap_err();
        assert!(refused.to_string().contains(reason), "{refused}");
    }
}

#[test]
fn the_sample_has_a_rule_for_each_label() {
    let sample = include_str!("../envoy.yaml");
    for label in DOCUMENT.label_names() {
        assert!(sample.contains(&format!("tag_name: {label},")), "envoy.yaml has no rule for {label}");
    }
    assert_eq!(DOCUMENT.violations(&[]), []);
}
