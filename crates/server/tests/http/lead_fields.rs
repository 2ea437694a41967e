//! What a lead says: required fields, validators and their decisions.

use crate::posts::*;
use crumb_testkit::Server;
use crumb_testkit::network::{self, Part, small_with};

#[tokio::test]
async fn all_bad_fields_are_reported_at_once_missing_ones_first_each_in_the_verticals_order() {
    let server = Server::start(&small_with(&[(Part::FirstName, "required = true")])).await;
    refused(
        &server,
        &[HOSTED, "phone_home=12&zip_code=x&email_address=%20&state=ZZ"],
        &[
            "Lead Missing Data",
            "First name is required.",
            "Email address is required.",
            "Validation Failed",
            "Zip code is not valid.",
            "Phone home is not valid.",
            "State is not valid.",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_fields_own_error_text_and_label_are_said() {
    let text = small_with(&[(Part::ZipCode, "error_text = \"Where do you live?\"")])
        .replace("name = \"state\"\n", "name = \"state\"\nlabel = \"Your state\"\n");
    let server = Server::start(&text).await;
    refused(&server, &[HOSTED, "email_address=a@example.com"], &["Lead Missing Data", "Where do you live?"])
        .await;
    refused(
        &server,
        &[HOSTED, "email_address=a@example.com&zip_code=x&state=x"],
        &["Validation Failed", "Where do you live?", "Your state is not valid."],
    )
    .await;
}

#[tokio::test]
async fn values_are_kept_normalised_and_list_values_as_listed() {
    let server = Server::start(network::SMALL).await;
    let fields =
        "email_address=%20Ann@Example.com%20&zip_code=90210-1234&state=ca&phone_home=(212)%20555-0123";
    let lead = lead(&server, &accepted(&server, &[HOSTED, fields, "nonsense=1"]).await).await;
    assert_eq!(lead["fields"]["state"], "CA");
    assert_eq!(lead["fields"]["zip_code"], "90210-1234");
    assert!(lead["fields"].get("nonsense").is_none());
    assert!(lead["fields"].get("first_name").is_none() || lead["fields"]["first_name"] == "");
}

#[tokio::test]
async fn group_inputs_are_joined_into_the_field_that_is_absent() {
    let server = Server::start(network::SMALL).await;
    let id = accepted(&server, &[HOSTED, ANN, "home_area=212&home_prefix=555&home_suffix=0123"]).await;
    assert_eq!(lead(&server, &id).await["fields"]["phone_home"], "2125550123");
    let id = accepted(&server, &[HOSTED, BOB, "phone_home=3105550123&home_area=212"]).await;
    assert_eq!(lead(&server, &id).await["fields"]["phone_home"], "3105550123");
}

#[tokio::test]
async fn each_type_takes_what_it_should_and_no_more() {
    let fields = r#"
[[vertical]]
id = 2
name = "Types"
duplicate_fields = []
[[vertical.field]]
name = "s"
type = "string"
max_length = 5
[[vertical.field]]
name = "e"
type = "email"
[[vertical.field]]
name = "p"
type = "phone"
[[vertical.field]]
name = "z"
type = "zip"
[[vertical.field]]
name = "zp"
type = "zip"
pattern = "^[A-Z]{2}[0-9]$"
[[vertical.field]]
name = "d"
type = "date"
maximum = "today-21y"
[[vertical.field]]
name = "n"
type = "number"
minimum = "18"
maximum = "99"
[[vertical.field]]
name = "l"
type = "list"
values = ["Own", "Rent"]
[[vertical.field]]
name = "b"
type = "bool"
[[vertical.field]]
name = "ip"
type = "ip"
[[offer]]
id = 500
name = "Types"
vertical = 2
type = "hosted"
link = "https://lp.example/"
[[campaign]]
id = 70
affiliate = 12
offer = 500
key = "typesKey12345"
"#;
    let server = Server::start(&small_with(&[(Part::More, fields)])).await;
    let campaign = "ckm_campaign_id=70&ckm_key=typesKey12345";
    let right = [
        "s=12345",
        "e=a.b%2Bc@sub.example.co.uk",
        "p=%2B1%20(212)%20555-0123",
        "p=1234567",
        "p=123456789012345",
        "z=90210",
        "z=90210-1234",
        "zp=AB1",
        "d=2005-07-01",
        "d=7/1/2005",
        "d=1980-02-29",
        "n=18",
        "n=99",
        "n=42.5",
        "l=own",
        "l=RENT",
        "b=1",
        "b=0",
        "b=TRUE",
        "b=false",
        "b=Yes",
        "b=no",
        "b=on",
        "b=Off",
        "ip=192.0.2.1",
        "ip=2001:db8::1",
        "s=&e=&n=",
    ];
    for pair in right {
        accepted(&server, &[campaign, pair]).await;
    }
    let wrong = [
        ("s=123456", "S is not valid."),
        ("e=ann", "E is not valid."),
        ("e=ann@", "E is not valid."),
        ("e=@x.com", "E is not valid."),
        ("e=a%20b@x.com", "E is not valid."),
        ("p=123456", "P is not valid."),
        ("p=1234567890123456", "P is not valid."),
        ("p=212555012x", "P is not valid."),
        ("z=9021", "Z is not valid."),
        ("z=90210-12", "Z is not valid."),
        ("z=ABCDE", "Z is not valid."),
        ("zp=90210", "Zp is not valid."),
        ("d=2005-07-02", "D is not valid."),
        ("d=1981-02-29", "D is not valid."),
        ("d=13/1/1980", "D is not valid."),
        ("d=1.1.1980", "D is not valid."),
        ("n=17", "N is not valid."),
        ("n=99.5", "N is not valid."),
        ("n=abc", "N is not valid."),
        ("l=lease", "L is not valid."),
        ("b=maybe", "B is not valid."),
        ("ip=1.2.3", "Ip is not valid."),
    ];
    for (pair, text) in wrong {
        refused(&server, &[campaign, pair], &["Validation Failed", text]).await;
    }
}

#[tokio::test]
async fn a_failing_field_of_a_server_post_may_go_to_review_or_be_thrown_out() {
    for (decision, status, outcome) in
        [("review", "review", "review"), ("throw_out", "scrubbed", "thrown_out")]
    {
        let text = small_with(&[(Part::ZipCode, &format!("server_decision = \"{decision}\""))]);
        let server = Server::start(&text).await;
        let reply = post(&server, &[HOSTED, "email_address=a@example.com&zip_code=x"]).await;
        let id = lead_id(&reply);
        assert!(reply.text().contains("<price>0.00</price>"), "{}", reply.text());
        let lead = lead(&server, &id).await;
        assert_eq!(lead["status"], status);
        assert_eq!(lead["outcome"], outcome);
        assert_eq!(lead["payout"], "0.00");
        assert_eq!(lead["errors"], serde_json::json!(["Validation Failed", "Zip code is not valid."]));
    }
}

#[tokio::test]
async fn reject_beats_throw_out_beats_review() {
    let text = small_with(&[
        (Part::ZipCode, "server_decision = \"review\""),
        (Part::FirstName, "max_length = 3\nserver_decision = \"throw_out\""),
    ]);
    let server = Server::start(&text).await;
    let both = "zip_code=x&first_name=Annabel";
    let id = accepted(&server, &[HOSTED, both, "email_address=a@example.com"]).await;
    assert_eq!(lead(&server, &id).await["status"], "scrubbed");
    refused(
        &server,
        &[HOSTED, both, "email_address=no"],
        &[
            "Validation Failed",
            "First name is not valid.",
            "Email address is not valid.",
            "Zip code is not valid.",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_lead_for_review_skips_the_later_checks() {
    let text = small_with(&[
        (Part::ZipCode, "server_decision = \"review\""),
        (Part::Vertical, "inbound_filter = [{ field = \"state\", op = \"eq\", value = \"CA\" }]"),
        (Part::Campaign, "caps = [{ of = \"lead\", interval = \"total\", limit = 0 }]"),
    ]);
    let server = Server::start(&text).await;
    for _ in 0..2 {
        accepted(&server, &[HOSTED, "email_address=a@example.com&zip_code=x"]).await;
    }
}

#[tokio::test]
async fn a_browsers_failing_fields_follow_the_client_decision() {
    for (decision, status) in [("review", "review"), ("throw_out", "scrubbed")] {
        let text = small_with(&[(Part::ZipCode, &format!("client_decision = \"{decision}\""))]);
        let server = Server::start(&text).await;
        let reply = post(&server, &["ckm_offer_id=100", "email_address=a@example.com&zip_code=x"]).await;
        assert_eq!(reply.status, 302, "{}", reply.text());
        assert!(reply.location().starts_with("https://lp.example/thanks?lead="), "{}", reply.location());
        assert_eq!(leads(&server).await[0]["status"], status);
        // The same of a server post is the server decision's: rejected.
        let texts = ["Validation Failed", "Zip code is not valid."];
        refused(&server, &[HOSTED, "email_address=b@example.com&zip_code=x"], &texts).await;
        // And another bad field sends the visitor back.
        let reply = post(&server, &["ckm_offer_id=100", "email_address=no&zip_code=x"]).await;
        assert_eq!(reply.status, 200);
        assert!(reply.text().contains("Email address is not valid."));
        assert_eq!(leads(&server).await.len(), 1);
    }
}

#[tokio::test]
async fn a_browser_post_without_ip_address_takes_the_client_address_and_a_server_post_none() {
    let server = Server::start(network::SMALL).await;
    post(&server, &["ckm_offer_id=100", ANN]).await;
    assert_eq!(leads(&server).await[0]["fields"]["ip_address"], "127.0.0.1");
    let id = accepted(&server, &[HOSTED, BOB]).await;
    assert!(lead(&server, &id).await["fields"].get("ip_address").is_none_or(|ip| ip == ""));
    post(&server, &["ckm_offer_id=100", "email_address=c@example.com&zip_code=90210&ip_address=192.0.2.1"])
        .await;
    assert_eq!(leads(&server).await[2]["fields"]["ip_address"], "192.0.2.1");
}

#[tokio::test]
async fn a_post_that_asks_for_a_browsers_answer_is_a_browsers_for_its_fields_and_with_ckm_bp_0_none_is() {
    let server = Server::start(&small_with(&[(Part::ZipCode, "client_decision = \"review\"")])).await;
    let session =
        format!("ckm_offer_id=100&ckm_request_id={}", server.visitor().click("/?a=12&c=1057").await);
    for (kind, named) in [("server", HOSTED), ("session", session.as_str())] {
        for (n, form) in ["ckm_bp=1", "callback=cb", "ckm_ifrm=1"].iter().enumerate() {
            let email = format!("{kind}{n}@example.com");
            post(&server, &[named, form, &format!("email_address={email}&zip_code=x")]).await;
            let lead = leads(&server).await.pop().unwrap();
            assert_eq!((&lead["fields"]["email_address"], &lead["post"]), (&email.into(), &kind.into()));
            assert_eq!(lead["status"], "review", "{kind} {form}");
            assert_eq!(lead["fields"]["ip_address"], "127.0.0.1", "{kind} {form}");
        }
    }
    let browser = "ckm_offer_id=100&ckm_bp=0";
    let texts = ["Validation Failed", "Zip code is not valid."];
    refused(&server, &[browser, "email_address=b@example.com&zip_code=x"], &texts).await;
    let lead = lead(&server, &accepted(&server, &[browser, BOB]).await).await;
    assert_eq!(lead["post"], "browser");
    assert!(lead["fields"].get("ip_address").is_none_or(|ip| ip == ""));
}
