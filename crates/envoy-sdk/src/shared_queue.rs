//! Queues between the VMs of an Envoy.

/// A queue of messages between VMs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedQueue {
    id: u32,
}

impl SharedQueue {
    pub(crate) const fn from_id(id: u32) -> Self {
        Self { id }
    }
}
