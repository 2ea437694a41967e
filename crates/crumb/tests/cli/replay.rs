//! `crumb replay`.

use crate::program::{NETWORK, Place};
use crumb_testkit::buyers::MockBuyers;
use serde_json::{Value, json};

const POST: &str = "/d.ashx?ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK";

/// Buyers that are played while a test runs.
struct Buyers {
    _runtime: tokio::runtime::Runtime,
    buyers: MockBuyers,
}

impl Buyers {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let buyers = runtime.block_on(MockBuyers::start()).expect("a free port");
        Self { _runtime: runtime, buyers }
    }

    fn contract(&self, id: u32, path: &str, price: &str) -> String {
        format!(
            "[[buyer]]\nid = {id}\nname = \"Buyer {id}\"\n\
             [[contract]]\nid = {id}\nbuyer = {id}\nvertical = 1\nname = \"Contract {id}\"\n\
             schedule = [{{ days = [\"all\"], open = \"00:00\", close = \"24:00\", price = \"{price}\", type = \"exclusive\" }}]\n\
             [contract.post]\nmethod = \"post\"\nurl = \"{}\"\naccepted = [\"xml:/result/msg=success\"]\n\
             rejected = [\"xml:/result/msg=rejected\"]\nparams = [[\"email\", \"#email_address#\"]]\n",
            self.buyers.url(path)
        )
    }
}

/// A network with two buyers, and three leads that they were offered.
fn sold(buyers: &Buyers) -> (Place, crate::program::Server) {
    let mut place = Place::new();
    place.set("CRUMB_OUTBOUND_ALLOW", "127.0.0.0/8");
    let first = buyers.contract(7, "/in-turn/seven?of=accept,reject,accept", "30.00");
    let second = buyers.contract(8, "/accept/eight", "20.00");
    place.write("network.toml", &format!("{NETWORK}\n{first}\n{second}"));
    place.write("raised.toml", &buyers.contract(8, "/accept/eight", "45.50"));
    assert_eq!(place.run(&["apply", "network.toml"]).exit, Some(0));
    let server = place.serve(&[]);
    for name in ["ann", "bob", "cay"] {
        let answer = server.get(server.tracking, &format!("{POST}&email_address={name}@example.com"));
        assert!(answer.contains("<msg>success</msg>"), "{answer}");
    }
    (place, server)
}

/// From the table on.
fn table(printed: &str) -> &str {
    printed.split_once("\n\n").unwrap_or_else(|| panic!("{printed}")).1
}

#[test]
fn replay_prints_what_leads_earned_then_and_now_beside_a_server_and_without() {
    let buyers = Buyers::start();
    let (place, server) = sold(&buyers);
    let printed = place.run(&["replay"]);
    assert_eq!((printed.exit, printed.stderr.as_str()), (Some(0), ""));
    assert!(printed.stdout.starts_with("Leads that came from "), "{}", printed.stdout);
    let expected = "\
USD                   THEN             NOW      DIFFERENCE
leads                    3               3
sold                     3               3
sell rate          100.0 %         100.0 %
revenue              80.00           80.00
payout                0.00            0.00
margin               80.00           80.00

CONTRACT  NAME        OFFERED  POSTED  SOLD  REVENUE
       7  Contract 7        3       3     2    60.00
       8  Contract 8        3       1     1    20.00

Nothing is assumed: each answer was given.
3 runs decided again: each as it was recorded, to the byte.
";
    assert_eq!(table(&printed.stdout), expected);

    let changed = place.printed(&["replay", "--network", "raised.toml"]);
    assert!(changed.contains("Now: decided again by the present network with raised.toml.\n"), "{changed}");
    let expected = "\
USD                   THEN             NOW      DIFFERENCE
leads                    3               3
sold                     3               3
sell rate          100.0 %         100.0 %
revenue              80.00          136.50          +56.50
payout                0.00            0.00
margin               80.00          136.50          +56.50

CONTRACT  NAME        OFFERED  POSTED   SOLD         REVENUE
       7  Contract 7        3   3 → 0  2 → 0    60.00 → 0.00
       8  Contract 8        3   1 → 3  1 → 3  20.00 → 136.50

Assumed: 2 posts and 0 pings that were never made, of 2 leads, are taken for accepted. 91.00 USD of the revenue now rests on that.
";
    assert_eq!(table(&changed), expected);
    assert_eq!(place.printed(&["versions"]).lines().count(), 1, "nothing was applied");

    server.signal("TERM");
    assert_eq!(server.ended().0, Some(0));
    let alone = place.printed(&["replay", "--network", "raised.toml"]);
    assert_eq!(table(&alone), expected);
    assert!(place.command(&["replay"]).output().unwrap().stderr.is_empty(), "no bar but on a terminal");
}

#[test]
fn replay_prints_json_for_machines_and_one_lead_by_its_contracts() {
    let buyers = Buyers::start();
    let (place, _server) = sold(&buyers);
    let printed = place.printed(&["replay", "--network", "raised.toml", "--json"]);
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let now = json!({ "leads": 3, "sold": 3, "sell_rate": "100.0", "revenue": "136.50", "payout": "0.00", "margin": "136.50" });
    assert_eq!((&printed["now"], &printed["then"]["revenue"]), (&now, &json!("80.00")));
    let of_8 = json!({
        "contract": 8,
        "then": { "offered": 3, "posted": 1, "sold": 1, "revenue": "20.00" },
        "now": { "offered": 3, "posted": 3, "sold": 3, "revenue": "136.50" },
    });
    assert_eq!(printed["contracts"][1], of_8);
    let assumed = json!({ "leads": 2, "pings": 0, "posts": 2, "revenue": "91.00" });
    assert_eq!(printed["assumptions"], assumed);
    assert_eq!((&printed["network"], &printed["different"]), (&json!("raised.toml"), &json!(0)));
    assert!(printed["from"].is_string() && printed["to"].is_string(), "{printed}");

    let store = rusqlite::Connection::open(place.path("data/crumb.db")).unwrap();
    let id: i64 = store.query_row("SELECT id FROM lead ORDER BY row LIMIT 1", [], |row| row.get(0)).unwrap();
    let id = crumb_domain::LeadId::from_number(u64::try_from(id).unwrap()).unwrap().to_string();
    let lead = place.printed(&["replay", "--network", "raised.toml", "--lead", &id]);
    assert!(lead.starts_with(&format!("Lead {id}: sold\n")), "{lead}");
    assert!(lead.contains("\nrun 1, "), "{lead}");
    let expected = "\
CONTRACT  THEN        NOW
       7  sold 30.00  not_needed
       8  not_needed  sold 45.50  assumed
";
    assert!(lead.contains(expected), "{lead}");
    assert_eq!(place.refused(&["replay", "--lead", "AAAAAAAA"]), "no lead AAAAAAAA\n");
}

#[test]
fn a_decision_that_is_not_the_recorded_one_is_told_with_exit_code_1() {
    let buyers = Buyers::start();
    let (place, server) = sold(&buyers);
    server.signal("TERM");
    assert_eq!(server.ended().0, Some(0));
    let store = rusqlite::Connection::open(place.path("data/crumb.db")).unwrap();
    let edit = |sql: &str| assert_eq!(store.execute(sql, []).unwrap(), 1, "{sql}");
    edit(
        "UPDATE run SET results = replace(results, '\"not_needed\"', '\"outbid\"') WHERE id = (SELECT min(id) FROM run)",
    );
    let ran = place.run(&["replay"]);
    assert_eq!(ran.exit, Some(1));
    assert!(
        ran.stderr.ends_with(", run 1, contract 8: recorded outbid, replayed not_needed\n"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("revenue              80.00           80.00\n"), "{}", ran.stdout);
    let ran = place.run(&["replay", "--network", "raised.toml"]);
    assert_eq!(ran.exit, Some(0));
    assert!(ran.stderr.starts_with("1 results are not what they were even by "), "{}", ran.stderr);

    // As it was recorded again, so that what follows is told for itself.
    edit(
        "UPDATE run SET results = replace(results, '\"outbid\"', '\"not_needed\"') WHERE id = (SELECT min(id) FROM run)",
    );
    assert_eq!(place.run(&["replay"]).exit, Some(0));
    edit("UPDATE run SET inputs = 'gone' WHERE id = (SELECT max(id) FROM run)");
    let ran = place.run(&["replay"]);
    assert_eq!(ran.exit, Some(1));
    assert!(
        ran.stderr.starts_with("1 of 3 runs cannot be decided again by this program, "),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("leads                    2               2\n"), "{}", ran.stdout);
}

#[test]
fn runs_that_a_crash_broke_off_are_left_out_and_no_difference() {
    let buyers = Buyers::start();
    let (place, server) = sold(&buyers);
    server.signal("TERM");
    assert_eq!(server.ended().0, Some(0));
    let store = rusqlite::Connection::open(place.path("data/crumb.db")).unwrap();
    let cut_off = |which: &str| {
        let sql = format!(
            "UPDATE run SET inputs = 'null', events = 'null' WHERE id = (SELECT {which}(id) FROM run)"
        );
        assert_eq!(store.execute(&sql, []).unwrap(), 1);
    };
    cut_off("max");
    let printed = place.printed(&["replay"]);
    assert!(printed.contains("leads                    2               2\n"), "{printed}");
    let end = "\n1 run was broken off: what it met is lost, and its lead is left out.\n\
               2 runs decided again: each as it was recorded, to the byte.\n";
    assert!(printed.ends_with(end), "{printed}");
    let report: Value = serde_json::from_str(&place.printed(&["replay", "--json"])).unwrap();
    assert_eq!((&report["runs"], &report["broken_off"]["runs"]), (&json!(3), &json!(1)));
    assert_eq!(report["not_replayable"]["runs"], 0);
    cut_off("min");
    let printed = place.printed(&["replay", "--network", "raised.toml"]);
    let end = "\n2 runs were broken off: what they met is lost, and their leads are left out.\n";
    assert!(printed.ends_with(end), "{printed}");
}

#[test]
fn a_time_without_leads_a_faulty_file_and_no_store_are_told() {
    let place = Place::with_network();
    let printed = place.printed(&["replay", "--from", "2020-01-01", "--to", "2020-02-01T00:00:00Z"]);
    let expected = "Leads that came from 2020-01-01T00:00:00Z until before 2020-02-01T00:00:00Z\n\
        Then: what happened. Now: decided again by the network that decided it then.\n\n\
        No such lead was offered to anybody.\n";
    assert_eq!(printed, expected);
    place.write("faulty.toml", "[[campaign]]\nid = 59\naffiliate = 12\noffer = 999\n");
    assert_eq!(place.refused(&["replay", "--network", "faulty.toml"]), "campaign[0].offer: no offer 999\n");
    assert!(place.refused(&["replay", "--network", "none.toml"]).starts_with("none.toml: "));
    assert_eq!(
        place.refused(&["replay", "--from", "tomorrow"]),
        "--from tomorrow: not a day like \"2030-01-01\": not a time like \"2030-01-01T00:00:00Z\"\n"
    );
    let refused = place.refused(&["replay", "--from", "2020-02-01", "--to", "2020-01-01"]);
    assert_eq!(refused, "--from 2020-02-01T00:00:00Z is not before --to 2020-01-01T00:00:00Z\n");
    assert!(place.refused(&["replay", "--prune"]).contains("--network"));
    let why = "there is no store empty/crumb.db: `crumb apply` or `crumb serve` makes one, and --data says where it is\n";
    assert_eq!(place.refused(&["replay", "--data", "empty"]), why);
    assert!(!place.path("empty").exists(), "nothing is made by looking");
}
