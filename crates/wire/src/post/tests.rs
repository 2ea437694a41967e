use super::*;
use crate::input::MAX_PAIRS;
use proptest::prelude::*;

const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
const JSON: Option<&str> = Some("Application/JSON; charset=utf-8");

fn query(query: &str) -> PostRequest {
    parse_post(query.as_bytes(), None, b"").unwrap()
}

fn post(query: &str, content_type: Option<&str>, body: &str) -> PostRequest {
    parse_post(query.as_bytes(), content_type, body.as_bytes()).unwrap()
}

fn fields(post: &PostRequest) -> Vec<(&str, &str)> {
    post.fields.iter().collect()
}

#[test]
fn query_and_body_are_merged_and_the_query_wins() {
    let post = post("ckm_campaign_id=5&zip=1", FORM, "CKM_Key=abc&ckm_campaign_id=6&ZIP=2&city=X");
    assert_eq!(post.campaign, Given::Value(CampaignId(5)));
    assert_eq!(post.key.as_deref(), Some("abc"));
    assert_eq!(fields(&post), [("zip", "1"), ("city", "X")]);
}

#[test]
fn a_body_of_no_or_another_type_is_read_as_urlencoded() {
    for content_type in [
        None,
        FORM,
        Some(""),
        Some("text/plain"),
        Some("text/xml"),
        Some("application/jsonx"),
        Some("image/x+json"),
    ] {
        assert_eq!(
            fields(&post("", content_type, "a=x+y&b=%41")),
            [("a", "x y"), ("b", "A")],
            "{content_type:?}"
        );
    }
}

#[test]
fn ids_are_absent_malformed_or_given() {
    let ids = |text: &str| query(text).offer;
    assert_eq!(ids("x=1"), Given::Absent);
    assert_eq!(ids("ckm_offer_id="), Given::Absent);
    assert_eq!(ids("ckm_offer_id=1x"), Given::Malformed);
    assert_eq!(ids("ckm_offer_id=0"), Given::Malformed);
    assert_eq!(ids("ckm_offer_id=+7+"), Given::Value(OfferId(7)));
    assert_eq!(ids("ckm_offer_id=7").value(), Some(OfferId(7)));
    assert_eq!(ids("ckm_offer_id=-7").value(), None);
}

#[test]
fn a_request_id_is_kept_as_sent_also_blank() {
    assert_eq!(query("ckm_request_id=").request_id.as_deref(), Some(""));
    assert_eq!(query("ckm_request_id=12x").request_id.as_deref(), Some("12x"));
    assert_eq!(query("ckm_offer_id=1").request_id, None);
}

#[test]
fn ckm_bp_asks_for_or_against_a_browser_posts_answer() {
    let asks = ["ckm_bp=1", "ckm_bp=0", "ckm_bp=", "ckm_bp=2", "x=1"].map(|text| query(text).browser_post);
    assert_eq!(asks, [Some(true), Some(false), None, None, None]);
}

#[test]
fn sub_ids_of_a_server_post_are_cut_and_spill() {
    let post = query(&format!("ckm_subid={}&ckm_subid_2={}&ckm_subid_5=z", "a".repeat(60), "b".repeat(150)));
    assert_eq!(post.sub_ids.sub_affiliate().map(str::len), Some(50));
    assert_eq!(post.sub_ids.as_array()[1..], ["b".repeat(100), "b".repeat(50), String::new(), "z".into()]);
}

#[test]
fn a_test_lead_is_flagged_or_named_so() {
    for test in [
        "ckm_test=1",
        "ckm_test=true",
        "first_name=xckmtestpixel",
        "last_name=CkmTest",
        "address=1+ckmtest+Road",
        "FIRST_NAME=ckmtest",
    ] {
        assert!(query(test).test, "{test}");
    }
    for real in [
        "ckm_test=0",
        "ckm_test=",
        "city=ckmtest",
        "first_name=ckm+test",
        "email_address=ckmtest%40x.example",
    ] {
        assert!(!query(real).test, "{real}");
    }
}

#[test]
fn the_other_controls_are_read() {
    let post = query(
        "ckm_lead_id=C8097F17&ckm_resell=1&ckm_upsell=1&ckm_ifrm=1&ckm_max_seconds=19&ckm_ping_id=P&callback=cb",
    );
    assert_eq!(post.lead_id.as_deref(), Some("C8097F17"));
    assert!(post.resell && post.upsell && post.iframe);
    assert_eq!(post.max_seconds, Some(19));
    assert_eq!(post.ping_id.as_deref(), Some("P"));
    assert_eq!(post.callback, Some("cb".parse()));
    assert_eq!(query("ckm_idempotency_key=0af").idempotency_key.as_deref(), Some("0af"));
    assert!(post.fields.is_empty());

    let bare = query("ckm_lead_id=&ckm_resell=0&ckm_upsell=0&ckm_ifrm=0&ckm_max_seconds=soon");
    assert_eq!((bare.lead_id, bare.resell, bare.iframe, bare.max_seconds), (None, false, false, None));
    assert!(!bare.upsell);
    assert_eq!((bare.callback, bare.idempotency_key), (None, None));
    assert!(!bare.json_body);
}

#[test]
fn a_callback_is_a_name_of_a_function() {
    for name in ["cb", "$", "_", "jQuery19_123.x", "CKM.on_load", &"a".repeat(128)] {
        assert_eq!(name.parse::<Callback>().as_ref().map(Callback::as_str), Ok(name));
    }
    for wrong in ["", "1a", ".a", "a b", "a(", "a-b", "a[0]", "\u{e9}", "a\u{e9}", "a\n", &"a".repeat(129)] {
        assert_eq!(wrong.parse::<Callback>(), Err(InvalidCallback), "{wrong}");
    }
    assert_eq!(query("callback=alert(1)").callback, Some(Err(InvalidCallback)));
    assert_eq!(query("callback=").callback, Some(Err(InvalidCallback)));
}

#[test]
fn fields_are_all_but_the_controls() {
    let post = query("ckm_offer_id=1&ip_address=192.0.2.1&ckm_whatever=x&callback=f&Zip=1&unknown=2");
    assert_eq!(fields(&post), [("ip_address", "192.0.2.1"), ("zip", "1"), ("unknown", "2")]);
}

#[test]
fn a_multipart_body_gives_fields_and_controls() {
    let part = |name: &str, value: &str| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body = format!("{}{}--B--", part("ckm_offer_id", "3"), part("zip", "1"));
    let post = post("", Some("Multipart/Form-Data; boundary=B"), &body);
    assert_eq!(post.offer, Given::Value(OfferId(3)));
    assert_eq!(fields(&post), [("zip", "1")]);
}

#[test]
fn an_xml_body_gives_fields_but_neither_ids_nor_keys() {
    let body = "<x><ckm_campaign_id>9</ckm_campaign_id><CKM_KEY>k</CKM_KEY><ckm_offer_id>9</ckm_offer_id>\
        <ckm_request_id>9</ckm_request_id><ckm_lead_id>C8097F17</ckm_lead_id><ckm_ping_id>p</ckm_ping_id>\
        <ckm_test>1</ckm_test><Zip>1</Zip></x>";
    let post = post("ckm_xml=1&ckm_campaign_id=5", Some("text/xml"), body);
    assert_eq!(post.campaign, Given::Value(CampaignId(5)));
    assert_eq!((post.key, post.request_id, post.lead_id, post.ping_id), (None, None, None, None));
    assert_eq!(post.offer, Given::Absent);
    assert!(post.test);
    assert_eq!(post.fields.iter().collect::<Vec<_>>(), [("zip", "1")]);
}

#[test]
fn ckm_xml_makes_a_body_xml_whatever_its_type() {
    for content_type in [None, FORM, Some("application/xml"), JSON] {
        let post = post("ckm_xml=1", content_type, "<x><a>1</a></x>");
        assert_eq!(fields(&post), [("a", "1")], "{content_type:?}");
        assert!(!post.json_body);
    }
    assert_eq!(post("ckm_xml=0", None, "a=1").malformed, None);
}

#[test]
fn an_unreadable_xml_body_leaves_the_querys_pairs() {
    for body in ["<x><a>1</a>", "", "<!DOCTYPE x><x><a>1</a></x>"] {
        let post = post("ckm_xml=1&ckm_key=k&zip=1", None, body);
        assert_eq!(post.malformed, Some(Problem::InvalidXml), "{body}");
        assert_eq!(post.key.as_deref(), Some("k"));
        assert_eq!(fields(&post), [("zip", "1")]);
    }
}

#[test]
fn a_json_body_gives_fields_and_controls_and_its_first_of_equal_members_wins() {
    let body =
        r#"{"ckm_campaign_id":5,"ckm_key":"k","Zip":1.10,"zip":"2","ok":true,"gone":null,"a":{"b":1}}"#;
    let post = post("", JSON, body);
    assert_eq!(post.campaign, Given::Value(CampaignId(5)));
    assert_eq!(post.key.as_deref(), Some("k"));
    assert_eq!(fields(&post), [("zip", "1.10"), ("ok", "true")]);
    assert_eq!(post.nested, ["a"]);
    assert!(post.json_body);
    assert_eq!(post.malformed, None);
}

#[test]
fn json_is_told_by_its_own_type_and_by_those_that_are_written_in_it() {
    for content_type in [
        "application/json",
        "Text/JSON",
        "text/json; charset=utf-8",
        "application/vnd.api+json",
        "application/problem+JSON ;charset=utf-8",
    ] {
        let post = post("", Some(content_type), r#"{"ckm_campaign_id":5,"ckm_key":"k","zip":1}"#);
        assert_eq!(post.campaign, Given::Value(CampaignId(5)), "{content_type}");
        assert_eq!((post.key.as_deref(), post.json_body), (Some("k"), true), "{content_type}");
        assert_eq!(fields(&post), [("zip", "1")], "{content_type}");
    }
}

#[test]
fn the_first_stands_also_between_a_plain_and_a_nested_member() {
    let nested_first = post("", JSON, r#"{"A":[1],"a":"x"}"#);
    assert_eq!((fields(&nested_first), nested_first.nested.len()), (vec![], 1));
    let plain_first = post("", JSON, r#"{"a":"x","a":[1]}"#);
    assert_eq!((fields(&plain_first), plain_first.nested.len()), (vec![("a", "x")], 0));
    let in_query = post("a=y", JSON, r#"{"a":[1]}"#);
    assert_eq!((fields(&in_query), in_query.nested.len()), (vec![("a", "y")], 0));
}

#[test]
fn a_nested_control_is_ignored() {
    let post = post("", JSON, r#"{"ckm_campaign_id":{},"callback":[]}"#);
    assert_eq!(post.campaign, Given::Absent);
    assert_eq!(post.callback, None);
    assert!(post.nested.is_empty());
}

#[test]
fn an_unreadable_json_body_leaves_the_querys_pairs() {
    for body in ["{", "", "[]", "null", "a=1"] {
        let post = post("ckm_offer_id=1", JSON, body);
        assert_eq!(post.malformed, Some(Problem::InvalidJson), "{body}");
        assert_eq!(post.offer, Given::Value(OfferId(1)));
        assert!(post.json_body && post.fields.is_empty());
    }
}

#[test]
fn query_and_body_share_the_limits() {
    let half = "a".repeat(MAX_INPUT_BYTES / 2);
    assert!(parse_post(half.as_bytes(), FORM, half.as_bytes()).is_ok());
    let over = parse_post(half.as_bytes(), FORM, format!("{half}a").as_bytes());
    assert_eq!(over, Err(InputError::TooLarge));

    let pairs = |pairs: usize| vec!["a=1"; pairs].join("&");
    assert!(parse_post(pairs(200).as_bytes(), FORM, pairs(MAX_PAIRS - 200).as_bytes()).is_ok());
    let over = parse_post(pairs(200).as_bytes(), FORM, pairs(MAX_PAIRS - 199).as_bytes());
    assert_eq!(over, Err(InputError::TooManyPairs));

    let xml = format!("<x>{}</x>", "<a/>".repeat(MAX_PAIRS));
    assert_eq!(parse_post(b"ckm_xml=1", None, xml.as_bytes()), Err(InputError::TooManyPairs));
    let json = format!("{{{}}}", vec!["\"a\":1"; MAX_PAIRS].join(","));
    assert!(parse_post(b"", JSON, json.as_bytes()).is_ok());
    assert_eq!(parse_post(b"a=1", JSON, json.as_bytes()), Err(InputError::TooManyPairs));
}

#[test]
fn posts_that_say_the_same_have_one_hash() {
    let hash = |post: PostRequest| post.said.hash();
    let same = hash(query("a=1&B=x%20y"));
    assert_eq!(same, hash(query("&b=x+y&a=1&a=2")));
    assert_eq!(same, hash(post("a=1", FORM, "b=x y")));
    assert_eq!(same, hash(post("", JSON, r#"{"b":"x y","a":1}"#)));
}

#[test]
fn posts_that_say_something_else_have_other_hashes() {
    let posts = [
        query(""),
        query("a=1"),
        query("a=2"),
        query("a=1&b="),
        query("a=1&b=v"),
        query("a=1b"),
        query("a1=b"),
        query("a=1&callback=f"),
        post("", JSON, r#"{"a":{}}"#),
        post("a=1", JSON, "{"),
        post("a=1", JSON, "["),
    ];
    let hashes: BTreeSet<_> = posts.iter().map(|post| post.said.hash()).collect();
    assert_eq!(hashes.len(), posts.len());
}

proptest! {
    #[test]
    fn any_post_is_read(
        raw_query in prop::collection::vec(any::<u8>(), 0..200),
        content_type in prop::option::of("(application/json|multipart/form-data; boundary=x|[ -~]{0,30})"),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        match parse_post(&raw_query, content_type.as_deref(), &body) {
            Ok(post) => prop_assert!(post.fields.iter().all(|(name, _)| !name.starts_with("ckm_"))),
            Err(error) => {
                prop_assert_eq!(error, InputError::NoBoundary);
                prop_assert!(content_type.unwrap().starts_with("multipart/form-data"));
            }
        }
    }

    #[test]
    fn where_a_pair_is_written_does_not_matter(
        pairs in prop::collection::btree_map("[a-z_]{1,8}", any::<String>(), 0..20),
        split in 0_usize..20,
    ) {
        let written: Vec<_> = pairs.iter()
            .map(|(name, value)| format!("{name}={}", crate::percent::encode(value)))
            .collect();
        let (first, second) = written.split_at(split.min(written.len()));
        let one = query(&written.join("&"));
        let two = post(&second.join("&"), FORM, &first.join("&"));
        prop_assert_eq!(one.said.hash(), two.said.hash());
        for (name, value) in &pairs {
            if name != "callback" && !name.starts_with("ckm_") {
                prop_assert_eq!(two.fields.get(name), Some(value.as_str()));
            }
        }
    }
}
