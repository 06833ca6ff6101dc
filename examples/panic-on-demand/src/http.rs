//! The HTTP filter.

use std::rc::Rc;

use envoy_sdk::{
    ByteString, ConfigureContext, Error, FilterDataStatus, FilterHeadersStatus, HttpContext, HttpFilter,
    HttpFilterFactory, Result,
};
use serde::Deserialize;

/// The plugin's configuration. Every field may be left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// The header of a request that names the callback in which the filter panics: `on_request_headers`,
    /// `on_request_body`, `on_response_headers` or `on_response_body`. Not empty.
    pub header: String,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { header: "x-panic".to_owned() }
    }
}

/// Makes the filters of one plugin.
#[derive(Debug)]
pub struct PanicOnDemandHttp {
    config: Rc<HttpConfig>,
}

impl HttpFilterFactory for PanicOnDemandHttp {
    const NAME: &'static str = "panic-on-demand-http";
    type Config = HttpConfig;
    type Filter = HttpOnDemand;

    fn configure(config: HttpConfig, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        if config.header.is_empty() {
            return Err(Error::new("header: must not be empty"));
        }
        Ok(Self { config: config.into() })
    }

    fn new_filter(&self, _cx: &mut HttpContext<'_>) -> Result<HttpOnDemand> {
        Ok(HttpOnDemand { config: Rc::clone(&self.config), panic_in: ByteString::default() })
    }
}

/// The filter of one request.
#[derive(Debug)]
pub struct HttpOnDemand {
    config: Rc<HttpConfig>,
    /// What the request said.
    panic_in: ByteString,
}

impl HttpOnDemand {
    #[expect(clippy::panic, reason = "that is what this filter is for")]
    fn enter(&self, callback: &str) {
        if self.panic_in.as_bytes() == callback.as_bytes() {
            panic!("on demand");
        }
    }
}

impl HttpFilter for HttpOnDemand {
    fn on_request_headers(
        &mut self,
        cx: &mut HttpContext<'_>,
        _end_stream: bool,
    ) -> Result<FilterHeadersStatus> {
        self.panic_in = cx.request_headers().get(&self.config.header)?.unwrap_or_default();
        self.enter("on_request_headers");
        Ok(FilterHeadersStatus::Continue)
    }

    fn on_request_body(&mut self, _cx: &mut HttpContext<'_>, _end_stream: bool) -> Result<FilterDataStatus> {
        self.enter("on_request_body");
        Ok(FilterDataStatus::Continue)
    }

    fn on_response_headers(
        &mut self,
        _cx: &mut HttpContext<'_>,
        _end_stream: bool,
    ) -> Result<FilterHeadersStatus> {
        self.enter("on_response_headers");
        Ok(FilterHeadersStatus::Continue)
    }

    fn on_response_body(&mut self, _cx: &mut HttpContext<'_>, _end_stream: bool) -> Result<FilterDataStatus> {
        self.enter("on_response_body");
        Ok(FilterDataStatus::Continue)
    }
}
