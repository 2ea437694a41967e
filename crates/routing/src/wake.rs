//! When a lead that nobody bought may be bought after all, as far as the clock says.

use crate::tree::{Node, Tree};
use crumb_domain::{ContractId, Timestamp};

impl Tree {
    /// When a contract opens next, which is also when its cap begins anew.
    pub fn next_opening(&self, contract: ContractId, now: Timestamp) -> Option<Timestamp> {
        let node = self.node_of(contract)?;
        node.schedule.next_opening(self.zones.get(node.zone)?, now)
    }

    /// When a lead that was accepted at a moment is old enough for a contract.
    pub fn old_enough_at(&self, contract: ContractId, accepted: Timestamp) -> Option<Timestamp> {
        let node = self.node_of(contract)?;
        Some(accepted.plus_seconds(node.least_age.max(node.posting_wait)))
    }

    fn node_of(&self, contract: ContractId) -> Option<&Node> {
        self.contracts.get(self.index_of(contract)?)
    }
}
