//! The values that the examples have: by patterns, by countries, by the inbound filter.

use super::tests::*;
use super::*;
use crumb_domain::network::{Field, Network};
use serde_json::json;

#[test]
fn an_address_that_no_lead_needs_is_left_out_of_the_examples_of_an_offer_of_some_countries() {
    for (required, sample, said) in [
        (true, "198.51.100.7", "put such a one into the examples, whose own is in no country"),
        (false, "", "left out of the examples"),
    ] {
        let mut network = network();
        network.offer[0].countries = vec!["US".to_owned(), "CA".to_owned()];
        network.vertical[0].field.iter_mut().for_each(|field| field.required = required);
        let doc = offer_doc(&network);
        let address = doc.fields.iter().find(|field| field.is_client_address()).unwrap();
        assert_eq!(address.sample, sample);
        assert_eq!(address.rules, ["IPv4 or IPv6", "an address in US, CA", said]);
        let posts = [Method::Server, Method::SessionJson].map(|method| text(&doc, method));
        assert!(posts.iter().all(|post| post.contains("198.51.100.7") == required));
    }
}

/// The network with one more field in its vertical.
fn with_field(field: serde_json::Value) -> Network {
    let mut network = network();
    network.vertical[0].field.push(serde_json::from_value(field).unwrap());
    network
}

#[test]
fn an_example_has_a_value_that_its_fields_pattern_takes() {
    let pattern = "^[0-9]{3}-[0-9]{2}-[0-9]{4}$";
    for required in [true, false] {
        let field = json!({ "name": "tax_id", "type": "string", "pattern": pattern, "required": required });
        let network = with_field(field);
        let doc = campaign_doc(&network, BASE, KEY);
        let rules = FieldRules::compile(&network.vertical[0]).unwrap();
        for post in Method::ALL.into_iter().flat_map(|method| posts(doc.method(method).unwrap())) {
            assert_eq!(post.fields.get("tax_id"), Some("123-45-6789"));
            let checked = rules.check(&|name| post.fields.get(name).map(str::to_owned), context(BASE).today);
            assert!(checked.wrong.is_empty(), "{checked:?}");
        }
        assert!(doc.methods.iter().flat_map(|post| &post.examples).all(|one| one.to_replace().is_none()));
    }
}

#[test]
fn a_field_that_no_sample_is_found_for_is_left_out_or_to_be_replaced() {
    // No value has more characters than it may have.
    let field = |required| json!({ "name": "tax_2", "type": "string", "pattern": "^.{9}$", "max_length": 3, "required": required });
    let optional = campaign_doc(&with_field(field(false)), BASE, KEY);
    let of_field = |doc: &PostingDoc| doc.fields.last().unwrap().clone();
    assert_eq!(of_field(&optional).rules.last().unwrap(), "left out of the examples");
    for post in &optional.methods {
        assert!(post.examples.iter().all(|one| one.to_replace().is_none()), "{}", post.method);
        let sent = posts(post).into_iter().filter_map(|post| post.fields.get("tax_2").map(str::to_owned));
        assert!(sent.into_iter().all(|value| value.is_empty()), "{}", post.method);
    }
    let required = campaign_doc(&with_field(field(true)), BASE, KEY);
    let said = "put a value of your own for YOUR_VALUE_OF_TAX_2 in the examples";
    assert_eq!(of_field(&required).rules.last().unwrap(), said);
    for example in required.methods.iter().flat_map(|post| &post.examples) {
        let said = "Replace `YOUR_VALUE_OF_TAX_2` by your own before you use this.";
        assert_eq!(example.to_replace().as_deref(), Some(said), "{}", example.code);
    }
}

#[test]
fn a_form_chooses_the_sample_of_a_list_and_of_yes_and_no() {
    let chosen = |field: serde_json::Value| {
        let doc = campaign_doc(&with_field(field), BASE, KEY);
        let post = submit(&doc.method(Method::BrowserHttp).unwrap().examples[0].code).unwrap();
        post.fields.get("last_one").map(str::to_owned)
    };
    let yes_or_no = |pattern: &str| chosen(json!({ "name": "last_one", "type": "bool", "pattern": pattern }));
    assert_eq!(yes_or_no("^").as_deref(), Some("1"));
    assert_eq!(yes_or_no("^no$").as_deref(), Some("no"));
    assert_eq!(yes_or_no("^maybe$").as_deref(), Some(""), "left out");
    let of_list = |required| {
        let values = ["Red", "Blue"];
        chosen(
            json!({ "name": "last_one", "type": "list", "values": values, "pattern": "^g", "required": required }),
        )
    };
    assert_eq!(of_list(false).as_deref(), Some(""));
    assert_eq!(of_list(true).as_deref(), Some("YOUR_VALUE_OF_LAST_ONE"));
}

/// The network with an inbound filter.
fn with_filter(filter: serde_json::Value) -> Network {
    let mut network = network();
    network.vertical[0].inbound_filter = serde_json::from_value(filter).unwrap();
    let further = json!([
        { "name": "city", "type": "string" }, { "name": "moved_in", "type": "date" },
        { "name": "size", "type": "number", "minimum": "0.5", "maximum": "0.9" },
        { "name": "rate", "type": "list", "values": ["A", "B", "C"], "required": true }
    ]);
    network.vertical[0].field.extend(serde_json::from_value::<Vec<Field>>(further).unwrap());
    network
}

#[test]
fn the_examples_meet_the_inbound_filter_of_their_vertical() {
    let one = |field: &str, op: &str, value: &str| json!({ "field": field, "op": op, "value": value });
    let none: [serde_json::Value; 0] = [];
    for condition in [
        one("zip_code", "eq", "90210"),
        one("ZIP_code", "in", "10001|90210"),
        one("zip_code", "between", "90000|90100"),
        one("zip_code", "gt", "94105"),
        one("zip_code", "not_in", "94105|94105-1420"),
        one("first_name", "ne", "Ann"),
        one("first_name", "matches", "^Zo[ëe]{2}$"),
        one("city", "lt", "0"),
        one("city", "ge", "zz"),
        one("city", "contains", "  Bad Ems"),
        one("vehicles", "between", "4|5"),
        one("vehicles", "lt", "2"),
        one("size", "gt", "0.51"),
        one("email_address", "contains", "@gmail."),
        one("phone_home", "contains", "212-9"),
        one("plan", "eq", "<none>"),
        one("rate", "not_in", "a|b"),
        one("opt_in", "eq", "no"),
        one("birth_date", "le", "today-50y"),
        one("moved_in", "eq", "today-47d"),
        one("moved_in", "gt", "2031-03-04"),
        one("ip_address", "eq", "2001:db8::9"),
        json!({ "field": "city", "op": "exists" }),
        json!({ "not": { "field": "city", "op": "exists" } }),
        json!({ "not": { "any": [one("rate", "eq", "A"), one("zip_code", "eq", "94105")] } }),
        json!({ "not": { "all": [one("rate", "eq", "A"), one("zip_code", "eq", "94105")] } }),
        json!({ "any": [{ "all": [one("rate", "eq", "D"), one("zip_code", "eq", "94105")] }, one("rate", "eq", "C")] }),
        json!({ "any": [{ "not": { "all": none } }, one("city", "in", "Ulm|Trier")] }),
    ] {
        let mut network = with_filter(json!([one("zip_code", "ne", "1"), condition]));
        // What is a person's is told to nobody.
        network.vertical[0].field.iter_mut().for_each(|field| field.pii = Some(false));
        let vertical = &network.vertical[0];
        let rules = FieldRules::compile(vertical).unwrap();
        let filter = crumb_domain::filter::Filter::compile(&vertical.inbound_filter, &rules).unwrap();
        let doc = campaign_doc(&network, BASE, KEY);
        for method in Method::ALL {
            let post = doc.method(method).unwrap();
            assert!(post.examples.iter().all(|one| one.to_replace().is_none()), "{condition}");
            for post in posts(post) {
                let given = |name: &str| match (name, post.fields.get(name)) {
                    ("ip_address", None) if method.is_browser() => Some("2001:db8::9".to_owned()),
                    (_, value) => value.map(str::to_owned),
                };
                let checked = rules.check(&given, context(BASE).today);
                assert!(checked.is_clean(), "{method}, {condition}: {checked:?}");
                let value = |name: &str| {
                    let mut kept = checked.values.iter();
                    kept.find(|(kept, _)| kept == name).map(|(_, value)| value.clone())
                };
                assert_eq!(filter.matches(&value, context(BASE).today), Ok(()), "{method}, {condition}");
            }
        }
    }
}

#[test]
fn a_condition_that_no_sample_meets_leaves_its_field_to_the_reader() {
    let one = |field: &str, op: &str, value: &str| json!({ "field": field, "op": op, "value": value });
    for (filter, word) in [
        (json!([one("zip_code", "eq", "90210"), one("zip_code", "eq", "10001")]), "YOUR_VALUE_OF_ZIP_CODE"),
        (json!([one("city", "matches", "^a{600}$"), one("zip_code", "eq", "90210")]), "YOUR_VALUE_OF_CITY"),
    ] {
        let doc = campaign_doc(&with_filter(filter), BASE, KEY);
        for example in doc.methods.iter().flat_map(|post| &post.examples) {
            let said = format!("Replace `{word}` by your own before you use this.");
            assert_eq!(example.to_replace(), Some(said), "{}", example.code);
            assert_eq!(example.code.contains("90210"), word.ends_with("CITY"), "{}", example.code);
        }
    }
}

#[test]
fn the_inbound_filter_is_told_in_words_beside_the_fields() {
    let one = |field: &str, op: &str, value: &str| json!({ "field": field, "op": op, "value": value });
    let given = json!({ "field": "City", "op": "exists" });
    let long = (0..60).map(|zip| format!("{zip:05}")).collect::<Vec<_>>();
    let told = long[..50].iter().map(|zip| format!("\"{zip}\"")).collect::<Vec<_>>().join(", ");
    for (condition, words) in [
        (one("zip_code", "eq", "90210"), "`zip_code` is \"90210\""),
        (one("rate", "in", "A| B"), "`rate` is one of \"A\", \"B\""),
        (one("zip_code", "not_in", &long.join("|")), &format!("`zip_code` is none of {told} and 10 more")),
        (one("vehicles", "between", "2|5"), "`vehicles` is from 2 to 5"),
        (one("birth_date", "lt", "today-25y"), "`birth_date` is before 25 years before today"),
        (one("birth_date", "ge", "1950-01-31"), "`birth_date` is not before 1950-01-31"),
        (one("city", "contains", "x"), "`city` contains \"x\""),
        (one("city", "matches", "^x"), "`city` matches the regular expression ^x"),
        (given.clone(), "`city` is given"),
        (json!({ "not": given }), "it is not so that `city` is given"),
        (
            json!({ "any": [one("vehicles", "ge", "3"), { "all": [given, one("rate", "ne", "A")] }] }),
            "`vehicles` is at least 3 or (`city` is given and `rate` is not \"A\")",
        ),
    ] {
        let doc = offer_doc(&with_filter(json!([condition])));
        assert_eq!(doc.conditions, [words]);
        let text = text(&doc, Method::Xml);
        let section =
            format!("\n## What must hold of a lead, else it is answered Unmatched Filter\n\n* {words}\n");
        assert!(text.contains(&section), "{text}");
    }
    assert!(!text(&offer_doc(&network()), Method::Server).contains("What must hold"));
}

/// A list of those who asked not to be called is nobody's to read.
#[test]
fn what_a_filter_says_of_persons_is_neither_told_nor_made_an_example() {
    let doc_of = |op: &str, value: &str| {
        offer_doc(&with_filter(json!([{ "field": "email_address", "op": op, "value": value }])))
    };
    for (op, value, said) in [
        ("not_in", "zoe@secret.example|max@secret.example", "is none of 2 values not shown here"),
        ("in", "zoe@secret.example|max@secret.example", "is one of 2 values not shown here"),
        ("eq", "zoe@secret.example", "meets a condition not shown here"),
        ("contains", "@secret.example", "meets a condition not shown here"),
    ] {
        let doc = doc_of(op, value);
        let texts = Method::ALL.map(|method| text(&doc, method));
        assert!(texts.iter().all(|text| !text.contains("secret.example")), "{op}");
        assert!(texts[0].contains(said), "{op}: {}", texts[0]);
        let sample = &doc.fields.iter().find(|field| field.name == "email_address").unwrap().sample;
        assert_eq!(sample.starts_with("YOUR_VALUE"), op != "not_in", "{op}: {sample}");
    }
}

/// Compiled once each, and looked at so often: whoever has a document's link may ask for it again and again.
#[test]
fn a_long_filter_leaves_what_is_beyond_its_bound_to_the_reader() {
    let list = (10_000..30_000).map(|zip| zip.to_string()).collect::<Vec<_>>().join("|");
    let conditions = vec![json!({ "field": "zip_code", "op": "in", "value": list }); 200];
    let doc = offer_doc(&with_filter(json!(conditions)));
    let zip = doc.fields.iter().find(|field| field.name == "zip_code").unwrap();
    assert_eq!(zip.sample, "YOUR_VALUE_OF_ZIP_CODE");
}
