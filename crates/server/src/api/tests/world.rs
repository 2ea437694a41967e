//! An installation with a small network, and a client of its admin listener.

use crate::admin::{AdminOptions, admin_router};
use crate::api::key::hash_api_key;
use crate::metrics::Metrics;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use crumb_delivery::{Courier, Outbound, OutboundOptions};
use crumb_domain::click::{Click, Disposition, VisitorId};
use crumb_domain::examples;
use crumb_domain::lead::Lead;
use crumb_domain::network::Network;
use crumb_domain::outcome::Problem;
use crumb_domain::post::{PostKind, StoredAnswer};
use crumb_domain::request_id::Node;
use crumb_domain::{AffiliateId, CampaignId, Clock, Money, OfferId, RequestId, RowId, SubIds, Timestamp};
use crumb_intake::selling::Selling;
use crumb_network::live::LiveNetwork;
use crumb_storage::access::ApiKey;
use crumb_storage::clicks::ClickBatch;
use crumb_storage::leads::{AcceptLead, LeadSession, PostRecord, Posted, RejectPost, Verdict};
use crumb_storage::{AccessStore as _, ClickStore as _, LeadStore as _};
use crumb_storage_sqlite::{SqliteOptions, SqliteStore};
use crumb_testkit::Reply;
use crumb_tracking::Installation;
use crumb_tracking::installation::Keys;
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A network with a vertical, a public and a private offer and two affiliates.
fn network() -> Network {
    serde_json::from_value(json!({
        "network": { "name": "Example", "internal_affiliate": 1, "tracking_url": "https://trk.example" },
        "vertical": [{ "id": 1, "name": "Auto", "field": [
            { "name": "zip_code", "type": "zip" },
            { "name": "email_address", "type": "email" },
            { "name": "phone", "type": "phone" },
        ]}],
        "offer": [{
            "id": 100, "name": "Quote", "vertical": 1, "type": "host_n_post", "link": "https://lp.example/",
            "creative": [{ "id": 1057, "name": "Text" }],
        }, {
            "id": 101, "name": "Secret", "vertical": 1, "type": "hosted", "link": "https://lp.example/",
            "status": "private", "creative": [{ "id": 1058, "name": "Text" }],
        }],
        "affiliate": [
            { "id": 1, "name": "Internal" }, { "id": 12, "name": "Traffic Co" }, { "id": 13, "name": "Other" },
        ],
        "campaign": [{ "id": 57, "affiliate": 12, "offer": 100, "key": "Ab3dE5gH1jK" }],
    }))
    .unwrap()
}

/// A clock that stands still, and says that it is shifted when told to.
#[derive(Default)]
pub(crate) struct StillClock(AtomicI64);

impl StillClock {
    pub(crate) fn shift(&self, seconds: i64) {
        self.0.store(seconds, Ordering::Relaxed);
    }
}

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        began()
    }

    fn offset_seconds(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// When the world's history begins.
pub(crate) fn began() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

/// The row of the n-th record, each a minute after the one before.
pub(crate) fn row(n: i64) -> RowId {
    RowId::at_or_after(at(n))
}

/// The time of the n-th record.
pub(crate) fn at(n: i64) -> Timestamp {
    began().plus_seconds(n * 60)
}

/// A started admin listener.
pub(crate) struct World {
    pub(crate) installation: Arc<Installation<SqliteStore>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) options: AdminOptions,
    pub(crate) clock: Arc<StillClock>,
    router: Router,
    _directory: tempfile::TempDir,
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// Holds it against the description, too.
    async fn of(response: axum::http::Response<Body>, method: &Method, path: &str) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let reply = Reply { status: parts.status, headers: parts.headers, body };
        crumb_testkit::description::holds(method, path, &reply);
        Self { text: reply.text(), status: reply.status, headers: reply.headers }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The ids of a list of leads, or the times of a list of anything else.
    pub(crate) fn each(&self, member: &str) -> Vec<Value> {
        self.json()["data"].as_array().unwrap().iter().map(|row| row[member].clone()).collect()
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_options(AdminOptions::default()).await
    }

    pub(crate) async fn with_options(options: AdminOptions) -> Self {
        Self::with_store(options, SqliteOptions::default()).await
    }

    /// A world whose disk is full.
    pub(crate) async fn full() -> Self {
        const PAGES: u32 = 200;
        let store = SqliteOptions { max_pages: Some(PAGES), ..SqliteOptions::default() };
        let world = Self::with_store(AdminOptions::default(), store).await;
        for n in 0..i64::from(PAGES) * 100 {
            let click = Click { user_agent: "x".repeat(4_000), ..click(n) };
            let batch = ClickBatch { clicks: vec![click], ..ClickBatch::default() };
            if world.installation.store.record_clicks(batch).await.is_err() {
                return world;
            }
        }
        panic!("the disk is never full");
    }

    async fn with_store(options: AdminOptions, store: SqliteOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("crumb.db"), store).unwrap();
        let live = LiveNetwork::load(store.clone()).await.unwrap();
        live.apply(network(), false, began(), &mut StdRng::seed_from_u64(1)).await.unwrap();
        let keys = Keys::derive(&[7; 32]);
        let node = Node::new(0).unwrap();
        let clock = Arc::new(StillClock::default());
        let installation = Installation::new(store, live, clock.clone(), keys, node, None).await.unwrap();
        let installation = Arc::new(installation);
        let courier = Courier::new(Arc::new(Outbound::new(OutboundOptions::default()).unwrap()), None);
        let selling = Arc::new(Selling::new(installation.clone(), courier));
        let metrics = Arc::new(Metrics::new().unwrap());
        let router = admin_router(installation.clone(), selling.clone(), metrics.clone(), options.clone());
        Self { installation, metrics, options, clock, router, _directory: directory }
    }

    /// Makes a key of a role and gives it.
    pub(crate) async fn key(&self, role: &str) -> String {
        let key = format!("crumb_{role}");
        let stored = ApiKey {
            hash: hash_api_key(&key),
            name: role.to_owned(),
            role: role.to_owned(),
            created_at: began(),
            revoked_at: None,
        };
        self.installation.store.create_api_key(stored).await.unwrap();
        key
    }

    /// Asks with the key of a role, which is made for it.
    pub(crate) async fn get_as(&self, role: &str, path: &str) -> Answer {
        let key = format!("crumb_{role}");
        if self.installation.store.api_key(hash_api_key(&key)).await.unwrap().is_none() {
            self.key(role).await;
        }
        self.ask(Method::GET, path, Some(&key)).await
    }

    /// Posts a body with the key of a role, which is made for it.
    pub(crate) async fn post_as(&self, role: &str, path: &str, body: impl Into<Body>) -> Answer {
        let key = format!("crumb_{role}");
        if self.installation.store.api_key(hash_api_key(&key)).await.unwrap().is_none() {
            self.key(role).await;
        }
        let request = Request::post(path).header("Authorization", format!("Bearer {key}"));
        let request = request.body(body.into()).unwrap();
        let response = TowerToHyperService::new(self.router.clone()).call(request).await.unwrap();
        Answer::of(response, &Method::POST, path).await
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, key: Option<&str>) -> Answer {
        Answer::of(self.response(method.clone(), path, key).await, &method, path).await
    }

    pub(crate) async fn response(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
    ) -> axum::http::Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let request = request.body(Body::empty()).unwrap();
        TowerToHyperService::new(self.router.clone()).call(request).await.unwrap()
    }

    pub(crate) fn name(&self, row: RowId) -> RequestId {
        self.installation.request_id(row).unwrap()
    }

    pub(crate) async fn record(&self, click: Click) {
        let batch = ClickBatch { clicks: vec![click], ..ClickBatch::default() };
        self.installation.store.record_clicks(batch).await.unwrap();
    }

    pub(crate) async fn accept(&self, lead: Lead) {
        self.accept_and_open(lead, None).await;
    }

    /// Accepts a lead that opens its session.
    pub(crate) async fn accept_with_session(&self, lead: Lead) {
        let session = LeadSession {
            id: lead.session,
            at: lead.at,
            affiliate: lead.affiliate,
            offer: lead.offer,
            campaign: lead.campaign,
            sub_ids: lead.sub_ids.clone(),
            test: lead.test,
            ip: lead.ip,
        };
        self.accept_and_open(lead, Some(session)).await;
    }

    async fn accept_and_open(&self, lead: Lead, open_session: Option<LeadSession>) {
        let post = post_record(lead.row, lead.at, lead.post);
        let accept = AcceptLead {
            lead: lead.into(),
            open_session,
            duplicate: None,
            register: None,
            filtered: None,
            caps: Vec::new(),
            conversion_caps: Vec::new(),
            counts: Vec::new(),
            ledger: Vec::new(),
            timeline: Vec::new(),
            deliveries: Vec::new(),
            caps_told: Vec::new(),
            refused_told: None,
            takes_over: None,
            quote: None,
            offering: None,
            post,
            idempotency: None,
            answer: Box::new(|_| answer("<result/>")),
            keep_refused: Box::new(|| true),
        };
        let posted = self.installation.store.accept_lead(accept).await.unwrap();
        assert!(matches!(posted, Posted::Now(Verdict::Accepted, _)), "{posted:?}");
    }

    pub(crate) async fn reject(&self, n: i64, kind: PostKind, problem: Problem) {
        let mut post = post_record(row(n), at(n), kind);
        post.errors = vec![problem.as_str().to_owned()];
        post.offer = Some(OfferId(100));
        post.affiliate = Some(AffiliateId(12));
        post.campaign = Some(CampaignId(57));
        let reject = RejectPost {
            post,
            problem,
            idempotency: None,
            answer: answer("<result>1</result>"),
            keep: true,
            deliveries: Vec::new(),
        };
        self.installation.store.reject_post(reject).await.unwrap();
    }
}

fn post_record(id: RowId, at: Timestamp, kind: PostKind) -> PostRecord {
    PostRecord {
        id,
        at,
        kind,
        campaign: None,
        offer: None,
        affiliate: None,
        ip: "203.0.113.9".parse().ok(),
        query: b"ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK".to_vec(),
        content_type: "application/x-www-form-urlencoded".to_owned(),
        body: b"email_address=ann%40example.com&n=\xff".to_vec(),
        errors: Vec::new(),
    }
}

fn answer(body: &str) -> StoredAnswer {
    StoredAnswer {
        status: 200,
        content_type: Some("text/xml; charset=utf-8".to_owned()),
        location: None,
        body: body.to_owned(),
    }
}

/// The n-th record: a click of affiliate 12 that opens a session.
pub(crate) fn click(n: i64) -> Click {
    Click {
        id: row(n),
        at: at(n),
        session: Some(row(n)),
        visitor: Some(VisitorId(42)),
        sub_ids: SubIds::new(["a", "", "", "", ""]),
        ip: "198.51.100.7".parse().ok(),
        user_agent: "Mozilla/5.0".to_owned(),
        referrer: "https://search.example/".to_owned(),
        prefill: vec![("email_address".to_owned(), "ann@example.com".to_owned())],
        ..examples::click()
    }
}

/// The n-th record: a further click of the session of record `of`.
pub(crate) fn further_click(n: i64, of: i64, affiliate: i64) -> Click {
    let campaign = (affiliate == 12).then_some(CampaignId(57));
    Click {
        session: Some(row(of)),
        duplicate: true,
        affiliate: Some(AffiliateId(affiliate)),
        campaign,
        prefill: Vec::new(),
        ..click(n)
    }
}

/// The n-th record: a click that was sent elsewhere.
pub(crate) fn diverted_click(n: i64) -> Click {
    Click {
        session: None,
        disposition: Disposition::OfferExpired,
        redirect: Some("https://example.com/".to_owned()),
        prefill: Vec::new(),
        ..click(n)
    }
}

/// The n-th record: a lead of the session of record `of`, unsold.
pub(crate) fn lead(n: i64, of: i64, id: &str) -> Lead {
    let fields = [("zip_code", "90210"), ("email_address", "ann@example.com"), ("phone", "5551234567")];
    Lead {
        id: id.parse().unwrap(),
        row: row(n),
        at: at(n),
        session: row(of),
        sub_ids: SubIds::new(["a", "", "", "", ""]),
        fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        payout: Money::from_micros(12_000_000),
        revenue: Money::from_micros(30_000_000),
        ip: "198.51.100.7".parse().ok(),
        ..examples::lead()
    }
}
