//! Scripts for landing pages: the form library, what it loads for an offer, the click
//! pixel, and direct linking.

mod direct;
#[cfg(test)]
mod tests;

pub use direct::{CONVERSION_JS, DIRECT_LINK_JS};

use crate::answer::script_safe;
use crumb_domain::click::Disposition;
use crumb_domain::{FieldId, RequestId};
use serde::Serialize;
use std::fmt::Write as _;

/// The form library, `d.js`: readable as it is, for any browser that knows
/// ECMAScript 5, the same for every offer and tracking domain.
///
/// One script of several rooms: the first begins its one function, the last ends it.
pub const D_JS: &str = concat!(
    include_str!("d/settings.js"),
    include_str!("d/start.js"),
    include_str!("d/checks.js"),
    include_str!("d/post.js"),
    include_str!("d/transport.js"),
    include_str!("d/form.js"),
    include_str!("d/tools.js"),
);

/// The parameter in which the form library sends its idempotency token, 32
/// characters of hexadecimal: scripts and frames can set no `Idempotency-Key` header.
///
/// It means what the header means. A token is repeated only with the same callback
/// (whose name is made of it), so that a stored answer given again byte for byte
/// still calls a function that exists.
pub const IDEMPOTENCY_PARAMETER: &str = "ckm_idempotency_key";

/// The content type of scripts that are not JSONP.
pub const JAVASCRIPT: &str = "application/javascript; charset=utf-8";

/// A field that the form library checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validator {
    /// What `v.ashx?f=` says.
    pub id: FieldId,
    /// What posts send.
    pub name: String,
    /// The inputs that are joined into it; none where it has one of its own.
    pub groups: Vec<String>,
    /// What a visitor is told who leaves it blank, if the page itself checks that;
    /// none if the server checks the value.
    pub required_message: Option<String>,
}

/// A value kept for the session, to be filled into a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepop {
    /// The field's name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The inputs that are joined into it; none where it has one of its own.
    pub groups: Vec<String>,
}

/// The answer of `js.ashx`: one `CKM.add_validator(…);` per validated field, then one
/// `CKM.prepop_field(…);` per kept value, a line each.
pub fn js_ashx(validators: &[Validator], prepop: &[Prepop]) -> String {
    let mut script = String::new();
    for Validator { id, name, groups, required_message } in validators {
        let (name, groups, required) = (literal(name), list(groups), literal(required_message));
        // Writing to a string cannot fail.
        let _ = writeln!(script, "CKM.add_validator({id},{name},{groups},{required});");
    }
    for Prepop { name, value, groups } in prepop {
        let (name, value, groups) = (literal(name), literal(value), list(groups));
        let _ = writeln!(script, "CKM.prepop_field({name},{value},{groups});");
    }
    script
}

/// The answer of a click pixel that is a script: the session's id as a global, on a
/// line of its own where servers look for it, then the filler for the page's form;
/// for a click without a session 0, and a comment that names the disposition.
pub fn click_pixel(session: Result<RequestId, Disposition>) -> String {
    match session {
        Ok(id) => format!("var ckm_request_id = {id};\n{FILLER}"),
        Err(disposition) => format!("var ckm_request_id = 0;\n// {disposition}\n"),
    }
}

/// The answer of a click pixel that is a script, on a page that a browser makes ready ahead
/// of a person's going there: nothing is recorded, and the pixel is loaded again once the
/// page is shown. Whoever waits for it then hears of that a second time. Only once: were
/// it answered so again, it would be asked for ever.
pub const PRERENDERED_PIXEL: &str = include_str!("prerendered.js");

/// Fills every empty `ckm_request_id` of `#ckm_form`, now and when the document is
/// ready: the pixel may stand above the form or below it. One that the pasted code
/// (`crate::generate`) has meanwhile filled from the page's own address counts as
/// empty, since that id may be dead and the answer is the tracker's word on it.
const FILLER: &str = r#"(function () {
  function fill() {
    var form = document.getElementById("ckm_form");
    var inputs = form ? form.querySelectorAll('input[name="ckm_request_id"]') : [];
    for (var i = 0; i < inputs.length; i++) {
      if (inputs[i].value && inputs[i].value !== inputs[i].ckm_from_address) continue;
      inputs[i].value = ckm_request_id;
      inputs[i].ckm_from_address = "";
    }
  }
  fill();
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", fill);
})();
"#;

fn literal(value: &impl Serialize) -> String {
    // Strings and lists of them always serialize.
    script_safe(&serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()))
}

fn list(names: &[String]) -> String {
    literal(&(!names.is_empty()).then_some(names))
}
