//! What a planned exchange comes to, in the words of the shared captures' `expected.json`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A planned exchange: requests with the codes that they are to be answered with, in order.
///
/// `(greeting)`, `(eod)` and `(auth)` stand for the requests that are no commands: the connection, the end of the
/// content, and a client's line in AUTH. `BDAT LAST` is the last chunk. `+` stands for one more reply to the
/// same request, as LMTP and PRDR have them.
pub(crate) struct Expectation {
    /// Requests, each with its replies' codes; at least one.
    exchange: Vec<(String, Vec<String>)>,
}

type Counts = BTreeMap<String, u64>;

impl Expectation {
    pub(crate) fn of(exchange: &[&str]) -> Self {
        let mut read: Vec<(String, Vec<String>)> = Vec::new();
        for (asked, code) in exchange.iter().filter_map(|pair| pair.rsplit_once(' ')) {
            match read.last_mut() {
                Some((_, codes)) if asked == "+" => codes.push(code.to_owned()),
                _ => read.push((asked.to_owned(), vec![code.to_owned()])),
            }
        }
        Self { exchange: read }
    }

    /// Every reply with what it answers, in order.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.exchange
            .iter()
            .flat_map(|(asked, codes)| codes.iter().map(|code| (asked.as_str(), code.as_str())))
    }

    /// The codes that the server is to send in clear text, in order.
    pub(crate) fn codes(&self) -> Vec<&str> {
        self.pairs().map(|(_, code)| code).collect()
    }

    /// After how many replies TLS begins, if it does.
    pub(crate) fn tls_after(&self) -> Option<usize> {
        self.pairs().position(|pair| pair == ("STARTTLS", "220")).map(|index| index + 1)
    }

    /// Whether the reply of that number answers EHLO or LHLO.
    pub(crate) fn is_introduction(&self, reply: usize) -> bool {
        self.pairs().nth(reply).is_some_and(|(asked, _)| matches!(asked, "EHLO" | "LHLO"))
    }

    /// Commands by verb.
    pub(crate) fn verbs(&self) -> Counts {
        let asked = self.exchange.iter().map(|(asked, _)| asked.as_str());
        count(asked.filter(|asked| !asked.starts_with('(')).filter_map(|asked| asked.split(' ').next()))
    }

    /// How often that was answered with a code that begins so.
    fn answers(&self, asked: &str, code: &str) -> u64 {
        self.with_codes(asked, code).values().sum()
    }

    fn with_codes(&self, asked: &str, code: &str) -> Counts {
        count(self.pairs().filter(|(a, c)| *a == asked && c.starts_with(code)).map(|(_, c)| c))
    }

    fn refusals(&self, asked: &str) -> Counts {
        let mut refusals = self.with_codes(asked, "4");
        refusals.extend(self.with_codes(asked, "5"));
        refusals
    }

    pub(crate) fn to_json(&self, keywords: &[String]) -> Value {
        let pairs: Vec<String> = self.pairs().map(|(asked, code)| format!("{asked} {code}")).collect();
        let verbs = self.verbs();
        let commands = |verb: &str| verbs.get(verb).copied().unwrap_or(0);
        let cancelled = self.with_codes("(auth)", "501");
        let mut failed = self.refusals("AUTH");
        failed.extend(self.with_codes("(auth)", "535"));
        json!({
            "auth": {
                "attempts": commands("AUTH"),
                "cancelled": cancelled.values().sum::<u64>(),
                "failed": failed,
                "ok": self.answers("AUTH", "235") + self.answers("(auth)", "235"),
            },
            "blank_lines": 0,
            "ehlo_keywords": keywords,
            "greeting": self.pairs().find(|(asked, _)| *asked == "(greeting)").map(|(_, code)| code),
            "mail_from_accepted": self.answers("MAIL", "2"),
            "mails": self.mails(),
            "pairs": count(pairs.iter().map(String::as_str)),
            "rcpt_accepted": self.answers("RCPT", "2"),
            "rcpt_rejected": self.refusals("RCPT").values().sum::<u64>(),
            "replies": count(self.pairs().map(|(_, code)| code)),
            "starttls": {
                "bytes_after_cmd_before_220": 0,
                "cmd": commands("STARTTLS"),
                "ok": self.answers("STARTTLS", "220"),
                "refused": self.refusals("STARTTLS"),
            },
            "tls_from_start": false,
            "unanswered": {},
            "unmatched_replies": 0,
            "verbs": verbs,
        })
    }

    /// Messages by what came of them as a whole: where each recipient has a reply of its own (LMTP), one 2xx
    /// is enough; with PRDR the last reply is the message's.
    fn mails(&self) -> Value {
        let (mut by_data, mut by_bdat) = ((0, Counts::new()), (0, Counts::new()));
        for (asked, codes) in &self.exchange {
            let (accepted, rejected) = match asked.as_str() {
                "(eod)" => &mut by_data,
                "BDAT LAST" => &mut by_bdat,
                _ => continue,
            };
            let good = |code: &&String| code.starts_with('2');
            let by_prdr = codes.first().is_some_and(|code| code == "353");
            let one_is_enough = codes.iter().find(good).filter(|_| !by_prdr);
            match one_is_enough.or(codes.last()) {
                Some(verdict) if good(&verdict) => *accepted += 1,
                Some(verdict) => *rejected.entry(verdict.clone()).or_default() += 1,
                None => {}
            }
        }
        json!({
            "content_accepted": by_data.0,
            "content_rejected": by_data.1,
            "bdat_mail_accepted": by_bdat.0,
            "bdat_mail_rejected": by_bdat.1,
        })
    }
}

fn count<'a>(names: impl Iterator<Item = &'a str>) -> Counts {
    let mut counts = Counts::new();
    for name in names {
        *counts.entry(name.to_owned()).or_default() += 1;
    }
    counts
}
