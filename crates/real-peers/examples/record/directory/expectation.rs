//! What a recording comes to, in the words of the shared captures' `expected.json`.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use real_peers::Direction;
use real_peers::directory::DirectoryTally;
use real_peers::directory::message::START_TLS;
use serde_json::{Value, json};

use super::dissection::{Finding, Message};
use super::layers::Token;

type Counts = BTreeMap<String, u64>;

#[derive(Default)]
pub(crate) struct Expectation {
    bind_anonymous: u64,
    bind_auth: Counts,
    bind_version: Counts,
    controls: Counts,
    extended: Counts,
    /// Operations that stand in clear text, and those with what is only signed.
    clear: Operations,
    readable: Operations,
    mechanisms: Counts,
    scopes: Counts,
    buffers: BTreeMap<&'static str, u64>,
    tokens: Counts,
    unsolicited: u64,
    start_tls_requests: Vec<u32>,
    start_tls_ok: u64,
    tls_from_start: bool,
    /// Whether something was neither in clear text nor only signed.
    hidden: bool,
    /// Requests that are not answered yet, by number, with their operation.
    waiting: BTreeMap<u32, String>,
    max_waiting: usize,
    orphans: u64,
}

#[derive(Default)]
struct Operations {
    operations: Counts,
    /// By operation and code.
    results: BTreeMap<String, Counts>,
}

impl Operations {
    fn add(&mut self, message: &Message) {
        count(&mut self.operations, &message.operation);
        if let Some(code) = message.result {
            count(self.results.entry(message.operation.clone()).or_default(), &code.to_string());
        }
    }

    fn named(&self, operation: &str) -> u64 {
        self.operations.get(operation).copied().unwrap_or(0)
    }
}

impl Expectation {
    /// From what tshark found in the recording as it is, and in the one without its security layer.
    pub(crate) fn of(
        clear: &[Finding],
        readable: &[Finding],
        buffers: &[(Direction, Token)],
    ) -> Result<Self> {
        let mut expectation = Self {
            buffers: [("c2s", 0), ("s2c", 0)].into(),
            tls_from_start: matches!(clear.first(), Some(Finding::Tls)),
            hidden: clear.iter().any(|finding| matches!(finding, Finding::Tls)),
            ..Self::default()
        };
        for finding in clear {
            if let Finding::Message(message) = finding {
                expectation.clear.add(message);
            }
        }
        for finding in readable {
            if let Finding::Message(message) = finding {
                expectation.message(message);
            }
        }
        buffers.iter().for_each(|&(from, token)| expectation.buffer(from, token));
        let seen = |side| {
            clear.iter().filter(|finding| matches!(finding, Finding::Buffer(from) if *from == side)).count()
        };
        let both = [Direction::ClientToServer, Direction::ServerToClient].map(seen);
        let read = [Direction::ClientToServer, Direction::ServerToClient]
            .map(|side| buffers.iter().filter(|(from, _)| *from == side).count());
        ensure!(both == read, "tshark saw {both:?} SASL buffers, and we read {read:?}");
        Ok(expectation)
    }

    fn buffer(&mut self, from: Direction, token: Token) {
        let side = match from {
            Direction::ClientToServer => "c2s",
            Direction::ServerToClient => "s2c",
        };
        *self.buffers.entry(side).or_default() += 1;
        let kind = match token {
            Token::KerberosSigned => "krb5-cfx signed-only",
            Token::KerberosSealed => "krb5-cfx sealed",
            Token::OldKerberosSigned => "krb5-rfc1964 signed-only",
            Token::OldKerberosSealed => "krb5-rfc1964 sealed",
            Token::Ntlm => "ntlm sealed",
            Token::DigestSigned => "digest-md5 signed-only",
            Token::Opaque => "opaque",
        };
        count(&mut self.tokens, kind);
        self.hidden |= !token.is_readable();
    }

    fn message(&mut self, message: &Message) {
        self.readable.add(message);
        message.controls.iter().for_each(|oid| count(&mut self.controls, oid));
        for (counts, word) in [
            (&mut self.bind_auth, &message.authentication),
            (&mut self.mechanisms, &message.mechanism),
            (&mut self.scopes, &message.scope),
            (&mut self.extended, &message.extended),
        ] {
            word.iter().for_each(|word| count(counts, word));
        }
        message.version.iter().for_each(|version| count(&mut self.bind_version, &version.to_string()));
        let is_simple = message.authentication.as_deref() == Some("simple");
        self.bind_anonymous += u64::from(is_simple && !message.named);
        if message.extended.as_deref() == Some(START_TLS) {
            self.start_tls_requests.push(message.id);
        }
        self.pair(message);
    }

    fn pair(&mut self, message: &Message) {
        match message.operation.as_str() {
            "unbindRequest" | "abandonRequest" | "unknown" => {}
            request if request.ends_with("Request") || request == "extendedReq" => {
                self.waiting.insert(message.id, message.operation.clone());
                self.max_waiting = self.max_waiting.max(self.waiting.len());
            }
            _ if message.id == 0 => self.unsolicited += 1,
            "searchResEntry" | "searchResRef" | "intermediateResponse" => {
                self.orphans += u64::from(!self.waiting.contains_key(&message.id));
            }
            _ => {
                self.orphans += u64::from(self.waiting.remove(&message.id).is_none());
                let starts_tls = message.result == Some(0) && self.start_tls_requests.contains(&message.id);
                self.start_tls_ok += u64::from(starts_tls);
            }
        }
    }

    /// Whether every message of the connection is readable.
    pub(crate) fn sees_everything(&self) -> bool {
        !self.hidden
    }

    /// How many requests or responses of that kind are readable.
    pub(crate) fn readable(&self, operation: &str) -> u64 {
        self.readable.named(operation)
    }

    /// Compares what tshark read with what slapd logged.
    pub(crate) fn check(&self, tally: &DirectoryTally) -> Result<()> {
        for (request, response, logged) in [
            ("bindRequest", "bindResponse", "bind"),
            ("searchRequest", "searchResDone", "search"),
            ("modifyRequest", "modifyResponse", "modify"),
            ("addRequest", "addResponse", "add"),
            ("delRequest", "delResponse", "delete"),
            ("modDNRequest", "modDNResponse", "modify_dn"),
            ("compareRequest", "compareResponse", "compare"),
            ("extendedReq", "extendedResp", "extended"),
            ("unbindRequest", "", "unbind"),
            ("abandonRequest", "", "abandon"),
        ] {
            let (read, in_log) = (self.readable.named(request), tally.requests(logged));
            ensure!(read == in_log, "{logged}: tshark read {read} requests, slapd logged {in_log}");
            let codes = self.readable.results.get(response).into_iter().flatten();
            for (code, &read) in codes {
                let in_log = tally.answers(logged, code.parse()?);
                // An unsolicited notification is a response that slapd does not log as a result.
                let unlogged = if response == "extendedResp" { self.unsolicited } else { 0 };
                ensure!(
                    read == in_log + unlogged,
                    "{logged} {code}: tshark read {read}, slapd logged {in_log}"
                );
            }
        }
        Ok(())
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut unanswered = Counts::new();
        self.waiting.values().for_each(|operation| count(&mut unanswered, operation));
        json!({
            "bind_anonymous": self.bind_anonymous,
            "bind_auth": self.bind_auth,
            "bind_version": self.bind_version,
            "controls": self.controls,
            "entries": self.readable.named("searchResEntry"),
            "extended_request_oids": self.extended,
            "max_pending": self.max_waiting,
            "ops_outside_sasl": self.clear.operations,
            "ops_with_signed_only_unwrapped": self.readable.operations,
            "references": self.readable.named("searchResRef"),
            "requests_without_response": unanswered,
            "responses_without_request": self.orphans,
            "results_outside_sasl": self.clear.results,
            "results_with_signed_only_unwrapped": self.readable.results,
            "sasl_buffers": self.buffers,
            "sasl_mechanisms": self.mechanisms,
            "sasl_token_kinds": self.tokens,
            "search_scopes": self.scopes,
            "starttls_ok": self.start_tls_ok,
            "starttls_requested": self.start_tls_requests.len(),
            "tls_from_start": self.tls_from_start,
            "unsolicited": self.unsolicited,
        })
    }
}

fn count(counts: &mut Counts, name: &str) {
    *counts.entry(name.to_owned()).or_default() += 1;
}
