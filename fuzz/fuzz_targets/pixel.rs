//! Calls of the conversion pixel, and their answers: a line of query, a line of content
//! type, and the body.
#![no_main]

use crumb_domain::Timestamp;
use crumb_domain::conversion::ConversionSource;
use crumb_domain::pixel::PixelDisposition;
use crumb_wire::answer::{render_pixel, unavailable_pixel};
use crumb_wire::input::{Given, MAX_INPUT_BYTES};
use crumb_wire::pixel::{
    MAX_AMOUNT, MAX_COUPONS, MAX_EVENT_CHARS, MAX_ORDER_LINES, PixelRequest, SignatureCheck, parse_pixel,
};
use libfuzzer_sys::fuzz_target;
use quick_xml::Reader;
use quick_xml::events::Event;

const DISPOSITIONS: [PixelDisposition; 3] =
    [PixelDisposition::Ok, PixelDisposition::InvalidRequestId, PixelDisposition::DuplicateConversion];

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let query = lines.next().unwrap_or_default();
    let content_type = lines.next().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
    let body = lines.next().unwrap_or_default();
    let Ok(pixel) = parse_pixel(query, Some((content_type, body))) else { return };
    assert!(query.len() + body.len() <= MAX_INPUT_BYTES);
    assert_eq!(parse_pixel(query, Some((content_type, body))).as_ref(), Ok(&pixel), "the same each time");
    is_bounded(&pixel);
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    let check = pixel.check_signature("nobody knows it", now);
    assert!(!matches!(check, SignatureCheck::Valid(_)));
    assert_eq!(check == SignatureCheck::Absent, pixel.signed.is_none());

    // Whoever writes pixels writes anything into them.
    let shown = [String::from_utf8_lossy(body).into_owned(), pixel.reported.user_id.unwrap_or_default()];
    for disposition in DISPOSITIONS {
        is_well_formed(pixel.form, &render_pixel(pixel.form, disposition, &shown).body);
    }
    is_well_formed(pixel.form, &unavailable_pixel(pixel.form).body);
});

fn is_bounded(pixel: &PixelRequest) {
    assert!(pixel.event.as_ref().is_none_or(|event| (1..=MAX_EVENT_CHARS).contains(&event.chars().count())));
    for amount in [pixel.received, pixel.payout] {
        if let Given::Value(amount) = amount {
            assert!(!amount.is_negative() && amount <= MAX_AMOUNT);
        }
    }
    assert!(pixel.ignored.is_sorted());
    if let Some(order) = &pixel.reported.order {
        assert!(order.lines.len() <= MAX_ORDER_LINES && order.coupons.len() <= MAX_COUPONS);
    }
}

fn is_well_formed(form: ConversionSource, body: &[u8]) {
    match form {
        ConversionSource::Postback => {
            let mut reader = Reader::from_reader(body);
            while reader.read_event().expect("well-formed") != Event::Eof {}
        }
        ConversionSource::Script => {
            assert!(body.is_ascii() && !body.contains(&b'<'), "fits a page in any encoding");
        }
        ConversionSource::Image => assert!(body.is_empty() || body.starts_with(b"GIF89a")),
        _ => {
            let page = std::str::from_utf8(body).expect("text");
            assert_eq!(page.matches("<iframe ").count(), page.matches("sandbox=\"allow-scripts\" ").count());
            assert!(page.ends_with("</body></html>"));
        }
    }
}
