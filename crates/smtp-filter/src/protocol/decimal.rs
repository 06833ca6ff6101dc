//! Numbers in decimal digits.

/// The number that these octets write, digits and nothing else; `None` also when `u64` does not hold it.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_nothing_else() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"0042"), Some(42));
        for digits in [&b""[..], b"-1", b"+1", b" 1", b"1 ", b"1e3", b"\xb2", b"1\0"] {
            assert_eq!(decimal(digits), None, "{}", digits.escape_ascii());
        }
    }

    #[test]
    fn the_largest_number_and_the_next() {
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal(b"18446744073709551616"), None);
        assert_eq!(decimal(&[b'9'; 1000]), None);
    }
}
