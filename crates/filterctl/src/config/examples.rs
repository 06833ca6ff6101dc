//! Configurations that the reference shows.

use crate::filters::Filter;

/// What they are for, and they themselves.
pub(super) fn examples(filter: &Filter) -> &'static [(&'static str, &'static str)] {
    if filter.name == "ldap" { &LDAP } else { &SMTP }
}

const SMTP: [(&str, &str); 4] = [
    (
        "A relay behind a gateway; everything else by default.",
        r#"
{
  "stat_prefix": "relay",
  "reporter": "gateway"
}"#,
    ),
    (
        "More metrics, and an event per mail with the domains of sender and recipients.",
        r#"
{
  "stat_prefix": "submission",
  "level": "detailed",
  "events": {
    "enabled": true,
    "identities": "domain"
  }
}"#,
    ),
    (
        "One event of ten, with addresses as keyed hashes. The same key everywhere makes them comparable.",
        r#"
{
  "stat_prefix": "relay",
  "events": {
    "enabled": true,
    "sample": 0.1,
    "per_second": 20,
    "identities": "hmac",
    "hmac_key": {"id": "2026-07", "secret": "at least sixteen octets"}
  }
}"#,
    ),
    (
        "Switched off: nothing is read, and every connection passes.",
        "{\"stat_prefix\": \"relay\", \"mode\": \"off\"}",
    ),
];

const LDAP: [(&str, &str); 4] = [
    (
        "A directory behind a gateway; everything else by default.",
        r#"
{
  "stat_prefix": "directory",
  "reporter": "gateway"
}"#,
    ),
    (
        "More metrics, and an event per operation with names as keyed hashes. The same key everywhere makes them comparable.",
        r#"
{
  "stat_prefix": "directory",
  "level": "detailed",
  "events": {
    "enabled": true,
    "per_second": 50,
    "identities": "hmac",
    "hmac_key": {"id": "2026-07", "secret": "at least sixteen octets"}
  }
}"#,
    ),
    (
        "Clients with very many operations on one connection, and long filters.",
        r#"
{
  "stat_prefix": "gc",
  "limits": {
    "max_pending_operations": 8192,
    "max_decoded_octets": 65536,
    "max_filter_depth": 64
  }
}"#,
    ),
    (
        "Switched off: nothing is read, and every connection passes.",
        "{\"stat_prefix\": \"directory\", \"mode\": \"off\"}",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::FILTERS;

    #[test]
    fn every_example_is_taken() {
        for filter in FILTERS {
            for (what, json) in examples(filter) {
                filter.check(json.as_bytes()).unwrap_or_else(|error| panic!("{what}: {error}"));
            }
        }
    }
}
