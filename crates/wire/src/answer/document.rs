//! What servers read: `<result>`, and the same as JSON.

use super::{LeadReply, ok, target};
use crate::escape::push_xml_text;
use crumb_domain::post::StoredAnswer;
use serde::Serialize;

/// Bytes that hold most answers.
const USUAL_BYTES: usize = 256;

/// `<result>` with its declaration, by which posting scripts tell that it is XML.
pub(super) fn xml(reply: &LeadReply) -> StoredAnswer {
    let mut body = begin();
    match reply {
        LeadReply::Success { lead, price, redirect } => {
            element(&mut body, "code", "0");
            element(&mut body, "msg", "success");
            element(&mut body, "leadid", lead.as_str());
            element(&mut body, "price", &price.to_cents_string());
            if let Some(target) = target(redirect) {
                element(&mut body, "redirect", target);
            }
        }
        LeadReply::Problem { .. } | LeadReply::Fields { .. } => {
            element(&mut body, "code", "1");
            element(&mut body, "msg", "error");
            errors(&mut body, reply.errors().into_iter());
        }
    }
    end(body)
}

/// The document up to its first element.
pub(super) fn begin() -> String {
    let mut body = String::with_capacity(USUAL_BYTES);
    body.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<result>");
    body
}

/// The document behind its last element.
pub(super) fn end(mut body: String) -> StoredAnswer {
    body.push_str("</result>");
    ok("text/xml; charset=utf-8", body)
}

/// The list of what is wrong.
pub(super) fn errors<'a>(body: &mut String, texts: impl Iterator<Item = &'a str>) {
    body.push_str("<errors>");
    texts.for_each(|text| element(body, "error", text));
    body.push_str("</errors>");
}

/// The members of `<result>` as a JSON object, in the same order.
pub(super) fn json(reply: &LeadReply) -> StoredAnswer {
    #[derive(Serialize)]
    struct Accepted<'a> {
        code: u8,
        msg: &'static str,
        leadid: &'a str,
        price: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        redirect: Option<&'a str>,
    }
    #[derive(Serialize)]
    struct Failed<'a> {
        code: u8,
        msg: &'static str,
        errors: Vec<&'a str>,
    }
    let body = match reply {
        LeadReply::Success { lead, price, redirect } => super::ajax::json_text(&Accepted {
            code: 0,
            msg: "success",
            leadid: lead.as_str(),
            price: price.to_cents_string(),
            redirect: target(redirect),
        }),
        LeadReply::Problem { .. } | LeadReply::Fields { .. } => {
            super::ajax::json_text(&Failed { code: 1, msg: "error", errors: reply.errors() })
        }
    };
    ok("application/json", body)
}

/// An element that holds a text.
pub(super) fn element(body: &mut String, name: &str, text: &str) {
    body.extend(["<", name, ">"]);
    push_xml_text(body, text);
    body.extend(["</", name, ">"]);
}
