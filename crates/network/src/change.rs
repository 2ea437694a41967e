//! How the network is changed: prepared beside the present version, then
//! committed as one version and shown.
//!
//! Preparing reads the store and compiles the network, which takes its time in a
//! large one, and nobody waits for it: only the commit needs the lock. Where
//! something changed the network meanwhile, on this node or another, the change is
//! prepared again on what is present then.

use crate::check::{check, ids_used_twice};
use crate::documents::{self, Difference, State, difference};
use crate::error::NetworkError;
use crate::live::{Applied, LiveNetwork, random_key};
use crate::merge::{Known, Laying, Merged, asked, merge, remember, remember_opening, turned_prepaid};
use crate::plan::{Plan, PlanLine, PlanSign, Secrets, plan};
use crate::snapshot::Snapshot;
use crate::switched_off;
use crumb_domain::network::{Buyer, BuyerCredit, Network, Vertical};
use crumb_domain::{BuyerId, ContractId, Money, Timestamp};
use crumb_storage::configuration::{ConfigurationChange, EntityKey, HistoryOf};
use crumb_storage::selling::PostFailures;
use crumb_storage::{ConfigurationStore, StoreError};
use rand::rngs::StdRng;
use std::collections::{HashMap, HashSet};
use tokio::sync::MutexGuard;

/// How often a change is prepared again because something was faster. Changes are
/// rare; this many in a row mean that something is wrong.
pub(crate) const MAX_ATTEMPTS: u32 = 16;

/// How often a change is prepared without the lock. One that was overtaken as often,
/// by first clicks that make campaigns, takes its turn among them and lets them
/// wait: else it might never be made.
const ATTEMPTS_BESIDE: u32 = 4;

/// What a change is to make of the network.
pub(crate) enum Wanted {
    /// What a file says.
    File {
        file: Network,
        prune: bool,
        /// Where post keys come from that the file leaves to the server.
        keys: Box<StdRng>,
    },
    /// What was in force in an earlier version.
    Earlier(State, crumb_domain::ConfigVersion),
    /// A contract switched on by a person or off by the server.
    Contract { id: ContractId, switch: Switch },
}

/// Which way a contract is switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    /// By a person.
    On,
    /// By the server, as its last posts went so.
    Off(PostFailures),
}

/// What a change leads to.
struct Prepared {
    after: State,
    plan: Plan,
    /// What was asked of the store about what goes, and is history.
    history: (Vec<HistoryOf>, HashSet<HistoryOf>),
    /// What buyers have to begin with.
    opening: Vec<(BuyerId, Money)>,
}

/// A prepared change with all that can be made ready before the commit.
struct Ready {
    snapshot: Snapshot,
    difference: Difference,
    prepared: Prepared,
    summary: String,
    /// How the posts of the contract went that the server switches off.
    failures: Option<PostFailures>,
}

impl<S: ConfigurationStore + Send + Sync> LiveNetwork<S> {
    /// Makes a change; where it changes nothing, no version.
    pub(crate) async fn change(&self, mut wanted: Wanted, now: Timestamp) -> Result<Applied, NetworkError> {
        self.refresh().await?;
        for attempt in 0..MAX_ATTEMPTS {
            let turn = if attempt < ATTEMPTS_BESIDE { None } else { Some(self.changes.lock().await) };
            let present = self.snapshot();
            let (prepared, summary) = self.prepare_wanted(&present, &mut wanted).await?;
            let difference = difference(&State::of(&present), &prepared.after)?;
            if difference.is_empty() {
                return Ok(Applied { version: present.version(), plan: prepared.plan });
            }
            // Compiled before it is committed: what is stored can be served.
            let snapshot = compiled(Some(&present), prepared.after.clone(), present.version())?;
            let failures = match &wanted {
                Wanted::Contract { switch: Switch::Off(failures), .. } => Some(*failures),
                _ => None,
            };
            let ready = Ready { snapshot, difference, prepared, summary, failures };
            let lock = match turn {
                Some(lock) => lock,
                None => self.changes.lock().await,
            };
            if let Some(applied) = self.commit(lock, &present, ready, now).await? {
                return Ok(applied);
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// What applying a file to the present network would change.
    pub(crate) async fn plan_file(
        &self,
        file: &Network,
        prune: bool,
        secrets: Secrets,
    ) -> Result<Plan, NetworkError> {
        self.refresh().await?;
        let laying = if prune { Laying::Prune } else { Laying::Over };
        Ok(self.prepare(&self.snapshot(), file.clone(), laying, secrets).await?.plan)
    }

    /// The present network with a file laid over it.
    pub(crate) async fn preview_file(&self, file: &Network, prune: bool) -> Result<Snapshot, NetworkError> {
        self.refresh().await?;
        let laying = if prune { Laying::Prune } else { Laying::Over };
        let present = self.snapshot();
        let prepared = self.prepare(&present, file.clone(), laying, Secrets::Masked).await?;
        compiled(Some(&present), prepared.after, present.version())
    }

    /// A change prepared on a version, and what the list of versions says of it.
    async fn prepare_wanted(
        &self,
        present: &Snapshot,
        wanted: &mut Wanted,
    ) -> Result<(Prepared, String), NetworkError> {
        match wanted {
            Wanted::File { file, prune, keys } => {
                let laying = if *prune { Laying::Prune } else { Laying::Over };
                let mut prepared = self.prepare(present, file.clone(), laying, Secrets::Masked).await?;
                for campaign in prepared.after.network.campaign.iter_mut().filter(|c| c.key.is_none()) {
                    campaign.key = Some(random_key(keys.as_mut()));
                }
                let summary = format!("apply: {}", prepared.plan.summary());
                Ok((prepared, summary))
            }
            Wanted::Earlier(earlier, version) => {
                let file = earlier.network.clone();
                let prepared = self.prepare(present, file, Laying::Restore, Secrets::Masked).await?;
                Ok((prepared, format!("revert to {version}")))
            }
            Wanted::Contract { id, switch } => switched(present, *id, *switch == Switch::On),
        }
    }

    /// Lays a file over a version of the network and checks the outcome.
    async fn prepare(
        &self,
        present: &Snapshot,
        file: Network,
        laying: Laying,
        secrets: Secrets,
    ) -> Result<Prepared, NetworkError> {
        let before = State::of(present);
        let mut errors = ids_used_twice(&file);
        let asked = asked(&before, &file, laying);
        let known = self.known(&before, &file, &asked).await?;
        let Merged { network, places, errors: faults, made_inactive } = merge(&before, file, laying, &known);
        errors.extend(faults);
        errors.extend(check(&network, &places, self.contract_check));
        if !errors.is_empty() {
            return Err(NetworkError::Invalid(errors));
        }
        let plan = plan(present.version(), &before.network, &network, &made_inactive, secrets);
        let contracts: HashSet<ContractId> = network.contract.iter().map(|contract| contract.id).collect();
        let switched_off = before.switched_off.intersection(&contracts).copied().collect();
        let opening = opening_balances(&before.network, &network, &known.openings);
        let after = State { network, switched_off };
        Ok(Prepared { after, plan, history: (asked, known.history), opening })
    }

    async fn known(
        &self,
        present: &State,
        file: &Network,
        asked: &[HistoryOf],
    ) -> Result<Known, NetworkError> {
        let mut known = Known { history: self.history_among(asked).await?, ..Known::default() };
        for vertical in &file.vertical {
            if vertical.field.iter().all(|field| field.id.is_some()) {
                continue;
            }
            let mut ids = HashMap::new();
            let key = EntityKey(format!("vertical:{}", vertical.id));
            for document in self.store.entity_history(key).await? {
                let earlier: Option<Vertical> = serde_json::from_str(&document).ok();
                remember(&mut ids, earlier.as_ref());
            }
            known.field_ids.insert(vertical.id, ids);
        }
        for id in turned_prepaid(present, file) {
            let key = EntityKey(format!("buyer:{id}"));
            for document in self.store.entity_history(key).await? {
                let earlier: Option<Buyer> = serde_json::from_str(&document).ok();
                remember_opening(&mut known.openings, earlier.as_ref());
            }
        }
        Ok(known)
    }

    async fn history_among(&self, asked: &[HistoryOf]) -> Result<HashSet<HistoryOf>, StoreError> {
        if asked.is_empty() {
            return Ok(HashSet::new());
        }
        let answers = self.store.have_history(asked.to_vec()).await?;
        Ok(asked.iter().zip(answers).filter_map(|(of, has)| has.then_some(*of)).collect())
    }

    /// Commits and shows a change. `None` where it has to be prepared again, because
    /// another version is present, or what was to be deleted has history now.
    ///
    /// A click or post that was decided before the change is shown may still be
    /// stored after it, and so refer to what was just deleted. It is told of by the
    /// version that its row names, which is never deleted, and it is treated as one
    /// that came a moment later: posts to its session meet an offer, affiliate or
    /// campaign that there is not. Should a file name the same id again, that is the
    /// same partner or offer to it, and has history from then on.
    async fn commit(
        &self,
        lock: MutexGuard<'_, ()>,
        present: &Snapshot,
        ready: Ready,
        now: Timestamp,
    ) -> Result<Option<Applied>, NetworkError> {
        if self.snapshot().version() != present.version() {
            return Ok(None);
        }
        let Ready { snapshot, difference, prepared, summary, failures } = ready;
        let (asked, history) = &prepared.history;
        // A few look-ups by key, and only where something goes.
        if self.history_among(asked).await? != *history {
            return Ok(None);
        }
        let (put, delete) = (difference.put, difference.delete);
        let (off, forgiven) = switched_off::between(present, &snapshot, failures);
        let told = self.switched_off_told.as_ref().map(|told| told(&snapshot, &off, now)).unwrap_or_default();
        let change = ConfigurationChange {
            base: present.version(),
            at: now,
            summary,
            put,
            delete,
            opening: prepared.opening,
            forgiven,
            deliveries: told.deliveries,
            alerts: told.alerts,
        };
        match self.store.commit_configuration(change).await {
            Ok(version) => {
                self.show(snapshot.with_version(version));
                Ok(Some(Applied { version, plan: prepared.plan }))
            }
            Err(StoreError::Conflict) => {
                drop(lock);
                self.refresh().await?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl State {
    fn of(snapshot: &Snapshot) -> Self {
        Self { network: snapshot.network().clone(), switched_off: snapshot.switched_off().clone() }
    }
}

/// The present network with a contract switched on or off.
fn switched(present: &Snapshot, contract: ContractId, on: bool) -> Result<(Prepared, String), NetworkError> {
    let before = State::of(present);
    let after = documents::switched(&before, contract, on).ok_or(NetworkError::NoContract(contract))?;
    let text = format!("contract {contract}: switched {}", if on { "on" } else { "off by the server" });
    let mut plan = Plan { base: present.version(), lines: Vec::new() };
    if !difference(&before, &after)?.is_empty() {
        plan.lines.push(PlanLine { sign: PlanSign::Changed, text: text.clone() });
    }
    Ok((Prepared { after, plan, history: (Vec::new(), HashSet::new()), opening: Vec::new() }, text))
}

/// A version of the network as clicks and posts read it.
pub(crate) fn compiled(
    before: Option<&Snapshot>,
    state: State,
    version: crumb_domain::ConfigVersion,
) -> Result<Snapshot, NetworkError> {
    let State { network, switched_off } = state;
    Snapshot::compile_after(before, network, version)
        .map(|snapshot| snapshot.with_switched_off(switched_off))
        .map_err(NetworkError::Invalid)
}

/// What the buyers that become prepaid for the first time have to begin with. It is added to
/// what they had spent until then.
fn opening_balances(
    before: &Network,
    after: &Network,
    earlier: &HashMap<BuyerId, Money>,
) -> Vec<(BuyerId, Money)> {
    let is_prepaid = |buyer: &&Buyer| matches!(buyer.credit, BuyerCredit::Prepaid { .. });
    let known: HashSet<BuyerId> = before.buyer.iter().filter(is_prepaid).map(|buyer| buyer.id).collect();
    let opened =
        after.buyer.iter().filter(|buyer| !known.contains(&buyer.id) && !earlier.contains_key(&buyer.id));
    opened
        .filter_map(|buyer| match buyer.credit {
            BuyerCredit::Unlimited => None,
            BuyerCredit::Prepaid { balance, .. } => Some((buyer.id, balance)),
        })
        .collect()
}
