//! The actions that call out, and what is said of the answers.

use std::cell::Cell;
use std::time::Duration;

use envoy_sdk::{
    CallbackContext, Error, GrpcCallError, GrpcCallId, GrpcMessage, GrpcRequest, GrpcStreamEvent,
    GrpcStreamId, HttpCallError, HttpRequest, HttpResponse, Result,
};

use crate::Action;

const SERVICE: &str = "scenario.Oracle";

/// What has been called last.
#[derive(Debug, Default)]
pub(crate) struct Called {
    call: Cell<Option<GrpcCallId>>,
    stream: Cell<Option<GrpcStreamId>>,
}

impl Called {
    /// Does an action that calls out. `false`: it is none.
    ///
    /// # Errors
    /// Those of the API, and that there is no call or stream yet.
    pub(crate) fn perform(&self, cx: &CallbackContext<'_>, action: &Action) -> Result<bool> {
        match action {
            Action::HttpCall { cluster, path, body, milliseconds } => {
                let request = HttpRequest::post("oracle", path).header("x-scenario", "1").body(body.as_str());
                cx.http_call(cluster, &request, Duration::from_millis(*milliseconds))?;
            }
            Action::GrpcCall { cluster, message, milliseconds } => {
                let request = GrpcRequest::new(SERVICE, "Ask").metadata("x-scenario", "1");
                let timeout = Duration::from_millis(*milliseconds);
                self.call.set(Some(cx.grpc_call(cluster, &request, message.as_bytes(), timeout)?));
            }
            Action::CancelGrpcCall => {
                let call = self.call.get().ok_or_else(|| Error::new("nothing was called"))?;
                cx.cancel_grpc_call(call)?;
            }
            Action::OpenGrpcStream(cluster) => {
                let request = GrpcRequest::new(SERVICE, "Talk").metadata("x-scenario", "1");
                self.stream.set(Some(cx.open_grpc_stream(cluster, &request)?));
            }
            Action::SendGrpcMessage(message) => {
                cx.send_grpc_message(self.stream()?, message.as_bytes(), false)?;
            }
            Action::SendLastGrpcMessage(message) => {
                cx.send_grpc_message(self.stream()?, message.as_bytes(), true)?;
            }
            Action::EndGrpcStream => cx.end_grpc_stream(self.stream()?)?,
            Action::CancelGrpcStream => cx.cancel_grpc_stream(self.stream()?)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn stream(&self) -> Result<GrpcStreamId> {
        self.stream.get().ok_or_else(|| Error::new("no stream was opened"))
    }
}

/// Logs the answer to an HTTP call.
///
/// # Errors
/// Those of the API.
pub(crate) fn log_http_answer(response: Result<HttpResponse<'_>, HttpCallError>) -> Result<()> {
    match response {
        Ok(response) => {
            let body = response.body(..)?;
            let header = response.headers().get("x-answer")?;
            log::info!("answer: {} {:?} \"{}\"", response.status()?, header, body.escape_ascii());
        }
        Err(error) => log::info!("answer: {error}"),
    }
    Ok(())
}

/// Logs the answer to a gRPC call.
///
/// # Errors
/// Those of the API.
pub(crate) fn log_grpc_answer(response: Result<GrpcMessage<'_>, GrpcCallError>) -> Result<()> {
    match response {
        Ok(message) => log::info!("message: \"{}\"", message.octets(..)?.escape_ascii()),
        Err(error) => log::info!("{error}: {}", error.message()),
    }
    Ok(())
}

/// Logs what has happened on a gRPC stream.
///
/// # Errors
/// Those of the API.
pub(crate) fn log_grpc_event(event: GrpcStreamEvent<'_>) -> Result<()> {
    match event {
        GrpcStreamEvent::InitialMetadata(headers) => {
            log::info!("initial metadata: {:?}", headers.get("x-answer")?);
        }
        GrpcStreamEvent::Message(message) => log_grpc_answer(Ok(message))?,
        GrpcStreamEvent::TrailingMetadata(headers) => {
            log::info!("trailing metadata: {:?}", headers.get("x-answer")?);
        }
        GrpcStreamEvent::Closed { status, message } => log::info!("closed, {status}: {message}"),
    }
    Ok(())
}
