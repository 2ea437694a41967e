//! What people, buyers and files say, without what would move a terminal's cursor.

/// On one line.
pub(super) fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// On lines as they are, but for empty ones at the end.
pub(super) fn lines(text: &str) -> String {
    let text = text.replace(|c: char| c.is_control() && !matches!(c, '\n' | '\t'), "");
    text.trim_end().to_owned()
}
