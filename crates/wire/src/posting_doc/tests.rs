use super::quote::tests::shell_words;
use super::*;
use crate::post::{Given, PostRequest, parse_post};
use crumb_domain::network::Network;
use crumb_domain::pings::PingLimits;
use crumb_domain::time::Zone;
use crumb_domain::{CampaignId, OfferId};
use proptest::prelude::*;
use serde_json::json;

pub(super) const KEY: &str = "Ab3dE5gH1jK";

pub(super) fn network() -> Network {
    serde_json::from_value(json!({
        "vertical": [{ "id": 1, "name": "Auto insurance", "field": [
            { "name": "first_name", "type": "string", "required": true, "max_length": 50 },
            { "name": "email_address", "label": "E-mail", "type": "email", "required": true,
              "error_text": "Enter a valid e-mail." },
            { "name": "phone_home", "type": "phone",
              "group": ["home_area", "home_prefix", "home_suffix"] },
            { "name": "zip_code", "type": "zip", "required": true },
            { "name": "birth_date", "type": "date", "maximum": "today-21y" },
            { "name": "vehicles", "type": "number", "minimum": "1", "maximum": "9" },
            { "name": "plan", "type": "list", "values": ["Don't know", "Gold & \"more\"", "<none>"] },
            { "name": "opt_in", "type": "bool" },
            { "name": "ip_address", "type": "ip", "required": true }
        ]}],
        "offer": [{ "id": 100, "name": "Free quote", "vertical": 1, "type": "host_n_post",
            "link": "https://lp.example/quote?reqid=#reqid#",
            "creative": [
                { "id": 1056, "name": "Old", "status": "inactive" },
                { "id": 1057, "name": "Text link" }
            ] }],
        "campaign": [{ "id": 57, "affiliate": 12, "offer": 100, "key": KEY }]
    }))
    .unwrap()
}

pub(super) fn context(base_url: &str) -> DocContext<'_> {
    DocContext {
        base_url,
        today: Zone::civil_day(2026, 11, 22).unwrap(),
        internal_affiliate: Some(AffiliateId(1)),
        pings: PingLimits::DEFAULT,
    }
}

pub(super) fn campaign_doc(network: &Network, base_url: &str, key: &str) -> PostingDoc {
    let rules = FieldRules::compile(&network.vertical[0]).unwrap();
    let (campaign, offer, vertical) = (&network.campaign[0], &network.offer[0], &network.vertical[0]);
    PostingDoc::for_campaign(campaign, Some(key), offer, vertical, &rules, context(base_url))
}

pub(super) fn offer_doc(network: &Network) -> PostingDoc {
    let rules = FieldRules::compile(&network.vertical[0]).unwrap();
    PostingDoc::for_offer(&network.offer[0], &network.vertical[0], &rules, context("https://trk.example"))
}

fn vertical_doc(network: &Network) -> PostingDoc {
    let rules = FieldRules::compile(&network.vertical[0]).unwrap();
    let context = DocContext { internal_affiliate: None, ..context("https://trk.example") };
    PostingDoc::for_vertical(&network.vertical[0], &rules, None, context)
}

#[test]
fn an_error_is_listed_where_a_post_of_its_kind_can_be_answered_it() {
    let network = network();
    let mut hosted = network.clone();
    hosted.offer[0].offer_type = OfferType::Hosted;
    let (sold_at_once, hosted) = (campaign_doc(&network, BASE, KEY), campaign_doc(&hosted, BASE, KEY));
    let of = |doc: &PostingDoc, text: &str| -> Vec<Method> {
        let of = |method: &Method| doc.method(*method).unwrap().problems.contains(&text);
        Method::ALL.into_iter().filter(of).collect()
    };
    let servers = [Method::Server, Method::ServerJson, Method::Xml];
    for doc in [&sold_at_once, &hosted] {
        assert_eq!(of(doc, "Invalid XML Format"), [Method::Xml]);
        assert_eq!(of(doc, "Invalid JSON Format"), [Method::ServerJson, Method::SessionJson]);
        assert_eq!(of(doc, "Invalid Post Key"), servers);
        assert!(!of(doc, "Duplicate Lead").contains(&Method::BrowserHttp));
        assert_eq!(of(doc, "Validation Failed"), Method::ALL);
        assert!(of(doc, "Too Many Pings").is_empty(), "told of pings, not of posts");
    }
    assert_eq!(of(&sold_at_once, "Ping Expired"), [Method::Server, Method::ServerJson]);
    assert!(of(&hosted, "Ping Expired").is_empty() && of(&hosted, "Invalid Ping ID").is_empty());
    let shown = text(&hosted, Method::BrowserAjax);
    assert!(!shown.contains("Invalid XML Format") && shown.contains("Offer Expired"), "{shown}");
    assert!(shown.contains("`CKM.clear_test()`"), "{shown}");
}

#[test]
fn what_a_reader_must_replace_is_named_at_each_example_and_nothing_else() {
    let network = network();
    let said = |doc: &PostingDoc, method: Method| -> Vec<Option<String>> {
        let post = doc.method(method).unwrap();
        let pasted = post.scripts.iter().chain(&post.examples);
        pasted.map(Example::to_replace).collect()
    };
    let all = |doc: &PostingDoc| Method::ALL.map(|method| said(doc, method)).concat();
    assert!(
        all(&campaign_doc(&network, BASE, KEY)).iter().all(Option::is_none),
        "a campaign's work as they are"
    );
    let key = "Replace `YOUR_CAMPAIGN_ID` and `YOUR_KEY` by your own before you use this.";
    let offer = offer_doc(&network);
    assert_eq!(said(&offer, Method::Server), [Some(key.to_owned()), Some(key.to_owned())]);
    assert!(said(&offer, Method::Session).iter().all(Option::is_none));
    let click = "Replace `YOUR_CREATIVE_ID` and `YOUR_OFFER_ID` by your own before you use this.";
    let vertical = vertical_doc(&network);
    assert_eq!(said(&vertical, Method::SessionJson).last(), Some(&Some(click.to_owned())));
    assert!(text(&vertical, Method::SessionJson).contains(&format!("\n{click}\n\n```sh")));
    // Each word that the sentence names is in the code, and each placeholder in the code is named.
    for doc in [&offer, &vertical] {
        for post in &doc.methods {
            for example in post.scripts.iter().chain(&post.examples) {
                let said = example.to_replace().unwrap_or_default();
                for name in ["OFFER_ID", "CAMPAIGN_ID", "KEY", "AFFILIATE_ID", "CREATIVE_ID"] {
                    let name = format!("YOUR_{name}");
                    assert_eq!(said.contains(&format!("`{name}`")), example.code.contains(&name), "{said}");
                }
            }
        }
    }
}

#[test]
fn a_verticals_session_examples_use_an_offer_of_it_where_one_is_given() {
    let network = network();
    let rules = FieldRules::compile(&network.vertical[0]).unwrap();
    let offer = Some(&network.offer[0]);
    let doc = PostingDoc::for_vertical(&network.vertical[0], &rules, offer, context(BASE));
    for method in [Method::BrowserHttp, Method::BrowserAjax, Method::Session, Method::SessionJson] {
        let text = text(&doc, method);
        assert!(!text.contains("YOUR_") && text.contains("c=1057"), "{text}");
        assert!(text.contains("Offer in the examples: Free quote (100)"), "{text}");
        assert!(!text.contains("lp.example"), "its link is its own: {text}");
    }
    assert!(text(&doc, Method::Server).contains("Replace `YOUR_CAMPAIGN_ID` and `YOUR_KEY` by"));
}

pub(super) const BASE: &str = "http://127.0.0.1:8080";

#[test]
fn every_method_of_a_campaigns_document_says_what_was_agreed() {
    let doc = campaign_doc(&network(), BASE, KEY);
    for method in Method::ALL {
        insta::assert_snapshot!(method.as_str(), text(&doc, method));
    }
}

#[test]
fn a_campaigns_document_shows_id_and_key() {
    let doc = campaign_doc(&network(), BASE, KEY);
    assert!(doc.facts.contains(&("Campaign id", "57".to_owned())));
    assert!(doc.facts.contains(&("Post key", KEY.to_owned())));
}

#[test]
fn an_offers_or_verticals_document_has_placeholders_for_what_is_not_known() {
    let network = network();
    for doc in [offer_doc(&network), vertical_doc(&network)] {
        let server = text(&doc, Method::Server);
        assert!(server.contains("ckm_campaign_id=YOUR_CAMPAIGN_ID"), "{server}");
        assert!(server.contains("ckm_key=YOUR_KEY"), "{server}");
        assert!(!server.contains(KEY));
    }
    let offer = text(&offer_doc(&network), Method::Session);
    assert!(offer.contains("ckm_offer_id=100") && offer.contains("a=1&c=1057"), "{offer}");
    let vertical = text(&vertical_doc(&network), Method::Session);
    assert!(vertical.contains("ckm_offer_id=YOUR_OFFER_ID"), "{vertical}");
    assert!(vertical.contains("a=YOUR_AFFILIATE_ID&c=YOUR_CREATIVE_ID"), "{vertical}");
}

#[test]
fn a_form_shows_every_field_but_the_visitors_address() {
    let doc = campaign_doc(&network(), BASE, KEY);
    for method in [Method::BrowserHttp, Method::BrowserAjax, Method::Session] {
        let page = &doc.method(method).unwrap().examples[0].code;
        for field in &doc.fields {
            let named = page.contains(&format!("name=\"{}\"", field.name));
            assert_eq!(named, field.name != "ip_address", "{}", field.name);
        }
    }
}

#[test]
fn the_example_of_each_method_is_read_as_a_post_of_its_kind() {
    let doc = campaign_doc(&network(), BASE, KEY);
    let post = |method: Method| posts(doc.method(method).unwrap());
    for method in [Method::Server, Method::ServerJson, Method::Xml] {
        for post in post(method) {
            assert_eq!(post.campaign, Given::Value(CampaignId(57)), "{method}");
            assert_eq!(post.key.as_deref(), Some(KEY), "{method}");
            assert_eq!((post.offer, post.request_id), (Given::Absent, None), "{method}");
            assert_eq!(post.json_body, method == Method::ServerJson, "{method}");
        }
    }
    for method in [Method::Session, Method::SessionJson] {
        let post = post(method).pop().unwrap();
        assert_eq!(post.offer, Given::Value(OfferId(100)), "{method}");
        assert_eq!(post.request_id.as_deref(), Some("4711"), "{method}");
        assert_eq!((post.campaign, post.key, post.browser_post), (Given::Absent, None, None), "{method}");
        assert_eq!(post.json_body, method == Method::SessionJson, "{method}");
    }
    let browser = post(Method::BrowserHttp);
    assert_eq!((browser[0].offer, browser[0].request_id.as_deref()), (Given::Value(OfferId(100)), None));
    assert_eq!((browser[1].request_id.as_deref(), browser[1].browser_post), (Some(""), Some(true)));
    let ajax = post(Method::BrowserAjax);
    assert_eq!((ajax[0].offer, ajax[0].request_id.as_deref()), (Given::Value(OfferId(100)), Some("")));
}

#[test]
fn every_example_posts_a_test_lead_that_passes_all_checks() {
    let network = network();
    let doc = campaign_doc(&network, BASE, KEY);
    let rules = FieldRules::compile(&network.vertical[0]).unwrap();
    for method in Method::ALL {
        let posts = posts(doc.method(method).unwrap());
        assert!(!posts.is_empty());
        for post in posts {
            assert!(post.test && post.malformed.is_none(), "{method}");
            // A browser's address is the client's, where the form does not say it.
            let given = |name: &str| match (name, post.fields.get(name)) {
                ("ip_address", None) if method.is_browser() => Some("198.51.100.7".to_owned()),
                (_, value) => value.map(str::to_owned),
            };
            let checked = rules.check(&given, context(BASE).today);
            assert!(checked.is_clean(), "{method}: {checked:?}");
        }
    }
}

#[test]
fn servers_of_host_n_post_offers_are_told_how_to_ping_first() {
    let network = network();
    let doc = campaign_doc(&network, BASE, KEY);
    for method in Method::ALL {
        let ping = &doc.method(method).unwrap().ping;
        assert_eq!(ping.is_some(), matches!(method, Method::Server | Method::ServerJson), "{method}");
        let Some(ping) = ping else { continue };
        let [alone, both] = &ping.examples[..] else { panic!("{:?}", ping.examples) };
        assert!(alone.code.contains("/ping.ashx'"), "{}", alone.code);
        let (pinged, posted) = (curl(&alone.code), curl(&both.code));
        for request in [&pinged, &posted] {
            assert_eq!((request.campaign, request.key.as_deref()), (Given::Value(CampaignId(57)), Some(KEY)));
            assert_eq!((request.test, request.json_body), (true, method == Method::ServerJson));
        }
        assert_eq!((pinged.ping_id.as_deref(), posted.ping_id.as_deref()), (None, Some("9F2K")));
        let names: Vec<&str> = pinged.fields.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["zip_code", "birth_date", "vehicles", "plan", "opt_in"]);
        assert!(pinged.fields.iter().all(|(name, value)| posted.fields.get(name) == Some(value)));
    }
    let mut hosted = network.clone();
    hosted.offer[0].offer_type = OfferType::Hosted;
    let docs = [campaign_doc(&hosted, BASE, KEY), vertical_doc(&network)];
    assert!(docs.iter().all(|doc| doc.methods.iter().all(|method| method.ping.is_none())));
}

#[test]
fn a_date_that_browsers_would_send_otherwise_is_asked_for_as_text() {
    let mut network = network();
    let date = network.vertical[0].field.iter_mut().find(|field| field.name == "birth_date").unwrap();
    date.pattern = Some("^[0-9]{2}/[0-9]{2}/[0-9]{4}$".to_owned());
    let input = |network: &Network| {
        let doc = campaign_doc(network, BASE, KEY);
        let page = doc.method(Method::BrowserHttp).unwrap().examples[0].code.clone();
        page.split('<').find(|tag| tag.contains("name=\"birth_date\"")).unwrap().to_owned()
    };
    assert!(input(&network).contains("type=\"text\" name=\"birth_date\" value=\"06/15/1985\""));
    assert!(
        input(&super::tests::network()).contains("type=\"date\" name=\"birth_date\" value=\"1985-06-15\"")
    );
}

#[test]
fn a_page_whose_link_lacks_the_request_id_is_told_to_have_it_added() {
    let mut network = network();
    let steps = |network: &Network| text(&offer_doc(network), Method::Session);
    let carries =
        "The offer link carries the request id to your page: https://lp.example/quote?reqid=#reqid#";
    assert!(steps(&network).contains(carries));
    network.offer[0].link = Some("https://lp.example/quote".to_owned());
    let lacks = "add `reqid=#reqid#` to its query. It is now https://lp.example/quote";
    assert!(steps(&network).contains(lacks));
    network.offer[0].link = None;
    assert!(steps(&network).contains("https://your-page.example/quote?reqid=#reqid#"));
}

#[test]
fn a_vertical_of_one_field_has_an_example_of_what_is_wrong_with_it() {
    let mut network = network();
    network.vertical[0].field.truncate(1);
    for (required, said) in [(true, "First name is required."), (false, "First name is not valid.")] {
        network.vertical[0].field[0].required = required;
        let server = text(&offer_doc(&network), Method::Server);
        assert!(server.contains(said), "{server}");
    }
    network.vertical[0].field.clear();
    assert!(!text(&offer_doc(&network), Method::Server).contains("is required"));
}

#[test]
fn an_own_servers_page_posts_there_and_has_all_that_brings_the_request_id() {
    let doc = campaign_doc(&network(), BASE, KEY);
    let page = &doc.method(Method::Session).unwrap().examples[0].code;
    assert!(page.contains("<form id=\"ckm_form\" action=\"/your-own-server\" method=\"post\">"), "{page}");
    let order = ["<head>", "DOMContentLoaded", "<body>", "cp=js", "name=\"ckm_request_id\" value=\"\""];
    let places: Vec<_> = order.map(|part| page.find(part)).into();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
}

/// The posts that a method's examples make: shell commands as a shell and curl
/// would, forms as a browser would. Pages that post elsewhere make none.
pub(super) fn posts(method: &MethodDoc) -> Vec<PostRequest> {
    let examples = method.examples.iter();
    examples
        .filter_map(|example| match example.language {
            Language::Shell => Some(curl(&example.code)),
            Language::Html => submit(&example.code),
            _ => None,
        })
        .collect()
}

pub(super) fn curl(code: &str) -> PostRequest {
    let command = code.split("\n\n").last().unwrap();
    let comment = command.strip_prefix("# ").and_then(|comment| comment.split_once('\n'));
    let command = comment.map_or(command, |(_, command)| command);
    let words = shell_words(command, &[("REQUEST_ID", "4711"), ("PING_ID", "9F2K")]);
    assert_eq!(words[0], "curl");
    let (mut address, mut content_type, mut body) = (None, None, String::new());
    let mut rest = words[1..].iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "--request" => assert_eq!(rest.next().unwrap(), "POST"),
            "--header" => {
                let (name, value) = rest.next().unwrap().split_once(": ").unwrap();
                if name == "Content-Type" {
                    content_type = Some(value.to_owned());
                }
            }
            "--data-raw" => body.push_str(rest.next().unwrap()),
            "--data-urlencode" => {
                let (name, value) = rest.next().unwrap().split_once('=').unwrap();
                let joint = if body.is_empty() { "" } else { "&" };
                body.push_str(&format!("{joint}{name}={}", crate::percent::encode(value)));
            }
            word => assert_eq!(address.replace(word.to_owned()), None),
        }
    }
    let address = address.unwrap();
    let query = address.split_once('?').map_or("", |(_, query)| query);
    parse_post(query.as_bytes(), content_type.as_deref(), body.as_bytes()).unwrap()
}

pub(super) fn submit(page: &str) -> Option<PostRequest> {
    let form = page.split("<form ").nth(1).unwrap();
    let tags: Vec<&str> = form.split('<').collect();
    if !tags[0].contains("/d.ashx\"") {
        return None;
    }
    let (mut body, mut select) = (Vec::new(), None);
    for tag in tags {
        let name = || attribute(tag, "name").unwrap_or_default();
        let value = attribute(tag, "value").unwrap_or_default();
        match tag.split(' ').next() {
            Some("input") => body.push((name(), value)),
            Some("select") => select = Some(name()),
            Some("option") if tag.contains(" selected") => body.push((select.take().unwrap(), value)),
            _ => {}
        }
    }
    let encode = crate::percent::encode;
    let pairs = body.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    Some(parse_post(b"", None, pairs.collect::<Vec<_>>().join("&").as_bytes()).unwrap())
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0;
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    Some(entities.iter().fold(value.to_owned(), |value, (entity, c)| value.replace(entity, c)))
}

proptest! {
    // Most texts are passed over below, by the default more than are allowed to be.
    #![proptest_config(ProptestConfig { cases: 64, max_global_rejects: 65_536, ..ProptestConfig::default() })]

    /// Whatever the network's people write: the markup of the pages stays what it
    /// was, and the commands say what was meant.
    #[test]
    fn no_label_name_value_key_or_address_breaks_out_of_an_example(
        name in "[^\0]{1,12}", label in any::<String>(), value in "[^\0\r]{1,20}", key in "[^\0]{1,12}",
        base in any::<String>(), link in any::<String>(),
    ) {
        prop_assume!(!name.trim().is_empty() && value.trim() == value && !value.is_empty());
        prop_assume!(!name.to_lowercase().starts_with("ckm_") && name.trim() == name && name != "callback");
        // The commands are told apart by their blank lines below.
        prop_assume!(!key.chars().any(char::is_control));
        // XML has no form for these.
        prop_assume!(!value.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')));
        let mut wild = network();
        wild.vertical[0].field.truncate(1);
        let mut tame = wild.clone();
        let field = &mut wild.vertical[0].field[0];
        (field.name, field.label) = (name.clone(), Some(label));
        for network in [&mut wild, &mut tame] {
            let field = &mut network.vertical[0].field[0];
            field.field_type = crumb_domain::network::FieldType::List;
            field.values = vec!["Ann".to_owned()];
        }
        wild.vertical[0].field[0].values = vec![value.clone()];
        wild.offer[0].link = Some(link);
        let (wild_doc, tame_doc) = (campaign_doc(&wild, &base, &key), campaign_doc(&tame, BASE, KEY));
        for (wild, tame) in wild_doc.methods.iter().zip(&tame_doc.methods) {
            for (wild, tame) in wild.examples.iter().chain(&wild.scripts).zip(tame.examples.iter().chain(&tame.scripts)) {
                if wild.language == Language::Html {
                    let markup = |code: &str| code.chars().filter(|c| "<>\"".contains(*c)).collect::<String>();
                    prop_assert_eq!(markup(&wild.code), markup(&tame.code));
                }
            }
            for post in posts(wild).iter().filter(|_| !wild.method.is_browser()) {
                prop_assert_eq!(post.fields.get(&name.to_ascii_lowercase()), Some(value.as_str()));
                if !wild.method.is_session() {
                    prop_assert_eq!(post.key.as_deref(), Some(key.as_str()));
                }
            }
            text(&wild_doc, wild.method);
        }
    }
}
