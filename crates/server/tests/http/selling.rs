//! Leads sold to buyers over HTTP.

use crate::posts::lead_id;
use crumb_domain::lead::LeadStatus;
use crumb_storage::LeadStore as _;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::{Part, small_with};
use crumb_testkit::{Reply, Server};

pub(crate) const NOW: &str = "/d.ashx?ckm_campaign_id=58&ckm_key=Zy9xW7vU5tS";
pub(crate) const LATER: &str = "/d.ashx?ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK";

/// A buyer and its exclusive contract at a price.
pub(crate) fn contract(id: u32, url: &str, price: &str, more: &str) -> String {
    format!(
        "[[buyer]]\nid = {id}\nname = \"Buyer {id}\"\n\
         [[contract]]\nid = {id}\nbuyer = {id}\nvertical = 1\nname = \"Contract {id}\"\n\
         schedule = [{{ days = [\"all\"], open = \"00:00\", close = \"24:00\", price = \"{price}\", type = \"exclusive\" }}]\n\
         {more}\n\
         [contract.post]\nmethod = \"post\"\nurl = \"{url}\"\naccepted = [\"xml:/result/msg=success\"]\n\
         rejected = [\"xml:/result/msg=rejected\"]\nparams = [[\"zip\", \"#zip_code#\"], [\"email\", \"#email_address#\"]]\n\
         redirect = \"xml:/result/redirect\"\n"
    )
}

pub(crate) async fn post(server: &Server, path: &str, email: &str) -> Reply {
    server.tracking.get(&format!("{path}&email_address={email}&zip_code=90210")).await
}

#[tokio::test]
async fn a_lead_is_sold_within_the_request_to_the_buyer_that_pays_most() {
    let buyers = MockBuyers::start().await.unwrap();
    let cheap = contract(7, &buyers.url("/accept/cheap"), "20.00", "");
    let dear = contract(8, &buyers.url("/accept/dear?redirect=https://buyer.example/hello"), "30.00", "");
    let server = Server::start(&small_with(&[(Part::More, &(cheap + &dear))])).await;
    let reply = post(&server, NOW, "ann@example.com").await;
    let text = reply.text();
    assert!(text.contains("<code>0</code>"), "{text}");
    assert!(text.contains("<redirect>https://buyer.example/hello</redirect>"), "{text}");
    let lead = server.site.store.lead(lead_id(&reply).parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(lead.status, LeadStatus::Sold);
    assert_eq!(lead.revenue.to_string(), "30.00");
    assert_eq!((buyers.count("/accept/cheap"), buyers.count("/accept/dear")), (0, 1));
}

#[tokio::test]
async fn a_lead_that_nobody_buys_is_answered_so() {
    let buyers = MockBuyers::start().await.unwrap();
    let server =
        Server::start(&small_with(&[(Part::More, &contract(7, &buyers.url("/reject"), "20.00", ""))])).await;
    let reply = post(&server, NOW, "ann@example.com").await;
    assert!(reply.text().contains("<error>No Qualified Buyers Found</error>"), "{}", reply.text());
    assert_eq!(buyers.count("/reject"), 1);
}

#[tokio::test]
async fn a_hosted_lead_is_answered_at_once_and_sold_from_the_queue() {
    let buyers = MockBuyers::start().await.unwrap();
    let server =
        Server::start(&small_with(&[(Part::More, &contract(7, &buyers.url("/accept"), "20.00", ""))])).await;
    let reply = post(&server, LATER, "ann@example.com").await;
    assert!(reply.text().contains("<code>0</code>"), "{}", reply.text());
    buyers.wait_for(1).await.unwrap();
    let id = lead_id(&reply).parse().unwrap();
    loop {
        let lead = server.site.store.lead(id).await.unwrap().unwrap();
        if lead.status == LeadStatus::Sold {
            break;
        }
        tokio::task::yield_now().await;
    }
}
