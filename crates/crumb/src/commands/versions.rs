//! `crumb versions`: the configuration's history.

use super::{Context, Reply, Result};
use crumb_storage::{PageRequest, Store};

/// A line a version, newest first: number, time, what changed; tabs between them.
/// The lines count and name what changed and never hold a secret.
pub async fn versions<S: Store + Clone>(context: &Context<'_, S>) -> Result {
    let mut lines = String::new();
    let mut page = PageRequest { limit: PageRequest::MAX_LIMIT, ..PageRequest::default() };
    loop {
        let found = context.installation.network.versions(page.clone()).await?;
        for version in &found.data {
            lines.push_str(&format!("{}\t{}\t{}\n", version.version, version.at, version.summary));
        }
        page.cursor = found.next;
        if page.cursor.is_none() {
            return Ok(Reply::printed(lines));
        }
    }
}
