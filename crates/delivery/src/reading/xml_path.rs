//! Paths into a buyer's XML: `/result/code`, `/result/@code`, `/result/lead[2]/price`.
//!
//! The parser resolves nothing but the five predefined entities and character
//! references; a document type is refused, so there is nothing to expand.

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// Elements within each other that are read; answers nest a few.
const MAX_DEPTH: usize = 128;

/// A path that was understood: the elements on the way down, and an attribute of the last
/// where it ends with one.
///
/// Names are compared without their prefixes: which prefix a buyer's SOAP library
/// picks today means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct XmlPath {
    steps: Vec<Step>,
    attribute: Option<String>,
}

/// An element on the way down.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    name: String,
    /// Which of those of that name within one parent, from 1; all where it is not said.
    place: Option<u32>,
}

impl Step {
    /// A name, or one with a place: `lead[2]`.
    fn parse(text: &str) -> Option<Self> {
        let (name, place) = match text.trim().strip_suffix(']') {
            None => (text, None),
            Some(numbered) => {
                let (name, place) = numbered.split_once('[')?;
                (name, Some(place_of(place)?))
            }
        };
        Some(Self { name: name_of(name)?, place })
    }
}

/// A place, from 1.
fn place_of(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|place| is_number && *place > 0)
}

/// A name without its prefix, if it can be one. `*` and `text()`, which other tools
/// understand, would match nothing for ever: they are refused where they are written.
fn name_of(text: &str) -> Option<String> {
    let name = text.rsplit(':').next().unwrap_or_default().trim();
    let begins = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
    let goes_on = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '\u{b7}');
    (begins && name.chars().all(goes_on)).then(|| name.to_owned())
}

impl XmlPath {
    /// Reads `/` and an element, once or more, and `/@` and an attribute at the end;
    /// `None` for anything else.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        let (elements, attribute) = match path.rsplit_once("/@") {
            // What binds a prefix is no attribute.
            Some((_, binding)) if binding.split(':').next() == Some("xmlns") => return None,
            Some((elements, attribute)) => (elements, Some(name_of(attribute)?)),
            None => (path, None),
        };
        let steps: Vec<Step> = elements.split('/').map(Step::parse).collect::<Option<_>>()?;
        // There is one root.
        let has_root = steps.first().is_some_and(|root| root.place.is_none_or(|place| place == 1));
        has_root.then_some(Self { steps, attribute })
    }

    /// The texts of all elements at the path, in order: what stands directly in
    /// each, entities and CDATA resolved; or the values of their attribute, of those that
    /// have it. Nothing where the document is no well-formed XML.
    pub(super) fn find_all(&self, document: &str) -> Vec<String> {
        self.walk(document).unwrap_or_default()
    }

    fn walk(&self, document: &str) -> Option<Vec<String>> {
        let mut reader = Reader::from_str(document);
        reader.config_mut().expand_empty_elements = true;
        let mut found: Vec<String> = Vec::new();
        // Open elements, and how many of the outermost are on the path; of each of these and
        // of the document, how many children had the next step's name.
        let (mut depth, mut matched) = (0_usize, 0_usize);
        let mut named = vec![0_u32];
        let mut has_root = false;
        loop {
            let is_at_path = self.attribute.is_none() && depth == matched && matched == self.steps.len();
            let text = match reader.read_event().ok()? {
                Event::Start(element) => {
                    if depth == 0 && has_root {
                        return None;
                    }
                    has_root = true;
                    let is_next = depth == matched && self.is_next(&element, matched, &mut named);
                    depth += 1;
                    if is_next {
                        matched += 1;
                        named.push(0);
                    }
                    if is_next && matched == self.steps.len() {
                        match &self.attribute {
                            None => found.push(String::new()),
                            Some(name) => found.extend(attribute(&element, name)?),
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
                    named.truncate(matched + 1);
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

    /// Whether an element within the first `matched` steps is the next one; counts it
    /// where it has that one's name.
    fn is_next(&self, element: &BytesStart<'_>, matched: usize, named: &mut [u32]) -> bool {
        let Some(step) = self.steps.get(matched) else { return false };
        if AsRef::<str>::as_ref(&element.local_name()) != step.name.as_str() {
            return false;
        }
        let Some(count) = named.last_mut() else { return false };
        *count = count.saturating_add(1);
        step.place.is_none_or(|place| place == *count)
    }
}

/// An attribute's value, if the element has it; nothing where one of its attributes cannot
/// be read.
fn attribute(element: &BytesStart<'_>, name: &str) -> Option<Option<String>> {
    let mut found = None;
    for attribute in element.attributes() {
        let attribute = attribute.ok()?;
        let local = attribute.key.local_name();
        if AsRef::<str>::as_ref(&local) == name && attribute.key.as_namespace_binding().is_none() {
            // An entity of another name, or none: left as it stands, as in elements.
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_or_else(|_| attribute.value.to_string(), |value| value.into_owned());
            found = found.or(Some(value));
        }
    }
    Some(found)
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
    fn a_path_may_end_with_an_attribute_and_count_elements_of_a_name() {
        let document = "<r code=\"0\" n:id='a&amp;b'><m k=\"1\">a</m><x/><m>b</m><m k=\"3\">c<m k=\"4\"/></m>\
                        <l><m>d</m></l><l><m>e</m><m>f</m></l></r>";
        for (path, found) in [
            ("/r/@code", vec!["0"]),
            ("/r/@id", vec!["a&b"]),
            ("/r/@x:code", vec!["0"]),
            ("/r/@price", vec![]),
            ("/r/m/@k", vec!["1", "3"]),
            ("/r/m[2]", vec!["b"]),
            ("/r/m[2]/@k", vec![]),
            ("/r/m[3]/m/@k", vec!["4"]),
            ("/r/m[4]", vec![]),
            ("/r/l/m[1]", vec!["d", "e"]),
            ("/r/l[2]/m[2]", vec!["f"]),
            ("/r[1]/x[1]", vec![""]),
        ] {
            assert_eq!(find(path, document), found, "{path}");
        }
        assert_eq!(find("/r/@u", "<r u=\"?a=1&b=&nbsp;\"/>"), ["?a=1&b=&nbsp;"]);
        for broken in ["<r code=0/>", "<r code=\"0\" code=\"1\"/>"] {
            assert_eq!(find("/r/@code", broken), Vec::<String>::new(), "{broken}");
        }
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
            "/@code",
            "/r/@",
            "/r/@code/b",
            "/r/@code[1]",
            "/r/*",
            "/r/@xmlns",
            "/r/@xmlns:s",
            "/r[2]/code",
            "/r/code[0]",
            "/r/code[+1]",
            "/r/code[ 1 ]",
            "/r/code[-1]",
            "/r/code[x]",
            "/r/code[1",
            "/r/[1]",
            "/r/text()",
            "/r/code=0",
            "/r/1",
        ] {
            assert_eq!(XmlPath::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_not(
            begins in "(<r>){0,2}",
            goes_on in "(<r>|</r>|<r r=|<!\\[CDATA\\[|\\]\\]>|<!--|-->|<\\?|\\?>|&#[0-9x]{0,3};|&[a-z]{0,3};|[<>/!&;#\"' r=-]){0,20}",
        ) {
            let document = begins + &goes_on;
            let _ = find("/r/r", &document);
            let _ = find("/r/@r", &document);
        }
    }
}
