//! What a buyer does when it is asked.

use crate::answer::{Answer, Verdict};
use std::time::Duration;

/// What a buyer does when it is asked.
///
/// Some behaviours give no answer, though the buyer has made something of the lead
/// (`made`): that is what its status address tells later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers.
    Answer(Answer),
    /// Sends the client to another address.
    Redirect {
        /// Where; sent as it is.
        to: String,
        /// 301, 302, 303, 307 or 308.
        status: u16,
    },
    /// Says something that is no HTTP, and closes.
    Malformed,
    /// Resets the connection as soon as the request line says who is meant, and
    /// reads nothing further.
    CutBefore,
    /// Reads the request whole, then closes without a word.
    CutAfter {
        /// What it has made of the lead.
        made: Option<Verdict>,
    },
    /// Reads the request whole, and keeps the connection open without a word until
    /// the client closes it.
    Stall {
        /// What it has made of the lead.
        made: Option<Verdict>,
    },
    /// Tells what has become of a lead.
    Status {
        /// What it tells; none: what was made of the last request that held `id`,
        /// `unknown` where nothing was, `rejected` where there was no such request.
        tells: Option<Verdict>,
        /// The lead's id, as it was posted.
        id: String,
        /// The answer whose verdict is replaced.
        answer: Answer,
    },
    /// Waits, and then does something else.
    After {
        /// How long; at most [`Self::MAX_DELAY`].
        delay: Duration,
        /// What it does then.
        then: Box<Behaviour>,
    },
    /// One after the other, a request each; the last one stays.
    InTurn(Vec<Behaviour>),
}

impl Behaviour {
    /// The longest that a buyer waits, or plays dead: longer than any time-out, and
    /// short enough that a forgotten client does not hold its place for ever.
    pub const MAX_DELAY: Duration = Duration::from_secs(600);

    /// Buys at a price as written.
    pub fn accept(price: &str) -> Self {
        Self::Answer(Answer::accepted(price))
    }

    /// Says a verdict and no more.
    pub fn say(verdict: Verdict) -> Self {
        Self::Answer(Answer::of(verdict))
    }

    /// Refuses.
    pub fn reject() -> Self {
        Self::say(Verdict::Rejected)
    }

    /// The same, after a delay.
    pub fn after(self, delay: Duration) -> Self {
        Self::After { delay, then: Box::new(self) }
    }

    /// What it does the `turn`th time, counted from 0, and after which delay.
    pub(crate) fn at_turn(&self, turn: usize) -> (Duration, &Self) {
        let (mut delay, mut behaviour) = (Duration::ZERO, self);
        loop {
            behaviour = match behaviour {
                Self::After { delay: further, then } => {
                    delay = delay.saturating_add(*further).min(Self::MAX_DELAY);
                    then
                }
                Self::InTurn(all) => match all.get(turn).or(all.last()) {
                    Some(one) => one,
                    // Nothing was said of what to do: as good as playing dead.
                    None => return (delay, &Self::Stall { made: None }),
                },
                _ => return (delay, behaviour),
            };
        }
    }
}

impl From<Answer> for Behaviour {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn behaviours_in_turn_follow_each_other_and_the_last_one_stays() {
        let turns = Behaviour::InTurn(vec![Behaviour::reject(), Behaviour::accept("1.00")]);
        let done: Vec<&Behaviour> = (0..4).map(|turn| turns.at_turn(turn).1).collect();
        let (reject, accept) = (Behaviour::reject(), Behaviour::accept("1.00"));
        assert_eq!(done, [&reject, &accept, &accept, &accept]);
    }

    #[test]
    fn delays_add_up_and_are_bounded() {
        let twice = Behaviour::InTurn(vec![Behaviour::reject().after(SECOND)]).after(SECOND);
        assert_eq!(twice.at_turn(0), (2 * SECOND, &Behaviour::reject()));
        let forever = Behaviour::reject().after(Duration::MAX).after(SECOND);
        assert_eq!(forever.at_turn(0).0, Behaviour::MAX_DELAY);
    }
}
