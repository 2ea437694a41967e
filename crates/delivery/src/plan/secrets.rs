//! Which parts of a delivery method are secrets.

use super::link::LinkTemplate;
use super::template::Template;
use crate::error::CompileError;
use crate::mask::Masker;
use crumb_domain::network::{DeliveryMethod, Secret, is_secret_name, secrets_in};
use crumb_wire::percent;

/// Headers whose values tell nothing and stand in answers too: they are not looked
/// for outside of their own lines.
const TELLING_NOTHING: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "content-type",
    "soapaction",
    "user-agent",
];

/// The value of a secret: itself, or what the environment has under its name.
/// `env:NAME` means that for constants of `params` too.
pub(super) fn resolve(
    text: &str,
    place: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<String, CompileError> {
    match Secret::new(text).env_name() {
        None => Ok(text.to_owned()),
        Some(name) => env(name)
            .ok_or_else(|| CompileError::new(place, format!("there is no {name} in the environment"))),
    }
}

/// What is gathered while a method is compiled.
#[derive(Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    pub(super) fn add(&mut self, secret: impl Into<String>) {
        self.0.push(secret.into());
    }

    /// A configured header. Of `Bearer abc`, `abc` alone is a secret too.
    pub(super) fn header(&mut self, name: &str, value: &Template) {
        if TELLING_NOTHING.contains(&name) {
            return;
        }
        for text in value.texts() {
            self.add(text.trim());
            if let Some((_, last)) = text.trim().rsplit_once(' ') {
                self.add(last);
            }
        }
    }

    /// A user's password; where there is none, the user is a key.
    pub(super) fn basic(&mut self, user_and_password: &str) {
        self.add(user_and_password);
        match user_and_password.split_once(':') {
            Some((key, "")) => self.add(key),
            Some((_, password)) => self.add(password),
            None => {}
        }
    }

    /// The password in a URL, and the constants of its query that are named as
    /// secrets are.
    pub(super) fn link(&mut self, link: &LinkTemplate, text: &str) {
        if let Some((user, password)) = link.user_info() {
            self.basic(&format!("{user}:{password}"));
        }
        let query = text.split_once('?').map(|(_, query)| query).unwrap_or_default();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        for (name, value) in pairs.filter(|(_, value)| !value.contains('#')) {
            if is_secret_name(name) {
                self.add(value);
                self.add(percent::decode(value.as_bytes()));
            }
        }
    }

    /// Constants of parameters and of a body that are named as secrets are.
    pub(super) fn payload(&mut self, method: &DeliveryMethod) {
        for (name, value) in &method.params {
            if is_secret_name(name) && !value.contains('#') {
                self.add(value.as_str());
            }
        }
        let templates = method.params.iter().map(|(_, value)| value).chain(&method.body);
        for template in templates {
            let found = secrets_in(template).into_iter().filter_map(|range| template.get(range));
            found.for_each(|secret| self.add(secret));
        }
    }

    pub(super) fn masker(&self) -> Result<Masker, CompileError> {
        Masker::compile(self.0.iter().map(String::as_str))
            .map_err(|_| CompileError::new("headers", "the method's secrets are too long"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::template::Language;
    use super::*;

    #[test]
    fn constants_that_are_named_as_secrets_are_found() {
        let method = serde_json::json!({ "method": "post", "params": [
            ["ApiKey", "first-one"], ["key_type", "automatic"], ["token", "#session#"], ["zip", "#zip#"],
            ["xml", "<a><Password>second-one</Password><z>#zip#</z></a>"],
        ]});
        let mut secrets = Secrets::default();
        secrets.payload(&serde_json::from_value(method).unwrap());
        assert_eq!(secrets.0, ["first-one", "second-one"]);
        for (body, found) in [
            ("<l:auth_token><![CDATA[abc def]]></l:auth_token>", "abc def"),
            ("{\"api_key\" : \"abc\", \"monkey\": \"#x#\"}", "abc"),
            ("zip=#zip#&pwd=abc&x=1", "abc"),
            ("<token>#session#</token>", ""),
        ] {
            let method = serde_json::json!({ "method": "post", "body": body });
            let mut secrets = Secrets::default();
            secrets.payload(&serde_json::from_value(method).unwrap());
            assert_eq!(secrets.0.join("|"), found, "{body}");
        }
    }

    #[test]
    fn a_password_and_a_key_in_a_link_are_found() {
        let text = "https://user:p%40ss@b.example/a?api_key=x%2Fy&zip=#zip#&token=#session#";
        let mut secrets = Secrets::default();
        secrets.link(&LinkTemplate::compile(text, "url").unwrap(), text);
        assert_eq!(secrets.0, ["user:p@ss", "p@ss", "x%2Fy", "x/y"]);
    }

    #[test]
    fn what_a_header_says_is_a_secret_and_so_is_its_last_word_alone() {
        let mut secrets = Secrets::default();
        secrets.header("authorization", &Template::compile("Bearer abc", Language::Header));
        secrets.header("x-session", &Template::compile("#session#", Language::Header));
        assert_eq!(secrets.0, ["Bearer abc", "abc"]);
    }

    #[test]
    fn a_name_of_the_environment_is_looked_up_and_named_where_it_is_missing() {
        let env = |name: &str| (name == "KEY").then(|| "abc".to_owned());
        assert_eq!(resolve("env:KEY", "auth", &env).as_deref(), Ok("abc"));
        assert_eq!(resolve("plain", "auth", &env).as_deref(), Ok("plain"));
        let error = resolve("env:GONE", "auth", &env).unwrap_err();
        assert_eq!(error.to_string(), "auth: there is no GONE in the environment");
    }
}
