//! Changes that take their time, beside clicks that need the network now.

use super::*;
use crate::{Applied, Made};
use crumb_domain::{AffiliateId, CampaignId, ConfigVersion, OfferId};
use crumb_storage::configuration::HistoryOf;
use tokio::task::JoinHandle;

const OTHER: AffiliateId = AffiliateId(13);

/// A network whose apply of the example, pruned, hangs while it is prepared.
async fn preparing(file: Network) -> (Arc<Live>, Arc<MemoryStore>, Arc<tokio::sync::Semaphore>, Apply) {
    let (live, store) = running().await;
    apply(&live, toml("[[affiliate]]\nid=20\nname=\"Gone\"")).await;
    let (live, gate) = (Arc::new(live), store.close_history());
    let applying = tokio::spawn({
        let live = Arc::clone(&live);
        async move { live.apply(file, true, NOW, &mut rng()).await.unwrap() }
    });
    let_run().await;
    assert!(!applying.is_finished());
    (live, store, gate, applying)
}

/// An apply on its way.
type Apply = JoinHandle<Applied>;

/// Runs what can go on.
async fn let_run() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_first_click_makes_its_campaign_while_an_apply_is_prepared() {
    let (live, _, gate, applying) = preparing(example()).await;
    let first_click = tokio::spawn({
        let live = Arc::clone(&live);
        let make = async move |offer| {
            live.ensure_campaign(OTHER, offer, None, Made::RunAtOnce, NOW, &mut rng()).await.unwrap()
        };
        async move { make(OfferId(100)).await }
    });
    let_run().await;
    assert!(first_click.is_finished(), "it waited for the apply");
    let made = first_click.await.unwrap();
    gate.add_permits(100);
    let applied = applying.await.unwrap();
    assert_eq!(applied.plan.to_string(), "- affiliate 20\n");
    assert_eq!(applied.version, ConfigVersion(4));
    let snapshot = live.snapshot();
    assert!(snapshot.campaign(made).is_some(), "what came meanwhile stays");
    assert!(snapshot.affiliate(AffiliateId(20)).is_none());
}

#[tokio::test]
async fn an_apply_that_is_overtaken_again_and_again_takes_its_turn() {
    let (live, _, gate, applying) = preparing(example()).await;
    // Each time it is about to be committed, something else has changed, while it can.
    for id in 0..20 {
        tokio::spawn({
            let live = Arc::clone(&live);
            async move { apply(&live, toml(&format!("[[advertiser]]\nid=1\nname=\"Acme {id}\""))).await }
        });
        let_run().await;
        gate.add_permits(1);
        let_run().await;
    }
    assert!(applying.await.unwrap().plan.to_string().contains("- affiliate 20\n"));
    assert!(live.snapshot().affiliate(AffiliateId(20)).is_none());
}

#[tokio::test]
async fn what_gets_history_while_an_apply_is_prepared_is_not_deleted() {
    let (live, store, gate, applying) = preparing(example()).await;
    gate.add_permits(1);
    let_run().await;
    store.remember(HistoryOf::Affiliate(AffiliateId(20)));
    gate.add_permits(100);
    let applied = applying.await.unwrap();
    assert_eq!(applied.plan.to_string(), "- affiliate 20 (made inactive: it has clicks or leads)\n");
    assert!(live.snapshot().affiliate(AffiliateId(20)).is_some());
    assert!(live.snapshot().campaign(CampaignId(57)).is_some());
}
