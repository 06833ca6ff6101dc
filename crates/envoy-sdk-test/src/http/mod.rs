//! HTTP streams: a request and its response on their way through the filter.

mod arrival;
pub(crate) mod envoy_headers;
mod exchange;
mod exchange_options;
mod flow;
mod forwarding;
mod host_calls;
mod lifecycle;
mod local_reply;
mod message;
mod properties;
#[cfg(test)]
mod raw_calls;
mod single_headers;
mod stream;

pub use exchange::HttpExchange;
pub use exchange_options::HttpOptions;
pub use local_reply::SentLocalReply;
pub use message::{HttpRequest, HttpResponse, Received};

pub(crate) use stream::HttpStream;
