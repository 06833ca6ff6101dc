//! The background service.

use common_metrics::Level;
use envoy_sdk::{
    BackgroundService, CallbackContext, ConfigureContext, HttpCallError, HttpCallId, HttpResponse, Result,
    TimerId,
};

use crate::call_outs;
use crate::catalogue::SCENARIO;
use crate::perform::{Memory, configured};
use crate::script::{Counts, Moment, Script};

/// The background service.
#[derive(Debug)]
pub struct Background {
    script: Script,
    counts: Counts,
    memory: Memory,
}

impl BackgroundService for Background {
    const NAME: &'static str = "background";
    type Config = Script;

    fn configure(script: Script, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        let stats = cx.stats(&SCENARIO, &[("extension", Self::NAME)], Level::Detailed)?;
        let memory = Memory::new(stats);
        configured(&script, &memory, cx)?;
        Ok(Self { script, counts: Counts::default(), memory })
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
