//! The load: connections that each ask again as soon as they are answered.

use super::client::Connection;
use super::figures::Latency;
use super::now;
use super::requests::Requests;
use anyhow::{Context as _, bail};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Characters of a wrong answer that are shown.
const SHOWN_OF_ANSWER: usize = 400;

/// How much is asked.
#[derive(Debug, Clone, Copy)]
pub enum Amount {
    /// For a time, after and before others that are not measured.
    Time { warm_up: Duration, measured: Duration, overrun: Duration },
    /// So many requests in all.
    Requests(u64),
}

/// What an answer to the request of that number acknowledges; `None` where it is nothing.
pub type Acknowledgement<T> = fn(u64, u16, &[u8]) -> Option<T>;

/// One load.
pub struct Load<T> {
    /// Which server.
    pub address: SocketAddr,
    /// Connections.
    pub connections: u32,
    /// How much.
    pub amount: Amount,
    /// What is sent.
    pub requests: Arc<Requests>,
    /// What is read.
    pub acknowledgement: Acknowledgement<T>,
}

/// What a load saw.
pub struct Seen<T> {
    /// Every id that was acknowledged, the warm-up's too.
    pub acknowledged: Vec<T>,
    /// Answers a second while it was measured.
    pub rate: f64,
    /// How long they took.
    pub latency: Latency,
    /// Why connections ended before the load did.
    pub broken: Vec<String>,
}

/// What one connection saw.
struct SeenByOne<T> {
    acknowledged: Vec<T>,
    micros: Vec<u32>,
    broken: Option<String>,
}

#[derive(Clone, Copy)]
struct Clock {
    measured_from: Instant,
    measured_until: Option<Instant>,
    end: Option<Instant>,
    requests: u64,
}

impl<T: Send + 'static> Load<T> {
    /// Runs the load to its end.
    ///
    /// # Errors
    /// Where a connection cannot be opened or an answer acknowledges nothing. A
    /// connection that breaks is no error here: whoever killed the server knows.
    pub async fn run(self) -> anyhow::Result<Seen<T>> {
        let mut opened = Vec::new();
        for _ in 0..self.connections {
            opened.push(Connection::open(self.address).await?);
        }
        let start = now();
        let clock = match self.amount {
            Amount::Time { warm_up, measured, overrun } => {
                let until = start + warm_up + measured;
                let (measured_until, end) = (Some(until), Some(until + overrun));
                Clock { measured_from: start + warm_up, measured_until, end, requests: self.requests.most() }
            }
            Amount::Requests(requests) => {
                Clock { measured_from: start, measured_until: None, end: None, requests }
            }
        };
        let taken = Arc::new(AtomicU64::new(0));
        let mut running = JoinSet::new();
        for connection in opened {
            let (requests, taken) = (Arc::clone(&self.requests), Arc::clone(&taken));
            running.spawn(drive(connection, requests, taken, clock, self.acknowledgement));
        }
        let (mut acknowledged, mut micros, mut broken) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(ended) = running.join_next().await {
            let one = ended.context("a connection's task failed")??;
            acknowledged.extend(one.acknowledged);
            micros.extend(one.micros);
            broken.extend(one.broken);
        }
        let seconds = match self.amount {
            Amount::Time { measured, .. } => measured,
            Amount::Requests(_) => start.elapsed(),
        }
        .as_secs_f64();
        Ok(Seen { acknowledged, rate: micros.len() as f64 / seconds, latency: Latency::of(micros), broken })
    }
}

async fn drive<T>(
    mut connection: Connection,
    requests: Arc<Requests>,
    taken: Arc<AtomicU64>,
    clock: Clock,
    acknowledgement: Acknowledgement<T>,
) -> anyhow::Result<SeenByOne<T>> {
    let mut seen = SeenByOne { acknowledged: Vec::new(), micros: Vec::new(), broken: None };
    let mut request = Vec::new();
    loop {
        let number = taken.fetch_add(1, Ordering::Relaxed);
        let asked = now();
        if number >= clock.requests || clock.end.is_some_and(|end| asked >= end) {
            return Ok(seen);
        }
        requests.write(number, &mut request);
        let (status, answer) = match connection.ask(&request).await {
            Ok(answered) => answered,
            Err(error) => {
                seen.broken = Some(error.to_string());
                return Ok(seen);
            }
        };
        let answered = now();
        let Some(id) = acknowledgement(number, status, answer) else {
            let shown = answer.get(..SHOWN_OF_ANSWER).unwrap_or(answer);
            bail!("an answer that acknowledges nothing:\n{}", String::from_utf8_lossy(shown));
        };
        seen.acknowledged.push(id);
        if asked >= clock.measured_from && clock.measured_until.is_none_or(|until| answered <= until) {
            seen.micros.push(u32::try_from((answered - asked).as_micros()).unwrap_or(u32::MAX));
        }
    }
}
