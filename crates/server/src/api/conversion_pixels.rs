//! `GET /conversion-pixels`: what is put on thank-you pages and into advertisers' servers.

use super::call::QueryCall;
use super::problem::{ApiError, FieldError, KeyProblems, ListProblems};
use super::role::Role;
use axum::Json;
use crumb_domain::{EventId, OfferId};
use crumb_storage::Store;
use crumb_wire::conversion_code::{ConversionCode, PixelOf, conversion_code};
use serde::Serialize;
use utoipa::ToSchema;

/// A conversion pixel in its four forms. `TRANSACTION_ID` and `REQUEST_ID` are for the page
/// or server to replace.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PixelForms {
    /// HTML: a frame, which can show affiliates' own pixels.
    pub iframe: String,
    /// HTML: a script, which can as well.
    pub js: String,
    /// HTML: an image.
    pub img: String,
    /// The address that a server calls.
    #[schema(example = "https://trk.example/p.ashx?o=400&e=3&f=pb&r=REQUEST_ID&t=TRANSACTION_ID")]
    pub pb: String,
}

/// The pixel of an event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventPixel {
    /// The event's id.
    #[schema(value_type = i64)]
    pub event: EventId,
    /// Its name.
    pub name: String,
    /// Whether a pixel without `e` means it.
    pub default: bool,
    /// The pixel.
    #[serde(flatten)]
    pub forms: PixelForms,
}

/// The conversion pixels of an offer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConversionPixels {
    /// One per event.
    pub data: Vec<EventPixel>,
    /// The pixel of all offers of the offer's advertiser; null where it has none.
    pub advertiser: Option<PixelForms>,
}

impl From<ConversionCode> for PixelForms {
    fn from(code: ConversionCode) -> Self {
        Self { iframe: code.iframe, js: code.script, img: code.image, pb: code.postback }
    }
}

/// The conversion pixels of an offer, for the network's own people to give out.
#[utoipa::path(
    get,
    path = "/conversion-pixels",
    tag = "links",
    operation_id = "make_conversion_pixels",
    params(("offer" = i64, Query, description = "The offer's id.")),
    responses(
        (status = 200, body = ConversionPixels),
        ListProblems,
        KeyProblems,
    )
)]
pub(crate) async fn list<S: Store + Clone>(
    QueryCall { admin, caller, mut query }: QueryCall<S>,
) -> Result<Json<ConversionPixels>, ApiError> {
    if let Role::Affiliate(_) | Role::Buyer(_) = caller.role {
        let message = format!("the role {} has no use for conversion pixels", caller.role);
        return Err(ApiError::Forbidden(message));
    }
    let id = query.id::<OfferId>("offer");
    query.finish()?;
    let Some(id) = id else {
        return Err(ApiError::Invalid(vec![FieldError::new("offer", "is needed")]));
    };
    let network = admin.installation.network.snapshot();
    let Some(offer) = network.offer(id) else {
        return Err(ApiError::Invalid(vec![FieldError::new("offer", format!("no offer {id}"))]));
    };
    let base_url = admin.tracking_url(&network);
    let forms = |of, event| PixelForms::from(conversion_code(base_url, of, event));
    let default = offer.default_event().map(|event| event.id);
    let data = offer.events().iter().map(|event| EventPixel {
        event: event.id,
        name: event.name.clone(),
        default: Some(event.id) == default,
        forms: forms(PixelOf::Offer(id), Some(event.id)),
    });
    Ok(Json(ConversionPixels {
        data: data.collect(),
        advertiser: offer.offer.advertiser.map(|id| forms(PixelOf::Advertiser(id), None)),
    }))
}
