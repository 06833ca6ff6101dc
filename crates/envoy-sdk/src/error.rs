//! What can go wrong, and how it is said.

use std::error::Error as StdError;
use std::fmt;

/// The result of everything in this SDK.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error of an extension.
///
/// Made from every standard error with `?`, or with [`Error::new`]; [`Context::context`] says what was being
/// done. It is opaque: an extension returns it, and the boundary to Envoy logs and counts it and applies the
/// extension's [`ErrorPolicy`](crate::ErrorPolicy).
///
/// An error ends up in Envoy's log: do not put octets into it that a peer has sent.
///
/// ```
/// use envoy_sdk::{Context as _, Result};
///
/// fn port(text: &str) -> Result<u16> {
///     text.parse().context("upstream port")
/// }
/// assert_eq!(port("x").unwrap_err().to_string(), "upstream port: invalid digit found in string");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    /// What was being done, innermost first.
    contexts: Vec<String>,
    cause: Box<dyn StdError + Send + Sync>,
}

impl Error {
    /// An error that says just this.
    pub fn new(message: impl Into<String>) -> Self {
        Self::from(Message(message.into()))
    }

    /// The error that this was made from, or what caused it, when one of them is an `E`.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        let cause: &(dyn StdError + 'static) = self.0.cause.as_ref();
        let mut next = Some(cause);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(cause: E) -> Self {
        Self(Box::new(Inner { contexts: Vec::new(), cause: Box::new(cause) }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for context in self.0.contexts.iter().rev() {
            write!(f, "{context}: ")?;
        }
        write!(f, "{}", self.0.cause)?;
        let mut source = self.0.cause.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

#[derive(Debug)]
struct Message(String);

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Message {}

/// Says what was being done when something failed. See [`Error`].
pub trait Context<T> {
    /// Puts `context` in front of the error.
    ///
    /// # Errors
    /// The same as before, with context.
    fn context(self, context: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, context: impl Into<String>) -> Result<T> {
        self.map_err(|error| {
            let mut error = error.into();
            error.0.contexts.push(context.into());
            error
        })
    }
}

/// Envoy refused a host call.
///
/// ```
/// use envoy_sdk::{Error, HostError, Status};
///
/// /// Whether Envoy has refused because the stream is no more.
/// fn is_gone(error: &Error) -> bool {
///     error.downcast_ref::<HostError>().is_some_and(|error| error.status == Status::BAD_ARGUMENT)
/// }
///
/// let refusal = HostError { call: "proxy_close_stream", status: Status::BAD_ARGUMENT, context: Some(7) };
/// assert_eq!(refusal.to_string(), "proxy_close_stream answered BadArgument (2) in context 7");
/// assert!(is_gone(&refusal.into()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostError {
    /// The host's function, in the ABI's own words.
    pub call: &'static str,
    /// What it answered.
    pub status: Status,
    /// The context (connection, stream or plugin) that the call was made for, when the SDK knows it.
    pub context: Option<u32>,
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}", self.call, self.status)?;
        match self.context {
            Some(context) => write!(f, " in context {context}"),
            None => Ok(()),
        }
    }
}

impl StdError for HostError {}

/// The answer of a host call (Proxy-Wasm 0.2.1, `proxy_status_t`).
///
/// ```
/// use envoy_sdk::Status;
///
/// assert_eq!(Status::from_code(12), Status::UNIMPLEMENTED);
/// assert_eq!(Status::UNIMPLEMENTED.to_string(), "Unimplemented (12)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Status(u32);

impl Status {
    /// Done.
    pub const OK: Self = Self(0);
    /// There is no such thing.
    pub const NOT_FOUND: Self = Self(1);
    /// An argument is out of range, or the call is not possible in this callback.
    pub const BAD_ARGUMENT: Self = Self(2);
    /// A value could not be written in the form that the ABI wants.
    pub const SERIALIZATION_FAILURE: Self = Self(3);
    /// A value could not be read.
    pub const PARSE_FAILURE: Self = Self(4);
    /// An expression could not be evaluated.
    pub const BAD_EXPRESSION: Self = Self(5);
    /// The guest's memory is not where it should be.
    pub const INVALID_MEMORY_ACCESS: Self = Self(6);
    /// There is nothing.
    pub const EMPTY: Self = Self(7);
    /// Somebody else has changed the value in the meantime.
    pub const CAS_MISMATCH: Self = Self(8);
    /// The result is not what was asked for.
    pub const RESULT_MISMATCH: Self = Self(9);
    /// Envoy failed.
    pub const INTERNAL_FAILURE: Self = Self(10);
    /// The connection is broken.
    pub const BROKEN_CONNECTION: Self = Self(11);
    /// Envoy does not have this.
    pub const UNIMPLEMENTED: Self = Self(12);

    /// The status with this number.
    pub const fn from_code(code: u32) -> Self {
        Self(code)
    }

    /// The number.
    pub const fn code(self) -> u32 {
        self.0
    }

    const fn name(self) -> &'static str {
        match self {
            Self::OK => "Ok",
            Self::NOT_FOUND => "NotFound",
            Self::BAD_ARGUMENT => "BadArgument",
            Self::SERIALIZATION_FAILURE => "SerializationFailure",
            Self::PARSE_FAILURE => "ParseFailure",
            Self::BAD_EXPRESSION => "BadExpression",
            Self::INVALID_MEMORY_ACCESS => "InvalidMemoryAccess",
            Self::EMPTY => "Empty",
            Self::CAS_MISMATCH => "CasMismatch",
            Self::RESULT_MISMATCH => "ResultMismatch",
            Self::INTERNAL_FAILURE => "InternalFailure",
            Self::BROKEN_CONNECTION => "BrokenConnection",
            Self::UNIMPLEMENTED => "Unimplemented",
            Self(_) => "an unknown status",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_read_from_the_outside_in() {
        let result: Result<()> = Err(Error::new("no such key")).context("read policy").context("configure");
        assert_eq!(result.unwrap_err().to_string(), "configure: read policy: no such key");
    }

    #[test]
    fn a_host_error_survives_as_what_it_is() {
        let host = HostError { call: "proxy_close_stream", status: Status::UNIMPLEMENTED, context: Some(7) };
        let error = Err::<(), _>(host).context("close").unwrap_err();
        assert_eq!(error.downcast_ref::<HostError>(), Some(&host));
        assert_eq!(error.to_string(), "close: proxy_close_stream answered Unimplemented (12) in context 7");
    }

    #[test]
    fn an_unknown_status_keeps_its_number() {
        assert_eq!(Status::from_code(99).to_string(), "an unknown status (99)");
    }
}
