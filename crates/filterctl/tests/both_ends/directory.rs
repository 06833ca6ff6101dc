//! What client and server say in most of the tests of LDAP.

use super::everything;
use super::messages::{Message, bind, bind_result, compare, entry, result, search, search_done, unbind};
use super::modules::Module;
use super::script::Script;
use super::subject::Subject;
use super::wire::End;

/// The ldap-filter.
pub(crate) static LDAP: Subject = Subject {
    name: "ldap",
    module: Module::Ldap,
    largest: 400_000,
    opening: || Ok(login()),
    login: || Ok(Script::new()),
    logged_in: "*_binds_total{kind=simple,outcome=succeeded}",
    exchange: || Ok(lookup(2)),
    exchanged: "*_responses_total{operation=search,outcome=success}",
    exchanged_detailed: "*_operation_results_total{operation=search,result=success}",
    poison: || Ok(Script::new().asks(&compare(2)).answers(&result(2, 0x6f, 6))),
    farewell: || Ok(farewell()),
    farewell_ending: "unbind",
    silent: None,
    limits: "{}",
    // An indefinite length.
    upsetting: || b"\x30\x80\x02\x01\x02".to_vec(),
    mistaken_limit: (
        r#"{"limits": {"max_filter_depth": 101}}"#,
        "limits.max_filter_depth: 101 is not a whole number from 1 to 100",
    ),
    // An operation and a bind.
    opening_events: 2,
    identity: "identity",
    everything: everything::of_a_directory,
};

/// A bind by name and password that succeeds.
pub(crate) fn login() -> Script {
    Script::new().asks(&bind(1, "cn=app,dc=example", "hunter2")).answers(&bind_result(1, 0))
}

/// A search that brings one entry.
pub(crate) fn lookup(id: i64) -> Script {
    Script::new().asks(&search(id)).answers(&entry(id, 40)).answers(&search_done(id, 0))
}

/// The client leaves.
pub(crate) fn farewell() -> Script {
    Script::new().asks(&unbind(100))
}

impl Script {
    /// Then the client sends this message.
    pub(crate) fn asks(self, message: &Message) -> Self {
        self.says(End::Client, &message.octets())
    }

    /// Then the server sends this message.
    pub(crate) fn answers(self, message: &Message) -> Self {
        self.says(End::Server, &message.octets())
    }
}
