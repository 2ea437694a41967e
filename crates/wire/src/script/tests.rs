use super::*;
use crumb_domain::click::Disposition;
use proptest::prelude::*;

fn request_id(text: &str) -> RequestId {
    text.parse().unwrap()
}

#[test]
fn js_ashx_adds_a_validator_per_field_and_a_prepop_per_kept_value() {
    let validators = [
        Validator { id: FieldId(7), name: "zip_code".into(), groups: vec![], required_message: None },
        Validator {
            id: FieldId(8),
            name: "home_phone".into(),
            groups: vec!["home_area".into(), "home_prefix".into()],
            required_message: Some("Phone is required.".into()),
        },
    ];
    let prepop = [
        Prepop { name: "first_name".into(), value: "Zoë \"Z\" </script>".into(), groups: vec![] },
        Prepop {
            name: "home_phone".into(),
            value: "5551234567".into(),
            groups: vec!["home_area".into(), "home_prefix".into()],
        },
    ];
    assert_eq!(
        js_ashx(&validators, &prepop),
        r#"CKM.add_validator(7,"zip_code",null,null);
CKM.add_validator(8,"home_phone",["home_area","home_prefix"],"Phone is required.");
CKM.prepop_field("first_name","Zo\u00eb \"Z\" \u003c/script>",null);
CKM.prepop_field("home_phone","5551234567",["home_area","home_prefix"]);
"#
    );
    assert_eq!(js_ashx(&[], &[]), "");
}

#[test]
fn a_click_pixel_says_the_request_id_on_a_line_of_its_own_and_fills_the_form() {
    let script = click_pixel(Ok(request_id("9007199254740991")));
    assert_eq!(script.lines().next(), Some("var ckm_request_id = 9007199254740991;"));
    insta::assert_snapshot!(script);
}

#[test]
fn a_click_pixel_without_a_session_says_0_and_names_the_disposition_in_a_comment() {
    assert_eq!(
        click_pixel(Err(Disposition::OfferOverClickCap)),
        "var ckm_request_id = 0;\n// Offer Over Click Cap\n"
    );
}

#[test]
fn the_scripts_keep_to_ecmascript_5() {
    for script in [D_JS, DIRECT_LINK_JS, CONVERSION_JS] {
        for line in script.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for newer in ["=>", "`", "let ", "const ", "class ", "...", "async ", "await ", "?.", "??"] {
                let found = line.trim_start().starts_with(newer) || line.contains(&format!(" {newer}"));
                assert!(!found, "{newer} in {line}");
            }
        }
        assert!(script.is_ascii(), "pages may be in any encoding");
    }
}

#[test]
fn the_form_library_sends_its_token_in_the_parameter_that_is_read() {
    assert!(D_JS.contains(&format!("\"{IDEMPOTENCY_PARAMETER}\"")));
}

proptest! {
    #[test]
    fn no_kept_value_breaks_out_of_js_ashx(name in any::<String>(), value in any::<String>()) {
        let script = js_ashx(&[], &[Prepop { name: name.clone(), value: value.clone(), groups: vec![] }]);
        prop_assert!(script.is_ascii() && !script.contains('<'), "{}", script);
        let inner = script.strip_prefix("CKM.prepop_field(").and_then(|rest| rest.strip_suffix(");\n")).unwrap();
        let read: serde_json::Value = serde_json::from_str(&format!("[{inner}]")).unwrap();
        prop_assert_eq!(read, serde_json::json!([name, value, null]));
    }
}
