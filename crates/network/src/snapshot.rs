//! The network as the paths of clicks and posts read it: immutable, compiled,
//! shared, and swapped whole when a new version comes.
//!
//! Invariants: every reference points somewhere, every pattern compiles, and
//! nothing in it changes after it is made. A lookup is a hash lookup; none
//! allocates but where it says so.

use crate::check::{check, ids_used_twice};
use crate::compiled::{CompiledOffer, CompiledVertical};
use crate::entity::Places;
use crate::error::FileError;
use crate::secrets::{self, resolve};
use crumb_domain::network::{
    ActiveStatus, Affiliate, Blacklist, BlacklistRedirect, Buyer, Campaign, Contract, Creative, Network,
    PriceFormat, Secret, Settings, Webhook, WebhookEvent,
};
use crumb_domain::time::Zone;
use crumb_domain::webhook_key::WebhookKey;
use crumb_domain::{
    AdvertiserId, AffiliateId, BuyerId, ById, CampaignId, ConfigVersion, ContractId, CreativeId,
    OfferContractId, OfferId, VerticalId, WebhookId,
};
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// The first id of a campaign that the server makes: far above what people write,
/// so that a file written later rarely meets it.
pub const FIRST_SERVER_CAMPAIGN: CampaignId = CampaignId(1_000_001);

/// A compiled version of the network.
#[derive(Debug, Clone)]
pub struct Snapshot {
    version: ConfigVersion,
    network: Network,
    settings: Settings,
    zone: Zone,
    affiliates: ById<AffiliateId, usize>,
    turned_off_sub_ids: ById<AffiliateId, HashSet<String>>,
    verticals: ById<VerticalId, Arc<CompiledVertical>>,
    offers: ById<OfferId, Arc<CompiledOffer>>,
    creatives: ById<CreativeId, (OfferId, usize)>,
    campaigns: ById<CampaignId, usize>,
    /// Indices into the network's campaigns, by ascending id.
    campaigns_of: ById<(AffiliateId, OfferId), Vec<usize>>,
    blacklist: ById<AffiliateId, Vec<Blacklist>>,
    contracts: ById<ContractId, usize>,
    buyers: ById<BuyerId, usize>,
    /// Post keys that the environment keeps; none where it lacks them.
    environment_keys: ById<CampaignId, Option<String>>,
    /// Of webhooks; none where the environment lacks it, or has none that can sign.
    webhook_keys: ById<WebhookId, Option<WebhookKey>>,
    missing_secrets: Vec<String>,
    switched_off: HashSet<ContractId>,
}

/// A blacklist entry that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blacklisted {
    /// Whether it is the sub-affiliate's; else the whole affiliate's.
    pub sub_id: bool,
    /// Where the traffic goes.
    pub redirect: BlacklistRedirect,
}

/// Why a webhook is not told anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// The network has it no more.
    #[error("the network has no webhook {0}")]
    Gone(WebhookId),
    /// It is switched off.
    #[error("webhook {0} is inactive")]
    Inactive(WebhookId),
    /// The environment lacks its secret, or has one that is no key.
    #[error("webhook {0} has no secret: the environment lacks it, or it is no key")]
    NoSecret(WebhookId),
}

impl Snapshot {
    /// Compiles a network.
    ///
    /// Secrets kept in the environment are read here; one that the environment
    /// lacks never matches and is named by [`Snapshot::missing_secrets`].
    ///
    /// # Errors
    /// All faults of the network, with their places.
    pub fn compile(network: Network, version: ConfigVersion) -> Result<Self, Vec<FileError>> {
        let mut errors = ids_used_twice(&network);
        errors.extend(check(&network, &Places::of(&network), None));
        if !errors.is_empty() {
            return Err(errors);
        }
        Self::compile_after(None, network, version)
    }

    /// As [`Snapshot::compile`] of a network that was checked before; takes over from the
    /// snapshot before what did not change.
    pub(crate) fn compile_after(
        before: Option<&Snapshot>,
        network: Network,
        version: ConfigVersion,
    ) -> Result<Self, Vec<FileError>> {
        let settings = network.network.clone().unwrap_or_default();
        let zone = Zone::named(&settings.time_zone)
            .map_err(|unknown| vec![FileError::new("network.time_zone", unknown.to_string())])?;
        let mut snapshot = Self {
            version,
            settings,
            zone,
            affiliates: index(&network.affiliate, |affiliate| affiliate.id),
            turned_off_sub_ids: ById::default(),
            verticals: ById::default(),
            offers: ById::default(),
            creatives: ById::default(),
            campaigns: ById::default(),
            campaigns_of: ById::default(),
            blacklist: ById::default(),
            contracts: index(&network.contract, |contract| contract.id),
            buyers: index(&network.buyer, |buyer| buyer.id),
            environment_keys: ById::default(),
            webhook_keys: ById::default(),
            missing_secrets: Vec::new(),
            switched_off: HashSet::new(),
            network,
        };
        snapshot.compile_verticals(before)?;
        snapshot.compile_offers(before)?;
        let contracts = snapshot.network.contract.iter().flat_map(secrets::missing_of_contract);
        snapshot.missing_secrets.extend(contracts);
        snapshot.read_webhook_keys();
        snapshot.index_traffic();
        snapshot.index_campaigns();
        Ok(snapshot)
    }

    /// The same network with one more campaign, without compiling the rest again.
    pub(crate) fn with_campaign(&self, campaign: Campaign, version: ConfigVersion) -> Self {
        let mut next = self.clone();
        next.version = version;
        let place = next.network.campaign.partition_point(|other| other.id < campaign.id);
        next.network.campaign.insert(place, campaign);
        next.index_campaigns();
        next
    }

    /// The same network as another version.
    pub(crate) fn with_version(mut self, version: ConfigVersion) -> Self {
        self.version = version;
        self
    }

    /// The same network with these contracts switched off by the server.
    pub(crate) fn with_switched_off(mut self, contracts: HashSet<ContractId>) -> Self {
        self.switched_off = contracts;
        self
    }

    fn compile_verticals(&mut self, before: Option<&Snapshot>) -> Result<(), Vec<FileError>> {
        for (index, vertical) in self.network.vertical.iter().enumerate() {
            let same =
                before.and_then(|b| b.verticals.get(&vertical.id)).filter(|old| old.vertical == *vertical);
            let compiled = match same {
                Some(old) => old.clone(),
                None => {
                    let place = format!("vertical[{index}]");
                    Arc::new(CompiledVertical::new(vertical.clone(), &place).map_err(|error| vec![error])?)
                }
            };
            self.verticals.insert(vertical.id, compiled);
        }
        Ok(())
    }

    fn compile_offers(&mut self, before: Option<&Snapshot>) -> Result<(), Vec<FileError>> {
        for (index, offer) in self.network.offer.iter().enumerate() {
            let Some(vertical) = self.verticals.get(&offer.vertical) else {
                return Err(vec![FileError::new(
                    format!("offer[{index}].vertical"),
                    format!("no vertical {}", offer.vertical),
                )]);
            };
            let (secret, missing) = resolve(offer.postback_secret.as_ref());
            self.missing_secrets.extend(missing.map(|name| format!("offer {}: {name}", offer.id)));
            let same = before.and_then(|b| b.offers.get(&offer.id)).filter(|old| {
                old.offer == *offer
                    && Arc::ptr_eq(old.vertical(), vertical)
                    && old.postback_secret() == secret.as_deref()
            });
            let compiled = match same {
                Some(old) => old.clone(),
                None => Arc::new(CompiledOffer::new(offer.clone(), vertical.clone(), secret)),
            };
            for (position, creative) in offer.creative.iter().enumerate() {
                self.creatives.insert(creative.id, (offer.id, position));
            }
            self.offers.insert(offer.id, compiled);
        }
        Ok(())
    }

    fn read_webhook_keys(&mut self) {
        for webhook in &self.network.webhook {
            let (secret, missing) = resolve(Some(&webhook.secret));
            self.missing_secrets.extend(missing.map(|name| format!("webhook {}: {name}", webhook.id)));
            let key = secret.and_then(|secret| WebhookKey::of(&secret).ok());
            self.webhook_keys.insert(webhook.id, key);
        }
    }

    fn index_traffic(&mut self) {
        for affiliate in &self.network.affiliate {
            if !affiliate.turned_off_sub_ids.is_empty() {
                let off = affiliate.turned_off_sub_ids.iter().cloned().collect();
                self.turned_off_sub_ids.insert(affiliate.id, off);
            }
        }
        for entry in &self.network.blacklist {
            self.blacklist.entry(entry.affiliate).or_default().push(entry.clone());
        }
        // Whole-affiliate entries first; among equals the narrower one says where it goes.
        for entries in self.blacklist.values_mut() {
            entries.sort_by_key(|e| (e.sub_id.is_some(), e.offer.is_none(), e.advertiser.is_none()));
        }
    }

    fn index_campaigns(&mut self) {
        self.campaigns = index(&self.network.campaign, |campaign| campaign.id);
        self.campaigns_of.clear();
        self.environment_keys.clear();
        let mut order: Vec<usize> = (0..self.network.campaign.len()).collect();
        order.sort_by_key(|&i| self.network.campaign.get(i).map(|campaign| campaign.id));
        for position in order {
            let Some(campaign) = self.network.campaign.get(position) else { continue };
            self.campaigns_of.entry((campaign.affiliate, campaign.offer)).or_default().push(position);
            if campaign.key.as_ref().is_some_and(|key| key.env_name().is_some()) {
                let (key, _) = resolve(campaign.key.as_ref());
                self.environment_keys.insert(campaign.id, key);
            }
        }
    }

    /// Which version it is; 0 where nothing was ever applied.
    pub fn version(&self) -> ConfigVersion {
        self.version
    }

    /// What holds for the whole network; the defaults where no `[network]` was applied yet.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The zone in which the network's days begin.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The whole network as stored, secrets included: for export and the API.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// An affiliate.
    pub fn affiliate(&self, id: AffiliateId) -> Option<&Affiliate> {
        self.network.affiliate.get(*self.affiliates.get(&id)?)
    }

    /// Whether a sub-affiliate (`s1`) of the affiliate is turned off.
    pub fn is_sub_id_off(&self, affiliate: AffiliateId, sub_id: &str) -> bool {
        self.turned_off_sub_ids.get(&affiliate).is_some_and(|off| off.contains(sub_id))
    }

    /// An offer.
    pub fn offer(&self, id: OfferId) -> Option<&CompiledOffer> {
        self.offers.get(&id).map(Arc::as_ref)
    }

    /// Whether there is an advertiser of that id.
    pub fn has_advertiser(&self, id: AdvertiserId) -> bool {
        self.network.advertiser.iter().any(|advertiser| advertiser.id == id)
    }

    /// All offers, in no order.
    pub fn offers(&self) -> impl Iterator<Item = &CompiledOffer> {
        self.offers.values().map(Arc::as_ref)
    }

    /// A creative and its offer.
    pub fn creative(&self, id: CreativeId) -> Option<(&CompiledOffer, &Creative)> {
        let (offer, position) = self.creatives.get(&id)?;
        let offer = self.offer(*offer)?;
        Some((offer, offer.offer.creative.get(*position)?))
    }

    /// A vertical.
    pub fn vertical(&self, id: VerticalId) -> Option<&CompiledVertical> {
        self.verticals.get(&id).map(Arc::as_ref)
    }

    /// A campaign.
    pub fn campaign(&self, id: CampaignId) -> Option<&Campaign> {
        self.network.campaign.get(*self.campaigns.get(&id)?)
    }

    /// The campaign by which an affiliate has earned or earns on an offer. None where it
    /// has become another affiliate's or offer's since: nobody is paid by somebody else's
    /// terms, nor told of somebody else's leads.
    pub fn campaign_of(
        &self,
        id: Option<CampaignId>,
        affiliate: AffiliateId,
        offer: OfferId,
    ) -> Option<&Campaign> {
        self.campaign(id?).filter(|campaign| (campaign.affiliate, campaign.offer) == (affiliate, offer))
    }

    /// The affiliate's campaigns on the offer, lowest id first.
    pub fn campaigns(&self, affiliate: AffiliateId, offer: OfferId) -> impl Iterator<Item = &Campaign> {
        let positions = self.campaigns_of.get(&(affiliate, offer)).map_or(&[][..], Vec::as_slice);
        positions.iter().filter_map(|&position| self.network.campaign.get(position))
    }

    /// The affiliate's campaign for a click on the offer. `contract` (`oc=`) picks
    /// among those of that offer contract, if there are any; `format` (`p=`) among
    /// those of that price format, if there are any. Else the CPA one, else the
    /// lowest-numbered. Of two equal ones a person's goes before the server's.
    pub fn choose_campaign(
        &self,
        affiliate: AffiliateId,
        offer: OfferId,
        format: Option<PriceFormat>,
        contract: Option<OfferContractId>,
    ) -> Option<&Campaign> {
        let mut all = self.campaigns(affiliate, offer);
        let first = all.next()?;
        if all.next().is_none() {
            // The usual case, and the way of every click: nothing to choose.
            return Some(first);
        }
        let compiled = self.offer(offer)?;
        let on_contract = |campaign: &&Campaign| {
            contract.is_none_or(|id| compiled.terms(campaign.offer_contract).contract == Some(id))
        };
        let any_on_contract = self.campaigns(affiliate, offer).any(|campaign| on_contract(&campaign));
        let best = |format: Option<PriceFormat>| {
            self.campaigns(affiliate, offer)
                .filter(|campaign| !any_on_contract || on_contract(campaign))
                .filter(|campaign| format.is_none_or(|f| self.price_format(compiled, campaign) == f))
                .min_by_key(|campaign| (campaign.made_by_server, campaign.id))
        };
        format
            .and_then(|wanted| best(Some(wanted)))
            .or_else(|| best(Some(PriceFormat::Cpa)))
            .or_else(|| best(None))
    }

    fn price_format(&self, offer: &CompiledOffer, campaign: &Campaign) -> PriceFormat {
        campaign.price_format.unwrap_or_else(|| offer.terms(campaign.offer_contract).price_format)
    }

    /// A buyer's contract, as written: [`Snapshot::is_switched_off`] stands above its status.
    pub fn contract(&self, id: ContractId) -> Option<&Contract> {
        self.network.contract.get(*self.contracts.get(&id)?)
    }

    /// A buyer.
    pub fn buyer(&self, id: BuyerId) -> Option<&Buyer> {
        self.network.buyer.get(*self.buyers.get(&id)?)
    }

    /// The webhooks that are told of an event; usually none.
    pub fn webhooks_told(&self, event: WebhookEvent) -> impl Iterator<Item = &Webhook> {
        let told = move |webhook: &&Webhook| {
            webhook.status == ActiveStatus::Active && webhook.events.contains(&event)
        };
        self.network.webhook.iter().filter(told)
    }

    /// What a message to a webhook is signed with now.
    ///
    /// # Errors
    /// Where it must not be told anything, or cannot be.
    pub fn webhook_key(&self, id: WebhookId) -> Result<&WebhookKey, NotSigned> {
        let webhook = self.network.webhook.iter().find(|webhook| webhook.id == id);
        let webhook = webhook.ok_or(NotSigned::Gone(id))?;
        if webhook.status == ActiveStatus::Inactive {
            return Err(NotSigned::Inactive(id));
        }
        self.webhook_keys.get(&id).and_then(Option::as_ref).ok_or(NotSigned::NoSecret(id))
    }

    /// The campaigns that the server itself made.
    pub fn server_made(&self) -> impl Iterator<Item = &Campaign> {
        self.network.campaign.iter().filter(|campaign| campaign.made_by_server)
    }

    /// Whether the server switched the buyer's contract off, after too many failed
    /// posts; it stays so until a person switches it on.
    pub fn is_switched_off(&self, contract: ContractId) -> bool {
        self.switched_off.contains(&contract)
    }

    /// The contracts that the server switched off.
    pub fn switched_off(&self) -> &HashSet<ContractId> {
        &self.switched_off
    }

    /// The blacklist entry that traffic of the affiliate (and its sub-affiliate) on
    /// the offer meets: one of the whole affiliate before one of the sub id.
    pub fn blacklisted(
        &self,
        affiliate: AffiliateId,
        sub_id: Option<&str>,
        offer: &CompiledOffer,
    ) -> Option<Blacklisted> {
        self.blacklist
            .get(&affiliate)?
            .iter()
            .find(|entry| {
                entry.offer.is_none_or(|id| id == offer.offer.id)
                    && entry.advertiser.is_none_or(|id| offer.offer.advertiser == Some(id))
                    && entry.sub_id.as_deref().is_none_or(|bad| sub_id == Some(bad))
            })
            .map(|entry| Blacklisted { sub_id: entry.sub_id.is_some(), redirect: entry.redirect })
    }

    /// Whether clicks and leads from the address are refused.
    pub fn is_blocked_ip(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.settings.blocked_ips.iter().any(|network| network.contains(&address))
    }

    /// Whether the key given with a post is the campaign's, compared in constant time.
    pub fn key_matches(&self, campaign: &Campaign, given: &str) -> bool {
        let key = match self.environment_keys.get(&campaign.id) {
            Some(kept_there) => kept_there.as_deref(),
            None => campaign.key.as_ref().map(Secret::expose),
        };
        key.is_some_and(|key| !key.is_empty() && bool::from(key.as_bytes().ct_eq(given.as_bytes())))
    }

    /// Secrets that are said to be in the environment and are not: `campaign 57: NAME`.
    /// They match nothing until they are there.
    pub fn missing_secrets(&self) -> Vec<String> {
        let campaigns = self
            .network
            .campaign
            .iter()
            .filter(|campaign| self.environment_keys.get(&campaign.id).is_some_and(Option::is_none));
        let keys = campaigns.filter_map(|campaign| {
            Some(format!("campaign {}: {}", campaign.id, campaign.key.as_ref()?.env_name()?))
        });
        self.missing_secrets.iter().cloned().chain(keys).collect()
    }
}

/// Where each entity stands, by its id.
fn index<T, Id: Eq + std::hash::Hash>(entities: &[T], id: impl Fn(&T) -> Id) -> ById<Id, usize> {
    entities.iter().enumerate().map(|(position, entity)| (id(entity), position)).collect()
}
