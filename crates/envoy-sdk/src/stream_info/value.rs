//! Reading one attribute as what it is.

use std::fmt;
use std::time::{Duration, SystemTime};

use prost::Message;

use crate::abi::host;
use crate::abi::pairs;
use crate::bytes::ByteString;
use crate::error::{HostError, Result, Status};

/// An attribute could not be read: which one, and where.
///
/// ```
/// use envoy_sdk::stream_info::PropertyError;
/// use envoy_sdk::{CallbackContext, Error};
///
/// /// The attribute that could not be read.
/// fn attribute(error: &Error) -> Option<String> {
///     error.downcast_ref::<PropertyError>().map(ToString::to_string)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PropertyError {
    /// The attribute's path, with dots: `connection.id`.
    pub path: String,
    /// The context (stream or plugin) that it was asked for, when the SDK knows it.
    pub context: Option<u32>,
    /// What went wrong.
    pub fault: PropertyFault,
}

/// Why an attribute could not be read.
///
/// See [`PropertyError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PropertyFault {
    /// Envoy refused the call; that there is no such attribute is not an error.
    Refused(HostError),
    /// Envoy gave a value of another form than this.
    NotA(&'static str),
}

impl fmt::Display for PropertyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            PropertyFault::Refused(_) => write!(f, "cannot read {}", self.path),
            PropertyFault::NotA(form) => {
                write!(f, "{} is not a {form}", self.path)?;
                self.context.map_or(Ok(()), |context| write!(f, " in context {context}"))
            }
        }
    }
}

impl std::error::Error for PropertyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            PropertyFault::Refused(error) => Some(error),
            PropertyFault::NotA(_) => None,
        }
    }
}

/// The octets; `None` when the attribute does not exist here.
pub(crate) fn octets(path: &[&str]) -> Result<Option<Vec<u8>>> {
    host::property(path).map_err(|error| refused(path, error).into())
}

/// As [`octets`], where Envoy answers `SerializationFailure` for an attribute that is there and has no value.
pub(super) fn octets_or_unset(path: &[&str]) -> Result<Option<Vec<u8>>> {
    match host::property(path) {
        Err(error) if error.status == Status::SERIALIZATION_FAILURE => Ok(None),
        answer => answer.map_err(|error| refused(path, error).into()),
    }
}

pub(super) fn text(path: &[&str]) -> Result<Option<ByteString>> {
    Ok(octets(path)?.map(ByteString::from))
}

/// Numbers are eight octets, least significant first.
pub(super) fn number(path: &[&str]) -> Result<Option<u64>> {
    let Some(value) = octets(path)? else { return Ok(None) };
    let octets = <[u8; 8]>::try_from(value.as_slice()).map_err(|_| not_a("number of 8 octets", path))?;
    Ok(Some(u64::from_le_bytes(octets)))
}

/// A number that fits into fewer octets, as a port or a status code does.
pub(super) fn small_number<N: TryFrom<u64>>(path: &[&str], form: &'static str) -> Result<Option<N>> {
    let Some(number) = number(path)? else { return Ok(None) };
    Ok(Some(N::try_from(number).map_err(|_| not_a(form, path))?))
}

pub(super) fn flag(path: &[&str]) -> Result<Option<bool>> {
    match octets(path)?.as_deref() {
        None => Ok(None),
        Some([value @ (0 | 1)]) => Ok(Some(*value == 1)),
        Some(_) => Err(not_a("truth value of 1 octet", path).into()),
    }
}

/// Nanoseconds since the Unix epoch.
pub(super) fn time(path: &[&str]) -> Result<Option<SystemTime>> {
    let Some(nanoseconds) = number(path)? else { return Ok(None) };
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(nanoseconds));
    Ok(Some(time.ok_or_else(|| not_a("time", path))?))
}

/// Nanoseconds, which Envoy passes with a sign.
pub(super) fn duration(path: &[&str]) -> Result<Option<Duration>> {
    let Some(nanoseconds) = number(path)? else { return Ok(None) };
    if nanoseconds.cast_signed() < 0 {
        return Err(not_a("duration of 0 or more", path).into());
    }
    Ok(Some(Duration::from_nanos(nanoseconds)))
}

/// A map of texts.
pub(super) fn map(path: &[&str]) -> Result<Option<Vec<(ByteString, ByteString)>>> {
    let Some(value) = octets(path)? else { return Ok(None) };
    Ok(Some(pairs::read(&value).ok_or_else(|| not_a("map", path))?))
}

pub(super) fn message<M: Message + Default>(path: &[&str], octets: &[u8]) -> Result<M> {
    M::decode(octets).map_err(|_| not_a("message of its type", path).into())
}

fn refused(path: &[&str], error: HostError) -> PropertyError {
    failed(path, PropertyFault::Refused(error))
}

fn not_a(form: &'static str, path: &[&str]) -> PropertyError {
    failed(path, PropertyFault::NotA(form))
}

fn failed(path: &[&str], fault: PropertyFault) -> PropertyError {
    PropertyError { path: path.join("."), context: crate::vm::current_context(), fault }
}
