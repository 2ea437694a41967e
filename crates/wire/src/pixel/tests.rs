use super::*;
use crate::input::MAX_PAIRS;
use crumb_domain::conversion::{Order, OrderLine};
use proptest::prelude::*;

fn pixel(query: &str) -> PixelRequest {
    parse_pixel(query.as_bytes(), None).unwrap()
}

fn order(query: &str) -> Order {
    *pixel(query).reported.order.unwrap()
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn line(sku: &str, quantity: u32, unit_price: &str, discount: &str) -> OrderLine {
    OrderLine { sku: sku.to_owned(), quantity, unit_price: money(unit_price), discount: money(discount) }
}

#[test]
fn a_pixel_names_offer_event_request_id_and_transaction() {
    let pixel = pixel("O=55378899&e=344&f=pb&R=25566&t=TxN-1");
    assert_eq!(pixel.offer, Given::Value(OfferId(55_378_899)));
    assert_eq!(pixel.advertiser, Given::Absent);
    assert_eq!(pixel.event.as_deref(), Some("344"));
    assert_eq!(pixel.request_id.as_deref(), Some("25566"));
    assert_eq!(pixel.form, ConversionSource::Postback);
    assert_eq!(pixel.reported.transaction_id.as_deref(), Some("TxN-1"));
    assert_eq!((pixel.received, pixel.payout), (Given::Absent, Given::Absent));
    assert_eq!((pixel.ignored, pixel.signed), (vec![], None));
}

#[test]
fn an_advertisers_pixel_names_no_offer() {
    let pixel = pixel("a=7&t=1");
    assert_eq!((pixel.offer, pixel.advertiser), (Given::Absent, Given::Value(AdvertiserId(7))));
}

#[test]
fn an_id_that_is_none_is_told_from_one_that_is_not_there() {
    for (query, told) in [
        ("", Given::Absent),
        ("o=", Given::Absent),
        ("o=+", Given::Absent),
        ("o=x", Given::Malformed),
        ("o=0", Given::Malformed),
        ("o=-1", Given::Malformed),
        ("o=+12+", Given::Value(OfferId(12))),
    ] {
        assert_eq!(pixel(query).offer, told, "{query}");
    }
}

#[test]
fn a_blank_event_request_id_or_transaction_id_is_absent() {
    let pixel = pixel("o=1&e=&r=+&t=&u=&udid=&c=");
    assert_eq!((pixel.event, pixel.request_id), (None, None));
    assert!(pixel.reported.is_empty());
    assert!(pixel.ignored.is_empty());
}

#[test]
fn a_form_is_js_img_or_pb_without_regard_to_case_and_else_an_iframe() {
    use ConversionSource::{Iframe, Image, Postback, Script};
    for (query, form) in [
        ("", Iframe),
        ("f=", Iframe),
        ("f=iframe", Iframe),
        ("f=lead", Iframe),
        ("f=import", Iframe),
        ("f=js", Script),
        ("f=JS", Script),
        ("f=img", Image),
        ("f=Pb", Postback),
    ] {
        assert_eq!(pixel(query).form, form, "{query}");
    }
}

#[test]
fn what_is_received_and_paid_are_amounts_as_people_write_them() {
    let pixel = pixel("p=%241,234.50&ap=0.000001");
    assert_eq!(pixel.received, Given::Value(money("1234.5")));
    assert_eq!(pixel.payout, Given::Value(money("0.000001")));
    assert!(pixel.ignored.is_empty());
}

#[test]
fn amounts_as_scripts_add_them_up_are_rounded_to_millionths() {
    let pixel = pixel(
        "p=69.80000000000001&ap=12.3456789&ect=0.1000000&ecsk=a&ecqu=1&ecpr=0.0000015&ecld=0.29999999999999998",
    );
    assert!(pixel.ignored.is_empty(), "{:?}", pixel.ignored);
    assert_eq!(pixel.received, Given::Value(money("69.80")));
    assert_eq!(pixel.payout, Given::Value(money("12.345679")));
    let order = *pixel.reported.order.unwrap();
    assert_eq!((order.total, order.lines), (Some(money("0.10")), vec![line("a", 1, "0.000002", "0.30")]));
}

#[test]
fn an_amount_that_is_none_is_ignored_and_named() {
    for amount in ["x", "-1", "1e3", "0.0000001x", "1000000000.01", "1000000000.0000005", "12,50", "NaN"] {
        let pixel = pixel(&format!("p={amount}&AP={amount}&ect={amount}"));
        assert_eq!((pixel.received, pixel.payout), (Given::Malformed, Given::Malformed), "{amount}");
        assert_eq!(pixel.reported.order, None);
        assert_eq!(pixel.ignored, ["ap", "ect", "p"]);
    }
    assert_eq!(pixel("p=1,000,000,000.00").received, Given::Value(MAX_AMOUNT));
    assert_eq!(pixel("p=").received, Given::Absent);
    assert!(pixel("p=").ignored.is_empty());
}

#[test]
fn a_user_a_device_and_a_currency_are_reported() {
    let reported = pixel("u=joe&udid=ABC&k=older&c=usd").reported;
    assert_eq!(reported.user_id.as_deref(), Some("joe"));
    assert_eq!(reported.device_id.as_deref(), Some("ABC"));
    assert_eq!(reported.currency.as_deref(), Some("USD"));
    assert_eq!(pixel("k=older").reported.device_id.as_deref(), Some("older"));
}

#[test]
fn a_currency_is_three_letters() {
    for wrong in ["us", "usdx", "u$d", "123", "%C3%A9%C3%A9%C3%A9", "%C3%A9u"] {
        let pixel = pixel(&format!("c={wrong}&eccu={wrong}"));
        assert_eq!((pixel.reported.currency, pixel.reported.order), (None, None), "{wrong}");
        assert_eq!(pixel.ignored, ["c", "eccu"]);
    }
}

#[test]
fn of_a_long_transaction_id_a_beginning_is_kept_with_a_hash_of_the_whole() {
    let kept = |text: &str| pixel(&format!("t={text}")).reported.transaction_id.unwrap();
    let longest = "x".repeat(MAX_TRANSACTION_ID_CHARS);
    assert_eq!(kept(&longest), longest);
    let (one, other) = (kept(&format!("{longest}1")), kept(&format!("{longest}2")));
    assert_ne!(one, other, "they differ behind what is kept");
    assert_eq!(one, kept(&format!("%20{longest}1%20")), "the same one is the same");
    let (beginning, hash) = one.split_once('~').unwrap();
    assert!(longest.starts_with(beginning) && one.len() == MAX_TRANSACTION_ID_CHARS, "{one}");
    assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
}

#[test]
fn a_multipart_body_without_its_boundary_says_nothing() {
    let read = parse_pixel(b"o=1", Some(("multipart/form-data", &b"p=5&t=x"[..]))).unwrap();
    assert_eq!(read, pixel("o=1"));
}

#[test]
fn texts_are_cut() {
    let long = "%C3%A9".repeat(400);
    let pixel = pixel(&format!(
        "t={long}&u={long}&udid={long}&e={long}&r={long}&ecv={long}&ecsk={long}&ecqu=1&ecpr=1"
    ));
    let chars = |text: &Option<String>| text.as_ref().unwrap().chars().count();
    assert_eq!(chars(&pixel.reported.transaction_id), MAX_TRANSACTION_ID_CHARS);
    assert_eq!(chars(&pixel.reported.user_id), MAX_USER_ID_CHARS);
    assert_eq!(chars(&pixel.reported.device_id), crate::link::MAX_DEVICE_ID_CHARS);
    assert_eq!(chars(&pixel.event), MAX_EVENT_CHARS);
    assert_eq!(chars(&pixel.request_id), MAX_REQUEST_ID_CHARS);
    let order = pixel.reported.order.unwrap();
    assert_eq!(chars(&order.voucher), MAX_ORDER_TEXT_CHARS);
    assert_eq!(order.lines[0].sku.chars().count(), MAX_ORDER_TEXT_CHARS);
}

#[test]
fn the_dialects_own_sample_of_an_order_is_read() {
    let sample = "o=769&e=123&t=123&ecsk=144^201^242&ecqu=1^2^3&ecpr=10.00^8.00^12.00&ecld=0^1.00&ecst=61.00\
                  &ecd=2&ectx=5.80&ecsh=5.00&ect=69.80&ecco=US&ecrg=CA&p=61.00";
    let pixel = pixel(sample);
    assert_eq!(pixel.received, Given::Value(money("61")));
    assert!(pixel.ignored.is_empty());
    let expected = Order {
        total: Some(money("69.80")),
        subtotal: Some(money("61")),
        tax: Some(money("5.80")),
        shipping: Some(money("5")),
        discount: Some(money("2")),
        country: Some("US".to_owned()),
        region: Some("CA".to_owned()),
        lines: vec![line("144", 1, "10", "0"), line("201", 2, "8", "1"), line("242", 3, "12", "0")],
        ..Order::default()
    };
    assert_eq!(pixel.reported.order.as_deref(), Some(&expected));
}

#[test]
fn lists_may_have_their_separator_encoded() {
    assert_eq!(order("ecsk=a%5Eb&ecqu=1%5E2&ecpr=1%5E2").lines.len(), 2);
}

#[test]
fn vouchers_coupons_and_the_orders_currency_are_kept() {
    let order = order("ecv=V1&ecc=FF25^SHOES50OFF^^+&eccu=eur&ect=72.80");
    assert_eq!(order.voucher.as_deref(), Some("V1"));
    assert_eq!(order.coupons, ["FF25", "SHOES50OFF"]);
    assert_eq!(order.currency.as_deref(), Some("EUR"));
}

#[test]
fn an_order_without_its_total_is_kept_all_the_same() {
    assert_eq!(order("ecst=10").total, None);
    assert_eq!(order("ecst=10").subtotal, Some(money("10")));
    assert_eq!(pixel("o=1&t=2").reported.order, None, "and none is none");
}

#[test]
fn line_lists_of_different_lengths_are_ignored_and_named_and_the_order_is_kept() {
    for lists in [
        "ecsk=a^b&ecqu=1&ecpr=1^2&ecld=0^0",
        "ecsk=a&ecqu=1^2&ecpr=1^2&ecld=0",
        "ecsk=a^b&ecqu=1^2&ecpr=1&ecld=0",
        "ecsk=a&ecqu=1&ecpr=1&ecld=0^1",
        "ecsk=a&ecqu=x&ecpr=1&ecld=0",
        "ecsk=a&ecqu=-1&ecpr=1&ecld=0",
        "ecsk=a&ecqu=4294967296&ecpr=1&ecld=0",
        "ecsk=a&ecqu=1&ecpr=x&ecld=0",
        "ecsk=a&ecqu=1&ecpr=&ecld=x",
        "ecsk=a^&ecqu=1^2&ecpr=1^&ecld=0",
    ] {
        let pixel = pixel(&format!("ect=5&{lists}"));
        let named = ["ecld", "ecpr", "ecqu", "ecsk"];
        let named: Vec<_> = named.into_iter().filter(|name| !lists.contains(&format!("{name}=&"))).collect();
        assert_eq!(pixel.ignored, named, "{lists}");
        let order = pixel.reported.order.unwrap();
        assert_eq!((order.total, order.lines), (Some(money("5")), vec![]), "{lists}");
    }
    assert_eq!(pixel("ecsk=a^b").ignored, ["ecsk"], "one of them needs the others");
    assert_eq!(order("ecsk=a&ecqu=1&ecpr=5").lines, [line("a", 1, "5", "0")], "but discounts");
}

#[test]
fn a_separator_behind_the_last_item_begins_no_further_one() {
    let lines = [line("a", 1, "5", "1"), line("b", 2, "6", "0")];
    for lists in [
        "ecsk=a^b^&ecqu=1^2^&ecpr=5^6^&ecld=1^0^",
        "ecsk=a^b^&ecqu=1^2&ecpr=5^6&ecld=1^",
        "ecsk=a^b&ecqu=1^2&ecpr=5^6^&ecld=1",
    ] {
        assert_eq!(order(lists).lines, lines, "{lists}");
        assert!(pixel(lists).ignored.is_empty(), "{lists}");
    }
    let nameless = order("ecsk=a^&ecqu=1^2&ecpr=5^6&ecld=1").lines;
    assert_eq!(nameless, [line("a", 1, "5", "1"), line("", 2, "6", "0")], "the lists fit as they are");
    assert!(pixel("ecsk=a^b^^&ecqu=1^2^^&ecpr=5^6^^").reported.order.is_none(), "two are no slip");
    let list = |item: &str| vec![item; MAX_ORDER_LINES].join("^") + "^";
    let most = format!("ecsk={0}&ecqu={0}&ecpr={0}", list("1"));
    assert_eq!(order(&most).lines.len(), MAX_ORDER_LINES);
}

#[test]
fn an_order_has_a_hundred_lines_and_twenty_coupons_at_most() {
    let lists = |count: usize| {
        let list = |item: &str| vec![item; count].join("^");
        format!("ecsk={0}&ecqu={0}&ecpr={0}&ecld={0}&ecc={0}", list("1"))
    };
    let most = pixel(&lists(MAX_ORDER_LINES));
    assert_eq!(most.reported.order.as_ref().unwrap().lines.len(), MAX_ORDER_LINES);
    assert_eq!(most.reported.order.unwrap().coupons.len(), MAX_COUPONS);
    assert_eq!(most.ignored, ["ecc"]);
    let more = pixel(&lists(MAX_ORDER_LINES + 1));
    assert!(more.reported.order.unwrap().lines.is_empty());
    assert_eq!(more.ignored, ["ecc", "ecld", "ecpr", "ecqu", "ecsk"]);
    assert!(pixel(&lists(MAX_COUPONS)).ignored.is_empty());
}

#[test]
fn a_query_value_wins_over_a_body_value_in_every_format() {
    let form = ("application/x-www-form-urlencoded", &b"o=2&t=body&R=5"[..]);
    let json = ("application/json; charset=utf-8", &br#"{"o":2,"t":"body","R":5,"x":{"t":1}}"#[..]);
    let parts = b"--X\r\nContent-Disposition: form-data; name=\"o\"\r\n\r\n2\r\n\
                  --X\r\nContent-Disposition: form-data; name=\"t\"\r\n\r\nbody\r\n\
                  --X\r\nContent-Disposition: form-data; name=\"r\"\r\n\r\n5\r\n--X--\r\n";
    let multipart = ("multipart/form-data; boundary=X", &parts[..]);
    for body in [form, json, multipart, ("", form.1), ("text/plain", form.1)] {
        let pixel = parse_pixel(b"o=1", Some(body)).unwrap();
        assert_eq!(pixel.offer, Given::Value(OfferId(1)), "{}", body.0);
        assert_eq!(pixel.reported.transaction_id.as_deref(), Some("body"), "{}", body.0);
        assert_eq!(pixel.request_id.as_deref(), Some("5"), "{}", body.0);
    }
}

#[test]
fn a_body_that_cannot_be_read_says_nothing() {
    for body in [("application/json", &b"{\"o\":"[..]), ("multipart/form-data", b"o=2")] {
        assert_eq!(parse_pixel(b"t=1", Some(body)), parse_pixel(b"t=1", None), "{}", body.0);
    }
}

#[test]
fn unknown_parameters_are_no_error() {
    let pixel = pixel("o=1&popcb=0.123&sid=&%00=x&");
    assert_eq!((pixel.offer, pixel.ignored), (Given::Value(OfferId(1)), vec![]));
}

#[test]
fn a_pixel_has_the_limits_of_any_input() {
    let half = vec![b'x'; MAX_INPUT_BYTES / 2];
    assert!(parse_pixel(&half, Some(("", &half))).is_ok());
    assert_eq!(parse_pixel(&half, Some(("", &[&half[..], b"x"].concat()))), Err(InputError::TooLarge));
    let many = |count: usize| vec!["x=1"; count].join("&");
    let (query, body) = (many(1), many(MAX_PAIRS));
    assert!(parse_pixel(b"", Some(("", body.as_bytes()))).is_ok());
    let both = parse_pixel(query.as_bytes(), Some(("", body.as_bytes())));
    assert_eq!(both, Err(InputError::TooManyPairs));
}

proptest! {
    #[test]
    fn any_call_is_read(raw in prop::collection::vec(any::<u8>(), 0..400), body in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(parse_pixel(&raw, Some(("application/json", &body))).is_ok());
        prop_assert!(parse_pixel(&raw, Some(("", &body))).is_ok());
    }

    #[test]
    fn no_amount_is_out_of_bounds(p in "[$0-9,. -]{0,16}", ecpr in "[0-9.^,-]{0,24}") {
        let pixel = pixel(&format!("p={p}&ecsk=1^2&ecqu=1^2&ecpr={ecpr}"));
        let lines = pixel.reported.order.map(|order| order.lines).unwrap_or_default();
        prop_assert!(lines.is_empty() || lines.len() == 2);
        for amount in pixel.received.value().into_iter().chain(lines.iter().map(|line| line.unit_price)) {
            prop_assert!((Money::ZERO..=MAX_AMOUNT).contains(&amount));
        }
    }
}
