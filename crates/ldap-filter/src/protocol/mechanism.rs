//! SASL mechanisms (RFC 4422, 8.1).

use common_metrics::{Label, label};

label! {
    /// A SASL mechanism.
    pub enum Mechanism: "mechanism" {
        /// RFC 4752: Kerberos.
        Gssapi = "GSSAPI",
        /// MS-ADTS: SPNEGO, with Kerberos or NTLM inside.
        GssSpnego = "GSS-SPNEGO",
        /// RFC 2831.
        DigestMd5 = "DIGEST-MD5",
        /// RFC 2195.
        CramMd5 = "CRAM-MD5",
        /// RFC 4616.
        Plain = "PLAIN",
        /// draft-murchison-sasl-login.
        Login = "LOGIN",
        /// RFC 4422, appendix A.
        External = "EXTERNAL",
        /// RFC 4505.
        Anonymous = "ANONYMOUS",
        /// RFC 5802.
        ScramSha1 = "SCRAM-SHA-1",
        /// RFC 5802, with channel binding.
        ScramSha1Plus = "SCRAM-SHA-1-PLUS",
        /// RFC 7677.
        ScramSha256 = "SCRAM-SHA-256",
        /// RFC 7677, with channel binding.
        ScramSha256Plus = "SCRAM-SHA-256-PLUS",
        /// draft-melnikov-scram-sha-512.
        ScramSha512 = "SCRAM-SHA-512",
        /// draft-melnikov-scram-sha-512, with channel binding.
        ScramSha512Plus = "SCRAM-SHA-512-PLUS",
        /// NTLM, as Cyrus SASL offers it.
        Ntlm = "NTLM",
        /// RFC 7628.
        Oauthbearer = "OAUTHBEARER",
        /// RFC 2444.
        Otp = "OTP",
        /// draft-burdis-cat-srp-sasl.
        Srp = "SRP",
        /// Any other.
        Other = "other",
    }
}

impl Mechanism {
    /// The mechanism with this name, in any case: RFC 4422, 3.1 has capitals only, and servers do not insist.
    pub fn from_octets(octets: &[u8]) -> Self {
        Self::ALL
            .iter()
            .copied()
            .find(|mechanism| mechanism.as_str().as_bytes().eq_ignore_ascii_case(octets))
            .unwrap_or(Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_case() {
        assert_eq!(Mechanism::from_octets(b"GSS-SPNEGO"), Mechanism::GssSpnego);
        assert_eq!(Mechanism::from_octets(b"gssapi"), Mechanism::Gssapi);
        assert_eq!(Mechanism::from_octets(b"SCRAM-SHA-256"), Mechanism::ScramSha256);
        assert_eq!(Mechanism::from_octets(b"SCRAM-SHA-256-PLUS"), Mechanism::ScramSha256Plus);
    }

    #[test]
    fn what_is_not_known_is_other() {
        for name in [&b""[..], b"GSSAPI ", b"other", b"X-MINE", b"\xff"] {
            assert_eq!(Mechanism::from_octets(name), Mechanism::Other, "{name:?}");
        }
    }
}
