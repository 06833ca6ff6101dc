//! What a peer chose reaches the page only where the configuration asks for identities, and stays text there.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use envoy_runner::EnvoyBinary;
use filterctl::demo::smtp_server::{Certificate, Rules, SmtpServer};
use real_peers::browser::{Browser, Page};
use serde_json::json;

use crate::scene::{Running, fits, is_legible, keeps_to_itself};

const SECRET: &str = "a-key-that-nobody-is-shown";

/// What would run if any of it were taken for markup. It is a local part as RFC 5321, 4.1.2 allows it.
const SENDER: &str =
    r#""</td><img src=x onerror=window.taken=1><script>window.taken=1</script>"@evil.example"#;

pub(crate) fn stays_text(envoy: &EnvoyBinary) -> Result<()> {
    let server = SmtpServer::start(Rules::default(), &Certificate::for_host("mail.example")?)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("filter.json");
    let events = json!({"identities": "full", "hmac_key": {"id": "k1", "secret": SECRET}});
    fs::write(&file, json!({"events": events}).to_string())?;
    let (upstream, config) =
        (server.address().to_string(), file.to_str().context("a path that is not text")?);
    let mut run = Running::start(
        envoy,
        &["run", "smtp", "--listen", "0", "--upstream", &upstream, "--config", config, "--for", "10m"],
    )?;
    let mut lines = BufReader::new(run.stdout()?).lines().map_while(Result::ok);
    let path =
        lines.find(|line| line.starts_with("clients")).context("it did not say where clients connect")?;
    let listener =
        path.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).context("no listener")?;
    // What else it says is taken, so that its pipe does not fill up.
    let rest = thread::spawn(move || lines.for_each(drop));

    let browser = Browser::start()?;
    let page = browser.open(&run.url)?;
    talk(listener, &format!("EHLO c\r\nMAIL FROM:<{SENDER}>\r\nRSET\r\nQUIT\r\n"))?;
    page.wait_for("the event", "document.querySelectorAll('#events tr').length > 0")?;
    is_inert(&page)?;

    // The clock of the file system may be coarse, and the file has just been written.
    fs::write(&file, json!({"level": "detailed", "events": events}).to_string())?;
    fs::File::options().write(true).open(&file)?.set_modified(SystemTime::now() + Duration::from_secs(2))?;
    page.wait_for("the change", "document.getElementById('news').textContent.includes('level')")?;
    let shown = page.evaluate("document.getElementById('configuration').textContent")?;
    let shown = shown.as_str().unwrap_or_default();
    ensure!(shown.contains("detailed") && shown.contains("(hidden)"), "{shown}");
    fs::write(&file, r#"{"levle": "detailed"}"#)?;
    fs::File::options().write(true).open(&file)?.set_modified(SystemTime::now() + Duration::from_secs(4))?;
    page.wait_for("the refusal", "document.getElementById('news').textContent.includes('levle')")?;
    ensure!(shown == page.evaluate("document.getElementById('configuration').textContent")?);
    fits(&page)?;
    is_legible(&page)?;

    run.ask_to_end()?;
    page.wait_for("the end", "document.getElementById('status').textContent.startsWith('ended')")?;
    run.wait()?;
    rest.join().ok();
    is_inert(&page)?;
    keeps_to_itself(&page, &run.url)?;
    let page = page.evaluate("document.documentElement.outerHTML")?.to_string();
    ensure!(!page.contains(SECRET), "the key is on the page");
    Ok(())
}

fn is_inert(page: &Page<'_>) -> Result<()> {
    let text = page.evaluate("document.getElementById('events').textContent")?;
    ensure!(text.as_str().is_some_and(|text| text.contains("<img src=x onerror=")), "{text}");
    let elements = page.evaluate("document.querySelectorAll('#events img, #events script').length")?;
    ensure!(elements == 0, "{elements} elements of a peer's own");
    ensure!(page.evaluate("window.taken ?? null")?.is_null(), "a peer's script has run");
    Ok(())
}

/// Says that, and waits until the server has hung up.
fn talk(listener: &str, lines: &str) -> Result<()> {
    let mut client = TcpStream::connect(listener)?;
    client.write_all(lines.as_bytes())?;
    client.shutdown(Shutdown::Write)?;
    client.read_to_end(&mut Vec::new())?;
    Ok(())
}
