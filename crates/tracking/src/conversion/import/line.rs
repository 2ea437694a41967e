//! A row of an import, as far as it can be read without the store.

use super::super::late::{self, Adjustment, EffectiveDate, Fact, Invalid, LateFact};
use crumb_domain::conversion::{Conversion, ConversionDisposition, MAX_TRANSACTION_ID_CHARS};
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::{Money, RequestId, RowId, Timestamp};
use serde::{Deserialize, Serialize};

/// A row as it is written; blank cells are as good as none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Line {
    /// Of a conversion that is there: which one is changed.
    pub id: Option<String>,
    /// Of a new one: its session.
    pub request_id: Option<String>,
    /// By id or short name; the offer's default one where it is not said.
    pub event: Option<String>,
    /// When; now where it is not said.
    pub at: Option<String>,
    /// The advertiser's own number.
    pub transaction_id: Option<String>,
    /// To the affiliate; by the offer's terms where it is not said.
    pub payout: Option<String>,
    /// From the advertiser; by the offer's terms where it is not said.
    pub received: Option<String>,
    /// `approved`, where it is not said of a new one, `pending`, `rejected` or `returned`.
    pub disposition: Option<String>,
    /// For the ledger.
    pub note: Option<String>,
    /// For which date what it moves counts: `today`, where it is not said, `conversion_date` or
    /// a day like `2030-01-31`.
    pub effective_date: Option<String>,
}

/// Which conversion a row is about.
pub(super) enum Subject {
    /// One that is there.
    Conversion(RowId),
    /// A new one.
    Session { session: RowId, event: Option<String>, at: Option<Timestamp> },
}

/// What can be read of a row that says what it is about.
pub(super) struct Checked {
    pub subject: Subject,
    /// All of its cells can be.
    pub is_whole: bool,
    pub transaction_id: Option<String>,
    pub payout: Option<Money>,
    pub received: Option<Money>,
    pub disposition: Option<ConversionDisposition>,
    pub note: Option<String>,
    pub effective: EffectiveDate,
}

impl Line {
    /// Names of the cells.
    pub const COLUMNS: [&'static str; 10] = [
        "id",
        "request_id",
        "event",
        "at",
        "transaction_id",
        "payout",
        "received",
        "disposition",
        "note",
        "effective_date",
    ];

    /// The cell of a column; none where there is no such column.
    pub fn cell_mut(&mut self, column: &str) -> Option<&mut Option<String>> {
        Some(match column {
            "id" => &mut self.id,
            "request_id" => &mut self.request_id,
            "event" => &mut self.event,
            "at" => &mut self.at,
            "transaction_id" => &mut self.transaction_id,
            "payout" => &mut self.payout,
            "received" => &mut self.received,
            "disposition" => &mut self.disposition,
            "note" => &mut self.note,
            "effective_date" => &mut self.effective_date,
            _ => return None,
        })
    }

    /// Reads all cells: what can be read, so that the rest of it is looked at as well, and
    /// what is wrong with the others.
    pub(super) fn checked(&self, names: &RequestIdKey) -> (Option<Checked>, Vec<Invalid>) {
        let mut wrong = Vec::new();
        let subject = self.subject(names, &mut wrong);
        let payout = money("payout", &self.payout, &mut wrong);
        let received = money("received", &self.received, &mut wrong);
        let disposition = read(&self.disposition, &mut wrong, "disposition", |text| {
            use ConversionDisposition::OverCap;
            ConversionDisposition::from_code(text)
                .filter(|disposition| *disposition != OverCap)
                .ok_or_else(|| "expected approved, pending, rejected or returned".to_owned())
        });
        let effective = read(&self.effective_date, &mut wrong, "effective_date", |text| {
            EffectiveDate::parse(text).map_err(|invalid| invalid.message)
        });
        let effective = effective.unwrap_or_default();
        let mut text = |path, cell: &Option<String>, most| {
            late::text(path, cell.clone(), most).unwrap_or_else(|invalid| {
                wrong.push(invalid);
                None
            })
        };
        let transaction_id = text("transaction_id", &self.transaction_id, MAX_TRANSACTION_ID_CHARS);
        let note = text("note", &self.note, late::MAX_NOTE_CHARACTERS);
        let is_whole = wrong.is_empty();
        let checked = subject.map(|subject| Checked {
            subject,
            is_whole,
            transaction_id,
            payout,
            received,
            disposition,
            note,
            effective,
        });
        (checked, wrong)
    }

    fn subject(&self, names: &RequestIdKey, wrong: &mut Vec<Invalid>) -> Option<Subject> {
        let row = |text: &str| {
            let row = text.parse().ok().and_then(|id: RequestId| names.row_id(id));
            row.ok_or_else(|| "expected an id: a number as clicks and conversions have it".to_owned())
        };
        let id = read(&self.id, wrong, "id", row);
        let session = read(&self.request_id, wrong, "request_id", row);
        let at = read(&self.at, wrong, "at", |text| {
            text.parse::<Timestamp>().map_err(|_| "expected a time like 2030-01-01T00:00:00Z".to_owned())
        });
        let event = given(&self.event).map(str::to_owned);
        match (given(&self.id), given(&self.request_id)) {
            (None, None) => {
                let message = "required: of a new conversion; or the id of one that is there";
                wrong.push(Invalid::new("request_id", message));
                None
            }
            (Some(_), _) => {
                for (path, cell) in
                    [("request_id", &self.request_id), ("event", &self.event), ("at", &self.at)]
                {
                    if given(cell).is_some() {
                        wrong.push(Invalid::new(path, "a conversion that is there keeps its own"));
                    }
                }
                id.map(Subject::Conversion)
            }
            // What is held against a moment that cannot be read would be held against now.
            (None, Some(_)) if at.is_none() && given(&self.at).is_some() => None,
            (None, Some(_)) => session.map(|session| Subject::Session { session, event, at }),
        }
    }
}

impl Checked {
    /// What the row says of a conversion that is there.
    pub fn facts(self, before: &Conversion) -> Result<Vec<LateFact>, Invalid> {
        use ConversionDisposition as D;
        let adjustment =
            Adjustment { payout: self.payout, received: self.received, transaction_id: self.transaction_id };
        let adjusts = (adjustment != Adjustment::default()).then_some(Fact::Adjust(adjustment));
        let becomes = match self.disposition.filter(|said| *said != before.disposition) {
            None => None,
            Some(D::Approved) => Some(Fact::Approve),
            Some(D::Rejected) => Some(Fact::Reject),
            Some(D::Returned) => Some(Fact::Return),
            Some(D::Pending | D::OverCap) => {
                return Err(Invalid::new("disposition", "a conversion that is there does not begin to wait"));
            }
        };
        // What a cell says that cannot be read is told already.
        if self.is_whole && adjusts.is_none() && becomes.is_none() && self.disposition.is_none() {
            return Err(Invalid::new("", "nothing is said of it: no amount, transaction_id or disposition"));
        }
        let facts = adjusts.into_iter().chain(becomes);
        facts.map(|fact| Ok(LateFact::new(fact, self.note.clone())?.effective(self.effective))).collect()
    }
}

/// A cell that says something.
fn given(cell: &Option<String>) -> Option<&str> {
    cell.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

fn read<T>(
    cell: &Option<String>,
    wrong: &mut Vec<Invalid>,
    path: &'static str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    given(cell).and_then(|text| parse(text).map_err(|message| wrong.push(Invalid::new(path, message))).ok())
}

fn money(path: &'static str, cell: &Option<String>, wrong: &mut Vec<Invalid>) -> Option<Money> {
    let amount = read(cell, wrong, path, |text| {
        text.parse::<Money>().map_err(|_| "expected an amount like 5.00".to_owned())
    });
    if let Err(invalid) = late::amount(path, amount) {
        wrong.push(invalid);
    }
    amount
}
