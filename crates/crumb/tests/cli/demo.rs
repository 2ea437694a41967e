//! `crumb demo`: its guide, and what it shows to be pasted.

use crate::program::{Lines, Place};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// A running demo in its default data directory; killed when dropped.
struct Demo {
    child: Child,
    guide: String,
}

impl Demo {
    fn start(place: &Place) -> Self {
        let mut command = place.command(&["demo"]);
        for flag in ["--listen", "--admin-listen", "--landing-listen", "--buyers-listen"] {
            command.args([flag, "127.0.0.1:0"]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the demo");
        let lines = Lines::of(child.stdout.take().expect("its output"));
        let mut demo = Self { child, guide: String::new() };
        while !demo.guide.contains("Ctrl-C stops it.") {
            demo.guide.push_str(&lines.next().expect("a line of the guide"));
            demo.guide.push('\n');
        }
        demo
    }

    /// What the guide shows beside a label.
    fn shows(&self, label: &str) -> &str {
        let row = self.guide.lines().find_map(|line| line.trim_start().strip_prefix(label));
        row.unwrap_or_else(|| panic!("no {label} in {}", self.guide)).trim()
    }

    /// The address beside a label, without its scheme.
    fn address(&self, label: &str) -> &str {
        let url = self.shows(label).split(' ').find_map(|word| word.strip_prefix("http://"));
        url.and_then(|url| url.split('/').next()).expect("an address")
    }
}

impl Drop for Demo {
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

fn get(address: &str, target: &str) -> String {
    exchange(address, &format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

/// Pastes a command into a shell in the place.
fn pasted(place: &Place, command: &str) -> (Option<i32>, String) {
    let directory = place.path(".");
    let ran = Command::new("sh").args(["-c", command]).current_dir(directory).output().expect("a shell");
    (ran.status.code(), String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned())
}

#[test]
fn the_commands_in_its_guide_work_when_they_are_pasted() {
    let place = Place::new();
    let demo = Demo::start(&place);
    let body = "ckm_campaign_id=314&ckm_key=DemoKey5gH1jK&first_name=Pat&last_name=Jones&\
                email_address=pat%40example.com&zip_code=94016";
    let length = body.len();
    let head = "Content-Type: application/x-www-form-urlencoded\r\nConnection: close";
    let post =
        format!("POST /d.ashx HTTP/1.1\r\nHost: x\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}");
    let answer = exchange(demo.address("1. Browser post"), &post);
    let lead = answer.split_once("<leadid>").expect("a lead").1.get(..8).expect("its id");

    let explain = demo.shows("Who bought a lead").replace("LEAD", lead);
    let (exit, told) = pasted(&place, &explain);
    assert!(exit == Some(0) && told.starts_with(&format!("lead {lead}: ")), "{explain}: {told}");
    let replay = demo.shows("What if, then and now");
    let (exit, told) = pasted(&place, replay);
    assert!(exit == Some(0) && told.contains("decided again by"), "{replay}: {told}");
    let export = demo.shows("Commands");
    let (exit, told) = pasted(&place, export);
    assert!(exit == Some(0) && told.contains("name = \"Crumb demo\""), "{export}: {told}");
}

#[test]
fn the_commands_in_the_change_to_try_work_where_the_demo_was_started() {
    let place = Place::new();
    let _demo = Demo::start(&place);
    let file = std::fs::read_to_string(place.path("data/demo/what-if.toml")).expect("the change");
    let commands: Vec<&str> = file.lines().filter_map(|line| line.strip_prefix("#   ")).collect();
    let of = |name: &str| {
        let mut lines = commands.iter().filter(|line| line.contains(&format!(" {name} ")));
        *lines.next().unwrap_or_else(|| panic!("no {name} in {file}"))
    };
    let (exit, told) = pasted(&place, of("replay"));
    assert!(exit == Some(0) && told.contains("decided again by"), "{told}");
    let (exit, told) = pasted(&place, of("plan"));
    assert!(exit == Some(2) && told.contains("42.00"), "{exit:?} {told}");
}

#[test]
fn its_help_tells_of_one_data_directory() {
    let help = Place::new().printed(&["demo", "--help"]);
    assert_eq!(help.matches("./data/demo").count(), 1, "{help}");
    assert!(!help.contains("[default: ./data]"), "{help}");
    let others = Place::new().printed(&["apply", "--help"]);
    assert!(others.contains("[default: ./data"), "{others}");
}

#[test]
fn the_buyers_own_address_lists_them_with_what_they_do() {
    let place = Place::new();
    let demo = Demo::start(&place);
    let buyers = demo.address("The five buyers");
    let answer = get(buyers, "/");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for (name, does) in [
        ("Big Carrier", "fixed price"),
        ("Bidwell", "bids"),
        ("Picky Mutual", "has the first lead already"),
        ("Slowpoke", "too late"),
        ("Forgetful", "hangs up"),
    ] {
        let line = answer.lines().find(|line| line.starts_with(name));
        assert!(line.is_some_and(|line| line.contains(does)), "{name} {does}: {answer}");
    }
    // A way to see each at work.
    assert!(answer.contains(&format!("http://{buyers}/auction/bidwell?")), "{answer}");
    assert!(get(buyers, "/nobody").starts_with("HTTP/1.1 404 "));
}
