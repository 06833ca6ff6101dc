//! Call-outs: asked by a stream or a plugin, answered there, and over when whoever asked has gone.

use std::cell::RefCell;
use std::time::Duration;

use envoy_sdk::{
    BackgroundService, CallbackContext, ConfigureContext, Error, FilterStatus, GrpcCallError, GrpcCallId,
    GrpcMessage, GrpcRequest, GrpcStatus, GrpcStreamEvent, GrpcStreamId, HeaderMap, HostError, HttpCallError,
    HttpCallId, HttpRequest, HttpResponse, Module, NetworkContext, NetworkFilter, NetworkFilterFactory,
    Result, Status, TimerId,
};
use envoy_sdk_test::{Connection, FakeEnvoy, FakeGrpcEnd, FakeHttpAnswer, HostCall};

const TIMEOUT: Duration = Duration::from_secs(1);

thread_local! {
    /// What the extensions have been told, in order.
    static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn tell(what: String) -> Result<()> {
    TOLD.with(|told| told.borrow_mut().push(what));
    Ok(())
}

fn told() -> Vec<String> {
    TOLD.take()
}

fn http_answer(response: Result<HttpResponse<'_>, HttpCallError>) -> Result<String> {
    Ok(match response {
        Ok(response) => {
            let body = String::from_utf8(response.body(..)?)?;
            let trailer = response.trailers().get("last")?.map(|value| format!(" last={value}"));
            format!("{} {body}{}", response.status()?, trailer.unwrap_or_default())
        }
        Err(error) => error.to_string(),
    })
}

fn grpc_answer(response: Result<GrpcMessage<'_>, GrpcCallError>) -> Result<String> {
    Ok(match response {
        Ok(message) => String::from_utf8(message.octets(..)?)?,
        Err(error) => format!("{error}: {}", error.message()),
    })
}

fn stream_event(event: &GrpcStreamEvent<'_>) -> Result<String> {
    Ok(match event {
        GrpcStreamEvent::InitialMetadata(metadata) => {
            format!("initial {}", metadata.get("x")?.unwrap_or_default())
        }
        GrpcStreamEvent::Message(message) => format!("message {}", String::from_utf8(message.octets(..)?)?),
        GrpcStreamEvent::TrailingMetadata(metadata) => {
            format!("trailing {}", metadata.get("y")?.unwrap_or_default())
        }
        GrpcStreamEvent::Closed { status, .. } => format!("closed {status}"),
    })
}

struct Factory;

#[derive(Default)]
struct Filter {
    call: Option<GrpcCallId>,
    stream: Option<GrpcStreamId>,
}

impl NetworkFilterFactory for Factory {
    const NAME: &'static str = "caller";
    type Config = HeaderFree;
    type Filter = Filter;

    fn configure(_config: HeaderFree, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self)
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Filter> {
        Ok(Filter::default())
    }
}

/// Nothing to configure.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderFree {}

/// The client says what to do.
impl NetworkFilter for Filter {
    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        let text = String::from_utf8(cx.buffer().chunks(..)?.into_bytes())?;
        let (what, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let grpc = GrpcRequest::new("mail.Policy", "Check").metadata("x-key-bin", b"\xff");
        let stream = || self.stream.ok_or_else(|| Error::new("no stream"));
        let outcome = match what {
            "http" => {
                let request = HttpRequest::post("policy.example", "/check").header("x", "1").body("who?");
                cx.http_call(rest, &request.trailer("last", "1"), TIMEOUT).map(drop)
            }
            "grpc" => cx.grpc_call(rest, &grpc, b"who?", TIMEOUT).map(|call| self.call = Some(call)),
            "cancel" => cx.cancel_grpc_call(self.call.ok_or_else(|| Error::new("no call"))?),
            "stream" => cx.open_grpc_stream(rest, &grpc).map(|stream| self.stream = Some(stream)),
            "send" => cx.send_grpc_message(stream()?, rest.as_bytes(), false),
            "last" => cx.send_grpc_message(stream()?, rest.as_bytes(), true),
            "end" => cx.end_grpc_stream(stream()?),
            "reset" => cx.cancel_grpc_stream(stream()?),
            _ => cx.set_timer(Duration::from_millis(1)).map(drop),
        };
        if let Err(error) = outcome {
            tell(match error.downcast_ref::<HostError>() {
                Some(host) => format!("refused: {host}"),
                None => format!("refused: {error}"),
            })?;
        }
        Ok(FilterStatus::Continue)
    }

    fn on_timer(&mut self, cx: &mut NetworkContext<'_>, _timer: TimerId) -> Result<()> {
        cx.http_call("policy", &HttpRequest::get("policy.example", "/timer"), TIMEOUT).map(drop)
    }

    fn on_http_call_done(
        &mut self,
        cx: &mut NetworkContext<'_>,
        _call: HttpCallId,
        response: Result<HttpResponse<'_>, HttpCallError>,
    ) -> Result<()> {
        // What belongs to the stream can be read as in any other of its callbacks.
        let id = cx.stream_info().connection().id()?.unwrap_or_default();
        tell(format!("{id}: {}", http_answer(response)?))
    }

    fn on_grpc_call_done(
        &mut self,
        _cx: &mut NetworkContext<'_>,
        call: GrpcCallId,
        response: Result<GrpcMessage<'_>, GrpcCallError>,
    ) -> Result<()> {
        assert_eq!(Some(call), self.call);
        tell(grpc_answer(response)?)
    }

    fn on_grpc_stream(
        &mut self,
        _cx: &mut NetworkContext<'_>,
        stream: GrpcStreamId,
        event: GrpcStreamEvent<'_>,
    ) -> Result<()> {
        assert_eq!(Some(stream), self.stream);
        tell(stream_event(&event)?)
    }
}

/// Asks when its timer fires.
struct Service;

impl BackgroundService for Service {
    const NAME: &'static str = "service";
    type Config = HeaderFree;

    fn configure(_config: HeaderFree, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        cx.set_timer(Duration::from_millis(10))?;
        Ok(Self)
    }

    fn on_timer(&mut self, cx: &mut CallbackContext<'_>, _timer: TimerId) -> Result<()> {
        cx.http_call("policy", &HttpRequest::get("policy.example", "/all"), TIMEOUT)?;
        cx.grpc_call("policy", &GrpcRequest::new("s", "m"), b"", TIMEOUT)?;
        cx.open_grpc_stream("policy", &GrpcRequest::new("s", "m"))?;
        Ok(())
    }

    fn on_http_call_done(
        &mut self,
        cx: &mut CallbackContext<'_>,
        _call: HttpCallId,
        response: Result<HttpResponse<'_>, HttpCallError>,
    ) -> Result<()> {
        cx.set_timer(Duration::from_millis(10))?;
        tell(http_answer(response)?)
    }

    fn on_grpc_call_done(
        &mut self,
        _cx: &mut CallbackContext<'_>,
        _call: GrpcCallId,
        response: Result<GrpcMessage<'_>, GrpcCallError>,
    ) -> Result<()> {
        tell(grpc_answer(response)?)
    }

    fn on_grpc_stream(
        &mut self,
        _cx: &mut CallbackContext<'_>,
        _stream: GrpcStreamId,
        event: GrpcStreamEvent<'_>,
    ) -> Result<()> {
        tell(stream_event(&event)?)
    }
}

fn start(root_id: &str) -> FakeEnvoy {
    told();
    let module = || Module::new().network_filter::<Factory>().background_service::<Service>();
    FakeEnvoy::new(module).root_id(root_id).cluster("policy").configure("{}").expect("configured")
}

fn connected() -> (FakeEnvoy, Connection) {
    let mut envoy = start("caller");
    let connection = envoy.connect();
    (envoy, connection)
}

#[test]
fn an_http_call_is_answered() {
    let (mut envoy, mut connection) = connected();
    connection.client_sends("http policy");
    let call = envoy.http_call();
    let headers: Vec<_> = call.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(headers, [":method=POST", ":path=/check", ":authority=policy.example", "x=1"]);
    assert_eq!((call.body.as_slice(), call.timeout), (&b"who?"[..], Some(TIMEOUT)));
    envoy.answer_http_call(&call, FakeHttpAnswer::new(200).body("you").trailer("last", "2"));
    assert_eq!(told(), ["1: 200 you last=2"]);
}

#[test]
fn an_http_call_that_fails_is_answered_too() {
    let (mut envoy, mut connection) = connected();
    connection.client_sends("http policy");
    envoy.fail_http_call(&envoy.http_call());
    assert_eq!(told(), ["1: the HTTP call got no complete answer"]);
    connection.client_sends("http policy");
    envoy.advance(TIMEOUT);
    assert!(told()[0].starts_with("1: 504 "));
    connection.client_sends("http policy");
    envoy.refuse_http_call(&envoy.http_call());
    assert!(told()[0].starts_with("1: 503 "));
}

#[test]
fn answers_find_the_one_that_asked() {
    let (mut envoy, mut first) = connected();
    let mut second = envoy.connect();
    first.client_sends("http policy");
    second.client_sends("http policy");
    second.client_sends("in a timer");
    envoy.advance(Duration::from_millis(1));
    let calls = envoy.http_calls();
    for (call, status) in calls.iter().zip([201, 202, 203]).rev() {
        envoy.answer_http_call(call, FakeHttpAnswer::new(status));
    }
    assert_eq!(told(), ["2: 203 ", "2: 202 ", "1: 201 "]);
}

#[test]
fn late_answers_are_dropped() {
    let (mut envoy, mut connection) = connected();
    connection.client_sends("http policy");
    connection.client_sends("in a timer");
    envoy.advance(Duration::from_millis(1));
    connection.client_resets();
    // The next connection may get the place of the one that has gone, but not its answers.
    let mut next = envoy.connect();
    for call in envoy.http_calls() {
        envoy.answer_http_call(&call, FakeHttpAnswer::new(200));
    }
    assert_eq!(told(), [""; 0]);
    next.client_sends("http policy");
    envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(200));
    assert_eq!(told(), ["2: 200 "]);
    assert_eq!(envoy.stats().total("envoy_sdk_errors_total", &[]), 0);
}

#[test]
fn a_call_that_is_refused_says_how() {
    let (mut envoy, mut connection) = connected();
    connection.client_sends("http nobody");
    assert_eq!(told(), ["refused: proxy_http_call answered BadArgument (2) in context 2"]);
    envoy.fail_next(HostCall::HttpCall, Status::INTERNAL_FAILURE);
    connection.client_sends("http policy");
    assert_eq!(told(), ["refused: proxy_http_call answered InternalFailure (10) in context 2"]);
    envoy.fail_next(HostCall::GrpcCall, Status::PARSE_FAILURE);
    connection.client_sends("grpc policy");
    assert_eq!(told(), ["refused: proxy_grpc_call answered ParseFailure (4) in context 2"]);
    connection.client_sends(format!("grpc {}", "c".repeat(126)));
    connection.client_sends("stream ");
    assert!(told().iter().all(|line| line.contains("1 to 125 octets")));
}

#[test]
fn a_grpc_call_is_answered() {
    let (mut envoy, mut connection) = connected();
    connection.client_sends("grpc policy");
    let call = envoy.grpc_call();
    assert_eq!((call.service.as_str(), call.method.as_str()), ("mail.Policy", "Check"));
    assert_eq!((call.cluster.as_str(), call.message.as_slice()), ("policy", &b"who?"[..]));
    assert_eq!(call.metadata.get("x-key-bin").map(|value| value.as_bytes().to_vec()), Some(b"\xff".to_vec()));
    envoy.answer_grpc_call(&call, "you");
    assert_eq!(told(), ["you"]);
    connection.client_sends("grpc policy");
    let denied = FakeGrpcEnd::new(GrpcStatus::PERMISSION_DENIED).message("not you");
    envoy.fail_grpc_call(&envoy.grpc_call(), &denied);
    assert!(told()[0].starts_with("gRPC status PERMISSION_DENIED (7): not you"));
}

#[test]
fn a_grpc_call_can_be_cancelled() {
    let (envoy, mut connection) = connected();
    connection.client_sends("grpc policy");
    connection.client_sends("cancel");
    assert_eq!((envoy.grpc_calls().len(), told()), (0, vec![]));
}

#[test]
fn a_grpc_stream_lives() {
    let (mut envoy, mut connection) = connected();
    for text in ["stream policy", "send a", "last b"] {
        connection.client_sends(text);
    }
    let stream = envoy.grpc_stream();
    assert_eq!((stream.messages.as_slice(), stream.ended), (&[b"a".to_vec(), b"b".to_vec()][..], true));
    envoy.accept_grpc_stream(&stream, &HeaderMap::from_iter([("x", "1")]));
    envoy.send_grpc_message(&stream, "c");
    envoy.end_grpc_stream(&stream, &FakeGrpcEnd::new(GrpcStatus::OK).metadata("y", "2"));
    assert_eq!(told(), ["initial 1", "message c", "trailing 2", "closed OK (0)"]);
    assert_eq!(envoy.grpc_streams_kept(), 0, "the SDK closes what the server has ended");
}

#[test]
fn a_grpc_stream_can_be_ended_or_reset() {
    let (mut envoy, mut connection) = connected();
    connection.client_sends("stream policy");
    connection.client_sends("end");
    let stream = envoy.grpc_stream();
    envoy.send_grpc_message(&stream, "still");
    assert!(stream.ended);
    connection.client_sends("reset");
    assert_eq!(told(), ["initial ", "message still"]);
    assert_eq!((envoy.grpc_streams().len(), envoy.grpc_streams_kept()), (0, 0));
}

#[test]
fn grpc_ends_with_its_stream() {
    let (mut envoy, mut connection) = connected();
    connection.client_sends("grpc policy");
    connection.client_sends("stream policy");
    let mut other = envoy.connect();
    other.client_sends("grpc policy");
    connection.client_resets();
    assert_eq!((envoy.grpc_calls().len(), envoy.grpc_streams().len()), (1, 0), "only the other's is left");
    assert_eq!((envoy.grpc_streams_kept(), told()), (0, vec![]));
}

#[test]
fn a_plugin_calls_out_by_itself() {
    let mut envoy = start("service");
    for _round in 0..2 {
        envoy.advance(Duration::from_millis(10));
        envoy.answer_grpc_call(&envoy.grpc_call(), "call");
        let stream = envoy.grpc_stream();
        envoy.send_grpc_message(&stream, "piece");
        envoy.end_grpc_stream(&stream, &FakeGrpcEnd::new(GrpcStatus::OK));
        envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(200).body("all"));
        assert_eq!(told(), ["call", "initial ", "message piece", "trailing ", "closed OK (0)", "200 all"]);
    }
}

#[test]
fn what_a_plugin_has_called_goes_with_it() {
    let mut envoy = start("service");
    envoy.advance(Duration::from_millis(10));
    envoy.reconfigure(" {}").expect("configured");
    assert_eq!((envoy.grpc_calls().len(), envoy.grpc_streams().len()), (0, 0));
    for call in envoy.http_calls() {
        envoy.answer_http_call(&call, FakeHttpAnswer::new(200));
    }
    assert_eq!(told(), [""; 0]);
}
