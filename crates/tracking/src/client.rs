//! Who asks: what an HTTP request says about its sender.

use crate::crawlers::{BOTS, PREVIEWS};
use crumb_domain::click::{MAX_HEADER_CHARS, NonHuman};
use crumb_wire::cookie::CookieJar;
use quick_cache::sync::Cache;
use std::net::IpAddr;

/// The sender of a request, with trusted proxies already looked through.
pub struct Client {
    /// Its address.
    pub ip: IpAddr,
    /// Whether it came over https, by the listener or a trusted proxy.
    pub https: bool,
    /// `User-Agent`, cut.
    pub user_agent: String,
    /// `Referer`, cut.
    pub referrer: String,
    /// Its cookies.
    pub cookies: CookieJar,
    /// It asks for headers only.
    pub head: bool,
}

/// A header's text as it is kept: cut, and without characters that are no text.
pub fn kept_header(value: &str) -> String {
    // Without an end in between, the bytes are looked at many at a time.
    let is_plain = || value.bytes().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'));
    if value.len() <= MAX_HEADER_CHARS && is_plain() {
        return value.to_owned();
    }
    value.chars().filter(|c| !c.is_control()).take(MAX_HEADER_CHARS).collect()
}

/// Why a request is not a person's, if it is not.
pub fn non_human(user_agent: &str, head: bool) -> Option<NonHuman> {
    if head {
        return Some(NonHuman::Head);
    }
    // A maker of telephones, whose name ends as robots' names do.
    let lower = user_agent.to_ascii_lowercase().replace("cubot", "");
    if PREVIEWS.iter().any(|word| lower.contains(word)) {
        return Some(NonHuman::Preview);
    }
    let listed = BOTS.iter().any(|word| lower.contains(word));
    (listed || woothee::is_crawler(user_agent)).then_some(NonHuman::Bot)
}

/// What was found out about user agents before.
///
/// Most visitors share their browser's user agent with thousands of others, and to
/// look for a hundred words in it costs more than anything else in a click.
#[derive(Debug)]
pub struct UserAgents(Cache<String, Option<NonHuman>>);

/// User agents remembered; those asked for least are forgotten. Each is at most
/// 4 KiB, so a stranger's flood of new ones takes 16 MiB at the very most.
const MAX_USER_AGENTS: usize = 4_096;

impl UserAgents {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self(Cache::new(MAX_USER_AGENTS))
    }

    /// As [`non_human`] says, and said before.
    pub fn non_human(&self, user_agent: &str, head: bool) -> Option<NonHuman> {
        if head {
            return non_human(user_agent, head);
        }
        self.0.get(user_agent).unwrap_or_else(|| {
            let found = non_human(user_agent, head);
            self.0.insert(user_agent.to_owned(), found);
            found
        })
    }
}

impl Default for UserAgents {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crawlers_and_previews_are_told_from_people() {
        let person = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
        let google = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
        assert_eq!(non_human(person, false), None);
        assert_eq!(non_human(person, true), Some(NonHuman::Head));
        assert_eq!(non_human(google, false), Some(NonHuman::Bot));
        assert_eq!(non_human("facebookexternalhit/1.1", false), Some(NonHuman::Preview));
        assert_eq!(non_human("Slackbot-LinkExpanding 1.0", false), Some(NonHuman::Preview));
    }

    #[test]
    fn what_was_found_out_about_a_user_agent_holds_when_it_comes_again() {
        let agents = UserAgents::new();
        for _ in 0..2 {
            assert_eq!(agents.non_human("Slackbot-LinkExpanding 1.0", false), Some(NonHuman::Preview));
            assert_eq!(agents.non_human("Firefox/132.0", true), Some(NonHuman::Head));
            assert_eq!(agents.non_human("Firefox/132.0", false), None);
        }
    }

    #[test]
    fn a_maker_of_telephones_is_no_robot() {
        for agent in
            ["Dalvik/2.1.0 (Linux; U; Android 9; CUBOT)", "Mozilla/5.0 (Linux; CUBOT; X18) Chrome/120.0"]
        {
            assert_eq!(non_human(agent, false), None, "{agent}");
        }
        assert_eq!(non_human("Mozilla/5.0 (compatible; SomeBot; CUBOT)", false), Some(NonHuman::Bot));
        assert_eq!(
            non_human("Pinterest/0.2 (+https://www.pinterest.com/bot.html)", false),
            Some(NonHuman::Preview)
        );
    }

    #[test]
    fn scripts_that_post_leads_are_not_crawlers() {
        for agent in ["curl/8.5.0", "python-requests/2.32", "Java/17", ""] {
            assert_eq!(non_human(agent, false), None, "{agent}");
        }
    }

    #[test]
    fn a_kept_header_is_cut_and_has_no_control_characters() {
        assert_eq!(kept_header("a\r\nb\0c"), "abc");
        assert_eq!(kept_header(&"é".repeat(2_000)).chars().count(), MAX_HEADER_CHARS);
    }
}
