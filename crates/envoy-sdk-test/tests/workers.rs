//! Several workers: what they share, what they do not, and who is told of messages.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use common_metrics::{Level, catalogue};
use envoy_sdk::{
    CallbackContext, ConfigureContext, Error, FilterStatus, Module, NetworkContext, NetworkFilter,
    NetworkFilterFactory, Result, SharedQueue, Stats, TimerId,
};
use envoy_sdk_test::{FakeEnvoy, LogLevel, Workers};

catalogue! {
    /// What the tally counts.
    static TALLY: "tally" {
        /// Octets seen.
        counter OCTETS: () = "octets_total", Summary, FromStart;
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    refuse: bool,
}

/// Counts octets as a statistic, in shared data and in this VM, and tells whoever listens.
struct Tally {
    stats: Stats,
    queue: SharedQueue,
}

struct Counting {
    stats: RefCell<Stats>,
    queue: SharedQueue,
}

thread_local! {
    /// In the memory of this VM, which no other sees.
    static SEEN_HERE: Cell<u64> = const { Cell::new(0) };
}

impl NetworkFilterFactory for Tally {
    const NAME: &'static str = "tally";
    type Config = Config;
    type Filter = Counting;

    fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        if config.refuse {
            return Err(Error::new("told to refuse"));
        }
        if cx.shared_data().get("octets")?.is_none() {
            cx.shared_data().set("octets", &0_u64.to_le_bytes())?;
        }
        Ok(Self { stats: cx.stats(&TALLY, &[], Level::Summary)?, queue: SharedQueue::register("seen")? })
    }

    fn new_filter(&self, cx: &mut NetworkContext<'_>) -> Result<Counting> {
        cx.set_timer(Duration::from_secs(1))?;
        Ok(Counting { stats: self.stats.clone().into(), queue: self.queue })
    }

    fn on_queue_ready(&self, _cx: &mut CallbackContext<'_>, queue: SharedQueue) -> Result<()> {
        let message = queue.dequeue()?.unwrap_or_default();
        log::info!("told {}", String::from_utf8_lossy(&message));
        Ok(())
    }
}

impl NetworkFilter for Counting {
    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        let octets = cx.buffer().len() as u64;
        log::debug!("connection {}", cx.stream_info().connection().id()?.unwrap_or_default());
        self.stats.get_mut().add(&OCTETS, (), octets);
        SEEN_HERE.set(SEEN_HERE.get() + octets);
        while let Some((before, version)) = cx.shared_data().get("octets")? {
            let before = u64::from_le_bytes(before.try_into().unwrap_or_default());
            if cx.shared_data().replace("octets", &(before + octets).to_le_bytes(), version)? {
                break;
            }
        }
        self.queue.enqueue(octets.to_string().as_bytes())?;
        Ok(FilterStatus::Continue)
    }

    fn on_timer(&mut self, _cx: &mut NetworkContext<'_>, _timer: TimerId) -> Result<()> {
        log::info!("a second later");
        Ok(())
    }
}

fn module() -> Module {
    Module::new().network_filter::<Tally>()
}

fn workers(count: usize) -> Workers {
    FakeEnvoy::new(module).workers(count).configure("{}").expect("configured")
}

/// Takes what each worker has logged.
fn told(workers: &mut Workers) -> Vec<Vec<String>> {
    workers.on_all(|_, envoy| {
        let messages = envoy.messages(LogLevel::Info);
        envoy.take_log();
        messages
    })
}

fn octets_in_shared_data(envoy: &FakeEnvoy) -> u64 {
    let value = envoy.shared_data("octets").expect("set in configure");
    u64::from_le_bytes(value.try_into().expect("8 octets"))
}

#[test]
fn statistics_and_shared_data_are_common_and_memory_is_not() {
    let mut workers = workers(3);
    workers.on_all(|index, envoy| {
        let mut connection = envoy.connect();
        for _ in 0..100 {
            connection.client_sends(vec![b'x'; index + 1]);
        }
    });
    assert_eq!(workers.stats().total("tally_octets_total", &[]), 600);
    assert_eq!(workers.on(2, |envoy| octets_in_shared_data(envoy)), 600);
    assert_eq!(workers.on_all(|_, _| SEEN_HERE.get()), [100, 200, 300]);
    assert_eq!(workers.on(0, |envoy| envoy.stats().total("tally_octets_total", &[])), 600);
}

#[test]
fn the_worker_that_registered_last_is_told_of_messages_of_all() {
    let mut workers = workers(2);
    told(&mut workers);
    for worker in [0, 1] {
        workers.on(worker, move |envoy| {
            envoy.take_log();
            envoy.connect().client_sends(vec![b'x'; worker + 1]);
            let told_in_the_meantime = envoy.messages(LogLevel::Info).len();
            assert_eq!(told_in_the_meantime, worker, "its own messages a worker gets at once");
        });
    }
    assert_eq!(told(&mut workers), [vec![], vec!["told 2".to_owned()]]);
}

#[test]
fn a_message_reaches_the_other_worker_when_the_story_is_over() {
    let mut workers = workers(2);
    told(&mut workers);
    workers.on(0, |envoy| drop(envoy.connect().client_sends("hello")));
    assert_eq!(told(&mut workers), [vec![], vec!["told 5".to_owned()]]);
}

#[test]
fn connections_are_numbered_over_all_workers() {
    let mut workers = workers(2);
    let numbers = [0, 1].map(|worker| {
        workers.on(worker, |envoy| {
            let mut connection = envoy.connect();
            assert_eq!(connection.context(), 2, "contexts are a VM's own");
            connection.client_sends("x");
            envoy.messages(LogLevel::Debug)
        })
    });
    assert!(numbers[0].contains(&"connection 1".to_owned()), "{numbers:?}");
    assert!(numbers[1].contains(&"connection 2".to_owned()), "{numbers:?}");
}

#[test]
fn a_connection_is_found_again() {
    let mut workers = workers(2);
    let context = workers.on(1, |envoy| envoy.connect().context());
    let received = workers.on(1, move |envoy| {
        envoy.connection(context).client_sends("hello");
        envoy.connection(context).received_by_server()
    });
    assert_eq!(received, b"hello");
}

#[test]
fn time_passes_for_all() {
    let mut workers = workers(2);
    workers.on_all(|_, envoy| drop(envoy.connect()));
    told(&mut workers);
    workers.advance(Duration::from_secs(1));
    assert_eq!(told(&mut workers), [["a second later"], ["a second later"]]);
}

#[test]
fn all_get_another_configuration() {
    let mut workers = workers(2);
    let refused = workers.reconfigure(r#"{"refuse": true}"#).expect_err("refused");
    assert!(refused.to_string().contains("told to refuse"), "{refused}");
    workers.reconfigure(r#"{"refuse": false}"#).expect("configured");
    workers.on(0, |envoy| drop(envoy.connect().client_sends("x")));
    assert_eq!(told(&mut workers)[1].last().map(String::as_str), Some("told 1"));
}

#[test]
fn one_worker_that_refuses_is_enough() {
    let refused = FakeEnvoy::new(module).workers(2).configure(r#"{"refuse": true}"#).expect_err("refused");
    assert!(refused.to_string().contains("told to refuse"), "{refused}");
}

/// The message of the panic that `story` ends in.
fn failure(story: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(story)).expect_err("the story should have failed");
    let formatted = payload.downcast_ref::<String>().cloned();
    formatted.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

#[test]
fn an_assertion_that_fails_in_a_worker_fails_the_test() {
    let message = failure(|| {
        let mut workers = workers(2);
        workers.on(0, |envoy| drop(envoy.connect()));
        workers.on(1, |envoy| assert_eq!(envoy.open_connections(), 7, "there should be seven"));
    });
    assert!(message.contains("there should be seven"), "{message}");
}

#[test]
fn a_worker_that_has_failed_is_gone() {
    let mut workers = workers(1);
    assert_eq!(failure(|| workers.on(0, |_| panic!("the first"))), "the first");
    assert_eq!(failure(|| workers.on(0, |_| ())), "this worker has failed before");
}

#[test]
fn there_is_no_worker_beyond_the_last() {
    let mut workers = workers(2);
    assert_eq!(workers.count(), 2);
    assert_eq!(failure(|| workers.on(2, |_| ())), "there is no worker 2: there are 2, counted from 0");
}
