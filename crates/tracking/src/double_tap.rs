//! Double taps: equal clicks of visitors that cannot be told apart by cookie.
//!
//! An offer with `throw_out_seconds` treats a click that equals an earlier one in
//! affiliate, creative, price format, contract, media type, sub-affiliate, address
//! and user agent as a further touch of that one's session.

use crumb_domain::Timestamp;
use crumb_domain::session::Session;
use crumb_wire::link::LinkRequest;
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Clicks remembered at most, over all offers that ask for it; beyond that the
/// oldest are forgotten. At 2,000 clicks a second that is half a minute.
const MAX_REMEMBERED: usize = 65_536;

/// What makes two clicks equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tap([u64; 2]);

impl Tap {
    /// The tap of a click.
    pub fn of(link: &LinkRequest, ip: IpAddr, user_agent: &str) -> Self {
        let part = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            salt.hash(&mut hasher);
            (link.affiliate, link.creative, link.price_format, link.offer_contract).hash(&mut hasher);
            (link.media_type, link.sub_ids.sub_affiliate(), ip, user_agent).hash(&mut hasher);
            hasher.finish()
        };
        Self([part(0), part(1)])
    }
}

/// The recent taps.
#[derive(Debug, Default)]
pub struct DoubleTaps {
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    sessions: HashMap<Tap, (Timestamp, Arc<Session>)>,
    order: VecDeque<(Timestamp, Tap)>,
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
        if let Some((at, first)) = recent.sessions.get(&tap) {
            if first.offer == session.offer && now < at.plus_seconds(i64::from(seconds)) {
                return Some(Arc::clone(first));
            }
        }
        recent.sessions.insert(tap, (now, Arc::clone(session)));
        recent.order.push_back((now, tap));
        while recent.order.len() > MAX_REMEMBERED {
            let Some((at, oldest)) = recent.order.pop_front() else { break };
            if recent.sessions.get(&oldest).is_some_and(|(kept, _)| *kept == at) {
                recent.sessions.remove(&oldest);
            }
        }
        None
    }

    /// Forgets a first click that could not be stored.
    pub fn forget(&self, tap: Tap, session: &Session) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.sessions.get(&tap).is_some_and(|(_, first)| first.id == session.id) {
            recent.sessions.remove(&tap);
        }
    }
}
