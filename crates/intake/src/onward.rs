//! Where a visitor goes after a sale: the buyer's redirect, else its contract's
//! thank-you link, else the offer's.

use crumb_domain::lead::Lead;
use crumb_network::Snapshot;
use crumb_routing::State;

/// Where the visitor of a lead goes, before the offer's own link is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Onward {
    /// As a buyer said: an address as it is.
    Buyer(String),
    /// As a contract that bought says: a link whose tokens are replaced.
    Contract(String),
    /// Nobody said.
    Offer,
}

impl Onward {
    /// By what a run sold. Of several buyers, that of the highest price.
    pub fn of(state: &State, snapshot: &Snapshot) -> Self {
        if let Some(redirect) = state.redirect() {
            return Self::Buyer(redirect.to_owned());
        }
        let links = state.sales().iter().filter_map(|sale| {
            let contract = snapshot.contract(sale.reserved.contract)?;
            Some((sale.sold_price, contract.thank_you_link.as_deref()?))
        });
        // The first of equals: it bought first.
        let best = links.reduce(|best, other| if other.0 > best.0 { other } else { best });
        best.map_or(Self::Offer, |(_, link)| Self::Contract(link.to_owned()))
    }

    /// By the sales that a lead has, when its buyers' answers are long gone.
    pub fn of_sales(lead: &Lead, snapshot: &Snapshot) -> Self {
        let links = lead.sales.iter().filter_map(|sale| {
            Some((sale.price, snapshot.contract(sale.contract)?.thank_you_link.as_deref()?))
        });
        let best = links.reduce(|best, other| if other.0 > best.0 { other } else { best });
        best.map_or(Self::Offer, |(_, link)| Self::Contract(link.to_owned()))
    }
}
