use super::scenarios::{Addresses, guide, scenarios};
use super::{NETWORK, network_file};
use crumb_network::{FileFormat, parse};

#[test]
fn the_network_file_has_the_site_where_it_listens() {
    let file = network_file("127.0.0.1:9999".parse().unwrap());
    assert!(!file.contains(":8090"), "{file}");
    assert!(file.contains("http://127.0.0.1:9999/apply?reqid=#reqid#"));
    assert!(file.contains("http://localhost:9999/apply?reqid=#reqid#"));
    assert_eq!(network_file("127.0.0.1:8090".parse().unwrap()), NETWORK);
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
