//! What an affiliate earns for a lead.
//!
//! | offer | pays |
//! |---|---|
//! | hosted | each sellable lead, at once, sold or not |
//! | host-n-post, `pay_on_post`, `pay_only_when_sold` | once it is sold |
//! | host-n-post, `pay_on_post` only | once it is accepted, sold or not |
//! | host-n-post, `pay_only_when_sold` only | once a pixel names it after a sale |
//! | host-n-post, neither | once a pixel names it, sold or not |
//! | third party | nothing for leads; its pixels report conversions |
//!
//! How much: the lead tier's payout if one matches, else what the campaign says,
//! else its offer contract, else the offer — which says an amount, or in its place
//! a share (`payout_percent`) of what the lead's sales bring. An amount is earned
//! once; a share grows with each sale.
//!
//! A lead is a conversion from the moment in which one of these rows has come true but
//! for the pixel, also where what it earns is nothing ([`is_conversion`]).

mod traffic;
mod worth;

pub use traffic::TrafficTerms;
pub use worth::{ConversionTerms, Overrides, Worth};

use crate::Money;
use crate::conversion::{Awaited, Conversion, Found, LeadConversion};
use crate::network::{Campaign, Offer, OfferContract, OfferType, PriceFormat};

/// On what terms an affiliate sends leads to an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// For a lead; the fixed amount where there is no share.
    pub payout: Money,
    /// Share of what the sales bring, in percent, instead of the payout.
    pub payout_percent: Option<Money>,
    /// What is paid for.
    pub price_format: PriceFormat,
    /// How the offer takes leads.
    pub offer_type: OfferType,
    /// Host-n-post: an accepted post pays (else a later pixel does).
    pub pay_on_post: bool,
    /// Host-n-post: only a sold lead pays.
    pub pay_only_when_sold: bool,
    /// Whether a lead answered as unsold still pays when it is sold later.
    pub pay_late_sales: bool,
}

impl Terms {
    /// The terms of a campaign (none for a test link, or before it is made) on an
    /// offer, under the offer contract it runs on (none for the offer's own terms).
    ///
    /// A payout that the campaign or its contract writes beats the offer's share,
    /// which stands in place of the offer's payout alone: the internal affiliate's
    /// campaign at 0.00 earns nothing on an offer that shares.
    pub fn of(offer: &Offer, contract: Option<&OfferContract>, campaign: Option<&Campaign>) -> Self {
        Self {
            payout: campaign_payout(offer, contract, campaign),
            payout_percent: match written_payout(contract, campaign) {
                Some(_) => None,
                None => offer.payout_percent,
            },
            price_format: price_format(offer, contract, campaign),
            offer_type: offer.offer_type,
            pay_on_post: offer.pay_on_post,
            pay_only_when_sold: offer.pay_only_when_sold,
            pay_late_sales: campaign.is_some_and(|campaign| campaign.pay_late_sales),
        }
    }

    /// The share of an amount, `None` where the terms have none. Half a micro-unit is
    /// rounded away from zero.
    pub fn share_of(&self, revenue: Money) -> Option<Money> {
        self.payout_percent.map(|percent| share(revenue, percent))
    }
}

/// The fixed amount that a campaign's leads earn: the campaign's, else the
/// contract's, else the offer's.
pub fn campaign_payout(
    offer: &Offer,
    contract: Option<&OfferContract>,
    campaign: Option<&Campaign>,
) -> Money {
    written_payout(contract, campaign).unwrap_or(offer.payout)
}

/// What a campaign is paid for: the campaign's format, else the contract's, else
/// the offer's.
pub fn price_format(
    offer: &Offer,
    contract: Option<&OfferContract>,
    campaign: Option<&Campaign>,
) -> PriceFormat {
    campaign
        .and_then(|campaign| campaign.price_format)
        .or_else(|| contract.and_then(|contract| contract.price_format))
        .unwrap_or(offer.price_format)
}

fn written_payout(contract: Option<&OfferContract>, campaign: Option<&Campaign>) -> Option<Money> {
    campaign.and_then(|campaign| campaign.payout).or_else(|| contract.and_then(|contract| contract.payout))
}

/// Whether a lead can earn anything, apart from its sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Accepted, and somebody's.
    Sellable,
    /// In the review or the scrub queue; a person may still accept it.
    HeldBack,
    /// A session post that named no session: kept for the internal affiliate and
    /// not offered.
    Unattributed,
    /// A test.
    Test,
}

/// What is known of a lead when its payout is reckoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeadFacts {
    /// Whether it can earn anything.
    pub standing: Standing,
    /// The payout of the lead tier that it matches.
    pub tier_payout: Option<Money>,
    /// What its sales have brought together; `None` while nobody bought it. A sale
    /// at 0.00 is a sale.
    pub sold: Option<Money>,
    /// Whether its poster had been answered that nobody bought it when the sale came.
    pub is_late_sale: bool,
    /// Whether a pixel has named it: where only sold leads pay, since it was sold.
    pub has_pixel: bool,
}

impl LeadFacts {
    /// A lead just accepted: not sold, no pixel yet.
    pub fn accepted(standing: Standing, tier_payout: Option<Money>) -> Self {
        Self { standing, tier_payout, sold: None, is_late_sale: false, has_pixel: false }
    }

    /// The same lead once it is sold within the request that posted it.
    pub fn sold_for(self, revenue: Money) -> Self {
        Self { sold: Some(revenue), ..self }
    }
}

/// What a lead has earned its affiliate in total, by what is known of it. As the
/// facts grow the total grows; the ledger takes the difference to what it holds, so
/// that a lead pays once however often this is asked.
pub fn lead_payout(terms: &Terms, lead: &LeadFacts) -> Money {
    let earns = lead.standing == Standing::Sellable
        && matches!(terms.price_format, PriceFormat::Cpa | PriceFormat::Revshare)
        && is_due(terms, lead);
    match (lead.tier_payout, terms.payout_percent) {
        _ if !earns => Money::ZERO,
        (Some(tier_payout), _) => tier_payout,
        (None, None) => terms.payout,
        (None, Some(percent)) => counted_sale(terms, lead).map_or(Money::ZERO, |sold| share(sold, percent)),
    }
}

/// Whether a lead is a conversion: somebody's, accepted, and such as its offer pays for,
/// now or once a pixel names it. What the campaign is paid for does not matter.
pub fn is_conversion(terms: &Terms, lead: &LeadFacts) -> bool {
    lead.standing == Standing::Sellable && is_due(terms, &LeadFacts { has_pixel: true, ..*lead })
}

/// Whether an offer pays for its leads once a pixel names them: then only is anybody told
/// of them.
pub fn pays_by_pixel(offer: &Offer) -> bool {
    offer.offer_type == OfferType::HostNPost && !offer.pay_on_post
}

/// A lead becomes a conversion now: what is kept of that, and what it earns, which `earn`
/// says by the facts as they are then. It takes over the conversion that was reported
/// before it, if there is one and no pixel has named the lead: a pixel has named it then,
/// and whom that was told of is not told again. One that is the first to be told of meets
/// the conversion caps. What does not count, since a person says so or a cap is full, keeps
/// what it earns for later.
pub fn converted(
    told: LeadConversion,
    found: &Found,
    terms: &Terms,
    lead: &LeadFacts,
    earn: impl FnOnce(&LeadFacts) -> Money,
) -> (LeadConversion, Money) {
    let earlier = found.earlier.as_deref().filter(|_| told.pixel_at.is_none());
    let is_news = !earlier.is_some_and(Conversion::was_told);
    let mut told = match earlier {
        Some(earlier) => told.taking_over(earlier),
        None => told,
    };
    if found.cap_is_full && is_news && told.disposition.is_none() {
        told = told.over_cap();
    }
    let facts = LeadFacts { has_pixel: told.pixel_at.is_some(), ..*lead };
    let earned = earn(&facts);
    told.waits = if is_news { awaited(terms, &facts, earned) } else { None };
    match &mut told.withheld {
        Some(withheld) => {
            withheld.payout = earned;
            (told, Money::ZERO)
        }
        None => (told, earned),
    }
}

/// What a conversion that a lead is waits for, so that its affiliate is told of it when it
/// is paid and not before: a pixel where its offer pays for those that one names, a sale
/// where only that brings anything. None where it is to be told now.
pub fn awaited(terms: &Terms, lead: &LeadFacts, payout: Money) -> Option<Awaited> {
    if terms.offer_type == OfferType::HostNPost && !terms.pay_on_post && !lead.has_pixel {
        return Some(Awaited::Pixel);
    }
    let is_share = lead.tier_payout.is_none() && terms.payout_percent.is_some();
    let waits = matches!(terms.price_format, PriceFormat::Cpa | PriceFormat::Revshare)
        && payout == Money::ZERO
        && counted_sale(terms, lead).is_none()
        && (is_share || !is_due(terms, lead));
    waits.then_some(Awaited::Sale)
}

/// Whether the moment has come in which the offer pays.
fn is_due(terms: &Terms, lead: &LeadFacts) -> bool {
    match terms.offer_type {
        OfferType::ThirdParty => false,
        OfferType::Hosted => true,
        OfferType::HostNPost => {
            let is_sold_enough = !terms.pay_only_when_sold || counted_sale(terms, lead).is_some();
            let is_reported_enough = terms.pay_on_post || lead.has_pixel;
            is_sold_enough && is_reported_enough
        }
    }
}

/// What the sales brought as far as the affiliate has a part in them: not in a sale
/// that came after its poster was told that there was none, unless the campaign pays
/// late sales.
fn counted_sale(terms: &Terms, lead: &LeadFacts) -> Option<Money> {
    lead.sold.filter(|_| !lead.is_late_sale || terms.pay_late_sales)
}

/// `percent` of an amount, exactly, then rounded half away from zero to micro-units.
pub fn share(amount: Money, percent: Money) -> Money {
    const WHOLE: i128 = 100 * Money::MICROS_PER_UNIT as i128;
    let product = i128::from(amount.micros()) * i128::from(percent.micros());
    let rounded = (product.abs() + WHOLE / 2) / WHOLE * product.signum();
    // Only a percentage beyond any sense can leave the range; it is held there.
    let end = if rounded < 0 { i64::MIN } else { i64::MAX };
    Money::from_micros(i64::try_from(rounded).unwrap_or(end))
}

#[cfg(test)]
mod tests;
