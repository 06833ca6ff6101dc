//! Queues between the VMs of an Envoy.

use crate::abi::host;
use crate::error::Result;

/// A queue of messages that VMs of any plugin pass to one another, also from thread to thread.
///
/// A queue belongs to the `vm_id` that has registered it, and to one VM at a time: **the one that registered it
/// last** is told of every message (`on_queue_ready`), whoever has put it in. A factory that registers in
/// `configure` does so in each of Envoy's workers (and, before, on its main thread), so only the last worker to start
/// is told, while messages of all workers are in the same queue. Where all is to arrive in one place on purpose,
/// register in a [`BackgroundService`](crate::BackgroundService), of which there is one, and let the workers
/// [`resolve`](Self::resolve).
///
/// Each message is announced once, some time after the callback that sent it, in the thread of the VM that is told.
/// Anyone who holds the queue may take messages out before, so `on_queue_ready` has to expect an empty queue; and it
/// may find several messages at once. Messages stay until they are taken or Envoy ends: a queue has no bound.
///
/// Measured on Envoy 1.36.2 and 1.40.0.
///
/// ```
/// use envoy_sdk::{
///     BackgroundService, CallbackContext, ConfigureContext, NetworkContext, NetworkFilter, NetworkFilterFactory, Result,
///     SharedQueue,
/// };
/// # use envoy_sdk::Module;
/// # use envoy_sdk_test::{FakeEnvoy, LogLevel};
///
/// # #[derive(serde::Deserialize)]
/// # struct Config {}
/// /// Is told of what all workers have seen.
/// struct Collector;
///
/// impl BackgroundService for Collector {
///     const NAME: &'static str = "collector";
///     type Config = Config;
///
///     fn configure(_config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
///         SharedQueue::register("seen")?;
///         Ok(Self)
///     }
///
///     fn on_queue_ready(&mut self, _cx: &mut CallbackContext<'_>, queue: SharedQueue) -> Result<()> {
///         while let Some(message) = queue.dequeue()? {
///             log::info!("{} octets", message.len());
///         }
///         Ok(())
///     }
/// }
///
/// /// In a filter of any worker.
/// fn tell(message: &[u8]) -> Result<()> {
///     match SharedQueue::resolve("collector-vm", "seen")? {
///         Some(queue) => queue.enqueue(message),
///         None => Ok(()), // the collector has not started yet
///     }
/// }
/// # let envoy = FakeEnvoy::new(|| Module::new().background_service::<Collector>());
/// # drop(envoy.configure("{}")?);
/// # Ok::<(), envoy_sdk_test::Refused>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SharedQueue {
    id: u32,
}

impl SharedQueue {
    /// The queue of this name of this plugin's `vm_id`, made if there is none, to be told of its messages from now on.
    /// Registered by a stream, it is the stream's plugin that is told.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn register(name: &str) -> Result<Self> {
        Ok(Self { id: host::register_shared_queue(name)? })
    }

    /// The queue that a plugin with this `vm_id` has registered under this name, to put messages into; `None` while
    /// none has.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn resolve(vm_id: &str, name: &str) -> Result<Option<Self>> {
        Ok(host::resolve_shared_queue(vm_id, name)?.map(|id| Self { id }))
    }

    /// Puts a message at the end.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn enqueue(&self, message: &[u8]) -> Result<()> {
        Ok(host::enqueue_shared_queue(self.id, message)?)
    }

    /// Takes the oldest message; `None` when there is none.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn dequeue(&self) -> Result<Option<Vec<u8>>> {
        Ok(host::dequeue_shared_queue(self.id)?)
    }

    pub(crate) const fn from_id(id: u32) -> Self {
        Self { id }
    }
}
