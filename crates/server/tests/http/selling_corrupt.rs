//! A start after a crash, where something that is stored of a lead in hand cannot be read:
//! that lead alone is left aside, with an alert, until the store is mended.

use crate::contracts::*;
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_storage::LeadStore as _;
use crumb_storage::selling::SellingStore as _;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;

/// Posts leads of these names, and waits until the buyer has each without having answered.
pub async fn in_hand(server: &Server, buyers: &MockBuyers, names: &[&str]) -> Vec<Lead> {
    for name in names {
        let (client, body) = (server.tracking.clone(), offered(name));
        let asked = buyers.seen().requests;
        tokio::spawn(async move { client.post_form("/d.ashx", &body).await });
        buyers.wait_for(asked + 1).await.unwrap();
    }
    let leads = stored(server).await;
    let named = |name: &&str| {
        let address = format!("{name}@example.com");
        leads.iter().find(|lead| lead.field("email_address") == Some(&address)).unwrap().clone()
    };
    names.iter().map(named).collect()
}

fn stalling(buyers: &MockBuyers) -> Contract {
    let status = buyers.url("/status?id=#leadid#");
    Contract::new(7, &buyers.url("/stall?made=accepted"), "30.00").post(&format!("status_url = \"{status}\""))
}

async fn now(server: &Server, lead: &Lead) -> Lead {
    server.site.store.lead(lead.id).await.unwrap().unwrap()
}

async fn alerts(server: &Server) -> Vec<serde_json::Value> {
    server.api_json("/alerts").await["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_lead_that_cannot_be_read_is_left_aside_at_the_start_and_the_others_are_ended() {
    for (broken, mended) in [
        (
            "UPDATE lead SET fields = fields || '{' WHERE row = ",
            "UPDATE lead SET fields = trim(fields, '{') WHERE row = ",
        ),
        ("UPDATE lead SET status = 'x' WHERE row = ", "UPDATE lead SET status = 'unsold' WHERE row = "),
        ("UPDATE offered SET state = 9 WHERE lead = ", "UPDATE offered SET state = 1 WHERE lead = "),
        // The run is ended, and what is to be told of it cannot be read.
        ("UPDATE post SET kind = 'x' WHERE id = ", "UPDATE post SET kind = 'server' WHERE id = "),
    ] {
        let buyers = MockBuyers::start().await.unwrap();
        let others = "filter = [{ field = \"email_address\", op = \"ne\", value = \"dora@example.com\" }]";
        let next = Contract::new(8, &buyers.url("/accept"), "20.00");
        let server = Server::start(&market(&[stalling(&buyers).with(others), next])).await;
        let leads = in_hand(&server, &buyers, &["ann", "bob", "carl"]).await;
        let bob = &leads[1];
        server.edit_store(&format!("{broken}{}", bob.row.as_i64()));
        let server = server.crashed().await;
        for lead in [&leads[0], &leads[2]] {
            assert_eq!(now(&server, lead).await.status, LeadStatus::PendingUnknown, "{broken}");
            assert_eq!(server.site.store.runs_of(lead.row).await.unwrap().len(), 1, "{broken}");
        }
        let told = alerts(&server).await;
        assert_eq!(told.len(), 1, "{broken}: {told:?}");
        assert_eq!((&told[0]["code"], &told[0]["lead"]), (&"lead_unsettled".into(), &bob.id.as_str().into()));
        assert_eq!(server.selling.unsettled(), 1, "{broken}");
        assert_sold(&sell(&server, "dora").await);

        server.edit_store(&format!("{mended}{}", bob.row.as_i64()));
        server.clock.advance_seconds(60);
        while server.selling.unsettled() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(server.site.store.runs_of(bob.row).await.unwrap().len(), 1, "{broken}");
        server.selling.look_at_held().await.unwrap();
        for lead in &leads {
            let sold = now(&server, lead).await;
            assert_eq!((sold.status, sold.sales.len()), (LeadStatus::Sold, 1), "{broken}");
        }
        assert_eq!((buyers.count("/stall"), alerts(&server).await.len()), (3, 1), "{broken}");
    }
}

#[tokio::test]
async fn a_lead_whose_name_cannot_be_read_is_alerted_by_its_row_and_the_server_starts() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[stalling(&buyers)])).await;
    let leads = in_hand(&server, &buyers, &["ann", "bob"]).await;
    let (ann, row) = (&leads[0], leads[1].row.as_i64());
    server.edit_store(&format!(
        "CREATE TABLE kept AS SELECT id FROM lead WHERE row = {row}; UPDATE lead SET id = -1 WHERE row = {row}"
    ));
    let server = server.crashed().await;
    assert_eq!(now(&server, ann).await.status, LeadStatus::PendingUnknown);
    let text = format!("a lead in hand, row {row}, cannot be read; the next start tries it again");
    let told = alerts(&server).await;
    assert_eq!(told.iter().map(|one| &one["text"]).collect::<Vec<_>>(), [&text]);
    server.edit_store(&format!("UPDATE lead SET id = (SELECT id FROM kept) WHERE row = {row}"));
    let server = server.crashed().await;
    assert_eq!(now(&server, &leads[1]).await.status, LeadStatus::PendingUnknown);
    assert_eq!((buyers.count("/stall"), alerts(&server).await.len()), (2, 1));
}
