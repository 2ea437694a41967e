//! What the form library reads: one object, as JSONP or in a frame's page.

use super::{LeadReply, ok, target};
use crumb_domain::post::StoredAnswer;
use serde::Serialize;
use std::fmt::Write as _;

/// `callback({...});` as a script. The callback's name must have been checked; the
/// JSON may be anybody's text.
pub fn jsonp(callback: &str, json: &str) -> StoredAnswer {
    ok("application/javascript", format!("{callback}({});", script_safe(json)))
}

/// The object that says what became of a lead: `{"success":true,"nextPage":"…"}`,
/// `{"success":false,"error":"…"}` or `{"success":false,"errors":[["field","…"]]}`.
pub(super) fn result(reply: &LeadReply) -> String {
    #[derive(Serialize)]
    struct Outcome<'a> {
        success: bool,
        #[serde(rename = "nextPage", skip_serializing_if = "Option::is_none")]
        next_page: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        errors: Option<Vec<&'a (String, String)>>,
    }
    let outcome = Outcome { success: false, next_page: None, error: None, errors: None };
    json_text(&match reply {
        LeadReply::Success { redirect, .. } => {
            Outcome { success: true, next_page: target(redirect), ..outcome }
        }
        LeadReply::Problem { problem, .. } => Outcome { error: Some(problem.as_str()), ..outcome },
        LeadReply::Fields { missing, wrong } => {
            Outcome { errors: Some(missing.iter().chain(wrong).collect()), ..outcome }
        }
    })
}

/// JSON that can stand in a script and in a page's `<script>`: every character that
/// could end either, and every one outside ASCII, as an escape. Such characters
/// occur in JSON only within strings. A page may be in any encoding, and a script
/// without a charset is read in the page's.
pub(crate) fn script_safe(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() && c != '<' && c != '\x7f' {
            safe.push(c);
            continue;
        }
        let mut units = [0; 2];
        for unit in c.encode_utf16(&mut units) {
            // Writing to a string cannot fail.
            let _ = write!(safe, "\\u{unit:04x}");
        }
    }
    safe
}

/// As JSON. The values here are strings, numbers and lists of them, which always
/// serialize; `null` stands for the impossible.
pub(super) fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}
