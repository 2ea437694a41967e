//! The visitor's cookies: one for the visitor, one per offer, each signed.
//!
//! A value is `text.signature`, where the signature covers the cookie's name too:
//! a cookie of one offer proves nothing under another's name, nor under another
//! installation's key. What does not verify counts as absent.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crumb_domain::click::VisitorId;
use crumb_domain::keyed_hash::KeyedHash;
use crumb_domain::{OfferId, RequestId};
use std::fmt::Write as _;
use subtle::ConstantTimeEq as _;

/// The visitor's cookie.
pub const VISITOR_COOKIE: &str = "crumb_v";
/// What begins the name of an offer's cookie; the offer's id follows.
const OFFER_COOKIE_PREFIX: &str = "crumb_o";
/// Digits of an offer's id at most.
const MAX_ID_DIGITS: usize = 10;
/// Days for which the visitor's cookie lives: the most that browsers keep one.
pub const VISITOR_DAYS: u32 = 400;
/// Offer cookies that a visitor may have; beyond them the oldest expire first.
pub const MAX_OFFER_COOKIES: usize = 40;
/// Offer cookies that are looked at in one request: what browsers keep of one
/// site at most (180), so that cookies made under other limits can be tidied up.
pub const MAX_READ_COOKIES: usize = 180;
/// Bytes of `Cookie` headers that are looked at.
pub const MAX_COOKIE_BYTES: usize = 32 * 1024;
/// Bytes kept of a signature: 128 bits cannot be guessed, and every cookie is
/// sent with every request.
const SIGNATURE_BYTES: usize = 16;

/// The installation's key for its cookies.
#[derive(Debug, Clone)]
pub struct CookieKey(KeyedHash);

impl CookieKey {
    /// From 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(KeyedHash::new(&bytes))
    }

    fn signature(&self, cookie: &str, text: &str) -> [u8; SIGNATURE_BYTES] {
        let digest = self.0.digest(&[cookie.as_bytes(), b"=", text.as_bytes()]);
        let mut signature = [0; SIGNATURE_BYTES];
        for (byte, of_digest) in signature.iter_mut().zip(digest) {
            *byte = of_digest;
        }
        signature
    }

    fn sign(&self, cookie: &str, text: &str) -> String {
        let mut signed = String::with_capacity(text.len() + 1 + SIGNATURE_BYTES * 2);
        signed.extend([text, "."]);
        URL_SAFE_NO_PAD.encode_string(self.signature(cookie, text), &mut signed);
        signed
    }

    /// The signed text, where the signature is right.
    fn verify<'v>(&self, cookie: &str, value: &'v str) -> Option<&'v str> {
        let (text, signature) = value.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let expected = self.signature(cookie, text);
        bool::from(signature.as_slice().ct_eq(&expected)).then_some(text)
    }
}

/// The name of an offer's cookie.
pub fn offer_cookie_name(offer: OfferId) -> String {
    let mut name = String::with_capacity(OFFER_COOKIE_PREFIX.len() + MAX_ID_DIGITS);
    // Writing to a string cannot fail.
    let _ = write!(name, "{OFFER_COOKIE_PREFIX}{offer}");
    name
}

/// Our cookies of one request, as sent. A signature is checked when its cookie is
/// asked for: a link asks for one offer's of perhaps forty.
#[derive(Debug, Clone)]
pub struct CookieJar {
    key: CookieKey,
    visitors: Vec<String>,
    offers: Vec<(OfferId, String)>,
}

/// What a request's cookies say of one offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieClaim {
    /// Nothing.
    Absent,
    /// Something that we did not sign for this offer: treated as absent.
    Malformed,
    /// The visitor's session on it.
    Session(RequestId),
}

impl CookieJar {
    /// Reads the values of the `Cookie` headers, of which the first
    /// [`MAX_COOKIE_BYTES`] and our first [`MAX_READ_COOKIES`] cookies count.
    pub fn parse<'a>(headers: impl Iterator<Item = &'a [u8]>, key: &CookieKey) -> Self {
        let mut jar = Self { key: key.clone(), visitors: Vec::new(), offers: Vec::new() };
        let mut left = MAX_COOKIE_BYTES;
        for header in headers {
            let header = header.get(..left).unwrap_or(header);
            left -= header.len();
            for cookie in header.split(|byte| *byte == b';') {
                if jar.visitors.len() + jar.offers.len() == MAX_READ_COOKIES {
                    return jar;
                }
                // Cookies of ours are ASCII; others' may be anything.
                if let Ok(cookie) = std::str::from_utf8(cookie) {
                    jar.add(cookie.trim());
                }
            }
        }
        jar
    }

    fn add(&mut self, cookie: &str) {
        let Some((name, value)) = cookie.split_once('=') else {
            return;
        };
        if name == VISITOR_COOKIE {
            self.visitors.push(value.to_owned());
        } else if let Some(id) = name.strip_prefix(OFFER_COOKIE_PREFIX)
            && let Some(offer) = id.parse::<OfferId>().ok().filter(|offer| offer.to_string() == id)
        {
            self.offers.push((offer, value.to_owned()));
        }
    }

    /// The visitor, where a cookie of ours names one.
    ///
    /// Of several cookies of one name the first that verifies counts: another
    /// site of the same domain can plant one, and must not hide ours by it.
    pub fn visitor(&self) -> Option<VisitorId> {
        self.visitors
            .iter()
            .filter_map(|value| self.key.verify(VISITOR_COOKIE, value))
            .find_map(|text| text.parse().ok())
            .map(VisitorId)
    }

    /// The visitor's session on an offer.
    pub fn offer(&self, offer: OfferId) -> CookieClaim {
        let mut claim = CookieClaim::Absent;
        for (_, value) in self.offers.iter().filter(|(other, _)| *other == offer) {
            match self.session(offer, value) {
                Some(session) => return CookieClaim::Session(session),
                None => claim = CookieClaim::Malformed,
            }
        }
        claim
    }

    /// All offers that have a cookie in the request, each once, in the order of
    /// the cookies; `None` where it does not verify.
    pub fn offers(&self) -> Vec<(OfferId, Option<RequestId>)> {
        let mut offers: Vec<(OfferId, Option<RequestId>)> = Vec::new();
        for (offer, value) in &self.offers {
            let session = self.session(*offer, value);
            match offers.iter_mut().find(|(other, _)| other == offer) {
                Some((_, known)) => *known = known.or(session),
                None => offers.push((*offer, session)),
            }
        }
        offers
    }

    fn session(&self, offer: OfferId, value: &str) -> Option<RequestId> {
        self.key.verify(&offer_cookie_name(offer), value)?.parse().ok()
    }
}

/// `Set-Cookie` for the visitor's cookie; `secure` on https.
pub fn set_visitor(key: &CookieKey, visitor: VisitorId, secure: bool) -> String {
    set_cookie(VISITOR_COOKIE, &key.sign(VISITOR_COOKIE, &visitor.0.to_string()), VISITOR_DAYS, secure)
}

/// `Set-Cookie` for an offer's cookie, for the offer's click cookie days; `secure`
/// on https.
pub fn set_offer(key: &CookieKey, offer: OfferId, session: RequestId, days: u32, secure: bool) -> String {
    let name = offer_cookie_name(offer);
    set_cookie(&name, &key.sign(&name, &session.to_string()), days, secure)
}

/// `Set-Cookie` that takes an offer's cookie away; `secure` on https.
pub fn clear_offer(offer: OfferId, secure: bool) -> String {
    set_cookie(&offer_cookie_name(offer), "", 0, secure)
}

/// Bytes that hold a cookie's attributes.
const ATTRIBUTE_BYTES: usize = 80;

/// Forms post across sites, so that on https a cookie is sent there too; on http
/// browsers refuse such cookies, and `Lax` is the most there is.
fn set_cookie(name: &str, value: &str, days: u32, secure: bool) -> String {
    let seconds = u64::from(days) * 86_400;
    let same_site = if secure { "SameSite=None; Secure" } else { "SameSite=Lax" };
    let mut cookie = String::with_capacity(name.len() + value.len() + ATTRIBUTE_BYTES);
    cookie.extend([name, "=", value, "; Path=/; Max-Age="]);
    // Writing to a string cannot fail.
    let _ = write!(cookie, "{seconds}");
    cookie.extend(["; HttpOnly; ", same_site]);
    cookie
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> CookieKey {
        CookieKey::new([7; 32])
    }

    fn session(id: u64) -> RequestId {
        id.to_string().parse().unwrap()
    }

    /// What a browser sends back of a `Set-Cookie`.
    fn sent(set_cookie: &str) -> String {
        set_cookie.split(';').next().unwrap().to_owned()
    }

    fn jar(cookies: &[String]) -> CookieJar {
        let header = cookies.join("; ");
        CookieJar::parse([header.as_bytes()].into_iter(), &key())
    }

    #[test]
    fn a_signature_stays_what_it_was() {
        let cookie = set_offer(&key(), OfferId(1), session(11), 30, true);
        assert!(cookie.starts_with("crumb_o1=11.HqJGYZ3DyDHCndkkRkHHkQ;"), "{cookie}");
    }

    #[test]
    fn cookies_are_http_only_for_the_whole_site_and_their_days() {
        let cookie = set_offer(&key(), OfferId(5), session(42), 30, true);
        assert!(cookie.starts_with("crumb_o5=42."), "{cookie}");
        assert!(cookie.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=None; Secure"), "{cookie}");
        let visitor = set_visitor(&key(), VisitorId(9), true);
        assert!(visitor.starts_with("crumb_v=9."), "{visitor}");
        assert!(visitor.contains("; Max-Age=34560000;"), "400 days: {visitor}");
    }

    #[test]
    fn on_http_cookies_are_lax_and_not_secure() {
        for cookie in [
            set_offer(&key(), OfferId(5), session(42), 30, false),
            set_visitor(&key(), VisitorId(9), false),
            clear_offer(OfferId(5), false),
        ] {
            assert!(cookie.ends_with("; HttpOnly; SameSite=Lax") && !cookie.contains("Secure"), "{cookie}");
        }
    }

    #[test]
    fn clearing_a_cookie_ends_it_at_once() {
        let cookie = clear_offer(OfferId(5), true);
        assert_eq!(cookie, "crumb_o5=; Path=/; Max-Age=0; HttpOnly; SameSite=None; Secure");
    }

    #[test]
    fn cookies_that_were_set_are_read_from_any_header() {
        let visitor = sent(&set_visitor(&key(), VisitorId(u64::MAX), true));
        let one = format!(
            "other=x;{visitor} ;  junk; ={}",
            sent(&set_offer(&key(), OfferId(1), session(11), 1, true))
        );
        let two = sent(&set_offer(&key(), OfferId(2), session(22), 30, false));
        let jar = CookieJar::parse([one.as_bytes(), b"\xff\xfe=1", two.as_bytes()].into_iter(), &key());
        assert_eq!(jar.visitor(), Some(VisitorId(u64::MAX)));
        assert_eq!(jar.offer(OfferId(1)), CookieClaim::Absent, "a cookie without a name");
        assert_eq!(jar.offer(OfferId(2)), CookieClaim::Session(session(22)));
        assert_eq!(jar.offers(), [(OfferId(2), Some(session(22)))]);
    }

    #[test]
    fn a_cookie_of_one_offer_does_not_verify_under_another() {
        let cookie =
            sent(&set_offer(&key(), OfferId(1), session(11), 30, true)).replace("crumb_o1=", "crumb_o2=");
        let jar = jar(&[cookie]);
        assert_eq!(jar.offer(OfferId(2)), CookieClaim::Malformed);
        assert_eq!(jar.offer(OfferId(1)), CookieClaim::Absent);
        assert_eq!(jar.offers(), [(OfferId(2), None)]);
    }

    #[test]
    fn a_visitors_cookie_does_not_stand_in_for_an_offers() {
        let value = sent(&set_visitor(&key(), VisitorId(11), true)).replace("crumb_v=", "crumb_o1=");
        assert_eq!(jar(&[value]).offer(OfferId(1)), CookieClaim::Malformed);
        let value =
            sent(&set_offer(&key(), OfferId(1), session(11), 30, true)).replace("crumb_o1=", "crumb_v=");
        assert_eq!(jar(&[value]).visitor(), None);
    }

    #[test]
    fn a_cookie_that_does_not_verify_is_no_session() {
        let good = sent(&set_offer(&key(), OfferId(1), session(11), 30, true));
        let (_, signature) = good.split_once('.').unwrap();
        let foreign = sent(&set_offer(&CookieKey::new([8; 32]), OfferId(1), session(11), 30, true));
        let changed = [
            format!("crumb_o1=12.{signature}"),
            format!("crumb_o1=011.{signature}"),
            format!("{good}A"),
            good[..good.len() - 1].to_owned(),
            "crumb_o1=11".to_owned(),
            "crumb_o1=11.".to_owned(),
            "crumb_o1=".to_owned(),
            foreign,
        ];
        for cookie in changed {
            assert_eq!(
                jar(std::slice::from_ref(&cookie)).offer(OfferId(1)),
                CookieClaim::Malformed,
                "{cookie}"
            );
        }
        assert_eq!(jar(&[good]).offer(OfferId(1)), CookieClaim::Session(session(11)));
    }

    #[test]
    fn a_planted_cookie_does_not_hide_ours() {
        let ours = sent(&set_offer(&key(), OfferId(1), session(11), 30, true));
        let visitor = sent(&set_visitor(&key(), VisitorId(3), true));
        let jar = jar(&["crumb_o1=99.x".to_owned(), "crumb_v=1.x".to_owned(), ours, visitor]);
        assert_eq!(jar.offer(OfferId(1)), CookieClaim::Session(session(11)));
        assert_eq!(jar.offers(), [(OfferId(1), Some(session(11)))]);
        assert_eq!(jar.visitor(), Some(VisitorId(3)));
    }

    #[test]
    fn what_is_read_of_a_request_is_bounded() {
        let cookie = |offer| sent(&set_offer(&key(), OfferId(offer), session(11), 30, true));
        let many: Vec<_> = (1..=1_000).map(cookie).collect();
        assert_eq!(jar(&many).offers().len(), MAX_READ_COOKIES);
        let late = format!("x={}; {}", "y".repeat(MAX_COOKIE_BYTES), cookie(1));
        assert_eq!(jar(&[late]).offer(OfferId(1)), CookieClaim::Absent);
        // The bound is of all headers together.
        let junk = "y".repeat(MAX_COOKIE_BYTES - 5);
        let ours = cookie(1);
        let jar = CookieJar::parse([junk.as_bytes(), ours.as_bytes(), ours.as_bytes()].into_iter(), &key());
        assert_eq!(jar.offer(OfferId(1)), CookieClaim::Absent);
    }

    #[test]
    fn a_key_does_not_show_itself() {
        assert_eq!(format!("{:?}", key()), "CookieKey(KeyedHash(…))");
    }

    proptest! {
        #[test]
        fn a_cookie_that_was_set_verifies(offer in 1..=crumb_domain::MAX_ENTITY_ID, id in 1_u64..1 << 53) {
            let cookie = sent(&set_offer(&key(), OfferId(offer), session(id), 30, true));
            prop_assert_eq!(jar(&[cookie]).offer(OfferId(offer)), CookieClaim::Session(session(id)));
        }

        #[test]
        fn strangers_cookies_never_verify(header in "(crumb_o1=|crumb_v=|[0-9a-zA-Z_.;= -]{0,30}){0,6}") {
            let jar = CookieJar::parse([header.as_bytes()].into_iter(), &key());
            prop_assert_eq!(jar.visitor(), None);
            prop_assert!(jar.offers().iter().all(|(_, session)| session.is_none()));
        }
    }
}
