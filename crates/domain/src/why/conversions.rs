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
            credited(conversion.affiliate, lookup, &session_id, conversion.session, conversion.at)
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
        PixelDisposition::Ok if call.conversion == Some(call.id) => return credited_by(call, session),
        PixelDisposition::Ok => {
            let credited = credited_by(call, session);
            return format!(
                "{credited} The session has a lead, which is that conversion: the call is noted with it."
            );
        }
        PixelDisposition::OverCap => {
            let credited = credited_by(call, session);
            return format!("{credited} A conversion cap is full, so it is recorded at 0.00.");
        }
        PixelDisposition::InvalidOffer => "it names no offer or advertiser that there is".to_owned(),
        PixelDisposition::InvalidSignature => {
            "the offer wants signed calls, and this one's signature is missing, wrong or out of its time"
                .to_owned()
        }
        PixelDisposition::NotWhitelisted => "it came from no address of the offer's list".to_owned(),
        PixelDisposition::InvalidRequestId => not_found(call.lookup).to_owned(),
        PixelDisposition::ClickExpired => {
            format!("{} is older than the offer's click cookie days", aged(call, session))
        }
        PixelDisposition::InvalidEvent => "the offer has no such event".to_owned(),
        PixelDisposition::DuplicateConversion if call.transaction_id.is_some() => {
            format!(
                "{} has converted with this event, or the call's transaction id was there before",
                named(session)
            )
        }
        PixelDisposition::DuplicateConversion => {
            format!("{} has converted with this event", named(session))
        }
    };
    format!("{}: {because}, so the call made no conversion.", call.disposition.as_str())
}

fn credited_by(call: &PixelCall, session: Option<RequestId>) -> String {
    match (call.affiliate, call.session) {
        (Some(affiliate), Some(row)) => credited(affiliate, call.lookup, &named(session), row, call.at),
        _ => String::new(),
    }
}

fn credited(
    affiliate: AffiliateId,
    lookup: Option<SessionLookup>,
    session: &str,
    row: RowId,
    at: Timestamp,
) -> String {
    let (whose, age) = (whose(affiliate), age_of(row, at));
    match lookup {
        Some(SessionLookup::RequestId) => {
            format!("Credited to {whose} by request id: the call named {session}, which was {age} old.")
        }
        Some(SessionLookup::Cookie) => {
            format!("Credited to {whose} by the visitor's cookie: it names {session}, which was {age} old.")
        }
        Some(SessionLookup::Device) => format!(
            "Credited to {whose} by device id: a click that named the same is of {session}, which was {age} old."
        ),
        _ => format!("Credited to {whose} with {session}, which was {age} old."),
    }
}

fn aged(call: &PixelCall, session: Option<RequestId>) -> String {
    let age = call.session.map(|row| format!(", {} old,", age_of(row, call.at)));
    named(session) + &age.unwrap_or_default()
}

/// Why no session was found.
fn not_found(lookup: Option<SessionLookup>) -> &'static str {
    match lookup {
        Some(SessionLookup::MalformedRequestId) => "its request id is none that was given out here",
        Some(SessionLookup::UnknownRequestId) => "there is no session of its request id",
        Some(SessionLookup::OtherOffer) => "its request id is of a session on another offer",
        Some(SessionLookup::NothingNamed) => "it brought no request id and no cookie of the offer",
        Some(SessionLookup::UnsignedCookie) => {
            "it brought no request id, and the offer's cookie was not signed by this installation"
        }
        Some(SessionLookup::UnknownCookie) => {
            "it brought no request id, and there is no session of the offer's cookie"
        }
        Some(SessionLookup::UnknownDevice) => {
            "it brought no request id and no cookie of the offer, and no click on it named its device"
        }
        Some(SessionLookup::RequestId | SessionLookup::Cookie | SessionLookup::Device) => {
            "the offer of its session is not there any more"
        }
        None => "no session was found",
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
            "Duplicate Conversion: session 4711 has converted with this event, or the call's transaction id was there \
             before, so the call made no conversion."
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
