//! Sub-affiliates.

use super::build::{NOW, Rows, accept, click, lead, record, record_all, verdict};
use crate::clicks::SubAffiliate;
use crate::leads::{AcceptLead, Verdict};
use crate::{PageRequest, Store};
use crumb_domain::click::{Click, Disposition, NonHuman};
use crumb_domain::lead::Lead;
use crumb_domain::outcome::Problem;
use crumb_domain::{AffiliateId, RowId, SubIds};
use std::sync::Arc;
use tokio::task::JoinSet;

fn of(affiliate: i64, s1: &str, id: RowId) -> Click {
    Click {
        affiliate: Some(AffiliateId(affiliate)),
        sub_ids: SubIds::new([s1, "two", "", "", ""]),
        ..click(id)
    }
}

/// In the order in which they came.
async fn named<S: Store>(store: &S, affiliate: i64) -> Vec<String> {
    let page = PageRequest { ascending: true, ..PageRequest::default() };
    let page = store.sub_affiliates(AffiliateId(affiliate), page).await.unwrap();
    assert_eq!(page.total, page.data.len() as u64);
    page.data.into_iter().map(|found| found.s1).collect()
}

/// As it is written, also where many name it at once; with the moment of the first.
pub async fn every_distinct_s1_is_a_sub_affiliate_of_its_affiliate_once<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    for (number, s1) in (0..).zip(["red", "Red", "", "blue", "red", "ü"]) {
        let at = NOW.plus_seconds(number);
        record(&*store, Click { at, ..of(12, s1, rows.next_row()) }).await;
    }
    record(&*store, of(13, "red", rows.next_row())).await;
    assert_eq!(named(&*store, 12).await, ["red", "Red", "blue", "ü"]);
    assert_eq!(named(&*store, 13).await, ["red"]);
    assert_eq!(named(&*store, 14).await, [""; 0]);
    let first = PageRequest { limit: 1, ..PageRequest::default() };
    let newest = store.sub_affiliates(AffiliateId(12), first).await.unwrap();
    assert_eq!(newest.data, [SubAffiliate { s1: "ü".to_owned(), first_at: NOW.plus_seconds(5) }]);
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let (store, click) = (Arc::clone(&store), of(15, &format!("s{}", number % 7), rows.next_row()));
        tasks.spawn(async move { record(&*store, click).await });
    }
    tasks.join_all().await;
    let mut all = named(&*store, 15).await;
    all.sort_unstable();
    assert_eq!(all, ["s0", "s1", "s2", "s3", "s4", "s5", "s6"]);
}

/// Also where no click came before.
pub async fn leads_name_sub_affiliates_too<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    record(&*store, of(12, "clicked", rows.next_row())).await;
    for (number, s1) in (1..).zip(["clicked", "posted", "posted"]) {
        let lead = Lead { sub_ids: SubIds::new([s1, "", "", "", ""]), ..lead(number, rows.next_row()) };
        assert_eq!(verdict(store.accept_lead(accept(lead)).await.unwrap()), Verdict::Accepted);
    }
    assert_eq!(named(&*store, 12).await, ["clicked", "posted"]);
}

/// Crawlers, previews and invalid links; a visitor who is diverted was sent all the
/// same.
pub async fn machines_and_links_that_lead_nowhere_name_none<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    for machine in [NonHuman::Bot, NonHuman::Preview, NonHuman::Head] {
        record(&*store, Click { non_human: Some(machine), ..of(12, "machine", rows.next_row()) }).await;
    }
    let to = |disposition, s1, id| Click { disposition, session: None, ..of(12, s1, id) };
    record(&*store, to(Disposition::InvalidLink, "nowhere", rows.next_row())).await;
    record(&*store, Click { affiliate: None, ..of(12, "nobody's", rows.next_row()) }).await;
    record(&*store, to(Disposition::OfferOverClickCap, "diverted", rows.next_row())).await;
    assert_eq!(named(&*store, 12).await, ["diverted"]);
}

/// In either direction, of one affiliate.
pub async fn pages_of_sub_affiliates_follow_each_other_without_gap_or_repeat<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let expected: Vec<String> = (0..7).map(|number| format!("s{number}")).collect();
    let clicks = expected.iter().flat_map(|s1| [of(12, s1, rows.next_row()), of(13, s1, rows.next_row())]);
    record_all(&*store, clicks.collect()).await;
    for ascending in [true, false] {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let request = PageRequest { limit: 3, cursor, ascending };
            let page = store.sub_affiliates(AffiliateId(12), request).await.unwrap();
            assert_eq!(page.total, 7);
            assert!(page.data.len() <= 3);
            found.extend(page.data.into_iter().map(|sub_affiliate| sub_affiliate.s1));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        if !ascending {
            found.reverse();
        }
        assert_eq!(found, expected);
    }
}

/// What a refused write named is not there, and can be named by the next one.
pub async fn a_refused_write_names_no_sub_affiliate_and_hides_none<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    // In the order of ids it comes first, and is written when the other is refused.
    let with_refused = of(12, "refused", rows.next_row());
    let first = of(12, "first", rows.next_row());
    record(&*store, first.clone()).await;
    let clicks = vec![with_refused.clone(), first];
    let batch = crate::clicks::ClickBatch { clicks, ..crate::clicks::ClickBatch::default() };
    assert!(store.record_clicks(batch).await.is_err());
    let refused = AcceptLead {
        filtered: Some(Problem::UnmatchedFilter),
        ..accept(Lead { sub_ids: SubIds::new(["filtered", "", "", "", ""]), ..lead(1, rows.next_row()) })
    };
    assert!(matches!(verdict(store.accept_lead(refused).await.unwrap()), Verdict::Rejected(_)));
    assert_eq!(named(&*store, 12).await, ["first"]);
    record_all(&*store, vec![with_refused, of(12, "filtered", rows.next_row())]).await;
    assert_eq!(named(&*store, 12).await, ["first", "refused", "filtered"]);
}
