//! Signed addresses of posting documents: `/doc/{token}`.
//!
//! A token is 16 random bytes, which name the share in the store, and an HMAC over
//! them, so that a made-up one is refused without asking the store. When it ends
//! and whether it was revoked is in the store. A token that is expired, revoked or
//! made up, and one whose subject is gone, are answered alike.

use super::{Kind, Method, NoDocument, Subject, document, page, pixel_document, pixel_page};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use crumb_storage::access::Share;
use crumb_storage::{Store, StoreError};
use crumb_tracking::Installation;
use crumb_tracking::installation::ShareKey;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{self, HeaderName, HeaderValue};
use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

/// How long a shared address lives, in days.
pub const SHARE_DAYS: i64 = 30;
/// Bytes of a share's name: too many to be guessed, even without the signature.
const ID_BYTES: usize = 16;
const SIGNATURE_BYTES: usize = 32;

/// What a shared document is answered with besides its content: it is not to be
/// found, kept or passed on, and runs no script but its own.
pub static SHARED_HEADERS: LazyLock<[(HeaderName, HeaderValue); 5]> = LazyLock::new(|| {
    let script = STANDARD.encode(Sha256::digest(page::SCRIPT.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    let strictest =
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; form-action 'self'");
    [
        (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_str(&policy).unwrap_or(strictest)),
    ]
});

/// What `/doc/{token}` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SharedPage {
    /// The document.
    Html(String),
    /// Nothing to see, and no word on why.
    NotFound,
}

/// A share's subject as the store keeps it.
#[derive(Debug, Serialize, Deserialize)]
struct Shared {
    of: Subject,
    #[serde(default)]
    method: Option<Method>,
    /// Shares made before there were others are on leads.
    #[serde(default)]
    kind: Kind,
    /// The tracking domain when it was made, for a network that names none.
    base_url: String,
}

/// Makes an address that shows a document for [`SHARE_DAYS`] days, with a method
/// chosen. `base_url` is the tracking domain, without a path.
///
/// # Errors
/// The store's. Whether the subject has such a document is the caller's to ask, by
/// [`document`] or [`pixel_document`].
pub fn create_share<S: Store + Clone, R: Rng + ?Sized>(
    installation: &Installation<S>,
    base_url: &str,
    (kind, subject): (Kind, Subject),
    method: Option<Method>,
    rng: &mut R,
) -> impl Future<Output = Result<String, StoreError>> + Send {
    let id: [u8; ID_BYTES] = rng.random();
    let base_url = base_url.trim_end_matches('/').to_owned();
    async move {
        let now = installation.clock.now();
        let shared = Shared { of: subject, method, kind, base_url };
        let share = Share {
            id: URL_SAFE_NO_PAD.encode(id),
            subject: serde_json::to_string(&shared)
                .map_err(|error| StoreError::Corrupt(error.to_string()))?,
            created_at: now,
            expires_at: now.plus_days(SHARE_DAYS),
            revoked_at: None,
        };
        installation.store.create_share(share).await?;
        Ok(format!("{}/doc/{}", shared.base_url, token(&installation.keys.shares, &id)))
    }
}

/// Ends a share, named by its token or its whole address, and gives what it showed; none where
/// there is no such share.
///
/// # Errors
/// The store's.
pub async fn revoke_share<S: Store + Clone>(
    installation: &Installation<S>,
    address: &str,
) -> Result<Option<(Kind, Subject)>, StoreError> {
    let token = address.rsplit('/').next().unwrap_or_default();
    let token = token.split(['?', '#']).next().unwrap_or_default();
    let Some(id) = verified(&installation.keys.shares, token) else { return Ok(None) };
    let Some(share) = installation.store.share(id.clone()).await? else { return Ok(None) };
    if !installation.store.revoke_share(id, installation.clock.now()).await? {
        return Ok(None);
    }
    let shared = read(&share)?;
    Ok(Some((shared.kind, shared.of)))
}

fn read(share: &Share) -> Result<Shared, StoreError> {
    serde_json::from_str(&share.subject).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// The document behind a token. `query_method` is what `?method=` says: it goes
/// before the method that the share was made with.
///
/// # Errors
/// The store's, where it cannot be read: callers answer 503.
pub async fn shared_page<S: Store + Clone>(
    installation: &Installation<S>,
    token: &str,
    query_method: Option<&str>,
) -> Result<SharedPage, StoreError> {
    let Some(id) = verified(&installation.keys.shares, token) else { return Ok(SharedPage::NotFound) };
    let now = installation.clock.now();
    let share = installation.store.share(id).await?;
    let Some(share) = share.filter(|share| share.revoked_at.is_none() && now < share.expires_at) else {
        return Ok(SharedPage::NotFound);
    };
    let shared = read(&share)?;
    let snapshot = installation.network.snapshot();
    if shared.kind == Kind::Pixels {
        let doc = pixel_document(&snapshot, shared.of, &shared.base_url);
        return Ok(doc.map_or(SharedPage::NotFound, |doc| SharedPage::Html(pixel_page(&doc))));
    }
    let doc = match document(&snapshot, shared.of, &shared.base_url, now, installation.pings) {
        Ok(doc) => doc,
        Err(NoDocument::Unknown) => return Ok(SharedPage::NotFound),
        // The offer has changed since the page was given out: who has it shall not post in vain.
        Err(why @ NoDocument::TakesNoLeads(_)) => return Ok(SharedPage::Html(page::refusal(&why))),
    };
    let chosen = query_method.and_then(|method| method.parse().ok());
    let chosen = chosen.or(shared.method.map(page::Shown::One)).unwrap_or_default();
    Ok(SharedPage::Html(page::page(&doc, chosen)))
}

fn token(key: &ShareKey, id: &[u8; ID_BYTES]) -> String {
    URL_SAFE_NO_PAD.encode([&id[..], &signature(key, id).finalize().into_bytes()[..]].concat())
}

/// The share's name in the store, `None` for a token that this installation did not sign.
fn verified(key: &ShareKey, token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (id, given) = bytes.split_first_chunk::<ID_BYTES>()?;
    if given.len() != SIGNATURE_BYTES {
        return None;
    }
    signature(key, id).verify_slice(given).ok()?;
    Some(URL_SAFE_NO_PAD.encode(id))
}

fn signature(key: &ShareKey, id: &[u8; ID_BYTES]) -> Hmac<Sha256> {
    // A shorter key is filled up with zeros, by the definition of HMAC; a block of
    // the hash's own size cannot be refused.
    let mut block = [0; 64];
    for (place, byte) in block.iter_mut().zip(key.0) {
        *place = byte;
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(b"posting document ");
    mac.update(id);
    mac
}
