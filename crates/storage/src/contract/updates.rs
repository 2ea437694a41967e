//! Changes of leads.

use super::build::{
    NOW, Rows, accept, accepted, answer_text, claim, click, earlier, lead, lead_id, person, record, update,
    verdict,
};
use crate::leads::{AcceptLead, IdempotentAnswer, LeadFilter, Posted, UpdateLead, Verdict};
use crate::{PageRequest, Store, StoreError};
use crumb_domain::lead::{Lead, LeadStatus, Sale};
use crumb_domain::network::SaleType;
use crumb_domain::outcome::Problem;
use crumb_domain::post::PostOutcome;
use crumb_domain::{BuyerId, ContractId, Money, RowId};
use std::sync::Arc;
use tokio::task::JoinSet;

fn with_email(lead: &Lead, email: &str) -> Lead {
    Lead { fields: vec![("email_address".to_owned(), email.to_owned())], ..lead.clone() }
}

async fn found_by<S: Store>(store: &S, text: &str) -> Vec<RowId> {
    let filter = LeadFilter { text: Some(text.to_owned()), ..LeadFilter::default() };
    let page = store.leads(filter, PageRequest::default()).await.unwrap();
    page.data.iter().map(|lead| lead.row).collect()
}

/// What it says, by what it is found, its sales and its posts.
pub async fn a_change_replaces_the_lead_and_raises_its_revision<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = with_email(&lead(1, rows.next_row()), "old@example.com");
    accepted(&*store, first.clone()).await;
    let sale = Sale {
        contract: ContractId(7),
        buyer: BuyerId(5),
        price: Money::from_micros(1),
        sale_type: SaleType::Exclusive,
        at: NOW,
        no_return: true,
        returned: None,
        replaces: None,
        redirect: None,
    };
    let changed =
        Lead { status: LeadStatus::Sold, sales: vec![sale], ..with_email(&first, "new@example.com") };
    let post_id = rows.next_row();
    let posted = store.update_lead(update(changed.clone(), post_id)).await.unwrap();
    let answer = answer_text(first.id.as_str(), &Verdict::Accepted);
    assert_eq!(posted, Posted::Now(Verdict::Accepted, answer));
    let expected = Lead { revision: first.revision + 1, ..changed };
    assert_eq!(store.lead(first.id).await.unwrap(), Some(expected.clone()));
    assert_eq!(found_by(&*store, "old@example.com").await, []);
    assert_eq!(found_by(&*store, "new@example.com").await, [first.row]);
    let posts = store.posts_of_lead(first.id).await.unwrap();
    assert_eq!(posts.iter().map(|post| post.id).collect::<Vec<_>>(), [first.row, post_id]);
    assert!(posts.iter().all(|post| post.outcome == PostOutcome::Lead(first.id)));
    let second = update(expected, rows.next_row());
    assert_eq!(verdict(store.update_lead(second).await.unwrap()), Verdict::Accepted);
    assert_eq!(store.lead(first.id).await.unwrap().unwrap().revision, 2);
}

/// [`crumb_domain::session::Session::converted`], in both directions.
pub async fn a_change_of_a_lead_changes_whether_its_session_has_converted<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = click(rows.next_row());
    let session = opened.id;
    record(&*store, opened).await;
    accepted(&*store, Lead { session, ..lead(1, rows.next_row()) }).await;
    for (status, converted) in [(LeadStatus::Sold, true), (LeadStatus::Unsold, false)] {
        let changed = Lead { status, ..store.lead(lead_id(1)).await.unwrap().unwrap() };
        let change = update(changed, rows.next_row());
        assert_eq!(verdict(store.update_lead(change).await.unwrap()), Verdict::Accepted);
        for _ in 0..2 {
            assert_eq!(store.session(session).await.unwrap().unwrap().converted, converted, "{status:?}");
        }
    }
}

/// Fifty changes of one revision: one holds, the others are told.
pub async fn of_changes_at_the_same_moment_one_holds<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = lead(1, rows.next_row());
    accepted(&*store, first.clone()).await;
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let email = format!("{number}@example.com");
        let change = update(with_email(&first, &email), rows.next_row());
        let store = Arc::clone(&store);
        tasks.spawn(async move { (email, store.update_lead(change).await) });
    }
    let results = tasks.join_all().await;
    let (held, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(|(_, result)| result.is_ok());
    assert_eq!(held.len(), 1);
    assert!(refused.iter().all(|(_, result)| *result == Err(StoreError::Conflict)));
    let now = store.lead(first.id).await.unwrap().unwrap();
    assert_eq!((now.revision, now.field("email_address")), (1, Some(held[0].0.as_str())));
    assert_eq!(store.posts_of_lead(first.id).await.unwrap().len(), 2, "refused changes leave no post");
    let unknown = update(lead(9, rows.next_row()), rows.next_row());
    assert_eq!(store.update_lead(unknown).await, Err(StoreError::Conflict));
}

async fn accepted_as<S: Store>(store: &S, lead: Lead, number: u8) {
    let sent = AcceptLead { register: Some(person(number)), ..accept(lead) };
    assert_eq!(verdict(store.accept_lead(sent).await.unwrap()), Verdict::Accepted);
}

/// Its own key never counts, another's does.
pub async fn a_lead_is_no_duplicate_of_itself<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let (first, second) = (lead(1, rows.next_row()), lead(2, rows.next_row()));
    accepted_as(&*store, first.clone(), 1).await;
    accepted_as(&*store, second, 2).await;
    let mut change = |number| UpdateLead {
        duplicate: Some(earlier(person(number))),
        register: Some(person(number)),
        ..update(first.clone(), rows.next_row())
    };
    let duplicate = Verdict::Rejected(Problem::DuplicateLead);
    assert_eq!(verdict(store.update_lead(change(2)).await.unwrap()), duplicate);
    assert_eq!(verdict(store.update_lead(change(1)).await.unwrap()), Verdict::Accepted);
}

/// Its former person is free again; the age of its claim is the lead's.
pub async fn a_changed_lead_is_the_earlier_one_of_its_new_person_only<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = lead(1, rows.next_row());
    accepted_as(&*store, first.clone(), 1).await;
    let mut change = update(first, rows.next_row());
    change.register = Some(person(2));
    change.post.at = NOW.plus_days(20);
    assert_eq!(verdict(store.update_lead(change).await.unwrap()), Verdict::Accepted);
    let mut later_window = earlier(person(2));
    later_window.since = NOW.plus_seconds(1);
    for (number, check, expected) in [
        (10, earlier(person(1)), Verdict::Accepted),
        (11, earlier(person(2)), Verdict::Rejected(Problem::DuplicateLead)),
        (12, later_window, Verdict::Accepted),
    ] {
        let sent = AcceptLead { duplicate: Some(check), ..accept(lead(number, rows.next_row())) };
        assert_eq!(verdict(store.accept_lead(sent).await.unwrap()), expected, "{number}");
    }
    let mut ends = update(store.lead(lead_id(1)).await.unwrap().unwrap(), rows.next_row());
    ends.register = None;
    assert_eq!(verdict(store.update_lead(ends).await.unwrap()), Verdict::Accepted);
    let sent = AcceptLead { duplicate: Some(earlier(person(2))), ..accept(lead(13, rows.next_row())) };
    assert_eq!(verdict(store.accept_lead(sent).await.unwrap()), Verdict::Accepted);
}

/// The post is kept as a rejection.
pub async fn a_refused_change_leaves_the_lead_as_it_was<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = lead(1, rows.next_row());
    accepted(&*store, first.clone()).await;
    let change = UpdateLead {
        filtered: Some(Problem::UnmatchedFilter),
        ..update(with_email(&first, "new@example.com"), rows.next_row())
    };
    let refused = Verdict::Rejected(Problem::UnmatchedFilter);
    assert_eq!(verdict(store.update_lead(change).await.unwrap()), refused);
    assert_eq!(store.lead(first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(store.posts_of_lead(first.id).await.unwrap().len(), 1);
    let kept = store.rejections(crate::leads::RejectionFilter::default(), PageRequest::default());
    assert_eq!(kept.await.unwrap().data[0].errors, ["Unmatched Filter"]);
}

/// The key is looked at first, before the revision.
pub async fn a_change_under_a_used_key_is_not_made_again<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = lead(1, rows.next_row());
    accepted(&*store, first.clone()).await;
    let mut change =
        || UpdateLead { idempotency: Some(claim("key")), ..update(first.clone(), rows.next_row()) };
    assert_eq!(verdict(store.update_lead(change()).await.unwrap()), Verdict::Accepted);
    let answer = answer_text(lead_id(1).as_str(), &Verdict::Accepted);
    let before = Posted::Before(IdempotentAnswer { body_hash: [1; 32], answer });
    assert_eq!(store.update_lead(change()).await.unwrap(), before);
    assert_eq!(store.lead(first.id).await.unwrap().unwrap().revision, 1);
}
