use super::*;
use insta::assert_snapshot;
use proptest::prelude::*;

fn success(redirect: Option<&str>) -> LeadReply {
    LeadReply::Success {
        lead: "C8097F17".parse().unwrap(),
        price: "25".parse().unwrap(),
        redirect: redirect.map(str::to_owned),
    }
}

fn problem(problem: Problem, redirect: Option<&str>) -> LeadReply {
    LeadReply::Problem { problem, redirect: redirect.map(str::to_owned) }
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn bad_fields() -> LeadReply {
    LeadReply::Fields {
        missing: pairs(&[("first_name", "First name is required."), ("city", "City is required.")]),
        wrong: pairs(&[("zip_code", "Zip code is not valid.")]),
    }
}

fn jsonp_form() -> AnswerForm {
    AnswerForm::Jsonp("CB".to_owned())
}

const TARGET: &str = "https://x.example/ty?a=1&b=2";

#[test]
fn the_form_of_an_answer_is_ckm_ifrm_else_callback_else_ckm_bp_else_json_else_the_kinds_own() {
    use PostKind::{Browser, Server, Session};
    let choose = AnswerForm::choose;
    for kind in [Server, Browser, Session] {
        assert_eq!(choose(true, Some("CB"), Some(true), true, kind), AnswerForm::Iframe);
        assert_eq!(choose(false, Some("CB"), Some(true), true, kind), jsonp_form());
        assert_eq!(choose(false, None, Some(true), true, kind), AnswerForm::Redirect);
        assert_eq!(choose(false, None, None, true, kind), AnswerForm::Json);
        assert_eq!(choose(false, None, Some(false), true, kind), AnswerForm::Json);
    }
    assert_eq!(choose(false, None, None, false, Server), AnswerForm::Xml);
    assert_eq!(choose(false, None, None, false, Session), AnswerForm::Xml);
    assert_eq!(choose(false, None, None, false, Browser), AnswerForm::Redirect);
}

#[test]
fn ckm_bp_0_on_a_browser_post_answers_xml() {
    assert_eq!(AnswerForm::choose(false, None, Some(false), false, PostKind::Browser), AnswerForm::Xml);
}

#[test]
fn an_accepted_lead_is_answered_in_xml_with_code_msg_leadid_price_and_redirect() {
    let answer = render(&AnswerForm::Xml, &success(Some(TARGET)));
    assert_eq!((answer.status, answer.location), (200, None));
    assert_eq!(answer.content_type.as_deref(), Some("text/xml; charset=utf-8"));
    assert_eq!(
        answer.body,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <result><code>0</code><msg>success</msg><leadid>C8097F17</leadid><price>25.00</price>\
         <redirect>https://x.example/ty?a=1&amp;b=2</redirect></result>"
    );
}

#[test]
fn a_redirect_is_absent_if_there_is_none() {
    for none in [None, Some(""), Some(" ")] {
        assert!(!render(&AnswerForm::Xml, &success(none)).body.contains("redirect"));
        assert!(!render(&AnswerForm::Json, &success(none)).body.contains("redirect"));
        assert!(!render(&jsonp_form(), &success(none)).body.contains("nextPage"));
        assert_eq!(render(&AnswerForm::Redirect, &success(none)), thank_you_page());
    }
}

#[test]
fn a_price_is_what_the_affiliate_is_paid_with_two_decimals() {
    for (price, shown) in [("0", "0.00"), ("1.5", "1.50"), ("12.345", "12.35")] {
        let reply = LeadReply::Success {
            lead: "E2R3JKM1".parse().unwrap(),
            price: price.parse().unwrap(),
            redirect: None,
        };
        let body = render(&AnswerForm::Xml, &reply).body;
        assert!(body.contains(&format!("<price>{shown}</price>")), "{body}");
    }
}

#[test]
fn a_whole_lead_problem_is_answered_in_xml_with_its_text() {
    assert_eq!(
        render(&AnswerForm::Xml, &problem(Problem::NoQualifiedBuyers, Some(TARGET))).body,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <result><code>1</code><msg>error</msg><errors><error>No Qualified Buyers Found</error></errors></result>"
    );
}

#[test]
fn bad_fields_are_answered_under_lead_missing_data_once_and_validation_failed_once() {
    assert_eq!(
        render(&AnswerForm::Xml, &bad_fields()).body,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <result><code>1</code><msg>error</msg><errors><error>Lead Missing Data</error>\
         <error>First name is required.</error><error>City is required.</error>\
         <error>Validation Failed</error><error>Zip code is not valid.</error></errors></result>"
    );
    let only_wrong = LeadReply::Fields { missing: vec![], wrong: pairs(&[("zip_code", "No.")]) };
    assert_eq!(only_wrong.errors(), ["Validation Failed", "No."]);
    let only_missing = LeadReply::Fields { missing: pairs(&[("zip_code", "No.")]), wrong: vec![] };
    assert_eq!(only_missing.errors(), ["Lead Missing Data", "No."]);
}

#[test]
fn json_answers_have_the_same_members() {
    let answer = render(&AnswerForm::Json, &success(Some(TARGET)));
    assert_eq!(answer.content_type.as_deref(), Some("application/json"));
    assert_eq!(
        answer.body,
        r#"{"code":0,"msg":"success","leadid":"C8097F17","price":"25.00","redirect":"https://x.example/ty?a=1&b=2"}"#
    );
    assert_eq!(
        render(&AnswerForm::Json, &problem(Problem::InvalidPostKey, None)).body,
        r#"{"code":1,"msg":"error","errors":["Invalid Post Key"]}"#
    );
    assert_eq!(
        render(&AnswerForm::Json, &bad_fields()).body,
        r#"{"code":1,"msg":"error","errors":["Lead Missing Data","First name is required.","City is required.","Validation Failed","Zip code is not valid."]}"#
    );
}

#[test]
fn ajax_answers_say_success_with_the_next_page_or_error_or_the_errors_of_fields() {
    let body = |reply: &LeadReply| {
        let answer = render(&jsonp_form(), reply);
        assert_eq!((answer.status, answer.content_type.as_deref()), (200, Some("application/javascript")));
        answer.body
    };
    assert_eq!(
        body(&success(Some(TARGET))),
        r#"CB({"success":true,"nextPage":"https://x.example/ty?a=1&b=2"});"#
    );
    assert_eq!(body(&success(None)), r#"CB({"success":true});"#);
    for unsold in [Problem::DuplicateLead, Problem::NoQualifiedBuyers, Problem::InactiveOffer] {
        assert_eq!(
            body(&problem(unsold, Some(TARGET))),
            format!(r#"CB({{"success":false,"error":"{unsold}"}});"#)
        );
    }
    assert_eq!(
        body(&bad_fields()),
        r#"CB({"success":false,"errors":[["first_name","First name is required."],["city","City is required."],["zip_code","Zip code is not valid."]]});"#
    );
}

#[test]
fn a_jsonp_answer_is_ascii_whatever_it_says() {
    assert_eq!(
        jsonp("CB", "{\"error\":\"é\u{2028}\u{2029}😀</script>\"}").body,
        r#"CB({"error":"\u00e9\u2028\u2029\ud83d\ude00\u003c/script>"});"#
    );
}

#[test]
fn the_page_for_a_frame_calls_its_parent_and_posts_a_message_besides() {
    let answer = render(&AnswerForm::Iframe, &success(Some(TARGET)));
    assert_eq!((answer.status, answer.content_type.as_deref()), (200, Some("text/html; charset=utf-8")));
    assert_snapshot!(answer.body);
}

#[test]
fn a_browser_is_redirected_with_a_page_whose_only_link_is_the_target() {
    let answer = render(&AnswerForm::Redirect, &success(Some(TARGET)));
    assert_eq!(answer.status, 302);
    assert_eq!(answer.location.as_deref(), Some(TARGET));
    assert_eq!(answer.content_type.as_deref(), Some("text/html; charset=utf-8"));
    assert!(
        answer.body.contains(r#"Object moved to <a href="https://x.example/ty?a=1&amp;b=2">here</a>."#),
        "{}",
        answer.body
    );
    assert_eq!(answer.body.matches("http").count(), 1);
    assert_eq!(answer, redirect(TARGET));
}

#[test]
fn what_a_header_cannot_carry_is_encoded_or_left_out() {
    let answer = redirect(" https://x.example/é?q=a b\r\nSet-Cookie: x ");
    assert_eq!(answer.location.as_deref(), Some("https://x.example/%C3%A9?q=a%20bSet-Cookie:%20x"));
}

#[test]
fn a_browser_with_nowhere_to_go_sees_a_plain_thank_you_page() {
    let answer = render(&AnswerForm::Redirect, &success(None));
    assert_eq!((answer.status, answer.location.as_deref()), (200, None));
    assert_snapshot!(answer.body);
}

#[test]
fn a_duplicate_or_unsold_lead_sends_a_browsers_visitor_on_in_the_same_way() {
    for unsold in [Problem::DuplicateLead, Problem::NoQualifiedBuyers] {
        assert_eq!(render(&AnswerForm::Redirect, &problem(unsold, Some(TARGET))), redirect(TARGET));
        assert_eq!(render(&AnswerForm::Redirect, &problem(unsold, None)), thank_you_page());
    }
}

#[test]
fn any_other_whole_lead_problem_is_a_page_with_its_text() {
    for other in Problem::ALL {
        if matches!(other, Problem::DuplicateLead | Problem::NoQualifiedBuyers) {
            continue;
        }
        let answer = render(&AnswerForm::Redirect, &problem(*other, Some(TARGET)));
        assert_eq!((answer.status, answer.location.as_deref()), (200, None), "{other}");
        assert!(answer.body.contains(other.as_str()), "{other}");
    }
    assert_snapshot!(render(&AnswerForm::Redirect, &problem(Problem::InactiveOffer, None)).body);
}

#[test]
fn bad_fields_are_a_page_that_lists_the_texts_and_leads_back_to_the_form() {
    let answer = render(&AnswerForm::Redirect, &bad_fields());
    assert_eq!((answer.status, answer.location.as_deref()), (200, None));
    assert_snapshot!(answer.body);
}

#[test]
fn nowhere_to_send_a_visitor_is_a_plain_404_page() {
    let answer = not_found_page();
    assert_eq!((answer.status, answer.content_type.as_deref()), (404, Some("text/html; charset=utf-8")));
    assert_snapshot!(answer.body);
}

#[test]
fn the_pixel_is_a_gif_of_one_transparent_pixel() {
    let (header, rest) = PIXEL_GIF.split_at(13);
    assert_eq!(header, b"GIF89a\x01\x00\x01\x00\x80\x00\x00");
    let (_palette, rest) = rest.split_at(6);
    let (control, rest) = rest.split_at(8);
    // The graphic control extension, with the flag of transparency and its index.
    assert_eq!(control, b"\x21\xf9\x04\x01\x00\x00\x00\x00");
    let (image, data) = rest.split_at(10);
    assert_eq!(image, b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00");
    assert_eq!(data, b"\x02\x02\x44\x01\x00\x3b");
}

/// What can stand in an XML document at all.
fn holdable(text: &str) -> String {
    let held = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().filter(held).collect()
}

/// The texts of all elements of one name, as an XML reader gives them.
fn element_texts(xml: &str, wanted: &str) -> Vec<String> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut texts = Vec::new();
    let mut within = false;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                within = start.name().as_ref() == wanted;
                if within {
                    texts.push(String::new());
                }
            }
            Event::End(_) => within = false,
            Event::Text(text) if within => texts.last_mut().unwrap().push_str(&text),
            Event::GeneralRef(name) if within => {
                let entity = format!("&{};", &*name);
                texts.last_mut().unwrap().push_str(&quick_xml::escape::unescape(&entity).unwrap());
            }
            Event::Eof => return texts,
            _ => {}
        }
    }
}

/// Any text, and often such as means something to one of the languages.
fn hostile_text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        any::<String>(),
        prop::sample::select(vec![
            "<",
            ">",
            "&",
            "\"",
            "'",
            "]]>",
            "<!--",
            "-->",
            "</script>",
            "</error>",
            "&lt;",
            "\\",
            "\n",
            "\r",
            "\0",
            "\u{b}",
            "\u{2028}",
            "\u{2029}",
            "\u{fffe}",
            "\u{7f}",
            "javascript:",
            "{",
            "}",
            ");",
            "é",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_breaks_out_of_xml(text in hostile_text(), target in hostile_text()) {
        let reply = LeadReply::Fields { missing: vec![], wrong: vec![("f".to_owned(), text.clone())] };
        let body = render(&AnswerForm::Xml, &reply).body;
        prop_assert_eq!(element_texts(&body, "error"), vec!["Validation Failed".to_owned(), holdable(&text)]);
        let body = render(&AnswerForm::Xml, &success(Some(&target))).body;
        let expected = if target.trim().is_empty() { vec![] } else { vec![holdable(&target)] };
        prop_assert_eq!(element_texts(&body, "redirect"), expected);
    }

    #[test]
    fn no_text_breaks_out_of_json_or_jsonp(name in hostile_text(), text in hostile_text()) {
        let reply = LeadReply::Fields { missing: vec![], wrong: vec![(name.clone(), text.clone())] };
        let expected = serde_json::json!({ "success": false, "errors": [[name, text]] });
        let body = render(&jsonp_form(), &reply).body;
        prop_assert!(body.is_ascii() && !body.contains('<'), "{}", body);
        let json = body.strip_prefix("CB(").and_then(|rest| rest.strip_suffix(");")).unwrap();
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(json).unwrap(), expected);
        let body = render(&AnswerForm::Json, &reply).body;
        let json: serde_json::Value = serde_json::from_str(&body).unwrap();
        prop_assert_eq!(&json["errors"][1], &serde_json::Value::String(text));
    }

    #[test]
    fn no_text_breaks_out_of_a_page(text in hostile_text()) {
        let reply = |text: &str| LeadReply::Fields {
            missing: vec![(text.to_owned(), text.to_owned())],
            wrong: vec![],
        };
        for form in [AnswerForm::Redirect, AnswerForm::Iframe] {
            let (hostile, harmless) = (render(&form, &reply(&text)).body, render(&form, &reply("x")).body);
            for mark in ["<", ">", "</script"] {
                let in_scripts = if form == AnswerForm::Iframe && mark == ">" { text.matches('>').count() * 2 } else { 0 };
                prop_assert_eq!(hostile.matches(mark).count() - in_scripts, harmless.matches(mark).count());
            }
        }
    }

    #[test]
    fn a_redirect_is_one_header_line_and_one_link(target in hostile_text()) {
        let answer = redirect(&target);
        let location = answer.location.unwrap();
        prop_assert!(location.bytes().all(|b| b.is_ascii_graphic()), "{}", location);
        let harmless = redirect("x").body;
        for mark in ["<", ">", "\""] {
            prop_assert_eq!(answer.body.matches(mark).count(), harmless.matches(mark).count());
        }
    }
}
