//! `crumb alerts`.

use crate::program::{NETWORK, Place};
use crumb_domain::selling::{Alert, AlertCode};
use crumb_domain::{ContractId, Timestamp};
use crumb_mock_buyer::MockBuyers;
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

#[test]
fn a_running_server_mails_new_alerts_to_whom_the_settings_name() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let buyers = runtime.block_on(MockBuyers::start()).unwrap();
    let failing = format!(
        "[[buyer]]\nid = 5\nname = \"Buyer\"\n\
         [[contract]]\nid = 7\nbuyer = 5\nvertical = 1\nname = \"All\"\nmax_post_errors = 1\n\
         schedule = [{{ days = [\"all\"], open = \"00:00\", close = \"24:00\", price = \"30.00\", type = \"exclusive\" }}]\n\
         [contract.post]\nmethod = \"post\"\nurl = \"{}\"\n\
         accepted = [\"contains:success\"]\nparams = [[\"email\", \"#email_address#\"]]\n",
        buyers.url("/error?http=500")
    );
    for (to, mails) in [(None, 0), (Some("ops@example.com"), 1)] {
        let mut place = Place::new();
        place.set("CRUMB_OUTBOUND_ALLOW", "127.0.0.0/8");
        place.set("CRUMB_MAIL_RELAY", "127.0.0.1:1");
        place.set("CRUMB_MAIL_FROM", "crumb@example.com");
        if let Some(to) = to {
            place.set("CRUMB_MAIL_ALERTS_TO", to);
        }
        place.write("network.toml", &format!("{NETWORK}{failing}"));
        let mut server = place.serve(&["--network", "network.toml"]);
        let post = "/d.ashx?ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK&email_address=ann@example.com";
        server.get(server.tracking, post);
        server.until("the alert", |_| !place.run(&["alerts"]).stdout.is_empty());
        let rows: serde_json::Value =
            serde_json::from_str(&place.printed(&["deliveries", "--json"])).expect("JSON");
        let kinds: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["kind"].clone()).collect();
        assert_eq!(kinds, vec![serde_json::json!("mail"); mails], "{rows}");
    }
}
