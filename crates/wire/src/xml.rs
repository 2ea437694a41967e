//! XML bodies: any root, one child element per field.
//!
//! The parser pulls events and resolves nothing but the five predefined entities
//! and character references: a document type is refused, so no entity can grow
//! or fetch anything. Attributes are checked for their form and ignored.
//!
//! Whatever is not well-formed by XML 1.0 is refused, as CAKE's own parser does, but for
//! two things that scripts send: white space before the declaration, and an encoding in it
//! that is not the body's.

mod grammar;

use crate::body::{BodyError, MAX_DEPTH, Member, body_text};
use crate::input::PairCount;
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesDecl, BytesPI, BytesRef, BytesStart, Event};

/// The root's child elements in their order, also those of equal names. Every
/// element below the root counts as a pair.
pub(crate) fn parse_xml(body: &[u8], count: &mut PairCount) -> Result<Vec<(String, Member)>, BodyError> {
    let text = body_text(body);
    if !text.chars().all(grammar::is_char) {
        return Err(BodyError::Malformed);
    }
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_comments = true;
    let mut document = Document::default();
    loop {
        match reader.read_event().map_err(|_| BodyError::Malformed)? {
            Event::Start(element) => document.open(&element, count)?,
            Event::Empty(element) => {
                document.open(&element, count)?;
                document.close();
            }
            Event::End(_) => document.close(),
            // The end of a CDATA section, which is none.
            Event::Text(text) if AsRef::<str>::as_ref(&text).contains("]]>") => {
                return Err(BodyError::Malformed);
            }
            Event::Text(text) => document.text(&text.xml10_content())?,
            Event::CData(text) if document.depth > 0 => document.text(&text.xml10_content())?,
            Event::GeneralRef(reference) if document.depth > 0 => document.text(&resolve(&reference)?)?,
            Event::CData(_) | Event::GeneralRef(_) | Event::DocType(_) => return Err(BodyError::Malformed),
            Event::Decl(declaration) => document.declare(&declaration)?,
            Event::PI(instruction) => document.instruct(&instruction)?,
            Event::Comment(_) => document.has_begun = true,
            Event::Eof => return document.finish(),
        }
    }
}

/// What was read so far.
#[derive(Default)]
struct Document {
    members: Vec<(String, Member)>,
    /// Open elements: 1 inside the root, 2 inside a field.
    depth: usize,
    has_root: bool,
    /// Something stood there that no declaration may follow.
    has_begun: bool,
}

impl Document {
    fn open(&mut self, element: &BytesStart<'_>, count: &mut PairCount) -> Result<(), BodyError> {
        let tag: &str = element.as_ref();
        let name = element.name();
        let name: &str = name.as_ref();
        if !grammar::is_name(name) || !grammar::are_attributes(tag.get(name.len()..).unwrap_or_default()) {
            return Err(BodyError::Malformed);
        }
        self.has_begun = true;
        match self.depth {
            0 if self.has_root => return Err(BodyError::Malformed),
            0 => self.has_root = true,
            1 => {
                count.add(1)?;
                let name = AsRef::<str>::as_ref(&element.local_name()).to_owned();
                self.members.push((name, Member::Text(String::new())));
            }
            MAX_DEPTH.. => return Err(BodyError::Malformed),
            _ => {
                count.add(1)?;
                if let Some((_, member)) = self.members.last_mut() {
                    *member = Member::Nested;
                }
            }
        }
        self.depth += 1;
        Ok(())
    }

    fn declare(&mut self, declaration: &BytesDecl<'_>) -> Result<(), BodyError> {
        let text: &str = declaration.as_ref();
        let is_sound = text.strip_prefix("xml").is_some_and(grammar::is_declaration);
        if std::mem::replace(&mut self.has_begun, true) || !is_sound {
            return Err(BodyError::Malformed);
        }
        Ok(())
    }

    fn instruct(&mut self, instruction: &BytesPI<'_>) -> Result<(), BodyError> {
        self.has_begun = true;
        if grammar::is_instruction(instruction.as_ref()) { Ok(()) } else { Err(BodyError::Malformed) }
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn text(&mut self, text: &str) -> Result<(), BodyError> {
        match (self.depth, self.members.last_mut()) {
            (0, _) if !text.trim().is_empty() => Err(BodyError::Malformed),
            (2, Some((_, Member::Text(value)))) => {
                value.push_str(text);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<Vec<(String, Member)>, BodyError> {
        if self.has_root && self.depth == 0 { Ok(self.members) } else { Err(BodyError::Malformed) }
    }
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, BodyError> {
    let name: &str = reference.as_ref();
    let character = grammar::character(name).map(String::from);
    character.or_else(|| resolve_xml_entity(name).map(str::to_owned)).ok_or(BodyError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{InputError, MAX_PAIRS};
    use proptest::prelude::*;

    fn parse(body: &[u8]) -> Result<Vec<(String, Member)>, BodyError> {
        parse_xml(body, &mut PairCount::default())
    }

    fn text(name: &str, value: &str) -> (String, Member) {
        (name.to_owned(), Member::Text(value.to_owned()))
    }

    #[test]
    fn any_root_has_one_child_element_per_field() {
        let body = b"<?xml version=\"1.0\"?>\r\n<Lead id='1'>\n <f_name>Bob</f_name><!-- x --><Zip/> text <a:b x=\"y\">c</a:b>\n</Lead>\n";
        assert_eq!(parse(body), Ok(vec![text("f_name", "Bob"), text("Zip", ""), text("b", "c")]));
        assert_eq!(parse(b"<x/>"), Ok(vec![]));
    }

    #[test]
    fn text_cdata_and_entities_make_one_value() {
        let body = b"<r><a>x &lt;&amp;&gt; &#233;&#x20AC; <![CDATA[<b>&amp;]]> &quot;&apos;</a></r>";
        assert_eq!(parse(body), Ok(vec![text("a", "x <&> \u{e9}\u{20ac} <b>&amp; \"'")]));
    }

    #[test]
    fn a_document_type_is_refused() {
        let body = b"<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><r><a>&x;</a></r>";
        assert_eq!(parse(body), Err(BodyError::Malformed));
        assert_eq!(parse(b"<!DOCTYPE r><r><a>b</a></r>"), Err(BodyError::Malformed));
    }

    #[test]
    fn an_unknown_entity_is_malformed() {
        for body in ["<r><a>&nbsp;</a></r>", "<r><a>&#0;</a></r>", "<r><a>&#xD800;</a></r>", "&amp;<r/>"] {
            assert_eq!(parse(body.as_bytes()), Err(BodyError::Malformed), "{body}");
        }
    }

    #[test]
    fn what_is_not_one_well_formed_element_is_malformed() {
        let bodies = [
            "",
            " ",
            "text",
            "a=1&b=2",
            "<r>",
            "<r><a>",
            "<r><a>x</r>",
            "<r></a></r>",
            "</r>",
            "<r/><r/>",
            "<r/>text",
            "text<r/>",
            "<r><a>b & c</a></r>",
            "<r><a b=>c</a></r>",
            "<r><a b>c</a></r>",
            "<r><></></r>",
            "<r><a",
            "<r><a<b/></r>",
            "<r><\u{1a}<!DOCTYPE x/></r>",
            "<r><a b=\"<!DOCTYPE x>\"/></r>",
            "<![CDATA[x]]><r/>",
            "<r><a>x</a></r>junk",
            "<r><a>x</a></r>&#32;",
            "<r><1a>x</1a></r>",
            "<r><a$>x</a$></r>",
            "<r>< a>x</a></r>",
            "<r><a>x</ a></r>",
            "<r><a>x</a b=\"1\"></r>",
            "<r><a b=\"1\" b=\"2\">x</a></r>",
            "<r><a b=\"1\"c=\"2\">x</a></r>",
            "<r><a b=\"x & y\">x</a></r>",
            "<r><a b=\"&nbsp;\">x</a></r>",
            "<r><a>x ]]> y</a></r>",
            "<r><a>x\u{b}y</a></r>",
            "<r><a>x&#11;y</a></r>",
            "<r><a><![CDATA[\u{1}]]></a></r>",
            "<r><a>x\u{fffe}y</a></r>",
            "<r><!-- a -- b --></r>",
            "<r><!-- a --->x</r>",
            "<r><?xml version=\"1.0\"?></r>",
            "<r/><?xml version=\"1.0\"?>",
            "<!-- x --><?xml version=\"1.0\"?><r/>",
            "<?xml version=\"1.0\"?><?xml version=\"1.0\"?><r/>",
            "<?xml?><r/>",
            "<?xml encoding=\"utf-8\"?><r/>",
            "<?xml version=1.0?><r/>",
            "<r><??></r>",
            "<![CDATA[ ]]><r/>",
            "<r/><![CDATA[]]>",
            "&#32;<r/>",
            "<r/>&#x20;",
        ];
        for body in bodies {
            assert_eq!(parse(body.as_bytes()), Err(BodyError::Malformed), "{body}");
        }
    }

    #[test]
    fn what_posting_scripts_write_around_their_elements_is_read() {
        let lead = "<a>b</a>";
        for body in [
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><r>LEAD</r>",
            "\u{feff}<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\r\n<r>\r\n  LEAD\r\n</r>\r\n\r\n",
            // As a page writes it that begins with an empty line.
            "\r\n <?xml version=\"1.0\"?>\n<r>LEAD</r>",
            // As a text of 16 bits calls itself that is sent as one of 8.
            "<?xml version=\"1.0\" encoding=\"utf-16\"?><r>LEAD</r>",
            "<?xml version=\"1\"?><r>LEAD</r>",
            "<?xml version=\"1.0\"?><?xml-stylesheet href='x'?><!-- by hand --><r>LEAD<!----></r><!-- end -->",
            "<r xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type = 'x' id=\"a &amp; b\"\n>LEAD</r >",
            "<s:Envelope xmlns:s='x'>LEAD</s:Envelope>",
            "<r>\tLEAD and > so on</r>",
        ] {
            let body = body.replace("LEAD", lead);
            assert_eq!(parse(body.as_bytes()), Ok(vec![text("a", "b")]), "{body}");
        }
    }

    #[test]
    fn an_element_with_elements_in_it_has_no_value_of_its_own() {
        let members = parse(b"<r><a>x<b>y</b>z</a><c>1</c></r>");
        assert_eq!(members, Ok(vec![("a".to_owned(), Member::Nested), text("c", "1")]));
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_read_as_windows_1252() {
        assert_eq!(parse(b"<r><a>caf\xE9</a></r>"), Ok(vec![text("a", "caf\u{e9}")]));
        assert_eq!(parse(b"\xEF\xBB\xBF<r><a>caf\xC3\xA9</a></r>"), Ok(vec![text("a", "caf\u{e9}")]));
    }

    #[test]
    fn five_hundred_elements_are_read_and_one_more_is_too_many() {
        let many = |elements| format!("<r>{}</r>", "<a/>".repeat(elements));
        assert_eq!(parse(many(MAX_PAIRS).as_bytes()).map(|members| members.len()), Ok(MAX_PAIRS));
        let too_many = Err(BodyError::Input(InputError::TooManyPairs));
        assert_eq!(parse(many(MAX_PAIRS + 1).as_bytes()), too_many);
        let nested = format!("<r><x>{}</x></r>", "<a/>".repeat(MAX_PAIRS));
        assert_eq!(parse(nested.as_bytes()), too_many);
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(parse(deep(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(parse(deep(MAX_DEPTH + 1).as_bytes()), Err(BodyError::Malformed));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in "[<>/!&;#\\[\\]a-c \"'=?CDAT-]{0,80}") {
            let _ = parse(body.as_bytes());
        }

        #[test]
        fn written_values_are_read_back(value in "[^\u{0}-\u{8}\u{b}-\u{1f}\u{fffe}\u{ffff}]{0,80}") {
            let body = format!("<r><a>{}</a></r>", quick_xml::escape::escape(value.as_str()));
            let read = parse(body.as_bytes());
            prop_assert_eq!(read, Ok(vec![text("a", &value)]));
        }
    }
}
