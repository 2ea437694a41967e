//! Who is told of a conversion: the server postbacks of its campaign and its affiliate,
//! both where both are set, and the HTML pixels that pages show for them.

use crate::conversion_tokens::{ConversionTokens, pixel_html, postback_url};
use crate::installation::Installation;
use crate::links::TokenValues;
use crumb_domain::Timestamp;
use crumb_domain::conversion::Conversion;
use crumb_domain::delivery::{Delivery, DeliveryKind, DeliveryState};
use crumb_domain::lead::Lead;
use crumb_domain::network::{Campaign, WebhookEvent};
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::session::Session;
use crumb_network::Snapshot;

/// Whether anybody is told of a lead that becomes a conversion: by a postback or a
/// webhook. Asked first, since of most nobody is, and each post would pay for what is told.
pub fn is_told(snapshot: &Snapshot, lead: &Lead) -> bool {
    let campaign = snapshot.campaign_of(lead.campaign, lead.affiliate, lead.offer);
    let affiliate = snapshot.affiliate(lead.affiliate);
    campaign.is_some_and(|campaign| campaign.postback_url.is_some())
        || affiliate.is_some_and(|affiliate| affiliate.postback_url.is_some())
        || snapshot.webhooks_told(WebhookEvent::ConversionCreated).next().is_some()
}

/// A conversion as it may be told.
#[derive(Clone, Copy)]
pub struct Telling<'a> {
    /// Whose URLs and HTML are used.
    pub snapshot: &'a Snapshot,
    /// What is told.
    pub conversion: &'a Conversion,
    /// Its session.
    pub session: &'a Session,
    /// Public names of rows.
    pub names: &'a RequestIdKey,
    /// The lead's fields, where it is a lead.
    pub fields: &'a [(String, String)],
}

impl Telling<'_> {
    /// The postbacks, to be written with the conversion. A test is told to nobody.
    pub fn deliveries<S>(&self, site: &Installation<S>, now: Timestamp) -> Vec<Delivery> {
        if self.conversion.test {
            return Vec::new();
        }
        let campaign = self.campaign();
        let affiliate = self.snapshot.affiliate(self.conversion.affiliate);
        let of_campaign = campaign.and_then(|campaign| {
            let url = campaign.postback_url.as_ref()?;
            Some((format!("campaign:{}", campaign.id), url))
        });
        let of_affiliate = affiliate.and_then(|affiliate| {
            let url = affiliate.postback_url.as_ref()?;
            Some((format!("affiliate:{}", affiliate.id), url))
        });
        // Where nobody is told, no names are needed, which take more than all before.
        if of_campaign.is_none() && of_affiliate.is_none() {
            return Vec::new();
        }
        let Some(tokens) = self.tokens() else { return Vec::new() };
        let of = |(destination, url): (String, &String)| {
            let (id, name) = site.rows.next_named(now);
            let (url, shown_url) = postback_url(url, &tokens);
            Delivery {
                id,
                webhook_id: format!("msg_{name}"),
                at: now,
                kind: DeliveryKind::Postback,
                destination,
                affiliate: Some(self.conversion.affiliate),
                campaign: self.conversion.campaign,
                offer: Some(self.conversion.offer),
                conversion: Some(self.conversion.id),
                lead: self.conversion.lead,
                url,
                shown_url,
                body: None,
                state: DeliveryState::Waits,
                tries: 0,
                due: now,
            }
        };
        of_campaign.into_iter().chain(of_affiliate).map(of).collect()
    }

    fn campaign(&self) -> Option<&Campaign> {
        let Conversion { campaign, affiliate, offer, .. } = *self.conversion;
        self.snapshot.campaign_of(campaign, affiliate, offer)
    }

    /// The HTML pixels, tokens replaced.
    pub fn html_pixels(&self) -> Vec<String> {
        if self.conversion.test {
            return Vec::new();
        }
        let Some(tokens) = self.tokens() else { return Vec::new() };
        let campaign = self.campaign();
        let of_campaign = campaign.and_then(|campaign| campaign.pixel_html.as_deref());
        let affiliate = self.snapshot.affiliate(self.conversion.affiliate);
        let of_affiliate = affiliate.and_then(|affiliate| affiliate.pixel_html.as_deref());
        of_campaign.into_iter().chain(of_affiliate).map(|html| pixel_html(html, &tokens)).collect()
    }

    /// None where the offer is gone, or a row has no public name, which the server gives
    /// none.
    fn tokens(&self) -> Option<ConversionTokens<'_>> {
        let offer = self.snapshot.offer(self.conversion.offer)?;
        let credited = TokenValues {
            session: self.session,
            request_id: self.names.request_id(self.conversion.session)?,
            rules: &offer.vertical().rules,
        };
        let id = self.names.request_id(self.conversion.id)?;
        Some(ConversionTokens { conversion: self.conversion, id, credited, fields: self.fields })
    }
}
