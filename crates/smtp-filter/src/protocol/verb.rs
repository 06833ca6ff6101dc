//! Command verbs.

use common_metrics::{Label, label};

label! {
    /// The first word of a command line.
    pub enum Verb: "verb" {
        /// RFC 5321, 4.1.1.1.
        Helo = "HELO",
        /// RFC 5321, 4.1.1.1.
        Ehlo = "EHLO",
        /// LMTP's greeting: RFC 2033, 4.1.
        Lhlo = "LHLO",
        /// RFC 5321, 4.1.1.2.
        Mail = "MAIL",
        /// RFC 5321, 4.1.1.3.
        Rcpt = "RCPT",
        /// RFC 5321, 4.1.1.4.
        Data = "DATA",
        /// A chunk of mail, counted in octets: RFC 3030, 2.
        Bdat = "BDAT",
        /// A chunk of mail that the server fetches from a URL: RFC 4468.
        Burl = "BURL",
        /// RFC 5321, 4.1.1.5.
        Rset = "RSET",
        /// RFC 5321, 4.1.1.6.
        Vrfy = "VRFY",
        /// RFC 5321, 4.1.1.7.
        Expn = "EXPN",
        /// RFC 5321, 4.1.1.8.
        Help = "HELP",
        /// RFC 5321, 4.1.1.9.
        Noop = "NOOP",
        /// RFC 5321, 4.1.1.10.
        Quit = "QUIT",
        /// RFC 4954, 4.
        Auth = "AUTH",
        /// Exchange's own AUTH, between its servers.
        XExps = "X-EXPS",
        /// RFC 3207, 4.
        Starttls = "STARTTLS",
        /// Exchange's own STARTTLS, between its servers.
        XAnonymoustls = "X-ANONYMOUSTLS",
        /// Asks the server to start on its queue: RFC 1985.
        Etrn = "ETRN",
        /// Turns the roles round, authenticated: RFC 2645.
        Atrn = "ATRN",
        /// Turns the roles round: RFC 821, 3.8; obsolete since RFC 5321, F.1.
        Turn = "TURN",
        /// Postfix: whom the server shall take the client for. Resets the session when accepted.
        Xclient = "XCLIENT",
        /// Postfix: what the server shall log about the mail's origin.
        Xforward = "XFORWARD",
        /// Anything else.
        Other = "other",
    }
}

impl Verb {
    /// The verb that these octets name.
    ///
    /// Case does not matter (RFC 5321, 2.4). Abbreviations are no verbs.
    pub fn from_octets(octets: &[u8]) -> Self {
        Self::ALL
            .iter()
            .copied()
            .find(|verb| verb.as_str().as_bytes().eq_ignore_ascii_case(octets))
            .unwrap_or(Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_found_in_any_case() {
        for verb in Verb::ALL {
            assert_eq!(Verb::from_octets(verb.as_str().as_bytes()), *verb);
            assert_eq!(Verb::from_octets(verb.as_str().to_lowercase().as_bytes()), *verb);
        }
        assert_eq!(Verb::from_octets(b"rCpT"), Verb::Rcpt);
    }

    #[test]
    fn nothing_else_is_a_verb() {
        for octets in [&b""[..], b"MAI", b"MAILS", b"DATA\r", b"MAIL FROM", b"GET", b"\xcd\xc1", b"EHLO\0"] {
            assert_eq!(Verb::from_octets(octets), Verb::Other, "{octets:?}");
        }
    }
}
