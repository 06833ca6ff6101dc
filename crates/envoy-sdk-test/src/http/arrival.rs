//! What Envoy makes of headers that a peer sends, before any filter sees them.

use super::envoy_headers::{EnvoyHeaders, Kind};

type Pairs = [(Vec<u8>, Vec<u8>)];

/// A request's headers. Refused is what Envoy answers by itself, or what no client can send.
#[track_caller]
pub(crate) fn request(headers: &Pairs, number: u32) -> EnvoyHeaders {
    assert_pseudo_headers(headers, &[b":method", b":path", b":scheme", b":authority"]);
    let mut map = collect(Kind::Request, headers);
    for name in [":method", ":path", ":scheme", ":authority"] {
        assert!(
            map.get(name.as_bytes()).is_some(),
            "a request without {name}: Envoy answers or resets before any filter sees it"
        );
    }
    for name in INTERNAL {
        map.remove(name.as_bytes());
    }
    // Envoy answers 100 by itself.
    if map.get(b"expect").is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue")) {
        map.remove(b"expect");
    }
    map.set_if_absent(b"x-forwarded-proto", b"http");
    map.set_if_absent(b"x-request-id", format!("00000000-0000-4000-8000-{number:012x}").as_bytes());
    map
}

/// A response's headers.
#[track_caller]
pub(crate) fn response(headers: &Pairs) -> EnvoyHeaders {
    assert_pseudo_headers(headers, &[b":status"]);
    let map = collect(Kind::Response, headers);
    let status = map.get(b":status").and_then(|status| std::str::from_utf8(status).ok()?.parse::<u16>().ok());
    match status {
        None => panic!("a response without a :status in digits: Envoy resets it before any filter sees it"),
        Some(100..=199) => panic!("Envoy does not show responses from 100 to 199 to Wasm filters"),
        Some(_) => map,
    }
}

#[track_caller]
pub(crate) fn trailers(kind: Kind, trailers: &Pairs) -> EnvoyHeaders {
    assert!(!trailers.is_empty(), "a peer without trailers ends the body instead");
    assert_pseudo_headers(trailers, &[]);
    collect(kind, trailers)
}

/// What a client from outside may not tell Envoy.
const INTERNAL: [&str; 16] = [
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-internal",
    "x-envoy-ip-tags",
    "x-envoy-max-retries",
    "x-envoy-original-url",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
    "x-forwarded-client-cert",
];

fn collect(kind: Kind, headers: &Pairs) -> EnvoyHeaders {
    let mut map = EnvoyHeaders::new(kind);
    for (name, value) in headers {
        // HTTP/2 clients send a cookie in pieces.
        match map.get(b"cookie") {
            Some(before) if kind == Kind::Request && name.eq_ignore_ascii_case(b"cookie") => {
                let joined = [before, b"; ", value].concat();
                map.set_in_place(b"cookie", &joined);
            }
            _ => map.add(name, value),
        }
    }
    map
}

#[track_caller]
fn assert_pseudo_headers(headers: &Pairs, allowed: &[&[u8]]) {
    let mut regular = None;
    for (name, _) in headers {
        if !name.starts_with(b":") {
            regular = regular.or(Some(name));
            continue;
        }
        let name = name.escape_ascii();
        assert!(
            allowed.contains(&&*name.to_string().into_bytes()),
            "no peer can send the pseudo header {name} here: Envoy resets the stream"
        );
        if let Some(regular) = regular {
            panic!(
                "{name} stands behind {}: pseudo headers come first, Envoy resets the stream",
                regular.escape_ascii()
            );
        }
    }
}
