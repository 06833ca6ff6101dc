//! How an HTTP stream begins and ends.

use envoy_sdk::native_host::exports;

use super::envoy_headers::EnvoyHeaders;
use super::exchange_options::HttpOptions;
use super::forwarding::UPSTREAM_FAILED;
use super::local_reply::SentLocalReply;
use super::stream::HttpStream;
use crate::flow::Presented;
use crate::stream::Way;
use crate::world::World;

impl World {
    /// A request's headers come in: the stream begins.
    pub(crate) fn open_http(&self, root: u32, options: HttpOptions, headers: EnvoyHeaders, end: bool) -> u32 {
        self.create_context(root, |state, context| {
            let next = state.settings.process.next_connection_id();
            let id = options.connection_id.unwrap_or(next);
            let mut stream = HttpStream::new(root, options, id, state.clock.now());
            let earlier = state.http_streams.values().rev().find(|stream| stream.connection_id == id);
            if let Some(earlier) = earlier {
                stream.filter_state = earlier.filter_state.of_next_request();
            }
            stream.request.headers = Some(headers);
            stream.request.ended = end;
            stream.request.sender_ended = end;
            state.http_streams.insert(context, stream);
        })
    }

    /// The server's headers come in.
    pub(crate) fn http_response_arrives(
        &self,
        context: u32,
        mut headers: EnvoyHeaders,
        end: bool,
    ) -> Presented {
        let now = self.state().clock.now();
        self.with_http(context, |stream| {
            // Envoy measures from the end of the request: a response that comes before it has no time.
            if let Some(sent) = stream.request_sent {
                let milliseconds = now.duration_since(sent).unwrap_or_default().as_millis().to_string();
                headers.set_if_absent(b"x-envoy-upstream-service-time", milliseconds.as_bytes());
            }
            let status =
                headers.get(b":status").and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
            stream.response_code = status;
            stream.details = Some("via_upstream".to_owned());
            stream.response.headers = Some(headers);
            stream.response.ended = end;
            stream.response.sender_ended = end;
        });
        self.present_headers(context, Way::ToClient)
    }

    /// The server resets the stream, or its connection ends: `reason` in the router's words.
    pub(crate) fn http_server_resets(&self, context: u32, reason: &str) {
        self.with_http(context, |stream| {
            stream.response.sender_ended = true;
            stream.server_has_reset = true;
        });
        let text = format!("{UPSTREAM_FAILED}{reason}");
        let details = format!("upstream_reset_before_response_started{{{}}}", reason.replace(' ', "_"));
        self.reply_locally(context, &SentLocalReply::by_envoy(503, text, details));
    }

    /// The stream ends in the middle: reset by the filter, or because it cannot go on.
    pub(crate) fn reset_http(&self, context: u32) {
        self.with_http(context, |stream| stream.response.received.reset |= !stream.response.received.ended);
        self.finish_http(context);
    }

    /// The stream is over: the last callbacks of its filter, and its context goes.
    pub(crate) fn finish_http(&self, context: u32) {
        let begun = self.with_http(context, |stream| {
            if stream.replying && !stream.replied_directly && !stream.response.received.ended {
                stream.replying = false;
            }
            stream.closed = true;
            stream.logging = true;
            let request = &mut stream.request;
            let complete = request.received.ended && stream.response.sender_ended;
            request.received.reset = request.received.headers_seen && !complete && !stream.server_has_reset;
        });
        if begun.is_none() {
            return;
        }
        self.enter("proxy_on_log", context, &[context.into()], || exports::log(context));
        if let Some(stream) = self.state().http_streams.get_mut(&context) {
            stream.logging = false;
        }
        self.enter("proxy_on_done", context, &[context.into()], || exports::done(context));
        self.delete_http(context);
    }

    /// Lets a context go; with the last of its streams also a plugin that has been replaced.
    pub(crate) fn delete_http(&self, context: u32) {
        self.enter("proxy_on_delete", context, &[context.into()], || exports::delete(context));
        let root = self.state().http_streams.get_mut(&context).map(|stream| {
            stream.closed = true;
            stream.deleted = true;
            stream.root
        });
        if let Some(root) = root {
            self.stop_plugin_if_unused(root);
        }
    }
}
