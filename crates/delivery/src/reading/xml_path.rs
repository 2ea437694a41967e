//! Paths into a buyer's XML: `/result/code`.
//!
//! The parser resolves nothing but the five predefined entities and character
//! references; a document type is refused, so there is nothing to expand.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};

/// Elements within each other that are read; answers nest a few.
const MAX_DEPTH: usize = 128;

/// A path that was understood: the names of the elements on the way down.
///
/// Names are compared without their prefixes: which prefix a buyer's SOAP library
/// picks today means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct XmlPath(Vec<String>);

impl XmlPath {
    /// Reads `/` and a name, once or more; `None` for anything else.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let names = path.strip_prefix('/')?.split('/');
        let local = |name: &str| name.rsplit(':').next().unwrap_or_default().trim().to_owned();
        let names: Vec<String> = names.map(local).collect();
        names.iter().all(|name| is_element_name(name)).then_some(Self(names))
    }

    /// The texts of all elements at the path, in order: what stands directly in
    /// each, entities and CDATA resolved. Nothing where the document is no
    /// well-formed XML.
    pub(super) fn find_all(&self, document: &str) -> Vec<String> {
        self.walk(document).unwrap_or_default()
    }

    fn walk(&self, document: &str) -> Option<Vec<String>> {
        let mut reader = Reader::from_str(document);
        reader.config_mut().expand_empty_elements = true;
        let mut found: Vec<String> = Vec::new();
        // Open elements, and how many of the outermost are on the path.
        let (mut depth, mut matched) = (0_usize, 0_usize);
        let mut has_root = false;
        loop {
            let is_at_path = depth == matched && matched == self.0.len();
            let text = match reader.read_event().ok()? {
                Event::Start(element) => {
                    if depth == 0 && has_root {
                        return None;
                    }
                    has_root = true;
                    let name = element.local_name();
                    let is_next = depth == matched
                        && self.0.get(matched).is_some_and(|next| next == AsRef::<str>::as_ref(&name));
                    depth += 1;
                    if is_next {
                        matched += 1;
                        if matched == self.0.len() {
                            found.push(String::new());
                        }
                    }
                    if depth > MAX_DEPTH {
                        return None;
                    }
                    continue;
                }
                Event::End(_) => {
                    depth = depth.checked_sub(1)?;
                    matched = matched.min(depth);
                    continue;
                }
                Event::Text(text) if depth == 0 && !text.trim().is_empty() => return None,
                Event::Text(text) => text.xml10_content().into_owned(),
                Event::CData(text) => text.xml10_content().into_owned(),
                Event::GeneralRef(reference) => resolve(&reference)?,
                Event::DocType(_) => return None,
                Event::Eof => return (has_root && depth == 0).then_some(found),
                _ => continue,
            };
            if is_at_path && let Some(value) = found.last_mut() {
                value.push_str(&text);
            }
        }
    }
}

/// Whether an element can have this name. `@code`, `*` and `code[1]`, which other tools
/// understand, would match nothing for ever: they are refused where they are written.
fn is_element_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '\u{b7}'))
}

/// An entity of another name is left as it stands: answers have `&nbsp;`.
fn resolve(reference: &BytesRef<'_>) -> Option<String> {
    Some(match reference.resolve_char_ref().ok()? {
        Some(character) => character.to_string(),
        None => {
            let name: &str = reference;
            resolve_xml_entity(name).map_or_else(|| format!("&{name};"), str::to_owned)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn find(path: &str, document: &str) -> Vec<String> {
        XmlPath::parse(path).unwrap().find_all(document)
    }

    #[test]
    fn a_path_names_each_element_on_the_way_down() {
        let document = "<?xml version=\"1.0\"?>\n<r><code>0</code><x><code>7</code></x><price>1<b>9</b>2</price><e/><m>a</m><m>b</m></r>";
        for (path, found) in [
            ("/r/code", vec!["0"]),
            ("/r/x/code", vec!["7"]),
            ("/r/price", vec!["12"]),
            ("/r/price/b", vec!["9"]),
            ("/r/e", vec![""]),
            ("/r/m", vec!["a", "b"]),
            ("/r", vec![""]),
            ("/code", vec![]),
            ("/x/code", vec![]),
            ("/r/Code", vec![]),
            ("/r/code/code", vec![]),
        ] {
            assert_eq!(find(path, document), found, "{path}");
        }
    }

    #[test]
    fn entities_and_cdata_are_resolved_and_nothing_is_trimmed() {
        let document =
            "<r> <u>https://x/?a=1&amp;b=2&#38;c&nbsp;</u><c><![CDATA[a&amp;<b>]]></c><s> 0\n</s></r>";
        assert_eq!(find("/r/u", document), ["https://x/?a=1&b=2&c&nbsp;"]);
        assert_eq!(find("/r/c", document), ["a&amp;<b>"]);
        assert_eq!(find("/r/s", document), [" 0\n"]);
    }

    #[test]
    fn prefixes_mean_nothing() {
        let document = "<s:Envelope xmlns:s=\"u\"><s:Body><ns2:code>0</ns2:code></s:Body></s:Envelope>";
        for path in ["/Envelope/Body/code", "/soap:Envelope/soap:Body/code", "/s:Envelope/s:Body/ns2:code"] {
            assert_eq!(find(path, document), ["0"], "{path}");
        }
    }

    #[test]
    fn a_document_type_or_a_broken_document_has_nothing() {
        for document in [
            "<!DOCTYPE r [<!ENTITY x \"1\">]><r><a>&x;</a></r>",
            "<!DOCTYPE r><r><a>1</a></r>",
            "<r><a>1</a>",
            "<r><a>1</b></r>",
            "<r><a>1</a></r><r><a>2</a></r>",
            "success <r><a>1</a></r>",
            "{\"r\":1}",
            "",
        ] {
            assert_eq!(find("/r/a", document), Vec::<String>::new(), "{document}");
        }
        let deep = format!("{}{}", "<r>".repeat(50_000), "</r>".repeat(50_000));
        assert_eq!(find("/r", &deep), Vec::<String>::new());
    }

    #[test]
    fn anything_else_is_no_path() {
        for wrong in [
            "",
            "/",
            "r",
            "//r",
            "/r/",
            "/r//a",
            "/ /a",
            "/a:/b",
            "/r/@code",
            "/r/*",
            "/r/code[1]",
            "/r/text()",
            "/r/code=0",
            "/r/1",
        ] {
            assert_eq!(XmlPath::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_not(document in "[<>/!&;#\\[\\]r \"'=?CDAT-]{0,80}") {
            let _ = find("/r/r", &document);
        }
    }
}
