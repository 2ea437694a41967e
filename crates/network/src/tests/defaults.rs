//! What a key is that a file leaves out.

use super::keys::{REQUIRED, key_of, places, tree};
use super::*;
use serde_json::Value;

#[test]
fn a_key_that_is_left_out_has_the_default_that_is_documented() {
    let least = "
        [network]
        name = \"Example\"
        [[blacklist]]
        affiliate = 13
        [[vertical]]
        id = 1
        name = \"Auto\"
        [[vertical.field]]
        name = \"zip_code\"
        type = \"zip\"
        [[offer]]
        id = 100
        name = \"Quote\"
        vertical = 1
        type = \"hosted\"
        [[offer.creative]]
        id = 1057
        name = \"Text\"
        [[offer.event]]
        id = 1
        name = \"Sale\"
        [[affiliate]]
        id = 12
        name = \"Traffic\"
        [[campaign]]
        id = 57
        affiliate = 12
        offer = 100
        [[buyer]]
        id = 5
        name = \"Carrier\"
        [[contract]]
        id = 7
        buyer = 5
        vertical = 1
        name = \"CA\"
        schedule = [{ days = [\"all\"], open = \"00:00\", close = \"24:00\", price = \"1\", type = \"hybrid\" }]
        [contract.post]
        method = \"post\"
        url = \"https://buyer.example/\"
        accepted = [\"status:200\"]
    ";
    let written = "
        [network]
        name = \"Example\"
        currency = \"USD\"
        time_zone = \"UTC\"
        unknown_is = \"wait\"
        blocked_ips = []
        [[blacklist]]
        affiliate = 13
        redirect = \"global\"
        [[vertical]]
        id = 1
        name = \"Auto\"
        duplicate_fields = [\"email_address\"]
        duplicate_window_days = 30
        expiration_hours = 72
        router = { on = true, minimum_margin = \"0.00\", tie_favors_exclusive = false, resell_limit = 3, sweeper_partners = 1 }
        inbound_filter = []
        lead_tier = []
        [[vertical.field]]
        name = \"zip_code\"
        type = \"zip\"
        group = []
        required = false
        max_length = 255
        values = []
        client_decision = \"force_client_review\"
        server_decision = \"reject\"
        [[offer]]
        id = 100
        name = \"Quote\"
        vertical = 1
        type = \"hosted\"
        status = \"public\"
        payout = \"0.00\"
        received = \"0.00\"
        price_format = \"cpa\"
        distribution = \"direct\"
        deadline_ms = 20000
        queue_failures = false
        click_cookie_days = 30
        throw_out_seconds = 0
        append_prefill = true
        price_override = \"received\"
        allowed_ips = []
        trusted_only = false
        last_touch = false
        pay_on_post = true
        pay_only_when_sold = true
        redirect_404 = false
        countries = []
        link_override_hosts = []
        caps = []
        contract = []
        [[offer.creative]]
        id = 1057
        name = \"Text\"
        status = \"active\"
        allow_link_override = false
        [[offer.event]]
        id = 1
        name = \"Sale\"
        status = \"active\"
        allow_duplicates = false
        deduplicate_transaction_id = false
        [[affiliate]]
        id = 12
        name = \"Traffic\"
        status = \"active\"
        turned_off_sub_ids = []
        [[campaign]]
        id = 57
        affiliate = 12
        offer = 100
        status = \"active\"
        pay_late_sales = false
        caps = []
        [[buyer]]
        id = 5
        name = \"Carrier\"
        status = \"active\"
        credit = { type = \"unlimited\" }
        [[contract]]
        id = 7
        buyer = 5
        vertical = 1
        name = \"CA\"
        status = \"active\"
        rank = 0
        max_post_errors = 10
        unknown_wait_minutes = 1440
        exclude_affiliates = []
        buy_upsells = false
        min_lead_age_minutes = 0
        max_lead_age_minutes = 7200
        posting_wait_seconds = 0
        filter = []
        schedule = [{ days = [\"all\"], open = \"00:00\", close = \"24:00\", price = \"1\", type = \"hybrid\", sweeper = false, priority = false, no_return = false }]
        [contract.post]
        method = \"post\"
        url = \"https://buyer.example/\"
        accepted = [\"status:200\"]
        rejected = []
        duplicate = []
        error = []
        headers = {}
        maps = {}
        formats = {}
        params = []
    ";
    let (least, written) = (toml(least), toml(written));
    assert_eq!(least, written);
    // Parts that are told apart by being absent.
    let router = toml("[[vertical]]\nid = 1\nname = \"x\"\nrouter = {}").vertical.remove(0).router;
    assert_eq!(router, least.vertical[0].router);
    let prepaid = |credit: &str| toml(&format!("[[buyer]]\nid = 5\nname = \"x\"\ncredit = {credit}"));
    let nothing = "{ type = \"prepaid\", balance = \"0.00\", limit = \"0.00\" }";
    assert_eq!(prepaid("{ type = \"prepaid\" }"), prepaid(nothing));
}

#[test]
fn a_key_whose_default_is_none_is_none_where_it_is_left_out() {
    let mut bare = tree();
    for (place, pointer, value) in places(&tree()).into_iter().rev() {
        let key = key_of(&place);
        let is_kept = value[0].is_object() || place.contains("filter[") || place.ends_with(']');
        if place.contains('.') && !is_kept && !REQUIRED.contains(&key.as_str()) {
            let (table, key) = pointer.rsplit_once('/').unwrap();
            let table = bare.pointer_mut(table).and_then(Value::as_object_mut);
            assert!(table.is_some_and(|table| table.remove(key).is_some()), "{place} {value}");
        }
    }
    let network = parse(&bare.to_string(), FileFormat::Json).unwrap();
    let settings = network.network.unwrap();
    assert_eq!((settings.tracking_url, settings.global_redirect), (None, None));
    let blacklist = &network.blacklist[0];
    assert_eq!((&blacklist.sub_id, blacklist.offer, blacklist.advertiser), (&None, None, None));
    let (vertical, field) = (&network.vertical[0], &network.vertical[0].field[0]);
    assert_eq!((vertical.redirect_offer, field.id, field.pii), (None, None, None));
    assert_eq!((&field.label, &field.pattern, &field.error_text), (&None, &None, &None));
    assert_eq!((&field.minimum, &field.maximum), (&None, &None));
    let offer = &network.offer[0];
    assert_eq!((offer.advertiser, offer.redirect_offer, offer.expires_at), (None, None, None));
    assert_eq!((&offer.thank_you_link, offer.payout_percent, offer.duplicate_scope), (&None, None, None));
    assert_eq!(offer.postback_secret, None);
    assert_eq!((&offer.creative[0].link, offer.creative[0].expires_at), (&None, None));
    let terms = &offer.contract[0];
    assert_eq!((&terms.link, terms.payout, terms.received), (&None, None, None));
    assert_eq!((terms.price_format, terms.redirect_offer), (None, None));
    let event = &offer.event[0];
    assert_eq!((&event.short, event.payout, event.received), (&None, None, None));
    let affiliate = &network.affiliate[1];
    assert_eq!((&affiliate.postback_url, &affiliate.pixel_html), (&None, &None));
    let campaign = &network.campaign[0];
    assert_eq!((&campaign.key, campaign.payout, campaign.offer_contract), (&None, None, None));
    assert_eq!((campaign.price_format, campaign.expires_at, campaign.redirect_offer), (None, None, None));
    assert_eq!((&campaign.postback_url, &campaign.pixel_html), (&None, &None));
    assert_eq!(network.buyer[0].group, None);
    let contract = &network.contract[0];
    assert_eq!((contract.offer, contract.weight, contract.maximum_price), (None, None, None));
    assert_eq!((&contract.time_zone, contract.unknown_is, &contract.thank_you_link), (&None, None, &None));
    assert_eq!((contract.schedule[0].cap, &contract.ping), (None, &None));
    let post = &contract.post;
    assert_eq!((post.timeout_ms, &post.auth, &post.status_url, &post.body), (None, &None, &None, &None));
    assert_eq!((&post.price, &post.redirect, &post.lead_id, &post.session), (&None, &None, &None, &None));
}
