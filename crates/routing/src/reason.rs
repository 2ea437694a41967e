//! Why a contract bought, or did not, with the values that were compared.
//!
//! A reason holds numbers; its sentence and its JSON are made when somebody asks.

use crumb_domain::filter::Unmatched;
use crumb_domain::network::UnknownRule;
use crumb_domain::selling::{BuyerAnswer, ContractResult, PostFailure};
use crumb_domain::time::WallClock;
use crumb_domain::{AffiliateId, BuyerId, LeadId, Money, OfferId};
use serde_json::{Value, json};
use std::fmt;

use crate::outcome::Alert;
use crate::run::Had;

/// Why, and by how much.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// Bought for a price.
    Sold(Money),
    /// Bought for a price that is not the one that its answer named, if it named any.
    #[expect(missing_docs, reason = "the names say it")]
    SoldOtherwise { price: Money, answered: Answered },
    /// Did not answer after it was sent the lead; its rule takes that for a sale at
    /// the reserved price.
    SoldUnanswered(Money),
    /// Had it free for a lead that it gave back; else it would have paid what it is worth.
    /// Either may not be known any more. Where it did not answer, its rule takes that for
    /// a sale.
    #[expect(missing_docs, reason = "the names say it")]
    Replacement { replaces: Option<LeadId>, worth: Option<Money>, unanswered: bool },
    /// Written as inactive.
    Inactive,
    /// Switched off by the server after failed posts.
    SwitchedOff,
    /// The vertical sells nothing.
    RouterOff,
    /// Its buyer is written as inactive.
    BuyerInactive(BuyerId),
    /// Its buyer's last answers timed out.
    BreakerOpen(BuyerId),
    /// Buys one offer's leads.
    #[expect(missing_docs, reason = "the names say it")]
    WrongOffer { wanted: OfferId, offer: OfferId },
    /// Does not want the affiliate's leads.
    AffiliateExcluded(AffiliateId),
    /// Does not buy upsells.
    UpsellsNotBought,
    /// In seconds.
    #[expect(missing_docs, reason = "the names say it")]
    TooYoung { age_s: i64, least_s: i64 },
    /// Posted only once it is so old, in seconds.
    #[expect(missing_docs, reason = "the names say it")]
    PostingWait { age_s: i64, wait_s: i64 },
    /// In seconds.
    #[expect(missing_docs, reason = "the names say it")]
    TooOld { age_s: i64, greatest_s: i64 },
    /// No row is open at what its wall clock reads.
    ScheduleClosed(WallClock),
    /// Of the opening day.
    #[expect(missing_docs, reason = "the names say it")]
    CapReached { count: u32, cap: u32 },
    /// Less than the price is left, or less than nothing.
    #[expect(missing_docs, reason = "the names say it")]
    NoCredit { available: Money, price: Money },
    /// Its own buyer was sent the lead.
    BuyerHad(BuyerId, Had),
    /// Another buyer of its group has it, or may have it.
    GroupHad(BuyerId, Had),
    /// An earlier run sold it as an exclusive, or may have.
    SoldExclusively,
    /// The first condition that does not hold.
    Unmatched(Box<Unmatched>),
    /// What its price, or its group's, leaves.
    #[expect(missing_docs, reason = "the names say it")]
    MarginTooSmall { revenue: Money, payout: Money, minimum: Money, members: usize },
    /// Answered the ping no.
    PingRefused,
    /// Answered the ping that it has the lead.
    PingDuplicate,
    /// Answered the ping with less than its row's price.
    #[expect(missing_docs, reason = "the names say it")]
    PingTooLow { price: Money, floor: Money },
    /// Answered the ping with something that no pattern knows.
    PingNotUnderstood,
    /// Did not answer the ping in time.
    PingTimeout,
    /// Answered the ping with an error (`true`), or could not be asked.
    PingError(bool),
    /// Answered the post no.
    PostRefused,
    /// Answered the post with something that no pattern knows.
    PostNotUnderstood,
    /// Answered the post that it has the lead.
    PostDuplicate,
    /// Time was up before a byte was sent.
    PostTimeout,
    /// A byte was sent, and no answer was read.
    #[expect(missing_docs, reason = "the names say it")]
    PostUnknown { price: Money, rule: UnknownRule },
    /// Answered the post with an error (`true`), or could not be reached.
    PostError(bool),
    /// An exclusive, against a group's sum.
    #[expect(missing_docs, reason = "the names say it")]
    OutbidByGroup { price: Money, sum: Money },
    /// A group's member, against an exclusive price.
    #[expect(missing_docs, reason = "the names say it")]
    OutbidByExclusive { sum: Money, price: Money },
    /// In a round of pings, against a higher price.
    #[expect(missing_docs, reason = "the names say it")]
    OutbidByPrice { price: Money, sold: Money },
    /// Sold before its turn.
    SoldBefore,
    /// Only a price was asked for, and one was found before its turn.
    QuotedBefore,
    /// Buys alone, and an earlier run has sold the lead to others.
    SoldEarlier,
    /// As many buyers have the lead as may.
    #[expect(missing_docs, reason = "the names say it")]
    NoPlace { buyers: u32, limit: u32 },
    /// Joins once so many buyers have the lead; it was sold to fewer.
    #[expect(missing_docs, reason = "the names say it")]
    TooFewPartners { buyers: u32, partners: u32 },
    /// That buyer may have the lead, so nobody else is offered it.
    MayBeSold(BuyerId),
    /// Buys with others only, and there was no other.
    NoSecondBuyer,
    /// Joins once so many buyers have the lead; nobody had it.
    #[expect(missing_docs, reason = "the names say it")]
    NoPartners { partners: u32 },
    /// The vertical lets nobody share.
    NoSharing,
    /// Time was up before its turn.
    Deadline,
    /// The run was broken off, by the server's end or a fault, before its turn or before
    /// its answer was kept: nobody knows any more.
    BrokenOff,
}

/// What an answer said of the price, where that is not what is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// Nothing.
    NoPrice,
    /// What is no amount, or one below zero.
    NoAmount,
    /// More than the maximum.
    Over(Money),
}

impl Reason {
    /// Bought for a price, with what is odd about the answer.
    pub(crate) fn sold(price: Money, odd: Option<&Alert>) -> Self {
        let answered = match odd {
            Some(Alert::PriceAbsent { .. }) => Answered::NoPrice,
            Some(Alert::PriceUnreadable { .. }) => Answered::NoAmount,
            Some(Alert::PriceOverMaximum { price, .. }) => Answered::Over(*price),
            Some(Alert::BadRedirect { .. } | Alert::MarginUndercut { .. }) | None => {
                return Self::Sold(price);
            }
        };
        Self::SoldOtherwise { price, answered }
    }

    /// Why an answer to a ping ends a contract's part; none where it was accepted.
    pub fn of_ping(answer: &BuyerAnswer) -> Option<Self> {
        match answer {
            BuyerAnswer::Accepted(_) => None,
            BuyerAnswer::Rejected(_) => Some(Self::PingRefused),
            BuyerAnswer::Duplicate(_) => Some(Self::PingDuplicate),
            BuyerAnswer::UnknownAnswer(_) => Some(Self::PingNotUnderstood),
            BuyerAnswer::Error(_) => Some(Self::PingError(true)),
            BuyerAnswer::Failed(PostFailure::TimedOut { .. }) => Some(Self::PingTimeout),
            BuyerAnswer::Failed(PostFailure::Broken { .. } | PostFailure::CutOff) => {
                Some(Self::PingError(false))
            }
        }
    }

    /// Its stable code.
    pub fn result(&self) -> ContractResult {
        use ContractResult as R;
        match self {
            Self::Sold(_)
            | Self::SoldOtherwise { .. }
            | Self::SoldUnanswered(_)
            | Self::Replacement { .. } => R::Sold,
            Self::Inactive | Self::SwitchedOff | Self::RouterOff => R::ContractInactive,
            Self::BuyerInactive(_) | Self::BreakerOpen(_) => R::BuyerInactive,
            Self::WrongOffer { .. } => R::WrongOffer,
            Self::AffiliateExcluded(_) => R::AffiliateExcluded,
            Self::UpsellsNotBought => R::UpsellsNotBought,
            Self::TooYoung { .. } | Self::PostingWait { .. } => R::LeadTooYoung,
            Self::TooOld { .. } => R::LeadTooOld,
            Self::ScheduleClosed(_) => R::ScheduleClosed,
            Self::CapReached { .. } => R::CapReached,
            Self::NoCredit { .. } => R::NoCredit,
            Self::BuyerHad(..) | Self::GroupHad(..) | Self::SoldExclusively => R::AlreadyBought,
            Self::Unmatched(_) => R::FilterUnmatched,
            Self::MarginTooSmall { .. } => R::MarginTooSmall,
            Self::PingRefused | Self::PingDuplicate | Self::PingTooLow { .. } | Self::PingNotUnderstood => {
                R::PingRejected
            }
            Self::PingTimeout => R::PingTimeout,
            Self::PingError(_) => R::PingError,
            Self::PostRefused | Self::PostNotUnderstood => R::PostRejected,
            Self::PostDuplicate => R::PostDuplicate,
            Self::PostTimeout => R::PostTimeout,
            Self::PostUnknown { .. } => R::PostUnknown,
            Self::PostError(_) => R::PostError,
            Self::OutbidByGroup { .. } | Self::OutbidByExclusive { .. } | Self::OutbidByPrice { .. } => {
                R::Outbid
            }
            Self::SoldBefore
            | Self::QuotedBefore
            | Self::SoldEarlier
            | Self::NoPlace { .. }
            | Self::TooFewPartners { .. }
            | Self::MayBeSold(_) => R::NotNeeded,
            Self::NoSecondBuyer | Self::NoPartners { .. } | Self::NoSharing => R::GroupIncomplete,
            Self::Deadline | Self::BrokenOff => R::Deadline,
        }
    }

    /// One sentence for people, without the code: `50 of 50 today`.
    pub fn text(&self) -> String {
        self.to_string()
    }

    /// The values compared, as a JSON object; empty where there are none.
    pub fn values(&self) -> Value {
        match self {
            Self::Sold(price) | Self::SoldUnanswered(price) => json!({ "price": price }),
            Self::SoldOtherwise { price, answered: Answered::Over(answered) } => {
                json!({ "price": price, "answered": answered })
            }
            Self::SoldOtherwise { price, answered: Answered::NoPrice } => {
                json!({ "price": price, "answered": null })
            }
            Self::SoldOtherwise { price, answered: Answered::NoAmount } => {
                json!({ "price": price, "answered": "unreadable" })
            }
            Self::Replacement { replaces, worth, .. } => {
                json!({ "price": Money::ZERO, "worth": worth, "replaces": replaces })
            }
            Self::BuyerInactive(buyer) | Self::BreakerOpen(buyer) | Self::MayBeSold(buyer) => {
                json!({ "buyer": buyer })
            }
            Self::WrongOffer { wanted, offer } => json!({ "wanted": wanted, "offer": offer }),
            Self::AffiliateExcluded(affiliate) => json!({ "affiliate": affiliate }),
            Self::TooYoung { age_s, least_s } => json!({ "age_seconds": age_s, "least_seconds": least_s }),
            Self::PostingWait { age_s, wait_s } => json!({ "age_seconds": age_s, "wait_seconds": wait_s }),
            Self::TooOld { age_s, greatest_s } => {
                json!({ "age_seconds": age_s, "greatest_seconds": greatest_s })
            }
            Self::ScheduleClosed(clock) => {
                json!({ "day": clock.day.to_string(), "time": time_of(*clock) })
            }
            Self::CapReached { count, cap } => json!({ "count": count, "cap": cap }),
            Self::NoCredit { available, price } => json!({ "available": available, "price": price }),
            Self::BuyerHad(buyer, how) | Self::GroupHad(buyer, how) => json!({ "buyer": buyer, "how": how }),
            Self::Unmatched(unmatched) => json!({ "field": unmatched.field, "op": unmatched.op,
                "wanted": unmatched.wanted, "found": unmatched.found }),
            Self::MarginTooSmall { revenue, payout, minimum, members } => {
                json!({ "revenue": revenue, "payout": payout, "minimum": minimum, "members": members })
            }
            Self::PingTooLow { price, floor } => json!({ "price": price, "floor": floor }),
            Self::PostUnknown { price, rule } => json!({ "price": price, "unknown_is": rule }),
            Self::OutbidByGroup { price, sum } | Self::OutbidByExclusive { sum, price } => {
                json!({ "price": price, "sum": sum })
            }
            Self::OutbidByPrice { price, sold } => json!({ "price": price, "sold": sold }),
            Self::NoPlace { buyers, limit } => json!({ "buyers": buyers, "limit": limit }),
            Self::TooFewPartners { buyers, partners } => json!({ "buyers": buyers, "partners": partners }),
            Self::NoPartners { partners } => json!({ "partners": partners }),
            Self::BrokenOff => json!({ "broken_off": true }),
            _ => json!({}),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongOffer { wanted, offer } => {
                write!(f, "It buys leads of offer {wanted} only, and this one came on offer {offer}.")
            }
            Self::AffiliateExcluded(affiliate) => {
                write!(f, "It does not want the leads of affiliate {affiliate}.")
            }
            Self::TooYoung { age_s, least_s } => {
                write!(f, "The lead was {age_s} seconds old and must be at least {least_s}.")
            }
            Self::PostingWait { age_s, wait_s } => {
                write!(f, "The lead was {age_s} seconds old and is posted only after {wait_s}.")
            }
            Self::TooOld { age_s, greatest_s } => {
                write!(f, "The lead was {age_s} seconds old and may be at most {greatest_s}.")
            }
            Self::ScheduleClosed(clock) => {
                write!(f, "No row of its schedule was open on {} at {}.", clock.day, time_of(*clock))
            }
            Self::CapReached { count, cap } => write!(f, "{count} of {cap} today"),
            Self::NoCredit { available, price } => {
                write!(f, "The buyer has {available} left and the price is {price}.")
            }
            Self::BuyerInactive(buyer) => write!(f, "Buyer {buyer} is inactive."),
            Self::BreakerOpen(buyer) => {
                write!(f, "Buyer {buyer} is left alone for a while because its last answers timed out.")
            }
            Self::BuyerHad(buyer, Had::Bought) => write!(f, "Buyer {buyer} has the lead."),
            Self::BuyerHad(buyer, Had::Sent) => write!(f, "Buyer {buyer} was sent the lead before."),
            Self::BuyerHad(buyer, Had::MayHave) => {
                write!(f, "Buyer {buyer} was sent the lead before and may have it.")
            }
            Self::GroupHad(buyer, Had::MayHave) => {
                write!(f, "Buyer {buyer} of the same buyer group may have the lead.")
            }
            Self::GroupHad(buyer, _) => write!(f, "Buyer {buyer} of the same buyer group has the lead."),
            Self::Unmatched(unmatched) => unmatched.fmt(f),
            Self::MarginTooSmall { revenue, payout, minimum, members } => {
                let whose = if *members > 1 { "The group's prices" } else { "The price" };
                write!(
                    f,
                    "{whose} of {revenue} would leave {} after the payout of {payout}, and the least margin is \
                     {minimum}.",
                    Money::from_micros(revenue.micros().saturating_sub(payout.micros()))
                )
            }
            of_the_sale => of_the_sale.fmt_of_sale(f),
        }
    }
}

impl Reason {
    /// The sentences of reasons that come of the sale itself.
    fn fmt_of_sale(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sold(price) => write!(f, "Bought for {price}."),
            Self::SoldOtherwise { price, answered } => match answered {
                Answered::NoPrice => write!(f, "Bought for {price}: its answer named no price."),
                Answered::NoAmount => {
                    write!(f, "Bought for {price}: what its answer named as the price is no amount.")
                }
                Answered::Over(answered) => {
                    write!(f, "Bought for {price}: its answer said {answered}, which is over the maximum.")
                }
            },
            Self::SoldUnanswered(price) => write!(
                f,
                "The buyer was sent the lead and its answer is unknown; by the contract's rule it counts as \
                 bought for {price}."
            ),
            Self::Replacement { replaces, worth, unanswered } => {
                if *unanswered {
                    f.write_str(
                        "The buyer was sent the lead and its answer is unknown; by the contract's rule: ",
                    )?;
                }
                f.write_str("Delivered free in place of ")?;
                match replaces {
                    Some(lead) => write!(f, "lead {lead}, which the buyer had given back")?,
                    None => f.write_str("a lead that the buyer had given back")?,
                }
                match worth {
                    Some(worth) => write!(f, "; its price would have been {worth}."),
                    None => f.write_str("."),
                }
            }
            Self::PingTooLow { price, floor } => {
                write!(f, "The ping was answered with {price}, below the row's price of {floor}.")
            }
            Self::PostUnknown { price, rule: UnknownRule::Rejected } => write!(
                f,
                "The buyer was sent the lead at {price} and its answer is unknown; by the contract's rule it \
                 counts as rejected."
            ),
            Self::PostUnknown { price, .. } => write!(
                f,
                "The buyer was sent the lead at {price} and its answer is unknown; it may have bought it."
            ),
            Self::OutbidByGroup { price, sum } => {
                write!(f, "Its price of {price} lost to a group that pays {sum} together.")
            }
            Self::OutbidByExclusive { sum, price } => {
                write!(
                    f,
                    "Its group would have paid {sum} together and lost to an exclusive price of {price}."
                )
            }
            Self::OutbidByPrice { price, sold } => {
                write!(f, "Its price of {price} lost to {sold}.")
            }
            Self::NoPlace { buyers, limit } => {
                write!(f, "{buyers} buyers have the lead or may have it, of at most {limit}.")
            }
            Self::TooFewPartners { buyers, partners } => write!(
                f,
                "It joins once the number of buyers that have the lead is {partners}, and it was {buyers}."
            ),
            Self::MayBeSold(buyer) => {
                write!(f, "Buyer {buyer} may have the lead, so it was offered to nobody else.")
            }
            Self::NoPartners { partners } => write!(
                f,
                "It joins once the number of buyers that have the lead is {partners}, and the lead stayed unsold."
            ),
            plain => f.write_str(plain.sentence()),
        }
    }

    /// The sentences without numbers.
    fn sentence(&self) -> &'static str {
        match self {
            Self::Inactive => "The contract is inactive.",
            Self::SwitchedOff => "The contract was switched off after failed posts.",
            Self::RouterOff => "The vertical's router is off, so nothing is offered for sale.",
            Self::UpsellsNotBought => "The lead is an upsell, and the contract buys none.",
            Self::SoldExclusively => "The lead was sold before to one buyer alone, or may have been.",
            Self::PingRefused => "The ping was answered no.",
            Self::PingDuplicate => "The ping was answered that the buyer has the lead.",
            Self::PingNotUnderstood => {
                "The ping's answer was not understood, which counts as a refusal: no pattern matched."
            }
            Self::PingTimeout => "The ping was not answered in time.",
            Self::PingError(true) => "The ping was answered with an error.",
            Self::PingError(false) => "The ping failed.",
            Self::PostRefused => "The post was answered no.",
            Self::PostNotUnderstood => {
                "The post's answer was not understood, which counts as a refusal: no pattern matched."
            }
            Self::PostDuplicate => "The post was answered that the buyer has the lead.",
            Self::PostTimeout => "Time was up before a byte of the post was sent.",
            Self::PostError(true) => "The post was answered with an error.",
            Self::PostError(false) => "The post failed before a byte was sent.",
            Self::SoldBefore => "The lead was sold before its turn.",
            Self::QuotedBefore => "A price was found before its turn.",
            Self::SoldEarlier => "It buys alone, and others bought the lead in an earlier run.",
            Self::NoSecondBuyer => "It buys with others only, and no second buyer was possible.",
            Self::NoSharing => "It shares leads, and the vertical's resell limit is 0.",
            Self::Deadline => "The sale's time was up before its turn.",
            Self::BrokenOff => {
                "The sale was broken off before the lead was posted to it: the server ended or failed before \
                 its turn, or before its answer to a ping was kept."
            }
            _ => "",
        }
    }
}

fn time_of(clock: WallClock) -> String {
    format!("{:02}:{:02}", clock.minute / 60, clock.minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_domain::time::Day;

    #[test]
    fn a_reason_tells_the_values_that_were_compared() {
        let [ten, nine, one] = ["10.00", "9.00", "1.00"].map(|text| text.parse::<Money>().unwrap());
        let (offer, affiliate, buyer) = (OfferId(100), AffiliateId(12), BuyerId(5));
        let clock = WallClock { day: Day(20_000), minute: 245 };
        for (reason, values) in [
            (Reason::Sold(ten), json!({ "price": "10.00" })),
            (Reason::SoldUnanswered(ten), json!({ "price": "10.00" })),
            (
                Reason::SoldOtherwise { price: nine, answered: Answered::Over(ten) },
                json!({ "price": "9.00", "answered": "10.00" }),
            ),
            (
                Reason::SoldOtherwise { price: Money::ZERO, answered: Answered::NoPrice },
                json!({ "price": "0.00", "answered": null }),
            ),
            (
                Reason::SoldOtherwise { price: Money::ZERO, answered: Answered::NoAmount },
                json!({ "price": "0.00", "answered": "unreadable" }),
            ),
            (Reason::BuyerInactive(buyer), json!({ "buyer": 5 })),
            (Reason::BreakerOpen(buyer), json!({ "buyer": 5 })),
            (Reason::MayBeSold(buyer), json!({ "buyer": 5 })),
            (Reason::WrongOffer { wanted: OfferId(101), offer }, json!({ "wanted": 101, "offer": 100 })),
            (Reason::AffiliateExcluded(affiliate), json!({ "affiliate": 12 })),
            (
                Reason::TooYoung { age_s: 299, least_s: 300 },
                json!({ "age_seconds": 299, "least_seconds": 300 }),
            ),
            (Reason::PostingWait { age_s: 29, wait_s: 30 }, json!({ "age_seconds": 29, "wait_seconds": 30 })),
            (
                Reason::TooOld { age_s: 601, greatest_s: 600 },
                json!({ "age_seconds": 601, "greatest_seconds": 600 }),
            ),
            (Reason::ScheduleClosed(clock), json!({ "day": "2024-10-04", "time": "04:05" })),
            (Reason::CapReached { count: 50, cap: 50 }, json!({ "count": 50, "cap": 50 })),
            (
                Reason::NoCredit { available: nine, price: ten },
                json!({ "available": "9.00", "price": "10.00" }),
            ),
            (Reason::BuyerHad(buyer, Had::Sent), json!({ "buyer": 5, "how": "sent" })),
            (Reason::GroupHad(buyer, Had::MayHave), json!({ "buyer": 5, "how": "may_have" })),
            (
                Reason::MarginTooSmall { revenue: nine, payout: ten, minimum: one, members: 2 },
                json!({ "revenue": "9.00", "payout": "10.00", "minimum": "1.00", "members": 2 }),
            ),
            (Reason::PingTooLow { price: nine, floor: ten }, json!({ "price": "9.00", "floor": "10.00" })),
            (
                Reason::PostUnknown { price: ten, rule: UnknownRule::Wait },
                json!({ "price": "10.00", "unknown_is": "wait" }),
            ),
            (Reason::OutbidByGroup { price: nine, sum: ten }, json!({ "price": "9.00", "sum": "10.00" })),
            (Reason::OutbidByExclusive { sum: nine, price: ten }, json!({ "price": "10.00", "sum": "9.00" })),
            (Reason::OutbidByPrice { price: nine, sold: ten }, json!({ "price": "9.00", "sold": "10.00" })),
            (Reason::NoPlace { buyers: 3, limit: 2 }, json!({ "buyers": 3, "limit": 2 })),
            (Reason::TooFewPartners { buyers: 1, partners: 2 }, json!({ "buyers": 1, "partners": 2 })),
            (Reason::NoPartners { partners: 2 }, json!({ "partners": 2 })),
            (Reason::Deadline, json!({})),
        ] {
            assert_eq!(reason.values(), values, "{reason:?}");
        }
    }
}
