//! `crumb deliveries`.

use crate::program::Place;
use crumb_domain::delivery::{Delivery, DeliveryKind, DeliveryState};
use crumb_domain::{AffiliateId, CampaignId, OfferId, RowId, Timestamp};
use crumb_storage::OutboxStore as _;
use crumb_storage_sqlite::{SqliteOptions, SqliteStore};

fn at(seconds: i64) -> Timestamp {
    let noon: Timestamp = "2030-01-01T12:00:00Z".parse().expect("a time");
    noon.plus_seconds(seconds)
}

fn postback(number: i64, state: DeliveryState, tries: u32) -> Delivery {
    Delivery {
        id: RowId::from_i64(RowId::at_or_after(at(number)).as_i64() + number).expect("a row id"),
        webhook_id: format!("msg_{number}"),
        at: at(number),
        kind: DeliveryKind::Postback,
        destination: "campaign:57".to_owned(),
        affiliate: Some(AffiliateId(12)),
        campaign: Some(CampaignId(57)),
        offer: Some(OfferId(100)),
        conversion: None,
        lead: (number == 2).then(|| "C8097F17".parse().expect("a lead's id")),
        url: "http://receiver.invalid/?secret=1".to_owned(),
        shown_url: None,
        body: None,
        state,
        tries,
        due: at(60),
    }
}

#[tokio::test]
async fn deliveries_are_listed_newest_first_and_sent_again_by_filter() {
    let place = Place::with_network();
    let store = SqliteStore::open(&place.path("data/crumb.db"), SqliteOptions::default()).expect("the store");
    let all = vec![
        postback(1, DeliveryState::Delivered, 1),
        postback(2, DeliveryState::Parked, 9),
        postback(3, DeliveryState::Waits, 0),
    ];
    store.put_deliveries(all).await.expect("written");
    drop(store);
    let first = "2030-01-01T12:00:01Z  msg_1  delivered  postback to campaign:57, 1 try\n";
    let second = "2030-01-01T12:00:02Z  msg_2  parked  postback to campaign:57 (lead C8097F17), 9 tries\n";
    let third =
        "2030-01-01T12:00:03Z  msg_3  waiting  postback to campaign:57, 0 tries, due 2030-01-01T12:01:00Z\n";
    assert_eq!(place.printed(&["deliveries"]), format!("{third}{second}{first}"));
    assert_eq!(place.printed(&["deliveries", "--state", "parked"]), second);
    assert_eq!(place.printed(&["deliveries", "--lead", "C8097F17"]), second);
    assert_eq!(place.printed(&["deliveries", "--to", "2030-01-01T12:00:02Z"]), first);
    let none = place.run(&["deliveries", "--campaign", "58"]);
    assert_eq!((none.stdout.as_str(), none.stderr.as_str(), none.exit), ("", "no deliveries\n", Some(0)));
    let cut = place.run(&["deliveries", "--limit", "1"]);
    assert_eq!((cut.stdout.as_str(), cut.stderr.as_str()), (third, "2 older ones are not shown\n"));
    let json = place.printed(&["deliveries", "--state", "parked", "--json"]);
    let rows: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(rows[0]["url"], "http://receiver.invalid/?secret=1");
    assert!(place.refused(&["deliveries", "replay"]).starts_with("say which: by --state, "));
    assert_eq!(place.printed(&["deliveries", "replay", "--state", "parked"]), "1\n");
    let again = place.printed(&["deliveries", "--lead", "C8097F17"]);
    assert!(again.contains("msg_2  waiting") && again.contains("0 tries"), "{again}");
    assert_eq!(place.printed(&["deliveries", "replay", "--affiliate", "12"]), "1\n", "the delivered one");
}
