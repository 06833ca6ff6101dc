//! The attributes of a TCP connection, as Envoy 1.40.0 served them, one after another.

use std::cell::RefCell;

use envoy_sdk::{
    ConfigureContext, FilterStatus, Module, NetworkContext, NetworkFilter, NetworkFilterFactory,
    ResponseFlags, Result, StreamInfo,
};
use envoy_sdk_test::{ConnectOptions, FakeEnvoy};

/// What a test wants to know in each callback.
type Question = fn(&StreamInfo) -> Result<String>;

thread_local! {
    static QUESTION: RefCell<Question> = const { RefCell::new(|_| Ok(String::new())) };
    static ANSWERS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Asking;

#[derive(serde::Deserialize)]
struct Config {}

fn ask(callback: &str, info: &StreamInfo) -> Result<()> {
    let answer = match QUESTION.with_borrow(|question| *question)(info) {
        Ok(answer) => answer,
        Err(error) => error.to_string(),
    };
    ANSWERS.with_borrow_mut(|answers| answers.push(format!("{callback}: {answer}")));
    Ok(())
}

impl NetworkFilterFactory for Asking {
    const NAME: &'static str = "asking";
    type Config = Config;
    type Filter = Asking;

    fn configure(_config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self)
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Asking> {
        Ok(Self)
    }
}

impl NetworkFilter for Asking {
    fn on_new_connection(&mut self, cx: &mut NetworkContext<'_>) -> Result<FilterStatus> {
        ask("new", &cx.stream_info()).map(|()| FilterStatus::Continue)
    }

    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        ask("client", &cx.stream_info()).map(|()| FilterStatus::Continue)
    }

    fn on_upstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        ask("server", &cx.stream_info()).map(|()| FilterStatus::Continue)
    }

    fn on_stream_complete(&mut self, cx: &mut NetworkContext<'_>) -> Result<()> {
        ask("complete", &cx.stream_info())
    }
}

fn module() -> Module {
    Module::new().network_filter::<Asking>()
}

/// The answers on a connection whose server speaks first, and resets when the client has answered.
fn answers(options: ConnectOptions, question: Question) -> Vec<String> {
    QUESTION.set(question);
    ANSWERS.take();
    let mut envoy = FakeEnvoy::new(module).configure("{}").expect("configured");
    let mut connection = envoy.connect_with(options);
    if connection.is_open() {
        connection.server_sends("220 ready");
        connection.client_sends("EHLO");
        connection.server_resets();
    }
    ANSWERS.take()
}

#[test]
fn the_clients_certificate_is_known_after_the_handshake() {
    let mtls: Question = |info| Ok(info.connection().mtls()?.to_string());
    let options = || ConnectOptions::new().mtls("TLSv1.3");
    assert_eq!(answers(options(), mtls), ["new: false", "server: true", "client: true", "complete: true"]);
    let slow = options().slow_handshake();
    assert_eq!(answers(slow, mtls), ["new: false", "server: false", "client: true", "complete: true"]);
}

#[test]
fn a_tls_version_that_is_asked_for_too_early_stays_wrong() {
    let version: Question = |info| Ok(format!("{:?}", info.connection().tls_version()?));
    let options = || ConnectOptions::new().tls("TLSv1.3");
    assert!(answers(options(), version).iter().all(|answer| answer.ends_with(r#"Some("TLSv1.2")"#)));
    let patient: Question = |info| {
        let asked = info.request().size()? > Some(0);
        Ok(if asked { format!("{:?}", info.connection().tls_version()?) } else { "later".to_owned() })
    };
    assert_eq!(
        answers(options(), patient),
        ["new: later", "server: later", r#"client: Some("TLSv1.3")"#, r#"complete: Some("TLSv1.3")"#]
    );
    let tls: Question = |info| Ok(info.connection().is_tls()?.to_string());
    assert!(answers(options(), tls).iter().all(|answer| answer.ends_with("true")));
    assert!(answers(ConnectOptions::new(), tls).iter().all(|answer| answer.ends_with("false")));
}

#[test]
fn the_server_is_known_once_it_has_been_connected_to() {
    let server: Question = |info| {
        let upstream = info.upstream();
        let (address, attempts) = (upstream.address()?, upstream.request_attempt_count()?.unwrap_or(9));
        Ok(format!(
            "{} {attempts} {:?}",
            address.map_or("-".to_owned(), |a| a.to_string()),
            info.xds().cluster_name()?
        ))
    };
    let options = ConnectOptions::new().server_address("198.51.100.7:2525");
    let connected = r#"198.51.100.7:2525 1 Some("fake-cluster")"#;
    assert_eq!(
        answers(options, server),
        [
            "new: - 0 None".to_owned(),
            format!("server: {connected}"),
            format!("client: {connected}"),
            format!("complete: {connected}")
        ]
    );
}

#[test]
fn sizes_grow() {
    let sizes: Question = |info| {
        let (request, response) = (info.request().size()?, info.response().size()?);
        Ok(format!("{} {}", request.unwrap_or(99), response.unwrap_or(99)))
    };
    assert_eq!(
        answers(ConnectOptions::new(), sizes),
        ["new: 0 0", "server: 0 0", "client: 4 9", "complete: 4 9"]
    );
}

#[test]
fn flags_tell_who_failed() {
    let flags: Question = |info| Ok(info.response().flags()?.to_string());
    let reset = answers(ConnectOptions::new(), flags);
    assert_eq!(reset, ["new: -", "server: -", "client: -", "complete: UR"]);
    let refused: Question = |info| {
        assert!(!info.response().flags()?.contains(ResponseFlags::ALL[0].0));
        Ok(format!("{} {:?}", info.response().flags()?, info.upstream().transport_failure_reason()?))
    };
    assert_eq!(
        answers(ConnectOptions::new().server_refuses(), refused),
        [r#"new: - Some("")"#, r#"complete: UF,URX Some("delayed connect error: Connection refused")"#]
    );
}

#[test]
fn what_is_of_http_is_absent_or_empty() {
    let http: Question = |info| {
        let (request, response) = (info.request(), info.response());
        assert_eq!((request.path()?, request.method()?, request.protocol()?), (None, None, None));
        assert_eq!((response.code()?, response.code_details()?, response.grpc_status()?), (None, None, None));
        assert_eq!((request.headers()?, response.headers()?), (Some(vec![]), Some(vec![])));
        assert_eq!((request.duration()?, response.backend_latency()?), (None, None));
        assert_eq!((info.xds().route_name()?, info.xds().virtual_host_metadata()?), (None, None));
        assert!(info.request().time()?.is_some());
        Ok("as expected".to_owned())
    };
    assert!(answers(ConnectOptions::new(), http).iter().all(|answer| answer.ends_with(": as expected")));
}

#[test]
fn metadata_that_is_not_set() {
    let metadata: Question = |info| {
        let empty = Some(envoy_sdk::stream_info::Metadata::default());
        assert_eq!((info.metadata()?, info.xds().listener_metadata()?), (empty.clone(), empty));
        assert_eq!(info.xds().upstream_host_metadata()?, None, "Envoy answers SerializationFailure");
        Ok("as expected".to_owned())
    };
    assert!(answers(ConnectOptions::new(), metadata).iter().all(|answer| answer.ends_with(": as expected")));
}

#[test]
fn what_is_not_of_the_right_form_is_an_error_that_names_it() {
    let broken = ConnectOptions::new()
        .property(&["metadata"], &b"\xff"[..])
        .property(&["source", "port"], 70_000)
        .property(&["connection", "mtls"], "yes")
        .property(&["request", "duration"], u64::MAX)
        .property(&["request", "headers"], &b"\xff"[..]);
    let question: Question = |info| {
        let said = [
            info.metadata().map(drop),
            info.source().port().map(drop),
            info.connection().mtls().map(drop),
            info.request().duration().map(drop),
            info.request().headers().map(drop),
        ];
        Ok(said.map(|result| result.expect_err("refused").to_string()).join("; "))
    };
    let answer = answers(broken, question).remove(0);
    let expected = [
        "new: metadata is not a message of its type in context 2",
        "source.port is not a port in context 2",
        "connection.mtls is not a truth value of 1 octet in context 2",
        "request.duration is not a duration of 0 or more in context 2",
        "request.headers is not a map in context 2",
    ];
    assert_eq!(answer, expected.join("; "));
}

#[test]
fn whole_groups_cannot_be_read() {
    let groups: Question = |info| {
        let groups = ["connection", "request", "response", "source", "destination", "upstream", "xds"];
        for group in groups {
            let error = info.property(&[group]).expect_err("refused").to_string();
            let status = "proxy_get_property answered SerializationFailure (3) in context 2";
            assert_eq!(error, format!("cannot read {group}: {status}"));
        }
        Ok("as expected".to_owned())
    };
    assert!(answers(ConnectOptions::new(), groups).iter().all(|answer| answer.ends_with(": as expected")));
}
