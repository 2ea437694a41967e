//! What leaves.

use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async fn seen(request: impl FnOnce(&str) -> OutboundRequest) -> String {
    let (url, buyer) = answering(OK).await;
    let called = outbound().call(request(&url), within(LONG)).await;
    assert_eq!(called.error, None);
    buyer.await.unwrap().replace(url.trim_start_matches("http://").trim_end_matches("/leads"), "HOST")
}

#[tokio::test]
async fn headers_are_title_cased_and_in_the_given_order() {
    let header = |name: &'static str, value: &'static str| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    let request = seen(|url| OutboundRequest {
        headers: vec![
            header("x-zebra", "1"),
            header("content-type", "text/xml"),
            header("soapaction", "\"buy\""),
            header("accept", "*/*"),
        ],
        ..post(url, "<a/>")
    })
    .await;
    assert_eq!(
        request,
        "POST /leads HTTP/1.1\r\nHost: HOST\r\nX-Zebra: 1\r\nContent-Type: text/xml\r\nSoapaction: \"buy\"\r\n\
         Accept: */*\r\nContent-Length: 4\r\nConnection: close\r\n\r\n<a/>"
    );
}

#[tokio::test]
async fn the_framing_of_a_request_cannot_be_configured() {
    let header = |name: &'static str| (HeaderName::from_static(name), HeaderValue::from_static("999"));
    let request = seen(|url| OutboundRequest {
        headers: [
            "content-length",
            "transfer-encoding",
            "connection",
            "expect",
            "te",
            "trailer",
            "upgrade",
            "keep-alive",
        ]
        .map(header)
        .to_vec(),
        ..post(url, "a=1")
    })
    .await;
    assert_eq!(
        request,
        "POST /leads HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\nConnection: close\r\n\r\na=1"
    );
}

#[tokio::test]
async fn a_configured_host_is_said_in_place_of_the_addresss_and_once() {
    let request = seen(|url| OutboundRequest {
        headers: vec![(HeaderName::from_static("host"), HeaderValue::from_static("sales.example"))],
        ..get(url)
    })
    .await;
    assert_eq!(request, "GET /leads HTTP/1.1\r\nHost: sales.example\r\nConnection: close\r\n\r\n");
}

#[tokio::test]
async fn a_get_has_no_body_and_an_empty_post_says_so() {
    assert_eq!(seen(get).await, "GET /leads HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n");
    assert_eq!(
        seen(|url| post(url, "")).await,
        "POST /leads HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
}

#[tokio::test]
async fn each_call_has_a_connection_of_its_own() {
    let (listener, url) = listen().await;
    let outbound = outbound();
    for _ in 0..2 {
        let call = outbound.call(get(&url), within(LONG));
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream.write_all(OK.as_bytes()).await.unwrap();
            // The stream is not closed here: the client does not wait for that.
            stream
        };
        let (called, _stream) = served(call, serve).await;
        assert_eq!(called.error, None);
    }
}

/// As many calls as a busy network has at once, all open at the same moment.
#[tokio::test]
async fn two_thousand_calls_in_flight_all_get_their_answers() {
    const CALLS: usize = 2_000;
    allow_open_files();
    let outbound = Arc::new(outbound());
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(4_096).unwrap();
    let url = url_of(listener.local_addr().unwrap());
    let all_open = Arc::new(tokio::sync::Barrier::new(CALLS));
    let serve = tokio::spawn(async move {
        for _ in 0..CALLS {
            let (mut stream, _) = listener.accept().await.unwrap();
            let all_open = Arc::clone(&all_open);
            tokio::spawn(async move {
                read_request(&mut stream).await;
                all_open.wait().await;
                stream.write_all(OK.as_bytes()).await.unwrap();
            });
        }
    });
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..CALLS {
        let (outbound, request) = (Arc::clone(&outbound), post(&url, "zip=90001"));
        calls.spawn(async move { outbound.call(request, within(LONG)).await });
    }
    for called in calls.join_all().await {
        assert_eq!((called.error, called.answer), (None, b"ok".to_vec()));
    }
    serve.await.unwrap();
}

/// Client and buyer are one process here, so each call takes two files: more than
/// many systems let a process open unless it asks.
fn allow_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}
