//! Whose waiting leads a change may concern: those of the verticals in which somebody may buy
//! now who could not before. All others would be offered to the same contracts once more, with
//! a run each for nothing.

use crumb_domain::network::{Buyer, Campaign, Contract};
use crumb_domain::{BuyerId, CampaignId, ContractId, VerticalId};
use crumb_network::Snapshot;
use std::collections::{BTreeSet, HashMap};

/// The verticals in which a buyer has contracts.
pub(super) fn by_buyer(snapshot: &Snapshot, buyer: BuyerId) -> BTreeSet<VerticalId> {
    let contracts = snapshot.network().contract.iter().filter(|contract| contract.buyer == buyer);
    contracts.map(|contract| contract.vertical).collect()
}

/// Those whose leads another version of the network may concern; none where it may be any:
/// what is bought for, paid or checked has changed. A new campaign concerns no lead that is
/// there.
pub(super) fn by_change(was: &Snapshot, is: &Snapshot) -> Option<BTreeSet<VerticalId>> {
    let (old, new) = (was.network(), is.network());
    let is_narrow = was.settings() == is.settings()
        && old.vertical == new.vertical
        && old.offer == new.offer
        && old.affiliate == new.affiliate
        && are_as_before(&old.campaign, &new.campaign);
    if !is_narrow {
        return None;
    }
    let mut contracts: BTreeSet<ContractId> =
        was.switched_off().symmetric_difference(is.switched_off()).copied().collect();
    contracts.extend(changed(&old.contract, &new.contract, |contract: &Contract| contract.id));
    let of_contracts = contracts.iter().flat_map(|id| [was.contract(*id), is.contract(*id)]);
    let mut verticals: BTreeSet<VerticalId> =
        of_contracts.flatten().map(|contract| contract.vertical).collect();
    for buyer in changed(&old.buyer, &new.buyer, |buyer: &Buyer| buyer.id) {
        verticals.extend(by_buyer(was, buyer));
        verticals.extend(by_buyer(is, buyer));
    }
    Some(verticals)
}

/// Which of a kind are there in one version only, or otherwise.
fn changed<T: PartialEq, I: Copy + Ord + std::hash::Hash>(
    old: &[T],
    new: &[T],
    id: impl Fn(&T) -> I,
) -> BTreeSet<I> {
    if old == new {
        return BTreeSet::new();
    }
    let by_id = |all: &'_ [T]| -> HashMap<I, usize> { all.iter().map(&id).zip(0..).collect() };
    let (olds, news) = (by_id(old), by_id(new));
    let is_changed = |one: &I| {
        let of = |places: &HashMap<I, usize>| places.get(one).copied();
        of(&olds).and_then(|place| old.get(place)) != of(&news).and_then(|place| new.get(place))
    };
    olds.keys().chain(news.keys()).copied().filter(is_changed).collect()
}

/// Whether all campaigns that were there are there, unchanged.
fn are_as_before(old: &[Campaign], new: &[Campaign]) -> bool {
    let news: HashMap<CampaignId, &Campaign> = new.iter().map(|campaign| (campaign.id, campaign)).collect();
    old.iter().all(|campaign| news.get(&campaign.id).is_some_and(|now| *now == campaign))
}
