//! A new conversion of an import: whose it is, what it is worth, and whether it is there.

use super::super::late::{self, Invalid};
use super::super::record;
use super::line::{Checked, Subject};
use super::{Above, Bringing, Stop};
use crate::installation::Installation;
use crate::postbacks::Telling;
use crate::webhooks;
use crumb_domain::Timestamp;
use crumb_domain::conversion::{Conversion, ConversionDisposition, ConversionSource, Reported, Withheld};
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::network::Event;
use crumb_domain::payout::Overrides;
use crumb_domain::session::Session;
use crumb_domain::time::Day;
use crumb_domain::{Money, RowId};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_storage::conversions::{RecordConversion, SessionHad, SessionQuery};
use crumb_storage::selling::TimelineEntry;
use crumb_storage::{Store, StoreError};

/// What a row is about.
struct About<'a> {
    session: Session,
    offer: &'a CompiledOffer,
    event: &'a Event,
    at: Timestamp,
}

/// The record of a row.
pub(super) async fn record<S: Store + Clone>(
    bringing: &Bringing<'_, S>,
    checked: Checked,
    above: &mut Above,
) -> Result<RecordConversion, Stop> {
    let Bringing { site, snapshot, by } = *bringing;
    let now = site.clock.now();
    let about = about(site, snapshot, &checked.subject, now).await?;
    let conversion = conversion(site, snapshot, &about, &checked, now);
    let mut wrong = duplicates(site, &about, &conversion, above).await?;
    let effective = checked.effective.of(about.at, snapshot.zone(), now);
    let effective = effective.unwrap_or_else(|invalid| {
        wrong.push(invalid);
        None
    });
    if !wrong.is_empty() {
        return Err(Stop::Wrong(wrong));
    }
    let names = &site.keys.request_ids;
    let telling = Telling { snapshot, conversion: &conversion, session: &about.session, names, fields: &[] };
    let counts = conversion.withheld.is_none();
    let may_come_over =
        matches!(conversion.disposition, ConversionDisposition::Approved | ConversionDisposition::Pending);
    let mut deliveries = webhooks::conversion_created(site, snapshot, &conversion, now);
    if counts {
        deliveries.extend(telling.deliveries(site, now));
    }
    let noted = |entry: LedgerEntry| LedgerEntry { note: checked.note.clone(), at: now, effective, ..entry };
    Ok(RecordConversion {
        once_a_session: !about.event.allow_duplicates,
        once_a_transaction: about.event.deduplicate_transaction_id
            && conversion.reported.transaction_id.is_some(),
        session_had: SessionHad::Any,
        shows_html: false,
        caps: if may_come_over { record::cap_checks(snapshot, about.offer, &conversion) } else { Vec::new() },
        counts: if may_come_over { record::counts(snapshot, &conversion) } else { Vec::new() },
        ledger: record::entries(&conversion).into_iter().map(noted).collect(),
        deliveries,
        caps_told: if may_come_over {
            record::caps_told(site, snapshot, &conversion, now)
        } else {
            Vec::new()
        },
        timeline: vec![brought_in(
            &conversion,
            effective.map(|moment| snapshot.zone().day_of(moment)),
            checked.note.as_deref(),
            by,
            now,
        )],
        signature: None,
        conversion,
    })
}

/// What the time line begins with.
fn brought_in(
    conversion: &Conversion,
    effective: Option<Day>,
    note: Option<&str>,
    by: Option<&str>,
    at: Timestamp,
) -> TimelineEntry {
    let mut text = format!(
        "the conversion was brought in as {}, for event {} on offer {} and affiliate {}",
        conversion.disposition.as_str(),
        conversion.event,
        conversion.offer,
        conversion.affiliate
    );
    if let Some(day) = effective {
        text += &format!(", effective {day}");
    }
    if let Some(note) = note {
        text += &format!(": {note}");
    }
    TimelineEntry { at, code: "conversion_imported".to_owned(), text, by: by.map(str::to_owned) }
}

async fn about<'a, S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &'a Snapshot,
    subject: &Subject,
    now: Timestamp,
) -> Result<About<'a>, Stop> {
    let Subject::Session { session, event, at } = subject else {
        return Err(Stop::wrong("id", "it is there already"));
    };
    let none = || Stop::wrong("request_id", "no click or lead has this request id");
    let session = site.store.session(*session).await?.ok_or_else(none)?;
    let gone = || Stop::wrong("request_id", format!("its offer {} is gone", session.offer));
    let offer = snapshot.offer(session.offer).ok_or_else(gone)?;
    let found = match event {
        None => offer.default_event(),
        Some(named) => offer.event(named),
    };
    let event = found.ok_or_else(|| Invalid::new("event", format!("offer {} has no such event", offer.id)));
    let at = match at.unwrap_or(now) {
        at if at > now => Err(Invalid::new("at", "it lies in the future")),
        at => not_before_click(at, session.at).ok_or_else(|| {
            Invalid::new("at", format!("it lies before its click, which came at {}", session.at))
        }),
    };
    match (event, at) {
        (Ok(event), Ok(at)) => Ok(About { offer, event, at, session }),
        (event, at) => Err(Stop::Wrong(event.err().into_iter().chain(at.err()).collect())),
    }
}

/// When a conversion happened; `None` where that is before its click. Whoever says whole
/// seconds says no more than that it came within that one: where the click's lies in it, the
/// conversion came no earlier than the click.
fn not_before_click(at: Timestamp, click: Timestamp) -> Option<Timestamp> {
    let is_whole_second = at == Timestamp::from_micros(0).plus_seconds(at.unix_seconds());
    let is_its_second = is_whole_second && at.unix_seconds() == click.unix_seconds();
    (at >= click || is_its_second).then(|| at.max(click))
}

fn conversion<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    about: &About<'_>,
    checked: &Checked,
    now: Timestamp,
) -> Conversion {
    let (session, offer) = (&about.session, about.offer);
    let overrides = Overrides { payout: checked.payout, received: checked.received };
    let worth = record::worth(snapshot, offer, session, about.event, overrides);
    let disposition = checked.disposition.unwrap_or(ConversionDisposition::Approved);
    let counts = disposition == ConversionDisposition::Approved;
    let said = checked.received.is_some() && !session.test;
    let withheld = (!counts).then_some(Withheld {
        payout: worth.payout,
        received: worth.received,
        said,
        told: false,
        over_cap: false,
    });
    let stands = |amount| if counts { amount } else { Money::ZERO };
    Conversion {
        id: site.rows.next(now),
        at: about.at,
        source: ConversionSource::Import,
        event: about.event.id,
        offer: offer.id,
        advertiser: offer.advertiser,
        affiliate: session.affiliate,
        campaign: session.campaign,
        offer_contract: session.offer_contract,
        session: session.id,
        lookup: None,
        lead: None,
        sub_ids: session.sub_ids.clone(),
        payout: stands(worth.payout),
        received: stands(worth.received),
        said,
        disposition,
        withheld,
        waits: None,
        reported: Reported { transaction_id: checked.transaction_id.clone(), ..Reported::default() },
        has_pixel: true,
        pixels_shown: false,
        test: session.test,
        ip: None,
        revision: 0,
        config_version: snapshot.version(),
    }
}

/// What makes it a duplicate, as a pixel's: of what is there and of the rows above.
async fn duplicates<S: Store + Clone>(
    site: &Installation<S>,
    about: &About<'_>,
    new: &Conversion,
    above: &mut Above,
) -> Result<Vec<Invalid>, StoreError> {
    let mut wrong = Vec::new();
    if !about.event.allow_duplicates {
        let query = SessionQuery { session: new.session, event: new.event, transaction_id: None };
        if let Some(before) = site.store.session_read(query).await?.oldest {
            let there = name(site, before.id);
            let text = format!("duplicate: its session has this event already, by conversion {there}");
            wrong.push(Invalid::new("request_id", text));
        } else if !above.once_a_session.insert((new.session, new.event)) {
            wrong.push(Invalid::new("request_id", "duplicate: a row above is of this session and event"));
        }
    }
    let Some(transaction_id) = &new.reported.transaction_id else { return Ok(wrong) };
    if about.event.deduplicate_transaction_id {
        if let Some(before) = late::with_transaction(site, new, transaction_id).await? {
            let there = name(site, before);
            let text = format!("duplicate: conversion {there} of this offer and event has it already");
            wrong.push(Invalid::new("transaction_id", text));
        } else if !above.transactions.insert((new.offer, new.event, new.test, transaction_id.clone())) {
            let text = "duplicate: a row above of this offer and event has it";
            wrong.push(Invalid::new("transaction_id", text));
        }
    }
    Ok(wrong)
}

fn name<S: Store + Clone>(site: &Installation<S>, id: RowId) -> String {
    site.request_id(id).map(|id| id.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_are_compared_by_the_second_and_are_the_clicks_own_moment_at_the_earliest() {
        let click = "2026-11-23T10:00:40.964699Z";
        for (at, recorded) in [
            ("2026-11-23T10:00:40Z", Some(click)),
            ("2026-11-23T10:00:39Z", None),
            ("2026-11-23T10:00:40.9Z", None),
            ("2026-11-23T10:00:40.964698Z", None),
            (click, Some(click)),
            ("2026-11-23T10:00:41Z", Some("2026-11-23T10:00:41Z")),
        ] {
            let moment = not_before_click(at.parse().unwrap(), click.parse().unwrap());
            assert_eq!(moment, recorded.map(|text| text.parse().unwrap()), "{at}");
        }
    }
}
