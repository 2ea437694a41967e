//! What there is to try, in the terminal and beside the page that shows what
//! arrives.

use super::pasted::Commands;
use std::net::SocketAddr;
use url::form_urlencoded;

/// The partner that posts from server to server.
pub const PARTNER_CAMPAIGN: i64 = 314;

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// The tracking listener.
    pub tracking: String,
    /// The admin listener.
    pub admin: String,
    /// The advertiser's site.
    pub landing: String,
    /// The buyers.
    pub buyers: String,
    /// The post key of [`PARTNER_CAMPAIGN`].
    pub partner_key: String,
    /// A key of the API.
    pub api_key: String,
    /// The partner's posting document.
    pub posting_document: String,
    /// What can be asked in a terminal.
    pub commands: Commands,
}

/// A way in which leads come.
pub struct Scenario {
    /// What it is called.
    pub title: &'static str,
    /// How the credit finds its way.
    pub how: &'static str,
    /// What to click, the plain case first.
    pub steps: Vec<Step>,
}

/// Something to click.
pub struct Step {
    /// What it is.
    pub label: &'static str,
    /// Where it leads.
    pub url: String,
}

/// All scenarios.
pub fn scenarios(addresses: &Addresses) -> Vec<Scenario> {
    let Addresses { tracking, landing, .. } = addresses;
    let click = |label, query: &str| Step { label, url: format!("{tracking}/?{query}") };
    let page = |label, path: &str| Step { label, url: format!("{landing}{path}") };
    vec![
        Scenario {
            title: "Browser post",
            how: "The form posts straight to the tracker, and the tracker's cookie says whose lead it is.",
            steps: vec![
                click("Come through Traffic Co", "a=12&c=1001&s1=newsletter"),
                click("Come again, through Banner Brothers", "a=13&c=1001&s1=banner"),
                page("Be a new visitor, and come through no link at all", "/new-visitor?to=/quote"),
            ],
        },
        Scenario {
            title: "AJAX post",
            how: "d.js checks each field with the tracker and posts without leaving the page.",
            steps: vec![
                click("Come through Traffic Co", "a=12&c=2001&s1=search"),
                click("The link knows the ZIP code", "a=12&c=2001&s1=mail&zip_code=94016"),
                click("On another site: no cookie arrives", "a=12&c=2002&s1=search"),
                click("There with the request id: saved", "a=12&c=2003&s1=search"),
            ],
        },
        Scenario {
            title: "Session post",
            how: "The site's own server keeps the lead first, and then posts it with the request id. No cookie is needed.",
            steps: vec![
                click("Come through Traffic Co", "a=12&c=3001&s1=review"),
                click("On another site: it does not matter", "a=12&c=3002&s1=review"),
                page("With a wrong request id", "/apply?reqid=123456789012345"),
                page("With an empty one", "/apply?reqid="),
            ],
        },
        Scenario {
            title: "Organic visitors",
            how: "A click pixel in the page makes the session, if there is none yet, and fills the form's empty request id.",
            steps: vec![
                page("Come by yourself", "/new-visitor?to=/guide"),
                click("Come to the same page through Traffic Co", "a=12&c=4001&s1=blog"),
            ],
        },
        Scenario {
            title: "Server post",
            how: "A partner's script posts with the id and key of its campaign.",
            steps: vec![page("Run the partner's script", "/partner")],
        },
        Scenario {
            title: "Sold at once",
            how: "This offer is answered when a buyer has said yes: bids first, then whoever offers most is sent the lead.",
            steps: vec![
                click("Come through Traffic Co", "a=12&c=5001&s1=deal"),
                click("Through an affiliate that two bidders exclude", "a=13&c=5001&s1=deal"),
                click("From where Big Carrier does not buy", "a=12&c=5001&s1=deal&zip_code=10001"),
                click("With an old car: its buyer hangs up", "a=12&c=5001&s1=classic&vehicle_year=1985"),
            ],
        },
        Scenario {
            title: "Conversion pixel",
            how: "The shop's thank-you page reports the order; the affiliate's server and pixel are told.",
            steps: vec![
                click("Come through Traffic Co, and buy", "a=12&c=6001&s1=coupon"),
                click("On another site: no cookie arrives", "a=12&c=6002&s1=coupon"),
                click("There with the request id: saved", "a=12&c=6003&s1=coupon"),
            ],
        },
        Scenario {
            title: "Odd links",
            how: "Nothing vanishes: each click has a disposition, and each refused post a reason.",
            steps: vec![
                click("An affiliate that does not exist", "a=999&c=1001"),
                click("A test link: never sold, paid or counted", "a=-1&c=1001"),
            ],
        },
    ]
}

/// The same site under the name that this machine has for itself.
pub fn other_site(landing: SocketAddr) -> String {
    format!("http://localhost:{}", landing.port())
}

/// The partner's post, and what it asks for: the tracker's address, and the body.
pub fn partner_post(addresses: &Addresses, email: &str) -> (String, String) {
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("ckm_campaign_id", &PARTNER_CAMPAIGN.to_string())
        .append_pair("ckm_key", &addresses.partner_key)
        .append_pair("ckm_subid", "portal")
        .append_pair("first_name", "Pat")
        .append_pair("last_name", "Jones")
        .append_pair("email_address", email)
        .append_pair("zip_code", "94016")
        .finish();
    (format!("{}/d.ashx", addresses.tracking), body)
}

/// What the terminal shows.
pub fn guide(addresses: &Addresses) -> String {
    let scenarios = scenarios(addresses);
    let width = scenarios.iter().map(|scenario| scenario.title.len()).max().unwrap_or_default() + 3;
    let mut text = format!(
        "\nCrumb demo: affiliates send visitors to Sunny Auto Quotes and get the credit; buyers take the leads.\n\n  \
         Watch clicks and leads arrive, each with why it was credited so and who bought it:\n\n    {}/live\n\n  \
         Then click, fill in, and see (the page has these links and more):\n\n",
        addresses.landing
    );
    for (number, scenario) in (1..).zip(&scenarios) {
        let heading = format!("{number}. {}", scenario.title);
        for step in scenario.steps.iter().take(1) {
            text.push_str(&format!(
                "    {heading:<width$}  {}\n    {:width$}  {}\n",
                step.url, "", scenario.how
            ));
        }
    }
    let (d_ashx, body) = partner_post(addresses, "pat.jones@example.com");
    let rows = [
        ("A partner's server", format!("curl {d_ashx} \\\n{:28}-d '{body}'", "")),
        ("Its posting document", addresses.posting_document.clone()),
        (
            "The API, and a key",
            format!(
                "curl -H 'Authorization: Bearer {}' \\\n{:28}{}/api/v1/leads",
                addresses.api_key, "", addresses.admin
            ),
        ),
        ("The five buyers", format!("{} (played here)", addresses.buyers)),
        // Nothing beside a command that a shell would take for a part of it.
        (
            "Who bought a lead",
            format!("{}\n{:28}with an id from the page for LEAD", addresses.commands.explain(), ""),
        ),
        ("What if, then and now", addresses.commands.replay()),
        ("Commands", addresses.commands.export()),
    ];
    text.push('\n');
    for (what, how) in rows {
        text.push_str(&format!("    {what:<22}  {how}\n"));
    }
    text.push_str("\n  Ctrl-C stops it.\n\n");
    text
}

#[cfg(test)]
impl Addresses {
    /// Where everything is by default.
    pub fn for_tests() -> Self {
        let at = |port: u16| format!("http://127.0.0.1:{port}");
        Self {
            tracking: at(8080),
            admin: at(8081),
            landing: at(8090),
            buyers: at(8095),
            partner_key: "DemoKey5gH1jK".to_owned(),
            api_key: "crumb_key".to_owned(),
            posting_document: format!("{}/doc/token", at(8080)),
            commands: Commands {
                program: "target/debug/crumb".to_owned(),
                store: "--data data/demo".to_owned(),
                what_if: "data/demo/what-if.toml".to_owned(),
            },
        }
    }
}
