//! The entries of the directory, and what can be done to them: RFC 4511, sections 4.6 to 4.10.

use std::collections::BTreeMap;

use ldap3_proto::proto::{
    LdapAttribute, LdapModify, LdapModifyType, LdapPartialAttribute, LdapResultCode as Code,
    LdapSearchScope as Scope,
};

use super::name::Name;

/// An entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// Its name as it was written when it was added.
    pub(super) dn: String,
    pub(super) attributes: Vec<LdapPartialAttribute>,
}

impl Entry {
    pub(super) fn new(dn: impl Into<String>, attributes: &[(&str, &[&str])]) -> Self {
        let attribute = |(name, values): &(&str, &[&str])| LdapPartialAttribute {
            atype: (*name).to_owned(),
            vals: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
        };
        Self { dn: dn.into(), attributes: attributes.iter().map(attribute).collect() }
    }

    /// The values of an attribute; none if it has none.
    pub(super) fn values(&self, name: &str) -> &[Vec<u8>] {
        let attribute = self.attributes.iter().find(|attribute| attribute.atype.eq_ignore_ascii_case(name));
        attribute.map_or(&[], |attribute| &attribute.vals)
    }

    /// The first value of an attribute, if it is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values(name).first().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Whether it has this value, without regard to case.
    pub(super) fn has(&self, name: &str, value: &[u8]) -> bool {
        self.values(name).iter().any(|known| known.eq_ignore_ascii_case(value))
    }

    fn change(&mut self, change: LdapModify) -> Result<(), Code> {
        let LdapModify { operation, modification: LdapPartialAttribute { atype, vals } } = change;
        let index = self.attributes.iter().position(|known| known.atype.eq_ignore_ascii_case(&atype));
        let known = index.and_then(|index| self.attributes.get_mut(index));
        match (operation, known) {
            (LdapModifyType::Add, Some(known)) => {
                if vals.iter().any(|value| known.vals.contains(value)) {
                    return Err(Code::AttributeOrValueExists);
                }
                known.vals.extend(vals);
            }
            (LdapModifyType::Replace, Some(known)) => known.vals = vals,
            (LdapModifyType::Add | LdapModifyType::Replace, None) => {
                self.attributes.push(LdapAttribute { atype, vals });
            }
            (LdapModifyType::Delete, Some(known)) => {
                if !vals.iter().all(|value| known.vals.contains(value)) {
                    return Err(Code::NoSuchAttribute);
                }
                // No values at all mean the whole attribute.
                known.vals.retain(|value| !vals.is_empty() && !vals.contains(value));
            }
            (LdapModifyType::Delete, None) => return Err(Code::NoSuchAttribute),
            (LdapModifyType::Increment, _) => return Err(Code::UnwillingToPerform),
        }
        self.attributes.retain(|attribute| !attribute.vals.is_empty());
        Ok(())
    }
}

/// All entries, each next to those below it.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries(BTreeMap<Name, Entry>);

impl Entries {
    /// Puts an entry there, whatever is above it.
    pub(super) fn put(&mut self, entry: Entry) {
        self.0.insert(Name::parse(&entry.dn), entry);
    }

    pub(super) fn get(&self, name: &Name) -> Option<&Entry> {
        self.0.get(name)
    }

    /// The entries that a search looks at, in an order that stays the same from page to page.
    pub(super) fn within<'a>(
        &'a self,
        base: &'a Name,
        scope: &'a Scope,
    ) -> impl Iterator<Item = (&'a Name, &'a Entry)> {
        let all = self.0.range(base..).take_while(move |(name, _)| name.is_within(base));
        all.filter(move |(name, _)| match (scope, name.depth_below(base)) {
            (Scope::Base, Some(depth)) => depth == 0,
            (Scope::OneLevel, Some(depth)) => depth == 1,
            (Scope::Children, Some(depth)) => depth > 0,
            (Scope::Subtree, Some(_)) => true,
            (_, None) => false,
        })
    }

    pub(super) fn add(&mut self, dn: String, attributes: Vec<LdapAttribute>) -> Result<(), Code> {
        let name = Name::parse(&dn);
        if self.0.contains_key(&name) {
            return Err(Code::EntryAlreadyExists);
        }
        if !self.0.contains_key(&name.parent()) {
            return Err(Code::NoSuchObject);
        }
        self.0.insert(name, Entry { dn, attributes });
        Ok(())
    }

    /// All changes or none.
    pub(super) fn modify(&mut self, name: &Name, changes: Vec<LdapModify>) -> Result<(), Code> {
        let entry = self.0.get_mut(name).ok_or(Code::NoSuchObject)?;
        let mut changed = entry.clone();
        changes.into_iter().try_for_each(|change| changed.change(change))?;
        *entry = changed;
        Ok(())
    }

    pub(super) fn delete(&mut self, name: &Name) -> Result<(), Code> {
        if !self.0.contains_key(name) {
            return Err(Code::NoSuchObject);
        }
        self.refuse_with_children(name)?;
        self.0.remove(name);
        Ok(())
    }

    /// Gives a leaf another name below the same entry, or below another one.
    pub(super) fn rename(&mut self, name: &Name, rdn: &str, superior: Option<&str>) -> Result<(), Code> {
        let entry = self.0.get(name).ok_or(Code::NoSuchObject)?;
        self.refuse_with_children(name)?;
        let above = superior.or_else(|| entry.dn.split_once(',').map(|(_, above)| above)).unwrap_or_default();
        let dn = format!("{rdn},{above}");
        self.add(dn, entry.attributes.clone())?;
        self.0.remove(name);
        Ok(())
    }

    fn refuse_with_children(&self, name: &Name) -> Result<(), Code> {
        let has_children = self.within(name, &Scope::Children).next().is_some();
        if has_children { Err(Code::NotAllowedOnNonLeaf) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Entries {
        let mut entries = Entries::default();
        for dn in ["dc=com", "ou=a,dc=com", "ou=ab,dc=com", "cn=1,ou=a,dc=com", "cn=2,ou=a,dc=com"] {
            entries.put(Entry::new(dn, &[("mail", &["x@y"])]));
        }
        entries
    }

    fn names(base: &str, scope: &Scope) -> Vec<String> {
        let base = Name::parse(base);
        entries().within(&base, scope).map(|(_, entry)| entry.dn.clone()).collect()
    }

    #[test]
    fn a_scope_says_how_far_a_search_looks() {
        assert_eq!(names("ou=a,dc=com", &Scope::Base), ["ou=a,dc=com"]);
        assert_eq!(names("ou=a,dc=com", &Scope::Subtree).len(), 3);
        assert_eq!(names("ou=a,dc=com", &Scope::Children), ["cn=1,ou=a,dc=com", "cn=2,ou=a,dc=com"]);
        assert_eq!(names("dc=com", &Scope::OneLevel), ["ou=a,dc=com", "ou=ab,dc=com"]);
    }

    #[test]
    fn entries_come_and_go_by_the_rules() {
        let mut entries = entries();
        let name = Name::parse("cn=3,ou=a,dc=com");
        assert_eq!(entries.add("cn=3,ou=a,dc=com".to_owned(), Vec::new()), Ok(()));
        assert_eq!(entries.add("CN=3, ou=A,dc=com".to_owned(), Vec::new()), Err(Code::EntryAlreadyExists));
        assert_eq!(entries.add("cn=3,ou=z,dc=com".to_owned(), Vec::new()), Err(Code::NoSuchObject));
        assert_eq!(entries.rename(&name, "cn=4", None), Ok(()));
        assert_eq!(entries.rename(&name, "cn=4", None), Err(Code::NoSuchObject));
        let renamed = Name::parse("cn=4,ou=a,dc=com");
        assert_eq!(entries.delete(&renamed.parent()), Err(Code::NotAllowedOnNonLeaf));
        assert_eq!(entries.delete(&renamed), Ok(()));
        assert_eq!(entries.delete(&renamed), Err(Code::NoSuchObject));
    }

    #[test]
    fn an_entry_changes_as_a_whole_or_not_at_all() {
        let mut entries = entries();
        let name = Name::parse("ou=a,dc=com");
        let change = |operation, value: &str| LdapModify {
            operation,
            modification: LdapPartialAttribute {
                atype: "Mail".to_owned(),
                vals: vec![value.as_bytes().to_vec()],
            },
        };
        let (add, delete) = (LdapModifyType::Add, LdapModifyType::Delete);
        let both = vec![change(add.clone(), "b@y"), change(delete.clone(), "nobody@y")];
        assert_eq!(entries.modify(&name, both), Err(Code::NoSuchAttribute));
        assert_eq!(entries.get(&name).unwrap().values("mail"), [b"x@y"]);
        let same = vec![change(add.clone(), "x@y")];
        assert_eq!(entries.modify(&name, same), Err(Code::AttributeOrValueExists));
        assert_eq!(entries.modify(&name, vec![change(add, "b@y"), change(delete, "x@y")]), Ok(()));
        assert_eq!(entries.get(&name).unwrap().values("mail"), [b"b@y"]);
    }
}
