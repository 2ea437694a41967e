//! `GET /alerts`: what a person should look at.

use super::call::QueryCall;
use super::problem::{ApiError, KeyProblems, ListProblems};
use super::query::{Listing, PageParameters};
use axum::Json;
use crumb_domain::selling::AlertCode;
use crumb_domain::{BuyerId, ContractId, LeadId, Timestamp};
use crumb_storage::Store;
use crumb_storage::alerts::{AlertFilter, StoredAlert};
use serde::Serialize;
use utoipa::ToSchema;

/// What a person should look at. Those of a minute about the same are one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AlertRow {
    /// Counts up.
    pub id: i64,
    /// When the first was raised.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When the last was.
    #[schema(value_type = String, format = DateTime)]
    pub last_at: Timestamp,
    /// How many they are.
    pub count: u64,
    /// About what, a stable code: `contract_switched_off`, `buyer_skipped`,
    /// `price_absent`, `price_unreadable`, `price_over_maximum`, `bad_redirect`, `margin_undercut`,
    /// `credit_exceeded`, `lead_unsettled`, `delivery_parked` or `mail_parked`.
    #[schema(value_type = String, example = "contract_switched_off")]
    pub code: AlertCode,
    /// Which contract, where it is about one.
    #[schema(value_type = Option<i64>)]
    pub contract: Option<ContractId>,
    /// Which buyer, where it is about one.
    #[schema(value_type = Option<i64>)]
    pub buyer: Option<BuyerId>,
    /// The lead that brought up the first.
    #[schema(value_type = Option<String>)]
    pub lead: Option<LeadId>,
    /// The first, for people.
    #[schema(example = "contract 7 is switched off: 10 of its last 10 posts failed")]
    pub text: String,
}

impl From<StoredAlert> for AlertRow {
    fn from(stored: StoredAlert) -> Self {
        let StoredAlert { id, alert, last_at, count } = stored;
        Self {
            id,
            at: alert.at,
            last_at,
            count,
            code: alert.code,
            contract: alert.contract,
            buyer: alert.buyer,
            lead: alert.lead,
            text: alert.text,
        }
    }
}

/// Alerts, by filter. They are kept for 90 days, the newest 100,000.
#[utoipa::path(
    get,
    path = "/alerts",
    tag = "contracts",
    operation_id = "list_alerts",
    params(
        ("code" = Option<String>, Query, description = "About this."),
        ("contract" = Option<i64>, Query, description = "Of this contract."),
        ("buyer" = Option<i64>, Query, description = "Of this buyer."),
        PageParameters,
    ),
    responses(
        (status = 200, body = Listing<AlertRow>),
        ListProblems,
        KeyProblems,
    )
)]
pub(crate) async fn list<S: Store + Clone>(
    QueryCall { admin, caller, mut query }: QueryCall<S>,
) -> Result<Json<Listing<AlertRow>>, ApiError> {
    caller.must_be_of_the_network()?;
    let filter = AlertFilter {
        code: query.one_of("code", AlertCode::ALL, AlertCode::as_str),
        contract: query.id("contract"),
        buyer: query.id("buyer"),
        from: query.time("from"),
        to: query.time("to"),
    };
    let page = query.finish_list()?;
    let page = admin.installation.store.alerts(filter, page).await?;
    Ok(Json(Listing::of(page, |stored| Some(stored.into()))))
}
