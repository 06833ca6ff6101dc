//! What Envoy makes of requests and responses on both sides of an HTTP filter: as Envoy 1.36.2 and 1.40.0 do.

mod http_support;

use std::time::Duration;

use envoy_sdk::HeaderMap;
use envoy_sdk_test::{HttpRequest, HttpResponse};
use http_support::{GET, OK, envoy};

fn lines(headers: &HeaderMap) -> Vec<String> {
    headers.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn a_request_gets_headers_before_and_behind_the_filter() {
    let mut envoy = envoy(&[]);
    let exchange =
        envoy.http_request(HttpRequest::get("/mail").header("X-Case", "Kept").header("x-dup", "1"));
    let expected = [
        ":method=GET",
        ":path=/mail",
        ":scheme=http",
        ":authority=example.com",
        "x-case=Kept",
        "x-dup=1",
        "x-forwarded-proto=http",
        "x-request-id=00000000-0000-4000-8000-000000000002",
        "x-envoy-expected-rq-timeout-ms=15000",
    ];
    assert_eq!(lines(&exchange.received_by_server().headers), expected);
}

#[test]
fn what_a_client_says_itself_is_kept_unless_it_is_envoys_own() {
    let mut envoy = envoy(&[]);
    let request = HttpRequest::get("/")
        .header("x-request-id", "mine")
        .header("x-forwarded-proto", "https")
        .header("x-envoy-internal", "true")
        .header("x-envoy-retry-on", "5xx")
        .header("expect", "100-continue")
        .header("accept", "a")
        .header("accept", "b")
        .header("cookie", "a=1")
        .header("via", "x")
        .header("cookie", "b=2");
    let server = envoy.http_request(request).received_by_server();
    let expected = ["x-request-id=mine", "x-forwarded-proto=https", "accept=a,b", "cookie=a=1; b=2", "via=x"]
        .map(str::to_owned);
    assert_eq!(lines(&server.headers)[4..9], expected);
    assert_eq!(server.headers.len(), 10);
}

#[test]
fn a_response_gets_headers_before_and_behind_the_filter() {
    let mut envoy = envoy(&[]);
    let mut exchange = envoy.http_stream();
    exchange.client_sends_headers(GET, true);
    envoy.advance(Duration::from_millis(30));
    exchange
        .server_replies(HttpResponse::new(200).header("Server", "mine").header("set-cookie", "a").body("x"));
    let expected = [
        ":status=200",
        "server=envoy",
        "set-cookie=a",
        "x-envoy-upstream-service-time=30",
        "date=Tue, 14 Nov 2023 22:13:20 GMT",
    ];
    assert_eq!(lines(&exchange.received_by_client().headers), expected);
}

#[test]
fn what_a_server_says_itself_is_kept() {
    let mut envoy = envoy(&[]);
    let mut exchange = envoy.http_request(HttpRequest::get("/"));
    let headers =
        [(":status", "200"), ("date", "then"), ("x-envoy-upstream-service-time", "7"), ("vary", "a")];
    exchange.server_sends_headers(headers, true);
    let client = exchange.received_by_client();
    let expected = [":status=200", "date=then", "x-envoy-upstream-service-time=7", "vary=a", "server=envoy"];
    assert_eq!(lines(&client.headers), expected);
}

#[test]
fn the_filter_changes_headers() {
    let scripts = [
        (
            "request_headers",
            "request-set:x-a=new request-append:x-b=2 request-remove:x-c request-set::path=/other",
        ),
        ("response_headers", "response-set::status=418 response-remove:x-d"),
    ];
    let mut envoy = envoy(&scripts);
    let request =
        HttpRequest::get("/").header("x-a", "old").header("x-b", "1").header("x-a", "old").header("x-c", "");
    let mut exchange = envoy.http_request(request);
    exchange.server_replies(HttpResponse::new(200).header("x-d", "1"));
    let server = exchange.received_by_server();
    let expected = [
        ":method=GET",
        ":scheme=http",
        ":authority=example.com",
        ":path=/other",
        "x-b=1",
        "x-forwarded-proto=http",
        "x-request-id=00000000-0000-4000-8000-000000000002",
        "x-a=new",
        "x-b=2",
        "x-envoy-expected-rq-timeout-ms=15000",
    ];
    assert_eq!(lines(&server.headers), expected);
    let client = exchange.received_by_client();
    assert_eq!((client.status(), client.header("x-d")), (Some(418), None));
}

#[test]
fn the_filter_changes_bodies_and_nothing_corrects_their_length() {
    let scripts = [("request_body", "prepend:>"), ("response_body", "replace:all")];
    let mut envoy = envoy(&scripts);
    let mut exchange = envoy.http_request(HttpRequest::post("/", "abc").header("content-length", "3"));
    exchange.server_sends_headers(OK, false);
    exchange.server_sends_body("abc", true);
    let server = exchange.received_by_server();
    assert_eq!(
        (server.body.as_slice(), server.header("content-length").as_deref()),
        (&b">abc"[..], Some("3"))
    );
    assert_eq!(exchange.received_by_client().body, b"all");
}
