//! Text for terminals: tables, and what strangers say without what would move the cursor
//! or turn the direction of reading.

use serde::Serialize;
use std::fmt::Write as _;

/// What people, buyers and files say, on one line.
pub(crate) fn one_line(text: &str) -> String {
    text.replace(commands_a_terminal, " ")
}

/// The same on lines as they are.
pub(crate) fn as_it_is(text: &str) -> String {
    text.replace(|c| commands_a_terminal(c) && !matches!(c, '\n' | '\t'), "")
}

/// The same without empty lines at the end.
pub(crate) fn lines(text: &str) -> String {
    as_it_is(text).trim_end().to_owned()
}

/// A line of JSON. The characters that command a terminal can only stand within its
/// texts, where they are escaped: JSON itself asks for that below the blank alone, and
/// U+009B begins a command as the escape character does.
///
/// # Errors
/// Where the value has no form in JSON.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let json = serde_json::to_string(value)?;
    let mut line = String::with_capacity(json.len() + 1);
    for character in json.chars() {
        if commands_a_terminal(character) {
            // All of them lie below U+10000. Writing to a string cannot fail.
            let _ = write!(line, "\\u{:04x}", u32::from(character));
        } else {
            line.push(character);
        }
    }
    line.push('\n');
    Ok(line)
}

/// Whether a character moves the cursor, changes colours or more (the control characters,
/// those beyond ASCII too), begins a line of its own, or turns the direction of reading,
/// so that a line says something else than it shows.
fn commands_a_terminal(character: char) -> bool {
    let turns = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    character.is_control() || turns || matches!(character, '\u{2028}' | '\u{2029}')
}

/// Columns as wide as their widest cell, the first row their heads: numbers to the right,
/// `words` to the left.
pub(crate) fn push_table<const N: usize>(text: &mut String, rows: &[[String; N]], words: &[usize]) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[31m\u{9b}31m\u{7f}\u{202e}b\u{2066}\u{2028}\u{e9}\r\n\tc\n\n";

    #[test]
    fn what_strangers_say_cannot_command_a_terminal() {
        assert_eq!(one_line(HOSTILE), "a [31m 31m  b  \u{e9}   c  ");
        assert_eq!(lines(HOSTILE), "a[31m31mb\u{e9}\n\tc");
        assert_eq!(as_it_is(HOSTILE), "a[31m31mb\u{e9}\n\tc\n\n");
    }

    #[test]
    fn json_for_a_terminal_is_ascii_where_that_would_be_commanded_and_reads_the_same() {
        let printed = json(&[HOSTILE]).expect("JSON");
        assert!(!printed.trim_end_matches('\n').contains(commands_a_terminal), "{printed:?}");
        let read: [String; 1] = serde_json::from_str(&printed).expect("JSON");
        assert_eq!(read, [HOSTILE]);
        assert!(printed.contains("\u{e9}") && printed.ends_with("]\n"), "{printed:?}");
    }
}
