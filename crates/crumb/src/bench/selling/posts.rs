//! What is posted, and what its answers say.

use super::network::{CAMPAIGNS, NOBODY_BIDS, NOBODY_BUYS};
use super::rivals::{SOLD, UNSOLD};
use crumb_domain::{LeadId, Money};
use std::time::Duration;

/// Of so many leads nobody bids for one, and nobody buys another.
const OF_TWENTY: u64 = 20;

/// Which campaign's leads are posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Through the tree.
    Tree,
    /// To the buyer that keeps its answers back.
    Held,
}

/// What a post was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Bought; what its affiliate earns.
    Sold { lead: LeadId, payout: Money },
    /// Nobody bought it.
    Unsold,
}

/// The post of a lead by its number; each is a person of its own.
pub fn post(way: Way, number: u64) -> Vec<u8> {
    let campaign = match way {
        Way::Tree => CAMPAIGNS[0],
        Way::Held => CAMPAIGNS[1],
    };
    let city = match (way, number % OF_TWENTY) {
        (Way::Tree, 9) => NOBODY_BIDS,
        (Way::Tree, 19) => NOBODY_BUYS,
        _ => "Springfield",
    };
    let mut body = format!(
        "{campaign}&first_name=Robin&last_name=Miller&email_address={}&phone_home={number:015}\
         &city={city}&zip_code=90210",
        email(number).replace('@', "%40")
    );
    if way == Way::Tree {
        body += "&address=12+Main+Street&date_of_birth=1980-04-01&ip_address=198.51.100.7";
    }
    format!(
        "POST /d.ashx HTTP/1.1\r\nHost: trk.example\r\nUser-Agent: landing-page/1.0\r\nAccept: */*\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The e-mail address of a lead's person.
pub fn email(number: u64) -> String {
    format!("robin.{number:016}@mail.example")
}

/// The number of the lead in whose fields, or whose post, its e-mail address stands.
pub fn number_in(text: &str) -> Option<u64> {
    text.split_once("robin.")?.1.get(..16)?.parse().ok()
}

/// Reads an answer; none where it says neither that the lead was sold nor that it was not.
pub fn said(status: u16, answer: &[u8]) -> Option<Said> {
    let text = std::str::from_utf8(answer).ok().filter(|_| status == 200)?;
    if text.contains("<error>No Qualified Buyers Found</error>") {
        return Some(Said::Unsold);
    }
    Some(Said::Sold {
        lead: between(text, "leadid")?.parse().ok()?,
        payout: between(text, "price")?.parse().ok()?,
    })
}

/// Whether the server that makes the same calls sold the lead.
pub fn said_by_calls(status: u16, answer: &[u8]) -> Option<bool> {
    let is = |text: &str| answer.ends_with(text.as_bytes());
    (status == 200 && (is(SOLD) || is(UNSOLD))).then(|| is(SOLD))
}

/// How long a server that only waits has waited.
pub fn waited(status: u16, answer: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(answer).ok().filter(|_| status == 200)?;
    between(text, "waited")?.parse().ok().map(Duration::from_micros)
}

/// What stands in an element.
pub fn between<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    Some(after.split_once("</")?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_of_a_person_of_its_own_and_its_length_is_told() {
        let text = String::from_utf8(post(Way::Tree, 42)).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
        assert!(body.contains("&email_address=robin.0000000000000042%40mail.example&"), "{body}");
        assert_eq!(number_in(body), Some(42));
        assert_eq!(number_in(&email(7)), Some(7));
    }

    #[test]
    fn an_answer_is_a_sale_or_none_or_no_answer() {
        let sold =
            b"<result><code>0</code><msg>success</msg><leadid>C8097F17</leadid><price>0.50</price></result>";
        let lead = "C8097F17".parse().unwrap();
        assert_eq!(said(200, sold), Some(Said::Sold { lead, payout: Money::from_micros(500_000) }));
        let error = "<result><code>1</code><msg>error</msg><errors><error>No Qualified Buyers Found</error></errors></result>";
        assert_eq!(said(200, error.as_bytes()), Some(Said::Unsold));
        assert_eq!(said(503, sold), None);
        assert_eq!(said(200, b"<errors><error>Invalid Campaign</error></errors>"), None);
        assert_eq!(waited(200, b"<waited>41000</waited>"), Some(Duration::from_millis(41)));
    }
}
