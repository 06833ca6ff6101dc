//! One page in a browser.

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::connection::Connection;
use crate::wait_until;

/// What the reader prefers, as `prefers-color-scheme` tells a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// A page in a browser.
pub struct Page<'a> {
    connection: &'a Connection,
    session: String,
}

impl<'a> Page<'a> {
    pub(super) fn open(connection: &'a Connection, address: &str) -> Result<Self> {
        let blank = json!({"url": "about:blank", "width": 1280, "height": 800});
        let target = connection.call(None, "Target.createTarget", &blank)?["targetId"].take();
        let attach = json!({"targetId": target, "flatten": true});
        let session = connection.call(None, "Target.attachToTarget", &attach)?;
        let session = session["sessionId"].as_str().context("a page without a session")?.to_owned();
        let page = Self { connection, session };
        // From the beginning, so that nothing that the page asks for or complains about is missed.
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.call(&format!("{domain}.enable"), &json!({}))?;
        }
        let navigated = page.call("Page.navigate", &json!({"url": address}))?;
        if let Some(reason) = navigated["errorText"].as_str() {
            bail!("opening {address}: {reason}");
        }
        page.wait_for(
            "the page to load",
            "document.readyState === 'complete' && location.href !== 'about:blank'",
        )?;
        Ok(page)
    }

    /// The value of a JavaScript expression in the page; of a promise what it comes to.
    ///
    /// # Errors
    /// When it throws, or its value is none of JSON's.
    pub fn evaluate(&self, expression: &str) -> Result<Value> {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.call("Runtime.evaluate", &parameters)?;
        if let Some(thrown) = answer.get("exceptionDetails") {
            let text = thrown["exception"]["description"].as_str().or_else(|| thrown["text"].as_str());
            bail!("{expression}: {}", text.unwrap_or("something was thrown"));
        }
        Ok(answer["result"]["value"].take())
    }

    /// Waits until an expression is true.
    ///
    /// # Errors
    /// When it throws, or that takes longer than [`DEADLINE`](crate::DEADLINE).
    pub fn wait_for(&self, what: &str, expression: &str) -> Result<()> {
        wait_until(what, || Ok((self.evaluate(expression)? == true).then_some(())))
    }

    /// Tells the page what the reader prefers.
    ///
    /// # Errors
    /// When the browser has ended.
    pub fn prefer(&self, scheme: Scheme) -> Result<()> {
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let feature = json!({"features": [
            {"name": "prefers-color-scheme", "value": value},
            // So that colours are what they are going to be at once.
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.call("Emulation.setEmulatedMedia", &feature).map(drop)
    }

    /// Gives the page another size, in pixels of a screen that has as many as CSS counts.
    ///
    /// # Errors
    /// When the browser has ended.
    pub fn resize(&self, width: u32, height: u32) -> Result<()> {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size).map(drop)
    }

    /// Presses a key by its name in the `KeyboardEvent` of the page, such as `Tab` or `ArrowLeft`.
    ///
    /// # Errors
    /// When the browser has ended.
    pub fn press(&self, key: &str) -> Result<()> {
        // Tab moves the focus by its old code, not by its name.
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "ArrowLeft" => 37,
            "ArrowRight" => 39,
            _ => 0,
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && key == "Enter" {
                event["text"] = "\r".into();
            }
            self.call("Input.dispatchKeyEvent", &event)?;
        }
        Ok(())
    }

    /// What is visible of the page, as a PNG.
    ///
    /// # Errors
    /// When the browser has ended.
    pub fn screenshot(&self) -> Result<Vec<u8>> {
        let picture = self.call("Page.captureScreenshot", &json!({"format": "png"}))?;
        let text = picture["data"].as_str().context("a picture without data")?;
        BASE64_STANDARD.decode(text).context("a picture that is not base64")
    }

    /// The addresses of everything that the page has asked for.
    pub fn requests(&self) -> Vec<String> {
        let requests = self.connection.events(&self.session, "Network.requestWillBeSent");
        requests.iter().filter_map(|event| event["request"]["url"].as_str().map(str::to_owned)).collect()
    }

    /// The errors and warnings on the page's console, and what it threw.
    pub fn complaints(&self) -> Vec<String> {
        let events = |method| self.connection.events(&self.session, method);
        let is_bad = |level: &Value| matches!(level.as_str(), Some("error" | "warning" | "assert"));
        let thrown = events("Runtime.exceptionThrown");
        let thrown = thrown.iter().map(|event| event["exceptionDetails"].to_string());
        let called = events("Runtime.consoleAPICalled");
        let called =
            called.iter().filter(|event| is_bad(&event["type"])).map(|event| event["args"].to_string());
        let logged = events("Log.entryAdded");
        let logged = logged.iter().map(|event| &event["entry"]).filter(|entry| is_bad(&entry["level"]));
        let logged = logged.map(|entry| format!("{} {}", entry["text"], entry["url"]));
        thrown.chain(called).chain(logged).collect()
    }

    fn call(&self, method: &str, parameters: &Value) -> Result<Value> {
        self.connection.call(Some(&self.session), method, parameters)
    }
}
