//! `POST /conversions`: conversions that a person brings in, new ones and changes.

use super::body::{self, Body};
use super::conversions::ConversionRow;
use super::key::Caller;
use super::problem::{ApiError, ChangeProblems, FieldError, KeyProblems};
use crate::admin::Admin;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use crumb_storage::Store;
use crumb_tracking::conversion::import::{self, Fault, ImportError, Line};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Conversions of one request at most.
const MAX_CONVERSIONS: usize = 1_000;

/// The largest body: so many conversions with all members and long notes.
pub(crate) const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// Conversions to be brought in: all of them or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportBody {
    /// At most 1,000.
    #[schema(min_items = 1, max_items = 1000)]
    conversions: Vec<ImportMember>,
}

/// A conversion to be brought in. With `request_id` it is a new one, with `id` one that is
/// there and changes.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImportMember {
    /// Of a conversion that is there.
    id: Option<String>,
    /// Of a new one: the session that it is credited to, however old its click is.
    request_id: Option<String>,
    /// Id or short name; the offer's default event where this is left out.
    event: Option<EventNamed>,
    /// When it happened; now where this is left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<String>,
    /// The advertiser's own number for it.
    transaction_id: Option<String>,
    /// What its affiliate earns; by the offer's terms where this is left out.
    #[schema(example = "5.00")]
    payout: Option<String>,
    /// What the advertiser pays; by the offer's terms where this is left out.
    #[schema(example = "9.00")]
    received: Option<String>,
    /// `approved` (of a new one, where this is left out), `pending`, `rejected` or
    /// `returned`.
    disposition: Option<String>,
    /// For the ledger; at most 500 characters.
    #[schema(max_length = 500)]
    note: Option<String>,
    /// For which date the ledger counts what it moves: `today`, where this is left out,
    /// `conversion_date`, or a day of the network's zone like `2030-01-31`, not before the
    /// conversion's and not after today.
    #[schema(example = "conversion_date")]
    effective_date: Option<String>,
}

/// An event by its id or short name.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged, expecting = "expected an id or a short name")]
enum EventNamed {
    Id(i64),
    Short(String),
}

impl ImportMember {
    fn line(self) -> Line {
        let event = self.event.map(|named| match named {
            EventNamed::Id(id) => id.to_string(),
            EventNamed::Short(name) => name,
        });
        Line {
            id: self.id,
            request_id: self.request_id,
            event,
            at: self.at,
            transaction_id: self.transaction_id,
            payout: self.payout,
            received: self.received,
            disposition: self.disposition,
            note: self.note,
            effective_date: self.effective_date,
        }
    }
}

/// What was brought in.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedRow {
    /// New ones.
    pub created: usize,
    /// Those that were there and changed.
    pub changed: usize,
    /// New ones that came over a cap, and are recorded at 0.00.
    pub over_cap: usize,
    /// As they stand, in the order of the request.
    pub conversions: Vec<ConversionRow>,
}

/// Brings conversions in, or changes some: all of them or none. What is wrong is told of
/// all at once.
///
/// New ones are looked at as a pixel's: offer, event, duplicates, caps. They are told to
/// their affiliates where they are approved.
#[utoipa::path(
    post,
    path = "/conversions",
    tag = "conversions",
    operation_id = "import_conversions",
    request_body = ImportBody,
    responses(
        (status = 201, body = ImportedRow),
        ChangeProblems,
        KeyProblems,
    )
)]
pub(crate) async fn create<S: Store + Clone>(
    State(admin): State<Arc<Admin<S>>>,
    caller: Caller,
    bytes: Body,
) -> Result<(StatusCode, Json<ImportedRow>), ApiError> {
    caller.must_be_allowed_to_change("bring conversions in")?;
    let ImportBody { conversions } = body::json(bytes)?;
    if conversions.is_empty() || conversions.len() > MAX_CONVERSIONS {
        let message = format!("expected 1 to {MAX_CONVERSIONS} conversions");
        return Err(ApiError::Invalid(vec![FieldError::new("conversions", message)]));
    }
    let lines: Vec<Line> = conversions.into_iter().map(ImportMember::line).collect();
    let site = &admin.installation;
    let by = caller.name(&admin).await?;
    let imported = import::import(site, &lines, by.as_deref()).await?;
    let snapshot = site.network.snapshot();
    let mut rows = Vec::with_capacity(imported.ids.len());
    for id in imported.ids {
        let stands = site.store.conversion(id).await?;
        rows.extend(stands.map(|stands| ConversionRow::new(stands, &site.keys.request_ids, &snapshot)));
    }
    let (created, changed, over_cap) = (imported.created, imported.changed, imported.over_cap);
    Ok((StatusCode::CREATED, Json(ImportedRow { created, changed, over_cap, conversions: rows })))
}

impl From<ImportError> for ApiError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Faults(faults) => Self::Invalid(faults.into_iter().map(field_error).collect()),
            ImportError::Store(error) => error.into(),
        }
    }
}

fn field_error(Fault { row, path, message }: Fault) -> FieldError {
    let place = format!("conversions[{row}]");
    FieldError::new(if path.is_empty() { place } else { format!("{place}.{path}") }, message)
}
