//! Double taps: equal clicks of visitors that cannot be told apart by cookie.
//!
//! An offer with `throw_out_seconds` treats a click that equals an earlier one in
//! affiliate, creative, price format, contract, media type, sub-affiliate, address
//! and user agent as a further touch of that one's session. The recent ones are
//! held in memory, and read back from the store when the server has started.

use super::Clicks;
use crumb_domain::click::{Click, Disposition, NonHuman};
use crumb_domain::session::{Session, SessionOrigin};
use crumb_domain::{RowId, Timestamp};
use crumb_network::Snapshot;
use crumb_storage::clicks::ClickFilter;
use crumb_storage::{PageRequest, Store, StoreError};
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// Clicks remembered at most, over all offers that ask for it; beyond that the
/// oldest are forgotten. At 2,000 clicks a second that is half a minute.
const MAX_REMEMBERED: usize = 65_536;

/// What makes two clicks equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Tap([u64; 2]);

impl Tap {
    /// The tap of a click that may be one: `HEAD` is asked by programs ahead of a
    /// person's click, which must not be taken for its double.
    pub fn of(click: &Click) -> Option<Self> {
        let part = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            salt.hash(&mut hasher);
            (click.affiliate, click.creative, click.price_format, click.offer_contract).hash(&mut hasher);
            (click.media_type, click.sub_ids.sub_affiliate(), click.ip, &click.user_agent).hash(&mut hasher);
            hasher.finish()
        };
        (click.non_human != Some(NonHuman::Head)).then(|| Self([part(0), part(1)]))
    }
}

/// The recent taps.
#[derive(Debug, Default)]
pub(super) struct DoubleTaps {
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    sessions: HashMap<Tap, Arc<Session>>,
    order: VecDeque<(RowId, Tap)>,
}

impl DoubleTaps {
    /// The session of an equal click within the last `seconds`; where there is
    /// none, `session` is remembered as the first. One of two equal clicks at the
    /// same moment is the first.
    pub fn first_or(
        &self,
        tap: Tap,
        seconds: u32,
        now: Timestamp,
        session: &Arc<Session>,
    ) -> Option<Arc<Session>> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = recent.sessions.get(&tap)
            && first.offer == session.offer
            && now < first.at.plus_seconds(i64::from(seconds))
        {
            return Some(Arc::clone(first));
        }
        recent.sessions.insert(tap, Arc::clone(session));
        recent.order.push_back((session.id, tap));
        while recent.order.len() > MAX_REMEMBERED {
            let Some((id, oldest)) = recent.order.pop_front() else { break };
            recent.forget(oldest, id);
        }
        None
    }

    /// Forgets a first click that could not be stored.
    pub fn forget(&self, tap: Tap, session: RowId) {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).forget(tap, session);
    }
}

impl Recent {
    fn forget(&mut self, tap: Tap, session: RowId) {
        if self.sessions.get(&tap).is_some_and(|first| first.id == session) {
            self.sessions.remove(&tap);
        }
    }
}

impl<S: Store + Clone> Clicks<S> {
    /// The recent taps, read from the store by the first click that asks: a
    /// restart must not turn the second of two taps into a session.
    pub(super) async fn taps(&self, snapshot: &Snapshot, now: Timestamp) -> Result<&DoubleTaps, StoreError> {
        self.taps.get_or_try_init(|| self.stored_taps(snapshot, now)).await
    }

    async fn stored_taps(&self, snapshot: &Snapshot, now: Timestamp) -> Result<DoubleTaps, StoreError> {
        let longest = snapshot.offers().map(|offer| offer.throw_out_seconds).max().unwrap_or_default();
        let from = Some(now.plus_seconds(-i64::from(longest)));
        let filter = ClickFilter { disposition: Some(Disposition::Ok), from, ..ClickFilter::default() };
        let mut page = PageRequest { limit: PageRequest::MAX_LIMIT, cursor: None, ascending: false };
        let mut firsts = Vec::new();
        loop {
            let read = self.site.store.clicks(filter.clone(), page.clone()).await?;
            firsts.extend(read.data.iter().filter_map(|click| Some((Tap::of(click)?, opened_by(click)?))));
            page.cursor = read.next;
            if page.cursor.is_none() || firsts.len() >= MAX_REMEMBERED {
                break;
            }
        }
        let taps = DoubleTaps::default();
        for (tap, session) in firsts.into_iter().rev() {
            let seconds = snapshot.offer(session.offer).map_or(0, |offer| offer.throw_out_seconds);
            if seconds > 0 {
                taps.first_or(tap, seconds, session.at, &Arc::new(session));
            }
        }
        Ok(taps)
    }
}

/// The session that a click opens; `None` for one that opens none.
pub(super) fn opened_by(click: &Click) -> Option<Session> {
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
