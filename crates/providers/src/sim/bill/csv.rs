//! Writing rows of CSV.

/// One row with its line end; what needs quotes gets them.
pub(crate) fn row<T: AsRef<str>>(cells: impl IntoIterator<Item = T>, line_end: &str) -> String {
    let mut row = String::new();
    for cell in cells {
        let cell = cell.as_ref();
        if cell.contains([',', '"', '\n', '\r']) {
            row.push('"');
            row.push_str(&cell.replace('"', "\"\""));
            row.push('"');
        } else {
            row.push_str(cell);
        }
        row.push(',');
    }
    row.pop();
    row.push_str(line_end);
    row
}
