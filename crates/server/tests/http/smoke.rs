use crumb_testkit::{Server, network};

#[tokio::test]
async fn a_click_becomes_a_session_that_a_lead_without_cookie_is_credited_to() {
    let server = Server::start(network::SMALL).await;
    let click = server.visitor().get("/?a=12&c=1057&s1=sub").await;
    assert_eq!(click.status, 302, "{}", click.text());
    let location = click.location().to_owned();
    let request_id = location.split("reqid=").nth(1).and_then(|rest| rest.split('&').next()).unwrap();
    let post =
        format!("ckm_offer_id=100&ckm_request_id={request_id}&email_address=a@example.com&zip_code=90210");
    let answer = server.tracking.post_form("/d.ashx", &post).await;
    assert_eq!(answer.status, 200);
    let lead = answer.between("<leadid>", "</leadid>");
    assert!(answer.text().contains("<price>12.00</price>"), "{}", answer.text());
    let lead = server.api_json(&format!("/leads/{lead}")).await;
    assert_eq!(lead["affiliate"], 12);
    assert_eq!(lead["attribution"], "request_id");
    assert_eq!(lead["request_id"], request_id);
}
