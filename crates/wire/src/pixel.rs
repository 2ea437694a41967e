//! Conversion pixels: what `p.ashx` is sent, in whichever form.

mod order;
mod signature;

pub use order::{MAX_COUPONS, MAX_ORDER_LINES, MAX_ORDER_TEXT_CHARS};
pub use signature::{SignatureCheck, Signed, WrongSignature, sign, sign_query, signed_query};

use crate::body::{BodyError, BodyFormat, Member};
use crate::input::{Given, InputError, MAX_INPUT_BYTES, PairCount, Pairs, given, read_form};
use crate::json::parse_json;
use crate::link::device_id;
use crate::multipart::read_multipart;
use crumb_domain::amount::read_amount_rounded;
use crumb_domain::conversion::{ConversionSource, MAX_TRANSACTION_ID_CHARS, Reported};
use crumb_domain::{AdvertiserId, Money, OfferId};
use sha2::{Digest as _, Sha256};

/// Characters kept of an event's id or short name: twice what CAKE lets a name have, so
/// that what is cut off cannot have made a difference.
pub const MAX_EVENT_CHARS: usize = 100;

/// Characters kept of a request id, of which the longest has 16: what is cut is none.
pub const MAX_REQUEST_ID_CHARS: usize = 32;

/// Characters kept of a user id: as many as of a transaction id.
pub const MAX_USER_ID_CHARS: usize = MAX_TRANSACTION_ID_CHARS;

/// A sum larger than this was not meant: 1,000,000,000.00. A thousand of them can still
/// be added up.
pub const MAX_AMOUNT: Money = Money::from_micros(1_000_000_000 * Money::MICROS_PER_UNIT);

/// A pixel's or postback's parameters, of query and body together.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelRequest {
    /// `o`.
    pub offer: Given<OfferId>,
    /// `a`: a pixel of all offers of an advertiser.
    pub advertiser: Given<AdvertiserId>,
    /// `e`: an event's id or short name; none where blank.
    pub event: Option<String>,
    /// `r` as sent; none where blank.
    pub request_id: Option<String>,
    /// `f`: `js`, `img` or `pb`; anything else is an iframe's, as no `f` is.
    pub form: ConversionSource,
    /// `p`: what the advertiser pays.
    pub received: Given<Money>,
    /// `ap`: what the affiliate is paid.
    pub payout: Given<Money>,
    /// What else it says.
    pub reported: Reported,
    /// Parameters, lower-cased and in the order of their names, whose value could not be
    /// used: an amount that is none (`p` and `ap` too), a currency that is none, lists of
    /// line items that do not fit each other.
    pub ignored: Vec<String>,
    /// `sig` and what it is to sign; none where `sig` is absent or blank.
    pub signed: Option<Signed>,
}

/// Reads a pixel's call: query string (without its `?`) and, where there is one, the body
/// with its content type. A query value wins over a body value of the same name.
///
/// With the type `application/json`, or one like it, a body is an object, with `multipart/form-data` that,
/// and with any other or a blank one it is urlencoded. A body that is not of its format
/// says nothing.
pub fn parse_pixel(raw_query: &[u8], body: Option<(&str, &[u8])>) -> Result<PixelRequest, InputError> {
    let (content_type, body) = body.unwrap_or_default();
    if raw_query.len().saturating_add(body.len()) > MAX_INPUT_BYTES {
        return Err(InputError::TooLarge);
    }
    let mut count = PairCount::default();
    let mut pairs = Pairs::default();
    read_form(raw_query, &mut pairs, &mut count)?;
    match BodyFormat::of_type(content_type) {
        BodyFormat::Multipart(content_type) => {
            match read_multipart(content_type, body, &mut pairs, &mut count) {
                Ok(()) | Err(BodyError::Malformed) => {}
                Err(BodyError::Input(over_limit)) => return Err(over_limit),
            }
        }
        BodyFormat::Json => match parse_json(body, &mut count) {
            Ok(members) => add_values(&mut pairs, members),
            Err(BodyError::Malformed) => {}
            Err(BodyError::Input(over_limit)) => return Err(over_limit),
        },
        BodyFormat::Form | BodyFormat::Xml => read_form(body, &mut pairs, &mut count)?,
    }
    Ok(read(&pairs))
}

fn add_values(pairs: &mut Pairs, members: Vec<(String, Member)>) {
    for (name, member) in members {
        if let Member::Text(value) = member {
            pairs.add(&name, &value);
        }
    }
}

fn read(pairs: &Pairs) -> PixelRequest {
    let mut values = Values { pairs, ignored: Vec::new() };
    let (received, payout) = (values.given_amount("p"), values.given_amount("ap"));
    let reported = Reported {
        transaction_id: values.whole_text("t").map(kept_transaction_id),
        user_id: values.text("u", MAX_USER_ID_CHARS),
        device_id: device_id(pairs),
        currency: values.currency("c"),
        order: order::read_order(&mut values),
    };
    PixelRequest {
        offer: given(pairs, "o"),
        advertiser: given(pairs, "a"),
        event: values.text("e", MAX_EVENT_CHARS),
        request_id: values.text("r", MAX_REQUEST_ID_CHARS),
        form: form(pairs.get("f").unwrap_or_default()),
        received,
        payout,
        reported,
        ignored: values.into_ignored(),
        signed: Signed::read(pairs),
    }
}

fn form(text: &str) -> ConversionSource {
    let text = text.trim();
    [ConversionSource::Script, ConversionSource::Image, ConversionSource::Postback]
        .into_iter()
        .find(|form| form.as_str().eq_ignore_ascii_case(text))
        .unwrap_or(ConversionSource::Iframe)
}

/// What was sent, and what of it was of no use.
struct Values<'a> {
    pairs: &'a Pairs,
    ignored: Vec<String>,
}

impl Values<'_> {
    /// A text without blanks around it; none where nothing is left.
    fn whole_text(&self, name: &str) -> Option<&str> {
        Some(self.pairs.get(name)?.trim()).filter(|text| !text.is_empty())
    }

    /// The same, cut.
    fn text(&self, name: &str, max_chars: usize) -> Option<String> {
        self.whole_text(name).map(|text| text.chars().take(max_chars).collect())
    }

    /// An amount of money; none where it is blank or ignored.
    fn amount(&mut self, name: &str) -> Option<Money> {
        self.given_amount(name).value()
    }

    fn given_amount(&mut self, name: &str) -> Given<Money> {
        match self.pairs.get(name).map(str::trim) {
            None | Some("") => Given::Absent,
            Some(text) => match amount(text) {
                Some(amount) => Given::Value(amount),
                None => {
                    self.ignore(name);
                    Given::Malformed
                }
            },
        }
    }

    /// Three letters, as capitals; none where it is blank or ignored.
    fn currency(&mut self, name: &str) -> Option<String> {
        let text = self.pairs.get(name).map(str::trim).filter(|text| !text.is_empty())?;
        if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Some(text.to_ascii_uppercase());
        }
        self.ignore(name);
        None
    }

    fn ignore(&mut self, name: &str) {
        self.ignored.push(name.to_owned());
    }

    fn into_ignored(mut self) -> Vec<String> {
        self.ignored.sort_unstable();
        self.ignored
    }
}

/// A transaction id as it is kept. Of a longer one the beginning, `~` and the SHA-256 of the
/// whole, so that two which differ further on are two, and the same one comes back as the same.
fn kept_transaction_id(text: &str) -> String {
    if text.chars().count() <= MAX_TRANSACTION_ID_CHARS {
        return text.to_owned();
    }
    let hash: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let beginning = text.chars().take(MAX_TRANSACTION_ID_CHARS - 1 - hash.len());
    beginning.chain(['~']).chain(hash.chars()).collect()
}

fn amount(text: &str) -> Option<Money> {
    read_amount_rounded(text).filter(|amount| *amount <= MAX_AMOUNT)
}

#[cfg(test)]
mod tests;
