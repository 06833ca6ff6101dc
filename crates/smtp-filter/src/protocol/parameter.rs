//! ESMTP parameters of MAIL and RCPT.

use common_metrics::{Label, LabelSet, label};

label! {
    /// The extension that a parameter of MAIL or RCPT belongs to.
    pub enum Parameter: "parameter" {
        /// Declared size of the mail: RFC 1870, 6.
        Size = "SIZE",
        /// Kind of body: RFC 6152, 2 and RFC 3030, 3.
        Body = "BODY",
        /// Addresses and header in UTF-8: RFC 6531, 3.4.
        Smtputf8 = "SMTPUTF8",
        /// Delivery status notifications: `RET`, `ENVID`, `NOTIFY`, `ORCPT`; RFC 3461, 4.
        Dsn = "DSN",
        /// TLS on every hop, or the mail comes back: RFC 8689.
        Requiretls = "REQUIRETLS",
        /// Who submitted the mail: RFC 4954, 5.
        Auth = "AUTH",
        /// One reply per recipient after the end of data: draft-hall-prdr, Exim.
        Prdr = "PRDR",
        /// Priority: RFC 6710.
        MtPriority = "MT-PRIORITY",
        /// Deliver later: `HOLDFOR`, `HOLDUNTIL`; RFC 4865.
        Futurerelease = "FUTURERELEASE",
        /// Deliver by then or give up: `BY`; RFC 2852.
        Deliverby = "DELIVERBY",
        /// Message tracking: RFC 3885.
        Mtrk = "MTRK",
        /// Only if the mailbox has had the same owner since then: RFC 7293.
        Rrvs = "RRVS",
        /// Keywords of solicitation: `SOLICIT`; RFC 3865.
        Solicit = "SOLICIT",
        /// Content conversion: `CONPERM`, `CONNEG`; RFC 4141.
        Conperm = "CONPERM",
        /// Who is responsible for the mail: RFC 4405.
        Submitter = "SUBMITTER",
        /// Resumes a transaction: `TRANSID`; RFC 1845.
        Transid = "TRANSID",
        /// Anything else.
        Other = "other",
    }
}

/// The parameters of one MAIL or RCPT.
pub type ParameterSet = LabelSet<Parameter>;

/// Keywords that do not bear the name of their extension.
const ALIASES: &[(&[u8], Parameter)] = &[
    (b"RET", Parameter::Dsn),
    (b"ENVID", Parameter::Dsn),
    (b"NOTIFY", Parameter::Dsn),
    (b"ORCPT", Parameter::Dsn),
    (b"HOLDFOR", Parameter::Futurerelease),
    (b"HOLDUNTIL", Parameter::Futurerelease),
    (b"BY", Parameter::Deliverby),
    (b"CONNEG", Parameter::Conperm),
];

/// Names of extensions that are not also keywords of a parameter.
const NO_KEYWORDS: &[Parameter] =
    &[Parameter::Dsn, Parameter::Futurerelease, Parameter::Deliverby, Parameter::Other];

impl Parameter {
    /// The parameter with this keyword, in any case (RFC 5321, 2.4).
    pub fn from_keyword(keyword: &[u8]) -> Self {
        let named = Self::ALL.iter().copied().find(|parameter| {
            parameter.as_str().as_bytes().eq_ignore_ascii_case(keyword) && !NO_KEYWORDS.contains(parameter)
        });
        let aliased = || ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(keyword));
        named.or_else(|| aliased().map(|(_, parameter)| *parameter)).unwrap_or(Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_name_their_extension() {
        for (keyword, parameter) in [
            (&b"SIZE"[..], Parameter::Size),
            (b"size", Parameter::Size),
            (b"Ret", Parameter::Dsn),
            (b"ORCPT", Parameter::Dsn),
            (b"HOLDUNTIL", Parameter::Futurerelease),
            (b"BY", Parameter::Deliverby),
            (b"MT-PRIORITY", Parameter::MtPriority),
            (b"CONNEG", Parameter::Conperm),
            (b"XOORG", Parameter::Other),
            (b"", Parameter::Other),
            (b"SIZ", Parameter::Other),
        ] {
            assert_eq!(Parameter::from_keyword(keyword), parameter, "{keyword:?}");
        }
    }

    #[test]
    fn an_extension_is_not_its_own_keyword_unless_it_is() {
        for name in [&b"DSN"[..], b"DELIVERBY", b"FUTURERELEASE", b"other"] {
            assert_eq!(Parameter::from_keyword(name), Parameter::Other);
        }
        assert_eq!(Parameter::from_keyword(b"AUTH"), Parameter::Auth);
    }
}
