//! Result codes (RFC 4511, 4.1.9 and appendix A, and what others have added).

use common_metrics::label;

/// A result code as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResultCode(pub u32);

impl ResultCode {
    /// The operation is done.
    pub const SUCCESS: Self = Self(0);
    /// RFC 4511, 4.2.2: the bind needs another round.
    pub const SASL_BIND_IN_PROGRESS: Self = Self(14);

    /// Its name.
    pub const fn label(self) -> ResultLabel {
        match self.0 {
            0 => ResultLabel::Success,
            1 => ResultLabel::OperationsError,
            2 => ResultLabel::ProtocolError,
            3 => ResultLabel::TimeLimitExceeded,
            4 => ResultLabel::SizeLimitExceeded,
            5 => ResultLabel::CompareFalse,
            6 => ResultLabel::CompareTrue,
            7 => ResultLabel::AuthMethodNotSupported,
            8 => ResultLabel::StrongerAuthRequired,
            10 => ResultLabel::Referral,
            11 => ResultLabel::AdminLimitExceeded,
            12 => ResultLabel::UnavailableCriticalExtension,
            13 => ResultLabel::ConfidentialityRequired,
            14 => ResultLabel::SaslBindInProgress,
            16 => ResultLabel::NoSuchAttribute,
            17 => ResultLabel::UndefinedAttributeType,
            18 => ResultLabel::InappropriateMatching,
            19 => ResultLabel::ConstraintViolation,
            20 => ResultLabel::AttributeOrValueExists,
            21 => ResultLabel::InvalidAttributeSyntax,
            32 => ResultLabel::NoSuchObject,
            33 => ResultLabel::AliasProblem,
            34 => ResultLabel::InvalidDnSyntax,
            36 => ResultLabel::AliasDereferencingProblem,
            48 => ResultLabel::InappropriateAuthentication,
            49 => ResultLabel::InvalidCredentials,
            50 => ResultLabel::InsufficientAccessRights,
            51 => ResultLabel::Busy,
            52 => ResultLabel::Unavailable,
            53 => ResultLabel::UnwillingToPerform,
            54 => ResultLabel::LoopDetect,
            60 => ResultLabel::SortControlMissing,
            61 => ResultLabel::OffsetRangeError,
            64 => ResultLabel::NamingViolation,
            65 => ResultLabel::ObjectClassViolation,
            66 => ResultLabel::NotAllowedOnNonLeaf,
            67 => ResultLabel::NotAllowedOnRdn,
            68 => ResultLabel::EntryAlreadyExists,
            69 => ResultLabel::ObjectClassModsProhibited,
            70 => ResultLabel::ResultsTooLarge,
            71 => ResultLabel::AffectsMultipleDsas,
            76 => ResultLabel::VirtualListViewError,
            80 => ResultLabel::Other80,
            118 => ResultLabel::Canceled,
            119 => ResultLabel::NoSuchOperation,
            120 => ResultLabel::TooLate,
            121 => ResultLabel::CannotCancel,
            122 => ResultLabel::AssertionFailed,
            123 => ResultLabel::AuthorizationDenied,
            4096 => ResultLabel::SyncRefreshRequired,
            _ => ResultLabel::Other,
        }
    }

    /// What it means for the client.
    pub const fn outcome(self) -> ResultOutcome {
        match self.0 {
            0 | 5 | 6 => ResultOutcome::Success,
            10 => ResultOutcome::Referral,
            14 => ResultOutcome::InProgress,
            _ => ResultOutcome::Error,
        }
    }
}

label! {
    /// What a result means for the client.
    pub enum ResultOutcome: "outcome" {
        /// Done: `success`, and `compareTrue` and `compareFalse`, which are answers.
        Success = "success",
        /// `saslBindInProgress`: no failure, another round follows.
        InProgress = "in_progress",
        /// `referral`: another server is to be asked.
        Referral = "referral",
        /// Any other result.
        Error = "error",
        /// The code could not be read.
        Unknown = "unknown",
    }
}

label! {
    /// A result code by its name in RFC 4511, or in what defined it.
    pub enum ResultLabel: "result" {
        /// 0: RFC 4511.
        Success = "success",
        /// 1: RFC 4511.
        OperationsError = "operationsError",
        /// 2: RFC 4511.
        ProtocolError = "protocolError",
        /// 3: RFC 4511.
        TimeLimitExceeded = "timeLimitExceeded",
        /// 4: RFC 4511.
        SizeLimitExceeded = "sizeLimitExceeded",
        /// 5: RFC 4511.
        CompareFalse = "compareFalse",
        /// 6: RFC 4511.
        CompareTrue = "compareTrue",
        /// 7: RFC 4511.
        AuthMethodNotSupported = "authMethodNotSupported",
        /// 8: RFC 4511; strongAuthRequired in RFC 2251.
        StrongerAuthRequired = "strongerAuthRequired",
        /// 10: RFC 4511.
        Referral = "referral",
        /// 11: RFC 4511.
        AdminLimitExceeded = "adminLimitExceeded",
        /// 12: RFC 4511.
        UnavailableCriticalExtension = "unavailableCriticalExtension",
        /// 13: RFC 4511.
        ConfidentialityRequired = "confidentialityRequired",
        /// 14: RFC 4511.
        SaslBindInProgress = "saslBindInProgress",
        /// 16: RFC 4511.
        NoSuchAttribute = "noSuchAttribute",
        /// 17: RFC 4511.
        UndefinedAttributeType = "undefinedAttributeType",
        /// 18: RFC 4511.
        InappropriateMatching = "inappropriateMatching",
        /// 19: RFC 4511.
        ConstraintViolation = "constraintViolation",
        /// 20: RFC 4511.
        AttributeOrValueExists = "attributeOrValueExists",
        /// 21: RFC 4511.
        InvalidAttributeSyntax = "invalidAttributeSyntax",
        /// 32: RFC 4511.
        NoSuchObject = "noSuchObject",
        /// 33: RFC 4511.
        AliasProblem = "aliasProblem",
        /// 34: RFC 4511.
        InvalidDnSyntax = "invalidDNSyntax",
        /// 36: RFC 4511.
        AliasDereferencingProblem = "aliasDereferencingProblem",
        /// 48: RFC 4511.
        InappropriateAuthentication = "inappropriateAuthentication",
        /// 49: RFC 4511.
        InvalidCredentials = "invalidCredentials",
        /// 50: RFC 4511.
        InsufficientAccessRights = "insufficientAccessRights",
        /// 51: RFC 4511.
        Busy = "busy",
        /// 52: RFC 4511.
        Unavailable = "unavailable",
        /// 53: RFC 4511.
        UnwillingToPerform = "unwillingToPerform",
        /// 54: RFC 4511.
        LoopDetect = "loopDetect",
        /// 60: RFC 2891 as Active Directory and others number it.
        SortControlMissing = "sortControlMissing",
        /// 61: draft-ietf-ldapext-ldapv3-vlv.
        OffsetRangeError = "offsetRangeError",
        /// 64: RFC 4511.
        NamingViolation = "namingViolation",
        /// 65: RFC 4511.
        ObjectClassViolation = "objectClassViolation",
        /// 66: RFC 4511.
        NotAllowedOnNonLeaf = "notAllowedOnNonLeaf",
        /// 67: RFC 4511.
        NotAllowedOnRdn = "notAllowedOnRDN",
        /// 68: RFC 4511.
        EntryAlreadyExists = "entryAlreadyExists",
        /// 69: RFC 4511.
        ObjectClassModsProhibited = "objectClassModsProhibited",
        /// 70: MS-ADTS and X.511.
        ResultsTooLarge = "resultsTooLarge",
        /// 71: RFC 4511.
        AffectsMultipleDsas = "affectsMultipleDSAs",
        /// 76: draft-ietf-ldapext-ldapv3-vlv.
        VirtualListViewError = "virtualListViewError",
        /// 80: RFC 4511 calls it `other`: an error of another kind.
        Other80 = "other_80",
        /// 118: RFC 3909.
        Canceled = "canceled",
        /// 119: RFC 3909.
        NoSuchOperation = "noSuchOperation",
        /// 120: RFC 3909.
        TooLate = "tooLate",
        /// 121: RFC 3909.
        CannotCancel = "cannotCancel",
        /// 122: RFC 4528.
        AssertionFailed = "assertionFailed",
        /// 123: RFC 4370.
        AuthorizationDenied = "authorizationDenied",
        /// 4096: RFC 4533: e-syncRefreshRequired.
        SyncRefreshRequired = "syncRefreshRequired",
        /// Any other code, or one that could not be read.
        Other = "other",
    }
}

#[cfg(test)]
mod tests {
    use common_metrics::Label;

    use super::*;

    #[test]
    fn names_and_numbers_are_one_to_one() {
        // Every name but `other` belongs to exactly one code.
        for label in ResultLabel::ALL {
            let codes: Vec<_> = (0..=5_000).filter(|code| ResultCode(*code).label() == *label).collect();
            assert!(codes.len() == 1 || *label == ResultLabel::Other, "{}: {codes:?}", label.as_str());
        }
        assert_eq!(ResultCode(u32::MAX).label(), ResultLabel::Other);
    }

    #[test]
    fn names_as_rfc_4511_has_them() {
        for (code, name) in [
            (0, "success"),
            (10, "referral"),
            (14, "saslBindInProgress"),
            (32, "noSuchObject"),
            (49, "invalidCredentials"),
            (80, "other_80"),
            (4096, "syncRefreshRequired"),
            (9, "other"),
            (81, "other"),
        ] {
            assert_eq!(ResultCode(code).label().as_str(), name, "{code}");
        }
    }

    #[test]
    fn what_is_no_error_is_none() {
        for (code, outcome) in [
            (0, ResultOutcome::Success),
            (5, ResultOutcome::Success),
            (6, ResultOutcome::Success),
            (10, ResultOutcome::Referral),
            (14, ResultOutcome::InProgress),
            (4, ResultOutcome::Error),
            (32, ResultOutcome::Error),
            (49, ResultOutcome::Error),
            (4096, ResultOutcome::Error),
        ] {
            assert_eq!(ResultCode(code).outcome(), outcome, "{code}");
        }
    }
}
