//! What else is on the tracking listener, and the bounds of a request.

use crate::traffic::*;
use crumb_testkit::{Options, Request, Server, network};
use http::Method;

#[tokio::test]
async fn robots_txt_disallows_everything() {
    let server = Server::start(network::SMALL).await;
    let reply = server.tracking.get("/robots.txt").await;
    assert_eq!(reply.status, 200);
    assert!(reply.header("content-type").starts_with("text/plain"));
    let text = reply.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines, ["User-agent: *", "Disallow: /"]);
}

#[tokio::test]
async fn nothing_else_is_on_the_listener() {
    let server = Server::start(network::SMALL).await;
    for path in [
        "/api/v1/offers",
        "/api/v1/clicks",
        "/api/v1/openapi.json",
        "/healthz",
        "/readyz",
        "/metrics",
        "/index.html",
        "/favicon.ico",
        "/x?a=12&c=1057",
        "//",
        "/d.ashx/",
        "/doc/",
        "/doc/forged",
        "/.env",
    ] {
        let reply = server.tracking.get(path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.location(), "");
    }
    assert!(rows(&server).await.is_empty());
}

#[tokio::test]
async fn paths_are_read_without_regard_to_case() {
    let server = Server::start(network::SMALL).await;
    let post = "ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK&email_address=a@example.com&zip_code=90210";
    assert!(server.tracking.post_form("/D.Ashx", post).await.text().contains("<msg>success</msg>"));
    for target in
        ["/V.ASHX?o=100&f=5&v=90210&callback=cb", "/Get.ashx?callback=cb", "/T.ashx?t=c&callback=cb"]
    {
        assert_eq!(server.tracking.get(target).await.text(), "cb({\"success\":true});", "{target}");
    }
    assert!(server.tracking.get("/JS.ashx?o=100").await.text().starts_with("CKM.add_validator("));
    assert!(server.tracking.get("/P.ashx?f=pb&o=9").await.text().contains("Invalid Offer"));
    assert_eq!(server.tracking.get("/D.js").await.text(), server.tracking.get("/d.js").await.text());
}

#[tokio::test]
async fn a_link_is_followed_by_get_and_head_only() {
    let server = Server::start(network::SMALL).await;
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE] {
        let reply = server.tracking.send(Request::of(method.clone(), LINK)).await;
        assert_eq!(reply.status, 405, "{method}");
        assert!(reply.header("allow").contains("GET"), "{method}");
    }
    assert!(rows(&server).await.is_empty());
}

#[tokio::test]
async fn a_target_is_read_up_to_what_http_itself_allows() {
    let server = Server::start(network::SMALL).await;
    let fits = format!("{LINK}&x=");
    let fits = format!("{fits}{}", "x".repeat(65_534 - fits.len()));
    assert_eq!(raw(&server, &format!("GET {fits} HTTP/1.1\r\nhost: x\r\n\r\n")).await, "302");
    assert_eq!(raw(&server, &format!("GET {fits}x HTTP/1.1\r\nhost: x\r\n\r\n")).await, "414");
    assert_eq!(rows(&server).await.len(), 1);
}

#[tokio::test]
async fn more_than_500_pairs_are_too_many() {
    let server = Server::start(network::SMALL).await;
    let pairs = |count: usize| format!("{LINK}{}", "&x=1".repeat(count - 2));
    assert_eq!(follow(&server, &pairs(500)).await.status, 302);
    assert_eq!(follow(&server, &pairs(501)).await.status, 413);
    assert_eq!(rows(&server).await.len(), 1);
}

#[tokio::test]
async fn a_target_too_long_for_http_gets_414() {
    let server = Server::start(network::SMALL).await;
    for length in [66_000, 120_000, 130_000, 400_000] {
        let target = "x".repeat(length);
        for rest in ["HTTP/1.1\r\nhost: x\r\n\r\n", "HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"] {
            assert_eq!(raw(&server, &format!("GET /?{target} {rest}")).await, "414", "{length}");
        }
    }
}

#[tokio::test]
async fn a_link_may_carry_bytes_of_an_old_charset_and_macros_that_nobody_replaced() {
    let server = Server::start(network::SMALL).await;
    let target =
        [LINK.as_bytes(), b"&s1=caf\xE9&s2=<subid>&s3={clickid}&s4=\"a|b\\c^`\"&s5=\xC3\xA9"].concat();
    let request = [b"GET ", target.as_slice(), b" HTTP/1.1\r\nhost: x\r\n\r\n"].concat();
    let (line, rest) = request.split_at(LINK.len() + 9);
    assert_eq!(sent(&server, &[&request]).await, "302");
    assert_eq!(sent(&server, &[line, rest]).await, "302");
    for row in rows(&server).await {
        let expected = ["caf\u{e9}", "<subid>", "{clickid}", "\"a|b\\c^`\"", "\u{e9}"];
        assert_eq!(row["sub_ids"], serde_json::json!(expected));
    }
    assert_eq!(rows(&server).await.len(), 2);
}

#[tokio::test]
async fn a_head_too_large_gets_431_and_a_malformed_one_400() {
    let server = Server::start(network::SMALL).await;
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(400_000));
    assert_eq!(raw(&server, &long).await, "431");
    let many: String = (0..300).map(|n| format!("x-{n}: 1\r\n")).collect();
    assert_eq!(raw(&server, &format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n")).await, "431");
    for malformed in ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n", "GET /\r\n\r\n"] {
        assert_eq!(raw(&server, malformed).await, "400", "{malformed}");
    }
}

#[tokio::test]
async fn a_request_without_one_host_is_malformed_but_for_http_1_0() {
    let server = Server::start(network::SMALL).await;
    let link = "GET /?a=12&c=1057";
    for malformed in [
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "HTTP/1.0\r\nhost: a\r\nhost: a\r\n\r\n",
    ] {
        assert_eq!(raw(&server, &format!("{link} {malformed}")).await, "400", "{malformed}");
    }
    assert_eq!(rows(&server).await.len(), 0);
    for good in ["HTTP/1.0\r\n\r\n", "HTTP/1.0\r\nhost: a\r\n\r\n", "HTTP/1.1\r\nhost:\r\n\r\n"] {
        assert_eq!(raw(&server, &format!("{link} {good}")).await, "302", "{good}");
    }
}

/// Sends a text as it is and tells the status of the answer.
async fn raw(server: &Server, text: &str) -> String {
    sent(server, &[text.as_bytes()]).await
}

/// Sends bytes as they are, in pieces, and tells the status of the answer.
async fn sent(server: &Server, pieces: &[&[u8]]) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let stream = tokio::net::TcpStream::connect(server.tracking_address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut from, mut to) = stream.into_split();
    let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
    // The server may answer and close before it has read all.
    let writing = tokio::spawn(async move {
        for piece in pieces {
            let _ = to.write_all(&piece).await;
            tokio::task::yield_now().await;
        }
        to
    });
    let mut answer = vec![0; 12];
    from.read_exact(&mut answer).await.unwrap();
    drop(writing.await);
    String::from_utf8_lossy(&answer).split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_link_answers_503_with_retry_after_while_the_store_cannot_write() {
    let server =
        Server::start_with(network::SMALL, Options { max_store_pages: Some(120), ..Options::default() })
            .await;
    // Long rows first, then short ones, until not even the shortest fits.
    for target in [format!("/?a=12&c=1057&s2={}", "x".repeat(400)), "/?a=12".to_owned(), "/".to_owned()] {
        let mut left = 20_000;
        loop {
            let reply = server.tracking.get(&target).await;
            if reply.status != 302 {
                assert_eq!(reply.status, 503);
                assert_ne!(reply.header("retry-after"), "");
                assert_eq!(reply.location(), "");
                assert!(reply.cookies().is_empty());
                break;
            }
            left -= 1;
            assert!(left > 0, "the store never became full");
        }
    }
    for target in ["/?a=12&c=1057&cp=js", "/?a=12&c=1057&cp=img", "/?a=12&c=999"] {
        let reply = follow(&server, target).await;
        assert_eq!(reply.status, 503, "{target}");
        assert_ne!(reply.header("retry-after"), "", "{target}");
        assert!(!reply.text().contains("ckm_request_id"), "{target}");
    }
}
