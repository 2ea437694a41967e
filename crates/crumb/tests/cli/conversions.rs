//! `crumb conversions`, `crumb import` and `crumb tail pixels`.

use crate::program::{Lines, Place, Server};
use std::process::{Child, Stdio};

/// The test network with a shop, whose clicks convert by pixels.
fn place() -> Place {
    let place = Place::with_network();
    let shop = "[[advertiser]]\nid = 1\nname = \"Shop\"\n\
        [[offer]]\nid = 400\nname = \"Shop\"\nvertical = 1\nadvertiser = 1\ntype = \"third_party\"\n\
        link = \"https://shop.example/?r=#reqid#\"\npayout = \"10.00\"\nreceived = \"25.00\"\n\
        [[offer.creative]]\nid = 4001\nname = \"Link\"\n\
        [[campaign]]\nid = 60\naffiliate = 12\noffer = 400\nkey = \"Qw3eR5tY7uI\"\n";
    place.write("shop.toml", shop);
    assert_eq!(place.run(&["apply", "shop.toml"]).exit, Some(0));
    place
}

/// A click on the shop's link: its request id.
fn clicked(server: &Server) -> String {
    let answer = server.get(server.tracking, "/?a=12&c=4001");
    let (_, rest) = answer.split_once("shop.example/?r=").expect("a redirect to the shop");
    rest.chars().take_while(char::is_ascii_digit).collect()
}

#[test]
fn conversions_are_brought_in_from_a_file_beside_a_server_or_without_one_and_listed() {
    let place = place();
    let server = place.serve(&[]);
    let (first, second, third) = (clicked(&server), clicked(&server), clicked(&server));
    let file = format!(
        "request_id,transaction_id,payout,note\n{first},T-1,,\n{second},T-2,7.50,\"late, but good\"\n"
    );
    place.write("conversions.csv", &file);
    let would = place.run(&["import", "conversions.csv", "--dry-run"]);
    assert_eq!((would.stderr.as_str(), would.exit), ("2 conversions would be new, 0 changed\n", Some(0)));
    assert_eq!(place.run(&["conversions"]).stderr, "no conversions\n");
    let done = place.run(&["import", "conversions.csv"]);
    assert_eq!((done.stderr.as_str(), done.exit), ("2 conversions are new, 0 changed\n", Some(0)));
    drop(server);
    let listed = place.printed(&["conversions"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    let ends = |line: &str, payout: &str| {
        let end = format!("  approved  offer 400, event 1, affiliate 12, payout {payout}, received 25.00");
        assert!(line.ends_with(&end), "{line}");
    };
    ends(lines[0], "7.50");
    ends(lines[1], "10.00");
    assert_eq!(place.run(&["conversions", "--limit", "1"]).stderr, "1 older ones are not shown\n");
    let json = place.printed(&["conversions", "--transaction-id", "T-2", "--json"]);
    let rows: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(rows[0]["request_id"], second);
    let id = rows[0]["id"].as_str().expect("an id");
    place.write("changes.csv", &format!("id,disposition,note\n{id},returned,sent back\n"));
    assert_eq!(place.run(&["import", "changes.csv"]).stderr, "0 conversions are new, 1 changed\n");
    place.write("one.csv", &format!("Request_ID, Event\r\n{third},1\r\n"));
    let said = |arguments: &[&str]| place.run(arguments).stderr;
    assert_eq!(said(&["import", "one.csv", "--dry-run"]), "1 conversion would be new, 0 changed\n");
    assert_eq!(said(&["import", "one.csv"]), "1 conversion is new, 0 changed\n");
    assert!(place.printed(&["conversions", "--disposition", "returned"]).contains("payout 0.00"));
    assert!(place.printed(&["ledger"]).contains("sent back"));
}

/// What takes no time shows none, and neither does what is no terminal.
#[test]
fn a_long_import_shows_on_a_terminal_how_far_it_is() {
    let place = place();
    let rows = |count: usize| format!("request_id\n{}", "7\n".repeat(count));
    place.write("short.csv", &rows(499));
    place.write("long.csv", &rows(500));
    let shown = |file: &str| place.on_a_terminal(&["import", file, "--dry-run"]);
    assert!(shown("long.csv").contains(" of 500 rows"));
    assert!(!shown("short.csv").contains(" rows"));
    assert!(!place.refused(&["import", "long.csv", "--dry-run"]).contains(" rows"));
}

#[test]
fn all_that_is_wrong_with_a_file_is_told_by_its_lines_and_nothing_is_brought_in() {
    let place = place();
    let server = place.serve(&[]);
    let id = clicked(&server);
    place.write("wrong.csv", &format!("request_id,event,payout\n{id},,\n7,,\n{id},9,\n{id},,lots\n{id},,\n"));
    assert_eq!(
        place.refused(&["import", "wrong.csv"]),
        "line 3: request_id: no click or lead has this request id\n\
         line 4: event: offer 400 has no such event\n\
         line 5: payout: expected an amount like 5.00\n\
         line 5: request_id: duplicate: a row above is of this session and event\n\
         line 6: request_id: duplicate: a row above is of this session and event\n\
         nothing was brought in\n"
    );
    for (file, expected) in [
        ("", "line 1: a column request_id (for new conversions) or id (for changes) is needed\n"),
        ("request_id\n", "line 1: no rows follow the header\n"),
        (
            "request_id,payout\n1,2,3\n4\n",
            "line 2: it has 3 cells, and the header 2\nline 3: it has 1 cell, and the header 2\n",
        ),
        ("request_id,request_id\n1,2\n", "line 1: \"request_id\" stands twice\n"),
    ] {
        place.write("wrong.csv", file);
        let told = place.refused(&["import", "wrong.csv"]);
        assert_eq!(told, format!("{expected}nothing was brought in\n"), "{file:?}");
    }
    place.write("wrong.csv", "request_id,price\n1,2\n");
    let told = place.refused(&["import", "wrong.csv"]);
    assert!(told.starts_with("line 1: no column is called \"price\"; there are id, request_id, "), "{told}");
    assert!(
        told.ends_with("line 2: request_id: no click or lead has this request id\nnothing was brought in\n")
    );
    let mixed = format!("request_id,payout\n7,\n{id}\n{id},lots\n{id},1,2\n{id},\n\n{id},\"5.00\n{id},1\n");
    place.write("wrong.csv", &mixed);
    assert_eq!(
        place.refused(&["import", "wrong.csv"]),
        "line 2: request_id: no click or lead has this request id\n\
         line 3: it has 1 cell, and the header 2\n\
         line 4: payout: expected an amount like 5.00\n\
         line 5: it has 3 cells, and the header 2\n\
         line 6: request_id: duplicate: a row above is of this session and event\n\
         line 8: a quote is opened here that nothing closes up to the end of the file\n\
         nothing was brought in\n"
    );
    place.write("wrong.csv", &format!("request_id,payout\n{id},\n{id}\n"));
    assert_eq!(
        place.refused(&["import", "wrong.csv"]),
        "line 3: it has 1 cell, and the header 2\nnothing was brought in\n",
        "not even the row that is right"
    );
    place.write("wrong.csv", "request_id,\"payout\n7,\n");
    let told = place.refused(&["import", "wrong.csv"]);
    assert!(told.starts_with("line 1: a quote is opened here"), "{told}");
    place.write("excel.csv", &format!("request_id,payout\r\n{id},1\r\n{id},x\r\n\r\n{id}\r\n"));
    assert_eq!(
        place.refused(&["import", "excel.csv"]),
        "line 3: payout: expected an amount like 5.00\n\
         line 3: request_id: duplicate: a row above is of this session and event\n\
         line 5: it has 1 cell, and the header 2\n\
         nothing was brought in\n"
    );
    place.write("long.csv", &format!("request_id\n{}", "1\n".repeat(20_001)));
    let told = place.refused(&["import", "long.csv"]);
    let expected = "line 20002: at most 20000 rows at once: bring the others in by another file\n\
                    nothing was brought in\n";
    assert_eq!(told, expected);
    assert_eq!(place.run(&["conversions"]).stderr, "no conversions\n");
}

/// A command that would go on for ever; it ends with its test, also where that fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_pixel_log_is_printed_as_it_comes() {
    let place = place();
    let server = place.serve(&[]);
    let id = clicked(&server);
    server.get(server.tracking, &format!("/p.ashx?f=pb&r={id}&t=T-1&p=x&ap=9"));
    server.get(server.tracking, "/p.ashx?f=pb&o=999");
    let mut tail = Running(
        place
            .command(&["tail", "pixels", "--offer", "400"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command runs"),
    );
    let lines = Lines::of(tail.0.stdout.take().expect("its output"));
    let next = || lines.next().expect("a line");
    let first = next();
    assert!(first.contains("  pb  ok  offer 400  event 1  affiliate 12  by request_id  request "), "{first}");
    assert!(first.contains(&id) && first.contains("transaction T-1"), "{first}");
    assert!(first.ends_with("  ignored ap,p"), "{first}");
    server.get(server.tracking, &format!("/p.ashx?f=pb&r={id}"));
    let second = next();
    assert!(second.contains("  pb  Duplicate Conversion  offer 400"), "{second}");
}
