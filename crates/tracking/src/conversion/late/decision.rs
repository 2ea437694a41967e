//! What a late fact makes of a conversion, and what the books take in for it.
//!
//! What a conversion's `payout` and `received` say is what the books hold for it, always.
//! One that does not count is worth nothing there; what it would be worth is kept with it
//! as [`Withheld`], so that approving it, for the first time or again, moves just that.
//!
//! What it does not do: caps count what came, so taking back makes no room in them; and
//! what buyers paid for a lead stays, for which there are returns of leads.

use crumb_domain::conversion::{Conversion, ConversionDisposition, Withheld};
use crumb_domain::ledger::{LedgerEntry, LedgerKind};
use crumb_domain::{AdvertiserId, Money, Timestamp};

/// Something that a person says of a conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// It is worth something else, or has another number of the advertiser's.
    Adjust(Adjustment),
    /// It counts.
    Approve,
    /// It does not count.
    Reject,
    /// It counted, and is taken back.
    Return,
}

/// What is adjusted; what is none stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adjustment {
    /// To the affiliate.
    pub payout: Option<Money>,
    /// From the advertiser.
    pub received: Option<Money>,
    /// The advertiser's own number.
    pub transaction_id: Option<String>,
}

/// Whose money it is, beside the affiliate's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Books {
    /// Who pays for it; none where the offer has nobody.
    pub advertiser: Option<AdvertiserId>,
    /// What that advertiser was charged for it: of a lead, what came beside its sales.
    pub charged: Money,
    /// It is a lead, and stands as that does: nobody has said otherwise.
    pub by_its_lead: bool,
    /// It is a lead that was not accepted, which a pixel alone has named: nobody was told of a
    /// conversion.
    pub only_named: bool,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decided {
    /// The conversion as it will stand.
    pub conversion: Conversion,
    /// The difference.
    pub ledger: Vec<LedgerEntry>,
    /// It counts for the first time: its affiliate is to be told.
    pub tells: bool,
    /// So far nobody was told that there is such a conversion, as it stood over a cap or a
    /// pixel alone had named it: webhooks are to be told.
    pub announces: bool,
}

/// Why a conversion stays as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It stands so.
    #[error("it is {} already", .0.as_str())]
    Already(ConversionDisposition),
    /// Only what counts can be taken back.
    #[error("it is {}: only what is approved can be returned", .0.as_str())]
    NotApproved(ConversionDisposition),
    /// It was taken back, for which it must have been good.
    #[error("it was returned: approve it first")]
    WasReturned,
    /// A lead is held back, was thrown out or given back, and its conversion with it.
    #[error("its lead makes it {}: say of the lead what becomes of it", .0.as_str())]
    ByItsLead(ConversionDisposition),
    /// A test is worth nothing.
    #[error("it is a test, which is never paid")]
    Test,
}

/// Decides. None where nothing changes.
pub(super) fn decide(
    before: &Conversion,
    books: Books,
    fact: &Fact,
    note: Option<&str>,
    now: Timestamp,
) -> Result<Option<Decided>, Refusal> {
    let mut after = before.clone();
    let told = before.withheld.is_some_and(|withheld| withheld.told);
    let stood_over_cap = before.disposition == ConversionDisposition::OverCap
        || before.withheld.is_some_and(|withheld| withheld.over_cap);
    let counts_first = match fact {
        Fact::Adjust(adjustment) => {
            adjust(&mut after, books, adjustment)?;
            false
        }
        Fact::Approve => {
            approve(&mut after, books)?;
            !told
        }
        Fact::Reject | Fact::Return => {
            take_back(&mut after, books, fact)?;
            false
        }
    };
    if after == *before {
        return Ok(None);
    }
    let ledger = entries(before, &after, books, counts_first, note, now);
    // A lead is told of once it is paid; one that earns nothing and waits for nothing would
    // have been at once, but for the cap that it came over.
    let was_over_cap = before.disposition == ConversionDisposition::OverCap && before.waits.is_none();
    let is_paid = after.lead.is_none() || after.payout != Money::ZERO || was_over_cap;
    let tells = counts_first && is_paid && !after.test;
    if tells {
        after.waits = None;
    }
    let announces = counts_first && (stood_over_cap || books.only_named) && !after.test;
    Ok(Some(Decided { tells, announces, conversion: after, ledger }))
}

fn adjust(after: &mut Conversion, books: Books, adjustment: &Adjustment) -> Result<(), Refusal> {
    let Adjustment { payout, received, transaction_id } = adjustment;
    let is_money = |amount: &Option<Money>| amount.is_some_and(|amount| amount != Money::ZERO);
    if after.test && (is_money(payout) || is_money(received)) {
        return Err(Refusal::Test);
    }
    let is_only_named =
        after.lead.is_some() && after.disposition == ConversionDisposition::Rejected && !books.by_its_lead;
    if is_only_named && (payout.is_some() || received.is_some()) {
        // Nobody owes anything for a lead that was not accepted: what it is worth waits for that.
        let stands = Withheld {
            payout: after.payout,
            received: after.received,
            said: after.said,
            told: false,
            over_cap: false,
        };
        after.withheld.get_or_insert(stands);
    }
    let (its_payout, its_received, said) = match &mut after.withheld {
        Some(withheld) => (&mut withheld.payout, &mut withheld.received, &mut withheld.said),
        None => (&mut after.payout, &mut after.received, &mut after.said),
    };
    *its_payout = payout.unwrap_or(*its_payout);
    *its_received = received.unwrap_or(*its_received);
    *said |= received.is_some();
    if transaction_id.is_some() {
        after.reported.transaction_id.clone_from(transaction_id);
    }
    Ok(())
}

fn approve(after: &mut Conversion, books: Books) -> Result<(), Refusal> {
    if after.disposition == ConversionDisposition::Approved {
        return Err(Refusal::Already(ConversionDisposition::Approved));
    }
    let worth = match after.withheld.take() {
        Some(withheld) => withheld,
        None if books.by_its_lead => return Err(Refusal::ByItsLead(after.disposition)),
        None => Withheld {
            payout: after.payout,
            received: after.received,
            said: after.said,
            told: after.waits.is_none(),
            over_cap: false,
        },
    };
    after.disposition = ConversionDisposition::Approved;
    after.payout = worth.payout;
    // What nobody said of a lead is what its sales have brought by now.
    if after.lead.is_none() || worth.said {
        (after.received, after.said) = (worth.received, worth.said);
    }
    Ok(())
}

fn take_back(after: &mut Conversion, books: Books, fact: &Fact) -> Result<(), Refusal> {
    use ConversionDisposition::{Approved, OverCap, Pending, Rejected, Returned};
    let becomes = if *fact == Fact::Return { Returned } else { Rejected };
    match (after.disposition, becomes) {
        (stands, _) if stands == becomes => return Err(Refusal::Already(stands)),
        (stands, _) if stands != Approved && books.by_its_lead => {
            return Err(Refusal::ByItsLead(stands));
        }
        (Approved, _) => {
            let (payout, received, said) = (after.payout, after.received, after.said);
            let told = after.waits.is_none();
            after.withheld = Some(Withheld { payout, received, said, told, over_cap: false });
            after.payout = Money::ZERO;
            after.received = difference(after.received, books.charged);
            after.said &= after.lead.is_none();
        }
        (stands @ (Pending | OverCap | Rejected), Returned) => return Err(Refusal::NotApproved(stands)),
        (Returned, _) => return Err(Refusal::WasReturned),
        (OverCap, _) => {
            if let Some(withheld) = &mut after.withheld {
                withheld.over_cap = true;
            }
        }
        (Pending | Rejected, _) => {}
    }
    after.disposition = becomes;
    Ok(())
}

/// The difference that a change makes in the books: a correction, but for what counts for
/// the first time.
fn entries(
    before: &Conversion,
    after: &Conversion,
    books: Books,
    counts_first: bool,
    note: Option<&str>,
    now: Timestamp,
) -> Vec<LedgerEntry> {
    let (earned, brought) =
        (difference(after.payout, before.payout), difference(after.received, before.received));
    let received =
        books.advertiser.map(|advertiser| LedgerEntry::received(now, after.id, advertiser, brought));
    let payout = match after.lead {
        Some(lead) => LedgerEntry {
            conversion: Some(after.id),
            ..LedgerEntry::payout(now, lead, after.affiliate, earned)
        },
        None => LedgerEntry::conversion_payout(now, after.id, after.affiliate, earned),
    };
    let entry = |entry: LedgerEntry| LedgerEntry {
        kind: if counts_first { entry.kind } else { LedgerKind::Adjustment },
        lead: after.lead,
        note: note.map(str::to_owned),
        ..entry
    };
    let moves = |entry: &LedgerEntry| entry.amount != Money::ZERO;
    received.into_iter().chain([payout]).filter(moves).map(entry).collect()
}

fn difference(after: Money, before: Money) -> Money {
    Money::from_micros(after.micros().saturating_sub(before.micros()))
}
