//! A browser without a window, for tests of pages: Chromium, driven through its DevTools protocol.
//!
//! ```no_run
//! use real_peers::browser::{Browser, Scheme};
//!
//! # fn main() -> anyhow::Result<()> {
//! let browser = Browser::start()?;
//! let page = browser.open("http://127.0.0.1:8080/")?;
//! page.wait_for("the title", "document.title !== ''")?;
//! page.prefer(Scheme::Dark)?;
//! std::fs::write("page.png", page.screenshot()?)?;
//! assert_eq!(page.complaints(), [""; 0]);
//! # Ok(())
//! # }
//! ```
//!
//! Nothing listens for the protocol: it goes through two pipes, and the browser ends when they close. Each browser has a
//! profile of its own, which goes with it.

mod connection;
mod page;
mod program;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use serde_json::json;

use self::connection::Connection;
use self::program::Program;
use crate::{Peer, peers_folder};

pub use page::{Page, Scheme};

/// A running browser. It ends when this is dropped, and when this process ends in any way.
pub struct Browser {
    connection: Connection,
    // Behind the connection: it waits for the browser's end, which the connection's end brings about.
    _program: Program,
}

impl Browser {
    /// Starts Chromium.
    ///
    /// # Errors
    /// When it is not there ([`Peer::Chromium`] says how to get it), does not start, or does not answer.
    pub fn start() -> Result<Self> {
        let (program, pipes) = Program::start(&Peer::Chromium.require()?, folder())?;
        let browser = Self { connection: Connection::over(pipes), _program: program };
        browser.connection.call(None, "Browser.getVersion", &json!({})).context("starting Chromium")?;
        Ok(browser)
    }

    /// Opens an address in a page of its own, 1280 by 800 pixels, and waits until it has loaded.
    ///
    /// # Errors
    /// When it cannot be loaded, or the browser has ended.
    pub fn open(&self, address: &str) -> Result<Page<'_>> {
        Page::open(&self.connection, address)
    }
}

/// A folder for one browser.
fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    peers_folder().join("run").join(format!("browser-{}-{number}", std::process::id()))
}

/// Makes a folder and those above it.
fn make(folder: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}
