//! Whom the filter lets through, on an Envoy that is made up.

use std::time::Duration;

use envoy_sdk::ByteStr;
use envoy_sdk_test::{FakeEnvoy, FakeHttpAnswer, HttpExchange, HttpRequest};
use http_authorisation::{HTTP_AUTHORISATION, module};

const OPEN: &str = r#"{"cluster": "auth", "without_decision": "allow", "identity_headers": ["x-user"]}"#;
const CLOSED: &str = r#"{"cluster": "auth", "identity_headers": ["x-user"]}"#;

fn envoy(configuration: &str) -> FakeEnvoy {
    FakeEnvoy::new(module).cluster("auth").configure(configuration).expect("a configuration that is taken")
}

/// A client that says it is root.
fn request(envoy: &mut FakeEnvoy) -> HttpExchange {
    let request = HttpRequest::post("/accounts?id=7", "content");
    envoy.http_request(
        request.header("authorization", "Bearer t").header("x-user", "root").header("x-other", "1"),
    )
}

fn count(envoy: &FakeEnvoy, outcome: &str) -> u64 {
    envoy.stats().total("http_authorisation_requests_total", &[("outcome", outcome)])
}

#[test]
fn the_service_learns_what_it_needs_and_no_more() {
    let mut envoy = envoy(CLOSED);
    let exchange = request(&mut envoy);

    let call = envoy.http_call();
    assert_eq!((&*call.cluster, call.timeout), ("auth", Some(Duration::from_millis(500))));
    for (name, value) in [
        (":method", Some("GET")),
        (":path", Some("/check")),
        (":authority", Some("authorisation")),
        ("x-original-method", Some("POST")),
        ("x-original-host", Some("example.com")),
        ("x-original-path", Some("/accounts?id=7")),
        ("authorization", Some("Bearer t")),
        ("x-user", None),
        ("x-other", None),
    ] {
        assert_eq!(call.headers.get(name).and_then(ByteStr::to_str), value, "{name}");
    }
    assert!(exchange.received_by_server().is_empty() && exchange.received_by_client().is_empty());
}

#[test]
fn an_allowed_request_goes_on_with_the_name_that_the_service_gave() {
    let mut envoy = envoy(CLOSED);
    let exchange = request(&mut envoy);

    envoy.advance(Duration::from_millis(20));
    envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(200).header("x-user", "alice"));

    let received = exchange.received_by_server();
    assert_eq!(received.header("x-user").as_deref(), Some("alice"));
    assert_eq!((&*received.body, received.ended), (&b"content"[..], true));
    assert_eq!(count(&envoy, "allowed"), 1);
    assert_eq!(envoy.stats().recorded("http_authorisation_check_duration_milliseconds", &[]), [20]);
}

#[test]
fn a_denied_request_is_answered_as_the_service_says() {
    let mut envoy = envoy(OPEN);
    let exchange = request(&mut envoy);

    let challenge = FakeHttpAnswer::new(401).header("www-authenticate", "Bearer").header("x-internal", "1");
    envoy.answer_http_call(&envoy.http_call(), challenge);

    let received = exchange.received_by_client();
    assert_eq!(received.status(), Some(401));
    assert_eq!(received.header("www-authenticate").as_deref(), Some("Bearer"));
    assert_eq!(received.header("x-internal"), None);
    assert_eq!(exchange.response_code_details().as_deref(), Some("authorisation_denied"));
    assert!(exchange.received_by_server().is_empty());
    assert_eq!(count(&envoy, "denied"), 1);
}

/// The ways in which a service does not decide.
fn indecisions() -> [fn(&mut FakeEnvoy); 4] {
    [
        |envoy| envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(404)),
        |envoy| envoy.refuse_http_call(&envoy.http_call()),
        |envoy| envoy.fail_http_call(&envoy.http_call()),
        |envoy| envoy.advance(Duration::from_millis(500)),
    ]
}

#[test]
fn without_a_decision_a_request_is_refused() {
    for does_not_decide in indecisions() {
        let mut envoy = envoy(CLOSED);
        let exchange = request(&mut envoy);
        does_not_decide(&mut envoy);
        assert_eq!(exchange.received_by_client().status(), Some(503));
        assert_eq!(exchange.response_code_details().as_deref(), Some("authorisation_undecided"));
        assert!(exchange.received_by_server().is_empty());
        assert_eq!(count(&envoy, "failed_closed"), 1);
    }
}

#[test]
fn without_a_decision_a_request_may_pass_but_nobody_vouches_for_it() {
    for does_not_decide in indecisions() {
        let mut envoy = envoy(OPEN);
        let exchange = request(&mut envoy);
        does_not_decide(&mut envoy);
        assert_eq!(exchange.received_by_server().header("x-user"), None);
        assert!(exchange.received_by_server().ended);
        assert_eq!(count(&envoy, "failed_open"), 1);
    }
}

#[test]
fn a_cluster_that_cannot_be_asked_does_not_decide() {
    for (configuration, outcome, reaches_server) in
        [(CLOSED, "failed_closed", false), (OPEN, "failed_open", true)]
    {
        let mut envoy = FakeEnvoy::new(module).configure(configuration).expect("configured");
        let exchange = request(&mut envoy);
        assert_eq!(exchange.received_by_server().ended, reaches_server);
        assert_eq!(count(&envoy, outcome), 1);
    }
}

#[test]
fn what_is_not_text_does_not_pass_even_where_all_else_does() {
    let mut envoy = envoy(OPEN);
    let exchange = envoy.http_request(HttpRequest::get("/").header(":path", b"/\xff"));
    assert_eq!(exchange.received_by_client().status(), Some(500));
    assert!(exchange.received_by_server().is_empty());
}

#[test]
fn a_client_that_leaves_first_is_counted_once() {
    let mut envoy = envoy(CLOSED);
    let mut exchange = request(&mut envoy);
    let call = envoy.http_call();

    exchange.client_resets();
    envoy.answer_http_call(&call, FakeHttpAnswer::new(200));

    assert_eq!((count(&envoy, "abandoned"), count(&envoy, "allowed")), (1, 0));
}

#[test]
fn a_mistaken_configuration_is_refused_with_its_field() {
    for (configuration, reason) in [
        ("{}", "missing field `cluster`"),
        (r#"{"cluster": ""}"#, "cluster: must name a cluster"),
        (r#"{"cluster": "auth", "path": "check"}"#, "path: must begin with /"),
        (r#"{"cluster": "auth", "timeout_milliseconds": 0}"#, "timeout_milliseconds: must be 1 or more"),
        (r#"{"cluster": "auth", "without_decision": "maybe"}"#, "without_decision: unknown variant `maybe`"),
    ] {
        let refused = FakeEnvoy::new(module).configure(configuration).unwrap_err();
        assert!(refused.to_string().contains(reason), "{refused}");
    }
}

#[test]
fn the_files_beside_the_code_fit_it() {
    envoy(include_str!("../config.json"));
    let sample = include_str!("../envoy.yaml");
    for label in HTTP_AUTHORISATION.label_names() {
        assert!(sample.contains(&format!("tag_name: {label},")), "envoy.yaml has no rule for {label}");
    }
    assert_eq!(HTTP_AUTHORISATION.violations(&[]), []);
}
