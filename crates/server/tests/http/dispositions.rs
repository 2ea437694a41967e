//! Why a click is diverted: every disposition, and which comes first.

use crate::traffic::*;
use crumb_domain::{AffiliateId, CampaignId, CreativeId, OfferId};
use crumb_storage::ConfigurationStore as _;
use crumb_storage::configuration::HistoryOf;
use crumb_testkit::network::Part;
use crumb_testkit::{Options, Server, network};
use serde_json::json;

#[tokio::test]
async fn unknown_or_malformed_ids_are_an_invalid_link() {
    let server = Server::start(network::SMALL).await;
    for target in [
        "/",
        "/?",
        "/?a=12",
        "/?c=1057",
        "/?a=&c=1057",
        "/?a=999&c=1057",
        "/?a=x&c=1057",
        "/?a=12x&c=1057",
        "/?a=-2&c=1057",
        "/?a=0&c=1057",
        "/?a=12.0&c=1057",
        "/?a=99999999999999999999&c=1057",
        "/?a=12&c=999",
        "/?a=12&c=",
        "/?a=12&c=x",
        "/?a=12&c=-1",
        "/?a=-1&c=999",
    ] {
        let row = diverted(&server, target, "Invalid Link").await;
        assert_eq!(row["offer"], json!(null), "{target}");
    }
}

#[tokio::test]
async fn an_invalid_link_keeps_what_was_readable_of_it() {
    let server = Server::start(network::SMALL).await;
    let row = diverted(&server, "/?a=12&c=999&s1=sub", "Invalid Link").await;
    assert_eq!(row["affiliate"], 12);
    assert_eq!(row["sub_ids"][0], "sub");
    assert_eq!(row["redirect"], "https://global.example/");
}

#[tokio::test]
async fn numbers_that_strangers_put_into_links_and_posts_are_no_history() {
    let server = Server::start(network::SMALL).await;
    for target in ["/?a=12&c=999", "/?a=998&c=1057", "/?a=998&c=999"] {
        follow(&server, target).await;
    }
    for body in ["ckm_campaign_id=997&ckm_key=x", "ckm_offer_id=996", "ckm_offer_id=996&ckm_request_id=1"] {
        server.visitor().post_form("/d.ashx", body).await;
    }
    let of = vec![
        HistoryOf::Affiliate(AffiliateId(12)),
        HistoryOf::Creative(CreativeId(1057)),
        HistoryOf::Affiliate(AffiliateId(998)),
        HistoryOf::Creative(CreativeId(999)),
        HistoryOf::Campaign(CampaignId(997)),
        HistoryOf::Offer(OfferId(996)),
    ];
    let history = server.site.store.have_history(of).await.unwrap();
    assert_eq!(history, [true, true, false, false, false, false]);
}

#[tokio::test]
async fn without_a_global_redirect_the_answer_is_a_plain_404_page_and_the_click_is_recorded() {
    let network = network::SMALL.replace("global_redirect = \"https://global.example/\"\n", "");
    let server = Server::start(&network).await;
    for (target, disposition) in
        [("/?a=12&c=999", "Invalid Link"), ("/?a=14&c=1057", "Inactive Affiliate"), ("/", "Invalid Link")]
    {
        let reply = follow(&server, target).await;
        assert_eq!(reply.status, 404, "{target}");
        assert_eq!(reply.location(), "");
        assert!(!reply.text().is_empty());
        let row = last_row(&server).await;
        assert_eq!(row["disposition"], disposition);
        assert_eq!(row["redirect"], json!(null));
    }
}

#[tokio::test]
async fn a_sub_affiliate_turned_off_goes_to_the_global_redirect_whatever_the_chain() {
    let more = offer(500, "");
    let server = server_with(&[
        (Part::Affiliate, "turned_off_sub_ids = [\"bad\"]"),
        (Part::HostedOffer, "redirect_offer = 500"),
        (Part::More, &more),
    ])
    .await;
    diverted(&server, "/?a=12&c=1057&s1=bad", "Inactive Sub Affiliate").await;
    follow(&server, "/?a=12&c=1057&s1=good").await;
    assert_eq!(last_row(&server).await["disposition"], "ok");
}

#[tokio::test]
async fn a_blocked_address_goes_to_the_global_redirect_whatever_the_chain() {
    let more = offer(500, "");
    let server = server_behind_a_proxy(&[
        (Part::Network, "blocked_ips = [\"203.0.113.0/24\", \"2001:db8::/32\"]"),
        (Part::HostedOffer, "redirect_offer = 500"),
        (Part::More, &more),
    ])
    .await;
    for (address, disposition) in [
        ("203.0.113.200", "Blocked IP Address"),
        ("2001:db8::7", "Blocked IP Address"),
        ("::ffff:203.0.113.9", "Blocked IP Address"),
        ("203.0.114.1", "ok"),
    ] {
        let reply = follow_from(&server, address, LINK).await;
        let row = last_row(&server).await;
        assert_eq!(row["disposition"], disposition, "{address}");
        assert_eq!(reply.location() == "https://global.example/", disposition != "ok");
    }
}

/// A server that knows some countries, and believes who says from where it comes.
async fn server_with_countries(changes: &[(Part, &str)]) -> (Server, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("country.mmdb");
    crumb_testkit::geo::write(&path, &[("192.0.2.0", 24, "US"), ("198.51.100.0", 24, "FR")]);
    let options = Options {
        trusted_proxies: vec!["127.0.0.0/8".to_owned()],
        geo_database: Some(path),
        ..Options::default()
    };
    (Server::start_with(&network::small_with(changes), options).await, directory)
}

#[tokio::test]
async fn another_or_an_unknown_country_is_a_geotarget_mismatch() {
    let changes = [
        (Part::HostedOffer, "countries = [\"US\", \"CA\"]\nredirect_offer = 500"),
        (Part::More, &offer(500, "")),
    ];
    let (server, _directory) = server_with_countries(&changes).await;
    for (address, disposition, country) in [
        ("192.0.2.1", "ok", json!("US")),
        ("198.51.100.1", "Geotarget Mismatch", json!("FR")),
        ("203.0.113.1", "Geotarget Mismatch", json!(null)),
    ] {
        let reply = follow_from(&server, address, LINK).await;
        let row = last_row(&server).await;
        assert_eq!(row["disposition"], disposition, "{address}");
        assert_eq!(row["country"], country, "{address}");
        assert_eq!(reply.location() == "https://global.example/", disposition != "ok", "{address}");
    }
    follow_from(&server, "203.0.113.1", "/?a=12&c=2001").await;
    assert_eq!(last_row(&server).await["disposition"], "ok");
}

#[tokio::test]
async fn without_a_geo_database_countries_are_not_enforced() {
    let server = server_with(&[(Part::HostedOffer, "countries = [\"US\"]")]).await;
    follow(&server, LINK).await;
    assert_eq!(last_row(&server).await["disposition"], "ok");
}

#[tokio::test]
async fn a_blacklist_entry_holds_for_one_offer_one_advertiser_or_everywhere() {
    let more = "[[advertiser]]\nid = 2\nname = \"Other\"\n\
        [[offer]]\nid = 600\nname = \"Of another\"\nvertical = 1\nadvertiser = 2\ntype = \"hosted\"\n\
        link = \"https://lp.example/6?reqid=#reqid#\"\n[[offer.creative]]\nid = 6001\nname = \"x\"\n";
    let entry = |keys: &str| format!("[[blacklist]]\naffiliate = 12\n{keys}");
    for (keys, refused) in
        [("offer = 100", vec![1057]), ("advertiser = 1", vec![1057, 2001]), ("", vec![1057, 2001, 6001])]
    {
        let server = server_with(&[(Part::More, &format!("{}\n{more}", entry(keys)))]).await;
        for creative in [1057, 2001, 6001] {
            follow(&server, &format!("/?a=12&c={creative}")).await;
            let expected = if refused.contains(&creative) { "Blacklisted Affiliate" } else { "ok" };
            assert_eq!(last_row(&server).await["disposition"], expected, "{keys}: {creative}");
        }
        follow(&server, "/?a=13&c=1057").await;
        assert_eq!(last_row(&server).await["disposition"], "ok", "{keys}");
    }
}

#[tokio::test]
async fn a_blacklisted_sub_affiliate_is_told_from_a_blacklisted_affiliate() {
    let entry = "[[blacklist]]\naffiliate = 12\nsub_id = \"bad\"\noffer = 100";
    let server = server_with(&[(Part::More, entry)]).await;
    diverted(&server, "/?a=12&c=1057&s1=bad", "Blacklisted Sub Affiliate").await;
    for target in ["/?a=12&c=1057&s1=good", "/?a=12&c=1057", "/?a=12&c=2001&s1=bad", "/?a=13&c=1057&s1=bad"] {
        follow(&server, target).await;
        assert_eq!(last_row(&server).await["disposition"], "ok", "{target}");
    }
}

#[tokio::test]
async fn a_blacklist_entry_says_where_its_clicks_go() {
    for (redirect, status, location) in [
        ("", 302, "https://global.example/"),
        ("redirect = \"global\"", 302, "https://global.example/"),
        ("redirect = \"offer\"", 302, "https://o500.example/"),
        ("redirect = \"404\"", 404, ""),
    ] {
        let more = format!("{}\n[[blacklist]]\naffiliate = 12\noffer = 100\n{redirect}", offer(500, ""));
        let server = server_with(&[(Part::HostedOffer, "redirect_offer = 500"), (Part::More, &more)]).await;
        let reply = follow(&server, LINK).await;
        assert_eq!(reply.status, status, "{redirect}");
        assert_eq!(reply.location().split('?').next(), Some(location), "{redirect}");
        let row = rows(&server).await.remove(0);
        assert_eq!(row["disposition"], "Blacklisted Affiliate", "{redirect}");
    }
}

const PAST: &str = "expires_at = \"2026-07-01T11:59:59Z\"";

#[tokio::test]
async fn each_status_and_expiry_has_its_own_disposition() {
    for (part, keys, disposition) in [
        (Part::Affiliate, "status = \"inactive\"", "Inactive Affiliate"),
        (Part::Affiliate, "status = \"pending\"", "Inactive Affiliate"),
        (Part::HostedOffer, "status = \"inactive\"", "Inactive Offer"),
        (Part::HostedOffer, PAST, "Offer Expired"),
        (Part::Campaign, "status = \"inactive\"", "Inactive Campaign"),
        (Part::Campaign, PAST, "Campaign Expired"),
        (Part::Creative, "status = \"inactive\"", "Inactive Creative"),
        (Part::Creative, PAST, "Creative Expired"),
    ] {
        let server = server_with(&[(part, keys)]).await;
        let row = diverted(&server, LINK, disposition).await;
        assert_eq!(row["affiliate"], 12);
        assert_eq!(row["offer"], 100, "{disposition}");
        assert_eq!(row["creative"], 1057, "{disposition}");
    }
}

#[tokio::test]
async fn an_offer_that_is_not_public_wants_a_campaign() {
    let more = format!("{}\n{}", offer(500, "status = \"apply_to_run\""), offer(501, "status = \"private\""));
    let more = format!("{more}[[campaign]]\nid = 90\naffiliate = 13\noffer = 501");
    let server = server_with(&[(Part::More, &more)]).await;
    for target in ["/?a=12&c=3001", "/?a=12&c=5000", "/?a=12&c=5010"] {
        diverted(&server, target, "Affiliate Not Authorized for Campaign").await;
    }
    follow(&server, "/?a=13&c=5010").await;
    assert_eq!(last_row(&server).await["disposition"], "ok");
}

#[tokio::test]
async fn an_expiry_takes_effect_at_its_moment() {
    let server = server_with(&[(Part::HostedOffer, "expires_at = \"2026-07-01T12:00:10Z\"")]).await;
    server.clock.advance_seconds(9);
    follow(&server, LINK).await;
    assert_eq!(last_row(&server).await["disposition"], "ok");
    server.clock.advance_seconds(1);
    diverted(&server, LINK, "Offer Expired").await;
}

#[tokio::test]
async fn status_checks_do_not_apply_to_the_internal_affiliate_and_its_campaigns_are_made_on_any_offer() {
    let server = Server::start(network::SMALL).await;
    follow(&server, "/?a=1&c=3001").await;
    let row = last_row(&server).await;
    assert_eq!(row["disposition"], "ok");
    assert!(row["campaign"].is_number());
}

#[tokio::test]
async fn a_country_is_looked_at_after_a_blocked_address_and_before_a_click_cap() {
    let keys = "countries = [\"US\"]\ncaps = [{ of = \"click\", interval = \"total\", limit = 0 }]";
    for (blocked, country, disposition) in [
        ("198.51.100.0/24", "198.51.100.1", "Blocked IP Address"),
        ("203.0.113.0/24", "198.51.100.1", "Geotarget Mismatch"),
        ("203.0.113.0/24", "192.0.2.1", "Offer Over Click Cap"),
    ] {
        let blocked = format!("blocked_ips = [\"{blocked}\"]");
        let changes = [(Part::HostedOffer, keys), (Part::Network, blocked.as_str())];
        let (server, _directory) = server_with_countries(&changes).await;
        follow_from(&server, country, LINK).await;
        assert_eq!(last_row(&server).await["disposition"], disposition);
    }
}

/// One cause of each disposition on a click of sub-affiliate `s` of affiliate 12 on
/// offer 100 from a blocked address, in the order in which they are looked for.
const CAUSES: &[(&str, Part, &str)] = &[
    ("Inactive Affiliate", Part::Affiliate, "status = \"inactive\""),
    ("Inactive Sub Affiliate", Part::Affiliate, "turned_off_sub_ids = [\"s\"]"),
    ("Blacklisted Affiliate", Part::More, "[[blacklist]]\naffiliate = 12"),
    ("Blacklisted Sub Affiliate", Part::More, "[[blacklist]]\naffiliate = 12\nsub_id = \"s\""),
    ("Inactive Offer", Part::HostedOffer, "status = \"inactive\""),
    ("Offer Expired", Part::HostedOffer, PAST),
    ("Inactive Campaign", Part::Campaign, "status = \"inactive\""),
    ("Campaign Expired", Part::Campaign, PAST),
    ("Inactive Creative", Part::Creative, "status = \"inactive\""),
    ("Creative Expired", Part::Creative, PAST),
    ("Blocked IP Address", Part::Network, "blocked_ips = [\"127.0.0.1\"]"),
    (
        "Offer Over Click Cap",
        Part::HostedOffer,
        "caps = [{ of = \"click\", interval = \"total\", limit = 0 }]",
    ),
    (
        "Campaign Over Click Cap",
        Part::Campaign,
        "caps = [{ of = \"click\", interval = \"total\", limit = 0 }]",
    ),
];

#[tokio::test]
async fn of_several_reasons_the_first_in_the_order_of_checks_is_the_disposition() {
    for first in 0..CAUSES.len() {
        // All causes from the first on, so that each is proved against all later ones.
        let mut changes: Vec<(Part, String)> = Vec::new();
        for (_, part, keys) in &CAUSES[first..] {
            match changes.iter_mut().find(|(other, _)| other == part) {
                Some((_, all)) => all.push_str(&format!("\n{keys}")),
                None => changes.push((*part, (*keys).to_owned())),
            }
        }
        let changes: Vec<(Part, &str)> = changes.iter().map(|(part, keys)| (*part, keys.as_str())).collect();
        let server = server_with(&changes).await;
        follow(&server, "/?a=12&c=1057&s1=s").await;
        assert_eq!(last_row(&server).await["disposition"], CAUSES[first].0);
    }
}

#[tokio::test]
async fn having_no_campaign_is_looked_for_before_anything_about_affiliate_or_offer() {
    let server = server_with(&[(Part::Network, "blocked_ips = [\"127.0.0.1\"]")]).await;
    diverted(&server, "/?a=14&c=3001", "Affiliate Not Authorized for Campaign").await;
}
