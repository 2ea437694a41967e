//! Values that a stranger typed, in the places where a buyer reads them.

use crate::contracts::*;
use crate::posts::HOST_N_POST;
use crumb_testkit::Server;
use crumb_testkit::buyers::{MockBuyers, Request};
use std::sync::Arc;

const NASTY: &str = "a%0D%0AX-Evil:+1%26b=2%23c/%3Fd";

async fn sent(buyers: &MockBuyers, contract: Contract) -> Arc<Request> {
    let server = Server::start(&market(&[contract])).await;
    let body = format!("{HOST_N_POST}&email_address=ann@example.com&zip_code=90210&first_name={NASTY}");
    assert_sold(&server.tracking.post_form("/d.ashx", &body).await);
    buyers.requests().pop().unwrap()
}

#[tokio::test]
async fn a_header_takes_no_line_ends() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "20.00")
        .post("headers = { \"X-Name\" = \"<#first_name#>\", \"X-Last\" = \"1\" }");
    let request = sent(&buyers, contract).await;
    assert_eq!(request.header("x-evil"), None);
    assert_eq!(request.header("x-last"), Some("1"));
    let name = request.header("x-name").unwrap();
    assert!(name.starts_with("<a") && name.ends_with('>'), "{name}");
}

#[tokio::test]
async fn an_address_takes_values_as_parts_of_its_path_and_query() {
    let buyers = MockBuyers::start().await.unwrap();
    let url = buyers.url("/accept/#first_name#/x?n=#first_name#&z=#zip_code#");
    let request = sent(&buyers, Contract::new(7, &url, "20.00")).await;
    assert_eq!(request.path.matches('/').count(), 3, "{}", request.path);
    let pairs = request.pairs();
    assert_eq!(pairs[0].0, "n");
    assert!(pairs[0].1.contains("&b=2#c/?d"), "{pairs:?}");
    assert_eq!(pairs[1], ("z".to_owned(), "90210".to_owned()));
}

#[tokio::test]
async fn a_form_template_takes_values_as_values() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract =
        Contract::new(7, &buyers.url("/accept"), "20.00").sent("body = \"n=#first_name#&z=#zip_code#\"");
    let request = sent(&buyers, contract).await;
    let pairs = request.pairs();
    assert_eq!(pairs.len(), 2, "{pairs:?}");
    assert!(pairs[0].1.contains("&b=2#c/?d"), "{pairs:?}");
}

#[tokio::test]
async fn a_token_in_a_value_is_not_replaced_again() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "20.00")
        .sent("params = [[\"n\", \"#first_name#\"]]")
        .post("auth = { bearer = \"t0ken\" }");
    let server = Server::start(&market(&[contract])).await;
    let body =
        format!("{HOST_N_POST}&email_address=ann@example.com&zip_code=90210&first_name=%23zip_code%23");
    assert_sold(&server.tracking.post_form("/d.ashx", &body).await);
    assert_eq!(buyers.requests()[0].value("n").as_deref(), Some("#zip_code#"));
}

#[tokio::test]
async fn what_http_says_does_not_matter_where_no_pattern_asks_for_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/accept?http=500"), "20.00")])).await;
    assert_sold(&sell(&server, "ann").await);
}

#[tokio::test]
async fn redirects_are_not_followed_and_are_answers_like_any_other() {
    let buyers = MockBuyers::start().await.unwrap();
    for status in [301, 302, 303, 307, 308] {
        let url = buyers.url(&format!("/redirect?to=/accept&http={status}"));
        let patterns = format!("accepted = [\"status:{status}\"]");
        let server = Server::start(&market(&[Contract::new(7, &url, "20.00").patterns(&patterns)])).await;
        assert_sold(&sell(&server, "ann").await);
    }
    assert_eq!(buyers.count("/accept"), 0);
}
