//! How counts get from an extension to Envoy.

use std::cell::RefCell;
use std::time::Duration;

use common_metrics::{Level, catalogue, label};
use envoy_sdk::{
    ConfigureContext, FilterStatus, Module, NetworkContext, NetworkFilter, NetworkFilterFactory, Result,
    Stats, Status,
};
use envoy_sdk_test::{Argument, FakeEnvoy, HostCall, LogLevel, Moment};

label! {
    /// A colour.
    enum Colour: "colour" { Red = "red", Blue = "blue" }
}

catalogue! {
    /// What the extension counts.
    static CATALOGUE: "paint" {
        /// There from the start.
        counter DROPS: Colour = "drops_total", Summary, FromStart;
        /// There when used.
        counter SPLASHES: () = "splashes_total", Summary, OnUse;
        /// Rises and falls.
        gauge WET: () = "wet", Summary, OnUse;
        /// A distribution.
        histogram THICKNESS: Colour = "thickness_micrometres", Summary, OnUse;
        /// Only in detail.
        counter DETAILS: () = "details_total", Detailed, FromStart;
    }
}

#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    stat_prefix: String,
    detailed: bool,
    collected: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { stat_prefix: "wall".to_owned(), detailed: false, collected: false }
    }
}

/// How long `"collected": true` lets counts wait.
const COLLECTED: Duration = Duration::from_millis(100);

struct Paint(RefCell<Stats>);

struct Painter(Stats);

impl NetworkFilterFactory for Paint {
    const NAME: &'static str = "paint";
    type Config = Config;
    type Filter = Painter;

    fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        let level = if config.detailed { Level::Detailed } else { Level::Summary };
        let common = [("stat_prefix", config.stat_prefix.as_str())];
        let stats = if config.collected {
            cx.stats_collected_for(COLLECTED, &CATALOGUE, &common, level)
        } else {
            cx.stats(&CATALOGUE, &common, level)
        };
        stats.map(RefCell::new).map(Self)
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Painter> {
        Ok(Painter(self.0.borrow().clone()))
    }
}

impl NetworkFilter for Painter {
    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        let octets = cx.buffer().chunks(0..1_000)?.into_bytes();
        for octet in octets {
            match octet {
                b'r' => self.0.add(&DROPS, Colour::Red, 1),
                b'b' => self.0.add(&DROPS, Colour::Blue, 1),
                b's' => self.0.add(&SPLASHES, (), 1),
                b'+' => self.0.shift(&WET, (), 1),
                b'-' => self.0.shift(&WET, (), -1),
                b't' => self.0.record(&THICKNESS, Colour::Red, 100),
                b'd' => self.0.add(&DETAILS, (), 1),
                b'.' => self.0.deliver(),
                b'!' => panic!("paint ran out"),
                _ => {}
            }
        }
        Ok(FilterStatus::Continue)
    }
}

fn module() -> Module {
    Module::new().network_filter::<Paint>()
}

fn envoy(configuration: &str) -> FakeEnvoy {
    FakeEnvoy::new(module).configure(configuration).expect("configured")
}

/// The values of all `proxy_increment_metric` and `proxy_record_metric` since the trace was last taken.
fn given(envoy: &mut FakeEnvoy) -> Vec<u64> {
    let calls = envoy
        .take_trace()
        .into_iter()
        .filter(|call| call.function.ends_with("ment_metric") || call.function == "proxy_record_metric");
    let arguments = calls.filter_map(|call| match call.moment {
        Moment::Begin(arguments) => arguments.get(1).copied(),
        Moment::End(_) => None,
    });
    arguments.map(|argument| if let Argument::Number(value) = argument { value } else { 0 }).collect()
}

#[test]
fn ten_increments_are_one_host_call() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    envoy.take_trace();
    connection.client_sends("rrrrrrrrrr");
    assert_eq!(given(&mut envoy), [10]);
    assert_eq!(envoy.stats().total("paint_drops_total", &[("colour", "red"), ("stat_prefix", "wall")]), 10);
    connection.client_sends("rbr");
    assert_eq!(given(&mut envoy), [2, 1]);
}

#[test]
fn a_hundred_callbacks_are_one_host_call_when_counts_are_collected() {
    let mut envoy = envoy(r#"{"collected": true}"#);
    let mut connections = [envoy.connect(), envoy.connect()];
    envoy.take_trace();
    for _ in 0..50 {
        connections.iter_mut().for_each(|connection| drop(connection.client_sends("r+-")));
    }
    assert_eq!(given(&mut envoy), Vec::<u64>::new());
    envoy.advance(COLLECTED);
    assert_eq!(given(&mut envoy), [100], "a gauge that is where it was costs nothing");
    assert_eq!(envoy.tick_period(), None, "nothing is to come, and the tick is off");
    connections[0].client_sends("bt");
    assert_eq!(envoy.scrape().total("paint_drops_total", &[]), 101);
    assert_eq!(given(&mut envoy), [1, 100]);
}

#[test]
fn no_more_is_collected_than_there_is_room_for() {
    let mut envoy = envoy(r#"{"collected": true}"#);
    let mut connection = envoy.connect();
    envoy.take_trace();
    for _ in 0..9 {
        connection.client_sends("t".repeat(30));
    }
    assert_eq!(given(&mut envoy).len(), 270, "at the end of the callback that made them too many");
}

#[test]
fn what_comes_after_too_much_was_collected_is_given_by_the_next_tick() {
    let mut envoy = envoy(r#"{"collected": true}"#);
    let mut connection = envoy.connect();
    connection.client_sends("r");
    connection.client_sends("t".repeat(300));
    // The tick finds nothing to give: all of it was too much to wait for.
    envoy.advance(COLLECTED);
    connection.client_sends("b");
    assert_eq!(envoy.scrape().total("paint_drops_total", &[]), 2);
    assert_eq!(envoy.tick_period(), None);
}

#[test]
fn what_is_to_be_delivered_waits_no_longer() {
    let mut envoy = envoy(r#"{"collected": true}"#);
    let mut connection = envoy.connect();
    connection.client_sends("rrr");
    envoy.take_trace();
    connection.client_sends("b.r");
    assert_eq!(given(&mut envoy), [4, 1], "at the end of the callback that said so");
    connection.client_sends("s");
    assert_eq!(given(&mut envoy), Vec::<u64>::new(), "what comes then is collected again");
    envoy.advance(COLLECTED);
    assert_eq!(given(&mut envoy), [1]);
    assert_eq!(envoy.tick_period(), None);
}

#[test]
fn what_is_collected_is_given_when_the_plugin_goes() {
    let mut envoy = envoy(r#"{"collected": true}"#);
    let mut connection = envoy.connect();
    connection.client_sends("rrr");
    connection.client_closes();
    envoy.reconfigure("{}").expect("configured");
    assert_eq!(envoy.stats().total("paint_drops_total", &[]), 3);
}

#[test]
fn without_a_timer_counts_are_given_at_once() {
    let mut envoy = envoy(r#"{"collected": true}"#);
    envoy.fail_always(HostCall::SetTickPeriodMilliseconds, Status::INTERNAL_FAILURE);
    let mut connection = envoy.connect();
    connection.client_sends("r");
    assert_eq!(envoy.stats().total("paint_drops_total", &[]), 1);
}

#[test]
fn a_tick_that_never_comes_is_not_waited_for() {
    let mut envoy = envoy(r#"{"collected": true}"#);
    let mut connection = envoy.connect();
    connection.client_sends("r");
    // Time passes, and Envoy does not call.
    envoy.set_clock(envoy.now() + Duration::from_secs(10));
    assert_eq!(envoy.stats().total("paint_drops_total", &[]), 0);
    connection.client_closes();
    assert_eq!(envoy.stats().total("paint_drops_total", &[]), 1);
    envoy.connect().client_sends("b");
    assert_eq!(envoy.stats().total("paint_drops_total", &[]), 2, "from then on nothing waits");
}

#[test]
fn a_panic_loses_nothing_that_was_collected() {
    let mut envoy = envoy(r#"{"collected": true}"#);
    let mut connection = envoy.connect();
    connection.client_sends("rs");
    connection.client_sends("b!");
    assert_eq!(envoy.scrape().total("paint_drops_total", &[]), 2);
}

#[test]
fn counters_from_the_start_are_zero() {
    let envoy = envoy("{}");
    let stats = envoy.stats();
    assert!(stats.defines("paint.stat_prefix=.=wall;.;colour=.=red;.;drops_total"));
    assert!(stats.defines("paint.stat_prefix=.=wall;.;colour=.=blue;.;drops_total"));
    assert_eq!(
        stats.names().filter(|name| name.starts_with("paint")).count(),
        2,
        "nothing else is there yet"
    );
    let started = [("extension", "paint"), ("version", "unversioned"), ("panic", "unwind")];
    assert_eq!(stats.total("envoy_sdk_vm_starts_total", &started), 1);
}

#[test]
fn a_counter_is_never_given_zero_and_a_gauge_not_nothing() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    envoy.take_trace();
    connection.client_sends("+-+-");
    assert_eq!(given(&mut envoy), [0; 0], "nothing has changed");
    connection.client_sends("+++");
    connection.client_sends("--");
    assert_eq!(envoy.stats().gauge_total("paint_wet", &[]), 1);
    assert_eq!(given(&mut envoy), [3, u64::MAX - 1]);
}

#[test]
fn each_value_of_a_histogram_is_recorded() {
    let mut envoy = envoy("{}");
    envoy.connect().client_sends("tt");
    assert_eq!(envoy.stats().recorded("paint_thickness_micrometres", &[("colour", "red")]), [100, 100]);
}

#[test]
fn a_panic_loses_no_counts() {
    let mut envoy = envoy("{}");
    envoy.connect().client_sends("rr!r");
    assert_eq!(envoy.stats().total("paint_drops_total", &[]), 2);
}

#[test]
fn what_is_above_the_level_costs_no_host_call() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    envoy.take_trace();
    connection.client_sends("dddd");
    assert_eq!((given(&mut envoy), envoy.stats().total("paint_details_total", &[])), (vec![], 0));
    envoy.reconfigure(r#"{"detailed": true}"#).expect("configured");
    envoy.connect().client_sends("dddd");
    assert_eq!(envoy.stats().total("paint_details_total", &[]), 4);
}

#[test]
fn a_name_is_defined_once_per_vm() {
    let mut envoy = envoy("{}");
    envoy.connect().client_sends("rbst+");
    let defined = envoy.count_calls(HostCall::DefineMetric);
    assert!(defined > 0);
    for configuration in [r#"{"detailed": false}"#, "{ }", "{}"] {
        envoy.reconfigure(configuration).expect("configured");
        envoy.connect().client_sends("rbst+");
    }
    assert_eq!(envoy.count_calls(HostCall::DefineMetric), defined, "ids are kept over reconfigurations");
    assert_eq!(envoy.stats().total("paint_drops_total", &[("colour", "red")]), 4);
    envoy.reconfigure(r#"{"stat_prefix": "door"}"#).expect("configured");
    assert_eq!(envoy.count_calls(HostCall::DefineMetric), defined + 2, "other labels are other names");
}

#[test]
fn the_next_vm_of_a_thread_begins_anew() {
    for _ in 0..2 {
        let mut envoy = envoy("{}");
        envoy.connect().client_sends("r");
        assert_eq!(envoy.stats().total("paint_drops_total", &[]), 1);
    }
}

#[test]
fn a_definition_refused_at_configuration_refuses_it() {
    let bootstrap = FakeEnvoy::new(module).fail_always(HostCall::DefineMetric, Status::INTERNAL_FAILURE);
    let refused = bootstrap.configure("{}").unwrap_err();
    let line = &refused.log[0].message;
    assert!(
        line.contains("metric") && line.contains("proxy_define_metric answered InternalFailure (10)"),
        "{line}"
    );
}

#[test]
fn a_definition_refused_later_costs_that_metric_and_is_counted() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    envoy.fail_next(HostCall::DefineMetric, Status::INTERNAL_FAILURE);
    assert_eq!(connection.client_sends("sr").status, Some(FilterStatus::Continue));
    assert_eq!(envoy.stats().total("envoy_sdk_stats_refused_total", &[("extension", "paint")]), 1);
    assert_eq!(envoy.stats().total("paint_drops_total", &[]), 1, "the others are not affected");
    connection.client_sends("s");
    assert!(!envoy.stats().defines("paint.stat_prefix=.=wall;.;splashes_total"), "it is not asked for again");
    assert_eq!(envoy.stats().total("envoy_sdk_stats_refused_total", &[]), 1);
}

#[test]
fn an_increment_refused_is_counted() {
    let mut envoy = envoy("{}");
    envoy.fail_next(HostCall::IncrementMetric, Status::INTERNAL_FAILURE);
    envoy.connect().client_sends("rb");
    assert_eq!(envoy.stats().total("paint_drops_total", &[]), 1);
    assert_eq!(envoy.stats().total("envoy_sdk_stats_refused_total", &[]), 1);
    assert_eq!(envoy.messages(LogLevel::Warn), [""; 0]);
}

#[test]
fn a_label_value_that_no_stat_name_can_carry_is_refused() {
    let refused = FakeEnvoy::new(module).configure(r#"{"stat_prefix": "a.b"}"#).unwrap_err();
    assert!(
        refused.to_string().contains(r#"stat_prefix "a.b": 1 to 64 of A-Z a-z 0-9 _ - are allowed"#),
        "{refused}"
    );
}
