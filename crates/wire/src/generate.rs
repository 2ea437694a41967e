//! What people paste: tracking links, click pixel code, and the scripts of a
//! page's head.

use crate::percent::encode;
use crate::posting_doc::quote;
use crumb_domain::network::PriceFormat;
use crumb_domain::{AffiliateId, CreativeId, MediaTypeId, OfferContractId, SubIds};

/// What a link may say beyond whose it is and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkOptions {
    /// `p`: picks among the affiliate's campaigns; per action has no letter,
    /// since a link without `p` means it.
    pub price_format: Option<PriceFormat>,
    /// `oc`: picks among the offer's contracts.
    pub offer_contract: Option<OfferContractId>,
    /// `m`: recorded only.
    pub media_type: Option<MediaTypeId>,
}

/// A tracking link: `http://host/?a=12&c=1057&s1=…`.
pub fn tracking_link(
    base_url: &str,
    affiliate: AffiliateId,
    creative: CreativeId,
    sub_ids: &SubIds,
    options: LinkOptions,
) -> String {
    link(base_url, &affiliate.to_string(), &creative.to_string(), sub_ids, options)
}

/// The click pixel: a snippet for the top of a page's body (it works in the head
/// and at the end, too).
///
/// It loads `/?a=…&c=…&cp=js` while the page is being read, so that the global
/// `ckm_request_id` is there for every script below it; where the page is read
/// already (a tag manager put it there), it loads it beside the page. If the
/// page's own address has a request id — in a parameter `ckm_request_id`, `reqid`
/// or `request_id`, in any case; the first that is a number — it passes that on,
/// so that the visitor stays the affiliate's who sent it. Once the document is
/// ready, every empty `ckm_request_id` of `#ckm_form` has the tracker's answer,
/// or the address's own number where the tracker gave none: until an answer comes,
/// and in its place if none does. Where scripts are off, an image records the click. On a
/// page that a browser makes ready ahead, it waits until the page is shown.
pub fn click_pixel_code(
    base_url: &str,
    affiliate: AffiliateId,
    creative: CreativeId,
    sub_ids: &SubIds,
    options: LinkOptions,
) -> String {
    pixel(&link(base_url, &affiliate.to_string(), &creative.to_string(), sub_ids, options))
}

/// For a page's head: jQuery, `d.js`, and the script that puts the request id,
/// from the click pixel or else from the page's own address, into every empty
/// `ckm_request_id` of `#ckm_form`. `d.js` works without jQuery as well.
pub fn head_script(base_url: &str) -> String {
    format!("{JQUERY}\n<script src=\"{}/d.js\"></script>\n{}", quote::base(base_url), request_id_script())
}

/// jQuery from its own address, held to its published hash.
const JQUERY: &str = "<script src=\"https://code.jquery.com/jquery-3.7.1.min.js\" \
    integrity=\"sha256-/JqT3SQfawRcv/BIHPThkBvs0OEvtFFmqPF/lYI/Cxo=\" crossorigin=\"anonymous\"></script>";

/// The head's script alone, for a page that needs no `d.js`.
pub fn request_id_script() -> String {
    HEAD.replace("  //SETTLE\n", SETTLE)
}

/// As [`tracking_link`], for ids that may be placeholders.
pub(crate) fn link(
    base_url: &str,
    affiliate: &str,
    creative: &str,
    sub_ids: &SubIds,
    options: LinkOptions,
) -> String {
    let mut link = format!("{}/?a={}&c={}", quote::base(base_url), encode(affiliate), encode(creative));
    if let Some(letter) = options.price_format.and_then(PriceFormat::letter) {
        link.push_str(&format!("&p={letter}"));
    }
    if let Some(contract) = options.offer_contract {
        link.push_str(&format!("&oc={contract}"));
    }
    if let Some(media_type) = options.media_type {
        link.push_str(&format!("&m={media_type}"));
    }
    for (number, value) in (1..).zip(sub_ids.as_array()) {
        if !value.is_empty() {
            link.push_str(&format!("&s{number}={}", encode(value)));
        }
    }
    link
}

/// The pixel code of a link.
pub(crate) fn pixel(link: &str) -> String {
    PIXEL
        .replace("  //SETTLE\n", SETTLE)
        .replace("//SCRIPT_ADDRESS", &quote::js(&format!("{link}&cp=js")))
        .replace("//IMAGE_ADDRESS", &quote::html(&format!("{link}&cp=img")))
}

/// What both scripts know: the address's own request id, and how to fill it in.
/// An element named `ckm_request_id` is a global of that name, too; it is no
/// number, which is why the comparison is with 0.
///
/// The address's id may be dead, and only the tracker can tell. So an input that is
/// filled with it is marked, and gives way to an answer that comes later; the script
/// that answers knows the mark as well (`crate::script`). What somebody else has put
/// there, were it the same number, has no mark. The global is left alone while the
/// pixel waits.
const SETTLE: &str = r##"  // The request id that the page's own address carries, if it does.
  var found = /[?&](?:ckm_request_id|reqid|request_id)=([1-9][0-9]{0,15})(?![^&])/i.exec(w.location.search);
  var own = found ? found[1] : "";
  // Fills every empty ckm_request_id of the form: the tracker's answer first, else the address's own,
  // which is marked, and which an answer replaces.
  function fill() {
    var id = w.ckm_request_id > 0 ? String(w.ckm_request_id) : own;
    var inputs = d.querySelectorAll("#ckm_form input[name='ckm_request_id']");
    for (var i = 0; id && i < inputs.length; i++) {
      if (!inputs[i].value || inputs[i].value === inputs[i].ckm_from_address) {
        inputs[i].value = id;
        inputs[i].ckm_from_address = id === own ? own : "";
      }
    }
  }
  function settle() {
    if (own && !w.ckm_pixel_waits && !(w.ckm_request_id > 0)) { w.ckm_request_id = +own; }
    fill();
  }
"##;

const HEAD: &str = r#"<script>
(function (w, d) {
  //SETTLE
  // The click pixel may answer before or after the document is ready.
  d.addEventListener("DOMContentLoaded", settle);
  w.addEventListener("load", settle);
}(window, document));
</script>"#;

const PIXEL: &str = r#"<script>
(function (w, d) {
  var address = //SCRIPT_ADDRESS;
  //SETTLE
  if (own) { address += "&ckm_request_id=" + own; }
  var inserted = false;
  function insert() {
    var script = d.createElement("script");
    inserted = true;
    script.src = address;
    script.onload = script.onerror = answered;
    (d.head || d.documentElement).appendChild(script);
  }
  // The tracker has said a number, if only 0, or cannot be reached.
  function answered() {
    w.ckm_pixel_waits = false;
    settle();
  }
  // Whether the page is being read and stands right behind this script: only then may it be written to.
  function reading() {
    var node = d.currentScript;
    if (d.readyState !== "loading" || !node) { return false; }
    for (; node; node = node.parentNode) {
      if (node.nextSibling) { return false; }
    }
    return true;
  }
  function ready() {
    if (inserted) {
      fill();
    } else if (typeof w.ckm_request_id === "number") {
      answered();
    } else {
      // A browser may refuse to load what was written to the page.
      insert();
      fill();
    }
  }
  function start() {
    if (reading()) {
      d.write('<script src="' + address.replace(/&/g, "&amp;") + '"><\/script>');
    } else {
      insert();
    }
    if (d.readyState === "loading") { d.addEventListener("DOMContentLoaded", ready); }
  }
  w.ckm_pixel_waits = true;
  fill();
  // What a browser makes ready ahead is nobody's visit until it is shown.
  if (d.prerendering) {
    d.addEventListener("DOMContentLoaded", fill);
    d.addEventListener("prerenderingchange", start, { once: true });
  } else {
    start();
  }
}(window, document));
</script>
<noscript><img src="//IMAGE_ADDRESS" width="1" height="1" alt=""></noscript>"#;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: &str = "http://127.0.0.1:8080";

    fn plain() -> (AffiliateId, CreativeId, SubIds, LinkOptions) {
        (AffiliateId(12), CreativeId(1057), SubIds::default(), LinkOptions::default())
    }

    #[test]
    fn a_link_names_affiliate_and_creative_and_what_else_is_given() {
        let (affiliate, creative, none, options) = plain();
        assert_eq!(
            tracking_link(BASE, affiliate, creative, &none, options),
            "http://127.0.0.1:8080/?a=12&c=1057"
        );
        let sub_ids = SubIds::new(["site one", "a&b=c", "", "é#", ""]);
        let options = LinkOptions {
            price_format: Some(PriceFormat::Revshare),
            offer_contract: Some(OfferContractId(900)),
            media_type: Some(MediaTypeId(3)),
        };
        assert_eq!(
            tracking_link("https://trk.example/", affiliate, creative, &sub_ids, options),
            "https://trk.example/?a=12&c=1057&p=r&oc=900&m=3&s1=site%20one&s2=a%26b%3Dc&s4=%C3%A9%23"
        );
    }

    #[test]
    fn per_action_needs_no_letter() {
        let (affiliate, creative, none, _) = plain();
        let options = LinkOptions { price_format: Some(PriceFormat::Cpa), ..LinkOptions::default() };
        assert_eq!(tracking_link(BASE, affiliate, creative, &none, options), format!("{BASE}/?a=12&c=1057"));
    }

    #[test]
    fn the_pixel_code_and_the_head_script_are_what_was_agreed() {
        let (affiliate, creative, _, options) = plain();
        let sub_ids = SubIds::new(["organic", "", "", "", ""]);
        insta::assert_snapshot!("pixel", click_pixel_code(BASE, affiliate, creative, &sub_ids, options));
        insta::assert_snapshot!("head", head_script(BASE));
    }

    proptest! {
        #[test]
        fn no_base_or_sub_id_breaks_out_of_the_pixel(
            base in any::<String>(), values in prop::array::uniform5(any::<String>())
        ) {
            let (affiliate, creative, none, options) = plain();
            let sub_ids = SubIds::new(values.each_ref().map(String::as_str));
            let wild = click_pixel_code(&base, affiliate, creative, &sub_ids, options);
            let tame = click_pixel_code(BASE, affiliate, creative, &none, options);
            // Only the two addresses differ, and neither holds what ends its quotation.
            let link = link(&base, "12", "1057", &sub_ids, options);
            prop_assert!(!link.contains(['"', '\'', '<', '>', '\\', '\n', '\r', ' ']));
            let without = |code: &str, link: &str| {
                code.replace(&format!("{link}&cp=js"), "").replace(&format!("{}&amp;cp=img", quote::html(link)), "")
            };
            let tame_link = super::link(BASE, "12", "1057", &none, options);
            prop_assert_eq!(without(&wild, &link), without(&tame, &tame_link));
        }
    }
}
