//! The panel below the pages: what happens behind them, and what the visitor to the demo
//! may break there, the tracker's cookies and the form's request id.

use super::request::{OTHER_HOST, Seen, first, pairs};
use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use crumb_domain::OfferId;
use crumb_wire::cookie::offer_cookie_name;
use maud::{Markup, html};

/// What is added to a cookie's signature to forge it.
const FORGED: &str = "-forged";

/// The panel: what happens behind the page, and the switches that make sense on it.
pub fn panel(behind: &Markup, controls: &Markup) -> Markup {
    html! {
        aside.switches aria-label="About this page" {
            p { strong { "Behind the page. " } (behind) }
            (controls)
            p { a href="/live" target="crumb-live" { "Watch what arrives" } }
        }
    }
}

/// What the switches need in a page's head.
pub fn switches_script() -> Markup {
    html! { script src="/switches.js" defer {} }
}

/// Shows the tracker's cookie for an offer, and lets it be lost or forged.
pub fn cookie_switch(seen: &Seen, offer: OfferId, waits_for_pixel: bool) -> Markup {
    let state = cookie_state(seen, offer);
    let shared_jar = seen.host != OTHER_HOST;
    html! {
        form #cookies method="post" action="/cookie" {
            input type="hidden" name="back" value=(seen.target);
            span.fact { "The tracker's cookie for this offer: "
                @if !shared_jar { b { "not for this site" } }
                @else {
                    b #cookie-state .yes[state == CookieState::Here] .no[state != CookieState::Here] data-offer=(offer) {
                        // Until it has answered, nobody knows.
                        @if waits_for_pixel { "waiting for the pixel" } @else { (state.as_str()) }
                    }
                }
            }
            @if shared_jar {
                button name="do" value="forget" title="With all other cookies of the tracker" { "Lose it" }
                button #forge name="do" value="forge" disabled[state == CookieState::None]
                    title="With all other cookies of the tracker" { "Forge it" }
            }
        }
    }
}

/// Shows the request id of the page's form, and lets it be broken.
pub fn request_id_switch() -> Markup {
    html! {
        div.request-id {
            span.fact { "The form's request id: " b #request-id { "…" } }
            button type="button" data-request-id="" { "Empty it" }
            button type="button" data-request-id="123456789012345" { "Make it wrong" }
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
