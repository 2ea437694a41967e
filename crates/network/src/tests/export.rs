//! Export, and secrets.

use super::*;
use crate::{MASK, to_json, to_toml};
use crumb_domain::network::Secret;
use crumb_domain::{AffiliateId, OfferId};
use proptest::prelude::*;

#[tokio::test]
async fn applying_an_export_changes_nothing_masked_or_not() {
    let (live, _) = running().await;
    live.ensure_campaign(AffiliateId(13), OfferId(101), None, crate::Made::RunAtOnce, NOW, &mut rng())
        .await
        .unwrap();
    for secrets in [false, true] {
        for prune in [false, true] {
            let network = live.export(secrets).await;
            let again = parse(&to_toml(&network), FileFormat::Toml).unwrap();
            assert_eq!(planned(&live, &again, prune).await, [""; 0]);
            let again = parse(&to_json(&network), FileFormat::Json).unwrap();
            assert_eq!(planned(&live, &again, prune).await, [""; 0]);
        }
    }
}

#[tokio::test]
async fn an_export_makes_the_same_network_elsewhere() {
    let (live, _) = running().await;
    live.ensure_campaign(AffiliateId(12), OfferId(101), None, crate::Made::RunAtOnce, NOW, &mut rng())
        .await
        .unwrap();
    let exported = live.export(true).await;
    let (other, _) = empty().await;
    apply(&other, exported.clone()).await;
    assert_eq!(other.snapshot().network(), live.snapshot().network(), "what the server made is in it too");
}

#[tokio::test]
async fn what_the_server_made_stays_its_own_elsewhere() {
    let (live, _) = running().await;
    let made = live
        .ensure_campaign(AffiliateId(13), OfferId(100), None, crate::Made::RunAtOnce, NOW, &mut rng())
        .await
        .unwrap();
    // A person may write one of equal terms beside it, which goes first.
    let written = "[[campaign]]\nid=2000000\naffiliate=13\noffer=100";
    apply(&live, toml(written)).await;
    let exported = live.export(true).await;
    assert_eq!(to_toml(&exported).matches("made_by_server = true").count(), 1);
    let (other, _) = empty().await;
    apply(&other, exported.clone()).await;
    assert_eq!(other.snapshot().network(), live.snapshot().network());
    let chosen = other.snapshot().choose_campaign(AffiliateId(13), OfferId(100), None, None).unwrap().id;
    assert_eq!(chosen.0, 2_000_000);
    // A file that does not mention it, or not whose it is, changes nothing of that.
    let mut file = exported;
    file.campaign.iter_mut().for_each(|campaign| campaign.made_by_server = false);
    assert_eq!(planned(&other, &file, true).await, [""; 0]);
    file.campaign.retain(|campaign| campaign.id != made);
    assert_eq!(planned(&other, &file, true).await, [""; 0]);
}

#[tokio::test]
async fn an_export_is_a_readable_file() {
    let (live, _) = running().await;
    insta::assert_snapshot!(to_toml(&live.export(false).await));
}

#[tokio::test]
async fn export_masks_secrets_unless_asked_and_shows_where_the_environment_has_them() {
    let (live, _) = running().await;
    let masked = to_json(&live.export(false).await);
    for secret in ["Ab3dE5gH1jK", "hmac-key", "user:password", ": \"secret\"", "whsec_MfKQ9r8", ":pa55@"] {
        assert!(!masked.contains(secret), "{secret} is shown");
        assert!(to_json(&live.export(true).await).contains(secret));
    }
    assert!(masked.contains("env:CRUMB_TEST_BUYER_KEY"));
    assert_eq!(masked.matches(MASK).count(), 6);
}

#[tokio::test]
async fn applying_a_masked_secret_keeps_the_present_one() {
    let (live, _) = running().await;
    let mut file = live.export(false).await;
    file.offer[0].name = "Other".to_owned();
    file.contract[0].name = "Other".to_owned();
    file.campaign[0].status = crumb_domain::network::ActiveStatus::Inactive;
    apply(&live, file).await;
    let now = live.export(true).await;
    assert_eq!(now.campaign[0].key, Some(Secret::new("Ab3dE5gH1jK")));
    assert_eq!(now.offer[0].postback_secret, Some(Secret::new("hmac-key")));
    assert_eq!(now.contract[0].post, example().contract[0].post);
}

#[tokio::test]
async fn a_masked_secret_of_something_new_is_refused() {
    let (live, _) = running().await;
    let mut file = live.export(false).await;
    file.contract[0].post.auth = Some(crumb_domain::network::DeliveryAuth::Bearer(Secret::new(MASK)));
    file.contract[0].post.headers.insert("X-New".to_owned(), Secret::new(MASK));
    file.campaign[0].id = crumb_domain::CampaignId(70);
    file.campaign[0].affiliate = AffiliateId(13);
    let why = "is masked, and there is no present one to keep";
    assert_eq!(
        faults(&live, &file).await,
        [
            format!("campaign[0].key: {why}"),
            format!("contract[0].post.headers.X-New: {why}"),
            format!("contract[0].post.auth: {why}"),
        ]
    );
}

/// The example, its first contract's post with secrets in all texts that may hold one.
fn with_secrets_in_texts() -> Network {
    let mut network = example();
    let post = &mut network.contract[0].post;
    post.url = Some("https://user:in-url@buyer.example/leads?api_key=in-query&z=#zip_code#".to_owned());
    post.status_url = Some("https://in-name@buyer.example/status?id=#leadid#".to_owned());
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    post.params = vec![
        pair("token", "first-token"),
        pair("zip", "#zip_code#"),
        pair("token", "second-token"),
        pair("xml", "<a><Password>in-xml</Password><z>#zip_code#</z></a>"),
        pair("password", "env:CRUMB_TEST_PASSWORD"),
    ];
    let ping = network.contract[0].ping.as_mut().unwrap();
    ping.params.clear();
    ping.body = Some("{\"key\":\"in-body\",\"zip\":\"#zip_code#\"}".to_owned());
    network
}

const IN_TEXTS: [&str; 7] =
    ["in-url", "in-query", "in-name", "first-token", "second-token", "in-xml", "in-body"];

#[tokio::test]
async fn secrets_in_links_parameters_and_bodies_are_masked_and_kept() {
    let (live, _) = running().await;
    apply(&live, with_secrets_in_texts()).await;
    let present = live.export(true).await;
    let mut file = live.export(false).await;
    let masked = to_json(&file);
    for secret in IN_TEXTS {
        assert!(!masked.contains(secret), "{secret} is shown");
    }
    assert!(masked.contains("env:CRUMB_TEST_PASSWORD") && masked.contains("#zip_code#"), "{masked}");
    assert_eq!(planned(&live, &file, true).await, [""; 0]);
    // What stands around a mask may change.
    let url = file.contract[0].post.url.as_mut().unwrap();
    *url = url.replace("/leads", "/v2/leads");
    file.contract[0].post.params.remove(1);
    apply(&live, file).await;
    let now = live.export(true).await.contract.remove(0).post;
    let mut wanted = present.contract[0].post.clone();
    wanted.url = wanted.url.map(|url| url.replace("/leads", "/v2/leads"));
    wanted.params.remove(1);
    assert_eq!(now, wanted);
}

#[tokio::test]
async fn a_plan_and_a_fault_show_no_secret_of_a_text() {
    let (live, _) = running().await;
    let shown = planned(&live, &with_secrets_in_texts(), false).await.join("\n");
    assert!(shown.contains("https://user:********@buyer.example/"), "{shown}");
    for secret in IN_TEXTS {
        assert!(!shown.contains(secret), "{secret} is shown: {shown}");
    }
    let mut file = example();
    file.contract[0].post.url = Some("ftp://user:in-url@buyer.example/".to_owned());
    let shown = faults(&live, &file).await;
    assert_eq!(
        shown,
        ["contract[0].post.url: \"ftp://user:********@buyer.example/\" is no http or https address"]
    );
    file.contract[0].post.url = Some("https://user:********@buyer.example/".to_owned());
    let why = "is masked, and there is no present one to keep";
    assert_eq!(faults(&live, &file).await, [format!("contract[0].post.url: {why}")]);
}

#[tokio::test]
async fn the_passwords_of_postbacks_are_masked_and_kept() {
    let (live, _) = running().await;
    let link = "https://me:in-postback@aff.example/pb?token=t&s2=#s2#";
    let mut file = example();
    file.affiliate[0].postback_url = Some(link.to_owned());
    file.campaign[0].postback_url = Some(link.to_owned());
    let plan = planned(&live, &file, false).await.join("\n");
    let shown = "https://me:********@aff.example/pb?token=t&s2=#s2#";
    assert!(plan.matches(shown).count() == 2 && !plan.contains("in-postback"), "{plan}");
    apply(&live, file).await;
    let mut masked = live.export(false).await;
    assert_eq!(masked.affiliate[0].postback_url.as_deref(), Some(shown));
    assert_eq!(masked.campaign[0].postback_url.as_deref(), Some(shown));
    assert_eq!(planned(&live, &masked, true).await, [""; 0]);
    masked.affiliate[0].postback_url = Some(shown.replace("/pb", "/v2"));
    masked.campaign[0].pay_late_sales = true;
    apply(&live, masked).await;
    let now = live.export(true).await;
    assert_eq!(now.affiliate[0].postback_url, Some(link.replace("/pb", "/v2")));
    assert_eq!(now.campaign[0].postback_url.as_deref(), Some(link));
    let mut unknown = example();
    unknown.campaign[0].postback_url = Some("https://me:********@other.example/".to_owned());
    unknown.campaign[0].id = crumb_domain::CampaignId(9_999);
    let why = "is masked, and there is no present one to keep";
    assert!(faults(&live, &unknown).await.contains(&format!("campaign[0].postback_url: {why}")));
}

fn small_network() -> impl Strategy<Value = Network> {
    let text = "[a-z ]{0,8}";
    let affiliates = proptest::collection::btree_map(
        1i64..40,
        (text, proptest::option::of("https://[a-z]{1,8}\\.example/\\?x=[a-z#\"]{0,6}"), proptest::bool::ANY),
        1..6,
    );
    let campaigns = proptest::collection::btree_map(50i64..90, (0usize..6, 0i64..3, 0i64..100_000_000), 0..6);
    (affiliates, campaigns, "[a-zA-Z0-9\\\\'\" é]{1,12}").prop_map(|(affiliates, campaigns, name)| {
        let mut network = toml(
            "[[vertical]]\nid=1\nname=\"v\"\n[[vertical.field]]\nname=\"zip\"\ntype=\"zip\"
            [[offer]]\nid=1\nname=\"o\"\nvertical=1\ntype=\"third_party\"
            [[offer]]\nid=2\nname=\"o\"\nvertical=1\ntype=\"third_party\"
            [[offer]]\nid=3\nname=\"o\"\nvertical=1\ntype=\"third_party\"",
        );
        network.offer[0].name = format!("x{name}");
        for (id, (name, url, off)) in &affiliates {
            let mut affiliate = toml("[[affiliate]]\nid=1\nname=\"a\"").affiliate.remove(0);
            affiliate.id = AffiliateId(*id);
            affiliate.name = format!("n{name}");
            affiliate.postback_url.clone_from(url);
            affiliate.turned_off_sub_ids = if *off { vec![name.clone()] } else { Vec::new() };
            network.affiliate.push(affiliate);
        }
        let ids: Vec<i64> = affiliates.keys().copied().collect();
        let mut taken = std::collections::HashSet::new();
        for (id, (affiliate, offer, payout)) in campaigns {
            let (affiliate, offer) = (ids[affiliate % ids.len()], offer + 1);
            if taken.insert((affiliate, offer)) {
                let text = format!("[[campaign]]\nid={id}\naffiliate={affiliate}\noffer={offer}");
                let mut campaign = toml(&text).campaign.remove(0);
                campaign.payout = (payout > 0).then(|| crumb_domain::Money::from_micros(payout));
                network.campaign.push(campaign);
            }
        }
        network
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn applying_the_export_of_any_network_changes_nothing(network in small_network(), secrets: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (live, _) = empty().await;
            apply(&live, network).await;
            let exported = to_toml(&live.export(secrets).await);
            let again = parse(&exported, FileFormat::Toml).unwrap();
            assert_eq!(planned(&live, &again, true).await, [""; 0], "{exported}");
        });
    }
}
