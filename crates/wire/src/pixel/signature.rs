//! Signed calls: the advertiser's server shows that it knows the offer's postback secret.
//!
//! Signed is the *canonical text*: every parameter as it was read, of query and body
//! together, but `sig`. Names are lower-cased, of equal names the first counts, and they
//! stand in the order of their bytes; each is `name=value` with all but RFC 3986's
//! unreserved characters of its UTF-8 percent-encoded, and `&` stands between them. So
//! the signature holds however the call was written down: order, case of names, `+` or
//! `%20`, GET or POST.
//!
//! `sig` is the HMAC-SHA-256 of that text under the secret's bytes, in hexadecimal. One of
//! the parameters is `ts`, the second since 1970 in which the call was signed.

use crate::input::{InputError, PairCount, Pairs, read_form};
use crate::percent;
use crumb_domain::Timestamp;
use crumb_domain::keyed_hash::{HASH_BYTES, KeyedHash};
use crumb_domain::pixel::SIGNATURE_SECONDS;
use std::fmt::Write as _;
use subtle::ConstantTimeEq as _;

/// What a call's signature is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureCheck {
    /// There is none.
    Absent,
    /// It is right and of now. The digest is the call's own: the same call said again,
    /// however it is written, has the same.
    Valid([u8; HASH_BYTES]),
    /// It does not hold.
    Wrong(WrongSignature),
}

/// Why a signature does not hold: for the log of whoever knows the secret. Callers are told
/// none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongSignature {
    /// It is not the secret's.
    #[error("sig is not what the offer's postback_secret makes of the call")]
    NotOfSecret,
    /// It is right, and says no time.
    #[error("ts is missing")]
    NoTime,
    /// It is right, and its time is none.
    #[error("ts is no second since 1970")]
    UnreadableTime,
    /// It is right, and not within [`SIGNATURE_SECONDS`] of now.
    #[error("ts is {seconds} seconds away from the server's clock, and may be {SIGNATURE_SECONDS}")]
    NotOfNow {
        /// How far away.
        seconds: u64,
    },
}

/// What a signed call says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What is to be signed.
    canonical: String,
    /// `sig`; none where it cannot be one.
    signature: Option<[u8; HASH_BYTES]>,
    /// `ts`.
    signed_at: Result<i64, WrongSignature>,
}

impl Signed {
    /// None where `sig` is absent or blank.
    pub(super) fn read(pairs: &Pairs) -> Option<Self> {
        let signature = pairs.get("sig").map(str::trim).filter(|text| !text.is_empty())?;
        Some(Self {
            canonical: canonical_text(pairs),
            signature: from_hex(signature),
            signed_at: match pairs.get("ts").map(str::trim).filter(|text| !text.is_empty()) {
                None => Err(WrongSignature::NoTime),
                Some(text) => text.parse().map_err(|_| WrongSignature::UnreadableTime),
            },
        })
    }

    fn verify(&self, secret: &str, now: Timestamp) -> SignatureCheck {
        let digest = KeyedHash::of_any_key(secret.as_bytes()).digest(&[self.canonical.as_bytes()]);
        let is_right = self.signature.is_some_and(|signature| bool::from(signature.ct_eq(&digest)));
        // A blank secret is everybody's: nothing is signed with it.
        if !is_right || secret.is_empty() {
            return SignatureCheck::Wrong(WrongSignature::NotOfSecret);
        }
        match self.signed_at.map(|at| now.unix_seconds().abs_diff(at)) {
            Err(wrong) => SignatureCheck::Wrong(wrong),
            Ok(seconds) if seconds > SIGNATURE_SECONDS.unsigned_abs() => {
                SignatureCheck::Wrong(WrongSignature::NotOfNow { seconds })
            }
            Ok(_) => SignatureCheck::Valid(digest),
        }
    }
}

impl super::PixelRequest {
    /// Whether the call was signed with an offer's postback secret, in constant time.
    pub fn check_signature(&self, secret: &str, now: Timestamp) -> SignatureCheck {
        self.signed.as_ref().map_or(SignatureCheck::Absent, |signed| signed.verify(secret, now))
    }
}

/// The `sig` of a call with this query string, `ts` in it.
pub fn sign_query(raw_query: &[u8], secret: &str) -> Result<String, InputError> {
    Ok(sign(&pairs_of(raw_query)?, secret))
}

/// The query string of a call that is signed: the canonical text of this one, `ts` in it,
/// with its `sig` behind.
pub fn signed_query(raw_query: &[u8], secret: &str) -> Result<String, InputError> {
    let pairs = pairs_of(raw_query)?;
    Ok(format!("{}&sig={}", canonical_text(&pairs), sign(&pairs, secret)))
}

fn pairs_of(raw_query: &[u8]) -> Result<Pairs, InputError> {
    let mut pairs = Pairs::default();
    read_form(raw_query, &mut pairs, &mut PairCount::default())?;
    Ok(pairs)
}

/// The `sig` of a call with these parameters, `ts` among them: 64 hexadecimal digits.
pub fn sign(parameters: &Pairs, secret: &str) -> String {
    let text = canonical_text(parameters);
    let digest = KeyedHash::of_any_key(secret.as_bytes()).digest(&[text.as_bytes()]);
    let mut hex = String::with_capacity(2 * HASH_BYTES);
    for byte in digest {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn canonical_text(pairs: &Pairs) -> String {
    let mut text = String::new();
    for (name, value) in pairs.iter_by_name().filter(|(name, _)| *name != "sig") {
        if !text.is_empty() {
            text.push('&');
        }
        percent::encode_into(&mut text, name);
        text.push('=');
        percent::encode_into(&mut text, value);
    }
    text
}

/// A digest in hexadecimal, in capitals too: some languages print it so.
fn from_hex(text: &str) -> Option<[u8; HASH_BYTES]> {
    if text.len() != 2 * HASH_BYTES {
        return None;
    }
    let mut digest = [0; HASH_BYTES];
    let mut digits = text.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()));
    for byte in &mut digest {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::parse_query;
    use crate::pixel::parse_pixel;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_500_000);
    const SECRET: &str = "hmac-key";
    const NOT_OF_SECRET: SignatureCheck = SignatureCheck::Wrong(WrongSignature::NotOfSecret);
    const CALL: &str = "o=100&e=sale&f=pb&r=123456789&t=A+B%2f1%C3%A9&p=12.50&ts=1800000000";
    /// By Python's `hmac.new(b"hmac-key", text, "sha256").hexdigest()` of
    /// `e=sale&f=pb&o=100&p=12.50&r=123456789&t=A%20B%2F1%C3%A9&ts=1800000000`.
    const SIGNATURE: &str = "0bdc064061b89a707bae6bf227efb9e2a7b4309822df06f96f1d4d0696f734b2";

    fn check(call: &str, now: Timestamp) -> SignatureCheck {
        parse_pixel(call.as_bytes(), None).unwrap().check_signature(SECRET, now)
    }

    fn is_valid(call: &str) -> bool {
        matches!(check(call, NOW), SignatureCheck::Valid(_))
    }

    #[test]
    fn a_signature_is_the_hmac_of_the_sorted_parameters() {
        let parameters = parse_query(CALL.as_bytes()).unwrap();
        assert_eq!(
            canonical_text(&parameters),
            "e=sale&f=pb&o=100&p=12.50&r=123456789&t=A%20B%2F1%C3%A9&ts=1800000000"
        );
        assert_eq!(sign(&parameters, SECRET), SIGNATURE);
        assert!(is_valid(&format!("{CALL}&sig={SIGNATURE}")));
        assert!(is_valid(&format!("{CALL}&sig={}", SIGNATURE.to_ascii_uppercase())), "as .NET prints it");
    }

    #[test]
    fn a_call_is_signed_behind_its_canonical_text() {
        let signed = signed_query(CALL.as_bytes(), SECRET).unwrap();
        let canonical = "e=sale&f=pb&o=100&p=12.50&r=123456789&t=A%20B%2F1%C3%A9&ts=1800000000";
        assert_eq!(signed, format!("{canonical}&sig={SIGNATURE}"));
        assert!(is_valid(&signed));
    }

    #[test]
    fn the_same_call_written_otherwise_has_the_same_digest() {
        let first = check(&format!("{CALL}&sig={SIGNATURE}"), NOW);
        let otherwise = "SIG={}&TS=1800000000&p=12.50&r=123456789&f=pb&&E=sale&o=100&t=A%20B/1%c3%a9&o=200";
        assert_eq!(check(&otherwise.replace("{}", SIGNATURE), NOW), first);
        let body = CALL.split_once('&').unwrap().1;
        let posted = parse_pixel(format!("o=100&sig={SIGNATURE}").as_bytes(), Some(("", body.as_bytes())));
        assert_eq!(posted.unwrap().check_signature(SECRET, NOW), first);
    }

    #[test]
    fn a_call_that_says_anything_else_is_signed_wrongly() {
        for (from, to) in [
            ("p=12.50", "p=12.51"),
            ("r=123456789", "r=123456788"),
            ("o=100", "o=101"),
            ("ts=1800000000", "ts=1800000001"),
            ("f=pb", "f=pb&ap=5"),
            ("&e=sale", ""),
        ] {
            let call = format!("{}&sig={SIGNATURE}", CALL.replace(from, to));
            assert_eq!(check(&call, NOW), NOT_OF_SECRET, "{call}");
        }
        let call = parse_pixel(format!("{CALL}&sig={SIGNATURE}").as_bytes(), None).unwrap();
        assert_eq!(call.check_signature("another key", NOW), NOT_OF_SECRET);
    }

    #[test]
    fn a_call_without_a_signature_is_told_from_one_that_is_wrong() {
        assert_eq!(check(CALL, NOW), SignatureCheck::Absent);
        assert_eq!(check(&format!("{CALL}&sig=+"), NOW), SignatureCheck::Absent);
        for no_digest in ["x", "0", &"g".repeat(64), &"0".repeat(64), &"é".repeat(32), &SIGNATURE[2..]] {
            assert_eq!(check(&format!("{CALL}&sig={no_digest}"), NOW), NOT_OF_SECRET, "{no_digest}");
        }
    }

    #[test]
    fn a_call_holds_for_five_minutes_before_and_after_its_time() {
        let call = format!("{CALL}&sig={SIGNATURE}");
        let at = |seconds: i64| check(&call, NOW.plus_seconds(seconds));
        for seconds in [-300, 300] {
            assert!(matches!(at(seconds), SignatureCheck::Valid(_)), "{seconds}");
        }
        let off = |seconds| SignatureCheck::Wrong(WrongSignature::NotOfNow { seconds });
        assert_eq!([at(-301), at(301)], [off(301); 2]);
        for (ts, why) in [
            ("", "ts is missing"),
            ("&ts=+", "ts is missing"),
            ("&ts=now", "ts is no second since 1970"),
            ("&ts=1800000000000", "ts is 1798200000000 seconds away from the server's clock, and may be 300"),
            (
                "&ts=-9223372036854775808",
                "ts is 9223372038654775808 seconds away from the server's clock, and may be 300",
            ),
        ] {
            let call = format!("o=100{ts}");
            let sig = sign(&parse_query(call.as_bytes()).unwrap(), SECRET);
            let SignatureCheck::Wrong(wrong) = check(&format!("{call}&sig={sig}"), NOW) else {
                panic!("{ts} holds")
            };
            assert_eq!(wrong.to_string(), why, "{ts}");
            assert_eq!(check(&format!("{call}&sig={SIGNATURE}"), NOW), NOT_OF_SECRET, "{ts}: first of all");
        }
    }

    #[test]
    fn nothing_is_signed_with_a_blank_secret() {
        let sig = sign(&parse_query(CALL.as_bytes()).unwrap(), "");
        let call = parse_pixel(format!("{CALL}&sig={sig}").as_bytes(), None).unwrap();
        assert_eq!(call.check_signature("", NOW), NOT_OF_SECRET);
    }

    proptest! {
        #[test]
        fn what_is_signed_verifies(
            given in prop::collection::vec(("[a-qA-Q_]{1,3}", any::<String>()), 0..12), secret in ".{1,100}",
        ) {
            let mut call = "ts=1800000100".to_owned();
            for (name, value) in &given {
                call.push_str(&format!("&{name}={}", percent::encode(value)));
            }
            let sig = sign(&parse_query(call.as_bytes()).unwrap(), &secret);
            let read = parse_pixel(format!("{call}&sig={sig}").as_bytes(), None).unwrap();
            prop_assert!(matches!(read.check_signature(&secret, NOW), SignatureCheck::Valid(_)));
        }
    }
}
