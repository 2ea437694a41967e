//! `crumb explain`.

use crate::program::{NETWORK, Place};
use serde_json::{Value, json};

const POST: &str = "/d.ashx?ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK&email_address=ann@example.com";

/// A contract whose schedule is open on all days, and a buyer at an address where nobody
/// is: nothing is sent to it.
const CONTRACT: &str = r##"
[[buyer]]
id = 5
name = "Buyer"

[[contract]]
id = 7
buyer = 5
vertical = 1
name = "All"
status = "inactive"
schedule = [{ days = ["all"], open = "00:00", close = "24:00", price = "30.00", type = "exclusive" }]

[contract.post]
method = "post"
url = "https://buyer.example/"
accepted = ["contains:success"]
params = [["email", "#email_address#"]]
"##;

#[test]
fn explain_prints_each_contract_with_its_result_beside_a_server_and_without() {
    let place = Place::new();
    place.write("network.toml", &format!("{NETWORK}{CONTRACT}"));
    assert_eq!(place.run(&["apply", "network.toml"]).exit, Some(0));
    let server = place.serve(&[]);
    let answer = server.get(server.tracking, POST);
    let key = place.printed(&["key", "create", "--role", "reader", "--name", "ci"]);
    let head = format!("Authorization: Bearer {}\r\n", key.trim());
    let reply = server.get_with(server.admin, "/api/v1/leads", &head);
    let body = reply.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{reply}")).1;
    let leads: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    let id = leads["data"][0]["id"].as_str().unwrap_or_else(|| panic!("no lead: {answer}")).to_owned();

    let beside = place.printed(&["explain", &id]);
    assert!(beside.starts_with(&format!("lead {id}: unsold (no_qualified_buyers)\n\nrun 1, ")), "{beside}");
    assert!(beside.contains("       7  contract_inactive  The contract is inactive.\n"), "{beside}");
    let printed: Value = serde_json::from_str(&place.printed(&["explain", &id, "--json"])).unwrap();
    let expected = json!([{ "contract": 7, "result": "contract_inactive", "text": "The contract is inactive.",
        "values": {}, "attempts": [] }]);
    assert_eq!((&printed["contracts"], &printed["runs"]), (&expected, &json!(1)));

    server.signal("TERM");
    assert_eq!(server.ended().0, Some(0));
    assert_eq!(place.printed(&["explain", &id]), beside);
    assert_eq!(place.refused(&["explain", "AAAAAAAA"]), "no lead AAAAAAAA\n");
}
