//! What lies behind the filter: the router and the server in one direction, the client in the other.

use super::envoy_headers::EnvoyHeaders;
use super::local_reply::SentLocalReply;
use crate::stream::Way;
use crate::world::World;

/// Milliseconds that Envoy's router gives a server by default.
const TIMEOUT: &[u8] = b"15000";

impl World {
    pub(crate) fn forward_headers(&self, context: u32, way: Way, end: bool) {
        match way {
            Way::ToServer => self.route(context, end),
            Way::ToClient => self.answer_client(context, end),
        }
    }

    fn route(&self, context: u32, end: bool) {
        let now = self.state().clock.now();
        let refused = self.with_http(context, |stream| {
            let headers = stream.request.headers.as_mut()?;
            if let Some(refused) = refused_request(headers) {
                return Some(refused);
            }
            headers.set_if_absent(b":scheme", b"http");
            headers.set_in_place(b"x-envoy-expected-rq-timeout-ms", TIMEOUT);
            if stream.options.server_refuses {
                return Some(SentLocalReply::by_envoy(
                    503,
                    UPSTREAM_FAILED.to_owned() + "remote connection failure",
                    "upstream_reset_before_response_started{remote_connection_failure|\
                     delayed_connect_error:_Connection_refused}",
                ));
            }
            stream.request.received.headers = headers.snapshot();
            stream.request.received.headers_seen = true;
            stream.request.received.ended = end;
            stream.request_sent = end.then_some(now);
            None
        });
        if let Some(reply) = refused.flatten() {
            self.reply_locally(context, &reply);
        }
    }

    fn answer_client(&self, context: u32, end: bool) {
        let now = httpdate::fmt_http_date(self.state().clock.now());
        let sent = self.with_http(context, |stream| {
            if stream.replied_directly {
                return Some(false);
            }
            let headers = stream.response.headers.as_mut()?;
            let status =
                headers.get(b":status").and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
            let status = status?;
            finish_response(headers, &now);
            stream.response_code = Some(status);
            stream.response.received.headers = headers.snapshot();
            stream.response.received.headers_seen = true;
            stream.response.received.ended = end;
            Some(end)
        });
        match sent {
            Some(Some(true)) => self.finish_http(context),
            Some(None) => {
                let text = "missing required header: :status";
                let details = "filter_removed_required_response_headers{missing_required_header:_:status}";
                self.reply_directly(context, &SentLocalReply::by_envoy(502, text, details));
            }
            Some(Some(false)) | None => {}
        }
    }

    pub(crate) fn forward_body(&self, context: u32, way: Way, octets: &[u8], end: bool) {
        let now = self.state().clock.now();
        let ended = self.with_http(context, |stream| {
            let replied = stream.replied_directly;
            let received = &mut stream.side(way).received;
            if received.ended || replied {
                return false;
            }
            received.body.extend_from_slice(octets);
            received.ended = end;
            if end && way == Way::ToServer {
                stream.request_sent = Some(now);
            }
            end
        });
        if ended == Some(true) && way == Way::ToClient {
            self.finish_http(context);
        }
    }

    pub(crate) fn forward_trailers(&self, context: u32, way: Way) {
        let now = self.state().clock.now();
        let ended = self.with_http(context, |stream| {
            let replied = stream.replied_directly;
            let side = stream.side(way);
            if side.received.ended || replied {
                return false;
            }
            side.received.trailers = side.trailers.as_ref().map(EnvoyHeaders::snapshot).unwrap_or_default();
            side.received.ended = true;
            if way == Way::ToServer {
                stream.request_sent = Some(now);
            }
            true
        });
        if ended == Some(true) && way == Way::ToClient {
            self.finish_http(context);
        }
    }
}

/// How the router begins when a server has not answered.
pub(crate) const UPSTREAM_FAILED: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: ";

/// What Envoy adds to a response before it goes to the client.
pub(crate) fn finish_response(headers: &mut EnvoyHeaders, date: &str) {
    headers.set_if_absent(b"date", date.as_bytes());
    headers.set_in_place(b"server", b"envoy");
}

/// What a filter must not make of a request: the router answers instead of sending it.
fn refused_request(headers: &EnvoyHeaders) -> Option<SentLocalReply> {
    // Routes are chosen by both.
    if headers.get(b":path").is_none_or(<[u8]>::is_empty) || headers.get(b"x-forwarded-proto").is_none() {
        return Some(SentLocalReply::by_envoy(404, "", "route_not_found"));
    }
    let reason = if headers.get(b":method").is_none() {
        "missing required header: :method".to_owned()
    } else {
        headers.iter().find_map(|(name, value)| invalid(name, value))?
    };
    let details = format!("filter_removed_required_request_headers{{{}}}", reason.replace(' ', "_"));
    Some(SentLocalReply::by_envoy(503, reason, details))
}

fn invalid(name: &[u8], value: &[u8]) -> Option<String> {
    let is_token = |octet: &u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet);
    let shown = String::from_utf8_lossy(name);
    if !name.strip_prefix(b":").unwrap_or(name).iter().all(is_token) {
        return Some(format!("invalid header name: {shown}"));
    }
    let is_bad = |octet: &u8| octet.is_ascii_control() && *octet != b'\t';
    value.iter().any(is_bad).then(|| format!("invalid header value for: {shown}"))
}
