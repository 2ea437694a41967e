//! What the clicks and impressions of a transaction cost.
//!
//! They are gathered in memory and are entries of the ledger before the commit: those of
//! clicks one for each party, campaign and day, so that a thousand clicks at once cost
//! two rows; those of impressions one for each thousand, what is short of a thousand
//! standing beside the ledger until it is full.

use crate::error::{corrupt, from_sqlite};
use crate::ledger::{self, NO_LEAD};
use crumb_domain::charge::{Charge, Gathered, Party, Priced};
use crumb_domain::ledger::{Account, LedgerEntry};
use crumb_domain::time::Day;
use crumb_domain::{CampaignId, Money};
use crumb_storage::Result;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::BTreeMap;

/// What the open transaction charges for, in the order of its writes.
#[derive(Default)]
pub(crate) struct Charges(Vec<Charge>);

impl Charges {
    /// Adds those of a write.
    pub(crate) fn add<'a>(&mut self, charges: impl IntoIterator<Item = &'a Charge>) {
        self.0.extend(charges);
    }

    /// A point to which [`Charges::forget_since`] goes back.
    pub(crate) fn mark(&self) -> usize {
        self.0.len()
    }

    /// Takes back what was added since a mark.
    pub(crate) fn forget_since(&mut self, mark: usize) {
        self.0.truncate(mark);
    }

    /// They are stored; the next transaction begins at nothing.
    pub(crate) fn committed(&mut self) {
        self.0.clear();
    }

    /// Appends them to the ledger.
    pub(crate) fn book(&self, connection: &Connection) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut entries = Vec::new();
        let mut clicks: BTreeMap<(CampaignId, Party, Day), Sum> = BTreeMap::new();
        let mut impressions: BTreeMap<(CampaignId, Party), Vec<&Charge>> = BTreeMap::new();
        for charge in &self.0 {
            match charge.priced {
                Priced::Click => {
                    let key = (charge.campaign, charge.party, charge.day);
                    let sum = clicks.entry(key).or_insert_with(|| Sum::none(charge));
                    entries.extend(sum.add(charge));
                }
                Priced::ThousandImpressions => {
                    impressions.entry((charge.campaign, charge.party)).or_default().push(charge);
                }
            }
        }
        entries.extend(clicks.values().map(Sum::entry));
        for of_party in impressions.values() {
            gather(connection, of_party, &mut entries)?;
        }
        ledger::append(connection, NO_LEAD, &entries)
    }
}

/// Clicks of one party, campaign and day.
struct Sum<'a> {
    newest: &'a Charge,
    count: u64,
    amount: Money,
}

impl<'a> Sum<'a> {
    fn none(charge: &'a Charge) -> Self {
        Self { newest: charge, count: 0, amount: Money::ZERO }
    }

    /// Adds one. What one entry cannot hold with it is an entry of its own.
    fn add(&mut self, charge: &'a Charge) -> Option<LedgerEntry> {
        let full = match self.amount.checked_add(charge.price) {
            Some(amount) => {
                self.amount = amount;
                None
            }
            None => {
                let full = self.entry();
                *self = Self { amount: charge.price, ..Self::none(charge) };
                Some(full)
            }
        };
        self.count += 1;
        if charge.at > self.newest.at {
            self.newest = charge;
        }
        full
    }

    fn entry(&self) -> LedgerEntry {
        LedgerEntry::traffic(self.newest, self.count, self.amount)
    }
}

/// Adds impressions of one party and campaign to those short of a thousand; those that
/// make thousands are entries.
fn gather(connection: &Connection, charges: &[&Charge], entries: &mut Vec<LedgerEntry>) -> Result<()> {
    let Some(first) = charges.first() else { return Ok(()) };
    let mut gathered = read(connection, first)?;
    for charge in charges {
        let full = gathered.add(charge.price);
        entries.extend(full.map(|full| LedgerEntry::traffic(charge, full.impressions, full.amount)));
    }
    write(connection, first, gathered)
}

fn read(connection: &Connection, of: &Charge) -> Result<Gathered> {
    let (campaign, kind, id) = key(of);
    let found: Option<(i64, String)> = connection
        .prepare_cached(
            "SELECT n, worth FROM impression_due
             WHERE campaign = ?1 AND account_kind = ?2 AND account_id = ?3",
        )
        .and_then(|mut select| {
            select.query_row([campaign, kind, id], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .map_err(from_sqlite)?;
    let Some((impressions, worth)) = found else { return Ok(Gathered::default()) };
    Ok(Gathered {
        impressions: impressions.cast_unsigned(),
        worth: worth.parse().map_err(|_| corrupt("what impressions come to", worth))?,
    })
}

fn write(connection: &Connection, of: &Charge, gathered: Gathered) -> Result<()> {
    let (campaign, kind, id) = key(of);
    connection
        .prepare_cached(
            "INSERT INTO impression_due (campaign, account_kind, account_id, n, worth)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET n = excluded.n, worth = excluded.worth",
        )
        .and_then(|mut put| {
            let n = gathered.impressions.cast_signed();
            put.execute(params![campaign, kind, id, n, gathered.worth.to_string()])
        })
        .map_err(from_sqlite)?;
    Ok(())
}

/// The primary key of what is due of a campaign's party.
fn key(charge: &Charge) -> (i64, i64, i64) {
    let account = match charge.party {
        Party::Affiliate(id) => Account::Affiliate(id),
        Party::Advertiser(id) => Account::Advertiser(id),
    };
    let (kind, id) = ledger::column(account);
    (charge.campaign.0, kind, id)
}
