//! How an extension is chosen and configured.

use envoy_sdk::{
    ConfigureContext, FilterStatus, Module, NetworkContext, NetworkFilter, NetworkFilterFactory, Result,
};
use envoy_sdk_test::{FakeEnvoy, HostCall, LogLevel, Refused};

#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    strict: bool,
    word: String,
    limits: Limits,
}

#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Limits {
    octets: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self { strict: true, word: "nothing".to_owned(), limits: Limits::default() }
    }
}

/// Puts its configured word in front of what the client sends. `N` tells two extensions apart.
struct Prefix<const N: u8>(String);

struct Prefixer(String);

impl<const N: u8> NetworkFilterFactory for Prefix<N> {
    const NAME: &'static str = if N == 1 { "first" } else { "second" };
    type Config = Config;
    type Filter = Prefixer;

    fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        for ignored in cx.ignored_fields() {
            log::warn!("{}: ignored {}", cx.plugin_name(), ignored.reason);
        }
        assert_eq!(config.strict, cx.ignored_fields().is_empty());
        log::debug!("{} of {} octets, root id {}", Self::NAME, config.limits.octets, cx.root_id());
        Ok(Self(config.word))
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Prefixer> {
        Ok(Prefixer(self.0.clone()))
    }
}

impl NetworkFilter for Prefixer {
    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        cx.buffer().prepend(self.0.as_bytes())?;
        Ok(FilterStatus::Continue)
    }
}

fn one() -> Module {
    Module::new().network_filter::<Prefix<1>>()
}

fn two() -> Module {
    Module::new().network_filter::<Prefix<1>>().network_filter::<Prefix<2>>()
}

fn refusal(configuration: &str) -> String {
    let refused: Refused = FakeEnvoy::new(one).configure(configuration).unwrap_err();
    let errors = refused.log.into_iter().filter(|line| line.level == LogLevel::Error);
    errors.map(|line| line.message).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_mistake_is_refused_with_the_name_of_the_field() {
    let begin = "first configure failed in context 1: configuration of \"first\" refused: ";
    assert_eq!(
        refusal(r#"{"limits": {"octets": 70000}}"#),
        format!("{begin}limits.octets: invalid value: integer `70000`, expected u16")
    );
    assert_eq!(
        refusal(r#"{"wrod": "x"}"#),
        format!("{begin}wrod: unknown field `wrod`, expected one of `strict`, `word`, `limits`")
    );
    assert!(refusal("{").starts_with(&format!("{begin}not valid JSON: EOF")));
}

#[test]
fn no_configuration_is_the_default() {
    let mut envoy = FakeEnvoy::new(one).configure("").expect("configured");
    assert_eq!(envoy.connect().client_sends("x").received, b"nothingx");
}

#[test]
fn a_lenient_configuration_leaves_out_what_is_unknown() {
    let bootstrap = FakeEnvoy::new(one).plugin_name("mail");
    let configuration = r#"{"strict": false, "word": "w", "limits": {"lines": 3}}"#;
    let mut envoy = bootstrap.configure(configuration).expect("configured");
    assert_eq!(
        envoy.messages(LogLevel::Warn),
        ["mail: ignored limits.lines: unknown field `lines`, expected `octets`"]
    );
    assert_eq!(envoy.connect().client_sends("x").received, b"wx");
}

#[test]
fn the_root_id_chooses_among_several_extensions() {
    for (root_id, name) in [("first", "first"), ("second", "second")] {
        let envoy = FakeEnvoy::new(two).root_id(root_id).configure("{}").expect("configured");
        assert_eq!(envoy.messages(LogLevel::Debug), [format!("{name} of 0 octets, root id {root_id}")]);
    }
    let refused = FakeEnvoy::new(two).root_id("third").plugin_name("mail").configure("{}").unwrap_err();
    assert_eq!(
        refused.log[0].message,
        "mail: root_id \"third\" is none of this module's extensions: first, second"
    );
}

#[test]
fn a_single_extension_takes_any_root_id() {
    let envoy = FakeEnvoy::new(one).root_id("whatever").configure("{}").expect("configured");
    assert_eq!(envoy.messages(LogLevel::Debug), ["first of 0 octets, root id whatever"]);
}

#[test]
fn an_empty_module_refuses_everything() {
    let refused = FakeEnvoy::new(Module::new).configure("{}").unwrap_err();
    assert!(refused.to_string().contains("none of this module's extensions"), "{refused}");
}

#[test]
fn connections_keep_the_configuration_that_they_began_with() {
    let mut envoy = FakeEnvoy::new(one).configure(r#"{"word": "old "}"#).expect("configured");
    let mut before = envoy.connect();
    envoy.reconfigure(r#"{"word": "new "}"#).expect("configured");
    let mut after = envoy.connect();
    assert_eq!(before.client_sends("x").received, b"old x");
    assert_eq!(after.client_sends("x").received, b"new x");
    envoy.reconfigure(r#"{"word": 3}"#).expect_err("refused");
    assert_eq!(envoy.connect().client_sends("x").received, b"new x");
}

#[test]
fn a_plugin_goes_after_its_last_connection() {
    let mut envoy = FakeEnvoy::new(one).configure("{}").expect("configured");
    let mut connection = envoy.connect();
    envoy.reconfigure(r#"{"word": "new"}"#).expect("configured");
    envoy.take_trace();
    connection.client_resets();
    let ends = envoy.take_trace().iter().map(ToString::to_string).collect::<Vec<_>>();
    let ends = ends.iter().filter(|line| line.starts_with("[host->vm]")).map(String::as_str);
    assert_eq!(
        ends.collect::<Vec<_>>(),
        [
            "[host->vm] proxy_on_downstream_connection_close(2, 2)",
            "[host->vm] proxy_on_done(2)",
            "[host->vm] proxy_on_log(2)",
            "[host->vm] proxy_on_delete(2)",
            "[host->vm] proxy_on_done(1)",
            "[host->vm] proxy_on_delete(1)",
        ]
    );
}

#[test]
fn the_configuration_is_read_with_one_host_call() {
    let envoy = FakeEnvoy::new(one).configure("{}").expect("configured");
    assert_eq!(envoy.count_calls(HostCall::GetBufferBytes), 1);
}
