//! The HTTP filter.

use std::rc::Rc;

use envoy_sdk::metrics::Level;
use envoy_sdk::{
    ConfigureContext, Error, FilterHeadersStatus, HttpContext, HttpFilter, HttpFilterFactory, LocalReply,
    Result, Stats,
};
use serde::Deserialize;

use crate::DOCUMENT_KEY;
use crate::metrics::{DOCUMENT, REQUESTS, Served};

/// The filter's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServeConfig {
    /// Requests for this path are answered with the document; all others pass.
    pub path: String,
    /// The document's media type.
    pub content_type: String,
}

/// Makes the filters of one plugin.
#[derive(Debug)]
pub struct DocumentServe {
    config: Rc<ServeConfig>,
    stats: Stats,
}

impl HttpFilterFactory for DocumentServe {
    const NAME: &'static str = "document-serve";
    type Config = ServeConfig;
    type Filter = Serve;

    fn configure(config: ServeConfig, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        if !config.path.starts_with('/') {
            return Err(Error::new("path: must begin with /"));
        }
        Ok(Self { config: config.into(), stats: cx.stats(&DOCUMENT, &[], Level::Summary)? })
    }

    fn new_filter(&self, _cx: &mut HttpContext<'_>) -> Result<Serve> {
        Ok(Serve { config: Rc::clone(&self.config), stats: self.stats.clone() })
    }
}

/// The filter of one request.
#[derive(Debug)]
pub struct Serve {
    config: Rc<ServeConfig>,
    stats: Stats,
}

impl HttpFilter for Serve {
    fn on_request_headers(
        &mut self,
        cx: &mut HttpContext<'_>,
        _end_stream: bool,
    ) -> Result<FilterHeadersStatus> {
        if cx.stream_info().request().url_path()?.unwrap_or_default().as_bytes()
            != self.config.path.as_bytes()
        {
            return Ok(FilterHeadersStatus::Continue);
        }
        let (answer, reply) = match cx.shared_data().get(DOCUMENT_KEY)? {
            Some((document, _)) => {
                let reply = LocalReply::new(200).header("content-type", &self.config.content_type);
                (Served::Document, reply.details("document_served").body(document))
            }
            None => (Served::Missing, LocalReply::new(503).details("document_missing")),
        };
        self.stats.add(&REQUESTS, answer, 1);
        cx.send_local_reply(&reply)?;
        Ok(FilterHeadersStatus::StopIteration)
    }
}
