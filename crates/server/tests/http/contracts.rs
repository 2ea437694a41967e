//! The words that tests of sales are written in: buyers' contracts, and what became of leads.

use crumb_domain::lead::{Lead, LeadStatus};
use crumb_storage::leads::LeadFilter;
use crumb_storage::selling::SellingStore as _;
use crumb_storage::{LeadStore as _, PageRequest};
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::{Part, small_with};
use crumb_testkit::{Reply, Server};
use std::fmt;

/// A buyer and its contract on vertical 1: open at all hours, exclusive, its answers
/// read as the played buyers give them.
#[derive(Debug, Clone)]
pub struct Contract {
    id: u32,
    buyer: String,
    buyer_keys: String,
    url: String,
    row: String,
    kind: String,
    hours: String,
    /// The whole schedule, where it is not one row.
    schedule: Option<String>,
    keys: String,
    method: String,
    patterns: String,
    params: String,
    post_keys: String,
    ping: String,
}

impl Contract {
    pub fn new(id: u32, url: &str, price: &str) -> Self {
        Self {
            id,
            buyer: id.to_string(),
            buyer_keys: String::new(),
            url: url.to_owned(),
            row: format!("price = \"{price}\""),
            kind: "exclusive".to_owned(),
            hours: "open = \"00:00\", close = \"24:00\"".to_owned(),
            schedule: None,
            keys: String::new(),
            method: "post".to_owned(),
            patterns: format!("{PATTERNS}redirect = \"xml:/result/redirect\"\n"),
            params: PARAMS.to_owned(),
            post_keys: String::new(),
            ping: String::new(),
        }
    }

    /// Posted to another address.
    pub fn at(self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self }
    }

    pub fn multisell(self) -> Self {
        Self { kind: "multisell".to_owned(), ..self }
    }

    pub fn hybrid(self) -> Self {
        Self { kind: "hybrid".to_owned(), ..self }
    }

    /// Its schedule row's hours.
    pub fn open(self, open: &str, close: &str) -> Self {
        Self { hours: format!("open = \"{open}\", close = \"{close}\""), ..self }
    }

    /// Several rows, or one that opens on some days only.
    pub fn schedule(self, rows: &str) -> Self {
        Self { schedule: Some(rows.to_owned()), ..self }
    }

    /// Posted to by another method.
    pub fn method(self, method: &str) -> Self {
        Self { method: method.to_owned(), ..self }
    }

    /// How its answers are read, redirect included.
    pub fn patterns(self, lines: &str) -> Self {
        Self { patterns: format!("{lines}\n"), ..self }
    }

    /// What it is sent, in place of the usual parameters: `params = …` or `body = …`.
    pub fn sent(self, lines: &str) -> Self {
        Self { params: lines.to_owned(), ..self }
    }

    /// Further keys of its schedule row, after commas.
    pub fn row(mut self, keys: &str) -> Self {
        self.row += &format!(", {keys}");
        self
    }

    /// Further lines of the contract.
    pub fn with(mut self, line: &str) -> Self {
        self.keys += &format!("{line}\n");
        self
    }

    /// Further lines of its buyer.
    pub fn buyer(mut self, line: &str) -> Self {
        self.buyer_keys += &format!("{line}\n");
        self
    }

    /// Of another contract's buyer.
    pub fn of_buyer(self, id: u32) -> Self {
        Self { buyer: id.to_string(), ..self }
    }

    /// Further lines of its post.
    pub fn post(mut self, line: &str) -> Self {
        self.post_keys += &format!("{line}\n");
        self
    }

    /// A ping before the post, whose answer's price and session count.
    pub fn ping(self, url: &str, lines: &str) -> Self {
        let ping = format!(
            "[contract.ping]\nmethod = \"post\"\nurl = \"{url}\"\n{PATTERNS}\
             params = [[\"zip\", \"#zip_code#\"]]\nprice = \"xml:/result/price\"\n\
             session = \"xml:/result/session\"\n{lines}\n"
        );
        Self { ping, ..self }
    }
}

const PATTERNS: &str = "accepted = [\"xml:/result/msg=success\"]\nrejected = [\"xml:/result/msg=rejected\"]\n\
    duplicate = [\"xml:/result/msg=duplicate\"]\nerror = [\"xml:/result/msg=error\"]\n";

const PARAMS: &str = "params = [[\"zip\", \"#zip_code#\"], [\"email\", \"#email_address#\"], \
    [\"lead\", \"#leadid#\"], [\"session\", \"#session#\"]]";

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, buyer, buyer_keys, url, keys, method, patterns, params, post_keys, ping, .. } = self;
        let Self { hours, kind, row, .. } = self;
        let usual = format!("{{ days = [\"all\"], {hours}, type = \"{kind}\", {row} }}");
        let schedule = self.schedule.as_ref().unwrap_or(&usual);
        if *buyer == id.to_string() {
            writeln!(f, "[[buyer]]\nid = {id}\nname = \"Buyer {id}\"\n{buyer_keys}")?;
        }
        writeln!(
            f,
            "[[contract]]\nid = {id}\nbuyer = {buyer}\nvertical = 1\nname = \"Contract {id}\"\n{keys}\
             schedule = [{schedule}]\n\
             [contract.post]\nmethod = \"{method}\"\nurl = \"{url}\"\n{patterns}{params}\n{post_keys}\n{ping}"
        )
    }
}

/// The small network with these contracts.
pub fn market(contracts: &[Contract]) -> String {
    market_with(&[], contracts)
}

/// The same with further changes. Affiliates are paid 2.00 on the host-n-post offer, so
/// that small prices leave a margin.
pub fn market_with(changes: &[(Part, &str)], contracts: &[Contract]) -> String {
    let tables: String = contracts.iter().map(|contract| format!("{contract}\n")).collect();
    let low: &[(Part, &str)] = &[(Part::HostNPostOffer, "payout = \"2.00\"")];
    small_with(&[low, changes, &[(Part::More, tables.as_str())]].concat())
}

/// A network whose host-n-post campaign says these lines too.
pub fn with_campaign(network: &str, lines: &str) -> String {
    replaced(network, "key = \"Zy9xW7vU5tS\"\n", &format!("key = \"Zy9xW7vU5tS\"\n{lines}\n"))
}

/// A network whose vertical has these fields too, each a line of keys.
pub fn with_fields(network: &str, fields: &[&str]) -> String {
    let tables: String = fields.iter().map(|keys| format!("[[vertical.field]]\n{keys}\n\n")).collect();
    replaced(network, "[[advertiser]]\n", &format!("{tables}[[advertiser]]\n"))
}

fn replaced(network: &str, line: &str, by: &str) -> String {
    assert_eq!(network.matches(line).count(), 1, "{line} is in the network once");
    network.replace(line, by)
}

/// The paths that were asked, in their order.
pub fn asked(buyers: &MockBuyers) -> Vec<String> {
    buyers.requests().iter().map(|request| request.path.clone()).collect()
}

/// A post of the host-n-post campaign for somebody of that name.
pub async fn sell(server: &Server, name: &str) -> Reply {
    server.tracking.post_form("/d.ashx", &offered(name)).await
}

/// The body of such a post.
pub fn offered(name: &str) -> String {
    format!("{}&email_address={name}@example.com&zip_code=90210", crate::posts::HOST_N_POST)
}

/// That the answer is the sale's.
pub fn assert_sold(reply: &Reply) {
    assert!(reply.text().contains("<code>0</code><msg>success</msg>"), "{}", reply.text());
}

/// That the answer is that nobody bought.
pub fn assert_unsold(reply: &Reply) {
    assert_eq!(reply.text().trim_end(), crate::posts::refusal(&["No Qualified Buyers Found"]));
}

/// All leads as they are stored, oldest first.
pub async fn stored(server: &Server) -> Vec<Lead> {
    let page = PageRequest { limit: 1_000, ascending: true, cursor: None };
    server.site.store.leads(LeadFilter::default(), page).await.unwrap().data
}

/// The only lead.
pub async fn only(server: &Server) -> Lead {
    let mut all = stored(server).await;
    assert_eq!(all.len(), 1, "one lead is stored");
    all.remove(0)
}

/// The newest lead.
pub async fn newest(server: &Server) -> Lead {
    stored(server).await.pop().unwrap()
}

/// The newest lead once it has been offered and stands so; the clock may be moved then.
/// Waits for as long as a test is let run.
pub async fn until(server: &Server, status: LeadStatus) -> Lead {
    loop {
        let lead = newest(server).await;
        let is_tried = !server.site.store.runs_of(lead.row).await.unwrap().is_empty();
        if is_tried && lead.status == status {
            return lead;
        }
        tokio::task::yield_now().await;
    }
}

/// What became of each contract in the latest run, by its number: `7 sold`.
pub async fn results(server: &Server, lead: &Lead) -> Vec<String> {
    let runs = server.site.store.runs_of(lead.row).await.unwrap();
    let mut found: Vec<String> = runs
        .last()
        .unwrap()
        .summary
        .iter()
        .map(|(contract, result, _)| format!("{contract} {}", result.as_str()))
        .collect();
    found.sort();
    found
}
