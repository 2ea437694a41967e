//! `crumb contract test`: a test lead to a buyer, of which nothing is kept.

use super::explain::push_attempt;
use super::terminal::{self, lines};
use super::{Context, Reply, Result};
use crumb_domain::ContractId;
use crumb_intake::selling::Trial;
use crumb_server::api::explain::ReadFromAnswer;
use crumb_server::api::test_post::TestPost;
use crumb_storage::Store;
use serde::{Deserialize, Serialize};

/// What is to be sent, as it is handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arguments {
    /// Under which contract.
    pub id: ContractId,
    /// `--ping`.
    pub ping: bool,
    /// `--field`.
    pub fields: Vec<(String, String)>,
    /// `--session`.
    pub session: Option<String>,
    /// `--json`.
    pub json: bool,
}

/// Prints what was sent, what was answered and how that was read. Exit 1 where no answer
/// came.
pub async fn test<S: Store + Clone>(context: &Context<'_, S>, arguments: Arguments) -> Result {
    let Arguments { id, ping, fields, session, json } = arguments;
    let trial = Trial { is_ping: ping, fields, session };
    let tried = TestPost::new(context.selling.try_contract(id, &trial).await?);
    let exit = u8::from(tried.attempt.error.is_some());
    let stdout = if json { terminal::json(&tried)? } else { readable(&tried) };
    Ok(Reply { stdout, stderr: String::new(), exit })
}

fn readable(tried: &TestPost) -> String {
    let attempt = &tried.attempt;
    let mut text = format!("contract {}\n", tried.contract);
    push_attempt(&mut text, attempt);
    for line in read_lines(&attempt.read) {
        text += &format!("{:>10}{}\n", "", lines(&line));
    }
    text += &format!("\nsent\n{}\n", lines(&attempt.request));
    text += &format!("\nanswered\n{}\n", lines(&attempt.answer));
    text
}

fn read_lines(read: &ReadFromAnswer) -> Vec<String> {
    let named = [
        ("price", read.price.map(|price| price.to_string())),
        ("price", read.bad_price.then(|| "is no amount".to_owned())),
        ("redirect", read.redirect.clone()),
        ("redirect", read.bad_redirect.then(|| "is no address that a visitor can be sent to".to_owned())),
        ("lead_id", read.lead_id.clone()),
        ("session", read.session.clone()),
    ];
    named.into_iter().filter_map(|(name, value)| Some(format!("{name}: {}", value?))).collect()
}
