//! The advertiser's own database: what visitors said is kept here first, whatever
//! becomes of posting it.

use rusqlite::{Connection, OptionalExtension as _, params};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The advertiser's leads and what was tried with them.
pub struct OwnDatabase {
    connection: Mutex<Connection>,
}

/// What a visitor sent, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnLead {
    /// Its number in this database.
    pub id: i64,
    /// The form's own, which every press of its button repeats.
    pub token: String,
    /// When it came: RFC 3339.
    pub at: String,
    /// The address of the form's page on the site, with its query.
    pub page: String,
    /// `ckm_request_id` as the form had it.
    pub request_id: String,
    /// The form's pairs, urlencoded.
    pub form: String,
}

/// One post to the tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPost {
    /// When.
    pub at: String,
    /// The `Idempotency-Key` that it had.
    pub key: Option<String>,
    /// The body, urlencoded.
    pub body: String,
    /// The answer's status, none where there was no answer.
    pub status: Option<u16>,
    /// The answer's body, or why there was none.
    pub answer: String,
    /// Whether it was a repetition of an earlier answer.
    pub replayed: bool,
}

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS lead (
    id INTEGER PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    page TEXT NOT NULL,
    request_id TEXT NOT NULL,
    form TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS post (
    id INTEGER PRIMARY KEY,
    lead INTEGER NOT NULL REFERENCES lead (id),
    at TEXT NOT NULL,
    key TEXT,
    body TEXT NOT NULL,
    status INTEGER,
    answer TEXT NOT NULL,
    replayed INTEGER NOT NULL
) STRICT;";

/// Every way in which the database can fail.
pub type Result<T> = std::result::Result<T, rusqlite::Error>;

impl OwnDatabase {
    /// Opens the file, made where there is none.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Keeps a form. A token that is known names the lead that it made: a second
    /// press of the button is the same form.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep(&self, token: &str, at: &str, page: &str, request_id: &str, form: &str) -> Result<i64> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.execute(
            "INSERT INTO lead (token, at, page, request_id, form) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (token) DO NOTHING",
            params![token, at, page, request_id, form],
        )?;
        connection.query_row("SELECT id FROM lead WHERE token = ?", [token], |row| row.get(0))
    }

    /// A lead by its number.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn lead(&self, id: i64) -> Result<Option<OwnLead>> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let sql = "SELECT id, token, at, page, request_id, form FROM lead WHERE id = ?";
        let read = |row: &rusqlite::Row<'_>| {
            Ok(OwnLead {
                id: row.get(0)?,
                token: row.get(1)?,
                at: row.get(2)?,
                page: row.get(3)?,
                request_id: row.get(4)?,
                form: row.get(5)?,
            })
        };
        connection.query_row(sql, [id], read).optional()
    }

    /// Keeps what was sent and what came back.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep_post(&self, lead: i64, post: &OwnPost) -> Result<()> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.execute(
            "INSERT INTO post (lead, at, key, body, status, answer, replayed) VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![lead, post.at, post.key, post.body, post.status, post.answer, post.replayed],
        )?;
        Ok(())
    }

    /// The posts of a lead, oldest first.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn posts(&self, lead: i64) -> Result<Vec<OwnPost>> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = connection
            .prepare("SELECT at, key, body, status, answer, replayed FROM post WHERE lead = ? ORDER BY id")?;
        let rows = statement.query_map([lead], |row| {
            Ok(OwnPost {
                at: row.get(0)?,
                key: row.get(1)?,
                body: row.get(2)?,
                status: row.get(3)?,
                answer: row.get(4)?,
                replayed: row.get(5)?,
            })
        })?;
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_comes_twice_is_kept_once_also_by_a_later_run() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("own.db");
        let keep = |database: &OwnDatabase, token| {
            database.keep(token, "2026-11-22T10:00:00Z", "/apply", "4711", "first_name=Ann").unwrap()
        };
        let database = OwnDatabase::open(&path).unwrap();
        let first = keep(&database, "t1");
        assert_eq!(keep(&database, "t1"), first);
        assert_ne!(keep(&database, "t2"), first);
        let database = OwnDatabase::open(&path).unwrap();
        assert_eq!(database.lead(first).unwrap().unwrap().request_id, "4711");
        assert_eq!(database.lead(99).unwrap(), None);
    }

    #[test]
    fn what_was_sent_and_answered_is_kept_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let database = OwnDatabase::open(&directory.path().join("own.db")).unwrap();
        let lead = database.keep("t", "2026-11-22T10:00:00Z", "/apply", "", "").unwrap();
        let post = |answer: &str, status| OwnPost {
            at: "2026-11-22T10:00:01Z".to_owned(),
            key: Some("k".to_owned()),
            body: "a=b".to_owned(),
            status,
            answer: answer.to_owned(),
            replayed: status.is_some(),
        };
        database.keep_post(lead, &post("no answer", None)).unwrap();
        database.keep_post(lead, &post("{}", Some(200))).unwrap();
        assert_eq!(database.posts(lead).unwrap(), [post("no answer", None), post("{}", Some(200))]);
    }
}
