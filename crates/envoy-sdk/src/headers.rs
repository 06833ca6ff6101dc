//! Headers, trailers and metadata.

use std::marker::PhantomData;
use std::ops::Deref;

use crate::abi::host::{self, MapKind};
use crate::bytes::{ByteStr, ByteString};
use crate::error::{Error, Result};

/// Envoy's own map of headers, trailers or metadata, read where it stands.
///
/// Names do not depend on case; Envoy gives them in lower case. One value costs one host call; who needs many takes
/// a [`snapshot`](Self::snapshot).
///
/// ```
/// use envoy_sdk::{AccessLogContext, Result};
///
/// /// How many cookies a response has set: duplicates are only told apart in a snapshot.
/// fn cookies(cx: &AccessLogContext<'_>) -> Result<usize> {
///     Ok(cx.response_headers().snapshot()?.get_all("set-cookie").count())
/// }
/// ```
#[derive(Debug)]
pub struct Headers<'cx> {
    map: MapKind,
    callback: PhantomData<&'cx ()>,
}

impl Headers<'_> {
    pub(crate) fn new(map: MapKind) -> Self {
        Self { map, callback: PhantomData }
    }

    /// The value of a header, the first of several with this name. `None` when there is none, or no such map: trailers
    /// that have not come.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn get(&self, name: &str) -> Result<Option<ByteString>> {
        Ok(host::header(self.map, name)?.map(ByteString::from))
    }

    /// All headers as they are now, in order and with duplicates. Empty where there is no such map.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn snapshot(&self) -> Result<HeaderMap> {
        Ok(HeaderMap { entries: host::headers(self.map)? })
    }
}

/// Envoy's own map of headers or trailers, to be changed where it stands. Reads as [`Headers`].
///
/// ```
/// use envoy_sdk::{HttpContext, Result};
///
/// /// In `on_request_headers`: says who has checked the request, and that nobody else did.
/// fn stamp(cx: &HttpContext<'_>) -> Result<()> {
///     cx.request_headers().set("x-checked-by", "envoy")?;
///     cx.request_headers().append("via", "gate")
/// }
/// ```
#[derive(Debug)]
pub struct HeadersMut<'cx>(Headers<'cx>);

impl<'cx> Deref for HeadersMut<'cx> {
    type Target = Headers<'cx>;

    fn deref(&self) -> &Headers<'cx> {
        &self.0
    }
}

impl HeadersMut<'_> {
    pub(crate) fn new(map: MapKind) -> Self {
        Self(Headers::new(map))
    }

    /// Sets a header: all that there were with this name are replaced by one.
    ///
    /// # Errors
    /// When name or value would be more than one header: a line break in a value, say. When Envoy refuses: the map is
    /// not there in this callback, or can only be read.
    pub fn set(&self, name: &str, value: impl AsRef<[u8]>) -> Result<()> {
        check(name.as_bytes(), value.as_ref())?;
        Ok(host::set_header(self.0.map, name, value.as_ref())?)
    }

    /// Adds a header and leaves those with the same name where they are.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn append(&self, name: &str, value: impl AsRef<[u8]>) -> Result<()> {
        check(name.as_bytes(), value.as_ref())?;
        Ok(host::add_header(self.0.map, name, value.as_ref())?)
    }

    /// Removes all headers with this name.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn remove(&self, name: &str) -> Result<()> {
        Ok(host::remove_header(self.0.map, name)?)
    }

    /// Replaces everything.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn replace(&self, headers: &HeaderMap) -> Result<()> {
        headers.check()?;
        Ok(host::set_headers(self.0.map, headers)?)
    }
}

/// Headers of one's own: ordered, with duplicates, values as octets. Names do not depend on case.
///
/// ```
/// use envoy_sdk::HeaderMap;
///
/// let mut headers = HeaderMap::from_iter([("Set-Cookie", "a=1"), ("via", "x"), ("set-cookie", "b=2")]);
/// assert_eq!(headers.get_all("SET-COOKIE").count(), 2);
/// headers.set("set-cookie", "c=3");
/// assert_eq!(headers.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>(), ["Set-Cookie", "via"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderMap {
    entries: Vec<(ByteString, ByteString)>,
}

impl HeaderMap {
    /// No headers.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// How many there are, duplicates counted.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first value with this name.
    pub fn get(&self, name: &str) -> Option<ByteStr<'_>> {
        self.iter().find(|(other, _)| is_same(*other, name)).map(|(_, value)| value)
    }

    /// All values with this name, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = ByteStr<'a>> {
        self.iter().filter(move |(other, _)| is_same(*other, name)).map(|(_, value)| value)
    }

    /// Sets the value of the first header with this name and removes the others; adds one if there is none.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let mut new = Some(ByteString::from(value.as_ref().to_vec()));
        self.entries.retain_mut(|(other, old)| {
            if !is_same(other.as_byte_str(), name) {
                return true;
            }
            new.take().map(|new| *old = new).is_some()
        });
        if let Some(new) = new {
            self.entries.push((ByteString::from(name), new));
        }
    }

    /// Adds a header behind all others.
    pub fn append(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.entries.push((name.into(), value.as_ref().to_vec().into()));
    }

    /// Removes all headers with this name.
    pub fn remove(&mut self, name: &str) {
        self.entries.retain(|(other, _)| !is_same(other.as_byte_str(), name));
    }

    /// Whether Envoy may send them: see [`check`].
    pub(crate) fn check(&self) -> Result<()> {
        self.entries.iter().try_for_each(|(name, value)| check(name.as_bytes(), value.as_bytes()))
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    pub(crate) fn entries(&self) -> &[(ByteString, ByteString)] {
        &self.entries
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (ByteStr<'_>, ByteStr<'_>)> {
        self.entries.iter().map(|(name, value)| (name.as_byte_str(), value.as_byte_str()))
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for HeaderMap {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let mut map = Self::new();
        headers.into_iter().for_each(|(name, value)| map.append(name.as_ref(), value));
        map
    }
}

/// Refuses what would be more than one header on its way over HTTP/1: Envoy sends it as it is (measured on 1.36.2 and
/// 1.40.0). A name is a token (RFC 9110, section 5.6.2), or a pseudo header's; a value holds no CR, LF or NUL (section
/// 5.5).
pub(crate) fn check(name: &[u8], value: &[u8]) -> Result<()> {
    let token = name.strip_prefix(b":").unwrap_or(name);
    let is_token = |octet: &u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet);
    if token.is_empty() || !token.iter().all(is_token) {
        return Err(Error::new(format!("{:?} is not the name of a header", ByteStr::from(name))));
    }
    if value.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
        let name = ByteStr::from(name);
        return Err(Error::new(format!(
            "the value of header {name} holds CR, LF or NUL: it would be more than a value"
        )));
    }
    Ok(())
}

fn is_same(name: ByteStr<'_>, other: &str) -> bool {
    name.as_bytes().eq_ignore_ascii_case(other.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_header_stays_one_header() {
        for (name, value) in
            [("a\r\nb", "1"), ("", "1"), (":", "1"), ("a b", "1"), ("a", "1\r\nb: 2"), ("a", "\0")]
        {
            let error = check(name.as_bytes(), value.as_bytes()).unwrap_err().to_string();
            assert!(!error.contains('\n') && !error.contains("b: 2"), "{error}");
            assert!(HeaderMap::from_iter([("good", "1"), (name, value)]).check().is_err());
        }
        for (name, value) in [(":path", "/"), ("X-A_b~", "\t ü"), ("a", "")] {
            check(name.as_bytes(), value.as_bytes()).unwrap();
        }
        check(b"a", b"\xff").unwrap();
    }

    #[test]
    fn order_duplicates_and_octets_stay() {
        let mut headers = HeaderMap::new();
        headers.append("a", b"\xff");
        headers.append("B", "2");
        headers.append("A", "3");
        assert_eq!(headers.get("A").map(ByteStr::as_bytes), Some(&b"\xff"[..]));
        headers.remove("b");
        let all: Vec<_> = headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(all, ["a=\\xff", "A=3"]);
        headers.set("c", "new");
        assert_eq!(headers.len(), 3);
    }
}
