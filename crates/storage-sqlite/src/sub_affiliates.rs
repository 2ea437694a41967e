//! Sub-affiliates: every distinct `s1` that an affiliate's people sent.
//!
//! Almost every click comes from a sub-affiliate that is known, so the writer
//! remembers them and asks the table only about what is new. An affiliate has a
//! bounded number; who sends another `s1` with each click fills it once, and from
//! then on costs nothing.

use crate::codes::moment;
use crate::listing::Listing;
use crumb_domain::click::{Click, Disposition};
use crumb_domain::lead::Lead;
use crumb_domain::{AffiliateId, ById, SubIds, Timestamp};
use crumb_storage::clicks::SubAffiliate;
use crumb_storage::{Page, PageRequest, Result};
use rusqlite::{Connection, params};
use std::collections::HashSet;
use std::collections::hash_map::Entry;

/// Sub-affiliates remembered, at about a hundred bytes each; when there are more
/// it starts anew, which costs a look-up each.
const MAX_REMEMBERED: usize = 100_000;

/// An affiliate's.
struct Of {
    /// How many it has.
    count: u32,
    known: HashSet<Box<str>>,
}

/// What the writer knows of them: all that is committed, and what the open
/// transaction adds, which is forgotten if the transaction fails.
#[derive(Default)]
pub(crate) struct SubAffiliates {
    of: ById<AffiliateId, Of>,
    remembered: usize,
    /// What the open transaction added, and whether it was new to the table.
    fresh: Vec<(AffiliateId, Box<str>, bool)>,
    /// How many an affiliate may have.
    most: u32,
}

impl SubAffiliates {
    /// Keeps so many for each affiliate.
    pub(crate) fn new(most: u32) -> Self {
        Self { most, ..Self::default() }
    }

    /// Notes a click's. Machines and links that lead nowhere would fill the list
    /// with what no visitor came from.
    pub(crate) fn note_click(&mut self, connection: &Connection, click: &Click) -> rusqlite::Result<()> {
        match click.affiliate {
            Some(affiliate) if click.non_human.is_none() && click.disposition != Disposition::InvalidLink => {
                self.note(connection, affiliate, &click.sub_ids, click.at)
            }
            _ => Ok(()),
        }
    }

    /// Notes a lead's.
    pub(crate) fn note_lead(&mut self, connection: &Connection, lead: &Lead) -> rusqlite::Result<()> {
        self.note(connection, lead.affiliate, &lead.sub_ids, lead.at)
    }

    fn note(
        &mut self,
        connection: &Connection,
        affiliate: AffiliateId,
        sub_ids: &SubIds,
        at: Timestamp,
    ) -> rusqlite::Result<()> {
        let Some(s1) = sub_ids.sub_affiliate() else { return Ok(()) };
        let of = match self.of.entry(affiliate) {
            Entry::Occupied(of) => of.into_mut(),
            Entry::Vacant(of) => {
                of.insert(Of { count: count(connection, affiliate)?, known: HashSet::new() })
            }
        };
        // Of an affiliate that is full it does not matter which ones are known.
        if of.count >= self.most || of.known.contains(s1) {
            return Ok(());
        }
        let added = connection
            .prepare_cached(
                "INSERT INTO sub_affiliate (affiliate, number, s1, first_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (affiliate, s1) DO NOTHING",
            )?
            .execute(params![affiliate.0, of.count + 1, s1, at.micros()])?;
        let is_new = added > 0;
        of.count += u32::from(is_new);
        of.known.insert(s1.into());
        self.remembered += 1;
        self.fresh.push((affiliate, s1.into(), is_new));
        Ok(())
    }

    /// A point to which [`SubAffiliates::forget_since`] goes back.
    pub(crate) fn mark(&self) -> usize {
        self.fresh.len()
    }

    /// Forgets what was noted since a mark: its savepoint was rolled back.
    pub(crate) fn forget_since(&mut self, mark: usize) {
        for (affiliate, s1, was_new) in self.fresh.drain(mark..) {
            if let Some(of) = self.of.get_mut(&affiliate) {
                of.count -= u32::from(was_new);
                of.known.remove(&s1);
                self.remembered -= 1;
            }
        }
    }

    /// All that was noted is committed.
    pub(crate) fn committed(&mut self) {
        self.fresh.clear();
        if self.remembered > MAX_REMEMBERED || self.of.len() > MAX_REMEMBERED {
            self.of.clear();
            self.remembered = 0;
        }
    }
}

/// How many an affiliate has: they are numbered.
fn count(connection: &Connection, affiliate: AffiliateId) -> rusqlite::Result<u32> {
    connection
        .prepare_cached("SELECT coalesce(max(number), 0) FROM sub_affiliate WHERE affiliate = ?1")?
        .query_row([affiliate.0], |row| row.get(0))
}

/// A page of an affiliate's.
pub(crate) fn page(
    connection: &Connection,
    affiliate: AffiliateId,
    page: &PageRequest,
) -> Result<Page<SubAffiliate>> {
    let mut listing = Listing::new("sub_affiliate", "number");
    listing.equals("affiliate", Some(affiliate.0));
    listing.page(connection, page, "number, s1, first_at", |row| {
        Ok((Ok(SubAffiliate { s1: row.get(1)?, first_at: moment(row.get(2)?) }), row.get(0)?))
    })
}
