//! The advertiser's shop: something to buy, and a thank-you page with the conversion pixel
//! that the tracker gave out.

use super::Site;
use super::layout::{Page, document};
use super::request::{OTHER_HOST, Seen, first, pairs};
use super::switches::{CookieState, cookie_state, cookie_switch, panel, request_id_switch, switches_script};
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Redirect;
use crumb_domain::{OfferId, RequestId};
use crumb_wire::conversion_code::{PixelOf, TRANSACTION_ID, conversion_code};
use maud::{Markup, PreEscaped, html};
use rand::RngExt as _;
use std::sync::Arc;

/// The offer that its orders are conversions of.
const OFFER: OfferId = OfferId(600);

/// Shows what can be bought. The request id goes along where the page's address has one.
pub async fn page(seen: Seen) -> Page {
    let request_id = seen.value("reqid").unwrap_or_default();
    let body = html! {
        main.landing {
            section.promise {
                h1 { "Keep the sun out of your car." }
                p { "The dashboard sun shade, 13.00, by tomorrow." }
            }
            form .card method="post" action="/shop" {
                input type="hidden" name="reqid" value=(request_id);
                button #send type="submit" { "Buy it" }
                p.fine { "Nothing is sent or charged: this is a demonstration." }
            }
        }
        (switches(&seen))
    };
    document("Shop", &switches_script(), &body)
}

fn switches(seen: &Seen) -> Markup {
    let behind = html! {
        "Conversion pixel: a sale makes no lead. The pixel on the thank-you page reports the order. It brings the request \
         id, where the form has one, and then that alone says whose order it is; else the tracker's cookie does."
    };
    let controls = html! { (cookie_switch(seen, OFFER, false)) (request_id_switch()) };
    panel(&behind, &controls)
}

/// Takes an order, and sends its visitor on to the thank-you page.
pub async fn order(body: Bytes) -> Redirect {
    #[expect(clippy::disallowed_methods, reason = "sample data: nothing is decided by it")]
    let number: u32 = rand::rng().random_range(100_000..1_000_000);
    let form = pairs(&body);
    let request_id = first(&form, "reqid").and_then(as_request_id);
    let named = request_id.map(|id| format!("&reqid={id}")).unwrap_or_default();
    Redirect::to(&format!("/shop/thanks?order=SUN-{number}{named}"))
}

/// Thanks for an order, and reports it.
pub async fn thanks(State(site): State<Arc<Site>>, seen: Seen) -> Page {
    let order = seen.value("order").map(order_number).unwrap_or_default();
    let request_id = seen.value("reqid").and_then(as_request_id);
    let code = conversion_code(&site.addresses.tracking, PixelOf::Offer(OFFER), None).iframe;
    let cookie = cookie_state(&seen, OFFER);
    // With a request id no cookie is needed.
    let named = request_id.map(|id| format!("&amp;r={id}")).unwrap_or_default();
    let pixel = code.replace(TRANSACTION_ID, &format!("{order}{named}"));
    let behind = html! {
        "The pixel above reports the order to the tracker. A visit converts once: a further order of it, or this page shown \
         again, makes no conversion. Where one is made, and its affiliate has a pixel of its own, the tracker shows that \
         in the frame, shut in so that it can touch neither this page nor the tracker. The pixel is loaded with this \
         page: cookie and request id can be lost or broken in the shop only, before the order."
    };
    let body = html! {
        main.words {
            h1 { "Thank you!" }
            p { "Your order " b #order { (order) } " is on its way." }
            p #credit { (credit(request_id.is_some(), seen.host == OTHER_HOST, cookie)) }
            pre #pixel { (pixel) }
        }
        (panel(&behind, &html! {}))
        (PreEscaped(&pixel))
    };
    document("Thank you", &html! {}, &body)
}

/// By what the order is credited, as far as the page can tell.
fn credit(by_request_id: bool, elsewhere: bool, cookie: CookieState) -> &'static str {
    match cookie {
        _ if by_request_id => {
            "Only the request id in it can say whose order it is, with a cookie or without. Where it is wrong, nothing does, \
             and the frame stays empty."
        }
        _ if elsewhere => {
            "Here it says nothing of whose order it is: no request id is in it, and this is another site than the \
             tracker's, from which browsers send no cookie along. The frame stays empty."
        }
        CookieState::Here => "No request id is in it: the tracker's cookie can say whose order it is.",
        CookieState::Forged => {
            "Nothing says whose order it is: no request id is in it, and the cookie is forged. The frame stays empty."
        }
        CookieState::None => {
            "Nothing says whose order it is: no request id is in it, and this browser has no cookie of the tracker's \
             for this offer. The frame stays empty."
        }
    }
}

/// A number as the shop makes them: nothing else comes into a page's markup.
fn order_number(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(20).collect()
}

fn as_request_id(text: &str) -> Option<RequestId> {
    text.parse().ok()
}
