//! JSON bodies.
#![no_main]

use crumb_domain::outcome::Problem;
use crumb_wire::input::MAX_PAIRS;
use crumb_wire::post::parse_post;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Ok(post) = parse_post(b"zip=1", Some("application/json"), body) {
        assert!(post.json_body);
        assert!(post.malformed.is_none_or(|problem| problem == Problem::InvalidJson));
        assert!(post.fields.len() + post.nested.len() <= MAX_PAIRS);
        assert_eq!(post.fields.get("zip"), Some("1"), "a query value wins");
        assert!(post.malformed.is_none() || post.fields.len() == 1, "only the query's");
        for name in &post.nested {
            assert_eq!(post.fields.get(name), None, "a name has one meaning");
        }
    }
});
