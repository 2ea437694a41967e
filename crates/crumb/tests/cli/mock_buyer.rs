//! `crumb mock-buyer`: its guide, its network file, its lines, its end.

use crate::program::{Lines, NETWORK, Place};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// A running `crumb mock-buyer`; killed when dropped.
pub struct Buyers {
    child: Child,
    lines: Lines,
}

impl Buyers {
    pub fn start(place: &Place, arguments: &[&str]) -> Self {
        let mut all = vec!["mock-buyer", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        let mut child = place.command(&all).stdout(Stdio::piped()).spawn().expect("the buyers");
        let lines = Lines::of(child.stdout.take().expect("its output"));
        Self { child, lines }
    }

    fn line(&self) -> String {
        self.lines.next().expect("a line")
    }

    /// Lines up to one that is as told, without it.
    fn until(&self, last: &str) -> String {
        let mut text = String::new();
        loop {
            match self.line() {
                line if line == last => return text,
                line => text.push_str(&format!("{line}\n")),
            }
        }
    }

    /// The guide, and where the buyers are.
    pub fn guide(&self) -> (String, String) {
        let guide = self.until("# Requests, as they come:");
        assert_eq!(self.line(), "");
        let address = guide.split_once("http://").expect("an address").1;
        let address = address.split(". Ctrl-C").next().expect("its end").to_owned();
        (guide, address)
    }
}

impl Drop for Buyers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn exchange(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.write_all(request.as_bytes()).expect("a request written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn its_guide_ends_with_contracts_that_a_network_takes() {
    let place = Place::new();
    let buyers = Buyers::start(&place, &[]);
    let (guide, address) = buyers.guide();
    let contracts = guide.split_once("# CRUMB_OUTBOUND_ALLOW=127.0.0.0/8\n").expect("contracts").1;
    assert!(contracts.contains(&format!("http://{address}/accept/always")), "{contracts}");
    place.write("network.toml", &format!("{NETWORK}{contracts}"));
    let ran = place.run(&["plan", "network.toml"]);
    assert_eq!(ran.exit, Some(2), "{}", ran.stderr);
    for made in ["+ buyer 901", "+ contract 901", "+ contract 902", "+ contract 903"] {
        assert!(ran.stdout.lines().any(|line| line == made), "{}", ran.stdout);
    }
}

#[test]
fn each_request_is_a_line_and_sigterm_ends_it_with_0() {
    let place = Place::new();
    let mut buyers = Buyers::start(&place, &[]);
    let (_, address) = buyers.guide();
    let request =
        "POST /accept/big?price=3.00 HTTP/1.1\r\nConnection: close\r\nContent-Length: 9\r\n\r\nzip=90210";
    assert!(exchange(&address, request).contains("<price>3.00</price>"));
    let line = buyers.line();
    assert!(line.ends_with("s  POST /accept/big  9 bytes  accepted 3.00"), "{line}");
    let kill = format!("kill -TERM {}", buyers.child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    assert!(buyers.lines.next().is_none(), "it says no more");
    assert_eq!(buyers.child.wait().expect("an end").code(), Some(0));
}

#[test]
fn what_was_sent_is_shown_if_asked_for() {
    let place = Place::new();
    let buyers = Buyers::start(&place, &["--content"]);
    let (_, address) = buyers.guide();
    exchange(&address, "GET /reject?zip=90210 HTTP/1.0\r\nX-Api-Key: k\r\n\r\n");
    assert!(buyers.line().ends_with("s  GET /reject  0 bytes  rejected"));
    assert_eq!([buyers.line().trim(), buyers.line().trim()], ["/reject?zip=90210", "X-Api-Key: k"]);
}

#[test]
fn a_port_that_is_taken_is_named_with_the_way_to_choose_another() {
    let place = Place::new();
    let buyers = Buyers::start(&place, &[]);
    let (_, address) = buyers.guide();
    let said = place.refused(&["mock-buyer", "--listen", &address]);
    let expected = format!("the mock buyers' listener cannot listen on {address}: ");
    assert!(
        said.starts_with(&expected) && said.ends_with("; choose another address by --listen\n"),
        "{said}"
    );
}
