//! What keeps a network file from being applied because its buyers could not be talked
//! to, and what `config check` finds in one that is applied.

use crate::program::{NETWORK, Place};

/// A buyer and its contract, with further lines of its post and of itself.
fn contract(id: u32, post: &str, more: &str) -> String {
    format!(
        "[[buyer]]\nid = {id}\nname = \"Buyer {id}\"\n\
         [[contract]]\nid = {id}\nbuyer = {id}\nvertical = 1\nname = \"Contract {id}\"\n{more}\n\
         {}[contract.post]\nmethod = \"post\"\naccepted = [\"contains:yes\"]\n{post}\n",
        if more.contains("schedule = ") { "" } else { SCHEDULE }
    )
}

const SCHEDULE: &str = "schedule = [{ days = [\"all\"], open = \"00:00\", close = \"24:00\", price = \"20.00\", type = \"exclusive\" }]\n";
const URL: &str = "url = \"https://buyer.example/?id=#leadid#\"";

fn place_with(contracts: &[String]) -> Place {
    let place = Place::new();
    place.write("network.toml", &(NETWORK.to_owned() + &contracts.concat()));
    place
}

/// All places and texts of a post that the file's own check lets through.
const FAULTY: &str = "url = \"https://b#zip#.example/\"\nstatus_url = \"https://buyer.example#x#/\"\n\
    formats = { email_address = \"date:%!\" }\nparams = [[\"a b\", \"1\"]]\n";

const FAULTS: &str = "contract[0].post.url: has a token in its host, which may not come from a lead\n\
    contract[0].post.status_url: has a token in its host, which may not come from a lead\n\
    contract[0].post.params[0]: is no name of an XML element; a body template can hold it\n\
    contract[0].post.formats.email_address: \"%!\" is no pattern of a date\n";

#[test]
fn what_cannot_be_sent_to_a_buyer_is_refused_with_every_place_and_nothing_is_applied() {
    let faulty = contract(7, FAULTY, "").replace("method = \"post\"", "method = \"xml\"");
    let place = place_with(&[faulty]);
    assert_eq!(place.refused(&["plan", "network.toml"]), FAULTS);
    assert_eq!(place.refused(&["apply", "network.toml"]), FAULTS);
    let arguments =
        ["serve", "--network", "network.toml", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    assert_eq!(place.refused(&arguments), FAULTS);
    assert_eq!(place.printed(&["versions"]), "");
    assert_eq!(place.refused(&["replay", "--network", "network.toml"]), FAULTS);
}

#[test]
fn a_mail_goes_to_addresses() {
    let mail =
        contract(7, "to = \"a@b.example, nobody\"", "").replace("method = \"post\"", "method = \"email\"");
    let refused = place_with(&[mail]).refused(&["apply", "network.toml"]);
    assert_eq!(refused, "contract[0].post.to: \"nobody\" is no e-mail address\n");
}

#[test]
fn a_user_without_a_password_is_refused_and_not_shown() {
    let basic = |text: &str| contract(7, &format!("{URL}\nauth = {{ basic = \"{text}\" }}"), "");
    let fault = "contract[0].post.auth: basic is \"user:password\", and this has no colon\n";
    for command in ["plan", "apply"] {
        assert_eq!(place_with(&[basic("opensesame")]).refused(&[command, "network.toml"]), fault);
    }
    let ping = format!(
        "\n[contract.ping]\nmethod = \"post\"\naccepted = [\"contains:yes\"]\n{URL}\nauth = {{ basic = \"a\" }}\n"
    );
    let refused = place_with(&[basic("a:b") + &ping]).refused(&["plan", "network.toml"]);
    assert_eq!(refused, fault.replace("post.auth", "ping.auth"));
    // What it is may not be known here; that it is missing is told where it is used.
    place_with(&[basic("env:NOT_THERE")]).printed(&["apply", "network.toml"]);
}

#[test]
fn a_secret_that_is_missing_keeps_no_file_from_being_applied_and_is_told() {
    let place = place_with(&[contract(7, &format!("{URL}\nauth = {{ bearer = \"env:NOT_THERE\" }}"), "")]);
    place.printed(&["apply", "network.toml"]);
    let checked = place.printed(&["config", "check"]);
    assert!(checked.contains("warning: a secret is not in the environment: "), "{checked}");
    assert!(checked.contains("NOT_THERE"), "{checked}");
}

#[test]
fn what_could_be_sent_once_and_no_longer_can_is_wrong() {
    let mut place =
        place_with(&[contract(7, &format!("{URL}\nauth = {{ bearer = \"env:BUYERS_KEY\" }}"), "")]);
    place.set("BUYERS_KEY", "sound");
    place.printed(&["apply", "network.toml"]);
    assert_eq!(place.run(&["config", "check"]).exit, Some(0));
    place.set("BUYERS_KEY", "un\nsound");
    let checked = place.run(&["config", "check"]);
    assert_eq!(
        (checked.exit, checked.stderr.as_str()),
        (Some(1), "contract 7.post.auth: has control characters\n")
    );
}

#[test]
fn tokens_that_nothing_gives_a_value_are_warned_of() {
    let links = NETWORK
        .replace("reqid=#reqid#", "reqid=#ReqID#&x=#price#&y=#nope#&z=#nope#\"\nthank_you_link = \"https://lp.example/?p=#price#&e=#email_address#&f=#zip#")
        .replace("name = \"Text link\"", "name = \"Text link\"\nlink = \"https://lp.example/#creative#\"")
        .replace("key = \"Ab3dE5gH1jK\"", "key = \"Ab3dE5gH1jK\"\npostback_url = \"https://aff.example/?e=#email_address#&s=#s6#\"")
        .replace("name = \"Traffic Co\"", "name = \"Traffic Co\"\npixel_html = \"<img src='https://aff.example/?s=#s1#&h=#hash#'>\"");
    let posted = contract(
        7,
        &format!(
            "{URL}\nparams = [[\"e\", \"#email_address#\"], [\"s\", \"#session#\"], [\"z\", \"#zip#\"]]"
        ),
        "",
    );
    let place = Place::new();
    place.write("network.toml", &(links + &posted));
    place.printed(&["apply", "network.toml"]);
    let checked = place.printed(&["config", "check"]);
    let tokens: Vec<&str> = checked.lines().filter(|line| line.contains("unknown token")).collect();
    let expected = [
        "warning: offer 100.link: unknown tokens #price#, #nope#",
        "warning: offer 100.thank_you_link: unknown token #zip#",
        "warning: creative 1057.link: unknown token #creative#",
        "warning: affiliate 12.pixel_html: unknown token #hash#",
        "warning: campaign 57.postback_url: unknown token #s6#",
        "warning: contract 7.post: unknown token #zip#",
    ];
    assert_eq!(tokens, expected);
}

#[test]
fn offers_whose_affiliates_can_fire_pixels_for_themselves_are_warned_of() {
    const SHARES: &str = "are paid a share of what unsigned pixels say, and can fire them for their own clicks \
         (price_override = \"none\" or trusted_only prevents that)";
    let shop = |id: u32, more: &str| {
        format!("[[offer]]\nid = {id}\nname = \"Shop\"\nvertical = 1\ntype = \"third_party\"\n{more}\n")
    };
    let shares = "payout_percent = \"80\"";
    let shops = [
        shop(201, ""),
        shop(202, shares),
        shop(203, "price_format = \"revshare\"\npostback_secret = \"s3cret\""),
        shop(204, &format!("{shares}\nprice_override = \"none\"")),
        shop(205, &format!("{shares}\ntrusted_only = true")),
        shop(206, ""),
        "[[campaign]]\nid = 58\naffiliate = 12\noffer = 206\nprice_format = \"revshare\"\n".to_owned(),
    ];
    let place = place_with(&shops);
    place.printed(&["apply", "network.toml"]);
    let checked = place.printed(&["config", "check"]);
    let found: Vec<&str> = checked.lines().filter(|line| line.contains("for their own clicks")).collect();
    assert_eq!(found, [format!("warning: offers 202, 203, 206: affiliates {SHARES}")]);
    place.write("network.toml", NETWORK);
    place.printed(&["apply", "network.toml", "--prune"]);
    assert!(!place.printed(&["config", "check"]).contains("for their own clicks"));
}

#[test]
fn posts_that_say_nothing_of_the_lead_are_warned_of() {
    let bare = "url = \"https://buyer.example/\"";
    let place = place_with(&[
        contract(7, bare, ""),
        contract(8, URL, ""),
        contract(9, bare, "status = \"inactive\""),
    ]);
    let why = "sends nothing of the lead: it has no params and no body, and its url has no token";
    let told = format!("warning: contract[0].post: {why}");
    let planned = place.run(&["plan", "network.toml"]);
    assert_eq!((planned.exit, planned.stderr.lines().last()), (Some(2), Some(told.as_str())));
    let applied = place.run(&["apply", "network.toml"]);
    assert_eq!((applied.exit, applied.stdout.as_str()), (Some(0), "1\n"));
    assert_eq!(
        applied.stderr.lines().filter(|line| line.starts_with("warning: ")).collect::<Vec<_>>(),
        [told]
    );
    let checked = place.printed(&["config", "check"]);
    let empty: Vec<_> = checked.lines().filter(|line| line.contains("nothing of the lead")).collect();
    assert_eq!(empty, [format!("warning: contract 7.post: {why}")]);
}

#[test]
fn contracts_that_can_never_buy_are_warned_of_and_why() {
    let row = |more: &str| {
        format!(
            "schedule = [{{ days = [\"all\"], open = \"00:00\", close = \"24:00\", price = \"20.00\", {more} }}]"
        )
    };
    let exclusive = "type = \"exclusive\"";
    let contracts = [
        contract(1, URL, "").replace("name = \"Buyer 1\"", "name = \"Buyer 1\"\nstatus = \"inactive\""),
        contract(2, URL, "schedule = []"),
        contract(3, URL, &row(&format!("{exclusive}, cap = 0"))),
        contract(4, URL, "max_lead_age_minutes = 1\nposting_wait_seconds = 61"),
        contract(5, URL, "offer = 101"),
        contract(6, URL, &row("type = \"multisell\"")),
        contract(7, URL, ""),
        contract(8, URL, "status = \"inactive\"\nschedule = []"),
    ];
    let place = place_with(&contracts);
    let idle = "[[offer]]\nid = 101\nname = \"Idle\"\nvertical = 1\ntype = \"hosted\"\nlink = \"https://lp.example/\"\nstatus = \"inactive\"\n";
    place.write("more.toml", &(NETWORK.to_owned() + idle + &contracts.concat()));
    place.printed(&["apply", "more.toml"]);
    let checked = place.printed(&["config", "check"]);
    let never: Vec<&str> =
        checked.lines().filter_map(|line| line.strip_prefix("warning: contract ")).collect();
    let expected = [
        "1 can never buy: its buyer 1 is inactive",
        "2 can never buy: its schedule has no row",
        "3 can never buy: the cap of each of its rows is 0",
        "4 can never buy: it waits longer (posting_wait_seconds) than a lead may be old (max_lead_age_minutes)",
        "5 can never buy: its offer 101 takes no leads",
        "6 can never buy: it sells only together with others (multisell), and no other buyer shares",
    ];
    assert_eq!(never, expected);
}

#[test]
fn a_multisell_beside_another_buyer_that_shares_can_buy() {
    let shared = |id, kind| {
        let row = format!(
            "schedule = [{{ days = [\"all\"], open = \"00:00\", close = \"24:00\", price = \"20.00\", type = \"{kind}\" }}]"
        );
        contract(id, URL, &row)
    };
    let place = place_with(&[shared(6, "multisell"), shared(7, "hybrid")]);
    place.printed(&["apply", "network.toml"]);
    let checked = place.printed(&["config", "check"]);
    assert!(!checked.contains("can never buy"), "{checked}");
}
