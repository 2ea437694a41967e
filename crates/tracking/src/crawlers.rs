//! The words by which programs are known that follow links: parts of their user
//! agents, in lower case.

/// Fetchers of link previews, by a part of their user agent.
pub(crate) const PREVIEWS: &[&str] = &[
    "facebookexternalhit",
    "facebookcatalog",
    "meta-externalfetcher",
    "twitterbot",
    "slackbot",
    "slack-imgproxy",
    "telegrambot",
    "whatsapp/",
    "discordbot",
    "linkedinbot",
    "skypeuripreview",
    "microsoftpreview",
    "pinterestbot",
    "pinterest/0.",
    "redditbot",
    "viber/",
    "snapchat-url-preview",
    "iframely",
    "embedly",
    "vkshare",
    "bitlybot",
    "google-pagerenderer",
    "googleimageproxy",
    "applenewsbot",
    "mattermost-bot",
    "mastodon/",
];

/// Crawlers and scripts that woothee's data, of 2021, does not have.
pub(crate) const BOTS: &[&str] = &[
    "bot/",
    "bot;",
    "bot)",
    "-bot",
    "crawler",
    "spider",
    "gptbot",
    "chatgpt-user",
    "oai-searchbot",
    "claudebot",
    "claude-user",
    "anthropic-ai",
    "perplexitybot",
    "ccbot",
    "bytespider",
    "amazonbot",
    "applebot",
    "meta-externalagent",
    "petalbot",
    "semrush",
    "ahrefs",
    "mj12bot",
    "dotbot",
    "dataforseo",
    "headlesschrome",
    "phantomjs",
    "lighthouse",
    "google-inspectiontool",
    "googleother",
    "adsbot",
    "mediapartners-google",
    "feedfetcher",
    "uptimerobot",
    "pingdom",
    "statuscake",
    "site24x7",
    "scrapy",
    "zgrab",
    "masscan",
    "nuclei",
    "censysinspect",
    "expanse",
    "archive.org_bot",
    "ia_archiver",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_in_lower_case_and_there_once() {
        let mut words: Vec<&str> = PREVIEWS.iter().chain(BOTS).copied().collect();
        assert!(words.iter().all(|word| *word == word.to_ascii_lowercase()));
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count);
    }
}
