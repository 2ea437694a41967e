//! Conversions as rows: those with a record of their own, and the leads that are one.

use super::pixels::{self, Line};
use crate::codes::{self, IpBytes, from_json, moment, or_null, row_id, sub_id_columns, sub_ids, to_json};
use crate::error::{corrupt, from_sqlite};
use crate::leads::indexes::is_of_session;
use crate::leads::standing;
use crate::statements::{Statements, values};
use crumb_domain::conversion::{
    Conversion, ConversionDisposition, ConversionSource, LeadConversion, Reported, Withheld,
};
use crumb_domain::pixel::SessionLookup;
use crumb_domain::{
    AdvertiserId, AffiliateId, CampaignId, ConfigVersion, EventId, Money, OfferContractId, OfferId, RowId,
};
use crumb_storage::Result;
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde::{Deserialize, Serialize};

/// Conversions with a record of their own that no lead has taken over.
macro_rules! own {
    ($($also:tt)*) => {
        concat!("SELECT id AS place, at, source, event, offer, advertiser, affiliate, campaign, \
             offer_contract, session, lookup, CAST(NULL AS INTEGER) AS lead_id, s1, s2, s3, s4, s5, payout, received, \
             disposition, transaction_id, reported AS told, pixels_shown, test, ip, revision, config_version
         FROM conversion WHERE taken_by IS NULL", $($also)*)
    };
}

/// Those, and the leads that are conversions; each with conditions of its own.
macro_rules! all {
    (($($of_own:tt)*), ($($of_leads:tt)*)) => {
        concat!(
            "(",
            own!($($of_own)*),
            " UNION ALL
             SELECT row, at, CAST('lead' AS TEXT), event, offer, CAST(NULL AS INTEGER), affiliate, campaign, \
                 offer_contract, session, CAST(NULL AS TEXT), id, s1, s2, s3, s4, s5, payout, revenue,
                 CAST(coalesce(conversion ->> '$.disposition', CASE
                     WHEN status = 'returned' THEN 'returned'
                     WHEN status = 'review' THEN 'pending'
                     WHEN status = 'scrubbed' AND outcome = 'thrown_out' THEN 'rejected'
                     ELSE 'approved' END) AS TEXT),
                 transaction_id, conversion, CAST(coalesce(conversion ->> '$.pixels_shown', 0) AS INTEGER), test, \
                 ip, revision, config_version
             FROM lead WHERE event IS NOT NULL",
            $($of_leads)*,
            ")"
        )
    };
}

/// All conversions, both kinds under the same names. SQLite reads both by an index, in
/// step where they are asked for in the order of their places, and builds no table of
/// them: as long as each column is of one type in both, for which the casts are.
pub(crate) const ALL: &str = all!((""), (""));

/// Those of [`ALL`] that are a session's. Takes the parameters of
/// [`OfSession`](crate::leads::indexes::OfSession).
pub(crate) const OF_SESSION: &str = all!((" AND session = ?1"), (" AND ", is_of_session!()));

/// Those of [`ALL`] that have a record of their own.
pub(crate) const OWN: &str = concat!("(", own!(""), ")");

/// The place of the oldest of [`ALL`] with the transaction id, offer, event and mark of tests
/// that are the first parameters, but for the one at the fifth; none where there is none.
/// One text, as each conversion with such an id is asked for it.
pub(crate) const OLDEST_OF_TRANSACTION: &str = concat!(
    "SELECT min(place) FROM ",
    all!((""), ("")),
    " WHERE transaction_id = ?1 AND offer = ?2 AND event = ?3 AND test = ?4 AND place <> ?5 \
      HAVING min(place) IS NOT NULL"
);

/// The columns of [`ALL`] that [`from_row`] reads.
pub(crate) const COLUMNS: &str = "place, at, source, event, offer, advertiser, affiliate, campaign, \
     offer_contract, session, lookup, lead_id, s1, s2, s3, s4, s5, payout, received, disposition, transaction_id, told, \
     pixels_shown, test, ip, revision, config_version";

/// What is known of a conversion with a record of its own beside its columns.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct Beside {
    /// Without the transaction id, which has a column.
    #[serde(flatten)]
    reported: Reported,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    withheld: Option<Withheld>,
    /// Somebody said what is received.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    said: bool,
}

/// What was reported of a conversion with a record of its own, beside its transaction id,
/// and what it is worth where it does not count, as JSON; none where that is all.
pub(crate) fn reported_column(conversion: &Conversion) -> Result<Option<String>> {
    let reported = Reported { transaction_id: None, ..conversion.reported.clone() };
    let beside = Beside { reported, withheld: conversion.withheld, said: conversion.said };
    if beside == Beside::default() { Ok(None) } else { to_json(&beside).map(Some) }
}

/// Writes a new conversion that is no lead, with what [`reported_column`] says of it, and the
/// line of the call that made it where that lies with it.
pub(crate) fn insert(
    statements: &dyn Statements,
    new: &Conversion,
    reported: Option<&str>,
    line: Option<Line<'_>>,
) -> Result<()> {
    let [s1, s2, s3, s4, s5] = sub_id_columns(&new.sub_ids);
    let call = line.as_ref().map(|line| line.call);
    statements
        .execute(
            "INSERT INTO conversion (id, at, source, event, offer, advertiser, affiliate, campaign,
                 offer_contract, session, lookup, s1, s2, s3, s4, s5, payout, received, disposition,
                 transaction_id, reported, pixels_shown, test, ip, revision, config_version,
                 call_disposition, trusted, ignored, user_agent, referrer)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
                 ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31)",
            values![
                new.id.as_i64(),
                new.at.micros(),
                new.source.as_str(),
                new.event.0,
                new.offer.0,
                new.advertiser.map(|id| id.0),
                new.affiliate.0,
                new.campaign.map(|id| id.0),
                new.offer_contract.map(|id| id.0),
                new.session.as_i64(),
                new.lookup.map(SessionLookup::as_str),
                s1,
                s2,
                s3,
                s4,
                s5,
                new.payout.micros(),
                new.received.micros(),
                new.disposition.as_str(),
                new.reported.transaction_id,
                reported,
                new.pixels_shown,
                new.test,
                new.ip.map(IpBytes::new),
                new.revision,
                new.config_version.0,
                line.as_ref().map(|line| line.disposition.as_str()),
                call.map(|call| call.trusted),
                line.as_ref().and_then(|line| line.ignored),
                call.and_then(|call| or_null(&call.user_agent)),
                call.and_then(|call| or_null(&call.referrer)),
            ],
        )
        .map_err(from_sqlite)?;
    Ok(())
}

/// The conversion of that place, of either kind; where a lead has taken it over, that.
pub(crate) fn read(connection: &Connection, id: RowId) -> Result<Option<Conversion>> {
    if let Some(stands) = read_at(connection, id)? {
        return Ok(Some(stands));
    }
    let taken_by: Option<Option<i64>> = connection
        .prepare_cached("SELECT taken_by FROM conversion WHERE id = ?1")
        .and_then(|mut select| select.query_row([id.as_i64()], |row| row.get(0)).optional())
        .map_err(from_sqlite)?;
    match taken_by.flatten() {
        Some(lead) => read_at(connection, row_id(lead)?),
        None => Ok(None),
    }
}

fn read_at(connection: &Connection, id: RowId) -> Result<Option<Conversion>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM {ALL} WHERE place = ?1"))
        .and_then(|mut select| select.query_row([id.as_i64()], |row| Ok(from_row(row))).optional())
        .map_err(from_sqlite)?
        .transpose()
}

/// The lead that is the conversion of that place: as that stands, and what is kept of it
/// with the lead.
pub(crate) fn read_lead(connection: &Connection, id: RowId) -> Result<Option<(Conversion, LeadConversion)>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM {ALL} WHERE place = ?1 AND source = 'lead'"))
        .and_then(|mut select| {
            select.query_row([id.as_i64()], |row| Ok((from_row(row), kept(row)))).optional()
        })
        .map_err(from_sqlite)?
        .map(|(conversion, kept)| Ok((conversion?, kept?)))
        .transpose()
}

/// A conversion from a row of [`ALL`].
pub(crate) fn from_row(row: &Row<'_>) -> Result<Conversion> {
    let number = |at| row.get::<_, Option<i64>>(at).map_err(from_sqlite);
    let given = |at| row.get::<_, i64>(at).map_err(from_sqlite);
    let text = |at| row.get::<_, String>(at).map_err(from_sqlite);
    let lead = standing::maybe_id(row, 11)?;
    let (source, disposition) = (text(2)?, text(19)?);
    let stands = Conversion {
        id: row_id(given(0)?)?,
        at: moment(given(1)?),
        source: ConversionSource::from_code(&source)
            .ok_or_else(|| corrupt("a conversion's source", source))?,
        event: EventId(given(3)?),
        offer: OfferId(given(4)?),
        advertiser: number(5)?.map(AdvertiserId),
        affiliate: AffiliateId(given(6)?),
        campaign: number(7)?.map(CampaignId),
        offer_contract: number(8)?.map(OfferContractId),
        session: row_id(given(9)?)?,
        lookup: pixels::lookup(row, 10)?,
        lead,
        sub_ids: sub_ids(row, 12).map_err(from_sqlite)?,
        payout: Money::from_micros(given(17)?),
        received: Money::from_micros(given(18)?),
        said: false,
        disposition: ConversionDisposition::from_code(&disposition)
            .ok_or_else(|| corrupt("a conversion's disposition", disposition))?,
        withheld: None,
        waits: None,
        reported: Reported::default(),
        has_pixel: true,
        pixels_shown: row.get(22).map_err(from_sqlite)?,
        test: row.get(23).map_err(from_sqlite)?,
        ip: codes::ip(row.get(24).map_err(from_sqlite)?)?,
        revision: row.get(25).map_err(from_sqlite)?,
        config_version: ConfigVersion(given(26)?),
    };
    if lead.is_none() {
        let Beside { reported, withheld, said } = beside(row)?;
        return Ok(Conversion { reported, withheld, said, ..stands });
    }
    let kept = kept(row)?;
    Ok(Conversion {
        received: kept.received.unwrap_or(stands.received),
        said: kept.received.is_some(),
        waits: kept.waits,
        has_pixel: kept.pixel_at.is_some(),
        pixels_shown: kept.pixels_shown,
        withheld: kept.withheld,
        reported: kept.reported,
        ..stands
    })
}

fn told(row: &Row<'_>) -> Result<Option<String>> {
    row.get(21).map_err(from_sqlite)
}

fn beside(row: &Row<'_>) -> Result<Beside> {
    let mut beside: Beside = told(row)?.as_deref().map_or_else(|| Ok(Beside::default()), from_json)?;
    beside.reported.transaction_id = row.get(20).map_err(from_sqlite)?;
    Ok(beside)
}

fn kept(row: &Row<'_>) -> Result<LeadConversion> {
    let event = EventId(row.get(3).map_err(from_sqlite)?);
    told(row)?.as_deref().map_or_else(|| Ok(LeadConversion::of(event)), from_json)
}
