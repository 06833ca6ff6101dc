//! The argument of AUTH.

use common_metrics::{Label, label};

use super::whitespace::words;

label! {
    /// A SASL mechanism.
    pub enum Mechanism: "mechanism" {
        /// RFC 4616.
        Plain = "PLAIN",
        /// Two prompts, user name and password; never standardised, still everywhere.
        Login = "LOGIN",
        /// RFC 2195.
        CramMd5 = "CRAM-MD5",
        /// RFC 2831; historic since RFC 6331.
        DigestMd5 = "DIGEST-MD5",
        /// RFC 5802.
        ScramSha1 = "SCRAM-SHA-1",
        /// RFC 5802, bound to the TLS channel.
        ScramSha1Plus = "SCRAM-SHA-1-PLUS",
        /// RFC 7677.
        ScramSha256 = "SCRAM-SHA-256",
        /// RFC 7677, bound to the TLS channel.
        ScramSha256Plus = "SCRAM-SHA-256-PLUS",
        /// SCRAM with SHA-512.
        ScramSha512 = "SCRAM-SHA-512",
        /// SCRAM with SHA-512, bound to the TLS channel.
        ScramSha512Plus = "SCRAM-SHA-512-PLUS",
        /// MS-SMTPNTLM.
        Ntlm = "NTLM",
        /// RFC 4752.
        Gssapi = "GSSAPI",
        /// SPNEGO: RFC 4178.
        GssSpnego = "GSS-SPNEGO",
        /// OAuth 2 as Google and Microsoft do it.
        Xoauth2 = "XOAUTH2",
        /// OAuth 2: RFC 7628.
        Oauthbearer = "OAUTHBEARER",
        /// What the lower layer knows, mostly a client certificate: RFC 4422, A.
        External = "EXTERNAL",
        /// RFC 4505.
        Anonymous = "ANONYMOUS",
        /// Between Exchange servers, behind X-EXPS.
        Exchangeauth = "EXCHANGEAUTH",
        /// Anything else, or none named.
        Other = "other",
    }
}

impl Mechanism {
    /// The mechanism with this name, in any case.
    pub fn from_octets(octets: &[u8]) -> Self {
        Self::ALL
            .iter()
            .copied()
            .find(|mechanism| mechanism.as_str().as_bytes().eq_ignore_ascii_case(octets))
            .unwrap_or(Self::Other)
    }
}

/// What AUTH (or X-EXPS) says. The credentials that may stand there are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthArgument {
    /// The mechanism that the client chose.
    pub mechanism: Mechanism,
    /// Whether the client's first message stands on the command line.
    pub initial_response: bool,
}

// RFC 4954, 4:
//     AUTH mechanism [initial-response] CRLF
// where an initial response of "=" is one of no octets, which is not the same as none.
/// Reads the argument of AUTH or X-EXPS.
pub fn auth(argument: &[u8]) -> AuthArgument {
    let mut words = words(argument);
    AuthArgument {
        mechanism: words.next().map_or(Mechanism::Other, Mechanism::from_octets),
        initial_response: words.next().is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(argument: &[u8]) -> (Mechanism, bool) {
        let AuthArgument { mechanism, initial_response } = auth(argument);
        (mechanism, initial_response)
    }

    #[test]
    fn mechanism_and_initial_response() {
        assert_eq!(read(b"PLAIN AHRlc3QAdGVzdA=="), (Mechanism::Plain, true));
        assert_eq!(read(b"login"), (Mechanism::Login, false));
        assert_eq!(read(b"EXTERNAL ="), (Mechanism::External, true));
        assert_eq!(read(b"scram-sha-256-plus  n,,"), (Mechanism::ScramSha256Plus, true));
        assert_eq!(read(b"SCRAM-SHA-256"), (Mechanism::ScramSha256, false));
    }

    #[test]
    fn what_is_not_known_is_other() {
        assert_eq!(read(b""), (Mechanism::Other, false));
        assert_eq!(read(b"PLAINS x"), (Mechanism::Other, true));
        assert_eq!(read(b"other"), (Mechanism::Other, false));
    }
}
