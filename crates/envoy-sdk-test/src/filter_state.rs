//! Filter state: values and objects of a stream, and of the connection that it is on.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use envoy_sdk::native_host::Answer;
use envoy_sdk::{LifeSpan, Status};

use crate::world::State;

/// The name under which Envoy keeps what an extension sets as `key`.
const PREFIX: &[u8] = b"wasm.";

/// What a plugin has said about one of its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Declaration {
    pub(crate) read_only: bool,
    /// Declared as a protobuf message: served under the bare key only.
    pub(crate) is_message: bool,
    pub(crate) life_span: LifeSpan,
}

/// The declarations of all contexts. Those of a stream's are accepted, and no one looks at them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declarations(BTreeMap<(u32, Vec<u8>), Declaration>);

impl Declarations {
    /// A key can be declared once per context.
    pub(crate) fn declare(&mut self, context: u32, key: &[u8], declaration: Declaration) -> Answer<()> {
        match self.0.entry((context, key.to_vec())) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(declaration);
                Ok(())
            }
            std::collections::btree_map::Entry::Occupied(_) => Err(Status::BAD_ARGUMENT),
        }
    }

    fn of_plugin(&self, root: u32, key: &[u8]) -> Declaration {
        self.0.get(&(root, key.to_vec())).cloned().unwrap_or_default()
    }
}

/// Something in the filter state.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    octets: Vec<u8>,
    declaration: Declaration,
}

type Entries = BTreeMap<Vec<u8>, Entry>;

/// The filter state that a stream sees.
#[derive(Clone, Debug, Default)]
pub(crate) struct FilterState {
    of_stream: Entries,
    of_connection: Rc<RefCell<Entries>>,
}

impl FilterState {
    /// The filter state of another request on the same connection.
    pub(crate) fn of_next_request(&self) -> Self {
        Self { of_stream: Entries::new(), of_connection: Rc::clone(&self.of_connection) }
    }

    /// The octets of a value that an extension has set.
    pub(crate) fn value(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.get(&[PREFIX, key].concat()).map(|entry| entry.octets)
    }

    /// The octets of an object by its full name.
    pub(crate) fn object(&self, name: &[u8]) -> Option<Vec<u8>> {
        self.get(name).map(|entry| entry.octets)
    }

    /// What `filter_state.<name>` answers.
    pub(crate) fn served(&self, name: &[u8]) -> Answer<Vec<u8>> {
        match self.get(name) {
            Some(entry) if entry.declaration.is_message => Err(Status::SERIALIZATION_FAILURE),
            Some(entry) => Ok(entry.octets),
            None => Err(Status::NOT_FOUND),
        }
    }

    /// What is there already keeps its declaration, whoever made it.
    fn set_value(&mut self, key: &[u8], octets: &[u8], declaration: Declaration) -> Answer<()> {
        let name = [PREFIX, key].concat();
        match self.get(&name) {
            Some(entry) if entry.declaration.read_only => Err(Status::BAD_ARGUMENT),
            Some(entry) => {
                self.put(name, Entry { octets: octets.to_vec(), ..entry });
                Ok(())
            }
            None => {
                self.put(name, Entry { octets: octets.to_vec(), declaration });
                Ok(())
            }
        }
    }

    /// Envoy lets an object take another's place, also with another life span.
    fn set_object(&mut self, name: &[u8], octets: Vec<u8>, life_span: LifeSpan) {
        self.of_stream.remove(name);
        self.of_connection.borrow_mut().remove(name);
        let declaration = Declaration { life_span, ..Declaration::default() };
        self.put(name.to_vec(), Entry { octets, declaration });
    }

    fn get(&self, name: &[u8]) -> Option<Entry> {
        let of_stream = self.of_stream.get(name).cloned();
        of_stream.or_else(|| self.of_connection.borrow().get(name).cloned())
    }

    fn put(&mut self, name: Vec<u8>, entry: Entry) {
        if entry.declaration.life_span == LifeSpan::Connection {
            self.of_connection.borrow_mut().insert(name, entry);
        } else {
            self.of_stream.insert(name, entry);
        }
    }
}

/// Values by the bare keys under which extensions have set them.
impl FromIterator<(Vec<u8>, Vec<u8>)> for FilterState {
    fn from_iter<I: IntoIterator<Item = (Vec<u8>, Vec<u8>)>>(values: I) -> Self {
        let declaration = Declaration::default();
        let entry = |octets| Entry { octets, declaration: declaration.clone() };
        let named = values.into_iter().map(|(key, octets)| ([PREFIX, &key].concat(), entry(octets)));
        Self { of_stream: named.collect(), ..Self::default() }
    }
}

impl State {
    /// The filter state of the stream that a host call is for.
    fn current_filter_state(&mut self) -> Option<&mut FilterState> {
        let context = self.current()?;
        let of_connection = self.streams.get_mut(&context).map(|stream| &mut stream.filter_state);
        of_connection.or_else(|| self.http_streams.get_mut(&context).map(|stream| &mut stream.filter_state))
    }

    /// `proxy_set_property`. A plugin has no filter state.
    pub(crate) fn set_filter_state(&mut self, key: &[u8], octets: &[u8]) -> Answer<()> {
        let declaration = match self.current_root() {
            Some(root) => self.declarations.of_plugin(root, key),
            None => Declaration::default(),
        };
        let state = self.current_filter_state().ok_or(Status::NOT_FOUND)?;
        state.set_value(key, octets, declaration)
    }

    /// Makes one of Envoy's own objects.
    pub(crate) fn set_filter_state_object(
        &mut self,
        name: &[u8],
        value: &[u8],
        life_span: LifeSpan,
    ) -> Answer<()> {
        let state = self.current_filter_state().ok_or(Status::NOT_FOUND)?;
        let octets = made_by_factory(name, value)?;
        state.set_object(name, octets, life_span);
        Ok(())
    }
}

/// What the factory that is registered under this name makes of the value, as `filter_state.<name>` shows it. Those
/// of Envoy 1.40 that a module can use for something.
fn made_by_factory(name: &[u8], value: &[u8]) -> Answer<Vec<u8>> {
    let text = std::str::from_utf8(value).map_err(|_| Status::BAD_ARGUMENT)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| Status::BAD_ARGUMENT);
    Ok(match name {
        b"envoy.string"
        | b"envoy.hashable_string"
        | b"envoy.tcp_proxy.cluster"
        | b"envoy.network.upstream_server_name"
        | b"envoy.network.upstream_subject_alt_names"
        | b"envoy.upstream.dynamic_host" => value.to_vec(),
        b"envoy.tcp_proxy.disable_tunneling" => (text == "true").to_string().into_bytes(),
        b"envoy.tcp_proxy.per_connection_idle_timeout_ms"
        | b"envoy.ratelimit.hits_addend"
        | b"envoy.upstream.dynamic_port" => number(text)?.to_string().into_bytes(),
        b"envoy.network.ip" => {
            let ip: std::net::IpAddr = text.parse().map_err(|_| Status::BAD_ARGUMENT)?;
            std::net::SocketAddr::new(ip, 0).to_string().into_bytes()
        }
        _ => return Err(Status::NOT_FOUND),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTION: Declaration =
        Declaration { read_only: false, is_message: false, life_span: LifeSpan::Connection };

    // The expectations are what Envoy 1.36.2 and 1.40.0 did.

    #[test]
    fn a_value_stays_as_long_as_it_was_declared() {
        let mut first = FilterState::default();
        first.set_value(b"connection", b"c", CONNECTION).unwrap();
        first.set_value(b"chain", b"f", Declaration::default()).unwrap();
        let mut next = first.of_next_request();
        assert_eq!((next.value(b"connection"), next.value(b"chain")), (Some(b"c".to_vec()), None));
        next.set_value(b"connection", b"d", Declaration::default()).unwrap();
        assert_eq!(first.value(b"connection"), Some(b"d".to_vec()), "it keeps the life span it has");
    }

    #[test]
    fn what_is_read_only_is_set_once_by_whomever() {
        let mut state = FilterState::default();
        let read_only = Declaration { read_only: true, ..Declaration::default() };
        assert_eq!(state.set_value(b"k", b"1", read_only), Ok(()));
        assert_eq!(state.set_value(b"k", b"2", Declaration::default()), Err(Status::BAD_ARGUMENT));
        assert_eq!(state.value(b"k"), Some(b"1".to_vec()));
    }

    #[test]
    fn a_message_is_served_under_its_bare_key_only() {
        let mut state = FilterState::default();
        let message = Declaration { is_message: true, ..Declaration::default() };
        state.set_value(b"m", b"\x0a\x00", message).unwrap();
        state.set_value(b"b", b"v", Declaration::default()).unwrap();
        assert_eq!(state.value(b"m"), Some(b"\x0a\x00".to_vec()));
        assert_eq!(state.served(b"wasm.m"), Err(Status::SERIALIZATION_FAILURE));
        assert_eq!(
            (state.served(b"wasm.b"), state.served(b"b")),
            (Ok(b"v".to_vec()), Err(Status::NOT_FOUND))
        );
    }

    #[test]
    fn an_object_is_made_by_its_factory() {
        assert_eq!(made_by_factory(b"envoy.tcp_proxy.cluster", b"up"), Ok(b"up".to_vec()));
        assert_eq!(made_by_factory(b"envoy.network.ip", b"192.0.2.1"), Ok(b"192.0.2.1:0".to_vec()));
        assert_eq!(made_by_factory(b"envoy.network.ip", b"none"), Err(Status::BAD_ARGUMENT));
        assert_eq!(made_by_factory(b"envoy.upstream.dynamic_port", b"abc"), Err(Status::BAD_ARGUMENT));
        assert_eq!(made_by_factory(b"envoy.tcp_proxy.disable_tunneling", b"no"), Ok(b"false".to_vec()));
        assert_eq!(made_by_factory(b"my.own", b"x"), Err(Status::NOT_FOUND));
    }

    #[test]
    fn an_object_takes_another_s_place() {
        let mut state = FilterState::default();
        state.set_object(b"envoy.string", b"a".to_vec(), LifeSpan::FilterChain);
        state.set_object(b"envoy.string", b"b".to_vec(), LifeSpan::Connection);
        assert_eq!(state.object(b"envoy.string"), Some(b"b".to_vec()));
        assert_eq!(state.of_next_request().object(b"envoy.string"), Some(b"b".to_vec()));
    }

    #[test]
    fn a_key_is_declared_once_per_context() {
        let mut declarations = Declarations::default();
        assert_eq!(declarations.declare(1, b"k", CONNECTION), Ok(()));
        assert_eq!(declarations.declare(1, b"k", CONNECTION), Err(Status::BAD_ARGUMENT));
        assert_eq!(declarations.declare(2, b"k", CONNECTION), Ok(()));
        assert_eq!(declarations.of_plugin(1, b"other"), Declaration::default());
    }
}
