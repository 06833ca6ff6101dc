//! Reads what slapd logs at the level `stats`.
//!
//! ```text
//! 6b038a7c.386ebf0f 0x7f13e92fc6c0 conn=1029 fd=13 ACCEPT from IP=127.0.0.1:40342 (IP=127.0.0.1:30824)
//! 6b038a7c.386f428a 0x7f13e2dfe6c0 conn=1029 op=0 BIND dn="uid=alice,…" method=128
//! 6b038a7c.386f54e9 0x7f13e2dfe6c0 conn=1029 op=0 BIND dn="uid=alice,…" mech=SIMPLE bind_ssf=0 ssf=0
//! 6b038a7c.38752db8 0x7f13e2dfe6c0 conn=1029 op=0 RESULT tag=97 err=0 qtime=0.000005 etime=0.000393 text=
//! 6b038a7c.38a49655 0x7f13e2dfe6c0 conn=1029 op=1 SRCH base="…" scope=2 deref=0 filter="(uid=alice)"
//! 6b038a7c.38a62fac 0x7f13e92fc6c0 conn=1029 op=1 SEARCH RESULT tag=101 err=0 … nentries=1 text=
//! 6b038a7c.39306b55 0x7f13e2dfe6c0 conn=1029 fd=13 closed
//! ```
//!
//! Several threads write it: a connection's first operation may stand before its `ACCEPT`.

use std::collections::{BTreeMap, BTreeSet};

use super::DirectoryTally;

/// The counts of that log.
pub(super) fn read(log: &str) -> DirectoryTally {
    read_some(log, |_| true)
}

/// The counts of one connection of that log, the first of which has the number 0.
pub(super) fn read_connection(log: &str, number: u64) -> DirectoryTally {
    /// What slapd calls the first one.
    const FIRST: u64 = 1000;
    let name = (FIRST + number).to_string();
    read_some(log, |connection| connection == name)
}

fn read_some(log: &str, wanted: impl Fn(&str) -> bool) -> DirectoryTally {
    let mut reader = Reader::default();
    // A last line without an end is still being written.
    let whole = log.rfind('\n').map_or("", |end| log.get(..end).unwrap_or_default());
    for line in whole.lines() {
        let Some((_, event)) = line.split_once(" conn=") else { continue };
        let mut words = event.splitn(3, ' ');
        if let (Some(connection), Some(subject), Some(what)) = (words.next(), words.next(), words.next())
            && wanted(connection)
        {
            reader.event(connection, subject, what);
        }
    }
    let mut tally = reader.tally;
    tally.complete = tally.connections == tally.disconnections;
    tally
}

/// A connection and an operation of it, as slapd numbers them.
type OperationKey<'a> = (&'a str, &'a str);

#[derive(Default)]
struct Reader<'a> {
    tally: DirectoryTally,
    /// Operations whose request was logged; some that are refused at once have only a result.
    requested: BTreeMap<OperationKey<'a>, &'static str>,
    /// Binds that turned a client into somebody.
    named: BTreeSet<OperationKey<'a>>,
}

impl<'a> Reader<'a> {
    fn event(&mut self, connection: &'a str, subject: &'a str, what: &'a str) {
        if subject.starts_with("fd=") {
            match what.split(' ').next() {
                Some("ACCEPT") => self.tally.connections += 1,
                Some("closed") => self.tally.disconnections += 1,
                Some("TLS") if what.starts_with("TLS established") => self.tally.tls += 1,
                _ => {}
            }
        } else if subject.starts_with("op=") {
            self.operation((connection, subject), what);
        }
    }

    fn operation(&mut self, key: OperationKey<'a>, what: &str) {
        let (word, rest) = what.split_once(' ').unwrap_or((what, ""));
        match word {
            "BIND" => self.bind(key, rest),
            "SRCH" => self.search(key, rest),
            "EXT" => {
                self.request(key, "extended");
                count(&mut self.tally.extended, extended_name(number_or_word(rest, "oid=")));
            }
            "ADD" => self.request(key, "add"),
            "DEL" => self.request(key, "delete"),
            "MODRDN" => self.request(key, "modify_dn"),
            "CMP" => self.request(key, "compare"),
            "ABANDON" => self.request(key, "abandon"),
            "UNBIND" => self.request(key, "unbind"),
            // A modification is followed by lines with its attributes.
            "MOD" if rest.starts_with("dn=") => self.request(key, "modify"),
            "RESULT" => self.result(key, rest),
            "SEARCH" => self.result(key, rest.strip_prefix("RESULT ").unwrap_or(rest)),
            _ => {}
        }
    }

    fn request(&mut self, key: OperationKey<'a>, operation: &'static str) {
        if self.requested.insert(key, operation).is_none() {
            count(&mut self.tally.operations, operation);
        }
    }

    /// A bind is logged once when it comes, with its method, and once more when it has made the client
    /// somebody, with its mechanism.
    fn bind(&mut self, key: OperationKey<'a>, rest: &str) {
        /// The tags of the choices in a bind request (RFC 4511 section 4.2).
        const SIMPLE: &str = "128";
        const SASL: &str = "163";
        if let Some((dn, method)) = rest.rsplit_once(" method=") {
            self.request(key, "bind");
            let kind = match method {
                SIMPLE if dn == "dn=\"\"" => "anonymous",
                SIMPLE => "simple",
                SASL => "sasl",
                _ => "other",
            };
            count(&mut self.tally.binds, kind);
        } else if let Some((_, mechanism)) = rest.rsplit_once(" mech=") {
            let mechanism = mechanism.split(' ').next().unwrap_or_default();
            let login = if mechanism == "SIMPLE" { "simple" } else { mechanism };
            count(&mut self.tally.logins, login);
            self.named.insert(key);
        }
    }

    fn search(&mut self, key: OperationKey<'a>, rest: &str) {
        // Further lines have the attributes asked for.
        if !rest.starts_with("base=") {
            return;
        }
        self.request(key, "search");
        // A quotation mark in a name is logged as `\22`: the first one ends the base.
        let scope = rest.split_once("\" scope=").and_then(|(_, scope)| scope.split(' ').next());
        let name = match scope {
            Some("0") => "base",
            Some("1") => "one",
            Some("2") => "subtree",
            Some("3") => "children",
            _ => "other",
        };
        count(&mut self.tally.scopes, name);
    }

    fn result(&mut self, key: OperationKey<'a>, rest: &str) {
        // The text comes last, and from elsewhere.
        let fields = rest.split_once(" text=").map_or(rest, |(fields, _)| fields);
        if let Some(operation) = operation_of(number_or_word(fields, "tag=")) {
            self.request(key, operation);
        }
        self.tally.entries += number_or_word(fields, "nentries=").parse().unwrap_or(0);
        // Negative ones are slapd's own: an operation that is abandoned, or cancelled and yet to be answered.
        let Ok(code) = number_or_word(fields, "err=").parse::<u32>() else { return };
        let operation = self.requested.get(&key).copied().unwrap_or("other");
        count(&mut self.tally.results, &format!("{operation} {code}"));
        if operation == "bind" && code == 0 && !self.named.contains(&key) {
            count(&mut self.tally.logins, "anonymous");
        }
    }
}

/// The request that a response's tag answers (RFC 4511 section 4.2 and on).
fn operation_of(tag: &str) -> Option<&'static str> {
    Some(match tag {
        "97" => "bind",
        "101" => "search",
        "103" => "modify",
        "105" => "add",
        "107" => "delete",
        "109" => "modify_dn",
        "111" => "compare",
        "120" => "extended",
        _ => return None,
    })
}

fn extended_name(oid: &str) -> &str {
    match oid {
        "1.3.6.1.4.1.1466.20037" => "StartTLS",
        "1.3.6.1.4.1.4203.1.11.1" => "PasswordModify",
        "1.3.6.1.4.1.4203.1.11.3" => "WhoAmI",
        "1.3.6.1.1.8" => "Cancel",
        "1.3.6.1.4.1.1466.101.119.1" => "Refresh",
        other => other,
    }
}

/// What follows `name` up to the next space; empty when it is not there.
fn number_or_word<'a>(fields: &'a str, name: &str) -> &'a str {
    fields.split(' ').find_map(|field| field.strip_prefix(name)).unwrap_or_default()
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    *counts.entry(name.to_owned()).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use super::read;

    const LOG: &str = r#"6b.0 0x7f @(#) $OpenLDAP: slapd 2.5.13+dfsg-5 (Feb  8 2023 01:56:12) $
6b.1 0x7f conn=1000 op=0 BIND dn="cn=a method=163,dc=test" method=128
6b.2 0x7f conn=1000 fd=13 ACCEPT from IP=127.0.0.1:48534 (IP=127.0.0.1:30824)
6b.3 0x7f conn=1000 op=0 BIND dn="cn=a method=163,dc=test" mech=SIMPLE bind_ssf=0 ssf=0
6b.4 0x7f conn=1000 op=0 RESULT tag=97 err=0 qtime=0.000009 etime=0.000135 text=
6b.5 0x7f conn=1000 op=1 SRCH base="dc=test" scope=2 deref=0 filter="(cn= scope=0 deref=1)"
6b.6 0x7f conn=1000 op=1 SRCH attr=1.1
6b.7 0x7f conn=1000 op=2 CANCEL msg=2
6b.8 0x7f conn=1000 op=1 SEARCH RESULT tag=101 err=-1024 qtime=0.000014 etime=0.000362 nentries=6 text=
6b.9 0x7f conn=1000 op=1 SEARCH RESULT tag=101 err=118 qtime=0.000014 etime=0.000391 nentries=0 text=
6b.a 0x7f conn=1000 op=3 do_search: get_ctrls failed
6b.b 0x7f conn=1000 op=3 SEARCH RESULT tag=101 err=18 qtime=0.1 etime=0.1 nentries=0 text=no tag=97 err=0
6b.c 0x7f conn=1000 op=4 UNBIND
6b.d 0x7f conn=1000 fd=13 closed
6b.e 0x7f conn=1001 fd=13 ACC"#;

    #[test]
    fn names_and_texts_that_look_like_fields_are_not_taken_for_them() {
        let tally = read(LOG);
        assert_eq!(tally.binds.get("simple"), Some(&1));
        assert_eq!(tally.scopes.get("subtree"), Some(&1));
        assert_eq!(tally.answers("bind", 0), 1);
        assert_eq!(tally.answers("search", 18), 1);
    }

    #[test]
    fn what_slapd_logs_for_itself_is_no_result() {
        let tally = read(LOG);
        assert_eq!(tally.results.get("search 118"), Some(&1));
        assert_eq!(tally.results.values().sum::<u64>(), 3);
        assert_eq!(tally.entries, 6);
    }

    #[test]
    fn a_request_refused_at_once_is_known_by_its_result() {
        assert_eq!(read(LOG).requests("search"), 2);
    }

    #[test]
    fn a_connection_is_over_when_it_is_closed() {
        assert!(read(LOG).complete);
        let open = LOG.replace("6b.d 0x7f conn=1000 fd=13 closed\n", "");
        assert!(!read(&open).complete);
    }
}
