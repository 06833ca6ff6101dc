//! How octets and ends travel through the filter, in the order in which Envoy calls.

use envoy_sdk::native_host::exports;

use crate::connect_options::ConnectOptions;
use crate::connection_properties::connection_properties;
use crate::stream::{ClosedBy, Flow, Opening, Stream, Way};
use crate::trace::Argument;
use crate::world::World;

const PAUSE: u32 = 1;
/// `proxy_peer_type_t`: Envoy makes up the server's close, and does not know whose it was.
const UNKNOWN_PEER: u32 = 0;

/// What became of something that a peer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presented {
    /// Envoy is not reading: the filter has not seen it.
    Unread,
    /// The filter let it pass.
    Continued,
    /// The filter paused.
    Paused,
}

impl World {
    /// Accepts a connection. Returns its context.
    pub(crate) fn open(&self, root: u32, options: ConnectOptions) -> u32 {
        let context = self.create_context(root, |state, context| {
            let next = state.settings.process.next_connection_id();
            let id = options.connection_id.unwrap_or(next);
            let properties = connection_properties(&options, id, state.clock.now());
            let stream = Stream {
                root,
                options,
                properties,
                filter_state: Default::default(),
                handshake_done: false,
                opening: Opening::Held,
                to_server: Flow::default(),
                to_client: Flow::default(),
                closed: None,
                deleted: false,
                reset_unread: false,
                server_reset_unread: false,
            };
            state.streams.insert(context, stream);
        });
        let status = self.enter("proxy_on_new_connection", context, &[context.into()], || {
            exports::new_connection(context)
        });
        if status != PAUSE {
            self.connect_to_server(context);
        }
        context
    }

    /// Envoy's proxy filter comes after this one: it connects once this one lets it.
    fn connect_to_server(&self, context: u32) {
        let refused = self.with_open(context, |stream| {
            stream.choose_server();
            stream.opening = Opening::Connected;
            if !stream.options.slow_handshake {
                stream.complete_handshake();
            }
            stream.options.server_refuses
        });
        if refused == Some(true) {
            self.close(context, ClosedBy::Envoy);
        }
    }

    /// A peer sends octets, or ends its side, or both at once.
    pub(crate) fn arrive(&self, context: u32, way: Way, octets: &[u8], end: bool) -> Presented {
        let limit = self.state().settings.buffer_limit;
        let readable = self.with_open(context, |stream| {
            let held = stream.opening == Opening::Held;
            let flow = stream.flow(way);
            flow.ended |= end;
            flow.unread.extend_from_slice(octets);
            !held && flow.buffer.len() <= limit
        });
        if readable == Some(true) { self.present(context, way) } else { Presented::Unread }
    }

    /// Reads what is there and shows it to the filter, together with what it held back before.
    fn present(&self, context: u32, way: Way) -> Presented {
        let Some((size, end)) = self.with_open(context, |stream| {
            if way == Way::ToServer {
                stream.complete_handshake();
            }
            let flow = stream.flow(way);
            let mut unread = std::mem::take(&mut flow.unread);
            flow.buffer.append(&mut unread);
            flow.reachable = true;
            flow.end_presented = flow.ended;
            flow.presented += flow.buffer.len() as u64;
            (flow.buffer.len(), flow.ended)
        }) else {
            return Presented::Unread;
        };
        let arguments: [Argument; 3] = [context.into(), size.into(), end.into()];
        let status = match way {
            Way::ToServer => self.enter("proxy_on_downstream_data", context, &arguments, || {
                exports::downstream_data(context, size, end)
            }),
            Way::ToClient => self.enter("proxy_on_upstream_data", context, &arguments, || {
                exports::upstream_data(context, size, end)
            }),
        };
        if way == Way::ToClient && end {
            self.server_has_ended(context);
        }
        let paused = status == PAUSE;
        let into_reset = self.with_open(context, |stream| {
            let reset = match way {
                Way::ToServer => stream.server_reset_unread,
                Way::ToClient => stream.reset_unread,
            };
            let flow = stream.flow(way);
            if paused {
                return false;
            }
            let into_reset = reset && !flow.buffer.is_empty();
            flow.pass_on();
            flow.reachable = false;
            into_reset
        });
        if into_reset == Some(true) {
            self.close(context, if way == Way::ToClient { ClosedBy::Client } else { ClosedBy::Envoy });
        }
        self.finish(context, way);
        if paused { Presented::Paused } else { Presented::Continued }
    }

    /// Envoy makes `on_upstream_close` from the end of the data, without looking whether the connection is
    /// still there.
    #[track_caller]
    fn server_has_ended(&self, context: u32) {
        let deleted = self.state().streams.get(&context).is_none_or(|stream| stream.deleted);
        assert!(
            !deleted,
            "the filter closed its connection in on_upstream_data with end_stream: Envoy then calls \
             proxy_on_upstream_connection_close for context {context} after its proxy_on_delete, the proxy-wasm \
             crate panics on the unknown context, and the VM with all its connections is lost"
        );
        self.enter(
            "proxy_on_upstream_connection_close",
            context,
            &[context.into(), UNKNOWN_PEER.into()],
            || {
                exports::upstream_close(context, UNKNOWN_PEER);
            },
        );
    }

    /// `proxy_continue_stream`: what the filter held back goes on behind it, without being shown again.
    pub(crate) fn continue_reading(&self, context: u32) {
        let was_held = self.with_open(context, |stream| stream.opening == Opening::Held);
        match was_held {
            Some(true) => self.connect_to_server(context),
            Some(false) => {
                self.with_open(context, |stream| stream.to_server.pass_on());
                self.finish(context, Way::ToClient);
            }
            None => return,
        }
        let (unread, reset) = self
            .with_open(context, |stream| {
                let flow = &stream.to_server;
                let end_unread = flow.ended && !flow.end_presented;
                (!flow.unread.is_empty() || end_unread, stream.reset_unread)
            })
            .unwrap_or_default();
        if reset {
            self.close(context, ClosedBy::Client);
        } else if unread {
            self.present(context, Way::ToServer);
        }
    }

    /// The client resets the connection. Envoy notices only where it reads: not while a new connection is held, and
    /// after the client's end only when it writes to it.
    pub(crate) fn client_resets(&self, context: u32) {
        let reading = self.with_open(context, |stream| {
            stream.reset_unread = true;
            stream.opening != Opening::Held && !stream.to_server.end_presented
        });
        if reading == Some(true) {
            self.close(context, ClosedBy::Client);
        }
    }

    /// The server resets the connection. After its end, Envoy notices only when it writes to it.
    pub(crate) fn server_resets(&self, context: u32) {
        let reading = self.with_open(context, |stream| {
            stream.server_reset_unread = true;
            !stream.to_client.end_presented
        });
        if reading == Some(true) {
            self.close(context, ClosedBy::Envoy);
        }
    }

    fn finish(&self, context: u32, last: Way) {
        if let Some(by) = self.with_open(context, |stream| stream.finished(last)).flatten() {
            self.close(context, by);
        }
    }

    /// Ends a connection: the last callbacks of its filter, and its context goes.
    pub(crate) fn close(&self, context: u32, by: ClosedBy) {
        if self.with_open(context, |stream| stream.closed = Some(by)).is_none() {
            return;
        }
        let peer = by.code();
        self.enter("proxy_on_downstream_connection_close", context, &[context.into(), peer.into()], || {
            exports::downstream_close(context, peer);
        });
        self.enter("proxy_on_done", context, &[context.into()], || exports::done(context));
        self.enter("proxy_on_log", context, &[context.into()], || exports::log(context));
        self.delete_stream(context);
    }

    /// Lets a context go; with the last of its connections also a plugin that has been replaced.
    pub(crate) fn delete_stream(&self, context: u32) {
        self.enter("proxy_on_delete", context, &[context.into()], || exports::delete(context));
        let retired = {
            let mut state = self.state();
            let root = state.streams.get_mut(&context).map(|stream| {
                stream.deleted = true;
                stream.root
            });
            root.filter(|root| {
                state.roots.get(root).is_some_and(|root| root.retired) && !state.is_used(*root)
            })
        };
        if let Some(root) = retired {
            self.stop_plugin(root);
        }
    }

    /// Does something with a connection that has not begun to end.
    pub(crate) fn with_open<T>(&self, context: u32, with: impl FnOnce(&mut Stream) -> T) -> Option<T> {
        let mut state = self.state();
        state.streams.get_mut(&context).filter(|stream| stream.closed.is_none()).map(with)
    }
}
