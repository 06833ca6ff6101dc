//! What `rasn-ldap` makes of a whole message.

use ldap_filter::protocol::bind::BindMethod;
use ldap_filter::protocol::control::Paging;
use ldap_filter::protocol::extended::ExtendedName;
use ldap_filter::protocol::message::{MessageId, MessageKind};
use ldap_filter::protocol::operation::{Answered, Operation};
use ldap_filter::protocol::search::{DerefAliases, Scope, SearchParameters};
use rasn_ldap::*;

use super::meaning::{Inside, Meaning, Tree, controls, sasl, shown};

pub(super) fn read(octets: &[u8]) -> Option<Meaning> {
    let message = rasn::ber::decode::<LdapMessage>(octets).ok()?;
    let (kind, inside) = operation(message.protocol_op);
    let list = message.controls.unwrap_or_default();
    let set = controls(list.iter().map(|control| control.control_type.as_ref()));
    // It has no type for the value: our light way to read it is compared with the other decoders'.
    let paging = list.iter().rev().find(|control| control.control_type.as_ref() == b"1.2.840.113556.1.4.319");
    let paging = paging.and_then(|control| Paging::decode(control.control_value.as_ref()?).ok());
    Some(Meaning { id: MessageId(message.message_id.into()), kind, inside, controls: set, paging })
}

fn operation(operation: ProtocolOp) -> (MessageKind, Inside) {
    use MessageKind::{Request, Response};
    match operation {
        ProtocolOp::BindRequest(it) => (Request(Operation::Bind), bind(&it)),
        ProtocolOp::UnbindRequest(_) => (Request(Operation::Unbind), Inside::NotLookedAt),
        ProtocolOp::SearchRequest(it) => (Request(Operation::Search), search(&it)),
        ProtocolOp::ModifyRequest(_) => (Request(Operation::Modify), Inside::NotLookedAt),
        ProtocolOp::AddRequest(_) => (Request(Operation::Add), Inside::NotLookedAt),
        ProtocolOp::DelRequest(_) => (Request(Operation::Delete), Inside::NotLookedAt),
        ProtocolOp::ModDnRequest(_) => (Request(Operation::ModifyDn), Inside::NotLookedAt),
        ProtocolOp::CompareRequest(_) => (Request(Operation::Compare), Inside::NotLookedAt),
        ProtocolOp::AbandonRequest(it) => {
            (Request(Operation::Abandon), Inside::Abandon(MessageId(it.0.into())))
        }
        ProtocolOp::ExtendedReq(it) => {
            let name = ExtendedName::of_oid(&it.request_name);
            (Request(Operation::Extended), Inside::Extended { name })
        }
        ProtocolOp::SearchResEntry(_) => (MessageKind::Entry, Inside::NotLookedAt),
        ProtocolOp::SearchResRef(_) => (MessageKind::Reference, Inside::NotLookedAt),
        ProtocolOp::IntermediateResponse(_) => (MessageKind::Intermediate, Inside::NotLookedAt),
        ProtocolOp::SearchResDone(it) => (Response(Answered::Search), result(it.0)),
        ProtocolOp::ModifyResponse(it) => (Response(Answered::Modify), result(it.0)),
        ProtocolOp::AddResponse(it) => (Response(Answered::Add), result(it.0)),
        ProtocolOp::DelResponse(it) => (Response(Answered::Delete), result(it.0)),
        ProtocolOp::ModDnResponse(it) => (Response(Answered::ModifyDn), result(it.0)),
        ProtocolOp::CompareResponse(it) => (Response(Answered::Compare), result(it.0)),
        ProtocolOp::BindResponse(it) => {
            let fields = (it.result_code, it.diagnostic_message, it.referral.is_some());
            (Response(Answered::Bind), fields_of_result(fields, None))
        }
        ProtocolOp::ExtendedResp(it) => {
            let fields = (it.result_code, it.diagnostic_message, it.referral.is_some());
            (Response(Answered::Extended), fields_of_result(fields, it.response_name))
        }
        other => panic!("a variant that is new: {other:?}"),
    }
}

fn result(it: LdapResult) -> Inside {
    fields_of_result((it.result_code, it.diagnostic_message, it.referral.is_some()), None)
}

fn fields_of_result(
    (code, diagnostic, has_referral): (ResultCode, LdapString, bool),
    name: Option<LdapOid>,
) -> Inside {
    Inside::Result {
        code: code as u32,
        diagnostic: diagnostic.as_bytes().to_vec(),
        has_referral,
        response_name: name.map(|name| name.to_vec()),
    }
}

fn bind(it: &BindRequest) -> Inside {
    let method = match &it.authentication {
        AuthenticationChoice::Simple(password) => BindMethod::Simple { empty: password.is_empty() },
        AuthenticationChoice::Sasl(credentials) => sasl(&credentials.mechanism),
        other => panic!("a variant that is new: {other:?}"),
    };
    Inside::Bind { version: it.version.into(), name: it.name.as_bytes().to_vec(), method }
}

fn search(it: &SearchRequest) -> Inside {
    let parameters = SearchParameters {
        scope: match it.scope {
            SearchRequestScope::BaseObject => Scope::Base,
            SearchRequestScope::SingleLevel => Scope::One,
            SearchRequestScope::WholeSubtree => Scope::Sub,
            other => panic!("a variant that is new: {other:?}"),
        },
        deref_aliases: match it.deref_aliases {
            SearchRequestDerefAliases::NeverDerefAliases => DerefAliases::Never,
            SearchRequestDerefAliases::DerefInSearching => DerefAliases::InSearching,
            SearchRequestDerefAliases::DerefFindingBaseObj => DerefAliases::FindingBase,
            SearchRequestDerefAliases::DerefAlways => DerefAliases::Always,
            other => panic!("a variant that is new: {other:?}"),
        },
        size_limit: it.size_limit,
        time_limit: it.time_limit,
        types_only: it.types_only,
    };
    Inside::Search { parameters, filter: tree(&it.filter).shape(), attributes: it.attributes.len() as u32 }
}

fn tree(filter: &Filter) -> Tree {
    match filter {
        Filter::And(set) => Tree::Set("&", set.to_vec().into_iter().map(tree).collect()),
        Filter::Or(set) => Tree::Set("|", set.to_vec().into_iter().map(tree).collect()),
        Filter::Not(inner) => Tree::Set("!", vec![tree(inner)]),
        Filter::EqualityMatch(it) => Tree::assertion(&it.attribute_desc, "="),
        Filter::GreaterOrEqual(it) => Tree::assertion(&it.attribute_desc, ">="),
        Filter::LessOrEqual(it) => Tree::assertion(&it.attribute_desc, "<="),
        Filter::ApproxMatch(it) => Tree::assertion(&it.attribute_desc, "~="),
        Filter::Present(name) => Tree::Item(format!("{}=*", shown(name))),
        Filter::Substrings(it) => {
            let count =
                |is: fn(&SubstringChoice) -> bool| it.substrings.iter().filter(|piece| is(piece)).count();
            let initial = count(|piece| matches!(piece, SubstringChoice::Initial(_))) > 0;
            let last = count(|piece| matches!(piece, SubstringChoice::Final(_))) > 0;
            let any = count(|piece| matches!(piece, SubstringChoice::Any(_)));
            Tree::substrings(&it.r#type, initial, any, last)
        }
        Filter::ExtensibleMatch(it) => Tree::extensible(
            it.r#type.as_ref().map(|name| name.as_str()),
            it.matching_rule.as_ref().map(|rule| rule.as_str()),
            it.dn_attributes,
        ),
        other => panic!("a variant that is new: {other:?}"),
    }
}
