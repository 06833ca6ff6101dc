//! Nothing costs more because there was much of it before, and no input costs more than its length.

#[path = "support/mod.rs"]
mod support;

use ldap_filter::event::LdapEvent;
use ldap_filter::{LdapLimits, LdapSession};
use session_driver::{Direction, Driver, Timestamp, Wanted};
use session_test::metered::{Metered, Work};

use Direction::{ToClient, ToServer};
use support::messages::*;

/// A connection whose work is counted.
struct Connection {
    driver: Driver<Metered<LdapSession>>,
    passed: u64,
}

impl Connection {
    fn new() -> Self {
        let session = Metered::new(LdapSession::new(&LdapLimits::default(), Wanted::default()));
        Self { driver: Driver::new(session), passed: 0 }
    }

    fn pass(&mut self, direction: Direction, octets: &[u8]) {
        let mut sink = |_: LdapEvent<'_>| {};
        let Ok(_) = self.driver.data(direction, &octets, Timestamp(0), &mut sink);
        self.passed += octets.len() as u64;
    }

    fn search(&mut self, id: i64) {
        self.pass(ToServer, &search(id).octets());
        self.pass(ToClient, &search_done(id, 0).octets());
    }

    /// Each octet was brought to the session at most twice, and each call brought at least one.
    fn is_linear(&self, what: &str) {
        let Work { calls, looked_at: octets, .. } = self.driver.session().work();
        assert!(*octets <= 2 * self.passed, "{what}: {octets} octets for {}", self.passed);
        assert!(*calls <= 2 * self.passed, "{what}: {calls} calls for {} octets", self.passed);
    }
}

#[test]
fn the_hundred_thousandth_operation_costs_what_the_tenth_did() {
    let mut connection = Connection::new();
    let mut id = 0;
    let mut searches = |connection: &mut Connection, count: u32| {
        for _ in 0..count {
            id += 1;
            connection.search(id);
        }
        connection.driver.session().work().calls
    };
    searches(&mut connection, 10);
    let before = searches(&mut connection, 0);
    let early = searches(&mut connection, 100) - before;
    let kept = allocation_counter::measure(|| _ = searches(&mut connection, 100_000)).bytes_current;
    let before = searches(&mut connection, 0);
    assert_eq!(searches(&mut connection, 100) - before, early);
    assert_eq!(kept, 0);
}

#[test]
fn no_input_costs_more_than_its_length() {
    let searches =
        |ids: &mut dyn Iterator<Item = i64>| -> Vec<u8> { ids.flat_map(|id| search(id).octets()).collect() };
    let abandons: Vec<u8> = (1..=10_000).flat_map(|id| abandon(id + 10_000, id).octets()).collect();
    let inputs: [(&str, Direction, Vec<u8>); 6] = [
        ("a pipeline", ToServer, searches(&mut (1..=5_000))),
        ("IDs in reverse", ToServer, searches(&mut (1..=5_000).rev())),
        ("one ID", ToServer, searches(&mut std::iter::repeat_n(7, 5_000))),
        ("abandons of nothing", ToServer, abandons),
        ("entries that nobody asked for", ToClient, entry(1, 100).octets().repeat(2_000)),
        ("a SASL token", ToServer, sasl(1, "GSS-SPNEGO", &[7; 50_000]).octets()),
    ];
    for (what, direction, octets) in &inputs {
        for piece in [1, 7, octets.len()] {
            let mut connection = Connection::new();
            octets.chunks(piece).for_each(|octets| connection.pass(*direction, octets));
            connection.is_linear(what);
        }
    }
}
