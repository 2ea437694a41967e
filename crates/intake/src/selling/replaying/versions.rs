//! The networks that leads are replayed by: versions as they were in force, with the
//! trees that decide.

use crumb_domain::lead::Lead;
use crumb_domain::{ConfigVersion, ContractId, VerticalId};
use crumb_network::{CompiledOffer, LiveNetwork, NetworkError, Snapshot};
use crumb_routing::{Run, Tree};
use crumb_storage::Store;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Versions that are kept at a time: runs come in the order of their times, and those
/// that go on at the same moment are of few.
const KEPT: usize = 16;

type Trees = HashMap<VerticalId, Arc<Tree>>;

/// A version of the network with its trees.
pub(super) struct Version {
    snapshot: Snapshot,
    trees: Arc<Trees>,
}

impl Version {
    /// Compiles the trees, unless an earlier version has the same ones: most versions are
    /// a campaign more.
    pub fn new(snapshot: Snapshot, like: Option<&Self>) -> Self {
        let trees = like.filter(|like| decides_alike(&like.snapshot, &snapshot)).map_or_else(
            || {
                let verticals = snapshot.network().vertical.iter();
                let all = |_| true;
                Arc::new(verticals.filter_map(|v| Some((v.id, compile(&snapshot, v.id, all)?))).collect())
            },
            |like| Arc::clone(&like.trees),
        );
        Self { snapshot, trees }
    }

    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The tree of a lead's offer; none where the offer or its tree is not there.
    pub fn tree(&self, lead: &Lead) -> Option<(&CompiledOffer, Arc<Tree>)> {
        let offer = self.snapshot.offer(lead.offer)?;
        Some((offer, Arc::clone(self.trees.get(&offer.vertical().id)?)))
    }

    /// The tree that decided a run: of those contracts that took part, as its facts tell.
    /// One that could not be talked to, because a secret of its was missing, did not.
    pub fn tree_of(&self, lead: &Lead, run: &Run) -> Option<(&CompiledOffer, Arc<Tree>)> {
        let (offer, tree) = self.tree(lead)?;
        if tree.contracts().eq(run.facts.iter().map(|facts| facts.contract)) {
            return Some((offer, tree));
        }
        let part: BTreeSet<ContractId> = run.facts.iter().map(|facts| facts.contract).collect();
        let tree = compile(&self.snapshot, offer.vertical().id, |contract| part.contains(&contract))?;
        Some((offer, tree))
    }
}

fn compile(
    snapshot: &Snapshot,
    vertical: VerticalId,
    takes_part: impl Fn(ContractId) -> bool,
) -> Option<Arc<Tree>> {
    let vertical = snapshot.vertical(vertical)?;
    let network = snapshot.network();
    let contracts = network.contract.iter().filter(|contract| takes_part(contract.id));
    let (settings, off) = (snapshot.settings(), snapshot.switched_off());
    let tree = Tree::compile(vertical, &vertical.rules, contracts, &network.buyer, settings, off);
    tree.map(Arc::new).ok()
}

/// Whether two versions have the same trees.
fn decides_alike(one: &Snapshot, other: &Snapshot) -> bool {
    let (a, b) = (one.network(), other.network());
    a.contract == b.contract
        && a.buyer == b.buyer
        && a.vertical == b.vertical
        && a.network == b.network
        && one.switched_off() == other.switched_off()
}

/// The versions that were met last.
pub(super) struct Versions<'n, S> {
    network: &'n LiveNetwork<S>,
    /// The one met last at the end.
    kept: Vec<(ConfigVersion, Option<Arc<Version>>)>,
}

impl<'n, S: Store> Versions<'n, S> {
    pub fn new(network: &'n LiveNetwork<S>) -> Self {
        Self { network, kept: Vec::new() }
    }

    /// A version; none where there is none of that number, or where it is faulty by what
    /// this program takes for sound.
    pub async fn of(&mut self, number: ConfigVersion) -> Result<Option<Arc<Version>>, NetworkError> {
        let place = self.kept.iter().position(|(kept, _)| *kept == number);
        let version = match place.map(|place| self.kept.remove(place)) {
            Some((_, version)) => version,
            None => {
                let snapshot = match self.network.version(number).await {
                    Ok(snapshot) => snapshot,
                    Err(NetworkError::Invalid(_)) => None,
                    Err(error) => return Err(error),
                };
                let like = self.kept.iter().rev().find_map(|(_, version)| version.as_deref());
                snapshot.map(|snapshot| Arc::new(Version::new(snapshot, like)))
            }
        };
        self.kept.push((number, version.clone()));
        if self.kept.len() > KEPT {
            self.kept.remove(0);
        }
        Ok(version)
    }
}
