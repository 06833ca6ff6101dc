//! Call-outs that wait for an answer, and who waits.
//!
//! Envoy hangs all call-outs on the plugin. So an answer may come when its stream has gone: it is dropped. What the
//! `proxy-wasm` crate believes about who has called does not matter, every answer comes through here.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::abi::host;
use crate::call_out::{
    GrpcCallError, GrpcCallId, GrpcMessage, GrpcStatus, GrpcStreamEvent, GrpcStreamId, HttpCallError,
    HttpCallId, HttpResponse,
};
use crate::vm::plugin::Plugin;
use crate::vm::streams::{self, StreamKey};
use crate::vm::{Event, enter};

/// A call-out, by the number that Envoy has given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Token {
    Http(u32),
    Grpc(u32),
}

/// Who waits for the answer.
#[derive(Clone)]
enum Caller {
    Plugin(Rc<Plugin>),
    Stream(StreamKey),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Call,
    /// A gRPC stream, which is answered more than once.
    Stream,
}

/// What is open, in the order of tokens: Envoy counts them upwards, so that a new one usually comes last.
#[derive(Default)]
struct Open(Vec<(Token, Caller, Kind)>);

impl Open {
    fn position(&self, token: Token) -> Result<usize, usize> {
        self.0.binary_search_by_key(&token, |(token, ..)| *token)
    }

    fn insert(&mut self, token: Token, caller: Caller, kind: Kind) {
        let at = self.position(token).unwrap_or_else(|at| at);
        self.0.insert(at, (token, caller, kind));
    }

    fn get(&self, token: Token) -> Option<&(Token, Caller, Kind)> {
        self.0.get(self.position(token).ok()?)
    }

    fn remove(&mut self, token: Token) -> Option<Caller> {
        let at = self.position(token).ok()?;
        Some(self.0.remove(at).1)
    }
}

/// Gives an answer to whoever waits for it; `true` with the last one.
type Deliver = fn(Token, bool, Event<'_>);

thread_local! {
    static OPEN: RefCell<Open> = const { RefCell::new(Open(Vec::new())) };
    /// How answers are given, once something was asked. In a module that never asks, nothing leads to [`deliver`], and the
    /// linker leaves out all that is behind it.
    static DELIVER: Cell<Option<Deliver>> = const { Cell::new(None) };
}

/// Notes who has made a call.
pub(crate) fn begin(plugin: &Rc<Plugin>, stream: Option<StreamKey>, token: Token, is_stream: bool) {
    let caller = match stream {
        Some(key) => {
            streams::add_call_out(key, token);
            Caller::Stream(key)
        }
        None => Caller::Plugin(Rc::clone(plugin)),
    };
    DELIVER.set(Some(deliver));
    let kind = if is_stream { Kind::Stream } else { Kind::Call };
    OPEN.with(|open| open.borrow_mut().insert(token, caller, kind));
}

/// Forgets a call-out whose caller goes, and stops it where Envoy can: an HTTP call runs on, and its answer is dropped.
pub(crate) fn end(token: Token) {
    if DELIVER.get().is_none() {
        return;
    }
    let known = OPEN.with(|open| open.borrow_mut().remove(token));
    if let (Some(_), Token::Grpc(number)) = (known, token) {
        // It may have ended by itself just now.
        let _gone = host::grpc_cancel(number);
    }
}

/// Forgets a call-out that its caller has stopped.
pub(crate) fn forget(token: Token, stream: Option<StreamKey>) {
    OPEN.with(|open| open.borrow_mut().remove(token));
    if let Some(key) = stream {
        streams::remove_call_out(key, token);
    }
}

/// Forgets what a plugin itself has called: it goes.
pub(crate) fn forget_plugin(context: u32) {
    let of_plugin = OPEN.with(|open| {
        let open = open.borrow();
        let of_plugin = open.0.iter().filter(|(_, caller, _)| match caller {
            Caller::Plugin(plugin) => plugin.context() == context,
            Caller::Stream(_) => false,
        });
        of_plugin.map(|(token, ..)| *token).collect::<Vec<_>>()
    });
    of_plugin.into_iter().for_each(end);
}

/// Forgets everything: another VM begins in this thread.
pub(crate) fn reset() {
    OPEN.with(RefCell::take);
    DELIVER.set(None);
}

/// The answer of an HTTP call; without headers there is none.
pub(crate) fn http_answer(number: u32, headers: usize, body_len: usize) {
    let Some(deliver) = DELIVER.get() else { return };
    let id = HttpCallId::new(number);
    let answer = if headers == 0 { Err(HttpCallError::new()) } else { Ok(HttpResponse::new(body_len)) };
    deliver(Token::Http(number), true, Event::HttpCallDone(id, answer));
}

/// A message of a gRPC call or stream.
pub(crate) fn grpc_message(number: u32, len: usize) {
    let Some(deliver) = DELIVER.get() else { return };
    let token = Token::Grpc(number);
    match kind(token) {
        Some(Kind::Call) => {
            let id = GrpcCallId::new(number);
            deliver(token, true, Event::GrpcCallDone(id, Ok(GrpcMessage::new(len))));
        }
        Some(Kind::Stream) => {
            let event = GrpcStreamEvent::Message(GrpcMessage::new(len));
            deliver(token, false, Event::GrpcStream(GrpcStreamId::new(number), event));
        }
        None => {}
    }
}

/// Metadata of a gRPC stream, at its beginning or its end.
pub(crate) fn grpc_metadata(number: u32, event: GrpcStreamEvent<'_>) {
    let Some(deliver) = DELIVER.get() else { return };
    deliver(Token::Grpc(number), false, Event::GrpcStream(GrpcStreamId::new(number), event));
}

/// A gRPC call has failed, or a gRPC stream has ended.
pub(crate) fn grpc_close(number: u32, status: u32) {
    let Some(deliver) = DELIVER.get() else { return };
    let token = Token::Grpc(number);
    let Some(kind) = kind(token) else { return };
    // The message belongs to the callback that is running, whichever context it is for.
    let message = host::grpc_status().map(|(_, message)| message).unwrap_or_default();
    let (status, message) = (GrpcStatus::from_code(status), message.into());
    let event = match kind {
        Kind::Call => Event::GrpcCallDone(GrpcCallId::new(number), Err(GrpcCallError::new(status, message))),
        Kind::Stream => {
            Event::GrpcStream(GrpcStreamId::new(number), GrpcStreamEvent::Closed { status, message })
        }
    };
    deliver(token, true, event);
    if kind == Kind::Stream {
        // Envoy keeps a stream that the server has ended until this side has been closed too (measured on 1.36.2 and
        // 1.40.0). The extension may have done so.
        let _closed = host::grpc_close(number);
    }
}

fn kind(token: Token) -> Option<Kind> {
    OPEN.with(|open| open.borrow().get(token).map(|(_, _, kind)| *kind))
}

/// Gives an answer to whoever waits for it, in that one's context.
fn deliver(token: Token, is_last: bool, event: Event<'_>) {
    let caller = OPEN.with(|open| {
        let mut open = open.borrow_mut();
        if is_last { open.remove(token) } else { open.get(token).map(|(_, caller, _)| caller.clone()) }
    });
    match caller {
        Some(Caller::Plugin(plugin)) => {
            let _in_context = enter(plugin.context());
            if plugin.act_as(plugin.context()) {
                plugin.deliver(event);
            }
        }
        Some(Caller::Stream(key)) => {
            if is_last {
                streams::remove_call_out(key, token);
            }
            let Some((context, plugin)) = streams::place(key) else { return };
            let _in_context = enter(context);
            if plugin.act_as(context) {
                streams::deliver(key, event);
            }
        }
        None => {}
    }
}
