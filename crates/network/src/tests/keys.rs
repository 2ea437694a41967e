//! Each key of the file: what it may be, and whether it may be left out.

use super::*;
use serde_json::{Value, json};

/// The example as a tree, with the keys that cannot stand in one sound network with the others.
pub(super) fn tree() -> Value {
    let mut tree: Value = ::toml::from_str(EXAMPLE).unwrap();
    tree["campaign"][0]["pixel_html"] = json!("<img src=\"https://aff.example/\">");
    tree["campaign"][0]["redirect_404"] = json!(false);
    tree["campaign"][0]["caps"] = json!([{ "of": "lead", "interval": "week", "limit": 5 }]);
    let ping = tree["contract"][0]["ping"].as_object_mut().unwrap();
    for (key, value) in [
        ("timeout_ms", json!(2_000)),
        ("auth", json!({ "bearer": "token" })),
        ("maps", json!({ "state": { "NV": "Nevada" } })),
        ("formats", json!({ "phone": "e164" })),
        ("rejected", json!(["status:204"])),
        ("duplicate", json!(["equals:dup"])),
        ("error", json!(["regex:^err"])),
        ("redirect", json!("json:$.redirect")),
        ("lead_id", json!("json:$.id")),
        ("to", json!("a@b.example")),
        ("subject", json!("Lead")),
        ("status_url", json!("https://buyer.example/status")),
    ] {
        ping.insert(key.to_owned(), value);
    }
    tree
}

/// Every place of a tree: as faults name it, as a pointer, and the value there.
pub(super) fn places(tree: &Value) -> Vec<(String, String, Value)> {
    fn walk(value: &Value, place: &str, pointer: &str, all: &mut Vec<(String, String, Value)>) {
        if !place.is_empty() {
            all.push((place.to_owned(), pointer.to_owned(), value.clone()));
        }
        match value {
            Value::Object(table) => {
                for (key, value) in table {
                    let dot = if place.is_empty() { "" } else { "." };
                    walk(value, &format!("{place}{dot}{key}"), &format!("{pointer}/{key}"), all);
                }
            }
            Value::Array(list) => {
                for (index, value) in list.iter().enumerate() {
                    walk(value, &format!("{place}[{index}]"), &format!("{pointer}/{index}"), all);
                }
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    walk(tree, "", "", &mut all);
    all
}

/// A place without its numbers: the key that it is of.
pub(super) fn key_of(place: &str) -> String {
    let parts = place.split(['[', ']']);
    parts.filter(|part| part.parse::<u32>().is_err()).collect()
}

fn with(pointer: &str, value: Value) -> Value {
    let mut changed = tree();
    *changed.pointer_mut(pointer).unwrap() = value;
    changed
}

fn without(pointer: &str) -> Value {
    let mut changed = tree();
    let (table, key) = pointer.rsplit_once('/').unwrap();
    let parent = if table.is_empty() { Some(&mut changed) } else { changed.pointer_mut(table) };
    parent.unwrap().as_object_mut().unwrap().remove(key).unwrap();
    changed
}

/// What is said of such a file, by whoever reads it or else by whoever checks it.
async fn said_of(tree: &Value) -> Vec<String> {
    let file = match parse(&tree.to_string(), FileFormat::Json) {
        Ok(file) => file,
        Err(errors) => return printed(&errors),
    };
    match empty().await.0.plan(&file, false, Secrets::Masked).await {
        Ok(_) => Vec::new(),
        Err(NetworkError::Invalid(errors)) => printed(&errors),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_example_with_every_key_is_sound() {
    assert_eq!(said_of(&tree()).await, [""; 0]);
}

#[test]
fn a_value_of_another_kind_is_refused_at_its_place_whichever_key_it_is() {
    let mut keys = 0;
    for (place, pointer, value) in places(&tree()) {
        let other = match value {
            Value::String(_) => json!(true),
            Value::Array(_) | Value::Number(_) | Value::Bool(_) => json!("x"),
            Value::Object(_) | Value::Null => json!(5),
        };
        let Err(errors) = parse(&with(&pointer, other).to_string(), FileFormat::Json) else {
            panic!("{place} may be anything");
        };
        let said = printed(&errors);
        // A list of parameters has two forms, and is named as a whole where it has neither.
        let place =
            place.split_once(".params").map_or(place.clone(), |(before, _)| format!("{before}.params"));
        assert!(said.len() == 1 && said[0].starts_with(&format!("{place}: ")), "{place}: {said:?}");
        keys += 1;
    }
    assert!(keys > 250, "{keys}");
}

#[tokio::test]
async fn an_unknown_key_is_refused_in_each_table() {
    let mut tables = 0;
    for (place, pointer, value) in places(&tree()).into_iter().chain([(String::new(), String::new(), tree())])
    {
        // Of these the writer chooses the keys.
        let is_free =
            ["maps", "state", "headers", "formats", "params"].iter().any(|key| place.ends_with(key));
        let Value::Object(mut table) = value else { continue };
        if is_free {
            continue;
        }
        table.insert("nmae".to_owned(), json!("x"));
        let said = said_of(&with(&pointer, Value::Object(table))).await;
        let dot = if place.is_empty() { "" } else { "." };
        match place.ends_with("auth") {
            true => assert!(said.len() == 1 && said[0].starts_with(&place), "{said:?}"),
            false => assert_eq!(said, [format!("{place}{dot}nmae: unknown key")]),
        }
        tables += 1;
    }
    assert!(tables > 35, "{tables}");
}

/// What must be there; everything else may be left out.
pub(super) const REQUIRED: [&str; 57] = [
    "network.name",
    "blacklist.affiliate",
    "vertical.id",
    "vertical.name",
    "vertical.lead_tier.name",
    "vertical.lead_tier.payout",
    "vertical.field.name",
    "vertical.field.type",
    "advertiser.id",
    "advertiser.name",
    "offer.id",
    "offer.name",
    "offer.vertical",
    "offer.type",
    "offer.link",
    "offer.caps.of",
    "offer.caps.interval",
    "offer.caps.limit",
    "offer.creative.id",
    "offer.creative.name",
    "offer.contract.id",
    "offer.event.id",
    "offer.event.name",
    "affiliate.id",
    "affiliate.name",
    "campaign.id",
    "campaign.affiliate",
    "campaign.offer",
    "campaign.caps.of",
    "campaign.caps.interval",
    "campaign.caps.limit",
    "webhook.id",
    "webhook.name",
    "webhook.url",
    "webhook.secret",
    "buyer.id",
    "buyer.name",
    "buyer.credit.type",
    "contract.id",
    "contract.buyer",
    "contract.vertical",
    "contract.name",
    "contract.schedule",
    "contract.schedule.days",
    "contract.schedule.open",
    "contract.schedule.close",
    "contract.schedule.price",
    "contract.schedule.type",
    "contract.post",
    "contract.post.method",
    "contract.post.url",
    "contract.post.accepted",
    "contract.ping.method",
    "contract.ping.url",
    "contract.ping.accepted",
    "network.internal_affiliate",
    "vertical.field.values",
];

/// Lists that the example names entries of elsewhere.
const NAMED: [&str; 2] = ["vertical[0].field", "offer[0].contract"];

#[tokio::test]
async fn what_is_required_is_named_where_it_is_missing_and_all_else_may_be_left_out() {
    let mut met = std::collections::BTreeSet::new();
    for (place, pointer, _) in places(&tree()) {
        // Of a list an item, and of a table what its own keys are, are no keys of the file; a
        // condition is told as a whole. Nor does any network do without its entities.
        let is_key = !place.ends_with(']') && place.contains('.');
        let is_own = ["maps.", "headers.", "formats.", "params.", "auth.", "filter["].iter();
        if !is_key || is_own.clone().any(|part| place.contains(part)) || NAMED.contains(&place.as_str()) {
            continue;
        }
        let said = said_of(&without(&pointer)).await;
        let key = key_of(&place);
        if !REQUIRED.contains(&key.as_str()) || place == "offer[1].link" {
            assert_eq!(said, [""; 0], "{place} may be left out");
            continue;
        }
        let expected = match key.as_str() {
            "offer.link" => format!("{place}: required unless the type is third_party"),
            "network.internal_affiliate" => {
                format!("{place}: required once there is a hosted or host_n_post offer")
            }
            "vertical.field.values" => format!("{place}: a list needs at least one value"),
            _ => format!("{place}: required"),
        };
        assert_eq!(said, [expected]);
        met.insert(key);
    }
    assert_eq!(met.into_iter().collect::<Vec<_>>(), {
        let mut all = REQUIRED.map(str::to_owned);
        all.sort();
        all
    });
}

#[tokio::test]
async fn a_blank_name_is_none() {
    for (place, pointer, _) in places(&tree()) {
        if place.ends_with(".name") {
            for blank in ["", " \t"] {
                let said = said_of(&with(&pointer, json!(blank))).await;
                let needs = [format!("{place}: required"), format!("{place}: a field needs a name")];
                assert!(said.iter().any(|fault| needs.contains(fault)), "{place}: {said:?}");
            }
        }
    }
}

/// Keys that hold amounts.
fn is_amount(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap();
    ["payout", "received", "payout_percent", "minimum_margin", "balance", "limit", "maximum_price"]
        .contains(&last)
        && !key.contains("caps")
        || key == "contract.schedule.price"
}

#[tokio::test]
async fn an_amount_is_a_decimal_text_and_not_negative_whichever_key_it_is() {
    let mut keys = std::collections::BTreeSet::new();
    for (place, pointer, _) in places(&tree()) {
        let key = key_of(&place);
        if !is_amount(&key) {
            continue;
        }
        for (wrong, fault) in [
            (json!("12,00"), "invalid value: string \"12,00\", expected a decimal string like \"12.00\""),
            (json!("$5"), "invalid value: string \"$5\", expected a decimal string like \"12.00\""),
            (json!("-0.01"), "-0.01 is negative"),
        ] {
            assert_eq!(said_of(&with(&pointer, wrong)).await, [format!("{place}: {fault}")]);
        }
        for number in [json!(12), json!(12.5)] {
            let said = said_of(&with(&pointer, number)).await;
            assert!(said.len() == 1 && said[0].starts_with(&format!("{place}: invalid type: ")), "{said:?}");
        }
        keys.insert(key);
    }
    let expected = [
        "buyer.credit.balance",
        "buyer.credit.limit",
        "campaign.payout",
        "contract.maximum_price",
        "contract.schedule.price",
        "offer.contract.payout",
        "offer.contract.received",
        "offer.event.payout",
        "offer.event.received",
        "offer.payout",
        "offer.payout_percent",
        "offer.received",
        "vertical.lead_tier.payout",
        "vertical.router.minimum_margin",
    ];
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_key_that_knows_some_words_takes_those_and_names_them_where_it_is_given_another() {
    for (pointer, place, words) in [
        ("/network/unknown_is", "network.unknown_is", &["wait", "rejected", "sold"][..]),
        (
            "/vertical/0/field/0/type",
            "vertical[0].field[0].type",
            &["string", "email", "phone", "zip", "date", "number", "list", "bool", "ip"],
        ),
        (
            "/vertical/0/field/0/client_decision",
            "vertical[0].field[0].client_decision",
            &["force_client_review", "review", "throw_out"],
        ),
        (
            "/vertical/0/field/0/server_decision",
            "vertical[0].field[0].server_decision",
            &["reject", "review", "throw_out"],
        ),
        ("/offer/0/type", "offer[0].type", &["host_n_post", "hosted", "third_party"]),
        ("/offer/0/status", "offer[0].status", &["public", "private", "apply_to_run", "inactive"]),
        ("/offer/0/price_format", "offer[0].price_format", &["cpa", "cpc", "cpm", "fixed", "revshare"]),
        ("/offer/0/distribution", "offer[0].distribution", &["direct", "ping", "async_ping"]),
        ("/offer/0/duplicate_scope", "offer[0].duplicate_scope", &["vertical", "offer", "none"]),
        ("/offer/0/price_override", "offer[0].price_override", &["received", "none", "all"]),
        ("/offer/0/caps/0/of", "offer[0].caps[0].of", &["click", "lead", "conversion"]),
        ("/offer/0/caps/0/interval", "offer[0].caps[0].interval", &["day", "week", "month", "total"]),
        ("/offer/0/creative/0/status", "offer[0].creative[0].status", &["active", "inactive"]),
        (
            "/offer/0/contract/0/price_format",
            "offer[0].contract[0].price_format",
            &["cpa", "cpc", "cpm", "fixed", "revshare"],
        ),
        ("/affiliate/1/status", "affiliate[1].status", &["active", "inactive", "pending"]),
        ("/campaign/0/status", "campaign[0].status", &["active", "inactive"]),
        ("/campaign/0/price_format", "campaign[0].price_format", &["cpa", "cpc", "cpm", "fixed", "revshare"]),
        ("/buyer/0/status", "buyer[0].status", &["active", "inactive"]),
        ("/buyer/0/credit/type", "buyer[0].credit.type", &["unlimited", "prepaid"]),
        ("/contract/0/status", "contract[0].status", &["active", "inactive"]),
        ("/contract/0/unknown_is", "contract[0].unknown_is", &["wait", "rejected", "sold"]),
        (
            "/contract/0/schedule/0/days/0",
            "contract[0].schedule[0].days[0]",
            &["mon", "tue", "wed", "thu", "fri", "sat", "sun", "all"],
        ),
        (
            "/contract/0/schedule/0/type",
            "contract[0].schedule[0].type",
            &["exclusive", "multisell", "hybrid"],
        ),
        (
            "/contract/0/post/method",
            "contract[0].post.method",
            &["get", "post", "json", "xml", "soap", "email"],
        ),
        ("/webhook/0/status", "webhook[0].status", &["active", "inactive"]),
    ] {
        for word in words {
            let read = parse(&with(pointer, json!(word)).to_string(), FileFormat::Json);
            // Unlimited credit has no balance, which is said of the whole.
            assert!(read.is_ok() || *word == "unlimited", "{place} {word}: {read:?}");
        }
        let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        let known = match quoted.as_slice() {
            [one, other] => format!("{one} or {other}"),
            _ => format!("one of {}", quoted.join(", ")),
        };
        for wrong in ["x".to_owned(), words[0].to_uppercase()] {
            let said = said_of(&with(pointer, json!(wrong))).await;
            assert_eq!(said, [format!("{place}: unknown value \"{wrong}\", expected {known}")]);
        }
    }
}

#[tokio::test]
async fn an_id_that_is_used_twice_is_refused_whatever_it_is_of() {
    let all = tree();
    for kind in ["vertical", "advertiser", "offer", "affiliate", "campaign", "buyer", "contract", "webhook"] {
        let mut twice = all.clone();
        let list = twice[kind].as_array_mut().unwrap();
        let (copy, place) = (list[0].clone(), list.len());
        let id = copy["id"].clone();
        list.push(copy);
        let fault = format!("{kind}[{place}].id: id {id} is used twice");
        let said = said_of(&twice).await;
        assert!(said.contains(&fault), "{fault}: {said:?}");
    }
    for (list, place, id) in
        [("creative", "offer[0].creative[1].id", 1057), ("contract", "offer[0].contract[1].id", 900)]
    {
        let mut twice = all.clone();
        let list = twice["offer"][0][list].as_array_mut().unwrap();
        list.push(list[0].clone());
        assert_eq!(said_of(&twice).await, [format!("{place}: id {id} is used twice")]);
    }
    let mut nobody = all;
    nobody["blacklist"][0] = json!({ "affiliate": 13, "advertiser": 9 });
    assert_eq!(said_of(&nobody).await, ["blacklist[0].advertiser: no advertiser 9"]);
}

#[tokio::test]
async fn numbers_are_held_within_what_they_can_mean() {
    for (pointer, wrong, fault) in [
        ("/vertical/0/field/0/max_length", 0, "vertical[0].field[0].max_length: must be at least 1"),
        ("/vertical/0/field/0/id", 0, "vertical[0].field[0].id: an id is between 1 and 2147483647, not 0"),
        ("/offer/0/deadline_ms", 0, "offer[0].deadline_ms: must be at least 1"),
        ("/offer/0/creative/0/id", 0, "offer[0].creative[0].id: an id is between 1 and 2147483647, not 0"),
        (
            "/contract/0/max_post_errors",
            0,
            "contract[0].max_post_errors: must be between 1 and 11 (11 = never switch off)",
        ),
        (
            "/contract/0/min_lead_age_minutes",
            7_201,
            "contract[0].min_lead_age_minutes: is more than max_lead_age_minutes",
        ),
        ("/contract/0/post/timeout_ms", 0, "contract[0].post.timeout_ms: must be at least 1"),
        ("/contract/0/ping/timeout_ms", 0, "contract[0].ping.timeout_ms: must be at least 1"),
    ] {
        assert_eq!(said_of(&with(pointer, json!(wrong))).await, [fault]);
    }
    for (place, pointer, value) in places(&tree()) {
        if value.is_number() {
            for wrong in [json!(-1), json!(1.5)] {
                let said = said_of(&with(&pointer, wrong.clone())).await;
                let is_refused = said.iter().any(|fault| fault.starts_with(&format!("{place}: ")));
                // Ranks may be below zero.
                assert_eq!(
                    is_refused,
                    !(key_of(&place) == "contract.rank" && wrong == json!(-1)),
                    "{place}: {said:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_condition_is_a_comparison_or_others_nested_and_exists_takes_no_value() {
    let filter = |condition: Value| with("/contract/0/filter/0", condition);
    let compare = |op: &str, value: &str| json!({ "field": "age", "op": op, "value": value });
    for (op, value) in [
        ("eq", "18"),
        ("ne", "18"),
        ("in", "18|19"),
        ("not_in", "18|19"),
        ("lt", "18"),
        ("le", "18"),
        ("gt", "18"),
        ("ge", "18"),
        ("between", "18|65"),
        ("matches", "^1"),
    ] {
        assert_eq!(said_of(&filter(compare(op, value))).await, [""; 0], "{op}");
        let valueless = said_of(&filter(json!({ "field": "age", "op": op }))).await;
        assert_eq!(valueless, ["contract[0].filter[0]: this op needs a value"], "{op}");
    }
    let state = json!({ "field": "state", "op": "contains", "value": "C" });
    let exists = json!({ "field": "age", "op": "exists" });
    for nested in [
        exists.clone(),
        json!({ "all": [state, exists] }),
        json!({ "any": [state, { "all": [exists] }] }),
        json!({ "not": { "any": [exists] } }),
    ] {
        assert_eq!(said_of(&filter(nested.clone())).await, [""; 0], "{nested}");
    }
    let forms = "a filter is { field, op, value } or one of all = [..], any = [..], not = {..}";
    for (wrong, fault) in [
        (compare("exists", "1"), "contract[0].filter[0]: exists takes no value".to_owned()),
        (json!({ "field": "age", "value": "1" }), format!("contract[0].filter[0]: {forms}")),
        (json!({ "op": "eq", "value": "1" }), format!("contract[0].filter[0]: {forms}")),
        (json!({ "all": [], "any": [] }), format!("contract[0].filter[0]: {forms}")),
        (json!({ "not": state, "field": "age" }), format!("contract[0].filter[0]: {forms}")),
        (json!({ "al": [] }), "contract[0].filter[0].al: unknown key".to_owned()),
        (json!({ "any": [{ "field": "age" }] }), format!("contract[0].filter[0].any[0]: {forms}")),
    ] {
        assert_eq!(said_of(&filter(wrong)).await, [fault]);
    }
    let unknown = said_of(&filter(compare("like", "1"))).await;
    let words = "\"eq\", \"ne\", \"in\", \"not_in\", \"contains\", \"lt\", \"le\", \"gt\", \"ge\", \"between\", \
                 \"matches\", \"exists\"";
    assert_eq!(
        unknown,
        [format!("contract[0].filter[0].op: unknown value \"like\", expected one of {words}")]
    );
}

#[tokio::test]
async fn times_networks_and_expressions_are_ones() {
    for pointer in ["/offer/0/expires_at", "/offer/0/creative/0/expires_at", "/campaign/0/expires_at"] {
        let place = places(&tree()).into_iter().find(|(_, at, _)| at == pointer).unwrap().0;
        for wrong in ["tomorrow", "2030-01-01", "2030-13-01T00:00:00Z"] {
            let said = said_of(&with(pointer, json!(wrong))).await;
            assert!(said.len() == 1 && said[0].starts_with(&format!("{place}: ")), "{said:?}");
        }
    }
    for (pointer, place) in
        [("/network/blocked_ips", "network.blocked_ips"), ("/offer/0/allowed_ips", "offer[0].allowed_ips")]
    {
        let said = said_of(&with(pointer, json!(["192.0.2.1", "nowhere"]))).await;
        assert_eq!(said, [format!("{place}: \"nowhere\" is no address or network")]);
    }
    for (pointer, text, fault) in [
        ("/vertical/0/field/3/pattern", "(", "vertical[0].field[3].pattern: "),
        ("/vertical/0/field/4/minimum", "many", "vertical[0].field[4].minimum: "),
        ("/vertical/0/field/4/maximum", "many", "vertical[0].field[4].maximum: "),
        ("/vertical/0/field/5/maximum", "today-21x", "vertical[0].field[5].maximum: "),
        ("/contract/0/time_zone", "Mars/Base", "contract[0].time_zone: no time zone \"Mars/Base\""),
        ("/contract/0/thank_you_link", "/thanks", "contract[0].thank_you_link: \"/thanks\" is no http"),
        ("/offer/0/thank_you_link", "/thanks", "offer[0].thank_you_link: \"/thanks\" is no http"),
        ("/offer/0/contract/0/link", "/thanks", "offer[0].contract[0].link: \"/thanks\" is no http"),
        ("/campaign/0/postback_url", "/pb", "campaign[0].postback_url: \"/pb\" is no http"),
        ("/contract/0/post/status_url", "/pb", "contract[0].post.status_url: \"/pb\" is no http"),
        ("/contract/0/ping/url", "ftp://b.example/", "contract[0].ping.url: \"ftp://b.example/\" is no http"),
    ] {
        let said = said_of(&with(pointer, json!(text))).await;
        assert!(said.len() == 1 && said[0].starts_with(fault), "{said:?}");
    }
}
