//! Answers as buyers give them.

use super::*;
use crumb_domain::Money;
use crumb_domain::selling::PriceRead;

fn method(text: serde_json::Value) -> DeliveryMethod {
    let mut method = serde_json::json!({ "method": "post", "url": "https://buyer.example/" });
    method.as_object_mut().unwrap().extend(text.as_object().unwrap().clone());
    serde_json::from_value(method).unwrap()
}

fn reader(text: serde_json::Value) -> AnswerReader {
    AnswerReader::compile(&method(text), Purpose::Ping).unwrap()
}

fn verdict(reader: &AnswerReader, status: u16, body: impl AsRef<[u8]>) -> &'static str {
    match reader.read(Some(status), body.as_ref()) {
        BuyerAnswer::Accepted(_) => "accepted",
        BuyerAnswer::Rejected(_) => "rejected",
        BuyerAnswer::Duplicate(_) => "duplicate",
        BuyerAnswer::Error(_) => "error",
        BuyerAnswer::UnknownAnswer(_) => "unknown",
        BuyerAnswer::Failed(_) => "failed",
    }
}

fn accepted(reader: &AnswerReader, body: &str) -> BuyerReading {
    match reader.read(Some(200), body.as_bytes()) {
        BuyerAnswer::Accepted(reading) => reading,
        other => panic!("{other:?}"),
    }
}

#[test]
fn patterns_are_tried_rejected_duplicate_error_accepted() {
    let all = reader(serde_json::json!({
        "rejected": ["contains:no"], "duplicate": ["contains:dup"], "error": ["contains:err"],
        "accepted": ["contains:yes"],
    }));
    for (body, expected) in [
        ("yes err dup no", "rejected"),
        ("yes err dup", "duplicate"),
        ("yes err", "error"),
        ("yes", "accepted"),
        ("maybe", "unknown"),
        ("", "unknown"),
    ] {
        assert_eq!(verdict(&all, 200, body), expected, "{body}");
    }
}

#[test]
fn each_kind_of_pattern_fits_what_it_says() {
    for (pattern, status, body, fits) in [
        ("contains:success", 200, "a success!", true),
        ("contains:success", 200, "Success", false),
        ("contains: ok ", 200, "ok", false),
        ("contains:a:b", 200, "xa:bx", true),
        ("equals:OK", 200, "OK", true),
        ("equals:OK", 200, "OK\n", false),
        ("equals:OK", 200, " OK", false),
        ("regex:^OK", 200, "OK then", true),
        ("regex:a.b", 200, "a\nb", true),
        ("regex:(?i)ok", 200, "OK", true),
        ("regex:ok$", 200, "ok\n", false),
        ("json:$.status=ok", 200, r#"{"status":"ok"}"#, true),
        ("json:$.status=ok", 200, "\u{feff} {\"status\" : \"ok\"}", true),
        ("json:$.status=ok", 200, r#"{"status":"OK"}"#, false),
        ("json:$.code=0", 200, r#"{"code":0}"#, true),
        ("json:$.code=0", 200, r#"{"code":"0"}"#, true),
        ("json:$.sold=true", 200, r#"{"sold":true}"#, true),
        ("json:$.a['b c'][1]=x=y", 200, r#"{"a":{"b c":[1,"x=y"]}}"#, true),
        ("json:$.code=0", 200, "code 0", false),
        ("xml:/result/code=0", 200, "<result><code>0</code></result>", true),
        ("xml:/result/code=0", 200, "<result><code> 0</code></result>", false),
        ("xml:/result/code=0", 200, "<result><code>1</code><code>0</code></result>", true),
        ("xml:/result/code=0", 200, "<result><code>0</code>", false),
        ("status:201", 201, "", true),
        ("status:201", 200, "201", false),
    ] {
        let one = reader(serde_json::json!({ "accepted": [pattern] }));
        let expected = if fits { "accepted" } else { "unknown" };
        assert_eq!(verdict(&one, status, body), expected, "{pattern} of {body:?}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_read_as_windows_1252() {
    let one = reader(serde_json::json!({ "accepted": ["contains:caf\u{e9}"] }));
    assert_eq!(verdict(&one, 200, b"caf\xE9"), "accepted");
    assert_eq!(verdict(&one, 200, "caf\u{e9}"), "accepted");
}

#[test]
fn a_faulty_pattern_is_named() {
    for (key, text, message) in [
        ("accepted", "success", "\"success\" is none of contains:, equals:, regex:, json:, xml:, status:"),
        ("accepted", "equals:", "\"equals:\" looks for nothing"),
        ("accepted", "regex:(", "\"(\" is no regular expression: unclosed group"),
        ("error", "regex:(\\w{1000}){1000}", "\"(\\w{1000}){1000}\" is too large once compiled"),
        ("rejected", "json:$.a", "\"json:$.a\" is no comparison like \"json:$.status=ok\""),
        ("duplicate", "xml:a=b", "\"xml:a=b\" is no comparison like \"xml:/result/code=0\""),
        ("error", "status:99", "\"99\" is no HTTP status"),
    ] {
        let faulty = method(serde_json::json!({ key: ["contains:x", text] }));
        let error = AnswerReader::compile(&faulty, Purpose::Post).unwrap_err();
        assert_eq!(error.to_string(), format!("{key}[1]: {message}"));
    }
    for (text, message) in [
        ("regex:price", "\"price\" has 0 groups; the value is in exactly one"),
        ("regex:(a)(b)", "\"(a)(b)\" has 2 groups; the value is in exactly one"),
        ("json:price", "\"json:price\" is no path like \"json:$.price\""),
        ("xml:price", "\"xml:price\" is no path like \"xml:/result/price\""),
        ("12.00", "\"12.00\" is none of regex:, json:, xml:"),
    ] {
        let faulty = method(serde_json::json!({ "price": text }));
        let error = AnswerReader::compile(&faulty, Purpose::Post).unwrap_err();
        assert_eq!(error.to_string(), format!("price: {message}"));
    }
}

#[test]
fn values_are_found_by_expression_or_path() {
    for (patterns, body) in [
        (
            ["regex:<p>(.*?)</p>", "regex:<u>(.*?)</u>", "regex:<i>(.*?)</i>", "regex:<s>(.*?)</s>"],
            "<r>ok<p>$1,012.50</p><u>https://b.example/?a=1&amp;b=2</u><i>L-1</i><s>S 1</s></r>",
        ),
        (
            ["xml:/r/p", "xml:/r/u", "xml:/r/i", "xml:/r/s"],
            "<r>ok<p>\n 1012.5\n</p><u><![CDATA[https://b.example/?a=1&b=2]]></u><i>L-1</i><s> S 1 </s></r>",
        ),
        (
            ["json:$.p", "json:$.u", "json:$.r[0].i", "json:$['s']"],
            r#"{"ok":1,"p":1012.500000,"u":"https:\/\/b.example\/?a=1&b=2","r":[{"i":"L-1"}],"s":"S 1"}"#,
        ),
    ] {
        let [price, redirect, lead_id, session] = patterns;
        let reader = reader(serde_json::json!({
            "accepted": ["contains:ok"], "price": price, "redirect": redirect, "lead_id": lead_id,
            "session": session,
        }));
        let expected = BuyerReading {
            price: Some(PriceRead::Amount(Money::from_micros(1_012_500_000))),
            redirect: Some("https://b.example/?a=1&b=2".to_owned()),
            bad_redirect: false,
            lead_id: Some("L-1".to_owned()),
            session: Some("S 1".to_owned()),
        };
        assert_eq!(accepted(&reader, body), expected, "{body}");
    }
}

#[test]
fn what_an_expression_catches_is_unwrapped_by_the_answers_format() {
    let caught = |expression: &str, body: &str| {
        let patterns =
            serde_json::json!({ "accepted": ["contains:u"], "lead_id": format!("regex:{expression}") });
        accepted(&reader(patterns), body).lead_id.unwrap()
    };
    let lazy = "<u>(.*?)</u>";
    for (expression, body, value) in [
        (lazy, "<u>a&amp;b &#39;&lt;</u>", "a&b '<"),
        (lazy, "<u><![CDATA[a&amp;b]]></u>", "a&amp;b"),
        ("<u><!\\[CDATA\\[(.*?)\\]\\]></u>", "<u><![CDATA[a&amp;b]]></u>", "a&amp;b"),
        ("<u><!\\[CDATA\\[.*id=(\\S+)", "<r><u><![CDATA[x id=1&amp;2 ]]></u></r>", "1&amp;2"),
        (lazy, "<x><![CDATA[y]]></x><u>a&amp;b</u>", "a&b"),
        (lazy, "<u>a&nbsp;b &amp;</u>", "a&nbsp;b &"),
        (lazy, "<u>?a=1&amp;b=2&c=&amp;lt;</u>", "?a=1&b=2&c=&lt;"),
        (lazy, " \u{feff}<u>a&amp;b</u>", "a&b"),
        ("u=(.*)", "u=a&amp;b", "a&amp;b"),
        ("\"u\":\"(.*?)\"", r#"{"u":"https:\/\/x\u00e9"}"#, "https://x\u{e9}"),
        ("\"u\":(.*)", r#"["u":\x"#, "\\x"),
    ] {
        assert_eq!(caught(expression, body), value, "{expression} in {body}");
    }
}

#[test]
fn a_price_without_a_pattern_is_the_schedules_and_one_not_found_is_absent() {
    assert_eq!(accepted(&reader(serde_json::json!({ "accepted": ["contains:ok"] })), "ok 12").price, None);
    let priced = reader(serde_json::json!({ "accepted": ["contains:ok"], "price": "regex:price=(\\S*)" }));
    for (body, price) in [
        ("ok", PriceRead::Absent),
        ("ok price=", PriceRead::Absent),
        ("ok price=n/a", PriceRead::Unreadable),
        ("ok price=-3.00", PriceRead::Unreadable),
        ("ok price=3.00", PriceRead::Amount(Money::from_micros(3_000_000))),
    ] {
        assert_eq!(accepted(&priced, body).price, Some(price), "{body}");
    }
    let json = reader(serde_json::json!({ "accepted": ["json:$.ok=1"], "price": "json:$.price" }));
    assert_eq!(accepted(&json, r#"{"ok":1,"price":null}"#).price, Some(PriceRead::Absent));
}

#[test]
fn a_redirect_that_cannot_be_used_is_absent_and_told() {
    let reader = reader(serde_json::json!({ "accepted": ["contains:ok"], "redirect": "regex:to=(.*)" }));
    let reading = accepted(&reader, "ok to=/thanks");
    assert_eq!((reading.redirect, reading.bad_redirect), (None, true));
    let reading = accepted(&reader, "ok");
    assert_eq!((reading.redirect, reading.bad_redirect), (None, false));
}

#[test]
fn a_refusal_is_read_for_the_buyers_lead_id_alone() {
    let reader = reader(serde_json::json!({
        "accepted": ["contains:ok"], "rejected": ["contains:no"], "price": "regex:p=(\\d+)",
        "redirect": "regex:u=(\\S+)", "lead_id": "regex:i=(\\S+)", "session": "regex:s=(\\S+)",
    }));
    let expected = BuyerReading { lead_id: Some("7".to_owned()), ..BuyerReading::default() };
    assert_eq!(reader.read(None, b"no p=1 u=/x i=7 s=9"), BuyerAnswer::Rejected(expected));
}

#[test]
fn a_token_that_caught_too_much_is_absent() {
    let reader = reader(serde_json::json!({ "accepted": ["contains:i="], "lead_id": "regex:i=(.*)" }));
    let of = |chars| accepted(&reader, &format!("i={}", "x".repeat(chars))).lead_id;
    assert_eq!(of(MAX_TOKEN_CHARS).map(|id| id.len()), Some(MAX_TOKEN_CHARS));
    assert_eq!(of(MAX_TOKEN_CHARS + 1), None);
}

#[test]
fn a_session_is_read_from_pings_only() {
    let both = method(serde_json::json!({ "accepted": ["contains:s="], "session": "regex:s=(.*)" }));
    let session = |purpose| accepted(&AnswerReader::compile(&both, purpose).unwrap(), "s=1").session;
    assert_eq!(session(Purpose::Ping).as_deref(), Some("1"));
    assert_eq!(session(Purpose::Post), None);
}
