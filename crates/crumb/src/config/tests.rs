use super::*;

fn resolve(file: &str, variables: &[(&str, &str)], flags: &Flags) -> Result<Settings, String> {
    let variables: Vec<_> = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Settings::resolve(flags, Some(("crumb.toml".to_owned(), file.to_owned())), &variables)
        .map_err(|error| error.to_string())
}

fn of_file(file: &str) -> Result<Settings, String> {
    resolve(file, &[], &Flags::default())
}

fn of_environment(name: &str, value: &str) -> Result<Settings, String> {
    resolve("", &[(name, value)], &Flags::default())
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    assert_eq!(of_file(&documented_defaults()), of_file(""));
    let settings = of_file("").unwrap();
    assert_eq!(settings.tracking.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.admin.to_string(), "127.0.0.1:8081");
    assert_eq!(settings.store.directory, Path::new("./data"));
    assert_eq!(settings.trusted_proxies, []);
}

#[test]
fn every_key_is_also_an_environment_variable() {
    for key in keys::KEYS {
        // A text that no key has by default: it shows, as a setting or as a fault of its value.
        let read = of_environment(&key.variable(), "\u{0}");
        assert_ne!(read, of_file(""), "{}", key.path());
        assert!(!read.is_err_and(|fault| fault.contains("unknown")), "{}", key.path());
    }
    let settings = of_environment("CRUMB_LISTEN_TRUSTED_PROXIES", "127.0.0.0/8, 10.1.0.0/16").unwrap();
    assert_eq!(settings.trusted_proxies.len(), 2);
}

#[test]
fn a_variable_that_is_no_text_is_refused_and_a_strangers_is_not() {
    use std::os::unix::ffi::OsStringExt as _;
    let of = |name: &str| variables(std::iter::once((name.into(), OsString::from_vec(vec![0xff]))));
    assert_eq!(of("CRUMB_STORE_DATA").unwrap_err().to_string(), "CRUMB_STORE_DATA: is not UTF-8");
    assert_eq!(of("LS_COLORS"), Ok(Vec::new()));
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let file = "[listen]\ntracking = \"127.0.0.1:1\"\nadmin = \"127.0.0.1:2\"\n";
    let environment = [("CRUMB_LISTEN_TRACKING", "127.0.0.1:3"), ("CRUMB_LISTEN_ADMIN", "127.0.0.1:4")];
    let flags = Flags { listen: Some("127.0.0.1:5".to_owned()), ..Flags::default() };
    let port = |settings: Result<Settings, String>| settings.map(|s| (s.tracking.port(), s.admin.port()));
    assert_eq!(port(resolve(file, &[], &Flags::default())), Ok((1, 2)));
    assert_eq!(port(resolve(file, &environment, &Flags::default())), Ok((3, 4)));
    assert_eq!(port(resolve(file, &environment, &flags)), Ok((5, 4)));
}

#[test]
fn unknown_keys_are_refused_with_their_path() {
    let refused = |file: &str, expected: &str| assert_eq!(of_file(file), Err(expected.to_owned()));
    refused("[listen]\ntrackin = \"127.0.0.1:1\"", "crumb.toml: listen.trackin: unknown key");
    refused("[listn]\ntracking = 1", "crumb.toml: listn: unknown key");
    refused("listen = 1", "crumb.toml: listen: must be a section, [listen]");
    assert_eq!(
        of_environment("CRUMB_LISTEN_TRACKIN", "1"),
        Err("CRUMB_LISTEN_TRACKIN: unknown key listen.trackin; did you mean CRUMB_LISTEN_TRACKING?"
            .to_owned())
    );
}

#[test]
fn a_variable_that_was_meant_to_be_a_setting_is_refused() {
    let refused = |name: &str, expected: &str| {
        assert_eq!(of_environment(name, "1"), Err(format!("{name}: {expected}")));
    };
    refused("CRUMB_OUTBOND_ALLOW", "unknown variable; did you mean CRUMB_OUTBOUND_ALLOW?");
    refused("CRUMB_LIMIT_DRAIN_SECOND", "unknown variable; did you mean CRUMB_LIMITS_DRAIN_SECONDS?");
    refused("CRUMB_listen_admin", "unknown variable; did you mean CRUMB_LISTEN_ADMIN?");
    refused("CRUMB_CLOCK_OFFSET", "unknown variable; did you mean CRUMB_CLOCK_OFFSET_SECONDS?");
    refused("CRUMB_LISTEN_PORT", "unknown key listen.port; `crumb config default` lists all");
}

#[test]
fn a_variable_that_looks_like_no_setting_is_somebody_elses() {
    let long = format!("CRUMB_{}", "X".repeat(10_000));
    for name in ["CRUMB_HOME", "CRUMB_BIN", "CRUMB_URL", "CRUMB_DATA", "CRUMB_PORT", "CRUMB_", &long] {
        assert_eq!(of_environment(name, "1"), of_file(""), "{name}");
    }
}

#[test]
fn what_container_platforms_say_of_services_is_no_setting() {
    for (name, value) in [
        ("CRUMB_SERVICE_HOST", "10.0.0.7"),
        ("CRUMB_SERVICE_PORT", "8080"),
        ("CRUMB_SERVICE_PORT_HTTP", "8080"),
        ("CRUMB_PORT", "tcp://10.0.0.7:8080"),
        ("CRUMB_PORT_8080_TCP", "tcp://10.0.0.7:8080"),
        ("CRUMB_PORT_8080_TCP_PROTO", "tcp"),
        ("CRUMB_PORT_8080_TCP_PORT", "8080"),
        ("CRUMB_PORT_8080_UDP_ADDR", "10.0.0.7"),
        // Of a second service, crumb-admin.
        ("CRUMB_ADMIN_SERVICE_HOST", "10.0.0.8"),
        ("CRUMB_ADMIN_PORT", "tcp://10.0.0.8:8081"),
        ("CRUMB_ADMIN_PORT_8081_TCP", "tcp://10.0.0.8:8081"),
        // Of one whose name begins as a section does.
        ("CRUMB_LISTEN_SERVICE_PORT", "8081"),
    ] {
        assert_eq!(of_environment(name, value), of_file(""), "{name}");
    }
    assert!(of_environment("CRUMB_LISTEN_PORT", "8080").is_err());
}

#[test]
fn a_faulty_value_is_named_with_its_place() {
    let refused = |file: &str, expected: &str| assert_eq!(of_file(file), Err(expected.to_owned()));
    refused("[store]\nnode = 128", "crumb.toml: store.node: 128 is not between 0 and 127");
    refused("[store]\nnode = \"1\"", "crumb.toml: store.node: must be a whole number");
    refused("[listen]\nadmin = 8081", "crumb.toml: listen.admin: must be a text in quotes");
    refused(
        "[listen]\ntrusted_proxies = \"\"",
        "crumb.toml: listen.trusted_proxies: must be a list of texts",
    );
    refused(
        "[outbound]\nallow = [\"10.0.0.0/33\"]",
        "crumb.toml: outbound.allow: \"10.0.0.0/33\" is no network like \"10.1.0.0/16\"",
    );
    refused("[log]\nformat = \"xml\"", "crumb.toml: log.format: \"xml\" is neither \"json\" nor \"text\"");
    for wrong in ["", "inof", "info,crumb_server", "info,crumb_server=loud"] {
        let file = format!("[log]\nlevel = \"{wrong}\"");
        refused(&file, &format!("crumb.toml: log.level: {wrong:?} is no level like \"info\""));
    }
    assert!(of_file("[log]\nlevel = \"info,crumb_server=debug\"").is_ok());
    refused("[mail]\nfrom = \"a@b.example\"", "crumb.toml: mail.from: needs mail.relay");
    refused(
        "[mail]\nrelay = \"mail.example:25\"\nfrom = \"a@b.example\"\npassword = \"x\"",
        "crumb.toml: mail.password: needs mail.user",
    );
    assert_eq!(
        of_environment("CRUMB_LISTEN_TRACKING", "nowhere"),
        Err("CRUMB_LISTEN_TRACKING: \"nowhere\" is no address like \"127.0.0.1:8080\"".to_owned())
    );
    let flags = Flags { listen: Some("x".to_owned()), ..Flags::default() };
    assert_eq!(
        resolve("", &[], &flags),
        Err("--listen: \"x\" is no address like \"127.0.0.1:8080\"".to_owned())
    );
}

#[test]
fn how_far_pings_may_go_is_a_setting_within_bounds() {
    assert_eq!(of_file("").unwrap().pings, PingLimits::DEFAULT);
    let file = "[limits]\nping_deadline_ms = 2500\nping_life_seconds = 60\npings_per_second = 5";
    let pings = PingLimits { deadline_ms: 2_500, life_seconds: 60, per_second: 5 };
    assert_eq!(of_file(file).unwrap().pings, pings);
    assert_eq!(of_environment("CRUMB_LIMITS_PINGS_PER_SECOND", "7").unwrap().pings.per_second, 7);
    for (key, lowest, highest) in
        [("ping_deadline_ms", 500, 60_000), ("ping_life_seconds", 1, 3_600), ("pings_per_second", 1, 10_000)]
    {
        for within in [lowest, highest] {
            assert!(of_file(&format!("[limits]\n{key} = {within}")).is_ok(), "{key} {within}");
        }
        for wrong in [lowest - 1, highest + 1, i64::MIN, i64::MAX] {
            let fault = format!("crumb.toml: limits.{key}: {wrong} is not between {lowest} and {highest}");
            assert_eq!(of_file(&format!("[limits]\n{key} = {wrong}")), Err(fault));
        }
    }
}

#[test]
fn how_many_calls_go_out_at_once_is_a_setting_within_bounds() {
    let calls = |settings: Result<Settings, String>| settings.map(|settings| settings.outbound_calls);
    assert_eq!(calls(of_file("")), Ok(crumb_delivery::outbound::DEFAULT_MAX_IN_FLIGHT));
    for within in [1, 7, 65_536] {
        assert_eq!(calls(of_file(&format!("[outbound]\nmax_calls = {within}"))), Ok(within));
    }
    assert_eq!(calls(of_environment("CRUMB_OUTBOUND_MAX_CALLS", "9")), Ok(9));
    for wrong in [0, -1, 65_537] {
        let fault = format!("crumb.toml: outbound.max_calls: {wrong} is not between 1 and 65536");
        assert_eq!(of_file(&format!("[outbound]\nmax_calls = {wrong}")), Err(fault));
    }
}

#[test]
fn for_how_long_logs_are_kept_is_a_setting_within_bounds() {
    assert_eq!(of_file("").unwrap().retention, Retention::DEFAULT);
    let file = "[limits]\npixel_log_days = 31\ndeliveries_days = 0\nattempts_days = 366";
    let retention = Retention { pixel_log_days: 31, deliveries_days: 0, attempts_days: 366 };
    assert_eq!(of_file(file).unwrap().retention, retention);
    for key in ["pixel_log_days", "deliveries_days", "attempts_days"] {
        assert!(of_file(&format!("[limits]\n{key} = 36500")).is_ok(), "{key}");
        for wrong in [-1, 36_501] {
            let fault = format!("crumb.toml: limits.{key}: {wrong} is not between 0 and 36500");
            assert_eq!(of_file(&format!("[limits]\n{key} = {wrong}")), Err(fault));
        }
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let error = of_file("[store]\nnode = 200\nsize = 1\n[log]\nformat = \"xml\"").unwrap_err();
    assert_eq!(error.lines().count(), 3, "{error}");
}

#[test]
fn a_file_that_is_no_toml_is_named_with_the_line() {
    let error = of_file("[listen]\ntracking = \n").unwrap_err();
    assert!(error.starts_with("crumb.toml: line 2: "), "{error}");
}

#[test]
fn a_database_is_a_sqlite_file_and_its_directory_holds_the_rest() {
    let place = of_file("[store]\nurl = \"sqlite:/srv/crumb/net.db\"").unwrap().store;
    assert_eq!((place.directory, place.file), ("/srv/crumb".into(), "net.db".into()));
    let place = of_file("[store]\nurl = \"sqlite:net.db\"").unwrap().store;
    assert_eq!((place.directory, place.file), (".".into(), "net.db".into()));
    assert_eq!(
        of_file("[store]\nurl = \"postgres://u:p@db/crumb\""),
        Err("crumb.toml: store.url: PostgreSQL is not in this version; use \"sqlite:PATH\"".to_owned())
    );
    assert!(of_file("[store]\nurl = \"mysql:x\"").is_err());
    assert!(of_file("[store]\nurl = \"sqlite:\"").is_err());
}

#[test]
fn of_data_directory_and_database_the_stronger_word_counts() {
    let file = "[store]\nurl = \"sqlite:/srv/net.db\"";
    let flags = Flags { data: Some("here".to_owned()), ..Flags::default() };
    assert_eq!(resolve(file, &[], &flags).unwrap().store.directory, Path::new("here"));
    let edited = documented_defaults().replace("url = \"\"", "url = \"sqlite:/srv/net.db\"");
    assert_eq!(of_file(&edited).unwrap().store.directory, Path::new("/srv"));
    assert_eq!(
        of_file("[store]\nurl = \"sqlite:/srv/net.db\"\ndata = \"here\""),
        Err("crumb.toml: store.url: a database and a data directory are named; only one can be used"
            .to_owned())
    );
}

#[test]
fn the_clock_offset_is_a_bounded_number_of_seconds() {
    assert_eq!(of_environment(CLOCK_OFFSET, "-86400").unwrap().clock_offset_seconds, -86_400);
    assert_eq!(of_environment(CLOCK_OFFSET, "").unwrap().clock_offset_seconds, 0);
    assert_eq!(
        of_environment(CLOCK_OFFSET, "soon"),
        Err("CRUMB_CLOCK_OFFSET_SECONDS: must be a whole number".to_owned())
    );
    assert!(of_environment(CLOCK_OFFSET, "-9223372036854775808").is_err());
}

#[test]
fn alerts_go_by_mail_to_addresses_through_a_relay() {
    let relay = "[mail]\nrelay = \"mail.example:587\"\nfrom = \"crumb@example.com\"\n";
    assert_eq!(of_file(relay).unwrap().alerts_to, Vec::<String>::new());
    let to = "alerts_to = [\"ops@example.com\", \"boss@example.com\"]";
    assert_eq!(of_file(&format!("{relay}{to}")).unwrap().alerts_to, ["ops@example.com", "boss@example.com"]);
    let refused = |file: &str| of_file(file).unwrap_err();
    assert_eq!(refused(&format!("[mail]\n{to}")), "crumb.toml: mail.alerts_to: needs mail.relay");
    let wrong = refused(&format!("{relay}alerts_to = [\"Ops <ops@example.com>\"]"));
    assert_eq!(wrong, "crumb.toml: mail.alerts_to: \"Ops <ops@example.com>\" is no e-mail address");
}
