//! Answers to lead posts, which form one takes and what it says, and to pings and
//! conversion pixels.
//!
//! An outcome comes in as a [`LeadReply`], and goes out as a [`StoredAnswer`]: XML
//! and JSON for servers, JSONP and a frame's page for the form library, a redirect
//! or a page for browsers. Pure: nothing here reads a clock or makes randomness,
//! so that a stored answer can be given again byte for byte.

mod ajax;
mod document;
mod page;
mod ping;
mod pixel;
#[cfg(test)]
mod tests;

pub use ajax::jsonp;
pub use page::{not_found_page, redirect, thank_you_page};
pub use ping::{PingReply, render_ping};
pub use pixel::{PixelAnswer, render_pixel, unavailable_pixel};

pub(crate) use ajax::script_safe;

use crumb_domain::outcome::Problem;
use crumb_domain::post::{PostKind, StoredAnswer};
use crumb_domain::{LeadId, Money};

const HTML: &str = "text/html; charset=utf-8";

/// The form of an answer to a lead post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerForm {
    /// `<result>`: server and session posts.
    Xml,
    /// The same as a JSON object.
    Json,
    /// A call of this function, whose name has been checked, with the object that
    /// the form library acts upon.
    Jsonp(String),
    /// A page for a hidden frame, which hands that object to the page around it.
    Iframe,
    /// A browser's: on to the next page, or a page that says why not.
    Redirect,
}

impl AnswerForm {
    /// Which answer: `ckm_ifrm`, else `callback`, else `ckm_bp=1`, else JSON (asked
    /// for by a JSON body, or by `Accept` being exactly `application/json`), else
    /// the kind's own, where `ckm_bp=0` makes a browser post's XML.
    pub fn choose(
        iframe: bool,
        callback: Option<&str>,
        browser_post: Option<bool>,
        json: bool,
        kind: PostKind,
    ) -> AnswerForm {
        match (callback, browser_post, kind) {
            _ if iframe => Self::Iframe,
            (Some(callback), _, _) => Self::Jsonp(callback.to_owned()),
            (None, Some(true), _) => Self::Redirect,
            _ if json => Self::Json,
            (None, None, PostKind::Browser) => Self::Redirect,
            (None, Some(false), _) | (None, None, PostKind::Server | PostKind::Session) => Self::Xml,
        }
    }
}

/// What became of a lead post, as far as its poster is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeadReply {
    /// Accepted.
    Success {
        /// The lead's public name.
        lead: LeadId,
        /// What the affiliate is paid.
        price: Money,
        /// Where the visitor goes on to, if anywhere.
        redirect: Option<String>,
    },
    /// Nothing is wrong with single fields, but with the lead as a whole.
    Problem {
        /// What.
        problem: Problem,
        /// Where a browser's visitor is sent on to, if the lead is a duplicate or
        /// found no buyer.
        redirect: Option<String>,
    },
    /// Fields, by name, with the text that says what is wrong with each; both lists
    /// in the vertical's order.
    Fields {
        /// Required, and absent or blank.
        missing: Vec<(String, String)>,
        /// Refused by their validators.
        wrong: Vec<(String, String)>,
    },
}

impl LeadReply {
    /// The texts that a server is told, none for a success: a problem's own, or the
    /// fields' under the name of what is wrong with them, said once each.
    pub fn errors(&self) -> Vec<&str> {
        let under = |problem: Problem, fields: &'_ [(String, String)]| {
            (!fields.is_empty()).then_some(problem.as_str())
        };
        match self {
            Self::Success { .. } => Vec::new(),
            Self::Problem { problem, .. } => vec![problem.as_str()],
            Self::Fields { missing, wrong } => under(Problem::LeadMissingData, missing)
                .into_iter()
                .chain(texts(missing))
                .chain(under(Problem::ValidationFailed, wrong))
                .chain(texts(wrong))
                .collect(),
        }
    }
}

/// The answer to a lead post, with everything that is stored of it.
///
/// A JSONP answer's content type wants `X-Content-Type-Options: nosniff` beside it,
/// which is the sender's to add.
pub fn render(form: &AnswerForm, reply: &LeadReply) -> StoredAnswer {
    match form {
        AnswerForm::Xml => document::xml(reply),
        AnswerForm::Json => document::json(reply),
        AnswerForm::Jsonp(callback) => jsonp(callback, &ajax::result(reply)),
        AnswerForm::Iframe => page::iframe(&ajax::result(reply)),
        AnswerForm::Redirect => page::browser(reply),
    }
}

/// A transparent GIF of one pixel: the answer to a pixel that is an image.
pub const PIXEL_GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\
    \x21\xf9\x04\x01\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

fn texts(fields: &[(String, String)]) -> impl Iterator<Item = &str> {
    fields.iter().map(|(_, text)| text.as_str())
}

/// A redirect that leads nowhere is none.
fn target(redirect: &Option<String>) -> Option<&str> {
    redirect.as_deref().filter(|target| !target.trim().is_empty())
}

fn ok(content_type: &str, body: String) -> StoredAnswer {
    StoredAnswer { status: 200, content_type: Some(content_type.to_owned()), location: None, body }
}
