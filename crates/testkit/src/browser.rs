//! A visitor: a client that keeps cookies like a browser.

use crate::client::{Client, Reply, Request};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A visitor with a cookie jar of its own.
#[derive(Debug)]
pub struct Visitor {
    client: Client,
    user_agent: String,
    jar: Mutex<BTreeMap<String, String>>,
}

impl Visitor {
    /// A visitor that has been nowhere yet.
    pub fn new(client: Client) -> Self {
        let user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned();
        Self { client, user_agent, jar: Mutex::default() }
    }

    /// `GET`, with the cookies, keeping those that come back.
    pub async fn get(&self, target: &str) -> Reply {
        self.send(Request::get(target)).await
    }

    /// Follows a tracking link and tells the request id that the page gets in
    /// `reqid=`.
    ///
    /// # Panics
    /// Where it is not sent on to such a page.
    pub async fn click(&self, target: &str) -> String {
        let reply = self.get(target).await;
        assert_eq!(reply.status, 302, "{target}: {}", reply.text());
        let location = reply.location();
        let id = location.split_once("reqid=").map(|(_, rest)| rest.split('&').next().unwrap_or(rest));
        id.unwrap_or_else(|| panic!("{target} led to {location}")).to_owned()
    }

    /// A urlencoded `POST`.
    pub async fn post_form(&self, target: &str, body: &str) -> Reply {
        self.send(Request::post(target, "application/x-www-form-urlencoded", body)).await
    }

    /// Any request.
    pub async fn send(&self, request: Request) -> Reply {
        let cookies = self.cookies();
        let request = request.header("user-agent", &self.user_agent);
        let request = if cookies.is_empty() { request } else { request.header("cookie", &cookies) };
        let reply = self.client.send(request).await;
        let mut jar = self.jar.lock().expect("no test panics while it holds the jar");
        for cookie in reply.cookies() {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((&cookie, ""));
            let Some((name, value)) = pair.split_once('=') else { continue };
            if attributes.to_ascii_lowercase().contains("max-age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }

    /// What it would send as `Cookie`.
    pub fn cookies(&self) -> String {
        let jar = self.jar.lock().expect("no test panics while it holds the jar");
        jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Forgets a cookie, or changes it.
    pub fn set_cookie(&self, name: &str, value: Option<&str>) {
        let mut jar = self.jar.lock().expect("no test panics while it holds the jar");
        match value {
            Some(value) => jar.insert(name.to_owned(), value.to_owned()),
            None => jar.remove(name),
        };
    }

    /// The names of its cookies.
    pub fn cookie_names(&self) -> Vec<String> {
        self.jar.lock().expect("no test panics while it holds the jar").keys().cloned().collect()
    }
}
