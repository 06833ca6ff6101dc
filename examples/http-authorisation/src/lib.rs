//! An HTTP filter that asks an authorisation service about every request before it goes on to the server.
//!
//! The service is a cluster of Envoy's. It is asked by a `GET` with headers of the request, and decides by its status:
//! 2xx allows, 401 and 403 deny. Anything else, silence included, is no decision: the configuration says what to do
//! then. Under wasm32 this crate is the module `http-authorisation.wasm`; see README.md for how to run it.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod config;
mod metrics;

pub use config::{Config, Verdict};
pub use metrics::{HTTP_AUTHORISATION, Outcome};

use std::rc::Rc;
use std::time::SystemTime;

use envoy_sdk::metrics::Level;
use envoy_sdk::{
    ByteStr, ConfigureContext, Context as _, Error, FilterHeadersStatus, HttpCallError, HttpCallId,
    HttpContext, HttpFilter, HttpFilterFactory, HttpRequest, HttpResponse, LocalReply, Module, Result, Stats,
};

use crate::metrics::{CHECK_DURATION, REQUESTS};

/// What this module contains.
pub fn module() -> Module {
    Module::new().version(env!("CARGO_PKG_VERSION")).http_filter::<HttpAuthorisation>()
}
envoy_sdk::entry_point!(module);

/// Makes the filters of one plugin.
#[derive(Debug)]
pub struct HttpAuthorisation {
    config: Rc<Config>,
    stats: Stats,
}

impl HttpFilterFactory for HttpAuthorisation {
    const NAME: &'static str = "http-authorisation";
    type Config = Config;
    type Filter = Authorisation;

    fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        config.check()?;
        Ok(Self { config: config.into(), stats: cx.stats(&HTTP_AUTHORISATION, &[], Level::Summary)? })
    }

    fn new_filter(&self, _cx: &mut HttpContext<'_>) -> Result<Authorisation> {
        let (config, stats) = (Rc::clone(&self.config), self.stats.clone());
        Ok(Authorisation { config, stats, asked_at: None, decided: false })
    }
}

/// The filter of one request.
#[derive(Debug)]
pub struct Authorisation {
    config: Rc<Config>,
    stats: Stats,
    asked_at: Option<SystemTime>,
    /// Whether it is known what becomes of the request.
    decided: bool,
}

impl HttpFilter for Authorisation {
    fn on_request_headers(
        &mut self,
        cx: &mut HttpContext<'_>,
        _end_stream: bool,
    ) -> Result<FilterHeadersStatus> {
        // Only the service may say who the client is.
        for name in &self.config.identity_headers {
            cx.request_headers().remove(name)?;
        }
        let question = self.question(cx)?;
        self.asked_at = Some(cx.now()?);
        match cx.http_call(&self.config.cluster, &question, self.config.timeout()) {
            // Envoy keeps the request, its body included, until there is an answer.
            Ok(_) => Ok(FilterHeadersStatus::StopIteration),
            Err(error) => {
                log::warn!("the cluster {:?} cannot be asked: {error}", self.config.cluster);
                let Some(reply) = self.without_decision() else { return Ok(FilterHeadersStatus::Continue) };
                cx.send_local_reply(&reply)?;
                Ok(FilterHeadersStatus::StopIteration)
            }
        }
    }

    fn on_http_call_done(
        &mut self,
        cx: &mut HttpContext<'_>,
        _call: HttpCallId,
        response: Result<HttpResponse<'_>, HttpCallError>,
    ) -> Result<()> {
        if let Some(asked_at) = self.asked_at {
            let waited = cx.now()?.duration_since(asked_at).unwrap_or_default();
            self.stats.record(&CHECK_DURATION, (), u64::try_from(waited.as_millis())?);
        }
        match self.judge(cx, response)? {
            None => cx.continue_request(),
            Some(reply) => cx.send_local_reply(&reply),
        }
    }

    fn on_stream_complete(&mut self, _cx: &mut HttpContext<'_>) -> Result<()> {
        if !self.decided {
            self.decide(Outcome::Abandoned);
        }
        Ok(())
    }
}

impl Authorisation {
    fn question(&self, cx: &HttpContext<'_>) -> Result<HttpRequest> {
        let headers = cx.request_headers().snapshot()?;
        // What cannot be asked about does not pass: an error is a 500.
        let text = |name: &str| {
            let value = headers.get(name).and_then(ByteStr::to_str);
            value.ok_or_else(|| Error::new("missing, or not text")).context(name)
        };
        let mut question = HttpRequest::get(&self.config.authority, &self.config.path)
            .header("x-original-method", text(":method")?)
            .header("x-original-host", text(":authority")?)
            .header("x-original-path", text(":path")?);
        for name in &self.config.forwarded_headers {
            for value in headers.get_all(name).filter_map(ByteStr::to_str) {
                question = question.header(name, value);
            }
        }
        Ok(question)
    }

    /// What the service has decided: `None` lets the request go on, otherwise it is answered with this.
    fn judge(
        &mut self,
        cx: &HttpContext<'_>,
        response: Result<HttpResponse<'_>, HttpCallError>,
    ) -> Result<Option<LocalReply>> {
        let Ok(response) = response else { return Ok(self.without_decision()) };
        match response.status()? {
            200..=299 => {
                for name in &self.config.identity_headers {
                    if let Some(value) = response.headers().get(name)? {
                        cx.request_headers().set(name, value)?;
                    }
                }
                self.decide(Outcome::Allowed);
                Ok(None)
            }
            status @ (401 | 403) => {
                let mut reply = LocalReply::new(status).details("authorisation_denied");
                // RFC 9110, section 15.5.2: a 401 says what would do.
                if let Some(challenge) = response.headers().get("www-authenticate")? {
                    reply = reply.header("www-authenticate", challenge);
                }
                self.decide(Outcome::Denied);
                Ok(Some(reply))
            }
            // Envoy's own 503 and 504 among them: nobody could be asked, or nobody answered in time.
            _ => Ok(self.without_decision()),
        }
    }

    /// What the configuration decides where the service has not, as in [`judge`](Self::judge).
    fn without_decision(&mut self) -> Option<LocalReply> {
        match self.config.without_decision {
            Verdict::Allow => {
                self.decide(Outcome::FailedOpen);
                None
            }
            Verdict::Deny => {
                self.decide(Outcome::FailedClosed);
                Some(LocalReply::new(503).details("authorisation_undecided"))
            }
        }
    }

    /// Every request has exactly one outcome.
    fn decide(&mut self, outcome: Outcome) {
        self.decided = true;
        self.stats.add(&REQUESTS, outcome, 1);
    }
}
