//! One connection through the fake Envoy, seen from both of its ends.

use std::rc::{Rc, Weak};

use envoy_sdk::{FilterStatus, ResponseFlags};

use crate::flow::Presented;
use crate::stream::{ClosedBy, Opening, Stream, Way};
use crate::world::World;

/// A connection from a client through the filter to a server.
///
/// What a client or server cannot do any more, such as sending after it has ended its side, is refused with a
/// panic that says so: the test is wrong then.
#[derive(Debug)]
pub struct Connection {
    world: Weak<World>,
    context: u32,
}

/// What became of octets that one peer sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// What the filter answered; `None` when Envoy has not shown them to it, because it is not reading.
    pub status: Option<FilterStatus>,
    /// What arrived at the other peer because of this.
    pub received: Vec<u8>,
    /// Whether the other peer has now seen the end of the stream.
    pub end_stream: bool,
}

impl Connection {
    pub(crate) fn new(world: &Rc<World>, context: u32) -> Self {
        Self { world: Rc::downgrade(world), context }
    }

    /// The client sends octets, which Envoy reads in one piece.
    #[track_caller]
    pub fn client_sends(&mut self, octets: impl AsRef<[u8]>) -> Passage {
        assert!(!octets.as_ref().is_empty(), "Envoy reads no piece of 0 octets; use client_ends for the end");
        self.send(Way::ToServer, octets.as_ref(), false)
    }

    /// The client ends its side (FIN) and goes on listening.
    #[track_caller]
    pub fn client_ends(&mut self) -> Passage {
        self.send(Way::ToServer, &[], true)
    }

    /// The client sends its last octets, and Envoy reads them together with the end.
    #[track_caller]
    pub fn client_sends_last(&mut self, octets: impl AsRef<[u8]>) -> Passage {
        self.send(Way::ToServer, octets.as_ref(), true)
    }

    /// The client resets the connection (RST).
    #[track_caller]
    pub fn client_resets(&mut self) {
        self.assert_open("the client cannot reset");
        let world = self.world();
        world.client_resets(self.context);
        world.settle();
    }

    /// The server sends octets, which Envoy reads in one piece.
    #[track_caller]
    pub fn server_sends(&mut self, octets: impl AsRef<[u8]>) -> Passage {
        assert!(!octets.as_ref().is_empty(), "Envoy reads no piece of 0 octets; use server_ends for the end");
        self.send(Way::ToClient, octets.as_ref(), false)
    }

    /// The server ends its side (FIN) and goes on listening.
    #[track_caller]
    pub fn server_ends(&mut self) -> Passage {
        self.send(Way::ToClient, &[], true)
    }

    /// The server sends its last octets, and Envoy reads them together with the end.
    #[track_caller]
    pub fn server_sends_last(&mut self, octets: impl AsRef<[u8]>) -> Passage {
        self.send(Way::ToClient, octets.as_ref(), true)
    }

    /// The server resets the connection (RST): Envoy closes towards the client, and tells the filter only that.
    #[track_caller]
    pub fn server_resets(&mut self) {
        self.assert_open("the server cannot reset");
        self.assert_connected();
        self.with(|stream| stream.set_response_flags(ResponseFlags::UPSTREAM_REMOTE_RESET));
        let world = self.world();
        world.server_resets(self.context);
        world.settle();
    }

    /// Both sides end in good order, the client first.
    #[track_caller]
    pub fn client_closes(&mut self) {
        self.client_ends();
        if self.is_open() {
            self.server_ends();
        }
    }

    /// Both sides end in good order, the server first.
    #[track_caller]
    pub fn server_closes(&mut self) {
        self.server_ends();
        if self.is_open() {
            self.client_ends();
        }
    }

    /// Envoy closes by itself: an idle time-out, a listener that drains.
    #[track_caller]
    pub fn envoy_closes(&mut self) {
        self.assert_open("Envoy cannot close");
        self.close();
    }

    /// All octets that the server has received.
    pub fn received_by_server(&self) -> Vec<u8> {
        self.with(|stream| stream.to_server.delivered.clone())
    }

    /// All octets that the client has received.
    pub fn received_by_client(&self) -> Vec<u8> {
        self.with(|stream| stream.to_client.delivered.clone())
    }

    /// Whether the filter holds back what the client has sent, or the connection itself.
    pub fn holds_back_client(&self) -> bool {
        self.with(|stream| stream.opening == Opening::Held || stream.to_server.holds_back())
    }

    /// Whether the filter holds back what the server has sent.
    pub fn holds_back_server(&self) -> bool {
        self.with(|stream| stream.to_client.holds_back())
    }

    /// Whether Envoy has connected to the server.
    pub fn has_reached_server(&self) -> bool {
        self.with(|stream| stream.opening == Opening::Connected && !stream.options.server_refuses)
    }

    /// Whether the server has seen the end, whoever it came from.
    pub fn server_has_seen_end(&self) -> bool {
        self.with(|stream| stream.to_server.end_delivered || stream.closed.is_some())
    }

    /// Whether the client has seen the end, whoever it came from.
    pub fn client_has_seen_end(&self) -> bool {
        self.with(|stream| stream.to_client.end_delivered || stream.closed.is_some())
    }

    /// Whether the connection has not ended.
    pub fn is_open(&self) -> bool {
        self.closed_by().is_none()
    }

    /// Who ended the connection, as the filter was told.
    pub fn closed_by(&self) -> Option<ClosedBy> {
        self.with(|stream| stream.closed)
    }

    /// Filter state that the filter has set: what an access log prints for `%FILTER_STATE(wasm.<key>:PLAIN)%`.
    pub fn filter_state(&self, key: &str) -> Option<Vec<u8>> {
        self.with(|stream| stream.filter_state.value(key.as_bytes()))
    }

    /// An object of one of Envoy's own extensions that the filter has put into the filter state, by its full name.
    pub fn filter_state_object(&self, name: &str) -> Option<Vec<u8>> {
        self.with(|stream| stream.filter_state.object(name.as_bytes()))
    }

    /// The context, as the module knows it: log lines and host errors name it.
    pub fn context(&self) -> u32 {
        self.context
    }

    #[track_caller]
    fn close(&self) {
        let world = self.world();
        world.close(self.context, ClosedBy::Envoy);
        world.settle();
    }

    #[track_caller]
    fn send(&mut self, way: Way, octets: &[u8], end: bool) -> Passage {
        let sender = match way {
            Way::ToServer => "client",
            Way::ToClient => "server",
        };
        self.assert_open(&format!("the {sender} cannot send"));
        if way == Way::ToClient {
            self.assert_connected();
        }
        let before = self.with(|stream| {
            let flow = stream.flow(way);
            assert!(!flow.ended, "the {sender} has ended its side already");
            flow.delivered.len()
        });
        let world = self.world();
        let presented = world.arrive(self.context, way, octets, end);
        world.settle();
        self.with(|stream| {
            let flow = stream.flow(way);
            let status = match presented {
                Presented::Unread => None,
                Presented::Continued => Some(FilterStatus::Continue),
                Presented::Paused => Some(FilterStatus::StopIteration),
            };
            Passage { status, received: flow.delivered[before..].to_vec(), end_stream: flow.end_delivered }
        })
    }

    #[track_caller]
    fn assert_open(&self, what: &str) {
        if let Some(by) = self.closed_by() {
            panic!("{what}: the connection has been closed by {by:?}");
        }
    }

    #[track_caller]
    fn assert_connected(&self) {
        let opening = self.with(|stream| stream.opening);
        assert!(
            opening == Opening::Connected,
            "the filter has paused the connection in on_new_connection: Envoy has not connected to the server yet"
        );
    }

    #[track_caller]
    fn world(&self) -> Rc<World> {
        self.world.upgrade().expect("the FakeEnvoy of this connection has been dropped")
    }

    #[track_caller]
    fn with<T>(&self, with: impl FnOnce(&mut Stream) -> T) -> T {
        let world = self.world();
        let mut state = world.state();
        with(state.streams.get_mut(&self.context).expect("a connection's record outlives its context"))
    }
}
