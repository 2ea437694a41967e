//! Urlencoded and multipart bodies: the first line is the content type.
#![no_main]

use crumb_wire::input::{MAX_INPUT_BYTES, MAX_PAIRS};
use crumb_wire::post::parse_post;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(2, |byte| *byte == b'\n');
    let content_type = lines.next().and_then(|line| std::str::from_utf8(line).ok());
    let body = lines.next().unwrap_or_default();
    if let Ok(post) = parse_post(b"zip=1", content_type, body) {
        assert!(body.len() < MAX_INPUT_BYTES);
        assert!(post.fields.len() <= MAX_PAIRS);
        assert_eq!(post.fields.get("zip"), Some("1"), "a query value wins");
        assert!(post.fields.iter().all(|(name, _)| !name.starts_with("ckm_") && name != "callback"));
        assert_eq!(parse_post(b"zip=1", content_type, body), Ok(post), "the same each time");
    }
});
