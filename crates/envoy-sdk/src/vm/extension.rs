//! What the VM knows of an extension: that things happen to it, and how its failure is made good.

use crate::abi::Contexts;
use crate::call_out::{
    GrpcCallError, GrpcCallId, GrpcMessage, GrpcStreamEvent, GrpcStreamId, HttpCallError, HttpCallId,
    HttpResponse,
};
use crate::callback_context::CallbackContext;
use crate::catalogue::Callback;
use crate::error::{Error, Result};
use crate::network::CloseType;
use crate::shared_queue::SharedQueue;
use crate::stats::Stats;
use crate::vm::TimerId;
use crate::vm::progress::{Ending, Way};

/// An extension as one configuration made it.
pub(crate) trait AnyExtension {
    fn name(&self) -> &'static str;

    /// How its streams get their contexts; `None` for an extension without streams.
    fn contexts(&self) -> Option<Contexts> {
        None
    }

    /// Makes the filter of a new stream.
    fn new_filter(&self, cx: CallbackContext<'_>) -> Result<Box<dyn AnyFilter>> {
        let _ = cx;
        Err(Error::new(format!("{:?} is no filter", self.name())))
    }

    /// Does to a stream whose filter has failed what this kind of extension does then.
    fn make_good(&self, failure: Failure<'_>) -> Remedy {
        let _ = failure;
        Remedy::Bypass(Action::Continue)
    }

    /// Something happened to the plugin itself.
    fn on_event(&self, cx: CallbackContext<'_>, event: Event<'_>) -> Result<()>;
}

/// A filter of one stream.
pub(crate) trait AnyFilter {
    fn on_event(&mut self, cx: CallbackContext<'_>, event: Event<'_>) -> Result<Action>;
}

/// A stream whose filter has failed.
pub(crate) struct Failure<'a> {
    pub(crate) cx: CallbackContext<'a>,
    /// What comes from the client waits for the filter, and the failed callback does not answer for it.
    pub(crate) holds_client: bool,
    /// An HTTP stream: the response has begun.
    pub(crate) responding: bool,
    /// An HTTP stream: the filter has ended it just before it failed.
    pub(crate) ending: Option<Ending>,
    pub(crate) counts: &'a mut Stats,
}

/// What becomes of a stream whose filter has failed.
pub(crate) enum Remedy {
    /// It goes on without its filter; this callback answers as said.
    Bypass(Action),
    /// It is about to end; nothing passes any more.
    Close,
}

/// What a callback answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Continue,
    Pause,
}

/// Something that happened to a stream or a plugin.
pub(crate) enum Event<'a> {
    NewConnection,
    DownstreamData {
        len: usize,
        end_stream: bool,
    },
    UpstreamData {
        len: usize,
        end_stream: bool,
    },
    DownstreamClose(CloseType),
    UpstreamClose(CloseType),
    RequestHeaders {
        end_stream: bool,
    },
    RequestBody {
        len: usize,
        end_stream: bool,
    },
    RequestTrailers,
    ResponseHeaders {
        end_stream: bool,
    },
    ResponseBody {
        len: usize,
        end_stream: bool,
    },
    ResponseTrailers,
    /// A stream is over, or a log entry is to be written.
    Complete,
    Timer(TimerId),
    HttpCallDone(HttpCallId, Result<HttpResponse<'a>, HttpCallError>),
    GrpcCallDone(GrpcCallId, Result<GrpcMessage<'a>, GrpcCallError>),
    GrpcStream(GrpcStreamId, GrpcStreamEvent<'a>),
    QueueReady(SharedQueue),
}

impl Event<'_> {
    /// As it is counted.
    pub(crate) fn callback(&self) -> Callback {
        match self {
            Self::NewConnection => Callback::NewConnection,
            Self::DownstreamData { .. } => Callback::DownstreamData,
            Self::UpstreamData { .. } => Callback::UpstreamData,
            Self::DownstreamClose(_) => Callback::DownstreamClose,
            Self::UpstreamClose(_) => Callback::UpstreamClose,
            Self::RequestHeaders { .. } => Callback::RequestHeaders,
            Self::RequestBody { .. } => Callback::RequestBody,
            Self::RequestTrailers => Callback::RequestTrailers,
            Self::ResponseHeaders { .. } => Callback::ResponseHeaders,
            Self::ResponseBody { .. } => Callback::ResponseBody,
            Self::ResponseTrailers => Callback::ResponseTrailers,
            Self::Complete => Callback::StreamComplete,
            Self::Timer(_) => Callback::Timer,
            Self::HttpCallDone(..) => Callback::HttpCallDone,
            Self::GrpcCallDone(..) => Callback::GrpcCallDone,
            Self::GrpcStream(..) => Callback::GrpcStream,
            Self::QueueReady(_) => Callback::QueueReady,
        }
    }

    /// Which way of a stream this belongs to.
    pub(crate) fn way(&self) -> Option<Way> {
        match self {
            Self::NewConnection
            | Self::DownstreamData { .. }
            | Self::RequestHeaders { .. }
            | Self::RequestBody { .. }
            | Self::RequestTrailers => Some(Way::Request),
            Self::UpstreamData { .. }
            | Self::ResponseHeaders { .. }
            | Self::ResponseBody { .. }
            | Self::ResponseTrailers => Some(Way::Response),
            _ => None,
        }
    }

    /// Whether there is nothing left of the stream that could be closed or go on.
    pub(crate) fn is_last(&self) -> bool {
        matches!(self, Self::DownstreamClose(_) | Self::Complete)
    }
}

/// Gives an event that every kind of extension can have to its callback; the arms say what else this kind has.
macro_rules! tell {
    ($extension:expr, $cx:expr, $event:expr, { $($more:tt)* }) => {
        match $event {
            Event::Timer(timer) => $extension.on_timer($cx, timer),
            Event::HttpCallDone(call, response) => $extension.on_http_call_done($cx, call, response),
            Event::GrpcCallDone(call, response) => $extension.on_grpc_call_done($cx, call, response),
            Event::GrpcStream(stream, event) => $extension.on_grpc_stream($cx, stream, event),
            $($more)*
            _ => Ok(()),
        }
    };
}
pub(crate) use tell;
