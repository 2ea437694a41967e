//! What is kept of a lead's way, facts for the next run, and quotes.

use super::build::{NOW, Rows, accept, lead, update};
use super::build_selling::{
    DAY, credit, ended, in_hand, money, read, reserve, reserved, sold, unsold, waiting,
};
use super::configuration::change;
use crate::configuration::ConfigurationChange;
use crate::leads::{AcceptLead, Posted, QuoteUse, UpdateLead, Verdict};
use crate::selling::{
    LeadChange, PostFailures, QUOTE_KEPT_HOURS, Quote, QuoteFound, REMEMBERED_POSTS, ReservationEnd,
    ReservationState, Reserve, RunRecord, SellingFacts, Then, TimelineEntry,
};
use crate::{Store, StoreError};
use crumb_domain::lead::Lead;
use crumb_domain::outcome::Problem;
use crumb_domain::selling::{
    Attempt, AttemptKind, BuyerAnswer, BuyerReading, ContractResult, Milliseconds, Phase, PostFailure,
    PriceRead,
};
use crumb_domain::{CampaignId, ConfigVersion, ContractId, Money, RowId, Timestamp};
use std::sync::Arc;
use tokio::task::JoinSet;

/// A run of two contracts, of which the first bought.
pub fn run(id: RowId, number: u32, at: Timestamp) -> RunRecord {
    RunRecord {
        id,
        number,
        at,
        config_version: ConfigVersion(3),
        inputs: format!("{{\"seed\":{number}}}"),
        events: "[]".to_owned(),
        results: "{}".to_owned(),
        summary: vec![
            (ContractId(7), ContractResult::Sold, money(30)),
            (ContractId(8), ContractResult::NotNeeded, Money::ZERO),
        ],
    }
}

/// An answered post.
pub fn attempt(id: RowId, contract: i64, read: BuyerAnswer) -> Attempt {
    Attempt {
        id,
        at: NOW,
        contract: ContractId(contract),
        kind: AttemptKind::Post,
        phase: Phase::Done,
        ms: Milliseconds { connect: Some(1), head: Some(20), ..Milliseconds::default() },
        status: Some(200),
        request: b"POST / \xff".to_vec(),
        answer: b"no".to_vec(),
        read,
        error: None,
    }
}

/// Runs, attempts and time line come back as they were, oldest first, and are
/// this lead's alone.
pub async fn a_leads_records_come_back_as_they_were<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = in_hand(&*store, lead(1, rows.next_row())).await;
    let other = in_hand(&*store, lead(2, rows.next_row())).await;
    let price = BuyerReading { price: Some(PriceRead::Amount(money(31))), ..BuyerReading::default() };
    let early = attempt(rows.next_row(), 7, BuyerAnswer::Accepted(price));
    let late = Attempt {
        phase: Phase::Head,
        status: None,
        error: Some("nobody answered".to_owned()),
        ..attempt(rows.next_row(), 8, BuyerAnswer::Failed(PostFailure::TimedOut { sent: true }))
    };
    store.reserve(Reserve { attempts: vec![early.clone()], ..reserve(first.row, 7) }).await.unwrap();
    let runs = [run(rows.next_row(), 1, NOW), run(rows.next_row(), 2, NOW.plus_seconds(5))];
    let happened = |code: &str, by: Option<&str>| TimelineEntry {
        at: NOW,
        code: code.to_owned(),
        text: format!("It was {code}."),
        by: by.map(str::to_owned),
    };
    let change = LeadChange {
        run: Some(runs[0].clone()),
        attempts: vec![late.clone()],
        timeline: vec![happened("offered", None), happened("sold", None)],
        then: Then::Wait(NOW),
        ..sold(&first, 7, money(31))
    };
    store.settle(change).await.unwrap();
    let (now, facts) = store.begin_run(first.row, DAY).await.unwrap().unwrap();
    assert_eq!(facts.runs, 1);
    let change = LeadChange {
        run: Some(runs[1].clone()),
        timeline: vec![happened("returned", Some("ann"))],
        ..LeadChange::new(now, NOW)
    };
    store.settle(change).await.unwrap();
    assert_eq!(store.runs_of(first.row).await.unwrap(), runs);
    assert_eq!(store.attempts_of(first.row).await.unwrap(), [early, late]);
    let line = [happened("offered", None), happened("sold", None), happened("returned", Some("ann"))];
    assert_eq!(store.timeline_of(first.row).await.unwrap(), line);
    assert_eq!(store.runs_of(other.row).await.unwrap(), []);
    assert_eq!(store.attempts_of(other.row).await.unwrap(), []);
    assert_eq!(store.timeline_of(other.row).await.unwrap(), []);
}

/// Of a new lead and of a changed one.
pub async fn what_a_post_tells_of_its_lead_is_in_the_time_line_if_it_is_accepted<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = lead(1, rows.next_row());
    let entry =
        |code: &str| TimelineEntry { at: NOW, code: code.to_owned(), text: code.to_owned(), by: None };
    let sent = AcceptLead { timeline: vec![entry("review")], ..accept(first.clone()) };
    assert!(matches!(store.accept_lead(sent).await.unwrap(), Posted::Now(Verdict::Accepted, _)));
    let mut change = |filtered, code| UpdateLead {
        filtered,
        timeline: vec![entry(code)],
        ..update(first.clone(), rows.next_row())
    };
    let refused = change(Some(Problem::UnmatchedFilter), "refused");
    assert!(matches!(store.update_lead(refused).await.unwrap(), Posted::Now(Verdict::Rejected(_), _)));
    store.update_lead(change(None, "updated")).await.unwrap();
    assert_eq!(store.timeline_of(first.row).await.unwrap(), [entry("review"), entry("updated")]);
}

/// Its number, or its place, is taken: nothing of that settlement is kept.
pub async fn a_run_that_is_recorded_already_settles_nothing<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = waiting(&*store, lead(1, rows.next_row()), NOW).await;
    let (now, _) = store.begin_run(lead.row, DAY).await.unwrap().unwrap();
    let change = LeadChange {
        run: Some(run(rows.next_row(), 1, NOW)),
        then: Then::Wait(NOW),
        ..LeadChange::new(now, NOW)
    };
    store.settle(change).await.unwrap();
    let (now, _) = store.begin_run(lead.row, DAY).await.unwrap().unwrap();
    reserved(&*store, lead.row, 7).await;
    let twice = LeadChange { run: Some(run(rows.next_row(), 1, NOW)), ..sold(&now, 7, money(30)) };
    assert_eq!(store.settle(twice.clone()).await, Err(StoreError::Conflict));
    assert_eq!((read(&*store, &lead).await, store.ledger_of(lead.row).await.unwrap()), (now, vec![]));
    let second = LeadChange { run: Some(run(rows.next_row(), 2, NOW)), ..twice };
    store.settle(second).await.unwrap();
    assert_eq!(store.runs_of(lead.row).await.unwrap().len(), 2);
}

/// By when their leads came, not by when they were run.
pub async fn runs_of_leads_come_in_the_order_in_which_they_began<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let at = |number: i64| NOW.plus_seconds(number * 100);
    let mut leads = Vec::new();
    for number in 1..=3 {
        let came = at(i64::from(number));
        let new = Lead { at: came, ..lead(number, rows.next_row_at(came)) };
        leads.push(waiting(&*store, new, came).await);
    }
    // The first one is run again, after the others.
    let again = [(0, 1, at(4)), (1, 1, at(5)), (2, 1, at(6)), (0, 2, at(7))];
    let mut expected = Vec::new();
    for (lead, number, began) in again {
        let (now, _) = store.begin_run(leads[lead].row, DAY).await.unwrap().unwrap();
        let run = run(rows.next_row_at(began), number, began);
        let then = Then::Wait(began);
        store
            .settle(LeadChange { run: Some(run.clone()), then, ..LeadChange::new(now, began) })
            .await
            .unwrap();
        expected.push((leads[lead].id, run));
    }
    let all = store.runs_of_leads(at(1), at(4), None, 10).await.unwrap();
    let found: Vec<_> = all.iter().map(|found| (found.lead.id, found.run.clone())).collect();
    assert_eq!(found, expected);
    assert_eq!(all.iter().map(|found| found.runs).collect::<Vec<_>>(), [2, 1, 1, 2]);
    let first = store.lead(leads[0].id).await.unwrap().unwrap();
    assert_eq!(all[0].lead, first, "as it stands now");
    let next = store.runs_of_leads(at(1), at(4), Some(all[0].run.id), 2).await.unwrap();
    assert_eq!(next, all[1..3]);
    let some = store.runs_of_leads(at(2), at(3), None, 10).await.unwrap();
    assert_eq!(some, all[1..2]);
    assert_eq!(store.count_runs_of_leads(at(1), at(4)).await.unwrap(), 4);
    assert_eq!(store.count_runs_of_leads(at(2), at(3)).await.unwrap(), 1);
}

/// What a run reads: counts, what is left, last sales, and what the lead met.
pub async fn a_run_begins_with_what_routing_must_know<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    assert_eq!(store.selling_facts(None, DAY).await.unwrap(), SellingFacts::default());
    credit(&*store, 7, 100).await;
    let lead = waiting(&*store, lead(1, rows.next_row()), NOW).await;
    let (now, facts) = store.begin_run(lead.row, DAY).await.unwrap().unwrap();
    assert_eq!((facts.runs, facts.earlier), (0, vec![]));
    for contract in [7, 8, 9] {
        reserved(&*store, lead.row, contract).await;
    }
    let mut change = sold(&now, 7, money(20));
    change.ended.push(ended(8, ReservationEnd::Refused));
    change.ended.push(ended(9, ReservationEnd::Held(super::build_selling::hold())));
    change.run = Some(run(rows.next_row(), 1, NOW));
    change.then = Then::Wait(NOW);
    store.settle(change).await.unwrap();
    let (_, facts) = store.begin_run(lead.row, DAY).await.unwrap().unwrap();
    assert_eq!(facts.counts, [((ContractId(7), DAY), 1), ((ContractId(9), DAY), 1)].into());
    let balances = [(7, money(80)), (8, Money::ZERO), (9, money(-30))];
    assert_eq!(facts.balances, balances.map(|(id, free)| (crumb_domain::BuyerId(id), free)).into());
    assert_eq!(facts.last_sold, [(ContractId(7), NOW)].into());
    let states: Vec<_> = facts.earlier.iter().map(|send| (send.contract.0, send.state)).collect();
    let (sold, refused, held) = (ReservationState::Sold, ReservationState::Refused, ReservationState::Held);
    assert_eq!(states, [(7, sold), (8, refused), (9, held)]);
    assert_eq!(facts.runs, 1);
}

/// Failed or not, ten posts back; pings, refusals and duplicates are no failures.
pub async fn the_last_ten_posts_of_a_contract_are_known<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = in_hand(&*store, lead(1, rows.next_row())).await;
    let reading = BuyerReading::default;
    let failed = BuyerAnswer::Error(reading());
    let refused = BuyerAnswer::Rejected(reading());
    let mut attempts: Vec<Attempt> = [
        failed.clone(),
        BuyerAnswer::UnknownAnswer(reading()),
        BuyerAnswer::Failed(PostFailure::Broken { sent: false }),
        BuyerAnswer::Duplicate(reading()),
        refused.clone(),
    ]
    .into_iter()
    .map(|read| attempt(rows.next_row(), 7, read))
    .collect();
    attempts.push(Attempt { kind: AttemptKind::Ping, ..attempt(rows.next_row(), 7, failed.clone()) });
    attempts.push(attempt(rows.next_row(), 8, failed));
    store.reserve(Reserve { attempts, ..reserve(lead.row, 7) }).await.unwrap();
    let known = |contract| store.post_failures(ContractId(contract));
    assert_eq!(known(7).await.unwrap(), PostFailures { failed: 3, of: 5 });
    assert_eq!(known(8).await.unwrap(), PostFailures { failed: 1, of: 1 });
    assert_eq!(known(9).await.unwrap(), PostFailures::default());
    let attempts = (0..8).map(|_| attempt(rows.next_row(), 7, refused.clone())).collect();
    store.settle(LeadChange { attempts, ..sold(&lead, 7, money(30)) }).await.unwrap();
    assert_eq!(known(7).await.unwrap(), PostFailures { failed: 0, of: REMEMBERED_POSTS });
    let forgiven = vec![ContractId(7)];
    store.commit_configuration(ConfigurationChange { forgiven, ..change(0, &[], &[]) }).await.unwrap();
    assert_eq!(known(7).await.unwrap(), PostFailures::default());
    assert_eq!(known(8).await.unwrap(), PostFailures { failed: 1, of: 1 });
    let facts = store.selling_facts(None, DAY).await.unwrap();
    assert_eq!(facts.last_sold, [(ContractId(7), NOW)].into(), "that is not forgotten");
}

/// A node's ids go on after its attempts and runs too.
pub async fn rows_of_attempts_and_runs_count_as_newest<S: Store>(store: Arc<S>) {
    let (mut rows, mut others) = (Rows::new(), Rows::of_node(5));
    let lead = in_hand(&*store, lead(1, rows.next_row())).await;
    let made = attempt(others.next_row(), 7, BuyerAnswer::Rejected(BuyerReading::default()));
    store.reserve(Reserve { attempts: vec![made.clone()], ..reserve(lead.row, 7) }).await.unwrap();
    assert_eq!(store.newest_row(5).await.unwrap(), Some(made.id));
    let run = run(others.next_row(), 1, NOW);
    store.settle(LeadChange { run: Some(run.clone()), ..unsold(&lead, &[]) }).await.unwrap();
    assert_eq!(store.newest_row(5).await.unwrap(), Some(run.id));
    assert_eq!(store.newest_row(0).await.unwrap(), Some(lead.row));
}

fn quote(id: &str) -> Quote {
    Quote {
        id: id.to_owned(),
        campaign: CampaignId(57),
        at: NOW,
        expires: NOW.plus_seconds(30),
        payout: money(12),
        fields: vec![("zip_code".to_owned(), "30301".to_owned())],
        record: "{}".to_owned(),
    }
}

/// Within its life, by its campaign.
pub async fn a_quote_is_found_while_it_holds<S: Store>(store: Arc<S>) {
    store.put_quote(quote("A")).await.unwrap();
    assert_eq!(store.put_quote(quote("A")).await, Err(StoreError::Conflict));
    let find = |id: &str, campaign, at| store.quote(id.to_owned(), CampaignId(campaign), at);
    let ends = quote("A").expires;
    assert_eq!(find("A", 58, NOW).await.unwrap(), QuoteFound::Unknown, "another's");
    assert_eq!(find("D", 57, NOW).await.unwrap(), QuoteFound::Unknown);
    let last = ends.plus_seconds(-1);
    assert_eq!(find("A", 57, last).await.unwrap(), QuoteFound::Holds(Box::new(quote("A"))));
    assert_eq!(find("A", 57, ends).await.unwrap(), QuoteFound::Expired);
    let forgotten = ends.plus_seconds(QUOTE_KEPT_HOURS * 3_600);
    assert_eq!(find("A", 57, forgotten).await.unwrap(), QuoteFound::Unknown);
}

/// By the lead that is accepted under it, and by no other.
pub async fn a_quote_is_used_once<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    for id in ["A", "B"] {
        store.put_quote(quote(id)).await.unwrap();
    }
    let mut number = 0;
    let mut post = |id: &str, campaign, at: Timestamp, filtered| {
        number += 1;
        let quote = Some(QuoteUse { id: id.to_owned(), campaign: CampaignId(campaign) });
        let lead = Lead { at, ..lead(number, rows.next_row()) };
        let store = Arc::clone(&store);
        async move { store.accept_lead(AcceptLead { quote, filtered, ..accept(lead) }).await }
    };
    let ends = quote("A").expires;
    let rejected = |posted: Posted| match posted {
        Posted::Now(Verdict::Rejected(problem), _) => Some(problem),
        _ => None,
    };
    assert_eq!(rejected(post("A", 58, NOW, None).await.unwrap()), Some(Problem::InvalidPingId));
    assert_eq!(rejected(post("D", 57, NOW, None).await.unwrap()), Some(Problem::InvalidPingId));
    assert_eq!(rejected(post("A", 57, ends, None).await.unwrap()), Some(Problem::PingExpired));
    let filtered = Some(Problem::UnmatchedFilter);
    assert_eq!(rejected(post("A", 57, NOW, filtered).await.unwrap()), filtered, "and is not used up");
    assert_eq!(rejected(post("A", 57, ends.plus_seconds(-1), None).await.unwrap()), None);
    assert_eq!(
        rejected(post("A", 57, NOW, None).await.unwrap()),
        Some(Problem::InvalidPingId),
        "it was used"
    );
    let found = store.quote("A".to_owned(), CampaignId(57), NOW).await.unwrap();
    assert_eq!(found, QuoteFound::Unknown);
    let at_once = [post("B", 57, NOW, None), post("B", 57, NOW, None), post("B", 57, NOW, None)];
    let mut tasks = JoinSet::new();
    at_once.into_iter().for_each(|posted| _ = tasks.spawn(posted));
    let posted = tasks.join_all().await;
    let taken = posted.into_iter().filter(|posted| matches!(posted, Ok(Posted::Now(Verdict::Accepted, _))));
    assert_eq!(taken.count(), 1);
}

/// Each new one sweeps away some that passed long ago.
pub async fn passed_quotes_are_forgotten<S: Store>(store: Arc<S>) {
    for number in 0..20 {
        store.put_quote(quote(&format!("old {number}"))).await.unwrap();
    }
    let later = quote("A").expires.plus_seconds(QUOTE_KEPT_HOURS * 3_600);
    for number in 0..20 {
        let new = Quote { at: later, expires: later.plus_seconds(30), ..quote(&format!("new {number}")) };
        store.put_quote(new).await.unwrap();
    }
    // A time at which the old ones would hold shows whether they are there.
    for number in 0..20 {
        let found = store.quote(format!("old {number}"), CampaignId(57), NOW).await.unwrap();
        assert_eq!(found, QuoteFound::Unknown, "{number}");
        let found = store.quote(format!("new {number}"), CampaignId(57), later).await.unwrap();
        assert!(matches!(found, QuoteFound::Holds(_)), "{number}");
    }
}
