//! Ways to fail.

use envoy_sdk::{Error, Result};

/// All of them, as a configuration says them, with the counter that counts them.
pub(crate) const WAYS: [(&str, &str); 5] = [
    ("error", "envoy_sdk_errors_total"),
    ("bad_error", "envoy_sdk_errors_total"),
    ("panic", "envoy_sdk_panics_total"),
    ("formatted_panic", "envoy_sdk_panics_total"),
    ("bad_panic", "envoy_sdk_panics_total"),
];

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    #[default]
    Error,
    /// An error whose message cannot be had.
    BadError,
    Panic,
    /// A panic with a message that was put together at run time.
    FormattedPanic,
    /// A panic whose value panics when it is dropped, with another of its kind.
    BadPanic,
}

impl How {
    pub(crate) fn fail(self) -> Result<()> {
        match self {
            Self::Error => Err(Error::new("sabotage")),
            Self::BadError => Err(BadError.into()),
            Self::Panic => panic!("sabotage"),
            Self::FormattedPanic => panic!("sabotage of {}", String::from("a secret")),
            Self::BadPanic => std::panic::panic_any(BadPayload),
        }
    }
}

/// A destructor can fail in one way only; and not while another panic is on its way.
pub(crate) fn panic_instead_of(result: Result<()>) {
    if let Err(error) = result
        && !std::thread::panicking()
    {
        panic!("{error}");
    }
}

struct BadPayload;

impl Drop for BadPayload {
    fn drop(&mut self) {
        std::panic::panic_any(BadPayload);
    }
}

#[derive(Debug)]
struct BadError;

impl std::fmt::Display for BadError {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no message");
    }
}

impl std::error::Error for BadError {}
