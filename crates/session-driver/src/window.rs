//! Where the driver reads octets from.

use std::borrow::Cow;
use std::convert::Infallible;

/// The octets that one callback presents, readable by range and left untouched.
///
/// A slice is a window; so is the SDK's view of Envoy's buffer, where each read is one host call that copies
/// just the range asked for.
pub trait Window {
    /// Why a read can fail.
    type Error;

    /// How many octets there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads `len` octets from `start` on; fewer when the window ends before.
    ///
    /// # Errors
    /// When the host refuses.
    fn read(&self, start: usize, len: usize) -> Result<Cow<'_, [u8]>, Self::Error>;
}

impl Window for &[u8] {
    type Error = Infallible;

    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    fn read(&self, start: usize, len: usize) -> Result<Cow<'_, [u8]>, Infallible> {
        let end = start.saturating_add(len).min(<[u8]>::len(self));
        Ok(Cow::Borrowed(self.get(start..end).unwrap_or_default()))
    }
}
