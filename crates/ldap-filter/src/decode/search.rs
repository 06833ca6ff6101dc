//! Search requests.

use rasn_ldap::{Filter, LdapDn, LdapString, SearchRequestDerefAliases, SearchRequestScope, SubstringChoice};

use super::fields::{Fields, Refused};
use crate::protocol::ber::{Cursor, Element, Unreadable, tag};
use crate::protocol::filter_item::{Item, Relation};
use crate::protocol::filter_shape::{FilterShape, ItemWriter};
use crate::protocol::search::{DerefAliases, Scope, SearchParameters, SearchRequest};

/// Reads the contents of a search request; its filter down to `max_filter_depth` levels. See
/// [`SearchRequest::decode`].
///
/// Searches are what a directory is asked most, so the light decoder comes first here: it costs a quarter. Where both
/// can read, both say the same, so the order decides nothing else.
///
/// # Errors
/// They are none.
pub fn search(operation: &[u8], max_filter_depth: u32) -> Result<SearchRequest, Unreadable> {
    SearchRequest::decode(operation, max_filter_depth)
        .or_else(|Unreadable| typed(operation, max_filter_depth).map_err(|Refused| Unreadable))
}

/// The fields of a `rasn_ldap::SearchRequest`.
fn typed(operation: &[u8], max_filter_depth: u32) -> Result<SearchRequest, Refused> {
    let mut fields = Fields::of(operation);
    fields.next::<LdapDn>()?;
    let parameters = SearchParameters {
        scope: match fields.next()? {
            SearchRequestScope::BaseObject => Scope::Base,
            SearchRequestScope::SingleLevel => Scope::One,
            SearchRequestScope::WholeSubtree => Scope::Sub,
            _ => return Err(Refused),
        },
        deref_aliases: match fields.next()? {
            SearchRequestDerefAliases::NeverDerefAliases => DerefAliases::Never,
            SearchRequestDerefAliases::DerefInSearching => DerefAliases::InSearching,
            SearchRequestDerefAliases::DerefFindingBaseObj => DerefAliases::FindingBase,
            SearchRequestDerefAliases::DerefAlways => DerefAliases::Always,
            _ => return Err(Refused),
        },
        size_limit: limit(&mut fields)?,
        time_limit: limit(&mut fields)?,
        types_only: fields.next()?,
    };
    let mut rest = Cursor::new(fields.rest());
    let filter = FilterShape::of_items(rest.element()?, max_filter_depth, item)?;
    let mut selectors = Fields::of(rest.expect(tag::SEQUENCE)?);
    let mut attributes: u32 = 0;
    while !selectors.rest().is_empty() {
        selectors.next::<LdapString>()?;
        attributes = attributes.saturating_add(1);
    }
    Ok(SearchRequest { parameters, filter, attributes })
}

// RFC 4511, 4.5.1: INTEGER (0 ..  maxInt), a range that `rasn_ldap` does not know.
fn limit(fields: &mut Fields<'_>) -> Result<u32, Refused> {
    fields.next().and_then(|limit: u32| if i32::try_from(limit).is_ok() { Ok(limit) } else { Err(Refused) })
}

/// Reads a filter that has no others inside. What is refused here is refused with the whole search.
fn item(filter: Element<'_>, writer: &mut ItemWriter<'_>) -> Result<(), Unreadable> {
    let assertion = |attribute, relation| Item::Assertion { attribute, relation };
    match rasn::ber::decode(filter.octets).map_err(|_| Unreadable)? {
        Filter::EqualityMatch(it) => writer.write(assertion(it.attribute_desc.as_bytes(), Relation::Equal)),
        Filter::GreaterOrEqual(it) => {
            writer.write(assertion(it.attribute_desc.as_bytes(), Relation::GreaterOrEqual));
        }
        Filter::LessOrEqual(it) => {
            writer.write(assertion(it.attribute_desc.as_bytes(), Relation::LessOrEqual));
        }
        Filter::ApproxMatch(it) => {
            writer.write(assertion(it.attribute_desc.as_bytes(), Relation::Approximate));
        }
        Filter::Present(attribute) => writer.write(Item::Present { attribute: attribute.as_bytes() }),
        Filter::Substrings(it) => writer.write(substrings(it.r#type.as_bytes(), &it.substrings)?),
        Filter::ExtensibleMatch(it) => writer.write(Item::Extensible {
            attribute: it.r#type.as_ref().map(|attribute| attribute.as_bytes()),
            rule: it.matching_rule.as_ref().map(|rule| rule.as_bytes()),
            of_dn_too: it.dn_attributes,
        }),
        _ => return Err(Unreadable),
    }
    Ok(())
}

// RFC 4511, 4.5.1.7.2: initial at most once and first, final at most once and last. `rasn_ldap` takes any order.
fn substrings<'a>(attribute: &'a [u8], pieces: &[SubstringChoice]) -> Result<Item<'a>, Unreadable> {
    let (has_initial, pieces) = match pieces {
        [SubstringChoice::Initial(_), rest @ ..] => (true, rest),
        pieces => (false, pieces),
    };
    let (has_final, pieces) = match pieces {
        [rest @ .., SubstringChoice::Final(_)] => (true, rest),
        pieces => (false, pieces),
    };
    let in_order = pieces.iter().all(|piece| matches!(piece, SubstringChoice::Any(_)));
    if !in_order {
        return Err(Unreadable);
    }
    Ok(Item::Substrings { attribute, has_initial, any: pieces.len(), has_final })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGINNING: &[u8] = b"\x04\x04dc=x\x0a\x01\x02\x0a\x01\x03\x02\x02\x01\xf4\x02\x01\x0a\x01\x01\xff";
    const ATTRIBUTES: &[u8] = b"\x30\x0a\x04\x02cn\x04\x04mail";

    fn request(filter: &[u8]) -> Vec<u8> {
        [BEGINNING, filter, ATTRIBUTES].concat()
    }

    #[test]
    fn both_readers_agree() {
        for (filter, shape) in [
            (&b"\xa3\x08\x04\x03uid\x04\x01a"[..], "(uid=?)"),
            (b"\xa5\x08\x04\x03uid\x04\x01a", "(uid>=?)"),
            (b"\xa6\x08\x04\x03uid\x04\x01a", "(uid<=?)"),
            (b"\xa8\x08\x04\x03uid\x04\x01a", "(uid~=?)"),
            (b"\x87\x03uid", "(uid=*)"),
            (b"\x87\x01 ", "(<other>=*)"),
            (b"\xa4\x0a\x04\x03uid\x30\x03\x80\x01a", "(uid=?*)"),
            (b"\xa4\x10\x04\x03uid\x30\x09\x81\x01a\x81\x01b\x82\x01c", "(uid=*?*?*?)"),
            (b"\xa9\x0e\x81\x031.2\x82\x01a\x83\x01v\x84\x01\xff", "(a:dn:1.2:=?)"),
            (b"\xa9\x06\x82\x01a\x83\x01v", "(a:=?)"),
            (b"\xa0\x0c\xa1\x06\x87\x01a\x87\x01b\xa2\x02\x87\x00", "(&(|(a=*)(b=*))(!(<other>=*)))"),
            (b"\xa0\x00", "(&)"),
        ] {
            let request = request(filter);
            let typed = typed(&request, 32);
            assert_eq!(typed.map(|request| request.filter.as_str().to_owned()), Ok(shape.to_owned()));
            assert_eq!(SearchRequest::decode(&request, 32).map_err(|_| Refused), typed, "{shape}");
            assert_eq!(search(&request, 32).map_err(|_| Refused), typed, "{shape}");
        }
    }

    #[test]
    fn what_rasn_refuses_is_read_lightly() {
        let mut children = request(b"\x87\x01a");
        children[8] = 3;
        let mut aliases = request(b"\x87\x01a");
        aliases[11] = 4;
        let mut base = request(b"\x87\x01a");
        base[3] = 0xff;
        for (request, shape) in [
            (children, "(a=*)"),
            (aliases, "(a=*)"),
            (base, "(a=*)"),
            (request(b"\x87\x01\xff"), "(<other>=*)"),
            (request(b"\xaa\x01x"), "(<other>)"),
            (request(b"\xa3\x0b\x04\x03uid\x04\x01a\x99\x01x"), "(uid=?)"),
            ([BEGINNING, b"\x87\x01a", b"\x30\x03\x04\x01\xff"].concat(), "(a=*)"),
        ] {
            assert_eq!(typed(&request, 32), Err(Refused), "{shape}");
            let read = search(&request, 32);
            assert_eq!(read, SearchRequest::decode(&request, 32));
            assert_eq!(read.map(|request| request.filter.as_str().to_owned()), Ok(shape.to_owned()));
        }
    }

    #[test]
    fn what_neither_can_read_is_unreadable() {
        let whole = request(b"\xa4\x0a\x04\x03uid\x30\x03\x80\x01a");
        for end in 0..whole.len() {
            assert_eq!(search(&whole[..end], 32), Err(Unreadable), "{end}");
        }
        // The last piece first, and a limit below zero.
        assert_eq!(search(&request(b"\xa4\x0d\x04\x03uid\x30\x06\x82\x01c\x80\x01a"), 32), Err(Unreadable));
        let mut limit = request(b"\x87\x01a");
        limit[14] = 0xff;
        assert_eq!(search(&limit, 32), Err(Unreadable));
    }

    #[test]
    fn ten_thousand_levels() {
        let mut filter = b"\x87\x01a".to_vec();
        for _ in 0..10_000 {
            let length = filter.len() as u32;
            filter.splice(0..0, [&[0xa2, 0x83], &length.to_be_bytes()[1..]].concat());
        }
        let request = search(&request(&filter), 32).unwrap();
        assert!(request.filter.is_too_deep());
        assert_eq!((request.filter.depth(), request.attributes), (33, 2));
    }
}
