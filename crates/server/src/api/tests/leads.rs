//! Leads.

use super::World;
use super::world::{at, click, lead, row};
use axum::http::StatusCode;
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus, Sale};
use crumb_domain::network::SaleType;
use crumb_domain::{AffiliateId, BuyerId, ContractId, Money, OfferId};
use serde_json::{Value, json};

#[tokio::test]
async fn a_lead_shows_whose_it_is_and_why() {
    let world = World::new().await;
    world.record(click(1)).await;
    world.accept(lead(4, 1, "C8097F17")).await;
    let answer = world.get_as("reader", "/api/v1/leads/C8097F17").await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_json_snapshot!(answer.json());
}

#[tokio::test]
async fn fields_stand_in_the_order_of_the_vertical() {
    let world = World::new().await;
    world.accept(lead(1, 1, "C8097F17")).await;
    let text = world.get_as("reader", "/api/v1/leads/C8097F17").await.text;
    let expected = r#""fields":{"zip_code":"90210","email_address":"ann@example.com","phone":"5551234567"}"#;
    assert!(text.contains(expected), "{text}");
}

#[tokio::test]
async fn an_affiliate_sees_neither_others_money_nor_personal_data() {
    let world = World::new().await;
    world.accept(lead(1, 1, "C8097F17")).await;
    for path in ["/api/v1/leads/C8097F17", "/api/v1/leads"] {
        let answer = world.get_as("affiliate:12", path).await;
        let lead = answer.json().pointer("/data/0").cloned().unwrap_or_else(|| answer.json());
        assert_eq!(lead["payout"], "12.00");
        assert_eq!(lead.get("revenue"), None);
        assert_eq!(lead.get("sales"), None);
        assert_eq!(lead["fields"], json!({"zip_code": "90210", "email_address": "***", "phone": "***"}));
        assert!(!answer.text.contains("ann@example.com"));
    }
}

#[tokio::test]
async fn an_affiliates_filters_tell_neither_buyers_nor_personal_data() {
    let world = World::new().await;
    world.record(click(1)).await;
    world.accept(lead(2, 1, "C8097F17")).await;
    for filter in ["buyer=5", "q=ann%40example.com", "q=%28555%29%20123-4567"] {
        let answer = world.get_as("affiliate:12", &format!("/api/v1/leads?{filter}")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{filter}");
    }
    for q in ["C8097F17".to_owned(), world.name(row(1)).to_string()] {
        let found = async |role| world.get_as(role, &format!("/api/v1/leads?q={q}")).await.each("id");
        assert_eq!(found("affiliate:12").await, ["C8097F17"], "{q}");
        assert_eq!(found("affiliate:13").await, Vec::<Value>::new(), "{q}");
    }
}

#[tokio::test]
async fn where_a_buyer_sent_the_visitor_is_told_to_the_network_and_to_that_buyer() {
    let world = World::new().await;
    let sale = |buyer, redirect: Option<&str>| Sale {
        contract: ContractId(buyer + 2),
        buyer: BuyerId(buyer),
        price: Money::from_micros(30_000_000),
        sale_type: SaleType::Multisell,
        at: at(1),
        no_return: false,
        returned: None,
        replaces: None,
        redirect: redirect.map(str::to_owned),
    };
    let sales =
        vec![sale(5, Some("https://five.example/")), sale(6, Some("https://six.example/")), sale(7, None)];
    world.accept(Lead { sales, ..lead(1, 1, "C8097F17") }).await;
    for (role, expected) in [
        ("reader", vec![Some("https://five.example/"), Some("https://six.example/"), None]),
        ("buyer:5", vec![Some("https://five.example/")]),
        ("buyer:7", vec![None]),
        ("affiliate:12", vec![]),
    ] {
        let answer = world.get_as(role, "/api/v1/leads/C8097F17").await;
        let lead = answer.json();
        let sales = lead["sales"].as_array().map(Vec::as_slice).unwrap_or_default();
        let told: Vec<_> = sales.iter().map(|sale| sale.get("redirect").and_then(Value::as_str)).collect();
        assert_eq!(told, expected, "{role}");
        assert_eq!(answer.text.matches(".example/").count(), expected.iter().flatten().count(), "{role}");
    }
}

#[tokio::test]
async fn a_buyer_sees_no_lead_that_it_did_not_buy() {
    let world = World::new().await;
    world.accept(lead(1, 1, "C8097F17")).await;
    assert_eq!(world.get_as("buyer:5", "/api/v1/leads/C8097F17").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get_as("buyer:5", "/api/v1/leads").await.json()["total"], 0);
}

#[tokio::test]
async fn a_buyer_is_not_told_who_sent_a_lead() {
    let world = World::new().await;
    world.record(click(1)).await;
    let sale = Sale {
        contract: ContractId(7),
        buyer: BuyerId(5),
        price: Money::from_micros(30_000_000),
        sale_type: SaleType::Exclusive,
        at: at(1),
        no_return: false,
        returned: None,
        replaces: None,
        redirect: None,
    };
    world.accept(Lead { sales: vec![sale], ..lead(2, 1, "C8097F17") }).await;
    for path in ["/api/v1/leads/C8097F17", "/api/v1/leads"] {
        for (role, is_told) in [("buyer:5", false), ("affiliate:12", true), ("reader", true)] {
            let answer = world.get_as(role, path).await.json();
            let lead = answer.pointer("/data/0").unwrap_or(&answer);
            for member in ["affiliate", "campaign", "sub_ids", "request_id", "why"] {
                assert_eq!(lead.get(member).is_some(), is_told, "{member} for {role}");
            }
            assert_eq!(lead["id"], "C8097F17");
        }
    }
    let session = world.name(row(1));
    for (filter, status, found) in [
        ("affiliate=12".to_owned(), StatusCode::FORBIDDEN, vec![]),
        (format!("request_id={session}"), StatusCode::FORBIDDEN, vec![]),
        (format!("q={session}"), StatusCode::OK, vec![]),
        ("q=ann%40example.com".to_owned(), StatusCode::OK, vec![Value::from("C8097F17")]),
    ] {
        let answer = world.get_as("buyer:5", &format!("/api/v1/leads?{filter}")).await;
        assert_eq!(answer.status, status, "{filter}");
        if status == StatusCode::OK {
            assert_eq!(answer.each("id"), found, "{filter}");
        }
    }
}

#[tokio::test]
async fn each_filter_of_leads_narrows_the_list() {
    let world = World::new().await;
    world.record(click(1)).await;
    world.accept(lead(2, 1, "AAAAAAA2")).await;
    world
        .accept(Lead {
            status: LeadStatus::Test,
            outcome: LeadOutcome::Test,
            affiliate: AffiliateId::TEST,
            ..lead(3, 3, "AAAAAAA3")
        })
        .await;
    world.accept(Lead { affiliate: AffiliateId(13), offer: OfferId(101), ..lead(4, 4, "AAAAAAA4") }).await;
    let session = world.name(row(1));
    for (filter, expected) in [
        ("status=unsold".to_owned(), vec!["AAAAAAA4", "AAAAAAA2"]),
        ("status=test".to_owned(), vec!["AAAAAAA3"]),
        ("offer=101".to_owned(), vec!["AAAAAAA4"]),
        ("affiliate=12".to_owned(), vec!["AAAAAAA2"]),
        ("affiliate=-1".to_owned(), vec!["AAAAAAA3"]),
        ("buyer=5".to_owned(), vec![]),
        (format!("request_id={session}"), vec!["AAAAAAA2"]),
        (format!("from={}&to={}", at(3), at(4)), vec!["AAAAAAA3"]),
        ("q=AAAAAAA4".to_owned(), vec!["AAAAAAA4"]),
        (format!("q={session}"), vec!["AAAAAAA2"]),
        ("sort=id&limit=1".to_owned(), vec!["AAAAAAA2"]),
    ] {
        let answer = world.get_as("admin", &format!("/api/v1/leads?{filter}")).await;
        let expected: Vec<Value> = expected.into_iter().map(Value::from).collect();
        assert_eq!(answer.each("id"), expected, "{filter}");
    }
}

#[tokio::test]
async fn a_buyers_leads_are_those_that_it_bought_for_itself_and_for_the_network() {
    let world = World::new().await;
    let sold_to = |n: i64, id: &str, buyers: &[i64]| {
        let sale = |buyer: &i64| Sale {
            contract: ContractId(buyer + 2),
            buyer: BuyerId(*buyer),
            price: Money::from_micros(30_000_000),
            sale_type: SaleType::Multisell,
            at: at(n),
            no_return: false,
            returned: None,
            replaces: None,
            redirect: None,
        };
        let sales = buyers.iter().map(sale).collect();
        Lead { status: LeadStatus::Sold, outcome: LeadOutcome::Sold, sales, ..lead(n, n, id) }
    };
    for sold in [sold_to(1, "AAAAAAA1", &[5, 6]), sold_to(2, "AAAAAAA2", &[6]), sold_to(3, "AAAAAAA3", &[])] {
        world.accept(sold).await;
    }
    for (buyer, expected) in [(5, vec!["AAAAAAA1"]), (6, vec!["AAAAAAA2", "AAAAAAA1"]), (7, vec![])] {
        let expected: Vec<Value> = expected.into_iter().map(Value::from).collect();
        let filtered = world.get_as("reader", &format!("/api/v1/leads?buyer={buyer}")).await;
        assert_eq!(
            (filtered.each("id"), filtered.json()["total"].clone()),
            (expected.clone(), expected.len().into())
        );
        let own = world.get_as(&format!("buyer:{buyer}"), "/api/v1/leads").await;
        assert_eq!(own.each("id"), expected, "{buyer}");
        for id in ["AAAAAAA1", "AAAAAAA2", "AAAAAAA3"] {
            let one = world.get_as(&format!("buyer:{buyer}"), &format!("/api/v1/leads/{id}")).await;
            let is_its_own = expected.contains(&id.into());
            assert_eq!(one.status, if is_its_own { StatusCode::OK } else { StatusCode::NOT_FOUND });
            let buyers = one.json()["sales"].as_array().map_or(0, Vec::len);
            assert_eq!(buyers, usize::from(is_its_own), "another buyer's sale is not told");
        }
    }
}

#[tokio::test]
async fn a_list_has_its_rows_the_next_page_and_the_total_and_its_rows_are_the_resources() {
    let world = World::new().await;
    world.accept(lead(1, 1, "C8097F17")).await;
    for role in ["reader", "affiliate:12"] {
        let list = world.get_as(role, "/api/v1/leads").await.json();
        assert_eq!(list.as_object().unwrap().keys().collect::<Vec<_>>(), ["data", "next", "total"]);
        assert_eq!((&list["next"], &list["total"]), (&Value::Null, &json!(1)));
        let one = world.get_as(role, "/api/v1/leads/C8097F17").await.json();
        assert_eq!(list["data"], json!([one]), "{role}");
    }
}

#[tokio::test]
async fn a_lead_is_found_by_the_email_or_phone_of_its_person() {
    let world = World::new().await;
    let fields = |email: &str, phone: &str| {
        vec![("email_address".to_owned(), email.to_owned()), ("phone".to_owned(), phone.to_owned())]
    };
    world.accept(Lead { fields: fields("Ann@Example.com", "5551234567"), ..lead(1, 1, "AAAAAAA1") }).await;
    world.accept(Lead { fields: fields("bob@example.com", "5557654321"), ..lead(2, 2, "AAAAAAA2") }).await;
    for (q, expected) in [
        ("ann%40example.com", "AAAAAAA1"),
        ("ANN%40example.com", "AAAAAAA1"),
        ("5557654321", "AAAAAAA2"),
        ("%28555%29%20765-4321", "AAAAAAA2"),
        ("aaaaaaa2", "AAAAAAA2"),
    ] {
        let answer = world.get_as("admin", &format!("/api/v1/leads?q={q}")).await;
        assert_eq!(answer.each("id"), [expected], "{q}");
    }
    assert_eq!(world.get_as("admin", "/api/v1/leads?q=nobody").await.json()["total"], 0);
}

#[tokio::test]
async fn a_session_that_a_lead_opened_has_no_clicks_and_its_lead() {
    let world = World::new().await;
    world.accept_with_session(lead(1, 1, "C8097F17")).await;
    let answer = world.get_as("reader", &format!("/api/v1/clicks/{}", world.name(row(1)))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["clicks"], json!([]));
    assert_eq!(answer.json()["leads"], json!(["C8097F17"]));
}
