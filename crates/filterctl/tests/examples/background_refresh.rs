//! `examples/background-refresh`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::Test;
use crate::client::{Reply, get};
use crate::counts::{self, SOON};
use crate::ground::Ground;
use crate::sample::{SERVER, SERVICE, Sample};
use crate::server::{Answer, Server};

pub(crate) const TESTS: &[Test] = &[
    (
        "background-refresh: the document is served, kept fresh, and outlives its origin",
        is_served_and_kept_fresh,
    ),
    ("background-refresh: before there is a document the answer is 503", is_missing_at_first),
];

/// Asks until the answer is this one.
fn wait_for(address: SocketAddr, is_meant: impl Fn(&Reply) -> bool) -> Result<Reply> {
    let deadline = Instant::now() + SOON;
    loop {
        let reply = get(address, "/document")?;
        if is_meant(&reply) {
            return Ok(reply);
        }
        ensure!(Instant::now() < deadline, "still {reply:?}");
    }
}

fn is_served_and_kept_fresh(ground: &Ground) -> Result<()> {
    let server = Server::start(|_| Answer::status(204))?;
    let edition = Arc::new(AtomicU16::new(1));
    let origin = Server::start({
        let edition = Arc::clone(&edition);
        move |_| Answer::Now(200, Vec::new(), format!("{{\"edition\": {}}}", edition.load(Ordering::SeqCst)))
    })?;
    let envoy = Sample::of(ground, "background-refresh")?
        .port(SERVER, server.port())?
        .port(SERVICE, origin.port())?
        .change("\"interval_seconds\": 5", "\"interval_seconds\": 1")?
        .start()?;
    let address = envoy.address("web")?;

    let reply = wait_for(address, |reply| reply.status == 200)?;
    ensure!(
        reply.body == "{\"edition\": 1}" && reply.header("content-type") == "application/json",
        "{reply:?}"
    );
    ensure!(origin.asked().first().is_some_and(|asked| asked.path == "/document.json"));
    ensure!(get(address, "/elsewhere")?.status == 204);
    edition.store(2, Ordering::SeqCst);
    wait_for(address, |reply| reply.body == "{\"edition\": 2}")?;
    drop(origin);
    let failures = envoy.wait_for_stats(SOON, |scrape| {
        counts::count(scrape, "document_refreshes_total{outcome=failed}") >= 1.0
    })?;
    ensure!(failures.is_some(), "no failure was counted");
    ensure!(get(address, "/document")?.body == "{\"edition\": 2}");
    ensure!(server.asked().len() == 1);

    let scrape = envoy.scrape()?;
    ensure!(counts::count(&scrape, "document_refreshes_total{outcome=stored}") >= 2.0);
    ensure!(counts::count(&scrape, "document_refreshes_total{outcome=outdated}") == 0.0);
    ensure!(counts::count(&scrape, "document_requests_total{answer=document}") >= 3.0);
    ensure!(counts::count(&scrape, "envoy_sdk_errors_total") == 0.0);
    envoy.stop()?;
    Ok(())
}

fn is_missing_at_first(ground: &Ground) -> Result<()> {
    let origin = Server::start(|_| Answer::Now(404, Vec::new(), "not the document".to_owned()))?;
    let envoy = Sample::of(ground, "background-refresh")?
        .port(SERVER, 1)?
        .port(SERVICE, origin.port())?
        // Once, for this test.
        .change("\"interval_seconds\": 5", "\"interval_seconds\": 3600")?
        .start()?;
    origin.wait_until_asked(1)?;
    counts::wait(&envoy, "document_refreshes_total{outcome=failed} 1")?;
    ensure!(get(envoy.address("web")?, "/document")?.status == 503);
    counts::wait(
        &envoy,
        "document_requests_total{answer=missing} 1
         document_requests_total 1
         document_refreshes_total{outcome=stored} 0",
    )?;
    ensure!(envoy.log()?.contains("the document was not fetched: the answer is 404"));
    envoy.stop()?;
    Ok(())
}
