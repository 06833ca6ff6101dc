//! Sets of labels, as bits.

use std::fmt;
use std::marker::PhantomData;

use crate::Label;

/// A set of label values in 8 octets: each is in or not, however often it occurred. The label has at most 64 values;
/// with more it does not compile.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LabelSet<L> {
    /// Bit `n` stands for the member with index `n`; no other bit is ever set.
    bits: u64,
    members: PhantomData<L>,
}

impl<L: Label> LabelSet<L> {
    /// A set without members.
    pub const fn new() -> Self {
        Self { bits: 0, members: PhantomData }
    }

    /// Puts `member` into the set.
    pub fn insert(&mut self, member: L) {
        self.bits |= Self::bit(member);
    }

    /// Whether `member` is in the set.
    pub fn contains(self, member: L) -> bool {
        self.bits & Self::bit(member) != 0
    }

    /// Whether nothing is in the set.
    pub fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// The members, in index order.
    pub fn iter(self) -> impl Iterator<Item = L> {
        L::VALUES.iter().copied().filter(move |member| self.contains(*member))
    }

    /// What is in either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self { bits: self.bits | other.bits, members: PhantomData }
    }

    fn bit(member: L) -> u64 {
        const { assert!(L::VALUES.len() <= 64, "a set holds 64 members at most") };
        // Within 0..64, as just asserted; a shift that wraps has no way to panic.
        1_u64.wrapping_shl(member.index() as u32)
    }
}

impl<L> Default for LabelSet<L> {
    fn default() -> Self {
        Self { bits: 0, members: PhantomData }
    }
}

impl<L: Label + fmt::Debug> fmt::Debug for LabelSet<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<L: Label> FromIterator<L> for LabelSet<L> {
    fn from_iter<I: IntoIterator<Item = L>>(members: I) -> Self {
        members.into_iter().fold(Self::new(), |mut set, member| {
            set.insert(member);
            set
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label;

    label! { enum Colour: "colour" { Red = "red", Green = "green", Blue = "blue" } }

    #[test]
    fn members_are_in_once_and_come_out_in_order() {
        let mut set = LabelSet::new();
        assert!(set.is_empty() && set.iter().next().is_none());
        set.insert(Colour::Blue);
        set.insert(Colour::Red);
        set.insert(Colour::Blue);
        assert!(set.contains(Colour::Red) && !set.contains(Colour::Green) && !set.is_empty());
        assert_eq!(set.iter().collect::<Vec<_>>(), [Colour::Red, Colour::Blue]);
        assert_eq!(format!("{set:?}"), "{Red, Blue}");
    }

    #[test]
    fn union_holds_both() {
        let red: LabelSet<_> = [Colour::Red].into_iter().collect();
        let green: LabelSet<_> = [Colour::Green].into_iter().collect();
        let both = red.union(green);
        assert_eq!(both, [Colour::Green, Colour::Red].into_iter().collect());
        assert_eq!(both.union(green), both);
        assert_eq!(red.union(LabelSet::default()), red);
    }
}
