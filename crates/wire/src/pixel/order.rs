//! The order that a pixel reports: its sums, and its line items in lists separated by `^`.

use super::{Values, amount};
use crumb_domain::Money;
use crumb_domain::conversion::{Order, OrderLine};

/// Line items of an order: more than a shop's basket has. An order with more of them is
/// kept without any, as a part of them would not add up.
pub const MAX_ORDER_LINES: usize = 100;

/// Coupons of an order that are kept.
pub const MAX_COUPONS: usize = 20;

/// Characters kept of each of an order's texts: several times what shops' codes, SKUs and
/// regions have.
pub const MAX_ORDER_TEXT_CHARS: usize = 100;

/// What separates the items of a list.
const SEPARATOR: char = '^';

/// The lists of which each has one item for a line: `ecld` may be shorter.
const LINE_PARAMETERS: [&str; 4] = ["ecsk", "ecqu", "ecpr", "ecld"];

/// The order, where anything is said of one. `ect` is mandatory in the dialect, but an
/// order without it is kept all the same: nothing is reckoned with it.
pub(super) fn read_order(values: &mut Values<'_>) -> Option<Box<Order>> {
    let order = Order {
        total: values.amount("ect"),
        subtotal: values.amount("ecst"),
        tax: values.amount("ectx"),
        shipping: values.amount("ecsh"),
        discount: values.amount("ecd"),
        voucher: values.text("ecv", MAX_ORDER_TEXT_CHARS),
        coupons: coupons(values),
        currency: values.currency("eccu"),
        country: values.text("ecco", MAX_ORDER_TEXT_CHARS),
        region: values.text("ecrg", MAX_ORDER_TEXT_CHARS),
        lines: lines(values),
    };
    (order != Order::default()).then(|| Box::new(order))
}

/// Those beyond [`MAX_COUPONS`] are not used.
fn coupons(values: &mut Values<'_>) -> Vec<String> {
    let texts = values.pairs.get("ecc").unwrap_or_default().split(SEPARATOR).map(cut);
    let mut coupons: Vec<String> = texts.filter(|coupon| !coupon.is_empty()).take(MAX_COUPONS + 1).collect();
    if coupons.len() > MAX_COUPONS {
        coupons.truncate(MAX_COUPONS);
        values.ignore("ecc");
    }
    coupons
}

fn lines(values: &mut Values<'_>) -> Vec<OrderLine> {
    let lists = LINE_PARAMETERS.map(|name| {
        let text = values.pairs.get(name).map(str::trim).filter(|text| !text.is_empty());
        (name, text)
    });
    if lists.iter().all(|(_, text)| text.is_none()) {
        return Vec::new();
    }
    // Who writes a separator behind each item means no further one: unless that is what
    // makes the lists fit each other.
    let texts = lists.map(|(_, text)| text);
    let without_last = texts.map(|text| text.map(|list| list.strip_suffix(SEPARATOR).unwrap_or(list)));
    match whole_lines(texts).or_else(|| whole_lines(without_last)) {
        Some(lines) => lines,
        None => {
            let given = lists.iter().filter(|(_, text)| text.is_some());
            given.for_each(|(name, _)| values.ignore(name));
            Vec::new()
        }
    }
}

/// All lines, or none where one of them cannot be read: without it the others would be
/// another order.
fn whole_lines([skus, quantities, prices, discounts]: [Option<&str>; 4]) -> Option<Vec<OrderLine>> {
    let items = |list: &str| list.split(SEPARATOR).count();
    let (skus, quantities, prices) = (skus?, quantities?, prices?);
    let count = items(skus);
    let discounts_given = discounts.map_or(0, items);
    if count > MAX_ORDER_LINES
        || items(quantities) != count
        || items(prices) != count
        || discounts_given > count
    {
        return None;
    }
    // A list of discounts may end early, as the dialect's own sample does.
    let discounts = discounts.into_iter().flat_map(|list| list.split(SEPARATOR));
    skus.split(SEPARATOR)
        .zip(quantities.split(SEPARATOR))
        .zip(prices.split(SEPARATOR))
        .zip(discounts.chain(std::iter::repeat("")))
        .map(|(((sku, quantity), unit_price), discount)| {
            Some(OrderLine {
                sku: cut(sku),
                quantity: quantity.trim().parse().ok()?,
                unit_price: amount(unit_price)?,
                discount: if discount.trim().is_empty() { Money::ZERO } else { amount(discount)? },
            })
        })
        .collect()
}

fn cut(text: &str) -> String {
    text.trim().chars().take(MAX_ORDER_TEXT_CHARS).collect()
}
