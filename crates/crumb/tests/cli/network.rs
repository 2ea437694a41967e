//! The network as code: plan, apply, export, versions, revert, contract on.

use crate::program::{NETWORK, Place, exists};

/// The network with another payout.
fn changed() -> String {
    NETWORK.replace("name = \"Free quote\"", "name = \"Free quote\"\npayout = \"12.00\"")
}

#[test]
fn plan_says_what_would_change_changes_nothing_and_exits_2() {
    let place = Place::new();
    place.write("network.toml", NETWORK);
    for _ in 0..2 {
        let ran = place.run(&["plan", "network.toml"]);
        assert_eq!(ran.exit, Some(2), "{}", ran.stderr);
        assert!(ran.stdout.contains("+ offer 100\n"), "{}", ran.stdout);
    }
    assert!(!exists(&place.path("data")), "nothing is made by looking");
    place.write("faulty.toml", "[[campaign]]\nid = 59\naffiliate = 12\noffer = 999\n");
    assert!(place.refused(&["plan", "faulty.toml"]).contains("campaign[0].offer: no offer 999\n"));
    assert!(!exists(&place.path("data")));
    place.write("empty.toml", "");
    assert_eq!(place.run(&["plan", "--prune", "empty.toml"]).exit, Some(0));
    place.printed(&["apply", "network.toml"]);
    place.write("changed.toml", &changed());
    for _ in 0..2 {
        let ran = place.run(&["plan", "changed.toml"]);
        assert_eq!((ran.exit, ran.stdout.as_str()), (Some(2), "~ offer 100: payout 0.00 → 12.00\n"));
    }
    assert_eq!(place.printed(&["versions"]).lines().count(), 1);
}

/// Whoever looks with a mistyped `--data` is told so, and finds no new store there later.
#[test]
fn commands_that_read_refuse_a_place_without_a_store_and_make_nothing_there() {
    let place = Place::with_network();
    place.write("rows.csv", "request_id\n1\n");
    std::fs::create_dir(place.path("bare")).unwrap();
    let reading: &[&[&str]] = &[
        &["export"],
        &["versions"],
        &["key", "list"],
        &["key", "revoke", "ci"],
        &["revert", "1"],
        &["explain", "AAAAAAAA"],
        &["lead", "timeline", "AAAAAAAA"],
        &["lead", "accept", "AAAAAAAA"],
        &["held"],
        &["replay"],
        &["replay", "--network", "network.toml"],
        &["alerts"],
        &["conversions"],
        &["import", "rows.csv"],
        &["import", "--dry-run", "rows.csv"],
        &["tail", "pixels"],
        &["deliveries"],
        &["deliveries", "replay"],
        &["contract", "on", "7"],
        &["contract", "test", "7"],
        &["return", "AAAAAAAA", "--contract", "7", "--as", "credit", "--reason", "x"],
        &["returns"],
        &["buyer", "balance", "5"],
        &["buyer", "credit", "5", "1.00"],
        &["ledger"],
        &["link", "--affiliate", "12", "--creative", "1057"],
        &["pixel", "--affiliate", "12", "--creative", "1057"],
        &["conversion-pixel", "--offer", "100"],
        &["sign-postback", "--offer", "100", "r=1"],
        &["posting-doc", "--campaign", "57"],
    ];
    for (directory, are_there) in [("wrong", None), ("bare", Some(0))] {
        for typed in reading {
            let refused = place.refused(&[*typed, &["--data", directory]].concat());
            let why = format!(
                "there is no store {directory}/crumb.db: `crumb apply` or `crumb serve` makes one, and --data says \
                 where it is\n"
            );
            assert_eq!(refused, why, "{typed:?}");
            let found = std::fs::read_dir(place.path(directory)).map(Iterator::count).ok();
            assert_eq!(found, are_there, "{typed:?}");
        }
        assert_eq!(place.run(&["plan", "network.toml", "--data", directory]).exit, Some(2));
        let checked = place.printed(&["config", "check", "--data", directory]);
        let what = if are_there.is_none() { "is not there yet" } else { "has no store yet" };
        assert_eq!(checked, format!("warning: the data directory {directory} {what}\n"));
        let found = std::fs::read_dir(place.path(directory)).map(Iterator::count).ok();
        assert_eq!(found, are_there);
    }
    let database = ["versions", "--database", "sqlite:wrong/other.db"];
    assert!(place.refused(&database).starts_with("there is no store wrong/other.db: "));
    assert!(!exists(&place.path("wrong")));
}

#[test]
fn plan_of_what_is_there_exits_0() {
    let place = Place::with_network();
    let ran = place.run(&["plan", "network.toml"]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (Some(0), ""), "{}", ran.stderr);
}

#[test]
fn apply_prints_the_new_version_and_nothing_else_on_standard_output() {
    let place = Place::new();
    place.write("network.toml", NETWORK);
    place.write("changed.toml", &changed());
    assert_eq!(place.printed(&["apply", "network.toml"]), "1\n");
    let ran = place.run(&["apply", "changed.toml"]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (Some(0), "2\n"));
    assert!(ran.stderr.contains("~ offer 100: payout 0.00 → 12.00"), "{}", ran.stderr);
}

#[test]
fn applying_again_makes_no_version() {
    let place = Place::with_network();
    assert_eq!(place.printed(&["apply", "network.toml"]), "1\n");
    assert_eq!(place.printed(&["versions"]).lines().count(), 1);
}

#[test]
fn a_faulty_file_is_refused_with_the_places_changes_nothing_and_exits_1() {
    let place = Place::with_network();
    let two_faults =
        NETWORK.replace("offer = 100\n", "offer = 999\n").replace("vertical = 1\n", "vertical = 9\n");
    let faulty = [
        (NETWORK.replace("offer = 100\n", "offer = 999\n"), "campaign[0].offer: no offer 999\n"),
        (NETWORK.replace("key = ", "keys = "), "campaign[0].keys: unknown key\n"),
        (NETWORK.replace("id = 12\n", "id = 1\n"), "affiliate[1].id: "),
        (changed().replace("12.00", "12,00"), "offer[0].payout: "),
        (NETWORK.replace("[network]", "[network"), "not valid TOML: "),
        (two_faults, "campaign[0].offer: no offer 999\n"),
    ];
    for (text, expected) in faulty {
        place.write("faulty.toml", &text);
        for command in ["plan", "apply"] {
            let stderr = place.refused(&[command, "faulty.toml"]);
            assert!(stderr.lines().any(|line| format!("{line}\n").starts_with(expected)), "{stderr}");
        }
    }
    let both = place.refused(&["apply", "faulty.toml"]);
    assert!(both.contains("offer[0].vertical: no vertical 9\n"), "each fault has its line: {both}");
    assert_eq!(place.printed(&["versions"]).lines().count(), 1);
    assert_eq!(place.run(&["plan", "network.toml"]).exit, Some(0));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let stderr = Place::new().refused(&["apply", "nowhere.toml"]);
    assert!(stderr.starts_with("nowhere.toml: "), "{stderr}");
}

#[test]
fn applying_an_export_changes_nothing_in_either_notation_masked_or_not() {
    let place = Place::with_network();
    for format in ["toml", "json"] {
        for secrets in [&[][..], &["--secrets"]] {
            let mut arguments = vec!["export", "--format", format];
            arguments.extend(secrets);
            let file = format!("export.{format}");
            place.write(&file, &place.printed(&arguments));
            for more in [&[][..], &["--prune"]] {
                let mut arguments = vec!["plan", &file];
                arguments.extend(more);
                let ran = place.run(&arguments);
                assert_eq!(ran.exit, Some(0), "{}{}", ran.stdout, ran.stderr);
            }
            assert_eq!(place.printed(&["apply", &file]), "1\n");
        }
    }
    assert_eq!(place.printed(&["export"]), place.printed(&["export", "--format", "toml"]));
}

#[test]
fn export_and_plan_mask_secrets_unless_told_otherwise() {
    let place = Place::with_network();
    assert!(!place.printed(&["export"]).contains("Ab3dE5gH1jK"));
    assert!(place.printed(&["export", "--secrets"]).contains("key = \"Ab3dE5gH1jK\""));
    place.write("other.toml", &NETWORK.replace("Ab3dE5gH1jK", "Zz9zz9zz9zz"));
    let masked = place.run(&["plan", "other.toml"]).stdout;
    assert!(masked.contains("~ campaign 57: key") && !masked.contains("Zz9"), "{masked}");
    let shown = place.run(&["plan", "other.toml", "--secrets"]);
    assert_eq!(
        (shown.exit, shown.stdout.as_str()),
        (Some(2), "~ campaign 57: key Ab3dE5gH1jK → Zz9zz9zz9zz\n")
    );
    for secrets in [&["versions"][..], &["versions", "--secrets"]] {
        assert!(!place.printed(secrets).contains("Ab3dE5gH1jK"));
    }
}

#[test]
fn an_omitted_key_keeps_the_present_one() {
    let place = Place::with_network();
    place.write("keyless.toml", &NETWORK.replace("key = \"Ab3dE5gH1jK\"\n", ""));
    assert_eq!(place.run(&["plan", "keyless.toml"]).exit, Some(0));
}

#[test]
fn what_a_file_does_not_mention_stays_unless_pruned() {
    let place = Place::with_network();
    let (rest, _) = NETWORK.split_once("[[campaign]]").unwrap();
    place.write("less.toml", rest);
    assert_eq!(place.run(&["plan", "less.toml"]).exit, Some(0));
    assert_eq!(place.printed(&["apply", "less.toml"]), "1\n");
    let ran = place.run(&["plan", "--prune", "less.toml"]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (Some(2), "- campaign 57\n"));
    assert_eq!(place.printed(&["apply", "--prune", "less.toml"]), "2\n");
    assert!(!place.printed(&["export"]).contains("[[campaign]]"));
}

#[test]
fn every_version_is_kept_and_can_be_gone_back_to() {
    let place = Place::with_network();
    let first = place.printed(&["export"]);
    place.write("changed.toml", &changed());
    place.printed(&["apply", "changed.toml"]);
    assert_ne!(place.printed(&["export"]), first);
    assert_eq!(place.printed(&["revert", "1"]), "3\n");
    assert_eq!(place.printed(&["export"]), first);
    let versions = place.printed(&["versions"]);
    let numbers: Vec<_> = versions.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(numbers, ["3", "2", "1"]);
    assert_eq!(place.refused(&["revert", "9"]), "no version 9\n");
}

#[test]
fn only_a_contract_that_is_there_can_be_switched_on() {
    assert_eq!(Place::with_network().refused(&["contract", "on", "7"]), "no contract 7\n");
}

#[test]
fn contract_on_prints_the_version_in_which_the_contract_buys_again() {
    let place = Place::new();
    let contract = "[[buyer]]\nid = 5\nname = \"Buyer\"\n\
        [[contract]]\nid = 7\nbuyer = 5\nvertical = 1\nname = \"All\"\nstatus = \"inactive\"\n\
        schedule = [{ days = [\"all\"], open = \"00:00\", close = \"24:00\", price = \"1.00\", type = \"exclusive\" }]\n\
        [contract.post]\nmethod = \"post\"\nurl = \"https://buyer.example/\"\naccepted = [\"contains:yes\"]\n";
    place.write("network.toml", &format!("{NETWORK}\n{contract}"));
    assert_eq!(place.printed(&["apply", "network.toml"]), "1\n");
    assert!(place.printed(&["export"]).contains("status = \"inactive\""));
    let ran = place.run(&["contract", "on", "7"]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (Some(0), "2\n"), "{}", ran.stderr);
    assert!(!place.printed(&["export"]).contains("inactive"));
    assert_eq!(place.printed(&["contract", "on", "7"]), "2\n", "it is on");
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_no_success() {
    let place = Place::with_network();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ran = place.command(&["export"]).stdout(full).output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(said.contains("standard output cannot be written: No space left on device"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_without_end_is_refused_at_its_limit() {
    let refused = Place::new().refused(&["plan", "/dev/zero"]);
    assert_eq!(refused, "/dev/zero: larger than 16777216 bytes\n");
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let place = Place::new();
    std::fs::write(place.path("network.toml"), b"[network]\nname = \"\xff\"\n").unwrap();
    assert_eq!(place.refused(&["apply", "network.toml"]), "network.toml: is not UTF-8\n");
}
