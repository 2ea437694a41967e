//! The examples of posting documents, pasted into a shell as they are.

use crumb_domain::pings::PingLimits;
use crumb_domain::{CampaignId, Clock as _, OfferId, VerticalId};
use crumb_server::posting_doc::{Method, PostingDoc, Subject, document};
use crumb_testkit::network::{self, Part, small_with};
use crumb_testkit::{Options, Reply, Request, Server, geo};
use crumb_wire::posting_doc::{Language, MethodDoc};
use serde_json::{Value, json};
use std::process::Command;

const SUBJECTS: [Subject; 5] = [
    Subject::Campaign(CampaignId(57)),
    Subject::Campaign(CampaignId(58)),
    Subject::Offer(OfferId(100)),
    Subject::Offer(OfferId(200)),
    Subject::Vertical(VerticalId(1)),
];

fn doc_of(server: &Server, subject: Subject) -> PostingDoc {
    let network = server.site.network.snapshot();
    let base_url = format!("http://{}", server.tracking_address);
    document(&network, subject, &base_url, server.site.clock.now(), server.site.pings).unwrap()
}

/// The offer that a document's leads are posted to; a vertical's to offer 100.
fn offer_of(subject: Subject) -> i64 {
    match subject {
        Subject::Offer(OfferId(200)) | Subject::Campaign(CampaignId(58)) => 200,
        _ => 100,
    }
}

/// What a reader puts in place of what an offer's or vertical's document cannot know.
fn filled_in(code: &str, subject: Subject) -> String {
    let (campaign, key, creative) = match offer_of(subject) {
        200 => ("58", "Zy9xW7vU5tS", "2001"),
        _ => ("57", "Ab3dE5gH1jK", "1057"),
    };
    code.replace("YOUR_CAMPAIGN_ID", campaign)
        .replace("YOUR_KEY", key)
        .replace("YOUR_OFFER_ID", &offer_of(subject).to_string())
        .replace("YOUR_CREATIVE_ID", creative)
}

/// Runs a shell's commands and gives what they print.
async fn run(commands: String) -> String {
    let ran = tokio::task::spawn_blocking(move || {
        // The server is on this machine, whatever way there is to others.
        Command::new("sh").arg("-c").arg(commands).env("NO_PROXY", "127.0.0.1").output()
    });
    let output = ran.await.unwrap().expect("a shell is there");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    printed
}

/// What an answer consists of, without its values: tags of XML, members of JSON.
fn shape(answer: &str) -> Vec<String> {
    match serde_json::from_str::<Value>(answer) {
        Ok(object) => object.as_object().unwrap().keys().cloned().collect(),
        Err(_) => {
            answer.split('<').filter_map(|part| part.split_once('>')).map(|(tag, _)| tag.to_owned()).collect()
        }
    }
}

fn lead_id(answer: &str) -> String {
    let (_, rest) = answer.split_once("leadid").unwrap_or_else(|| panic!("no lead in {answer}"));
    rest.trim_start_matches(['>', '"', ':']).chars().take(8).collect()
}

/// Runs all examples of a method, and gives the lead of each as the API shows it.
async fn leads_of(server: &Server, subject: Subject, post: &MethodDoc) -> Vec<Value> {
    let mut leads = Vec::new();
    for example in post.examples.iter().filter(|example| example.language == Language::Shell) {
        let answer = run(filled_in(&example.code, subject)).await;
        let samples = post.answers.iter().filter(|sample| sample.title.starts_with("Success"));
        let shapes: Vec<_> = samples.map(|sample| shape(&sample.code)).collect();
        assert!(shapes.contains(&shape(&answer)), "{answer} is none of {shapes:?}");
        leads.push(server.api_json(&format!("/leads/{}", lead_id(&answer))).await);
    }
    leads
}

#[tokio::test]
async fn every_shell_example_of_every_document_makes_a_test_lead_that_is_credited_right() {
    let server = Server::start(network::SMALL).await;
    for subject in SUBJECTS {
        let doc = doc_of(&server, subject);
        let samples: serde_json::Map<_, _> =
            doc.fields.iter().map(|field| (field.name.clone(), json!(field.sample))).collect();
        for post in &doc.methods {
            let leads = leads_of(&server, subject, post).await;
            let expected = match post.method {
                Method::BrowserHttp | Method::BrowserAjax => 0,
                Method::Server => 2,
                _ => 1,
            };
            assert_eq!(leads.len(), expected, "{subject:?} {}", post.method);
            for lead in leads {
                let (kind, attribution, affiliate) = match post.method.is_session() {
                    true => ("session", "request_id", -1),
                    false => ("server", "key", 12),
                };
                assert_eq!(lead["status"], "test", "{lead}");
                assert_eq!(lead["offer"], offer_of(subject), "{lead}");
                assert_eq!(lead["post"], kind, "{lead}");
                assert_eq!(lead["attribution"], attribution, "{lead}");
                assert_eq!(lead["affiliate"], affiliate, "{lead}");
                assert_eq!(lead["payout"], "0.00", "{lead}");
                assert_eq!(lead["fields"], Value::Object(samples.clone()), "{lead}");
            }
        }
    }
}

#[tokio::test]
async fn shell_examples_make_a_lead_where_a_pattern_and_an_inbound_filter_ask_for_more() {
    let filter = r#"inbound_filter = [{ field = "zip_code", op = "eq", value = "90210" }]"#;
    let pattern = r#"pattern = "^[0-9]{3}-[0-9]{2}-[A-Z]{4}$""#;
    let server = Server::start(&small_with(&[(Part::Vertical, filter), (Part::FirstName, pattern)])).await;
    let subject = Subject::Campaign(CampaignId(57));
    let doc = doc_of(&server, subject);
    for post in &doc.methods {
        for lead in leads_of(&server, subject, post).await {
            assert_eq!(lead["status"], "test", "{lead}");
            assert_eq!(lead["fields"]["first_name"], "123-45-AAAA", "{lead}");
            assert_eq!(lead["fields"]["zip_code"], "90210", "{lead}");
        }
    }
}

#[tokio::test]
async fn documents_tell_how_far_this_server_lets_pings_go() {
    let pings = PingLimits { deadline_ms: 2_500, life_seconds: 60, per_second: 1 };
    let server = Server::start_with(network::SMALL, Options { pings, ..Options::default() }).await;
    let text =
        crumb_server::posting_doc::text(&doc_of(&server, Subject::Offer(OfferId(200))), Method::Server);
    let asked = server.api_post("/posting-docs", &json!({ "offer": 200 })).await;
    assert_eq!(asked.json()["text"], text);
    for said in [
        "names the id within 60 seconds",
        "# The post, within 60 seconds",
        "which is 2.5 seconds at most",
        "At most 1 ping a second, 2 at once;",
        "12:01:00Z",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[tokio::test]
async fn the_examples_of_pings_tell_a_price_and_make_a_lead_at_it() {
    let server = Server::start(network::SMALL).await;
    for subject in [Subject::Campaign(CampaignId(58)), Subject::Offer(OfferId(200))] {
        let doc = doc_of(&server, subject);
        let mut tried = 0;
        for (post, ping) in doc.methods.iter().filter_map(|post| Some((post, post.ping.as_ref()?))) {
            let rate = "At most 50 pings a second, 100 at once;";
            assert!(ping.steps.iter().any(|step| step.starts_with(rate)), "{:?}", ping.steps);
            assert!(ping.summary.contains("within 30 seconds"), "{}", ping.summary);
            let [alone, both] = &ping.examples[..] else { panic!("{:?}", ping.examples) };
            let answer = run(filled_in(&alone.code, subject)).await;
            assert_eq!(shape(&answer), shape(&ping.answers[0].code), "{answer}");
            let answer = run(filled_in(&both.code, subject)).await;
            let lead = server.api_json(&format!("/leads/{}", lead_id(&answer))).await;
            assert_eq!(lead["status"], "test", "{subject:?} {}: {answer}", post.method);
            tried += 1;
        }
        assert_eq!(tried, 2, "{subject:?}");
    }
}

#[tokio::test]
async fn the_examples_of_an_offer_of_some_countries_work_where_countries_are_enforced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("countries.mmdb");
    geo::write(&path, &[("127.0.0.0", 8, "CA"), ("203.0.113.0", 24, "FR")]);
    let options = Options { geo_database: Some(path), ..Options::default() };
    let countries = small_with(&[(Part::HostedOffer, "countries = [\"US\", \"CA\"]")]);
    let server = Server::start_with(&countries, options).await;
    for subject in [Subject::Campaign(CampaignId(57)), Subject::Offer(OfferId(100))] {
        let doc = doc_of(&server, subject);
        for post in &doc.methods {
            for lead in leads_of(&server, subject, post).await {
                assert_eq!(lead["status"], "test", "{subject:?} {}", post.method);
            }
        }
        let address = doc.fields.iter().find(|field| field.name == "ip_address").unwrap();
        assert!(address.rules.contains(&"an address in US, CA".to_owned()), "{:?}", address.rules);
    }
}

#[tokio::test]
async fn values_that_shells_json_and_xml_would_read_otherwise_arrive_as_they_are() {
    const NASTY: &str = r#"O'Neil & S\u00f6hne <b> $HOME `id` \"q\" \\n %41 +1 ; #x"#;
    let fields = format!(
        "[[vertical.field]]\nname = \"carrier\"\ntype = \"list\"\nvalues = [\"{NASTY}\"]\n\n\
         [[vertical.field]]\nname = \"born\"\ntype = \"date\"\nmaximum = \"today-21y\"\nrequired = true\n\n\
         [[vertical.field]]\nname = \"2nd driver\"\ntype = \"bool\"\n\n[[advertiser]]"
    );
    let server = Server::start(&network::SMALL.replacen("[[advertiser]]", &fields, 1)).await;
    let subject = SUBJECTS[0];
    for post in &doc_of(&server, subject).methods {
        for lead in leads_of(&server, subject, post).await {
            let fields = &lead["fields"];
            let expected = "O'Neil & Söhne <b> $HOME `id` \"q\" \\n %41 +1 ; #x";
            assert_eq!(fields["carrier"], expected, "{}", post.method);
            assert_eq!(fields["born"], "1985-06-15", "{}", post.method);
            assert_eq!(fields["2nd driver"], "1", "{}", post.method);
        }
    }
}

#[tokio::test]
async fn without_the_test_mark_an_example_makes_a_lead_that_is_paid() {
    let server = Server::start(network::SMALL).await;
    let doc = doc_of(&server, SUBJECTS[0]);
    let example = &doc.method(Method::Server).unwrap().examples[0];
    let answer = run(example.code.replace(" \\\n  --data-urlencode 'ckm_test=1'", "")).await;
    assert!(answer.contains("<price>12.00</price>"), "{answer}");
    let lead = server.api_json(&format!("/leads/{}", lead_id(&answer))).await;
    assert_eq!((&lead["campaign"], &lead["test"]), (&json!(57), &json!(false)));
}

/// A document's address made by the API, and asked for without a key.
async fn shared(server: &Server, body: Value) -> String {
    let key = server.api_key("manager").await;
    let request = Request::post("/api/v1/posting-docs", "application/json", &body.to_string()).bearer(&key);
    let made = server.admin.send(request).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let url = made.json()["url"].as_str().unwrap().to_owned();
    url.strip_prefix(&format!("http://{}", server.tracking_address)).unwrap().to_owned()
}

fn has_headers(reply: &Reply) {
    assert_eq!(reply.header("x-robots-tag"), "noindex");
    assert_eq!(reply.header("referrer-policy"), "no-referrer");
    assert_eq!(reply.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_shared_document_is_served_on_the_tracking_domain_until_it_ends() {
    let server = Server::start(&small_with(&[(Part::HostedOffer, "last_touch = true")])).await;
    let path = shared(&server, json!({ "campaign": 57, "method": "session", "share": true })).await;
    let page = server.tracking.get(&path).await;
    assert_eq!(page.status, 200);
    has_headers(&page);
    assert!(page.text().contains("<option value=\"session\" selected>"));
    assert!(page.text().contains("Ab3dE5gH1jK"));
    for method in Method::ALL {
        let chosen = server.tracking.get(&format!("{path}?method={method}")).await.text();
        assert!(chosen.contains(&format!("<option value=\"{method}\" selected>")), "{method}");
    }
    server.clock.advance_seconds(30 * 86_400);
    let ended = server.tracking.get(&path).await;
    assert_eq!(ended.status, 404);
    has_headers(&ended);
    assert!(!ended.text().contains("Ab3dE5gH1jK"));
}

#[tokio::test]
async fn an_offer_that_takes_no_leads_has_no_document_on_them() {
    let server = Server::start(network::SMALL).await;
    let path = shared(&server, json!({ "campaign": 57, "share": true })).await;
    assert!(server.tracking.get(&path).await.text().contains("Complete examples"));
    let others_pages = network::SMALL.replacen("type = \"hosted\"", "type = \"third_party\"", 1);
    server.apply(&others_pages).await;
    for body in [json!({ "campaign": 57 }), json!({ "offer": 100, "share": true })] {
        let reply = server.api_post("/posting-docs", &body).await;
        assert_eq!(reply.status, 400, "{}", reply.text());
        let said = "offer 100 is a third-party offer, which takes no leads: its conversions are reported by pixels; \
                    say \"pixels\"";
        assert_eq!(reply.json()["errors"], json!([{ "path": "kind", "message": said }]), "{}", reply.text());
    }
    let pixels = server.api_post("/posting-docs", &json!({ "offer": 100, "kind": "pixels" })).await;
    assert_eq!(pixels.status, 200, "{}", pixels.text());
    // Who was given the page before reads there why not to post.
    let page = server.tracking.get(&path).await;
    assert_eq!(page.status, 200);
    has_headers(&page);
    let text = page.text();
    assert!(text.contains("offer 100 is a third-party offer") && text.contains("page on pixels"), "{text}");
    assert!(!text.contains("d.ashx") && !text.contains("Ab3dE5gH1jK"), "{text}");
}
