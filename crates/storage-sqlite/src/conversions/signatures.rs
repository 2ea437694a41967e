//! Signed calls of the last minutes: each counts once.

use super::remembered_since;
use crate::codes::row_id;
use crate::error::from_sqlite;
use crumb_domain::{RowId, Timestamp};
use crumb_storage::Result;
use rusqlite::{Connection, OptionalExtension as _, params};

/// Signatures that one call sweeps away: more than it adds, and few enough not to be felt.
const SWEPT_PER_CALL: i64 = 4;

/// The conversion that the call of that signature made or was noted with.
pub(crate) fn find(connection: &Connection, signature: Option<&[u8; 32]>) -> Result<Option<RowId>> {
    let Some(signature) = signature else { return Ok(None) };
    connection
        .prepare_cached("SELECT conversion FROM pixel_signature WHERE signature = ?1")
        .and_then(|mut select| select.query_row([signature], |row| row.get(0)).optional())
        .map_err(from_sqlite)?
        .map(row_id)
        .transpose()
}

/// Remembers a signature that [`find`] does not find, and forgets some of those that no
/// call can come with any more.
pub(crate) fn keep(
    connection: &Connection,
    signature: Option<&[u8; 32]>,
    at: Timestamp,
    conversion: RowId,
) -> Result<()> {
    let Some(signature) = signature else { return Ok(()) };
    connection
        .prepare_cached("INSERT INTO pixel_signature (signature, at, conversion) VALUES (?1, ?2, ?3)")
        .and_then(|mut insert| insert.execute(params![signature, at.micros(), conversion.as_i64()]))
        .map_err(from_sqlite)?;
    connection
        .prepare_cached(
            "DELETE FROM pixel_signature WHERE signature IN
                 (SELECT signature FROM pixel_signature WHERE at < ?1 ORDER BY at LIMIT ?2)",
        )
        .and_then(|mut delete| delete.execute([remembered_since(at).micros(), SWEPT_PER_CALL]))
        .map_err(from_sqlite)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{SqliteOptions, open_writer};

    #[test]
    fn signatures_are_kept_while_their_calls_can_come_again_and_then_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_writer(&folder.path().join("crumb.db"), &SqliteOptions::default()).unwrap();
        let now = Timestamp::from_micros(1_795_348_800_000_000);
        let id = RowId::at_or_after(now);
        for number in 0..8 {
            keep(&connection, Some(&[number; 32]), now, id).unwrap();
        }
        let left = || connection.query_row("SELECT count(*) FROM pixel_signature", [], |row| row.get(0));
        keep(&connection, Some(&[100; 32]), now.plus_seconds(601), id).unwrap();
        assert_eq!(find(&connection, Some(&[0; 32])), Ok(Some(id)));
        for number in 101..104 {
            keep(&connection, Some(&[number; 32]), now.plus_seconds(602), id).unwrap();
        }
        assert_eq!(left(), Ok(4), "those of the last minutes");
        assert_eq!(find(&connection, Some(&[0; 32])), Ok(None));
        assert_eq!(find(&connection, Some(&[100; 32])), Ok(Some(id)));
        assert_eq!(find(&connection, None), Ok(None));
    }
}
