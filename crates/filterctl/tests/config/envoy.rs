//! What is written for Envoy starts a real one, passes traffic, and gives metrics with labels.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use envoy_runner::{Envoy, EnvoyBinary, StartOptions};
use filterctl::build;
use filterctl::workspace::Workspace;
use real_peers::instance::free_port;

use crate::config;

/// A test on one release of Envoy.
type Test = (&'static str, fn(&EnvoyBinary) -> Result<()>);

pub(crate) const TESTS: &[Test] = &[
    ("two listeners for mail with configurations of their own", mail),
    ("a directory, with a configuration file", directory),
];

/// Envoy compiles the module, and counts appear, within this.
const WITHIN: Duration = Duration::from_secs(120);

fn mail(binary: &EnvoyBinary) -> Result<()> {
    let server = serve(|mut client| {
        client.write_all(b"220 mail.test ESMTP\r\n")?;
        let mut lines = BufReader::new(client.try_clone()?).lines();
        while let Some(line) = lines.next().transpose()? {
            let reply: &[u8] = if line == "QUIT" { b"221 bye\r\n" } else { b"250 fine\r\n" };
            client.write_all(reply)?;
        }
        Ok(())
    })?;
    let (relay, submission) = (free_port()?, free_port()?);
    let running = start(
        binary,
        "smtp",
        &[
            "--listener",
            &format!("relay=127.0.0.1:{relay}"),
            "--listener",
            &format!("submission=127.0.0.1:{submission}"),
            "--upstream",
            &server.to_string(),
            "--stat-prefix",
            "corp",
            "--reporter",
            "inbound",
            "--level",
            "detailed",
        ],
    )?;
    for (port, commands) in [(relay, "EHLO a.test\r\n"), (submission, "EHLO a.test\r\nNOOP\r\n")] {
        let mut client = TcpStream::connect(("127.0.0.1", port))?;
        for command in ["", commands, "QUIT\r\n"] {
            client.write_all(command.as_bytes())?;
            for expected in if command.is_empty() {
                vec!["220"]
            } else {
                command.lines().map(|it| if it == "QUIT" { "221" } else { "250" }).collect()
            } {
                let reply = line(&mut client)?;
                ensure!(reply.starts_with(expected), "{command:?}: {reply:?}");
            }
        }
    }
    let series = [("corp-relay", "NOOP", 0.0), ("corp-submission", "NOOP", 1.0), ("corp-relay", "QUIT", 1.0)];
    let counts = running.envoy.wait_for_stats(WITHIN, |scrape| {
        series.iter().all(|(prefix, verb, count)| {
            let labels = [("stat_prefix", *prefix), ("reporter", "inbound"), ("verb", verb)];
            scrape.counter("smtp_commands_total", &labels) == *count
        })
    })?;
    ensure!(counts.is_some(), "not counted: {}", running.envoy.stats_text()?);
    running.stop()
}

fn directory(binary: &EnvoyBinary) -> Result<()> {
    // A simple bind, its success, and the end (RFC 4511).
    const BIND: &[u8] = b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00";
    const SUCCESS: &[u8] = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00";
    const UNBIND: &[u8] = b"\x30\x05\x02\x01\x02\x42\x00";
    let server = serve(|mut client| {
        let mut bind = [0; BIND.len()];
        client.read_exact(&mut bind)?;
        client.write_all(SUCCESS)?;
        client.read_to_end(&mut Vec::new()).map(drop)
    })?;
    let port = free_port()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("filter.yaml");
    fs::write(&file, "stat_prefix: corp\nevents: {enabled: true, identities: \"off\"}\n")?;
    let running = start(
        binary,
        "ldap",
        &[
            "--listener",
            &format!("127.0.0.1:{port}"),
            "--upstream",
            &server.to_string(),
            "--config",
            &file.to_string_lossy(),
        ],
    )?;
    let mut client = TcpStream::connect(("127.0.0.1", port))?;
    client.write_all(BIND)?;
    let mut answer = [0; SUCCESS.len()];
    client.read_exact(&mut answer)?;
    ensure!(answer == SUCCESS, "{answer:?}");
    client.write_all(UNBIND)?;
    drop(client);
    let counts = running.envoy.wait_for_stats(WITHIN, |scrape| {
        let labels = [("stat_prefix", "corp"), ("reporter", "gateway"), ("ending", "unbind")];
        scrape.counter("ldap_connections_closed_total", &labels) == 1.0
    })?;
    ensure!(counts.is_some(), "not counted: {}", running.envoy.stats_text()?);
    running.stop()
}

/// An Envoy that runs what was written, and its folder.
struct Running {
    envoy: Envoy,
    _folder: tempfile::TempDir,
}

impl Running {
    fn stop(self) -> Result<()> {
        let strays = self.envoy.scrape()?.iter().filter(|metric| metric.name.contains("___")).count();
        ensure!(strays == 0, "{strays} metrics with labels that no rule has cut out");
        Ok(self.envoy.stop()?)
    }
}

fn start(binary: &EnvoyBinary, filter: &str, answers: &[&str]) -> Result<Running> {
    let module = module(filter)?;
    let module = module.to_string_lossy();
    let text = config(&[&[filter, "--for", "envoy", "--source", &module], answers].concat())?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("envoy.yaml");
    // The only thing that does not suit a test: several run side by side.
    let admin = format!("port_value: {}", free_port()?);
    ensure!(text.contains("port_value: 9901"), "{text}");
    fs::write(&file, text.replace("port_value: 9901", &admin))?;
    let options = StartOptions { ready_within: WITHIN, ..StartOptions::default() };
    let envoy = Envoy::start_with_file(binary, &file, &folder.path().join("run"), &options)?;
    Ok(Running { envoy, _folder: folder })
}

/// The filter's module, built.
fn module(filter: &str) -> Result<PathBuf> {
    let workspace = Workspace::find()?;
    let request = build::Request { modules: vec![filter.to_owned()], ..build::Request::default() };
    Ok(build::build(&workspace, &request, &mut |_| ())?.pop().context("no module was built")?.path)
}

/// A server on a free port that does this with each client.
fn serve(talk: fn(TcpStream) -> std::io::Result<()>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || talk(client));
        }
    });
    Ok(address)
}

/// The next line, octet by octet: what follows it is the next one's.
fn line(client: &mut TcpStream) -> Result<String> {
    client.set_read_timeout(Some(WITHIN))?;
    let (mut line, mut octet) = (Vec::new(), [0]);
    while octet != *b"\n" {
        client.read_exact(&mut octet)?;
        line.extend(octet);
    }
    Ok(String::from_utf8(line)?)
}
