//! All output. Stdout is for data alone; notes, warnings, errors and questions go to stderr.
//!
//! Colours and lines around tables appear on a terminal only, and no meaning hangs on them.

use crate::{Environment, exit::Advised};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// Writes what a command has to say.
pub struct Printer {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    out_style: Style,
    err_style: Style,
}

/// How one of the two streams is written to.
#[derive(Debug, Clone, Copy, Default)]
struct Style {
    terminal: bool,
    colours: bool,
}

const BOLD: &str = "1";
const RED: &str = "31";
const YELLOW: &str = "33";
const CYAN: &str = "36";

impl Printer {
    /// A printer to the process's own streams.
    pub fn standard(environment: &Environment) -> Self {
        let no_colour = environment.get("NO_COLOR").is_some_and(|value| !value.is_empty());
        let style = |terminal| Style { terminal, colours: terminal && !no_colour };
        Printer {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            out_style: style(io::stdout().is_terminal()),
            err_style: style(io::stderr().is_terminal()),
        }
    }

    /// Whether stderr is coloured.
    pub(crate) fn colours_errors(&self) -> bool {
        self.err_style.colours
    }

    /// Whether stdout is a terminal.
    pub(crate) fn writes_to_a_terminal(&self) -> bool {
        self.out_style.terminal
    }

    /// Stdout itself, for what writes on its own while it runs.
    pub(crate) fn stdout(&mut self) -> &mut (dyn Write + Send) {
        &mut *self.out
    }

    /// Writes text as it is.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn text(&mut self, text: &str) -> anyhow::Result<()> {
        self.out.write_all(text.as_bytes())?;
        Ok(self.out.flush()?)
    }

    /// Writes a line.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn line(&mut self, line: &str) -> anyhow::Result<()> {
        self.text(&format!("{line}\n"))
    }

    /// Writes the heading of what follows.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn heading(&mut self, heading: &str) -> anyhow::Result<()> {
        let heading = self.out_style.paint(BOLD, heading);
        self.line(&heading)
    }

    /// Writes a value as indented JSON.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn json(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        self.line(&text)
    }

    /// Writes a table: framed on a terminal, aligned columns elsewhere.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn table(&mut self, table: &Table) -> anyhow::Result<()> {
        let text = table.render(self.out_style);
        self.text(&text)
    }

    /// Tells something on stderr.
    pub fn note(&mut self, text: &str) {
        // Stderr that cannot be written leaves nowhere to say so.
        drop(writeln!(self.err, "{text}"));
    }

    /// Warns on stderr.
    pub fn warning(&mut self, text: &str) {
        let label = self.err_style.paint(YELLOW, "warning:");
        self.note(&format!("{label} {text}"));
    }

    /// Says on stderr what can be done.
    pub fn hint(&mut self, text: &str) {
        let label = self.err_style.paint(CYAN, "hint:");
        self.note(&format!("{label} {text}"));
    }

    /// Writes an error, its causes and its hints to stderr.
    pub fn error(&mut self, error: &anyhow::Error) {
        let label = self.err_style.paint(RED, "error:");
        let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
        self.note(&format!("{label} {}", causes.join(": ")));
        for advised in error.chain().filter_map(|cause| cause.downcast_ref::<Advised>()) {
            self.hint(advised.hint());
        }
    }

    /// Asks on stderr and waits for a line of stdin; only `y` and `yes` mean yes.
    ///
    /// # Errors
    /// When stdin cannot be read.
    pub async fn confirm(&mut self, question: &str) -> anyhow::Result<bool> {
        drop(write!(self.err, "{question} [y/N] ").and_then(|()| self.err.flush()));
        let answer = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().read_line(&mut line).map(|_| line)
        });
        let answer = answer.await??;
        if !answer.ends_with('\n') {
            self.note("");
        }
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Rows under column names.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
    /// Which rows are to be noticed.
    marked: Vec<usize>,
}

/// Which side a column keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

impl Table {
    /// An empty table with these columns.
    pub fn new<N: Into<String>>(columns: impl IntoIterator<Item = (N, Align)>) -> Self {
        let columns = columns.into_iter().map(|(name, align)| (name.into(), align)).collect();
        Table { columns, rows: Vec::new(), marked: Vec::new() }
    }

    /// Adds a row, one cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Adds a row that is to be noticed: yellow where there are colours. What it means stands in its cells too.
    pub fn marked_row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.marked.push(self.rows.len());
        self.row(cells);
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn render(&self, style: Style) -> String {
        use comfy_table::{CellAlignment, presets};
        let framed = style.terminal;
        let mut table = comfy_table::Table::new();
        table.load_style(if framed { presets::UTF8_FULL_CONDENSED } else { presets::NOTHING });
        table.set_header(self.columns.iter().map(|(name, _)| name));
        for (index, (_, align)) in self.columns.iter().enumerate() {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(match align {
                    Align::Left => CellAlignment::Left,
                    Align::Right => CellAlignment::Right,
                });
                if !framed {
                    // Two blanks between columns, none before the first.
                    column.set_padding((0, 2));
                }
            }
        }
        table.add_rows(&self.rows);
        // Above the rows are the names of the columns, with a line above and below in a frame.
        let first = if framed { 3 } else { 1 };
        let painted = |(number, line): (usize, String)| {
            let is_marked = number.checked_sub(first).is_some_and(|row| self.marked.contains(&row));
            let line = line.trim_end();
            if is_marked { style.paint(YELLOW, line) + "\n" } else { format!("{line}\n") }
        };
        table.lines().enumerate().map(painted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_framed_on_a_terminal_and_aligned_elsewhere() {
        let mut table = Table::new([("Model", Align::Left), ("Cost", Align::Right)]);
        table.row(["deepgram/nova-3", "0.0125"]);
        table.row(["é", "12.5000"]);
        assert_eq!(
            table.render(Style::default()),
            "Model               Cost\ndeepgram/nova-3   0.0125\né                12.5000\n"
        );
        assert!(table.render(Style { terminal: true, colours: false }).starts_with('┌'));
    }

    #[test]
    fn colours_need_a_terminal() {
        assert_eq!(Style { terminal: true, colours: true }.paint(RED, "x"), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Style::default().paint(RED, "x"), "x");
    }
}
