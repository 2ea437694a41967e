//! The words that tests of links, pixels and their clicks are written in.

use crumb_testkit::network::{Part, small_with};
use crumb_testkit::{Options, Reply, Request, Server};
use serde_json::Value;

/// An ordinary link of affiliate 12 on the hosted offer 100.
pub const LINK: &str = "/?a=12&c=1057";

/// The user agent of an ordinary browser.
pub const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// A server of the small network with changes.
pub async fn server_with(changes: &[(Part, &str)]) -> Server {
    Server::start(&small_with(changes)).await
}

/// A server that believes what this machine forwards, so that a test can say from
/// which address it comes.
pub async fn server_behind_a_proxy(changes: &[(Part, &str)]) -> Server {
    let options = Options { trusted_proxies: vec!["127.0.0.0/8".to_owned()], ..Options::default() };
    Server::start_with(&small_with(changes), options).await
}

/// A hosted offer whose creative has ten times its id, and one more of keys.
pub fn offer(id: u32, keys: &str) -> String {
    format!(
        "[[offer]]\nid = {id}\nname = \"Offer {id}\"\nvertical = 1\nadvertiser = 1\ntype = \"hosted\"\n\
         link = \"https://o{id}.example/?reqid=#reqid#\"\n{keys}\n\
         [[offer.creative]]\nid = {id}0\nname = \"Text link\"\n"
    )
}

/// All recorded clicks, oldest first.
pub async fn rows(server: &Server) -> Vec<Value> {
    rows_of(server, "").await
}

/// The recorded clicks of a filter, oldest first.
pub async fn rows_of(server: &Server, filter: &str) -> Vec<Value> {
    let listing = server.api_json(&format!("/clicks?sort=id&limit=1000&{filter}")).await;
    listing["data"].as_array().expect("a list").clone()
}

/// The newest recorded click.
pub async fn last_row(server: &Server) -> Value {
    rows(server).await.pop().expect("a click is recorded")
}

/// Follows a link without cookies, with a browser's user agent.
pub async fn follow(server: &Server, target: &str) -> Reply {
    server.tracking.send(Request::get(target).header("user-agent", FIREFOX)).await
}

/// Follows a link without cookies, from an address; the server must trust its peer.
pub async fn follow_from(server: &Server, address: &str, target: &str) -> Reply {
    let request = Request::get(target).header("user-agent", FIREFOX).header("x-forwarded-for", address);
    server.tracking.send(request).await
}

/// Follows a link that must be diverted to the Global Redirect as a disposition
/// says, and tells its row.
pub async fn diverted(server: &Server, target: &str, disposition: &str) -> Value {
    let reply = follow(server, target).await;
    assert_eq!(reply.status, 302, "{target}: {}", reply.text());
    assert_eq!(reply.location(), "https://global.example/", "{target}");
    let row = last_row(server).await;
    assert_eq!(row["disposition"], disposition, "{target}");
    assert_eq!(row["duplicate"], false, "{target}");
    row
}

/// The parameter of an address.
pub fn parameter(address: &str, name: &str) -> String {
    let query = address.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let query = query.split('#').next().unwrap_or_default();
    let found = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name} in {address}")).to_owned()
}

/// The request id in the line of a click pixel.
pub fn pixel_id(reply: &Reply) -> String {
    let text = reply.text();
    let mut lines = text.lines().filter(|line| line.starts_with("var ckm_request_id = "));
    let line = lines.next().unwrap_or_else(|| panic!("no line with the id: {text}"));
    assert_eq!(lines.next(), None, "{text}");
    assert_eq!(line.matches(';').count(), 1, "{line}");
    let id = line.strip_prefix("var ckm_request_id = ").and_then(|rest| rest.strip_suffix(';'));
    id.unwrap_or_else(|| panic!("{line}")).to_owned()
}
