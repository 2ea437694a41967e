//! What comes back.

use super::*;

async fn called(answer: impl Into<Vec<u8>>) -> Called {
    let (url, _buyer) = answering(answer).await;
    outbound().call(post(&url, "a=1"), within(LONG)).await
}

#[tokio::test]
async fn an_answer_is_read_to_its_end() {
    let called =
        called("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Type: text/plain\r\n\r\nsuccess").await;
    assert_eq!(called.error, None);
    assert_eq!((called.phase, called.status), (Phase::Done, Some(200)));
    assert_eq!(called.answer, b"success");
    assert_eq!(called.headers["content-type"], "text/plain");
    let ms = called.ms;
    assert!([ms.resolve, ms.connect, ms.write, ms.head, ms.body].iter().all(Option::is_some), "{ms:?}");
    assert_eq!(ms.tls, None, "there were no keys");
}

#[tokio::test]
async fn an_answer_in_chunks_or_to_the_end_of_the_connection_is_whole() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nsuc\r\n4\r\ncess\r\n0\r\n\r\n";
    for answer in [chunked, "HTTP/1.0 200 OK\r\n\r\nsuccess", "HTTP/1.1 200 OK\r\n\r\nsuccess"] {
        let called = called(answer).await;
        assert_eq!((called.error, called.answer), (None, b"success".to_vec()), "{answer}");
    }
}

#[tokio::test]
async fn an_old_servers_odd_head_is_understood() {
    let odd =
        "HTTP/1.1 200 OK\r\nX Bad Name: 1\r\nServer : old\r\nX-Long: a\r\n b\r\nContent-Length: 2\r\n\r\nok";
    let called = called(odd).await;
    assert_eq!((called.error, called.answer), (None, b"ok".to_vec()));
    assert_eq!(called.headers["server"], "old");
    assert_eq!(called.headers["x-long"], "a b");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, elsewhere_url) = listen().await;
    let called =
        called(format!("HTTP/1.1 302 Found\r\nLocation: {elsewhere_url}\r\nContent-Length: 5\r\n\r\nmoved"))
            .await;
    assert_eq!((called.error, called.status), (None, Some(302)));
    assert_eq!(called.answer, b"moved");
    let mut nobody = std::pin::pin!(elsewhere.accept());
    let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert!(nobody.as_mut().poll(context).is_pending(), "nobody called the redirect's target");
}

#[tokio::test]
async fn an_answer_of_the_limit_is_read_and_one_byte_more_is_too_long() {
    let sized = |size: usize| {
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").into_bytes();
        answer.resize(answer.len() + size, b'x');
        answer
    };
    let fits = called(sized(MAX_ANSWER_BYTES)).await;
    assert_eq!((fits.error, fits.answer.len()), (None, MAX_ANSWER_BYTES));

    let (url, _buyer) = buyer(move |mut stream| async move {
        // The client may hang up on it.
        let _ = stream.write_all(&sized(MAX_ANSWER_BYTES + 1)).await;
    })
    .await;
    let long = outbound().call(get(&url), within(LONG)).await;
    let error = long.error.unwrap();
    assert_eq!((error.phase, long.phase), (Phase::Body, Phase::Body));
    assert_eq!(error.post_failure(), None, "it is an answer, though no good one");
    assert_eq!((long.status, long.answer.len()), (Some(200), MAX_ANSWER_BYTES));
    assert_eq!(
        error.to_string(),
        "the answer is longer than 262144 bytes; the request may have arrived, so a repeat is not safe"
    );
}

#[tokio::test]
async fn an_endless_body_ends_at_the_limit() {
    let (url, buyer) = buyer(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
    })
    .await;
    let called = outbound().call(get(&url), within(LONG)).await;
    assert!(matches!(called.error.unwrap().what, Failure::AnswerTooLong { .. }));
    buyer.await.unwrap();
}

#[tokio::test]
async fn a_head_without_end_is_no_answer() {
    let (url, buyer) = buyer(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").await.unwrap();
        while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
    })
    .await;
    let called = outbound().call(get(&url), within(LONG)).await;
    let error = called.error.unwrap();
    assert!(matches!(error.what, Failure::Broken(_)), "{error}");
    assert!(error.is_sent());
    buyer.await.unwrap();
}
