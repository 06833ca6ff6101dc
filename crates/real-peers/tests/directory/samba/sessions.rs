//! Sessions with and without a layer: what the controller says they are, and what passes on the wire.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use real_peers::directory::samba::{LdbLogin, LdbTools, SambaAd, SessionKey, rules};
use real_peers::directory::{Access, LdapUtils, Login, Protection, Search, Security};
use real_peers::{Direction, Recorder, Recording};

use super::{kerberos, on};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        on("ldbsearch_with_kerberos", ldbsearch_with_kerberos),
        on("ldbsearch_with_ntlm", ldbsearch_with_ntlm),
        on("ldbsearch_with_simple_bind", ldbsearch_with_simple_bind),
        on("ldapsearch_with_kerberos", ldapsearch_with_kerberos),
        on("ldapsearch_with_rc4", ldapsearch_with_rc4),
        on("ldapsearch_with_tls", ldapsearch_with_tls),
    ]
}

/// A text that a search for it shows on the wire, unless it is sealed.
const SOUGHT: &str = "contact12@example.test";

fn search() -> Search {
    Search::below(rules::PEOPLE, format!("(mail={SOUGHT})")).attributes(["mail"])
}

fn shows(recording: &Recording, direction: Direction) -> bool {
    recording.octets(direction).windows(SOUGHT.len()).any(|octets| octets == SOUGHT.as_bytes())
}

/// How often the client sent that.
fn sent(recording: &Recording, octets: &[u8]) -> usize {
    recording
        .octets(Direction::ClientToServer)
        .windows(octets.len())
        .filter(|window| *window == octets)
        .count()
}

/// One search by `ldbsearch` through a recorder, whose session the controller calls `protection`.
fn by_ldbsearch(
    controller: &SambaAd,
    login: &LdbLogin,
    wanted: Protection,
    (mechanism, protection): (&str, &str),
) -> Result<Recording> {
    let before = controller.tally();
    let recorder = Recorder::start(controller.ldap())?;
    let report = LdbTools::of(controller).search(recorder.address(), login, wanted, &search(), &[])?;
    ensure!((report.success, report.entries()) == (true, 1), "{report:?}");
    let recording = recorder.finish()?;
    let tally = controller.tally_after(before.disconnections + 1)?;
    let under = tally.searches_under(protection) - before.searches_under(protection);
    let all = tally.all_searches() - before.all_searches();
    let before_bind = u64::from(mechanism != "simple bind");
    ensure!(all == LdbTools::SEARCHES_OF_THEIR_OWN + before_bind, "{tally:?}");
    // What comes before the bind is not protected.
    ensure!(under == if protection == "NONE" { all } else { all - before_bind }, "{tally:?}");
    let login = format!("{mechanism} {protection}");
    ensure!(tally.logins.contains_key(&login), "no {login} in {tally:?}");
    let visible = protection != "SEAL";
    for direction in [Direction::ClientToServer, Direction::ServerToClient] {
        ensure!(shows(&recording, direction) == visible, "{login}: visible is not {visible}");
    }
    Ok(recording)
}

fn ldbsearch_with_kerberos() -> Result<()> {
    let controller = SambaAd::start()?;
    let login = kerberos(&controller)?;
    by_ldbsearch(&controller, &login, Protection::None, ("krb5", "NONE"))?;
    let signed = by_ldbsearch(&controller, &login, Protection::Integrity, ("krb5", "SIGN"))?;
    // A token of RFC 4121 with the acceptor's subkey, and with its checksum, 12 octets, moved to the front.
    ensure!(sent(&signed, &[5, 4, 4, 0xFF, 0, 12, 0, 12]) == 3, "{signed:?}");
    by_ldbsearch(&controller, &login, Protection::Confidentiality, ("krb5", "SEAL"))?;
    Ok(())
}

fn ldbsearch_with_ntlm() -> Result<()> {
    let controller = SambaAd::start()?;
    let login = LdbLogin::ntlm(rules::USERS[0], rules::PASSWORD);
    by_ldbsearch(&controller, &login, Protection::None, ("NTLMSSP", "NONE"))?;
    // It asks to sign, and both sides take that for more.
    by_ldbsearch(&controller, &login, Protection::Integrity, ("NTLMSSP", "SEAL"))?;
    by_ldbsearch(&controller, &login, Protection::Confidentiality, ("NTLMSSP", "SEAL"))?;
    Ok(())
}

fn ldbsearch_with_simple_bind() -> Result<()> {
    let controller = SambaAd::start()?;
    let login =
        LdbLogin::Simple { dn: rules::principal(rules::USERS[0]), password: rules::PASSWORD.to_owned() };
    by_ldbsearch(&controller, &login, Protection::None, ("simple bind", "NONE")).map(drop)
}

/// One search by `ldapsearch` through a recorder, whose session the controller calls `protection`.
fn by_ldapsearch(controller: &SambaAd, login: Login, protection: &str) -> Result<Recording> {
    let before = controller.tally();
    let recorder = Recorder::start(controller.ldap())?;
    let access = Access::to(recorder.address()).login(login);
    let report = LdapUtils::find()?.search(&access, &search(), &[])?;
    ensure!((report.result(), report.entries()) == (Some(0), 1), "{report:?}");
    let recording = recorder.finish()?;
    let tally = controller.tally_after(before.disconnections + 1)?;
    let under = tally.searches_under(protection) - before.searches_under(protection);
    let all = tally.all_searches() - before.all_searches();
    ensure!((all, under) == (1, 1), "{tally:?}");
    let visible = protection != "SEAL";
    for direction in [Direction::ClientToServer, Direction::ServerToClient] {
        ensure!(shows(&recording, direction) == visible, "{protection}: visible is not {visible}");
    }
    Ok(recording)
}

fn ldapsearch_with_kerberos() -> Result<()> {
    let controller = SambaAd::start()?;
    let tickets = controller.tickets(rules::USERS[0])?;
    let login = |protection| Login::Gssapi { tickets: tickets.clone(), protection };
    by_ldapsearch(&controller, login(Protection::None), "NONE")?;
    let signed = by_ldapsearch(&controller, login(Protection::Integrity), "SIGN")?;
    // MIT's library leaves the checksum at the end. Once in the bind, for the search, and for the unbind.
    ensure!(sent(&signed, &[5, 4, 4, 0xFF, 0, 12, 0, 0]) == 3, "{signed:?}");
    by_ldapsearch(&controller, login(Protection::Confidentiality), "SEAL")?;
    Ok(())
}

fn ldapsearch_with_rc4() -> Result<()> {
    /// What a token of RFC 1964 says of RC4: of the token, the algorithms of signing and of sealing, a filler.
    const SIGNED: [u8; 8] = [2, 1, 0x11, 0, 0xFF, 0xFF, 0xFF, 0xFF];
    const SEALED: [u8; 8] = [2, 1, 0x11, 0, 0x10, 0, 0xFF, 0xFF];
    let controller = SambaAd::start()?;
    let tickets = controller.tickets_for(rules::USERS[0], SessionKey::Rc4)?;
    let login = |protection| Login::Gssapi { tickets: tickets.clone(), protection };
    let signed = by_ldapsearch(&controller, login(Protection::Integrity), "SIGN")?;
    ensure!((sent(&signed, &SIGNED), sent(&signed, &SEALED)) == (3, 0), "{signed:?}");
    let sealed = by_ldapsearch(&controller, login(Protection::Confidentiality), "SEAL")?;
    // The last step of the bind is signed in any case.
    ensure!((sent(&sealed, &SIGNED), sent(&sealed, &SEALED)) == (1, 2), "{sealed:?}");
    Ok(())
}

fn ldapsearch_with_tls() -> Result<()> {
    let controller = SambaAd::start()?;
    let certificate = controller.certificate()?;
    for (server, security) in [
        (controller.ldap(), Security::StartTls(certificate.clone())),
        (controller.ldaps(), Security::Ldaps(certificate.clone())),
    ] {
        let recorder = Recorder::start(server)?;
        let access = Access::to(recorder.address())
            .secured(security)
            .simple(rules::principal(rules::USERS[0]), rules::PASSWORD);
        let report = LdapUtils::find()?.search(&access, &search(), &[])?;
        ensure!((report.result(), report.entries()) == (Some(0), 1), "{report:?}");
        ensure!(!shows(&recorder.finish()?, Direction::ServerToClient), "it is visible");
    }
    let tally = controller.tally_after(2)?;
    ensure!(tally.searches_under("TLS") == 2, "{tally:?}");
    Ok(())
}
