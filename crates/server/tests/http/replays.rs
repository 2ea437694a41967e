//! Recorded leads decided again.

use crate::contracts::*;
use crate::posts::{HOST_N_POST, HOSTED};
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_domain::selling::ContractResult;
use crumb_domain::{Clock as _, ContractId, Money, Timestamp};
use crumb_intake::selling::actions::Said;
use crumb_intake::selling::held::HeldEnd;
use crumb_intake::selling::replaying::{
    Assumed, ContractSums, Decided, Difference, Replaying, Report, Totals,
};
use crumb_network::{FileFormat, parse};
use crumb_storage::SellingStore as _;
use crumb_storage::selling::{LeadChange, RunRecord};
use crumb_testkit::Server;
use crumb_testkit::buyers::{Behaviour, MockBuyers};
use crumb_testkit::network::Part;

const EVER: (Timestamp, Timestamp) = (Timestamp::from_micros(0), Timestamp::from_micros(i64::MAX));

/// By the networks that decided.
async fn replay(server: &Server) -> Report {
    let replaying = Replaying::new(&server.site.store, &server.site.network, None);
    replaying.leads(EVER.0, EVER.1, &mut |_, _| {}).await.unwrap()
}

/// By the present network with a file laid over it.
async fn replay_with(server: &Server, file: &str, from: Timestamp) -> Report {
    let file = parse(file, FileFormat::Toml).unwrap();
    let changed = server.site.network.preview(&file, false).await.unwrap();
    let replaying = Replaying::new(&server.site.store, &server.site.network, Some(changed));
    replaying.leads(from, EVER.1, &mut |_, _| {}).await.unwrap()
}

/// A contract's sums: offered, posted, sold, revenue; then and now.
fn of(report: &Report, contract: i64) -> [String; 2] {
    let found = report.contracts.iter().find(|sums| sums.contract == ContractId(contract));
    let text =
        |sums: ContractSums| format!("{} {} {} {}", sums.offered, sums.posted, sums.sold, sums.revenue);
    found.map(|sums| [text(sums.then), text(sums.now)]).unwrap()
}

fn money(report: &Report) -> [String; 2] {
    let text = |sums: Totals| {
        format!("{} of {}: {} - {} = {}", sums.sold, sums.leads, sums.revenue, sums.payout, sums.margin())
    };
    [text(report.then), text(report.now)]
}

/// Buyers of all kinds on both sorts of offers, within caps and credit.
fn crowd(buyers: &MockBuyers) -> Vec<Contract> {
    let contract = |id, path: &str, price| {
        Contract::new(id, &buyers.url(path), price).with("max_post_errors = 11").with("unknown_is = \"wait\"")
    };
    let auction = buyers.url("/auction/one?min=9.00&max=45.00");
    vec![
        contract(7, "/auction/one?min=9.00&max=45.00", "10.00")
            .ping(&auction, "")
            .with("offer = 200")
            .post("price = \"xml:/result/price\""),
        contract(8, "/in-turn/two?of=reject,accept,duplicate,accept,error,accept,unknown,accept", "31.00")
            .row("cap = 20")
            .with("offer = 200"),
        contract(9, "/in-turn/three?of=accept,cut-after,accept", "28.00").row("cap = 25").with("offer = 200"),
        contract(10, "/accept/four", "33.50")
            .buyer("credit = { type = \"prepaid\", balance = \"40.00\", limit = \"30.00\" }")
            .with("offer = 200"),
        contract(11, "/accept/five", "11.00").multisell().row("cap = 50").with("offer = 200"),
        contract(12, "/in-turn/six?of=accept,reject,accept", "10.50")
            .multisell()
            .with("weight = 3\noffer = 200"),
        contract(13, "/accept/seven", "10.50").multisell().with("weight = 1\noffer = 200"),
        contract(14, "/accept/eight", "9.00").hybrid().with("offer = 200"),
        contract(15, "/accept/nine", "26.00").row("cap = 10"),
        contract(16, "/accept/ten", "26.00").row("cap = 10"),
        Contract::new(17, &buyers.url("/malformed"), "33.00")
            .with("max_post_errors = 11")
            .with("unknown_is = \"rejected\"")
            .with("filter = [{ field = \"first_name\", op = \"eq\", value = \"Odd\" }]"),
        contract(18, "/accept/late", "32.00").ping(&buyers.url("/reject/late"), "").with("offer = 200"),
    ]
}

/// Sells some dozens of leads at once, of both sorts, some of them odd.
async fn sell_many(server: &Server, batch: usize) {
    let mut running = tokio::task::JoinSet::new();
    for number in 0..40 {
        let campaign = if number % 5 == 0 { HOSTED } else { HOST_N_POST };
        let first = if number % 7 == 0 { "Odd" } else { "Even" };
        let who =
            format!("first_name={first}&email_address=p{batch}-{number}@example.com&zip_code=902{number:02}");
        let (client, body) = (server.tracking.clone(), format!("{campaign}&{who}"));
        running.spawn(async move { client.post_form("/d.ashx", &body).await.status });
    }
    assert!(running.join_all().await.iter().all(|status| *status == 200));
    for lead in stored(server).await {
        while server.site.store.runs_of(lead.row).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    }
    server.clock.advance_seconds(11);
}

/// Makes the network another one, and waits until what waits has been offered by it.
async fn change(server: &Server, network: &str) {
    let mut waiting = Vec::new();
    for lead in stored(server).await.into_iter().filter(|lead| lead.status == LeadStatus::Queued) {
        waiting.push((lead.row, server.site.store.runs_of(lead.row).await.unwrap().len()));
    }
    server.apply(network).await;
    for (lead, runs) in waiting {
        while server.site.store.runs_of(lead).await.unwrap().len() == runs {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replaying_the_unchanged_network_reproduces_every_decision_to_the_byte() {
    let buyers = MockBuyers::start().await.unwrap();
    let ping = [(Part::HostNPostOffer, "distribution = \"async_ping\"\npayout = \"2.00\"")];
    let server = Server::start(&market_with(&ping, &crowd(&buyers))).await;
    sell_many(&server, 0).await;
    sell_many(&server, 1).await;
    // Campaigns that the server makes are versions too, and so is another network.
    server.visitor().get("/?a=13&c=2001").await;
    sell_many(&server, 2).await;
    let mut other = crowd(&buyers);
    other[9] = Contract::new(16, &buyers.url("/accept/ten"), "36.00").row("cap = 25");
    let one_by_one = [(Part::HostNPostOffer, "distribution = \"ping\"\npayout_percent = \"10\"")];
    change(&server, &market_with(&one_by_one, &other)).await;
    sell_many(&server, 3).await;
    let since = server.clock.now();
    sell_many(&server, 4).await;
    sell_many(&server, 5).await;

    let report = replay(&server).await;
    assert_eq!((report.different, &report.differences, &report.not_replayable.runs), (0, &vec![], &0));
    assert_eq!(report.then.leads, 240);
    assert!(report.runs > 240, "some were offered twice: {}", report.runs);
    assert_eq!(report.now, report.then);
    for sums in &report.contracts {
        assert_eq!(sums.now, sums.then, "contract {}", sums.contract);
    }
    assert_eq!((report.assumptions, report.runs_not_reached), (Assumed::default(), 0));
    let all: Vec<ContractResult> = all_results(&server).await;
    for seen in [
        ContractResult::Sold,
        ContractResult::PingRejected,
        ContractResult::PostRejected,
        ContractResult::PostDuplicate,
        ContractResult::PostError,
        ContractResult::PostUnknown,
        ContractResult::CapReached,
        ContractResult::NoCredit,
        ContractResult::FilterUnmatched,
        ContractResult::Outbid,
        ContractResult::NotNeeded,
    ] {
        assert!(all.contains(&seen), "no buyer was {seen:?}");
    }
    let brought = stored(&server).await.iter().map(|lead| lead.revenue.micros()).sum();
    assert_eq!(report.then.revenue, Money::from_micros(brought));

    // The same by a file that says what is: caps and credit go from lead to lead.
    let same = replay_with(&server, "", since).await;
    assert_eq!((same.then.leads, same.different), (80, 0));
    assert_eq!((same.now, same.assumptions), (same.then, Assumed::default()));
    for sums in &same.contracts {
        assert_eq!(sums.now, sums.then, "contract {}", sums.contract);
    }
}

/// What became of contracts, in all runs of all leads.
async fn all_results(server: &Server) -> Vec<ContractResult> {
    let mut all = Vec::new();
    for lead in stored(server).await {
        let runs = server.site.store.runs_of(lead.row).await.unwrap();
        all.extend(runs.iter().flat_map(|run| &run.summary).map(|(_, result, _)| *result));
    }
    all
}

#[tokio::test]
async fn a_changed_price_shows_who_would_have_bought_and_what_it_had_brought() {
    let buyers = MockBuyers::start().await.unwrap();
    let dear = Contract::new(7, &buyers.url("/in-turn/dear?of=accept,reject"), "30.00");
    let cheap = Contract::new(8, &buyers.url("/accept/cheap"), "20.00");
    let server = Server::start(&market(&[dear.clone(), cheap.clone()])).await;
    for name in ["ann", "bob"] {
        assert_sold(&sell(&server, name).await);
    }
    let ever = EVER.0;
    let same = replay_with(&server, "", ever).await;
    assert_eq!(money(&same), ["2 of 2: 50.00 - 4.00 = 46.00", "2 of 2: 50.00 - 4.00 = 46.00"]);
    let raised = Contract::new(8, &buyers.url("/accept/cheap"), "40.00");
    let report = replay_with(&server, &raised.to_string(), ever).await;
    assert_eq!(money(&report), ["2 of 2: 50.00 - 4.00 = 46.00", "2 of 2: 80.00 - 4.00 = 76.00"]);
    assert_eq!(of(&report, 7), ["2 2 1 30.00", "2 0 0 0.00"]);
    assert_eq!(of(&report, 8), ["2 1 1 20.00", "2 2 2 80.00"]);
    // It was never posted the first lead; that it refused nobody knows.
    let assumed = Assumed { leads: 1, pings: 0, posts: 1, revenue: "40.00".parse().unwrap() };
    assert_eq!(report.assumptions, assumed);
    assert_eq!(report.different, 0);
    assert_eq!(buyers.count("/accept/cheap"), 1, "nobody is asked by a replay");
}

#[tokio::test]
async fn a_changed_order_filter_schedule_or_status_decides_who_buys() {
    let buyers = MockBuyers::start().await.unwrap();
    let [first, second] = [7, 8].map(|id| Contract::new(id, &buyers.url(&format!("/accept/{id}")), "30.00"));
    let server = Server::start(&market(&[first.clone(), second.clone()])).await;
    assert_sold(&sell(&server, "ann").await);
    assert_eq!(results(&server, &only(&server).await).await, ["7 sold", "8 not_needed"]);
    let filter = "filter = [{ field = \"zip_code\", op = \"eq\", value = \"10001\" }]";
    for changed in [
        first.clone().with("rank = 5"),
        first.clone().with(filter),
        first.clone().open("09:00", "17:00"),
        first.clone().with("status = \"inactive\""),
        first.clone().buyer("status = \"inactive\""),
        first.clone().row("cap = 0"),
        first.clone().buyer("credit = { type = \"prepaid\", balance = \"29.99\" }"),
        first.clone().with("exclude_affiliates = [12]"),
        second.clone().row("priority = true"),
        second.clone().with("rank = -1"),
    ] {
        let report = replay_with(&server, &changed.to_string(), EVER.0).await;
        assert_eq!(of(&report, 7)[1].split(' ').nth(2), Some("0"), "{changed}");
        assert_eq!(of(&report, 8)[1], "1 1 1 30.00", "{changed}");
        assert_eq!(money(&report)[1], "1 of 1: 30.00 - 2.00 = 28.00", "{changed}");
    }
}

#[tokio::test]
async fn changed_caps_and_credit_are_used_up_by_the_replayed_leads() {
    let buyers = MockBuyers::start().await.unwrap();
    let capped = Contract::new(7, &buyers.url("/accept/7"), "30.00").row("cap = 2");
    let rest = Contract::new(8, &buyers.url("/accept/8"), "20.00");
    let server = Server::start(&market(&[capped, rest])).await;
    for name in ["ann", "bob", "cay", "dan", "eve"] {
        assert_sold(&sell(&server, name).await);
    }
    let with = async |row: &str, buyer: &str| {
        let changed = Contract::new(7, &buyers.url("/accept/7"), "30.00").row(row).buyer(buyer);
        let report = replay_with(&server, &changed.to_string(), EVER.0).await;
        [of(&report, 7), of(&report, 8)].map(|[then, now]| format!("{then} / {now}"))
    };
    let unlimited = "credit = { type = \"unlimited\" }";
    assert_eq!(with("cap = 2", unlimited).await, ["2 2 2 60.00 / 2 2 2 60.00", "5 3 3 60.00 / 5 3 3 60.00"]);
    assert_eq!(with("cap = 4", unlimited).await, ["2 2 2 60.00 / 4 4 4 120.00", "5 3 3 60.00 / 5 1 1 20.00"]);
    assert_eq!(with("cap = 1", unlimited).await, ["2 2 2 60.00 / 1 1 1 30.00", "5 3 3 60.00 / 5 4 4 80.00"]);
    let poor = "credit = { type = \"prepaid\", balance = \"70.00\", limit = \"20.00\" }";
    assert_eq!(with("cap = 9", poor).await, ["2 2 2 60.00 / 3 3 3 90.00", "5 3 3 60.00 / 5 2 2 40.00"]);
}

/// Leads that came at once read caps and credit before any of them had bought.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_leads_that_came_at_once_no_more_are_sold_by_changed_caps_and_credit_than_those_allow() {
    let buyers = MockBuyers::start().await.unwrap();
    let with = |cap: u32, price: &str, credit: &str| {
        let contract = Contract::new(7, &buyers.url("/after?ms=50&then=accept"), price);
        let contract = contract.row(&format!("cap = {cap}")).buyer(&format!("credit = {credit}"));
        contract.with("max_post_errors = 11")
    };
    let (unlimited, prepaid) = ("{ type = \"unlimited\" }", "{ type = \"prepaid\", balance = \"300.00\" }");
    for credit in [unlimited, prepaid] {
        let server = Server::start(&market(&[with(10, "30.00", credit)])).await;
        let mut running = tokio::task::JoinSet::new();
        for number in 0..30 {
            let client = server.tracking.clone();
            let body = format!("{HOST_N_POST}&email_address=p{number}@example.com&zip_code=90210");
            running.spawn(async move { client.post_form("/d.ashx", &body).await.status });
        }
        assert!(running.join_all().await.iter().all(|status| *status == 200));
        let by = async |cap: u32, price: &str| {
            let report = replay_with(&server, &with(cap, price, credit).to_string(), EVER.0).await;
            assert_eq!(report.assumptions, Assumed::default());
            report.now.sold
        };
        assert_eq!(by(10, "30.00").await, 10, "as it was");
        // This clock stands still, so that nobody can tell which runs began first: it may be
        // fewer, and never more.
        for (cap, price, most) in [
            (3, "30.00", 3),
            (1, "30.00", 1),
            (9, "30.00", 9),
            (10, "100.00", if credit == prepaid { 3 } else { 10 }),
        ] {
            let sold = by(cap, price).await;
            assert!(sold <= most, "{sold} at {price} with a cap of {cap}");
        }
    }
}

#[tokio::test]
async fn payouts_follow_the_changed_offer_and_what_is_not_changed_is_as_it_was() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/in-turn/7?of=accept,reject"), "30.00");
    let server = Server::start(&market(std::slice::from_ref(&contract))).await;
    assert_sold(&sell(&server, "ann").await);
    assert_unsold(&sell(&server, "bob").await);
    let paid = async |keys: &str| {
        let file = market_with(&[(Part::HostNPostOffer, keys)], std::slice::from_ref(&contract));
        money(&replay_with(&server, &file, EVER.0).await)[1].clone()
    };
    assert_eq!(paid("payout = \"2.00\"").await, "1 of 2: 30.00 - 2.00 = 28.00");
    assert_eq!(paid("payout = \"5.00\"").await, "1 of 2: 30.00 - 5.00 = 25.00");
    assert_eq!(paid("payout_percent = \"50\"").await, "1 of 2: 30.00 - 15.00 = 15.00");
    assert_eq!(paid("payout = \"5.00\"\npay_only_when_sold = false").await, "1 of 2: 30.00 - 10.00 = 20.00");
    assert_eq!(paid("payout = \"5.00\"\npay_on_post = false").await, "1 of 2: 30.00 - 0.00 = 30.00");
    assert_eq!(paid("payout = \"31.00\"").await, "0 of 2: 0.00 - 0.00 = 0.00", "the margin is too small");
}

#[tokio::test]
async fn a_changed_distribution_asks_by_the_answers_that_were_given() {
    let buyers = MockBuyers::start().await.unwrap();
    let bidder =
        Contract::new(7, &buyers.url("/accept/7"), "10.00").ping(&buyers.url("/ping?price=25.00"), "");
    let fixed = Contract::new(8, &buyers.url("/accept/8"), "20.00");
    let network = |distribution: &str| {
        let keys = format!("distribution = \"{distribution}\"\npayout = \"2.00\"");
        market_with(&[(Part::HostNPostOffer, &keys)], &[bidder.clone(), fixed.clone()])
    };
    let server = Server::start(&network("async_ping")).await;
    assert_sold(&sell(&server, "ann").await);
    let report = replay_with(&server, &network("direct"), EVER.0).await;
    assert_eq!(of(&report, 7), ["1 1 1 25.00", "1 0 0 0.00"]);
    assert_eq!(of(&report, 8), ["1 0 0 0.00", "1 1 1 20.00"]);
    assert_eq!((report.assumptions.pings, report.assumptions.posts), (0, 1));
    let server = Server::start(&network("direct")).await;
    assert_sold(&sell(&server, "ann").await);
    let report = replay_with(&server, &network("async_ping"), EVER.0).await;
    assert_eq!((report.assumptions.pings, report.assumptions.posts), (1, 0), "taken for its row's price");
    assert_eq!(of(&report, 8), ["1 1 1 20.00", "1 1 1 20.00"]);
}

#[tokio::test]
async fn a_lead_that_was_tried_again_counts_once_and_ends_with_the_run_that_sells_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let later = Contract::new(7, &buyers.url("/accept/7"), "30.00").open("09:00", "17:00");
    let refuses = Contract::new(8, &buyers.url("/reject/8"), "20.00");
    let server = Server::start(&market(&[later, refuses])).await;
    crate::posts::accepted(&server, &[HOSTED, crate::posts::ANN]).await;
    until(&server, LeadStatus::Queued).await;
    server.clock.set("2026-07-01T13:00:00Z");
    until(&server, LeadStatus::Sold).await;
    let report = replay(&server).await;
    assert_eq!((report.runs, report.then.leads, report.now.leads), (2, 1, 1));
    assert_eq!(of(&report, 7), ["1 1 1 30.00", "1 1 1 30.00"]);
    assert_eq!(of(&report, 8), ["1 1 0 0.00", "1 1 0 0.00"], "asked once");

    // Open at once, it buys in the first run, and there is no second.
    let open = Contract::new(7, &buyers.url("/accept/7"), "30.00");
    let report = replay_with(&server, &open.to_string(), EVER.0).await;
    assert_eq!(money(&report), ["1 of 1: 30.00 - 12.00 = 18.00", "1 of 1: 30.00 - 12.00 = 18.00"]);
    assert_eq!((report.runs_not_reached, report.assumptions.posts), (1, 0));
    assert_eq!(of(&report, 8), ["1 1 0 0.00", "1 0 0 0.00"]);

    // Closed all the time it does not buy at all, and no further run is made up.
    let closed = Contract::new(7, &buyers.url("/accept/7"), "30.00").open("18:00", "19:00");
    let report = replay_with(&server, &closed.to_string(), EVER.0).await;
    assert_eq!(money(&report)[1], "0 of 1: 0.00 - 12.00 = -12.00", "a hosted lead is paid sold or not");
}

#[tokio::test]
async fn a_post_of_unknown_end_counts_as_it_was_settled() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/buyer"), "30.00");
    let server = Server::start(&market(&[contract])).await;
    buyers.set("/buyer", Behaviour::CutAfter { made: None });
    for name in ["ann", "bob", "cay"] {
        assert_unsold(&sell(&server, name).await);
    }
    let [ann, bob, _]: [Lead; 3] = stored(&server).await.try_into().unwrap();
    let price = Some("27.00".parse().unwrap());
    server.selling.settle_held(ann.id, ContractId(7), HeldEnd::Sold(price), &Said::default()).await.unwrap();
    server.selling.settle_held(bob.id, ContractId(7), HeldEnd::Refused, &Said::default()).await.unwrap();
    let report = replay(&server).await;
    assert_eq!(money(&report)[0], money(&report)[1]);
    assert_eq!(of(&report, 7), ["3 3 1 27.00", "3 3 1 27.00"]);
    let other = Contract::new(8, &buyers.url("/accept"), "20.00");
    let report = replay_with(&server, &other.to_string(), EVER.0).await;
    assert_eq!(of(&report, 7), ["3 3 1 27.00", "3 3 1 27.00"]);
    assert_eq!(of(&report, 8)[1], "3 0 0 0.00", "nobody else gets it meanwhile");
}

#[tokio::test]
async fn a_replay_takes_leads_by_when_they_came_and_no_tests() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/accept"), "30.00")])).await;
    let mut came = Vec::new();
    for name in ["ann", "bob", "cay"] {
        came.push(server.clock.now());
        assert_sold(&sell(&server, name).await);
        server.clock.advance_seconds(600);
    }
    let between = async |from, to| {
        let replaying = Replaying::new(&server.site.store, &server.site.network, None);
        let mut told = Vec::new();
        let report = replaying.leads(from, to, &mut |done, of| told.push((done, of))).await.unwrap();
        (report.then.leads, told)
    };
    assert_eq!(between(came[0], came[2]).await, (2, vec![(0, 2), (1, 2), (2, 2)]));
    assert_eq!(between(came[1], came[1]).await, (0, vec![(0, 0)]));
    let test = format!("{}&ckm_test=1&email_address=dan@example.com&zip_code=90210", HOST_N_POST);
    server.tracking.post_form("/d.ashx", &test).await;
    assert_eq!(replay(&server).await.then.leads, 3);
}

#[tokio::test]
async fn what_was_recorded_otherwise_is_told_by_lead_and_contract() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/accept"), "30.00")])).await;
    assert_sold(&sell(&server, "ann").await);
    // Further runs, as a program that decides otherwise would have recorded them.
    let mut first = server.site.store.runs_of(only(&server).await.row).await.unwrap();
    let first = first.remove(0);
    let record = async |number: u32, results: String, inputs: String| {
        let (lead, now) = (only(&server).await, server.clock.now());
        let id = server.site.rows.next(now);
        let run = RunRecord { id, number, results, inputs, ..first.clone() };
        let change = LeadChange { run: Some(run), ..LeadChange::new(lead, now) };
        server.site.store.act(change).await.unwrap();
    };
    record(2, first.results.replace("\"sold\"", "\"outbid\""), first.inputs.clone()).await;
    record(3, first.results.replace("{\"contract\"", "{ \"contract\""), first.inputs.clone()).await;
    let lead = only(&server).await;
    let report = replay(&server).await;
    let of_contract = Difference {
        lead: lead.id,
        run: 2,
        contract: Some(ContractId(7)),
        recorded: "outbid".to_owned(),
        replayed: "sold".to_owned(),
    };
    let of_bytes = Difference {
        run: 3,
        contract: None,
        recorded: "the same results".to_owned(),
        replayed: "in other bytes".to_owned(),
        ..of_contract.clone()
    };
    assert_eq!((report.different, report.differences), (2, vec![of_contract, of_bytes]));
    record(4, first.results.clone(), "{}".to_owned()).await;
    let report = replay(&server).await;
    assert_eq!((report.then.leads, report.different), (0, 2), "its lead is left out");
    assert_eq!((report.not_replayable.runs, report.not_replayable.first), (1, Some((lead.id, 4))));
}

#[tokio::test]
async fn one_lead_is_told_of_run_by_run_and_contract_by_contract() {
    let buyers = MockBuyers::start().await.unwrap();
    let dear = Contract::new(7, &buyers.url("/accept/7"), "30.00");
    let cheap = Contract::new(8, &buyers.url("/accept/8"), "20.00");
    let server = Server::start(&market(&[dear, cheap])).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    let raised = Contract::new(8, &buyers.url("/accept/8"), "40.00");
    let file = parse(&raised.to_string(), FileFormat::Toml).unwrap();
    let changed = server.site.network.preview(&file, false).await.unwrap();
    let replaying = Replaying::new(&server.site.store, &server.site.network, Some(changed));
    let report = replaying.lead(&lead).await.unwrap();
    assert_eq!(report.lead_runs.len(), 1);
    let run = &report.lead_runs[0];
    assert_eq!((run.run, run.reached), (1, true));
    let told: Vec<_> = run
        .contracts
        .iter()
        .map(|one| {
            let code =
                |decided: &Option<Decided>| decided.as_ref().map(|decided| decided.result.as_str()).unwrap();
            format!("{} {} {} {}", one.contract, code(&one.then), code(&one.now), one.assumed)
        })
        .collect();
    assert_eq!(told, ["7 sold not_needed false", "8 not_needed sold true"]);
    assert_eq!(report.now.revenue.to_string(), "40.00");
}
