//! One module with an extension of each kind that fails where and how its configuration says.

use std::rc::Rc;
use std::time::Duration;

use envoy_sdk::{
    AccessLogContext, AccessLogger, BackgroundService, CallbackContext, ConfigureContext, ErrorPolicy,
    FilterDataStatus, FilterHeadersStatus, FilterStatus, GrpcCallError, GrpcCallId, GrpcMessage, GrpcRequest,
    GrpcStreamEvent, GrpcStreamId, HttpCallError, HttpCallId, HttpContext, HttpFilter, HttpFilterFactory,
    HttpRequest, HttpResponse, Module, NetworkContext, NetworkFilter, NetworkFilterFactory, Result,
    SharedQueue, TimerId,
};

use crate::failure::{How, panic_instead_of};

pub(crate) fn module() -> Module {
    Module::new()
        .network_filter::<Network>()
        .http_filter::<Http>()
        .access_logger::<Logger>()
        .background_service::<Service>()
}

/// Where and how to fail.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// A callback as in the label `callback` of the SDK's counters.
    r#in: String,
    how: How,
    /// A filter starts what it waits for with the response instead of the request.
    with_response: bool,
    bypass: bool,
    /// A filter's factory fails, not the filter.
    factory: bool,
}

impl Config {
    fn fail_in(&self, callback: &str) -> Result<()> {
        if self.r#in == callback { self.how.fail() } else { Ok(()) }
    }

    /// Starts what leads to the callback that is to fail; returns whether there is anything to wait for.
    fn start(&self, cx: &CallbackContext<'_>) -> Result<bool> {
        let soon = Duration::from_secs(1);
        let grpc = GrpcRequest::new("service", "method");
        match self.r#in.as_str() {
            "on_timer" => drop(cx.set_timer(Duration::from_millis(5))?),
            "on_http_call_done" => drop(cx.http_call("cluster", &HttpRequest::get("host", "/"), soon)?),
            "on_grpc_call_done" => drop(cx.grpc_call("cluster", &grpc, b"question", soon)?),
            "on_grpc_stream" => drop(cx.open_grpc_stream("cluster", &grpc)?),
            "on_queue_ready" => SharedQueue::register("queue")?.enqueue(b"message")?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The callbacks that every kind of extension has, of a filter or of a plugin.
macro_rules! shared_callbacks {
    ($context:ident, $self:ident, $($receiver:tt)+) => {
        fn on_timer($($receiver)+, _cx: &mut $context<'_>, _timer: TimerId) -> Result<()> {
            $self.config.fail_in("on_timer")
        }

        fn on_http_call_done(
            $($receiver)+,
            _cx: &mut $context<'_>,
            _call: HttpCallId,
            _response: Result<HttpResponse<'_>, HttpCallError>,
        ) -> Result<()> {
            $self.config.fail_in("on_http_call_done")
        }

        fn on_grpc_call_done(
            $($receiver)+,
            _cx: &mut $context<'_>,
            _call: GrpcCallId,
            _response: Result<GrpcMessage<'_>, GrpcCallError>,
        ) -> Result<()> {
            $self.config.fail_in("on_grpc_call_done")
        }

        fn on_grpc_stream(
            $($receiver)+,
            _cx: &mut $context<'_>,
            _stream: GrpcStreamId,
            event: GrpcStreamEvent<'_>,
        ) -> Result<()> {
            match event {
                GrpcStreamEvent::Closed { .. } => $self.config.fail_in("on_grpc_stream"),
                _ => Ok(()),
            }
        }
    };
}

macro_rules! plugin_callbacks {
    ($self:ident, $($receiver:tt)+) => {
        shared_callbacks!(CallbackContext, $self, $($receiver)+);

        fn on_queue_ready($($receiver)+, _cx: &mut CallbackContext<'_>, _queue: SharedQueue) -> Result<()> {
            $self.config.fail_in("on_queue_ready")
        }
    };
}

/// What a plugin does when it is configured.
fn configure(config: &Config, cx: &ConfigureContext<'_>) -> Result<()> {
    config.fail_in("configure")?;
    config.start(cx).map(drop)
}

/// A filter's factory; its filter fails, unless the factory itself is to.
macro_rules! factory {
    ($factory:ident, $trait:ident, $context:ident, $filter:ident, $name:literal $(, $more:item)?) => {
        pub(crate) struct $factory {
            config: Rc<Config>,
        }

        pub(crate) struct $filter {
            config: Rc<Config>,
        }

        impl $trait for $factory {
            const NAME: &'static str = $name;
            type Config = Config;
            type Filter = $filter;

            fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
                if config.factory {
                    configure(&config, cx)?;
                }
                Ok(Self { config: config.into() })
            }

            fn new_filter(&self, _cx: &mut $context<'_>) -> Result<$filter> {
                self.config.fail_in("new_filter")?;
                let config = if self.config.factory { Rc::default() } else { Rc::clone(&self.config) };
                Ok($filter { config })
            }

            $($more)?

            plugin_callbacks!(self, &self);
        }

        impl Drop for $filter {
            fn drop(&mut self) {
                panic_instead_of(self.config.fail_in("drop"));
            }
        }
    };
}

factory!(
    Network,
    NetworkFilterFactory,
    NetworkContext,
    NetworkSaboteur,
    "network",
    fn error_policy(&self) -> ErrorPolicy {
        if self.config.bypass { ErrorPolicy::Bypass } else { ErrorPolicy::Close }
    }
);
factory!(Http, HttpFilterFactory, HttpContext, HttpSaboteur, "http");

impl NetworkFilter for NetworkSaboteur {
    fn on_new_connection(&mut self, cx: &mut NetworkContext<'_>) -> Result<FilterStatus> {
        self.config.start(cx).map(|_| FilterStatus::Continue)
    }

    shared_callbacks!(NetworkContext, self, &mut self);
}

impl HttpSaboteur {
    fn headers(&self, callback: &str, cx: &HttpContext<'_>, here: bool) -> Result<FilterHeadersStatus> {
        self.config.fail_in(callback)?;
        let waits = here && self.config.start(cx)?;
        Ok(if waits { FilterHeadersStatus::StopIteration } else { FilterHeadersStatus::Continue })
    }
}

impl HttpFilter for HttpSaboteur {
    fn on_request_headers(&mut self, cx: &mut HttpContext<'_>, _end: bool) -> Result<FilterHeadersStatus> {
        self.headers("on_request_headers", cx, !self.config.with_response)
    }

    fn on_request_body(&mut self, _cx: &mut HttpContext<'_>, _end: bool) -> Result<FilterDataStatus> {
        self.config.fail_in("on_request_body").map(|()| FilterDataStatus::Continue)
    }

    fn on_request_trailers(&mut self, _cx: &mut HttpContext<'_>) -> Result<FilterHeadersStatus> {
        self.config.fail_in("on_request_trailers").map(|()| FilterHeadersStatus::Continue)
    }

    fn on_response_headers(&mut self, cx: &mut HttpContext<'_>, _end: bool) -> Result<FilterHeadersStatus> {
        self.headers("on_response_headers", cx, self.config.with_response)
    }

    fn on_response_body(&mut self, _cx: &mut HttpContext<'_>, _end: bool) -> Result<FilterDataStatus> {
        self.config.fail_in("on_response_body").map(|()| FilterDataStatus::Continue)
    }

    fn on_response_trailers(&mut self, _cx: &mut HttpContext<'_>) -> Result<FilterHeadersStatus> {
        self.config.fail_in("on_response_trailers").map(|()| FilterHeadersStatus::Continue)
    }

    fn on_stream_complete(&mut self, _cx: &mut HttpContext<'_>) -> Result<()> {
        self.config.fail_in("on_stream_complete")
    }

    shared_callbacks!(HttpContext, self, &mut self);
}

/// A plugin without streams.
macro_rules! plugin {
    ($plugin:ident, $trait:ident, $name:literal $(, $more:item)?) => {
        pub(crate) struct $plugin {
            config: Config,
        }

        impl $trait for $plugin {
            const NAME: &'static str = $name;
            type Config = Config;

            fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
                configure(&config, cx)?;
                Ok(Self { config })
            }

            $($more)?

            plugin_callbacks!(self, &mut self);
        }

        impl Drop for $plugin {
            fn drop(&mut self) {
                panic_instead_of(self.config.fail_in("drop"));
            }
        }
    };
}

plugin!(
    Logger,
    AccessLogger,
    "logger",
    fn on_log(&mut self, _cx: &mut AccessLogContext<'_>) -> Result<()> {
        self.config.fail_in("on_stream_complete")
    }
);
plugin!(Service, BackgroundService, "service");
