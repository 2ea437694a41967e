//! Why a conversion is whose it is, and why a call of the pixel made what it made.

use super::{age_of, named, whose};
use crate::conversion::{Conversion, ConversionSource};
use crate::pixel::{PixelCall, PixelDisposition, SessionLookup};
use crate::{AffiliateId, RequestId, RowId, Timestamp};

/// Says whose a conversion is, and by what. `session` is the public name of
/// [`Conversion::session`].
pub fn explain_conversion(conversion: &Conversion, session: Option<RequestId>) -> String {
    let (whose, session_id) = (whose(conversion.affiliate), named(session));
    let mut text = match (conversion.source, conversion.lead, conversion.lookup) {
        (_, Some(lead), _) => format!("It is lead {lead}, and {whose}'s as that is."),
        (ConversionSource::Import, _, _) => {
            format!("A person brought it in for {session_id}, which is {whose}'s.")
        }
        (_, None, lookup) => {
            let by = by(conversion.affiliate, lookup, &session_id, conversion.session, conversion.at);
            format!("Credited to {by}")
        }
    };
    if conversion.test {
        text.push_str(" It is a test: never paid or counted.");
    }
    text
}

/// Says what a call of the pixel made, or why it made nothing. `session` is the public name
/// of [`PixelCall::session`].
pub fn explain_pixel(call: &PixelCall, session: Option<RequestId>) -> String {
    let because = match call.disposition {
        PixelDisposition::Ok if call.conversion == Some(call.id) => {
            return found("Credited to", call, session);
        }
        PixelDisposition::Ok => {
            let found = found("For", call, session);
            return format!(
                "{found} The session has a lead, with which the call is noted: what it is worth is said there."
            );
        }
        PixelDisposition::OverCap => {
            let found = found("Credited to", call, session);
            return format!("{found} A conversion cap is full, so it is recorded at 0.00.");
        }
        PixelDisposition::InvalidOffer => "it names no offer or advertiser that there is".to_owned(),
        PixelDisposition::InvalidSignature => {
            "its signature is missing, wrong or out of its time, or the server lacks the offer's secret"
                .to_owned()
        }
        PixelDisposition::NotWhitelisted => "it came from no address that the offer trusts".to_owned(),
        PixelDisposition::InvalidRequestId => not_found(call),
        PixelDisposition::ClickExpired => {
            format!("{} is older than the offer's click cookie days", aged(call, session))
        }
        PixelDisposition::InvalidEvent => "the offer has no such event, or none that is active".to_owned(),
        PixelDisposition::DuplicateConversion => {
            let or = match call.transaction_id {
                Some(_) => ", or the call's transaction id was there before",
                None => "",
            };
            format!("{} had a call or a conversion of this event before{or}", named(session))
        }
    };
    format!("{}: {because}, so the call made no conversion.", call.disposition.as_str())
}

fn found(whose_is_it: &str, call: &PixelCall, session: Option<RequestId>) -> String {
    match (call.affiliate, call.session) {
        (Some(affiliate), Some(row)) => {
            format!("{whose_is_it} {}", by(affiliate, call.lookup, &named(session), row, call.at))
        }
        _ => String::new(),
    }
}

/// Whose it is, and by what.
fn by(
    affiliate: AffiliateId,
    lookup: Option<SessionLookup>,
    session: &str,
    row: RowId,
    at: Timestamp,
) -> String {
    let (whose, age) = (whose(affiliate), age_of(row, at));
    match lookup {
        Some(SessionLookup::RequestId) => {
            format!("{whose} by request id: the call named {session}, which was {age} old.")
        }
        Some(SessionLookup::Cookie) => {
            format!("{whose} by the visitor's cookie: it names {session}, which was {age} old.")
        }
        Some(SessionLookup::Device) => {
            format!("{whose} by device id: a click that named the same is of {session}, which was {age} old.")
        }
        _ => format!("{whose} with {session}, which was {age} old."),
    }
}

fn aged(call: &PixelCall, session: Option<RequestId>) -> String {
    let age = call.session.map(|row| format!(", {} old,", age_of(row, call.at)));
    named(session) + &age.unwrap_or_default()
}

/// Why no session was found.
fn not_found(call: &PixelCall) -> String {
    // A call for all of an advertiser's offers names none.
    let (its, on_another) = match call.offer {
        Some(_) => ("the offer", "another offer"),
        None => ("the advertiser's offers", "none of the advertiser's offers"),
    };
    match call.lookup {
        Some(SessionLookup::MalformedRequestId) => {
            "its request id is none that was given out here".to_owned()
        }
        Some(SessionLookup::UnknownRequestId) => "there is no session of its request id".to_owned(),
        Some(SessionLookup::OtherOffer) => format!("its request id is of a session on {on_another}"),
        Some(SessionLookup::NothingNamed) => format!("it brought no request id and no cookie of {its}"),
        Some(SessionLookup::UnsignedCookie) => {
            format!("it brought no request id, and no cookie of {its} that was signed by this installation")
        }
        Some(SessionLookup::UnknownCookie) => {
            format!(
                "it brought no request id, and there is no session of the cookie of {its} that it brought"
            )
        }
        Some(SessionLookup::UnknownDevice) => {
            format!("it brought no request id and no cookie of {its}, and no click on {its} named its device")
        }
        Some(SessionLookup::RequestId | SessionLookup::Cookie | SessionLookup::Device) => {
            "the offer of its session is not there any more".to_owned()
        }
        None => "no session was found".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversion::LeadConversion;
    use crate::examples::{began, lead};
    use crate::{ConfigVersion, EventId};

    fn call(disposition: PixelDisposition, lookup: Option<SessionLookup>) -> PixelCall {
        let id = RowId::at_or_after(began());
        PixelCall {
            id,
            at: began().plus_days(31),
            form: ConversionSource::Postback,
            disposition,
            offer: None,
            advertiser: None,
            event: None,
            lookup,
            session: Some(id),
            affiliate: Some(AffiliateId(12)),
            campaign: None,
            conversion: Some(id),
            transaction_id: None,
            trusted: false,
            ignored: Vec::new(),
            ip: None,
            user_agent: String::new(),
            referrer: String::new(),
            config_version: ConfigVersion(1),
        }
    }

    fn name() -> Option<RequestId> {
        "4711".parse().ok()
    }

    fn different(texts: impl Iterator<Item = String>) -> usize {
        let mut texts: Vec<String> = texts.collect();
        assert!(texts.iter().all(|text| text.ends_with('.') && !text.contains("  ")), "{texts:#?}");
        texts.sort();
        texts.dedup();
        texts.len()
    }

    #[test]
    fn every_end_of_a_call_and_every_way_to_find_its_session_or_none_has_a_text_of_its_own() {
        use PixelDisposition as D;
        let ends = D::ALL.iter().map(|end| explain_pixel(&call(*end, None), name()));
        assert_eq!(different(ends), D::ALL.len());
        let ways =
            |end| SessionLookup::ALL.iter().map(move |way| explain_pixel(&call(end, Some(*way)), name()));
        assert_eq!(different(ways(D::Ok)), 3 + 1, "three ways to find it, and none");
        assert_eq!(
            different(ways(D::InvalidRequestId)),
            SessionLookup::ALL.len() - 3 + 1,
            "seven ways not to"
        );
    }

    #[test]
    fn a_refused_call_begins_with_its_disposition() {
        for end in PixelDisposition::ALL.iter().filter(|end| !end.is_success()) {
            let text = explain_pixel(&call(*end, None), name());
            assert!(text.starts_with(&format!("{}: ", end.as_str())), "{text}");
            assert!(text.ends_with(", so the call made no conversion."), "{text}");
        }
    }

    #[test]
    fn a_click_that_is_too_old_is_told_with_its_age() {
        assert_eq!(
            explain_pixel(&call(PixelDisposition::ClickExpired, Some(SessionLookup::Cookie)), name()),
            "Click Expired: session 4711, 31 days old, is older than the offer's click cookie days, so the call made \
             no conversion."
        );
    }

    #[test]
    fn a_transaction_id_may_be_what_was_there_before() {
        let told = PixelCall {
            transaction_id: Some("T-1".to_owned()),
            ..call(PixelDisposition::DuplicateConversion, Some(SessionLookup::RequestId))
        };
        assert_eq!(
            explain_pixel(&told, name()),
            "Duplicate Conversion: session 4711 had a call or a conversion of this event before, or the call's \
             transaction id was there before, so the call made no conversion."
        );
    }

    #[test]
    fn a_conversion_whose_way_is_not_known_names_its_session() {
        let of_lead = Conversion::of_lead(&lead(), &LeadConversion::of(EventId(1)), None);
        let plain = Conversion { lead: None, source: ConversionSource::Postback, ..of_lead };
        assert_eq!(
            explain_conversion(&plain, name()),
            "Credited to affiliate 12 with session 4711, which was 3 minutes old."
        );
    }
}
