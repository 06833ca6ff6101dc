//! What is read from the host, and how often.

use std::borrow::Cow;
use std::cell::RefCell;
use std::convert::Infallible;
use std::ops::Range;

use session_driver::{Direction, Driver, Window};

use crate::toy::{MOST_KEPT, NOW, Toy};

/// How far ahead a read for a few octets looks.
const EXACT_READ: usize = 16 * 1024;

struct Counting<'a>(&'a [u8], RefCell<Vec<Range<usize>>>);

impl Window for Counting<'_> {
    type Error = Infallible;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, start: usize, len: usize) -> Result<Cow<'_, [u8]>, Infallible> {
        self.1.borrow_mut().push(start..start + len);
        Ok(self.0[start..start + len].into())
    }
}

/// The reads of one callback, and what the session saw of it.
fn reads(driver: &mut Driver<Toy>, octets: &[u8]) -> (Vec<Range<usize>>, Vec<String>) {
    let window = Counting(octets, RefCell::default());
    let mut events = Vec::new();
    let Ok(_) = driver.data(Direction::ToServer, &window, NOW, &mut |event: String| events.push(event));
    (window.1.into_inner(), events)
}

fn read(reads: &[Range<usize>]) -> usize {
    reads.iter().map(Range::len).sum()
}

#[test]
fn what_is_skipped_or_unseen_is_never_read() {
    for kind in ["s", "u"] {
        let octets = [kind.as_bytes(), b"100000\r\n", &vec![b'x'; 100_000], b"end\r\n"].concat();
        let (reads, events) = reads(&mut Driver::new(Toy::default()), &octets);
        assert_eq!(events.len(), 3, "{events:?}");
        assert_eq!(events[2], r#"fed "end\r\n""#);
        assert_eq!(reads.len(), 2);
        assert!(read(&reads) < 5_000, "{reads:?} of {} octets", octets.len());
    }
}

#[test]
fn a_small_callback_is_read_whole_and_once() {
    let octets = b"e2\r\nabe3\r\nabcs9\r\nabcdefghihello\r\n";
    let (reads, events) = reads(&mut Driver::new(Toy::default()), octets);
    assert_eq!(events.len(), 7, "{events:?}");
    assert!(matches!(reads.as_slice(), [all] if *all == (0..octets.len())), "{reads:?}");
}

#[test]
fn a_few_exact_octets_are_read_with_what_stands_behind_them() {
    let mut driver = Driver::new(Toy::default());
    // The read that the line was in has looked 4 KB ahead: the next callback begins afresh.
    reads(&mut driver, b"e4\r\n");
    let octets = [b"abcde3\r\nabcs100000\r\n".as_slice(), &[b'x'; 100_000], b"e2\r\nab"].concat();
    let (reads, events) = reads(&mut driver, &octets);
    assert_eq!(events[0], r#"fed "abcd""#);
    assert_eq!(reads[0], 0..EXACT_READ);
    assert!(read(&reads) < EXACT_READ + 100, "{reads:?}");
}

#[test]
fn what_is_left_of_a_read_serves_the_next_need_only_if_it_is_enough() {
    let mut driver = Driver::new(Toy::default());
    let octets = [b'x'; 2 * EXACT_READ];
    reads(&mut driver, b"p8\r\n");
    assert_eq!(reads(&mut driver, &octets).0[0], 0..EXACT_READ, "both pieces at once");
    let mut driver = Driver::new(Toy::default());
    reads(&mut driver, b"p16380\r\n");
    // 4 octets are left of the first read: they are read again with the rest, not put together in the driver.
    assert_eq!(reads(&mut driver, &octets).0[..2], [0..EXACT_READ, 16_380..32_764]);
}

#[test]
fn of_what_has_to_wait_no_more_is_read_than_is_kept() {
    let mut driver = Driver::new(Toy::default());
    reads(&mut driver, b"w\r\n");
    let (reads, events) = reads(&mut driver, &[b'x'; 10_000]);
    assert!(matches!(reads.as_slice(), [kept] if *kept == (0..MOST_KEPT)), "{reads:?}");
    assert_eq!(events, ["overflow", "16 waited"]);
}
