//! What a session has is told exactly, at every stage of its leads' way into the index,
//! whatever happens between: held against a look through all leads and conversions.

#![expect(clippy::unwrap_used, reason = "a test ends where its setting fails")]

use crumb_domain::click::Click;
use crumb_domain::conversion::{Conversion, LeadConversion};
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_domain::{EventId, OfferId, RowId};
use crumb_storage::contract::build::{NOW, Rows, accept, accepted, click, lead, record, update, verdict};
use crumb_storage::contract::build_conversions::{conversion, makes, new};
use crumb_storage::conversions::{
    ConversionFilter, RecordConversion, Recorded, SessionHad, SessionQuery, TakeOver,
};
use crumb_storage::leads::{AcceptLead, LeadFilter, Posted, Verdict};
use crumb_storage::selling::TimelineEntry;
use crumb_storage::{ClickStore, ConversionStore, LeadStore, PageRequest, StoreError};
use crumb_storage_sqlite::{SqliteOptions, SqliteStore};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// Few, so that each has many leads.
const SESSIONS: u32 = 5;
/// What the leads of these cases are a conversion of, and what else is reported.
const SALE: EventId = EventId(1);
const CALL: EventId = EventId(2);

fn open(path: &Path, recent_leads: usize) -> SqliteStore {
    let options = SqliteOptions { recent_leads, kept_sessions: 0, ..SqliteOptions::default() };
    SqliteStore::open(path, options).unwrap()
}

struct Place {
    _folder: TempDir,
    path: PathBuf,
    rows: Rows,
    seed: u32,
    sessions: Vec<RowId>,
    leads: Vec<Lead>,
}

impl Place {
    fn new(seed: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crumb.db");
        Self { _folder: folder, path, rows: Rows::new(), seed, sessions: Vec::new(), leads: Vec::new() }
    }

    fn any(&mut self, below: u32) -> u32 {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.seed >> 8) % below
    }

    /// Of the sessions, in no order.
    fn session(&mut self) -> RowId {
        let at = self.any(SESSIONS) as usize;
        self.sessions[at]
    }

    fn lead(&mut self) -> Lead {
        let (row, session) = (self.rows.next_row(), self.session());
        let number = u32::try_from(self.leads.len()).unwrap();
        Lead {
            session,
            test: self.any(4) == 0,
            status: if self.any(3) == 0 { LeadStatus::Sold } else { LeadStatus::Unsold },
            conversion: (self.any(2) == 0).then(|| LeadConversion::of(SALE)),
            ..lead(number, row)
        }
    }

    /// Numbers that a statement gives for a session.
    fn told(&self, sql: &str, session: RowId) -> Vec<i64> {
        let other = Connection::open(&self.path).unwrap();
        let mut select = other.prepare(sql).unwrap();
        let rows = select.query_map([session.as_i64()], |row| row.get(0)).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }

    /// One write, or an end and a new beginning.
    async fn change(&mut self, store: SqliteStore) -> SqliteStore {
        match self.any(12) {
            0 => {
                drop(store);
                return open(&self.path, 3);
            }
            1 if !self.leads.is_empty() => {
                // Its post has another's id, which is noticed last.
                let mut broken = accept(self.lead());
                broken.post.id = self.leads[0].row;
                assert_eq!(store.accept_lead(broken).await, Err(StoreError::Conflict));
            }
            2 if !self.leads.is_empty() => {
                let at = self.any(u32::try_from(self.leads.len()).unwrap()) as usize;
                let post = self.rows.next_row();
                let changed = Lead { status: LeadStatus::Sold, ..self.leads[at].clone() };
                let posted = store.update_lead(update(changed, post)).await.unwrap();
                assert_eq!(verdict(posted), Verdict::Accepted);
                self.leads[at].revision += 1;
            }
            3 | 4 => {
                let [id, call] = [self.rows.next_row(), self.rows.next_row()];
                let reported = Conversion { event: CALL, ..conversion(id, self.session()) };
                let any =
                    RecordConversion { once_a_session: false, session_had: SessionHad::Any, ..new(reported) };
                assert_eq!(store.record_pixel(makes(call, any)).await.unwrap(), Some(Recorded::New));
            }
            _ => {
                let lead = self.lead();
                accepted(&store, lead.clone()).await;
                self.leads.push(lead);
            }
        }
        store
    }

    /// Every answer about a session.
    async fn look(&mut self, store: &SqliteStore, session: RowId) {
        let leads = self.told("SELECT row FROM lead WHERE session = ?1 ORDER BY row DESC", session);
        let filter = LeadFilter { session: Some(session), ..LeadFilter::default() };
        let page = store.leads(filter, PageRequest::default()).await.unwrap();
        assert_eq!(page.data.iter().map(|lead| lead.row.as_i64()).collect::<Vec<_>>(), leads);
        assert_eq!(page.total, leads.len() as u64, "none is counted twice");

        let conversions = self.told(
            "SELECT row FROM lead WHERE session = ?1 AND event IS NOT NULL
             UNION ALL SELECT id FROM conversion WHERE session = ?1 ORDER BY 1",
            session,
        );
        let of = store.conversions_of(session, 1_000).await.unwrap();
        assert_eq!(of.iter().map(|one| one.id.as_i64()).collect::<Vec<_>>(), conversions);
        let filter = ConversionFilter { session: Some(session), ..ConversionFilter::default() };
        let page = PageRequest { ascending: true, ..PageRequest::default() };
        let page = store.conversions(filter, page).await.unwrap();
        assert_eq!((page.data, page.total), (of.clone(), of.len() as u64));

        let query = SessionQuery { session, event: SALE, transaction_id: None };
        let read = store.session_read(query).await.unwrap();
        let no_tests = self.told("SELECT row FROM lead WHERE session = ?1 AND NOT test", session);
        let open = "SELECT row FROM lead WHERE session = ?1 AND NOT test ORDER BY event IS NULL, row LIMIT 1";
        let open_lead: Vec<i64> = read.open_lead.iter().map(|lead| lead.row.as_i64()).collect();
        assert_eq!((read.leads, read.only_tests), (leads.len(), no_tests.is_empty() && !leads.is_empty()));
        assert_eq!(open_lead, self.told(open, session));
        assert_eq!(read.oldest.as_ref(), of.iter().find(|one| one.event == SALE));
        assert_eq!(read.unshown, read.oldest);

        let sold = "SELECT 1 FROM lead WHERE session = ?1 AND NOT test AND (status = 'sold' OR payout > 0)
                    UNION ALL SELECT 1 FROM conversion WHERE session = ?1";
        let converted = !self.told(sold, session).is_empty();
        assert_eq!(store.session(session).await.unwrap().unwrap().converted, converted);
        let of_device = store.sessions_of_device("phone".to_owned(), vec![OfferId(100)], 100).await.unwrap();
        assert_eq!(of_device.len(), SESSIONS as usize);
        let of_device = of_device.iter().find(|found| found.id == session).unwrap();
        assert_eq!(of_device.converted, converted, "also among those of a device");
        self.ask_the_writer(store, session, leads.len(), read.oldest.as_ref()).await;
    }

    /// What a write finds out about a session; nothing is written.
    async fn ask_the_writer(
        &mut self,
        store: &SqliteStore,
        session: RowId,
        leads: usize,
        oldest: Option<&Conversion>,
    ) {
        let has_some = leads > 0 || !store.conversions_of(session, 1).await.unwrap().is_empty();
        let mut asked = async |had: SessionHad| {
            let [id, call] = [self.rows.next_row(), self.rows.next_row()];
            let record = RecordConversion { session_had: had, ..new(conversion(id, session)) };
            store.record_pixel(makes(call, record)).await
        };
        if has_some {
            assert_eq!(asked(SessionHad::Nothing).await, Err(StoreError::Conflict));
        }
        assert_eq!(asked(SessionHad::Leads(leads + 1)).await, Err(StoreError::Conflict));
        if let Some(oldest) = oldest {
            let before = Some(Recorded::Duplicate(oldest.id));
            assert_eq!(asked(SessionHad::Leads(leads)).await, Ok(before));
        }
    }
}

#[tokio::test]
async fn what_a_session_has_is_told_exactly_at_every_stage() {
    for seed in 0..3 {
        let mut place = Place::new(seed);
        let mut store = open(&place.path, 3);
        for _ in 0..SESSIONS {
            let opening = click(place.rows.next_row());
            place.sessions.push(opening.id);
            record(&store, Click { device_id: Some("phone".to_owned()), ..opening }).await;
        }
        for _ in 0..80 {
            store = place.change(store).await;
            let session = place.session();
            place.look(&store, session).await;
        }
        for session in place.sessions.clone() {
            place.look(&store, session).await;
        }
        let indexed = place.told("SELECT count(*) FROM lead_by_session WHERE ?1", place.sessions[0]);
        assert!(indexed[0] > 0, "some were brought in");
    }
}

/// What takes a conversion over, without a word in the books.
fn taking(earlier: &Conversion) -> TakeOver {
    let told = TimelineEntry { at: NOW, code: "taken".to_owned(), text: "taken".to_owned(), by: None };
    TakeOver { conversion: earlier.id, revision: 0, ledger: Vec::new(), told_of_lead: told.clone(), told }
}

/// Sessions in which a conversion is reported, and then taken over by a lead.
const TAKEN: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_conversion_that_a_lead_takes_over_is_there_once_at_each_moment() {
    let mut place = Place::new(0);
    // Each commit ends a round.
    let store = open(&place.path, 1);
    for _ in 0..TAKEN {
        place.sessions.push(place.rows.next_row());
        record(&store, click(*place.sessions.last().unwrap())).await;
    }
    let (reported, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let mut readers = JoinSet::new();
    for _ in 0..3 {
        let (store, sessions) = (store.clone(), place.sessions.clone());
        let (reported, over) = (Arc::clone(&reported), Arc::clone(&over));
        readers.spawn(async move {
            while !over.load(Ordering::Acquire) {
                let Some(newest) = reported.load(Ordering::Acquire).checked_sub(1) else {
                    tokio::task::yield_now().await;
                    continue;
                };
                let session = sessions[newest];
                assert_eq!(store.conversions_of(session, 10).await.unwrap().len(), 1);
                let filter = ConversionFilter { session: Some(session), ..ConversionFilter::default() };
                assert_eq!(store.conversions(filter, PageRequest::default()).await.unwrap().total, 1);
                let query = SessionQuery { session, event: SALE, transaction_id: None };
                let read = store.session_read(query).await.unwrap();
                assert!(read.oldest.is_some());
                assert_eq!(read.is_before_lead, read.leads == 0);
            }
        });
    }
    for (number, session) in place.sessions.clone().into_iter().enumerate() {
        let [id, call] = [place.rows.next_row(), place.rows.next_row()];
        let earlier = conversion(id, session);
        store.record_pixel(makes(call, new(earlier.clone()))).await.unwrap();
        reported.store(number + 1, Ordering::Release);
        let told = LeadConversion::of(SALE).taking_over(&earlier);
        let row = place.rows.next_row();
        let lead = Lead { session, conversion: Some(told), ..lead(u32::try_from(number).unwrap(), row) };
        let posted =
            store.accept_lead(AcceptLead { takes_over: Some(taking(&earlier)), ..accept(lead) }).await;
        assert!(matches!(posted, Ok(Posted::Now(Verdict::Accepted, _))), "{posted:?}");
    }
    over.store(true, Ordering::Release);
    readers.join_all().await;
}
