//! Webhooks.

use super::Check;
use crumb_domain::webhook_key::WebhookKey;

impl Check<'_> {
    pub(super) fn webhooks(&mut self) {
        for webhook in &self.network.webhook {
            let place = self.places.at(webhook);
            self.head(&place, webhook.id.0, &webhook.name);
            self.link(format!("{place}.url"), Some(&webhook.url));
            if webhook.events.is_empty() {
                let message = "names no event; without it the webhook is told everything, \
                               and status = \"inactive\" has it told nothing";
                self.fault(format!("{place}.events"), message);
            }
            let secret = &webhook.secret;
            if secret.env_name().is_none()
                && let Err(why) = WebhookKey::of(secret.expose())
            {
                self.fault(format!("{place}.secret"), why.to_string());
            }
        }
    }
}
