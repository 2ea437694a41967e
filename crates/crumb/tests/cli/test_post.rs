//! `crumb contract test`.

use crate::program::{NETWORK, Place};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

const CONTRACT: &str = "[[buyer]]\nid = 5\nname = \"Buyer\"\n[[contract]]\nid = 7\nbuyer = 5\nvertical = 1\nname = \"C\"\n\
    schedule = [{ days = [\"all\"], open = \"00:00\", close = \"24:00\", price = \"20.00\", type = \"exclusive\" }]\n\
    [contract.post]\nmethod = \"post\"\nurl = \"URL\"\naccepted = [\"contains:yes\"]\nprice = \"regex:for ([0-9.]+)\"\n\
    params = [[\"e\", \"#email_address#\"], [\"api_key\", \"topsecret\"]]\n";

/// A buyer that answers one request, and its address.
fn buyer() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let mut bytes = [0; 4_096];
        let mut read = String::new();
        while !read.contains("topsecret") {
            let n = stream.read(&mut bytes).expect("its bytes");
            read.push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\nyes \x1b[2J for 12.50 $ ok.";
        stream.write_all(answer.as_bytes()).expect("answered");
    });
    format!("http://{address}/leads")
}

fn place(url: &str) -> Place {
    let mut place = Place::new();
    place.set("CRUMB_OUTBOUND_ALLOW", "127.0.0.0/8");
    place.write("network.toml", &(NETWORK.to_owned() + &CONTRACT.replace("URL", url)));
    place.printed(&["apply", "network.toml"]);
    place
}

#[test]
fn a_test_lead_is_sent_and_shown_without_secrets_or_a_buyers_control_characters() {
    let place = place(&buyer());
    let printed = place.printed(&["contract", "test", "7", "--field", "email_address=bob@example.com"]);
    for part in [
        "contract 7\n",
        "test: accepted in ",
        "HTTP 200, price 12.50",
        "price: 12.50",
        "\nsent\nPOST http://",
        "e=bob%40example.com&api_key=********",
        "\nanswered\nyes [2J for 12.50",
    ] {
        assert!(printed.contains(part), "{part:?} is not in\n{printed}");
    }
    assert!(!printed.contains("topsecret") && !printed.contains('\u{1b}'), "{printed}");
}

#[test]
fn a_running_server_sends_it_and_json_is_the_apis() {
    let place = place(&buyer());
    let _server = place.serve(&[]);
    let printed = place.printed(&["contract", "test", "7", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(
        (&shown["contract"], &shown["outcome"]),
        (&serde_json::json!(7), &serde_json::json!("accepted"))
    );
}

#[test]
fn where_no_answer_came_the_command_fails_and_shows_how_far_it_came() {
    let place = place("http://127.0.0.1:1/leads");
    let ran = place.run(&["contract", "test", "7"]);
    assert_eq!(ran.exit, Some(1));
    assert!(
        ran.stdout.contains("test: broken in ") && ran.stdout.contains("reached connect"),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_cannot_be_tried_is_refused() {
    let place = place("http://127.0.0.1:1/leads");
    assert_eq!(place.refused(&["contract", "test", "8"]), "no contract 8\n");
    assert_eq!(place.refused(&["contract", "test", "7", "--ping"]), "contract 7 has no ping\n");
    let unknown = place.refused(&["contract", "test", "7", "--field", "zip=1", "--field", "zap=1"]);
    assert_eq!(unknown, "zip: vertical 1 has no such field\nzap: vertical 1 has no such field\n");
    assert!(place.refused(&["contract", "test", "7", "--field", "zip"]).contains("expected NAME=VALUE"));
}
