//! `crumb return`, `returns`, `buyer` and `ledger`.

use crate::mock_buyer::Buyers;
use crate::program::{NETWORK, Place};

const POST: &str = "/d.ashx?ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK&email_address=";

/// A buyer that buys all for 30.00, as long as it can pay.
fn network(buyers: &str) -> String {
    let tables = r##"
[[buyer]]
id = 5
name = "Buyer"
credit = { type = "prepaid", balance = "30.00", limit = "10.00" }

[[contract]]
id = 7
buyer = 5
vertical = 1
name = "All"
schedule = [{ days = ["all"], open = "00:00", close = "24:00", price = "30.00", type = "exclusive" }]

[contract.post]
method = "post"
url = "http://ADDRESS/accept"
accepted = ["contains:success"]
params = [["email", "#email_address#"]]
"##;
    format!("{NETWORK}{}", tables.replace("ADDRESS", buyers))
}

/// The lead of the newest sale.
fn sold(place: &Place) -> String {
    let sales = place.printed(&["ledger", "--kind", "sale"]);
    let sale = sales.lines().last().unwrap_or_else(|| panic!("nothing was sold"));
    sale.split('\t').nth(4).expect("a lead's column").to_owned()
}

#[test]
fn a_lead_is_returned_and_its_buyer_credited_beside_a_server_and_without() {
    let mut place = Place::new();
    let buyers = Buyers::start(&place, &[]);
    place.write("network.toml", &network(&buyers.guide().1));
    place.set("CRUMB_OUTBOUND_ALLOW", "127.0.0.0/8");
    assert_eq!(place.run(&["apply", "network.toml"]).exit, Some(0));
    let server = place.serve(&[]);
    server.get(server.tracking, &format!("{POST}ann@example.com"));
    let lead = sold(&place);
    let balance = "buyer 5\nbalance\t0.00\nreserved\t0.00\nlimit\t10.00\navailable\t10.00\n";
    assert_eq!(place.printed(&["buyer", "balance", "5"]), balance);

    let asked = place.run(&["return", &lead, "--reason", "wrong number", "--as", "approval"]);
    assert_eq!(
        asked.stderr,
        format!("return of lead {lead} under contract 7: submitted; the lead is sold\n")
    );
    let listed = place.printed(&["returns"]);
    let columns: Vec<_> = listed.trim_end().split('\t').collect();
    assert_eq!(columns[..4], [lead.as_str(), "contract 7", "buyer 5", "30.00"]);
    assert_eq!(columns[5..], ["submitted", "wrong number"]);
    let twice = place.refused(&["return", &lead, "--reason", "x", "--as", "credit", "--contract", "7"]);
    assert_eq!(twice, format!("the return of lead {lead} under contract 7 waits for approval\n"));

    server.signal("TERM");
    assert_eq!(server.ended().0, Some(0));
    let refused = place.run(&["returns", "refuse", &lead]);
    assert_eq!(
        refused.stderr,
        format!("return of lead {lead} under contract 7: refused; the lead is sold\n")
    );
    let approved = place.run(&["returns", "approve", &lead, "--as", "credit"]);
    assert_eq!(
        approved.stderr,
        format!("return of lead {lead} under contract 7: credited; the lead is returned\n")
    );
    let none = place.run(&["returns", "--state", "submitted"]);
    assert_eq!((none.stdout.as_str(), none.stderr.as_str(), none.exit), ("", "no returns\n", Some(0)));
    let none = place.run(&["ledger", "--account", "buyer:99"]);
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "no movements of money\n"));
    assert_eq!(place.printed(&["returns", "--state", "credited", "--buyer", "5"]).lines().count(), 1);
    let credited = place.printed(&["buyer", "credit", "5", "-12.50", "--note", "mistyped"]);
    assert!(credited.starts_with("buyer 5\nbalance\t17.50\n"), "{credited}");
    let once = ["buyer", "credit", "5", "1.00", "--idempotency-key", "wire-17"];
    let first = place.printed(&once);
    assert!(first.starts_with("buyer 5\nbalance\t18.50\n"), "{first}");
    let again = place.run(&once);
    let told = "this was done before under this idempotency key; it was told then:\n";
    assert_eq!((again.stdout, again.stderr.as_str(), again.exit), (first, told, Some(0)));
    let other = ["buyer", "credit", "5", "2.00", "--idempotency-key", "wire-17"];
    assert_eq!(place.refused(&other), "this idempotency key was used for another payment\n");
    let ledger = place.printed(&["ledger", "--account", "buyer:5"]);
    let lines: Vec<Vec<&str>> = ledger.lines().map(|line| line.split('\t').collect()).collect();
    assert!(
        lines.iter().all(|columns| columns[0] == columns[7]),
        "each counts for when it was written: {ledger}"
    );
    let kinds: Vec<_> = lines.iter().map(|columns| columns[1..7].to_vec()).collect();
    assert_eq!(
        kinds,
        [
            vec!["credit", "outside -> buyer:5", "30.00", "-", "-", "-"],
            vec!["sale", "buyer:5 -> house", "30.00", &lead, "contract 7", "-"],
            vec!["return", "house -> buyer:5", "30.00", &lead, "contract 7", "wrong number"],
            vec!["adjustment", "outside -> buyer:5", "-12.50", "-", "-", "mistyped (by the command line)"],
            vec!["credit", "outside -> buyer:5", "1.00", "-", "-", "by the command line"],
        ]
    );
    assert_eq!(place.refused(&["buyer", "balance", "6"]), "no buyer 6\n");
    assert_eq!(place.refused(&["buyer", "credit", "5", "0.00"]), "amount: must not be zero\n");
    let nobody = ["return", "AAAAAAAA", "--reason", "x", "--as", "credit"];
    assert_eq!(place.refused(&nobody), "no lead AAAAAAAA\n");
}
