//! The network's entities, exactly as the network file and the API name them.
//!
//! Each struct is one table of the file: unknown keys are refused, optional keys
//! have the documented default, and an empty string or a redirect offer of 0
//! counts as "none". References between entities are ids; whether they point
//! somewhere is checked by the network crate, which sees the whole.

mod affiliate;
mod buyer;
mod contract;
mod offer;
mod secret_names;
mod serde_forms;
mod settings;
#[cfg(test)]
mod tests;
mod vertical;
mod webhook;

pub use affiliate::{ActiveStatus, Affiliate, AffiliateStatus, Blacklist, BlacklistRedirect, Campaign};
pub use buyer::{Buyer, BuyerCredit};
pub use contract::{BodyMethod, Contract, DeliveryAuth, DeliveryMethod, SaleType, ScheduleDay, ScheduleRow};
pub use offer::{
    Advertiser, CapInterval, CapOf, CapRule, Creative, Distribution, DuplicateScope, Event,
    MAX_THROW_OUT_SECONDS, Offer, OfferContract, OfferStatus, OfferType, PriceFormat, PriceOverride,
};
pub use secret_names::{credentials_in, is_secret_name, secrets_in};
pub use serde_forms::Secret;
pub use settings::{Settings, UnknownRule};
pub use vertical::{
    ClientDecision, Condition, Field, FieldType, FilterOp, LeadTier, Router, ServerDecision, Vertical,
};
pub use webhook::{Webhook, WebhookEvent};

use serde::{Deserialize, Serialize};

/// A whole network: what a network file says, and what a version of the
/// configuration holds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// `[network]`; a file may leave it out and then does not change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Settings>,
    /// `[[blacklist]]`.
    #[serde(default)]
    pub blacklist: Vec<Blacklist>,
    /// `[[vertical]]`.
    #[serde(default)]
    pub vertical: Vec<Vertical>,
    /// `[[advertiser]]`.
    #[serde(default)]
    pub advertiser: Vec<Advertiser>,
    /// `[[offer]]`.
    #[serde(default)]
    pub offer: Vec<Offer>,
    /// `[[affiliate]]`.
    #[serde(default)]
    pub affiliate: Vec<Affiliate>,
    /// `[[campaign]]`.
    #[serde(default)]
    pub campaign: Vec<Campaign>,
    /// `[[buyer]]`.
    #[serde(default)]
    pub buyer: Vec<Buyer>,
    /// `[[contract]]`.
    #[serde(default)]
    pub contract: Vec<Contract>,
    /// `[[webhook]]`.
    #[serde(default)]
    pub webhook: Vec<Webhook>,
}

pub(crate) fn yes() -> bool {
    true
}
