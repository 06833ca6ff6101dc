//! What a tool says came of its work.

use std::process::Output;

use anyhow::{Context, Result};

/// What one of the tools printed, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolReport {
    /// The exit code: for most tools the result code, for `ldappasswd` and `ldapexop` 1 when they failed, and
    /// more than 200 for errors of the library's own, such as 255 when the connection broke.
    pub exit: i32,
    /// Its standard output.
    pub output: String,
    /// Its standard error.
    pub errors: String,
}

impl ToolReport {
    pub(super) fn of(output: &Output) -> Result<Self> {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let (printed, errors) = (text(&output.stdout), text(&output.stderr));
        let exit =
            output.status.code().with_context(|| format!("it ended with {}: {errors}", output.status))?;
        Ok(Self { exit, output: printed, errors })
    }

    /// The result code of the last operation, from what was printed; 0 if it printed none and ended well.
    #[must_use]
    pub fn result(&self) -> Option<u32> {
        let mut search = self
            .output
            .lines()
            .filter_map(|line| line.strip_prefix("result: ")?.split(' ').next()?.parse().ok());
        let refusals = [&self.output, &self.errors].map(|text| text.lines().filter_map(refusal).next_back());
        let [printed, complained] = refusals;
        let comparison = match self.output.trim() {
            "TRUE" => Some(6),
            "FALSE" => Some(5),
            _ => None,
        };
        search.next_back().or(comparison).or(complained).or(printed).or((self.exit == 0).then_some(0))
    }

    /// Entries that a search printed.
    #[must_use]
    pub fn entries(&self) -> u64 {
        count(
            self.output
                .lines()
                .filter(|line| line.starts_with("dn: ") || line.starts_with("dn:: ") || *line == "dn:"),
        )
    }

    /// References that a search printed.
    #[must_use]
    pub fn references(&self) -> u64 {
        count(self.output.lines().filter(|line| *line == "# search reference"))
    }

    /// Search results that it printed: several, where it searched in pages.
    #[must_use]
    pub fn searches(&self) -> u64 {
        count(self.output.lines().filter(|line| *line == "# search result"))
    }
}

fn count<'a>(lines: impl Iterator<Item = &'a str>) -> u64 {
    lines.fold(0, |count, _| count + 1)
}

/// The code in `ldap_bind: Invalid credentials (49); Account locked` or `Result: Constraint violation (19)`.
fn refusal(line: &str) -> Option<u32> {
    if !line.starts_with("ldap_") && !line.starts_with("Result: ") && !line.starts_with("Compare Result: ") {
        return None;
    }
    line.split('(').skip(1).find_map(|rest| rest.split(')').next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::ToolReport;

    fn report(exit: i32, output: &str, errors: &str) -> ToolReport {
        ToolReport { exit, output: output.to_owned(), errors: errors.to_owned() }
    }

    #[test]
    fn the_result_is_found_wherever_a_tool_prints_it() {
        let search = report(4, "dn: a\n\n# search result\nsearch: 2\nresult: 4 Size limit exceeded\n", "");
        assert_eq!((search.result(), search.entries(), search.searches()), (Some(4), 1, 1));
        assert_eq!(
            report(49, "", "ldap_bind: Invalid credentials (49); Account locked\n").result(),
            Some(49)
        );
        assert_eq!(report(1, "Result: Constraint violation (19)\n", "").result(), Some(19));
        assert_eq!(report(1, "", "ldap_parse_result: No Operation to Cancel (119)\n").result(), Some(119));
        assert_eq!(report(6, "TRUE\n", "").result(), Some(6));
        assert_eq!(report(0, "dn:uid=alice\n", "").result(), Some(0));
        assert_eq!(
            report(255, "", "ldap_sasl_bind(SIMPLE): Can't contact LDAP server (-1)\n").result(),
            None
        );
    }
}
