//! Shared queues: messages between VMs, and who is told of them.

use std::collections::{BTreeMap, VecDeque};

use std::sync::MutexGuard;

use envoy_sdk::Status;
use envoy_sdk::native_host::{Answer, exports};

use crate::envoy::FakeEnvoy;
use crate::world::{State, World};

/// All queues of one Envoy. They are numbered from 1 over all VM ids.
#[derive(Debug, Default)]
pub(crate) struct SharedQueues {
    ids: BTreeMap<(Vec<u8>, Vec<u8>), u32>,
    queues: BTreeMap<u32, Queue>,
    /// Announcements that have not been made yet, in the order of the messages.
    announcements: VecDeque<Announcement>,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Vec<u8>>,
    listener: Option<Listener>,
}

/// Who is told of messages: a plugin in the VM of one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) worker: usize,
    pub(crate) root: u32,
}

#[derive(Clone, Copy, Debug)]
struct Announcement {
    listener: Listener,
    queue: u32,
}

impl SharedQueues {
    /// Makes or finds a queue. From now on this listener is told, and no one else; `None`: a VM that is not simulated.
    pub(crate) fn register(&mut self, vm_id: &[u8], name: &[u8], listener: Option<Listener>) -> u32 {
        let next = u32::try_from(self.ids.len()).map_or(u32::MAX, |queues| queues.saturating_add(1));
        let id = *self.ids.entry((vm_id.to_vec(), name.to_vec())).or_insert(next);
        self.queues.entry(id).or_default().listener = listener;
        id
    }

    pub(crate) fn resolve(&self, vm_id: &[u8], name: &[u8]) -> Answer<u32> {
        self.ids.get(&(vm_id.to_vec(), name.to_vec())).copied().ok_or(Status::NOT_FOUND)
    }

    /// Each message is announced, to whoever listens at the moment it is sent.
    pub(crate) fn enqueue(&mut self, id: u32, message: &[u8]) -> Answer<()> {
        let queue = self.queues.get_mut(&id).ok_or(Status::NOT_FOUND)?;
        queue.messages.push_back(message.to_vec());
        let announcement = queue.listener.map(|listener| Announcement { listener, queue: id });
        self.announcements.extend(announcement);
        Ok(())
    }

    pub(crate) fn dequeue(&mut self, id: u32) -> Answer<Vec<u8>> {
        let queue = self.queues.get_mut(&id).ok_or(Status::NOT_FOUND)?;
        queue.messages.pop_front().ok_or(Status::EMPTY)
    }

    pub(crate) fn messages(&self, vm_id: &[u8], name: &[u8]) -> Option<Vec<Vec<u8>>> {
        let queue = self.queues.get(&self.resolve(vm_id, name).ok()?)?;
        Some(queue.messages.iter().cloned().collect())
    }

    /// Takes the next announcement for a worker: its plugin and the queue.
    fn next_announcement(&mut self, worker: usize) -> Option<(u32, u32)> {
        let place = self.announcements.iter().position(|next| next.listener.worker == worker)?;
        let next = self.announcements.remove(place)?;
        Some((next.listener.root, next.queue))
    }

    /// Whether a worker has still to be told of something.
    pub(crate) fn has_announcements(&self) -> bool {
        !self.announcements.is_empty()
    }
}

impl State {
    pub(crate) fn queues(&self) -> MutexGuard<'_, SharedQueues> {
        self.settings.process.queues()
    }

    /// `proxy_register_shared_queue`. A stream registers for its plugin.
    pub(crate) fn register_queue(&self, name: &[u8]) -> Answer<u32> {
        let listener = self.current_root().map(|root| Listener { worker: self.settings.worker, root });
        Ok(self.queues().register(self.settings.vm_id.as_bytes(), name, listener))
    }
}

impl World {
    /// Tells the plugins of this VM of messages that have come. Envoy does so when it is done with the event in which
    /// they were sent: to be called at the end of everything that a test lets happen.
    pub(crate) fn settle(&self) {
        let (process, worker) = {
            let state = self.state();
            if state.current().is_some() {
                return;
            }
            (state.settings.process.clone(), state.settings.worker)
        };
        loop {
            let next = process.queues().next_announcement(worker);
            let Some((root, queue)) = next else { return };
            let exists = self.state().roots.contains_key(&root);
            if exists {
                self.enter("proxy_on_queue_ready", root, &[root.into(), queue.into()], || {
                    exports::queue_ready(root, queue);
                });
            }
        }
    }
}

/// # Shared queues
/// A queue belongs to a VM id. Those of FakeEnvoy's own are named without it.
impl FakeEnvoy {
    /// The messages that are in a queue; `None` when no VM of this id has registered it.
    pub fn queue(&self, name: impl AsRef<[u8]>) -> Option<Vec<Vec<u8>>> {
        let vm_id = self.settings().vm_id;
        self.queue_of(vm_id, name)
    }

    /// The messages that are in a queue of another VM id.
    pub fn queue_of(&self, vm_id: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> Option<Vec<Vec<u8>>> {
        self.settings().process.queues().messages(vm_id.as_ref(), name.as_ref())
    }

    /// Another VM registers a queue: it is told of messages from now on.
    pub fn register_queue(&mut self, vm_id: impl AsRef<[u8]>, name: impl AsRef<[u8]>) {
        self.settings().process.queues().register(vm_id.as_ref(), name.as_ref(), None);
    }

    /// Another VM puts a message into a queue of this VM's id, and the module is told if it listens.
    ///
    /// # Panics
    /// When no VM of this id has registered the queue.
    #[track_caller]
    pub fn enqueue(&mut self, name: impl AsRef<[u8]>, message: impl AsRef<[u8]>) {
        let settings = self.settings();
        {
            let mut queues = settings.process.queues();
            let sent = queues
                .resolve(settings.vm_id.as_bytes(), name.as_ref())
                .and_then(|id| queues.enqueue(id, message.as_ref()));
            drop(queues);
            assert!(
                sent.is_ok(),
                "no VM has registered the queue {:?} under the VM id {:?}",
                String::from_utf8_lossy(name.as_ref()),
                settings.vm_id
            );
        }
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Option<Listener> = Some(Listener { worker: 0, root: 1 });
    const THERE: Option<Listener> = Some(Listener { worker: 1, root: 1 });

    /// As Envoy 1.36.2 and 1.40.0 answered.
    #[test]
    fn queues_are_numbered_over_all_vm_ids_and_found_by_both_names() {
        let mut queues = SharedQueues::default();
        assert_eq!(queues.resolve(b"v", b"q"), Err(Status::NOT_FOUND));
        assert_eq!((queues.register(b"v", b"q", HERE), queues.register(b"v", b"q", HERE)), (1, 1));
        assert_eq!((queues.register(b"v", b"q2", HERE), queues.register(b"w", b"q", HERE)), (2, 3));
        assert_eq!(
            (queues.resolve(b"w", b"q"), queues.resolve(b"w", b"q2")),
            (Ok(3), Err(Status::NOT_FOUND))
        );
        assert_eq!((queues.dequeue(1), queues.dequeue(99)), (Err(Status::EMPTY), Err(Status::NOT_FOUND)));
        assert_eq!(queues.enqueue(99, b"x"), Err(Status::NOT_FOUND));
    }

    #[test]
    fn who_has_registered_last_is_told_of_each_message() {
        let mut queues = SharedQueues::default();
        let id = queues.register(b"v", b"q", HERE);
        queues.enqueue(id, b"one").unwrap();
        queues.register(b"v", b"q", THERE);
        for message in [b"two", b"six"] {
            queues.enqueue(id, message).unwrap();
        }
        assert_eq!((queues.next_announcement(0), queues.next_announcement(0)), (Some((1, id)), None));
        assert_eq!([(); 3].map(|()| queues.next_announcement(1)), [Some((1, id)), Some((1, id)), None]);
        assert_eq!((queues.dequeue(id), queues.dequeue(id)), (Ok(b"one".to_vec()), Ok(b"two".to_vec())));
        assert_eq!(queues.messages(b"v", b"q"), Some(vec![b"six".to_vec()]));
    }
}
