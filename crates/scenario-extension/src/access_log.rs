//! The access logger.

use common_metrics::Level;
use envoy_sdk::{
    AccessLogContext, AccessLogger, CallbackContext, ConfigureContext, Headers, HttpCallError, HttpCallId,
    HttpResponse, Result, TimerId,
};

use crate::action::Headers as Of;
use crate::catalogue::SCENARIO;
use crate::perform::{Memory, configured, shown};
use crate::script::{Counts, Moment, Script};
use crate::{Action, call_outs};

/// The access logger.
#[derive(Debug)]
pub struct AccessLog {
    script: Script,
    counts: Counts,
    memory: Memory,
}

impl AccessLogger for AccessLog {
    const NAME: &'static str = "access-log";
    type Config = Script;

    fn configure(script: Script, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        let stats = cx.stats(&SCENARIO, &[("extension", Self::NAME)], Level::Detailed)?;
        let memory = Memory::new(stats);
        configured(&script, &memory, cx)?;
        Ok(Self { script, counts: Counts::default(), memory })
    }

    fn on_log(&mut self, cx: &mut AccessLogContext<'_>) -> Result<()> {
        let rules = self.script.rules_for(Moment::Log, &self.counts, false, |_| Ok(false))?;
        for action in rules.iter().flat_map(|rule| &rule.actions) {
            match action {
                Action::Header(of, name) => {
                    if let Some(headers) = map(cx, *of) {
                        log::info!("{name}: {}", shown(headers.get(name)?.as_ref()));
                    }
                }
                other => self.memory.perform(cx, other)?,
            }
        }
        Ok(())
    }

    fn on_timer(&mut self, cx: &mut CallbackContext<'_>, _timer: TimerId) -> Result<()> {
        self.memory.follow(&self.script, &self.counts, cx, Moment::PluginTimer)
    }

    fn on_http_call_done(
        &mut self,
        cx: &mut CallbackContext<'_>,
        _call: HttpCallId,
        response: Result<HttpResponse<'_>, HttpCallError>,
    ) -> Result<()> {
        call_outs::log_http_answer(response)?;
        self.memory.follow(&self.script, &self.counts, cx, Moment::CallDone)
    }
}

fn map<'cx>(cx: &'cx AccessLogContext<'_>, of: Of) -> Option<Headers<'cx>> {
    match of {
        Of::Request => Some(cx.request_headers()),
        Of::Response => Some(cx.response_headers()),
        Of::ResponseTrailers => Some(cx.response_trailers()),
        Of::RequestTrailers => None,
    }
}
