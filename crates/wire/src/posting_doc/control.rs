//! What a post says besides the fields of the lead.

use super::{Ids, Method};

/// A control parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Whether the method needs it.
    pub required: bool,
    /// What to send, where that is known.
    pub value: Option<String>,
    /// What it does.
    pub description: &'static str,
}

pub(super) fn parameters(method: Method, ids: &Ids) -> Vec<Parameter> {
    let mut parameters = identity(method, ids);
    let optional = |name, description| Parameter { name, required: false, value: None, description };
    if matches!(method, Method::Server | Method::ServerJson | Method::Xml) {
        parameters.extend([
            optional("ckm_subid", "Your sub-affiliate, at most 50 characters."),
            optional(
                "ckm_subid_2",
                "Free sub id, at most 100 characters; what is over goes on in the next one.",
            ),
            optional("ckm_subid_3", "As `ckm_subid_2`."),
            optional("ckm_subid_4", "As `ckm_subid_2`."),
            optional("ckm_subid_5", "As `ckm_subid_2`; what is over is cut."),
        ]);
    }
    parameters.push(Parameter {
        name: "ckm_test",
        required: false,
        value: Some("1".to_owned()),
        description: "`1` makes it a test lead: checked and answered, never sold, paid or counted. Leave it out \
                      for real leads.",
    });
    parameters.push(optional(
        "ckm_upsell",
        "`1` says that this is a further lead of somebody who has just sent one: it goes to buyers of upsells only.",
    ));
    if method == Method::Session {
        parameters.push(optional(
            "ckm_bp",
            "`1` answers as to a browser: by a redirect to the next page instead of XML.",
        ));
    }
    if !method.is_browser() {
        parameters.extend([
            optional(
                "ckm_lead_id",
                "Updates the lead of that id with the fields sent; what is not sent stays as it is.",
            ),
            optional("ckm_resell", "With `ckm_lead_id`: `1` also offers the lead for sale again."),
            optional("ckm_max_seconds", "Shortens the time that a sale may take."),
        ]);
    }
    parameters
}

/// What says whose the lead is.
fn identity(method: Method, ids: &Ids) -> Vec<Parameter> {
    let required = |name, value: &str, description| Parameter {
        name,
        required: true,
        value: Some(value.to_owned()),
        description,
    };
    let campaign = [
        required("ckm_campaign_id", &ids.campaign, "The campaign: affiliate and offer."),
        required("ckm_key", &ids.key, "The campaign's post key."),
    ];
    let offer = required("ckm_offer_id", &ids.offer, "The offer.");
    match method {
        Method::Server | Method::ServerJson => campaign.into(),
        Method::Xml => {
            let mut parameters = vec![required("ckm_xml", "1", "Says that the body is XML. In the address.")];
            parameters.extend(campaign);
            parameters
        }
        Method::Session | Method::SessionJson => vec![
            offer,
            Parameter {
                name: "ckm_request_id",
                required: true,
                value: None,
                description: "The request id of the visitor's click: `#reqid#` of the offer link, or \
                              `ckm_request_id` of the click pixel.",
            },
        ],
        Method::BrowserHttp => vec![
            offer,
            Parameter {
                name: "ckm_request_id",
                required: false,
                value: None,
                description: "The request id of the visitor's click, together with `ckm_bp=1`: credits the lead \
                              also where the browser keeps no cookies.",
            },
            Parameter {
                name: "ckm_bp",
                required: false,
                value: Some("1".to_owned()),
                description: "With `ckm_request_id`: still answers as to a browser, by a redirect.",
            },
        ],
        Method::BrowserAjax => vec![
            offer,
            Parameter {
                name: "ckm_request_id",
                required: false,
                value: None,
                description: "A hidden field, left empty: the scripts fill it in, so that the lead is credited \
                              also where the browser keeps no cookies.",
            },
        ],
    }
}
