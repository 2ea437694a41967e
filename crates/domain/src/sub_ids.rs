//! Sub ids: what an affiliate says about a visitor, `s1` to `s5`.

use serde::{Deserialize, Serialize};

/// `s1`…`s5`, within their limits.
///
/// `s1` names a sub-affiliate and is cut at 50 characters. `s2`…`s5` hold 100
/// characters each; what is over spills into the next one, before what that one
/// was given itself, left to right, and what is over in `s5` is cut.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, Hash)]
#[serde(transparent)]
pub struct SubIds([String; 5]);

impl SubIds {
    /// Characters of `s1`.
    pub const MAX_SUB_AFFILIATE_CHARS: usize = 50;
    /// Characters of `s2` to `s5` each.
    pub const MAX_CHARS: usize = 100;

    /// The five values as sent, brought within their limits.
    pub fn new(given: [&str; 5]) -> Self {
        let mut kept: [String; 5] = Default::default();
        kept[0] = split_at_char(given[0], Self::MAX_SUB_AFFILIATE_CHARS).0.to_owned();
        let mut over = String::new();
        for (slot, value) in kept.iter_mut().zip(given).skip(1) {
            if over.is_empty() && value.len() <= Self::MAX_CHARS {
                value.clone_into(slot);
                continue;
            }
            over.push_str(value);
            let (head, tail) = split_at_char(&over, Self::MAX_CHARS);
            *slot = head.to_owned();
            over = tail.to_owned();
        }
        Self(kept)
    }

    /// `s1`: the sub-affiliate, `None` where none was named.
    pub fn sub_affiliate(&self) -> Option<&str> {
        Some(self.0[0].as_str()).filter(|s| !s.is_empty())
    }

    /// All five, empty where not given.
    pub fn as_array(&self) -> &[String; 5] {
        &self.0
    }

    /// True where none was given.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(String::is_empty)
    }
}

fn split_at_char(text: &str, chars: usize) -> (&str, &str) {
    if text.len() <= chars {
        return (text, "");
    }
    let end = text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_over_spills_before_what_the_next_was_given() {
        let long = "x".repeat(150);
        let ids = SubIds::new(["", &long, "own", "", ""]);
        assert_eq!(ids.as_array()[1].len(), 100);
        assert_eq!(ids.as_array()[2], format!("{}own", "x".repeat(50)));
    }

    #[test]
    fn the_sub_affiliate_is_cut_and_does_not_spill() {
        let ids = SubIds::new([&"a".repeat(60), "b", "", "", ""]);
        assert_eq!(ids.sub_affiliate().map(str::len), Some(50));
        assert_eq!(ids.as_array()[1], "b");
    }

    #[test]
    fn one_character_too_many_is_over() {
        let (most, more) = ("x".repeat(100), "x".repeat(101));
        let ids = SubIds::new(["", &most, &more, "", ""]);
        assert_eq!(ids.as_array()[1..4], [most.as_str(), &most, "x"]);
        assert_eq!(SubIds::new([&more[..51], "", "", "", ""]).sub_affiliate(), Some(&more[..50]));
    }

    #[test]
    fn sub_ids_are_empty_where_none_was_given() {
        assert!(SubIds::default().is_empty() && SubIds::new([""; 5]).is_empty());
        assert!(!SubIds::new(["", "", "", "", "x"]).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_reordered_but_the_end(values in prop::array::uniform5("[a-zé]{0,260}")) {
            let ids = SubIds::new(values.each_ref().map(String::as_str));
            let given: String = values[1..].concat();
            let kept: String = ids.as_array()[1..].concat();
            prop_assert!(given.starts_with(&kept));
            prop_assert!(kept.chars().count() == 400 || given == kept
                || ids.as_array()[4].chars().count() == 100);
            for sub_id in &ids.as_array()[1..] {
                prop_assert!(sub_id.chars().count() <= 100);
            }
            prop_assert!(values[0].starts_with(ids.as_array()[0].as_str()));
        }
    }
}
