//! Where a visitor goes after a sale: the buyer's redirect, else its contract's
//! thank-you link, else the offer's.

use crumb_domain::lead::Lead;
use crumb_domain::{ContractId, Money};
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
    /// By what a run sold.
    pub fn of(state: &State, snapshot: &Snapshot) -> Self {
        if let Some(redirect) = state.redirect() {
            return Self::Buyer(redirect.to_owned());
        }
        let sold = state.sales().iter().map(|sale| (sale.sold_price, sale.reserved.contract));
        Self::of_contracts(sold, snapshot)
    }

    /// By the sales that a lead has, when its run is over.
    pub fn of_sales(lead: &Lead, snapshot: &Snapshot) -> Self {
        let redirects = lead.sales.iter().filter_map(|sale| Some((sale.price, sale.redirect.as_deref()?)));
        if let Some(redirect) = dearest(redirects) {
            return Self::Buyer(redirect.to_owned());
        }
        Self::of_contracts(lead.sales.iter().map(|sale| (sale.price, sale.contract)), snapshot)
    }

    fn of_contracts(sold: impl Iterator<Item = (Money, ContractId)>, snapshot: &Snapshot) -> Self {
        let links = sold.filter_map(|(price, contract)| {
            Some((price, snapshot.contract(contract)?.thank_you_link.as_deref()?))
        });
        dearest(links).map_or(Self::Offer, |link| Self::Contract(link.to_owned()))
    }
}

/// Of several buyers, that of the highest price; the first of equals: it bought first.
fn dearest<'a>(links: impl Iterator<Item = (Money, &'a str)>) -> Option<&'a str> {
    links.reduce(|best, other| if other.0 > best.0 { other } else { best }).map(|(_, link)| link)
}
