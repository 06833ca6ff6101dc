//! The attributes that a module can ask for, in the form that Envoy answers.

use std::collections::BTreeMap;

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

    /// `<group>.address` and `<group>.port`.
    pub(crate) fn set_address(&mut self, group: &str, address: &str) {
        self.set(&[group, "address"], address);
        if let Some(port) = address.rsplit(':').next().and_then(|port| port.parse::<u64>().ok()) {
            self.set(&[group, "port"], port);
        }
    }

    /// These and others, which come first where both have the same.
    pub(crate) fn with(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    pub(crate) fn get(&self, path: &[u8]) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }
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
}
