//! Sessions: a visitor on an offer, and what a further click does to one.

use crate::click::VisitorId;
use crate::{AffiliateId, CampaignId, CreativeId, OfferContractId, OfferId, RowId, SubIds, Timestamp};
use std::net::IpAddr;

/// One session, as attribution sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Its id: its first click's row.
    pub id: RowId,
    /// When it began.
    pub at: Timestamp,
    /// What opened it.
    pub origin: SessionOrigin,
    /// Whose it is.
    pub affiliate: AffiliateId,
    /// On what.
    pub offer: OfferId,
    /// The affiliate's campaign on the offer; none for test links.
    pub campaign: Option<CampaignId>,
    /// What was clicked; none where a lead opened it.
    pub creative: Option<CreativeId>,
    /// The terms it runs under, where not the offer's own.
    pub offer_contract: Option<OfferContractId>,
    /// Of the click that opened it.
    pub sub_ids: SubIds,
    /// Of the click that opened it.
    pub device_id: Option<String>,
    /// Of the click that opened it.
    pub visitor: Option<VisitorId>,
    /// Of a test link.
    pub test: bool,
    /// The visitor's address.
    pub ip: Option<IpAddr>,
    /// ISO 3166 code of the address, where it was known.
    pub country: Option<String>,
    /// It has a sold, queued or paid lead or an approved conversion.
    pub converted: bool,
}

/// What opened a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionOrigin {
    /// A click: it attributes.
    Click,
    /// A lead without a click: it can be named by a later conversion, but
    /// attributes no later posts.
    Lead,
}

impl Session {
    /// Whether it still earns credit: of this offer, opened by a click, and not
    /// older than the offer's click cookie days.
    pub fn attributes(&self, offer: OfferId, click_cookie_days: u32, now: Timestamp) -> bool {
        self.offer == offer
            && self.origin == SessionOrigin::Click
            && now < self.at.plus_days(i64::from(click_cookie_days))
    }
}

/// What a click does to the visitor's session on the offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// It opens a session of its own.
    Opens,
    /// It is a further click of the live session.
    Duplicates,
}

/// First or last touch, for a click of `affiliate` where a live session exists.
///
/// First touch: any later click is a duplicate. Last touch: a different
/// affiliate takes over, except the internal one, which never does. A test link is
/// another's like any partner's: what a tester does after it is a test.
pub fn touch(
    live: Option<&Session>,
    affiliate: AffiliateId,
    last_touch: bool,
    internal: Option<AffiliateId>,
) -> Touch {
    match live {
        None => Touch::Opens,
        Some(session) => {
            let takes_over = last_touch && session.affiliate != affiliate && internal != Some(affiliate);
            if takes_over { Touch::Opens } else { Touch::Duplicates }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OFFER: OfferId = OfferId(100);
    const DAYS: u32 = 30;
    const INTERNAL: AffiliateId = AffiliateId(1);

    fn session(row: i64, at: Timestamp, affiliate: AffiliateId) -> Session {
        let id = RowId::from_i64(row).expect("rows of tests are positive");
        Session { id, at, affiliate, offer: OFFER, ..crate::examples::session() }
    }

    /// Follows one visitor, whose cookie names the session that its last click was
    /// credited to, and gives the affiliate credited after each click.
    fn credited(clicks: &[(AffiliateId, i64)], last_touch: bool) -> Vec<AffiliateId> {
        let mut now = Timestamp::from_micros(1_800_000_000_000_000);
        let mut cookie: Option<Session> = None;
        let mut credited = Vec::new();
        for (row, (affiliate, hours)) in (1..).zip(clicks) {
            now = now.plus_seconds(hours * 3_600);
            let live = cookie.clone().filter(|session| session.attributes(OFFER, DAYS, now));
            if touch(live.as_ref(), *affiliate, last_touch, Some(INTERNAL)) == Touch::Opens {
                cookie = Some(session(row, now, *affiliate));
            } else {
                cookie = live;
            }
            credited.extend(cookie.as_ref().map(|session| session.affiliate));
        }
        credited
    }

    #[test]
    fn under_last_touch_all_but_the_house_take_over_from_others() {
        let live = session(1, Timestamp::from_micros(1_800_000_000_000_000), AffiliateId(12));
        for (affiliate, expected) in [
            (AffiliateId(13), Touch::Opens),
            (AffiliateId(12), Touch::Duplicates),
            (INTERNAL, Touch::Duplicates),
            (AffiliateId::TEST, Touch::Opens),
        ] {
            assert_eq!(touch(Some(&live), affiliate, true, Some(INTERNAL)), expected, "{affiliate}");
            assert_eq!(touch(Some(&live), affiliate, false, Some(INTERNAL)), Touch::Duplicates);
            assert_eq!(touch(None, affiliate, true, Some(INTERNAL)), Touch::Opens);
        }
    }

    #[test]
    fn a_session_attributes_up_to_the_end_of_its_days() {
        let opened = Timestamp::from_micros(1_800_000_000_000_000);
        let session = session(1, opened, AffiliateId(12));
        let end = opened.plus_days(i64::from(DAYS));
        assert!(session.attributes(OFFER, DAYS, Timestamp::from_micros(end.micros() - 1)));
        assert!(!session.attributes(OFFER, DAYS, end));
    }

    fn clicks() -> impl Strategy<Value = Vec<(AffiliateId, i64)>> {
        prop::collection::vec(((1i64..4).prop_map(AffiliateId), 0i64..24 * 40), 1..20)
    }

    proptest! {
        #[test]
        fn under_first_touch_the_first_click_of_the_cookie_days_is_credited(clicks in clicks()) {
            let mut expected = Vec::new();
            let mut opened: Option<(AffiliateId, i64)> = None;
            let mut hour = 0;
            for (affiliate, hours) in &clicks {
                hour += hours;
                let live = opened.filter(|(_, since)| hour - since < i64::from(DAYS) * 24);
                let (whose, since) = live.unwrap_or((*affiliate, hour));
                opened = Some((whose, since));
                expected.push(whose);
            }
            prop_assert_eq!(credited(&clicks, false), expected);
        }

        #[test]
        fn under_last_touch_the_last_affiliate_is_credited_and_the_house_takes_over_from_nobody(clicks in clicks()) {
            let after = credited(&clicks, true);
            for (index, (affiliate, _)) in clicks.iter().enumerate() {
                if *affiliate == INTERNAL {
                    // Its own click, or the live session of another.
                    let before = index.checked_sub(1).map(|before| after[before]);
                    prop_assert!(after[index] == INTERNAL || Some(after[index]) == before);
                } else {
                    prop_assert_eq!(after[index], *affiliate);
                }
            }
        }

        #[test]
        fn a_session_attributes_within_its_offers_days_and_on_no_other_offer(days in 1u32..400, hours in 0i64..24 * 500) {
            let opened = Timestamp::from_micros(1_800_000_000_000_000);
            let session = session(1, opened, AffiliateId(12));
            let now = opened.plus_seconds(hours * 3_600);
            prop_assert_eq!(session.attributes(OFFER, days, now), hours < i64::from(days) * 24);
            prop_assert!(!session.attributes(OfferId(101), days, now));
            let by_lead = Session { origin: SessionOrigin::Lead, ..session };
            prop_assert!(!by_lead.attributes(OFFER, days, now));
        }
    }
}
