//! What is to come back to a stream, in awkward moments: while it waits, when it fails, beside others, in its destructor.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use envoy_sdk::{
    CallbackContext, CloseType, ConfigureContext, Error, ErrorPolicy, FilterStatus, GrpcCallError,
    GrpcCallId, GrpcMessage, GrpcRequest, GrpcStreamEvent, GrpcStreamId, HttpCallError, HttpCallId,
    HttpRequest, HttpResponse, Module, NetworkContext, NetworkFilter, NetworkFilterFactory, Result,
    SharedQueue, TimerId,
};
use envoy_sdk_test::{ClosedBy, FakeEnvoy, FakeGrpcEnd, FakeHttpAnswer};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// What a filter does in a callback.
type Step = fn(&mut Filter, &NetworkContext<'_>) -> Result<FilterStatus>;

thread_local! {
    /// What a test wants to happen, by callback.
    static SCRIPT: RefCell<BTreeMap<&'static str, Step>> = const { RefCell::new(BTreeMap::new()) };
    /// Which callbacks have come, with the label of the configuration.
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, serde::Deserialize)]
struct Config {
    #[serde(default)]
    label: String,
    #[serde(default)]
    bypass: bool,
}

struct Factory(Config);

#[derive(Default)]
struct Filter {
    label: String,
    timers: Vec<TimerId>,
    stream: Option<GrpcStreamId>,
}

impl NetworkFilterFactory for Factory {
    const NAME: &'static str = "scripted";
    type Config = Config;
    type Filter = Filter;

    fn configure(config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self(config))
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Filter> {
        Ok(Filter { label: self.0.label.clone(), ..Filter::default() })
    }

    fn error_policy(&self) -> ErrorPolicy {
        if self.0.bypass { ErrorPolicy::Bypass } else { ErrorPolicy::Close }
    }
}

impl Filter {
    fn play(&mut self, callback: &'static str, cx: &NetworkContext<'_>) -> Result<FilterStatus> {
        SEEN.with_borrow_mut(|seen| seen.push(format!("{callback}{}", self.label)));
        let step = SCRIPT.with_borrow(|script| script.get(callback).copied());
        step.map_or(Ok(FilterStatus::Continue), |step| step(self, cx))
    }
}

impl NetworkFilter for Filter {
    fn on_new_connection(&mut self, cx: &mut NetworkContext<'_>) -> Result<FilterStatus> {
        self.play("new", cx)
    }

    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        self.play("client", cx)
    }

    fn on_upstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        self.play("server", cx)
    }

    fn on_downstream_close(&mut self, cx: &mut NetworkContext<'_>, _type: CloseType) -> Result<()> {
        self.play("close", cx).map(drop)
    }

    fn on_timer(&mut self, cx: &mut NetworkContext<'_>, timer: TimerId) -> Result<()> {
        let number = self.timers.iter().position(|other| *other == timer).unwrap_or_default();
        self.play(["timer", "second timer", "third timer"][number], cx).map(drop)
    }

    fn on_http_call_done(
        &mut self,
        cx: &mut NetworkContext<'_>,
        _call: HttpCallId,
        _response: Result<HttpResponse<'_>, HttpCallError>,
    ) -> Result<()> {
        self.play("http", cx).map(drop)
    }

    fn on_grpc_call_done(
        &mut self,
        cx: &mut NetworkContext<'_>,
        _call: GrpcCallId,
        _response: Result<GrpcMessage<'_>, GrpcCallError>,
    ) -> Result<()> {
        self.play("grpc", cx).map(drop)
    }

    fn on_grpc_stream(
        &mut self,
        cx: &mut NetworkContext<'_>,
        _stream: GrpcStreamId,
        event: GrpcStreamEvent<'_>,
    ) -> Result<()> {
        let callback = match event {
            GrpcStreamEvent::Message(_) => "message",
            GrpcStreamEvent::Closed { .. } => "closed",
            _ => return Ok(()),
        };
        self.play(callback, cx).map(drop)
    }

    fn on_stream_complete(&mut self, cx: &mut NetworkContext<'_>) -> Result<()> {
        self.play("complete", cx).map(drop)
    }
}

fn start<const N: usize>(configuration: &str, script: [(&'static str, Step); N]) -> FakeEnvoy {
    SCRIPT.set(BTreeMap::from(script));
    SEEN.take();
    FakeEnvoy::new(|| Module::new().network_filter::<Factory>())
        .cluster("cluster")
        .cluster_without_hosts("nobody")
        .configure(configuration)
        .expect("configured")
}

fn seen() -> String {
    SEEN.take().join(", ")
}

fn method() -> GrpcRequest<'static> {
    GrpcRequest::new("service", "method")
}

fn fail(_filter: &mut Filter, _cx: &NetworkContext<'_>) -> Result<FilterStatus> {
    Err(Error::new("on purpose"))
}

fn http_call(cx: &CallbackContext<'_>, cluster: &str) -> Result<HttpCallId> {
    cx.http_call(cluster, &HttpRequest::get("host", "/"), SECOND)
}

fn answer(envoy: &mut FakeEnvoy) {
    envoy.advance(5 * MILLISECOND);
    envoy.http_calls().iter().for_each(|call| envoy.answer_http_call(call, FakeHttpAnswer::new(200)));
    envoy.grpc_calls().iter().for_each(|call| envoy.answer_grpc_call(call, "answer"));
    let end = FakeGrpcEnd::new(envoy_sdk::GrpcStatus::OK);
    envoy.grpc_streams().iter().for_each(|stream| envoy.end_grpc_stream(stream, &end));
}

/// A connection that waits for its filter must not wait for ever when there is none any more.
#[test]
fn a_connection_that_is_held_goes_on_without_its_filter() {
    let waits: [(&str, Step); 4] = [
        ("timer", |_, cx| cx.set_timer(MILLISECOND).map(|_| FilterStatus::StopIteration)),
        ("http", |_, cx| http_call(cx, "cluster").map(|_| FilterStatus::StopIteration)),
        ("grpc", |_, cx| {
            cx.grpc_call("cluster", &method(), b"", SECOND).map(|_| FilterStatus::StopIteration)
        }),
        ("closed", |_, cx| cx.open_grpc_stream("cluster", &method()).map(|_| FilterStatus::StopIteration)),
    ];
    for (callback, wait) in waits {
        let mut envoy = start(r#"{"bypass": true}"#, [("new", wait), (callback, fail)]);
        let mut connection = envoy.connect();
        assert!(!connection.has_reached_server(), "{callback}");
        answer(&mut envoy);
        connection.client_sends("question");
        connection.server_sends("answer");
        assert_eq!(connection.received_by_server(), b"question", "{callback}");
        assert_eq!(connection.received_by_client(), b"answer", "{callback}");
    }
}

#[test]
fn data_that_is_held_goes_on_without_its_filter() {
    let script: [(_, Step); 2] = [("client", |_, _| Ok(FilterStatus::StopIteration)), ("server", fail)];
    let mut envoy = start(r#"{"bypass": true}"#, script);
    let mut connection = envoy.connect();
    connection.client_sends("held");
    assert!(connection.holds_back_client());
    connection.server_sends("answer");
    assert_eq!(connection.received_by_server(), b"held");
    assert_eq!(connection.received_by_client(), b"answer");
}

#[test]
fn what_a_failed_filter_has_called_ends_with_it() {
    let script: [(_, Step); 2] = [
        ("new", |_, cx| {
            cx.open_grpc_stream("cluster", &method())?;
            cx.grpc_call("cluster", &method(), b"", SECOND)?;
            cx.set_timer(MILLISECOND)?;
            Ok(FilterStatus::Continue)
        }),
        ("client", fail),
    ];
    let mut envoy = start(r#"{"bypass": true}"#, script);
    let mut connection = envoy.connect();
    connection.client_sends("hello");
    assert!(connection.is_open());
    assert_eq!((envoy.grpc_streams_kept(), envoy.grpc_calls().len()), (0, 0));
    envoy.advance(SECOND);
    assert_eq!(seen(), "new, client");
}

#[test]
fn answers_go_to_the_configuration_that_has_asked() {
    let script: [(_, Step); 2] = [
        ("new", |_, cx| http_call(cx, "cluster").map(|_| FilterStatus::Continue)),
        ("http", |_, cx| cx.set_timer(MILLISECOND).map(|_| FilterStatus::Continue)),
    ];
    let mut envoy = start(r#"{"label": "-old"}"#, script);
    let mut old = envoy.connect();
    envoy.reconfigure(r#"{"label": "-new"}"#).expect("configured");
    let _new = envoy.connect();
    answer(&mut envoy);
    envoy.advance(MILLISECOND);
    assert_eq!(seen(), "new-old, new-new, http-old, http-new, timer-old, timer-new");
    old.client_resets();
    assert_eq!(seen(), "close-old, complete-old");
}

#[test]
fn timers_that_are_due_together_can_cancel_each_other() {
    let script: [(_, Step); 2] = [
        ("new", |filter, cx| {
            for _ in 0..3 {
                filter.timers.push(cx.set_timer(MILLISECOND)?);
            }
            Ok(FilterStatus::Continue)
        }),
        ("timer", |filter, cx| {
            cx.cancel_timer(filter.timers[1]);
            cx.cancel_timer(filter.timers[0]);
            filter.timers[0] = cx.set_timer(Duration::ZERO)?;
            Ok(FilterStatus::Continue)
        }),
    ];
    let mut envoy = start("{}", script);
    let mut connection = envoy.connect();
    envoy.advance(3 * MILLISECOND);
    assert_eq!(seen(), "new, timer, third timer, timer, timer");
    connection.client_resets();
    envoy.advance(SECOND);
    assert_eq!(envoy.tick_period(), None);
}

#[test]
fn a_grpc_stream_can_be_cancelled_and_opened_anew_by_what_it_says() {
    let open: Step = |filter, cx| {
        filter.stream = Some(cx.open_grpc_stream("cluster", &method())?);
        Ok(FilterStatus::Continue)
    };
    let cancel: Step = |filter, cx| {
        filter.stream.map_or(Ok(()), |stream| cx.cancel_grpc_stream(stream))?;
        filter.stream = Some(cx.open_grpc_stream("cluster", &method())?);
        Ok(FilterStatus::Continue)
    };
    let mut envoy = start("{}", [("new", open), ("message", cancel), ("closed", open)]);
    let mut connection = envoy.connect();
    let first = envoy.grpc_stream();
    envoy.send_grpc_message(&first, "one");
    let second = envoy.grpc_stream();
    envoy.end_grpc_stream(&second, &FakeGrpcEnd::new(envoy_sdk::GrpcStatus::OK));
    assert_eq!(envoy.grpc_streams_kept(), 1, "the third");
    assert_eq!(seen(), "new, message, closed");
    connection.client_resets();
    assert_eq!(envoy.grpc_streams_kept(), 0);
}

/// Envoy would hang, or lose the VM.
#[test]
fn no_grpc_stream_is_opened_behind_what_waits_for_the_end_of_the_callback() {
    let before: [Step; 4] = [
        |_, cx| cx.close().map(|()| FilterStatus::Continue),
        |_, cx| cx.continue_reading().map(|()| FilterStatus::Continue),
        |_, cx| Ok(http_call(cx, "nobody").map_or(FilterStatus::Continue, |_| FilterStatus::StopIteration)),
        |_, cx| {
            let refused = cx.grpc_call("nobody", &method(), b"", SECOND).is_err();
            Ok(if refused { FilterStatus::Continue } else { FilterStatus::StopIteration })
        },
    ];
    for step in before {
        SCRIPT.take();
        let script: [(_, Step); 2] = [
            ("server", step),
            ("client", |filter, cx| {
                let step = SCRIPT.with_borrow(|script| script["server"]);
                assert!(matches!(step(filter, cx)?, FilterStatus::Continue));
                let refused = cx.open_grpc_stream("nobody", &method()).expect_err("refused");
                assert!(refused.to_string().contains("set a timer"), "{refused}");
                cx.set_timer(MILLISECOND)?;
                Ok(FilterStatus::Continue)
            }),
        ];
        let mut envoy = start("{}", script);
        let mut connection = envoy.connect();
        connection.client_sends("hello");
        envoy.advance(MILLISECOND);
        assert!(seen().starts_with("new, client"));
        assert_eq!(envoy.stats().total("envoy_sdk_errors_total", &[]), 0);
        assert_eq!(envoy.stats().total("envoy_sdk_panics_total", &[]), 0);
    }
}

#[test]
fn a_timer_that_opens_a_grpc_stream_does_not_fire_behind_one_that_closes() {
    let script: [(_, Step); 2] = [
        ("new", |filter, cx| {
            filter.timers.push(cx.set_timer(MILLISECOND)?);
            Ok(FilterStatus::Continue)
        }),
        ("timer", |_, cx| {
            let refused = cx.open_grpc_stream("nobody", &method()).expect_err("nobody is there");
            assert!(refused.to_string().contains("InternalFailure"), "{refused}");
            cx.close()?;
            Ok(FilterStatus::Continue)
        }),
    ];
    let mut envoy = start("{}", script);
    let connections = [envoy.connect(), envoy.connect(), envoy.connect()];
    envoy.advance(3 * MILLISECOND);
    assert_eq!(envoy.stats().total("envoy_sdk_panics_total", &[]), 0);
    for connection in connections {
        assert_eq!(connection.closed_by(), Some(ClosedBy::Envoy));
    }
}

/// Values of an extension may do all that needs no context when they are dropped.
struct Farewell;

impl Drop for Farewell {
    fn drop(&mut self) {
        log::info!("farewell");
        let _ = SharedQueue::register("farewells").and_then(|queue| queue.enqueue(b"farewell"));
    }
}

struct Polite;

impl NetworkFilterFactory for Polite {
    const NAME: &'static str = "polite";
    type Config = Config;
    type Filter = Guest;

    fn configure(_config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self)
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Guest> {
        Ok(Guest(Farewell))
    }

    fn on_queue_ready(&self, _cx: &mut CallbackContext<'_>, queue: SharedQueue) -> Result<()> {
        while queue.dequeue()?.is_some() {
            SEEN.with_borrow_mut(|seen| seen.push("farewell".to_owned()));
        }
        Ok(())
    }
}

struct Guest(Farewell);

impl NetworkFilter for Guest {
    fn on_downstream_data(&mut self, _cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        Err(Error::new("on purpose"))
    }
}

#[test]
fn destructors_can_call_the_host() {
    SEEN.take();
    let mut envoy =
        FakeEnvoy::new(|| Module::new().network_filter::<Polite>()).configure("{}").expect("configured");
    let (mut ending, mut failing) = (envoy.connect(), envoy.connect());
    ending.client_resets();
    failing.client_sends("hello");
    envoy.advance(MILLISECOND);
    assert_eq!(
        envoy.messages(envoy_sdk_test::LogLevel::Info).iter().filter(|line| *line == "farewell").count(),
        2
    );
    assert_eq!(seen(), "farewell, farewell");
}
