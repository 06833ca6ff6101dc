//! What is done with a new project of each kind.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use envoy_runner::{Envoy, EnvoyBinary, StartOptions};
use filterctl::build::inspect::inspect;
use filterctl::kind::Kind;
use filterctl::workspace::Workspace;

use crate::demo::{Demo, filterctl, success, target, turn};
use crate::running::Running;

/// Formatting, clippy, rustdoc and the project's own tests.
pub(crate) fn is_tested(kind: Kind) -> Result<()> {
    let demo = Demo::new(kind)?;
    let _turn = turn();
    let said = success(&filterctl(&demo.folder(), ["test"]).output()?)?;
    for stage in ["formatting", "clippy", "rustdoc", "tests"] {
        ensure!(said.contains(&format!("== {stage}\n")), "no {stage} in\n{said}");
    }
    ensure!(said.ends_with(" passed, 0 failed, 0 skipped\n"), "{said}");
    Ok(())
}

/// On a real Envoy: by `filterctl run`, and by the sample that it is to be deployed from.
pub(crate) fn runs(kind: Kind, envoy: &EnvoyBinary) -> Result<()> {
    let demo = Demo::new(kind)?;
    let running = {
        let _turn = turn();
        let mut running = Running::start(&demo.folder(), &envoy.path)?;
        let config = running.line("config")?;
        ensure!(Path::new(&config).ends_with(format!("{}/config.json", demo.name)), "{config}");
        running
    };
    match kind {
        Kind::Http => an_http_filter(&demo, running)?,
        Kind::Network => a_network_filter(&demo, running)?,
        Kind::AccessLogger => an_access_logger(&demo, running)?,
        Kind::BackgroundService => a_background_service(&demo, running)?,
    }
    names_no_path_of_this_machine(&demo)?;
    the_sample_is_taken(&demo, kind, envoy)
}

fn a_network_filter(demo: &Demo, mut running: Running) -> Result<()> {
    let listener = running.line("try      nc ")?;
    let mut words = listener.split(' ');
    let address = format!("{}:{}", words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let metrics = running.line("metrics")?;

    ensure!(exchange(&address, b"hello")? == b"hello", "the built-in server sends back what it gets");
    ensure!(exchange(&address, &[b'x'; 1_001])?.is_empty(), "config.json allows 1,000 octets");

    running.line("log      warning: connection ")?;
    let expected = format!("{}{{ending=\"over_quota\"}} 1", demo.metric("connections_total"));
    ensure!(page(&metrics)?.contains(&expected), "no {expected} in {}", page(&metrics)?);

    // A change to the file is in force for new connections.
    fs::write(demo.folder().join("config.json"), r#"{"max_bytes_from_client": 4}"#)?;
    ensure!(running.line("config   ")? == "changed: in force for new connections");
    ensure!(exchange(&address, b"hello")?.is_empty(), "5 octets, 4 allowed");
    fs::write(demo.folder().join("config.json"), r#"{"max_bytes": 4}"#)?;
    let refused = running.line("config   refused, the one before stays in force: ")?;
    ensure!(refused.contains("max_bytes: unknown field"), "{refused}");

    let said = running.stop()?;
    let expected = format!("{}{{ending=\"within_quota\"}} 1", demo.metric("connections_total"));
    ensure!(said.contains("in all\n") && said.contains(&expected), "no {expected} in {said}");
    Ok(())
}

fn an_http_filter(demo: &Demo, mut running: Running) -> Result<()> {
    let url = running.line("try      curl -i ")?;
    let url = url.split(' ').next().unwrap_or_default();
    let metrics = running.line("metrics")?;

    let answer = ureq::post(url).send("hello")?;
    let timing = answer.headers().get("server-timing").context("the filter's header")?.to_str()?;
    ensure!(timing.starts_with("upstream;dur="), "{timing}");
    let text = answer.into_body().read_to_string()?;
    ensure!(text.starts_with("POST /\n") && text.ends_with("\n\nhello"), "{text}");

    let expected = format!("{}{{class=\"2xx\"}} 1", demo.metric("requests_total"));
    running.line(&format!("counted  {expected}"))?;
    ensure!(page(&metrics)?.contains(&expected), "no {expected} in {}", page(&metrics)?);
    running.stop().map(drop)
}

fn an_access_logger(demo: &Demo, mut running: Running) -> Result<()> {
    let url = running.line("try      curl -i ")?;
    let url = url.split(' ').next().unwrap_or_default();
    let metrics = running.line("metrics")?;

    let refused = ureq::get(format!("{url}status/503")).call();
    ensure!(matches!(refused, Err(ureq::Error::StatusCode(503))), "{refused:?}");

    let said = running.line("log      warning: connection ")?;
    ensure!(said.contains(": 503 after "), "{said}");
    let expected = format!("{}{{class=\"5xx\"}} 1", demo.metric("requests_total"));
    ensure!(page(&metrics)?.contains(&expected), "no {expected} in {}", page(&metrics)?);
    running.stop().map(drop)
}

fn a_background_service(demo: &Demo, mut running: Running) -> Result<()> {
    ensure!(running.line("cluster")?.starts_with("upstream is a built-in server"));
    let metrics = running.line("metrics")?;
    running.line("log      info: upstream is healthy: status 200")?;
    let expected = format!("{}{{}} 1", demo.metric("healthy"));
    ensure!(page(&metrics)?.contains(&expected), "no {expected} in {}", page(&metrics)?);
    running.stop().map(drop)
}

/// What comes back for these octets, until the connection ends.
fn exchange(address: &str, octets: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(octets)?;
    // Where the filter closes at once, there is nothing left to end.
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn page(url: &str) -> Result<String> {
    Ok(ureq::get(url).call()?.into_body().read_to_string()?)
}

fn names_no_path_of_this_machine(demo: &Demo) -> Result<()> {
    let module = fs::read(target().join("wasm").join(format!("{}.wasm", demo.name)))?;
    let contents = inspect(&module)?;
    ensure!(contents.has_exceptions && contents.forbidden_imports().next().is_none());
    let home = std::env::home_dir().context("a home")?;
    for path in [demo.folder(), Workspace::find()?.root, target(), home.join(".cargo")] {
        let path = path.as_os_str().as_encoded_bytes();
        let found = module.windows(path.len()).any(|window| window == path);
        ensure!(!found, "the module names {}", String::from_utf8_lossy(path));
    }
    Ok(())
}

/// `envoy.yaml` is loaded as it is, but for its ports, which others may be using, and the folder of the module.
fn the_sample_is_taken(demo: &Demo, kind: Kind, envoy: &EnvoyBinary) -> Result<()> {
    let sample = fs::read_to_string(demo.folder().join("envoy.yaml"))?;
    let ports = ["10000", "9901"]
        .iter()
        .fold(sample, |text, port| text.replace(&format!("port_value: {port}"), "port_value: 0"));
    let file = demo.folder().join("sample.yaml");
    fs::write(&file, ports.replace("target/wasm", &target().join("wasm").to_string_lossy()))?;

    let run = demo.folder().join("run");
    let envoy = Envoy::start_with_file(envoy, &file, &run, &StartOptions::default())?;
    let (metric, label) = match kind {
        Kind::Http | Kind::AccessLogger => ("requests_total", ("class", "2xx")),
        Kind::Network => ("connections_total", ("ending", "over_quota")),
        Kind::BackgroundService => ("probes_total", ("result", "healthy")),
    };
    let metric = demo.metric(metric);
    let found = envoy.wait_for_stats(Duration::from_secs(20), |scrape| {
        scrape.samples(&metric).any(|series| series.matches(&[label]))
    })?;
    ensure!(found.is_some(), "no {metric} with {label:?} in {}", envoy.prometheus_text()?);
    envoy.stop()?;
    Ok(())
}
