//! One connection as Envoy keeps it.

use crate::connect_options::ConnectOptions;
use crate::filter_state::FilterState;
use crate::properties::Properties;

/// Who ended the connection, as the module is told in `on_downstream_close`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedBy {
    /// This Envoy: the filter closed, the server ended or was never reached, a time-out.
    Envoy,
    /// The client.
    Client,
}

impl ClosedBy {
    /// `proxy_peer_type_t`.
    pub(crate) const fn code(self) -> u32 {
        match self {
            Self::Envoy => 1,
            Self::Client => 2,
        }
    }
}

/// Which way octets flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the client to the server: `on_downstream_data`.
    ToServer,
    /// From the server to the client: `on_upstream_data`.
    ToClient,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) root: u32,
    pub(crate) options: ConnectOptions,
    pub(crate) properties: Properties,
    pub(crate) filter_state: FilterState,
    /// The client's TLS handshake is done, if there is one.
    pub(crate) handshake_done: bool,
    pub(crate) opening: Opening,
    pub(crate) to_server: Flow,
    pub(crate) to_client: Flow,
    /// Set as soon as the connection begins to end: nothing flows any more.
    pub(crate) closed: Option<ClosedBy>,
    /// `proxy_on_delete` has been called: the context is no more.
    pub(crate) deleted: bool,
    /// The client has reset the connection while Envoy was not reading.
    pub(crate) reset_unread: bool,
    /// The server has reset the connection while Envoy was not reading.
    pub(crate) server_reset_unread: bool,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// In `on_new_connection`, or paused by it: Envoy neither reads nor connects to the server.
    Held,
    /// The server has answered.
    Connected,
}

/// One direction of a connection.
///
/// ```text
/// sender -> unread -> buffer -> (filter) -> delivered
/// ```
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// In the socket: Envoy is not reading.
    pub(crate) unread: Vec<u8>,
    /// In Envoy's buffer: about to be presented, or held back by the filter.
    pub(crate) buffer: Vec<u8>,
    /// Whether the module can reach the buffer.
    pub(crate) reachable: bool,
    /// The sender has ended its side.
    pub(crate) ended: bool,
    /// The end has been presented to the filter.
    pub(crate) end_presented: bool,
    /// What the other side has received.
    pub(crate) delivered: Vec<u8>,
    /// The other side has seen the end.
    pub(crate) end_delivered: bool,
    /// Octets presented, those presented again included.
    pub(crate) presented: u64,
}

impl Flow {
    /// Takes the octets out of the buffer, and the end if it has been presented.
    pub(crate) fn pass_on(&mut self) {
        self.delivered.append(&mut self.buffer);
        self.end_delivered |= self.end_presented;
    }

    /// Whether the filter has paused with something that has not gone on since.
    pub(crate) fn holds_back(&self) -> bool {
        !self.buffer.is_empty() || (self.end_presented && !self.end_delivered)
    }
}

impl Stream {
    pub(crate) fn flow(&mut self, way: Way) -> &mut Flow {
        match way {
            Way::ToServer => &mut self.to_server,
            Way::ToClient => &mut self.to_client,
        }
    }

    /// The connection to the server is over once both have ended their side of it; the one to the client
    /// likewise. Each takes the other with it. `last` is the direction in which something happened last.
    pub(crate) fn finished(&self, last: Way) -> Option<ClosedBy> {
        let with_client = self.to_server.end_presented && self.to_client.end_delivered;
        let with_server = self.to_client.end_presented && self.to_server.end_delivered;
        match (with_client, with_server, last) {
            (true, _, Way::ToServer) => Some(ClosedBy::Client),
            (true, _, Way::ToClient) | (_, true, _) => Some(ClosedBy::Envoy),
            (false, false, _) => None,
        }
    }
}
