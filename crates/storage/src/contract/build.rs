//! Values for the cases: ordinary ones, of which a case changes what it is about.

use crate::Store;
use crate::clicks::ClickBatch;
use crate::configuration::HistoryOf;
use crate::leads::{
    AcceptLead, AnswerFn, DuplicateCheck, DuplicateKey, IdempotencyClaim, IdempotencyScope, PostRecord,
    Posted, RejectPost, UpdateLead, Verdict,
};
use crumb_domain::attribution::{Attribution, AttributionTrace};
use crumb_domain::click::Click;
use crumb_domain::conversion::LeadConversion;
use crumb_domain::examples;
use crumb_domain::lead::Lead;
use crumb_domain::outcome::Problem;
use crumb_domain::post::{PostKind, StoredAnswer};
use crumb_domain::request_id::{Node, RowIdSequence};
use crumb_domain::{
    AffiliateId, CampaignId, ConfigVersion, EventId, LeadId, OfferId, RowId, Timestamp, VerticalId,
};
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
        self.next_row_at(NOW)
    }

    /// The next id, at a moment.
    pub fn next_row_at(&mut self, at: Timestamp) -> RowId {
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
        session: Some(id),
        ip: Some(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9))),
        user_agent: "Mozilla/5.0".to_owned(),
        redirect: Some("https://offer.example/".to_owned()),
        config_version: ConfigVersion(3),
        ..examples::click()
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
    store.record_clicks(batch(clicks)).await.unwrap();
}

/// Clicks of one request that count nothing, on a network that has all they name.
pub fn batch(clicks: Vec<Click>) -> ClickBatch {
    let refers_to = clicks.iter().flat_map(|click| {
        let affiliate = click.affiliate.map(HistoryOf::Affiliate);
        let (offer, campaign) = (click.offer.map(HistoryOf::Offer), click.campaign.map(HistoryOf::Campaign));
        [affiliate, offer, campaign, click.creative.map(HistoryOf::Creative)].into_iter().flatten()
    });
    ClickBatch { refers_to: refers_to.collect(), clicks, ..ClickBatch::default() }
}

/// The id of the nth lead.
pub fn lead_id(number: u32) -> LeadId {
    format!("{number:08}").parse().unwrap()
}

/// An unsold lead of affiliate 12 on offer 100, posted by server, of a session
/// that nothing knows.
pub fn lead(number: u32, row: RowId) -> Lead {
    Lead {
        id: lead_id(number),
        row,
        at: NOW,
        post: PostKind::Server,
        attribution: Attribution::Key,
        trace: AttributionTrace::default(),
        session: row,
        fields: vec![("first_name".to_owned(), "Ann".to_owned())],
        conversion: Some(LeadConversion::of(EventId(1))),
        revision: 0,
        config_version: ConfigVersion(3),
        ..examples::lead()
    }
}

/// A server post of campaign 57.
pub fn post(id: RowId) -> PostRecord {
    PostRecord {
        id,
        at: NOW,
        kind: PostKind::Server,
        campaign: Some(CampaignId(57)),
        offer: Some(OfferId(100)),
        affiliate: Some(AffiliateId(12)),
        ip: Some(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7))),
        query: b"ckm_campaign_id=57".to_vec(),
        content_type: "application/x-www-form-urlencoded".to_owned(),
        body: b"first_name=Ann".to_vec(),
        errors: Vec::new(),
    }
}

/// What is answered to a verdict in the cases: its words, and `mark` to tell
/// answers apart.
pub fn answer_text(mark: &str, verdict: &Verdict) -> StoredAnswer {
    StoredAnswer {
        status: 200,
        content_type: Some("text/plain".to_owned()),
        location: None,
        body: format!("{mark}: {verdict:?}"),
    }
}

/// Renders such an answer.
pub fn answer(mark: &str) -> AnswerFn {
    let mark = mark.to_owned();
    Box::new(move |verdict| answer_text(&mark, verdict))
}

/// A lead that is accepted unless a case says otherwise; its post has the lead's
/// row id and time.
pub fn accept(lead: Lead) -> AcceptLead {
    let (row, at) = (lead.row, lead.at);
    AcceptLead {
        answer: answer(lead.id.as_str()),
        keep_refused: Box::new(|| true),
        lead: lead.into(),
        open_session: None,
        duplicate: None,
        register: None,
        filtered: None,
        caps: Vec::new(),
        conversion_caps: Vec::new(),
        counts: Vec::new(),
        ledger: Vec::new(),
        timeline: Vec::new(),
        deliveries: Vec::new(),
        caps_told: Vec::new(),
        refused_told: None,
        takes_over: None,
        quote: None,
        offering: None,
        post: PostRecord { at, ..post(row) },
        idempotency: None,
    }
}

/// A change of a lead, by a post of its own.
pub fn update(lead: Lead, post_id: RowId) -> UpdateLead {
    UpdateLead {
        answer: answer(lead.id.as_str()),
        keep_refused: Box::new(|| true),
        lead,
        duplicate: None,
        register: None,
        filtered: None,
        ledger: Vec::new(),
        timeline: Vec::new(),
        deliveries: Vec::new(),
        offering: None,
        is_due: false,
        post: post(post_id),
        idempotency: None,
    }
}

/// A kept rejection.
pub fn reject(post_id: RowId, problem: Problem) -> RejectPost {
    RejectPost {
        post: PostRecord { errors: vec![problem.as_str().to_owned()], ..post(post_id) },
        problem,
        idempotency: None,
        answer: answer_text("rejected", &Verdict::Rejected(problem)),
        keep: true,
        deliveries: Vec::new(),
    }
}

/// The key of the person of that number in vertical 1.
pub fn person(number: u8) -> DuplicateKey {
    DuplicateKey { vertical: VerticalId(1), hash: [number; 32] }
}

/// Looks for an earlier lead of a person in the whole vertical, over 30 days.
pub fn earlier(key: DuplicateKey) -> DuplicateCheck {
    DuplicateCheck { key, offer: None, since: NOW.plus_days(-30) }
}

/// A claim of a key of campaign 57.
pub fn claim(key: &str) -> IdempotencyClaim {
    let scope = IdempotencyScope::Campaign(CampaignId(57));
    IdempotencyClaim { scope, key: key.to_owned(), body_hash: [1; 32] }
}

/// Accepts a lead that nothing stands against.
pub async fn accepted<S: Store>(store: &S, lead: Lead) {
    let verdict = verdict(store.accept_lead(accept(lead)).await.unwrap());
    assert_eq!(verdict, Verdict::Accepted);
}

/// The verdict of a post that was decided now.
pub fn verdict(posted: Posted) -> Verdict {
    match posted {
        Posted::Now(verdict, _) => verdict,
        other => panic!("not decided now: {other:?}"),
    }
}
