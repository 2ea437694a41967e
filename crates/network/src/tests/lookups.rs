//! What the paths of clicks and posts ask the snapshot.

use super::*;
use crate::{Blacklisted, Snapshot};
use crumb_domain::network::{BlacklistRedirect, DeliveryAuth, PriceFormat, Secret};
use crumb_domain::{
    AffiliateId, CampaignId, ConfigVersion, CreativeId, Money, OfferContractId, OfferId, VerticalId,
};

const TRAFFIC_CO: AffiliateId = AffiliateId(12);
const QUOTE: OfferId = OfferId(100);

fn compile(network: Network) -> Snapshot {
    Snapshot::compile(network, ConfigVersion(3)).unwrap()
}

fn with(text: &str) -> Snapshot {
    compile(toml(&format!("{EXAMPLE}\n{text}")))
}

#[test]
fn a_network_without_anything_has_the_default_settings() {
    let snapshot = compile(Network::default());
    assert_eq!(
        (snapshot.settings().currency.as_str(), snapshot.settings().time_zone.as_str()),
        ("USD", "UTC")
    );
    assert_eq!(snapshot.settings().internal_affiliate, None);
    assert_eq!(snapshot.version(), ConfigVersion(3));
}

#[test]
fn compiling_names_every_fault_of_a_network() {
    let mut network = example();
    network.campaign[0].offer = OfferId(999);
    network.offer[1].vertical = VerticalId(9);
    network.affiliate[1].id = AffiliateId(1);
    let errors = Snapshot::compile(network, ConfigVersion(1)).unwrap_err();
    let errors = printed(&errors);
    for expected in [
        "affiliate[1].id: id 1 is used twice",
        "offer[1].vertical: no vertical 9",
        "campaign[0].offer: no offer 999",
    ] {
        assert!(errors.iter().any(|error| error == expected), "{errors:?}");
    }
}

#[test]
fn a_creative_knows_its_offer_and_the_offer_its_vertical() {
    let snapshot = compile(example());
    let (offer, creative) = snapshot.creative(CreativeId(1057)).unwrap();
    assert_eq!((offer.offer.id, creative.name.as_str()), (QUOTE, "Text link"));
    assert_eq!(offer.vertical().vertical.id, VerticalId(1));
    assert!(offer.vertical().rules.field("EMAIL_address").is_some());
    assert_eq!(offer.vertical().tiers.len(), 1);
    assert!(snapshot.creative(CreativeId(1)).is_none());
}

#[test]
fn terms_are_the_contracts_and_where_it_is_silent_the_offers() {
    let snapshot = compile(example());
    let offer = snapshot.offer(QUOTE).unwrap();
    let terms = offer.terms(Some(OfferContractId(900)));
    assert_eq!(terms.contract, Some(OfferContractId(900)));
    assert_eq!(terms.link, Some("https://lp.example/quote?reqid=#reqid#"));
    assert_eq!((terms.payout.to_string(), terms.received.to_string()), ("11.00".into(), "25.00".into()));
    assert_eq!(terms.redirect_offer, Some(OfferId(101)));
    for own in [None, Some(OfferContractId(1))] {
        let terms = offer.terms(own);
        assert_eq!((terms.contract, terms.payout.to_string()), (None, "10.00".into()));
        assert_eq!(terms.redirect_offer, None);
    }
    let other = snapshot.offer(OfferId(101)).unwrap().terms(None);
    assert_eq!((other.contract, other.payout, other.link), (None, Money::ZERO, None));
}

#[test]
fn an_offer_without_listed_events_has_event_1_conversion() {
    let snapshot = compile(example());
    let event = snapshot.offer(OfferId(101)).unwrap().default_event().unwrap();
    assert_eq!((event.id.0, event.name.as_str()), (1, "Conversion"));
    let offer = snapshot.offer(QUOTE).unwrap();
    assert_eq!(offer.event("conv").unwrap().id, offer.event("1").unwrap().id);
    assert!(offer.event("2").is_none());
}

#[test]
fn the_default_event_is_the_one_that_says_so_else_the_first() {
    let mut network = example();
    let mut second = network.offer[0].event[0].clone();
    second.id.0 = 2;
    second.short = Some("two".to_owned());
    network.offer[0].event[0].default = false;
    network.offer[0].event.push(second.clone());
    assert_eq!(compile(network.clone()).offer(QUOTE).unwrap().default_event().unwrap().id.0, 2);
    network.offer[0].event[1].default = false;
    assert_eq!(compile(network).offer(QUOTE).unwrap().default_event().unwrap().id.0, 1);
}

#[test]
fn the_hosts_of_an_offer_are_those_of_its_links_creatives_and_override_hosts() {
    let mut network = example();
    network.offer[0].creative[0].link = Some("https://Banner.Example:8443/x".to_owned());
    network.offer[0].link_override_hosts = vec!["shop.example".to_owned()];
    let snapshot = compile(network);
    let offer = snapshot.offer(QUOTE).unwrap();
    for host in ["lp.example", "banner.example", "SHOP.example"] {
        assert!(offer.is_own_host(host), "{host}");
    }
    assert!(!offer.is_own_host("evil.example") && !offer.is_own_host("x.lp.example"));
    assert!(offer.is_override_host("Shop.example") && !offer.is_override_host("lp.example"));
}

#[test]
fn without_p_the_cpa_campaign_is_chosen_else_the_lowest_numbered() {
    let snapshot = with(
        "[[campaign]]\nid=50\naffiliate=12\noffer=100\nprice_format=\"cpc\"
         [[campaign]]\nid=51\naffiliate=13\noffer=100\nprice_format=\"fixed\"
         [[campaign]]\nid=49\naffiliate=13\noffer=100\nprice_format=\"revshare\"",
    );
    let choose = |affiliate, format| snapshot.choose_campaign(affiliate, QUOTE, format, None).map(|c| c.id.0);
    assert_eq!(choose(TRAFFIC_CO, None), Some(57));
    assert_eq!(choose(TRAFFIC_CO, Some(PriceFormat::Cpc)), Some(50));
    assert_eq!(choose(TRAFFIC_CO, Some(PriceFormat::Cpm)), Some(57), "no match is as without it");
    assert_eq!(choose(AffiliateId(13), None), Some(49));
    assert_eq!(choose(AffiliateId(13), Some(PriceFormat::Fixed)), Some(51));
    assert_eq!(choose(AffiliateId(1), None), None);
    let ids: Vec<i64> = snapshot.campaigns(AffiliateId(13), QUOTE).map(|campaign| campaign.id.0).collect();
    assert_eq!(ids, [49, 51]);
}

#[test]
fn the_price_format_is_the_campaigns_else_the_contracts_else_the_offers() {
    let mut network = example();
    network.offer[0].price_format = PriceFormat::Fixed;
    network.offer[0].contract[0].price_format = Some(PriceFormat::Cpc);
    let mut own_terms = network.offer[0].contract[0].clone();
    own_terms.id = OfferContractId(901);
    own_terms.price_format = None;
    network.offer[0].contract.push(own_terms);
    network.campaign[0].price_format = None;
    let mut second = network.campaign[0].clone();
    second.id = CampaignId(58);
    second.offer_contract = Some(OfferContractId(901));
    network.campaign.push(second);
    let snapshot = compile(network);
    let choose = |format| snapshot.choose_campaign(TRAFFIC_CO, QUOTE, Some(format), None).unwrap().id.0;
    assert_eq!((choose(PriceFormat::Cpc), choose(PriceFormat::Fixed)), (57, 58));
}

#[test]
fn oc_picks_among_the_campaigns_of_that_offer_contract() {
    let mut network = example();
    let mut other = network.offer[0].contract[0].clone();
    other.id = OfferContractId(901);
    network.offer[0].contract.push(other);
    let mut second = network.campaign[0].clone();
    second.id = CampaignId(58);
    second.offer_contract = Some(OfferContractId(901));
    network.campaign.push(second);
    let snapshot = compile(network);
    let choose = |contract: i64| {
        snapshot.choose_campaign(TRAFFIC_CO, QUOTE, None, Some(OfferContractId(contract))).unwrap().id.0
    };
    assert_eq!((choose(900), choose(901), choose(5)), (57, 58, 57));
}

#[test]
fn a_blacklist_entry_holds_where_it_says_and_whole_affiliates_come_first() {
    let snapshot = with(
        "[[blacklist]]\naffiliate=12\nsub_id=\"x\"\nadvertiser=1\nredirect=\"offer\"
         [[blacklist]]\naffiliate=1\nsub_id=\"x\"
         [[blacklist]]\naffiliate=1\nredirect=\"404\"",
    );
    let quote = snapshot.offer(QUOTE).unwrap();
    let other = snapshot.offer(OfferId(101)).unwrap();
    let met = |affiliate, sub_id, offer| snapshot.blacklisted(AffiliateId(affiliate), sub_id, offer);
    let global = Blacklisted { sub_id: true, redirect: BlacklistRedirect::Global };
    assert_eq!(met(13, Some("bad"), quote), Some(global));
    assert_eq!(met(13, Some("bad"), other), None, "only on offer 100");
    assert_eq!(met(13, Some("good"), quote), None);
    assert_eq!(met(13, None, quote), None);
    let offer = Blacklisted { sub_id: true, redirect: BlacklistRedirect::Offer };
    assert_eq!(met(12, Some("x"), quote), Some(offer), "offer 100 is of advertiser 1");
    assert_eq!(met(12, Some("x"), other), None);
    let whole = Blacklisted { sub_id: false, redirect: BlacklistRedirect::NotFound };
    assert_eq!(met(1, Some("x"), other), Some(whole));
}

#[test]
fn sub_ids_are_turned_off_and_addresses_blocked() {
    let snapshot = compile(example());
    assert!(snapshot.is_sub_id_off(TRAFFIC_CO, "bad") && !snapshot.is_sub_id_off(TRAFFIC_CO, "Bad"));
    assert!(!snapshot.is_sub_id_off(AffiliateId(13), "bad"));
    for (address, blocked) in [("203.0.113.9", true), ("::ffff:203.0.113.9", true), ("203.0.114.1", false)] {
        assert_eq!(snapshot.is_blocked_ip(address.parse().unwrap()), blocked, "{address}");
    }
}

#[test]
fn only_the_campaigns_own_key_matches() {
    let snapshot = compile(example());
    let campaign = snapshot.campaign(CampaignId(57)).unwrap();
    assert!(snapshot.key_matches(campaign, "Ab3dE5gH1jK"));
    for wrong in ["", "ab3dE5gH1jK", "Ab3dE5gH1j", "Ab3dE5gH1jK "] {
        assert!(!snapshot.key_matches(campaign, wrong), "{wrong}");
    }
}

#[test]
fn a_key_of_the_environment_is_its_value_and_matches_nothing_where_it_is_missing() {
    // Cargo sets this variable for each test it runs.
    let there = compile(edited("Ab3dE5gH1jK", "env:CARGO_PKG_NAME"));
    let campaign = there.campaign(CampaignId(57)).unwrap();
    assert!(there.key_matches(campaign, "crumb-network"));
    assert!(!there.key_matches(campaign, "env:CARGO_PKG_NAME"));
    let missing = compile(edited("Ab3dE5gH1jK", "env:CRUMB_TEST_NOT_THERE"));
    let campaign = missing.campaign(CampaignId(57)).unwrap();
    assert!(!missing.key_matches(campaign, "") && !missing.key_matches(campaign, "env:CRUMB_TEST_NOT_THERE"));
    assert!(missing.missing_secrets().contains(&"campaign 57: CRUMB_TEST_NOT_THERE".to_owned()));
    // And this one to nothing, as the package has no home page.
    let empty = compile(edited("Ab3dE5gH1jK", "env:CARGO_PKG_HOMEPAGE"));
    let campaign = empty.campaign(CampaignId(57)).unwrap();
    assert!(!empty.key_matches(campaign, "") && !empty.key_matches(campaign, "env:CARGO_PKG_HOMEPAGE"));
    assert!(empty.missing_secrets().contains(&"campaign 57: CARGO_PKG_HOMEPAGE".to_owned()));
}

#[test]
fn the_secrets_of_signed_postbacks_and_of_webhooks_may_stand_in_the_environment_too() {
    let with = |name: &str| {
        let mut file = example();
        file.offer[0].postback_secret = Some(Secret::new(format!("env:{name}")));
        file.webhook[0].secret = Secret::new(format!("env:{name}"));
        file.webhook[0].status = crumb_domain::network::ActiveStatus::Active;
        compile(file)
    };
    let there = with("CARGO_PKG_NAME");
    assert_eq!(there.offer(QUOTE).unwrap().postback_secret(), Some("crumb-network"));
    let signed = |snapshot: &Snapshot| {
        let key = snapshot.webhook_key(crumb_domain::WebhookId(3)).ok()?;
        Some(key.signature("msg_1", NOW, "{}"))
    };
    let mut written = example();
    written.webhook[0].secret = Secret::new("crumb-network");
    written.webhook[0].status = crumb_domain::network::ActiveStatus::Active;
    assert_eq!(signed(&there), signed(&compile(written)));
    assert!(signed(&there).is_some());
    let missing = with("CRUMB_TEST_NOT_THERE");
    assert_eq!((missing.offer(QUOTE).unwrap().postback_secret(), signed(&missing)), (None, None));
    for place in ["offer 100", "webhook 3"] {
        let named = format!("{place}: CRUMB_TEST_NOT_THERE");
        assert!(missing.missing_secrets().contains(&named), "{:?}", missing.missing_secrets());
    }
}

#[test]
fn a_new_version_shares_what_did_not_change() {
    let before = compile(example());
    let mut network = example();
    network.affiliate[0].name = "Renamed".to_owned();
    let after = Snapshot::compile_after(Some(&before), network, ConfigVersion(4)).unwrap();
    assert!(std::ptr::eq(before.offer(QUOTE).unwrap(), after.offer(QUOTE).unwrap()));
    assert!(std::ptr::eq(before.vertical(VerticalId(1)).unwrap(), after.vertical(VerticalId(1)).unwrap()));
}

#[test]
fn secrets_of_contracts_that_the_environment_lacks_are_named_too() {
    let mut file = example();
    file.contract[0].ping = None;
    let post = &mut file.contract[0].post;
    post.headers.clear();
    post.headers.insert("X-Api-Key".to_owned(), Secret::new("env:CRUMB_TEST_NO_HEADER"));
    post.headers.insert("X-Other".to_owned(), Secret::new("env:CRUMB_TEST_NO_HEADER"));
    post.auth = Some(DeliveryAuth::Bearer(Secret::new("env:CRUMB_TEST_NO_TOKEN")));
    assert_eq!(
        compile(file).missing_secrets(),
        ["contract 7: CRUMB_TEST_NO_HEADER", "contract 7: CRUMB_TEST_NO_TOKEN"]
    );
}
