//! gRPC calls and streams.

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;

use crate::abi::host::BufferKind;
use crate::buffer;
use crate::bytes::ByteString;
use crate::error::Result;
use crate::headers::{HeaderMap, Headers};

/// A gRPC call that has been made, to know its answer by.
///
/// See [`CallbackContext::grpc_call`](crate::CallbackContext::grpc_call).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrpcCallId(u32);

/// A gRPC stream that has been opened.
///
/// See [`CallbackContext::open_grpc_stream`](crate::CallbackContext::open_grpc_stream).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrpcStreamId(u32);

impl GrpcCallId {
    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }

    pub(crate) const fn number(self) -> u32 {
        self.0
    }
}

impl GrpcStreamId {
    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }

    pub(crate) const fn number(self) -> u32 {
        self.0
    }
}

/// Which method is called, and with which metadata.
///
/// ```
/// use envoy_sdk::GrpcRequest;
///
/// let method = GrpcRequest::new("helloworld.Greeter", "SayHello")
///     .metadata("x-tenant", "acme")
///     .metadata("trace-bin", [0x12, 0xff]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcRequest<'a> {
    pub(crate) service: &'a str,
    pub(crate) method: &'a str,
    pub(crate) metadata: HeaderMap,
}

impl<'a> GrpcRequest<'a> {
    /// A method of a service, for example `("helloworld.Greeter", "SayHello")`.
    pub fn new(service: &'a str, method: &'a str) -> Self {
        Self { service, method, metadata: HeaderMap::new() }
    }

    /// Adds metadata. Its name is text; its value may be any octets where the name ends in `-bin`.
    #[must_use]
    pub fn metadata(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.metadata.append(name, value);
        self
    }
}

/// A message that has come. It is there during the callback only.
///
/// ```
/// use envoy_sdk::{GrpcMessage, Result};
///
/// /// The first field of a message, when it is a number below 128.
/// fn number(message: &GrpcMessage<'_>) -> Result<Option<u8>> {
///     Ok(match message.octets(..2)?.as_slice() {
///         [0x08, number] => Some(*number),
///         _ => None,
///     })
/// }
/// ```
#[derive(Debug)]
pub struct GrpcMessage<'cx> {
    len: usize,
    callback: PhantomData<&'cx ()>,
}

impl GrpcMessage<'_> {
    pub(crate) fn new(len: usize) -> Self {
        Self { len, callback: PhantomData }
    }

    /// How many octets it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none, as the message without any field has.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Octets of the serialised message, clipped to what there is; `..` reads all of it.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn octets(&self, range: impl RangeBounds<usize>) -> Result<Vec<u8>> {
        buffer::read(BufferKind::GrpcMessage, range, self.len)
    }
}

/// Something that happens on a gRPC stream.
///
/// ```
/// use envoy_sdk::{GrpcStatus, GrpcStreamEvent, Result};
///
/// fn tell(event: &GrpcStreamEvent<'_>) -> Result<()> {
///     match event {
///         GrpcStreamEvent::InitialMetadata(metadata) => log::debug!("by {:?}", metadata.get("server")?),
///         GrpcStreamEvent::Message(message) => log::debug!("{} octets", message.len()),
///         GrpcStreamEvent::TrailingMetadata(_) => {}
///         GrpcStreamEvent::Closed { status: GrpcStatus::OK, .. } => log::debug!("all said"),
///         GrpcStreamEvent::Closed { status, .. } => log::warn!("cut off: {status}"),
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub enum GrpcStreamEvent<'cx> {
    /// The server has accepted, with this metadata.
    InitialMetadata(Headers<'cx>),
    /// A message.
    Message(GrpcMessage<'cx>),
    /// The server's last metadata.
    TrailingMetadata(Headers<'cx>),
    /// The stream has ended. Nothing more comes.
    Closed {
        /// How: in good order with [`GrpcStatus::OK`].
        status: GrpcStatus,
        /// The server's words, or Envoy's. Octets of a peer: they do not belong into a log.
        message: ByteString,
    },
}

/// Why a gRPC call has no answer. A time-out is [`GrpcStatus::UNAVAILABLE`] when Envoy was first to notice, and
/// [`GrpcStatus::DEADLINE_EXCEEDED`] when the server was.
///
/// ```
/// use envoy_sdk::{GrpcCallError, GrpcStatus};
///
/// /// Whether to ask again.
/// fn is_temporary(error: &GrpcCallError) -> bool {
///     [GrpcStatus::UNAVAILABLE, GrpcStatus::DEADLINE_EXCEEDED].contains(&error.status())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcCallError {
    status: GrpcStatus,
    message: ByteString,
}

impl GrpcCallError {
    pub(crate) fn new(status: GrpcStatus, message: ByteString) -> Self {
        Self { status, message }
    }

    /// The status.
    pub fn status(&self) -> GrpcStatus {
        self.status
    }

    /// The server's words, or Envoy's. Octets of a peer: they do not belong into a log.
    pub fn message(&self) -> &ByteString {
        &self.message
    }
}

impl fmt::Display for GrpcCallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gRPC status {}", self.status)
    }
}

impl std::error::Error for GrpcCallError {}

macro_rules! grpc_status {
    ($($(#[$meta:meta])* $name:ident = $code:literal;)*) => {
        impl GrpcStatus {
            $($(#[$meta])* pub const $name: Self = Self($code);)*

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                    Self(_) => "UNNAMED",
                }
            }
        }
    };
}

/// A status code of gRPC (`doc/statuscodes.md` of the gRPC project).
///
/// ```
/// use envoy_sdk::GrpcStatus;
///
/// assert_eq!(GrpcStatus::from_code(14), GrpcStatus::UNAVAILABLE);
/// assert_eq!(GrpcStatus::UNAVAILABLE.to_string(), "UNAVAILABLE (14)");
/// assert_eq!(GrpcStatus::from_code(99).code(), 99);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrpcStatus(u32);

grpc_status! {
    /// All is well.
    OK = 0;
    /// The caller has cancelled.
    CANCELLED = 1;
    /// Nobody knows.
    UNKNOWN = 2;
    /// An argument is wrong whatever the state of the system.
    INVALID_ARGUMENT = 3;
    /// The time is over.
    DEADLINE_EXCEEDED = 4;
    /// There is no such thing.
    NOT_FOUND = 5;
    /// There is such a thing already.
    ALREADY_EXISTS = 6;
    /// The caller may not.
    PERMISSION_DENIED = 7;
    /// Something is used up: a quota, space.
    RESOURCE_EXHAUSTED = 8;
    /// The system is in no state for this.
    FAILED_PRECONDITION = 9;
    /// Somebody else was faster.
    ABORTED = 10;
    /// Beyond the end.
    OUT_OF_RANGE = 11;
    /// There is no such method.
    UNIMPLEMENTED = 12;
    /// Something that must hold does not.
    INTERNAL = 13;
    /// Not now: it may be tried again.
    UNAVAILABLE = 14;
    /// Data is lost or corrupt.
    DATA_LOSS = 15;
    /// It is not known who the caller is.
    UNAUTHENTICATED = 16;
}

impl GrpcStatus {
    /// The status with this number.
    pub const fn from_code(code: u32) -> Self {
        Self(code)
    }

    /// The number.
    pub const fn code(self) -> u32 {
        self.0
    }
}

impl fmt::Display for GrpcStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl fmt::Debug for GrpcStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
