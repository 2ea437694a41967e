//! Clicks, sessions and counts.

use crate::configuration::HistoryOf;
use crate::outbox::CapTold;
use crate::{Page, PageRequest, Result};
use crumb_domain::caps::{CapCheck, DayCount};
use crumb_domain::charge::Charge;
use crumb_domain::click::{Click, Disposition};
use crumb_domain::session::Session;
use crumb_domain::time::Day;
use crumb_domain::{AffiliateId, CampaignId, CreativeId, OfferId, RowId, Timestamp};

/// The clicks of one request: a plain click, or a diverted one with those of the
/// chain it went along. Kept together or not at all.
#[derive(Debug, Clone, Default)]
pub struct ClickBatch {
    /// One to six clicks, ids ascending.
    pub clicks: Vec<Click>,
    /// Counts that rise by one with them.
    pub counts: Vec<DayCount>,
    /// Who is to be told of caps that they fill.
    pub caps_told: Vec<CapTold>,
    /// What they refer to of the network that decided, and that has history from now
    /// on. Not all that their rows name: a link may carry any number as an id.
    pub refers_to: Vec<HistoryOf>,
    /// What they cost, where clicks are what somebody pays or is paid for.
    pub charges: Vec<Charge>,
}

/// Sub-affiliates of an affiliate: the wire dialect's bound. Later ones stand on
/// their clicks and leads only.
pub const MAX_SUB_AFFILIATES: u32 = 100_000;

/// A sub-affiliate: a distinct `s1` of an affiliate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubAffiliate {
    /// As it was sent, within its limits.
    pub s1: String,
    /// When the first click or lead with it came.
    pub first_at: Timestamp,
}

/// Which clicks.
#[derive(Debug, Clone, Default)]
pub struct ClickFilter {
    /// Of this affiliate.
    pub affiliate: Option<AffiliateId>,
    /// Of this offer.
    pub offer: Option<OfferId>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// Of this creative.
    pub creative: Option<CreativeId>,
    /// With this disposition.
    pub disposition: Option<Disposition>,
    /// Credited to this session, or this very click.
    pub session: Option<RowId>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}

/// What impressions are counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImpressionsOf {
    /// An affiliate's campaign.
    Campaign(CampaignId),
    /// A creative, whoever shows it.
    Creative(CreativeId),
}

/// That an advertisement was shown.
#[derive(Debug, Clone)]
pub struct Impression {
    /// What it counts for.
    pub of: Vec<ImpressionsOf>,
    /// On which day of the network's zone.
    pub day: Day,
    /// What it costs, where impressions are what somebody pays or is paid for.
    pub charges: Vec<Charge>,
}

/// The store of clicks.
pub trait ClickStore {
    /// Keeps the clicks of one request. What they cost is in the ledger with them: an
    /// entry for all clicks of a party, campaign and day that are written at once, with
    /// their number.
    fn record_clicks(&self, batch: ClickBatch) -> impl Future<Output = Result<()>> + Send;

    /// The session of that id, opened by a click or by a lead; `None` where there
    /// is none (also for a click that was diverted or is a duplicate). At most
    /// one indexed read.
    fn session(&self, id: RowId) -> impl Future<Output = Result<Option<Session>>> + Send;

    /// The pre-fill values kept for a session.
    fn prefill(&self, session: RowId) -> impl Future<Output = Result<Vec<(String, String)>>> + Send;

    /// The count that a cap check is about, over its days.
    fn count(&self, check: CapCheck) -> impl Future<Output = Result<u64>> + Send;

    /// Counts an impression of each of these on a day. They have history from now on.
    /// What it costs is gathered with it, and is in the ledger with the thousandth of its
    /// party and campaign (see [`crumb_domain::charge::Gathered`]).
    fn record_impression(&self, impression: Impression) -> impl Future<Output = Result<()>> + Send;

    /// How many impressions there were on which days of `first..=last`, in their order;
    /// days without any are left out.
    fn impressions(
        &self,
        of: ImpressionsOf,
        first: Day,
        last: Day,
    ) -> impl Future<Output = Result<Vec<(Day, u64)>>> + Send;

    /// The newest row id of any kind that a node has stored, so that its ids go
    /// on after it.
    fn newest_row(&self, node: u8) -> impl Future<Output = Result<Option<RowId>>> + Send;

    /// The newest clicks that opened a session on one of these offers at or after a
    /// moment, newest first and at most `limit`. Read before a server listens, so
    /// that it looks no further back than a start may wait for. Pre-fill values are
    /// left out.
    fn recent_openings(
        &self,
        offers: Vec<OfferId>,
        since: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Click>>> + Send;

    /// Clicks by filter, ordered by id. Pre-fill values are left out.
    fn clicks(
        &self,
        filter: ClickFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Click>>> + Send;

    /// The sub-affiliates of an affiliate, in the order in which they came: those
    /// of clicks that people made on links which lead somewhere, and of leads, up
    /// to [`MAX_SUB_AFFILIATES`]. They are kept with the click or lead.
    fn sub_affiliates(
        &self,
        affiliate: AffiliateId,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<SubAffiliate>>> + Send;
}
