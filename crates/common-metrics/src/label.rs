//! Labels: closed sets of values, indexed densely.

/// One label: its name and the closed set of values it can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimension {
    /// The label's name, as Prometheus shows it.
    pub name: &'static str,
    /// Every value the label can take, in index order.
    pub values: &'static [&'static str],
    /// What each value means, in the same order: its doc comment. Not in a Wasm module, which never tells it.
    #[cfg(not(target_arch = "wasm32"))]
    pub help: &'static [&'static str],
}

/// A label whose values are a closed set: an enum made with [`label!`](macro@crate::label).
pub trait Label: Copy + Eq + 'static {
    /// The label's name and its values.
    const DIMENSION: Dimension;
    /// Every value, in index order.
    const VALUES: &'static [Self];

    /// The position of this value in [`Dimension::values`].
    fn index(self) -> usize;

    /// The value as Prometheus shows it.
    fn as_str(self) -> &'static str {
        Self::DIMENSION.values.get(self.index()).copied().unwrap_or("other")
    }
}

/// The label set of a metric: `()`, one [`Label`], or a tuple of up to four.
pub trait Labels: Copy + 'static {
    /// The labels, in the order in which they stand in the stat name.
    const DIMENSIONS: &'static [Dimension];
    /// How many combinations there are.
    const SERIES: usize;

    /// The position of this combination among all [`Self::SERIES`], last label running fastest.
    fn index(self) -> usize;
}

impl Labels for () {
    const DIMENSIONS: &'static [Dimension] = &[];
    const SERIES: usize = 1;

    fn index(self) -> usize {
        0
    }
}

impl<A: Label> Labels for A {
    const DIMENSIONS: &'static [Dimension] = &[A::DIMENSION];
    const SERIES: usize = A::DIMENSION.values.len();

    fn index(self) -> usize {
        Label::index(self)
    }
}

macro_rules! tuple_labels {
    ($($label:ident $field:ident),+) => {
        impl<$($label: Label),+> Labels for ($($label,)+) {
            const DIMENSIONS: &'static [Dimension] = &[$($label::DIMENSION),+];
            const SERIES: usize = 1 $(* $label::DIMENSION.values.len())+;

            fn index(self) -> usize {
                let ($($field,)+) = self;
                let mut index = 0;
                $(index = index * $label::DIMENSION.values.len() + Label::index($field);)+
                index
            }
        }
    };
}

tuple_labels!(A a, B b);
tuple_labels!(A a, B b, C c);
tuple_labels!(A a, B b, C c, D d);

/// Declares a closed label set: an enum whose variants are the label's values. A variant's doc comment says what the value
/// means; it has no other attributes.
///
/// The values must satisfy [`is_label_value`](crate::is_label_value); [`Catalogue::violations`](crate::Catalogue::violations)
/// tells when one does not.
#[macro_export]
macro_rules! label {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident : $label:literal {
            $($(#[doc = $help:literal])* $variant:ident = $value:literal),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name {
            $(
                $(#[doc = $help])*
                #[doc = concat!("The value `", $value, "`.")]
                $variant
            ),+
        }

        impl $name {
            /// Every value, in index order.
            #[allow(dead_code)]
            $vis const ALL: &'static [Self] = &[$(Self::$variant),+];
        }

        impl $crate::Label for $name {
            const DIMENSION: $crate::Dimension = $crate::Dimension {
                name: $label,
                values: &[$($value),+],
                #[cfg(not(target_arch = "wasm32"))]
                help: &[$(concat!($($help, "\n"),*)),+],
            };
            const VALUES: &'static [Self] = Self::ALL;

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::label! { enum Colour: "colour" { Red = "red", Green = "green", Blue = "blue" } }
    crate::label! { enum Size: "size" { Small = "small", Large = "large" } }

    #[test]
    fn every_combination_has_its_own_index() {
        let mut seen = Vec::new();
        for colour in Colour::ALL {
            for size in Size::ALL {
                seen.push(Labels::index((*colour, *size)));
            }
        }
        assert_eq!(seen, (0..<(Colour, Size)>::SERIES).collect::<Vec<_>>());
    }

    #[test]
    fn a_value_s_doc_comment_is_its_help() {
        crate::label! {
            enum Shade: "shade" {
                /// No light.
                /// At all.
                Dark = "dark",
                Bright = "bright",
            }
        }
        assert_eq!(Shade::DIMENSION.help, [" No light.\n At all.\n", ""]);
        assert_eq!(Shade::ALL.len(), Shade::DIMENSION.help.len());
    }

    #[test]
    fn a_value_prints_as_declared() {
        assert_eq!(Colour::Green.as_str(), "green");
        assert_eq!(Label::index(Colour::Blue), 2);
    }
}
