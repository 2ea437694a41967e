//! The operators' regular expressions.

use regex::{Regex, RegexBuilder};

/// Bytes that one compiled pattern may take. Classes like `\w` hold the letters of
/// all languages, so `^[\w .'-]{1,100}$` takes about half of it; what takes more
/// repeats a repetition.
const MAX_COMPILED_BYTES: usize = 10 * 1024 * 1024;

/// Compiles a pattern. It is looked for anywhere in a value unless it says `^`
/// and `$`, and `$` is the very end: a line break behind a value is not let by.
/// The error is one line without the pattern, which the reader has before them.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(MAX_COMPILED_BYTES).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "this pattern is too large once compiled".to_owned(),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            format!("not a regular expression: {}", last.strip_prefix("error: ").unwrap_or(last))
        }
    })
}
