//! What a panic costs on HTTP, and what it does not.

use envoy_sdk_test::{FakeEnvoy, HttpExchange, HttpRequest, HttpResponse};

fn envoy() -> FakeEnvoy {
    FakeEnvoy::new(panic_on_demand::module)
        .root_id("panic-on-demand-http")
        .configure("{}")
        .expect("configured")
}

fn exchange(envoy: &mut FakeEnvoy, panic_in: &str) -> HttpExchange {
    let mut exchange = envoy.http_request(HttpRequest::post("/", "question").header("x-panic", panic_in));
    // Only a request that has come through is answered.
    if exchange.received_by_server().ended {
        exchange.server_replies(HttpResponse::new(200).body("answer"));
    }
    exchange
}

fn count(envoy: &FakeEnvoy, metric: &str) -> u64 {
    envoy.stats().total(metric, &[("extension", "panic-on-demand-http")])
}

#[test]
fn nothing_is_changed_without_the_header() {
    let mut envoy = envoy();
    let exchange = exchange(&mut envoy, "nowhere");
    assert_eq!(&*exchange.received_by_server().body, b"question");
    assert_eq!(&*exchange.received_by_client().body, b"answer");
    assert_eq!(count(&envoy, "envoy_sdk_panics_total"), 0);
}

#[test]
fn on_the_way_of_the_request_a_panic_is_a_500() {
    let mut envoy = envoy();
    for panic_in in ["on_request_headers", "on_request_body"] {
        let exchange = exchange(&mut envoy, panic_in);
        assert_eq!(exchange.received_by_client().status(), Some(500), "{panic_in}");
        assert_eq!(exchange.response_code_details().as_deref(), Some("envoy_sdk_filter_failed"));
    }
    assert_eq!(count(&envoy, "envoy_sdk_panics_total"), 2);
    assert_eq!(count(&envoy, "envoy_sdk_requests_failed_total"), 2);
}

#[test]
fn on_the_way_of_the_response_a_panic_is_a_reset() {
    let mut envoy = envoy();
    for panic_in in ["on_response_headers", "on_response_body"] {
        let exchange = exchange(&mut envoy, panic_in);
        assert!(exchange.received_by_client().reset && !exchange.received_by_client().ended, "{panic_in}");
    }
    assert_eq!(count(&envoy, "envoy_sdk_panics_total"), 2);
    assert_eq!(count(&envoy, "envoy_sdk_streams_reset_on_error_total"), 2);
}

#[test]
fn a_panic_costs_one_request_of_many() {
    let mut envoy = envoy();
    let mut others: Vec<_> = (0..20).map(|_| envoy.http_request(HttpRequest::get("/"))).collect();
    exchange(&mut envoy, "on_request_headers");
    exchange(&mut envoy, "on_response_headers");
    for other in &mut others {
        other.server_replies(HttpResponse::new(200).body("answer"));
        assert_eq!(&*other.received_by_client().body, b"answer");
    }
}

#[test]
fn a_mistaken_configuration_is_refused() {
    let bootstrap = FakeEnvoy::new(panic_on_demand::module).root_id("panic-on-demand-http");
    let refused = bootstrap.configure(r#"{"header": ""}"#).unwrap_err();
    assert!(refused.to_string().contains("header: must not be empty"), "{refused}");
}
