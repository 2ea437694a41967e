//! Contracts' filters, each compared by its field's type.

use crate::contracts::*;
use crate::posts::HOST_N_POST;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;

const FIELDS: [&str; 4] = [
    "name = \"income\"\ntype = \"number\"",
    "name = \"dob\"\ntype = \"date\"",
    "name = \"owns_home\"\ntype = \"bool\"",
    "name = \"city\"\ntype = \"string\"",
];
const LEAD: &str = "email_address=ann@example.com&zip_code=90210&state=ca&income=9500&dob=2/3/1990&owns_home=yes\
    &city=Los+Angeles&phone_home=(212)+555-0100";

/// Which of these filters let the lead through, by one contract each.
async fn passing(filters: &[(&str, bool)]) {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts: Vec<Contract> = (10..)
        .zip(filters)
        .map(|(id, (filter, _))| {
            Contract::new(id, &buyers.url("/reject"), "9.00").with(&format!("filter = [{filter}]"))
        })
        .collect();
    let server = Server::start(&with_fields(&market(&contracts), &FIELDS)).await;
    assert_unsold(&server.tracking.post_form("/d.ashx", &format!("{HOST_N_POST}&{LEAD}")).await);
    let found = results(&server, &only(&server).await).await;
    for ((filter, passes), found) in filters.iter().zip(found) {
        let expected = if *passes { "post_rejected" } else { "filter_unmatched" };
        assert!(found.ends_with(expected), "{filter}: {found}");
    }
}

fn one(field: &str, op: &str, value: &str) -> String {
    format!("{{ field = \"{field}\", op = \"{op}\", value = '{value}' }}")
}

#[tokio::test]
async fn each_operator_compares_by_the_fields_type() {
    let cases = [
        ("state", "eq", "CA", true),
        ("state", "eq", "NV", false),
        ("state", "ne", "NV", true),
        ("state", "ne", "CA", false),
        ("state", "in", "NV|CA", true),
        ("state", "in", "NV|NY", false),
        ("state", "not_in", "NV|NY", true),
        ("state", "not_in", "NV|CA", false),
        ("city", "contains", "Ange", true),
        ("city", "contains", "Diego", false),
        ("city", "matches", "^Los [A-Z]", true),
        ("city", "matches", "^San", false),
        ("income", "lt", "10000", true),
        ("income", "lt", "9500", false),
        ("income", "le", "9500", true),
        ("income", "gt", "9499.99", true),
        ("income", "gt", "9500", false),
        ("income", "ge", "9500.00", true),
        ("income", "eq", "9500.0", true),
        ("income", "between", "9500|10000", true),
        ("income", "between", "9000|9500", true),
        ("income", "between", "9501|10000", false),
        ("dob", "lt", "1990-02-04", true),
        ("dob", "ge", "1990-02-04", false),
        ("dob", "between", "1990-02-03|1990-02-03", true),
        ("owns_home", "eq", "1", true),
        ("owns_home", "eq", "no", false),
        ("phone_home", "eq", "212-555-0100", true),
    ];
    let filters: Vec<(String, bool)> =
        cases.iter().map(|(field, op, value, passes)| (one(field, op, value), *passes)).collect();
    let filters: Vec<(&str, bool)> =
        filters.iter().map(|(filter, passes)| (filter.as_str(), *passes)).collect();
    passing(&filters).await;
}

#[tokio::test]
async fn conditions_nest_and_a_field_may_be_asked_for() {
    let (ca, nv, rich) = (one("state", "eq", "CA"), one("state", "eq", "NV"), one("income", "gt", "9000"));
    let filters = [
        (format!("{ca}, {rich}"), true),
        (format!("{ca}, {nv}"), false),
        (format!("{{ any = [{nv}, {rich}] }}"), true),
        (format!("{{ any = [{nv}, {nv}] }}"), false),
        (format!("{{ all = [{ca}, {{ not = {nv} }}] }}"), true),
        (format!("{{ not = {{ any = [{ca}, {nv}] }} }}"), false),
        ("{ field = \"city\", op = \"exists\" }".to_owned(), true),
        ("{ field = \"first_name\", op = \"exists\" }".to_owned(), false),
        ("{ not = { field = \"first_name\", op = \"exists\" } }".to_owned(), true),
    ];
    let filters: Vec<(&str, bool)> =
        filters.iter().map(|(filter, passes)| (filter.as_str(), *passes)).collect();
    passing(&filters).await;
}
