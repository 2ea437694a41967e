//! Where a running server calls: buyers, affiliates' postbacks and webhooks alike only where
//! addresses are public or the settings name their networks.

use crate::program::{NETWORK, Place};
use crumb_mock_buyer::MockBuyers;

/// The network of the tests with a buyer, a postback and a webhook at that address. Its
/// affiliate is paid also for leads that nobody buys, so that there is something to tell.
fn network(address: &str) -> String {
    let paid = "name = \"Free quote\"\npayout = \"1.00\"\npay_only_when_sold = false";
    let told = format!("name = \"Traffic Co\"\npostback_url = \"http://{address}/accept/postback\"");
    let others = format!(
        "[[webhook]]\nid = 3\nname = \"Hook\"\nurl = \"http://{address}/accept/webhook\"\nsecret = \"s\"\n\
         [[buyer]]\nid = 5\nname = \"Buyer\"\n\
         [[contract]]\nid = 7\nbuyer = 5\nvertical = 1\nname = \"All\"\n\
         schedule = [{{ days = [\"all\"], open = \"00:00\", close = \"24:00\", price = \"30.00\", type = \"exclusive\" }}]\n\
         [contract.post]\nmethod = \"post\"\nurl = \"http://{address}/accept/buyer\"\n\
         accepted = [\"contains:success\"]\nparams = [[\"email\", \"#email_address#\"]]\n"
    );
    NETWORK.replace("name = \"Free quote\"", paid).replace("name = \"Traffic Co\"", &told) + &others
}

#[test]
fn the_allow_list_governs_calls_to_buyers_postbacks_and_webhooks() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (allow, answer, calls) in [("", "No Qualified Buyers Found", 0), ("127.0.0.0/8", "success", 1)] {
        let others = runtime.block_on(MockBuyers::start()).unwrap();
        let mut place = Place::new();
        place.set("CRUMB_OUTBOUND_ALLOW", allow);
        place.write("network.toml", &network(&others.address().to_string()));
        let mut server = place.serve(&["--network", "network.toml"]);
        let post = "/d.ashx?ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK&email_address=ann@example.com";
        let answered = server.get(server.tracking, post);
        assert!(answered.contains(answer), "{answered}");
        let tried = || {
            let rows = place.printed(&["deliveries", "--json"]);
            let rows: serde_json::Value = serde_json::from_str(&rows).unwrap();
            let rows = rows.as_array().unwrap();
            rows.iter().filter(|row| row["tries"].as_u64() > Some(0)).count()
        };
        // The conversion is told to the affiliate, and so is the lead with it to the webhook.
        server.until("all was tried", |_| tried() == 3);
        for (path, count) in [("buyer", calls), ("postback", calls), ("webhook", 2 * calls)] {
            assert_eq!(others.count(&format!("/accept/{path}")), count, "{path} with {allow:?}");
        }
    }
}
