//! Ids of entities, as the network file gives them and links carry them.

use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

/// The largest entity id: what a signed 32-bit column of a partner's database holds.
pub const MAX_ENTITY_ID: i64 = 2_147_483_647;

/// What a network or the server itself has numbered, by its number. For no key that a
/// stranger chooses: who knows the hash can make many keys of one place.
pub type ById<K, V> = HashMap<K, V, IdHash>;

/// As [`ById`], without values.
pub type IdSet<K> = HashSet<K, IdHash>;

/// The hash of both.
pub type IdHash = foldhash::fast::FixedState;

macro_rules! entity_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Plain decimal digits of a positive number, nothing else.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_entity_id(text).map($name).ok_or(InvalidId)
            }
        }
    )*};
}

entity_id! {
    /// A vertical: a kind of lead, with its fields and routing.
    VerticalId;
    /// A field of a vertical, as `v.ashx?f=` names it.
    FieldId;
    /// Who wants the traffic.
    AdvertiserId;
    /// What is promoted.
    OfferId;
    /// A set of terms of an offer (`oc=`).
    OfferContractId;
    /// A link or banner of an offer (`c=`).
    CreativeId;
    /// An event that a pixel reports (`e=`).
    EventId;
    /// Who sends the traffic (`a=`).
    AffiliateId;
    /// Affiliate × offer.
    CampaignId;
    /// Who buys leads.
    BuyerId;
    /// A buyer's contract.
    ContractId;
    /// One of the network's own systems that is told what happens.
    WebhookId;
    /// A media type (`m=`), recorded only.
    MediaTypeId;
}

impl AffiliateId {
    /// `a=-1`: a test link, whose session, clicks and leads are tests.
    pub const TEST: AffiliateId = AffiliateId(-1);
}

/// The text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct InvalidId;

fn parse_entity_id(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 10 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let id: i64 = text.parse().ok()?;
    (1..=MAX_ENTITY_ID).contains(&id).then_some(id)
}

/// A number of the configuration: each applied change makes the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigVersion(pub i64);

impl fmt::Display for ConfigVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A lead's public name: 8 characters of `A-Z0-9`, random, so that leads cannot
/// be counted or guessed from outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeadId([u8; 8]);

impl LeadId {
    const ALPHABET: &'static [u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    /// A random id from the generator handed in.
    pub fn random<R: rand::Rng + ?Sized>(rng: &mut R) -> Self {
        use rand::RngExt as _;
        let mut bytes = [0; 8];
        for byte in &mut bytes {
            *byte = Self::ALPHABET[rng.random_range(0..Self::ALPHABET.len())];
        }
        Self(bytes)
    }

    /// The eight characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The id read as a number of base 36, by which stores keep it: below 36^8.
    pub fn number(&self) -> u64 {
        self.0.iter().fold(0, |number, byte| {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                _ => byte - b'A' + 10,
            };
            number * 36 + u64::from(digit)
        })
    }

    /// The id of that [`LeadId::number`]; `None` where it is none's.
    pub fn from_number(mut number: u64) -> Option<Self> {
        let mut bytes = [0; 8];
        for byte in bytes.iter_mut().rev() {
            let digit = (number % 36) as u8;
            *byte = if digit < 10 { b'0' + digit } else { b'A' + digit - 10 };
            number /= 36;
        }
        (number == 0).then_some(Self(bytes))
    }
}

impl FromStr for LeadId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let bytes: [u8; 8] = text.as_bytes().try_into().map_err(|_| InvalidId)?;
        bytes
            .iter()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
            .then_some(Self(bytes))
            .ok_or(InvalidId)
    }
}

impl fmt::Display for LeadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for LeadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeadId({})", self.as_str())
    }
}

impl Serialize for LeadId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for LeadId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_id_is_plain_positive_digits() {
        assert_eq!("12".parse(), Ok(OfferId(12)));
        assert_eq!("2147483647".parse(), Ok(OfferId(MAX_ENTITY_ID)));
        for wrong in ["", "0", "-1", "+1", " 1", "1.0", "12a", "2147483648", "99999999999", "00000000012"] {
            assert_eq!(wrong.parse::<OfferId>(), Err(InvalidId), "{wrong}");
        }
    }

    #[test]
    fn a_lead_id_is_eight_upper_case_characters_or_digits() {
        assert!("C8097F17".parse::<LeadId>().is_ok());
        for wrong in ["c8097f17", "C8097F1", "C8097F177", "C8097F1-", ""] {
            assert!(wrong.parse::<LeadId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_lead_id_and_its_number_name_each_other() {
        for (id, number) in [
            ("00000000", 0),
            ("0000000A", 10),
            ("0000000Z", 35),
            ("00000010", 36),
            ("ZZZZZZZZ", 36_u64.pow(8) - 1),
        ] {
            let id: LeadId = id.parse().unwrap();
            assert_eq!((id.number(), LeadId::from_number(number)), (number, Some(id)));
        }
        assert_eq!(LeadId::from_number(36_u64.pow(8)), None);
    }

    #[test]
    fn ids_are_shown_as_they_are_written() {
        let id: LeadId = "C8097F17".parse().unwrap();
        assert_eq!(id.as_str(), "C8097F17");
        assert_eq!(format!("{id} {id:?}"), "C8097F17 LeadId(C8097F17)");
        assert_eq!(format!("{} {} {}", OfferId(100), AffiliateId::TEST, ConfigVersion(7)), "100 -1 7");
    }
}
