//! What `/metrics` shows.
//!
//! Every series is made when the server starts, so that a count that is still 0
//! is shown as 0, and counting is one atomic addition on the hot paths. Labels
//! take only values known when compiled: nothing that strangers send can make a
//! series.

mod outbox;
mod selling;

pub use outbox::OutboxStands;
pub use selling::SellingStands;

use crumb_domain::click::Disposition;
use crumb_domain::delivery::DeliveryKind;
use crumb_domain::lead::LeadOutcome;
use crumb_domain::outcome::Problem;
use crumb_domain::pixel::PixelDisposition;
use crumb_domain::post::PostKind;
use crumb_domain::selling::{AlertCode, AttemptKind};
use crumb_intake::selling::{AskedEnd, SellingObserver};
use crumb_outbox::{AttemptEnd, OutboxObserver};
use outbox::OutboxMetrics;
use prometheus::{Encoder as _, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts};
use selling::SellingMetrics;
use std::time::Duration;

/// Statuses of the tracking listener that are counted one by one; any other is
/// counted as `other`.
const STATUSES: [u16; 17] =
    [200, 204, 206, 302, 304, 400, 404, 405, 408, 413, 414, 415, 422, 429, 431, 500, 503];

/// Upper bounds in seconds: a click is answered in about a millisecond, a sale
/// may take its whole deadline.
const LATENCY_BUCKETS: [f64; 13] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 10.0, 30.0];

/// What a request on the tracking listener was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// A tracking link or click pixel.
    Click,
    /// A lead post.
    Post,
    /// A conversion pixel.
    Pixel,
    /// An impression pixel.
    Impression,
    /// A question for a lead's price.
    Ping,
    /// The form library and its endpoints, and the scripts of direct linking.
    Form,
    /// Anything else.
    Other,
}

impl Endpoint {
    const ALL: [Endpoint; 7] =
        [Self::Click, Self::Post, Self::Pixel, Self::Impression, Self::Ping, Self::Form, Self::Other];

    fn label(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::Post => "post",
            Self::Pixel => "pixel",
            Self::Impression => "impression",
            Self::Ping => "ping",
            Self::Form => "form",
            Self::Other => "other",
        }
    }
}

/// The counters and histograms of one running server.
pub struct Metrics {
    registry: prometheus::Registry,
    clicks: Vec<(Disposition, Counted)>,
    leads: Vec<(PostKind, LeadOutcome, IntCounter)>,
    rejections: Vec<(PostKind, Problem, IntCounter)>,
    accepted_pings: IntCounter,
    refused_pings: Vec<(Problem, IntCounter)>,
    pixels: Vec<(PixelDisposition, IntCounter)>,
    answers: Vec<(u16, IntCounter)>,
    other_answers: IntCounter,
    seconds: Vec<(Endpoint, Histogram)>,
    store_write_errors: IntCounter,
    selling: SellingMetrics,
    outbox: OutboxMetrics,
}

struct Counted {
    counted: IntCounter,
    uncounted: IntCounter,
}

impl Metrics {
    /// All series, at 0.
    ///
    /// # Errors
    /// Where two series have one name: a fault of the program.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = prometheus::Registry::new();
        let clicks = counters(
            &registry,
            "crumb_clicks_total",
            "Recorded clicks; counted=\"false\" are duplicates, diverted, tests and not a person's.",
            &["disposition", "counted"],
        )?;
        let posts = counters(
            &registry,
            "crumb_posts_total",
            "Lead posts by what became of them.",
            &["kind", "outcome"],
        )?;
        let pings = counters(
            &registry,
            "crumb_pings_total",
            "Pings of sellers by what became of them; accepted were told a price.",
            &["outcome"],
        )?;
        let pixels = counters(
            &registry,
            "crumb_pixels_total",
            "Calls of the conversion pixel by what became of them.",
            &["disposition"],
        )?;
        let answers =
            counters(&registry, "crumb_answers_total", "Answers of the tracking listener.", &["status"])?;
        let seconds = HistogramVec::new(
            HistogramOpts::new("crumb_request_seconds", "Time to answer on the tracking listener.")
                .buckets(LATENCY_BUCKETS.to_vec()),
            &["endpoint"],
        )?;
        registry.register(Box::new(seconds.clone()))?;
        let store_write_errors = IntCounter::new("crumb_store_write_errors_total", "Writes that failed.")?;
        registry.register(Box::new(store_write_errors.clone()))?;
        Ok(Self {
            clicks: click_series(&clicks)?,
            leads: post_series(&posts, LeadOutcome::ALL, LeadOutcome::as_str)?,
            rejections: post_series(&posts, Problem::ALL, Problem::code)?,
            accepted_pings: pings.get_metric_with_label_values(&["accepted"])?,
            refused_pings: Problem::ALL
                .iter()
                .map(|problem| Ok((*problem, pings.get_metric_with_label_values(&[problem.code()])?)))
                .collect::<Result<_, prometheus::Error>>()?,
            pixels: PixelDisposition::ALL
                .iter()
                .map(|of| Ok((*of, pixels.get_metric_with_label_values(&[of.as_str()])?)))
                .collect::<Result<_, prometheus::Error>>()?,
            answers: STATUSES
                .iter()
                .map(|status| {
                    Ok((*status, answers.get_metric_with_label_values(&[status.to_string().as_str()])?))
                })
                .collect::<Result<_, prometheus::Error>>()?,
            other_answers: answers.get_metric_with_label_values(&["other"])?,
            seconds: Endpoint::ALL
                .iter()
                .map(|endpoint| Ok((*endpoint, seconds.get_metric_with_label_values(&[endpoint.label()])?)))
                .collect::<Result<_, prometheus::Error>>()?,
            store_write_errors,
            selling: SellingMetrics::new(&registry)?,
            outbox: OutboxMetrics::new(&registry)?,
            registry,
        })
    }

    /// A click was recorded.
    pub fn click(&self, disposition: Disposition, counted: bool) {
        if let Some((_, series)) = self.clicks.iter().find(|(of, _)| *of == disposition) {
            if counted { series.counted.inc() } else { series.uncounted.inc() }
        }
    }

    /// A post made or changed a lead.
    pub fn lead(&self, kind: PostKind, outcome: LeadOutcome) {
        if let Some((_, _, series)) = self.leads.iter().find(|(k, o, _)| (*k, *o) == (kind, outcome)) {
            series.inc();
        }
    }

    /// A post made no lead.
    pub fn rejection(&self, kind: PostKind, problem: Problem) {
        if let Some((_, _, series)) = self.rejections.iter().find(|(k, p, _)| (*k, *p) == (kind, problem)) {
            series.inc();
        }
    }

    /// A ping was told a price, or why not.
    pub fn ping(&self, refused: Option<Problem>) {
        let series = match refused {
            None => Some(&self.accepted_pings),
            Some(problem) => self.refused_pings.iter().find(|(of, _)| *of == problem).map(|(_, s)| s),
        };
        series.into_iter().for_each(IntCounter::inc);
    }

    /// The conversion pixel was called.
    pub fn pixel(&self, disposition: PixelDisposition) {
        if let Some((_, series)) = self.pixels.iter().find(|(of, _)| *of == disposition) {
            series.inc();
        }
    }

    /// The tracking listener answered.
    pub fn answered(&self, endpoint: Endpoint, status: u16, took: Duration) {
        let series =
            self.answers.iter().find(|(of, _)| *of == status).map_or(&self.other_answers, |(_, s)| s);
        series.inc();
        if let Some((_, histogram)) = self.seconds.iter().find(|(of, _)| *of == endpoint) {
            histogram.observe(took.as_secs_f64());
        }
    }

    /// A write failed; what it was about was not kept.
    pub fn store_write_failed(&self) {
        self.store_write_errors.inc();
    }

    /// All series in Prometheus's text format; what stands now, where that is known.
    ///
    /// # Errors
    /// Where a series cannot be written as text: a fault of the program.
    pub fn text(&self, stands: Option<SellingStands>) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        let mut series = self.registry.gather();
        if let Some(stands) = stands {
            series.extend(self.selling.gather(stands));
            series.extend(self.outbox.gather(stands.outbox));
        }
        prometheus::TextEncoder::new().encode(&series, &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }
}

/// What happens while leads are sold is counted as it happens.
impl SellingObserver for Metrics {
    fn asks(&self, kind: AttemptKind) {
        self.selling.asks(kind);
    }

    fn asked(&self, kind: AttemptKind, end: AskedEnd, took: Duration) {
        self.selling.asked(kind, end, took);
    }

    fn sold(&self, outcome: LeadOutcome, sales: usize, took: Duration) {
        self.selling.sold(outcome, sales, took);
    }

    fn broke_off(&self, outcome: LeadOutcome) {
        self.selling.broke_off(outcome);
    }

    fn alerted(&self, about: AlertCode) {
        self.selling.alerted(about);
    }
}

impl OutboxObserver for Metrics {
    fn attempted(&self, kind: DeliveryKind, end: AttemptEnd) {
        self.outbox.attempted(kind, end);
        if end == AttemptEnd::Parked {
            self.selling.alerted(AlertCode::parked(kind));
        }
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics(…)")
    }
}

fn counters(
    registry: &prometheus::Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    let family = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

fn click_series(family: &IntCounterVec) -> Result<Vec<(Disposition, Counted)>, prometheus::Error> {
    Disposition::ALL
        .iter()
        .map(|disposition| {
            let series = |counted| family.get_metric_with_label_values(&[disposition.as_str(), counted]);
            Ok((*disposition, Counted { counted: series("true")?, uncounted: series("false")? }))
        })
        .collect()
}

fn post_series<T: Copy>(
    family: &IntCounterVec,
    all: &[T],
    label: fn(T) -> &'static str,
) -> Result<Vec<(PostKind, T, IntCounter)>, prometheus::Error> {
    let mut series = Vec::new();
    for kind in PostKind::ALL {
        for of in all {
            let counter = family.get_metric_with_label_values(&[kind.as_str(), label(*of)])?;
            series.push((*kind, *of, counter));
        }
    }
    Ok(series)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_shown_under_its_labels() {
        let metrics = Metrics::new().unwrap();
        metrics.lead(PostKind::Server, LeadOutcome::Queued);
        metrics.rejection(PostKind::Browser, Problem::DuplicateLead);
        metrics.rejection(PostKind::Browser, Problem::DuplicateLead);
        metrics.store_write_failed();
        metrics.ping(None);
        metrics.ping(Some(Problem::NoQualifiedBuyers));
        metrics.click(Disposition::Ok, false);
        let text = metrics.text(None).unwrap();
        for line in [
            "crumb_posts_total{kind=\"server\",outcome=\"queued\"} 1",
            "crumb_posts_total{kind=\"browser\",outcome=\"duplicate_lead\"} 2",
            "crumb_clicks_total{counted=\"false\",disposition=\"ok\"} 1",
            "crumb_clicks_total{counted=\"true\",disposition=\"ok\"} 0",
            "crumb_store_write_errors_total 1",
            "crumb_pings_total{outcome=\"accepted\"} 1",
            "crumb_pings_total{outcome=\"no_qualified_buyers_found\"} 1",
            "crumb_pings_total{outcome=\"ping_expired\"} 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn every_series_and_each_of_sellings_labels_is_in_the_list() {
        let list = include_str!("../../../docs/METRICS.md");
        let text = Metrics::new().unwrap().text(Some(SellingStands::default())).unwrap();
        let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let kinds = AttemptKind::ALL.iter().map(|kind| kind.as_str());
        let ends = AskedEnd::ALL.iter().map(|end| end.as_str());
        let alerts = AlertCode::ALL.iter().map(|alert| alert.as_str());
        let all: Vec<&str> = names.chain(kinds).chain(ends).chain(alerts).collect();
        assert!(all.len() > 25, "{all:?}");
        for name in all {
            assert!(list.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn an_answer_is_counted_by_status_and_timed_by_endpoint() {
        let metrics = Metrics::new().unwrap();
        metrics.answered(Endpoint::Click, 302, Duration::from_micros(700));
        metrics.answered(Endpoint::Post, 418, Duration::from_secs(60));
        let text = metrics.text(None).unwrap();
        for line in [
            "crumb_answers_total{status=\"302\"} 1",
            "crumb_answers_total{status=\"other\"} 1",
            "crumb_request_seconds_bucket{endpoint=\"click\",le=\"0.0005\"} 0",
            "crumb_request_seconds_bucket{endpoint=\"click\",le=\"0.001\"} 1",
            "crumb_request_seconds_bucket{endpoint=\"post\",le=\"30\"} 0",
            "crumb_request_seconds_bucket{endpoint=\"post\",le=\"+Inf\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }
}
