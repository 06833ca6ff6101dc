//! Mails behind DATA, against an oracle that has all of a mail at hand.

#[path = "../../smtp-filter/tests/support/whole_mail.rs"]
mod whole_mail;

use smtp_filter::protocol::data::{DataOdditySet, DataScanner, Scanned};

/// Something that finds the end of a mail in pieces: [`DataScanner`], or what the tests put in its place.
pub trait Scanner {
    /// Looks at the next piece.
    fn scan(&mut self, piece: &[u8]) -> Scanned;
    /// What was odd so far.
    fn oddities(&self) -> DataOdditySet;
}

impl Scanner for DataScanner {
    fn scan(&mut self, piece: &[u8]) -> Scanned {
        Self::scan(self, piece)
    }

    fn oddities(&self) -> DataOdditySet {
        Self::oddities(self)
    }
}

/// Judges [`DataScanner`]. The first octets say where the mail is cut.
pub fn judge(data: &[u8]) {
    judge_scanner(DataScanner::new, data);
}

/// Judges a scanner, and returns the mail.
///
/// # Panics
/// When it finds something else than the oracle does, in any pieces.
pub fn judge_scanner<S: Scanner>(new: impl Fn() -> S, data: &[u8]) -> &[u8] {
    const CUTS: usize = 4;
    let (cuts, mail) = data.split_at_checked(CUTS).unwrap_or((&[], data));
    let expected = whole_mail::look_at(mail);
    let mut at: Vec<usize> = cuts.iter().map(|cut| usize::from(*cut) * mail.len() / 256).collect();
    at.extend([0, mail.len()]);
    at.sort_unstable();
    let pieces = |at: &[usize]| at.windows(2).map(|cut| &mail[cut[0]..cut[1]]).collect::<Vec<_>>();
    for pieces in [vec![mail], mail.chunks(1).collect(), pieces(&at)] {
        let mut scanner = new();
        let mut consumed = 0;
        let mut ended = false;
        for piece in &pieces {
            let scanned = scanner.scan(piece);
            consumed += scanned.consumed;
            ended = scanned.ended;
            if ended {
                break;
            }
            assert_eq!(scanned.consumed, piece.len(), "a mail goes on, and octets are left");
        }
        assert_eq!((consumed, ended, scanner.oddities()), expected, "in {} pieces", pieces.len());
    }
    mail
}

/// A scanner that looks for the end in each piece alone: what a break must look like to be found.
#[derive(Debug)]
struct Forgetful(DataScanner);

impl Scanner for Forgetful {
    fn scan(&mut self, piece: &[u8]) -> Scanned {
        let oddities_of_all = Scanner::scan(&mut self.0, piece);
        let end = piece.windows(5).position(|window| window == b"\r\n.\r\n").map(|start| start + 5);
        match end {
            Some(_) => oddities_of_all,
            None if piece.starts_with(b".\r\n") => oddities_of_all,
            None => Scanned { consumed: piece.len(), ended: false },
        }
    }

    fn oddities(&self) -> DataOdditySet {
        self.0.oddities()
    }
}

/// Judges a scanner that is wrong: the fuzzer has to find out.
pub(crate) fn broken_on_purpose(data: &[u8]) {
    judge_scanner(|| Forgetful(DataScanner::new()), data);
}
