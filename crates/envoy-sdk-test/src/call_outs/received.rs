//! What a plugin can read of the answer that is being delivered.

use crate::header_maps::MapKind;
use crate::http::envoy_headers::EnvoyHeaders;

/// The answers of one plugin that can be read just now. There is one place for each kind, whichever stream made the
/// call.
#[derive(Debug, Default)]
pub(crate) struct Received {
    http: Option<HttpAnswer>,
    initial_metadata: Option<EnvoyHeaders>,
    trailing_metadata: Option<EnvoyHeaders>,
    message: Option<Vec<u8>>,
    /// Of the last gRPC call or stream that has ended: it stays.
    status: u32,
    status_message: Vec<u8>,
}

/// The answer of an HTTP call-out, complete.
#[derive(Clone, Debug)]
pub(crate) struct HttpAnswer {
    pub(crate) headers: EnvoyHeaders,
    pub(crate) body: Vec<u8>,
    /// `None` where the answer has none: there is no such map then.
    pub(crate) trailers: Option<EnvoyHeaders>,
}

/// What is forgotten when its callback has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Http,
    InitialMetadata,
    Message,
    TrailingMetadata,
    StatusMessage,
}

impl Received {
    pub(crate) fn set_http(&mut self, answer: HttpAnswer) {
        self.http = Some(answer);
    }

    pub(crate) fn set_initial_metadata(&mut self, metadata: EnvoyHeaders) {
        self.initial_metadata = Some(metadata);
    }

    pub(crate) fn set_trailing_metadata(&mut self, metadata: EnvoyHeaders) {
        self.trailing_metadata = Some(metadata);
    }

    pub(crate) fn set_message(&mut self, message: Vec<u8>) {
        self.message = Some(message);
    }

    pub(crate) fn set_status(&mut self, status: u32, message: Vec<u8>) {
        self.status = status;
        self.status_message = message;
    }

    pub(crate) fn forget(&mut self, part: Part) {
        match part {
            Part::Http => self.http = None,
            Part::InitialMetadata => self.initial_metadata = None,
            Part::Message => self.message = None,
            Part::TrailingMetadata => self.trailing_metadata = None,
            Part::StatusMessage => self.status_message.clear(),
        }
    }

    pub(crate) fn header_map(&self, kind: MapKind) -> Option<&EnvoyHeaders> {
        let http = self.http.as_ref();
        match kind {
            MapKind::GrpcInitialMetadata => self.initial_metadata.as_ref(),
            MapKind::GrpcTrailingMetadata => self.trailing_metadata.as_ref(),
            MapKind::CallResponseHeaders => http.map(|answer| &answer.headers),
            MapKind::CallResponseTrailers => http?.trailers.as_ref(),
            _ => None,
        }
    }

    /// The body of an HTTP answer.
    pub(crate) fn body(&mut self) -> Option<&mut Vec<u8>> {
        self.http.as_mut().map(|answer| &mut answer.body)
    }

    /// A gRPC message.
    pub(crate) fn message(&mut self) -> Option<&mut Vec<u8>> {
        self.message.as_mut()
    }

    pub(crate) fn status(&self) -> (u32, Vec<u8>) {
        (self.status, self.status_message.clone())
    }
}
