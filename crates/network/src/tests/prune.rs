//! `--prune`: what is not mentioned goes, but for what has to stay.

use super::*;
use crate::Made;
use crumb_domain::network::{ActiveStatus, AffiliateStatus, OfferStatus};
use crumb_domain::{AffiliateId, BuyerId, CampaignId, ContractId, OfferId, VerticalId};
use crumb_storage::configuration::HistoryOf;

#[tokio::test]
async fn what_the_file_does_not_mention_goes() {
    let (live, _) = running().await;
    let mut file = example();
    file.blacklist.clear();
    file.affiliate.remove(2);
    file.contract.clear();
    file.buyer.clear();
    file.webhook.clear();
    assert_eq!(
        planned(&live, &file, true).await,
        [
            "- blacklist of affiliate 13 sub id bad on offer 100",
            "- affiliate 13",
            "- buyer 5",
            "- contract 7",
            "- webhook 3"
        ]
    );
    assert!(planned(&live, &file, false).await.is_empty(), "without --prune it stays");
    live.apply(file, true, NOW, &mut rng()).await.unwrap();
    assert!(live.snapshot().affiliate(AffiliateId(13)).is_none());
}

#[tokio::test]
async fn what_has_history_is_made_inactive_instead() {
    let (live, store) = running().await;
    store.remember(HistoryOf::Campaign(CampaignId(57)));
    store.remember(HistoryOf::Affiliate(AffiliateId(12)));
    store.remember(HistoryOf::Offer(OfferId(100)));
    let file = toml("[[affiliate]]\nid=1\nname=\"House\"");
    assert_eq!(
        planned(&live, &file, true).await,
        [
            "- blacklist of affiliate 13 sub id bad on offer 100",
            "- offer 100 (made inactive: it has clicks or leads)",
            "- affiliate 12 (made inactive: it has clicks or leads)",
            "- affiliate 13",
            "- campaign 57 (made inactive: it has clicks or leads)",
            "- buyer 5",
            "- contract 7",
            "- webhook 3",
        ]
    );
    live.apply(file.clone(), true, NOW, &mut rng()).await.unwrap();
    let snapshot = live.snapshot();
    assert_eq!(snapshot.campaign(CampaignId(57)).unwrap().status, ActiveStatus::Inactive);
    assert_eq!(snapshot.affiliate(AffiliateId(12)).unwrap().status, AffiliateStatus::Inactive);
    assert_eq!(snapshot.offer(OfferId(100)).unwrap().offer.status, OfferStatus::Inactive);
    // What they refer to stays with them.
    assert!(snapshot.vertical(VerticalId(1)).is_some() && snapshot.offer(OfferId(101)).is_some());
    assert_eq!(snapshot.network().advertiser.len(), 1);
    assert!(planned(&live, &file, true).await.is_empty());
}

#[tokio::test]
async fn what_has_sold_is_made_inactive_instead() {
    let (live, store) = running().await;
    store.remember(HistoryOf::Contract(ContractId(7)));
    store.remember(HistoryOf::Buyer(BuyerId(5)));
    let file = toml("[[affiliate]]\nid=1\nname=\"House\"");
    let plan = planned(&live, &file, true).await;
    let about = |what: &str| plan.iter().filter(|line| line.contains(what)).cloned().collect::<Vec<_>>();
    assert_eq!(about(" buyer 5"), ["- buyer 5 (made inactive: it has leads or payments)"]);
    assert_eq!(about(" contract 7"), ["- contract 7 (made inactive: it has leads)"]);
    live.apply(file.clone(), true, NOW, &mut rng()).await.unwrap();
    let snapshot = live.snapshot();
    let (buyer, contract) = (&snapshot.network().buyer[0], &snapshot.network().contract[0]);
    assert_eq!((buyer.status, contract.status), (ActiveStatus::Inactive, ActiveStatus::Inactive));
    // What the contract refers to stays with it.
    assert!(snapshot.vertical(VerticalId(1)).is_some() && snapshot.offer(OfferId(100)).is_some());
    assert!(snapshot.affiliate(AffiliateId(13)).is_some(), "the contract excludes it");
    assert!(planned(&live, &file, true).await.is_empty());
}

#[tokio::test]
async fn a_contract_that_stays_keeps_its_buyer() {
    let (live, store) = running().await;
    store.remember(HistoryOf::Contract(ContractId(7)));
    live.apply(toml("[[affiliate]]\nid=1\nname=\"House\""), true, NOW, &mut rng()).await.unwrap();
    assert_eq!(live.snapshot().network().buyer[0].status, ActiveStatus::Active);
}

#[tokio::test]
async fn prune_spares_what_the_server_made_and_what_that_needs() {
    let (live, _) = running().await;
    let made = live
        .ensure_campaign(AffiliateId(13), OfferId(101), None, Made::RunAtOnce, NOW, &mut rng())
        .await
        .unwrap();
    assert!(planned(&live, &example(), true).await.is_empty());
    let mut file = example();
    file.affiliate.remove(2);
    file.blacklist.clear();
    file.contract[0].exclude_affiliates.clear();
    live.apply(file, true, NOW, &mut rng()).await.unwrap();
    let snapshot = live.snapshot();
    assert!(snapshot.campaign(made).unwrap().made_by_server);
    assert!(snapshot.affiliate(AffiliateId(13)).is_some());
}

#[tokio::test]
async fn settings_are_not_pruned() {
    let (live, _) = running().await;
    let mut file = example();
    file.network = None;
    assert!(planned(&live, &file, true).await.is_empty());
}

#[tokio::test]
async fn a_file_may_not_refer_to_what_it_prunes() {
    let (live, _) = running().await;
    let mut file = example();
    file.affiliate.remove(1);
    let error = live.plan(&file, true, Secrets::Masked).await.unwrap_err();
    assert_eq!(error.to_string(), "campaign[0].affiliate: no affiliate 12");
}
