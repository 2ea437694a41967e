//! What webhooks are signed with, as Standard Webhooks 1.0 has it.

use crate::Timestamp;
use crate::keyed_hash::KeyedHash;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// What marks a secret as base64.
const PREFIX: &str = "whsec_";

/// The key of a webhook, ready to sign.
#[derive(Clone)]
pub struct WebhookKey(KeyedHash);

impl std::fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookKey(…)")
    }
}

/// Why a text is no secret of a webhook. The text is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoWebhookKey {
    /// There is none.
    #[error("required")]
    Empty,
    /// What follows `whsec_` is not base64.
    #[error("must be base64 after \"whsec_\"; it is not shown, because it is a secret")]
    NotBase64,
}

impl WebhookKey {
    /// Of a secret as it is written: `whsec_` and the key as base64, or any other text,
    /// whose bytes are the key.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn of(secret: &str) -> Result<Self, NoWebhookKey> {
        let key = match secret.strip_prefix(PREFIX) {
            Some(base64) => BASE64_STANDARD.decode(base64).map_err(|_| NoWebhookKey::NotBase64)?,
            None => secret.as_bytes().to_vec(),
        };
        if key.is_empty() { Err(NoWebhookKey::Empty) } else { Ok(Self(KeyedHash::of_any_key(&key))) }
    }

    /// The `webhook-signature` of a message that is sent at a moment, whose `webhook-id`
    /// and `webhook-timestamp` (the moment in seconds) are signed with it.
    pub fn signature(&self, id: &str, at: Timestamp, body: &str) -> String {
        let seconds = at.unix_seconds().to_string();
        let parts = [id, ".", &seconds, ".", body].map(str::as_bytes);
        format!("v1,{}", BASE64_STANDARD.encode(self.0.digest(&parts)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_micros(1_614_265_330_000_000);
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";

    #[test]
    fn the_example_of_standard_webhooks_has_its_signature() {
        let key = WebhookKey::of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(
            key.signature(ID, AT, r#"{"test": 2432232314}"#),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_text_is_its_own_key() {
        let [text, base64] = ["a text", "whsec_YSB0ZXh0"].map(|secret| WebhookKey::of(secret).unwrap());
        assert_eq!(text.signature(ID, AT, "{}"), base64.signature(ID, AT, "{}"));
        assert_ne!(text.signature(ID, AT, "{}"), text.signature(ID, AT.plus_seconds(1), "{}"));
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", WebhookKey::of("a text").unwrap()), "WebhookKey(…)");
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_shown() {
        for (secret, why) in [("", "required"), ("whsec_", "required"), ("whsec_a!b", "must be base64 after")]
        {
            let error = WebhookKey::of(secret).unwrap_err().to_string();
            assert!(error.starts_with(why) && !error.contains("a!b"), "{error}");
        }
    }
}
