use super::scenarios::{Addresses, guide, scenarios};
use super::{NETWORK, WHAT_IF, network_file, with_commands};
use crumb_mock_buyer::listed;
use crumb_network::{FileFormat, parse};

#[test]
fn the_network_file_has_the_site_where_it_listens() {
    let written = "127.0.0.1:8095".parse().unwrap();
    let file = network_file(NETWORK, "127.0.0.1:9999".parse().unwrap(), written);
    assert!(!file.contains(":8090"), "{file}");
    assert!(file.contains("http://127.0.0.1:9999/apply?reqid=#reqid#"));
    assert!(file.contains("http://localhost:9999/apply?reqid=#reqid#"));
    assert_eq!(network_file(NETWORK, "127.0.0.1:8090".parse().unwrap(), written), NETWORK);
}

#[test]
fn the_network_file_has_the_buyers_where_they_listen_and_their_visitors_on_the_site() {
    let file = network_file(NETWORK, "127.0.0.1:9999".parse().unwrap(), "127.0.0.1:7777".parse().unwrap());
    assert!(!file.contains(":8095"), "{file}");
    assert!(file.contains("http://127.0.0.1:7777/status/forgetful?"));
    assert!(file.contains("&redirect=http://127.0.0.1:9999/welcome\""));
}

#[test]
fn every_address_of_a_buyer_is_one_that_is_played() {
    let network = parse(NETWORK, FileFormat::Toml).unwrap();
    let played: Vec<&str> = listed().iter().filter_map(|listed| first_part(listed.target)).collect();
    assert_eq!((network.buyer.len(), network.contract.len()), (5, 5));
    for contract in &network.contract {
        let ways = contract.ping.iter().chain([&contract.post]);
        for url in ways.flat_map(|way| way.url.iter().chain(&way.status_url)) {
            let target = url.strip_prefix("http://127.0.0.1:8095").unwrap();
            assert!(played.contains(&first_part(target).unwrap()), "{url}");
        }
    }
}

#[test]
fn the_change_to_replay_with_names_a_contract_of_the_network_and_changes_its_terms() {
    let (network, what_if) =
        (parse(NETWORK, FileFormat::Toml).unwrap(), parse(WHAT_IF, FileFormat::Toml).unwrap());
    let [changed] = what_if.contract.as_slice() else { panic!("one contract") };
    let present = network.contract.iter().find(|contract| contract.id == changed.id).unwrap();
    assert_eq!(
        (changed.buyer, changed.vertical, changed.offer),
        (present.buyer, present.vertical, present.offer)
    );
    assert_ne!(changed.schedule[0].price, present.schedule[0].price);
    let file = network_file(WHAT_IF, "127.0.0.1:9999".parse().unwrap(), "127.0.0.1:7777".parse().unwrap());
    assert!(!file.contains(":8095") && !file.contains(":8090"), "{file}");
}

#[test]
fn the_change_to_replay_with_has_its_commands_as_they_can_be_pasted() {
    let commands = Addresses::for_tests().commands;
    let file = with_commands(WHAT_IF, &commands);
    for command in [commands.replay(), commands.plan()] {
        assert!(file.contains(&format!("\n#   {command}\n")), "{command}: {file}");
    }
}

fn first_part(target: &str) -> Option<&str> {
    target.trim_start_matches('/').split(['/', '?']).next()
}

#[test]
fn no_ping_names_anybody() {
    let network = parse(NETWORK, FileFormat::Toml).unwrap();
    let pings: Vec<_> = network.contract.iter().filter_map(|contract| contract.ping.as_ref()).collect();
    assert_eq!(pings.len(), 3);
    for ping in pings {
        let sent = format!("{:?}", ping.params);
        for personal in ["name#", "#email_address#", "#phone_home#", "#ip_address#"] {
            assert!(!sent.contains(personal), "{sent}");
        }
        assert!(ping.body.is_none() && sent.contains("#zip_code#"));
    }
}

#[test]
fn every_link_names_a_creative_and_mostly_an_affiliate_of_the_network() {
    let network = parse(NETWORK, FileFormat::Toml).unwrap();
    let creatives: Vec<i64> =
        network.offer.iter().flat_map(|offer| &offer.creative).map(|creative| creative.id.0).collect();
    let affiliates: Vec<i64> = network.affiliate.iter().map(|affiliate| affiliate.id.0).collect();
    let mut unknown = Vec::new();
    for step in scenarios(&Addresses::for_tests()).into_iter().flat_map(|scenario| scenario.steps) {
        let url = url::Url::parse(&step.url).unwrap();
        let value = |name| {
            let found = url.query_pairs().find(|(other, _)| other == name);
            found.map(|(_, value)| value.parse::<i64>().unwrap())
        };
        if let Some(creative) = value("c") {
            assert!(creatives.contains(&creative), "{}", step.url);
        }
        if let Some(affiliate) = value("a").filter(|affiliate| !affiliates.contains(affiliate)) {
            unknown.push(affiliate);
        }
    }
    // One link is odd on purpose, and one makes tests.
    assert_eq!(unknown, [999, -1]);
}

#[test]
fn the_terminal_shows_every_scenario_and_how_to_go_on() {
    insta::assert_snapshot!(guide(&Addresses::for_tests()));
}
