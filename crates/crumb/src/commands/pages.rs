//! Lists that a command prints whole, read page by page.

use crumb_storage::{Page, PageRequest};

/// Hands each row of a list on, oldest first or newest first.
pub(super) async fn each_row<T, E, F>(
    ascending: bool,
    mut read: impl FnMut(PageRequest) -> F,
    mut row: impl FnMut(T),
) -> Result<(), E>
where
    F: Future<Output = Result<Page<T>, E>>,
{
    let mut page = PageRequest { limit: PageRequest::MAX_LIMIT, ascending, cursor: None };
    loop {
        let found = read(page.clone()).await?;
        found.data.into_iter().for_each(&mut row);
        match found.next {
            Some(next) => page.cursor = Some(next),
            None => return Ok(()),
        }
    }
}
