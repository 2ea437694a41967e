//! What all tables of the file have in common: a kind, and a name within it.

use crumb_domain::network::{
    Advertiser, Affiliate, Blacklist, Buyer, Campaign, Contract, Network, Offer, Settings, Vertical, Webhook,
};
use crumb_storage::configuration::EntityKey;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// The key under which the store has `[network]`.
pub(crate) const SETTINGS_KEY: &str = "network";

/// A table of the file.
pub(crate) trait Entity: Clone + PartialEq + Serialize + DeserializeOwned {
    /// Its key in the file, and the first part of its key in the store.
    const KIND: &'static str;

    /// What tells it from others of its kind.
    fn name(&self) -> String;

    /// The order in which entities of a kind are kept and shown.
    fn order(&self) -> (i64, String);

    /// `campaign:57`.
    fn key(&self) -> EntityKey {
        EntityKey(format!("{}:{}", Self::KIND, self.name()))
    }

    /// For people: `campaign 57`.
    fn label(&self) -> String {
        format!("{} {}", Self::KIND, self.name())
    }
}

macro_rules! numbered {
    ($($type:ident $kind:literal;)*) => {$(
        impl Entity for $type {
            const KIND: &'static str = $kind;

            fn name(&self) -> String {
                self.id.to_string()
            }

            fn order(&self) -> (i64, String) {
                (self.id.0, String::new())
            }
        }
    )*};
}

numbered! {
    Vertical "vertical";
    Advertiser "advertiser";
    Offer "offer";
    Affiliate "affiliate";
    Campaign "campaign";
    Buyer "buyer";
    Contract "contract";
    Webhook "webhook";
}

impl Entity for Settings {
    const KIND: &'static str = SETTINGS_KEY;

    fn name(&self) -> String {
        String::new()
    }

    fn order(&self) -> (i64, String) {
        (0, String::new())
    }

    fn key(&self) -> EntityKey {
        EntityKey(SETTINGS_KEY.to_owned())
    }

    fn label(&self) -> String {
        SETTINGS_KEY.to_owned()
    }
}

impl Entity for Blacklist {
    const KIND: &'static str = "blacklist";

    /// Whose and where; the sub id last, because it may hold anything.
    fn name(&self) -> String {
        let number = |id: Option<i64>| id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let (offer, advertiser) = (number(self.offer.map(|id| id.0)), number(self.advertiser.map(|id| id.0)));
        let sub_id = self.sub_id.as_deref().map_or_else(|| "-".to_owned(), |sub_id| format!("={sub_id}"));
        format!("{}:{offer}:{advertiser}:{sub_id}", self.affiliate)
    }

    fn order(&self) -> (i64, String) {
        (self.affiliate.0, self.name())
    }

    fn label(&self) -> String {
        let mut label = format!("blacklist of affiliate {}", self.affiliate);
        if let Some(sub_id) = &self.sub_id {
            label += &format!(" sub id {sub_id}");
        }
        if let Some(offer) = self.offer {
            label += &format!(" on offer {offer}");
        }
        if let Some(advertiser) = self.advertiser {
            label += &format!(" on advertiser {advertiser}");
        }
        label
    }
}

/// Where the entities of a network stand for the reader of a fault: in the file
/// (`campaign[2]`), or, where the file does not mention them, by their id (`campaign 57`).
#[derive(Debug, Default)]
pub(crate) struct Places(HashMap<EntityKey, usize>);

impl Places {
    /// Of the entities of a file.
    pub fn of(file: &Network) -> Self {
        let mut places = HashMap::new();
        add(&mut places, &file.blacklist);
        add(&mut places, &file.vertical);
        add(&mut places, &file.advertiser);
        add(&mut places, &file.offer);
        add(&mut places, &file.affiliate);
        add(&mut places, &file.campaign);
        add(&mut places, &file.buyer);
        add(&mut places, &file.contract);
        add(&mut places, &file.webhook);
        Self(places)
    }

    /// Of an entity.
    pub fn at<T: Entity>(&self, entity: &T) -> String {
        match self.0.get(&entity.key()) {
            Some(index) => format!("{}[{index}]", T::KIND),
            None => entity.label(),
        }
    }

    /// Entities that the file does not mention, then its own in its order: so that
    /// where two do not go together the fault is the file's.
    pub fn in_order<'a, T: Entity>(&self, entities: &'a [T]) -> Vec<&'a T> {
        let mut ordered: Vec<&T> = entities.iter().collect();
        ordered.sort_by_cached_key(|entity| self.0.get(&entity.key()).copied());
        ordered
    }

    /// Whether the file mentions it.
    pub fn mentions<T: Entity>(&self, entity: &T) -> bool {
        self.0.contains_key(&entity.key())
    }
}

fn add<T: Entity>(places: &mut HashMap<EntityKey, usize>, entities: &[T]) {
    for (index, entity) in entities.iter().enumerate() {
        places.entry(entity.key()).or_insert(index);
    }
}
