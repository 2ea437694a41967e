//! Asking for a lead's price before it is posted.

use super::{Example, FieldDoc, Ids, Language, Method, curl};
use crate::answer::{PingReply, render_ping};
use crumb_domain::outcome::Problem;
use crumb_domain::pings::PingLimits;
use crumb_domain::time::{Day, Zone};
use crumb_domain::{Money, Timestamp};

/// A sample price: 12.00.
const PRICE: Money = Money::from_micros(12 * Money::MICROS_PER_UNIT);
const SAMPLE_PING: &str = "9F2K7QX0M4T1ZB83WYAC";

/// How a server asks what a lead would be bought for, and then posts it.
#[derive(Debug, Clone, PartialEq)]
pub struct PingDoc {
    /// What it is for.
    pub summary: String,
    /// Where to ask.
    pub url: String,
    /// How, point by point.
    pub steps: Vec<String>,
    /// Complete examples. They ask for, and post, test leads.
    pub examples: Vec<Example>,
    /// What comes back.
    pub answers: Vec<Example>,
}

impl PingDoc {
    /// Of a method, where leads of its offer can be asked for: those that are sold within
    /// the post, from server to server.
    pub(super) fn of(method: Method, ids: &Ids, fields: &[FieldDoc], today: Day) -> Option<Self> {
        let is_json = match method {
            Method::Server => false,
            Method::ServerJson => true,
            _ => return None,
        };
        if !ids.sells_at_once {
            return None;
        }
        Some(Self {
            summary: format!(
                "Before you post a lead you may ask what you would be paid for it, without saying whose it is. An \
                 accepted ping tells the price and a ping id; a post that names the id within {} is sold at that \
                 price or better, or answers an error.",
                life(ids.pings)
            ),
            url: format!("{}/ping.ashx", ids.base),
            steps: steps(fields, ids.pings),
            examples: curl::ping(ids, fields, is_json),
            answers: answers(is_json, today, ids.pings),
        })
    }
}

/// How long a quote holds.
pub(super) fn life(limits: PingLimits) -> String {
    counted(f64::from(limits.life_seconds), "second")
}

/// `1 ping`, `2.5 seconds`.
fn counted(number: f64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1.0 { "" } else { "s" })
}

fn steps(fields: &[FieldDoc], limits: PingLimits) -> Vec<String> {
    let names = |personal: bool| {
        let of_kind = fields.iter().filter(|field| field.is_personal == personal);
        of_kind.map(|field| format!("`{}`", field.name)).collect::<Vec<_>>().join(", ")
    };
    let mut steps = vec![format!(
        "Ping with `ckm_campaign_id`, `ckm_key` and the fields that name nobody: {}. Send at least the required ones.",
        names(false)
    )];
    if fields.iter().any(|field| field.is_personal) {
        steps.push(format!("Personal fields are ignored and not kept: {}.", names(true)));
    }
    steps.extend(
        [
            &format!(
                "`ckm_max_seconds` shortens the time for the answer, which is {} at most.",
                counted(f64::from(limits.deadline_ms) / 1_000.0, "second")
            ),
            "Post the whole lead as usual, with `ckm_ping_id` and with the pinged fields as they were.",
            "A ping id is used once, by the campaign that pinged, and only by a post that makes a lead. Otherwise \
             the post is answered Invalid Ping ID, or Ping Expired once the time is over.",
            "A ping reserves nothing: if no buyer takes the lead at the price any more, the post is answered No \
             Qualified Buyers Found.",
            &format!(
                "At most {} a second, {} at once; more are answered with HTTP 429, Too Many Pings.",
                counted(f64::from(limits.per_second), "ping"),
                limits.burst()
            ),
        ]
        .map(|step: &str| step.to_owned()),
    );
    steps
}

fn answers(is_json: bool, today: Day, limits: PingLimits) -> Vec<Example> {
    let language = if is_json { Language::Json } else { Language::Xml };
    let noon = Zone::UTC.moment(today, 12 * 60);
    let shown =
        |title: &str, reply: &PingReply| Example::new(title, language, render_ping(is_json, reply).body);
    let accepted = PingReply::Accepted {
        ping: SAMPLE_PING.to_owned(),
        price: PRICE,
        expires: Timestamp::plus_seconds(noon, i64::from(limits.life_seconds)),
    };
    let rejected = PingReply::Rejected { errors: vec![Problem::NoQualifiedBuyers.as_str().to_owned()] };
    vec![shown("Accepted", &accepted), shown("Rejected", &rejected)]
}
