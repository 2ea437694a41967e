//! What of a ping is looked at: the fields that its vertical does not mark as personal.
//! All else is dropped before anything is decided, told or kept.

use crumb_domain::fields::{Checked, FieldRules};
use crumb_domain::time::Day;
use crumb_wire::post::{Given, PostRequest, Said};
use std::collections::HashSet;

/// A ping without what is personal, or means something in posts only.
pub(super) fn without_personal(request: &PostRequest, rules: &FieldRules) -> PostRequest {
    let is_open = open_inputs(rules);
    PostRequest {
        campaign: request.campaign,
        key: None,
        offer: Given::Absent,
        request_id: None,
        browser_post: None,
        sub_ids: request.sub_ids.clone(),
        test: request.test,
        upsell: request.upsell,
        lead_id: None,
        resell: false,
        iframe: false,
        max_seconds: request.max_seconds,
        callback: None,
        json_body: request.json_body,
        malformed: request.malformed,
        ping_id: None,
        idempotency_key: None,
        fields: request
            .fields
            .iter()
            .filter(|(name, _)| is_open.contains(*name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        nested: request.nested.iter().filter(|name| is_open.contains(name.as_str())).cloned().collect(),
        said: Said::default(),
    }
}

/// Names of inputs, lower-cased, that make up fields which are not personal and no other.
fn open_inputs(rules: &FieldRules) -> HashSet<&str> {
    let inputs = |personal: bool| {
        let fields = rules.fields().filter(move |rule| rule.is_pii() == personal);
        fields.flat_map(|rule| rule.inputs())
    };
    let personal: HashSet<&str> = inputs(true).collect();
    inputs(false).filter(|name| !personal.contains(name)).collect()
}

/// Checks a ping that is [`without_personal`] fields: these may be missing.
pub(super) fn check(request: &PostRequest, rules: &FieldRules, today: Day) -> Checked {
    let given = |name: &str| request.fields.get(name).map(str::to_owned);
    let nested = |name: &str| request.nested.iter().any(|nested| nested == name);
    let mut checked = rules.check_structured(&given, &nested, today);
    checked.missing.retain(|problem| rules.field(&problem.name).is_some_and(|rule| !rule.is_pii()));
    checked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_domain::network::Vertical;
    use crumb_wire::post::parse_post;
    use serde_json::json;

    fn rules() -> FieldRules {
        let vertical: Vertical = serde_json::from_value(json!({ "id": 1, "name": "Auto", "field": [
            { "name": "email_address", "type": "email", "required": true },
            { "name": "phone_home", "type": "phone", "group": ["home_area", "shared"] },
            { "name": "zip_code", "type": "zip", "required": true },
            { "name": "born", "type": "date", "pii": true, "required": true },
            { "name": "nick_name", "type": "string", "pii": false, "group": ["nick", "shared"] },
        ] }))
        .unwrap();
        FieldRules::compile(&vertical).unwrap()
    }

    fn pinged(query: &str) -> PostRequest {
        without_personal(&parse_post(query.as_bytes(), None, b"").unwrap(), &rules())
    }

    #[test]
    fn only_fields_that_are_not_personal_are_looked_at_and_inputs_of_both_are_not() {
        let pinged = pinged(
            "ckm_campaign_id=57&ckm_key=k&zip_code=90210&EMAIL_ADDRESS=a@b.example&home_area=1&shared=2\
             &born=2000-01-01&nick=Al&nick_name=Bo&no_field=x&ckm_request_id=7&ckm_lead_id=8&callback=f",
        );
        let names: Vec<&str> = pinged.fields.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["zip_code", "nick", "nick_name"]);
        assert!(!format!("{pinged:?}").contains("a@b.example"));
        assert_eq!((pinged.key, pinged.request_id, pinged.lead_id), (None, None, None));
    }

    #[test]
    fn personal_fields_may_be_missing_and_others_may_not() {
        let texts = |query: &str| check(&pinged(query), &rules(), Day(20_000)).texts();
        assert_eq!(texts("zip_code=90210"), Vec::<String>::new());
        assert_eq!(texts("born=2000-01-01"), ["Lead Missing Data", "Zip code is required."]);
        assert_eq!(texts("zip_code=x"), ["Validation Failed", "Zip code is not valid."]);
    }
}
