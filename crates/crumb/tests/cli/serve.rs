//! `crumb serve`: how it starts, what it announces, how it takes commands, how it ends.

use crate::program::{NETWORK, Place, Server, exists};
use crumb_domain::Timestamp;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A server that is expected to fail: its exit code and what it says.
fn failed(place: &Place, arguments: &[&str]) -> String {
    let mut all = vec!["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    all.extend(arguments);
    let ran = place.run_for_a_while(&all);
    assert_eq!(ran.exit, Some(1), "{}", ran.stderr);
    ran.stderr
}

#[test]
fn the_first_log_line_says_where_it_listens_and_every_line_is_json() {
    let place = Place::with_network();
    let server = place.serve(&[]);
    assert_eq!(server.log_line(0)["message"], "listening");
    assert_eq!(server.log_line(0)["config_version"], 1);
    server.signal("TERM");
    let (_, log) = server.ended();
    for line in &log {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
}

#[test]
fn the_tracking_listener_and_the_admin_listener_serve_their_own_only() {
    let place = Place::with_network();
    let server = place.serve(&[]);
    let click = server.get(server.tracking, "/?a=12&c=1057");
    assert!(
        click.starts_with("HTTP/1.1 302 ") && click.contains("https://lp.example/quote?reqid="),
        "{click}"
    );
    assert!(server.get(server.tracking, "/healthz").starts_with("HTTP/1.1 404 "));
    assert!(server.get(server.admin, "/healthz").starts_with("HTTP/1.1 200 "));
    assert!(server.get(server.admin, "/?a=12&c=1057").starts_with("HTTP/1.1 404 "));
}

#[test]
fn it_drains_and_exits_0_on_sigterm_and_sigint() {
    for signal in ["TERM", "INT"] {
        let place = Place::with_network();
        let mut server = place.serve(&[]);
        let mut slow = post_under_way(&server);
        server.signal(signal);
        server.until("it says that it stops", |server| {
            server.log().iter().any(|line| line.contains("stopping"))
        });
        slow.write_all(b"ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK&ckm_test=1   ").unwrap();
        let mut answer = String::new();
        slow.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("200 OK"), "{answer}");
        assert_eq!(server.ended().0, Some(0));
        assert!(!exists(&place.path("data/crumb.sock")));
    }
}

/// A lead post whose body the server waits for.
fn post_under_way(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.tracking).expect("a connection");
    let head = "POST /d.ashx HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                Content-Length: 52\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("a head written");
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).expect("an interim answer");
    assert!(go_on.starts_with(b"HTTP/1.1 100 Continue"));
    stream
}

#[test]
fn the_drain_has_a_bound_and_a_second_signal_ends_it() {
    let mut place = Place::with_network();
    let mut server = place.serve(&[]);
    let _slow = post_under_way(&server);
    server.signal("TERM");
    server.until("it says that it stops", |server| server.log().iter().any(|line| line.contains("stopping")));
    server.signal("TERM");
    let (exit, log) = server.ended();
    assert_eq!(exit, Some(0));
    assert!(log.iter().any(|line| line.contains("a second signal came")), "{log:?}");

    place.set("CRUMB_LIMITS_DRAIN_SECONDS", "0");
    let server = place.serve(&[]);
    let _slow = post_under_way(&server);
    server.signal("TERM");
    let (exit, log) = server.ended();
    assert_eq!(exit, Some(0));
    assert!(log.iter().any(|line| line.contains("the time to drain is up")), "{log:?}");
}

#[test]
fn idle_connections_and_hanging_clients_do_not_hold_up_the_end() {
    let place = Place::with_network();
    let server = place.serve(&[]);
    let _hanging = UnixStream::connect(place.path("data/crumb.sock")).unwrap();
    let mut idle = Vec::new();
    for listener in [server.tracking, server.admin] {
        idle.push(TcpStream::connect(listener).unwrap());
        let mut kept = TcpStream::connect(listener).unwrap();
        kept.write_all(b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        kept.read_exact(&mut [0; 12]).unwrap();
        idle.push(kept);
    }
    server.signal("TERM");
    let (exit, log) = server.ended();
    assert_eq!(exit, Some(0));
    assert!(log.iter().all(|line| !line.contains("WARN")), "{log:?}");
}

#[test]
fn commands_do_the_same_through_a_running_server() {
    let [alone, served] = [(); 2].map(|()| Place::new());
    let server = served.serve(&[]);
    for place in [&alone, &served] {
        place.write("network.toml", NETWORK);
        place.write("faulty.toml", &NETWORK.replace("offer = 100\n", "offer = 999\n"));
        place.write("changed.toml", &NETWORK.replace("Traffic Co", "Traffic Inc"));
    }
    let commands = [
        &["plan", "network.toml"][..],
        &["apply", "network.toml"],
        &["apply", "faulty.toml"],
        &["plan", "faulty.toml"],
        &["plan", "changed.toml", "--prune"],
        &["apply", "changed.toml"],
        &["export"],
        &["export", "--format", "json", "--secrets"],
        &["revert", "1"],
        &["revert", "9"],
        &["link", "--affiliate", "12", "--creative", "1057", "--s1", "x"],
        &["pixel", "--affiliate", "12", "--creative", "1057"],
        &["posting-doc", "--campaign", "57"],
        &["posting-doc", "--offer", "100", "--kind", "pixels"],
        &["conversion-pixel", "--offer", "100"],
        &["sign-postback", "--offer", "100", "r=5"],
        &["contract", "on", "7"],
        &["key", "revoke", "nobody"],
        &["key", "create", "--role", "root", "--name", "x"],
        &["config", "check"],
    ];
    for command in commands {
        assert_eq!(served.run(command), alone.run(command), "{command:?}");
    }
    let lines = |place: &Place| place.printed(&["versions"]).lines().count();
    assert_eq!(lines(&served), lines(&alone));
    drop(server);
}

#[test]
fn a_new_version_is_in_force_when_apply_returns() {
    let place = Place::new();
    place.write("network.toml", NETWORK);
    let server = place.serve(&[]);
    assert!(server.get(server.tracking, "/?a=12&c=1057").starts_with("HTTP/1.1 404 "));
    assert_eq!(place.printed(&["apply", "network.toml"]), "1\n");
    assert!(server.get(server.tracking, "/?a=12&c=1057").starts_with("HTTP/1.1 302 "));
}

#[test]
fn a_version_that_another_node_made_is_taken_up() {
    let place = Place::with_network();
    let mut server = place.serve(&[]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let options = crumb_storage_sqlite::SqliteOptions::default();
        let store = crumb_storage_sqlite::SqliteStore::open(&place.path("data/crumb.db"), options).unwrap();
        let other = crumb_network::LiveNetwork::load(store).await.unwrap();
        let text = NETWORK.replace("Traffic Co", "Traffic Inc");
        let file = crumb_network::parse(&text, crumb_network::FileFormat::Toml).unwrap();
        let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(1);
        other.apply(file, false, Timestamp::from_micros(0), &mut rng).await.unwrap();
    });
    server.until("it has the new version", |s| s.json(s.admin, "/readyz")["config_version"] == 2);
}

#[test]
fn a_key_made_while_it_runs_is_valid_at_once() {
    let place = Place::with_network();
    let server = place.serve(&[]);
    let status = |headers: &str| server.get_with(server.admin, "/api/v1/clicks", headers)[9..12].to_owned();
    assert_eq!(status(""), "401");
    let key = place.printed(&["key", "create", "--role", "admin", "--name", "ci"]);
    let bearer = format!("Authorization: Bearer {}\r\n", key.trim());
    assert_eq!(status(&bearer), "200");
    place.printed(&["key", "revoke", "ci"]);
    assert_eq!(status(&bearer), "401");
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let place = Place::with_network();
    let server = place.serve(&[]);
    assert_eq!(failed(&place, &[]), "the data directory ./data is in use by another crumb\n");
    assert!(server.get(server.admin, "/readyz").starts_with("HTTP/1.1 200 "));
    assert_eq!(place.printed(&["versions"]).lines().count(), 1);
}

#[test]
fn a_command_for_another_database_is_not_carried_out_by_the_wrong_server() {
    let place = Place::with_network();
    let _server = place.serve(&[]);
    let other = format!("sqlite:{}", place.path("data/other.db").display());
    let refused = place.refused(&["apply", "network.toml", "--database", &other]);
    assert_eq!(refused, "the server that owns this directory uses its database crumb.db, not other.db\n");
}

#[test]
fn a_port_that_is_taken_is_named_and_nothing_is_changed() {
    let place = Place::new();
    place.write("network.toml", NETWORK);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = place.run_for_a_while(&[
        "serve",
        "--admin-listen",
        &address,
        "--listen",
        "127.0.0.1:0",
        "--network",
        "network.toml",
    ]);
    assert_eq!(ran.exit, Some(1));
    assert!(
        ran.stderr.starts_with(&format!("the admin listener cannot listen on {address}: ")),
        "{}",
        ran.stderr
    );
    assert!(place.refused(&["versions"]).starts_with("there is no store ./data/crumb.db: "));
}

#[test]
fn serve_applies_a_network_file_at_start_and_refuses_a_faulty_one_as_apply_does() {
    let place = Place::new();
    place.write("network.toml", NETWORK);
    place.write("faulty.toml", &NETWORK.replace("offer = 100\n", "offer = 999\n"));
    assert_eq!(failed(&place, &["--network", "faulty.toml"]), "campaign[0].offer: no offer 999\n");
    assert!(failed(&place, &["--network", "nowhere.toml"]).starts_with("nowhere.toml: "));
    let server = place.serve(&["--network", "network.toml"]);
    assert!(server.get(server.tracking, "/?a=12&c=1057").starts_with("HTTP/1.1 302 "));
    drop(server);
    let server = place.serve(&["--network", "network.toml"]);
    assert_eq!(server.json(server.admin, "/readyz")["config_version"], 1);
}

#[test]
fn the_data_directory_and_what_is_in_it_are_the_owners_alone() {
    let place = Place::with_network();
    let _server = place.serve(&[]);
    let mode = |name: &str| std::fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("data"), 0o700);
    for file in ["data/crumb.sock", "data/secret.key", "data/crumb.db", "data/lock"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
}

#[test]
fn a_killed_server_leaves_neither_lock_nor_socket_in_the_way() {
    let place = Place::with_network();
    let server = place.serve(&[]);
    server.signal("KILL");
    assert_eq!(server.ended().0, None);
    assert!(exists(&place.path("data/crumb.sock")));
    assert_eq!(place.printed(&["versions"]).lines().count(), 1);
    let _server = place.serve(&[]);
    assert_eq!(place.printed(&["versions"]).lines().count(), 1);
}

#[test]
fn a_client_that_hangs_on_the_socket_blocks_neither_commands_nor_clicks() {
    let place = Place::with_network();
    let server = place.serve(&[]);
    let _hanging: Vec<_> =
        (0..32).map(|_| UnixStream::connect(place.path("data/crumb.sock")).unwrap()).collect();
    let (done, printed) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| done.send(place.printed(&["versions"])));
        // Given up one after the other, some at a time, the hanging ones would take longer.
        let printed = printed.recv_timeout(Duration::from_secs(40)).expect("its turn comes before theirs");
        assert_eq!(printed.lines().count(), 1);
    });
    assert!(server.get(server.tracking, "/?a=12&c=1057").starts_with("HTTP/1.1 302 "));
}

#[test]
fn a_shifted_clock_is_announced_in_the_log_and_on_readyz() {
    let mut place = Place::with_network();
    place.set("CRUMB_CLOCK_OFFSET_SECONDS", "86400");
    let mut server = place.serve(&[]);
    let shifted = |text: &str| text.contains("the clock is shifted by 86400 seconds");
    server.until("it warns", |server| server.log().iter().any(|l| shifted(l) && l.contains("WARN")));
    assert!(shifted(&server.json(server.admin, "/readyz")["warnings"].to_string()));
    let key = place.printed(&["key", "create", "--role", "admin", "--name", "ci"]);
    assert!(!key.is_empty());
    let made = place.printed(&["key", "list"]);
    let made: Timestamp = made.split('\t').nth(2).unwrap().parse().unwrap();
    let started = std::fs::metadata(place.path("data/crumb.sock")).unwrap().modified().unwrap();
    let started = started.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let ahead = made.unix_seconds() - i64::try_from(started).unwrap();
    assert!((86_399..86_400 + 600).contains(&ahead), "{ahead}");
}

#[test]
fn a_server_that_stops_keeps_what_it_acknowledged() {
    let place = Place::with_network();
    let server = place.serve(&[]);
    let click = server.get(server.tracking, "/?a=12&c=1057");
    let request_id = click.split("reqid=").nth(1).unwrap();
    let request_id: String = request_id.chars().take_while(char::is_ascii_digit).collect();
    server.signal("TERM");
    assert_eq!(server.ended().0, Some(0));
    let server: Server = place.serve(&[]);
    let key = place.printed(&["key", "create", "--role", "admin", "--name", "ci"]);
    let bearer = format!("Authorization: Bearer {}\r\n", key.trim());
    let answer = server.get_with(server.admin, &format!("/api/v1/clicks/{request_id}"), &bearer);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn a_store_whose_key_file_is_gone_is_not_served_under_a_new_key() {
    let place = Place::with_network();
    let key_file = place.path("data/secret.key");
    std::fs::remove_file(&key_file).unwrap();
    let refused = failed(&place, &[]);
    assert!(refused.contains("secret.key is missing"), "{refused}");
    assert!(!key_file.exists());
}
