//! An Envoy that answers anything to any host call: it costs errors, which are counted, and never the VM.

use std::time::Duration;

use envoy_sdk::metrics::{Level, catalogue};
use envoy_sdk::{
    AccessLogContext, AccessLogger, CallbackContext, ConfigureContext, ErrorPolicy, FilterDataStatus,
    FilterHeadersStatus, FilterStatus, GrpcCallError, GrpcCallId, GrpcMessage, GrpcRequest, GrpcStreamEvent,
    GrpcStreamId, HttpCallError, HttpCallId, HttpContext, HttpFilter, HttpFilterFactory, HttpRequest,
    HttpResponse, LocalReply, Module, NetworkContext, NetworkFilter, NetworkFilterFactory, Result,
    SharedQueue, Stats, Status, TimerId,
};
use envoy_sdk_test::{
    ConnectOptions, FakeEnvoy, FakeGrpcEnd, FakeHttpAnswer, HostCall, HttpRequest as Request,
    HttpResponse as Response, TcpLogEntry,
};

const SECOND: Duration = Duration::from_secs(1);

/// All but `SetEffectiveContext`: the `proxy-wasm` crate makes it, too, and nobody can catch what it panics with.
const CALLS: [HostCall; 34] = [
    HostCall::Log,
    HostCall::GetLogLevel,
    HostCall::GetCurrentTimeNanoseconds,
    HostCall::SetTickPeriodMilliseconds,
    HostCall::GetBufferBytes,
    HostCall::SetBufferBytes,
    HostCall::GetProperty,
    HostCall::SetProperty,
    HostCall::GetSharedData,
    HostCall::SetSharedData,
    HostCall::GetHeaderMapPairs,
    HostCall::GetHeaderMapValue,
    HostCall::SetHeaderMapPairs,
    HostCall::ReplaceHeaderMapValue,
    HostCall::AddHeaderMapValue,
    HostCall::RemoveHeaderMapValue,
    HostCall::SendLocalResponse,
    HostCall::HttpCall,
    HostCall::GrpcCall,
    HostCall::GrpcStream,
    HostCall::GrpcSend,
    HostCall::GrpcCancel,
    HostCall::GrpcClose,
    HostCall::GetStatus,
    HostCall::RegisterSharedQueue,
    HostCall::ResolveSharedQueue,
    HostCall::DequeueSharedQueue,
    HostCall::EnqueueSharedQueue,
    HostCall::CallForeignFunction,
    HostCall::ContinueStream,
    HostCall::CloseStream,
    HostCall::DefineMetric,
    HostCall::RecordMetric,
    HostCall::IncrementMetric,
];

catalogue! {
    /// What is counted.
    static BUSY: "busy" {
        /// Everything.
        counter DONE: () = "done_total", Summary, OnUse;
        /// What waits.
        gauge WAITING: () = "waiting", Summary, OnUse;
        /// How many octets.
        histogram OCTETS: () = "octets", Summary, OnUse;
    }
}

#[derive(serde::Deserialize)]
struct Config {
    #[serde(default)]
    bypass: bool,
}

/// Does all that can be done in any callback; what is refused is refused.
fn busy(cx: &CallbackContext<'_>, stats: &mut Stats) -> Result<()> {
    stats.add(&DONE, (), 1);
    stats.shift(&WAITING, (), 1);
    stats.record(&OCTETS, (), 7);
    log::info!("busy");
    let grpc = GrpcRequest::new("service", "method");
    let timer = cx.set_timer(Duration::from_millis(2))?;
    cx.set_timer(Duration::from_millis(1))?;
    cx.cancel_timer(timer);
    cx.http_call("cluster", &HttpRequest::get("host", "/"), SECOND)?;
    cx.grpc_call("cluster", &grpc, b"question", SECOND)?;
    let stream = cx.open_grpc_stream("cluster", &grpc)?;
    cx.send_grpc_message(stream, b"one", false)?;
    let other = cx.open_grpc_stream("cluster", &grpc)?;
    cx.end_grpc_stream(other)?;
    cx.cancel_grpc_stream(other)?;
    cx.shared_data().set("key", b"value")?;
    cx.shared_data().get("key")?;
    let queue = SharedQueue::register("queue")?;
    queue.enqueue(b"message")?;
    cx.stream_info().connection().id()?;
    cx.call_foreign_function("clear_route_cache", b"")?;
    cx.filter_state().set("key", b"value")
}

struct Busy {
    bypass: bool,
    stats: Stats,
}

struct Filter {
    stats: Stats,
}

fn configure(config: &Config, cx: &ConfigureContext<'_>) -> Result<Busy> {
    let stats = cx.stats(&BUSY, &[], Level::Summary)?;
    cx.set_timer(Duration::from_millis(1))?;
    SharedQueue::register("queue")?;
    Ok(Busy { bypass: config.bypass, stats })
}

/// Answers, which each context gets in its own words.
macro_rules! answers {
    ($context:ident, $($receiver:tt)+) => {
        fn on_timer($($receiver)+, cx: &mut $context<'_>, _timer: TimerId) -> Result<()> {
            cx.shared_data().get("key").map(drop)
        }

        fn on_http_call_done(
            $($receiver)+,
            _cx: &mut $context<'_>,
            _call: HttpCallId,
            response: Result<HttpResponse<'_>, HttpCallError>,
        ) -> Result<()> {
            let response = response?;
            response.headers().snapshot()?;
            response.trailers().get("x")?;
            response.body(..)?;
            response.status().map(drop)
        }

        fn on_grpc_call_done(
            $($receiver)+,
            _cx: &mut $context<'_>,
            _call: GrpcCallId,
            response: Result<GrpcMessage<'_>, GrpcCallError>,
        ) -> Result<()> {
            response?.octets(..).map(drop)
        }

        fn on_grpc_stream(
            $($receiver)+,
            cx: &mut $context<'_>,
            stream: GrpcStreamId,
            event: GrpcStreamEvent<'_>,
        ) -> Result<()> {
            match event {
                GrpcStreamEvent::Message(_) => cx.send_grpc_message(stream, b"two", true),
                _ => Ok(()),
            }
        }
    };
}

macro_rules! factory {
    ($factory:ident, $trait:ident, $context:ident, $name:literal $(, $more:item)?) => {
        struct $factory(Busy);

        impl $trait for $factory {
            const NAME: &'static str = $name;
            type Config = Config;
            type Filter = Filter;

            fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
                configure(&config, cx).map(Self)
            }

            fn new_filter(&self, cx: &mut $context<'_>) -> Result<Filter> {
                cx.filter_state().get("key")?;
                Ok(Filter { stats: self.0.stats.clone() })
            }

            fn on_queue_ready(&self, _cx: &mut CallbackContext<'_>, queue: SharedQueue) -> Result<()> {
                while queue.dequeue()?.is_some() {}
                Ok(())
            }

            $($more)?

            answers!(CallbackContext, &self);
        }
    };
}

factory!(
    Network,
    NetworkFilterFactory,
    NetworkContext,
    "network",
    fn error_policy(&self) -> ErrorPolicy {
        if self.0.bypass { ErrorPolicy::Bypass } else { ErrorPolicy::Close }
    }
);
factory!(Http, HttpFilterFactory, HttpContext, "http");

impl NetworkFilter for Filter {
    fn on_new_connection(&mut self, cx: &mut NetworkContext<'_>) -> Result<FilterStatus> {
        busy(cx, &mut self.stats)?;
        cx.continue_reading()?;
        Ok(FilterStatus::Continue)
    }

    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, end: bool) -> Result<FilterStatus> {
        cx.buffer().chunks(..)?;
        cx.buffer().prepend(b"+")?;
        if end {
            cx.close_after_flush()?;
        }
        Ok(FilterStatus::Continue)
    }

    fn on_upstream_data(&mut self, cx: &mut NetworkContext<'_>, end: bool) -> Result<FilterStatus> {
        if end {
            cx.close()?;
        }
        Ok(FilterStatus::Continue)
    }

    fn on_stream_complete(&mut self, cx: &mut NetworkContext<'_>) -> Result<()> {
        busy(cx, &mut self.stats)
    }

    answers!(NetworkContext, &mut self);
}

impl HttpFilter for Filter {
    fn on_request_headers(&mut self, cx: &mut HttpContext<'_>, _end: bool) -> Result<FilterHeadersStatus> {
        let headers = cx.request_headers();
        headers.set("a", "1")?;
        headers.append("b", "2")?;
        headers.remove("c")?;
        headers.replace(&headers.snapshot()?)?;
        busy(cx, &mut self.stats)?;
        Ok(FilterHeadersStatus::Continue)
    }

    fn on_request_body(&mut self, cx: &mut HttpContext<'_>, _end: bool) -> Result<FilterDataStatus> {
        cx.body().append(b"!")?;
        Ok(FilterDataStatus::Continue)
    }

    fn on_response_headers(&mut self, cx: &mut HttpContext<'_>, _end: bool) -> Result<FilterHeadersStatus> {
        if cx.response_headers().get(":status")?.is_some_and(|status| status.as_bytes() == b"201") {
            cx.reset_stream()?;
        }
        Ok(FilterHeadersStatus::Continue)
    }

    fn on_response_body(&mut self, cx: &mut HttpContext<'_>, end: bool) -> Result<FilterDataStatus> {
        if end {
            cx.send_local_reply(&LocalReply::new(418))?;
        }
        Ok(FilterDataStatus::Continue)
    }

    fn on_stream_complete(&mut self, cx: &mut HttpContext<'_>) -> Result<()> {
        busy(cx, &mut self.stats)
    }

    answers!(HttpContext, &mut self);
}

struct Logger(Busy);

impl AccessLogger for Logger {
    const NAME: &'static str = "logger";
    type Config = Config;

    fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        configure(&config, cx).map(Self)
    }

    fn on_log(&mut self, cx: &mut AccessLogContext<'_>) -> Result<()> {
        cx.request_headers().snapshot()?;
        busy(cx, &mut self.0.stats)
    }

    fn on_queue_ready(&mut self, _cx: &mut CallbackContext<'_>, queue: SharedQueue) -> Result<()> {
        queue.dequeue().map(drop)
    }

    answers!(CallbackContext, &mut self);
}

fn module() -> Module {
    Module::new().network_filter::<Network>().http_filter::<Http>().access_logger::<Logger>()
}

fn answer(envoy: &mut FakeEnvoy) {
    envoy.advance(Duration::from_millis(5));
    if let [first, others @ ..] = envoy.http_calls().as_slice() {
        envoy.fail_http_call(first);
        others.iter().for_each(|call| envoy.answer_http_call(call, FakeHttpAnswer::new(200).body("yes")));
    }
    if let [first, others @ ..] = envoy.grpc_calls().as_slice() {
        envoy.fail_grpc_call(first, &FakeGrpcEnd::new(envoy_sdk::GrpcStatus::ABORTED));
        others.iter().for_each(|call| envoy.answer_grpc_call(call, "answer"));
    }
    for stream in envoy.grpc_streams() {
        envoy.send_grpc_message(&stream, "news");
    }
    for stream in envoy.grpc_streams() {
        envoy.end_grpc_stream(&stream, &FakeGrpcEnd::new(envoy_sdk::GrpcStatus::OK));
    }
}

/// Everything that can happen, twice; an Envoy that refuses leaves connections half-way.
fn happen(envoy: &mut FakeEnvoy, kind: &str) {
    for _ in 0..2 {
        match kind {
            "network" => {
                let mut connections = [envoy.connect(), envoy.connect(), envoy.connect()];
                for connection in connections.iter_mut().filter(|connection| connection.is_open()) {
                    connection.client_sends("hello");
                }
                answer(envoy);
                let [first, second, third] = &mut connections;
                if first.is_open() {
                    first.server_sends_last("bye");
                }
                if second.is_open() {
                    second.client_sends_last("bye");
                }
                if third.is_open() {
                    third.client_resets();
                }
            }
            "http" => {
                for status in [200, 201] {
                    let mut exchange = envoy.http_request(Request::post("/", "question"));
                    answer(envoy);
                    if exchange.is_open() && exchange.received_by_server().ended {
                        exchange.server_replies(Response::new(status).body("answer"));
                    }
                    answer(envoy);
                    if exchange.is_open() {
                        exchange.client_resets();
                    }
                }
            }
            _ => envoy.log_tcp(TcpLogEntry::new(ConnectOptions::new())),
        }
        answer(envoy);
    }
}

#[test]
fn whatever_envoy_answers_the_vm_lives() {
    for (kind, bypass) in [("network", false), ("network", true), ("http", false), ("logger", false)] {
        for call in CALLS {
            // The crate makes these calls; it does not know all statuses.
            let by_the_crate = matches!(call, HostCall::HttpCall | HostCall::GrpcCall | HostCall::GrpcStream);
            let statuses = [1, 2, 7, 10, 12, 77].into_iter().take(if by_the_crate { 4 } else { 6 });
            for status in statuses.map(Status::from_code) {
                let bootstrap = FakeEnvoy::new(module).root_id(kind).cluster("cluster");
                let configuration = format!(r#"{{"bypass": {bypass}}}"#);
                let mut envoy = bootstrap.configure(configuration).expect("configured");
                envoy.fail_always(call, status);
                happen(&mut envoy, kind);
                envoy.succeed(call);
                happen(&mut envoy, kind);
                let about = format!("{kind}: {call:?} answers {status}: {:#?}", envoy.log());
                assert_eq!(envoy.stats().total("envoy_sdk_panics_total", &[]), 0, "{about}");
                let metrics = [HostCall::DefineMetric, HostCall::IncrementMetric].contains(&call);
                assert!(metrics || envoy.stats().total("busy_done_total", &[]) >= 2, "{about}");
            }
        }
    }
}
