//! Who buys a lead: a pure state machine.
//!
//! [`step`] takes what happened and says what to do. It does no I/O, reads no
//! clock and draws no random number: the caller hands everything in and carries
//! the commands out. What it was given and what it said are values that can be
//! kept, so that a decision can be explained and replayed.
//!
//! There are no buyers yet: every lead finds the market empty, and the machine
//! gives up at once. The caller's side of the conversation is complete.

use crumb_domain::network::{OfferType, Router};
use crumb_domain::{LeadId, OfferId, Timestamp, VerticalId};

/// The lead as routing sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// Which lead.
    pub lead: LeadId,
    /// On which offer.
    pub offer: OfferId,
    /// How the offer takes leads.
    pub offer_type: OfferType,
    /// Of which vertical.
    pub vertical: VerticalId,
    /// The vertical's rules of sale.
    pub router: Router,
    /// Until when it must be sold.
    pub deadline: Timestamp,
}

/// Where a lead stands on its way through the buyers.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    subject: Subject,
    ended: bool,
}

impl State {
    /// The beginning.
    pub fn new(subject: Subject) -> Self {
        Self { subject, ended: false }
    }

    /// The lead.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Whether nothing more will be asked for.
    pub fn is_ended(&self) -> bool {
        self.ended
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The lead is on its way into the store.
    LeadAccepted,
    /// Its time is up.
    DeadlineReached,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Nobody buys it: settle it as unsold, or queue it.
    GiveUp,
}

/// What to do once something has happened. After the end nothing is asked for.
pub fn step(state: State, event: &Event, _now: Timestamp) -> (State, Vec<Command>) {
    if state.ended {
        return (state, Vec::new());
    }
    match event {
        Event::LeadAccepted | Event::DeadlineReached => {
            (State { ended: true, ..state }, vec![Command::GiveUp])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State::new(Subject {
            lead: "C8097F17".parse().unwrap(),
            offer: OfferId(100),
            offer_type: OfferType::HostNPost,
            vertical: VerticalId(1),
            router: Router::default(),
            deadline: Timestamp::from_micros(20_000_000),
        })
    }

    #[test]
    fn a_lead_without_buyers_is_given_up_once() {
        let now = Timestamp::from_micros(0);
        let (state, commands) = step(state(), &Event::LeadAccepted, now);
        assert_eq!(commands, [Command::GiveUp]);
        assert!(state.is_ended());
        let (_, commands) = step(state, &Event::DeadlineReached, now);
        assert_eq!(commands, []);
    }
}
