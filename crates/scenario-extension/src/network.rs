//! The network filter.

use std::rc::Rc;

use common_metrics::Level;
use envoy_sdk::{
    CallbackContext, CloseType, ConfigureContext, ErrorPolicy, FilterStatus, GrpcCallError, GrpcCallId,
    GrpcMessage, GrpcStreamEvent, GrpcStreamId, HttpCallError, HttpCallId, HttpResponse, NetworkContext,
    NetworkFilter, NetworkFilterFactory, Result, SharedQueue, Stats, TimerId,
};

use crate::catalogue::SCENARIO;
use crate::perform::{Memory, configured};
use crate::script::{Counts, Moment, OnError, Script};
use crate::{Action, body, call_outs};

/// The network filter.
#[derive(Debug)]
pub struct Network {
    script: Rc<Script>,
    stats: Stats,
    counts: Counts,
    memory: Memory,
}

impl NetworkFilterFactory for Network {
    const NAME: &'static str = "network";
    type Config = Script;
    type Filter = Connection;

    fn configure(script: Script, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        let stats = cx.stats(&SCENARIO, &[("extension", Self::NAME)], Level::Detailed)?;
        let memory = Memory::new(stats.clone());
        configured(&script, &memory, cx)?;
        Ok(Self { script: script.into(), stats, counts: Counts::default(), memory })
    }

    fn new_filter(&self, cx: &mut NetworkContext<'_>) -> Result<Connection> {
        let connection = Connection {
            script: Rc::clone(&self.script),
            counts: Counts::default(),
            memory: Memory::new(self.stats.clone()),
        };
        connection.follow(cx, Moment::NewFilter, false)?;
        Ok(connection)
    }

    fn error_policy(&self) -> ErrorPolicy {
        match self.script.on_error {
            OnError::Close => ErrorPolicy::Close,
            OnError::Bypass => ErrorPolicy::Bypass,
        }
    }

    fn on_timer(&self, cx: &mut CallbackContext<'_>, _timer: TimerId) -> Result<()> {
        self.memory.follow(&self.script, &self.counts, cx, Moment::PluginTimer)
    }

    fn on_queue_ready(&self, cx: &mut CallbackContext<'_>, queue: SharedQueue) -> Result<()> {
        self.memory.follow_queue(&self.script, &self.counts, cx, queue)
    }
}

/// The filter of one connection.
#[derive(Debug)]
pub struct Connection {
    script: Rc<Script>,
    counts: Counts,
    memory: Memory,
}

impl Connection {
    /// Follows the rules of a callback.
    fn follow(&self, cx: &NetworkContext<'_>, moment: Moment, end_stream: bool) -> Result<FilterStatus> {
        let contains = |text: &str| body::contains(&cx.buffer(), text);
        let rules = self.script.rules_for(moment, &self.counts, end_stream, contains)?;
        let mut buffer = cx.buffer();
        let mut status = FilterStatus::Continue;
        for action in rules.iter().flat_map(|rule| &rule.actions) {
            match action {
                Action::Pause => status = FilterStatus::StopIteration,
                Action::ContinueReading => cx.continue_reading()?,
                Action::Close => cx.close()?,
                Action::CloseAfterFlush => cx.close_after_flush()?,
                other => {
                    if !body::perform(&mut buffer, other)? {
                        self.memory.perform(cx, other)?;
                    }
                }
            }
        }
        Ok(status)
    }
}

impl NetworkFilter for Connection {
    fn on_new_connection(&mut self, cx: &mut NetworkContext<'_>) -> Result<FilterStatus> {
        self.follow(cx, Moment::NewConnection, false)
    }

    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, end_stream: bool) -> Result<FilterStatus> {
        self.follow(cx, Moment::DownstreamData, end_stream)
    }

    fn on_upstream_data(&mut self, cx: &mut NetworkContext<'_>, end_stream: bool) -> Result<FilterStatus> {
        self.follow(cx, Moment::UpstreamData, end_stream)
    }

    fn on_downstream_close(&mut self, cx: &mut NetworkContext<'_>, close_type: CloseType) -> Result<()> {
        log::info!("downstream closed: {close_type:?}");
        self.follow(cx, Moment::DownstreamClose, false).map(drop)
    }

    fn on_upstream_close(&mut self, cx: &mut NetworkContext<'_>, close_type: CloseType) -> Result<()> {
        log::info!("upstream closed: {close_type:?}");
        self.follow(cx, Moment::UpstreamClose, false).map(drop)
    }

    fn on_timer(&mut self, cx: &mut NetworkContext<'_>, _timer: TimerId) -> Result<()> {
        self.follow(cx, Moment::Timer, false).map(drop)
    }

    fn on_http_call_done(
        &mut self,
        cx: &mut NetworkContext<'_>,
        _call: HttpCallId,
        response: Result<HttpResponse<'_>, HttpCallError>,
    ) -> Result<()> {
        call_outs::log_http_answer(response)?;
        self.follow(cx, Moment::CallDone, false).map(drop)
    }

    fn on_grpc_call_done(
        &mut self,
        cx: &mut NetworkContext<'_>,
        _call: GrpcCallId,
        response: Result<GrpcMessage<'_>, GrpcCallError>,
    ) -> Result<()> {
        call_outs::log_grpc_answer(response)?;
        self.follow(cx, Moment::CallDone, false).map(drop)
    }

    fn on_grpc_stream(
        &mut self,
        cx: &mut NetworkContext<'_>,
        _stream: GrpcStreamId,
        event: GrpcStreamEvent<'_>,
    ) -> Result<()> {
        call_outs::log_grpc_event(event)?;
        self.follow(cx, Moment::GrpcStream, false).map(drop)
    }

    fn on_stream_complete(&mut self, cx: &mut NetworkContext<'_>) -> Result<()> {
        self.follow(cx, Moment::Complete, false).map(drop)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.memory.follow_dropped(&self.script, &self.counts);
    }
}
