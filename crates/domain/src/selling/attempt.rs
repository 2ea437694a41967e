//! An attempt to ask (ping) or tell (post) a buyer, as it is kept.

use crate::coded::coded;
use crate::{ContractId, Money, RowId, Timestamp};
use serde::{Deserialize, Serialize};

/// Bytes kept of an attempt's request and of its answer.
pub const MAX_KEPT_BYTES: usize = 64 * 1024;

coded! {
    /// What an attempt was for.
    AttemptKind {
        /// Asked for a price.
        Ping = "ping";
        /// Sent the lead.
        Post = "post";
        /// Asked what became of a post whose end is not known.
        Status = "status";
        /// A test lead, sent by a person: no sale comes of it.
        Test = "test";
    }
}

coded! {
    /// How far an attempt came.
    Phase {
        /// Looking the host's addresses up and checking them.
        Resolve = "resolve";
        /// Connecting.
        Connect = "connect";
        /// Agreeing on keys.
        Tls = "tls";
        /// Handing the request over: from here on the buyer may have it.
        Write = "write";
        /// Waiting for the answer's head.
        Head = "head";
        /// Reading the answer's body.
        Body = "body";
        /// The answer was read to its end.
        Done = "done";
    }
}

impl Phase {
    /// Whether a byte of the request may have been sent.
    pub fn is_sent(self) -> bool {
        matches!(self, Self::Write | Self::Head | Self::Body | Self::Done)
    }
}

/// Milliseconds that each phase took; none for one that was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Milliseconds {
    /// Of the look-up.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resolve: Option<u32>,
    /// Of the connection.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub connect: Option<u32>,
    /// Of the keys.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tls: Option<u32>,
    /// Of handing the request over.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub write: Option<u32>,
    /// Until the answer's head.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub head: Option<u32>,
    /// Of the answer's body.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<u32>,
}

/// A price as it was read from an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceRead {
    /// Its pattern found nothing.
    Absent,
    /// An amount.
    Amount(Money),
    /// Its pattern found something that is no amount, or a negative one.
    Unreadable,
}

/// What was read from an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BuyerReading {
    /// The price; none where the contract has no pattern for it, so that its row's
    /// price holds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub price: Option<PriceRead>,
    /// Where the visitor goes: absolute http(s), at most 2,048 characters, no
    /// control characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub redirect: Option<String>,
    /// A redirect was found that is none of that.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub bad_redirect: bool,
    /// The buyer's name for the lead.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lead_id: Option<String>,
    /// A ping's token for the post.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<String>,
}

/// What a buyer answered, or why it did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum BuyerAnswer {
    /// A pattern of `accepted` matched.
    Accepted(BuyerReading),
    /// A pattern of `rejected` matched.
    Rejected(BuyerReading),
    /// A pattern of `duplicate` matched.
    Duplicate(BuyerReading),
    /// A pattern of `error` matched, or the answer was over its limit.
    Error(BuyerReading),
    /// No pattern matched: taken for a refusal, shown as what it is.
    UnknownAnswer(BuyerReading),
    /// Nobody answered.
    Failed(PostFailure),
}

impl BuyerAnswer {
    /// Where it sends the visitor; only a buyer that bought says so.
    pub fn redirect(&self) -> Option<&str> {
        match self {
            Self::Accepted(reading) => reading.redirect.as_deref(),
            _ => None,
        }
    }

    /// Whether it counts as failed, by which contracts are switched off: no answer,
    /// an error, or one that no pattern knows. A refusal and a duplicate do not.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Error(_) | Self::UnknownAnswer(_) | Self::Failed(_) => true,
            Self::Accepted(_) | Self::Rejected(_) | Self::Duplicate(_) => false,
        }
    }
}

/// Why nobody answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum PostFailure {
    /// Time was up.
    TimedOut {
        /// Whether a byte of the request may have been sent.
        sent: bool,
    },
    /// The connection or the request failed.
    Broken {
        /// Whether a byte of the request may have been sent.
        sent: bool,
    },
    /// The server, or the sale, ended before an answer was kept: nobody knows how far it
    /// came.
    CutOff,
}

impl PostFailure {
    /// Whether a byte of the request may have been sent: then nobody else may get
    /// the lead as its only buyer before this is settled.
    pub fn is_sent(self) -> bool {
        match self {
            Self::TimedOut { sent } | Self::Broken { sent } => sent,
            Self::CutOff => true,
        }
    }
}

/// One attempt, as it is kept. Credentials and configured header values are masked
/// before it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Its place in the store.
    pub id: RowId,
    /// When it began.
    pub at: Timestamp,
    /// To whom.
    pub contract: ContractId,
    /// What for.
    pub kind: AttemptKind,
    /// How far it came.
    pub phase: Phase,
    /// How long it took.
    pub ms: Milliseconds,
    /// The answer's HTTP status.
    pub status: Option<u16>,
    /// The first [`MAX_KEPT_BYTES`] of what was sent, with masks for secrets.
    pub request: Vec<u8>,
    /// The first [`MAX_KEPT_BYTES`] of what came back.
    pub answer: Vec<u8>,
    /// What that was taken for.
    pub read: BuyerAnswer,
    /// What went wrong, in a sentence; none where an answer was read.
    pub error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_may_have_been_sent_from_writing_on() {
        let sent: Vec<&str> =
            Phase::ALL.iter().filter(|phase| phase.is_sent()).map(|phase| phase.as_str()).collect();
        assert_eq!(sent, ["write", "head", "body", "done"]);
        for sent in [true, false] {
            assert_eq!(PostFailure::TimedOut { sent }.is_sent(), sent);
            assert_eq!(PostFailure::Broken { sent }.is_sent(), sent);
        }
        assert!(PostFailure::CutOff.is_sent());
    }

    #[test]
    fn only_a_buyer_that_bought_redirects_and_only_no_answer_is_a_failure() {
        let link = "https://thanks.example/";
        let reading = || BuyerReading { redirect: Some(link.to_owned()), ..BuyerReading::default() };
        for (answer, redirect, is_failure) in [
            (BuyerAnswer::Accepted(reading()), Some(link), false),
            (BuyerAnswer::Rejected(reading()), None, false),
            (BuyerAnswer::Duplicate(reading()), None, false),
            (BuyerAnswer::Error(reading()), None, true),
            (BuyerAnswer::UnknownAnswer(reading()), None, true),
            (BuyerAnswer::Failed(PostFailure::TimedOut { sent: true }), None, true),
        ] {
            assert_eq!((answer.redirect(), answer.is_failure()), (redirect, is_failure), "{answer:?}");
        }
    }
}
