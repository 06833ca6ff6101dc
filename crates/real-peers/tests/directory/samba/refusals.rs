//! Logins that are refused, and how.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use real_peers::directory::samba::rules::{self, REFUSALS};
use real_peers::directory::samba::{LdbLogin, LdbTools, SambaAd, SambaOptions};
use real_peers::directory::{Conversation, Protection, Search, message};

use super::{kerberos, on};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        on("refusals_of_simple_binds", of_simple_binds),
        on("refusals_of_ntlm", of_ntlm),
        on("signing_required", signing_required),
    ]
}

fn says(text: &[u8], data: u32) -> bool {
    String::from_utf8_lossy(text).contains(&format!("AcceptSecurityContext error, data {data:x}, v"))
}

fn of_simple_binds() -> Result<()> {
    let controller = SambaAd::start()?;
    let mut client = Conversation::connect(controller.ldap())?;
    for refusal in REFUSALS {
        for name in [rules::principal(refusal.account), rules::entry(refusal.account)] {
            let answer = client.ask_expecting(&message::bind(&name, refusal.password), 49)?;
            ensure!(says(answer.content(), refusal.data), "{refusal:?} is answered otherwise");
        }
    }
    client.ask_expecting(&message::bind(&rules::principal("alice"), rules::PASSWORD), 0)?;
    let all: u64 = 2 * REFUSALS.len() as u64;
    let tally = controller.tally_when(|tally| tally.refused.values().sum::<u64>() == all)?;
    let refused = |reason: &str| tally.refused.get(reason).copied();
    ensure!(refused("NT_STATUS_WRONG_PASSWORD") == Some(2), "{tally:?}");
    ensure!(refused("NT_STATUS_NO_SUCH_USER") == Some(2), "{tally:?}");
    ensure!(refused("NT_STATUS_ACCOUNT_LOCKED_OUT") == Some(2), "{tally:?}");
    ensure!(refused("NT_STATUS_PASSWORD_MUST_CHANGE") == Some(2), "{tally:?}");
    Ok(())
}

fn of_ntlm() -> Result<()> {
    let controller = SambaAd::start()?;
    let tools = LdbTools::of(&controller);
    for refusal in REFUSALS {
        let login = LdbLogin::ntlm(refusal.account, refusal.password);
        let report = tools
            .search(controller.ldap(), &login, Protection::Integrity, &Search::entry(""), &[])
            .with_context(|| format!("{refusal:?}"))?;
        ensure!((report.success, report.refusal()) == (false, Some(49)), "{report:?}");
        ensure!(
            says(report.errors.as_bytes(), refusal.data),
            "{refusal:?} is answered otherwise: {report:?}"
        );
    }
    Ok(())
}

/// Samba's own default: a login has to bring a layer with it, or to come through TLS.
fn signing_required() -> Result<()> {
    let controller = SambaAd::start_with(SambaOptions { requires_signing: true })?;
    let mut client = Conversation::connect(controller.ldap())?;
    let bind = message::bind(&rules::principal("alice"), rules::PASSWORD);
    client.ask_expecting(&bind, 8)?;
    drop(client);
    let mut client = Conversation::connect(controller.ldap())?;
    client.start_tls()?;
    client.ask_expecting(&bind, 0)?;
    drop(client);
    let search = Search::below(rules::PEOPLE, "(mail=contact12@*)");
    let report = LdbTools::of(&controller).search(
        controller.ldap(),
        &kerberos(&controller)?,
        Protection::Integrity,
        &search,
        &[],
    )?;
    ensure!(report.entries() == 1, "{report:?}");
    Ok(())
}
