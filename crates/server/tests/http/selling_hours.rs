//! Schedules: days, hours, time zones, and the caps that go by the opening day.
//! July 1, 2026 is a Wednesday; New York is 4 hours behind UTC then.

use crate::contracts::*;
use crate::posts::{ANN, HOSTED, accepted};
use crumb_domain::lead::LeadStatus;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;

const PACIFIC: &str = "time_zone = \"America/Los_Angeles\"";

fn row(days: &str, open: &str, close: &str, more: &str) -> String {
    format!(
        "{{ days = [{days}], open = \"{open}\", close = \"{close}\", price = \"30.00\", type = \"exclusive\"{more} }}"
    )
}

/// What a lead that is posted at each of these moments meets.
async fn met(server: &Server, moments: &[(&str, &str)]) {
    for (number, (moment, expected)) in moments.iter().enumerate() {
        server.clock.set(moment);
        sell(server, &format!("n{number}")).await;
        assert_eq!(results(server, &newest(server).await).await, [format!("7 {expected}")], "{moment}");
    }
}

async fn with(buyers: &MockBuyers, schedule: &str, keys: &str) -> Server {
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00").schedule(schedule).with(keys);
    Server::start(&market(&[contract])).await
}

#[tokio::test]
async fn a_row_opens_at_its_first_minute_and_is_closed_at_its_last() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = with(&buyers, &row("\"wed\"", "08:00", "20:00", ""), "").await;
    let moments = [
        ("2026-07-01T11:59:59Z", "schedule_closed"),
        ("2026-07-01T12:00:00Z", "sold"),
        ("2026-07-01T23:59:59Z", "sold"),
        ("2026-07-02T00:00:00Z", "schedule_closed"),
        ("2026-07-02T13:00:00Z", "schedule_closed"),
        ("2026-07-08T13:00:00Z", "sold"),
    ];
    met(&server, &moments).await;
}

#[tokio::test]
async fn hours_are_those_of_the_contracts_time_zone() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = with(&buyers, &row("\"wed\"", "08:00", "24:00", ""), PACIFIC).await;
    let moments = [
        ("2026-07-01T14:59:59Z", "schedule_closed"),
        ("2026-07-01T15:00:00Z", "sold"),
        ("2026-07-02T06:59:59Z", "sold"),
        ("2026-07-02T07:00:00Z", "schedule_closed"),
    ];
    met(&server, &moments).await;
}

#[tokio::test]
async fn a_row_that_passes_midnight_belongs_to_the_day_it_opens_on_cap_included() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = with(&buyers, &row("\"tue\", \"wed\"", "22:00", "06:00", ", cap = 1"), "").await;
    let moments = [
        ("2026-07-01T05:00:00Z", "sold"),
        ("2026-07-01T09:59:59Z", "cap_reached"),
        ("2026-07-01T10:00:00Z", "schedule_closed"),
        ("2026-07-02T02:00:00Z", "sold"),
        ("2026-07-02T06:00:00Z", "cap_reached"),
        ("2026-07-03T02:00:00Z", "schedule_closed"),
        ("2026-07-03T06:00:00Z", "schedule_closed"),
    ];
    met(&server, &moments).await;
}

#[tokio::test]
async fn days_are_the_contracts_own_also_for_its_cap() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = with(&buyers, &row("\"all\"", "00:00", "24:00", ", cap = 1"), PACIFIC).await;
    let moments = [
        ("2026-07-02T03:30:00Z", "sold"),
        ("2026-07-02T04:30:00Z", "cap_reached"),
        ("2026-07-02T06:59:59Z", "cap_reached"),
        ("2026-07-02T07:00:00Z", "sold"),
    ];
    met(&server, &moments).await;
}

#[tokio::test]
async fn where_the_clock_is_put_on_the_hour_that_is_missing_is_skipped() {
    let buyers = MockBuyers::start().await.unwrap();
    // March 14, 2027: after 01:59:59 comes 03:00:00 in Los Angeles.
    let server = with(&buyers, &row("\"all\"", "02:30", "04:00", ""), PACIFIC).await;
    let moments = [
        ("2027-03-14T09:59:59Z", "schedule_closed"),
        ("2027-03-14T10:00:00Z", "sold"),
        ("2027-03-14T10:59:59Z", "sold"),
        ("2027-03-14T11:00:00Z", "schedule_closed"),
        ("2027-03-15T09:29:59Z", "schedule_closed"),
        ("2027-03-15T09:30:00Z", "sold"),
    ];
    met(&server, &moments).await;
}

#[tokio::test]
async fn where_the_clock_is_put_back_the_hour_that_comes_twice_is_one_days() {
    let buyers = MockBuyers::start().await.unwrap();
    // November 1, 2026: after 01:59:59 comes 01:00:00 again in Los Angeles.
    let server = with(&buyers, &row("\"all\"", "01:00", "02:00", ", cap = 2"), PACIFIC).await;
    let moments = [
        ("2026-11-01T07:59:59Z", "schedule_closed"),
        ("2026-11-01T08:00:00Z", "sold"),
        ("2026-11-01T09:30:00Z", "sold"),
        ("2026-11-01T09:59:59Z", "cap_reached"),
        ("2026-11-01T10:00:00Z", "schedule_closed"),
        ("2026-11-02T09:00:00Z", "sold"),
    ];
    met(&server, &moments).await;
}

#[tokio::test]
async fn a_waiting_lead_is_tried_when_the_row_opens_on_days_when_clocks_change() {
    let buyers = MockBuyers::start().await.unwrap();
    for (before, closed, open) in [
        ("2027-03-14T08:00:00Z", "2027-03-14T09:59:58Z", "2027-03-14T10:00:00Z"),
        ("2026-11-01T07:00:00Z", "2026-11-01T10:29:58Z", "2026-11-01T10:30:00Z"),
    ] {
        let server = with(&buyers, &row("\"all\"", "02:30", "04:00", ""), PACIFIC).await;
        server.clock.set(before);
        let asked = buyers.count("/accept");
        accepted(&server, &[HOSTED, ANN]).await;
        until(&server, LeadStatus::Queued).await;
        server.clock.set(closed);
        server.selling.wake();
        tokio::task::yield_now().await;
        assert_eq!(buyers.count("/accept"), asked, "{before}");
        server.clock.set(open);
        until(&server, LeadStatus::Sold).await;
    }
}

#[tokio::test]
async fn the_row_that_is_open_says_the_price() {
    let buyers = MockBuyers::start().await.unwrap();
    let rows = [
        row("\"wed\"", "00:00", "10:00", ""),
        row("\"wed\"", "10:00", "24:00", "").replace("30.00", "40.00"),
    ];
    let server = with(&buyers, &rows.join(", "), "").await;
    for (moment, price) in [("2026-07-01T13:59:59Z", "30.00"), ("2026-07-01T14:00:00Z", "40.00")] {
        server.clock.set(moment);
        assert_sold(&sell(&server, &format!("n{}", &price[..2])).await);
        assert_eq!(newest(&server).await.revenue.to_string(), price);
    }
}

#[tokio::test]
async fn editing_the_rows_does_not_reset_the_count() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00");
    let server = Server::start(&market(&[contract.clone().row("cap = 2")])).await;
    assert_sold(&sell(&server, "ann").await);
    assert_sold(&sell(&server, "bob").await);
    for edited in [
        contract.clone().open("00:00", "23:00").row("cap = 2"),
        contract.clone().schedule(&row("\"wed\"", "06:00", "24:00", ", cap = 1")),
    ] {
        server.apply(&edited.to_string()).await;
        assert_unsold(&sell(&server, "cid").await);
        assert_eq!(results(&server, &newest(&server).await).await, ["7 cap_reached"]);
    }
    server.apply(&contract.clone().open("01:00", "22:00").row("cap = 3").to_string()).await;
    assert_sold(&sell(&server, "dan").await);
    assert_unsold(&sell(&server, "eve").await);
}

#[tokio::test]
async fn the_count_is_the_contracts_whatever_row_it_sold_by() {
    let buyers = MockBuyers::start().await.unwrap();
    let rows = |cap: u32| {
        let later = format!(", cap = {cap}");
        [row("\"wed\"", "00:00", "10:00", ", cap = 1"), row("\"wed\"", "10:00", "24:00", &later)].join(", ")
    };
    for (cap, evening) in [(1, "cap_reached"), (2, "sold")] {
        let server = with(&buyers, &rows(cap), "").await;
        met(&server, &[("2026-07-01T13:00:00Z", "sold"), ("2026-07-01T14:00:00Z", evening)]).await;
    }
}

#[tokio::test]
async fn of_leads_that_wait_each_day_takes_as_many_as_the_cap_lets() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = with(&buyers, &row("\"all\"", "00:00", "24:00", ", cap = 1"), "").await;
    for name in ["ann", "bob", "cid"] {
        accepted(&server, &[HOSTED, &format!("email_address={name}@example.com&zip_code=90210")]).await;
    }
    for (moment, sold) in
        [("2026-07-01T12:00:00Z", 1), ("2026-07-02T04:00:00Z", 2), ("2026-07-03T04:00:00Z", 3)]
    {
        server.clock.set(moment);
        loop {
            let leads = stored(&server).await;
            let are = leads.iter().filter(|lead| lead.status == LeadStatus::Sold).count();
            assert!(are <= sold, "{moment}: {are}");
            if are == sold {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(buyers.count("/accept"), 3);
}
