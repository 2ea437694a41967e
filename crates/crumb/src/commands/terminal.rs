//! Text for terminals: tables, and what strangers say without what would move the cursor.

use std::fmt::Write as _;

/// What people, buyers and files say, on one line.
pub(super) fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// The same on lines as they are, but for empty ones at the end.
pub(super) fn lines(text: &str) -> String {
    let text = text.replace(|c: char| c.is_control() && !matches!(c, '\n' | '\t'), "");
    text.trim_end().to_owned()
}

/// Columns as wide as their widest cell, the first row their heads: numbers to the right,
/// `words` to the left.
pub(super) fn push_table<const N: usize>(text: &mut String, rows: &[[String; N]], words: &[usize]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if words.contains(&column) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", line.trim_end());
    }
}
