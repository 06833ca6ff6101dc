//! Access loggers and background services. All expectations are what Envoy 1.36.2 and 1.40.0 did.

use std::time::Duration;

use envoy_sdk::{
    AccessLogContext, AccessLogger, BackgroundService, CallbackContext, ConfigureContext, HttpCallError,
    HttpCallId, HttpRequest as CallOut, HttpResponse as Answer, Module, Result, TimerId,
};
use envoy_sdk_test::{
    ConnectOptions, FakeEnvoy, FakeHttpAnswer, HttpLogEntry, HttpRequest, HttpResponse, LogLevel, TcpLogEntry,
};

const SECOND: Duration = Duration::from_secs(1);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {}

const PROPERTIES: [&str; 6] =
    ["request.path", "response.code", "response.flags", "request.size", "response.trailers.x-t", "k"];

/// Numbers have eight octets; everything else here is text.
fn show(value: &[u8]) -> String {
    let number = value.try_into().map(u64::from_le_bytes);
    number.map_or_else(|_| String::from_utf8_lossy(value).into_owned(), |number| number.to_string())
}

/// Writes the properties and headers of each entry to the log, and tells the cluster `ledger`.
struct Ledger;

impl AccessLogger for Ledger {
    const NAME: &'static str = "ledger";
    type Config = Config;

    fn configure(_config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self)
    }

    fn on_log(&mut self, cx: &mut AccessLogContext<'_>) -> Result<()> {
        for path in PROPERTIES {
            let value = cx.stream_info().property(&path.split('.').collect::<Vec<_>>())?;
            log::info!("{path} = {}", value.map_or("none".to_owned(), |value| show(value.as_bytes())));
        }
        let (method, status) = (cx.request_headers().get(":method")?, cx.response_headers().get(":status")?);
        let trailer = cx.response_trailers().get("x-t")?;
        let found =
            [method, status, trailer].map(|value| value.map_or("none".to_owned(), |value| value.to_string()));
        log::info!("{}", found.join(", "));
        cx.http_call("ledger", &CallOut::get("ledger", "/note"), SECOND)?;
        Ok(())
    }

    fn on_http_call_done(
        &mut self,
        cx: &mut CallbackContext<'_>,
        _call: HttpCallId,
        response: Result<Answer<'_>, HttpCallError>,
    ) -> Result<()> {
        log::info!("noted: {}", response?.status()?);
        let path = cx.stream_info().property(&["request", "path"])?;
        log::info!("request.path: {}", if path.is_some() { "still there" } else { "none" });
        Ok(())
    }
}

/// Asks a cluster every second.
struct Watchman;

impl BackgroundService for Watchman {
    const NAME: &'static str = "watchman";
    type Config = Config;

    fn configure(_config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        cx.set_timer(SECOND)?;
        Ok(Self)
    }

    fn on_timer(&mut self, cx: &mut CallbackContext<'_>, _timer: TimerId) -> Result<()> {
        cx.set_timer(SECOND)?;
        cx.http_call("gate", &CallOut::get("gate", "/"), SECOND / 2)?;
        Ok(())
    }

    fn on_http_call_done(
        &mut self,
        _cx: &mut CallbackContext<'_>,
        _call: HttpCallId,
        response: Result<Answer<'_>, HttpCallError>,
    ) -> Result<()> {
        log::info!("the gate says {}", response?.status()?);
        Ok(())
    }
}

fn module() -> Module {
    Module::new().access_logger::<Ledger>().background_service::<Watchman>()
}

fn logger() -> FakeEnvoy {
    FakeEnvoy::new(module).cluster("ledger").configure("{}").expect("configured")
}

fn heard(envoy: &mut FakeEnvoy) -> Vec<String> {
    let lines = envoy.take_log().into_iter().filter(|line| line.level >= LogLevel::Info);
    lines.map(|line| line.message).collect()
}

fn callbacks(envoy: &mut FakeEnvoy) -> Vec<String> {
    let lines = envoy.take_trace().iter().map(ToString::to_string).collect::<Vec<_>>();
    lines.iter().filter_map(|line| Some(line.strip_prefix("[host->vm] proxy_on_")?.to_owned())).collect()
}

#[test]
fn a_request_is_logged_by_the_plugin_itself() {
    let mut envoy = logger();
    envoy.take_trace();
    let response = HttpResponse::new(200).header("x-a", "1").body("hello").trailer("x-t", "z");
    envoy.log_http(
        HttpLogEntry::new(HttpRequest::get("/mail?q=1"), response).filter_state("k", "of a filter"),
    );
    assert_eq!(callbacks(&mut envoy), ["log(1)"]);
    assert_eq!(
        heard(&mut envoy),
        [
            "request.path = /mail?q=1",
            "response.code = 200",
            "response.flags = 0",
            "request.size = 0",
            "response.trailers.x-t = z",
            "k = of a filter",
            "GET, 200, z",
        ]
    );
}

#[test]
fn a_request_without_a_response() {
    let mut envoy = logger();
    envoy.log_http(HttpLogEntry::unanswered(HttpRequest::get("/mail")));
    assert_eq!(
        heard(&mut envoy),
        [
            "request.path = /mail",
            "response.code = none",
            "response.flags = 16384",
            "request.size = 0",
            "response.trailers.x-t = none",
            "k = none",
            "GET, none, none",
        ]
    );
}

#[test]
fn a_connection_has_no_headers() {
    let mut envoy = logger();
    let entry = TcpLogEntry::new(ConnectOptions::new()).received(5).sent(2).filter_state("k", "of a filter");
    envoy.log_tcp(entry);
    assert_eq!(
        heard(&mut envoy),
        [
            "request.path = none",
            "response.code = none",
            "response.flags = 0",
            "request.size = 5",
            "response.trailers.x-t = none",
            "k = of a filter",
            "none, none, none",
        ]
    );
}

#[test]
fn an_answer_comes_when_the_entry_has_gone() {
    let mut envoy = logger();
    envoy.log_http(HttpLogEntry::new(HttpRequest::get("/mail"), HttpResponse::new(200)));
    heard(&mut envoy);
    envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(204));
    assert_eq!(heard(&mut envoy), ["noted: 204", "request.path: none"]);
}

#[test]
fn a_background_service_works_by_itself() {
    let bootstrap = FakeEnvoy::new(module).root_id("watchman").cluster("gate");
    let mut envoy = bootstrap.configure("{}").expect("configured");
    envoy.advance(SECOND);
    envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(204));
    envoy.advance(SECOND * 2);
    assert_eq!(heard(&mut envoy), ["the gate says 204", "the gate says 504"]);
    assert_eq!(envoy.http_call().context, 1, "the plugin itself");
    assert_eq!(envoy.open_connections(), 0);
}
