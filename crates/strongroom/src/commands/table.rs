//! Tables as people read them: columns that stand under each other.

/// The most that a cell widens its column. A longer one, such as a name of 256 characters, moves the rest of its own line only.
const WIDEST: usize = 100;

/// Lines whose columns stand under each other. The first line is the heading.
pub(crate) fn table(lines: &[Vec<String>]) -> String {
    let mut columns = Columns::default();
    columns.fit(lines);
    lines.iter().map(|line| columns.line(line)).collect()
}

/// The columns of a table that is printed bit by bit: once wide, they stay so.
#[derive(Debug, Default)]
pub(crate) struct Columns(Vec<usize>);

impl Columns {
    /// Makes room for some lines.
    pub(crate) fn fit(&mut self, lines: &[Vec<String>]) {
        for line in lines {
            self.0.resize(self.0.len().max(line.len()), 0);
            for (width, cell) in self.0.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count().min(WIDEST));
            }
        }
    }

    /// A line with its line break, and without spaces at its end.
    pub(crate) fn line(&self, cells: &[String]) -> String {
        let cells = cells.iter().zip(&self.0).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cells: [&str; 3]) -> Vec<String> {
        cells.map(str::to_owned).to_vec()
    }

    #[test]
    fn columns_stand_under_each_other_and_no_line_ends_in_spaces() {
        let text = table(&[line(["NAME", "ÄÖ", "LAST"]), line(["a", "bbb", ""]), line(["longer", "", "x"])]);
        assert_eq!(text, "NAME    ÄÖ   LAST\na       bbb\nlonger       x\n");
        assert_eq!(table(&[]), "");
    }

    #[test]
    fn a_very_long_cell_does_not_widen_all_lines() {
        let long = "x".repeat(256);
        let text = table(&[line(["a", "b", "c"]), line([&long, "b", "c"])]);
        assert_eq!(text, format!("a{}  b  c\n{long}  b  c\n", " ".repeat(99)));
    }

    #[test]
    fn a_later_page_stands_under_the_first_as_far_as_it_fits() {
        let mut columns = Columns::default();
        columns.fit(&[line(["long name", "b", "c"])]);
        columns.fit(&[line(["a", "b", "c"])]);
        assert_eq!(columns.line(&line(["a", "b", "c"])), "a          b  c\n");
    }
}
