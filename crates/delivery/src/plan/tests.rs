//! What a buyer is sent, method by method.

use super::*;
use crate::Attempted;
use proptest::prelude::*;

fn fields() -> FieldRules {
    let vertical = serde_json::json!({ "id": 1, "name": "Auto", "field": [
        { "name": "zip_code", "type": "zip" }, { "name": "state", "type": "string" },
        { "name": "email_address", "type": "email" }, { "name": "comments", "type": "string" },
    ]});
    FieldRules::compile(&serde_json::from_value(vertical).unwrap()).unwrap()
}

fn method(text: serde_json::Value) -> DeliveryMethod {
    let mut method = serde_json::json!({ "method": "post", "url": "https://buyer.example/leads" });
    method.as_object_mut().unwrap().extend(text.as_object().unwrap().clone());
    serde_json::from_value(method).unwrap()
}

fn env(name: &str) -> Option<String> {
    match name {
        "BUYER_KEY" => Some("from-the-environment".to_owned()),
        "BUYER_LOGIN" => Some("user:password".to_owned()),
        _ => None,
    }
}

fn compiled(text: serde_json::Value) -> Result<DeliveryPlan, CompileError> {
    DeliveryPlan::compile(&method(text), &fields(), Purpose::Post, &env)
}

fn lead(name: &str) -> Option<String> {
    Some(match name {
        "zip_code" => "90001".to_owned(),
        "state" => "CA".to_owned(),
        "email_address" => "bob@example.com".to_owned(),
        "comments" => "a b&<\"'>+\u{e9}\u{1}".to_owned(),
        "leadid" => "77".to_owned(),
        _ => return None,
    })
}

fn sent(text: serde_json::Value) -> OutboundRequest {
    request_of(compiled(text).unwrap().render(&lead).unwrap())
}

fn request_of(outgoing: Outgoing) -> OutboundRequest {
    match outgoing.parcel {
        Parcel::Http(request) => request,
        Parcel::Mail(_) => panic!("a mail"),
    }
}

fn body(text: serde_json::Value) -> String {
    String::from_utf8(sent(text).body.to_vec()).unwrap()
}

fn header(request: &OutboundRequest, name: &str) -> Vec<String> {
    let named = request.headers.iter().filter(|(header, _)| header == name);
    named.map(|(_, value)| value.to_str().unwrap().to_owned()).collect()
}

fn kept(text: serde_json::Value) -> String {
    String::from_utf8(compiled(text).unwrap().render(&lead).unwrap().kept).unwrap()
}

#[test]
fn a_get_carries_its_params_in_the_query() {
    let request = sent(serde_json::json!({
        "method": "get", "url": "https://buyer.example/leads?v=2", "params": [["z", "#zip_code#"], ["c", "#comments#"]],
    }));
    assert_eq!(request.method, Method::GET);
    assert_eq!(request.target.path_and_query, "/leads?v=2&z=90001&c=a%20b%26%3C%22%27%3E%2B%C3%A9%01");
    assert!(request.body.is_empty() && header(&request, "content-type").is_empty());
}

#[test]
fn a_form_keeps_the_order_of_its_params_and_names_that_repeat() {
    let pairs =
        serde_json::json!([["zip", "#zip_code#"], ["tag[]", "a"], ["src", "crumb"], ["tag[]", "#state#-1"]]);
    let request = sent(serde_json::json!({ "params": pairs }));
    assert_eq!(request.method, Method::POST);
    assert_eq!(request.body, "zip=90001&tag%5B%5D=a&src=crumb&tag%5B%5D=CA-1");
    assert_eq!(header(&request, "content-type"), ["application/x-www-form-urlencoded"]);
}

#[test]
fn a_whole_xml_in_one_form_parameter_is_escaped_twice() {
    let body = body(serde_json::json!({
        "params": { "xml": "<lead><c>#comments#</c><z>#zip_code#</z></lead>" },
    }));
    let form = crumb_wire::input::parse_query(body.as_bytes()).unwrap();
    assert_eq!(form.get("xml"), Some("<lead><c>a b&amp;&lt;&quot;&#39;&gt;+\u{e9}</c><z>90001</z></lead>"));
}

#[test]
fn json_of_params_is_a_flat_object_of_strings() {
    let method = serde_json::json!({ "method": "json", "params": [["zip", "#zip_code#"], ["c\"", "#comments#"], ["n", "1"]] });
    let request = sent(method);
    assert_eq!(header(&request, "content-type"), ["application/json"]);
    let read: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(read, serde_json::json!({ "zip": "90001", "c\"": "a b&<\"'>+\u{e9}\u{1}", "n": "1" }));
    assert_eq!(body(serde_json::json!({ "method": "json" })), "{}");
}

#[test]
fn a_body_is_escaped_as_what_it_is_said_to_be() {
    for (method, content_type, template, expected) in [
        ("json", None, "{\"c\":\"#comments#\"}", "{\"c\":\"a b&\\u003c\\\"'>+\u{e9}\\u0001\"}"),
        ("xml", None, "<c>#comments#</c>", "<c>a b&amp;&lt;&quot;&#39;&gt;+\u{e9}</c>"),
        ("post", None, "c=#comments#", "c=a%20b%26%3C%22%27%3E%2B%C3%A9%01"),
        ("post", Some("text/xml"), "<c>#comments#</c>", "<c>a b&amp;&lt;&quot;&#39;&gt;+\u{e9}</c>"),
        ("post", Some("application/JSON; charset=utf-8"), "[#state#]", "[\"CA\"]"),
        ("xml", Some("application/x-www-form-urlencoded"), "xml=#state#+", "xml=CA+"),
    ] {
        let mut text = serde_json::json!({ "method": method, "body": template });
        if let Some(content_type) = content_type {
            text["headers"] = serde_json::json!({ "content-type": content_type });
        }
        let request = sent(text);
        assert_eq!(request.body, expected);
        if let Some(content_type) = content_type {
            assert_eq!(header(&request, "content-type"), [content_type], "the header has the say");
        }
    }
}

#[test]
fn xml_and_soap_are_text_xml_in_utf_8() {
    let xml =
        sent(serde_json::json!({ "method": "xml", "params": { "zip": "#zip_code#", "c": "#comments#" } }));
    assert_eq!(header(&xml, "content-type"), ["text/xml; charset=utf-8"]);
    assert_eq!(
        xml.body,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><lead><c>a b&amp;&lt;&quot;&#39;&gt;+\u{e9}</c><zip>90001</zip></lead>"
    );
    let soap = sent(serde_json::json!({
        "method": "soap", "headers": { "SOAPAction": "\"urn:buy\"" }, "params": { "zip": "#zip_code#" },
    }));
    assert_eq!(header(&soap, "content-type"), ["text/xml; charset=utf-8"]);
    assert_eq!(header(&soap, "soapaction"), ["\"urn:buy\""]);
    assert!(soap.body.ends_with(b"<soap:Body><lead><zip>90001</zip></lead></soap:Body></soap:Envelope>"));
    let envelope = "<e:Envelope><e:Body>#zip_code#</e:Body></e:Envelope>";
    assert_eq!(
        body(serde_json::json!({ "method": "soap", "body": envelope })),
        envelope.replace("#zip_code#", "90001")
    );
}

#[test]
fn maps_and_formats_apply_wherever_a_field_stands() {
    let request = sent(serde_json::json!({
        "url": "https://buyer.example/#state#", "maps": { "state": { "CA": "California" } },
        "formats": { "email_address": "md5" }, "headers": { "X-State": "#state#" },
        "params": { "s": "in #state#", "e": "#email_address#" },
    }));
    assert_eq!(request.target.path_and_query, "/California");
    assert_eq!(header(&request, "x-state"), ["California"]);
    assert_eq!(request.body, "e=4b9bb80620f03eb3719e0a061c14283d&s=in%20California");
}

#[test]
fn known_tokens_without_a_value_are_empty_and_unknown_ones_stay_and_are_told() {
    let text = serde_json::json!({
        "method": "json", "url": "https://buyer.example/?x=#nope#", "headers": { "X-A": "#Typo#" },
        "body": "{\"a\":\"#session#\",\"b\":\"#S1#\",\"c\":\"#zipp#\"}",
    });
    assert_eq!(body(text.clone()), "{\"a\":\"\",\"b\":\"\",\"c\":\"#zipp#\"}");
    assert_eq!(compiled(text).unwrap().unknown_tokens(), ["nope", "typo", "zipp"]);
}

#[test]
fn a_method_without_parameters_body_and_token_says_nothing_of_the_lead() {
    let says_nothing = |text| says_nothing(&method(text));
    for nothing in [
        serde_json::json!({}),
        serde_json::json!({ "headers": { "X-Api-Key": "key" } }),
        serde_json::json!({ "method": "email", "to": "a@buyer.example", "subject": "A lead" }),
    ] {
        assert!(says_nothing(nothing.clone()), "{nothing}");
    }
    for something in [
        serde_json::json!({ "params": { "a": "1" } }),
        serde_json::json!({ "body": "<lead/>" }),
        serde_json::json!({ "method": "get", "url": "https://buyer.example/#zip_code#" }),
        serde_json::json!({ "headers": { "X-Zip": "#zip_code#" } }),
        serde_json::json!({ "method": "email", "to": "a@buyer.example", "subject": "Lead #leadid#" }),
    ] {
        assert!(!says_nothing(something.clone()), "{something}");
    }
}

#[test]
fn a_target_is_shown_as_it_is_written_without_credentials() {
    let target = |text| String::from_utf8(compiled(text).unwrap().target()).unwrap();
    let link = "https://user:p%40ssword@buyer.example:8443/#state#/in?zip=#zip_code#&user=1";
    assert_eq!(
        target(serde_json::json!({ "url": link })),
        "POST https://buyer.example:8443/#state#/in?zip=#zip_code#&user=1"
    );
    let keyed = serde_json::json!({
        "method": "get", "url": "https://buyer.example/?k=top-secret", "headers": { "X-Key": "top-secret" },
    });
    assert_eq!(target(keyed), "GET https://buyer.example/?k=********");
    let mail = serde_json::json!({ "method": "email", "to": "a@buyer.example" });
    assert_eq!(target(mail), "mail");
}

#[test]
fn a_ping_sends_what_its_own_section_lists_and_nothing_else() {
    let listed = method(serde_json::json!({ "params": { "z": "#zip_code#" } }));
    let ping = DeliveryPlan::compile(&listed, &fields(), Purpose::Ping, &env).unwrap();
    let outgoing = ping.render(&lead).unwrap();
    let kept = String::from_utf8(outgoing.kept.clone()).unwrap();
    assert_eq!(request_of(outgoing).body, "z=90001");
    assert!(!kept.contains("bob@example.com") && !kept.contains("CA"));
    assert_eq!(ping.timeout(), Duration::from_secs(2));
}

#[test]
fn a_post_has_ten_seconds_unless_it_says_otherwise() {
    assert_eq!(compiled(serde_json::json!({})).unwrap().timeout(), Duration::from_secs(10));
    let own = compiled(serde_json::json!({ "timeout_ms": 750 })).unwrap();
    assert_eq!(own.timeout(), Duration::from_millis(750));
}

#[test]
fn credentials_come_from_auth_else_from_the_link() {
    let authorization = |text| header(&sent(text), "authorization");
    let link = "https://u:p%40ss@buyer.example/";
    for (text, expected) in [
        (
            serde_json::json!({ "auth": { "basic": "user:password" }, "url": link }),
            "Basic dXNlcjpwYXNzd29yZA==",
        ),
        (serde_json::json!({ "auth": { "bearer": "env:BUYER_KEY" } }), "Bearer from-the-environment"),
        // A key in place of the user, as some buyers have it.
        (serde_json::json!({ "auth": { "basic": "abc:" } }), "Basic YWJjOg=="),
        (serde_json::json!({ "auth": { "basic": "env:BUYER_LOGIN" } }), "Basic dXNlcjpwYXNzd29yZA=="),
        (serde_json::json!({ "url": link }), "Basic dTpwQHNz"),
        (serde_json::json!({ "auth": { "basic": "u:p" }, "headers": { "Authorization": "Own 1" } }), "Own 1"),
    ] {
        assert_eq!(authorization(text), [expected]);
    }
    assert!(!sent(serde_json::json!({ "url": link })).target.path_and_query.contains("p%40ss"));
}

#[test]
fn configured_headers_replace_ours() {
    let request = sent(serde_json::json!({}));
    assert_eq!(
        (header(&request, "user-agent"), header(&request, "accept")),
        (vec!["Crumb".into()], vec!["*/*".into()])
    );
    let request = sent(serde_json::json!({ "headers": { "USER-AGENT": "Own", "accept": "text/xml" } }));
    assert_eq!(header(&request, "user-agent"), ["Own"]);
    assert_eq!(header(&request, "accept"), ["text/xml"]);
}

#[test]
fn secrets_are_masked_in_what_is_kept() {
    let kept = kept(serde_json::json!({
        "method": "xml", "url": "https://user:hunter22@buyer.example/x?api_key=q1w2e3&zip=#zip_code#",
        "headers": { "X-Api-Key": "topsecret", "X-Short": "ab", "X-Env": "env:BUYER_KEY" },
        "auth": { "basic": "me:opensesame" },
        "body": "<l><Password>letmein!</Password><z>#zip_code#</z>topsecret hunter22 opensesame from-the-environment</l>",
    }));
    assert_eq!(
        kept,
        "POST https://buyer.example/x?api_key=********&zip=90001\r\nUser-Agent: Crumb\r\nAccept: */*\r\n\
         Content-Type: text/xml; charset=utf-8\r\nX-Api-Key: ********\r\nX-Env: ********\r\nX-Short: ********\r\n\
         Authorization: ********\r\n\r\n\
         <l><Password>********</Password><z>90001</z>******** ******** ******** ********</l>"
    );
}

#[test]
fn a_key_in_place_of_the_user_is_masked_and_a_user_with_a_password_is_not() {
    for (keys, answer) in [
        (serde_json::json!({ "auth": { "basic": "sk_live_7:" } }), "no ********"),
        (serde_json::json!({ "url": "https://sk_live_7@buyer.example/" }), "no ********"),
        (serde_json::json!({ "auth": { "basic": "sk_live_7:hunter22" } }), "no sk_live_7"),
    ] {
        assert_eq!(compiled(keys).unwrap().masker().text("no sk_live_7"), answer);
    }
}

#[test]
fn a_params_secret_may_stand_in_the_environment() {
    let text = serde_json::json!({ "params": [["k", "env:BUYER_KEY"], ["api_key", "constant!"], ["z", "#zip_code#"]] });
    assert_eq!(body(text.clone()), "k=from-the-environment&api_key=constant%21&z=90001");
    assert!(kept(text).ends_with("\r\n\r\nk=********&api_key=********&z=90001"));
    let missing = compiled(serde_json::json!({ "params": { "k": "env:GONE" } })).unwrap_err();
    assert_eq!(missing.to_string(), "params[0]: there is no GONE in the environment");
    let missing = compiled(serde_json::json!({ "headers": { "X-K": "env:GONE" } })).unwrap_err();
    assert_eq!(missing.to_string(), "headers.X-K: there is no GONE in the environment");
}

#[test]
fn a_lead_cannot_add_a_header() {
    let plan = compiled(serde_json::json!({ "headers": { "X-C": "a #comments#" } })).unwrap();
    let value = |_: &str| Some("x\r\nX-Evil: 1\0".to_owned());
    let request = request_of(plan.render(&value).unwrap());
    assert_eq!(header(&request, "x-c"), ["a xX-Evil: 1"]);
}

#[test]
fn a_status_question_is_a_get_with_the_methods_headers() {
    let plan = compiled(serde_json::json!({
        "status_url": "https://status.example/q?id=#leadid#", "headers": { "X-Api-Key": "topsecret" },
        "params": { "zip": "#zip_code#" },
    }))
    .unwrap();
    assert!(plan.has_status_url());
    let request = request_of(plan.render_status(&lead).unwrap().unwrap());
    assert_eq!(request.method, Method::GET);
    assert_eq!(
        format!("{}{}", request.target.authority(), request.target.path_and_query),
        "status.example/q?id=77"
    );
    assert_eq!(header(&request, "x-api-key"), ["topsecret"]);
    assert!(request.body.is_empty() && header(&request, "content-type").is_empty());
    assert!(compiled(serde_json::json!({})).unwrap().render_status(&lead).is_none());
}

#[test]
fn a_faulty_method_is_named() {
    for (text, message) in [
        (serde_json::json!({ "url": null }), "url: required"),
        (serde_json::json!({ "url": "ftp://x.example/" }), "url: the address is neither http nor https"),
        (serde_json::json!({ "status_url": "nowhere" }), "status_url: is no absolute URL"),
        (serde_json::json!({ "method": "email" }), "to: required for email"),
        (serde_json::json!({ "headers": { "a b": "1" } }), "headers.a b: is no header name"),
        (serde_json::json!({ "headers": { "A": "1\n" } }), "headers.A: its value has control characters"),
        (
            serde_json::json!({ "body": "x", "params": { "a": "1" } }),
            "body: is instead of params, not besides them",
        ),
        (
            serde_json::json!({ "auth": { "basic": "opensesame" } }),
            "auth: basic is \"user:password\", and this has no colon",
        ),
        (
            serde_json::json!({ "auth": { "basic": "env:BUYER_KEY" } }),
            "auth: basic is \"user:password\", and this has no colon",
        ),
        (
            serde_json::json!({ "method": "xml", "params": { "a b": "1" } }),
            "params[0]: is no name of an XML element; a body template can hold it",
        ),
    ] {
        assert_eq!(compiled(text).unwrap_err().to_string(), message);
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let faulty = method(serde_json::json!({
        "method": "xml", "url": "https://#state#.example/", "status_url": "ftp://b.example/",
        "headers": { "X Key": "a", "X-Other": "a\nb" }, "auth": { "bearer": "a\nb" },
        "params": [["a b", "1"], ["c", "env:GONE"], ["d e", "2"]],
        "formats": { "state": "reversed", "zip_code": "date:%!" },
        "accepted": ["success", "regex:("], "rejected": ["status:7"], "price": "json:price",
    }));
    let faults = DeliveryPlan::faults(&faulty, &fields(), Purpose::Post, &env);
    let places: Vec<&str> = faults.iter().map(|fault| fault.place.as_str()).collect();
    let all = [
        "url",
        "status_url",
        "headers.X Key",
        "headers.X-Other",
        "auth",
        "params[1]",
        "params[0]",
        "params[1]",
        "formats.state",
        "formats.zip_code",
        "rejected[0]",
        "accepted[0]",
        "accepted[1]",
        "price",
    ];
    assert_eq!(places, all);
    let sound = method(serde_json::json!({ "params": { "z": "#zip_code#" } }));
    assert_eq!(DeliveryPlan::faults(&sound, &fields(), Purpose::Post, &env), []);
}

#[test]
fn a_mail_goes_to_addresses_or_to_what_tokens_say() {
    let faults = |to: &str| {
        let mail = method(serde_json::json!({ "method": "email", "to": to }));
        let faults = DeliveryPlan::faults(&mail, &fields(), Purpose::Post, &env);
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for to in ["leads@b.example", "Leads <leads@b.example>, #email_address#", "#state#@b.example"] {
        assert!(faults(to).is_empty(), "{to}");
    }
    assert_eq!(faults("leads@b.example, nobody"), ["to: \"nobody\" is no e-mail address"]);
    assert_eq!(faults("leads@b.example,"), ["to: \"\" is no e-mail address"]);
}

#[test]
fn a_request_that_cannot_be_made_is_not_sent() {
    let plan = compiled(serde_json::json!({ "url": "https://b.example/?c=#comments#" })).unwrap();
    let error = plan.render(&|_| Some("x".repeat(9_000))).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the request could not be made: the address has more than 8192 characters; nothing was sent, so a repeat is safe"
    );
}

/// The result crosses threads: routing runs attempts beside each other.
#[test]
fn a_plan_and_its_result_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<DeliveryPlan>();
    crosses::<Attempted>();
}

proptest! {
    #[test]
    fn whatever_a_lead_holds_the_decoded_request_gives_it_back(value in "(\\PC|[\\x00-\\x1f\\x7f]){0,30}") {
        let given = |_: &str| Some(value.clone());
        let rendered = |text| request_of(compiled(text).unwrap().render(&given).unwrap()).body;
        let form = rendered(serde_json::json!({ "params": [["a", "#comments#"], ["b", "2"]] }));
        let read = crumb_wire::input::parse_query(&form).unwrap();
        prop_assert_eq!((read.get("a"), read.get("b")), (Some(value.as_str()), Some("2")));
        let json = rendered(serde_json::json!({ "method": "json", "params": { "a": "#comments#", "b": "2" } }));
        let read: serde_json::Value = serde_json::from_slice(&json).unwrap();
        prop_assert_eq!(read, serde_json::json!({ "a": value, "b": "2" }));
    }
}
