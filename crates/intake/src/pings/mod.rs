//! Pings: what a lead would be bought for, before it is posted.
//!
//! A seller sends its campaign's id and key and what it may tell of a lead without naming
//! anybody. The tree is asked as for a lead, up to the first post (`selling::quote`), and
//! the best offer is kept as a quote and told as what the affiliate is paid. `quoted` is
//! the other half: the post that names the quote.
//!
//! Personal fields are dropped first (`fields`). A condition of a buyer's filter or a
//! lead tier finds such a field absent, as in any lead without it; conditions of the
//! vertical's inbound filter that name one are left to the post, as is the duplicate
//! check. Nothing is kept of a ping but its quote: no raw text, no lead, no count, no
//! reservation.

mod fields;
mod rate;

pub(crate) use rate::PingRate;

use crate::acceptance::lead_caps;
use crate::case::{Case, IncomingPost};
use crate::credit::{Credit, by_key};
use crate::replies::ReplyTokens;
use crate::selling::quote::Asked;
use crate::service::{self, Leads, PostError, RawPost};
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::outcome::Problem;
use crumb_domain::pings::PingLimits;
use crumb_domain::post::{PostKind, StoredAnswer};
use crumb_domain::{LeadId, Money, Timestamp};
use crumb_storage::selling::Quote;
use crumb_storage::{Store, StoreError};
use crumb_tracking::client::Client;
use crumb_wire::answer::{AnswerForm, PingReply, render_ping};
use crumb_wire::post::PostRequest;
use rand::RngExt as _;
use std::net::IpAddr;

/// Milliseconds of a ping's deadline that are kept for what comes after the last buyer's
/// answer: keeping the quote.
const ANSWER_MS: i64 = 250;
/// Characters of a ping id: 36^20 of them cannot be guessed.
const ID_CHARS: usize = 20;
/// New random ids tried before a ping is given up; a second one is never needed.
const MAX_ID_TRIES: usize = 8;

/// The answer to a ping; if it tells a price, that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PingAnswer {
    /// What to send.
    pub answer: StoredAnswer,
    /// Why there is no price, where there is none.
    pub refused: Option<Problem>,
}

/// Why a ping is told no price.
struct Refused {
    problem: Problem,
    texts: Vec<String>,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { problem, texts: vec![problem.as_str().to_owned()] }
    }
}

impl<S: Store + Clone> Leads<S> {
    /// Takes a ping and answers it: with a price once that is stored.
    ///
    /// # Errors
    /// Where it could not be stored, or the store not be read.
    pub async fn ping(
        &self,
        request: &PostRequest,
        accepts_json: bool,
        client: &Client,
    ) -> Result<PingAnswer, PostError> {
        let is_json = request.json_body || accepts_json;
        let told = self.price_of(request, client).await?;
        let (reply, refused) = match told {
            Ok(quote) => {
                let Quote { id, payout, expires, .. } = quote;
                (PingReply::Accepted { ping: id, price: payout, expires }, None)
            }
            Err(Refused { problem, texts }) => (PingReply::Rejected { errors: texts }, Some(problem)),
        };
        let mut answer = render_ping(is_json, &reply);
        if refused == Some(Problem::TooManyPings) {
            answer.status = 429;
        }
        Ok(PingAnswer { answer, refused })
    }

    async fn price_of(
        &self,
        request: &PostRequest,
        client: &Client,
    ) -> Result<Result<Quote, Refused>, PostError> {
        let now = self.site.clock.now();
        if let Some(problem) = service::unreadable(request) {
            return Ok(Err(problem.into()));
        }
        let snapshot = self.site.network.snapshot();
        let authority = PostRequest { request_id: None, ..request.clone() };
        let credit = match by_key(&self.site, &snapshot, &authority).await? {
            Ok(credit) => credit,
            Err(uncredited) => return Ok(Err(uncredited.problem.into())),
        };
        let campaign = credit.campaign.and_then(|id| snapshot.campaign(id));
        let Some(campaign) = campaign else { return Ok(Err(Problem::InvalidPostKey.into())) };
        if !self.ping_rate.takes(campaign.id, now) {
            return Ok(Err(Problem::TooManyPings.into()));
        }
        let takes_leads = |offer: &&crumb_network::CompiledOffer| {
            offer.offer.offer_type != crumb_domain::network::OfferType::ThirdParty
        };
        let Some(offer) = snapshot.offer(credit.offer).filter(takes_leads) else {
            return Ok(Err(Problem::InactiveOffer.into()));
        };
        let request = fields::without_personal(request, &offer.vertical().rules);
        // Nothing of a ping is kept as it came.
        let raw = RawPost {
            query: Vec::new(),
            content_type: String::new(),
            body: Vec::new(),
            accepts_json: false,
            idempotency_key: None,
        };
        let incoming = IncomingPost {
            request: &request,
            raw: &raw,
            client,
            now,
            kind: PostKind::Server,
            form: AnswerForm::Xml,
        };
        let case = Case {
            incoming: &incoming,
            snapshot: &snapshot,
            offer,
            campaign: Some(campaign),
            credit: &credit,
            has_contracts: self.selling.has_contracts(&snapshot, offer),
        };
        self.price_in(&case).await
    }

    /// The price for a ping that is somebody's, on an offer that is known.
    async fn price_in(&self, case: &Case<'_>) -> Result<Result<Quote, Refused>, PostError> {
        let (incoming, vertical) = (case.incoming, case.offer.vertical());
        let request = incoming.request;
        if let Some(problem) = self.refusal(case).or(request.malformed) {
            return Ok(Err(problem.into()));
        }
        let checked = fields::check(request, &vertical.rules, case.today());
        if checked.server_verdict().is_some() {
            // Whatever its decision: a lead with a bad field is not sold.
            let problem =
                if checked.missing.is_empty() { Problem::ValidationFailed } else { Problem::LeadMissingData };
            return Ok(Err(Refused { problem, texts: checked.texts() }));
        }
        let lead = self.lead_to_come(case, checked.values);
        let value = |name: &str| lead.field(name).map(str::to_owned);
        if vertical.inbound_of_pings.matches(&value, case.today()).is_err() {
            return Ok(Err(Problem::UnmatchedFilter.into()));
        }
        if !lead.test {
            for (check, problem) in lead_caps(case) {
                if self.site.store.count(check).await? >= u64::from(check.limit) {
                    return Ok(Err(problem.into()));
                }
            }
        }
        let offered =
            if lead.test { Some((Money::ZERO, String::new())) } else { self.offered(case, &lead).await? };
        match offered {
            Some((payout, record)) => self.keep(case, lead, payout, record).await.map(Ok),
            None => Ok(Err(Problem::NoQualifiedBuyers.into())),
        }
    }

    /// What the affiliate would be paid, and how that was found.
    async fn offered(&self, case: &Case<'_>, lead: &Lead) -> Result<Option<(Money, String)>, StoreError> {
        let incoming = case.incoming;
        let tokens = ReplyTokens {
            lead,
            // Buyers may tie the post to its ping by the id that both name.
            is_kept: true,
            names: None,
            session: None,
            rules: &case.offer.vertical().rules,
            ip: consumer_ip(case),
            now: incoming.now,
        };
        let asked = Asked {
            lead,
            snapshot: case.snapshot,
            offer: case.offer,
            deadline: deadline(incoming.now, incoming.request.max_seconds, self.site.pings),
            value: &|name| tokens.lookup(name),
        };
        self.selling.quote(asked).await
    }

    async fn keep(
        &self,
        case: &Case<'_>,
        lead: Lead,
        payout: Money,
        record: String,
    ) -> Result<Quote, PostError> {
        let now = self.site.clock.now();
        let mut quote = Quote {
            id: String::new(),
            campaign: case.campaign.map(|campaign| campaign.id).ok_or(StoreError::Conflict)?,
            at: now,
            expires: now.plus_seconds(i64::from(self.site.pings.life_seconds)),
            payout,
            fields: lead.fields,
            record,
        };
        for _ in 0..MAX_ID_TRIES {
            quote.id = self.new_ping_id();
            match self.site.store.put_quote(quote.clone()).await {
                Ok(()) => return Ok(quote),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(PostError::Store(StoreError::Conflict))
    }

    fn new_ping_id(&self) -> String {
        const ALPHABET: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let mut random = self.site.random();
        let drawn = (0..ID_CHARS).filter_map(|_| ALPHABET.get(random.random_range(0..ALPHABET.len())));
        drawn.map(|byte| char::from(*byte)).collect()
    }

    /// The lead that may follow, as far as it is known: it is never stored.
    fn lead_to_come(&self, case: &Case<'_>, values: Vec<(String, String)>) -> Lead {
        let (incoming, credit) = (case.incoming, case.credit);
        let row = self.site.rows.next(incoming.now);
        let Credit { affiliate, campaign, offer_contract, offer, attribution, trace, .. } = *credit;
        Lead {
            id: LeadId::random(&mut self.site.random()),
            row,
            at: incoming.now,
            post: incoming.kind,
            status: LeadStatus::Unsold,
            outcome: LeadOutcome::Interrupted,
            errors: Vec::new(),
            affiliate,
            offer,
            vertical: case.offer.offer.vertical,
            campaign,
            offer_contract,
            attribution,
            trace,
            session: row,
            sub_ids: credit.sub_ids.clone(),
            fields: values,
            payout: Money::ZERO,
            revenue: Money::ZERO,
            sales: Vec::new(),
            conversion: None,
            test: incoming.request.test,
            upsell: incoming.request.upsell,
            ip: None,
            revision: 0,
            config_version: case.snapshot.version(),
        }
    }
}

/// The consumer's address, where the vertical lets pings tell it; the poster's is nobody's
/// business.
fn consumer_ip(case: &Case<'_>) -> Option<IpAddr> {
    let text = case.incoming.request.fields.get(crate::judgement::IP_FIELD)?;
    text.trim().parse().ok()
}

/// Until when buyers are asked, so that the answer is out in time.
fn deadline(now: Timestamp, max_seconds: Option<u32>, limits: PingLimits) -> Timestamp {
    let most = i64::from(limits.deadline_ms);
    let asked = max_seconds.map_or(most, |seconds| i64::from(seconds).saturating_mul(1_000));
    let milliseconds = asked.min(most).saturating_sub(ANSWER_MS).max(0);
    Timestamp::from_micros(now.micros().saturating_add(milliseconds * 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_the_servers_or_an_earlier_one_that_the_sender_asks_for() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let limits = PingLimits { deadline_ms: 2_500, ..PingLimits::DEFAULT };
        let left = |max_seconds, limits| (deadline(now, max_seconds, limits).micros() - now.micros()) / 1_000;
        assert_eq!(left(None, PingLimits::DEFAULT), 4_750);
        assert_eq!(left(None, limits), 2_250);
        assert_eq!(left(Some(2), limits), 1_750);
        assert_eq!(left(Some(3), limits), 2_250);
        assert_eq!(left(Some(0), limits), 0);
    }
}
