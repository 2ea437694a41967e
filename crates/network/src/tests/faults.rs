//! What is refused, and how it is said.

use super::*;
use crumb_domain::network::Network;

/// The faults of the example with one text replaced, in an empty store.
async fn after_edit(from: &str, to: &str) -> Vec<String> {
    of(&edited(from, to)).await
}

async fn of(file: &Network) -> Vec<String> {
    let (live, _) = empty().await;
    faults(&live, file).await
}

async fn with(text: &str) -> Vec<String> {
    of(&toml(&format!("{EXAMPLE}\n{text}"))).await
}

#[tokio::test]
async fn a_reference_to_nothing_is_named_at_its_place() {
    let (live, _) = running().await;
    let file = toml(
        "[[campaign]]\nid=1\naffiliate=12\noffer=101
         [[campaign]]\nid=2\naffiliate=13\noffer=101
         [[campaign]]\nid=3\naffiliate=12\noffer=999",
    );
    assert_eq!(faults(&live, &file).await, ["campaign[2].offer: no offer 999"]);
}

#[tokio::test]
async fn every_reference_is_followed() {
    let mut file = example();
    file.network.as_mut().unwrap().internal_affiliate = Some(crumb_domain::AffiliateId(91));
    file.blacklist[0].affiliate.0 = 92;
    file.blacklist[0].offer = Some(crumb_domain::OfferId(93));
    file.vertical[0].redirect_offer = Some(crumb_domain::OfferId(94));
    file.offer[0].advertiser = Some(crumb_domain::AdvertiserId(95));
    file.offer[0].redirect_offer = Some(crumb_domain::OfferId(96));
    file.offer[0].contract[0].redirect_offer = Some(crumb_domain::OfferId(97));
    file.offer[1].vertical.0 = 98;
    file.campaign[0].affiliate.0 = 99;
    file.campaign[0].offer_contract = Some(crumb_domain::OfferContractId(89));
    file.campaign[0].redirect_offer = Some(crumb_domain::OfferId(88));
    file.contract[0].buyer.0 = 87;
    file.contract[0].vertical.0 = 86;
    file.contract[0].offer = Some(crumb_domain::OfferId(85));
    file.contract[0].exclude_affiliates[0].0 = 84;
    assert_eq!(
        of(&file).await,
        [
            "network.internal_affiliate: no affiliate 91",
            "blacklist[0].affiliate: no affiliate 92",
            "blacklist[0].offer: no offer 93",
            "vertical[0].redirect_offer: no offer 94",
            "offer[0].advertiser: no advertiser 95",
            "offer[0].redirect_offer: no offer 96",
            "offer[0].contract[0].redirect_offer: no offer 97",
            "offer[1].vertical: no vertical 98",
            "campaign[0].affiliate: no affiliate 99",
            "campaign[0].redirect_offer: no offer 88",
            "campaign[0].offer_contract: offer 100 has no contract 89",
            "contract[0].buyer: no buyer 87",
            "contract[0].vertical: no vertical 86",
            "contract[0].offer: no offer 85",
            "contract[0].exclude_affiliates[0]: no affiliate 84",
        ]
    );
}

#[tokio::test]
async fn an_id_used_twice_is_refused() {
    assert_eq!(with("[[affiliate]]\nid=12\nname=\"x\"").await, ["affiliate[3].id: id 12 is used twice"]);
    assert_eq!(with("[[advertiser]]\nid=1\nname=\"x\"").await, ["advertiser[1].id: id 1 is used twice"]);
    assert_eq!(with("[[buyer]]\nid=5\nname=\"x\"").await, ["buyer[1].id: id 5 is used twice"]);
    assert_eq!(
        with("[[campaign]]\nid=57\naffiliate=13\noffer=100").await,
        ["campaign[1].id: id 57 is used twice"]
    );
    let again = "[[blacklist]]\naffiliate=13\nsub_id=\"bad\"\noffer=100";
    assert_eq!(with(again).await, ["blacklist[1]: the same entry is there twice"]);
    let mut file = example();
    let event = file.offer[0].event[0].clone();
    file.offer[0].event.push(event);
    file.vertical[0].field[1].id = file.vertical[0].field[0].id;
    file.vertical[0].field[2].name = "Phone".to_owned();
    let refused = of(&file).await;
    for expected in [
        "offer[0].event[1].id: id 1 is used twice",
        "offer[0].event[1].short: \"conv\" is used twice",
        "offer[0].event[1].default: another event is the default already",
        "vertical[0].field[1].id: id 4 is used twice",
        "vertical[0].field[2].name: field Phone is there twice",
    ] {
        assert!(refused.iter().any(|fault| fault == expected), "{expected} in {refused:?}");
    }
}

#[tokio::test]
async fn creatives_and_offer_contracts_are_unique_over_all_offers_also_stored_ones() {
    let text = "[[offer]]\nid=102\nname=\"x\"\nvertical=1\ntype=\"third_party\"
        [[offer.creative]]\nid=1057\nname=\"x\"\n[[offer.contract]]\nid=900";
    let expected = [
        "offer[2].creative[0].id: id 1057 is used twice: by offer 100 too",
        "offer[2].contract[0].id: id 900 is used twice: by offer 100 too",
    ];
    assert_eq!(with(text).await, expected);
    let (live, _) = running().await;
    assert_eq!(faults(&live, &toml(text)).await, expected.map(|fault| fault.replace("offer[2]", "offer[0]")));
    // Also where the offer that comes first is the one in the file.
    let first = text.replace("id=102", "id=99");
    assert_eq!(
        faults(&live, &toml(&first)).await,
        [
            "offer[0].creative[0].id: id 1057 is used twice: by offer 100 too",
            "offer[0].contract[0].id: id 900 is used twice: by offer 100 too",
        ]
    );
}

#[tokio::test]
async fn an_id_is_a_positive_number() {
    let range = "an id is between 1 and 2147483647, not";
    assert_eq!(with("[[affiliate]]\nid=0\nname=\"x\"").await, [format!("affiliate[3].id: {range} 0")]);
    assert_eq!(
        with("[[advertiser]]\nid=2147483648\nname=\"x\"").await,
        [format!("advertiser[1].id: {range} 2147483648")]
    );
}

#[tokio::test]
async fn the_internal_affiliate_is_required_once_there_is_an_offer_that_takes_leads() {
    let needed = ["network.internal_affiliate: required once there is a hosted or host_n_post offer"];
    assert_eq!(after_edit("internal_affiliate = 1", "").await, needed);
    let mut file = example();
    file.network = None;
    assert_eq!(of(&file).await, needed);
    let third_party =
        "[[vertical]]\nid=1\nname=\"v\"\n[[offer]]\nid=1\nname=\"o\"\nvertical=1\ntype=\"third_party\"";
    let (live, _) = empty().await;
    assert!(live.plan(&toml(third_party), false, Secrets::Masked).await.is_ok());
}

#[tokio::test]
async fn links_are_http_and_needed_unless_the_offer_is_third_party() {
    let link = "link = \"https://lp.example/quote?reqid=#reqid#\"";
    assert_eq!(after_edit(link, "").await, ["offer[0].link: required unless the type is third_party"]);
    for wrong in [
        "ftp://lp.example/",
        "javascript:alert(1)",
        "//lp.example",
        "lp.example",
        "https://",
        "http://a b/",
        "http://a.example/\\u0001",
        "http://a.example/a b",
    ] {
        assert_eq!(
            after_edit(link, &format!("link = \"{wrong}\"")).await,
            [format!("offer[0].link: \"{}\" is no http or https address", wrong.replace("\\u0001", "\u{1}"))]
        );
    }
    assert_eq!(
        after_edit("\"https://lp.example/b\"", "\"mailto:x@y\"").await,
        ["offer[0].creative[0].link: \"mailto:x@y\" is no http or https address"]
    );
    assert_eq!(
        after_edit("\"https://aff.example/pb?s2=#s2#&payout=#price#\"", "\"aff.example\"").await,
        ["affiliate[1].postback_url: \"aff.example\" is no http or https address"]
    );
    assert_eq!(
        after_edit("global_redirect = \"https://example.com/\"", "global_redirect = \"/x\"").await,
        ["network.global_redirect: \"/x\" is no http or https address"]
    );
    assert_eq!(
        after_edit("\"http://127.0.0.1:8080\"", "\"https://trk.example?x=#s1#\"").await,
        ["network.tracking_url: \"https://trk.example?x=#s1#\" is no base of links: it has a query"]
    );
    for link in ["https://www#s1#", "https://www#s1#.example/quote", "https://lp.example:#s1#/"] {
        let message = format!(
            "offer[0].creative[0].link: \"{link}\" has a token in its host, which may not come from a visitor"
        );
        assert_eq!(after_edit("\"https://lp.example/b\"", &format!("\"{link}\"")).await, [message]);
    }
    for link in ["https://lp.example#top", "https://lp.example#id=#reqid#", "https://lp.example/#s1#"] {
        let file = edited("\"https://lp.example/b\"", &format!("\"{link}\""));
        let planned = empty().await.0.plan(&file, false, Secrets::Masked).await;
        assert!(planned.is_ok(), "{link}");
    }
    for wrong in ["https://lp.example/", "*.lp.example", ""] {
        assert_eq!(
            after_edit(
                "link_override_hosts = [\"lp.example\"]",
                &format!("link_override_hosts = [\"{wrong}\"]")
            )
            .await,
            [format!("offer[0].link_override_hosts[0]: \"{wrong}\" is no host name like \"lp.example\"")]
        );
    }
}

#[tokio::test]
async fn a_redirect_loop_is_refused() {
    let mut file = example();
    file.offer[1].redirect_offer = Some(crumb_domain::OfferId(100));
    assert_eq!(
        of(&file).await,
        ["offer[0].contract[0].redirect_offer: redirect loop: offer 100 → 101 → 100"]
    );
    let mut file = example();
    file.offer[1].redirect_offer = Some(crumb_domain::OfferId(101));
    assert_eq!(of(&file).await, ["offer[1].redirect_offer: redirect loop: offer 101 → 101"]);
}

#[tokio::test]
async fn a_loop_is_shown_in_the_order_in_which_a_visitor_would_go_round_it() {
    let offer = |id: u32, to: u32| {
        format!("[[offer]]\nid={id}\nname=\"x\"\nvertical=1\ntype=\"third_party\"\nredirect_offer={to}\n")
    };
    // 201 leads into the loop and is no part of it.
    let offers = [(201, 202), (202, 203), (203, 204), (204, 202)].map(|(id, to)| offer(id, to)).concat();
    assert_eq!(with(&offers).await, ["offer[3].redirect_offer: redirect loop: offer 202 → 203 → 204 → 202"]);
}

#[tokio::test]
async fn a_loop_over_a_campaign_is_refused_and_only_for_its_affiliate() {
    let text = "[[campaign]]\nid=70\naffiliate=13\noffer=101\nredirect_offer=100";
    assert_eq!(with(text).await, ["campaign[1].redirect_offer: redirect loop: offer 101 → 100 → 101"]);
    // Affiliate 13 leaves offer 101 for 102; affiliate 12 comes from 102 to 101.
    let apart = "[[offer]]\nid=102\nname=\"x\"\nvertical=1\ntype=\"third_party\"\nredirect_offer=0
        [[vertical]]\nid=2\nname=\"y\"
        [[campaign]]\nid=71\naffiliate=13\noffer=101\nredirect_offer=102
        [[campaign]]\nid=72\naffiliate=12\noffer=102\nredirect_offer=101";
    let mut file = toml(&format!("{EXAMPLE}\n{apart}"));
    file.offer[2].vertical.0 = 2;
    let (live, _) = empty().await;
    assert!(live.plan(&file, false, Secrets::Masked).await.is_ok());
}

#[tokio::test]
async fn a_verticals_redirect_offer_may_be_one_of_its_own_and_ends_the_chain() {
    let (live, _) = empty().await;
    assert!(live.plan(&example(), false, Secrets::Masked).await.is_ok());
    // But not if it leads back by its own redirect offer.
    let text = "[[offer]]\nid=102\nname=\"x\"\nvertical=1\ntype=\"third_party\"";
    let mut file = toml(&format!("{EXAMPLE}\n{text}"));
    file.offer[1].redirect_offer = Some(crumb_domain::OfferId(102));
    assert_eq!(of(&file).await, ["offer[1].redirect_offer: redirect loop: offer 101 → 102 → 101"]);
}

#[tokio::test]
async fn two_equal_campaigns_are_refused() {
    // A price format that is not written is the contract's or the offer's.
    assert_eq!(
        with("[[campaign]]\nid=58\naffiliate=12\noffer=100\noffer_contract=900").await,
        [
            "campaign[1]: campaigns 57 and 58 are equal: same affiliate, offer, price format and offer contract"
        ]
    );
    // Whatever its id: also where one that the server makes would have it.
    assert_eq!(
        with("[[campaign]]\nid=1000001\naffiliate=12\noffer=100\noffer_contract=900").await,
        ["campaign[1]: campaigns 57 and 1000001 are equal: same affiliate, offer, price format and offer \
             contract"]
    );
    let (live, _) = empty().await;
    let differs = format!("{EXAMPLE}\n[[campaign]]\nid=58\naffiliate=12\noffer=100\nprice_format=\"cpc\"");
    assert!(live.plan(&toml(&differs), false, Secrets::Masked).await.is_ok());
    // The offer's own terms are not those of the contract.
    let own = format!("{EXAMPLE}\n[[campaign]]\nid=58\naffiliate=12\noffer=100");
    assert!(live.plan(&toml(&own), false, Secrets::Masked).await.is_ok());
}

#[tokio::test]
async fn time_zones_currencies_and_countries_are_known_ones() {
    assert_eq!(
        after_edit("America/New_York", "America/Nowhere").await,
        [
            "network.time_zone: no time zone \"America/Nowhere\"; expected an IANA name like \"America/New_York\""
        ]
    );
    assert_eq!(after_edit("America/Los_Angeles", "Mars/Base").await.len(), 1);
    for wrong in ["US$", "EURO", "US", ""] {
        assert_eq!(
            after_edit("currency = \"USD\"", &format!("currency = \"{wrong}\"")).await,
            [format!("network.currency: \"{wrong}\" is no currency; expected three letters like \"USD\"")]
        );
    }
    for wrong in ["USA", "U1", "U"] {
        assert_eq!(
            after_edit("[\"US\", \"ca\"]", &format!("[\"US\", \"{wrong}\"]")).await,
            [format!("offer[0].countries[1]: \"{wrong}\" is no country; expected two letters like \"US\"")]
        );
    }
    assert_eq!(
        printed(&parse(&EXAMPLE.replace("203.0.113.0/24", "203.0.113.0/33"), FileFormat::Toml).unwrap_err()),
        ["network.blocked_ips: \"203.0.113.0/33\" is no address or network"]
    );
}

#[tokio::test]
async fn negative_amounts_are_refused() {
    assert_eq!(
        after_edit("payout = \"10.00\"", "payout = \"-10.00\"").await,
        ["offer[0].payout: -10.00 is negative"]
    );
    assert_eq!(
        after_edit("received = \"9.00\"", "received = \"-9\"").await,
        ["offer[0].event[0].received: -9.00 is negative"]
    );
    assert_eq!(
        after_edit("payout = \"12.00\"", "payout = \"-1\"").await,
        ["campaign[0].payout: -1.00 is negative"]
    );
    assert_eq!(
        after_edit("price = \"30.00\"", "price = \"-1\"").await,
        ["contract[0].schedule[0].price: -1.00 is negative"]
    );
    assert_eq!(
        after_edit("balance = \"100.00\"", "balance = \"-1\"").await,
        ["buyer[0].credit.balance: -1.00 is negative"]
    );
    assert_eq!(
        after_edit("payout_percent = \"80\"", "payout_percent = \"180\"").await,
        ["offer[0].payout_percent: more than 100 percent"]
    );
    assert_eq!(
        after_edit("throw_out_seconds = 0", "throw_out_seconds = 86401").await,
        ["offer[0].throw_out_seconds: must be at most 86400 (one day)"]
    );
}

#[tokio::test]
async fn fields_have_rules_that_can_be_held() {
    let mut file = example();
    let fields = &mut file.vertical[0].field;
    fields[2].values.clear();
    fields[3].pattern = Some("^[0-9".to_owned());
    fields[4].minimum = Some("eighteen".to_owned());
    fields[5].maximum = Some("yesterday".to_owned());
    fields[1].max_length = 0;
    let refused = of(&file).await;
    let places: Vec<&str> = refused.iter().filter_map(|fault| fault.split(": ").next()).collect();
    assert_eq!(
        places,
        [
            "vertical[0].field[1].max_length",
            "vertical[0].field[2].values",
            "vertical[0].field[3].pattern",
            "vertical[0].field[4].minimum",
            "vertical[0].field[5].maximum",
        ]
    );
    assert_eq!(
        after_edit("name = \"dob\"", "name = \"ckm_dob\"").await,
        ["vertical[0].field[5].name: names that begin with ckm_ are kept for the server"]
    );
    assert_eq!(
        after_edit("duplicate_fields = [\"email_address\"]", "duplicate_fields = [\"mail\"]").await,
        ["vertical[0].duplicate_fields[0]: no field mail"]
    );
}

#[tokio::test]
async fn filters_compile_against_the_verticals_fields() {
    let mut file = edited("value = \"18|99\"", "value = \"18\"");
    file.contract[0].filter = toml_filter(
        "[{ field = \"colour\", op = \"eq\", value = \"red\" }, { field = \"age\", op = \"gt\", value = \"old\" }]",
    );
    let refused = of(&file).await;
    let places: Vec<&str> = refused.iter().filter_map(|fault| fault.split(": ").next()).collect();
    assert_eq!(
        places,
        ["vertical[0].inbound_filter[0].value", "contract[0].filter[0].field", "contract[0].filter[1].value"]
    );
}

fn toml_filter(filter: &str) -> Vec<crumb_domain::network::Condition> {
    let text = format!("[[vertical]]\nid=1\nname=\"x\"\ninbound_filter={filter}");
    toml(&text).vertical.remove(0).inbound_filter
}

#[tokio::test]
async fn schedules_have_days_and_times() {
    for (from, to, fault) in [
        ("open = \"08:00\"", "open = \"8:00\"", "open: \"8:00\" is no time like \"08:00\""),
        ("open = \"08:00\"", "open = \"24:00\"", "open: \"24:00\" is no time like \"08:00\""),
        ("open = \"08:00\"", "open = \"08:0\"", "open: \"08:0\" is no time like \"08:00\""),
        ("open = \"08:00\"", "open = \"08:60\"", "open: \"08:60\" is no time like \"08:00\""),
        ("open = \"08:00\"", "open = \"+8:00\"", "open: \"+8:00\" is no time like \"08:00\""),
        ("close = \"20:00\"", "close = \"24:01\"", "close: \"24:01\" is no time like \"20:00\""),
        ("close = \"20:00\"", "close = \"08:00\"", "close: is when it opens; all day is 00:00 to 24:00"),
        ("days = [\"mon\",\"tue\"]", "days = []", "days: needs a day, or \"all\""),
    ] {
        assert_eq!(after_edit(from, to).await, [format!("contract[0].schedule[0].{fault}")]);
    }
    let all_day = edited("open = \"08:00\", close = \"20:00\"", "open = \"00:00\", close = \"24:00\"");
    let (live, _) = empty().await;
    assert!(live.plan(&all_day, false, Secrets::Masked).await.is_ok());
    let unknown = EXAMPLE.replace("\"mon\"", "\"monday\"");
    let refused = printed(&parse(&unknown, FileFormat::Toml).unwrap_err());
    assert!(
        refused[0].starts_with("contract[0].schedule[0].days[0]: unknown value \"monday\""),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_delivery_says_where_to_and_what_a_sale_is() {
    let url = "url = \"https://buyer.example/leads\"";
    assert_eq!(after_edit(url, "").await, ["contract[0].post.url: required"]);
    assert_eq!(
        after_edit(url, "url = \"ftp://buyer.example/\"").await,
        ["contract[0].post.url: \"ftp://buyer.example/\" is no http or https address"]
    );
    assert_eq!(
        after_edit("accepted = [\"contains:success\"]", "").await,
        ["contract[0].post.accepted: required"]
    );
    assert_eq!(
        after_edit("method = \"post\"", "method = \"email\"").await,
        ["contract[0].post.to: required for email"]
    );
    assert_eq!(
        after_edit("method = \"post\"", "method = \"email\"\nto = \"sales\"").await,
        ["contract[0].post.to: \"sales\" is no e-mail address"]
    );
    assert_eq!(
        after_edit("method = \"json\"", "method = \"email\"\nto = \"a@b.example\"").await,
        ["contract[0].ping.method: a ping needs an answer, which email has not"]
    );
    assert_eq!(
        after_edit("body = \"\"", "body = \"x\"").await,
        ["contract[0].post.body: is instead of params, not besides them"]
    );
    assert_eq!(
        after_edit("session = \"\"", "session = \"json:$.s\"").await,
        ["contract[0].post.session: only a ping has it"]
    );
    assert_eq!(
        after_edit("\"X-Api-Key\" = \"secret\"", "\"X Key\" = \"secret\"").await,
        ["contract[0].post.headers.X Key: is no header name"]
    );
    assert_eq!(
        after_edit("\"X-Api-Key\" = \"secret\"", "\"\" = \"secret\"").await,
        ["contract[0].post.headers.: is no header name"]
    );
    let refused = after_edit("\"X-Api-Key\" = \"secret\"", "\"X-Key\" = \"hush\\r\\nX: y\"").await;
    assert_eq!(refused, ["contract[0].post.headers.X-Key: its value has control characters"]);
    for wrong in ["reversed", "date:today", "bool:Y", "bool:Y/N/M"] {
        assert_eq!(
            after_edit("phone = \"digits\"", &format!("phone = \"{wrong}\"")).await,
            [format!(
                "contract[0].post.formats.phone: \"{wrong}\" is none of digits, e164, lower, md5, sha256, date:%m/%d/%Y, bool:Y/N"
            )]
        );
    }
    assert_eq!(
        after_edit("maps = { state", "maps = { province").await,
        ["contract[0].post.maps.province: vertical 1 has no field province"]
    );
}

#[tokio::test]
async fn patterns_of_answers_are_well_formed() {
    let good =
        ["contains:ok", "equals:1", "regex:^ok", "json:$.a.b[0]['c d']=x", "xml:/r/code=0", "status:200"];
    let (live, _) = empty().await;
    for pattern in good {
        let file = edited("accepted = [\"contains:success\"]", &format!("accepted = [\"{pattern}\"]"));
        assert!(live.plan(&file, false, Secrets::Masked).await.is_ok(), "{pattern}");
    }
    for (pattern, fault) in [
        ("success", "\"success\" is none of contains:, equals:, regex:, json:, xml:, status:"),
        ("has:x", "\"has:x\" is none of contains:, equals:, regex:, json:, xml:, status:"),
        ("contains:", "\"contains:\" looks for nothing"),
        ("regex:(", "\"(\" is no regular expression: unclosed group"),
        ("json:a=b", "\"json:a=b\" is no comparison like \"json:$.status=ok\""),
        ("json:$.a", "\"json:$.a\" is no comparison like \"json:$.status=ok\""),
        ("json:$=b", "\"json:$=b\" is no comparison like \"json:$.status=ok\""),
        ("json:$..a=b", "\"json:$..a=b\" is no comparison like \"json:$.status=ok\""),
        ("json:$.a[]=b", "\"json:$.a[]=b\" is no comparison like \"json:$.status=ok\""),
        ("json:$.a['']=b", "\"json:$.a['']=b\" is no comparison like \"json:$.status=ok\""),
        ("json:$.a[x]=b", "\"json:$.a[x]=b\" is no comparison like \"json:$.status=ok\""),
        ("json:$.a['xy]=b", "\"json:$.a['xy]=b\" is no comparison like \"json:$.status=ok\""),
        ("json:$.a[xy']=b", "\"json:$.a[xy']=b\" is no comparison like \"json:$.status=ok\""),
        ("xml:/r//a=1", "\"xml:/r//a=1\" is no comparison like \"xml:/result/code=0\""),
        ("xml:r=1", "\"xml:r=1\" is no comparison like \"xml:/result/code=0\""),
        ("status:99", "\"99\" is no HTTP status"),
        ("status:ok", "\"ok\" is no HTTP status"),
    ] {
        let refused =
            after_edit("accepted = [\"contains:success\"]", &format!("accepted = [\"{pattern}\"]")).await;
        assert_eq!(refused, [format!("contract[0].post.accepted[0]: {fault}")]);
    }
    for (pattern, fault) in [
        ("regex:price", "\"price\" has 0 groups; the value is in exactly one"),
        ("regex:(a)(b)", "\"(a)(b)\" has 2 groups; the value is in exactly one"),
        ("json:price", "\"json:price\" is no path like \"json:$.price\""),
        ("xml:price", "\"xml:price\" is no path like \"xml:/result/price\""),
        ("contains:price", "\"contains:price\" is none of regex:, json:, xml:"),
    ] {
        let refused = after_edit("price = \"json:$.price\"", &format!("price = \"{pattern}\"")).await;
        assert_eq!(refused, [format!("contract[0].ping.price: {fault}")]);
    }
}

#[tokio::test]
async fn a_contract_that_could_not_be_meant_is_refused() {
    assert_eq!(
        after_edit("max_post_errors = 10", "max_post_errors = 12").await,
        ["contract[0].max_post_errors: must be between 1 and 11 (11 = never switch off)"]
    );
    assert_eq!(
        after_edit("max_return_days = 30", "max_return_days = 3651").await,
        ["contract[0].max_return_days: must be at most 3650 (0 = no lead is taken back)"]
    );
    let (live, _) = empty().await;
    let most = edited("max_return_days = 30", "max_return_days = 3650");
    assert!(live.plan(&most, false, Secrets::Masked).await.is_ok());
    assert_eq!(after_edit("weight = 1", "weight = 0").await, ["contract[0].weight: must be at least 1"]);
    let mut file = toml(&format!("{EXAMPLE}\n[[vertical]]\nid=2\nname=\"x\""));
    file.offer[0].vertical.0 = 2;
    assert!(of(&file).await.contains(&"contract[0].offer: offer 100 is of vertical 2".to_owned()));
    assert_eq!(
        with("[[blacklist]]\naffiliate=12\noffer=100\nadvertiser=1").await,
        ["blacklist[1].advertiser: name an offer or an advertiser, not both"]
    );
}

#[tokio::test]
async fn all_faults_are_told_at_once() {
    let mut file = edited("America/New_York", "Nowhere");
    file.offer[0].payout = "-1".parse().unwrap();
    file.campaign[0].offer.0 = 999;
    file.contract[0].post.accepted = vec!["success".to_owned()];
    file.affiliate[0].id = file.affiliate[1].id;
    insta::assert_snapshot!(of(&file).await.join("\n"));
}
