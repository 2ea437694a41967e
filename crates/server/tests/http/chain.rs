//! Where a diverted click goes: the chain of redirect offers, 404, Global Redirect.

use crate::traffic::*;
use crumb_testkit::Server;
use crumb_testkit::network::{Part, small_with};
use serde_json::json;

const CLOSED: &str = "status = \"inactive\"";

#[tokio::test]
async fn the_redirect_offer_of_the_campaign_goes_before_the_contracts_the_offers_and_the_verticals() {
    let offers: String = (500..504).map(|id| offer(id, "")).collect();
    let levels = [
        (Part::Campaign, "redirect_offer = 500".to_owned()),
        (Part::More, "contract".to_owned()),
        (Part::HostNPostOffer, "redirect_offer = 502".to_owned()),
        (Part::Vertical, "redirect_offer = 503".to_owned()),
    ];
    for first in 0..=levels.len() {
        let mut text = small_with(&[(Part::More, &offers)]);
        // Campaign 58 of the host-n-post offer 200 is closed, and its levels set from
        // the first on.
        let mut campaign = "[[campaign]]\nid = 58\nstatus = \"inactive\"\n".to_owned();
        for (level, (part, keys)) in levels.iter().enumerate().skip(first) {
            match level {
                0 => campaign.push_str(&format!("{keys}\n")),
                1 => {
                    campaign.push_str("offer_contract = 900\n");
                    text = text.replace(
                        "[[offer.creative]]\nid = 2001\n",
                        "[[offer.contract]]\nid = 899\n\n[[offer.contract]]\nid = 900\nredirect_offer = 501\n\n[[offer.creative]]\nid = 2001\n",
                    );
                }
                _ => {
                    let line = if *part == Part::Vertical {
                        "name = \"Auto insurance\"\n"
                    } else {
                        "name = \"Fast sale\"\n"
                    };
                    text = text.replace(line, &format!("{line}{keys}\n"));
                }
            }
        }
        let text = text.replace("[[campaign]]\nid = 58\n", &campaign);
        let server = Server::start(&text).await;
        let reply = follow(&server, "/?a=12&c=2001").await;
        let expected = match first {
            4 => "https://global.example/".to_owned(),
            level => format!("https://o50{level}.example/"),
        };
        assert_eq!(reply.location().split('?').next(), Some(expected.as_str()));
    }
}

#[tokio::test]
async fn a_diverted_click_is_an_uncounted_row_and_the_target_gets_a_counted_one_that_opens_a_session() {
    let server = server_with(&[
        (Part::HostedOffer, &format!("{CLOSED}\nredirect_offer = 500")),
        (Part::More, &offer(500, "payout = \"7.00\"")),
    ])
    .await;
    let visitor = server.visitor();
    let id = visitor.click("/?a=12&c=1057&s1=sub&udid=d").await;
    let rows = rows(&server).await;
    assert_eq!(rows.len(), 2);
    let [diverted, counted] = [&rows[0], &rows[1]];
    assert_eq!(diverted["disposition"], "Inactive Offer");
    assert_eq!(diverted["offer"], 100);
    assert_eq!(diverted["campaign"], 57);
    assert_eq!(diverted["creative"], 1057);
    assert_eq!(counted["disposition"], "ok");
    assert_eq!(counted["duplicate"], false);
    assert_eq!(counted["offer"], 500);
    assert_eq!(counted["creative"], 1057);
    assert_eq!(counted["affiliate"], 12);
    assert!(counted["campaign"].is_number());
    assert_ne!(counted["campaign"], 57);
    assert_eq!(counted["sub_ids"][0], "sub");
    assert_eq!(counted["request_id"], id);
    assert_ne!(diverted["request_id"], json!(id));
    // A lead on the target's page is credited to the affiliate at the offer's payout.
    let post = "ckm_offer_id=500&email_address=a@example.com&zip_code=90210&ckm_bp=0";
    let answer = visitor.post_form("/d.ashx", post).await;
    assert_eq!(answer.between("<price>", "</price>"), "7.00");
    let lead = server.api_json(&format!("/leads/{}", answer.between("<leadid>", "</leadid>"))).await;
    assert_eq!(lead["affiliate"], 12);
    assert_eq!(lead["request_id"], id);
    assert_eq!(lead["attribution"], "cookie");
}

#[tokio::test]
async fn a_campaign_is_made_at_the_chains_target_also_where_the_offer_is_private() {
    let server = server_with(&[(Part::HostedOffer, &format!("{CLOSED}\nredirect_offer = 300"))]).await;
    let reply = follow(&server, LINK).await;
    assert!(reply.location().starts_with("https://lp.example/private?"), "{}", reply.location());
    let row = last_row(&server).await;
    assert_eq!(row["disposition"], "ok");
    assert!(row["campaign"].is_number());
}

#[tokio::test]
async fn a_further_click_on_a_diverted_link_is_a_duplicate_at_the_target() {
    let server = server_with(&[
        (Part::HostedOffer, &format!("{CLOSED}\nredirect_offer = 500")),
        (Part::More, &offer(500, "")),
    ])
    .await;
    let visitor = server.visitor();
    let first = visitor.click(LINK).await;
    assert_eq!(visitor.click(LINK).await, first);
    let rows = rows(&server).await;
    let duplicates: Vec<_> = rows.iter().map(|row| row["duplicate"].clone()).collect();
    assert_eq!(duplicates, [json!(false), json!(false), json!(false), json!(true)]);
}

/// Offers 500 to 508, each closed and leading on to the next, but the last open.
fn hops(count: u32) -> String {
    let closed = |id: u32| offer(id, &format!("{CLOSED}\nredirect_offer = {}", id + 1));
    let middle: String = (500..500 + count - 1).map(closed).collect();
    middle + &offer(500 + count - 1, "")
}

#[tokio::test]
async fn a_chain_is_followed_for_five_hops() {
    for (count, location) in
        [(2, "https://o501.example/"), (5, "https://o504.example/"), (6, "https://global.example/")]
    {
        let server = server_with(&[
            (Part::HostedOffer, &format!("{CLOSED}\nredirect_offer = 500")),
            (Part::More, &hops(count)),
        ])
        .await;
        let reply = follow(&server, LINK).await;
        assert_eq!(reply.location().split('?').next(), Some(location), "{count} hops");
        let rows = rows(&server).await;
        assert_eq!(rows[0]["disposition"], "Inactive Offer");
        assert_eq!(rows[0]["creative"], 1057);
        if count <= 5 {
            let last = rows.last().unwrap();
            assert_eq!(last["disposition"], "ok");
            assert_eq!(last["offer"], 499 + count);
            // One diverted row, and one at the target: none for the offers between.
            assert_eq!(rows.len(), 2, "{count} hops");
        }
    }
}

#[tokio::test]
async fn a_contracts_redirect_offer_holds_where_the_contract_is_named_else_the_offers_own() {
    let keys = format!("{CLOSED}\nredirect_offer = 502");
    let contracts = "[[offer.contract]]\nid = 900\nredirect_offer = 501\n\n[[offer.contract]]\nid = 901\n";
    let offers: String = (501..503).map(|id| offer(id, "")).collect();
    let text = small_with(&[(Part::HostedOffer, &keys), (Part::More, &offers)])
        .replace("[[offer.creative]]\nid = 1057\n", &format!("{contracts}\n[[offer.creative]]\nid = 1057\n"));
    let server = Server::start(&text).await;
    for (link, expected) in [
        ("/?a=12&c=1057", "https://o502.example/"),
        ("/?a=12&c=1057&oc=900", "https://o501.example/"),
        ("/?a=12&c=1057&oc=901", "https://o502.example/"),
    ] {
        assert_eq!(follow(&server, link).await.location().split('?').next(), Some(expected), "{link}");
    }
}

#[tokio::test]
async fn whatever_is_over_closed_full_or_not_authorised_goes_along_the_chain_else_to_a_404_if_so_ticked() {
    const PAST: &str = "expires_at = \"2026-07-01T11:00:00Z\"";
    const FULL: &str = "caps = [{ of = \"click\", interval = \"total\", limit = 0 }]";
    for (part, keys, link, disposition) in [
        (Part::Creative, CLOSED, LINK, "Inactive Creative"),
        (Part::Creative, PAST, LINK, "Creative Expired"),
        (Part::HostedOffer, PAST, LINK, "Offer Expired"),
        (Part::Campaign, CLOSED, LINK, "Inactive Campaign"),
        (Part::Campaign, PAST, LINK, "Campaign Expired"),
        (Part::Campaign, FULL, LINK, "Campaign Over Click Cap"),
        (Part::HostedOffer, FULL, LINK, "Offer Over Click Cap"),
        (Part::HostedOffer, "status = \"private\"", "/?a=13&c=1057", "Affiliate Not Authorized for Campaign"),
        (Part::Affiliate, CLOSED, LINK, "Inactive Affiliate"),
    ] {
        for (fallback, status) in [("redirect_offer = 500", 302), ("redirect_404 = true", 404)] {
            let server =
                server_with(&[(part, keys), (Part::HostedOffer, fallback), (Part::More, &offer(500, ""))])
                    .await;
            let reply = follow(&server, link).await;
            assert_eq!(reply.status, status, "{disposition}");
            let rows = rows(&server).await;
            assert_eq!(rows[0]["disposition"], disposition);
            assert_eq!(rows[0]["creative"], 1057, "{disposition}");
            if status == 302 {
                assert!(reply.location().starts_with("https://o500.example/"), "{}", reply.location());
                assert_eq!((rows.len(), &rows[1]["offer"]), (2, &json!(500)), "{disposition}");
            }
        }
    }
}

#[tokio::test]
async fn an_inactive_affiliates_click_is_taken_by_a_redirect_offer() {
    let more = format!("{}[[blacklist]]\naffiliate = 13\nredirect = \"offer\"\n", offer(500, ""));
    let server = server_with(&[(Part::HostedOffer, "redirect_offer = 500"), (Part::More, &more)]).await;
    for (affiliate, disposition) in [(14, "Inactive Affiliate"), (13, "Blacklisted Affiliate")] {
        let reply = follow(&server, &format!("/?a={affiliate}&c=1057")).await;
        assert!(reply.location().starts_with("https://o500.example/"), "{}", reply.location());
        let rows = rows_of(&server, &format!("affiliate={affiliate}")).await;
        assert_eq!(rows[0]["disposition"], disposition);
        assert_eq!(rows[1]["disposition"], "ok");
        assert_eq!(rows[1]["offer"], 500);
    }
}

#[tokio::test]
async fn the_checks_hold_at_each_redirect_offer_too() {
    for keys in ["status = \"inactive\"", "status = \"private\"\nexpires_at = \"2026-07-01T11:00:00Z\""] {
        let server = server_with(&[
            (Part::HostedOffer, &format!("{CLOSED}\nredirect_offer = 500")),
            (Part::More, &offer(500, keys)),
        ])
        .await;
        diverted(&server, LINK, "Inactive Offer").await;
    }
    let listed = "[[blacklist]]\naffiliate = 12\noffer = 500\nredirect = \"404\"\n";
    let server = server_with(&[
        (Part::HostedOffer, &format!("{CLOSED}\nredirect_offer = 500")),
        (Part::More, &format!("{}{listed}", offer(500, ""))),
    ])
    .await;
    assert_eq!(follow(&server, LINK).await.status, 404);
}

#[tokio::test]
async fn redirect_404_holds_where_no_redirect_offer_is_set_and_is_recorded() {
    let server = server_with(&[(Part::HostedOffer, &format!("{CLOSED}\nredirect_404 = true"))]).await;
    let reply = follow(&server, LINK).await;
    assert_eq!(reply.status, 404);
    assert_eq!(reply.location(), "");
    let row = last_row(&server).await;
    assert_eq!(row["disposition"], "Inactive Offer");
    assert_eq!(row["redirect"], json!(null));
}

#[tokio::test]
async fn a_campaigns_redirect_404_holds_for_its_clicks_alone() {
    let closed = (Part::HostedOffer, CLOSED);
    let server = server_with(&[closed, (Part::Campaign, "redirect_404 = true")]).await;
    assert_eq!(follow(&server, LINK).await.status, 404);
    assert_eq!(last_row(&server).await["disposition"], "Inactive Offer");
    let others = LINK.replace("a=12", "a=13");
    assert_eq!(follow(&server, &others).await.location(), "https://global.example/");
    let server = server_with(&[closed, (Part::Campaign, "redirect_404 = false")]).await;
    assert_eq!(follow(&server, LINK).await.location(), "https://global.example/");
}

#[tokio::test]
async fn a_redirect_offer_goes_before_redirect_404() {
    let server = server_with(&[
        (Part::HostedOffer, &format!("{CLOSED}\nredirect_404 = true\nredirect_offer = 500")),
        (Part::More, &offer(500, "")),
    ])
    .await;
    assert_eq!(follow(&server, LINK).await.status, 302);
}

#[tokio::test]
async fn an_invalid_link_is_not_led_to_a_404_by_any_offer() {
    let server = server_with(&[(Part::HostedOffer, "redirect_404 = true")]).await;
    diverted(&server, "/?a=999&c=1057", "Invalid Link").await;
}

#[tokio::test]
async fn a_verticals_redirect_offer_that_is_the_current_offer_is_none() {
    let server = server_with(&[(Part::Vertical, "redirect_offer = 100"), (Part::Campaign, CLOSED)]).await;
    diverted(&server, LINK, "Inactive Campaign").await;
    // Another offer of the vertical does lead there.
    let server =
        server_with(&[(Part::Vertical, "redirect_offer = 100"), (Part::HostNPostOffer, CLOSED)]).await;
    let reply = follow(&server, "/?a=12&c=2001").await;
    assert!(reply.location().starts_with("https://lp.example/quote?"), "{}", reply.location());
}

#[tokio::test]
async fn the_chain_is_followed_for_a_click_cap_too() {
    let cap = "caps = [{ of = \"click\", interval = \"day\", limit = 1 }]\nredirect_offer = 500";
    let server = server_with(&[(Part::HostedOffer, cap), (Part::More, &offer(500, ""))]).await;
    follow(&server, LINK).await;
    let reply = follow(&server, LINK).await;
    assert!(reply.location().starts_with("https://o500.example/"), "{}", reply.location());
    let rows = rows(&server).await;
    assert_eq!(rows[1]["disposition"], "Offer Over Click Cap");
    assert_eq!(rows[2]["offer"], 500);
}

#[tokio::test]
async fn a_diverted_click_sets_a_cookie_of_the_target_and_none_of_its_own_offer() {
    let server = server_with(&[
        (Part::Campaign, &format!("{CLOSED}\nredirect_offer = 500")),
        (Part::More, &offer(500, "click_cookie_days = 7")),
    ])
    .await;
    let reply = follow(&server, LINK).await;
    let cookies = reply.cookies();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    assert!(cookies.iter().any(|cookie| cookie.contains("Max-Age=604800")), "{cookies:?}");
}

#[tokio::test]
async fn at_a_chains_target_the_targets_own_link_leads_and_not_the_clicked_creatives() {
    let server = server_with(&[
        (
            Part::HostedOffer,
            &format!("{CLOSED}\nredirect_offer = 500\nlink_override_hosts = [\"lp.example\"]"),
        ),
        (Part::Creative, "link = \"https://own.example/\"\nallow_link_override = true"),
        (Part::More, &offer(500, "")),
    ])
    .await;
    let reply = follow(&server, "/?a=12&c=1057&first_name=Ann&ckmrdr=https://lp.example/x").await;
    assert!(reply.location().starts_with("https://o500.example/?reqid="), "{}", reply.location());
    assert!(reply.location().ends_with("&first_name=Ann"), "{}", reply.location());
}

#[tokio::test]
async fn a_test_links_click_goes_along_the_chain_without_a_campaign() {
    let server = server_with(&[
        (Part::HostedOffer, &format!("{CLOSED}\nredirect_offer = 500")),
        (Part::More, &offer(500, "")),
    ])
    .await;
    let reply = follow(&server, "/?a=-1&c=1057").await;
    assert!(reply.location().starts_with("https://o500.example/"), "{}", reply.location());
    let row = last_row(&server).await;
    assert_eq!((&row["test"], &row["campaign"]), (&json!(true), &json!(null)));
}
