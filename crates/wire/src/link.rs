//! Tracking links and click pixels: what a click says about itself.

use crate::input::{InputError, MAX_INPUT_BYTES, PairCount, Pairs, read_form, split_pair, split_pairs};
use crate::percent;
use crumb_domain::network::PriceFormat;
use crumb_domain::{AffiliateId, CreativeId, MediaTypeId, OfferContractId, SubIds};
use std::str::FromStr;

/// Characters kept of a device id: several times what phones' advertising ids
/// have (36 to 64).
pub const MAX_DEVICE_ID_CHARS: usize = 255;

/// A tracking link's or click pixel's parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkRequest {
    /// `a`; none where missing or malformed, [`AffiliateId::TEST`] for a test link.
    pub affiliate: Option<AffiliateId>,
    /// `c`; none where missing or malformed.
    pub creative: Option<CreativeId>,
    /// `p`: `c`, `m`, `f` or `r`; none for anything else.
    pub price_format: Option<PriceFormat>,
    /// `oc`.
    pub offer_contract: Option<OfferContractId>,
    /// `m`.
    pub media_type: Option<MediaTypeId>,
    /// `s1` to `s5`.
    pub sub_ids: SubIds,
    /// `udid`, or the older `k`, cut at [`MAX_DEVICE_ID_CHARS`].
    pub device_id: Option<String>,
    /// The target that `ckmrdr` names, unchecked: decoded where it was encoded,
    /// as sent where it was not.
    pub deep_link: Option<String>,
    /// `cp`: the click is reported by a page and redirects nobody.
    pub pixel: Option<PixelKind>,
    /// `ckm_request_id` as sent, blank included.
    pub request_id: Option<String>,
    /// All other names (lower-cased) but `ckm…`: candidates for pre-fill values.
    pub others: Vec<(String, String)>,
}

/// How a click pixel is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelKind {
    /// `cp=js`, and any value that is no other kind.
    Js,
    /// `cp=img`.
    Image,
}

/// Reads a link's query string, without its `?`, and with the `#` and what follows it where
/// a client sent that: browsers keep it to themselves, so it means nothing but in a target.
///
/// A `ckmrdr` whose value begins unencoded with `http://` or `https://` takes
/// everything to the end, whose parameters and fragment are the target's and not ours; an
/// encoded one ends at the next `&`.
pub fn parse_link(raw_query: &[u8]) -> Result<LinkRequest, InputError> {
    if raw_query.len() > MAX_INPUT_BYTES {
        return Err(InputError::TooLarge);
    }
    let (ours, target) = split_unencoded_target(raw_query);
    let mut pairs = Pairs::default();
    read_form(ours, &mut pairs, &mut PairCount::default())?;

    let mut link = LinkRequest { device_id: device_id(&pairs), deep_link: target, ..Default::default() };
    let mut sub_ids = [""; 5];
    for (name, value) in pairs.iter() {
        match name {
            "a" => link.affiliate = affiliate_id(value),
            "c" => link.creative = id(value),
            "p" => link.price_format = PriceFormat::from_letter(value),
            "oc" => link.offer_contract = id(value),
            "m" => link.media_type = id(value),
            "s1" => sub_ids[0] = value,
            "s2" => sub_ids[1] = value,
            "s3" => sub_ids[2] = value,
            "s4" => sub_ids[3] = value,
            "s5" => sub_ids[4] = value,
            "udid" | "k" => {}
            "cp" => link.pixel = Some(if value == "img" { PixelKind::Image } else { PixelKind::Js }),
            "ckmrdr" => link.deep_link = Some(value.to_owned()),
            "ckm_request_id" => link.request_id = Some(value.to_owned()),
            control if control.starts_with("ckm") => {}
            other => link.others.push((other.to_owned(), value.to_owned())),
        }
    }
    link.sub_ids = SubIds::new(sub_ids);
    link.deep_link = link.deep_link.filter(|target| !target.is_empty());
    Ok(link)
}

/// The query before an unencoded `ckmrdr`, and its target, where there is one.
fn split_unencoded_target(raw_query: &[u8]) -> (&[u8], Option<String>) {
    let before_fragment = raw_query.split(|byte| *byte == b'#').next().unwrap_or_default();
    if !before_fragment.contains(&b':') {
        return (before_fragment, None);
    }
    let mut at = 0;
    for pair in split_pairs(before_fragment) {
        let (name, value) = split_pair(pair);
        if is_unencoded_target(value) && percent::decode(name).eq_ignore_ascii_case("ckmrdr") {
            let (ours, theirs) = raw_query.split_at(at);
            return (ours, theirs.get(name.len() + 1..).map(percent::text));
        }
        at += pair.len() + 1;
    }
    (before_fragment, None)
}

fn is_unencoded_target(value: &[u8]) -> bool {
    [&b"http://"[..], b"https://"]
        .iter()
        .any(|scheme| value.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)))
}

/// An id, with blanks around it forgiven: they come from links copied by hand.
fn id<T: FromStr>(text: &str) -> Option<T> {
    text.trim().parse().ok()
}

fn affiliate_id(text: &str) -> Option<AffiliateId> {
    match text.trim() {
        "-1" => Some(AffiliateId::TEST),
        text => text.parse().ok(),
    }
}

/// `udid`, or the older `k`, cut at [`MAX_DEVICE_ID_CHARS`]; none where blank.
pub(crate) fn device_id(pairs: &Pairs) -> Option<String> {
    ["udid", "k"]
        .into_iter()
        .filter_map(|name| pairs.get(name))
        .find(|id| !id.is_empty())
        .map(|id| id.chars().take(MAX_DEVICE_ID_CHARS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::MAX_PAIRS;
    use proptest::prelude::*;

    fn link(query: &str) -> LinkRequest {
        parse_link(query.as_bytes()).unwrap()
    }

    #[test]
    fn a_link_names_affiliate_creative_contract_and_media_type() {
        let link = link("A=12&c=34&OC=5&m=6");
        assert_eq!(link.affiliate, Some(AffiliateId(12)));
        assert_eq!(link.creative, Some(CreativeId(34)));
        assert_eq!(link.offer_contract, Some(OfferContractId(5)));
        assert_eq!(link.media_type, Some(MediaTypeId(6)));
        assert_eq!(link.others, []);
    }

    #[test]
    fn missing_and_malformed_ids_are_none() {
        for query in ["", "a=&c=", "a=x&c=1x", "a=0&c=0", "a=-2&c=-1", "a=1.0&c=99999999999"] {
            let link = link(query);
            assert_eq!((link.affiliate, link.creative), (None, None), "{query}");
        }
    }

    #[test]
    fn affiliate_minus_one_is_a_test_link() {
        assert_eq!(link("a=-1&c=1").affiliate, Some(AffiliateId::TEST));
    }

    #[test]
    fn a_price_format_is_one_of_four_letters() {
        let formats =
            ["c", "m", "f", "r", "C", "x", ""].map(|letter| link(&format!("p={letter}")).price_format);
        let some = [PriceFormat::Cpc, PriceFormat::Cpm, PriceFormat::Fixed, PriceFormat::Revshare].map(Some);
        assert_eq!(formats[..4], some);
        assert_eq!(formats[4..], [None, None, None]);
    }

    #[test]
    fn sub_ids_are_cut_and_spill() {
        let link = link(&format!("s1={}&s2={}&s3=own", "a".repeat(60), "b".repeat(150)));
        assert_eq!(link.sub_ids.sub_affiliate(), Some("a".repeat(50).as_str()));
        assert_eq!(link.sub_ids.as_array()[2], format!("{}own", "b".repeat(50)));
    }

    #[test]
    fn each_sub_id_has_its_parameter() {
        let link = link("s5=e&s4=d&s3=c&s2=b&s1=a");
        assert_eq!(link.sub_ids, SubIds::new(["a", "b", "c", "d", "e"]));
        assert_eq!(link.others, []);
    }

    #[test]
    fn a_device_id_is_udid_or_the_older_k() {
        assert_eq!(link("udid=x&k=y").device_id.as_deref(), Some("x"));
        assert_eq!(link("k=y").device_id.as_deref(), Some("y"));
        assert_eq!(link("udid=&k=y").device_id.as_deref(), Some("y"));
        assert_eq!(link("udid=").device_id, None);
        assert_eq!(link("udid=x&k=y").others, []);
        let long = link(&format!("udid={}", "%C3%A9".repeat(300))).device_id.unwrap();
        assert_eq!(long.chars().count(), MAX_DEVICE_ID_CHARS);
    }

    #[test]
    fn an_unencoded_deep_link_takes_everything_after_it() {
        let link = link("a=1&c=2&ckmrdr=https://shop.example/p?x=1&a=9&s1=%20theirs&y=a+b");
        assert_eq!(link.deep_link.as_deref(), Some("https://shop.example/p?x=1&a=9&s1=%20theirs&y=a+b"));
        assert_eq!(link.affiliate, Some(AffiliateId(1)));
        assert_eq!(link.sub_ids.sub_affiliate(), None);
        assert_eq!(link.others, []);
    }

    #[test]
    fn a_fragment_is_the_unencoded_targets_or_nobodys() {
        let target = "https://shop.example/p?x=#s1#&y=2#top";
        assert_eq!(link(&format!("a=1&ckmrdr={target}")).deep_link.as_deref(), Some(target));
        let encoded = link("a=1&ckmrdr=https%3A%2F%2Fshop.example%2F%23in&s1=ours#out&s2=x");
        assert_eq!(encoded.deep_link.as_deref(), Some("https://shop.example/#in"));
        assert_eq!(encoded.sub_ids, SubIds::new(["ours", "", "", "", ""]));
        let none = link("a=1&s1=x#top&c=2&ckmrdr=https://shop.example/");
        assert_eq!((none.deep_link, none.creative, none.sub_ids.sub_affiliate()), (None, None, Some("x")));
    }

    #[test]
    fn the_deep_links_name_and_scheme_are_case_insensitive() {
        let link = link("CkmRdr=HTTP://Shop.example/&c=7");
        assert_eq!(link.deep_link.as_deref(), Some("HTTP://Shop.example/&c=7"));
        assert_eq!(link.creative, None);
    }

    #[test]
    fn an_encoded_deep_link_ends_at_the_next_ampersand() {
        let link = link("ckmrdr=https%3A%2F%2Fshop.example%2F%3Fx%3D1%26y%3D2&a=1&c=2&s1=ours");
        assert_eq!(link.deep_link.as_deref(), Some("https://shop.example/?x=1&y=2"));
        assert_eq!(link.affiliate, Some(AffiliateId(1)));
        assert_eq!(link.sub_ids.sub_affiliate(), Some("ours"));
    }

    #[test]
    fn parameters_of_an_unencoded_target_are_not_counted_as_ours() {
        let target = format!("https://shop.example/?{}", vec!["x=1"; MAX_PAIRS + 1].join("&"));
        assert_eq!(link(&format!("a=1&ckmrdr={target}")).deep_link, Some(target));
    }

    #[test]
    fn of_two_deep_links_the_first_wins() {
        let link = link("ckmrdr=https%3A%2F%2Fone.example&ckmrdr=https://two.example/&a=1");
        assert_eq!(link.deep_link.as_deref(), Some("https://one.example"));
        assert_eq!(link.affiliate, None);
    }

    #[test]
    fn a_blank_deep_link_is_none() {
        assert_eq!(link("ckmrdr=&a=1").deep_link, None);
        assert_eq!(link("a=1&ckmrdr").deep_link, None);
    }

    #[test]
    fn a_click_pixel_is_an_image_or_else_a_script() {
        let kinds = ["cp=img", "cp=js", "cp=xyz", "cp=", "a=1"].map(|query| link(query).pixel);
        let js = Some(PixelKind::Js);
        assert_eq!(kinds, [Some(PixelKind::Image), js, js, js, None]);
    }

    #[test]
    fn a_request_id_is_kept_as_sent() {
        assert_eq!(link("ckm_request_id=12x").request_id.as_deref(), Some("12x"));
        assert_eq!(link("ckm_request_id=").request_id.as_deref(), Some(""));
        assert_eq!(link("a=1").request_id, None);
    }

    #[test]
    fn other_names_but_ckm_controls_are_candidates_for_pre_fill() {
        let link = link("a=1&Email_Address=x%40y.example&ckm_test=1&CKMfoo=1&zip=12345");
        let others = [("email_address", "x@y.example"), ("zip", "12345")];
        assert_eq!(link.others, others.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_link_has_the_limits_of_any_input() {
        assert!(parse_link(&vec![b'x'; MAX_INPUT_BYTES]).is_ok());
        assert_eq!(parse_link(&vec![b'x'; MAX_INPUT_BYTES + 1]), Err(InputError::TooLarge));
        let many = vec!["x=1"; MAX_PAIRS + 1].join("&");
        assert_eq!(parse_link(many.as_bytes()), Err(InputError::TooManyPairs));
    }

    proptest! {
        #[test]
        fn any_link_is_read(raw in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(parse_link(&raw).is_ok());
        }

        #[test]
        fn an_unencoded_target_is_taken_verbatim(ours in "[a-z0-9=&]{0,40}", target in "[!-~]{0,200}") {
            let query = format!("{ours}&ckmrdr=https://{target}");
            prop_assert_eq!(link(&query).deep_link, Some(format!("https://{target}")));
        }
    }
}
