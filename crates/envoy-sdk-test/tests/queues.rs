//! Shared queues: who is told of messages, and when. As Envoy 1.36.2 and 1.40.0 had it.

use envoy_sdk::{
    CallbackContext, ConfigureContext, FilterStatus, Module, NetworkContext, NetworkFilter,
    NetworkFilterFactory, Result, SharedQueue, Status,
};
use envoy_sdk_test::{Argument, Direction, FakeEnvoy, HostCall, LogLevel, Moment};

/// Puts what clients send into a queue, and takes out one message each time it is told of one.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// The VM id that the queue to send to belongs to; this one's otherwise.
    send_to: Option<String>,
    /// Filters take the message out again before anyone is told.
    take_back: bool,
    /// Filters register the queue instead of the factory.
    register_late: bool,
}

struct Factory {
    config: std::rc::Rc<Config>,
}

struct Sender {
    config: std::rc::Rc<Config>,
}

impl NetworkFilterFactory for Factory {
    const NAME: &'static str = "mail-room";
    type Config = Config;
    type Filter = Sender;

    fn configure(config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        if config.send_to.is_none() && !config.register_late {
            SharedQueue::register("letters")?;
        }
        Ok(Self { config: config.into() })
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Sender> {
        Ok(Sender { config: self.config.clone() })
    }

    fn on_queue_ready(&self, _cx: &mut CallbackContext<'_>, queue: SharedQueue) -> Result<()> {
        match queue.dequeue()? {
            Some(message) => log::info!("got {}", String::from_utf8_lossy(&message)),
            None => log::info!("nothing"),
        }
        Ok(())
    }
}

impl NetworkFilter for Sender {
    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        let queue = match &self.config.send_to {
            Some(vm_id) => match SharedQueue::resolve(vm_id, "letters")? {
                Some(queue) => queue,
                None => {
                    log::info!("no such queue");
                    return Ok(FilterStatus::Continue);
                }
            },
            None => SharedQueue::register("letters")?,
        };
        let octets = cx.buffer().chunks(0..cx.buffer().len())?.into_bytes();
        for word in String::from_utf8_lossy(&octets).split_whitespace() {
            queue.enqueue(word.as_bytes())?;
        }
        if self.config.take_back {
            queue.dequeue()?;
        }
        log::info!("sent");
        Ok(FilterStatus::Continue)
    }
}

fn module() -> Module {
    Module::new().network_filter::<Factory>()
}

fn envoy(configuration: &str) -> FakeEnvoy {
    FakeEnvoy::new(module).configure(configuration).expect("configured")
}

fn said(envoy: &mut FakeEnvoy) -> Vec<String> {
    envoy
        .take_log()
        .into_iter()
        .filter(|line| line.level == LogLevel::Info)
        .map(|line| line.message)
        .collect()
}

#[test]
fn the_plugin_is_told_of_each_message_when_the_callback_has_returned() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    envoy.take_log();
    connection.client_sends("one two");
    assert_eq!(said(&mut envoy), ["sent", "got one", "got two"]);
    assert_eq!(envoy.queue("letters"), Some(vec![]));
}

#[test]
fn a_message_that_was_taken_before_is_announced_all_the_same() {
    let mut envoy = envoy(r#"{"take_back": true}"#);
    let mut connection = envoy.connect();
    envoy.take_log();
    connection.client_sends("one");
    assert_eq!(said(&mut envoy), ["sent", "nothing"]);
}

#[test]
fn a_stream_registers_for_its_plugin() {
    let mut envoy = envoy(r#"{"register_late": true}"#);
    assert_eq!(envoy.queue("letters"), None);
    let mut connection = envoy.connect();
    connection.client_sends("one");
    connection.client_closes();
    envoy.take_log();
    envoy.enqueue("letters", "later");
    assert_eq!(said(&mut envoy), ["got later"], "also when the stream has gone");
}

#[test]
fn a_queue_of_another_vm_is_found_by_both_names() {
    let mut envoy = envoy(r#"{"send_to": "other"}"#);
    let mut connection = envoy.connect();
    envoy.take_log();
    connection.client_sends("one");
    assert_eq!(said(&mut envoy), ["no such queue"]);
    envoy.register_queue("other", "letters");
    connection.client_sends("two three");
    assert_eq!(said(&mut envoy), ["sent"], "the other VM is told");
    assert_eq!(envoy.queue_of("other", "letters"), Some(vec![b"two".to_vec(), b"three".to_vec()]));
    assert_eq!(envoy.queue("letters"), None);
}

#[test]
fn who_registers_last_takes_over() {
    let mut envoy = envoy("{}");
    envoy.register_queue("fake-vm", "letters");
    envoy.take_log();
    envoy.enqueue("letters", "for the other one");
    assert_eq!(said(&mut envoy), [""; 0]);
    assert_eq!(envoy.queue("letters").map(|messages| messages.len()), Some(1));
}

#[test]
fn a_plugin_that_has_been_replaced_is_not_told() {
    let mut envoy = envoy("{}");
    envoy.reconfigure(r#"{"register_late": true}"#).expect("configured");
    envoy.take_log();
    envoy.enqueue("letters", "lost");
    assert_eq!(said(&mut envoy), [""; 0]);
}

/// `[vm->host] env.proxy_enqueue_shared_queue(1, *, 3)` and so on: addresses masked, line by line as Envoy 1.40.0 wrote.
#[test]
fn the_trace_is_envoys() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    envoy.take_trace();
    connection.client_sends("one");
    let trace = envoy.take_trace();
    let queues = trace.iter().filter(|call| call.function.contains("queue")).map(ToString::to_string);
    assert_eq!(
        queues.collect::<Vec<_>>(),
        [
            "[vm->host] env.proxy_register_shared_queue(*, 7, *)",
            "[vm<-host] env.proxy_register_shared_queue return: 0",
            "[vm->host] env.proxy_enqueue_shared_queue(1, *, 3)",
            "[vm<-host] env.proxy_enqueue_shared_queue return: 0",
            "[host->vm] proxy_on_queue_ready(1, 1)",
            "[vm->host] env.proxy_dequeue_shared_queue(1, *, *)",
            "[vm<-host] env.proxy_dequeue_shared_queue return: 0",
            "[host<-vm] proxy_on_queue_ready return: void",
        ]
    );
    let malloc = trace.iter().rposition(|call| {
        let of_3 = Moment::Begin(vec![Argument::Number(3)]);
        (call.direction, call.function, &call.moment) == (Direction::IntoVm, "malloc", &of_3)
    });
    assert!(malloc.is_some(), "the message is put into the module's memory");
}

#[test]
fn each_call_can_be_made_to_fail() {
    for call in [HostCall::EnqueueSharedQueue, HostCall::RegisterSharedQueue] {
        let mut envoy = envoy("{}");
        let mut connection = envoy.connect();
        envoy.fail_next(call, Status::INTERNAL_FAILURE);
        connection.client_sends("one");
        assert!(!connection.is_open(), "{} failed, and the policy is to close", call.name());
    }
}
