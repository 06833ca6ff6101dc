//! `examples/hello-http`.

use anyhow::{Result, ensure};

use crate::Test;
use crate::client::{ask, get};
use crate::counts;
use crate::ground::Ground;
use crate::sample::{SERVER, Sample};
use crate::server::{Answer, Server};

pub(crate) const TESTS: &[Test] = &[
    ("hello-http: responses get the header, requests are counted", says_hello_and_counts),
    ("hello-http: a mistaken configuration is refused", a_mistake_is_refused),
];

fn says_hello_and_counts(ground: &Ground) -> Result<()> {
    let server = Server::start(|asked| Answer::Now(200, vec![("x-mine", "1".into())], asked.body.clone()))?;
    let envoy = Sample::of(ground, "hello-http")?.port(SERVER, server.port())?.start()?;
    let address = envoy.address("web")?;

    let reply = get(address, "/")?;
    ensure!((reply.status, reply.header("x-hello")) == (200, "Hello from Envoy"), "{reply:?}");
    ensure!(reply.header("x-mine") == "1", "{reply:?}");
    let reply = ask(address, "POST", "/", &[], "something")?;
    ensure!((reply.body.as_str(), reply.header("x-hello")) == ("something", "Hello from Envoy"), "{reply:?}");
    for method in ["OPTIONS", "PATCH"] {
        ensure!(ask(address, method, "/", &[], "")?.status == 200);
    }
    ensure!(server.asked().len() == 4);
    // Responses that Envoy makes itself pass the filter too.
    drop(server);
    let reply = get(address, "/")?;
    ensure!((reply.status, reply.header("x-hello")) == (503, "Hello from Envoy"), "{reply:?}");

    counts::wait(
        &envoy,
        "hello_http_requests_total{method=GET} 2
         hello_http_requests_total{method=POST} 1
         hello_http_requests_total{method=PUT} 0
         hello_http_requests_total{method=other} 2
         hello_http_requests_total 5
         envoy_sdk_errors_total 0",
    )?;
    envoy.stop()?;
    Ok(())
}

fn a_mistake_is_refused(ground: &Ground) -> Result<()> {
    let sample = Sample::of(ground, "hello-http")?.port(SERVER, 1)?;
    let refused = sample.change("\"header\": \"x-hello\"", "\"header\": \"x hello\"")?.start();
    let reason = refused.err().map(|error| error.to_string()).unwrap_or_default();
    ensure!(reason.contains("header: letters, digits and `-` make the name of a header"), "{reason}");
    Ok(())
}
