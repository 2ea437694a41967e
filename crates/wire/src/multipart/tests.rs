use super::*;
use crate::input::{InputError, MAX_PAIRS};
use proptest::prelude::*;

const CONTENT_TYPE: &str = "multipart/form-data; boundary=XX";

fn parse_as(content_type: &str, body: impl AsRef<[u8]>) -> Result<Vec<(String, String)>, BodyError> {
    let mut pairs = Pairs::default();
    read_multipart(content_type, body.as_ref(), &mut pairs, &mut PairCount::default())?;
    Ok(pairs.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn parse(body: impl AsRef<[u8]>) -> Result<Vec<(String, String)>, BodyError> {
    parse_as(CONTENT_TYPE, body)
}

fn part(disposition: &str, value: &str) -> String {
    format!("--XX\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// What is read of a body of one part with that disposition.
fn named(disposition: &str) -> Vec<(String, String)> {
    parse(format!("{}--XX--\r\n", part(disposition, "1"))).unwrap()
}

#[test]
fn parts_are_values_as_sent() {
    let body = format!("{}{}--XX--\r\n", part("name=\"First\"", "a+b%20\r\nc"), part("name=b", ""));
    assert_eq!(parse(body), Ok(vec![pair("first", "a+b%20\r\nc"), pair("b", "")]));
}

#[test]
fn files_are_ignored() {
    let file = part("name=\"b\"; filename=\"b.txt\"", "text");
    let body = format!("{}{file}{}--XX--", part("name=\"a\"", "1"), part("name=\"c\"", "3"));
    assert_eq!(parse(body), Ok(vec![pair("a", "1"), pair("c", "3")]));
    for file in [
        "name=b; filename=\"\"",
        "filename=\"C:\\dir\\b.txt\"; name=b",
        "name=b; filename*=UTF-8''b.txt",
        "name=b;FileName=x",
    ] {
        assert_eq!(named(file), [], "{file}");
    }
}

#[test]
fn a_part_without_a_name_is_ignored_and_of_two_of_one_name_the_first_stands() {
    let bare = "--XX\r\nContent-Type: text/plain\r\n\r\n0\r\n--XX\r\n\r\n0\r\n";
    let body = format!(
        "{bare}{}{}{}{}--XX--",
        part("x=y", "0"),
        part("name=\"\"", "0"),
        part("name=a", "1"),
        part("name=\"A\"", "2")
    );
    assert_eq!(parse(body), Ok(vec![pair("a", "1")]));
}

#[test]
fn a_name_is_a_token_or_quoted_with_escapes() {
    for (disposition, name) in [
        ("name=zip", "zip"),
        ("NAME = \"zip\" ", "zip"),
        ("name=\"a; name=b\"", "a; name=b"),
        ("name=\"say \\\"hi\\\" \\\\ there\"", "say \"hi\" \\ there"),
        ("name=\"a\\b\"", "a\\b"),
        ("name=\"left open", "left open"),
        ("x=\"y\"; name=zip; z", "zip"),
        ("\r\n name=\"zip\"", "zip"),
    ] {
        assert_eq!(named(disposition), [pair(name, "1")], "{disposition}");
    }
}

#[test]
fn a_character_set_in_the_type_or_in_a_part_changes_nothing() {
    let typed = "--XX\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Disposition: form-data; \
                 name=a\r\n\r\ncaf\u{e9}\r\n--XX--";
    for content_type in
        ["multipart/form-data; charset=utf-16; boundary=XX", "Multipart/Form-Data;BOUNDARY=XX;charset=x"]
    {
        assert_eq!(parse_as(content_type, typed), Ok(vec![pair("a", "caf\u{e9}")]), "{content_type}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_read_as_windows_1252() {
    let body = b"--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ncaf\xE9\r\n--XX--";
    assert_eq!(parse(body), Ok(vec![pair("a", "caf\u{e9}")]));
}

#[test]
fn a_boundary_may_stand_in_quotes() {
    let body = "--a =b;c\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--a =b;c--\r\n";
    assert_eq!(parse_as("multipart/form-data; boundary=\"a =b;c\"", body), Ok(vec![pair("a", "1")]));
}

#[test]
fn what_is_before_the_first_boundary_and_behind_the_last_is_ignored() {
    let inside = format!("{}{}--XX--", part("name=a", "1"), part("name=b", "2"));
    let late = part("name=c", "3");
    for whole in [
        format!("This is a message with XX parts.\r\n{inside}\r\n{late}"),
        format!("\r\n{inside} and more {late}"),
        format!("in a line {late}{inside}"),
    ] {
        assert_eq!(parse(&whole), Ok(vec![pair("a", "1"), pair("b", "2")]), "{whole}");
    }
}

#[test]
fn a_boundary_divides_where_it_is_a_whole_line_alone() {
    let value = "1\r\n--XXY\r\n a --XX\r\n--X";
    let body = format!("{}--XX \t\r\n{}--XX--", part("name=a", value), &part("name=b", "2")[6..]);
    assert_eq!(parse(body), Ok(vec![pair("a", value), pair("b", "2")]));
}

#[test]
fn lines_may_end_without_a_carriage_return() {
    let body = format!("{}{}--XX--\r\n", part("name=a", "1"), part("name=\"b\"", "2\r\n3"));
    assert_eq!(parse(body.replace("\r\n", "\n")), Ok(vec![pair("a", "1"), pair("b", "2\n3")]));
}

#[test]
fn a_missing_last_boundary_costs_no_value() {
    let whole = part("name=a", "1");
    for (rest, read) in [("", vec![]), ("--XX", vec![]), ("--XX-", vec![]), ("--XX\r\nContent-Disp", vec![])]
    {
        assert_eq!(parse(format!("{whole}{rest}")), Ok([vec![pair("a", "1")], read].concat()), "{rest}");
    }
    let half = format!("{whole}--XX\r\nContent-Disposition: form-data; name=b\r\n\r\n2");
    assert_eq!(parse(half), Ok(vec![pair("a", "1"), pair("b", "2")]));
    let without_value = "--XX\r\nContent-Disposition: form-data; name=b\r\n\r\n--XX--";
    assert_eq!(parse(format!("{whole}{without_value}")), Ok(vec![pair("a", "1"), pair("b", "")]));
}

#[test]
fn what_has_no_boundary_is_malformed() {
    let body = part("name=a", "1");
    for content_type in
        ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=Y"]
    {
        assert_eq!(parse_as(content_type, &body), Err(BodyError::Malformed), "{content_type}");
        assert_eq!(parse_as(content_type, " \r\n"), Ok(vec![]), "an empty body has no parts");
    }
    assert_eq!(parse("a=1&b=2"), Err(BodyError::Malformed));
    assert_eq!(parse("--XX--"), Ok(vec![]), "an empty form");
}

#[test]
fn five_hundred_parts_are_read_and_one_more_is_too_many() {
    let many = |parts| format!("{}--XX--", part("name=a; filename=f", "1").repeat(parts));
    assert_eq!(parse(many(MAX_PAIRS)), Ok(vec![]));
    assert_eq!(parse(many(MAX_PAIRS + 1)), Err(BodyError::Input(InputError::TooManyPairs)));
}

proptest! {
    #[test]
    fn any_cut_of_a_body_is_read(cut in 4_usize..200) {
        let body = format!("{}{}--XX--\r\n", part("name=\"a\"", "1"), part("name=\"b\"", "2"));
        prop_assert!(parse(body.as_bytes().get(..cut).unwrap_or(body.as_bytes())).is_ok());
    }

    #[test]
    fn any_bytes_after_a_boundary_are_read(rest in "[-X\r\n :;=\"a-z]{0,120}") {
        let body = format!("--XX\r\n{rest}");
        prop_assert!(parse(body).is_ok());
    }

    #[test]
    fn any_value_comes_back_as_it_was(
        name in "[a-z\"\\\\; =]{1,12}",
        value in prop_oneof![any::<String>(), "[-X\r\n :;=\"a]{0,20}"],
    ) {
        prop_assume!(!value.contains("--XX"));
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        let body = format!("{}{}--XX--", part(&format!("name=\"{quoted}\""), &value), part("name=2nd", "1"));
        prop_assert_eq!(parse(body), Ok(vec![pair(&name, &value), pair("2nd", "1")]));
    }
}

#[test]
fn a_boundary_is_as_long_as_the_standard_allows() {
    let of = |length: usize| boundary_of(&format!("multipart/form-data; boundary={}", "b".repeat(length)));
    assert_eq!(of(70).map(|boundary| boundary.len()), Some(70));
    assert_eq!(of(71), None);
    assert_eq!(of(0), None);
}
