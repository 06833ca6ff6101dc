//! `ldap3`, a Rust library.

use std::collections::HashSet;
use std::sync::Arc;

use ::ldap3::controls::{
    Control, ControlType, MakeCritical, PagedResults, RawControl, RefreshMode, SyncInfo, SyncRequest,
    parse_syncinfo,
};
use ::ldap3::exop::{Exop, PasswordModify, WhoAmI, WhoAmIResp};
use ::ldap3::result::ExopResult;
use ::ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapResult, Mod, Scope as Ldap3Scope, SearchOptions, SearchStream,
};
use anyhow::{Context, Result, bail};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

use super::{Access, Answer, Dialogue, Farewell, Login, Request, Revocation, Scope, Search, Security};
use crate::directory::ber;
use crate::waiting::DEADLINE;

pub(super) fn run(access: &Access, requests: &[Request]) -> Result<Dialogue> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        timeout(DEADLINE, hold(access, requests)).await.context("waiting for the server to answer")?
    })
    // With the runtime goes whatever is still open: that is how it leaves without an unbind.
}

async fn hold(access: &Access, requests: &[Request]) -> Result<Dialogue> {
    let (scheme, certificate) = match &access.security {
        Security::Plain => ("ldap", None),
        Security::StartTls(pem) => ("ldap", Some(pem)),
        Security::Ldaps(pem) => ("ldaps", Some(pem)),
    };
    let mut settings = LdapConnSettings::new().set_starttls(matches!(access.security, Security::StartTls(_)));
    if let Some(pem) = certificate {
        settings = settings.set_config(trusting(pem)?);
    }
    let url = format!("{scheme}://localhost:{}", access.address.port());
    let (connection, mut ldap) = LdapConnAsync::with_settings(settings, &url).await?;
    let connection = tokio::spawn(connection.drive());
    let mut dialogue = Dialogue { bind: bind(&mut ldap, &access.login).await?, ..Dialogue::default() };
    if dialogue.bind.unwrap_or(0) == 0 {
        for request in requests {
            let answers = ask(&mut ldap, request).await.with_context(|| format!("{request:?}"))?;
            dialogue.answers.extend(answers);
        }
    }
    if access.farewell == Farewell::Unbind {
        ldap.unbind().await?;
        connection.await??;
    }
    Ok(dialogue)
}

/// TLS that trusts that certificate and no other.
fn trusting(pem: &[u8]) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

async fn bind(ldap: &mut Ldap, login: &Login) -> Result<Option<u32>> {
    let (dn, password) = match login {
        Login::None => return Ok(None),
        Login::Anonymous => ("", ""),
        Login::Unauthenticated { dn } => (dn.as_str(), ""),
        Login::Simple { dn, password } => (dn.as_str(), password.as_str()),
        Login::Sasl { .. } | Login::Gssapi { .. } => bail!("not with this build of ldap3"),
    };
    Ok(Some(ldap.simple_bind(dn, password).await?.rc))
}

async fn ask(ldap: &mut Ldap, request: &Request) -> Result<Vec<Answer>> {
    let answer = match request {
        Request::Bind { login } => Answer { code: bind(ldap, login).await?, ..Answer::default() },
        Request::Search(one) => search(ldap, one).await?,
        Request::SearchesAtOnce { searches } => return searches_at_once(ldap, searches).await,
        Request::Watch { base, revocation } => watch(ldap, base, *revocation).await?,
        Request::Compare { dn, attribute, value } => {
            Answer::of(ldap.compare(dn, attribute, value).await?.0.rc)
        }
        Request::Add { dn, attributes } => {
            let attributes = attributes
                .iter()
                .map(|(name, values)| (name.as_str(), values.iter().map(String::as_str).collect()))
                .collect();
            Answer::of(ldap.add(dn, attributes).await?.rc)
        }
        Request::Replace { dn, attribute, values } => {
            let values: HashSet<&str> = values.iter().map(String::as_str).collect();
            Answer::of(ldap.modify(dn, vec![Mod::Replace(attribute.as_str(), values)]).await?.rc)
        }
        Request::Rename { dn, new_rdn } => Answer::of(ldap.modifydn(dn, new_rdn, true, None).await?.rc),
        Request::Delete { dn } => Answer::of(ldap.delete(dn).await?.rc),
        Request::WhoAmI => {
            let ExopResult(exop, result) = ldap.extended(WhoAmI).await?;
            let identity = match (result.rc, &exop.val) {
                (0, Some(_)) => Some(exop.parse::<WhoAmIResp>().authzid),
                // Nobody in particular is told as an empty value, which this library takes for none.
                (0, None) => Some(String::new()),
                _ => None,
            };
            Answer { identity, ..Answer::of(result.rc) }
        }
        Request::PasswordModify { dn, old, new } => {
            let change = PasswordModify { user_id: Some(dn), old_pass: Some(old), new_pass: Some(new) };
            Answer::of(ldap.extended(change).await?.1.rc)
        }
    };
    Ok(vec![answer])
}

type Results = SearchStream<'static, String, Vec<String>>;

async fn begin(ldap: &mut Ldap, search: &Search, controls: Vec<RawControl>) -> Result<Results> {
    let scope = match search.scope {
        Scope::Base => Ldap3Scope::Base,
        Scope::One => Ldap3Scope::OneLevel,
        Scope::Subtree => Ldap3Scope::Subtree,
        Scope::Children => bail!("not with ldap3"),
    };
    let options = SearchOptions::new()
        .sizelimit(i32::try_from(search.size_limit)?)
        .timelimit(i32::try_from(search.time_limit)?);
    ldap.with_search_options(options);
    if !controls.is_empty() {
        ldap.with_controls(controls);
    }
    Ok(ldap.streaming_search(&search.base, scope, &search.filter, search.attributes.clone()).await?)
}

/// Reads a search to its end and counts into `answer`; returns its result.
async fn drain(mut results: Results, answer: &mut Answer) -> Result<LdapResult> {
    while let Some(one) = results.next().await? {
        if one.is_ref() {
            answer.references += 1;
        } else if !one.is_intermediate() {
            answer.entries += 1;
        }
    }
    let result = results.finish().await;
    answer.code = Some(result.rc);
    Ok(result)
}

async fn search(ldap: &mut Ldap, search: &Search) -> Result<Answer> {
    let mut answer = Answer::default();
    let mut cookie = Vec::new();
    loop {
        let mut controls: Vec<RawControl> =
            search.sort_by.iter().map(|attribute| sorted_by(attribute)).collect();
        if let Some(entries) = search.page_size {
            let page = PagedResults { size: i32::try_from(entries)?, cookie };
            controls.push(page.critical().into());
        }
        let results = begin(ldap, search, controls).await?;
        let result = drain(results, &mut answer).await?;
        if search.page_size.is_none() {
            return Ok(answer);
        }
        answer.pages += 1;
        cookie = next_page(&result);
        if cookie.is_empty() {
            return Ok(answer);
        }
    }
}

fn next_page(result: &LdapResult) -> Vec<u8> {
    let page = result.ctrls.iter().find(|control| matches!(control.0, Some(ControlType::PagedResults)));
    page.map(|Control(_, raw)| raw.parse::<PagedResults>().cookie).unwrap_or_default()
}

/// RFC 2891 section 1.1; this library does not know the control.
fn sorted_by(attribute: &str) -> RawControl {
    let name = ber::text(ber::OCTET_STRING, attribute);
    let rule = ber::text(0x80, CASE_IGNORE_ORDERING);
    let key = ber::elements(ber::SEQUENCE, &[&name, &rule]);
    RawControl {
        ctype: "1.2.840.113556.1.4.473".to_owned(),
        crit: false,
        val: Some(ber::element(ber::SEQUENCE, &key)),
    }
}

/// `caseIgnoreOrderingMatch` (RFC 4517 section 4.2.12).
const CASE_IGNORE_ORDERING: &str = "2.5.13.3";

async fn searches_at_once(ldap: &mut Ldap, searches: &[Search]) -> Result<Vec<Answer>> {
    let mut begun = Vec::new();
    for search in searches {
        begun.push(begin(ldap, search, Vec::new()).await?);
    }
    let mut answers = Vec::new();
    for results in begun {
        let mut answer = Answer::default();
        drain(results, &mut answer).await?;
        answers.push(answer);
    }
    Ok(answers)
}

async fn watch(ldap: &mut Ldap, base: &str, revocation: Revocation) -> Result<Answer> {
    let request = SyncRequest { mode: RefreshMode::RefreshAndPersist, cookie: None, reload_hint: false };
    let mut results = begin(ldap, &Search::below(base, "(objectClass=*)"), vec![request.into()]).await?;
    let mut answer = Answer::default();
    loop {
        let Some(one) = results.next().await? else { bail!("the search ended by itself") };
        if !one.is_intermediate() {
            answer.entries += 1;
        } else if let SyncInfo::RefreshDelete { refresh_done: true, .. }
        | SyncInfo::RefreshPresent { refresh_done: true, .. } = parse_syncinfo(one)
        {
            break;
        }
    }
    let message = results.ldap_handle().last_id();
    match revocation {
        Revocation::Abandon => ldap.abandon(message).await?,
        Revocation::Cancel => {
            // RFC 3909 section 2.1; this library does not know the operation.
            let value = ber::element(ber::SEQUENCE, &ber::number(ber::INTEGER, message.into()));
            let cancel = Exop { name: Some("1.3.6.1.1.8".to_owned()), val: Some(value) };
            ldap.extended(cancel).await?.success()?;
            drain(results, &mut answer).await?;
        }
    }
    Ok(answer)
}
