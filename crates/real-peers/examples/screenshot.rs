//! Takes a picture of a page, as a PNG.
//!
//! ```text
//! cargo run --package real-peers --example screenshot -- http://127.0.0.1:8080/ page.png 1280x900 dark
//! ```

use std::time::Duration;

use anyhow::{Context, Result, bail};
use real_peers::Peer;
use real_peers::browser::{Browser, Scheme};

/// For pages that go on changing after they have loaded.
const SETTLING: Duration = Duration::from_secs(3);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, file, size, scheme] = arguments.as_slice() else {
        bail!("usage: screenshot ADDRESS FILE WIDTHxHEIGHT light|dark");
    };
    let (width, height) = size.split_once('x').context("the size is WIDTHxHEIGHT")?;
    let scheme = match scheme.as_str() {
        "light" => Scheme::Light,
        "dark" => Scheme::Dark,
        other => bail!("{other} is neither light nor dark"),
    };
    Peer::Chromium.install()?;
    let browser = Browser::start()?;
    let page = browser.open(address)?;
    page.prefer(scheme)?;
    page.resize(width.parse()?, height.parse()?)?;
    std::thread::sleep(SETTLING);
    std::fs::write(file, page.screenshot()?).with_context(|| format!("writing {file}"))
}
