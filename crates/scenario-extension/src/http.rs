//! The HTTP filter.

use std::rc::Rc;

use common_metrics::Level;
use envoy_sdk::{
    CallbackContext, ConfigureContext, FilterDataStatus, FilterHeadersStatus, GrpcCallError, GrpcCallId,
    GrpcMessage, GrpcStatus, GrpcStreamEvent, GrpcStreamId, HeaderMap, HeadersMut, HttpCallError, HttpCallId,
    HttpContext, HttpFilter, HttpFilterFactory, HttpResponse, LocalReply, Result, Stats, TimerId,
};

use crate::action::Headers;
use crate::catalogue::SCENARIO;
use crate::perform::{Memory, configured, shown};
use crate::script::{Counts, Moment, Script};
use crate::{Action, body, call_outs};

/// The HTTP filter.
#[derive(Debug)]
pub struct Http {
    script: Rc<Script>,
    stats: Stats,
    counts: Counts,
    memory: Memory,
}

impl HttpFilterFactory for Http {
    const NAME: &'static str = "http";
    type Config = Script;
    type Filter = Stream;

    fn configure(script: Script, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        let stats = cx.stats(&SCENARIO, &[("extension", Self::NAME)], Level::Detailed)?;
        let memory = Memory::new(stats.clone());
        configured(&script, &memory, cx)?;
        Ok(Self { script: script.into(), stats, counts: Counts::default(), memory })
    }

    fn new_filter(&self, cx: &mut HttpContext<'_>) -> Result<Stream> {
        let stream = Stream {
            script: Rc::clone(&self.script),
            counts: Counts::default(),
            memory: Memory::new(self.stats.clone()),
        };
        stream.follow(cx, Moment::NewFilter, false)?;
        Ok(stream)
    }

    fn on_timer(&self, cx: &mut CallbackContext<'_>, _timer: TimerId) -> Result<()> {
        self.memory.follow(&self.script, &self.counts, cx, Moment::PluginTimer)
    }
}

/// The filter of one HTTP stream.
#[derive(Debug)]
pub struct Stream {
    script: Rc<Script>,
    counts: Counts,
    memory: Memory,
}

impl Stream {
    /// Follows the rules of a callback. Returns whether it pauses.
    fn follow(&self, cx: &HttpContext<'_>, moment: Moment, end_stream: bool) -> Result<bool> {
        let contains = |text: &str| body::contains(&cx.body(), text);
        let rules = self.script.rules_for(moment, &self.counts, end_stream, contains)?;
        let mut buffer = cx.body();
        let mut pauses = false;
        for action in rules.iter().flat_map(|rule| &rule.actions) {
            match action {
                Action::Pause => pauses = true,
                Action::ContinueRequest => cx.continue_request()?,
                Action::ContinueResponse => cx.continue_response()?,
                Action::ClearRouteCache => cx.clear_route_cache()?,
                Action::ResetStream => cx.reset_stream()?,
                Action::LocalReply { .. } => reply(cx, action)?,
                other => {
                    if !perform_on_headers(cx, other)? && !body::perform(&mut buffer, other)? {
                        self.memory.perform(cx, other)?;
                    }
                }
            }
        }
        Ok(pauses)
    }

    fn headers(&self, cx: &HttpContext<'_>, moment: Moment, end: bool) -> Result<FilterHeadersStatus> {
        let pauses = self.follow(cx, moment, end)?;
        Ok(if pauses { FilterHeadersStatus::StopIteration } else { FilterHeadersStatus::Continue })
    }

    fn body(&self, cx: &HttpContext<'_>, moment: Moment, end: bool) -> Result<FilterDataStatus> {
        let pauses = self.follow(cx, moment, end)?;
        Ok(if pauses { FilterDataStatus::StopIterationAndBuffer } else { FilterDataStatus::Continue })
    }
}

impl HttpFilter for Stream {
    fn on_request_headers(&mut self, cx: &mut HttpContext<'_>, end: bool) -> Result<FilterHeadersStatus> {
        self.headers(cx, Moment::RequestHeaders, end)
    }

    fn on_request_body(&mut self, cx: &mut HttpContext<'_>, end: bool) -> Result<FilterDataStatus> {
        self.body(cx, Moment::RequestBody, end)
    }

    fn on_request_trailers(&mut self, cx: &mut HttpContext<'_>) -> Result<FilterHeadersStatus> {
        self.headers(cx, Moment::RequestTrailers, true)
    }

    fn on_response_headers(&mut self, cx: &mut HttpContext<'_>, end: bool) -> Result<FilterHeadersStatus> {
        self.headers(cx, Moment::ResponseHeaders, end)
    }

    fn on_response_body(&mut self, cx: &mut HttpContext<'_>, end: bool) -> Result<FilterDataStatus> {
        self.body(cx, Moment::ResponseBody, end)
    }

    fn on_response_trailers(&mut self, cx: &mut HttpContext<'_>) -> Result<FilterHeadersStatus> {
        self.headers(cx, Moment::ResponseTrailers, true)
    }

    fn on_timer(&mut self, cx: &mut HttpContext<'_>, _timer: TimerId) -> Result<()> {
        self.follow(cx, Moment::Timer, false).map(drop)
    }

    fn on_http_call_done(
        &mut self,
        cx: &mut HttpContext<'_>,
        _call: HttpCallId,
        response: Result<HttpResponse<'_>, HttpCallError>,
    ) -> Result<()> {
        call_outs::log_http_answer(response)?;
        self.follow(cx, Moment::CallDone, false).map(drop)
    }

    fn on_grpc_call_done(
        &mut self,
        cx: &mut HttpContext<'_>,
        _call: GrpcCallId,
        response: Result<GrpcMessage<'_>, GrpcCallError>,
    ) -> Result<()> {
        call_outs::log_grpc_answer(response)?;
        self.follow(cx, Moment::CallDone, false).map(drop)
    }

    fn on_grpc_stream(
        &mut self,
        cx: &mut HttpContext<'_>,
        _stream: GrpcStreamId,
        event: GrpcStreamEvent<'_>,
    ) -> Result<()> {
        call_outs::log_grpc_event(event)?;
        self.follow(cx, Moment::GrpcStream, false).map(drop)
    }

    fn on_stream_complete(&mut self, cx: &mut HttpContext<'_>) -> Result<()> {
        self.follow(cx, Moment::Complete, false).map(drop)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.memory.follow_dropped(&self.script, &self.counts);
    }
}

fn reply(cx: &HttpContext<'_>, action: &Action) -> Result<()> {
    let Action::LocalReply { status, body, headers, details, grpc_status } = action else { return Ok(()) };
    let mut reply = LocalReply::new(*status).body(body.as_str());
    for (name, value) in headers {
        reply = reply.header(name, value);
    }
    if let Some(details) = details {
        reply = reply.details(details);
    }
    if let Some(code) = grpc_status {
        reply = reply.grpc_status(GrpcStatus::from_code(*code));
    }
    cx.send_local_reply(&reply)
}

/// Does an action on headers. `false`: it is none.
fn perform_on_headers(cx: &HttpContext<'_>, action: &Action) -> Result<bool> {
    match action {
        Action::Header(of, name) => log::info!("{name}: {}", shown(map(cx, *of).get(name)?.as_ref())),
        Action::AllHeaders(of) => {
            let headers = map(cx, *of).snapshot()?;
            let shown: Vec<String> = headers
                .iter()
                // Its value is another in every run.
                .map(|(name, value)| {
                    if name.as_bytes() == b"x-request-id" {
                        format!("{name}: *")
                    } else {
                        format!("{name}: {value}")
                    }
                })
                .collect();
            log::info!("{} headers: {}", headers.len(), shown.join("; "));
        }
        Action::SetHeader(of, name, value) => map(cx, *of).set(name, value)?,
        Action::AppendHeader(of, name, value) => map(cx, *of).append(name, value)?,
        Action::RemoveHeader(of, name) => map(cx, *of).remove(name)?,
        Action::ReplaceHeaders(of, headers) => {
            let headers: HeaderMap =
                headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            map(cx, *of).replace(&headers)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn map<'cx>(cx: &'cx HttpContext<'_>, of: Headers) -> HeadersMut<'cx> {
    match of {
        Headers::Request => cx.request_headers(),
        Headers::RequestTrailers => cx.request_trailers(),
        Headers::Response => cx.response_headers(),
        Headers::ResponseTrailers => cx.response_trailers(),
    }
}
