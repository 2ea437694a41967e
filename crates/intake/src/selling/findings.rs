//! What an operator should know about the buyers' contracts of a network that is sound
//! all the same: each finding is certain, and hardly meant.

use super::soundness::{contract_faults, methods, secret};
use crumb_delivery::DeliveryPlan;
use crumb_delivery::outbound::{AddressPolicy, Target};
use crumb_delivery::plan;
use crumb_domain::ContractId;
use crumb_domain::network::{
    ActiveStatus, BodyMethod, Contract, Offer, OfferStatus, OfferType, SaleType, ScheduleRow, Vertical,
};
use crumb_network::{FileError, Snapshot};

/// Faults of the contracts that are in force: an earlier program let them in, or a secret
/// has changed. Such a contract takes no part.
pub fn faults(snapshot: &Snapshot) -> Vec<FileError> {
    let of_contract = |contract: &Contract| {
        let faults =
            snapshot.vertical(contract.vertical).map(|vertical| contract_faults(contract, &vertical.rules));
        let placed = faults.unwrap_or_default().into_iter();
        let id = contract.id;
        placed.map(move |fault| FileError::new(format!("contract {id}.{}", fault.path), fault.message))
    };
    snapshot.network().contract.iter().flat_map(of_contract).collect()
}

/// Tokens in what buyers are sent that nothing gives a value: they go out as they are
/// written. By contract and section.
pub fn unknown_tokens(snapshot: &Snapshot) -> Vec<FileError> {
    let of_contract = |contract: &Contract| {
        let vertical = snapshot.vertical(contract.vertical)?;
        let sections = methods(contract).filter_map(|(key, purpose, method)| {
            let plan = DeliveryPlan::compile(method, &vertical.rules, purpose, &secret).ok()?;
            let tokens = plan.unknown_tokens();
            let path = format!("contract {}.{key}", contract.id);
            (!tokens.is_empty()).then(|| FileError::new(path, unknown(&tokens)))
        });
        Some(sections.collect::<Vec<_>>())
    };
    snapshot.network().contract.iter().filter_map(of_contract).flatten().collect()
}

/// Why a contract's post is hardly meant as it is: its buyer would be sent an empty body, or
/// nothing but its own address. None for an inactive one.
pub fn says_nothing(contract: &Contract) -> Option<&'static str> {
    let is_empty = contract.status == ActiveStatus::Active && plan::says_nothing(&contract.post);
    is_empty.then_some("sends nothing of the lead: it has no params and no body, and its url has no token")
}

/// `unknown token #nope#`.
fn unknown(names: &[String]) -> String {
    let marked: Vec<String> = names.iter().map(|name| format!("#{name}#")).collect();
    format!("unknown token{} {}", if names.len() == 1 { "" } else { "s" }, marked.join(", "))
}

/// Active contracts whose leads go out by mail, by id: without a relay they go nowhere.
pub fn mailing(snapshot: &Snapshot) -> Vec<ContractId> {
    let is_mailing = |contract: &&Contract| {
        contract.status == ActiveStatus::Active
            && methods(contract).any(|(.., method)| method.method == BodyMethod::Email)
    };
    let mut mailing: Vec<_> =
        snapshot.network().contract.iter().filter(is_mailing).map(|contract| contract.id).collect();
    mailing.sort_unstable();
    mailing
}

/// Addresses that the server will not call, of active contracts and webhooks and of
/// postbacks, by whose they are and their key. Only those that are written as numbers, or
/// as this machine's own name: what any other name stands for is known when it is called.
pub fn refused_addresses(snapshot: &Snapshot, policy: &AddressPolicy) -> Vec<FileError> {
    let network = snapshot.network();
    let active = |contract: &&Contract| contract.status == ActiveStatus::Active;
    let of_contracts = network.contract.iter().filter(active).flat_map(addresses);
    let of_affiliates = network.affiliate.iter().map(|affiliate| {
        (format!("affiliate {}.postback_url", affiliate.id), affiliate.postback_url.as_deref())
    });
    let of_campaigns = network
        .campaign
        .iter()
        .map(|campaign| (format!("campaign {}.postback_url", campaign.id), campaign.postback_url.as_deref()));
    let told = network.webhook.iter().filter(|webhook| webhook.status == ActiveStatus::Active);
    let of_webhooks = told.map(|webhook| (format!("webhook {}.url", webhook.id), Some(webhook.url.as_str())));
    let all = of_contracts.chain(of_affiliates).chain(of_campaigns).chain(of_webhooks);
    let refused = all.filter_map(|(path, url)| {
        let why = policy.check_written(&Target::parse(url?).ok()?).err()?;
        Some(FileError::new(path, format!("its address is {why}")))
    });
    refused.collect()
}

/// What a contract is sent to and asked at, by its key.
fn addresses(contract: &Contract) -> Vec<(String, Option<&str>)> {
    let urls = methods(contract).flat_map(|(section, _, method)| {
        let urls = [("url", method.url.as_deref()), ("status_url", method.status_url.as_deref())];
        urls.map(|(key, url)| (format!("contract {}.{section}.{key}", contract.id), url))
    });
    urls.collect()
}

/// Contracts that the server switched off, by id.
pub fn switched_off(snapshot: &Snapshot) -> Vec<ContractId> {
    let mut off: Vec<ContractId> = snapshot.switched_off().iter().copied().collect();
    off.sort_unstable();
    off
}

/// The same for people.
pub fn switched_off_texts(snapshot: &Snapshot) -> Vec<String> {
    let text = |id| {
        format!(
            "contract {id} is switched off, because its posts failed: `crumb contract on {id}` lets it buy again"
        )
    };
    switched_off(snapshot).into_iter().map(text).collect()
}

/// Contracts that are active and can never buy, with why. One that a person made
/// inactive is not told of.
pub fn never_buying(snapshot: &Snapshot) -> Vec<(ContractId, String)> {
    let network = snapshot.network();
    let active = network.contract.iter().filter(|contract| contract.status == ActiveStatus::Active);
    active.filter_map(|contract| Some((contract.id, why_never(snapshot, contract)?))).collect()
}

fn why_never(snapshot: &Snapshot, contract: &Contract) -> Option<String> {
    let buyer = snapshot.buyer(contract.buyer)?;
    if buyer.status != ActiveStatus::Active {
        return Some(format!("its buyer {} is inactive", buyer.id));
    }
    if contract.schedule.is_empty() {
        return Some("its schedule has no row".to_owned());
    }
    if contract.schedule.iter().all(|row| row.cap == Some(0)) {
        return Some("the cap of each of its rows is 0".to_owned());
    }
    if u64::from(contract.posting_wait_seconds) > u64::from(contract.max_lead_age_minutes) * 60 {
        return Some(
            "it waits longer (posting_wait_seconds) than a lead may be old (max_lead_age_minutes)".to_owned(),
        );
    }
    let vertical = snapshot.network().vertical.iter().find(|vertical| vertical.id == contract.vertical)?;
    if !vertical.router.on {
        return Some(format!("the router of vertical {} is off", vertical.id));
    }
    no_leads(snapshot, contract, vertical).or_else(|| lone_multisell(snapshot, contract, vertical))
}

/// None of the offers whose leads it wants takes leads.
fn no_leads(snapshot: &Snapshot, contract: &Contract, vertical: &Vertical) -> Option<String> {
    let takes =
        |offer: &Offer| offer.offer_type != OfferType::ThirdParty && offer.status != OfferStatus::Inactive;
    match contract.offer {
        Some(id) => {
            let offer = &snapshot.offer(id)?.offer;
            (!takes(offer)).then(|| format!("its offer {id} takes no leads"))
        }
        None => {
            let mut offers = snapshot.network().offer.iter().filter(|offer| offer.vertical == vertical.id);
            (!offers.any(takes)).then(|| format!("no offer of vertical {} takes leads", vertical.id))
        }
    }
}

/// Multisell needs another buyer beside it.
fn lone_multisell(snapshot: &Snapshot, contract: &Contract, vertical: &Vertical) -> Option<String> {
    let is_multisell = |row: &ScheduleRow| row.sale_type == SaleType::Multisell && !row.sweeper;
    if !contract.schedule.iter().all(is_multisell) {
        return None;
    }
    let shares = |other: &&Contract| {
        other.vertical == vertical.id
            && other.buyer != contract.buyer
            && other.status == ActiveStatus::Active
            && snapshot.buyer(other.buyer).is_some_and(|buyer| buyer.status == ActiveStatus::Active)
            && other.schedule.iter().any(|row| row.sale_type != SaleType::Exclusive)
    };
    let has_partner = snapshot.network().contract.iter().any(|other| shares(&other));
    let text = "it sells only together with others (multisell), and no other buyer shares";
    (!has_partner).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use crumb_delivery::plan::STANDARD_TOKENS;
    use crumb_tracking::links::{CLICK_TOKENS, CONVERSION_TOKENS};

    #[test]
    fn buyers_are_told_what_links_and_conversions_are_and_their_own() {
        let mut all: Vec<&str> = CLICK_TOKENS.into_iter().chain(CONVERSION_TOKENS).collect();
        all.extend(["buyerleadid", "session"]);
        all.sort_unstable();
        assert_eq!(all, STANDARD_TOKENS);
    }
}
