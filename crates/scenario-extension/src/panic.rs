//! The panic of the action `panic`, alone in its file: its line stands in Envoy's log, and so in the golden files.

/// Panics.
#[expect(clippy::panic, reason = "some scenarios are about panics")]
pub(crate) fn panic(message: &str) -> ! {
    panic!("{message}")
}
