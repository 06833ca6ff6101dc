//! Scenarios with an HTTP filter.

mod bodies;
mod failures;
mod headers;
mod local_replies;
mod passing;

use crate::Scenario;

pub(crate) fn all() -> Vec<Scenario> {
    [passing::all(), headers::all(), bodies::all(), local_replies::all(), failures::all()].concat()
}
