//! Answers that Envoy gives by itself: for the filter, for the router, or because something does not fit.

use envoy_sdk::HeaderMap;

use super::envoy_headers::{EnvoyHeaders, Kind, decode};
use super::forwarding::finish_response;
use super::message::HttpResponse;
use crate::stream::Way;
use crate::world::World;

/// A local reply as the filter has asked for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentLocalReply {
    /// The status.
    pub status: u32,
    /// What `%RESPONSE_CODE_DETAILS%` says.
    pub details: String,
    /// The body; of a gRPC request's reply the `grpc-message`.
    pub body: Vec<u8>,
    /// Further headers.
    pub headers: HeaderMap,
    /// The gRPC status for a gRPC request; otherwise Envoy derives it from `status`.
    pub grpc_status: Option<u32>,
}

impl SentLocalReply {
    pub(crate) fn from_filter(
        status: u32,
        details: &[u8],
        body: &[u8],
        headers: &[u8],
        grpc_status: i32,
    ) -> Self {
        Self {
            status,
            details: String::from_utf8_lossy(details).into_owned(),
            body: body.to_vec(),
            headers: EnvoyHeaders::collect_pairs(Kind::Response, &decode(headers)).snapshot(),
            grpc_status: u32::try_from(grpc_status).ok(),
        }
    }

    pub(crate) fn from_response(response: HttpResponse) -> Self {
        let HttpResponse { mut headers, body, .. } = response;
        let status = headers.get(":status").and_then(|status| status.to_str()?.parse().ok());
        headers.remove(":status");
        let details = "fake_envoy".to_owned();
        Self { status: status.unwrap_or_default(), details, body, headers, grpc_status: None }
    }

    pub(crate) fn by_envoy(status: u32, body: impl Into<String>, details: impl Into<String>) -> Self {
        let body = body.into().into_bytes();
        Self { status, details: details.into(), body, ..Self::default() }
    }

    /// The headers as Envoy makes them, and whether a body follows.
    fn as_response(&self, is_grpc: bool, is_head: bool) -> (EnvoyHeaders, bool) {
        let mut headers = EnvoyHeaders::new(Kind::Response);
        let status = if is_grpc { 200 } else { self.status };
        headers.add(b":status", b"");
        for (name, value) in self.headers.iter() {
            headers.add(name.as_bytes(), value.as_bytes());
        }
        headers.set_in_place(b":status", status.to_string().as_bytes());
        if is_grpc {
            headers.set_in_place(b"content-type", b"application/grpc");
            let grpc_status = self.grpc_status.unwrap_or_else(|| grpc_status(self.status));
            headers.set_if_absent(b"grpc-status", grpc_status.to_string().as_bytes());
            if !self.body.is_empty() {
                headers.set_in_place(b"grpc-message", percent_encoded(&self.body).as_bytes());
            }
            headers.remove(b"content-length");
            return (headers, false);
        }
        if self.body.is_empty() {
            headers.remove(b"content-length");
            headers.remove(b"content-type");
        } else {
            headers.set_in_place(b"content-length", self.body.len().to_string().as_bytes());
            headers.set_if_absent(b"content-type", b"text/plain");
        }
        (headers, !self.body.is_empty() && !is_head)
    }
}

impl World {
    /// The filter has asked for a local reply. In a callback of the request it waits for the end of that callback, and
    /// only the first one counts.
    pub(crate) fn reply_for_filter(&self, context: u32) {
        let reply = self.with_http(context, |stream| {
            let reply = stream.pending_replies.pop_front()?;
            if !stream.in_request {
                stream.local_reply = Some(reply.clone());
                return Some(reply);
            }
            if stream.prepared_reply.is_none() {
                stream.request.aborted = true;
                stream.local_reply = Some(reply.clone());
                stream.prepared_reply = Some(reply);
            }
            None
        });
        if let Some(reply) = reply.flatten() {
            self.reply_locally(context, &reply);
        }
    }

    /// A callback of the request has returned: sends the local reply that it has asked for.
    #[track_caller]
    pub(crate) fn send_prepared_reply(&self, context: u32) {
        let (reply, closed) = {
            let mut state = self.state();
            let Some(stream) = state.http_streams.get_mut(&context) else { return };
            stream.in_request = false;
            (stream.prepared_reply.take(), stream.closed)
        };
        let Some(reply) = reply else { return };
        assert!(
            !closed,
            "the filter asked for a local reply and for a reset of the stream in one callback of context {context}: \
             Envoy calls proxy_on_response_headers after its proxy_on_delete, the proxy-wasm crate panics on the \
             unknown context, and the VM with all its streams is lost"
        );
        self.reply_locally(context, &reply);
    }

    /// Answers the client: through the filter as long as there is no response; past it when there is one that the
    /// client has not begun to get; and where it has, all that is left is a reset.
    pub(crate) fn reply_locally(&self, context: u32, reply: &SentLocalReply) {
        let stage = self.with_http(context, |stream| {
            stream.details = Some(reply.details.replace(' ', "_"));
            (stream.response.headers.is_some(), stream.has_answered())
        });
        match stage {
            Some((false, _)) => self.reply_through_filter(context, reply),
            Some((true, false)) => self.reply_directly(context, reply),
            Some((true, true)) => self.reset_http(context),
            None => {}
        }
    }

    fn reply_through_filter(&self, context: u32, reply: &SentLocalReply) {
        let Some((has_body, others_wait)) = self.with_http(context, |stream| {
            let (headers, has_body) = reply.as_response(stream.is_grpc(), stream.is_head());
            stream.request.aborted = true;
            stream.replying = true;
            stream.response.headers = Some(headers);
            stream.response.ended = !has_body;
            stream.response_code = Some(if stream.is_grpc() { 200 } else { reply.status.into() });
            (has_body, !stream.pending_replies.is_empty())
        }) else {
            return;
        };
        self.present_headers(context, Way::ToClient);
        // A further reply of the same callback may have taken this one's place by now.
        let replaced = self.with_http(context, |stream| others_wait && stream.replied_directly);
        if has_body && replaced == Some(false) {
            self.http_body_arrives(context, Way::ToClient, reply.body.clone(), true);
        }
        let over = self.with_http(context, |stream| {
            stream.replying = false;
            stream.replied_directly
        });
        if over == Some(true) {
            self.finish_http(context);
        }
    }

    pub(crate) fn reply_directly(&self, context: u32, reply: &SentLocalReply) {
        let now = httpdate::fmt_http_date(self.state().clock.now());
        let replying = self.with_http(context, |stream| {
            let (mut headers, has_body) = reply.as_response(stream.is_grpc(), stream.is_head());
            finish_response(&mut headers, &now);
            stream.details = Some(reply.details.replace(' ', "_"));
            stream.response_code = Some(if stream.is_grpc() { 200 } else { reply.status.into() });
            stream.request.aborted = true;
            stream.replied_directly = true;
            let received = &mut stream.response.received;
            received.headers = headers.snapshot();
            received.headers_seen = true;
            received.body = if has_body { reply.body.clone() } else { Vec::new() };
            received.ended = true;
            stream.response.headers = Some(headers);
            stream.replying
        });
        if replying == Some(false) {
            self.finish_http(context);
        }
    }

    /// A message does not fit into Envoy's buffer.
    pub(crate) fn message_too_large(&self, context: u32, way: Way) {
        let reply = match way {
            Way::ToServer => SentLocalReply::by_envoy(413, "Payload Too Large", "request_payload_too_large"),
            Way::ToClient => {
                SentLocalReply::by_envoy(500, "Internal Server Error", "response_payload_too_large")
            }
        };
        self.reply_locally(context, &reply);
    }
}

/// How Envoy puts an HTTP status into gRPC's terms.
fn grpc_status(http: u32) -> u32 {
    match http {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

fn percent_encoded(message: &[u8]) -> String {
    let mut text = String::with_capacity(message.len());
    for octet in message {
        match octet {
            b' '..=b'~' if *octet != b'%' => text.push(char::from(*octet)),
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}
