//! Scenarios with a network filter.

mod buffers;
mod closing;
mod failures;
mod host_calls;
mod passing;
mod pausing;
mod reconfiguring;
mod timers;

use crate::Scenario;

pub(crate) fn all() -> Vec<Scenario> {
    [
        passing::all(),
        closing::all(),
        pausing::all(),
        buffers::all(),
        timers::all(),
        host_calls::all(),
        failures::all(),
        reconfiguring::all(),
    ]
    .concat()
}
