//! Values for the cases: ordinary ones, of which a case changes what it is about.

use crate::Store;
use crate::clicks::ClickBatch;
use crumb_domain::click::{Click, ClickSource, Disposition};
use crumb_domain::request_id::{Node, RowIdSequence};
use crumb_domain::{AffiliateId, CampaignId, ConfigVersion, CreativeId, OfferId, RowId, SubIds, Timestamp};
use std::net::{IpAddr, Ipv4Addr};

/// When the cases play: 2026-11-22T12:00:00Z.
pub const NOW: Timestamp = Timestamp::from_micros(1_795_348_800_000_000);

/// Makes row ids as a server does.
#[derive(Debug)]
pub struct Rows(RowIdSequence);

impl Rows {
    /// Of node 0.
    pub fn new() -> Self {
        Self::of_node(0)
    }

    /// Of another node.
    pub fn of_node(node: u8) -> Self {
        Self(RowIdSequence::resume(Node::new(node).unwrap(), NOW, None))
    }

    /// The next id.
    pub fn next_row(&mut self) -> RowId {
        self.next_at(NOW)
    }

    /// The next id, at a moment.
    pub fn next_at(&mut self, at: Timestamp) -> RowId {
        self.0.next(at)
    }
}

impl Default for Rows {
    fn default() -> Self {
        Self::new()
    }
}

/// A click of affiliate 12 on offer 100 that opens a session.
pub fn click(id: RowId) -> Click {
    Click {
        id,
        at: NOW,
        source: ClickSource::Link,
        session: Some(id),
        visitor: None,
        affiliate: Some(AffiliateId(12)),
        offer: Some(OfferId(100)),
        campaign: Some(CampaignId(57)),
        creative: Some(CreativeId(1057)),
        offer_contract: None,
        media_type: None,
        price_format: None,
        sub_ids: SubIds::default(),
        device_id: None,
        disposition: Disposition::Ok,
        duplicate: false,
        non_human: None,
        test: false,
        ip: Some(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9))),
        country: None,
        user_agent: "Mozilla/5.0".to_owned(),
        referrer: String::new(),
        redirect: Some("https://offer.example/".to_owned()),
        prefill: Vec::new(),
        config_version: ConfigVersion(3),
    }
}

/// A further click of a session.
pub fn duplicate(id: RowId, session: RowId) -> Click {
    Click { session: Some(session), duplicate: true, ..click(id) }
}

/// Keeps one click.
pub async fn record<S: Store>(store: &S, click: Click) {
    record_all(store, vec![click]).await;
}

/// Keeps the clicks of one request.
pub async fn record_all<S: Store>(store: &S, clicks: Vec<Click>) {
    store.record_clicks(ClickBatch { clicks, counts: Vec::new() }).await.unwrap();
}
