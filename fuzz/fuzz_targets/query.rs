//! Query strings, as tracking links and as any other request have them.
#![no_main]

use crumb_wire::input::{MAX_INPUT_BYTES, MAX_PAIRS, parse_query};
use crumb_wire::link::{MAX_DEVICE_ID_CHARS, parse_link};
use crumb_wire::percent;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    if let Ok(pairs) = parse_query(raw) {
        assert!(raw.len() <= MAX_INPUT_BYTES);
        assert!(pairs.len() <= MAX_PAIRS);
        for (name, value) in pairs.iter() {
            assert_eq!(pairs.get(name), Some(value), "names are unique");
            assert_eq!(name, name.to_ascii_lowercase());
        }
        // What was read, written again, reads the same.
        let written: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!("{}={}", percent::encode(name), percent::encode(value)))
            .collect();
        assert_eq!(parse_query(written.join("&").as_bytes()).ok(), fits(&written).then_some(pairs));
    }
    if let Ok(link) = parse_link(raw) {
        assert!(link.others.len() <= MAX_PAIRS);
        assert!(link.others.iter().all(|(name, _)| !name.starts_with("ckm")));
        assert!(link.device_id.is_none_or(|id| id.chars().count() <= MAX_DEVICE_ID_CHARS));
        assert!(link.deep_link.is_none_or(|target| !target.is_empty()));
    }
});

/// Encoding makes texts longer, perhaps longer than what is read.
fn fits(written: &[String]) -> bool {
    written.iter().map(|pair| pair.len() + 1).sum::<usize>().saturating_sub(1) <= MAX_INPUT_BYTES
}
