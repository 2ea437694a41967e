//! What is counted of the outbox. Receivers are no labels: there may be any number of them.

use super::counters;
use crumb_domain::Timestamp;
use crumb_domain::delivery::DeliveryKind;
use crumb_outbox::AttemptEnd;
use crumb_storage::outbox::WaitingDeliveries;
use prometheus::{Error, IntCounter, IntGauge, Registry};

/// What waits at the moment at which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxStands {
    /// How many deliveries.
    pub waiting: u64,
    /// For how long the oldest of them does, in seconds.
    pub oldest_seconds: u64,
}

impl OutboxStands {
    /// What the store knows, as it stands now.
    pub fn new(waiting: WaitingDeliveries, now: Timestamp) -> Self {
        let micros = waiting.oldest.map_or(0, |oldest| now.micros().saturating_sub(oldest.micros()));
        Self { waiting: waiting.count, oldest_seconds: u64::try_from(micros).unwrap_or(0) / 1_000_000 }
    }
}

/// The series of the outbox.
pub(super) struct OutboxMetrics {
    attempts: Vec<(DeliveryKind, AttemptEnd, IntCounter)>,
    /// What is asked for when somebody looks, and is left out where it is not known.
    standing: Registry,
    waiting: IntGauge,
    oldest_seconds: IntGauge,
}

impl OutboxMetrics {
    /// All series, at 0.
    pub fn new(registry: &Registry) -> Result<Self, Error> {
        let family = counters(
            registry,
            "crumb_delivery_attempts_total",
            "Attempts to deliver postbacks, webhooks and mails that ended, by how they did.",
            &["kind", "outcome"],
        )?;
        let mut attempts = Vec::new();
        for kind in DeliveryKind::ALL {
            for end in AttemptEnd::ALL {
                let series = family.get_metric_with_label_values(&[kind.as_str(), end.as_str()])?;
                attempts.push((*kind, end, series));
            }
        }
        let standing = Registry::new();
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            standing.register(Box::new(gauge.clone()))?;
            Ok::<_, Error>(gauge)
        };
        Ok(Self {
            attempts,
            waiting: gauge("crumb_deliveries_waiting", "Postbacks, webhooks and mails that wait.")?,
            oldest_seconds: gauge(
                "crumb_deliveries_oldest_seconds",
                "For how long the oldest of those that wait does.",
            )?,
            standing,
        })
    }

    /// An attempt ended.
    pub fn attempted(&self, kind: DeliveryKind, end: AttemptEnd) {
        if let Some((_, _, count)) = self.attempts.iter().find(|(k, e, _)| (*k, *e) == (kind, end)) {
            count.inc();
        }
    }

    /// What stands now, as series.
    pub fn gather(&self, stands: OutboxStands) -> Vec<prometheus::proto::MetricFamily> {
        self.waiting.set(i64::try_from(stands.waiting).unwrap_or(i64::MAX));
        self.oldest_seconds.set(i64::try_from(stands.oldest_seconds).unwrap_or(i64::MAX));
        self.standing.gather()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Metrics, SellingStands};
    use crumb_outbox::OutboxObserver as _;

    #[test]
    fn attempts_are_counted_by_how_they_ended_and_what_is_parked_is_an_alert() {
        let metrics = Metrics::new().unwrap();
        metrics.attempted(DeliveryKind::Postback, AttemptEnd::Failed);
        metrics.attempted(DeliveryKind::Postback, AttemptEnd::Failed);
        metrics.attempted(DeliveryKind::Webhook, AttemptEnd::Parked);
        metrics.attempted(DeliveryKind::Mail, AttemptEnd::Parked);
        let text = metrics.text(None).unwrap();
        for line in [
            "crumb_delivery_attempts_total{kind=\"postback\",outcome=\"failed\"} 2",
            "crumb_delivery_attempts_total{kind=\"webhook\",outcome=\"parked\"} 1",
            "crumb_delivery_attempts_total{kind=\"postback\",outcome=\"delivered\"} 0",
            "crumb_selling_alerts_total{alert=\"delivery_parked\"} 1",
            "crumb_selling_alerts_total{alert=\"mail_parked\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("crumb_deliveries_waiting"), "it is not known");
    }

    #[test]
    fn what_waits_is_shown_with_its_age() {
        let now = Timestamp::from_micros(100_000_000);
        let oldest = Some(Timestamp::from_micros(9_500_000));
        let outbox = OutboxStands::new(WaitingDeliveries { count: 3, oldest }, now);
        let text =
            Metrics::new().unwrap().text(Some(SellingStands { outbox, ..Default::default() })).unwrap();
        for line in ["crumb_deliveries_waiting 3", "crumb_deliveries_oldest_seconds 90"] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        let ahead = WaitingDeliveries { count: 1, oldest: Some(now.plus_seconds(5)) };
        assert_eq!(OutboxStands::new(ahead, now).oldest_seconds, 0, "the clock was put back");
    }
}
