//! Where a filter fails, and how.

use std::cell::{Cell, RefCell};
use std::process;
use std::rc::Rc;

use envoy_sdk::Result;
use serde::Deserialize;

use crate::failure;

/// Where a connection's filter fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// The factory, making the filter.
    NewFilter,
    /// The filter's callback.
    OnNewConnection,
    /// The filter's callback.
    OnDownstreamData,
    /// The filter's callback.
    OnUpstreamData,
    /// The filter's callback.
    OnDownstreamClose,
    /// The filter's callback.
    OnUpstreamClose,
    /// The filter's callback, by a timer that is set with the connection.
    OnTimer,
    /// The filter's callback.
    OnStreamComplete,
    /// The filter's destructor.
    Drop,
    /// The session is made.
    Session,
    /// The driver asks the session what it needs.
    Need,
    /// The driver says how the stream opens.
    Opens,
    /// The driver feeds the session.
    Feed,
    /// The driver says that octets were skipped.
    Skipped,
    /// The driver says that a wait is over.
    Waited,
    /// The driver says that a direction has ended.
    HalfClose,
    /// The driver says that the connection is over.
    End,
    /// The session reports an event.
    Observe,
    /// The filter asks for the summary of access logs.
    Summary,
    /// `sdk-only`: the SDK formats a line of the log.
    Logging,
    /// `sdk-only`: the SDK looks up a label.
    Counting,
}

/// How it fails.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    /// The VM traps: it is lost, whatever the module was built with.
    Trap,
    /// A recursion that does not end.
    Recursion,
    /// An allocation that does not end.
    Memory,
    /// What the SDK can catch: `error`, `bad_error`, `panic`, `formatted_panic`, `bad_panic`.
    #[serde(untagged)]
    Caught(failure::How),
}

impl Default for How {
    fn default() -> Self {
        Self::Caught(failure::How::Panic)
    }
}

impl How {
    fn fail(self) -> Result<()> {
        match self {
            Self::Trap => process::abort(),
            Self::Recursion => {
                recurse(u64::MAX, [1; 64]);
                Ok(())
            }
            Self::Memory => {
                exhaust();
                Ok(())
            }
            Self::Caught(how) => how.fail(),
        }
    }
}

/// A fault of the connections of one client address.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// Where.
    pub(crate) at: Place,
    /// At which call there, from 1.
    #[serde(default = "first")]
    pub(crate) call: u32,
    /// Also at every later one.
    #[serde(default)]
    pub(crate) again: bool,
    /// How.
    #[serde(default)]
    pub(crate) how: How,
    /// In a callback of the filter: after the filter has done its own work, not before.
    #[serde(default)]
    pub(crate) after: bool,
}

/// A fault of the plugin itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PluginFault {
    /// The factory cannot be made.
    Configure,
    /// The factory's own timer, every 5 ms.
    OnTimer,
    /// The factory's destructor.
    Drop,
    /// The factory, when the SDK asks it what a failure costs.
    ErrorPolicy,
}

fn first() -> u32 {
    1
}

/// The fault of one connection, and how often its place has been reached.
#[derive(Debug)]
pub(crate) struct Fuse {
    fault: Fault,
    calls: Cell<u32>,
}

impl Fuse {
    pub(crate) fn new(fault: Fault) -> Rc<Self> {
        Rc::new(Self { fault, calls: Cell::new(0) })
    }

    pub(crate) fn fault(&self) -> Fault {
        self.fault
    }

    fn reach(&self, place: Place) -> Result<()> {
        if self.fault.at != place {
            return Ok(());
        }
        let call = self.calls.get().saturating_add(1);
        self.calls.set(call);
        let due = call == self.fault.call || (self.fault.again && call > self.fault.call);
        if due { self.fault.how.fail() } else { Ok(()) }
    }
}

thread_local! {
    /// The fuse of the connection whose callback runs.
    static CURRENT: RefCell<Option<Rc<Fuse>>> = const { RefCell::new(None) };
}

/// Until the guard is dropped, places belong to the connection of this fuse.
pub(crate) fn enter(fuse: Option<&Rc<Fuse>>) -> impl Drop + use<> {
    struct Entered(Option<Rc<Fuse>>);
    impl Drop for Entered {
        fn drop(&mut self) {
            CURRENT.replace(self.0.take());
        }
    }
    Entered(CURRENT.replace(fuse.cloned()))
}

/// This place has been reached: fails if the connection's fault is here.
///
/// # Errors
/// If the fault is an error.
pub(crate) fn reach(place: Place) -> Result<()> {
    let fuse = CURRENT.with_borrow(Clone::clone);
    fuse.map_or(Ok(()), |fuse| fuse.reach(place))
}

/// Whether the connection whose callback runs has its fault here.
pub(crate) fn is_at(place: Place) -> bool {
    CURRENT.with_borrow(|fuse| fuse.as_ref().is_some_and(|fuse| fuse.fault.at == place))
}

/// As [`reach`], where nothing can be returned: an error becomes a panic.
pub(crate) fn reach_or_panic(place: Place) {
    failure::panic_instead_of(reach(place));
}

/// Calls itself so often, with a frame that no compiler can do without.
fn recurse(depth: u64, frame: [u64; 64]) -> u64 {
    if depth == 0 {
        return 0;
    }
    let frame = std::hint::black_box(frame);
    let below = recurse(depth - 1, frame);
    std::hint::black_box(frame).iter().fold(below, |sum, number| sum.wrapping_add(*number))
}

/// Asks for memory until there is none.
fn exhaust() {
    const PIECE: usize = 1 << 20;
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    loop {
        pieces.push(std::hint::black_box(Vec::with_capacity(PIECE)));
    }
}
