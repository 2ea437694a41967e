//! The load: posts at fixed moments, whether or not earlier ones are answered, as leads
//! come in the world.
//!
//! An answer's time counts from the moment at which its post was due: a server that
//! stands still for a while pays for all that should have been asked meanwhile, and so
//! does a load that comes too late.

use crate::bench::client::Connection;
use crate::bench::now;
use anyhow::{Context as _, anyhow};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Characters of a wrong answer that are shown.
const SHOWN_OF_ANSWER: usize = 400;
/// Connections that stand open before the first post.
const OPEN_BEFORE: u32 = 32;

/// What was asked, and what was answered.
#[derive(Debug, Clone, Copy)]
pub struct Answered<T> {
    /// Of the lead.
    pub number: u64,
    /// From the moment at which it was due to its answer.
    pub took: Duration,
    /// What was answered.
    pub said: T,
}

/// What is posted, and how its answers are read.
pub struct Posts<T> {
    /// To whom.
    pub address: SocketAddr,
    /// Makes the post of a number.
    pub post: fn(u64) -> Vec<u8>,
    /// Reads an answer; none where it is none.
    pub read: fn(u16, &[u8]) -> Option<T>,
}

impl<T> Clone for Posts<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Posts<T> {}

impl<T: Send + 'static> Posts<T> {
    /// Posts that many, so many a second.
    ///
    /// # Errors
    /// Where one of them is not answered as it should be.
    pub async fn paced(self, count: u64, rate: u32) -> anyhow::Result<Vec<Answered<T>>> {
        let idle = Arc::new(Idle::open(self.address, OPEN_BEFORE.min(rate)).await?);
        let mut running = JoinSet::new();
        let begin = now();
        for number in 0..count {
            let due = begin + Duration::from_secs(1).mul_f64(number as f64 / f64::from(rate));
            tokio::time::sleep_until(due.into()).await;
            let idle = Arc::clone(&idle);
            running.spawn(async move {
                let mut connection = idle.take().await?;
                let answered = self.ask(&mut connection, number, due).await?;
                idle.give_back(connection);
                anyhow::Ok(answered)
            });
        }
        all(running).await
    }

    /// Posts that many at once, each on a connection of its own.
    ///
    /// # Errors
    /// As above.
    pub async fn at_once(self, count: u64) -> anyhow::Result<Vec<Answered<T>>> {
        let mut connections = Vec::new();
        for opened in 0..count {
            let connection = Connection::open(self.address).await;
            connections.push(connection.with_context(|| format!("after {opened} connections"))?);
        }
        let mut running = JoinSet::new();
        let due = now();
        for (number, mut connection) in (0..count).zip(connections) {
            running.spawn(async move { self.ask(&mut connection, number, due).await });
        }
        all(running).await
    }

    async fn ask(
        self,
        connection: &mut Connection,
        number: u64,
        due: Instant,
    ) -> anyhow::Result<Answered<T>> {
        let asked = connection.ask(&(self.post)(number)).await;
        let (status, answer) = asked.with_context(|| format!("lead {number} was not answered"))?;
        let took = due.elapsed();
        let said = (self.read)(status, answer).ok_or_else(|| {
            let shown = answer.get(..SHOWN_OF_ANSWER).unwrap_or(answer);
            anyhow!("lead {number} was answered:\n{}", String::from_utf8_lossy(shown))
        })?;
        Ok(Answered { number, took, said })
    }
}

async fn all<T: Send + 'static>(
    mut running: JoinSet<anyhow::Result<Answered<T>>>,
) -> anyhow::Result<Vec<Answered<T>>> {
    let mut answered = Vec::new();
    while let Some(ended) = running.join_next().await {
        answered.push(ended.context("a post's task failed")??);
    }
    Ok(answered)
}

/// Connections that nobody asks on.
struct Idle {
    address: SocketAddr,
    /// Used in turn, so that none is idle so long that the server closes it.
    connections: Mutex<VecDeque<Connection>>,
}

impl Idle {
    async fn open(address: SocketAddr, count: u32) -> anyhow::Result<Self> {
        let mut connections = VecDeque::new();
        for _ in 0..count {
            connections.push_back(Connection::open(address).await?);
        }
        Ok(Self { address, connections: Mutex::new(connections) })
    }

    async fn take(&self) -> anyhow::Result<Connection> {
        let idle = self.connections.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        match idle {
            Some(connection) => Ok(connection),
            None => Connection::open(self.address).await,
        }
    }

    fn give_back(&self, connection: Connection) {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).push_back(connection);
    }
}
