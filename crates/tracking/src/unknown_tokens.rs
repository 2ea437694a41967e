//! Tokens in links that nothing gives a value: they stay as they are written, which
//! nobody means.

use crate::links::{CLICK_TOKENS, CONVERSION_TOKENS};
use crumb_domain::fields::FieldRules;
use crumb_network::{CompiledOffer, FileError, Snapshot};
use crumb_wire::token::token_names;

/// Where a template stands, and so which tokens it knows.
#[derive(Clone, Copy)]
enum Known<'a> {
    /// On a link that a click follows.
    Click,
    /// Where a lead or conversion is told of, with the fields of a vertical.
    Conversion(&'a FieldRules),
    /// The same for leads of any vertical.
    AnyConversion(&'a Snapshot),
}

impl Known<'_> {
    fn knows(self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let is_standard = |of_conversions: bool| {
            CLICK_TOKENS.contains(&name.as_str())
                || (of_conversions && CONVERSION_TOKENS.contains(&name.as_str()))
        };
        match self {
            Self::Click => is_standard(false),
            Self::Conversion(rules) => is_standard(true) || rules.field(&name).is_some(),
            Self::AnyConversion(snapshot) => {
                let mut verticals = snapshot.network().vertical.iter();
                let has_field = |rules: &FieldRules| rules.field(&name).is_some();
                is_standard(true)
                    || verticals.any(|v| snapshot.vertical(v.id).is_some_and(|v| has_field(&v.rules)))
            }
        }
    }
}

/// All of a network: of offers' and creatives' links, thank-you links, postback URLs and
/// pixels. Paths are like `offer 100.link`, messages like `unknown token #nope#`.
pub fn unknown_tokens(snapshot: &Snapshot) -> Vec<FileError> {
    let mut found = Vec::new();
    let mut offers: Vec<&CompiledOffer> = snapshot.offers().collect();
    offers.sort_unstable_by_key(|offer| offer.offer.id);
    for offer in offers {
        of_offer(offer, &mut found);
    }
    for affiliate in &snapshot.network().affiliate {
        let (place, known) = (format!("affiliate {}", affiliate.id), Known::AnyConversion(snapshot));
        look(&mut found, format!("{place}.postback_url"), affiliate.postback_url.as_deref(), known);
        look(&mut found, format!("{place}.pixel_html"), affiliate.pixel_html.as_deref(), known);
    }
    for campaign in &snapshot.network().campaign {
        let Some(offer) = snapshot.offer(campaign.offer) else { continue };
        let (place, known) =
            (format!("campaign {}", campaign.id), Known::Conversion(&offer.vertical().rules));
        look(&mut found, format!("{place}.postback_url"), campaign.postback_url.as_deref(), known);
        look(&mut found, format!("{place}.pixel_html"), campaign.pixel_html.as_deref(), known);
    }
    for contract in &snapshot.network().contract {
        let Some(vertical) = snapshot.vertical(contract.vertical) else { continue };
        let path = format!("contract {}.thank_you_link", contract.id);
        look(&mut found, path, contract.thank_you_link.as_deref(), Known::Conversion(&vertical.rules));
    }
    found
}

fn of_offer(offer: &CompiledOffer, found: &mut Vec<FileError>) {
    let of = &offer.offer;
    let place = format!("offer {}", of.id);
    look(found, format!("{place}.link"), of.link.as_deref(), Known::Click);
    let known = Known::Conversion(&offer.vertical().rules);
    look(found, format!("{place}.thank_you_link"), of.thank_you_link.as_deref(), known);
    for creative in &of.creative {
        look(found, format!("creative {}.link", creative.id), creative.link.as_deref(), Known::Click);
    }
    for contract in &of.contract {
        look(found, format!("offer contract {}.link", contract.id), contract.link.as_deref(), Known::Click);
    }
}

fn look(found: &mut Vec<FileError>, path: String, template: Option<&str>, known: Known<'_>) {
    let mut names: Vec<&str> = Vec::new();
    for name in template.into_iter().flat_map(token_names).filter(|name| !known.knows(name)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if !names.is_empty() {
        let marked: Vec<String> = names.iter().map(|name| format!("#{name}#")).collect();
        let plural = if names.len() == 1 { "" } else { "s" };
        found.push(FileError::new(path, format!("unknown token{plural} {}", marked.join(", "))));
    }
}
