//! `GET /openapi.json`: the API's description, made from the code.

use super::{
    alerts, buyers, clicks, conversion_import, conversion_pixels, conversions, deliveries, events, explain,
    held, impressions, keys, late_facts, lead_actions, leads, ledger, links, pixels, posting_docs,
    rejections, returns, statuses, sub_affiliates, test_post, timeline,
};
use axum::Json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Crumb",
        description = "Clicks, leads and what became of them. Amounts are decimal strings, times RFC 3339 in \
                       UTC, ids numbers, request ids strings."
    ),
    servers((url = "/api/v1")),
    paths(
        alerts::list,
        clicks::list,
        clicks::get,
        conversions::list,
        conversions::get,
        conversion_import::create,
        late_facts::adjust,
        late_facts::approve,
        late_facts::reject,
        late_facts::give_back,
        pixels::list,
        deliveries::list,
        deliveries::get,
        deliveries::replay,
        leads::list,
        leads::get,
        explain::get,
        timeline::get,
        timeline::of_conversion,
        lead_actions::accept,
        lead_actions::throw_out,
        lead_actions::resell,
        lead_actions::settle,
        held::list,
        returns::of_lead,
        returns::create,
        returns::approve,
        returns::refuse,
        returns::list,
        statuses::of_lead,
        statuses::create,
        buyers::balance,
        buyers::credit,
        ledger::list,
        rejections::list,
        sub_affiliates::list,
        impressions::count,
        events::stream,
        keys::list,
        links::link,
        links::pixel_code,
        conversion_pixels::list,
        posting_docs::create,
        test_post::send,
    ),
    modifiers(&BearerKey),
    security(("key" = []))
)]
struct Document;

struct BearerKey;

impl Modify for BearerKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        document.components.get_or_insert_default().add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

/// The document.
pub fn description() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// `GET` of it; needs no key.
pub(crate) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(description())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_of_the_api_is_as_it_was_agreed() {
        insta::assert_json_snapshot!(description());
    }
}
