//! Mails to the network's own people: each new alert, to each of those who are named.
//!
//! A mail is a delivery, written with its alert, and taken to the relay, tried again and
//! parked as postbacks are. That a mail is parked is told to nobody by mail: whoever could
//! be told is whom mails do not reach.

use crate::installation::RowIds;
use crumb_domain::delivery::{Delivery, DeliveryKind, DeliveryState};
use crumb_domain::selling::{Alert, AlertCode};
use crumb_storage::alerts::AlertToldFn;
use crumb_wire::percent;
use std::fmt::Write as _;
use std::sync::Arc;

/// Tells these e-mail addresses of alerts.
pub fn alerts_by_mail(rows: Arc<RowIds>, to: Vec<String>) -> AlertToldFn {
    Arc::new(move |alert| {
        if alert.code == AlertCode::MailParked {
            return Vec::new();
        }
        to.iter().map(|to| mail(&rows, alert, to)).collect()
    })
}

fn mail(rows: &RowIds, alert: &Alert, to: &str) -> Delivery {
    let (id, name) = rows.next_named(alert.at);
    let subject = format!("Crumb: {}", alert.code.as_str());
    Delivery {
        id,
        webhook_id: format!("msg_{name}"),
        at: alert.at,
        kind: DeliveryKind::Mail,
        destination: format!("mail:{to}"),
        affiliate: None,
        campaign: None,
        offer: None,
        conversion: None,
        lead: alert.lead,
        url: format!("mailto:{to}?subject={}", percent::encode(&subject)),
        shown_url: None,
        body: Some(text(alert)),
        state: DeliveryState::Waits,
        tries: 0,
        due: alert.at,
    }
}

/// What the mail says: the alert as `crumb alerts` has it.
fn text(alert: &Alert) -> String {
    let mut text = format!("{}\r\n\r\n{}\r\n", alert.text, alert.at);
    let parts = [
        ("contract", alert.contract.map(|id| id.to_string())),
        ("buyer", alert.buyer.map(|id| id.to_string())),
        ("lead", alert.lead.map(|id| id.to_string())),
    ];
    for (name, id) in parts.into_iter().filter_map(|(name, id)| Some((name, id?))) {
        // Writing to a text cannot fail.
        let _ = write!(text, "{name} {id}\r\n");
    }
    text.push_str("\r\nWhat repeats within a minute is counted with this one: see crumb alerts.\r\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_domain::request_id::{Node, RequestIdKey, RowIdSequence};
    use crumb_domain::{BuyerId, ContractId, Timestamp};

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn mails(code: AlertCode) -> Vec<Delivery> {
        let sequence = RowIdSequence::resume(Node::new(0).unwrap(), NOW, None);
        let rows = Arc::new(RowIds::new(sequence, RequestIdKey::new(&[7; 32])));
        let to = ["ops@example.com", "boss@example.com"].map(str::to_owned).to_vec();
        alerts_by_mail(rows, to)(&Alert {
            at: NOW,
            code,
            contract: Some(ContractId(7)),
            buyer: Some(BuyerId(5)),
            lead: None,
            text: "contract 7 is switched off".to_owned(),
        })
    }

    #[test]
    fn each_of_those_who_are_named_gets_a_mail_of_its_own() {
        let mails = mails(AlertCode::ContractSwitchedOff);
        let urls: Vec<&str> = mails.iter().map(|mail| mail.url.as_str()).collect();
        let subject = "?subject=Crumb%3A%20contract_switched_off";
        assert_eq!(
            urls,
            [format!("mailto:ops@example.com{subject}"), format!("mailto:boss@example.com{subject}")]
        );
        assert!(mails.iter().all(|mail| mail.kind == DeliveryKind::Mail && mail.due == NOW));
        assert_ne!(mails[0].webhook_id, mails[1].webhook_id);
        let text = mails[0].body.as_deref().unwrap();
        assert!(text.starts_with("contract 7 is switched off\r\n\r\n2027-01-15T08:00:00Z\r\n"), "{text}");
        assert!(text.contains("\r\ncontract 7\r\nbuyer 5\r\n"), "{text}");
    }

    #[test]
    fn that_a_mail_is_parked_is_told_by_no_mail() {
        assert!(mails(AlertCode::MailParked).is_empty());
    }
}
