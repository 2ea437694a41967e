//! Why a click, a lead or a conversion was credited as it was: one clear sentence or
//! two, for people, made from what was recorded and never from guesses.

mod conversions;

pub use conversions::{explain_conversion, explain_pixel};

use crate::attribution::{Attribution, Claim};
use crate::click::{Click, ClickSource, Disposition, NonHuman};
use crate::lead::{Lead, LeadOutcome};
use crate::outcome::Problem;
use crate::{AffiliateId, OfferId, RequestId, RowId, Timestamp};

/// Says whose a lead is, and by what. `session` is the public name of
/// [`Lead::session`]. The text holds ids only, no personal data.
pub fn explain_attribution(lead: &Lead, session: RequestId) -> String {
    let age = age_of(lead.session, lead.at);
    let request_id = request_id_clause(lead.trace.request_id, lead.offer);
    let mut text = match lead.attribution {
        Attribution::Key => by_key(lead, session, &age, &request_id),
        Attribution::RequestId => format!(
            "Credited to {} by request id {session}: the post named it, and its session is of offer {} and \
             was {age} old.",
            whose(lead.affiliate),
            lead.offer
        ),
        Attribution::Cookie => format!(
            "Credited to {} by the visitor's cookie for offer {}: {request_id}, and the cookie names session \
             {session}, which was {age} old.",
            whose(lead.affiliate),
            lead.offer
        ),
        Attribution::Internal => format!(
            "Credited to the internal affiliate {}: {request_id}, and {}.{}",
            lead.affiliate,
            cookie_clause(lead.trace.cookie, lead.offer),
            internal_sale(lead.outcome)
        ),
    };
    if lead.test {
        text.push_str(" It is a test: never sold, paid or counted.");
    }
    text
}

/// Says what a click did and where it went. `session` is the public name of
/// [`Click::session`], none where its reader may not know it; `credited` is the
/// affiliate of that session, where it was looked up.
pub fn explain_click(click: &Click, session: Option<RequestId>, credited: Option<AffiliateId>) -> String {
    let mut text = match (click.disposition, click.session) {
        (Disposition::Ok, Some(opened)) if opened == click.id => opened_session(click, &named(session)),
        (Disposition::Ok, Some(_)) => duplicate_of(click, &named(session), credited),
        (disposition, _) => diverted(click, disposition),
    };
    match click.non_human {
        Some(NonHuman::Bot) => text.push_str(" Not counted: its user agent is a known crawler's."),
        Some(NonHuman::Preview) => text.push_str(" Not counted: its user agent makes link previews."),
        Some(NonHuman::Head) => text.push_str(" Not counted: a HEAD request, which nobody looks at."),
        None => {}
    }
    if click.test {
        text.push_str(" It is a test: never paid or counted.");
    }
    text
}

/// Says why a post made no lead.
pub fn explain_rejection(problem: Problem) -> String {
    format!("{problem}: the post made no lead, because {}.", reason(problem))
}

/// Why posts are answered a problem, as a clause: `the offer has expired`.
pub fn reason(problem: Problem) -> &'static str {
    match problem {
        Problem::InvalidPostKey => "it names no campaign with that campaign's key, and no offer",
        Problem::NotAuthorized => {
            "the affiliate has no campaign on an offer that is not public, or its campaign is another's by now"
        }
        Problem::InactiveAffiliate => "the affiliate is not active",
        Problem::InactiveSubAffiliate => "the sub-affiliate is turned off",
        Problem::BlacklistedAffiliate => "the affiliate is blacklisted",
        Problem::BlacklistedSubAffiliate => "the sub-affiliate is blacklisted",
        Problem::InactiveOffer => "the offer is not active, or there is none of that id",
        Problem::OfferExpired => "the offer has expired",
        Problem::InactiveCampaign => "the campaign is not active",
        Problem::CampaignExpired => "the campaign has expired",
        Problem::InactiveCreative => "the session's creative is not active",
        Problem::CreativeExpired => "the session's creative has expired",
        Problem::BlockedIpAddress => "the poster's or the consumer's address is blocked",
        Problem::GeotargetMismatch => "the consumer's country is not among the offer's",
        Problem::InvalidXml => "its XML cannot be read",
        Problem::InvalidJson => "its JSON cannot be read",
        Problem::LeadMissingData => "a required field is absent or blank",
        Problem::ValidationFailed => "a value fails its field's validator",
        Problem::DuplicateLead => "there is an earlier lead of the same person within the window",
        Problem::UnmatchedFilter => "the vertical's inbound filter does not want it",
        Problem::OfferOverLeadCap => "the offer has reached its lead cap",
        Problem::CampaignOverLeadCap => "the campaign has reached its lead cap",
        Problem::NoQualifiedBuyers => "no buyer wanted it",
        Problem::InvalidLeadId => "it names no lead that the poster may change",
        Problem::InvalidPingId => "it names no unused price of its campaign for what it says",
        Problem::PingExpired => "the price that it names has passed",
        Problem::TooManyPings => "its campaign asked for prices faster than it may",
    }
}

fn by_key(lead: &Lead, session: RequestId, age: &str, request_id: &str) -> String {
    let campaign = lead.campaign.map_or_else(|| "its campaign".to_owned(), |id| format!("campaign {id}"));
    let follows = match lead.trace.request_id {
        Claim::Credited => format!(
            "its request id {session} is a click of this campaign, {age} old, and the lead belongs to it"
        ),
        Claim::OfLead => format!(
            "its request id {session} is a session that an earlier lead of this campaign opened, {age} old, and \
             the lead belongs to it"
        ),
        _ => format!("{request_id}, so the lead opened session {session} of its own"),
    };
    format!("Credited to {} by the id and key of {campaign}; {follows}.", whose(lead.affiliate))
}

fn request_id_clause(claim: Claim, offer: OfferId) -> String {
    match claim {
        Claim::Absent => "the post brought no request id".to_owned(),
        Claim::Empty => "the post's request id was empty".to_owned(),
        claim => format!("the post's request id {}", predicate(claim, offer)),
    }
}

fn cookie_clause(claim: Claim, offer: OfferId) -> String {
    match claim {
        Claim::Absent => format!("the request carried no cookie of offer {offer}"),
        Claim::Empty => "the offer's cookie was empty".to_owned(),
        Claim::Malformed => "the offer's cookie was not signed by this installation".to_owned(),
        claim => format!("the session of the offer's cookie {}", predicate(claim, offer)),
    }
}

fn predicate(claim: Claim, offer: OfferId) -> String {
    match claim {
        Claim::Absent | Claim::Empty => "is absent".to_owned(),
        Claim::Malformed => "is not of the form of one".to_owned(),
        Claim::Unknown => "is unknown: there is no such session".to_owned(),
        Claim::OtherOffer => format!("is of another offer than {offer}"),
        Claim::OtherCampaign => "is of another campaign than the post's".to_owned(),
        Claim::Expired => "is older than the offer's click cookie days".to_owned(),
        Claim::NotAClick => "was opened by a lead and not by a click, so it attributes no other".to_owned(),
        Claim::Credited => format!("is a click on offer {offer}"),
        Claim::OfLead => format!("is a session that a lead of offer {offer} opened"),
    }
}

/// What being nobody's means for the sale: a browser's lead is offered all the
/// same, a server's is not.
fn internal_sale(outcome: LeadOutcome) -> &'static str {
    match outcome {
        LeadOutcome::UnattributedSession => {
            " It is not offered for sale, because a session post must name a live session."
        }
        LeadOutcome::Test | LeadOutcome::Review | LeadOutcome::ThrownOut => "",
        _ => " As a browser's post it is offered for sale all the same.",
    }
}

fn opened_session(click: &Click, session: &str) -> String {
    format!(
        "Opened {session} for {} on {}: the click belongs to no live session of this visitor. Leads and \
         conversions of the session are credited to it.",
        click.affiliate.map_or_else(|| "nobody".to_owned(), whose),
        on_what(click)
    )
}

fn duplicate_of(click: &Click, session: &str, credited: Option<AffiliateId>) -> String {
    let stays = match credited {
        Some(first) if Some(first) == click.affiliate => format!("stays with {}", whose(first)),
        Some(first) => format!("stays with {}, who has the session", whose(first)),
        None => "stays with that session".to_owned(),
    };
    format!(
        "A duplicate of {session}: this visitor's session on {} is live, so the click is recorded but \
         not counted, and the credit {stays}.",
        on_what(click)
    )
}

fn diverted(click: &Click, disposition: Disposition) -> String {
    let because = match disposition {
        Disposition::Ok => "the click was kept without a session",
        Disposition::AlreadyConverted => "this visitor's session on the offer has already converted",
        Disposition::InvalidLink => "the link names no known affiliate, creative or offer",
        Disposition::InactiveAffiliate => "the affiliate is not active",
        Disposition::InactiveSubAffiliate => "the sub-affiliate is turned off",
        Disposition::BlacklistedAffiliate => "the affiliate is blacklisted",
        Disposition::BlacklistedSubAffiliate => "the sub-affiliate is blacklisted",
        Disposition::InactiveCreative => "the creative is not active",
        Disposition::CreativeExpired => "the creative has expired",
        Disposition::InactiveOffer => "the offer is not active",
        Disposition::OfferExpired => "the offer has expired",
        Disposition::InactiveCampaign => "the campaign is not active",
        Disposition::CampaignExpired => "the campaign has expired",
        Disposition::NotAuthorized => "the affiliate has no campaign on an offer that is not public",
        Disposition::GeotargetMismatch => "the visitor's country is not among the offer's",
        Disposition::OfferOverClickCap => "the offer has reached its click cap",
        Disposition::CampaignOverClickCap => "the campaign has reached its click cap",
        Disposition::BlockedIpAddress => "the visitor's address is blocked",
    };
    let went = match (click.source, &click.redirect) {
        (ClickSource::Link, Some(_)) => "the visitor was sent elsewhere",
        (ClickSource::Link, None) => "the visitor got no redirect",
        (ClickSource::JsPixel | ClickSource::ImagePixel, _) => "the pixel gave no credit",
    };
    format!("{disposition}: {because}, so {went} and the click is not counted.")
}

fn whose(affiliate: AffiliateId) -> String {
    if affiliate == AffiliateId::TEST {
        "the test affiliate".to_owned()
    } else {
        format!("affiliate {affiliate}")
    }
}

fn on_what(click: &Click) -> String {
    click.offer.map_or_else(|| "no offer".to_owned(), |offer| format!("offer {offer}"))
}

fn named(session: Option<RequestId>) -> String {
    session.map_or_else(|| "another session".to_owned(), |id| format!("session {id}"))
}

/// How old a session was: its id says when it began, within a second or two.
fn age_of(session: RowId, at: Timestamp) -> String {
    let seconds = (at.unix_seconds() - session.made_at().unix_seconds()).max(0);
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::AttributionTrace;
    use crate::examples::{began, click};

    fn lead(attribution: Attribution, request_id: Claim, cookie: Claim) -> Lead {
        let trace = AttributionTrace { request_id, cookie };
        Lead { attribution, trace, ..crate::examples::lead() }
    }

    fn name() -> RequestId {
        "4711".parse().unwrap()
    }

    #[test]
    fn a_request_id_is_named_with_its_offer_and_age() {
        let why = explain_attribution(&lead(Attribution::RequestId, Claim::Credited, Claim::Absent), name());
        assert_eq!(
            why,
            "Credited to affiliate 12 by request id 4711: the post named it, and its session is of offer 100 \
             and was 3 minutes old."
        );
    }

    #[test]
    fn a_cookie_says_what_was_wrong_with_the_request_id() {
        let why = explain_attribution(&lead(Attribution::Cookie, Claim::Unknown, Claim::Credited), name());
        assert_eq!(
            why,
            "Credited to affiliate 12 by the visitor's cookie for offer 100: the post's request id is unknown: \
             there is no such session, and the cookie names session 4711, which was 3 minutes old."
        );
    }

    #[test]
    fn a_key_says_what_became_of_the_request_id() {
        let why = explain_attribution(&lead(Attribution::Key, Claim::OtherCampaign, Claim::Absent), name());
        assert_eq!(
            why,
            "Credited to affiliate 12 by the id and key of campaign 57; the post's request id is of another \
             campaign than the post's, so the lead opened session 4711 of its own."
        );
        let why = explain_attribution(&lead(Attribution::Key, Claim::Credited, Claim::Absent), name());
        assert_eq!(
            why,
            "Credited to affiliate 12 by the id and key of campaign 57; its request id 4711 is a click of this \
             campaign, 3 minutes old, and the lead belongs to it."
        );
        let why = explain_attribution(&lead(Attribution::Key, Claim::OfLead, Claim::Absent), name());
        assert_eq!(
            why,
            "Credited to affiliate 12 by the id and key of campaign 57; its request id 4711 is a session that an \
             earlier lead of this campaign opened, 3 minutes old, and the lead belongs to it."
        );
    }

    #[test]
    fn an_internal_lead_says_whether_it_is_offered_for_sale() {
        let mut internal = lead(Attribution::Internal, Claim::Expired, Claim::Malformed);
        internal.outcome = LeadOutcome::UnattributedSession;
        assert_eq!(
            explain_attribution(&internal, name()),
            "Credited to the internal affiliate 12: the post's request id is older than the offer's click \
             cookie days, and the offer's cookie was not signed by this installation. It is not offered for \
             sale, because a session post must name a live session."
        );
        internal.outcome = LeadOutcome::NoQualifiedBuyers;
        assert!(
            explain_attribution(&internal, name())
                .ends_with("As a browser's post it is offered for sale all the same.")
        );
        for outcome in [LeadOutcome::Test, LeadOutcome::Review, LeadOutcome::ThrownOut] {
            internal.outcome = outcome;
            let why = explain_attribution(&internal, name());
            assert!(why.ends_with("was not signed by this installation."), "{why}");
        }
    }

    #[test]
    fn every_claim_gives_a_text_of_its_own() {
        use Claim::*;
        let claims = [
            Absent,
            Empty,
            Malformed,
            Unknown,
            OtherOffer,
            OtherCampaign,
            Expired,
            NotAClick,
            Credited,
            OfLead,
        ];
        let mut texts: Vec<String> = claims
            .iter()
            .flat_map(|c| [request_id_clause(*c, OfferId(1)), cookie_clause(*c, OfferId(1))])
            .collect();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), claims.len() * 2);
    }

    #[test]
    fn a_new_session_says_whose_it_is() {
        assert_eq!(
            explain_click(&click(), Some(name()), None),
            "Opened session 4711 for affiliate 12 on offer 100: the click belongs to no live session of this \
             visitor. Leads and conversions of the session are credited to it."
        );
    }

    #[test]
    fn a_duplicate_says_with_whom_the_credit_stays() {
        let mut further = click();
        further.duplicate = true;
        further.session = RowId::from_i64(1);
        assert_eq!(
            explain_click(&further, Some(name()), Some(AffiliateId(13))),
            "A duplicate of session 4711: this visitor's session on offer 100 is live, so the click is recorded \
             but not counted, and the credit stays with affiliate 13, who has the session."
        );
        assert!(
            explain_click(&further, Some(name()), Some(AffiliateId(12)))
                .ends_with("stays with affiliate 12.")
        );
        assert_eq!(
            explain_click(&further, None, None),
            "A duplicate of another session: this visitor's session on offer 100 is live, so the click is \
             recorded but not counted, and the credit stays with that session."
        );
    }

    #[test]
    fn a_diverted_click_says_its_disposition_and_the_reason() {
        let mut expired = click();
        expired.session = None;
        expired.disposition = Disposition::OfferExpired;
        assert_eq!(
            explain_click(&expired, Some(name()), None),
            "Offer Expired: the offer has expired, so the visitor was sent elsewhere and the click is not counted."
        );
    }

    #[test]
    fn tests_and_machines_are_said_to_be_such() {
        let mut bot = click();
        bot.non_human = Some(NonHuman::Bot);
        bot.test = true;
        let why = explain_click(&bot, Some(name()), None);
        assert!(why.contains("Not counted: its user agent is a known crawler's."), "{why}");
        assert!(why.ends_with("It is a test: never paid or counted."), "{why}");
    }

    #[test]
    fn every_rejection_has_its_text_and_a_reason_of_its_own() {
        let mut reasons: Vec<String> = Problem::ALL
            .iter()
            .map(|problem| {
                let why = explain_rejection(*problem);
                why.strip_prefix(&format!("{problem}: the post made no lead, because ")).unwrap().to_owned()
            })
            .collect();
        reasons.sort();
        reasons.dedup();
        assert_eq!(reasons.len(), Problem::ALL.len());
    }

    #[test]
    fn an_age_has_one_unit_and_is_never_negative() {
        let session = RowId::at_or_after(began());
        for (seconds, text) in [
            (-1, "0 seconds"),
            (1, "1 second"),
            (119, "1 minute"),
            (7_200, "2 hours"),
            (86_400 * 3, "3 days"),
        ] {
            assert_eq!(age_of(session, began().plus_seconds(seconds)), text);
        }
    }
}
