//! The buyers: they answer after a fixed time, and keep for each lead what they were
//! asked and how long they really took.
//!
//! They run on a thread of their own, so that the load's work does not delay them.

use super::network::{BIDDERS, NOBODY_BIDS, NOBODY_BUYS};
use bytes::Bytes;
use crumb_domain::Money;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use url::form_urlencoded;

/// Connections that wait to be taken: thousands may come in one go.
const BACKLOG: u32 = 8_192;
/// How long answers are kept back for calls that do not come.
const PATIENCE: Duration = Duration::from_secs(120);
/// What plain contracts pay, and the one that keeps its answers back, in hundredths.
const PLAIN_CENTS: u64 = 100;
const HELD_CENTS: u64 = 500;
/// Bids are drawn between these, in hundredths.
const BIDS: std::ops::Range<u64> = 500..4_000;

/// What the buyers were asked about a lead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    /// Pings.
    pub pings: u32,
    /// How long the slowest of them was answered.
    pub slowest_ping: Duration,
    /// Posts, in the order in which they came.
    pub posts: Vec<Post>,
}

/// A post as its buyer saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Post {
    /// Of which contract.
    pub contract: u64,
    /// The price for which it was bought; none where it was refused.
    pub bought: Option<Money>,
    /// From its last byte's coming to its answer.
    pub took: Duration,
}

impl Calls {
    /// How long the lead waited for buyers: the slowest of the pings, which go out
    /// together, and all posts, which go out one after the other.
    pub fn waited(&self) -> Duration {
        self.slowest_ping + self.posts.iter().map(|post| post.took).sum::<Duration>()
    }
}

/// What was asked altogether, by what the buyers were told is the lead's name.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Of each lead.
    pub leads: HashMap<String, Calls>,
    /// The most calls that were in flight at once.
    pub most_in_flight: usize,
    /// The calls that are in flight now.
    pub in_flight: usize,
    /// Requests that no buyer understands.
    pub strange: u64,
}

/// The buyers, on a thread of their own until this is dropped.
pub struct Buyers {
    address: SocketAddr,
    shared: Arc<Shared>,
    // Its end tells the thread to end.
    _stop: tokio::sync::oneshot::Sender<()>,
}

struct Shared {
    record: Mutex<Record>,
    answers_after: Duration,
    /// The number of calls at which those that are held are answered.
    hold_until: usize,
    together: watch::Sender<bool>,
}

impl Buyers {
    /// Starts them: each answers after that time, but one that answers nobody before so
    /// many calls are in flight.
    ///
    /// # Errors
    /// Where they cannot listen.
    pub fn start(answers_after: Duration, hold_until: usize) -> anyhow::Result<Self> {
        let together = watch::Sender::new(false);
        let shared = Arc::new(Shared { record: Mutex::default(), answers_after, hold_until, together });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            socket.listen(BACKLOG)?
        };
        let address = listener.local_addr()?;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let serving = Arc::clone(&shared);
        std::thread::Builder::new().name("buyers".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = accept(listener, serving) => {}
                }
            });
        })?;
        Ok(Self { address, shared, _stop: stop })
    }

    /// Where they listen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What they were asked since this was last taken.
    pub fn take_record(&self) -> Record {
        let mut record = self.shared.record();
        let in_flight = record.in_flight;
        std::mem::replace(&mut *record, Record { in_flight, ..Record::default() })
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
            // No descriptor is left: as with any server, whoever waits goes on waiting.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
    // A connection that breaks is its client's affair; what it asked is on record.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> hyper::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let came = super::super::now();
    let Some(asked) = Asked::read(head.uri.path(), &body) else {
        shared.record().strange += 1;
        return Ok(Response::new(Full::new(Bytes::from_static(b"<result><code>9</code></result>"))));
    };
    let place = shared.record().came(&asked, shared.hold_until, &shared.together);
    if asked.kind == Kind::Hold {
        let mut together = shared.together.subscribe();
        let _ = tokio::time::timeout(PATIENCE, together.wait_for(|together| *together)).await;
    } else {
        tokio::time::sleep(shared.answers_after).await;
    }
    let said = asked.answer();
    shared.record().answered(&asked, place, came.elapsed());
    Ok(Response::new(Full::new(said.into())))
}

impl Shared {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    /// Notes a call, and gives its place among the lead's posts.
    fn came(&mut self, asked: &Asked, hold_until: usize, together: &watch::Sender<bool>) -> usize {
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
        if asked.kind == Kind::Hold && self.in_flight >= hold_until {
            together.send_replace(true);
        }
        let calls = self.leads.entry(asked.lead.clone()).or_default();
        if asked.kind == Kind::Ping {
            calls.pings += 1;
        } else {
            calls.posts.push(Post { contract: asked.contract, bought: asked.price, took: Duration::ZERO });
        }
        calls.posts.len().saturating_sub(1)
    }

    fn answered(&mut self, asked: &Asked, place: usize, took: Duration) {
        self.in_flight -= 1;
        let Some(calls) = self.leads.get_mut(&asked.lead) else { return };
        if asked.kind == Kind::Ping {
            calls.slowest_ping = calls.slowest_ping.max(took);
        } else if let Some(post) = calls.posts.get_mut(place) {
            post.took = took;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ping,
    Post,
    Refuse,
    Hold,
}

/// A call: a ping or a post.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    kind: Kind,
    contract: u64,
    lead: String,
    /// What is bid or paid; none where the lead is not wanted.
    price: Option<Money>,
}

impl Asked {
    fn read(path: &str, body: &[u8]) -> Option<Self> {
        let (kind, contract) = path.strip_prefix('/')?.split_once('/')?;
        let kind = match kind {
            "ping" => Kind::Ping,
            "post" => Kind::Post,
            "refuse" => Kind::Refuse,
            "hold" => Kind::Hold,
            _ => return None,
        };
        let contract: u64 = contract.parse().ok()?;
        let (mut lead, mut city) = (None, String::new());
        for (name, value) in form_urlencoded::parse(body) {
            match &*name {
                "ref" => lead = Some(value.into_owned()),
                "city" => city = value.into_owned(),
                _ => {}
            }
        }
        let lead = lead.filter(|lead| !lead.is_empty())?;
        let is_unwanted = match kind {
            Kind::Ping => city == NOBODY_BIDS || city == NOBODY_BUYS,
            Kind::Post | Kind::Hold => city == NOBODY_BUYS,
            Kind::Refuse => true,
        };
        let cents = match kind {
            Kind::Hold => HELD_CENTS,
            _ if BIDDERS.contains(&contract) => bid(contract, &lead),
            _ => PLAIN_CENTS,
        };
        let micros = i64::try_from(cents).ok()? * (Money::MICROS_PER_UNIT / 100);
        Some(Self { kind, contract, lead, price: (!is_unwanted).then_some(Money::from_micros(micros)) })
    }

    fn answer(&self) -> String {
        match (self.price, self.kind) {
            (None, _) => "<result><code>1</code><msg>rejected</msg></result>".to_owned(),
            (Some(price), Kind::Ping) => format!(
                "<result><code>0</code><msg>success</msg><price>{price}</price><session>S{}</session></result>",
                self.lead
            ),
            (Some(price), _) => {
                format!("<result><code>0</code><msg>success</msg><price>{price}</price></result>")
            }
        }
    }
}

/// What a contract bids for a lead: the same for the same (FNV-1a).
fn bid(contract: u64, lead: &str) -> u64 {
    let bytes = contract.to_le_bytes().into_iter().chain(lead.bytes());
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    // Of this hash the upper bits are the better mixed ones.
    BIDS.start + (hash >> 32) % (BIDS.end - BIDS.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str, body: &str) -> Asked {
        Asked::read(path, body.as_bytes()).unwrap()
    }

    #[test]
    fn a_post_is_bought_for_what_its_ping_bid() {
        let ping = asked("/ping/3", "ref=AB12CD34&city=Springfield&zip=90210");
        let post = asked("/post/3", "ref=AB12CD34&city=Springfield&zip=90210");
        assert_eq!(ping.price, post.price);
        assert!(ping.price.is_some());
        assert_ne!(ping.price, asked("/ping/4", "ref=AB12CD34&city=Springfield").price);
    }

    #[test]
    fn some_leads_nobody_bids_for_and_some_nobody_buys() {
        for (path, city, is_wanted) in [
            ("/ping/3", NOBODY_BIDS, false),
            ("/post/11", NOBODY_BIDS, true),
            ("/post/11", NOBODY_BUYS, false),
            ("/refuse/10", "Springfield", false),
            ("/ping/10", "Springfield", true),
        ] {
            let asked = asked(path, &format!("ref=AB12CD34&city={city}"));
            assert_eq!(asked.price.is_some(), is_wanted, "{path} {city}");
        }
        assert_eq!(Asked::read("/post/11", b"city=x"), None, "a lead without a name");
    }

    #[test]
    fn a_lead_waits_for_its_slowest_ping_and_for_each_post() {
        let (mut record, together) = (Record::default(), watch::Sender::new(false));
        for (path, took) in [("/ping/1", 21), ("/ping/2", 25), ("/refuse/10", 20), ("/post/2", 22)] {
            let asked = asked(path, "ref=AB12CD34");
            let place = record.came(&asked, 9, &together);
            record.answered(&asked, place, Duration::from_millis(took));
        }
        assert_eq!(record.leads["AB12CD34"].waited(), Duration::from_millis(25 + 20 + 22));
        assert_eq!((record.leads["AB12CD34"].pings, record.most_in_flight), (2, 1));
    }
}
