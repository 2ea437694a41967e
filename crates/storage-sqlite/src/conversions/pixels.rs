//! The pixel log as rows.

use crate::codes::{self, IpBytes, from_json, moment, or_null, row_id, to_json};
use crate::error::{corrupt, from_sqlite};
use crate::listing::Listing;
use crate::statements::{Statements, values};
use crumb_domain::conversion::ConversionSource;
use crumb_domain::pixel::{PixelCall, PixelDisposition};
use crumb_domain::{AdvertiserId, AffiliateId, CampaignId, ConfigVersion, EventId, OfferId, RowId};
use crumb_storage::conversions::PixelFilter;
use crumb_storage::{Page, PageRequest, Result};
use rusqlite::{Connection, Row};

/// What a call sent and was not used, as JSON; none where all of it was.
pub(crate) fn ignored_column(call: &PixelCall) -> Result<Option<String>> {
    if call.ignored.is_empty() { Ok(None) } else { to_json(&call.ignored).map(Some) }
}

/// What became of a call.
pub(crate) struct Became {
    pub(crate) disposition: PixelDisposition,
    pub(crate) conversion: Option<RowId>,
    /// It made that conversion, which has the id of its line.
    pub(crate) made: bool,
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
            "INSERT INTO pixel (id, at, form, disposition, offer, advertiser, event, session, affiliate,
                 campaign, conversion, transaction_id, trusted, ignored, ip, user_agent, referrer,
                 config_version, made)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
            values![
                call.id.as_i64(),
                call.at.micros(),
                call.form.as_str(),
                became.disposition.as_str(),
                call.offer.map(|id| id.0),
                call.advertiser.map(|id| id.0),
                call.event.map(|id| id.0),
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
                became.made,
            ],
        )
        .map_err(from_sqlite)?;
    Ok(())
}

/// The columns that [`from_row`] reads.
const COLUMNS: &str = "id, at, form, disposition, offer, advertiser, event, session, affiliate, campaign, \
                       conversion, transaction_id, trusted, ignored, ip, user_agent, referrer, config_version";

/// The conversion of a call, where that is of the affiliate whose session the call is of. A
/// duplicate may be one of somebody else's.
const OWN_CONVERSION: &str = "CASE WHEN EXISTS (SELECT 1 FROM conversion AS c WHERE c.id = pixel.conversion \
                                  AND c.affiliate = pixel.affiliate) \
                              OR EXISTS (SELECT 1 FROM lead WHERE lead.row = pixel.conversion \
                                  AND lead.affiliate = pixel.affiliate) \
                              THEN conversion END AS conversion,";

/// The lines of a session: those that are in the index, and those that its conversions have.
const OF_SESSION: &str = "(SELECT * FROM pixel WHERE session = ?1 AND NOT made \
                           UNION ALL SELECT * FROM pixel WHERE id IN \
                               (SELECT pixel FROM conversion WHERE session = ?1)) AS pixel";

/// A page of the log.
pub(crate) fn list(
    connection: &Connection,
    filter: &PixelFilter,
    page: &PageRequest,
) -> Result<Page<PixelCall>> {
    let mut listing = match filter.session {
        Some(session) => Listing::given(OF_SESSION, "id", vec![session.as_i64().into()]),
        None => Listing::new("pixel", "id"),
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
        session: number(7)?.map(row_id).transpose()?,
        affiliate: number(8)?.map(AffiliateId),
        campaign: number(9)?.map(CampaignId),
        conversion: number(10)?.map(row_id).transpose()?,
        transaction_id: text(11)?,
        trusted: row.get(12).map_err(from_sqlite)?,
        ignored: text(13)?.as_deref().map_or_else(|| Ok(Vec::new()), from_json)?,
        ip: codes::ip(row.get(14).map_err(from_sqlite)?)?,
        user_agent: text(15)?.unwrap_or_default(),
        referrer: text(16)?.unwrap_or_default(),
        config_version: ConfigVersion(given(17)?),
    })
}

#[cfg(test)]
mod tests {
    use super::OF_SESSION;
    use crate::connection::{SqliteOptions, open_writer};

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
            assert_eq!(looks.len(), 3, "of each part, and of the conversions: {steps:?}");
            assert!(looks[0].contains("pixel_of_session (session=?)"), "{steps:?}");
            assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "nothing is sorted: {steps:?}");
        }
    }
}
