//! What messages say inside, against three other decoders: `rasn-ldap`, `ldap-parser` and `ldap3_proto`.
//!
//! On messages as RFC 4511 writes them, with lengths in the shortest form and in Microsoft's, all must agree, by both
//! of our ways to read: with `rasn-ldap` asked first, and lightly. On messages that are damaged, what another decoder
//! accepts must mean the same here, unless it is one of those that the decoder is known to read differently: each
//! such difference is listed, with a message that shows it, and one that no longer shows it fails the test. What the
//! others refuse and we read is listed alike: a filter reads on where others give up.
//!
//! The fuzzer (crates/fuzz) compares the same way, on messages of its own.

mod differences;
mod generate;
mod ldap3_proto;
mod ldap_parser;
mod meaning;
mod rasn_ldap;
mod refusals;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use differences::{DIFFERENCES, Difference};
use generate::{Form, encoded, message};
use meaning::{Meaning, Way, ours};

/// Another decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reference {
    Rasn,
    LdapParser,
    Ldap3Proto,
}

impl Reference {
    const ALL: [Self; 3] = [Self::Rasn, Self::LdapParser, Self::Ldap3Proto];

    /// What it makes of one message; `None` when it refuses it.
    fn read(self, octets: &[u8]) -> Option<Meaning> {
        match self {
            Self::Rasn => rasn_ldap::read(octets),
            Self::LdapParser => ldap_parser::read(octets),
            Self::Ldap3Proto => ldap3_proto::read(octets),
        }
    }
}

/// Always the same cases: a difference that nobody has looked at yet must not break an unrelated change.
/// `DIFFERENTIAL_SEED` and `PROPTEST_CASES` choose others.
fn config() -> ProptestConfig {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    ProptestConfig {
        cases: number("PROPTEST_CASES").map_or(4_000, |cases| cases as u32),
        rng_seed: RngSeed::Fixed(number("DIFFERENTIAL_SEED").unwrap_or(4511)),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// One change to a message: which, where (modulo its length) and with which octet.
type Damage = (u8, usize, u8);

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let octet = prop_oneof![
        3 => proptest::sample::select(&b"\x00\x01\x02\x03\x04\x05\x0a\x30\x31\x7f\x80\x81\x84\xa0\xa1\xa2\xa3\xff"[..]),
        1 => any::<u8>(),
    ];
    proptest::collection::vec((0..4_u8, 0..512_usize, octet), 1..4)
}

/// The octets with the damages done. The last length of the message itself is put right, so that the damage is inside.
fn damaged(octets: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut contents = generate::contents(octets).to_vec();
    for &(kind, at, octet) in damages {
        let at = at % (contents.len() + 1);
        match (kind, at < contents.len()) {
            (0, true) => contents[at] = octet,
            (1, true) => drop(contents.remove(at)),
            (2, true) => contents.insert(at, contents[at]),
            _ => contents.insert(at, octet),
        }
    }
    generate::element(0x30, &contents, Form::Shortest)
}

/// What a message means to another decoder and not here, for no reason that is known.
pub(crate) fn difference(octets: &[u8]) -> Option<String> {
    for way in [Way::RasnFirst, Way::Lightly] {
        let ours = ours(octets, way);
        for reference in Reference::ALL {
            let Some(theirs) = reference.read(octets) else { continue };
            let ours = ours.as_ref().map(|ours| ours.as_told_by(reference));
            let known = Difference::explaining(DIFFERENCES, reference, octets);
            if Some(&theirs) != ours.as_ref() && known.is_empty() {
                let octets = octets.escape_ascii();
                return Some(format!("{octets}: {theirs:?} to {reference:?}, {ours:?} here, {way:?}"));
            }
        }
    }
    None
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn well_formed_messages_mean_the_same(message in message(), form in generate::form()) {
        let octets = encoded(&message, form);
        let ours = ours(&octets, Way::RasnFirst);
        prop_assert_eq!(&ours, &meaning::ours(&octets, Way::Lightly));
        prop_assert!(ours.is_some(), "{:?}: {}", message, octets.escape_ascii());
        for reference in Reference::ALL {
            let theirs = reference.read(&octets);
            prop_assert!(theirs.is_some() || message.may_be_refused_by(reference), "{:?}: {:?}", reference, message);
            if theirs.is_some() {
                let ours = ours.as_ref().map(|ours| ours.as_told_by(reference));
                prop_assert_eq!(theirs, ours, "{:?}: {:?}", reference, message);
            }
        }
    }

    #[test]
    fn damaged_messages_mean_the_same_or_are_known(
        (message, form, damages) in (message(), generate::form(), damages()),
    ) {
        prop_assert_eq!(difference(&damaged(&encoded(&message, form), &damages)), None);
    }
}

#[test]
fn every_difference_is_still_there() {
    for difference in DIFFERENCES {
        let Difference { reference, name, example, applies } = difference;
        let theirs = reference.read(example);
        assert!(theirs.is_some(), "{name}: refused by {reference:?} now");
        assert!(applies(example), "{name}");
        let ours = ours(example, Way::Lightly).map(|ours| ours.as_told_by(*reference));
        assert_ne!(theirs, ours, "{name}: no difference any more");
    }
}
