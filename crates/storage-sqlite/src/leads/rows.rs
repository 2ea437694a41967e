//! A lead as rows: itself, its sales, and by what it is found.

use super::indexes::{id_column, row_of};
use super::prepare::LeadRow;
use super::recent::Recently;
use crate::codes::{
    self, IpBytes, from_json, lead_id, moment, row_id, sale_type, sale_type_of, sub_id_columns, sub_ids,
    to_json,
};
use crate::error::{corrupt, from_sqlite};
use crate::statements::{Statements, values};
use crumb_domain::attribution::Attribution;
use crumb_domain::conversion::LeadConversion;
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus, Sale};
use crumb_domain::post::PostKind;
use crumb_domain::selling::{Redress, SaleReturn};
use crumb_domain::{
    AffiliateId, BuyerId, CampaignId, ConfigVersion, ContractId, EventId, LeadId, Money, OfferContractId,
    OfferId, RowId, VerticalId,
};
use crumb_storage::Result;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

/// The revision of the lead of that row.
pub(crate) fn revision(connection: &Connection, row: RowId) -> Result<Option<u32>> {
    connection
        .prepare_cached("SELECT revision FROM lead WHERE row = ?1")
        .and_then(|mut select| select.query_row([row.as_i64()], |row| row.get(0)).optional())
        .map_err(from_sqlite)
}

/// Writes a lead and its sales.
pub(crate) fn insert(statements: &dyn Statements, row: &LeadRow, revision: u32) -> Result<()> {
    let lead = &row.lead;
    let [s1, s2, s3, s4, s5] = sub_id_columns(&lead.sub_ids);
    let conversion = conversion_column(lead)?;
    statements
        .execute(
            "INSERT INTO lead (row, id, at, post, status, outcome, errors, affiliate, offer, vertical, campaign,
                 offer_contract, attribution, trace, session, s1, s2, s3, s4, s5, fields, payout, revenue,
                 test, upsell, ip, revision, config_version, person, event, conversion)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
                 ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31)",
            values![
                lead.row.as_i64(),
                row.id,
                lead.at.micros(),
                lead.post.as_str(),
                lead.status.as_str(),
                lead.outcome.as_str(),
                row.errors,
                lead.affiliate.0,
                lead.offer.0,
                lead.vertical.0,
                lead.campaign.map(|id| id.0),
                lead.offer_contract.map(|id| id.0),
                lead.attribution.as_str(),
                row.trace,
                lead.session.as_i64(),
                s1,
                s2,
                s3,
                s4,
                s5,
                row.fields,
                lead.payout.micros(),
                lead.revenue.micros(),
                lead.test,
                lead.upsell,
                lead.ip.map(IpBytes::new),
                revision,
                lead.config_version.0,
                row.register.as_ref().map(|key| key.hash),
                lead.conversion.as_ref().map(|conversion| conversion.event.0),
                conversion,
            ],
        )
        .map_err(from_sqlite)?;
    insert_sales(statements.connection(), lead)
}

/// Writes a changed lead over the one of its row, one revision on.
pub(crate) fn replace(connection: &Connection, row: &LeadRow) -> Result<()> {
    let lead = &row.lead;
    for sql in ["DELETE FROM lead WHERE row = ?1", "DELETE FROM sale WHERE lead = ?1"] {
        connection
            .prepare_cached(sql)
            .and_then(|mut delete| delete.execute([lead.row.as_i64()]))
            .map_err(from_sqlite)?;
    }
    insert(connection, row, lead.revision.saturating_add(1))
}

/// Writes a lead's sales.
pub(crate) fn insert_sales(connection: &Connection, lead: &Lead) -> Result<()> {
    for (position, sale) in (0_i64..).zip(&lead.sales) {
        connection
            .prepare_cached(
                "INSERT INTO sale (lead, position, contract, buyer, price, type, at, no_return, returned,
                     payout_taken_back, replaces, redirect)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    lead.row.as_i64(),
                    position,
                    sale.contract.0,
                    sale.buyer.0,
                    sale.price.micros(),
                    sale_type(sale.sale_type),
                    sale.at.micros(),
                    sale.no_return,
                    sale.returned.map(|returned| returned.redress.as_str()),
                    sale.returned.is_some_and(|returned| returned.payout_taken_back),
                    sale.replaces.map(id_column),
                    sale.redirect,
                ])
            })
            .map_err(from_sqlite)?;
    }
    Ok(())
}

/// The columns that [`from_row`] reads.
pub(crate) const COLUMNS: &str = "row, id, at, post, status, outcome, errors, affiliate, offer, vertical, campaign, \
     offer_contract, attribution, trace, session, s1, s2, s3, s4, s5, fields, payout, revenue, test, upsell, ip, \
     revision, config_version, event, conversion";

/// The lead of that id.
pub(crate) fn read(connection: &Connection, recent: &Recently, id: LeadId) -> Result<Option<Lead>> {
    let Some(row) = row_of(connection, recent, id_column(id))? else { return Ok(None) };
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM lead WHERE row = ?1"))
        .and_then(|mut select| select.query_row([row], |row| Ok(from_row(connection, row))).optional())
        .map_err(from_sqlite)?
        .transpose()
}

/// A lead from its row, with its sales.
pub(crate) fn from_row(connection: &Connection, row: &Row<'_>) -> Result<Lead> {
    let number = |at| row.get::<_, Option<i64>>(at).map_err(from_sqlite);
    let given = |at| row.get::<_, i64>(at).map_err(from_sqlite);
    let text = |at| row.get::<_, String>(at).map_err(from_sqlite);
    let (post, status, outcome, attribution) = (text(3)?, text(4)?, text(5)?, text(12)?);
    let place = row_id(given(0)?)?;
    Ok(Lead {
        id: lead_id(given(1)?)?,
        row: place,
        at: moment(given(2)?),
        post: PostKind::from_code(&post).ok_or_else(|| corrupt("a kind of post", post))?,
        status: LeadStatus::from_code(&status).ok_or_else(|| corrupt("a lead's status", status))?,
        outcome: LeadOutcome::from_code(&outcome).ok_or_else(|| corrupt("a lead's outcome", outcome))?,
        errors: from_json(&text(6)?)?,
        affiliate: AffiliateId(given(7)?),
        offer: OfferId(given(8)?),
        vertical: VerticalId(given(9)?),
        campaign: number(10)?.map(CampaignId),
        offer_contract: number(11)?.map(OfferContractId),
        attribution: Attribution::from_code(&attribution)
            .ok_or_else(|| corrupt("an attribution", attribution))?,
        trace: from_json(&text(13)?)?,
        session: row_id(given(14)?)?,
        sub_ids: sub_ids(row, 15).map_err(from_sqlite)?,
        fields: from_json(&text(20)?)?,
        payout: Money::from_micros(given(21)?),
        revenue: Money::from_micros(given(22)?),
        sales: sales(connection, place)?,
        conversion: conversion(row)?,
        test: row.get(23).map_err(from_sqlite)?,
        upsell: row.get(24).map_err(from_sqlite)?,
        ip: codes::ip(row.get(25).map_err(from_sqlite)?)?,
        revision: row.get(26).map_err(from_sqlite)?,
        config_version: ConfigVersion(given(27)?),
    })
}

/// What is known of the lead's conversion beside its event, as JSON; none where that is
/// all, as of nearly every lead.
pub(crate) fn conversion_column(lead: &Lead) -> Result<Option<String>> {
    let told = lead.conversion.as_ref().filter(|told| **told != LeadConversion::of(told.event));
    told.map(to_json).transpose()
}

fn conversion(row: &Row<'_>) -> Result<Option<LeadConversion>> {
    let event = row.get::<_, Option<i64>>(28).map_err(from_sqlite)?;
    let told = row.get::<_, Option<String>>(29).map_err(from_sqlite)?;
    match (event, told) {
        (Some(_), Some(told)) => from_json(&told).map(Some),
        (event, _) => Ok(event.map(|event| LeadConversion::of(EventId(event)))),
    }
}

fn sales(connection: &Connection, lead: RowId) -> Result<Vec<Sale>> {
    let mut select = connection
        .prepare_cached(
            "SELECT contract, buyer, price, type, at, no_return, returned, payout_taken_back, replaces, redirect
             FROM sale WHERE lead = ?1 ORDER BY position",
        )
        .map_err(from_sqlite)?;
    let mut rows = select.query([lead.as_i64()]).map_err(from_sqlite)?;
    let mut sales = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        let code: String = row.get(3).map_err(from_sqlite)?;
        sales.push(Sale {
            contract: ContractId(row.get(0).map_err(from_sqlite)?),
            buyer: BuyerId(row.get(1).map_err(from_sqlite)?),
            price: Money::from_micros(row.get(2).map_err(from_sqlite)?),
            sale_type: sale_type_of(&code)?,
            at: moment(row.get(4).map_err(from_sqlite)?),
            no_return: row.get(5).map_err(from_sqlite)?,
            returned: returned(row)?,
            replaces: row.get::<_, Option<i64>>(8).map_err(from_sqlite)?.map(lead_id).transpose()?,
            redirect: row.get(9).map_err(from_sqlite)?,
        });
    }
    Ok(sales)
}

fn returned(row: &Row<'_>) -> Result<Option<SaleReturn>> {
    let Some(code) = row.get::<_, Option<String>>(6).map_err(from_sqlite)? else { return Ok(None) };
    let redress = Redress::from_code(&code).ok_or_else(|| corrupt("what a sale was taken back for", code))?;
    Ok(Some(SaleReturn { redress, payout_taken_back: row.get(7).map_err(from_sqlite)? }))
}
