//! How posts are read: queries, bodies, encodings, limits.

use crate::posts::*;
use crumb_domain::outcome::Problem;
use crumb_domain::post::PostOutcome;
use crumb_testkit::network;
use crumb_testkit::{Reply, Request, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const FORM: &str = "application/x-www-form-urlencoded";

async fn lead_of(server: &Server, reply: &Reply) -> serde_json::Value {
    lead(server, &lead_id(reply)).await
}

async fn first_name(server: &Server, body: impl Into<bytes::Bytes>) -> String {
    let request = Request::post(&format!("/d.ashx?{HOSTED}"), FORM, "").with_body(body);
    let reply = server.tracking.send(request).await;
    lead_of(server, &reply).await["fields"]["first_name"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn query_and_body_are_merged_however_they_are_split() {
    let server = Server::start(network::SMALL).await;
    let pairs = ["ckm_campaign_id=57", "ckm_key=Ab3dE5gH1jK", "zip_code=90210", "ckm_subid=web"];
    for mask in 0..16_u32 {
        let (mut query, mut body) = (format!("email_address=p{mask}@example.com"), String::new());
        for (bit, pair) in pairs.iter().enumerate() {
            let place = if mask >> bit & 1 == 1 { &mut query } else { &mut body };
            place.push('&');
            place.push_str(pair);
        }
        let reply = server.tracking.post_form(&format!("/d.ashx?{query}"), &body).await;
        let lead = lead_of(&server, &reply).await;
        assert_eq!(lead["affiliate"], 12);
        assert_eq!(lead["sub_ids"][0], "web");
    }
}

#[tokio::test]
async fn names_are_read_without_regard_to_case_and_values_are_not() {
    let server = Server::start(network::SMALL).await;
    let pairs = "CKM_Campaign_ID=57&Ckm_KEY=Ab3dE5gH1jK&EMAIL_ADDRESS=Ann@example.com&Zip_Code=90210&First_NAME=McAnn&CKM_SubId=Web";
    let lead = lead_of(&server, &post(&server, &[pairs]).await).await;
    assert_eq!(lead["fields"]["first_name"], "McAnn");
    assert_eq!(lead["sub_ids"][0], "Web");
}

#[tokio::test]
async fn the_query_wins_over_the_body_and_the_first_of_equal_names_over_later_ones() {
    let server = Server::start(network::SMALL).await;
    let query = format!("{HOSTED}&first_name=query&LAST_NAME=one&last_name=two");
    let body = format!("{ANN}&first_name=body&ckm_key=wrong&Zip_code=10001");
    let reply = server.tracking.post_form(&format!("/d.ashx?{query}"), &body).await;
    let lead = lead_of(&server, &reply).await;
    assert_eq!(lead["fields"]["first_name"], "query");
    assert_eq!(lead["fields"]["last_name"], "one");
    assert_eq!(lead["fields"]["zip_code"], "90210");
}

#[tokio::test]
async fn empty_pairs_and_unknown_parameters_do_no_harm() {
    let server = Server::start(network::SMALL).await;
    post(&server, &["&&", HOSTED, "&&&", "=x", "unknown=1", "ckm_unknown=1", "flag", ANN, "&"]).await;
    assert_eq!(leads(&server).await.len(), 1);
}

#[tokio::test]
async fn broken_escapes_are_text_and_bytes_that_are_no_utf_8_are_windows_1252() {
    let server = Server::start(network::SMALL).await;
    let cases: [(&[u8], &str); 8] = [
        (b"100%25%zz%4", "100%%zz%4"),
        (b"Jos%E9", "Jos\u{e9}"),
        (b"Jos%C3%A9", "Jos\u{e9}"),
        (b"Jos\xe9", "Jos\u{e9}"),
        (b"%80%93%94", "\u{20ac}\u{201c}\u{201d}"),
        (b"a+b%2Bc", "a b+c"),
        (b"%u00e9", "%u00e9"),
        (b"a=b", "a=b"),
    ];
    for (index, (sent, read)) in cases.into_iter().enumerate() {
        let mut body = format!("email_address=p{index}@example.com&zip_code=90210&first_name=").into_bytes();
        body.extend_from_slice(sent);
        assert_eq!(first_name(&server, body).await, read);
    }
}

#[tokio::test]
async fn query_and_body_have_64_kib_together() {
    let server = Server::start(network::SMALL).await;
    let fill = |length: usize| {
        let start = format!("{ANN}&x=");
        format!("{start}{}", "x".repeat(length - start.len()))
    };
    let target = format!("/d.ashx?{HOSTED}");
    let reply = server.tracking.post_form(&target, &fill(65_536 - HOSTED.len())).await;
    assert_eq!(reply.status, 200);
    for length in [65_537 - HOSTED.len(), 70_000, 500_000] {
        assert_eq!(server.tracking.post_form(&target, &fill(length)).await.status, 413, "{length}");
    }
    assert_eq!(leads(&server).await.len(), 1);
}

#[tokio::test]
async fn whoever_sends_a_large_body_to_its_end_sees_the_answer() {
    let server = Server::start(network::SMALL).await;
    let length = 20 << 20;
    for head in ["connection: close", "connection: keep-alive"] {
        let mut socket = tokio::net::TcpStream::connect(server.tracking_address).await.unwrap();
        let head = format!("POST /d.ashx HTTP/1.1\r\nhost: t\r\ncontent-length: {length}\r\n{head}\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&vec![b'x'; length]).await.unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413");
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_has_the_same_limit() {
    let server = Server::start(network::SMALL).await;
    let mut socket = tokio::net::TcpStream::connect(server.tracking_address).await.unwrap();
    let head = "POST /d.ashx HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\ncontent-type: application/x-www-form-urlencoded\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    for _ in 0..5 {
        if socket.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_target_too_long_is_414() {
    let server = Server::start(network::SMALL).await;
    let mut socket = tokio::net::TcpStream::connect(server.tracking_address).await.unwrap();
    let head = format!("GET /d.ashx?{HOSTED}&x={} HTTP/1.1\r\nhost: t\r\n\r\n", "x".repeat(66_000));
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 414");
}

#[tokio::test]
async fn malformed_http_is_400() {
    let server = Server::start(network::SMALL).await;
    for rubbish in ["RUBBISH\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        let mut socket = tokio::net::TcpStream::connect(server.tracking_address).await.unwrap();
        socket.write_all(rubbish.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 400", "{rubbish}");
    }
}

/// Pairs, elements, members or parts up to a number, and the content type.
fn of_many(kind: &str, number: usize) -> (String, String) {
    let email = format!("p{number}{kind}@example.com");
    let rest = number - 2;
    match kind {
        "form" => {
            let more: String = (0..rest).map(|n| format!("&x{n}=1")).collect();
            (FORM.to_owned(), format!("email_address={email}&zip_code=90210{more}"))
        }
        "xml" => {
            let more: String = (0..rest).map(|n| format!("<x{n}>1</x{n}>")).collect();
            let body = format!(
                "<lead><email_address>{email}</email_address><zip_code>90210</zip_code>{more}</lead>"
            );
            ("text/xml".to_owned(), body)
        }
        "json" => {
            let more: String = (0..rest).map(|n| format!(",\"x{n}\":1")).collect();
            let body = format!("{{\"email_address\":\"{email}\",\"zip_code\":\"90210\"{more}}}");
            ("application/json".to_owned(), body)
        }
        _ => {
            let part = |name: &str, value: &str| {
                format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
            };
            let more: String = (0..rest).map(|n| part(&format!("x{n}"), "1")).collect();
            let body =
                format!("{}{}{more}--B--\r\n", part("email_address", &email), part("zip_code", "90210"));
            ("multipart/form-data; boundary=B".to_owned(), body)
        }
    }
}

#[tokio::test]
async fn a_post_has_five_hundred_pairs_of_any_kind_at_most() {
    let server = Server::start(network::SMALL).await;
    for kind in ["form", "xml", "json", "multipart"] {
        // Two or three of the pairs are in the query.
        let (query, own) = match kind {
            "xml" => (format!("{HOSTED}&ckm_xml=1"), 3),
            _ => (HOSTED.to_owned(), 2),
        };
        for (number, status) in [(500 - own, 200), (501 - own, 413)] {
            let (content_type, body) = of_many(kind, number);
            let request = Request::post(&format!("/d.ashx?{query}"), &content_type, &body);
            let reply = server.tracking.send(request).await;
            assert_eq!(reply.status, status, "{kind} {number}: {}", reply.text());
            if status == 200 {
                assert!(reply.text().contains("success"), "{kind}: {}", reply.text());
            }
        }
    }
}

#[tokio::test]
async fn multipart_fields_are_read_and_files_are_ignored() {
    let server = Server::start(network::SMALL).await;
    let body = "--XX\r\nContent-Disposition: form-data; name=\"ckm_campaign_id\"\r\n\r\n57\r\n\
        --XX\r\nContent-Disposition: form-data; name=\"ckm_key\"\r\n\r\nAb3dE5gH1jK\r\n\
        --XX\r\nContent-Disposition: form-data; name=\"zip_code\"; filename=\"zip.txt\"\r\nContent-Type: text/plain\r\n\r\n00000\r\n\
        --XX\r\nContent-Disposition: form-data; name=\"zip_code\"\r\n\r\n90210\r\n\
        --XX\r\nContent-Disposition: form-data; name=\"First_Name\"\r\n\r\nAnn & Bob=1\r\n\
        --XX\r\ncontent-disposition: form-data; name=email_address\r\n\r\nann@example.com\r\n--XX--\r\n";
    let reply =
        server.tracking.send(Request::post("/d.ashx", "multipart/form-data; boundary=\"XX\"", body)).await;
    let lead = lead_of(&server, &reply).await;
    assert_eq!(lead["fields"]["zip_code"], "90210");
    assert_eq!(lead["fields"]["first_name"], "Ann & Bob=1");
}

#[tokio::test]
async fn a_multipart_body_may_be_written_by_hand() {
    let server = Server::start(network::SMALL).await;
    // Plain line ends, a name without quotes, one twice, a part without a name, no last boundary.
    let body = "made by hand\n--XX\nContent-Disposition: form-data; name=zip_code\n\n90210\n\
        --XX\nContent-Disposition: form-data\n\nnobody's\n\
        --XX\nContent-Disposition: form-data; name=\"zip_code\"\n\n00000\n\
        --XX\nContent-Disposition: form-data; name=email_address\n\nann@example.com";
    let target = format!("/d.ashx?{HOSTED}");
    let multipart = |content_type| Request::post(&target, content_type, body);
    let lead =
        lead_of(&server, &server.tracking.send(multipart("multipart/form-data; boundary=XX")).await).await;
    assert_eq!(lead["fields"]["zip_code"], "90210");
    assert_eq!(lead["fields"]["email_address"], "ann@example.com");
    for content_type in ["multipart/form-data", "multipart/form-data; boundary=YY"] {
        let reply = server.tracking.send(multipart(content_type)).await;
        assert_eq!(reply.status, 400, "{content_type}");
        let text = "The body is multipart/form-data: its boundary must be in the Content-Type and begin each part.\n";
        assert_eq!(reply.text(), text);
    }
    assert_eq!(leads(&server).await.len(), 1);
}

fn xml(query: &str, body: &str) -> Request {
    Request::post(&format!("/d.ashx?{query}"), "text/xml", body)
}

#[tokio::test]
async fn an_xml_post_has_any_root_and_an_element_per_field() {
    let server = Server::start(network::SMALL).await;
    let body = "<?xml version=\"1.0\"?><Whatever><email_address>ann@example.com</email_address><ZIP_code> 90210 </ZIP_code><first_name>A &amp; B</first_name><last_name><![CDATA[<b>]]></last_name><other/></Whatever>";
    let reply = server.tracking.send(xml(&format!("{HOSTED}&ckm_xml=1"), body)).await;
    let lead = lead_of(&server, &reply).await;
    assert_eq!(lead["fields"]["zip_code"], "90210");
    assert_eq!(lead["fields"]["first_name"], "A & B");
    assert_eq!(lead["fields"]["last_name"], "<b>");
}

#[tokio::test]
async fn in_an_xml_post_ids_and_keys_count_from_the_query_only() {
    let server = Server::start(network::SMALL).await;
    let inside = "<r><ckm_campaign_id>57</ckm_campaign_id><ckm_key>Ab3dE5gH1jK</ckm_key><email_address>a@example.com</email_address><zip_code>90210</zip_code></r>";
    let reply = server.tracking.send(xml("ckm_xml=1", inside)).await;
    assert_eq!(reply.text().trim_end(), refusal(&["Invalid Post Key"]));
    let reply = server.tracking.send(xml("ckm_xml=1&ckm_campaign_id=57", inside)).await;
    assert_eq!(reply.text().trim_end(), refusal(&["Invalid Post Key"]));
}

#[tokio::test]
async fn xml_that_cannot_be_read_is_invalid_xml_format() {
    let server = Server::start(network::SMALL).await;
    let query = format!("{HOSTED}&ckm_xml=1");
    for body in [
        "",
        "not xml",
        "<lead><zip_code></lead>",
        "<lead>",
        "<a/><b/>",
        "<!DOCTYPE lead [<!ENTITY x \"y\">]><lead><zip_code>90210</zip_code></lead>",
        "<!DOCTYPE lead SYSTEM \"file:///etc/passwd\"><lead/>",
        "<lead><first_name>&x;</first_name></lead>",
        "<lead><zip_code>90210</zip_code></lead>junk",
        "<lead><zip_code>90210</ZIP_code></lead>",
        "<lead id=1><zip_code>90210</zip_code></lead>",
        "<lead id=\"1\" id=\"2\"><zip_code>90210</zip_code></lead>",
        "<lead id=\"a & b\"><zip_code>90210</zip_code></lead>",
        "<lead><1st>x</1st></lead>",
        "<lead><first_name>a\u{1}b</first_name></lead>",
        "<lead><first_name>a ]]> b</first_name></lead>",
        "<lead/><?xml version=\"1.0\"?>",
    ] {
        let reply = server.tracking.send(xml(&query, body)).await;
        assert_eq!(reply.text().trim_end(), refusal(&["Invalid XML Format"]), "{body}");
        let kept = rejections(&server).await.pop().unwrap();
        assert_eq!(kept.outcome, PostOutcome::Rejected(Problem::InvalidXml), "{body}");
        assert_eq!(kept.body, body.as_bytes(), "it is kept as it came");
    }
    assert_eq!(server.api_json("/leads").await["total"], 0);
}

#[tokio::test]
async fn what_stands_around_an_xml_posts_elements_keeps_no_lead_out() {
    let server = Server::start(network::SMALL).await;
    let query = format!("{HOSTED}&ckm_xml=1");
    for (number, around) in [
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-16\"?>\r\n<r>LEAD</r>\r\n",
        "\n <?xml version='1.0' standalone='yes'?><!-- by hand --><r xmlns:x='y' a = \"b &amp; c\">LEAD<!-- --></r>",
        "<?xml version=\"1.0\"?><?php echo 1; ?><r>LEAD<first_name id=\"1\"><![CDATA[A & B]]></first_name></r><!-- -->",
    ]
    .into_iter()
    .enumerate()
    {
        let lead = format!("<email_address>a{number}@example.com</email_address>\n\t<zip_code>90210</zip_code>");
        let reply = server.tracking.send(xml(&query, &around.replace("LEAD", &lead))).await;
        assert_eq!(lead_of(&server, &reply).await["fields"]["zip_code"], "90210", "{around}");
    }
}

fn json(query: &str, body: &str) -> Request {
    Request::post(&format!("/d.ashx?{query}"), "application/json; charset=utf-8", body)
}

#[tokio::test]
async fn json_numbers_and_booleans_are_their_text_and_null_is_absent() {
    let server = Server::start(network::SMALL).await;
    let body = r#"{"CKM_campaign_id":57,"ckm_key":"Ab3dE5gH1jK","email_address":"a@example.com","zip_code":90210,"first_name":true,"last_name":null,"phone_home":2125550123,"nested":{"a":[1]},"ckm_test":0}"#;
    let lead = lead_of(&server, &server.tracking.send(json("", body)).await).await;
    assert_eq!(lead["fields"]["zip_code"], "90210");
    assert_eq!(lead["fields"]["first_name"], "true");
    assert!(lead["fields"].get("last_name").is_none_or(|value| value == ""));
    assert_eq!(lead["fields"]["phone_home"], "2125550123");
    assert_eq!(lead["status"], "queued");
}

#[tokio::test]
async fn a_nested_member_that_is_a_field_fails_its_validator() {
    let server = Server::start(network::SMALL).await;
    for nested in ["{\"a\":1}", "[\"90210\"]", "[]"] {
        let body = format!("{{\"email_address\":\"a@example.com\",\"zip_code\":{nested}}}");
        let reply = server.tracking.send(json(HOSTED, &body)).await;
        assert_eq!(
            reply.text().trim_end(),
            "{\"code\":1,\"msg\":\"error\",\"errors\":[\"Validation Failed\",\"Zip code is not valid.\"]}",
            "{nested}"
        );
    }
}

#[tokio::test]
async fn json_that_cannot_be_read_is_invalid_json_format_ahead_of_all_checks_without_ids_in_the_query() {
    let server = Server::start(network::SMALL).await;
    let said = "{\"code\":1,\"msg\":\"error\",\"errors\":[\"Invalid JSON Format\"]}";
    for body in ["", "{", "[]", "\"x\"", "1", "{\"a\":1}x", "nope"] {
        for query in ["", HOSTED, "ckm_offer_id=100"] {
            let reply = server.tracking.send(json(query, body)).await;
            assert_eq!(reply.text().trim_end(), said, "{query} {body}");
        }
        // With ids in the query the other checks come first.
        let reply = server.tracking.send(json("ckm_campaign_id=57&ckm_key=no", body)).await;
        assert_eq!(reply.json()["errors"][0], "Invalid Post Key");
        let reply = server.tracking.send(json("ckm_offer_id=999", body)).await;
        assert_eq!(reply.json()["errors"][0], "Inactive Offer");
    }
}

#[tokio::test]
async fn a_body_without_a_content_type_is_read_as_a_form() {
    let server = Server::start(network::SMALL).await;
    let request = Request::of(http::Method::POST, "/d.ashx").with_body(format!("{HOSTED}&{ANN}"));
    lead_of(&server, &server.tracking.send(request).await).await;
}

#[tokio::test]
async fn other_bodies_that_are_no_utf_8_are_windows_1252_too() {
    let server = Server::start(network::SMALL).await;
    let person = |n: u32, name: &[u8], before: &str, after: &str| {
        let before = before.replace("EMAIL", &format!("w{n}@example.com"));
        [before.as_bytes(), name, after.as_bytes()].concat()
    };
    let xml = "<r><email_address>EMAIL</email_address><zip_code>90210</zip_code><first_name>";
    let json = "{\"email_address\":\"EMAIL\",\"zip_code\":\"90210\",\"first_name\":\"";
    let multipart = "--B\r\nContent-Disposition: form-data; name=\"email_address\"\r\n\r\nEMAIL\r\n--B\r\nContent-Disposition: form-data; name=\"zip_code\"\r\n\r\n90210\r\n--B\r\nContent-Disposition: form-data; name=\"first_name\"\r\n\r\n";
    let cases = [
        ("text/xml", "&ckm_xml=1", person(1, b"Jos\xe9", xml, "</first_name></r>")),
        ("application/json", "", person(2, b"Jos\xe9", json, "\"}")),
        ("multipart/form-data; boundary=B", "", person(3, b"Jos\xe9", multipart, "\r\n--B--\r\n")),
        ("text/xml", "&ckm_xml=1", person(4, "Jos\u{e9}".as_bytes(), xml, "</first_name></r>")),
        ("application/json", "", person(5, b"Jos\\u00e9", json, "\"}")),
    ];
    for (content_type, flag, body) in cases {
        let request = Request::post(&format!("/d.ashx?{HOSTED}{flag}"), content_type, "").with_body(body);
        let lead = lead_of(&server, &server.tracking.send(request).await).await;
        assert_eq!(lead["fields"]["first_name"], "Jos\u{e9}", "{content_type}");
    }
}

#[tokio::test]
async fn xml_names_nobody_readable_or_not_and_is_refused_for_that_first() {
    let server = Server::start(network::SMALL).await;
    for body in ["<bad", "<lead/>"] {
        for query in ["", "&ckm_key=Ab3dE5gH1jK"] {
            let reply = server
                .tracking
                .send(Request::post(&format!("/d.ashx?ckm_xml=1{query}"), "text/xml", body))
                .await;
            assert_eq!(reply.text().trim_end(), refusal(&["Invalid Post Key"]), "{body} {query}");
        }
    }
}
