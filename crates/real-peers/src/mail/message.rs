//! A mail to submit.

/// An envelope with its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The envelope's sender; empty for the null sender of RFC 5321 section 4.5.5.
    pub sender: String,
    /// The envelope's recipients.
    pub recipients: Vec<String>,
    /// Header and body, with CRLF line ends, without dot stuffing.
    pub message: Vec<u8>,
}

impl Mail {
    /// A plain message with the header fields that a server would otherwise add. `text` may have several
    /// lines.
    #[must_use]
    pub fn new<'a>(sender: &str, recipients: impl IntoIterator<Item = &'a str>, text: &str) -> Self {
        let recipients: Vec<String> = recipients.into_iter().map(str::to_owned).collect();
        let mut message = format!(
            "From: <{}>\r\nTo: <{}>\r\nSubject: a test\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n\
             Message-ID: <a-test@client.test>\r\n\r\n",
            if sender.is_empty() { "mailer-daemon@client.test" } else { sender },
            recipients.join(">, <"),
        );
        for line in text.lines() {
            message.push_str(line);
            message.push_str("\r\n");
        }
        Self { sender: sender.to_owned(), recipients, message: message.into_bytes() }
    }
}
