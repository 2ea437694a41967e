use super::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn read<T: DeserializeOwned>(table: Value) -> T {
    serde_json::from_value(table).unwrap()
}

fn error<T: DeserializeOwned + std::fmt::Debug>(table: Value) -> String {
    serde_json::from_value::<T>(table).unwrap_err().to_string()
}

/// What is read is written as it was, and read again as the same.
fn assert_written<T>(table: Value)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let read: T = read(table.clone());
    assert_eq!(serde_json::to_value(&read).unwrap(), table);
}

fn contract(keys: Value) -> Contract {
    let mut contract = json!({ "id": 1, "buyer": 1, "vertical": 1, "name": "All", "schedule": [],
        "post": { "method": "post" } });
    contract.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    read(contract)
}

#[test]
fn what_the_network_leaves_out_is_dollars_and_universal_time() {
    let settings: Settings = read(json!({ "name": "" }));
    assert_eq!((settings.currency.as_str(), settings.time_zone.as_str()), ("USD", "UTC"));
    assert_eq!(settings, Settings::default());
}

#[test]
fn what_an_offer_leaves_out_has_its_default() {
    let offer: Offer = read(json!({ "id": 1, "name": "Quote", "vertical": 1, "type": "hosted" }));
    assert_eq!((offer.deadline_ms, offer.click_cookie_days, offer.throw_out_seconds), (20_000, 30, 0));
    assert!(offer.append_prefill && offer.pay_on_post && offer.pay_only_when_sold);
    assert!(!offer.queue_failures && !offer.last_touch && !offer.redirect_404);
    assert_eq!((offer.status, offer.price_format), (OfferStatus::Public, PriceFormat::Cpa));
}

#[test]
fn what_a_contract_leaves_out_has_its_default() {
    let contract = contract(json!({}));
    assert_eq!((contract.max_post_errors, contract.unknown_wait_minutes), (10, 24 * 60));
    assert_eq!((contract.min_lead_age_minutes, contract.max_lead_age_minutes), (0, 5 * 24 * 60));
    assert_eq!((contract.max_return_days, contract.posting_wait_seconds), (30, 0));
    assert!(contract.replace_returns && !contract.replacements_non_returnable && !contract.buy_upsells);
}

#[test]
fn what_a_vertical_leaves_out_has_its_default() {
    let vertical: Vertical = read(json!({ "id": 1, "name": "Auto", "router": {},
        "field": [{ "name": "state", "type": "string" }] }));
    assert_eq!(vertical.duplicate_fields, ["email_address"]);
    assert_eq!((vertical.duplicate_window_days, vertical.expiration_hours), (30, 72));
    assert_eq!(vertical.router, Router::default());
    assert_eq!((vertical.router.resell_limit, vertical.router.sweeper_partners), (3, 1));
    assert_eq!(vertical.field.first().map(|field| field.max_length), Some(255));
}

#[test]
fn a_webhook_is_told_of_everything_unless_it_says_of_what() {
    let webhook = json!({ "id": 1, "name": "CRM", "url": "https://crm.example/", "secret": "s" });
    assert_eq!(read::<Webhook>(webhook.clone()).events, WebhookEvent::ALL);
    let mut sold = webhook;
    sold["events"] = json!(["lead.sold"]);
    assert_eq!(read::<Webhook>(sold).events, [WebhookEvent::LeadSold]);
}

#[test]
fn an_empty_text_or_an_offer_of_0_is_none() {
    let campaign = |keys: Value| -> Campaign {
        let mut campaign = json!({ "id": 57, "affiliate": 12, "offer": 100 });
        campaign.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        read(campaign)
    };
    let none = campaign(json!({ "payout": "", "redirect_offer": 0, "postback_url": "", "expires_at": "" }));
    assert_eq!(none, campaign(json!({})));
    let some = campaign(json!({ "payout": "12.00", "redirect_offer": 101 }));
    assert_eq!(
        (some.payout, some.redirect_offer),
        (Some("12.00".parse().unwrap()), Some(crate::OfferId(101)))
    );
}

#[test]
fn blacklisted_traffic_goes_to_the_global_redirect_the_chain_or_a_404() {
    use BlacklistRedirect as To;
    for (written, redirect, kept) in [
        (json!("global"), To::Global, "global"),
        (json!("offer"), To::Offer, "offer"),
        (json!("404"), To::NotFound, "404"),
        (json!(404), To::NotFound, "404"),
    ] {
        assert_eq!(read::<BlacklistRedirect>(written), redirect);
        assert_eq!(serde_json::to_value(redirect).unwrap(), kept);
    }
    for wrong in [json!("nowhere"), json!(403), json!(""), json!(true)] {
        assert_eq!(error::<To>(wrong), "a redirect is \"global\", \"offer\" or \"404\"");
    }
}

#[test]
fn credit_is_prepaid_with_balance_and_limit_or_unlimited_without() {
    let prepaid = |balance: &str, limit: &str| BuyerCredit::Prepaid {
        balance: balance.parse().unwrap(),
        limit: limit.parse().unwrap(),
    };
    for (table, credit) in [
        (json!({ "type": "unlimited" }), BuyerCredit::Unlimited),
        (json!({ "type": "prepaid", "balance": "50.00", "limit": "5.00" }), prepaid("50.00", "5.00")),
        (json!({ "type": "prepaid" }), prepaid("0.00", "0.00")),
    ] {
        assert_eq!(read::<BuyerCredit>(table), credit);
    }
    assert_written::<BuyerCredit>(json!({ "type": "unlimited" }));
    assert_written::<BuyerCredit>(json!({ "type": "prepaid", "balance": "50.00", "limit": "5.00" }));
    let wrong = error::<BuyerCredit>(json!({ "type": "unlimited", "limit": "5.00" }));
    assert_eq!(wrong, "unlimited credit has no balance and no limit");
}

#[test]
fn parameters_are_a_table_or_pairs_in_their_order() {
    let params =
        |params: Value| contract(json!({ "post": { "method": "post", "params": params } })).post.params;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(params(json!({ "zip": "#zip#", "key": "k" })), [pair("key", "k"), pair("zip", "#zip#")]);
    let pairs = json!([["zip", "#zip#"], ["key", "k"], ["zip", "2"]]);
    assert_eq!(params(pairs), [pair("zip", "#zip#"), pair("key", "k"), pair("zip", "2")]);
}

#[test]
fn a_links_letter_is_its_price_format() {
    use PriceFormat as P;
    for (letter, format) in [("c", P::Cpc), ("m", P::Cpm), ("f", P::Fixed), ("r", P::Revshare)] {
        assert_eq!(PriceFormat::from_letter(letter), Some(format));
        assert_eq!(format.letter().map(String::from).as_deref(), Some(letter));
    }
    assert_eq!(P::Cpa.letter(), None);
    for wrong in ["", "C", "a", "cm"] {
        assert_eq!(PriceFormat::from_letter(wrong), None, "{wrong}");
    }
}

#[test]
fn a_secret_is_shown_where_it_is_asked_for_and_nowhere_else() {
    let [secret, named] = ["hunter2", "env:CRUMB_KEY"].map(Secret::new);
    assert_eq!((secret.expose(), secret.env_name()), ("hunter2", None));
    assert_eq!((named.expose(), named.env_name()), ("env:CRUMB_KEY", Some("CRUMB_KEY")));
    assert_eq!(format!("{secret:?}"), "Secret(…)");
}

#[test]
fn networks_are_ranges_or_single_addresses_of_either_kind() {
    let settings = |blocked: Value| json!({ "name": "N", "blocked_ips": blocked });
    let read: Settings = read(settings(json!(["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1"])));
    let blocked: Vec<String> = read.blocked_ips.iter().map(ToString::to_string).collect();
    assert_eq!(blocked, ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32", "::1/128"]);
    let wrong = error::<Settings>(settings(json!(["10.0.0.0/8", "localhost"])));
    assert_eq!(wrong, "\"localhost\" is no address or network");
}

#[test]
fn conditions_are_written_as_they_are_read() {
    let state = json!({ "field": "state", "op": "in", "value": "CA|NV" });
    for condition in [
        state.clone(),
        json!({ "field": "zip", "op": "exists" }),
        json!({ "all": [state] }),
        json!({ "any": [state, { "not": state }] }),
        json!({ "not": { "all": [] } }),
    ] {
        assert_written::<Condition>(condition);
    }
}
