//! XML bodies.
#![no_main]

use crumb_domain::outcome::Problem;
use crumb_wire::input::MAX_PAIRS;
use crumb_wire::post::{Given, parse_post};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Ok(post) = parse_post(b"ckm_xml=1&zip=1", None, body) {
        assert!(post.malformed.is_none_or(|problem| problem == Problem::InvalidXml));
        assert!(post.fields.len() + post.nested.len() <= MAX_PAIRS);
        assert_eq!(post.fields.get("zip"), Some("1"), "a query value wins");
        assert!(post.malformed.is_none() || post.fields.len() == 1, "only the query's");
        assert_eq!(post.campaign, Given::Absent, "ids count from the query only");
        assert_eq!((post.key, post.request_id, post.lead_id), (None, None, None));
        let declares_a_type = body.windows(9).any(|part| part == b"<!DOCTYPE");
        assert!(!declares_a_type || post.malformed.is_some() || is_commented(body), "no document types");
    }
});

/// Inside a comment, CDATA, attribute or instruction it declares nothing.
fn is_commented(body: &[u8]) -> bool {
    [&b"<!--"[..], b"<![CDATA[", b"<?", b"\"", b"'"]
        .iter()
        .any(|mark| body.windows(mark.len()).any(|part| part == *mark))
}
