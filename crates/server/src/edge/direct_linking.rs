//! `/dl.js` and `/cv.js`: the scripts of pages that advertisements lead to directly.

use super::answer::Answer;
use super::form_library::LIBRARY_CACHE;
use crumb_wire::script::{CONVERSION_JS, DIRECT_LINK_JS};
use http::header;

/// `/dl.js`, for landing pages.
pub(super) fn landing_page_script() -> Answer {
    cacheable(DIRECT_LINK_JS)
}

/// `/cv.js`, for thank-you pages.
pub(super) fn thank_you_page_script() -> Answer {
    cacheable(CONVERSION_JS)
}

/// The same for everybody: what differs between pages is in the scripts' addresses, which
/// they read themselves.
fn cacheable(script: &str) -> Answer {
    Answer::script(script.to_owned()).with(header::CACHE_CONTROL, LIBRARY_CACHE).with_any_origin()
}
