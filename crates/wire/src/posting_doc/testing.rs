//! How to set a method up, and how to test it.

use super::{Ids, Method};

const LOST_ANSWER: &str = "Where an answer was lost, post again with the same `Idempotency-Key` header (1 to 128 \
    visible ASCII characters): the first answer is given again, and no second lead is made.";

pub(super) fn steps(method: Method, ids: &Ids) -> Vec<String> {
    match method {
        Method::Session | Method::SessionJson => session_steps(ids),
        Method::BrowserHttp => vec![
            "Visitors come to your page through a tracking link, or your page has the click pixel."
                .to_owned(),
            "Put the form on your page. The browser posts it with the cookie of the click.".to_owned(),
            "Browsers that keep no cookies of other sites: add the hidden `ckm_request_id`, `ckm_bp=1` and the \
             scripts, as in the second example. The request id then credits the lead."
                .to_owned(),
            "The answer sends the visitor on to the next page, or lists what is wrong with the form."
                .to_owned(),
        ],
        Method::BrowserAjax => vec![
            "Visitors come to your page through a tracking link, or your page has the click pixel."
                .to_owned(),
            "Put the scripts in the head, the click pixel at the top of the body, and the form with \
             `id=\"ckm_form\"` and the hidden `ckm_request_id` below."
                .to_owned(),
            "`d.js` checks the fields as they are filled in, posts the form and shows what is wrong; else it \
             sends the visitor on. Set members of the global `CKM` before the document is ready to change how."
                .to_owned(),
        ],
        Method::Server | Method::ServerJson | Method::Xml => vec![
            "Post each lead once, with the consumer's address as `ip_address` where that is among the fields.".to_owned(),
            "Code 0 is a success: keep the `leadid`, and send the consumer to the `redirect`, if there is one. Code 1 \
             is an error: the texts say what is wrong. The HTTP status is 200 for both; after a 503 post again \
             later."
                .to_owned(),
            LOST_ANSWER.to_owned(),
        ],
    }
}

fn session_steps(ids: &Ids) -> Vec<String> {
    let link = match &ids.link {
        Some(link) if link.to_ascii_lowercase().contains("#reqid#") => {
            format!("The offer link carries the request id to your page: {link}")
        }
        Some(link) => format!(
            "Let the offer link carry the request id to your page: add `reqid=#reqid#` to its query. It is now {link}"
        ),
        None => "Let the offer link carry the request id to your page: \
                 https://your-page.example/quote?reqid=#reqid#"
            .to_owned(),
    };
    vec![
        format!(
            "{link} — each click replaces `#reqid#` by its number. (`ckm_request_id` and `request_id` do as well as \
             `reqid` as the parameter's name.)"
        ),
        "Visitors who come without a link have no request id: the click pixel at the top of the body gets \
         them one. It passes on the id in the page's address, so that a visitor stays the affiliate's who \
         sent it."
            .to_owned(),
        "The form has a hidden `ckm_request_id`, left empty. The scripts fill it in; or your server writes the \
         id from the address into it."
            .to_owned(),
        "The form posts to your own server, which keeps the lead, together with `ckm_request_id`.".to_owned(),
        "Your server posts the lead here, now or later, with `ckm_offer_id`, `ckm_request_id` and the visitor's \
         address as `ip_address`. No cookie is needed."
            .to_owned(),
        "A request id that is empty, wrong, of another offer or older than the offer's cookie days credits \
         nobody: the lead is kept for the network itself, and not offered for sale. A hosted offer answers \
         code 0 with price 0.00, a host-n-post offer code 1 with No Qualified Buyers Found."
            .to_owned(),
        LOST_ANSWER.to_owned(),
    ]
}

pub(super) fn testing(method: Method, ids: &Ids) -> Vec<String> {
    let mut testing = vec![
        "`ckm_test=1` makes a test lead: it is checked and answered like any other, with price 0.00, and never \
         sold, paid or counted. All examples here have it; leave it out for real leads."
            .to_owned(),
        "`ckmtest` anywhere in `first_name`, `last_name` or `address` does the same, for forms that you cannot change."
            .to_owned(),
    ];
    if method.is_browser() || method.is_session() {
        testing.push(format!(
            "Affiliate `-1` makes a test link, whose clicks and leads are tests: {}",
            ids.link("-1")
        ));
    }
    if method == Method::BrowserAjax {
        testing.push(
            "To start over as a new visitor after a test lead, call `CKM.clear_test()` in the console of the page \
             with the form: it ends a test session on this offer and no other. Or clear the cookies of the \
             tracking domain."
                .to_owned(),
        );
    }
    testing
}
