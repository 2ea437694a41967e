//! Lists come in pages, newest first unless a filter says otherwise.

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Rows at most: 1 to [`PageRequest::MAX_LIMIT`].
    pub limit: u32,
    /// Where the page before ended; none for the first.
    pub cursor: Option<Cursor>,
    /// Oldest first instead of newest first.
    pub ascending: bool,
}

impl PageRequest {
    /// The largest page.
    pub const MAX_LIMIT: u32 = 1_000;
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: 100, cursor: None, ascending: false }
    }
}

/// The row at which a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub i64);

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// Its rows.
    pub data: Vec<T>,
    /// Where the next page begins; none for the last.
    pub next: Option<Cursor>,
    /// How many rows the whole list has.
    pub total: u64,
}
