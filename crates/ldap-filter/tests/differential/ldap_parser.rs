//! What `ldap-parser` makes of a whole message.

use ldap_filter::protocol::bind::BindMethod;
use ldap_filter::protocol::control::Paging;
use ldap_filter::protocol::extended::ExtendedName;
use ldap_filter::protocol::message::{MessageId, MessageKind};
use ldap_filter::protocol::operation::{Answered, Operation};
use ldap_filter::protocol::search::{DerefAliases, Scope, SearchParameters};
use ldap_parser::FromBer;
use ldap_parser::filter::{Filter, Substring};
use ldap_parser::ldap::*;

use super::meaning::{Inside, Meaning, Tree, controls, sasl, shown};

pub(super) fn read(octets: &[u8]) -> Option<Meaning> {
    let (rest, message) = LdapMessage::from_ber(octets).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let (kind, inside) = operation(&message.protocol_op);
    let list = message.controls.unwrap_or_default();
    let set = controls(list.iter().map(|control| control.control_type.0.as_bytes()));
    // It has no type for the value.
    let paging = list.iter().rev().find(|control| control.control_type.0 == "1.2.840.113556.1.4.319");
    let paging = paging.and_then(|control| Paging::decode(control.control_value.as_ref()?).ok());
    Some(Meaning { id: MessageId(message.message_id.0.into()), kind, inside, controls: set, paging })
}

fn operation(operation: &ProtocolOp<'_>) -> (MessageKind, Inside) {
    use MessageKind::{Request, Response};
    match operation {
        ProtocolOp::BindRequest(it) => (Request(Operation::Bind), bind(it)),
        ProtocolOp::UnbindRequest => (Request(Operation::Unbind), Inside::NotLookedAt),
        ProtocolOp::SearchRequest(it) => (Request(Operation::Search), search(it)),
        ProtocolOp::ModifyRequest(_) => (Request(Operation::Modify), Inside::NotLookedAt),
        ProtocolOp::AddRequest(_) => (Request(Operation::Add), Inside::NotLookedAt),
        ProtocolOp::DelRequest(_) => (Request(Operation::Delete), Inside::NotLookedAt),
        ProtocolOp::ModDnRequest(_) => (Request(Operation::ModifyDn), Inside::NotLookedAt),
        ProtocolOp::CompareRequest(_) => (Request(Operation::Compare), Inside::NotLookedAt),
        ProtocolOp::AbandonRequest(id) => {
            (Request(Operation::Abandon), Inside::Abandon(MessageId(id.0.into())))
        }
        ProtocolOp::ExtendedRequest(it) => {
            let name = ExtendedName::of_oid(it.request_name.0.as_bytes());
            (Request(Operation::Extended), Inside::Extended { name })
        }
        ProtocolOp::SearchResultEntry(_) => (MessageKind::Entry, Inside::NotLookedAt),
        ProtocolOp::SearchResultReference(_) => (MessageKind::Reference, Inside::NotLookedAt),
        ProtocolOp::IntermediateResponse(_) => (MessageKind::Intermediate, Inside::NotLookedAt),
        ProtocolOp::SearchResultDone(it) => (Response(Answered::Search), result(it, None)),
        ProtocolOp::ModifyResponse(it) => (Response(Answered::Modify), result(&it.result, None)),
        ProtocolOp::AddResponse(it) => (Response(Answered::Add), result(it, None)),
        ProtocolOp::DelResponse(it) => (Response(Answered::Delete), result(it, None)),
        ProtocolOp::ModDnResponse(it) => (Response(Answered::ModifyDn), result(it, None)),
        ProtocolOp::CompareResponse(it) => (Response(Answered::Compare), result(it, None)),
        ProtocolOp::BindResponse(it) => (Response(Answered::Bind), result(&it.result, None)),
        ProtocolOp::ExtendedResponse(it) => {
            (Response(Answered::Extended), result(&it.result, it.response_name.as_ref()))
        }
    }
}

/// It does not tell referrals.
fn result(it: &LdapResult<'_>, name: Option<&LdapOID<'_>>) -> Inside {
    Inside::Result {
        code: it.result_code.0,
        diagnostic: it.diagnostic_message.0.as_bytes().to_vec(),
        has_referral: false,
        response_name: name.map(|name| name.0.as_bytes().to_vec()),
    }
}

fn bind(it: &BindRequest<'_>) -> Inside {
    let method = match &it.authentication {
        AuthenticationChoice::Simple(password) => BindMethod::Simple { empty: password.is_empty() },
        AuthenticationChoice::Sasl(credentials) => sasl(&credentials.mechanism.0),
    };
    Inside::Bind { version: it.version.into(), name: it.name.0.as_bytes().to_vec(), method }
}

fn search(it: &SearchRequest<'_>) -> Inside {
    let parameters = SearchParameters {
        scope: match it.scope.0 {
            0 => Scope::Base,
            1 => Scope::One,
            2 => Scope::Sub,
            3 => Scope::Children,
            _ => Scope::Other,
        },
        deref_aliases: match it.deref_aliases.0 {
            0 => DerefAliases::Never,
            1 => DerefAliases::InSearching,
            2 => DerefAliases::FindingBase,
            3 => DerefAliases::Always,
            _ => DerefAliases::Other,
        },
        size_limit: it.size_limit,
        time_limit: it.time_limit,
        types_only: it.types_only,
    };
    Inside::Search { parameters, filter: tree(&it.filter).shape(), attributes: it.attributes.len() as u32 }
}

fn tree(filter: &Filter<'_>) -> Tree {
    match filter {
        Filter::And(set) => Tree::Set("&", set.iter().map(tree).collect()),
        Filter::Or(set) => Tree::Set("|", set.iter().map(tree).collect()),
        Filter::Not(inner) => Tree::Set("!", vec![tree(inner)]),
        Filter::EqualityMatch(it) => Tree::assertion(&it.attribute_desc.0, "="),
        Filter::GreaterOrEqual(it) => Tree::assertion(&it.attribute_desc.0, ">="),
        Filter::LessOrEqual(it) => Tree::assertion(&it.attribute_desc.0, "<="),
        Filter::ApproxMatch(it) => Tree::assertion(&it.attribute_desc.0, "~="),
        Filter::Present(name) => Tree::Item(format!("{}=*", shown(&name.0))),
        Filter::Substrings(it) => {
            let count =
                |is: fn(&Substring<'_>) -> bool| it.substrings.iter().filter(|piece| is(piece)).count();
            let initial = count(|piece| matches!(piece, Substring::Initial(_))) > 0;
            let last = count(|piece| matches!(piece, Substring::Final(_))) > 0;
            let any = count(|piece| matches!(piece, Substring::Any(_)));
            Tree::substrings(&it.filter_type.0, initial, any, last)
        }
        Filter::ExtensibleMatch(it) => Tree::extensible(
            it.rule_type.as_ref().map(|name| name.0.as_ref()),
            it.matching_rule.as_ref().map(|rule| rule.0.as_ref()),
            it.dn_attributes.unwrap_or(false),
        ),
    }
}
