//! Reading a file's text.

use super::{EXAMPLE, example, printed};
use crate::{FileFormat, parse, to_json, to_toml};
use std::path::Path;

fn faults(text: &str) -> Vec<String> {
    printed(&parse(text, FileFormat::Toml).unwrap_err())
}

#[test]
fn toml_and_json_are_one_structure_and_the_ending_tells_which() {
    assert_eq!(FileFormat::of(Path::new("a/network.toml")), FileFormat::Toml);
    assert_eq!(FileFormat::of(Path::new("a/network.JSON")), FileFormat::Json);
    let json = to_json(&example());
    assert_eq!(parse(&json, FileFormat::Json).unwrap(), example());
}

#[test]
fn what_is_written_as_toml_is_read_back() {
    assert_eq!(parse(&to_toml(&example()), FileFormat::Toml).unwrap(), example());
}

#[test]
fn every_key_of_the_documentation_is_known() {
    assert!(parse(EXAMPLE, FileFormat::Toml).is_ok());
}

#[test]
fn every_key_that_is_known_is_in_the_documentation() {
    fn keys(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(members) => members.iter().for_each(|(key, value)| {
                found.push(key.clone());
                keys(value, found);
            }),
            serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    keys(&serde_json::to_value(example()).unwrap(), &mut found);
    assert!(found.len() > 100, "{found:?}");
    let is_written = |key: &String| ["", "\""].iter().any(|end| EXAMPLE.contains(&format!("{key}{end} = ")));
    let is_table = |key: &String| EXAMPLE.contains(&format!("{key}]"));
    let missing: Vec<_> = found.iter().filter(|key| !is_written(key) && !is_table(key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn an_unknown_key_is_refused_at_its_own_place() {
    assert_eq!(
        faults("[[campaign]]\nid=1\naffiliate=2\noffer=3\npayuot=\"1\""),
        ["campaign[0].payuot: unknown key"]
    );
    assert_eq!(faults("[[campain]]\nid=1"), ["campain: unknown key"]);
    assert_eq!(faults("[network]\nname=\"x\"\ncurency=\"USD\""), ["network.curency: unknown key"]);
    let nested = "[[offer]]\nid=1\nname=\"x\"\nvertical=1\ntype=\"hosted\"\n[[offer.creative]]\nid=1\nname=\"x\"\nlnk=\"\"";
    assert_eq!(faults(nested), ["offer[0].creative[0].lnk: unknown key"]);
    let credit = "[[buyer]]\nid=1\nname=\"x\"\ncredit={type=\"prepaid\",ballance=\"1\"}";
    assert_eq!(faults(credit), ["buyer[0].credit.ballance: unknown key"]);
    let router = "[[vertical]]\nid=1\nname=\"x\"\nrouter={of=true}";
    assert_eq!(faults(router), ["vertical[0].router.of: unknown key"]);
}

#[test]
fn a_price_that_is_no_decimal_is_named_at_its_place() {
    let campaign =
        |payout: &str| faults(&format!("[[campaign]]\nid=1\naffiliate=2\noffer=3\npayout={payout}"));
    assert_eq!(
        campaign("\"12,00\""),
        ["campaign[0].payout: invalid value: string \"12,00\", expected a decimal string like \"12.00\""]
    );
    assert_eq!(campaign("\"1e3\"").len(), 1);
    assert_eq!(campaign("12.5").len(), 1, "a number is no decimal string");
    assert_eq!(campaign("12").len(), 1);
}

#[test]
fn what_is_no_number_is_refused_at_its_place() {
    let campaign = |more: &str| faults(&format!("[[campaign]]\nid=1\naffiliate=2\noffer=3\n{more}"));
    for wrong in ["nan", "+nan", "inf", "-inf"] {
        assert_eq!(campaign(&format!("payout={wrong}")), ["campaign[0].payout: is no number"], "{wrong}");
    }
    assert_eq!(
        campaign("caps=[{of=\"click\",interval=\"day\",limit=nan}]"),
        ["campaign[0].caps[0].limit: is no number"]
    );
}

#[test]
fn a_number_beyond_all_ids_is_refused_at_its_place() {
    let text = "[[advertiser]]\nid=99999999999999999999\nname=\"x\"";
    let fault = "advertiser[0].id: invalid type: floating point 1e+20, expected a whole number";
    assert_eq!(faults(text), [fault]);
    for id in ["99999999999999999999", "18446744073709551615"] {
        let json = format!("{{\"advertiser\":[{{\"id\":{id},\"name\":\"x\"}}]}}");
        let faults = printed(&parse(&json, FileFormat::Json).unwrap_err());
        assert!(faults[0].starts_with("advertiser[0].id: invalid type: floating point"), "{faults:?}");
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_said_in_the_files_own_words() {
    assert_eq!(
        faults("[[advertiser]]\nid=\"1\"\nname=\"x\""),
        ["advertiser[0].id: invalid type: string \"1\", expected a whole number"]
    );
    assert_eq!(faults("advertiser=[5]"), ["advertiser[0]: invalid type: integer 5, expected a table"]);
    let caps = "[[campaign]]\nid=1\naffiliate=2\noffer=3\ncaps=";
    assert_eq!(faults(&format!("{caps}1")), ["campaign[0].caps: invalid type: integer 1, expected a list"]);
    assert_eq!(
        faults(&format!("{caps}[{{of=\"click\",interval=\"day\",limit=-1}}]")),
        ["campaign[0].caps[0].limit: invalid value: integer -1, expected a whole number, not negative"]
    );
}

#[test]
fn a_secret_in_the_wrong_form_is_not_repeated() {
    let fault = "is not in the expected form; it is not shown, because it is a secret";
    let key = "[[campaign]]\nid=1\naffiliate=2\noffer=3\nkey=70412";
    assert_eq!(faults(key), [format!("campaign[0].key: {fault}")]);
    let contract = |post: &str| {
        faults(&format!(
            "[[contract]]\nid=1\nbuyer=1\nvertical=1\nname=\"x\"\nschedule=[]\n[contract.post]\nmethod=\"post\"\n{post}"
        ))
    };
    assert_eq!(contract("headers={X=70412}"), [format!("contract[0].post.headers.X: {fault}")]);
    assert_eq!(contract("auth={bearer=70412}"), [format!("contract[0].post.auth.bearer: {fault}")]);
}

#[test]
fn an_empty_text_and_an_id_of_0_are_none_where_a_key_may_be_left_out() {
    let head = |kind: &str, more: &str| format!("[[{kind}]]\nid=1\n{more}\n");
    let files = |none: &[&str], head: &str, end: &str| {
        let with = format!("{head}{}\n{end}", none.join("\n"));
        let without = format!("{head}{end}");
        let [with, without] = [with, without].map(|text| parse(&text, FileFormat::Toml));
        assert_eq!(with, without);
        assert!(without.is_ok(), "{without:?}");
    };
    files(
        &["tracking_url=\"\"", "global_redirect=\"\"", "internal_affiliate=0"],
        "[network]\nname=\"x\"\n",
        "",
    );
    let offer = head("offer", "name=\"x\"\nvertical=1\ntype=\"hosted\"");
    files(
        &["link=\"\"", "advertiser=0", "duplicate_scope=\"\"", "payout_percent=\"\"", "redirect_offer=0"],
        &offer,
        "",
    );
    let contract = format!("{offer}[[offer.contract]]\nid=2\n");
    files(&["payout=\"\"", "received=\"\"", "price_format=\"\"", "redirect_offer=0"], &contract, "");
    let campaign = head("campaign", "affiliate=1\noffer=1");
    files(
        &["key=\"\"", "payout=\"\"", "offer_contract=0", "price_format=\"\"", "expires_at=\"\""],
        &campaign,
        "",
    );
    let field =
        format!("{}[[vertical.field]]\nname=\"a\"\ntype=\"string\"\n", head("vertical", "name=\"x\""));
    files(&["label=\"\"", "minimum=\"\"", "maximum=\"\"", "pattern=\"\"", "error_text=\"\""], &field, "");
    let contract = head("contract", "buyer=1\nvertical=1\nname=\"x\"\nschedule=[]");
    let post = "[contract.post]\nmethod=\"post\"\nurl=\"https://b.example/\"\naccepted=[\"status:200\"]";
    files(
        &["offer=0", "maximum_price=\"\"", "time_zone=\"\"", "unknown_is=\"\"", "thank_you_link=\"\""],
        &contract,
        post,
    );
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let text = "[[advertiser]]\r\nid=1\r\nname=\"x\"\r\n";
    let json = "{\"advertiser\":[{\"id\":1,\"name\":\"x\"}]}";
    for (text, format) in [(text, FileFormat::Toml), (json, FileFormat::Json)] {
        assert_eq!(parse(&format!("\u{feff}{text}"), format), parse(text, format));
        assert!(parse(text, format).is_ok());
    }
}

#[test]
fn a_required_key_that_is_missing_is_named() {
    assert_eq!(faults("[[campaign]]\nid=1\naffiliate=2"), ["campaign[0].offer: required"]);
    assert_eq!(faults("[[offer]]\nid=1\nname=\"x\"\nvertical=1"), ["offer[0].type: required"]);
    assert_eq!(
        faults("[[vertical]]\nid=1\nname=\"x\"\n[[vertical.field]]\nname=\"a\""),
        ["vertical[0].field[0].type: required"]
    );
    assert_eq!(faults("[[affiliate]]\nname=\"x\""), ["affiliate[0].id: required"]);
}

#[test]
fn places_are_counted_from_0_and_each_entity_is_read() {
    let text = "[[affiliate]]\nid=1\nname=\"x\"\n[[affiliate]]\nid=2\n[[affiliate]]\nname=\"y\"";
    assert_eq!(faults(text), ["affiliate[1].name: required", "affiliate[2].id: required"]);
}

#[test]
fn a_value_that_is_none_of_the_known_ones_is_refused_with_those() {
    assert_eq!(
        faults("[[affiliate]]\nid=1\nname=\"x\"\nstatus=\"on\""),
        ["affiliate[0].status: unknown value \"on\", expected one of \"active\", \"inactive\", \"pending\""]
    );
    assert_eq!(
        faults("[[blacklist]]\naffiliate=1\nredirect=\"home\""),
        ["blacklist[0].redirect: a redirect is \"global\", \"offer\" or \"404\""]
    );
    assert_eq!(
        faults("[[buyer]]\nid=1\nname=\"x\"\ncredit={type=\"unlimited\",limit=\"1\"}"),
        ["buyer[0].credit: unlimited credit has no balance and no limit"]
    );
}

#[test]
fn text_that_is_no_toml_or_json_is_refused_with_its_line() {
    let message = &faults("[network]\nname = \"x\nb = 1")[0];
    assert!(message.starts_with("not valid TOML: ") && message.contains(" at line 2 column "), "{message}");
    let errors = parse("{\"network\": ", FileFormat::Json).unwrap_err();
    assert!(errors[0].to_string().starts_with("not valid JSON: "), "{errors:?}");
    let errors = parse(r#"{"campaign": [], "campaign": []}"#, FileFormat::Json).unwrap_err();
    assert!(errors[0].to_string().contains("duplicate key `campaign`"), "{errors:?}");
    assert_eq!(printed(&parse("[]", FileFormat::Json).unwrap_err()), ["a network file is one table"]);
    assert_eq!(faults("campaign = 1"), ["campaign: must be a list of tables: [[campaign]]"]);
}

#[test]
fn a_list_is_no_table() {
    let not_a_table = |place: &str| [format!("{place}: invalid type: sequence, expected a table")];
    assert_eq!(faults("network = [\"Example\"]"), not_a_table("network"));
    assert_eq!(faults("[[network]]\nname = \"Example\""), not_a_table("network"));
    assert_eq!(faults("affiliate = [[14, \"Listed\"]]"), not_a_table("affiliate[0]"));
    let listed = "[[vertical]]\nid = 1\nname = \"V\"\nrouter = [true]";
    assert_eq!(faults(listed), not_a_table("vertical[0].router"));
    let listed = "[[campaign]]\nid = 1\naffiliate = 1\noffer = 1\ncaps = [[\"click\", \"day\", 5]]";
    assert_eq!(faults(listed), not_a_table("campaign[0].caps[0]"));
}

#[test]
fn a_toml_date_is_as_good_as_its_text() {
    let text = EXAMPLE.replace("\"2030-01-01T00:00:00Z\"", "2030-01-01T00:00:00Z");
    assert_eq!(parse(&text, FileFormat::Toml).unwrap(), example());
}

#[test]
fn params_may_be_a_table_or_pairs_that_repeat_a_name() {
    let contract = &example().contract[0];
    assert_eq!(contract.post.params.len(), 3);
    let pairs = &contract.ping.as_ref().unwrap().params;
    assert_eq!(pairs, &[("zip".to_owned(), "#zip_code#".to_owned()), ("zip".to_owned(), "again".to_owned())]);
}

#[test]
fn a_404_may_be_written_as_a_number() {
    let number = parse("[[blacklist]]\naffiliate=1\nredirect=404", FileFormat::Toml).unwrap();
    let text = parse("[[blacklist]]\naffiliate=1\nredirect=\"404\"", FileFormat::Toml).unwrap();
    assert_eq!(number, text);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_fail(text in "\\PC{0,200}") {
        let _ = parse(&text, FileFormat::Toml);
        let _ = parse(&text, FileFormat::Json);
    }
}
