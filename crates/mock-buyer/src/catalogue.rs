//! Buyers by path: the first part of a path says what a buyer does, the query how,
//! and what follows in the path is a name that is free to choose.

use crate::answer::{Answer, Cents, Format, Pace, Price, Token, Verdict};
use crate::behaviour::Behaviour;
use std::time::Duration;
use url::form_urlencoded;

/// The largest body that `/big` sends: beyond any limit that it could be held against.
const MAX_BIG_KIB: usize = 65_536;

/// The rates of `/endless`: by default quick enough to pass a limit of 256 KiB
/// within a second, and never so quick that it is a load of its own.
const ENDLESS_KIB_PER_SECOND: u32 = 1_024;
const MAX_ENDLESS_KIB_PER_SECOND: u32 = 65_536;

/// How many buyers `/in-turn` has.
const MAX_TURNS: usize = 16;

/// A buyer in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// An address of it, from its path on.
    pub target: &'static str,
    /// What it does, in a line.
    pub does: &'static str,
}

/// The buyers that there are, each with an address to try.
pub fn listed() -> &'static [Listed] {
    &LISTED
}

const LISTED: [Listed; 20] = [
    Listed { target: "/accept?price=30.00&lead_id=auto", does: "buys" },
    Listed { target: "/reject", does: "refuses" },
    Listed { target: "/duplicate", does: "says that it has the lead" },
    Listed { target: "/error?http=500", does: "says that it failed" },
    Listed { target: "/unknown", does: "answers what no pattern fits" },
    Listed { target: "/ping?price=12.00", does: "quotes a price, with a session token" },
    Listed {
        target: "/auction?min=5.00&max=40.00",
        does: "bids by the request, the same for the same; a post gets the price of its ping",
    },
    Listed { target: "/in-turn?of=reject,accept&price=30.00", does: "one after the other; the last stays" },
    Listed { target: "/after?ms=800&then=accept&price=30.00", does: "waits, then does as another" },
    Listed { target: "/slow-head?ms=3000", does: "sends its answer's head in pieces, over that time" },
    Listed { target: "/slow-body?ms=3000", does: "sends its answer's body in pieces, over that time" },
    Listed { target: "/endless", does: "goes on for ever, at kib_per_second=1024" },
    Listed { target: "/big?kb=300", does: "answers at that length" },
    Listed { target: "/cut-before", does: "resets the connection before it has read the request" },
    Listed { target: "/cut-after?made=accepted", does: "reads the request, closes without a word" },
    Listed { target: "/stall?made=accepted", does: "reads the request, never says a word" },
    Listed { target: "/redirect?to=/accept", does: "sends the client elsewhere" },
    Listed { target: "/malformed", does: "answers what is no HTTP" },
    Listed {
        target: "/status?id=LEAD",
        does: "what it made of the lead with that id; or is=accepted|rejected|unknown",
    },
    Listed { target: "/say?body=OK|30.00&type=text/plain", does: "these words and no others" },
];

/// What may be added to the address of each buyer that answers.
pub const ANSWER_PARAMETERS: &str =
    "price, redirect, lead_id and session (auto: made of the request), format=xml|json|text, http=STATUS";

/// Why a request is for nobody.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No buyer of that name.
    #[error("no such buyer")]
    NoSuchBuyer,
    /// A parameter that cannot be read.
    #[error("{name}: {wanted}")]
    Parameter {
        /// Which.
        name: &'static str,
        /// What it should be.
        wanted: String,
    },
}

/// The behaviour that a path and a query ask for.
pub(crate) fn behaviour(path: &str, query: &str) -> Result<Behaviour, Fault> {
    let name = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    Parameters::of(query).behaviour(name)
}

/// A query. Of several equal names the first counts: a buyer's address comes before
/// what a `GET` adds to it of the lead.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    fn behaviour(&self, name: &str) -> Result<Behaviour, Fault> {
        Ok(match name {
            "redirect" => Behaviour::Redirect {
                to: self.header_value("to")?.unwrap_or("/accept").to_owned(),
                status: self.number("http", 301..=308)?.unwrap_or(302),
            },
            "malformed" => Behaviour::Malformed,
            "cut-before" => Behaviour::CutBefore,
            "cut-after" => Behaviour::CutAfter { made: self.verdict("made")? },
            "stall" => Behaviour::Stall { made: self.verdict("made")? },
            "status" => Behaviour::Status {
                tells: self.verdict("is")?,
                id: self.text("id").unwrap_or_default().to_owned(),
                answer: self.answer(Verdict::Unknown)?,
            },
            "after" => {
                let then = self.text("then").unwrap_or("accept");
                if then == "after" {
                    return Err(fault("then", "another buyer than after"));
                }
                self.behaviour(then)?.after(self.milliseconds()?)
            }
            "in-turn" => {
                let names: Vec<&str> = self.text("of").unwrap_or("reject,accept").split(',').collect();
                if names.len() > MAX_TURNS || names.contains(&"in-turn") || names.contains(&"after") {
                    return Err(fault("of", "buyers' names with commas, at most 16"));
                }
                Behaviour::InTurn(
                    names.into_iter().map(|name| self.behaviour(name)).collect::<Result<_, _>>()?,
                )
            }
            _ => Behaviour::Answer(self.answered(name)?),
        })
    }

    /// The buyers that answer.
    fn answered(&self, name: &str) -> Result<Answer, Fault> {
        let accepted = || self.answer(Verdict::Accepted);
        let quoted = |answer: Answer| {
            if self.text("session").is_some() { answer } else { answer.session(Token::Made) }
        };
        Ok(match name {
            "accept" => accepted()?,
            "reject" => self.answer(Verdict::Rejected)?,
            "duplicate" => self.answer(Verdict::Duplicate)?,
            "error" => self.answer(Verdict::Error)?,
            "unknown" => self.answer(Verdict::Unknown)?,
            "ping" => quoted(accepted()?),
            "auction" => quoted(accepted()?.price(self.drawn()?)),
            "slow-head" => self.then()?.pace(Pace::SlowHead(self.milliseconds()?)),
            "slow-body" => self.then()?.pace(Pace::SlowBody(self.milliseconds()?)),
            "endless" => {
                let rate = self.number("kib_per_second", 1..=MAX_ENDLESS_KIB_PER_SECOND)?;
                self.then()?.pace(Pace::Endless { kib_per_second: rate.unwrap_or(ENDLESS_KIB_PER_SECOND) })
            }
            "big" => {
                let kib = self.number("kb", 1..=MAX_BIG_KIB)?.unwrap_or(300);
                self.then()?.at_least_bytes(kib * 1_024)
            }
            "say" => {
                let content_type = self.header_value("type")?.unwrap_or("text/plain; charset=utf-8");
                Answer::exactly(content_type, self.text("body").unwrap_or_default()).status(self.http()?)
            }
            _ => return Err(Fault::NoSuchBuyer),
        })
    }

    /// The answer that is sent in an odd way.
    fn then(&self) -> Result<Answer, Fault> {
        match self.text("then").unwrap_or("accept") {
            name @ ("accept" | "reject" | "duplicate" | "error" | "unknown" | "ping" | "auction" | "say") => {
                self.answered(name)
            }
            _ => Err(fault("then", "accept, reject, duplicate, error, unknown, ping, auction or say")),
        }
    }

    /// What each answer may have.
    fn answer(&self, verdict: Verdict) -> Result<Answer, Fault> {
        let mut answer = Answer::of(verdict).status(self.http()?);
        if let Some(price) = self.text("price") {
            answer = answer.price(Price::Given(price.to_owned()));
        }
        if let Some(to) = self.text("redirect") {
            answer = answer.redirect(to);
        }
        let format = match self.text("format") {
            None | Some("xml") => Format::Xml,
            Some("json") => Format::Json,
            Some("text") => Format::Text,
            Some(_) => return Err(fault("format", "xml, json or text")),
        };
        Ok(answer.lead_id(self.token("lead_id")).session(self.token("session")).format(format))
    }

    fn drawn(&self) -> Result<Price, Fault> {
        let amount = |name, or| match self.text(name) {
            None => Ok(Cents(or)),
            Some(text) => Cents::parse(text).ok_or_else(|| fault(name, "an amount like 12.50")),
        };
        let (lowest, highest) = (amount("min", 500)?, amount("max", 4_000)?);
        if lowest > highest { Err(fault("min", "at most max")) } else { Ok(Price::Drawn { lowest, highest }) }
    }

    fn token(&self, name: &str) -> Token {
        match self.text(name) {
            None | Some("") => Token::Absent,
            Some("auto") => Token::Made,
            Some(text) => Token::Given(text.to_owned()),
        }
    }

    /// Statuses that come with a body.
    fn http(&self) -> Result<u16, Fault> {
        let status = self.number("http", 200..=599)?.unwrap_or(200);
        if matches!(status, 204 | 304) { Err(fault("http", "a status that has a body")) } else { Ok(status) }
    }

    fn milliseconds(&self) -> Result<Duration, Fault> {
        let longest = u32::try_from(Behaviour::MAX_DELAY.as_millis()).unwrap_or(u32::MAX);
        let milliseconds = self.number("ms", 0..=longest)?.unwrap_or(1_000);
        Ok(Duration::from_millis(u64::from(milliseconds)))
    }

    fn verdict(&self, name: &'static str) -> Result<Option<Verdict>, Fault> {
        let named = |text| {
            Verdict::named(text).ok_or_else(|| fault(name, "accepted, rejected, duplicate, error or unknown"))
        };
        self.text(name).map(named).transpose()
    }

    /// A text that may stand in a header.
    fn header_value(&self, name: &'static str) -> Result<Option<&str>, Fault> {
        match self.text(name) {
            Some(text) if text.chars().any(char::is_control) => Err(fault(name, "no control characters")),
            other => Ok(other),
        }
    }

    fn number<N>(&self, name: &'static str, range: std::ops::RangeInclusive<N>) -> Result<Option<N>, Fault>
    where
        N: std::str::FromStr + PartialOrd + std::fmt::Display,
    {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        let wanted = || Fault::Parameter {
            name,
            wanted: format!("a number from {} to {}", range.start(), range.end()),
        };
        number.map(Some).ok_or_else(wanted)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

fn fault(name: &'static str, wanted: &str) -> Fault {
    Fault::Parameter { name, wanted: wanted.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(target: &str) -> Result<Behaviour, Fault> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        behaviour(path, query)
    }

    #[test]
    fn every_listed_address_is_understood() {
        for listed in listed() {
            assert!(of(listed.target).is_ok(), "{}", listed.target);
        }
    }

    #[test]
    fn every_listed_address_is_in_the_documents_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/MOCK-BUYERS.md");
        let document = std::fs::read_to_string(path).expect("the document");
        let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| `/")).collect();
        let in_cell = |text: &str| text.replace('|', "\\|");
        let expected: Vec<String> = listed()
            .iter()
            .map(|listed| format!("| `{}` | {} |", in_cell(listed.target), in_cell(listed.does)))
            .collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn what_follows_in_the_path_is_a_name_of_ones_own() {
        assert_eq!(of("/accept/big-carrier?price=3.00"), of("/accept?price=3.00"));
        assert_eq!(of("/accepted"), Err(Fault::NoSuchBuyer));
        assert_eq!(of("/"), Err(Fault::NoSuchBuyer));
    }

    #[test]
    fn the_first_of_equal_parameters_counts_and_the_leads_own_are_left_alone() {
        assert_eq!(of("/accept?price=3.00&zip=90210&price=9.00"), Ok(Behaviour::accept("3.00")));
    }

    #[test]
    fn a_parameter_that_cannot_be_read_is_named() {
        let faults = [
            ("/after?ms=soon", "ms: a number from 0 to 600000"),
            ("/after?ms=600001", "ms: a number from 0 to 600000"),
            ("/after?then=after", "then: another buyer than after"),
            ("/in-turn?of=in-turn", "of: buyers' names with commas, at most 16"),
            (
                "/slow-head?then=stall",
                "then: accept, reject, duplicate, error, unknown, ping, auction or say",
            ),
            ("/accept?format=yaml", "format: xml, json or text"),
            ("/accept?http=204", "http: a status that has a body"),
            ("/auction?min=x", "min: an amount like 12.50"),
            ("/auction?min=3&max=2", "min: at most max"),
            ("/big?kb=0", "kb: a number from 1 to 65536"),
            ("/status?is=bought", "is: accepted, rejected, duplicate, error or unknown"),
            ("/redirect?to=a%0d%0ab", "to: no control characters"),
        ];
        for (target, told) in faults {
            assert_eq!(of(target).map_err(|fault| fault.to_string()), Err(told.to_owned()), "{target}");
        }
    }

    #[test]
    fn waiting_and_turns_go_round_any_other_buyer() {
        let stall = Behaviour::Stall { made: Some(Verdict::Accepted) };
        let ms = Duration::from_millis(20);
        assert_eq!(of("/after?ms=20&then=stall&made=accepted"), Ok(stall.after(ms)));
        let turns = Behaviour::InTurn(vec![Behaviour::Malformed, Behaviour::accept("2.00")]);
        assert_eq!(of("/in-turn?of=malformed,accept&price=2.00"), Ok(turns));
    }
}
