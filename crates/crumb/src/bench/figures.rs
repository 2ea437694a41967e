//! Figures, and the table of them.

use std::fmt::Write as _;

/// How long answers took, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    pub p50: u32,
    pub p99: u32,
    pub p999: u32,
}

impl Latency {
    /// Exact: of all answers.
    pub fn of(mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        let at = |per_mille: usize| {
            let place = (micros.len() * per_mille).div_ceil(1_000).saturating_sub(1);
            micros.get(place).copied().unwrap_or_default()
        };
        Self { p50: at(500), p99: at(990), p999: at(999) }
    }
}

/// One run of one server.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Answers a second.
    pub rate: f64,
    pub latency: Latency,
    /// What a stored row takes on the disk, where rows are stored.
    pub bytes_per_row: Option<f64>,
    /// Microseconds of processor time for each request, where that is known. Less
    /// at the mercy of what else the machine does than the rate is.
    pub processor_micros: Option<f64>,
    /// The most memory that was resident, where that is known.
    pub peak_kib: Option<u64>,
}

impl Run {
    /// The middle of several, figure by figure.
    fn middle_of(runs: &[Self]) -> Self {
        let latency = |of: fn(&Latency) -> u32| middle(runs.iter().map(|run| of(&run.latency)).collect());
        Self {
            rate: middle_number(runs.iter().map(|run| run.rate)).unwrap_or_default(),
            latency: Latency {
                p50: latency(|l| l.p50).unwrap_or_default(),
                p99: latency(|l| l.p99).unwrap_or_default(),
                p999: latency(|l| l.p999).unwrap_or_default(),
            },
            bytes_per_row: middle_number(runs.iter().filter_map(|run| run.bytes_per_row)),
            processor_micros: middle_number(runs.iter().filter_map(|run| run.processor_micros)),
            peak_kib: runs.iter().filter_map(|run| run.peak_kib).max(),
        }
    }
}

/// The middle number; of an even number of them, the upper one.
pub fn middle_number(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}

/// The middle value; of an even number, the upper one.
pub fn middle<T: Ord + Copy>(mut values: Vec<T>) -> Option<T> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// The servers side by side: a row each, of the middle of its runs, beside the one
/// that only appends and the one that stores nothing.
pub fn table(title: &str, servers: &[(&str, Vec<Run>)], append: &str, bare: &str) -> String {
    let rows: Vec<(&str, Run)> = servers.iter().map(|(name, runs)| (*name, Run::middle_of(runs))).collect();
    let rate_of = |wanted: &str| rows.iter().find(|(name, _)| *name == wanted).map(|(_, run)| run.rate);
    let ratio = |run: &Run, to: &str| match rate_of(to) {
        Some(rate) if rate > 0.0 => format!("{:.2}", run.rate / rate),
        _ => "-".to_owned(),
    };
    let mut text = format!(
        "\n{title}\n{:<18}{:>12}{:>10}{:>8}{:>9}{:>9}{:>10}{:>8}{:>11}{:>10}\n",
        "server",
        "requests/s",
        "to append",
        "to bare",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "cpu us",
        "bytes/row",
        "peak MiB"
    );
    let millis = |micros: u32| format!("{:.2}", f64::from(micros) / 1_000.0);
    for (name, run) in &rows {
        let _ = writeln!(
            text,
            "{name:<18}{:>12.0}{:>10}{:>8}{:>9}{:>9}{:>10}{:>8}{:>11}{:>10}",
            run.rate,
            ratio(run, append),
            ratio(run, bare),
            millis(run.latency.p50),
            millis(run.latency.p99),
            millis(run.latency.p999),
            run.processor_micros.map_or_else(|| "-".to_owned(), |micros| format!("{micros:.1}")),
            run.bytes_per_row.map_or_else(|| "-".to_owned(), |bytes| format!("{bytes:.0}")),
            run.peak_kib.map_or_else(|| "-".to_owned(), mib),
        );
    }
    text
}

/// Kibibytes as mebibytes.
pub fn mib(kib: u64) -> String {
    format!("{:.1}", kib as f64 / 1_024.0)
}

/// Whether an aim was met, as a word.
pub fn met(yes: bool) -> &'static str {
    if yes { "met" } else { "missed" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact() {
        let latency = Latency::of((1..=1_000).rev().collect());
        assert_eq!(latency, Latency { p50: 500, p99: 990, p999: 999 });
        assert_eq!(Latency::of(vec![7]), Latency { p50: 7, p99: 7, p999: 7 });
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }

    fn run(rate: f64) -> Run {
        Run {
            rate,
            latency: Latency { p50: 1_500, p99: 9_990, p999: 20_000 },
            bytes_per_row: None,
            processor_micros: Some(41.0),
            peak_kib: None,
        }
    }

    #[test]
    fn the_table_tells_the_middle_run_beside_the_limits() {
        let servers = [
            ("crumb", vec![run(10.0), run(80.0), run(90.0)]),
            ("append", vec![run(100.0)]),
            ("bare", vec![run(200.0)]),
        ];
        let text = table("clicks", &servers, "append", "bare");
        let row = text.lines().find(|line| line.starts_with("crumb")).unwrap();
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(words, ["crumb", "80", "0.80", "0.40", "1.50", "9.99", "20.00", "41.0", "-", "-"]);
    }
}
