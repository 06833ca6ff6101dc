//! The attributes that a module can ask for, in the form that Envoy answers.

use std::collections::BTreeMap;

use envoy_sdk::Status;
use envoy_sdk::native_host::Answer;

/// A property's value as octets, made from the type that Envoy documents for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyValue(Vec<u8>);

impl From<&str> for PropertyValue {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for PropertyValue {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

/// Numbers, durations and times (both in nanoseconds): eight octets, least significant first.
impl From<u64> for PropertyValue {
    fn from(number: u64) -> Self {
        Self(number.to_le_bytes().to_vec())
    }
}

impl From<bool> for PropertyValue {
    fn from(value: bool) -> Self {
        Self(vec![value.into()])
    }
}

/// Octets as they are: serialised messages, or something that no Envoy would answer.
impl From<&[u8]> for PropertyValue {
    fn from(octets: &[u8]) -> Self {
        Self(octets.to_vec())
    }
}

/// A set of properties by path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Properties(BTreeMap<Vec<u8>, Vec<u8>>);

impl Properties {
    pub(crate) fn set(&mut self, path: &[&str], value: impl Into<PropertyValue>) {
        self.0.insert(path.join("\0").into_bytes(), value.into().0);
    }

    pub(crate) fn get(&self, path: &[u8]) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }
}

/// Groups of attributes that a connection has: asked for as a whole, they cannot be serialised.
const GROUPS: [&[u8]; 3] = [b"connection", b"source", b"filter_state"];

/// What Envoy answers for a path that is no attribute: filter state under its bare key, or a reason.
pub(crate) fn fallback(path: &[u8], filter_state: Option<&BTreeMap<Vec<u8>, Vec<u8>>>) -> Answer<Vec<u8>> {
    if path.is_empty() || (filter_state.is_some() && GROUPS.contains(&path)) {
        return Err(Status::SERIALIZATION_FAILURE);
    }
    // A key of several segments can be written but never be read again.
    let readable = !path.contains(&0);
    let value = filter_state.filter(|_| readable).and_then(|state| state.get(path));
    value.cloned().ok_or(Status::NOT_FOUND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_by_type() {
        let mut properties = Properties::default();
        properties.set(&["connection", "id"], 258);
        properties.set(&["connection", "mtls"], true);
        properties.set(&["plugin_name"], "mail");
        assert_eq!(properties.get(b"connection\0id"), Some(&[2, 1, 0, 0, 0, 0, 0, 0][..]));
        assert_eq!(properties.get(b"connection\0mtls"), Some(&[1][..]));
        assert_eq!(properties.get(b"plugin_name"), Some(&b"mail"[..]));
        assert_eq!(properties.get(b"connection"), None);
    }

    /// As Envoy 1.36.2 and 1.40.0 answered.
    #[test]
    fn filter_state_is_read_under_its_bare_key() {
        let state = BTreeMap::from([(b"k".to_vec(), b"v".to_vec()), (b"a\0b".to_vec(), b"v".to_vec())]);
        let of_connection = |path: &[u8]| fallback(path, Some(&state));
        assert_eq!(of_connection(b"k"), Ok(b"v".to_vec()));
        assert_eq!(of_connection(b"wasm.k"), Err(Status::NOT_FOUND));
        assert_eq!(of_connection(b"filter_state\0wasm.k"), Err(Status::NOT_FOUND));
        assert_eq!(of_connection(b"a\0b"), Err(Status::NOT_FOUND));
        assert_eq!(of_connection(b"connection"), Err(Status::SERIALIZATION_FAILURE));
        assert_eq!(of_connection(b""), Err(Status::SERIALIZATION_FAILURE));
        assert_eq!(fallback(b"connection", None), Err(Status::NOT_FOUND));
    }
}
