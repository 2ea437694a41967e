//! What SQLite's failures mean to a caller of the store.

use crumb_storage::StoreError;
use rusqlite::{ErrorCode, ffi};

/// A failed statement. A broken constraint means that somebody else was first
/// (a name, an id, a key); a value that cannot be decoded is the program's or the
/// file's fault; all else (disk full, locked, damaged, I/O) means that the store
/// cannot serve now.
pub(crate) fn from_sqlite(error: rusqlite::Error) -> StoreError {
    use rusqlite::Error as E;
    match &error {
        E::SqliteFailure(failure, _) if failure.code == ErrorCode::ConstraintViolation => {
            StoreError::Conflict
        }
        E::SqliteFailure(failure, _) => StoreError::Unavailable(format!("{}: {error}", in_words(failure))),
        E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..)
        | E::InvalidColumnType(..)
        | E::Utf8Error(..) => StoreError::Corrupt(error.to_string()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// True where a statement failed because of a constraint: its neighbours are fine.
pub(crate) fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

fn in_words(failure: &ffi::Error) -> &'static str {
    match failure.code {
        // The index of the write-ahead log, the first to need room, could not be made longer.
        _ if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => "the disk is full",
        ErrorCode::DiskFull => "the disk is full",
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => "the file is locked by another process",
        ErrorCode::DatabaseCorrupt => "the file is damaged",
        ErrorCode::NotADatabase => "the file is not a database",
        ErrorCode::SystemIoFailure => "the disk cannot be read or written",
        ErrorCode::OperationInterrupted => "the read took too long",
        ErrorCode::ReadOnly => "the file cannot be written",
        ErrorCode::CannotOpen => "the file cannot be opened",
        ErrorCode::PermissionDenied => "the file may not be accessed",
        _ => "SQLite failed",
    }
}

/// A stored value that means nothing.
pub(crate) fn corrupt(what: &str, value: impl std::fmt::Debug) -> StoreError {
    StoreError::Corrupt(format!("{what} {value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_locked_file_are_named() {
        let failure = |code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        let text = |code| from_sqlite(failure(code)).to_string();
        assert!(text(rusqlite::ffi::SQLITE_FULL).contains("the disk is full"));
        assert!(text(rusqlite::ffi::SQLITE_IOERR_SHMSIZE).contains("the disk is full"));
        assert!(text(rusqlite::ffi::SQLITE_BUSY).contains("locked by another process"));
        assert!(text(rusqlite::ffi::SQLITE_NOTADB).contains("not a database"));
        assert!(text(rusqlite::ffi::SQLITE_CORRUPT).contains("damaged"));
        assert_eq!(from_sqlite(failure(rusqlite::ffi::SQLITE_CONSTRAINT)), StoreError::Conflict);
    }
}
