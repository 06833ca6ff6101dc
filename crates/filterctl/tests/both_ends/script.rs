//! What both ends of a connection say, one after the other.

use anyhow::{Result, bail};

use super::wire::End;

/// What both ends of a connection say, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script(Vec<(End, Vec<u8>)>);

impl Script {
    /// Nothing, so far.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Lines: `C: ` and `S: ` stand in front of what client and server say, to which CR LF is added.
    pub(crate) fn lines(text: &str) -> Result<Self> {
        let mut script = Self::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (end, text) = match line.split_at_checked(2) {
                Some(("C:", text)) => (End::Client, text),
                Some(("S:", text)) => (End::Server, text),
                _ => bail!("neither C: nor S: in {line:?}"),
            };
            let text = text.strip_prefix(' ').unwrap_or(text);
            script = script.says(end, format!("{text}\r\n").as_bytes());
        }
        Ok(script)
    }

    /// Then one end says this.
    pub(crate) fn says(mut self, end: End, octets: &[u8]) -> Self {
        self.0.push((end, octets.to_vec()));
        self
    }

    /// Then all of this.
    pub(crate) fn then(mut self, next: Self) -> Self {
        self.0.extend(next.0);
        self
    }

    /// What is said, in order.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (End, &[u8])> {
        self.0.iter().map(|(end, octets)| (*end, octets.as_slice()))
    }

    /// How many octets one end says.
    pub(crate) fn octets(&self, end: End) -> usize {
        self.parts().filter(|(says, _)| *says == end).map(|(_, octets)| octets.len()).sum()
    }
}
