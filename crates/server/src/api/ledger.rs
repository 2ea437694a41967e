//! `GET /ledger`: the movements of money.

use super::call::QueryCall;
use super::problem::{ApiError, KeyProblems, ListProblems};
use super::query::{Listing, PageParameters};
use super::role::Role;
use axum::Json;
use crumb_domain::ledger::{Account, LedgerEntry, LedgerKind};
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::{CampaignId, ContractId, LeadId, Money, RequestId, Timestamp};
use crumb_storage::Store;
use crumb_storage::after_sale::LedgerFilter;
use serde::Serialize;
use utoipa::ToSchema;

/// A movement of money from one account to another.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LedgerRow {
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When it counts for: `from` and `to` go by this. Another moment than `at` only where
    /// somebody gave a late fact an `effective_date`.
    #[schema(value_type = String, format = DateTime)]
    pub effective_at: Timestamp,
    /// `sale`, `payout`, `received`, `return`, `credit` or `adjustment`; for clicks and impressions
    /// `click_payout`, `click_received`, `impression_payout` or `impression_received`.
    #[schema(value_type = String)]
    pub kind: LedgerKind,
    /// Who gives: `house`, `outside`, `buyer:5`, `affiliate:12`, `advertiser:1`.
    #[schema(example = "buyer:5")]
    pub from: String,
    /// Who gets.
    #[schema(example = "house")]
    pub to: String,
    /// How much; below zero it goes the other way.
    #[schema(value_type = String, example = "30.00")]
    pub amount: Money,
    /// What the account that was asked for has by it: below zero where it gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "-30.00")]
    pub change: Option<Money>,
    /// For which lead.
    #[schema(value_type = Option<String>)]
    pub lead: Option<LeadId>,
    /// For which conversion.
    #[schema(value_type = Option<String>)]
    pub conversion: Option<RequestId>,
    /// Under which contract.
    #[schema(value_type = Option<i64>)]
    pub contract: Option<ContractId>,
    /// Of which campaign, where it is for clicks or impressions.
    #[schema(value_type = Option<i64>)]
    pub campaign: Option<CampaignId>,
    /// For how many clicks or impressions.
    pub count: Option<u64>,
    /// Why, where a person said so.
    pub note: Option<String>,
}

impl LedgerRow {
    fn new(entry: LedgerEntry, account: Option<Account>, names: &RequestIdKey) -> Self {
        Self {
            change: account.map(|account| entry.change_of(account)),
            at: entry.at,
            effective_at: entry.effective_at(),
            kind: entry.kind,
            from: entry.from.to_string(),
            to: entry.to.to_string(),
            amount: entry.amount,
            lead: entry.lead,
            conversion: entry.conversion.and_then(|id| names.request_id(id)),
            contract: entry.contract,
            campaign: entry.campaign,
            count: entry.count,
            note: entry.note,
        }
    }
}

/// Movements by filter, in the order in which they were made. Buyers and affiliates see
/// those of their own account.
#[utoipa::path(
    get,
    path = "/ledger",
    tag = "money",
    operation_id = "list_ledger",
    params(
        ("account" = Option<String>, Query, description = "From or to this account: `buyer:5`, `affiliate:12`, `advertiser:1`, `house` or `outside`."),
        ("kind" = Option<String>, Query, description = "`sale`, `payout`, `received`, `return`, `credit`, `adjustment`, `click_payout`, `click_received`, `impression_payout` or `impression_received`."),
        ("lead" = Option<String>, Query, description = "For this lead."),
        PageParameters,
    ),
    responses(
        (status = 200, body = Listing<LedgerRow>),
        ListProblems,
        KeyProblems,
    )
)]
pub(crate) async fn list<S: Store + Clone>(
    QueryCall { admin, caller, mut query }: QueryCall<S>,
) -> Result<Json<Listing<LedgerRow>>, ApiError> {
    let account = "\"house\", \"outside\", \"buyer:ID\", \"affiliate:ID\" or \"advertiser:ID\"";
    let mut filter = LedgerFilter {
        account: query.read("account", account, |text| text.parse().ok()),
        kind: query.one_of("kind", LedgerKind::ALL, LedgerKind::as_str),
        lead: query.read("lead", "a lead's id", |text| text.to_uppercase().parse().ok()),
        from: query.time("from"),
        to: query.time("to"),
    };
    let page = query.finish_list()?;
    match caller.role {
        Role::Admin | Role::Manager | Role::Reader => {}
        Role::Affiliate(own) => super::only_its_own(&mut filter.account, Account::Affiliate(own))?,
        Role::Buyer(own) => super::only_its_own(&mut filter.account, Account::Buyer(own))?,
    }
    let page = admin.installation.store.ledger(filter, page).await?;
    let names = &admin.installation.keys.request_ids;
    Ok(Json(Listing::of(page, |entry| Some(LedgerRow::new(entry, filter.account, names)))))
}
