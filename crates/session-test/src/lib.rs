//! Plays conversations through a session, natively: what the tests of every protocol filter share.
//!
//! A filter's tests say what they are about ([`Subject`]) and then write conversations as text ([`Talk`]), read recorded
//! ones ([`Recordings`]), or let [`proptest`] make them up ([`strategies`]). Each is played whole and [cut](cutting)
//! in several ways, which must count the same; every octet must be accounted for once, the driver's memory stay within its
//! bound, and the connection end once ([`play()`](play::play)).
//!
//! `examples/finger-filter` has the smallest tests that use all of it.

pub mod cutting;
pub mod metered;
pub mod play;
mod record;
mod recordings;
pub mod secrets;
mod series;
pub mod strategies;
mod subject;
mod talk;

pub use play::{Player, Seen};
pub use record::Record;
pub use recordings::{Capture, Recordings, Status, shared_captures};
pub use series::Series;
pub use subject::{Conditions, Subject};
pub use talk::Talk;
