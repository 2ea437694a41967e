//! `crumb link`, `crumb pixel`, `crumb conversion-pixel`, `crumb sign-postback`, `crumb posting-doc`.

use crate::program::{NETWORK, Place};

#[test]
fn link_prints_the_tracking_link() {
    let place = Place::with_network();
    let link = ["link", "--affiliate", "12", "--creative", "1057"];
    assert_eq!(place.printed(&link), "https://trk.example/?a=12&c=1057\n");
    let mut more = link.to_vec();
    more.extend(["--s1", "site one", "--s5", "e", "-p", "r"]);
    assert_eq!(place.printed(&more), "https://trk.example/?a=12&c=1057&p=r&s1=site%20one&s5=e\n");
    let test = place.printed(&["link", "--affiliate", "-1", "--creative", "1057"]);
    assert_eq!(test, "https://trk.example/?a=-1&c=1057\n");
}

#[test]
fn a_network_without_a_tracking_url_has_links_to_the_listener() {
    let place = Place::new();
    place.write("network.toml", &NETWORK.replace("tracking_url = \"https://trk.example\"\n", ""));
    place.printed(&["apply", "network.toml"]);
    let link = ["link", "--affiliate", "12", "--creative", "1057"];
    let all = |base: &str| {
        assert_eq!(place.printed(&link), format!("{base}/?a=12&c=1057\n"));
        for (command, address) in [
            (&["pixel", "--affiliate", "12", "--creative", "1057"][..], "/?a=12&c=1057&cp=js"),
            (&["conversion-pixel", "--offer", "100"], "/p.ashx?o=100"),
            (&["posting-doc", "--campaign", "57"], "/d.ashx"),
            (&["posting-doc", "--offer", "100", "--share"], "/doc/"),
        ] {
            let printed = place.printed(command);
            assert!(printed.contains(&format!("{base}{address}")), "{command:?}: {printed}");
            let elsewhere = printed.matches("://127.0.0.1").count();
            assert_eq!(printed.matches(&base[4..]).count(), elsewhere, "{command:?}: {printed}");
        }
    };
    all("http://127.0.0.1:8080");
    let server = place.serve(&[]);
    all(&format!("http://{}", server.tracking));
}

#[test]
fn pixel_prints_the_pixel_code() {
    let place = Place::with_network();
    let code = place.printed(&["pixel", "--affiliate", "12", "--creative", "1057", "--s1", "x"]);
    assert!(code.contains("https://trk.example/?a=12&c=1057&s1=x&cp=js"), "{code}");
    let all = ["--s1", "a", "--s2", "b", "--s3", "c", "--s4", "d", "--s5", "e", "-p", "c"];
    for (command, end) in [("link", "\n"), ("pixel", "&cp=js")] {
        let arguments = [&[command, "--affiliate", "12", "--creative", "1057"][..], &all].concat();
        let printed = place.printed(&arguments);
        let link = "https://trk.example/?a=12&c=1057&p=c&s1=a&s2=b&s3=c&s4=d&s5=e";
        assert!(printed.contains(&format!("{link}{end}")), "{printed}");
    }
}

#[test]
fn conversion_pixel_prints_the_four_forms_of_each_event() {
    let place = Place::new();
    let events = "[[offer.event]]\nid = 3\nname = \"Order\"\nshort = \"ord\"\n\n\
                  [[offer.event]]\nid = 4\nname = \"Sign-up\"\n\n[[affiliate]]";
    place.write("network.toml", &NETWORK.replacen("[[affiliate]]", events, 1));
    place.printed(&["apply", "network.toml"]);
    let all = place.printed(&["conversion-pixel", "--offer", "100"]);
    let address = "https://trk.example/p.ashx?o=100";
    for event in [3, 4] {
        for form in [
            format!("<iframe src=\"{address}&amp;e={event}&amp;t=TRANSACTION_ID\""),
            format!("<script src=\"{address}&amp;e={event}&amp;f=js&amp;t=TRANSACTION_ID\"></script>"),
            format!("<img src=\"{address}&amp;e={event}&amp;f=img&amp;t=TRANSACTION_ID\""),
            format!("{address}&e={event}&f=pb&r=REQUEST_ID&t=TRANSACTION_ID"),
        ] {
            assert!(all.contains(&form), "{form}: {all}");
        }
    }
    let one = place.printed(&["conversion-pixel", "--offer", "100", "--event", "ord"]);
    assert!(one.starts_with("# Order (event 3)") && !one.contains("Sign-up"), "{one}");
    assert_eq!(place.refused(&["conversion-pixel", "--offer", "9"]), "no offer 9\n");
    let unknown = ["conversion-pixel", "--offer", "100", "--event", "x"];
    assert_eq!(place.refused(&unknown), "offer 100 has no event x\n");
    let global = ["conversion-pixel", "--offer", "100", "--global"];
    assert_eq!(place.refused(&global), "offer 100 has no advertiser\n");
}

#[test]
fn sign_postback_prints_an_address_that_makes_a_conversion_and_that_others_sign_alike() {
    let place = Place::new();
    let signed = "id = 100\nname = \"Free quote\"\npostback_secret = \"s3cret\"\n";
    let network = NETWORK.replace("tracking_url = \"https://trk.example\"\n", "");
    let network = network.replace("id = 100\nname = \"Free quote\"\n", signed);
    place.write("network.toml", &network.replace("host_n_post", "third_party"));
    place.printed(&["apply", "network.toml"]);
    let server = place.serve(&[]);
    let script = server.get(server.tracking, "/?a=-1&c=1057&cp=js");
    let (_, rest) = script.split_once("var ckm_request_id = ").unwrap();
    let request_id = format!("r={}", rest.split_once(';').unwrap().0);
    let command = ["sign-postback", "--offer", "100", &request_id, "t=ORDER 1/é", "P=12.50"];
    let printed = place.printed(&command);
    let address = format!("http://{}", server.tracking);
    let target = printed.trim_end().strip_prefix(&address).unwrap();
    assert!(server.get(server.tracking, target).contains("SUCCESS"), "{printed}");
    let (text, sig) = target.strip_prefix("/p.ashx?").unwrap().split_once("&sig=").unwrap();
    let start = format!("f=pb&o=100&p=12.50&{request_id}&t=ORDER%201%2F%C3%A9&ts=");
    assert!(text.starts_with(&start), "{text}");
    let openssl = format!("printf '%s' '{text}' | openssl dgst -sha256 -hmac s3cret");
    let others = std::process::Command::new("sh").args(["-c", &openssl]).output().unwrap();
    assert!(String::from_utf8_lossy(&others.stdout).trim_end().ends_with(sig), "{others:?}");
    let with_sig = ["sign-postback", "--offer", "100", "Sig=1"];
    assert_eq!(place.refused(&with_sig), "sig is what is reckoned here: leave it out\n");
}

#[test]
fn sign_postback_refuses_an_offer_whose_calls_need_no_signature() {
    let place = Place::with_network();
    let refused = place.refused(&["sign-postback", "--offer", "100", "r=5"]);
    assert_eq!(refused, "offer 100 has no postback_secret: its calls need no signature\n");
    assert_eq!(place.refused(&["sign-postback", "--offer", "9"]), "no offer 9\n");
}

#[test]
fn posting_doc_tells_of_pixels_too_to_print_and_to_share() {
    let place = Place::with_network();
    let of = ["posting-doc", "--kind", "pixels"];
    let with = |more: &[&'static str]| [&of[..], more].concat();
    let page = place.printed(&with(&["--offer", "100"]));
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("p.ashx?o=100"), "{page}");
    let text = place.printed(&with(&["--campaign", "57", "--format", "text"]));
    assert!(
        text.starts_with("# Campaign 57: Free quote") && text.contains("i.ashx?a=12&amp;c=1057"),
        "{text}"
    );
    assert!(!text.contains("Ab3dE5gH1jK"), "a pixel needs no post key");
    let refused = place.refused(&with(&["--vertical", "1"]));
    assert_eq!(refused, "a vertical has no pixels; name an offer or a campaign\n");
    let refused = place.refused(&with(&["--offer", "100", "--method", "session"]));
    assert_eq!(refused, "--method is of documents on leads\n");
    let address = place.printed(&with(&["--offer", "100", "--share"]));
    let server = place.serve(&[]);
    let path = address.trim().strip_prefix("https://trk.example").unwrap();
    let answer = server.get(server.tracking, path);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("Pixels and direct linking"), "{answer}");
}

#[test]
fn a_link_can_name_the_offer_where_it_has_one_creative_that_can_be_used() {
    let place = Place::with_network();
    let of = |command: &'static str, more: &[&'static str]| [&[command, "--affiliate", "12"], more].concat();
    assert_eq!(place.printed(&of("link", &["--offer", "100"])), "https://trk.example/?a=12&c=1057\n");
    assert!(place.printed(&of("pixel", &["--offer", "100"])).contains("/?a=12&c=1057&cp=js"));
    let more =
        "name = \"Old\"\nstatus = \"inactive\"\n\n[[offer.creative]]\nid = 1059\nname = \"Banner\"\n\n";
    let more = format!("[[offer.creative]]\nid = 1058\n{more}[[affiliate]]");
    place.write("network.toml", &NETWORK.replacen("[[affiliate]]", &more, 1));
    place.printed(&["apply", "network.toml"]);
    for command in ["link", "pixel"] {
        let several = "--offer: offer 100 has several creatives, name one: 1057, 1059 (--creative)\n";
        assert_eq!(place.refused(&of(command, &["--offer", "100"])), several);
        assert_eq!(place.refused(&of(command, &["--offer", "9"])), "--offer: no offer 9\n");
        assert_eq!(place.run(&of(command, &[])).exit, Some(1));
        assert_eq!(place.run(&of(command, &["--offer", "100", "--creative", "1057"])).exit, Some(1));
    }
}

#[test]
fn posting_doc_of_an_offer_that_takes_no_leads_is_refused_and_points_to_pixels() {
    let place = Place::new();
    place.write("network.toml", &NETWORK.replace("host_n_post", "third_party"));
    place.printed(&["apply", "network.toml"]);
    for of in [["--offer", "100"], ["--campaign", "57"]] {
        for more in [&["--format", "text"][..], &["--share"]] {
            let refused = place.refused(&[&["posting-doc"], &of[..], more].concat());
            let said = "offer 100 is a third-party offer, which takes no leads: its conversions are reported by \
                        pixels; use --kind pixels\n";
            assert_eq!(refused, said);
        }
        let pixels = place.printed(&[&["posting-doc"], &of[..], &["--kind", "pixels"]].concat());
        assert!(pixels.contains("p.ashx"), "{pixels}");
    }
}

#[test]
fn a_link_to_nothing_is_refused() {
    let place = Place::with_network();
    for command in ["link", "pixel"] {
        let refused = place.refused(&[command, "--affiliate", "13", "--creative", "1057"]);
        assert_eq!(refused, "--affiliate: no affiliate 13\n");
        let refused = place.refused(&[command, "--affiliate", "12", "--creative", "9"]);
        assert_eq!(refused, "--creative: no creative 9\n");
    }
}

#[test]
fn a_link_whose_clicks_are_turned_away_is_printed_with_a_word_about_it() {
    let place = Place::with_network();
    let said = |more: &[&str]| {
        ["link", "pixel"].map(|command| {
            let of = [&[command, "--affiliate", "12", "--creative", "1057"][..], more].concat();
            let ran = place.run(&of);
            assert!(ran.exit == Some(0) && ran.stdout.contains("https://trk.example/?a=12&c=1057"), "{of:?}");
            ran.stderr
        })
    };
    let both = |why: &str| {
        let line = format!("a click is turned away from its offer at present: {why}\n");
        [line.clone(), line]
    };
    assert_eq!(said(&[]), ["", ""]);
    let more = "status = \"active\"\nturned_off_sub_ids = [\"bad\"]\n";
    for (change, with, more, why) in [
        ("id = 1057\n", "id = 1057\nstatus = \"inactive\"\n", &[][..], "Inactive Creative"),
        ("id = 12\n", &format!("id = 12\n{more}"), &["--s1", "bad"], "Inactive Sub Affiliate"),
        ("id = 57\n", "id = 57\nexpires_at = \"2020-01-01T00:00:00Z\"\n", &[], "Campaign Expired"),
    ] {
        assert!(NETWORK.contains(change), "{change}");
        place.write("network.toml", &NETWORK.replacen(change, with, 1));
        place.printed(&["apply", "network.toml"]);
        assert_eq!(said(more), both(why));
    }
}

#[test]
fn posting_doc_prints_the_document_of_a_campaign_an_offer_or_a_vertical() {
    let place = Place::with_network();
    let campaign = place.printed(&["posting-doc", "--campaign", "57"]);
    assert!(campaign.contains("Ab3dE5gH1jK") && campaign.contains("email_address"), "{campaign}");
    let offer = ["posting-doc", "--offer", "100"];
    assert!(!place.printed(&offer).contains("Ab3dE5gH1jK"), "for any affiliate");
    let session = place.printed(&[&offer[..], &["--method", "session", "--format", "text"]].concat());
    assert!(session.starts_with("# Offer 100: Free quote — Session Post\n"), "{session}");
    assert!(session.contains("ckm_request_id*") && !session.contains("ckm_campaign_id"), "{session}");
    assert!(place.printed(&["posting-doc", "--vertical", "1"]).contains("Auto insurance"));
    assert!(campaign.starts_with("<!DOCTYPE html>"), "{campaign}");
    let text = place.printed(&["posting-doc", "--campaign", "57", "--format", "text"]);
    assert!(text.contains("Ab3dE5gH1jK") && !text.contains("<html"), "{text}");
    assert_eq!(place.refused(&["posting-doc", "--offer", "9"]), "no offer 9\n");
    assert_eq!(place.run(&["posting-doc"]).exit, Some(1));
    assert_eq!(place.run(&["posting-doc", "--offer", "100", "--vertical", "1"]).exit, Some(1));
}

#[test]
fn a_shared_posting_document_is_an_address_that_the_server_answers() {
    let place = Place::with_network();
    let share = ["posting-doc", "--campaign", "57", "--method", "session", "--share"];
    let before = place.printed(&share);
    let server = place.serve(&[]);
    let after = place.printed(&share);
    assert_ne!(before, after);
    for address in [before, after] {
        let path = address.trim().strip_prefix("https://trk.example").unwrap();
        let answer = server.get(server.tracking, path);
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("Free quote"), "{answer}");
        let said = place.printed(&["posting-doc", "--revoke", address.trim()]);
        assert_eq!(
            said,
            "revoked: this address of the document on leads of campaign 57 shows nothing any more\n"
        );
        let answer = server.get(server.tracking, path);
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        assert_eq!(
            place.refused(&["posting-doc", "--revoke", "https://trk.example/doc/none"]),
            "no such share\n"
        );
    }
}
