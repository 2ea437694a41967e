//! The server's own settings, and what every command takes.

use crate::program::{NETWORK, Place};

/// A command that makes the store where there is none.
const MAKING: [&str; 6] = ["key", "create", "--role", "admin", "--name", "ci"];

#[test]
fn config_default_prints_defaults_that_can_be_used_as_they_are() {
    let place = Place::new();
    let defaults = place.printed(&["config", "default"]);
    for section in ["listen", "store", "outbound", "geo", "secrets", "mail", "limits", "log"] {
        assert!(defaults.contains(&format!("\n[{section}]\n")), "{section}");
    }
    place.write("crumb.toml", &defaults);
    assert_eq!(place.run(&["config", "check"]).exit, Some(0));
}

#[test]
fn config_check_says_what_is_wrong_and_exits_1() {
    let place = Place::new();
    place.write("crumb.toml", "[listen]\ntrackin = 1\n[store]\nnode = 128\n");
    assert_eq!(
        place.refused(&["config", "check"]),
        "crumb.toml: listen.trackin: unknown key\ncrumb.toml: store.node: 128 is not between 0 and 127\n"
    );
    place.write("crumb.toml", "[geo]\ndatabase = \"nowhere.mmdb\"\n");
    let ran = place.run(&["config", "check"]);
    assert_eq!(ran.exit, Some(1));
    assert!(ran.stderr.starts_with("geo.database: "), "{}", ran.stderr);
}

#[test]
fn config_check_says_that_countries_are_not_enforced_and_how_many_leads_are_held() {
    let place = Place::new();
    let network = NETWORK.replace("name = \"Free quote\"", "name = \"Free quote\"\ncountries = [\"US\"]");
    place.write("network.toml", &network);
    let before = place.printed(&["config", "check"]);
    assert_eq!(before, "warning: the data directory ./data is not there yet\n");
    assert!(!place.path("data").exists(), "looking makes nothing");
    place.printed(&["apply", "network.toml"]);
    let expected = "warning: no global redirect: traffic that goes nowhere else is answered 404\n\
                    warning: no geo database: countries are not enforced (offers 100)\n\
                    held leads: 0\n";
    assert_eq!(place.printed(&["config", "check"]), expected);
    let _server = place.serve(&[]);
    assert_eq!(place.printed(&["config", "check"]), expected);
}

#[test]
fn a_geo_database_that_the_settings_name_enforces_countries() {
    let place = Place::new();
    place.write("crumb.toml", "[geo]\ndatabase = \"geo.mmdb\"\n");
    crumb_testkit::geo::write(&place.path("geo.mmdb"), &[("127.0.0.0", 8, "FR")]);
    for (country, status) in [("FR", "302"), ("US", "404")] {
        let named = format!("name = \"Free quote\"\ncountries = [\"{country}\"]");
        place.write("network.toml", &NETWORK.replace("name = \"Free quote\"", &named));
        let server = place.serve(&["--network", "network.toml"]);
        let answer = server.get(server.tracking, "/?a=12&c=1057");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{country}: {answer}");
        assert!(!place.printed(&["config", "check"]).contains("geo database"));
    }
}

#[test]
fn a_key_file_that_the_settings_name_is_made_on_the_first_start_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    place.write("crumb.toml", "[secrets]\nkey_file = \"keys.bin\"\n");
    place.write("network.toml", NETWORK);
    drop(place.serve(&["--network", "network.toml"]));
    let file = place.path("keys.bin");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!place.path("data/secret.key").exists());
    let made = std::fs::read(&file).unwrap();
    assert_eq!(made.len(), 32);
    drop(place.serve(&[]));
    assert_eq!(std::fs::read(&file).unwrap(), made, "and kept");
}

#[test]
fn config_names_another_file_which_must_be_there() {
    let place = Place::new();
    place.write("other.toml", "[store]\ndata = \"elsewhere\"\n");
    place.printed(&[&MAKING[..], &["--config", "other.toml"]].concat());
    assert!(place.path("elsewhere/crumb.db").exists());
    assert!(place.refused(&["versions", "--config", "nowhere.toml"]).starts_with("nowhere.toml: "));
}

#[test]
fn command_line_wins_over_environment_and_that_over_the_file() {
    let mut place = Place::new();
    place.write("crumb.toml", "[store]\ndata = \"of-file\"\n");
    place.printed(&MAKING);
    place.set("CRUMB_STORE_DATA", "of-environment");
    place.printed(&MAKING);
    place.printed(&[&MAKING[..], &["--data", "of-flag"]].concat());
    for directory in ["of-file", "of-environment", "of-flag"] {
        assert!(place.path(directory).join("crumb.db").exists(), "{directory}");
    }
    assert!(!place.path("data").exists());
}

#[test]
fn an_unknown_variable_is_refused_and_the_nearest_known_one_is_named() {
    let refused = |variable: &str| {
        let mut place = Place::new();
        place.set(variable, "x");
        place.refused(&["versions"])
    };
    assert_eq!(
        refused("CRUMB_STORE_DATE"),
        "CRUMB_STORE_DATE: unknown key store.date; did you mean CRUMB_STORE_DATA?\n"
    );
    assert_eq!(
        refused("CRUMB_OUTBOND_ALLOW"),
        "CRUMB_OUTBOND_ALLOW: unknown variable; did you mean CRUMB_OUTBOUND_ALLOW?\n"
    );
}

#[test]
fn what_a_platform_tells_of_a_service_named_crumb_is_no_setting() {
    let mut place = Place::new();
    place.set("CRUMB_SERVICE_HOST", "10.0.0.7");
    place.set("CRUMB_SERVICE_PORT", "8080");
    place.set("CRUMB_PORT", "tcp://10.0.0.7:8080");
    place.set("CRUMB_PORT_8080_TCP_ADDR", "10.0.0.7");
    // Of one beside it, named crumb-store: they begin as settings do.
    place.set("CRUMB_STORE_SERVICE_HOST", "10.0.0.8");
    place.set("CRUMB_STORE_PORT", "tcp://10.0.0.8:8081");
    place.printed(&MAKING);
}

#[test]
fn config_check_says_which_webhooks_and_postbacks_go_to_addresses_that_are_not_called() {
    let place = Place::new();
    let webhook = |id: u32, url: &str, more: &str| {
        format!("[[webhook]]\nid = {id}\nname = \"Hook\"\nurl = \"{url}\"\nsecret = \"s\"\n{more}\n")
    };
    let told = [
        webhook(1, "http://10.1.2.3/hook", ""),
        webhook(2, "http://10.1.2.3/hook", "status = \"inactive\""),
        webhook(3, "https://hooks.example/", ""),
    ];
    let affiliate = "[[affiliate]]\nid = 77\nname = \"A\"\npostback_url = \"http://127.0.0.1/p?r=#reqid#\"\n";
    place.write("network.toml", &(NETWORK.to_owned() + affiliate + &told.concat()));
    place.printed(&["apply", "network.toml"]);
    let checked = place.printed(&["config", "check"]);
    let found: Vec<&str> = checked.lines().filter(|line| line.contains("outbound.allow")).collect();
    assert_eq!(
        found,
        [
            "warning: affiliate 77.postback_url: its address is loopback, and outbound.allow names no such network",
            "warning: webhook 1.url: its address is private, and outbound.allow names no such network",
        ]
    );
}

#[test]
fn config_check_says_which_contracts_ask_for_what_the_settings_do_not_give() {
    let mut place = Place::new();
    let contract = |id: u32, post: &str| {
        format!(
            "[[contract]]\nid = {id}\nbuyer = 5\nvertical = 1\nname = \"Contract {id}\"\n\
             schedule = [{{ days = [\"all\"], open = \"00:00\", close = \"24:00\", price = \"20.00\", type = \"exclusive\" }}]\n\
             [contract.post]\n{post}\naccepted = [\"contains:yes\"]\n"
        )
    };
    let mailed = "method = \"email\"\nto = \"leads@buyer.example\"";
    let within = "method = \"post\"\nurl = \"http://10.1.2.3/leads\"";
    let here = "method = \"post\"\nurl = \"https://buyer.example/\"\nstatus_url = \"http://localhost:9/?id=#leadid#\"";
    let contracts = [contract(9, mailed), contract(7, mailed), contract(8, within), contract(10, here)];
    let buyer = "[[buyer]]\nid = 5\nname = \"Buyer\"\n";
    place.write("network.toml", &(NETWORK.to_owned() + buyer + &contracts.concat()));
    place.printed(&["apply", "network.toml"]);
    let told = |place: &Place| {
        let checked = place.printed(&["config", "check"]);
        let told = checked.lines().filter(|line| line.contains("mail") || line.contains("outbound"));
        told.map(str::to_owned).collect::<Vec<_>>()
    };
    let addresses = [
        "warning: contract 8.post.url: its address is private, and outbound.allow names no such network",
        "warning: contract 10.post.status_url: its address is loopback, and outbound.allow names no such network",
    ];
    let no_relay = "warning: no mail relay (mail.relay): contracts 7, 9 cannot be sent their mails";
    assert_eq!(told(&place), [&[no_relay][..], &addresses].concat());
    place.set("CRUMB_MAIL_RELAY", "mail.example:587");
    place.set("CRUMB_MAIL_FROM", "crumb@net.example");
    assert_eq!(told(&place), addresses);
    place.set("CRUMB_OUTBOUND_ALLOW", "10.0.0.0/8,127.0.0.0/8");
    assert_eq!(told(&place), [""; 0]);
}

#[test]
fn config_check_says_that_two_listeners_cannot_have_one_address() {
    let place = Place::new();
    place.write("crumb.toml", "[listen]\ntracking = \"127.0.0.1:8081\"\n");
    let ran = place.run(&["config", "check"]);
    assert_eq!(ran.exit, Some(1));
    assert_eq!(ran.stderr, "listen.admin: 127.0.0.1:8081 is the tracking listener's address, too\n");
}

#[test]
fn outbound_networks_are_comma_separated() {
    let mut place = Place::new();
    place.set("CRUMB_OUTBOUND_ALLOW", "127.0.0.0/8,10.1.0.0/16");
    place.printed(&MAKING);
    place.set("CRUMB_OUTBOUND_ALLOW", "127.0.0.0/8,ten");
    let refused = place.refused(&["versions"]);
    assert_eq!(refused, "CRUMB_OUTBOUND_ALLOW: \"ten\" is no network like \"10.1.0.0/16\"\n");
}

#[test]
fn how_far_pings_may_go_is_what_posting_documents_tell() {
    let mut place = Place::with_network();
    place.set("CRUMB_LIMITS_PINGS_PER_SECOND", "7");
    let document = place.printed(&["posting-doc", "--offer", "100"]);
    assert!(document.contains("At most 7 pings a second, 14 at once;"), "{document}");
}

#[test]
fn a_database_is_a_sqlite_file() {
    let place = Place::new();
    place.write("network.toml", NETWORK);
    let database = format!("sqlite:{}", place.path("net/other.db").display());
    assert_eq!(place.printed(&["apply", "network.toml", "--database", &database]), "1\n");
    assert!(place.path("net/other.db").exists() && !place.path("data").exists());
    let refused = place.refused(&["versions", "--database", "postgres://u:secret@db/x"]);
    assert_eq!(refused, "--database: PostgreSQL is not in this version; use \"sqlite:PATH\"\n");
}

#[test]
fn a_wrong_command_line_does_not_look_like_a_plan_with_changes() {
    let place = Place::new();
    assert_eq!(place.run(&["plan"]).exit, Some(1));
    assert_eq!(place.run(&["plan", "--prun", "x.toml"]).exit, Some(1));
    let version = place.run(&["--version"]);
    assert_eq!((version.exit, version.stdout), (Some(0), format!("crumb {}\n", env!("CARGO_PKG_VERSION"))));
    assert!(place.printed(&["--help"]).contains("posting-doc"));
}

#[test]
fn each_command_is_a_line_of_the_help_and_lists_its_own_options_first() {
    let place = Place::new();
    let help = place.printed(&["--help"]);
    let (_, commands) = help.split_once("Commands:\n").expect("the commands");
    let (commands, _) = commands.split_once("\n\n").expect("what follows them");
    for line in commands.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    let named = |help: &str| -> Vec<String> {
        let Some((_, commands)) = help.split_once("Commands:\n") else { return Vec::new() };
        let lines = commands.lines().take_while(|line| !line.is_empty());
        lines.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
    };
    let mut all: Vec<Vec<String>> = named(&help).into_iter().map(|name| vec![name]).collect();
    assert!(all.len() > 25, "{all:?}");
    while let Some(command) = all.pop() {
        let words: Vec<&str> = command.iter().map(String::as_str).chain(["-h"]).collect();
        let help = place.printed(&words);
        all.extend(named(&help).into_iter().map(|name| [&command[..], &[name]].concat()));
        let (_, options) = help.split_once("Options:\n").expect("options");
        let names = options.lines().filter_map(|line| line.split("--").nth(1)?.split([' ', '=']).next());
        let last: Vec<&str> = names.collect::<Vec<_>>().into_iter().rev().take(4).collect();
        assert_eq!(last, ["help", "config", "database", "data"], "{help}");
    }
}
