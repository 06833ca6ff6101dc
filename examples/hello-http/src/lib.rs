//! An HTTP filter that adds a header to every response, and counts requests by method.
//!
//! It is the first example to read: a configuration that is checked, metrics with a label, a factory, a filter. Under
//! wasm32 this crate is the module `hello-http.wasm`; see README.md for how to run it.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::rc::Rc;

use envoy_sdk::metrics::{Label as _, Level, catalogue, label};
use envoy_sdk::{
    ConfigureContext, Error, FilterHeadersStatus, HttpContext, HttpFilter, HttpFilterFactory, Module, Result,
    Stats,
};
use serde::Deserialize;

/// What this module contains.
pub fn module() -> Module {
    Module::new().version(env!("CARGO_PKG_VERSION")).http_filter::<HelloHttp>()
}
envoy_sdk::entry_point!(module);

label! {
    /// The method of a request. A client may send any word: what is not listed here is `other`, so that no client
    /// decides how many series there are.
    pub enum Method: "method" {
        Get = "GET", Head = "HEAD", Post = "POST", Put = "PUT", Delete = "DELETE", Other = "other",
    }
}

impl Method {
    fn named(name: &[u8]) -> Self {
        let known = Self::ALL.iter().find(|method| method.as_str().as_bytes() == name);
        known.copied().unwrap_or(Self::Other)
    }
}

catalogue! {
    /// What the filter counts.
    pub static HELLO_HTTP: "hello_http" {
        /// Requests, by method.
        counter REQUESTS: Method = "requests_total", Summary, FromStart;
    }
}

/// The plugin's configuration. Every field may be left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The name of the header that responses get.
    pub header: String,
    /// Its value.
    pub greeting: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { header: "x-hello".to_owned(), greeting: "Hello from Envoy".to_owned() }
    }
}

impl Config {
    /// What Envoy would send as it is, and a client could not read.
    fn check(&self) -> Result<()> {
        let is_allowed = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
        if self.header.is_empty() || !self.header.bytes().all(is_allowed) {
            return Err(Error::new("header: letters, digits and `-` make the name of a header"));
        }
        if !self.greeting.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
            return Err(Error::new("greeting: only printable ASCII can be the value of a header"));
        }
        Ok(())
    }
}

/// Makes the filters of one plugin.
#[derive(Debug)]
pub struct HelloHttp {
    config: Rc<Config>,
    stats: Stats,
}

impl HttpFilterFactory for HelloHttp {
    const NAME: &'static str = "hello-http";
    type Config = Config;
    type Filter = Hello;

    fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        config.check()?;
        Ok(Self { config: config.into(), stats: cx.stats(&HELLO_HTTP, &[], Level::Summary)? })
    }

    fn new_filter(&self, _cx: &mut HttpContext<'_>) -> Result<Hello> {
        Ok(Hello { config: Rc::clone(&self.config), stats: self.stats.clone() })
    }
}

/// The filter of one request and its response.
#[derive(Debug)]
pub struct Hello {
    config: Rc<Config>,
    stats: Stats,
}

impl HttpFilter for Hello {
    fn on_request_headers(
        &mut self,
        cx: &mut HttpContext<'_>,
        _end_stream: bool,
    ) -> Result<FilterHeadersStatus> {
        let method = cx.request_headers().get(":method")?.unwrap_or_default();
        self.stats.add(&REQUESTS, Method::named(method.as_bytes()), 1);
        Ok(FilterHeadersStatus::Continue)
    }

    fn on_response_headers(
        &mut self,
        cx: &mut HttpContext<'_>,
        _end_stream: bool,
    ) -> Result<FilterHeadersStatus> {
        cx.response_headers().set(&self.config.header, &self.config.greeting)?;
        Ok(FilterHeadersStatus::Continue)
    }
}
