//! What a request carries, in the form its method has.

use super::template::{Language, Template};
use super::values::ValueRules;
use crate::error::Faults;
use crumb_domain::network::BodyMethod;
use crumb_wire::percent;
use crumb_wire::token::Escape;

/// The parameters or the body of a method.
#[derive(Debug)]
pub(super) enum Payload {
    /// The buyer's names and their values, in order; a name may repeat.
    Params(Vec<(String, Template)>),
    /// A body as a whole.
    Body(Template),
}

/// What a lead's tokens are rendered with.
pub(super) type Value<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Payload {
    /// `content_type` is the configured one: a body is escaped as what it is said
    /// to be, else as its method's own type.
    pub(super) fn compile(
        method: BodyMethod,
        params: &[(String, String)],
        body: Option<&str>,
        content_type: Option<&str>,
        faults: &mut Faults,
    ) -> Self {
        if let Some(body) = body {
            if !params.is_empty() {
                faults.note("body", "is instead of params, not besides them");
            }
            return Self::Body(Template::compile(body, body_language(method, content_type)));
        }
        if matches!(method, BodyMethod::Xml | BodyMethod::Soap) {
            for (at, _) in params.iter().enumerate().filter(|(_, (name, _))| !is_xml_name(name)) {
                let message = "is no name of an XML element; a body template can hold it";
                faults.note(format!("params[{at}]"), message);
            }
        }
        let compile = |(name, template): &(String, String)| {
            (name.clone(), Template::compile(template, Language::of_parameter(template)))
        };
        Self::Params(params.iter().map(compile).collect())
    }

    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        let (params, body) = match self {
            Self::Params(params) => (params.as_slice(), None),
            Self::Body(body) => (&[] as &[_], Some(body)),
        };
        params.iter().map(|(_, template)| template).chain(body)
    }

    /// The text that goes into the body, or into the query of a GET.
    ///
    /// A parameter is rendered first and escaped as a whole then, so that a value in
    /// an XML document in a form's parameter is escaped twice.
    pub(super) fn render(&self, method: BodyMethod, value: Value<'_>) -> String {
        let params = match self {
            Self::Body(body) => return body.render(value),
            Self::Params(params) => params.iter().map(|(name, template)| (name, template.render(value))),
        };
        match method {
            BodyMethod::Get | BodyMethod::Post => {
                let pairs = params
                    .map(|(name, value)| format!("{}={}", percent::encode(name), percent::encode(&value)));
                pairs.collect::<Vec<_>>().join("&")
            }
            BodyMethod::Json => {
                let members = params.map(|(name, value)| {
                    format!("\"{}\":\"{}\"", escaped(Escape::Json, name), escaped(Escape::Json, &value))
                });
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
            BodyMethod::Xml | BodyMethod::Soap => {
                let elements =
                    params.map(|(name, value)| format!("<{name}>{}</{name}>", escaped(Escape::Xml, &value)));
                xml_document(method, &elements.collect::<String>())
            }
            BodyMethod::Email => params.map(|(name, value)| format!("{name}: {value}\r\n")).collect(),
        }
    }
}

/// The type that a method's body is sent as where no header says otherwise.
///
/// Forms and JSON are UTF-8 by their definitions and have no parameter for it; XML
/// over HTTP without one was once ASCII.
pub(super) fn default_content_type(method: BodyMethod) -> Option<&'static str> {
    match method {
        BodyMethod::Get | BodyMethod::Email => None,
        BodyMethod::Post => Some("application/x-www-form-urlencoded"),
        BodyMethod::Json => Some("application/json"),
        BodyMethod::Xml | BodyMethod::Soap => Some("text/xml; charset=utf-8"),
    }
}

fn body_language(method: BodyMethod, content_type: Option<&str>) -> Language {
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    match method {
        BodyMethod::Get => Language::Form,
        _ if content_type.contains("html") => Language::Html,
        BodyMethod::Email => Language::Plain,
        _ if content_type.contains("json") => Language::Json,
        _ if content_type.contains("xml") => Language::Xml,
        _ if content_type.contains("urlencoded") => Language::Form,
        BodyMethod::Post => Language::Form,
        BodyMethod::Json => Language::Json,
        BodyMethod::Xml | BodyMethod::Soap => Language::Xml,
    }
}

/// Parameters as a document: CAKE has none for them, and a flat one is the least
/// that a reader can expect.
fn xml_document(method: BodyMethod, elements: &str) -> String {
    const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";
    if method == BodyMethod::Soap {
        const NAMESPACE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
        format!(
            "{DECLARATION}<soap:Envelope xmlns:soap=\"{NAMESPACE}\"><soap:Body><lead>{elements}</lead></soap:Body></soap:Envelope>"
        )
    } else {
        format!("{DECLARATION}<lead>{elements}</lead>")
    }
}

fn is_xml_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:".contains(c))
}

fn escaped(escape: Escape, text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    escape.append(&mut escaped, text);
    escaped
}

/// Names of the tokens that nothing gives a value, as they would go out.
pub(super) fn unknown<'t>(templates: impl Iterator<Item = &'t Template>, rules: &ValueRules) -> Vec<String> {
    let mut names: Vec<String> =
        templates.flat_map(Template::names).filter(|name| !rules.knows(name)).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_escaped_as_its_content_type_says_and_without_one_as_its_method() {
        for (method, content_type, language) in [
            (BodyMethod::Post, Some("application/json; charset=utf-8"), Language::Json),
            (BodyMethod::Post, Some("text/xml"), Language::Xml),
            (BodyMethod::Post, Some("text/html"), Language::Html),
            (BodyMethod::Json, Some("application/x-www-form-urlencoded"), Language::Form),
            (BodyMethod::Json, Some("application/soap+xml"), Language::Xml),
            (BodyMethod::Xml, Some("Application/JSON"), Language::Json),
            (BodyMethod::Email, Some("text/html"), Language::Html),
            (BodyMethod::Email, Some("application/json"), Language::Plain),
            (BodyMethod::Get, Some("application/json"), Language::Form),
            (BodyMethod::Get, None, Language::Form),
            (BodyMethod::Post, None, Language::Form),
            (BodyMethod::Json, None, Language::Json),
            (BodyMethod::Xml, None, Language::Xml),
            (BodyMethod::Soap, None, Language::Xml),
            (BodyMethod::Email, None, Language::Plain),
        ] {
            assert_eq!(body_language(method, content_type), language, "{method:?} {content_type:?}");
        }
    }
}
