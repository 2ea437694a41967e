//! What buyers say of the leads that they bought: "contacted", "funded", in their own words.
//!
//! It moves no money and sells nothing: it is kept beside the sale and in the lead's time
//! line, for those who look whose leads are worth what.

use super::Selling;
use super::after_sale::{AfterSaleError, Lines, WhichSale, text};
use crumb_domain::LeadId;
use crumb_domain::lead::Lead;
use crumb_storage::Store;
use crumb_storage::after_sale::{BuyerStatus, LeadReturn};
use crumb_storage::selling::{LeadChange, TimelineEntry};

/// The longest status, and the longest sub-status, in characters: a word or a few.
const MAX_STATUS_CHARACTERS: usize = 64;
/// The longest note, in characters: some sentences.
const MAX_NOTE_CHARACTERS: usize = 500;

/// What a buyer says of a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRequest {
    /// Of which lead.
    pub lead: LeadId,
    /// As the buyer of which of its sales.
    pub sale: WhichSale,
    /// How the lead stands with it; must be said.
    pub status: String,
    /// More exactly.
    pub sub_status: Option<String>,
    /// In a sentence.
    pub note: Option<String>,
    /// Whose key tells it.
    pub by: Option<String>,
}

impl<S: Store + Clone> Selling<S> {
    /// Keeps what a buyer says, in place of what it said before.
    ///
    /// # Errors
    /// Where there is no such sale; the store's.
    pub async fn say(&self, said: StatusRequest) -> Result<BuyerStatus, AfterSaleError> {
        let status = text("status", &said.status, MAX_STATUS_CHARACTERS, Lines::One)?;
        if status.is_empty() {
            return Err(AfterSaleError::invalid("status", "required"));
        }
        let optional = |path, given: &Option<String>, most, lines| {
            let given = given.as_deref().map(|given| text(path, given, most, lines)).transpose()?;
            Ok::<_, AfterSaleError>(given.filter(|text| !text.is_empty()))
        };
        let sub_status = optional("sub_status", &said.sub_status, MAX_STATUS_CHARACTERS, Lines::One)?;
        let note = optional("note", &said.note, MAX_NOTE_CHARACTERS, Lines::Several)?;
        let make = |lead: Lead, _: &[LeadReturn], now| {
            let sale = said.sale.of(&lead)?;
            let kept = BuyerStatus {
                contract: sale.contract,
                buyer: sale.buyer,
                at: now,
                status: status.clone(),
                sub_status: sub_status.clone(),
                note: note.clone(),
                by: said.by.clone(),
            };
            let mut line = format!("buyer {} says of it: {status}", sale.buyer);
            for more in [&sub_status, &note].into_iter().flatten() {
                line += &format!(", {more}");
            }
            let mut change = LeadChange::new(lead, now);
            let code = "buyer_status".to_owned();
            change.timeline.push(TimelineEntry { at: now, code, text: line, by: said.by.clone() });
            change.put_status = Some(kept.clone());
            Ok((change, kept))
        };
        Ok(self.change_sold(said.lead, make).await?.1)
    }
}
