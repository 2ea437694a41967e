//! kill -9 while conversions are reported and affiliates are told of them: what was
//! acknowledged is there, and every conversion is told, under one id.

use crate::program::{NETWORK, Place, Server};
use crumb_mock_buyer::{Answer, Behaviour, MockBuyers, Options};
use rusqlite::{Connection, OpenFlags};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const ROUNDS: usize = 5;
const CLIENTS: usize = 4;
/// Conversions that are acknowledged before a kill, at most.
const MOST_A_ROUND: u64 = 60;
/// How long an answer may take: then something hangs, and the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the receiver was told: how often under which id, and of which request ids.
type Told = HashMap<String, (u32, HashSet<String>)>;

#[test]
fn a_server_that_is_killed_loses_no_conversion_and_tells_each_under_one_id() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let told: Arc<Mutex<Told>> = Arc::default();
    let receiver = runtime.block_on(receiver(Arc::clone(&told)));
    let mut place = Place::new();
    place.set("CRUMB_OUTBOUND_ALLOW", "127.0.0.0/8");
    place.write("network.toml", &network(receiver.address()));
    place.printed(&["apply", "network.toml"]);

    let (mut acknowledged, mut unanswered) = (HashSet::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut server = place.serve(&[]);
        for request_id in unanswered.drain(..) {
            acknowledged.insert(reported_again(&server, request_id));
        }
        let count = Arc::new(AtomicU64::new(0));
        let clients = clients(server.tracking, &count);
        let enough = 1 + RandomState::new().hash_one(0) % MOST_A_ROUND;
        server.until("enough is acknowledged", |_| count.load(Ordering::Relaxed) >= enough);
        server.signal("KILL");
        assert_eq!(server.ended().0, None);
        for client in clients {
            let (its_acknowledged, its_unanswered) = client.join().unwrap();
            acknowledged.extend(its_acknowledged);
            unanswered.extend(its_unanswered);
        }
    }
    let mut server = place.serve(&[]);
    for request_id in unanswered {
        acknowledged.insert(reported_again(&server, request_id));
    }
    let database = place.path("data/crumb.db");
    server.until("all are told", |_| {
        number(&database, "SELECT count(*) FROM delivery WHERE state = 'waiting'") == 0
    });
    server.signal("TERM");
    assert_eq!(server.ended().0, Some(0));
    assert!(acknowledged.len() > ROUNDS, "{acknowledged:?}");
    check(&database, &acknowledged, &told.lock().unwrap());
}

/// Holds what is stored against what was acknowledged and what the receiver was told.
fn check(database: &Path, acknowledged: &HashSet<String>, told: &Told) {
    // The transaction id is the request id.
    let stored = "SELECT conversion.transaction_id, delivery.webhook_id, delivery.state
                  FROM conversion LEFT JOIN delivery ON delivery.conversion = conversion.id";
    let connection = open(database);
    let mut select = connection.prepare(stored).expect("a statement");
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("rows");
    let rows: Vec<(String, String, String)> = rows.collect::<rusqlite::Result<_>>().expect("whole rows");
    let conversions: HashSet<&String> = rows.iter().map(|(request_id, ..)| request_id).collect();
    assert_eq!(conversions.len(), rows.len(), "each session converts once, and one postback tells it");
    let missing: Vec<&String> = acknowledged.iter().filter(|id| !conversions.contains(id)).collect();
    assert!(missing.is_empty(), "acknowledged, and not in the store: {missing:?}");
    for (request_id, webhook_id, state) in &rows {
        assert_eq!(state, "delivered", "{request_id}");
        let Some((_, of)) = told.get(webhook_id) else { panic!("{webhook_id} of {request_id} never came") };
        assert_eq!(of, &HashSet::from([request_id.clone()]), "one id tells of one conversion");
    }
    assert_eq!(told.len(), rows.len(), "ids under which something was told: {told:?}");
    for counted in [
        "SELECT count(*) FROM conversion WHERE call_disposition = 'ok'",
        "SELECT count(*) / 2 FROM ledger WHERE conversion IS NOT NULL",
    ] {
        assert_eq!(number(database, counted), i64::try_from(rows.len()).expect("few"), "{counted}");
    }
}

/// The network of the tests with an advertiser who pays for conversions, and an affiliate
/// who is told of them.
fn network(receiver: SocketAddr) -> String {
    let offer = "type = \"third_party\"\nadvertiser = 1\npayout = \"10.00\"\nreceived = \"20.00\"";
    let postback = format!("postback_url = \"http://{receiver}/postback?reqid=#reqid#\"");
    let advertiser = "\n[[advertiser]]\nid = 1\nname = \"Acme\"\n";
    let affiliate = "name = \"Traffic Co\"";
    NETWORK.replace("type = \"host_n_post\"", offer).replace(affiliate, &format!("{affiliate}\n{postback}"))
        + advertiser
}

/// Takes every second postback at once and lets the others wait a little, so that some are
/// under way at any time.
async fn receiver(told: Arc<Mutex<Told>>) -> MockBuyers {
    let options = Options::default().watcher(move |request| {
        let id = request.header("webhook-id").unwrap_or_default().to_owned();
        let of = request.query.split_once("reqid=").map_or("", |(_, id)| id).to_owned();
        let mut told = told.lock().expect("what was told");
        let (times, requests) = told.entry(id).or_default();
        *times += 1;
        requests.insert(of);
    });
    let receiver = MockBuyers::start_with(options).await.expect("a receiver");
    let quick = Behaviour::from(Answer::exactly("text/plain", "thanks"));
    let slow = quick.clone().after(Duration::from_millis(20));
    receiver.set("/postback", Behaviour::InTurn([quick, slow].into_iter().cycle().take(2_000).collect()));
    receiver
}

/// Request ids whose conversion was acknowledged, and one whose was not.
type Reported = (Vec<String>, Option<String>);

/// Clients that click and report a conversion of each click, in turn by a postback and by a
/// pixel in a page, until the server is gone.
fn clients(server: SocketAddr, count: &Arc<AtomicU64>) -> Vec<JoinHandle<Reported>> {
    let client = |number: usize| {
        let count = Arc::clone(count);
        std::thread::spawn(move || {
            let mut acknowledged = Vec::new();
            loop {
                let Some(request_id) = ask(server, "/?a=12&c=1057").as_deref().and_then(request_id) else {
                    return (acknowledged, None);
                };
                let form = if (number + acknowledged.len()).is_multiple_of(2) { "pb" } else { "js" };
                if !is_recorded(ask(server, &report(form, &request_id))) {
                    return (acknowledged, Some(request_id));
                }
                acknowledged.push(request_id);
                count.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    (0..CLIENTS).map(client).collect()
}

fn report(form: &str, request_id: &str) -> String {
    format!("/p.ashx?f={form}&o=100&r={request_id}&t={request_id}")
}

/// Whether a call made its conversion; whoever gets no whole answer cannot know.
fn is_recorded(answer: Option<String>) -> bool {
    let Some((head, body)) = answer.as_deref().and_then(|answer| answer.split_once("\r\n\r\n")) else {
        return false;
    };
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    // A script says nothing of a success.
    body.is_empty() || body.contains("SUCCESS")
}

/// An advertiser's server that got no answer reports again: now it is there, whether or not
/// it was before.
fn reported_again(server: &Server, request_id: String) -> String {
    let answer = server.get(server.tracking, &report("pb", &request_id));
    assert!(answer.contains("SUCCESS") || answer.contains("Duplicate Conversion"), "{answer}");
    request_id
}

fn request_id(redirect: &str) -> Option<String> {
    let (_, after) = redirect.split_once("reqid=")?;
    let (id, _) = after.split_once("\r\n")?;
    Some(id.to_owned())
}

/// The whole answer; none where the server went away meanwhile.
fn ask(server: SocketAddr, target: &str) -> Option<String> {
    let mut stream = TcpStream::connect(server).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: x\r\nUser-Agent: Mozilla/5.0\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn open(database: &Path) -> Connection {
    Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the store")
}

fn number(database: &Path, sql: &str) -> i64 {
    open(database).query_row(sql, [], |row| row.get(0)).expect("a number")
}
