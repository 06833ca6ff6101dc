//! A network filter that asks others, as the octets tell it to, and writes what it hears to the log.

use std::time::Duration;

use envoy_sdk::{
    ConfigureContext, FilterStatus, GrpcCallError, GrpcCallId, GrpcMessage, GrpcRequest, GrpcStreamEvent,
    GrpcStreamId, HeaderMap, Headers, HttpCallError, HttpCallId, HttpRequest, HttpResponse, Module,
    NetworkContext, NetworkFilter, NetworkFilterFactory, Result,
};

/// What to do when something is heard; a script as in the data.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    new_connection: String,
    answered: String,
    accepted: String,
    message: String,
    trailers: String,
    complete: String,
}

pub(crate) fn module() -> Module {
    Module::new().network_filter::<Factory>()
}

pub(crate) struct Factory(Config);

pub(crate) struct Caller {
    config: Config,
    call: Option<GrpcCallId>,
    stream: Option<GrpcStreamId>,
}

impl NetworkFilterFactory for Factory {
    const NAME: &'static str = "caller";
    type Config = Config;
    type Filter = Caller;

    fn configure(config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self(config))
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Caller> {
        Ok(Caller { config: self.0.clone(), call: None, stream: None })
    }
}

impl NetworkFilter for Caller {
    fn on_new_connection(&mut self, cx: &mut NetworkContext<'_>) -> Result<FilterStatus> {
        let script = self.config.new_connection.clone();
        self.perform(cx, &script)
    }

    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        let octets = cx.buffer().chunks(0..cx.buffer().len())?.into_bytes();
        self.perform(cx, &String::from_utf8_lossy(&octets))
    }

    fn on_stream_complete(&mut self, cx: &mut NetworkContext<'_>) -> Result<()> {
        let script = self.config.complete.clone();
        self.perform(cx, &script).map(drop)
    }

    fn on_http_call_done(
        &mut self,
        cx: &mut NetworkContext<'_>,
        _call: HttpCallId,
        response: Result<HttpResponse<'_>, HttpCallError>,
    ) -> Result<()> {
        match response {
            Ok(response) => {
                let body = String::from_utf8_lossy(&response.body(..)?).into_owned();
                let (headers, trailers) = (show(&response.headers())?, show(&response.trailers())?);
                log::info!("{} [{headers}] {body} [{trailers}]", response.status()?);
            }
            Err(error) => log::info!("{error}"),
        }
        let script = self.config.answered.clone();
        self.perform(cx, &script).map(drop)
    }

    fn on_grpc_call_done(
        &mut self,
        cx: &mut NetworkContext<'_>,
        _call: GrpcCallId,
        response: Result<GrpcMessage<'_>, GrpcCallError>,
    ) -> Result<()> {
        match response {
            Ok(message) => log::info!("answer {}", String::from_utf8_lossy(&message.octets(..)?)),
            Err(error) => log::info!("{}: {}", error.status(), error.message()),
        }
        let script = self.config.answered.clone();
        self.perform(cx, &script).map(drop)
    }

    fn on_grpc_stream(
        &mut self,
        cx: &mut NetworkContext<'_>,
        _stream: GrpcStreamId,
        event: GrpcStreamEvent<'_>,
    ) -> Result<()> {
        let script = match event {
            GrpcStreamEvent::InitialMetadata(metadata) => {
                log::info!("accepted [{}]", show(&metadata)?);
                self.config.accepted.clone()
            }
            GrpcStreamEvent::Message(message) => {
                log::info!("message {}", String::from_utf8_lossy(&message.octets(..)?));
                self.config.message.clone()
            }
            GrpcStreamEvent::TrailingMetadata(metadata) => {
                log::info!("trailers [{}]", show(&metadata)?);
                self.config.trailers.clone()
            }
            GrpcStreamEvent::Closed { status, message } => {
                log::info!("closed {status}: {message}");
                String::new()
            }
        };
        self.perform(cx, &script).map(drop)
    }
}

impl Caller {
    /// Words are separated by spaces, a word and its arguments by colons.
    fn perform(&mut self, cx: &mut NetworkContext<'_>, script: &str) -> Result<FilterStatus> {
        let mut status = FilterStatus::Continue;
        for word in script.split_whitespace() {
            let parts = word.split(':').collect::<Vec<_>>();
            let request = |method| GrpcRequest::new("mail.Guard", method).metadata("x-md", "one");
            let outcome = match parts.as_slice() {
                ["pause"] => {
                    status = FilterStatus::StopIteration;
                    Ok(())
                }
                ["resume"] => cx.continue_reading(),
                ["close"] => cx.close(),
                ["http", cluster, timeout] => {
                    let request = HttpRequest::post("guard", "/check").header("X-Q", "1").body("who?");
                    cx.http_call(cluster, &request.trailer("x-t", "v"), milliseconds(timeout)?).map(drop)
                }
                ["grpc", cluster, timeout] => {
                    let timeout = milliseconds(timeout)?;
                    cx.grpc_call(cluster, &request("Check"), b"who?", timeout)
                        .map(|call| self.call = Some(call))
                }
                ["cancel-call"] => self.call.map_or(Ok(()), |call| cx.cancel_grpc_call(call)),
                ["open", cluster] => {
                    cx.open_grpc_stream(cluster, &request("Watch")).map(|stream| self.stream = Some(stream))
                }
                ["send", text] => {
                    self.with_stream(|stream| cx.send_grpc_message(stream, text.as_bytes(), false))
                }
                ["last", text] => {
                    self.with_stream(|stream| cx.send_grpc_message(stream, text.as_bytes(), true))
                }
                ["end"] => self.with_stream(|stream| cx.end_grpc_stream(stream)),
                ["cancel"] => self.with_stream(|stream| cx.cancel_grpc_stream(stream)),
                _ => Ok(()),
            };
            if let Err(error) = outcome {
                log::info!("{}: {error}", parts[0]);
            }
        }
        Ok(status)
    }

    fn with_stream(&self, act: impl FnOnce(GrpcStreamId) -> Result<()>) -> Result<()> {
        self.stream.map_or(Ok(()), act)
    }
}

fn milliseconds(text: &str) -> Result<Duration> {
    Ok(Duration::from_millis(text.parse()?))
}

fn show(headers: &Headers<'_>) -> Result<String> {
    Ok(text(&headers.snapshot()?))
}

pub(crate) fn text(headers: &HeaderMap) -> String {
    headers.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}
