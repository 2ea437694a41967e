use super::*;
use crate::network::{ClientDecision, FieldType, ServerDecision};
use crate::time::Zone;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Compiles the rules of a vertical with these fields.
fn try_rules(fields: Value) -> Result<FieldRules, FieldRuleError> {
    let vertical: Vertical =
        serde_json::from_value(json!({ "id": 1, "name": "Auto", "field": fields })).unwrap();
    FieldRules::compile(&vertical)
}

fn rules(fields: Value) -> FieldRules {
    try_rules(fields).unwrap()
}

fn today() -> Day {
    Zone::civil_day(2026, 11, 22).unwrap()
}

fn check(rules: &FieldRules, posted: &[(&str, &str)]) -> Checked {
    let given = |name: &str| {
        assert_eq!(name, name.to_lowercase(), "names are asked for in lower case");
        posted.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
    };
    rules.check(&given, today())
}

/// What one field keeps of a value, `None` where it is wrong.
fn kept(mut field: Value, value: &str) -> Option<String> {
    field["name"] = json!("x");
    let checked = check(&rules(json!([field])), &[("x", value)]);
    if checked.is_clean() { checked.values.first().map(|(_, kept)| kept.clone()) } else { None }
}

fn assert_right(field: &Value, values: &[&str]) {
    for value in values {
        assert_eq!(kept(field.clone(), value).as_deref(), Some(*value), "{field} {value:?}");
    }
}

fn assert_wrong(field: &Value, values: &[&str]) {
    for value in values {
        assert_eq!(kept(field.clone(), value), None, "{field} {value:?}");
    }
}

#[test]
fn a_required_field_that_is_absent_or_blank_is_missing() {
    let rules = rules(json!([{ "name": "zip_code", "type": "zip", "required": true }]));
    for posted in [&[][..], &[("zip_code", "")], &[("zip_code", " \t\u{a0}")]] {
        let checked = check(&rules, posted);
        assert_eq!(checked.texts(), ["Lead Missing Data", "Zip code is required."]);
        assert_eq!(checked.values, []);
    }
}

#[test]
fn an_optional_field_that_is_blank_is_absent() {
    let rules = rules(json!([{ "name": "zip_code", "type": "zip" }]));
    let checked = check(&rules, &[("zip_code", "  ")]);
    assert!(checked.is_clean());
    assert_eq!(checked.values, []);
    assert_eq!(checked.server_verdict(), None);
    assert_eq!(checked.client_verdict(), None);
    assert_eq!(checked.texts(), Vec::<String>::new());
}

#[test]
fn all_bad_fields_are_reported_at_once_missing_ones_first_in_the_verticals_order() {
    let rules = rules(json!([
        { "name": "email_address", "type": "email", "label": "E-mail" },
        { "name": "last_name", "type": "string", "required": true },
        { "name": "zip_code", "type": "zip", "error_text": "Enter your zip." },
        { "name": "first_name", "type": "string", "required": true, "error_text": "Who are you?" },
        { "name": "city", "type": "string" },
    ]));
    let checked = check(&rules, &[("zip_code", "1"), ("email_address", "no"), ("city", "Reno")]);
    assert_eq!(
        checked.texts(),
        [
            "Lead Missing Data",
            "Last name is required.",
            "Who are you?",
            "Validation Failed",
            "E-mail is not valid.",
            "Enter your zip.",
        ]
    );
    let names: Vec<_> = checked.problems().map(|problem| problem.name.as_str()).collect();
    assert_eq!(names, ["last_name", "first_name", "email_address", "zip_code"]);
}

#[test]
fn a_wrong_value_is_kept_as_posted_so_that_a_review_shows_it() {
    let rules = rules(json!([
        { "name": "age", "type": "number" },
        { "name": "city", "type": "string" },
    ]));
    let checked = check(&rules, &[("city", "Reno"), ("age", " old ")]);
    assert_eq!(
        checked.values,
        [("age".to_owned(), "old".to_owned()), ("city".to_owned(), "Reno".to_owned())]
    );
    assert_eq!(checked.texts(), ["Validation Failed", "Age is not valid."]);
}

#[test]
fn names_are_read_without_regard_to_case_and_kept_as_the_vertical_has_them() {
    let rules = rules(json!([{ "name": "Zip_Code", "type": "zip" }]));
    assert_eq!(check(&rules, &[("zip_code", "90210")]).values, [("Zip_Code".to_owned(), "90210".to_owned())]);
    assert_eq!(rules.field("ZIP_CODE").map(|rule| rule.field().name.as_str()), Some("Zip_Code"));
    assert!(rules.field("zip").is_none());
}

#[test]
fn group_inputs_are_joined_where_the_field_is_absent() {
    let rules = rules(json!([
        { "name": "phone_home", "type": "phone", "required": true, "group": ["Home_Area", "home_prefix", "home_suffix"] },
    ]));
    let parts = [("home_area", " 555"), ("home_prefix", "123 "), ("home_suffix", "4567")];
    assert_eq!(check(&rules, &parts).values, [("phone_home".to_owned(), "5551234567".to_owned())]);
    let both = [("phone_home", "(212) 555-0100"), parts[0], parts[1], parts[2]];
    assert_eq!(check(&rules, &both).values[0].1, "(212) 555-0100");
    let blank = [("phone_home", " "), parts[0], parts[1], parts[2]];
    assert_eq!(check(&rules, &blank).values[0].1, "5551234567");
    assert_eq!(check(&rules, &parts[..1]).texts(), ["Validation Failed", "Phone home is not valid."]);
    assert_eq!(
        check(&rules, &[("home_area", " ")]).texts(),
        ["Lead Missing Data", "Phone home is required."]
    );
}

#[test]
fn a_name_is_an_input_if_it_is_a_field_or_one_of_its_group() {
    let rules = rules(json!([{ "name": "phone_home", "type": "phone", "group": ["home_area"] }]));
    for name in ["phone_home", "PHONE_HOME", "home_area", "Home_Area"] {
        assert!(rules.is_input(name), "{name}");
    }
    assert!(!rules.is_input("ckm_test"));
}

#[test]
fn what_is_sent_for_a_personal_field_is_personal_under_each_of_its_names() {
    let rules = rules(json!([
        { "name": "Home_Phone", "type": "phone", "group": ["Area_Code", "line"] },
        { "name": "state", "type": "string", "group": ["region"] },
    ]));
    for personal in ["home_phone", "HOME_PHONE", "area_code", "AREA_CODE", "line"] {
        assert!(rules.is_personal_input(personal), "{personal}");
    }
    for other in ["state", "region", "phone", "ckm_offer_id", ""] {
        assert!(!rules.is_personal_input(other), "{other}");
    }
}

#[test]
fn a_minimum_may_be_the_maximum() {
    assert_right(
        &json!({ "type": "date", "minimum": "2000-01-01", "maximum": "2000-01-01" }),
        &["2000-01-01"],
    );
    assert_right(&json!({ "type": "number", "minimum": "5", "maximum": "5.0" }), &["5"]);
}

#[test]
fn a_value_longer_than_its_field_is_wrong_and_not_cut() {
    let field = json!({ "type": "string", "max_length": 4 });
    assert_right(&field, &["abcd", "äöüß", "日本語名"]);
    assert_wrong(&field, &["abcde", "äöüßé"]);
    assert_eq!(kept(field, " abcd ").as_deref(), Some("abcd"));
    let default = json!({ "type": "string" });
    assert_right(&default, &["x".repeat(255).as_str()]);
    assert_wrong(&default, &["x".repeat(256).as_str()]);
    assert_wrong(&json!({ "type": "email", "max_length": 10 }), &["someone@example.com"]);
}

#[test]
fn an_email_is_an_address_at_a_domain_and_nothing_around_it() {
    let field = json!({ "type": "email" });
    assert_right(
        &field,
        &["a@b.co", "First.Last+tag@sub.example.com", "o'brien@example.com", "用户@例え.jp"],
    );
    assert_wrong(
        &field,
        &[
            "a",
            "a@",
            "@b.co",
            "a@b",
            "a@localhost",
            "a@b..co",
            "a b@c.de",
            "a@b.co,c@d.ef",
            "Jo <a@b.co>",
            "<a@b.co>",
            "a@[127.0.0.1]",
            "a@-b.co",
            "a@b.co.",
            "a..b@c.de",
            ".a@b.co",
            "a@b!c.co",
            "a@@b.co",
        ],
    );
    assert_eq!(kept(field, " Jo@Example.com ").as_deref(), Some("Jo@Example.com"));
}

#[test]
fn a_phone_has_seven_to_fifteen_digits_once_punctuation_is_gone() {
    let field = json!({ "type": "phone" });
    assert_right(
        &field,
        &["5551234", "(555) 123-4567", "+1 555.123.4567", "+49/30/1234567", "123456789012345"],
    );
    assert_wrong(
        &field,
        &["555123", "1234567890123456", "555-CALL-NOW", "5551234567 x12", "٥٥٥١٢٣٤٥٦٧", "+"],
    );
}

#[test]
fn a_zip_is_five_or_five_and_four_digits_unless_a_pattern_says_otherwise() {
    let field = json!({ "type": "zip" });
    assert_right(&field, &["90210", "90210-1234"]);
    assert_wrong(&field, &["9021", "902101", "90210-", "90210-123", "90210 1234", "SW1A 1AA", "9021O"]);
    let canadian = json!({ "type": "zip", "pattern": "^[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]$" });
    assert_right(&canadian, &["K1A 0B1", "K1A0B1"]);
    assert_wrong(&canadian, &["90210"]);
}

#[test]
fn a_date_is_read_in_two_forms_kept_in_one_and_must_exist() {
    let field = json!({ "type": "date" });
    assert_eq!(kept(field.clone(), "1990-02-09").as_deref(), Some("1990-02-09"));
    assert_eq!(kept(field.clone(), "2/9/1990").as_deref(), Some("1990-02-09"));
    assert_wrong(&field, &["2023-02-29", "9.2.1990", "1990-2-9", "2/9/90"]);
}

#[test]
fn a_date_keeps_within_its_bounds_which_may_move_with_today() {
    let adult = json!({ "type": "date", "minimum": "1900-01-01", "maximum": "today-21y" });
    assert_right(&adult, &["1900-01-01", "2005-11-22"]);
    assert_wrong(&adult, &["1899-12-31", "2005-11-23"]);
    let soon = json!({ "type": "date", "minimum": "today", "maximum": "today+30d" });
    assert_right(&soon, &["2026-11-22", "2026-12-22"]);
    assert_wrong(&soon, &["2026-11-21", "2026-12-23"]);
}

#[test]
fn a_number_is_compared_exactly_with_its_bounds() {
    let field = json!({ "type": "number", "minimum": "18", "maximum": "99.5" });
    assert_right(&field, &["18", "18.0", "99.50", "0042"]);
    assert_wrong(&field, &["17.99999999999999999", "99.500000000000000001", "-18", "1e1", "4,2", "forty"]);
    assert_right(&json!({ "type": "number" }), &["-5", "0.000001"]);
}

#[test]
fn a_list_value_matches_without_regard_to_case_and_is_kept_as_listed() {
    let field = json!({ "type": "list", "values": ["Own", "Rent", "Ärger"] });
    for (posted, expected) in [("own", "Own"), ("RENT", "Rent"), ("ärger", "Ärger"), (" Own ", "Own")] {
        assert_eq!(kept(field.clone(), posted).as_deref(), Some(expected));
    }
    assert_wrong(&field, &["lease", "Own|Rent"]);
}

#[test]
fn a_bool_has_eight_forms_and_is_kept_as_one_or_zero() {
    let field = json!({ "type": "bool" });
    for yes in ["1", "true", "yes", "on", "True", "YES"] {
        assert_eq!(kept(field.clone(), yes).as_deref(), Some("1"), "{yes}");
    }
    for no in ["0", "false", "no", "off", "OFF"] {
        assert_eq!(kept(field.clone(), no).as_deref(), Some("0"), "{no}");
    }
    assert_wrong(&field, &["2", "y", "n", "ja", "-1"]);
}

#[test]
fn an_ip_is_an_address_of_either_kind() {
    let field = json!({ "type": "ip" });
    assert_right(&field, &["203.0.113.7", "2001:db8::1"]);
    assert_wrong(&field, &["203.0.113", "203.0.113.256", "203.0.113.0/24", "host"]);
}

#[test]
fn a_pattern_holds_besides_the_type_and_is_looked_for_anywhere() {
    let field = json!({ "type": "number", "pattern": "5" });
    assert_right(&field, &["15", "51"]);
    assert_wrong(&field, &["16", "five5"]);
    assert_wrong(&json!({ "type": "string", "pattern": "^[0-9]{5}$" }), &["123456", "a12345"]);
}

#[test]
fn a_bad_key_is_named_by_its_place() {
    let error =
        |field: Value| try_rules(json!([{ "name": "a", "type": "string" }, field])).unwrap_err().to_string();
    let pattern = error(json!({ "name": "b", "type": "string", "pattern": "(a" }));
    assert_eq!(pattern, "field[1].pattern: not a regular expression: unclosed group");
    assert_eq!(
        error(json!({ "name": "b", "type": "string", "pattern": "(?:a{1000}){1000}" })),
        "field[1].pattern: this pattern is too large once compiled"
    );
    assert_eq!(
        error(json!({ "name": "b", "type": "number", "minimum": "ten" })),
        "field[1].minimum: \"ten\" is no decimal number"
    );
    assert_eq!(
        error(json!({ "name": "b", "type": "date", "maximum": "today-21" })),
        "field[1].maximum: \"today-21\" is no date; expected YYYY-MM-DD, \"today\" or \"today-21y\""
    );
    for (kind, low, high) in [("number", "10", "9.9"), ("date", "2026-01-02", "2026-01-01")] {
        assert_eq!(
            error(json!({ "name": "b", "type": kind, "minimum": low, "maximum": high })),
            "field[1].maximum: lies below the minimum"
        );
    }
    assert_eq!(
        error(json!({ "name": "b", "type": "list" })),
        "field[1].values: a list needs at least one value"
    );
    assert_eq!(
        error(json!({ "name": "A", "type": "string" })),
        "field[1].name: another field is named \"A\""
    );
    assert_eq!(error(json!({ "name": " ", "type": "string" })), "field[1].name: a field needs a name");
}

#[test]
fn bounds_and_values_of_another_type_mean_nothing() {
    let field = json!({ "type": "string", "minimum": "18", "maximum": "x", "values": ["a"] });
    assert_right(&field, &["5"]);
}

#[test]
fn a_pattern_for_a_name_of_a_hundred_letters_is_not_too_large() {
    assert_right(&json!({ "type": "string", "pattern": r"^[\w .'-]{1,100}$" }), &["Zoë O'Brien-Smith"]);
}

#[test]
fn one_value_is_checked_by_the_fields_id() {
    let rules = rules(json!([
        { "name": "zip_code", "id": 4, "type": "zip", "required": true },
        { "name": "email", "id": 5, "type": "email", "error_text": "Enter a valid e-mail." },
    ]));
    let one = |id, value| rules.check_one(FieldId(id), value, today());
    assert_eq!(one(4, " 90210 "), Ok(()));
    assert_eq!(one(4, "9"), Err("Zip code is not valid.".to_owned()));
    assert_eq!(one(4, " "), Err("Zip code is required.".to_owned()));
    assert_eq!(one(5, ""), Ok(()));
    assert_eq!(one(5, "x"), Err("Enter a valid e-mail.".to_owned()));
    assert_eq!(one(99, "x"), Ok(()), "an unknown field");
}

#[test]
fn a_label_is_the_name_made_readable_unless_there_is_one() {
    let label = |field: Value| rules(json!([field])).fields().next().unwrap().label().to_owned();
    assert_eq!(label(json!({ "name": "email_address", "type": "email" })), "Email address");
    assert_eq!(label(json!({ "name": "best-call__time", "type": "string" })), "Best call time");
    assert_eq!(label(json!({ "name": "_", "type": "string" })), "_");
    assert_eq!(label(json!({ "name": "x", "type": "email", "label": "E-mail" })), "E-mail");
}

#[test]
fn an_error_text_replaces_both_texts() {
    let rules = rules(json!([{ "name": "x", "type": "zip", "error_text": "Zip, please." }]));
    let rule = rules.field("x").unwrap();
    assert_eq!((rule.required_text(), rule.wrong_text()), ("Zip, please.", "Zip, please."));
}

#[test]
fn email_phone_ip_and_names_are_personal_unless_said_otherwise() {
    let pii = |name: &str, kind: &str| {
        rules(json!([{ "name": name, "type": kind, "values": ["a"] }])).fields().next().unwrap().is_pii()
    };
    for (name, kind) in [
        ("e", "email"),
        ("p", "phone"),
        ("i", "ip"),
        ("first_name", "string"),
        ("LastName", "string"),
        ("name", "string"),
        ("f-name", "string"),
    ] {
        assert!(pii(name, kind), "{name}");
    }
    for (name, kind) in [("zip_code", "zip"), ("state", "list"), ("named_driver", "string"), ("dob", "date")]
    {
        assert!(!pii(name, kind), "{name}");
    }
    let written = rules(json!([
        { "name": "dob", "type": "date", "pii": true },
        { "name": "first_name", "type": "string", "pii": false },
    ]));
    assert_eq!(written.fields().map(FieldRule::is_pii).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_field_is_validated_if_it_is_required_or_typed() {
    let flags = |field: Value| {
        let rules = rules(json!([field]));
        let rule = rules.fields().next().unwrap();
        (rule.is_validated(), rule.is_typed())
    };
    assert_eq!(flags(json!({ "name": "x", "type": "string" })), (false, false));
    assert_eq!(flags(json!({ "name": "x", "type": "string", "required": true })), (true, false));
    assert_eq!(flags(json!({ "name": "x", "type": "string", "pattern": "a" })), (true, true));
    assert_eq!(flags(json!({ "name": "x", "type": "email" })), (true, true));
    assert_eq!(flags(json!({ "name": "x", "type": "string", "max_length": 20 })), (true, false));
}

#[test]
fn reject_beats_throw_out_beats_review_when_several_fields_fail() {
    let verdicts = |decisions: &[(&str, &str)]| {
        let fields: Vec<Value> = decisions
            .iter()
            .enumerate()
            .map(|(i, (client, server))| {
                json!({ "name": format!("f{i}"), "type": "zip", "required": i % 2 == 0,
                        "client_decision": client, "server_decision": server })
            })
            .collect();
        let posted: Vec<(String, String)> =
            (0..decisions.len()).filter(|i| i % 2 == 1).map(|i| (format!("f{i}"), "x".to_owned())).collect();
        let posted: Vec<(&str, &str)> = posted.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let checked = check(&rules(json!(fields)), &posted);
        (checked.client_verdict().unwrap(), checked.server_verdict().unwrap())
    };
    use FieldVerdict::{Reject, Review, ThrowOut};
    assert_eq!(verdicts(&[("review", "reject")]), (Review, Reject));
    assert_eq!(verdicts(&[("review", "review"), ("throw_out", "throw_out")]), (ThrowOut, ThrowOut));
    assert_eq!(
        verdicts(&[("force_client_review", "review"), ("throw_out", "throw_out")]),
        (Reject, ThrowOut)
    );
    let all = [("review", "throw_out"), ("throw_out", "reject"), ("review", "review")];
    assert_eq!(verdicts(&all), (ThrowOut, Reject));
}

#[test]
fn a_problem_carries_its_fields_decisions() {
    let rules = rules(json!([{ "name": "x", "type": "zip", "required": true, "client_decision": "throw_out",
                               "server_decision": "review" }]));
    assert_eq!(
        check(&rules, &[]).missing,
        [FieldProblem {
            name: "x".to_owned(),
            text: "X is required.".to_owned(),
            client: ClientDecision::ThrowOut,
            server: ServerDecision::Review,
        }]
    );
}

#[test]
fn a_nested_value_fails_its_fields_validator_also_where_any_text_would_do() {
    let rules = rules(json!([
        { "name": "city", "type": "string", "required": true },
        { "name": "phone", "type": "phone", "group": ["area"] },
        { "name": "zip_code", "type": "zip" },
    ]));
    let checked = rules.check_structured(&|_| None, &|name| name == "city" || name == "area", today());
    assert_eq!(checked.texts(), ["Validation Failed", "City is not valid.", "Phone is not valid."]);
    let other = rules.check_structured(&|_| None, &|name| name == "extra", today());
    assert_eq!(other.texts(), ["Lead Missing Data", "City is required."]);
}

#[test]
fn values_are_compared_without_what_does_not_make_another_person() {
    for (kind, value, expected) in [
        (FieldType::Email, " Jo@Example.COM ", "jo@example.com"),
        (FieldType::Phone, "+1 (555) 123-4567", "15551234567"),
        (FieldType::String, " Jo ", "Jo"),
        (FieldType::Zip, "90210 ", "90210"),
    ] {
        assert_eq!(normalised_for_comparison(kind, value), expected);
    }
}

proptest! {
    #[test]
    fn any_post_is_checked_and_what_is_kept_is_right_when_it_comes_back(text in ".{0,40}|[0-9/. +()-]{0,12}|[a-z@.]{0,12}") {
        let rules = rules(json!([
            { "name": "s", "type": "string", "pattern": "[a-z0-9]" },
            { "name": "e", "type": "email" },
            { "name": "p", "type": "phone" },
            { "name": "z", "type": "zip" },
            { "name": "d", "type": "date", "minimum": "today-120y", "maximum": "today" },
            { "name": "n", "type": "number", "minimum": "-5", "maximum": "5" },
            { "name": "l", "type": "list", "values": ["A", "b"] },
            { "name": "b", "type": "bool" },
            { "name": "i", "type": "ip" },
        ]));
        let checked = rules.check(&|_| Some(text.clone()), today());
        let again = rules.check(
            &|name| checked.values.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()),
            today(),
        );
        prop_assert_eq!(checked, again);
    }
}
