//! Who asks: proxies, robots, previews, HEAD, prefetches.

use crate::traffic::*;
use crumb_testkit::network::Part;
use crumb_testkit::{Request, Server, network};
use http::Method;
use serde_json::json;

async fn agent(server: &Server, agent: &str) -> serde_json::Value {
    let reply = server.tracking.send(Request::get(LINK).header("user-agent", agent)).await;
    assert_eq!(reply.status, 302, "{agent}");
    assert!(reply.location().starts_with("https://lp.example/quote?"), "{agent}");
    last_row(server).await["non_human"].clone()
}

#[tokio::test]
async fn known_robots_are_labelled_and_redirected_like_any_other() {
    let server = Server::start(network::SMALL).await;
    for text in [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
        "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
        "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
        "Hatena Antenna/0.5 (http://a.hatena.ne.jp/help)",
    ] {
        assert_eq!(agent(&server, text).await, "bot", "{text}");
    }
}

#[tokio::test]
async fn link_previews_are_labelled() {
    let server = Server::start(network::SMALL).await;
    for text in [
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Twitterbot/1.0",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "WhatsApp/2.23.20.0",
        "TelegramBot (like TwitterBot)",
        "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
        "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
    ] {
        assert_eq!(agent(&server, text).await, "preview", "{text}");
    }
}

#[tokio::test]
async fn people_are_not_labelled() {
    let server = Server::start(network::SMALL).await;
    for text in [
        FIREFOX,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/22A3354 [FBAN/FBIOS;FBAV/480.0]",
        "Mozilla/5.0 (Linux; Android 14; CUBOT P80) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
    ] {
        assert_eq!(agent(&server, text).await, json!(null), "{text}");
    }
}

#[tokio::test]
async fn head_gives_the_headers_of_get_without_cookie_or_body_and_counts_nothing() {
    let server = Server::start(network::SMALL).await;
    let get = follow(&server, LINK).await;
    let head = server.tracking.send(Request::of(Method::HEAD, LINK).header("user-agent", FIREFOX)).await;
    assert_eq!(head.status, 302);
    assert!(head.body.is_empty());
    assert!(head.cookies().is_empty(), "{:?}", head.cookies());
    let names = |reply: &crumb_testkit::Reply| {
        let mut names: Vec<String> = reply.headers.keys().map(ToString::to_string).collect();
        names.retain(|name| name != "set-cookie");
        names.sort();
        names
    };
    assert_eq!(names(&head), names(&get));
    assert!(head.location().starts_with("https://lp.example/quote?reqid="));
    assert_eq!(head.header("cache-control"), "no-store");
    assert_eq!(head.header("content-type"), get.header("content-type"));
    assert!(head.header("content-length").parse::<u32>().unwrap() > 0);
    let row = last_row(&server).await;
    assert_eq!(row["non_human"], "head");
}

#[tokio::test]
async fn head_of_a_pixel_gives_its_headers_without_cookie_or_body() {
    let server = Server::start(network::SMALL).await;
    for target in ["/?a=12&c=1057&cp=js", "/?a=12&c=1057&cp=img"] {
        let reply = server.tracking.send(Request::of(Method::HEAD, target)).await;
        assert_eq!(reply.status, 200);
        assert!(reply.body.is_empty() && reply.cookies().is_empty());
        assert_eq!(last_row(&server).await["non_human"], "head");
    }
}

#[tokio::test]
async fn a_prefetch_gets_503_with_no_store_and_records_nothing() {
    let server = Server::start(network::SMALL).await;
    for (name, value) in [
        ("sec-purpose", "prefetch"),
        ("sec-purpose", "prefetch;prerender"),
        ("sec-purpose", "prefetch;anonymous-client-ip"),
        ("sec-purpose", "Prefetch"),
        ("sec-purpose", "prerender"),
        ("purpose", "prefetch"),
        ("x-purpose", "preview"),
        ("x-moz", "prefetch"),
    ] {
        for target in [LINK, "/?a=12&c=1057&cp=img", "/?a=12&c=999"] {
            let reply = server.tracking.send(Request::get(target).header(name, value)).await;
            assert_eq!(reply.status, 503, "{name}: {value}");
            assert_eq!(reply.header("cache-control"), "no-store");
            assert!(reply.cookies().is_empty());
            assert_eq!(reply.location(), "");
        }
    }
    assert!(rows(&server).await.is_empty());
    assert_eq!(follow(&server, LINK).await.status, 302);
    let other = Request::get(LINK).header("sec-purpose", "navigation");
    assert_eq!(server.tracking.send(other).await.status, 302, "a purpose that is no loading ahead");
}

/// A page that is made ready ahead asks for nothing again once it is shown.
#[tokio::test]
async fn a_pixel_on_a_prerendered_page_records_nothing_and_asks_again_once_the_page_is_shown() {
    let server = Server::start(network::SMALL).await;
    let pixel = |purpose| Request::get("/?a=12&c=1057&cp=js").header("sec-purpose", purpose);
    for purpose in ["prefetch;prerender", "Prerender"] {
        let reply = server.tracking.send(pixel(purpose)).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.text(), crumb_wire::script::PRERENDERED_PIXEL);
        assert_eq!(reply.header("content-type"), "application/javascript; charset=utf-8");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert!(reply.cookies().is_empty());
    }
    assert_eq!(server.tracking.send(pixel("prefetch")).await.status, 503);
    assert!(rows(&server).await.is_empty());
}

/// Pages of other origins read them.
#[tokio::test]
async fn all_answers_of_pixels_are_readable_across_origins() {
    let server = Server::start(network::SMALL).await;
    let too_many = "&x=1".repeat(501);
    for (target, purpose, status) in [
        ("/?a=12&c=1057&cp=js", "navigate", 200),
        ("/?a=12&c=1057&cp=img", "navigate", 200),
        ("/?a=12&c=999&cp=js", "navigate", 200),
        ("/?a=12&c=1057&cp=js", "prefetch", 503),
        ("/?a=12&c=1057&cp=js", "prefetch;prerender", 200),
        ("/?a=12&c=1057&cp=img", "prefetch;prerender", 503),
        (&format!("/?a=12&c=1057&cp=js{too_many}"), "navigate", 413),
    ] {
        let reply = server.tracking.send(Request::get(target).header("sec-purpose", purpose)).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("access-control-allow-origin")),
            (status, "*"),
            "{target}"
        );
    }
}

#[tokio::test]
async fn the_clients_address_is_the_peers_unless_a_trusted_proxy_says_otherwise() {
    let server = Server::start(network::SMALL).await;
    follow_from(&server, "203.0.113.1", LINK).await;
    assert_eq!(last_row(&server).await["ip"], "127.0.0.1");
    let server = server_behind_a_proxy(&[]).await;
    for (forwarded, address) in [
        ("203.0.113.1", "203.0.113.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("203.0.113.1:4711", "203.0.113.1"),
        // What a client itself wrote stands before what the proxy added.
        ("1.2.3.4, 203.0.113.1", "203.0.113.1"),
        ("1.2.3.4,203.0.113.1 , 127.0.0.9", "203.0.113.1"),
        ("127.0.0.8, 127.0.0.9", "127.0.0.8"),
        ("", "127.0.0.1"),
        ("unknown", "127.0.0.1"),
        ("::ffff:203.0.113.1", "203.0.113.1"),
    ] {
        follow_from(&server, forwarded, LINK).await;
        assert_eq!(last_row(&server).await["ip"], address, "{forwarded}");
    }
    let twice =
        Request::get(LINK).header("x-forwarded-for", "1.2.3.4").header("x-forwarded-for", "203.0.113.1");
    server.tracking.send(twice).await;
    assert_eq!(last_row(&server).await["ip"], "203.0.113.1");
}

#[tokio::test]
async fn long_headers_are_cut_in_the_record() {
    let server = server_with(&[(Part::Network, "blocked_ips = []")]).await;
    let request = Request::get(LINK)
        .header("user-agent", &"u".repeat(1_500))
        .header("referer", &format!("https://r.example/{}", "r".repeat(1_500)));
    assert_eq!(server.tracking.send(request).await.status, 302);
    let row = last_row(&server).await;
    assert_eq!(row["user_agent"].as_str().map(str::len), Some(1_000));
    assert_eq!(row["referrer"].as_str().map(str::len), Some(1_000));
}
