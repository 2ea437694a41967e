//! Values that a pattern matches, made of the pattern itself.

use regex_syntax::hir::{Class, Hir, HirKind};
use std::collections::HashSet;

/// The longest value that is made, in bytes. An example with a longer one is no help.
const MAX_BYTES: usize = 512;
/// How many parts of a pattern are looked at for one value. A value of the greatest length
/// takes a few thousand; what takes more nests without end.
const MAX_STEPS: usize = 20_000;
/// How many of an alternation's branches are tried.
const MAX_BRANCHES: usize = 32;

/// Short plain values that a pattern may match, likeliest first: each is to be held against it,
/// since look-arounds are passed over. None where there is no such, or the pattern asks too much.
pub(super) fn members(pattern: &str) -> impl Iterator<Item = String> {
    let parsed = regex_syntax::parse(pattern).ok();
    let mut seen = HashSet::new();
    let mut steps = MAX_STEPS;
    let ways = (0..MAX_BRANCHES).flat_map(|branch| Way::KINDS.map(|way| Way { branch, ..way }));
    let made = ways.filter_map(move |way| {
        let mut writer = Writer { way, out: String::new(), taken: 0, steps };
        let written = writer.write(parsed.as_ref()?);
        // What one value took is lacking for the next, so that all of them are bounded.
        steps = writer.steps;
        written.map(|()| writer.out)
    });
    made.filter(move |value| seen.insert(value.clone()))
}

/// Which of the values that a pattern allows is taken.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// The branch of each alternation: the first from here on that has a value.
    branch: usize,
    /// Letters where a class has them, and else digits; or the other way round.
    letters_first: bool,
    /// What may be left out is there once.
    full: bool,
}

impl Way {
    const KINDS: [Way; 4] = [
        Way { branch: 0, letters_first: false, full: false },
        Way { branch: 0, letters_first: true, full: false },
        Way { branch: 0, letters_first: false, full: true },
        Way { branch: 0, letters_first: true, full: true },
    ];
}

struct Writer {
    way: Way,
    out: String,
    /// How many characters were taken of classes.
    taken: usize,
    steps: usize,
}

impl Writer {
    /// Writes a value of this part; `None` where it has none, or none that is short.
    fn write(&mut self, part: &Hir) -> Option<()> {
        self.steps = self.steps.checked_sub(1)?;
        match part.kind() {
            HirKind::Empty | HirKind::Look(_) => Some(()),
            HirKind::Literal(literal) => self.push(std::str::from_utf8(&literal.0).ok()?),
            HirKind::Class(class) => {
                let c = self.pick(class)?;
                self.push(c.encode_utf8(&mut [0; 4]))
            }
            HirKind::Capture(capture) => self.write(&capture.sub),
            HirKind::Concat(parts) => parts.iter().try_for_each(|part| self.write(part)),
            HirKind::Alternation(branches) => {
                let (before, from) = branches.split_at(self.way.branch % branches.len().max(1));
                from.iter().chain(before).find_map(|branch| self.attempt(branch))
            }
            HirKind::Repetition(repetition) => {
                let least = repetition.min.max(u32::from(self.way.full && repetition.max != Some(0)));
                for _ in 0..least {
                    let before = self.out.len();
                    self.write(&repetition.sub)?;
                    // Nothing, however often.
                    if self.out.len() == before {
                        break;
                    }
                }
                Some(())
            }
        }
    }

    /// Writes a value of a branch, or leaves all as it was.
    fn attempt(&mut self, branch: &Hir) -> Option<()> {
        let (length, taken) = (self.out.len(), self.taken);
        let written = self.write(branch);
        if written.is_none() {
            self.out.truncate(length);
            self.taken = taken;
        }
        written
    }

    fn push(&mut self, text: &str) -> Option<()> {
        self.out.push_str(text);
        (self.out.len() <= MAX_BYTES).then_some(())
    }

    /// The plainest character of a class. Digits count up, so that a number looks like one.
    fn pick(&mut self, class: &Class) -> Option<char> {
        const DIGITS: [char; 10] = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0'];
        let ascii: Vec<(char, char)> = match class {
            Class::Unicode(class) => {
                let ranges = class.ranges().iter().map(|range| (range.start(), range.end()));
                ranges.take_while(|(start, _)| start.is_ascii()).collect()
            }
            Class::Bytes(class) => {
                let ranges = class.ranges().iter().map(|range| (range.start(), range.end()));
                ranges.map(|(start, end)| (char::from(start), char::from(end))).collect()
            }
        };
        let has = |c: &char| ascii.iter().any(|(start, end)| (start..=end).contains(&c));
        let turn = self.taken % DIGITS.len();
        let digit = || DIGITS.iter().cycle().skip(turn).take(DIGITS.len()).copied().find(has);
        let letter = || ('A'..='Z').chain('a'..='z').find(has);
        let alphanumeric =
            if self.way.letters_first { letter().or_else(digit) } else { digit().or_else(letter) };
        let c = alphanumeric.or_else(|| ('!'..='~').find(has)).or_else(|| Some(' ').filter(has));
        self.taken += 1;
        c.or_else(|| beyond_ascii(class))
    }
}

/// A letter or digit of a class, else what is no control character.
fn beyond_ascii(class: &Class) -> Option<char> {
    // Those that have any have one soon.
    const RANGES: usize = 16;
    const CHARACTERS: usize = 64;
    let Class::Unicode(class) = class else { return None };
    let ranges = class.ranges().iter().map(|range| range.start()..=range.end());
    let mut near = ranges.take(RANGES).flat_map(|range| range.take(CHARACTERS));
    near.clone().find(|c| c.is_alphanumeric()).or_else(|| near.find(|c| !c.is_control()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn first(pattern: &str) -> Option<String> {
        let compiled = regex(pattern);
        members(pattern).find(|value| !value.is_empty() && compiled(value))
    }

    /// Whether a field of that pattern takes a value.
    fn regex(pattern: &str) -> impl Fn(&str) -> bool {
        let vertical = serde_json::from_value(serde_json::json!({
            "id": 1, "name": "V",
            "field": [{ "name": "x", "type": "string", "pattern": pattern, "max_length": 1000 }]
        }));
        let rules = crumb_domain::fields::FieldRules::compile(&vertical.unwrap()).unwrap();
        let today = crumb_domain::time::Day(20_000);
        move |value: &str| value.trim() == value && rules.check(&|_| Some(value.to_owned()), today).is_clean()
    }

    #[test]
    fn a_short_plain_value_is_made_of_a_pattern() {
        for (pattern, value) in [
            ("^[0-9]{3}-[0-9]{2}-[0-9]{4}$", "123-45-6789"),
            (r"^\d{2}/\d{4}$", "12/3456"),
            (r"^(?:mr|ms)\. [A-Z][a-z]+$", "mr. Aa"),
            ("^[^0-9]{2,}$", "AA"),
            ("^Q*$", "Q"),
            ("^(|x)$", "x"),
            (r"\bABC-\w{3}\b", "ABC-123"),
            ("(?i)^zq$", "ZQ"),
            ("^[+]49[- ]?[1-9][0-9]{4}$", "+4912345"),
            ("^(a{600}|[éß]x)$", "ßx"),
            (r"^[\x00-\x1f#]$", "#"),
            (r"^(?-u:[\x41-\x5A])$", "A"),
        ] {
            assert_eq!(first(pattern).as_deref(), Some(value), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_without_a_short_value_has_none() {
        for pattern in ["^a{513}$", r"[^\s\S]", r"^\b\B$", "^$", "^ +$"] {
            assert_eq!(first(pattern), None, "{pattern}");
        }
        assert_eq!(members("(").next(), None);
    }

    #[test]
    fn a_hostile_pattern_takes_no_longer_than_any() {
        let nested =
            |inner: &str, times: usize| (0..times).fold(inner.to_owned(), |p, _| format!("(?:{p}){{9}}"));
        let long = "a{513}|".repeat(200);
        for pattern in [
            nested("", 60),
            nested("a?", 60),
            nested(&format!("{long}b"), 6),
            format!("^(?:{}){{400}}$", "(?:a{500}b{500}|".repeat(40) + &"c)".repeat(40)),
            format!("^{}$", r"[^\x00-\x7f&&\w]{500}".repeat(3)),
        ] {
            assert!(members(&pattern).count() <= 4 * MAX_BRANCHES);
        }
    }

    /// Parts of patterns and how they are put together.
    fn patterns() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[a-zA-Z0-9 _@#-]{1,4}",
            prop::sample::select(vec![
                r"\d",
                r"\w",
                "[A-Z]",
                "[^a-z]",
                "[0-9a-f]",
                ".",
                r"\.",
                "[éß]",
                r"\b",
                "(?i:ab)",
                r"[^\x00-\x7f]",
            ])
            .prop_map(str::to_owned),
        ];
        part.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
                prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("({})", parts.join("|"))),
                (inner, prop::sample::select(vec!["?", "*", "+", "{2}", "{1,3}", "{3,}"]))
                    .prop_map(|(inner, often)| format!("(?:{inner}){often}")),
            ]
        })
    }

    proptest! {
        /// Without look-arounds every value is one; what asks for more than is made has none.
        #[test]
        fn each_value_matches_its_pattern_and_is_short(pattern in patterns(), anchored in any::<bool>()) {
            let pattern = if anchored { format!("^(?:{pattern})$") } else { pattern };
            let takes = regex(&pattern);
            for value in members(&pattern) {
                prop_assert!(value.len() <= MAX_BYTES, "{value:?}");
                let stands = !value.is_empty() && value.trim() == value;
                prop_assert!(pattern.contains(r"\b") || !stands || takes(&value), "{pattern:?}: {value:?}");
            }
            prop_assert!(pattern.contains(r"\b") || pattern.len() > 200 || members(&pattern).next().is_some());
        }

        /// Whatever is written there.
        #[test]
        fn no_pattern_is_too_much(pattern in "[a-c0-9(){}|?*+.,\\[\\]^$\\\\-]{0,40}") {
            prop_assert!(members(&pattern).count() <= 4 * MAX_BRANCHES);
        }
    }
}
