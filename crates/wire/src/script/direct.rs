//! Direct linking: an advertisement leads to the advertiser's page itself, and a script
//! on it makes the click that no tracking link has made.
//!
//! Browsers keep no cookies of a domain that a page only loads scripts from. So the
//! request id is kept in a cookie of the page's own site, and named by the conversion.

/// The landing page's script, `dl.js`: readable as it is, for any browser that knows
/// ECMAScript 5, the same for every offer. What an offer wants is in its address: `o`, which
/// it is, `days`, how long the cookie lives, and `touch=last`.
pub const DIRECT_LINK_JS: &str = concat!(
    include_str!("direct/link_head.js"),
    include_str!("direct/begin.js"),
    include_str!("direct/link.js"),
);

/// The thank-you page's script, `cv.js`: calls `p.ashx?f=js` with what its own address
/// says and the cookie's request id.
pub const CONVERSION_JS: &str = concat!(
    include_str!("direct/conversion_head.js"),
    include_str!("direct/begin.js"),
    include_str!("direct/conversion.js"),
);
