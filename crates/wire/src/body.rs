//! Which format a body has, and what the structured ones (XML, JSON) have in common.

use crate::input::InputError;

/// How deep elements or members may lie in one another. Posts are flat; what is
/// deeper than this was not made by a posting system.
pub(crate) const MAX_DEPTH: usize = 32;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyFormat<'a> {
    /// Urlencoded.
    Form,
    /// `multipart/form-data`, with the whole type, which has the boundary.
    Multipart(&'a str),
    /// XML, which no type says, but a parameter.
    Xml,
    /// JSON.
    Json,
}

impl<'a> BodyFormat<'a> {
    /// By a content type: urlencoded where it says nothing else that is read.
    pub(crate) fn of_type(content_type: &'a str) -> Self {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if is_json(media_type) {
            Self::Json
        } else if media_type.eq_ignore_ascii_case("multipart/form-data") {
            Self::Multipart(content_type)
        } else {
            Self::Form
        }
    }
}

/// JSON by its own name, by the name that some scripts give it, or as what a type is written in:
/// `application/vnd.api+json`.
fn is_json(media_type: &str) -> bool {
    let media_type = media_type.to_ascii_lowercase();
    matches!(media_type.as_str(), "application/json" | "text/json")
        || media_type.starts_with("application/") && media_type.ends_with("+json")
}

/// One named part of a body: an XML element or a JSON member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Member {
    /// A plain value.
    Text(String),
    /// It holds others, so that it has no value of its own.
    Nested,
}

/// Why a body gave no members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// It says more than we read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// It is not of its format.
    #[error("the body is not of its format")]
    Malformed,
}

/// A structured body as text, without the mark that some systems put before UTF-8.
pub(crate) fn body_text(body: &[u8]) -> String {
    crate::percent::text(body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body))
}
