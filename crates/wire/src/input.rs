//! Parameters of a request: names without regard to case, the first of equal
//! names, within limits that hold for every way in which they can be written.

use crate::percent;
use std::str::FromStr;

/// Bytes of query string and body together; beyond them HTTP 413.
pub const MAX_INPUT_BYTES: usize = 64 * 1024;

/// Pairs of query string and body together, where XML elements, JSON members and
/// multipart parts count alike; beyond them HTTP 413. All are counted, also those
/// of equal names.
pub const MAX_PAIRS: usize = 500;

/// A request that is not read. HTTP 413 where it says more than we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// More than [`MAX_INPUT_BYTES`].
    #[error("query and body are larger than {MAX_INPUT_BYTES} bytes")]
    TooLarge,
    /// More than [`MAX_PAIRS`].
    #[error("query and body have more than {MAX_PAIRS} parameters")]
    TooManyPairs,
    /// A multipart body whose boundary its type does not name, or that does not have it:
    /// HTTP 400.
    #[error("the multipart body's boundary is not in its Content-Type, or not in the body")]
    NoBoundary,
}

/// Parameters in the order in which they were first named.
///
/// Names are kept lower-cased (ASCII) and are unique: of equal names the first
/// one stands. All names and values are parts of one text, so that a request's
/// dozen of them costs no dozen of allocations.
#[derive(Clone, Default)]
pub struct Pairs {
    text: String,
    pairs: Vec<Pair>,
    /// Places in `pairs`, by name.
    by_name: Vec<ByName>,
    /// The [`initial`] of each name, at least: most of what a request may say, it does not.
    initials: u64,
}

/// Where a pair stands in the text: its name, and behind it its value.
#[derive(Debug, Clone, Copy)]
struct Pair {
    name: usize,
    value: usize,
    end: usize,
}

#[derive(Debug, Clone, Copy)]
struct ByName {
    beginning: u64,
    /// The place in `pairs`.
    at: usize,
}

/// The first bytes of a name as a number, which lies as the name does in the order
/// of names. Two names differ in it nearly always, and it is compared at once.
fn beginning(name: &str) -> u64 {
    if let Some(first) = name.as_bytes().first_chunk() {
        return u64::from_be_bytes(*first);
    }
    let next = |(first, bits), byte| (first << 8 | u64::from(byte), bits - 8);
    let (first, bits_behind) = name.bytes().fold((0_u64, u64::BITS), next);
    first.unbounded_shl(bits_behind)
}

/// A bit for a name's first byte, which other bytes share.
fn initial(name: &str) -> u64 {
    name.bytes().next().map_or(0, |first| 1 << (first % 64))
}

impl Pairs {
    /// The value of a name, which is to be given in lower case.
    pub fn get(&self, lower_name: &str) -> Option<&str> {
        if self.initials & initial(lower_name) == 0 {
            return None;
        }
        let at = self.place(lower_name).ok()?;
        Some(self.read(*self.pairs.get(self.by_name.get(at)?.at)?).1)
    }

    /// Names (lower-cased) and values, in the order in which they were first named.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|pair| self.read(*pair))
    }

    /// True where nothing was given.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Names and values in the order of the names, so that two requests that say
    /// the same in another order compare as equal.
    pub(crate) fn iter_by_name(&self) -> impl Iterator<Item = (&str, &str)> {
        self.by_name.iter().filter_map(|named| self.pairs.get(named.at)).map(|pair| self.read(*pair))
    }

    /// Makes room for more pairs, of so many bytes.
    fn reserve(&mut self, bytes: usize, pairs: usize) {
        self.text.reserve(bytes);
        self.pairs.reserve(pairs);
        self.by_name.reserve(pairs);
    }

    /// Adds a pair unless one of that name is there. A pair without a name is none.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let start = self.text.len();
        self.text.push_str(name);
        if let Some(name) = self.text.get_mut(start..) {
            name.make_ascii_lowercase();
        }
        let lower_name = self.text.get(start..).unwrap_or_default();
        let place = if lower_name.is_empty() { Ok(0) } else { self.place(lower_name) };
        let named = ByName { beginning: beginning(lower_name), at: self.pairs.len() };
        self.initials |= initial(lower_name);
        match place {
            Ok(_) => self.text.truncate(start),
            Err(at) => {
                self.by_name.insert(at, named);
                self.push_value(start, value);
            }
        }
    }

    /// Puts a value behind its name, with which the text ends.
    fn push_value(&mut self, name: usize, text: &str) {
        let value = self.text.len();
        self.text.push_str(text);
        self.pairs.push(Pair { name, value, end: self.text.len() });
    }

    /// Those with a name of a kind, in their order.
    pub(crate) fn with_names(&self, is_kept: impl Fn(&str) -> bool) -> Self {
        let mut kept = Self { initials: self.initials, ..Self::default() };
        let mut places = vec![None; self.pairs.len()];
        kept.text.reserve(self.text.len());
        kept.pairs.reserve(self.pairs.len());
        for ((name, value), place) in self.iter().zip(&mut places).filter(|((name, _), _)| is_kept(name)) {
            *place = Some(kept.pairs.len());
            let start = kept.text.len();
            kept.text.push_str(name);
            kept.push_value(start, value);
        }
        let place_of = |named: &ByName| places.get(named.at).copied().flatten();
        kept.by_name
            .extend(self.by_name.iter().filter_map(|named| Some(ByName { at: place_of(named)?, ..*named })));
        kept
    }

    fn read(&self, pair: Pair) -> (&str, &str) {
        let part = |range| self.text.get(range).unwrap_or_default();
        (part(pair.name..pair.value), part(pair.value..pair.end))
    }

    /// Where a name stands in `by_name`, or where it would be put.
    fn place(&self, lower_name: &str) -> Result<usize, usize> {
        let wanted = beginning(lower_name);
        self.by_name.binary_search_by(|named| {
            named.beginning.cmp(&wanted).then_with(|| {
                let name = self.pairs.get(named.at).map_or("", |pair| self.read(*pair).0);
                name.cmp(lower_name)
            })
        })
    }
}

impl std::fmt::Debug for Pairs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl PartialEq for Pairs {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Pairs {}

impl FromIterator<(String, String)> for Pairs {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut collected = Self::default();
        for (name, value) in pairs {
            collected.add(&name, &value);
        }
        collected
    }
}

/// A value that must be of a form: an id, an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given<T> {
    /// Not sent, or blank.
    Absent,
    /// Sent, and not of its form.
    Malformed,
    /// Sent.
    Value(T),
}

impl<T> Given<T> {
    /// The value, where there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Malformed => None,
        }
    }
}

/// The value of a name, with blanks around it forgiven.
pub(crate) fn given<T: FromStr>(pairs: &Pairs, lower_name: &str) -> Given<T> {
    match pairs.get(lower_name).map(str::trim) {
        None | Some("") => Given::Absent,
        Some(text) => text.parse().map_or(Given::Malformed, Given::Value),
    }
}

/// Counts the pairs of one request, wherever they are written.
#[derive(Debug, Default)]
pub(crate) struct PairCount(usize);

impl PairCount {
    /// Counts some more.
    pub(crate) fn add(&mut self, pairs: usize) -> Result<(), InputError> {
        self.0 = self.0.saturating_add(pairs);
        if self.0 > MAX_PAIRS { Err(InputError::TooManyPairs) } else { Ok(()) }
    }
}

/// Reads a query string, without its `?`.
pub fn parse_query(raw: &[u8]) -> Result<Pairs, InputError> {
    if raw.len() > MAX_INPUT_BYTES {
        return Err(InputError::TooLarge);
    }
    let mut pairs = Pairs::default();
    read_form(raw, &mut pairs, &mut PairCount::default())?;
    Ok(pairs)
}

/// Adds the pairs of a query string or urlencoded body. Empty pairs are ignored,
/// also for the count.
pub(crate) fn read_form(raw: &[u8], pairs: &mut Pairs, count: &mut PairCount) -> Result<(), InputError> {
    let most = raw.iter().filter(|byte| **byte == b'&').count() + 1;
    pairs.reserve(raw.len(), most.min(MAX_PAIRS));
    for pair in split_pairs(raw) {
        if pair.is_empty() || pair == b"=" {
            continue;
        }
        count.add(1)?;
        let (name, value) = split_pair(pair);
        pairs.add(&percent::decoded(name), &percent::decoded(value));
    }
    Ok(())
}

/// The pairs of a query string or urlencoded body, also empty ones.
pub(crate) fn split_pairs(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(raw);
    std::iter::from_fn(move || {
        let (pair, behind) = split_once(rest?, b'&');
        rest = behind;
        Some(pair)
    })
}

/// Name and value of a pair, still encoded; the value is empty without a `=`.
pub(crate) fn split_pair(pair: &[u8]) -> (&[u8], &[u8]) {
    let (name, value) = split_once(pair, b'=');
    (name, value.unwrap_or_default())
}

/// What is before the first sign, and what is behind it.
fn split_once(text: &[u8], sign: u8) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(sign, text).and_then(|at| text.split_at_checked(at)) {
        Some((before, behind)) => (before, behind.get(1..)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_some_names_are_found_by_name_and_keep_their_order() {
        let pairs = parse_query(b"ckm_b=1&zip=2&callback=3&city=4&a=5&ckm_a=6").unwrap();
        let kept = pairs.clone().with_names(|name| !name.starts_with('c'));
        assert_eq!(kept.iter().collect::<Vec<_>>(), [("zip", "2"), ("a", "5")]);
        assert_eq!(kept.iter_by_name().collect::<Vec<_>>(), [("a", "5"), ("zip", "2")]);
        assert_eq!((kept.get("a"), kept.get("zip"), kept.get("city")), (Some("5"), Some("2"), None));
        assert_eq!(pairs.clone().with_names(|_| true), pairs);
        assert_eq!(pairs.with_names(|_| false), Pairs::default());
    }

    #[test]
    fn pairs_are_equal_by_names_values_and_order_and_shown_as_such() {
        let read = |query: &str| parse_query(query.as_bytes()).unwrap();
        assert_eq!(read("a=1&b=2"), read("A=1&&b=2&a=3"));
        for other in ["a=1&b=3", "a=1&c=2", "b=2&a=1", "a=1", "a=1&b=2&c="] {
            assert_ne!(read("a=1&b=2"), read(other), "{other}");
        }
        assert_eq!(format!("{:?}", read("b=2&a=1")), r#"{"b": "2", "a": "1"}"#);
    }
    use proptest::prelude::*;

    fn pairs(query: &str) -> Vec<(String, String)> {
        let pairs = parse_query(query.as_bytes()).unwrap();
        pairs.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn names_are_case_insensitive_and_values_are_not() {
        let query = parse_query(b"First_NAME=AnN").unwrap();
        assert_eq!(query.get("first_name"), Some("AnN"));
        assert_eq!(query.get("last_name"), None);
    }

    #[test]
    fn the_first_of_two_equal_names_wins() {
        assert_eq!(pairs("a=1&b=x&A=2&a=3"), [pair("a", "1"), pair("b", "x")]);
        assert_eq!(pairs("a&a=2"), [pair("a", "")], "also where the first is blank");
    }

    #[test]
    fn empty_pairs_and_a_leading_or_trailing_ampersand_are_ignored() {
        assert_eq!(pairs("&&a=1&&=&b=2&"), [pair("a", "1"), pair("b", "2")]);
        assert_eq!(pairs(""), []);
        assert_eq!(pairs("&"), []);
        assert_eq!(pairs("=lonely"), []);
    }

    #[test]
    fn a_value_may_hold_an_equals_sign() {
        assert_eq!(pairs("a=b=c"), [pair("a", "b=c")]);
    }

    #[test]
    fn order_is_that_of_the_first_naming() {
        let names: Vec<_> = pairs("z=1&b=2&a=3&b=4").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["z", "b", "a"]);
    }

    #[test]
    fn five_hundred_pairs_are_read_and_one_more_is_too_many() {
        let mut query = vec!["x=1"; MAX_PAIRS].join("&");
        assert_eq!(parse_query(query.as_bytes()).map(|pairs| pairs.len()), Ok(1));
        query.push_str("&&&");
        assert!(parse_query(query.as_bytes()).is_ok(), "empty pairs do not count");
        query.push('x');
        assert_eq!(parse_query(query.as_bytes()), Err(InputError::TooManyPairs));
    }

    #[test]
    fn sixty_four_kibibytes_are_read_and_one_more_is_too_large() {
        let mut query = vec![b'a'; MAX_INPUT_BYTES];
        assert!(parse_query(&query).is_ok());
        query.push(b'a');
        assert_eq!(parse_query(&query), Err(InputError::TooLarge));
    }

    proptest! {
        #[test]
        fn each_name_is_found_and_they_are_in_order_however_alike_they_begin(
            names in prop::collection::vec("(ckm_test)?[ab\0]{0,3}|\\PC{1,12}", 0..40),
        ) {
            let pairs: Pairs = names.iter().map(|name| (name.clone(), name.to_uppercase())).collect();
            let mut kept: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
            kept.retain(|name| !name.is_empty());
            kept.sort_unstable();
            kept.dedup();
            let in_order: Vec<&str> = pairs.iter_by_name().map(|(name, _)| name).collect();
            prop_assert_eq!(&in_order, &kept);
            for name in &kept {
                prop_assert!(pairs.get(name).is_some_and(|value| names.iter().any(|n| n.to_uppercase() == value)));
            }
        }

        #[test]
        fn any_query_is_read(raw in prop::collection::vec(any::<u8>(), 0..600)) {
            let query = parse_query(&raw).unwrap();
            prop_assert_eq!(query.is_empty(), query.iter().next().is_none());
            for (name, value) in query.iter() {
                prop_assert_eq!(query.get(name), Some(value));
                prop_assert!(!name.is_empty() && !name.bytes().any(|b| b.is_ascii_uppercase()));
            }
        }

        #[test]
        fn written_pairs_are_read_back(given in prop::collection::vec(("[a-c]{1,2}", any::<String>()), 0..20)) {
            let query: Vec<_> = given.iter()
                .map(|(name, value)| format!("{name}={}", percent::encode(value)))
                .collect();
            let read = parse_query(query.join("&").as_bytes()).unwrap();
            for (name, _) in &given {
                let first = given.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
                prop_assert_eq!(read.get(name), first);
            }
            let by_name: Vec<_> = read.iter_by_name().map(|(name, _)| name).collect();
            prop_assert!(by_name.is_sorted());
            prop_assert_eq!(by_name.len(), read.len());
        }
    }
}
