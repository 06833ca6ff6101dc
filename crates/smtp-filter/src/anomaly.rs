//! What peers do that RFC 5321 does not foresee.

use common_metrics::label;

use crate::protocol::data::DataOddity;

label! {
    /// Something that RFC 5321 does not foresee. Most of it the session survives; where it does not, the
    /// description says so.
    pub enum Anomaly: "kind" {
        // --- the client's stream, at its start ---
        /// A TLS hello where the server had already spoken in clear text. The session goes opaque.
        TlsHello = "tls_hello",
        /// An HTTP request.
        Http = "http",
        /// A command before the greeting.
        ClientBeforeGreeting = "client_before_greeting",
        // --- command lines ---
        /// A command that ends in LF alone.
        LfOnlyCommand = "lf_only_command",
        /// An empty line in place of a command.
        BlankLine = "blank_line",
        /// A command line beyond `max_command_line`.
        CommandLineTooLong = "command_line_too_long",
        /// An unknown command with octets that are no printable ASCII.
        BinaryCommand = "binary_command",
        /// MAIL while a transaction was open, accepted or not.
        NestedMail = "nested_mail",
        /// RCPT without a MAIL before it.
        RcptBeforeMail = "rcpt_before_mail",
        /// More commands without a reply than `max_pending_commands`. The session goes opaque.
        TooManyPending = "too_many_pending",
        /// ATRN or TURN was accepted: the roles swap. The session goes opaque.
        RoleSwap = "role_swap",
        // --- what only the next reply can tell ---
        /// Octets between STARTTLS and the reply that accepted it (CVE-2011-0411).
        SmuggledBehindStarttls = "smuggled_behind_starttls",
        /// More octets behind DATA than `max_undecided_octets` before its reply came. They are taken for the
        /// mail; should DATA be refused after all, the session goes opaque.
        MailBeforeReply = "mail_before_reply",
        /// More octets behind AUTH or STARTTLS than `max_undecided_octets` before the reply came. The session
        /// goes opaque.
        UndecidedTooLong = "undecided_too_long",
        /// 354 to an unknown command: a payload of unknown length follows. The session goes opaque.
        UnknownPayload = "unknown_payload",
        // --- the mail itself ---
        /// A dot on a line of its own whose line ends lack a CR: the end of the mail to some servers, and not
        /// to others (CVE-2023-51764).
        BareLfEndOfData = "bare_lf_end_of_data",
        /// A dot on a line of its own whose line ends lack the LF.
        BareCrEndOfData = "bare_cr_end_of_data",
        /// An LF without CR in a mail.
        BareLf = "bare_lf",
        /// A CR without LF in a mail.
        BareCr = "bare_cr",
        /// Two CRs and an LF in a mail.
        CrCrLf = "cr_cr_lf",
        /// A NUL in a mail.
        Nul = "nul",
        /// A reply to a mail, or to a chunk of it, that had not passed whole.
        EarlyReply = "early_reply",
        /// BDAT with a size that is none.
        BdatInvalid = "bdat_invalid",
        /// The connection ended in the middle of a mail.
        LeftInData = "left_in_data",
        // --- replies ---
        /// A first reply other than 220.
        GreetingNotReady = "greeting_not_220",
        /// A first reply that can be no greeting: the conversation had begun before.
        JoinedMidStream = "joined_mid_stream",
        /// 421 with nothing to answer.
        UnsolicitedClosing = "unsolicited_421",
        /// Any other reply with nothing to answer.
        UnmatchedReply = "unmatched_reply",
        /// A reply of a class that the request cannot have, such as 2xx to DATA.
        UnexpectedReply = "unexpected_reply",
        /// The code changed within a multi-line reply.
        ReplyCodeChanged = "reply_code_changed",
        /// A line without a code.
        ReplyWithoutCode = "reply_without_code",
        /// A reply that is a code and nothing else.
        ReplyWithoutText = "reply_without_text",
        /// A reply line beyond `max_reply_line`.
        ReplyLineTooLong = "reply_line_too_long",
        /// A reply beyond `max_reply_octets`. The session goes opaque.
        ReplyTooLong = "reply_too_long",
    }
}

impl From<DataOddity> for Anomaly {
    fn from(oddity: DataOddity) -> Self {
        match oddity {
            DataOddity::BareLfEndOfData => Self::BareLfEndOfData,
            DataOddity::BareCrEndOfData => Self::BareCrEndOfData,
            DataOddity::BareLf => Self::BareLf,
            DataOddity::BareCr => Self::BareCr,
            DataOddity::CrCrLf => Self::CrCrLf,
            DataOddity::Nul => Self::Nul,
        }
    }
}
