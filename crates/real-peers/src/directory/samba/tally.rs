//! What the controller's own log says it did.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// Counts from the controller's log since it was started.
///
/// A session's protection is what the controller says of it: `NONE`, `SIGN`, `SEAL` or `TLS`; before a bind and
/// after a refused one it is `NONE`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SambaTally {
    /// Searches by the protection of the session that they were made in. Each page is one; those of changes
    /// (notifications) are none, nor is one with a critical control that the controller does not know.
    pub searches: BTreeMap<String, u64>,
    /// Searches by their result in words, such as `Success`.
    pub results: BTreeMap<String, u64>,
    /// Searches by scope: `base`, `one`, `subtree`.
    pub scopes: BTreeMap<String, u64>,
    /// Logins by mechanism and protection, such as `krb5 SIGN`, `NTLMSSP SEAL` or `simple bind NONE`.
    pub logins: BTreeMap<String, u64>,
    /// Refused logins by Windows' name for the reason, such as `NT_STATUS_WRONG_PASSWORD`.
    pub refused: BTreeMap<String, u64>,
    /// Connections that are over.
    pub disconnections: u64,
}

impl SambaTally {
    /// How many searches were made in sessions with that protection.
    #[must_use]
    pub fn searches_under(&self, protection: &str) -> u64 {
        self.searches.get(protection).copied().unwrap_or(0)
    }

    /// How many searches were made.
    #[must_use]
    pub fn all_searches(&self) -> u64 {
        self.searches.values().sum()
    }
}

/// Reads a log.
pub(super) fn read(log: &str) -> SambaTally {
    let mut tally = SambaTally::default();
    // By the client's address: the protection of its session.
    let mut sessions: BTreeMap<String, String> = BTreeMap::new();
    for line in log.lines() {
        if let Some(search) = line.split_once("LDAP Query: Duration was ").map(|(_, search)| search) {
            read_search(search, &sessions, &mut tally);
        } else if line.starts_with("{\"timestamp\"") {
            // Lines that are cut off are none of those that count.
            if let Ok(event) = serde_json::from_str::<Value>(line) {
                read_event(&event, &mut sessions, &mut tally);
            }
        } else if line.starts_with("stream_terminate_connection: ") && !line.contains("kdc_tcp") {
            tally.disconnections += 1;
        }
    }
    tally
}

/// `0.01s, SearchRequest by SID from ipv4:127.0.0.1:5 filter: [(a=b)] basedn: [dc=c] scope: [SUB] result: Success`.
fn read_search(search: &str, sessions: &BTreeMap<String, String>, tally: &mut SambaTally) {
    let client = search.split_once(" from ").and_then(|(_, rest)| rest.split(' ').next()).unwrap_or_default();
    let protection = sessions.get(client).map_or("NONE", String::as_str);
    count(&mut tally.searches, protection);
    // From the end: the filter may hold anything.
    let Some((rest, result)) = search.rsplit_once("] result: ") else { return };
    count(&mut tally.results, result);
    let scope = match rest.rsplit_once("scope: [").map(|(_, scope)| scope) {
        Some("BASE") => "base",
        Some("ONE") => "one",
        Some("SUB") => "subtree",
        _ => "other",
    };
    count(&mut tally.scopes, scope);
}

fn read_event(event: &Value, sessions: &mut BTreeMap<String, String>, tally: &mut SambaTally) {
    let kind = event["type"].as_str().unwrap_or_default();
    let event = &event[kind];
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    if text("serviceDescription") != "LDAP" {
        return;
    }
    match kind {
        // Whoever asks for something before any login is let in as nobody.
        "Authorization" if text("authType") == "no bind" => {}
        "Authorization" => {
            let protection = text("transportProtection");
            count(&mut tally.logins, &format!("{} {protection}", text("authType")));
            sessions.insert(text("remoteAddress").to_owned(), protection.to_owned());
        }
        "Authentication" if text("status") != "NT_STATUS_OK" => {
            count(&mut tally.refused, text("status"));
            sessions.remove(text("remoteAddress"));
        }
        _ => {}
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    *counts.entry(name.to_owned()).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"ldapsrv_SearchRequest: LDAP Query: Duration was 0.00s, SearchRequest by S-1-5-7 from ipv4:127.0.0.1:50 filter: [(a=*)] basedn: [] scope: [BASE] result: Success
{"timestamp": "t", "type": "Authorization", "Authorization": {"remoteAddress": "ipv4:127.0.0.1:50", "serviceDescription": "LDAP", "authType": "krb5", "transportProtection": "SIGN"}}
{"timestamp": "t", "type": "Authorization", "Authorization": {"remoteAddress": "ipv4:127.0.0.1:51", "serviceDescription": "LDAP", "authType": "no bind", "transportProtection": "NONE"}}
ldapsrv_SearchRequest: LDAP Query: Duration was 0.01s, SearchRequest by S-1-5 from ipv4:127.0.0.1:50 filter: [(a=] result: x from y)] basedn: [DC=a] scope: [SUB] result: Operations error
{"timestamp": "t", "type": "Authentication", "Authentication": {"status": "NT_STATUS_WRONG_PASSWORD", "remoteAddress": "ipv4:127.0.0.1:50", "serviceDescription": "LDAP"}}
ldapsrv_SearchRequest: LDAP Query: Duration was 0.01s, SearchRequest by S-1-5 from ipv4:127.0.0.1:50 filter: [(a=b)] basedn: [DC=a] scope: [ONE] result: Success
{"timestamp": "t", "type": "Authentication", "Authentication": {"status": "NT_STATUS_WRONG_PASSWORD", "remoteAddress": "ipv4:127.0.0.1:50", "serviceDescription": "Kerberos KDC"}}
stream_terminate_connection: Terminating connection - 'kdc_tcp_call_loop: x'
stream_terminate_connection: Terminating connection - 'ldapsrv_call_loop: x'
"#;

    #[test]
    fn searches_are_counted_by_the_protection_of_their_session() {
        let tally = read(LOG);
        assert_eq!((tally.searches_under("NONE"), tally.searches_under("SIGN")), (2, 1));
        assert_eq!(tally.results.get("Operations error"), Some(&1));
        assert_eq!(tally.scopes.len(), 3);
        assert_eq!(tally.logins, BTreeMap::from([("krb5 SIGN".to_owned(), 1)]));
        assert_eq!(tally.refused.get("NT_STATUS_WRONG_PASSWORD"), Some(&1));
        assert_eq!(tally.disconnections, 1);
    }
}
