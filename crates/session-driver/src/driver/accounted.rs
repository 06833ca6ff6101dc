//! What became of the octets of one callback.

use crate::session::OpaqueCause;

/// How the octets of one callback were accounted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accounted {
    /// Octets that the session followed, read or skipped, and those of PROXY protocol headers.
    pub parsed: u64,
    /// Octets that passed unseen, in the order of [`OpaqueCause::ALL`].
    unseen: [u64; OpaqueCause::ALL.len()],
}

impl Accounted {
    /// Octets that passed unseen, by cause. One callback can hold sealed buffers and then lose sync.
    pub fn unseen(&self) -> impl Iterator<Item = (OpaqueCause, u64)> {
        OpaqueCause::ALL.into_iter().zip(self.unseen).filter(|(_, octets)| *octets > 0)
    }

    /// All octets of the callback.
    pub fn total(&self) -> u64 {
        self.unseen.iter().fold(self.parsed, |total, octets| total.saturating_add(*octets))
    }

    pub(super) fn add_unseen(&mut self, cause: OpaqueCause, octets: u64) {
        if let Some(of_cause) = self.unseen.get_mut(cause as usize) {
            *of_cause = of_cause.saturating_add(octets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_kept_apart() {
        let mut accounted = Accounted { parsed: 1, ..Accounted::default() };
        for (octets, cause) in (2..).zip(OpaqueCause::ALL) {
            accounted.add_unseen(cause, octets);
        }
        accounted.add_unseen(OpaqueCause::SaslSealed, 10);
        let causes: Vec<_> = accounted.unseen().collect();
        assert_eq!(
            causes,
            [
                (OpaqueCause::Starttls, 2),
                (OpaqueCause::Tls, 3),
                (OpaqueCause::SaslSealed, 14),
                (OpaqueCause::LostSync, 5)
            ]
        );
        assert_eq!(accounted.total(), 25);
    }
}
