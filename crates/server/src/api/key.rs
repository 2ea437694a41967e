//! API keys: how they are made, and whose a request is.
//!
//! A key is 32 random bytes, so its SHA-256 is as good as a slow hash and can be
//! looked up by index: comparing times tells nothing. It is looked up on every
//! request, which costs one indexed read and lets a revocation act at once.

use super::in_time::in_time;
use super::problem::ApiError;
use super::role::Role;
use crate::admin::Admin;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crumb_domain::AffiliateId;
use crumb_storage::Store;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// What every key begins with, so that people and scanners of leaked secrets
/// know one when they see one.
pub const KEY_PREFIX: &str = "crumb_";

/// A new key, to be shown once, and its hash, to be kept.
pub fn new_api_key<R: rand::CryptoRng + ?Sized>(rng: &mut R) -> (String, [u8; 32]) {
    let mut secret = [0; 32];
    rng.fill_bytes(&mut secret);
    let key = format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(secret));
    let hash = hash_api_key(&key);
    (key, hash)
}

/// What is kept of a key.
pub fn hash_api_key(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Whose request it is; handlers take it as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The key's role.
    pub role: Role,
    /// What is kept of the key, for answers that outlast the question.
    pub(crate) key_hash: [u8; 32],
}

impl Caller {
    /// The name of the key, for what is kept of who did something.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn name<S: Store + Clone>(self, admin: &Admin<S>) -> Result<Option<String>, ApiError> {
        Ok(admin.installation.store.api_key(self.key_hash).await?.map(|key| key.name))
    }

    /// Refuses a key that is not of the network's own people.
    ///
    /// # Errors
    /// [`ApiError::Forbidden`].
    pub fn must_be_of_the_network(self) -> Result<(), ApiError> {
        if self.role.is_of_the_network() {
            Ok(())
        } else {
            Err(ApiError::Forbidden(format!("the role {} may not see this", self.role)))
        }
    }

    /// Whose alone the caller may see: an affiliate's its own, the network's people's
    /// nobody's in particular. Of no use to buyers, who are refused.
    ///
    /// # Errors
    /// [`ApiError::Forbidden`].
    pub fn affiliate_or_network(self) -> Result<Option<AffiliateId>, ApiError> {
        match self.role {
            Role::Affiliate(own) => Ok(Some(own)),
            _ => self.must_be_of_the_network().map(|()| None),
        }
    }

    /// Refuses a key that may not change things; `what` ends "the role reader may not".
    ///
    /// # Errors
    /// [`ApiError::Forbidden`].
    pub fn must_be_allowed_to_change(self, what: &str) -> Result<(), ApiError> {
        if self.role.may_change() {
            Ok(())
        } else {
            Err(ApiError::Forbidden(format!("the role {} may not {what}", self.role)))
        }
    }

    /// Refuses a key that is not an admin's.
    ///
    /// # Errors
    /// [`ApiError::Forbidden`].
    pub fn must_be_admin(self) -> Result<(), ApiError> {
        if self.role == Role::Admin {
            Ok(())
        } else {
            Err(ApiError::Forbidden(format!("the role {} may not see keys", self.role)))
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // Put there by `authenticate`, which stands before every handler that asks.
        parts.extensions.get::<Caller>().copied().ok_or(ApiError::Unauthorized)
    }
}

/// Lets only requests with a valid key pass, and says whose they are.
pub(crate) async fn authenticate<S: Store + Clone>(
    State(admin): State<Arc<Admin<S>>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let key = bearer(request.headers()).ok_or(ApiError::Unauthorized)?;
    let key_hash = hash_api_key(key);
    let stored = admin.installation.store.api_key(key_hash).await?.ok_or(ApiError::Unauthorized)?;
    if stored.revoked_at.is_some() {
        return Err(ApiError::Unauthorized);
    }
    let role = stored
        .role
        .parse()
        .map_err(|_| ApiError::Internal(format!("the key {:?} has no role that is known", stored.name)))?;
    request.extensions_mut().insert(Caller { role, key_hash });
    Ok(next.run(request.map(in_time)).await)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use rand::SeedableRng as _;

    #[test]
    fn a_key_is_recognisable_and_never_the_same_twice() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let (first, hash) = new_api_key(&mut rng);
        let (second, other_hash) = new_api_key(&mut rng);
        assert!(first.starts_with("crumb_"));
        assert_eq!(first.len(), "crumb_".len() + 43);
        assert_ne!(first, second);
        assert_ne!(hash, other_hash);
        assert_eq!(hash, hash_api_key(&first));
    }

    #[test]
    fn only_a_bearer_key_is_read() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(read("Bearer abc"), Some("abc".to_owned()));
        assert_eq!(read("bearer  abc "), Some("abc".to_owned()));
        for wrong in ["Basic abc", "Bearer", "Bearer ", "abc", "Bearerabc"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
