//! What is counted of selling. Contracts and buyers are no labels: a network has as many
//! of them as it likes, and each would be a series for all time; the API tells by contract.

use super::{OutboxStands, counters};
use crumb_domain::lead::LeadOutcome;
use crumb_domain::selling::{AlertCode, AttemptKind};
use crumb_intake::selling::{AskedEnd, SellingObserver};
use crumb_storage::selling::SellingCounts;
use prometheus::{Error, Histogram, HistogramOpts, HistogramVec, IntCounter, IntGauge, Registry};
use std::time::Duration;

/// Upper bounds in seconds of a question: buyers answer within tens of milliseconds, and
/// at the latest when their time is up, ten seconds by default.
const ASKED_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Upper bounds in seconds of a sale: some pings and posts after each other, at the latest
/// the offer's deadline; from the queue two minutes.
const SOLD_BUCKETS: [f64; 11] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 20.0, 120.0];

/// What stands at the moment at which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SellingStands {
    /// Leads and posts, as the store knows them.
    pub counts: SellingCounts,
    /// Buyers that are skipped because their answers timed out.
    pub skipped_buyers: usize,
    /// What is to be delivered.
    pub outbox: OutboxStands,
}

/// The series of selling.
pub(super) struct SellingMetrics {
    asked: Vec<(AttemptKind, AskedEnd, IntCounter)>,
    in_flight: Vec<(AttemptKind, IntGauge)>,
    asked_seconds: Vec<(AttemptKind, Histogram)>,
    sold: Vec<(LeadOutcome, IntCounter)>,
    broken_off: Vec<(LeadOutcome, IntCounter)>,
    sales: IntCounter,
    sold_seconds: Histogram,
    alerts: Vec<(AlertCode, IntCounter)>,
    /// What is asked for when somebody looks, and is left out where it is not known.
    standing: Registry,
    in_hand: IntGauge,
    waiting: IntGauge,
    held: IntGauge,
    skipped_buyers: IntGauge,
}

impl SellingMetrics {
    /// All series, at 0.
    pub fn new(registry: &Registry) -> Result<Self, Error> {
        let asked = counters(
            registry,
            "crumb_buyer_calls_total",
            "Questions to buyers that ended, by what was asked and how it ended.",
            &["kind", "outcome"],
        )?;
        let in_flight = prometheus::IntGaugeVec::new(
            prometheus::Opts::new("crumb_buyer_calls_in_flight", "Questions to buyers under way."),
            &["kind"],
        )?;
        registry.register(Box::new(in_flight.clone()))?;
        let seconds = HistogramVec::new(
            HistogramOpts::new("crumb_buyer_call_seconds", "Time of a question to a buyer, to its end.")
                .buckets(ASKED_BUCKETS.to_vec()),
            &["kind"],
        )?;
        registry.register(Box::new(seconds.clone()))?;
        let sold = counters(
            registry,
            "crumb_selling_runs_total",
            "Runs of leads through their contracts, by where the lead stood then.",
            &["outcome"],
        )?;
        let broken_off = counters(
            registry,
            "crumb_selling_broken_off_total",
            "Runs that broke off, by where the lead stood once that was ended.",
            &["outcome"],
        )?;
        let sales = IntCounter::new("crumb_sales_total", "Sales of leads to buyers, of runs that ended.")?;
        registry.register(Box::new(sales.clone()))?;
        let sold_seconds = Histogram::with_opts(
            HistogramOpts::new("crumb_selling_run_seconds", "Time of a run, its writes included.")
                .buckets(SOLD_BUCKETS.to_vec()),
        )?;
        registry.register(Box::new(sold_seconds.clone()))?;
        let alerts =
            counters(registry, "crumb_selling_alerts_total", "What a person should look at.", &["alert"])?;
        let standing = Registry::new();
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            standing.register(Box::new(gauge.clone()))?;
            Ok::<_, Error>(gauge)
        };
        Ok(Self {
            asked: asked_series(|kind, end| asked.get_metric_with_label_values(&[kind, end]))?,
            in_flight: of_kinds(|kind| in_flight.get_metric_with_label_values(&[kind]))?,
            asked_seconds: of_kinds(|kind| seconds.get_metric_with_label_values(&[kind]))?,
            sold: of_outcomes(|outcome| sold.get_metric_with_label_values(&[outcome]))?,
            broken_off: of_outcomes(|outcome| broken_off.get_metric_with_label_values(&[outcome]))?,
            sales,
            sold_seconds,
            alerts: AlertCode::ALL
                .iter()
                .map(|alert| Ok((*alert, alerts.get_metric_with_label_values(&[alert.as_str()])?)))
                .collect::<Result<_, Error>>()?,
            in_hand: gauge("crumb_leads_in_hand", "Leads that are being sold.")?,
            waiting: gauge("crumb_leads_waiting", "Leads in the queue.")?,
            held: gauge("crumb_posts_held", "Posts to buyers whose end is not known.")?,
            skipped_buyers: gauge(
                "crumb_buyers_skipped",
                "Buyers that are skipped because their last answers timed out.",
            )?,
            standing,
        })
    }

    /// What stands now, as series.
    pub fn gather(&self, stands: SellingStands) -> Vec<prometheus::proto::MetricFamily> {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.in_hand.set(number(stands.counts.in_hand));
        self.waiting.set(number(stands.counts.waiting));
        self.held.set(number(stands.counts.held));
        self.skipped_buyers.set(number(stands.skipped_buyers as u64));
        self.standing.gather()
    }
}

impl SellingObserver for SellingMetrics {
    fn asks(&self, kind: AttemptKind) {
        if let Some((_, gauge)) = self.in_flight.iter().find(|(of, _)| *of == kind) {
            gauge.inc();
        }
    }

    fn asked(&self, kind: AttemptKind, end: AskedEnd, took: Duration) {
        if let Some((_, gauge)) = self.in_flight.iter().find(|(of, _)| *of == kind) {
            gauge.dec();
        }
        if let Some((_, histogram)) = self.asked_seconds.iter().find(|(of, _)| *of == kind) {
            histogram.observe(took.as_secs_f64());
        }
        if let Some((_, _, count)) = self.asked.iter().find(|(k, e, _)| (*k, *e) == (kind, end)) {
            count.inc();
        }
    }

    fn sold(&self, outcome: LeadOutcome, sales: usize, took: Duration) {
        if let Some((_, count)) = self.sold.iter().find(|(of, _)| *of == outcome) {
            count.inc();
        }
        self.sales.inc_by(sales as u64);
        self.sold_seconds.observe(took.as_secs_f64());
    }

    fn broke_off(&self, outcome: LeadOutcome) {
        if let Some((_, count)) = self.broken_off.iter().find(|(of, _)| *of == outcome) {
            count.inc();
        }
    }

    fn alerted(&self, about: AlertCode) {
        if let Some((_, count)) = self.alerts.iter().find(|(of, _)| *of == about) {
            count.inc();
        }
    }
}

fn of_kinds<T>(series: impl Fn(&str) -> Result<T, Error>) -> Result<Vec<(AttemptKind, T)>, Error> {
    AttemptKind::ALL.iter().map(|kind| Ok((*kind, series(kind.as_str())?))).collect()
}

fn of_outcomes(
    series: impl Fn(&str) -> Result<IntCounter, Error>,
) -> Result<Vec<(LeadOutcome, IntCounter)>, Error> {
    LeadOutcome::ALL.iter().map(|outcome| Ok((*outcome, series(outcome.as_str())?))).collect()
}

fn asked_series(
    series: impl Fn(&str, &str) -> Result<IntCounter, Error>,
) -> Result<Vec<(AttemptKind, AskedEnd, IntCounter)>, Error> {
    let mut all = Vec::new();
    for kind in AttemptKind::ALL {
        for end in AskedEnd::ALL {
            all.push((*kind, end, series(kind.as_str(), end.as_str())?));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn assert_lines(text: &str, lines: &[&str]) {
        for line in lines {
            assert!(text.lines().any(|l| l == *line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_question_is_in_flight_until_it_ends_and_is_counted_by_how() {
        let metrics = Metrics::new().unwrap();
        metrics.asks(AttemptKind::Post);
        metrics.asks(AttemptKind::Post);
        metrics.asked(AttemptKind::Post, AskedEnd::UnknownEnd, Duration::from_secs(7));
        assert_lines(
            &metrics.text(None).unwrap(),
            &[
                "crumb_buyer_calls_in_flight{kind=\"post\"} 1",
                "crumb_buyer_calls_total{kind=\"post\",outcome=\"unknown_end\"} 1",
                "crumb_buyer_calls_total{kind=\"ping\",outcome=\"given_up\"} 0",
                "crumb_buyer_call_seconds_bucket{kind=\"post\",le=\"5\"} 0",
                "crumb_buyer_call_seconds_bucket{kind=\"post\",le=\"10\"} 1",
            ],
        );
    }

    #[test]
    fn a_run_is_counted_by_where_its_lead_stands_with_its_sales() {
        let metrics = Metrics::new().unwrap();
        metrics.sold(LeadOutcome::Sold, 3, Duration::from_millis(48));
        metrics.sold(LeadOutcome::PendingUnknown, 0, Duration::from_millis(48));
        metrics.broke_off(LeadOutcome::Interrupted);
        metrics.alerted(AlertCode::BuyerSkipped);
        assert_lines(
            &metrics.text(None).unwrap(),
            &[
                "crumb_selling_runs_total{outcome=\"sold\"} 1",
                "crumb_selling_runs_total{outcome=\"pending_unknown\"} 1",
                "crumb_selling_runs_total{outcome=\"queued\"} 0",
                "crumb_selling_runs_total{outcome=\"interrupted\"} 0",
                "crumb_selling_broken_off_total{outcome=\"interrupted\"} 1",
                "crumb_selling_broken_off_total{outcome=\"queued\"} 0",
                "crumb_sales_total 3",
                "crumb_selling_run_seconds_bucket{le=\"0.05\"} 2",
                "crumb_selling_alerts_total{alert=\"buyer_skipped\"} 1",
            ],
        );
    }

    #[test]
    fn what_stands_is_shown_where_it_is_known_and_left_out_where_it_is_not() {
        let metrics = Metrics::new().unwrap();
        let counts = SellingCounts { in_hand: 2, waiting: 30, held: 1 };
        let text =
            metrics.text(Some(SellingStands { counts, skipped_buyers: 4, ..Default::default() })).unwrap();
        let lines = [
            "crumb_leads_in_hand 2",
            "crumb_leads_waiting 30",
            "crumb_posts_held 1",
            "crumb_buyers_skipped 4",
        ];
        assert_lines(&text, &lines);
        assert!(!metrics.text(None).unwrap().contains("crumb_leads_waiting"));
    }
}
