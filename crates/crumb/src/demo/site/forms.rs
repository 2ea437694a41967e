//! The pages with forms, one for each way of posting.

use super::Site;
use super::intake::{REQUEST_ID, TOKEN};
use super::layout::{Page, document, sample_person};
use super::request::Seen;
use super::switches::{cookie_switch, panel, request_id_switch, switches_script};
use axum::extract::State;
use crumb_domain::{AffiliateId, CreativeId, OfferId, SubIds};
use crumb_wire::generate::{LinkOptions, click_pixel_code};
use maud::{Markup, PreEscaped, html};
use std::sync::Arc;

/// How a page's form is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By the browser, to the tracker.
    Browser,
    /// By `d.js`, to the tracker.
    Ajax,
    /// To this site's server, which session-posts it.
    OwnServer,
    /// As [`Way::OwnServer`], on a page with a click pixel of the internal affiliate.
    Pixel,
}

/// A page with a form.
pub struct FormPage {
    /// Where it is.
    pub path: &'static str,
    /// The offer that it is the page of.
    pub offer: i64,
    /// The creative of its click pixel, where it has one.
    creative: i64,
    /// How its form is posted.
    pub way: Way,
    /// What it promises.
    title: &'static str,
    /// More of that.
    lead_in: &'static str,
    /// What it shows, for whoever looks at the demo.
    shows: &'static str,
}

/// All of them.
pub static FORM_PAGES: [FormPage; 5] = [
    FormPage {
        path: "/quote",
        offer: 100,
        creative: 1001,
        way: Way::Browser,
        title: "Your car insurance, in a minute.",
        lead_in: "Tell us who you are, and three insurers make you an offer.",
        shows: "Browser post: this form goes straight to the tracker's d.ashx. If a tracking link brought you, the \
                cookie that it set there says which affiliate sent you.",
    },
    FormPage {
        path: "/quick",
        offer: 200,
        creative: 2001,
        way: Way::Ajax,
        title: "The quick quote.",
        lead_in: "Type your ZIP code, and that is nearly all.",
        shows: "AJAX post: d.js checks single fields with the tracker, and posts without leaving the page. Try a \
                ZIP code that is none.",
    },
    FormPage {
        path: "/apply",
        offer: 300,
        creative: 3001,
        way: Way::OwnServer,
        title: "Apply with us directly.",
        lead_in: "We keep your application and take it to the insurers ourselves.",
        shows: "Session post: the form goes to this site's own server, which stores the lead in its own database \
                and then posts it to the tracker. That post brings no cookie, whatever this browser has: only the \
                hidden ckm_request_id can say whose lead it is.",
    },
    FormPage {
        path: "/guide",
        offer: 400,
        creative: 4001,
        way: Way::Pixel,
        title: "How to pay less for your car.",
        lead_in: "Our guide is free. Say where we may send it.",
        shows: "Click pixel: you may have come here through no link at all. The pixel in this page makes a session, \
                unless the visitor's cookie or the page's address names a live one of this offer, and fills the \
                form's empty ckm_request_id. The form goes to this site's own server, which posts it without any \
                cookie.",
    },
    FormPage {
        path: "/match",
        offer: 500,
        creative: 5001,
        way: Way::OwnServer,
        title: "Matched with an insurer at once.",
        lead_in: "Wait a moment, and one of them takes you.",
        shows: "Host-n-post: the tracker answers only once a buyer has said yes, or none will. Those who bid are \
                asked all at once, and whoever offers most is sent the lead. One bidder is too slow: that takes two \
                seconds, until the tracker leaves it out for a while. A car of before 1990 goes to a buyer that \
                hangs up: nobody knows whether it bought, and nobody else is asked until its own server says so.",
    },
];

/// Shows a form.
pub async fn show(page: &'static FormPage, State(site): State<Arc<Site>>, seen: Seen) -> Page {
    let pixel = (page.way == Way::Pixel).then(|| pixel(&site, page));
    let tracking = &site.addresses.tracking;
    let head = html! {
        @if page.way == Way::Ajax { script src={ (tracking) "/d.js" } {} }
        (switches_script())
    };
    let body = html! {
        @if let Some(pixel) = pixel { (PreEscaped(pixel)) }
        main.landing {
            section.promise {
                h1 { (page.title) }
                p { (page.lead_in) }
                ul.assurances {
                    li { "Three offers, no calls before you say so" }
                    li { "Takes a minute; costs nothing" }
                    li { "4.8 of 5 from people who never existed" }
                }
            }
            (form(page, tracking, &seen))
        }
        (switches(page, &seen))
    };
    document(page.title, &head, &body)
}

/// The click pixel as `crumb pixel` prints it, of the affiliate that stands for nobody.
fn pixel(site: &Site, page: &FormPage) -> String {
    let snapshot = site.installation.network.snapshot();
    let internal = snapshot.settings().internal_affiliate.unwrap_or(AffiliateId(1));
    let creative = CreativeId(page.creative);
    let sub_ids = SubIds::new(["organic", "", "", "", ""]);
    click_pixel_code(&site.addresses.tracking, internal, creative, &sub_ids, LinkOptions::default())
}

fn form(page: &FormPage, tracking: &str, seen: &Seen) -> Markup {
    let person = sample_person();
    let own_server = matches!(page.way, Way::OwnServer | Way::Pixel);
    // With its query, so that from the lead there is a way back to the very same page.
    let action = if own_server { seen.target.clone() } else { format!("{tracking}/d.ashx") };
    // The page's address brings it. A page with a pixel is one that knows nothing of
    // addresses: there the pixel's code reads them.
    let request_id = seen.value("reqid").filter(|_| page.way != Way::Pixel);
    let value = |name: &str, sample: &str| seen.value(name).unwrap_or(sample).to_owned();
    html! {
        form #ckm_form .card method="post" action=(action) {
            @if own_server {
                input type="hidden" name=(TOKEN) value=(person.token);
            } @else {
                input type="hidden" name="ckm_offer_id" value=(page.offer);
            }
            @if own_server || request_id.is_some() {
                input type="hidden" name=(REQUEST_ID) value=(request_id.unwrap_or_default());
            }
            div.pair {
                label { "First name" input name="first_name" value=(value("first_name", person.first_name)); }
                label { "Last name" input name="last_name" value=(value("last_name", person.last_name)); }
            }
            label { "E-mail" input name="email_address" value=(value("email_address", &person.email)); }
            div.pair {
                label { "ZIP code"
                    // Left to type where the tracker checks it while it is typed.
                    input name="zip_code" inputmode="numeric" placeholder="94016"
                        value=(value("zip_code", if page.way == Way::Ajax { "" } else { "94016" }));
                }
                label { "Car of the year" input name="vehicle_year" inputmode="numeric" value=(value("vehicle_year", "2019")); }
            }
            label { "Insured now?"
                select name="currently_insured" { option { "Yes" } option { "No" } }
            }
            button #send type="submit" { "Get my quotes" }
            p.fine { "By pressing you agree to nothing: this is a demonstration." }
        }
    }
}

/// Where the form's request id is from.
fn origin_of_request_id(page: &FormPage, seen: &Seen) -> &'static str {
    match seen.value("reqid") {
        _ if page.way != Way::OwnServer => "",
        None => " This page's address has no request id.",
        Some("") => " This page's address has an empty request id.",
        Some(_) => " This page's address brought a request id.",
    }
}

/// What happens behind the page, and what may be broken there.
fn switches(page: &FormPage, seen: &Seen) -> Markup {
    // As the form has it.
    let has_request_id = matches!(page.way, Way::OwnServer | Way::Pixel) || seen.value("reqid").is_some();
    let behind = html! { (page.shows) (origin_of_request_id(page, seen)) };
    let controls = html! {
        (cookie_switch(seen, OfferId(page.offer), page.way == Way::Pixel))
        @if has_request_id { (request_id_switch()) }
    };
    panel(&behind, &controls)
}
