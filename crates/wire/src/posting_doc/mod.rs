//! Posting documents: what somebody must know to post leads, and examples that
//! work when they are pasted.
//!
//! A document is of a vertical, an offer or a campaign, and tells the seven ways to
//! post. Only a campaign's shows an id and a key; elsewhere placeholders stand for
//! what is not known. All of it is plain data: pages and texts are made of it, and
//! nothing in an example can leave the quotation that it stands in.

mod answers;
mod conditions;
mod control;
pub(crate) mod curl;
mod example;
mod field;
mod html;
mod member;
mod method;
mod ping;
pub(crate) mod quote;
mod sample;
#[cfg(test)]
mod sample_tests;
mod testing;
#[cfg(test)]
mod tests;
pub(crate) mod text;

pub use control::Parameter;
pub use example::{Example, Language};
pub use field::FieldDoc;
pub use method::{Method, UnknownMethod};
pub use ping::PingDoc;
pub use sample::sample;
pub use text::text;

use crumb_domain::fields::FieldRules;
use crumb_domain::network::{ActiveStatus, Campaign, Offer, OfferType, Vertical};
use crumb_domain::outcome::Problem;
use crumb_domain::pings::PingLimits;
use crumb_domain::time::Day;
use crumb_domain::why::reason;
use crumb_domain::{AffiliateId, SubIds};

/// Where and when a document is made.
#[derive(Debug, Clone, Copy)]
pub struct DocContext<'a> {
    /// The tracking domain: `https://trk.example`, without a path.
    pub base_url: &'a str,
    /// For sample dates.
    pub today: Day,
    /// Whose the click pixel of an offer's own pages is.
    pub internal_affiliate: Option<AffiliateId>,
    /// How far a seller may go with pings.
    pub pings: PingLimits,
}

/// How to post leads to a vertical, an offer or a campaign.
#[derive(Debug, Clone, PartialEq)]
pub struct PostingDoc {
    /// `Campaign 57: Free quote`.
    pub title: String,
    /// What a reader must know before all else, where leads are refused whatever they say.
    pub notice: Option<String>,
    /// What a reader should have at hand, by name: offer, campaign id, post key ….
    pub facts: Vec<(&'static str, String)>,
    /// The fields of a lead, in the order in which errors are reported.
    pub fields: Vec<FieldDoc>,
    /// What else must hold of a lead, a clause each: where one does not, the answer is
    /// `Unmatched Filter`.
    pub conditions: Vec<String>,
    /// One per method, in the order of [`Method::ALL`].
    pub methods: Vec<MethodDoc>,
}

/// One way to post.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodDoc {
    /// Which.
    pub method: Method,
    /// When to choose it, and whose the lead is then.
    pub summary: String,
    /// Where to post.
    pub url: String,
    /// `GET or POST`.
    pub http_method: &'static str,
    /// Headers that the post must have.
    pub headers: Vec<(&'static str, &'static str)>,
    /// What a post says besides the fields.
    pub controls: Vec<Parameter>,
    /// How to set it up, step by step.
    pub steps: Vec<String>,
    /// Pieces to paste into a page, where pages are involved.
    pub scripts: Vec<Example>,
    /// Complete examples. They post test leads.
    pub examples: Vec<Example>,
    /// What comes back.
    pub answers: Vec<Example>,
    /// How to ask for a lead's price first, where that can be done.
    pub ping: Option<PingDoc>,
    /// Every fixed text that an error can say of a post of this kind to this offer.
    pub problems: Vec<&'static str>,
    /// How to test.
    pub testing: Vec<String>,
}

/// The ids that a document's examples use, or placeholders for them.
#[derive(Debug, Clone)]
struct Ids {
    base: String,
    offer: String,
    campaign: String,
    key: String,
    affiliate: String,
    creative: String,
    link: Option<String>,
    /// The offer's leads are sold before their post is answered.
    sells_at_once: bool,
    pings: PingLimits,
}

impl PostingDoc {
    /// Of a vertical: campaign and key are placeholders, and so is the offer, unless one of
    /// the vertical's is given for the examples to use.
    pub fn for_vertical(
        vertical: &Vertical,
        rules: &FieldRules,
        offer: Option<&Offer>,
        context: DocContext<'_>,
    ) -> Self {
        let title = format!("Vertical {}: {}", vertical.id, vertical.name);
        let mut facts = vec![("Vertical", format!("{} ({})", vertical.name, vertical.id))];
        let mut ids = Ids::unknown(context);
        if let Some(offer) = offer {
            facts.push(("Offer in the examples", format!("{} ({})", offer.name, offer.id)));
            // How the offer's leads are sold and where its link leads is not the vertical's.
            ids = Ids { link: None, sells_at_once: false, ..ids.of_offer(offer) };
        }
        let countries = offer.map_or(&[][..], |offer| &offer.countries);
        Self::new(title, facts, &ids, (vertical, rules), countries, context)
    }

    /// Of an offer: campaign and key are placeholders.
    pub fn for_offer(
        offer: &Offer,
        vertical: &Vertical,
        rules: &FieldRules,
        context: DocContext<'_>,
    ) -> Self {
        let title = format!("Offer {}: {}", offer.id, offer.name);
        let facts = vec![
            ("Offer", format!("{} ({})", offer.name, offer.id)),
            ("Vertical", format!("{} ({})", vertical.name, vertical.id)),
        ];
        let ids = Ids::unknown(context).of_offer(offer);
        Self::new(title, facts, &ids, (vertical, rules), &offer.countries, context)
    }

    /// Of a campaign, with its id and its post key. `key` is the key itself, from
    /// wherever it is kept; without one a placeholder stands for it.
    pub fn for_campaign(
        campaign: &Campaign,
        key: Option<&str>,
        offer: &Offer,
        vertical: &Vertical,
        rules: &FieldRules,
        context: DocContext<'_>,
    ) -> Self {
        let title = format!("Campaign {}: {}", campaign.id, offer.name);
        let mut ids = Ids::unknown(context).of_offer(offer);
        ids.campaign = campaign.id.to_string();
        ids.affiliate = campaign.affiliate.to_string();
        if let Some(key) = key.filter(|key| !key.is_empty()) {
            ids.key = key.to_owned();
        }
        let facts = vec![
            ("Campaign id", ids.campaign.clone()),
            ("Post key", ids.key.clone()),
            ("Affiliate id", ids.affiliate.clone()),
            ("Offer", format!("{} ({})", offer.name, offer.id)),
            ("Vertical", format!("{} ({})", vertical.name, vertical.id)),
        ];
        Self::new(title, facts, &ids, (vertical, rules), &offer.countries, context)
    }

    /// As of a time at which each of its leads is answered that problem.
    pub fn refused(mut self, problem: Problem) -> Self {
        let because = match problem {
            // That there is such an offer is known here.
            Problem::InactiveOffer => "the offer is not active",
            problem => reason(problem),
        };
        self.notice = Some(format!("No lead is taken now: each is answered {problem}, since {because}."));
        self
    }

    /// The part of one method.
    pub fn method(&self, method: Method) -> Option<&MethodDoc> {
        self.methods.iter().find(|doc| doc.method == method)
    }

    fn new(
        title: String,
        mut facts: Vec<(&'static str, String)>,
        ids: &Ids,
        (vertical, rules): (&Vertical, &FieldRules),
        countries: &[String],
        context: DocContext<'_>,
    ) -> Self {
        facts.push(("Tracking domain", ids.base.clone()));
        let fields = FieldDoc::all(rules, &vertical.inbound_filter, countries, context.today);
        let conditions = conditions::clauses(&vertical.inbound_filter, rules);
        let methods = Method::ALL.map(|method| MethodDoc::new(method, ids, &fields, context.today)).into();
        Self { title, notice: None, facts, fields, conditions, methods }
    }
}

impl MethodDoc {
    fn new(method: Method, ids: &Ids, fields: &[FieldDoc], today: Day) -> Self {
        let url = match method {
            Method::Xml => ids.xml_address(),
            _ => format!("{}/d.ashx", ids.base),
        };
        let ping = PingDoc::of(method, ids, fields, today);
        Self {
            method,
            summary: summary(method).to_owned(),
            url,
            http_method: match method {
                Method::Server | Method::Session => "GET or POST",
                Method::BrowserHttp => "POST (or GET)",
                Method::BrowserAjax => "GET, by d.js",
                Method::ServerJson | Method::SessionJson | Method::Xml => "POST",
            },
            headers: headers(method),
            controls: control::parameters(method, ids),
            steps: testing::steps(method, ids),
            scripts: html::scripts(method, ids),
            examples: example::examples(method, ids, fields),
            answers: answers::answers(method, fields),
            problems: problems(method, ping.is_some()),
            ping,
            testing: testing::testing(method, ids),
        }
    }
}

fn summary(method: Method) -> &'static str {
    match method {
        Method::Server => {
            "Your server posts the lead, with campaign id and key. The lead is credited to the campaign's \
             affiliate. No browser, cookie or click is needed."
        }
        Method::BrowserHttp => {
            "A form on your page posts straight to the tracker, which sends the visitor on to the next page. \
             The lead is credited by the cookie of the click; without one it is the network's own."
        }
        Method::BrowserAjax => {
            "A form on your page is posted by d.js without leaving the page: errors are shown beside the \
             fields, and the visitor goes on once the lead is taken. The lead is credited by the request id \
             in the form, else by the cookie of the click; without either it is the network's own."
        }
        Method::Session => {
            "The form posts to your own server, which keeps the lead and then posts it here with the request \
             id of the click. The lead is credited by that id, so no cookie is needed."
        }
        Method::ServerJson => "A server post whose body and answer are JSON.",
        Method::SessionJson => "A session post whose body and answer are JSON.",
        Method::Xml => {
            "A server post whose fields are an XML document: any root, one element per field. Ids and key are \
             read from the address only."
        }
    }
}

/// What the answer to a post of a kind can say; `has_pings` where a price can be asked first.
fn problems(method: Method, has_pings: bool) -> Vec<&'static str> {
    let can_come = |problem: &&Problem| match problem {
        Problem::InvalidXml => method == Method::Xml,
        Problem::InvalidJson => matches!(method, Method::ServerJson | Method::SessionJson),
        Problem::InvalidPostKey => !method.is_browser() && !method.is_session(),
        // The visitor is sent on all the same.
        Problem::DuplicateLead | Problem::NoQualifiedBuyers => method != Method::BrowserHttp,
        Problem::InvalidPingId | Problem::PingExpired => has_pings,
        Problem::TooManyPings => false,
        _ => true,
    };
    Problem::ALL.iter().filter(can_come).map(|problem| problem.as_str()).collect()
}

fn headers(method: Method) -> Vec<(&'static str, &'static str)> {
    match method {
        Method::Server | Method::Session => vec![("Content-Type", "application/x-www-form-urlencoded")],
        Method::ServerJson | Method::SessionJson => {
            vec![("Content-Type", "application/json"), ("Accept", "application/json")]
        }
        Method::Xml => vec![("Content-Type", "text/xml; charset=utf-8")],
        Method::BrowserHttp | Method::BrowserAjax => Vec::new(),
    }
}

impl Ids {
    fn unknown(context: DocContext<'_>) -> Self {
        let affiliate = context.internal_affiliate.map(|id| id.to_string());
        Self {
            base: quote::base(context.base_url),
            offer: "YOUR_OFFER_ID".to_owned(),
            campaign: "YOUR_CAMPAIGN_ID".to_owned(),
            key: "YOUR_KEY".to_owned(),
            affiliate: affiliate.unwrap_or_else(|| "YOUR_AFFILIATE_ID".to_owned()),
            creative: "YOUR_CREATIVE_ID".to_owned(),
            link: None,
            sells_at_once: false,
            pings: context.pings,
        }
    }

    fn of_offer(mut self, offer: &Offer) -> Self {
        self.offer = offer.id.to_string();
        self.link = offer.link.clone();
        self.sells_at_once = offer.offer_type == OfferType::HostNPost;
        let usable = offer.creative.iter().find(|creative| creative.status == ActiveStatus::Active);
        if let Some(creative) = usable.or(offer.creative.first()) {
            self.creative = creative.id.to_string();
        }
        self
    }

    /// A tracking link; `-1` as the affiliate makes it a test.
    fn link(&self, affiliate: &str) -> String {
        crate::generate::link(&self.base, affiliate, &self.creative, &SubIds::default(), Default::default())
    }

    /// The click pixel that the document's pages carry.
    fn pixel(&self) -> String {
        crate::generate::pixel(&self.link(&self.affiliate))
    }

    fn xml_address(&self) -> String {
        use crate::percent::encode;
        let (campaign, key) = (encode(&self.campaign), encode(&self.key));
        format!("{}/d.ashx?ckm_xml=1&ckm_campaign_id={campaign}&ckm_key={key}", self.base)
    }
}
