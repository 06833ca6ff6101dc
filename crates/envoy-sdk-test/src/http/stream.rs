//! One HTTP stream as Envoy keeps it.

use std::collections::VecDeque;
use std::time::SystemTime;

use super::envoy_headers::{EnvoyHeaders, Kind};
use super::exchange_options::HttpOptions;
use super::local_reply::SentLocalReply;
use super::message::Received;
use crate::filter_state::FilterState;
use crate::stream::Way;

/// A request and its response.
#[derive(Debug)]
pub(crate) struct HttpStream {
    pub(crate) root: u32,
    pub(crate) options: HttpOptions,
    pub(crate) connection_id: u64,
    pub(crate) begun: SystemTime,
    pub(crate) filter_state: FilterState,
    pub(crate) request: Side,
    pub(crate) response: Side,
    /// The last data callback had the end of its stream with it: trailers can then be added.
    pub(crate) end_of_stream: bool,
    /// Local replies that the filter has asked for, and that wait for its callback to return.
    pub(crate) pending_replies: VecDeque<SentLocalReply>,
    /// In a callback of the request: a local reply waits for its end.
    pub(crate) in_request: bool,
    /// The local reply that waits for the end of the callback.
    pub(crate) prepared_reply: Option<SentLocalReply>,
    /// The reply that the filter has sent in place of the server's.
    pub(crate) local_reply: Option<SentLocalReply>,
    /// What an access log prints as `%RESPONSE_CODE%` and `%RESPONSE_CODE_DETAILS%`.
    pub(crate) response_code: Option<u64>,
    pub(crate) details: Option<String>,
    /// When the server had received the whole request.
    pub(crate) request_sent: Option<SystemTime>,
    /// A local reply is on its way through the filter.
    pub(crate) replying: bool,
    /// The filter has asked for a reset.
    pub(crate) reset_asked: bool,
    /// The server has reset the stream itself.
    pub(crate) server_has_reset: bool,
    /// The client has got a local reply past the filter: what is under way goes nowhere.
    pub(crate) replied_directly: bool,
    /// In `proxy_on_log`: the maps can be read once more.
    pub(crate) logging: bool,
    /// It has begun to end: nothing flows any more.
    pub(crate) closed: bool,
    /// `proxy_on_delete` has been called: the context is no more.
    pub(crate) deleted: bool,
}

/// One direction of an HTTP stream: through the filter, and to its receiver.
///
/// ```text
/// sender -> piece -> (filter) -> received
///             \-> held -/
/// ```
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) headers: Option<EnvoyHeaders>,
    pub(crate) trailers: Option<EnvoyHeaders>,
    /// Whether the module can reach the maps, and the piece.
    pub(crate) headers_reachable: bool,
    pub(crate) trailers_reachable: bool,
    pub(crate) piece_reachable: bool,
    /// The piece of the body that is being presented.
    pub(crate) piece: Vec<u8>,
    /// What Envoy keeps because the filter has paused. `Some` of nothing is an end that is kept.
    pub(crate) held: Option<Vec<u8>>,
    /// The filter has paused on the body: what comes next is presented together with what is held.
    pub(crate) buffering: bool,
    /// Envoy has stopped reading: more is held than its buffer limit.
    pub(crate) unread: VecDeque<Unread>,
    pub(crate) iteration: Iteration,
    /// A local reply has ended this direction: nothing of it goes on.
    pub(crate) aborted: bool,
    pub(crate) headers_passed: bool,
    /// The sender has ended, as far as Envoy has read.
    pub(crate) ended: bool,
    /// The sender has ended.
    pub(crate) sender_ended: bool,
    /// Octets of the body that Envoy has read.
    pub(crate) read: u64,
    /// What the other side has received.
    pub(crate) received: Received,
}

/// Something that a peer has sent and Envoy has not read.
#[derive(Debug)]
pub(crate) enum Unread {
    Body { octets: Vec<u8>, end: bool },
    Trailers(EnvoyHeaders),
}

/// Whether what follows goes past the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Iteration {
    Going,
    /// Paused: pieces that follow are presented.
    Stopped,
    /// Paused on headers: what follows waits, and is presented when the filter continues.
    StoppedAll,
}

impl HttpStream {
    pub(crate) fn new(root: u32, options: HttpOptions, connection_id: u64, begun: SystemTime) -> Self {
        Self {
            root,
            options,
            connection_id,
            begun,
            filter_state: FilterState::default(),
            request: Side::new(),
            response: Side::new(),
            end_of_stream: false,
            pending_replies: VecDeque::new(),
            in_request: false,
            prepared_reply: None,
            local_reply: None,
            response_code: None,
            details: None,
            request_sent: None,
            replying: false,
            replied_directly: false,
            reset_asked: false,
            server_has_reset: false,
            logging: false,
            closed: false,
            deleted: false,
        }
    }

    pub(crate) fn side(&mut self, way: Way) -> &mut Side {
        match way {
            Way::ToServer => &mut self.request,
            Way::ToClient => &mut self.response,
        }
    }

    /// The client has received headers: they cannot be changed any more.
    pub(crate) fn has_answered(&self) -> bool {
        self.response.received.headers_seen
    }

    pub(crate) fn is_head(&self) -> bool {
        self.request.headers.as_ref().and_then(|headers| headers.get(b":method")) == Some(b"HEAD")
    }

    pub(crate) fn is_grpc(&self) -> bool {
        let content_type = self.request.headers.as_ref().and_then(|headers| headers.get(b"content-type"));
        content_type
            .and_then(|value| value.strip_prefix(b"application/grpc"))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+"))
    }
}

impl Side {
    fn new() -> Self {
        Self {
            headers: None,
            trailers: None,
            headers_reachable: false,
            trailers_reachable: false,
            piece_reachable: false,
            piece: Vec::new(),
            held: None,
            buffering: false,
            unread: VecDeque::new(),
            iteration: Iteration::Going,
            aborted: false,
            headers_passed: false,
            ended: false,
            sender_ended: false,
            read: 0,
            received: Received::default(),
        }
    }

    pub(crate) fn hold(&mut self, octets: &[u8]) {
        self.held.get_or_insert_default().extend_from_slice(octets);
    }

    /// The body as the module can reach it.
    pub(crate) fn reachable_body(&mut self) -> Option<&mut Vec<u8>> {
        if self.buffering {
            return self.held.as_mut();
        }
        self.piece_reachable.then_some(&mut self.piece)
    }

    /// Whether something waits behind the filter's pause.
    pub(crate) fn holds_back(&self) -> bool {
        self.iteration != Iteration::Going
    }
}

/// The kind of a direction's headers or trailers.
pub(crate) const fn kind(way: Way, trailers: bool) -> Kind {
    match (way, trailers) {
        (Way::ToServer, false) => Kind::Request,
        (Way::ToServer, true) => Kind::RequestTrailers,
        (Way::ToClient, false) => Kind::Response,
        (Way::ToClient, true) => Kind::ResponseTrailers,
    }
}
