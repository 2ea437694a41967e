//! Sessions that were there before what is measured: of clicks made beforehand.

use super::load::{Amount, Load};
use super::network::Shape;
use super::requests::{Requests, acknowledged_click};
use super::rounds;
use super::servers::Crumb;
use crumb_domain::RequestId;
use std::path::Path;
use std::sync::Arc;

/// Connections that make them.
const CLICKING: u32 = 64;

/// Crumb serving a network file of that shape, and the request ids of so many clicks. It
/// was started again after them, so that the log is in the file, the bytes of what comes
/// can be told, and sessions are where those of yesterday's clicks are: on the disk.
///
/// # Errors
/// Where a click is not answered by its redirect.
pub async fn made(
    directory: &Path,
    shape: Shape,
    file: &str,
    count: u32,
) -> anyhow::Result<(Crumb, Vec<RequestId>)> {
    let mut crumb = Crumb::start(directory, Some(file)).await?;
    let load = Load {
        address: crumb.running.address,
        connections: CLICKING,
        amount: Amount::Requests(count.into()),
        requests: Arc::new(Requests::clicks(shape)),
        acknowledgement: acknowledged_click,
    };
    let seen = load.run().await?;
    rounds::whole(&seen)?;
    crumb.stop()?;
    Ok((Crumb::start(directory, None).await?, seen.acknowledged))
}
