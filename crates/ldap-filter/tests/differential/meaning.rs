//! What all decoders can say about a message.

use ldap_filter::decode;
use ldap_filter::protocol::bind::{BindMethod, BindRequest};
use ldap_filter::protocol::control::{Control, ControlSet, Controls, Paging};
use ldap_filter::protocol::extended::{ExtendedName, ExtendedRequest};
use ldap_filter::protocol::mechanism::Mechanism;
use ldap_filter::protocol::message::{MessageHead, MessageId, MessageKind, Trailer, abandoned};
use ldap_filter::protocol::operation::Operation;
use ldap_filter::protocol::result::LdapResult;
use ldap_filter::protocol::search::{SearchParameters, SearchRequest};

use super::Reference;

/// What a message means.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Meaning {
    pub(super) id: MessageId,
    pub(super) kind: MessageKind,
    pub(super) inside: Inside,
    pub(super) controls: ControlSet,
    pub(super) paging: Option<Paging>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Inside {
    Bind { version: i64, name: Vec<u8>, method: BindMethod },
    Search { parameters: SearchParameters, filter: Shape, attributes: u32 },
    Extended { name: ExtendedName },
    Result { code: u32, diagnostic: Vec<u8>, has_referral: bool, response_name: Option<Vec<u8>> },
    Abandon(MessageId),
    NotLookedAt,
}

/// The shape of a filter as text, and how deep it is. A text that was cut says nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    pub(super) text: Option<String>,
    pub(super) depth: u32,
}

impl Meaning {
    /// The same without what this decoder has no way to tell.
    pub(super) fn as_told_by(&self, reference: Reference) -> Self {
        let mut meaning = self.clone();
        let Inside::Result { has_referral, response_name, .. } = &mut meaning.inside else {
            return meaning;
        };
        match reference {
            Reference::Rasn => {}
            // It stops at referrals.
            Reference::LdapParser => {
                *response_name = response_name.take().filter(|_| !*has_referral);
                *has_referral = false;
            }
            Reference::Ldap3Proto => *has_referral = false,
        }
        meaning
    }
}

/// Which of our two ways to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    RasnFirst,
    Lightly,
}

/// What we make of one message that is all there; `None` when anything that we look at cannot be read.
pub(super) fn ours(octets: &[u8], way: Way) -> Option<Meaning> {
    let head = MessageHead::parse(octets).ok().filter(|head| head.total == octets.len() as u64)?;
    let body = head.body(octets)?;
    let trailer = Trailer::decode(body.trailer).ok()?;
    let controls = match way {
        Way::RasnFirst => decode::controls(trailer.controls),
        Way::Lightly => Controls::decode(trailer.controls),
    };
    let controls = controls.ok()?;
    let inside = inside(head.kind, body.operation, way)?;
    Some(Meaning { id: head.id, kind: head.kind, inside, controls: controls.set, paging: controls.paging })
}

fn inside(kind: MessageKind, operation: &[u8], way: Way) -> Option<Inside> {
    let lightly = way == Way::Lightly;
    Some(match kind {
        MessageKind::Request(Operation::Bind) => {
            let bind = if lightly { BindRequest::decode(operation) } else { decode::bind(operation) }.ok()?;
            Inside::Bind { version: bind.version, name: bind.name.to_vec(), method: bind.method }
        }
        MessageKind::Request(Operation::Search) => {
            let search = match way {
                Way::RasnFirst => decode::search(operation, 100),
                Way::Lightly => SearchRequest::decode(operation, 100),
            };
            let SearchRequest { parameters, filter, attributes } = search.ok()?;
            let text = filter.as_str();
            let text = (!text.ends_with("...")).then(|| text.to_owned());
            Inside::Search { parameters, filter: Shape { text, depth: filter.depth() }, attributes }
        }
        MessageKind::Request(Operation::Extended) => {
            let extended =
                if lightly { ExtendedRequest::decode(operation) } else { decode::extended(operation) }
                    .ok()?;
            Inside::Extended { name: extended.name }
        }
        MessageKind::Request(Operation::Abandon) => Inside::Abandon(abandoned(operation).ok()?),
        MessageKind::Response(answered) => {
            let result = LdapResult::decode(operation, answered).ok()?;
            Inside::Result {
                code: result.code.0,
                diagnostic: result.diagnostic.to_vec(),
                has_referral: result.has_referral,
                response_name: result.response_name.map(<[u8]>::to_vec),
            }
        }
        _ => Inside::NotLookedAt,
    })
}

/// The set of controls with these OIDs.
pub(super) fn controls<'o>(oids: impl IntoIterator<Item = &'o [u8]>) -> ControlSet {
    oids.into_iter().map(Control::of_oid).collect()
}

pub(super) fn sasl(mechanism: &str) -> BindMethod {
    BindMethod::Sasl(Mechanism::from_octets(mechanism.as_bytes()))
}

/// A filter as the other decoders have it, to be written without haste: what [`Shape`] is compared with.
pub(super) enum Tree {
    Set(&'static str, Vec<Tree>),
    Item(String),
}

impl Tree {
    pub(super) fn assertion(attribute: &str, relation: &str) -> Self {
        Self::Item(format!("{}{relation}?", shown(attribute)))
    }

    pub(super) fn substrings(attribute: &str, initial: bool, any: usize, last: bool) -> Self {
        let (first, last) = (if initial { "?" } else { "" }, if last { "?" } else { "" });
        Self::Item(format!("{}={first}*{}{last}", shown(attribute), "?*".repeat(any)))
    }

    pub(super) fn extensible(attribute: Option<&str>, rule: Option<&str>, of_dn: bool) -> Self {
        let attribute = attribute.map(shown).unwrap_or_default();
        let rule = rule.map(|rule| format!(":{}", shown(rule))).unwrap_or_default();
        Self::Item(format!("{attribute}{}{rule}:=?", if of_dn { ":dn" } else { "" }))
    }

    fn text(&self) -> String {
        match self {
            Self::Set(sign, trees) => format!("({sign}{})", trees.iter().map(Self::text).collect::<String>()),
            Self::Item(text) => format!("({text})"),
        }
    }

    fn depth(&self) -> u32 {
        match self {
            Self::Set(_, trees) => 1 + trees.iter().map(Self::depth).max().unwrap_or(0),
            Self::Item(_) => 1,
        }
    }

    pub(super) fn shape(&self) -> Shape {
        let text = Some(self.text()).filter(|text| text.len() <= 225);
        Shape { text, depth: self.depth() }
    }
}

/// A name as it is shown.
pub(super) fn shown(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.;".contains(c);
    let is_name = !name.is_empty() && name.len() <= 64 && name.chars().all(plain);
    if is_name { name.to_owned() } else { "<other>".to_owned() }
}
