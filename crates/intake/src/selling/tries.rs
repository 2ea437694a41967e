//! Beginning again: a change is made of a lead as it was read, and the store takes it only
//! if the lead still stands so. Whoever changes a lead tries until it does.

use crumb_domain::conversion::Found;
use crumb_domain::lead::Lead;
use crumb_domain::{LeadId, RowId};
use crumb_storage::StoreError;

/// Times that a change of a lead is begun again because others changed it meanwhile. Of
/// those at one moment one gets through each time, so as many can come at once.
const MAX_TRIES: usize = 128;

/// The lead is being sold at this moment: nobody else may change it before that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("lead {0}: it is being sold right now")]
pub struct InHand(pub LeadId);

/// The tries of one change, each on the lead as it stands then.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    made: usize,
    /// What the last one met that was refused.
    refused_at: Option<Met>,
}

/// What a try rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Met {
    /// The lead's revision.
    pub lead: u32,
    /// The conversion that it takes over, with its revision.
    pub earlier: Option<(RowId, u32)>,
    /// A conversion cap is full.
    pub cap_is_full: bool,
}

/// What is known before a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meets {
    /// The lead stands as nobody has tried it yet.
    News,
    /// Nobody has changed the lead since the last try, and yet that was refused: whether it
    /// can be changed hangs on whether it is in hand, which was not as it must be.
    TheSame,
}

impl Tries {
    /// Before a try on a lead that was read just now.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where others were faster too often.
    pub fn on(&mut self, lead: &Lead) -> Result<Meets, StoreError> {
        self.with(lead, &Found::default())
    }

    /// The same for a change that may make the lead a conversion, which finds that.
    ///
    /// # Errors
    /// The same conflict.
    pub fn with(&mut self, lead: &Lead, found: &Found) -> Result<Meets, StoreError> {
        let earlier = found.earlier.as_ref().map(|earlier| (earlier.id, earlier.revision));
        self.at(Met { lead: lead.revision, earlier, cap_is_full: found.cap_is_full })
    }

    /// The same by what it rests on.
    ///
    /// # Errors
    /// The same conflict.
    pub fn at(&mut self, met: Met) -> Result<Meets, StoreError> {
        if self.refused_at.replace(met) == Some(met) {
            return Ok(Meets::TheSame);
        }
        self.made += 1;
        if self.made > MAX_TRIES { Err(StoreError::Conflict) } else { Ok(Meets::News) }
    }

    /// The same for a change that a lead in hand refuses.
    ///
    /// # Errors
    /// [`InHand`] where it is; the same conflict.
    pub fn at_rest<E: From<StoreError> + From<InHand>>(&mut self, lead: &Lead) -> Result<(), E> {
        self.at_rest_with(lead, &Found::default())
    }

    /// The same for a change that may make the lead a conversion, which finds that.
    ///
    /// # Errors
    /// The same.
    pub fn at_rest_with<E: From<StoreError> + From<InHand>>(
        &mut self,
        lead: &Lead,
        found: &Found,
    ) -> Result<(), E> {
        match self.with(lead, found)? {
            Meets::News => Ok(()),
            Meets::TheSame => Err(InHand(lead.id).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selling::actions::tests::lead;
    use crumb_domain::lead::{LeadOutcome, LeadStatus};

    fn at(revision: u32) -> Lead {
        Lead { revision, ..lead(LeadStatus::Queued, LeadOutcome::Queued) }
    }

    #[test]
    fn a_change_is_begun_again_while_others_change_its_lead_but_not_for_ever() {
        let mut tries = Tries::default();
        for revision in 0..128 {
            assert!(matches!(tries.on(&at(revision)), Ok(Meets::News)), "{revision}");
        }
        assert!(matches!(tries.on(&at(128)), Err(StoreError::Conflict)));
    }

    #[test]
    fn a_lead_that_nobody_changed_and_that_cannot_be_changed_is_in_hand() {
        let mut tries = Tries::default();
        assert!(matches!(tries.on(&at(3)), Ok(Meets::News)));
        for _ in 0..1_000 {
            assert!(matches!(tries.on(&at(3)), Ok(Meets::TheSame)), "waiting for its end is no try");
        }
        assert!(matches!(tries.on(&at(4)), Ok(Meets::News)));
    }
}
