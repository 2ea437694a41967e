//! The contracts of one version of the network, compiled: the trees that decide, and
//! the plans by which their buyers are talked to.

use crumb_delivery::plan::{DeliveryPlan, Purpose};
use crumb_domain::network::{BuyerCredit, Vertical};
use crumb_domain::{BuyerId, ConfigVersion, ContractId, Money, VerticalId};
use crumb_network::Snapshot;
use crumb_routing::Tree;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Trees and plans of one version.
pub(crate) struct Market {
    version: ConfigVersion,
    trees: HashMap<VerticalId, Arc<Tree>>,
    plans: HashMap<ContractId, Arc<ContractPlans>>,
    limits: HashMap<BuyerId, Money>,
}

/// How a contract's buyer is talked to.
pub(crate) struct ContractPlans {
    pub ping: Option<DeliveryPlan>,
    pub post: DeliveryPlan,
}

impl Market {
    /// Compiles a snapshot's contracts. What the network's checks let through compiles;
    /// what does not all the same takes no part and the log says so, since one contract
    /// must not keep a vertical from being sold.
    fn compile(snapshot: &Snapshot) -> Self {
        let mut plans = HashMap::new();
        let mut sound = Vec::new();
        for contract in &snapshot.network().contract {
            let Some(vertical) = snapshot.vertical(contract.vertical) else { continue };
            let plan = |method, purpose| {
                DeliveryPlan::compile(method, &vertical.rules, purpose, &|name| std::env::var(name).ok())
            };
            let ping = contract.ping.as_ref().map(|ping| plan(ping, Purpose::Ping)).transpose();
            let both =
                ping.and_then(|ping| Ok(ContractPlans { ping, post: plan(&contract.post, Purpose::Post)? }));
            match both {
                Ok(both) => {
                    plans.insert(contract.id, Arc::new(both));
                    sound.push(contract);
                }
                Err(error) => tracing::error!(contract = contract.id.0, %error, "a contract takes no part"),
            }
        }
        let mut trees = HashMap::new();
        let verticals =
            snapshot.network().vertical.iter().filter_map(|vertical| snapshot.vertical(vertical.id));
        for vertical in verticals {
            let contracts = sound.iter().copied();
            let tree = Tree::compile(
                vertical,
                &vertical.rules,
                contracts,
                &snapshot.network().buyer,
                snapshot.settings(),
                snapshot.switched_off(),
            );
            match tree {
                Ok(tree) => {
                    trees.insert(vertical.id, Arc::new(tree));
                }
                Err(error) => tracing::error!(vertical = vertical.id.0, %error, "a vertical is not sold"),
            }
        }
        let limits = snapshot.network().buyer.iter().filter_map(|buyer| match buyer.credit {
            BuyerCredit::Prepaid { limit, .. } => Some((buyer.id, limit)),
            BuyerCredit::Unlimited => None,
        });
        Self { version: snapshot.version(), trees, plans, limits: limits.collect() }
    }

    /// The tree of a vertical: an empty one where it has no contracts.
    pub fn tree(&self, vertical: &Vertical) -> Arc<Tree> {
        self.trees.get(&vertical.id).map_or_else(|| Arc::new(Tree::empty(vertical)), Arc::clone)
    }

    /// Whether anybody may buy leads of a vertical.
    pub fn has_contracts(&self, vertical: VerticalId) -> bool {
        self.trees.get(&vertical).is_some_and(|tree| tree.contracts().next().is_some())
    }

    /// How a contract's buyer is talked to.
    pub fn plans(&self, contract: ContractId) -> Option<&Arc<ContractPlans>> {
        self.plans.get(&contract)
    }

    /// How far below zero a buyer's balance may go; none for one without end.
    pub fn credit_limit(&self, buyer: BuyerId) -> Option<Money> {
        self.limits.get(&buyer).copied()
    }
}

/// The market of the newest version that was asked for.
#[derive(Default)]
pub(crate) struct Markets(Mutex<Option<Arc<Market>>>);

impl Markets {
    /// The market of a snapshot. Compiled once a version; whoever comes meanwhile waits,
    /// some milliseconds with hundreds of contracts.
    pub fn of(&self, snapshot: &Snapshot) -> Arc<Market> {
        let mut present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match present.as_ref().filter(|market| market.version == snapshot.version()) {
            Some(market) => Arc::clone(market),
            None => {
                let market = Arc::new(Market::compile(snapshot));
                // A run on an older version, which is about to end, must not put the newer aside.
                if present.as_ref().is_none_or(|newest| newest.version < market.version) {
                    *present = Some(Arc::clone(&market));
                }
                market
            }
        }
    }
}
