//! Cookie headers, a line each, beside one that we set.
#![no_main]

use crumb_domain::click::VisitorId;
use crumb_domain::{OfferId, RequestId};
use crumb_wire::cookie::{
    CookieClaim, CookieJar, CookieKey, MAX_COOKIE_BYTES, MAX_READ_COOKIES, set_offer, set_visitor,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let key = CookieKey::new([42; 32]);
    let strangers = || input.split(|byte| *byte == b'\n');
    let jar = CookieJar::parse(strangers(), &key);
    assert_eq!(jar.visitor(), None, "nobody signs for us");
    let offers = jar.offers();
    assert!(offers.len() <= MAX_READ_COOKIES);
    for (offer, session) in offers {
        assert_eq!(session, None);
        assert_eq!(jar.offer(offer), CookieClaim::Malformed);
    }

    // Ours stands whatever comes before it, within the bounds.
    let Ok(session) = "123456789".parse::<RequestId>() else { return };
    let offer = OfferId(7);
    let ours = [set_visitor(&key, VisitorId(9), true), set_offer(&key, offer, session, 30, true)]
        .map(|cookie| cookie.split(';').next().unwrap_or_default().to_owned())
        .join("; ");
    let cookies = input.split(|byte| *byte == b'\n' || *byte == b';').count();
    if input.len() + ours.len() <= MAX_COOKIE_BYTES && cookies + 2 <= MAX_READ_COOKIES {
        let jar = CookieJar::parse(strangers().chain([ours.as_bytes()]), &key);
        assert_eq!(jar.visitor(), Some(VisitorId(9)));
        assert_eq!(jar.offer(offer), CookieClaim::Session(session));
    }
});
