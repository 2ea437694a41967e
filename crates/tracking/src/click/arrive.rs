//! A click that an offer takes.

use super::credit::Credit;
use super::incoming::{Incoming, Target};
use super::reply::{Sending, send};
use super::{ClickAnswer, ClickError, Clicks};
use crate::charges;
use crate::double_tap::{Tap, opened_by};
use crate::links::TokenValues;
use crumb_domain::charge::Priced;
use crumb_domain::click::{Click, Disposition};
use crumb_domain::fields::FieldRule;
use crumb_domain::network::Field;
use crumb_network::{CompiledOffer, Snapshot};
use crumb_storage::{Store, StoreError};
use crumb_wire::link::LinkRequest;
use std::sync::Arc;

impl<S: Store + Clone> Clicks<S> {
    /// Records the click, with the row of the offer that diverted it before its
    /// own, and answers it.
    pub(super) async fn arrive(
        &self,
        snapshot: &Snapshot,
        incoming: &Incoming<'_>,
        target: &Target<'_>,
        offer: &CompiledOffer,
        diverted: Option<Disposition>,
    ) -> Result<ClickAnswer, ClickError> {
        let live = self.live_session(incoming, offer).await?;
        let taps = (live.is_none() && offer.throw_out_seconds > 0).then_some(&self.site.taps);
        // The diverted row is numbered first, so that rows lie in the order of the way.
        let diverted_row = diverted.map(|why| {
            let row = self.site.rows.next(incoming.now);
            incoming.row(snapshot, row, Some(target.offer), why)
        });
        let (row, own_id) = self.site.rows.next_named(incoming.now);
        let mut click = incoming.row(snapshot, row, Some(offer), Disposition::Ok);
        click.session = Some(row);
        // A click of a known affiliate on a known offer always opens a session.
        let own = Arc::new(opened_by(&click).ok_or_else(|| unopened(row.as_i64()))?);
        let tap = taps.and_then(|taps| Some((taps, Tap::of(&click)?)));
        let credit = self.credit(snapshot, offer, &own, live, tap, incoming.brought()).await?;
        // Most sessions are the click's own, whose name is known.
        let request_id = match credit.session.id {
            id if id == row => own_id,
            id => self.site.request_id(id).unwrap_or(own_id),
        };
        let disposition = if credit.converted { Disposition::AlreadyConverted } else { Disposition::Ok };
        let prefill = prefill(offer, incoming.link);
        let values = TokenValues { session: &credit.session, request_id, rules: &offer.vertical().rules };
        let sending = Sending {
            offer,
            creative: diverted.is_none().then_some(target.creative),
            contract: own.offer_contract,
            disposition,
            values,
            prefill: &prefill,
        };
        let sent = send(snapshot, incoming.link, &sending);
        credit_row(&mut click, &credit, disposition);
        click.redirect = sent.kept.clone();
        click.prefill = prefill;
        let counted = click.is_counted();
        if counted {
            price(&mut click, snapshot, offer);
        }
        let diverted_row = diverted_row.map(|row| Click { redirect: sent.kept, ..row });
        self.record(snapshot, diverted_row.into_iter().chain([click]).collect()).await?;
        if let Some(opening) = credit.opening {
            opening.stored();
        }
        let mut cookies = self.visitor_cookie(incoming);
        if !credit.cookie_stands {
            cookies.extend(self.offer_cookies(incoming, offer, request_id));
        }
        Ok(ClickAnswer { reply: sent.reply, cookies, disposition: diverted.unwrap_or(disposition), counted })
    }
}

fn credit_row(click: &mut Click, credit: &Credit<'_>, disposition: Disposition) {
    click.session = Some(credit.session.id);
    click.duplicate = credit.duplicate;
    click.disposition = disposition;
}

/// What a click that counts is worth by itself.
fn price(click: &mut Click, snapshot: &Snapshot, offer: &CompiledOffer) {
    let Some(campaign) = click.campaign.and_then(|id| snapshot.campaign(id)) else { return };
    let worth = charges::worth(snapshot, offer, click.offer_contract, campaign, Priced::Click);
    (click.payout, click.received) = (worth.payout, worth.received);
}

fn unopened(row: i64) -> StoreError {
    StoreError::Corrupt(format!("click {row} on an offer opened no session"))
}

/// Characters of a pre-fill value of a field that takes no more: what a field has that says
/// nothing of its length. Whether the value is right is for the post to say.
const MAX_PREFILL_CHARS: usize = 255;

/// The link's parameters that are fields of the offer's vertical, as it names them. A value
/// that is longer than that and than its field is nothing to keep: links are anybody's, and
/// as long as a request may be.
fn prefill(offer: &CompiledOffer, link: &LinkRequest) -> Vec<(String, String)> {
    let rules = &offer.vertical().rules;
    link.others
        .iter()
        .filter(|(name, value)| !value.is_empty() && rules.is_input(name))
        .filter_map(|(name, value)| {
            let field = rules.field(name).map(FieldRule::field);
            let longest = |field: &Field| usize::try_from(field.max_length).unwrap_or(usize::MAX);
            let most = field.map_or(0, longest).max(MAX_PREFILL_CHARS);
            let fits = value.len() <= most || value.chars().nth(most).is_none();
            fits.then(|| (field.map_or(name, |field| &field.name).clone(), value.clone()))
        })
        .collect()
}
