//! From the VM's events to the callbacks of an HTTP filter.

use crate::abi::Contexts;
use crate::abi::host::BufferKind;
use crate::callback_context::CallbackContext;
use crate::catalogue::{REQUESTS_FAILED, STREAMS_RESET_ON_ERROR};
use crate::error::Result;
use crate::http::{
    FilterDataStatus, FilterHeadersStatus, HttpContext, HttpFilter, HttpFilterFactory, LocalReply,
};
use crate::vm::progress::Ending;
use crate::vm::{Action, AnyExtension, AnyFilter, Event, Failure, Remedy, tell};

/// What `%RESPONSE_CODE_DETAILS%` says of a request that ended because its filter failed.
const DETAILS: &str = "envoy_sdk_filter_failed";

pub(crate) struct HttpExtension<F>(pub(crate) F);

struct HttpAdapter<F>(F);

impl<F: HttpFilterFactory> AnyExtension for HttpExtension<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn contexts(&self) -> Option<Contexts> {
        Some(Contexts::HTTP)
    }

    fn new_filter(&self, cx: CallbackContext<'_>) -> Result<Box<dyn AnyFilter>> {
        Ok(Box::new(HttpAdapter(self.0.new_filter(&mut HttpContext::new(cx))?)))
    }

    fn make_good(&self, failure: Failure<'_>) -> Remedy {
        let cx = HttpContext::new(failure.cx);
        match failure.ending {
            // A reply passes this stream's response callbacks: they let it.
            Some(Ending::LocalReply) => return Remedy::Bypass(Action::Pause),
            Some(Ending::Reset) => return Remedy::Close,
            None if failure.responding => failure.counts.add(&STREAMS_RESET_ON_ERROR, (), 1),
            None => {
                failure.counts.add(&REQUESTS_FAILED, (), 1);
                match cx.send_local_reply(&LocalReply::new(500).details(DETAILS)) {
                    Ok(()) => return Remedy::Bypass(Action::Pause),
                    Err(error) => log::error!("{} could not answer with 500: {error}", F::NAME),
                }
            }
        }
        if let Err(error) = cx.reset_stream() {
            log::error!("{} could not reset the stream: {error}", F::NAME);
        }
        Remedy::Close
    }

    fn on_event(&self, mut cx: CallbackContext<'_>, event: Event<'_>) -> Result<()> {
        let (factory, cx) = (&self.0, &mut cx);
        tell!(factory, cx, event, {
            Event::QueueReady(queue) => factory.on_queue_ready(cx, queue),
        })
    }
}

impl<F: HttpFilter> AnyFilter for HttpAdapter<F> {
    fn on_event(&mut self, cx: CallbackContext<'_>, event: Event<'_>) -> Result<Action> {
        let (filter, way) = (&mut self.0, event.way());
        let cx = &mut match event {
            Event::RequestBody { len, .. } => HttpContext::with_body(cx, BufferKind::HttpRequestBody, len),
            Event::ResponseBody { len, .. } => HttpContext::with_body(cx, BufferKind::HttpResponseBody, len),
            _ => HttpContext::new(cx),
        };
        cx.way = way;
        let action = match event {
            Event::RequestHeaders { end_stream } => filter.on_request_headers(cx, end_stream)?.into(),
            Event::RequestBody { end_stream, .. } => filter.on_request_body(cx, end_stream)?.into(),
            Event::RequestTrailers => filter.on_request_trailers(cx)?.into(),
            Event::ResponseHeaders { end_stream } => filter.on_response_headers(cx, end_stream)?.into(),
            Event::ResponseBody { end_stream, .. } => filter.on_response_body(cx, end_stream)?.into(),
            Event::ResponseTrailers => filter.on_response_trailers(cx)?.into(),
            other => return self.on_other(cx, other).map(|()| Action::Continue),
        };
        Ok(if cx.goes_on.get() { Action::Continue } else { action })
    }
}

impl<F: HttpFilter> HttpAdapter<F> {
    /// What does not belong to one of the two ways.
    fn on_other(&mut self, cx: &mut HttpContext<'_>, event: Event<'_>) -> Result<()> {
        let filter = &mut self.0;
        tell!(filter, cx, event, {
            Event::Complete => filter.on_stream_complete(cx),
        })
    }
}

impl From<FilterHeadersStatus> for Action {
    fn from(status: FilterHeadersStatus) -> Self {
        match status {
            FilterHeadersStatus::Continue => Self::Continue,
            FilterHeadersStatus::StopIteration => Self::Pause,
        }
    }
}

impl From<FilterDataStatus> for Action {
    fn from(status: FilterDataStatus) -> Self {
        match status {
            FilterDataStatus::Continue => Self::Continue,
            FilterDataStatus::StopIterationAndBuffer => Self::Pause,
        }
    }
}
