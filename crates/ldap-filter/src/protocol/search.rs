//! What a search asks for (RFC 4511, 4.5.1).

use common_metrics::label;

use super::ber::{Cursor, Unreadable};
use super::control::{Control, Controls, SyncMode};
use super::filter_shape::FilterShape;

label! {
    /// How far below its base a search looks.
    pub enum Scope: "scope" {
        /// The base alone.
        Base = "base",
        /// Its immediate children.
        One = "one",
        /// The base and everything below.
        Sub = "sub",
        /// Everything below (draft-sermersheim-ldap-subordinate-scope).
        Children = "children",
        /// Any other, or not known.
        Other = "other",
    }
}

label! {
    /// What kind of search it is, by its controls.
    pub enum SearchKind: "kind" {
        /// None of the following.
        Normal = "normal",
        /// The first page of a paged search (RFC 2696): an empty cookie.
        PagedFirst = "paged_first",
        /// A later page.
        PagedNext = "paged_next",
        /// A virtual list view (draft-ietf-ldapext-ldapv3-vlv).
        Vlv = "vlv",
        /// A content synchronisation that ends: refreshOnly (RFC 4533), DirSync (MS-ADTS).
        Sync = "sync",
        /// One that stays open: refreshAndPersist (RFC 4533), persistent search, change notification (MS-ADTS).
        Persistent = "persistent",
    }
}

impl SearchKind {
    /// Of the search that has these controls. Where they ask for several, the one that stays open longest decides.
    pub fn of(controls: &Controls) -> Self {
        let has = |control| controls.set.contains(control);
        if has(Control::PersistentSearch)
            || has(Control::ChangeNotification)
            || controls.sync_mode == Some(SyncMode::RefreshAndPersist)
        {
            Self::Persistent
        } else if has(Control::ContentSync) || has(Control::DirSync) {
            Self::Sync
        } else if has(Control::VirtualListView) {
            Self::Vlv
        } else if controls.paging.is_some_and(|paging| !paging.cookie_is_empty) {
            Self::PagedNext
        } else if has(Control::PagedResults) {
            Self::PagedFirst
        } else {
            Self::Normal
        }
    }
}

/// What to do about aliases (RFC 4511, 4.5.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DerefAliases {
    /// They are entries like others.
    Never,
    /// They are followed below the base.
    InSearching,
    /// They are followed to find the base.
    FindingBase,
    /// They are followed everywhere.
    Always,
    /// A number that RFC 4511 does not know.
    Other,
}

/// What a search asks for, but for what stands behind its filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchParameters {
    /// How far below the base.
    pub scope: Scope,
    /// What to do about aliases.
    pub deref_aliases: DerefAliases,
    /// At most so many entries: 0 for as many as there are, else up to 2^31-1.
    pub size_limit: u32,
    /// At most so many seconds: 0 for as long as it takes, else up to 2^31-1.
    pub time_limit: u32,
    /// Names of attributes only, no values.
    pub types_only: bool,
}

impl SearchParameters {
    /// Reads the beginning of the contents of a search request, up to its filter.
    ///
    /// # Errors
    /// It is none, or too short.
    pub fn decode(operation: &[u8]) -> Result<Self, Unreadable> {
        Self::read(&mut Cursor::new(operation))
    }

    // RFC 4511, 4.5.1:
    //     SearchRequest ::= [APPLICATION 3] SEQUENCE {
    //          baseObject      LDAPDN,
    //          scope           ENUMERATED { baseObject (0), singleLevel (1), wholeSubtree (2), ...  },
    //          derefAliases    ENUMERATED { neverDerefAliases (0), derefInSearching (1),
    //                                       derefFindingBaseObj (2), derefAlways (3) },
    //          sizeLimit       INTEGER (0 ..  maxInt),
    //          timeLimit       INTEGER (0 ..  maxInt),
    //          typesOnly       BOOLEAN,
    //          filter          Filter,
    //          attributes      AttributeSelection }
    //     AttributeSelection ::= SEQUENCE OF selector LDAPString
    // draft-sermersheim-ldap-subordinate-scope: subordinateSubtree (3)
    fn read(fields: &mut Cursor<'_>) -> Result<Self, Unreadable> {
        const MAX_INT: u32 = i32::MAX as u32;
        fields.octet_string()?;
        Ok(Self {
            scope: match fields.enumerated()? {
                0 => Scope::Base,
                1 => Scope::One,
                2 => Scope::Sub,
                3 => Scope::Children,
                _ => Scope::Other,
            },
            deref_aliases: match fields.enumerated()? {
                0 => DerefAliases::Never,
                1 => DerefAliases::InSearching,
                2 => DerefAliases::FindingBase,
                3 => DerefAliases::Always,
                _ => DerefAliases::Other,
            },
            size_limit: fields.integer_within(0..=MAX_INT)?,
            time_limit: fields.integer_within(0..=MAX_INT)?,
            types_only: fields.boolean()?,
        })
    }
}

/// What a search asks for. Its base and the values in its filter are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchRequest {
    /// Where and how far.
    pub parameters: SearchParameters,
    /// What its filter looks like.
    pub filter: FilterShape,
    /// How many attributes it asks for: 0 for all.
    pub attributes: u32,
}

impl SearchRequest {
    /// Reads the contents of a search request; its filter down to `max_filter_depth` levels: 1 to
    /// [`FilterShape::DEEPEST`].
    ///
    /// # Errors
    /// They are none.
    pub fn decode(operation: &[u8], max_filter_depth: u32) -> Result<Self, Unreadable> {
        let mut fields = Cursor::new(operation);
        let parameters = SearchParameters::read(&mut fields)?;
        let filter = FilterShape::of(fields.element()?, max_filter_depth)?;
        let mut selectors = fields.sequence()?;
        let mut attributes: u32 = 0;
        while !selectors.is_empty() {
            selectors.octet_string()?;
            attributes = attributes.saturating_add(1);
        }
        Ok(Self { parameters, filter, attributes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ldapsearch -b dc=x -s sub -a always -z 500 -l 10 '(uid=a)' cn mail`.
    const REQUEST: &[u8] = b"\x04\x04dc=x\x0a\x01\x02\x0a\x01\x03\x02\x02\x01\xf4\x02\x01\x0a\x01\x01\x00\
        \xa3\x08\x04\x03uid\x04\x01a\x30\x0a\x04\x02cn\x04\x04mail";

    #[test]
    fn everything_that_a_search_asks_for() {
        let request = SearchRequest::decode(REQUEST, 32).unwrap();
        let expected = SearchParameters {
            scope: Scope::Sub,
            deref_aliases: DerefAliases::Always,
            size_limit: 500,
            time_limit: 10,
            types_only: false,
        };
        assert_eq!(request.parameters, expected);
        assert_eq!((request.filter.as_str(), request.attributes), ("(uid=?)", 2));
    }

    #[test]
    fn the_beginning_tells_the_parameters() {
        let filter = REQUEST.iter().position(|octet| *octet == 0xa3).unwrap();
        let whole = SearchRequest::decode(REQUEST, 32).map(|request| request.parameters);
        for end in 0..REQUEST.len() {
            let expected = if end < filter { Err(Unreadable) } else { whole };
            assert_eq!(SearchParameters::decode(&REQUEST[..end]), expected, "{end}");
            assert_eq!(SearchRequest::decode(&REQUEST[..end], 32), Err(Unreadable), "{end}");
        }
    }

    #[test]
    fn scopes_and_aliases_by_number() {
        use {DerefAliases as D, Scope as S};
        for (number, scope, deref_aliases) in [
            (0, S::Base, D::Never),
            (1, S::One, D::InSearching),
            (2, S::Sub, D::FindingBase),
            (3, S::Children, D::Always),
            (4, S::Other, D::Other),
            (0xff, S::Other, D::Other),
        ] {
            let mut request = REQUEST.to_vec();
            (request[8], request[11]) = (number, number);
            let parameters = SearchParameters::decode(&request).unwrap();
            assert_eq!((parameters.scope, parameters.deref_aliases), (scope, deref_aliases), "{number}");
        }
    }

    #[test]
    fn limits_are_numbers_of_31_bits() {
        let with_limits = |limits: &[u8]| {
            let request = [&REQUEST[..12], limits, &REQUEST[19..]].concat();
            SearchParameters::decode(&request).map(|read| (read.size_limit, read.time_limit))
        };
        assert_eq!(with_limits(b"\x02\x01\x00\x02\x04\x7f\xff\xff\xff"), Ok((0, 0x7fff_ffff)));
        assert_eq!(with_limits(b"\x02\x04\x00\x00\x00\x05\x02\x01\x00"), Ok((5, 0)));
        assert_eq!(with_limits(b"\x02\x01\xff\x02\x01\x00"), Err(Unreadable));
        assert_eq!(with_limits(b"\x02\x05\x00\x80\x00\x00\x00\x02\x01\x00"), Err(Unreadable));
        assert_eq!(with_limits(b"\x02\x00\x02\x01\x00"), Err(Unreadable));
    }

    #[test]
    fn kinds_by_what_stays_open_longest() {
        use super::super::control::Paging;
        let paging = |cookie_is_empty| Some(Paging { size: 100, cookie_is_empty });
        let controls = |set: &[Control], paging, sync_mode| Controls {
            set: set.iter().copied().collect(),
            paging,
            sync_mode,
            ..Controls::default()
        };
        use Control::*;
        for (controls, kind) in [
            (controls(&[], None, None), SearchKind::Normal),
            (controls(&[ManageDsaIt, Sort], None, None), SearchKind::Normal),
            (controls(&[PagedResults], paging(true), None), SearchKind::PagedFirst),
            (controls(&[PagedResults], None, None), SearchKind::PagedFirst),
            (controls(&[PagedResults], paging(false), None), SearchKind::PagedNext),
            (controls(&[Sort, VirtualListView], None, None), SearchKind::Vlv),
            (controls(&[ContentSync], None, Some(SyncMode::RefreshOnly)), SearchKind::Sync),
            (controls(&[ContentSync], None, None), SearchKind::Sync),
            (controls(&[DirSync, PagedResults], paging(false), None), SearchKind::Sync),
            (controls(&[ContentSync], None, Some(SyncMode::RefreshAndPersist)), SearchKind::Persistent),
            (controls(&[PersistentSearch], None, None), SearchKind::Persistent),
            (controls(&[ChangeNotification, PagedResults], paging(true), None), SearchKind::Persistent),
        ] {
            assert_eq!(SearchKind::of(&controls), kind, "{controls:?}");
        }
    }
}
