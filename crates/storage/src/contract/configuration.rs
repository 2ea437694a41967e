//! The network's versions.

use super::build::{NOW, Rows, accept, accepted, batch, click, lead, record, reject};
use super::build_conversions::{conversion, converted, new, session};
use super::build_selling::{credit, in_hand, reserve, reserved};
use super::outbox::postback;
use super::selling_records::attempt;
use crate::alerts::AlertFilter;
use crate::clicks::ClickBatch;
use crate::configuration::{
    ConfigurationChange, Entity, EntityKey, HistoryOf, StoredConfiguration, VersionInfo,
};
use crate::conversions::RecordConversion;
use crate::selling::{LeadChange, Reserve, Reserved};
use crate::{PageRequest, Store, StoreError};
use crumb_domain::click::Click;
use crumb_domain::conversion::{Conversion, LeadConversion};
use crumb_domain::lead::Lead;
use crumb_domain::outcome::Problem;
use crumb_domain::selling::{Alert, AlertCode, BuyerAnswer, BuyerReading};
use crumb_domain::{
    AffiliateId, BuyerId, CampaignId, ConfigVersion, ContractId, CreativeId, EventId, OfferId,
};
use std::sync::Arc;
use tokio::task::JoinSet;

fn entity(key: &str, document: &str) -> Entity {
    Entity { key: EntityKey(key.to_owned()), document: document.to_owned() }
}

/// A change on a version, which makes the next one.
pub(super) fn change(base: i64, put: &[Entity], delete: &[&str]) -> ConfigurationChange {
    ConfigurationChange {
        base: ConfigVersion(base),
        at: NOW.plus_seconds(base),
        summary: format!("change of {base}"),
        put: put.to_vec(),
        delete: delete.iter().map(|key| EntityKey((*key).to_owned())).collect(),
        opening: Vec::new(),
        forgiven: Vec::new(),
        deliveries: Vec::new(),
        alerts: Vec::new(),
    }
}

async fn commit<S: Store>(store: &S, base: i64, put: &[Entity], delete: &[&str]) {
    let version = store.commit_configuration(change(base, put, delete)).await.unwrap();
    assert_eq!(version, ConfigVersion(base + 1));
}

async fn entities<S: Store>(store: &S, version: i64) -> Vec<Entity> {
    let found = store.configuration(Some(ConfigVersion(version))).await.unwrap().unwrap();
    assert_eq!(found.version, ConfigVersion(version));
    found.entities
}

/// A store begins empty.
pub async fn nothing_applied_is_version_0_without_entities<S: Store>(store: Arc<S>) {
    assert_eq!(store.present_version().await.unwrap(), ConfigVersion(0));
    let empty = StoredConfiguration { version: ConfigVersion(0), entities: Vec::new() };
    assert_eq!(store.configuration(None).await.unwrap(), Some(empty.clone()));
    assert_eq!(store.configuration(Some(ConfigVersion(0))).await.unwrap(), Some(empty));
    assert_eq!(store.configuration(Some(ConfigVersion(1))).await.unwrap(), None);
    assert_eq!(store.configuration(Some(ConfigVersion(-1))).await.unwrap(), None);
}

/// Documents come back as they were, ordered by key.
pub async fn a_version_holds_what_it_put_and_what_it_did_not_touch<S: Store>(store: Arc<S>) {
    let campaign = entity("campaign:57", "{\"id\":57}");
    let put = [entity("offer:100", "{\"id\":100}"), campaign.clone()];
    commit(&*store, 0, &put, &[]).await;
    let changed = entity("offer:100", "{\"id\":100,\"name\":\"é\"}");
    commit(&*store, 1, std::slice::from_ref(&changed), &[]).await;
    assert_eq!(store.present_version().await.unwrap(), ConfigVersion(2));
    let present = store.configuration(None).await.unwrap().unwrap();
    assert_eq!(present.version, ConfigVersion(2));
    assert_eq!(present.entities, [campaign, changed]);
}

/// Also after an entity ended and was made again.
pub async fn every_version_can_be_read_again<S: Store>(store: Arc<S>) {
    let (a1, a2, a4) = (entity("a", "1"), entity("a", "2"), entity("a", "4"));
    let b1 = entity("b", "1");
    commit(&*store, 0, &[a1.clone(), b1.clone()], &[]).await;
    commit(&*store, 1, std::slice::from_ref(&a2), &["b"]).await;
    commit(&*store, 2, &[], &["a", "never was"]).await;
    commit(&*store, 3, std::slice::from_ref(&a4), &[]).await;
    assert_eq!(entities(&*store, 0).await, []);
    assert_eq!(entities(&*store, 1).await, [a1, b1]);
    assert_eq!(entities(&*store, 2).await, [a2]);
    assert_eq!(entities(&*store, 3).await, []);
    assert_eq!(entities(&*store, 4).await, [a4]);
    assert_eq!(store.configuration(Some(ConfigVersion(5))).await.unwrap(), None);
}

/// [`StoreError::Conflict`] for an older and for a future base.
pub async fn a_change_of_another_version_is_a_conflict_and_keeps_nothing<S: Store>(store: Arc<S>) {
    commit(&*store, 0, &[entity("a", "1")], &[]).await;
    for base in [0, 2] {
        let refused = change(base, &[entity("a", "2"), entity("b", "2")], &[]);
        assert_eq!(store.commit_configuration(refused).await, Err(StoreError::Conflict));
    }
    assert_eq!(store.present_version().await.unwrap(), ConfigVersion(1));
    assert_eq!(entities(&*store, 1).await, [entity("a", "1")]);
    assert_eq!(store.versions(PageRequest::default()).await.unwrap().total, 1);
}

/// Messages and alerts.
pub async fn what_is_told_of_a_change_is_written_with_it_or_not_at_all<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let alert = Alert {
        at: NOW,
        code: AlertCode::ContractSwitchedOff,
        contract: Some(ContractId(7)),
        buyer: None,
        lead: None,
        text: "look".to_owned(),
    };
    for base in [1, 0] {
        let delivery = postback(rows.next_row());
        let (deliveries, alerts) = (vec![delivery.clone()], vec![alert.clone()]);
        let made = ConfigurationChange { deliveries, alerts, ..change(base, &[entity("a", "1")], &[]) };
        let is_made = store.commit_configuration(made).await.is_ok();
        assert_eq!(is_made, base == 0);
        assert_eq!(store.delivery(delivery.id).await.unwrap().is_some(), is_made);
        let alerts = store.alerts(AlertFilter::default(), PageRequest::default()).await.unwrap();
        assert_eq!(alerts.data.len(), usize::from(is_made));
    }
}

/// Fifty changes of one version: one is committed, whole.
pub async fn of_changes_at_the_same_moment_one_is_committed<S: Store>(store: Arc<S>) {
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let document = number.to_string();
        let change = change(0, &[entity("a", &document), entity("b", &document)], &[]);
        let store = Arc::clone(&store);
        tasks.spawn(async move { (document, store.commit_configuration(change).await) });
    }
    let results = tasks.join_all().await;
    let (committed, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(|(_, result)| result.is_ok());
    assert_eq!(committed.len(), 1);
    assert!(refused.iter().all(|(_, result)| *result == Err(StoreError::Conflict)));
    let document = &committed[0].0;
    assert_eq!(entities(&*store, 1).await, [entity("a", document), entity("b", document)]);
}

/// With when, what, and how much.
pub async fn versions_are_listed_newest_first_in_pages<S: Store>(store: Arc<S>) {
    for base in 0..5 {
        commit(&*store, base, &[entity("a", "1"), entity("b", "1")], &["c"]).await;
    }
    let info = |version: i64| VersionInfo {
        version: ConfigVersion(version),
        at: NOW.plus_seconds(version - 1),
        summary: format!("change of {}", version - 1),
        put: 2,
        deleted: 1,
    };
    let request = PageRequest { limit: 3, ..PageRequest::default() };
    let first = store.versions(request.clone()).await.unwrap();
    assert_eq!((first.data, first.total), (vec![info(5), info(4), info(3)], 5));
    let rest = store.versions(PageRequest { cursor: first.next, ..request }).await.unwrap();
    assert_eq!((rest.data, rest.next), (vec![info(2), info(1)], None));
}

/// Oldest first, also of an entity that ended.
pub async fn every_document_of_an_entity_is_known<S: Store>(store: Arc<S>) {
    commit(&*store, 0, &[entity("a", "1"), entity("b", "x")], &[]).await;
    commit(&*store, 1, &[entity("a", "2")], &[]).await;
    commit(&*store, 2, &[], &["a"]).await;
    commit(&*store, 3, &[entity("a", "4")], &[]).await;
    let of = |key: &str| store.entity_history(EntityKey(key.to_owned()));
    assert_eq!(of("a").await.unwrap(), ["1", "2", "4"]);
    assert_eq!(of("b").await.unwrap(), ["x"]);
    assert_eq!(of("c").await.unwrap(), Vec::<String>::new());
}

/// [`crate::ConfigurationStore::have_history`], in the order asked.
pub async fn what_clicks_posts_and_leads_refer_to_has_history<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let clicked = Click {
        affiliate: Some(AffiliateId(1)),
        offer: Some(OfferId(1)),
        campaign: Some(CampaignId(1)),
        creative: Some(CreativeId(1)),
        ..click(rows.next_row())
    };
    record(&*store, clicked).await;
    let (affiliate, offer, campaign) = (AffiliateId(2), OfferId(2), Some(CampaignId(2)));
    accepted(&*store, Lead { affiliate, offer, campaign, ..lead(1, rows.next_row()) }).await;
    let mut rejected = reject(rows.next_row(), Problem::LeadMissingData);
    rejected.post.affiliate = Some(AffiliateId(3));
    rejected.post.offer = Some(OfferId(3));
    rejected.post.campaign = Some(CampaignId(3));
    store.reject_post(rejected).await.unwrap();
    let mut of = vec![HistoryOf::Creative(CreativeId(1)), HistoryOf::Creative(CreativeId(2))];
    let mut expected = vec![true, false];
    for id in [4, 3, 2, 1] {
        of.extend([
            HistoryOf::Affiliate(AffiliateId(id)),
            HistoryOf::Offer(OfferId(id)),
            HistoryOf::Campaign(CampaignId(id)),
        ]);
        expected.extend([id != 4; 3]);
    }
    assert_eq!(store.have_history(of).await.unwrap(), expected);
    assert_eq!(store.have_history(Vec::new()).await.unwrap(), Vec::<bool>::new());
}

/// A contract has history from its first reservation or attempt on, a buyer from the
/// first lead that is about to be sent to it, or its first payment.
pub async fn what_leads_are_offered_to_has_history<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let sold = in_hand(&*store, lead(1, rows.next_row())).await;
    reserved(&*store, sold.row, 7).await;
    let pinged = attempt(rows.next_row(), 8, BuyerAnswer::Rejected(BuyerReading::default()));
    let refused = Reserve { cap: Some(0), attempts: vec![pinged], ..reserve(sold.row, 9) };
    assert_eq!(store.reserve(refused).await.unwrap(), Reserved::CapReached { count: 0 });
    credit(&*store, 10, 50).await;
    let contracts = [7, 8, 9, 10].map(|id| HistoryOf::Contract(ContractId(id)));
    assert_eq!(store.have_history(contracts.to_vec()).await.unwrap(), [true, true, false, false]);
    let buyers = [7, 8, 9, 10].map(|id| HistoryOf::Buyer(BuyerId(id)));
    assert_eq!(store.have_history(buyers.to_vec()).await.unwrap(), [true, false, false, true]);
}

/// An event has history from its first conversion on, be that a lead, and the ledger from its
/// first entry.
pub async fn what_was_converted_and_booked_has_history<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let event = |offer, id| HistoryOf::Event(OfferId(offer), EventId(id));
    let asked =
        [event(100, 1), event(100, 2), event(100, 3), event(100, 4), event(400, 1), HistoryOf::Ledger];
    let told = async || store.have_history(asked.to_vec()).await.unwrap();
    let is = |id| Some(LeadConversion::of(EventId(id)));
    let in_hand = in_hand(&*store, Lead { conversion: None, ..lead(1, rows.next_row()) }).await;
    assert_eq!(told().await, [false; 6]);
    store.settle(LeadChange::new(Lead { conversion: is(1), ..in_hand }, NOW)).await.unwrap();
    accepted(&*store, Lead { conversion: is(2), ..lead(2, rows.next_row()) }).await;
    assert_eq!(told().await, [true, true, false, false, false, false]);
    let session = session(&*store, rows.next_row()).await;
    let reported = Conversion { event: EventId(3), ..conversion(rows.next_row(), session) };
    let reported = RecordConversion { ledger: Vec::new(), ..new(reported) };
    converted(&*store, rows.next_row(), reported).await;
    assert_eq!(told().await, [true, true, true, false, false, false]);
    credit(&*store, 10, 50).await;
    assert!(told().await[5]);
}

/// A link may carry any number: what its row names is no history of an affiliate
/// or creative that is made later under that number.
pub async fn what_a_click_merely_names_has_no_history<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let (affiliate, creative) = (Some(AffiliateId(98)), Some(CreativeId(99)));
    let invalid = Click { affiliate, creative, offer: None, campaign: None, ..click(rows.next_row()) };
    let known = HistoryOf::Creative(CreativeId(99));
    let clicks = ClickBatch { refers_to: vec![known], ..batch(vec![invalid]) };
    store.record_clicks(clicks).await.unwrap();
    let of = vec![HistoryOf::Affiliate(AffiliateId(98)), known];
    assert_eq!(store.have_history(of).await.unwrap(), [false, true]);
}

/// A store that remembers what it has noted forgets it with the write.
pub async fn a_refused_write_makes_no_history_and_hides_none<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let of_99 = Click { affiliate: Some(AffiliateId(99)), ..click(rows.next_row()) };
    let taken = click(rows.next_row());
    record(&*store, taken.clone()).await;
    assert!(store.record_clicks(batch(vec![of_99.clone(), taken])).await.is_err());
    let of = vec![HistoryOf::Affiliate(AffiliateId(99))];
    assert_eq!(store.have_history(of.clone()).await.unwrap(), [false]);
    record(&*store, of_99).await;
    assert_eq!(store.have_history(of).await.unwrap(), [true]);
    // A lead whose post has another's id: that is noticed when all else is written.
    let there = lead(1, rows.next_row());
    accepted(&*store, there.clone()).await;
    let of_98 = Lead { affiliate: AffiliateId(98), ..lead(2, rows.next_row()) };
    let mut refused = accept(of_98.clone());
    refused.post.id = there.row;
    assert_eq!(store.accept_lead(refused).await, Err(StoreError::Conflict));
    let of = vec![HistoryOf::Affiliate(AffiliateId(98))];
    assert_eq!(store.have_history(of.clone()).await.unwrap(), [false]);
    accepted(&*store, of_98).await;
    assert_eq!(store.have_history(of).await.unwrap(), [true]);
}
