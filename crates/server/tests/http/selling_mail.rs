//! Buyers that are told by mail: accepted means that the relay took it.

use crate::contracts::*;
use crumb_domain::lead::LeadStatus;
use crumb_testkit::{Options, Server};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the relay was told, line by line.
type Said = Arc<Mutex<Vec<String>>>;

/// A relay that takes mails for `leads@`, and none for anybody else.
async fn relay() -> (String, Said) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, said) = (listener.local_addr().unwrap().to_string(), Said::default());
    let kept = Arc::clone(&said);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(speak(BufReader::new(stream), Arc::clone(&kept)));
        }
    });
    (address, said)
}

async fn speak(mut stream: BufReader<TcpStream>, said: Said) {
    let mut is_text = false;
    let mut answer = "220 relay.example ESMTP\r\n";
    loop {
        stream.write_all(answer.as_bytes()).await.unwrap();
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            said.lock().unwrap().push(line.trim_end().to_owned());
            if !is_text || line == ".\r\n" {
                break;
            }
        }
        answer = match line.as_str() {
            "DATA\r\n" => "354 go on\r\n",
            ".\r\n" => "250 queued\r\n",
            _ if line.starts_with("RCPT") && !line.contains("<leads@") => "550 no such mailbox\r\n",
            _ => "250 ok\r\n",
        };
        is_text = line == "DATA\r\n";
    }
}

fn by_mail(id: u32, price: &str, to: &str) -> String {
    let contract = Contract::new(id, "http://unused.example/", price).to_string();
    let head = contract.split("[contract.post]").next().unwrap();
    format!(
        "{head}[contract.post]\nmethod = \"email\"\nto = \"{to}\"\nsubject = \"Lead in #zip_code#\"\n\
         params = [[\"E-mail\", \"#email_address#\"], [\"Source\", \"crumb\"]]\n"
    )
}

#[tokio::test]
async fn a_lead_is_sold_by_mail_once_the_relay_has_taken_it_and_else_the_next_buyer_has_its_turn() {
    let (relay, said) = relay().await;
    let network = market(&[])
        + &by_mail(7, "30.00", "nobody@buyer.example")
        + &by_mail(8, "20.00", "leads@buyer.example");
    let server = Server::start_with(&network, Options { relay: Some(relay), ..Options::default() }).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.revenue.to_string().as_str()), (LeadStatus::Sold, "20.00"));
    let found = results(&server, &lead).await;
    assert_eq!(found[1], "8 sold", "{found:?}");
    assert!(found[0].starts_with("7 post_"), "{found:?}");
    let said = said.lock().unwrap().join("\n");
    for part in ["RCPT TO:<leads@buyer.example>", "Subject: Lead in 90210", "ann@example.com", "crumb"] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
}
