//! Conversion caps, looked at in the very write that makes a conversion: with so many at
//! once as there may be, no more are paid than a cap allows.

use crate::batch::WriteContext;
use crumb_domain::caps::CapCheck;
use crumb_domain::conversion::LeadConversion;
use crumb_domain::lead::Lead;
use crumb_storage::Result;

/// Whether a cap has as many as it allows.
pub(crate) fn is_full(context: &WriteContext<'_>, caps: &[CapCheck]) -> Result<bool> {
    for check in caps {
        if context.memory.counts.count(context.connection, check)? >= u64::from(check.limit) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether one of the caps that a lead meets is full, where it was decided otherwise.
pub(crate) fn otherwise(context: &WriteContext<'_>, lead: &Lead, caps: &[CapCheck]) -> Result<Option<bool>> {
    if caps.is_empty() {
        return Ok(None);
    }
    let decided = lead.conversion.as_ref().is_some_and(LeadConversion::is_over_cap);
    let is_full = is_full(context, caps)?;
    Ok(Some(is_full).filter(|is_full| *is_full != decided))
}
