//! A click, a session and a lead for tests to start from.

#![expect(clippy::unwrap_used, reason = "this is test code that lives in a library, so that crates share it")]

use crate::attribution::{Attribution, AttributionTrace, Claim};
use crate::click::{Click, ClickSource, Disposition};
use crate::lead::{Lead, LeadOutcome, LeadStatus};
use crate::post::PostKind;
use crate::session::{Session, SessionOrigin};
use crate::{
    AffiliateId, CampaignId, ConfigVersion, CreativeId, Money, OfferId, RowId, SubIds, Timestamp, VerticalId,
};

/// When the session of both began.
pub fn began() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

/// An unsold lead of affiliate 12 on offer 100, three minutes after its click.
pub fn lead() -> Lead {
    let session = RowId::at_or_after(began());
    Lead {
        id: "C8097F17".parse().unwrap(),
        row: session,
        at: began().plus_seconds(180),
        post: PostKind::Session,
        status: LeadStatus::Unsold,
        outcome: LeadOutcome::NoQualifiedBuyers,
        errors: Vec::new(),
        affiliate: AffiliateId(12),
        offer: OfferId(100),
        vertical: VerticalId(1),
        campaign: Some(CampaignId(57)),
        offer_contract: None,
        attribution: Attribution::RequestId,
        trace: AttributionTrace { request_id: Claim::Credited, cookie: Claim::Absent },
        session,
        sub_ids: SubIds::default(),
        fields: Vec::new(),
        payout: Money::ZERO,
        revenue: Money::ZERO,
        sales: Vec::new(),
        conversion: None,
        test: false,
        upsell: false,
        ip: None,
        revision: 1,
        config_version: ConfigVersion(1),
    }
}

/// A click of affiliate 12 on offer 100 that opened a session.
pub fn click() -> Click {
    let id = RowId::at_or_after(began());
    Click {
        id,
        at: began(),
        source: ClickSource::Link,
        session: Some(id),
        visitor: None,
        affiliate: Some(AffiliateId(12)),
        offer: Some(OfferId(100)),
        campaign: Some(CampaignId(57)),
        creative: Some(CreativeId(1057)),
        offer_contract: None,
        asked_contract: None,
        media_type: None,
        price_format: None,
        sub_ids: SubIds::default(),
        device_id: None,
        disposition: Disposition::Ok,
        duplicate: false,
        non_human: None,
        test: false,
        ip: None,
        country: None,
        user_agent: String::new(),
        referrer: String::new(),
        redirect: Some("https://lp.example/".to_owned()),
        prefill: Vec::new(),
        payout: Money::ZERO,
        received: Money::ZERO,
        config_version: ConfigVersion(1),
    }
}

/// A session on offer 100 that a click of affiliate 12 opened.
pub fn session() -> Session {
    Session {
        id: RowId::at_or_after(began()),
        at: began(),
        origin: SessionOrigin::Click,
        affiliate: AffiliateId(12),
        offer: OfferId(100),
        campaign: None,
        creative: None,
        offer_contract: None,
        sub_ids: SubIds::default(),
        device_id: None,
        visitor: None,
        test: false,
        ip: None,
        country: None,
        converted: false,
    }
}
