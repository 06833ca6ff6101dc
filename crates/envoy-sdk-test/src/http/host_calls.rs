//! The host's functions, as they answer on an HTTP stream.

use envoy_sdk::Status;
use envoy_sdk::native_host::Answer;

use super::envoy_headers::EnvoyHeaders;
use super::local_reply::SentLocalReply;
use super::stream::kind;
use crate::header_maps::MapKind;
use crate::stream::Way;
use crate::world::{Deferred, State};

impl State {
    /// A map of the running callback's stream that can be read now.
    pub(crate) fn http_header_map(&self, map: MapKind) -> Option<&EnvoyHeaders> {
        let stream = self.http_streams.get(&self.current()?)?;
        let (way, trailers) = place(map)?;
        let side = if way == Way::ToServer { &stream.request } else { &stream.response };
        if trailers {
            // An access log has the request's trailers no more.
            let reachable = if stream.logging { way == Way::ToClient } else { side.trailers_reachable };
            side.trailers.as_ref().filter(|_| reachable)
        } else {
            side.headers.as_ref().filter(|_| stream.logging || side.headers_reachable)
        }
    }

    /// Changes a map, if it can be changed now.
    pub(crate) fn with_writable_map(
        &mut self,
        code: u32,
        change: impl FnOnce(&mut EnvoyHeaders),
    ) -> Answer<()> {
        let map = MapKind::from_code(code).ok().and_then(|kind| self.writable_map(kind));
        change(map.ok_or(Status::BAD_ARGUMENT)?);
        Ok(())
    }

    /// Trailers come into being with the end of a body.
    fn writable_map(&mut self, map: MapKind) -> Option<&mut EnvoyHeaders> {
        let stream = self.current_http().filter(|stream| !stream.logging)?;
        let (way, trailers) = place(map)?;
        let end_of_stream = stream.end_of_stream;
        let side = stream.side(way);
        if !trailers {
            return side.headers.as_mut().filter(|_| side.headers_reachable);
        }
        if !side.trailers_reachable {
            if side.trailers.is_some() || !side.piece_reachable || !end_of_stream {
                return None;
            }
            side.trailers = Some(EnvoyHeaders::new(kind(way, true)));
            side.trailers_reachable = true;
        }
        side.trailers.as_mut()
    }

    /// The body of this direction, when it can be reached.
    pub(crate) fn http_body(&mut self, way: Way) -> Option<&mut Vec<u8>> {
        self.current_http()?.side(way).reachable_body()
    }

    /// `proxy_send_local_response`. Anywhere but on an HTTP stream nothing happens, and all is well.
    pub(crate) fn send_local_reply(&mut self, reply: SentLocalReply) {
        let Some(context) = self.current() else { return };
        if let Some(stream) = self.current_http() {
            stream.pending_replies.push_back(reply);
            self.defer_unless_ending(Deferred::ReplyLocally(context), context, "proxy_send_local_response");
        }
    }

    /// `proxy_continue_stream` on an HTTP stream. That of the request makes its maps unreachable at once.
    pub(crate) fn continue_http(&mut self, context: u32, kind: u32) {
        let Some(stream) = self.http_streams.get_mut(&context) else { return };
        let Some(way) = way(kind) else { return };
        if way == Way::ToServer {
            stream.request.headers_reachable = false;
            stream.request.trailers_reachable = false;
            stream.request.piece_reachable = false;
        }
        if way == Way::ToClient && !stream.closed && stream.response.headers.is_none() {
            self.fatal = Some(format!(
                "the module called proxy_continue_stream(1) for context {context}, which has no response yet: Envoy \
                 crashes"
            ));
            return;
        }
        self.defer(Deferred::ContinueHttp(context, way));
    }

    /// `proxy_close_stream` on an HTTP stream: whichever of its own two kinds, both directions are reset.
    pub(crate) fn close_http(&mut self, context: u32, kind: u32) {
        if way(kind).is_some() {
            self.defer_unless_ending(Deferred::ResetHttp(context), context, "proxy_close_stream");
        }
    }

    /// What ends a stream must not be asked for while it is ending.
    fn defer_unless_ending(&mut self, action: Deferred, context: u32, function: &str) {
        let Some(stream) = self.http_streams.get_mut(&context) else { return };
        let resets = action == Deferred::ResetHttp(context);
        let replies = !stream.pending_replies.is_empty();
        // From a timer, before there is a response, the reply is complete by the time of the reset.
        let overlap = replies && (stream.in_request || stream.response.headers.is_some());
        let twice = stream.reset_asked || (resets && overlap);
        stream.reset_asked |= resets;
        let closed = stream.closed;
        if twice && !closed {
            self.fatal = Some(format!(
                "the module called {function} for context {context}, and had called proxy_close_stream or \
                 proxy_send_local_response for it in the same callback: Envoy crashes, or presents a reply to a context \
                 that it has deleted"
            ));
        } else if closed {
            self.fatal = Some(format!(
                "the module called {function} for context {context} in proxy_on_log or proxy_on_done: Envoy calls \
                 proxy_on_log again, without end, and crashes"
            ));
        } else {
            self.defer(action);
        }
    }
}

/// `proxy_stream_type_t`, as far as it is about HTTP.
fn way(kind: u32) -> Option<Way> {
    [Way::ToServer, Way::ToClient].get(kind as usize).copied()
}

/// The maps that an HTTP stream has: their direction, and whether they are trailers.
fn place(map: MapKind) -> Option<(Way, bool)> {
    Some(match map {
        MapKind::RequestHeaders => (Way::ToServer, false),
        MapKind::RequestTrailers => (Way::ToServer, true),
        MapKind::ResponseHeaders => (Way::ToClient, false),
        MapKind::ResponseTrailers => (Way::ToClient, true),
        _ => return None,
    })
}
