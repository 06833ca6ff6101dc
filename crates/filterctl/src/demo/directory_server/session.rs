//! One conversation: RFC 4511, section 4.

use std::io;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapBindRequest, LdapBindResponse, LdapCompareRequest, LdapExtendedRequest, LdapExtendedResponse,
    LdapMsg, LdapOp, LdapResult, LdapResultCode as Code, LdapSearchRequest, LdapSearchScope,
};

use super::content::{BRANCH, BRANCH_SERVER, KIOSK, PORTAL};
use super::entries::Entries;
use super::messages::{Arrival, Messages};
use super::name::Name;
use super::tally::{Leg, Tally, count, result_name};
use super::{Directory, bind, search};
use crate::demo::server::lock;

/// RFC 4511, section 4.14.
pub(super) const START_TLS: &str = "1.3.6.1.4.1.1466.20037";

/// RFC 4532.
pub(super) const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";

/// RFC 4511, section 4.4.1.
const NOTICE_OF_DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";

/// How long a client may be silent.
const SILENCE: Duration = Duration::from_secs(900);

/// How long [`KIOSK`] may be.
const SILENCE_OF_KIOSK: Duration = Duration::from_millis(500);

/// How long a client may take for its part of the TLS handshake, and to close after an unbind.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Unbind,
    Client,
    Server,
}

/// What follows a request.
enum Next {
    Request,
    Tls,
    End(Ending),
}

/// A search that takes its time.
struct Pending {
    due: Instant,
    id: i32,
    request: LdapSearchRequest,
    controls: Vec<LdapControl>,
    /// Whether the time limit comes before the answer.
    is_cut_off: bool,
}

/// Where a conversation stands.
struct Session<'a> {
    directory: &'a Directory,
    tls: bool,
    /// Who the client is; nothing if it has not said.
    bound: Option<Name>,
    pending: Vec<Pending>,
    /// When something was last heard or said.
    active: Instant,
}

/// Talks until one of the two ends it.
pub(super) fn converse(mut messages: Messages<'_, '_>, directory: &Directory) -> io::Result<()> {
    let mut session =
        Session { directory, tls: false, bound: None, pending: Vec::new(), active: Instant::now() };
    let result = session.run(&mut messages);
    if !matches!(result, Ok(Ending::Server)) {
        // The client is to close first: then everybody sees that it was the client who ended it. One that does not
        // is closed by the server in the end.
        let _ = messages.wait_for_close(PATIENCE);
    }
    let name = match result.as_ref().unwrap_or(&Ending::Client) {
        Ending::Unbind => "unbind",
        Ending::Client => "client",
        Ending::Server => "server",
    };
    session.leg(|leg| count(&mut leg.endings, name));
    result.map(|_| ())
}

impl Session<'_> {
    fn run(&mut self, messages: &mut Messages<'_, '_>) -> io::Result<Ending> {
        loop {
            match messages.next() {
                Ok(Some(message)) => match self.request(message, messages)? {
                    Next::Request => continue,
                    Next::Tls => {
                        messages.start_tls(&self.directory.tls, PATIENCE)?;
                        // RFC 4513, section 3.1.2: what the client was before is forgotten.
                        (self.tls, self.bound) = (true, None);
                        self.tally().starttls_sessions += 1;
                        continue;
                    }
                    Next::End(ending) => return Ok(ending),
                },
                Ok(None) => {}
                Err(_) => return self.disconnect(messages, Code::ProtocolError, "that was no LDAP"),
            }
            self.answer_what_is_due(messages)?;
            match messages.wait(self.silence())? {
                Arrival::Octets => self.active = Instant::now(),
                Arrival::End => return Ok(Ending::Client),
                Arrival::Nothing if self.pending.is_empty() && self.active.elapsed() >= self.patience() => {
                    return self.disconnect(
                        messages,
                        Code::AdminLimitExceeded,
                        "nothing was said for too long",
                    );
                }
                Arrival::Nothing => {}
            }
        }
    }

    /// How long the client may be silent.
    fn patience(&self) -> Duration {
        let is_kiosk = self.bound.as_ref() == Some(&Name::parse(KIOSK));
        if is_kiosk { SILENCE_OF_KIOSK } else { SILENCE }
    }

    /// How long nothing has to be done if nothing is heard.
    fn silence(&self) -> Duration {
        match self.pending.iter().map(|pending| pending.due).min() {
            Some(due) => due.saturating_duration_since(Instant::now()),
            None => self.patience().saturating_sub(self.active.elapsed()),
        }
    }

    fn disconnect(&mut self, messages: &mut Messages<'_, '_>, code: Code, text: &str) -> io::Result<Ending> {
        self.leg(|leg| leg.notices += 1);
        let name = Some(NOTICE_OF_DISCONNECTION.to_owned());
        let response = LdapExtendedResponse { res: result(code, text), name, value: None };
        messages.send(LdapMsg::new(0, LdapOp::ExtendedResponse(response)))?;
        messages.flush()?;
        Ok(Ending::Server)
    }

    fn request(&mut self, message: LdapMsg, messages: &mut Messages<'_, '_>) -> io::Result<Next> {
        let LdapMsg { msgid: id, op, ctrl: controls } = message;
        let Some(operation) = operation_name(&op) else {
            let ending = self.disconnect(messages, Code::ProtocolError, "that was no request")?;
            return Ok(Next::End(ending));
        };
        self.leg(|leg| count(&mut leg.requests, operation));
        let unknown =
            |control: &LdapControl| matches!(control, LdapControl::Unknown { criticality: true, .. });
        let is_unavailable =
            controls.iter().any(unknown) && !matches!(op, LdapOp::UnbindRequest | LdapOp::AbandonRequest(_));
        let answer = |code| result(code, "");
        let refused = is_unavailable.then(|| answer(Code::UnavailableCriticalExtension));
        let response = match op {
            LdapOp::UnbindRequest => {
                return Ok(Next::End(Ending::Unbind));
            }
            LdapOp::AbandonRequest(id) => {
                let before = self.pending.len();
                self.pending.retain(|pending| pending.id != id);
                self.count_abandoned(before - self.pending.len());
                return Ok(Next::Request);
            }
            LdapOp::SearchRequest(request) => {
                self.count_search(&request, &controls);
                if let Some(refused) = refused {
                    self.respond(messages, id, "search", LdapOp::SearchResultDone(refused), Vec::new())?;
                } else {
                    self.search(messages, id, request, controls)?;
                }
                return Ok(Next::Request);
            }
            LdapOp::BindRequest(request) => {
                let (response, controls) = self.bind(&request, &controls);
                self.respond(messages, id, operation, response, controls)?;
                return Ok(Next::Request);
            }
            LdapOp::ExtendedRequest(request) => {
                let (response, next) = self.extended(&request);
                self.respond(messages, id, operation, LdapOp::ExtendedResponse(response), Vec::new())?;
                return Ok(next);
            }
            LdapOp::CompareRequest(request) => {
                LdapOp::CompareResult(refused.unwrap_or_else(|| self.compare(&request)))
            }
            LdapOp::AddRequest(request) => LdapOp::AddResponse(refused.unwrap_or_else(|| {
                self.write(&request.dn.clone(), |entries, _| entries.add(request.dn, request.attributes))
            })),
            LdapOp::ModifyRequest(request) => LdapOp::ModifyResponse(refused.unwrap_or_else(|| {
                self.write(&request.dn, |entries, name| entries.modify(name, request.changes))
            })),
            LdapOp::DelRequest(dn) => {
                LdapOp::DelResponse(refused.unwrap_or_else(|| self.write(&dn, Entries::delete)))
            }
            LdapOp::ModifyDNRequest(request) => LdapOp::ModifyDNResponse(refused.unwrap_or_else(|| {
                self.write(&request.dn, |entries, name| {
                    entries.rename(name, &request.newrdn, request.new_superior.as_deref())
                })
            })),
            _ => return Ok(Next::Request),
        };
        self.respond(messages, id, operation, response, Vec::new())?;
        Ok(Next::Request)
    }

    fn bind(&mut self, request: &LdapBindRequest, controls: &[LdapControl]) -> (LdapOp, Vec<LdapControl>) {
        // RFC 4511, section 4.2.1: what is still to be answered is not answered any more.
        let abandoned = std::mem::take(&mut self.pending).len();
        self.count_abandoned(abandoned);
        let bind::Verdict { kind, who } = bind::judge(request, controls, &lock(&self.directory.entries));
        let (res, controls) = match who {
            Ok(name) => {
                self.bound = name;
                self.leg(|leg| count(&mut leg.binds_succeeded, kind));
                (result(Code::Success, ""), Vec::new())
            }
            Err(bind::Refusal { code, reason, text, controls }) => {
                self.bound = None;
                self.leg(|leg| {
                    count(&mut leg.binds_failed, kind);
                    count(&mut leg.bind_failures, reason);
                });
                (result(code, &text), controls)
            }
        };
        (LdapOp::BindResponse(LdapBindResponse { res, saslcreds: None }), controls)
    }

    fn extended(&mut self, request: &LdapExtendedRequest) -> (LdapExtendedResponse, Next) {
        let (known, res, value, next) = match request.name.as_str() {
            START_TLS if self.tls || !self.pending.is_empty() => {
                ("start_tls", result(Code::OperationsError, "not now"), None, Next::Request)
            }
            START_TLS => ("start_tls", result(Code::Success, ""), None, Next::Tls),
            WHO_AM_I => {
                let entries = lock(&self.directory.entries);
                let entry = self.bound.as_ref().and_then(|name| entries.get(name));
                let who = entry.map_or_else(String::new, |entry| format!("dn:{}", entry.dn));
                ("who_am_i", result(Code::Success, ""), Some(who.into_bytes()), Next::Request)
            }
            _ => {
                ("other", result(Code::ProtocolError, "an extension that is not known"), None, Next::Request)
            }
        };
        self.leg(|leg| count(&mut leg.extended, known));
        let name = matches!(next, Next::Tls).then(|| START_TLS.to_owned());
        (LdapExtendedResponse { res, name, value }, next)
    }

    fn compare(&self, request: &LdapCompareRequest) -> LdapResult {
        let name = Name::parse(&request.dn);
        if let Some(refusal) = self.refusal(&name) {
            return refusal;
        }
        let entries = lock(&self.directory.entries);
        let code = match entries.get(&name) {
            None => Code::NoSuchObject,
            Some(entry) if entry.values(&request.atype).is_empty() => Code::NoSuchAttribute,
            Some(entry) if entry.has(&request.atype, &request.val) => Code::CompareTrue,
            Some(_) => Code::CompareFalse,
        };
        result(code, "")
    }

    /// Does something to an entry, if this client may.
    fn write(&self, dn: &str, what: impl FnOnce(&mut Entries, &Name) -> Result<(), Code>) -> LdapResult {
        let name = Name::parse(dn);
        self.refusal(&name).unwrap_or_else(|| {
            let outcome = what(&mut lock(&self.directory.entries), &name);
            result(outcome.err().unwrap_or(Code::Success), "")
        })
    }

    /// Why nothing is done to this entry here, if that is so.
    fn refusal(&self, name: &Name) -> Option<LdapResult> {
        if self.bound.as_ref() != Some(&Name::parse(PORTAL)) {
            return Some(result(Code::InsufficentAccessRights, ""));
        }
        name.is_within(&Name::parse(BRANCH)).then(|| result(Code::Referral, ""))
    }

    fn search(
        &mut self,
        messages: &mut Messages<'_, '_>,
        id: i32,
        request: LdapSearchRequest,
        controls: Vec<LdapControl>,
    ) -> io::Result<()> {
        let duration =
            search::duration(&request, search::page(&controls).is_some(), &lock(&self.directory.entries));
        let limit = u64::try_from(request.timelimit).ok().filter(|limit| *limit > 0).map(Duration::from_secs);
        let is_cut_off = limit.is_some_and(|limit| limit < duration);
        let due = Instant::now() + limit.map_or(duration, |limit| limit.min(duration));
        let pending = Pending { due, id, request, controls, is_cut_off };
        if duration.is_zero() {
            return self.answer_search(messages, &pending);
        }
        self.pending.push(pending);
        Ok(())
    }

    fn answer_what_is_due(&mut self, messages: &mut Messages<'_, '_>) -> io::Result<()> {
        let now = Instant::now();
        let (due, pending) = std::mem::take(&mut self.pending).into_iter().partition(|one| one.due <= now);
        self.pending = pending;
        due.iter().try_for_each(|one: &Pending| self.answer_search(messages, one))
    }

    fn answer_search(&mut self, messages: &mut Messages<'_, '_>, search: &Pending) -> io::Result<()> {
        let Pending { id, request, controls, is_cut_off, .. } = search;
        if *is_cut_off {
            let done = LdapOp::SearchResultDone(result(Code::TimeLimitExceeded, ""));
            return self.respond(messages, *id, "search", done, Vec::new());
        }
        let found = search::answer(request, controls, self.bound.is_some(), &lock(&self.directory.entries));
        for response in found.responses {
            self.leg(|leg| match response {
                LdapOp::SearchResultReference(_) => leg.references += 1,
                _ => leg.entries += 1,
            });
            messages.send(LdapMsg::new(*id, response))?;
        }
        let done = LdapOp::SearchResultDone(result(found.code, ""));
        self.respond(messages, *id, "search", done, found.controls)
    }

    /// Answers a request for good.
    fn respond(
        &mut self,
        messages: &mut Messages<'_, '_>,
        id: i32,
        operation: &'static str,
        response: LdapOp,
        controls: Vec<LdapControl>,
    ) -> io::Result<()> {
        let code = match &response {
            LdapOp::BindResponse(bind) => &bind.res.code,
            LdapOp::ExtendedResponse(extended) => &extended.res.code,
            LdapOp::SearchResultDone(res)
            | LdapOp::ModifyResponse(res)
            | LdapOp::AddResponse(res)
            | LdapOp::DelResponse(res)
            | LdapOp::ModifyDNResponse(res)
            | LdapOp::CompareResult(res) => &res.code,
            _ => return Err(io::Error::other("no final response")),
        };
        let name = result_name(code);
        self.leg(|leg| {
            count(&mut leg.responses, operation);
            count(&mut leg.results, name);
        });
        self.active = Instant::now();
        messages.send(LdapMsg::new_with_ctrls(id, response, controls))
    }

    fn count_search(&self, request: &LdapSearchRequest, controls: &[LdapControl]) {
        let scope = match request.scope {
            LdapSearchScope::Base => "base",
            LdapSearchScope::OneLevel => "one",
            LdapSearchScope::Subtree => "sub",
            LdapSearchScope::Children => "children",
        };
        let kind = match search::page(controls) {
            None => "normal",
            Some((_, [])) => "paged_first",
            Some(_) => "paged_next",
        };
        self.leg(|leg| {
            count(&mut leg.search_scopes, scope);
            count(&mut leg.search_kinds, kind);
        });
    }

    fn count_abandoned(&self, operations: usize) {
        self.leg(|leg| leg.abandoned += operations as u64);
    }

    fn leg(&self, change: impl FnOnce(&mut Leg)) {
        change(self.tally().leg(self.tls));
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        lock(&self.directory.tally)
    }
}

fn result(code: Code, text: &str) -> LdapResult {
    let referral = if code == Code::Referral { vec![BRANCH_SERVER.to_owned()] } else { Vec::new() };
    LdapResult { code, matcheddn: String::new(), message: text.to_owned(), referral }
}

/// The name of a request; nothing if it is none.
fn operation_name(op: &LdapOp) -> Option<&'static str> {
    Some(match op {
        LdapOp::BindRequest(_) => "bind",
        LdapOp::UnbindRequest => "unbind",
        LdapOp::SearchRequest(_) => "search",
        LdapOp::ModifyRequest(_) => "modify",
        LdapOp::AddRequest(_) => "add",
        LdapOp::DelRequest(_) => "delete",
        LdapOp::ModifyDNRequest(_) => "modify_dn",
        LdapOp::CompareRequest(_) => "compare",
        LdapOp::AbandonRequest(_) => "abandon",
        LdapOp::ExtendedRequest(_) => "extended",
        _ => return None,
    })
}
