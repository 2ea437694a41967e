//! Secrets in what is kept of an attempt.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crumb_domain::selling::MAX_KEPT_BYTES;
use crumb_wire::percent;
use crumb_wire::token::Escape;
use regex::bytes::{NoExpand, Regex, RegexBuilder};

/// What stands for a secret.
pub const MASK: &str = "********";

/// Bytes of a secret that is looked for: a shorter one would blacken half of an
/// answer, and is masked where it is configured alone.
const MIN_SEARCHED_BYTES: usize = 4;

/// Bytes that the compiled search may take: dozens of long secrets.
const MAX_COMPILED_BYTES: usize = 10 * 1024 * 1024;

/// Finds a delivery method's secrets, in each form in which they are written.
#[derive(Default)]
pub struct Masker {
    search: Option<Regex>,
}

impl std::fmt::Debug for Masker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Masker(…)")
    }
}

impl Masker {
    /// A masker of these secrets; the error is for secrets of absurd length.
    pub(crate) fn compile<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Result<Self, regex::Error> {
        let mut forms: Vec<String> = secrets
            .into_iter()
            .filter(|secret| secret.len() >= MIN_SEARCHED_BYTES)
            .flat_map(forms_of)
            .collect();
        // The longest first, so that no secret hides the rest of one that begins alike.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        if forms.is_empty() {
            return Ok(Self::default());
        }
        let expression = forms.iter().map(|form| regex::escape(form)).collect::<Vec<_>>().join("|");
        let search = RegexBuilder::new(&expression).size_limit(MAX_COMPILED_BYTES).build()?;
        Ok(Self { search: Some(search) })
    }

    /// What is kept of a request or an answer: its secrets masked, then its first
    /// [`MAX_KEPT_BYTES`], so that no half of a secret stays at the cut.
    pub fn kept(&self, bytes: &[u8]) -> Vec<u8> {
        let mut kept = match &self.search {
            Some(search) => search.replace_all(bytes, NoExpand(MASK.as_bytes())).into_owned(),
            None => bytes.to_vec(),
        };
        kept.truncate(MAX_KEPT_BYTES);
        kept
    }

    /// A text without the secrets.
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.kept(text.as_bytes())).into_owned()
    }
}

/// A secret as it is, in links and forms, in JSON, in XML, and in base64.
fn forms_of(secret: &str) -> Vec<String> {
    let escaped = |escape: Escape| {
        let mut text = String::new();
        escape.append(&mut text, secret);
        text
    };
    let form = percent::encode(secret);
    vec![
        secret.to_owned(),
        form.replace("%20", "+"),
        form,
        escaped(Escape::Json),
        escaped(Escape::Xml),
        STANDARD.encode(secret),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_secret_is_masked_in_each_form() {
        let masker = Masker::compile(["a b&\"c\"", "user:pass"]).unwrap();
        let text =
            "x a b&\"c\" a%20b%26%22c%22 a+b%26%22c%22 a b&\\\"c\\\" a b&amp;&quot;c&quot; dXNlcjpwYXNz y";
        assert_eq!(masker.text(text), "x ******** ******** ******** ******** ******** ******** y");
    }

    #[test]
    fn the_longest_secret_wins_and_the_shortest_are_not_searched() {
        let masker = Masker::compile(["abcd", "abcdefgh", "123"]).unwrap();
        assert_eq!(masker.text("abcdefgh abcd 123"), "******** ******** 123");
        assert_eq!(Masker::compile([]).unwrap().text("abcd"), "abcd");
    }

    #[test]
    fn what_is_kept_ends_after_sixty_four_kibibytes_and_with_no_half_a_secret() {
        let masker = Masker::compile(["supersecret"]).unwrap();
        let mut long = vec![b'x'; MAX_KEPT_BYTES - 5];
        long.extend_from_slice(b"supersecret and more");
        let kept = masker.kept(&long);
        assert_eq!(kept.len(), MAX_KEPT_BYTES);
        assert!(kept.ends_with(b"xx*****"));
    }

    proptest! {
        #[test]
        fn no_secret_is_left(secret in "\\PC{4,20}", before in "[a-z ]{0,10}", after in "[a-z ]{0,10}") {
            prop_assume!(!MASK.contains(&secret));
            let masked = Masker::compile([secret.as_str()]).unwrap().text(&format!("{before}{secret}{after}"));
            prop_assert!(!masked.contains(&secret) , "{}", masked);
        }
    }
}
