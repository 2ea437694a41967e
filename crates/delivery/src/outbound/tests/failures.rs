//! Calls that get no answer: how far they came decides whether the buyer may have
//! the lead.

use super::*;
use crumb_domain::selling::PostFailure;
use std::sync::atomic::{AtomicUsize, Ordering};

fn broken(called: &Called) -> (Phase, Option<PostFailure>) {
    (called.phase, called.error.as_ref().unwrap().post_failure())
}

const BROKEN_UNSENT: Option<PostFailure> = Some(PostFailure::Broken { sent: false });
const BROKEN_SENT: Option<PostFailure> = Some(PostFailure::Broken { sent: true });
const TIMED_OUT_UNSENT: Option<PostFailure> = Some(PostFailure::TimedOut { sent: false });
const TIMED_OUT_SENT: Option<PostFailure> = Some(PostFailure::TimedOut { sent: true });

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let (listener, url) = listen().await;
    drop(listener);
    let called = outbound().call(get(&url), within(LONG)).await;
    assert_eq!(broken(&called), (Phase::Connect, BROKEN_UNSENT));
    assert_eq!(
        called.error.unwrap().to_string(),
        "failed while connecting: connection refused; nothing was sent, so a repeat is safe"
    );
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_not_connected_to() {
    let (listener, url) = listen().await;
    let strict = Outbound::new(OutboundOptions::default()).unwrap();
    let called = strict.call(get(&url), within(LONG)).await;
    assert_eq!(broken(&called), (Phase::Resolve, BROKEN_UNSENT));
    assert_eq!(
        called.error.unwrap().to_string(),
        "the host's address is loopback and no allowed network names it; nothing was sent, so a repeat is safe"
    );
    let mut nobody = std::pin::pin!(listener.accept());
    assert!(nobody.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_pending());
}

#[tokio::test]
async fn a_name_is_connected_to_at_its_allowed_addresses_only() {
    let (listener, _) = listen().await;
    let port = listener.local_addr().unwrap().port();
    let url = format!("http://buyer.test:{port}/");
    let named = |addresses: &[&str]| {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Outbound::new(OutboundOptions { resolver: Arc::new(Named(addresses)), ..loopback_options() }).unwrap()
    };
    let refused = named(&["::1", "10.0.0.1"]).call(get(&url), within(LONG)).await;
    assert_eq!(refused.error.unwrap().what, Failure::AddressRefused("loopback"));

    // Somebody listens at the address that is not allowed, too, and is the first that is named.
    let other = TcpListener::bind(format!("127.0.0.2:{port}")).await.unwrap();
    let resolver = Arc::new(Named(vec!["127.0.0.2".parse().unwrap(), "127.0.0.1".parse().unwrap()]));
    let allow = vec!["127.0.0.1/32".parse().unwrap()];
    let outbound = Outbound::new(OutboundOptions { allow, resolver, ..loopback_options() }).unwrap();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        request
    };
    let (called, request) = tokio::select! {
        served = async { tokio::join!(outbound.call(get(&url), within(LONG)), serve) } => served,
        _ = other.accept() => panic!("it is not allowed"),
    };
    assert_eq!((called.error, called.status), (None, Some(204)));
    assert!(request.contains(&format!("Host: buyer.test:{port}\r\n")));
}

#[tokio::test]
async fn an_address_that_refuses_is_followed_by_the_next() {
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let resolver = Arc::new(Named(vec!["127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap()]));
    let outbound = Outbound::new(OutboundOptions { resolver, ..loopback_options() }).unwrap();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    };
    let url = format!("http://buyer.test:{port}/");
    let (called, ()) = served(outbound.call(get(&url), within(LONG)), serve).await;
    assert_eq!(called.error, None);
}

/// A name that stands for this machine when it is first asked for, and then for another.
#[derive(Default)]
struct Changing(AtomicUsize);

impl Resolve for Changing {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        let address =
            if self.0.fetch_add(1, Ordering::Relaxed) == 0 { [127, 0, 0, 1] } else { [10, 0, 0, 1] };
        Box::pin(async move { Ok(vec![IpAddr::from(address)]) })
    }
}

#[tokio::test]
async fn a_name_is_resolved_once_for_a_call_and_connected_to_as_it_was_checked() {
    let (listener, _) = listen().await;
    let url = format!("http://buyer.test:{}/", listener.local_addr().unwrap().port());
    let changing = Arc::new(Changing::default());
    let resolver: Arc<dyn Resolve> = Arc::clone(&changing) as Arc<dyn Resolve>;
    let outbound = Outbound::new(OutboundOptions { resolver, ..loopback_options() }).unwrap();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    };
    let (called, ()) = served(outbound.call(get(&url), within(LONG)), serve).await;
    assert_eq!((called.error, changing.0.load(Ordering::Relaxed)), (None, 1));
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_not_sent() {
    let resolver = Arc::new(Named(Vec::new()));
    let outbound = Outbound::new(OutboundOptions { resolver, ..loopback_options() }).unwrap();
    let called = outbound.call(get("http://buyer.test/"), within(LONG)).await;
    assert_eq!(broken(&called), (Phase::Resolve, BROKEN_UNSENT));
    assert!(!called.error.unwrap().is_sent());
}

/// A name that is never found.
struct Silent;

impl Resolve for Silent {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_up_without_end_is_not_sent() {
    let outbound =
        Outbound::new(OutboundOptions { resolver: Arc::new(Silent), ..loopback_options() }).unwrap();
    let began = now();
    let called = outbound.call(get("http://buyer.test/"), within(Duration::from_secs(10))).await;
    assert_eq!(broken(&called), (Phase::Resolve, TIMED_OUT_UNSENT));
    assert_eq!(began.elapsed().as_secs(), 10);
    assert_eq!(called.ms, Milliseconds { resolve: Some(10_000), ..Milliseconds::default() });
    assert_eq!(
        called.error.unwrap().to_string(),
        "time was up while looking the host up; nothing was sent, so a repeat is safe"
    );
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_whole_ends_a_call_too() {
    let outbound =
        Outbound::new(OutboundOptions { resolver: Arc::new(Silent), ..loopback_options() }).unwrap();
    let budget = Budget { timeout: LONG, until: Some(now() + Duration::from_secs(3)) };
    let began = now();
    outbound.call(get("http://buyer.test/"), budget).await;
    assert_eq!(began.elapsed().as_secs(), 3);
}

/// Waiting for a place takes of the call's own time, and is not sent.
#[tokio::test(start_paused = true)]
async fn a_call_that_finds_no_place_is_not_sent() {
    let (listener, url) = listen().await;
    let options = OutboundOptions { resolver: Arc::new(Silent), max_in_flight: 1, ..loopback_options() };
    let outbound = Outbound::new(options).unwrap();
    let first = outbound.call(get("http://a.test/"), within(LONG));
    // This one could be sent at once, were there a place.
    let second = outbound.call(get(&url), within(Duration::from_secs(2)));
    let (_, second) = tokio::select! {
        both = async { tokio::join!(first, second) } => both,
        _ = listener.accept() => panic!("it has no place"),
    };
    assert_eq!(broken(&second), (Phase::Resolve, TIMED_OUT_UNSENT));
}

/// A listener whose queue is full drops what knocks, as a host behind a firewall
/// does.
#[tokio::test]
async fn a_connection_that_nobody_answers_is_not_sent() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut knocking = Vec::new();
    for _ in 0..4 {
        let mut knock = Box::pin(TcpStream::connect(address));
        let _ = tokio::time::timeout(Duration::from_millis(5), &mut knock).await;
        knocking.push(knock);
    }
    tokio::time::pause();
    let called = outbound().call(get(&url_of(address)), within(LONG)).await;
    assert_eq!(broken(&called), (Phase::Connect, TIMED_OUT_UNSENT));
}

/// The clock stands still from the moment the buyer has the request, so that the
/// silence after it is all that passes.
async fn silent_after(answer: &'static str) -> Called {
    let (url, buyer) = buyer(move |mut stream| async move {
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let stream = stream;
        tokio::time::pause();
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let began = now();
    let called = outbound().call(post(&url, "a=1"), within(LONG)).await;
    assert_eq!(began.elapsed().as_secs(), LONG.as_secs(), "there is one time for all");
    buyer.abort();
    called
}

#[tokio::test]
async fn silence_after_the_request_is_sent() {
    let called = silent_after("").await;
    assert_eq!(broken(&called), (Phase::Head, TIMED_OUT_SENT));
    assert_eq!(called.status, None);
    assert_eq!(
        called.error.unwrap().to_string(),
        "time was up while waiting for the answer; the request may have arrived, so a repeat is not safe"
    );
}

#[tokio::test]
async fn a_head_that_stops_runs_out_of_the_same_time() {
    assert_eq!(broken(&silent_after("HTTP/1.1 200 OK\r\nX-").await), (Phase::Head, TIMED_OUT_SENT));
}

#[tokio::test]
async fn a_body_that_stops_runs_out_of_the_same_time() {
    let called = silent_after("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsucc").await;
    assert_eq!(broken(&called), (Phase::Body, TIMED_OUT_SENT));
    assert_eq!((called.status, called.answer.as_slice()), (Some(200), b"succ".as_slice()));
}

/// Each byte comes in time, and all of them do not: there is one time for all.
#[tokio::test]
async fn a_body_that_drips_runs_out_of_the_same_time() {
    let (url, buyer) = buyer(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        tokio::time::pause();
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    let began = now();
    let called = outbound().call(get(&url), within(LONG)).await;
    buyer.abort();
    assert_eq!(began.elapsed().as_secs(), LONG.as_secs());
    assert!(matches!(called.phase, Phase::Head | Phase::Body));
    assert_eq!(called.error.unwrap().post_failure(), TIMED_OUT_SENT);
}

#[tokio::test]
async fn a_connection_cut_before_the_answer_is_sent() {
    let (url, _buyer) = buyer(|stream| async move { drop(stream) }).await;
    let called = outbound().call(post(&url, "a=1"), within(LONG)).await;
    assert_eq!(broken(&called), (Phase::Head, BROKEN_SENT));
}

/// The rest had not even left, but nobody can know here what was read of the first part.
#[tokio::test]
async fn a_connection_cut_amid_the_request_is_sent() {
    let (listener, url) = listen().await;
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 1]).await.unwrap();
        drop(stream);
    };
    let outbound = outbound();
    let more_than_the_system_buffers = vec![b'x'; 32 * 1024 * 1024];
    let call = outbound.call(post(&url, more_than_the_system_buffers), within(LONG));
    let (called, ()) = tokio::join!(call, serve);
    assert_eq!(broken(&called), (Phase::Write, BROKEN_SENT));
}

#[tokio::test]
async fn an_answer_cut_in_its_body_is_broken_and_what_came_is_kept() {
    let (url, _buyer) = answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsucc").await;
    let called = outbound().call(get(&url), within(LONG)).await;
    assert_eq!(broken(&called), (Phase::Body, BROKEN_SENT));
    assert_eq!(called.answer, b"succ");
}

#[tokio::test]
async fn what_is_no_http_is_broken() {
    let (url, _buyer) = answering("220 smtp.example ESMTP\r\n").await;
    let called = outbound().call(get(&url), within(LONG)).await;
    assert_eq!(broken(&called), (Phase::Head, BROKEN_SENT));
}

#[tokio::test]
async fn dropping_a_call_closes_its_connection() {
    let (listener, url) = listen().await;
    let outbound = outbound();
    let mut call = Box::pin(outbound.call(post(&url, "a=1"), within(LONG)));
    let mut stream = tokio::select! {
        _ = &mut call => panic!("it cannot end by itself"),
        stream = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream
        } => stream,
    };
    drop(call);
    let read = tokio::time::timeout(LONG, stream.read(&mut [0; 8])).await.expect("its end");
    assert_eq!(read.unwrap(), 0);
}
