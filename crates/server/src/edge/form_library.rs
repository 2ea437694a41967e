//! `/d.js` and what it calls: `js.ashx`, `v.ashx`, `get.ashx`, `t.ashx`.

use super::Edge;
use super::answer::Answer;
use crumb_domain::attribution::{Claim, judge};
use crumb_domain::fields::FieldRules;
use crumb_domain::network::ClientDecision;
use crumb_domain::session::Session;
use crumb_domain::{FieldId, OfferId};
use crumb_network::CompiledOffer;
use crumb_storage::{Store, StoreError};
use crumb_tracking::client::Client;
use crumb_wire::answer::jsonp;
use crumb_wire::cookie::{self, CookieClaim};
use crumb_wire::input::{Pairs, parse_query};
use crumb_wire::post::{Callback, InvalidCallback};
use crumb_wire::script::{D_JS, Prepop, Validator, js_ashx};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, StatusCode};
use std::net::SocketAddr;

/// How long browsers keep the form library, in seconds: an upgrade reaches every
/// page within the hour.
pub(super) const LIBRARY_CACHE: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// `/d.js`.
pub(super) fn library<B>(_request: &Request<B>) -> Answer {
    Answer::script(D_JS.to_owned()).with(header::CACHE_CONTROL, LIBRARY_CACHE).with_any_origin()
}

/// `/get.ashx`: an answer, so that a page knows that all the earlier ones came.
pub(super) fn nothing<B>(request: &Request<B>) -> Answer {
    let Ok(query) = query(request) else { return Answer::too_large() };
    called(&query, r#"{"success":true}"#)
}

impl<S: Store + Clone> Edge<S> {
    /// `/js.ashx`: the validators of an offer's fields, and the values kept for
    /// the visitor's session — these only for the offer's own pages, since any
    /// site can include a script.
    pub(super) async fn validators<B>(&self, request: &Request<B>, peer: SocketAddr) -> Answer {
        let Ok(query) = query(request) else { return Answer::too_large() };
        let snapshot = self.site.network.snapshot();
        let Some(offer) = offer_id(&query).and_then(|id| snapshot.offer(id)) else {
            return Answer::script(js_ashx(&[], &[]));
        };
        let client = self.client(request, peer);
        let kept = if is_own_page(offer, request.headers()) {
            match self.prefill(offer, &client).await {
                Ok(kept) => kept,
                Err(error) => {
                    tracing::error!(%error, "pre-fill values could not be read");
                    return Answer::unavailable();
                }
            }
        } else {
            Vec::new()
        };
        let rules = &offer.vertical().rules;
        Answer::script(js_ashx(&validators(rules), &prepops(rules, kept)))
    }

    /// `/v.ashx`: whether the visitor may go on with a value: it is the field's, or
    /// the field lets leads with a wrong one through to a queue.
    pub(super) fn validate<B>(&self, request: &Request<B>) -> Answer {
        let Ok(query) = query(request) else { return Answer::too_large().with_any_origin() };
        let snapshot = self.site.network.snapshot();
        let field = query.get("f").and_then(|text| text.parse::<FieldId>().ok());
        let offer = offer_id(&query).and_then(|id| snapshot.offer(id));
        let today = snapshot.zone().day_of(self.site.clock.now());
        let checked = match (offer, field) {
            (Some(offer), Some(id)) if stops_visitors(&offer.vertical().rules, id) => {
                offer.vertical().rules.check_one(id, query.get("v").unwrap_or_default(), today)
            }
            _ => Ok(()),
        };
        let result = match checked {
            Ok(()) => r#"{"success":true}"#.to_owned(),
            Err(error) => format!(r#"{{"success":false,"error":{}}}"#, serde_json::Value::String(error)),
        };
        called(&query, &result).with_any_origin()
    }

    /// `/t.ashx?t=c`: lets a tester start over. It ends the offer's cookie of a
    /// test session and nobody else's, else one site could erase another
    /// affiliate's first touch.
    pub(super) async fn start_over<B>(&self, request: &Request<B>, peer: SocketAddr) -> Answer {
        let Ok(query) = query(request) else { return Answer::too_large() };
        let answer = called(&query, r#"{"success":true}"#);
        let asked = query.get("t").is_some_and(|what| what.eq_ignore_ascii_case("c"));
        let may_be_told = !matches!(callback(&query), Some(Err(_)));
        let (Some(offer), true) = (offer_id(&query), asked && may_be_told) else { return answer };
        let client = self.client(request, peer);
        match self.cookie_session(offer, &client).await {
            Ok(Some(session)) if session.test => {
                answer.with_cookies(&[cookie::clear_offer(offer, client.https)])
            }
            Ok(_) => answer,
            Err(error) => {
                tracing::error!(%error, "a session could not be read");
                Answer::unavailable()
            }
        }
    }

    async fn prefill(
        &self,
        offer: &CompiledOffer,
        client: &Client,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let session = self.cookie_session(offer.offer.id, client).await?;
        let (id, days) = (offer.offer.id, offer.offer.click_cookie_days);
        if judge(session.as_ref(), id, days, self.site.clock.now()) != Claim::Credited {
            return Ok(Vec::new());
        }
        match session {
            Some(session) => self.site.store.prefill(session.id).await,
            None => Ok(Vec::new()),
        }
    }

    async fn cookie_session(&self, offer: OfferId, client: &Client) -> Result<Option<Session>, StoreError> {
        match client.cookies.offer(offer) {
            CookieClaim::Session(id) => match self.site.keys.request_ids.row_id(id) {
                Some(row) => self.site.store.session(row).await,
                None => Ok(None),
            },
            CookieClaim::Absent | CookieClaim::Malformed => Ok(None),
        }
    }
}

fn query<B>(request: &Request<B>) -> Result<Pairs, crumb_wire::input::InputError> {
    parse_query(request.uri().query().unwrap_or_default().as_bytes())
}

fn offer_id(query: &Pairs) -> Option<OfferId> {
    query.get("o").and_then(|text| text.trim().parse().ok())
}

fn callback(query: &Pairs) -> Option<Result<Callback, InvalidCallback>> {
    query.get("callback").map(str::parse)
}

/// A JSON object for the function that `callback` names; plain where none is
/// named, for pages that `fetch` it.
fn called(query: &Pairs, object: &str) -> Answer {
    match callback(query) {
        Some(Ok(callback)) => Answer::stored(jsonp(callback.as_str(), object)),
        Some(Err(_)) => Answer::bad_request("callback is no name of a function.\n"),
        None => Answer::new(StatusCode::OK, "application/json", object.to_owned()).with_nosniff(),
    }
}

/// Whether the script is included by a page of the offer's links, creatives or
/// override hosts.
fn is_own_page(offer: &CompiledOffer, headers: &HeaderMap) -> bool {
    [header::ORIGIN, header::REFERER]
        .iter()
        .filter_map(|name| headers.get(name)?.to_str().ok())
        .filter_map(|address| address.parse::<http::Uri>().ok())
        .any(|address| address.host().is_some_and(|host| offer.is_own_host(host)))
}

/// Whether a wrong value of a field is put before the visitor at all.
fn stops_visitors(rules: &FieldRules, id: FieldId) -> bool {
    let mut fields = rules.fields().map(|rule| rule.field());
    fields.any(|field| field.id == Some(id) && field.client_decision == ClientDecision::ForceClientReview)
}

/// A validator per validated field. A required one of no type is checked by the page
/// itself; any other by the server.
fn validators(rules: &FieldRules) -> Vec<Validator> {
    rules
        .fields()
        .filter(|rule| rule.is_validated())
        .filter_map(|rule| {
            let field = rule.field();
            let checks_itself = field.required
                && !rule.is_typed()
                && field.client_decision == ClientDecision::ForceClientReview;
            Some(Validator {
                id: field.id?,
                name: field.name.clone(),
                groups: field.group.clone(),
                required_message: checks_itself.then(|| rule.required_text().to_owned()),
            })
        })
        .collect()
}

fn prepops(rules: &FieldRules, kept: Vec<(String, String)>) -> Vec<Prepop> {
    kept.into_iter()
        .map(|(name, value)| {
            let group = rules.field(&name).map(|rule| rule.field().group.clone()).unwrap_or_default();
            Prepop { name, value, groups: group }
        })
        .collect()
}
