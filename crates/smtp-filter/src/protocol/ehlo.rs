//! What a server offers in its reply to EHLO or LHLO.

use common_metrics::{Label, LabelSet, label};

use super::whitespace::is_space;

label! {
    /// An extension that a server offers.
    pub enum Keyword: "keyword" {
        /// RFC 2920.
        Pipelining = "PIPELINING",
        /// RFC 1870.
        Size = "SIZE",
        /// RFC 6152.
        Eightbitmime = "8BITMIME",
        /// RFC 3207.
        Starttls = "STARTTLS",
        /// RFC 4954.
        Auth = "AUTH",
        /// RFC 3461.
        Dsn = "DSN",
        /// RFC 2034.
        Enhancedstatuscodes = "ENHANCEDSTATUSCODES",
        /// RFC 3030, 2.
        Chunking = "CHUNKING",
        /// RFC 3030, 3.
        Binarymime = "BINARYMIME",
        /// RFC 6531.
        Smtputf8 = "SMTPUTF8",
        /// RFC 8689.
        Requiretls = "REQUIRETLS",
        /// draft-hall-prdr, Exim.
        Prdr = "PRDR",
        /// RFC 1985.
        Etrn = "ETRN",
        /// RFC 2645.
        Atrn = "ATRN",
        /// RFC 4468.
        Burl = "BURL",
        /// RFC 2852.
        Deliverby = "DELIVERBY",
        /// RFC 4865.
        Futurerelease = "FUTURERELEASE",
        /// RFC 6710.
        MtPriority = "MT-PRIORITY",
        /// RFC 9422.
        Limits = "LIMITS",
        /// RFC 5321, 3.5.
        Vrfy = "VRFY",
        /// RFC 5321, 3.5.
        Expn = "EXPN",
        /// RFC 5321, 4.1.1.8.
        Help = "HELP",
        /// Postfix.
        Xclient = "XCLIENT",
        /// Postfix.
        Xforward = "XFORWARD",
        /// Exim: commands may come before the greeting.
        PipeConnect = "PIPECONNECT",
        /// Exchange.
        XAnonymoustls = "X-ANONYMOUSTLS",
        /// Exchange.
        XExps = "X-EXPS",
        /// Anything else.
        Other = "other",
    }
}

/// What one server offers.
pub type KeywordSet = LabelSet<Keyword>;

impl Keyword {
    // RFC 5321, 4.1.1.1:
    //     ehlo-ok-rsp = ( "250" SP Domain [ SP ehlo-greet ] CRLF ) /
    //                   ( "250-" Domain [ SP ehlo-greet ] CRLF
    //                     *( "250-" ehlo-line CRLF ) "250" SP ehlo-line CRLF )
    //     ehlo-line   = ehlo-keyword *( SP ehlo-param )
    /// The extension that the text of a reply line offers, in any case.
    ///
    /// The first line of the reply holds the server's name and must not be given here.
    pub fn of_reply_text(text: &[u8]) -> Self {
        // "AUTH=LOGIN" is how servers have offered AUTH to clients that predate RFC 2554.
        let ends = |octet: &u8| is_space(*octet) || *octet == b'=';
        let keyword = text.split(ends).next().unwrap_or_default();
        if PIPE_CONNECT_ALIASES.iter().any(|alias| alias.eq_ignore_ascii_case(keyword)) {
            return Self::PipeConnect;
        }
        Self::ALL
            .iter()
            .copied()
            .find(|known| known.as_str().as_bytes().eq_ignore_ascii_case(keyword))
            .unwrap_or(Self::Other)
    }
}

/// How releases of Exim have spelled the keyword.
const PIPE_CONNECT_ALIASES: &[&[u8]] = &[b"PIPE_CONNECT", b"X_PIPE_CONNECT"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_with_and_without_parameters() {
        for (text, keyword) in [
            (&b"SIZE 10240000"[..], Keyword::Size),
            (b"size", Keyword::Size),
            (b"8BITMIME", Keyword::Eightbitmime),
            (b"AUTH PLAIN LOGIN", Keyword::Auth),
            (b"AUTH=PLAIN LOGIN", Keyword::Auth),
            (b"AUTH", Keyword::Auth),
            (b"PIPE_CONNECT", Keyword::PipeConnect),
            (b"X-EXPS GSSAPI NTLM", Keyword::XExps),
            (b"XSHADOW", Keyword::Other),
            (b"SIZES", Keyword::Other),
            (b"mail.example.org Hello", Keyword::Other),
            (b"other", Keyword::Other),
            (b"", Keyword::Other),
        ] {
            assert_eq!(Keyword::of_reply_text(text), keyword, "{text:?}");
        }
    }

    #[test]
    fn every_keyword_is_found() {
        for keyword in Keyword::ALL {
            assert_eq!(Keyword::of_reply_text(keyword.as_str().as_bytes()), *keyword);
        }
    }
}
