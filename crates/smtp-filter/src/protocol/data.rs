//! Mail as it passes behind DATA: where it ends, and what is odd about it.

use common_metrics::{LabelSet, label};
use memchr::memchr3;

label! {
    /// Something in a mail that RFC 5321 forbids and that servers disagree about.
    pub enum DataOddity: "oddity" {
        /// A dot alone between line ends of which one is an LF without CR, as in LF `.` CR LF: some servers
        /// take it for the end of the mail, and what follows for commands (CVE-2023-51764).
        BareLfEndOfData = "bare_lf_end_of_data",
        /// A dot alone between line ends of which one is a CR without LF: the same, at other servers.
        BareCrEndOfData = "bare_cr_end_of_data",
        /// An LF without CR.
        BareLf = "bare_lf",
        /// A CR without LF.
        BareCr = "bare_cr",
        /// Several CRs and an LF.
        CrCrLf = "cr_cr_lf",
        /// A NUL.
        Nul = "nul",
    }
}

/// The oddities of one mail.
pub type DataOdditySet = LabelSet<DataOddity>;

/// Follows one mail to its end, however it is cut into pieces.
///
/// Takes time linear in the octets, whatever they are: `memchr` finds the line ends, and each is looked at
/// once, together with the few octets around it. Holds four octets of the mail and nothing else of it.
#[derive(Clone, Debug)]
pub struct DataScanner {
    /// The last octets that passed, newest last.
    tail: Tail,
    oddities: DataOdditySet,
}

/// Four octets: CR LF `.` CR stand in front of the LF that ends a mail.
type Tail = [u8; 4];

/// What one piece of a mail brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// How many octets of the piece belong to the mail: all of them, unless it ended. When it ended, its
    /// final CR LF `.` CR LF is included.
    pub consumed: usize,
    /// Whether the mail ended.
    pub ended: bool,
}

impl DataScanner {
    /// A scanner for a mail that starts now.
    pub const fn new() -> Self {
        // RFC 5321, 4.1.1.4: the CR LF that ends the DATA command is also the first of CR LF "." CR LF, so
        // that a mail of no lines ends with "." CR LF.
        Self { tail: [0, 0, b'\r', b'\n'], oddities: DataOdditySet::new() }
    }

    // RFC 5321, 4.1.1.4: the character sequence CR LF "." CR LF ends the mail, and nothing else may be taken
    // for it; 2.3.8: CR and LF only ever stand together.
    /// Looks at the next piece of the mail. Not to be called again once the mail has ended.
    pub fn scan(&mut self, piece: &[u8]) -> Scanned {
        // A CR at the end of the last piece has waited for the octet behind it.
        if let ([_, in_front @ .., b'\r'], Some(next)) = (self.tail, piece.first()) {
            self.carriage_return(in_front, *next);
        }
        let mut rest = piece;
        while let Some(at) = memchr3(b'\r', b'\n', 0, rest) {
            let (passed, found) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            self.tail = append(self.tail, passed);
            rest = found;
            // CR LF, and hostile runs of line ends, without a new search for each.
            while let [octet @ (b'\r' | b'\n' | 0), behind @ ..] = rest {
                let ended = self.line_end(*octet, behind.first());
                if ended {
                    return Scanned { consumed: piece.len().saturating_sub(behind.len()), ended };
                }
                self.tail = append(self.tail, &[*octet]);
                rest = behind;
            }
        }
        self.tail = append(self.tail, rest);
        Scanned { consumed: piece.len(), ended: false }
    }

    /// What was odd so far.
    pub fn oddities(&self) -> DataOdditySet {
        self.oddities
    }

    /// Looks at a CR, LF or NUL and the octet behind it, if that is there; says whether it ends the mail.
    fn line_end(&mut self, octet: u8, next: Option<&u8>) -> bool {
        match (octet, next) {
            (b'\n', _) => return self.line_feed(),
            (b'\r', Some(next)) => {
                let [_, _, in_front @ ..] = self.tail;
                self.carriage_return(in_front, *next);
            }
            (b'\r', None) => {}
            _ => self.oddities.insert(DataOddity::Nul),
        }
        false
    }

    /// Looks at the LF that follows the tail; says whether it ends the mail.
    fn line_feed(&mut self) -> bool {
        match self.tail {
            [b'\r', b'\n', b'.', b'\r'] => return true,
            [_, b'\n', b'.', b'\r'] | [_, _, b'\n', b'.'] => {
                self.oddities.insert(DataOddity::BareLfEndOfData);
            }
            [_, b'\r', b'.', b'\r'] | [_, _, b'\r', b'.'] => {
                self.oddities.insert(DataOddity::BareCrEndOfData);
            }
            _ => {}
        }
        match self.tail {
            [_, _, b'\r', b'\r'] => self.oddities.insert(DataOddity::CrCrLf),
            [_, _, _, b'\r'] => {}
            _ => self.oddities.insert(DataOddity::BareLf),
        }
        false
    }

    /// Looks at a CR, given what stands in front of it and behind it.
    fn carriage_return(&mut self, in_front: [u8; 2], next: u8) {
        match next {
            b'\n' => return,
            // What the last CR of several stands in front of tells what they are.
            b'\r' => {}
            _ => self.oddities.insert(DataOddity::BareCr),
        }
        if let [b'\r' | b'\n', b'.'] = in_front {
            self.oddities.insert(DataOddity::BareCrEndOfData);
        }
    }
}

impl Default for DataScanner {
    fn default() -> Self {
        Self::new()
    }
}

/// The last four octets of `tail` followed by `octets`.
fn append(tail: Tail, octets: &[u8]) -> Tail {
    match (tail, octets) {
        (_, [.., w, x, y, z]) => [*w, *x, *y, *z],
        ([.., d], [x, y, z]) => [d, *x, *y, *z],
        ([.., c, d], [y, z]) => [c, d, *y, *z],
        ([_, b, c, d], [z]) => [b, c, d, *z],
        (tail, []) => tail,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(PartialEq)]
    enum Break {
        CrLf,
        Lf,
        Cr,
    }

    fn break_at_end(octets: &[u8]) -> Option<Break> {
        match octets {
            [.., b'\r', b'\n'] => Some(Break::CrLf),
            [.., b'\n'] => Some(Break::Lf),
            [.., b'\r'] => Some(Break::Cr),
            _ => None,
        }
    }

    fn break_at_start(octets: &[u8]) -> Option<Break> {
        match octets {
            [b'\r', b'\n', ..] => Some(Break::CrLf),
            [b'\n', ..] => Some(Break::Lf),
            // Not yet told while nothing follows.
            [b'\r', _, ..] => Some(Break::Cr),
            _ => None,
        }
    }

    /// How many octets the mail has, whether it ended, and its oddities: octet by octet, with the whole
    /// stream at hand, looking forward where the scanner looks back.
    fn oracle(stream: &[u8]) -> (usize, bool, DataOdditySet) {
        let all = [b"\r\n", stream].concat();
        let end = all.windows(5).position(|window| window == b"\r\n.\r\n").map(|start| start + 5);
        let all = &all[..end.unwrap_or(all.len())];
        let mut oddities = DataOdditySet::new();
        for (at, octet) in all.iter().enumerate() {
            let (before, behind) = (&all[..at], &all[at + 1..]);
            match octet {
                0 => oddities.insert(DataOddity::Nul),
                b'\n' if !before.ends_with(b"\r") => oddities.insert(DataOddity::BareLf),
                b'\n' if before.ends_with(b"\r\r") => oddities.insert(DataOddity::CrCrLf),
                b'\r' if behind.first().is_some_and(|next| !b"\r\n".contains(next)) => {
                    oddities.insert(DataOddity::BareCr);
                }
                b'.' => match (break_at_end(before), break_at_start(behind)) {
                    (None, _) | (_, None) => {}
                    (Some(Break::CrLf), Some(Break::CrLf)) => assert_eq!(Some(at + 3), end),
                    (Some(opening), Some(closing)) if opening == Break::Cr || closing == Break::Cr => {
                        oddities.insert(DataOddity::BareCrEndOfData);
                    }
                    _ => oddities.insert(DataOddity::BareLfEndOfData),
                },
                _ => {}
            }
        }
        (all.len() - 2, end.is_some(), oddities)
    }

    fn scan<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (usize, bool, DataOdditySet) {
        let mut scanner = DataScanner::new();
        let mut total = 0;
        for piece in pieces {
            let Scanned { consumed, ended } = scanner.scan(piece);
            total += consumed;
            if ended {
                return (total, true, scanner.oddities());
            }
            assert_eq!(consumed, piece.len());
        }
        (total, false, scanner.oddities())
    }

    fn set(oddities: &[DataOddity]) -> DataOdditySet {
        oddities.iter().copied().collect()
    }

    #[test]
    fn the_end_and_what_only_looks_like_it() {
        use DataOddity::*;
        for (stream, consumed, ended, oddities) in [
            (&b"Hello\r\n.\r\nQUIT\r\n"[..], 10, true, &[][..]),
            (b".\r\nQUIT\r\n", 3, true, &[]),
            (b"\r\n.\r\n", 5, true, &[]),
            (b"..\r\n.a\r\n.\r\n", 11, true, &[]),
            (b"Hello.\r\n", 8, false, &[]),
            (b"a\n.\nMAIL", 8, false, &[BareLfEndOfData, BareLf]),
            (b"a\n.\r\nMAIL", 9, false, &[BareLfEndOfData, BareLf]),
            (b"a\r\n.\nMAIL", 9, false, &[BareLfEndOfData, BareLf]),
            (b".\nMAIL", 6, false, &[BareLfEndOfData, BareLf]),
            (b"a\r.\rMAIL", 8, false, &[BareCrEndOfData, BareCr]),
            (b"a\r.\r\nMAIL", 9, false, &[BareCrEndOfData, BareCr]),
            (b"a\r\n.\rMAIL", 9, false, &[BareCrEndOfData, BareCr]),
            (b"a\r\n.\r\r\nb\r\n", 10, false, &[BareCrEndOfData, CrCrLf]),
            (b"a\r\r\n.\r\n", 7, true, &[CrCrLf]),
            (b"a\0\r\n", 4, false, &[Nul]),
            (b"a\r", 2, false, &[]),
        ] {
            let found = scan([stream]);
            assert_eq!(found, (consumed, ended, set(oddities)), "{}", stream.escape_ascii());
        }
    }

    #[test]
    fn every_short_stream_in_every_two_pieces_and_octet_by_octet() {
        const ALPHABET: [u8; 5] = *b"\r\n.\0a";
        for length in 0..=6_u32 {
            for number in 0..ALPHABET.len().pow(length) {
                let digit = |place| ALPHABET[number / ALPHABET.len().pow(place) % ALPHABET.len()];
                let stream: Vec<u8> = (0..length).map(digit).collect();
                let expected = oracle(&stream);
                assert_eq!(scan(stream.chunks(1)), expected, "{}", stream.escape_ascii());
                for cut in 0..=stream.len() {
                    let (a, b) = stream.split_at(cut);
                    assert_eq!(scan([a, b]), expected, "{} {}", a.escape_ascii(), b.escape_ascii());
                }
            }
        }
    }

    /// Octets that matter, now and then with a run of those that do not.
    fn body() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => proptest::sample::select(&b"\r\n.\0a"[..]).prop_map(|octet| vec![octet]),
            2 => Just(b"\r\n".to_vec()),
            1 => Just(b"\r\n.".to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..80),
        ];
        proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_body_in_any_pieces(body in body(), cuts in proptest::collection::vec(0..4096_usize, 0..12)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (body.len() + 1)).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| &body[cut[0]..cut[1]]);
            prop_assert_eq!(scan(pieces), oracle(&body));
        }
    }

    #[test]
    fn hostile_bodies_of_millions_of_one_octet() {
        use DataOddity::*;
        const MILLIONS: usize = 2_000_000;
        for (octet, oddities) in [(b'\r', &[][..]), (b'.', &[]), (b'\n', &[BareLf]), (0, &[Nul])] {
            let body = vec![octet; MILLIONS];
            assert_eq!(scan(body.chunks(65_536)), (MILLIONS, false, set(oddities)), "{octet}");
        }
    }
}
