//! Reservations: that a lead is about to be sent to a buyer, and how that ended.

use super::prepare::AttemptRow;
use super::{accounts, contracts, queue, records, replacements};
use crate::batch::WriteContext;
use crate::codes::{from_json, moment, sale_type, sale_type_of, unknown_rule};
use crate::error::{corrupt, from_sqlite};
use crate::leads::standing;
use crate::ledger;
use crate::seen::Key;
use crumb_domain::lead::Sale;
use crumb_domain::ledger::{Account, LedgerEntry, LedgerKind};
use crumb_domain::selling::{AttemptKind, BuyerAnswer};
use crumb_domain::time::Day;
use crumb_domain::{BuyerId, ContractId, Money, Timestamp};
use crumb_storage::configuration::HistoryOf;
use crumb_storage::selling::{
    EarlierSend, EndedReservation, Hold, ReservationEnd, ReservationState, Reserve, Reserved,
};
use crumb_storage::{Result, StoreError};
use rusqlite::{Connection, OptionalExtension as _, params};

const RESERVED: i64 = 1;
const SOLD: i64 = 2;
const HELD: i64 = 3;
const REFUSED: i64 = 4;

fn state_of(column: i64) -> Result<ReservationState> {
    match column {
        RESERVED => Ok(ReservationState::Reserved),
        SOLD => Ok(ReservationState::Sold),
        HELD => Ok(ReservationState::Held),
        REFUSED => Ok(ReservationState::Refused),
        _ => Err(corrupt("a reservation's state", column)),
    }
}

/// Reserves, or says why not.
pub(crate) fn reserve(
    context: &mut WriteContext<'_>,
    wanted: &Reserve,
    attempts: &[AttemptRow],
) -> Result<Reserved> {
    let connection = context.connection;
    let lead = wanted.lead.as_i64();
    let Some(taking) = queue::taking_in_hand(connection, lead)? else { return Err(StoreError::Conflict) };
    for ended in &wanted.ended {
        end(connection, lead, wanted.at, *ended)?;
    }
    records::insert_attempts(context, lead, attempts)?;
    if let Some(cap) = wanted.cap {
        let count = contracts::count(connection, wanted.contract, wanted.day)?;
        if count >= cap {
            return Ok(Reserved::CapReached { count });
        }
    }
    if let Some(limit) = wanted.credit_limit {
        let free = accounts::free(connection, wanted.buyer)?.micros();
        let available = Money::from_micros(free.saturating_add(limit.micros()));
        if available < wanted.price {
            return Ok(Reserved::NoCredit { available });
        }
    }
    let given_back = match wanted.replacement {
        true => replacements::owed(connection, wanted.contract, wanted.buyer)?,
        false => None,
    };
    if wanted.replacement && given_back.is_none() {
        return Ok(Reserved::NothingOwed);
    }
    let replaces = given_back.map(|(row, _)| row);
    if !insert(connection, wanted, taking, replaces)? {
        return Ok(Reserved::AlreadySent);
    }
    let refers_to = [HistoryOf::Contract(wanted.contract), HistoryOf::Buyer(wanted.buyer)].map(Key::from);
    context.memory.seen.note_all(connection, refers_to).map_err(from_sqlite)?;
    contracts::change_count(connection, wanted.contract, wanted.day, 1)?;
    accounts::change(connection, wanted.buyer, Money::ZERO, wanted.price)?;
    let Some((given_back, id)) = given_back else { return Ok(Reserved::Granted) };
    replacements::on_its_way(connection, given_back, wanted.contract, lead)?;
    Ok(Reserved::Replaces(id))
}

/// False where the lead was sent to the buyer before.
fn insert(connection: &Connection, wanted: &Reserve, taking: i64, replaces: Option<i64>) -> Result<bool> {
    connection
        .prepare_cached(
            "INSERT INTO reservation (lead, buyer, contract, day, cap, price, type, no_return, state, taking, at,
                 replaces)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                wanted.lead.as_i64(),
                wanted.buyer.0,
                wanted.contract.0,
                wanted.day.0,
                wanted.cap,
                wanted.price.micros(),
                sale_type(wanted.sale_type),
                wanted.no_return,
                RESERVED,
                taking,
                wanted.at.micros(),
                replaces,
            ])
        })
        .map(|inserted| inserted == 1)
        .map_err(from_sqlite)
}

/// A reservation whose end is not told yet.
struct Open {
    buyer: BuyerId,
    day: Day,
    price: Money,
    state: i64,
    replaces: Option<i64>,
}

fn open(connection: &Connection, lead: i64, contract: ContractId) -> Result<Option<Open>> {
    connection
        .prepare_cached(
            "SELECT buyer, day, price, state, replaces FROM reservation
             WHERE lead = ?1 AND contract = ?2 AND state IN (?3, ?4)",
        )
        .and_then(|mut select| {
            select
                .query_row([lead, contract.0, RESERVED, HELD], |row| {
                    Ok(Open {
                        buyer: BuyerId(row.get(0)?),
                        day: Day(row.get(1)?),
                        price: Money::from_micros(row.get(2)?),
                        state: row.get(3)?,
                        replaces: row.get(4)?,
                    })
                })
                .optional()
        })
        .map_err(from_sqlite)
}

/// Ends a reservation, if it has not ended: what it took is confirmed, released or held.
pub(crate) fn end(connection: &Connection, lead: i64, at: Timestamp, ended: EndedReservation) -> Result<()> {
    let contract = ended.contract;
    let Some(open) = open(connection, lead, contract)? else { return Ok(()) };
    if open.state == HELD {
        connection
            .prepare_cached("DELETE FROM held WHERE lead = ?1 AND buyer = ?2")
            .and_then(|mut delete| delete.execute([lead, open.buyer.0]))
            .map_err(from_sqlite)?;
    }
    if let ReservationEnd::Held(hold) = ended.end {
        insert_held(connection, lead, open.buyer, hold)?;
        return stand(connection, lead, open.buyer, HELD, open.price, None);
    }
    let freed = Money::from_micros(open.price.micros().saturating_neg());
    accounts::change(connection, open.buyer, Money::ZERO, freed)?;
    if let ReservationEnd::Sold(price) = ended.end {
        let (from, to) = (Account::Buyer(open.buyer), Account::House);
        let moved = LedgerEntry::moved(at, LedgerKind::Sale, from, to, price);
        let mut sale = LedgerEntry { contract: Some(contract), ..moved };
        if let Some(given_back) = open.replaces {
            sale.note = Some(replacements::delivered(connection, given_back, contract, lead, at)?);
        }
        ledger::append(connection, lead, &[sale])?;
        contracts::sold(connection, contract, open.day, at)?;
        return stand(connection, lead, open.buyer, SOLD, price, Some(at));
    }
    contracts::change_count(connection, contract, open.day, -1)?;
    if let Some(given_back) = open.replaces {
        replacements::still_owed(connection, given_back, contract)?;
    }
    if ended.end == ReservationEnd::Refused {
        return stand(connection, lead, open.buyer, REFUSED, open.price, None);
    }
    connection
        .prepare_cached("DELETE FROM reservation WHERE lead = ?1 AND buyer = ?2")
        .and_then(|mut delete| delete.execute([lead, open.buyer.0]))
        .map_err(from_sqlite)?;
    Ok(())
}

fn stand(
    connection: &Connection,
    lead: i64,
    buyer: BuyerId,
    state: i64,
    price: Money,
    at: Option<Timestamp>,
) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE reservation SET state = ?3, price = ?4, at = coalesce(?5, at) WHERE lead = ?1 AND buyer = ?2",
        )
        .and_then(|mut update| {
            update.execute(params![lead, buyer.0, state, price.micros(), at.map(Timestamp::micros)])
        })
        .map_err(from_sqlite)?;
    Ok(())
}

fn insert_held(connection: &Connection, lead: i64, buyer: BuyerId, hold: Hold) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO held (lead, buyer, rule, until) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut insert| {
            insert.execute(params![lead, buyer.0, unknown_rule(hold.rule), hold.until.micros()])
        })
        .map_err(from_sqlite)?;
    Ok(())
}

/// Whether the end of a post of a lead is not known.
pub(crate) fn has_held(connection: &Connection, lead: i64) -> Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM reservation WHERE lead = ?1 AND state = ?2")
        .and_then(|mut select| select.exists([lead, HELD]))
        .map_err(from_sqlite)
}

/// The same of what it was sent while it was in hand for that time.
pub(crate) fn has_held_of_taking(connection: &Connection, lead: i64, taking: i64) -> Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM reservation WHERE lead = ?1 AND state = ?2 AND taking = ?3")
        .and_then(|mut select| select.exists([lead, HELD, taking]))
        .map_err(from_sqlite)
}

/// What a lead met, by buyer.
pub(crate) fn of_lead(connection: &Connection, lead: i64) -> Result<Vec<EarlierSend>> {
    let mut select = connection
        .prepare_cached(
            "SELECT contract, buyer, state, day, cap FROM reservation WHERE lead = ?1 ORDER BY buyer",
        )
        .map_err(from_sqlite)?;
    let mut rows = select.query([lead]).map_err(from_sqlite)?;
    let mut sends = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        sends.push(EarlierSend {
            contract: ContractId(row.get(0).map_err(from_sqlite)?),
            buyer: BuyerId(row.get(1).map_err(from_sqlite)?),
            state: state_of(row.get(2).map_err(from_sqlite)?)?,
            day: Day(row.get(3).map_err(from_sqlite)?),
            cap: row.get(4).map_err(from_sqlite)?,
        });
    }
    Ok(sends)
}

/// Contracts to which a lead may have been sent without a word of how that ended, with when
/// that was about to be.
pub(crate) fn without_end(connection: &Connection, lead: i64) -> Result<Vec<(ContractId, Timestamp)>> {
    let mut select = connection
        .prepare_cached("SELECT contract, at FROM reservation WHERE lead = ?1 AND state = ?2")
        .map_err(from_sqlite)?;
    let contracts = select
        .query_map([lead, RESERVED], |row| Ok((ContractId(row.get(0)?), moment(row.get(1)?))))
        .map_err(from_sqlite)?
        .collect::<rusqlite::Result<_>>();
    contracts.map_err(from_sqlite)
}

/// Where the answer to a lead's post sends its visitor: that a post was answered is
/// written with what came of it.
fn redirect(connection: &Connection, lead: i64, contract: i64) -> Result<Option<String>> {
    let read: Option<String> = connection
        .prepare_cached(
            "SELECT read FROM attempt WHERE lead = ?1 AND contract = ?2 AND kind = ?3 ORDER BY id DESC LIMIT 1",
        )
        .and_then(|mut select| {
            select.query_row(params![lead, contract, AttemptKind::Post.as_str()], |row| row.get(0)).optional()
        })
        .map_err(from_sqlite)?;
    let read: Option<BuyerAnswer> = read.as_deref().map(from_json).transpose()?;
    Ok(read.and_then(|read| read.redirect().map(str::to_owned)))
}

/// What was sold of a lead while it was in hand for that time, which the lead itself
/// knows only once its run is settled; oldest first.
pub(crate) fn sales_of_taking(connection: &Connection, lead: i64, taking: i64) -> Result<Vec<Sale>> {
    let mut select = connection
        .prepare_cached(
            "SELECT contract, buyer, price, type, at, no_return,
                 (SELECT id FROM lead WHERE row = reservation.replaces) FROM reservation
             WHERE lead = ?1 AND taking = ?2 AND state = ?3 ORDER BY at, buyer",
        )
        .map_err(from_sqlite)?;
    let mut rows = select.query([lead, taking, SOLD]).map_err(from_sqlite)?;
    let mut sales = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        let contract: i64 = row.get(0).map_err(from_sqlite)?;
        let code: String = row.get(3).map_err(from_sqlite)?;
        sales.push(Sale {
            contract: ContractId(contract),
            buyer: BuyerId(row.get(1).map_err(from_sqlite)?),
            price: Money::from_micros(row.get(2).map_err(from_sqlite)?),
            sale_type: sale_type_of(&code)?,
            at: moment(row.get(4).map_err(from_sqlite)?),
            no_return: row.get(5).map_err(from_sqlite)?,
            returned: None,
            replaces: standing::maybe_id(row, 6)?,
            redirect: redirect(connection, lead, contract)?,
        });
    }
    Ok(sales)
}
