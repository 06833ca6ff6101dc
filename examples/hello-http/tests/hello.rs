//! What the filter does, on an Envoy that is made up.

use envoy_sdk_test::{FakeEnvoy, HttpRequest, HttpResponse};
use hello_http::{HELLO_HTTP, module};

fn envoy(configuration: &str) -> FakeEnvoy {
    FakeEnvoy::new(module).configure(configuration).expect("a configuration that is taken")
}

#[test]
fn a_response_gets_the_header() {
    let mut envoy = envoy("{}");
    let mut exchange = envoy.http_request(HttpRequest::get("/"));

    exchange.server_replies(HttpResponse::new(200).header("x-mine", "1").body("content"));

    let response = exchange.received_by_client();
    assert_eq!((response.status(), &*response.body), (Some(200), &b"content"[..]));
    assert_eq!(response.header("x-hello").as_deref(), Some("Hello from Envoy"));
    assert_eq!(response.header("x-mine").as_deref(), Some("1"));
}

#[test]
fn the_configuration_says_which_and_replaces_the_servers_own() {
    let mut envoy = envoy(r#"{"header": "server-says", "greeting": "hi"}"#);
    let mut exchange = envoy.http_request(HttpRequest::get("/"));

    exchange.server_replies(HttpResponse::new(204).header("server-says", "nothing"));

    let headers = exchange.received_by_client().headers;
    assert_eq!(headers.get_all("server-says").map(|value| value.to_string()).collect::<Vec<_>>(), ["hi"]);
}

#[test]
fn requests_count_by_method() {
    let mut envoy = envoy("{}");
    for method in ["GET", "GET", "POST", "get", "BREW"] {
        envoy.http_request(HttpRequest::new(method, "/"));
    }
    let count = |method| envoy.stats().total("hello_http_requests_total", &[("method", method)]);
    assert_eq!((count("GET"), count("POST"), count("DELETE"), count("other")), (2, 1, 0, 2));
}

#[test]
fn a_mistaken_configuration_is_refused_with_its_field() {
    for (configuration, reason) in [
        (r#"{"header": "x hello"}"#, "header: letters, digits and `-`"),
        (r#"{"header": ""}"#, "header: letters, digits and `-`"),
        (r#"{"greeting": "two\r\nlines: 1"}"#, "greeting: only printable ASCII"),
        (r#"{"greetings": "x"}"#, "greetings: unknown field `greetings`"),
    ] {
        let refused = FakeEnvoy::new(module).configure(configuration).unwrap_err();
        assert!(refused.to_string().contains(reason), "{refused}");
    }
}

#[test]
fn the_files_beside_the_code_fit_it() {
    envoy(include_str!("../config.json"));
    let sample = include_str!("../envoy.yaml");
    for label in HELLO_HTTP.label_names() {
        assert!(sample.contains(&format!("tag_name: {label},")), "envoy.yaml has no rule for {label}");
    }
    assert_eq!(HELLO_HTTP.violations(&[]), []);
}
