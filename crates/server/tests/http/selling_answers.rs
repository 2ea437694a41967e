//! What posters and visitors are answered of sold and unsold leads, and who is paid.

use crate::contracts::*;
use crate::posts::refusal;
use crumb_domain::lead::LeadStatus;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;

const BROWSER: &str = "ckm_offer_id=200&email_address=ann@example.com&zip_code=90210";
const THANKS: &str = "thank_you_link = \"https://lp.example/thanks\"\npayout = \"2.00\"";

async fn server(buyers: &MockBuyers, answer: &str) -> Server {
    let contract = Contract::new(7, &buyers.url(answer), "30.00");
    Server::start(&market_with(&[(Part::HostNPostOffer, THANKS)], &[contract])).await
}

#[tokio::test]
async fn a_visitor_is_sent_on_sold_or_not() {
    let buyers = MockBuyers::start().await.unwrap();
    for (answer, to) in [
        ("/accept?redirect=https://b.example/hi", "https://b.example/hi"),
        ("/accept", "https://lp.example/thanks"),
        ("/reject", "https://lp.example/thanks"),
    ] {
        let server = server(&buyers, answer).await;
        let reply = server.tracking.post_form("/d.ashx", BROWSER).await;
        assert_eq!((reply.status.as_u16(), reply.location()), (302, to), "{answer}");
    }
}

#[tokio::test]
async fn an_ajax_post_is_told_success_or_that_nobody_bought() {
    let buyers = MockBuyers::start().await.unwrap();
    for (answer, told) in [
        ("/accept?redirect=https://b.example/hi", r#"{"success":true,"nextPage":"https://b.example/hi"}"#),
        ("/reject", r#"{"success":false,"error":"No Qualified Buyers Found"}"#),
    ] {
        let server = server(&buyers, answer).await;
        let reply = server.tracking.get(&format!("/d.ashx?{BROWSER}&callback=cb")).await;
        assert!(reply.text().contains(&format!("cb({told})")), "{}", reply.text());
    }
}

#[tokio::test]
async fn an_unsold_lead_is_no_earlier_one_and_a_sold_one_is() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = server(&buyers, "/in-turn?of=reject,accept").await;
    assert_unsold(&sell(&server, "ann").await);
    assert_sold(&sell(&server, "ann").await);
    assert_eq!(sell(&server, "ann").await.text().trim_end(), refusal(&["Duplicate Lead"]));
}

#[tokio::test]
async fn a_share_of_the_sale_is_paid_where_the_offer_says_so() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00");
    let changes = [(Part::HostNPostOffer, "payout = \"0.00\"\npayout_percent = \"80\"")];
    let server = Server::start(&market_with(&changes, &[contract])).await;
    assert_eq!(sell(&server, "ann").await.between("<price>", "</price>"), "24.00");
    assert_eq!(only(&server).await.payout.to_string(), "24.00");
}

#[tokio::test]
async fn an_unsold_lead_pays_only_where_the_offer_pays_sold_or_not() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/reject"), "30.00");
    for (rule, paid) in [("true", "0.00"), ("false", "2.00")] {
        let keys = format!("payout = \"2.00\"\npay_only_when_sold = {rule}");
        let changes = [(Part::HostNPostOffer, keys.as_str())];
        let server = Server::start(&market_with(&changes, std::slice::from_ref(&contract))).await;
        sell(&server, "ann").await;
        let lead = only(&server).await;
        assert_eq!((lead.status, lead.payout.to_string().as_str()), (LeadStatus::Unsold, paid));
    }
}

#[tokio::test]
async fn a_poster_may_shorten_the_deadline_and_a_post_under_way_is_then_unknown() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = server(&buyers, "/stall").await;
    let body = format!("{}&ckm_max_seconds=1", offered("ann"));
    assert_unsold(&server.tracking.post_form("/d.ashx", &body).await);
    assert_eq!(only(&server).await.status, LeadStatus::PendingUnknown);
}
