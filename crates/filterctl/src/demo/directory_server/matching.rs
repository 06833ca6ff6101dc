//! Which entries a filter selects: RFC 4511, section 4.5.1.7.

use ldap3_proto::proto::{LdapFilter, LdapSubstringFilter};

use super::entries::Entry;

/// Whether the filter selects this entry. What cannot be decided is not selected.
pub(super) fn selects(filter: &LdapFilter, entry: &Entry) -> bool {
    match filter {
        LdapFilter::And(all) => all.iter().all(|one| selects(one, entry)),
        LdapFilter::Or(any) => any.iter().any(|one| selects(one, entry)),
        LdapFilter::Not(one) => !selects(one, entry),
        LdapFilter::Equality(name, value) | LdapFilter::Approx(name, value) => {
            entry.has(name, value.as_bytes())
        }
        LdapFilter::Substring(name, pattern) => {
            entry.values(name).iter().any(|value| fits(pattern, &String::from_utf8_lossy(value)))
        }
        LdapFilter::GreaterOrEqual(name, least) => {
            entry.values(name).iter().any(|value| value.as_slice() >= least.as_bytes())
        }
        LdapFilter::LessOrEqual(name, most) => {
            entry.values(name).iter().any(|value| value.as_slice() <= most.as_bytes())
        }
        LdapFilter::Present(name) => !entry.values(name).is_empty(),
        LdapFilter::Extensible(_) => false,
    }
}

/// Whether an index leads to the few entries that the filter selects, so that not all have to be looked at.
pub(super) fn is_indexed(filter: &LdapFilter) -> bool {
    const INDEXED: [&str; 3] = ["uid", "cn", "member"];
    match filter {
        LdapFilter::Equality(name, _) => INDEXED.iter().any(|known| known.eq_ignore_ascii_case(name)),
        LdapFilter::And(all) => all.iter().any(is_indexed),
        LdapFilter::Or(any) => any.iter().all(is_indexed),
        _ => false,
    }
}

fn fits(pattern: &LdapSubstringFilter, value: &str) -> bool {
    let lower = |text: &String| text.to_lowercase();
    let value = value.to_lowercase();
    let initial = pattern.initial.as_ref().map(lower).unwrap_or_default();
    let Some(mut rest) = value.strip_prefix(&initial) else { return false };
    for part in pattern.any.iter().map(lower) {
        let Some((_, behind)) = rest.split_once(&part) else { return false };
        rest = behind;
    }
    pattern.final_.as_ref().is_none_or(|end| rest.ends_with(&lower(end)))
}

#[cfg(test)]
mod tests {
    use ldap3_proto::parse_ldap_filter_str;

    use super::*;

    #[test]
    fn filters_select_by_what_an_entry_holds() {
        let entry = Entry::new(
            "uid=alice,dc=com",
            &[("objectClass", &["person"]), ("uid", &["alice"]), ("mail", &["alice@corp.example"])],
        );
        for (filter, expected) in [
            ("(UID=ALICE)", true),
            ("(&(objectClass=person)(uid=alice))", true),
            ("(&(objectClass=person)(uid=bob))", false),
            ("(|(uid=bob)(mail=*))", true),
            ("(!(uid=alice))", false),
            ("(mail=alice@*)", true),
            ("(mail=*ice*rp*ple)", true),
            ("(mail=*corp*ice*)", false),
            ("(uid>=alice)", true),
            ("(uid<=alic)", false),
            ("(telephoneNumber=*)", false),
        ] {
            assert_eq!(selects(&parse_ldap_filter_str(filter).unwrap(), &entry), expected, "{filter}");
        }
    }

    #[test]
    fn an_equality_of_an_indexed_attribute_makes_a_search_cheap() {
        for (filter, expected) in [
            ("(uid=alice)", true),
            ("(&(objectClass=person)(cn=alice))", true),
            ("(|(uid=alice)(mail=*))", false),
            ("(objectClass=person)", false),
        ] {
            assert_eq!(is_indexed(&parse_ldap_filter_str(filter).unwrap()), expected, "{filter}");
        }
    }
}
