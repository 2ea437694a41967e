//! `crumb alerts`.

use crate::program::Place;
use crumb_domain::selling::{Alert, AlertCode};
use crumb_domain::{ContractId, Timestamp};
use crumb_storage::AlertStore as _;
use crumb_storage_sqlite::{SqliteOptions, SqliteStore};

fn at(seconds: i64) -> Timestamp {
    let noon: Timestamp = "2030-01-01T12:00:00Z".parse().expect("a time");
    noon.plus_seconds(seconds)
}

fn alert(code: AlertCode, contract: i64, seconds: i64) -> Alert {
    let lead = (contract == 8).then(|| "C8097F17".parse().expect("a lead's id"));
    let text = format!("contract {contract}: look");
    Alert { at: at(seconds), code, contract: Some(ContractId(contract)), buyer: None, lead, text }
}

#[tokio::test]
async fn alerts_are_listed_newest_first_and_by_filter() {
    let place = Place::with_network();
    let store = SqliteStore::open(&place.path("data/crumb.db"), SqliteOptions::default()).expect("the store");
    let (switched, price) = (AlertCode::ContractSwitchedOff, AlertCode::PriceUnreadable);
    let raised = vec![alert(switched, 7, 0), alert(price, 8, 1), alert(price, 8, 5)];
    store.raise(raised).await.expect("raised");
    drop(store);
    let first = "2030-01-01T12:00:00Z  contract_switched_off  contract 7: look\n";
    let second = "2030-01-01T12:00:01Z  price_unreadable  contract 8: look (lead C8097F17) (2 times until 2030-01-01T12:00:05Z)\n";
    assert_eq!(place.printed(&["alerts"]), format!("{second}{first}"));
    assert_eq!(place.printed(&["alerts", "--code", "contract_switched_off"]), first);
    assert_eq!(place.printed(&["alerts", "--contract", "8"]), second);
    assert_eq!(place.printed(&["alerts", "--from", "2030-01-01T12:00:01Z"]), second);
    assert_eq!(place.printed(&["alerts", "--to", "2030-01-01T12:00:01Z"]), first);
    let none = place.run(&["alerts", "--buyer", "5"]);
    assert_eq!((none.stdout.as_str(), none.stderr.as_str(), none.exit), ("", "no alerts\n", Some(0)));
    assert_eq!(place.printed(&["alerts", "--buyer", "5", "--json"]), "[]\n");
    let cut = place.run(&["alerts", "--limit", "1"]);
    assert_eq!((cut.stdout.as_str(), cut.stderr.as_str()), (second, "1 older ones are not shown\n"));
    let rows: serde_json::Value = serde_json::from_str(&place.printed(&["alerts", "--json"])).expect("JSON");
    assert_eq!((&rows[0]["count"], &rows[1]["contract"]), (&serde_json::json!(2), &serde_json::json!(7)));
    assert!(
        place
            .refused(&["alerts", "--code", "nope"])
            .starts_with("--code: \"nope\" is none of contract_switched_off, ")
    );
}
