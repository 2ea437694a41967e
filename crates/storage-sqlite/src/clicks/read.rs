//! Reading clicks and sessions.

use super::opens;
use crate::codes::{self, ClickFlags, row_id, sub_ids};
use crate::error::{corrupt, from_sqlite};
use crate::leads::indexes::{OfSession, has_lead_of_session};
use crate::leads::recent::Recently;
use crate::listing::{Listing, lowest_row};
use crate::seen::Key;
use crate::statements::HeldStatements;
use crumb_domain::click::{Click, Disposition, VisitorId};
use crumb_domain::session::{Session, SessionOrigin};
use crumb_domain::{
    AffiliateId, CampaignId, ConfigVersion, CreativeId, MediaTypeId, Money, OfferContractId, OfferId, RowId,
    Timestamp,
};
use crumb_storage::clicks::ClickFilter;
use crumb_storage::{Page, PageRequest, Result};
use rusqlite::{Connection, OptionalExtension as _, Row, Statement, params};

/// Whether a session has a lead that was sold, waits to be, or is paid, or an approved
/// conversion. Takes the parameters of [`OfSession`].
macro_rules! converted {
    () => {
        concat!(
            "(",
            has_lead_of_session!(
                " AND NOT lead.test AND (lead.status IN ('sold', 'queued') OR lead.payout > 0)"
            ),
            " OR EXISTS (SELECT 1 FROM conversion WHERE conversion.session = ?1 AND NOT conversion.test
             AND conversion.disposition = 'approved' AND conversion.taken_by IS NULL))"
        )
    };
}

/// The session of that id, by whatever opened it.
pub(crate) fn session(connection: &Connection, recent: &Recently, id: RowId) -> Result<Option<Session>> {
    let its_leads = OfSession::of_snapshot(connection, recent, id)?;
    let of_click = connection.prepare_cached(SESSION_OF_CLICK);
    match of_click.and_then(|mut select| session_of_click(&mut select, &its_leads)).map_err(from_sqlite)? {
        Some(session) => session.map(Some),
        None => session_of_lead(connection, id, &its_leads),
    }
}

/// The session of that id as nearly all are: a click opened it, and none of its leads is recent.
/// None where it may be otherwise. It takes one statement, outside of any transaction.
pub(crate) fn usual_session(
    statements: &HeldStatements<'_>,
    recent: &Recently,
    id: RowId,
) -> Result<Option<Session>> {
    let its_leads = OfSession::in_indexes(id);
    let session = statements
        .with(SESSION_OF_CLICK, |select| session_of_click(select, &its_leads))
        .map_err(from_sqlite)?
        .transpose()?;
    // A lead that was recent to the statement is among these, though it be no more.
    Ok(session.filter(|_| !recent.has_of_session(id)))
}

const SESSION_OF_CLICK: &str = concat!(
    "SELECT id, at, flags, disposition, visitor, affiliate, offer, campaign, creative, offer_contract,
         s1, s2, s3, s4, s5, device_id, ip, country, ",
    converted!(),
    " FROM click WHERE id = ?1"
);

fn session_of_click(
    select: &mut Statement<'_>,
    its_leads: &OfSession,
) -> rusqlite::Result<Option<Result<Session>>> {
    let opened = select.query_row(its_leads.and(&[]).as_slice(), |row| Ok(opened_by(row))).optional()?;
    Ok(opened.and_then(Result::transpose))
}

/// The session that a click has opened; none where it opens none.
fn opened_by(row: &Row<'_>) -> Result<Option<Session>> {
    let text = |at| row.get::<_, Option<String>>(at).map_err(from_sqlite);
    let number = |at| row.get::<_, Option<i64>>(at).map_err(from_sqlite);
    let given = |at| row.get::<_, i64>(at).map_err(from_sqlite);
    let flags = ClickFlags::unpack(given(2)?)?;
    if !opens(flags.own_session, flags.duplicate, disposition(given(3)?)?) {
        return Ok(None);
    }
    let (Some(affiliate), Some(offer)) = (number(5)?, number(6)?) else { return Ok(None) };
    Ok(Some(Session {
        id: row_id(given(0)?)?,
        at: codes::moment(given(1)?),
        origin: SessionOrigin::Click,
        affiliate: AffiliateId(affiliate),
        offer: OfferId(offer),
        campaign: number(7)?.map(CampaignId),
        creative: number(8)?.map(CreativeId),
        offer_contract: number(9)?.map(OfferContractId),
        sub_ids: sub_ids(row, 10).map_err(from_sqlite)?,
        device_id: text(15)?,
        visitor: number(4)?.map(|visitor| VisitorId(visitor.cast_unsigned())),
        test: flags.test,
        ip: codes::ip(row.get(16).map_err(from_sqlite)?)?,
        country: text(17)?,
        converted: row.get(18).map_err(from_sqlite)?,
    }))
}

fn disposition(code: i64) -> Result<Disposition> {
    Disposition::from_code(code).ok_or_else(|| corrupt("a disposition", code))
}

fn session_of_lead(connection: &Connection, id: RowId, its_leads: &OfSession) -> Result<Option<Session>> {
    let sql = concat!(
        "SELECT at, affiliate, offer, campaign, s1, s2, s3, s4, s5, test, ip, ",
        converted!(),
        " FROM lead_session WHERE id = ?1"
    );
    let found = connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            statement
                .query_row(its_leads.and(&[]).as_slice(), |row| {
                    let session = Session {
                        id,
                        at: codes::moment(row.get(0)?),
                        origin: SessionOrigin::Lead,
                        affiliate: AffiliateId(row.get(1)?),
                        offer: OfferId(row.get(2)?),
                        campaign: row.get::<_, Option<i64>>(3)?.map(CampaignId),
                        creative: None,
                        offer_contract: None,
                        sub_ids: sub_ids(row, 4)?,
                        device_id: None,
                        visitor: None,
                        test: row.get(9)?,
                        ip: None,
                        country: None,
                        converted: row.get(11)?,
                    };
                    Ok((session, row.get::<_, Option<Vec<u8>>>(10)?))
                })
                .optional()
        })
        .map_err(from_sqlite)?;
    let Some((mut session, ip)) = found else { return Ok(None) };
    session.ip = codes::ip(ip)?;
    Ok(Some(session))
}

/// The pre-fill values of a session.
pub(crate) fn prefill(connection: &Connection, session: RowId) -> Result<Vec<(String, String)>> {
    let pairs: Option<String> = connection
        .prepare_cached("SELECT pairs FROM session_prefill WHERE session = ?1")
        .and_then(|mut statement| statement.query_row([session.as_i64()], |row| row.get(0)).optional())
        .map_err(from_sqlite)?;
    pairs.map_or_else(|| Ok(Vec::new()), |text| codes::from_json(&text))
}

/// The newest row of any kind that a node made. Rows of the present node lie at
/// the end of each table, so a look backwards ends at once; a node that never
/// wrote here is known without a look.
pub(crate) fn newest_row(connection: &Connection, node: u8) -> Result<Option<RowId>> {
    if !Key::node_number(node).is_noted(connection).map_err(from_sqlite)? {
        return Ok(None);
    }
    let mut newest = None;
    for (table, column) in [
        ("click", "id"),
        ("lead", "row"),
        ("post", "id"),
        ("lead_session", "id"),
        ("attempt", "id"),
        ("run", "id"),
        ("lead_return", "id"),
        ("conversion", "id"),
        ("pixel", "id"),
        ("delivery", "id"),
    ] {
        let sql = format!("SELECT {column} FROM {table} ORDER BY {column} DESC");
        let mut backwards = connection.prepare_cached(&sql).map_err(from_sqlite)?;
        let mut rows = backwards.query([]).map_err(from_sqlite)?;
        while let Some(row) = rows.next().map_err(from_sqlite)? {
            let id = row_id(row.get(0).map_err(from_sqlite)?)?;
            if id.node() == node {
                newest = newest.max(Some(id));
                break;
            }
        }
    }
    Ok(newest)
}

/// The newest sessions of a device on one of these offers, newest first.
pub(crate) fn sessions_of_device(
    connection: &Connection,
    recent: &Recently,
    device_id: &str,
    offers: &[OfferId],
    limit: u32,
) -> Result<Vec<Session>> {
    let offers: Vec<i64> = offers.iter().map(|offer| offer.0).collect();
    let mut select = connection
        .prepare_cached(
            "SELECT session FROM session_device
             WHERE device_id = ?1 AND offer IN (SELECT value FROM json_each(?2))
             ORDER BY session DESC LIMIT ?3",
        )
        .map_err(from_sqlite)?;
    let mut rows = select.query(params![device_id, codes::to_json(&offers)?, limit]).map_err(from_sqlite)?;
    let mut sessions = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        sessions.extend(session(connection, recent, row_id(row.get(0).map_err(from_sqlite)?)?)?);
    }
    Ok(sessions)
}

/// The newest click of a session.
pub(crate) fn last_click(connection: &Connection, session: RowId) -> Result<RowId> {
    let further: Option<i64> = connection
        .prepare_cached("SELECT max(click) FROM further_click WHERE session = ?1")
        .and_then(|mut select| select.query_row([session.as_i64()], |row| row.get(0)))
        .map_err(from_sqlite)?;
    let further = further.map(row_id).transpose()?;
    Ok(further.map_or(session, |further| further.max(session)))
}

/// A page of clicks.
pub(crate) fn clicks(
    connection: &Connection,
    filter: &ClickFilter,
    page: &PageRequest,
) -> Result<Page<Click>> {
    let mut listing = Listing::new("click", "id");
    listing.equals("affiliate", filter.affiliate.map(|id| id.0));
    listing.equals("offer", filter.offer.map(|id| id.0));
    listing.equals("campaign", filter.campaign.map(|id| id.0));
    listing.equals("creative", filter.creative.map(|id| id.0));
    listing.equals("disposition", filter.disposition.map(Disposition::code));
    if let Some(session) = filter.session {
        let session = session.as_i64();
        listing.also(
            "(id = ? OR id IN (SELECT click FROM further_click WHERE session = ?))",
            [session, session],
        );
    }
    listing.between(filter.from, filter.to);
    listing.page(connection, page, click_columns!(), |row| Ok((click(row), row.get(0)?)))
}

/// The columns that [`click`] reads.
macro_rules! click_columns {
    () => {
        "id, at, flags, disposition, session, visitor, affiliate, offer, campaign, creative, \
         offer_contract, media_type, config_version, s1, s2, s3, s4, s5, device_id, ip, country, \
         user_agent, referrer, redirect, payout, received, asked_contract"
    };
}
use click_columns;

/// Clicks among which recent openings are looked for: about a second's worth of
/// reading, for which a start may wait.
const MAX_LOOKED_THROUGH: i64 = 1_000_000;

/// The newest clicks that opened sessions on the offers.
pub(crate) fn recent_openings(
    connection: &Connection,
    offers: &[OfferId],
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Click>> {
    let offers: Vec<i64> = offers.iter().map(|offer| offer.0).collect();
    let sql = concat!(
        "SELECT ",
        click_columns!(),
        " FROM click WHERE id >= coalesce(
             (SELECT id FROM click WHERE id >= ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2), ?1)
         AND at >= ?3 AND disposition = ?4 AND offer IN (SELECT value FROM json_each(?5))
         ORDER BY id DESC"
    );
    let mut select = connection.prepare_cached(sql).map_err(from_sqlite)?;
    let lowest = lowest_row(since).as_i64();
    let mut rows = select
        .query(params![
            lowest,
            MAX_LOOKED_THROUGH,
            since.micros(),
            Disposition::Ok.code(),
            codes::to_json(&offers)?
        ])
        .map_err(from_sqlite)?;
    let mut opened = Vec::new();
    while opened.len() < limit as usize
        && let Some(row) = rows.next().map_err(from_sqlite)?
    {
        let click = click(row)?;
        if click.session == Some(click.id) && !click.duplicate {
            opened.push(click);
        }
    }
    Ok(opened)
}

fn click(row: &Row<'_>) -> Result<Click> {
    let text = |at| row.get::<_, Option<String>>(at).map_err(from_sqlite);
    let number = |at| row.get::<_, Option<i64>>(at).map_err(from_sqlite);
    let given = |at| row.get::<_, i64>(at).map_err(from_sqlite);
    let money = |at| number(at).map(|micros| Money::from_micros(micros.unwrap_or(0)));
    let id = row_id(given(0)?)?;
    let flags = ClickFlags::unpack(given(2)?)?;
    let session = if flags.own_session { Some(id) } else { number(4)?.map(row_id).transpose()? };
    Ok(Click {
        id,
        at: codes::moment(given(1)?),
        source: flags.source,
        session,
        visitor: number(5)?.map(|visitor| VisitorId(visitor.cast_unsigned())),
        affiliate: number(6)?.map(AffiliateId),
        offer: number(7)?.map(OfferId),
        campaign: number(8)?.map(CampaignId),
        creative: number(9)?.map(CreativeId),
        offer_contract: number(10)?.map(OfferContractId),
        asked_contract: number(26)?.map(OfferContractId),
        media_type: number(11)?.map(MediaTypeId),
        price_format: flags.price_format,
        sub_ids: sub_ids(row, 13).map_err(from_sqlite)?,
        device_id: text(18)?,
        disposition: disposition(given(3)?)?,
        duplicate: flags.duplicate,
        non_human: flags.non_human,
        test: flags.test,
        ip: codes::ip(row.get(19).map_err(from_sqlite)?)?,
        country: text(20)?,
        user_agent: text(21)?.unwrap_or_default(),
        referrer: text(22)?.unwrap_or_default(),
        redirect: text(23)?,
        prefill: Vec::new(),
        payout: money(24)?,
        received: money(25)?,
        config_version: ConfigVersion(given(12)?),
    })
}
