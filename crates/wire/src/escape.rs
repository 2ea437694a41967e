//! Escapes of what can hold no text as it is: HTML, XML and header lines.

use std::fmt::Write as _;
use url::Url;

/// Text or a quoted attribute's value of HTML.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_html(&mut out, text);
    out
}

/// Appends a text as [`html`] writes it.
pub(crate) fn push_html(out: &mut String, text: &str) {
    let is_markup = |byte| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'');
    let mut rest = text;
    while let Some((plain, markup)) =
        rest.bytes().position(is_markup).and_then(|at| rest.split_at_checked(at))
    {
        out.push_str(plain);
        let mut characters = markup.chars();
        characters.next().into_iter().for_each(|character| push_markup(out, character));
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// Appends a text, or a quoted attribute's value, of XML 1.0: what that cannot hold
/// in any form is dropped, and so is the carriage return, which it reads as a line
/// feed.
pub(crate) fn push_xml(out: &mut String, text: &str) {
    let held = text.chars().filter(|character| *character != '\r' && is_xml_char(*character));
    held.for_each(|character| push_markup(out, character));
}

/// Appends a text of XML 1.0 as our answers write it: quotes stay as they are, as
/// scripts compare the texts, and a carriage return is kept, as a reference.
pub(crate) fn push_xml_text(out: &mut String, text: &str) {
    // Ids, prices and most texts stand for themselves.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'&' | b'<' | b'>')) {
        out.push_str(text);
        return;
    }
    for character in text.chars().filter(|character| is_xml_char(*character)) {
        match character {
            '\r' => out.push_str("&#13;"),
            '"' | '\'' => out.push(character),
            _ => push_markup(out, character),
        }
    }
}

fn push_markup(out: &mut String, character: char) {
    match character {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        _ => out.push(character),
    }
}

/// What XML 1.0 can hold.
pub fn is_xml_char(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// A link as a `Location` header can carry it: visible ASCII as it is, anything else
/// as a browser would write it, so that no value can end the header's line.
pub fn location(link: &str) -> String {
    let link = link.trim();
    if link.bytes().all(|byte| byte.is_ascii_graphic()) {
        return link.to_owned();
    }
    let link = Url::parse(link).map_or_else(|_| link.to_owned(), String::from);
    let mut safe = String::with_capacity(link.len());
    for byte in link.bytes() {
        if byte.is_ascii_graphic() {
            safe.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(safe, "%{byte:02X}");
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_location_is_written_as_a_browser_would_write_it() {
        for (link, written) in [
            ("https://lp.example/a?b=c#d", "https://lp.example/a?b=c#d"),
            (" https://lp.example/a ", "https://lp.example/a"),
            ("https://lp.example/\u{e9}", "https://lp.example/%C3%A9"),
            ("https://\u{e9}.example/?q=a b", "https://xn--9ca.example/?q=a%20b"),
            ("https://lp.example/a\r\nSet-Cookie: x", "https://lp.example/aSet-Cookie:%20x"),
            ("/relative/\u{e9}\r\n", "/relative/%C3%A9"),
        ] {
            assert_eq!(location(link), written);
        }
    }

    #[test]
    fn a_text_of_our_xml_has_its_quotes_as_they_are_and_a_carriage_return_as_a_reference() {
        let mut answer = String::new();
        push_xml_text(&mut answer, "\"it's\"\r\n\u{e9}<&>\u{0}");
        assert_eq!(answer, "\"it's\"&#13;\n\u{e9}&lt;&amp;&gt;");
    }

    proptest! {
        #[test]
        fn a_location_cannot_be_ended_by_a_value(link in any::<String>()) {
            prop_assert!(location(&link).bytes().all(|byte| byte.is_ascii_graphic()));
        }

        #[test]
        fn xml_reads_back_what_it_can_hold(text in any::<String>()) {
            let held = |c: &char| is_xml_char(*c);
            let (mut value, mut answer) = (String::new(), String::new());
            push_xml(&mut value, &text);
            push_xml_text(&mut answer, &text);
            let read = |xml: String| quick_xml::escape::unescape(&xml).unwrap().into_owned();
            prop_assert_eq!(read(answer), text.chars().filter(held).collect::<String>());
            prop_assert_eq!(read(value), text.chars().filter(|c| *c != '\r').filter(held).collect::<String>());
        }
    }
}
