//! The words that tests of lead posts are written in.

use crumb_domain::post::KeptPost;
use crumb_storage::LeadStore as _;
use crumb_storage::PageRequest;
use crumb_storage::leads::{LeadFilter, RejectionFilter};
use crumb_testkit::{Reply, Request, Server};

/// Names and authorises campaign 57 of affiliate 12 on the hosted offer 100.
pub const HOSTED: &str = "ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK";
/// Names and authorises campaign 58 of affiliate 12 on the host-n-post offer 200.
pub const HOST_N_POST: &str = "ckm_campaign_id=58&ckm_key=Zy9xW7vU5tS";
/// All that a lead must say.
pub const ANN: &str = "email_address=ann@example.com&zip_code=90210";
/// The same of somebody else.
pub const BOB: &str = "email_address=bob@example.com&zip_code=90210";

/// The whole XML of a refusal.
pub fn refusal(texts: &[&str]) -> String {
    let errors: String = texts.iter().map(|text| format!("<error>{text}</error>")).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<result><code>1</code><msg>error</msg><errors>{errors}</errors></result>"
    )
}

/// Posts pairs as a form.
pub async fn post(server: &Server, pairs: &[&str]) -> Reply {
    server.tracking.post_form("/d.ashx", &pairs.join("&")).await
}

/// The id in an XML or JSON success.
pub fn lead_id(reply: &Reply) -> String {
    let text = reply.text();
    let id = if text.starts_with('{') {
        assert_eq!(reply.json()["code"], 0, "{text}");
        reply.json()["leadid"].as_str().unwrap_or_default().to_owned()
    } else {
        assert!(text.contains("<code>0</code><msg>success</msg>"), "{text}");
        reply.between("<leadid>", "</leadid>")
    };
    assert_eq!(id.len(), 8, "{text}");
    id
}

/// Posts pairs that must make a lead, and tells its id.
pub async fn accepted(server: &Server, pairs: &[&str]) -> String {
    lead_id(&post(server, pairs).await)
}

/// Posts pairs that must be refused with these texts.
pub async fn refused(server: &Server, pairs: &[&str], texts: &[&str]) {
    let reply = post(server, pairs).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.text().trim_end(), refusal(texts), "{pairs:?}");
}

/// A lead as the API shows it.
pub async fn lead(server: &Server, id: &str) -> serde_json::Value {
    server.api_json(&format!("/leads/{id}")).await
}

/// All leads, oldest first.
pub async fn leads(server: &Server) -> Vec<serde_json::Value> {
    let page = PageRequest { limit: 1_000, ascending: true, cursor: None };
    let all = server.site.store.leads(LeadFilter::default(), page).await.expect("the store can be read");
    let mut rows = Vec::new();
    for one in all.data {
        rows.push(lead(server, one.id.as_str()).await);
    }
    rows
}

/// All kept posts that made no lead, oldest first.
pub async fn rejections(server: &Server) -> Vec<KeptPost> {
    let page = PageRequest { limit: 1_000, ascending: true, cursor: None };
    server.site.store.rejections(RejectionFilter::default(), page).await.expect("the store can be read").data
}

/// A form post as a browser sends it, with further headers.
pub fn form(body: &str) -> Request {
    Request::post("/d.ashx", "application/x-www-form-urlencoded", body)
}

/// How many requests are under way at the same moment at most.
const AT_ONCE: usize = 100;

/// Runs all, up to 100 at the same moment, and gives their answers in any order.
pub async fn at_once<F>(requests: impl Iterator<Item = F>) -> Vec<Reply>
where
    F: Future<Output = Reply> + Send + 'static,
{
    let mut running = tokio::task::JoinSet::new();
    let mut replies = Vec::new();
    for request in requests {
        if running.len() == AT_ONCE {
            replies.extend(running.join_next().await.map(|reply| reply.expect("the request ends")));
        }
        running.spawn(request);
    }
    replies.extend(running.join_all().await);
    replies
}
