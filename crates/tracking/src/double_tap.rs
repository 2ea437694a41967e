//! Double taps: equal clicks of visitors that cannot be told apart by cookie.
//!
//! An offer with `throw_out_seconds` treats a click that equals an earlier one in
//! affiliate, creative, price format, contract, media type, sub-affiliate (all of them as
//! its link says them, whatever they come to), address and user agent as a further touch
//! of that one's session; not a click that brings the cookie of another visitor, who is
//! somebody else behind the same address. The recent ones are held in memory, and read back
//! from the store when the server starts.

use crumb_domain::click::{Click, NonHuman, VisitorId};
use crumb_domain::session::{Session, SessionOrigin};
use crumb_domain::{OfferId, RowId, Timestamp};
use crumb_network::Snapshot;
use crumb_storage::{ClickStore, StoreError};
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::SetOnce;

/// Clicks remembered at most, over all offers that ask for it; beyond that the
/// oldest are forgotten. At 2,000 clicks a second that is half a minute.
const MAX_REMEMBERED: u32 = 65_536;

/// Seconds by which the clock may go back between two taps: as much as time
/// keeping corrects. A first click that lies further ahead is of another time.
const MAX_CLOCK_STEP_SECONDS: i64 = 10;

/// What makes two clicks equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tap([u64; 2]);

impl Tap {
    /// The tap of a click that may be one: `HEAD` is asked by programs ahead of a
    /// person's click, which must not be taken for its double.
    pub fn of(click: &Click) -> Option<Self> {
        let part = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            salt.hash(&mut hasher);
            (click.affiliate, click.creative, click.price_format, click.asked_contract).hash(&mut hasher);
            (click.media_type, click.sub_ids.sub_affiliate(), click.ip, &click.user_agent).hash(&mut hasher);
            hasher.finish()
        };
        (click.non_human != Some(NonHuman::Head)).then(|| Self([part(0), part(1)]))
    }
}

/// The recent taps.
#[derive(Debug, Default)]
pub(crate) struct DoubleTaps {
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    firsts: HashMap<Tap, First>,
    order: VecDeque<(RowId, Tap)>,
}

/// The first of equal clicks.
#[derive(Debug, Clone)]
struct First {
    session: Arc<Session>,
    /// Whether it was stored, once that is known.
    stored: Arc<SetOnce<bool>>,
}

/// A first click on its way into the store. Dropped before [`Opening::stored`] it
/// is forgotten, and the equal clicks that waited for it open sessions themselves.
pub(crate) struct Opening<'a> {
    taps: &'a DoubleTaps,
    tap: Tap,
    session: RowId,
    outcome: Arc<SetOnce<bool>>,
}

impl Opening<'_> {
    /// Its session is stored: the equal clicks that wait are its duplicates.
    pub fn stored(self) {
        // Only this sets it, and once.
        let _ = self.outcome.set(true);
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        if self.outcome.set(false).is_ok() {
            self.taps.forget(self.tap, self.session);
        }
    }
}

impl DoubleTaps {
    /// The recent taps that the store holds: a restart must not turn the second of
    /// two taps into a session. Read before the server listens, in one go.
    pub async fn recall<S: ClickStore>(
        store: &S,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let taps = Self::default();
        let seconds: HashMap<OfferId, u32> = snapshot
            .offers()
            .filter(|offer| offer.throw_out_seconds > 0)
            .map(|offer| (offer.id, offer.throw_out_seconds))
            .collect();
        let Some(longest) = seconds.values().max() else { return Ok(taps) };
        let since = now.plus_seconds(-i64::from(*longest));
        let offers = seconds.keys().copied().collect();
        let newest_first = store.recent_openings(offers, since, MAX_REMEMBERED).await?;
        for click in newest_first.iter().rev() {
            if let (Some(tap), Some(session)) = (Tap::of(click), opened_by(click))
                && let Some(seconds) = seconds.get(&session.offer)
            {
                taps.remember_stored(tap, *seconds, session);
            }
        }
        Ok(taps)
    }

    /// The session of an equal click within the last `seconds`, once it is stored, unless
    /// that was of another visitor than the one whose cookie this click brought, if it did;
    /// where there is none, `session` is remembered as the first. One of two equal
    /// clicks at the same moment is the first, and the other waits for it: a
    /// duplicate of what was never stored would be credited to nobody.
    pub async fn first_or(
        &self,
        tap: Tap,
        seconds: u32,
        session: &Arc<Session>,
        brought: Option<VisitorId>,
    ) -> Result<Arc<Session>, Opening<'_>> {
        loop {
            let first = match self.look_up(tap, seconds, session, brought) {
                Ok(first) => first,
                Err(outcome) => return Err(Opening { taps: self, tap, session: session.id, outcome }),
            };
            if *first.stored.wait().await {
                return Ok(first.session);
            }
        }
    }

    /// The first of the equal clicks, or the outcome to set of this one, which is it.
    fn look_up(
        &self,
        tap: Tap,
        seconds: u32,
        session: &Arc<Session>,
        brought: Option<VisitorId>,
    ) -> Result<First, Arc<SetOnce<bool>>> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = recent.firsts.get(&tap)
            && first.session.offer == session.offer
            && session.at < first.session.at.plus_seconds(i64::from(seconds))
            && session.at > first.session.at.plus_seconds(-MAX_CLOCK_STEP_SECONDS)
            && brought.is_none_or(|visitor| first.session.visitor == Some(visitor))
        {
            return Ok(first.clone());
        }
        let stored = Arc::new(SetOnce::new());
        recent.remember(tap, First { session: Arc::clone(session), stored: Arc::clone(&stored) });
        Err(stored)
    }

    /// Remembers a first click that the store holds.
    fn remember_stored(&self, tap: Tap, seconds: u32, session: Session) {
        if let Err(outcome) = self.look_up(tap, seconds, &Arc::new(session), None) {
            // Nobody else can have set it.
            let _ = outcome.set(true);
        }
    }

    /// Forgets a first click that could not be stored.
    fn forget(&self, tap: Tap, session: RowId) {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).forget(tap, session);
    }
}

impl Recent {
    fn remember(&mut self, tap: Tap, first: First) {
        self.order.push_back((first.session.id, tap));
        self.firsts.insert(tap, first);
        while self.order.len() > MAX_REMEMBERED as usize {
            let Some((id, oldest)) = self.order.pop_front() else { break };
            self.forget(oldest, id);
        }
    }

    fn forget(&mut self, tap: Tap, session: RowId) {
        if self.firsts.get(&tap).is_some_and(|first| first.session.id == session) {
            self.firsts.remove(&tap);
        }
    }
}

/// The session that a click opens; `None` for one that opens none.
pub(crate) fn opened_by(click: &Click) -> Option<Session> {
    if click.duplicate || click.session != Some(click.id) {
        return None;
    }
    Some(Session {
        id: click.id,
        at: click.at,
        origin: SessionOrigin::Click,
        affiliate: click.affiliate?,
        offer: click.offer?,
        campaign: click.campaign,
        creative: click.creative,
        offer_contract: click.offer_contract,
        sub_ids: click.sub_ids.clone(),
        device_id: click.device_id.clone(),
        visitor: click.visitor,
        test: click.test,
        ip: click.ip,
        country: click.country.clone(),
        converted: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAP: Tap = Tap([1, 2]);

    fn session(row: i64, at_seconds: i64) -> Arc<Session> {
        let at = Timestamp::from_micros(1_800_000_000_000_000).plus_seconds(at_seconds);
        Arc::new(Session { id: RowId::from_i64(row).unwrap(), at, ..crumb_domain::examples::session() })
    }

    /// Runs what waits for a first click, until it cannot go on.
    async fn let_wait() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn an_equal_click_waits_until_the_first_is_stored() {
        let taps = Arc::new(DoubleTaps::default());
        let Err(opening) = taps.first_or(TAP, 60, &session(1, 0), None).await else {
            panic!("it is the first")
        };
        let second = tokio::spawn({
            let taps = Arc::clone(&taps);
            async move { taps.first_or(TAP, 60, &session(2, 1), None).await.map(|first| first.id).ok() }
        });
        let_wait().await;
        assert!(!second.is_finished());
        opening.stored();
        assert_eq!(second.await.unwrap(), RowId::from_i64(1));
    }

    #[tokio::test]
    async fn where_the_first_could_not_be_stored_the_next_one_is_the_first() {
        let taps = Arc::new(DoubleTaps::default());
        let Err(opening) = taps.first_or(TAP, 60, &session(1, 0), None).await else {
            panic!("it is the first")
        };
        let second = tokio::spawn({
            let taps = Arc::clone(&taps);
            async move {
                match taps.first_or(TAP, 60, &session(2, 1), None).await {
                    Ok(first) => Err(first.id),
                    Err(opening) => {
                        opening.stored();
                        Ok(())
                    }
                }
            }
        });
        let_wait().await;
        drop(opening);
        assert_eq!(second.await.unwrap(), Ok(()));
        let third = taps.first_or(TAP, 60, &session(3, 2), None).await.map(|first| first.id).ok();
        assert_eq!(third, RowId::from_i64(2));
    }

    #[test]
    fn of_a_flood_of_clicks_a_bounded_number_is_remembered_the_newest_ones() {
        let taps = DoubleTaps::default();
        let tap = |number: u32| Tap([u64::from(number), 0]);
        for number in 1..=MAX_REMEMBERED + 1 {
            taps.remember_stored(tap(number), 60, (*session(i64::from(number), 0)).clone());
        }
        let recent = taps.recent.lock().unwrap();
        assert_eq!(
            (recent.firsts.len(), recent.order.len()),
            (MAX_REMEMBERED as usize, MAX_REMEMBERED as usize)
        );
        assert!(!recent.firsts.contains_key(&tap(1)));
        assert!(recent.firsts.contains_key(&tap(2)) && recent.firsts.contains_key(&tap(MAX_REMEMBERED + 1)));
    }

    #[tokio::test]
    async fn a_click_that_brings_another_visitors_cookie_is_somebody_elses() {
        let taps = DoubleTaps::default();
        let of = |row: i64, visitor: u64| {
            Arc::new(Session { visitor: Some(VisitorId(visitor)), ..(*session(row, 0)).clone() })
        };
        let first = async |row, visitor, brought: Option<u64>| match taps
            .first_or(TAP, 60, &of(row, visitor), brought.map(VisitorId))
            .await
        {
            Ok(first) => first.id.as_i64(),
            Err(opening) => {
                opening.stored();
                row
            }
        };
        assert_eq!(first(1, 7, None).await, 1);
        assert_eq!(first(2, 8, None).await, 1, "no cookie tells them apart");
        assert_eq!(first(3, 7, Some(7)).await, 1, "the first one's own cookie");
        assert_eq!(first(4, 9, Some(9)).await, 4, "another's");
        assert_eq!(first(5, 9, Some(9)).await, 4);
    }

    #[tokio::test]
    async fn a_clock_that_was_put_back_makes_no_double_taps_of_another_time() {
        let taps = DoubleTaps::default();
        let first = taps.first_or(TAP, 60, &session(1, 3_600), None).await;
        first.err().unwrap().stored();
        assert!(taps.first_or(TAP, 60, &session(2, 0), None).await.is_err());
    }
}
