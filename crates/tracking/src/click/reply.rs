//! What is sent to a visitor whom an offer takes, and what is kept of it.

use super::ClickReply;
use crate::links::{self, MASK, TokenValues};
use crumb_domain::OfferContractId;
use crumb_domain::click::{Disposition, MAX_REDIRECT_CHARS};
use crumb_domain::network::Creative;
use crumb_network::{CompiledOffer, Snapshot};
use crumb_wire::link::{LinkRequest, PixelKind};

/// What decides where the visitor is sent.
pub(super) struct Sending<'a> {
    pub offer: &'a CompiledOffer,
    /// What was clicked; none at the target of a chain, whose own link leads.
    pub creative: Option<&'a Creative>,
    /// The terms of the click itself, also where it is a duplicate.
    pub contract: Option<OfferContractId>,
    pub disposition: Disposition,
    pub values: TokenValues<'a>,
    pub prefill: &'a [(String, String)],
}

/// What is sent, and what the row keeps of where it leads.
pub(super) struct Sent {
    pub reply: ClickReply,
    pub kept: Option<String>,
}

impl Sent {
    fn nowhere(reply: ClickReply) -> Self {
        Self { reply, kept: None }
    }

    fn to(target: Option<String>) -> Self {
        match target {
            Some(target) => Self { kept: Some(kept(&target)), reply: ClickReply::Redirect(target) },
            None => Self::nowhere(ClickReply::NotFound),
        }
    }
}

/// Fills the link that applies.
pub(super) fn send(snapshot: &Snapshot, link: &LinkRequest, sending: &Sending<'_>) -> Sent {
    let Sending { offer, creative, values, .. } = sending;
    match link.pixel {
        Some(PixelKind::Js) => return Sent::nowhere(ClickReply::Script(Ok(values.request_id))),
        Some(PixelKind::Image) => return Sent::nowhere(ClickReply::Image),
        None => {}
    }
    if sending.disposition == Disposition::AlreadyConverted {
        let thanks = offer.thank_you_link.as_deref().map(|link| values.fill_thank_you(link));
        return Sent::to(thanks.or_else(|| snapshot.settings().global_redirect.clone()));
    }
    let deep = link.deep_link.as_deref().zip(*creative);
    let deep = deep.and_then(|(target, creative)| links::deep_link(target, creative, offer, values));
    if deep.is_some() {
        return Sent::to(deep);
    }
    let own = creative.and_then(|creative| creative.link.as_deref());
    let Some(link) = own.or(offer.terms(sending.contract).link) else {
        return Sent::nowhere(ClickReply::NotFound);
    };
    if sending.prefill.is_empty() || !offer.append_prefill {
        return Sent::to(Some(values.fill(link)));
    }
    let masked: Vec<(String, String)> =
        sending.prefill.iter().map(|(name, _)| (name.clone(), MASK.to_owned())).collect();
    Sent {
        reply: ClickReply::Redirect(values.fill(&links::append_prefill(link, sending.prefill))),
        kept: Some(kept(&values.fill(&links::append_prefill(link, &masked)))),
    }
}

/// What the row keeps of a target: a deep link is as long as a stranger makes it, and
/// clicks are kept for ever. No number is cut in two: whoever masks the visitor's looks
/// for all of it.
fn kept(target: &str) -> String {
    match target.char_indices().nth(MAX_REDIRECT_CHARS) {
        Some((end, _)) => {
            target.get(..end).unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit()).to_owned()
        }
        None => target.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_kept_to_a_bound_and_without_a_part_of_a_number() {
        let link = |visitor: &str, before: usize| format!("{}{visitor}&x", "a".repeat(before));
        assert_eq!(kept(&link("12345", 2_041)), link("12345", 2_041));
        assert_eq!(kept(&link("12345", 2_043)), "a".repeat(2_043));
        assert_eq!(kept(&link("12345", 2_045)), "a".repeat(2_045));
        assert_eq!(kept(&"\u{e9}".repeat(3_000)), "\u{e9}".repeat(2_048));
    }
}
