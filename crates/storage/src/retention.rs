//! What is kept for a while only: logs for people to look back at. Never what is owed or
//! was decided: leads, conversions, clicks and the ledger stay.

use crate::Result;
use crumb_domain::{RowId, Timestamp};

/// What goes once it is old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeptFor {
    /// Calls of the conversion pixel.
    PixelLog,
    /// Deliveries that were delivered, with their attempts. Those that wait, and those
    /// that are parked, stay.
    Deliveries,
    /// What buyers were asked and answered. Those of leads that wait, are in hand or may be
    /// with a buyer stay until the lead rests.
    Attempts,
}

impl KeptFor {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::PixelLog, Self::Deliveries, Self::Attempts];
}

/// Rows that one step removes at most: a write that no other has to wait for.
pub const REMOVED_PER_STEP: u32 = 100;

/// Rows that one step looks at, at most, for those: where nearly all have to stay, a step
/// is short all the same.
pub const LOOKED_AT_PER_STEP: u32 = 2_000;

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// How many went.
    pub count: u32,
    /// Where the next step begins; none where there are no more that old.
    pub next: Option<RowId>,
}

/// The store of what goes.
pub trait RetentionStore {
    /// Removes some that are older than a moment, of those after `after`, in the order in
    /// which they came: one step of many.
    fn remove_old(
        &self,
        what: KeptFor,
        before: Timestamp,
        after: Option<RowId>,
    ) -> impl Future<Output = Result<Removed>> + Send;
}
