//! What browsers see: redirects, and the few plain pages of the tracking domain.

use super::{HTML, LeadReply, ajax, ok, target, texts};
use crate::escape::{location, push_html};
use crumb_domain::outcome::Problem;
use crumb_domain::post::StoredAnswer;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Small and self-contained: these pages are seen on phones, over bad lines, and
/// must need nothing else.
const STYLE: &str = "body{margin:0;padding:12vh 1.5rem 2rem;background:#f6f7f9;color:#1d2733;\
    font:1.0625rem/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}\
    main{max-width:30rem;margin:0 auto;padding:1.75rem;background:#fff;border-radius:.75rem;\
    box-shadow:0 1px 3px rgba(20,30,50,.14)}\
    h1{margin:0 0 .75rem;font-size:1.375rem;line-height:1.25}p,ul{margin:.75rem 0}\
    ul{padding-left:1.25rem}li{overflow-wrap:anywhere}a{color:#1257b8}";

/// 302 to a target, with a short page whose only link is the target.
///
/// Both have it as a header can carry it.
pub fn redirect(target: &str) -> StoredAnswer {
    const BEFORE: &str = "<!DOCTYPE html><html lang=\"en\"><head><title>Object moved</title></head>\
        <body>Object moved to <a href=\"";
    const BEHIND: &str = "\">here</a>.</body></html>";
    let location = location(target);
    // Each click is answered with this page, so it is written in one go, with room for escapes:
    // most links need few, one for each `&` between two parameters.
    let room = BEFORE.len() + location.len() + location.len() / 4 + BEHIND.len();
    let mut body = String::with_capacity(room);
    body.push_str(BEFORE);
    push_html(&mut body, &location);
    body.push_str(BEHIND);
    StoredAnswer { status: 302, content_type: Some(HTML.to_owned()), location: Some(location), body }
}

/// 404, where there is nowhere to send a visitor.
pub fn not_found_page() -> StoredAnswer {
    let page = plain(
        "Page not found",
        html! { p { "There is nothing at this address. The link may be old, or mistyped." } },
    );
    StoredAnswer { status: 404, ..page }
}

/// The end of a browser post that leads nowhere else.
pub fn thank_you_page() -> StoredAnswer {
    plain("Thank you", html! { p { "Your information has been received." } })
}

/// A browser's answer: duplicates and unsold leads look like a success to the
/// visitor, who has done nothing wrong.
pub(super) fn browser(reply: &LeadReply) -> StoredAnswer {
    match reply {
        LeadReply::Success { redirect, .. }
        | LeadReply::Problem { problem: Problem::DuplicateLead | Problem::NoQualifiedBuyers, redirect } => {
            onward(target(redirect))
        }
        LeadReply::Problem { problem, .. } => {
            plain("Your information was not accepted", html! { p { (problem.as_str()) } })
        }
        LeadReply::Fields { missing, wrong } => plain(
            "Please check your entries",
            html! {
                ul { @for text in texts(missing).chain(texts(wrong)) { li { (text) } } }
                (way_back())
            },
        ),
    }
}

/// The page for a hidden frame. It calls the page around it where the browser lets
/// it (same origin), and posts the same as a message besides; the form library acts
/// on whichever comes first, once.
pub(super) fn iframe(result: &str) -> StoredAnswer {
    let result = ajax::script_safe(result);
    let script = format!(
        "(function(){{var r={result};\
         try{{parent.CKM.on_iframe_load(r);}}catch(e){{}}\
         try{{parent.postMessage({{ckm:r}},\"*\");}}catch(e){{}}}})();"
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "Answer" } }
            body { script { (PreEscaped(script)) } }
        }
    };
    ok(HTML, page.into_string())
}

fn onward(target: Option<&str>) -> StoredAnswer {
    target.map_or_else(thank_you_page, redirect)
}

/// Back in the history, where the form is still filled in; no link can do that
/// without script, so that one is replaced by words.
fn way_back() -> Markup {
    html! {
        p id="back" { a href="#" onclick="history.back();return false" { "Back to the form" } }
        noscript {
            style { "#back{display:none}" }
            p { "Please go back to the form with your browser’s Back button." }
        }
    }
}

fn plain(title: &str, content: Markup) -> StoredAnswer {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { h1 { (title) } (content) } }
        }
    };
    ok(HTML, page.into_string())
}
