//! The background service.

use std::num::NonZeroU32;
use std::time::Duration;

use envoy_sdk::metrics::Level;
use envoy_sdk::{
    BackgroundService, CallbackContext, Cas, ConfigureContext, Error, HttpCallError, HttpCallId, HttpRequest,
    HttpResponse, Result, Stats, TimerId,
};
use serde::Deserialize;

use crate::DOCUMENT_KEY;
use crate::metrics::{DOCUMENT, REFRESHES, Refreshed};

/// The largest document that is kept, in octets: shared data is memory of Envoy's.
const LARGEST: usize = 64 * 1024;

/// The service's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshConfig {
    /// The cluster that has the document.
    pub cluster: String,
    /// The document's path there.
    pub path: String,
    /// How often it is fetched, in seconds.
    pub interval_seconds: NonZeroU32,
}

/// Fetches the document again and again.
#[derive(Debug)]
pub struct DocumentRefresh {
    config: RefreshConfig,
    stats: Stats,
    /// The version of the document that was there when the service was last asked.
    seen: Option<Cas>,
}

impl BackgroundService for DocumentRefresh {
    const NAME: &'static str = "background-refresh";
    type Config = RefreshConfig;

    fn configure(config: RefreshConfig, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        if !config.path.starts_with('/') {
            return Err(Error::new("path: must begin with /"));
        }
        cx.set_timer(Duration::ZERO)?;
        Ok(Self { config, stats: cx.stats(&DOCUMENT, &[], Level::Summary)?, seen: None })
    }

    fn on_timer(&mut self, cx: &mut CallbackContext<'_>, _timer: TimerId) -> Result<()> {
        let interval = Duration::from_secs(self.config.interval_seconds.get().into());
        // First of all, so that no failure stops the service.
        cx.set_timer(interval)?;
        self.seen = cx.shared_data().get(DOCUMENT_KEY)?.map(|(_, version)| version);
        let question = HttpRequest::get("background-refresh", &self.config.path);
        // An answer that takes longer than the interval would meet the next one.
        if let Err(error) = cx.http_call(&self.config.cluster, &question, interval) {
            self.failed(&error);
        }
        Ok(())
    }

    fn on_http_call_done(
        &mut self,
        cx: &mut CallbackContext<'_>,
        _call: HttpCallId,
        response: Result<HttpResponse<'_>, HttpCallError>,
    ) -> Result<()> {
        let document = match document(response) {
            Ok(document) => document,
            Err(error) => {
                self.failed(&error);
                return Ok(());
            }
        };
        // Without `singleton` each worker has such a service. Who began with an older version gives way.
        let shared = cx.shared_data();
        let stored = match self.seen {
            Some(version) => shared.replace(DOCUMENT_KEY, &document, version)?,
            None => shared.insert(DOCUMENT_KEY, &document)?,
        };
        self.stats.add(&REFRESHES, if stored { Refreshed::Stored } else { Refreshed::Outdated }, 1);
        Ok(())
    }
}

impl DocumentRefresh {
    fn failed(&mut self, error: &Error) {
        log::warn!("the document was not fetched: {error}");
        self.stats.add(&REFRESHES, Refreshed::Failed, 1);
    }
}

fn document(response: Result<HttpResponse<'_>, HttpCallError>) -> Result<Vec<u8>> {
    let response = response?;
    match (response.status()?, response.body_len()) {
        (200, 0..=LARGEST) => response.body(0..LARGEST),
        (200, octets) => Err(Error::new(format!("it has {octets} octets, more than {LARGEST}"))),
        (status, _) => Err(Error::new(format!("the answer is {status}"))),
    }
}
