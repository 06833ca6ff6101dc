//! Shared data: values with versions.

use std::collections::BTreeMap;

use std::sync::MutexGuard;

use envoy_sdk::Status;
use envoy_sdk::native_host::Answer;

use crate::world::State;

/// The values that all VMs of one `vm_id` share.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedValues {
    values: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    /// Versions are counted over all keys.
    last_version: u32,
}

impl SharedValues {
    /// The value and its version.
    pub(crate) fn get(&self, key: &[u8]) -> Answer<(Vec<u8>, u32)> {
        self.values.get(key).cloned().ok_or(Status::NOT_FOUND)
    }

    /// Stores a value. A version other than 0 must be the value's own; a key that is new takes any.
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8], version: u32) -> Answer<()> {
        if let Some((_, current)) = self.values.get(key)
            && version != 0
            && version != *current
        {
            return Err(Status::CAS_MISMATCH);
        }
        self.last_version += 1;
        self.values.insert(key.to_vec(), (value.to_vec(), self.last_version));
        Ok(())
    }
}

impl State {
    pub(crate) fn shared_data(&self) -> MutexGuard<'_, SharedValues> {
        self.settings.process.shared_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Envoy 1.36.2 and 1.40.0 answered.
    #[test]
    fn versions_guard_what_is_there() {
        let mut shared = SharedValues::default();
        assert_eq!(shared.get(b"a"), Err(Status::NOT_FOUND));
        assert_eq!(shared.set(b"a", b"x", 0), Ok(()));
        assert_eq!(shared.get(b"a"), Ok((b"x".to_vec(), 1)));
        assert_eq!(shared.set(b"a", b"y", 1), Ok(()));
        assert_eq!(shared.set(b"a", b"z", 0), Ok(()));
        assert_eq!(shared.get(b"a"), Ok((b"z".to_vec(), 3)));
        assert_eq!(shared.set(b"a", b"w", 9), Err(Status::CAS_MISMATCH));
        assert_eq!(shared.set(b"new", b"", 5), Ok(()));
        assert_eq!(shared.get(b"new"), Ok((Vec::new(), 4)));
    }
}
