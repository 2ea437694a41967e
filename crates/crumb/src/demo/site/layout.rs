//! What the site's pages have in common, and the pages with little to say.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, html};
use rand::RngExt as _;

/// A page, ready to be sent.
pub type Page = Html<String>;

/// A page of the advertiser.
pub fn document(title: &str, head: &Markup, body: &Markup) -> Page {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Sunny Auto Quotes" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/site.css";
                (head)
            }
            body {
                header.site {
                    span.sun aria-hidden="true" {}
                    strong { "Sunny Auto Quotes" }
                    span.note { "an advertiser's site, for the demo" }
                }
                (body)
            }
        }
    };
    Html(page.into_string())
}

/// A page with a heading and a few words.
pub fn words(title: &str, text: &str) -> Page {
    let body = html! {
        main.words {
            h1 { (title) }
            p { (text) }
            p { a href="/live" target="crumb-live" { "Watch what arrives" } }
        }
    };
    document(title, &html! {}, &body)
}

/// Where visitors go who have sent a form.
pub fn thanks() -> Page {
    words(
        "Thank you!",
        "Your quotes are on their way. This is the offers' thank-you link, where the tracker sends whoever has sent \
         a form. Did you come straight from a tracking link? Then this browser has sent that form before: be a new \
         visitor, on the page that shows what arrives.",
    )
}

/// Where the buyer that pays a fixed price has its visitors sent.
pub fn welcome() -> Page {
    words(
        "Welcome to Big Carrier",
        "This buyer's answers name this page for the visitors whose leads it bought.",
    )
}

/// Where clicks go that nobody may have.
pub fn elsewhere() -> Page {
    words(
        "Somewhere else",
        "This is the network's global redirect: a link whose click nobody may have leads here, and the click is \
         kept with the reason.",
    )
}

/// Nothing is here.
pub fn not_found() -> Response {
    (StatusCode::NOT_FOUND, words("Nothing here", "There is no page at this address.")).into_response()
}

/// The site's own trouble.
pub fn failed(reason: &str) -> Response {
    let text = format!("The site's own database failed: {reason}");
    (StatusCode::INTERNAL_SERVER_ERROR, words("Sorry", &text)).into_response()
}

/// Somebody who never existed, so that pressing the button is enough.
pub struct Person {
    /// A first name.
    pub first_name: &'static str,
    /// A last name.
    pub last_name: &'static str,
    /// An address that nobody has had yet.
    pub email: String,
    /// Unlike any other.
    pub token: String,
}

const FIRST_NAMES: [&str; 12] =
    ["Ada", "Ben", "Chloe", "Dara", "Elif", "Femi", "Grace", "Hugo", "Ines", "Jonas", "Kira", "Luis"];
const LAST_NAMES: [&str; 12] = [
    "Archer", "Brandt", "Costa", "Diaz", "Eriksen", "Fischer", "Gupta", "Hughes", "Ito", "Jensen", "Keller",
    "Lopez",
];

/// A new one each time.
pub fn sample_person() -> Person {
    #[expect(clippy::disallowed_methods, reason = "sample data: nothing is decided by it")]
    let mut rng = rand::rng();
    let token: u128 = rng.random();
    let first_name = FIRST_NAMES.get(rng.random_range(0..FIRST_NAMES.len())).copied().unwrap_or("Ada");
    let last_name = LAST_NAMES.get(rng.random_range(0..LAST_NAMES.len())).copied().unwrap_or("Archer");
    let number = token % 1_000_000;
    let email = format!("{}.{}.{number}@example.com", first_name, last_name).to_ascii_lowercase();
    Person { first_name, last_name, email, token: format!("{token:032x}") }
}
