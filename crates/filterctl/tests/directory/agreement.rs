//! What the filter has to count when slapd's log says what it did.

use anyhow::{Context, Result};
use real_peers::directory::DirectoryTally;

/// The series with their values, one per line. Latencies and sizes are not in the log.
pub(crate) fn series(tally: &DirectoryTally) -> Result<String> {
    let mut lines = vec![
        format!("ldap_connections_opened_total {}", tally.connections),
        format!("ldap_entries_total {}", tally.entries),
        format!("ldap_requests_total {}", tally.operations.values().sum::<u64>()),
        format!("ldap_results_total {}", tally.results.values().sum::<u64>()),
        format!("ldap_search_scopes_total {}", tally.scopes.values().sum::<u64>()),
        format!("ldap_extended_requests_total {}", tally.extended.values().sum::<u64>()),
        format!("ldap_binds_total{{outcome=succeeded}} {}", tally.answers("bind", 0)),
        format!("ldap_search_limit_hits_total{{limit=size}} {}", tally.answers("search", 4)),
        "ldap_unmatched_responses_total 0".to_owned(),
        "ldap_unpaired_requests_total 0".to_owned(),
        "ldap_unanswered_operations_total 0".to_owned(),
        "ldap_undecoded_messages_total 0".to_owned(),
        "ldap_anomalies_total 0".to_owned(),
    ];
    for (operation, count) in &tally.operations {
        lines.push(format!("ldap_requests_total{{operation={operation}}} {count}"));
    }
    for (result, count) in &tally.results {
        let (operation, code) = result.split_once(' ').context("a result without a code")?;
        let name = result_name(code.parse()?)?;
        lines.push(format!("ldap_operation_results_total{{operation={operation},result={name}}} {count}"));
    }
    for (scope, count) in &tally.scopes {
        let scope = if scope == "subtree" { "sub" } else { scope };
        lines.push(format!("ldap_search_scopes_total{{scope={scope}}} {count}"));
    }
    for (name, count) in &tally.extended {
        let name = extended_name(name);
        lines.push(format!("ldap_extended_requests_total{{extended={name}}} {count}"));
    }
    Ok(lines.join("\n"))
}

/// The names of RFC 4511 section 4.1.9 and of RFC 3909, for the codes that come up here.
fn result_name(code: u32) -> Result<&'static str> {
    Ok(match code {
        0 => "success",
        2 => "protocolError",
        4 => "sizeLimitExceeded",
        5 => "compareFalse",
        6 => "compareTrue",
        12 => "unavailableCriticalExtension",
        14 => "saslBindInProgress",
        19 => "constraintViolation",
        32 => "noSuchObject",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        53 => "unwillingToPerform",
        66 => "notAllowedOnNonLeaf",
        68 => "entryAlreadyExists",
        76 => "virtualListViewError",
        118 => "canceled",
        119 => "noSuchOperation",
        _ => return Err(anyhow::anyhow!("a result code that these tests do not foresee: {code}")),
    })
}

fn extended_name(name: &str) -> &'static str {
    match name {
        "StartTLS" => "start_tls",
        "PasswordModify" => "password_modify",
        "WhoAmI" => "who_am_i",
        "Cancel" => "cancel",
        "Refresh" => "ttl_refresh",
        _ => "other",
    }
}
