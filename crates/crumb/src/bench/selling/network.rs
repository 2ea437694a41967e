//! The network whose leads are sold while that is measured: a tree of 30 contracts.
//!
//! * 1 to 10 bid: each is pinged for each lead, all at once, and buys at what it bid.
//!   The tenth then refuses what it bid for.
//! * 11 to 20 buy at a price below all bids: they are asked if nobody bids.
//! * 21 to 30 want other leads.
//!
//! Beside it stands a buyer that keeps its answers back, for a vertical of its own.

use crate::bench::network::HEAD;
use std::fmt::Write as _;
use std::net::SocketAddr;

/// Contracts that are pinged for each lead.
pub const BIDDERS: std::ops::RangeInclusive<u64> = 1..=10;
/// The bidder that refuses the posts that its bids bring.
pub const REFUSER: u64 = 10;
/// Contracts that buy where nobody bids.
const PLAIN: std::ops::RangeInclusive<u64> = 11..=20;
/// Contracts whose filters let none of these leads through.
const ELSEWHERE: std::ops::RangeInclusive<u64> = 21..=30;
/// The contract whose buyer keeps its answers back.
pub const HOLDER: u64 = 31;

/// Where nobody bids, but the plain contracts buy.
pub const NOBODY_BIDS: &str = "Quietville";
/// Where nobody buys.
pub const NOBODY_BUYS: &str = "Nowhere";

/// The campaign whose leads go through the tree, and the one whose leads are held.
pub const CAMPAIGNS: [&str; 2] =
    ["ckm_campaign_id=100000&ckm_key=key00000000", "ckm_campaign_id=100001&ckm_key=key00000001"];

/// The network file, with its buyers at an address.
pub fn file(buyers: SocketAddr) -> String {
    let mut file = HEAD.to_owned();
    file += PARTIES;
    for id in BIDDERS {
        let post = if id == REFUSER { "refuse" } else { "post" };
        let ping = format!(
            "[contract.ping]\nmethod = \"post\"\nurl = \"http://{buyers}/ping/{id}\"\n{READ}\
             session = \"xml:/result/session\"\n\
             params = [[\"ref\", \"#leadid#\"], [\"city\", \"#city#\"], [\"zip\", \"#zip_code#\"]]\n"
        );
        // Prepaid and capped, so that credit and caps are reserved too.
        buyer(&mut file, id, "credit = { type = \"prepaid\", balance = \"100000000.00\" }\n");
        contract(&mut file, id, 1, ("5.00", ", cap = 1000000"), "", &format!("http://{buyers}/{post}/{id}"));
        file += &ping;
    }
    for id in PLAIN {
        buyer(&mut file, id, "");
        let filter = format!("filter = [{{ field = \"city\", op = \"ne\", value = \"{NOBODY_BUYS}\" }}]\n");
        contract(&mut file, id, 1, ("1.00", ""), &filter, &format!("http://{buyers}/post/{id}"));
    }
    for id in ELSEWHERE {
        buyer(&mut file, id, "");
        let filter = "filter = [{ field = \"zip_code\", op = \"in\", value = \"00501|00544|06390\" }]\n";
        contract(&mut file, id, 1, ("9.00", ""), filter, &format!("http://{buyers}/post/{id}"));
    }
    buyer(&mut file, HOLDER, "");
    contract(&mut file, HOLDER, 2, ("5.00", ""), "", &format!("http://{buyers}/hold/{HOLDER}"));
    // Longer than the buyer holds: what is measured is that all are held.
    file += "timeout_ms = 240000\n";
    file
}

fn buyer(file: &mut String, id: u64, more: &str) {
    let _ = write!(file, "\n[[buyer]]\nid = {id}\nname = \"Buyer {id}\"\n{more}");
}

fn contract(file: &mut String, id: u64, vertical: u64, (price, cap): (&str, &str), more: &str, url: &str) {
    let _ = write!(
        file,
        "\n[[contract]]\nid = {id}\nbuyer = {id}\nvertical = {vertical}\nname = \"Contract {id}\"\nmax_post_errors = 11\n\
         schedule = [{{ days = [\"all\"], open = \"00:00\", close = \"24:00\", price = \"{price}\", type = \"exclusive\"{cap} }}]\n\
         {more}[contract.post]\nmethod = \"post\"\nurl = \"{url}\"\n{READ}\
         params = [[\"ref\", \"#leadid#\"], [\"first\", \"#first_name#\"], [\"last\", \"#last_name#\"], \
         [\"email\", \"#email_address#\"], [\"phone\", \"#phone_home#\"], [\"city\", \"#city#\"], \
         [\"zip\", \"#zip_code#\"], [\"session\", \"#session#\"]]\n"
    );
}

/// How the buyers' answers are read.
const READ: &str = "accepted = [\"xml:/result/code=0\"]\nrejected = [\"xml:/result/code=1\"]\nprice = \"xml:/result/price\"\n";

const PARTIES: &str = r#"
[[vertical]]
id = 2
name = "Held"

[[vertical.field]]
name = "first_name"
type = "string"

[[vertical.field]]
name = "last_name"
type = "string"

[[vertical.field]]
name = "email_address"
type = "email"
required = true

[[vertical.field]]
name = "phone_home"
type = "phone"

[[vertical.field]]
name = "city"
type = "string"

[[vertical.field]]
name = "zip_code"
type = "zip"

[[offer]]
id = 1000
name = "Sold by bids"
vertical = 1
type = "host_n_post"
distribution = "async_ping"
payout = "0.50"
link = "https://lp.example/quote"

[[offer]]
id = 1001
name = "Held by its buyer"
vertical = 2
type = "host_n_post"
payout = "0.50"
deadline_ms = 300000
link = "https://lp.example/quote"

[[affiliate]]
id = 100
name = "Affiliate"

[[campaign]]
id = 100000
affiliate = 100
offer = 1000
key = "key00000000"

[[campaign]]
id = 100001
affiliate = 100
offer = 1001
key = "key00000001"
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_network::{FileFormat, parse};

    #[test]
    fn the_file_is_a_network_file_with_a_tree_of_thirty_contracts_of_which_ten_are_pinged() {
        let text = file("127.0.0.1:8095".parse().unwrap());
        assert!(parse(&text, FileFormat::Toml).is_ok(), "{text}");
        assert_eq!(text.matches("vertical = 1\nname = \"Contract").count(), 30);
        assert_eq!(text.matches("[contract.ping]").count(), 10);
    }
}
