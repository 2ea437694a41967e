//! What buyers are sent, by each method.

use crate::contracts::*;
use crate::posts::HOST_N_POST;
use crumb_testkit::Server;
use crumb_testkit::buyers::{MockBuyers, Request};
use std::sync::Arc;

const FIELDS: [&str; 3] = [
    "name = \"dob\"\ntype = \"date\"",
    "name = \"owns_home\"\ntype = \"bool\"",
    "name = \"income\"\ntype = \"number\"",
];
const LEAD: &str = "email_address=Ann@Example.com&zip_code=90210&first_name=O%27Brien+%26+%22S%C3%B8n%22+%3Cx%3E\
    &phone_home=(212)+555-0100&state=CA&dob=1990-02-28&owns_home=yes&income=55000.5";

/// What a buyer with this contract is sent of the lead.
async fn sent(buyers: &MockBuyers, contract: Contract) -> Arc<Request> {
    sent_of(buyers, contract, LEAD).await
}

async fn sent_of(buyers: &MockBuyers, contract: Contract, lead: &str) -> Arc<Request> {
    let server = Server::start(&with_fields(&market(&[contract]), &FIELDS)).await;
    assert_sold(&server.tracking.post_form("/d.ashx", &format!("{HOST_N_POST}&{lead}")).await);
    buyers.requests().pop().unwrap()
}

fn to(buyers: &MockBuyers, method: &str) -> Contract {
    Contract::new(7, &buyers.url("/accept?own=1"), "20.00").method(method)
}

#[tokio::test]
async fn post_sends_a_form_in_the_order_of_its_list_with_names_repeated() {
    let buyers = MockBuyers::start().await.unwrap();
    let params = "params = [[\"z\", \"#zip_code#\"], [\"tag\", \"one\"], [\"a\", \"x-#state#-#nothing#\"], [\"tag\", \"two\"]]";
    let request = sent(&buyers, to(&buyers, "post").sent(params)).await;
    assert_eq!((request.method.as_str(), request.query.as_str()), ("POST", "own=1"));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(request.text(), "z=90210&tag=one&a=x-CA-%23nothing%23&tag=two");
}

#[tokio::test]
async fn get_sends_the_parameters_in_the_query_after_the_addresss_own() {
    let buyers = MockBuyers::start().await.unwrap();
    let request = sent(
        &buyers,
        to(&buyers, "get").sent("params = [[\"n\", \"#first_name#\"], [\"z\", \"#zip_code#\"]]"),
    )
    .await;
    assert_eq!((request.method.as_str(), request.path.as_str(), request.body.len()), ("GET", "/accept", 0));
    let pairs = request.pairs();
    assert_eq!(pairs[0], ("own".to_owned(), "1".to_owned()));
    assert_eq!(pairs[1], ("n".to_owned(), "O'Brien & \"Søn\" <x>".to_owned()));
    assert_eq!(pairs[2], ("z".to_owned(), "90210".to_owned()));
}

#[tokio::test]
async fn json_with_parameters_is_a_flat_object_of_strings() {
    let buyers = MockBuyers::start().await.unwrap();
    let params =
        "params = [[\"name\", \"#first_name#\"], [\"zip\", \"#zip_code#\"], [\"income\", \"#income#\"]]";
    let request = sent(&buyers, to(&buyers, "json").sent(params)).await;
    assert_eq!(request.header("content-type"), Some("application/json"));
    let sent: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let expected =
        serde_json::json!({ "name": "O'Brien & \"Søn\" <x>", "zip": "90210", "income": "55000.5" });
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_json_template_escapes_its_values() {
    let buyers = MockBuyers::start().await.unwrap();
    let body = "body = '{\"lead\":{\"name\":\"#first_name#\",\"zip\":#zip_code#}}'";
    let request = sent(&buyers, to(&buyers, "json").sent(body)).await;
    let sent: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(sent, serde_json::json!({ "lead": { "name": "O'Brien & \"Søn\" <x>", "zip": 90210 } }));
}

#[tokio::test]
async fn xml_and_soap_escape_values_and_drop_what_xml_cannot_hold() {
    let buyers = MockBuyers::start().await.unwrap();
    for method in ["xml", "soap"] {
        let contract =
            to(&buyers, method).sent("body = '<lead a=\"#first_name#\"><n>#first_name#</n></lead>'");
        let request = sent_of(&buyers, contract, &LEAD.replace("O%27Brien", "O%01Br%0Bien")).await;
        assert_eq!(
            request.header("content-type").map(|kind| kind.split(';').next().unwrap()),
            Some("text/xml")
        );
        let text = request.text();
        assert!(text.contains("<n>OBrien &amp; "), "{text}");
        assert!(text.contains("&lt;x"), "{text}");
        assert!(text.contains("a=\"OBrien &amp; &quot;Søn&quot; "), "{text}");
    }
}

#[tokio::test]
async fn soap_sends_its_action_where_a_header_says_so() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = to(&buyers, "soap")
        .sent("body = '<s:Envelope><zip>#zip_code#</zip></s:Envelope>'")
        .post("headers = { SOAPAction = \"urn:Post\" }");
    let request = sent(&buyers, contract).await;
    assert_eq!((request.header("soapaction"), request.method.as_str()), (Some("urn:Post"), "POST"));
    assert_eq!(request.text(), "<s:Envelope><zip>90210</zip></s:Envelope>");
}

#[tokio::test]
async fn xml_in_a_form_parameter_is_escaped_twice() {
    let buyers = MockBuyers::start().await.unwrap();
    let params =
        "params = [[\"xml\", \"<lead><name>#first_name#</name></lead>\"], [\"plain\", \"#first_name#\"]]";
    let request = sent(&buyers, to(&buyers, "post").sent(params)).await;
    let name = "O'Brien & \"Søn\" <x>";
    assert_eq!(request.value("plain").as_deref(), Some(name));
    let xml = request.value("xml").unwrap();
    assert!(xml.starts_with("<lead><name>O") && xml.ends_with("</name></lead>"), "{xml}");
    assert!(xml.contains("&amp;") && xml.contains("&lt;x"), "{xml}");
    assert!(!xml.contains(name), "{xml}");
}

#[tokio::test]
async fn a_content_type_of_a_header_stands() {
    let buyers = MockBuyers::start().await.unwrap();
    for (method, name, value) in [
        ("json", "Content-Type", "application/vnd.buyer+json"),
        ("xml", "content-type", "application/soap+xml; charset=utf-8"),
        ("post", "CONTENT-TYPE", "text/plain"),
    ] {
        let sent_of = if method == "xml" { "body = '<a/>'" } else { "params = [[\"z\", \"1\"]]" };
        let contract =
            to(&buyers, method).sent(sent_of).post(&format!("headers = {{ \"{name}\" = \"{value}\" }}"));
        let request = sent(&buyers, contract).await;
        let types = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        assert_eq!(types.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), [value]);
    }
}

#[tokio::test]
async fn headers_are_sent_in_title_case_with_tokens_replaced() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract =
        to(&buyers, "post").post("headers = { \"X-Api-Key\" = \"k1\", \"X-Lead\" = \"#leadid#/#state#\" }");
    let request = sent(&buyers, contract).await;
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"X-Api-Key") && names.contains(&"X-Lead"), "{names:?}");
    assert!(names.contains(&"Content-Type") && names.contains(&"Host"), "{names:?}");
    assert_eq!(request.header("x-api-key"), Some("k1"));
    assert!(request.header("x-lead").unwrap().ends_with("/CA"));
}

#[tokio::test]
async fn basic_and_bearer_say_who_posts() {
    let buyers = MockBuyers::start().await.unwrap();
    let basic = to(&buyers, "post").post("auth = { basic = \"user:pass:word\" }");
    assert_eq!(sent(&buyers, basic).await.header("authorization"), Some("Basic dXNlcjpwYXNzOndvcmQ="));
    let bearer = to(&buyers, "get").post("auth = { bearer = \"t0ken\" }");
    assert_eq!(sent(&buyers, bearer).await.header("authorization"), Some("Bearer t0ken"));
}

#[tokio::test]
async fn list_fields_map_value_to_value_and_what_is_not_listed_stays() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = to(&buyers, "post")
        .sent("params = [[\"state\", \"#state#\"]]")
        .post("maps = { state = { CA = \"California\" } }");
    assert_eq!(sent(&buyers, contract.clone()).await.value("state").as_deref(), Some("California"));
    let nevada = LEAD.replace("state=CA", "state=NV");
    assert_eq!(sent_of(&buyers, contract, &nevada).await.value("state").as_deref(), Some("NV"));
}

#[tokio::test]
async fn formats_shape_phones_dates_booleans_and_hashes() {
    let buyers = MockBuyers::start().await.unwrap();
    for (field, format, expected) in [
        ("phone_home", "digits", "2125550100"),
        ("phone_home", "e164", "+12125550100"),
        ("email_address", "lower", "ann@example.com"),
        ("email_address", "md5", "257c57037d384ae37ea27a07e8a01665"),
        ("email_address", "sha256", "71d4f55f72fa128dfb468a1a3901507c804b74316488744d769d7f4b16696476"),
        ("dob", "date:%m/%d/%Y", "02/28/1990"),
        ("dob", "date:%Y%m%d", "19900228"),
        ("owns_home", "bool:Y/N", "Y"),
        ("owns_home", "bool:true/false", "true"),
    ] {
        let contract = to(&buyers, "post")
            .sent(&format!("params = [[\"v\", \"#{field}#\"]]"))
            .post(&format!("formats = {{ {field} = \"{format}\" }}"));
        assert_eq!(sent(&buyers, contract).await.value("v").as_deref(), Some(expected), "{field} {format}");
    }
}

#[tokio::test]
async fn tokens_of_the_sale_are_known_in_bodies() {
    let buyers = MockBuyers::start().await.unwrap();
    let params = "params = [[\"l\", \"#leadid#\"], [\"p\", \"#price#\"], [\"a\", \"#affid#\"], [\"o\", \"#oid#\"], \
        [\"c\", \"#campid#\"], [\"s\", \"#s1#\"], [\"q\", \"#s2#\"], [\"Z\", \"#ZIP_CODE#\"]]";
    let lead = format!("{LEAD}&ckm_subid=sub");
    let request = sent_of(&buyers, to(&buyers, "post").sent(params), &lead).await;
    let value = |name: &str| request.value(name).unwrap();
    assert_eq!(value("l").len(), 8);
    assert_eq!([value("p"), value("a"), value("o"), value("c")], ["20.00", "12", "200", "58"]);
    assert_eq!([value("s"), value("q"), value("Z")], ["sub", "", "90210"]);
}
