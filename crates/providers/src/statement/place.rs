//! Where in a text something stands: lines and characters, and the cells of a table.

/// Where the lines of a text begin.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub fn of(text: &str) -> Lines {
        Lines(
            std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect(),
        )
    }

    /// The line, from 1, of an offset.
    pub fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset).max(1)
    }

    /// The line and the character of it, both from 1, of an offset. It takes as long as the line is.
    pub fn place(&self, text: &str, offset: usize) -> (u64, u64) {
        let line = self.line(offset);
        let start = self.0.get(line - 1).copied().unwrap_or_default();
        let before = text.get(start..offset.min(text.len())).unwrap_or_default();
        (line as u64, before.chars().count() as u64 + 1)
    }

    /// The offset of a byte of a line, both from 1, as serde counts.
    pub fn offset(&self, line: usize, column: usize) -> usize {
        let start = self.0.get(line.saturating_sub(1)).copied().unwrap_or_default();
        start + column.saturating_sub(1)
    }
}

/// The offset of a cell in the row that begins at `start`.
pub(super) fn cell(text: &str, start: usize, delimiter: u8, index: usize) -> usize {
    let mut scan = Scan::new(text, start, delimiter);
    for _ in 0..index {
        scan.skip_cell();
    }
    scan.offset
}

/// The offset of the quote that opens a cell which never ends.
pub(super) fn unclosed_quote(text: &str, delimiter: u8) -> Option<usize> {
    // What is opened and closed makes an even number of quotes.
    if memchr::memchr_iter(b'"', text.as_bytes()).count().is_multiple_of(2) {
        return None;
    }
    let mut scan = Scan::new(text, 0, delimiter);
    while scan.offset < text.len() {
        let opened = scan.offset;
        if !scan.skip_cell() {
            return Some(opened);
        }
    }
    None
}

struct Scan<'a> {
    bytes: &'a [u8],
    offset: usize,
    delimiter: u8,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str, offset: usize, delimiter: u8) -> Scan<'a> {
        Scan { bytes: text.as_bytes(), offset, delimiter }
    }

    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.offset).copied()
    }

    /// Goes behind the cell and its delimiter; false if its quote is not closed.
    fn skip_cell(&mut self) -> bool {
        if self.byte() == Some(b'"') {
            self.offset += 1;
            loop {
                let rest = self.bytes.get(self.offset..).unwrap_or_default();
                let Some(quote) = memchr::memchr(b'"', rest) else {
                    self.offset = self.bytes.len();
                    return false;
                };
                self.offset += quote + 1;
                if self.byte() != Some(b'"') {
                    break;
                }
                self.offset += 1;
            }
        }
        while let Some(byte) = self.byte() {
            self.offset += 1;
            if byte == self.delimiter || byte == b'\n' {
                break;
            }
        }
        true
    }
}
