//! The driver against a small protocol that uses every kind of need.

mod needs;
mod properties;
mod reading;
mod start;
mod toy;
