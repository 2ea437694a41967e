//! The running network: the present snapshot, and the changes that replace it.
//!
//! Readers take the snapshot without waiting. Changes are committed one at a time
//! under a lock, each as one version of the store, and only then shown. Where
//! another node was faster the store says so, and the change is made again on what
//! that node made.

use crate::change::{MAX_ATTEMPTS, Switch, Wanted, compiled};
use crate::check::ContractCheck;
use crate::documents::{self, State};
use crate::error::NetworkError;
use crate::plan::{Plan, Secrets};
use crate::snapshot::{FIRST_SERVER_CAMPAIGN, Snapshot};
use crate::switched_off::SwitchedOffTold;
use arc_swap::ArcSwap;
use crumb_domain::id::MAX_ENTITY_ID;
use crumb_domain::network::{ActiveStatus, Campaign, Network, Secret};
use crumb_domain::{
    AffiliateId, CampaignId, ConfigVersion, ContractId, Money, OfferContractId, OfferId, Timestamp,
};
use crumb_storage::configuration::{ConfigurationChange, VersionInfo};
use crumb_storage::selling::PostFailures;
use crumb_storage::{ConfigurationStore, Page, PageRequest, StoreError};
use rand::rngs::StdRng;
use rand::{Rng, RngExt as _, SeedableRng as _};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Characters of a random post key: 62^11 is more than 2^65.
const KEY_CHARACTERS: usize = 11;

/// The network of a running server.
pub struct LiveNetwork<S> {
    pub(crate) store: S,
    present: ArcSwap<Snapshot>,
    pub(crate) contract_check: Option<ContractCheck>,
    pub(crate) switched_off_told: Option<SwitchedOffTold>,
    /// Held from the last look at the present version until the next is shown.
    pub(crate) changes: Mutex<()>,
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
        let (present, changes) = (ArcSwap::from_pointee(snapshot), Mutex::new(()));
        Ok(Self { store, present, contract_check: None, switched_off_told: None, changes })
    }

    /// With what says who is told of contracts that a change takes out of service. What it
    /// says is written with the change.
    #[must_use]
    pub fn telling_of_switched_off(self, told: SwitchedOffTold) -> Self {
        Self { switched_off_told: Some(told), ..self }
    }

    /// With what those who talk to buyers ask of a contract. Whatever changes the network
    /// from then on by a file or an earlier version meets it; what is in force stays.
    #[must_use]
    pub fn checking_contracts(self, check: ContractCheck) -> Self {
        Self { contract_check: Some(check), ..self }
    }

    /// The present network.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.present.load_full()
    }

    /// Takes up a newer version that another node or command wrote. Says whether there was one.
    ///
    /// # Errors
    /// The store's; the present snapshot then stays.
    pub async fn refresh(&self) -> Result<bool, NetworkError> {
        let present = self.snapshot();
        if self.store.present_version().await? == present.version() {
            return Ok(false);
        }
        let Some(stored) = self.store.configuration(None).await? else { return Ok(false) };
        self.show(compiled(Some(&present), documents::read(&stored)?, stored.version)?);
        Ok(true)
    }

    /// Makes a snapshot the present one, unless a newer one is: whoever reads the
    /// store for itself may be overtaken.
    pub(crate) fn show(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        self.present.rcu(|present| {
            let newer = if snapshot.version() > present.version() { &snapshot } else { present };
            Arc::clone(newer)
        });
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
        for _ in 0..MAX_ATTEMPTS {
            let lock = self.changes.lock().await;
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
                forgiven: Vec::new(),
                deliveries: Vec::new(),
                alerts: Vec::new(),
            };
            match self.store.commit_configuration(change).await {
                Ok(version) => {
                    self.show(present.with_campaign(campaign, version));
                    return Ok(id);
                }
                Err(StoreError::Conflict) => {
                    drop(lock);
                    self.refresh().await?;
                }
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
        self.plan_file(file, prune, secrets).await
    }

    /// The network as applying a file would make it, of which nothing is kept: for those
    /// who ask what would happen. It goes by the present version's number, and campaigns
    /// whose keys the server would make have none.
    ///
    /// # Errors
    /// As [`LiveNetwork::plan`].
    pub async fn preview(&self, file: &Network, prune: bool) -> Result<Snapshot, NetworkError> {
        self.preview_file(file, prune).await
    }

    /// An earlier version of the network, as it was read while it was in force; `None` where
    /// there is no such version.
    ///
    /// # Errors
    /// The store's; [`NetworkError::Invalid`] where it cannot be compiled any more.
    pub async fn version(&self, version: ConfigVersion) -> Result<Option<Snapshot>, NetworkError> {
        let Some(stored) = self.store.configuration(Some(version)).await? else { return Ok(None) };
        compiled(Some(&self.snapshot()), documents::read(&stored)?, version).map(Some)
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
        let keys = Box::new(StdRng::from_rng(rng));
        self.change(Wanted::File { file, prune, keys }, now)
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
        // The store reads 0 as what there was before the first version: nothing, which no
        // list of versions names and nobody means to go back to.
        if to.0 < 1 {
            return Err(NetworkError::NoVersion(to));
        }
        let stored = self.store.configuration(Some(to)).await?.ok_or(NetworkError::NoVersion(to))?;
        self.change(Wanted::Earlier(documents::read(&stored)?, to), now).await
    }

    /// Switches a buyer's contract on, as a person does. How its posts went before is
    /// forgotten.
    ///
    /// # Errors
    /// [`NetworkError::NoContract`]; the store's.
    pub async fn switch_on(&self, contract: ContractId, now: Timestamp) -> Result<Applied, NetworkError> {
        self.change(Wanted::Contract { id: contract, switch: Switch::On }, now).await
    }

    /// Switches a buyer's contract off, as the server does after too many failed posts. It
    /// stays so whatever is applied, until it is switched on.
    ///
    /// # Errors
    /// [`NetworkError::NoContract`]; the store's.
    pub async fn switch_off(
        &self,
        contract: ContractId,
        failures: PostFailures,
        now: Timestamp,
    ) -> Result<Applied, NetworkError> {
        self.change(Wanted::Contract { id: contract, switch: Switch::Off(failures) }, now).await
    }
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
    let highest = present.server_made().map(|campaign| campaign.id.0).max().unwrap_or(0);
    // A file may mark any id as the server's, the last one too: then it begins anew.
    let behind = CampaignId(highest.max(FIRST_SERVER_CAMPAIGN.0 - 1) + 1);
    let mut id = if behind.0 <= MAX_ENTITY_ID { behind } else { FIRST_SERVER_CAMPAIGN };
    while present.campaign(id).is_some() {
        id.0 += 1;
    }
    if id.0 > MAX_ENTITY_ID {
        return Err(NetworkError::NoCampaign("free id".to_owned()));
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
        made_by_server: true,
    })
}

/// A post key that nobody can guess.
pub(crate) fn random_key<R: Rng + ?Sized>(rng: &mut R) -> Secret {
    let characters = rng.sample_iter(rand::distr::Alphanumeric).take(KEY_CHARACTERS).map(char::from);
    Secret::new(characters.collect::<String>())
}
