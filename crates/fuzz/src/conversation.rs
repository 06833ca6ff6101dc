//! The oracles for a session: whatever both sides say, and however it is cut.
//!
//! 1. **Sums.** Every octet has one visibility, every connection one ending, and what else the protocol's own tests
//!    demand of every conversation (`Subject::check`): each transaction one outcome, each request answered or not.
//! 2. **Segmentation.** The events are the same, word for word, octet by octet and in pieces of any lengths.
//! 3. **Memory.** Driver and session together never hold more than the limits of the configuration allow for.
//! 4. **Work.** Calls, octets brought and allocations are bounded by the octets that pass, and no octet is brought twice.
//! 5. **Silence.** Nothing but the end follows once a session is opaque, and no event prints a password, a body or a name
//!    unless identities are asked for.

use session_driver::{Driver, Session, Sink, Timestamp};
use session_test::metered::{Metered, Work};
use session_test::play::OPENED;
use session_test::{Conditions, Seen};

use crate::passage::{Passing, Speaker, conditions, cut, octets, play, told};
use crate::script::{Script, Step};

/// Plays what a fuzzer's octets stand for, and judges it.
///
/// # Panics
/// When an oracle refuses what came of it.
pub fn judge<P: Speaker>(data: &[u8]) {
    let script = Script::read(data);
    let passing = told::<P>(&script);
    let conditions = conditions::<P>(script.choices);
    let seen = play::<P>(&passing, &conditions);
    same_however_cut::<P>(&script, &passing, &conditions, &seen);
    costs_little::<P>(&passing, &conditions);
    keeps_silent::<P>(&script, &seen);
}

fn same_however_cut<P: Speaker>(
    script: &Script,
    passing: &[Passing],
    conditions: &Conditions<P::Setup>,
    whole: &Seen<P::Notes>,
) {
    let lengths: Vec<usize> = script.cuts.iter().map(|length| usize::from(*length)).collect();
    for lengths in [&[1][..], &lengths] {
        if lengths.is_empty() {
            continue;
        }
        let pieces = play::<P>(&cut(passing, lengths), conditions);
        let differing = pieces.events.iter().zip(&whole.events).position(|(piece, whole)| piece != whole);
        let at = differing.unwrap_or(pieces.events.len().min(whole.events.len()));
        // All of them would be a screen without end.
        assert_eq!(
            pieces.events.get(at),
            whole.events.get(at),
            "events depend on the pieces: {lengths:?}, event {at}"
        );
        assert_eq!(pieces.series(), whole.series(), "counts depend on the pieces: {lengths:?}");
        let accounted = |seen: &Seen<P::Notes>| (seen.parsed, seen.unseen.clone());
        assert_eq!(accounted(&pieces), accounted(whole), "visibility depends on the pieces: {lengths:?}");
    }
}

/// Takes events, and lets them go.
struct Nobody;

impl<S: Session> Sink<S> for Nobody {
    fn event(&mut self, _event: S::Event<'_>) {}
}

fn costs_little<P: Speaker>(passing: &[Passing], conditions: &Conditions<P::Setup>) {
    let mut work = Work::default();
    let memory = allocation_counter::measure(|| {
        let mut driver = Driver::new(Metered::new(P::session(&conditions.setup, Timestamp(OPENED))));
        driver.transport(conditions.transport);
        let mut now = Timestamp(OPENED);
        for one in passing {
            match one {
                Passing::Octets(record) => {
                    now = Timestamp(OPENED + record.at);
                    let Ok(_) = driver.data(record.direction, &record.octets.as_slice(), now, &mut Nobody);
                }
                Passing::HalfClose(direction, at) => {
                    now = Timestamp(OPENED + at);
                    driver.half_close(*direction, now, &mut Nobody);
                }
            }
        }
        driver.end(conditions.ends, now, &mut Nobody);
        work = driver.session().work().clone();
    });
    let (octets, callbacks) = (octets(passing), passing.len() as u64 + 1);

    let most = P::most_memory(&conditions.setup);
    assert!(memory.bytes_max <= most, "{} octets of memory at once, {most} at most", memory.bytes_max);
    assert_eq!(memory.bytes_current, 0, "all memory is given back");

    let brought: u64 = work.octets.iter().sum();
    assert!(brought <= octets, "{brought} octets were brought of {octets} that passed");
    let Work { calls, asked, .. } = work;
    assert!(
        calls <= CALLS * (octets + callbacks),
        "{calls} calls for {octets} octets in {callbacks} callbacks"
    );
    let asked = asked.get();
    assert!(
        asked <= ASKED * (octets + callbacks),
        "{asked} times asked for {octets} octets in {callbacks} callbacks"
    );
    let allocations = memory.count_total;
    assert!(
        allocations <= ALLOCATIONS * (octets + callbacks),
        "{allocations} allocations for {octets} octets in {callbacks} callbacks"
    );
    let allocated = memory.bytes_total;
    let most = ALLOCATED * (octets + callbacks) + CONNECTION;
    assert!(allocated <= most, "{allocated} octets allocated for {octets} octets in {callbacks} callbacks");
}

// What one octet or one callback may cost at most. A line of one octet is the dearest: it is a command or a reply of its
// own. What grows with the square of the octets is above all of these within a few thousand of them.
const CALLS: u64 = 3;
const ASKED: u64 = 12;
const ALLOCATIONS: u64 = 2;
const ALLOCATED: u64 = 64;
/// Octets that a connection may allocate once.
const CONNECTION: u64 = 4_096;

fn keeps_silent<P: Speaker>(script: &Script, seen: &Seen<P::Notes>) {
    let opaque = seen.events.iter().position(|event| event.starts_with("WentOpaque"));
    if let Some(opaque) = opaque {
        assert_eq!(opaque + 2, seen.events.len(), "only the end follows: {:?}", seen.events);
    }
    // Octets of the fuzzer's own may happen to be any word.
    let all_phrases = !script.steps.iter().any(|step| matches!(step, Step::Octets { .. }));
    if all_phrases && !script.choices.identities() {
        for secret in P::SECRETS {
            let told = seen.events.iter().find(|event| event.contains(secret));
            assert_eq!(told, None, "an event tells {secret:?}");
        }
    }
}
