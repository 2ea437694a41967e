//! Behaviours that change: by turns, and while it runs.

use crate::client::{body, get, sent};
use crumb_mock_buyer::{Behaviour, MockBuyer, MockBuyers};

fn is_accepted(body: &str) -> bool {
    body.contains("success")
}

#[tokio::test]
async fn a_buyer_that_first_refuses_and_then_accepts() {
    let buyer = MockBuyer::start(Behaviour::InTurn(vec![Behaviour::reject(), Behaviour::accept("9.00")]));
    let buyer = buyer.await.unwrap();
    let mut accepted = Vec::new();
    for _ in 0..3 {
        accepted.push(is_accepted(&body(&buyer, "/buyer").await));
    }
    assert_eq!(accepted, [false, true, true]);
    assert_eq!(buyer.count(), 3);
    assert_eq!(buyer.url(), format!("http://{}/buyer", buyer.address()));
}

#[tokio::test]
async fn turns_are_taken_by_each_path_for_itself() {
    let buyers = MockBuyers::start().await.unwrap();
    for path in ["/in-turn/one", "/in-turn/two"] {
        let target = format!("{path}?of=reject,accept,reject");
        let mut accepted = Vec::new();
        for _ in 0..4 {
            accepted.push(is_accepted(&body(&buyers, &target).await));
        }
        assert_eq!(accepted, [false, true, false, false], "{path}");
    }
}

#[tokio::test]
async fn a_behaviour_can_be_changed_on_the_run_and_begins_anew() {
    let buyers = MockBuyers::start().await.unwrap();
    let turns = Behaviour::InTurn(vec![Behaviour::reject(), Behaviour::accept("1.00")]);
    buyers.set("carrier", turns.clone());
    assert!(!is_accepted(&body(&buyers, "/carrier").await));
    assert!(is_accepted(&body(&buyers, "/carrier").await));
    buyers.set("/carrier", turns);
    assert!(!is_accepted(&body(&buyers, "/carrier").await));
    buyers.set("carrier", Behaviour::accept("2.00"));
    assert!(body(&buyers, "/carrier?x=1").await.contains("<price>2.00</price>"));
}

#[tokio::test]
async fn a_name_that_was_set_goes_before_a_path_of_the_catalogue() {
    let buyers = MockBuyers::start().await.unwrap();
    buyers.set("accept", Behaviour::reject());
    assert!(!is_accepted(&body(&buyers, "/accept").await));
    assert!(is_accepted(&body(&buyers, "/accept/another").await));
}

#[tokio::test]
async fn one_buyer_can_be_changed_on_the_run() {
    let buyer = MockBuyer::start(Behaviour::Stall { made: None }).await.unwrap();
    let stalled = sent(&buyer, &get("/buyer")).await;
    buyer.wait_for(1).await.unwrap();
    buyer.set(Behaviour::accept("1.00"));
    assert!(is_accepted(&body(&buyer, "/buyer").await));
    drop(stalled);
}
