//! What the server itself changes: campaigns made when needed, contracts switched off.

use super::*;
use crate::{FIRST_SERVER_CAMPAIGN, Made, SwitchedOff, SwitchedOffTold, Told};
use crumb_domain::network::ActiveStatus;
use crumb_domain::selling::{Alert, AlertCode};
use crumb_domain::{AffiliateId, CampaignId, ConfigVersion, ContractId, Money, OfferContractId, OfferId};
use crumb_storage::selling::PostFailures;

const OTHER: AffiliateId = AffiliateId(13);

async fn ensure(live: &Live, affiliate: AffiliateId, offer: OfferId, why: Made) -> CampaignId {
    live.ensure_campaign(affiliate, offer, None, why, NOW, &mut rng()).await.unwrap()
}

const FAILED: PostFailures = PostFailures { failed: 2, of: 3 };

#[tokio::test]
async fn the_server_makes_a_campaign_at_the_offers_default_payout() {
    let (live, store) = running().await;
    let id = ensure(&live, OTHER, OfferId(100), Made::RunAtOnce).await;
    assert_eq!(id, FIRST_SERVER_CAMPAIGN);
    let snapshot = live.snapshot();
    let campaign = snapshot.campaign(id).unwrap();
    assert_eq!((campaign.affiliate, campaign.offer, campaign.payout), (OTHER, OfferId(100), None));
    assert_eq!(campaign.key.as_ref().unwrap().expose().len(), 11);
    assert_eq!(snapshot.version(), ConfigVersion(2));
    assert!(store.entity("campaign:1000001").unwrap().document.contains("\"made_by_server\":true"));
    assert_eq!(store.last_change().summary, "campaign 1000001 made for affiliate 13 on offer 100");
    assert_eq!(ensure(&live, OTHER, OfferId(101), Made::Redirected).await, CampaignId(1_000_002));
}

#[tokio::test]
async fn the_internal_affiliates_campaign_pays_nothing() {
    let (live, _) = running().await;
    for (offer, why) in [(OfferId(100), Made::Internal), (OfferId(101), Made::Redirected)] {
        let id = ensure(&live, AffiliateId(1), offer, why).await;
        assert_eq!(live.snapshot().campaign(id).unwrap().payout, Some(Money::ZERO));
    }
}

#[tokio::test]
async fn a_written_campaign_is_used_where_there_is_one() {
    let (live, store) = running().await;
    assert_eq!(ensure(&live, AffiliateId(12), OfferId(100), Made::RunAtOnce).await, CampaignId(57));
    assert_eq!(store.count(), 1);
}

#[tokio::test]
async fn a_campaign_is_made_on_the_contract_that_the_link_names_if_the_offer_has_it() {
    let (live, _) = running().await;
    let make = async |offer, contract| {
        let contract = Some(OfferContractId(contract));
        let id =
            live.ensure_campaign(OTHER, OfferId(offer), contract, Made::RunAtOnce, NOW, &mut rng()).await;
        live.snapshot().campaign(id.unwrap()).unwrap().offer_contract
    };
    assert_eq!(make(100, 900).await, Some(OfferContractId(900)));
    assert_eq!(make(101, 900).await, None);
}

#[tokio::test]
async fn of_many_first_clicks_at_once_exactly_one_makes_the_campaign() {
    let (live, store) = running().await;
    let other = Arc::new(LiveNetwork::load(store.clone()).await.unwrap());
    let live = Arc::new(live);
    let tasks: Vec<_> = (0..40)
        .map(|i| {
            let node = if i % 2 == 0 { live.clone() } else { other.clone() };
            tokio::spawn(async move { ensure(&node, OTHER, OfferId(100), Made::RunAtOnce).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), FIRST_SERVER_CAMPAIGN);
    }
    assert_eq!(store.count(), 2, "one version for the file, one for the campaign");
    other.refresh().await.unwrap();
    assert_eq!(other.snapshot().campaigns(OTHER, OfferId(100)).count(), 1);
}

#[tokio::test]
async fn a_taken_id_is_passed_over() {
    let (live, _) = running().await;
    apply(&live, toml("[[campaign]]\nid=1000001\naffiliate=12\noffer=101")).await;
    assert_eq!(ensure(&live, OTHER, OfferId(101), Made::RunAtOnce).await, CampaignId(1_000_002));
}

#[tokio::test]
async fn no_campaign_is_made_for_what_the_network_does_not_have() {
    let (live, _) = running().await;
    let error =
        live.ensure_campaign(AffiliateId(99), OfferId(100), None, Made::RunAtOnce, NOW, &mut rng()).await;
    assert_eq!(error.unwrap_err().to_string(), "no campaign can be made: no affiliate 99");
    let error = live.ensure_campaign(OTHER, OfferId(9), None, Made::RunAtOnce, NOW, &mut rng()).await;
    assert_eq!(error.unwrap_err().to_string(), "no campaign can be made: no offer 9");
}

#[tokio::test]
async fn the_servers_campaign_id_cannot_be_taken_for_another_affiliate_or_offer() {
    let (live, _) = running().await;
    ensure(&live, OTHER, OfferId(100), Made::RunAtOnce).await;
    assert_eq!(
        faults(&live, &toml("[[campaign]]\nid=1000001\naffiliate=12\noffer=101")).await,
        [
            "campaign[0].id: campaign 1000001 was made by the server for affiliate 13 on offer 100; take another id"
        ]
    );
    // Its terms may be written, and it stays the server's for `--prune`.
    apply(&live, toml("[[campaign]]\nid=1000001\naffiliate=13\noffer=100\npayout=\"3.00\"")).await;
    assert!(live.snapshot().campaign(FIRST_SERVER_CAMPAIGN).unwrap().made_by_server);
}

#[tokio::test]
async fn a_person_may_write_a_campaign_where_the_server_made_one_and_it_goes_first() {
    let (live, _) = running().await;
    ensure(&live, OTHER, OfferId(100), Made::RunAtOnce).await;
    apply(
        &live,
        toml(
            "[[campaign]]\nid=2000000\naffiliate=13\noffer=101\n[[campaign]]\nid=61\naffiliate=13\noffer=100",
        ),
    )
    .await;
    let snapshot = live.snapshot();
    assert_eq!(snapshot.choose_campaign(OTHER, OfferId(100), None, None).unwrap().id, CampaignId(61));
    // A higher id does not put it behind, where its price format lets both stand.
    let (live, _) = empty().await;
    apply(&live, edited("price_format = \"cpa\"", "price_format = \"fixed\"")).await;
    ensure(&live, OTHER, OfferId(100), Made::RunAtOnce).await;
    let cpc = "[[campaign]]\nid=2000000\naffiliate=13\noffer=100\nprice_format=\"cpc\"";
    apply(&live, toml(cpc)).await;
    let chosen = live.snapshot().choose_campaign(OTHER, OfferId(100), None, None).unwrap().id;
    assert_eq!(chosen, CampaignId(2_000_000));
}

#[tokio::test]
async fn a_mark_that_a_person_set_by_mistake_goes_with_its_version_and_takes_no_ids() {
    let (live, _) = running().await;
    let mark = "[[campaign]]\nid=57\naffiliate=12\noffer=100\noffer_contract=900\nmade_by_server=true\n\
                [[campaign]]\nid=2147483647\naffiliate=12\noffer=101\nmade_by_server=true";
    apply(&live, toml(mark)).await;
    assert_eq!(ensure(&live, OTHER, OfferId(100), Made::RunAtOnce).await, FIRST_SERVER_CAMPAIGN);
    assert_eq!(ensure(&live, OTHER, OfferId(101), Made::RunAtOnce).await.0, FIRST_SERVER_CAMPAIGN.0 + 1);
    live.revert(ConfigVersion(1), NOW).await.unwrap();
    assert!(!live.snapshot().campaign(CampaignId(57)).unwrap().made_by_server);
    assert!(live.snapshot().campaign(FIRST_SERVER_CAMPAIGN).unwrap().made_by_server);
}

#[tokio::test]
async fn what_the_server_made_is_there_after_a_restart() {
    let (live, store) = running().await;
    let id = ensure(&live, OTHER, OfferId(100), Made::RunAtOnce).await;
    live.switch_off(ContractId(7), FAILED, NOW).await.unwrap();
    let again = LiveNetwork::load(store).await.unwrap().snapshot();
    assert_eq!(again.network(), live.snapshot().network());
    assert!(again.campaign(id).unwrap().made_by_server && again.is_switched_off(ContractId(7)));
}

#[tokio::test]
async fn a_contract_that_the_server_switched_off_stays_so_until_it_is_switched_on() {
    let (live, _) = running().await;
    let off = live.switch_off(ContractId(7), FAILED, NOW).await.unwrap();
    assert_eq!(off.plan.to_string(), "~ contract 7: switched off by the server\n");
    assert!(apply(&live, example()).await.plan.is_empty());
    apply(&live, edited("name = \"CA only\"", "name = \"CA and NV\"")).await;
    assert!(live.snapshot().is_switched_off(ContractId(7)));
    assert_eq!(live.snapshot().network().contract[0].status, ActiveStatus::Active, "the file's word is kept");
    let on = live.switch_on(ContractId(7), NOW).await.unwrap();
    assert_eq!(on.version, ConfigVersion(4));
    assert!(!live.snapshot().is_switched_off(ContractId(7)));
    let again = live.switch_on(ContractId(7), NOW).await.unwrap();
    assert!(again.plan.is_empty() && again.version == ConfigVersion(4));
}

/// A network that tells of contracts which are switched off, each by an alert.
async fn telling() -> (Live, Arc<MemoryStore>) {
    let (live, store) = running().await;
    let told: SwitchedOffTold = Arc::new(|after, contracts, at| {
        let alert = |off: &SwitchedOff| Alert {
            at,
            code: AlertCode::ContractSwitchedOff,
            contract: Some(off.contract),
            buyer: Some(off.buyer),
            lead: None,
            text: format!("{:?} of {} contracts", off.failures, after.network().contract.len()),
        };
        Told { deliveries: Vec::new(), alerts: contracts.iter().map(alert).collect() }
    });
    (live.telling_of_switched_off(told), store)
}

/// What the last change told of contracts, and whose failures it forgot.
fn last_told(store: &MemoryStore) -> (Vec<String>, Vec<ContractId>) {
    let (alerts, forgiven) = store.told.lock().unwrap().last().cloned().unwrap();
    assert!(alerts.iter().all(|alert| alert.contract == Some(ContractId(7)) && alert.at == NOW));
    (alerts.into_iter().map(|alert| alert.text).collect(), forgiven)
}

#[tokio::test]
async fn a_contract_that_is_switched_off_is_told_with_that_change_and_no_other() {
    let (live, store) = telling().await;
    live.switch_off(ContractId(7), FAILED, NOW).await.unwrap();
    let by_server = "Some(PostFailures { failed: 2, of: 3 }) of 1 contracts".to_owned();
    assert_eq!(last_told(&store), (vec![by_server], vec![]));
    apply(&live, edited("name = \"CA only\"", "name = \"CA and NV\"")).await;
    assert_eq!(last_told(&store), (vec![], vec![]), "it stays off");
    live.switch_on(ContractId(7), NOW).await.unwrap();
    assert_eq!(last_told(&store), (vec![], vec![ContractId(7)]));
    let by_person = vec!["None of 1 contracts".to_owned()];
    let text = "name = \"CA only\"\nstatus = \"active\"";
    apply(&live, edited(text, &text.replace("active", "inactive"))).await;
    assert_eq!(last_told(&store), (by_person.clone(), vec![]));
    let written = live.revert(ConfigVersion(4), NOW).await.unwrap();
    assert_eq!(last_told(&store), (vec![], vec![ContractId(7)]), "{}", written.version);
    live.revert(ConfigVersion(5), NOW).await.unwrap();
    assert_eq!(last_told(&store), (by_person, vec![]));
}

#[tokio::test]
async fn contract_on_switches_on_what_a_person_wrote_inactive_too() {
    let (live, _) = running().await;
    let text = "name = \"CA only\"\nstatus = \"active\"";
    apply(&live, edited(text, &text.replace("active", "inactive"))).await;
    live.switch_on(ContractId(7), NOW).await.unwrap();
    assert_eq!(live.snapshot().network().contract[0].status, ActiveStatus::Active);
    let error = live.switch_on(ContractId(8), NOW).await.unwrap_err();
    assert_eq!(error.to_string(), "no contract 8");
}

#[tokio::test]
async fn one_more_campaign_does_not_compile_the_network_again() {
    let (live, _) = running().await;
    let before = live.snapshot();
    ensure(&live, OTHER, OfferId(100), Made::RunAtOnce).await;
    let after = live.snapshot();
    assert!(std::ptr::eq(before.offer(OfferId(100)).unwrap(), after.offer(OfferId(100)).unwrap()));
    assert_eq!(after.campaigns(OTHER, OfferId(100)).count(), 1);
    let ids: Vec<i64> = after.network().campaign.iter().map(|campaign| campaign.id.0).collect();
    assert_eq!(ids, [57, 1_000_001]);
}
