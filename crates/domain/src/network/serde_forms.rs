//! Forms that several tables share: secrets, "empty means none", sets of networks.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A text that must not show in logs, errors or listings: a post key, a
/// credential, an HMAC key. May be `env:NAME`, which names where it is kept
/// instead of being it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Each caller is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The variable's name, where the secret is kept in the environment.
    pub fn env_name(&self) -> Option<&str> {
        self.0.strip_prefix("env:")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// `""` is none.
pub(super) fn empty_is_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    use serde::de::IntoDeserializer;
    match Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => T::deserialize(text.into_owned().into_deserializer()).map(Some),
    }
}

/// An id of 0 is none.
pub(super) fn zero_is_none<'de, D, Id>(deserializer: D) -> Result<Option<Id>, D::Error>
where
    D: Deserializer<'de>,
    Id: Deserialize<'de>,
{
    use serde::de::IntoDeserializer;
    match Option::<i64>::deserialize(deserializer)? {
        None | Some(0) => Ok(None),
        Some(id) => Id::deserialize(id.into_deserializer()).map(Some),
    }
}

/// Networks as CIDRs; a bare address is a network of one.
pub(super) fn ip_networks<'de, D>(deserializer: D) -> Result<Vec<ipnet::IpNet>, D::Error>
where
    D: Deserializer<'de>,
{
    Vec::<std::borrow::Cow<'de, str>>::deserialize(deserializer)?
        .iter()
        .map(|text| {
            text.parse::<ipnet::IpNet>()
                .or_else(|_| text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from))
                .map_err(|_| serde::de::Error::custom(format!("{text:?} is no address or network")))
        })
        .collect()
}
