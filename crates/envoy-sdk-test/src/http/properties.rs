//! Attributes of an HTTP stream.

use std::time::SystemTime;

use envoy_sdk::Status;
use envoy_sdk::native_host::Answer;

use super::envoy_headers::EnvoyHeaders;
use super::stream::HttpStream;
use crate::connection_properties::from_filter_state;
use crate::properties::Properties;
use crate::world::State;

impl State {
    /// `proxy_get_property` on an HTTP stream. What the test has set comes first.
    pub(crate) fn read_http_property(&self, stream: &HttpStream, path: &[u8]) -> Answer<Vec<u8>> {
        let set = stream.options.properties.get(path).or_else(|| self.settings.properties.get(path));
        let known = set.map(<[u8]>::to_vec).or_else(|| read(stream, path));
        let sources =
            [of_connection(stream), self.settings.listener_properties(), self.settings.plugin_properties()];
        let known = known.or_else(|| sources.iter().find_map(|source| source.get(path).map(<[u8]>::to_vec)));
        match known {
            Some(value) => Ok(value),
            None if path.is_empty() || GROUPS.contains(&path) => Err(Status::SERIALIZATION_FAILURE),
            None => from_filter_state(path, &stream.filter_state),
        }
    }
}

/// Groups of attributes: asked for as a whole, they cannot be serialised.
const GROUPS: [&[u8]; 7] =
    [b"connection", b"source", b"destination", b"request", b"response", b"upstream", b"filter_state"];

/// The attributes that the stream itself has. Those of a message are there as long as its headers can be read.
fn read(stream: &HttpStream, path: &[u8]) -> Option<Vec<u8>> {
    let request = |name: &[u8]| Some(request_headers(stream)?.get(name)?.to_vec());
    let number = |number: u64| Some(number.to_le_bytes().to_vec());
    let text = |text: &str| Some(text.as_bytes().to_vec());
    if let Some(name) = path.strip_prefix(b"request\0headers\0") {
        return request_headers(stream)?.joined(name);
    }
    if let Some(name) = path.strip_prefix(b"response\0headers\0") {
        return readable(stream, stream.response.headers.as_ref(), stream.response.headers_reachable)?
            .joined(name);
    }
    match path {
        b"request\0path" => request(b":path"),
        b"request\0url_path" => {
            let path = request(b":path")?;
            Some(path.split(|octet| *octet == b'?').next().unwrap_or_default().to_vec())
        }
        b"request\0query" => {
            let path = request(b":path")?;
            Some(path.splitn(2, |octet| *octet == b'?').nth(1).unwrap_or_default().to_vec())
        }
        b"request\0method" => request(b":method"),
        b"request\0host" => request(b":authority"),
        b"request\0scheme" => request(b":scheme"),
        b"request\0id" => request(b"x-request-id"),
        b"request\0referer" => request(b"referer"),
        b"request\0useragent" => request(b"user-agent"),
        b"request\0protocol" => text("HTTP/2"),
        b"request\0size" => number(stream.request.read),
        b"request\0time" => number(nanoseconds(stream.begun)),
        b"response\0code" => number(stream.response_code?),
        b"response\0code_details" => text(stream.details.as_deref()?),
        b"response\0size" => number(stream.response.received.body.len() as u64),
        b"response\0flags" => number(0),
        _ => None,
    }
}

fn request_headers(stream: &HttpStream) -> Option<&EnvoyHeaders> {
    readable(stream, stream.request.headers.as_ref(), stream.request.headers_reachable)
}

fn readable<'a>(
    stream: &HttpStream,
    headers: Option<&'a EnvoyHeaders>,
    reachable: bool,
) -> Option<&'a EnvoyHeaders> {
    headers.filter(|_| reachable || stream.logging)
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// What does not depend on the request: the connection that it came on.
fn of_connection(stream: &HttpStream) -> Properties {
    let mut properties = Properties::default();
    properties.set(&["connection", "id"], stream.connection_id);
    properties.set(&["connection", "mtls"], false);
    properties.set(&["connection", "requested_server_name"], "");
    let id = stream.connection_id;
    let client = stream
        .options
        .client_address
        .clone()
        .unwrap_or_else(|| format!("192.0.2.1:{}", 40_000 + id % 20_000));
    properties.set_address("source", &client);
    properties
        .set_address("destination", stream.options.listener_address.as_deref().unwrap_or("192.0.2.25:80"));
    properties
}
