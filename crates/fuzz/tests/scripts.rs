//! Scripts are written and read without loss.

use fuzz_targets::script::{Choices, Damage, Script, Step};
use fuzz_targets::seeds;
use session_driver::Direction::{ToClient, ToServer};

#[test]
fn what_is_written_is_read() {
    let phrase = |direction, damage| Step::Phrase { direction, which: 5, argument: 200, damage };
    let script = Script {
        choices: Choices(0xa7),
        cuts: vec![1, 64, 7],
        steps: vec![
            phrase(ToServer, Damage::Nothing),
            phrase(ToClient, Damage::Cut(9)),
            phrase(ToServer, Damage::Replaced(1, 2)),
            phrase(ToClient, Damage::Inserted(3, 4)),
            phrase(ToServer, Damage::Removed(5)),
            Step::Octets { direction: ToClient, octets: b"250 OK\r\n".to_vec() },
            Step::Octets { direction: ToServer, octets: vec![b'x'; 300] },
            Step::Run { direction: ToServer, octet: b'\r', times: 4_000 },
            Step::Clock { mantissa: -3, exponent: 30 },
            Step::HalfClose(ToClient),
            Step::Again(16),
        ],
    };
    assert_eq!(Script::read(&script.written()), script);
}

#[test]
fn any_octets_are_a_script_that_means_the_same_when_it_is_written_anew() {
    for seed in
        seeds::seeds("smtp-session", None).into_iter().chain([b"\xff\x07\x61\xff\xffab".to_vec(), Vec::new()])
    {
        let script = Script::read(&seed);
        assert_eq!(Script::read(&script.written()), script);
    }
}

#[test]
fn every_number_is_a_phrase() {
    let phrases = seeds::every_phrase();
    assert!(phrases.map(|(_, phrase)| phrase.len()).all(|length| length < 60_000));
}
