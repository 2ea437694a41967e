//! Steps of counts that are not in the rows of their days yet.
//!
//! Those rows lie apart: a commit whose events are of fifty campaigns would change
//! fifty of them, on nearly as many pages. So a commit appends what it adds as one
//! row of `count_step`, and the sums of many commits are brought into the rows of
//! their days in the order of their keys, some with each commit. What a commit brings
//! in it takes off its own steps, so that at each moment a count is its row and all
//! steps together, whatever a crash interrupts.

use super::steps::{decode, encode};
use super::{Place, Row, Sums};
use crate::error::{corrupt, from_sqlite};
use crumb_storage::Result;
use rusqlite::{Connection, params};
use std::ops::Bound;

/// Nearly every row is there: only a day's first events find none. To insert where there is
/// one, and to see that, costs more than to look first.
const RAISE: &str = "UPDATE day_count SET clicks = clicks + ?4, leads = leads + ?5,
         conversions = conversions + ?6, impressions = impressions + ?7
     WHERE scope = ?1 AND scope_id = ?2 AND day = ?3";
const INSERT: &str = "INSERT INTO day_count (scope, scope_id, day, clicks, leads, conversions, impressions)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// Rows that a commit brings in at least: few enough that nobody waits for them.
const AT_ONCE: usize = 32;

/// What is put off, as the file has it.
#[derive(Default)]
pub(crate) struct PutOff {
    sums: Sums,
    /// Commits whose steps they are, since all were brought in.
    commits: usize,
    /// How many of them make a round.
    most_commits: usize,
    /// Up to where a round has come.
    round: Option<Round>,
    /// What the open transaction brings in, once it is written.
    open: Open,
}

/// All that was put off when it began is brought in, in order.
#[derive(Clone, Copy)]
struct Round {
    /// The last place that was.
    after: Option<Place>,
    at_once: usize,
}

#[derive(Default)]
struct Open {
    brought_in: Vec<(Place, Row)>,
    round: Option<Round>,
    is_round_over: bool,
    commits: usize,
}

impl PutOff {
    /// What an opened file has. `most_commits`: after how many a round begins.
    pub(crate) fn load(connection: &Connection, most_commits: usize) -> Result<Self> {
        let mut sums = Sums::new();
        let commits = read_after(connection, 0, |place, row| add(&mut sums, place, &row, 1))?;
        Ok(Self { sums, commits, most_commits, ..Self::default() })
    }

    pub(crate) fn sums(&self) -> &Sums {
        &self.sums
    }

    /// Writes what the open transaction adds, and goes on with a round.
    pub(crate) fn write(&mut self, connection: &Connection, added: &Sums) -> Result<()> {
        self.open = Open { round: self.round, commits: self.commits, ..Open::default() };
        if added.is_empty() {
            return Ok(());
        }
        if self.round.is_none() && self.commits >= self.most_commits {
            let at_once = AT_ONCE.max(self.sums.len() / self.most_commits.max(1) + 1);
            self.open.round = Some(Round { after: None, at_once });
        }
        if let Some(round) = self.open.round {
            self.bring_in(connection, round)?;
        }
        let mut steps = added.clone();
        for (place, row) in &self.open.brought_in {
            add(&mut steps, *place, row, -1);
        }
        if self.open.is_round_over {
            self.sums.iter().for_each(|(place, row)| add(&mut steps, *place, row, 1));
            self.open.commits = 0;
        }
        self.open.commits += 1;
        let id = append(connection, &steps)?;
        if self.open.is_round_over {
            // The last one stays, so that no id comes again: see `steps_read`.
            connection
                .prepare_cached("DELETE FROM count_step WHERE id < ?1")
                .and_then(|mut delete| delete.execute([id]))
                .map_err(from_sqlite)?;
        }
        Ok(())
    }

    /// Raises the next rows of a round.
    fn bring_in(&mut self, connection: &Connection, round: Round) -> Result<()> {
        let after = round.after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut left = self.sums.range((after, Bound::Unbounded));
        let next = left.by_ref().take(round.at_once).map(|(place, row)| (*place, *row));
        let open = &mut self.open;
        open.brought_in.extend(next);
        open.is_round_over = left.next().is_none();
        let last = open.brought_in.last().map(|(place, _)| *place);
        open.round = if open.is_round_over { None } else { Some(Round { after: last, ..round }) };
        let prepare = |sql| connection.prepare_cached(sql).map_err(from_sqlite);
        let (mut raise, mut insert) = (prepare(RAISE)?, prepare(INSERT)?);
        for ((scope, id, day), [clicks, leads, conversions, impressions]) in &open.brought_in {
            let values = params![scope, id, day, clicks, leads, conversions, impressions];
            if raise.execute(values).map_err(from_sqlite)? == 0 {
                insert.execute(values).map_err(from_sqlite)?;
            }
        }
        Ok(())
    }

    /// The transaction that added these is committed.
    pub(crate) fn committed(&mut self, added: &Sums) {
        let open = std::mem::take(&mut self.open);
        added.iter().for_each(|(place, row)| add(&mut self.sums, *place, row, 1));
        for (place, row) in &open.brought_in {
            add(&mut self.sums, *place, row, -1);
        }
        (self.round, self.commits) = (open.round, open.commits);
    }
}

/// Adds a row `times` times; one that comes to nothing is none.
pub(super) fn add(sums: &mut Sums, place: Place, row: &Row, times: i64) {
    let sum = sums.entry(place).or_default();
    sum.iter_mut().zip(row).for_each(|(sum, by)| *sum += by * times);
    if *sum == Row::default() {
        sums.remove(&place);
    }
}

/// Appends steps as one row, though they come to nothing; its id.
fn append(connection: &Connection, steps: &Sums) -> Result<i64> {
    connection
        .prepare_cached("INSERT INTO count_step (steps) VALUES (?1)")
        .and_then(|mut insert| insert.insert([encode(steps)]))
        .map_err(from_sqlite)
}

/// Hands on each step that was put off after an id; how many commits they are of.
pub(super) fn read_after(
    connection: &Connection,
    id: i64,
    mut each: impl FnMut(Place, Row),
) -> Result<usize> {
    let mut select =
        connection.prepare_cached("SELECT steps FROM count_step WHERE id > ?1").map_err(from_sqlite)?;
    let mut rows = select.query([id]).map_err(from_sqlite)?;
    let mut commits = 0;
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        let bytes = row.get_ref(0).and_then(|value| Ok(value.as_blob()?)).map_err(from_sqlite)?;
        decode(bytes, &mut each).ok_or_else(|| corrupt("steps of counts", format_args!("{bytes:?}")))?;
        commits += 1;
    }
    Ok(commits)
}
