//! The pixel log as rows.
//!
//! Most calls make a conversion that says all of them but how they ended: their lines lie
//! with it, and cost no row of their own. All others have one.

use crate::codes::{self, IpBytes, from_json, moment, or_null, row_id, to_json};
use crate::error::{corrupt, from_sqlite};
use crate::listing::Listing;
use crate::statements::{Statements, values};
use crumb_domain::conversion::{Conversion, ConversionSource};
use crumb_domain::pixel::{PixelCall, PixelDisposition, SessionLookup};
use crumb_domain::{AdvertiserId, AffiliateId, CampaignId, ConfigVersion, EventId, OfferId, RowId};
use crumb_storage::conversions::PixelFilter;
use crumb_storage::{Page, PageRequest, Result};
use rusqlite::{Connection, Row, params};

/// The columns that [`from_row`] reads.
macro_rules! columns {
    () => {
        "id, at, form, disposition, offer, advertiser, event, lookup, session, affiliate, campaign, conversion, \
         transaction_id, trusted, ignored, ip, user_agent, referrer, config_version"
    };
}
const COLUMNS: &str = columns!();

/// The same of a line that lies with a conversion.
macro_rules! columns_with_conversion {
    () => {
        "id, at, source, call_disposition, offer, advertiser, event, lookup, session, affiliate, campaign, id, \
         transaction_id, trusted, ignored, ip, user_agent, referrer, config_version"
    };
}

/// All lines, each for which a condition holds. SQLite reads both kinds in step where they
/// are asked for in the order of their places, and builds no table of them. A bound of theirs
/// is looked up before that of the first conversion, which is said to tell less.
macro_rules! lines {
    ($condition:literal) => {
        concat!(
            "(SELECT ",
            columns!(),
            " FROM pixel WHERE ",
            $condition,
            " UNION ALL SELECT ",
            columns_with_conversion!(),
            " FROM conversion
                 WHERE call_disposition IS NOT NULL AND likely(id >= (SELECT first_conversion FROM pixel_log))
                     AND ",
            $condition,
            ") AS pixel"
        )
    };
}

/// All lines.
pub(crate) const LINES: &str = lines!("TRUE");

/// What a call sent and was not used, as JSON; none where all of it was.
pub(crate) fn ignored_column(call: &PixelCall) -> Result<Option<String>> {
    if call.ignored.is_empty() { Ok(None) } else { to_json(&call.ignored).map(Some) }
}

/// What became of a call.
pub(crate) struct Became {
    pub(crate) disposition: PixelDisposition,
    pub(crate) conversion: Option<RowId>,
}

/// A line that lies with the conversion that its call made.
pub(crate) struct Line<'a> {
    pub(crate) call: &'a PixelCall,
    /// As [`ignored_column`] says it.
    pub(crate) ignored: Option<&'a str>,
    pub(crate) disposition: PixelDisposition,
}

/// Whether the line of a call can lie with the conversion that it makes: what that does not
/// say of it has columns there.
pub(crate) fn can_lie_with(call: &PixelCall, made: &Conversion) -> bool {
    let PixelCall {
        id,
        at,
        form,
        disposition: _,
        offer,
        advertiser,
        event,
        lookup,
        session,
        affiliate,
        campaign,
        conversion: _,
        transaction_id,
        trusted: _,
        ignored: _,
        ip,
        user_agent: _,
        referrer: _,
        config_version,
    } = call;
    (*id, *at, *form) == (made.id, made.at, made.source)
        && (*offer, *advertiser, *event) == (Some(made.offer), made.advertiser, Some(made.event))
        && (*lookup, *session) == (made.lookup, Some(made.session))
        && (*affiliate, *campaign) == (Some(made.affiliate), made.campaign)
        && *transaction_id == made.reported.transaction_id
        && (*ip, *config_version) == (made.ip, made.config_version)
}

/// Gives the line that lies with a conversion a row of its own, where that is as it was read
/// and about to say another transaction id.
pub(crate) fn move_out(connection: &Connection, changes: &Conversion) -> Result<()> {
    let moved = connection
        .prepare_cached(concat!(
            "INSERT INTO pixel (",
            columns!(),
            ") SELECT ",
            columns_with_conversion!(),
            " FROM conversion WHERE id = ?1 AND revision = ?2 AND taken_by IS NULL
                 AND transaction_id IS NOT ?3 AND call_disposition IS NOT NULL"
        ))
        .and_then(|mut insert| {
            insert.execute(params![changes.id.as_i64(), changes.revision, changes.reported.transaction_id])
        })
        .map_err(from_sqlite)?;
    if moved > 0 { forget(connection, changes.id.as_i64()).map(drop) } else { Ok(()) }
}

/// Removes a line; how many: one, if it is there.
pub(crate) fn remove(connection: &Connection, line: i64) -> Result<u32> {
    let removed = connection
        .prepare_cached("DELETE FROM pixel WHERE id = ?1")
        .and_then(|mut delete| delete.execute([line]))
        .map_err(from_sqlite)?;
    Ok(u32::from(removed > 0 || forget(connection, line)?))
}

/// Where lines begin to lie with conversions, if that is further on than is known: at the
/// first of those before `end`, or behind all of those before it. What comes has ids beyond
/// all that there are, also where the clock was ahead; what is under way has young ones.
pub(crate) fn first_conversion(connection: &Connection, end: i64) -> Result<Option<i64>> {
    let first = "SELECT coalesce(
                     (SELECT id FROM conversion WHERE call_disposition IS NOT NULL AND id >= first_conversion
                          AND id < ?1 ORDER BY id LIMIT 1),
                     (SELECT max(id) + 1 FROM conversion WHERE id < ?1)) AS first
                 FROM pixel_log WHERE first > first_conversion";
    connection.number(first, &[&end]).map_err(from_sqlite)
}

/// Lines are no longer looked for in conversions before one: none of them has a line, and
/// none that come will lie there.
pub(crate) fn begin_at(connection: &Connection, first: i64) -> Result<()> {
    connection
        .prepare_cached("UPDATE pixel_log SET first_conversion = ?1 WHERE first_conversion < ?1")
        .and_then(|mut update| update.execute([first]))
        .map(drop)
        .map_err(from_sqlite)
}

/// Removes the line that lies with a conversion; whether there was one.
fn forget(connection: &Connection, conversion: i64) -> Result<bool> {
    connection
        .prepare_cached(
            "UPDATE conversion SET call_disposition = NULL, trusted = NULL, ignored = NULL, user_agent = NULL,
                 referrer = NULL
             WHERE id = ?1 AND call_disposition IS NOT NULL",
        )
        .and_then(|mut update| update.execute([conversion]))
        .map(|forgotten| forgotten > 0)
        .map_err(from_sqlite)
}

/// Writes a line, with what [`ignored_column`] says of it.
pub(crate) fn insert(
    statements: &dyn Statements,
    call: &PixelCall,
    ignored: Option<&str>,
    became: &Became,
) -> Result<()> {
    statements
        .execute(
            "INSERT INTO pixel (id, at, form, disposition, offer, advertiser, event, lookup, session,
                 affiliate, campaign, conversion, transaction_id, trusted, ignored, ip, user_agent,
                 referrer, config_version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
                 ?19)",
            values![
                call.id.as_i64(),
                call.at.micros(),
                call.form.as_str(),
                became.disposition.as_str(),
                call.offer.map(|id| id.0),
                call.advertiser.map(|id| id.0),
                call.event.map(|id| id.0),
                call.lookup.map(SessionLookup::as_str),
                call.session.map(RowId::as_i64),
                call.affiliate.map(|id| id.0),
                call.campaign.map(|id| id.0),
                became.conversion.map(RowId::as_i64),
                call.transaction_id,
                call.trusted,
                ignored,
                call.ip.map(IpBytes::new),
                or_null(&call.user_agent),
                or_null(&call.referrer),
                call.config_version.0,
            ],
        )
        .map_err(from_sqlite)?;
    Ok(())
}

/// The conversion of a call, where that is of the affiliate whose session the call is of. A
/// duplicate may be one of somebody else's.
const OWN_CONVERSION: &str = "CASE WHEN EXISTS (SELECT 1 FROM conversion AS c WHERE c.id = pixel.conversion \
                                  AND c.affiliate = pixel.affiliate) \
                              OR EXISTS (SELECT 1 FROM lead WHERE lead.row = pixel.conversion \
                                  AND lead.affiliate = pixel.affiliate) \
                              THEN conversion END AS conversion,";

/// The lines of a session.
const OF_SESSION: &str = lines!("session = ?1");

/// A page of the log.
pub(crate) fn list(
    connection: &Connection,
    filter: &PixelFilter,
    page: &PageRequest,
) -> Result<Page<PixelCall>> {
    let mut listing = match filter.session {
        Some(session) => Listing::given(OF_SESSION, "id", vec![session.as_i64().into()]),
        None => Listing::new(LINES, "id"),
    };
    listing.equals("offer", filter.offer.map(|id| id.0));
    listing.equals("affiliate", filter.affiliate.map(|id| id.0));
    listing.equals("disposition", filter.disposition.map(|disposition| disposition.as_str().to_owned()));
    listing.between(filter.from, filter.to);
    let columns = match filter.hides_others {
        true => &COLUMNS.replace("conversion,", OWN_CONVERSION),
        false => COLUMNS,
    };
    listing.page(connection, page, columns, |row| Ok((from_row(row), row.get(0)?)))
}

/// By what a session was found.
pub(crate) fn lookup(row: &Row<'_>, at: usize) -> Result<Option<SessionLookup>> {
    let code: Option<String> = row.get(at).map_err(from_sqlite)?;
    code.map(|code| SessionLookup::from_code(&code).ok_or_else(|| corrupt("how a session was found", code)))
        .transpose()
}

fn from_row(row: &Row<'_>) -> Result<PixelCall> {
    let number = |at| row.get::<_, Option<i64>>(at).map_err(from_sqlite);
    let given = |at| row.get::<_, i64>(at).map_err(from_sqlite);
    let text = |at| row.get::<_, Option<String>>(at).map_err(from_sqlite);
    let code = |at| row.get::<_, String>(at).map_err(from_sqlite);
    let (form, disposition) = (code(2)?, code(3)?);
    Ok(PixelCall {
        id: row_id(given(0)?)?,
        at: moment(given(1)?),
        form: ConversionSource::from_code(&form).ok_or_else(|| corrupt("a pixel's form", form))?,
        disposition: PixelDisposition::from_code(&disposition)
            .ok_or_else(|| corrupt("a pixel's disposition", disposition))?,
        offer: number(4)?.map(OfferId),
        advertiser: number(5)?.map(AdvertiserId),
        event: number(6)?.map(EventId),
        lookup: lookup(row, 7)?,
        session: number(8)?.map(row_id).transpose()?,
        affiliate: number(9)?.map(AffiliateId),
        campaign: number(10)?.map(CampaignId),
        conversion: number(11)?.map(row_id).transpose()?,
        transaction_id: text(12)?,
        trusted: row.get(13).map_err(from_sqlite)?,
        ignored: text(14)?.as_deref().map_or_else(|| Ok(Vec::new()), from_json)?,
        ip: codes::ip(row.get(15).map_err(from_sqlite)?)?,
        user_agent: text(16)?.unwrap_or_default(),
        referrer: text(17)?.unwrap_or_default(),
        config_version: ConfigVersion(given(18)?),
    })
}

#[cfg(test)]
mod tests {
    use super::{LINES, OF_SESSION};
    use crate::connection::{SqliteOptions, open_writer};
    use rusqlite::StatementStatus;

    #[test]
    fn calls_of_a_session_are_found_without_a_look_at_all_others() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_writer(&folder.path().join("crumb.db"), &SqliteOptions::default()).unwrap();
        let steps = |sql: &str| -> Vec<String> {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps = plan.query_map([7], |row| row.get(3)).unwrap();
            steps.collect::<rusqlite::Result<_>>().unwrap()
        };
        for (asked, order) in [("count(*)", ""), ("id, at", " ORDER BY id DESC LIMIT 5")] {
            let steps = steps(&format!("SELECT {asked} FROM {OF_SESSION} WHERE TRUE{order}"));
            let looks: Vec<&String> = steps.iter().filter(|step| step.starts_with("SEARCH")).collect();
            let indexes = ["pixel_of_session (session=?)", "conversion_of_session (session=?"];
            let by_index = |index| looks.iter().any(|look| look.contains(index));
            assert!(indexes.into_iter().all(by_index), "each part by its index: {steps:?}");
            assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "nothing is sorted: {steps:?}");
        }
    }

    #[test]
    fn lines_from_a_place_on_are_found_in_order_without_a_look_at_those_before() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_writer(&folder.path().join("crumb.db"), &SqliteOptions::default()).unwrap();
        connection
            .execute_batch(
                "WITH RECURSIVE number (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM number LIMIT 10000)
                 INSERT INTO conversion (id, at, source, event, offer, affiliate, session, payout, received,
                     disposition, pixels_shown, test, revision, config_version, call_disposition)
                 SELECT id, id, 'pb', 1, 1, 1, id, 0, 0, 'approved', 0, 0, 0, 1, 'ok' FROM number",
            )
            .unwrap();
        for (asked, order) in
            [("count(*)", ""), ("id", " ORDER BY id LIMIT 5"), ("id", " ORDER BY id DESC LIMIT 5")]
        {
            let sql = format!("SELECT {asked} FROM {LINES} WHERE TRUE AND id >= ?1 AND at >= ?2{order}");
            let mut select = connection.prepare(&sql).unwrap();
            let found: Vec<i64> = select
                .query_map([9_990, 0], |row| row.get(0))
                .unwrap()
                .collect::<rusqlite::Result<_>>()
                .unwrap();
            assert_eq!(
                found[0],
                if order.is_empty() {
                    11
                } else if order.contains("DESC") {
                    10_000
                } else {
                    9_990
                }
            );
            let steps = select.get_status(StatementStatus::VmStep);
            assert!(steps < 1_000, "{steps} steps: {sql}");
            assert_eq!(select.get_status(StatementStatus::Sort), 0, "nothing is sorted: {sql}");
        }
    }
}
