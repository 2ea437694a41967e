//! Templates with tokens, which partners write and visitors may send as deep links.
#![no_main]

use crumb_wire::token::{Escape, replace_html_tokens, replace_link_tokens, replace_tokens};
use libfuzzer_sys::fuzz_target;

const ESCAPES: [Escape; 7] =
    [Escape::Url, Escape::Xml, Escape::Json, Escape::Html, Escape::Script, Escape::Header, Escape::None];

fuzz_target!(|template: &str| {
    let unknown = |_: &str| None;
    let blank = |_: &str| Some(String::new());
    let token = |_: &str| Some("#s1#%23s1%23".to_owned());
    assert_eq!(replace_link_tokens(template, &unknown), template);
    assert!(replace_link_tokens(template, &blank).len() <= template.len());
    assert_eq!(replace_html_tokens(template, &unknown), template);
    assert!(replace_html_tokens(template, &blank).len() <= template.len());
    for escape in ESCAPES {
        assert_eq!(replace_tokens(template, escape, &unknown), template);
        assert!(replace_tokens(template, escape, &blank).len() <= template.len());
        // The shortest token has three bytes, and a value's bytes at most six each.
        let replaced = replace_tokens(template, escape, &token);
        assert!(replaced.len() <= template.len() * 24, "values are not looked at again");
        if !template.contains('#') {
            assert_eq!(replaced, template);
        }
    }
});
