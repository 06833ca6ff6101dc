//! Operations: what a client asks for, and what an answer answers (RFC 4511, 4.2 to 4.14).

use common_metrics::label;

label! {
    /// What a client asks for.
    pub enum Operation: "operation" {
        /// RFC 4511, 4.2, and the Sicily forms of MS-ADTS, 5.1.1.1.3.
        Bind = "bind",
        /// RFC 4511, 4.3. Has no answer.
        Unbind = "unbind",
        /// RFC 4511, 4.5.
        Search = "search",
        /// RFC 4511, 4.6.
        Modify = "modify",
        /// RFC 4511, 4.7.
        Add = "add",
        /// RFC 4511, 4.8.
        Delete = "delete",
        /// RFC 4511, 4.9.
        ModifyDn = "modify_dn",
        /// RFC 4511, 4.10.
        Compare = "compare",
        /// RFC 4511, 4.11. Has no answer.
        Abandon = "abandon",
        /// RFC 4511, 4.12.
        Extended = "extended",
        /// An operation that RFC 4511 does not know.
        Other = "other",
    }
}

label! {
    /// An operation that is answered.
    pub enum Answered: "operation" {
        /// Bind.
        Bind = "bind",
        /// Search.
        Search = "search",
        /// Modify.
        Modify = "modify",
        /// Add.
        Add = "add",
        /// Delete.
        Delete = "delete",
        /// Modify DN.
        ModifyDn = "modify_dn",
        /// Compare.
        Compare = "compare",
        /// Extended.
        Extended = "extended",
    }
}

impl Operation {
    /// The same as an operation that is answered; `None` for unbind, abandon and what is not known.
    pub const fn answered(self) -> Option<Answered> {
        Some(match self {
            Self::Bind => Answered::Bind,
            Self::Search => Answered::Search,
            Self::Modify => Answered::Modify,
            Self::Add => Answered::Add,
            Self::Delete => Answered::Delete,
            Self::ModifyDn => Answered::ModifyDn,
            Self::Compare => Answered::Compare,
            Self::Extended => Answered::Extended,
            Self::Unbind | Self::Abandon | Self::Other => return None,
        })
    }
}

impl Answered {
    /// The same as an operation.
    pub const fn operation(self) -> Operation {
        match self {
            Self::Bind => Operation::Bind,
            Self::Search => Operation::Search,
            Self::Modify => Operation::Modify,
            Self::Add => Operation::Add,
            Self::Delete => Operation::Delete,
            Self::ModifyDn => Operation::ModifyDn,
            Self::Compare => Operation::Compare,
            Self::Extended => Operation::Extended,
        }
    }
}
