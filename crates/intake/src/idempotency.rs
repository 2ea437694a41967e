//! Idempotency keys: what they are of, and what is told when one comes again.

use crate::case::IncomingPost;
use crate::credit::is_browsers;
use crate::service::{Answered, PostAnswer};
use crumb_domain::post::{PostKind, StoredAnswer};
use crumb_domain::{CampaignId, OfferId};
use crumb_storage::leads::{IdempotencyClaim, IdempotencyScope, IdempotentAnswer};

/// The longest idempotency key, in characters.
const MAX_KEY_CHARACTERS: usize = 128;

/// Whether a text is an idempotency key: 1 to 128 visible ASCII characters.
pub fn is_idempotency_key(text: &str) -> bool {
    (1..=MAX_KEY_CHARACTERS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// An idempotency key, by where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotencyKey {
    /// In the header: ignored on a browser's post without a request id.
    Header(String),
    /// In the form library's own parameter: random per filled form.
    Form(String),
}

/// The idempotency key's claim: of the campaign, or of offer and request id. An empty
/// request id, as a page's own server sends that got none, is one too: its retries are one
/// lead. A header on a browser's post without one is ignored, since any visitor could meet
/// any other's key. The form library's token is random, and of the offer alone: the page
/// may learn its request id between two presses of one button.
pub(crate) fn claim(
    incoming: &IncomingPost<'_>,
    campaign: Option<CampaignId>,
    offer: OfferId,
) -> Option<IdempotencyClaim> {
    let request_id = incoming.request.request_id.as_deref().unwrap_or_default().trim();
    let (key, scope) = match (incoming.raw.idempotency_key.clone()?, incoming.kind) {
        (IdempotencyKey::Header(key), PostKind::Server) => (key, IdempotencyScope::Campaign(campaign?)),
        (IdempotencyKey::Header(_), kind)
            if request_id.is_empty() && (kind == PostKind::Browser || is_browsers(incoming.request)) =>
        {
            return None;
        }
        (IdempotencyKey::Header(key), _) => {
            (key, IdempotencyScope::OfferAndRequest(offer, request_id.to_owned()))
        }
        // Its own space of keys, so that a header cannot meet it.
        (IdempotencyKey::Form(key), _) => {
            (format!("form {key}"), IdempotencyScope::OfferAndRequest(offer, String::new()))
        }
    };
    Some(IdempotencyClaim { scope, key, body_hash: incoming.request.said.hash() })
}

/// The answer given before under the same key, or 422 where the post differs.
pub(crate) fn replay(incoming: &IncomingPost<'_>, before: &IdempotentAnswer) -> PostAnswer {
    if before.body_hash == incoming.request.said.hash() {
        let answer = before.answer.clone();
        return PostAnswer { answer, replayed: true, kind: incoming.kind, outcome: Answered::Before };
    }
    differs(incoming)
}

/// 422: the key was used for another post.
pub(crate) fn differs(incoming: &IncomingPost<'_>) -> PostAnswer {
    let answer = StoredAnswer {
        status: 422,
        content_type: Some("text/plain; charset=utf-8".to_owned()),
        location: None,
        body: "This Idempotency-Key was used for another post.\n".to_owned(),
    };
    PostAnswer { answer, replayed: false, kind: incoming.kind, outcome: Answered::Before }
}
