//! Why a mail or a recipient was refused.

use common_metrics::label;

use super::code::{ReplyClass, ReplyCode};
use super::enhanced::EnhancedCode;

label! {
    /// Why a server refused, as far as its codes tell.
    pub enum RefusalReason: "reason" {
        /// Come back later: 450 or 451 with 4.7.x.
        Greylist = "greylist",
        /// The recipient's mailbox is full: x.2.2.
        MailboxFull = "mailbox_full",
        /// The server's storage is full: x.3.1.
        Storage = "storage",
        /// Too many recipients in one transaction: x.5.3.
        TooManyRecipients = "too_many_recipients",
        /// The mail is too large: x.3.4, or 552 with nothing more specific.
        Size = "size",
        /// Authentication or TLS first: 530.
        AuthRequired = "auth_required",
        /// Security or policy: 5.7.x.
        Policy = "policy",
        /// No such mailbox: 5.1.1.
        UnknownUser = "unknown_user",
        /// The server did not understand the command, or not in this place: 500 to 504, 555, 5.5.x.
        Syntax = "syntax",
        /// Anything else.
        Other = "other",
    }
}

impl RefusalReason {
    /// The reason of a 4xx or 5xx reply.
    ///
    /// Where the enhanced code is specific, it decides; 550 alone says nothing, for servers use it for
    /// unknown users and policy alike, and 452 alone may mean storage or recipients.
    pub fn of(code: ReplyCode, enhanced: Option<EnhancedCode>) -> Self {
        if !matches!(code.class(), ReplyClass::Transient | ReplyClass::Permanent) {
            return Self::Other;
        }
        // RFC 4954, 6 and RFC 3207, 4: 530 has this one meaning, whatever stands behind it (5.7.0).
        if code == ReplyCode::AUTHENTICATION_REQUIRED {
            return Self::AuthRequired;
        }
        enhanced.and_then(|enhanced| Self::of_enhanced(code, enhanced)).unwrap_or_else(|| Self::of_code(code))
    }

    // RFC 3463, 3: the detail of each subject.
    fn of_enhanced(code: ReplyCode, enhanced: EnhancedCode) -> Option<Self> {
        let EnhancedCode { class, subject, detail } = enhanced;
        match (class, subject, detail) {
            (4 | 5, 2, 2) => Some(Self::MailboxFull),
            (4 | 5, 3, 1) => Some(Self::Storage),
            (4 | 5, 3, 4) => Some(Self::Size),
            (4 | 5, 5, 3) => Some(Self::TooManyRecipients),
            (4, 7, _) if matches!(code, ReplyCode::MAILBOX_BUSY | ReplyCode::LOCAL_ERROR) => {
                Some(Self::Greylist)
            }
            (5, 1, 1) => Some(Self::UnknownUser),
            (5, 5, _) => Some(Self::Syntax),
            (5, 7, _) => Some(Self::Policy),
            _ => None,
        }
    }

    // RFC 5321, 4.2.3.
    fn of_code(code: ReplyCode) -> Self {
        match code {
            ReplyCode::EXCEEDED_STORAGE => Self::Size,
            ReplyCode::UNRECOGNIZED
            | ReplyCode::ARGUMENT_SYNTAX
            | ReplyCode::NOT_IMPLEMENTED
            | ReplyCode::BAD_SEQUENCE
            | ReplyCode::PARAMETER_NOT_IMPLEMENTED
            | ReplyCode::PARAMETERS_NOT_RECOGNIZED => Self::Syntax,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reply::reply_line;
    use super::*;

    fn reason(reply: &str) -> RefusalReason {
        let line = reply_line(reply.as_bytes());
        RefusalReason::of(line.code.expect("a code"), line.enhanced)
    }

    #[test]
    fn codes_as_real_servers_send_them() {
        use RefusalReason::*;
        for (reply, expected) in [
            ("450 4.7.1 <a@b>: Recipient address rejected: Greylisted", Greylist),
            ("451 4.7.1 Greylisting in action", Greylist),
            ("421 4.7.28 unusual rate", Other),
            ("452 4.2.2 The email account is over quota", MailboxFull),
            ("552 5.2.2 Over quota", MailboxFull),
            ("452 4.3.1 Insufficient system storage", Storage),
            ("452 4.5.3 Error: too many recipients", TooManyRecipients),
            ("452 try later", Other),
            ("552 5.3.4 Message size exceeds fixed limit", Size),
            ("554 5.3.4 Message too big", Size),
            ("552 too large", Size),
            ("552 5.7.0 blocked content", Policy),
            ("530 5.7.0 Must issue a STARTTLS command first", AuthRequired),
            ("530 Authentication required", AuthRequired),
            ("554 5.7.1 Service unavailable; blocked", Policy),
            ("550 5.1.1 <a@b>: User unknown", UnknownUser),
            ("550 No such user", Other),
            ("550 5.1.2 Bad destination", Other),
            ("501 5.1.7 Bad sender address syntax", Syntax),
            ("503 5.5.1 Error: need MAIL command", Syntax),
            ("554 5.5.1 Error: no valid recipients", Syntax),
            ("555 5.5.4 Unsupported option", Syntax),
            ("250 2.1.5 Ok", Other),
        ] {
            assert_eq!(reason(reply), expected, "{reply}");
        }
    }
}
