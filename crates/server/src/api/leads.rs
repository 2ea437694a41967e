//! `GET /leads` and `GET /leads/{leadid}`.

use super::call::{OneCall, QueryCall};
use super::key::Caller;
use super::problem::{ApiError, KeyProblems, ListProblems, Problem};
use super::query::{Listing, PageParameters};
use super::role::Role;
use crate::admin::Admin;
use axum::Json;
use crumb_domain::attribution::Attribution;
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus, Sale};
use crumb_domain::network::SaleType;
use crumb_domain::post::PostKind;
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::selling::Redress;
use crumb_domain::why::explain_attribution;
use crumb_domain::{
    AffiliateId, BuyerId, CampaignId, ConfigVersion, ContractId, LeadId, Money, OfferContractId, OfferId,
    RequestId, SubIds, Timestamp, VerticalId,
};
use crumb_network::Snapshot;
use crumb_storage::leads::LeadFilter;
use crumb_storage::{Store, lead_search};
use crumb_tracking::links::MASK;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// Who looks at a lead.
#[derive(Debug, Clone, Copy)]
pub enum Sight<'a> {
    /// The network's own people: everything.
    Network,
    /// Its affiliate: no money but its own, and no personal data; which fields
    /// are personal, the network says.
    Affiliate(&'a Snapshot),
    /// One that bought it: no money but its own, and not who sent it.
    Buyer(BuyerId),
}

/// One lead.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LeadRow {
    /// Its id.
    #[schema(value_type = String, example = "C8097F17")]
    pub id: LeadId,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `server`, `browser` or `session`.
    #[schema(value_type = String)]
    pub post: PostKind,
    /// Where it stands: `sold`, `unsold`, `queued`, `review`, `scrubbed`, `test`,
    /// `returned` or `pending_unknown`.
    #[schema(value_type = String)]
    pub status: LeadStatus,
    /// What became of it: a stable code.
    #[schema(value_type = String, example = "no_qualified_buyers")]
    pub outcome: LeadOutcome,
    /// Error texts of a lead that was accepted for review or thrown out.
    pub errors: Vec<String>,
    /// Whose it is; not for buyers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub affiliate: Option<AffiliateId>,
    /// On what.
    #[schema(value_type = i64)]
    pub offer: OfferId,
    /// The affiliate's campaign on the offer, null where it has none; not for buyers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub campaign: Option<Option<CampaignId>>,
    /// By what it was credited: `key`, `request_id`, `cookie` or `internal`.
    #[schema(value_type = String)]
    pub attribution: Attribution,
    /// Its session: the click's, or one it opened; not for buyers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "4503599627370495")]
    pub request_id: Option<RequestId>,
    /// `s1` to `s5`, empty where not given; not for buyers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, min_items = 5, max_items = 5)]
    pub sub_ids: Option<SubIds>,
    /// What it says, by field name, in the vertical's order.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub fields: FieldValues,
    /// What its affiliate earns; not for buyers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "12.00")]
    pub payout: Option<Money>,
    /// What it brought; only for the network's own people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "30.00")]
    pub revenue: Option<Money>,
    /// Who bought it; not for affiliates, and for buyers only their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sales: Option<Vec<SaleRow>>,
    /// The configuration that decided.
    #[schema(value_type = i64)]
    pub config_version: ConfigVersion,
    /// Of which kind.
    #[schema(value_type = i64)]
    pub vertical: VerticalId,
    /// The terms it runs under, where not the offer's own.
    #[schema(value_type = Option<i64>)]
    pub offer_contract: Option<OfferContractId>,
    /// A test: never sold, paid or counted.
    pub test: bool,
    /// A further lead of somebody who had just sent one: bought by buyers of upsells only.
    pub upsell: bool,
    /// Why it was credited so, for people; not for buyers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A buyer's purchase of a lead.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SaleRow {
    /// Under which contract.
    #[schema(value_type = i64)]
    pub contract: ContractId,
    /// By whom.
    #[schema(value_type = i64)]
    pub buyer: BuyerId,
    /// For how much.
    #[schema(value_type = String, example = "30.00")]
    pub price: Money,
    /// `exclusive`, `multisell` or `hybrid`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub sale_type: SaleType,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// It was bought for good: it is not taken back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_return: bool,
    /// For what it was taken back: `credited` or `replaced`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub returned: Option<Redress>,
    /// The lead that the buyer had given back and that this one was delivered free for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "C8097F17")]
    pub replaces: Option<LeadId>,
    /// Where the buyer's answer sent the visitor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
}

impl From<&Sale> for SaleRow {
    fn from(sale: &Sale) -> Self {
        Self {
            contract: sale.contract,
            buyer: sale.buyer,
            price: sale.price,
            sale_type: sale.sale_type,
            at: sale.at,
            no_return: sale.no_return,
            returned: sale.returned.map(|returned| returned.redress),
            replaces: sale.replaces,
            redirect: sale.redirect.clone(),
        }
    }
}

/// Field values as one JSON object that keeps their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldValues(pub Vec<(String, String)>);

impl Serialize for FieldValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl LeadRow {
    /// As somebody sees it; `None` for the one row that has no public name, which
    /// no lead is ever given.
    pub fn new(lead: &Lead, names: &RequestIdKey, sight: Sight<'_>) -> Option<Self> {
        let request_id = names.request_id(lead.session)?;
        let all_sales = || lead.sales.iter().map(SaleRow::from).collect();
        let (payout, revenue, sales) = match sight {
            Sight::Network => (Some(lead.payout), Some(lead.revenue), Some(all_sales())),
            Sight::Affiliate(_) => (Some(lead.payout), None, None),
            Sight::Buyer(own) => {
                let bought = lead.sales.iter().filter(|sale| sale.buyer == own);
                (None, None, Some(bought.map(SaleRow::from).collect()))
            }
        };
        let fields = match sight {
            Sight::Network | Sight::Buyer(_) => lead.fields.clone(),
            Sight::Affiliate(network) => masked(lead, network),
        };
        let is_told_who_sent_it = !matches!(sight, Sight::Buyer(_));
        Some(Self {
            id: lead.id,
            at: lead.at,
            post: lead.post,
            status: lead.status,
            outcome: lead.outcome,
            errors: lead.errors.clone(),
            affiliate: is_told_who_sent_it.then_some(lead.affiliate),
            offer: lead.offer,
            campaign: is_told_who_sent_it.then_some(lead.campaign),
            attribution: lead.attribution,
            request_id: is_told_who_sent_it.then_some(request_id),
            sub_ids: is_told_who_sent_it.then(|| lead.sub_ids.clone()),
            fields: FieldValues(fields),
            payout,
            revenue,
            sales,
            config_version: lead.config_version,
            vertical: lead.vertical,
            offer_contract: lead.offer_contract,
            test: lead.test,
            upsell: lead.upsell,
            why: is_told_who_sent_it.then(|| explain_attribution(lead, request_id)),
        })
    }
}

/// The fields with personal data masked; a field that the network no longer has
/// is taken for personal.
fn masked(lead: &Lead, network: &Snapshot) -> Vec<(String, String)> {
    let rules = network.vertical(lead.vertical).map(|vertical| &vertical.rules);
    let is_open = |name: &str| rules.and_then(|rules| rules.field(name)).is_some_and(|rule| !rule.is_pii());
    lead.fields
        .iter()
        .map(|(name, value)| (name.clone(), if is_open(name) { value.clone() } else { MASK.to_owned() }))
        .collect()
}

/// Leads by filter.
#[utoipa::path(
    get,
    path = "/leads",
    tag = "leads",
    operation_id = "list_leads",
    params(
        ("status" = Option<String>, Query, description = "With this status."),
        ("offer" = Option<i64>, Query, description = "Of this offer."),
        ("affiliate" = Option<i64>, Query, description = "Of this affiliate."),
        ("buyer" = Option<i64>, Query, description = "Bought by this buyer."),
        ("request_id" = Option<String>, Query, description = "Of this session."),
        ("q" = Option<String>, Query, description = "With this id, request id, e-mail or phone."),
        PageParameters,
    ),
    responses(
        (status = 200, body = Listing<LeadRow>),
        ListProblems,
        KeyProblems,
    )
)]
pub(crate) async fn list<S: Store + Clone>(
    QueryCall { admin, caller, mut query }: QueryCall<S>,
) -> Result<Json<Listing<LeadRow>>, ApiError> {
    let installation = &admin.installation;
    let names = &installation.keys.request_ids;
    let mut filter = LeadFilter {
        status: query.one_of("status", LeadStatus::ALL, LeadStatus::as_str),
        offer: query.id("offer"),
        affiliate: query.affiliate("affiliate"),
        buyer: query.id("buyer"),
        session: query.session("request_id", names),
        from: query.time("from"),
        to: query.time("to"),
        text: query.text("q"),
    };
    let page = query.finish_list()?;
    if !matches!(caller.role, Role::Buyer(_)) {
        find_session(&installation.store, names, &mut filter).await?;
    }
    narrow(&mut filter, caller.role)?;
    let page = installation.store.leads(filter, page).await?;
    let network = installation.network.snapshot();
    let sight = sight(caller.role, &network);
    Ok(Json(Listing::of(page, |lead| LeadRow::new(&lead, names, sight))))
}

/// Narrows a filter to what a role may ask. A filter tells whatever it looks at:
/// an affiliate, who is shown neither buyers nor personal data, can ask for neither, and a
/// buyer, who is not shown who sent a lead, cannot ask for that.
fn narrow(filter: &mut LeadFilter, role: Role) -> Result<(), ApiError> {
    match role {
        Role::Admin | Role::Manager | Role::Reader => Ok(()),
        Role::Buyer(_) if filter.affiliate.is_some() || filter.session.is_some() => {
            Err(ApiError::Forbidden("a buyer is not told who sent a lead".to_owned()))
        }
        Role::Buyer(own) => super::only_its_own(&mut filter.buyer, own),
        Role::Affiliate(_) if filter.buyer.is_some() => {
            Err(ApiError::Forbidden("an affiliate is not told who bought a lead".to_owned()))
        }
        Role::Affiliate(_) if filter.text.as_deref().and_then(lead_search::key_of).is_some() => {
            Err(ApiError::Forbidden("an affiliate finds leads by their id and request id only".to_owned()))
        }
        Role::Affiliate(own) => super::only_its_own(&mut filter.affiliate, own),
    }
}

/// A text that names a session is looked for as such. Digits may be a phone number
/// as well, and are one unless there is such a session.
///
/// # Errors
/// Where the store cannot be read.
pub async fn find_session<S: Store>(
    store: &S,
    names: &RequestIdKey,
    filter: &mut LeadFilter,
) -> crumb_storage::Result<()> {
    let Some(row) = filter.text.as_deref().and_then(|q| q.parse().ok()).and_then(|id| names.row_id(id))
    else {
        return Ok(());
    };
    if filter.session.is_none_or(|session| session == row) && store.session(row).await?.is_some() {
        filter.session = Some(row);
        filter.text = None;
    }
    Ok(())
}

/// A lead by its id.
#[utoipa::path(
    get,
    path = "/leads/{leadid}",
    tag = "leads",
    operation_id = "get_lead",
    params(("leadid" = String, Path, description = "As the post's answer gave it.")),
    responses(
        (status = 200, body = LeadRow),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        KeyProblems,
    )
)]
pub(crate) async fn get<S: Store + Clone>(
    OneCall { admin, caller, id }: OneCall<S>,
) -> Result<Json<LeadRow>, ApiError> {
    let lead = visible_lead(&admin, caller, id).await?;
    let installation = &admin.installation;
    let network = installation.network.snapshot();
    let row = LeadRow::new(&lead, &installation.keys.request_ids, sight(caller.role, &network));
    row.map(Json).ok_or_else(missing)
}

/// The lead of an id in a path, where the key's owner may see it.
pub(super) async fn visible_lead<S: Store + Clone>(
    admin: &Admin<S>,
    caller: Caller,
    id: Option<String>,
) -> Result<Lead, ApiError> {
    let id: LeadId = id.and_then(|id| id.parse().ok()).ok_or_else(missing)?;
    let lead = admin.installation.store.lead(id).await?.ok_or_else(missing)?;
    let may_see = match caller.role {
        Role::Admin | Role::Manager | Role::Reader => true,
        Role::Affiliate(own) => lead.affiliate == own,
        Role::Buyer(own) => lead.sales.iter().any(|sale| sale.buyer == own),
    };
    if may_see { Ok(lead) } else { Err(missing()) }
}

pub(super) fn missing() -> ApiError {
    ApiError::NotFound("there is no lead of this id".to_owned())
}

pub(super) fn sight(role: Role, network: &Snapshot) -> Sight<'_> {
    match role {
        Role::Admin | Role::Manager | Role::Reader => Sight::Network,
        Role::Affiliate(_) => Sight::Affiliate(network),
        Role::Buyer(own) => Sight::Buyer(own),
    }
}
