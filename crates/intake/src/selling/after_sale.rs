//! What happens to a lead after its sale, whoever else changes it at the same moment.

use super::Selling;
use super::tries::{InHand, Tries};
use crumb_domain::lead::{Lead, Sale};
use crumb_domain::{BuyerId, ContractId, LeadId, Timestamp};
use crumb_storage::after_sale::LeadReturn;
use crumb_storage::selling::{LeadChange, Then};
use crumb_storage::{Store, StoreError};
use crumb_tracking::feed::Recorded;
use std::sync::Arc;

/// Why something cannot be done after a sale.
#[derive(Debug, thiserror::Error)]
pub enum AfterSaleError {
    /// There is no such lead.
    #[error("no lead {0}")]
    NoLead(LeadId),
    /// There is no such buyer.
    #[error("no buyer {0}")]
    NoBuyer(BuyerId),
    /// There is nothing of the kind; says of what.
    #[error("{0}")]
    Missing(String),
    /// What was said is not as it must be.
    #[error("{path}: {message}")]
    Invalid {
        /// What of it.
        path: &'static str,
        /// What is wrong.
        message: String,
    },
    /// It cannot be done as things stand.
    #[error("{0}")]
    Refused(String),
    /// Somebody sells it at this moment.
    #[error(transparent)]
    InHand(#[from] InHand),
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AfterSaleError {
    pub(super) fn invalid(path: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { path, message: message.into() }
    }
}

/// Which of a lead's sales is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WhichSale {
    /// The one under this contract; needed where the lead was sold more than once.
    pub contract: Option<ContractId>,
    /// Of this buyer's only: there are no others for it.
    pub buyer: Option<BuyerId>,
}

impl WhichSale {
    /// The sale.
    ///
    /// # Errors
    /// Where there is none, or more than one.
    pub fn of(self, lead: &Lead) -> Result<&Sale, AfterSaleError> {
        let id = lead.id;
        let mut sales = lead.sales.iter().filter(|sale| {
            self.buyer.is_none_or(|own| own == sale.buyer)
                && self.contract.is_none_or(|named| named == sale.contract)
        });
        let refused = match (sales.next(), sales.next(), self.contract) {
            (Some(sale), None, _) => return Ok(sale),
            (Some(_), Some(_), _) => format!("lead {id} was sold more than once: name the contract"),
            (None, _, Some(contract)) => format!("lead {id} was not sold under contract {contract}"),
            (None, _, None) => format!("lead {id} was not sold"),
        };
        Err(AfterSaleError::Refused(refused))
    }
}

/// On how many lines a text may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    One,
    Several,
}

/// A text that a person gave: trimmed, within its length, and free of what moves a
/// terminal's cursor.
pub(super) fn text(
    path: &'static str,
    given: &str,
    most: usize,
    lines: Lines,
) -> Result<String, AfterSaleError> {
    let text = given.trim();
    let is_wrong = |c: char| c.is_control() && !(lines == Lines::Several && matches!(c, '\n' | '\r' | '\t'));
    if text.chars().count() > most {
        return Err(AfterSaleError::invalid(path, format!("at most {most} characters")));
    }
    if text.chars().any(is_wrong) {
        return Err(AfterSaleError::invalid(path, "control characters are not taken"));
    }
    Ok(text.to_owned())
}

impl<S: Store + Clone> Selling<S> {
    /// Changes a lead that is not in hand, beginning again where others were faster. It
    /// keeps its place in the queue, and the answer that its post was given. What
    /// `make` makes of it besides is given back.
    pub(super) async fn change_sold<T>(
        &self,
        id: LeadId,
        make: impl Fn(Lead, &[LeadReturn], Timestamp) -> Result<(LeadChange, T), AfterSaleError>,
    ) -> Result<(Lead, T), AfterSaleError> {
        let mut tries = Tries::default();
        loop {
            let now = self.site.clock.now();
            let lead = self.site.store.lead(id).await?.ok_or(AfterSaleError::NoLead(id))?;
            tries.at_rest::<AfterSaleError>(&lead)?;
            // After the lead: what is put meanwhile raises the lead's revision.
            let returns = self.site.store.returns_of(lead.row).await?;
            let (mut change, made) = make(lead, &returns, now)?;
            change.then = Then::AsBefore;
            let after = change.lead.clone();
            match self.site.store.act(change).await {
                Ok(()) => {
                    self.site.feed.tell(|| Recorded::Lead(Arc::new(after.clone())));
                    return Ok((after, made));
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
