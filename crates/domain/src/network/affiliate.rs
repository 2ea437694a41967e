//! `[[affiliate]]`, `[[campaign]]`, `[[blacklist]]`: who sends the traffic.

use super::offer::{CapRule, PriceFormat};
use super::serde_forms::{Secret, empty_is_none, zero_is_none};
use crate::{AdvertiserId, AffiliateId, CampaignId, Money, OfferContractId, OfferId, Timestamp};
use serde::{Deserialize, Serialize};

/// The `[[affiliate]]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Affiliate {
    /// Its id: what links carry as `a`.
    pub id: AffiliateId,
    /// Its name.
    pub name: String,
    /// Whether it may send traffic.
    #[serde(default)]
    pub status: AffiliateStatus,
    /// Called on each of its conversions.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub postback_url: Option<String>,
    /// Shown by iframe and script pixels.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub pixel_html: Option<String>,
    /// Sub-affiliates that may not send traffic.
    #[serde(default)]
    pub turned_off_sub_ids: Vec<String>,
}

/// Whether an affiliate may send traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AffiliateStatus {
    /// It may.
    #[default]
    Active,
    /// It may not.
    Inactive,
    /// Not yet.
    Pending,
}

/// Whether something is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActiveStatus {
    /// It is.
    #[default]
    Active,
    /// It is not.
    Inactive,
}

/// The `[[campaign]]` table: an affiliate on an offer, with the post key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// Its id: what server posts carry as `ckm_campaign_id`.
    pub id: CampaignId,
    /// Whose.
    pub affiliate: AffiliateId,
    /// On what.
    pub offer: OfferId,
    /// The post key (`ckm_key`). Absent in a file: kept as it is, or made at
    /// random for a new campaign; a stored campaign always has one.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub key: Option<Secret>,
    /// Whether it is used.
    #[serde(default)]
    pub status: ActiveStatus,
    /// To the affiliate; the contract's or offer's where absent.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub payout: Option<Money>,
    /// On which terms; the default ones where absent.
    #[serde(default, deserialize_with = "zero_is_none")]
    pub offer_contract: Option<OfferContractId>,
    /// What is paid for; the contract's where absent.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub price_format: Option<PriceFormat>,
    /// When it ends.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub expires_at: Option<Timestamp>,
    /// Called on each of its conversions.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub postback_url: Option<String>,
    /// Shown by iframe and script pixels.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub pixel_html: Option<String>,
    /// Whether a lead answered as unsold still pays when it is sold later.
    #[serde(default)]
    pub pay_late_sales: bool,
    /// Its caps.
    #[serde(default)]
    pub caps: Vec<CapRule>,
    /// Where its diverted clicks go.
    #[serde(default, deserialize_with = "zero_is_none")]
    pub redirect_offer: Option<OfferId>,
    /// Diverted clicks without a redirect offer get a 404.
    #[serde(default)]
    pub redirect_404: bool,
    /// The server itself made it, for an affiliate that ran at once: one that a person wrote
    /// goes before it, may have equal terms, and no pruning removes it. Once true it stays so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made_by_server: bool,
}

/// The `[[blacklist]]` table: an affiliate, or one of its sub ids, on one offer,
/// one advertiser or (neither named) everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blacklist {
    /// Whose traffic.
    pub affiliate: AffiliateId,
    /// Only this sub-affiliate's; all of them where absent.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub sub_id: Option<String>,
    /// Only on this offer.
    #[serde(default)]
    pub offer: Option<OfferId>,
    /// Only on this advertiser's offers.
    #[serde(default)]
    pub advertiser: Option<AdvertiserId>,
    /// Where it goes.
    #[serde(default)]
    pub redirect: BlacklistRedirect,
}

/// Where blacklisted traffic goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "BlacklistRedirectForm", into = "String")]
pub enum BlacklistRedirect {
    /// To the Global Redirect.
    #[default]
    Global,
    /// Along the chain of redirect offers.
    Offer,
    /// To a 404 page.
    NotFound,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a redirect is \"global\", \"offer\" or \"404\"")]
enum BlacklistRedirectForm {
    Text(String),
    Number(u16),
}

impl TryFrom<BlacklistRedirectForm> for BlacklistRedirect {
    type Error = &'static str;

    fn try_from(form: BlacklistRedirectForm) -> Result<Self, Self::Error> {
        match form {
            BlacklistRedirectForm::Number(404) => Ok(Self::NotFound),
            BlacklistRedirectForm::Text(text) => match text.as_str() {
                "global" => Ok(Self::Global),
                "offer" => Ok(Self::Offer),
                "404" => Ok(Self::NotFound),
                _ => Err("a redirect is \"global\", \"offer\" or \"404\""),
            },
            BlacklistRedirectForm::Number(_) => Err("a redirect is \"global\", \"offer\" or \"404\""),
        }
    }
}

impl From<BlacklistRedirect> for String {
    fn from(redirect: BlacklistRedirect) -> Self {
        match redirect {
            BlacklistRedirect::Global => "global",
            BlacklistRedirect::Offer => "offer",
            BlacklistRedirect::NotFound => "404",
        }
        .to_owned()
    }
}
