//! Conversions: what a visitor did that somebody pays for, reported by a pixel, a
//! server or a person, or told by an accepted lead.
//!
//! A lead that was accepted *is* the conversion of its offer's default event; it has no
//! record of its own beside the lead ([`LeadConversion`] is what is kept with it). A
//! pixel that comes for it later is noted there, and one that comes for a lead that was
//! not accepted makes that a rejected conversion, until it is one by itself. Everything
//! else that is reported is a conversion with a record of its own; one that was reported
//! before a lead of its session was accepted is taken over by that lead, so that both are
//! one ([`LeadConversion::taking_over`]).

use crate::coded::coded;
use crate::lead::{Lead, LeadOutcome, LeadStatus};
use crate::pixel::SessionLookup;
use crate::{
    AdvertiserId, AffiliateId, CampaignId, ConfigVersion, EventId, LeadId, Money, OfferContractId, OfferId,
    RowId, SubIds, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Characters kept of a transaction id: several times what shops' order numbers have.
pub const MAX_TRANSACTION_ID_CHARS: usize = 255;

/// One conversion.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversion {
    /// Its place in the store: its lead's where it is a lead.
    pub id: RowId,
    /// When it happened.
    pub at: Timestamp,
    /// How it came.
    pub source: ConversionSource,
    /// What happened.
    pub event: EventId,
    /// On what.
    pub offer: OfferId,
    /// Whose offer that is.
    pub advertiser: Option<AdvertiserId>,
    /// Whose it is.
    pub affiliate: AffiliateId,
    /// The affiliate's campaign on the offer; none for test links.
    pub campaign: Option<CampaignId>,
    /// The terms it runs under, where not the offer's own.
    pub offer_contract: Option<OfferContractId>,
    /// The session it is credited to.
    pub session: RowId,
    /// By what the call that reported it found that; none of what no call reported.
    pub lookup: Option<SessionLookup>,
    /// The lead that it is, where it is one.
    pub lead: Option<LeadId>,
    /// Of the session or lead.
    pub sub_ids: SubIds,
    /// What its affiliate earns.
    pub payout: Money,
    /// What the advertiser pays. Of a lead: what its sales brought, unless a pixel or a
    /// person said otherwise.
    pub received: Money,
    /// A pixel or a person said what is received: it is not the offer's price, nor what a
    /// lead's sales brought.
    pub said: bool,
    /// Where it stands.
    pub disposition: ConversionDisposition,
    /// What it is worth once it is approved; none while it counts, and of a lead that its
    /// own status keeps from counting.
    pub withheld: Option<Withheld>,
    /// What a lead waits for before its affiliate is told of it.
    pub waits: Option<Awaited>,
    /// What the pixel said.
    pub reported: Reported,
    /// A pixel has named it: always so unless it is a lead.
    pub has_pixel: bool,
    /// The affiliate's own HTML pixels were shown for it.
    pub pixels_shown: bool,
    /// A test: never paid, never counted.
    pub test: bool,
    /// The visitor's address, or the server's that reported it.
    pub ip: Option<IpAddr>,
    /// Counts its changes, so that two at once cannot undo each other.
    pub revision: u32,
    /// The configuration that decided.
    pub config_version: ConfigVersion,
}

/// What is kept with a lead that is a conversion, or that a pixel has named all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeadConversion {
    /// Its offer's default event when it was accepted.
    pub event: EventId,
    /// When a pixel named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixel_at: Option<Timestamp>,
    /// What the pixel said.
    #[serde(default, skip_serializing_if = "Reported::is_empty")]
    pub reported: Reported,
    /// What the advertiser pays, where a pixel or a person said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Money>,
    /// Who pays that: the books hold what it differs by from what the sales brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertiser: Option<AdvertiserId>,
    /// Where a person or a full cap put it; by the lead's own status where neither did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disposition: Option<ConversionDisposition>,
    /// What it is worth once a person approves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
    /// The affiliate's own HTML pixels were shown for it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub pixels_shown: bool,
    /// A pixel named a lead that was not accepted: a rejected conversion, until the lead is
    /// one by itself or a person approves it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub only_named: bool,
    /// What it waits for before its affiliate is told of it; none once it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Awaited>,
}

impl LeadConversion {
    /// Of a lead just accepted.
    pub fn of(event: EventId) -> Self {
        Self {
            event,
            pixel_at: None,
            reported: Reported::default(),
            received: None,
            advertiser: None,
            disposition: None,
            withheld: None,
            pixels_shown: false,
            only_named: false,
            waits: None,
        }
    }

    /// The same once the lead is a conversion by itself: what a person said of it stays,
    /// that nothing but a pixel spoke for it does not. What the pixel said is received is
    /// so from now on.
    #[must_use]
    pub fn accepted(self) -> Self {
        if !self.only_named {
            return self;
        }
        let by_person = |said: &ConversionDisposition| *said != ConversionDisposition::Rejected;
        let disposition = self.disposition.filter(by_person);
        let (received, withheld) = match self.withheld {
            Some(waited) if disposition.is_none() => (waited.said.then_some(waited.received), None),
            withheld => (self.received, withheld),
        };
        Self { only_named: false, disposition, received, withheld, ..self }
    }

    /// The same once the lead has taken over the conversion that was reported before it was
    /// accepted: what the pixel said is said of the lead, and what a person said of it
    /// stays. A conversion that does not count is worth what the lead earns, which is for
    /// the caller to say.
    #[must_use]
    pub fn taking_over(self, earlier: &Conversion) -> Self {
        use ConversionDisposition as D;
        let disposition =
            Some(earlier.disposition).filter(|said| matches!(said, D::Pending | D::Rejected | D::Returned));
        let before = earlier.withheld.unwrap_or(Withheld {
            payout: earlier.payout,
            received: earlier.received,
            said: earlier.said,
            told: true,
            over_cap: false,
        });
        let withheld = Withheld { payout: Money::ZERO, said: earlier.said, ..before };
        Self {
            pixel_at: Some(earlier.at),
            reported: earlier.reported.clone(),
            received: Some(before.received).filter(|_| earlier.said && disposition.is_none()),
            advertiser: earlier.advertiser,
            withheld: disposition.map(|_| withheld),
            disposition,
            pixels_shown: earlier.pixels_shown,
            ..self
        }
    }

    /// The same of a lead that becomes a conversion while a cap is full: what was said is
    /// received is not, until a person lets it count. What the lead earns is for the caller
    /// to say.
    #[must_use]
    pub fn over_cap(self) -> Self {
        let (received, said) = (self.received.unwrap_or_default(), self.received.is_some());
        Self {
            disposition: Some(ConversionDisposition::OverCap),
            received: None,
            withheld: Some(Withheld { payout: Money::ZERO, received, said, told: false, over_cap: false }),
            ..self
        }
    }

    /// Whether it came over a cap, and nobody has let it count since.
    pub fn is_over_cap(&self) -> bool {
        self.disposition == Some(ConversionDisposition::OverCap)
    }

    /// Whether it stands as its lead does, or a person lets it count.
    pub fn may_count(&self) -> bool {
        use ConversionDisposition as D;
        !matches!(self.disposition, Some(D::Pending | D::Rejected | D::Returned | D::OverCap))
    }

    /// What the books hold for the advertiser beside what the sales brought.
    pub fn advertisers_part(&self, brought: Money) -> Money {
        let said = self.received.filter(|_| !self.only_named);
        said.map_or(Money::ZERO, |said| Money::from_micros(said.micros().saturating_sub(brought.micros())))
    }
}

/// What a lead finds in the moment in which it becomes a conversion. Whoever writes it looks
/// again: it is begun anew where something else is there by then.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The conversion that was reported before it, which it takes over.
    pub earlier: Option<Box<Conversion>>,
    /// A conversion cap of its offer or campaign is full.
    pub cap_is_full: bool,
}

coded! {
    /// What a lead waits for before its affiliate is told of it: what pays it.
    Awaited {
        /// A pixel that names it.
        Pixel = "pixel";
        /// A sale, of which it has a share.
        Sale = "sale";
    }
}

/// What a conversion is worth that does not count: one that waits for a person, was
/// rejected or taken back, or came over a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// To its affiliate.
    pub payout: Money,
    /// From its advertiser.
    pub received: Money,
    /// A pixel or a person said so; what a lead is worth otherwise is what its sales bring.
    #[serde(default, skip_serializing_if = "is_false")]
    pub said: bool,
    /// It has counted before: its affiliate's postbacks were told of it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub told: bool,
    /// It stood over a cap until a person said something else: no webhook was told of it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub over_cap: bool,
}

/// What a pixel says of a conversion beside money.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// `t`; of one of more than [`MAX_TRANSACTION_ID_CHARS`] a beginning and a hash of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// `u`: the advertiser's name for the visitor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// `udid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// `c`: the currency in which the amounts are, three capital letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// What was bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Box<Order>>,
}

impl Reported {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An order, as the advertiser's shop reports it. Recorded, not reckoned with: what is
/// received is the offer's price or `p`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// `ect`: what the customer paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
    /// `ecst`: before tax, shipping and discount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtotal: Option<Money>,
    /// `ectx`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Money>,
    /// `ecsh`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping: Option<Money>,
    /// `ecd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Money>,
    /// `ecv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voucher: Option<String>,
    /// `ecc`, separated by `^`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<String>,
    /// `eccu`, three capital letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// `ecco`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// `ecrg`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// `ecsk`, `ecqu`, `ecpr`, `ecld`, each separated by `^`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<OrderLine>,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// The shop's name for the article.
    pub sku: String,
    /// How many.
    pub quantity: u32,
    /// For one.
    pub unit_price: Money,
    /// Off the line.
    pub discount: Money,
}

coded! {
    /// How a conversion came.
    ConversionSource {
        /// A pixel in an iframe.
        Iframe = "iframe";
        /// A pixel in a script.
        Script = "js";
        /// A pixel in an image.
        Image = "img";
        /// A call from the advertiser's server.
        Postback = "pb";
        /// An accepted lead.
        Lead = "lead";
        /// A person brought it in.
        Import = "import";
    }
}

coded! {
    /// Where a conversion stands.
    ConversionDisposition {
        /// It counts.
        Approved = "approved";
        /// A person has yet to say.
        Pending = "pending";
        /// It does not count.
        Rejected = "rejected";
        /// It was taken back.
        Returned = "returned";
        /// More than the cap allows: it pays its affiliate nothing.
        OverCap = "Over Conversion Cap";
    }
}

impl Conversion {
    /// The conversion that a lead is, by what is kept with it.
    pub fn of_lead(lead: &Lead, told: &LeadConversion, advertiser: Option<AdvertiserId>) -> Self {
        let by_status = match lead.status {
            LeadStatus::Returned => ConversionDisposition::Returned,
            LeadStatus::Review => ConversionDisposition::Pending,
            LeadStatus::Scrubbed if lead.outcome == LeadOutcome::ThrownOut => ConversionDisposition::Rejected,
            _ => ConversionDisposition::Approved,
        };
        Self {
            id: lead.row,
            at: lead.at,
            source: ConversionSource::Lead,
            event: told.event,
            offer: lead.offer,
            advertiser,
            affiliate: lead.affiliate,
            campaign: lead.campaign,
            offer_contract: lead.offer_contract,
            session: lead.session,
            lookup: None,
            lead: Some(lead.id),
            sub_ids: lead.sub_ids.clone(),
            payout: lead.payout,
            received: told.received.unwrap_or(lead.revenue),
            said: told.received.is_some(),
            disposition: told.disposition.unwrap_or(by_status),
            withheld: told.withheld,
            waits: told.waits,
            reported: told.reported.clone(),
            has_pixel: told.pixel_at.is_some(),
            pixels_shown: told.pixels_shown,
            test: lead.test,
            ip: lead.ip,
            revision: lead.revision,
            config_version: lead.config_version,
        }
    }

    /// It, as it is recorded where a cap is reached: at nothing, worth it where a person
    /// lets it count all the same.
    pub fn over_cap(self) -> Self {
        let (payout, received, said) = (self.payout, self.received, self.said);
        Self {
            withheld: self.withheld.or(Some(Withheld {
                payout,
                received,
                said,
                told: false,
                over_cap: false,
            })),
            payout: Money::ZERO,
            received: Money::ZERO,
            disposition: ConversionDisposition::OverCap,
            ..self
        }
    }

    /// Whether it has counted and been told of: nothing that came over a cap has.
    pub fn was_told(&self) -> bool {
        self.disposition != ConversionDisposition::OverCap
    }

    /// Whether it makes its session a converted one.
    pub fn converts(&self) -> bool {
        !self.test && self.disposition == ConversionDisposition::Approved
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests;
