//! How a post of unknown end was settled, as its lead's time line tells it: written and
//! read in one place, so that whoever explains a lead can say it too.

use crumb_domain::{BuyerId, ContractId, LeadId, Money, Timestamp};
use crumb_storage::selling::TimelineEntry;

/// Code of the entry where the buyer bought.
const SOLD: &str = "sold";
/// Code of the entry where it did not.
const NOT_SOLD: &str = "not_sold";

/// Who or what settled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettledBy {
    /// A person.
    Hand,
    /// What the buyer's status address answered.
    StatusUrl,
    /// The contract's rule, once the wait was over.
    Rule,
}

impl SettledBy {
    const ALL: [Self; 3] = [Self::Hand, Self::StatusUrl, Self::Rule];

    /// Its code: `hand`, `status_url` or `rule`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hand => "hand",
            Self::StatusUrl => "status_url",
            Self::Rule => "rule",
        }
    }

    /// The same for people, as the beginning of a sentence.
    pub fn text(self) -> &'static str {
        match self {
            Self::Hand => "settled by hand",
            Self::StatusUrl => "its buyer was asked what became of it",
            Self::Rule => "the wait is over",
        }
    }
}

/// A post of unknown end that was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledPost {
    /// Under which contract.
    pub contract: ContractId,
    /// Whether its buyer bought.
    pub is_sold: bool,
    /// By what.
    pub how: SettledBy,
    /// When.
    pub at: Timestamp,
    /// By whose key, where a person did it.
    pub by: Option<String>,
}

/// Code and text of what a settlement is told as; `price` where the buyer bought, and the
/// lead in whose place it did.
pub(crate) fn told(
    how: SettledBy,
    buyer: BuyerId,
    contract: ContractId,
    price: Option<Money>,
    replaces: Option<LeadId>,
) -> (&'static str, String) {
    let how = how.text();
    match (price, replaces) {
        (Some(_), Some(given_back)) => (
            SOLD,
            format!(
                "{how}: under contract {contract} delivered free to buyer {buyer}, in place of lead {given_back}"
            ),
        ),
        (Some(price), None) => {
            (SOLD, format!("{how}: under contract {contract} sold to buyer {buyer} for {price}"))
        }
        (None, _) => (NOT_SOLD, format!("{how}: under contract {contract} buyer {buyer} did not buy")),
    }
}

impl SettledPost {
    /// Reads it from an entry of a time line; none where that tells something else.
    pub fn of(entry: &TimelineEntry) -> Option<Self> {
        let is_sold = match entry.code.as_str() {
            SOLD => true,
            NOT_SOLD => false,
            _ => return None,
        };
        // Only how an entry begins is the server's word: a person's note comes last.
        let read = |how: SettledBy| {
            let rest = entry.text.strip_prefix(how.text())?.strip_prefix(": under contract ")?;
            let (contract, _) = rest.split_once(' ')?;
            Some((how, ContractId(contract.parse().ok()?)))
        };
        let (how, contract) = SettledBy::ALL.into_iter().find_map(read)?;
        Some(Self { contract, is_sold, how, at: entry.at, by: entry.by.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read_again_whatever_is_noted_with_it() {
        for how in SettledBy::ALL {
            let given_back: LeadId = "C8097F17".parse().unwrap();
            for (price, replaces) in
                [(None, None), (Some(Money::ZERO), None), (Some(Money::ZERO), Some(given_back))]
            {
                let (code, text) = told(how, BuyerId(5), ContractId(7), price, replaces);
                let text = format!("{text}: settled by hand: under contract 9 sold to buyer 1 for 2.00");
                let (at, by) = (Timestamp::from_micros(3), Some("ann".to_owned()));
                let entry = TimelineEntry { at, code: code.to_owned(), text, by: by.clone() };
                let expected = SettledPost { contract: ContractId(7), is_sold: price.is_some(), how, at, by };
                assert_eq!(SettledPost::of(&entry), Some(expected));
            }
        }
    }

    #[test]
    fn other_entries_tell_of_no_settlement() {
        for (code, text) in [
            ("sold", "sold to buyer 5 under contract 7 for 9.00"),
            ("sold", "settled by hand"),
            ("updated", "settled by hand: under contract 7 buyer 5 did not buy"),
        ] {
            let at = Timestamp::from_micros(3);
            let entry = TimelineEntry { at, code: code.to_owned(), text: text.to_owned(), by: None };
            assert_eq!(SettledPost::of(&entry), None, "{text}");
        }
    }
}
