//! `examples/http-authorisation`.

use std::fs;
use std::io::Write;

use anyhow::{Result, ensure};

use crate::Test;
use crate::client::{ask, connect, get};
use crate::counts;
use crate::ground::Ground;
use crate::sample::{SERVER, SERVICE, Sample, access_log};
use crate::server::{Answer, Asked, Server};

pub(crate) const TESTS: &[Test] = &[
    ("http-authorisation: the service decides; without a decision requests are refused", fails_closed),
    ("http-authorisation: without a decision requests may pass", fails_open),
];

/// An authorisation service.
fn decide(asked: &Asked) -> Answer {
    match asked.header("authorization") {
        "Bearer alice" => Answer::Now(200, vec![("x-user", "alice".into())], String::new()),
        "Bearer mallory" => Answer::status(403),
        "Bearer slow" => Answer::Never,
        "" => Answer::Now(401, vec![("www-authenticate", "Bearer".into())], String::new()),
        _ => Answer::status(500),
    }
}

/// A server that says whom it was told to have before it.
fn greet() -> Result<Server> {
    Server::start(|asked| {
        Answer::Now(
            200,
            Vec::new(),
            format!("user {:?}, {} octets", asked.header("x-user"), asked.body.len()),
        )
    })
}

fn fails_closed(ground: &Ground) -> Result<()> {
    let (server, service) = (greet()?, Server::start(decide)?);
    let envoy = Sample::of(ground, "http-authorisation")?
        .port(SERVER, server.port())?
        .port(SERVICE, service.port())?
        // Long enough for a busy machine.
        .change("\"timeout_milliseconds\": 500", "\"timeout_milliseconds\": 3000")?
        .start()?;
    let address = envoy.address("web")?;
    let with = |token: &str| ask(address, "GET", "/accounts?id=7", &[("authorization", token)], "");

    // Allowed: with the name that the service gave, whatever the client says; and with the whole body.
    let headers = [("authorization", "Bearer alice"), ("x-user", "root"), ("x-other", "secret")];
    let reply = ask(address, "POST", "/accounts?id=7", &headers, &"x".repeat(100_000))?;
    ensure!((reply.status, reply.body.as_str()) == (200, "user \"alice\", 100000 octets"), "{reply:?}");
    let question = service.asked().pop().unwrap_or_default();
    ensure!((question.method.as_str(), question.path.as_str()) == ("GET", "/check"), "{question:?}");
    for (name, value) in [
        ("x-original-method", "POST"),
        ("x-original-host", &address.to_string()),
        ("x-original-path", "/accounts?id=7"),
        ("authorization", "Bearer alice"),
        ("x-other", ""),
    ] {
        ensure!(question.header(name) == value, "{name}: {question:?}");
    }

    // Denied: the server is not asked.
    let reply = get(address, "/accounts?id=7")?;
    ensure!((reply.status, reply.header("www-authenticate")) == (401, "Bearer"), "{reply:?}");
    ensure!(with("Bearer mallory")?.status == 403);
    // No decision: an error, no answer in time, nobody there.
    ensure!(with("Bearer broken")?.status == 503);
    ensure!(with("Bearer slow")?.status == 503);
    drop(service);
    ensure!(with("Bearer alice")?.status == 503);
    ensure!(server.asked().len() == 1);

    counts::wait(
        &envoy,
        "http_authorisation_requests_total{outcome=allowed} 1
         http_authorisation_requests_total{outcome=denied} 2
         http_authorisation_requests_total{outcome=failed_closed} 3
         http_authorisation_requests_total 6
         http_authorisation_check_duration_milliseconds 6
         envoy_sdk_errors_total 0",
    )?;
    envoy.stop()?;
    let log = fs::read_to_string(access_log(ground))?;
    ensure!(
        log == "POST /accounts?id=7 200 via_upstream\n\
                GET /accounts?id=7 401 authorisation_denied\n\
                GET /accounts?id=7 403 authorisation_denied\n\
                GET /accounts?id=7 503 authorisation_undecided\n\
                GET /accounts?id=7 503 authorisation_undecided\n\
                GET /accounts?id=7 503 authorisation_undecided\n",
        "{log}"
    );
    Ok(())
}

fn fails_open(ground: &Ground) -> Result<()> {
    let (server, service) = (greet()?, Server::start(decide)?);
    let envoy = Sample::of(ground, "http-authorisation")?
        .port(SERVER, server.port())?
        .port(SERVICE, service.port())?
        .change("\"without_decision\": \"deny\"", "\"without_decision\": \"allow\"")?
        // The client that leaves has to be quicker than this.
        .change("\"timeout_milliseconds\": 500", "\"timeout_milliseconds\": 60000")?
        .start()?;
    let address = envoy.address("web")?;

    // It passes, but nobody has vouched for the name.
    let headers = [("authorization", "Bearer broken"), ("x-user", "root")];
    let reply = ask(address, "GET", "/", &headers, "")?;
    ensure!((reply.status, reply.body.as_str()) == (200, "user \"\", 0 octets"), "{reply:?}");
    // A decision counts as ever.
    ensure!(get(address, "/")?.status == 401);
    // A client leaves before there is a decision.
    let mut impatient = connect(address)?;
    impatient.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nauthorization: Bearer slow\r\n\r\n")?;
    service.wait_until_asked(3)?;
    drop(impatient);
    counts::wait(&envoy, "http_authorisation_requests_total{outcome=abandoned} 1")?;
    // Nobody there.
    drop(service);
    let reply = ask(address, "GET", "/", &headers, "")?;
    ensure!((reply.status, reply.body.as_str()) == (200, "user \"\", 0 octets"), "{reply:?}");

    counts::wait(
        &envoy,
        "http_authorisation_requests_total{outcome=failed_open} 2
         http_authorisation_requests_total{outcome=denied} 1
         http_authorisation_requests_total{outcome=abandoned} 1
         http_authorisation_requests_total 4
         envoy_sdk_errors_total 0",
    )?;
    envoy.stop()?;
    Ok(())
}
