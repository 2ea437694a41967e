//! Something that leads use up: places under a cap, a buyer's credit, what it is owed.
//!
//! What was left of it was read as each run began, so it does not tell what the runs that
//! were under way then took afterwards: leads that came at once all read the same. What
//! there was before any of the replayed leads is therefore reckoned from the readings, and
//! a replay may use up that much, however the runs overlapped.

use crumb_domain::Timestamp;

/// How long before a run began what it was given may have been read, in microseconds: it is
/// read before the write that accepts the lead, whose end the run waits for.
const READ_AHEAD_MICROS: i64 = 2_000_000;

/// So much of something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Stock {
    /// What there is for all replayed leads together. Places that other leads have under a
    /// cap are less than none. Unknown before it was read.
    total: Option<i64>,
    /// What the replays used up.
    pub(super) replayed: i64,
    /// What really was used up by the same leads.
    pub(super) real: i64,
    /// Of that, what each run that begins from now on has seen.
    seen: i64,
    /// What it may or may not have seen.
    uses: Vec<Use>,
}

/// What a lead really used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Use {
    pub amount: i64,
    /// It was taken after this moment,
    pub after: Timestamp,
    /// and not after this one.
    pub by: Timestamp,
    /// When it was free again: what was taken was not used up.
    pub freed: Option<Timestamp>,
}

impl Stock {
    /// Places under a cap, before anybody takes one: a count that was not read is nought.
    pub fn of_places() -> Self {
        Self { total: Some(0), ..Self::default() }
    }

    /// By how much the replays used up more than really was.
    pub fn more(&self) -> i64 {
        self.replayed.saturating_sub(self.real)
    }

    /// What the replays have left; none where nobody read how much there is.
    pub fn left(&self) -> Option<i64> {
        self.total.map(|total| total.saturating_sub(self.replayed))
    }

    /// Takes in how much was really left before a run that began then. Runs come in the
    /// order in which they began. What they may have seen leaves a span, in which what is
    /// known from the readings before it stands.
    pub fn read(&mut self, left: i64, begun_at: Timestamp) {
        let safely = begun_at.micros().saturating_sub(READ_AHEAD_MICROS);
        let seen = &mut self.seen;
        self.uses.retain(|one| match one.freed {
            Some(freed) => freed.micros() >= safely,
            None if one.by.micros() < safely => {
                *seen = seen.saturating_add(one.amount);
                false
            }
            None => true,
        });
        let maybe = self.uses.iter().filter(|one| one.after <= begun_at).map(|one| one.amount);
        let least = left.saturating_add(self.seen);
        let most = maybe.fold(least, i64::saturating_add);
        let known = self.total.unwrap_or(least);
        self.total = Some(known.clamp(least.min(most), most.max(least)));
    }

    /// Takes in what a lead really used up, or took for a while.
    pub fn really(&mut self, used: Use) {
        if used.freed.is_none() {
            self.real = self.real.saturating_add(used.amount);
        }
        self.uses.push(used);
    }
}
