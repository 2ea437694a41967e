//! Quoting for the places where an example puts a value: HTML, a script, a shell
//! command, XML, an address. Whatever a label, name or value says, it cannot end
//! the quotation that it stands in.

pub(crate) use crate::escape::html;

/// Text or an attribute's value of XML.
pub(crate) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    crate::escape::push_xml(&mut out, text);
    out
}

/// A JavaScript string literal with its quotes, which may stand in an inline
/// script: nothing in it ends the `script` element or begins a comment.
pub(crate) fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '<' | '>' | '\u{2028}' | '\u{2029}' => escape_unit(&mut out, c),
            c if c < ' ' => escape_unit(&mut out, c),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn escape_unit(out: &mut String, c: char) {
    out.push_str(&format!("\\u{:04x}", u32::from(c)));
}

/// A single-quoted word of a POSIX shell. A NUL, which no word can hold, is left out.
pub(crate) fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', r"'\''"))
}

/// The base of addresses without a slash at its end, and with what could end a
/// quotation percent-encoded, so that it can stand wherever an address can.
pub(crate) fn base(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for c in url.trim().trim_end_matches('/').chars() {
        match c {
            '"' | '\'' | '<' | '>' | '`' | '\\' | '{' | '}' | '|' | '^' | '?' | '#' | '&' => {
                out.push_str(&format!("%{:02X}", u32::from(c)));
            }
            c if c.is_whitespace() || c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The words of a shell command as a POSIX shell would read them; `vars` are
    /// replaced within double quotes.
    pub(crate) fn shell_words(command: &str, vars: &[(&str, &str)]) -> Vec<String> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut rest = command.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '\'' => {
                    let word = word.get_or_insert_default();
                    loop {
                        match rest.next() {
                            Some('\'') => break,
                            Some(c) => word.push(c),
                            None => panic!("a quotation without an end: {command}"),
                        }
                    }
                }
                '"' => {
                    let mut quoted = String::new();
                    loop {
                        match rest.next() {
                            Some('"') => break,
                            Some(c) => quoted.push(c),
                            None => panic!("a quotation without an end: {command}"),
                        }
                    }
                    for (name, value) in vars {
                        quoted = quoted.replace(&format!("${name}"), value);
                    }
                    word.get_or_insert_default().push_str(&quoted);
                }
                '\\' => match rest.next() {
                    Some('\n') | None => {}
                    Some(c) => word.get_or_insert_default().push(c),
                },
                c if c.is_whitespace() => words.extend(word.take()),
                ';' | '&' | '|' | '<' | '>' | '(' | ')' | '$' | '`' | '*' => {
                    panic!("an unquoted {c:?}: {command}")
                }
                c => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        words
    }

    #[test]
    fn a_script_string_has_no_control_character_and_stays_readable() {
        assert_eq!(
            js("a \"b\"\\\n\u{1}\u{1f}\u{2028}</é>"),
            r#""a \"b\"\\\n\u0001\u001f\u2028\u003c/é\u003e""#
        );
    }

    proptest! {
        #[test]
        fn a_shell_word_is_read_back_as_it_was(text in "\\PC*") {
            prop_assert_eq!(shell_words(&shell(&text), &[]), vec![text]);
        }

        #[test]
        fn a_script_string_is_read_back_and_ends_no_script(text in any::<String>()) {
            let literal = js(&text);
            prop_assert!(!literal.contains('<') && !literal.contains('>'));
            let read: String = serde_json::from_str(&literal).unwrap();
            prop_assert_eq!(read, text);
        }

        #[test]
        fn html_text_holds_no_markup(text in any::<String>()) {
            let escaped = html(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
        }

        #[test]
        fn a_base_can_stand_in_any_quotation(text in any::<String>()) {
            let base = base(&text);
            prop_assert_eq!(shell(&base), format!("'{base}'"));
            prop_assert_eq!(js(&base), format!("\"{base}\""));
            prop_assert_eq!(html(&base), base);
        }
    }
}
