//! What makes XML well-formed beyond its tags matching: characters, names, attributes,
//! references, the declaration. The reader of events leaves that to whoever needs it.

use std::collections::HashSet;

/// `Char` of XML 1.0: no control characters but tab and the ends of lines.
pub(super) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// `S`.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_name_start(c: char) -> bool {
    matches!(c,
        ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}'
        | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

fn is_name_char(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// `Name`.
pub(super) fn is_name(text: &str) -> bool {
    text.chars().next().is_some_and(is_name_start) && text.chars().all(is_name_char)
}

/// What follows a tag's name: attributes with a space before each, none twice, with whole
/// values. They mean nothing here.
pub(super) fn are_attributes(text: &str) -> bool {
    let mut seen = HashSet::new();
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start_matches(is_space);
        if trimmed.is_empty() {
            return true;
        }
        match attribute(trimmed) {
            Some((name, value, after))
                if trimmed.len() < rest.len() && is_attribute_value(value) && seen.insert(name) =>
            {
                rest = after;
            }
            _ => return false,
        }
    }
}

/// An attribute's name and value, and what follows.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once('=')?;
    let name = name.trim_end_matches(is_space);
    let rest = rest.trim_start_matches(is_space);
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (value, after) = rest.get(1..)?.split_once(quote)?;
    is_name(name).then_some((name, value, after))
}

fn is_attribute_value(value: &str) -> bool {
    let mut parts = value.split('&');
    // Before the first "&" no reference ends.
    let _ = parts.next();
    !value.contains('<') && parts.all(|part| part.split_once(';').is_some_and(|(name, _)| resolves(name)))
}

/// Whether a reference between its `&` and `;` is one of the five entities that there are
/// without a document type, or of a character that XML can hold.
fn resolves(reference: &str) -> bool {
    character(reference).is_some() || matches!(reference, "amp" | "lt" | "gt" | "quot" | "apos")
}

/// The character that a reference names by its number: `#65`, `#x41`.
pub(super) fn character(reference: &str) -> Option<char> {
    let number = reference.strip_prefix('#')?;
    let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |digits| (digits, 16));
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    let code = is_number.then(|| u32::from_str_radix(digits, radix).ok()).flatten()?;
    char::from_u32(code).filter(|c| is_char(*c))
}

/// The declaration between its `<?xml` and `?>`: a version (scripts write `1` too), then perhaps an encoding
/// (which says nothing: what is UTF-8 is read as that) and whether the document stands alone.
pub(super) fn is_declaration(text: &str) -> bool {
    let mut rest = text;
    let mut take = |wanted: &str, is_sound: fn(&str) -> bool| {
        let trimmed = rest.trim_start_matches(is_space);
        match attribute(trimmed).filter(|(name, ..)| *name == wanted) {
            Some((_, value, after)) if trimmed.len() < rest.len() && is_sound(value) => {
                rest = after;
                true
            }
            _ => false,
        }
    };
    let is_versioned = take("version", |value| {
        let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
        !value.is_empty() && value.bytes().all(is_part)
    });
    take("encoding", |value| {
        let is_known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        value.bytes().next().is_some_and(|b| b.is_ascii_alphabetic()) && value.bytes().all(is_known)
    });
    take("standalone", |value| matches!(value, "yes" | "no"));
    is_versioned && rest.trim_matches(is_space).is_empty()
}

/// What stands between `<?` and `?>` otherwise: a name that is not XML's own, and anything.
pub(super) fn is_instruction(text: &str) -> bool {
    let name = text.split(is_space).next().unwrap_or_default();
    is_name(name) && !name.eq_ignore_ascii_case("xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_stand_apart_and_are_whole() {
        for sound in ["", " ", " a='1'", " a = \"x &amp; &#65;&#x41; '\"\tb='\"'\n", " xml:lang='en' é='>'"]
        {
            assert!(are_attributes(sound), "{sound:?}");
        }
        for faulty in [
            "a='1'",
            " a",
            " a=",
            " a=1",
            " a='1",
            " a='1\"",
            " a='1'b='2'",
            " a='1' a='2'",
            " 1a='1'",
            " a='<'",
            " a='&'",
            " a='&nbsp;'",
            " a='&amp'",
            " a='&#1;'",
            " a='&#;'",
            " =''",
            " / a=''",
            " a='1' /",
        ] {
            assert!(!are_attributes(faulty), "{faulty:?}");
        }
    }

    #[test]
    fn a_declaration_has_a_version_and_then_what_may_follow() {
        for sound in [
            " version=\"1.0\"",
            " version='1.1' encoding='UTF-8'",
            " version = '1.0' encoding=\"iso-8859-1\" standalone='yes' ",
            "\n version='1.0' standalone='no'",
        ] {
            assert!(is_declaration(sound), "{sound:?}");
        }
        for faulty in [
            "",
            " ",
            " encoding='UTF-8'",
            " version=''",
            " version='1 0'",
            " version=1.0",
            "version='1.0'",
            " version='1.0' encoding=''",
            " version='1.0' encoding='8'",
            " version='1.0' x='y'",
            " version='1.0' standalone='maybe'",
            " encoding='UTF-8' version='1.0'",
            " version='1.0'encoding='a'",
        ] {
            assert!(!is_declaration(faulty), "{faulty:?}");
        }
    }

    #[test]
    fn names_begin_with_a_letter_or_an_underscore() {
        for (text, expected) in [
            ("a", true),
            ("_a-1.b", true),
            ("Straße", true),
            ("p:a", true),
            ("", false),
            ("1a", false),
            ("-a", false),
            ("a b", false),
            ("a$", false),
            ("a\u{b}", false),
        ] {
            assert_eq!(is_name(text), expected, "{text:?}");
        }
        assert!(is_instruction("php echo 1;") && is_instruction("xml-stylesheet"));
        assert!(!is_instruction("XML x") && !is_instruction(" x") && !is_instruction(""));
    }
}
