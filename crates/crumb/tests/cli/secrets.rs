//! What must stay secret, in what a running server tells: its log, its metrics, its answers.

use crate::program::{NETWORK, Place};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

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

/// A POST of a form, as far as it takes to be answered.
fn post(address: SocketAddr, target: &str, content_type: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let length = body.len();
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it is answered");
    answer
}

#[test]
fn what_people_say_in_links_posts_and_pixels_appears_in_no_log() {
    let mut place = Place::new();
    place.set("CRUMB_OUTBOUND_ALLOW", "127.0.0.0/8");
    place.set("CRUMB_LOG_LEVEL", "trace");
    place.write("network.toml", &[NETWORK, &contract(5, "http://127.0.0.1:1/leads")].concat());
    let server = place.serve(&["--network", "network.toml"]);
    let (form, key) = ("application/x-www-form-urlencoded", "ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK");
    let link = server.get(server.tracking, "/?a=12&c=1057&email_address=zoe%40pers0nal.example&s1=pers0nal");
    assert!(link.contains("302"), "{link}");
    server.get(server.tracking, "/?a=12&c=1057&cp=js&email_address=zoe%40pers0nal.example");
    server.get(server.tracking, "/?a=12&c=pers0nal");
    let mut told = String::new();
    for (query, content_type, body) in [
        (key, form, "email_address=zoe%40pers0nal.example"),
        (key, form, "email_address=pers0nal"),
        ("ckm_offer_id=100", form, "email_address=jo%40pers0nal.example&callback=cb"),
        ("ckm_offer_id=100&ckm_request_id=pers0nal", "application/json", r#"{"email_address":"pers0nal"#),
        ("ckm_offer_id=100&ckm_xml=1", "text/xml", "<a><email_address>pers0nal"),
        ("ckm_offer_id=100&callback=pers0nal()", form, ""),
        ("ckm_offer_id=100", "multipart/form-data; boundary=pers0nal", "--pers0nal"),
    ] {
        told += &post(server.tracking, &format!("/d.ashx?{query}"), content_type, body);
    }
    assert!(told.contains("No Qualified Buyers Found") && told.contains("Validation Failed"), "{told}");
    assert!(told.contains("Invalid JSON Format") && told.contains("Invalid XML Format"), "{told}");
    let many = "&first_name=pers0nal".repeat(501);
    let large = format!("{key}&x={}", "pers0nal".repeat(10_000));
    assert!(post(server.tracking, "/d.ashx", form, &large).contains(" 413 "));
    for target in [
        "/p.ashx?o=100&u=pers0nal&t=pers0nal&f=pb".to_owned(),
        "/p.ashx?r=pers0nal".to_owned(),
        "/v.ashx?o=100&f=1&v=pers0nal&callback=cb".to_owned(),
        "/js.ashx?o=pers0nal".to_owned(),
        "/pers0nal?first_name=pers0nal".to_owned(),
        format!("/d.ashx?{key}{many}"),
        format!("/?a=12&c=1057{many}"),
    ] {
        server.get_with(server.tracking, &target, "Referer: https://lp.example/?e=pers0nal\r\n");
    }
    server.signal("TERM");
    let (exit, log) = server.ended();
    assert_eq!(exit, Some(0));
    assert!(log.iter().any(|line| line.contains("\"DEBUG\"")), "it tells what it can: {log:?}");
    let personal: Vec<_> = log.iter().filter(|line| line.to_lowercase().contains("pers0nal")).collect();
    assert!(personal.is_empty(), "{personal:?}");
}
