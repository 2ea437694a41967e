//! The servers that selling is compared with, on the same HTTP engine and runtime.

use super::network::{BIDDERS, NOBODY_BUYS, REFUSER};
use super::posts::between;
use crate::bench::client::Connection;
use crate::bench::now;
use bytes::Bytes;
use crumb_domain::Money;
use http::Response;
use http_body_util::Full;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinSet;
use url::form_urlencoded;

/// What is answered where a lead was bought, and where it was not.
pub const SOLD: &str = "<result><code>0</code></result>";
pub const UNSOLD: &str = "<result><code>1</code></result>";

/// The contract that is posted to where nobody bids.
const PLAIN: u64 = 11;

/// Waits, and says for how long it really did.
pub async fn wait(time: Duration) -> Response<Full<Bytes>> {
    let begun = now();
    tokio::time::sleep(time).await;
    answer(format!("<result><waited>{}</waited></result>", begun.elapsed().as_micros()))
}

/// Calls the buyers as the tree would, and decides no more than by the highest bid.
pub async fn calls(buyers: SocketAddr, body: &[u8]) -> Response<Full<Bytes>> {
    match sold(buyers, body).await {
        Ok(true) => answer(SOLD.to_owned()),
        Ok(false) => answer(UNSOLD.to_owned()),
        Err(error) => answer(format!("{error:#}")),
    }
}

async fn sold(buyers: SocketAddr, body: &[u8]) -> anyhow::Result<bool> {
    let (mut lead, mut city) = (String::new(), String::new());
    for (name, value) in form_urlencoded::parse(body) {
        match &*name {
            "email_address" => lead = value.into_owned(),
            "city" => city = value.into_owned(),
            _ => {}
        }
    }
    let ping = format!("ref={lead}&city={city}&zip=90210");
    let mut pings = JoinSet::new();
    for contract in BIDDERS {
        let ping = ping.clone();
        pings.spawn(async move { (contract, call(buyers, &format!("/ping/{contract}"), &ping).await) });
    }
    let mut bids = Vec::new();
    while let Some(came) = pings.join_next().await {
        let (contract, bid) = came?;
        bids.extend(bid?.map(|price| (price, contract)));
    }
    bids.sort_unstable();
    let plain = (city != NOBODY_BUYS).then_some(PLAIN);
    let post = format!("{ping}&first=Robin&last=Miller&email={lead}&phone=000000000000000&session=S{lead}");
    for contract in bids.into_iter().rev().map(|(_, contract)| contract).chain(plain) {
        let kind = if contract == REFUSER { "refuse" } else { "post" };
        if call(buyers, &format!("/{kind}/{contract}"), &post).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Asks a buyer, on a connection of its own; the price, where it wants the lead.
async fn call(buyers: SocketAddr, path: &str, body: &str) -> anyhow::Result<Option<Money>> {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {buyers}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut connection = Connection::open(buyers).await?;
    let (_, answer) = connection.ask(request.as_bytes()).await?;
    let text = std::str::from_utf8(answer)?;
    Ok(between(text, "price").map(str::parse).transpose()?)
}

fn answer(text: String) -> Response<Full<Bytes>> {
    Response::new(Full::new(text.into()))
}
