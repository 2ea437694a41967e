//! API keys and shared documents.

use super::build::NOW;
use crate::access::{ApiKey, Share};
use crate::{Store, StoreError};
use std::sync::Arc;

fn key(number: u8, name: &str) -> ApiKey {
    ApiKey {
        hash: [number; 32],
        name: name.to_owned(),
        role: "affiliate:12".to_owned(),
        created_at: NOW.plus_seconds(i64::from(number)),
        revoked_at: None,
    }
}

/// The caller says what a revoked key may do: nothing.
pub async fn a_key_is_found_by_its_hash_also_when_revoked<S: Store>(store: Arc<S>) {
    let (older, newer) = (key(1, "older"), key(2, "newer"));
    store.create_api_key(newer.clone()).await.unwrap();
    store.create_api_key(older.clone()).await.unwrap();
    assert_eq!(store.api_key([1; 32]).await.unwrap(), Some(older.clone()));
    assert_eq!(store.api_key([3; 32]).await.unwrap(), None);
    let at = NOW.plus_days(1);
    assert!(store.revoke_api_key("older".to_owned(), at).await.unwrap());
    let revoked = ApiKey { revoked_at: Some(at), ..older };
    assert_eq!(store.api_key([1; 32]).await.unwrap(), Some(revoked.clone()));
    assert_eq!(store.api_keys().await.unwrap(), [revoked, newer]);
}

/// [`StoreError::Conflict`]; a name whose key ended is free again.
pub async fn a_name_belongs_to_one_key_that_is_in_force<S: Store>(store: Arc<S>) {
    store.create_api_key(key(1, "name")).await.unwrap();
    assert_eq!(store.create_api_key(key(2, "name")).await, Err(StoreError::Conflict));
    assert_eq!(store.api_key([2; 32]).await.unwrap(), None);
    assert!(!store.revoke_api_key("other".to_owned(), NOW).await.unwrap());
    assert!(store.revoke_api_key("name".to_owned(), NOW).await.unwrap());
    assert!(!store.revoke_api_key("name".to_owned(), NOW.plus_days(1)).await.unwrap());
    assert_eq!(store.api_key([1; 32]).await.unwrap().unwrap().revoked_at, Some(NOW));
    store.create_api_key(key(2, "name")).await.unwrap();
    assert!(store.api_key([2; 32]).await.unwrap().is_some());
}

/// What it shows is the caller's text; when it ends by itself is the caller's to judge.
pub async fn a_share_lives_until_it_is_ended<S: Store>(store: Arc<S>) {
    let share = Share {
        id: "x7".to_owned(),
        subject: "{\"offer\":100}".to_owned(),
        created_at: NOW,
        expires_at: NOW.plus_days(30),
        revoked_at: None,
    };
    store.create_share(share.clone()).await.unwrap();
    assert_eq!(store.create_share(share.clone()).await, Err(StoreError::Conflict));
    assert_eq!(store.share("x7".to_owned()).await.unwrap(), Some(share.clone()));
    assert_eq!(store.share("x8".to_owned()).await.unwrap(), None);
    assert!(!store.revoke_share("x8".to_owned(), NOW).await.unwrap());
    let at = NOW.plus_days(1);
    assert!(store.revoke_share("x7".to_owned(), at).await.unwrap());
    let ended = Share { revoked_at: Some(at), ..share };
    assert_eq!(store.share("x7".to_owned()).await.unwrap(), Some(ended.clone()));
    assert!(store.revoke_share("x7".to_owned(), at.plus_days(1)).await.unwrap());
    assert_eq!(store.share("x7".to_owned()).await.unwrap(), Some(ended), "it ended then");
}

/// [`Store::ready`].
pub async fn a_fresh_store_is_ready<S: Store>(store: Arc<S>) {
    assert_eq!(store.ready().await, Ok(()));
    assert_eq!(store.ready().await, Ok(()));
}
