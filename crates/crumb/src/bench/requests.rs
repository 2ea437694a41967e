//! What the load sends, made beforehand but for a few digits, and what it reads in
//! the answers.

use super::network::{LEAD_OFFER, Shape};
use crumb_domain::{LeadId, RequestId};

/// Distinct links: many enough that no server sees one twice in a commit.
const LINKS: u64 = 4_096;

/// Browsers of visitors.
const USER_AGENTS: [&str; 6] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
];

/// Digits of any request id.
const ID_DIGITS: usize = 16;
/// What an advertiser's transaction ids begin with, before the request's number.
pub const TRANSACTION: &str = "order-";
/// Digits of a phone number at most.
const PHONE_DIGITS: usize = 15;

/// What is sent.
pub enum Requests {
    /// Clicks on the links of a network's campaigns, by visitors who come for the
    /// first time.
    Clicks(Vec<Vec<u8>>),
    /// What sessions bring.
    OfSessions(OfSessions),
}

/// Requests that differ in some digits: the request id of a session, of those in turn, and
/// the request's number.
pub struct OfSessions {
    template: Vec<u8>,
    /// Where in it the digits stand, the request id's first.
    places: Vec<std::ops::Range<usize>>,
    sessions: Vec<RequestId>,
    /// How many make sense.
    most: u64,
}

impl Requests {
    /// Clicks on all campaigns in turn.
    pub fn clicks(shape: Shape) -> Self {
        Self::Clicks((0..LINKS).map(|number| click(shape, number)).collect())
    }

    /// Session posts of distinct consumers, of these sessions in turn, or of none.
    pub fn leads(sessions: Vec<RequestId>) -> Self {
        Self::OfSessions(OfSessions::leads(sessions))
    }

    /// A server postback for each of these sessions; without end where there are none.
    pub fn conversions(sessions: Vec<RequestId>) -> Self {
        Self::OfSessions(OfSessions::conversions(sessions))
    }

    /// How many there are before they would repeat what counts once.
    pub fn most(&self) -> u64 {
        match self {
            Self::Clicks(_) => u64::MAX,
            Self::OfSessions(of_sessions) => of_sessions.most,
        }
    }

    /// Writes the request of a number over what is in the buffer.
    pub fn write(&self, number: u64, into: &mut Vec<u8>) {
        into.clear();
        match self {
            Self::Clicks(links) => {
                let index = usize::try_from(number % LINKS).unwrap_or_default();
                into.extend_from_slice(links.get(index).map(Vec::as_slice).unwrap_or_default());
            }
            Self::OfSessions(of_sessions) => of_sessions.write(number, into),
        }
    }
}

fn click(shape: Shape, number: u64) -> Vec<u8> {
    // Spread over the campaigns even where there are more of them than links.
    let campaign = number * u64::from(shape.campaigns) / LINKS.min(u64::from(shape.campaigns)).max(1);
    let (affiliate, creative) = shape.link(campaign % u64::from(shape.campaigns));
    let agent = USER_AGENTS.get((number % 6) as usize).copied().unwrap_or_default();
    format!(
        "GET /?a={}&c={}&s1=sub{number}&s2=ad-{}&s3=spring%20sale HTTP/1.1\r\nHost: trk.example\r\n\
         User-Agent: {agent}\r\nAccept: text/html,application/xhtml+xml,*/*;q=0.8\r\n\
         Accept-Language: en-US,en;q=0.5\r\nReferer: https://publisher-{}.example/articles/{number}\r\n\r\n",
        affiliate,
        creative,
        number % 97,
        number % 13,
    )
    .into_bytes()
}

impl OfSessions {
    fn leads(sessions: Vec<RequestId>) -> Self {
        let (body, places) = with_places(&[
            (&format!("ckm_offer_id={LEAD_OFFER}&ckm_request_id="), ID_DIGITS),
            ("&first_name=Robin&last_name=Miller&email_address=robin.", ID_DIGITS),
            ("%40mail.example&phone_home=", PHONE_DIGITS),
            (
                "&address=12+Main+Street&city=Springfield&zip_code=90210&date_of_birth=1980-04-01\
                 &ip_address=198.51.100.7",
                0,
            ),
        ]);
        let head = format!(
            "POST /d.ashx HTTP/1.1\r\nHost: trk.example\r\nUser-Agent: landing-page/1.0\r\nAccept: */*\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let places = places.into_iter().map(|place| place.start + head.len()..place.end + head.len());
        Self { places: places.collect(), template: (head + &body).into_bytes(), sessions, most: u64::MAX }
    }

    fn conversions(sessions: Vec<RequestId>) -> Self {
        let (request, places) = with_places(&[
            (&format!("GET /p.ashx?f=pb&o={LEAD_OFFER}&r="), ID_DIGITS),
            (&format!("&t={TRANSACTION}"), ID_DIGITS),
            (" HTTP/1.1\r\nHost: trk.example\r\nUser-Agent: advertiser-server/2.1\r\nAccept: */*\r\n\r\n", 0),
        ]);
        let most = if sessions.is_empty() { u64::MAX } else { sessions.len() as u64 };
        Self { places, template: request.into_bytes(), sessions, most }
    }

    fn write(&self, number: u64, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.template);
        let count = self.sessions.len().max(1) as u64;
        let session = self.sessions.get(usize::try_from(number % count).unwrap_or_default());
        let session = session.map_or(0, |id| id.to_string().parse().unwrap_or_default());
        for (place, value) in self.places.iter().zip([session, number, number]) {
            write_digits(into.get_mut(place.clone()).unwrap_or_default(), value);
        }
    }
}

/// A text of pieces, each followed by so many digits, with the digits' places.
fn with_places(pieces: &[(&str, usize)]) -> (String, Vec<std::ops::Range<usize>>) {
    let (mut text, mut places) = (String::new(), Vec::new());
    for (piece, digits) in pieces {
        text += piece;
        if *digits > 0 {
            places.push(text.len()..text.len() + digits);
            text += &"0".repeat(*digits);
        }
    }
    (text, places)
}

fn write_digits(into: &mut [u8], mut value: u64) {
    for digit in into.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// The request id that a redirect carries.
pub fn acknowledged_click(_: u64, status: u16, answer: &[u8]) -> Option<RequestId> {
    if status != 302 {
        return None;
    }
    let digits = after(answer, b"reqid=")?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

/// The id of the lead that an answer names.
pub fn acknowledged_lead(_: u64, status: u16, answer: &[u8]) -> Option<LeadId> {
    if status != 200 {
        return None;
    }
    let id = after(answer, b"<leadid>")?.get(..8)?;
    std::str::from_utf8(id).ok()?.parse().ok()
}

/// The number of the request whose conversion is recorded: its answer names nothing.
pub fn acknowledged_conversion(number: u64, status: u16, answer: &[u8]) -> Option<u64> {
    (status == 200 && after(answer, b"<code>0</code><msg>SUCCESS</msg>").is_some()).then_some(number)
}

/// A redirect of a server that names nothing.
pub fn redirected(_: u64, status: u16, _: &[u8]) -> Option<()> {
    (status == 302).then_some(())
}

fn after<'a>(answer: &'a [u8], what: &[u8]) -> Option<&'a [u8]> {
    let at = memchr::memmem::find(answer, what)?;
    answer.get(at + what.len()..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(requests: &Requests, number: u64) -> String {
        let mut request = Vec::new();
        requests.write(number, &mut request);
        String::from_utf8(request).unwrap()
    }

    #[test]
    fn each_post_names_its_session_and_a_consumer_of_its_own() {
        let sessions: Vec<RequestId> = ["77", "9007199254740991"].map(|id| id.parse().unwrap()).into();
        let requests = Requests::leads(sessions);
        let (first, second) = (text(&requests, 0), text(&requests, 1));
        assert!(first.contains("&ckm_request_id=0000000000000077&"), "{first}");
        assert!(second.contains("&ckm_request_id=9007199254740991&"), "{second}");
        assert!(second.contains("=robin.0000000000000001%40"), "{second}");
        assert!(second.contains("&phone_home=000000000000001&"), "{second}");
        let length = second.split_once("\r\n\r\n").unwrap().1.len();
        assert!(second.contains(&format!("Content-Length: {length}\r\n")), "{second}");
    }

    #[test]
    fn there_is_one_postback_a_session_each_with_a_transaction_of_its_own() {
        let sessions: Vec<RequestId> = ["77", "9007199254740991"].map(|id| id.parse().unwrap()).into();
        let requests = Requests::conversions(sessions);
        assert_eq!(requests.most(), 2);
        let second = text(&requests, 1);
        let target = "GET /p.ashx?f=pb&o=1000&r=9007199254740991&t=order-0000000000000001 HTTP/1.1\r\n";
        assert!(second.starts_with(target), "{second}");
        assert_eq!(Requests::conversions(Vec::new()).most(), u64::MAX);
    }

    #[test]
    fn clicks_are_spread_over_all_campaigns() {
        let requests = Requests::clicks(Shape { campaigns: 3, offers: 2 });
        let links: std::collections::HashSet<String> = (0..LINKS)
            .map(|number| text(&requests, number).split("&s1").next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(links.len(), 3);
    }

    #[test]
    fn an_id_is_read_only_where_something_is_acknowledged() {
        let found = b"HTTP/1.1 302 Found\r\nlocation: https://lp.example/?reqid=42\r\n\r\n";
        assert_eq!(acknowledged_click(0, 302, found), "42".parse().ok());
        assert_eq!(acknowledged_click(0, 503, found), None);
        assert_eq!(acknowledged_lead(0, 200, b"<leadid>C8097F17</leadid>"), "C8097F17".parse().ok());
        assert_eq!(acknowledged_lead(0, 200, b"<errors>"), None);
        let recorded = b"<result><code>0</code><msg>SUCCESS</msg></result>";
        assert_eq!(acknowledged_conversion(7, 200, recorded), Some(7));
        let duplicate = b"<result><code>1</code><msg>ERROR</msg></result>";
        assert_eq!(acknowledged_conversion(7, 200, duplicate), None);
        assert_eq!(acknowledged_conversion(7, 503, recorded), None);
        assert_eq!(redirected(0, 302, b""), Some(()));
        assert_eq!(redirected(0, 200, b""), None);
    }
}
