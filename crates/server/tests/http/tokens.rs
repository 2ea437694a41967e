//! Tokens in links.

use crate::traffic::*;
use crumb_testkit::Server;
use crumb_testkit::network::Part;

async fn server_with_link(link: &str) -> Server {
    server_with(&[(Part::HostedOffer, &format!("link = \"{link}\""))]).await
}

#[tokio::test]
async fn every_token_of_links_is_replaced() {
    let link = "https://lp.example/?1=#affid#&2=#oid#&3=#campid#&4=#cid#&5=#s1#&6=#s2#&7=#s3#&8=#s4#&9=#s5#\
                &reqid=#reqid#&o=#oreqid#&v=#vstid#&u=#udid#";
    let server = server_with_link(link).await;
    let reply = follow(&server, "/?a=12&c=1057&s1=s1&s2=s2&s3=s3&s4=s4&s5=s5&udid=dev").await;
    let location = reply.location();
    let id = parameter(location, "reqid");
    let start = "https://lp.example/?1=12&2=100&3=57&4=1057&5=s1&6=s2&7=s3&8=s4&9=s5";
    let visitor = parameter(location, "v");
    assert_eq!(location, format!("{start}&reqid={id}&o={id}&v={visitor}&u=dev"));
    assert!(visitor.bytes().all(|byte| byte.is_ascii_digit()) && !visitor.is_empty(), "{visitor}");
}

#[tokio::test]
async fn tokens_are_case_insensitive() {
    let server = server_with_link("https://lp.example/?x=#AFFID#.#AffId#.#S1#").await;
    assert_eq!(follow(&server, "/?a=12&c=1057&s1=Up").await.location(), "https://lp.example/?x=12.12.Up");
}

#[tokio::test]
async fn an_unknown_token_is_left_as_it_is_and_a_known_one_without_a_value_becomes_empty() {
    let server = server_with_link("https://lp.example/?x=#nope#&y=#s1#&z=#s5#&u=#udid#&w=#a.b#").await;
    let reply = follow(&server, LINK).await;
    assert_eq!(reply.location(), "https://lp.example/?x=#nope#&y=&z=&u=&w=#a.b#");
}

#[tokio::test]
async fn several_tokens_stand_side_by_side() {
    let server = server_with_link("https://lp.example/?x=#affid#_#s1##s2#").await;
    assert_eq!(follow(&server, "/?a=12&c=1057&s1=a&s2=b").await.location(), "https://lp.example/?x=12_ab");
}

#[tokio::test]
async fn values_are_escaped_for_an_address() {
    let server = server_with_link("https://lp.example/?x=#s1#&y=1").await;
    let reply = follow(&server, "/?a=12&c=1057&s1=a%20b%26c%3Dd%23e%2Ff%C3%BC%0D%0A%22%3C%25").await;
    assert_eq!(reply.location(), "https://lp.example/?x=a%20b%26c%3Dd%23e%2Ff%C3%BC%0D%0A%22%3C%25&y=1");
}

#[tokio::test]
async fn a_value_that_looks_like_a_token_is_not_replaced_again() {
    let server = server_with_link("https://lp.example/?x=#s1#&y=#s2#").await;
    let reply = follow(&server, "/?a=12&c=1057&s1=%23s2%23&s2=two").await;
    assert_eq!(reply.location(), "https://lp.example/?x=%23s2%23&y=two");
}

#[tokio::test]
async fn tokens_are_replaced_in_thank_you_links() {
    let server = server_with(&[(
        Part::HostedOffer,
        "thank_you_link = \"https://lp.example/thanks?reqid=#reqid#&x=#affid#.#s1#\"",
    )])
    .await;
    let visitor = server.visitor();
    let id = visitor.click("/?a=12&c=1057&s1=sub").await;
    visitor.post_form("/d.ashx", "ckm_offer_id=100&email_address=a@example.com&zip_code=90210").await;
    let reply = visitor.get("/?a=13&c=1057&s1=other").await;
    assert_eq!(reply.location(), format!("https://lp.example/thanks?reqid={id}&x=12.sub"));
}

#[tokio::test]
async fn tokens_of_a_test_link_tell_its_affiliate() {
    let server = server_with_link("https://lp.example/?a=#affid#&ca=#campid#").await;
    assert_eq!(follow(&server, "/?a=-1&c=1057").await.location(), "https://lp.example/?a=-1&ca=");
}
