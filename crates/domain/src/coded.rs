//! Enums whose variants have a stable code: in the API, the store and logs.

/// An enum with a stable text per variant, both ways, and serialised as that text.
macro_rules! coded {
    ($(#[$top:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal;)* }) => {
        $(#[$top])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The stable code.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// By its stable code.
            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.as_str() == code)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let code = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                Self::from_code(&code).ok_or_else(|| {
                    let codes: Vec<_> = Self::ALL.iter().map(|one| one.as_str()).collect();
                    let codes = codes.join(", ");
                    serde::de::Error::custom(format!("no such code: {code}; expected one of {codes}"))
                })
            }
        }
    };
}
pub(crate) use coded;

#[cfg(test)]
mod tests {
    use crate::attribution::Attribution;
    use crate::lead::{LeadOutcome, LeadStatus};
    use crate::post::PostKind;
    use crate::selling::{AttemptKind, ContractResult, Phase, ReturnType};

    #[test]
    fn a_code_that_there_is_not_is_told_with_those_that_there_are() {
        let error = serde_json::from_str::<ReturnType>("\"credit\"").unwrap_err().to_string();
        let codes = "approve_for_credit, approve_to_replace, submit_for_approval";
        assert_eq!(error, format!("no such code: credit; expected one of {codes}"));
    }

    /// Each with the codes that programs of others go by, which therefore stay.
    #[test]
    fn codes_are_those_that_were_promised() {
        fn all<T: Copy>(of: &[T], code: fn(T) -> &'static str) -> Vec<&'static str> {
            of.iter().map(|one| code(*one)).collect()
        }
        assert_eq!(all(PostKind::ALL, PostKind::as_str), ["server", "browser", "session"]);
        assert_eq!(all(Attribution::ALL, Attribution::as_str), ["key", "request_id", "cookie", "internal"]);
        assert_eq!(
            all(LeadStatus::ALL, LeadStatus::as_str),
            ["sold", "unsold", "queued", "review", "scrubbed", "test", "returned", "pending_unknown"]
        );
        assert_eq!(
            all(LeadOutcome::ALL, LeadOutcome::as_str),
            [
                "sold",
                "queued",
                "no_qualified_buyers",
                "unattributed_session",
                "review",
                "thrown_out",
                "expired",
                "interrupted",
                "pending_unknown",
                "test",
                "returned",
            ]
        );
        assert_eq!(
            all(ContractResult::ALL, ContractResult::as_str),
            [
                "sold",
                "contract_inactive",
                "buyer_inactive",
                "wrong_offer",
                "affiliate_excluded",
                "upsells_not_bought",
                "lead_too_young",
                "lead_too_old",
                "schedule_closed",
                "cap_reached",
                "no_credit",
                "already_bought",
                "filter_unmatched",
                "margin_too_small",
                "ping_rejected",
                "ping_timeout",
                "ping_error",
                "post_rejected",
                "post_duplicate",
                "post_timeout",
                "post_unknown",
                "post_error",
                "outbid",
                "not_needed",
                "group_incomplete",
                "deadline",
            ]
        );
        assert_eq!(all(AttemptKind::ALL, AttemptKind::as_str)[..2], ["ping", "post"]);
        assert_eq!(
            all(Phase::ALL, Phase::as_str)[..6],
            ["resolve", "connect", "tls", "write", "head", "body"]
        );
        assert_eq!(
            all(ReturnType::ALL, ReturnType::as_str),
            ["approve_for_credit", "approve_to_replace", "submit_for_approval"]
        );
    }
}
