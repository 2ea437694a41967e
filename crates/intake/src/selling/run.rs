//! A run: one lead's way through the contracts of its vertical. The machine decides;
//! this carries out what it asks for and tells it what came of that.

use super::Selling;
use super::asking::Question;
use super::market::Market;
use crumb_domain::network::UnknownRule;
use crumb_domain::selling::{AlertCode, Attempt, AttemptKind, BuyerAnswer};
use crumb_domain::{BuyerId, ContractId, Timestamp};
use crumb_routing::replay::Recorded;
use crumb_routing::{Command, Event, Refusal, Reservation, State, step};
use crumb_storage::selling::{EndedReservation, Hold, ReservationEnd, Reserve, Reserved};
use crumb_storage::{Store, StoreError};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A lead as its buyers are told of it.
pub(crate) struct Told<'a> {
    pub lead: &'a crumb_domain::lead::Lead,
    /// Gives a token's value by its name.
    pub value: &'a (dyn Fn(&str) -> Option<String> + Sync),
}

/// A run at its end, with what no write has told yet.
pub(crate) struct Ran {
    pub state: State,
    pub events: Vec<Recorded>,
    pub attempts: Vec<Attempt>,
    pub ended: Vec<EndedReservation>,
    /// Why it could not go on.
    pub broken: Option<StoreError>,
    /// Buyers that are skipped from now on, because this run's answers timed out too.
    pub skipped: Vec<BuyerId>,
}

/// Something that was asked for and has come.
struct Came {
    event: Event,
    buyer: BuyerId,
    attempt: Option<Attempt>,
}

type Coming<'a> = Pin<Box<dyn Future<Output = Came> + Send + 'a>>;

impl<S: Store + Clone> Selling<S> {
    /// Runs a lead that is in hand through a tree. `attempts` are those that were made
    /// before, and are not stored yet.
    ///
    /// Where a reservation cannot be written, it ends with what it has come to: nothing
    /// is sent then, since no post is under way while another is reserved.
    pub(crate) async fn run(
        &self,
        market: &Market,
        state: State,
        told: &Told<'_>,
        attempts: Vec<Attempt>,
    ) -> Ran {
        let deadline = state.run().deadline;
        let mut ran =
            Ran { state, events: Vec::new(), attempts, ended: Vec::new(), broken: None, skipped: Vec::new() };
        let mut coming: FuturesUnordered<Coming<'_>> = FuturesUnordered::new();
        let mut ends = Ends::default();
        let mut is_deadline_told = false;
        let mut reserved = None;
        let mut event = Event::Begin;
        loop {
            let now = self.site.clock.now();
            ran.events.push(Recorded { at: now, event: event.clone() });
            let (state, commands) = step(ran.state, &event, now);
            ran.state = state;
            ends.note(&event);
            ran.ended.extend(ends.new_in(&ran.state, now));
            let mut next = None;
            for command in commands {
                match command {
                    Command::Ping { contract, buyer, until } => {
                        self.breakers.asking(buyer, now);
                        let kind = AttemptKind::Ping;
                        let question =
                            Question { contract, kind, value: told.value, session: None, price: None, until };
                        coming.push(Box::pin(self.ping(market, question, buyer)));
                    }
                    Command::Reserve(reservation) => {
                        reserved = Some(reservation.price);
                        let contract = reservation.contract;
                        let event = self.reserve(market, told, &mut ran, reservation).await;
                        next = Some(event.unwrap_or_else(|error| {
                            ran.broken = Some(error);
                            Event::Reserved { contract, replaces: None }
                        }));
                    }
                    Command::Post { contract, buyer, until, session } => {
                        self.breakers.asking(buyer, now);
                        let (kind, price) = (AttemptKind::Post, reserved);
                        let question =
                            Question { contract, kind, value: told.value, session: None, price, until };
                        coming.push(Box::pin(self.post(market, question, session, buyer)));
                    }
                    Command::End { ending } => {
                        tracing::debug!(lead = %told.lead.id, ?ending, "a run ended");
                    }
                }
            }
            if ran.state.is_ended() {
                return ran;
            }
            if ran.broken.is_some() && !std::mem::replace(&mut is_deadline_told, true) {
                // As if the time were over: what was to be reserved is released unsent.
                let event = Event::DeadlineReached;
                ran.state = step(ran.state, &event, now).0;
                ran.events.push(Recorded { at: now, event });
            }
            event = match next {
                Some(event) => event,
                None => {
                    let came = self.next(&mut coming, deadline, &mut is_deadline_told).await;
                    self.note(&mut ran, came)
                }
            };
        }
    }

    /// Waits for what comes first: an answer, or the end of the time.
    async fn next(
        &self,
        coming: &mut FuturesUnordered<Coming<'_>>,
        deadline: Timestamp,
        is_deadline_told: &mut bool,
    ) -> Came {
        let left = deadline.micros().saturating_sub(self.site.clock.now().micros());
        let left = std::time::Duration::from_micros(u64::try_from(left).unwrap_or(0));
        tokio::select! {
            biased;
            Some(came) = coming.next() => came,
            () = tokio::time::sleep(left), if !*is_deadline_told => {
                *is_deadline_told = true;
                Came { event: Event::DeadlineReached, buyer: BuyerId(0), attempt: None }
            }
            // Neither an answer to come nor a deadline: the machine waits for nothing,
            // and a deadline told again ends it.
            else => Came { event: Event::DeadlineReached, buyer: BuyerId(0), attempt: None },
        }
    }

    /// Keeps the attempt, and tells the buyer's breaker.
    fn note(&self, ran: &mut Ran, came: Came) -> Event {
        if let Some(attempt) = came.attempt {
            if self.breakers.answered(came.buyer, &attempt.read, self.site.clock.now()) {
                self.told.alerted(AlertCode::BuyerSkipped);
                tracing::warn!(buyer = came.buyer.0, "a buyer is skipped: its last answers timed out");
                ran.skipped.push(came.buyer);
            }
            ran.attempts.push(attempt);
        }
        came.event
    }

    async fn ping(&self, market: &Market, question: Question<'_>, buyer: BuyerId) -> Came {
        let contract = question.contract;
        let attempt = self.ask(market.plans(contract).map(Arc::as_ref), question).await;
        let answer = attempt.read.clone();
        Came { event: Event::Pinged { contract, answer }, buyer, attempt: Some(attempt) }
    }

    async fn post(
        &self,
        market: &Market,
        question: Question<'_>,
        session: Option<String>,
        buyer: BuyerId,
    ) -> Came {
        let contract = question.contract;
        let question = Question { session: session.as_deref(), ..question };
        let attempt = self.ask(market.plans(contract).map(Arc::as_ref), question).await;
        let answer = attempt.read.clone();
        Came { event: Event::Posted { contract, answer }, buyer, attempt: Some(attempt) }
    }

    /// Writes down that a buyer is about to be sent the lead, with all that the run has
    /// come to so far; where that fails it is still to be told.
    async fn reserve(
        &self,
        market: &Market,
        told: &Told<'_>,
        ran: &mut Ran,
        wanted: Reservation,
    ) -> Result<Event, StoreError> {
        let contract = wanted.contract;
        let reserve = Reserve {
            lead: told.lead.row,
            at: self.site.clock.now(),
            contract,
            buyer: wanted.buyer,
            day: wanted.day,
            cap: wanted.cap,
            price: wanted.charged(),
            replacement: wanted.replacement,
            // A replacement was paid for with the lead that was given back.
            credit_limit: market.credit_limit(wanted.buyer).filter(|_| !wanted.replacement),
            sale_type: wanted.sale_type,
            no_return: wanted.no_return,
            ended: ran.ended.clone(),
            attempts: ran.attempts.clone(),
        };
        let refused = |why| Event::Refused { contract, why };
        let reserved = self.site.store.reserve(reserve).await?;
        ran.ended.clear();
        ran.attempts.clear();
        Ok(match reserved {
            Reserved::Granted => Event::Reserved { contract, replaces: None },
            Reserved::Replaces(given_back) => Event::Reserved { contract, replaces: Some(given_back) },
            Reserved::NothingOwed => refused(Refusal::NothingOwed),
            Reserved::CapReached { count } => {
                refused(Refusal::CapReached { count, cap: wanted.cap.unwrap_or(count) })
            }
            Reserved::NoCredit { available } => refused(Refusal::NoCredit { available, price: wanted.price }),
            Reserved::AlreadySent => refused(Refusal::AlreadySent),
        })
    }
}

/// Which ends of reservations are on their way to the store already.
#[derive(Default)]
struct Ends {
    /// Contracts whose buyers may know the lead.
    sent: HashSet<ContractId>,
    sold: usize,
    held: usize,
    released: usize,
}

impl Ends {
    fn note(&mut self, event: &Event) {
        if let Event::Posted { contract, answer } = event
            && !matches!(answer, BuyerAnswer::Failed(failure) if !failure.is_sent())
        {
            self.sent.insert(*contract);
        }
    }

    /// The ends that a step brought.
    fn new_in(&mut self, state: &State, now: Timestamp) -> Vec<EndedReservation> {
        let sold = state.sales().iter().skip(self.sold).map(|sale| EndedReservation {
            contract: sale.reserved.contract,
            end: ReservationEnd::Sold(sale.sold_price),
        });
        let held = state.held().iter().skip(self.held).map(|held| {
            let until = now.plus_seconds(i64::from(held.wait_minutes) * 60);
            let hold = Hold { rule: UnknownRule::Wait, until };
            EndedReservation { contract: held.reserved.contract, end: ReservationEnd::Held(hold) }
        });
        let released = state.releases().iter().skip(self.released).map(|released| {
            let was_sent = self.sent.contains(&released.contract);
            let end = if was_sent { ReservationEnd::Refused } else { ReservationEnd::Unsent };
            EndedReservation { contract: released.contract, end }
        });
        let ended = sold.chain(held).chain(released).collect();
        (self.sold, self.held, self.released) =
            (state.sales().len(), state.held().len(), state.releases().len());
        ended
    }
}
