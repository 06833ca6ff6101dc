//! What Active Directory has that others have not.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use real_peers::directory::message::{self, EXTENDED_RESPONSE, SEARCH_ENTRY};
use real_peers::directory::samba::rules::{self, CONTACTS, PEOPLE, PORTRAIT, PORTRAIT_SIZE, SUFFIX};
use real_peers::directory::samba::{LdbLogin, LdbTools, SambaAd};
use real_peers::directory::{Conversation, Protection, Scope, Search};
use real_peers::{Direction, Recorder};

use super::{kerberos, on};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        on("large_answers_in_a_signed_session", large_answers),
        on("pages_and_order", pages_and_order),
        on("controls", controls),
        on("groups_within_groups", groups_within_groups),
        on("references", references),
        on("changes_are_notified", changes_are_notified),
        on("unknown_critical_control", unknown_critical_control),
        on("unknown_extended_operation", unknown_extended_operation),
    ]
}

/// The controller, the first user's login, and what one search in a signed session found: entries, references.
fn found(controller: &SambaAd, login: &LdbLogin, search: &Search, more: &[&str]) -> Result<(usize, usize)> {
    let tools = LdbTools::of(controller);
    let report = tools.search(controller.ldap(), login, Protection::Integrity, search, more)?;
    ensure!(report.success, "{report:?}");
    Ok((report.entries(), report.references()))
}

fn large_answers() -> Result<()> {
    /// The longest token that Samba sends, and what stands before the message in one that is signed.
    const TOKEN: usize = 65_536;
    const HEADER: usize = 28;
    let controller = SambaAd::start()?;
    let login = kerberos(&controller)?;
    let recorder = Recorder::start(controller.ldap())?;
    let report = LdbTools::of(&controller).search(
        recorder.address(),
        &login,
        Protection::Integrity,
        &Search::entry(rules::entry(PORTRAIT)),
        &[],
    )?;
    ensure!(report.entries() == 1, "{report:?}");
    let octets = recorder.finish()?.octets(Direction::ServerToClient);
    // One message over several tokens.
    let length = u32::try_from(TOKEN)?.to_be_bytes();
    let whole =
        octets.windows(8).filter(|octets| octets.starts_with(&length) && octets[4..] == [5, 4, 5, 0xFF]);
    ensure!(whole.count() == PORTRAIT_SIZE / (TOKEN - HEADER), "{} octets", octets.len());
    let all = Search::below(PEOPLE, "(mail=*)");
    ensure!(found(&controller, &login, &all, &[])? == (usize::try_from(CONTACTS)?, 0));
    Ok(())
}

fn pages_and_order() -> Result<()> {
    let controller = SambaAd::start()?;
    let login = kerberos(&controller)?;
    let all = Search::below(PEOPLE, "(mail=*)").attributes(["mail"]);
    let pages = all.clone().in_pages_of(500);
    ensure!(found(&controller, &login, &pages, &[])? == (usize::try_from(CONTACTS)?, 0));
    let tally = controller.tally_after(1)?;
    ensure!(tally.searches_under("SIGN") == LdbTools::SEARCHES_OF_THEIR_OWN - 1 + 3, "{tally:?}");
    let sorted = all.sorted_by("mail");
    ensure!(found(&controller, &login, &sorted, &[])? == (usize::try_from(CONTACTS)?, 0));
    Ok(())
}

fn controls() -> Result<()> {
    let controller = SambaAd::start()?;
    let login = kerberos(&controller)?;
    let user = Search::below(SUFFIX, "(sAMAccountName=alice)");
    let extended = ["--extended-dn", "--show-deleted", "--controls=sd_flags:1:7"];
    ensure!(found(&controller, &login, &user, &extended)? == (1, 1), "with extended names");
    // One search for the whole forest: no references.
    ensure!(found(&controller, &login, &user, &["--controls=search_options:1:2"])? == (1, 0));
    let administrator = LdbLogin::Kerberos(controller.tickets(rules::ADMINISTRATOR)?);
    let changes = Search::below(SUFFIX, "(objectClass=contact)").attributes(["mail"]);
    let (entries, _) = found(&controller, &administrator, &changes, &["--controls=dirsync:1:0:1000000"])?;
    ensure!(entries == usize::try_from(CONTACTS)?, "DirSync brought {entries}");
    Ok(())
}

/// LDAP_MATCHING_RULE_IN_CHAIN (MS-ADTS section 3.1.1.3.4.4.3).
fn groups_within_groups() -> Result<()> {
    let controller = SambaAd::start()?;
    let login = kerberos(&controller)?;
    let alice = rules::entry(rules::USERS[0]);
    let direct = Search::below(SUFFIX, format!("(&(objectClass=group)(member={alice}))"));
    ensure!(found(&controller, &login, &direct, &[])? == (1, 1));
    let all = format!("(&(objectClass=group)(member:1.2.840.113556.1.4.1941:={alice}))");
    ensure!(found(&controller, &login, &Search::below(SUFFIX, all), &[])? == (2, 1));
    Ok(())
}

fn references() -> Result<()> {
    let controller = SambaAd::start()?;
    let login = kerberos(&controller)?;
    ensure!(found(&controller, &login, &Search::below(SUFFIX, "(cn=nothing)"), &[])? == (0, 1));
    ensure!(found(&controller, &login, &Search::below(PEOPLE, "(cn=nothing)"), &[])? == (0, 0));
    Ok(())
}

fn logged_in(controller: &SambaAd, account: &str) -> Result<Conversation> {
    let mut client = Conversation::connect(controller.ldap())?;
    client.ask_expecting(&message::bind(&rules::principal(account), rules::PASSWORD), 0)?;
    Ok(client)
}

fn changes_are_notified() -> Result<()> {
    /// MS-ADTS section 3.1.1.3.4.1.9.
    const NOTIFICATION: &str = "1.2.840.113556.1.4.528";
    const ID: i32 = 100;
    let controller = SambaAd::start()?;
    let mut watcher = logged_in(&controller, rules::USERS[0])?;
    let search = message::search(PEOPLE, Scope::One, &message::present("objectClass"), &["cn"]);
    let control = message::control(NOTIFICATION, true, None);
    watcher.send(&message::message_with_controls(ID, &search, &[control]))?;
    // Requests are looked at in order: answered after the search, this says that the controller watches.
    watcher.ask_expecting(&message::search("", Scope::Base, &message::present("objectClass"), &["cn"]), 0)?;
    let administrator = LdbLogin::Kerberos(controller.tickets(rules::ADMINISTRATOR)?);
    let ldif =
        format!("dn: CN=contact 5,{PEOPLE}\nchangetype: modify\nreplace: description\ndescription: new\n-\n");
    let changed = LdbTools::of(&controller).modify(
        controller.ldap(),
        &administrator,
        Protection::Confidentiality,
        &ldif,
    )?;
    ensure!(changed.success, "{changed:?}");
    let told = watcher.message()?;
    ensure!((told.id, told.operation) == (ID, SEARCH_ENTRY), "{told:?}");
    let text = String::from_utf8_lossy(told.content()).into_owned();
    ensure!(text.contains("CN=contact 5,"), "{text}");
    // Abandoned, it says nothing more, not even that it is over.
    watcher.begin(&message::abandon(ID))?;
    watcher.ask_expecting(&message::search("", Scope::Base, &message::present("objectClass"), &["cn"]), 0)?;
    watcher.unbind().map(drop)
}

/// Samba answers such a search with an extended response, so that `ldapsearch` waits for ever.
fn unknown_critical_control() -> Result<()> {
    let controller = SambaAd::start()?;
    let mut client = logged_in(&controller, rules::USERS[0])?;
    let search = message::search(PEOPLE, Scope::Subtree, &message::present("objectClass"), &[]);
    client.send(&message::message_with_controls(7, &search, &[message::control("1.2.3.4", true, None)]))?;
    let answer = client.message()?;
    ensure!((answer.id, answer.operation, answer.code) == (7, EXTENDED_RESPONSE, Some(12)), "{answer:?}");
    client.unbind().map(drop)
}

fn unknown_extended_operation() -> Result<()> {
    let controller = SambaAd::start()?;
    let mut client = logged_in(&controller, rules::USERS[0])?;
    let answer = client.ask_expecting(&message::extended(message::WHO_AM_I, None), 2)?;
    let text = String::from_utf8_lossy(answer.content()).into_owned();
    ensure!(text.contains("not supported"), "{text}");
    client.unbind().map(drop)
}
