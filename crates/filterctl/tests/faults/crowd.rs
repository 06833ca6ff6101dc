//! Many connections that talk at the same time.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, Result, anyhow};

use crate::both_ends::bridge::Bridge;
use crate::both_ends::script::Script;
use crate::both_ends::wire::Wire;

/// How far a conversation came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// Everything was said, and arrived.
    End,
    /// The connection ended before that.
    Closed,
}

/// Plays a script, or as much of it as the connection lives for. What arrives has to be what was sent.
pub(crate) fn as_far_as_it_goes(wire: &mut Wire, script: &Script) -> Result<Reached> {
    for (end, octets) in script.parts() {
        if let Err(error) = wire.say(end, octets) {
            // An octet that has changed is no error of the connection.
            let is_ending = error.downcast_ref::<io::Error>().is_some_and(|error| {
                use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
                matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
            });
            return if is_ending { Ok(Reached::Closed) } else { Err(error) };
        }
    }
    Ok(Reached::End)
}

/// So many connections through this listener, each with this said.
pub(crate) fn opened(bridge: &Bridge, listener: &str, count: usize, said: &Script) -> Result<Vec<Wire>> {
    let mut wires = (0..count).map(|_| bridge.open(listener)).collect::<Result<Vec<_>>>()?;
    everybody(&mut wires, |_, wire| wire.play(said))?;
    Ok(wires)
}

/// Does that with all of them at the same time, a thread each, and gives back what came of it, in order.
pub(crate) fn everybody<W: Send, T: Send>(
    wires: &mut [W],
    talk: impl Fn(usize, &mut W) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    thread::scope(|scope| {
        let talk = &talk;
        let threads = wires.iter_mut().enumerate().map(|(number, wire)| {
            scope.spawn(move || talk(number, wire).with_context(|| format!("connection {number}")))
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?).collect()
    })
}

/// Does `meanwhile` while all of them repeat an exchange, and says how often they did. Each does it at least once more when
/// `meanwhile` is over.
pub(crate) fn busy<T>(
    wires: &mut [Wire],
    exchange: &Script,
    meanwhile: impl FnOnce() -> Result<T>,
) -> Result<(u64, T)> {
    let (stop, exchanges) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let crowd = scope.spawn(|| {
            everybody(wires, |_, wire| -> Result<()> {
                loop {
                    let is_last = stop.load(Ordering::SeqCst);
                    wire.play(exchange)?;
                    exchanges.fetch_add(1, Ordering::SeqCst);
                    if is_last {
                        return Ok(());
                    }
                }
            })
        });
        let outcome = meanwhile();
        stop.store(true, Ordering::SeqCst);
        let crowd = crowd.join().map_err(|_| anyhow!("the crowd panicked"))?;
        let outcome = outcome?;
        crowd.context("a connection that has nothing to do with it")?;
        Ok((exchanges.load(Ordering::SeqCst), outcome))
    })
}
