//! What a buyer says: verdict, price and the rest, as XML, JSON or text.

use std::fmt::Write as _;
use std::time::Duration;

/// What a buyer makes of a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Bought: code 0, `success`.
    Accepted,
    /// Refused: code 1, `rejected`.
    Rejected,
    /// Known already: code 2, `duplicate`.
    Duplicate,
    /// Failed: code 3, `error`.
    Error,
    /// Code 99 and words that mean nothing to a pattern which looks for the others'.
    Unknown,
}

impl Verdict {
    /// `<code>`.
    pub fn code(self) -> u8 {
        match self {
            Self::Accepted => 0,
            Self::Rejected => 1,
            Self::Duplicate => 2,
            Self::Error => 3,
            Self::Unknown => 99,
        }
    }

    /// `<msg>`.
    pub fn message(self) -> &'static str {
        match self {
            Self::Accepted => "success",
            Self::Rejected => "rejected",
            Self::Duplicate => "duplicate",
            Self::Error => "error",
            Self::Unknown => "thank you",
        }
    }

    /// Its name in paths and parameters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Duplicate => "duplicate",
            Self::Error => "error",
            Self::Unknown => "unknown",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [Self::Accepted, Self::Rejected, Self::Duplicate, Self::Error, Self::Unknown];
        all.into_iter().find(|verdict| verdict.name() == name)
    }
}

/// In what form an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `<result><code>0</code><msg>success</msg><price>30.00</price></result>`.
    #[default]
    Xml,
    /// `{"code":0,"msg":"success","price":"30.00"}`.
    Json,
    /// `success`, then a line for each value: `price=30.00`.
    Text,
}

impl Format {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Xml => "text/xml; charset=utf-8",
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

/// An amount in hundredths, as the prices of an auction are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cents(pub u32);

impl Cents {
    /// Reads `12`, `12.5` or `12.50`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || part.len() > 2 || !digits(whole) || !digits(part) {
            return None;
        }
        let part: u32 = format!("{part:0<2}").parse().ok()?;
        whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(part).map(Self)
    }
}

impl std::fmt::Display for Cents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// What a buyer offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Price {
    /// Nothing is said of it.
    Absent,
    /// As written, whether or not it is an amount.
    Given(String),
    /// Drawn between two amounts, both included, from what was asked: the same
    /// request gets the same price, and another path another one. A request that
    /// carries the session token of an earlier answer gets the price quoted there.
    Drawn {
        /// The lowest.
        lowest: Cents,
        /// The highest.
        highest: Cents,
    },
}

/// A buyer's lead id or session token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// Not in the answer.
    Absent,
    /// As written.
    Given(String),
    /// Made of what was asked: the same request gets the same one.
    Made,
}

/// How an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// In one go.
    AtOnce,
    /// The head in pieces, spread over this time. No piece is long in coming: only
    /// who times the whole notices.
    SlowHead(Duration),
    /// The head at once, the body in pieces spread over this time.
    SlowBody(Duration),
    /// The body goes on with blanks until the client has enough.
    Endless {
        /// How fast.
        kib_per_second: u32,
    },
}

/// What is said in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Result,
    Exactly { content_type: String, body: String },
}

/// An answer: what it says and how it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub(crate) verdict: Verdict,
    pub(crate) status: u16,
    pub(crate) pace: Pace,
    /// Blanks follow until the body is at least this long.
    pub(crate) at_least_bytes: usize,
    content: Content,
    format: Format,
    price: Price,
    redirect: Option<String>,
    lead_id: Token,
    session: Token,
}

impl Answer {
    /// Status 200, XML, and no more than code and message.
    pub fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            status: 200,
            pace: Pace::AtOnce,
            at_least_bytes: 0,
            content: Content::Result,
            format: Format::Xml,
            price: Price::Absent,
            redirect: None,
            lead_id: Token::Absent,
            session: Token::Absent,
        }
    }

    /// Bought, at a price as written.
    pub fn accepted(price: &str) -> Self {
        Self::of(Verdict::Accepted).price(Price::Given(price.to_owned()))
    }

    /// These words and no others, as a content type; it counts as no verdict.
    pub fn exactly(content_type: &str, body: &str) -> Self {
        let content = Content::Exactly { content_type: content_type.to_owned(), body: body.to_owned() };
        Self { content, ..Self::of(Verdict::Unknown) }
    }

    /// With a price.
    pub fn price(self, price: Price) -> Self {
        Self { price, ..self }
    }

    /// With an address for the visitor, whether or not it is one.
    pub fn redirect(self, to: &str) -> Self {
        Self { redirect: Some(to.to_owned()), ..self }
    }

    /// With the buyer's lead id.
    pub fn lead_id(self, lead_id: Token) -> Self {
        Self { lead_id, ..self }
    }

    /// With a session token: the answer to a ping.
    pub fn session(self, session: Token) -> Self {
        Self { session, ..self }
    }

    /// In a form.
    pub fn format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// With an HTTP status; 1xx, 204 and 304 are not for answers with a body.
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// At a pace.
    pub fn pace(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// With blanks at the end, until the body is at least this long.
    pub fn at_least_bytes(self, bytes: usize) -> Self {
        Self { at_least_bytes: bytes, ..self }
    }

    /// What the buyer has made of the lead, if it was one: an answer with a session
    /// token is a quote, unless the request brought a quote back.
    pub(crate) fn made(&self, asked: &Asked<'_>) -> Option<Verdict> {
        (self.session == Token::Absent || asked.quote().is_some()).then_some(self.verdict)
    }

    /// Content type and body, blanks aside.
    pub(crate) fn written(&self, asked: &Asked<'_>) -> (String, String) {
        if let Content::Exactly { content_type, body } = &self.content {
            return (content_type.clone(), body.clone());
        }
        let price = self.price_said(asked);
        let session = match (&self.session, &self.price) {
            (Token::Made, Price::Drawn { .. }) => {
                price.as_deref().and_then(Cents::parse).map(|price| quote_token(price, asked))
            }
            (session, _) => session.said("S", asked),
        };
        let values = [
            ("price", price),
            ("lead_id", self.lead_id.said("L", asked)),
            ("redirect", self.redirect.clone()),
            ("session", session),
        ];
        let values = values.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)));
        (self.format.content_type().to_owned(), result(self.format, self.verdict, values))
    }

    /// In a few words: `accepted 30.00`.
    pub(crate) fn told(&self, asked: &Asked<'_>) -> String {
        let mut told = match self.content {
            Content::Result => self.verdict.name().to_owned(),
            Content::Exactly { .. } => "its own words".to_owned(),
        };
        if let Some(price) = self.price_said(asked) {
            let _ = write!(told, " {price}");
        }
        if self.status != 200 {
            let _ = write!(told, ", status {}", self.status);
        }
        let _ = match self.pace {
            Pace::AtOnce => Ok(()),
            Pace::SlowHead(time) => write!(told, ", its head within {} ms", time.as_millis()),
            Pace::SlowBody(time) => write!(told, ", its body within {} ms", time.as_millis()),
            Pace::Endless { .. } => write!(told, ", without end"),
        };
        if self.at_least_bytes > 0 {
            let _ = write!(told, ", {} bytes", self.at_least_bytes);
        }
        told
    }

    fn price_said(&self, asked: &Asked<'_>) -> Option<String> {
        match &self.price {
            Price::Absent => None,
            Price::Given(price) => Some(price.clone()),
            Price::Drawn { lowest, highest } => {
                let quoted = asked.quote().filter(|quoted| (*lowest..=*highest).contains(quoted));
                let drawn = || {
                    let span = u64::from(highest.0.saturating_sub(lowest.0)) + 1;
                    let above = u32::try_from(asked.hash() % span).unwrap_or_default();
                    Cents(lowest.0.saturating_add(above))
                };
                Some(quoted.unwrap_or_else(drawn).to_string())
            }
        }
    }
}

impl Token {
    fn said(&self, prefix: &str, asked: &Asked<'_>) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Given(text) => Some(text.clone()),
            Self::Made => Some(format!("{prefix}{:016x}", asked.hash())),
        }
    }
}

/// The request, as far as answers are drawn from it.
pub(crate) struct Asked<'r> {
    /// Path and query.
    pub target: &'r str,
    /// The body.
    pub body: &'r [u8],
}

/// How the session token of a drawn price begins.
const QUOTE: &str = "quote-";

fn quote_token(price: Cents, asked: &Asked<'_>) -> String {
    format!("{QUOTE}{}-{:016x}", price.0, asked.hash())
}

impl Asked<'_> {
    /// FNV-1a, then mixed so that requests which differ in their last byte differ in
    /// the lowest bits as well.
    fn hash(&self) -> u64 {
        let bytes = self.target.bytes().chain([0]).chain(self.body.iter().copied());
        let fnv = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed ^ (mixed >> 33)
    }

    /// The price of the session token that is somewhere in the request.
    fn quote(&self) -> Option<Cents> {
        let body = String::from_utf8_lossy(self.body);
        [self.target, &body].into_iter().find_map(|text| {
            let (_, rest) = text.split_once(QUOTE)?;
            rest.split_once('-')?.0.parse().ok().map(Cents)
        })
    }
}

fn result(format: Format, verdict: Verdict, values: impl Iterator<Item = (&'static str, String)>) -> String {
    let (code, message) = (verdict.code(), verdict.message());
    match format {
        Format::Xml => {
            let values: String =
                values.map(|(name, value)| format!("<{name}>{}</{name}>", xml_text(&value))).collect();
            format!("<result><code>{code}</code><msg>{message}</msg>{values}</result>")
        }
        Format::Json => {
            let values: String = values
                .map(|(name, value)| format!(",\"{name}\":{}", serde_json::Value::from(value)))
                .collect();
            format!("{{\"code\":{code},\"msg\":\"{message}\"{values}}}")
        }
        Format::Text => {
            let values: String = values.map(|(name, value)| format!("{name}={value}\n")).collect();
            format!("{message}\n{values}")
        }
    }
}

fn xml_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked<'_> = Asked { target: "/auction?min=10&max=20", body: b"zip=90210" };

    fn auction() -> Answer {
        let price = Price::Drawn { lowest: Cents(1_000), highest: Cents(2_000) };
        Answer::of(Verdict::Accepted).price(price).session(Token::Made).format(Format::Text)
    }

    fn line<'a>(text: &'a str, name: &str) -> &'a str {
        text.lines().find_map(|line| line.strip_prefix(name)).expect("the line is there")
    }

    #[test]
    fn an_answer_has_its_values_in_each_form_and_escaped_for_it() {
        let answer = Answer::accepted("30.00")
            .lead_id(Token::Given("B7".to_owned()))
            .redirect("https://b.example/?a=1&b=\"2\"");
        let body = |format| answer.clone().format(format).written(&ASKED).1;
        assert_eq!(
            body(Format::Xml),
            "<result><code>0</code><msg>success</msg><price>30.00</price><lead_id>B7</lead_id>\
             <redirect>https://b.example/?a=1&amp;b=\"2\"</redirect></result>"
        );
        assert_eq!(
            body(Format::Json),
            r#"{"code":0,"msg":"success","price":"30.00","lead_id":"B7","redirect":"https://b.example/?a=1&b=\"2\""}"#
        );
        assert_eq!(
            body(Format::Text),
            "success\nprice=30.00\nlead_id=B7\nredirect=https://b.example/?a=1&b=\"2\"\n"
        );
    }

    #[test]
    fn what_is_not_given_is_not_there() {
        let (content_type, body) = Answer::of(Verdict::Rejected).written(&ASKED);
        assert_eq!(content_type, "text/xml; charset=utf-8");
        assert_eq!(body, "<result><code>1</code><msg>rejected</msg></result>");
    }

    #[test]
    fn the_words_of_an_unknown_answer_are_in_no_other() {
        let others = [Verdict::Accepted, Verdict::Rejected, Verdict::Duplicate, Verdict::Error];
        let (_, unknown) = Answer::of(Verdict::Unknown).written(&ASKED);
        for other in others {
            assert!(!unknown.contains(other.message()), "{unknown}");
        }
    }

    #[test]
    fn a_drawn_price_repeats_and_stays_between_its_ends() {
        let price = |body: &str| {
            let asked = Asked { body: body.as_bytes(), ..ASKED };
            let (_, text) = auction().written(&asked);
            assert_eq!(auction().written(&asked).1, text);
            Cents::parse(line(&text, "price=")).expect("an amount")
        };
        let prices: std::collections::BTreeSet<Cents> =
            (0..1_000).map(|zip| price(&format!("zip={zip}"))).collect();
        assert!(prices.iter().all(|price| (Cents(1_000)..=Cents(2_000)).contains(price)));
        // 1,000 draws among 1,001 prices leave about a third of them out.
        assert!(prices.len() > 500, "{}", prices.len());
    }

    #[test]
    fn a_post_with_the_session_of_a_ping_gets_the_price_that_was_quoted() {
        let (_, pinged) = auction().written(&ASKED);
        let session = line(&pinged, "session=");
        for (target, body) in [
            ("/auction?min=10&max=20", format!("name=Ada&session={session}")),
            ("/auction?min=10&max=20", format!("<s>{session}</s>")),
            (&*format!("/auction?min=10&max=20&session={session}"), String::new()),
        ] {
            let asked = Asked { target, body: body.as_bytes() };
            let (_, posted) = auction().written(&asked);
            assert_eq!(line(&posted, "price="), line(&pinged, "price="), "{body}");
            assert_eq!(auction().made(&asked), Some(Verdict::Accepted));
        }
        assert_eq!(auction().made(&ASKED), None, "a quote is no sale");
    }

    #[test]
    fn a_quote_outside_the_auction_is_not_believed() {
        let asked = Asked { body: b"session=quote-999999-0", ..ASKED };
        let (_, text) = auction().written(&asked);
        assert!(Cents::parse(line(&text, "price=")) <= Some(Cents(2_000)), "{text}");
    }

    #[test]
    fn amounts_are_read_to_the_cent_and_nothing_else_is_an_amount() {
        for (text, cents) in [("12", 1_200), ("12.5", 1_250), ("12.50", 1_250), ("0", 0)] {
            assert_eq!(Cents::parse(text), Some(Cents(cents)), "{text}");
        }
        for text in ["", ".5", "-1", "1.234", "1,000", "x", "99999999999"] {
            assert_eq!(Cents::parse(text), None, "{text}");
        }
        assert_eq!(Cents(1_205).to_string(), "12.05");
    }
}
