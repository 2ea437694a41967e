//! Posts whose end is not known.

use crate::codes::{moment, sale_type_of, unknown_rule_of};
use crate::error::from_sqlite;
use crate::leads::standing;
use crate::listing::Listing;
use crumb_domain::{BuyerId, ContractId, Money};
use crumb_storage::selling::{Held, Hold};
use crumb_storage::{Page, PageRequest, Result};
use rusqlite::{Connection, Row};

const HELD_AND_LEAD: &str = "(SELECT held.id, lead.id AS lead_id, held.buyer, contract, price, type, no_return, \
      reservation.at AS sent, rule, until, given_back.id AS replaces \
      FROM held JOIN reservation ON reservation.lead = held.lead AND reservation.buyer = held.buyer \
      JOIN lead ON lead.row = held.lead LEFT JOIN lead AS given_back ON given_back.row = reservation.replaces)";

/// A page of them.
pub(crate) fn list(connection: &Connection, page: &PageRequest) -> Result<Page<Held>> {
    let listing = Listing::new(HELD_AND_LEAD, "id");
    let columns = "id, lead_id, buyer, contract, price, type, sent, rule, until, no_return, replaces";
    listing.page(connection, page, columns, |row| Ok((held(row), row.get(0)?)))
}

fn held(row: &Row<'_>) -> Result<Held> {
    let (kind, rule): (String, String) = (row.get(5).map_err(from_sqlite)?, row.get(7).map_err(from_sqlite)?);
    Ok(Held {
        lead: standing::id(row, 1)?,
        buyer: BuyerId(row.get(2).map_err(from_sqlite)?),
        contract: ContractId(row.get(3).map_err(from_sqlite)?),
        price: Money::from_micros(row.get(4).map_err(from_sqlite)?),
        sale_type: sale_type_of(&kind)?,
        no_return: row.get(9).map_err(from_sqlite)?,
        replaces: standing::maybe_id(row, 10)?,
        at: moment(row.get(6).map_err(from_sqlite)?),
        hold: Hold { rule: unknown_rule_of(&rule)?, until: moment(row.get(8).map_err(from_sqlite)?) },
    })
}
