//! What an API key may do and see.

use crumb_domain::{AffiliateId, BuyerId};
use std::fmt;
use std::str::FromStr;

/// The role of an API key. Text form: `admin`, `manager`, `reader`,
/// `affiliate:12`, `buyer:5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything, keys too.
    Admin,
    /// Everything but users and keys.
    Manager,
    /// Sees what a manager sees, changes nothing.
    Reader,
    /// Sees what is this affiliate's.
    Affiliate(AffiliateId),
    /// Sees what this buyer bought.
    Buyer(BuyerId),
}

/// The text is no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a role; expected admin, manager, reader, affiliate:ID or buyer:ID")]
pub struct InvalidRole;

impl Role {
    /// Whether it is of the network's own people, who see all parties' data.
    pub fn is_of_the_network(self) -> bool {
        matches!(self, Self::Admin | Self::Manager | Self::Reader)
    }

    /// Whether it may make and change things.
    pub fn may_change(self) -> bool {
        matches!(self, Self::Admin | Self::Manager)
    }
}

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        match text {
            "admin" => return Ok(Self::Admin),
            "manager" => return Ok(Self::Manager),
            "reader" => return Ok(Self::Reader),
            _ => {}
        }
        match text.split_once(':') {
            Some(("affiliate", id)) => id.parse().map(Self::Affiliate).map_err(|_| InvalidRole),
            Some(("buyer", id)) => id.parse().map(Self::Buyer).map_err(|_| InvalidRole),
            _ => Err(InvalidRole),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admin => f.write_str("admin"),
            Self::Manager => f.write_str("manager"),
            Self::Reader => f.write_str("reader"),
            Self::Affiliate(id) => write!(f, "affiliate:{id}"),
            Self::Buyer(id) => write!(f, "buyer:{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_as_it_is_written() {
        for text in ["admin", "manager", "reader", "affiliate:12", "buyer:5"] {
            assert_eq!(text.parse::<Role>().map(|role| role.to_string()), Ok(text.to_owned()));
        }
        for wrong in
            ["", "Admin", "root", "affiliate", "affiliate:", "affiliate:x", "affiliate:-1", "buyer:0"]
        {
            assert_eq!(wrong.parse::<Role>(), Err(InvalidRole), "{wrong}");
        }
    }

    #[test]
    fn only_admins_and_managers_change_things() {
        let may = |text: &str| text.parse::<Role>().map(Role::may_change);
        assert_eq!(may("admin"), Ok(true));
        assert_eq!(may("manager"), Ok(true));
        for other in ["reader", "affiliate:12", "buyer:5"] {
            assert_eq!(may(other), Ok(false));
        }
    }
}
