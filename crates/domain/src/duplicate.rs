//! When two leads are the same person's.
//!
//! A vertical names the fields whose equality makes a duplicate. The store keeps a
//! hash of their values, so that the search for an earlier lead is one look into an
//! index that holds no personal data in the clear.

use crate::fields::{FieldRules, normalised_for_comparison};
use crate::network::FieldType;
use sha2::{Digest, Sha256};

/// The SHA-256 of the values of the duplicate fields, in the vertical's order of
/// them: e-mail trimmed and lower-cased, phone digits only, others trimmed, an
/// absent one as blank. Each value comes behind its length, so that `ab` + `c` is
/// not `a` + `bc`.
///
/// `None` means no check: there are no duplicate fields, or all of them are blank,
/// which says nothing about who the person is. Names are compared without regard to
/// case; a name that is no field of the vertical counts as text.
pub fn duplicate_hash(
    duplicate_fields: &[String],
    rules: &FieldRules,
    values: &[(String, String)],
) -> Option<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut all_blank = true;
    for name in duplicate_fields {
        let field_type = rules.field(name).map_or(FieldType::String, |rule| rule.field().field_type);
        let value = values
            .iter()
            .find(|(n, _)| is_same_name(n, name))
            .map(|(_, value)| normalised_for_comparison(field_type, value))
            .unwrap_or_default();
        all_blank &= value.is_empty();
        let length = u64::try_from(value.len()).unwrap_or(u64::MAX);
        hash.update(length.to_be_bytes());
        hash.update(value.as_bytes());
    }
    if all_blank { None } else { Some(hash.finalize().into()) }
}

fn is_same_name(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Vertical;
    use proptest::prelude::*;
    use serde_json::json;

    fn rules() -> FieldRules {
        let vertical: Vertical = serde_json::from_value(json!({ "id": 1, "name": "Auto", "field": [
            { "name": "email_address", "type": "email" },
            { "name": "phone_home", "type": "phone" },
            { "name": "last_name", "type": "string" },
        ] }))
        .unwrap();
        FieldRules::compile(&vertical).unwrap()
    }

    fn hash(fields: &[&str], values: &[(&str, &str)]) -> Option<[u8; 32]> {
        let fields: Vec<String> = fields.iter().map(|name| (*name).to_owned()).collect();
        let values: Vec<(String, String)> =
            values.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        duplicate_hash(&fields, &rules(), &values)
    }

    #[test]
    fn equal_normalised_values_are_the_same_person() {
        let email = |value| hash(&["email_address"], &[("email_address", value)]).unwrap();
        assert_eq!(email("jo@example.com"), email(" Jo@EXAMPLE.com "));
        assert_ne!(email("jo@example.com"), email("joe@example.com"));
        let phone = |value| hash(&["phone_home"], &[("phone_home", value)]).unwrap();
        assert_eq!(phone("(555) 123-4567"), phone("555.123.4567"));
        assert_ne!(phone("5551234567"), phone("5551234568"));
        let name = |value| hash(&["last_name"], &[("last_name", value)]).unwrap();
        assert_eq!(name("Doe "), name("Doe"));
        assert_ne!(name("Doe"), name("doe"), "only e-mail is compared without regard to case");
    }

    #[test]
    fn only_the_duplicate_fields_count() {
        let one = hash(&["email_address"], &[("email_address", "a@b.co"), ("last_name", "Doe")]);
        let other = hash(&["EMAIL_ADDRESS"], &[("last_name", "Roe"), ("email_address", "a@b.co")]);
        assert_eq!(one, other);
        // Names of fields are read as posts are: also beyond ASCII, where one may be written
        // with a letter that only its lower case tells to be the same (the Kelvin sign).
        for (field, name) in [("État", "éTAT"), ("k", "\u{212a}")] {
            assert!(hash(&[field], &[(name, "x")]).is_some(), "{field} {name}");
        }
        assert_eq!(hash(&["État"], &[("Étage", "x")]), None);
    }

    #[test]
    fn values_do_not_run_into_each_other() {
        let both = ["last_name", "email_address"];
        assert_ne!(
            hash(&both, &[("last_name", "ab"), ("email_address", "c")]),
            hash(&both, &[("last_name", "a"), ("email_address", "bc")])
        );
        assert_ne!(hash(&both, &[("last_name", "a")]), hash(&both, &[("email_address", "a")]));
    }

    #[test]
    fn there_is_no_check_without_fields_or_values() {
        assert_eq!(hash(&[], &[("email_address", "a@b.co")]), None);
        assert_eq!(
            hash(&["email_address", "phone_home"], &[("email_address", " "), ("phone_home", "-")]),
            None
        );
        assert!(hash(&["email_address", "phone_home"], &[("phone_home", "5551234567")]).is_some());
    }

    proptest! {
        #[test]
        fn case_and_space_of_an_email_and_punctuation_of_a_phone_make_no_other_person(
            local in "[a-zA-Z0-9]{1,10}", digits in "[0-9]{7,15}", space in "[ \t]{0,3}", at in 0usize..=7,
        ) {
            let fields = ["email_address", "phone_home"];
            let plain_email = format!("{local}@example.com");
            let plain = hash(&fields, &[("email_address", &plain_email), ("phone_home", &digits)]);
            let email = format!("{space}{}@EXAMPLE.com{space}", local.to_uppercase());
            let (head, tail) = digits.split_at(at);
            let phone = format!("+({head}) {space}-{tail}");
            let other = hash(&fields, &[("email_address", &email), ("phone_home", &phone)]);
            prop_assert_eq!(plain, other);
        }

        #[test]
        fn any_values_can_be_hashed(a in ".*", b in ".*") {
            let hashed = hash(&["last_name", "email_address"], &[("last_name", &a), ("email_address", &b)]);
            prop_assert_eq!(hashed.is_none(), a.trim().is_empty() && b.trim().is_empty());
        }
    }
}
