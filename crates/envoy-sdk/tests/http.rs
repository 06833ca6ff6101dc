//! HTTP filters: what they see, change, stop and answer.

use envoy_sdk::{
    ConfigureContext, Error, FilterDataStatus, FilterHeadersStatus, GrpcStatus, HeaderMap, HttpContext,
    HttpFilter, HttpFilterFactory, LocalReply, Module, Result, TimerId,
};
use envoy_sdk_test::{FakeEnvoy, HttpExchange, HttpRequest, HttpResponse, LogLevel};

struct Factory {
    config: Config,
}

/// In which callback what is done.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    on: String,
    r#do: String,
}

struct Filter {
    config: Config,
}

impl HttpFilterFactory for Factory {
    const NAME: &'static str = "doer";
    type Config = Config;
    type Filter = Filter;

    fn configure(config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self { config })
    }

    fn new_filter(&self, _cx: &mut HttpContext<'_>) -> Result<Filter> {
        Ok(Filter { config: self.config.clone() })
    }
}

impl Filter {
    /// Does what is to be done in `callback`; returns whether to go on.
    fn act(&self, callback: &str, cx: &HttpContext<'_>) -> Result<bool> {
        if self.config.on != callback {
            return Ok(true);
        }
        let headers =
            if callback.starts_with("request") { cx.request_headers() } else { cx.response_headers() };
        match self.config.r#do.as_str() {
            "show" => {
                let all = headers.snapshot()?;
                let all = all.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
                log::info!("{} | x={:?} none={:?}", all.join(" "), headers.get("X")?, headers.get("none")?);
            }
            "change" => {
                headers.set("X", "new")?;
                headers.append("y", b"\xff")?;
                headers.remove("z")?;
            }
            "replace" => {
                let mut all: HeaderMap = headers.snapshot()?;
                all.remove("x");
                all.append("w", "1");
                headers.replace(&all)?;
            }
            "trailers" => {
                cx.request_trailers().set("t", "1")?;
                log::info!("t={:?}", cx.request_trailers().get("t")?);
            }
            "no trailers" => log::info!("{:?}", cx.response_trailers().get("t")?),
            "body" => {
                let body = cx.body();
                let octets = body.chunks(1..)?.into_bytes();
                body.replace(&octets.to_ascii_uppercase())?;
                body.prepend(b"<")?;
                body.append(b">")?;
                log::info!("{} {:?}", cx.body().len(), cx.body().chunks(..)?.into_bytes().len());
            }
            "keep" => return Ok(false),
            "reply" => {
                let reply = LocalReply::new(429).details("too_many").header("retry-after", "9").body("slow");
                cx.send_local_reply(&reply.grpc_status(GrpcStatus::RESOURCE_EXHAUSTED))?;
                return Ok(false);
            }
            "reset" => {
                cx.reset_stream()?;
                return Ok(false);
            }
            "reply twice" => {
                cx.send_local_reply(&LocalReply::new(429))?;
                cx.send_local_reply(&LocalReply::new(430))?;
            }
            "reply and reset" => {
                cx.send_local_reply(&LocalReply::new(429))?;
                cx.reset_stream()?;
            }
            "reset and reply" => {
                cx.reset_stream()?;
                cx.send_local_reply(&LocalReply::new(429))?;
            }
            "reset and fail" => {
                cx.reset_stream()?;
                return Err(Error::new("sabotage"));
            }
            "reset in two timers" => {
                cx.set_timer(std::time::Duration::from_millis(1))?;
                cx.set_timer(std::time::Duration::from_millis(1))?;
                return Ok(false);
            }
            "continue" => {
                cx.continue_request()?;
                cx.continue_response()?;
            }
            "continue and keep" => {
                cx.continue_request()?;
                cx.continue_response()?;
                return Ok(false);
            }
            "wait" => {
                cx.set_timer(std::time::Duration::from_millis(1))?;
                return Ok(false);
            }
            other => return Err(Error::new(format!("do what? {other}"))),
        }
        Ok(true)
    }

    fn headers(&self, callback: &str, cx: &HttpContext<'_>) -> Result<FilterHeadersStatus> {
        let goes_on = self.act(callback, cx)?;
        Ok(if goes_on { FilterHeadersStatus::Continue } else { FilterHeadersStatus::StopIteration })
    }

    fn data(&self, callback: &str, cx: &HttpContext<'_>, end: bool) -> Result<FilterDataStatus> {
        let goes_on = self.act(callback, cx)? || (end && self.config.r#do == "keep");
        Ok(if goes_on { FilterDataStatus::Continue } else { FilterDataStatus::StopIterationAndBuffer })
    }
}

impl HttpFilter for Filter {
    fn on_request_headers(&mut self, cx: &mut HttpContext<'_>, _end: bool) -> Result<FilterHeadersStatus> {
        self.headers("request headers", cx)
    }

    fn on_request_body(&mut self, cx: &mut HttpContext<'_>, end: bool) -> Result<FilterDataStatus> {
        self.data("request body", cx, end)
    }

    fn on_request_trailers(&mut self, cx: &mut HttpContext<'_>) -> Result<FilterHeadersStatus> {
        self.headers("request trailers", cx)
    }

    fn on_response_headers(&mut self, cx: &mut HttpContext<'_>, _end: bool) -> Result<FilterHeadersStatus> {
        self.headers("response headers", cx)
    }

    fn on_response_body(&mut self, cx: &mut HttpContext<'_>, end: bool) -> Result<FilterDataStatus> {
        self.data("response body", cx, end)
    }

    fn on_response_trailers(&mut self, cx: &mut HttpContext<'_>) -> Result<FilterHeadersStatus> {
        self.headers("response trailers", cx)
    }

    fn on_timer(&mut self, cx: &mut HttpContext<'_>, _timer: TimerId) -> Result<()> {
        if self.config.r#do == "reset in two timers" {
            return cx.reset_stream();
        }
        if self.config.on.starts_with("request") { cx.continue_request() } else { cx.continue_response() }
    }

    fn on_stream_complete(&mut self, cx: &mut HttpContext<'_>) -> Result<()> {
        self.act("complete", cx)?;
        cx.filter_state().set("seen", b"yes")
    }
}

fn start(on: &str, what: &str) -> FakeEnvoy {
    let module = || Module::new().http_filter::<Factory>();
    let configuration = format!(r#"{{"on": "{on}", "do": "{what}"}}"#);
    FakeEnvoy::new(module).configure(configuration).expect("configured")
}

/// A request with header x twice and z, a body and trailers, and such a response.
fn exchange(envoy: &mut FakeEnvoy) -> HttpExchange {
    let request = HttpRequest::post("/", "question").header("x", "1").header("x", "2").header("z", "3");
    let mut exchange = envoy.http_request(request.trailer("t", "0"));
    envoy.advance(std::time::Duration::from_millis(1));
    if exchange.is_open() && exchange.received_by_server().ended {
        let response = HttpResponse::new(200).header("x", "1").header("x", "2").header("z", "3");
        exchange.server_replies(response.body("answer").trailer("t", "0"));
        envoy.advance(std::time::Duration::from_millis(1));
    }
    exchange
}

fn last_info(envoy: &FakeEnvoy) -> String {
    envoy.messages(LogLevel::Info).pop().expect("a line")
}

#[test]
fn headers_are_read_in_order_with_duplicates() {
    let mut envoy = start("request headers", "show");
    exchange(&mut envoy);
    let line = last_info(&envoy);
    assert!(line.contains("x=1 x=2 z=3"), "{line}");
    assert!(line.ends_with(r#"x=Some("1") none=None"#), "{line}");
}

#[test]
fn headers_are_changed_on_both_ways() {
    for (on, is_request) in [("request headers", true), ("response headers", false)] {
        let mut envoy = start(on, "change");
        let exchange = exchange(&mut envoy);
        let received = if is_request { exchange.received_by_server() } else { exchange.received_by_client() };
        let of =
            |name: &str| received.headers.get_all(name).map(|v| v.as_bytes().to_vec()).collect::<Vec<_>>();
        assert_eq!(of("x"), [b"new".to_vec()], "{on}");
        assert_eq!(of("y"), [vec![0xff]], "{on}");
        assert_eq!(of("z"), Vec::<Vec<u8>>::new(), "{on}");
    }
}

#[test]
fn all_headers_are_replaced_at_once() {
    let mut envoy = start("request headers", "replace");
    let exchange = exchange(&mut envoy);
    let received = exchange.received_by_server();
    assert_eq!((received.header("w").as_deref(), received.header("x")), (Some("1"), None));
    assert_eq!(received.header(":method").as_deref(), Some("POST"));
}

#[test]
fn trailers_are_changed_where_they_have_come_and_absent_before() {
    let mut envoy = start("request trailers", "trailers");
    let exchange_ = exchange(&mut envoy);
    assert_eq!(exchange_.received_by_server().trailers.get("t").map(|t| t.to_string()).as_deref(), Some("1"));
    assert_eq!(last_info(&envoy), r#"t=Some("1")"#);
    drop(exchange_);
    drop(envoy);
    let mut envoy = start("request headers", "no trailers");
    exchange(&mut envoy);
    assert_eq!(last_info(&envoy), "None");
}

#[test]
fn bodies_are_changed_on_both_ways() {
    let mut envoy = start("request body", "body");
    let exchanged = exchange(&mut envoy);
    assert_eq!(exchanged.received_by_server().body, b"<UESTION>");
    assert_eq!(last_info(&envoy), "9 9", "the window knows what has been done to the buffer");
    drop(exchanged);
    drop(envoy);
    let mut envoy = start("response body", "body");
    assert_eq!(exchange(&mut envoy).received_by_client().body, b"<NSWER>");
}

#[test]
fn a_body_is_kept_until_it_is_whole() {
    let mut envoy = start("request body", "keep");
    let mut exchange = envoy.http_stream();
    let headers = [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "a")];
    exchange.client_sends_headers(headers, false);
    exchange.client_sends_body("one ", false);
    assert_eq!(exchange.received_by_server().body, b"");
    exchange.client_sends_body("two", true);
    assert_eq!(exchange.received_by_server().body, b"one two");
}

#[test]
fn a_filter_answers_instead_of_the_server() {
    for on in ["request headers", "request body", "request trailers"] {
        let mut envoy = start(on, "reply");
        let exchange = exchange(&mut envoy);
        let received = exchange.received_by_client();
        assert_eq!((received.status(), received.body.as_slice()), (Some(429), &b"slow"[..]), "{on}");
        assert_eq!(received.header("retry-after").as_deref(), Some("9"), "{on}");
        assert_eq!(exchange.response_code_details().as_deref(), Some("too_many"), "{on}");
        assert!(!exchange.received_by_server().ended, "{on}");
    }
}

#[test]
fn a_stopped_stream_goes_on_when_told() {
    for on in ["request headers", "request body", "request trailers", "response headers", "response body"] {
        let mut envoy = start(on, "wait");
        let exchange = exchange(&mut envoy);
        assert_eq!(exchange.received_by_server().body, b"question", "{on}");
        assert_eq!(exchange.received_by_client().body, b"answer", "{on}");
        assert!(exchange.received_by_client().ended, "{on}");
    }
}

#[test]
fn a_stream_is_reset() {
    for on in ["request headers", "request body", "response headers", "response body"] {
        let mut envoy = start(on, "reset");
        let exchange = exchange(&mut envoy);
        assert!(!exchange.is_open() && exchange.received_by_client().reset, "{on}");
    }
}

#[test]
fn the_last_callback_can_leave_something_for_the_access_log() {
    let mut envoy = start("complete", "show");
    let exchange = exchange(&mut envoy);
    assert_eq!(exchange.filter_state("seen").as_deref(), Some(&b"yes"[..]));
    assert!(last_info(&envoy).contains(":status=200"));
}

/// Each of these loses the VM or ends Envoy when it gets there: FakeEnvoy would fail the test.
#[test]
fn a_stream_ends_once() {
    for on in ["request headers", "request body"] {
        for (what, status) in [
            ("reply twice", Some(429)),
            ("reply and reset", Some(429)),
            ("reset and reply", None),
            ("reset and fail", None),
            ("reset in two timers", None),
        ] {
            let mut envoy = start(on, what);
            let exchange = exchange(&mut envoy);
            assert_eq!(exchange.received_by_client().status(), status, "{what} in {on}");
            assert!(!exchange.is_open(), "{what} in {on}");
            let errors = envoy.stats().total("envoy_sdk_errors_total", &[]);
            assert_eq!(errors, 1, "the second ending is an error: {what} in {on}");
        }
    }
}

#[test]
fn a_stream_that_is_over_is_not_ended_again() {
    for what in ["reply", "reset", "continue", "continue and keep"] {
        let mut envoy = start("complete", what);
        let exchange = exchange(&mut envoy);
        assert_eq!(exchange.received_by_client().body, b"answer", "{what}");
        let errors = envoy.stats().total("envoy_sdk_errors_total", &[("callback", "on_stream_complete")]);
        assert_eq!(errors, u64::from(!what.starts_with("continue")), "{what}");
    }
}

#[test]
fn continuing_where_nothing_is_stopped_changes_nothing() {
    for on in ["request headers", "request body", "request trailers", "response headers", "response body"] {
        for what in ["continue", "continue and keep"] {
            let mut envoy = start(on, what);
            let exchange = exchange(&mut envoy);
            assert_eq!(exchange.received_by_server().body, b"question", "{what} in {on}");
            assert_eq!(exchange.received_by_client().body, b"answer", "{what} in {on}");
        }
    }
}

#[test]
fn a_grpc_client_is_answered_with_a_grpc_status() {
    let mut envoy = start("request headers", "reply");
    let request = HttpRequest::post("/service/method", "message").header("content-type", "application/grpc");
    let exchange = envoy.http_request(request);
    let received = exchange.received_by_client();
    assert_eq!((received.status(), received.ended), (Some(200), true));
    let status = GrpcStatus::RESOURCE_EXHAUSTED.code().to_string();
    assert_eq!(received.header("grpc-status"), Some(status), "{:?}", received.headers);
    assert_eq!(received.header("grpc-message").as_deref(), Some("slow"));
}
