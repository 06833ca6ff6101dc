//! Searches: RFC 4511, section 4.5, and in pages, RFC 2696.

use std::time::Duration;

use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapOp, LdapPartialAttribute, LdapResultCode as Code, LdapSearchRequest, LdapSearchResultEntry,
    LdapSearchResultReference, LdapSearchScope as Scope,
};

use super::content::{ARCHIVE, BRANCH, BRANCH_SERVER};
use super::entries::{Entries, Entry};
use super::matching::{is_indexed, selects};
use super::name::Name;

/// How long a search takes that has to look at very many entries.
const EXPENSIVE: Duration = Duration::from_millis(300);

/// From so many entries on it is one.
const VERY_MANY: usize = 1_000;

/// How long it takes to bring a tape.
const TAPE: Duration = Duration::from_secs(60);

/// Everything that a search is answered with.
#[derive(Debug)]
pub(super) struct Found {
    /// Entries and references, in their order.
    pub(super) responses: Vec<LdapOp>,
    pub(super) code: Code,
    pub(super) controls: Vec<LdapControl>,
}

impl Found {
    fn nothing(code: Code) -> Self {
        Self { responses: Vec::new(), code, controls: Vec::new() }
    }
}

/// The page that is asked for: how many entries, and the cookie of the page before.
pub(super) fn page(controls: &[LdapControl]) -> Option<(i64, &[u8])> {
    controls.iter().find_map(|control| match control {
        LdapControl::SimplePagedResults { size, cookie } => Some((*size, cookie.as_slice())),
        _ => None,
    })
}

/// How long the search takes before its first entry comes.
pub(super) fn duration(request: &LdapSearchRequest, paged: bool, entries: &Entries) -> Duration {
    let base = Name::parse(&request.base);
    if base.is_within(&Name::parse(ARCHIVE)) {
        return TAPE;
    }
    let is_expensive = !paged
        && !is_indexed(&request.filter)
        && entries.within(&base, &request.scope).nth(VERY_MANY).is_some();
    if is_expensive { EXPENSIVE } else { Duration::ZERO }
}

/// Answers a search, for a client that may read or one that may not.
pub(super) fn answer(
    request: &LdapSearchRequest,
    controls: &[LdapControl],
    may_read: bool,
    entries: &Entries,
) -> Found {
    let base = Name::parse(&request.base);
    if base.is_root() && request.scope == Scope::Base {
        let entry = LdapOp::SearchResultEntry(shown(&own_entry(), request));
        return Found { responses: vec![entry], code: Code::Success, controls: Vec::new() };
    }
    if !may_read {
        return Found::nothing(Code::InsufficentAccessRights);
    }
    let branch = Name::parse(BRANCH);
    if base.is_within(&branch) {
        return Found::nothing(Code::Referral);
    }
    if entries.get(&base).is_none() {
        return Found::nothing(Code::NoSuchObject);
    }
    let mut responses = Vec::new();
    let mut selected = Vec::new();
    for (name, entry) in entries.within(&base, &request.scope) {
        if *name == branch {
            let uris = vec![BRANCH_SERVER.to_owned()];
            responses.push(LdapOp::SearchResultReference(LdapSearchResultReference { uris }));
        } else if selects(&request.filter, entry) {
            selected.push(entry);
        }
    }
    let is_first_page = page(controls).is_none_or(|(_, cookie)| cookie.is_empty());
    if !is_first_page {
        responses.clear();
    }
    let (chosen, code, controls) = match page(controls) {
        Some((size, cookie)) => match cut(&selected, size, cookie) {
            Some((chosen, cookie)) => {
                let size = i64::try_from(selected.len()).unwrap_or(i64::MAX);
                (chosen, Code::Success, vec![LdapControl::SimplePagedResults { size, cookie }])
            }
            None => return Found::nothing(Code::UnwillingToPerform),
        },
        None => match usize::try_from(request.sizelimit) {
            Ok(limit @ 1..) if limit < selected.len() => {
                (selected.get(..limit).unwrap_or_default(), Code::SizeLimitExceeded, Vec::new())
            }
            _ => (selected.as_slice(), Code::Success, Vec::new()),
        },
    };
    responses.extend(chosen.iter().map(|entry| LdapOp::SearchResultEntry(shown(entry, request))));
    Found { responses, code, controls }
}

/// One page, and the cookie for the next one, which is empty behind the last; `None` for what cannot be asked for.
/// The cookie is the number of entries before the page.
fn cut<'a, 'e>(selected: &'a [&'e Entry], size: i64, cookie: &[u8]) -> Option<(&'a [&'e Entry], Vec<u8>)> {
    let before = match cookie {
        [] => 0,
        _ => std::str::from_utf8(cookie).ok()?.parse::<usize>().ok()?,
    };
    let size = usize::try_from(size).ok().filter(|size| *size > 0)?;
    let end = before.saturating_add(size).min(selected.len());
    let page = selected.get(before..end)?;
    let cookie = if end < selected.len() { end.to_string().into_bytes() } else { Vec::new() };
    Some((page, cookie))
}

/// What the client is to see of an entry.
fn shown(entry: &Entry, request: &LdapSearchRequest) -> LdapSearchResultEntry {
    let wants = |name: &str| request.attrs.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
    let all = request.attrs.is_empty() || wants("*");
    let hidden =
        |name: &str| ["userPassword", "accountState"].iter().any(|one| one.eq_ignore_ascii_case(name));
    let visible = entry.attributes.iter().filter(|one| !hidden(&one.atype) && (all || wants(&one.atype)));
    let attributes = visible.map(|one| LdapPartialAttribute {
        atype: one.atype.clone(),
        vals: if request.typesonly { Vec::new() } else { one.vals.clone() },
    });
    LdapSearchResultEntry { dn: entry.dn.clone(), attributes: attributes.collect() }
}

/// What the server says about itself: RFC 4512, section 5.1.
fn own_entry() -> Entry {
    Entry::new(
        "",
        &[
            ("objectClass", &["top"]),
            ("namingContexts", &[super::content::ROOT]),
            ("supportedLDAPVersion", &["3"]),
            ("supportedControl", &["1.2.840.113556.1.4.319", "1.3.6.1.4.1.42.2.27.8.5.1"]),
            ("supportedExtension", &[super::session::START_TLS, super::session::WHO_AM_I]),
        ],
    )
}

#[cfg(test)]
mod tests {
    use ldap3_proto::parse_ldap_filter_str;
    use ldap3_proto::proto::LdapDerefAliases;

    use super::super::content::{self, ROOT};
    use super::*;

    fn request(base: &str, filter: &str) -> LdapSearchRequest {
        LdapSearchRequest {
            base: base.to_owned(),
            scope: Scope::Subtree,
            aliases: LdapDerefAliases::Never,
            sizelimit: 0,
            timelimit: 0,
            typesonly: false,
            filter: parse_ldap_filter_str(filter).unwrap(),
            attrs: Vec::new(),
        }
    }

    fn count(found: &Found) -> (usize, usize) {
        let is_entry = |response: &&LdapOp| matches!(response, LdapOp::SearchResultEntry(_));
        let entries = found.responses.iter().filter(is_entry).count();
        (entries, found.responses.len() - entries)
    }

    #[test]
    fn a_person_is_found_with_a_reference_and_without_the_password() {
        let found = answer(&request(ROOT, "(uid=alice)"), &[], true, &content::entries());
        assert_eq!((found.code.clone(), count(&found)), (Code::Success, (1, 1)));
        let Some(LdapOp::SearchResultEntry(entry)) = found.responses.last() else { panic!("{found:?}") };
        assert_eq!(entry.dn, "uid=alice,ou=people,dc=example,dc=com");
        let names: Vec<&str> = entry.attributes.iter().map(|one| one.atype.as_str()).collect();
        assert!(names.contains(&"mail") && !names.contains(&"userPassword"), "{names:?}");
    }

    #[test]
    fn only_what_is_asked_for_is_shown() {
        let mut request = request(ROOT, "(uid=alice)");
        request.attrs = vec!["MAIL".to_owned()];
        request.typesonly = true;
        let found = answer(&request, &[], true, &content::entries());
        let Some(LdapOp::SearchResultEntry(entry)) = found.responses.last() else { panic!("{found:?}") };
        assert_eq!(entry.attributes.len(), 1);
        assert_eq!((entry.attributes[0].atype.as_str(), entry.attributes[0].vals.len()), ("mail", 0));
    }

    #[test]
    fn pages_hold_every_entry_once() {
        let entries = content::entries();
        let (mut cookie, mut sizes) = (Vec::new(), Vec::new());
        loop {
            let controls = [LdapControl::SimplePagedResults { size: 20, cookie }];
            let found = answer(&request("ou=groups,dc=example,dc=com", "(cn=*)"), &controls, true, &entries);
            sizes.push(count(&found).0);
            let Some((45, next)) = page(&found.controls) else { panic!("{:?}", found.controls) };
            cookie = next.to_vec();
            if cookie.is_empty() {
                break;
            }
        }
        assert_eq!(sizes, [20, 20, 5]);
        for (size, cookie) in [(0, &b""[..]), (-1, b""), (5, b"x"), (5, b"1000")] {
            let controls = [LdapControl::SimplePagedResults { size, cookie: cookie.to_vec() }];
            let found = answer(&request("ou=groups,dc=example,dc=com", "(cn=*)"), &controls, true, &entries);
            assert_eq!(found.code, Code::UnwillingToPerform, "{size} {cookie:?}");
        }
    }

    #[test]
    fn limits_refusals_and_other_servers() {
        let entries = content::entries();
        let code = |request: &LdapSearchRequest, may_read| answer(request, &[], may_read, &entries).code;
        let mut limited = request(ROOT, "(objectClass=person)");
        limited.sizelimit = 7;
        assert_eq!(count(&answer(&limited, &[], true, &entries)), (7, 1));
        assert_eq!(code(&limited, true), Code::SizeLimitExceeded);
        assert_eq!(code(&limited, false), Code::InsufficentAccessRights);
        assert_eq!(code(&request("ou=x,dc=example,dc=com", "(cn=*)"), true), Code::NoSuchObject);
        assert_eq!(code(&request("cn=x,ou=branch,dc=example,dc=com", "(cn=*)"), true), Code::Referral);
        let mut own = request("", "(objectClass=*)");
        own.scope = Scope::Base;
        assert_eq!(code(&own, false), Code::Success);
    }

    #[test]
    fn what_no_index_finds_takes_its_time() {
        let entries = content::entries();
        let took = |base, filter, paged| duration(&request(base, filter), paged, &entries);
        assert_eq!(took(ROOT, "(uid=alice)", false), Duration::ZERO);
        assert_eq!(took("ou=groups,dc=example,dc=com", "(description=*)", false), Duration::ZERO);
        assert_eq!(took(ROOT, "(objectClass=person)", false), EXPENSIVE);
        assert_eq!(took(ROOT, "(objectClass=person)", true), Duration::ZERO);
        assert_eq!(took(ARCHIVE, "(uid=alice)", false), TAPE);
    }
}
