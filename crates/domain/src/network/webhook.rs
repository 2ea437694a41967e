//! `[[webhook]]`: which of the network's own systems are told what happens.

use super::ActiveStatus;
use super::serde_forms::Secret;
use crate::WebhookId;
use serde::{Deserialize, Serialize};

/// The `[[webhook]]` table: where signed messages go, as Standard Webhooks 1.0 has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Its name.
    pub name: String,
    /// What is called, by POST; without tokens.
    pub url: String,
    /// What its messages are signed with: `whsec_` and the key as base64, or any text.
    pub secret: Secret,
    /// What it is told; everything where absent.
    #[serde(default = "all")]
    pub events: Vec<WebhookEvent>,
    /// Whether it is told anything.
    #[serde(default)]
    pub status: ActiveStatus,
}

fn all() -> Vec<WebhookEvent> {
    WebhookEvent::ALL.to_vec()
}

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// What webhooks are told of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum WebhookEvent { $($(#[$doc])* #[serde(rename = $name)] $variant,)* }

        impl WebhookEvent {
            /// All of them, in the order in which a file shows them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name: a message's `type`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

events! {
    /// A lead has buyers.
    LeadSold = "lead.sold";
    /// A post was refused, or nobody bought its lead.
    LeadRejected = "lead.rejected";
    /// A conversion is there.
    ConversionCreated = "conversion.created";
    /// A buyer gives a lead back, or asks to.
    ReturnCreated = "return.created";
    /// A cap has as many as it allows.
    CapReached = "cap.reached";
    /// A buyer's contract is switched off, by the server or by a person.
    ContractSwitchedOff = "contract.switched_off";
}
