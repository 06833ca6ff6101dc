//! What all VMs of one Envoy share, whichever thread they are on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::shared_data::SharedValues;
use crate::shared_queue::SharedQueues;
use crate::stats::StatStore;

/// One Envoy process, as its workers hold it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Process(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    stats: Mutex<StatStore>,
    values: Mutex<SharedValues>,
    queues: Mutex<SharedQueues>,
    last_connection_id: AtomicU64,
    failed: AtomicBool,
}

impl Process {
    pub(crate) fn stats(&self) -> MutexGuard<'_, StatStore> {
        lock(&self.0.stats)
    }

    pub(crate) fn shared_data(&self) -> MutexGuard<'_, SharedValues> {
        lock(&self.0.values)
    }

    pub(crate) fn queues(&self) -> MutexGuard<'_, SharedQueues> {
        lock(&self.0.queues)
    }

    /// Connections are numbered over all workers.
    pub(crate) fn next_connection_id(&self) -> u64 {
        self.0.last_connection_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// An assertion has failed in one of the workers.
    pub(crate) fn fail(&self) {
        self.0.failed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.0.failed.load(Ordering::Relaxed)
    }
}

/// No operation on these leaves them half done, so what another thread's panic left is as good as before.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
