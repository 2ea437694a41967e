//! What an affiliate is told of a conversion: the tokens of its postbacks and pixels.

use crate::links::{CONVERSION_TOKENS, MASK, TokenValues, source_time};
use crumb_domain::conversion::Conversion;
use crumb_domain::{CampaignId, RequestId};
use crumb_wire::escape::location;
use crumb_wire::percent;
use crumb_wire::token::{Escape, fragment_start, replace_html_tokens, replace_tokens};
use std::cell::Cell;
use std::net::IpAddr;

/// What the tokens of a conversion say.
#[derive(Clone, Copy)]
pub struct ConversionTokens<'a> {
    /// The conversion, as it stands in the books: whose it is and what it pays.
    pub conversion: &'a Conversion,
    /// Its public name.
    pub id: RequestId,
    /// The session it is credited to, and the names of the vertical's fields.
    pub credited: TokenValues<'a>,
    /// What the lead says, by field name, where the conversion is a lead.
    pub fields: &'a [(String, String)],
}

/// A postback's address with its tokens replaced, in visible ASCII only.
///
/// The marks of an unknown token are escaped: a bare one would begin a fragment, which is
/// never sent, and with it all parameters after it.
///
/// Beside it, where it holds personal data, the same with that masked: for those who may
/// not see it, as they may not see it of leads and clicks.
pub fn postback_url(template: &str, tokens: &ConversionTokens<'_>) -> (String, Option<String>) {
    let is_personal = Cell::new(false);
    let masked = |name: &str| {
        let value = tokens.lookup(name)?;
        if value.is_empty() || !tokens.is_personal(name) {
            return Some(value);
        }
        is_personal.set(true);
        Some(MASK.to_owned())
    };
    let url = filled(template, &|name| tokens.lookup(name));
    let shown = filled(template, &masked);
    (url, is_personal.get().then(|| shown.replace(&percent::encode(MASK), MASK)))
}

fn filled(template: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let url = replace_tokens(template, Escape::Url, lookup);
    let (sent, fragment) =
        url.split_at_checked(fragment_start(&url).unwrap_or(url.len())).unwrap_or((&url, ""));
    location(&(sent.replace('#', "%23") + fragment))
}

/// An HTML pixel with its tokens replaced, each escaped for where it stands.
pub fn pixel_html(template: &str, tokens: &ConversionTokens<'_>) -> String {
    replace_html_tokens(template, &|name| tokens.lookup(name))
}

impl ConversionTokens<'_> {
    /// The value of a token by its lower-cased name; `None` for an unknown one. A field
    /// that is named like another token is not to be had.
    pub fn lookup(&self, name: &str) -> Option<String> {
        let conversion = self.conversion;
        let sub_id = |index: usize| conversion.sub_ids.as_array().get(index).cloned();
        match name {
            "affid" => Some(conversion.affiliate.to_string()),
            "oid" => Some(conversion.offer.to_string()),
            "campid" => Some(conversion.campaign.as_ref().map(CampaignId::to_string).unwrap_or_default()),
            "s1" => sub_id(0),
            "s2" => sub_id(1),
            "s3" => sub_id(2),
            "s4" => sub_id(3),
            "s5" => sub_id(4),
            "udid" => Some(self.device_id().unwrap_or_default().to_owned()),
            "tid" => Some(conversion.reported.transaction_id.clone().unwrap_or_default()),
            "leadid" => Some(match conversion.lead {
                Some(lead) => lead.to_string(),
                None => self.id.to_string(),
            }),
            "price" => Some(conversion.payout.to_cents_string()),
            "ip" => Some(address(conversion.ip)),
            "sourceip" => Some(address(self.credited.session.ip)),
            "utcunixtime" => Some(conversion.at.unix_seconds().to_string()),
            "sourcedate" | "sourcetime" => Some(source_time(conversion.at)),
            other => self.credited.lookup(other).or_else(|| self.field(other)),
        }
    }

    /// Whether a token's value is a person's: a field of the lead that is not marked
    /// otherwise, or an address.
    fn is_personal(&self, name: &str) -> bool {
        match name {
            "ip" | "sourceip" => true,
            // Names of other tokens go before those of fields.
            other if self.credited.lookup(other).is_some() || CONVERSION_TOKENS.contains(&other) => false,
            other => {
                let rule = self.credited.rules.field(other);
                let is_field = rule.is_some() || self.field(other).is_some();
                is_field && rule.is_none_or(|rule| rule.is_pii())
            }
        }
    }

    /// The click's, which is what an affiliate knows; else the pixel's.
    fn device_id(&self) -> Option<&str> {
        let of_click = self.credited.session.device_id.as_deref();
        of_click.or(self.conversion.reported.device_id.as_deref())
    }

    fn field(&self, name: &str) -> Option<String> {
        let value = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        let known = || self.credited.rules.field(name).map(|_| String::new());
        value.map(|(_, value)| value.clone()).or_else(known)
    }
}

fn address(ip: Option<IpAddr>) -> String {
    ip.as_ref().map(IpAddr::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::{CLICK_TOKENS, CONVERSION_TOKENS};
    use crumb_domain::click::VisitorId;
    use crumb_domain::conversion::{ConversionDisposition, ConversionSource, Reported};
    use crumb_domain::fields::FieldRules;
    use crumb_domain::session::{Session, SessionOrigin};
    use crumb_domain::{
        AffiliateId, ConfigVersion, CreativeId, EventId, Money, OfferId, RowId, SubIds, Timestamp,
    };

    struct Case {
        session: Session,
        conversion: Conversion,
        rules: FieldRules,
        fields: Vec<(String, String)>,
    }

    impl Case {
        fn tokens(&self) -> ConversionTokens<'_> {
            let request_id: RequestId = "9007199254740991".parse().unwrap();
            ConversionTokens {
                conversion: &self.conversion,
                id: "6".parse().unwrap(),
                credited: TokenValues { session: &self.session, request_id, rules: &self.rules },
                fields: &self.fields,
            }
        }

        fn url(&self, template: &str) -> String {
            postback_url(template, &self.tokens()).0
        }

        fn shown(&self, template: &str) -> Option<String> {
            postback_url(template, &self.tokens()).1
        }
    }

    fn case() -> Case {
        let at: Timestamp = "2026-11-22T13:04:27.567Z".parse().unwrap();
        let sub_ids = SubIds::new(["a b", "#reqid#", "c&d", "", "\u{e9}"]);
        let vertical = serde_json::json!({
            "id": 1, "name": "Loans", "field": [
                { "id": 1, "name": "zip_code", "label": "Zip", "type": "string", "pii": false },
                { "id": 2, "name": "city", "label": "City", "type": "string", "pii": true },
            ],
        });
        Case {
            session: Session {
                id: RowId::from_i64(5).unwrap(),
                at: at.plus_days(-1),
                origin: SessionOrigin::Click,
                affiliate: AffiliateId(12),
                offer: OfferId(100),
                campaign: Some(CampaignId(57)),
                creative: Some(CreativeId(9)),
                offer_contract: None,
                sub_ids: sub_ids.clone(),
                device_id: Some("DEV".to_owned()),
                visitor: Some(VisitorId(77)),
                test: false,
                ip: Some([192, 0, 2, 1].into()),
                country: None,
                converted: false,
            },
            conversion: Conversion {
                id: RowId::from_i64(6).unwrap(),
                at,
                source: ConversionSource::Postback,
                event: EventId(1),
                offer: OfferId(100),
                advertiser: None,
                affiliate: AffiliateId(12),
                campaign: Some(CampaignId(57)),
                offer_contract: None,
                session: RowId::from_i64(5).unwrap(),
                lookup: None,
                lead: None,
                sub_ids,
                payout: "12.345".parse().unwrap(),
                received: "30".parse().unwrap(),
                said: false,
                disposition: ConversionDisposition::Approved,
                withheld: None,
                waits: None,
                reported: Reported { transaction_id: Some("T/1".to_owned()), ..Reported::default() },
                has_pixel: true,
                pixels_shown: false,
                test: false,
                ip: Some([198, 51, 100, 2].into()),
                revision: 0,
                config_version: ConfigVersion(1),
            },
            rules: FieldRules::compile(&serde_json::from_value(vertical).unwrap()).unwrap(),
            fields: vec![("zip_code".to_owned(), "90210".to_owned())],
        }
    }

    #[test]
    fn a_postback_says_whose_the_conversion_is() {
        assert_eq!(
            case().url("https://aff.example/p?a=#affid#&o=#oid#&m=#campid#&c=#CID#&r=#reqid#&q=#oreqid#&v=#vstid#&u=#udid#"),
            "https://aff.example/p?a=12&o=100&m=57&c=9&r=9007199254740991&q=9007199254740991&v=77&u=DEV"
        );
    }

    #[test]
    fn its_sub_ids_are_escaped_and_no_value_is_looked_at_again() {
        assert_eq!(
            case().url("https://aff.example/#s1#/p?s2=#s2#&s3=#s3#&s4=#s4#&s5=#s5#"),
            "https://aff.example/a%20b/p?s2=%23reqid%23&s3=c%26d&s4=&s5=%C3%A9"
        );
    }

    #[test]
    fn it_says_what_was_reported_from_where_and_when_and_what_the_affiliate_is_paid() {
        assert_eq!(
            case().url(
                "https://aff.example/?t=#tid#&p=#price#&ip=#ip#&s=#sourceip#&u=#utcunixtime#&d=#sourcedate#"
            ),
            "https://aff.example/?t=T%2F1&p=12.35&ip=198.51.100.2&s=192.0.2.1&u=1795352667\
             &d=2026-11-22T13%3A04%3A27.5670000"
        );
        assert_eq!(case().tokens().lookup("sourcetime"), case().tokens().lookup("sourcedate"));
    }

    #[test]
    fn a_conversion_is_named_by_its_leads_id_or_else_its_own() {
        let mut case = case();
        assert_eq!(case.url("https://aff.example/#leadid#"), "https://aff.example/6");
        case.conversion.lead = Some("C8097F17".parse().unwrap());
        assert_eq!(case.url("https://aff.example/#leadid#"), "https://aff.example/C8097F17");
    }

    #[test]
    fn the_conversion_counts_where_its_session_says_otherwise() {
        let mut case = case();
        case.conversion.affiliate = AffiliateId(13);
        case.conversion.sub_ids = SubIds::new(["posted", "", "", "", ""]);
        assert_eq!(case.url("https://aff.example/#affid#/#s1#"), "https://aff.example/13/posted");
    }

    #[test]
    fn lead_fields_are_tokens_and_one_without_a_value_becomes_empty() {
        assert_eq!(
            case().url("https://aff.example/?z=#ZIP_CODE#&c=#city#&n=#nope#"),
            "https://aff.example/?z=90210&c=&n=%23nope%23"
        );
    }

    #[test]
    fn those_who_may_not_see_a_persons_data_are_shown_the_address_without_it() {
        let mut case = case();
        case.fields
            .extend([("city", "LA"), ("gone", "x")].map(|(name, value)| (name.to_owned(), value.to_owned())));
        for (template, shown) in [
            (
                "https://aff.example/?c=#City#&t=#tid#&i=#ip#",
                Some("https://aff.example/?c=***&t=T%2F1&i=***"),
            ),
            ("https://aff.example/?g=#gone#", Some("https://aff.example/?g=***")),
            ("https://aff.example/?z=#zip_code#&s=#s1#&n=#nope#", None),
        ] {
            assert_eq!(case.shown(template).as_deref(), shown, "{template}");
        }
        case.fields.clear();
        assert_eq!(case.shown("https://aff.example/?c=#city#"), None, "there is nothing of a person");
    }

    #[test]
    fn an_unknown_token_is_sent_as_it_is_and_cuts_off_nothing_after_it() {
        assert_eq!(
            case().url("https://aff.example/#Nope#?n=#Other#&t=#tid#&u=#tid#nope#"),
            "https://aff.example/%23Nope%23?n=%23Other%23&t=T%2F1&u=T%2F1nope#"
        );
    }

    #[test]
    fn every_token_is_known_also_without_a_value() {
        let mut case = case();
        (case.session.campaign, case.session.creative, case.session.visitor) = (None, None, None);
        (case.conversion.campaign, case.session.device_id) = (None, None);
        (case.conversion.ip, case.session.ip) = (None, None);
        case.conversion.payout = Money::ZERO;
        case.conversion.reported = Reported { device_id: Some("PIX".to_owned()), ..Reported::default() };
        for name in CLICK_TOKENS.into_iter().chain(CONVERSION_TOKENS) {
            assert!(case.tokens().lookup(name).is_some(), "{name}");
        }
        assert_eq!(
            case.url("https://aff.example/?#campid##cid##vstid##tid##ip##sourceip#&p=#price#&u=#udid#"),
            "https://aff.example/?&p=0.00&u=PIX"
        );
    }

    #[test]
    fn a_pixels_tokens_are_escaped_for_where_they_stand() {
        assert_eq!(
            pixel_html(
                "<img src=\"https://aff.example/p?s=#s3#&p=#price#\" alt=\"#s3#\"><script>f('#s3#')</script>",
                &case().tokens()
            ),
            "<img src=\"https://aff.example/p?s=c%26d&p=12.35\" alt=\"c&amp;d\"><script>f('c\\u0026d')</script>"
        );
    }
}
