//! `crumb lead` and `crumb held`, beside a server and without.

use crate::mock_buyer::Buyers;
use crate::program::{NETWORK, Place, Server};

const POST: &str = "/d.ashx?ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK&email_address=";

/// A lead's id from the answer to its post.
fn id_in(answer: &str) -> String {
    let (_, rest) = answer.split_once("<leadid>").unwrap_or_else(|| panic!("no lead: {answer}"));
    rest.split("</leadid>").next().unwrap_or_default().to_owned()
}

/// The codes of a time line, as it is printed.
fn codes(printed: &str) -> Vec<&str> {
    printed.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect()
}

fn stop(server: Server) {
    server.signal("TERM");
    assert_eq!(server.ended().0, Some(0));
}

#[test]
fn a_lead_is_decided_on_beside_a_server_and_without() {
    let place = Place::new();
    let network = NETWORK.replace("required = true", "required = true\nserver_decision = \"review\"");
    place.write("network.toml", &network.replace("host_n_post", "hosted"));
    place.printed(&["apply", "network.toml"]);
    let server = place.serve(&[]);
    let (first, second) = (
        id_in(&server.get(server.tracking, &format!("{POST}wrong"))),
        id_in(&server.get(server.tracking, &format!("{POST}false"))),
    );
    assert_eq!(
        place.printed(&["lead", "throw-out", &first, "--note", "a joke"]),
        format!("lead {first}: scrubbed (thrown_out)\n")
    );
    assert_eq!(
        place.refused(&["lead", "resell", &first]),
        format!("lead {first}: it is held back (thrown_out): accept it to offer it\n")
    );
    stop(server);
    assert_eq!(place.printed(&["lead", "accept", &first]), format!("lead {first}: queued\n"));
    assert_eq!(
        place.refused(&["lead", "accept", &first]),
        format!("lead {first}: nothing holds it back: it is queued\n")
    );
    assert_eq!(place.printed(&["lead", "accept", &second]), format!("lead {second}: queued\n"));
    assert_eq!(place.printed(&["lead", "resell", &second]), format!("lead {second}: queued\n"));
    let printed = place.printed(&["lead", "timeline", &first]);
    assert_eq!(codes(&printed), ["received", "review", "thrown_out", "accepted"], "{printed}");
    assert!(printed.contains("thrown out, before review: a joke (by the command line)\n"), "{printed}");
    let server = place.serve(&[]);
    assert_eq!(place.printed(&["lead", "timeline", &first]), printed);
    stop(server);
}

#[test]
fn leads_are_listed_with_where_they_stand_and_why() {
    let place = Place::new();
    let network = NETWORK.replace("required = true", "required = true\nserver_decision = \"review\"");
    place.write("network.toml", &network.replace("host_n_post", "hosted"));
    place.printed(&["apply", "network.toml"]);
    let none = place.run(&["leads"]);
    assert_eq!((none.stdout.as_str(), none.stderr.as_str(), none.exit), ("", "no leads\n", Some(0)));
    let server = place.serve(&[]);
    let waits = id_in(&server.get(server.tracking, &format!("{POST}wrong%1b[2J")));
    let good = id_in(&server.get(server.tracking, &format!("{POST}jo@example.com")));
    for (asked, expected) in [
        (&[][..], &[&good, &waits][..]),
        (&["--status", "review"], &[&waits]),
        (&["--status", "queued"], &[&good]),
        (&["--search", "JO@example.com"], &[&good]),
        (&["--search", &waits], &[&waits]),
        (&["--offer", "999"], &[]),
    ] {
        let printed = place.run(&[&["leads"], asked].concat()).stdout;
        let ids: Vec<&str> =
            printed.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(ids, *expected, "{asked:?}: {printed}");
        assert!(!printed.contains('\u{1b}'), "{printed:?}");
    }
    let review = place.printed(&["leads", "--status", "review"]);
    assert!(
        review.starts_with("AT ")
            && review.trim_end().ends_with("Validation Failed; Email address is not valid."),
        "{review}"
    );
    let newest = place.run(&["leads", "--limit", "1"]);
    assert!(newest.stdout.contains(&good) && newest.stderr == "1 older ones are not shown\n", "{newest:?}");
    let json: serde_json::Value =
        serde_json::from_str(&place.printed(&["leads", "--json", "--search", &good])).expect("JSON");
    let session = json[0]["request_id"].as_str().expect("its request id");
    assert!(place.printed(&["leads", "--search", session]).contains(&good));
    assert!(place.printed(&["explain", &good]).ends_with("\nIt was not offered yet.\n"));
    let why = format!("\nIt was never offered: crumb lead timeline {waits} says why.\n");
    assert!(place.printed(&["explain", &waits]).ends_with(&why));
    let refused = place.run(&["leads", "--status", "lost"]);
    assert!(refused.stderr.contains("expected sold, unsold, queued"), "{refused:?}");
    stop(server);
    assert_eq!(place.printed(&["leads", "--status", "review"]), review);
    place.printed(&["lead", "throw-out", &waits]);
    let scrubbed = place.printed(&["leads", "--status", "scrubbed"]);
    let why = "  thrown_out; Validation Failed; Email address is not valid.\n";
    assert!(scrubbed.ends_with(why), "beside what its fields were told: {scrubbed}");
}

#[test]
fn what_cannot_be_done_is_said() {
    let place = Place::with_network();
    for action in ["timeline", "accept", "throw-out", "resell"] {
        assert_eq!(place.refused(&["lead", action, "AAAAAAAA"]), "no lead AAAAAAAA\n");
    }
    let settle = ["lead", "settle", "AAAAAAAA", "--contract", "7"];
    assert_eq!(place.refused(&[&settle[..], &["--rejected"]].concat()), "no lead AAAAAAAA\n");
    let long = "n".repeat(1_001);
    let refused = place.refused(&["lead", "accept", "AAAAAAAA", "--note", &long]);
    assert_eq!(refused, "--note: at most 1000 characters\n");
    for wrong in [&[][..], &["--sold", "--rejected"][..], &["--sold", "x"][..]] {
        assert_eq!(place.run(&[&settle[..], wrong].concat()).exit, Some(1), "{wrong:?}");
    }
    let below = place.refused(&[&settle[..], &["--sold=-1.00"]].concat());
    assert_eq!(below, "--sold: a price is not below zero\n");
    let none = place.run(&["held"]);
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "no post whose end is not known\n"));
}

#[test]
fn a_post_of_unknown_end_is_listed_counted_and_settled() {
    let mut place = Place::new();
    place.set("CRUMB_OUTBOUND_ALLOW", "127.0.0.0/8");
    let buyers = Buyers::start(&place, &[]);
    let (_, address) = buyers.guide();
    let contract = format!(
        "[[buyer]]\nid = 5\nname = \"Buyer\"\n[[contract]]\nid = 7\nbuyer = 5\nvertical = 1\nname = \"All\"\n\
         schedule = [{{ days = [\"all\"], open = \"00:00\", close = \"24:00\", price = \"30.00\", type = \"exclusive\" }}]\n\
         [contract.post]\nmethod = \"post\"\nurl = \"http://{address}/cut-after\"\naccepted = [\"contains:success\"]\n\
         params = [[\"email\", \"#email_address#\"]]\n"
    );
    place.write("network.toml", &format!("{NETWORK}{contract}"));
    place.printed(&["apply", "network.toml"]);
    let server = place.serve(&[]);
    for name in ["ann", "bob"] {
        server.get(server.tracking, &format!("{POST}{name}@example.com"));
    }
    let held = place.printed(&["held"]);
    let lines: Vec<&str> = held.lines().collect();
    assert_eq!(lines.len(), 3, "{held}");
    let first: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!(first[1..4], ["7", "5", "30.00"], "{held}");
    assert!(lines[1].ends_with("(then rejected)"), "{held}");
    let ids: Vec<&str> = lines[1..].iter().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(place.printed(&["config", "check"]).ends_with("held leads: 2\n"));
    let settle =
        |id: &str, end: &[&str]| place.run(&[&["lead", "settle", id, "--contract", "7"][..], end].concat());
    let dear = settle(ids[0], &["--sold", "1000000000.01"]);
    assert_eq!(dear.stderr, "--sold: a price under contract 7 is at most 1000000000.00\n");
    assert_eq!(settle(ids[0], &["--sold", "25.00"]).stdout, format!("lead {}: sold\n", ids[0]));
    stop(server);
    assert!(place.printed(&["config", "check"]).ends_with("held leads: 1\n"));
    let rejected = settle(ids[1], &["--rejected"]);
    assert_eq!(rejected.stdout, format!("lead {}: unsold (no_qualified_buyers)\n", ids[1]));
    assert_eq!(
        settle(ids[1], &["--sold"]).stderr,
        format!("lead {} has no post to contract 7 whose end is unknown\n", ids[1])
    );
    assert_eq!(place.run(&["held"]).stdout, "");
    let printed = place.printed(&["lead", "timeline", ids[0]]);
    assert_eq!(codes(&printed), ["received", "held", "sold"], "{printed}");
}

#[test]
fn without_a_store_nothing_is_said_of_leads_and_none_is_made() {
    let place = Place::new();
    let asked: [&[&str]; 9] = [
        &["explain", "AAAAAAAA"],
        &["lead", "accept", "AAAAAAAA"],
        &["held"],
        &["alerts"],
        &["returns"],
        &["ledger"],
        &["buyer", "balance", "5"],
        &["contract", "test", "7"],
        &["replay"],
    ];
    let why = "there is no store ./data/crumb.db: `crumb apply` or `crumb serve` makes one, and --data says \
               where it is\n";
    for arguments in asked {
        assert_eq!(place.refused(arguments), why, "{arguments:?}");
    }
    assert!(!place.path("data").exists());
}
