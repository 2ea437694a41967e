//! The table of what can be done to a lead, and the entries that tell of it.

use super::*;
use crate::selling::timeline;
use crumb_domain::attribution::AttributionTrace;
use crumb_domain::examples;
use crumb_domain::lead::Sale;
use crumb_domain::network::SaleType;
use crumb_domain::{BuyerId, ContractId, RowId};

const AT: Timestamp = Timestamp::from_micros(1_000_000);

pub(crate) fn lead(status: LeadStatus, outcome: LeadOutcome) -> Lead {
    Lead {
        row: RowId::from_i64(1).unwrap(),
        at: AT,
        post: PostKind::Server,
        status,
        outcome,
        campaign: None,
        attribution: Attribution::Key,
        trace: AttributionTrace::default(),
        session: RowId::from_i64(2).unwrap(),
        revision: 0,
        ..examples::lead()
    }
}

fn sold(sale_type: SaleType) -> Lead {
    let sale = Sale {
        contract: ContractId(7),
        buyer: BuyerId(5),
        price: Money::ZERO,
        sale_type,
        at: AT,
        no_return: false,
        returned: None,
        replaces: None,
        redirect: None,
    };
    Lead { sales: vec![sale], ..lead(LeadStatus::Sold, LeadOutcome::Sold) }
}

#[test]
fn what_can_be_done_to_a_lead_is_said_for_each_way_in_which_it_stands() {
    use LeadOutcome as O;
    use LeadStatus as S;
    use Refusal as R;
    let nobodys =
        Lead { attribution: Attribution::Internal, post: PostKind::Session, ..lead(S::Review, O::Review) };
    let (sale, out) = (Ok(Goes::ForSale), Ok(Goes::Out));
    for (lead, accept, throw_out, resell) in [
        (lead(S::Queued, O::Queued), Err(R::NotHeldBack(S::Queued)), out, sale),
        (lead(S::Review, O::Review), sale, out, Err(R::HeldBack(O::Review))),
        (nobodys, Ok(Goes::Unattributed), out, Err(R::HeldBack(O::Review))),
        (lead(S::Scrubbed, O::ThrownOut), sale, Err(R::ThrownOut), Err(R::HeldBack(O::ThrownOut))),
        (lead(S::Scrubbed, O::Expired), sale, out, sale),
        (lead(S::Unsold, O::NoQualifiedBuyers), Err(R::NotHeldBack(S::Unsold)), out, sale),
        (lead(S::Unsold, O::UnattributedSession), Err(R::NotHeldBack(S::Unsold)), out, sale),
        (lead(S::Unsold, O::Interrupted), Err(R::NotHeldBack(S::Unsold)), out, sale),
        (sold(SaleType::Multisell), Err(R::Sold), Err(R::Sold), sale),
        (sold(SaleType::Hybrid), Err(R::Sold), Err(R::Sold), sale),
        (sold(SaleType::Exclusive), Err(R::Sold), Err(R::Sold), Err(R::SoldAlone)),
        (lead(S::Returned, O::Returned), Err(R::Returned), Err(R::Returned), Err(R::Returned)),
        (lead(S::PendingUnknown, O::PendingUnknown), Err(R::Pending), Err(R::Pending), Err(R::Pending)),
        (lead(S::Test, O::Test), Err(R::Test), Err(R::Test), Err(R::Test)),
    ] {
        let decided = [Action::Accept, Action::ThrowOut, Action::Resell].map(|action| decide(&lead, action));
        assert_eq!(decided, [accept, throw_out, resell], "{:?} {:?}", lead.status, lead.outcome);
    }
}

#[test]
fn an_update_says_what_it_made_of_the_lead() {
    let unsold = lead(LeadStatus::Unsold, LeadOutcome::NoQualifiedBuyers);
    let review =
        Lead { errors: vec!["Invalid Zip".to_owned()], ..lead(LeadStatus::Review, LeadOutcome::Review) };
    let codes = |before: &Lead, after: &Lead, bad, is_offered| {
        let entries = timeline::of_update(before, after, bad, is_offered, PostKind::Server, AT);
        entries.into_iter().map(|entry| entry.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&unsold, &unsold, None, false), ["updated"]);
    assert_eq!(codes(&unsold, &unsold, None, true), ["updated", "offered_again"]);
    assert_eq!(codes(&unsold, &review, Some(LeadOutcome::Review), false), ["updated", "review"]);
    assert_eq!(codes(&review, &review, None, false), ["updated"]);
    let pending = lead(LeadStatus::PendingUnknown, LeadOutcome::PendingUnknown);
    assert_eq!(codes(&pending, &pending, None, false), ["updated"]);
    assert_eq!(codes(&pending, &pending, Some(LeadOutcome::ThrownOut), false), ["updated", "thrown_out"]);
    let held_back = timeline::held_back(&review, AT).unwrap();
    assert_eq!(held_back.text, "it waits for a person, for its fields: Invalid Zip");
}
