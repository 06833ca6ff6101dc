//! Reply codes.

use std::fmt;

use common_metrics::label;

use super::decimal::decimal;

/// A reply code that SMTP's grammar allows: 100 to 599.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyCode(
    /// Invariant: 100 to 599.
    u16,
);

impl ReplyCode {
    /// The code with this number; `None` outside 100 to 599.
    pub const fn new(number: u16) -> Option<Self> {
        if matches!(number, 100..=599) { Some(Self(number)) } else { None }
    }

    // RFC 5321, 4.2:
    //     Reply-code = %x32-35 %x30-35 %x30-39
    // Codes whose second digit is higher are seen (571), and so are informational ones.
    /// The code that these three octets write.
    pub fn from_digits(digits: [u8; 3]) -> Option<Self> {
        let number = decimal(&digits).and_then(|number| u16::try_from(number).ok())?;
        Self::new(number)
    }

    /// The number, 100 to 599.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// What the first digit says.
    pub const fn class(self) -> ReplyClass {
        match self.0 {
            200..=299 => ReplyClass::Completed,
            300..=399 => ReplyClass::Intermediate,
            400..=499 => ReplyClass::Transient,
            500..=599 => ReplyClass::Permanent,
            _ => ReplyClass::Invalid,
        }
    }
}

impl fmt::Debug for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

label! {
    /// What the first digit of a reply code says: RFC 5321, 4.2.1.
    pub enum ReplyClass: "class" {
        /// Done.
        Completed = "2xx",
        /// Done so far; the server waits for more of the command.
        Intermediate = "3xx",
        /// Not now: the same command may succeed later.
        Transient = "4xx",
        /// Never.
        Permanent = "5xx",
        /// No code, or one that SMTP has no class for.
        Invalid = "invalid",
    }
}

impl ReplyClass {
    /// The class of a reply, which may have come without a code.
    pub fn of(code: Option<ReplyCode>) -> Self {
        code.map_or(Self::Invalid, ReplyCode::class)
    }
}

/// Declares the known codes: for each a constant, a label, and the way from the one to the other.
macro_rules! known_codes {
    ($($(#[doc = $help:literal])* $constant:ident $label:ident = $number:literal $value:literal;)+) => {
        impl ReplyCode {
            $($(#[doc = $help])* pub const $constant: Self = Self($number);)+

            /// The label value that counts this code.
            pub const fn label(self) -> CodeLabel {
                match (self.0, self.class()) {
                    $(($number, _) => CodeLabel::$label,)+
                    (_, ReplyClass::Completed) => CodeLabel::OtherCompleted,
                    (_, ReplyClass::Intermediate) => CodeLabel::OtherIntermediate,
                    (_, ReplyClass::Transient) => CodeLabel::OtherTransient,
                    (_, ReplyClass::Permanent) => CodeLabel::OtherPermanent,
                    (_, ReplyClass::Invalid) => CodeLabel::Invalid,
                }
            }
        }

        label! {
            /// A reply code as a label: the codes of RFC 5321, of its extensions, and a few others that are
            /// seen; the rest by class.
            pub enum CodeLabel: "code" {
                $($(#[doc = $help])* $label = $value,)+
                /// Any other 2xx.
                OtherCompleted = "other_2xx",
                /// Any other 3xx.
                OtherIntermediate = "other_3xx",
                /// Any other 4xx.
                OtherTransient = "other_4xx",
                /// Any other 5xx.
                OtherPermanent = "other_5xx",
                /// No code, or one below 200.
                Invalid = "invalid",
            }
        }
    };
}

known_codes! {
    /// System status: RFC 5321, 4.2.3.
    SYSTEM_STATUS C211 = 211 "211";
    /// Help: RFC 5321, 4.2.3.
    HELP C214 = 214 "214";
    /// Ready, as a greeting or to start TLS: RFC 5321, 4.2.3; RFC 3207, 4.
    READY C220 = 220 "220";
    /// Closing: RFC 5321, 4.2.3.
    CLOSING C221 = 221 "221";
    /// Not in any RFC, but seen.
    UNLISTED_225 C225 = 225 "225";
    /// Authenticated: RFC 4954, 6.
    AUTHENTICATED C235 = 235 "235";
    /// Completed: RFC 5321, 4.2.3.
    COMPLETED C250 = 250 "250";
    /// Not local, will forward: RFC 5321, 4.2.3.
    WILL_FORWARD C251 = 251 "251";
    /// Cannot verify, will try: RFC 5321, 4.2.3.
    CANNOT_VERIFY C252 = 252 "252";
    /// Mails are waiting: RFC 1985.
    PENDING_MESSAGES C253 = 253 "253";
    /// A challenge: RFC 4954, 4.
    CHALLENGE C334 = 334 "334";
    /// As 354, or one reply per recipient follows: draft-hall-prdr.
    REPLIES_PER_RECIPIENT C353 = 353 "353";
    /// Start mail input: RFC 5321, 4.2.3.
    START_MAIL_INPUT C354 = 354 "354";
    /// Not available, closing: RFC 5321, 4.2.3.
    NOT_AVAILABLE C421 = 421 "421";
    /// Mailbox full, at some servers.
    UNLISTED_422 C422 = 422 "422";
    /// Out of memory or disk, at some servers.
    UNLISTED_431 C431 = 431 "431";
    /// The mechanism needs a change of password: RFC 4954, 6.
    PASSWORD_TRANSITION C432 = 432 "432";
    /// Mailbox unavailable now: RFC 5321, 4.2.3.
    MAILBOX_BUSY C450 = 450 "450";
    /// Error in processing: RFC 5321, 4.2.3.
    LOCAL_ERROR C451 = 451 "451";
    /// Not enough storage, or too many recipients: RFC 5321, 4.2.3 and 4.5.3.1.10.
    INSUFFICIENT_STORAGE C452 = 452 "452";
    /// No mails for you: RFC 2645.
    NO_MAIL C453 = 453 "453";
    /// TLS or authentication not available now: RFC 3207, 4; RFC 4954, 6.
    TEMPORARY_AUTHENTICATION_FAILURE C454 = 454 "454";
    /// Cannot do with these parameters: RFC 5321, 4.2.3.
    PARAMETERS_NOT_ACCOMMODATED C455 = 455 "455";
    /// Cannot queue for this node: RFC 1985.
    CANNOT_QUEUE C458 = 458 "458";
    /// Node not allowed: RFC 1985.
    NODE_NOT_ALLOWED C459 = 459 "459";
    /// Temporary refusal by a filter, at some servers.
    UNLISTED_471 C471 = 471 "471";
    /// Not in any RFC, but seen.
    UNLISTED_472 C472 = 472 "472";
    /// Command not recognised: RFC 5321, 4.2.3.
    UNRECOGNIZED C500 = 500 "500";
    /// Syntax error in an argument: RFC 5321, 4.2.3.
    ARGUMENT_SYNTAX C501 = 501 "501";
    /// Command not implemented: RFC 5321, 4.2.3.
    NOT_IMPLEMENTED C502 = 502 "502";
    /// Bad sequence of commands: RFC 5321, 4.2.3.
    BAD_SEQUENCE C503 = 503 "503";
    /// Parameter not implemented: RFC 5321, 4.2.3.
    PARAMETER_NOT_IMPLEMENTED C504 = 504 "504";
    /// This host takes no mail: RFC 7504, 3. Some servers also mean that they close.
    TAKES_NO_MAIL C521 = 521 "521";
    /// The recipient must be encrypted to, at some servers.
    UNLISTED_523 C523 = 523 "523";
    /// Authentication or STARTTLS required first: RFC 4954, 6; RFC 3207, 4.
    AUTHENTICATION_REQUIRED C530 = 530 "530";
    /// The mechanism is too weak: RFC 4954, 6.
    MECHANISM_TOO_WEAK C534 = 534 "534";
    /// The credentials are wrong: RFC 4954, 6.
    CREDENTIALS_INVALID C535 = 535 "535";
    /// The mechanism needs encryption: RFC 4954, 6.
    ENCRYPTION_REQUIRED C538 = 538 "538";
    /// Mailbox unavailable: RFC 5321, 4.2.3.
    MAILBOX_UNAVAILABLE C550 = 550 "550";
    /// Not local: RFC 5321, 4.2.3.
    NOT_LOCAL C551 = 551 "551";
    /// Too much for the recipient: RFC 5321, 4.2.3.
    EXCEEDED_STORAGE C552 = 552 "552";
    /// Mailbox name not allowed: RFC 5321, 4.2.3.
    NAME_NOT_ALLOWED C553 = 553 "553";
    /// Failed, or no SMTP service here: RFC 5321, 4.2.3.
    TRANSACTION_FAILED C554 = 554 "554";
    /// Parameters not recognised: RFC 5321, 4.2.3.
    PARAMETERS_NOT_RECOGNIZED C555 = 555 "555";
    /// The recipient's domain takes no mail: RFC 7504, 4.
    DOMAIN_TAKES_NO_MAIL C556 = 556 "556";
    /// Not in any RFC, but seen.
    UNLISTED_571 C571 = 571 "571";
}

impl CodeLabel {
    /// The label of a reply, which may have come without a code.
    pub fn of(code: Option<ReplyCode>) -> Self {
        code.map_or(Self::Invalid, ReplyCode::label)
    }
}

#[cfg(test)]
mod tests {
    use common_metrics::Label as _;

    use super::*;

    #[test]
    fn codes_are_100_to_599() {
        assert_eq!(ReplyCode::new(99), None);
        assert_eq!(ReplyCode::new(100).map(ReplyCode::get), Some(100));
        assert_eq!(ReplyCode::new(599).map(ReplyCode::get), Some(599));
        assert_eq!(ReplyCode::new(600), None);
        assert_eq!(ReplyCode::from_digits(*b"250"), Some(ReplyCode::COMPLETED));
        assert_eq!(format!("{0} {0:?}", ReplyCode::COMPLETED), "250 250");
        for digits in [*b"099", *b"600", *b"999", *b"25 ", *b"+50", *b"2\xb20"] {
            assert_eq!(ReplyCode::from_digits(digits), None, "{digits:?}");
        }
    }

    #[test]
    fn every_code_is_labelled_with_itself_or_its_class() {
        for number in 100..=599_u16 {
            let code = ReplyCode::new(number).expect("valid");
            let label = code.label().as_str();
            let others = ["other_2xx", "other_3xx", "other_4xx", "other_5xx", "invalid"];
            match others.iter().position(|other| *other == label) {
                Some(4) => assert!(number < 200),
                Some(class) => assert_eq!(usize::from(number / 100), class + 2),
                None => assert_eq!(label, number.to_string()),
            }
            let class = code.class().as_str();
            assert!(class == "invalid" && number < 200 || class == format!("{}xx", number / 100));
        }
    }

    #[test]
    fn the_list_is_closed() {
        assert_eq!(CodeLabel::ALL.len(), 46 + 5);
        assert_eq!(CodeLabel::of(None), CodeLabel::Invalid);
        assert_eq!(CodeLabel::of(ReplyCode::new(199)), CodeLabel::Invalid);
        assert_eq!(CodeLabel::of(ReplyCode::new(299)), CodeLabel::OtherCompleted);
        assert_eq!(ReplyClass::of(None), ReplyClass::Invalid);
    }
}
