//! Values for the cases about conversions.

use super::build::{NOW, click, record};
use crate::Store;
use crate::conversions::{NoteCall, PixelEffect, PixelWrite, RecordConversion, Recorded, SessionHad};
use crumb_domain::conversion::{Conversion, ConversionDisposition, ConversionSource, Reported};
use crumb_domain::delivery::{Delivery, DeliveryKind, DeliveryState};
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::pixel::{PixelCall, PixelDisposition, SessionLookup};
use crumb_domain::{
    AdvertiserId, AffiliateId, CampaignId, ConfigVersion, EventId, Money, OfferId, RowId, SubIds,
};
use std::net::{IpAddr, Ipv4Addr};

/// What a case's conversion earns.
pub const PAYOUT: Money = Money::from_micros(5_000_000);
/// What it brings.
pub const RECEIVED: Money = Money::from_micros(9_000_000);

/// An approved conversion of event 1 by affiliate 12 on offer 100 of advertiser 1.
pub fn conversion(id: RowId, session: RowId) -> Conversion {
    Conversion {
        id,
        at: NOW,
        source: ConversionSource::Postback,
        event: EventId(1),
        offer: OfferId(100),
        advertiser: Some(AdvertiserId(1)),
        affiliate: AffiliateId(12),
        campaign: Some(CampaignId(57)),
        offer_contract: None,
        session,
        lookup: Some(SessionLookup::RequestId),
        lead: None,
        sub_ids: SubIds::default(),
        payout: PAYOUT,
        received: RECEIVED,
        said: false,
        disposition: ConversionDisposition::Approved,
        withheld: None,
        waits: None,
        reported: Reported::default(),
        has_pixel: true,
        pixels_shown: false,
        test: false,
        ip: Some(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9))),
        revision: 0,
        config_version: ConfigVersion(3),
    }
}

/// The same with a transaction id.
pub fn with_transaction(conversion: Conversion, transaction_id: &str) -> Conversion {
    let transaction_id = Some(transaction_id.to_owned());
    Conversion { reported: Reported { transaction_id, ..conversion.reported }, ..conversion }
}

/// A new conversion of an event that comes once a session, in one that has none, with
/// what it moves.
pub fn new(conversion: Conversion) -> RecordConversion {
    RecordConversion {
        ledger: money_of(&conversion),
        once_a_session: true,
        once_a_transaction: false,
        session_had: SessionHad::Nothing,
        shows_html: false,
        caps: Vec::new(),
        counts: Vec::new(),
        deliveries: Vec::new(),
        caps_told: Vec::new(),
        timeline: Vec::new(),
        signature: None,
        conversion,
    }
}

/// What a conversion moves.
pub fn money_of(conversion: &Conversion) -> Vec<LedgerEntry> {
    let Conversion { id, affiliate, payout, received, .. } = *conversion;
    vec![
        LedgerEntry::conversion_payout(NOW, id, affiliate, payout),
        LedgerEntry::received(NOW, id, AdvertiserId(1), received),
    ]
}

/// A call from a server for a session on offer 100, whose end is still to be said.
pub fn call(id: RowId, session: RowId) -> PixelCall {
    PixelCall {
        id,
        at: NOW,
        form: ConversionSource::Postback,
        disposition: PixelDisposition::Ok,
        offer: Some(OfferId(100)),
        advertiser: Some(AdvertiserId(1)),
        event: Some(EventId(1)),
        lookup: Some(SessionLookup::RequestId),
        session: Some(session),
        affiliate: Some(AffiliateId(12)),
        campaign: Some(CampaignId(57)),
        conversion: None,
        transaction_id: None,
        trusted: false,
        ignored: Vec::new(),
        ip: Some(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7))),
        user_agent: "shop/1.0".to_owned(),
        referrer: String::new(),
        config_version: ConfigVersion(3),
    }
}

/// A call that makes a conversion.
pub fn makes(call_id: RowId, new: RecordConversion) -> PixelWrite {
    PixelWrite { call: call(call_id, new.conversion.session), effect: PixelEffect::New(Box::new(new)) }
}

/// A call that makes nothing, with its end.
pub fn refused(call: PixelCall, disposition: PixelDisposition) -> PixelWrite {
    PixelWrite { call: PixelCall { disposition, ..call }, effect: PixelEffect::None }
}

/// A call that is noted with a conversion.
pub fn notes(call_id: RowId, note: NoteCall) -> PixelWrite {
    let conversion = Some(note.conversion.id);
    let call = PixelCall { conversion, ..call(call_id, note.conversion.session) };
    PixelWrite { call, effect: PixelEffect::Noted(Box::new(note)) }
}

/// A conversion as it will stand once a pixel has named it.
pub fn note(conversion: Conversion) -> NoteCall {
    NoteCall {
        conversion: Conversion { has_pixel: true, ..conversion },
        once_a_transaction: false,
        signature: None,
        ledger: Vec::new(),
        deliveries: Vec::new(),
    }
}

/// A delivery about a conversion.
pub fn delivery(id: RowId, conversion: RowId) -> Delivery {
    Delivery {
        id,
        webhook_id: format!("msg_{}", id.as_i64()),
        at: NOW,
        kind: DeliveryKind::Postback,
        destination: "affiliate:12".to_owned(),
        affiliate: Some(AffiliateId(12)),
        campaign: Some(CampaignId(57)),
        offer: Some(OfferId(100)),
        conversion: Some(conversion),
        lead: None,
        url: "https://partner.example/postback?id=1".to_owned(),
        shown_url: None,
        body: None,
        state: DeliveryState::Waits,
        tries: 0,
        due: NOW,
    }
}

/// A session that a click opened.
pub async fn session<S: Store>(store: &S, id: RowId) -> RowId {
    record(store, click(id)).await;
    id
}

/// Makes a conversion that nothing stands against.
pub async fn converted<S: Store>(store: &S, call_id: RowId, new: RecordConversion) {
    assert_eq!(store.record_pixel(makes(call_id, new)).await.unwrap(), Some(Recorded::New));
}

/// The conversion of that place.
pub async fn stands<S: Store>(store: &S, id: RowId) -> Conversion {
    store.conversion(id).await.unwrap().unwrap()
}

/// The lines of the log, oldest first: what became of each call, and of which conversion
/// it says so.
pub async fn log<S: Store>(store: &S) -> Vec<(PixelDisposition, Option<RowId>)> {
    let page = crate::PageRequest { ascending: true, ..Default::default() };
    let lines = store.pixels(Default::default(), page).await.unwrap();
    lines.data.into_iter().map(|line| (line.disposition, line.conversion)).collect()
}
