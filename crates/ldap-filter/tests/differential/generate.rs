//! Messages of every operation, as RFC 4511 writes them.

use proptest::prelude::*;

use super::Reference;

/// How lengths are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In as few octets as can be.
    Shortest,
    /// Of constructed elements always in four octets, as Microsoft does.
    Microsoft,
}

pub(super) fn form() -> impl Strategy<Value = Form> {
    prop_oneof![Just(Form::Shortest), Just(Form::Microsoft)]
}

/// An element as it is meant, its lengths not yet written.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Primitive(u8, Vec<u8>),
    Constructed(u8, Vec<Node>),
}

/// A message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    id: u32,
    operation: Node,
    controls: Option<Vec<Node>>,
}

impl Message {
    /// Whether a message as RFC 4511 writes it may be too much for this decoder.
    pub(super) fn may_be_refused_by(&self, reference: Reference) -> bool {
        let (Node::Constructed(tag, _) | Node::Primitive(tag, _)) = self.operation;
        match reference {
            Reference::Rasn => false,
            // An intermediate response without a name; all of its kind are left out.
            Reference::LdapParser => tag == 0x79,
            // It wants to understand the values of controls, and knows intermediate responses of one kind only.
            Reference::Ldap3Proto => self.controls.is_some() || tag == 0x79,
        }
    }
}

pub(super) fn element(tag: u8, contents: &[u8], form: Form) -> Vec<u8> {
    let length = contents.len() as u32;
    let octets = length.to_be_bytes();
    let mut element = vec![tag];
    match (form, length) {
        (Form::Microsoft, _) => element.extend([&[0x84][..], &octets].concat()),
        (_, 0..0x80) => element.push(octets[3]),
        (_, 0x80..0x100) => element.extend([0x81, octets[3]]),
        (_, 0x100..0x1_0000) => element.extend([0x82, octets[2], octets[3]]),
        _ => element.extend([&[0x84][..], &octets].concat()),
    }
    element.extend(contents);
    element
}

/// The contents of an element with a length in either form.
pub(super) fn contents(element: &[u8]) -> &[u8] {
    let length_octets = if element[1] < 0x80 { 0 } else { usize::from(element[1] & 0x7f) };
    &element[2 + length_octets..]
}

fn written(node: &Node, form: Form) -> Vec<u8> {
    match node {
        Node::Primitive(tag, contents) => element(*tag, contents, Form::Shortest),
        Node::Constructed(tag, nodes) => {
            let contents: Vec<_> = nodes.iter().flat_map(|node| written(node, form)).collect();
            element(*tag, &contents, form)
        }
    }
}

pub(super) fn encoded(message: &Message, form: Form) -> Vec<u8> {
    let mut nodes = vec![integer(0x02, message.id.into()), message.operation.clone()];
    nodes.extend(message.controls.clone().map(|controls| Node::Constructed(0xa0, controls)));
    written(&Node::Constructed(0x30, nodes), form)
}

fn integer(tag: u8, number: i64) -> Node {
    let octets = number.to_be_bytes();
    // Leading octets that only repeat the sign are left out.
    let needless = octets.windows(2).take_while(|pair| pair[0] == 0 && pair[1] < 0x80).count();
    Node::Primitive(tag, octets[needless..].to_vec())
}

fn string(octets: impl Into<Vec<u8>>) -> Node {
    Node::Primitive(0x04, octets.into())
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "(cn|ou|dc)=[a-z]{0,8}(,dc=[a-z]{1,6}){0,3}",
        1 => Just(String::new()),
        1 => Just("cn=J\u{f6}rg,dc=example".to_owned()),
    ]
}

fn attribute() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => proptest::sample::select(&["uid", "cn", "objectClass", "memberOf", "cn;lang-de", "2.5.4.3"][..])
            .prop_map(str::to_owned),
        1 => "[a-zA-Z0-9-]{1,70}",
        1 => Just("a b\u{f6}".to_owned()),
    ]
}

/// What anybody may write, as UTF-8: `ldap3_proto` takes nothing else.
fn value() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,12}", "\\PC{0,6}"]
}

fn assertion(tag: u8) -> impl Strategy<Value = Node> {
    (attribute(), value())
        .prop_map(move |(name, value)| Node::Constructed(tag, vec![string(name), string(value)]))
}

fn substrings() -> impl Strategy<Value = Node> {
    let piece = |tag| "[a-z]{1,4}".prop_map(move |piece| Node::Primitive(tag, piece.into()));
    let pieces = (
        proptest::option::of(piece(0x80)),
        proptest::collection::vec(piece(0x81), 0..4),
        proptest::option::of(piece(0x82)),
    );
    let one_at_least = pieces.prop_filter("a piece", |(initial, any, last)| {
        initial.is_some() || !any.is_empty() || last.is_some()
    });
    (attribute(), one_at_least).prop_map(|(name, (initial, any, last))| {
        let pieces = initial.into_iter().chain(any).chain(last).collect();
        Node::Constructed(0xa4, vec![string(name), Node::Constructed(0x30, pieces)])
    })
}

fn extensible() -> impl Strategy<Value = Node> {
    let rule = proptest::sample::select(&["1.2.840.113556.1.4.803", "caseExactMatch"][..]);
    (proptest::option::of(rule), proptest::option::of(attribute()), value(), any::<bool>()).prop_map(
        |(rule, attribute, value, of_dn)| {
            let primitive = |tag, octets: &str| Node::Primitive(tag, octets.into());
            // RFC 4511, 4.5.1.7.7: one of both must be there.
            let rule = if attribute.is_none() { Some(rule.unwrap_or("2.5.13.5")) } else { rule };
            let mut fields = Vec::new();
            fields.extend(rule.map(|rule| primitive(0x81, rule)));
            fields.extend(attribute.map(|attribute| primitive(0x82, &attribute)));
            fields.push(primitive(0x83, &value));
            fields.extend(of_dn.then(|| Node::Primitive(0x84, vec![0xff])));
            Node::Constructed(0xa9, fields)
        },
    )
}

fn filter() -> impl Strategy<Value = Node> {
    let item = prop_oneof![
        4 => assertion(0xa3),
        1 => assertion(0xa5),
        1 => assertion(0xa6),
        1 => assertion(0xa8),
        2 => attribute().prop_map(|name| Node::Primitive(0x87, name.into())),
        2 => substrings(),
        1 => extensible(),
    ];
    item.prop_recursive(4, 12, 4, |inner| {
        let several = proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            several.clone().prop_map(|filters| Node::Constructed(0xa0, filters)),
            several.prop_map(|filters| Node::Constructed(0xa1, filters)),
            inner.prop_map(|filter| Node::Constructed(0xa2, vec![filter])),
        ]
    })
}

fn search() -> impl Strategy<Value = Node> {
    let limit = || prop_oneof![Just(0_i64), 1..1_000_i64, Just(0x7fff_ffff)];
    let attributes = proptest::collection::vec(attribute(), 0..4);
    (name(), 0..3_i64, 0..4_i64, limit(), limit(), any::<bool>(), filter(), attributes).prop_map(
        |(base, scope, aliases, size, time, types_only, filter, attributes)| {
            let attributes = attributes.into_iter().map(string).collect();
            Node::Constructed(
                0x63,
                vec![
                    string(base),
                    integer(0x0a, scope),
                    integer(0x0a, aliases),
                    integer(0x02, size),
                    integer(0x02, time),
                    Node::Primitive(0x01, vec![if types_only { 0xff } else { 0 }]),
                    filter,
                    Node::Constructed(0x30, attributes),
                ],
            )
        },
    )
}

fn bind() -> impl Strategy<Value = Node> {
    let mechanism =
        proptest::sample::select(&["GSSAPI", "GSS-SPNEGO", "SCRAM-SHA-256", "PLAIN", "X-MINE"][..]);
    let authentication = prop_oneof![
        2 => "[ -~]{0,10}".prop_map(|password| Node::Primitive(0x80, password.into())),
        1 => (mechanism, "[a-z]{0,200}").prop_map(|(mechanism, credentials)| {
            Node::Constructed(0xa3, vec![string(mechanism), string(credentials)])
        }),
    ];
    (2..4_i64, name(), authentication).prop_map(|(version, name, authentication)| {
        Node::Constructed(0x60, vec![integer(0x02, version), string(name), authentication])
    })
}

fn extended() -> impl Strategy<Value = Node> {
    let cancel = (0..1_000_i64).prop_map(|id| {
        let value = written(&Node::Constructed(0x30, vec![integer(0x02, id)]), Form::Shortest);
        ("1.3.6.1.1.8", Some(value))
    });
    let named = proptest::sample::select(
        &["1.3.6.1.4.1.1466.20037", "1.3.6.1.4.1.4203.1.11.3", "1.3.6.1.1.21.1", "1.2.3.4"][..],
    );
    let other = (named, proptest::option::of(proptest::collection::vec(any::<u8>(), 0..9)));
    prop_oneof![cancel, other].prop_map(|(oid, value)| {
        let mut fields = vec![Node::Primitive(0x80, oid.into())];
        fields.extend(value.map(|value| Node::Primitive(0x81, value)));
        Node::Constructed(0x77, fields)
    })
}

/// A final response, or, with the fields of an extended one, that.
fn result() -> impl Strategy<Value = Node> {
    let tags = proptest::sample::select(&[0x61_u8, 0x65, 0x67, 0x69, 0x6b, 0x6d, 0x6f, 0x78][..]);
    let codes = proptest::sample::select(&[0_i64, 4, 6, 10, 14, 32, 49, 53, 80][..]);
    let referral = proptest::option::of(proptest::sample::select(&["ldap://a/", "ldaps://b/dc=x"][..]));
    let response_name = proptest::option::of(Just("1.3.6.1.4.1.1466.20036"));
    (tags, codes, name(), value(), referral, response_name).prop_map(
        |(tag, code, matched, diagnostic, referral, response_name)| {
            let mut fields = vec![integer(0x0a, code), string(matched), string(diagnostic)];
            fields.extend(referral.map(|uri| Node::Constructed(0xa3, vec![string(uri)])));
            if tag == 0x78 {
                fields.extend(response_name.map(|name| Node::Primitive(0x8a, name.into())));
            }
            Node::Constructed(tag, fields)
        },
    )
}

/// What we only know the kind of.
fn others() -> impl Strategy<Value = Node> {
    let attributes = |tag| {
        proptest::collection::vec((attribute(), proptest::collection::vec(value(), 1..3)), 1..3).prop_map(
            move |attributes| {
                let attribute = |(name, values): (String, Vec<String>)| {
                    let values = values.into_iter().map(string).collect();
                    Node::Constructed(0x30, vec![string(name), Node::Constructed(0x31, values)])
                };
                Node::Constructed(tag, attributes.into_iter().map(attribute).collect())
            },
        )
    };
    let of_entry = move |tag| {
        (name(), attributes(0x30))
            .prop_map(move |(name, list)| Node::Constructed(tag, vec![string(name), list]))
    };
    let modify = (name(), 0..3_i64, attribute(), value()).prop_map(|(name, how, attribute, value)| {
        let values = Node::Constructed(0x31, vec![string(value)]);
        let change = Node::Constructed(0x30, vec![string(attribute), values]);
        let change = Node::Constructed(0x30, vec![integer(0x0a, how), change]);
        Node::Constructed(0x66, vec![string(name), Node::Constructed(0x30, vec![change])])
    });
    let rename = (name(), "cn=[a-z]{1,4}", any::<bool>()).prop_map(|(name, new, delete)| {
        let delete = Node::Primitive(0x01, vec![if delete { 0xff } else { 0 }]);
        Node::Constructed(0x6c, vec![string(name), string(new), delete])
    });
    let compare = (name(), assertion(0x30))
        .prop_map(|(name, assertion)| Node::Constructed(0x6e, vec![string(name), assertion]));
    prop_oneof![
        Just(Node::Primitive(0x42, Vec::new())),
        (0..1_000_i64).prop_map(|id| integer(0x50, id)),
        name().prop_map(|name| Node::Primitive(0x4a, name.into())),
        of_entry(0x64),
        of_entry(0x68),
        modify,
        rename,
        compare,
        Just(Node::Constructed(0x73, vec![string("ldap://a/dc=x")])),
        Just(Node::Constructed(0x79, vec![Node::Primitive(0x80, b"1.3.6.1.4.1.4203.1.9.1.4".to_vec())])),
    ]
}

fn control() -> impl Strategy<Value = Node> {
    let sequence = |fields| Some(written(&Node::Constructed(0x30, fields), Form::Shortest));
    let paged = (0..1_000_i64, "[a-z]{0,4}").prop_map(move |(size, cookie)| {
        ("1.2.840.113556.1.4.319", sequence(vec![integer(0x02, size), string(cookie)]))
    });
    let sync = proptest::sample::select(&[1_i64, 3][..])
        .prop_map(move |mode| ("1.3.6.1.4.1.4203.1.9.1.1", sequence(vec![integer(0x0a, mode)])));
    let named = proptest::sample::select(
        &["2.16.840.1.113730.3.4.2", "1.2.840.113556.1.4.417", "1.3.6.1.4.1.42.2.27.8.5.1", "1.2.3.4"][..],
    );
    (prop_oneof![paged, sync, named.prop_map(|oid| (oid, None))], any::<bool>()).prop_map(
        |((oid, value), critical)| {
            let mut fields = vec![string(oid)];
            fields.extend(critical.then(|| Node::Primitive(0x01, vec![0xff])));
            fields.extend(value.map(string));
            Node::Constructed(0x30, fields)
        },
    )
}

pub(super) fn message() -> impl Strategy<Value = Message> {
    let ids = prop_oneof![Just(0_u32), 1..300_u32, Just(0x7fff_ffff)];
    let operation = prop_oneof![4 => search(), 2 => bind(), 2 => extended(), 3 => result(), 2 => others()];
    let controls = proptest::option::weighted(0.3, proptest::collection::vec(control(), 1..4));
    (ids, operation, controls).prop_map(|(id, operation, controls)| Message { id, operation, controls })
}
