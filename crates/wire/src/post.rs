//! Lead posts: what `d.ashx` is sent, in whichever form.

pub(crate) mod mask;

pub use crate::input::Given;
pub use mask::mask_key;

use crate::body::{BodyError, BodyFormat, Member};
use crate::input::{InputError, MAX_INPUT_BYTES, PairCount, Pairs, given, read_form};
use crate::json::parse_json;
use crate::multipart::read_multipart;
use crate::xml::parse_xml;
use crumb_domain::outcome::Problem;
use crumb_domain::{CampaignId, OfferId, SubIds};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::str::FromStr;

/// A lead post's parameters, of query and body together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostRequest {
    /// `ckm_campaign_id`.
    pub campaign: Given<CampaignId>,
    /// `ckm_key` as sent.
    pub key: Option<String>,
    /// `ckm_offer_id`.
    pub offer: Given<OfferId>,
    /// `ckm_request_id` as sent; `Some("")` where sent blank.
    pub request_id: Option<String>,
    /// `ckm_bp`: `1` asks for a browser post's answer, `0` for none of that.
    pub browser_post: Option<bool>,
    /// `ckm_subid`, `ckm_subid_2` to `ckm_subid_5`.
    pub sub_ids: SubIds,
    /// `ckm_test=1`, or `ckmtest` within a name or the address.
    pub test: bool,
    /// `ckm_upsell=1`: a further lead of somebody who has just sent one.
    pub upsell: bool,
    /// `ckm_lead_id` as sent; none where blank, as a form's field is that has
    /// nothing to update yet.
    pub lead_id: Option<String>,
    /// `ckm_resell=1`.
    pub resell: bool,
    /// `ckm_ifrm=1`.
    pub iframe: bool,
    /// `ckm_max_seconds`, whole seconds; none where it is no such number.
    pub max_seconds: Option<u32>,
    /// `callback`.
    pub callback: Option<Result<Callback, InvalidCallback>>,
    /// The body was sent as JSON, readable or not.
    pub json_body: bool,
    /// The body cannot be read: [`Problem::InvalidXml`] or [`Problem::InvalidJson`].
    /// The parameters are then those of the query.
    pub malformed: Option<Problem>,
    /// `ckm_ping_id` as sent.
    pub ping_id: Option<String>,
    /// `ckm_idempotency_key` as sent: means what the header of that name means,
    /// for scripts and frames, which cannot set one.
    pub idempotency_key: Option<String>,
    /// All but the control parameters, `ip_address` included.
    pub fields: Pairs,
    /// Names (lower-cased) of body members that hold other members and so have no
    /// value: one that names a field fails that field's validator.
    pub nested: Vec<String>,
    /// All that it says, by which posts are compared.
    pub said: Said,
}

/// Fields in which `ckmtest` marks a test lead.
const TEST_MARKED_FIELDS: [&str; 3] = ["first_name", "last_name", "address"];

/// The mark, in whatever case.
const TEST_MARK: &[u8] = b"ckmtest";

/// Ids and keys, which an XML body cannot give: they count from the query only.
const QUERY_ONLY_WITH_XML: [&str; 6] =
    ["ckm_campaign_id", "ckm_key", "ckm_offer_id", "ckm_request_id", "ckm_lead_id", "ckm_ping_id"];

/// Reads a post: query string (without its `?`) and body. A query value wins over
/// a body value of the same name.
///
/// With `ckm_xml=1` in the query the body is XML, whatever its type says; with
/// the type `application/json` (or `text/json`, or `application/…+json`) it is JSON,
/// with `multipart/form-data` that, and with any other type or none it is urlencoded.
pub fn parse_post(
    raw_query: &[u8],
    content_type: Option<&str>,
    body: &[u8],
) -> Result<PostRequest, InputError> {
    if raw_query.len().saturating_add(body.len()) > MAX_INPUT_BYTES {
        return Err(InputError::TooLarge);
    }
    let mut count = PairCount::default();
    let mut sent = Sent::default();
    read_form(raw_query, &mut sent.pairs, &mut count)?;
    let format = body_format(&sent.pairs, content_type);
    let mut malformed = None;
    match format {
        BodyFormat::Form => read_form(body, &mut sent.pairs, &mut count)?,
        BodyFormat::Multipart(content_type) => {
            match read_multipart(content_type, body, &mut sent.pairs, &mut count) {
                Ok(()) => {}
                // As malformed as a request is in which HTTP itself cannot be read.
                Err(BodyError::Malformed) => return Err(InputError::NoBoundary),
                Err(BodyError::Input(over_limit)) => return Err(over_limit),
            }
        }
        BodyFormat::Xml => match parse_xml(body, &mut count) {
            Ok(members) => {
                let counts = |name: &str| !QUERY_ONLY_WITH_XML.contains(&name);
                sent.add(members.into_iter().filter(|(name, _)| counts(&name.to_ascii_lowercase())));
            }
            Err(BodyError::Malformed) => malformed = Some(Problem::InvalidXml),
            Err(BodyError::Input(over_limit)) => return Err(over_limit),
        },
        BodyFormat::Json => match parse_json(body, &mut count) {
            Ok(members) => sent.add(members.into_iter()),
            Err(BodyError::Malformed) => malformed = Some(Problem::InvalidJson),
            Err(BodyError::Input(over_limit)) => return Err(over_limit),
        },
    }
    let unreadable = malformed.map(|_| body);
    Ok(sent.into_request(format == BodyFormat::Json, malformed, unreadable))
}

fn body_format<'a>(query: &Pairs, content_type: Option<&'a str>) -> BodyFormat<'a> {
    if flag(query, "ckm_xml") {
        return BodyFormat::Xml;
    }
    BodyFormat::of_type(content_type.unwrap_or_default())
}

/// All that was sent, not yet sorted by what it means.
#[derive(Default)]
struct Sent {
    pairs: Pairs,
    nested: BTreeSet<String>,
}

impl Sent {
    /// Adds a body's members; also between a plain and a nested one of equal
    /// names the first stands.
    fn add(&mut self, members: impl Iterator<Item = (String, Member)>) {
        for (mut name, member) in members {
            name.make_ascii_lowercase();
            match member {
                Member::Text(value) if !self.nested.contains(&name) => self.pairs.add(&name, &value),
                Member::Nested if self.pairs.get(&name).is_none() => _ = self.nested.insert(name),
                Member::Text(_) | Member::Nested => {}
            }
        }
    }

    fn into_request(
        self,
        json_body: bool,
        malformed: Option<Problem>,
        unreadable: Option<&[u8]>,
    ) -> PostRequest {
        let pairs = &self.pairs;
        let text = |name: &str| pairs.get(name).map(str::to_owned);
        let sub_id = |name: &str| pairs.get(name).unwrap_or_default();
        let controls_left_out = |name: &str| !is_control(name);
        PostRequest {
            campaign: given(pairs, "ckm_campaign_id"),
            key: text("ckm_key"),
            offer: given(pairs, "ckm_offer_id"),
            request_id: text("ckm_request_id"),
            browser_post: match pairs.get("ckm_bp").map(str::trim) {
                Some("1") => Some(true),
                Some("0") => Some(false),
                _ => None,
            },
            sub_ids: SubIds::new([
                sub_id("ckm_subid"),
                sub_id("ckm_subid_2"),
                sub_id("ckm_subid_3"),
                sub_id("ckm_subid_4"),
                sub_id("ckm_subid_5"),
            ]),
            test: asks_for_test(pairs) || is_marked_as_test(pairs),
            lead_id: text("ckm_lead_id").filter(|id| !id.trim().is_empty()),
            upsell: flag(pairs, "ckm_upsell"),
            resell: flag(pairs, "ckm_resell"),
            iframe: flag(pairs, "ckm_ifrm"),
            max_seconds: pairs.get("ckm_max_seconds").and_then(|seconds| seconds.trim().parse().ok()),
            callback: pairs.get("callback").map(str::parse),
            json_body,
            malformed,
            ping_id: text("ckm_ping_id"),
            idempotency_key: text(crate::script::IDEMPOTENCY_PARAMETER),
            fields: pairs.with_names(controls_left_out),
            nested: self.nested.iter().filter(|name| controls_left_out(name)).cloned().collect(),
            said: Said { pairs: self.pairs, nested: self.nested, unreadable: unreadable.map(<[u8]>::to_vec) },
        }
    }
}

/// All that a post says. Only a post with an idempotency key is compared with
/// another, so the hash is made where one asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    pairs: Pairs,
    nested: BTreeSet<String>,
    /// The body, where it cannot be read: it stands for itself.
    unreadable: Option<Vec<u8>>,
}

impl Said {
    /// SHA-256 over all pairs whatever their order: two posts that say the same have
    /// the same.
    ///
    /// Each text goes in with its length before it, so that no two lists of pairs
    /// are the same bytes.
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut add = |kind: u8, text: &[u8]| {
            hash.update([kind]);
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        for (name, value) in self.pairs.iter_by_name() {
            add(b'n', name.as_bytes());
            add(b'v', value.as_bytes());
        }
        for name in &self.nested {
            add(b'o', name.as_bytes());
        }
        if let Some(body) = &self.unreadable {
            add(b'b', body);
        }
        hash.finalize().into()
    }
}

/// `callback`, and all that begins with `ckm_`, known or not: a field of such a
/// name would shadow what we may mean by it one day.
fn is_control(name: &str) -> bool {
    name == "callback" || name.starts_with("ckm_")
}

fn flag(pairs: &Pairs, name: &str) -> bool {
    pairs.get(name).is_some_and(|value| value.trim() == "1")
}

/// `ckm_test=1`; also `true`, as which a JSON body says it: a tester who is not
/// understood makes a real lead.
fn asks_for_test(pairs: &Pairs) -> bool {
    flag(pairs, "ckm_test")
        || pairs.get("ckm_test").is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

fn is_marked_as_test(pairs: &Pairs) -> bool {
    let is_mark = |part: &[u8]| part.eq_ignore_ascii_case(TEST_MARK);
    TEST_MARKED_FIELDS
        .iter()
        .filter_map(|name| pairs.get(name))
        .any(|value| value.as_bytes().windows(TEST_MARK.len()).any(is_mark))
}

/// The name of a JSONP function: `[A-Za-z_$][A-Za-z0-9_$.]{0,127}`, which can
/// neither end the script it stands in nor call anything with arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback(String);

/// The text is no name of a JSONP function. Answered with HTTP 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("callback must match [A-Za-z_$][A-Za-z0-9_$.]{{0,127}}")]
pub struct InvalidCallback;

impl Callback {
    /// Characters of a name at most.
    pub const MAX_CHARS: usize = 128;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Callback {
    type Err = InvalidCallback;

    fn from_str(text: &str) -> Result<Self, InvalidCallback> {
        let starts = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte == b'$';
        let goes_on = |byte: u8| starts(byte) || byte.is_ascii_digit() || byte == b'.';
        let is_name = text.bytes().next().is_some_and(starts)
            && text.bytes().all(goes_on)
            && text.len() <= Self::MAX_CHARS;
        if is_name { Ok(Self(text.to_owned())) } else { Err(InvalidCallback) }
    }
}

#[cfg(test)]
mod tests;
