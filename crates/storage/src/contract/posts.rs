//! Posts: idempotency keys and rejections.

use super::build::{NOW, Rows, accept, answer_text, claim, lead, lead_id, post, reject, verdict};
use crate::leads::{
    AcceptLead, IDEMPOTENCY_HOURS, IdempotencyClaim, IdempotencyScope, IdempotentAnswer, LeadFilter,
    PostRecord, Posted, RejectPost, RejectionFilter, Verdict,
};
use crate::{PageRequest, Store};
use crumb_domain::outcome::Problem;
use crumb_domain::post::{MAX_REJECTED_BODY, PostOutcome};
use crumb_domain::{AffiliateId, CampaignId, OfferId, RowId};
use std::sync::Arc;
use tokio::task::JoinSet;

/// A hundred posts with one key: one lead, and everybody has the same answer.
pub async fn posts_with_one_key_at_the_same_moment_make_one_lead<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut tasks = JoinSet::new();
    for number in 0..100 {
        let sent = AcceptLead { idempotency: Some(claim("once")), ..accept(lead(number, rows.next_row())) };
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            match store.accept_lead(sent).await.unwrap() {
                Posted::Now(_, answer) => (true, answer),
                Posted::Before(before) => (false, before.answer),
                other => panic!("no id was used twice, no lead offered: {other:?}"),
            }
        });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|(now, _)| *now).count(), 1);
    assert!(answers.windows(2).all(|pair| pair[0].1 == pair[1].1));
    let leads = store.leads(LeadFilter::default(), PageRequest::default()).await.unwrap();
    assert_eq!(leads.total, 1);
}

/// A key is unique within its campaign, or its offer and request id; the stored
/// answer comes with the hash of its body, for 72 hours.
pub async fn an_answer_is_given_again_within_72_hours_and_its_scope<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let scopes = [
        IdempotencyScope::Campaign(CampaignId(57)),
        IdempotencyScope::Campaign(CampaignId(100)),
        IdempotencyScope::OfferAndRequest(OfferId(100), "1234".to_owned()),
        IdempotencyScope::OfferAndRequest(OfferId(100), "12345".to_owned()),
        IdempotencyScope::OfferAndRequest(OfferId(57), "1234".to_owned()),
    ];
    for (number, scope) in (0_u8..).zip(&scopes) {
        let claimed =
            IdempotencyClaim { scope: scope.clone(), key: "key".to_owned(), body_hash: [number; 32] };
        let sent =
            AcceptLead { idempotency: Some(claimed), ..accept(lead(u32::from(number), rows.next_row())) };
        assert_eq!(verdict(store.accept_lead(sent).await.unwrap()), Verdict::Accepted, "{scope:?}");
    }
    let ends = NOW.plus_seconds(IDEMPOTENCY_HOURS * 3_600);
    let get = |scope: &IdempotencyScope, at| store.idempotent_answer(scope.clone(), "key".to_owned(), at);
    for (number, scope) in (0_u8..).zip(&scopes) {
        let id = lead_id(u32::from(number));
        let answer = answer_text(id.as_str(), &Verdict::Accepted);
        let expected = Some(IdempotentAnswer { body_hash: [number; 32], answer });
        assert_eq!(get(scope, NOW).await.unwrap(), expected);
        assert_eq!(get(scope, ends.plus_seconds(-1)).await.unwrap(), expected);
        assert_eq!(get(scope, ends).await.unwrap(), None);
    }
    let unused = store.idempotent_answer(scopes[0].clone(), "other".to_owned(), NOW).await.unwrap();
    assert_eq!(unused, None);
    let before = AcceptLead { idempotency: Some(claim("key")), ..accept(lead(50, rows.next_row())) };
    let answer = answer_text(lead_id(0).as_str(), &Verdict::Accepted);
    let expected = Posted::Before(IdempotentAnswer { body_hash: [0; 32], answer });
    assert_eq!(store.accept_lead(before).await.unwrap(), expected);
    // Once it is too old, the key is as new.
    let mut late = AcceptLead { idempotency: Some(claim("key")), ..accept(lead(51, rows.next_row())) };
    late.post.at = ends;
    assert_eq!(verdict(store.accept_lead(late).await.unwrap()), Verdict::Accepted);
    let found = get(&scopes[0], ends).await.unwrap().unwrap();
    assert_eq!(found.answer, answer_text(lead_id(51).as_str(), &Verdict::Accepted));
}

/// The first answer is stored whatever it says.
pub async fn a_rejection_is_given_again_too<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let problem = Problem::LeadMissingData;
    let mut rejected =
        |key, keep| RejectPost { idempotency: Some(claim(key)), keep, ..reject(rows.next_row(), problem) };
    for (key, keep) in [("kept", true), ("counted", false)] {
        let first = store.reject_post(rejected(key, keep)).await.unwrap();
        let answer = answer_text("rejected", &Verdict::Rejected(problem));
        assert_eq!(first, Posted::Now(Verdict::Rejected(problem), answer.clone()));
        let second = store.reject_post(rejected(key, keep)).await.unwrap();
        assert_eq!(second, Posted::Before(IdempotentAnswer { body_hash: [1; 32], answer }));
    }
    let refused_inside = AcceptLead {
        idempotency: Some(claim("inside")),
        filtered: Some(Problem::UnmatchedFilter),
        ..accept(lead(1, rows.next_row()))
    };
    let refused = Verdict::Rejected(Problem::UnmatchedFilter);
    assert_eq!(verdict(store.accept_lead(refused_inside).await.unwrap()), refused);
    let again = AcceptLead { idempotency: Some(claim("inside")), ..accept(lead(2, rows.next_row())) };
    let Posted::Before(before) = store.accept_lead(again).await.unwrap() else {
        panic!("the key was used");
    };
    assert_eq!(before.answer, answer_text(lead_id(1).as_str(), &refused));
}

/// [`MAX_REJECTED_BODY`] bytes of a rejected post's body, all of a lead's.
pub async fn a_rejected_post_is_kept_with_its_answer_and_the_beginning_of_its_body<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let long: Vec<u8> = (0..=255).cycle().take(MAX_REJECTED_BODY + 1_000).collect();
    let mut kept = accept(lead(1, rows.next_row()));
    kept.post.body.clone_from(&long);
    assert_eq!(verdict(store.accept_lead(kept).await.unwrap()), Verdict::Accepted);
    assert_eq!(store.posts_of_lead(lead_id(1)).await.unwrap()[0].body, long);

    let errors = vec!["Lead Missing Data".to_owned(), "email_address".to_owned()];
    let mut rejected = reject(rows.next_row(), Problem::LeadMissingData);
    rejected.post = PostRecord { body: long.clone(), errors: errors.clone(), ..rejected.post };
    let answer = rejected.answer.clone();
    assert!(matches!(store.reject_post(rejected).await.unwrap(), Posted::Now(..)));
    let mut inside =
        AcceptLead { filtered: Some(Problem::UnmatchedFilter), ..accept(lead(2, rows.next_row())) };
    inside.post.body.clone_from(&long);
    assert!(matches!(store.accept_lead(inside).await.unwrap(), Posted::Now(Verdict::Rejected(_), _)));

    let page = PageRequest { ascending: true, ..PageRequest::default() };
    let found = store.rejections(RejectionFilter::default(), page).await.unwrap();
    assert_eq!(found.total, 2);
    for post in &found.data {
        assert_eq!(post.body, long[..MAX_REJECTED_BODY]);
    }
    assert_eq!(found.data[0].errors, errors);
    assert_eq!(found.data[0].answer, Some(answer));
    assert_eq!(found.data[0].outcome, PostOutcome::Rejected(Problem::LeadMissingData));
}

/// [`RejectPost::keep`].
pub async fn posts_beyond_the_limit_are_only_counted<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    assert_eq!(store.rejections_not_kept().await.unwrap(), 0);
    for problem in [Problem::InvalidPostKey, Problem::InvalidPostKey, Problem::InvalidXml] {
        let counted = RejectPost { keep: false, ..reject(rows.next_row(), problem) };
        assert_eq!(verdict(store.reject_post(counted).await.unwrap()), Verdict::Rejected(problem));
    }
    assert_eq!(store.rejections_not_kept().await.unwrap(), 3);
    let inside = AcceptLead {
        filtered: Some(Problem::UnmatchedFilter),
        keep_refused: Box::new(|| false),
        ..accept(lead(1, rows.next_row()))
    };
    let refused = Verdict::Rejected(Problem::UnmatchedFilter);
    assert_eq!(verdict(store.accept_lead(inside).await.unwrap()), refused);
    assert_eq!(store.rejections_not_kept().await.unwrap(), 4);
    let kept = store.rejections(RejectionFilter::default(), PageRequest::default()).await.unwrap();
    assert_eq!((kept.total, kept.data.len()), (0, 0));
}

/// Each part of [`RejectionFilter`] narrows; posts of leads are not among them.
pub async fn rejections_are_found_by_each_filter_and_in_pages<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = lead(1, rows.next_row());
    assert_eq!(verdict(store.accept_lead(accept(lead)).await.unwrap()), Verdict::Accepted);
    let mut kept = Vec::new();
    let changes: [fn(&mut RejectPost); 5] = [
        |_| {},
        |r| r.post.offer = Some(OfferId(101)),
        |r| r.post.affiliate = Some(AffiliateId(13)),
        |r| r.post.campaign = None,
        |r| r.problem = Problem::BlockedIpAddress,
    ];
    for (step, change) in (0..).zip(changes) {
        let at = NOW.plus_seconds(step * 100);
        let mut rejected = reject(rows.next_row_at(at), Problem::LeadMissingData);
        rejected.post = PostRecord { at, ..post(rejected.post.id) };
        change(&mut rejected);
        kept.push(rejected.post.id);
        store.reject_post(rejected).await.unwrap();
    }
    let none = RejectionFilter::default;
    for (filter, expected) in [
        (none(), vec![4, 3, 2, 1, 0]),
        (RejectionFilter { offer: Some(OfferId(101)), ..none() }, vec![1]),
        (RejectionFilter { affiliate: Some(AffiliateId(13)), ..none() }, vec![2]),
        (RejectionFilter { campaign: Some(CampaignId(57)), ..none() }, vec![4, 2, 1, 0]),
        (RejectionFilter { problem: Some(Problem::BlockedIpAddress), ..none() }, vec![4]),
        (
            RejectionFilter { from: Some(NOW.plus_seconds(100)), to: Some(NOW.plus_seconds(300)), ..none() },
            vec![2, 1],
        ),
    ] {
        let page = store.rejections(filter.clone(), PageRequest::default()).await.unwrap();
        let found: Vec<RowId> = page.data.iter().map(|post| post.id).collect();
        let expected: Vec<RowId> = expected.into_iter().map(|at| kept[at]).collect();
        assert_eq!(found, expected, "{filter:?}");
        assert_eq!(page.total, found.len() as u64);
    }
    let first = PageRequest { limit: 3, ..PageRequest::default() };
    let first = store.rejections(none(), first).await.unwrap();
    let rest = PageRequest { cursor: first.next, ..PageRequest::default() };
    let rest = store.rejections(none(), rest).await.unwrap();
    let found: Vec<RowId> = first.data.iter().chain(&rest.data).map(|post| post.id).collect();
    kept.reverse();
    assert_eq!((found, rest.next, rest.total), (kept, None, 5));
}
