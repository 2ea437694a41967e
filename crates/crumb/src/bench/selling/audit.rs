//! Whether every lead is accounted for: what its poster was answered, what the store
//! holds, and what the buyers were told, held against each other.

use super::buyers::{Calls, Record};
use super::posts::Said;
use super::schedule::Answered;
use super::stored::{Stored, StoredLead};
use anyhow::bail;
use crumb_domain::Money;
use std::collections::HashSet;
use std::time::Duration;

/// Faults that are told; the rest are counted.
const TOLD: usize = 10;

/// What became of the leads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Sold at the first post.
    pub sold: u64,
    /// Sold after another buyer had refused.
    pub sold_after_refusal: u64,
    /// Bought by nobody.
    pub unsold: u64,
    /// Pings that were sent out.
    pub pings: u64,
    /// Those whose answer did not come in time.
    pub late_pings: u64,
    /// Posts that buyers answered.
    pub posts: u64,
    /// What the sales brought.
    pub revenue: Money,
    /// What the affiliate earned.
    pub payout: Money,
}

/// Holds the three against each other, lead by lead.
///
/// # Errors
/// Where one says what another does not, with the first of the faults.
pub fn check(answers: &[Answered<Said>], stored: &Stored, record: &Record) -> anyhow::Result<Tally> {
    let mut faults = Vec::new();
    let mut tally = Tally::default();
    let mut named = HashSet::new();
    for answered in answers {
        let number = answered.number;
        let Some(lead) = stored.leads.get(&number) else {
            faults.push(format!("lead {number} was answered, and is not in the store"));
            continue;
        };
        named.insert(lead.id.as_str());
        let nothing = Calls::default();
        let calls = record.leads.get(lead.id.as_str()).unwrap_or(&nothing);
        let of_lead = faults_of(answered.said, lead, calls);
        faults.extend(of_lead.into_iter().map(|fault| format!("lead {number} ({}): {fault}", lead.id)));
        tally.add(lead, calls);
    }
    if stored.leads.len() != answers.len() || !stored.strange.is_empty() {
        let (held, strange) = (stored.leads.len() + stored.strange.len(), stored.strange.len());
        faults.push(format!(
            "the store holds {held} leads, {strange} of them of no post or twice; {} were answered",
            answers.len()
        ));
    }
    for lead in record.leads.keys().filter(|lead| !named.contains(lead.as_str())) {
        faults.push(format!("buyers were told of lead {lead}, which was never answered"));
    }
    if record.strange > 0 {
        faults.push(format!("buyers did not understand {} calls", record.strange));
    }
    if stored.unended > 0 {
        faults.push(format!("{} leads or reservations have no end", stored.unended));
    }
    for buyer in &stored.unbalanced {
        faults.push(format!("buyer {buyer}: the balance is not the sum of the ledger, or some is reserved"));
    }
    complain(faults)?;
    Ok(tally)
}

/// How long each answer took, and how much of it no buyer did, in the answers' order.
pub fn times(
    answers: &[Answered<Said>],
    stored: &Stored,
    record: &Record,
) -> impl Iterator<Item = (Duration, Duration)> {
    answers.iter().map(|answered| {
        let lead = stored.leads.get(&answered.number);
        let calls = lead.and_then(|lead| record.leads.get(lead.id.as_str()));
        let waited = calls.map(Calls::waited).unwrap_or_default();
        (answered.took, answered.took.saturating_sub(waited))
    })
}

fn faults_of(said: Said, lead: &StoredLead, calls: &Calls) -> Vec<String> {
    let mut faults = Vec::new();
    let stands = (lead.status.as_str(), lead.sales.len());
    match said {
        Said::Sold { lead: id, payout } => {
            if stands != ("sold", 1) || id != lead.id || payout != lead.payout {
                faults.push(format!(
                    "answered as {id}, sold for a payout of {payout}; stored as {} with {} sales and a payout of {}",
                    lead.status, lead.sales.len(), lead.payout
                ));
            }
        }
        Said::Unsold if stands != ("unsold", 0) || lead.payout != Money::ZERO => {
            let (status, sales, payout) = (&lead.status, lead.sales.len(), lead.payout);
            faults.push(format!(
                "answered as bought by nobody; stored as {status} with {sales} sales and a payout of {payout}"
            ));
        }
        Said::Unsold => {}
    }
    let bought = calls.posts.iter().filter_map(|post| post.bought.map(|price| (post.contract, price)));
    let bought: Vec<(u64, Money)> = bought.collect();
    if bought != lead.sales {
        faults.push(format!("its buyers bought {}; sold are {}", listed(&bought), listed(&lead.sales)));
    }
    if lead.sale_entries != lead.sales || lead.payout_entries != lead.payout {
        faults.push(format!(
            "sold are {} for a payout of {}; in the ledger are {} and {}",
            listed(&lead.sales),
            lead.payout,
            listed(&lead.sale_entries),
            lead.payout_entries
        ));
    }
    let posts: Vec<u64> = calls.posts.iter().map(|post| post.contract).collect();
    if posts.iter().collect::<HashSet<_>>().len() != posts.len() {
        faults.push(format!("sent twice to one buyer: {posts:?}"));
    }
    if posts != lead.posts {
        faults.push(format!("buyers had posts to {posts:?}; sent were {:?}", lead.posts));
    }
    // A ping whose time was up may have come to its buyer, or not.
    if !(lead.answered_pings..=lead.pings).contains(&calls.pings) {
        faults.push(format!(
            "buyers had {} pings; attempted were {}, and {} answered",
            calls.pings, lead.pings, lead.answered_pings
        ));
    }
    faults
}

fn listed(sales: &[(u64, Money)]) -> String {
    let sales: Vec<String> =
        sales.iter().map(|(contract, price)| format!("{contract} for {price}")).collect();
    if sales.is_empty() { "none".to_owned() } else { sales.join(" and ") }
}

impl Tally {
    fn add(&mut self, lead: &StoredLead, calls: &Calls) {
        match (lead.sales.is_empty(), calls.posts.len()) {
            (true, _) => self.unsold += 1,
            (false, 0 | 1) => self.sold += 1,
            (false, _) => self.sold_after_refusal += 1,
        }
        self.pings += u64::from(lead.pings);
        self.late_pings += u64::from(lead.pings.saturating_sub(lead.answered_pings));
        self.posts += calls.posts.len() as u64;
        let sum = |sum: Money, one: Money| Money::from_micros(sum.micros().saturating_add(one.micros()));
        self.revenue = lead.sales.iter().fold(self.revenue, |revenue, (_, price)| sum(revenue, *price));
        self.payout = sum(self.payout, lead.payout);
    }
}

fn complain(mut faults: Vec<String>) -> anyhow::Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    let count = faults.len();
    faults.truncate(TOLD);
    let more = if count > TOLD { "\n…" } else { "" };
    bail!("not every lead is accounted for; {count} faults:\n{}{more}", faults.join("\n"))
}

#[cfg(test)]
mod tests;
