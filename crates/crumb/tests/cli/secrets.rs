//! What must stay secret, in what a running server tells: its log, its metrics, its answers.

use crate::program::{NETWORK, Place};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

/// In the network's file: a key of a header, a password, a constant, a token in an address,
/// a post key.
const SECRETS: [&str; 5] = ["h3ader-s3cret", "p4ss-w0rd", "c0nst-s3cret", "t0ken-s3cret", "Ab3dE5gH1jK"];

/// One buyer that answers so, to whoever asks.
fn contract(id: u32, url: &str) -> String {
    format!(
        "[[buyer]]\nid = {id}\nname = \"Buyer\"\n[[contract]]\nid = {id}\nbuyer = {id}\nvertical = 1\n\
         name = \"C\"\nmax_post_errors = 2\n\
         schedule = [{{ days = [\"all\"], open = \"00:00\", close = \"24:00\", price = \"20.00\", type = \"exclusive\" }}]\n\
         [contract.post]\nmethod = \"post\"\nurl = \"{url}?token={token}\"\naccepted = [\"contains:yes\"]\n\
         headers = {{ \"X-Api-Key\" = \"{header}\" }}\nauth = {{ basic = \"me:{password}\" }}\n\
         params = [[\"e\", \"#email_address#\"], [\"api_key\", \"{constant}\"]]\n",
        header = SECRETS[0],
        password = SECRETS[1],
        constant = SECRETS[2],
        token = SECRETS[3],
    )
}

/// A buyer that says back what it was sent, and its address.
fn buyer() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let (mut bytes, mut read) = ([0; 4_096], String::new());
            while !read.contains(SECRETS[2]) {
                let Ok(n) = stream.read(&mut bytes) else { return };
                read.push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{read}", read.len());
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}/leads")
}

#[test]
fn secrets_appear_in_no_log_no_metric_and_no_error() {
    let mut place = Place::new();
    place.set("CRUMB_OUTBOUND_ALLOW", "127.0.0.0/8");
    place.set("CRUMB_LOG_LEVEL", "trace");
    let nobody = contract(5, "http://127.0.0.1:1/leads");
    let private = contract(6, "http://10.1.2.3/leads");
    place.write("network.toml", &[NETWORK, &nobody, &private, &contract(7, &buyer())].concat());
    let server = place.serve(&["--network", "network.toml"]);
    let mut told = String::new();
    for (n, key) in [(1, SECRETS[4]), (2, SECRETS[4]), (3, "wrong"), (4, SECRETS[4])] {
        let post = format!("/d.ashx?ckm_campaign_id=57&ckm_key={key}&email_address=p{n}@example.com");
        told += &server.get(server.tracking, &post);
        let ping = format!("/ping.ashx?ckm_campaign_id=57&ckm_key={key}");
        told += &server.get(server.tracking, &ping);
    }
    let key = place.printed(&["key", "create", "--role", "admin", "--name", "ci"]);
    let key = key.trim();
    for (path, status) in
        [("/api/v1/leads", "200"), ("/api/v1/leads?x=1", "400"), ("/api/v1/leads/none", "404")]
    {
        let answer = server.get_with(server.admin, path, &format!("Authorization: Bearer {key}\r\n"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        told += &answer;
    }
    told += &server.get_with(server.admin, "/api/v1/leads", &format!("Authorization: Bearer {key}x\r\n"));
    told += &server.get(server.admin, &format!("/api/v1/leads?key={key}"));
    told += &server.get(server.admin, "/metrics");
    told += &server.get(server.admin, "/readyz");
    assert!(told.contains("No Qualified Buyers Found"), "{told}");
    assert!(told.contains("contract 5"), "the buyer that is not there was asked: {told}");
    place.write("faulty.toml", &contract(8, "ftp://buyer.example/"));
    told += &place.refused(&["apply", "faulty.toml"]);
    server.signal("TERM");
    let (exit, log) = server.ended();
    assert_eq!(exit, Some(0));
    told += &log.join("\n");
    for secret in SECRETS.into_iter().chain([key]) {
        assert!(!told.contains(secret), "{secret} is in\n{told}");
    }
}
