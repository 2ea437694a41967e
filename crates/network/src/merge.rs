//! A network file laid over the present network.
//!
//! What the file mentions is replaced as a whole; what it does not mention stays,
//! or with `--prune` goes, unless the server made it, what stays needs it, or it
//! has history, in which case it is made inactive. A few things outlive being
//! replaced: post keys, opening balances, field ids, creatives with clicks,
//! events with conversions and secrets that the file shows masked.

use crate::documents::{State, sort};
use crate::entity::{Entity, Places};
use crate::error::FileError;
use crate::prune::{Fate, Pruning};
use crate::secrets::{unmask, unmask_contract, unmask_offer, unmask_postback, unmask_webhook};
use crumb_domain::network::{
    ActiveStatus, AffiliateStatus, Buyer, BuyerCredit, Campaign, Event, Network, Offer, OfferStatus,
    Settings, Vertical,
};
use crumb_domain::{BuyerId, CreativeId, EventId, FieldId, Money, VerticalId};
use crumb_storage::configuration::HistoryOf;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What was asked of the store beforehand.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// What has history, of what [`asked`] names.
    pub history: HashSet<HistoryOf>,
    /// The ids that fields of a vertical ever had, by lower-case name.
    pub field_ids: HashMap<VerticalId, HashMap<String, FieldId>>,
    /// The opening balances of buyers that were prepaid before.
    pub openings: HashMap<BuyerId, Money>,
}

/// How a file is laid over the present network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Laying {
    /// What it does not mention stays.
    Over,
    /// What it does not mention goes, but for the settings.
    Prune,
    /// As an earlier version had it: what it does not mention goes.
    Restore,
}

/// The network as it would be.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    pub network: Network,
    pub places: Places,
    /// Faults that only show against the present network.
    pub errors: Vec<FileError>,
    /// By label, why it is inactive instead of gone.
    pub made_inactive: BTreeMap<String, &'static str>,
}

/// What may have history and would go: what the store has to be asked about.
pub(crate) fn asked(present: &State, file: &Network, laying: Laying) -> Vec<HistoryOf> {
    let mut asked = Vec::new();
    let offers: HashMap<_, _> = file.offer.iter().map(|offer| (offer.id, offer)).collect();
    for offer in &present.network.offer {
        let Some(written) = offers.get(&offer.id) else { continue };
        let kept: HashSet<CreativeId> = written.creative.iter().map(|creative| creative.id).collect();
        let left_out = offer.creative.iter().filter(|creative| !kept.contains(&creative.id));
        asked.extend(left_out.map(|creative| HistoryOf::Creative(creative.id)));
        asked.extend(events_left_out(offer, written).map(|event| HistoryOf::Event(offer.id, event.id)));
    }
    if currency(laid_settings(present, file, laying)) != currency(present.network.network.as_ref()) {
        asked.push(HistoryOf::Ledger);
    }
    if laying != Laying::Over {
        asked.extend(crate::prune::asked(present, &Places::of(file)));
    }
    asked
}

/// Lays a file over the present network.
pub(crate) fn merge(present: &State, file: Network, laying: Laying, known: &Known) -> Merged {
    let places = Places::of(&file);
    let now = &present.network;
    let settings = laid_settings(present, &file, laying).cloned();
    let keeps_settings = file.network.is_none() && laying == Laying::Prune;
    let pruning =
        (laying != Laying::Over).then(|| Pruning::new(present, keeps_settings, &places, &known.history));
    let fate = |kept: &dyn Fn(&Pruning) -> Fate| pruning.as_ref().map_or(Fate::Stays, kept);
    let mut merged = Merged::default();
    merged.errors.extend(changed_currency(now.network.as_ref(), settings.as_ref(), &known.history));
    let network = Network {
        network: settings,
        blacklist: lay(&now.blacklist, file.blacklist, |_| fate(&|_| Fate::Goes), |new, _| new),
        vertical: lay(
            &now.vertical,
            file.vertical,
            |v| fate(&|p| p.vertical(v.id)),
            |new, old| {
                let place = places.at(&new);
                with_field_ids(new, old, known, &place, &mut merged.errors)
            },
        ),
        advertiser: lay(&now.advertiser, file.advertiser, |a| fate(&|p| p.advertiser(a.id)), |new, _| new),
        offer: lay(
            &now.offer,
            file.offer,
            |o| fate(&|p| p.offer(o.id)),
            |new, old| merged.offer(new, old, &places, &known.history),
        ),
        affiliate: lay(
            &now.affiliate,
            file.affiliate,
            |a| fate(&|p| p.affiliate(a.id)),
            |mut new, old| {
                let (place, present) = (places.at(&new), old.and_then(|old| old.postback_url.as_deref()));
                unmask_postback(&mut new.postback_url, present, &place, &mut merged.errors);
                new
            },
        ),
        campaign: lay(
            &now.campaign,
            file.campaign,
            |c| fate(&|p| p.campaign(c.id)),
            |new, old| merged.campaign(new, old, laying, &places),
        ),
        buyer: lay(
            &now.buyer,
            file.buyer,
            |b| fate(&|p| p.buyer(b.id)),
            |new, old| with_balance(new, old, known),
        ),
        contract: lay(
            &now.contract,
            file.contract,
            |c| fate(&|p| p.contract(c.id)),
            |mut new, old| {
                let place = places.at(&new);
                unmask_contract(&mut new, old, &place, &mut merged.errors);
                new
            },
        ),
        webhook: lay(
            &now.webhook,
            file.webhook,
            |_| fate(&|_| Fate::Goes),
            |mut new, old| {
                let place = places.at(&new);
                unmask_webhook(&mut new, old, &place, &mut merged.errors);
                new
            },
        ),
    };
    merged.network = network;
    if let Some(settings) = &mut merged.network.network {
        settings.currency.make_ascii_uppercase();
    }
    if let Some(pruning) = &pruning {
        merged.switch_off(pruning, &places);
    }
    sort(&mut merged.network);
    merged.places = places;
    merged
}

/// The settings that are in force with the file.
fn laid_settings<'a>(present: &'a State, file: &'a Network, laying: Laying) -> Option<&'a Settings> {
    match laying {
        Laying::Over | Laying::Prune => file.network.as_ref().or(present.network.network.as_ref()),
        Laying::Restore => file.network.as_ref(),
    }
}

fn currency(settings: Option<&Settings>) -> String {
    let default = Settings::default();
    settings.unwrap_or(&default).currency.to_ascii_uppercase()
}

/// That amounts would be called what they are not: entries of the ledger have no currency but
/// the network's, and are never edited.
fn changed_currency(
    present: Option<&Settings>,
    next: Option<&Settings>,
    history: &HashSet<HistoryOf>,
) -> Option<FileError> {
    let (present, next) = (currency(present), currency(next));
    let is_booked = next != present && history.contains(&HistoryOf::Ledger);
    is_booked.then(|| {
        let message = format!(
            "cannot become {next}: the ledger has entries in {present}, and what has been sold and paid keeps its \
             currency"
        );
        FileError::new("network.currency", message)
    })
}

/// Events of an offer that the file does not mention with it.
fn events_left_out<'a>(present: &'a Offer, written: &Offer) -> impl Iterator<Item = &'a Event> {
    let kept: HashSet<EventId> = written.event.iter().map(|event| event.id).collect();
    present.event.iter().filter(move |event| !kept.contains(&event.id))
}

/// The file's entities, then those of the present ones that stay.
fn lay<T: Entity>(
    present: &[T],
    file: Vec<T>,
    fate: impl Fn(&T) -> Fate,
    mut adopt: impl FnMut(T, Option<&T>) -> T,
) -> Vec<T> {
    let mut by_key: HashMap<_, &T> = present.iter().map(|entity| (entity.key(), entity)).collect();
    let mut laid: Vec<T> = Vec::with_capacity(file.len());
    for entity in file {
        let old = by_key.remove(&entity.key());
        laid.push(adopt(entity, old));
    }
    let unmentioned = present.iter().filter(|entity| by_key.contains_key(&entity.key()));
    laid.extend(unmentioned.filter(|entity| fate(entity) != Fate::Goes).cloned());
    laid
}

impl Merged {
    fn offer(
        &mut self,
        mut offer: Offer,
        present: Option<&Offer>,
        places: &Places,
        history: &HashSet<HistoryOf>,
    ) -> Offer {
        let place = places.at(&offer);
        unmask_offer(&mut offer, present, &place, &mut self.errors);
        offer.countries.iter_mut().for_each(|country| country.make_ascii_uppercase());
        let written: HashSet<CreativeId> = offer.creative.iter().map(|creative| creative.id).collect();
        let before = present.map(|offer| offer.creative.as_slice()).unwrap_or_default();
        for creative in before.iter().filter(|creative| !written.contains(&creative.id)) {
            if history.contains(&HistoryOf::Creative(creative.id)) {
                let mut creative = creative.clone();
                creative.status = ActiveStatus::Inactive;
                self.made_inactive.insert(format!("creative {}", creative.id), "it has clicks");
                offer.creative.push(creative);
            }
        }
        let events = present.into_iter().flat_map(|present| events_left_out(present, &offer));
        let events = events.filter(|event| history.contains(&HistoryOf::Event(offer.id, event.id)));
        let retired: Vec<Event> = events.map(|event| retired(event, &offer)).collect();
        for event in retired {
            self.made_inactive
                .insert(format!("event {} of {}", event.id, offer.label()), "it has conversions");
            offer.event.push(event);
        }
        offer
    }

    fn campaign(
        &mut self,
        mut campaign: Campaign,
        present: Option<&Campaign>,
        laying: Laying,
        places: &Places,
    ) -> Campaign {
        let place = places.at(&campaign);
        let key = present.and_then(|campaign| campaign.key.as_ref());
        match &mut campaign.key {
            Some(given) => unmask(given, key, &format!("{place}.key"), &mut self.errors),
            None => campaign.key = key.cloned(),
        }
        let link = present.and_then(|campaign| campaign.postback_url.as_deref());
        unmask_postback(&mut campaign.postback_url, link, &place, &mut self.errors);
        let other_use = present.filter(|present| {
            present.made_by_server
                && (present.affiliate, present.offer) != (campaign.affiliate, campaign.offer)
        });
        if let Some(present) = other_use {
            let message = format!(
                "campaign {} was made by the server for affiliate {} on offer {}; take another id",
                present.id, present.affiliate, present.offer
            );
            self.errors.push(FileError::new(format!("{place}.id"), message));
        }
        // An earlier version says itself what was the server's then.
        if laying != Laying::Restore {
            campaign.made_by_server |= present.is_some_and(|present| present.made_by_server);
        }
        campaign
    }

    /// Makes inactive what has history and is no longer mentioned.
    fn switch_off(&mut self, pruning: &Pruning, places: &Places) {
        const WHY: &str = "it has clicks or leads";
        for campaign in &mut self.network.campaign {
            if !places.mentions(campaign) && pruning.campaign(campaign.id) == Fate::MadeInactive {
                campaign.status = ActiveStatus::Inactive;
                self.made_inactive.insert(campaign.label(), WHY);
            }
        }
        for affiliate in &mut self.network.affiliate {
            if !places.mentions(affiliate) && pruning.affiliate(affiliate.id) == Fate::MadeInactive {
                affiliate.status = AffiliateStatus::Inactive;
                self.made_inactive.insert(affiliate.label(), WHY);
            }
        }
        for offer in &mut self.network.offer {
            if !places.mentions(offer) && pruning.offer(offer.id) == Fate::MadeInactive {
                offer.status = OfferStatus::Inactive;
                self.made_inactive.insert(offer.label(), WHY);
            }
        }
        for buyer in &mut self.network.buyer {
            if !places.mentions(buyer) && pruning.buyer(buyer.id) == Fate::MadeInactive {
                buyer.status = ActiveStatus::Inactive;
                self.made_inactive.insert(buyer.label(), "it has leads or payments");
            }
        }
        for contract in &mut self.network.contract {
            if !places.mentions(contract) && pruning.contract(contract.id) == Fate::MadeInactive {
                contract.status = ActiveStatus::Inactive;
                self.made_inactive.insert(contract.label(), "it has leads");
            }
        }
    }
}

/// An event that its offer has no longer, so that its conversions stay of an event with a name.
/// What pixels call it may be another's from now on.
fn retired(event: &Event, offer: &Offer) -> Event {
    let is_taken = |short: &String| offer.event.iter().any(|other| other.short.as_ref() == Some(short));
    let short = event.short.clone().filter(|short| !is_taken(short));
    Event { status: ActiveStatus::Inactive, default: false, short, ..event.clone() }
}

/// An opening balance is read only when the buyer is made, or first becomes prepaid:
/// what was paid in once is not paid in again because the terms change.
fn with_balance(mut buyer: Buyer, present: Option<&Buyer>, known: &Known) -> Buyer {
    let earlier = match present.map(|buyer| &buyer.credit) {
        Some(BuyerCredit::Prepaid { balance, .. }) => Some(*balance),
        Some(BuyerCredit::Unlimited) => known.openings.get(&buyer.id).copied(),
        None => None,
    };
    if let (BuyerCredit::Prepaid { balance, .. }, Some(opening)) = (&mut buyer.credit, earlier) {
        *balance = opening;
    }
    buyer
}

/// The buyers that a file makes prepaid and that are not so at present: what the
/// store has to be asked about.
pub(crate) fn turned_prepaid(present: &State, file: &Network) -> Vec<BuyerId> {
    let unlimited: HashSet<BuyerId> = (present.network.buyer.iter())
        .filter(|buyer| buyer.credit == BuyerCredit::Unlimited)
        .map(|buyer| buyer.id)
        .collect();
    let turned = file.buyer.iter().filter(|buyer| buyer.credit != BuyerCredit::Unlimited);
    turned.map(|buyer| buyer.id).filter(|id| unlimited.contains(id)).collect()
}

/// Remembers a buyer's opening balance, of its documents oldest first.
pub(crate) fn remember_opening(openings: &mut HashMap<BuyerId, Money>, buyer: Option<&Buyer>) {
    if let Some(Buyer { id, credit: BuyerCredit::Prepaid { balance, .. }, .. }) = buyer {
        openings.entry(*id).or_insert(*balance);
    }
}

/// Gives ids to fields without one: the one that the name has at present, else the one that
/// it ever had and nobody has now, else the next that no field ever had. An id that the file
/// gives to another field while the one which has it stays is a fault: pages ask for fields by
/// their ids, and this one's would change without a word.
fn with_field_ids(
    mut vertical: Vertical,
    present: Option<&Vertical>,
    known: &Known,
    place: &str,
    errors: &mut Vec<FileError>,
) -> Vertical {
    let mut at_present = HashMap::new();
    remember(&mut at_present, present);
    errors.extend(ids_taken_from_others(&vertical, &at_present, place));
    let mut taken: HashSet<FieldId> = vertical.field.iter().filter_map(|field| field.id).collect();
    // Those that stay come first: another field may have had the id before.
    for field in vertical.field.iter_mut().filter(|field| field.id.is_none()) {
        field.id = at_present.get(&field.name.to_lowercase()).copied().filter(|id| taken.insert(*id));
    }
    let mut remembered = known.field_ids.get(&vertical.id).cloned().unwrap_or_default();
    remembered.extend(at_present);
    let highest = taken.iter().chain(remembered.values()).map(|id| id.0).max().unwrap_or(0);
    let mut next = highest.max(0).saturating_add(1);
    for field in &mut vertical.field {
        if field.id.is_some() {
            continue;
        }
        let id = remembered.get(&field.name.to_lowercase()).copied().filter(|id| !taken.contains(id));
        let id = id.unwrap_or_else(|| {
            let id = FieldId(next);
            next = next.saturating_add(1);
            id
        });
        taken.insert(id);
        field.id = Some(id);
    }
    vertical
}

fn ids_taken_from_others(vertical: &Vertical, ids: &HashMap<String, FieldId>, place: &str) -> Vec<FileError> {
    let without = vertical.field.iter().filter(|field| field.id.is_none());
    let owned = without.filter_map(|field| Some((*ids.get(&field.name.to_lowercase())?, &field.name)));
    let owners: HashMap<FieldId, &String> = owned.collect();
    let given = vertical.field.iter().enumerate().filter_map(|(index, field)| Some((index, field.id?)));
    let taken = given.filter_map(|(index, id)| {
        let message = format!(
            "id {id} is that of field {}, which stays: give that one another id to move it",
            owners.get(&id)?
        );
        Some(FileError::new(format!("{place}.field[{index}].id"), message))
    });
    taken.collect()
}

/// Adds the ids of a vertical's fields to those remembered.
pub(crate) fn remember(ids: &mut HashMap<String, FieldId>, vertical: Option<&Vertical>) {
    let fields = vertical.into_iter().flat_map(|vertical| &vertical.field);
    ids.extend(fields.filter_map(|field| Some((field.name.to_lowercase(), field.id?))));
}
