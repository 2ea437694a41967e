//! Lists of leads.

use super::build::{NOW, Rows, accepted, lead};
use crate::leads::LeadFilter;
use crate::{PageRequest, Store};
use crumb_domain::lead::{Lead, LeadStatus, Sale};
use crumb_domain::network::SaleType;
use crumb_domain::{AffiliateId, BuyerId, ContractId, Money, OfferId, RowId};
use std::sync::Arc;

async fn rows_of<S: Store>(store: &S, filter: LeadFilter) -> Vec<RowId> {
    let page = store.leads(filter, PageRequest::default()).await.unwrap();
    assert_eq!(page.total, page.data.len() as u64);
    page.data.iter().map(|lead| lead.row).collect()
}

/// Each part of [`LeadFilter`] narrows; `from` is inclusive, `to` exclusive.
pub async fn leads_are_found_by_each_filter_and_by_time<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let session = rows.next_row();
    let sale = |buyer| Sale {
        contract: ContractId(7),
        buyer: BuyerId(buyer),
        price: Money::ZERO,
        sale_type: SaleType::Multisell,
        at: NOW,
        no_return: false,
        returned: None,
        replaces: None,
        redirect: None,
    };
    let changes: [&dyn Fn(&mut Lead); 6] = [
        &|_| {},
        &|lead| lead.status = LeadStatus::Queued,
        &|lead| lead.offer = OfferId(101),
        &|lead| lead.affiliate = AffiliateId(13),
        &|lead| lead.sales = vec![sale(5), sale(6), sale(5)],
        &|lead| lead.session = session,
    ];
    let mut kept = Vec::new();
    for (step, change) in (0_u32..).zip(changes) {
        let at = NOW.plus_seconds(i64::from(step) * 100);
        let mut lead = Lead { at, ..lead(step, rows.next_row_at(at)) };
        change(&mut lead);
        kept.push(lead.row);
        accepted(&*store, lead).await;
    }
    let none = LeadFilter::default;
    let (from, to) = (Some(NOW.plus_seconds(200)), Some(NOW.plus_seconds(400)));
    for (filter, expected) in [
        (none(), vec![5, 4, 3, 2, 1, 0]),
        (LeadFilter { status: Some(LeadStatus::Queued), ..none() }, vec![1]),
        (LeadFilter { offer: Some(OfferId(101)), ..none() }, vec![2]),
        (LeadFilter { affiliate: Some(AffiliateId(13)), ..none() }, vec![3]),
        (LeadFilter { buyer: Some(BuyerId(5)), ..none() }, vec![4]),
        (LeadFilter { buyer: Some(BuyerId(8)), ..none() }, vec![]),
        (LeadFilter { session: Some(session), ..none() }, vec![5]),
        (LeadFilter { from, to, ..none() }, vec![3, 2]),
        (LeadFilter { from, offer: Some(OfferId(101)), ..none() }, vec![2]),
        (LeadFilter { to: from, offer: Some(OfferId(101)), ..none() }, vec![]),
    ] {
        let expected: Vec<RowId> = expected.into_iter().map(|at| kept[at]).collect();
        assert_eq!(rows_of(&*store, filter.clone()).await, expected, "{filter:?}");
    }
}

/// As an operator types them.
pub async fn leads_are_found_by_id_email_and_phone<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let ann = Lead {
        id: "ABCD1234".parse().unwrap(),
        fields: vec![pair("email_address", "ann@example.com"), pair("phone_home", "5551234567")],
        ..lead(1, rows.next_row())
    };
    let bob = Lead {
        fields: vec![
            pair("email_address", "bob@example.com"),
            pair("phone_home", "5551234567"),
            pair("phone_work", "5551234567"),
        ],
        ..lead(2, rows.next_row())
    };
    let (ann_row, bob_row) = (ann.row, bob.row);
    accepted(&*store, ann).await;
    accepted(&*store, bob).await;
    for (text, expected) in [
        ("ABCD1234", vec![ann_row]),
        (" abcd1234 ", vec![ann_row]),
        ("Ann@Example.com", vec![ann_row]),
        ("(555) 123-4567", vec![bob_row, ann_row]),
        ("5551234568", vec![]),
        ("ann", vec![]),
        ("%", vec![]),
        ("", vec![]),
    ] {
        let filter = LeadFilter { text: Some(text.to_owned()), ..LeadFilter::default() };
        assert_eq!(rows_of(&*store, filter).await, expected, "{text:?}");
    }
}

/// In either direction, each with its own sales.
pub async fn pages_of_leads_follow_each_other_without_gap_or_repeat<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut expected = Vec::new();
    for number in 0..7 {
        let lead = lead(number, rows.next_row());
        expected.push(lead.row);
        accepted(&*store, lead).await;
    }
    for ascending in [true, false] {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let request = PageRequest { limit: 3, cursor, ascending };
            let page = store.leads(LeadFilter::default(), request).await.unwrap();
            assert_eq!(page.total, 7);
            assert!(page.data.len() <= 3);
            found.extend(page.data.iter().map(|lead| lead.row));
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
