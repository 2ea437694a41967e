//! Buyers' answers.
#![no_main]

use crumb_delivery::Purpose;
use crumb_delivery::reading::{AnswerReader, MAX_TOKEN_CHARS};
use crumb_domain::selling::{BuyerAnswer, PriceRead};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// One reader for each language that answers are in; the first byte picks.
static READERS: LazyLock<Vec<AnswerReader>> = LazyLock::new(|| {
    let methods = [
        serde_json::json!({
            "method": "post", "accepted": ["xml:/r/code=0", "contains:success"], "rejected": ["xml:/r/code=1"],
            "price": "xml:/r/price", "redirect": "xml:/r/url", "lead_id": "xml:/r/id", "session": "xml:/r/s",
        }),
        serde_json::json!({
            "method": "json", "accepted": ["json:$.code=0"], "duplicate": ["json:$.errors[0]['code']=2"],
            "price": "json:$.price", "redirect": "json:$.url", "lead_id": "json:$.ids[0]", "session": "json:$.s",
        }),
        serde_json::json!({
            "method": "post", "accepted": ["regex:."], "error": ["equals:error"],
            "price": "regex:price>(.*?)<", "redirect": "regex:url>(.*?)</url", "lead_id": "regex:id\":\"(.*?)\"",
            "session": "regex:s=(.*)",
        }),
    ];
    let compile = |method| {
        let method = serde_json::from_value(method).expect("a method");
        AnswerReader::compile(&method, Purpose::Ping).expect("its patterns")
    };
    methods.map(compile).into()
});

fuzz_target!(|input: &[u8]| {
    let Some((first, body)) = input.split_first() else { return };
    let reader = &READERS[usize::from(*first) % READERS.len()];
    let read = reader.read(Some(200), body);
    assert_eq!(reader.read(Some(200), body), read, "the same answer means the same");
    let BuyerAnswer::Accepted(reading) = read else { return };
    if let Some(PriceRead::Amount(price)) = reading.price {
        assert!(!price.is_negative(), "nobody is paid for a lead by its seller");
    }
    if let Some(link) = &reading.redirect {
        assert!(!reading.bad_redirect && link.bytes().all(|byte| byte.is_ascii_graphic()), "fits a header");
        assert!(["http://", "https://"].iter().any(|scheme| link.to_lowercase().starts_with(scheme)));
    }
    for token in [reading.lead_id, reading.session].into_iter().flatten() {
        assert!((1..=MAX_TOKEN_CHARS).contains(&token.chars().count()));
    }
});
