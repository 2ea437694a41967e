//! `GET /links` and `GET /pixel-code`: what is put on pages, made by the server
//! so that nobody has to know how.

use super::call::QueryCall;
use super::problem::{ApiError, FieldError, KeyProblems, ListProblems};
use super::query::QueryString;
use super::role::Role;
use axum::Json;
use crumb_domain::click::Disposition;
use crumb_domain::network::{OfferStatus, PriceFormat};
use crumb_domain::{AffiliateId, CreativeId, OfferId, SubIds, Timestamp};
use crumb_network::Snapshot;
use crumb_storage::Store;
use crumb_tracking::gate;
use crumb_wire::generate::{LinkOptions, click_pixel_code, tracking_link};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// What a link or click pixel is made of.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters, which are read one by one to name what is wrong")]
pub(crate) struct LinkParameters {
    /// The affiliate's id; -1 makes a test link.
    affiliate: i64,
    /// The creative's id; exactly one of creative and offer is needed.
    creative: Option<i64>,
    /// The offer's id instead, where it has one creative that can be used.
    offer: Option<i64>,
    /// Sub-affiliate.
    s1: Option<String>,
    /// Free sub id.
    s2: Option<String>,
    /// Free sub id.
    s3: Option<String>,
    /// Free sub id.
    s4: Option<String>,
    /// Free sub id.
    s5: Option<String>,
    /// Which of the affiliate's campaigns: `c` CPC, `m` CPM, `f` fixed, `r` RevShare.
    price_format: Option<String>,
    /// Offer contract, where the offer has more than one.
    offer_contract: Option<i64>,
    /// Media type, recorded only.
    media_type: Option<i64>,
}

/// A tracking link.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Link {
    /// Its address.
    #[schema(example = "https://trk.example/?a=12&c=1057")]
    pub link: String,
    /// How a click on it ends at present on its own offer, the visitor's address and country,
    /// and caps, aside: `ok`, or why it is turned away, to a redirect offer if there is one.
    #[schema(value_type = String, example = "ok")]
    pub disposition: Disposition,
}

/// A click pixel.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PixelCode {
    /// HTML for the top of a page's body.
    pub code: String,
    /// How a click of it ends at present, the visitor's address and country, and caps, aside:
    /// `ok`, or why it is turned away.
    #[schema(value_type = String, example = "ok")]
    pub disposition: Disposition,
}

/// An affiliate's tracking link.
#[utoipa::path(
    get,
    path = "/links",
    tag = "links",
    operation_id = "make_link",
    params(LinkParameters),
    responses(
        (status = 200, body = Link),
        ListProblems,
        KeyProblems,
    )
)]
pub(crate) async fn link<S: Store + Clone>(
    QueryCall { admin, caller, query }: QueryCall<S>,
) -> Result<Json<Link>, ApiError> {
    let network = admin.installation.network.snapshot();
    let now = admin.installation.clock.now();
    let Wanted { affiliate, creative, sub_ids, options } = wanted(query, caller.role, &network, now)?;
    let link = tracking_link(admin.tracking_url(&network), affiliate, creative, &sub_ids, options);
    let disposition = gate::of_link(&network, now, affiliate, creative, &sub_ids, options);
    Ok(Json(Link { link, disposition }))
}

/// The click pixel of a page that an affiliate's visitors reach without a link.
#[utoipa::path(
    get,
    path = "/pixel-code",
    tag = "links",
    operation_id = "make_pixel_code",
    params(LinkParameters),
    responses(
        (status = 200, body = PixelCode),
        ListProblems,
        KeyProblems,
    )
)]
pub(crate) async fn pixel_code<S: Store + Clone>(
    QueryCall { admin, caller, query }: QueryCall<S>,
) -> Result<Json<PixelCode>, ApiError> {
    let network = admin.installation.network.snapshot();
    let now = admin.installation.clock.now();
    let Wanted { affiliate, creative, sub_ids, options } = wanted(query, caller.role, &network, now)?;
    let code = click_pixel_code(admin.tracking_url(&network), affiliate, creative, &sub_ids, options);
    let disposition = gate::of_link(&network, now, affiliate, creative, &sub_ids, options);
    Ok(Json(PixelCode { code, disposition }))
}

struct Wanted {
    affiliate: AffiliateId,
    creative: CreativeId,
    sub_ids: SubIds,
    options: LinkOptions,
}

/// Reads what is wanted and refuses what the network does not have: a link to
/// nothing is a lost click.
fn wanted(
    mut query: QueryString,
    role: Role,
    network: &Snapshot,
    now: Timestamp,
) -> Result<Wanted, ApiError> {
    if let Role::Buyer(_) = role {
        return Err(ApiError::Forbidden("a buyer has no links".to_owned()));
    }
    let affiliate = query.affiliate("affiliate");
    let creative: Option<CreativeId> = query.id("creative");
    let offer: Option<OfferId> = query.id("offer");
    let sub_ids = ["s1", "s2", "s3", "s4", "s5"].map(|name| query.text(name).unwrap_or_default());
    let options = LinkOptions {
        price_format: query.read("price_format", "\"c\", \"m\", \"f\" or \"r\"", PriceFormat::from_letter),
        offer_contract: query.id("offer_contract"),
        media_type: query.id("media_type"),
    };
    query.finish()?;
    let target = match (creative, offer) {
        (Some(creative), None) => Some(Target::Creative(creative)),
        (None, Some(offer)) => Some(Target::Offer(offer)),
        (Some(_), Some(_)) => {
            let message = "only one of creative and offer can be given";
            return Err(ApiError::Invalid(vec![FieldError::new("offer", message)]));
        }
        (None, None) => None,
    };
    let (Some(affiliate), Some(target)) = (affiliate, target) else {
        let absent = [
            ("affiliate", affiliate.is_none(), "is needed"),
            ("creative", target.is_none(), "is needed, or offer"),
        ];
        let absent = absent.into_iter().filter(|(_, is_absent, _)| *is_absent);
        return Err(ApiError::Invalid(absent.map(|(name, _, said)| FieldError::new(name, said)).collect()));
    };
    if let Role::Affiliate(own) = role {
        super::only_its_own(&mut Some(affiliate), own)?;
    }
    let creative = check(affiliate, target, options, (role, now), network)?;
    Ok(Wanted { affiliate, creative, sub_ids: SubIds::new(sub_ids.each_ref().map(String::as_str)), options })
}

/// What a link is to lead to.
#[derive(Clone, Copy)]
enum Target {
    Creative(CreativeId),
    Offer(OfferId),
}

fn check(
    affiliate: AffiliateId,
    target: Target,
    options: LinkOptions,
    (role, now): (Role, Timestamp),
    network: &Snapshot,
) -> Result<CreativeId, ApiError> {
    let mut errors = Vec::new();
    if affiliate != AffiliateId::TEST && network.affiliate(affiliate).is_none() {
        errors.push(FieldError::new("affiliate", format!("no affiliate {affiliate}")));
    }
    // An affiliate is not told of offers that it may not run.
    let may_run = |offer: &crumb_network::CompiledOffer| {
        role.is_of_the_network()
            || offer.offer.status == OfferStatus::Public
            || network.campaigns(affiliate, offer.offer.id).next().is_some()
    };
    let found = match target {
        Target::Creative(id) => {
            let found = network.creative(id).filter(|(offer, _)| may_run(offer));
            found.map(|(offer, _)| (offer, id)).ok_or(("creative", format!("no creative {id}")))
        }
        Target::Offer(id) => match network.offer(id).filter(|offer| may_run(offer)) {
            Some(offer) => offer.only_creative(now).map(|only| (offer, only)).map_err(|why| ("offer", why)),
            None => Err(("offer", format!("no offer {id}"))),
        },
    };
    match found {
        Err((name, message)) => errors.push(FieldError::new(name, message)),
        Ok((offer, creative)) => match options.offer_contract.filter(|id| offer.contract(*id).is_none()) {
            Some(id) => {
                let message = format!("no offer contract {id} of offer {}", offer.offer.id);
                errors.push(FieldError::new("offer_contract", message));
            }
            None if errors.is_empty() => return Ok(creative),
            None => {}
        },
    }
    Err(ApiError::Invalid(errors))
}
