//! Reading from the host: few calls, and little that nobody asked for.

use std::borrow::Cow;

use crate::window::Window;

/// Most octets read from the host at once: a large segment is looked at in pieces, so that the guest's
/// memory does not grow with Envoy's buffers.
const LARGEST_READ: usize = 64 * 1024;
/// A callback of so few octets is read whole: the copy costs less than a second host call. Not so the last octets
/// of a large one: most of that may have been skipped, and would be copied in small pieces after all.
const SMALL_CALLBACK: usize = 512;

/// One read from the window serves as many needs as it covers.
#[derive(Default)]
pub(super) struct ReadAhead<'w> {
    /// Where in the window `octets` begins.
    start: usize,
    octets: Cow<'w, [u8]>,
}

impl<'w> ReadAhead<'w> {
    /// The octets from `position` on: what is left of the last read if that is at least `needed`, or else about
    /// `wanted` fresh ones. Fewer where the window ends before, and at least one unless it has ended.
    pub(super) fn at<W: Window>(
        &mut self,
        window: &'w W,
        position: usize,
        needed: usize,
        wanted: usize,
    ) -> Result<&[u8], W::Error> {
        let rest = window.len().saturating_sub(position);
        let used = position.wrapping_sub(self.start);
        let left = self.octets.get(used..).unwrap_or_default();
        if left.len() >= needed.clamp(1, LARGEST_READ).min(rest) {
            // Looked up again because a borrow that is returned here would last to the end of the function.
            return Ok(self.octets.get(used..).unwrap_or_default());
        }
        let small = window.len() <= SMALL_CALLBACK;
        let len = if small { rest } else { wanted.max(needed).min(rest).min(LARGEST_READ) };
        self.octets = window.read(position, len)?;
        self.start = position;
        Ok(&self.octets)
    }
}
