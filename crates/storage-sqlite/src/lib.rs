//! The embedded store: SQLite with one group-committing writer.
