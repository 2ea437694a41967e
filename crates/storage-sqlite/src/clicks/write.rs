//! Writing clicks.

use super::opens_session;
use crate::codes::{ClickFlags, IpBytes, from_json, or_null, sub_id_columns, to_json};
use crate::memory::Memory;
use crate::seen::Key;
use crate::statements::{self, values};
use crumb_domain::click::Click;
use crumb_domain::{Money, RowId};
use crumb_storage::clicks::ClickBatch;
use rusqlite::{Connection, OptionalExtension as _, Statement, params};

/// Writes the clicks of many requests: rows in ascending order, each count once.
pub(crate) fn insert_clicks<'a>(
    connection: &Connection,
    memory: &mut Memory,
    batches: impl Iterator<Item = &'a ClickBatch> + Clone,
) -> rusqlite::Result<()> {
    let mut clicks: Vec<&Click> = batches.clone().flat_map(|batch| &batch.clicks).collect();
    // Appending to the end of the table costs a tenth of inserting anywhere.
    clicks.sort_unstable_by_key(|click| click.id);
    let mut insert = connection.prepare_cached(INSERT_ROW)?;
    for click in clicks {
        insert_row(&mut insert, click)?;
        memory.seen.note(connection, Key::node(click.id))?;
        memory.sub_affiliates.note_click(connection, click)?;
        insert_device(connection, click)?;
        if let Some(session) = click.session {
            if session != click.id {
                insert_further(connection, session, click.id)?;
            }
            if !click.prefill.is_empty() {
                merge_prefill(connection, session, &click.prefill)?;
            }
        }
    }
    let refers_to = batches.clone().flat_map(|batch| &batch.refers_to);
    memory.seen.note_all(connection, refers_to.map(|of| Key::from(*of)))?;
    memory.counts.raise(batches.clone().flat_map(|batch| &batch.counts));
    memory.charges.add(batches.flat_map(|batch| &batch.charges));
    Ok(())
}

const INSERT_ROW: &str =
    "INSERT INTO click (id, at, flags, disposition, session, visitor, affiliate, offer, campaign,
         creative, offer_contract, media_type, config_version, s1, s2, s3, s4, s5, device_id, ip,
         country, user_agent, referrer, redirect, payout, received, asked_contract)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
         ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27)";

fn insert_row(insert: &mut Statement<'_>, click: &Click) -> rusqlite::Result<()> {
    let own_session = click.session == Some(click.id);
    let flags = ClickFlags {
        source: click.source,
        own_session,
        duplicate: click.duplicate,
        test: click.test,
        non_human: click.non_human,
        price_format: click.price_format,
    };
    let [s1, s2, s3, s4, s5] = sub_id_columns(&click.sub_ids);
    let row = values![
        click.id.as_i64(),
        click.at.micros(),
        flags.pack(),
        click.disposition.code(),
        click.session.filter(|_| !own_session).map(RowId::as_i64),
        click.visitor.map(|visitor| visitor.0.cast_signed()),
        click.affiliate.map(|id| id.0),
        click.offer.map(|id| id.0),
        click.campaign.map(|id| id.0),
        click.creative.map(|id| id.0),
        click.offer_contract.map(|id| id.0),
        click.media_type.map(|id| id.0),
        click.config_version.0,
        s1,
        s2,
        s3,
        s4,
        s5,
        click.device_id,
        click.ip.map(IpBytes::new),
        click.country,
        or_null(&click.user_agent),
        or_null(&click.referrer),
        click.redirect,
        (click.payout != Money::ZERO).then(|| click.payout.micros()),
        (click.received != Money::ZERO).then(|| click.received.micros()),
        click.asked_contract.map(|id| id.0),
    ];
    statements::execute(insert, row)?;
    Ok(())
}

fn insert_further(connection: &Connection, session: RowId, click: RowId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO further_click (session, click) VALUES (?1, ?2)")?
        .execute(params![session.as_i64(), click.as_i64()])?;
    Ok(())
}

/// The device by which a session is found that its click opened.
fn insert_device(connection: &Connection, click: &Click) -> rusqlite::Result<()> {
    if let (Some(device_id), Some(offer), true) = (&click.device_id, click.offer, opens_session(click)) {
        connection
            .prepare_cached("INSERT INTO session_device (device_id, offer, session) VALUES (?1, ?2, ?3)")?
            .execute(params![device_id, offer.0, click.id.as_i64()])?;
    }
    Ok(())
}

/// A later click of a session may bring further values; of a name that it brings
/// again, its own hold.
fn merge_prefill(connection: &Connection, session: RowId, new: &[(String, String)]) -> rusqlite::Result<()> {
    let kept: Option<String> = connection
        .prepare_cached("SELECT pairs FROM session_prefill WHERE session = ?1")?
        .query_row([session.as_i64()], |row| row.get(0))
        .optional()?;
    // A damaged old text must not cost a click: the new values stand alone then.
    let mut pairs: Vec<(String, String)> = kept.and_then(|text| from_json(&text).ok()).unwrap_or_default();
    pairs.retain(|(name, _)| !new.iter().any(|(again, _)| again == name));
    pairs.extend_from_slice(new);
    let pairs = to_json(&pairs).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO session_prefill (session, pairs) VALUES (?1, ?2)")?
        .execute(params![session.as_i64(), pairs])?;
    Ok(())
}
