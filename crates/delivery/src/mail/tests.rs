//! Mail, over a real socket to a relay that does as the test says.

use super::*;
use crumb_domain::selling::PostFailure;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

const LONG: Duration = Duration::from_secs(60);

fn mail(to: &str) -> Mail {
    Mail {
        to: vec![to.to_owned()],
        subject: "Lead \u{e9}\r\nBcc: evil@example.com".to_owned(),
        body: "zip: 90001\r\n.\r\nname: Ren\u{e9}e\r\n".to_owned(),
        is_html: false,
        id: None,
    }
}

/// What a relay does at a command.
pub(crate) enum Does {
    Says(&'static str),
    HangsUp,
    /// Says nothing more; the clock is paused, so that the silence passes at once.
    FallsSilent,
}

/// A relay who is well until a line begins so.
pub(crate) async fn relay(
    at: &'static str,
    does: Does,
) -> (MailOptions, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = MailOptions {
        relay: listener.local_addr().unwrap().to_string(),
        from: "Leads <leads@crumb.example>".to_owned(),
        credentials: None,
    };
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut lines = Vec::new();
        stream.write_all(b"220 relay.example ESMTP\r\n").await.unwrap();
        let mut is_text = false;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return lines;
            }
            lines.push(line.trim_end_matches("\r\n").to_owned());
            if !at.is_empty() && line.starts_with(at) {
                match does {
                    Does::Says(answer) => {
                        stream.write_all(answer.as_bytes()).await.unwrap();
                        continue;
                    }
                    Does::HangsUp => return lines,
                    Does::FallsSilent => {
                        tokio::time::pause();
                        std::future::pending::<()>().await;
                    }
                }
            }
            let answer = match line.as_str() {
                ".\r\n" => {
                    is_text = false;
                    "250 2.0.0 queued as 123\r\n"
                }
                _ if is_text => continue,
                "DATA\r\n" => {
                    is_text = true;
                    "354 go on\r\n"
                }
                _ if line.starts_with("EHLO") => "250-relay.example\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n",
                _ if line.starts_with("AUTH") => "235 come in\r\n",
                _ => "250 ok\r\n",
            };
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (options, task)
}

async fn sent(at: &'static str, does: Does) -> Mailed {
    let (options, relay) = relay(at, does).await;
    let mailed = Mailer::new(options)
        .unwrap()
        .send(&mail("buyer@example.com"), Budget { timeout: LONG, until: None })
        .await;
    relay.abort();
    mailed
}

fn failure(mailed: &Mailed) -> (Phase, Option<PostFailure>) {
    match &mailed.outcome {
        MailOutcome::Failed(error) => (mailed.phase, error.post_failure()),
        _ => panic!("it did not fail"),
    }
}

#[tokio::test]
async fn accepted_means_that_the_relay_took_it() {
    let (options, relay) = relay("", Does::HangsUp).await;
    let mailer = Mailer::new(options).unwrap();
    let mailed = mailer.send(&mail("buyer@example.com"), Budget { timeout: LONG, until: None }).await;
    assert!(matches!(mailed.outcome, MailOutcome::Taken));
    assert_eq!((mailed.phase, mailed.answer.as_str()), (Phase::Done, "250 2.0.0 queued as 123"));
    assert!(mailed.ms.connect.is_some() && mailed.ms.write.is_some());
    let lines = relay.await.unwrap();
    let at = |line: &str| lines.iter().position(|have| have.starts_with(line)).unwrap();
    assert!(at("MAIL FROM:<leads@crumb.example>") < at("RCPT TO:<buyer@example.com>"));
    assert!(at("RCPT TO:") < at("DATA") && at("DATA") < at("Subject: "));
    assert_eq!(lines.iter().filter(|line| line.starts_with("RCPT")).count(), 1, "a subject adds nobody");
    assert!(!lines.iter().any(|line| line.starts_with("Bcc")));
    assert!(lines.iter().any(|line| line == "From: Leads <leads@crumb.example>"));
    assert!(lines.iter().any(|line| line.contains("text/plain; charset=utf-8")));
    assert_eq!(lines.last().map(String::as_str), Some("."));
    assert_eq!(lines.iter().filter(|line| *line == ".").count(), 1, "a line of a dot does not end the text");
}

#[tokio::test]
async fn what_fails_before_the_text_is_not_sent() {
    for (at, does) in [
        ("EHLO", Does::HangsUp),
        ("MAIL", Does::Says("451 later\r\n")),
        ("RCPT", Does::Says("550 5.1.1 <buyer@example.com> unknown\r\n")),
        ("DATA", Does::Says("554 no\r\n")),
        ("DATA", Does::HangsUp),
    ] {
        let mailed = sent(at, does).await;
        assert_eq!(failure(&mailed), (Phase::Connect, Some(PostFailure::Broken { sent: false })), "{at}");
    }
}

#[tokio::test]
async fn the_relays_words_are_in_the_answer_and_not_in_the_error() {
    let mailed = sent("RCPT", Does::Says("550 5.1.1 <buyer@example.com> unknown\r\n")).await;
    let MailOutcome::Failed(error) = mailed.outcome else { panic!("it did not fail") };
    assert_eq!(
        error.to_string(),
        "failed while connecting: the relay answered 550; nothing was sent, so a repeat is safe"
    );
    assert!(mailed.answer.contains("buyer@example.com"));
}

#[tokio::test]
async fn silence_before_the_text_is_not_sent() {
    let mailed = sent("RCPT", Does::FallsSilent).await;
    assert_eq!(failure(&mailed), (Phase::Connect, Some(PostFailure::TimedOut { sent: false })));
}

#[tokio::test]
async fn what_fails_behind_the_text_is_sent() {
    let mailed = sent(".", Does::HangsUp).await;
    assert_eq!(failure(&mailed), (Phase::Write, Some(PostFailure::Broken { sent: true })));
}

#[tokio::test]
async fn silence_behind_the_text_is_sent() {
    let mailed = sent(".", Does::FallsSilent).await;
    assert_eq!(failure(&mailed), (Phase::Write, Some(PostFailure::TimedOut { sent: true })));
}

#[tokio::test]
async fn a_text_that_is_refused_is_no_sale_and_no_doubt() {
    let mailed = sent(".", Does::Says("552 too big\r\n")).await;
    let MailOutcome::Refused(why) = mailed.outcome else { panic!("it was not refused") };
    assert_eq!((mailed.phase, why.as_str()), (Phase::Done, "the relay answered 552"));
}

#[tokio::test]
async fn a_recipient_that_is_no_address_is_told_without_it() {
    let (options, relay) = relay("", Does::HangsUp).await;
    let mailer = Mailer::new(options).unwrap();
    for wrong in ["bob", "a@example.com, b@example.com", ""] {
        let mailed = mailer.send(&mail(wrong), Budget { timeout: LONG, until: None }).await;
        let MailOutcome::Failed(error) = mailed.outcome else { panic!("it did not fail") };
        assert_eq!(
            error.to_string(),
            "failed while looking the host up: a recipient is no e-mail address; \
             nothing was sent, so a repeat is safe"
        );
    }
    relay.abort();
}

#[tokio::test]
async fn a_user_logs_in() {
    let (options, relay) = relay("", Does::HangsUp).await;
    let credentials = Some(("user".to_owned(), "password".to_owned()));
    let mailer = Mailer::new(MailOptions { credentials, ..options }).unwrap();
    let mailed = mailer.send(&mail("buyer@example.com"), Budget { timeout: LONG, until: None }).await;
    assert!(matches!(mailed.outcome, MailOutcome::Taken));
    assert!(relay.await.unwrap().contains(&"AUTH PLAIN AHVzZXIAcGFzc3dvcmQ=".to_owned()));
}

#[tokio::test]
async fn a_password_is_given_to_no_relay_elsewhere_that_offers_no_tls() {
    let (options, relay) = relay("", Does::HangsUp).await;
    // This very host by an address that is nobody's loopback.
    let elsewhere = options.relay.replace("127.0.0.1", "0.0.0.0");
    let credentials = Some(("user".to_owned(), "password".to_owned()));
    let mailer = Mailer::new(MailOptions { relay: elsewhere, credentials, ..options }).unwrap();
    let mailed = mailer.send(&mail("buyer@example.com"), Budget { timeout: LONG, until: None }).await;
    assert_eq!(failure(&mailed), (Phase::Connect, Some(PostFailure::Broken { sent: false })));
    let MailOutcome::Failed(error) = mailed.outcome else { panic!("it did not fail") };
    let why = "the relay offers no TLS, and the password is not sent without";
    assert!(error.to_string().contains(why), "{error}");
    let lines = relay.await.unwrap();
    assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with("EHLO")), "{lines:?}");
}

#[tokio::test]
async fn a_relay_elsewhere_that_offers_tls_is_told_nothing_without() {
    let (options, relay) = relay("EHLO", Does::Says("250-relay.example\r\n250 STARTTLS\r\n")).await;
    let elsewhere = options.relay.replace("127.0.0.1", "0.0.0.0");
    let mailer = Mailer::new(MailOptions { relay: elsewhere, ..options }).unwrap();
    // The relay agrees to STARTTLS, and then speaks no TLS.
    let mailed = mailer.send(&mail("buyer@example.com"), Budget { timeout: LONG, until: None }).await;
    assert_eq!(failure(&mailed), (Phase::Tls, Some(PostFailure::Broken { sent: false })));
    relay.abort();
}

#[tokio::test]
async fn an_address_beyond_ascii_goes_to_a_relay_that_takes_such_and_to_no_other() {
    let (options, first) = relay("", Does::HangsUp).await;
    let mailer = Mailer::new(options).unwrap();
    let beyond = mail("b\u{fc}yer@example.com");
    let mailed = mailer.send(&beyond, Budget { timeout: LONG, until: None }).await;
    let MailOutcome::Failed(error) = mailed.outcome else { panic!("it did not fail") };
    assert!(error.to_string().contains("the relay takes no address like this one"), "{error}");
    assert!(!first.await.unwrap().iter().any(|line| line.starts_with("MAIL")));
    let (options, second) = relay("EHLO", Does::Says("250-relay.example\r\n250 SMTPUTF8\r\n")).await;
    let mailed = Mailer::new(options).unwrap().send(&beyond, Budget { timeout: LONG, until: None }).await;
    assert!(matches!(mailed.outcome, MailOutcome::Taken));
    let lines = second.await.unwrap();
    assert!(lines.contains(&"MAIL FROM:<leads@crumb.example> SMTPUTF8".to_owned()), "{lines:?}");
}

#[tokio::test]
async fn a_mail_in_html_says_so() {
    let (options, relay) = relay("", Does::HangsUp).await;
    let html = Mail { is_html: true, ..mail("buyer@example.com") };
    let mailed = Mailer::new(options).unwrap().send(&html, Budget { timeout: LONG, until: None }).await;
    assert!(matches!(mailed.outcome, MailOutcome::Taken));
    assert!(relay.await.unwrap().contains(&"Content-Type: text/html; charset=utf-8".to_owned()));
}

#[test]
fn the_relay_is_a_host_and_perhaps_a_port() {
    let options = |relay: &str, has_user: bool| MailOptions {
        relay: relay.to_owned(),
        from: "a@b.example".to_owned(),
        credentials: has_user.then(|| ("u".to_owned(), "p".to_owned())),
    };
    for (relay, has_user, host, port) in [
        ("mail.example", false, "mail.example", 25),
        ("mail.example", true, "mail.example", 587),
        ("mail.example:465", true, "mail.example", 465),
        ("127.0.0.1:2525", false, "127.0.0.1", 2525),
        ("[::1]:25", false, "::1", 25),
        ("::1", false, "::1", 25),
    ] {
        let mailer = Mailer::new(options(relay, has_user)).unwrap();
        assert_eq!((mailer.host.as_str(), mailer.port), (host, port), "{relay}");
    }
    for wrong in ["", ":25", "mail.example:smtp", "smtp://mail.example", "a b"] {
        let error = Mailer::new(options(wrong, false)).err().unwrap();
        assert_eq!(error.to_string(), format!("mail.relay: \"{wrong}\" is no host, or host and port"));
    }
    let wrong_from = MailOptions { from: "nobody".to_owned(), ..options("mail.example", false) };
    assert_eq!(
        Mailer::new(wrong_from).err().unwrap().to_string(),
        "mail.from: \"nobody\" is no e-mail address"
    );
}
