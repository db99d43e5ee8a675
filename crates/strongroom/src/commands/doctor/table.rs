//! The table for people, printed group by group as the checks are done.

use std::io::{self, IsTerminal, Write};

use super::finding::{Finding, Group, Report};
use crate::checklist;

/// Wider lines are hard to read.
const WIDEST: usize = 120;

/// The width of the column of ids, in characters.
const ID_WIDTH: usize = 22;

/// Where a table goes, and how wide it may be.
pub(super) struct Table<W> {
    out: W,
    /// `None`: as wide as the lines are, for files and pipes.
    columns: Option<usize>,
}

impl Table<io::StdoutLock<'static>> {
    /// A table on standard output.
    pub(super) fn on_stdout() -> Self {
        let terminal = io::stdout().is_terminal();
        let size = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Self { out: io::stdout().lock(), columns: terminal.then(|| size.unwrap_or(80).min(WIDEST)) }
    }
}

impl<W: Write> Table<W> {
    /// Says what is examined.
    pub(super) fn head(&mut self, text: &str) -> io::Result<()> {
        checklist::beneath(&mut self.out, 0, text, self.columns)?;
        self.out.flush()
    }

    /// Prints the checks of one subject.
    pub(super) fn group(&mut self, group: &Group) -> io::Result<()> {
        writeln!(self.out, "\n{}", group.title)?;
        group.findings.iter().try_for_each(|finding| self.finding(finding))?;
        self.out.flush()
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        // The sign and a space before the id, two spaces behind it.
        const INDENT: usize = ID_WIDTH + 4;
        let Self { out, columns } = self;
        let subject = (finding.id, ID_WIDTH);
        checklist::line(out, finding.state.sign(), subject, &finding.what, *columns)?;
        for item in &finding.items {
            checklist::beneath(out, INDENT, &format!("  {item}"), *columns)?;
        }
        if let Some(fix) = &finding.fix {
            checklist::beneath(out, INDENT, &format!("→ {fix}"), *columns)?;
        }
        if let Some(command) = &finding.command {
            // Never broken: it is there to be copied.
            checklist::beneath(out, INDENT, &format!("  {command}"), None)?;
        }
        Ok(())
    }

    /// Says what it comes to.
    pub(super) fn end(&mut self, report: &Report) -> io::Result<()> {
        writeln!(self.out, "\n{}", report.summary())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(findings: Vec<Finding>, columns: Option<usize>) -> String {
        let mut table = Table { out: Vec::new(), columns };
        table.group(&Group { title: "Rights", findings }).unwrap();
        String::from_utf8(table.out).unwrap()
    }

    #[test]
    fn each_check_is_a_line_with_what_to_do_beneath() {
        let findings = vec![
            Finding::passed("rights.get", "allowed"),
            Finding::failed("rights.set", "denied", "assign the role").command("az role assignment create"),
            Finding::not_tried("rights.purge", "not tried, because"),
        ];
        let expected = "\nRights\n\
                        ✓ rights.get              allowed\n\
                        ✗ rights.set              denied\n                          → assign the role\n                            az role assignment create\n\
                        · rights.purge            not tried, because\n";
        assert_eq!(printed(findings, None), expected);
    }

    #[test]
    fn no_line_but_a_command_is_wider_than_the_terminal() {
        let long = "a sentence of many words that goes on and on ".repeat(4);
        let findings = vec![Finding::failed("references.foreign", long.clone(), long.clone())];
        let text = printed(findings, Some(80));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
