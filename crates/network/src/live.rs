//! The running network: the present snapshot, and the changes that replace it.
//!
//! Readers take the snapshot without waiting. Changes go one at a time through a
//! lock; each is planned on the present version, committed as one version by the
//! store, and only then shown. Where another node was faster the store says so,
//! and the change is planned again on what that node made.

use crate::check::{check, ids_used_twice};
use crate::documents::{self, State, difference};
use crate::error::NetworkError;
use crate::merge::{Known, Merged, asked, merge, remember};
use crate::plan::{Plan, PlanLine, PlanSign, Secrets, plan};
use crate::snapshot::{FIRST_SERVER_CAMPAIGN, Snapshot};
use arc_swap::ArcSwap;
use crumb_domain::network::{ActiveStatus, BuyerCredit, Campaign, Network, Secret, Vertical};
use crumb_domain::{
    AffiliateId, BuyerId, CampaignId, ConfigVersion, ContractId, Money, OfferContractId, OfferId, Timestamp,
};
use crumb_storage::configuration::{ConfigurationChange, EntityKey, VersionInfo};
use crumb_storage::{ConfigurationStore, Page, PageRequest, StoreError};
use rand::rngs::StdRng;
use rand::{Rng, RngExt as _, SeedableRng as _};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};

/// How often a change is planned again because another node was faster. Changes
/// are rare; this many in a row mean that something is wrong.
const MAX_ATTEMPTS: u32 = 16;

/// Characters of a random post key: 62^11 is more than 2^65.
const KEY_CHARACTERS: usize = 11;

/// The network of a running server.
#[derive(Debug)]
pub struct LiveNetwork<S> {
    store: S,
    present: ArcSwap<Snapshot>,
    changes: Mutex<()>,
}

/// Why the server makes a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// A public offer was clicked through an affiliate without a campaign ("run at once").
    RunAtOnce,
    /// A diverted click arrived at its redirect offer.
    Redirected,
    /// The internal affiliate needs one: payout 0.00.
    Internal,
}

/// A change that was made, or that was not needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The version that is in force now.
    pub version: ConfigVersion,
    /// What changed; empty where there was nothing to change and no new version was made.
    pub plan: Plan,
}

/// What a change leads to.
struct Prepared {
    after: State,
    plan: Plan,
}

impl<S: ConfigurationStore + Send + Sync> LiveNetwork<S> {
    /// Takes up the store's present version.
    ///
    /// # Errors
    /// The store's; [`NetworkError::Invalid`] where the stored network cannot be compiled.
    pub async fn load(store: S) -> Result<Self, NetworkError> {
        let snapshot = match store.configuration(None).await? {
            Some(stored) => compiled(None, documents::read(&stored)?, stored.version)?,
            None => compiled(None, State::default(), ConfigVersion(0))?,
        };
        Ok(Self { store, present: ArcSwap::from_pointee(snapshot), changes: Mutex::new(()) })
    }

    /// The present network.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.present.load_full()
    }

    /// The present network, without counting a reference: for the path of a click,
    /// and not to be held across an await.
    pub fn guard(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.present.load()
    }

    /// Takes up a newer version that another node or command wrote. Says whether there was one.
    ///
    /// # Errors
    /// The store's; the present snapshot then stays.
    pub async fn refresh(&self) -> Result<bool, NetworkError> {
        let lock = self.changes.lock().await;
        self.take_up(&lock).await
    }

    async fn take_up(&self, _lock: &MutexGuard<'_, ()>) -> Result<bool, NetworkError> {
        let present = self.snapshot();
        if self.store.present_version().await? == present.version() {
            return Ok(false);
        }
        let Some(stored) = self.store.configuration(None).await? else { return Ok(false) };
        let snapshot = compiled(Some(&present), documents::read(&stored)?, stored.version)?;
        self.present.store(Arc::new(snapshot));
        Ok(true)
    }

    /// The affiliate's campaign on the offer, made where there is none. Of many
    /// calls at once exactly one makes it.
    ///
    /// The random key is drawn before the future is polled, so that the generator
    /// need not be sendable.
    ///
    /// # Errors
    /// [`NetworkError::NoCampaign`] where the affiliate or offer is gone; the store's.
    pub fn ensure_campaign<R: Rng + ?Sized>(
        &self,
        affiliate: AffiliateId,
        offer: OfferId,
        contract: Option<OfferContractId>,
        why: Made,
        now: Timestamp,
        rng: &mut R,
    ) -> impl Future<Output = Result<CampaignId, NetworkError>> + use<'_, S, R> {
        let key = random_key(rng);
        self.ensure_with_key(affiliate, offer, contract, why, now, key)
    }

    async fn ensure_with_key(
        &self,
        affiliate: AffiliateId,
        offer: OfferId,
        contract: Option<OfferContractId>,
        why: Made,
        now: Timestamp,
        key: Secret,
    ) -> Result<CampaignId, NetworkError> {
        let lock = self.changes.lock().await;
        for _ in 0..MAX_ATTEMPTS {
            let present = self.snapshot();
            if let Some(campaign) = present.choose_campaign(affiliate, offer, None, contract) {
                return Ok(campaign.id);
            }
            let campaign = server_campaign(&present, affiliate, offer, contract, why, key.clone())?;
            let id = campaign.id;
            let change = ConfigurationChange {
                base: present.version(),
                at: now,
                summary: format!("campaign {id} made for affiliate {affiliate} on offer {offer}"),
                put: vec![documents::server_campaign(&campaign)?],
                delete: Vec::new(),
                opening: Vec::new(),
            };
            match self.store.commit_configuration(change).await {
                Ok(version) => {
                    self.present.store(Arc::new(present.with_campaign(campaign, version)));
                    return Ok(id);
                }
                Err(StoreError::Conflict) => drop(self.take_up(&lock).await?),
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// What applying a file would change.
    ///
    /// # Errors
    /// [`NetworkError::Invalid`] with all faults of the file; the store's.
    pub async fn plan(&self, file: &Network, prune: bool, secrets: Secrets) -> Result<Plan, NetworkError> {
        let lock = self.changes.lock().await;
        self.take_up(&lock).await?;
        Ok(self.prepare(&self.snapshot(), file.clone(), prune, secrets).await?.plan)
    }

    /// Makes the network what the file says, in one transaction. Where that
    /// changes nothing no version is made, and the plan is empty.
    ///
    /// # Errors
    /// [`NetworkError::Invalid`] with all faults of the file; the store's.
    pub fn apply<R: Rng + ?Sized>(
        &self,
        file: Network,
        prune: bool,
        now: Timestamp,
        rng: &mut R,
    ) -> impl Future<Output = Result<Applied, NetworkError>> + use<'_, S, R> {
        let keys = StdRng::from_rng(rng);
        self.apply_with(file, prune, now, keys)
    }

    async fn apply_with(
        &self,
        file: Network,
        prune: bool,
        now: Timestamp,
        mut keys: StdRng,
    ) -> Result<Applied, NetworkError> {
        let lock = self.changes.lock().await;
        self.take_up(&lock).await?;
        for _ in 0..MAX_ATTEMPTS {
            let present = self.snapshot();
            let mut prepared = self.prepare(&present, file.clone(), prune, Secrets::Masked).await?;
            for campaign in prepared.after.network.campaign.iter_mut().filter(|c| c.key.is_none()) {
                campaign.key = Some(random_key(&mut keys));
            }
            let summary = format!("apply: {}", prepared.plan.summary());
            if let Some(applied) = self.commit(&lock, &present, prepared, now, summary).await? {
                return Ok(applied);
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// The whole network, for a file. Secrets are masked unless asked for.
    pub async fn export(&self, secrets: bool) -> Network {
        let mut network = self.snapshot().network().clone();
        if !secrets {
            crate::secrets::mask(&mut network);
        }
        network
    }

    /// The versions, newest first unless the page says otherwise.
    ///
    /// # Errors
    /// The store's.
    pub async fn versions(&self, page: PageRequest) -> Result<Page<VersionInfo>, NetworkError> {
        Ok(self.store.versions(page).await?)
    }

    /// Makes a new version equal to an earlier one, but for what the server made
    /// and what has history since.
    ///
    /// # Errors
    /// [`NetworkError::NoVersion`]; [`NetworkError::Invalid`] where the earlier version
    /// does not fit what has to be kept; the store's.
    pub async fn revert(&self, to: ConfigVersion, now: Timestamp) -> Result<Applied, NetworkError> {
        let lock = self.changes.lock().await;
        self.take_up(&lock).await?;
        let stored = self.store.configuration(Some(to)).await?.ok_or(NetworkError::NoVersion(to))?;
        let earlier = documents::read(&stored)?;
        for _ in 0..MAX_ATTEMPTS {
            let present = self.snapshot();
            let mut prepared = self.prepare(&present, earlier.network.clone(), true, Secrets::Masked).await?;
            prepared.after.server_made.extend(&earlier.server_made);
            let summary = format!("revert to {to}");
            if let Some(applied) = self.commit(&lock, &present, prepared, now, summary).await? {
                return Ok(applied);
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Switches a buyer's contract on, as a person does, or off, as the server does
    /// after too many failed posts. Off, it stays so whatever is applied, until it
    /// is switched on.
    ///
    /// # Errors
    /// [`NetworkError::NoContract`]; the store's.
    pub async fn set_contract_status(
        &self,
        contract: ContractId,
        status: ActiveStatus,
        now: Timestamp,
    ) -> Result<Applied, NetworkError> {
        let on = status == ActiveStatus::Active;
        let lock = self.changes.lock().await;
        self.take_up(&lock).await?;
        for _ in 0..MAX_ATTEMPTS {
            let present = self.snapshot();
            let before = state_of(&present);
            let after =
                documents::switched(&before, contract, on).ok_or(NetworkError::NoContract(contract))?;
            let text =
                format!("contract {contract}: switched {}", if on { "on" } else { "off by the server" });
            let mut plan = Plan { base: present.version(), lines: Vec::new() };
            if !difference(&before, &after)?.is_empty() {
                plan.lines.push(PlanLine { sign: PlanSign::Changed, text: text.clone() });
            }
            let prepared = Prepared { after, plan };
            if let Some(applied) = self.commit(&lock, &present, prepared, now, text).await? {
                return Ok(applied);
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Lays a file over the present network and checks the outcome.
    async fn prepare(
        &self,
        present: &Snapshot,
        file: Network,
        prune: bool,
        secrets: Secrets,
    ) -> Result<Prepared, NetworkError> {
        let before = state_of(present);
        let mut errors = ids_used_twice(&file);
        let known = self.known(&before, &file, prune).await?;
        let Merged { network, places, errors: faults, made_inactive } = merge(&before, file, prune, &known);
        errors.extend(faults);
        errors.extend(check(&network, &places, &before.server_made));
        if !errors.is_empty() {
            return Err(NetworkError::Invalid(errors));
        }
        let plan = plan(present.version(), &before.network, &network, &made_inactive, secrets);
        let campaigns: HashSet<CampaignId> = network.campaign.iter().map(|campaign| campaign.id).collect();
        let contracts: HashSet<ContractId> = network.contract.iter().map(|contract| contract.id).collect();
        let server_made = before.server_made.intersection(&campaigns).copied().collect();
        let switched_off = before.switched_off.intersection(&contracts).copied().collect();
        Ok(Prepared { after: State { network, server_made, switched_off }, plan })
    }

    async fn known(&self, present: &State, file: &Network, prune: bool) -> Result<Known, NetworkError> {
        let mut known = Known::default();
        let asked = asked(present, file, prune);
        if !asked.is_empty() {
            let answers = self.store.have_history(asked.clone()).await?;
            known.history =
                asked.into_iter().zip(answers).filter_map(|(of, has)| has.then_some(of)).collect();
        }
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
        Ok(known)
    }

    /// Commits and shows a prepared change. `None` where another node was faster:
    /// its version is present then, and the change is to be prepared again.
    async fn commit(
        &self,
        lock: &MutexGuard<'_, ()>,
        present: &Snapshot,
        prepared: Prepared,
        now: Timestamp,
        summary: String,
    ) -> Result<Option<Applied>, NetworkError> {
        let Prepared { after, plan } = prepared;
        let difference = difference(&state_of(present), &after)?;
        if difference.is_empty() {
            return Ok(Some(Applied { version: present.version(), plan }));
        }
        let opening = opening_balances(present.network(), &after.network);
        // Compiled before it is committed: what is stored can be served.
        let snapshot = compiled(Some(present), after, present.version())?;
        let (put, delete) = (difference.put, difference.delete);
        let base = present.version();
        let change = ConfigurationChange { base, at: now, summary, put, delete, opening };
        match self.store.commit_configuration(change).await {
            Ok(version) => {
                self.present.store(Arc::new(snapshot.with_version(version)));
                Ok(Some(Applied { version, plan }))
            }
            Err(StoreError::Conflict) => {
                self.take_up(lock).await?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What the buyers that are made have to begin with. One on unlimited credit begins
/// with nothing, so that a later file does not open its account anew.
fn opening_balances(before: &Network, after: &Network) -> Vec<(BuyerId, Money)> {
    let known: HashSet<BuyerId> = before.buyer.iter().map(|buyer| buyer.id).collect();
    let made = after.buyer.iter().filter(|buyer| !known.contains(&buyer.id));
    made.map(|buyer| match buyer.credit {
        BuyerCredit::Unlimited => (buyer.id, Money::ZERO),
        BuyerCredit::Prepaid { balance, .. } => (buyer.id, balance),
    })
    .collect()
}

fn state_of(snapshot: &Snapshot) -> State {
    State {
        network: snapshot.network().clone(),
        server_made: snapshot.server_made().clone(),
        switched_off: snapshot.switched_off().clone(),
    }
}

fn compiled(
    before: Option<&Snapshot>,
    state: State,
    version: ConfigVersion,
) -> Result<Snapshot, NetworkError> {
    let State { network, server_made, switched_off } = state;
    Snapshot::compile_after(before, network, version, server_made)
        .map(|snapshot| snapshot.with_switched_off(switched_off))
        .map_err(NetworkError::Invalid)
}

/// The campaign that the server makes.
fn server_campaign(
    present: &Snapshot,
    affiliate: AffiliateId,
    offer: OfferId,
    contract: Option<OfferContractId>,
    why: Made,
    key: Secret,
) -> Result<Campaign, NetworkError> {
    if present.affiliate(affiliate).is_none() {
        return Err(NetworkError::NoCampaign(format!("affiliate {affiliate}")));
    }
    let Some(compiled) = present.offer(offer) else {
        return Err(NetworkError::NoCampaign(format!("offer {offer}")));
    };
    let highest = present.server_made().iter().map(|id| id.0).max().unwrap_or(0);
    let mut id = CampaignId((highest + 1).max(FIRST_SERVER_CAMPAIGN.0));
    while present.campaign(id).is_some() {
        id.0 += 1;
    }
    let is_internal = why == Made::Internal || present.settings().internal_affiliate == Some(affiliate);
    Ok(Campaign {
        id,
        affiliate,
        offer,
        key: Some(key),
        status: ActiveStatus::Active,
        payout: is_internal.then_some(Money::ZERO),
        offer_contract: contract.filter(|id| compiled.contract(*id).is_some()),
        price_format: None,
        expires_at: None,
        postback_url: None,
        pixel_html: None,
        pay_late_sales: false,
        caps: Vec::new(),
        redirect_offer: None,
        redirect_404: false,
    })
}

fn random_key<R: Rng + ?Sized>(rng: &mut R) -> Secret {
    let characters = rng.sample_iter(rand::distr::Alphanumeric).take(KEY_CHARACTERS).map(char::from);
    Secret::new(characters.collect::<String>())
}
