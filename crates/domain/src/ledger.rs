//! The append-only ledger: movements of money between accounts.
//!
//! Each entry takes an amount from one account and gives it to another, so that the
//! ledger balances by its making: the sum over all accounts is nothing, always. What
//! somebody is owed or has left is a sum of entries. Nothing is ever edited; what was
//! wrong is moved back by an entry of its own.

use crate::charge::Charge;
use crate::coded::coded;
use crate::{AdvertiserId, AffiliateId, BuyerId, CampaignId, ContractId, LeadId, Money, RowId, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Whose money it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// The network's own.
    House,
    /// What an affiliate is owed.
    Affiliate(AffiliateId),
    /// What a buyer has left to spend; below zero what it owes.
    Buyer(BuyerId),
    /// What an advertiser owes, below zero, for conversions.
    Advertiser(AdvertiserId),
    /// The world outside, where payments come from and go to.
    Outside,
}

/// The text names no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no account; expected house, outside, buyer:ID, affiliate:ID or advertiser:ID")]
pub struct InvalidAccount;

impl FromStr for Account {
    type Err = InvalidAccount;

    fn from_str(text: &str) -> Result<Self, InvalidAccount> {
        match (text, text.split_once(':')) {
            ("house", _) => Ok(Self::House),
            ("outside", _) => Ok(Self::Outside),
            (_, Some(("affiliate", id))) => id.parse().map(Self::Affiliate).map_err(|_| InvalidAccount),
            (_, Some(("buyer", id))) => id.parse().map(Self::Buyer).map_err(|_| InvalidAccount),
            (_, Some(("advertiser", id))) => id.parse().map(Self::Advertiser).map_err(|_| InvalidAccount),
            _ => Err(InvalidAccount),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::House => f.write_str("house"),
            Self::Outside => f.write_str("outside"),
            Self::Affiliate(id) => write!(f, "affiliate:{id}"),
            Self::Buyer(id) => write!(f, "buyer:{id}"),
            Self::Advertiser(id) => write!(f, "advertiser:{id}"),
        }
    }
}

/// A movement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerEntry {
    /// When it was written.
    pub at: Timestamp,
    /// What it counts for, where that is not when it was written: a person may say so of what
    /// is told late. See [`LedgerEntry::effective_at`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective: Option<Timestamp>,
    /// What it is.
    pub kind: LedgerKind,
    /// Who gives.
    pub from: Account,
    /// Who gets.
    pub to: Account,
    /// How much; below zero it goes the other way.
    pub amount: Money,
    /// For which lead, where there is one.
    pub lead: Option<LeadId>,
    /// For which conversion, where there is one.
    pub conversion: Option<RowId>,
    /// Under which contract, where it is a sale's.
    pub contract: Option<ContractId>,
    /// Of which campaign, where it is for clicks or impressions.
    pub campaign: Option<CampaignId>,
    /// For how many of them.
    pub count: Option<u64>,
    /// Why, where a person said so or it is not plain.
    pub note: Option<String>,
}

coded! {
    /// What a movement is.
    LedgerKind {
        /// Owed to an affiliate for a lead or another conversion; taken back as a negative one.
        Payout = "payout";
        /// Owed by an advertiser for a conversion; taken back as a negative one.
        Received = "received";
        /// Paid by a buyer for a lead.
        Sale = "sale";
        /// Given back to a buyer for a lead that it returned.
        Return = "return";
        /// Put into a buyer's account.
        Credit = "credit";
        /// A correction by a person.
        Adjustment = "adjustment";
        /// Owed to an affiliate for clicks.
        ClickPayout = "click_payout";
        /// Owed by an advertiser for clicks.
        ClickReceived = "click_received";
        /// Owed to an affiliate for impressions.
        ImpressionPayout = "impression_payout";
        /// Owed by an advertiser for impressions.
        ImpressionReceived = "impression_received";
    }
}

impl LedgerEntry {
    /// Money that moves for no lead, conversion or contract, without a word.
    pub fn moved(at: Timestamp, kind: LedgerKind, from: Account, to: Account, amount: Money) -> Self {
        Self {
            at,
            effective: None,
            kind,
            from,
            to,
            amount,
            lead: None,
            conversion: None,
            contract: None,
            campaign: None,
            count: None,
            note: None,
        }
    }

    /// What a lead earns its affiliate.
    pub fn payout(at: Timestamp, lead: LeadId, affiliate: AffiliateId, amount: Money) -> Self {
        let moved =
            Self::moved(at, LedgerKind::Payout, Account::House, Account::Affiliate(affiliate), amount);
        Self { lead: Some(lead), ..moved }
    }

    /// What a conversion earns its affiliate.
    pub fn conversion_payout(
        at: Timestamp,
        conversion: RowId,
        affiliate: AffiliateId,
        amount: Money,
    ) -> Self {
        let moved =
            Self::moved(at, LedgerKind::Payout, Account::House, Account::Affiliate(affiliate), amount);
        Self { conversion: Some(conversion), ..moved }
    }

    /// What an advertiser pays for a conversion.
    pub fn received(at: Timestamp, conversion: RowId, advertiser: AdvertiserId, amount: Money) -> Self {
        let (from, to) = (Account::Advertiser(advertiser), Account::House);
        Self { conversion: Some(conversion), ..Self::moved(at, LedgerKind::Received, from, to, amount) }
    }

    /// What so many clicks or impressions of a campaign come to.
    pub fn traffic(charge: &Charge, count: u64, amount: Money) -> Self {
        let (kind, from, to) = charge.movement();
        let moved = Self::moved(charge.at, kind, from, to, amount);
        Self { campaign: Some(charge.campaign), count: Some(count), ..moved }
    }

    /// What a buyer pays for a lead.
    pub fn sale(at: Timestamp, lead: LeadId, buyer: BuyerId, contract: ContractId, price: Money) -> Self {
        let moved = Self::moved(at, LedgerKind::Sale, Account::Buyer(buyer), Account::House, price);
        Self { lead: Some(lead), contract: Some(contract), ..moved }
    }

    /// What is put into a buyer's account.
    pub fn credit(at: Timestamp, buyer: BuyerId, amount: Money) -> Self {
        Self::moved(at, LedgerKind::Credit, Account::Outside, Account::Buyer(buyer), amount)
    }

    /// What a buyer has again of a lead that it gave back.
    pub fn give_back(
        at: Timestamp,
        lead: LeadId,
        buyer: BuyerId,
        contract: ContractId,
        price: Money,
        note: String,
    ) -> Self {
        let moved = Self::moved(at, LedgerKind::Return, Account::House, Account::Buyer(buyer), price);
        Self { lead: Some(lead), contract: Some(contract), note: Some(note), ..moved }
    }

    /// When it counts for: by this it is listed and added up by day.
    pub fn effective_at(&self) -> Timestamp {
        self.effective.unwrap_or(self.at)
    }

    /// What an account has by this entry: above zero where it gets.
    pub fn change_of(&self, account: Account) -> Money {
        let amount = self.amount.micros();
        let change = match (self.from == account, self.to == account) {
            (false, true) => amount,
            (true, false) => amount.saturating_neg(),
            _ => 0,
        };
        Money::from_micros(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charge::{Party, Priced};
    use crate::time::Day;

    #[test]
    fn an_account_is_read_as_it_is_written() {
        for text in ["house", "outside", "affiliate:12", "buyer:5", "advertiser:1"] {
            assert_eq!(text.parse::<Account>().map(|account| account.to_string()), Ok(text.to_owned()));
        }
        for wrong in ["", "House", "buyer", "buyer:", "buyer:0", "affiliate:x", "advertiser:", "seller:5"] {
            assert_eq!(wrong.parse::<Account>(), Err(InvalidAccount), "{wrong}");
        }
    }

    #[test]
    fn an_entry_takes_from_one_account_what_it_gives_to_another() {
        let lead: LeadId = "C8097F17".parse().unwrap();
        let price = Money::from_micros(30_000_000);
        let sale = LedgerEntry::sale(Timestamp::from_micros(1), lead, BuyerId(5), ContractId(7), price);
        assert_eq!(sale.change_of(Account::Buyer(BuyerId(5))), Money::from_micros(-30_000_000));
        assert_eq!(sale.change_of(Account::House), price);
        assert_eq!(sale.change_of(Account::Buyer(BuyerId(6))), Money::ZERO);
    }

    #[test]
    fn an_entry_says_what_it_is_for() {
        let (at, ten) = (Timestamp::from_micros(1), Money::from_micros(10_000_000));
        let lead: LeadId = "C8097F17".parse().unwrap();
        let conversion = RowId::at_or_after(at);
        let (affiliate, buyer, contract) = (AffiliateId(12), BuyerId(5), ContractId(7));
        let advertiser = Account::Advertiser(AdvertiserId(9));
        let moved = |kind, from, to| LedgerEntry::moved(at, kind, from, to, ten);
        let to_affiliate = moved(LedgerKind::Payout, Account::House, Account::Affiliate(affiliate));
        let of_lead = LedgerEntry { lead: Some(lead), ..to_affiliate.clone() };
        assert_eq!(LedgerEntry::payout(at, lead, affiliate, ten), of_lead);
        let of_conversion = LedgerEntry { conversion: Some(conversion), ..to_affiliate };
        assert_eq!(LedgerEntry::conversion_payout(at, conversion, affiliate, ten), of_conversion);
        let received = moved(LedgerKind::Received, advertiser, Account::House);
        let received = LedgerEntry { conversion: Some(conversion), ..received };
        assert_eq!(LedgerEntry::received(at, conversion, AdvertiserId(9), ten), received);
        let sale = moved(LedgerKind::Sale, Account::Buyer(buyer), Account::House);
        let sale = LedgerEntry { lead: Some(lead), contract: Some(contract), ..sale };
        assert_eq!(LedgerEntry::sale(at, lead, buyer, contract, ten), sale);
        let given_back = moved(LedgerKind::Return, Account::House, Account::Buyer(buyer));
        let note = Some("wrong number".to_owned());
        let given_back = LedgerEntry { note, lead: Some(lead), contract: Some(contract), ..given_back };
        let because = "wrong number".to_owned();
        assert_eq!(LedgerEntry::give_back(at, lead, buyer, contract, ten, because), given_back);
    }

    #[test]
    fn traffic_moves_from_its_advertiser_to_the_house_and_from_there_to_its_affiliate() {
        let at = Timestamp::from_micros(1);
        for (priced, party, moved) in [
            (Priced::Click, Party::Affiliate(AffiliateId(12)), "click_payout house affiliate:12"),
            (Priced::Click, Party::Advertiser(AdvertiserId(9)), "click_received advertiser:9 house"),
            (
                Priced::ThousandImpressions,
                Party::Affiliate(AffiliateId(12)),
                "impression_payout house affiliate:12",
            ),
            (
                Priced::ThousandImpressions,
                Party::Advertiser(AdvertiserId(9)),
                "impression_received advertiser:9 house",
            ),
        ] {
            let price = Money::from_micros(2_500_000);
            let charge = Charge { campaign: CampaignId(57), party, priced, price, at, day: Day(20_000) };
            let entry = LedgerEntry::traffic(&charge, 2_000, Money::from_micros(5_000_000));
            assert_eq!(format!("{} {} {}", entry.kind.as_str(), entry.from, entry.to), moved);
            assert_eq!((entry.campaign, entry.count), (Some(CampaignId(57)), Some(2_000)));
            assert_eq!((entry.at, entry.amount.to_string().as_str()), (at, "5.00"));
        }
    }
}
