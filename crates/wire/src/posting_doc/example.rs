//! Examples: something complete to paste.

use super::{FieldDoc, Ids, Method, curl, html};

/// How each name begins that stands for what a document cannot know.
const PLACEHOLDER: &str = "YOUR_";

/// What stands for a field's value that is the reader's to find. No id or key is called so.
pub(super) fn placeholder_of(field: &str) -> String {
    let letters = field.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    format!("{PLACEHOLDER}VALUE_OF_{}", letters.collect::<String>())
}

/// A piece of code or an answer, with what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// What it is or when it comes.
    pub title: String,
    /// What it is written in.
    pub language: Language,
    /// The whole of it.
    pub code: String,
}

/// What an example is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Commands of a POSIX shell.
    Shell,
    /// A page or a part of one.
    Html,
    /// A script.
    JavaScript,
    /// Python 3.
    Python,
    /// An address.
    Address,
    /// JSON.
    Json,
    /// XML.
    Xml,
    /// An HTTP answer's head.
    Http,
}

impl Language {
    /// Its name, as code fences have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shell => "sh",
            Self::Html => "html",
            Self::JavaScript => "js",
            Self::Python => "python",
            Self::Address => "text",
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Http => "http",
        }
    }
}

impl Example {
    pub(crate) fn new(title: &str, language: Language, code: impl Into<String>) -> Self {
        Self { title: title.to_owned(), language, code: code.into() }
    }

    /// What a reader must put something of their own for, in words with what is to be typed
    /// between back quotes; none where the code works as it is.
    pub fn to_replace(&self) -> Option<String> {
        let mut names: Vec<String> = Vec::new();
        for (start, _) in self.code.match_indices(PLACEHOLDER) {
            let rest = self.code.get(start..).unwrap_or_default();
            let is_of_name = |c: &char| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '_';
            let name: String = rest.chars().take_while(is_of_name).collect();
            let name = format!("`{name}`");
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let last = names.pop()?;
        let all = if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) };
        Some(format!("Replace {all} by your own before you use this."))
    }
}

pub(super) fn examples(method: Method, ids: &Ids, fields: &[FieldDoc]) -> Vec<Example> {
    match method {
        Method::Server => curl::server(ids, fields),
        Method::ServerJson => vec![curl::server_json(ids, fields)],
        Method::Xml => vec![curl::xml(ids, fields)],
        Method::Session => vec![html::session_page(ids, fields), curl::session(ids, fields)],
        Method::SessionJson => vec![curl::session_json(ids, fields)],
        Method::BrowserHttp => {
            vec![html::http_page(ids, fields), html::http_page_without_cookies(ids, fields)]
        }
        Method::BrowserAjax => vec![html::ajax_page(ids, fields)],
    }
}
