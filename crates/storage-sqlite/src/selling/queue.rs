//! Leads that are offered: in hand, waiting, or with somebody still to be told.

use crate::clicks::counts;
use crate::codes::{from_json, moment, row_id, to_json};
use crate::error::{corrupt, from_sqlite};
use crate::statements::{Statements, values};
use crumb_domain::{RowId, Timestamp, VerticalId};
use crumb_storage::Result;
use crumb_storage::selling::{SellingCounts, Waiting};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Why a lead has a row here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Somebody sells it now.
    InHand,
    /// It waits for a run.
    Waits,
    /// An end is not known; its key is to answer what comes of it.
    Held,
    /// A crash left it in hand with something sent; payout and answer are to be told.
    Recovered,
}

impl State {
    fn column(self) -> i64 {
        match self {
            Self::InHand => 1,
            Self::Waits => 2,
            Self::Held => 3,
            Self::Recovered => 4,
        }
    }

    fn from_column(column: i64) -> Result<Self> {
        [Self::InHand, Self::Waits, Self::Held, Self::Recovered]
            .into_iter()
            .find(|known| known.column() == column)
            .ok_or_else(|| corrupt("an offered lead's state", column))
    }
}

/// An idempotency key: its scope's column, and itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyOf {
    pub(crate) scope: String,
    pub(crate) key: String,
}

/// A lead's row here.
#[derive(Debug, Clone)]
pub(crate) struct Offered {
    pub(crate) state: State,
    /// Counts how often the lead was taken in hand: tells a run's reservations from
    /// those of earlier ones.
    pub(crate) taking: i64,
    /// The post that waits for its answer.
    pub(crate) post: Option<i64>,
    pub(crate) key: Option<KeyOf>,
    /// It waited, and the queue took it in hand.
    pub(crate) is_of_queue: bool,
    /// JSON: the counts that fall where nothing was sent.
    counts: Option<String>,
}

impl Offered {
    /// The counts that its acceptance raised.
    pub(crate) fn counts(&self) -> Result<Vec<counts::Key>> {
        self.counts.as_deref().map_or(Ok(Vec::new()), from_json)
    }
}

/// The row of a lead.
pub(crate) fn find(connection: &Connection, lead: i64) -> Result<Option<Offered>> {
    let found = connection
        .prepare_cached(
            "SELECT state, taking, post, scope, key, counts, due IS NOT NULL FROM offered WHERE lead = ?1",
        )
        .and_then(|mut select| {
            select
                .query_row([lead], |row| {
                    let (scope, key): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
                    let key = scope.zip(key).map(|(scope, key)| KeyOf { scope, key });
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, key, row.get(5)?, row.get(6)?))
                })
                .optional()
        })
        .map_err(from_sqlite)?;
    let Some((state, taking, post, key, counts, is_due)) = found else { return Ok(None) };
    let state = State::from_column(state)?;
    Ok(Some(Offered { state, taking, post, key, is_of_queue: is_due, counts }))
}

/// The taking of a lead that is in hand.
pub(crate) fn taking_in_hand(connection: &Connection, lead: i64) -> Result<Option<i64>> {
    connection
        .prepare_cached("SELECT taking FROM offered WHERE lead = ?1 AND state = ?2")
        .and_then(|mut select| select.query_row([lead, State::InHand.column()], |row| row.get(0)).optional())
        .map_err(from_sqlite)
}

/// What leads in hand but that one have counted, and may not have to stay.
pub(crate) fn counted_in_hand(connection: &Connection, but: Option<i64>) -> Result<Vec<counts::Key>> {
    let mut select = connection
        .prepare_cached(
            "SELECT counts FROM offered WHERE state = 1 AND counts IS NOT NULL AND lead IS NOT ?1",
        )
        .map_err(from_sqlite)?;
    let mut rows = select.query([but]).map_err(from_sqlite)?;
    let mut counted = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        let keys: String = row.get(0).map_err(from_sqlite)?;
        counted.extend(from_json::<Vec<counts::Key>>(&keys)?);
    }
    Ok(counted)
}

/// Leads that a crash left in hand, those recovered of which nobody was told yet, and those
/// of which nobody can say how they stand.
pub(crate) fn left_over(connection: &Connection) -> Result<Vec<(i64, Result<State>)>> {
    let mut select = connection
        .prepare_cached("SELECT lead, state FROM offered WHERE state NOT IN (?1, ?2) ORDER BY lead")
        .map_err(from_sqlite)?;
    let leads = select
        .query_map([State::Waits.column(), State::Held.column()], |row| {
            Ok((row.get(0)?, State::from_column(row.get(1)?)))
        })
        .map_err(from_sqlite)?
        .collect::<rusqlite::Result<_>>();
    leads.map_err(from_sqlite)
}

const NEXT_TAKING: &str = "(SELECT coalesce(max(taking), 0) + 1 FROM reservation WHERE lead = ?1)";

/// Takes a lead in hand for a post that is answered when its run ends.
pub(crate) fn take_for(
    connection: &Connection,
    lead: RowId,
    post: RowId,
    key: Option<&KeyOf>,
    counts: &[counts::Key],
) -> Result<()> {
    let counts = if counts.is_empty() { None } else { Some(to_json(&counts)?) };
    connection
        .prepare_cached(&format!(
            "INSERT INTO offered (lead, state, taking, post, scope, key, counts)
             VALUES (?1, ?2, {NEXT_TAKING}, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET state = excluded.state, taking = excluded.taking, due = NULL,
                 post = excluded.post, scope = excluded.scope, key = excluded.key, counts = excluded.counts"
        ))
        .and_then(|mut upsert| {
            upsert.execute(params![
                lead.as_i64(),
                State::InHand.column(),
                post.as_i64(),
                key.map(|key| &key.scope),
                key.map(|key| &key.key),
                counts
            ])
        })
        .map_err(from_sqlite)?;
    Ok(())
}

/// Takes a waiting lead in hand; false where it does not wait. When it was due stays with
/// it, so that a crash puts it back, however it stands: a sold lead waits to be sold on.
pub(crate) fn take_waiting(connection: &Connection, lead: RowId) -> Result<bool> {
    connection
        .prepare_cached(&format!(
            "UPDATE offered SET state = ?2, taking = {NEXT_TAKING} WHERE lead = ?1 AND state = ?3"
        ))
        .and_then(|mut update| update.execute([lead.as_i64(), State::InHand.column(), State::Waits.column()]))
        .map(|changed| changed == 1)
        .map_err(from_sqlite)
}

/// The lead waits from now on. A post or key that it had stays with it.
pub(crate) fn wait(statements: &dyn Statements, lead: i64, due: Timestamp) -> Result<()> {
    statements
        .execute(
            "INSERT INTO offered (lead, state, taking, due) VALUES (?1, ?2, 0, ?3)
             ON CONFLICT DO UPDATE SET state = excluded.state, due = excluded.due, counts = NULL",
            values![lead, State::Waits.column(), due.micros()],
        )
        .map_err(from_sqlite)?;
    Ok(())
}

/// The lead is kept for what is still to be told.
pub(crate) fn keep(connection: &Connection, lead: i64, state: State) -> Result<()> {
    connection
        .prepare_cached("UPDATE offered SET state = ?2, due = NULL, counts = NULL WHERE lead = ?1")
        .and_then(|mut update| update.execute([lead, state.column()]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// Nothing is left to do with the lead.
pub(crate) fn rest(connection: &Connection, lead: i64) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM offered WHERE lead = ?1")
        .and_then(|mut delete| delete.execute([lead]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// A lead that waits is due at once; one that does not is left as it is.
pub(crate) fn wait_no_longer(connection: &Connection, lead: RowId, now: Timestamp) -> Result<()> {
    connection
        .prepare_cached("UPDATE offered SET due = ?2 WHERE lead = ?1 AND state = ?3 AND due > ?2")
        .and_then(|mut update| update.execute(params![lead.as_i64(), now.micros(), State::Waits.column()]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// A lead that waited is not for sale any more.
pub(crate) fn wait_no_more(connection: &Connection, lead: RowId) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM offered WHERE lead = ?1 AND state = ?2")
        .and_then(|mut delete| delete.execute([lead.as_i64(), State::Waits.column()]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// Those due, the first before others.
pub(crate) fn due(connection: &Connection, now: Timestamp, limit: u32) -> Result<Vec<Waiting>> {
    let mut select = connection
        .prepare_cached(
            "SELECT lead, due FROM offered WHERE state = 2 AND due <= ?1 ORDER BY due, lead LIMIT ?2",
        )
        .map_err(from_sqlite)?;
    let mut rows = select.query([now.micros(), i64::from(limit)]).map_err(from_sqlite)?;
    let mut leads = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        let lead = row_id(row.get(0).map_err(from_sqlite)?)?;
        leads.push(Waiting { lead, due: moment(row.get(1).map_err(from_sqlite)?) });
    }
    Ok(leads)
}

/// When the next one is due.
pub(crate) fn next_due(connection: &Connection) -> Result<Option<Timestamp>> {
    connection
        .prepare_cached("SELECT min(due) FROM offered WHERE state = 2")
        .and_then(|mut select| select.query_row([], |row| row.get(0)))
        .map(|due: Option<i64>| due.map(moment))
        .map_err(from_sqlite)
}

/// How many are in hand and wait, and how many posts are held.
pub(crate) fn counts(connection: &Connection) -> Result<SellingCounts> {
    connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM offered WHERE state = 1), (SELECT count(*) FROM offered WHERE state = 2),
                 (SELECT count(*) FROM held)",
        )
        .and_then(|mut select| {
            select.query_row([], |row| {
                let count = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
                Ok(SellingCounts { in_hand: count(0)?, waiting: count(1)?, held: count(2)? })
            })
        })
        .map_err(from_sqlite)
}

/// Makes so many of the waiting ones due that are not, of all verticals or of these; how many
/// it were.
pub(crate) fn wake(
    connection: &Connection,
    now: Timestamp,
    of: Option<&[VerticalId]>,
    most: usize,
) -> Result<usize> {
    if let Some(verticals) = of {
        return wake_of(connection, now, verticals, most);
    }
    connection
        .prepare_cached(
            "UPDATE offered SET due = ?1 WHERE lead IN
                 (SELECT lead FROM offered WHERE state = 2 AND due > ?1 LIMIT ?2)",
        )
        .and_then(|mut update| update.execute(params![now.micros(), most as i64]))
        .map_err(from_sqlite)
}

fn wake_of(connection: &Connection, now: Timestamp, verticals: &[VerticalId], most: usize) -> Result<usize> {
    connection
        .prepare_cached(
            "UPDATE offered SET due = ?1 WHERE lead IN
                 (SELECT offered.lead FROM offered JOIN lead ON lead.row = offered.lead
                  WHERE state = 2 AND due > ?1 AND lead.vertical IN (SELECT value FROM json_each(?3)) LIMIT ?2)",
        )
        .and_then(|mut update| {
            let verticals: Vec<String> = verticals.iter().map(|vertical| vertical.0.to_string()).collect();
            update.execute(params![now.micros(), most as i64, format!("[{}]", verticals.join(","))])
        })
        .map_err(from_sqlite)
}
