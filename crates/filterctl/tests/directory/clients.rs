//! Every client with slapd: what client, server and filter say of the same operations is the same.

use anyhow::{Context, Result, ensure};
use envoy_runner::EnvoyBinary;
use real_peers::Peer;
use real_peers::directory::rules::{ADMIN_DN, ADMIN_PASSWORD, LOCKED, PASSWORD, SUFFIX, USERS, person};
use real_peers::directory::tour::{self, go_round};
use real_peers::directory::{
    Access, Answer, DirectoryClient, DirectoryServer, Login, Request, Scope, Search, Security,
};

use crate::Test;
use crate::relay::{Directory, Relay};

type Run = fn(&EnvoyBinary, DirectoryClient) -> Result<()>;

const TESTS: [(&str, Run); 9] = [
    ("operations", operations),
    ("searches", searches),
    ("watches", watches),
    ("logins", logins),
    ("a pooled connection", pooled),
    ("StartTLS", start_tls),
    ("LDAPS, ended by Envoy", ldaps_ended),
    ("LDAPS, passed through", ldaps_passed),
    ("no unbind", no_unbind),
];

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for client in DirectoryClient::ALL {
        for (what, run) in TESTS {
            tests.push(Test {
                name: format!("slapd and {}: {what}", client.name()),
                peers: vec![Peer::Slapd, client.peer()],
                run: Box::new(move |envoy| run(envoy, client)),
            });
        }
    }
    tests
}

fn as_admin(relay: &Relay) -> Result<Access> {
    Ok(Access::to(relay.address()?).simple(ADMIN_DN, ADMIN_PASSWORD))
}

fn operations(envoy: &EnvoyBinary, client: DirectoryClient) -> Result<()> {
    let directory = Directory::start(envoy)?;
    go_round(client, &as_admin(&directory.relay)?, tour::operations())?;
    directory.agree(
        1,
        "ldap_binds_total{kind=simple,outcome=succeeded,transport=plain} 1
         ldap_responses_total{operation=compare,outcome=success} 3
         ldap_responses_total{outcome=error} 4
         ldap_abandoned_operations_total 0
         ldap_operations_per_connection 1
         ldap_connections_total{visibility=parsed,transport=plain} 1
         ldap_connections_closed_total{ending=unbind} 1",
    )?;
    Ok(())
}

fn searches(envoy: &EnvoyBinary, client: DirectoryClient) -> Result<()> {
    let directory = Directory::start(envoy)?;
    let requests = go_round(client, &as_admin(&directory.relay)?, tour::searches())?;
    let children = requests
        .iter()
        .filter(|request| matches!(request, Request::Search(search) if search.scope == Scope::Children))
        .count();
    // Seven or eight that come as they are, one of these sorted, and four at once; two in four pages each, one of
    // these sorted.
    let normal = 8 + children + 4;
    directory.agree(
        1,
        &format!(
            "ldap_search_kinds_total{{kind=normal}} {normal}
             ldap_search_kinds_total{{kind=paged_first}} 2
             ldap_search_kinds_total{{kind=paged_next}} 6
             ldap_search_kinds_total {total}
             ldap_entries_per_search {total}
             ldap_search_bytes {total}
             ldap_operation_latency_microseconds{{operation=search}} {total}
             ldap_references_total 1
             ldap_controls_total{{control=paged_results,direction=to_server}} 8
             ldap_controls_total{{control=paged_results,direction=to_client}} 8
             ldap_controls_total{{control=sort,direction=to_server}} 5
             ldap_controls_total{{control=sort,direction=to_client}} 5
             ldap_connections_total{{visibility=parsed,transport=plain}} 1",
            total = normal + 8,
        ),
    )?;
    Ok(())
}

/// A persistent search is no operation that waits: it has counts of its own.
fn watches(envoy: &EnvoyBinary, client: DirectoryClient) -> Result<()> {
    let directory = Directory::start(envoy)?;
    let asked = go_round(client, &as_admin(&directory.relay)?, tour::watches())?.len();
    let watched = u64::from(asked == tour::watches().len());
    // slapd's log does not say what a revoked search has brought.
    let brought: u64 =
        tour::watches().iter().flat_map(|(_, answers)| answers).map(|answer| answer.entries).sum();
    directory.agree_but_for(
        1,
        |tally| tally.entries += watched * brought,
        &format!(
            "ldap_search_kinds_total{{kind=sync}} 0
             ldap_search_kinds_total{{kind=persistent}} {}
             ldap_operation_latency_microseconds{{operation=search}} 0
             ldap_abandoned_operations_total 0
             ldap_connections_total{{visibility=parsed,transport=plain}} 1",
            2 * watched
        ),
    )?;
    Ok(())
}

fn logins(envoy: &EnvoyBinary, client: DirectoryClient) -> Result<()> {
    let directory = Directory::start(envoy)?;
    let user = |name: &str, password: &str| Login::Simple { dn: person(name), password: password.to_owned() };
    let expected = [
        (Login::Anonymous, 0),
        (user(USERS[0], PASSWORD), 0),
        (user(USERS[0], "wrong"), 49),
        (user("nobody", PASSWORD), 49),
        (user(LOCKED, PASSWORD), 49),
        (Login::Unauthenticated { dn: person(USERS[0]) }, 53),
    ];
    for (login, code) in &expected {
        let dialogue = client.run(&Access::to(directory.relay.address()?).login(login.clone()), &[])?;
        ensure!(dialogue.bind == Some(*code), "{login:?}: {dialogue:?}");
    }
    directory.agree(
        expected.len() as u64,
        "ldap_binds_total{kind=anonymous,outcome=succeeded} 1
         ldap_binds_total{kind=simple,outcome=succeeded} 1
         ldap_binds_total{kind=simple,outcome=failed} 3
         ldap_binds_total{kind=unauthenticated,outcome=failed} 1
         ldap_binds_total 6
         ldap_bind_failures_total{reason=invalid_credentials} 3
         ldap_bind_failures_total 4
         ldap_unfinished_binds_total 0",
    )?;
    Ok(())
}

/// Many logins over one connection, also after one that failed.
fn pooled(envoy: &EnvoyBinary, client: DirectoryClient) -> Result<()> {
    let directory = Directory::start(envoy)?;
    let login = |name: &str, password: &str| {
        let login = Login::Simple { dn: person(name), password: password.to_owned() };
        (Request::Bind { login }, vec![Answer::of(if password == PASSWORD { 0 } else { 49 })])
    };
    let search = || (Request::Search(Search::entry(SUFFIX)), vec![Answer::found(0, 1)]);
    let exchanges = vec![
        search(),
        login(USERS[0], PASSWORD),
        search(),
        login(USERS[1], "wrong"),
        login(USERS[1], PASSWORD),
        search(),
    ];
    go_round(client, &as_admin(&directory.relay)?, exchanges)?;
    directory.agree(
        1,
        "ldap_binds_total{kind=simple,outcome=succeeded} 3
         ldap_binds_total{kind=simple,outcome=failed} 1
         ldap_entries_total 3
         ldap_operations_per_connection 1",
    )?;
    Ok(())
}

/// What is inside TLS stays unseen, is counted as unseen, and arrives.
fn start_tls(envoy: &EnvoyBinary, client: DirectoryClient) -> Result<()> {
    let directory = Directory::start(envoy)?;
    let security = Security::StartTls(directory.server.certificate()?);
    go_round(client, &as_admin(&directory.relay)?.secured(security), tour::searches())?;
    directory.relay.counted(
        "ldap_start_tls_total{outcome=accepted} 1
         ldap_start_tls_total 1
         ldap_smuggled_octets_total 0
         ldap_requests_total{operation=extended} 1
         ldap_requests_total 1
         ldap_results_total{result=success} 1
         ldap_binds_total 0
         ldap_entries_total 0
         ldap_anomalies_total 0
         ldap_connections_total{visibility=starttls,transport=starttls} 1",
    )?;
    Ok(())
}

fn ldaps_ended(envoy: &EnvoyBinary, client: DirectoryClient) -> Result<()> {
    let directory = Directory::start_ending_tls(envoy)?;
    let certificate = directory.relay.certificate.clone().context("Envoy shows no certificate")?;
    let access = as_admin(&directory.relay)?.secured(Security::Ldaps(certificate));
    go_round(client, &access, tour::operations())?;
    directory.agree(
        1,
        "ldap_binds_total{kind=simple,outcome=succeeded,transport=tls} 1
         ldap_connections_total{visibility=parsed,transport=tls} 1
         ldap_start_tls_total 0",
    )?;
    Ok(())
}

fn ldaps_passed(envoy: &EnvoyBinary, client: DirectoryClient) -> Result<()> {
    let server = DirectoryServer::start()?;
    let relay = Relay::before(envoy, server.ldaps())?;
    let access = as_admin(&relay)?.secured(Security::Ldaps(server.certificate()?));
    go_round(client, &access, tour::searches())?;
    // Two octets are what it takes to tell.
    relay.counted(
        "ldap_connections_total{visibility=tls} 1
         ldap_bytes_total{visibility=parsed,direction=to_server} 2
         ldap_bytes_total{visibility=parsed} 2
         ldap_requests_total 0
         ldap_results_total 0",
    )?;
    Ok(())
}

fn no_unbind(envoy: &EnvoyBinary, client: DirectoryClient) -> Result<()> {
    let directory = Directory::start(envoy)?;
    let exchanges = vec![(Request::Search(Search::entry(SUFFIX)), vec![Answer::found(0, 1)])];
    go_round(client, &as_admin(&directory.relay)?.leaving(), exchanges)?;
    directory.agree(
        1,
        "ldap_requests_total{operation=unbind} 0
         ldap_connections_closed_total{ending=client} 1",
    )?;
    Ok(())
}
