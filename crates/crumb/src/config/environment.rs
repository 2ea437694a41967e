//! Which of the environment's variables are ours: those of the keys. One that is
//! misspelt is refused, since the default that it was to change would hold unnoticed. One
//! that looks like none of them is somebody else's business: a script's `CRUMB_BIN`, a
//! secret that the network file names.

use super::keys::{self, KEYS, Key};
use super::values::{CLOCK_OFFSET, PREFIX};

/// What begins the value of a variable that tells where a service listens.
const ENDPOINTS: [&str; 3] = ["tcp://", "udp://", "sctp://"];

/// Letters in which a variable may differ from a known one to be taken for it.
const MOST_EDITS: usize = 2;

/// What is wrong with a variable of our prefix that is no key's, if it was meant to be one.
pub fn fault(variable: &str, value: &str) -> Option<String> {
    if is_of_a_platform(variable, value) {
        return None;
    }
    let path = variable.strip_prefix(PREFIX).unwrap_or(variable);
    let of_section = path
        .split_once('_')
        .map(|(section, name)| (section.to_ascii_lowercase(), name.to_ascii_lowercase()))
        .filter(|(section, _)| keys::is_section(section) && path == path.to_ascii_uppercase());
    match (of_section, nearest(variable)) {
        (Some((section, name)), Some(known)) => {
            Some(format!("{variable}: unknown key {section}.{name}; did you mean {known}?"))
        }
        (Some((section, name)), None) => {
            Some(format!("{variable}: unknown key {section}.{name}; `crumb config default` lists all"))
        }
        (None, Some(known)) => Some(format!("{variable}: unknown variable; did you mean {known}?")),
        (None, None) => None,
    }
}

/// Whether it is what a container platform tells every container about a service named
/// crumb, or crumb and more: `CRUMB_SERVICE_HOST`, `CRUMB_SERVICE_PORT_HTTP`,
/// `CRUMB_PORT=tcp://10.0.0.7:8080`, `CRUMB_PORT_8080_TCP_ADDR`. Nobody set it, and nobody
/// can keep it from being there.
fn is_of_a_platform(variable: &str, value: &str) -> bool {
    if variable.ends_with("_SERVICE_HOST")
        || variable.ends_with("_SERVICE_PORT")
        || variable.contains("_SERVICE_PORT_")
    {
        return true;
    }
    if variable.split_once("_PORT_").is_some_and(|(_, endpoint)| is_endpoint(endpoint)) {
        return true;
    }
    // Its value tells it from a person's guess at a key, as in CRUMB_PORT=8080.
    variable.ends_with("_PORT") && ENDPOINTS.iter().any(|scheme| value.starts_with(scheme))
}

/// `8080_TCP`, `8080_TCP_PROTO`, `8080_TCP_PORT`, `8080_TCP_ADDR`.
fn is_endpoint(text: &str) -> bool {
    let mut parts = text.split('_');
    let port = parts.next().is_some_and(|port| port.parse::<u16>().is_ok());
    let protocol = matches!(parts.next(), Some("TCP" | "UDP" | "SCTP"));
    port && protocol
        && matches!(parts.next(), None | Some("PROTO" | "PORT" | "ADDR"))
        && parts.next().is_none()
}

/// The variable that was probably meant: one that begins so, where more than a section is
/// said, or one that is a few letters away.
fn nearest(variable: &str) -> Option<String> {
    let asked = variable.to_ascii_uppercase();
    let name = asked.strip_prefix(PREFIX).unwrap_or_default();
    let distance = |known: &str| {
        if name.contains('_') && known.starts_with(&format!("{asked}_")) {
            return 1;
        }
        // The difference in length is a distance, too, and is known before anything is compared.
        let longer = known.len().abs_diff(asked.len());
        if longer > MOST_EDITS { longer } else { edits(asked.as_bytes(), known.as_bytes()) }
    };
    let known = KEYS.iter().map(Key::variable).chain([CLOCK_OFFSET.to_owned()]);
    let (distance, known) =
        known.map(|known| (distance(&known), known)).min_by_key(|(distance, _)| *distance)?;
    (distance <= MOST_EDITS).then_some(known)
}

/// Letters to insert, leave out or replace (Levenshtein's distance).
fn edits(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, letter) in from.iter().enumerate() {
        let (mut diagonal, mut left) = (above, above + 1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, other) in row.iter_mut().skip(1).zip(to) {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = *cell;
            left = replaced.min(*cell + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (from, to, count) in
            [("", "", 0), ("", "ab", 2), ("ab", "", 2), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(edits(from.as_bytes(), to.as_bytes()), count, "{from} {to}");
        }
    }
}
