//! What `ldap3_proto` makes of a whole message.

use bytes::BytesMut;
use ldap_filter::protocol::bind::BindMethod;
use ldap_filter::protocol::control::{Control, ControlSet, Paging};
use ldap_filter::protocol::extended::ExtendedName;
use ldap_filter::protocol::message::{MessageId, MessageKind};
use ldap_filter::protocol::operation::{Answered, Operation};
use ldap_filter::protocol::search::{DerefAliases, Scope, SearchParameters};
use ldap3_proto::LdapCodec;
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::*;
use tokio_util::codec::Decoder;

use super::meaning::{Inside, Meaning, Tree, sasl, shown};

pub(super) fn read(octets: &[u8]) -> Option<Meaning> {
    let mut buffer = BytesMut::from(octets);
    let message = LdapCodec::new(Some(1 << 20), None).decode(&mut buffer).ok()??;
    if !buffer.is_empty() {
        return None;
    }
    let (kind, inside) = operation(&message.op);
    let set = message.ctrl.iter().map(control).collect::<ControlSet>();
    let paging = message.ctrl.iter().rev().find_map(|control| match control {
        LdapControl::SimplePagedResults { size, cookie } => {
            Some(Paging { size: u32::try_from(*size).ok()?, cookie_is_empty: cookie.is_empty() })
        }
        _ => None,
    });
    Some(Meaning { id: MessageId(message.msgid.into()), kind, inside, controls: set, paging })
}

fn control(control: &LdapControl) -> Control {
    match control {
        LdapControl::SyncRequest { .. } | LdapControl::SyncState { .. } | LdapControl::SyncDone { .. } => {
            Control::ContentSync
        }
        LdapControl::AdDirsync { .. } => Control::DirSync,
        LdapControl::SimplePagedResults { .. } => Control::PagedResults,
        LdapControl::ManageDsaIT { .. } => Control::ManageDsaIt,
        LdapControl::ServerSort { .. } | LdapControl::ServerSortResult { .. } => Control::Sort,
        LdapControl::PasswordPolicyRequest { .. } => Control::PasswordPolicy,
        LdapControl::ShowDeleted { .. } => Control::ShowDeleted,
        LdapControl::SdFlags { .. } => Control::SdFlags,
        LdapControl::ExtendedDn { .. } => Control::ExtendedDn,
        // So it calls 1.2.840.113556.1.4.1338, which MS-ADTS calls the one to verify names.
        LdapControl::SearchOptions { .. } => Control::Other,
        LdapControl::Unknown { oid, .. } => Control::of_oid(oid.as_bytes()),
    }
}

fn operation(operation: &LdapOp) -> (MessageKind, Inside) {
    use MessageKind::{Request, Response};
    match operation {
        LdapOp::BindRequest(it) => (Request(Operation::Bind), bind(it)),
        LdapOp::UnbindRequest => (Request(Operation::Unbind), Inside::NotLookedAt),
        LdapOp::SearchRequest(it) => (Request(Operation::Search), search(it)),
        LdapOp::ModifyRequest(_) => (Request(Operation::Modify), Inside::NotLookedAt),
        LdapOp::AddRequest(_) => (Request(Operation::Add), Inside::NotLookedAt),
        LdapOp::DelRequest(_) => (Request(Operation::Delete), Inside::NotLookedAt),
        LdapOp::ModifyDNRequest(_) => (Request(Operation::ModifyDn), Inside::NotLookedAt),
        LdapOp::CompareRequest(_) => (Request(Operation::Compare), Inside::NotLookedAt),
        LdapOp::AbandonRequest(id) => (Request(Operation::Abandon), Inside::Abandon(MessageId((*id).into()))),
        LdapOp::ExtendedRequest(it) => {
            let name = ExtendedName::of_oid(it.name.as_bytes());
            (Request(Operation::Extended), Inside::Extended { name })
        }
        LdapOp::SearchResultEntry(_) => (MessageKind::Entry, Inside::NotLookedAt),
        LdapOp::SearchResultReference(_) => (MessageKind::Reference, Inside::NotLookedAt),
        LdapOp::IntermediateResponse(_) => (MessageKind::Intermediate, Inside::NotLookedAt),
        LdapOp::SearchResultDone(it) => (Response(Answered::Search), result(it, None)),
        LdapOp::ModifyResponse(it) => (Response(Answered::Modify), result(it, None)),
        LdapOp::AddResponse(it) => (Response(Answered::Add), result(it, None)),
        LdapOp::DelResponse(it) => (Response(Answered::Delete), result(it, None)),
        LdapOp::ModifyDNResponse(it) => (Response(Answered::ModifyDn), result(it, None)),
        LdapOp::CompareResult(it) => (Response(Answered::Compare), result(it, None)),
        LdapOp::BindResponse(it) => (Response(Answered::Bind), result(&it.res, None)),
        LdapOp::ExtendedResponse(it) => (Response(Answered::Extended), result(&it.res, it.name.as_deref())),
    }
}

fn result(it: &LdapResult, name: Option<&str>) -> Inside {
    Inside::Result {
        code: it.code.clone() as u32,
        diagnostic: it.message.as_bytes().to_vec(),
        has_referral: !it.referral.is_empty(),
        response_name: name.map(|name| name.as_bytes().to_vec()),
    }
}

fn bind(it: &LdapBindRequest) -> Inside {
    let method = match &it.cred {
        LdapBindCred::Simple(password) => BindMethod::Simple { empty: password.is_empty() },
        LdapBindCred::SASL(credentials) => sasl(&credentials.mechanism),
        LdapBindCred::Unsupported => BindMethod::Other,
    };
    Inside::Bind { version: it.version, name: it.dn.as_bytes().to_vec(), method }
}

fn search(it: &LdapSearchRequest) -> Inside {
    let parameters = SearchParameters {
        scope: match it.scope {
            LdapSearchScope::Base => Scope::Base,
            LdapSearchScope::OneLevel => Scope::One,
            LdapSearchScope::Subtree => Scope::Sub,
            LdapSearchScope::Children => Scope::Children,
        },
        deref_aliases: match it.aliases {
            LdapDerefAliases::Never => DerefAliases::Never,
            LdapDerefAliases::InSearching => DerefAliases::InSearching,
            LdapDerefAliases::FindingBaseObj => DerefAliases::FindingBase,
            LdapDerefAliases::Always => DerefAliases::Always,
        },
        size_limit: it.sizelimit as u32,
        time_limit: it.timelimit as u32,
        types_only: it.typesonly,
    };
    Inside::Search { parameters, filter: tree(&it.filter).shape(), attributes: it.attrs.len() as u32 }
}

fn tree(filter: &LdapFilter) -> Tree {
    match filter {
        LdapFilter::And(set) => Tree::Set("&", set.iter().map(tree).collect()),
        LdapFilter::Or(set) => Tree::Set("|", set.iter().map(tree).collect()),
        LdapFilter::Not(inner) => Tree::Set("!", vec![tree(inner)]),
        LdapFilter::Equality(name, _) => Tree::assertion(name, "="),
        LdapFilter::GreaterOrEqual(name, _) => Tree::assertion(name, ">="),
        LdapFilter::LessOrEqual(name, _) => Tree::assertion(name, "<="),
        LdapFilter::Approx(name, _) => Tree::assertion(name, "~="),
        LdapFilter::Present(name) => Tree::Item(format!("{}=*", shown(name))),
        LdapFilter::Substring(name, it) => {
            Tree::substrings(name, it.initial.is_some(), it.any.len(), it.final_.is_some())
        }
        LdapFilter::Extensible(it) => {
            Tree::extensible(it.type_.as_deref(), it.matching_rule.as_deref(), it.dn_attributes)
        }
    }
}
