//! Alerts, as the writes of leads and others raise them.

use crate::SqliteStore;
use crate::batch::WriteContext;
use crate::codes::moment;
use crate::error::{corrupt, from_sqlite};
use crate::listing::Listing;
use crate::outbox;
use crate::readers::LaneOf;
use crumb_domain::selling::{Alert, AlertCode};
use crumb_domain::{BuyerId, ContractId, LeadId, Timestamp};
use crumb_storage::alerts::{
    ALERT_FOLDED_SECONDS, ALERTS_KEPT_DAYS, AlertFilter, AlertToldFn, MAX_ALERTS, StoredAlert,
};
use crumb_storage::{AlertStore, Page, PageRequest, Result};
use rusqlite::{Connection, Row, params};

impl AlertStore for SqliteStore {
    fn tell_alerts(&self, told: AlertToldFn) {
        // A second one is not heard.
        let _ = self.writer().alerts_told().set(told);
    }

    async fn raise(&self, alerts: Vec<Alert>) -> Result<()> {
        self.writer().write(move |context| raise(context, &alerts)).await
    }

    async fn alerts(&self, filter: AlertFilter, page: PageRequest) -> Result<Page<StoredAlert>> {
        self.readers().read(LaneOf::Long, move |connection| list(connection, &filter, &page)).await
    }
}

/// Raises alerts, tells of those that are new, and lets go what is old.
pub(crate) fn raise(context: &mut WriteContext<'_>, alerts: &[Alert]) -> Result<()> {
    for alert in alerts {
        let is_new = raise_within(context.connection, alert, MAX_ALERTS)?;
        if let Some(told) = context.memory.alerts_told.get().filter(|_| is_new) {
            let deliveries = told(alert);
            outbox::put(context, &deliveries)?;
        }
    }
    Ok(())
}

/// Whether it is a row of its own.
fn raise_within(connection: &Connection, alert: &Alert, limit: u32) -> Result<bool> {
    if fold(connection, alert)? {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "INSERT INTO alert (at, last_at, n, code, contract, buyer, lead, text)
             VALUES (?1, ?1, 1, ?2, ?3, ?4, ?5, ?6)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                alert.at.micros(),
                alert.code.as_str(),
                alert.contract.map(|contract| contract.0),
                alert.buyer.map(|buyer| buyer.0),
                alert.lead.map(|lead| lead.to_string()),
                alert.text,
            ])
        })
        .map_err(from_sqlite)?;
    prune(connection, connection.last_insert_rowid(), alert.at, limit)?;
    Ok(true)
}

/// Counts an alert with the newest of its kind, where that is young enough.
fn fold(connection: &Connection, alert: &Alert) -> Result<bool> {
    let since = alert.at.plus_seconds(-ALERT_FOLDED_SECONDS);
    let folded = connection
        .prepare_cached(
            "UPDATE alert SET n = n + 1, last_at = max(last_at, ?4)
             WHERE id = (SELECT max(id) FROM alert WHERE code = ?1 AND contract IS ?2 AND buyer IS ?3)
               AND at > ?5 AND at <= ?4",
        )
        .and_then(|mut update| {
            update.execute(params![
                alert.code.as_str(),
                alert.contract.map(|contract| contract.0),
                alert.buyer.map(|buyer| buyer.0),
                alert.at.micros(),
                since.micros(),
            ])
        })
        .map_err(from_sqlite)?;
    Ok(folded > 0)
}

/// Ids count up one by one and only the oldest rows go, so the newest id tells how many
/// there are; the second statement reads from the oldest row to the first that stays.
fn prune(connection: &Connection, newest: i64, now: Timestamp, limit: u32) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM alert WHERE id <= ?1")
        .and_then(|mut delete| delete.execute([newest - i64::from(limit)]))
        .map_err(from_sqlite)?;
    connection
        .prepare_cached(
            "DELETE FROM alert WHERE id < (SELECT id FROM alert WHERE last_at >= ?1 ORDER BY id LIMIT 1)",
        )
        .and_then(|mut delete| delete.execute([now.plus_days(-ALERTS_KEPT_DAYS).micros()]))
        .map_err(from_sqlite)?;
    Ok(())
}

fn list(connection: &Connection, filter: &AlertFilter, page: &PageRequest) -> Result<Page<StoredAlert>> {
    let mut listing = Listing::new("alert", "id");
    listing.equals("code", filter.code.map(|code| code.as_str().to_owned()));
    listing.equals("contract", filter.contract.map(|contract| contract.0));
    listing.equals("buyer", filter.buyer.map(|buyer| buyer.0));
    if let Some(from) = filter.from {
        listing.also("last_at >= ?", [from.micros()]);
    }
    if let Some(to) = filter.to {
        listing.also("at < ?", [to.micros()]);
    }
    let columns = "id, at, last_at, n, code, contract, buyer, lead, text";
    listing.page(connection, page, columns, |row| Ok((stored(row), row.get(0)?)))
}

fn stored(row: &Row<'_>) -> Result<StoredAlert> {
    let number = |index| row.get::<_, Option<i64>>(index).map_err(from_sqlite);
    let code: String = row.get(4).map_err(from_sqlite)?;
    let lead: Option<String> = row.get(7).map_err(from_sqlite)?;
    let read = |text: String| text.parse::<LeadId>().map_err(|_| corrupt("an alert's lead", text));
    Ok(StoredAlert {
        id: row.get(0).map_err(from_sqlite)?,
        alert: Alert {
            at: moment(row.get(1).map_err(from_sqlite)?),
            code: AlertCode::from_code(&code).ok_or_else(|| corrupt("an alert's code", code))?,
            contract: number(5)?.map(ContractId),
            buyer: number(6)?.map(BuyerId),
            lead: lead.map(read).transpose()?,
            text: row.get(8).map_err(from_sqlite)?,
        },
        last_at: moment(row.get(2).map_err(from_sqlite)?),
        count: u64::try_from(number(3)?.unwrap_or_default()).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{SqliteOptions, open_writer};

    #[test]
    fn beyond_the_limit_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_writer(&folder.path().join("crumb.db"), &SqliteOptions::default()).unwrap();
        for n in 1..=7 {
            let alert = Alert {
                at: Timestamp::from_micros(n),
                code: AlertCode::BadRedirect,
                contract: Some(ContractId(n)),
                buyer: None,
                lead: None,
                text: String::new(),
            };
            raise_within(&connection, &alert, 3).unwrap();
        }
        let page = PageRequest { ascending: true, ..PageRequest::default() };
        let kept = list(&connection, &AlertFilter::default(), &page).unwrap().data;
        assert_eq!(
            kept.iter().map(|kept| kept.alert.contract).collect::<Vec<_>>(),
            [5, 6, 7].map(|n| Some(ContractId(n)))
        );
    }
}
