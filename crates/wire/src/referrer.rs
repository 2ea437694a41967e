//! What the address of the page that a request came from says of a person.

use crate::percent;
use crate::post::mask::mask_pairs;

/// A page's address as it is kept: with the values masked of those parameters of its query
/// whose names are personal. `None` where there is nothing to mask, as in most.
///
/// The page's addresses are strangers', so a pair ends wherever one may: `&`, `;`, a `?` that
/// somebody wrote for an `&`, and the `#` of a page that keeps its own parameters behind it.
pub fn mask_referrer(address: &str, is_personal: &dyn Fn(&str) -> bool) -> Option<String> {
    // The query with its `?`, which ends a pair as any other does.
    let (page, query) = address.split_at_checked(address.find('?')?)?;
    let ends_pair = |byte| matches!(byte, b'&' | b';' | b'?' | b'#');
    let masked = mask_pairs(query.as_bytes(), ends_pair, &|name| is_personal(&percent::decode(name)));
    // Cut at letters of ASCII, a text stays a text.
    let masked = format!("{page}{}", String::from_utf8_lossy(&masked));
    (masked != address).then_some(masked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masked(address: &str) -> Option<String> {
        mask_referrer(address, &|name| name.eq_ignore_ascii_case("email_address"))
    }

    #[test]
    fn personal_values_are_masked_and_all_else_stays_as_it_was_written() {
        for (address, expected) in [
            ("https://lp.example/?email_address=a%40b.example", "https://lp.example/?email_address=***"),
            (
                "https://lp.example/?x=%20+1&EMAIL_Address=a&y",
                "https://lp.example/?x=%20+1&EMAIL_Address=***&y",
            ),
            ("https://lp.example/?email%5Faddress=a=b#top", "https://lp.example/?email%5Faddress=***#top"),
            ("https://lp.example/?x=1?email_address=a;y=2", "https://lp.example/?x=1?email_address=***;y=2"),
            ("https://lp.example/#/quote?email_address=a", "https://lp.example/#/quote?email_address=***"),
            ("https://lp.example/?x=1#email_address=a", "https://lp.example/?x=1#email_address=***"),
            ("?email_address=\u{e9}&\u{e9}=\u{e9}", "?email_address=***&\u{e9}=\u{e9}"),
        ] {
            assert_eq!(masked(address).as_deref(), Some(expected));
        }
    }

    #[test]
    fn an_address_that_says_nothing_of_anybody_is_left_alone() {
        for address in [
            "",
            "https://lp.example/email_address=a",
            "https://lp.example/?",
            "https://lp.example/?email_address=&x=1",
        ] {
            assert_eq!(masked(address), None, "{address}");
        }
    }

    proptest! {
        #[test]
        fn no_personal_value_is_kept_wherever_it_stands(
            before in "[a-z0-9=&;?#%\u{e9}]{0,40}", after in "([&;?#].{0,20})?",
        ) {
            let kept = masked(&format!("https://lp.example/?{before}&email_address=SECRET{after}"));
            prop_assert!(!kept.unwrap_or_default().contains("SECRET"));
        }
    }
}
