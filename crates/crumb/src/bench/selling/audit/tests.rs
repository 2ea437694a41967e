use super::super::buyers::Post;
use super::*;
use crumb_domain::LeadId;

const DEAR: Money = Money::from_micros(20_000_000);
const PAYOUT: Money = Money::from_micros(500_000);

fn id(text: &str) -> LeadId {
    text.parse().unwrap()
}

fn post(contract: u64, bought: Option<Money>) -> Post {
    Post { contract, bought, took: Duration::from_millis(20) }
}

/// Lead 0 was refused by 10 and bought by 3; lead 1 nobody bought.
fn sound() -> (Vec<Answered<Said>>, Stored, Record) {
    let took = Duration::from_millis(70);
    let answers = vec![
        Answered { number: 0, took, said: Said::Sold { lead: id("AAAAAAAA"), payout: PAYOUT } },
        Answered { number: 1, took, said: Said::Unsold },
    ];
    let unsold = StoredLead {
        id: id("BBBBBBBB"),
        status: "unsold".to_owned(),
        payout: Money::ZERO,
        sales: Vec::new(),
        sale_entries: Vec::new(),
        payout_entries: Money::ZERO,
        pings: 10,
        answered_pings: 10,
        posts: Vec::new(),
    };
    let sold = StoredLead {
        id: id("AAAAAAAA"),
        status: "sold".to_owned(),
        payout: PAYOUT,
        sales: vec![(3, DEAR)],
        sale_entries: vec![(3, DEAR)],
        payout_entries: PAYOUT,
        pings: 10,
        answered_pings: 10,
        posts: vec![10, 3],
    };
    let leads = [(0, sold), (1, unsold)].into();
    let slowest_ping = Duration::from_millis(25);
    let posts = vec![post(10, None), post(3, Some(DEAR))];
    let calls = [
        ("AAAAAAAA".to_owned(), Calls { pings: 10, slowest_ping, posts }),
        ("BBBBBBBB".to_owned(), Calls { pings: 10, slowest_ping, posts: Vec::new() }),
    ];
    let record = Record { leads: calls.into(), ..Record::default() };
    (answers, Stored { leads, ..Stored::default() }, record)
}

/// The fault that is found after a change of what is sound.
fn fault(change: impl FnOnce(&mut Vec<Answered<Said>>, &mut Stored, &mut Record)) -> String {
    let (mut answers, mut stored, mut record) = sound();
    change(&mut answers, &mut stored, &mut record);
    let told = check(&answers, &stored, &record).unwrap_err().to_string();
    told.split_once('\n').unwrap().1.to_owned()
}

fn lead(stored: &mut Stored, number: u64) -> &mut StoredLead {
    stored.leads.get_mut(&number).unwrap()
}

fn calls<'r>(record: &'r mut Record, lead: &str) -> &'r mut Calls {
    record.leads.get_mut(lead).unwrap()
}

#[test]
fn what_agrees_passes_and_is_counted() {
    let (answers, stored, record) = sound();
    let tally = Tally {
        sold: 0,
        sold_after_refusal: 1,
        unsold: 1,
        pings: 20,
        late_pings: 0,
        posts: 2,
        revenue: DEAR,
        payout: PAYOUT,
    };
    assert_eq!(check(&answers, &stored, &record).unwrap(), tally);
}

#[test]
fn our_own_time_is_what_neither_the_slowest_ping_nor_a_post_took() {
    let (answers, stored, record) = sound();
    let own: Vec<u128> = times(&answers, &stored, &record).map(|(_, own)| own.as_millis()).collect();
    assert_eq!(own, [70 - 25 - 20 - 20, 70 - 25]);
}

#[test]
fn a_sale_that_the_store_lost_fails_the_run() {
    let told = fault(|_, stored, _| lead(stored, 0).sales.clear());
    assert!(told.contains("its buyers bought 3 for 20.00; sold are none"), "{told}");
    assert!(told.contains("stored as sold with 0 sales"), "{told}");
}

#[test]
fn a_sale_that_no_buyer_made_fails_the_run() {
    let told = fault(|_, _, record| calls(record, "AAAAAAAA").posts[1].bought = None);
    assert_eq!(told, "lead 0 (AAAAAAAA): its buyers bought none; sold are 3 for 20.00");
}

#[test]
fn a_lead_that_two_buyers_bought_fails_the_run() {
    let told = fault(|_, stored, record| {
        calls(record, "AAAAAAAA").posts[0].bought = Some(DEAR);
        lead(stored, 0).sales.insert(0, (10, DEAR));
        lead(stored, 0).sale_entries.insert(0, (10, DEAR));
    });
    assert!(told.ends_with("stored as sold with 2 sales and a payout of 0.50"), "{told}");
}

#[test]
fn a_lead_that_one_buyer_was_sent_twice_fails_the_run() {
    let told = fault(|_, stored, record| {
        calls(record, "AAAAAAAA").posts[0].contract = 3;
        lead(stored, 0).posts[0] = 3;
    });
    assert_eq!(told, "lead 0 (AAAAAAAA): sent twice to one buyer: [3, 3]");
}

#[test]
fn a_lead_that_was_answered_and_is_not_stored_fails_the_run() {
    let told = fault(|_, stored, _| drop(stored.leads.remove(&1)));
    assert!(told.starts_with("lead 1 was answered, and is not in the store"), "{told}");
}

#[test]
fn a_lead_that_nobody_answered_for_fails_the_run() {
    let told = fault(|answers, _, _| answers.truncate(1));
    assert!(
        told.contains("the store holds 2 leads, 0 of them of no post or twice; 1 were answered"),
        "{told}"
    );
    assert!(told.contains("buyers were told of lead BBBBBBBB, which was never answered"), "{told}");
}

#[test]
fn another_answer_than_what_is_stored_fails_the_run() {
    let told = fault(|answers, _, _| answers[0].said = Said::Unsold);
    assert!(told.contains("answered as bought by nobody; stored as sold"), "{told}");
    let told = fault(|_, stored, _| lead(stored, 1).status = "pending_unknown".to_owned());
    assert!(told.contains("stored as pending_unknown with 0 sales"), "{told}");
}

#[test]
fn money_that_the_ledger_does_not_know_fails_the_run() {
    let told = fault(|_, stored, _| lead(stored, 0).sale_entries.clear());
    assert!(told.contains("in the ledger are none and 0.50"), "{told}");
    let told = fault(|_, stored, _| lead(stored, 0).payout_entries = Money::ZERO);
    assert!(told.contains("in the ledger are 3 for 20.00 and 0.00"), "{told}");
    let told = fault(|_, stored, _| stored.unbalanced.push(3));
    assert_eq!(told, "buyer 3: the balance is not the sum of the ledger, or some is reserved");
}

#[test]
fn a_call_that_is_not_kept_and_one_that_was_not_made_fail_the_run() {
    let told = fault(|_, stored, _| lead(stored, 1).pings = 9);
    assert_eq!(told, "lead 1 (BBBBBBBB): buyers had 10 pings; attempted were 9, and 10 answered");
    let told = fault(|_, _, record| calls(record, "BBBBBBBB").pings = 9);
    assert_eq!(told, "lead 1 (BBBBBBBB): buyers had 9 pings; attempted were 10, and 10 answered");
    let told = fault(|_, stored, _| lead(stored, 1).posts.push(7));
    assert_eq!(told, "lead 1 (BBBBBBBB): buyers had posts to []; sent were [7]");
}

#[test]
fn a_ping_whose_time_was_up_may_have_come_to_its_buyer_or_not() {
    for came in 8..=10 {
        let (answers, mut stored, mut record) = sound();
        lead(&mut stored, 1).answered_pings = 8;
        calls(&mut record, "BBBBBBBB").pings = came;
        assert_eq!(check(&answers, &stored, &record).unwrap().late_pings, 2);
    }
}

#[test]
fn what_has_no_end_fails_the_run() {
    assert_eq!(fault(|_, stored, _| stored.unended = 1), "1 leads or reservations have no end");
}
