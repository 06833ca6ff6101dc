//! Numbers that an operator chooses.

/// Declares a limit: a whole number with its own range and default, refused at load when outside, and described in
/// the JSON Schema. Whoever declares one depends on `serde`, and natively on `schemars`.
#[macro_export]
macro_rules! limit {
    ($(#[doc = $doc:literal])+ $name:ident: $min:literal ..= $max:literal, default $default:literal) => {
        $(#[doc = $doc])+
        ///
        #[doc = concat!("From ", $min, " to ", $max, "; ", $default, " unless said otherwise.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ::serde::Deserialize)]
        #[serde(try_from = "f64")]
        pub struct $name(u32);

        impl $name {
            /// The smallest value allowed.
            pub const MIN: u32 = $min;
            /// The largest value allowed.
            pub const MAX: u32 = $max;

            /// The limit, as a size or a count.
            pub const fn get(self) -> usize {
                self.0 as usize
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self($default)
            }
        }

        impl TryFrom<f64> for $name {
            type Error = String;

            fn try_from(value: f64) -> Result<Self, String> {
                let number = $crate::whole_number(value, $min, $max)?;
                Ok(Self(u32::try_from(number).unwrap_or(Self::MAX)))
            }
        }

        // Not derived: it would describe the float that the number is read from.
        #[cfg(not(target_arch = "wasm32"))]
        impl ::schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                ::schemars::json_schema!({"type": "integer", "minimum": $min, "maximum": $max, "default": $default})
            }
        }
    };
}

/// Checks a number that the operator chose. Taken as a float, because Istio passes every number as one.
///
/// # Errors
/// When it is not a whole number of the range; says the range.
pub fn whole_number(value: f64, min: u64, max: u64) -> Result<u64, String> {
    // Both bounds are far below 2^53, up to which a float is exact.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    if value.fract() == 0.0 && (min as f64..=max as f64).contains(&value) {
        Ok(value as u64)
    } else {
        Err(format!("{value} is not a whole number from {min} to {max}"))
    }
}
