//! Who is told of a cap that is reached, and by which write.

use super::build::{NOW, Rows, accept, lead};
use super::build_selling::{in_hand, reserve};
use super::outbox::postback;
use crate::leads::AcceptLead;
use crate::outbox::{CapCount, CapTold, DeliveryFilter};
use crate::selling::LeadChange;
use crate::{PageRequest, Store};
use crumb_domain::caps::{CapCheck, CapScope, DayCount};
use crumb_domain::network::CapOf;
use crumb_domain::time::Day;
use crumb_domain::{ContractId, OfferId};
use std::sync::Arc;

/// With the write that brings the count to the limit, whatever makes it, and no other.
pub async fn caps_are_told_by_the_write_that_leaves_them_filled<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let count = DayCount { scope: CapScope::Offer(OfferId(100)), of: CapOf::Lead, day: Day(3) };
    let check = CapCheck { scope: count.scope, of: count.of, first_day: Day(3), day: Day(3), limit: 2 };
    let (mut kept, mut numbers) = (Vec::new(), 1..);
    let mut sent = |fills: bool, rows: &mut Rows| {
        let delivery = postback(rows.next_row());
        kept.extend(fills.then_some(delivery.id));
        let caps_told = vec![CapTold { count: CapCount::Of(check), deliveries: vec![delivery] }];
        let counts = vec![count];
        AcceptLead { caps_told, counts, ..accept(lead(numbers.next().unwrap(), rows.next_row())) }
    };
    for fills in [false, true, false] {
        store.accept_lead(sent(fills, &mut rows)).await.unwrap();
    }
    let contract = ContractId(7);
    let day = reserve(rows.next_row(), 7).day;
    let of_contract = |limit| CapCount::Contract { contract, day, limit };
    let sold = in_hand(&*store, lead(9, rows.next_row())).await;
    store.reserve(reserve(sold.row, 7)).await.unwrap();
    let [one, two] = [postback(rows.next_row()), postback(rows.next_row())];
    kept.push(one.id);
    let caps_told = vec![
        CapTold { count: of_contract(1), deliveries: vec![one] },
        CapTold { count: of_contract(2), deliveries: vec![two] },
    ];
    store.settle(LeadChange { caps_told, ..LeadChange::new(sold, NOW) }).await.unwrap();
    let page = PageRequest { ascending: true, ..PageRequest::default() };
    let all = store.deliveries(DeliveryFilter::default(), page).await.unwrap().data;
    assert_eq!(all.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), kept);
}
