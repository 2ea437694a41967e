//! What events refer to, so that an entity with history is not deleted.
//!
//! Almost every event refers to what thousands before it did. The writer
//! remembers what it has noted, and asks the table only about what is new.

use crumb_domain::lead::Lead;
use crumb_domain::{
    AffiliateId, BuyerId, CampaignId, ContractId, CreativeId, EventId, IdSet, OfferId, RowId,
};
use crumb_storage::configuration::HistoryOf;
use rusqlite::{Connection, params};

/// Keys remembered: more than a network has entities with history at a time. When it
/// is full it starts anew, which costs a look-up a key.
const MAX_REMEMBERED: usize = 100_000;

/// A row of the history table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    kind: i64,
    id: i64,
}

impl Key {
    /// Never noted: the ledger's own entries are looked at.
    const LEDGER: Self = Self { kind: 8, id: 0 };

    /// The node that made a row.
    pub(crate) fn node(row: RowId) -> Self {
        Self::node_number(row.node())
    }

    /// A node by its number.
    pub(crate) fn node_number(node: u8) -> Self {
        Self { kind: 0, id: i64::from(node) }
    }

    /// Whether the table has it; of the ledger, whether that has an entry.
    pub(crate) fn is_noted(self, connection: &Connection) -> rusqlite::Result<bool> {
        if self == Self::LEDGER {
            return connection.prepare_cached("SELECT 1 FROM ledger LIMIT 1")?.exists([]);
        }
        connection
            .prepare_cached("SELECT 1 FROM history WHERE kind = ?1 AND id = ?2")?
            .exists(params![self.kind, self.id])
    }
}

impl From<HistoryOf> for Key {
    fn from(of: HistoryOf) -> Self {
        match of {
            HistoryOf::Creative(CreativeId(id)) => Self { kind: 1, id },
            HistoryOf::Campaign(CampaignId(id)) => Self { kind: 2, id },
            HistoryOf::Affiliate(AffiliateId(id)) => Self { kind: 3, id },
            HistoryOf::Offer(OfferId(id)) => Self { kind: 4, id },
            HistoryOf::Contract(ContractId(id)) => Self { kind: 5, id },
            HistoryOf::Buyer(BuyerId(id)) => Self { kind: 6, id },
            // Ids of the configuration have 31 bits.
            HistoryOf::Event(OfferId(offer), EventId(id)) => Self { kind: 7, id: (offer << 32) | id },
            HistoryOf::Ledger => Self::LEDGER,
        }
    }
}

/// What a lead or post refers to.
pub(crate) fn references(
    affiliate: Option<AffiliateId>,
    offer: Option<OfferId>,
    campaign: Option<CampaignId>,
) -> impl Iterator<Item = Key> {
    let affiliate = affiliate.map(|id| HistoryOf::Affiliate(id).into());
    let offer = offer.map(|id| HistoryOf::Offer(id).into());
    let campaign = campaign.map(|id| HistoryOf::Campaign(id).into());
    [affiliate, offer, campaign].into_iter().flatten()
}

/// What a lead refers to, with the node that made it.
pub(crate) fn references_of_lead(lead: &Lead) -> impl Iterator<Item = Key> {
    references(Some(lead.affiliate), Some(lead.offer), lead.campaign)
        .chain([Key::node(lead.row)])
        .chain(event_of_lead(lead))
}

/// The event of the conversion that a lead is, or that a pixel has named.
pub(crate) fn event_of_lead(lead: &Lead) -> Option<Key> {
    lead.conversion.as_ref().map(|told| HistoryOf::Event(lead.offer, told.event).into())
}

/// What the writer has noted: all that is committed, and what the open
/// transaction adds, which is forgotten if the transaction fails.
#[derive(Default)]
pub(crate) struct Seen {
    known: IdSet<Key>,
    fresh: Vec<Key>,
}

impl Seen {
    /// Notes a key in the table unless it is known to be there.
    pub(crate) fn note(&mut self, connection: &Connection, key: Key) -> rusqlite::Result<()> {
        if !self.known.contains(&key) {
            connection
                .prepare_cached("INSERT OR IGNORE INTO history (kind, id) VALUES (?1, ?2)")?
                .execute(params![key.kind, key.id])?;
            self.known.insert(key);
            self.fresh.push(key);
        }
        Ok(())
    }

    /// Notes several.
    pub(crate) fn note_all(
        &mut self,
        connection: &Connection,
        keys: impl IntoIterator<Item = Key>,
    ) -> rusqlite::Result<()> {
        keys.into_iter().try_for_each(|key| self.note(connection, key))
    }

    /// A point to which [`Seen::forget_since`] goes back.
    pub(crate) fn mark(&self) -> usize {
        self.fresh.len()
    }

    /// Forgets what was noted since a mark: its savepoint was rolled back.
    pub(crate) fn forget_since(&mut self, mark: usize) {
        for key in self.fresh.drain(mark..) {
            self.known.remove(&key);
        }
    }

    /// All that was noted is committed.
    pub(crate) fn committed(&mut self) {
        self.fresh.clear();
        if self.known.len() > MAX_REMEMBERED {
            self.known.clear();
        }
    }
}
