//! Tables as people read them: columns that stand under each other, or on a terminal that is too narrow for that the cells of each line one
//! after the other.

use std::io::{IsTerminal, stdout};

/// The most that a cell widens its column. A longer one, such as a name of 256 characters, moves the rest of its own line only.
const WIDEST: usize = 100;

/// What lies between two columns.
const BETWEEN: &str = "  ";

/// Lines whose columns stand under each other, for standard output. The first line is the heading.
pub(crate) fn table(lines: &[Vec<String>]) -> String {
    with(Columns::on_stdout(), lines)
}

fn with(mut columns: Columns, lines: &[Vec<String>]) -> String {
    columns.fit(lines);
    let Some((heading, lines)) = lines.split_first() else { return String::new() };
    columns.heading(heading) + &lines.iter().map(|line| columns.line(line)).collect::<String>()
}

/// The columns of a table that is printed bit by bit: once wide, they stay so.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    widths: Vec<usize>,
    /// How wide a line may be; `None` for files and pipes.
    most: Option<usize>,
}

impl Columns {
    /// Columns on standard output.
    pub(crate) fn on_stdout() -> Self {
        let size = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let most = if stdout().is_terminal() { size() } else { None };
        Self { widths: Vec::new(), most }
    }

    /// Makes room for some lines.
    pub(crate) fn fit(&mut self, lines: &[Vec<String>]) {
        for line in lines {
            self.widths.resize(self.widths.len().max(line.len()), 0);
            for (width, cell) in self.widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count().min(WIDEST));
            }
        }
    }

    /// The line above the others; nothing, if they do not stand under it.
    pub(crate) fn heading(&self, cells: &[String]) -> String {
        match self.too_narrow() {
            Some(_) => String::new(),
            None => self.line(cells),
        }
    }

    /// A line with its line break, and without spaces at its end.
    pub(crate) fn line(&self, cells: &[String]) -> String {
        if let Some(most) = self.too_narrow() {
            return flowing(cells, most);
        }
        let cells = cells.iter().zip(&self.widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join(BETWEEN).trim_end())
    }

    /// How wide the terminal is, if the columns do not fit.
    fn too_narrow(&self) -> Option<usize> {
        let all = self.widths.iter().sum::<usize>() + BETWEEN.len() * self.widths.len().saturating_sub(1);
        self.most.filter(|most| all > *most)
    }
}

/// The cells of a line one after the other, the first alone, the others as many in a line as fit.
fn flowing(cells: &[String], most: usize) -> String {
    let Some((first, others)) = cells.split_first() else { return String::new() };
    let (mut text, mut at) = (first.clone(), usize::MAX);
    for cell in others.iter().filter(|cell| !cell.is_empty()) {
        let width = BETWEEN.len() + cell.chars().count();
        if at.saturating_add(width) > most {
            text.push('\n');
            at = 0;
        }
        text.push_str(BETWEEN);
        text.push_str(cell);
        at += width;
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cells: [&str; 3]) -> Vec<String> {
        cells.map(str::to_owned).to_vec()
    }

    #[test]
    fn columns_stand_under_each_other_and_no_line_ends_in_spaces() {
        let table = |lines: &[Vec<String>]| with(Columns::default(), lines);
        let text = table(&[line(["NAME", "ÄÖ", "LAST"]), line(["a", "bbb", ""]), line(["longer", "", "x"])]);
        assert_eq!(text, "NAME    ÄÖ   LAST\na       bbb\nlonger       x\n");
        assert_eq!(table(&[]), "");
    }

    #[test]
    fn a_very_long_cell_does_not_widen_all_lines() {
        let long = "x".repeat(256);
        let text = with(Columns::default(), &[line(["a", "b", "c"]), line([&long, "b", "c"])]);
        assert_eq!(text, format!("a{}  b  c\n{long}  b  c\n", " ".repeat(99)));
    }

    #[test]
    fn on_a_terminal_that_is_too_narrow_the_cells_follow_each_other() {
        let mut columns = Columns { widths: Vec::new(), most: Some(20) };
        let cells =
            ["service shop", "a.very.long.field.of.it", "", "vault", "12 d", "in vault"].map(str::to_owned);
        columns.fit(&[cells.to_vec()]);
        let expected = "service shop\n  a.very.long.field.of.it\n  vault  12 d\n  in vault\n";
        assert_eq!((columns.line(&cells).as_str(), columns.heading(&cells).as_str()), (expected, ""));
        columns.most = Some(80);
        assert_eq!(columns.line(&cells).lines().count(), 1);
    }

    #[test]
    fn a_later_page_stands_under_the_first_as_far_as_it_fits() {
        let mut columns = Columns::default();
        columns.fit(&[line(["long name", "b", "c"])]);
        columns.fit(&[line(["a", "b", "c"])]);
        assert_eq!(columns.line(&line(["a", "b", "c"])), "a          b  c\n");
    }
}
