//! Answers to conversion pixels: to servers a `<result>`, to browsers content of the kind
//! that they asked for, which carries the affiliate's own HTML pixels where it can.
//!
//! An HTML pixel is an affiliate's code on an advertiser's page, seen from the tracking
//! domain, so it runs in a frame that is sandboxed: it may run scripts and load images
//! and frames, which is what pixels do. `allow-same-origin` is deliberately absent: with
//! it the code would be of the origin that shows it, the tracking domain's in the page
//! and the advertiser's in the script, could read what is there and take its own sandbox
//! off. Cookies of the hosts that it calls are still sent with its requests.

use super::{HTML, PIXEL_GIF, ajax, document};
use crate::script::JAVASCRIPT;
use bytes::Bytes;
use crumb_domain::conversion::ConversionSource;
use crumb_domain::pixel::PixelDisposition;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The answer to a call of `p.ashx`. Whoever sends it adds `Cache-Control: no-store`,
/// and to one that says to come again `Retry-After`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PixelAnswer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The body, an image's too.
    pub body: Bytes,
}

/// What a sandboxed pixel may do; see the module for what it may not.
const SANDBOX: &str = "allow-scripts";

/// What became of a call, in the form in which it was made. `html_pixels` are the
/// affiliate's, their tokens replaced, to be shown by the two forms that can, whatever
/// the disposition: a duplicate shows those of the conversion that came first by a
/// server's call. An image and a postback have nobody to show them to.
pub fn render_pixel(
    form: ConversionSource,
    disposition: PixelDisposition,
    html_pixels: &[String],
) -> PixelAnswer {
    match form {
        ConversionSource::Postback => postback((!disposition.is_success()).then(|| disposition.as_str())),
        ConversionSource::Image => ok(IMAGE, Bytes::from_static(PIXEL_GIF)),
        ConversionSource::Script => ok(JAVASCRIPT, script(disposition, html_pixels)),
        ConversionSource::Iframe | ConversionSource::Lead | ConversionSource::Import => {
            let frames = html! {
                @for pixel in html_pixels { iframe sandbox=(SANDBOX) srcdoc=(pixel) hidden {} }
            };
            ok(HTML, page(note(disposition), &frames))
        }
    }
}

/// 503 in a call's own form, while the store takes no writes: nothing that it says can be
/// taken for a success. An image says nothing, and is one all the same: its status tells.
pub fn unavailable_pixel(form: ConversionSource) -> PixelAnswer {
    const TEXT: &str = "Temporarily unavailable";
    let answer = match form {
        ConversionSource::Postback => postback(Some(TEXT)),
        ConversionSource::Image => ok(IMAGE, Bytes::from_static(PIXEL_GIF)),
        ConversionSource::Script => ok(JAVASCRIPT, format!("// {TEXT}\n")),
        ConversionSource::Iframe | ConversionSource::Lead | ConversionSource::Import => {
            ok(HTML, page(Some(TEXT), &html! {}))
        }
    };
    PixelAnswer { status: 503, ..answer }
}

const IMAGE: &str = "image/gif";

/// `SUCCESS` in capitals, unlike a lead post's `success`: that is the dialect's.
fn postback(error: Option<&str>) -> PixelAnswer {
    let mut body = document::begin();
    match error {
        None => {
            document::element(&mut body, "code", "0");
            document::element(&mut body, "msg", "SUCCESS");
        }
        Some(error) => {
            document::element(&mut body, "code", "1");
            document::element(&mut body, "msg", "ERROR");
            document::errors(&mut body, std::iter::once(error));
        }
    }
    body.push_str("</result>");
    ok("text/xml; charset=utf-8", body)
}

fn script(disposition: PixelDisposition, html_pixels: &[String]) -> String {
    let mut script = note(disposition).map(|note| format!("// {note}\n")).unwrap_or_default();
    if html_pixels.is_empty() {
        return script;
    }
    script.push_str(SHOW);
    for pixel in html_pixels {
        script.push_str("  show(");
        script.push_str(&ajax::script_safe(&ajax::json_text(pixel)));
        script.push_str(");\n");
    }
    script.push_str("})();\n");
    script
}

/// Begins the one function of a script that shows pixels. The script may stand in a
/// page's head, before there is a body.
const SHOW: &str = r#"(function () {
  function show(html) {
    var frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "allow-scripts");
    frame.setAttribute("srcdoc", html);
    frame.setAttribute("hidden", "");
    frame.style.display = "none";
    (document.body || document.documentElement).appendChild(frame);
  }
"#;

/// What a tester who looks at the source reads where a call was no success.
fn note(disposition: PixelDisposition) -> Option<&'static str> {
    (!disposition.is_success()).then(|| disposition.as_str())
}

fn page(note: Option<&'static str>, frames: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="robots" content="noindex";
                title { "Pixel" }
            }
            body {
                // Only our own words, none of which can end a comment.
                @if let Some(note) = note { (PreEscaped(format!("<!-- {note} -->"))) }
                (frames)
            }
        }
    };
    page.into_string()
}

fn ok(content_type: &'static str, body: impl Into<Bytes>) -> PixelAnswer {
    PixelAnswer { status: 200, content_type, body: body.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use proptest::prelude::*;

    const FORMS: [ConversionSource; 4] = [
        ConversionSource::Iframe,
        ConversionSource::Script,
        ConversionSource::Image,
        ConversionSource::Postback,
    ];

    fn text(answer: &PixelAnswer) -> &str {
        std::str::from_utf8(&answer.body).unwrap()
    }

    fn pixels() -> Vec<String> {
        vec![
            "<img src=\"https://aff.example/p?t=1&amp;s=2\" alt=''>".to_owned(),
            "<script>document.write('<!-- é -->')</script>\u{2028}\\".to_owned(),
        ]
    }

    #[test]
    fn a_postback_is_answered_success_in_xml() {
        for disposition in [PixelDisposition::Ok, PixelDisposition::OverCap] {
            let answer = render_pixel(ConversionSource::Postback, disposition, &pixels());
            assert_eq!((answer.status, answer.content_type), (200, "text/xml; charset=utf-8"));
            assert_eq!(
                text(&answer),
                "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
                 <result><code>0</code><msg>SUCCESS</msg></result>"
            );
        }
    }

    #[test]
    fn a_postback_that_is_no_success_is_told_the_reason() {
        use PixelDisposition::{
            ClickExpired, DuplicateConversion, InvalidEvent, InvalidOffer, InvalidRequestId,
            InvalidSignature, NotWhitelisted,
        };
        for (disposition, reason) in [
            (InvalidRequestId, "Invalid Request ID"),
            (InvalidOffer, "Invalid Offer"),
            (InvalidEvent, "Invalid Event"),
            (DuplicateConversion, "Duplicate Conversion"),
            (ClickExpired, "Click Expired"),
            (NotWhitelisted, "Not Whitelisted"),
            (InvalidSignature, "Invalid Signature"),
        ] {
            let answer = render_pixel(ConversionSource::Postback, disposition, &[]);
            assert_eq!((answer.status, answer.content_type), (200, "text/xml; charset=utf-8"));
            assert_eq!(
                text(&answer),
                format!(
                    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
                     <result><code>1</code><msg>ERROR</msg><errors><error>{reason}</error></errors></result>"
                )
            );
        }
    }

    #[test]
    fn an_image_is_a_gif_whatever_became_of_the_call() {
        for disposition in [PixelDisposition::Ok, PixelDisposition::InvalidOffer] {
            let answer = render_pixel(ConversionSource::Image, disposition, &pixels());
            assert_eq!((answer.status, answer.content_type), (200, "image/gif"));
            assert_eq!(&answer.body[..], PIXEL_GIF);
        }
    }

    #[test]
    fn a_script_shows_each_html_pixel_in_a_hidden_sandboxed_frame() {
        let answer = render_pixel(ConversionSource::Script, PixelDisposition::Ok, &pixels());
        assert_eq!((answer.status, answer.content_type), (200, "application/javascript; charset=utf-8"));
        assert_snapshot!(text(&answer));
    }

    #[test]
    fn a_script_without_pixels_does_nothing_and_one_of_no_success_says_why_in_a_comment() {
        let body = |disposition| text(&render_pixel(ConversionSource::Script, disposition, &[])).to_owned();
        assert_eq!(body(PixelDisposition::Ok), "");
        assert_eq!(body(PixelDisposition::InvalidRequestId), "// Invalid Request ID\n");
    }

    #[test]
    fn a_duplicate_shows_the_pixels_that_were_not_shown_yet() {
        let duplicate =
            |form| text(&render_pixel(form, PixelDisposition::DuplicateConversion, &pixels())).to_owned();
        let script = duplicate(ConversionSource::Script);
        assert!(script.starts_with("// Duplicate Conversion\n(function"), "{script}");
        assert_eq!(script.matches("  show(\"").count(), 2);
        let page = duplicate(ConversionSource::Iframe);
        assert!(page.contains("<!-- Duplicate Conversion -->"), "{page}");
        assert_eq!(page.matches("<iframe ").count(), 2);
    }

    #[test]
    fn a_page_shows_each_html_pixel_in_a_hidden_sandboxed_frame() {
        let answer = render_pixel(ConversionSource::Iframe, PixelDisposition::Ok, &pixels());
        assert_eq!((answer.status, answer.content_type), (200, "text/html; charset=utf-8"));
        assert_snapshot!(text(&answer));
    }

    #[test]
    fn a_page_of_no_success_says_why_in_a_comment() {
        assert_snapshot!(text(&render_pixel(ConversionSource::Iframe, PixelDisposition::ClickExpired, &[])));
    }

    #[test]
    fn a_pixel_is_never_of_the_origin_that_shows_it() {
        for form in FORMS {
            let answer = render_pixel(form, PixelDisposition::Ok, &pixels());
            assert!(!String::from_utf8_lossy(&answer.body).contains("allow-same-origin"), "{form:?}");
        }
    }

    #[test]
    fn while_the_store_is_down_each_form_is_answered_503_in_its_type_and_nothing_says_success() {
        for form in FORMS {
            let answer = unavailable_pixel(form);
            assert_eq!(answer.status, 503);
            assert_eq!(
                answer.content_type,
                render_pixel(form, PixelDisposition::Ok, &[]).content_type,
                "{form:?}"
            );
            let body = String::from_utf8_lossy(&answer.body).to_lowercase();
            assert!(!body.contains("success"), "{form:?}");
        }
        assert_eq!(unavailable_pixel(ConversionSource::Image).body, PIXEL_GIF);
        assert_eq!(
            text(&unavailable_pixel(ConversionSource::Postback)),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
             <result><code>1</code><msg>ERROR</msg><errors><error>Temporarily unavailable</error></errors></result>"
        );
        assert_eq!(text(&unavailable_pixel(ConversionSource::Script)), "// Temporarily unavailable\n");
    }

    proptest! {
        #[test]
        fn no_pixel_breaks_out_of_the_script_that_shows_it(pixel in "(</script>|<!--|[\"'\\\\\r\n\u{2028}]|.){0,40}") {
            let answer = render_pixel(ConversionSource::Script, PixelDisposition::Ok, std::slice::from_ref(&pixel));
            let body = text(&answer);
            prop_assert!(body.is_ascii() && !body.contains('<'));
            let shown = body.strip_prefix(SHOW).unwrap().strip_suffix(");\n})();\n").unwrap();
            let literal = shown.strip_prefix("  show(").unwrap();
            prop_assert_eq!(literal.lines().count(), 1);
            prop_assert_eq!(serde_json::from_str::<String>(literal).unwrap(), pixel);
        }

        #[test]
        fn no_pixel_breaks_out_of_its_attribute(pixel in "(\"|'|<|>|&|</iframe>|.){0,40}") {
            let answer = render_pixel(ConversionSource::Iframe, PixelDisposition::Ok, std::slice::from_ref(&pixel));
            let (_, after) = text(&answer).split_once("srcdoc=\"").unwrap();
            let (value, rest) = after.split_once('"').unwrap();
            prop_assert_eq!(rest, " hidden></iframe></body></html>");
            prop_assert_eq!(quick_xml::escape::unescape(value).unwrap(), pixel);
        }
    }
}
