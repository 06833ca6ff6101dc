//! Filter state and foreign functions, as Envoy 1.36.2 and 1.40.0 had them.

use envoy_sdk::{
    ConfigureContext, FilterStateDeclaration, FilterStateType, FilterStatus, HostError, LifeSpan, Module,
    NetworkContext, NetworkFilter, NetworkFilterFactory, Result, Status,
};
use envoy_sdk_test::{ConnectOptions, Connection, FakeEnvoy, LogLevel};

/// Declares keys and does what clients say.
struct Clerk;

#[derive(serde::Deserialize)]
struct Config {
    #[serde(default)]
    twice: bool,
    #[serde(default)]
    cluster: Option<String>,
}

struct Desk {
    cluster: Option<String>,
}

struct Factory {
    cluster: Option<String>,
}

impl NetworkFilterFactory for Factory {
    const NAME: &'static str = "clerk";
    type Config = Config;
    type Filter = Desk;

    fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        let sealed = FilterStateDeclaration::new("sealed").of_type(FilterStateType::String).read_only();
        sealed.declare(cx)?;
        if config.twice {
            sealed.declare(cx)?;
        }
        let of_type = FilterStateType::Protobuf("type.googleapis.com/google.protobuf.Struct".to_owned());
        FilterStateDeclaration::new("message")
            .of_type(of_type)
            .life_span(LifeSpan::Connection)
            .declare(cx)?;
        Ok(Self { cluster: config.cluster })
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Desk> {
        Ok(Desk { cluster: self.cluster.clone() })
    }
}

impl NetworkFilter for Desk {
    fn on_new_connection(&mut self, cx: &mut NetworkContext<'_>) -> Result<FilterStatus> {
        if let Some(cluster) = &self.cluster {
            cx.filter_state().set_object("envoy.tcp_proxy.cluster", cluster, LifeSpan::Connection)?;
        }
        Ok(FilterStatus::Continue)
    }

    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        let octets = cx.buffer().chunks(0..cx.buffer().len())?.into_bytes();
        for word in String::from_utf8_lossy(&octets).split_whitespace() {
            match Clerk::perform(cx, word) {
                Ok(answer) => log::info!("{answer}"),
                Err(error) => match error.downcast_ref::<HostError>() {
                    Some(refused) => log::info!("{}", refused.status),
                    None => log::info!("{error}"),
                },
            }
        }
        Ok(FilterStatus::Continue)
    }
}

impl Clerk {
    fn perform(cx: &NetworkContext<'_>, word: &str) -> Result<String> {
        let state = cx.filter_state();
        let (verb, rest) = word.split_once(':').unwrap_or((word, ""));
        let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
        Ok(match verb {
            "set" => state.set(key, value.as_bytes()).map(|()| "ok".to_owned())?,
            "get" => format!("{:?}", state.get(key)?),
            "object" => format!("{:?}", state.object(key)?),
            "put" => state.set_object(key, value, LifeSpan::FilterChain).map(|()| "ok".to_owned())?,
            "call" => format!("{:?}", cx.call_foreign_function(key, value.as_bytes())?),
            "cluster" => format!("{:?}", cx.stream_info().xds().cluster_name()?),
            _ => String::new(),
        })
    }
}

fn module() -> Module {
    Module::new().network_filter::<Factory>()
}

fn envoy(configuration: &str) -> FakeEnvoy {
    FakeEnvoy::new(module).configure(configuration).expect("configured")
}

/// What the filter answers to these words on one connection.
fn answers(envoy: &mut FakeEnvoy, connection: &mut Connection, words: &str) -> Vec<String> {
    envoy.take_log();
    connection.client_sends(words);
    envoy
        .take_log()
        .into_iter()
        .filter(|line| line.level == LogLevel::Info)
        .map(|line| line.message)
        .collect()
}

#[test]
fn a_value_is_set_changed_and_read() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    let answers =
        answers(&mut envoy, &mut connection, "get:k set:k=1 set:k=2 get:k object:wasm.k get:request");
    assert_eq!(answers, ["None", "ok", "ok", r#"Some("2")"#, r#"Some("2")"#, "None"]);
    assert_eq!(connection.filter_state("k"), Some(b"2".to_vec()));
    assert_eq!(envoy.connect().filter_state("k"), None);
}

#[test]
fn a_key_that_envoy_would_lose_is_refused() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    let refused = "a key of filter state is not empty and holds no zero octet";
    assert_eq!(answers(&mut envoy, &mut connection, "set:=1 set:a\0b=1 get:"), [refused; 3]);
}

#[test]
fn what_is_read_only_is_set_once() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    let answers = answers(&mut envoy, &mut connection, "set:sealed=1 set:sealed=2 get:sealed");
    assert_eq!(answers, ["ok", "BadArgument (2)", r#"Some("1")"#]);
}

#[test]
fn a_message_is_read_back_as_octets() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    let answers = answers(&mut envoy, &mut connection, "set:message=x get:message object:wasm.message");
    assert_eq!(answers, ["ok", r#"Some("x")"#, "SerializationFailure (3)"]);
}

#[test]
fn a_key_is_declared_once() {
    let refused = FakeEnvoy::new(module).configure(r#"{"twice": true}"#).expect_err("refused");
    let reason = refused.to_string();
    assert!(reason.contains(r#"foreign function "declare_property""#), "{reason}");
    assert!(reason.contains("proxy_call_foreign_function answered BadArgument (2)"), "{reason}");
}

#[test]
fn an_object_of_envoys_own_decides_about_the_cluster() {
    let mut envoy = envoy(r#"{"cluster": "elsewhere"}"#);
    let mut connection = envoy.connect();
    assert_eq!(connection.filter_state_object("envoy.tcp_proxy.cluster"), Some(b"elsewhere".to_vec()));
    let answers = answers(&mut envoy, &mut connection, "cluster object:envoy.tcp_proxy.cluster");
    assert_eq!(answers, [r#"Some("elsewhere")"#; 2]);
}

#[test]
fn an_object_needs_a_factory_that_makes_something_of_the_value() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    let words =
        "put:my.own=x put:envoy.network.ip=none put:envoy.network.ip=192.0.2.1 object:envoy.network.ip";
    let answers = answers(&mut envoy, &mut connection, words);
    assert_eq!(answers, ["NotFound (1)", "BadArgument (2)", "ok", r#"Some("192.0.2.1:0")"#]);
}

#[test]
fn foreign_functions_of_envoy_and_of_the_test() {
    let bootstrap = FakeEnvoy::new(module)
        .foreign_function("reverse", |octets| Ok(octets.iter().rev().copied().collect()))
        .foreign_function("grumble", |_| Err(Status::PARSE_FAILURE));
    let mut envoy = bootstrap.configure("{}").expect("configured");
    let mut connection = envoy.connect_with(ConnectOptions::new());
    let words = "call:reverse=abc call:grumble call:clear_route_cache call:unknown call:compress=x";
    let answers = answers(&mut envoy, &mut connection, words);
    assert_eq!(answers, ["[99, 98, 97]", "ParseFailure (4)", "[]", "NotFound (1)", "Unimplemented (12)"]);
}

#[test]
fn what_the_fake_lacks_says_so() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.client_sends("call:sign=x");
    let lines = envoy.messages(LogLevel::Critical).concat();
    assert!(
        lines.contains(r#"let the test register one with Bootstrap::foreign_function("sign", …)"#),
        "{lines}"
    );
}

#[test]
fn the_trace_is_envoys() {
    let mut envoy = envoy(r#"{"cluster": "elsewhere"}"#);
    envoy.take_trace();
    envoy.connect();
    let trace = envoy.take_trace();
    let calls = trace.iter().filter(|call| call.function.contains("foreign")).map(ToString::to_string);
    assert_eq!(
        calls.collect::<Vec<_>>(),
        [
            "[vm->host] env.proxy_call_foreign_function(*, 22, *, 38, *, *)",
            "[vm<-host] env.proxy_call_foreign_function return: 0",
        ]
    );
}
