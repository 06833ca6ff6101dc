//! Nothing costs more because there was much of it before, and no input costs more than its length.

use session_driver::{Direction, Driver, Timestamp};
use session_test::metered::{Metered, Work};
use smtp_filter::event::SmtpEvent;
use smtp_filter::{SmtpLimits, SmtpSession};

use Direction::{ToClient, ToServer};

/// A connection whose work is counted.
struct Connection {
    driver: Driver<Metered<SmtpSession>>,
    passed: u64,
}

impl Connection {
    fn greeted() -> Self {
        let session = Metered::new(SmtpSession::new(&SmtpLimits::default(), false, Timestamp(0)));
        let mut connection = Self { driver: Driver::new(session), passed: 0 };
        connection.pass(ToClient, b"220 mx.good.test ESMTP\r\n");
        connection
    }

    fn pass(&mut self, direction: Direction, octets: &[u8]) {
        let mut sink = |_: SmtpEvent<'_>| {};
        let Ok(_) = self.driver.data(direction, &octets, Timestamp(0), &mut sink);
        self.passed += octets.len() as u64;
    }

    fn one_by_one(&mut self, direction: Direction, octets: &[u8]) {
        octets.chunks(1).for_each(|octet| self.pass(direction, octet));
    }

    fn noop(&mut self) {
        self.pass(ToServer, b"NOOP\r\n");
        self.pass(ToClient, b"250 2.0.0 OK\r\n");
    }

    /// Each octet was brought to the session at most twice (once more after it had waited), and each call brought at
    /// least one.
    fn is_linear(&self, what: &str) {
        let Work { calls, looked_at: octets, .. } = self.driver.session().work();
        assert!(*octets <= 2 * self.passed, "{what}: {octets} octets for {}", self.passed);
        assert!(*calls <= 2 * self.passed, "{what}: {calls} calls for {} octets", self.passed);
    }
}

#[test]
fn the_hundred_thousandth_command_costs_what_the_tenth_did() {
    let mut connection = Connection::greeted();
    let cost = |connection: &mut Connection| {
        let before = connection.driver.session().work().calls;
        let allocations = allocation_counter::measure(|| (0..100).for_each(|_| connection.noop()));
        (
            connection.driver.session().work().calls - before,
            allocations.count_total,
            allocations.bytes_current,
        )
    };
    (0..10).for_each(|_| connection.noop());
    let early = cost(&mut connection);
    (0..100_000).for_each(|_| connection.noop());
    assert_eq!(cost(&mut connection), early);
    assert_eq!(early, (200, 0, 0));
}

#[test]
fn no_input_costs_more_than_its_length() {
    let long = |start: &str, length: usize| [start.as_bytes(), &vec![b'x'; length], b"\r\n"].concat();
    let inputs: [(&str, Direction, Vec<u8>); 8] = [
        ("a long line", ToServer, long("NOOP ", 100_000)),
        ("a long reply line", ToClient, long("250 ", 100_000)),
        ("a reply without end", ToClient, b"250-x\r\n".repeat(20_000)),
        ("a huge offer", ToClient, [b"250-SIZE\r\n".repeat(5_000), b"250 SIZE\r\n".to_vec()].concat()),
        ("blank lines", ToServer, b"\r\n".repeat(50_000)),
        ("a pipeline", ToServer, b"NOOP\r\n".repeat(20_000)),
        ("mail before its reply", ToServer, [b"DATA\r\n".as_slice(), &b".\r".repeat(50_000)].concat()),
        ("an AUTH token", ToServer, long("AUTH PLAIN ", 100_000)),
    ];
    for (what, direction, octets) in &inputs {
        for piece in [1, 7, octets.len()] {
            let mut connection = Connection::greeted();
            if *what == "a huge offer" {
                connection.pass(ToServer, b"EHLO x\r\n");
            }
            octets.chunks(piece).for_each(|octets| connection.pass(*direction, octets));
            connection.is_linear(what);
        }
    }
}

#[test]
fn what_waits_is_given_once_more_and_no_oftener() {
    let mut connection = Connection::greeted();
    for _ in 0..1_000 {
        connection.one_by_one(ToServer, b"AUTH LOGIN\r\n");
        connection.one_by_one(ToServer, b"NOOP\r\nNOOP\r\n");
        connection.one_by_one(ToClient, b"535 no\r\n250 ok\r\n250 ok\r\n");
    }
    connection.is_linear("commands behind AUTH");
}
