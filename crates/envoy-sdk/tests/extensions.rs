//! Several extensions in one module: an access logger, a background service and two filters that share data.

use std::time::Duration;

use envoy_sdk::metrics::{Level, catalogue, label};
use envoy_sdk::{
    AccessLogContext, AccessLogger, BackgroundService, CallbackContext, ConfigureContext,
    FilterHeadersStatus, FilterStatus, HttpContext, HttpFilter, HttpFilterFactory, Module, NetworkContext,
    NetworkFilter, NetworkFilterFactory, Result, Stats, TimerId,
};
use envoy_sdk_test::{ConnectOptions, FakeEnvoy, HttpLogEntry, HttpRequest, HttpResponse, TcpLogEntry};

label! {
    /// What was logged.
    enum Kind: "kind" {
        /// A request.
        Http = "http",
        /// A connection.
        Tcp = "tcp",
    }
}

catalogue! {
    /// What the logger counts.
    static LOGGER: "logger" {
        /// Entries.
        counter ENTRIES: Kind = "entries_total", Summary, FromStart;
        /// How long requests took.
        histogram DURATION: () = "duration_milliseconds", Summary, OnUse;
    }
}

/// Nothing to configure.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

struct Logger {
    stats: Stats,
}

impl AccessLogger for Logger {
    const NAME: &'static str = "logger";
    type Config = Nothing;

    fn configure(_config: Nothing, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self { stats: cx.stats(&LOGGER, &[], Level::Summary)? })
    }

    fn on_log(&mut self, cx: &mut AccessLogContext<'_>) -> Result<()> {
        let path = cx.request_headers().get(":path")?;
        self.stats.add(&ENTRIES, if path.is_some() { Kind::Http } else { Kind::Tcp }, 1);
        let status = cx.response_headers().get(":status")?;
        let info = cx.stream_info();
        if let Some(duration) = info.request().duration()? {
            self.stats.record(&DURATION, (), u64::try_from(duration.as_millis())?);
        }
        log::info!(
            "{path:?} {status:?} {:?} {:?}",
            info.response().code()?,
            cx.response_trailers().get("t")?.is_some()
        );
        Ok(())
    }
}

/// Counts rounds in shared data.
struct Service;

impl BackgroundService for Service {
    const NAME: &'static str = "service";
    type Config = Nothing;

    fn configure(_config: Nothing, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        cx.set_timer(Duration::from_secs(1))?;
        Ok(Self)
    }

    fn on_timer(&mut self, cx: &mut CallbackContext<'_>, _timer: TimerId) -> Result<()> {
        let (rounds, version) = cx.shared_data().get("rounds")?.unzip();
        let next = rounds.unwrap_or_default().len() + 1;
        match version {
            Some(version) => drop(cx.shared_data().replace("rounds", &vec![b'+'; next], version)?),
            None => cx.shared_data().set("rounds", b"+")?,
        }
        cx.set_timer(Duration::from_secs(1)).map(drop)
    }
}

struct Http;

impl HttpFilterFactory for Http {
    const NAME: &'static str = "http";
    type Config = Nothing;
    type Filter = Self;

    fn configure(_config: Nothing, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self)
    }

    fn new_filter(&self, _cx: &mut HttpContext<'_>) -> Result<Self> {
        Ok(Self)
    }
}

impl HttpFilter for Http {
    fn on_response_headers(&mut self, cx: &mut HttpContext<'_>, _end: bool) -> Result<FilterHeadersStatus> {
        let rounds = cx.shared_data().get("rounds")?.map(|(rounds, _version)| rounds);
        let rounds = rounds.unwrap_or_else(|| b"none".to_vec());
        cx.response_headers().set("x-rounds", rounds)?;
        Ok(FilterHeadersStatus::Continue)
    }
}

struct Network;

impl NetworkFilterFactory for Network {
    const NAME: &'static str = "network";
    type Config = Nothing;
    type Filter = Self;

    fn configure(_config: Nothing, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        log::info!(
            "{} {} {:?}",
            cx.plugin_name(),
            cx.root_id(),
            String::from_utf8_lossy(cx.vm_configuration())
        );
        Ok(Self)
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Self> {
        Ok(Self)
    }
}

impl NetworkFilter for Network {
    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        cx.buffer().append(b"!")?;
        Ok(FilterStatus::Continue)
    }
}

fn module() -> Module {
    Module::new()
        .access_logger::<Logger>()
        .background_service::<Service>()
        .http_filter::<Http>()
        .network_filter::<Network>()
}

fn start(root_id: &str) -> FakeEnvoy {
    FakeEnvoy::new(module).root_id(root_id).configure("{}").expect("configured")
}

#[test]
fn an_access_logger_sees_what_was() {
    let mut envoy = start("logger");
    let response = HttpResponse::new(404).trailer("t", "1");
    envoy.log_http(HttpLogEntry::new(HttpRequest::get("/mail"), response));
    envoy.log_tcp(TcpLogEntry::new(ConnectOptions::new()));
    let lines = envoy.log().into_iter().map(|line| line.message).collect::<Vec<_>>();
    assert_eq!(lines, [r#"Some("/mail") Some("404") Some(404) true"#, "None None None false"]);
    assert_eq!(envoy.stats().total("logger_entries_total", &[("kind", "http")]), 1);
    assert_eq!(envoy.stats().total("logger_entries_total", &[("kind", "tcp")]), 1);
}

#[test]
fn a_background_service_works_by_itself() {
    let mut envoy = start("service");
    envoy.advance(Duration::from_millis(3_500));
    assert_eq!(envoy.shared_data("rounds").as_deref(), Some(&b"+++"[..]));
}

#[test]
fn filters_share_data() {
    let mut envoy = start("http");
    let mut exchange = envoy.http_request(HttpRequest::get("/"));
    exchange.server_replies(HttpResponse::new(200));
    assert_eq!(exchange.received_by_client().header("x-rounds").as_deref(), Some("none"));
    envoy.set_shared_data("rounds", "+");
    let mut exchange = envoy.http_request(HttpRequest::get("/"));
    exchange.server_replies(HttpResponse::new(200));
    assert_eq!(exchange.received_by_client().header("x-rounds").as_deref(), Some("+"));
}

#[test]
fn a_plugin_is_told_its_names() {
    let mut envoy = start("network");
    let mut connection = envoy.connect();
    connection.client_sends("hello");
    assert_eq!(connection.received_by_server(), b"hello!");
    assert_eq!(envoy.log()[0].message, r#"fake-plugin network """#);
}

#[test]
fn a_root_id_that_names_nothing_is_refused_with_what_there_is() {
    let refused = FakeEnvoy::new(module).root_id("nothing").configure("{}").unwrap_err();
    let expected = r#"root_id "nothing" is none of this module's extensions: logger, service, http, network"#;
    assert!(refused.to_string().contains(expected), "{refused}");
}
