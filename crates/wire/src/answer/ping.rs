//! Answers to pings: what a lead would be bought for, or why nobody would.

use super::{ajax, document, ok};
use crumb_domain::post::StoredAnswer;
use crumb_domain::{Money, Timestamp};
use serde::Serialize;

/// What became of a ping, as far as its sender is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PingReply {
    /// Somebody would buy the lead.
    Accepted {
        /// What the post names.
        ping: String,
        /// What the affiliate is paid for the lead.
        price: Money,
        /// Until when that holds; told in whole seconds, none too many.
        expires: Timestamp,
    },
    /// Nobody would, or something is wrong with the ping.
    Rejected {
        /// What.
        errors: Vec<String>,
    },
}

/// The answer to a ping, as XML or JSON.
pub fn render_ping(json: bool, reply: &PingReply) -> StoredAnswer {
    if json { as_json(reply) } else { as_xml(reply) }
}

fn as_xml(reply: &PingReply) -> StoredAnswer {
    let mut body = document::begin();
    match reply {
        PingReply::Accepted { ping, price, expires } => {
            document::element(&mut body, "code", "0");
            document::element(&mut body, "msg", "accepted");
            document::element(&mut body, "pingid", ping);
            document::element(&mut body, "price", &price.to_cents_string());
            document::element(&mut body, "expires", &whole_seconds(*expires));
        }
        PingReply::Rejected { errors } => {
            document::element(&mut body, "code", "1");
            document::element(&mut body, "msg", "rejected");
            document::errors(&mut body, errors.iter().map(String::as_str));
        }
    }
    document::end(body)
}

fn as_json(reply: &PingReply) -> StoredAnswer {
    #[derive(Serialize)]
    struct Accepted<'a> {
        code: u8,
        msg: &'static str,
        pingid: &'a str,
        price: String,
        expires: String,
    }
    #[derive(Serialize)]
    struct Rejected<'a> {
        code: u8,
        msg: &'static str,
        errors: &'a [String],
    }
    let body = match reply {
        PingReply::Accepted { ping, price, expires } => ajax::json_text(&Accepted {
            code: 0,
            msg: "accepted",
            pingid: ping,
            price: price.to_cents_string(),
            expires: whole_seconds(*expires),
        }),
        PingReply::Rejected { errors } => ajax::json_text(&Rejected { code: 1, msg: "rejected", errors }),
    };
    ok("application/json", body)
}

fn whole_seconds(moment: Timestamp) -> String {
    Timestamp::from_micros(moment.unix_seconds().saturating_mul(1_000_000)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

    fn accepted() -> PingReply {
        PingReply::Accepted {
            ping: "9F2K".to_owned(),
            price: "12".parse().unwrap(),
            expires: "2030-01-01T00:00:30.999Z".parse().unwrap(),
        }
    }

    fn rejected() -> PingReply {
        PingReply::Rejected { errors: vec!["No Qualified Buyers Found".to_owned(), "a < b".to_owned()] }
    }

    #[test]
    fn a_price_is_told_with_the_ping_id_and_its_end_in_whole_seconds() {
        let xml = render_ping(false, &accepted());
        assert_eq!((xml.status, xml.content_type.as_deref()), (200, Some("text/xml; charset=utf-8")));
        let expected = "<result><code>0</code><msg>accepted</msg><pingid>9F2K</pingid><price>12.00</price>\
                        <expires>2030-01-01T00:00:30Z</expires></result>";
        assert_eq!(xml.body, format!("{HEAD}{expected}"));
        let json = render_ping(true, &accepted());
        assert_eq!((json.status, json.content_type.as_deref()), (200, Some("application/json")));
        let expected =
            r#"{"code":0,"msg":"accepted","pingid":"9F2K","price":"12.00","expires":"2030-01-01T00:00:30Z"}"#;
        assert_eq!(json.body, expected);
    }

    #[test]
    fn a_refusal_names_its_errors() {
        let expected = "<result><code>1</code><msg>rejected</msg><errors><error>No Qualified Buyers Found</error>\
                        <error>a &lt; b</error></errors></result>";
        assert_eq!(render_ping(false, &rejected()).body, format!("{HEAD}{expected}"));
        let expected = r#"{"code":1,"msg":"rejected","errors":["No Qualified Buyers Found","a < b"]}"#;
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&render_ping(true, &rejected()).body).unwrap(),
            serde_json::from_str::<serde_json::Value>(expected).unwrap()
        );
    }
}
