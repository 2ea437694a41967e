use super::*;
use crumb_domain::ConfigVersion;
use crumb_domain::network::Network;
use crumb_domain::pings::PingLimits;
use crumb_domain::time::Zone;
use serde_json::json;

const BASE: &str = "http://127.0.0.1:8080";

fn snapshot(field_label: &str) -> Snapshot {
    let network: Network = serde_json::from_value(json!({
        "network": { "name": "Example", "internal_affiliate": 1 },
        "vertical": [{ "id": 1, "name": "Auto insurance", "field": [
            { "name": "first_name", "type": "string", "required": true, "label": field_label },
            { "name": "plan", "type": "list", "values": ["</code><script>alert(1)</script>", "Gold"] },
            { "name": "ip_address", "type": "ip" }
        ]}],
        "affiliate": [{ "id": 1, "name": "House" }, { "id": 12, "name": "Traffic Co" }],
        "offer": [{ "id": 100, "name": "Free quote", "vertical": 1, "type": "hosted",
            "link": "https://lp.example/quote?reqid=#reqid#",
            "creative": [{ "id": 1057, "name": "Text link" }] }],
        "campaign": [{ "id": 57, "affiliate": 12, "offer": 100, "key": "Ab3dE5gH1jK" }]
    }))
    .unwrap();
    Snapshot::compile(network, ConfigVersion(1)).unwrap()
}

fn now() -> Timestamp {
    Zone::UTC.moment(Zone::civil_day(2026, 11, 22).unwrap(), 0)
}

fn doc(subject: Subject) -> PostingDoc {
    document(&snapshot("First name"), subject, BASE, now(), PingLimits::DEFAULT).unwrap()
}

#[test]
fn the_page_of_a_campaign_is_what_was_agreed() {
    let page = page(&doc(Subject::Campaign(CampaignId(57))), Method::Session);
    insta::assert_snapshot!(page.replace(page::SCRIPT, "…"));
}

#[test]
fn the_chosen_method_is_selected_and_alone_visible() {
    let doc = doc(Subject::Offer(OfferId(100)));
    for method in Method::ALL {
        let page = page(&doc, method);
        assert!(page.contains(&format!("<option value=\"{method}\" selected>")));
        assert!(page.contains(&format!("<section id=\"{method}\" data-method=\"{method}\">")));
        assert_eq!(page.matches(" hidden>").count(), Method::ALL.len() - 1);
    }
    let all = page(&doc, Shown::All);
    assert!(all.contains("<option value=\"all\" selected>") && !all.contains(" hidden>"));
}

#[test]
fn an_example_with_placeholders_says_so_on_the_page() {
    let said =
        "Replace <code>YOUR_CAMPAIGN_ID</code> and <code>YOUR_KEY</code> by your own before you use this.";
    for subject in [Subject::Offer(OfferId(100)), Subject::Vertical(VerticalId(1))] {
        let doc = doc(subject);
        assert_eq!(page(&doc, Shown::All).matches(said).count(), 4, "server posts: two, JSON and XML");
        assert!(!crate::posting_doc::text(&doc, Method::Session).contains("YOUR_"));
    }
    assert!(!page(&doc(Subject::Campaign(CampaignId(57))), Shown::All).contains("before you use this"));
}

#[test]
fn a_document_of_what_takes_no_leads_now_says_so_at_its_top() {
    let (offer, campaign) = (Subject::Offer(OfferId(100)), Subject::Campaign(CampaignId(57)));
    let with = |part: &str, key: &str, value: &str| {
        let mut network = serde_json::to_value(snapshot("x").network()).unwrap();
        let index = if part == "affiliate" { 1 } else { 0 };
        network[part][index][key] = json!(value);
        let network = serde_json::from_value(network).unwrap();
        Snapshot::compile(network, ConfigVersion(2)).unwrap()
    };
    let document =
        |snapshot: &Snapshot, subject| document(snapshot, subject, BASE, now(), PingLimits::DEFAULT).unwrap();
    let ends = "2026-11-22T00:00:00Z";
    for (part, key, value, subjects, said) in [
        ("offer", "expires_at", ends, &[offer, campaign][..], "Offer Expired, since the offer has expired"),
        ("offer", "status", "inactive", &[offer, campaign], "Inactive Offer, since the offer is not active"),
        ("campaign", "expires_at", ends, &[campaign], "Campaign Expired, since the campaign has expired"),
        (
            "campaign",
            "status",
            "inactive",
            &[campaign],
            "Inactive Campaign, since the campaign is not active",
        ),
        (
            "affiliate",
            "status",
            "inactive",
            &[campaign],
            "Inactive Affiliate, since the affiliate is not active",
        ),
    ] {
        let snapshot = with(part, key, value);
        let said = format!("No lead is taken now: each is answered {said}.");
        for subject in [offer, campaign, Subject::Vertical(VerticalId(1))] {
            let doc = document(&snapshot, subject);
            let (text, page) = (text(&doc, Method::Xml), page(&doc, Shown::All));
            if subjects.contains(&subject) {
                assert!(text.contains(&format!(" — XML Post\n\n**{said}**\n\n* ")), "{text}");
                assert!(page.contains(&format!("</header><p class=\"notice\">{said}</p><dl>")), "{page}");
            } else {
                assert!(!text.contains("No lead is taken") && !page.contains("No lead is taken"), "{text}");
            }
        }
    }
    assert_eq!(document(&with("offer", "expires_at", "2026-11-22T00:00:01Z"), campaign).notice, None);
}

#[test]
fn the_page_tells_the_inbound_filter_beside_the_fields() {
    let mut network = snapshot("First name").network().clone();
    let filter = json!([{ "field": "plan", "op": "eq", "value": "<Gold>" }]);
    network.vertical[0].inbound_filter = serde_json::from_value(filter).unwrap();
    let snapshot = Snapshot::compile(network, ConfigVersion(2)).unwrap();
    let subject = Subject::Offer(OfferId(100));
    let told = page(&document(&snapshot, subject, BASE, now(), PingLimits::DEFAULT).unwrap(), Shown::All);
    let said = "</table><p>All of this must hold of a lead, else it is answered Unmatched Filter:</p>\
                <ul><li><code>plan</code> is &quot;&lt;Gold&gt;&quot;</li></ul>";
    assert_eq!(told.matches(said).count(), Method::ALL.len(), "{told}");
    assert!(!page(&doc(subject), Shown::All).contains("must hold of a lead"));
}

#[test]
fn a_page_loads_nothing() {
    // What examples show is text: their tags are escaped.
    let page = page(&doc(Subject::Vertical(VerticalId(1))), Shown::All);
    assert_eq!(page.matches("<script").count(), 1);
    for loading in ["<script src", "<link", "<img", "<iframe", "@import", "url("] {
        assert!(!page.contains(loading), "{loading}");
    }
    assert!(!page::SCRIPT.contains("</"), "the script would end early");
}

#[test]
fn no_label_or_value_becomes_markup() {
    let snapshot = snapshot("<img src=x onerror=alert(1)>");
    let doc =
        document(&snapshot, Subject::Campaign(CampaignId(57)), BASE, now(), PingLimits::DEFAULT).unwrap();
    let page = page(&doc, Shown::All);
    assert!(!page.contains("<img") && !page.contains("<script>alert"));
}

#[test]
fn what_is_to_be_typed_stands_out_from_the_words_about_it() {
    let page = super::page::prose("Keep it as `r`, or `<b>`.").into_string();
    assert_eq!(page, "Keep it as <code>r</code>, or <code>&lt;b&gt;</code>.");
}

#[test]
fn a_subject_that_the_network_lacks_has_no_document() {
    for subject in
        [Subject::Vertical(VerticalId(9)), Subject::Offer(OfferId(9)), Subject::Campaign(CampaignId(9))]
    {
        let none = document(&snapshot("x"), subject, BASE, now(), PingLimits::DEFAULT);
        assert_eq!(none, Err(NoDocument::Unknown));
    }
}

mod shared {
    use super::*;
    use crumb_domain::request_id::Node;
    use crumb_network::LiveNetwork;
    use crumb_storage_sqlite::{SqliteOptions, SqliteStore};
    use crumb_testkit::FakeClock;
    use crumb_tracking::Installation;
    use crumb_tracking::installation::Keys;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use std::cell::Cell;
    use std::sync::Arc;

    const SUBJECT: Subject = Subject::Campaign(CampaignId(57));

    struct Site {
        installation: Installation<SqliteStore>,
        clock: Arc<FakeClock>,
        seed: Cell<u64>,
        _directory: tempfile::TempDir,
    }

    impl Site {
        async fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let store =
                SqliteStore::open(&directory.path().join("crumb.db"), SqliteOptions::default()).unwrap();
            let clock = Arc::new(FakeClock::new());
            let network = LiveNetwork::load(store.clone()).await.unwrap();
            let keys = Keys::derive(&[7; 32]);
            let node = Node::new(0).unwrap();
            let installation =
                Installation::new(store, network, clock.clone(), keys, node, None).await.unwrap();
            let site = Self { installation, clock, seed: Cell::new(2), _directory: directory };
            let network = snapshot("First name").network().clone();
            let mut rng = StdRng::seed_from_u64(1);
            let now = crumb_domain::Clock::now(&*site.clock);
            site.installation.network.apply(network, false, now, &mut rng).await.unwrap();
            site
        }

        async fn share(&self, subject: Subject, method: Option<Method>) -> String {
            let mut rng = StdRng::seed_from_u64(self.seed.get());
            self.seed.set(self.seed.get() + 1);
            create_share(&self.installation, "http://trk.example/", (Kind::Leads, subject), method, &mut rng)
                .await
                .unwrap()
        }

        async fn get(&self, address: &str, method: Option<&str>) -> SharedPage {
            let token = address.strip_prefix("http://trk.example/doc/").unwrap();
            shared_page(&self.installation, token, method).await.unwrap()
        }

        async fn html(&self, address: &str, method: Option<&str>) -> String {
            match self.get(address, method).await {
                SharedPage::Html(html) => html,
                SharedPage::NotFound => panic!("not found"),
            }
        }
    }

    #[tokio::test]
    async fn a_shared_address_shows_the_document_with_its_method_chosen() {
        let site = Site::new().await;
        let address = site.share(SUBJECT, Some(Method::Session)).await;
        let html = site.html(&address, None).await;
        assert!(html.contains("Ab3dE5gH1jK") && html.contains("http://trk.example/d.ashx"));
        assert!(html.contains("<option value=\"session\" selected>"));
    }

    #[tokio::test]
    async fn the_address_can_ask_for_another_method_or_all() {
        let site = Site::new().await;
        let address = site.share(SUBJECT, Some(Method::Session)).await;
        assert!(site.html(&address, Some("xml")).await.contains("<option value=\"xml\" selected>"));
        assert!(site.html(&address, Some("all")).await.contains("<option value=\"all\" selected>"));
        assert!(site.html(&address, Some("soap")).await.contains("<option value=\"session\" selected>"));
        let address = site.share(Subject::Vertical(VerticalId(1)), None).await;
        assert!(site.html(&address, None).await.contains("<option value=\"server\" selected>"));
    }

    #[tokio::test]
    async fn a_shared_address_ends_after_thirty_days() {
        let site = Site::new().await;
        let address = site.share(SUBJECT, None).await;
        site.clock.advance_seconds(30 * 86_400 - 1);
        site.html(&address, None).await;
        site.clock.advance_seconds(1);
        assert_eq!(site.get(&address, None).await, SharedPage::NotFound);
    }

    #[tokio::test]
    async fn a_shared_address_can_be_revoked() {
        let site = Site::new().await;
        let address = site.share(SUBJECT, None).await;
        assert_eq!(revoke_share(&site.installation, &address).await.unwrap(), Some((Kind::Leads, SUBJECT)));
        assert_eq!(site.get(&address, None).await, SharedPage::NotFound);
        let nonsense = "http://trk.example/doc/nonsense";
        assert_eq!(revoke_share(&site.installation, nonsense).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_token_that_was_changed_anywhere_shows_nothing() {
        let site = Site::new().await;
        let address = site.share(SUBJECT, None).await;
        let token = address.strip_prefix("http://trk.example/doc/").unwrap();
        for at in 0..token.len() {
            let mut changed = token.as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            let page = shared_page(&site.installation, &changed, None).await.unwrap();
            assert_eq!(page, SharedPage::NotFound, "{at}");
        }
        for made_up in ["", "A", "../../etc", &token[..22], &format!("{token}A"), &format!("{token}=")] {
            let page = shared_page(&site.installation, made_up, None).await.unwrap();
            assert_eq!(page, SharedPage::NotFound, "{made_up}");
        }
    }

    #[tokio::test]
    async fn a_subject_that_is_gone_shows_nothing() {
        let site = Site::new().await;
        let address = site.share(Subject::Offer(OfferId(999)), None).await;
        assert_eq!(site.get(&address, None).await, SharedPage::NotFound);
    }

    #[test]
    fn a_shared_document_is_not_indexed_kept_or_passed_on() {
        let header = |name: &str| {
            let (_, value) = SHARED_HEADERS.iter().find(|(header, _)| header == name).unwrap();
            value.to_str().unwrap().to_owned()
        };
        assert_eq!(header("x-robots-tag"), "noindex");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cache-control"), "no-store");
        assert!(header("content-security-policy").contains("default-src 'none'"));
    }

    #[test]
    fn the_policy_lets_the_pages_own_script_run() {
        use base64::Engine as _;
        use sha2::Digest as _;
        let page = page(&doc(SUBJECT), Method::Server);
        let script = page.split("<script>").nth(1).and_then(|rest| rest.split("</script>").next()).unwrap();
        let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script));
        let (_, policy) = SHARED_HEADERS.iter().find(|(name, _)| name == "content-security-policy").unwrap();
        assert!(policy.to_str().unwrap().contains(&format!("script-src 'sha256-{hash}'")));
    }
}

#[test]
fn the_page_on_pixels_of_an_offer_is_what_was_agreed() {
    let doc = pixel_document(&snapshot("x"), Subject::Offer(OfferId(100)), BASE).unwrap();
    let page = pixel_page(&doc);
    insta::assert_snapshot!(page.replace(page::SCRIPT, "…"));
    assert_eq!(page.matches("<script").count(), 1, "what examples show is text");
    assert!(!page.contains("<iframe") && !page.contains("<img"));
}

#[test]
fn a_vertical_and_what_the_network_lacks_have_no_document_on_pixels() {
    for subject in
        [Subject::Vertical(VerticalId(1)), Subject::Offer(OfferId(9)), Subject::Campaign(CampaignId(9))]
    {
        assert_eq!(pixel_document(&snapshot("x"), subject, BASE), None);
    }
}
