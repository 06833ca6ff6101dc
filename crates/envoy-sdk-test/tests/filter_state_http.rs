//! How long filter state of HTTP streams lives, as Envoy 1.36.2 and 1.40.0 had it.

use envoy_sdk::{
    ConfigureContext, FilterHeadersStatus, FilterStateDeclaration, HttpContext, HttpFilter,
    HttpFilterFactory, LifeSpan, Module, Result,
};
use envoy_sdk_test::{FakeEnvoy, HttpOptions, LogLevel};

/// Writes each key once per request, and says what was there before.
struct Ledger;

#[derive(serde::Deserialize)]
struct Config {}

const KEYS: [(&str, Option<LifeSpan>); 4] = [
    ("connection", Some(LifeSpan::Connection)),
    ("request", Some(LifeSpan::Request)),
    ("chain", Some(LifeSpan::FilterChain)),
    ("undeclared", None),
];

impl HttpFilterFactory for Ledger {
    const NAME: &'static str = "ledger";
    type Config = Config;
    type Filter = Ledger;

    fn configure(_config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        for (key, life_span) in KEYS {
            if let Some(life_span) = life_span {
                FilterStateDeclaration::new(key).life_span(life_span).declare(cx)?;
            }
        }
        Ok(Self)
    }

    fn new_filter(&self, _cx: &mut HttpContext<'_>) -> Result<Ledger> {
        Ok(Self)
    }
}

impl HttpFilter for Ledger {
    fn on_request_headers(&mut self, cx: &mut HttpContext<'_>, _end: bool) -> Result<FilterHeadersStatus> {
        let state = cx.filter_state();
        for (key, _) in KEYS {
            if state.get(key)?.is_some() {
                log::info!("{key}");
            }
            state.set(key, b"seen")?;
        }
        cx.clear_route_cache()?;
        Ok(FilterHeadersStatus::Continue)
    }
}

fn module() -> Module {
    Module::new().http_filter::<Ledger>()
}

#[test]
fn only_what_belongs_to_the_connection_is_there_for_its_next_request() {
    let mut envoy = FakeEnvoy::new(module).configure("{}").expect("configured");
    let headers = [(":method", "GET"), (":path", "/"), (":authority", "example"), (":scheme", "http")];
    let found = [7, 7, 8].map(|connection| {
        let mut exchange = envoy.http_stream_with(HttpOptions::new().connection_id(connection));
        exchange.client_sends_headers(headers, true);
        assert_eq!(exchange.filter_state("chain"), Some(b"seen".to_vec()));
        let found = envoy.messages(LogLevel::Info);
        envoy.take_log();
        found
    });
    assert_eq!(found, [vec![], vec!["connection".to_owned()], vec![]]);
}
