//! The five buyers, and what is shown where nobody of them is asked.

use crumb_domain::network::Network;
use crumb_mock_buyer::Answer;
use std::fmt::Write as _;

/// What each does, by its id.
const DOES: [(i64, &str); 5] = [
    (21, "buys leads of California at a fixed price"),
    (22, "bids on a ping for each lead, and pays what it bid"),
    (23, "quotes more than most, and then has the first lead already"),
    (24, "would pay most of all, but answers its pings too late"),
    (
        25,
        "is asked first about cars of before 1990, reads the lead, and hangs up; its status address says later that it bought",
    ),
];

/// All of them, with the addresses at which they are asked.
pub fn list(network: &Network) -> Answer {
    Answer::exactly("text/plain; charset=utf-8", &text(network))
}

fn text(network: &Network) -> String {
    let mut text = "The demo's buyers, who are played here, and where the tracker asks them.\n".to_owned();
    for buyer in &network.buyer {
        let does = DOES.iter().find(|(id, _)| *id == buyer.id.0).map_or("", |(_, does)| does);
        let _ = write!(text, "\n{} {}: {does}\n", buyer.name, buyer.id);
        for contract in network.contract.iter().filter(|contract| contract.buyer == buyer.id) {
            let ping = contract.ping.as_ref().and_then(|ping| ping.url.as_ref());
            let ways = [
                ("ping", ping),
                ("post", contract.post.url.as_ref()),
                ("status", contract.post.status_url.as_ref()),
            ];
            for (way, url) in ways {
                if let Some(url) = url {
                    let _ = writeln!(text, "    {way:<6}  {url}");
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::NETWORK;
    use crumb_network::{FileFormat, parse};

    #[test]
    fn every_buyer_of_the_network_is_listed_with_what_it_does() {
        let network = parse(NETWORK, FileFormat::Toml).unwrap();
        let ids: Vec<i64> = network.buyer.iter().map(|buyer| buyer.id.0).collect();
        assert_eq!(ids, DOES.map(|(id, _)| id));
    }
}
