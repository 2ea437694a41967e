//! What clicks and impressions cost: told one by one, kept by the ledger as sums.
//!
//! A click has its price. Impressions are paid for by the thousand: they are gathered
//! until there are a thousand, so that nobody is ever owed the thousandth of a cent.

use crate::ledger::{Account, LedgerKind};
use crate::time::Day;
use crate::{AdvertiserId, AffiliateId, CampaignId, Money, Timestamp};

/// What a price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priced {
    /// Each click.
    Click,
    /// A thousand impressions.
    ThousandImpressions,
}

/// Who is paid or pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// Is paid by the house.
    Affiliate(AffiliateId),
    /// Pays the house.
    Advertiser(AdvertiserId),
}

/// One click or impression on the account of one party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// Whose traffic it is.
    pub campaign: CampaignId,
    /// Who is paid or pays for it.
    pub party: Party,
    /// What the price is for.
    pub priced: Priced,
    /// The price.
    pub price: Money,
    /// When it came.
    pub at: Timestamp,
    /// The day of that in the network's zone: no sum goes over two days.
    pub day: Day,
}

impl Charge {
    /// How money moves by it: what that is, who gives, who gets.
    pub fn movement(&self) -> (LedgerKind, Account, Account) {
        match (self.priced, self.party) {
            (Priced::Click, Party::Affiliate(id)) => {
                (LedgerKind::ClickPayout, Account::House, Account::Affiliate(id))
            }
            (Priced::Click, Party::Advertiser(id)) => {
                (LedgerKind::ClickReceived, Account::Advertiser(id), Account::House)
            }
            (Priced::ThousandImpressions, Party::Affiliate(id)) => {
                (LedgerKind::ImpressionPayout, Account::House, Account::Affiliate(id))
            }
            (Priced::ThousandImpressions, Party::Advertiser(id)) => {
                (LedgerKind::ImpressionReceived, Account::Advertiser(id), Account::House)
            }
        }
    }
}

/// Impressions that are not in the ledger yet: less than a thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gathered {
    /// How many.
    pub impressions: u64,
    /// What they come to, in thousandths of a micro-unit: each adds its price for a
    /// thousand in micro-units. Wide enough for any price.
    pub worth: i128,
}

/// What whole thousands of impressions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thousands {
    /// How many impressions: a multiple of a thousand.
    pub impressions: u64,
    /// What is owed for them.
    pub amount: Money,
}

/// Impressions that a price is for.
const THOUSAND: u64 = 1_000;

impl Gathered {
    /// Adds an impression at the price of a thousand; a thousand that it makes full is
    /// taken out. Where prices changed within the thousand its worth may end in
    /// thousandths of a micro-unit: those stay and count with the next.
    pub fn add(&mut self, price: Money) -> Option<Thousands> {
        self.impressions += 1;
        self.worth += i128::from(price.micros());
        if self.impressions < THOUSAND {
            return None;
        }
        let whole = self.worth / i128::from(THOUSAND);
        // The mean of a thousand amounts is an amount, but for what was carried along.
        let amount = i64::try_from(whole).unwrap_or(i64::MAX);
        self.worth -= i128::from(amount) * i128::from(THOUSAND);
        self.impressions -= THOUSAND;
        Some(Thousands { impressions: THOUSAND, amount: Money::from_micros(amount) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_owed_before_there_are_a_thousand() {
        let price = Money::from_micros(2_500_000);
        let mut gathered = Gathered::default();
        let owed: Vec<_> = (0..2_500).filter_map(|_| gathered.add(price)).collect();
        assert_eq!(owed, [Thousands { impressions: 1_000, amount: price }; 2]);
        assert_eq!(gathered.impressions, 500);
    }

    proptest! {
        #[test]
        fn no_part_of_a_price_is_lost_however_often_it_changes(
            runs in prop::collection::vec((0_i64..=1_000_000_000_000_000_000, 1_usize..700), 1..20),
        ) {
            let (mut gathered, mut owed, mut told) = (Gathered::default(), 0_i128, 0_i128);
            let mut booked = 0;
            for (price, times) in &runs {
                for _ in 0..*times {
                    told += i128::from(*price);
                    if let Some(thousand) = gathered.add(Money::from_micros(*price)) {
                        owed += i128::from(thousand.amount.micros()) * 1_000;
                        booked += thousand.impressions;
                    }
                }
            }
            prop_assert_eq!(owed + gathered.worth, told);
            let all: usize = runs.iter().map(|(_, times)| times).sum();
            prop_assert_eq!(booked + gathered.impressions, all as u64);
            prop_assert!(gathered.impressions < 1_000);
        }
    }
}
