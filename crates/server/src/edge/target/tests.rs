use super::super::connection::{Fragment, Phase};
use super::super::lenient::LenientStream;
use super::*;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use proptest::prelude::*;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A request as the parser behind the stream understood it: target, its fragment behind it, and body.
type Seen = (String, Vec<u8>);

/// What hyper reads where a client sends some pieces, and what it answers at last.
async fn read_by_the_parser(pieces: Vec<Vec<u8>>) -> (Vec<Seen>, String) {
    let (mut client, server) = tokio::io::duplex(1 << 17);
    let phase = Phase::default();
    let stream = LenientStream::new(server, phase.clone());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let service = service_fn(move |request: http::Request<Incoming>| {
        phase.begin(request.body().size_hint().exact());
        let (phase, kept) = (phase.clone(), Arc::clone(&kept));
        async move {
            let fragment = phase.fragment().map(|Fragment(bytes)| String::from_utf8(bytes).unwrap());
            let target = format!("{}{}", request.uri(), fragment.unwrap_or_default());
            // As a listener does: a link's body is nobody's concern.
            let reads = request.method() == http::Method::POST;
            let body = if reads { request.collect().await.unwrap().to_bytes().to_vec() } else { Vec::new() };
            kept.lock().unwrap().push((target, body));
            phase.end();
            Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::new())))
        }
    });
    let serving = async {
        // What the client hears is judged, not how the connection ends.
        let _ = http1::Builder::new()
            .half_close(true)
            .serve_connection(hyper_util::rt::TokioIo::new(stream), service)
            .await;
    };
    let asking = async move {
        for piece in pieces {
            if client.write_all(&piece).await.is_err() {
                break;
            }
            // Lets the server read what there is.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        }
        let _ = client.shutdown().await;
        let mut answers = String::new();
        let _ = client.read_to_string(&mut answers).await;
        answers
    };
    let (answers, ()) = tokio::join!(asking, serving);
    let last = answers.rsplit("HTTP/1.1 ").next().unwrap_or_default();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (seen, last.chars().take(3).collect())
}

/// Bytes in pieces, cut at some places.
fn pieces(bytes: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| bytes[cut[0]..cut[1]].to_vec()).collect()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn read(bytes: &[u8], cuts: &[usize]) -> (Vec<Seen>, String) {
    block_on(read_by_the_parser(pieces(bytes, cuts)))
}

/// A target as it is handed to the parser.
fn escaped(target: &[u8]) -> Vec<u8> {
    target.iter().flat_map(|b| if is_refused(*b) { escape(*b).to_vec() } else { vec![*b] }).collect()
}

#[test]
fn every_byte_of_a_query_that_can_be_told_from_its_end_is_read() {
    for byte in (0x21..=0xFF_u8).filter(|byte| ![b'#', 0x7F].contains(byte)) {
        let query = [b"/?s1=".as_slice(), &[byte, byte], b"x"].concat();
        let uri = http::Uri::try_from(escaped(&query));
        assert!(uri.is_ok(), "{byte:#x}");
    }
}

#[test]
fn a_request_without_such_bytes_is_not_copied() {
    let head = b"GET /?a=1&s1=%3Cx HTTP/1.1\r\nhost: <x>\r\nx: \xE9\r\n\r\n";
    assert_eq!(Heads::new().pass(head), Passed { taken: head.len(), rewritten: None });
}

const LIKE_A_REQUEST: &[u8] = b"GET /<a> HTTP/1.1\r\nhost: <\xE9>\r\n\r\n";

#[test]
fn nothing_is_rewritten_outside_a_target() {
    let length = LIKE_A_REQUEST.len();
    let head = format!("POST /d.ashx?x=<1> HTTP/1.1\r\nx: <\u{e9}>\r\ncontent-length: {length}\r\n\r\n");
    let rewritten = Heads::new().pass(head.as_bytes()).rewritten.map(|head| String::from_utf8(head).unwrap());
    assert_eq!(rewritten, Some(head.replacen("<1>", "%3C1%3E", 1)));
    let (seen, status) = read(&[head.as_bytes(), LIKE_A_REQUEST].concat(), &[]);
    assert_eq!(status, "200");
    assert_eq!(seen, [("/d.ashx?x=%3C1%3E".to_owned(), LIKE_A_REQUEST.to_vec())]);
}

#[test]
fn a_body_that_nobody_reads_is_no_request() {
    let length = LIKE_A_REQUEST.len();
    let first = format!("GET /?x=< HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    let second = b"GET /?y=> HTTP/1.1\r\nhost: x\r\n\r\n";
    let (seen, status) = read(&[first.as_bytes(), LIKE_A_REQUEST, second].concat(), &[]);
    assert_eq!(status, "200");
    assert_eq!(seen, [("/?x=%3C".to_owned(), vec![]), ("/?y=%3E".to_owned(), vec![])]);
}

#[test]
fn behind_a_body_of_unknown_length_nothing_is_rewritten_any_more() {
    let chunked =
        b"POST /?x=< HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\n<a>\r\n0\r\n\r\n";
    let (seen, status) = read(&[chunked.as_slice(), b"GET /?y=1 HTTP/1.1\r\nhost: x\r\n\r\n"].concat(), &[]);
    assert_eq!((seen.len(), seen[0].1.as_slice(), status.as_str()), (2, b"<a>".as_slice(), "200"));
    let (seen, status) = read(&[chunked.as_slice(), b"GET /?y=< HTTP/1.1\r\nhost: x\r\n\r\n"].concat(), &[]);
    assert_eq!((seen.len(), status.as_str()), (1, "400"));
}

#[test]
fn a_fragment_is_told_beside_the_request_whose_it_is() {
    let requests = [
        "GET /?a=1#x#<y> HTTP/1.1\r\nhost: #h\r\n\r\n",
        "POST /?b=2 HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n#b",
        "GET /?c=3# HTTP/1.1\r\nhost: x\r\n\r\n",
    ];
    let (seen, status) = read(requests.concat().as_bytes(), &[]);
    let targets: Vec<&str> = seen.iter().map(|(target, _)| target.as_str()).collect();
    assert_eq!((targets, status.as_str()), (vec!["/?a=1#x#%3Cy%3E", "/?b=2", "/?c=3#"], "200"));
}

#[test]
fn what_is_no_request_stays_none() {
    for bytes in
        ["<nonsense>\r\n\r\n", "GET <\r\n\r\n", "GET  /< HTTP/1.1\r\n\r\n", "GET /< HTTP/1.1 x\r\n\r\n"]
    {
        let (seen, status) = read(bytes.as_bytes(), &[]);
        assert_eq!((seen.len(), status.as_str()), (0, "400"), "{bytes}");
    }
}

#[test]
fn a_target_too_long_is_414_however_long_it_is_and_however_it_comes() {
    for length in [65_535, 100_000, 200_000, MAX_FORGOTTEN_BYTES + 200_000] {
        for (target, rest) in [("x", " HTTP/1.1\r\nhost: x\r\n\r\n"), ("<", " HTTP/1.1\r\nx: <\r\n\r\nbody")]
        {
            let request = format!("GET /?{}{rest}", target.repeat(length));
            for cuts in [vec![], vec![9, 65_000, 70_000], vec![50_000, 65_539, 65_540, 65_541]] {
                let (seen, status) = read(request.as_bytes(), &cuts);
                assert_eq!((seen.len(), status.as_str()), (0, "414"), "{length} {target} {cuts:?}");
            }
        }
    }
}

#[test]
fn what_is_kept_of_a_request_too_long_is_its_beginning() {
    let mut heads = Heads::new();
    let passed = heads.pass(format!("GET /{} HTTP/1.1\r\n", "x".repeat(70_000)).as_bytes());
    assert_eq!(passed.rewritten.map(|rewritten| rewritten.len()), Some(4 + MAX_TARGET_BYTES + 1));
    assert_eq!(heads.pass(b"x: y").rewritten, Some(Vec::new()));
    assert_eq!(heads.pass(b"\r\n\r\n").rewritten, Some(END_OF_FORGOTTEN_HEAD.to_vec()));
    assert!(heads.is_over());
}

#[test]
fn what_is_read_of_a_head_too_long_has_an_end_whatever_it_is_made_of() {
    for lines in ["x".repeat(64 * 1024), "x: y\r\n".repeat(10_000) + "x", "x: y\n\rx".repeat(10_000)] {
        let mut heads = Heads::new();
        heads.pass(format!("GET /{} HTTP/1.1\r\n", "x".repeat(70_000)).as_bytes());
        let mut read = 0;
        while !heads.is_over() {
            let passed = heads.pass(lines.as_bytes());
            assert_eq!(passed.taken, lines.len());
            read += lines.len();
            let rewritten = if heads.is_over() { END_OF_FORGOTTEN_HEAD } else { b"" };
            assert_eq!(passed.rewritten.as_deref(), Some(rewritten));
            assert!(read <= MAX_FORGOTTEN_BYTES + lines.len(), "{}", &lines[..8]);
        }
    }
}

fn target() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"ab&=%3#".to_vec()),
        1 => prop::sample::select(b"<>\"`{}|\\^".to_vec()),
        1 => 0x80..=0xFF_u8,
    ];
    prop::collection::vec(byte, 0..40).prop_map(|query| [b"/?x".as_slice(), &query].concat())
}

/// Bytes that look like the beginnings and ends of heads.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"GET /<".to_vec()),
        Just(b" HTTP/1.1\r\n".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

fn request() -> impl Strategy<Value = (Vec<u8>, Seen)> {
    let line_end = prop::sample::select(vec!["\r\n", "\n"]);
    (target(), proptest::option::of(body()), line_end, any::<bool>()).prop_map(
        |(target, body, end, blank)| {
            let readable = String::from_utf8(escaped(&target)).unwrap();
            let method = if body.is_some() { "POST " } else { "GET " };
            let body = body.unwrap_or_default();
            let blank = if blank { end } else { "" };
            let head = format!(" HTTP/1.1{end}host: <x>{end}content-length: {}{end}{end}", body.len());
            let raw = [blank.as_bytes(), method.as_bytes(), &target, head.as_bytes(), &body].concat();
            (raw, (readable, body))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn requests_are_read_as_they_were_meant_however_they_are_cut(
        requests in prop::collection::vec(request(), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let bytes: Vec<u8> = requests.iter().flat_map(|(raw, _)| raw.clone()).collect();
        let meant: Vec<Seen> = requests.into_iter().map(|(_, seen)| seen).collect();
        prop_assert_eq!(read(&bytes, &cuts), (meant, "200".to_owned()));
    }

    #[test]
    fn any_bytes_pass_whole_or_rewritten_whatever_the_parser_says(
        bytes in body(),
        begun in 0..3_u32,
        length in proptest::option::of(0..50_u64),
    ) {
        let mut heads = Heads::new();
        let mut rest = bytes.as_slice();
        let mut out = Vec::new();
        while !rest.is_empty() {
            let passed = heads.pass(rest);
            prop_assert!((1..=rest.len()).contains(&passed.taken));
            out.extend(passed.rewritten.unwrap_or_else(|| rest[..passed.taken].to_vec()));
            rest = &rest[passed.taken..];
            heads.hear(begun, length);
        }
        prop_assert!(out.len() >= bytes.len());
        prop_assert_eq!(escaped(&out), escaped(&bytes), "nothing else has changed");
    }
}
