//! `[[advertiser]]` and `[[offer]]`: who wants the traffic, and on what terms.

use super::serde_forms::{Secret, empty_is_none, ip_networks, zero_is_none};
use super::yes;
use crate::{AdvertiserId, CreativeId, EventId, Money, OfferContractId, OfferId, Timestamp, VerticalId};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The `[[advertiser]]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advertiser {
    /// Its id.
    pub id: AdvertiserId,
    /// Its name.
    pub name: String,
}

/// The longest time in which an equal click is a double tap, in seconds: one day. A
/// tap is a matter of seconds; what a server remembers of a whole day is as much as
/// it can read back when it starts.
pub const MAX_THROW_OUT_SECONDS: u32 = 86_400;

/// The `[[offer]]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Its id.
    pub id: OfferId,
    /// Its name.
    pub name: String,
    /// Whose fields and routing its leads have.
    pub vertical: VerticalId,
    /// Who wants it.
    #[serde(default, deserialize_with = "zero_is_none")]
    pub advertiser: Option<AdvertiserId>,
    /// How it takes leads.
    #[serde(rename = "type")]
    pub offer_type: OfferType,
    /// Who may run it.
    #[serde(default)]
    pub status: OfferStatus,
    /// Where its clicks go, with tokens; may be absent for third-party offers.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub link: Option<String>,
    /// Where its visitors go once they have converted.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub thank_you_link: Option<String>,
    /// To the affiliate.
    #[serde(default)]
    pub payout: Money,
    /// From the advertiser (third party).
    #[serde(default)]
    pub received: Money,
    /// Share of what the sale brings, in percent, instead of the payout.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub payout_percent: Option<Money>,
    /// What is paid for.
    #[serde(default)]
    pub price_format: PriceFormat,
    /// How its contracts are asked.
    #[serde(default)]
    pub distribution: Distribution,
    /// For the whole sale, host-n-post, in milliseconds.
    #[serde(default = "twenty_seconds")]
    pub deadline_ms: u32,
    /// Host-n-post: unsold leads wait in the queue instead of staying unsold.
    #[serde(default)]
    pub queue_failures: bool,
    /// How long a click earns credit, in days.
    #[serde(default = "thirty")]
    pub click_cookie_days: u32,
    /// Within how many seconds an equal click is a double tap; 0 = never, at most
    /// [`MAX_THROW_OUT_SECONDS`].
    #[serde(default)]
    pub throw_out_seconds: u32,
    /// Where a duplicate lead is looked for; by the offer's type where absent.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub duplicate_scope: Option<DuplicateScope>,
    /// Whether pre-fill values are appended to the link.
    #[serde(default = "yes")]
    pub append_prefill: bool,
    /// What unsigned pixels may set.
    #[serde(default)]
    pub price_override: PriceOverride,
    /// HMAC key of signed postbacks.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub postback_secret: Option<Secret>,
    /// Who may fire `f=pb`; empty = anybody.
    #[serde(default, deserialize_with = "ip_networks")]
    pub allowed_ips: Vec<IpNet>,
    /// Pixels of all forms are held to what postbacks are: `postback_secret` and
    /// `allowed_ips`. Without either there are none. Anybody can fire any other pixel, the
    /// affiliate that is paid for it too.
    #[serde(default)]
    pub trusted_only: bool,
    /// A click through another affiliate takes the session over.
    #[serde(default)]
    pub last_touch: bool,
    /// Host-n-post: an accepted post pays (else the later pixel does).
    #[serde(default = "yes")]
    pub pay_on_post: bool,
    /// Host-n-post: only a sold lead pays.
    #[serde(default = "yes")]
    pub pay_only_when_sold: bool,
    /// Where diverted clicks go.
    #[serde(default, deserialize_with = "zero_is_none")]
    pub redirect_offer: Option<OfferId>,
    /// Diverted clicks without a redirect offer get a 404.
    #[serde(default)]
    pub redirect_404: bool,
    /// When it ends.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub expires_at: Option<Timestamp>,
    /// ISO 3166 codes of the visitors wanted; empty = any.
    #[serde(default)]
    pub countries: Vec<String>,
    /// Hosts that `ckmrdr` may name.
    #[serde(default)]
    pub link_override_hosts: Vec<String>,
    /// Its caps.
    #[serde(default)]
    pub caps: Vec<CapRule>,
    /// Its creatives.
    #[serde(default)]
    pub creative: Vec<Creative>,
    /// Its contracts; where empty, one is made of the offer's own terms.
    #[serde(default)]
    pub contract: Vec<OfferContract>,
    /// Its events; where empty, event 1, `Conversion`.
    #[serde(default)]
    pub event: Vec<Event>,
}

impl Offer {
    /// Where a duplicate lead is looked for: as written, else the whole vertical
    /// for hosted offers and the offer for host-n-post.
    pub fn duplicate_scope(&self) -> DuplicateScope {
        self.duplicate_scope.unwrap_or(match self.offer_type {
            OfferType::Hosted => DuplicateScope::Vertical,
            OfferType::HostNPost | OfferType::ThirdParty => DuplicateScope::Offer,
        })
    }
}

/// How an offer takes leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferType {
    /// Leads must sell within the request.
    HostNPost,
    /// Leads are taken and sold from the queue.
    Hosted,
    /// No leads; the advertiser's pixel reports conversions.
    ThirdParty,
}

/// Who may run an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferStatus {
    /// Any affiliate, at once.
    #[default]
    Public,
    /// Only affiliates with a campaign.
    Private,
    /// Only affiliates with a campaign; others may ask for one.
    ApplyToRun,
    /// Nobody.
    Inactive,
}

/// What is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceFormat {
    /// Per action.
    #[default]
    Cpa,
    /// Per counted click (`p=c`).
    Cpc,
    /// Per full thousand of counted impressions (`p=m`).
    Cpm,
    /// A fixed sum (`p=f`).
    Fixed,
    /// A share of the revenue (`p=r`).
    Revshare,
}

impl PriceFormat {
    /// What `p=` of a link says; per action has no letter, since a link without `p`
    /// means it.
    pub fn letter(self) -> Option<char> {
        match self {
            Self::Cpa => None,
            Self::Cpc => Some('c'),
            Self::Cpm => Some('m'),
            Self::Fixed => Some('f'),
            Self::Revshare => Some('r'),
        }
    }

    /// The format of a letter: `c`, `m`, `f` or `r`.
    pub fn from_letter(letter: &str) -> Option<Self> {
        match letter {
            "c" => Some(Self::Cpc),
            "m" => Some(Self::Cpm),
            "f" => Some(Self::Fixed),
            "r" => Some(Self::Revshare),
            _ => None,
        }
    }
}

/// How an offer's contracts are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Posted to in order.
    #[default]
    Direct,
    /// Pinged one at a time.
    Ping,
    /// Pinged all at once.
    AsyncPing,
}

/// Where a duplicate lead is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateScope {
    /// In all offers of the vertical.
    Vertical,
    /// In this offer.
    Offer,
    /// Nowhere.
    None,
}

/// What unsigned pixels may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceOverride {
    /// The revenue.
    #[default]
    Received,
    /// Nothing.
    None,
    /// Revenue and payout.
    All,
}

/// A cap: at most `limit` per `interval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapRule {
    /// What is counted.
    pub of: CapOf,
    /// Over what.
    pub interval: CapInterval,
    /// How many.
    pub limit: u32,
}

/// What a cap counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapOf {
    /// Counted clicks.
    Click,
    /// Accepted leads.
    Lead,
    /// Conversions.
    Conversion,
}

/// Over what a cap counts. Days begin at midnight of the network's zone, weeks
/// on Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapInterval {
    /// A day.
    Day,
    /// A week.
    Week,
    /// A calendar month.
    Month,
    /// All time.
    Total,
}

/// The `[[offer.creative]]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Creative {
    /// Its id: what links carry as `c`.
    pub id: CreativeId,
    /// Its name.
    pub name: String,
    /// Its own link instead of the offer's.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub link: Option<String>,
    /// Whether it is used.
    #[serde(default)]
    pub status: super::ActiveStatus,
    /// Whether `ckmrdr` may replace its target.
    #[serde(default)]
    pub allow_link_override: bool,
    /// When it ends.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub expires_at: Option<Timestamp>,
}

/// The `[[offer.contract]]` table: a set of terms; what is absent is the offer's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferContract {
    /// Its id: what links carry as `oc`.
    pub id: OfferContractId,
    /// Where its clicks go.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub link: Option<String>,
    /// To the affiliate.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub payout: Option<Money>,
    /// From the advertiser.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub received: Option<Money>,
    /// What is paid for.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub price_format: Option<PriceFormat>,
    /// Where its diverted clicks go.
    #[serde(default, deserialize_with = "zero_is_none")]
    pub redirect_offer: Option<OfferId>,
}

/// The `[[offer.event]]` table: something that a pixel reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Its id: what pixels carry as `e`.
    pub id: EventId,
    /// Its name.
    pub name: String,
    /// Whether it may happen; where not, its conversions are still those of it.
    #[serde(default)]
    pub status: super::ActiveStatus,
    /// What pixels may say instead of the id.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub short: Option<String>,
    /// Whether a pixel without `e` means it; the first where none says so.
    #[serde(default)]
    pub default: bool,
    /// Whether a session may have it more than once.
    #[serde(default)]
    pub allow_duplicates: bool,
    /// Whether an equal transaction id counts once among allowed duplicates.
    #[serde(default)]
    pub deduplicate_transaction_id: bool,
    /// To the affiliate; the campaign's where absent.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub payout: Option<Money>,
    /// From the advertiser; the offer's where absent.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub received: Option<Money>,
}

fn thirty() -> u32 {
    30
}

fn twenty_seconds() -> u32 {
    20_000
}
