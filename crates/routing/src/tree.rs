//! The tree of a vertical: its contracts, compiled.
//!
//! It is made once per version of the configuration and shared by all runs, so that
//! a decision parses and looks nothing up: buyers, zones and exclusion classes are
//! indices.

use crumb_domain::fields::FieldRules;
use crumb_domain::filter::{Filter, FilterError};
use crumb_domain::network::{ActiveStatus, Buyer, Contract, Router, Settings, UnknownRule, Vertical};
use crumb_domain::schedule::{Schedule, ScheduleError};
use crumb_domain::time::{UnknownZone, WallClock, Zone};
use crumb_domain::{AffiliateId, BuyerId, ContractId, Money, OfferId, Timestamp, VerticalId};
use std::collections::{BTreeMap, HashMap, HashSet};

/// How long a post may take where the contract does not say, in milliseconds.
pub const DEFAULT_POST_TIMEOUT_MS: u32 = 10_000;
/// How long a ping may take where the contract does not say, in milliseconds.
pub const DEFAULT_PING_TIMEOUT_MS: u32 = 2_000;

/// The contracts of a vertical and its rules of sale.
#[derive(Debug, Clone)]
pub struct Tree {
    vertical: VerticalId,
    pub(crate) router: Router,
    /// What the filters were compiled with.
    pub(crate) rules: Option<FieldRules>,
    /// Distinct ones.
    pub(crate) zones: Vec<Zone>,
    /// Distinct names of buyer groups.
    groups: Vec<String>,
    /// By id.
    pub(crate) contracts: Vec<Node>,
    /// How many exclusion classes there are.
    pub(crate) classes: usize,
}

/// A contract of the tree.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub id: ContractId,
    pub buyer: BuyerId,
    /// Place of the buyer's group in the tree.
    pub group: Option<usize>,
    /// Two contracts of one class never have the same lead: those of a buyer, and of
    /// a buyer group.
    pub class: usize,
    pub is_active: bool,
    pub is_switched_off: bool,
    pub is_buyer_active: bool,
    pub offer: Option<OfferId>,
    /// Sorted.
    pub excluded_affiliates: Vec<AffiliateId>,
    pub buys_upsells: bool,
    /// Leads that its buyer is owed are delivered free.
    pub replaces_returns: bool,
    /// For good.
    pub replaces_for_good: bool,
    /// Seconds.
    pub least_age: i64,
    /// Seconds.
    pub greatest_age: i64,
    /// Seconds.
    pub posting_wait: i64,
    /// Place of its zone in the tree.
    pub zone: usize,
    pub schedule: Schedule,
    pub filter: Filter,
    pub rank: i32,
    pub weight: Option<u32>,
    pub maximum_price: Option<Money>,
    pub has_ping: bool,
    pub ping_timeout_ms: u32,
    pub post_timeout_ms: u32,
    pub unknown_is: UnknownRule,
    pub unknown_wait_minutes: u32,
}

/// A tree that cannot be compiled: the network file's checks let none through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A schedule row's time is none.
    #[error("contract {0}: {1}")]
    Schedule(ContractId, ScheduleError),
    /// A filter cannot hold by its making.
    #[error("contract {0}: {1}")]
    Filter(ContractId, FilterError),
    /// No zone of that name.
    #[error("contract {0}: {1}")]
    Zone(ContractId, UnknownZone),
    /// It names a buyer that is not there.
    #[error("contract {0}: no buyer {1}")]
    NoBuyer(ContractId, BuyerId),
    /// Two contracts of one id.
    #[error("contract {0} is there twice")]
    Twice(ContractId),
}

impl Tree {
    /// Compiles the contracts of a vertical; those of other verticals are left out.
    /// `switched_off` are those that the server took out of service after failed
    /// posts, until a person switches them on.
    ///
    /// # Errors
    ///
    /// The first contract that cannot be compiled, by id.
    pub fn compile<'a>(
        vertical: &Vertical,
        rules: &FieldRules,
        contracts: impl IntoIterator<Item = &'a Contract>,
        buyers: impl IntoIterator<Item = &'a Buyer>,
        settings: &Settings,
        switched_off: &HashSet<ContractId>,
    ) -> Result<Self, TreeError> {
        let buyers: HashMap<BuyerId, &Buyer> = buyers.into_iter().map(|buyer| (buyer.id, buyer)).collect();
        let mut by_id = BTreeMap::new();
        for contract in contracts.into_iter().filter(|contract| contract.vertical == vertical.id) {
            if by_id.insert(contract.id, contract).is_some() {
                return Err(TreeError::Twice(contract.id));
            }
        }
        let mut tree = Self { rules: Some(rules.clone()), ..Self::empty(vertical) };
        let mut names = Names::default();
        for contract in by_id.into_values() {
            let buyer = buyers.get(&contract.buyer);
            let buyer = buyer.ok_or(TreeError::NoBuyer(contract.id, contract.buyer))?;
            let is_switched_off = switched_off.contains(&contract.id);
            let node = names.node(contract, buyer, rules, settings, is_switched_off)?;
            tree.contracts.push(node);
        }
        (tree.zones, tree.groups, tree.classes) = (names.zones, names.groups, names.classes.len());
        Ok(tree)
    }

    /// A vertical that has no contracts: nobody buys its leads.
    pub fn empty(vertical: &Vertical) -> Self {
        Self {
            vertical: vertical.id,
            router: vertical.router.clone(),
            rules: None,
            zones: Vec::new(),
            groups: Vec::new(),
            contracts: Vec::new(),
            classes: 0,
        }
    }

    /// Whose leads it sells.
    pub fn vertical(&self) -> VerticalId {
        self.vertical
    }

    /// The vertical's rules of sale.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// The contracts, by id.
    pub fn contracts(&self) -> impl Iterator<Item = ContractId> {
        self.contracts.iter().map(|node| node.id)
    }

    /// The buyer of a contract.
    pub fn buyer_of(&self, contract: ContractId) -> Option<BuyerId> {
        self.index_of(contract).and_then(|index| self.contracts.get(index)).map(|node| node.buyer)
    }

    /// The group of a contract's buyer.
    pub fn group_of(&self, contract: ContractId) -> Option<&str> {
        let node = self.contracts.get(self.index_of(contract)?)?;
        self.groups.get(node.group?).map(String::as_str)
    }

    pub(crate) fn index_of(&self, contract: ContractId) -> Option<usize> {
        self.contracts.binary_search_by_key(&contract, |node| node.id).ok()
    }

    /// The place of a group by its name; a group that no contract's buyer belongs to
    /// keeps nobody out.
    pub(crate) fn group_named(&self, name: &str) -> Option<usize> {
        self.groups.iter().position(|group| group == name)
    }

    /// What the wall clock of each zone reads.
    pub(crate) fn clocks(&self, now: Timestamp) -> Vec<WallClock> {
        self.zones.iter().map(|zone| zone.wall_clock(now)).collect()
    }
}

/// Names that were met, with the places that stand for them.
#[derive(Default)]
struct Names {
    zones: Vec<Zone>,
    zone_places: HashMap<String, usize>,
    groups: Vec<String>,
    classes: HashMap<Class, usize>,
}

#[derive(PartialEq, Eq, Hash)]
enum Class {
    Group(usize),
    Buyer(BuyerId),
}

impl Names {
    fn node(
        &mut self,
        contract: &Contract,
        buyer: &Buyer,
        rules: &FieldRules,
        settings: &Settings,
        is_switched_off: bool,
    ) -> Result<Node, TreeError> {
        let id = contract.id;
        let zone = contract.time_zone.as_ref().unwrap_or(&settings.time_zone);
        let group = buyer.group.as_deref().map(|name| self.group(name));
        let class = group.map_or(Class::Buyer(buyer.id), Class::Group);
        let next_class = self.classes.len();
        let mut excluded_affiliates = contract.exclude_affiliates.clone();
        excluded_affiliates.sort_unstable();
        let timeout_of_ping = contract.ping.as_ref().and_then(|ping| ping.timeout_ms);
        Ok(Node {
            id,
            buyer: buyer.id,
            group,
            class: *self.classes.entry(class).or_insert(next_class),
            is_active: contract.status == ActiveStatus::Active,
            is_switched_off,
            is_buyer_active: buyer.status == ActiveStatus::Active,
            offer: contract.offer,
            excluded_affiliates,
            buys_upsells: contract.buy_upsells,
            replaces_returns: contract.replace_returns,
            replaces_for_good: contract.replacements_non_returnable,
            least_age: i64::from(contract.min_lead_age_minutes) * 60,
            greatest_age: i64::from(contract.max_lead_age_minutes) * 60,
            posting_wait: i64::from(contract.posting_wait_seconds),
            zone: self.zone(zone).map_err(|error| TreeError::Zone(id, error))?,
            schedule: Schedule::compile(&contract.schedule)
                .map_err(|error| TreeError::Schedule(id, error))?,
            filter: Filter::compile(&contract.filter, rules).map_err(|error| TreeError::Filter(id, error))?,
            rank: contract.rank,
            weight: contract.weight,
            maximum_price: contract.maximum_price,
            has_ping: contract.ping.is_some(),
            ping_timeout_ms: timeout_of_ping.unwrap_or(DEFAULT_PING_TIMEOUT_MS),
            post_timeout_ms: contract.post.timeout_ms.unwrap_or(DEFAULT_POST_TIMEOUT_MS),
            unknown_is: contract.unknown_is.unwrap_or(settings.unknown_is),
            unknown_wait_minutes: contract.unknown_wait_minutes,
        })
    }

    fn zone(&mut self, name: &str) -> Result<usize, UnknownZone> {
        if let Some(place) = self.zone_places.get(name) {
            return Ok(*place);
        }
        self.zones.push(Zone::named(name)?);
        let place = self.zones.len() - 1;
        self.zone_places.insert(name.to_owned(), place);
        Ok(place)
    }

    fn group(&mut self, name: &str) -> usize {
        self.groups.iter().position(|group| group == name).unwrap_or_else(|| {
            self.groups.push(name.to_owned());
            self.groups.len() - 1
        })
    }
}
