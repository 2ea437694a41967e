//! `crumb bench`: that it measures all servers and believes no answer. Figures are
//! no business of a test.

use crate::program::Place;

/// The first words of the table's rows.
fn rows(printed: &str) -> Vec<&str> {
    printed.lines().filter_map(|line| line.split("  ").next()).collect()
}

#[test]
fn clicks_are_measured_beside_the_limits_and_every_one_is_found() {
    let place = Place::new();
    let run =
        ["bench", "clicks", "--seconds", "1", "--rounds", "1", "--connections", "8", "--campaigns", "60"];
    let printed = place.printed(&run);
    for server in ["crumb", "append + sync", "bare hyper"] {
        assert!(rows(&printed).contains(&server), "{printed}");
    }
    assert!(printed.contains("Every acknowledged id was looked up in Crumb's store and found."), "{printed}");
    assert!(printed.starts_with("machine: "), "{printed}");
    assert_eq!(printed.contains("warning: a debug build"), cfg!(debug_assertions), "{printed}");
    assert_eq!(std::fs::read_dir(place.path(".")).unwrap().count(), 0, "it leaves nothing behind");
}

#[test]
fn clicks_acknowledged_before_a_kill_are_found() {
    let run = ["bench", "clicks", "--seconds", "1", "--rounds", "1", "--connections", "8", "--kill"];
    let printed = Place::new().printed(&run);
    assert!(printed.contains("Crumb was killed in the middle of the load."), "{printed}");
}

#[test]
fn session_posts_are_measured_beside_the_limits_and_every_lead_is_found() {
    let run =
        ["bench", "leads", "--seconds", "1", "--rounds", "1", "--connections", "8", "--sessions", "100"];
    let printed = Place::new().printed(&run);
    for server in ["crumb", "append + sync", "bare hyper"] {
        assert!(rows(&printed).contains(&server), "{printed}");
    }
    assert!(printed.contains("Every acknowledged id was looked up in Crumb's store and found."), "{printed}");
}

#[test]
fn conversions_are_measured_beside_the_limits_and_every_one_is_whole() {
    let run = [
        "bench",
        "conversions",
        "--seconds",
        "1",
        "--rounds",
        "1",
        "--connections",
        "8",
        "--sessions",
        "20000",
    ];
    let printed = Place::new().printed(&run);
    for server in ["crumb", "append + sync", "bare hyper"] {
        assert!(rows(&printed).contains(&server), "{printed}");
    }
    assert!(printed.contains("Every acknowledged id was looked up in Crumb's store and found."), "{printed}");
}

#[test]
fn conversions_acknowledged_before_a_kill_are_found_with_their_postbacks() {
    let place = Place::new();
    let mut run = vec!["bench", "conversions", "--seconds", "1", "--rounds", "1", "--connections", "8"];
    run.extend(["--sessions", "60000", "--campaigns", "30", "--kill", "--postbacks"]);
    let ran = place.run(&run);
    assert_eq!(ran.exit, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("Crumb was killed in the middle of the load."), "{}", ran.stdout);
    assert!(ran.stderr.contains(" postbacks had arrived by the end\n"), "{}", ran.stderr);
    assert_eq!(std::fs::read_dir(place.path(".")).unwrap().count(), 0, "it leaves nothing behind");
}

#[test]
fn conversions_that_run_out_before_the_time_is_up_are_no_measurement() {
    let run =
        ["bench", "conversions", "--seconds", "2", "--rounds", "1", "--connections", "8", "--sessions", "20"];
    let said = Place::new().refused(&run);
    assert!(said.contains("all 20 sessions had converted before the time was up"), "{said}");
}

#[test]
fn the_start_is_measured_with_a_network_of_the_size_asked_for() {
    let printed = Place::new().printed(&["bench", "start", "--campaigns", "300", "--rounds", "1"]);
    assert!(printed.contains("\n300 campaigns, middle of 1: ready after "), "{printed}");
}

#[test]
fn a_place_where_no_store_can_be_made_is_named() {
    let ran = Place::new().run(&["bench", "start", "--directory", "nowhere"]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.starts_with("no directory can be made in nowhere"), "{}", ran.stderr);
}

#[test]
fn selling_is_measured_beside_what_only_waits_or_calls_and_every_lead_is_accounted_for() {
    let place = Place::new();
    let run = ["bench", "selling", "--rate", "40", "--seconds", "1", "--rounds", "1", "--in-flight", "60"];
    let printed = place.printed(&run);
    for server in ["crumb", "bare calls", "bare wait"] {
        assert!(rows(&printed).contains(&server), "{printed}");
    }
    // Of twenty leads nobody buys one, and all are pinged.
    assert!(printed.contains("round 1: 44 leads: "), "{printed}");
    assert!(printed.contains(" after a refusal, 2 bought by nobody; 440 pings ("), "{printed}");
    assert!(printed.contains("\n60 calls to buyers in flight at once, "), "{printed}");
    assert!(printed.ends_with("the store, the ledger and the buyers agree.\n"), "{printed}");
    assert_eq!(std::fs::read_dir(place.path(".")).unwrap().count(), 0, "it leaves nothing behind");
}
