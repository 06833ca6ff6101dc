//! Random conversations with a directory server, and what the ldap-filter has to count of them.

use fastrand::Rng;
use real_peers::directory::{Scope, message};

use super::conversation::Conversation;
use super::mail::noise;

/// The series of which [`conversation`] says how much they count.
pub(super) const COUNTED: &[&str] = &[
    BIND, SEARCH, COMPARE, DELETE, ABANDON, UNBIND, START_TLS, LOGGED_IN, FOUND, ENTRY, COMPARED, ABANDONED,
];

const BIND: &str = "ldap_requests_total{operation=bind}";
const SEARCH: &str = "ldap_requests_total{operation=search}";
const COMPARE: &str = "ldap_requests_total{operation=compare}";
const DELETE: &str = "ldap_requests_total{operation=delete}";
const ABANDON: &str = "ldap_requests_total{operation=abandon}";
const UNBIND: &str = "ldap_requests_total{operation=unbind}";
const START_TLS: &str = "ldap_start_tls_total{outcome=accepted}";
const LOGGED_IN: &str = "ldap_binds_total{outcome=succeeded}";
const FOUND: &str = "ldap_responses_total{operation=search,outcome=success}";
const COMPARED: &str = "ldap_responses_total{operation=compare}";
const ENTRY: &str = "ldap_entries_total";
const ABANDONED: &str = "ldap_abandoned_operations_total";

/// Operations of a burst that wait at once.
const MOST_AT_ONCE: usize = 12;

/// A conversation in full, from the login to the farewell.
pub(super) fn conversation(random: &mut Rng) -> Conversation {
    let mut said = Conversation::default();
    if random.u8(..) < 20 {
        said.client(message::message(1, &message::extended(message::START_TLS, None)), &[]);
        said.server(result(1, message::EXTENDED_RESPONSE, 0), &[START_TLS]);
        for _ in 0..random.usize(1..6) {
            said.client(noise(random, 2_000), &[]).server(noise(random, 2_000), &[]);
        }
        return said;
    }
    let mut id = 0;
    for _ in 0..random.usize(1..4) {
        id += 1;
        said.client(message::message(id, &message::bind("cn=app,dc=example", "hunter2")), &[BIND]);
        let code = if random.u8(0..10) == 0 { 49 } else { 0 };
        said.server(result(id, message::BIND_RESPONSE, code), if code == 0 { &[LOGGED_IN] } else { &[] });
        for _ in 0..random.usize(0..4) {
            burst(&mut said, &mut id, random);
        }
    }
    said.client(message::message(id + 1, &message::unbind()), &[UNBIND]);
    said.pipelined(|| random.bool())
}

/// Several operations at once, answered in any order.
fn burst(said: &mut Conversation, id: &mut i32, random: &mut Rng) {
    let mut waiting = Vec::new();
    for _ in 0..random.usize(1..=MOST_AT_ONCE) {
        *id += 1;
        let kind = random.u8(0..10);
        let (request, counts) = match kind {
            0 => (message::compare("uid=a,dc=example", "sn", "x"), COMPARE),
            1 => (message::delete("uid=a,dc=example"), DELETE),
            _ => (
                message::search("dc=example", Scope::Subtree, &message::equal("uid", "alice"), &["cn"]),
                SEARCH,
            ),
        };
        said.client(message::message(*id, &request), &[counts]);
        waiting.push((*id, kind));
    }
    random.shuffle(&mut waiting);
    for (asked, kind) in waiting {
        match kind {
            0 => said.server(result(asked, COMPARE_RESPONSE, 6), &[COMPARED]),
            1 => said.server(result(asked, DELETE_RESPONSE, 50), &[]),
            2 => {
                *id += 1;
                said.client(message::message(*id, &message::abandon(asked)), &[ABANDON, ABANDONED])
            }
            _ => {
                for _ in 0..random.usize(0..4) {
                    said.server(entry(asked, random), &[ENTRY]);
                }
                said.server(result(asked, message::SEARCH_DONE, 0), &[FOUND])
            }
        };
    }
}

const COMPARE_RESPONSE: u8 = 0x6f;
const DELETE_RESPONSE: u8 = 0x6b;

/// A final response (RFC 4511, 4.1.9).
fn result(id: i32, tag: u8, code: u8) -> Vec<u8> {
    message::message(id, &[tag, 7, 0x0a, 1, code, 4, 0, 4, 0])
}

/// A search's entry without a name and with one attribute, whose lengths are written in three octets.
fn entry(id: i32, random: &mut Rng) -> Vec<u8> {
    let value = noise(random, 3_000);
    let inside = [&b"\x04\x05photo"[..], &element(0x31, &element(0x04, &value))].concat();
    let attributes = element(0x30, &element(0x30, &inside));
    message::message(id, &element(message::SEARCH_ENTRY, &[&[4, 0][..], &attributes].concat()))
}

fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    // The values above keep well below 64 KB.
    let length = u16::try_from(contents.len()).unwrap_or(u16::MAX);
    [&[tag, 0x82][..], &length.to_be_bytes(), contents].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_counts_is_among_what_is_compared() {
        let mut random = Rng::with_seed(1);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..500 {
            seen.extend(conversation(&mut random).parts.into_iter().flat_map(|part| part.counts));
        }
        let mut counted = COUNTED.to_vec();
        counted.sort_unstable();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), counted);
    }
}
