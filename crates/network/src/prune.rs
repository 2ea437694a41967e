//! What becomes of entities that a file applied with `--prune` does not mention.

use crate::documents::State;
use crate::entity::Places;
use crumb_domain::network::Network;
use crumb_domain::{AdvertiserId, AffiliateId, BuyerId, CampaignId, ContractId, OfferId, VerticalId};
use crumb_storage::configuration::HistoryOf;
use std::collections::{HashMap, HashSet};

/// What becomes of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Stays,
    MadeInactive,
    Goes,
}

/// The fates of what the file does not mention.
#[derive(Debug, Default)]
pub(crate) struct Pruning {
    campaigns: HashMap<CampaignId, Fate>,
    affiliates: HashMap<AffiliateId, Fate>,
    offers: HashMap<OfferId, Fate>,
    contracts: HashMap<ContractId, Fate>,
    buyers: HashMap<BuyerId, Fate>,
    verticals: HashSet<VerticalId>,
    advertisers: HashSet<AdvertiserId>,
}

/// What may have history and would go.
pub(crate) fn asked(present: &State, places: &Places) -> Vec<HistoryOf> {
    let network = &present.network;
    let campaigns = network.campaign.iter().filter(|c| !places.mentions(*c));
    let campaigns = campaigns.filter(|c| !c.made_by_server).map(|c| HistoryOf::Campaign(c.id));
    let affiliates =
        network.affiliate.iter().filter(|a| !places.mentions(*a)).map(|a| HistoryOf::Affiliate(a.id));
    let offers = network.offer.iter().filter(|o| !places.mentions(*o)).map(|o| HistoryOf::Offer(o.id));
    let contracts =
        network.contract.iter().filter(|c| !places.mentions(*c)).map(|c| HistoryOf::Contract(c.id));
    let buyers = network.buyer.iter().filter(|b| !places.mentions(*b)).map(|b| HistoryOf::Buyer(b.id));
    campaigns.chain(affiliates).chain(offers).chain(contracts).chain(buyers).collect()
}

impl Pruning {
    /// `keeps_settings`: the present `[network]` stays, and needs its internal affiliate.
    pub fn new(present: &State, keeps_settings: bool, places: &Places, history: &HashSet<HistoryOf>) -> Self {
        let mut pruning = Self::default();
        let network = &present.network;
        for id in history {
            match id {
                HistoryOf::Campaign(id) => drop(pruning.campaigns.insert(*id, Fate::MadeInactive)),
                HistoryOf::Affiliate(id) => drop(pruning.affiliates.insert(*id, Fate::MadeInactive)),
                HistoryOf::Offer(id) => drop(pruning.offers.insert(*id, Fate::MadeInactive)),
                HistoryOf::Contract(id) => drop(pruning.contracts.insert(*id, Fate::MadeInactive)),
                HistoryOf::Buyer(id) => drop(pruning.buyers.insert(*id, Fate::MadeInactive)),
                HistoryOf::Creative(_) | HistoryOf::Event(..) | HistoryOf::Ledger => {}
            }
        }
        for campaign in network.campaign.iter().filter(|campaign| campaign.made_by_server) {
            pruning.campaigns.insert(campaign.id, Fate::Stays);
        }
        if keeps_settings
            && let Some(internal) = network.network.as_ref().and_then(|settings| settings.internal_affiliate)
        {
            pruning.affiliates.insert(internal, Fate::Stays);
        }
        pruning.spare_needs(network, places);
        pruning
    }

    /// What stays keeps what it refers to.
    fn spare_needs(&mut self, network: &Network, places: &Places) {
        for campaign in network.campaign.iter().filter(|c| !places.mentions(*c)) {
            if self.campaign(campaign.id) != Fate::Goes {
                self.affiliates.entry(campaign.affiliate).or_insert(Fate::Stays);
                self.offers.entry(campaign.offer).or_insert(Fate::Stays);
                campaign.redirect_offer.map(|id| self.offers.entry(id).or_insert(Fate::Stays));
            }
        }
        for contract in network.contract.iter().filter(|c| !places.mentions(*c)) {
            if self.contract(contract.id) != Fate::Goes {
                self.buyers.entry(contract.buyer).or_insert(Fate::Stays);
                self.verticals.insert(contract.vertical);
                contract.offer.map(|id| self.offers.entry(id).or_insert(Fate::Stays));
                for id in &contract.exclude_affiliates {
                    self.affiliates.entry(*id).or_insert(Fate::Stays);
                }
            }
        }
        // Each round follows references by one step; it ends because each round
        // but the last adds an offer.
        loop {
            let before = self.offers.len();
            for offer in network.offer.iter().filter(|o| !places.mentions(*o)) {
                if self.offer(offer.id) == Fate::Goes {
                    continue;
                }
                self.verticals.insert(offer.vertical);
                self.advertisers.extend(offer.advertiser);
                let redirects = offer.contract.iter().filter_map(|contract| contract.redirect_offer);
                for id in redirects.chain(offer.redirect_offer) {
                    self.offers.entry(id).or_insert(Fate::Stays);
                }
            }
            for vertical in network.vertical.iter().filter(|v| !places.mentions(*v)) {
                if let Some(id) = vertical.redirect_offer.filter(|_| self.verticals.contains(&vertical.id)) {
                    self.offers.entry(id).or_insert(Fate::Stays);
                }
            }
            if self.offers.len() == before {
                return;
            }
        }
    }

    pub fn campaign(&self, id: CampaignId) -> Fate {
        self.campaigns.get(&id).copied().unwrap_or(Fate::Goes)
    }

    pub fn affiliate(&self, id: AffiliateId) -> Fate {
        self.affiliates.get(&id).copied().unwrap_or(Fate::Goes)
    }

    pub fn offer(&self, id: OfferId) -> Fate {
        self.offers.get(&id).copied().unwrap_or(Fate::Goes)
    }

    pub fn contract(&self, id: ContractId) -> Fate {
        self.contracts.get(&id).copied().unwrap_or(Fate::Goes)
    }

    pub fn buyer(&self, id: BuyerId) -> Fate {
        self.buyers.get(&id).copied().unwrap_or(Fate::Goes)
    }

    pub fn vertical(&self, id: VerticalId) -> Fate {
        if self.verticals.contains(&id) { Fate::Stays } else { Fate::Goes }
    }

    pub fn advertiser(&self, id: AdvertiserId) -> Fate {
        if self.advertisers.contains(&id) { Fate::Stays } else { Fate::Goes }
    }
}
