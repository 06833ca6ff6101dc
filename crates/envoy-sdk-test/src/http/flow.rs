//! How headers, bodies and trailers travel through the filter, in the order in which Envoy calls.
//!
//! Both directions work alike: what arrives is presented to the filter, and goes on or is held by its answer. What
//! the module has asked for meanwhile happens inside of [`World::enter`], before the answer counts.

use envoy_sdk::native_host::exports;

use super::envoy_headers::EnvoyHeaders;
use super::stream::{HttpStream, Iteration, Unread};
use crate::flow::Presented;
use crate::stream::Way;
use crate::world::World;

const PAUSE: u32 = 1;

impl World {
    /// A piece of a body comes in.
    pub(crate) fn http_body_arrives(&self, context: u32, way: Way, octets: Vec<u8>, end: bool) -> Presented {
        self.http_arrives(context, way, Unread::Body { octets, end })
    }

    /// Trailers come in, and with them the end.
    pub(crate) fn http_trailers_arrive(&self, context: u32, way: Way, trailers: EnvoyHeaders) -> Presented {
        self.http_arrives(context, way, Unread::Trailers(trailers))
    }

    fn http_arrives(&self, context: u32, way: Way, what: Unread) -> Presented {
        let limit = self.state().settings.buffer_limit;
        let readable = self.with_http(context, |stream| {
            let side = stream.side(way);
            let full = side.iteration == Iteration::StoppedAll
                && side.held.as_ref().is_some_and(|held| held.len() > limit);
            if full || !side.unread.is_empty() {
                side.unread.push_back(what);
                return None;
            }
            Some(what)
        });
        match readable.flatten() {
            Some(what) => self.http_read(context, way, what),
            None => Presented::Unread,
        }
    }

    /// Envoy reads something. Behind a pause on headers it waits; otherwise the filter sees it.
    fn http_read(&self, context: u32, way: Way, what: Unread) -> Presented {
        let stopped_all = self.with_http(context, |stream| {
            let side = stream.side(way);
            side.iteration == Iteration::StoppedAll
        });
        match (what, stopped_all) {
            (_, None) => Presented::Unread,
            (Unread::Body { octets, end }, Some(stopped_all)) => {
                self.with_http(context, |stream| {
                    let side = stream.side(way);
                    side.ended |= end;
                    side.read += octets.len() as u64;
                });
                if stopped_all {
                    self.with_http(context, |stream| stream.side(way).hold(&octets));
                    return Presented::Unread;
                }
                self.present_body(context, way, octets, end)
            }
            (Unread::Trailers(trailers), Some(stopped_all)) => {
                self.with_http(context, |stream| {
                    let side = stream.side(way);
                    side.ended = true;
                    side.trailers = Some(trailers);
                });
                if stopped_all { Presented::Unread } else { self.present_trailers(context, way) }
            }
        }
    }

    /// Shows headers to the filter. They are in the stream already, and so is whether they are all there is.
    pub(crate) fn present_headers(&self, context: u32, way: Way) -> Presented {
        let Some((count, end)) = self.with_http(context, |stream| {
            let end = stream.side(way).ended;
            stream.end_of_stream = end;
            let side = stream.side(way);
            side.headers_reachable = true;
            (side.headers.as_ref().map_or(0, EnvoyHeaders::len), end)
        }) else {
            return Presented::Unread;
        };
        let arguments = [context.into(), count.into(), end.into()];
        self.begin_http_callback(context, way);
        let status = match way {
            Way::ToServer => self.enter("proxy_on_request_headers", context, &arguments, || {
                exports::request_headers(context, count, end)
            }),
            Way::ToClient => self.enter("proxy_on_response_headers", context, &arguments, || {
                exports::response_headers(context, count, end)
            }),
        };
        self.end_http_callback(context, way);
        let paused = status == PAUSE;
        if !paused {
            self.assert_continues_once(context, way, "headers");
        }
        let goes_on = self.with_flowing(context, way, |stream| {
            let only_headers = stream.options.stop_headers_only;
            let side = stream.side(way);
            if paused {
                side.iteration = if only_headers { Iteration::Stopped } else { Iteration::StoppedAll };
            } else {
                side.headers_reachable = false;
                side.headers_passed = true;
            }
            !paused
        });
        if goes_on == Some(true) {
            self.forward_headers(context, way, end);
        }
        answer(paused)
    }

    /// Shows a piece of a body to the filter, together with what it holds.
    fn present_body(&self, context: u32, way: Way, octets: Vec<u8>, end: bool) -> Presented {
        let Some((size, too_large, had_trailers)) = self.with_http_limit(context, |stream, limit| {
            stream.end_of_stream = end;
            let side = stream.side(way);
            if side.buffering {
                side.hold(&octets);
            } else {
                side.piece = octets;
            }
            side.piece_reachable = true;
            let size = side.reachable_body().map_or(0, |body| body.len());
            (size, side.buffering && size > limit, side.trailers.is_some())
        }) else {
            return Presented::Unread;
        };
        if too_large && way == Way::ToClient {
            // A response that does not fit ends here; a request's end waits for the callback.
            self.message_too_large(context, way);
            return Presented::Unread;
        }
        let arguments = [context.into(), size.into(), end.into()];
        self.begin_http_callback(context, way);
        let status = match way {
            Way::ToServer => self.enter("proxy_on_request_body", context, &arguments, || {
                exports::request_body(context, size, end)
            }),
            Way::ToClient => self.enter("proxy_on_response_body", context, &arguments, || {
                exports::response_body(context, size, end)
            }),
        };
        self.end_http_callback(context, way);
        let paused = status == PAUSE;
        let outcome = self.with_http_limit(context, |stream, limit| {
            let side = stream.side(way);
            side.buffering = paused;
            side.piece_reachable = paused;
            let piece = std::mem::take(&mut side.piece);
            if side.aborted {
                return None;
            }
            let stopped = side.iteration == Iteration::Stopped;
            if paused || stopped {
                side.hold(&piece);
            }
            if paused {
                side.iteration = Iteration::Stopped;
            }
            let too_large = too_large || paused && side.held.as_ref().is_some_and(|held| held.len() > limit);
            let trailers_added = !had_trailers && side.trailers.is_some();
            Some((piece, stopped, too_large, trailers_added))
        });
        let Some((piece, stopped, too_large, trailers_added)) = outcome.flatten() else {
            return answer(paused);
        };
        if too_large {
            self.message_too_large(context, way);
        } else if !paused && stopped {
            self.continue_http(context, way);
        } else {
            if !paused {
                self.forward_body(context, way, &piece, end && !trailers_added);
            }
            // Trailers that the filter has added do not wait, not even for what it holds.
            if trailers_added {
                self.forward_trailers(context, way);
            }
        }
        answer(paused)
    }

    fn present_trailers(&self, context: u32, way: Way) -> Presented {
        let Some(count) = self.with_http(context, |stream| {
            let side = stream.side(way);
            side.trailers_reachable = true;
            side.trailers.as_ref().map_or(0, EnvoyHeaders::len)
        }) else {
            return Presented::Unread;
        };
        let arguments = [context.into(), count.into()];
        self.begin_http_callback(context, way);
        let status = match way {
            Way::ToServer => self.enter("proxy_on_request_trailers", context, &arguments, || {
                exports::request_trailers(context, count)
            }),
            Way::ToClient => self.enter("proxy_on_response_trailers", context, &arguments, || {
                exports::response_trailers(context, count)
            }),
        };
        self.end_http_callback(context, way);
        let paused = status == PAUSE;
        if !paused && way == Way::ToClient {
            self.assert_continues_once(context, way, "trailers");
        }
        let was = self.with_flowing(context, way, |stream| {
            let side = stream.side(way);
            let was = side.iteration;
            if paused {
                side.iteration = Iteration::Stopped;
            } else {
                side.trailers_reachable = false;
            }
            was
        });
        match was {
            Some(Iteration::Stopped) if !paused => self.continue_http(context, way),
            Some(_) if !paused => self.forward_trailers(context, way),
            _ => {}
        }
        answer(paused)
    }

    fn begin_http_callback(&self, context: u32, way: Way) {
        self.with_http(context, |stream| stream.in_request = way == Way::ToServer);
    }

    #[track_caller]
    fn end_http_callback(&self, context: u32, way: Way) {
        if way == Way::ToServer {
            self.send_prepared_reply(context);
        }
    }

    /// `proxy_continue_stream`: what the filter holds goes on. Behind a pause on headers it is presented first.
    pub(crate) fn continue_http(&self, context: u32, way: Way) {
        let Some((stopped_all, headers, held, has_trailers)) = self.with_flowing(context, way, |stream| {
            let side = stream.side(way);
            let stopped_all = side.iteration == Iteration::StoppedAll;
            side.iteration = Iteration::Going;
            side.buffering = false;
            let has_trailers = side.trailers.is_some();
            let only_headers = side.ended && side.held.is_none() && !has_trailers;
            let headers = (!side.headers_passed).then_some(only_headers);
            side.headers_passed = true;
            let end = side.ended && !has_trailers;
            (stopped_all, headers, side.held.take().map(|held| (held, end)), has_trailers)
        }) else {
            return;
        };
        if let Some(end) = headers {
            self.forward_headers(context, way, end);
        }
        match held {
            Some((octets, end)) if stopped_all => drop(self.present_body(context, way, octets, end)),
            Some((octets, end)) => self.forward_body(context, way, &octets, end),
            None => {}
        }
        if has_trailers && stopped_all {
            self.present_trailers(context, way);
        } else if has_trailers {
            self.forward_trailers(context, way);
        }
        while let Some(what) =
            self.with_flowing(context, way, |stream| stream.side(way).unread.pop_front()).flatten()
        {
            self.http_read(context, way, what);
        }
    }

    /// Does something with a stream that has not begun to end.
    pub(crate) fn with_http<T>(&self, context: u32, with: impl FnOnce(&mut HttpStream) -> T) -> Option<T> {
        self.with_http_limit(context, |stream, _| with(stream))
    }

    fn with_http_limit<T>(&self, context: u32, with: impl FnOnce(&mut HttpStream, usize) -> T) -> Option<T> {
        let mut state = self.state();
        let limit = state.settings.buffer_limit;
        let stream = state.http_streams.get_mut(&context).filter(|stream| !stream.closed)?;
        Some(with(stream, limit))
    }

    /// As [`with_http`](Self::with_http), unless a local reply has ended this direction.
    fn with_flowing<T>(&self, context: u32, way: Way, with: impl FnOnce(&mut HttpStream) -> T) -> Option<T> {
        self.with_http(context, |stream| (!stream.side(way).aborted).then(|| with(stream))).flatten()
    }

    /// The callback has called `proxy_continue_stream`, and continues by its answer as well.
    #[track_caller]
    fn assert_continues_once(&self, context: u32, way: Way, what: &str) {
        let passed = {
            let mut state = self.state();
            let Some(stream) = state.http_streams.get_mut(&context) else { return };
            let replied = stream.replied_directly || stream.local_reply.is_some();
            let side = stream.side(way);
            !replied && if what == "headers" { side.headers_passed } else { side.received.ended }
        };
        let message = if way == Way::ToServer { "request" } else { "response" };
        assert!(
            !passed,
            "the filter called proxy_continue_stream in proxy_on_{message}_{what} of context {context} and \
             answered Continue as well: Envoy sends them twice, or crashes. Continue by one of both"
        );
    }
}

fn answer(paused: bool) -> Presented {
    if paused { Presented::Paused } else { Presented::Continued }
}
