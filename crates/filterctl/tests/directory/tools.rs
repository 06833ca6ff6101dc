//! OpenLDAP's own tools with slapd: what no library asks for by itself.

use anyhow::{Result, ensure};
use envoy_runner::EnvoyBinary;
use real_peers::Peer;
use real_peers::directory::client::ldap_utils::{Tool, ToolReport};
use real_peers::directory::rules::{
    ADMIN_DN, ADMIN_PASSWORD, EXPIRED, LOCKED, MUST_CHANGE, PASSWORD, STAFF, USERS, person,
};
use real_peers::directory::{Access, LdapUtils, Search};

use crate::Test;
use crate::relay::Directory;

type Run = fn(&Directory, &LdapUtils) -> Result<()>;

const TESTS: [(&str, Run); 4] = [
    ("virtual list view", virtual_list_view),
    ("password policy", password_policy),
    ("changes of a password", changes_of_a_password),
    ("extended operations", extended_operations),
];

pub(crate) fn tests() -> Vec<Test> {
    TESTS
        .map(|(what, run)| Test {
            name: format!("slapd and ldap-utils: {what}"),
            peers: vec![Peer::Slapd, Peer::LdapUtils],
            run: Box::new(move |envoy: &EnvoyBinary| run(&Directory::start(envoy)?, &LdapUtils::find()?)),
        })
        .into()
}

fn user(directory: &Directory, name: &str) -> Result<Access> {
    Ok(Access::to(directory.relay.address()?).simple(person(name), PASSWORD))
}

fn answered(report: &ToolReport, code: u32) -> Result<()> {
    ensure!(report.result() == Some(code), "not {code}: {report:?}");
    Ok(())
}

fn virtual_list_view(directory: &Directory, tools: &LdapUtils) -> Result<()> {
    let search = Search::below(STAFF, "(objectClass=person)").sorted_by("uidNumber").attributes(["uid"]);
    let report = tools.search(&user(directory, USERS[0])?, &search, &["-E", "vlv=3/4/10/0"])?;
    let windows = report.searches();
    directory.agree(
        1,
        &format!(
            "ldap_search_kinds_total{{kind=vlv}} {windows}
             ldap_search_kinds_total {windows}
             ldap_controls_total{{control=virtual_list_view,direction=to_server}} {windows}
             ldap_entries_total {}",
            report.entries()
        ),
    )?;
    Ok(())
}

/// To the first two the result is the same: only the control says why. The third is in, and has to change something.
fn password_policy(directory: &Directory, tools: &LdapUtils) -> Result<()> {
    for (name, code) in [(LOCKED, 49), (EXPIRED, 49), (MUST_CHANGE, 0)] {
        answered(&tools.who_am_i(&user(directory, name)?, &["-e", "ppolicy"])?, code)?;
    }
    directory.agree(
        3,
        "ldap_bind_failures_total{reason=account_locked} 1
         ldap_bind_failures_total{reason=password_expired} 1
         ldap_bind_failures_total 2
         ldap_binds_total{kind=simple,outcome=succeeded} 1",
    )?;
    Ok(())
}

fn changes_of_a_password(directory: &Directory, tools: &LdapUtils) -> Result<()> {
    let user = user(directory, USERS[1])?;
    for (old, new, code) in
        [("wrong", "Another-2026", 53), (PASSWORD, "short", 19), (PASSWORD, "Another-2026", 0)]
    {
        answered(&tools.change_password(&user, old, new)?, code)?;
    }
    answered(&tools.who_am_i(&user, &[])?, 49)?;
    directory.agree(
        4,
        "ldap_extended_requests_total{extended=password_modify} 3
         ldap_binds_total{kind=simple,outcome=failed} 1",
    )?;
    Ok(())
}

fn extended_operations(directory: &Directory, tools: &LdapUtils) -> Result<()> {
    let admin = Access::to(directory.relay.address()?).simple(ADMIN_DN, ADMIN_PASSWORD);
    let dynamic = person("guest");
    let entry =
        format!("dn: {dynamic}\nobjectClass: inetOrgPerson\nobjectClass: dynamicObject\ncn: g\nsn: g\n");
    answered(&tools.run(Tool::Add, &admin, &[], &entry)?, 0)?;
    let refreshed = tools.run(Tool::Exop, &admin, &["refresh", &dynamic, "100"], "")?;
    ensure!(refreshed.output.contains("newttl=100"), "{refreshed:?}");
    answered(&tools.run(Tool::Exop, &admin, &["cancel", "1"], "")?, 119)?;
    answered(&tools.run(Tool::Exop, &admin, &["1.2.3.4"], "")?, 2)?;
    directory.agree(
        4,
        "ldap_extended_requests_total{extended=ttl_refresh} 1
         ldap_extended_requests_total{extended=cancel} 1
         ldap_extended_requests_total{extended=other} 1",
    )?;
    Ok(())
}
