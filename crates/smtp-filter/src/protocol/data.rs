//! Mail as it passes behind DATA: where it ends, and what is odd about it.

mod block;

use common_metrics::{LabelSet, label};
use memchr::memchr3;

use self::block::{BLOCK, SEEN, follows_plainly, plain_prefix};

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
/// Takes time linear in the octets, whatever they are. Blocks in which nothing but whole lines of text stands, which
/// is nearly all of nearly every mail, are recognised as such without a look at single octets. In others `memchr` finds
/// the line ends, and each is looked at once, together with the few octets around it. Holds four octets of the mail and
/// nothing else of it.
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
        let mut rest = piece;
        while let Some(seen) = rest.first_chunk::<SEEN>() {
            if self.continues_plainly(seen) {
                let (plain, behind) = rest.split_at_checked(plain_prefix(rest)).unwrap_or((&[], rest));
                self.tail = append(self.tail, plain);
                rest = behind;
            }
            let Some((block, behind)) = rest.split_first_chunk::<BLOCK>() else { break };
            let Scanned { consumed, ended } = self.look_closely(block);
            if ended {
                let before = piece.len().saturating_sub(rest.len());
                return Scanned { consumed: before.saturating_add(consumed), ended };
            }
            rest = behind;
        }
        let before = piece.len().saturating_sub(rest.len());
        let Scanned { consumed, ended } = self.look_closely(rest);
        Scanned { consumed: before.saturating_add(consumed), ended }
    }

    /// Whether nothing that the tail has begun can end, or turn out to be odd, in the block that follows, if it is plain
    /// itself.
    fn continues_plainly(&self, [first, second, ..]: &[u8; SEEN]) -> bool {
        match self.tail {
            // A dot that may stand on a line of its own.
            [_, b'\r' | b'\n', b'.', _] | [_, _, b'\r' | b'\n', b'.'] => false,
            // Several CRs, whose LF may be the first octet here.
            [_, _, b'\r', b'\r'] => false,
            [_, _, _, last] => follows_plainly(last, *first) && (*first, *second) != (b'\n', b'.'),
        }
    }

    /// Looks at each line end of a piece.
    fn look_closely(&mut self, piece: &[u8]) -> Scanned {
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
