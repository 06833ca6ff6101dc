//! Whom extensions call out to on FakeEnvoy.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use envoy_sdk::{GrpcStatus, HeaderMap};
use envoy_sdk_test::{FakeEnvoy, FakeGrpcEnd, FakeHttpAnswer, GrpcCall, GrpcStream, HttpCall};

use crate::observation::{self, Arrival};
use crate::scenario::{self, Answer, Deed, Fields};

/// All calls, in the order in which they were made.
pub(super) struct Oracle {
    /// Envoy tells whoever calls by itself that nobody is there.
    refuses: bool,
    calls: Vec<Call>,
}

struct Call {
    made: Made,
    noted: Arrival,
    /// The oracle has nothing more to say.
    answered: bool,
    /// Nor has Envoy.
    over: bool,
}

enum Made {
    Http(HttpCall),
    Grpc(GrpcCall),
    Stream(GrpcStream),
}

impl Oracle {
    pub(super) fn new(kind: Option<scenario::Oracle>) -> Self {
        Self { refuses: kind == Some(scenario::Oracle::Refuses), calls: Vec::new() }
    }

    /// Notes new calls and what has come on old ones. Returns what is new, by the number of the call.
    pub(super) fn listen(&mut self, envoy: &mut FakeEnvoy) -> Vec<(usize, Arrival)> {
        if self.refuses {
            self.refuse(envoy);
            return Vec::new();
        }
        let waiting = waiting(envoy);
        let mut arrivals = Vec::new();
        for (number, call) in self.calls.iter_mut().enumerate() {
            let token = call.made.token();
            if let Some(now) = waiting.get(&token) {
                let new = now.received().since(&call.noted);
                call.noted = now.received();
                if !new.is_nothing() {
                    arrivals.push((number, new));
                }
            } else if !call.over {
                call.over = true;
                if call.answered && call.noted.end {
                    continue;
                }
                // Envoy has given up, or the extension; or the answer has made the rest superfluous.
                arrivals.push((number, Arrival { reset: true, ..Arrival::default() }));
            }
        }
        for (token, made) in waiting {
            if !self.calls.iter().any(|call| call.made.token() == token) {
                let noted = made.received();
                arrivals.push((self.calls.len(), noted.clone()));
                self.calls.push(Call { made, noted, answered: false, over: false });
            }
        }
        arrivals
    }

    fn refuse(&self, envoy: &mut FakeEnvoy) {
        for call in envoy.http_calls() {
            envoy.refuse_http_call(&call);
        }
        for call in envoy.grpc_calls() {
            envoy.refuse_grpc_call(&call);
        }
        for stream in envoy.grpc_streams() {
            envoy.refuse_grpc_stream(&stream);
        }
    }

    /// Does what a scenario says.
    pub(super) fn act(&mut self, envoy: &mut FakeEnvoy, number: usize, deed: &Deed) -> Result<()> {
        let call = self.calls.get_mut(number).context("a call that was not made")?;
        call.answered = !matches!(deed, Deed::AcceptsGrpc(_) | Deed::SendsGrpc(_));
        match (&call.made, deed) {
            (Made::Http(call), Deed::Answers(answer)) => envoy.answer_http_call(call, http_answer(answer)),
            (Made::Http(call), Deed::BreaksOff) => envoy.fail_http_call(call),
            (Made::Grpc(call), Deed::AnswersGrpc(message)) => envoy.answer_grpc_call(call, message.clone()),
            (Made::Grpc(call), Deed::FailsGrpc(status, message)) => {
                envoy
                    .fail_grpc_call(call, &FakeGrpcEnd::new(GrpcStatus::from_code(*status)).message(message));
            }
            (Made::Stream(stream), Deed::FailsGrpc(status, message)) => {
                envoy.end_grpc_stream(
                    stream,
                    &FakeGrpcEnd::new(GrpcStatus::from_code(*status)).message(message),
                );
            }
            (Made::Stream(stream), Deed::AcceptsGrpc(metadata)) => {
                envoy.accept_grpc_stream(stream, &map(metadata));
            }
            (Made::Stream(stream), Deed::SendsGrpc(message)) => {
                envoy.send_grpc_message(stream, message.clone());
            }
            (Made::Stream(stream), Deed::EndsGrpc(status, metadata)) => {
                let mut end = FakeGrpcEnd::new(GrpcStatus::from_code(*status));
                for (name, value) in metadata {
                    end = end.metadata(name, value);
                }
                envoy.end_grpc_stream(stream, &end);
            }
            (_, deed) => bail!("the oracle {deed}: not on a call of this kind"),
        }
        Ok(())
    }
}

impl Made {
    fn token(&self) -> u32 {
        match self {
            Self::Http(call) => call.token,
            Self::Grpc(call) => call.token,
            Self::Stream(stream) => stream.token,
        }
    }

    /// All that has come so far.
    fn received(&self) -> Arrival {
        match self {
            Self::Http(call) => Arrival {
                headers: shown(None, &call.headers),
                octets: call.body.clone(),
                trailers: shown(None, &call.trailers),
                end: true,
                ..Arrival::default()
            },
            Self::Grpc(call) => Arrival {
                headers: shown(Some(&format!("/{}/{}", call.service, call.method)), &call.metadata),
                octets: call.message.clone(),
                end: true,
                ..Arrival::default()
            },
            Self::Stream(stream) => Arrival {
                headers: shown(Some(&format!("/{}/{}", stream.service, stream.method)), &stream.metadata),
                octets: stream.messages.concat(),
                end: stream.ended,
                ..Arrival::default()
            },
        }
    }
}

/// All that waits, by its token. Tokens grow from call to call, as far as they are of one kind.
fn waiting(envoy: &FakeEnvoy) -> BTreeMap<u32, Made> {
    let http = envoy.http_calls().into_iter().map(Made::Http);
    let grpc = envoy.grpc_calls().into_iter().map(Made::Grpc);
    let streams = envoy.grpc_streams().into_iter().map(Made::Stream);
    http.chain(grpc).chain(streams).map(|made| (made.token(), made)).collect()
}

fn shown(path: Option<&str>, headers: &HeaderMap) -> Vec<String> {
    let path = path.map(|path| (&b":path"[..], path.as_bytes()));
    let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    observation::fields(path.into_iter().chain(headers).filter(|(name, _)| observation::of_extension(name)))
}

fn map(fields: &Fields) -> HeaderMap {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn http_answer(answer: &Answer) -> FakeHttpAnswer {
    let mut fake = FakeHttpAnswer::new(answer.status).body(answer.body.clone());
    for (name, value) in &answer.headers {
        fake = fake.header(name, value);
    }
    for (name, value) in &answer.trailers {
        fake = fake.trailer(name, value);
    }
    fake
}
