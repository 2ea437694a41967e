//! How a buyer's answer is read: which patterns it fits, and what stands in it.
//!
//! A body is text in UTF-8, or else in Windows-1252, in which every byte means
//! something. Patterns look at all of it, case-sensitively, with nothing trimmed;
//! values found in it are trimmed.

mod json_path;
mod pattern;
mod price;
mod redirect;
mod token;
mod xml_path;

#[cfg(test)]
mod tests;

use crate::error::{CompileError, Faults};
use crate::plan::Purpose;
use crumb_domain::network::DeliveryMethod;
use crumb_domain::selling::{BuyerAnswer, BuyerReading};
use pattern::Pattern;
use token::Token;

/// Characters of a buyer's lead id or a session token at most: longer ones are
/// taken for a pattern that caught too much, and count as absent.
pub const MAX_TOKEN_CHARS: usize = 1_024;

/// A delivery method's patterns, compiled.
#[derive(Debug)]
pub struct AnswerReader {
    rejected: Vec<Pattern>,
    duplicate: Vec<Pattern>,
    error: Vec<Pattern>,
    accepted: Vec<Pattern>,
    price: Option<Token>,
    redirect: Option<Token>,
    lead_id: Option<Token>,
    session: Option<Token>,
}

/// An answer, as patterns see it.
struct Answer<'a> {
    status: Option<u16>,
    text: &'a str,
}

impl AnswerReader {
    /// Compiles the patterns. A session token is read from pings only.
    pub fn compile(method: &DeliveryMethod, purpose: Purpose) -> Result<Self, CompileError> {
        let mut faults = Faults::default();
        let reader = Self::compile_noting(method, purpose, &mut faults);
        faults.or(reader)
    }

    /// The same of what has no fault.
    pub(crate) fn compile_noting(method: &DeliveryMethod, purpose: Purpose, faults: &mut Faults) -> Self {
        let mut patterns = |key: &str, texts: &[String]| {
            let compile = |(index, text): (usize, &String)| {
                let compiled = Pattern::compile(text);
                faults.keep(compiled.map_err(|message| CompileError::new(format!("{key}[{index}]"), message)))
            };
            texts.iter().enumerate().filter_map(compile).collect::<Vec<_>>()
        };
        let (rejected, duplicate) =
            (patterns("rejected", &method.rejected), patterns("duplicate", &method.duplicate));
        let (error, accepted) = (patterns("error", &method.error), patterns("accepted", &method.accepted));
        let mut token = |key: &str, text: &Option<String>| {
            let compiled = Token::compile(text.as_deref()?);
            faults.keep(compiled.map_err(|message| CompileError::new(key, message)))
        };
        Self {
            rejected,
            duplicate,
            error,
            accepted,
            price: token("price", &method.price),
            redirect: token("redirect", &method.redirect),
            lead_id: token("lead_id", &method.lead_id),
            session: match purpose {
                Purpose::Ping => token("session", &method.session),
                Purpose::Post => None,
            },
        }
    }

    /// Reads an answer. Refusals come first: an answer that says both "duplicate"
    /// and "success" is no sale.
    ///
    /// Price, redirect and session mean something with an acceptance only and are
    /// not looked for otherwise; the buyer's lead id is, since people ask the buyer
    /// by it why it refused.
    pub fn read(&self, status: Option<u16>, body: &[u8]) -> BuyerAnswer {
        let text = crumb_wire::percent::text(body);
        let answer = Answer { status, text: text.strip_prefix('\u{feff}').unwrap_or(&text) };
        let fits = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.fits(&answer));
        let refusal = || BuyerReading { lead_id: named(&self.lead_id, &answer), ..BuyerReading::default() };
        if fits(&self.rejected) {
            BuyerAnswer::Rejected(refusal())
        } else if fits(&self.duplicate) {
            BuyerAnswer::Duplicate(refusal())
        } else if fits(&self.error) {
            BuyerAnswer::Error(refusal())
        } else if fits(&self.accepted) {
            BuyerAnswer::Accepted(self.acceptance(&answer))
        } else {
            BuyerAnswer::UnknownAnswer(refusal())
        }
    }

    fn acceptance(&self, answer: &Answer<'_>) -> BuyerReading {
        let found = |token: &Option<Token>| token.as_ref().and_then(|token| token.find(answer));
        let redirect = found(&self.redirect).map(|text| redirect::read_redirect(&text)).unwrap_or_default();
        BuyerReading {
            price: self
                .price
                .as_ref()
                .map(|token| price::read_price(&token.find(answer).unwrap_or_default())),
            bad_redirect: redirect.is_bad,
            redirect: redirect.link,
            lead_id: named(&self.lead_id, answer),
            session: named(&self.session, answer),
        }
    }
}

fn named(token: &Option<Token>, answer: &Answer<'_>) -> Option<String> {
    let found = token.as_ref()?.find(answer)?;
    let trimmed = found.trim();
    let fits = !trimmed.is_empty() && trimmed.chars().nth(MAX_TOKEN_CHARS).is_none();
    fits.then(|| trimmed.to_owned())
}
