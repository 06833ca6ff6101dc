//! Timers: many on one tick that is off while nothing waits.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use envoy_sdk::{
    ConfigureContext, FilterStatus, Module, NetworkContext, NetworkFilter, NetworkFilterFactory, Result,
    TimerId,
};
use envoy_sdk_test::{FakeEnvoy, HostCall};

thread_local! {
    /// Which timers have fired, by the name that the client gave them.
    static FIRED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Factory;
struct Filter {
    timers: Vec<(TimerId, String)>,
}

impl NetworkFilterFactory for Factory {
    const NAME: &'static str = "timers";
    type Config = std::collections::BTreeMap<String, bool>;
    type Filter = Filter;

    fn configure(_config: Self::Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self)
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Filter> {
        Ok(Filter { timers: Vec::new() })
    }
}

/// The client says `name milliseconds` to set a timer, and `name` to cancel one.
impl NetworkFilter for Filter {
    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        let text = String::from_utf8(cx.buffer().chunks(..)?.into_bytes())?;
        match text.split_once(' ') {
            Some((name, delay)) => {
                let timer = cx.set_timer(Duration::from_micros((delay.parse::<f64>()? * 1e3) as u64))?;
                self.timers.push((timer, name.to_owned()));
            }
            None => {
                let (timer, _) = self.timers.iter().find(|(_, name)| *name == text).expect("set");
                cx.cancel_timer(*timer);
            }
        }
        Ok(FilterStatus::Continue)
    }

    fn on_timer(&mut self, cx: &mut NetworkContext<'_>, timer: TimerId) -> Result<()> {
        let (_, name) = self.timers.iter().find(|(id, _)| *id == timer).expect("one of its own");
        let id = cx.stream_info().connection().id()?.unwrap_or_default();
        FIRED.with(|fired| fired.borrow_mut().push(format!("{id}{name}")));
        Ok(())
    }
}

fn envoy() -> FakeEnvoy {
    FIRED.take();
    FakeEnvoy::new(|| Module::new().network_filter::<Factory>()).configure("{}").expect("configured")
}

/// What fires within so many milliseconds.
fn fired(envoy: &mut FakeEnvoy, milliseconds: u64) -> String {
    FIRED.take();
    envoy.advance(Duration::from_millis(milliseconds));
    FIRED.take().join(" ")
}

#[test]
fn timers_fire_in_order_once_and_at_their_stream() {
    let mut envoy = envoy();
    let (mut first, mut second) = (envoy.connect(), envoy.connect());
    first.client_sends("a 30");
    second.client_sends("b 10");
    first.client_sends("c 20");
    first.client_sends("d 20");
    assert_eq!(fired(&mut envoy, 9), "");
    assert_eq!(fired(&mut envoy, 1), "2b");
    assert_eq!(fired(&mut envoy, 10), "1c 1d");
    assert_eq!(fired(&mut envoy, 100), "1a");
    assert_eq!(envoy.tick_period(), None, "the tick is off again");
}

#[test]
fn a_delay_is_rounded_up_to_whole_milliseconds() {
    let mut envoy = envoy();
    let mut connection = envoy.connect();
    connection.client_sends("a 0");
    connection.client_sends("b 1.2");
    assert_eq!(fired(&mut envoy, 1), "1a");
    assert_eq!(fired(&mut envoy, 1), "1b");
}

#[test]
fn a_cancelled_timer_does_not_fire() {
    let mut envoy = envoy();
    let mut connection = envoy.connect();
    for text in ["a 10", "b 10", "a", "a"] {
        connection.client_sends(text);
    }
    assert_eq!(fired(&mut envoy, 50), "1b");
    connection.client_sends("b");
    assert_eq!(fired(&mut envoy, 50), "");
}

#[test]
fn timers_go_with_their_stream() {
    let mut envoy = envoy();
    let (mut first, mut second) = (envoy.connect(), envoy.connect());
    first.client_sends("a 10");
    second.client_sends("b 20");
    first.client_resets();
    // The next stream gets the place of the one that has gone, but not its timers.
    let mut third = envoy.connect();
    third.client_sends("c 15");
    assert_eq!(fired(&mut envoy, 100), "3c 2b");
    assert_eq!(envoy.tick_period(), None);
}

#[test]
fn the_clock_may_be_put_back() {
    let mut envoy = envoy();
    let mut connection = envoy.connect();
    connection.client_sends("a 50");
    envoy.set_clock(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000));
    connection.client_sends("b 10");
    assert_eq!(fired(&mut envoy, 10), "1b");
    assert_eq!(fired(&mut envoy, 40), "1a");
}

#[test]
fn the_tick_is_set_no_more_often_than_needed() {
    let mut envoy = envoy();
    let mut connection = envoy.connect();
    envoy.take_trace();
    for number in 0..100 {
        connection.client_sends(format!("t{number} {}", 100 + number));
    }
    assert_eq!(envoy.count_calls(HostCall::SetTickPeriodMilliseconds), 1);
    assert_eq!(fired(&mut envoy, 300).split(' ').count(), 100);
}

/// An idle time-out that every piece of data restarts leaves many cancelled timers behind.
#[test]
fn cancelled_timers_do_not_pile_up_nor_disturb_others() {
    let mut envoy = envoy();
    let mut connection = envoy.connect();
    for number in 0..2_000 {
        connection.client_sends(format!("t{number} 60000"));
        if number > 0 {
            connection.client_sends(format!("t{}", number - 1));
        }
    }
    assert_eq!(fired(&mut envoy, 60_000), "1t1999");
    assert_eq!(envoy.tick_period(), None);
}

#[test]
fn a_refused_timer_is_an_error() {
    let mut envoy = envoy();
    let mut connection = envoy.connect();
    envoy.fail_next(HostCall::SetTickPeriodMilliseconds, envoy_sdk::Status::INTERNAL_FAILURE);
    connection.client_sends("a 10");
    assert!(!connection.is_open());
    assert_eq!(fired(&mut envoy, 100), "");
}

/// Two configurations of a plugin live side by side, in one VM: each counts its time, and they share the places of streams.
#[test]
fn a_timer_of_the_old_configuration_is_none_of_the_new() {
    let mut envoy = envoy();
    let (mut old, _staying) = (envoy.connect(), envoy.connect());
    old.client_sends("a 50");
    envoy.reconfigure(r#"{"new": true}"#).expect("configured");
    old.client_resets();
    let mut new = envoy.connect();
    new.client_sends("b 100");
    assert_eq!(fired(&mut envoy, 99), "");
    assert_eq!(fired(&mut envoy, 1), "3b");
}

#[test]
fn timers_of_the_old_configuration_still_fire() {
    let mut envoy = envoy();
    let mut old = envoy.connect();
    old.client_sends("a 50");
    envoy.reconfigure(r#"{"new": true}"#).expect("configured");
    let mut new = envoy.connect();
    new.client_sends("b 40");
    assert_eq!(fired(&mut envoy, 100), "2b 1a");
}

/// What they ask for is done when the tick is over, each thing inside the one before: too many would use up the stack.
#[test]
fn many_timers_at_once_fire_in_portions() {
    let mut envoy = envoy();
    let mut connections = (0..250).map(|_| envoy.connect()).collect::<Vec<_>>();
    for connection in &mut connections {
        connection.client_sends("a 10");
    }
    let in_order = |from: u64, to: u64| (from..=to).map(|id| format!("{id}a")).collect::<Vec<_>>().join(" ");
    assert_eq!(fired(&mut envoy, 10), in_order(1, 100));
    connections[200].client_sends("a");
    assert_eq!(fired(&mut envoy, 1), in_order(101, 200));
    assert_eq!(fired(&mut envoy, 1), in_order(202, 250));
    assert_eq!(envoy.tick_period(), None);
}

/// Envoy counts the milliseconds of its tick in 32 bits: 49.7 days.
#[test]
fn a_timer_may_take_longer_than_a_tick_can() {
    const DAY: u64 = 86_400_000;
    let mut envoy = envoy();
    let mut connection = envoy.connect();
    connection.client_sends(format!("a {}", 120 * DAY));
    assert_eq!(fired(&mut envoy, 120 * DAY - 1), "");
    assert_eq!(fired(&mut envoy, 1), "1a");
}

#[test]
fn a_tick_that_is_refused_in_between_is_had_with_the_next_timer() {
    let mut envoy = envoy();
    let mut connection = envoy.connect();
    connection.client_sends("a 10");
    connection.client_sends("b 3000");
    envoy.fail_next(HostCall::SetTickPeriodMilliseconds, envoy_sdk::Status::INTERNAL_FAILURE);
    assert_eq!(fired(&mut envoy, 10), "1a");
    connection.client_sends("c 5");
    assert_eq!(fired(&mut envoy, 5), "1c");
    assert_eq!(fired(&mut envoy, 2_985), "1b");
}

/// Envoy refuses the one host call that makes a stream's timer its own.
#[test]
fn a_timer_whose_stream_cannot_be_reached_is_lost_alone() {
    let mut envoy = envoy();
    let (mut first, mut second) = (envoy.connect(), envoy.connect());
    first.client_sends("a 10");
    second.client_sends("b 10");
    second.client_sends("c 20");
    envoy.fail_next(HostCall::SetEffectiveContext, envoy_sdk::Status::BAD_ARGUMENT);
    assert_eq!(fired(&mut envoy, 20), "2b 2c");
    assert!(first.is_open());
    assert_eq!(envoy.messages(envoy_sdk_test::LogLevel::Warn).len(), 1, "{:#?}", envoy.log());
}
