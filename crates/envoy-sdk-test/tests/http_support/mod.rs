//! An HTTP filter that does in each callback what its configuration says.
#![allow(dead_code)] // Each test program uses a part.

use std::collections::BTreeMap;
use std::rc::Rc;

use envoy_sdk::{
    ConfigureContext, FilterDataStatus, FilterHeadersStatus, HttpContext, HttpFilter, HttpFilterFactory,
    LocalReply, Module, Result,
};
use envoy_sdk_test::{Call, Direction, FakeEnvoy, HttpExchange, LogLevel, Moment};
use proxy_wasm::hostcalls;
use proxy_wasm::types::MapType;

/// By callback: what to do when it comes for the first time, the second time, and so on; nothing after that.
type Scripts = BTreeMap<String, Vec<String>>;

/// A FakeEnvoy whose filter does this: callbacks and scripts, those of one callback in order.
pub(crate) fn envoy(scripts: &[(&str, &str)]) -> FakeEnvoy {
    let mut config = BTreeMap::<_, Vec<_>>::new();
    for (callback, script) in scripts {
        config.entry(callback).or_default().push(script);
    }
    let entries = config.iter().map(|(callback, scripts)| format!("{callback:?}: {scripts:?}"));
    let json = format!("{{{}}}", entries.collect::<Vec<_>>().join(", "));
    FakeEnvoy::new(|| Module::new().http_filter::<Scripted>())
        .buffer_limit(100)
        .configure(json)
        .expect("configured")
}

/// The callbacks of streams, without the host calls inside, as `name(arguments behind the context)`.
pub(crate) fn callbacks(envoy: &mut FakeEnvoy) -> Vec<String> {
    let begun = envoy.take_trace().into_iter().filter(|call| call.direction == Direction::IntoVm);
    begun.filter_map(|call| short(&call)).collect()
}

fn short(call: &Call) -> Option<String> {
    let Moment::Begin(arguments) = &call.moment else { return None };
    let name = call.function.strip_prefix("proxy_on_")?;
    let arguments = arguments.iter().skip(1).map(ToString::to_string).collect::<Vec<_>>().join(",");
    Some(if arguments.is_empty() { name.to_owned() } else { format!("{name}({arguments})") })
}

/// Lets `story` happen on one stream and returns its callbacks.
pub(crate) fn after(
    scripts: &[(&str, &str)],
    story: impl FnOnce(&mut FakeEnvoy, &mut HttpExchange),
) -> Vec<String> {
    let mut envoy = envoy(scripts);
    envoy.take_trace();
    let mut exchange = envoy.http_stream();
    story(&mut envoy, &mut exchange);
    assert_eq!(envoy.messages(LogLevel::Warn), [""; 0]);
    callbacks(&mut envoy)
}

pub(crate) const POST: [(&str, &str); 4] =
    [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "example.com")];
pub(crate) const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "example.com")];
pub(crate) const OK: [(&str, &str); 1] = [(":status", "200")];

struct Scripted(Rc<Scripts>);

struct Actor {
    scripts: Rc<Scripts>,
    counts: BTreeMap<&'static str, usize>,
}

impl HttpFilterFactory for Scripted {
    const NAME: &'static str = "scripted";
    type Config = Scripts;
    type Filter = Actor;

    fn configure(scripts: Scripts, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self(scripts.into()))
    }

    fn new_filter(&self, _cx: &mut HttpContext<'_>) -> Result<Actor> {
        Ok(Actor { scripts: Rc::clone(&self.0), counts: BTreeMap::new() })
    }
}

/// Envoy accepts what then goes wrong.
fn raw(answer: Result<(), proxy_wasm::types::Status>) {
    answer.expect("accepted");
}

impl Actor {
    fn headers(&mut self, cx: &HttpContext<'_>, callback: &'static str) -> Result<FilterHeadersStatus> {
        Ok(match self.perform(cx, callback)? {
            true => FilterHeadersStatus::StopIteration,
            false => FilterHeadersStatus::Continue,
        })
    }

    fn body(&mut self, cx: &HttpContext<'_>, callback: &'static str) -> Result<FilterDataStatus> {
        Ok(match self.perform(cx, callback)? {
            true => FilterDataStatus::StopIterationAndBuffer,
            false => FilterDataStatus::Continue,
        })
    }

    /// Words are separated by spaces, a word and its argument by a colon, a name and its value by an equals sign. Returns whether to pause.
    fn perform(&mut self, cx: &HttpContext<'_>, callback: &'static str) -> Result<bool> {
        let count = self.counts.entry(callback).or_default();
        let script =
            self.scripts.get(callback).and_then(|scripts| scripts.get(*count)).cloned().unwrap_or_default();
        *count += 1;
        let mut paused = false;
        for word in script.split_whitespace() {
            let (word, arguments) = word.split_once(':').unwrap_or((word, ""));
            let (first, second) = arguments.split_once('=').unwrap_or((arguments, ""));
            match word {
                "pause" => paused = true,
                "continue-request" => cx.continue_request()?,
                "continue-response" => cx.continue_response()?,
                "reset" => cx.reset_stream()?,
                "reply" => cx.send_local_reply(
                    &LocalReply::new(first.parse()?)
                        .header("x-by", "filter")
                        .details("scripted reply")
                        .body(second),
                )?,
                "timer" => drop(cx.set_timer(std::time::Duration::from_millis(first.parse()?))?),
                "request-set" => cx.request_headers().set(first, second)?,
                "request-append" => cx.request_headers().append(first, second)?,
                "request-remove" => cx.request_headers().remove(first)?,
                "response-set" => cx.response_headers().set(first, second)?,
                "response-remove" => cx.response_headers().remove(first)?,
                "prepend" => cx.body().prepend(first.as_bytes())?,
                "replace" => cx.body().replace(first.as_bytes())?,
                "read" => log::info!("{}", String::from_utf8_lossy(&cx.body().chunks(..)?.into_bytes())),
                // What the SDK does not let a filter ask for is asked for without it.
                "raw-continue-request" => raw(hostcalls::resume_http_request()),
                "raw-continue-response" => raw(hostcalls::resume_http_response()),
                "raw-reset" => raw(hostcalls::reset_http_request()),
                "raw-reply" => {
                    let body = Some(second.as_bytes());
                    raw(hostcalls::send_http_response(first.parse()?, vec![], body));
                }
                "raw-append" => raw(hostcalls::add_map_value(MapType::HttpRequestHeaders, first, second)),
                other => panic!("{other} means nothing"),
            }
        }
        Ok(paused)
    }
}

impl HttpFilter for Actor {
    fn on_request_headers(&mut self, cx: &mut HttpContext<'_>, _end: bool) -> Result<FilterHeadersStatus> {
        self.headers(cx, "request_headers")
    }

    fn on_request_body(&mut self, cx: &mut HttpContext<'_>, _end: bool) -> Result<FilterDataStatus> {
        self.body(cx, "request_body")
    }

    fn on_request_trailers(&mut self, cx: &mut HttpContext<'_>) -> Result<FilterHeadersStatus> {
        self.headers(cx, "request_trailers")
    }

    fn on_response_headers(&mut self, cx: &mut HttpContext<'_>, _end: bool) -> Result<FilterHeadersStatus> {
        self.headers(cx, "response_headers")
    }

    fn on_response_body(&mut self, cx: &mut HttpContext<'_>, _end: bool) -> Result<FilterDataStatus> {
        self.body(cx, "response_body")
    }

    fn on_response_trailers(&mut self, cx: &mut HttpContext<'_>) -> Result<FilterHeadersStatus> {
        self.headers(cx, "response_trailers")
    }

    fn on_timer(&mut self, cx: &mut HttpContext<'_>, _timer: envoy_sdk::TimerId) -> Result<()> {
        self.perform(cx, "timer").map(drop)
    }

    fn on_stream_complete(&mut self, cx: &mut HttpContext<'_>) -> Result<()> {
        self.perform(cx, "complete").map(drop)
    }
}
