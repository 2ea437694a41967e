//! The pages with forms, one for each way of posting.

use super::Site;
use super::intake::{REQUEST_ID, TOKEN};
use super::layout::{Page, document, sample_person};
use super::request::{OTHER_HOST, Seen, first, pairs};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use crumb_domain::{AffiliateId, CreativeId, OfferId, SubIds};
use crumb_wire::cookie::offer_cookie_name;
use crumb_wire::generate::{LinkOptions, click_pixel_code};
use maud::{Markup, PreEscaped, html};
use std::sync::Arc;

/// What is added to a cookie's signature to forge it.
const FORGED: &str = "-forged";

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
        script src="/switches.js" defer {}
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
    let action = if own_server { page.path.to_owned() } else { format!("{tracking}/d.ashx") };
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

/// What this site sees of the tracker's cookie for an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieState {
    /// There is none.
    None,
    /// It is there, as far as can be told by whoever did not sign it.
    Here,
    /// It is there, and was forged here.
    Forged,
}

impl CookieState {
    /// In the pages' words.
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Here => "here",
            Self::Forged => "forged",
        }
    }
}

/// The tracker's cookie for an offer, as far as this site sees it.
pub fn cookie_state(seen: &Seen, offer: OfferId) -> CookieState {
    let name = offer_cookie_name(offer);
    match seen.cookies.iter().find(|(other, _)| *other == name) {
        None => CookieState::None,
        Some((_, value)) if value.ends_with(FORGED) => CookieState::Forged,
        Some(_) => CookieState::Here,
    }
}

/// The state, for the pages' script: a pixel may change it while a page stands, and
/// another page at any time.
pub async fn tell_cookie(seen: Seen) -> Response {
    let offer = seen.value("offer").and_then(|offer| offer.parse().ok()).map(OfferId);
    let state = offer.map_or(CookieState::None, |offer| cookie_state(&seen, offer));
    ([(CACHE_CONTROL, "no-store")], state.as_str()).into_response()
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

/// What the visitor to the demo may break.
fn switches(page: &FormPage, seen: &Seen) -> Markup {
    let state = cookie_state(seen, OfferId(page.offer));
    let shared_jar = seen.host != OTHER_HOST;
    // As the form has it.
    let has_request_id = matches!(page.way, Way::OwnServer | Way::Pixel) || seen.value("reqid").is_some();
    html! {
        aside.switches aria-label="About this page" {
            p { strong { "Behind the page. " } (page.shows) (origin_of_request_id(page, seen)) }
            form #cookies method="post" action="/cookie" {
                input type="hidden" name="back" value=(seen.target);
                span.fact { "The tracker's cookie for this offer: "
                    @if !shared_jar { b { "not for this site" } }
                    @else {
                        b #cookie-state .yes[state == CookieState::Here] .no[state != CookieState::Here] data-offer=(page.offer) {
                            // Until it has answered, nobody knows.
                            @if page.way == Way::Pixel { "waiting for the pixel" } @else { (state.as_str()) }
                        }
                    }
                }
                @if shared_jar {
                    button name="do" value="forget" title="With all other cookies of the tracker" { "Lose it" }
                    button #forge name="do" value="forge" disabled[state == CookieState::None]
                        title="With all other cookies of the tracker" { "Forge it" }
                }
            }
            @if has_request_id {
                div.request-id {
                    span.fact { "The form's request id: " b #request-id { "…" } }
                    button type="button" data-request-id="" { "Empty it" }
                    button type="button" data-request-id="123456789012345" { "Make it wrong" }
                }
            }
            p { a href="/live" target="crumb-live" { "Watch what arrives" } }
        }
    }
}

/// Loses or forges the tracker's cookies, as browsers, cleaners and crooks do.
pub async fn change_cookie(seen: Seen, body: Bytes) -> Response {
    let form = pairs(&body);
    with_cookies(&seen, first(&form, "back"), first(&form, "do") == Some("forge"))
}

/// Forgets the tracker's cookies and goes on to a page, which sees a visitor who came
/// through no link.
pub async fn new_visitor(seen: Seen) -> Response {
    let mut response = with_cookies(&seen, seen.value("to"), false);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Goes to a page of this site, without the tracker's cookies or with forged ones.
fn with_cookies(seen: &Seen, back: Option<&str>, forge: bool) -> Response {
    // A path of this site, and nothing that a browser takes for another one's address.
    let back = back.filter(|back| back.starts_with('/') && !back.starts_with("//") && !back.contains('\\'));
    let mut headers = HeaderMap::new();
    for (name, value) in seen.tracker_cookies() {
        let cookie = if forge {
            format!("{name}={}{FORGED}; Path=/; HttpOnly; SameSite=Lax", value.trim_end_matches(FORGED))
        } else {
            format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
        };
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(SET_COOKIE, cookie);
        }
    }
    let back = back.and_then(|back| HeaderValue::from_str(back).ok());
    headers.insert(LOCATION, back.unwrap_or(HeaderValue::from_static("/live")));
    (StatusCode::SEE_OTHER, headers).into_response()
}
