//! The advertiser's own site, "Sunny Auto Quotes", with the page that shows what
//! the tracker records.

mod database;
mod forms;
mod intake;
mod layout;
mod live;
mod own_leads;
mod partner;
mod request;
mod shop;
mod switches;
mod tracker;
mod traffic_co;

use super::journal::Journal;
use super::scenarios::Addresses;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use crumb_storage_sqlite::SqliteStore;
use crumb_tracking::Installation;
use database::OwnDatabase;
use forms::{FORM_PAGES, FormPage, Way};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracker::Tracker;

/// The largest form that the site takes: a page of text.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// What the pages share.
pub struct Site {
    addresses: Addresses,
    own: OwnDatabase,
    tracker: Tracker,
    /// The clock, the names of affiliates and offers, and what the page that shows
    /// arrivals tells. The advertiser's own pages know nothing else of it.
    installation: Arc<Installation<SqliteStore>>,
    journal: Arc<Journal>,
    partner: partner::Runs,
    /// Tells one run of the demo from the next, so that an open page notices.
    run: i64,
    stop: CancellationToken,
}

impl Site {
    /// The site, with its database made where there is none.
    ///
    /// # Errors
    /// Where the database cannot be opened.
    pub fn open(
        database: &Path,
        addresses: Addresses,
        installation: Arc<Installation<SqliteStore>>,
        journal: Arc<Journal>,
    ) -> database::Result<Self> {
        Ok(Self {
            own: OwnDatabase::open(database)?,
            tracker: Tracker::new(&addresses.tracking),
            addresses,
            run: installation.clock.now().micros(),
            installation,
            journal,
            partner: partner::Runs::default(),
            stop: CancellationToken::new(),
        })
    }

    /// Serves until `stop`.
    pub async fn serve(mut self, listener: TcpListener, stop: CancellationToken) {
        self.stop = stop.clone();
        let routes = routes(Arc::new(self)).into_make_service_with_connect_info::<SocketAddr>();
        let serving = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = serving.await {
            tracing::error!(%error, "the advertiser's site failed");
        }
    }

    /// Where the page is that shows what arrives.
    fn live(&self) -> String {
        format!("{}/live", self.addresses.landing)
    }

    /// The present time: RFC 3339.
    fn now(&self) -> String {
        self.installation.clock.now().to_string()
    }
}

fn routes(site: Arc<Site>) -> Router {
    let mut router = Router::new()
        .route("/", get(|| async { Redirect::to("/live") }))
        .route("/live", get(live::page))
        .route("/live/events", get(live::events))
        .route("/live/leads/{id}/explain", get(live::explain))
        .route("/partner", get(partner::page).post(partner::run))
        .route("/partner/runs/{token}", get(partner::result))
        .route("/leads/{id}", get(own_leads::page))
        .route("/leads/{id}/resend", post(own_leads::resend))
        .route("/cookie", get(switches::tell_cookie).post(switches::change_cookie))
        .route("/new-visitor", get(switches::new_visitor))
        .route("/shop", get(shop::page).post(shop::order))
        .route("/shop/thanks", get(shop::thanks))
        .route("/traffic-co/postback", get(traffic_co::postback))
        .route("/traffic-co/pixel.gif", get(traffic_co::pixel))
        .route("/thanks", get(|| async { layout::thanks() }))
        .route("/welcome", get(|| async { layout::welcome() }))
        .route("/elsewhere", get(|| async { layout::elsewhere() }))
        .route("/site.css", get(|| async { asset("text/css", include_str!("site.css")) }))
        .route("/live.css", get(|| async { asset("text/css", include_str!("live.css")) }))
        .route("/live.js", get(|| async { asset("text/javascript", include_str!("live.js")) }))
        .route("/times.js", get(|| async { asset("text/javascript", include_str!("times.js")) }))
        .route("/switches.js", get(|| async { asset("text/javascript", include_str!("switches.js")) }));
    for page in &FORM_PAGES {
        let shown = get(move |site, seen| forms::show(page, site, seen));
        let methods = match page.way {
            Way::Browser | Way::Ajax => shown,
            Way::OwnServer | Way::Pixel => shown.post(intake::take),
        };
        router = router.route(page.path, methods);
    }
    router
        .fallback(|| async { layout::not_found() })
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .with_state(site)
}

fn asset(content_type: &'static str, text: &'static str) -> Response {
    // Of a program that is restarted often while it is looked at.
    ([(CONTENT_TYPE, format!("{content_type}; charset=utf-8")), (CACHE_CONTROL, "no-cache".to_owned())], text)
        .into_response()
}

/// The page of a form by its address on the site.
fn form_page(target: &str) -> Option<&'static FormPage> {
    let path = target.split('?').next().unwrap_or_default();
    FORM_PAGES.iter().find(|page| page.path == path)
}
