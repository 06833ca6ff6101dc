//! A run of the tool with `--web`, and what every page has to fulfil.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use envoy_runner::EnvoyBinary;
use real_peers::browser::{Page, Scheme};
use serde_json::Value;

/// The tool, running. It is ended when a test fails.
pub(crate) struct Running {
    child: Child,
    /// Where its page is.
    pub(crate) url: String,
}

impl Running {
    /// Starts it with `--web`, and waits until it says where the page is.
    pub(crate) fn start(envoy: &EnvoyBinary, arguments: &[&str]) -> Result<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_filterctl"))
            .args(arguments)
            .arg("--envoy")
            .arg(&envoy.path)
            .arg("--web")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut said =
            BufReader::new(child.stderr.take().context("no standard error")?).lines().map_while(Result::ok);
        let url =
            said.by_ref().find_map(|line| line.strip_suffix(" shows it in a browser").map(str::to_owned));
        // What else it says is taken, so that its pipe does not fill up.
        thread::spawn(move || said.for_each(|line| eprintln!("{line}")));
        let Some(url) = url else { bail!("it ended with {} and said no address", child.wait()?) };
        Ok(Self { child, url })
    }

    /// Waits until the page shows numbers. Before that modules and applications are built, which can take minutes where
    /// nothing has been built yet.
    pub(crate) fn wait_for_numbers(&mut self, page: &Page<'_>) -> Result<()> {
        const ATTEMPTS: u32 = 10;
        let mut waited = Ok(());
        for _ in 0..ATTEMPTS {
            waited = page.wait_for("the first numbers", "Number(document.documentElement.dataset.look) > 0");
            if waited.is_ok() || self.child.try_wait()?.is_some() {
                break;
            }
        }
        waited
    }

    /// Its standard output, once.
    pub(crate) fn stdout(&mut self) -> Result<impl std::io::Read + Send + use<>> {
        self.child.stdout.take().context("its output is taken already")
    }

    /// Asks it to end in order, as Ctrl-C does.
    pub(crate) fn ask_to_end(&self) -> Result<()> {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        ensure!(status.success(), "kill: {status}");
        Ok(())
    }

    /// Waits for its end, which has to be a good one.
    pub(crate) fn wait(&mut self) -> Result<()> {
        let status = self.child.wait()?;
        ensure!(status.success(), "filterctl ended with {status}");
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both do nothing to a process that has been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Texts and marks can be read in the colours that the system prefers and in those that the reader chooses.
pub(crate) fn is_legible(page: &Page<'_>) -> Result<()> {
    for scheme in [Scheme::Light, Scheme::Dark] {
        page.prefer(scheme)?;
        let background = page.evaluate("getComputedStyle(document.body).backgroundColor")?;
        let is_light = background.as_str().is_some_and(|colour| colour.starts_with("rgb(2"));
        ensure!(is_light == (scheme == Scheme::Light), "{scheme:?} is {background}");
        let illegible = page.evaluate(include_str!("contrast.js"))?;
        ensure!(illegible.as_array().is_some_and(Vec::is_empty), "{scheme:?}: {illegible:#}");
    }
    Ok(())
}

/// Nothing sticks out to the right, down to the width of a small telephone (WCAG 2.2, 1.4.10: 320 pixels).
pub(crate) fn fits(page: &Page<'_>) -> Result<()> {
    for width in [320, 390, 768, 1280, 1920] {
        page.resize(width, 900)?;
        let wide =
            page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")?;
        ensure!(wide == 0, "{wide} pixels too wide at {width}");
    }
    Ok(())
}

/// Headings, tables and controls are what they look like.
pub(crate) fn is_accessible(page: &Page<'_>) -> Result<()> {
    let nameless = page.evaluate(
        "[...document.querySelectorAll('button, a, [role=img], [role=region], section, article')]
            .filter((one) => one.checkVisibility())
            .filter((one) => !(one.ariaLabel || one.textContent.trim() && one.matches('button, a')
                || document.getElementById(one.getAttribute('aria-labelledby'))?.textContent.trim()))
            .map((one) => one.outerHTML.slice(0, 80))",
    )?;
    ensure!(nameless == serde_json::json!([]), "without a name: {nameless:#}");
    let headless = page.evaluate("document.querySelectorAll('tbody tr th:not([scope])').length")?;
    ensure!(headless == 0, "{headless} row headings without a scope");
    ensure!(page.evaluate("document.documentElement.lang")? == "en", "the language is not said");
    let ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")?;
    let mut ids: Vec<&str> = ids.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    ensure!(ids.len() == all, "an id stands twice");
    Ok(())
}

/// The browser had nothing to complain about, and the page asked nobody but its own server.
pub(crate) fn keeps_to_itself(page: &Page<'_>, url: &str) -> Result<()> {
    let complaints = page.complaints();
    ensure!(complaints.is_empty(), "{complaints:#?}");
    let requests = page.requests();
    ensure!(requests.len() > 10, "only {requests:?}");
    let elsewhere: Vec<_> = requests.iter().filter(|request| !request.starts_with(url)).collect();
    ensure!(elsewhere.is_empty(), "{elsewhere:?}");
    Ok(())
}
