use super::*;
use crate::network::Vertical;
use crate::time::Zone;
use proptest::prelude::*;
use serde_json::json;

fn rules() -> FieldRules {
    let vertical: Vertical = serde_json::from_value(json!({ "id": 1, "name": "Auto", "field": [
        { "name": "state", "type": "list", "values": ["CA", "NV", "TX"] },
        { "name": "age", "type": "number" },
        { "name": "dob", "type": "date" },
        { "name": "city", "type": "string" },
        { "name": "zip_code", "type": "zip" },
        { "name": "Email", "type": "email" },
        { "name": "phone", "type": "phone" },
        { "name": "opt_in", "type": "bool" },
        { "name": "ip_address", "type": "ip" },
    ] }))
    .unwrap();
    FieldRules::compile(&vertical).unwrap()
}

fn compile(filter: serde_json::Value) -> Result<Filter, FilterError> {
    let conditions: Vec<Condition> = serde_json::from_value(filter).unwrap();
    Filter::compile(&conditions, &rules())
}

fn run(filter: serde_json::Value, lead: &[(&str, &str)]) -> Result<(), Unmatched> {
    let value = |name: &str| lead.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
    compile(filter).unwrap().matches(&value, Zone::civil_day(2026, 11, 22).unwrap())
}

fn compare(field: &str, op: &str, wanted: &str) -> serde_json::Value {
    json!([{ "field": field, "op": op, "value": wanted }])
}

/// Whether one condition holds for a lead with this value.
fn holds(field: &str, op: &str, wanted: &str, found: &str) -> bool {
    run(compare(field, op, wanted), &[(field, found)]).is_ok()
}

fn error(filter: serde_json::Value) -> String {
    compile(filter).unwrap_err().to_string()
}

#[test]
fn no_conditions_hold_for_every_lead() {
    assert_eq!(run(json!([]), &[]), Ok(()));
}

#[test]
fn numbers_compare_as_numbers() {
    assert!(holds("age", "eq", "18", "18.0"));
    assert!(!holds("age", "ne", "18", "018"));
    assert!(holds("age", "lt", "100", "99"));
    assert!(!holds("age", "lt", "18", "18"));
    assert!(holds("age", "le", "18", "18"));
    assert!(holds("age", "gt", "9", "10"));
    assert!(!holds("age", "gt", "10", "10"));
    assert!(holds("age", "ge", "10", "10"));
    assert!(holds("age", "in", "1| 2 |3", "2.00"));
    assert!(!holds("age", "not_in", "1|2|3", "3"));
}

#[test]
fn between_has_both_ends_in() {
    for (age, expected) in [("17.999", false), ("18", true), ("40", true), ("65", true), ("65.001", false)] {
        assert_eq!(holds("age", "between", "18|65", age), expected, "{age}");
    }
    assert!(holds("age", "between", "18|18.0", "18") && !holds("age", "between", "18|18.0", "19"));
    assert!(holds("dob", "between", "1990-02-09|1990-02-09", "1990-02-09"));
}

#[test]
fn dates_compare_by_day_and_may_be_held_against_today() {
    assert!(holds("dob", "eq", "2/9/1990", "1990-02-09"));
    assert!(holds("dob", "lt", "1990-10-01", "1990-09-30"));
    assert!(holds("dob", "le", "today-21y", "2005-11-22"));
    assert!(!holds("dob", "le", "today-21y", "2005-11-23"));
    assert!(holds("dob", "between", "2000-01-01|today", "2026-11-22"));
    assert!(!holds("dob", "between", "2000-01-01|today", "2026-11-23"));
    assert!(holds("dob", "in", "today|1990-02-09", "2026-11-22"));
}

#[test]
fn strings_compare_exactly_lists_and_email_without_regard_to_case() {
    assert!(holds("city", "eq", "Reno", "Reno"));
    assert!(!holds("city", "eq", "Reno", "reno"));
    assert!(holds("city", "ne", "Reno", "reno"));
    assert!(holds("state", "in", "ca|NV", "CA"));
    assert!(!holds("state", "in", "CA|NV", "TX"));
    assert!(holds("state", "not_in", "CA|NV", "TX"));
    assert!(!holds("state", "not_in", "ca|nv", "NV"));
    assert!(holds("Email", "eq", "Jo@Example.com", "jo@example.COM"));
    assert!(holds("city", "lt", "Reno", "Austin"));
}

#[test]
fn a_zip_is_held_against_five_wanted_digits_with_its_first_five() {
    assert!(holds("zip_code", "eq", "90210", "90210-1234"));
    assert!(holds("zip_code", "eq", "90210-1234", "90210-1234"));
    assert!(!holds("zip_code", "eq", "90210-1234", "90210"));
    assert!(holds("zip_code", "between", "90000|96199", "96199-1234"));
    assert!(!holds("zip_code", "between", "90000|96199", "96200"));
    assert!(holds("zip_code", "in", "89501|90210", "90210"));
}

#[test]
fn phones_bools_and_addresses_compare_by_what_they_mean() {
    assert!(holds("phone", "eq", "555 123-4567", "(555) 123 4567"));
    assert!(holds("opt_in", "eq", "yes", "1"));
    assert!(holds("opt_in", "ne", "true", "0"));
    assert!(holds("ip_address", "eq", "2001:DB8::1", "2001:db8:0::1"));
}

#[test]
fn contains_looks_within_the_value() {
    assert!(holds("city", "contains", "en", "Reno"));
    assert!(!holds("city", "contains", "EN", "Reno"));
    assert!(holds("Email", "contains", "@GMAIL.", "jo@gmail.com"));
    assert!(holds("phone", "contains", "555-1", "(555) 123"));
}

#[test]
fn matches_looks_anywhere_for_a_regular_expression() {
    assert!(holds("city", "matches", "^R.n", "Reno"));
    assert!(holds("city", "matches", "n", "Reno"));
    assert!(!holds("city", "matches", "^n", "Reno"));
}

#[test]
fn exists_holds_for_what_is_given_and_not_blank() {
    let exists = json!([{ "field": "city", "op": "exists" }]);
    assert_eq!(run(exists.clone(), &[("city", "Reno")]), Ok(()));
    assert!(run(exists.clone(), &[("city", " ")]).is_err());
    assert!(run(exists, &[]).is_err());
}

#[test]
fn an_absent_blank_or_unreadable_value_fails_all_but_the_negative_ops() {
    for (op, wanted) in
        [("eq", "5"), ("in", "5|6"), ("lt", "5"), ("le", "5"), ("gt", "5"), ("ge", "5"), ("between", "1|9")]
    {
        for lead in [&[][..], &[("age", " ")], &[("age", "old")]] {
            assert!(run(compare("age", op, wanted), lead).is_err(), "{op} {lead:?}");
        }
    }
    for op in ["contains", "matches"] {
        assert!(run(compare("age", op, "5"), &[]).is_err(), "{op}");
    }
    for op in ["ne", "not_in"] {
        for lead in [&[][..], &[("age", " ")], &[("age", "old")]] {
            assert_eq!(run(compare("age", op, "5"), lead), Ok(()), "{op} {lead:?}");
        }
    }
}

#[test]
fn conditions_nest() {
    let filter = json!([
        { "any": [
            { "all": [{ "field": "state", "op": "eq", "value": "CA" }, { "field": "age", "op": "ge", "value": "21" }] },
            { "field": "state", "op": "eq", "value": "NV" },
        ] },
        { "not": { "field": "city", "op": "eq", "value": "Reno" } },
    ]);
    let run =
        |state, age, city| run(filter.clone(), &[("state", state), ("age", age), ("city", city)]).is_ok();
    assert!(run("CA", "21", "Fresno"));
    assert!(!run("CA", "20", "Fresno"));
    assert!(run("NV", "20", "Vegas"));
    assert!(!run("NV", "20", "Reno"));
    assert!(!run("TX", "50", "Austin"));
}

#[test]
fn what_does_not_match_is_told_in_one_sentence() {
    let told = |filter, lead: &[(&str, &str)]| run(filter, lead).unwrap_err().to_string();
    assert_eq!(
        told(compare("state", "in", "CA|NV"), &[("state", "TX")]),
        "state must be one of \"CA|NV\" but is \"TX\"."
    );
    assert_eq!(told(compare("age", "ge", "18"), &[]), "age must be at least \"18\" but is not given.");
    assert_eq!(told(json!([{ "field": "age", "op": "exists" }]), &[]), "age must be given.");
    let state = json!({ "field": "state", "op": "eq", "value": "CA" });
    let age = json!({ "field": "age", "op": "lt", "value": "30" });
    assert_eq!(
        told(json!([{ "any": [state, age] }]), &[("state", "TX")]),
        "state eq \"CA\" or age lt \"30\" must hold, but state is \"TX\", age is not given."
    );
    let old = json!({ "field": "age", "op": "gt", "value": "60" });
    assert_eq!(
        told(json!([{ "any": [age, old] }]), &[("age", "40")]),
        "age lt \"30\" or age gt \"60\" must hold, but age is \"40\".",
        "a field that is looked at twice is told once"
    );
    assert_eq!(
        told(json!([{ "not": { "all": [state, age] } }]), &[("state", "CA"), ("age", "20")]),
        "(state eq \"CA\" and age lt \"30\") must not hold, but state is \"CA\", age is \"20\"."
    );
    assert_eq!(
        told(json!([{ "all": [state, age] }]), &[("state", "CA"), ("age", "30")]),
        "age must be less than \"30\" but is \"30\"."
    );
}

#[test]
fn what_does_not_match_holds_the_values_compared() {
    assert_eq!(
        run(compare("STATE", "ne", "ca"), &[("state", "CA")]).unwrap_err(),
        Unmatched {
            field: "state".to_owned(),
            op: "ne",
            wanted: "ca".to_owned(),
            found: Some("CA".to_owned())
        }
    );
}

#[test]
fn a_bad_condition_is_named_by_its_place() {
    let good = json!({ "field": "city", "op": "exists" });
    assert_eq!(
        error(json!([good, { "all": [{ "field": "age", "op": "lt", "value": "old" }] }])),
        "filter[1].all[0].value: \"old\" is no decimal number"
    );
    assert_eq!(
        error(json!([{ "any": [good, { "not": { "field": "income", "op": "exists" } }] }])),
        "filter[0].any[1].not.field: no field \"income\" in the vertical"
    );
    assert_eq!(error(json!([{ "any": [] }])), "filter[0].any: needs at least one condition");
    for (field, op, value, message) in [
        ("state", "lt", "CA", "op: lt compares numbers, dates, strings and zips only"),
        ("opt_in", "eq", "maybe", "value: \"maybe\" is no bool (1 0 true false yes no on off)"),
        ("ip_address", "in", "10.0.0.1|x", "value: \"x\" is no IP address"),
        ("phone", "contains", "home", "value: needs a value"),
        ("phone", "eq", "home", "value: \"home\" is no phone number"),
        ("dob", "gt", "x", "value: \"x\" is no date; expected YYYY-MM-DD, \"today\" or \"today-21y\""),
        ("age", "between", "18", "value: \"18\" is no range like \"18|65\""),
        ("age", "between", "1|2|3", "value: \"1|2|3\" is no range like \"18|65\""),
        ("age", "between", "65|18", "value: nothing lies within \"65|18\""),
        ("dob", "between", "2026-01-02|2026-01-01", "value: nothing lies within \"2026-01-02|2026-01-01\""),
        ("city", "eq", " ", "value: needs a value"),
        ("city", "in", "|", "value: needs a value"),
        ("city", "matches", "(", "value: not a regular expression: unclosed group"),
    ] {
        assert_eq!(error(compare(field, op, value)), format!("filter[0].{message}"));
    }
}

#[test]
fn conditions_nest_sixteen_deep_and_no_deeper() {
    let exists = json!({ "field": "city", "op": "exists" });
    let not: fn(_) -> _ = |inner| json!({ "not": inner });
    let all: fn(_) -> _ = |inner| json!({ "all": [inner] });
    let any: fn(_) -> _ = |inner| json!({ "any": [inner] });
    for (nest, end) in [(not, ".not"), (all, ".all[0]"), (any, ".any[0]")] {
        let nested = |levels| (0..levels).fold(exists.clone(), |inner, _| nest(inner));
        assert_eq!(run(json!([nested(14)]), &[("city", "Reno")]), Ok(()));
        assert!(compile(json!([nested(15)])).is_ok());
        let error = error(json!([nested(16)]));
        assert!(error.ends_with(&format!("{end}: conditions nest deeper than 16")), "{error}");
    }
}

proptest! {
    #[test]
    fn any_condition_over_any_value_is_compiled_or_refused_and_then_answers(
        field in prop::sample::select(vec![
            "state", "age", "dob", "city", "zip_code", "Email", "phone", "opt_in", "ip_address", "other",
        ]),
        op in prop::sample::select(vec![
            "eq", "ne", "in", "not_in", "contains", "lt", "le", "gt", "ge", "between", "matches",
        ]),
        wanted in ".{0,12}|[0-9|.-]{0,12}",
        found in ".{0,12}|[0-9.-]{0,12}",
    ) {
        if let Ok(filter) = compile(compare(field, op, &wanted)) {
            let answer = filter.matches(&|_| Some(found.clone()), Day(20_000));
            let read = LeadValues::read(&rules(), &|_| Some(found.as_str()));
            prop_assert_eq!(filter.holds(&read, Day(20_000)), answer.is_ok());
            if let Err(unmatched) = answer {
                prop_assert!(unmatched.to_string().ends_with('.'));
            }
        }
    }

    #[test]
    fn a_number_is_less_or_equal_or_greater(a in any::<i64>(), b in any::<i64>()) {
        let (wanted, found) = (b.to_string(), a.to_string());
        for (op, expected) in [
            ("lt", a < b), ("le", a <= b), ("eq", a == b), ("ne", a != b), ("ge", a >= b), ("gt", a > b),
        ] {
            prop_assert_eq!(holds("age", op, &wanted, &found), expected);
        }
    }
}
