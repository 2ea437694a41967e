//! The table of runs.

use crate::bench::figures::{Latency, met, mib, middle, middle_number};
use std::fmt::Write as _;

/// What selling a lead may take beyond its buyers' time, in microseconds, of 99 in 100.
const MOST_OWN_MICROS: u32 = 10_000;

/// One run of one server.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// From the moment at which a post was due to its answer.
    pub answer: Latency,
    /// Of that, what was not the buyers' time.
    pub own: Latency,
    /// Microseconds of the server's processor time for each lead.
    pub processor_micros: Option<f64>,
    /// The most memory that was resident.
    pub peak_kib: Option<u64>,
}

impl Run {
    fn middle_of(runs: &[Self]) -> Self {
        let latency = |of: fn(&Self) -> Latency| {
            let middle = |figure: fn(Latency) -> u32| {
                middle(runs.iter().map(|run| figure(of(run))).collect()).unwrap_or_default()
            };
            Latency { p50: middle(|l| l.p50), p99: middle(|l| l.p99), p999: middle(|l| l.p999) }
        };
        Self {
            answer: latency(|run| run.answer),
            own: latency(|run| run.own),
            processor_micros: middle_number(runs.iter().filter_map(|run| run.processor_micros)),
            peak_kib: runs.iter().filter_map(|run| run.peak_kib).max(),
        }
    }
}

/// The servers side by side; the first is the one that has an aim.
pub fn table(title: &str, servers: &[(&str, Vec<Run>)]) -> String {
    let mut text = format!(
        "\n{title}\n{:<12}{:>9}{:>9}{:>10}{:>11}{:>11}{:>12}{:>9}{:>10}\n",
        "server", "p50 ms", "p99 ms", "p99.9 ms", "own p50", "own p99", "own p99.9", "cpu us", "peak MiB"
    );
    let millis = |micros: u32| format!("{:.2}", f64::from(micros) / 1_000.0);
    for (name, runs) in servers {
        let Run { answer, own, processor_micros, peak_kib } = Run::middle_of(runs);
        let _ = writeln!(
            text,
            "{name:<12}{:>9}{:>9}{:>10}{:>11}{:>11}{:>12}{:>9}{:>10}",
            millis(answer.p50),
            millis(answer.p99),
            millis(answer.p999),
            millis(own.p50),
            millis(own.p99),
            millis(own.p999),
            processor_micros.map_or_else(|| "-".to_owned(), |micros| format!("{micros:.0}")),
            peak_kib.map_or_else(|| "-".to_owned(), mib),
        );
    }
    text += "own: the answer's time without what the buyers themselves took, by their own record:\n\
             the slowest of the pings, and each post\n";
    if let Some((name, runs)) = servers.first() {
        let own = Run::middle_of(runs).own.p99;
        let aim = MOST_OWN_MICROS / 1_000;
        let _ = writeln!(text, "aim: own p99 of {name} under {aim} ms: {}", met(own < MOST_OWN_MICROS));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(own: u32) -> Run {
        let answer = Latency { p50: 45_000, p99: own + 41_000, p999: 60_000 };
        let own = Latency { p50: 4_000, p99: own, p999: 15_000 };
        Run { answer, own, processor_micros: Some(900.4), peak_kib: Some(2_048) }
    }

    #[test]
    fn the_table_tells_the_middle_run_and_whether_the_aim_was_met() {
        let text = table("selling", &[("crumb", vec![run(30_000), run(9_999), run(8_000)])]);
        let row: Vec<&str> =
            text.lines().find(|line| line.starts_with("crumb")).unwrap().split_whitespace().collect();
        assert_eq!(row, ["crumb", "45.00", "51.00", "60.00", "4.00", "10.00", "15.00", "900", "2.0"]);
        assert!(text.ends_with("under 10 ms: met\n"), "{text}");
        let missed = table("selling", &[("crumb", vec![run(10_000)])]);
        assert!(missed.ends_with("under 10 ms: missed\n"), "{missed}");
    }
}
