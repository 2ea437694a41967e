//! A plausible value for a field, such as an example can post and have accepted.

use super::member::members;
use crumb_domain::fields::{FieldRules, day_of_bound};
use crumb_domain::network::{Field, FieldType};
use crumb_domain::time::Day;

/// What the examples have for a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sample {
    /// This value, as it is posted.
    Value(String),
    /// Nothing: the field is left out.
    LeftOut,
    /// A word that the reader replaces by a value of their own.
    ToReplace,
}

impl Sample {
    /// By the field's own rules alone.
    pub(super) fn of(rules: &FieldRules, field: &Field, today: Day) -> Self {
        match sample(rules, field, today) {
            Some(value) => Self::Value(value),
            None if field.required => Self::ToReplace,
            None => Self::LeftOut,
        }
    }
}

/// The first usual value that the field's own rules accept, else one made of its pattern.
/// None where neither is found.
pub fn sample(rules: &FieldRules, field: &Field, today: Day) -> Option<String> {
    usual(field, today).find(|value| kept(rules, field, value, today).is_some())
}

/// Usual values of a field, then such as are made of its pattern; not all keep its rules.
pub(super) fn usual(field: &Field, today: Day) -> impl Iterator<Item = String> {
    let of_pattern = field.pattern.iter().flat_map(|pattern| of_pattern(field.field_type, pattern));
    candidates(field, today).into_iter().chain(of_pattern)
}

/// What a pattern matches; of an address it may say no more than its end.
pub(super) fn of_pattern(field_type: FieldType, pattern: &str) -> impl Iterator<Item = String> {
    let before = if field_type == FieldType::Email { "ann" } else { "" };
    members(pattern).flat_map(move |member| [format!("{before}{member}"), member])
}

/// A value as it would be kept, where the field's own rules accept it.
pub(super) fn kept(rules: &FieldRules, field: &Field, value: &str, today: Day) -> Option<String> {
    let input = field.name.to_lowercase();
    let checked = rules.check(&|name| (name == input).then(|| value.to_owned()), today);
    let is_right = checked.wrong.iter().all(|problem| problem.name != field.name);
    let (_, kept) = checked.values.into_iter().find(|(name, _)| *name == field.name)?;
    is_right.then_some(kept)
}

fn candidates(field: &Field, today: Day) -> Vec<String> {
    let name = field.name.to_ascii_lowercase();
    match field.field_type {
        FieldType::List => field.values.clone(),
        FieldType::Email => texts(&["ann.miller@example.com", "ann@example.com", "a@b.co"]),
        FieldType::Phone => {
            texts(&["4155550132", "415-555-0132", "(415) 555-0132", "+14155550132", "5550132"])
        }
        FieldType::Zip => texts(&["94105", "94105-1420", "SW1A 1AA", "K1A 0B1", "1010"]),
        FieldType::Bool => texts(&["1", "true", "yes", "on", "0", "false", "no", "off"]),
        FieldType::Ip => texts(&["198.51.100.7", "2001:db8::7"]),
        FieldType::Number => numbers(field),
        FieldType::Date => dates(field, &name, today),
        FieldType::String => strings(&name),
    }
}

fn numbers(field: &Field) -> Vec<String> {
    let bounds = field.minimum.iter().chain(&field.maximum).map(|bound| bound.trim().to_owned());
    texts(&["35", "3", "350", "3500", "35000", "350000", "1", "0.5", "2020", "94105"])
        .into_iter()
        .chain(bounds)
        .collect()
}

/// Days around today, since the bounds of a field may move with it.
fn dates(field: &Field, name: &str, today: Day) -> Vec<String> {
    const A_BIRTHDAY: &str = "1985-06-15";
    const DAYS_A_YEAR: i32 = 365;
    let birth = ["birth", "dob", "born"].iter().any(|part| name.contains(part));
    let usual = if birth { A_BIRTHDAY.to_owned() } else { today.to_string() };
    let near = [1, -1, 7, -7, 14, 30, -30, 90, -90, 180, -180];
    let years = (1..110).flat_map(|years| [-years * DAYS_A_YEAR, years * DAYS_A_YEAR]);
    let around = near.into_iter().chain(years).map(|days| Day(today.0.saturating_add(days)).to_string());
    let bounds = field.minimum.iter().chain(&field.maximum);
    let bounds = bounds.filter_map(|bound| day_of_bound(bound, today)).map(|day| day.to_string());
    [usual, A_BIRTHDAY.to_owned(), today.to_string()]
        .into_iter()
        .chain(around)
        .chain(bounds)
        .chain(texts(&["6/15/1985", "06/15/1985"]))
        .collect()
}

/// Values by what a field's name says; then short forms that patterns often want.
fn strings(name: &str) -> Vec<String> {
    const BY_NAME: &[(&str, &[&str])] = &[
        ("email", &["ann.miller@example.com"]),
        ("first", &["Ann"]),
        ("fname", &["Ann"]),
        ("f_name", &["Ann"]),
        ("last", &["Miller"]),
        ("lname", &["Miller"]),
        ("l_name", &["Miller"]),
        ("company", &["Example Works"]),
        ("name", &["Ann Miller"]),
        ("address2", &["Apt 4"]),
        ("address", &["12 Main Street"]),
        ("street", &["12 Main Street"]),
        ("city", &["San Francisco"]),
        ("state", &["CA", "California"]),
        ("country", &["US", "United States"]),
        ("zip", &["94105"]),
        ("postal", &["94105"]),
        ("phone", &["4155550132", "415-555-0132", "+14155550132"]),
        ("mobile", &["4155550132", "415-555-0132", "+14155550132"]),
        ("time", &["morning", "10:00", "anytime"]),
        ("year", &["2020"]),
        ("make", &["Toyota"]),
        ("model", &["Corolla"]),
        ("vin", &["1HGCM82633A004352"]),
        ("gender", &["F", "female"]),
        ("date", &["1985-06-15", "06/15/1985"]),
        ("dob", &["1985-06-15", "06/15/1985"]),
        ("ssn", &["123-45-6789", "123456789"]),
        ("url", &["https://example.com/"]),
        ("website", &["https://example.com/"]),
        ("age", &["35"]),
    ];
    const USUAL: &[&str] = &[
        "Sample",
        "sample text",
        "sample",
        "SAMPLE",
        "A",
        "a",
        "CA",
        "US",
        "ABC",
        "abc",
        "ABC123",
        "abc123",
        "1",
        "12",
        "123",
        "1234",
        "12345",
        "94105",
        "123456",
        "1234567",
        "12345678",
        "123456789",
        "4155550132",
        "1985-06-15",
        "06/15/1985",
        "415-555-0132",
        "12.50",
        "$12.50",
        "yes",
        "Y",
        "true",
        "10:30",
        "A1",
        "A-1",
        "https://example.com/",
        "ann.miller@example.com",
        "1HGCM82633A004352",
    ];
    let named = BY_NAME.iter().filter(|(part, _)| name.contains(part)).flat_map(|(_, values)| *values);
    named.chain(USUAL).map(|value| (*value).to_owned()).collect()
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_domain::network::Vertical;
    use crumb_domain::time::Zone;

    fn sample_of(field: serde_json::Value) -> String {
        let vertical: Vertical =
            serde_json::from_value(serde_json::json!({ "id": 1, "name": "V", "field": [field] })).unwrap();
        let rules = FieldRules::compile(&vertical).unwrap();
        let value = sample(&rules, &vertical.field[0], Zone::civil_day(2026, 11, 22).unwrap()).unwrap();
        let checked = rules.check(&|_| Some(value.clone()), Zone::civil_day(2026, 11, 22).unwrap());
        assert!(checked.is_clean(), "{value:?}: {checked:?}");
        value
    }

    #[test]
    fn a_sample_passes_its_fields_own_rules() {
        let field = |name: &str, kind: &str, extra: serde_json::Value| {
            let mut field = serde_json::json!({ "name": name, "type": kind, "required": true });
            for (key, value) in extra.as_object().unwrap() {
                field[key] = value.clone();
            }
            sample_of(field)
        };
        use serde_json::json;
        assert_eq!(field("email_address", "email", json!({ "max_length": 15 })), "ann@example.com");
        assert_eq!(field("tier", "list", json!({ "values": ["Gold", "Silver"] })), "Gold");
        assert_eq!(field("age", "number", json!({ "minimum": "18", "maximum": "99" })), "35");
        assert_eq!(field("size", "number", json!({ "minimum": "7.5", "maximum": "7.6" })), "7.5");
        assert_eq!(
            field("start", "date", json!({ "minimum": "today+1d", "maximum": "today+2d" })),
            "2026-11-23"
        );
        assert_eq!(field("birth", "date", json!({ "maximum": "today-50y" })), "1975-12-05");
        // One is found on each of these days, with nothing around it.
        for days in [1, -1, 7, -7, 14, 30, -30, 90, -90, 180, -180, 365, -365, 730, -730] {
            let day = format!("today{days:+}d");
            field("start", "date", json!({ "minimum": day, "maximum": day }));
        }
        assert_eq!(field("dob", "date", json!({})), "1985-06-15");
        assert_eq!(field("zip_code", "zip", json!({})), "94105");
        assert_eq!(field("zip_code", "zip", json!({ "pattern": "^[A-Z0-9]{3} [A-Z0-9]{3}$" })), "K1A 0B1");
        assert_eq!(field("first_name", "string", json!({})), "Ann");
        assert_eq!(field("state", "string", json!({ "pattern": "^[A-Z]{2}$" })), "CA");
        assert_eq!(field("code", "string", json!({ "pattern": "^[0-9]{5}$" })), "12345");
        assert_eq!(field("source", "string", json!({ "pattern": "^(web|mail)$" })), "web");
        assert_eq!(field("note", "string", json!({ "max_length": 3 })), "A");
        assert_eq!(field("note", "string", json!({ "pattern": "^.+$" })), "Sample", "which matches itself");
        assert_eq!(
            field("tax_id", "string", json!({ "pattern": "^[0-9]{3}-[0-9]{2}-[0-9]{4}-[A-Z]$" })),
            "123-45-6789-A"
        );
        assert_eq!(field("work", "email", json!({ "pattern": "@corp\\.example$" })), "ann@corp.example",);
        assert_eq!(field("phone", "phone", json!({ "pattern": r"^\+49[ ]\d{8}$" })), "+49 12345678");
        assert_eq!(
            field("size", "number", json!({ "pattern": "^[0-9]+[.][0-9]{3}$", "minimum": "1" })),
            "1.234"
        );
        assert_eq!(field("opt_out", "bool", json!({ "pattern": "^(?:0|no)$" })), "0");
        for kind in ["phone", "bool", "ip"] {
            field("x", kind, json!({}));
        }
    }
}
