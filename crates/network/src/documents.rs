//! The network as the store has it: a document for each entity, and what the
//! server itself decided besides.

use crate::entity::{Entity, SETTINGS_KEY};
use crumb_domain::network::{ActiveStatus, Campaign, Network};
use crumb_domain::{ConfigVersion, ContractId};
use crumb_storage::StoreError;
use crumb_storage::configuration::{Entity as Document, EntityKey, StoredConfiguration};
use serde::de::DeserializeOwned;
use std::collections::{HashMap, HashSet};

/// First part of the key of the note that the server switched a contract off. It
/// stands beside the contract, so that applying a file does not switch it on.
const SWITCHED_OFF: &str = "switched_off";

/// A version of the network.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub network: Network,
    pub switched_off: HashSet<ContractId>,
}

/// Reads a stored version.
pub(crate) fn read(stored: &StoredConfiguration) -> Result<State, StoreError> {
    let mut state = State::default();
    for entity in &stored.entities {
        let kind = entity.key.0.split(':').next().unwrap_or_default();
        let network = &mut state.network;
        match kind {
            SETTINGS_KEY => network.network = Some(document(entity, stored.version)?),
            "blacklist" => network.blacklist.push(document(entity, stored.version)?),
            "vertical" => network.vertical.push(document(entity, stored.version)?),
            "advertiser" => network.advertiser.push(document(entity, stored.version)?),
            "offer" => network.offer.push(document(entity, stored.version)?),
            "affiliate" => network.affiliate.push(document(entity, stored.version)?),
            "campaign" => network.campaign.push(document(entity, stored.version)?),
            "buyer" => network.buyer.push(document(entity, stored.version)?),
            "contract" => network.contract.push(document(entity, stored.version)?),
            "webhook" => network.webhook.push(document(entity, stored.version)?),
            SWITCHED_OFF => {
                state.switched_off.insert(document(entity, stored.version)?);
            }
            _ => return Err(corrupt(entity, stored.version, "of no known kind")),
        }
    }
    sort(&mut state.network);
    Ok(state)
}

fn document<T: DeserializeOwned>(entity: &Document, version: ConfigVersion) -> Result<T, StoreError> {
    serde_json::from_str(&entity.document).map_err(|error| corrupt(entity, version, &error.to_string()))
}

fn corrupt(entity: &Document, version: ConfigVersion, why: &str) -> StoreError {
    StoreError::Corrupt(format!("{} of configuration version {version}: {why}", entity.key.0))
}

/// By id, as files and lists show them.
pub(crate) fn sort(network: &mut Network) {
    by_order(&mut network.blacklist);
    by_order(&mut network.vertical);
    by_order(&mut network.advertiser);
    by_order(&mut network.offer);
    by_order(&mut network.affiliate);
    by_order(&mut network.campaign);
    by_order(&mut network.buyer);
    by_order(&mut network.contract);
    by_order(&mut network.webhook);
}

fn by_order<T: Entity>(entities: &mut [T]) {
    entities.sort_by_cached_key(Entity::order);
}

/// What a version writes and ends.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    pub put: Vec<Document>,
    pub delete: Vec<EntityKey>,
}

/// What leads from one state to another.
pub(crate) fn difference(before: &State, after: &State) -> Result<Difference, StoreError> {
    let mut difference = Difference::default();
    let (b, a) = (&before.network, &after.network);
    difference.of(b.network.as_slice(), a.network.as_slice())?;
    difference.of(&b.blacklist, &a.blacklist)?;
    difference.of(&b.vertical, &a.vertical)?;
    difference.of(&b.advertiser, &a.advertiser)?;
    difference.of(&b.offer, &a.offer)?;
    difference.of(&b.affiliate, &a.affiliate)?;
    difference.of(&b.campaign, &a.campaign)?;
    difference.of(&b.buyer, &a.buyer)?;
    difference.of(&b.contract, &a.contract)?;
    difference.of(&b.webhook, &a.webhook)?;
    for contract in after.switched_off.difference(&before.switched_off) {
        difference.put.push(put(switched_off_key(*contract), contract)?);
    }
    difference
        .delete
        .extend(before.switched_off.difference(&after.switched_off).map(|c| switched_off_key(*c)));
    Ok(difference)
}

impl Difference {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.delete.is_empty()
    }

    fn of<T: Entity>(&mut self, before: &[T], after: &[T]) -> Result<(), StoreError> {
        let mut present: HashMap<EntityKey, &T> =
            before.iter().map(|entity| (entity.key(), entity)).collect();
        for entity in after {
            let key = entity.key();
            if present.remove(&key) != Some(entity) {
                self.put.push(put(key, entity)?);
            }
        }
        let mut gone: Vec<EntityKey> = present.into_keys().collect();
        gone.sort();
        self.delete.append(&mut gone);
        Ok(())
    }
}

fn put<T: serde::Serialize>(key: EntityKey, entity: &T) -> Result<Document, StoreError> {
    let document = serde_json::to_string(entity)
        .map_err(|error| StoreError::Corrupt(format!("{} cannot be written: {error}", key.0)))?;
    Ok(Document { key, document })
}

/// The document of a campaign that the server makes.
pub(crate) fn server_campaign(campaign: &Campaign) -> Result<Document, StoreError> {
    put(campaign.key(), campaign)
}

fn switched_off_key(contract: ContractId) -> EntityKey {
    EntityKey(format!("{SWITCHED_OFF}:{contract}"))
}

/// The state with a contract switched on by a person, or off by the server;
/// `None` where the network has no such contract.
pub(crate) fn switched(state: &State, contract: ContractId, on: bool) -> Option<State> {
    let mut after = state.clone();
    let written = after.network.contract.iter_mut().find(|written| written.id == contract)?;
    if on {
        written.status = ActiveStatus::Active;
        after.switched_off.remove(&contract);
    } else {
        after.switched_off.insert(contract);
    }
    Some(after)
}
