//! The words that tests of conversions are written in.

use crumb_domain::Money;
use crumb_testkit::network::{Part, small_with};
use crumb_testkit::{Reply, Server};
use serde_json::Value;

/// What a postback is answered that made a conversion.
pub const SUCCESS: &str =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<result><code>0</code><msg>SUCCESS</msg></result>";

/// A shop of advertiser 1: third-party offer 400 with creative 4001 and campaign 60 of
/// affiliate 12, which earns 12.00; the shop pays 25.00. With further keys of the offer,
/// and further tables.
pub fn shop(offer: &str, more: &str) -> String {
    let shop = format!(
        "[[offer]]\nid = 400\nname = \"Shop\"\nvertical = 1\nadvertiser = 1\ntype = \"third_party\"\n\
         link = \"https://shop.example/?reqid=#reqid#\"\npayout = \"10.00\"\nreceived = \"25.00\"\n{offer}\n\
         [[offer.creative]]\nid = 4001\nname = \"Link\"\n\
         [[campaign]]\nid = 60\naffiliate = 12\noffer = 400\nkey = \"Qw3eR5tY7uI\"\npayout = \"12.00\"\n\
         {more}"
    );
    small_with(&[(Part::More, &shop)])
}

/// A server with [`shop`].
pub async fn shop_server(offer: &str, more: &str) -> Server {
    Server::start(&shop(offer, more)).await
}

/// A click of a new visitor on the shop's link through affiliate 12: its request id.
pub async fn clicked(server: &Server) -> String {
    server.visitor().click("/?a=12&c=4001").await
}

/// A call from the advertiser's server.
pub async fn postback(server: &Server, query: &str) -> Reply {
    server.tracking.get(&format!("/p.ashx?f=pb&{query}")).await
}

/// A call from the advertiser's server that must make a conversion.
pub async fn converted(server: &Server, query: &str) {
    let reply = postback(server, query).await;
    assert_eq!((reply.status.as_u16(), reply.text().trim_end()), (200, SUCCESS), "{query}");
}

/// A call from the advertiser's server that must be refused with this reason.
pub async fn refused(server: &Server, query: &str, reason: &str) {
    let reply = postback(server, query).await;
    let whole = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<result><code>1</code><msg>ERROR</msg><errors>\
         <error>{reason}</error></errors></result>"
    );
    assert_eq!((reply.status.as_u16(), reply.text().trim_end()), (200, whole.as_str()), "{query}");
}

/// All conversions as the API shows them, oldest first.
pub async fn conversions(server: &Server) -> Vec<Value> {
    rows(server, "/conversions?sort=id").await
}

/// The pixel log, oldest first.
pub async fn log(server: &Server) -> Vec<Value> {
    rows(server, "/pixels?sort=id").await
}

/// The dispositions of the pixel log, oldest first.
pub async fn dispositions(server: &Server) -> Vec<String> {
    let text = |row: Value| row["disposition"].as_str().unwrap_or_default().to_owned();
    log(server).await.into_iter().map(text).collect()
}

async fn rows(server: &Server, path: &str) -> Vec<Value> {
    server.api_json(path).await["data"].as_array().cloned().unwrap_or_default()
}

/// What an account has, as the ledger says it.
pub async fn ledger_sum(server: &Server, account: &str) -> String {
    let entries = rows(server, &format!("/ledger?account={account}&limit=1000")).await;
    let change = |row: &Value| row["change"].as_str().and_then(|text| text.parse::<Money>().ok());
    let sum = entries.iter().filter_map(change).map(Money::micros).sum();
    Money::from_micros(sum).to_string()
}
