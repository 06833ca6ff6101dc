//! A round of everything that a directory can be asked for, with the answers that slapd has to give to whoever
//! is [`ADMIN_DN`], with 100 generated people ([`DirectoryOptions`](super::DirectoryOptions)' default).
//!
//! One round for all clients: what they then say, what the server says and what a filter between them says can
//! be compared.

use anyhow::{Context, Result, ensure};

use super::client::{Access, Answer, DirectoryClient, Request, Revocation, Scope, Search};
use super::rules::{ADMIN_DN, BRANCHES, PASSWORD, PEOPLE, STAFF, SUFFIX, staff};

/// A request, and its answers.
pub type Exchange = (Request, Vec<Answer>);

/// Adds an entry, changes it, compares it, renames it and deletes it; with refusals in between.
#[must_use]
pub fn operations() -> Vec<Exchange> {
    let dn = format!("uid=new,{PEOPLE}");
    let entry = [("objectClass", "inetOrgPerson"), ("cn", "New"), ("sn", "New"), ("userPassword", PASSWORD)];
    let attributes = entry.map(|(name, value)| (name.to_owned(), vec![value.to_owned()])).to_vec();
    let add = Request::Add { dn: dn.clone(), attributes };
    let compare = |value: &str| Request::Compare {
        dn: dn.clone(),
        attribute: "cn".to_owned(),
        value: value.to_owned(),
    };
    let replace =
        Request::Replace { dn: dn.clone(), attribute: "cn".to_owned(), values: vec!["Old".to_owned()] };
    let change_password = |old: &str| Request::PasswordModify {
        dn: dn.clone(),
        old: old.to_owned(),
        new: "Another-2026".to_owned(),
    };
    let rename = Request::Rename { dn: dn.clone(), new_rdn: "uid=renamed".to_owned() };
    [
        (Request::WhoAmI, Answer { identity: Some(format!("dn:{ADMIN_DN}")), ..Answer::of(0) }),
        (add.clone(), Answer::of(0)),
        (add, Answer::of(68)),
        (compare("New"), Answer::of(6)),
        (compare("Old"), Answer::of(5)),
        (replace, Answer::of(0)),
        (compare("Old"), Answer::of(6)),
        (change_password("wrong"), Answer::of(53)),
        (change_password(PASSWORD), Answer::of(0)),
        (rename, Answer::of(0)),
        (compare("Old"), Answer::of(32)),
        (Request::Delete { dn: format!("uid=renamed,{PEOPLE}") }, Answer::of(0)),
        // Not a leaf.
        (Request::Delete { dn: PEOPLE.to_owned() }, Answer::of(66)),
    ]
    .map(|(request, answer)| (request, vec![answer]))
    .into()
}

/// Searches of every scope; in pages, sorted, limited, compound, in vain, with a reference, and several at once.
#[must_use]
pub fn searches() -> Vec<Exchange> {
    let everyone = Search::below(STAFF, "(objectClass=inetOrgPerson)");
    let nowhere = Search::below(format!("ou=nowhere,{SUFFIX}"), "(objectClass=*)");
    let abroad = Search { scope: Scope::One, ..Search::below(BRANCHES, "(objectClass=*)") };
    // Of the ten numbers below 10 all but 3, and of the department 7 besides 7 also 47 and 87.
    let compound =
        "(&(objectClass=inetOrgPerson)(|(uid=staff00000*)(departmentNumber=7))(!(uid=staff000003)))";
    let children = Search { scope: Scope::Children, ..Search::below(PEOPLE, "(uid=alice)") };
    let pages = everyone.clone().in_pages_of(30).attributes(["cn"]);
    let four_pages = Answer { pages: 4, ..Answer::found(0, 100) };
    let mut exchanges: Vec<Exchange> = [
        (everyone.clone(), Answer::found(0, 100)),
        (everyone.clone().at_most(7), Answer::found(4, 7)),
        (Search::entry(staff(5)), Answer::found(0, 1)),
        (nowhere, Answer::of(32)),
        (Search { scope: Scope::One, ..everyone.clone() }, Answer::found(0, 100)),
        (children, Answer::found(0, 1)),
        (Search::below(STAFF, compound), Answer::found(0, 11)),
        (pages.clone(), four_pages.clone()),
        (everyone.clone().sorted_by("cn"), Answer::found(0, 100)),
        (pages.sorted_by("sn"), four_pages),
        (abroad, Answer { references: 1, ..Answer::of(0) }),
    ]
    .map(|(search, answer)| (Request::Search(search), vec![answer]))
    .into();
    let at_once = vec![everyone.clone(), everyone.clone().at_most(3), Search::entry(staff(1)), everyone];
    let answers =
        vec![Answer::found(0, 100), Answer::found(4, 3), Answer::found(0, 1), Answer::found(0, 100)];
    exchanges.push((Request::SearchesAtOnce { searches: at_once }, answers));
    exchanges
}

/// A search that stays open, cancelled; another, abandoned; and a sign that the connection is still good.
#[must_use]
pub fn watches() -> Vec<Exchange> {
    /// The unit itself, the users, and those whose accounts have something the matter.
    const THERE: u64 = 9;
    /// `canceled` (RFC 3909 section 2.3).
    const CANCELED: u32 = 118;
    let watch = |revocation| Request::Watch { base: PEOPLE.to_owned(), revocation };
    let identity = Some(format!("dn:{ADMIN_DN}"));
    vec![
        (watch(Revocation::Cancel), vec![Answer::found(CANCELED, THERE)]),
        (watch(Revocation::Abandon), vec![Answer { entries: THERE, ..Answer::default() }]),
        (Request::WhoAmI, vec![Answer { identity, ..Answer::of(0) }]),
    ]
}

/// Whether slapd has not put away a sorted list when the client already asks for its next page: it then says `busy` (seen
/// in one of some hundred runs). To whoever counts, that is an answer like any other.
fn is_too_soon(request: &Request, answer: &Answer) -> bool {
    const BUSY: u32 = 51;
    matches!(request, Request::Search(Search { sort_by: Some(_), page_size: Some(_), .. }))
        && answer.code == Some(BUSY)
}

/// Lets the client go round, as far as it [can](DirectoryClient::can_ask), over one connection. Returns what it
/// asked for.
///
/// # Errors
/// When an answer is not what it has to be, or as [`DirectoryClient::run`].
pub fn go_round(client: DirectoryClient, access: &Access, exchanges: Vec<Exchange>) -> Result<Vec<Request>> {
    let (requests, expected): (Vec<Request>, Vec<Vec<Answer>>) =
        exchanges.into_iter().filter(|(request, _)| client.can_ask(request)).unzip();
    let dialogue = client.run(access, &requests)?;
    ensure!(matches!(dialogue.bind, None | Some(0)), "the login was refused: {dialogue:?}");
    let mut answers = dialogue.answers.iter();
    for (request, expected) in requests.iter().zip(&expected) {
        for expected in expected {
            let answer = answers.next().with_context(|| format!("{request:?}: no answer"))?;
            ensure!(
                answer == expected || is_too_soon(request, answer),
                "{request:?}: {answer:?} instead of {expected:?}"
            );
        }
    }
    ensure!(answers.next().is_none(), "more answers than requests: {dialogue:?}");
    Ok(requests)
}
