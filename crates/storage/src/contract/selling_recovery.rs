//! What a crash leaves in hand. The cases ask the store to recover as a start does; that
//! all of it is in the file is for each store's own tests.

use super::build::{NOW, Rows, accept, answer_text, claim, lead};
use super::build_selling::{
    DAY, PRICE, balance, count, credit, cut_off, ended, free, held_count, hold, hold_all, in_hand,
    in_hand_under, key_answer, money, pending, read, reserve, reserved, sale, sold, unsold, waiting,
};
use super::selling_offers::{counted, counted_in_hand, is_duplicate};
use super::selling_records::{attempt, run};
use crate::leads::{AcceptLead, IdempotencyClaim, Offering, Posted, UpdateLead, Verdict};
use crate::selling::{
    Ending, Hold, LeadChange, PostFailures, Recovered, ReservationEnd, ReservationState, Reserve, Then,
    Unsent,
};
use crate::{PageRequest, Store};
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus, Sale};
use crumb_domain::network::UnknownRule;
use crumb_domain::selling::{Attempt, AttemptKind, BuyerAnswer, BuyerReading};
use crumb_domain::{ContractId, Money};
use std::sync::{Arc, Mutex};

async fn recover<S: Store>(store: &S) -> Vec<Recovered> {
    let recovery = store.recover(NOW, hold_all()).await.unwrap();
    assert_eq!(recovery.aside, []);
    recovery.ended
}

fn stands(lead: &Lead, status: LeadStatus, outcome: LeadOutcome, unsettled: bool) -> Recovered {
    Recovered { lead: lead.id, status, outcome, unsettled }
}

/// As if it had never been, but that the lead is kept.
pub async fn a_lead_of_which_nothing_was_sent_is_interrupted_and_leaves_nothing<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let counting = counted_in_hand(&*store, lead(1, rows.next_row()), 1).await;
    let keyed = in_hand_under(&*store, lead(2, rows.next_row()), "key").await;
    // Refused by one buyer, not sent to the other.
    let refused = in_hand(&*store, lead(3, rows.next_row())).await;
    reserved(&*store, refused.row, 7).await;
    let told = |end| vec![ended(7, end)];
    let full = Reserve { ended: told(ReservationEnd::Refused), cap: Some(0), ..reserve(refused.row, 8) };
    store.reserve(full).await.unwrap();

    let expected = |lead| stands(lead, LeadStatus::Unsold, LeadOutcome::Interrupted, false);
    assert_eq!(recover(&*store).await, [expected(&counting), expected(&keyed), expected(&refused)]);
    for lead in [&counting, &keyed, &refused] {
        assert_eq!(&read(&*store, lead).await, lead, "it stands as it was handed in");
        let happened = store.timeline_of(lead.row).await.unwrap();
        assert_eq!(happened.iter().map(|entry| entry.code.as_str()).collect::<Vec<_>>(), ["interrupted"]);
    }
    assert_eq!((is_duplicate(&*store, 1, &mut rows).await, counted(&*store).await), (false, 0));
    in_hand_under(&*store, lead(4, rows.next_row()), "key").await;
    assert_eq!((count(&*store, 7).await, free(&*store, 7).await), (0, Some(Money::ZERO)));
}

/// It may have been sent: held by its contract's rule, and told so until settled.
pub async fn a_post_without_an_end_is_held<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = in_hand_under(&*store, lead(1, rows.next_row()), "key").await;
    reserved(&*store, lead.row, 7).await;
    let rule = Box::new(|contract: ContractId| Hold {
        rule: if contract == ContractId(7) { UnknownRule::Sold } else { UnknownRule::Wait },
        until: NOW.plus_seconds(contract.0),
    });
    let expected = [stands(&lead, LeadStatus::PendingUnknown, LeadOutcome::PendingUnknown, true)];
    assert_eq!(store.recover(NOW, Ending { hold: rule, ..hold_all() }).await.unwrap().ended, expected);
    let held = store.held(PageRequest::default()).await.unwrap().data;
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].hold, Hold { rule: UnknownRule::Sold, until: NOW.plus_seconds(7) });
    assert_eq!((count(&*store, 7).await, free(&*store, 7).await), (1, Some(money(-PRICE))));
    let now = read(&*store, &lead).await;
    assert_eq!((now.status, now.outcome), (LeadStatus::PendingUnknown, LeadOutcome::PendingUnknown));
    // The next start names it again, until somebody has told what its poster is answered.
    assert_eq!(recover(&*store).await, expected);
    let answer = |text| Some(answer_text(text, &Verdict::Accepted));
    store.act(LeadChange { answer: answer("none"), ..LeadChange::new(now, NOW) }).await.unwrap();
    assert_eq!(recover(&*store).await, []);
    assert_eq!(key_answer(&*store, "key").await, answer("none"));
    let now = read(&*store, &lead).await;
    store.act(LeadChange { answer: answer("sold"), ..sold(&now, 7, money(PRICE)) }).await.unwrap();
    assert_eq!((key_answer(&*store, "key").await, held_count(&*store).await), (answer("sold"), 0));
}

/// Whoever looks at what was sent finds that it may have been, once, and when that began. It
/// says nothing of the buyer.
pub async fn a_post_that_was_cut_off_is_an_attempt_and_no_failure_of_its_contract<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = in_hand(&*store, lead(1, rows.next_row())).await;
    let answered = attempt(rows.next_row(), 6, BuyerAnswer::Rejected(BuyerReading::default()));
    reserved(&*store, lead.row, 6).await;
    let refused = vec![ended(6, ReservationEnd::Refused)];
    let asked = Reserve { ended: refused, attempts: vec![answered.clone()], ..reserve(lead.row, 7) };
    let begun = NOW.plus_seconds(3);
    store.reserve(Reserve { at: begun, ..asked }).await.unwrap();
    for _ in 0..2 {
        recover(&*store).await;
        let attempts = store.attempts_of(lead.row).await.unwrap();
        let [first, second] = attempts.as_slice() else { panic!("{attempts:?}") };
        assert_eq!((first, second), (&answered, &cut_off(second.id, ContractId(7), begun)));
    }
    assert_eq!(store.post_failures(ContractId(7)).await.unwrap(), PostFailures::default());
}

/// So that it can be said later whether anybody was told that its lead was not sold.
pub async fn a_post_that_was_never_answered_says_whether_its_poster_was_told_later<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let cut = in_hand_under(&*store, lead(1, rows.next_row()), "cut").await;
    let answered = in_hand_under(&*store, lead(2, rows.next_row()), "answered").await;
    reserved(&*store, cut.row, 7).await;
    let answer = |text| Some(answer_text(text, &Verdict::Accepted));
    store.settle(LeadChange { answer: answer("none"), ..unsold(&answered, &[]) }).await.unwrap();
    recover(&*store).await;
    let asked = async |key: &str, body_hash, row| {
        let idempotency = Some(IdempotencyClaim { body_hash, ..claim(key) });
        store.accept_lead(AcceptLead { idempotency, ..accept(lead(3, row)) }).await.unwrap()
    };
    let told_later = async |lead: &Lead| {
        let posts = store.posts_of_lead(lead.id).await.unwrap();
        posts.iter().map(|post| post.was_told_later).collect::<Vec<_>>()
    };
    let same = claim("cut").body_hash;
    // It stays in flight until it is told what the crash made of it.
    assert!(matches!(asked("cut", same, rows.next_row()).await, Posted::KeyInFlight { .. }));
    let now = read(&*store, &cut).await;
    store.act(LeadChange { answer: answer("none"), ..LeadChange::new(now, NOW) }).await.unwrap();
    assert!(matches!(asked("cut", [9; 32], rows.next_row()).await, Posted::Before(_)));
    assert_eq!(told_later(&cut).await, [false], "another post is told nothing of it");
    for key in ["cut", "answered"] {
        assert!(matches!(asked(key, same, rows.next_row()).await, Posted::Before(_)));
    }
    assert_eq!((told_later(&cut).await, told_later(&answered).await), (vec![true], vec![false]));
}

/// An answer that sends the visitor elsewhere.
fn other() -> BuyerReading {
    BuyerReading { redirect: Some("https://other.example/".to_owned()), ..BuyerReading::default() }
}

/// The sale was told with the next reservation: one entry, whoever settles it, with the
/// redirect of the post that was answered.
pub async fn what_was_told_to_be_sold_is_sold_once<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    credit(&*store, 7, 100).await;
    let lead = in_hand(&*store, lead(1, rows.next_row())).await;
    reserved(&*store, lead.row, 7).await;
    let told = vec![ended(7, ReservationEnd::Sold(money(25)))];
    let link = Some("https://buyer.example/hi?a=1".to_owned());
    let told_to = BuyerReading { redirect: link.clone(), ..BuyerReading::default() };
    let asked = vec![
        attempt(rows.next_row(), 6, BuyerAnswer::Accepted(BuyerReading::default())),
        Attempt { kind: AttemptKind::Ping, ..attempt(rows.next_row(), 7, BuyerAnswer::Accepted(other())) },
        attempt(rows.next_row(), 7, BuyerAnswer::Accepted(told_to)),
        attempt(rows.next_row(), 8, BuyerAnswer::Accepted(other())),
    ];
    store.reserve(Reserve { ended: told, attempts: asked, ..reserve(lead.row, 8) }).await.unwrap();
    let expected = [stands(&lead, LeadStatus::Sold, LeadOutcome::Sold, true)];
    assert_eq!(recover(&*store).await, expected);
    assert_eq!(recover(&*store).await, expected);
    let now = read(&*store, &lead).await;
    assert_eq!(
        (now.revenue, now.sales.clone()),
        (money(25), vec![Sale { redirect: link, ..sale(7, money(25)) }])
    );
    assert_eq!(held_count(&*store).await, 1, "the one at contract 8 may have been sent");
    assert_eq!((balance(&*store, 7).await, count(&*store, 7).await), (money(75), 1));
    store.act(LeadChange::new(now, NOW)).await.unwrap();
    assert_eq!(store.ledger_of(lead.row).await.unwrap().len(), 1);
    assert_eq!(recover(&*store).await, []);
}

/// Nothing was sent: it is due at once. Something was: it is not sold on.
pub async fn a_queued_lead_in_hand_goes_back_to_the_queue<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let later = NOW.plus_seconds(60);
    let clean = waiting(&*store, lead(1, rows.next_row()), NOW).await;
    let sent = waiting(&*store, lead(2, rows.next_row()), NOW).await;
    let waits = waiting(&*store, lead(3, rows.next_row()), later).await;
    for lead in [&clean, &sent] {
        store.begin_run(lead.row, DAY).await.unwrap().unwrap();
    }
    reserved(&*store, sent.row, 7).await;
    assert_eq!(
        recover(&*store).await,
        [
            stands(&clean, LeadStatus::Queued, LeadOutcome::Queued, false),
            stands(&sent, LeadStatus::PendingUnknown, LeadOutcome::PendingUnknown, true),
        ]
    );
    let due: Vec<_> = store.due(later, 10).await.unwrap().iter().map(|waiting| waiting.lead).collect();
    assert_eq!(due, [clean.row, waits.row]);
    let (again, facts) = store.begin_run(clean.row, DAY).await.unwrap().unwrap();
    assert_eq!((again, facts.earlier), (clean, vec![]));
    // Refused after all, it goes on.
    let now = read(&*store, &sent).await;
    let queued = Lead { status: LeadStatus::Queued, outcome: LeadOutcome::Queued, ..now };
    let change = LeadChange {
        ended: vec![ended(7, ReservationEnd::Refused)],
        then: Then::Wait(NOW),
        ..LeadChange::new(queued, NOW)
    };
    store.act(change).await.unwrap();
    assert!(store.begin_run(sent.row, DAY).await.unwrap().is_some());
}

/// Somebody asked to have it offered to others, and was told that it is.
pub async fn a_sold_lead_that_is_offered_on_goes_back_to_the_queue<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let clean = in_hand(&*store, lead(1, rows.next_row())).await;
    let sent = in_hand(&*store, lead(2, rows.next_row())).await;
    for lead in [&clean, &sent] {
        for contract in [7, 8] {
            reserved(&*store, lead.row, contract).await;
        }
        let mut half = sold(lead, 7, money(PRICE));
        half.ended.push(ended(8, ReservationEnd::Held(hold())));
        store.settle(half).await.unwrap();
        let on = LeadChange { then: Then::Wait(NOW), ..LeadChange::new(read(&*store, lead).await, NOW) };
        store.act(on).await.unwrap();
        store.begin_run(lead.row, DAY).await.unwrap().unwrap();
    }
    reserved(&*store, sent.row, 9).await;
    let (status, outcome) = (LeadStatus::Sold, LeadOutcome::Sold);
    let expected = [stands(&clean, status, outcome, false), stands(&sent, status, outcome, true)];
    assert_eq!(recover(&*store).await, expected);
    assert_eq!(store.due(NOW, 10).await.unwrap().iter().map(|due| due.lead).collect::<Vec<_>>(), [clean.row]);
    assert_eq!(held_count(&*store).await, 3);
}

/// Its poster is answered that nobody bought it, and such leads count for no cap.
pub async fn a_lead_that_a_crash_left_pending_does_not_count<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = counted_in_hand(&*store, lead(1, rows.next_row()), 1).await;
    reserved(&*store, lead.row, 7).await;
    assert_eq!(counted(&*store).await, 1);
    recover(&*store).await;
    assert_eq!(counted(&*store).await, 0);
    recover(&*store).await;
    assert_eq!(counted(&*store).await, 0);
}

/// A second run that was cut off changes nothing of what the first one came to.
pub async fn an_earlier_run_stands_whatever_becomes_of_a_later_one<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = in_hand(&*store, lead(1, rows.next_row())).await;
    reserved(&*store, lead.row, 7).await;
    store.settle(sold(&lead, 7, money(PRICE))).await.unwrap();
    let returned = read(&*store, &lead).await;
    let returned = Lead {
        status: LeadStatus::Returned,
        outcome: LeadOutcome::Returned,
        sales: Vec::new(),
        revenue: Money::ZERO,
        ..returned
    };
    store.act(LeadChange::new(returned, NOW)).await.unwrap();
    let again = read(&*store, &lead).await;
    let again =
        UpdateLead { offering: Some(Offering::InHand), ..super::build::update(again, rows.next_row()) };
    store.update_lead(again).await.unwrap();
    let before = read(&*store, &lead).await;
    let expected = [stands(&lead, LeadStatus::Returned, LeadOutcome::Returned, false)];
    assert_eq!(recover(&*store).await, expected);
    assert_eq!(read(&*store, &lead).await, before);
    assert_eq!(store.ledger_of(lead.row).await.unwrap().len(), 1);
}

/// As at a start, but for this lead alone, and not sooner than told where it waited.
pub async fn one_run_that_broke_off_is_ended_as_a_start_would_and_no_other<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let later = NOW.plus_seconds(60);
    let unsent = in_hand_under(&*store, lead(1, rows.next_row()), "key").await;
    let sent = in_hand(&*store, lead(2, rows.next_row())).await;
    let queued = waiting(&*store, lead(3, rows.next_row()), NOW).await;
    let other = in_hand(&*store, lead(4, rows.next_row())).await;
    store.begin_run(queued.row, DAY).await.unwrap().unwrap();
    for lead in [&sent, &other] {
        reserved(&*store, lead.row, 7).await;
    }
    for (lead, status, outcome, unsettled) in [
        (&unsent, LeadStatus::Unsold, LeadOutcome::Interrupted, false),
        (&sent, LeadStatus::PendingUnknown, LeadOutcome::PendingUnknown, true),
        (&queued, LeadStatus::Queued, LeadOutcome::Queued, false),
    ] {
        let broken = store.break_off(lead.row, NOW, later, hold_all()).await.unwrap();
        assert_eq!(broken, Some(stands(lead, status, outcome, unsettled)));
        assert_eq!(read(&*store, lead).await.status, status);
        assert_eq!(store.break_off(lead.row, NOW, later, hold_all()).await.unwrap(), None, "once");
    }
    in_hand_under(&*store, lead(5, rows.next_row()), "key").await;
    assert_eq!((held_count(&*store).await, store.next_due().await.unwrap()), (1, Some(later)));
    let counts = store.selling_counts().await.unwrap();
    assert_eq!(counts.in_hand, 2, "the others go on");
    store.settle(sold(&other, 7, money(PRICE))).await.unwrap();
}

/// Whoever ends it is told what is stored of the lead, and its word is kept; where something
/// was sent it is asked nothing.
pub async fn a_run_that_broke_off_with_nothing_sent_is_recorded_as_it_is_told<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = in_hand(&*store, lead(1, rows.next_row())).await;
    let again = waiting(&*store, lead(2, rows.next_row()), NOW).await;
    let sent = in_hand(&*store, lead(3, rows.next_row())).await;
    store.begin_run(again.row, DAY).await.unwrap().unwrap();
    reserved(&*store, again.row, 7).await;
    let before = run(rows.next_row(), 1, NOW);
    let tried = LeadChange {
        run: Some(before.clone()),
        ended: vec![ended(7, ReservationEnd::Refused)],
        attempts: vec![attempt(rows.next_row(), 7, BuyerAnswer::Rejected(BuyerReading::default()))],
        then: Then::Wait(NOW),
        ..LeadChange::new(read(&*store, &again).await, NOW)
    };
    store.settle(tried).await.unwrap();
    let again = store.begin_run(again.row, DAY).await.unwrap().unwrap().0;
    reserved(&*store, sent.row, 7).await;
    let (ids, asked) = ([rows.next_row(), rows.next_row()], Arc::new(Mutex::new(Vec::new())));
    let told = Arc::clone(&asked);
    let record = move |unsent: &Unsent| {
        let mut asked = told.lock().unwrap();
        asked.push(unsent.clone());
        Some(run(ids[asked.len() - 1], unsent.runs.len() as u32 + 1, NOW))
    };
    let ending = Ending { record: Box::new(record), ..hold_all() };
    let recovery = store.recover(NOW, ending).await.unwrap();
    assert_eq!((recovery.ended.len(), recovery.aside.len()), (3, 0));
    let asked = asked.lock().unwrap().clone();
    let [of_first, of_again] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!((&of_first.lead, of_first.begun, &of_first.runs), (&first, Some(first.at), &vec![]));
    assert_eq!((of_first.earlier.len(), of_first.attempts.len()), (0, 0));
    assert_eq!((&of_again.lead, of_again.begun, &of_again.runs), (&again, None, &vec![before.clone()]));
    let earlier: Vec<_> = of_again.earlier.iter().map(|sent| (sent.contract.0, sent.state)).collect();
    assert_eq!((earlier, of_again.attempts.len()), (vec![(7, ReservationState::Refused)], 1));
    assert_eq!(store.runs_of(first.row).await.unwrap(), [run(ids[0], 1, NOW)]);
    assert_eq!(store.runs_of(again.row).await.unwrap(), [before, run(ids[1], 2, NOW)]);
    assert_eq!(store.runs_of(sent.row).await.unwrap(), []);
}

/// Whatever it is about that one: it stays in hand, and the next start finds it as it was.
pub async fn a_lead_whose_end_panics_is_left_aside_and_the_others_are_ended<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut leads = Vec::new();
    // Of the second one a post is ended already when the fault comes: that goes back.
    for (number, contracts) in [(1, &[7][..]), (2, &[6, 8]), (3, &[9])] {
        let lead = in_hand(&*store, lead(number, rows.next_row())).await;
        for contract in contracts {
            reserved(&*store, lead.row, *contract).await;
        }
        leads.push(lead);
    }
    let faulty = Box::new(|contract: ContractId| {
        assert_ne!(contract, ContractId(8), "a fault of the program");
        hold()
    });
    let recovery = store.recover(NOW, Ending { hold: faulty, ..hold_all() }).await.unwrap();
    let expected = |lead| stands(lead, LeadStatus::PendingUnknown, LeadOutcome::PendingUnknown, true);
    assert_eq!(recovery.ended, [expected(&leads[0]), expected(&leads[2])]);
    let aside: Vec<_> = recovery.aside.iter().map(|one| (one.row, one.lead, one.is_ended)).collect();
    assert_eq!(aside, [(leads[1].row, Some(leads[1].id), false)]);
    assert_eq!(&read(&*store, &leads[1]).await, &leads[1]);
    assert_eq!(store.attempts_of(leads[1].row).await.unwrap(), []);
    assert_eq!((held_count(&*store).await, store.selling_counts().await.unwrap().in_hand), (2, 1));
    assert_eq!(recover(&*store).await, leads.iter().map(expected).collect::<Vec<_>>());
}

/// Leads at rest, waiting or held are not in hand.
pub async fn a_start_without_a_crash_recovers_nothing<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = in_hand_under(&*store, lead(1, rows.next_row()), "key").await;
    reserved(&*store, first.row, 7).await;
    store.settle(pending(&first, 7)).await.unwrap();
    let second = in_hand(&*store, lead(2, rows.next_row())).await;
    store.settle(unsold(&second, &[])).await.unwrap();
    let third = waiting(&*store, lead(3, rows.next_row()), NOW).await;
    assert_eq!(recover(&*store).await, []);
    assert_eq!(held_count(&*store).await, 1);
    assert_eq!(store.held(PageRequest::default()).await.unwrap().data[0].hold, hold());
    assert_eq!(store.due(NOW, 10).await.unwrap()[0].lead, third.row);
}
