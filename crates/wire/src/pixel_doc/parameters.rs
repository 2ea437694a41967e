//! What a conversion pixel can say.

use super::Section;
use crate::posting_doc::Parameter;

pub(super) fn section() -> Section {
    let parameters = PARAMETERS.iter().map(|(name, description)| Parameter {
        name,
        required: false,
        value: None,
        description,
    });
    Section {
        title: "What a call can say",
        words: vec![
            "Names in any case, values as they are; by GET or POST. What is not listed here does no harm."
                .to_owned(),
        ],
        parameters: parameters.collect(),
        ..Section::default()
    }
}

const PARAMETERS: [(&str, &str); 20] = [
    ("o", "The offer's id. Not needed with `a`, or with `r`: a request id knows its offer."),
    ("a", "The advertiser's id, instead of `o`: any of its offers."),
    ("e", "The event's id or short name. Without it the offer's default event is meant."),
    ("r", "The request id of the visit, instead of the cookie."),
    (
        "t",
        "Your transaction id, at most 255 characters; of a longer one a beginning and a hash of the whole are kept. \
         It is told to the affiliate, and can be counted once.",
    ),
    (
        "f",
        "The form: none is a page for an iframe, `js` a script, `img` an image, `pb` a call from a server, answered in XML.",
    ),
    (
        "p",
        "What you pay for this conversion, as `12.50`, instead of what was agreed. Counts where the offer allows \
           it, or the call is signed or comes from a listed address.",
    ),
    (
        "ap",
        "What the affiliate is paid for it. Counts where the offer allows it, or the call is signed or comes \
            from a listed address.",
    ),
    ("udid", "The device's id, where there are neither cookies nor a request id."),
    ("u", "Your id of the user; kept with the conversion."),
    ("c", "The currency of `p` and `ap`, three letters. Amounts in another than the network's do not count."),
    ("ect", "Order total."),
    ("ecst, ectx, ecsh", "Order subtotal, tax, shipping."),
    ("ecd", "Discount of the order."),
    ("ecv, ecc", "Voucher, coupons (several with `^` between them)."),
    ("eccu", "The order's currency, three letters."),
    ("ecco, ecrg", "Country and region that the order goes to."),
    (
        "ecsk, ecqu, ecpr, ecld",
        "Line items: SKU, quantity, unit price, line discount, each a list with `^` between \
                                the lines, all of the same length.",
    ),
    ("ts", "With `sig`: the second since 1970 in which the call was signed."),
    ("sig", "The signature of a call."),
];
