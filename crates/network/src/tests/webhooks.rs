//! `[[webhook]]`.

use super::*;
use crate::NotSigned;
use crumb_domain::WebhookId;
use crumb_domain::network::{ActiveStatus, Secret, WebhookEvent};

const LEAST: &str = "[[webhook]]\nid = 1\nname = \"All\"\nurl = \"http://10.0.0.1/\"\nsecret = \"a text\"";

async fn refused(text: &str) -> Vec<String> {
    let (live, _) = empty().await;
    faults(&live, &toml(text)).await
}

#[tokio::test]
async fn a_webhook_that_names_no_events_is_told_everything_and_an_export_leaves_them_out() {
    let (live, _) = empty().await;
    apply(&live, toml(LEAST)).await;
    let snapshot = live.snapshot();
    for event in WebhookEvent::ALL {
        assert_eq!(snapshot.webhooks_told(*event).count(), 1, "{event:?}");
    }
    let exported = crate::to_toml(&live.export(true).await);
    assert!(exported.contains("secret = \"a text\"") && !exported.contains("events"), "{exported}");
}

#[tokio::test]
async fn only_active_webhooks_that_name_an_event_are_told_of_it() {
    let (live, _) = running().await;
    assert_eq!(live.snapshot().webhooks_told(WebhookEvent::LeadSold).count(), 0, "it is inactive");
    assert_eq!(live.snapshot().webhook_key(WebhookId(3)).unwrap_err(), NotSigned::Inactive(WebhookId(3)));
    let mut file = example();
    file.webhook[0].status = ActiveStatus::Active;
    apply(&live, file).await;
    assert_eq!(live.snapshot().webhooks_told(WebhookEvent::LeadSold).count(), 1);
    assert_eq!(live.snapshot().webhooks_told(WebhookEvent::LeadRejected).count(), 0);
    assert!(live.snapshot().webhook_key(WebhookId(3)).is_ok());
    assert_eq!(live.snapshot().webhook_key(WebhookId(4)).unwrap_err(), NotSigned::Gone(WebhookId(4)));
}

#[tokio::test]
async fn faults_of_a_webhook_are_named_at_their_places_without_its_secrets() {
    let bad = "[[webhook]]\nid = 0\nname = \" \"\nurl = \"ftp://u:pa55@x.example/\"\n\
               secret = \"whsec_n!ne\"\nevents = []";
    assert_eq!(
        refused(bad).await,
        [
            "webhook[0].id: an id is between 1 and 2147483647, not 0",
            "webhook[0].name: required",
            "webhook[0].url: \"ftp://u:********@x.example/\" is no http or https address",
            "webhook[0].events: names no event; without it the webhook is told everything, and status = \
             \"inactive\" has it told nothing",
            "webhook[0].secret: must be base64 after \"whsec_\"; it is not shown, because it is a secret",
        ]
    );
    assert_eq!(refused(&format!("{LEAST}\n{LEAST}")).await, ["webhook[1].id: id 1 is used twice"]);
    let masked = LEAST.replace("a text", "********");
    assert_eq!(refused(&masked).await, ["webhook[0].secret: is masked, and there is no present one to keep"]);
}

#[test]
fn what_is_misshapen_in_a_webhook_is_said_in_the_words_of_the_file() {
    for (key, why) in [
        (
            "events = [\"lead.lost\"]",
            "webhook[0].events[0]: unknown value \"lead.lost\", expected one of \"lead.sold\"",
        ),
        ("tokens = 1", "webhook[0].tokens: unknown key"),
    ] {
        let errors = parse(&format!("{LEAST}\n{key}"), FileFormat::Toml).unwrap_err();
        assert!(printed(&errors)[0].starts_with(why), "{:?}", printed(&errors));
    }
    let short = LEAST.replace("secret = \"a text\"", "");
    let errors = parse(&short, FileFormat::Toml).unwrap_err();
    assert_eq!(printed(&errors), ["webhook[0].secret: required"]);
}

#[tokio::test]
async fn a_plan_shows_no_secret_of_a_webhook_and_a_mask_keeps_it() {
    let (live, _) = running().await;
    let mut file = example();
    file.webhook[0].secret = Secret::new("another");
    file.webhook[0].url = "https://warehouse:0ther@hooks.example/".to_owned();
    assert_eq!(
        planned(&live, &file, false).await,
        ["~ webhook 3: secret ******** → ********, url https://warehouse:********@hooks.example/crumb → \
          https://warehouse:********@hooks.example/"]
    );
    let mut masked = live.export(false).await;
    masked.webhook[0].name = "Renamed".to_owned();
    apply(&live, masked).await;
    let (now, before) = (live.export(true).await.webhook.remove(0), example().webhook.remove(0));
    assert_eq!((now.secret, now.url), (before.secret, before.url));
}

#[tokio::test]
async fn a_secret_that_the_environment_lacks_is_named_and_signs_nothing() {
    let (live, _) = empty().await;
    apply(&live, toml(&LEAST.replace("a text", "env:CRUMB_TEST_NOT_THERE"))).await;
    assert_eq!(live.snapshot().missing_secrets(), ["webhook 1: CRUMB_TEST_NOT_THERE"]);
    assert_eq!(live.snapshot().webhook_key(WebhookId(1)).unwrap_err(), NotSigned::NoSecret(WebhookId(1)));
}
