//! Plan and apply.

use super::*;
use crumb_domain::network::{BuyerCredit, Event, OfferStatus, Secret};
use crumb_domain::{AffiliateId, BuyerId, CampaignId, ConfigVersion, CreativeId, EventId, OfferId};
use crumb_storage::configuration::HistoryOf;

#[tokio::test]
async fn apply_makes_the_network_and_tells_the_new_version() {
    let (live, store) = empty().await;
    let applied = apply(&live, example()).await;
    assert_eq!(applied.version, ConfigVersion(1));
    assert_eq!(live.snapshot().version(), ConfigVersion(1));
    assert!(live.snapshot().offer(OfferId(100)).is_some());
    assert_eq!(store.count(), 1, "all of it is one version");
    assert_eq!(store.last_change().summary, "apply: 13 made, 0 changed, 0 gone");
}

#[tokio::test]
async fn applying_again_is_harmless() {
    let (live, store) = running().await;
    let applied = apply(&live, example()).await;
    assert!(applied.plan.is_empty());
    assert_eq!((applied.version, store.count()), (ConfigVersion(1), 1));
}

#[tokio::test]
async fn plan_says_what_would_change_and_changes_nothing() {
    let (live, store) = running().await;
    let file = edited("payout = \"10.00\"", "payout = \"12.00\"");
    assert_eq!(planned(&live, &file, false).await, ["~ offer 100: payout 10.00 → 12.00"]);
    assert_eq!(store.count(), 1);
}

#[tokio::test]
async fn a_preview_is_the_network_as_it_would_be_and_nothing_is_kept() {
    let (live, store) = running().await;
    let file = edited("payout = \"10.00\"", "payout = \"12.00\"");
    let preview = live.preview(&file, false).await.unwrap();
    let payout = |snapshot: &crate::Snapshot| snapshot.offer(OfferId(100)).unwrap().payout.to_string();
    assert_eq!((payout(&preview), payout(&live.snapshot())), ("12.00".to_owned(), "10.00".to_owned()));
    assert_eq!(store.count(), 1);
    let mut faulty = example();
    faulty.campaign[0].offer = OfferId(999);
    assert!(live.preview(&faulty, false).await.is_err());
}

#[tokio::test]
async fn an_earlier_version_can_be_read_as_it_was() {
    let (live, _) = running().await;
    apply(&live, edited("payout = \"10.00\"", "payout = \"12.00\"")).await;
    let payout = async |version| {
        let snapshot = live.version(ConfigVersion(version)).await.unwrap();
        snapshot
            .map(|snapshot| (snapshot.version().0, snapshot.offer(OfferId(100)).unwrap().payout.to_string()))
    };
    assert_eq!(payout(1).await, Some((1, "10.00".to_owned())));
    assert_eq!(payout(2).await, Some((2, "12.00".to_owned())));
    assert_eq!(payout(3).await, None);
}

#[tokio::test]
async fn a_plan_names_each_change() {
    let (live, store) = running().await;
    store.remember(HistoryOf::Creative(CreativeId(1057)));
    let mut file = edited("time_zone = \"America/New_York\"", "time_zone = \"UTC\"");
    file.vertical[0].router.resell_limit = 4;
    file.vertical[0].field.remove(3);
    file.vertical[0].field[1].required = true;
    file.offer[0].creative[0].id = CreativeId(1058);
    file.offer[0].contract[0].payout = None;
    file.offer[0].event[0].name = "Sale".to_owned();
    file.offer[0].countries.clear();
    file.campaign[0].key = Some(Secret::new("another key"));
    file.campaign.push(toml("[[campaign]]\nid=58\naffiliate=13\noffer=100").campaign.remove(0));
    file.contract[0].post.headers.insert("X-Api-Key".to_owned(), Secret::new("hush"));
    file.contract[0].post.params.clear();
    file.contract[0].schedule[0].cap = Some(60);
    file.contract[0].ping = None;
    file.blacklist[0].redirect = crumb_domain::network::BlacklistRedirect::NotFound;
    let plan = live.plan(&file, true, Secrets::Masked).await.unwrap().to_string();
    for secret in ["another key", "hush", "Ab3dE5gH1jK", "user:password"] {
        assert!(!plan.contains(secret), "the plan shows {secret}");
    }
    insta::assert_snapshot!(plan);
}

#[tokio::test]
async fn a_plan_tells_rows_of_schedules_and_caps_apart() {
    let (live, _) = running().await;
    let mut file = example();
    let second = file.contract[0].schedule[0].clone();
    file.contract[0].schedule[0].price = "42.00".parse().unwrap();
    file.contract[0].schedule.push(second);
    let lines = planned(&live, &file, false).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(": schedule[0].price 30.00 → 42.00, schedule[1] none → {"), "{lines:?}");
}

#[tokio::test]
async fn a_plan_tells_that_members_stand_in_another_order() {
    let (live, _) = running().await;
    let mut file = example();
    file.vertical[0].field.swap(0, 1);
    assert_eq!(planned(&live, &file, false).await, ["~ vertical 1: order of fields"]);
}

#[tokio::test]
async fn what_the_file_does_not_mention_stays() {
    let (live, _) = running().await;
    apply(&live, toml("[[affiliate]]\nid=14\nname=\"New\"")).await;
    let snapshot = live.snapshot();
    assert_eq!(snapshot.network().affiliate.len(), 4);
    assert_eq!(snapshot.settings().name, "Example");
    assert!(snapshot.campaign(CampaignId(57)).is_some());
    assert_eq!(snapshot.network().blacklist.len(), 1);
}

#[tokio::test]
async fn a_file_may_mention_only_a_campaign_of_a_stored_offer() {
    let (live, _) = running().await;
    let file = toml("[[campaign]]\nid=60\naffiliate=13\noffer=100");
    assert_eq!(planned(&live, &file, false).await, ["+ campaign 60"]);
}

#[tokio::test]
async fn an_entity_that_is_mentioned_is_replaced_as_a_whole() {
    let (live, _) = running().await;
    apply(&live, toml("[[affiliate]]\nid=12\nname=\"Traffic Co\"")).await;
    let snapshot = live.snapshot();
    let affiliate = snapshot.affiliate(AffiliateId(12)).unwrap();
    assert_eq!((affiliate.postback_url.as_deref(), affiliate.turned_off_sub_ids.len()), (None, 0));
}

#[tokio::test]
async fn nested_lists_become_exactly_what_is_given() {
    let (live, _) = running().await;
    let text =
        "[[offer]]\nid=100\nname=\"Free quote\"\nvertical=1\ntype=\"hosted\"\nlink=\"https://lp.example/\"
        [[offer.creative]]\nid=2000\nname=\"Banner\"";
    let refused = faults(&live, &toml(text)).await;
    assert_eq!(refused, ["campaign 57.offer_contract: offer 100 has no contract 900"]);
    let mut file = toml(text);
    file.campaign = toml("[[campaign]]\nid=57\naffiliate=12\noffer=100").campaign;
    apply(&live, file).await;
    let snapshot = live.snapshot();
    let offer = snapshot.offer(OfferId(100)).unwrap();
    assert_eq!(offer.offer.creative.len(), 1);
    assert!(snapshot.creative(CreativeId(1057)).is_none());
    assert!(offer.offer.contract.is_empty() && offer.offer.event.is_empty());
}

#[tokio::test]
async fn an_event_with_conversions_is_made_inactive_instead_of_deleted() {
    let (live, store) = running().await;
    let mut before = example();
    before.offer[0].event.push(toml_event(2, "sale", ""));
    before.offer[0].event.push(toml_event(3, "refill", ""));
    apply(&live, before).await;
    for id in [1, 2] {
        store.remember(HistoryOf::Event(OfferId(100), EventId(id)));
    }
    // Another has the place of the first, and is called as the second was.
    let mut file = example();
    file.offer[0].event = vec![toml_event(4, "sale", "default = true")];
    let gone = [
        "+ event 4 of offer 100",
        "- event 1 of offer 100 (made inactive: it has conversions)",
        "- event 2 of offer 100 (made inactive: it has conversions)",
        "- event 3 of offer 100",
    ];
    assert_eq!(planned(&live, &file, false).await, gone);
    apply(&live, file.clone()).await;
    let snapshot = live.snapshot();
    let offer = snapshot.offer(OfferId(100)).unwrap();
    let ids = |events: &[Event]| events.iter().map(|event| event.id.0).collect::<Vec<_>>();
    assert_eq!((ids(&offer.offer.event), ids(offer.events())), (vec![4, 1, 2], vec![4]));
    assert_eq!(offer.default_event().unwrap().id, EventId(4));
    // Pixels find it no more, and its conversions still do.
    assert_eq!(
        (offer.event("1"), offer.event("conv"), offer.event("sale").unwrap().id),
        (None, None, EventId(4))
    );
    assert_eq!(offer.known_event(EventId(2)).unwrap().short, None);
    assert_eq!(offer.known_event(EventId(1)).unwrap().short.as_deref(), Some("conv"));
    assert!(apply(&live, file).await.plan.is_empty(), "and then it is as the file says");
    // Whoever mentions it again has it again.
    let mut file = example();
    file.offer[0].event.push(toml_event(4, "sale", ""));
    apply(&live, file).await;
    let snapshot = live.snapshot();
    assert_eq!(ids(snapshot.offer(OfferId(100)).unwrap().events()), [1, 4]);
}

#[tokio::test]
async fn an_offer_whose_events_are_all_inactive_has_event_1() {
    let (live, store) = running().await;
    store.remember(HistoryOf::Event(OfferId(100), EventId(1)));
    let mut file = example();
    file.offer[0].event.clear();
    apply(&live, file).await;
    let snapshot = live.snapshot();
    let [event] = snapshot.offer(OfferId(100)).unwrap().events() else { panic!() };
    assert_eq!((event.id, event.name.as_str(), event.payout), (EventId(1), "Conversion", None));
    let mut file = example();
    file.offer[0].event[0].status = crumb_domain::network::ActiveStatus::Inactive;
    let refused = ["offer[0].event[0].default: an inactive event cannot be the default"];
    assert_eq!(faults(&live, &file).await, refused);
}

fn toml_event(id: i64, short: &str, more: &str) -> Event {
    let text = format!("id = {id}\nname = \"Event {id}\"\nshort = \"{short}\"\n{more}");
    ::toml::from_str(&text).unwrap()
}

#[tokio::test]
async fn a_network_keeps_its_currency_once_money_has_moved() {
    let (live, store) = running().await;
    let change = |to: &str| edited("currency = \"USD\"", &format!("currency = \"{to}\""));
    assert_eq!(planned(&live, &change("EUR"), false).await, ["~ network: currency USD → EUR"]);
    apply(&live, change("EUR")).await;
    store.remember(HistoryOf::Ledger);
    let refused =
        ["network.currency: cannot become GBP: the ledger has entries in EUR, and what has been sold and \
                    paid keeps its currency"];
    assert_eq!(faults(&live, &change("GBP")).await, refused);
    assert!(planned(&live, &change("eur"), false).await.is_empty(), "the same one, written otherwise");
    // Nor by going back to when it was another.
    let error = live.revert(ConfigVersion(1), NOW).await.unwrap_err();
    assert!(error.to_string().contains("network.currency: cannot become USD"), "{error}");
}

#[tokio::test]
async fn a_creative_with_clicks_is_made_inactive_instead_of_deleted() {
    let (live, store) = running().await;
    store.remember(HistoryOf::Creative(CreativeId(1057)));
    let mut file = example();
    file.offer[0].creative[0].id = CreativeId(1058);
    assert_eq!(
        planned(&live, &file, false).await,
        ["+ creative 1058", "- creative 1057 (made inactive: it has clicks)"]
    );
    apply(&live, file.clone()).await;
    let snapshot = live.snapshot();
    let (_, creative) = snapshot.creative(CreativeId(1057)).unwrap();
    assert_eq!(creative.status, crumb_domain::network::ActiveStatus::Inactive);
    assert!(apply(&live, file).await.plan.is_empty(), "and then it is as the file says");
}

#[tokio::test]
async fn a_faulty_file_changes_nothing() {
    let (live, store) = running().await;
    let mut file = edited("name = \"Acme\"", "name = \"Acme 2\"");
    file.campaign[0].offer = OfferId(999);
    let error = live.apply(file, false, NOW, &mut rng()).await.unwrap_err();
    assert_eq!(error.to_string(), "campaign[0].offer: no offer 999");
    assert_eq!((live.snapshot().version(), store.count()), (ConfigVersion(1), 1));
}

#[tokio::test]
async fn an_omitted_key_keeps_the_present_one_and_a_new_campaign_gets_a_random_one() {
    let (live, _) = running().await;
    let mut file = edited("key = \"Ab3dE5gH1jK\"", "");
    file.campaign.push(toml("[[campaign]]\nid=58\naffiliate=13\noffer=100").campaign.remove(0));
    assert_eq!(planned(&live, &file, false).await, ["+ campaign 58"]);
    apply(&live, file.clone()).await;
    let key = |id| live.snapshot().campaign(CampaignId(id)).unwrap().key.clone().unwrap().expose().to_owned();
    assert_eq!(key(57), "Ab3dE5gH1jK");
    let random = key(58);
    assert!(random.len() == 11 && random.bytes().all(|b| b.is_ascii_alphanumeric()), "{random}");
    assert!(apply(&live, file).await.plan.is_empty());
    assert_eq!(key(58), random);
}

#[tokio::test]
async fn balance_is_an_opening_balance_read_only_when_the_buyer_is_made() {
    let (live, store) = running().await;
    let file = edited("balance = \"100.00\", limit = \"0.00\"", "balance = \"900.00\", limit = \"0.00\"");
    assert!(apply(&live, file).await.plan.is_empty());
    let file = edited("balance = \"100.00\", limit = \"0.00\"", "balance = \"900.00\", limit = \"5.00\"");
    assert_eq!(planned(&live, &file, false).await, ["~ buyer 5: credit.limit 0.00 → 5.00"]);
    apply(&live, file).await;
    let BuyerCredit::Prepaid { balance, limit } = live.snapshot().network().buyer[0].credit.clone() else {
        panic!("no credit")
    };
    assert_eq!((balance.to_string(), limit.to_string()), ("100.00".to_owned(), "5.00".to_owned()));
    let opened = store.opened.lock().unwrap().clone();
    assert_eq!(opened, [vec![(BuyerId(5), "100.00".parse().unwrap())], vec![]]);
}

#[tokio::test]
async fn a_buyer_on_unlimited_credit_opens_its_account_once_it_is_prepaid() {
    let (live, store) = empty().await;
    let credit = "credit = { type = \"prepaid\", balance = \"100.00\", limit = \"0.00\" }";
    apply(&live, edited(credit, "")).await;
    apply(&live, example()).await;
    let opening = vec![(BuyerId(5), "100.00".parse().unwrap())];
    assert_eq!(*store.opened.lock().unwrap(), [vec![], opening]);
}

#[tokio::test]
async fn countries_are_kept_in_upper_case() {
    let (live, _) = running().await;
    assert_eq!(live.snapshot().offer(OfferId(100)).unwrap().offer.countries, ["US", "CA"]);
}

#[tokio::test]
async fn every_version_is_kept_and_listed() {
    let (live, _) = running().await;
    apply(&live, edited("status = \"public\"", "status = \"private\"")).await;
    let versions = live.versions(Default::default()).await.unwrap();
    let listed: Vec<i64> = versions.data.iter().map(|info| info.version.0).collect();
    assert_eq!((listed, versions.total), (vec![2, 1], 2));
}

#[tokio::test]
async fn revert_makes_a_new_version_equal_to_an_earlier_one() {
    let (live, _) = running().await;
    let before = live.export(true).await;
    let mut file = edited("status = \"public\"", "status = \"inactive\"");
    file.affiliate.push(toml("[[affiliate]]\nid=14\nname=\"New\"").affiliate.remove(0));
    apply(&live, file).await;
    assert_eq!(live.snapshot().offer(OfferId(100)).unwrap().offer.status, OfferStatus::Inactive);
    let reverted = live.revert(ConfigVersion(1), NOW).await.unwrap();
    assert_eq!(reverted.version, ConfigVersion(3));
    assert_eq!(live.export(true).await, before);
    let lines: Vec<String> = reverted.plan.lines.iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["~ offer 100: status inactive → public", "- affiliate 14"]);
}

#[tokio::test]
async fn revert_keeps_what_has_history_and_what_the_server_made() {
    let (live, store) = running().await;
    apply(&live, toml("[[affiliate]]\nid=14\nname=\"New\"")).await;
    let made = live
        .ensure_campaign(AffiliateId(14), OfferId(101), None, crate::Made::RunAtOnce, NOW, &mut rng())
        .await
        .unwrap();
    store.remember(HistoryOf::Affiliate(AffiliateId(14)));
    live.revert(ConfigVersion(1), NOW).await.unwrap();
    let snapshot = live.snapshot();
    assert!(snapshot.campaign(made).unwrap().made_by_server);
    let affiliate = snapshot.affiliate(AffiliateId(14)).unwrap();
    assert_eq!(affiliate.status, crumb_domain::network::AffiliateStatus::Inactive);
}

#[tokio::test]
async fn there_is_no_reverting_to_a_version_that_never_was() {
    let (live, _) = running().await;
    for never in [9, 0, -1] {
        let error = live.revert(ConfigVersion(never), NOW).await.unwrap_err();
        assert_eq!(error.to_string(), format!("no version {never}"));
    }
}

#[tokio::test]
async fn a_change_by_another_node_is_taken_up() {
    let (live, store) = running().await;
    let other = LiveNetwork::load(store).await.unwrap();
    assert!(!live.refresh().await.unwrap());
    apply(&other, edited("status = \"public\"", "status = \"private\"")).await;
    assert!(live.refresh().await.unwrap());
    assert_eq!(live.snapshot().version(), ConfigVersion(2));
    // A change rests on what is present, also if nobody refreshed.
    apply(&live, edited("name = \"Acme\"", "name = \"Acme 2\"")).await;
    assert_eq!(apply(&other, example()).await.version, ConfigVersion(4));
}

#[tokio::test]
async fn many_changes_at_once_by_two_nodes_all_happen() {
    let (live, store) = running().await;
    let other = LiveNetwork::load(store.clone()).await.unwrap();
    let add = |live, id: i64| {
        let live: &Live = live;
        let file = toml(&format!("[[affiliate]]\nid={id}\nname=\"New\""));
        async move { live.apply(file, false, NOW, &mut rng()).await.unwrap() }
    };
    tokio::join!(add(&live, 20), add(&other, 21), add(&live, 22), add(&other, 23), add(&live, 24));
    live.refresh().await.unwrap();
    assert_eq!(live.snapshot().network().affiliate.len(), 8);
    assert_eq!(store.count(), 6);
}

#[tokio::test]
async fn a_line_of_a_plan_stays_a_line_whatever_a_name_holds() {
    let (live, _) = running().await;
    let entry = toml("[[blacklist]]\naffiliate=13\nsub_id=\"a\\n+ offer 9\\u001b[2J\"");
    assert_eq!(planned(&live, &entry, false).await, ["+ blacklist of affiliate 13 sub id a + offer 9 [2J"]);
    let renamed = toml("[[advertiser]]\nid=1\nname=\"a\\nb\"");
    assert_eq!(planned(&live, &renamed, false).await, ["~ advertiser 1: name Acme → a b"]);
}

#[tokio::test]
async fn reverting_to_a_version_without_settings_restores_the_defaults() {
    let (live, _) = empty().await;
    apply(&live, toml("[[affiliate]]\nid=14\nname=\"New\"")).await;
    apply(&live, toml("[network]\nname=\"Example\"\ninternal_affiliate=14\ncurrency=\"EUR\"")).await;
    assert_eq!(live.snapshot().settings().currency, "EUR");
    let reverted = live.revert(ConfigVersion(1), NOW).await.unwrap();
    assert_eq!(reverted.plan.to_string().trim_end(), "- network");
    assert_eq!(live.export(true).await.network, None);
    assert_eq!(live.snapshot().settings(), &crumb_domain::network::Settings::default());
    assert!(live.revert(ConfigVersion(2), NOW).await.unwrap().version == ConfigVersion(4));
    assert_eq!(live.snapshot().settings().currency, "EUR");
}

#[tokio::test]
async fn an_opening_balance_counts_once_whatever_the_terms_become() {
    let (live, store) = empty().await;
    let buyer = |credit: &str| toml(&format!("[[buyer]]\nid=5\nname=\"Big\"\ncredit={{{credit}}}"));
    let opening = |live: &Live| match live.snapshot().network().buyer[0].credit {
        BuyerCredit::Prepaid { balance, .. } => Some(balance.to_string()),
        BuyerCredit::Unlimited => None,
    };
    apply(&live, buyer("type=\"unlimited\"")).await;
    apply(&live, buyer("type=\"prepaid\",balance=\"100.00\"")).await;
    assert_eq!(opening(&live).as_deref(), Some("100.00"), "it was never read before");
    apply(&live, buyer("type=\"unlimited\"")).await;
    assert_eq!(opening(&live), None);
    apply(&live, buyer("type=\"prepaid\",balance=\"250.00\"")).await;
    assert_eq!(opening(&live).as_deref(), Some("100.00"));
    let opened = (BuyerId(5), "100.00".parse().unwrap());
    assert_eq!(*store.opened.lock().unwrap(), [vec![], vec![opened], vec![], vec![]]);
}
