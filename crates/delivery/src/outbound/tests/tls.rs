//! Over TLS: the certificate is checked by the host's name.

use super::*;
use crumb_domain::selling::PostFailure;
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

/// A buyer with a certificate for these names that the client is told to trust.
fn trusted(names: &[&str]) -> (TlsAcceptor, Outbound) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let certificate = made.cert.der().clone();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let resolver = Arc::new(Named(vec!["127.0.0.1".parse().unwrap()]));
    let options = OutboundOptions { extra_roots: vec![certificate], resolver, ..loopback_options() };
    (TlsAcceptor::from(Arc::new(config)), Outbound::new(options).unwrap())
}

fn https(listener: &TcpListener, host: &str) -> OutboundRequest {
    post(&format!("https://{host}:{}/leads", listener.local_addr().unwrap().port()), "a=1")
}

#[tokio::test]
async fn keys_are_agreed_on_with_the_host_by_its_name() {
    let (acceptor, outbound) = trusted(&["buyer.test"]);
    let (listener, _) = listen().await;
    let serve = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        assert_eq!(stream.get_ref().1.server_name(), Some("buyer.test"));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
        let request = read_request(&mut stream).await;
        // An answer without a length, and an end without a word: as old servers do.
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nsuccess").await.unwrap();
        stream.flush().await.unwrap();
        drop(stream);
        request
    };
    let (called, request) = tokio::join!(outbound.call(https(&listener, "buyer.test"), within(LONG)), serve);
    assert_eq!((called.error, called.answer), (None, b"success".to_vec()));
    assert!(called.ms.tls.is_some());
    assert!(request.ends_with("\r\n\r\na=1"));
}

#[tokio::test]
async fn a_certificate_of_another_name_or_of_nobody_is_refused_before_a_byte_is_sent() {
    let (acceptor, knows_it) = trusted(&["other.test"]);
    let (_, knows_another) = trusted(&["buyer.test"]);
    for outbound in [knows_it, knows_another] {
        let (listener, _) = listen().await;
        let serve = async {
            let (stream, _) = listener.accept().await.unwrap();
            acceptor.accept(stream).await.is_err()
        };
        let call = outbound.call(https(&listener, "buyer.test"), within(LONG));
        let (called, refused) = tokio::join!(call, serve);
        assert!(refused, "the buyer saw no request");
        assert_eq!(called.phase, Phase::Tls);
        let error = called.error.unwrap();
        assert_eq!(error.post_failure(), Some(PostFailure::Broken { sent: false }));
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

#[tokio::test]
async fn keys_that_are_never_agreed_on_are_not_sent() {
    let (_, outbound) = trusted(&["buyer.test"]);
    let (listener, _) = listen().await;
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 16]).await.unwrap();
        tokio::time::pause();
        std::future::pending::<()>().await;
        drop(stream);
    };
    let request = https(&listener, "buyer.test");
    let called = tokio::select! {
        called = outbound.call(request, within(LONG)) => called,
        () = serve => panic!("it cannot end"),
    };
    assert_eq!(called.phase, Phase::Tls);
    assert_eq!(called.error.unwrap().post_failure(), Some(PostFailure::TimedOut { sent: false }));
}
