//! The actions on data.

use envoy_sdk::{Buffer, ByteString, Result};

use crate::Action;
use crate::perform::shown;

/// Does an action on the data of a callback. `false`: it is none.
///
/// # Errors
/// Those of the API.
pub(crate) fn perform(buffer: &mut Buffer<'_>, action: &Action) -> Result<bool> {
    match action {
        Action::Read(start, size) => {
            let octets = buffer.chunks(*start..start.saturating_add(*size))?.into_bytes();
            log::info!("read: {}", shown(Some(&ByteString::from(octets))));
        }
        Action::Drain(size) => buffer.drain(*size)?,
        Action::Prepend(text) => buffer.prepend(text.as_bytes())?,
        Action::Append(text) => buffer.append(text.as_bytes())?,
        Action::Replace(text) => buffer.replace(text.as_bytes())?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Whether the data contains this. All of it is read.
///
/// # Errors
/// Those of the API.
pub(crate) fn contains(buffer: &Buffer<'_>, text: &str) -> Result<bool> {
    let octets = buffer.chunks(0..buffer.len())?.into_bytes();
    Ok(memchr::memmem::find(&octets, text.as_bytes()).is_some())
}
