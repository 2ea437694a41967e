//! How a buyer's answer is read: patterns that tell a sale from a refusal, and
//! patterns that find a value in it.

/// What is wrong with a pattern of `accepted`, `rejected`, `duplicate` or `error`.
pub(super) fn pattern_fault(pattern: &str) -> Option<String> {
    let Some((kind, rest)) = pattern.split_once(':') else { return Some(unknown_pattern(pattern)) };
    match kind {
        "contains" | "equals" if rest.is_empty() => Some(format!("\"{pattern}\" looks for nothing")),
        "contains" | "equals" => None,
        "regex" => regex_fault(rest),
        "json" => path_fault(pattern, rest, json_path, "json:$.status=ok"),
        "xml" => path_fault(pattern, rest, xml_path, "xml:/result/code=0"),
        "status" => match rest.parse::<u16>() {
            Ok(100..=599) => None,
            _ => Some(format!("\"{rest}\" is no HTTP status")),
        },
        _ => Some(unknown_pattern(pattern)),
    }
}

/// What is wrong with a pattern of `price`, `redirect`, `lead_id` or `session`.
pub(super) fn token_fault(pattern: &str) -> Option<String> {
    match pattern.split_once(':') {
        Some(("regex", expression)) => regex_fault(expression).or_else(|| group_fault(expression)),
        Some(("json", path)) if json_path(path) => None,
        Some(("json", _)) => Some(format!("\"{pattern}\" is no path like \"json:$.price\"")),
        Some(("xml", path)) if xml_path(path) => None,
        Some(("xml", _)) => Some(format!("\"{pattern}\" is no path like \"xml:/result/price\"")),
        _ => Some(format!("\"{pattern}\" is none of regex:, json:, xml:")),
    }
}

fn unknown_pattern(pattern: &str) -> String {
    format!("\"{pattern}\" is none of contains:, equals:, regex:, json:, xml:, status:")
}

fn path_fault(pattern: &str, rest: &str, is_path: fn(&str) -> bool, example: &str) -> Option<String> {
    let well_formed = rest.split_once('=').is_some_and(|(path, _)| is_path(path));
    (!well_formed).then(|| format!("\"{pattern}\" is no comparison like \"{example}\""))
}

/// `$`, then `.name`, `['name']` and `[0]`.
fn json_path(path: &str) -> bool {
    let Some(mut rest) = path.strip_prefix('$') else { return false };
    while !rest.is_empty() {
        let step = if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            (end > 0).then(|| name.split_at(end).1)
        } else {
            rest.strip_prefix('[').and_then(|inner| inner.split_once(']')).and_then(|(inside, after)| {
                let is_index = !inside.is_empty() && inside.bytes().all(|b| b.is_ascii_digit());
                let is_quoted = inside.len() > 2 && inside.starts_with('\'') && inside.ends_with('\'');
                (is_index || is_quoted).then_some(after)
            })
        };
        match step {
            Some(after) => rest = after,
            None => return false,
        }
    }
    path.len() > 1
}

/// `/` and the name of each element on the way down.
fn xml_path(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|names| names.split('/').all(|name| !name.trim().is_empty()))
}

fn regex_fault(expression: &str) -> Option<String> {
    regex::Regex::new(expression).err().map(|error| {
        // The last line says what is wrong; those above it point into the text.
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("\"{expression}\" is no regular expression: {reason}")
    })
}

fn group_fault(expression: &str) -> Option<String> {
    let groups = regex::Regex::new(expression).map_or(0, |regex| regex.captures_len() - 1);
    (groups != 1).then(|| format!("\"{expression}\" has {groups} groups; the value is in exactly one"))
}
