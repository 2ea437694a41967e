//! Leads: what a post becomes, decided where writes are serialised.

use super::build::{
    NOW, Rows, accept, accepted, answer_text, claim, click, earlier, lead, lead_id, person, record, verdict,
};
use crate::Store;
use crate::leads::{AcceptLead, DuplicateCheck, DuplicateKey, LeadSession, Posted, RejectionFilter, Verdict};
use crate::{PageRequest, leads::LeadFilter};
use crumb_domain::attribution::{Attribution, AttributionTrace, Claim};
use crumb_domain::caps::{CapCheck, CapScope, DayCount};
use crumb_domain::conversion::{ConversionDisposition, LeadConversion, Reported};
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus, Sale};
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::network::{CapOf, SaleType};
use crumb_domain::outcome::Problem;
use crumb_domain::post::{PostKind, PostOutcome};
use crumb_domain::selling::{Redress, SaleReturn};
use crumb_domain::session::SessionOrigin;
use crumb_domain::time::Day;
use crumb_domain::{
    AffiliateId, BuyerId, CampaignId, ConfigVersion, ContractId, EventId, Money, OfferContractId, OfferId,
    RowId, SubIds, VerticalId,
};
use std::sync::Arc;
use tokio::task::JoinSet;

const TODAY: Day = Day(20_779);

fn lead_count() -> DayCount {
    DayCount { scope: CapScope::Offer(OfferId(100)), of: CapOf::Lead, day: TODAY }
}

fn cap(limit: u32, first_day: Day) -> CapCheck {
    CapCheck { scope: CapScope::Offer(OfferId(100)), of: CapOf::Lead, first_day, day: TODAY, limit }
}

async fn total<S: Store>(store: &S) -> u64 {
    store.leads(LeadFilter::default(), PageRequest::default()).await.unwrap().total
}

/// A lead with every column filled.
fn full_lead(number: u32, row: RowId, session: RowId) -> Lead {
    let sale = |contract, sale_type| Sale {
        contract: ContractId(contract),
        buyer: BuyerId(5),
        price: Money::from_micros(30_000_001),
        sale_type,
        at: NOW.plus_seconds(3),
        no_return: sale_type == SaleType::Hybrid,
        returned: Some(SaleReturn { redress: Redress::Replaced, payout_taken_back: contract == 7 }),
        replaces: (contract == 8).then(|| lead_id(90)),
        redirect: (contract != 8).then(|| format!("https://buyer.example/{contract}?a=1&b=ü")),
    };
    Lead {
        id: lead_id(number),
        row,
        at: NOW.plus_seconds(2),
        post: PostKind::Session,
        status: LeadStatus::PendingUnknown,
        outcome: LeadOutcome::Interrupted,
        errors: vec!["one".to_owned(), "\"two\"".to_owned()],
        affiliate: AffiliateId(1),
        offer: OfferId(2),
        vertical: VerticalId(3),
        campaign: Some(CampaignId(4)),
        offer_contract: Some(OfferContractId(5)),
        attribution: Attribution::Cookie,
        trace: AttributionTrace { request_id: Claim::OtherOffer, cookie: Claim::Credited },
        session,
        sub_ids: SubIds::new(["a", "", "c", "", "é"]),
        fields: vec![("b".to_owned(), "1".to_owned()), ("a".to_owned(), "ü\0".to_owned())],
        payout: Money::from_micros(-5),
        revenue: Money::from_micros(60_000_002),
        sales: vec![sale(9, SaleType::Multisell), sale(7, SaleType::Hybrid), sale(8, SaleType::Exclusive)],
        conversion: Some(LeadConversion {
            pixel_at: Some(NOW.plus_seconds(9)),
            reported: Reported { transaction_id: Some("T-1".to_owned()), ..Reported::default() },
            received: Some(Money::from_micros(9_000_000)),
            disposition: Some(ConversionDisposition::Rejected),
            pixels_shown: true,
            ..LeadConversion::of(EventId(12))
        }),
        test: true,
        upsell: true,
        ip: Some("2001:db8::7".parse().unwrap()),
        revision: 0,
        config_version: ConfigVersion(11),
    }
}

/// Every column of a lead is kept, its fields and sales in their order.
pub async fn a_lead_comes_back_as_it_was<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let session = rows.next_row();
    let bare = Lead { campaign: None, fields: Vec::new(), ..lead(1, rows.next_row()) };
    let full = full_lead(2, rows.next_row(), session);
    for kept in [bare, full] {
        accepted(&*store, kept.clone()).await;
        assert_eq!(store.lead(kept.id).await.unwrap(), Some(kept));
    }
    assert_eq!(store.lead(lead_id(3)).await.unwrap(), None);
}

/// The answer is stored with what it says.
pub async fn the_answer_is_rendered_from_the_verdict_and_kept_with_the_post<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = lead(1, rows.next_row());
    let id = lead.id;
    let sent = accept(lead);
    let record = sent.post.clone();
    let expected = answer_text(id.as_str(), &Verdict::Accepted);
    let posted = store.accept_lead(sent).await.unwrap();
    assert_eq!(posted, Posted::Now(Verdict::Accepted, expected.clone()));
    let posts = store.posts_of_lead(id).await.unwrap();
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].outcome, PostOutcome::Lead(id));
    assert_eq!(posts[0].answer, Some(expected));
    assert_eq!((&posts[0].query, &posts[0].body), (&record.query, &record.body));
    assert_eq!((&posts[0].content_type, posts[0].ip), (&record.content_type, record.ip));
    assert_eq!((posts[0].id, posts[0].at, posts[0].kind), (record.id, record.at, record.kind));
    assert_eq!(posts[0].campaign, record.campaign);
    assert_eq!((posts[0].offer, posts[0].affiliate), (record.offer, record.affiliate));
}

/// [`Posted::LeadIdTaken`]: nothing is kept, also not under the idempotency key.
pub async fn a_lead_id_that_is_taken_keeps_nothing<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = lead(1, rows.next_row());
    accepted(&*store, first.clone()).await;
    let second = AcceptLead {
        idempotency: Some(claim("key")),
        counts: vec![lead_count()],
        ..accept(lead(1, rows.next_row()))
    };
    assert_eq!(store.accept_lead(second).await.unwrap(), Posted::LeadIdTaken);
    assert_eq!(store.lead(first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(store.posts_of_lead(first.id).await.unwrap().len(), 1);
    assert_eq!(store.count(cap(1, TODAY)).await.unwrap(), 0);
    let again = AcceptLead { idempotency: Some(claim("key")), ..accept(lead(2, rows.next_row())) };
    assert_eq!(verdict(store.accept_lead(again).await.unwrap()), Verdict::Accepted);
}

/// Two hundred posts of one person: one lead, the others duplicates.
pub async fn equal_posts_at_the_same_moment_make_one_lead<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let sent = AcceptLead {
            duplicate: Some(earlier(person(1))),
            register: Some(person(1)),
            ..accept(lead(number, rows.next_row()))
        };
        let store = Arc::clone(&store);
        tasks.spawn(async move { verdict(store.accept_lead(sent).await.unwrap()) });
    }
    let verdicts = tasks.join_all().await;
    let count = |wanted: &Verdict| verdicts.iter().filter(|verdict| *verdict == wanted).count();
    assert_eq!(count(&Verdict::Accepted), 1);
    assert_eq!(count(&Verdict::Rejected(Problem::DuplicateLead)), 199);
    assert_eq!(total(&*store).await, 1);
}

/// [`DuplicateCheck`]: by person and vertical, in the offer if one is named,
/// accepted at or after its moment; leads that were not registered never count.
pub async fn an_earlier_lead_counts_in_its_vertical_offer_and_window_only<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut first = accept(lead(1, rows.next_row()));
    first.register = Some(person(1));
    assert_eq!(verdict(store.accept_lead(first).await.unwrap()), Verdict::Accepted);
    // Two that are no earlier leads of anybody.
    let unregistered = AcceptLead { duplicate: None, ..accept(lead(2, rows.next_row())) };
    assert_eq!(verdict(store.accept_lead(unregistered).await.unwrap()), Verdict::Accepted);
    let other_vertical = DuplicateKey { vertical: VerticalId(2), ..person(1) };
    let mut nearly = person(1);
    nearly.hash[31] = 2;
    let in_offer = |offer| DuplicateCheck { offer: Some(OfferId(offer)), ..earlier(person(1)) };
    let since = |since| DuplicateCheck { since, ..earlier(person(1)) };
    for (number, check, is_duplicate) in [
        (10, earlier(person(1)), true),
        (11, earlier(person(2)), false),
        (12, earlier(other_vertical), false),
        (13, in_offer(100), true),
        (14, in_offer(101), false),
        (15, since(NOW), true),
        (16, since(NOW.plus_seconds(1)), false),
        (17, earlier(nearly), false),
    ] {
        let sent = AcceptLead { duplicate: Some(check.clone()), ..accept(lead(number, rows.next_row())) };
        let expected =
            if is_duplicate { Verdict::Rejected(Problem::DuplicateLead) } else { Verdict::Accepted };
        assert_eq!(verdict(store.accept_lead(sent).await.unwrap()), expected, "{check:?}");
    }
}

/// A cap is exact under concurrency.
pub async fn a_cap_of_ten_takes_exactly_ten_of_a_thousand_posts<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut tasks = JoinSet::new();
    for number in 0..1_000 {
        let sent = AcceptLead {
            caps: vec![(cap(10, TODAY), Problem::OfferOverLeadCap)],
            counts: vec![lead_count()],
            ..accept(lead(number, rows.next_row()))
        };
        let store = Arc::clone(&store);
        tasks.spawn(async move { verdict(store.accept_lead(sent).await.unwrap()) });
    }
    let verdicts = tasks.join_all().await;
    let count = |wanted: &Verdict| verdicts.iter().filter(|verdict| *verdict == wanted).count();
    assert_eq!(count(&Verdict::Accepted), 10);
    assert_eq!(count(&Verdict::Rejected(Problem::OfferOverLeadCap)), 990);
    assert_eq!(store.count(cap(10, TODAY)).await.unwrap(), 10);
}

/// Weeks, months and totals are sums of days.
pub async fn a_cap_counts_all_days_of_its_interval<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    for (number, day) in [(1, TODAY.0 - 3), (2, TODAY.0 - 1)] {
        let counts = vec![DayCount { day: Day(day), ..lead_count() }];
        let sent = AcceptLead { counts, ..accept(lead(number, rows.next_row())) };
        assert_eq!(verdict(store.accept_lead(sent).await.unwrap()), Verdict::Accepted);
    }
    let over = Verdict::Rejected(Problem::CampaignOverLeadCap);
    for (number, first_day, expected) in [
        (3, TODAY.0, Verdict::Accepted),
        (4, TODAY.0 - 1, Verdict::Accepted),
        (5, TODAY.0 - 3, over.clone()),
        (6, i32::MIN, over),
    ] {
        let caps = vec![(cap(2, Day(first_day)), Problem::CampaignOverLeadCap)];
        let sent = AcceptLead { caps, ..accept(lead(number, rows.next_row())) };
        assert_eq!(verdict(store.accept_lead(sent).await.unwrap()), expected, "from {first_day}");
    }
}

/// Idempotency key, then lead id, duplicate, filter, caps in the order given.
pub async fn checks_come_in_order<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = AcceptLead {
        register: Some(person(1)),
        idempotency: Some(claim("key")),
        ..accept(lead(1, rows.next_row()))
    };
    assert_eq!(verdict(store.accept_lead(first).await.unwrap()), Verdict::Accepted);
    let mut everything = |number| AcceptLead {
        duplicate: Some(earlier(person(1))),
        filtered: Some(Problem::UnmatchedFilter),
        caps: vec![(cap(0, TODAY), Problem::OfferOverLeadCap), (cap(0, TODAY), Problem::CampaignOverLeadCap)],
        ..accept(lead(number, rows.next_row()))
    };
    let same_key = AcceptLead { idempotency: Some(claim("key")), ..everything(1) };
    assert!(matches!(store.accept_lead(same_key).await.unwrap(), Posted::Before(_)));
    assert_eq!(store.accept_lead(everything(1)).await.unwrap(), Posted::LeadIdTaken);
    let all = everything(2);
    let no_duplicate = AcceptLead { duplicate: None, ..everything(3) };
    let only_caps = AcceptLead { duplicate: None, filtered: None, ..everything(4) };
    for (sent, problem) in [
        (all, Problem::DuplicateLead),
        (no_duplicate, Problem::UnmatchedFilter),
        (only_caps, Problem::OfferOverLeadCap),
    ] {
        assert_eq!(verdict(store.accept_lead(sent).await.unwrap()), Verdict::Rejected(problem));
    }
}

/// A rejection counts nothing, opens nothing and registers nobody.
pub async fn a_refused_lead_leaves_its_post_and_nothing_else<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let session = rows.next_row();
    let lead = Lead { session, ..lead(1, rows.next_row()) };
    let refused = AcceptLead {
        open_session: Some(opened(session)),
        register: Some(person(1)),
        filtered: Some(Problem::UnmatchedFilter),
        counts: vec![lead_count()],
        ledger: vec![LedgerEntry::payout(NOW, lead.id, lead.affiliate, Money::from_micros(1))],
        ..accept(lead.clone())
    };
    let answer = answer_text(lead.id.as_str(), &Verdict::Rejected(Problem::UnmatchedFilter));
    let expected = Posted::Now(Verdict::Rejected(Problem::UnmatchedFilter), answer.clone());
    assert_eq!(store.accept_lead(refused).await.unwrap(), expected);
    assert_eq!(store.lead(lead.id).await.unwrap(), None);
    assert_eq!(store.session(session).await.unwrap(), None);
    assert_eq!(store.count(cap(1, TODAY)).await.unwrap(), 0);
    let kept = store.rejections(RejectionFilter::default(), PageRequest::default()).await.unwrap();
    assert_eq!(kept.total, 1);
    assert_eq!(kept.data[0].outcome, PostOutcome::Rejected(Problem::UnmatchedFilter));
    assert_eq!(kept.data[0].answer, Some(answer));
    assert_eq!(kept.data[0].errors, ["Unmatched Filter"]);
    let later = AcceptLead {
        duplicate: Some(earlier(person(1))),
        ..accept(Lead { id: lead_id(2), row: rows.next_row(), ..lead })
    };
    assert_eq!(verdict(store.accept_lead(later).await.unwrap()), Verdict::Accepted);
}

fn opened(id: RowId) -> LeadSession {
    LeadSession {
        id,
        at: NOW,
        affiliate: AffiliateId(12),
        offer: OfferId(100),
        campaign: Some(CampaignId(57)),
        sub_ids: SubIds::new(["sub", "", "", "", ""]),
        test: true,
        ip: Some("203.0.113.80".parse().unwrap()),
    }
}

/// A lead without a click opens a session by which a conversion can name it.
pub async fn a_session_opened_by_a_lead_is_one_that_attributes_nothing<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let open = opened(rows.next_row());
    let lead = Lead { session: open.id, ..lead(1, rows.next_row()) };
    let sent = AcceptLead { open_session: Some(open.clone()), ..accept(lead) };
    assert_eq!(verdict(store.accept_lead(sent).await.unwrap()), Verdict::Accepted);
    let session = store.session(open.id).await.unwrap().unwrap();
    assert_eq!(session.origin, SessionOrigin::Lead);
    assert_eq!((session.id, session.at, session.ip), (open.id, open.at, open.ip));
    assert_eq!((session.affiliate, session.offer), (open.affiliate, open.offer));
    assert_eq!((session.campaign, session.creative), (open.campaign, None));
    assert_eq!((session.sub_ids, session.test), (open.sub_ids, open.test));
}

/// [`crumb_domain::session::Session::converted`].
pub async fn a_session_has_converted_with_a_sold_queued_or_paid_lead<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let paid = Money::from_micros(1);
    let cases = [
        (LeadStatus::Sold, Money::ZERO, false, true),
        (LeadStatus::Queued, Money::ZERO, false, true),
        (LeadStatus::Unsold, paid, false, true),
        (LeadStatus::Unsold, Money::ZERO, false, false),
        (LeadStatus::Review, Money::ZERO, false, false),
        (LeadStatus::Scrubbed, Money::ZERO, false, false),
        (LeadStatus::Sold, paid, true, false),
    ];
    for (number, (status, payout, test, converted)) in (0..).zip(cases) {
        let opened = click(rows.next_row());
        let session = opened.id;
        record(&*store, opened).await;
        let lead = Lead { status, payout, test, session, ..lead(number, rows.next_row()) };
        accepted(&*store, lead).await;
        let found = store.session(session).await.unwrap().unwrap();
        assert_eq!(found.converted, converted, "{status:?} {payout} test {test}");
    }
}

/// Ids go on after any row that was given out and stored.
pub async fn rows_of_leads_posts_and_their_sessions_count_as_newest<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    for newest in ["post", "lead", "session"] {
        let (mut session, mut row, mut post) = (rows.next_row(), rows.next_row(), rows.next_row());
        let last = rows.next_row();
        match newest {
            "post" => post = last,
            "lead" => row = last,
            _ => session = last,
        }
        let number = u32::try_from(last.as_i64() & 0xffff).unwrap();
        let mut sent = accept(Lead { session, ..lead(number, row) });
        sent.open_session = Some(opened(session));
        sent.post.id = post;
        assert_eq!(verdict(store.accept_lead(sent).await.unwrap()), Verdict::Accepted);
        assert_eq!(store.newest_row(0).await.unwrap(), Some(last), "{newest}");
    }
}
