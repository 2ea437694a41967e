//! Late facts: what a person says of a conversion that is there. It is adjusted, approved,
//! rejected or returned; nothing is edited in the books, which take in the difference.
//!
//! `decision` says what a fact makes of a conversion; here it is written on the condition
//! that the conversion still stands as it was read, and begun again where it does not.

mod decision;
mod effective;
#[cfg(test)]
mod tests;
mod told;

pub(crate) use decision::Decided;
pub use decision::{Adjustment, Fact, Refusal};
pub use effective::EffectiveDate;

use super::MAX_TRIES;
use crate::feed::Recorded;
use crate::installation::Installation;
use crate::postbacks::Telling;
use crate::webhooks;
use crumb_domain::conversion::{Conversion, MAX_TRANSACTION_ID_CHARS};
use crumb_domain::delivery::Delivery;
use crumb_domain::ledger::{Account, LedgerEntry};
use crumb_domain::{Money, RowId, Timestamp};
use crumb_network::Snapshot;
use crumb_storage::conversions::{ChangeConversion, ConversionFilter};
use crumb_storage::{PageRequest, Store, StoreError};
use decision::Books;
use std::sync::Arc;

/// The longest note, in characters: a line of a statement of account.
pub const MAX_NOTE_CHARACTERS: usize = 500;

/// The largest amount of a conversion, in whole units: ten thousand times what anybody
/// pays for one, and small enough that a ledger of a million such still adds up.
const MAX_AMOUNT_UNITS: i64 = 1_000_000;

/// A fact and why, as far as it can be checked without the conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateFact {
    fact: Fact,
    note: Option<String>,
    effective: EffectiveDate,
}

/// What is wrong with something that a person said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Invalid {
    /// What of it; a member of the API's body, and a column of an import.
    pub path: &'static str,
    /// What is wrong.
    pub message: String,
}

impl Invalid {
    pub(super) fn new(path: &'static str, message: impl Into<String>) -> Self {
        Self { path, message: message.into() }
    }
}

/// Why a fact changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum LateError {
    /// There is no such conversion.
    #[error("there is no such conversion")]
    Missing,
    /// It cannot be said of this one as it stands.
    #[error("the conversion stays as it is: {0}")]
    Refused(#[from] Refusal),
    /// Another conversion of the offer and event has the transaction id, which counts once.
    #[error("the conversion stays as it is: another one of its offer and event has this transaction id")]
    TransactionTaken,
    /// It cannot take effect then.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LateFact {
    /// A fact, with a note for the books; a blank one says nothing.
    ///
    /// # Errors
    /// Where nothing is adjusted, an amount is below zero or too large, or a text is too
    /// long or holds what moves a terminal's cursor.
    pub fn new(fact: Fact, note: Option<String>) -> Result<Self, Invalid> {
        let fact = match fact {
            Fact::Adjust(adjustment) => Fact::Adjust(checked(adjustment)?),
            other => other,
        };
        let note = text("note", note, MAX_NOTE_CHARACTERS)?;
        Ok(Self { fact, note, effective: EffectiveDate::Today })
    }

    /// The same with a date for which what it moves counts.
    pub fn effective(self, effective: EffectiveDate) -> Self {
        Self { effective, ..self }
    }
}

fn checked(adjustment: Adjustment) -> Result<Adjustment, Invalid> {
    if adjustment == Adjustment::default() {
        return Err(Invalid::new("", "say what is adjusted: payout, received or transaction_id"));
    }
    amount("payout", adjustment.payout)?;
    amount("received", adjustment.received)?;
    let transaction_id = match adjustment.transaction_id {
        Some(given) => Some(
            text("transaction_id", Some(given), MAX_TRANSACTION_ID_CHARS)?
                .ok_or_else(|| Invalid::new("transaction_id", "it must not be empty"))?,
        ),
        None => None,
    };
    Ok(Adjustment { transaction_id, ..adjustment })
}

/// An amount that a conversion may have.
pub(super) fn amount(path: &'static str, amount: Option<Money>) -> Result<(), Invalid> {
    let most = Money::from_micros(MAX_AMOUNT_UNITS * Money::MICROS_PER_UNIT);
    match amount {
        Some(amount) if amount < Money::ZERO || amount > most => {
            Err(Invalid::new(path, format!("expected an amount from 0.00 to {most}")))
        }
        _ => Ok(()),
    }
}

/// A text without what stands around it; a blank one is none.
pub(super) fn text(
    path: &'static str,
    given: Option<String>,
    most: usize,
) -> Result<Option<String>, Invalid> {
    let Some(given) = given else { return Ok(None) };
    let trimmed = given.trim();
    if trimmed.chars().count() > most {
        return Err(Invalid::new(path, format!("at most {most} characters")));
    }
    if trimmed.chars().any(char::is_control) {
        return Err(Invalid::new(path, "control characters are not taken"));
    }
    Ok((!trimmed.is_empty()).then(|| trimmed.to_owned()))
}

/// Says a fact of a conversion: the conversion as it stands then. `by` is whoever says so,
/// for the time line.
///
/// # Errors
/// Where there is none, or the fact cannot be said of it; the store's.
pub async fn say<S: Store + Clone>(
    site: &Installation<S>,
    id: RowId,
    late: &LateFact,
    by: Option<&str>,
) -> Result<Conversion, LateError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let before = site.store.conversion(id).await?.ok_or(LateError::Missing)?;
        let snapshot = site.network.snapshot();
        let Some(change) = change(site, &snapshot, &before, std::slice::from_ref(late), by).await? else {
            return Ok(before);
        };
        let mut after = change.conversion.clone();
        match site.store.change_conversion(change).await {
            Ok(Some(_)) => return Err(LateError::TransactionTaken),
            Ok(None) => {
                after.revision = after.revision.saturating_add(1);
                site.feed.tell(|| Recorded::Conversion(Arc::new(after.clone())));
                return Ok(after);
            }
            Err(StoreError::Conflict) if tries < MAX_TRIES => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What facts, one after the other, make of a conversion that was read; none where they
/// change nothing.
pub(super) async fn change<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    before: &Conversion,
    facts: &[LateFact],
    by: Option<&str>,
) -> Result<Option<ChangeConversion>, LateError> {
    let now = site.clock.now();
    let books = books(site, snapshot, before).await?;
    let mut change: Option<ChangeConversion> = None;
    let (mut tells, mut announces) = (false, false);
    for LateFact { fact, note, effective } in facts {
        let effective = effective.of(before.at, snapshot.zone(), now)?;
        let stands = change.as_ref().map_or(before, |change| &change.conversion);
        let Some(mut decided) = decision::decide(stands, books.after(stands), fact, note.as_deref(), now)?
        else {
            continue;
        };
        decided.conversion.advertiser = decided.conversion.advertiser.or(books.advertiser);
        let once_a_transaction = gives_transaction(snapshot, before, &decided);
        if once_a_transaction {
            refuse_taken(site, &decided).await?;
        }
        tells |= decided.tells;
        announces |= decided.announces;
        let day = effective.map(|moment| snapshot.zone().day_of(moment));
        let told = told::entry(stands, &decided.conversion, fact, day, note.as_deref(), by, now);
        let (mut ledger, mut timeline) =
            change.take().map(|change| (change.ledger, change.timeline)).unwrap_or_default();
        ledger.extend(decided.ledger.into_iter().map(|entry| LedgerEntry { effective, ..entry }));
        timeline.push(told);
        let (conversion, deliveries) = (decided.conversion, Vec::new());
        change = Some(ChangeConversion { conversion, ledger, deliveries, timeline, once_a_transaction });
    }
    if let Some(change) = change.as_mut() {
        if tells {
            change.deliveries = deliveries(site, snapshot, &change.conversion, now).await?;
        }
        if announces {
            let told = webhooks::conversion_created(site, snapshot, &change.conversion, now);
            change.deliveries.extend(told);
        }
    }
    Ok(change)
}

/// What the advertiser was charged, before the facts and as they go on.
struct Charged {
    advertiser: Option<crumb_domain::AdvertiserId>,
    at_first: Money,
    received_at_first: Money,
    by_its_lead: bool,
    only_named: bool,
}

impl Charged {
    fn after(&self, stands: &Conversion) -> Books {
        let since = stands.received.micros().saturating_sub(self.received_at_first.micros());
        let charged = Money::from_micros(self.at_first.micros().saturating_add(since));
        let (by_its_lead, only_named) = (self.by_its_lead, self.only_named);
        Books { advertiser: self.advertiser, charged, by_its_lead, only_named }
    }
}

async fn books<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    before: &Conversion,
) -> Result<Charged, StoreError> {
    let of_offer = || snapshot.offer(before.offer).and_then(|offer| offer.advertiser);
    let advertiser = before.advertiser.or_else(of_offer);
    let lead = match before.lead {
        Some(id) => site.store.lead(id).await?,
        None => None,
    };
    // Read after the conversion: one that has changed since is begun again by its revision.
    let told = lead.as_ref().and_then(|lead| lead.conversion.as_ref());
    let by_its_lead = lead.is_some() && told.and_then(|told| told.disposition).is_none();
    let only_named = told.is_some_and(|told| told.only_named);
    let at_first = match (before.lead, advertiser) {
        (None, _) => before.received,
        (Some(_), None) => Money::ZERO,
        (Some(_), Some(advertiser)) => {
            let account = Account::Advertiser(advertiser);
            let of_it = site.store.ledger_of(before.id).await?;
            let owed = of_it.iter().map(|entry| entry.change_of(account).micros());
            Money::from_micros(owed.fold(0, i64::saturating_sub))
        }
    };
    Ok(Charged { advertiser, at_first, received_at_first: before.received, by_its_lead, only_named })
}

/// Whether a conversion is given a transaction id of which each counts once.
fn gives_transaction(snapshot: &Snapshot, before: &Conversion, decided: &Decided) -> bool {
    let after = &decided.conversion;
    let given = after.reported.transaction_id.as_ref();
    let event = snapshot.offer(after.offer).and_then(|offer| offer.known_event(after.event));
    given.is_some()
        && given != before.reported.transaction_id.as_ref()
        && event.is_some_and(|event| event.deduplicate_transaction_id)
}

/// A transaction id that counts once is not given to a second conversion. The write looks
/// again: this is for those who only ask what an import would make.
async fn refuse_taken<S: Store + Clone>(site: &Installation<S>, decided: &Decided) -> Result<(), LateError> {
    let after = &decided.conversion;
    let Some(given) = after.reported.transaction_id.as_ref() else { return Ok(()) };
    if with_transaction(site, after, given).await?.is_some_and(|other| other != after.id) {
        return Err(LateError::TransactionTaken);
    }
    Ok(())
}

/// The oldest conversion of the offer and event with that transaction id, tests among
/// tests.
pub(super) async fn with_transaction<S: Store + Clone>(
    site: &Installation<S>,
    of: &Conversion,
    transaction_id: &str,
) -> Result<Option<RowId>, StoreError> {
    let filter = ConversionFilter {
        offer: Some(of.offer),
        event: Some(of.event),
        transaction_id: Some(transaction_id.to_owned()),
        ..ConversionFilter::default()
    };
    let page = PageRequest { ascending: true, ..PageRequest::default() };
    let found = site.store.conversions(filter, page).await?.data;
    Ok(found.into_iter().find(|one| one.test == of.test).map(|one| one.id))
}

/// The postbacks that are told of a conversion that counts for the first time.
pub(super) async fn deliveries<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    conversion: &Conversion,
    now: Timestamp,
) -> Result<Vec<Delivery>, StoreError> {
    let Some(session) = site.store.session(conversion.session).await? else { return Ok(Vec::new()) };
    let lead = match conversion.lead {
        Some(id) => site.store.lead(id).await?,
        None => None,
    };
    let fields = lead.map(|lead| lead.fields).unwrap_or_default();
    let names = &site.keys.request_ids;
    Ok(Telling { snapshot, conversion, session: &session, names, fields: &fields }.deliveries(site, now))
}
