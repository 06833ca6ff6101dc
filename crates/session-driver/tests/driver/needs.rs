//! Each need gets what it asked for, and every octet its place in the account.

use session_driver::{Direction, OpaqueCause, Timestamp};

use crate::toy::{LONGEST_LINE, MOST_KEPT, Run};

#[test]
fn each_need_gets_what_it_asked_for() {
    let run = Run::whole(b"hello\r\ns3\r\nxyznext\r\nu2\r\nxye4\r\nabcdd\r\nbody.last\r\n");
    let expected = [
        r#"fed "hello\r\n""#,
        r#"fed "s3\r\n""#,
        "skipped",
        r#"fed "next\r\n""#,
        r#"fed "u2\r\n""#,
        "unseen",
        r#"fed "e4\r\n""#,
        r#"fed "abcd""#,
        r#"fed "d\r\n""#,
        "scanned",
        r#"fed "last\r\n""#,
    ];
    assert_eq!(run.events, expected);
}

#[test]
fn what_is_taken_ahead_is_not_given_again() {
    for (octets, fed) in [
        (b"a3\r\nabcdefnext\r\n".as_slice(), ["abc", "def", "next\\r\\n"]),
        (b"a3\r\nabcabc\r\n", ["abc", "abc", "\\r\\n"]),
    ] {
        let run = Run::whole(octets);
        assert_eq!(run.events[1..], fed.map(|octets| format!("fed \"{octets}\"")));
    }
}

#[test]
fn a_long_line_comes_without_its_end_and_the_next_one_whole() {
    let run = Run::whole(b"0123456789abcdef\r\nok\r\n");
    assert_eq!(run.events, [r#"fed "0123456789ab""#, r#"fed "ok\r\n""#]);
    let exactly = Run::whole(b"0123456789\r\n");
    assert_eq!(exactly.events, [r#"fed "0123456789\r\n""#]);
    assert_eq!(LONGEST_LINE, 12);
}

#[test]
fn sealed_octets_and_lost_ones_are_told_apart_in_one_callback() {
    let run = Run::whole(b"u4\r\nabcdu2\r\nabo\r\nwhatever");
    assert_eq!(run.parsed, 4 + 4 + 3);
    assert_eq!(run.unseen, [(OpaqueCause::SaslSealed, 4 + 2), (OpaqueCause::LostSync, 8)]);
}

#[test]
fn what_waits_for_the_other_direction_is_given_when_that_has_spoken() {
    let mut run = Run::new();
    run.send(Direction::ToServer, b"w\r\nfirst\r\nth");
    assert_eq!(run.events, [r#"fed "w\r\n""#]);
    run.send(Direction::ToServer, b"ird\r\n");
    run.send(Direction::ToClient, b"go\r\n");
    assert_eq!(
        run.events[1..],
        [r#"answer "go\r\n""#, "14 waited", r#"fed "first\r\n""#, r#"fed "third\r\n""#]
    );
}

#[test]
fn what_waited_passed_when_it_passed() {
    let mut run = Run::new();
    run.send_at(Timestamp(1), Direction::ToServer, b"w\r\n");
    run.send_at(Timestamp(2), Direction::ToServer, b"x\r\n");
    run.send_at(Timestamp(3), Direction::ToClient, b"go\r\n");
    run.send_at(Timestamp(4), Direction::ToServer, b"y\r\n");
    assert_eq!(
        run.events,
        [
            r#"fed "w\r\n" at 1"#,
            r#"answer "go\r\n""#,
            "3 waited",
            r#"fed "x\r\n" at 2"#,
            r#"fed "y\r\n" at 4"#
        ]
    );
}

#[test]
fn waiting_for_nothing_is_over_all_the_same() {
    let mut run = Run::whole(b"w\r\n");
    run.send(Direction::ToClient, b"go\r\n");
    run.send(Direction::ToClient, b"on\r\n");
    assert_eq!(run.events[1..], [r#"answer "go\r\n""#, "0 waited", r#"answer "on\r\n""#]);
}

#[test]
fn what_waited_is_counted_and_dropped_when_the_answer_makes_it_opaque() {
    let mut run = Run::whole(b"w\r\nabc");
    run.send(Direction::ToClient, b"o\r\n");
    assert_eq!(run.events[1..], [r#"answer "o\r\n""#, "3 waited"]);
    run.send(Direction::ToServer, b"defg");
    assert_eq!(run.unseen, [(OpaqueCause::LostSync, 4)]);
}

#[test]
fn waiting_may_begin_again_inside_what_was_kept() {
    let mut run = Run::new();
    run.send(Direction::ToServer, b"w\r\nw\r\nx\r\n");
    run.send(Direction::ToClient, b"1\r\n2\r\n");
    assert_eq!(
        run.events,
        [
            r#"fed "w\r\n""#,
            r#"answer "1\r\n""#,
            "6 waited",
            r#"fed "w\r\n""#,
            r#"answer "2\r\n""#,
            "3 waited",
            r#"fed "x\r\n""#
        ]
    );
}

#[test]
fn more_than_may_be_kept_overflows_once() {
    let mut run = Run::new();
    run.send(Direction::ToServer, &[b"w\r\n".as_slice(), &[b'x'; MOST_KEPT + 5]].concat());
    run.send(Direction::ToServer, b"more");
    assert_eq!(run.events, [r#"fed "w\r\n""#, "overflow", "16 waited"]);
    assert_eq!((run.parsed, run.unseen), (3 + MOST_KEPT as u64, vec![(OpaqueCause::LostSync, 5 + 4)]));
    assert_eq!(run.driver.buffered(), 0, "nothing is kept for a session that has gone opaque");
}

#[test]
fn just_as_much_as_may_be_kept_does_not_overflow() {
    let mut run = Run::whole(&[b"w\r\n".as_slice(), &[b'x'; MOST_KEPT - 1], b"\n"].concat());
    run.send(Direction::ToClient, b"go\r\n");
    assert_eq!(run.events[1..], [r#"answer "go\r\n""#, "16 waited", r#"fed "xxxxxxxxxxxx""#]);
}

#[test]
fn half_close_says_what_is_left() {
    let mut run = Run::whole(b"unfin");
    run.half_close(Direction::ToServer);
    assert_eq!(run.events, ["5 unfinished"]);
}

#[test]
fn printing_a_driver_shows_no_octets_of_its_peers() {
    let run = Run::whole(b"w\r\nsecret");
    let printed = format!("{:?}", run.driver);
    assert!(printed.contains("6 octets") && !printed.contains("115, 101"), "{printed}");
}

#[test]
fn an_idle_connection_holds_on_to_a_small_buffer_only() {
    let mut run = Run::whole(b"hel");
    run.send(Direction::ToServer, b"lo\r\n");
    let small = run.driver.buffered();
    assert!((3..=256).contains(&small), "{small}");
    run.send(Direction::ToServer, b"e5000\r\n");
    run.send(Direction::ToServer, &[b'x'; 4999]);
    assert!(run.driver.buffered() >= 4999);
    run.send(Direction::ToServer, b"x");
    assert!(run.driver.buffered() <= 256, "{} octets for nothing", run.driver.buffered());
}

#[test]
fn the_driver_says_how_far_each_side_is_and_what_it_keeps() {
    let mut run = Run::whole(b"s5\r\nabcdefin");
    run.send(Direction::ToClient, b"ok\r\n");
    assert_eq!(Direction::BOTH.map(|direction| run.driver.offset(direction)), [12, 4]);
    assert!(run.driver.buffered() >= 3, "the start of a line is kept");
    run.send(Direction::ToServer, b"al\r\n");
    assert_eq!(run.events.last().map(String::as_str), Some(r#"fed "final\r\n""#));
    assert_eq!(run.driver.offset(Direction::ToServer), 16);
}
